"""A message as a letter: its page with the address in the envelope's window, and everything enclosed behind it."""

from __future__ import annotations

from collections.abc import Sequence

from activities.paper.rendering import PdfRenderer
from activities.writing.mail import Attachment
from activities.writing.words import Words

#: For the page, and for putting it together with what is enclosed.
LETTER_TIMEOUT_S = 30.0


def letter_pdf(words: Words, enclosed: Sequence[Attachment], renderer: PdfRenderer) -> bytes:
    """The letter as it is printed: equal words and papers give equal bytes. Raises RenderingFailed and
    PdfUnavailable."""
    page = renderer.render(words.html, timeout=LETTER_TIMEOUT_S)
    papers = {words.subject: page}
    papers |= {paper.name: paper.body for paper in enclosed if paper.media_type == "application/pdf"}
    return renderer.collect([*papers.items()], title=words.subject, timeout=LETTER_TIMEOUT_S)
