"""What the portal shows of a customer's messages: theirs, sent, newest first, and nothing of anybody else."""

import json
from datetime import timedelta

from sqlalchemy.orm import Session

from store import outbox
from store.correspondence import correspondence, paper
from tests.store.rows import NOON, add_case, item, message


def write(
    session: Session, message_id: str, invoice_id: str, *, days: int = 0, text: str = "x", **given: object
) -> None:
    """A message as far as SENT, with its words, a statement and a sheet for colleagues."""
    customer_id = str(given.pop("customer_id", "C-1"))
    channel = str(given.get("channel", "email"))
    about = item(invoice_id, step=message_id, channel=channel)
    outbox.reserve(session, message(message_id, customer_id, **given), [about])
    words = json.dumps({"subject": f"About {invoice_id}", "text": text, "html": "<p>"}).encode()
    outbox.attach(session, message_id, name=outbox.WORDS, media_type="application/json", body=words)
    for name, for_customer in (("statement.pdf", True), ("call-sheet.pdf", False)):
        outbox.attach(
            session,
            message_id,
            name=name,
            media_type="application/pdf",
            body=message_id.encode(),
            for_customer=for_customer,
        )
    outbox.freeze(session, message_id, payload=b"mail", subject=f"About {invoice_id}")
    outbox.claim(session, message_id, at=NOON)
    outbox.mark_sent(session, message_id, attempt=1, at=NOON + timedelta(days=days), provider_ref=None)


def test_the_newest_first_with_words_and_papers_for_the_customer_alone(session: Session) -> None:
    add_case(session, "INV-1")
    add_case(session, "INV-2", "C-2")
    write(session, "M-1", "INV-1", days=1, text="first")
    write(session, "M-2", "INV-1", days=2, text="second", channel="letter")
    write(session, "M-3", "INV-1", days=2, text="third", channel="portal")
    write(session, "M-4", "INV-1", days=3, step="am_alert")
    write(session, "M-5", "INV-1", days=3, channel="call")
    write(session, "M-6", "INV-1", days=3, seller="other")
    write(session, "M-7", "INV-2", days=3, customer_id="C-2")
    outbox.reserve(session, message("M-8"), [item(step="due")])

    told = correspondence(session, customer_id="C-1", seller="default")

    assert [(m.message_id, m.channel, m.subject, m.text) for m in told] == [
        ("M-3", "portal", "About INV-1", "third"),
        ("M-2", "letter", "About INV-1", "second"),
        ("M-1", "email", "About INV-1", "first"),
    ]
    assert [(m.sent_at, m.invoices) for m in told][-1] == (NOON + timedelta(days=1), ("INV-1",))
    assert [[(p.name, p.size) for p in m.papers] for m in told] == [[("statement.pdf", 3)]] * 3

    first = correspondence(session, customer_id="C-1", seller="default", limit=2)
    rest = correspondence(session, customer_id="C-1", seller="default", before=first[-1].message_id)
    assert [m.message_id for m in (*first, *rest)] == ["M-3", "M-2", "M-1"]
    assert correspondence(session, customer_id="C-1", seller="default", before="M-7") == []


def test_what_was_said_of_one_invoice(session: Session) -> None:
    for number in (1, 2):
        add_case(session, f"INV-{number}")
        write(session, f"M-{number}", f"INV-{number}", days=number)
    told = correspondence(session, customer_id="C-1", seller="default", about="INV-1")
    assert [m.message_id for m in told] == ["M-1"]
    assert correspondence(session, customer_id="C-2", seller="default", about="INV-1") == []


def test_a_paper_is_read_by_its_own_customer_and_seller_alone(session: Session) -> None:
    add_case(session, "INV-1")
    write(session, "M-1", "INV-1")
    ((statement,),) = (m.papers for m in correspondence(session, customer_id="C-1", seller="default"))
    sheet = next(p for p in outbox.documents_of(session, "M-1") if p.name == "call-sheet.pdf")

    def read(customer_id: str, seller: str, document_id: str) -> bytes | None:
        found = paper(session, customer_id=customer_id, seller=seller, document_id=document_id)
        return found.body if found is not None else None

    assert read("C-1", "default", statement.document_id) == b"M-1"
    assert read("C-2", "default", statement.document_id) is None
    assert read("C-1", "other", statement.document_id) is None
    assert read("C-1", "default", sheet.document_id) is None
