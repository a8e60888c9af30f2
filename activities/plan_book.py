"""What a transaction on a customer's cases does about their payment plans: load, decide, write down.

Called by `CaseWork`, under its lock. The facts of a plan are filed on each of its invoices.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from activities.interface import PlanDecided
from activities.writing.plan_words import terms_text
from domain import facts as internal
from domain.contact import Contact, ContactItem
from domain.money import Money
from domain.plans.plan import (
    DECISION_TASK,
    Plan,
    SendNote,
    decide_plan,
    name_of,
    newest_plan,
    view_of,
)
from domain.plans.plan_healing import late_evidence, turn
from domain.requests.plan_requests import offer
from domain.vocabulary import PlanState, Step
from store import plans, portfolio, worklist
from store.schema import PlanRow

if TYPE_CHECKING:
    from activities.casework import CaseWork

#: Messages that name instalments which would be accepted at once.
_NAMES_INSTALMENTS = frozenset({Step.OVERDUE, Step.OVERDUE_2, Step.AT_RISK, Step.CREDIT_HOLD})
#: A plan that is so late is not followed by anybody: its workflow is started again.
_UNFOLLOWED = timedelta(hours=1)


def load(work: CaseWork, plan_id: str) -> Plan | None:
    """A plan with its invoices as they are; None for one that nobody knows."""
    row = plans.get(work.session, plan_id)
    if row is None or row.customer_id != work.customer.customer_id:
        return None
    pursued = work.load(row.invoices)
    return Plan.of(plan_id, [each.case for each in pursued], pursued[0].policy)


def put_on_table(work: CaseWork, tabled: internal.PlanTabled) -> None:
    """File a plan on all its invoices, with the terms in the customer's words."""
    first = work.row(tabled.invoices[0].invoice_id)
    work.session.add(
        PlanRow(
            plan_id=tabled.plan_id,
            customer_id=work.customer.customer_id,
            seller=first.seller,
            currency=tabled.currency,
            invoices=[invoice.invoice_id for invoice in tabled.invoices],
            state=tabled.state,
            terms_text=terms_text(
                tabled, portfolio.profile_of(work.customer), work.rulebook.seller(first.seller)
            ),
            tabled_at=work.now,
            outstanding_minor=tabled.total,
            why="",
        )
    )
    work.session.flush()
    _file_on_all(work, tabled.plan_id, tabled)


def accept(work: CaseWork, accepted: internal.PlanAccepted) -> None:
    """Note on all invoices that the plan was agreed, with the hash of the terms as they were shown."""
    row = plans.get(work.session, accepted.plan_id)
    assert row is not None, "what is accepted was tabled"
    sha256 = hashlib.sha256(row.terms_text.encode()).hexdigest()
    _file_on_all(work, row.plan_id, accepted.model_copy(update={"text_sha256": sha256}))
    row.accepted_at = work.now
    _limit_credit(work, row)


def end(work: CaseWork, ended: internal.PlanEnded) -> None:
    """Note on all invoices that the plan is over, and why."""
    _file_on_all(work, ended.plan_id, ended)


def _turn(work: CaseWork, plan: Plan, turned: internal.PlanEnded | internal.PlanRestored) -> None:
    """Note on all invoices that the plan is over, or stands again; either may happen more than once."""
    before = 0 if plan.restored is None else plan.restored.fact.times
    times = turned.times if isinstance(turned, internal.PlanRestored) else before
    _file_on_all(work, plan.plan_id, turned, f"{plan.plan_id}-{times}" if times else "")


def alert_offer(work: CaseWork, invoice_ids: Sequence[str]) -> internal.PlanTabled | None:
    """What the account manager may offer for these invoices, where the policy has such an offer."""
    is_offered = work.case(invoice_ids[0]).policy.plan.offer_by_alert
    return _unasked(work, invoice_ids) if is_offered else None


