"""The lists of staff: open cases, and what a person has to do."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from commands import cases
from commands.place import find
from commands.terminal import amount, count, day, moment, notes, out, print_json, table, total, words
from domain.contract import Customer
from domain.decision import AskApproval, CarryOut, Wait
from domain.money import Money
from domain.policy import TASKS
from domain.view import outlook
from domain.vocabulary import Step, step_name
from store import queries
from store import worklist as store_worklist
from store.schema import CaseRow, CustomerRow, TaskRow

#: More than anybody's worklist: a list says all that there is.
_ALL = 1_000_000


def print_cases(state: Path | None, *, customer: str | None, seller: str | None, as_json: bool) -> None:
    """List the open cases, the earliest due first."""
    place = find(state)
    with place.reading() as session:
        rows = queries.open_cases(session, customer_id=customer, seller=seller)
        customers = _customers(session, {row.customer_id for row in rows})
        now = place.now(session)
    if as_json:
        print_json([_case(row, customers[row.customer_id], now) for row in rows])
        return
    if not rows:
        notes().print("No open cases.")
        return
    listed = table(
        ["Invoice", "Customer", "Balance", "Due", "Days late", "Stage", "Waiting on", "Next step"],
        right=["Balance", "Days late"],
        wide=["Invoice", "Customer", "Next step"],
    )
    for row in rows:
        who = customers[row.customer_id]
        zone = cases.zone_of(row, who)
        late = (_today(now, zone) - row.due_on).days
        listed.add_row(
            words(row.number),
            words(who.shown_name),
            words(amount(row.balance_minor, row.currency)),
            words(day(row.due_on)),
            words(f"{late:,}" if late > 0 else ""),
            words(row.stage.replace("_", " ")),
            words(row.waiting_on or "", "bold" if row.waiting_on in ("approval", "person") else ""),
            words(next_words(row, zone, now)),
        )
    out().print(listed)
    open_money = (Money(row.balance_minor, row.currency) for row in rows)
    out().print()
    out().print(
        words(f"{count(len(rows), 'invoice')} of {count(len(customers), 'customer')} · {total(open_money)}"),
        soft_wrap=True,
    )


def next_words(row: CaseRow, zone: str, near: datetime | None = None) -> str:
    """What comes next to a case, and when, in the customer's zone; without the year if it is `near`."""
    match cases.decision_of(row):
        case Wait(next_step=following) if following is not None:
            return f"{step_name(following.step)}, {moment(following.at, zone, near)}"
        case Wait() as wait:
            return f"looked at again, {moment(wait.until, zone, near)}"
        case AskApproval() as asked:
            return f"approval of {step_name(asked.step)}, by {moment(asked.until, zone, near)}"
        case CarryOut() as carried:
            return f"{step_name(carried.step)}, under way"
        case _:
            return ""


def _case(row: CaseRow, who: Customer, now: datetime) -> dict[str, Any]:
    return {
        "invoice_id": row.invoice_id,
        "number": row.number,
        "customer_id": row.customer_id,
        "customer": who.shown_name,
        "seller": row.seller,
        "currency": row.currency,
        "balance_due": str(Money(row.balance_minor, row.currency)),
        "due_on": row.due_on,
        "days_past_due": (_today(now, cases.zone_of(row, who)) - row.due_on).days,
        "stage": row.stage,
        **_outlook(row, now),
        "why": row.why,
        "risk": row.risk,
        "policy": {"name": row.policy_name, "version": row.policy_version},
    }


def _outlook(row: CaseRow, now: datetime) -> dict[str, Any]:
    """What the case waits for and what comes next, as the query answers it."""
    decision = cases.decision_of(row)
    if decision is None:
        return {"waiting_on": None, "waiting_until": None, "next_step": None, "outcome": None}
    found = outlook(decision, now)
    following = found["next_step"]
    return {**found, "next_step": None if following is None else following.model_dump(mode="json")}


def print_worklist(
    state: Path | None, *, kind: str | None, customer: str | None, invoice: str | None, as_json: bool
) -> None:
    """List what a person has to do: what has a day first, then the oldest."""
    place = find(state)
    with place.reading() as session:
        about = None if invoice is None else _invoice_id(session, invoice)
        tasks = store_worklist.list_open(
            session, kind=kind, customer_id=customer, invoice_id=about, limit=_ALL
        )
        customers = _customers(session, {task.customer_id for task in tasks if task.customer_id})
        numbers = _numbers(session, tasks)
    if as_json:
        print_json([_task(task) for task in tasks])
        return
    if not tasks:
        notes().print("Nothing to do.")
        return
    listed = table(["Item", "What", "Customer", "Invoice", "By", "Why"], wide=["Customer", "Invoice", "Why"])
    for task in tasks:
        who = customers.get(task.customer_id or "")
        about_these = [task.invoice_id] if task.invoice_id else task.invoices
        listed.add_row(
            words(task.item_id),
            words(task_name(task)),
            words(who.shown_name if who is not None else task.customer_id or ""),
            words(", ".join(numbers.get(each, each) for each in about_these)),
            words(day(task.due_on)),
            words(task.why),
        )
    out().print(listed)
    out().print()
    out().print(words(count(len(tasks), "item")))
    if any(task.kind in ("reply", "unmatched_reply") for task in tasks):
        notes().print(
            "Customers' mail: python starter.py reply ITEM, with --confirm where the suggestion is right"
        )
    if any(task.kind == "risk_note_proposed" for task in tasks):
        notes().print("What feeds say: python starter.py risk-note ITEM --confirm, or --dismiss")
    if any(task.kind in (*TASKS, "referral") for task in tasks):
        notes().print("Call sheets and referral packs: python starter.py papers INVOICE -o FOLDER")


def task_name(task: TaskRow) -> str:
    """What kind of thing there is to do: `account manager alert`, `conflicting fact`."""
    return step_name(Step(task.kind)) if task.kind in list(Step) else task.kind.replace("_", " ")


def _task(task: TaskRow) -> dict[str, Any]:
    """The keys of the contract, and what else staff may filter by."""
    return {
        "item_id": task.item_id,
        "kind": task.kind,
        "invoice_id": task.invoice_id,
        "customer_id": task.customer_id,
        "why": task.why,
        "raw": None if task.raw is None else task.raw.decode("utf-8", "backslashreplace"),
        "invoices": task.invoices,
        "due_on": task.due_on,
        "created_at": task.created_at,
    }


def _invoice_id(session: Session, invoice: str) -> str:
    row = cases.find_case(session, invoice)
    return invoice if row is None else row.invoice_id


def _customers(session: Session, ids: set[str]) -> dict[str, Customer]:
    rows = session.scalars(select(CustomerRow).where(CustomerRow.customer_id.in_(ids)))
    return {row.customer_id: Customer.model_validate(row.profile) for row in rows}


def _numbers(session: Session, tasks: list[TaskRow]) -> dict[str, str]:
    ids = {each for task in tasks for each in (*task.invoices, task.invoice_id) if each}
    rows = session.execute(select(CaseRow.invoice_id, CaseRow.number).where(CaseRow.invoice_id.in_(ids)))
    return {row.invoice_id: row.number for row in rows}


def _today(now: datetime, zone: str) -> date:
    return now.astimezone(ZoneInfo(zone)).date()
