"""Requests about payment plans: propose one, decide about one; the facts they lead to or the rule that refuses.

What is answered here is recorded on every invoice of the plan.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Literal

from domain import contract as wire
from domain import facts
from domain.asking import Answer, Asked, Refused, is_referred, nothing_owed
from domain.case import Case
from domain.instalments import PersonLimits, beyond_law, beyond_policy, equal_instalments, fault
from domain.pauses import calendar_of, frozen_amount, is_settled, standing_plan
from domain.policy import Policy
from domain.vocabulary import PlanState

Origin = Literal["staff", "customer", "account_manager"]


def propose(request: wire.ProposePlan, asked: Asked) -> Answer:
    """Table a plan: an offer where staff ask, a proposal where the customer does, agreed at once inside the
    policy's limits."""
    refused = nothing_owed(asked)
    if refused is not None:
        return refused
    cases = _planned_cases(request.invoices, asked)
    if isinstance(cases, Refused):
        return cases
    owed = [case.balance - frozen_amount(case) for case in cases]
    total, currency = sum(owed), asked.case.currency
    try:
        if request.count is not None:
            terms = equal_instalments(total, request.count, cases, asked.policy, asked.today)
        else:
            terms = tuple(
                facts.PlannedInstalment(amount=asked.case.minor(instalment.amount), due_on=instalment.due_on)
                for instalment in request.instalments
            )
    except ValueError as problem:
        return Refused("PlanNotAllowed", str(problem))
    wrong = fault(terms, total, currency, asked.today) or beyond_law(terms, asked.limits, asked.today)
    if wrong is not None:
        return Refused("PlanNotAllowed", wrong)
    origin = _origin(request)
    key = f"{asked.case.invoice_id}/{asked.request_id}"
    tabled = _table(cases, owed, terms, asked.policy, asked.today, key=key, origin=origin, by=request.by)
    answered: list[facts.InternalFact] = [*_give_way(cases, asked.today), tabled]
    at_once = origin in asked.policy.plan.accept_at_once
    if at_once and not beyond_policy(terms, currency, asked.policy, asked.today):
        answered.append(facts.PlanAccepted(plan_id=tabled.plan_id, by=request.by))
    return tuple(answered)


def decide(request: wire.DecidePlan, asked: Asked) -> Answer:
    """Accept or decline what lies on the table."""
    tabled = asked.case.plans.get(request.plan_id)
    if tabled is None:
        return Refused("PlanNotOpen", f"{asked.case.invoice_id} has no plan {request.plan_id}")
    if request.plan_id in asked.case.plans_accepted or standing_plan(asked.case, asked.today) != tabled.fact:
        return Refused("PlanNotOpen", f"plan {request.plan_id} waits for no decision")
    if not request.accept:
        declined = facts.PlanEnded(
            plan_id=request.plan_id, state=PlanState.DECLINED, why=f"declined by {request.by}", by=request.by
        )
        return (declined,)
    refused = nothing_owed(asked)
    if refused is not None:
        return refused
    first = tabled.fact.instalments[0].due_on
    if first < asked.today:
        return Refused("PlanNotOpen", f"its first instalment was due on {first}: propose another plan")
    return (facts.PlanAccepted(plan_id=request.plan_id, by=request.by),)


def offer(
    cases: Sequence[Case], policy: Policy, today: date, limits: PersonLimits | None, *, key: str, by: str
) -> facts.PlanTabled | None:
    """The instalments that we may offer for these cases unasked, inside the policy's limits; None where there
    is nothing to offer: a plan stands already, everything is disputed, the currencies differ."""
    rules = policy.plan
    owed = [case.balance - frozen_amount(case) for case in cases]
    barred = any(
        is_settled(case, policy) or case.open_holds(today) or standing_plan(case, today) for case in cases
    )
    if not rules.enabled or barred or min(owed) <= 0:
        return None
    if len({case.currency for case in cases}) > 1:
        return None
    try:
        terms = equal_instalments(sum(owed), rules.offer_count, cases, policy, today)
    except ValueError:
        return None
    if beyond_law(terms, limits, today) or beyond_policy(terms, cases[0].currency, policy, today):
        return None
    return _table(cases, owed, terms, policy, today, key=key, origin="account_manager", by=by)


def _table(
    cases: Sequence[Case],
    owed: Sequence[int],
    terms: tuple[facts.PlannedInstalment, ...],
    policy: Policy,
    today: date,
    *,
    key: str,
    origin: Origin,
    by: str,
) -> facts.PlanTabled:
    """The fact that puts these instalments on the table. `owed` is what the plan covers of each case, `key`
    what tells this plan from every other one."""
    rules = policy.plan
    days = rules.decide_days if origin == "customer" else rules.offer_days
    return facts.PlanTabled(
        plan_id=f"PL-{hashlib.sha256(key.encode()).hexdigest()[:12]}",
        ordinal=1 + max(len(case.plans) for case in cases),
        currency=cases[0].currency,
        invoices=tuple(
            facts.PlannedInvoice(invoice_id=case.invoice_id, planned=planned, paid=case.paid - case.overpaid)
            for case, planned in zip(cases, owed, strict=True)
        ),
        instalments=terms,
        state=PlanState.PROPOSED if origin == "customer" else PlanState.OFFERED,
        origin=origin,
        by=by,
        open_until=calendar_of(cases[0].account, policy).add_business_days(today, days),
        whole_falls_due=rules.whole_falls_due,
    )


def _planned_cases(named: Sequence[str], asked: Asked) -> list[Case] | Refused:
    """The cases a plan is asked for, oldest due date first; or why there can be none over them."""
    if not asked.policy.plan.enabled:
        return Refused("PlanNotAllowed", "payment plans are not offered")
    known = {case.invoice_id: case for case in (asked.case, *asked.others)}
    cases = []
    for invoice_id in dict.fromkeys((asked.case.invoice_id, *named)):
        case = known.get(invoice_id)
        if case is None or case.cancelled_at is not None or is_settled(case, asked.policy):
            return Refused("PlanNotAllowed", f"nothing is owed on {invoice_id} by this customer")
        if case.currency != asked.case.currency:
            return Refused("PlanNotAllowed", f"{invoice_id} is in {case.currency}: a plan has one currency")
        if is_referred(case):
            return Refused("CaseReferred", f"{invoice_id} is with a partner: recall it first")
        holds = case.open_holds(asked.today)
        if holds:
            return Refused("CasePaused", f"{invoice_id} is on hold ({holds[0].reason})")
        standing = standing_plan(case, asked.today)
        if standing is not None and standing.plan_id in case.plans_accepted:
            return Refused("PlanExists", f"{invoice_id} is paid by plan {standing.plan_id} already")
        if case.balance <= frozen_amount(case):
            return Refused("PlanNotAllowed", f"everything owed on {invoice_id} is disputed")
        cases.append(case)
    return sorted(cases, key=lambda case: (case.due, case.invoice_id))


def _origin(request: wire.ProposePlan) -> Origin:
    """Who asks. The portal says so; over the wire a customer may also be named as the one who asks."""
    by_customer = request.source != "staff" or request.by.casefold() in ("portal", "customer")
    return "customer" if by_customer else "staff"


def _give_way(cases: Sequence[Case], today: date) -> list[facts.InternalFact]:
    """What lies on the table already gives way to what is proposed."""
    standing = {plan.plan_id for case in cases if (plan := standing_plan(case, today)) is not None}
    why = "another plan was proposed"
    return [facts.PlanEnded(plan_id=each, state=PlanState.WITHDRAWN, why=why) for each in sorted(standing)]
