"""What the forecast says is what happens, as long as nobody says or does anything."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest

from domain.case import Case
from domain.filing import apply
from domain.policy import Policy
from domain.simulation.forecast import Forecast, forecast
from domain.simulation.simulate import Assumptions
from domain.vocabulary import Step
from tests.unit.living import (
    DUE,
    Life,
    account,
    at,
    case,
    deployed,
    paid,
    policy,
    promise,
    reversed_,
)
from tests.unit.test_plan import agreed


def foretell(cases: list[Case], now: datetime, days: int = 30, under: Policy | None = None) -> list[Forecast]:
    chosen = under or policy()
    return forecast(cases, {one.invoice_id: chosen for one in cases}, now, days)


def portfolio() -> list[Case]:
    """One customer with invoices at many places of the ladder."""
    return [case(f"INV-{n}", DUE + timedelta(days=3 * n - 20)) for n in range(14)]


@pytest.mark.parametrize("name", ["standard", "strategic", "chronic_late", "sandbox"])
def test_it_equals_what_then_happens(name: str) -> None:
    under = deployed(name).model_copy(update={"calendar": "weekdays"})
    life = Life.of(*portfolio(), under=under).until(at("2026-12-02", "18:00"))
    now = life.now
    foretold = foretell([p.case for p in life.cases.values()], now, 30, under)
    before = len(life.log)
    life.until("2027-01-01")
    happened = [
        (h.on, "C-1", h.step, tuple(sorted(h.items)))
        for h in life.log[before:]
        if h.what in ("message", "task")
    ]
    assert len(happened) > 5
    assert sorted(row[:4] for row in foretold) == sorted(happened)


def test_a_row_says_who_what_when_and_why() -> None:
    (row,) = foretell([case()], at("2026-11-23"), 1)
    assert row == Forecast(
        date(2026, 11, 24),
        "C-1",
        Step.PRE_DUE,
        ("INV-1",),
        "email",
        "pre-due: 7 days before the due date 2026-12-01",
    )
    shown = row.as_json()
    assert list(shown) == ["on", "customer_id", "step", "invoices", "channel", "why"]
    assert json.loads(json.dumps(shown)) == shown
    assert (shown["on"], shown["step"], shown["invoices"]) == ("2026-11-24", "pre_due", ["INV-1"])


@pytest.mark.parametrize(("days", "rows"), [(0, 0), (6, 0), (7, 1), (13, 1), (14, 2), (21, 3)])
def test_the_last_day_counts(days: int, rows: int) -> None:
    assert len(foretell([case()], at("2026-11-17"), days)) == rows


def test_the_last_day_ends_with_the_customers_date() -> None:
    """Tokyo's Tuesday begins while New York still has Monday."""
    tokyo = case("T", of=account("T", zone="Asia/Tokyo"))
    kiritimati = case("K", of=account("K", zone="Pacific/Kiritimati"))
    rows = foretell([tokyo, kiritimati], at("2026-11-23", "04:30"), 1)  # 18:30 and 23:30 of the 23rd
    assert [row.customer_id for row in rows] == ["K", "T"]
    rows = foretell([tokyo, kiritimati], at("2026-11-22", "04:30"), 1)
    assert rows == []


def test_rows_come_by_day_and_customer() -> None:
    cases = [case(f"I-{n}", DUE + timedelta(days=n % 3), of=account(f"C-{n}")) for n in range(6)]
    rows = foretell(cases, at("2026-11-23"))
    assert len(rows) > 10
    assert all((a.on, a.customer_id) <= (b.on, b.customer_id) for a, b in pairwise(rows))


def test_what_is_known_already_counts() -> None:
    life = Life.of(case()).tell(at("2026-12-02"), promise("2026-12-11")).until("2026-12-02")
    assert [(row.on, row.step) for row in foretell([life.case], life.now, 14)] == [
        (date(2026, 12, 16), Step.OVERDUE)
    ]
    settled = Life.of(case()).tell(at("2026-12-02"), paid()).until("2026-12-03")
    assert foretell([settled.case], settled.now) == []


def test_the_gap_since_the_last_message_is_kept() -> None:
    just_written = case(of=account(last_unsolicited_on=date(2026, 11, 30)))
    rows = foretell([just_written], at("2026-12-01", "08:00"), 7)
    assert rows[0].on == date(2026, 12, 3)


