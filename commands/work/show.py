"""One case as staff look at it: where it stands, who is behind it, and its timeline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.table import Table
from sqlalchemy.orm import Session

from commands import cases
from commands.place import find
from commands.terminal import amount, city, clean, count, day, moment, out, print_json, table, words
from commands.work.lists import next_words
from commands.work.timeline import DECISION, Entry, timeline
from domain.contract import CaseView, Customer
from domain.hold_out import Arm
from domain.money import Money
from store import outbox, queries, worklist
from store.schema import Approval, CaseRow, MessageState, TaskRow


def print_case(state: Path | None, invoice: str, *, as_json: bool) -> None:
    """Show the case of an invoice by id or number."""
    place = find(state)
    with place.reading() as session:
        row = cases.find_case(session, invoice)
        if row is None:
            raise cases.unknown(invoice)
        now = place.now(session)
        who = cases.customer_of(session, row.customer_id)
        zone = cases.zone_of(row, who)
        view = cases.view_of(session, row, now)
        story = timeline(session, row, zone)
        tasks = worklist.list_open(session, invoice_id=row.invoice_id)
        draft = _draft(session, row)
    if as_json:
        print_json({**_document(row, who, view, story, tasks), "draft": draft})
        return
    console = out()
    console.print(words(f"{row.number} · {_named(row, who)}", "bold"))
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, text in _facts(row, who, view, tasks, now, zone):
        facts.add_row(words(name), words(text))
    console.print(facts)
    console.print()
    told = table([f"When ({city(zone)})", "What", "Balance"], right=["Balance"], wide=["What"])
    for entry in story:
        quiet = "dim" if entry.kind == DECISION else ""
        balance = "" if entry.balance_minor is None else amount(entry.balance_minor, row.currency)
        told.add_row(words(moment(entry.at, zone), quiet), words(entry.text, quiet), words(balance))
    console.print(told)


def _named(row: CaseRow, who: Customer) -> str:
    known_as = (
        who.shown_name if who.shown_name == row.customer_id else f"{who.shown_name} ({row.customer_id})"
    )
    return known_as if row.number == row.invoice_id else f"{known_as} · id {row.invoice_id}"


def _facts(
    row: CaseRow, who: Customer, view: CaseView, tasks: list[TaskRow], now: datetime, zone: str
) -> Iterator[tuple[str, str]]:
    """What stands above the timeline, by name."""
    late = (now.astimezone(ZoneInfo(zone)).date() - row.due_on).days
    owed = row.balance_minor > 0
    age = f", {count(late, 'day')} past due" if late > 0 and owed else ""
    issued = f"{day(row.issued_on)} · due " if row.issued_on else ""
    yield (
        "Balance due",
        f"{amount(row.balance_minor, row.currency)} of {amount(row.amount_minor, row.currency)}",
    )
    yield ("Issued" if issued else "Due"), f"{issued}{day(row.due_on)}{age}"
    if row.outcome is not None:
        closed = f", {moment(row.closed_at, zone)}" if row.closed_at is not None else ""
        yield "Outcome", f"{row.outcome.replace('_', ' ')}{closed}"
    else:
        yield "Stage", row.stage.replace("_", " ")
        waiting = (view.waiting_on or "").replace("_", " ")
        until = f" until {moment(view.waiting_until, zone)}" if view.waiting_until else ""
        yield "Waiting on", f"{waiting}{until}"
        yield "Next", next_words(row, zone)
    yield "Why", row.why
    held_out = ", held out" if row.arm == Arm.HELD_OUT else ""
    yield "Policy", f"{row.policy_name}, version {row.policy_version}{held_out}"
    if view.risk.band not in (None, "low"):
        yield "Risk", f"{view.risk.band}: {', '.join(view.risk.reasons)}"
    if view.plan is not None:
        parts = ", ".join(
            f"{_money(each.amount, view)} on {day(each.due_on)} ({each.state.replace('_', ' ')})"
            for each in view.plan.instalments
        )
        yield "Plan", f"{view.plan.plan_id}, {view.plan.state}: {parts}"
    if view.offer is not None:
        offer = view.offer
        pay, credit = _money(offer.pay, view), _money(offer.credit, view)
        kind = offer.kind.replace("_", " ")
        yield (
            "Offer",
            f"{offer.offer_id}, {kind}, {offer.state}: {pay} by {day(offer.until)} settles it ({credit} off)",
        )
    if view.counter_offer is not None:
        asked = view.counter_offer
        pay = _money(asked.pay, view)
        yield (
            "Counter-offer",
            f"{asked.offer_id}: {pay} by {day(asked.pay_by)}, decide by {day(asked.decide_by)}",
        )
    for promise in view.promises:
        what = _money(promise.amount, view) or "everything"
        yield "Promise", f"{what} by {day(promise.pay_by)}: {promise.state}"
    for dispute in view.disputes:
        what = _money(dispute.amount, view) or "everything"
        yield "Dispute", f"{dispute.reason.replace('_', ' ')}, {what}: {dispute.state}"
    for hold in view.holds:
        until = f" until {day(hold.until)}" if hold.until else ""
        yield "Hold", f"{hold.reason.replace('_', ' ')}{until} (--hold-id {hold.hold_id})"
    for task in tasks:
        by = f", by {day(task.due_on)}" if task.due_on else ""
        yield "To do", f"{task.why}{by} ({task.item_id})"
    yield (
        "Papers",
        f"call sheet, referral pack and what was sent: python starter.py papers {row.invoice_id} -o FOLDER",
    )
    for contact in who.contacts:
        reached = " · ".join(each for each in (contact.email, contact.phone) if each)
        named = f"{contact.name} ({contact.role})" if contact.name else contact.role
        yield "Contact", f"{named}: {reached or 'no address'}"
    manager = who.account_manager
    if manager is not None:
        yield "Account manager", f"{manager.name or 'unnamed'}: {manager.email or 'no address'}"


def _money(text: str | None, view: CaseView) -> str | None:
    return None if text is None else amount(Money.parse(text, view.currency).minor, view.currency)


def _draft(session: Session, row: CaseRow) -> Any:
    """The words of the message that waits for approval, as a person may edit them; None for a template's."""
    for message in queries.messages_of(session, [row.invoice_id])[row.invoice_id]:
        if message.state is MessageState.PENDING and message.approval is Approval.REQUESTED:
            drafted = outbox.document(session, message.message_id, outbox.DRAFT)
            return None if drafted is None else json.loads(drafted)
    return None


def _document(
    row: CaseRow, who: Customer, view: CaseView, story: list[Entry], tasks: list[TaskRow]
) -> dict[str, Any]:
    """The query's answer, and beside it what a case is about and its timeline."""
    return {
        **view.model_dump(mode="json"),
        "number": row.number,
        "customer": who.shown_name,
        "seller": row.seller,
        "amount": str(Money(row.amount_minor, row.currency)),
        "issued_on": row.issued_on,
        "due_on": row.due_on,
        "why": row.why,
        "tasks": [{"item_id": task.item_id, "kind": task.kind, "why": task.why} for task in tasks],
        "timeline": [
            {
                "at": entry.at,
                "kind": entry.kind,
                "ref": entry.ref,
                "text": clean(entry.text),
                "balance_due": None
                if entry.balance_minor is None
                else str(Money(entry.balance_minor, row.currency)),
            }
            for entry in story
        ],
    }