def message_offer(work: CaseWork, contact: Contact) -> internal.PlanTabled | None:
    """The instalments that a message to the customer names, where the policy names any."""
    if contact.rung is None or contact.step not in _NAMES_INSTALMENTS:
        return None
    invoices = [item.invoice_id for item in contact.items]
    return _unasked(work, invoices) if contact.policy.plan.offer_in_messages else None


def _unasked(work: CaseWork, invoice_ids: Sequence[str]) -> internal.PlanTabled | None:
    pursued = sorted(work.load(invoice_ids), key=lambda each: (each.case.due, each.case.invoice_id))
    first, profile = pursued[0], portfolio.profile_of(work.customer)
    manager = profile.account_manager
    return offer(
        [each.case for each in pursued],
        first.policy,
        work.today(first),
        work.rulebook.plan_limits(profile),
        key=f"{first.case.invoice_id}/{Step.AM_ALERT}-{first.case.cycle}-{len(first.case.plans)}",
        by=(manager.name if manager is not None else None) or "the account manager",
    )


def open_alert_offer(work: CaseWork, invoice_ids: Sequence[str]) -> None:
    """Open the offer that goes through the account manager, once the alert about it is taken."""
    tabled = alert_offer(work, invoice_ids)
    if tabled is not None and plans.get(work.session, tabled.plan_id) is None:
        put_on_table(work, tabled)


def offer_in_words(tabled: internal.PlanTabled) -> str:
    """`42,467.00 / 42,467.00 / 42,466.00 USD`, for colleagues."""
    amounts = [f"{Money(each.amount, tabled.currency).decimal:,}" for each in tabled.instalments]
    return f"{' / '.join(amounts)} {tabled.currency}"


def _file_on_all(work: CaseWork, plan_id: str, fact: internal.InternalFact, event_id: str = "") -> None:
    row = plans.get(work.session, plan_id)
    assert row is not None, "a plan is tabled first"
    for invoice_id in row.invoices:
        work.file(invoice_id, fact, event_id or plan_id)
        work.nudge.add(invoice_id)
    work.plans.add(plan_id)


def _limit_credit(work: CaseWork, row: PlanRow) -> None:
    """Ask for a smaller credit limit while the customer pays by instalments, once, where the policy says so."""
    percent = work.case(row.invoices[0]).policy.plan.credit_limit_percent
    limit = portfolio.profile_of(work.customer).credit_limit
    if percent is None or limit is None or row.credit_limit_after is not None:
        return
    try:
        before = Money.parse(limit, row.currency).minor
    except ValueError:
        return  # the limit is in another currency's decimals: nobody can tell what half of it is
    row.credit_limit_before, row.credit_limit_after = before, before * percent // 100
    body = {"before_minor": before, "after_minor": row.credit_limit_after, "currency": row.currency}
    work.note("credit_limit_requested", row.plan_id, body)


def write_down(work: CaseWork, plan_id: str) -> Plan | None:
    """Decide on a plan and bring its row and its worklist items up to that."""
    plan = load(work, plan_id)
    if plan is None:
        return None
    while (turned := turn(plan, work.now)) is not None:
        _turn(work, plan, turned)
        plan = load(work, plan_id)
        assert plan is not None, "it was there"
    decision = decide_plan(plan, work.now)
    row = plans.get(work.session, plan_id)
    assert row is not None, "it was loaded"
    before = row.decision
    row.state = plan.state
    row.ended_at = plan.ended.at if plan.ended is not None else None
    row.outstanding_minor = plan.outstanding
    row.waiting_until = getattr(decision, "until", None)
    following = getattr(decision, "next_step", None)
    row.next_step = decision.note if isinstance(decision, SendNote) else following.step if following else None
    row.why = decision.why
    row.decision = decision.model_dump(mode="json")
    late = late_evidence(plan)
    if late is not None:
        work.open_item(late.kind, late.why, ref=late.ref, invoices=row.invoices)
    for task in getattr(decision, "tasks", ()):
        due_on = plan.terms.open_until if plan.state is PlanState.PROPOSED else None
        work.open_item(task.kind, task.why, ref=task.ref, invoices=row.invoices, due_on=due_on)
    if plan.state is not PlanState.PROPOSED:
        _close_decisions(work, plan)
    if before != row.decision:
        body = {"kind": decision.kind, "rule": decision.rule, "state": plan.state}
        work.note("plan_decision", plan_id, body, decision.why)
    work.session.flush()
    return plan


