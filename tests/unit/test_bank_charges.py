"""What banks kept of a payment, where the seller bears it, counts as paid: an entry of its own, gone with the money."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import permutations

import pytest

from domain.case import Case
from domain.facts import PaymentRecognised
from domain.filing import apply
from domain.pauses import is_settled
from domain.postings import Posting, postings
from tests.unit.living import at, case, credit, paid, policy, reversed_

NOW = at("2026-12-05")
CHARGES = [{"amount": "26.00", "reason": "kept by banks", "kind": "bank_charges"}]


def test_what_banks_kept_settles_the_invoice_and_is_an_entry_of_its_own() -> None:
    payment = paid("1224.00", "2026-12-01", deductions=CHARGES)
    told = apply(case(amount=125_000), payment, NOW)
    assert (told.balance, told.paid, told.bank_charges, told.open_disputes) == (0, 122_400, 2_600, ())
    assert is_settled(told, policy())
    on = date(2026, 12, 5)
    assert postings(case(amount=125_000), told, payment, "payment_received", "P-1", on) == [
        Posting("payment_received", "P-1", -122_400, date(2026, 12, 1)),
        Posting("bank_charges", "payment_received:P-1", -2_600, on),
    ]


def test_it_goes_with_the_payment_and_never_overpays() -> None:
    told = apply(case(amount=125_000), paid("1224.00", deductions=CHARGES), NOW)
    assert apply(told, reversed_(amount="1224.00"), NOW).balance == 125_000
    whole = apply(case(amount=125_000), paid("1250.00", deductions=CHARGES), NOW)
    assert (whole.balance, whole.overpaid, whole.bank_charges) == (0, 0, 0)
    part = apply(case(amount=125_000), paid("500.00", deductions=CHARGES), NOW)
    assert part.balance == 72_400


@pytest.mark.parametrize("amount", ["1199.00", "1224.00"])
def test_the_discount_of_the_terms_is_taken_as_if_all_had_come(amount: str) -> None:
    """1,250.00 less 2 % is 1,225.00, of which banks kept 26.00; or the payer took no discount."""
    owed = replace(case(amount=125_000), early_payment=(("2", date(2026, 12, 1)),))
    told = apply(owed, paid(amount, "2026-12-01", deductions=CHARGES), NOW)
    assert (told.balance, told.overpaid, told.discounted) == (0, 0, 2_500)


def test_what_two_sources_tell_counts_once() -> None:
    booked = apply(case(amount=125_000), paid("1224.00", deductions=CHARGES), NOW)
    line = paid("1224.00", payment_id="bank-1", deductions=CHARGES)
    told = apply(booked, PaymentRecognised(payment=line, of="P-1"), NOW)
    assert (told.balance, told.bank_charges) == (0, 2_600)
    bare = apply(case(amount=125_000), paid("1224.00"), NOW)
    assert apply(bare, PaymentRecognised(payment=line, of="P-1"), NOW).balance == 0


def test_any_order_gives_the_same_balance() -> None:
    facts = [paid("700.00", deductions=CHARGES), credit("100.00"), paid("424.00", payment_id="P-2")]

    def lived(order: tuple[object, ...]) -> Case:
        told = case(amount=125_000)
        for fact in order:
            told = apply(told, fact, NOW)  # type: ignore[arg-type]
        return told

    assert {lived(order).balance for order in permutations(facts)} == {0}


def test_any_other_deduction_is_disputed() -> None:
    for kind in ({}, {"kind": "other"}, {"kind": "freight"}):
        kept = [{"amount": "26.00", "reason": "freight", **kind}]
        told = apply(case(amount=125_000), paid("1224.00", deductions=kept), NOW)
        assert (told.balance, told.bank_charges) == (2_600, 0)
        assert told.open_disputes == ("P-1.deduction-1",)
