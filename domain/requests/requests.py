"""Updates: what somebody asks for, answered with the facts it leads to or the rule that refuses it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from functools import singledispatch
from typing import NamedTuple

from domain import contract as wire
from domain import facts
from domain.asking import Answer, Asked, Refused, is_referred, nothing_owed
from domain.case import Case
from domain.instalments import PersonLimits
from domain.money import Money
from domain.pauses import calendar_of, pause, promises
from domain.policy import Policy
from domain.requests import offer_requests, plan_requests
from domain.vocabulary import Note, Step, step_name

#: A person may leave a case alone for this long; longer is a hold.
LONGEST_SNOOZE = timedelta(days=60)
#: Leaves room for a prefix in an id of 64.
_FACT_ID = re.compile(r"[A-Za-z0-9._-]{1,48}", re.ASCII)


def answer(
    case: Case,
    policy: Policy,
    request: wire.Request,
    now: datetime,
    request_id: str,
    policies: Collection[str],
    *,
    others: Sequence[Case] = (),
    limits: PersonLimits | None = None,
) -> Answer:
    """The facts to record for `request`, or why it is refused.

    `request_id` names the facts, so that a repeated request records nothing new; `policies` are the
    names a case may be moved to. For a plan, `others` are the customer's further open cases with the same
    seller and `limits` what the law sets for instalments of a natural person.
    """
    today = calendar_of(case.account, policy).local_date(now)
    asked = Asked(case, policy, now, today, _fact_id(request_id), policies, others, limits)
    return _answer(request, asked)


def _fact_id(request_id: str) -> str:
    """The id of a request as an id of the contract: as it came, or its hash where it does not fit."""
    if _FACT_ID.fullmatch(request_id):
        return request_id
    return hashlib.sha256(request_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@singledispatch
def _answer(request: wire.Request, asked: Asked) -> Answer:
    return Refused("UnknownRequest", f"{request.update_name} cannot be asked of an invoice")


def _amount(asked: Asked, amount: str | None, most: int) -> int | Refused | None:
    """Minor units of an asked amount, at most `most`."""
    if amount is None:
        return None
    try:
        minor = asked.case.minor(amount)
    except ValueError as problem:
        return Refused("InvalidRequest", f"amount: {problem}")
    if minor > most:
        limit = Money(most, asked.case.currency)
        return Refused(
            "AmountTooLarge", f"amount {amount} is more than the {limit} {asked.case.currency} open"
        )
    return minor


def _promise(
    asked: Asked, promise_id: str, amount: str | None, pay_by: date, by: str, source: str
) -> wire.PromiseMade | Refused:
    """A promise within the policy's limits, or the limit that stands against it."""
    refused = nothing_owed(asked)
    if refused is not None:
        return refused
    limits = asked.policy.promise
    if pay_by < asked.today:
        return Refused("PromiseInPast", f"pay_by {pay_by} is in the past: name a date from {asked.today} on")
    latest = asked.today + timedelta(days=limits.max_days)
    if pay_by > latest:
        return Refused("PromiseTooLate", f"pay_by {pay_by} is too late: name a date until {latest}")
    standing = [
        promise
        for promise in promises(asked.case, asked.policy, asked.today)
        if promise.epoch == asked.case.epoch and promise.counts
    ]
    if len(standing) > limits.extensions:
        return Refused("PromiseLimitReached", "this invoice was promised before; please talk to us")
    minor = _amount(asked, amount, asked.case.balance)
    if isinstance(minor, Refused):
        return minor
    return wire.PromiseMade.model_validate(
        {
            "promise_id": promise_id,
            "amount": amount,
            "pay_by": pay_by.isoformat(),
            "made_by": by,
            "source": source,
        }
    )


@_answer.register
def _(request: wire.PromiseToPay, asked: Asked) -> Answer:
    promise = _promise(asked, asked.request_id, request.amount, request.pay_by, request.by, "portal")
    return promise if isinstance(promise, Refused) else (promise,)


_answer.register(wire.ProposePlan, plan_requests.propose)
_answer.register(wire.DecidePlan, plan_requests.decide)
_answer.register(wire.MakeOffer, offer_requests.make)
_answer.register(wire.CounterOffer, offer_requests.counter)
_answer.register(wire.DecideOffer, offer_requests.decide)
_answer.register(wire.WithdrawOffer, offer_requests.withdraw)


@_answer.register
def _(request: wire.DecideStep, asked: Asked) -> Answer:
    refused = nothing_owed(asked)
    if refused is not None:
        return refused
    approval = asked.case.approval.fact if asked.case.approval is not None else None
    if (
        approval is None
        or approval.step != request.step
        or approval.message_id in asked.case.approved
        or (request.approval_id is not None and request.approval_id != approval.message_id)
        or asked.now >= approval.expires_at
    ):
        return Refused(
            "NotWaitingForApproval", f"{request.step} of {asked.case.invoice_id} waits for no approval"
        )
    if request.approve:
        stop = pause(asked.case, asked.policy, asked.today)
        if stop is not None:
            return Refused("CasePaused", f"{request.step} cannot be approved: {stop.why}")
        return (facts.ApprovalGiven(message_id=approval.message_id, by=request.by),)
    return (
        facts.StepSkipped(
            step=request.step, cycle=approval.cycle, by=request.by, reason=request.note or "denied"
        ),
    )


def _in_policy(asked: Asked, step: Step) -> Refused | None:
    if step not in asked.policy.by_step:
        return Refused("StepNotInPolicy", f"policy {asked.policy.name} has no step {step}")
    return None


