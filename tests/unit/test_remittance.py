"""What is made out of a remittance that cannot be taken: its money, and the invoices it may concern."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.case import Stamped
from domain.contract import MOST_ALLOCATIONS, CashReceived, HoldPlaced, parse
from domain.decide import decide
from domain.decision import Wait
from domain.filing import apply
from domain.money import Money
from domain.remittance import MadeOut, make_out
from tests.unit.living import account, at, case, paid, policy

MONEY = {"payment_id": "R-1", "amount": "300.00", "currency": "USD", "received_on": "2026-12-07"}


def told(*parts: tuple[Any, Any], **more: Any) -> bytes:
    allocations = [{"invoice_id": invoice_id, "amount": amount} for invoice_id, amount in parts]
    return json.dumps(MONEY | {"allocations": allocations} | more).encode()


def test_ten_thousand_invoices_can_be_named_and_no_more() -> None:
    parts = [(f"INV-{number}", "0.01") for number in range(MOST_ALLOCATIONS)]
    assert isinstance(parse(CashReceived, told(*parts)), CashReceived)
    (error,) = parse(CashReceived, told(*parts, ("ONE-MORE", "0.01")))
    assert str(error).startswith("allocations has more than 10000 entries: send fewer")


@pytest.mark.parametrize(
    ("raw", "invoices"),
    [
        (told(("A", "100.00"), ("B", 200)), ("A", "B")),
        (told(("A", "100.00"), ("B", "200.001")), ("A", "B")),
        (told(("A", "150.00"), ("A", "150.00")), ("A",)),
        (told(("A", "200.00"), ("B", "200.00")), ("A", "B")),
        (told(("A", "300.00"), received_on="7 December"), ("A",)),
        (told(("A", "100.00"), amount=100), ("A",)),
        (told(("A", "100.00"), received_on="7 December"), ()),
        (told(("A", "100.00"), (7, "200.00")), ()),
        (told(("A", "100.00"), ("B 2", "200.00")), ()),
        (told(("A", "100.00"), allocations="A"), ()),
        (told(), ()),
        (b"{]", ()),
        (b"[]", ()),
        (b'"' + b"[" * 5_000, ()),
    ],
)
def test_it_concerns_what_it_names_where_that_is_all_it_can_be_for(
    raw: bytes, invoices: tuple[str, ...]
) -> None:
    assert make_out(raw, is_whole=True) == MadeOut(None, invoices)


@pytest.mark.parametrize("is_whole", [True, False])
def test_the_money_of_one_too_large_is_read(is_whole: bool) -> None:
    raw = told(*((f"INV-{number}", "0.01") for number in range(MOST_ALLOCATIONS + 1)), reference="x")
    made_out = make_out(raw if is_whole else raw[:4_096], is_whole=is_whole)
    assert made_out.cash is not None
    assert (made_out.cash.payment_id, made_out.cash.money) == ("R-1", Money(30_000, "USD"))
    assert (made_out.cash.allocations, made_out.invoices) == ((), ())


@pytest.mark.parametrize(
    "beginning",
    [
        b'{"allocations": [',
        b'{"amount": "5.00", "allocations": [',
        json.dumps(MONEY | {"amount": "-5.00"}).encode()[:-1] + b', "allocations": [',
        json.dumps({"nested": MONEY}).encode()[:-2] + b', "allocations": [',
        json.dumps(MONEY).encode()[:-1] + b', "reference": "\\"allocations\\"',
        json.dumps(MONEY).encode()[:-2],
        b"",
    ],
)
def test_money_is_not_guessed(beginning: bytes) -> None:
    assert make_out(beginning, is_whole=False) == MadeOut()


@given(st.binary(max_size=200), st.booleans())
def test_nothing_that_comes_is_too_strange(raw: bytes, is_whole: bool) -> None:
    assert make_out(raw, is_whole=is_whole) == MadeOut()


def test_a_hold_of_some_invoices_leaves_the_others_alone() -> None:
    hold = Stamped(HoldPlaced(hold_id="item-1", reason="unreadable"), datetime(2026, 12, 1, tzinfo=UTC), 0)
    owes = case()
    held = account(holds={"item-1": hold}, held_alone={"item-1": frozenset({owes.invoice_id})})
    on = date(2026, 12, 7)
    assert [each.hold_id for each in replace(owes, account=held).open_holds(on)] == ["item-1"]
    assert replace(owes, account=held, invoice_id="ANOTHER").open_holds(on) == ()


def test_nothing_is_asked_for_while_a_remittance_is_moved_to_its_invoices() -> None:
    moving = account(allocating=frozenset({"R-1"}), unapplied={"USD": 10**9})
    now = at("2026-12-08")
    decision = decide(replace(case(), account=moving), policy(), now)
    assert isinstance(decision, Wait)
    assert (decision.rule, decision.waiting_on, decision.tasks) == ("allocating", "hold", ())
    assert timedelta(0) < decision.until - now <= timedelta(minutes=15)
    assert "R-1" in decision.why


def test_one_remittance_is_thanked_for_once_all_of_it_is_moved() -> None:
    now = at("2026-12-02", "11:00")
    settled, thankful = apply(case(), paid("1250.00"), now), policy(thanks=True)
    first = decide(settled, thankful, now)
    assert isinstance(first, Wait)
    assert decide(settled, thankful, first.until).kind == "carry_out"
    moving = replace(settled, account=account(allocating=frozenset({"R-1"})))
    decision = decide(moving, thankful, first.until)
    assert isinstance(decision, Wait)
    assert (decision.rule, decision.until > first.until) == ("thanks", True)
