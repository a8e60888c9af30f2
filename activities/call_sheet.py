"""The call sheet: what a person needs in front of them to call a customer about open invoices.

It is for colleagues alone and in English; whatever a customer or an ERP wrote is printed as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from activities.account_facts import AccountRead, read_account
from activities.rulebook import Rulebook
from activities.writing.blocks import made_up_of
from activities.writing.phrasing import Habits, Labels, habits_of, paper_for, template
from domain.instalments import PersonLimits
from domain.letters.letter import InvoiceFacts, by_due_date, open_totals
from domain.money import Money
from domain.pauses import calendar_of, collectable, standing_plan
from domain.seller import one_line
from domain.view import view
from domain.vocabulary import CustomerKind, PlanState, step_name
from store import outbox, portfolio, queries
from store.schema import CaseRow, MessageRow, MessageState

_LAST_MESSAGES = 8
_LAST_CALLS = 8
#: 12 CFR 1006.14(b)(2) and 1006.6(b), taken as defaults for persons: see docs/papers.md.
_MOST_CALLS = (
    "at most 7 calls in 7 days, none within 7 days after a conversation, between 8:00 and 21:00 there"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One dated thing that happened: a message, a promise, a call."""

    when: str
    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    name: str
    due: str
    late: str
    balance: str
    notes: str
    made_up: tuple[str, ...]
    """What the balance is made up of, where it is not what was invoiced."""


@dataclass(frozen=True, slots=True)
class CallSheet:
    """What stands on the sheet, in words."""

    account: AccountRead
    habits: Habits
    invoices: tuple[OpenInvoice, ...]
    totals: str
    warnings: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    opening: tuple[str, ...]
    allowed: tuple[str, ...]
    promises: tuple[Line, ...]
    calls: tuple[Line, ...]
    messages: tuple[Line, ...]


def read_call_sheet(
    session: Session, rows: Sequence[CaseRow], rulebook: Rulebook, now: datetime
) -> CallSheet:
    """The sheet for a call about these cases of one customer, as of `now`."""
    account = read_account(session, rows, rulebook, now)
    habits = habits_of(account.facts)
    say = Labels("en", {**habits.functions(), "total": ""})
    items = by_due_date(account.facts.items)
    views = {invoice_id: view(each.case, each.policy, now) for invoice_id, each in account.pursued.items()}
    return CallSheet(
        account=account,
        habits=habits,
        invoices=tuple(
            OpenInvoice(
                name=item.name,
                due=habits.short_day(item.due_on),
                late=_late(item, habits),
                balance=habits.money(item.balance),
                notes=", ".join(
                    f"{what} {habits.money(money)}"
                    for what, money in (
                        ("disputed", item.disputed),
                        ("promised", item.promised),
                        ("in instalments", item.planned),
                        ("on its way to us", item.arriving),
                    )
                    if money
                ),
                made_up=made_up_of(item, habits, say),
            )
            for item in items
        ),
        totals=habits.amounts(open_totals(items).values()),
        warnings=tuple(
            dict.fromkeys(
                f"Do not ask for money on {item.name}: {hold.reason.replace('_', ' ')}"
                + (f" until {habits.short_day(hold.until)}" if hold.until else "")
                for item in items
                for hold in views[item.invoice_id].holds
            )
        ),
        facts=tuple(_facts(session, account, habits, now)),
        opening=_opening(
            account, habits, {item.invoice_id for item in items if views[item.invoice_id].holds}
        ),
        allowed=_allowed(account, habits, rulebook.plan_limits(account.profile)),
        promises=tuple(
            Line(
                when=f"by {habits.short_day(promise.pay_by)}",
                what=_amount(promise.amount, item.currency, habits),
                detail=f"{item.name}: {promise.state.replace('_', ' ')}",
            )
            for item in items
            for promise in views[item.invoice_id].promises
        ),
        calls=_calls(account, habits),
        messages=_messages(session, account, habits),
    )


def call_sheet_html(sheet: CallSheet) -> str:
    """The sheet as an HTML page, in the seller's paper size."""
    facts = sheet.account.facts
    return template("call_sheet.html.jinja").render(
        sheet=sheet,
        facts=facts,
        profile=sheet.account.profile,
        day=sheet.habits.day,
        kinds={kind: kind.value.replace("_", " ") for kind in CustomerKind},
        paper=paper_for(facts.seller.address.country, facts.seller.paper),
    )


