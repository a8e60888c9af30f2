"""Requests about offers to settle for less, and the offer that a step makes by itself: the facts they lead to, or
the rule that refuses."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Literal

from domain import contract as wire
from domain import facts
from domain.asking import Answer, Asked, Refused, is_referred, nothing_owed
from domain.case import Case
from domain.money import Money
from domain.offers import offer_state, open_counter, standing_offer
from domain.pauses import calendar_of, is_settled, standing_plan
from domain.policy import Policy
from domain.vocabulary import OfferKind, OfferState, Step


def make(request: wire.MakeOffer, asked: Asked) -> Answer:
    """Offer the customer to pay less, inside the policy's limits. It takes the place of what stands."""
    barred = nothing_owed(asked) or _barred(asked.case, asked.policy, asked.today)
    if barred is not None:
        return barred
    credit = _credit_asked(request, asked)
    if isinstance(credit, Refused):
        return credit
    beyond = _beyond(asked.case, asked.policy, asked.today, request.kind, credit, request.until)
    if beyond is not None:
        return Refused("OfferNotAllowed", beyond)
    offer = _offer(
        asked.case,
        asked.policy,
        request.kind,
        credit,
        request.until,
        offer_id=_id_of(asked.case, asked.request_id),
        origin="staff",
        by=request.by,
    )
    return (*_give_way(asked, request.by), offer)


def counter(request: wire.CounterOffer, asked: Asked) -> Answer:
    """Take down what the customer asks to settle for: agreed at once from the policy's share on, else staff
    decide by a day."""
    rules, case = asked.policy.offers, asked.case
    barred = nothing_owed(asked) or _barred(case, asked.policy, asked.today)
    if barred is not None:
        return barred
    if not rules.counter_offers:
        return Refused("OfferNotAllowed", f"policy {asked.policy.name} takes no counter-offers")
    if any(made.epoch == case.epoch for made in case.counters.values()):
        return Refused("CounterOfferBefore", f"terms for {case.invoice_id} were proposed before")
    try:
        pay = case.minor(request.amount)
    except ValueError as problem:
        return Refused("InvalidRequest", f"amount: {problem}")
    if pay >= case.balance:
        owed = Money(case.balance, case.currency)
        return Refused("AmountTooLarge", f"amount {request.amount} is not less than the {owed} open")
    wrong_day = _wrong_day("pay_by", request.pay_by, asked.policy, asked.today)
    if wrong_day is not None:
        return Refused("OfferNotAllowed", wrong_day)
    offer_id = _id_of(case, asked.request_id)
    countered = facts.OfferCountered(
        offer_id=offer_id,
        pay=pay,
        pay_by=request.pay_by,
        decide_by=calendar_of(case.account, asked.policy).add_business_days(asked.today, rules.decide_days),
        by=request.by,
    )
    at_once = rules.accept_from is not None and pay >= Decimal(rules.accept_from) * case.balance
    if not at_once or pay <= asked.policy.tolerance_in(case.currency):
        return (countered,)
    return (*_give_way(asked, request.by), countered, *_agreed(countered, asked, request.by))


def decide(request: wire.DecideOffer, asked: Asked) -> Answer:
    """Accept or decline what was offered to the customer, or what they asked for."""
    case, offer_id = asked.case, request.offer_id
    waiting = case.counters.get(offer_id)
    is_counter = waiting is not None and open_counter(case) == waiting
    is_open = offer_id in case.offers and offer_state(case, offer_id, asked.today) is OfferState.OPEN
    if not is_counter and not is_open:
        return Refused("OfferNotOpen", f"offer {offer_id} of {case.invoice_id} waits for no decision")
    if not request.accept:
        return (_ended(offer_id, "declined", asked, request.by),)
    barred = nothing_owed(asked) or _barred(case, asked.policy, asked.today)
    if barred is not None:
        return barred
    if waiting is None or not is_counter:
        return (facts.OfferAccepted(offer_id=offer_id, by=request.by),)
    credit = case.balance - waiting.fact.pay
    if credit <= 0:
        return Refused("OfferNotOpen", f"no more than what the customer offers is open on {case.invoice_id}")
    beyond = _beyond(
        case, asked.policy, asked.today, OfferKind.SETTLEMENT, credit, waiting.fact.pay_by, countered=True
    )
    if beyond is not None:
        return Refused("OfferNotAllowed", beyond)
    return (*_give_way(asked, request.by, but=offer_id), *_agreed(waiting.fact, asked, request.by))


