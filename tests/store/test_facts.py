"""Facts are recorded once and never change; money of different currencies never meets."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from domain.money import Money
from store import customers, facts
from store.canonical import UnstorableText
from store.facts import Appended, Conflicting, Repeated
from tests.store.rows import NOON, add_case

PAYMENT = {"payment_id": "P-1", "amount": "100.00"}


def append(session: Session, **given: Any) -> Appended | Repeated | Conflicting:
    values: dict[str, Any] = {
        "customer_id": "C-1",
        "invoice_id": "INV-1",
        "kind": "payment_received",
        "event_id": "P-1",
        "payload": PAYMENT,
        "at": NOON,
    }
    return facts.append_event(session, **{**values, **given})


def post(session: Session, **given: Any) -> bool:
    values: dict[str, Any] = {
        "invoice_id": "INV-1",
        "customer_id": "C-1",
        "kind": "payment",
        "event_id": "P-1",
        "amount": Money(-10_000, "USD"),
        "on": date(2026, 12, 7),
    }
    return facts.post(session, **{**values, **given})


def test_same_id_again(session: Session) -> None:
    add_case(session)
    first = append(session)
    assert isinstance(first, Appended)
    reordered = {"amount": "100.00", "payment_id": "P-1"}
    assert append(session, payload=reordered) == Repeated(first.event)
    conflict = append(session, payload={**PAYMENT, "amount": "999.00"})
    assert conflict == Conflicting(first.event)
    assert conflict.event.payload == PAYMENT


def test_an_id_counts_per_invoice_and_kind(session: Session) -> None:
    add_case(session, "INV-1")
    add_case(session, "INV-2")
    assert isinstance(append(session), Appended)
    assert isinstance(append(session, invoice_id="INV-2"), Appended)
    assert isinstance(append(session, kind="credit_issued"), Appended)


def test_an_account_fact_counts_per_customer(session: Session) -> None:
    add_case(session)
    customers.lock(session, "C-2")
    assert isinstance(append(session, invoice_id=None), Appended)
    assert isinstance(append(session, invoice_id=None), Repeated)
    assert isinstance(append(session, invoice_id=None, customer_id="C-2"), Appended)
    assert [event.customer_id for event in facts.account_events_of(session, ["C-1"])["C-1"]] == ["C-1"]


def test_a_fact_stays_recorded_when_its_invoice_moves_to_another_customer(session: Session) -> None:
    case = add_case(session)
    append(session)
    case.customer_id = customers.lock(session, "C-2").customer_id
    assert isinstance(append(session, customer_id="C-2"), Repeated)


def test_the_same_fact_from_eight_at_once_is_one_row(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        add_case(session)

    def record(_: int) -> bool:
        with sessions.begin() as session:
            appended = append(session)
            return isinstance(appended, Appended) and post(session)

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(record, range(8))) == 1
    with sessions() as session:
        assert facts.balances(session, ["INV-1"]) == {"INV-1": Money(-10_000, "USD")}


def test_events_come_in_the_order_they_were_recorded(session: Session) -> None:
    add_case(session, "INV-1")
    add_case(session, "INV-2")
    for number in (3, 1, 2):
        append(session, event_id=f"P-{number}")
    events = facts.events_of(session, ["INV-1", "INV-2"])
    assert [event.event_id for event in events["INV-1"]] == ["P-3", "P-1", "P-2"]
    assert events["INV-2"] == []


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_postgresql_cannot_hold_is_refused_before_it_gets_there(
    session: Session, text: str
) -> None:
    add_case(session)
    with pytest.raises(UnstorableText):
        append(session, payload={"note": text})
    literal = r"\u0000 \\u0000"
    assert append(session, payload={"note": literal}).event.payload == {"note": literal}


def test_ledger(session: Session) -> None:
    add_case(session, "INV-1")
    add_case(session, "INV-2", currency="JPY")
    assert post(session, kind="invoice", event_id="INV-1", amount=Money(2**60, "USD"))
    assert post(session)
    assert not post(session)
    assert facts.balances(session, ["INV-1", "INV-2"]) == {
        "INV-1": Money(2**60 - 10_000, "USD"),
        "INV-2": Money(0, "JPY"),
    }
    assert [entry.event_id for entry in facts.entries_of(session, ["INV-1"])["INV-1"]] == ["INV-1", "P-1"]


def test_one_remittance_over_three_invoices_makes_three_entries(session: Session) -> None:
    invoices = ["INV-1", "INV-2", "INV-3"]
    for invoice_id in invoices:
        add_case(session, invoice_id)
    assert [post(session, invoice_id=invoice_id) for invoice_id in invoices] == [True] * 3


def test_a_ledger_refuses_another_currency(session: Session) -> None:
    add_case(session)
    with pytest.raises(sa.exc.IntegrityError):
        post(session, amount=Money(100, "EUR"))


def test_account(session: Session) -> None:
    customers.lock(session, "C-1")

    def enter(event_id: str, amount: Money) -> bool:
        return facts.post_to_account(
            session, customer_id="C-1", kind="unapplied", event_id=event_id, amount=amount, on=NOON.date()
        )

    assert enter("P-1", Money(500, "USD"))
    assert not enter("P-1", Money(500, "USD"))
    assert enter("P-2", Money(-200, "USD"))
    assert enter("P-3", Money(70, "JPY"))
    assert facts.unapplied(session, ["C-1", "C-9"]) == {
        "C-1": {"USD": Money(300, "USD"), "JPY": Money(70, "JPY")},
        "C-9": {},
    }


@pytest.mark.parametrize(
    "table", ["events", "ledger_entries", "account_entries", "audit_log", "audit_texts", "audit_anchors"]
)
@pytest.mark.parametrize("change", ["DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET {} = {}"])
def test_append_only(session: Session, table: str, change: str) -> None:
    column = "day" if table == "audit_anchors" else "customer_id"
    with pytest.raises(sa.exc.ProgrammingError, match="refuses"):
        session.execute(sa.text(change.format(table, column, column)))


def test_the_role_of_the_app_changes_nothing_that_is_append_only(session: Session) -> None:
    rights = session.execute(
        sa.text(
            "SELECT table_name, string_agg(privilege_type, ' ' ORDER BY privilege_type)"
            " FROM information_schema.role_table_grants WHERE grantee = 'duecourse_app' GROUP BY 1"
        )
    )
    by_table = {row[0]: row[1] for row in rights}
    assert by_table["events"] == by_table["ledger_entries"] == by_table["audit_log"] == "INSERT SELECT"
    assert by_table["cases"] == by_table["messages"] == "INSERT SELECT UPDATE"