def call_sheet_filename(on: date) -> str:
    return f"call-sheet-{on.isoformat()}.pdf"


def _facts(session: Session, account: AccountRead, habits: Habits, now: datetime) -> list[tuple[str, str]]:
    """Who they are and how they have paid so far."""
    profile = account.profile
    told = [("Customer no.", profile.customer_id), ("Kind", profile.kind.replace("_", " "))]
    if profile.tier:
        told.append(("Tier", profile.tier))
    if profile.timezone:
        local = now.astimezone(ZoneInfo(profile.timezone))
        told.append(("Their time", f"{profile.timezone}, {local:%H:%M} when this was printed"))
    if profile.kind != CustomerKind.BUSINESS:
        told.append(("Calls to persons", _MOST_CALLS))
    paid = portfolio.paid_history(session, profile.customer_id)
    if paid:
        late = [(settled - due).days for _, due, settled in paid]
        often = sum(days > 0 for days in late)
        told.append(
            ("Paid so far", f"{len(paid)} invoices, {often} of them late, median {median(late):g} days")
        )
    else:
        told.append(("Paid so far", "nothing known"))
    for amount in account.facts.unapplied:
        told.append(("Not yet assigned", habits.money(amount)))
    manager = profile.account_manager
    if manager is not None:
        told.append(("Account manager", " · ".join(part for part in (manager.name, manager.email) if part)))
    told.extend(("Instalments", line) for line in _broken_plans(account, habits))
    reasons = dict.fromkeys(
        reason
        for pursued in account.pursued.values()
        for reason in view(pursued.case, pursued.policy, now).risk.reasons
    )
    if reasons:
        told.append(("Risk", "; ".join(reasons)))
    if profile.relationship_notes:
        told.append(("Notes", one_line(profile.relationship_notes)))
    return told


def _opening(account: AccountRead, habits: Habits, held: set[str]) -> tuple[str, ...]:
    """How to begin: who calls, what about, and an open question. Never asks for what is held, promised or
    disputed, and never threatens."""
    seller = account.facts.seller.name
    first = f"Hello, this is … from {seller}. Have I reached the person who looks after our invoices?"
    free = [item for item in by_due_date(account.facts.items) if item.invoice_id not in held]
    asked = []
    for item in free:
        pursued = account.pursued[item.invoice_id]
        owed = collectable(pursued.case, pursued.policy, account.today)
        if owed > 0:
            asked.append((item, Money(owed, item.currency)))
    late = [(item, askable) for item, askable in asked if item.is_overdue] or asked
    if not late:
        return (
            first,
            "There is nothing to ask for at present: answer questions, and take down what the customer says.",
        )
    about = f"invoice {late[0][0].name}" if len(late) == 1 else f"{len(late)} invoices"
    totals: dict[str, Money] = {}
    for item, askable in late:
        totals[item.currency] = totals.get(item.currency, Money.zero(item.currency)) + askable
    second = (
        f"I am calling about {about}, {habits.amounts(totals.values())} in all. Did everything arrive, and is"
        " anything unclear?"
    )
    if any(item.disputed for item in free):
        third = (
            "You told us that you disagree with a part. Can we settle that first, and go through the rest?"
        )
    else:
        third = "When may we expect the payment? … (Wait for the answer; repeat date and amount back.)"
    return first, second, third


def _allowed(account: AccountRead, habits: Habits, limits: PersonLimits | None) -> tuple[str, ...]:
    """What may be agreed on the phone under the policy; the tightest counts where cases differ."""
    promise = [pursued.policy.promise for pursued in account.pursued.values()]
    days = min(rules.max_days for rules in promise)
    again = min(rules.extensions for rules in promise)
    latest = habits.weekday(account.today + timedelta(days=days))
    offers = _offers(account, habits)
    return (
        f"A promise to pay all or a part by {latest} at the latest ({days} days)",
        f"It may be put off {'once' if again == 1 else f'{again} times'}"
        if again
        else "It may not be put off",
        _instalments(account, limits),
        *offers,
        f"No {'other ' if offers else ''}discount, no waiver and no word about what a court or an agency will do.",
    )


