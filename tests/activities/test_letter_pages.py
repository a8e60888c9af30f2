"""Letters on paper: the address shows in the envelope's window, and nothing else does; every language prints whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from pypdf import PageObject, PdfReader

from activities.paper.letters import letter_pdf
from activities.paper.rendering import PdfRenderer
from activities.paper.statement import statement_html
from activities.writing.mail import Attachment
from activities.writing.words import write_notice
from domain.envelope import DIN_5008_B, UK_DL, US_10, Envelope
from domain.letters.letter import NoticeFacts
from domain.vocabulary import Channel, Note, Step, Tone
from tests.letters import invoice, notice, plan, seller

#: Where each seller posts, the envelope that lies there, and the size of its paper in points.
ENVELOPES = [("US", US_10, (612, 792)), ("GB", UK_DL, (595, 842)), ("DE", DIN_5008_B, (595, 842))]
#: What the envelopes' windows show of the sheet at most, in millimetres: left, top, right, bottom.
SHOWN = {"US": (22.2, 60.3, 136.5, 92.2), "GB": (20.0, 52.0, 110.0, 92.0), "DE": (20.0, 45.0, 110.0, 95.0)}
WINDOW = ("Acme Manufacturing Ltd", "Ann Payne", "1 Main Street, Suite 400", "New York, NY 10001")


@pytest.fixture(scope="module")
def renderer() -> Iterator[PdfRenderer]:
    with PdfRenderer() as renderer:
        yield renderer


def letter(home: str = "US", window: tuple[str, ...] = WINDOW, **more: Any) -> NoticeFacts:
    ours = seller()
    ours = ours.model_copy(update={"address": ours.address.model_copy(update={"country": home})})
    facts = notice(Step.OVERDUE, items=[invoice()], **more)
    return NoticeFacts.model_validate({**dict(facts), "channel": "letter", "window": window, "seller": ours})


def printed(facts: NoticeFacts, renderer: PdfRenderer) -> PdfReader:
    statement = renderer.render(statement_html(facts), timeout=60)
    enclosed = [Attachment("statement-2026-12-08.pdf", "application/pdf", statement)]
    return PdfReader(BytesIO(letter_pdf(write_notice(facts), enclosed, renderer)))


def placed(page: PageObject) -> list[tuple[str, float, float]]:
    """Every piece of text with its place in millimetres from the upper left corner."""
    found: list[tuple[str, float, float]] = []
    height = float(page.mediabox.height)

    def visit(text: str, cm: Any, tm: Any, *_: Any) -> None:
        if text.strip():
            x, y = tm[4] * cm[0] + tm[5] * cm[2] + cm[4], tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
            found.append((text.replace("\0", "").strip(), x / 72 * 25.4, (height - y) / 72 * 25.4))

    page.extract_text(visitor_text=visit)
    return found


@pytest.mark.parametrize(("home", "envelope", "size"), ENVELOPES)
def test_the_window_shows_the_return_line_and_the_address_and_nothing_else(
    renderer: PdfRenderer, home: str, envelope: Envelope, size: tuple[int, int]
) -> None:
    page = printed(letter(home), renderer).pages[0]
    assert tuple(round(float(side)) for side in page.mediabox[2:]) == size
    left, top, right, bottom = SHOWN[home]
    seen = sorted((y, text) for text, x, y in placed(page) if left < x < right and top < y < bottom)
    text = " ".join(part for _, part in seen)
    assert text.startswith("Lindenmoor Studio LLC")
    for line in WINDOW:
        assert line in text
    assert text.endswith(WINDOW[-1] if home == "US" else "UNITED STATES"), "abroad the country stands last"
    inside = [
        (x, y) for part, x, y in placed(page) if part in WINDOW or part in ("Lindenmoor", "UNITED STATES")
    ]
    assert inside
    assert all(
        envelope.left <= x + 0.1 and envelope.top < y <= envelope.top + envelope.height for x, y in inside
    )


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "pt"])
@pytest.mark.parametrize("step", [Step.OVERDUE, Step.CREDIT_HOLD, Step.DEMAND])
def test_a_letter_says_what_the_mail_says(renderer: PdfRenderer, language: str, step: Step) -> None:
    more: dict[str, Any] = {"tone": Tone.FORMAL} if step is not Step.OVERDUE else {}
    facts = notice(step, items=[invoice(days=50)], language=language, locale=language, **more)
    by_mail = write_notice(facts)
    by_letter = write_notice(facts.model_copy(update={"channel": Channel.LETTER, "window": WINDOW}))
    assert (by_letter.subject, by_letter.text) == (by_mail.subject, by_mail.text)
    reader = PdfReader(BytesIO(letter_pdf(by_letter, [], renderer)))
    said = re.sub(r"\s+", "", "".join(page.extract_text() for page in reader.pages))
    for paragraph in by_mail.text.split("\n\n"):
        if not re.search(r"[-:]{3}|  ", paragraph):  # tables and ruled titles are laid out in their own way
            assert re.sub(r"\s+", "", paragraph)[:60] in said, paragraph


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "pt"])
def test_a_letter_offers_what_the_mail_offers_and_encloses_no_calendar(
    renderer: PdfRenderer, language: str
) -> None:
    def both(step: Step | Note) -> tuple[str, str]:
        facts = notice(step, items=[invoice(days=9)], language=language, locale=language, plan=plan())
        by_letter = write_notice(facts.model_copy(update={"channel": Channel.LETTER, "window": WINDOW}))
        reader = PdfReader(BytesIO(letter_pdf(by_letter, [], renderer)))
        page = "".join(each.extract_text() for each in reader.pages)
        return re.sub(r"\s+", "", write_notice(facts).text), re.sub(r"\s+", "", page)

    for said in both(Step.OVERDUE):
        assert "2806600" in re.sub(r"\D", "", said), "the last instalment"
    mail, page = both(Note.PLAN_CONFIRMED)
    calendar = {"en": "calendar", "de": "Kalender", "fr": "agenda", "es": "agenda", "pt": "agenda"}[language]
    assert calendar in mail
    assert calendar not in page


def test_a_letter_names_who_else_is_to_read_it(renderer: PdfRenderer) -> None:
    def said(facts: NoticeFacts) -> str:
        return " ".join(" ".join(page.extract_text() for page in printed(facts, renderer).pages).split())

    named = said(letter(attention=("Bo <b>Chen</b>", "Zoë Smith")))
    assert "Also for the attention of: Bo <b>Chen</b>, Zoë Smith" in named
    assert "attention" not in said(letter())


def test_equal_letters_are_equal_bytes_with_a_bookmark_for_each_part(renderer: PdfRenderer) -> None:
    facts = letter()
    first, second = (letter_pdf(write_notice(facts), [], renderer) for _ in range(2))
    assert first == second
    reader = printed(facts, renderer)
    titles = [mark.title for mark in reader.outline if not isinstance(mark, list)]  # type: ignore[union-attr]
    assert titles == [write_notice(facts).subject, "statement-2026-12-08.pdf"]


@pytest.mark.parametrize(
    "line",
    ["</div><script>alert(1)</script>", "<img src=file:///etc/passwd>", "{{ 7*7 }}", "&lt;b&gt; &amp; ;;",
     "\u05d0\u05d1\u05d2 1", "W" * 32],
)  # fmt: skip
def test_hostile_lines_stay_text_inside_the_window(renderer: PdfRenderer, line: str) -> None:
    page = printed(letter("DE", ("Acme", line, "Main St", "Berlin")), renderer).pages[0]
    text = " ".join(part for part, _, _ in placed(page))
    assert re.sub(r"\s", "", line)[:6] in re.sub(r"\s", "", text) or not line.isascii()
    assert "root:" not in text
    assert "49" not in text.split("Berlin")[0]
    berlin = next((x, y) for part, x, y in placed(page) if "Berlin" in part)
    assert berlin[1] < DIN_5008_B.top + DIN_5008_B.height, "and push nothing out of it"


def test_ten_thousand_characters_leave_the_page_as_it_is(renderer: PdfRenderer) -> None:
    """The domain lets no such line through; the sheet would not break over one either."""
    facts = letter("DE").model_copy(update={"window": ("Acme", "x" * 10_000, "Berlin")})
    words = write_notice(facts)
    reader = PdfReader(BytesIO(letter_pdf(words, [], renderer)))
    plain = PdfReader(BytesIO(letter_pdf(write_notice(letter("DE")), [], renderer)))
    assert len(reader.pages) == len(plain.pages)
    below = [[(x, y) for part, x, y in placed(each.pages[0]) if "Dear" in part] for each in (reader, plain)]
    assert below[0] == below[1] != [], "what does not fit is cut off at the window's edge and moves nothing"
