"""A plan's messages on real rows: sent once by the same protocol, with the schedule and its dates beside them."""

from __future__ import annotations

import io
from datetime import date

import pikepdf
import pytest
from icalendar import Calendar

from activities.interface import OnMessage, OnPlan, PlanDecided, SignalInput
from activities.paper.plan_papers import calendar_of_plan, schedule_html
from activities.paper.rendering import PdfRenderer
from domain.plans.plan import SendNote
from domain.vocabulary import Note
from store.schema import MessageState, PlanRow
from tests.activities.conftest import Office, Post
from tests.letters import invoice, notice, plan


def agree(office: Office, **asked: object) -> str:
    """A plan of two instalments that counts at once; returns its id."""
    office.open()
    reply = office.ask("INV-1", "propose_plan", **{"count": 2, "source": "portal", **asked})
    assert reply.refused_by is None, reply
    return next(iter(office.case().plans))


def follow(office: Office, plan_id: str, *signals: SignalInput) -> PlanDecided:
    return office.run(office.ledger.follow_plan, OnPlan(plan_id=plan_id, at=office.now, signals=signals))


def reserve(office: Office, plan_id: str) -> OnMessage | None:
    """Reserve and write what the plan is due for, papers and all."""
    drafted = office.run(office.notices.draft_plan_notice, OnPlan(plan_id=plan_id, at=office.now))
    if drafted.message_id is None:
        return None
    on = OnMessage(invoice_id="INV-1", message_id=drafted.message_id, at=office.now)
    office.run(office.documents.render_documents, on)
    return on


def test_the_confirmation_goes_once_with_schedule_dates_and_statement(office: Office, post: Post) -> None:
    plan_id = agree(office)
    for _ in range(3):
        on = reserve(office, plan_id)
        if on is not None:
            office.run(office.notices.send_notice, on)
    assert post.items == ["INV-1=plan_confirmed/0"]
    names = [part.get_filename() for part in post.mails[0].walk() if part.get_filename()]
    assert names[:2] == [f"schedule-{plan_id}.pdf", f"instalments-{plan_id}.ics"]
    assert names[2].endswith(".pdf")
    assert not isinstance(follow(office, plan_id).decision, SendNote)
    assert office.customer().last_unsolicited_on is None, "a plan's mail is exempt from the gap"


def test_a_payment_between_draft_and_claim_takes_the_message_back(office: Office, post: Post) -> None:
    plan_id = agree(office)
    on = reserve(office, plan_id)
    assert on is not None
    office.pay("INV-1", "1250.00")
    office.run(office.notices.send_notice, on)
    assert post.taken == []
    assert office.message(on.message_id).state is MessageState.CANCELLED
    with office.sessions() as session:
        assert session.get_one(PlanRow, plan_id).outstanding_minor == 0


def test_what_nobody_sends_to_a_plan_goes_to_a_person(office: Office) -> None:
    plan_id = agree(office)
    follow(
        office,
        plan_id,
        SignalInput(name="payment_received", inputs=()),
        SignalInput(name="x" * 999, inputs=()),
    )
    assert len(office.tasks("unknown_signal")) == 2
    assert follow(office, "NOBODY").decision is None
    assert office.tasks("unknown_plan")[0].ref == "NOBODY"


def test_a_proposal_beyond_the_limits_is_listed_until_it_is_decided(office: Office) -> None:
    instalments = [
        {"amount": "10.00", "due_on": office.on(5)},
        {"amount": "1240.00", "due_on": office.on(35)},
    ]
    office.open()
    assert office.ask("INV-1", "propose_plan", source="portal", instalments=instalments).refused_by is None
    plan_id = next(iter(office.case().plans))
    [task] = office.tasks("plan_decision", open_only=True)
    assert task.due_on is not None
    assert task.due_on > date(2026, 12, 7)
    assert office.row().waiting_on == "plan"
    office.ask("INV-1", "decide_plan", plan_id=plan_id, accept=False)
    assert office.tasks("plan_decision", open_only=True) == []
    assert office.row().waiting_on != "plan"


def test_the_dates_are_read_back_as_they_were_agreed() -> None:
    facts = notice(Note.PLAN_CONFIRMED, items=[invoice()], plan=plan(0, terms="x"))
    made = calendar_of_plan(facts)
    assert made == calendar_of_plan(facts), "equal facts give equal bytes"
    events = Calendar.from_ical(made.body).walk("VEVENT")
    assert [event["DTSTART"].dt for event in events] == [each.due_on for each in facts.plan.instalments]  # type: ignore[union-attr]
    assert len({str(event["UID"]) for event in events}) == 3
    assert all("28,06" in str(event["SUMMARY"]) for event in events)


def test_hostile_names_stay_text_in_the_calendar() -> None:
    evil = "INV\r\nBEGIN:VALARM\r\nACTION:AUDIO"
    facts = notice(Note.PLAN_CONFIRMED, items=[invoice(evil.replace("\r\n", " "))], plan=plan(0))
    parsed = Calendar.from_ical(calendar_of_plan(facts).body)
    assert parsed.walk("VALARM") == []


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "pt"])
def test_the_schedule_is_the_same_bytes_twice_tagged_and_with_bookmarks(language: str) -> None:
    facts = notice(Note.PLAN_CONFIRMED, items=[invoice()], plan=plan(0, terms="a\nb"), language=language)
    html = schedule_html(facts)
    assert "28" in html
    if language != "en":
        assert "Instalment" not in html
        return
    with PdfRenderer() as renderer:
        once, twice = (renderer.render(html, timeout=60) for _ in range(2))
    assert once == twice
    with pikepdf.open(io.BytesIO(once)) as pdf:
        assert pdf.Root.MarkInfo.Marked
        with pdf.open_outline() as outline:
            assert [item.title for item in outline.root[0].children] == [
                "Instalment schedule",
                "Invoices in this plan",
                "What we agreed",
            ]


def test_an_overdue_notice_names_instalments_that_would_be_accepted_and_pauses_nothing(
    office: Office, post: Post
) -> None:
    office.policy("sandbox", plan={"offer_in_messages": True})
    office.open(invoice={"due_on": "2026-10-01", "issued_on": "2026-09-01"})
    office.later(days=1)
    office.contact()
    [part] = [each for each in post.mails[0].walk() if each.get_content_type() == "text/plain"]
    text = " ".join(str(part.get_payload()).split())
    assert "pay $1,250.00 in 3 instalments: $417.00 by" in text
    assert "$416.00 by" in text
    assert office.case().plans == {}
    reply = office.ask("INV-1", "propose_plan", count=3, source="portal")
    assert reply.refused_by is None
    [plan_id] = office.case().plans_accepted
    assert [each.amount for each in office.case().plans[plan_id].fact.instalments] == [41_700, 41_700, 41_600]
