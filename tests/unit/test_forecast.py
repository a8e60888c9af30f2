"""What the forecast says is what happens, as long as nobody says or does anything."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest

from domain.case import Case, apply
from domain.forecast import Forecast, forecast
from domain.policy import Policy
from domain.simulate import Assumptions
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
    assert foretell([life.case], now, 60, under)[0].step is Step.AT_RISK
    given = forecast([life.case], {"INV-1": under}, now, 60, assume=Assumptions(approve=True))
    assert given[0].step is Step.CREDIT_HOLD


def test_each_case_follows_its_own_policy() -> None:
    early, usual = case("E", of=account("E")), case("U", of=account("U"))
    policies = {"E": policy("chronic_late"), "U": policy()}
    rows = forecast([early, usual], policies, at("2026-11-16"), 10)
    assert [(row.customer_id, row.step, (DUE - row.on).days) for row in rows] == [
        ("E", "pre_due", 14),
        ("U", "pre_due", 7),
    ]


def test_nothing_open_nothing_foretold() -> None:
    assert foretell([], at("2026-11-16")) == []
