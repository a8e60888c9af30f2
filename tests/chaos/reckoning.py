"""What came of it, from what the providers wrote down and what the database holds; never from what a worker says."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence, Set
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from domain.vocabulary import Note, Step
from store.schema import (
    CaseRow,
    EventRow,
    MessageItemRow,
    MessageRow,
    MessageState,
    PlanRow,
    TaskRow,
    TaskState,
)
from tests.chaos.log import read

#: The rungs that every invoice has climbed by the end which nobody paid and whose messages all have a known fate.
RUNGS = (
    Step.PRE_DUE,
    Step.DUE,
    Step.OVERDUE,
    Step.OVERDUE_2,
    Step.CALL,
    Step.AM_ALERT,
    Step.CREDIT_HOLD,
)
_OF_PAYMENT = frozenset({"payment_received", "credit_issued"})


def duplicates(accepted: Path) -> int:
    """Mails beyond the first with one message id for one recipient, or with one step of one invoice and cycle."""
    lines = read(accepted)
    messages = Counter((line["message"], line["recipient"]) for line in lines)
    items = Counter(
        (item, line["recipient"])
        for line in lines
        for item in line["items"]
        if item.partition("=")[2].partition("/")[0] not in list(Note)
    )
    return max(_beyond_first(messages.values()), _beyond_first(items.values()))


def _beyond_first(counts: Iterable[int]) -> int:
    return sum(count - 1 for count in counts)


def missed(session: Session, accepted: Path, bounced: Set[str]) -> list[str]:
    """Rungs that were left out, as `invoice: rung`; and messages marked SENT that no provider has.

    A case one of whose mails bounced waits for a person, and one with an unknown mail may; one with a plan waited
    for that.
    """
    taken: dict[str, list[str]] = defaultdict(list)
    for event in session.scalars(select(EventRow).where(EventRow.kind == "step_taken").order_by(EventRow.id)):
        taken[str(event.invoice_id)].append(event.payload["step"])
    waiting = _waiting(session, bounced) | {
        each for plan in session.scalars(select(PlanRow)) for each in plan.invoices
    }
    absent = []
    for case in session.scalars(select(CaseRow).order_by(CaseRow.invoice_id)):
        steps = taken[case.invoice_id]
        last = max((RUNGS.index(Step(step)) for step in steps if Step(step) in RUNGS), default=-1)
        to_the_end = case.settled_on is None and case.balance_minor > 0 and case.invoice_id not in waiting
        due = RUNGS if to_the_end else RUNGS[: last + 1]
        absent += [f"{case.invoice_id}: {rung}" for rung in due if rung not in steps]
    arrived = {line["message"] for line in read(accepted)}
    sent = session.scalars(select(MessageRow.message_id).where(MessageRow.state == MessageState.SENT))
    return absent + [f"{message}: sent, and at no provider" for message in sent if message not in arrived]


def _waiting(session: Session, bounced: Set[str]) -> set[str]:
    """Invoices with a mail that bounced, or whose fate is unknown."""
    return set(
        session.scalars(
            select(MessageItemRow.invoice_id)
            .join(MessageRow, MessageRow.message_id == MessageItemRow.message_id)
            .where(or_(MessageRow.state == MessageState.SENDING, MessageRow.message_id.in_(bounced)))
        )
    )


def plans(session: Session) -> dict[str, int]:
    """How many plans ended how."""
    return dict(sorted(Counter(str(plan.state) for plan in session.scalars(select(PlanRow))).items()))


def missed_of_plans(session: Session, bounced: Set[str]) -> list[str]:
    """Plans that did not come to their end, and messages of plans that were left out: the confirmation of each,
    thanks for the last instalment of one that was kept, the notice and the end of one that was broken."""
    waiting, absent = _waiting(session, bounced), []
    for plan in session.scalars(select(PlanRow).order_by(PlanRow.plan_id)):
        if waiting & set(plan.invoices):
            continue
        about = select(MessageRow.step).where(
            MessageRow.ref == plan.plan_id, MessageRow.state == MessageState.SENT
        )
        sent = set(session.scalars(about))
        needed = {
            "kept": {"plan_confirmed", "plan_thanks_2"},
            "broken": {"plan_confirmed", "plan_cure_1", "plan_broken_1"},
        }.get(plan.state)
        if needed is None:
            absent.append(f"{plan.plan_id}: {plan.state}, neither kept nor broken")
        else:
            absent += [f"{plan.plan_id}: {step}" for step in sorted(needed - sent)]
    return absent


def after_known(session: Session, invoices: Iterable[str]) -> list[str]:
    """Claims that came when the rows of payments and credits already covered the invoice, or while a plan that was
    agreed stood over it: all take the customer's lock, so the order of the rows is the order of what was known.
    Thanks and confirmations ask for nothing: they come after."""
    wrong = []
    for invoice_id in invoices:
        case = session.get(CaseRow, invoice_id)
        if case is None:
            continue
        owed, planned = case.amount_minor, False
        of_invoice = select(EventRow).where(EventRow.invoice_id == invoice_id).order_by(EventRow.id)
        for event in session.scalars(of_invoice):
            if event.kind in _OF_PAYMENT:
                owed -= int(Decimal(event.payload["amount"]) * 100)
            planned = event.kind == "plan_accepted" or (planned and event.kind != "plan_ended")
            asks = event.kind == "step_claimed" and event.payload["step"] in list(Step)
            if asks and (owed <= 0 or planned):
                wrong.append(f"{invoice_id}: {event.payload['message_id']}")
    return wrong


def unknown(session: Session) -> tuple[int, list[str]]:
    """How many messages have an unknown fate, and those of them that nobody would see."""
    ids = session.scalars(select(MessageRow.message_id).where(MessageRow.state == MessageState.SENDING)).all()
    listed = set(session.scalars(select(TaskRow.ref).where(TaskRow.state == TaskState.OPEN)))
    return len(ids), [message_id for message_id in ids if message_id not in listed]


def after_bounced(session: Session, bounced: Set[str]) -> list[str]:
    """Messages that bounced and are on nobody's worklist, and claims for an address that was known to bounce."""
    wrong = []
    tasks = set(session.scalars(select(TaskRow.ref).where(TaskRow.kind == "contact")))
    for message_id in sorted(bounced):
        message = session.get_one(MessageRow, message_id)
        if not message.to:
            continue
        item = select(MessageItemRow.invoice_id).where(MessageItemRow.message_id == message_id)
        staff = not session.scalars(item).first()
        if staff:
            continue
        if message_id not in tasks:
            wrong.append(f"{message_id}: bounced, and on nobody's worklist")
        for invoice_id in session.scalars(item):
            known = False
            of_invoice = select(EventRow).where(EventRow.invoice_id == invoice_id).order_by(EventRow.id)
            for event in session.scalars(of_invoice):
                if event.kind == "notice_bounced" and event.payload["message_id"] == message_id:
                    known = True
                if known and event.kind == "step_claimed":
                    claimed = session.get_one(MessageRow, event.payload["message_id"])
                    if claimed.to == message.to:
                        wrong.append(f"{invoice_id}: {claimed.message_id} claimed after the bounce")
    return wrong


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent do not exceed (nearest rank)."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1] if values else math.nan


def verdict(figures: dict[str, Any], plans: dict[str, int], unseen: Sequence[str]) -> list[str]:
    """Why the run does not count, if it does not."""
    least = {"seconds": 180, "invoices": 300, "sent": 1000}
    faults = [
        f"{name}: {figures[name]}, at least {least[name]}" for name in least if figures[name] < least[name]
    ]
    faults += [
        f"plans {state}: {plans.get(state, 0)}, at least 5"
        for state in ("kept", "broken")
        if plans.get(state, 0) < 5
    ]
    faults += [f"{who} was killed {n} times, at least 3" for who, n in figures["kills"].items() if n < 3]
    faults += [
        f"{name}: {figures[name]}" for name in ("duplicates", "missed", "after_known") if figures[name]
    ]
    return faults + [f"unknown and on nobody's worklist: {message_id}" for message_id in unseen]
