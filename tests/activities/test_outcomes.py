"""The measures of what was done and what it brought: by hand on a few lives, and equal to what they list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from activities.interface import OnMessage, OnPlan
from commands.figures.outcomes import Figure, listing, measures
from domain.figures.outcomes import Period
from domain.plans.plan import SendNote
from tests.activities.conftest import Office, Past, Post
from tests.activities.test_cash_source import LINE, erp, line

DECEMBER = Period(date(2026, 12, 1), date(2026, 12, 31))


def open_for(office: Office, invoice_id: str, customer_id: str, **invoice: Any) -> None:
    office.open(invoice_id, customer={"customer_id": customer_id, "name": customer_id}, invoice=invoice)


def told(office: Office, period: Period = DECEMBER) -> dict[str, Any]:
    with office.sessions() as session:
        return measures(session, period, office.today)


def listed(office: Office, figure: Figure, period: Period = DECEMBER) -> list[dict[str, Any]]:
    with office.sessions() as session:
        return listing(session, figure, period, office.today)


def live_through_december(office: Office) -> None:
    """Five invoices over 1,250.00 that are due on 7 December, and what became of them until the 31st."""
    for number in range(1, 6):
        open_for(office, f"INV-{number}", f"C-{number}")
        office.live(f"INV-{number}")
    office.tell(
        "INV-2", "promise_made", promise_id="PR-2", amount="500.00", pay_by="2026-12-10", source="phone"
    )
    office.pay("INV-4", "1250.00", "P-4")  # on the day of the notice: before it
    office.later(days=1)
    office.tell("INV-3", "dispute_raised", dispute_id="D-3", reason="quality", amount="200.00")
    office.tell("INV-5", "dispute_raised", dispute_id="D-5", reason="other")
    office.ask("INV-1", "log_call", outcome="no_answer")
    office.later(days=1)
    office.pay("INV-2", "300.00", "P-2")
    office.later(days=5)  # the 14th
    for number in (1, 2):
        office.live(f"INV-{number}")
    office.ask("INV-1", "log_call", outcome="reached", promise={"promise_id": "PR-1", "pay_by": "2026-12-18"})
    office.later(days=1)
    office.tell("INV-3", "dispute_resolved", dispute_id="D-3", outcome="rejected")
    office.later(days=5)  # the 20th, the last day of grace
    office.pay("INV-1", "1250.00", "P-1")
    office.later(days=5)
    office.tell(
        "INV-2", "payment_reversed", reversal_id="R-2", payment_id="P-2", amount="100.00", reason="other"
    )
    office.tell("INV-3", "promise_made", promise_id="PR-3", pay_by="2026-12-31", source="email")
    office.later(days=6)  # the 31st


@pytest.fixture(scope="module")
def lived_december(postgres_url: str, database_template: str, worker_id: str) -> Iterator[Past]:
    with Past.lived(postgres_url, database_template, f"december_{worker_id}", live_through_december) as past:
        yield past


@pytest.fixture
def december(lived_december: Past, post: Post) -> Iterator[Office]:
    with lived_december.copied(post) as office:
        yield office


def test_promises_are_judged_on_the_last_day_of_their_grace(december: Office) -> None:
    promised = told(december)["promises"]
    assert (promised["kept"], promised["broken"], promised["open"]) == (1, 1, 1)
    assert promised["kept_pct"] == 50.0
    assert promised["amounts"] == [
        {"currency": "USD", "kept": "1250.00", "broken": "500.00", "open": "1250.00", "kept_pct": 71.43}
    ]
    by_id = {row["promise_id"]: row for row in listed(december, Figure.PROMISES)}
    assert {name: row["kept"] for name, row in by_id.items()} == {"PR-1": True, "PR-2": False, "PR-3": None}
    assert by_id["PR-1"]["deadline"] == date(2026, 12, 20)
    until_the_19th = told(december, Period(date(2026, 12, 13), date(2026, 12, 19)))["promises"]
    assert (until_the_19th["kept"], until_the_19th["broken"], until_the_19th["open"]) == (0, 0, 1)


def test_late_evidence_of_money_that_came_in_time_keeps_a_promise(december: Office) -> None:
    december.tell(
        "INV-2",
        "payment_received",
        payment_id="P-2b",
        amount="300.00",
        currency="USD",
        received_on="2026-12-12",
    )
    promised = told(december)["promises"]
    assert (promised["kept"], promised["broken"]) == (2, 0)


def test_disputes_from_raised_to_resolved_and_those_that_are_open(december: Office) -> None:
    disputed = told(december)["disputes"]
    assert (disputed["resolved"], disputed["median_days"], disputed["mean_days"]) == (1, 7.0, 7.0)
    assert disputed["by_outcome"] == {"rejected": 1}
    assert (disputed["open"], disputed["open_median_days"]) == (1, 23.0)
    assert disputed["open_amounts"] == {"USD": "1250.00"}
    on_the_10th = told(december, Period(date(2026, 12, 1), date(2026, 12, 10)))["disputes"]
    assert (on_the_10th["resolved"], on_the_10th["open"]) == (0, 2)


@pytest.mark.parametrize("source", [None, "bank"])
def test_a_deduction_is_a_dispute_whoever_books_the_payment(office: Office, source: str | None) -> None:
    sellers = office.rulebook.sellers.items()
    named = {id_: seller.model_copy(update={"cash_source": source}) for id_, seller in sellers}
    office.use(replace(office.rulebook, sellers=named))
    office.open()
    office.pay("INV-1", "1200.00", deductions=[{"amount": "50.00", "reason": "freight"}])
    assert len(office.events("INV-1", "payment_announced")) == (source is not None)
    assert told(office)["disputes"]["open_amounts"] == {"USD": "50.00"}
    received = [row["amount"] for row in told(office)["recovered"]]
    assert received == ([] if source is not None else ["1200.00"])


def test_what_was_received_counts_for_the_last_step_on_an_earlier_day(december: Office) -> None:
    assert told(december)["recovered"] == [
        {"currency": "USD", "step": "none", "payments": 1, "invoices": 1, "amount": "1250.00"},
        {"currency": "USD", "step": "due", "payments": 1, "invoices": 1, "amount": "200.00"},
        {"currency": "USD", "step": "overdue", "payments": 1, "invoices": 1, "amount": "1250.00"},
    ]


def test_a_reversal_that_came_before_its_payment_takes_it_back_as_well(office: Office) -> None:
    office.open()
    office.tell(
        "INV-1", "payment_reversed", reversal_id="R-1", payment_id="P-1", amount="1250.00", reason="bounced"
    )
    office.pay("INV-1", "1250.00", "P-1")
    (row,) = told(office)["recovered"]
    assert row["amount"] == "0.00"


@pytest.mark.parametrize("bounced_first", [True, False])
def test_money_that_went_back_under_the_other_sources_id_was_not_recovered(
    office: Office, bounced_first: bool
) -> None:
    office.open()
    erp(office)
    back = {"reversal_id": "R-1", "payment_id": LINE, "amount": "1250.00", "reason": "bounced"}
    if bounced_first:
        office.tell("INV-1", "payment_reversed", **back)
        line(office)
    else:
        line(office)
        office.tell("INV-1", "payment_reversed", **back)
    assert len(office.events("INV-1", "payment_recognised")) == 1
    assert office.row().balance_minor == 125_000
    (row,) = told(office)["recovered"]
    assert row["amount"] == "0.00"


def test_a_day_that_an_approver_named_is_a_promise(office: Office) -> None:
    office.open()
    scheduled = {"status_id": "S-1", "status": "scheduled", "pay_on": "2026-12-10"}
    office.tell("INV-1", "invoice_status", **scheduled)
    office.tell("INV-1", "invoice_status", status_id="S-2", status="approved")
    office.later(days=20)
    (row,) = listed(office, Figure.PROMISES)
    assert (row["promise_id"], row["kept"]) == ("status-S-1", False)


def test_what_was_resolved_before_it_was_told_took_no_time(office: Office) -> None:
    office.open()
    office.tell("INV-1", "dispute_resolved", dispute_id="D", outcome="rejected")
    office.later(days=3)
    office.tell("INV-1", "dispute_raised", dispute_id="D", reason="quality", amount="200.00")
    disputed = told(office)["disputes"]
    assert (disputed["resolved"], disputed["median_days"], disputed["open"]) == (1, 0.0, 0)


def test_what_was_done_is_counted(december: Office) -> None:
    acted = told(december)["actions"]
    assert acted["messages_by_step"]["due"] == 5
    assert acted["messages_by_step"]["overdue"] == 2
    assert acted["calls_by_outcome"] == {"no_answer": 1, "reached": 1}
    assert (acted["calls"], acted["credit_holds"], acted["demands"], acted["referrals"]) == (2, 0, 0, 0)
    assert told(december, Period(date(2027, 1, 1), date(2027, 1, 1)))["actions"]["messages"] == 0


def test_the_harsh_steps_are_counted_by_invoice(office: Office) -> None:
    office.open()
    while office.today < date(2027, 2, 15):
        office.sleep()
    told_of = told(office, Period(date(2026, 12, 1), date(2027, 2, 28)))
    acted = told_of["actions"]
    assert (acted["alerts"], acted["credit_holds"], acted["demands"], acted["referrals"]) == (1, 1, 1, 1)
    tasks = {row["kind"]: row for row in told_of["tasks"]}
    assert (tasks["call"]["opened"], tasks["call"]["open"]) == (1, 1)
    in_january = told(office, Period(date(2027, 1, 1), date(2027, 1, 31)))["tasks"]
    assert {row["kind"]: (row["opened"], row["open"]) for row in in_january}["call"] == (0, 1)


def test_steps_of_another_system_are_not_our_doing_but_money_came_after_them(office: Office) -> None:
    office.open(history=[{"step": "demand", "sent_on": "2026-12-01", "channel": "letter"}])
    office.pay("INV-1", "100.00")
    assert told(office)["actions"]["demands"] == 0
    assert [row["step"] for row in told(office)["recovered"]] == ["demand"]


def test_every_figure_is_made_of_what_it_lists(december: Office) -> None:
    figures = told(december)
    promises = Counter(row["kept"] for row in listed(december, Figure.PROMISES))
    assert [promises[True], promises[False], promises[None]] == [
        figures["promises"][key] for key in ("kept", "broken", "open")
    ]
    days = [row["days"] for row in listed(december, Figure.DISPUTES) if row["resolved_on"] is not None]
    assert sum(days) / len(days) == figures["disputes"]["mean_days"]
    by_step = Counter(row["kind"] for row in listed(december, Figure.ACTIONS) if row["action"] == "message")
    assert by_step == figures["actions"]["messages_by_step"]
    received: Counter[str] = Counter()
    for row in listed(december, Figure.RECOVERED):
        received[row["step"]] += Decimal(row["amount"])  # type: ignore[assignment]
    assert {step: f"{amount:.2f}" for step, amount in received.items()} == {
        row["step"]: row["amount"] for row in figures["recovered"]
    }
    for kind in figures["tasks"]:
        rows = [row for row in listed(december, Figure.TASKS) if row["kind"] == kind["kind"]]
        assert {name: sum(row[name] for row in rows) for name in ("opened", "done", "cancelled", "open")} == {
            name: kind[name] for name in ("opened", "done", "cancelled", "open")
        }


def follow(office: Office, plan_id: str) -> None:
    """Carry out what a plan has to write, as its workflow does."""
    on = OnPlan(plan_id=plan_id, at=office.now)
    while isinstance(office.run(office.ledger.follow_plan, on).decision, SendNote):
        drafted = office.run(office.notices.draft_plan_notice, on)
        assert drafted.message_id is not None
        message = OnMessage(invoice_id="INV-1", message_id=drafted.message_id, at=office.now)
        office.run(office.documents.render_documents, message)
        office.run(office.notices.send_notice, message)


@pytest.mark.parametrize("pays", [True, False])
def test_plans_count_when_they_end(office: Office, pays: bool) -> None:
    office.policy("sandbox", plan={"first_days": 2, "cure_days": 1, "grace_days": 1})
    office.open()
    assert office.ask("INV-1", "propose_plan", count=2, source="portal").refused_by is None
    (tabled,) = office.events("INV-1", "plan_tabled")
    follow(office, tabled.event_id)
    winter = Period(date(2026, 12, 1), date(2027, 2, 28))
    assert told(office, winter)["plans"]["kept_pct"] is None
    if pays:
        office.pay("INV-1", "1250.00")
    for _ in range(15):
        follow(office, tabled.event_id)
        office.later(days=1)
    ended = told(office, winter)["plans"]
    assert (ended["kept"], ended["broken"]) == ((1, 0) if pays else (0, 1))
    assert ended["kept_pct"] == (100.0 if pays else 0.0)
    assert ended["amounts"][0]["kept" if pays else "broken"] == "1250.00"
    assert [row["state"] for row in listed(office, Figure.PLANS, winter)] == ["kept" if pays else "broken"]


def test_a_policy_that_cannot_be_read_any_more_stops_no_figure(december: Office) -> None:
    before = told(december)["promises"]
    with december.engine.begin() as connection:
        connection.execute(sa.text('UPDATE cases SET policy = \'{"name": "of another version"}\''))
    assert told(december)["promises"] == before
