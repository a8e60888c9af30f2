"""What goes with a plan that was agreed: the schedule on paper, and its dates for a calendar."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from icalendar import Calendar, Event

from activities.writing.blocks import imprint, made_up_of, parties
from activities.writing.mail import Attachment
from activities.writing.phrasing import Labels, habits_of, paper_for, template
from domain.letters.letter import NoticeFacts
from domain.money import Money


def schedule_filename(facts: NoticeFacts) -> str:
    """The name under which the customer keeps the schedule."""
    return f"schedule-{facts.plan.plan_id}.pdf" if facts.plan is not None else "schedule.pdf"


def schedule_html(facts: NoticeFacts) -> str:
    """The schedule as an HTML page in the customer's language and paper size."""
    assert facts.plan is not None, "a schedule is of a plan"
    habits = habits_of(facts)
    say = Labels(facts.language, habits.functions(), "plan")
    letter_say = Labels(facts.language, {**habits.functions(), "total": ""})
    left, rows = facts.plan.total, []
    for each in facts.plan.instalments:
        left -= each.amount
        rows.append((each.number, habits.weekday(each.due_on), habits.money(each.amount), habits.money(left)))
    return template("plan_schedule.html.jinja").render(
        **habits.functions(),
        facts=facts,
        plan=facts.plan,
        lang=facts.language,
        paper=paper_for(facts.customer.country, facts.seller.paper),
        say=say,
        page=letter_say.page,
        page_of=letter_say.page_of,
        invoice_label=letter_say.invoice,
        rows=rows,
        made_up=lambda item: "; ".join(made_up_of(item, habits, letter_say)),
        terms=facts.plan.terms.split("\n"),
        parties=parties(facts, habits, letter_say),
        imprint=imprint(facts.seller, habits, letter_say),
    )


def calendar_of_plan(facts: NoticeFacts) -> Attachment:
    """The instalments as all-day events (RFC 5545); equal facts give equal bytes."""
    assert facts.plan is not None, "the dates are a plan's"
    habits = habits_of(facts)
    say = Labels(facts.language, habits.functions(), "plan")
    calendar = Calendar()
    calendar.add("prodid", "-//Duecourse//Payment plan//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    domain = facts.seller.sender.email.rpartition("@")[2]
    many = len(facts.plan.instalments)
    numbers = ", ".join(item.number for item in facts.items)
    for each in facts.plan.instalments:
        if each.amount <= Money.zero(each.amount.currency):
            continue
        event = Event()
        event.add("uid", f"{facts.plan.plan_id}-{each.number}@{domain}")
        event.add("dtstamp", datetime.combine(facts.as_of, time.min, UTC))
        event.add("dtstart", each.due_on)
        event.add("dtend", each.due_on + timedelta(days=1))
        event.add(
            "summary", f"{say.event(each.number, many, facts.seller.name)}: {habits.money(each.amount)}"
        )
        event.add("description", f"{facts.plan.plan_id}: {numbers}")
        event.add("transp", "TRANSPARENT")
        calendar.add_component(event)
    return Attachment(f"instalments-{facts.plan.plan_id}.ics", "text/calendar", calendar.to_ical())
