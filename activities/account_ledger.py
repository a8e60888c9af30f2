"""Facts of a customer's account: cash over several invoices, particulars, holds, promises, posted books."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from activities.casework import CaseWork
from activities.cash import file_payment, is_booked_for
from activities.contacts import contact_key
from activities.inputs import as_it_came, read_input
from activities.interface import AccountRecorded, RecordAccountFacts, SignalInput
from activities.opening import learn
from activities.rulebook import Rulebook
from domain import contract as wire
from domain import facts as internal
from domain.cash_source import source_of
from domain.money import Money
from domain.requests.requests import unfit
from domain.vocabulary import Step
from domain.wire import FieldError
from store import facts, portfolio, worklist
from store.database import can_never_succeed
from store.portfolio import is_known
from store.schema import CaseRow, CustomerRow

#: Cases decided on in the transaction of an account's fact, which has seconds.
MOST_SETTLED = 250


class AccountWork:
    """One transaction on what concerns a customer: the account, and the customer's invoices, also those that
    are written to somebody else (`bill_to`)."""

    def __init__(self, session: Session, customer_id: str, rulebook: Rulebook, at: datetime) -> None:
        self._session = session
        self._customer_id = customer_id
        written_to = {customer_id, *portfolio.billed_elsewhere(session, customer_id)}
        # In one order for all, so that nobody waits for each other.
        self._works = {each: CaseWork.on_customer(session, each, rulebook, at) for each in sorted(written_to)}
        self.account = self._works[customer_id]

    def on(self, invoice_id: str) -> CaseWork | None:
        """The work on an invoice of this customer; None where it is not one, or not there."""
        row = self._session.get(CaseRow, invoice_id)
        if row is None or self._customer_id not in (row.customer_id, row.owner_id):
            return None
        return self._works.get(row.customer_id)

    def open_invoices(self) -> dict[str, CaseWork]:
        """The open invoices that what is told of the account concerns."""
        return {
            row.invoice_id: work
            for customer_id, work in self._works.items()
            for row in portfolio.open_rows(self._session, customer_id)
            if self._customer_id in (customer_id, row.owner_id)
        }

    def forget(self) -> None:
        """The account changed, or nothing of it did after all: cases are loaded afresh."""
        for work in self._works.values():
            work.forget()

    def settle(self) -> AccountRecorded:
        """Decide on every case that may be concerned, but for very many: those decide when they are nudged.

        Returns their invoices, and the plans whose next step may have changed.
        """
        self.forget()
        concerned = self.open_invoices()
        for work in self._works.values():
            concerned.update(dict.fromkeys(work.nudge, work))
        for invoice_id in sorted(concerned)[:MOST_SETTLED]:
            concerned[invoice_id].settle(invoice_id)
        plans = {plan_id for work in self._works.values() for plan_id in work.plans}
        return AccountRecorded(nudge=tuple(sorted(concerned)), plans=tuple(sorted(plans)))


class AccountLedger:
    """Records what concerns a customer; runs on the task queue `duecourse-ledger`."""

    def __init__(self, sessions: sessionmaker[Session], rulebook: Rulebook) -> None:
        self._sessions = sessions
        self._rulebook = rulebook

    @activity.defn
    def record_account_facts(self, batch: RecordAccountFacts) -> AccountRecorded:
        """Record the signals in the order they came; every open case decides again afterwards.

        One of them that the database or a rule can never take goes to a person, the others are recorded.
        """
        try:
            return self._record(batch, _record_signal)
        except Exception as problem:
            if not can_never_succeed(problem):
                raise
        return self._record(batch, _record_alone)

    def _record(
        self, batch: RecordAccountFacts, take: Callable[[AccountWork, SignalInput], None]
    ) -> AccountRecorded:
        start = read_input(wire.AccountStart, batch.inputs)
        errors = start if isinstance(start, list) else []
        if not isinstance(start, list) and start.customer.customer_id != batch.customer_id:
            problem = f"is not that of the workflow id {batch.workflow_id!r}: name it account-<customer_id>"
            errors = [FieldError("customer.customer_id", start.customer.customer_id, problem)]
        with self._sessions.begin() as session:
            told = tuple(error.without_value for error in errors)
            if errors:
                self._list_start(session, batch, errors)
                if session.get(CustomerRow, batch.customer_id) is None:
                    self._list_strays(session, batch)
                    return AccountRecorded(errors=told)
            works = AccountWork(session, batch.customer_id, self._rulebook, batch.at)
            customer = works.account.customer
            if not isinstance(start, list) and not start.customer.is_only_an_id and not is_known(customer):
                learn(customer, start.customer)
                works.account.forget()
            for signal in batch.signals:
                take(works, signal)
            return works.settle().model_copy(update={"errors": told})

    def _list_start(self, session: Session, batch: RecordAccountFacts, errors: list[FieldError]) -> None:
        worklist.open_task(
            session,
            kind="invalid_start",
            why="the account's start could not be read: " + "; ".join(str(error) for error in errors),
            at=batch.at,
            customer_id=batch.customer_id or batch.workflow_id,
            **as_it_came("start", batch.inputs)._asdict(),
        )

    def _list_strays(self, session: Session, batch: RecordAccountFacts) -> None:
        """Facts that came with a start that could not be read, about a customer nobody knows."""
        for signal in batch.signals:
            worklist.open_task(
                session,
                kind="stray_signal",
                why=f"{signal.name[:64]} came for a customer nobody knows",
                at=batch.at,
                customer_id=batch.customer_id or batch.workflow_id,
                **as_it_came(signal.name, signal.inputs)._asdict(),
            )


def _record_alone(works: AccountWork, signal: SignalInput) -> None:
    session = works.account.session
    try:
        with session.begin_nested():
            _record_signal(works, signal)
    except Exception as problem:
        if not can_never_succeed(problem):
            raise
        works.forget()
        _unreadable(works.account, signal, f"it cannot be recorded ({type(problem).__name__})")


def _record_signal(works: AccountWork, signal: SignalInput) -> None:
    """Record a signal, or put it on the worklist; what may be money or a promise then pauses every case."""
    account = works.account
    model = wire.ACCOUNT_SIGNALS.get(signal.name)
    if model is None and signal.name in wire.PAUSING_SIGNALS:
        _unreadable(account, signal, "it is for an invoice, not for a customer's account")
        return
    if model is None:
        why = f"nothing is known of an account signal named {signal.name[:64]!r}"
        account.open_item("unknown_signal", why, **as_it_came(signal.name, signal.inputs)._asdict())
        return
    read = read_input(model, signal.inputs)
    if isinstance(read, list):
        _unreadable(account, signal, "; ".join(str(error) for error in read))
        return
    problem: str | None = None
    match read:
        case wire.CashReceived():
            problem = _cash(works, read)
        case wire.AccountPromiseMade():
            problem = _promise(works, read)
        case wire.CreditOnAccount():
            if account.file_on_account(signal.name, read.fact_id, read):
                _to_account(account, signal.name, read.fact_id, read.money, account.now.date())
        case wire.CustomerUpdated():
            _update(account, read)
        case wire.HoldReleased():
            account.file_on_account(signal.name, read.fact_id, read)
            account.close_hold_item(read.hold_id, None)
        case _:
            account.file_on_account(signal.name, read.fact_id, read)
    if problem is not None:
        _unreadable(account, signal, problem)


def _unreadable(account: CaseWork, signal: SignalInput, why: str) -> None:
    came = as_it_came(signal.name, signal.inputs)._asdict()
    item_id = account.open_item("unreadable_signal", f"{signal.name} could not be read: {why}", **came)
    if signal.name in wire.PAUSING_SIGNALS:
        account.file_on_account(portfolio.UNREADABLE, item_id, internal.UnreadableFact(item_id=item_id))


def _cash(works: AccountWork, cash: wire.CashReceived) -> str | None:
    """Book each allocation as a payment of its invoice; what is left is unapplied cash.

    Returns what is wrong where it does not add up: a person then looks before anybody is chased.
    """
    account, amount = works.account, cash.money
    if amount.minor <= 0:
        why = f"cash_received {cash.payment_id}: amount {cash.amount} is not above zero"
        ref = f"cash_received:{cash.payment_id}"
        account.open_item("unfit_fact", why, ref=ref, raw=cash.model_dump_json().encode())
        return None
    allocated = sum(max(0, payment.money.minor) for _, payment in cash.payments())
    if allocated > amount.minor:
        return f"more than the {cash.amount} received is allocated, and less than nothing to an invoice"
    if not account.file_on_account("cash_received", cash.fact_id, cash):
        return None
    left = amount.minor
    for invoice_id, payment in cash.payments():
        work = works.on(invoice_id)
        if work is None:
            why = f"cash {cash.payment_id} names {invoice_id}, which is not an invoice of this customer"
            account.open_item("unmatched_cash", why, ref=f"{cash.payment_id}:{invoice_id}")
            continue
        problem = unfit(work.case(invoice_id).case, payment)
        if problem is not None:
            why = f"cash {cash.payment_id} on {invoice_id}: {problem.why}"
            work.open_item("unfit_fact", why, invoice_id=invoice_id, ref=cash.payment_id)
            continue
        file_payment(work, invoice_id, payment)
        work.nudge.add(invoice_id)
        left -= payment.money.minor
    if left > 0 and not _is_booked(works, cash):
        why = f"{Money(left, cash.currency)} {cash.currency} of payment {cash.payment_id} is for no invoice"
        why += ": the seller's cash source books it once it knows of it"
        account.open_item("unapplied_cash", why, ref=cash.payment_id)
    elif left > 0:
        _to_account(account, "cash_received", cash.fact_id, Money(left, cash.currency), cash.received_on)
        why = f"{Money(left, cash.currency)} {cash.currency} of payment {cash.payment_id} is not applied"
        account.open_item("unapplied_cash", why, ref=cash.payment_id)
    return None


def _is_booked(works: AccountWork, cash: wire.CashReceived) -> bool:
    """Whether what is for no invoice is put on the account: as its sellers say."""
    named = {invoice_id: works.on(invoice_id) for invoice_id, _ in cash.payments()}
    concerned = named or works.open_invoices()
    sellers = {work.row(invoice_id).seller for invoice_id, work in concerned.items() if work is not None}
    return is_booked_for(works.account.rulebook, sellers, source_of(cash.payment_id))


def _to_account(account: CaseWork, kind: str, event_id: str, amount: Money, on: date) -> None:
    facts.post_to_account(
        account.session,
        customer_id=account.customer.customer_id,
        kind=kind,
        event_id=event_id,
        amount=amount,
        on=on,
    )
    account.forget()


def _promise(works: AccountWork, promise: wire.AccountPromiseMade) -> str | None:
    """A promise over the account is one on each of its invoices (left out: all that are open); a part of what
    is owed is for the oldest of them. Returns what is wrong where nobody can tell for which."""
    account, own = works.account, works.open_invoices()
    named = [invoice_id for invoice_id in promise.invoices or own if invoice_id in own]
    cases = sorted(
        (own[invoice_id].case(invoice_id).case for invoice_id in named),
        key=lambda case: (case.due, case.invoice_id),
    )
    currencies = {case.currency for case in cases}
    if promise.amount is not None and len(currencies) > 1:
        return f"amount {promise.amount} has no currency, and the invoices are in {', '.join(sorted(currencies))}"
    left: int | None = None
    if promise.amount is not None and cases:
        try:
            left = cases[0].minor(promise.amount)
        except ValueError as problem:
            return str(problem)
    if not account.file_on_account("promise_made", promise.fact_id, promise):
        return None
    told = promise.model_dump(mode="json", exclude={"invoices", "amount"}, exclude_none=True)
    for case in cases:
        part = None if left is None else min(left, case.balance)
        if part is not None and part <= 0:
            continue
        amount = None if part is None else str(Money(part, case.currency))
        each = wire.PromiseMade.model_validate({**told, "amount": amount})
        own[case.invoice_id].file(case.invoice_id, each, each.fact_id)
        left = None if left is None or part is None else left - part
    for invoice_id in promise.invoices:
        if invoice_id not in own:
            why = f"promise {promise.promise_id} names {invoice_id}, which is not open with this customer"
            account.open_item("unfit_fact", why, ref=f"{promise.promise_id}:{invoice_id}")
    return None


def _update(account: CaseWork, update: wire.CustomerUpdated) -> None:
    """Take over what is told; particulars that are left out stay as they were."""
    customer, told = account.customer, update.customer
    if told.customer_id != customer.customer_id:
        why = f"customer_updated {update.update_id} is about {told.customer_id}"
        account.open_item("unfit_fact", why, ref=update.update_id, raw=update.model_dump_json().encode())
        return
    if not account.file_on_account("customer_updated", update.fact_id, update):
        return
    before = customer.profile if is_known(customer) else {}
    after = told.model_dump(mode="json", exclude_unset=True)
    known = wire.Customer.model_validate({**before, **after})
    if update.reader is not None and told.locale is not None:
        known = _in_own_language(known, update.reader)
    learn(customer, known)
    account.forget()
    if before and before.get("bill_to") != customer.profile.get("bill_to") and account.open_invoices():
        why = "bills go to another customer from here on; the open invoices stay where they are"
        account.open_item("bill_to_changed", why, ref=update.update_id)
    _close_answered(account, whose="contacts" in told.model_fields_set)


def _in_own_language(customer: wire.Customer, reader: str) -> wire.Customer:
    """The customer with one contact's own locale as the customer's; the others keep theirs."""
    contacts = tuple(
        contact.model_copy(update={"locale": customer.locale}) if contact_key(contact) == reader else contact
        for contact in customer.contacts
    )
    return customer.model_copy(update={"contacts": contacts})


def _close_answered(account: CaseWork, *, whose: bool) -> None:
    """New particulars answer what waited for an address, and new contacts (`whose`) that one took no mail; a
    notice that came back still lacks its proof."""
    session, customer_id = account.session, account.customer.customer_id
    answered = []
    if account.account.route(Step.OVERDUE) is not None:
        answered += worklist.list_open(session, kind="contact_missing", customer_id=customer_id)
    for task in worklist.list_open(session, kind="contact", customer_id=customer_id) if whose else ():
        asked = {request.ref for id_ in task.invoices for request in account.decide(id_).tasks}
        if task.ref not in asked:
            answered.append(task)
    for task in answered:
        worklist.close_task(
            session, task.item_id, at=account.now, by="customer_updated", outcome="new particulars"
        )
