"""Facts of a customer's account: cash over several invoices, particulars, holds, promises, posted books."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import nullcontext
from datetime import date, datetime
from typing import NamedTuple

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
from domain.remittance import make_out
from domain.requests.requests import unfit
from domain.vocabulary import Step
from domain.wire import FieldError
from store import facts, portfolio, worklist
from store.database import can_never_succeed
from store.portfolio import is_known
from store.schema import CustomerRow

#: Cases decided on in the transaction of an account's fact, which has seconds.
MOST_SETTLED = 250
#: Allocations booked in one transaction, which holds the customer's lock: half a second on an idle machine, two on a
#: very busy one.
MOST_ALLOCATED = 50


class AccountWork:
    """One transaction on what concerns a customer: the account, and the customer's invoices, also those that
    are written to somebody else (`bill_to`).

    `by_portions` says whether the caller comes again for the allocations that do not fit into it.
    """

    def __init__(
        self,
        session: Session,
        customer_id: str,
        rulebook: Rulebook,
        at: datetime,
        *,
        by_portions: bool = False,
    ) -> None:
        self._session = session
        self._customer_id = customer_id
        written_to = {customer_id, *portfolio.billed_elsewhere(session, customer_id)}
        # In one order for all, so that nobody waits for each other.
        self._works = {each: CaseWork.on_customer(session, each, rulebook, at) for each in sorted(written_to)}
        self.account = self._works[customer_id]
        for work in self._works.values():
            work.on_account = self.account.on_account
        self._by_portions = by_portions
        self.room = MOST_ALLOCATED
        self.concerns_all = False
        """Whether what was told may concern every open invoice."""

    def fits(self, allocations: int) -> bool:
        """Whether so many allocations can be booked in this transaction as well."""
        return not self._by_portions or allocations <= self.room

    def on(self, invoice_ids: Collection[str]) -> dict[str, CaseWork]:
        """The work on each of these invoices that is one of this customer, all of them read together."""
        payers = portfolio.written_to(self._session, self._customer_id, invoice_ids)
        for customer_id, work in self._works.items():
            work.load([invoice_id for invoice_id, payer in payers.items() if payer == customer_id])
        return {each: self._works[payer] for each, payer in payers.items() if payer in self._works}

    def sellers(self, invoice_ids: Collection[str]) -> set[str]:
        """The sellers of these invoices of the customer; of all that are open where none is named."""
        return portfolio.sellers_of(self._session, self._customer_id, invoice_ids)

    def of_this_customer(self, invoice_ids: Collection[str]) -> bool:
        """Whether these are invoices of this customer, each of them."""
        return len(portfolio.written_to(self._session, self._customer_id, invoice_ids)) == len(invoice_ids)

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

    def has_cash(self) -> bool:
        """Whether there is money on account, which may cover any of the invoices."""
        on_account = [work.account.unapplied.values() for work in self._works.values()]
        return any(minor > 0 for by_currency in on_account for minor in by_currency)

    def batch(self, begun: bool) -> None:
        """Facts of many invoices are filed before any is decided on; see `CaseWork.is_batch`."""
        for work in self._works.values():
            work.is_batch = begun

    def settle(self) -> AccountRecorded:
        """Decide on every case that may be concerned, but for very many: those decide when they are nudged.

        Returns their invoices, and the plans whose next step may have changed.
        """
        self.forget()
        concerned = self.open_invoices() if self.concerns_all else {}
        for work in self._works.values():
            concerned.update(dict.fromkeys(work.nudge, work))
        settled = sorted(concerned)[:MOST_SETTLED]
        for work in self._works.values():
            work.settle_all([invoice_id for invoice_id in settled if concerned[invoice_id] is work])
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
            return self._record(batch, alone=False)
        except Exception as problem:
            if not can_never_succeed(problem):
                raise
        return self._record(batch, alone=True)

    def _record(self, batch: RecordAccountFacts, *, alone: bool) -> AccountRecorded:
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
            works = AccountWork(
                session, batch.customer_id, self._rulebook, batch.at, by_portions=batch.by_portions
            )
            customer = works.account.customer
            if not isinstance(start, list) and not start.customer.is_only_an_id and not is_known(customer):
                learn(customer, start.customer)
                works.account.forget()
            under_way = dict(customer.allocating)
            works.concerns_all = not (batch.signals or under_way)
            for signal in batch.signals:
                (_record_alone if alone else _record_signal)(works, signal)
            if batch.by_portions and under_way:
                _go_on(works, min(under_way), alone=alone)
            more = batch.by_portions and bool(customer.allocating)
            every = self._rulebook.continue_as_new_every
            return works.settle().model_copy(
                update={"errors": told, "more": more, "continue_as_new": more and every is not None}
            )

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
        works.batch(False)
        works.forget()
        _unreadable(works, signal, f"it cannot be recorded ({type(problem).__name__})")


def _record_signal(works: AccountWork, signal: SignalInput) -> None:
    """Record a signal, or put it on the worklist; what may be money or a promise then pauses every case."""
    account = works.account
    model = wire.ACCOUNT_SIGNALS.get(signal.name)
    works.concerns_all |= model is not wire.CashReceived
    if model is None and signal.name in wire.PAUSING_SIGNALS:
        _unreadable(works, signal, "it is for an invoice, not for a customer's account")
        return
    if model is None:
        why = f"nothing is known of an account signal named {signal.name[:64]!r}"
        account.open_item("unknown_signal", why, **as_it_came(signal.name, signal.inputs)._asdict())
        return
    read = read_input(model, signal.inputs)
    if isinstance(read, list):
        _unreadable(works, signal, "; ".join(str(error) for error in read))
        return
    problem: str | None = None
    match read:
        case wire.CashReceived():
            problem = _cash(works, read)
        case wire.AccountPromiseMade():
            problem = _promise(works, read)
        case wire.CreditOnAccount():
            if account.file_on_account(signal.name, read.fact_id, read):
                _post_to_account(account, signal.name, read.fact_id, read.money, account.now.date())
        case wire.CustomerUpdated():
            _update(account, read)
        case wire.HoldReleased():
            account.file_on_account(signal.name, read.fact_id, read)
            account.close_hold_item(read.hold_id, None)
        case _:
            account.file_on_account(signal.name, read.fact_id, read)
    if problem is not None:
        _unreadable(works, signal, problem)


def _unreadable(works: AccountWork, signal: SignalInput, why: str) -> None:
    """A person has to look; until then what may be money or a promise pauses the invoices that it may concern."""
    account = works.account
    concerned: tuple[str, ...] = ()
    if signal.name == wire.CashReceived.fact_kind and len(signal.inputs) == 1:
        (came,) = signal.inputs
        made_out = make_out(came.data, is_whole=came.cut_from is None)
        if made_out.cash is not None:
            why = f"{_put_aside(works, made_out.cash)}; {why}"
        if made_out.invoices and works.of_this_customer(made_out.invoices):
            concerned = made_out.invoices
            why = f"what it names is paused ({len(concerned)} invoices); {why}"
    item_id = account.open_item(
        "unreadable_signal",
        f"{signal.name} could not be read: {why}",
        **as_it_came(signal.name, signal.inputs)._asdict(),
    )
    works.concerns_all = True
    if signal.name not in wire.PAUSING_SIGNALS:
        return
    if (
        facts.account_fact(account.session, account.customer.customer_id, portfolio.UNREADABLE, item_id)
        is None
    ):
        unreadable = internal.UnreadableFact(item_id=item_id, invoices=concerned)
        account.file_on_account(portfolio.UNREADABLE, item_id, unreadable)


def _put_aside(works: AccountWork, cash: wire.CashReceived) -> str:
    """Book the money of a remittance too large to be taken, for no invoice; says so, and how it gets to them."""
    fix = (
        f"send it again as {cash.payment_id} for at most {wire.MOST_ALLOCATIONS} invoices, the rest of them "
    )
    fix += f"by payment_received to each under {cash.payment_id}"
    if not _is_booked(works, cash):
        return fix
    _post_to_account(works.account, facts.CASH_UNREAD, cash.fact_id, cash.money, cash.received_on)
    return f"its {cash.amount} {cash.currency} are on account unapplied: {fix}"


class _UnderWay(NamedTuple):
    """How far the money of a remittance has been moved to its invoices."""

    done: int
    """Allocations that were looked at, in the order of the remittance."""
    left: int
    """Minor units that are on no invoice."""
    is_booked: bool
    """Whether they are on the account."""


def _cash(works: AccountWork, cash: wire.CashReceived) -> str | None:
    """Book each allocation as a payment of its invoice; what is left is unapplied cash.

    Where that is more than one transaction may do, all of it is unapplied cash at once, and moved to its invoices
    in portions. Returns what is wrong where it does not add up: a person then looks before anybody is chased.
    """
    account, amount = works.account, cash.money
    if amount.minor <= 0:
        why = f"cash_received {cash.payment_id}: amount {cash.amount} is not above zero"
        ref = f"cash_received:{cash.payment_id}"
        account.open_item("unfit_fact", why, ref=ref, raw=cash.model_dump_json().encode())
        return None
    allocated = sum(max(0, Money.parse(each.amount, cash.currency).minor) for each in cash.allocations)
    if allocated > amount.minor:
        return f"more than the {cash.amount} received is allocated, and less than nothing to an invoice"
    if not account.file_on_account("cash_received", cash.fact_id, cash):
        return None
    under_way = _UnderWay(0, amount.minor, _is_booked(works, cash))
    _take_back(account, cash)
    if works.fits(len(cash.allocations)):
        works.room -= len(cash.allocations)
        works.concerns_all = True
        under_way = _move(works, cash, under_way)
        _to_account(works, cash, under_way)
        _list_rest(works, cash, under_way)
    else:
        _to_account(works, cash, under_way)
        _note(account.customer, cash.payment_id, under_way)
    return None


def _take_back(account: CaseWork, cash: wire.CashReceived) -> None:
    """What was put on the account when this remittance could not be taken is this very money."""
    customer_id = account.customer.customer_id
    unread = facts.posted_to_account(account.session, customer_id, facts.CASH_UNREAD, cash.fact_id)
    if unread is not None:
        taken = Money(-unread.minor, unread.currency)
        _post_to_account(account, facts.APPLIED, cash.fact_id, taken, cash.received_on)


def _go_on(works: AccountWork, payment_id: str, *, alone: bool) -> None:
    """Move the next portion of a remittance to its invoices. How far it has come is committed with it."""
    customer = works.account.customer
    under_way = _UnderWay(**customer.allocating[payment_id])
    told = facts.account_fact(works.account.session, customer.customer_id, "cash_received", payment_id)
    assert told is not None, "a remittance is recorded before it is under way"
    allocations = told.payload["allocations"]
    portion = allocations[under_way.done : under_way.done + max(1, works.room)]
    cash = wire.CashReceived.model_validate({**told.payload, "allocations": portion})
    under_way = _move(works, cash, under_way, alone=alone)
    if under_way.done < len(allocations):
        _note(customer, payment_id, under_way)
        return
    _note(customer, payment_id, None)
    works.concerns_all |= works.has_cash()
    _list_rest(works, cash, under_way)


def _note(customer: CustomerRow, payment_id: str, under_way: _UnderWay | None) -> None:
    others = {other: told for other, told in customer.allocating.items() if other != payment_id}
    customer.allocating = others if under_way is None else {**others, payment_id: under_way._asdict()}


def _move(
    works: AccountWork, cash: wire.CashReceived, under_way: _UnderWay, *, alone: bool = False
) -> _UnderWay:
    """Book the allocations of a remittance, or of a portion of it, each as a payment of its invoice.

    `alone`: one that can never be recorded goes to a person, the others are booked.
    """
    left = under_way.left
    of = works.on([each.invoice_id for each in cash.allocations])
    works.batch(True)
    for invoice_id, payment in cash.payments():
        try:
            with works.account.session.begin_nested() if alone else nullcontext():
                left -= _book(works, of.get(invoice_id), invoice_id, payment)
        except Exception as problem:
            if not alone or not can_never_succeed(problem):
                raise
            works.forget()
            why = f"cash {cash.payment_id} on {invoice_id}: it cannot be recorded ({type(problem).__name__})"
            works.account.open_item("unfit_fact", why, ref=f"{cash.payment_id}:{invoice_id}")
    works.batch(False)
    works.forget()
    return under_way._replace(done=under_way.done + len(cash.allocations), left=left)


def _book(works: AccountWork, work: CaseWork | None, invoice_id: str, payment: wire.PaymentReceived) -> int:
    """Book a part of a remittance on its invoice; the minor units that are then told of it."""
    payment_id = payment.payment_id
    if work is None:
        why = f"cash {payment_id} names {invoice_id}, which is not an invoice of this customer"
        works.account.open_item("unmatched_cash", why, ref=f"{payment_id}:{invoice_id}")
        return 0
    problem = unfit(work.case(invoice_id).case, payment)
    if problem is not None:
        why = f"cash {payment_id} on {invoice_id}: {problem.why}"
        work.open_item("unfit_fact", why, invoice_id=invoice_id, ref=payment_id)
        return 0
    file_payment(work, invoice_id, payment)
    work.nudge.add(invoice_id)
    return payment.money.minor


def _to_account(works: AccountWork, cash: wire.CashReceived, under_way: _UnderWay) -> None:
    """What is on no invoice (yet) is unapplied cash of the customer, where it is booked at all."""
    if under_way.is_booked and under_way.left > 0:
        left = Money(under_way.left, cash.currency)
        _post_to_account(works.account, "cash_received", cash.fact_id, left, cash.received_on)


def _list_rest(works: AccountWork, cash: wire.CashReceived, under_way: _UnderWay) -> None:
    """What is for no invoice in the end goes to a person."""
    if under_way.left <= 0:
        return
    why = f"{Money(under_way.left, cash.currency)} {cash.currency} of payment {cash.payment_id} is "
    if under_way.is_booked:
        why += "not applied"
    else:
        why += "for no invoice: the seller's cash source books it once it knows of it"
    works.account.open_item("unapplied_cash", why, ref=cash.payment_id)


def _is_booked(works: AccountWork, cash: wire.CashReceived) -> bool:
    """Whether the money is put on the account: as the sellers of its invoices say."""
    sellers = works.sellers([each.invoice_id for each in cash.allocations])
    return is_booked_for(works.account.rulebook, sellers, source_of(cash.payment_id))


def _post_to_account(account: CaseWork, kind: str, event_id: str, amount: Money, on: date) -> None:
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