def withdraw(request: wire.WithdrawOffer, asked: Asked) -> Answer:
    """Take back an offer. One that the customer accepted binds both."""
    if request.offer_id not in asked.case.offers:
        return Refused("OfferNotOpen", f"{asked.case.invoice_id} has no offer {request.offer_id}")
    state = offer_state(asked.case, request.offer_id, asked.today)
    if state is OfferState.ACCEPTED:
        return Refused("OfferAgreed", f"the customer accepted offer {request.offer_id}: it binds both")
    if state is not OfferState.OPEN:
        return Refused("OfferNotOpen", f"offer {request.offer_id} is {state} already")
    return (_ended(request.offer_id, "withdrawn", asked, request.by, request.reason),)


def offer_of_step(
    case: Case, policy: Policy, step: Step, cycle: int, today: date, until: date
) -> facts.OfferMade | None:
    """What the message of a step offers by itself, once a climb; None where the policy has no such offer or
    nothing may be offered (any more)."""
    rules = policy.offers
    if rules.at_step is not step or case.cancelled_at is not None or is_settled(case, policy):
        return None
    if _barred(case, policy, today) is not None or standing_offer(case, today) is not None:
        return None
    offer_id = _id_of(case, f"{step}-{cycle}")
    if offer_id in case.offers or open_counter(case) is not None:
        return None
    credit = int((Decimal(rules.at_step_discount) * case.balance).quantize(Decimal(1), ROUND_DOWN))
    if rules.at_step_kind is OfferKind.FEE_WAIVER:
        credit = min(case.charged, case.balance)
    if _beyond(case, policy, today, rules.at_step_kind, credit, until, own_date=True) is not None:
        return None
    return _offer(
        case,
        policy,
        rules.at_step_kind,
        credit,
        until,
        offer_id=offer_id,
        origin="step",
        by=f"the {step} message",
    )


# -- limits ---------------------------------------------------------------------------------------


def _barred(case: Case, policy: Policy, today: date) -> Refused | None:
    """What stands against any offer: it is never made for what is disputed, planned, held or handed over."""
    if is_referred(case):
        return Refused("CaseReferred", f"{case.invoice_id} is with a partner: recall it first")
    holds = case.open_holds(today)
    if holds:
        return Refused("CasePaused", f"{case.invoice_id} is on hold ({holds[0].reason})")
    if case.open_disputes:
        named = case.open_disputes[0]
        return Refused("OfferNotAllowed", f"dispute {named} of {case.invoice_id} is open: resolve it first")
    plan = standing_plan(case, today)
    if plan is not None:
        return Refused("PlanExists", f"plan {plan.plan_id} stands over {case.invoice_id}")
    standing = standing_offer(case, today)
    if standing is not None and standing.offer_id in case.offers_accepted:
        return Refused("OfferAgreed", f"offer {standing.offer_id} of {case.invoice_id} is accepted already")
    return None


def _credit_asked(request: wire.MakeOffer, asked: Asked) -> int | Refused:
    """Minor units that the offer would give up."""
    case = asked.case
    if request.kind is OfferKind.FEE_WAIVER:
        return min(case.charged, case.balance)
    if request.percent is not None:
        share = Decimal(request.percent) / 100
        return int((share * case.balance).quantize(Decimal(1), ROUND_DOWN))
    assert request.amount is not None, "the contract asks for one of both"
    try:
        return case.balance - case.minor(request.amount)
    except ValueError as problem:
        return Refused("InvalidRequest", f"amount: {problem}")


