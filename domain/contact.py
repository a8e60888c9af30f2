"""One voice per customer: which of a customer's invoices go into one message or task, and which are only listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from domain.case import Case
from domain.decide import due_step, open_approval, with_approval
from domain.decision import CarryOut
from domain.facts import StepTaken
from domain.pauses import calendar_of, collectable, is_settled
from domain.policy import HARSH, TASKS, Policy, PolicyStep
from domain.thanks import told_after
from domain.vocabulary import AFTER_THE_DEBT, HARSHNESS, Note, Step

#: Overdue notices ask for payment or an answer within a week; nothing happens on that date by itself.
RESPONSE_DAYS = 7
_ASKS_BY_DATE = frozenset({Step.OVERDUE, Step.OVERDUE_2, Step.AT_RISK})


@dataclass(frozen=True, slots=True)
class Pursued:
    """A case with the policy pinned to it."""

    case: Case
    policy: Policy


@dataclass(frozen=True, slots=True)
class ContactItem:
    """One invoice of a contact on its own rung; `asked` is in minor units of the invoice's currency."""

    invoice_id: str
    step: Step | Note
    cycle: int
    asked: int
    catch_up: bool
    ref: str = ""
    """Which promise or call a note is about; the climb that thanks are for."""


@dataclass(frozen=True, slots=True)
class Contact:
    """One message or task to be made. The harshest item sets the step, hence template, tone and recipients."""

    step: Step | Note
    cycle: int
    items: tuple[ContactItem, ...]
    listed: tuple[str, ...]
    """Open invoices that the message shows but does not ask for."""
    rung: PolicyStep | None
    policy: Policy
    approval: str
    rank: int
    ref: str
    on: date
    block_on: date | None = None
    answer_by: date | None = None
    kind: str = ""
    """What outside tools and the outbox call it where that is more than its step."""
    number: int = 0
    """Of the instalment that a plan's message is about."""
    goes_by: date | None = None
    """The last day on which it may go out, where that is not its own."""

    @property
    def name(self) -> str:
        return self.kind or str(self.step)

    @property
    def unsolicited(self) -> bool:
        """Whether the gap between messages counts from it."""
        if self.step in (Note.PLAN_BROKEN, Note.OFFER_LAPSED):
            return True  # the ladder goes on, but not on the heels of this message
        return self.rung is not None and self.rung.is_notice

    def offers_until(self, policy: Policy) -> date:
        """The last day of what its message offers by itself: so many days after it may go out."""
        return (self.goes_by or self.on) + timedelta(days=policy.offers.at_step_days)

    def taken(self, item: ContactItem, message_id: str | None, proof: str) -> StepTaken:
        """The fact that this contact leaves on one of its invoices."""
        return StepTaken.model_validate(
            {
                "step": item.step,
                "cycle": item.cycle,
                "message_id": message_id,
                "proof": proof,
                "catch_up": item.catch_up,
                "block_on": self.block_on if item.step is Step.CREDIT_HOLD else None,
                "answer_by": self.answer_by if item.step is Step.DEMAND else None,
            }
        )


def _voice(step: Step) -> str:
    """What may share a message: credit hold, demand and referral letters stand alone, as does each kind of task."""
    return step if step in HARSH or step in TASKS else "notice"


def _answer_by(rung: PolicyStep, on: date) -> date | None:
    """The date a letter asks to be answered by; before it a demand is never followed up."""
    if rung.step is Step.DEMAND:
        return on + timedelta(days=rung.answer_days)
    return on + timedelta(days=RESPONSE_DAYS) if rung.step in _ASKS_BY_DATE else None


