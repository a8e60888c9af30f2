"""A payment plan over one or several invoices: what has come in for it, and what happens next, and why.

The same shape as a case: facts are filed on the plan's invoices, everything else follows from them. Payments
on any of the invoices move along the instalments from the first one; what is credited, written off or
disputed is taken from the last ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from domain.calendar import Calendar
from domain.case import Case, Stamped, hold_ends
from domain.cash_source import announced_amount, announced_between
from domain.channels import window_of
from domain.contract import InstalmentView, PlanView
from domain.decide import unclear
from domain.decision import LOOK_AGAIN, Lean, NextStep, TaskRequest, Wait
from domain.facts import PlanAccepted, PlanEnded, PlanRestored, PlanTabled
from domain.instalments import deadline
from domain.money import Money
from domain.pauses import calendar_of, frozen_amount, is_settled, received_for
from domain.policy import Policy
from domain.vocabulary import Note, PlanState, WaitingOn

#: Kind under which staff find a plan they have to decide about.
DECISION_TASK = "plan_decision"


class Instalment(NamedTuple):
    """One instalment as it stands; amounts in minor units."""

    number: int
    due_on: date
    amount: int
    """What is to be paid: less than agreed where something was credited or is disputed."""
    paid: int
    deadline: date
    """The last day of grace."""
    covered: bool


class SendNote(Lean):
    """Write this message of the plan, once."""

    kind: Literal["send_note"] = "send_note"
    note: Note
    number: int = 0
    """Of the instalment it is about."""
    cure_by: date | None = None
    why: str
    rule: str = "plan"


class EndPlan(Lean):
    """The plan is over."""

    kind: Literal["end_plan"] = "end_plan"
    state: PlanState
    broken_on: date | None = None
    """The day it was broken: of a plan that was restored and lost its money again, the day it first was."""
    why: str
    rule: str = "plan"


PlanDecision = Annotated[Wait | SendNote | EndPlan, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True)
class Plan:
    """The facts of one plan: its terms, and its invoices with all of theirs."""

    terms: PlanTabled
    cases: tuple[Case, ...]
    policy: Policy

    @classmethod
    def of(cls, plan_id: str, cases: Sequence[Case], policy: Policy) -> Plan:
        """The plan as it was tabled on these invoices."""
        return cls(cases[0].plans[plan_id].fact, tuple(cases), policy)

    @property
    def plan_id(self) -> str:
        return self.terms.plan_id

    @property
    def lead(self) -> Case:
        """The invoice through which the plan is written to: the first that is still open."""
        return next((case for case in self.cases if not is_settled(case, self.policy)), self.cases[0])

    @property
    def accepted(self) -> Stamped[PlanAccepted] | None:
        return self.cases[0].plans_accepted.get(self.plan_id)

    @property
    def ended(self) -> Stamped[PlanEnded] | None:
        return self.cases[0].plans_ended.get(self.plan_id)

    @property
    def restored(self) -> Stamped[PlanRestored] | None:
        """The newest time it stood again after it was broken."""
        return self.cases[0].plans_restored.get(self.plan_id)

    @property
    def told_of_restoring(self) -> bool:
        """Whether the customer has been told, with the thanks for the money, that the plan stands again."""
        assert self.restored is not None, "it was restored"
        numbers = range(self.restored.fact.number, len(self.terms.instalments) + 1)
        thanked = (self.sent(Note.PLAN_THANKS, number) for number in numbers)
        return any(at is not None and at >= self.restored.at for at in thanked)

    @property
    def state(self) -> PlanState:
        if self.ended is not None:
            return self.ended.fact.state
        return self.terms.state if self.accepted is None else PlanState.ACTIVE

    @property
    def calendar(self) -> Calendar:
        return calendar_of(self.lead.account, self.policy)

    @property
    def tolerance(self) -> int:
        return self.policy.tolerance_in(self.terms.currency)

    @property
    def received(self) -> int:
        """What has come in since the plan was tabled, on any of its invoices. What one was paid too much
        counts as long as it lies on the account: once it is applied, it counts where it was applied."""
        paid = sum(received_for(case, self.terms) for case in self.cases)
        over = sum(case.overpaid for case in self.cases)
        spare = self.lead.account.unapplied.get(self.terms.currency, 0)
        return max(0, paid + min(over, max(0, spare)))

    @property
    def announced(self) -> int:
        """What of it only one source tells of: not asked for, and not yet thanked for."""
        return sum(announced_amount(case) for case in self.cases)

    @property
    def relief(self) -> int:
        """What need not be paid any more, or not for now: credited, written off, cancelled or disputed."""
        relief = 0
        for case in self.cases:
            part = self.terms.part(case.invoice_id)
            owed = case.net + case.paid - part.paid - frozen_amount(case)
            relief += max(0, part.planned - max(0, owed))
        return relief

    @property
    def outstanding(self) -> int:
        """What is still to be paid by the instalments."""
        return max(0, self.terms.total - self.relief - self.received)

    def received_before(self, day: date) -> int:
        """What of it came before a day, by the dates of the payments, whenever they became known."""
        later = sum(
            case.received_between(day, date.max) + announced_between(case, day, date.max)
            for case in self.cases
        )
        return max(0, self.received - later)

    def instalments(self, received: int | None = None) -> list[Instalment]:
        """The instalments with what has come in for each: all that was received, where nothing else is named."""
        left_out = self.relief
        received = self.received if received is None else received
        amounts: list[int] = []
        for planned in reversed(self.terms.instalments):
            cut = min(planned.amount, left_out)
            left_out -= cut
            amounts.insert(0, planned.amount - cut)
        result: list[Instalment] = []
        for number, (planned, amount) in enumerate(
            zip(self.terms.instalments, amounts, strict=True), start=1
        ):
            paid = min(amount, received)
            received -= paid
            ends = deadline(planned.due_on, self.calendar, self.policy)
            covered = amount - paid <= self.tolerance if paid else amount == 0
            result.append(Instalment(number, planned.due_on, amount, paid, ends, covered))
        return result

    def sent(self, note: Note, number: int = 0) -> datetime | None:
        """When a message of the plan went out; None while it has not."""
        times = [case.confirmed.get((note, self.plan_id, number)) for case in self.cases]
        return min((at for at in times if at is not None), default=None)


def name_of(note: Note, number: int, ordinal: int) -> str:
    """The kind of a plan's message as outside tools see it, one for each: `plan_reminder_1`, and of the
    second plan of these invoices `plan2_reminder_1`."""
    kind = note.replace("plan", "plan" if ordinal == 1 else f"plan{ordinal}", 1)
    return f"{kind}_{number}" if number else kind


def state_of(instalment: Instalment, today: date) -> str:
    """How an instalment is shown: `paid`, `partly_paid`, `missed` once its grace has passed, else `open`."""
    if instalment.covered:
        return "paid"
    if today > instalment.deadline:
        return "missed"
    return "partly_paid" if instalment.paid else "open"


def view_of(plan: Plan, today: date) -> PlanView:
    """The plan as the `case` query shows it: the amounts as agreed, each with where it stands."""
    return PlanView(
        plan_id=plan.plan_id,
        state=plan.state,
        instalments=tuple(
            InstalmentView(
                amount=str(Money(planned.amount, plan.terms.currency)),
                due_on=planned.due_on,
                state=state_of(instalment, today),
            )
            for planned, instalment in zip(plan.terms.instalments, plan.instalments(), strict=True)
        ),
    )


def newest_plan(case: Case) -> str | None:
    """The id of the newest plan over an invoice, whatever became of it."""
    newest = max(case.plans.values(), key=lambda tabled: (tabled.at, tabled.fact.ordinal), default=None)
    return None if newest is None else newest.fact.plan_id


def standing(cases: Iterable[Case]) -> dict[str, PlanTabled]:
    """The plans over these cases that have not ended, all of whose invoices are among them."""
    known = {case.invoice_id: case for case in cases}
    tabled = {
        plan_id: each.fact
        for case in known.values()
        for plan_id, each in case.plans.items()
        if plan_id not in case.plans_ended
    }
    return {
        plan_id: terms
        for plan_id, terms in tabled.items()
        if all(each.invoice_id in known for each in terms.invoices)
    }


def shares(plan: Plan, amount: int) -> list[tuple[str, int]]:
    """How an amount that comes for a plan is spread over its invoices, the oldest first. Minor units."""
    spread: list[tuple[str, int]] = []
    for case in plan.cases:
        left = plan.terms.part(case.invoice_id).planned - max(0, received_for(case, plan.terms))
        share = min(amount, left, case.balance)
        if share > 0:
            spread.append((case.invoice_id, share))
            amount -= share
    return spread


def decide_plan(plan: Plan, now: datetime) -> Wait | SendNote | EndPlan:
    """What happens next to a plan at `now`. Pure and total."""
    today = plan.calendar.local_date(now)
    if plan.ended is not None:
        return EndPlan(state=plan.ended.fact.state, why=plan.ended.fact.why or f"the plan is {plan.state}")
    busy = next((wait for case in plan.cases if (wait := unclear(case, plan.policy, now)) is not None), None)
    if plan.accepted is None:
        return _owed_nothing(plan) or _on_the_table(plan, now, busy)
    return busy or _running(plan, now, today)


def _owed_nothing(plan: Plan) -> EndPlan | None:
    if all(is_settled(case, plan.policy) for case in plan.cases):
        return EndPlan(state=PlanState.WITHDRAWN, why="nothing is owed any more")
    return None


def _on_the_table(plan: Plan, now: datetime, busy: Wait | None) -> Wait | SendNote | EndPlan:
    """Offered to the customer, or proposed by them, and not agreed yet."""
    terms = plan.terms
    until = plan.calendar.midnight_after(terms.open_until)
    if plan.state is PlanState.PROPOSED:
        rank = 0 if now < until else 1 + (now - until) // timedelta(days=7)
        why = f"a plan was proposed by the customer: decide by {terms.open_until}" + (
            f", {rank} weeks late" if rank > 1 else ", late" if rank else ""
        )
        task = TaskRequest(kind=DECISION_TASK, ref=f"{plan.plan_id}-{rank}", why=why)
        again = until + timedelta(days=7) * rank
        return Wait(until=again, waiting_on=WaitingOn.PERSON, why=why, rule="plan_decision", tasks=(task,))
    if now >= until:
        return EndPlan(state=PlanState.EXPIRED, why=f"nobody took the offer by {terms.open_until}")
    why = f"offered until {terms.open_until}"
    if terms.origin == "staff" and plan.sent(Note.PLAN_PROPOSED) is None:
        return busy or _send(plan, now, SendNote(note=Note.PLAN_PROPOSED, why=why), until)
    return Wait(until=until, waiting_on=WaitingOn.PLAN, why=why, rule="plan_offer")


def _running(plan: Plan, now: datetime, today: date) -> Wait | SendNote | EndPlan:
    instalments = plan.instalments()
    booked = plan.instalments(max(0, plan.received - plan.announced)) if plan.announced else instalments
    paid = [instalment for instalment in booked if instalment.covered and instalment.paid]
    if plan.sent(Note.PLAN_CONFIRMED) is None and plan.outstanding > plan.tolerance:
        return _send(plan, now, SendNote(note=Note.PLAN_CONFIRMED, why="the plan was agreed"))
    relapsed = _relapsed(plan)
    if relapsed is not None:
        return relapsed
    thanks = paid[-1].number if paid else 0
    thanked = any(plan.sent(Note.PLAN_THANKS, number) for number in range(thanks, len(instalments) + 1))
    if thanks and not thanked and plan.lead.account.route(Note.THANKS) is not None:
        why = f"instalment {thanks} of {len(instalments)} has come in"
        return _send(plan, now, SendNote(note=Note.PLAN_THANKS, number=thanks, why=why))
    held = _held(plan, now, today)
    missing = next((instalment for instalment in instalments if not instalment.covered), None)
    if missing is None:
        if any(case.open_disputes for case in plan.cases):
            return _look_again(now, WaitingOn.DISPUTE, "what is left is disputed")
        if plan.announced:
            return _look_again(now, WaitingOn.HOLD, "what is left is announced, and not booked yet")
        state = PlanState.KEPT if plan.received else PlanState.WITHDRAWN
        why = "every instalment has come in" if plan.received else "nothing is owed any more"
        return EndPlan(state=state, why=why)
    if held is not None:
        return held
    if today > missing.deadline:
        return _missed(plan, missing, now, today)
    reminded = _reminder(plan, missing, now, today)
    if isinstance(reminded, SendNote):
        return reminded
    over = plan.calendar.midnight_after(missing.deadline)
    amount = Money(missing.amount - missing.paid, plan.terms.currency)
    why = (
        f"instalment {missing.number} of {len(instalments)}: {amount} {plan.terms.currency} is due on "
        f"{missing.due_on}"
    )
    wait = Wait(until=over, waiting_on=WaitingOn.PLAN, why=why, rule="plan")
    if reminded is None:
        return wait
    step = NextStep(step=Note.PLAN_REMINDER, at=reminded)
    return wait.model_copy(update={"until": min(reminded, over), "next_step": step})


def _reminder(plan: Plan, missing: Instalment, now: datetime, today: date) -> SendNote | datetime | None:
    """The reminder of an instalment, or when it is due; None where there is none (any more): the plan was
    agreed too shortly before, or its day has come."""
    assert plan.accepted is not None
    if plan.sent(Note.PLAN_REMINDER, missing.number) is not None:
        return None
    calendar = plan.calendar
    on = calendar.roll(missing.due_on - timedelta(days=plan.policy.plan.remind_days))
    if on <= calendar.local_date(plan.accepted.at) or on > missing.due_on or today > missing.due_on:
        return None
    at = calendar.next_open(
        max(now, calendar.at(on, time.min)), window_of(plan.policy.send_window, plan.lead.account.ways)
    )
    if at > now:
        return at if calendar.local_date(at) <= missing.due_on else None
    if plan.lead.account.route(Note.THANKS) is None:
        return None
    why = f"instalment {missing.number} is due on {missing.due_on}"
    return SendNote(note=Note.PLAN_REMINDER, number=missing.number, why=why)


def _missed(plan: Plan, missing: Instalment, now: datetime, today: date) -> Wait | SendNote | EndPlan:
    """Grace is over: one notice that names the last day, then the plan is broken."""
    cured_on = plan.sent(Note.PLAN_CURE, missing.number)
    why = _missing(missing)
    if cured_on is None:
        cure_by = plan.calendar.add_business_days(today, plan.policy.plan.cure_days)
        note = SendNote(note=Note.PLAN_CURE, number=missing.number, cure_by=cure_by, why=why)
        return _send(plan, now, note)
    # Who paid after the notice and had the payment reversed gets no second one, but its time once more.
    reversed_at = [back.at for case in plan.cases for back in case.reversals.values()]
    counts_from = plan.calendar.local_date(max([cured_on, *reversed_at]))
    last_day = plan.calendar.add_business_days(counts_from, plan.policy.plan.cure_days)
    if today <= last_day:
        until = plan.calendar.midnight_after(last_day)
        why = f"{why}; it may come until {last_day}"
        return Wait(until=until, waiting_on=WaitingOn.PLAN, why=why, rule="plan_cure")
    if plan.sent(Note.PLAN_BROKEN, missing.number) is not None:
        return EndPlan(state=PlanState.BROKEN, why=why, broken_on=today)
    return _send(plan, now, SendNote(note=Note.PLAN_BROKEN, number=missing.number, why=why))


def _missing(missing: Instalment) -> str:
    return f"instalment {missing.number}, due on {missing.due_on}, has not come in"


def _relapsed(plan: Plan) -> EndPlan | None:
    """A plan that was restored by money which is gone again, before the customer was told: broken as it was."""
    if plan.restored is None or plan.told_of_restoring:
        return None
    restored = plan.restored.fact
    missing = plan.instalments(plan.received_before(restored.broken_on))[restored.number - 1]
    if missing.covered:
        return None
    return EndPlan(state=PlanState.BROKEN, why=_missing(missing), broken_on=restored.broken_on)


def _held(plan: Plan, now: datetime, today: date) -> Wait | None:
    """A hold on any invoice of the plan, or on the account, stops reminders and notices."""
    holds = {hold.hold_id: hold for case in plan.cases for hold in case.open_holds(today)}
    if not holds:
        return None
    ends = [hold_ends(hold) for hold in holds.values()]
    last_day = None if None in ends else max(end for end in ends if end is not None)
    until = now + LOOK_AGAIN if last_day is None else plan.calendar.midnight_after(last_day)
    why = f"on hold ({' and '.join(sorted({hold.reason for hold in holds.values()}))})"
    return Wait(until=until, waiting_on=WaitingOn.HOLD, why=why, rule="hold")


def _look_again(now: datetime, waiting_on: WaitingOn, why: str) -> Wait:
    return Wait(until=now + LOOK_AGAIN, waiting_on=waiting_on, why=why, rule="plan")


def _send(
    plan: Plan, now: datetime, note: SendNote, no_later: datetime | None = None
) -> Wait | SendNote | EndPlan:
    """Write at the next opening of the window; where nobody can be reached, a person finds a way."""
    today = plan.calendar.local_date(now)
    held = _held(plan, now, today)
    if held is not None:
        return held
    if plan.lead.account.route(Note.THANKS) is None:
        customer_id = plan.lead.account.customer_id
        task = TaskRequest(
            kind="contact_missing", ref=customer_id, why="no contact of the customer has an address"
        )
        until = now + timedelta(days=plan.policy.recheck_days)
        return Wait(
            until=until if no_later is None else min(until, no_later),
            waiting_on=WaitingOn.PERSON,
            why=f"{note.why}; {task.why}",
            rule="contact_missing",
            tasks=(task,),
        )
    at = plan.calendar.next_open(now, window_of(plan.policy.send_window, plan.lead.account.ways))
    if at <= now:
        return note
    return Wait(
        until=at if no_later is None else min(at, no_later),
        waiting_on=WaitingOn.PLAN,
        why=note.why,
        rule="plan",
        next_step=NextStep(step=note.note, at=at),
    )
