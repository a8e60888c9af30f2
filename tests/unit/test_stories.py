"""The three lives of stories.md on the domain alone: calendar dates exactly as written there."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from domain import contract as wire
from domain.asking import Refused
from domain.case import Case
from domain.decide import decide
from domain.decision import Wait
from domain.policy import Policy
from domain.requests.requests import answer
from domain.risk import assess
from domain.segments import Behaviour, ChronicLate, PaidInvoice, usual_day
from domain.vocabulary import CallOutcome, Note, Step
from tests.unit.living import Happened, Life, account, at, case, deployed, paid

D0 = date(2026, 11, 30)
IMPORTED = at(D0, "09:00")


def story(name: str) -> Policy:
    """The deployed policy on the stories' calendar, wake-ups spread as deployed."""
    return deployed(name).model_copy(update={"calendar": "weekdays"})


def invoice(invoice_id: str, due: date, dollars: int, customer: str, *, opened: date = D0) -> Case:
    of = account(customer)
    built = case(invoice_id, due, amount=dollars * 100, of=of, opened=at(opened, "09:00"))
    return replace(built, issued_on=due - timedelta(days=30))


def told(life: Life, what: str, start: date) -> list[tuple[int, str]]:
    """(days since start, step) of everything of one kind."""
    return [((h.on - start).days, h.step) for h in life.log if h.what == what]


# TechGlobal Industries (strategic), up to D7


@pytest.fixture(scope="module")
def techglobal() -> Life:
    invoices = (
        invoice("TG-1", date(2026, 10, 1), 52_600, "TECHGLOBAL"),
        invoice("TG-2", date(2026, 10, 16), 44_800, "TECHGLOBAL"),
        invoice("TG-3", date(2026, 10, 31), 30_000, "TECHGLOBAL"),
    )
    assert sum((D0 - one.due_on).days for one in invoices) / 3 == 45
    return Life.of(*invoices, under=story("strategic")).until("2026-12-07")


def test_techglobal_gets_one_message_about_everything_on_the_day_after_import(techglobal: Life) -> None:
    (message,) = techglobal.messages()
    assert (message.on, message.step) == (date(2026, 12, 1), "overdue")
    assert sorted(message.items) == ["TG-1", "TG-2", "TG-3"]
    assert sum(p.case.balance for p in techglobal.cases.values()) == 12_740_000


def test_techglobal_is_written_to_as_a_partner() -> None:
    rung = story("strategic").by_step[Step.OVERDUE]
    assert (rung.tone, rung.to[0]) == ("partner", "cfo")
    assert set(rung.cc) == {"ap", "account_manager"}


def test_techglobals_account_manager_is_asked_for_a_call_on_day_7(techglobal: Life) -> None:
    assert told(techglobal, "task", D0) == [(7, "call")]
    assert story("strategic").by_step[Step.CALL].assignee == "account_manager"
    task = next(h for h in techglobal.log if h.what == "task")
    assert sorted(task.items) == ["TG-1", "TG-2", "TG-3"]


def test_techglobal_sees_no_approval_hold_or_third_contact_until_then(techglobal: Life) -> None:
    assert len(techglobal.log) == 2


# Metro Services LLC (standard), up to 80 days past due

METRO_DUE = date(2026, 9, 13)


def metro() -> Life:
    life = Life.of(invoice("INV-2024-5521", METRO_DUE, 84_200, "METRO"), under=story("standard"))
    return life.tell(IMPORTED, wire.RiskNoted(note_id="news", text="layoff announcement"))


def dpd(happened: Happened) -> int:
    return (happened.on - METRO_DUE).days


def test_metro_is_flagged_on_import_with_two_reasons_and_gets_no_message() -> None:
    life = metro().until(at(D0, "23:00"))
    assert life.log == []
    risk = assess(life.case, story("standard"), D0)
    assert (risk.flagged, risk.band) == (True, "high")
    assert risk.reasons == (
        "12 days to the write-off age of 90 days past due",
        "a risk was noted for the customer",
    )