def compose(trigger: Pursued, decision: CarryOut, siblings: Sequence[Pursued], now: datetime) -> Contact:
    """The contact that `decision` on `trigger` leads to, with everything else due today in the same voice.

    `siblings` are the customer's other open cases with the same seller. A separate letter due today goes
    first; the notice then keeps the gap.
    """
    today = calendar_of(trigger.case.account, trigger.policy).local_date(now)
    if isinstance(decision.step, Note):
        return _note(trigger, decision, decision.step, siblings, now)
    candidates: list[tuple[Pursued, CarryOut, Step]] = [(trigger, decision, decision.step)]
    if trigger.policy.grouping:
        for sibling in siblings:
            carried = ready(sibling, now)
            if carried is not None and isinstance(carried.step, Step) and sibling.policy.grouping:
                candidates.append((sibling, carried, carried.step))
    voice = _voice(decision.step)
    if decision.step not in TASKS and decision.approval != "ask":
        letters = [step for _, carried, step in candidates if step in HARSH and carried.approval != "ask"]
        if letters:
            voice = _voice(max(letters, key=HARSHNESS.__getitem__))
    approvals = {decision.approval} if voice == _voice(decision.step) else {"none", "given"}
    chosen = [
        (pursued, carried, step)
        for pursued, carried, step in candidates
        if _voice(step) == voice and carried.approval in approvals
    ]
    chosen.sort(key=lambda entry: (entry[0].case.due, entry[0].case.invoice_id))
    leader, leading, step = max(chosen, key=lambda entry: (HARSHNESS[entry[2]], entry[0] is trigger))
    rung = leader.policy.by_step[step]
    calendar = calendar_of(leader.case.account, leader.policy)
    items = tuple(
        ContactItem(
            pursued.case.invoice_id,
            own,
            carried.cycle,
            collectable(pursued.case, pursued.policy, today),
            carried.catch_up,
        )
        for pursued, carried, own in chosen
    )
    # A letter that waits for a person names dates that still hold on the last day it may be approved.
    expires_days = leader.policy.approval.expires_days if leading.approval == "ask" else 0
    goes_by = calendar.add_business_days(today, expires_days) if expires_days else today
    inside = {item.invoice_id for item in items}
    listed = tuple(
        sorted(
            pursued.case.invoice_id
            for pursued in [trigger, *siblings]
            if voice == "notice"
            and leader.policy.grouping
            and pursued.policy.grouping
            and pursued.case.invoice_id not in inside
            and pursued.case.cancelled_at is None
            and not is_settled(pursued.case, pursued.policy)
        )
    )
    return Contact(
        step=step,
        cycle=leading.cycle,
        items=items,
        listed=listed,
        rung=rung,
        policy=leader.policy,
        approval=leading.approval,
        rank=leading.rank,
        ref="",
        on=today,
        block_on=calendar.add_business_days(goes_by, rung.notice_days) if step is Step.CREDIT_HOLD else None,
        answer_by=_answer_by(rung, goes_by),
        goes_by=goes_by,
    )


def _note(
    trigger: Pursued, decision: CarryOut, note: Note, siblings: Sequence[Pursued], now: datetime
) -> Contact:
    """An answer is about one invoice; what is told after the end of a debt is told about all of the customer's
    that are to be told of today."""
    calendar = calendar_of(trigger.case.account, trigger.policy)
    today = calendar.local_date(now)
    if note is Note.ANSWER_NOTED:
        return _answers(trigger, decision, siblings, now)
    if note not in AFTER_THE_DEBT:
        asked = collectable(trigger.case, trigger.policy, today)
        item = ContactItem(trigger.case.invoice_id, note, decision.cycle, asked, False, decision.ref)
        return Contact(
            note, decision.cycle, (item,), (), None, trigger.policy, "none", 0, decision.ref, today
        )
    together = [trigger, *(siblings if trigger.policy.grouping else ())]
    items: list[ContactItem] = []
    for pursued in sorted(together, key=lambda each: (each.case.due, each.case.invoice_id)):
        told = told_after(pursued.case, pursued.policy, now)
        if told is None or calendar.local_date(told.at) != today:
            continue
        if pursued is trigger or pursued.policy.grouping:
            invoice_id, cycle = pursued.case.invoice_id, pursued.case.cycle
            items.append(ContactItem(invoice_id, told.note, cycle, 0, False, told.ref))
    released = any(item.step is Note.CREDIT_HOLD_RELEASED for item in items)
    step = Note.CREDIT_HOLD_RELEASED if released else Note.THANKS
    return Contact(step, decision.cycle, tuple(items), (), None, trigger.policy, "none", 0, "", today)


def _answers(trigger: Pursued, decision: CarryOut, siblings: Sequence[Pursued], now: datetime) -> Contact:
    """An answer about several invoices is noted once, for all of them."""
    today = calendar_of(trigger.case.account, trigger.policy).local_date(now)
    note, ref = Note.ANSWER_NOTED, decision.ref
    about = [
        pursued
        for pursued in (trigger, *siblings)
        if pursued is trigger
        or (ref in pursued.case.answers and (note, ref, 0) not in pursued.case.confirmed)
    ]
    items = tuple(
        ContactItem(pursued.case.invoice_id, note, pursued.case.cycle, 0, False, ref)
        for pursued in sorted(about, key=lambda each: (each.case.due, each.case.invoice_id))
    )
    return Contact(note, decision.cycle, items, (), None, trigger.policy, "none", 0, ref, today)


def ready(pursued: Pursued, now: datetime) -> CarryOut | None:
    """What a case may do today, whatever its minute; None while a person has yet to approve it."""
    due = due_step(pursued.case, pursued.policy, now)
    if due is None:
        return None
    asked = open_approval(pursued.case, due)
    if asked is not None and asked.message_id not in pursued.case.approved and now < asked.expires_at:
        return None
    return with_approval(pursued.case, due, ())
