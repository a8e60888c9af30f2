"""Opening a case: who owes, under which policy, and what happened before Duecourse took over."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from activities.casework import CaseWork
from activities.inputs import as_it_came
from activities.interface import OpenCase, Opened
from activities.rulebook import Rulebook
from domain import contract as wire
from domain import facts as internal
from domain.hold_out import Arm
from domain.money import Money
from domain.policy import TASKS
from domain.requests.requests import unfit
from domain.segments import Behaviour, Segment, Standing
from domain.vocabulary import HoldReason, Step
from domain.wire import FieldError
from store import balances, canonical, facts, hold_out, portfolio, worklist
from store.customers import lock
from store.portfolio import country_of, fingerprint, is_known, profile_of
from store.schema import CaseRow, CustomerRow

#: The kind of a worklist item that asks whether a customer is one we know.
CUSTOMER_UNCLEAR = "customer_unclear"


def refuse_start(session: Session, start: OpenCase, errors: Sequence[FieldError]) -> None:
    """List a start that does not fit, with its raw text and every field that is wrong."""
    came = as_it_came("start", start.inputs)
    worklist.open_task(
        session,
        kind="invalid_start",
        why="the start could not be read: " + "; ".join(str(error) for error in errors),
        at=start.at,
        invoice_id=start.invoice_id or start.workflow_id,
        ref=came.ref,
        raw=came.raw,
        raw_sha256=came.raw_sha256,
    )


def open_case(session: Session, start: OpenCase, told: wire.Start, rulebook: Rulebook) -> Opened:
    """Open the case and decide for the first time; a case that is there already is taken as it is."""
    problems: list[FieldError] = []
    invoice = told.invoice
    if invoice.invoice_id != start.invoice_id:
        problems.append(
            FieldError(
                "invoice.invoice_id",
                invoice.invoice_id,
                f"is not that of the workflow id {start.workflow_id!r}: name the workflow invoice-<invoice_id>",
            )
        )
    if invoice.seller not in rulebook.sellers:
        known = ", ".join(sorted(rulebook.sellers))
        problems.append(FieldError("invoice.seller", invoice.seller, f"is unknown: name one of {known}"))
    if problems:
        refuse_start(session, start, problems)
        return Opened(errors=tuple(problem.without_value for problem in problems))
    work, row = _lock(session, start, told, rulebook)
    _learn_customer(work, told.customer)
    if row is None:
        row = _insert(work, told)
        _carry_over(work, told)
        _doubts(work, told)
        _ask_who(work, told)
    elif differs := _differences(work, row, told):
        work.open_item(
            "start_differs",
            f"{invoice.invoice_id} was started again with {differs}; what was recorded first stands",
            invoice_id=invoice.invoice_id,
            ref=canonical.digest(told.content()).hex()[:16],
            raw=told.model_dump_json(exclude_unset=True).encode(),
        )
    return Opened(decided=work.settle(row.invoice_id))


def _lock(
    session: Session, start: OpenCase, told: wire.Start, rulebook: Rulebook
) -> tuple[CaseWork, CaseRow | None]:
    """Lock whoever is written to about the invoice, and whose it is where that is another customer."""
    row = session.get(CaseRow, told.invoice.invoice_id)
    owner_id = told.customer.customer_id
    customer_id = row.customer_id if row is not None else _written_to(session, told.customer)
    if owner_id < customer_id:  # both in one order for all: no deadlocks
        lock(session, owner_id)
    work = CaseWork.on_customer(session, customer_id, rulebook, start.at)
    row = session.get(CaseRow, told.invoice.invoice_id, populate_existing=True)
    if row is not None and row.customer_id != customer_id:  # opened while we waited for the lock
        work = CaseWork.on_customer(session, row.customer_id, rulebook, start.at)
    return work, row


def _written_to(session: Session, told: wire.Customer) -> str:
    """Who gets the bills: as is told, else as is known of the customer."""
    known = None if told.bill_to else session.get(CustomerRow, told.customer_id)
    stored = None if known is None else profile_of(known).bill_to
    return told.bill_to or stored or told.customer_id


def _ask_who(work: CaseWork, told: wire.Start) -> None:
    """Hold the whole account of a customer who may be another one, until a person releases it; where somebody
    else gets the bills, only the invoice."""
    if told.customer_doubt is None:
        return
    owner_id, invoice_id = told.customer.customer_id, told.invoice.invoice_id
    if work.customer.customer_id != owner_id:
        work.park([invoice_id], CUSTOMER_UNCLEAR, told.customer_doubt, owner_id)
        return
    item_id = work.open_item(CUSTOMER_UNCLEAR, told.customer_doubt, ref=owner_id, invoices=[invoice_id])
    hold = wire.HoldPlaced(
        hold_id=f"item-{item_id}", reason=HoldReason.OTHER, note="is it a customer we know?"
    )
    work.file_on_account(hold.fact_kind, hold.fact_id, hold)


def _differences(work: CaseWork, row: CaseRow, told: wire.Start) -> str:
    """What a start says otherwise than what is recorded; empty where it is the same again."""
    known = work.case(row.invoice_id).case.payments
    differences = {
        "another invoice": row.start_sha256 != fingerprint(told.invoice),
        "another customer": row.owner_id != told.customer.customer_id,
        "payments that are not recorded": any(payment.fact_id not in known for payment in told.payments),
    }
    return " and ".join(name for name, differs in differences.items() if differs)


def _learn_customer(work: CaseWork, told: wire.Customer) -> None:
    """Take the customer's particulars when nothing is known yet; later ones come by `customer_updated`.

    Somebody else who gets the bills and of whom nothing is known is written to under the same particulars,
    until their own are told.
    """
    payer = work.customer
    owner = payer if told.customer_id == payer.customer_id else lock(work.session, told.customer_id)
    if told.is_only_an_id:
        return
    if not is_known(owner):
        learn(owner, told)
    elif profile_of(owner).content() != told.content():
        work.open_item(
            "customer_differs",
            f"a start told other particulars of {told.customer_id}; customer_updated changes them",
            ref=canonical.digest(told.content()).hex()[:16],
            raw=told.model_dump_json(exclude_unset=True).encode(),
        )
    if profile_of(payer).is_only_an_id:
        learn(payer, told)
    work.forget()


def learn(customer: CustomerRow, told: wire.Customer) -> None:
    """Write the customer's particulars into their row."""
    customer.profile = told.model_dump(mode="json", exclude_unset=True)
    customer.tier = told.tier or customer.tier
    customer.country = told.country or country_of(told)
    customer.timezone = told.timezone