def test_what_has_ended_is_left_out_and_what_was_reopened_is_not() -> None:
    life = Life.of(case()).tell(at("2026-12-02"), paid()).until("2026-12-31")
    assert life.case.closed is not None
    assert foretell([life.case], life.now) == []
    back = apply(life.case, reversed_(), at("2027-01-04"))
    assert [row.step for row in foretell([back], at("2027-01-04"), 5)] == [Step.OVERDUE]
    referred = Life.of(case()).until("2027-08-15")
    assert foretell([referred.case], referred.now) == []


def test_no_approval_is_given_and_nobody_calls() -> None:
    under = policy("strategic")
    now = at("2026-12-29")
    life = Life.of(case(), under=under).until(now)
    assert foretell([life.case], now, 60, under)[0].step == Step.AT_RISK
    given = forecast([life.case], {"INV-1": under}, now, 60, assume=Assumptions(approve=True))
    assert given[0].step == Step.CREDIT_HOLD


def test_each_case_follows_its_own_policy() -> None:
    early, usual = case("E", of=account("E")), case("U", of=account("U"))
    policies = {"E": policy("chronic_late"), "U": policy()}
    rows = forecast([early, usual], policies, at("2026-11-16"), 10)
    assert [(row.customer_id, row.step, (DUE - row.on).days) for row in rows] == [
        ("E", "pre_due", 14),
        ("U", "pre_due", 7),
    ]


#: Metro's plan of three, agreed on 3 December: due on 12 December, 11 January and 10 February.
METRO = agreed(case("METRO", date(2026, 9, 13), amount=8_420_000, opened=at("2026-11-30", "09:00")), count=3)


def plan_rows(days: int, cases: tuple[Case, ...] = METRO.cases, **assume: bool) -> list[tuple[str, str]]:
    policies = {each.invoice_id: policy() for each in cases}
    rows = forecast(cases, policies, at("2026-12-03", "10:00"), days, assume=Assumptions(**assume))
    return [(row.on.isoformat()[2:], row.step) for row in rows]


def test_a_plans_messages_are_foretold_as_if_its_instalments_came_on_their_dates() -> None:
    assert plan_rows(90, instalments_paid=True) == [
        ("26-12-03", "plan_confirmed"),
        ("26-12-09", "plan_reminder_1"),
        ("26-12-14", "plan_thanks_1"),  # paid on a Saturday
        ("27-01-08", "plan_reminder_2"),
        ("27-01-11", "plan_thanks_2"),
        ("27-02-08", "plan_reminder_3"),
        ("27-02-10", "plan_thanks_3"),
    ]


def test_without_any_money_it_is_the_notice_the_end_and_the_next_rung() -> None:
    assert plan_rows(26)[:4] == [
        ("26-12-03", "plan_confirmed"),
        ("26-12-09", "plan_reminder_1"),
        ("26-12-16", "plan_cure_1"),
        ("26-12-24", "plan_broken_1"),
    ]
    assert plan_rows(26)[4:] == [("26-12-28", "at_risk")]


def test_what_came_early_is_not_paid_again_and_a_plan_without_all_its_invoices_is_not_followed() -> None:
    early = tuple(
        apply(each, paid("28067.00", "2026-12-03"), at("2026-12-03", "09:00")) for each in METRO.cases
    )
    steps = [step for _, step in plan_rows(90, early, instalments_paid=True)]
    assert steps == [
        "plan_confirmed",
        "plan_thanks_1",
        "plan_reminder_2",
        "plan_thanks_2",
        "plan_reminder_3",
        "plan_thanks_3",
    ]
    other = case("OTHER", date(2026, 10, 1), opened=at("2026-11-30", "09:00"))
    both = agreed(case("A", date(2026, 9, 13), opened=at("2026-11-30", "09:00")), other, count=3)
    assert not any(
        step.startswith("plan") for _, step in plan_rows(90, both.cases[:1], instalments_paid=True)
    )


def test_the_alerts_offer_pauses_the_ladder_until_it_has_expired() -> None:
    under = policy(plan={"offer_by_alert": True})
    now = at("2026-12-18")
    life = Life.of(case(), under=under).until(now)
    found = []
    for offers in (False, True):
        assume = Assumptions(offers_by_alert=offers)
        rows = forecast([life.case], {"INV-1": under}, now, 40, assume=assume)
        found.append([(row.on.isoformat()[5:], row.step) for row in rows][:2])
    assert found == [
        [("12-22", "am_alert"), ("12-31", "credit_hold")],
        [("12-22", "am_alert"), ("01-06", "credit_hold")],
    ]


def test_nothing_open_nothing_foretold() -> None:
    assert foretell([], at("2026-11-16")) == []