@_answer.register
def _(request: wire.SkipStep, asked: Asked) -> Answer:
    refused = nothing_owed(asked) or _in_policy(asked, request.step)
    if refused is not None:
        return refused
    taken = asked.case.taken(request.step)
    if taken is not None and taken.fact.cycle == asked.case.cycle:
        return Refused("StepAlreadyTaken", f"{request.step} was carried out already")
    return (
        facts.StepSkipped(step=request.step, cycle=asked.case.cycle, by=request.by, reason=request.reason),
    )


@_answer.register
def _(request: wire.RunStep, asked: Asked) -> Answer:
    refused = nothing_owed(asked) or _in_policy(asked, request.step)
    if refused is not None:
        return refused
    if is_referred(asked.case):
        return Refused("CaseReferred", f"{asked.case.invoice_id} is with a partner: recall it first")
    stop = pause(asked.case, asked.policy, asked.today)
    if stop is not None:
        return Refused("CasePaused", f"{request.step} cannot be carried out: {stop.why}")
    return (facts.StepRequested(step=request.step, by=request.by),)


@_answer.register
def _(request: wire.Snooze, asked: Asked) -> Answer:
    refused = nothing_owed(asked)
    if refused is not None:
        return refused
    if request.until < asked.today:
        return Refused(
            "DateInPast", f"until {request.until} is in the past: name a date from {asked.today} on"
        )
    if request.until > asked.today + LONGEST_SNOOZE:
        latest = asked.today + LONGEST_SNOOZE
        return Refused(
            "SnoozeTooLong", f"until {request.until} is too far: name a date until {latest}, or place a hold"
        )
    return (facts.Snoozed(until=request.until, by=request.by, reason=request.reason),)


@_answer.register
def _(request: wire.LogCall, asked: Asked) -> Answer:
    recorded: list[wire.Fact | facts.InternalFact] = []
    promise_id: str | None = None
    if request.promise is not None:
        promise_id = request.promise.promise_id or f"call-{asked.request_id}"
        promise = _promise(
            asked, promise_id, request.promise.amount, request.promise.pay_by, request.by, "phone"
        )
        if isinstance(promise, Refused):
            return promise
        recorded.append(promise)
    if request.dispute is not None:
        amount = _amount(asked, request.dispute.amount, asked.case.balance)
        if isinstance(amount, Refused):
            return amount
        recorded.append(
            wire.DisputeRaised(
                dispute_id=request.dispute.dispute_id or f"call-{asked.request_id}",
                reason=request.dispute.reason,
                amount=request.dispute.amount,
                note=request.dispute.note,
                raised_by=request.by,
            )
        )
    logged = facts.CallLogged(
        call_id=asked.request_id,
        outcome=request.outcome,
        by=request.by,
        note=request.note or "",
        promise_id=promise_id,
    )
    return (logged, *recorded)


@_answer.register
def _(request: wire.ChangePolicy, asked: Asked) -> Answer:
    if request.policy not in asked.policies:
        known = ", ".join(sorted(asked.policies))
        return Refused("UnknownPolicy", f"policy {request.policy!r} is not one of: {known}")
    return (facts.PolicyChanged(policy=request.policy, by=request.by),)


@_answer.register
def _(request: wire.WriteOff, asked: Asked) -> Answer:
    refused = nothing_owed(asked)
    if refused is not None:
        return refused
    minor = _amount(asked, request.amount, asked.case.balance)
    if isinstance(minor, Refused):
        return minor
    amount = Money(asked.case.balance if minor is None else minor, asked.case.currency)
    return (
        facts.WrittenOff(
            write_off_id=asked.request_id, amount=str(amount), by=request.by, reason=request.reason
        ),
    )


@_answer.register
def _(request: wire.Recall, asked: Asked) -> Answer:
    if not is_referred(asked.case):
        return Refused("NotReferred", f"{asked.case.invoice_id} is not with a partner")
    return (facts.Recalled(by=request.by, reason=request.reason),)


@_answer.register
def _(request: wire.WaiveDelivery, asked: Asked) -> Answer:
    if isinstance(request.step, Note):
        if all(claim.fact.step != request.step for claim in asked.case.claimed.values()):
            return Refused("NotUnderWay", f"no {step_name(request.step)} is under way")
    elif (refused := nothing_owed(asked) or _in_policy(asked, request.step)) is not None:
        return refused
    return (facts.DeliveryWaived(step=request.step, by=request.by, reason=request.reason),)


#: Minor units that a balance may come to: what a column of eight bytes holds.
MOST_BOOKED = 9 * 10**18


class Unfit(NamedTuple):
    """A fact that was read but does not fit the case; `pauses` where a person must look before any chasing."""

    why: str
    pauses: bool


def unfit(case: Case, fact: wire.Fact) -> Unfit | None:
    """Why a fact of the wire cannot be booked on this case, or None."""
    currency = getattr(fact, "currency", None)
    if currency is not None and currency != case.currency:
        return Unfit(f"currency {currency} is not the invoice's {case.currency}", pauses=False)
    amounts = [getattr(fact, "amount", None)]
    if isinstance(fact, wire.DisputeResolved) and fact.credit is not None:
        amounts.append(fact.credit.amount)
    for amount in amounts:
        if amount is not None:
            try:
                minor = case.minor(amount)
            except ValueError as problem:
                return Unfit(str(problem), pauses=True)
            if minor <= 0:
                return Unfit(f"amount {amount} is not above zero", pauses=False)
            if abs(case.net) + minor > MOST_BOOKED:
                return Unfit(f"amount {amount} is more than can be booked", pauses=True)
    return None