def _insert(work: CaseWork, told: wire.Start) -> CaseRow:
    invoice = told.invoice
    segment = _segment(work, told)
    arm = _arm(work)
    policy = work.rulebook.policy_for(told.policy, segment, arm)
    row = CaseRow(
        invoice_id=invoice.invoice_id,
        customer_id=work.customer.customer_id,
        owner_id=told.customer.customer_id,
        seller=invoice.seller,
        number=invoice.shown_number,
        currency=invoice.currency,
        invoice=invoice.model_dump(mode="json", exclude_unset=True),
        start_sha256=fingerprint(invoice),
        policy_name=policy.name,
        policy_version=str(policy.version),
        policy=policy.model_dump(mode="json"),
        arm=arm,
        early_payment_tolerance=policy.tolerance_in(invoice.currency),
        opened_at=work.now,
        issued_on=invoice.issued_on,
        due_on=invoice.due_on,
        amount_minor=invoice.money.minor,
        balance_minor=invoice.money.minor,
    )
    work.session.add(row)
    work.session.flush()
    work.customer.newest_opening_at = work.now
    work.forget()
    facts.post(
        work.session,
        invoice_id=invoice.invoice_id,
        customer_id=work.customer.customer_id,
        kind="invoice",
        event_id=invoice.invoice_id,
        amount=invoice.money,
        on=invoice.issued_on or work.today(work.case(invoice.invoice_id)),
    )
    body = {"policy": policy.name, "start_sha256": row.start_sha256.hex()}
    work.note("case_opened", invoice.invoice_id, body if arm is None else {**body, "arm": str(arm)})
    return row


