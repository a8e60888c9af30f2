"""A case as the query, the console and the search attributes show it: figures and dates, no free text."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from domain.case import Case, Taken
from domain.contract import (
    CaseView,
    CounterOfferView,
    DisputeView,
    HoldView,
    NextStepView,
    OfferView,
    PolicyView,
    PromiseView,
    RiskView,
    StepView,
)
from domain.decision import AskApproval, CarryOut, Close, Decision, Wait
from domain.money import Money
from domain.offer_credit import left_to_pay
from domain.offers import offer_state, open_counter
from domain.pauses import calendar_of, promises
from domain.policy import Policy
from domain.risk import assess
from domain.vocabulary import Step, WaitingOn
from domain.wire import LAST_INSTANT


def stage(case: Case) -> str:
    """The last step carried out or covered, without its number; `scheduled` before the first."""
    last = case.last
    if last is None:
        return "scheduled"
    return "referred" if last.fact.step is Step.REFERRAL else last.fact.step.removesuffix("_2")


def waiting_on(decision: Decision) -> WaitingOn | None:
    """What the decision waits for; None for a closed case."""
    match decision:
        case Wait():
            return decision.waiting_on
        case AskApproval():
            return WaitingOn.APPROVAL
        case CarryOut():
            return WaitingOn.APPROVAL if decision.approval == "ask" else WaitingOn.TIME
        case Close():
            return None


def delivery(case: Case, taken: Taken) -> str | None:
    """What is known of a step's message: delivered, accepted, bounced or waived."""
    message_id = taken.fact.message_id
    if message_id is None:
        return None
    waived = taken.fact.step in case.waived and case.waived[taken.fact.step] >= taken.at
    if message_id in case.bounced:
        return "waived" if waived else "bounced"
    if message_id in case.delivered or taken.fact.proof == "delivered":
        return "delivered"
    if waived:
        return "waived"
    return "accepted" if taken.fact.proof == "accepted" else None


def outlook(decision: Decision, now: datetime) -> dict[str, Any]:
    """The part of a case's view that follows from the decision alone. What lies beyond the last instant that the
    wire can say, as the grace of a promise for its last day does, is told as that instant."""
    until: datetime | None = None
    following: NextStepView | None = None
    if isinstance(decision, Wait):
        until = min(decision.until, LAST_INSTANT)
        if decision.next_step is not None:
            at = min(decision.next_step.at, LAST_INSTANT)
            following = NextStepView(step=decision.next_step.step, at=at, why=decision.why)
    elif isinstance(decision, AskApproval):
        until = min(decision.until, LAST_INSTANT)
        following = NextStepView(step=decision.step, at=until, why=decision.why)
    elif isinstance(decision, CarryOut):
        following = NextStepView(step=decision.step, at=now, why=decision.why)
    return {
        "waiting_on": waiting_on(decision),
        "waiting_until": until,
        "next_step": following,
        "outcome": decision.outcome if isinstance(decision, Close) else None,
    }


def view(case: Case, policy: Policy, now: datetime) -> CaseView:
    """The case at the business time `now`, without its outlook."""
    today = calendar_of(case.account, policy).local_date(now)
    risk = assess(case, policy, today)
    return CaseView(
        invoice_id=case.invoice_id,
        customer_id=case.account.customer_id,
        currency=case.currency,
        balance_due=str(Money(case.balance, case.currency)),
        stage=stage(case),
        steps=(
            *(
                StepView(
                    step=taken.fact.step,
                    cycle=taken.fact.cycle,
                    at=taken.at,
                    message_id=taken.fact.message_id,
                    delivery=delivery(case, taken),
                )
                for taken in case.steps
            ),
            *(
                StepView(
                    step=claim.fact.step,
                    cycle=claim.fact.cycle,
                    at=claim.at,
                    message_id=message_id,
                    delivery="unknown",
                )
                for message_id, claim in case.claimed.items()
            ),
        ),
        promises=tuple(
            PromiseView(
                promise_id=promise.promise_id,
                amount=None if promise.amount is None else str(Money(promise.amount, case.currency)),
                pay_by=promise.pay_by,
                state=promise.state,
            )
            for promise in promises(case, policy, today)
        ),
        offer=_offer(case, today),
        counter_offer=_counter_offer(case),
        disputes=tuple(
            DisputeView(
                dispute_id=dispute_id,
                reason=stamped.fact.reason,
                amount=stamped.fact.amount,
                state="open" if case.frozen_by(dispute_id) != 0 else "resolved",
            )
            for dispute_id, stamped in sorted(case.disputes.items())
        ),
        holds=tuple(
            HoldView(hold_id=hold.hold_id, reason=hold.reason, until=hold.until)
            for hold in case.open_holds(today)
        ),
        risk=RiskView(band=risk.band, score=risk.score, reasons=risk.reasons),
        policy=PolicyView(name=policy.name, version=str(policy.version)),
    )


def _offer(case: Case, today: date) -> OfferView | None:
    """The newest offer, whatever became of it."""
    if not case.offers:
        return None
    offer = max(case.offers.values(), key=lambda made: (made.at, made.fact.offer_id)).fact
    return OfferView(
        offer_id=offer.offer_id,
        kind=offer.offer,
        pay=str(Money(max(0, left_to_pay(case, offer)), case.currency)),
        credit=str(Money(offer.credit, case.currency)),
        until=offer.until,
        state=offer_state(case, offer.offer_id, today),
    )


def _counter_offer(case: Case) -> CounterOfferView | None:
    waiting = open_counter(case)
    if waiting is None:
        return None
    return CounterOfferView(
        offer_id=waiting.fact.offer_id,
        pay=str(Money(waiting.fact.pay, case.currency)),
        pay_by=waiting.fact.pay_by,
        decide_by=waiting.fact.decide_by,
    )
