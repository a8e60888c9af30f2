"""Facts of a customer's account: cash over several invoices, particulars, holds, promises, posted books."""

from __future__ import annotations

from pydantic import BaseModel
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from activities.casework import CaseWork
from activities.inputs import as_it_came, read_input
from activities.interface import AccountRecorded, RecordAccountFacts, SignalInput
from activities.opening import learn
from activities.rulebook import Rulebook
from domain import contract as wire
from domain.money import Money
from domain.requests import unfit
from domain.vocabulary import HoldReason
from domain.wire import FieldError
from store import facts, worklist
from store.portfolio import profile_of
from store.schema import CaseRow, CustomerRow


class UnreadableOnAccount(BaseModel):
    """The hold that stands on an account while a person looks at something unreadable."""

    hold_id: str
    reason: HoldReason


class AccountLedger:
    """Records what concerns a customer; runs on the task queue `duecourse-ledger`."""

    def __init__(self, sessions: sessionmaker[Session], rulebook: Rulebook) -> None:
        self._sessions = sessions
        self._rulebook = rulebook

    @activity.defn
    def record_account_facts(self, batch: RecordAccountFacts) -> AccountRecorded:
        """Record the signals in the order they came; every open case decides again afterwards."""
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
            work = CaseWork.on_customer(session, batch.customer_id, self._rulebook, batch.at)
            if not isinstance(start, list) and profile_of(work.customer).is_only_an_id:
                learn(work.customer, start.customer)
                work.forget()
            for signal in batch.signals:
                self._record(work, signal)
            work.forget()
            nudged = {*work.open_invoices(), *work.nudge}
            for invoice_id in sorted(nudged):
                work.settle(invoice_id)
            return AccountRecorded(errors=told, nudge=tuple(sorted(nudged)))

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

    def _record(self, work: CaseWork, signal: SignalInput) -> None:
        came = as_it_came(signal.name, signal.inputs)._asdict()
        model = wire.ACCOUNT_SIGNALS.get(signal.name)
        if model is None:
            why = f"nothing is known of an account signal named {signal.name[:64]!r}"
            work.open_item("unknown_signal", why, **came)
            return
        read = read_input(model, signal.inputs)
        if isinstance(read, list):
            why = f"{signal.name} could not be read: " + "; ".join(str(error) for error in read)
            item_id = work.open_item("unreadable_signal", why, **came)
            if signal.name in wire.PAUSING_SIGNALS:
                hold_id = f"item-{item_id}"
                work.file_on_account(
                    "hold_placed", hold_id, UnreadableOnAccount(hold_id=hold_id, reason=HoldReason.UNREADABLE)
                )
            return
        match read:
            case wire.CashReceived():
                self._cash(work, read)
            case wire.AccountPromiseMade():
                self._promise(work, read)
            case wire.CreditOnAccount():
                if work.file_on_account(signal.name, read.fact_id, read):
                    self._to_account(work, signal.name, read.fact_id, read.money)
            case wire.CustomerUpdated():
                self._update(work, read)
            case wire.HoldReleased():
                work.file_on_account(signal.name, read.fact_id, read)
                if read.hold_id.startswith("item-"):
                    worklist.close_task(
                        work.session,
                        read.hold_id.removeprefix("item-"),
                        at=work.now,
                        by="hold_released",
                        outcome="the hold was released",
                    )
            case _:
                work.file_on_account(signal.name, read.fact_id, read)

    def _cash(self, work: CaseWork, cash: wire.CashReceived) -> None:
        """Book each allocation as a payment of its invoice; what is left is unapplied cash."""
        amount = cash.money
        if amount.minor <= 0:
            why = f"cash_received {cash.payment_id}: amount {cash.amount} is not above zero"
            work.open_item(
                "unfit_fact", why, ref=f"cash_received:{cash.payment_id}", raw=cash.model_dump_json().encode()
            )
            return
        if not work.file_on_account("cash_received", cash.fact_id, cash):
            return
        left = amount.minor
        for allocation in cash.allocations:
            payment = wire.PaymentReceived.model_validate(
                {
                    "payment_id": cash.payment_id,
                    "amount": allocation.amount,
                    "currency": cash.currency,
                    "received_on": cash.received_on.isoformat(),
                    "reference": cash.reference,
                    "deductions": [deduction.model_dump() for deduction in allocation.deductions],
                }
            )
            row = work.session.get(CaseRow, allocation.invoice_id)
            if row is None or row.customer_id != work.customer.customer_id:
                why = f"cash {cash.payment_id} names {allocation.invoice_id}, which is not an invoice of this customer"
                work.open_item("unmatched_cash", why, ref=f"{cash.payment_id}:{allocation.invoice_id}")
                continue
            problem = unfit(work.case(allocation.invoice_id).case, payment)
            if problem is not None:
                why = f"cash {cash.payment_id} on {allocation.invoice_id}: {problem.why}"
                work.open_item("unfit_fact", why, invoice_id=allocation.invoice_id, ref=cash.payment_id)
                continue
            work.file(allocation.invoice_id, payment, payment.fact_id)
            work.nudge.add(allocation.invoice_id)
            left -= Money.parse(allocation.amount, cash.currency).minor
        if left > 0:
            self._to_account(work, "cash_received", cash.fact_id, Money(left, cash.currency))
            why = f"{Money(left, cash.currency)} {cash.currency} of payment {cash.payment_id} is not applied"
            work.open_item("unapplied_cash", why, ref=cash.payment_id)

    def _to_account(self, work: CaseWork, kind: str, event_id: str, amount: Money) -> None:
        facts.post_to_account(
            work.session,
            customer_id=work.customer.customer_id,
            kind=kind,
            event_id=event_id,
            amount=amount,
            on=work.now.date(),
        )
        work.forget()

    def _promise(self, work: CaseWork, promise: wire.AccountPromiseMade) -> None:
        """A promise over the account is one on each of its invoices (left out: all that are open)."""
        if not work.file_on_account("promise_made", promise.fact_id, promise):
            return
        told = promise.model_dump(mode="json", exclude={"invoices", "amount"}, exclude_none=True)
        each = wire.PromiseMade.model_validate(told)
        own = set(work.open_invoices())
        for invoice_id in promise.invoices or sorted(own):
            if invoice_id in own:
                work.file(invoice_id, each, each.fact_id)
            else:
                why = f"promise {promise.promise_id} names {invoice_id}, which is not open with this customer"
                work.open_item("unfit_fact", why, ref=f"{promise.promise_id}:{invoice_id}")

    def _update(self, work: CaseWork, update: wire.CustomerUpdated) -> None:
        if update.customer.customer_id != work.customer.customer_id:
            why = f"customer_updated {update.update_id} is about {update.customer.customer_id}"
            work.open_item("unfit_fact", why, ref=update.update_id, raw=update.model_dump_json().encode())
        elif work.file_on_account("customer_updated", update.fact_id, update):
            learn(work.customer, update.customer)
            for kind in ("contact_missing", "contact"):
                for task in worklist.list_open(
                    work.session, kind=kind, customer_id=work.customer.customer_id
                ):
                    worklist.close_task(
                        work.session,
                        task.item_id,
                        at=work.now,
                        by="customer_updated",
                        outcome="new particulars",
                    )
            work.forget()
