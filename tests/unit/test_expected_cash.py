"""When money is expected: agreed dates first, then as customers usually pay; what is owed is told once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import facts
from domain.behaviour.expected_cash import Basis, Expected, expected_of_case, expected_of_plan, is_held
from domain.behaviour.pay_dates import PayDays
from domain.filing import apply
from domain.plans.plan import Plan
from tests.unit.living import DUE, at, case, dispute, hold, paid, policy, promise
from tests.unit.test_offers import accepted, made, offering
from tests.unit.test_plan import METRO, agreed, told
from tests.unit.test_plan import TODAY as PLANNED_ON

TODAY = date(2026, 12, 3)
USUAL = date(2026, 12, 14)


def expected(*known: object, today: date = TODAY) -> dict[Basis, tuple[int, date | None]]:
    lived = case()
    for fact in known:
        lived = apply(lived, fact, at("2026-12-02"))
    parts = list(expected_of_case(lived, policy(), today, USUAL))
    assert sum(part.minor for part in parts) == max(0, lived.balance)
    return {part.basis: (part.minor, part.on) for part in parts}


def test_what_nobody_said_a_day_for_is_expected_as_usual() -> None:
    assert expected() == {Basis.PREDICTED: (125_000, USUAL)}
    assert list(expected_of_case(case(), policy(), TODAY, None)) == [
        Expected(Basis.UNDATED, "C-1", ("INV-1",), "USD", 125_000)
    ]


def test_a_promise_goes_before_the_usual_day_and_only_for_its_part() -> None:
    assert expected(promise("2026-12-08", "1000.00")) == {
        Basis.PROMISE: (100_000, date(2026, 12, 8)),
        Basis.PREDICTED: (25_000, USUAL),
    }
    assert expected(promise("2026-12-08")) == {Basis.PROMISE: (125_000, date(2026, 12, 8))}
    in_part = expected(
        promise("2026-12-08", "1000.00"), paid("400.00", on="2026-12-03"), today=date(2026, 12, 4)
    )
    assert in_part == {Basis.PROMISE: (60_000, date(2026, 12, 8)), Basis.PREDICTED: (25_000, USUAL)}


def test_a_promise_in_its_grace_is_expected_today() -> None:
    assert expected(promise("2026-12-04"), today=date(2026, 12, 7)) == {
        Basis.PROMISE: (125_000, date(2026, 12, 7))
    }


def test_what_is_disputed_or_held_has_no_day() -> None:
    assert expected(dispute("250.00")) == {
        Basis.DISPUTED: (25_000, None),
        Basis.PREDICTED: (100_000, USUAL),
    }
    assert expected(hold(), promise("2026-12-08")) == {Basis.HELD: (125_000, None)}


def test_announced_money_is_expected_as_it_is_dated_and_keeps_its_part_of_a_promise() -> None:
    announced = facts.PaymentAnnounced(
        payment=paid("400.00", on="2026-12-02"), told_by="erp", confirm_by=date(2026, 12, 9)
    )
    assert expected(announced) == {Basis.ANNOUNCED: (40_000, TODAY), Basis.PREDICTED: (85_000, USUAL)}
    assert expected(promise("2026-12-08", "1000.00"), announced) == {
        Basis.ANNOUNCED: (40_000, TODAY),
        Basis.PROMISE: (60_000, date(2026, 12, 8)),
        Basis.PREDICTED: (25_000, USUAL),
    }
    assert expected(announced, paid("400.00", on="2026-12-02", source="bank", payment_id="camt-1")) == {
        Basis.PREDICTED: (85_000, USUAL)
    }


def test_of_a_plan_the_announced_money_is_told_once() -> None:
    plan = agreed(METRO, count=3)
    coming = facts.PaymentAnnounced(
        payment=paid("30000.00", PLANNED_ON), told_by="erp", confirm_by=date(2026, 12, 9)
    )
    parts = of_plan(told(plan, coming))
    assert [(each.basis, each.minor) for each in parts] == [
        (Basis.ANNOUNCED, 3_000_000),
        (Basis.INSTALMENT, 2_613_400),
        (Basis.INSTALMENT, 2_806_600),
    ]


def test_nothing_is_expected_of_what_is_paid() -> None:
    assert expected(paid()) == {}


# Plans and offers


def of_plan(plan: Plan) -> list[Expected]:
    """What is expected of a plan and of its invoices together: all that they owe, once."""
    held = any(is_held(each, PLANNED_ON) for each in plan.cases)
    parts = [
        part
        for each in plan.cases
        for part in expected_of_case(each, plan.policy, PLANNED_ON, USUAL, plan_held=held)
    ]
    parts += [] if held else expected_of_plan(plan, PLANNED_ON)
    assert sum(part.minor for part in parts) == sum(each.balance for each in plan.cases)
    return parts


def test_an_agreed_plan_is_expected_by_its_instalments_less_what_came_in() -> None:
    plan = told(agreed(METRO, count=3), paid("30000.00", PLANNED_ON))
    first, second, third = (each.due_on for each in plan.terms.instalments)
    assert [(each.basis, each.minor, each.on) for each in of_plan(plan)] == [
        (Basis.INSTALMENT, 2_613_400, second),
        (Basis.INSTALMENT, 2_806_600, third),
    ]
    assert first < second


def test_of_a_plan_over_several_invoices_each_is_named_while_it_is_open() -> None:
    other = replace(METRO, invoice_id="OTHER", amount=100_000)
    plan = told(agreed(METRO, other, count=2), paid("1000.00", PLANNED_ON), invoice_id="OTHER")
    assert {each.invoices for each in of_plan(plan)} == {("METRO",)}


def test_what_is_disputed_of_a_planned_invoice_is_told_apart() -> None:
    parts = of_plan(told(agreed(METRO, count=3), dispute("30000.00")))
    assert [(each.basis, each.minor) for each in parts] == [
        (Basis.DISPUTED, 3_000_000),
        (Basis.INSTALMENT, 2_806_700),
        (Basis.INSTALMENT, 2_613_300),
    ]


def test_a_plan_on_hold_has_no_days() -> None:
    other = replace(METRO, invoice_id="OTHER", amount=100_000)
    plan = told(agreed(METRO, other, count=2), hold(), invoice_id="METRO")
    assert {each.basis for each in of_plan(plan)} == {Basis.HELD}


def test_an_accepted_offer_is_expected_by_its_last_day_and_what_it_lets_go_is_not() -> None:
    offered = accepted(made(case()))
    (part,) = expected_of_case(offered, offering(), date(2027, 1, 6), USUAL)
    assert (part.basis, part.minor, part.on) == (Basis.OFFER, 100_000, date(2027, 1, 15))
    assert offered.balance == 125_000


# The usual day


def test_a_customers_median_is_drawn_towards_everybodys() -> None:
    usual = PayDays([("C", 20, 10), ("D", 0, 20), ("D", 5, 1)])
    # Of all 31 the median is 0, of C's ten 20: (10 × 20 + 10 × 0) ÷ 20.
    assert usual.predicted("C", DUE, date(2026, 11, 1)) == date(2026, 12, 11)
    assert usual.predicted("NEW", DUE, date(2026, 11, 1)) == DUE


def test_what_is_past_due_is_compared_with_what_was_as_late() -> None:
    usual = PayDays([("C", 0, 10), ("C", 12, 10), ("D", 30, 10)])
    assert usual.predicted("C", DUE, date(2026, 12, 8)) == date(2026, 12, 17)
    # (10 × 12 + 10 × 21) ÷ 20 = 16.5 days, rounded to even.
    assert usual.predicted("C", DUE, date(2027, 1, 15)) is None


@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.integers(-30, 90), st.integers(1, 5)), max_size=20),
    st.integers(-60, 120),
)
def test_never_before_today(history: list[tuple[str, int, int]], past_due: int) -> None:
    today = date.fromordinal(DUE.toordinal() + past_due)
    on = PayDays(history).predicted("A", DUE, today)
    assert on is None or on >= today
    as_late = [days for _, days, _ in history if past_due <= 0 or days >= past_due]
    assert (on is None) == (not as_late)


@pytest.mark.parametrize(("today", "on"), [(DUE, DUE), (TODAY, None)])
def test_on_the_due_date_all_history_counts_and_then_what_was_as_late(today: date, on: date | None) -> None:
    assert PayDays([("C", -3, 4)]).predicted("C", DUE, today) == on
