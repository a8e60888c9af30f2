"""Replaying past invoices: `due` by the calendar, `contacts` by apply and decide alone, on real histories too."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from domain.case import Account, Case
from domain.decision import Decision, Wait
from domain.files.past_invoices import PastInvoice, past_invoices
from domain.files.portfolio_csv import read
from domain.money import Money
from domain.policy import Policy
from domain.simulation.backtest import Backtest, backtest, reaching
from domain.vocabulary import Step, WaitingOn
from tests.unit.living import deployed, policy

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("DUECOURSE_DATA", ROOT.parent / "shared" / "data"))
TODAY = date(2026, 11, 21)

#: Step names carry any day: sixteen offsets need two policies.
EARLY: dict[Step, int] = dict(
    zip([*list(Step)[:7], Step.CREDIT_HOLD], (-14, -7, -3, 0, 1, 3, 7, 10), strict=True)
)
LATE: dict[Step, int] = dict(
    zip(
        [step for step in Step if step not in (Step.PRE_DUE, Step.PRE_DUE_2, Step.AT_RISK)],
        (14, 15, 21, 30, 45, 60, 75, 90),
        strict=True,
    )
)
#: Every day a business day, all hours open, and nothing that holds a step back.
UNHINDERED: dict[str, Any] = {
    "name": "unhindered",
    "timezone": "UTC",
    "calendar": "every_day",
    "window": {"opens": "00:00", "closes": "24:00"},
    "spread_minutes": 0,
    "jitter_minutes": 0,
    "opening_wait_seconds": 0,
    "gap_days": 0,
    "catch_up_days": 0,
    "settlement_days": 0,
    "grouping": False,
    "at_risk": {"enabled": False},
}


def unhindered(days: dict[Step, int]) -> Policy:
    return Policy.model_validate(
        {**UNHINDERED, "steps": [{"step": step, "day": day, "answer_days": 0} for step, day in days.items()]}
    )


@lru_cache
def past(folder: str, name: str) -> tuple[tuple[PastInvoice, ...], int]:
    path = DATA / folder / name
    if not path.exists():
        pytest.skip(f"{path} is absent: set DUECOURSE_DATA to the folder of the shared data")
    portfolio = read(path.read_bytes(), TODAY)
    assert not portfolio.errors
    invoices, rejected = past_invoices(portfolio)
    return tuple(invoices), rejected


def ibm() -> tuple[tuple[PastInvoice, ...], int]:
    return past("ibm", "invoices.csv")


def datarisk() -> tuple[tuple[PastInvoice, ...], int]:
    return past("datarisk", "invoices_asof_2020-12-31.csv")


def expected(folder: str) -> dict[str, Any]:
    ladder: dict[str, Any] = json.loads((DATA / folder / "expected_ladder.json").read_text("utf-8"))
    return ladder


def check_ladder(result: Backtest, ladder: dict[str, Any], rejected: int) -> None:
    assert (result.invoices, result.rejected) == (ladder["invoices"], rejected)
    assert len(result.steps) == 8
    for step in result.steps:
        assert step.due == ladder["steps"][str(step.day)]["payments_first"], step
        assert step.contacts == step.due, step


# Real histories


@pytest.mark.parametrize("days", [EARLY, LATE], ids=["early", "late"])
def test_ibm_reaches_every_step_as_expected_and_every_arrival_is_a_contact(days: dict[Step, int]) -> None:
    invoices, rejected = ibm()
    result = backtest(invoices, unhindered(days), date(2013, 11, 30), rejected=rejected)
    check_ladder(result, expected("ibm"), rejected=0)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("days", [EARLY, LATE], ids=["early", "late"])
def test_datarisk_reaches_every_step_as_expected_and_every_arrival_is_a_contact(
    days: dict[Step, int],
) -> None:
    invoices, rejected = datarisk()
    result = backtest(invoices, unhindered(days), date(2020, 12, 31), rejected=rejected)
    check_ladder(result, expected("datarisk"), rejected=744)


def test_a_sample_of_datarisk_makes_a_contact_of_every_arrival() -> None:
    invoices, _ = datarisk()
    customers = sorted({one.customer_id for one in invoices})
    chosen = set(random.Random(20201231).sample(customers, 6))
    sample = [one for one in invoices if one.customer_id in chosen]
    made = 0
    for days in (EARLY, LATE):
        result = backtest(sample, unhindered(days), date(2020, 12, 31))
        assert [step.contacts for step in result.steps] == [step.due for step in result.steps]
        made += sum(step.contacts for step in result.steps)
    assert made > 200


def test_all_of_datarisk_is_due_as_expected() -> None:
    """The calendar alone, over all 45,562 invoices."""
    invoices, rejected = datarisk()
    until = date(2020, 12, 31)
    ladder = expected("datarisk")
    assert rejected == 744
    assert sum(one.issued_on <= until for one in invoices) == ladder["invoices"]
    found = {day: reaching(invoices, day, until) for day in [*EARLY.values(), *LATE.values()]}
    assert found == {int(day): counts["payments_first"] for day, counts in ladder["steps"].items()}


def test_a_decide_that_always_waits_makes_no_contact() -> None:
    invoices, _ = ibm()
    result = backtest(invoices, unhindered(EARLY), date(2013, 11, 30), decide=never)
    assert [step.contacts for step in result.steps] == [0] * 8
    assert [step.due for step in result.steps][:2] == [1340, 985]


def test_a_deployed_policy_makes_fewer_contacts_than_arrivals() -> None:
    """Weekends, gap and grouping: one message for several invoices, none that was paid meanwhile."""
    invoices, _ = ibm()
    chosen = set(sorted({one.customer_id for one in invoices})[:20])
    some = [one for one in invoices if one.customer_id in chosen]
    result = backtest(some, deployed("standard"), date(2013, 11, 30))
    steps = {step.step: step for step in result.steps}
    assert 0 < steps[Step.PRE_DUE].contacts < steps[Step.PRE_DUE].due
    assert 0 < steps[Step.OVERDUE].contacts < steps[Step.OVERDUE].due


def never(told: Case, under: Policy, now: datetime) -> Decision:
    far = now + timedelta(days=10_000)
    return Wait(until=far, waiting_on=WaitingOn.TIME, why="never", rule="never")


# Invoices made up


DUE = date(2026, 12, 1)  # a Tuesday
ISSUED = date(2026, 11, 1)
UNTIL = date(2027, 2, 28)


def invoice(name: str = "I", settled: date | None = None, customer: str = "C", **changes: Any) -> PastInvoice:
    one = PastInvoice(name, customer, ISSUED, DUE, Money(125_000, "USD"), settled)
    return one._replace(**changes)


def replay(*invoices: PastInvoice, under: Policy | None = None, **more: Any) -> dict[str, tuple[int, int]]:
    result = backtest(invoices, under or unhindered(EARLY), more.pop("until", UNTIL), **more)
    return {step.step: (step.due, step.contacts) for step in result.steps}


@pytest.mark.parametrize(
    ("settled", "due"),
    [
        (None, {"am_alert": 1, "credit_hold": 1}),
        (DUE + timedelta(days=8), {"am_alert": 1, "credit_hold": 0}),
        (DUE + timedelta(days=7), {"am_alert": 0, "credit_hold": 0}),  # payments first
    ],
)
def test_a_payment_of_the_same_day_comes_first(settled: date | None, due: dict[str, int]) -> None:
    result = replay(invoice(settled=settled))
    assert {step: result[step] for step in due} == {step: (count, count) for step, count in due.items()}


def test_a_step_before_the_issue_date_is_skipped_not_sent_late() -> None:
    issued = DUE - timedelta(days=5)
    result = replay(invoice(issued_on=issued))
    assert (result["pre_due"], result["pre_due_2"], result["due"]) == ((0, 0), (0, 0), (1, 1))
    same_day = replay(invoice(issued_on=DUE - timedelta(days=7)))
    assert (same_day["pre_due"], same_day["pre_due_2"]) == ((0, 0), (1, 1))


def test_an_invoice_paid_on_its_issue_date_reaches_nothing() -> None:
    result = replay(invoice(issued_on=DUE, settled=DUE))
    assert set(result.values()) == {(0, 0)}


def test_the_last_day_counts() -> None:
    assert replay(invoice(), until=DUE)["overdue"] == (1, 1)
    assert replay(invoice(), until=DUE - timedelta(days=1))["overdue"] == (0, 0)


def test_a_payment_of_the_last_day_counts() -> None:
    assert replay(invoice(settled=DUE), until=DUE)["overdue"] == (0, 0)


def test_what_was_issued_or_paid_later_is_not_known_yet() -> None:
    later = invoice("LATER", issued_on=UNTIL + timedelta(days=1), due_on=UNTIL + timedelta(days=1))
    result = backtest([invoice(), later], unhindered(EARLY), UNTIL)
    assert result.invoices == 1
    paid_later = replay(invoice(settled=UNTIL + timedelta(days=1)))
    assert paid_later == replay(invoice())


def test_one_message_for_what_is_due_together() -> None:
    grouped = policy(at_risk={"enabled": False})
    result = replay(invoice("A"), invoice("B"), invoice("C", customer="D"), under=grouped)
    assert result["due"] == (3, 2)


def test_business_days_of_the_customer() -> None:
    """The due date is a holiday and the customer pays the day after: nothing is sent."""
    closed = frozenset({DUE, DUE + timedelta(days=1)})
    under = policy(calendar="country")

    def accounts(customer_id: str) -> Account:
        return Account(customer_id, holidays=closed, reachable=frozenset({"ap"}))

    paying = invoice(settled=DUE + timedelta(days=2))
    assert replay(paying, under=under)["due"] == (1, 1)
    assert replay(paying, under=under, accounts=accounts)["due"] == (1, 0)


def test_the_outreach_is_a_step_where_it_is_in_use() -> None:
    small = invoice(amount=Money(4_000, "USD"))
    assert replay(small, under=policy())["at_risk"] == (1, 1)
    assert "at_risk" not in replay(small, under=policy(at_risk={"enabled": False}))


def test_tasks_and_alerts_are_contacts_and_a_block_is_not_another() -> None:
    result = replay(invoice(), under=policy())
    assert [result[step] for step in ("call", "am_alert", "credit_hold", "demand", "referral")] == [
        (1, 1)
    ] * 5


def test_the_document_of_the_contract() -> None:
    result = backtest([invoice()], policy(), UNTIL, rejected=3).as_json()
    assert list(result) == ["policy", "until", "invoices", "rejected", "steps"]
    assert (result["policy"], result["until"], result["invoices"], result["rejected"]) == (
        "standard",
        "2027-02-28",
        1,
        3,
    )
    assert result["steps"][0] == {"step": "pre_due", "day": -7, "due": 1, "contacts": 1}
    assert json.loads(json.dumps(result)) == result


def test_an_empty_portfolio() -> None:
    result = backtest([], policy(), UNTIL)
    assert result.invoices == 0
    assert {(step.due, step.contacts) for step in result.steps} == {(0, 0)}


def test_progress_is_told() -> None:
    heard: list[tuple[int, int]] = []
    many = [invoice(str(n), customer=str(n % 3)) for n in range(6)]
    backtest(many, policy(), UNTIL, progress=lambda done, of: heard.append((done, of)))
    assert heard == [(1, 3), (2, 3), (3, 3)]


# Rows of a file


HEADER = "invoice_id,customer_id,issue_date,due_date,amount,currency,settled_date,flags\n"


def rows(*lines: str) -> tuple[Sequence[PastInvoice], int]:
    portfolio = read((HEADER + "\n".join(lines)).encode(), TODAY)
    assert not portfolio.errors
    return past_invoices(portfolio)


def test_rows_with_flags_or_without_an_issue_date_are_rejected_and_counted() -> None:
    invoices, rejected = rows(
        "A,C,2026-01-01,2026-02-01,10.00,USD,2026-02-03,",
        "B,C,2026-01-01,2026-02-01,20.50,USD,,",
        "X,C,2026-01-01,2026-02-01,10.00,USD,2026-02-03,dup",
        "Y,C,,2026-02-01,10.00,USD,,",
    )
    assert rejected == 2
    assert sorted(invoices) == [
        PastInvoice(
            "A", "C", date(2026, 1, 1), date(2026, 2, 1), Money(1_000, "USD"), date(2026, 2, 3), "default"
        ),
        PastInvoice("B", "C", date(2026, 1, 1), date(2026, 2, 1), Money(2_050, "USD"), None, "default"),
    ]