def test_metro_gets_the_outreach_on_79_and_a_confirmed_call_on_80() -> None:
    life = metro().until(at("2026-12-02", "11:00"))  # 80 days past due
    request = wire.LogCall(by="Kim", outcome=CallOutcome.REACHED, note="cash-flow trouble confirmed")
    logged = answer(life.case, story("standard"), request, life.now, "call-1", ())
    assert not isinstance(logged, Refused)
    for fact in logged:
        life.tell(life.now, fact)
    life.until("2026-12-03")
    assert [(dpd(h), h.step, h.what) for h in life.log] == [
        (79, "at_risk", "message"),
        (80, Note.CALL_CONFIRMED, "message"),
    ]
    decision = decide(life.case, story("standard"), life.now)
    assert isinstance(decision, Wait)
    assert decision.next_step is not None
    assert decision.next_step.step is Step.OVERDUE_2  # the outreach took the place of the first notice


# DataFlow Analytics (becomes chronic_late)

DATAFLOW_DUE = [date(2026, 12, 18) + timedelta(weeks=4 * n) for n in range(6)]
LATE = DATAFLOW_DUE[-1]


@pytest.fixture(scope="module")
def dataflow() -> Life:
    """Six invoices, each opened when issued; five paid on the due date before the window opens."""
    invoices = [
        invoice(
            f"DF-{n}", due, 42_000 if n == 5 else 41_000, "DATAFLOW", opened=max(D0, due - timedelta(days=30))
        )
        for n, due in enumerate(DATAFLOW_DUE)
    ]
    assert sum(one.amount for one in invoices) == 24_700_000
    life = Life.of(*invoices, under=story("chronic_late"))
    for n, due in enumerate(DATAFLOW_DUE[:-1]):
        life.tell(at(due, "08:00"), paid("41000.00", on=due, payment_id=f"P-{n}"), f"DF-{n}")
    day = LATE + timedelta(days=24)
    life.tell(at(day, "08:00"), paid("42000.00", on=day, payment_id="P-5"), "DF-5")
    return life.until("2027-07-31")


def test_dataflow_is_detected_by_its_history() -> None:
    due = date(2025, 1, 31)
    history = [
        PaidInvoice(due - timedelta(days=30), due, due + timedelta(days=late))
        for late in [15, 16, 17, 18, 19, 17] * 4
    ]
    assert ChronicLate().fits(Behaviour.of(history))
    assert usual_day(history) == 45


def test_dataflows_first_invoice_has_its_first_reminder_ahead() -> None:
    first = DATAFLOW_DUE[0]
    assert first.weekday() == 4
    assert first - timedelta(days=14) >= D0
    assert first - timedelta(days=21) < D0


def test_dataflow_gets_two_reminders_before_each_due_date(dataflow: Life) -> None:
    for number, due in enumerate(DATAFLOW_DUE):
        about = [((h.on - due).days, h.step) for h in dataflow.messages() if f"DF-{number}" in h.items]
        assert about[:2] == [(-14, "pre_due"), (-3, "pre_due_2")]


def test_dataflow_gets_fifteen_messages_one_call_and_one_alert(dataflow: Life) -> None:
    messages = list(dataflow.messages())
    assert len(messages) == 15
    assert [((h.on - LATE).days, h.step) for h in messages[-3:]] == [
        (0, "due"),
        (7, "overdue"),
        (14, "overdue_2"),
    ]
    tasks = [((h.on - LATE).days, h.step) for h in dataflow.log if h.what == "task"]
    assert tasks == [(17, "call"), (21, "am_alert")]  # day 16 is a Sunday
    assert {h.what for h in dataflow.log} == {"message", "task", "close"}


def test_dataflow_ends_with_everything_paid(dataflow: Life) -> None:
    assert [h.step for h in dataflow.log if h.what == "close"] == ["paid"] * 6
    late = [0] * 5 + [24]
    assert sum(late) / 6 == 4.0
