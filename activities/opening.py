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
from domain.money import Money
from domain.requests import unfit
from domain.segments import Behaviour, Segment, Standing
from domain.wire import FieldError
from store import canonical, facts, portfolio, worklist
from store.customers import lock
from store.portfolio import country_of, profile_of
from store.schema import CaseRow, CustomerRow


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
    row = session.get(CaseRow, invoice.invoice_id)
    debtor = told.customer.bill_to or told.customer.customer_id
    customer_id = row.customer_id if row is not None else debtor
    work = CaseWork.on_customer(session, customer_id, rulebook, start.at)
    row = session.get(CaseRow, invoice.invoice_id, populate_existing=True)
    _learn_customer(work, told.customer)
    if row is None:
        row = _insert(work, told)
        _carry_over(work, told)
        _doubts(work, told)
    elif row.start_sha256 != _fingerprint(invoice):
        work.open_item(
            "start_differs",
            f"{invoice.invoice_id} was started again with other content; what was recorded first stands",
            invoice_id=invoice.invoice_id,
            ref=_fingerprint(invoice).hex()[:16],
            raw=told.model_dump_json(exclude_unset=True).encode(),
        )
    return Opened(decided=work.settle(row.invoice_id))


def _fingerprint(invoice: wire.Invoice) -> bytes:
    return canonical.digest(invoice.model_dump(mode="json", exclude_unset=True))


def _learn_customer(work: CaseWork, told: wire.Customer) -> None:
    """Take the customer's particulars when nothing is known yet; later ones come by `customer_updated`."""
    customer = work.customer
    if told.customer_id != customer.customer_id:
        lock(work.session, told.customer_id)  # the owner, who has another address for bills
        owner = work.session.get(CustomerRow, told.customer_id)
        if owner is not None and profile_of(owner).is_only_an_id:
            owner.profile = told.model_dump(mode="json", exclude_unset=True)
        if profile_of(customer).is_only_an_id and not told.is_only_an_id:
            learn(customer, told.model_copy(update={"customer_id": customer.customer_id, "bill_to": None}))
            work.forget()
        return
    if told.is_only_an_id:
        return
    if profile_of(customer).is_only_an_id:
        learn(customer, told)
        work.forget()
    elif canonical.digest(customer.profile) != canonical.digest(
        told.model_dump(mode="json", exclude_unset=True)
    ):
        work.open_item(
            "customer_differs",
            "a start told other particulars of the customer; customer_updated changes them",
            ref=canonical.digest(told.model_dump(mode="json", exclude_unset=True)).hex()[:16],
            raw=told.model_dump_json(exclude_unset=True).encode(),
        )


def learn(customer: CustomerRow, told: wire.Customer) -> None:
    """Write the customer's particulars into their row."""
    customer.profile = told.model_dump(mode="json", exclude_unset=True)
    customer.tier = told.tier or customer.tier
    customer.country = told.country or country_of(told)
    customer.timezone = told.timezone


def _insert(work: CaseWork, told: wire.Start) -> CaseRow:
    invoice = told.invoice
    segment = _segment(work, told)
    policy = work.rulebook.policy_for(told.policy, segment)
    row = CaseRow(
        invoice_id=invoice.invoice_id,
        customer_id=work.customer.customer_id,
        owner_id=told.customer.customer_id,
        seller=invoice.seller,
        number=invoice.shown_number,
        currency=invoice.currency,
        invoice=invoice.model_dump(mode="json", exclude_unset=True),
        start_sha256=_fingerprint(invoice),
        policy_name=policy.name,
        policy_version=str(policy.version),
        policy=policy.model_dump(mode="json"),
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
    work.note(
        "case_opened", invoice.invoice_id, {"policy": policy.name, "start_sha256": row.start_sha256.hex()}
    )
    return row


def _segment(work: CaseWork, told: wire.Start) -> Segment:
    """The customer's tier by the ERP's word or the segment rules; a proposed one goes to a person."""
    profile = profile_of(work.customer)
    owed = portfolio.owed(work.session, work.customer.customer_id)
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
    for number, step in enumerate(sorted(told.history, key=lambda step: step.sent_on)):
        taken = internal.StepTaken(step=step.step, cycle=0, proof="accepted", on=step.sent_on)
        work.file(invoice_id, taken, f"history-{number}")
    history = [step.sent_on for step in told.history]
    if history:
        newest = max(history)
        known = work.customer.last_unsolicited_on
        work.customer.last_unsolicited_on = newest if known is None else max(known, newest)
        work.forget()


def _doubts(work: CaseWork, told: wire.Start) -> None:
    """What a person should know of a start that runs all the same."""
    invoice = told.invoice
    total = invoice.lines_total
    if total is not None and total != invoice.money:
        difference = Money(invoice.money.minor - total.minor, invoice.currency)
        why = f"the lines of {invoice.shown_number} differ from its amount by {difference} {invoice.currency}"
        work.open_item("lines_differ", why, invoice_id=invoice.invoice_id)
    if told.policy is not None and told.policy not in work.rulebook.policies:
        why = f"there is no policy {told.policy!r}; the case runs under {work.row(invoice.invoice_id).policy_name!r}"
        work.open_item("unknown_policy", why, invoice_id=invoice.invoice_id)
    if not work.account.reachable:
        work.open_item(
            "contact_missing",
            "no contact of the customer has an address",
            invoice_id=invoice.invoice_id,
            ref=work.customer.customer_id,
        )