def _offers(account: AccountRead, habits: Habits) -> tuple[str, ...]:
    """What the customer may settle an invoice for, by its own terms or by an offer that stands."""
    items = by_due_date(account.facts.items)
    terms = (
        f"The early-payment terms of {item.name}: {habits.money(term.pay)} paid by {habits.weekday(term.until)}"
        f" settles it; {habits.percent(term.percent)} ({habits.money(term.credit)}) is then taken off"
        for item in items
        for term in item.early_payment
    )
    return *terms, *(
        f"What was offered on {item.name} ({item.offer.kind.replace('_', ' ')}): {habits.money(item.offer.pay)}"
        f" paid by {habits.weekday(item.offer.until)} settles it; {habits.money(item.offer.credit)} is then credited"
        for item in items
        if item.offer is not None
    )


def _late(item: InvoiceFacts, habits: Habits) -> str:
    """Days past due, or since when all of it is due before its date."""
    if item.whole_due_on is not None:
        return f"due since {habits.short_day(item.whole_due_on)}"
    return str(item.days_past_due) if item.days_past_due > 0 else ""


def _broken_plans(account: AccountRead, habits: Habits) -> list[str]:
    """What became of instalments that were agreed and not kept."""
    told: dict[str, str] = {}
    for pursued in account.pursued.values():
        for plan_id, end in pursued.case.plans_ended.items():
            if end.fact.state is not PlanState.BROKEN:
                continue
            on = end.fact.on or calendar_of(pursued.case.account, pursued.policy).local_date(end.at)
            rest = "the invoices are asked for by their own due dates again"
            if pursued.case.plans[plan_id].fact.whole_falls_due:
                rest = "as agreed, all that is left is due since then"
            told[plan_id] = f"{plan_id} was broken on {habits.short_day(on)}: {rest}"
    return list(told.values())


def _instalments(account: AccountRead, limits: PersonLimits | None) -> str:
    """Which instalments may be agreed at once."""
    pursued = account.pursued.values()
    if any(standing_plan(each.case, account.today) is not None for each in pursued):
        return "No other instalments: a plan lies on the table or is being paid."
    rules = [each.policy.plan for each in pursued]
    if not all(each.enabled for each in rules):
        return "No instalments: take down what the customer proposes."
    most = min(each.max_instalments for each in rules)
    days = min(each.max_days for each in rules)
    first = max(each.min_first_percent for each in rules)
    told = "Instalments"
    if limits is not None:
        most = min(most, limits.payments)
        months = f", within {limits.months} months" if limits.months is not None else ""
        told = f"Instalments, free of charge{months}"
    return (
        f"{told}: up to {most}, the last within {days} days, the first at least {first} % of the whole; take down"
        " whatever goes further, and promise nothing."
    )


def _calls(account: AccountRead, habits: Habits) -> tuple[Line, ...]:
    logged = []
    for invoice_id, pursued in account.pursued.items():
        calendar = calendar_of(pursued.case.account, pursued.policy)
        for call in pursued.case.calls.values():
            outcome = call.fact.outcome.replace("_", " ")
            told = f"{invoice_id}: {one_line(call.fact.note)}" if call.fact.note else invoice_id
            on = habits.short_day(calendar.local_date(call.at))
            logged.append((call.at, Line(on, f"{outcome}, {one_line(call.fact.by)}", told)))
    return tuple(line for _, line in sorted(logged, key=lambda entry: entry[0], reverse=True)[:_LAST_CALLS])


def _messages(session: Session, account: AccountRead, habits: Habits) -> tuple[Line, ...]:
    found = {
        message.message_id: message
        for messages in queries.messages_of(session, list(account.pursued)).values()
        for message in messages
        if message.state in (MessageState.SENT, MessageState.SENDING)
    }
    last = sorted(found.values(), key=_moment, reverse=True)[:_LAST_MESSAGES]
    deliveries = outbox.deliveries_of(session, [message.message_id for message in last])
    lead = next(iter(account.pursued.values()))
    calendar = calendar_of(lead.case.account, lead.policy)
    return tuple(
        Line(
            when=habits.short_day(calendar.local_date(_moment(message))),
            what=f"{_step(message)}: {message.subject or ''}",
            detail=", ".join(dict.fromkeys(event.kind for event in deliveries.get(message.message_id, ())))
            or message.state.value.lower(),
        )
        for message in last
    )


def _moment(message: MessageRow) -> datetime:
    return message.sent_at or message.claimed_at or message.reserved_at


def _step(message: MessageRow) -> str:
    return step_name(message.step) if message.step else ""


def _amount(text: str | None, currency: str, habits: Habits) -> str:
    return "everything" if text is None else habits.money(Money.parse(text, currency))
