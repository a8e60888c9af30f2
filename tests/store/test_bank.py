"""Bank lines are kept once, and each stands for one payment, whichever form of statement tells of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.bank import Sign
from domain.bank_booking import Booking, LineOutcome
from domain.bank_lines import BankLine
from store import bank
from store.schema import BankLineRow

FILE = b"\0" * 32


def line(line_id: str, on: date, *, reference: str | None = None, sign: Sign = Sign.CREDIT) -> BankLine:
    """A payment of 100.00 under the end-to-end id that its payer gives to all."""
    return BankLine(
        line_id, "DE89", "S-1", sign, Decimal("100.00"), "EUR", on, on,
        end_to_end_id="RENT", bank_reference=reference,
    )  # fmt: skip


def test_a_line_that_was_told_again_stands_for_no_other_payment(session: Session) -> None:
    table = line("bank-csv-1", date(2027, 1, 5))
    assert bank.keep(session, Booking(table, LineOutcome.UNMATCHED, "whose?"), FILE)
    first = line("bank-1", date(2027, 1, 5), reference="B-1")
    told = bank.told_otherwise(session, [first])
    assert told == {"bank-1": ("bank-csv-1",)}
    bank.keep_repeated(session, first, told["bank-1"], FILE)

    second = line("bank-2", date(2027, 1, 12), reference="B-2")
    assert bank.told_otherwise(session, [second]) == {}
    assert bank.known(session, ["bank-1", "bank-2"]) == {"bank-1"}
    # Nor is the repeated line the one that another row of a table repeats.
    assert bank.told_otherwise(session, [line("bank-csv-2", date(2027, 1, 12))]) == {}


def test_a_return_takes_back_the_line_that_is_booked(session: Session) -> None:
    told_as = "bank-csv-1"
    applied = Booking(
        line(told_as, date(2027, 1, 5)), LineOutcome.APPLIED, "named", "ACME", {"INV-1": 10_000}
    )
    assert bank.keep(session, applied, FILE)
    bank.keep_repeated(session, line("bank-1", date(2027, 1, 5), reference="B-1"), [told_as], FILE)
    kept = session.scalars(select(BankLineRow).where(BankLineRow.line_id == "bank-1")).one()
    assert (kept.outcome, kept.why, kept.allocations) == ("repeated", f"told before as {told_as}", {})
    back = replace(line("bank-9", date(2027, 1, 8), sign=Sign.DEBIT), comes_back=True)
    [paid] = bank.payments_of(session, back)
    assert (paid.line_id, paid.allocations) == (told_as, {"INV-1": 10_000})
