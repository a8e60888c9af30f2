"""Call sheets and referral packs say what is committed, to colleagues and partners, and nothing acts in them."""

import io
import re
from collections.abc import Iterator
from email import message_from_bytes
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import select

from activities.call_sheet import CallSheet, call_sheet_html, read_call_sheet
from activities.paper.rendering import PdfRenderer
from activities.referral_pack import read_referral_pack, referral_pack_pdf
from domain.vocabulary import Step
from store import outbox
from store.schema import CaseRow
from tests.activities.conftest import ANN, Office, Post

HOSTILE = "<script>alert(1)</script>{{7*7}}"


@pytest.fixture(scope="module")
def renderer() -> Iterator[PdfRenderer]:
    with PdfRenderer() as renderer:
        yield renderer


def text_of(pdf: bytes) -> str:
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages))


@pytest.fixture
def owing(office: Office) -> Office:
    """A customer with two invoices, a dispute, a promise, a hold, a call, a part payment and a message."""
    office.open(customer={"contacts": [{**ANN, "phone": "+12025550123"}], "relationship_notes": HOSTILE})
    office.open("INV-2", invoice={"due_on": "2026-11-02", "issued_on": "2026-10-01"})
    office.contact()
    office.pay("INV-1", "250.00")
    office.tell("INV-1", "dispute_raised", dispute_id="D-1", reason="quality", amount="100.00", note=HOSTILE)
    office.tell(
        "INV-2", "promise_made", promise_id="PR-1", amount="500.00", pay_by=office.on(7), source="phone"
    )
    office.tell("INV-2", "hold_placed", hold_id="H-1", reason="insolvency")
    assert office.ask("INV-1", "log_call", outcome="no_answer", note=HOSTILE).refused_by is None
    return office


def rows_of(session: Any, *ids: str) -> list[CaseRow]:
    return [session.get_one(CaseRow, each) for each in ids]


def sheet_of(office: Office, *ids: str) -> CallSheet:
    with office.sessions() as session:
        return read_call_sheet(session, rows_of(session, *ids), office.rulebook, office.now)


def test_the_sheet_has_what_a_caller_needs(owing: Office, renderer: PdfRenderer) -> None:
    text = text_of(renderer.render(call_sheet_html(sheet_of(owing, "INV-1", "INV-2")), timeout=60))
    for part in (
        "Call sheet: Acme Ltd", "Lindenmoor Studio, as of December 7, 2026", "Ann Payne", "+12025550123",
        "Sam Reed", "10:00 when this was printed", "What is owed: $2,250.00", "INV-2 Nov 2, 2026 35 $1,250.00",
        "promised $500.00", "disputed $100.00", "Do not ask for money on INV-2: insolvency",
        "this is … from Lindenmoor Studio", "You told us that you disagree with a part",
        "about invoice INV-1, $900.00 in all",
        "A promise to pay all or a part by Monday, December 21, 2026", "put off once",
        "Instalments: up to 6, the last within 180 days, the first at least 10 % of the whole",
        "by Dec 14, 2026 $500.00 INV-2: open", "no answer, lee", "nothing known", "delivered",
    ):  # fmt: skip
        assert part in text, part
    assert "{{7*7}}" in text
    assert "7 calls in 7 days" not in text


def test_stored_fields_stay_text_on_the_sheet(owing: Office) -> None:
    html = call_sheet_html(sheet_of(owing, "INV-1"))
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_nothing_is_asked_for_that_is_held_or_promised(owing: Office) -> None:
    html = call_sheet_html(sheet_of(owing, "INV-2"))
    assert "There is nothing to ask for at present" in html
    assert "I am calling about" not in html


def test_a_person_is_called_within_limits(office: Office) -> None:
    office.open(customer={"kind": "person"})
    assert "at most 7 calls in 7 days" in call_sheet_html(sheet_of(office, "INV-1"))


def test_the_pack_holds_messages_and_the_statement_behind_it(owing: Office, renderer: PdfRenderer) -> None:
    with owing.sessions() as session:
        pack = read_referral_pack(session, rows_of(session, "INV-1"), owing.rulebook, owing.now)
    pdf = referral_pack_pdf(pack, None, renderer)
    text = text_of(pdf)
    (sent,) = [message for message in owing.messages() if message.state == "SENT"]
    assert sent.payload_sha256 is not None
    for part in (
        "Referral: Acme Ltd", "Lindenmoor Studio LLC", "Harrowgate Receivables", "The claim: $1,000.00",
        sent.message_id, sent.payload_sha256.hex()[:40], "ann@acme.example", "Account statement", "Payment received",
    ):  # fmt: skip
        assert part in text, part
    marks = [str(mark["/Title"]) for mark in PdfReader(io.BytesIO(pdf)).outline if not isinstance(mark, list)]
    assert marks == ["Referral: Acme Ltd", "Account statement"]
    assert referral_pack_pdf(pack, None, renderer) == pdf


def test_the_account_manager_gets_the_sheet_with_the_alert(
    office: Office, post: Post, renderer: PdfRenderer
) -> None:
    office.renderer = renderer  # type: ignore[assignment]
    office.use(office.rulebook)
    office.open(
        invoice={"due_on": "2026-11-16", "issued_on": "2026-10-16"},
        history=[{"step": step, "sent_on": "2026-11-30"} for step in ("overdue", "overdue_2", "call")],
    )
    office.live()
    (alert,) = [mail for mail in post.mails if mail["X-Duecourse-Items"] is None]
    (sheet,) = [part for part in alert.walk() if part.get_content_type() == "application/pdf"]
    assert sheet.get_filename() == "call-sheet-2026-12-07.pdf"
    assert "Call sheet: Acme Ltd" in text_of(sheet.get_payload(decode=True))


def test_the_pack_is_kept_with_the_referral_and_not_sent(
    office: Office, post: Post, renderer: PdfRenderer
) -> None:
    office.renderer = renderer  # type: ignore[assignment]
    office.use(office.rulebook)
    office.open(
        invoice={"due_on": "2026-09-07", "issued_on": "2026-08-07"},
        history=[
            {"step": step, "sent_on": "2026-10-30"}
            for step in ("overdue", "overdue_2", "credit_hold", "demand")
        ],
    )
    assert office.ask("INV-1", "run_step", step="referral").refused_by is None
    office.contact()
    mail = message_from_bytes(post.taken[-1][1])
    assert mail["X-Duecourse-Items"].startswith("INV-1=referral/")
    sent = [part.get_filename() for part in mail.walk() if part.get_content_type() == "application/pdf"]
    assert sent == ["statement-2026-12-07.pdf"]
    with office.sessions() as session:
        row = session.scalars(select(CaseRow)).one()
        message = next(each for each in office.messages() if each.step == Step.REFERRAL)
        names = {paper.name for paper in outbox.documents_of(session, message.message_id)}
    assert row.invoice_id == "INV-1"
    assert "referral-pack-2026-12-07.pdf" in names
