"""What a demo came to, counted from the mails on disk and the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from rich.table import Table
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from activities.messages import step_of
from commands.stack.mailbox import duplicates, read_mailbox
from commands.terminal import count, table, words
from domain.vocabulary import Note, Step
from store import queries
from store.schema import CaseRow, DocumentRow, EventRow, MessageRow, MessageState, PlanRow, TaskRow

_ORDER = [*Step, *Note]


def summary(session: Session, state: Path, first: date, until: date) -> dict[str, Any]:
    """The document of `demo --json`. Messages are those to customers; a mail counts under its harshest step.

    `calls` and `alerts` are tasks, grouped per customer; the others count invoices.
    """
    mails = [mail for mail in read_mailbox(state / "mail") if mail.for_customer]
    by_step = Counter(step_of(mail.step) for mail in mails)
    counted = queries.counts(session)
    by_state = select(PlanRow.state, func.count()).group_by(PlanRow.state).order_by(PlanRow.state)
    is_open = CaseRow.closed_at.is_(None) & CaseRow.settled_on.is_(None)
    return {
        "state": str(state),
        "from": first,
        "until": until,
        "invoices": counted.invoices,
        "customers": counted.customers,
        "messages": len(mails),
        "messages_by_step": {str(step): by_step[step] for step in _ORDER if by_step[step]},
        "calls": counted.tasks_by_kind.get(Step.CALL, 0),
        "alerts": counted.tasks_by_kind.get(Step.AM_ALERT, 0),
        "credit_holds": counted.credit_holds,
        "promises": _invoices_with(session, EventRow.kind == "promise_made"),
        "disputes": _invoices_with(
            session,
            or_(
                EventRow.kind == "dispute_raised",
                (EventRow.kind == "payment_received")
                & (func.jsonb_array_length(EventRow.payload["deductions"]) > 0),
            ),
        ),
        "plans": dict(session.execute(by_state).all()),
        "paid": _cases(session, CaseRow.settled_on.is_not(None)),
        "open": _cases(session, is_open),
        "at_risk": _cases(session, is_open & (CaseRow.risk == "high")),
        "duplicates": duplicates(mails),
        "unknown": counted.unknown,
    }


def faults_of(session: Session, result: dict[str, Any], refused: Sequence[str]) -> list[str]:
    """What must not happen in a demo, in words: nothing sent, anything refused, unwritable or sent twice."""
    faults = [f"refused: {request}" for request in refused]
    if not result["messages"]:
        faults.append("no message was sent")
    if result["duplicates"]:
        faults.append(f"{count(result['duplicates'], 'message')} sent twice")
    given_up = select(TaskRow.why, func.count()).where(TaskRow.kind == "unwritable").group_by(TaskRow.why)
    faults += [f"{why} ({count(number, 'message')})" for why, number in session.execute(given_up)]
    failed = select(MessageRow.why, func.count()).where(MessageRow.state == MessageState.FAILED)
    for error, number in session.execute(failed.group_by(MessageRow.why)):
        faults.append(f"refused: {count(number, 'message')}, {error}")
    return faults


def _cases(session: Session, which: ColumnElement[bool]) -> int:
    return session.scalars(select(func.count()).select_from(CaseRow).where(which)).one()


def _invoices_with(session: Session, which: ColumnElement[bool]) -> int:
    return session.scalars(select(func.count(EventRow.invoice_id.distinct())).where(which)).one()


def shown(result: dict[str, Any], seconds: dict[date, float]) -> Table:
    """The summary as people read it."""
    steps = result["messages_by_step"]
    rows = [
        ("lived", f"{result['from']} to {result['until']}, {_pace(result, seconds)}"),
        ("portfolio", f"{count(result['invoices'], 'invoice')} of {count(result['customers'], 'customer')}"),
        ("paid", str(result["paid"])),
        ("open", f"{result['open']}, {result['at_risk']} of them at risk"),
        ("messages", f"{result['messages']}, {result['duplicates']} sent twice, {result['unknown']} unknown"),
        *((f"  {step.replace('_', ' ')}", str(number)) for step, number in steps.items()),
        ("calls to make", str(result["calls"])),
        ("alerts", f"{result['alerts']} to account managers"),
        ("credit holds", count(result["credit_holds"], "invoice")),
        ("promises", f"on {count(result['promises'], 'invoice')}"),
        ("disputes", f"on {count(result['disputes'], 'invoice')}"),
        ("plans", ", ".join(f"{number} {state}" for state, number in result["plans"].items()) or "none"),
    ]
    lines = table(("what", "how many"), wide=("how many",))
    lines.show_header = False
    for what, number in rows:
        lines.add_row(words(what), words(number))
    return lines


def _pace(result: dict[str, Any], seconds: dict[date, float]) -> str:
    lived = (result["until"] - result["from"]).days + 1
    total = sum(seconds.values())
    slowest = max(seconds, key=seconds.__getitem__)
    return (
        f"{lived} days in {total:.0f} s: {total / lived:.2f} s a day,"
        f" {total / len(seconds):.2f} s on each of the {len(seconds)} with something to do,"
        f" {seconds[slowest]:.1f} s on {slowest}"
    )


def write_papers(session: Session, folder: Path) -> int:
    """Write every PDF of the messages that went out as a file and return how many there are."""
    papers = (
        select(MessageRow, DocumentRow)
        .join(DocumentRow, DocumentRow.message_id == MessageRow.message_id)
        .where(MessageRow.state == MessageState.SENT, DocumentRow.media_type == "application/pdf")
    )
    folder.mkdir(exist_ok=True)
    written = 0
    for message, paper in session.execute(papers):
        sent_on = message.sent_at.date() if message.sent_at is not None else message.reserved_at.date()
        name = f"{sent_on} {message.customer_id} {message.step} {message.message_id} {paper.name}"
        (folder / name).write_bytes(paper.body)
        written += 1
    return written
