"""The discount of an invoice's own terms: taken in time it closes the invoice, in whatever order facts come."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import permutations

import pytest

from domain import contract as wire
from domain.case import Case
from domain.filing import apply
from domain.pauses import is_settled
from tests.unit.living import at, case, credit, paid, policy, reversed_

NOW = at("2026-11-20")
TERMS = (("3", date(2026, 11, 5)), ("2", date(2026, 11, 11)))
INVOICE = replace(case(amount=125_000), early_payment=TERMS)


@pytest.mark.parametrize(
    ("amount", "on", "left"),
    [
        ("1212.50", "2026-11-05", 0),  # three percent, on its last day
        ("1225.00", "2026-11-11", 0),  # two percent
        ("1212.50", "2026-11-11", 3_750),  # three percent, too late for it: none is earned
        ("1225.00", "2026-11-12", 2_500),  # a day late
        ("1250.00", "2026-11-05", 0),  # all of it: no discount is taken, nothing is owed back
        ("600.00", "2026-11-05", 65_000),
    ],
)
def test_a_discount_is_taken_by_paying_the_rest_in_time(amount: str, on: str, left: int) -> None:
    told = apply(INVOICE, paid(amount, on), NOW)
    assert told.balance == left
    assert told.overpaid == 0
    assert is_settled(told, policy()) is (told.balance == 0)


def test_it_is_known_by_the_day_the_money_came_not_by_the_day_it_was_told() -> None:
    assert apply(INVOICE, paid("1225.00", "2026-11-10"), at("2026-12-24")).balance == 0


def test_a_reversed_payment_loses_the_discount() -> None:
    told = apply(apply(INVOICE, paid("1225.00", "2026-11-10"), NOW), reversed_(amount="1225.00"), NOW)
    assert (told.balance, told.discounted) == (125_000, 0)


def test_a_later_fee_does_not_take_the_discount_back() -> None:
    fee = wire.ChargeAdded.model_validate(
        {"charge_id": "F", "amount": "40.00", "currency": "USD", "kind": "fee"}
    )
    told = apply(apply(INVOICE, paid("1225.00", "2026-11-10"), NOW), fee, NOW)
    assert told.balance == 4_000


def test_any_order_gives_the_same_balance() -> None:
    facts = [paid("600.00", "2026-11-04"), paid("525.00", "2026-11-10", "P-2"), credit("100.00")]

    def lived(order: tuple[object, ...]) -> Case:
        told = INVOICE
        for fact in order:
            told = apply(told, fact, NOW)
        return told

    assert {lived(order).balance for order in permutations(facts)} == {0}
    assert {lived(order).discounted for order in permutations(facts)} == {2_500}
