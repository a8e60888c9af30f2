"""Bank lines are kept once, and each stands for one payment, whichever form of statement tells of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from domain.cash.bank import CSV_FORM, Sign
from domain.cash.bank_booking import Booking, LineOutcome, repeated
from domain.cash.bank_lines import BankLine
from domain.cash.bank_repeats import Repeats
from store import bank, facts
from store.schema import BankLineRow
from tests.store.rows import NOON, add_case

FILE = b"\0" * 32


def line(line_id: str, on: date, *, reference: str | None = None, sign: Sign = Sign.CREDIT) -> BankLine:
    """A payment of 100.00 under the end-to-end id that its payer gives to all."""
    return BankLine(
        line_id, "DE89", "S-1", sign, Decimal("100.00"), "EUR", on, on,
        end_to_end_id="RENT", bank_reference=reference,
        form=CSV_FORM if line_id.startswith("bank-csv") else "053",
    )  # fmt: skip


def test_a_line_that_was_told_again_stands_for_no_other_payment(session: Session) -> None:
    table = line("bank-csv-1", date(2027, 1, 5))
    assert bank.keep(session, Booking(table, LineOutcome.UNMATCHED, "whose?"), FILE)
    first = line("bank-1", date(2027, 1, 5), reference="B-1")
    told = bank.told_before(session, [first]).same
    assert told == {"bank-1": ("bank-csv-1",)}
    bank.keep(session, repeated(first, told["bank-1"]), FILE)

    second = line("bank-2", date(2027, 1, 12), reference="B-2")
    assert bank.told_before(session, [second]) == Repeats({}, {})
    assert bank.known(session, ["bank-1", "bank-2"]) == {"bank-1"}
    # Nor is the repeated line the one that another row of a table repeats.
    assert bank.told_before(session, [line("bank-csv-2", date(2027, 1, 12))]).same == {}


def test_a_return_takes_back_the_line_that_is_booked(session: Session) -> None:
    told_as = "bank-csv-1"
    applied = Booking(
        line(told_as, date(2027, 1, 5)), LineOutcome.APPLIED, "named", "ACME", {"INV-1": 10_000}
    )
    assert bank.keep(session, applied, FILE)
    again = line("bank-1", date(2027, 1, 5), reference="B-1")
    bank.keep(session, repeated(again, [told_as]), FILE)
    kept = session.scalars(select(BankLineRow).where(BankLineRow.line_id == "bank-1")).one()
    assert (kept.outcome, kept.why, kept.allocations) == ("repeated", f"told before as {told_as}", {})
    back = replace(line("bank-9", date(2027, 1, 8), sign=Sign.DEBIT), comes_back=True)
    [paid] = bank.payments_of(session, back)
    assert (paid.line_id, paid.allocations) == (told_as, {"INV-1": 10_000})


def tell(session: Session, kind: str, event_id: str, **payload: str) -> None:
    facts.append_event(
        session, customer_id="C-1", invoice_id="INV-1", kind=kind, event_id=event_id, payload=payload, at=NOON
    )


def paid(session: Session, payment_id: str, **given: str) -> None:
    payload = {"payment_id": payment_id, "amount": "100.00", "currency": "EUR", "received_on": "2027-01-05"}
    tell(session, "payment_received", payment_id, **{**payload, **given})


def matching(session: Session, incoming: BankLine) -> list[str]:
    return [told.payment_id for told in bank.ToldByErp(session)(incoming, ["INV-1"])]


def test_what_the_erp_told_is_found_by_amount_and_day_until_a_line_stands_for_it(session: Session) -> None:
    add_case(session, currency="EUR", balance_minor=0, closed_at=NOON)
    incoming = line("bank-1", date(2027, 1, 6))
    paid(session, "P-far", received_on="2026-12-31")
    paid(session, "P-2", received_on="2027-01-02")
    paid(session, "P-1")
    assert matching(session, incoming) == ["P-1", "P-2"]
    [told, _] = bank.ToldByErp(session)(incoming, ["INV-1"])
    assert [(id_, money.minor) for id_, money in told.allocations] == [("INV-1", 10_000)]
    assert matching(session, replace(incoming, amount=Decimal("99.00"))) == []
    assert bank.ToldByErp(session)(incoming, []) == []

    tell(session, "payment_recognised", "bank-0", of="P-1")
    assert matching(session, incoming) == ["P-2"]
    applied = Booking(
        line("bank-7", date(2027, 1, 5)), LineOutcome.APPLIED, "named", "C-1", {"INV-1": 10_000}
    )
    assert bank.keep(session, applied, FILE)
    assert matching(session, incoming) == []


@pytest.mark.parametrize(
    ("payment_id", "given"),
    [("bank-5", {}), ("P-1", {"source": "bank"}), ("P-1", {"method": "card"}), ("P-1", {"currency": "USD"})],
)
def test_what_is_no_transfer_that_the_erp_told_is_not_found(
    session: Session, payment_id: str, given: dict[str, str]
) -> None:
    add_case(session, currency="EUR")
    paid(session, payment_id, **given)
    assert matching(session, line("bank-1", date(2027, 1, 5))) == []


def test_money_that_went_back_is_not_found(session: Session) -> None:
    add_case(session, currency="EUR")
    paid(session, "P-1")
    tell(session, "payment_reversed", "R-1", payment_id="P-1")
    assert matching(session, line("bank-1", date(2027, 1, 5))) == []


def test_an_invoice_is_known_for_a_while_after_its_case_was_closed(session: Session) -> None:
    add_case(session, "INV-1", balance_minor=0, closed_at=NOON)
    add_case(session, "INV-2", balance_minor=0, closed_at=NOON - timedelta(days=100))
    add_case(session, "INV-3", balance_minor=500)
    known = bank.invoices(session, NOON - timedelta(days=90), {})
    assert {each.invoice_id: each.balance.minor for each in known} == {"INV-1": 0, "INV-3": 500}


def test_what_was_told_again_before_lines_said_what_they_stand_for_is_known(session: Session) -> None:
    table, statement = line("bank-csv-1", date(2027, 1, 5)), line("bank-1", date(2027, 1, 5), reference="B-1")
    assert bank.keep(session, Booking(table, LineOutcome.UNMATCHED, "whose?"), FILE)
    assert bank.keep(session, Booking(statement, LineOutcome.REPEATED, "told before"), FILE)
    again = {"form": None, "booked_on": None, "value_on": None, "stands_for": None}
    session.execute(update(BankLineRow).values(again))
    told = update(BankLineRow).where(BankLineRow.line_id == "bank-csv-1")
    session.execute(told.values(told_again="bank-1"))
    report = replace(line("bank-2", date(2027, 1, 5)), form="052")
    assert bank.told_before(session, [report]).same == {"bank-2": ("bank-csv-1",)}
    assert bank.told_before(session, [statement, report]) == Repeats({}, {})