def _close_decisions(work: CaseWork, plan: Plan) -> None:
    """A plan that is decided about, or gone, leaves nothing to decide."""
    by = plan.accepted.fact.by if plan.accepted is not None else "duecourse"
    for task in worklist.list_open(work.session, kind=DECISION_TASK, customer_id=work.customer.customer_id):
        if task.ref.startswith(f"{plan.plan_id}-"):
            worklist.close_task(work.session, task.item_id, at=work.now, by=by, outcome=plan.state)


def decided(work: CaseWork, plan_id: str) -> PlanDecided:
    """What the workflow of a plan is to do, written down."""
    plan = write_down(work, plan_id)
    if plan is None:
        return PlanDecided()
    work.settle(plan.lead.invoice_id)
    plan = load(work, plan_id)
    assert plan is not None, "it was there"
    every = work.rulebook.continue_as_new_every
    invoices = tuple(invoice.invoice_id for invoice in plan.terms.invoices)
    decision = decide_plan(plan, work.now)
    return PlanDecided(
        decision=decision,
        lead=plan.lead.invoice_id,
        customer_id=work.customer.customer_id,
        currency=plan.terms.currency,
        outstanding=str(Money(plan.outstanding, plan.terms.currency)),
        invoices=invoices,
        view=view_of(plan, plan.calendar.local_date(work.now)).model_dump(mode="json"),
        zone=plan.lead.account.zone or plan.policy.timezone,
        tier=work.customer.tier or plan.policy.name,
        nudge=tuple(sorted(work.nudge.union(invoices if plan.ended is not None else ()))),
        continue_as_new=every is not None and len(plan.lead.confirmed) % every == every - 1,
    )


def contact(work: CaseWork, plan_id: str) -> Contact | None:
    """The message that a plan is due for now; None where there is none."""
    plan = load(work, plan_id)
    decision = decide_plan(plan, work.now) if plan is not None else None
    if plan is None or not isinstance(decision, SendNote):
        return None
    items = tuple(
        ContactItem(case.invoice_id, decision.note, case.cycle, 0, False, plan_id) for case in plan.cases
    )
    return Contact(
        step=decision.note,
        cycle=plan.lead.cycle,
        items=items,
        listed=(),
        rung=None,
        policy=plan.policy,
        approval="none",
        rank=0,
        ref=plan_id,
        on=plan.calendar.local_date(work.now),
        kind=name_of(decision.note, decision.number, plan.terms.ordinal),
        number=decision.number,
    )


def shown(work: CaseWork, invoice_id: str) -> dict[str, Any]:
    """The newest plan of an invoice, for its view; empty without one."""
    case = work.case(invoice_id).case
    newest = newest_plan(case)
    plan = load(work, newest) if newest is not None else None
    return {} if plan is None else {"plan": view_of(plan, plan.calendar.local_date(work.now))}


def unfollowed(work: CaseWork, invoice_id: str) -> list[str]:
    """Plans of an invoice whose next look is long over: their workflow was lost."""
    case = work.case(invoice_id).case
    late = []
    for plan_id in case.plans:
        row = plans.get(work.session, plan_id) if plan_id not in case.plans_ended else None
        until = row.waiting_until if row is not None else None
        if until is not None and work.now - until > _UNFOLLOWED:
            late.append(plan_id)
    return late