def _arm(work: CaseWork) -> Arm | None:
    """The arm of the hold-out, where there is one: the one the customer was drawn into before, else by hash."""
    held = work.rulebook.segments.hold_out
    if held is None:
        return None
    customer_id = work.customer.customer_id
    return hold_out.arm_of(work.session, customer_id) or held.arm(customer_id)


def _segment(work: CaseWork, told: wire.Start) -> Segment:
    """The customer's tier by the ERP's word or the segment rules; a proposed one goes to a person."""
    profile = profile_of(work.customer)
    owed = balances.owed(work.session, work.customer.customer_id)
    amount = told.invoice.money
    owed[amount.currency] = owed.get(amount.currency, 0) + amount.minor
    standing = Standing(
        tier=profile.tier,
        revenue_rank=portfolio.revenue_rank(work.session, profile),
        owed=owed,
        behaviour=Behaviour.of(portfolio.paid_history(work.session, work.customer.customer_id)),
    )
    segment = work.rulebook.segments.segment(standing)
    work.customer.tier = segment.tier
    if segment.proposed is not None:
        why = f"tier {segment.proposed} is proposed: {segment.why_proposed}"
        work.open_item("tier_proposed", why, ref=segment.proposed)
    return segment


def _carry_over(work: CaseWork, told: wire.Start) -> None:
    """Payments and steps from before; the steps count as accepted on their day."""
    invoice_id = told.invoice.invoice_id
    for payment in told.payments:
        problem = unfit(work.case(invoice_id).case, payment)
        if problem is None:
            work.file(invoice_id, payment, payment.fact_id)
        else:
            why = f"a payment carried over with the start: {problem.why}"
            work.open_item("unfit_fact", why, invoice_id=invoice_id, ref=payment.fact_id)
    today = work.today(work.case(invoice_id))
    for number, step in enumerate(sorted(told.history, key=lambda step: step.sent_on)):
        if step.sent_on > today:
            why = f"a step carried over with the start: {step.step} is dated {step.sent_on}, which is to come"
            work.open_item("unfit_fact", why, invoice_id=invoice_id, ref=f"history-{number}")
            continue
        taken = internal.StepTaken(step=step.step, cycle=0, proof="accepted", on=step.sent_on)
        work.file(invoice_id, taken, f"history-{number}")
    written = [step.sent_on for step in told.history if step.sent_on <= today and step.step not in TASKS]
    if written:
        newest = max(written)
        known = work.customer.last_unsolicited_on
        work.customer.last_unsolicited_on = newest if known is None else max(known, newest)
        work.forget()


def _doubts(work: CaseWork, told: wire.Start) -> None:
    """What a person should know of a start that runs all the same."""
    invoice = told.invoice
    total = invoice.lines_total
    # Lines are stated with tax or, as e-invoices have them, without.
    if total is not None and invoice.money not in (total, total + invoice.tax):
        difference = Money(invoice.money.minor - total.minor, invoice.currency)
        why = f"the lines of {invoice.shown_number} differ from its amount by {difference} {invoice.currency}"
        work.open_item("lines_differ", why, invoice_id=invoice.invoice_id)
    if told.policy is not None and told.policy not in work.rulebook.policies:
        why = f"there is no policy {told.policy!r}; the case runs under {work.row(invoice.invoice_id).policy_name!r}"
        work.open_item("unknown_policy", why, invoice_id=invoice.invoice_id)
    if work.account.route(Step.OVERDUE) is None:
        work.open_item(
            "contact_missing",
            "no contact of the customer has an address",
            invoice_id=invoice.invoice_id,
            ref=work.customer.customer_id,
        )
