"""The account statement as one PDF, with its exhibits behind it."""

from __future__ import annotations

from collections.abc import Sequence

from activities.paper.exhibits import Exhibit
from activities.paper.rendering import PdfRenderer
from activities.paper.statement import statement_html
from domain.letters.letter import AccountFacts

STATEMENT_TIMEOUT_S = 60.0
BIND_TIMEOUT_S = 20.0


def bound_statement(facts: AccountFacts, exhibits: Sequence[Exhibit], renderer: PdfRenderer) -> bytes:
    """The statement with its exhibits behind it. Raises RenderingFailed and PdfUnavailable."""
    pdf = renderer.render(statement_html(facts, exhibits), timeout=STATEMENT_TIMEOUT_S)
    bound = {exhibit.anchor: exhibit.pdf for exhibit in exhibits if exhibit.pdf is not None}
    return renderer.bind(pdf, bound, timeout=BIND_TIMEOUT_S) if bound else pdf
