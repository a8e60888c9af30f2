"""How each fact changes a case: filed under its business time, once, in whatever order facts come."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from functools import singledispatch
from operator import attrgetter
from typing import Any

from domain import contract as wire
from domain import facts
from domain.case import Case, Stamped, Taken
from domain.vocabulary import DeductionKind, DisputeReason, HoldReason, Note

_FIELDS = tuple(field.name for field in fields(Case))
_values = attrgetter(*_FIELDS)


def changed(case: Case, **changes: object) -> Case:
    """The case with some fields changed: `dataclasses.replace` at half its price, for a case changes often."""
    result = object.__new__(Case)
    put = object.__setattr__
    for name, value in zip(_FIELDS, _values(case), strict=True):
        put(result, name, value)
    for name, value in changes.items():
        put(result, name, value)
    return result


@singledispatch
def _file(fact: object, case: Case, at: datetime) -> Case:
    raise TypeError(f"{type(fact).__name__} is not a fact of an invoice")


def apply(case: Case, fact: object, at: datetime) -> Case:
    """File one fact under its business time. A fact whose id is filed already changes nothing."""
    return _file(fact, case, at)


def _add(case: Case, name: str, key: str, value: object, at: datetime) -> Case:
    known: Mapping[str, Any] = getattr(case, name)
    if key in known:
        return case
    return changed(case, **{name: {**known, key: Stamped(value, at, case.epoch)}})


def derived_id(prefix: str, fact_id: str, suffix: str) -> str:
    """An id made from another one, as long as ids may be and no two the same."""
    room = 64 - len(prefix) - len(suffix)
    if len(fact_id) > room:
        digest = hashlib.sha256(fact_id.encode()).hexdigest()[:12]
        fact_id = f"{fact_id[: room - 13]}-{digest}"
    return f"{prefix}{fact_id}{suffix}"


@_file.register
def _(fact: wire.PaymentReceived, case: Case, at: datetime) -> Case:
    return _deduct(_add(case, "payments", fact.payment_id, fact, at), fact, at)


@_file.register
def _(fact: facts.PaymentAnnounced, case: Case, at: datetime) -> Case:
    return _deduct(_add(case, "announced", fact.payment.payment_id, fact, at), fact.payment, at)


@_file.register
def _(fact: facts.PaymentRecognised, case: Case, at: datetime) -> Case:
    return _deduct(_add(case, "recognised", fact.payment.payment_id, fact, at), fact.payment, at)


def _deduct(case: Case, fact: wire.PaymentReceived, at: datetime) -> Case:
    """What the payer kept back is disputed, whoever books the payment; what the seller bears is not."""
    for dispute_id, deduction in disputed_deductions(fact):
        dispute = wire.DisputeRaised(
            dispute_id=dispute_id, reason=DisputeReason.OTHER, amount=deduction.amount
        )
        case = _add(case, "disputes", dispute_id, dispute, at)
    return case


def disputed_deductions(fact: wire.PaymentReceived) -> Iterator[tuple[str, wire.Deduction]]:
    """What was kept back of a payment and is disputed, each with the id of its dispute."""
    for number, deduction in enumerate(fact.deductions, start=1):
        if deduction.kind is DeductionKind.OTHER:
            yield derived_id("", fact.payment_id, f".deduction-{number}"), deduction


@_file.register
def _(fact: wire.PaymentReversed, case: Case, at: datetime) -> Case:
    return _add(case, "reversals", fact.reversal_id, fact, at)


@_file.register
def _(fact: wire.CreditIssued, case: Case, at: datetime) -> Case:
    return _add(case, "credits", fact.credit_id, case.minor(fact.amount), at)


@_file.register
def _(fact: wire.ChargeAdded, case: Case, at: datetime) -> Case:
    return _add(case, "charges", fact.charge_id, fact, at)


@_file.register
def _(fact: wire.ChargeWaived, case: Case, at: datetime) -> Case:
    return _add(case, "waivers", fact.charge_id, fact, at)


@_file.register
def _(fact: wire.InvoiceAmended, case: Case, at: datetime) -> Case:
    return _add(case, "amendments", fact.amendment_id, fact, at)


@_file.register
def _(fact: wire.InvoiceCancelled, case: Case, at: datetime) -> Case:
    return changed(case, cancelled_at=case.cancelled_at or at)


@_file.register
def _(fact: wire.InvoiceStatus, case: Case, at: datetime) -> Case:
    case = _add(case, "statuses", fact.status_id, fact, at)
    if fact.status == "scheduled" and fact.pay_on is not None:
        promise = wire.PromiseMade(
            promise_id=derived_id("status-", fact.status_id, ""), pay_by=fact.pay_on, source="erp"
        )
        case = _add(case, "promises", promise.promise_id, promise, at)
    return case


@_file.register
def _(fact: wire.PromiseMade, case: Case, at: datetime) -> Case:
    return _add(case, "promises", fact.promise_id, fact, at)


@_file.register
def _(fact: wire.DisputeRaised, case: Case, at: datetime) -> Case:
    return _add(case, "disputes", fact.dispute_id, fact, at)


@_file.register
def _(fact: wire.DisputeResolved, case: Case, at: datetime) -> Case:
    return _add(case, "resolutions", fact.dispute_id, fact, at)


@_file.register
def _(fact: wire.HoldPlaced, case: Case, at: datetime) -> Case:
    return _add(case, "holds", fact.hold_id, fact, at)


@_file.register
def _(fact: wire.HoldReleased, case: Case, at: datetime) -> Case:
    return changed(case, released={fact.hold_id: at, **case.released})


@_file.register
def _(fact: wire.RiskNoted, case: Case, at: datetime) -> Case:
    return changed(case, risk_notes=case.risk_notes | {fact.note_id})


@_file.register
def _(fact: facts.UnreadableFact, case: Case, at: datetime) -> Case:
    hold = wire.HoldPlaced(hold_id=f"item-{fact.item_id}", reason=HoldReason.UNREADABLE)
    return _add(case, "holds", hold.hold_id, hold, at)


@_file.register
def _(fact: facts.StepClaimed, case: Case, at: datetime) -> Case:
    return _add(case, "claimed", fact.message_id, fact, at)


def _unclaim(case: Case, message_id: str | None) -> Mapping[str, Any]:
    return {key: claim for key, claim in case.claimed.items() if key != message_id}


@_file.register
def _(fact: facts.ClaimFreed, case: Case, at: datetime) -> Case:
    return changed(case, claimed=_unclaim(case, fact.message_id))


@_file.register
def _(fact: facts.StepTaken, case: Case, at: datetime) -> Case:
    requested = case.requested
    if requested is not None and requested.fact.step == fact.step:
        requested = None
    approval = case.approval
    if approval is not None and fact.message_id == approval.fact.message_id:
        approval = None
    return changed(
        case,
        steps=(*case.steps, Taken(fact, at, fact.on)),
        claimed=_unclaim(case, fact.message_id),
        requested=requested,
        approval=approval,
    )


@_file.register
def _(fact: facts.ConfirmationSent, case: Case, at: datetime) -> Case:
    confirmed = {(fact.note, fact.ref, fact.number): at, **case.confirmed}
    return changed(case, confirmed=confirmed, claimed=_unclaim(case, fact.message_id))


@_file.register
def _(fact: facts.PlanTabled, case: Case, at: datetime) -> Case:
    return _add(case, "plans", fact.plan_id, fact, at)


@_file.register
def _(fact: facts.PlanAccepted, case: Case, at: datetime) -> Case:
    return _add(case, "plans_accepted", fact.plan_id, fact, at)


@_file.register
def _(fact: facts.PlanEnded, case: Case, at: datetime) -> Case:
    return _add(case, "plans_ended", fact.plan_id, fact, at)


@_file.register
def _(fact: facts.PlanRestored, case: Case, at: datetime) -> Case:
    return changed(
        case,
        plans_ended={key: end for key, end in case.plans_ended.items() if key != fact.plan_id},
        plans_restored={**case.plans_restored, fact.plan_id: Stamped(fact, at, case.epoch)},
    )


@_file.register
def _(fact: facts.OfferMade, case: Case, at: datetime) -> Case:
    return _add(case, "offers", fact.offer_id, fact, at)


@_file.register
def _(fact: facts.OfferAccepted, case: Case, at: datetime) -> Case:
    return _add(case, "offers_accepted", fact.offer_id, fact, at)


@_file.register
def _(fact: facts.OfferEnded, case: Case, at: datetime) -> Case:
    return _add(case, "offers_ended", fact.offer_id, fact, at)


@_file.register
def _(fact: facts.OfferCountered, case: Case, at: datetime) -> Case:
    return _add(case, "counters", fact.offer_id, fact, at)


@_file.register
def _(fact: facts.NoticeDelivered, case: Case, at: datetime) -> Case:
    return changed(case, delivered={fact.message_id: at, **case.delivered})


@_file.register
def _(fact: facts.NoticeBounced, case: Case, at: datetime) -> Case:
    return changed(case, bounced={fact.message_id: at, **case.bounced})


@_file.register
def _(fact: facts.DeliveryWaived, case: Case, at: datetime) -> Case:
    """Where the message of the step is unknown, the waiver also ends the wait for it."""
    for message_id, claim in case.claimed.items():
        if claim.fact.step != fact.step:
            continue
        known: facts.InternalFact
        if isinstance(fact.step, Note):
            known = facts.ConfirmationSent(note=fact.step, ref=claim.fact.ref, message_id=message_id)
        else:
            known = facts.StepTaken(step=fact.step, cycle=claim.fact.cycle, message_id=message_id)
        case = apply(case, known, at)
    return case if isinstance(fact.step, Note) else changed(case, waived={**case.waived, fact.step: at})


@_file.register
def _(fact: facts.StepSkipped, case: Case, at: datetime) -> Case:
    approval = case.approval
    if approval is not None and approval.fact.step == fact.step:
        approval = None
    return changed(case, skipped=case.skipped | {(fact.cycle, fact.step)}, approval=approval)


@_file.register
def _(fact: facts.StepRequested, case: Case, at: datetime) -> Case:
    return changed(case, requested=Stamped(fact, at, case.epoch))


@_file.register
def _(fact: facts.ApprovalAsked, case: Case, at: datetime) -> Case:
    return changed(case, approval=Stamped(fact, at, case.epoch))


@_file.register
def _(fact: facts.ApprovalGiven, case: Case, at: datetime) -> Case:
    return changed(case, approved=case.approved | {fact.message_id})


@_file.register
def _(fact: facts.ApprovalWithdrawn, case: Case, at: datetime) -> Case:
    if case.approval is not None and case.approval.fact.message_id == fact.message_id:
        return changed(case, approval=None)
    return case


@_file.register
def _(fact: facts.Snoozed, case: Case, at: datetime) -> Case:
    return changed(case, snoozed=Stamped(fact, at, case.epoch))


@_file.register
def _(fact: facts.CallLogged, case: Case, at: datetime) -> Case:
    return _add(case, "calls", fact.call_id, fact, at)


@_file.register
def _(fact: facts.CreditHoldPlaced, case: Case, at: datetime) -> Case:
    return changed(case, credit_hold_cycle=fact.cycle, blocked=case.blocked | {fact.cycle})


@_file.register
def _(fact: facts.CreditHoldReleased, case: Case, at: datetime) -> Case:
    return changed(case, credit_hold_cycle=None, unblocked=Stamped(fact.cycle, at, case.epoch))


@_file.register
def _(fact: facts.WrittenOff, case: Case, at: datetime) -> Case:
    return _add(case, "write_offs", fact.write_off_id, case.minor(fact.amount), at)


@_file.register
def _(fact: facts.Recalled, case: Case, at: datetime) -> Case:
    return changed(case, recalled=Stamped(fact, at, case.epoch))


@_file.register
def _(fact: facts.PortalAnswered, case: Case, at: datetime) -> Case:
    return _add(case, "answers", fact.answer_id, fact, at)


@_file.register
def _(fact: facts.PolicyChanged, case: Case, at: datetime) -> Case:
    return case


@_file.register
def _(fact: facts.CaseClosed, case: Case, at: datetime) -> Case:
    return changed(case, closed=Stamped(fact, at, case.epoch))
