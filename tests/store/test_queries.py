"""Lists and counts over a small portfolio."""

from sqlalchemy.orm import Session

from store import outbox, queries, worklist
from store.schema import CreditHoldRow
from tests.store.rows import NOON, add_case, item, message


def test_lists_and_counts(session: Session) -> None:
    add_case(session, "INV-1", "C-1", risk="high")
    add_case(session, "INV-2", "C-1")
    add_case(session, "INV-3", "C-2", outcome="paid", closed_at=NOON)
    outbox.reserve(session, message(), [item("INV-1"), item("INV-2"), item("INV-1", step="pre_due")])
    outbox.freeze(session, "M-1", payload=b"words", subject="")
    outbox.claim(session, "M-1", at=NOON)
    outbox.mark_sent(session, "M-1", attempt=1, at=NOON, provider_ref=None)
    worklist.open_task(session, kind="call", why="", at=NOON)
    session.add(CreditHoldRow(invoice_id="INV-1", cycle=0, customer_id="C-1", placed_at=NOON, reason=""))

    assert [case.invoice_id for case in queries.open_cases(session)] == ["INV-1", "INV-2"]
    assert queries.open_cases(session, customer_id="C-2") == []
    assert [hold.invoice_id for hold in queries.credit_holds(session, "C-1")] == ["INV-1"]
    messages = queries.messages_of(session, ["INV-1", "INV-3"])
    assert {name: [m.message_id for m in some] for name, some in messages.items()} == {
        "INV-1": ["M-1"],
        "INV-3": [],
    }
    counts = queries.counts(session)
    assert counts == queries.Counts(
        invoices=3,
        customers=2,
        open=2,
        at_risk=1,
        outcomes={"paid": 1},
        messages_by_step={"overdue": 1},
        unknown=0,
        credit_holds=1,
        tasks_by_kind={"call": 1},
    )
    assert counts.messages == 1