def _beyond(
    case: Case,
    policy: Policy,
    today: date,
    kind: OfferKind,
    credit: int,
    until: date,
    *,
    countered: bool = False,
    own_date: bool = False,
) -> str | None:
    """Why the policy does not let an offer through, naming the field, its value and what would do.

    Counter-offers have no smallest age; the date of a step's own offer was looked at when the policy was read.
    """
    rules = policy.offers
    if kind not in rules.kinds:
        return f"kind {kind} is not among [offers] kinds of policy {policy.name}: {_named(rules.kinds)}"
    wrong_day = None if own_date else _wrong_day("pay_by" if countered else "until", until, policy, today)
    if wrong_day is not None:
        return wrong_day
    age = (today - case.due).days
    if kind is OfferKind.SETTLEMENT and not countered and age < rules.settlement_from_day:
        first = case.due + timedelta(days=rules.settlement_from_day)
        return f"kind settlement is for what is {rules.settlement_from_day} days past due: wait until {first}"
    if kind is OfferKind.FEE_WAIVER and credit <= 0:
        return f"kind fee_waiver: nothing was charged on {case.invoice_id}"
    owed = Money(case.balance, case.currency)
    if credit <= 0:
        return f"amount: name less than the {owed} open, or a larger percent"
    if case.balance - credit <= policy.tolerance_in(case.currency):
        return f"amount: an offer leaves something to pay of the {owed} open"
    largest = rules.largest_share(kind)
    if credit > largest * case.balance:
        least = case.balance - int((largest * case.balance).quantize(Decimal(1), ROUND_DOWN))
        return (
            f"amount {Money(case.balance - credit, case.currency)} gives up more than {largest} of the {owed} "
            f"open: name at least {Money(least, case.currency)}"
        )
    return None


def _named(kinds: tuple[OfferKind, ...]) -> str:
    return ", ".join(kinds) or "none is allowed"


def _wrong_day(field: str, day: date, policy: Policy, today: date) -> str | None:
    if day < today:
        return f"{field} {day} is in the past: name a date from {today} on"
    latest = today + timedelta(days=policy.offers.longest_days)
    return f"{field} {day} is too late: name a date until {latest}" if day > latest else None


# -- facts ----------------------------------------------------------------------------------------


def _id_of(case: Case, key: str) -> str:
    return f"OF-{hashlib.sha256(f'{case.invoice_id}/{key}'.encode()).hexdigest()[:12]}"


def _offer(
    case: Case,
    policy: Policy,
    kind: OfferKind,
    credit: int,
    until: date,
    *,
    offer_id: str,
    origin: Literal["staff", "step", "customer"],
    by: str,
) -> facts.OfferMade:
    return facts.OfferMade(
        offer_id=offer_id,
        offer=kind,
        pay=case.balance - credit,
        credit=credit,
        tolerance=policy.tolerance_in(case.currency),
        invoiced=case.invoiced,
        charged=case.charged,
        until=until,
        ends_at=calendar_of(case.account, policy).midnight_after(until),
        origin=origin,
        by=by,
    )


def _agreed(countered: facts.OfferCountered, asked: Asked, by: str) -> tuple[facts.InternalFact, ...]:
    """What a counter-offer becomes once we agree: an offer that the customer has accepted."""
    offer = _offer(
        asked.case,
        asked.policy,
        OfferKind.SETTLEMENT,
        asked.case.balance - countered.pay,
        countered.pay_by,
        offer_id=countered.offer_id,
        origin="customer",
        by=by,
    )
    return offer, facts.OfferAccepted(offer_id=offer.offer_id, by=countered.by)


def _give_way(asked: Asked, by: str, but: str | None = None) -> tuple[facts.OfferEnded, ...]:
    """What lies on the table already gives way to another offer."""
    standing, waiting = standing_offer(asked.case, asked.today), open_counter(asked.case)
    why = "another offer took its place"
    ended = []
    if standing is not None:
        ended.append(_ended(standing.offer_id, "withdrawn", asked, by, why))
    if waiting is not None and waiting.fact.offer_id != but:
        ended.append(_ended(waiting.fact.offer_id, "withdrawn", asked, by, why))
    return tuple(ended)


def _ended(
    offer_id: str, how: Literal["withdrawn", "declined"], asked: Asked, by: str, why: str = ""
) -> facts.OfferEnded:
    return facts.OfferEnded(offer_id=offer_id, how=how, on=asked.today, by=by, why=why)
