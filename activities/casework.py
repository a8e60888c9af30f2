"""What every activity on a case does under the customer's lock: load, file facts, decide, write down.

`CaseWork` is one such transaction. It is the only place where facts become rows and decisions become
the read model.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified
from temporalio import activity

from activities import plan_book
from activities.interface import Decided
from activities.rulebook import Rulebook, business_holidays
from domain import contract as wire
from domain import facts as internal
from domain.case import Account, Case
from domain.contact import Contact, Pursued
from domain.decide import decide
from domain.decision import Close, Decision
from domain.filing import apply
from domain.money import Money
from domain.pauses import calendar_of, is_settled
from domain.plans.plan_healing import plans_moved_by
from domain.policy import Policy
from domain.postings import postings
from domain.segments import usual_day
from domain.view import view
from domain.vocabulary import Outcome
from domain.wire import WireModel
from store import audit, facts, outbox, portfolio, read_model, worklist
from store.customers import advance, lock, lock_of_invoice
from store.schema import (
    CaseRow,
    CreditHoldRow,
    CustomerRow,
    EventRow,
    MessageItemRow,
    MessageState,
    TaskState,
)

#: After so many cancelled drafts the words are written and claimed under one lock.
MOST_CANCELS = 3


class CaseWork:
    """One transaction on a customer's cases, holding the customer's lock."""

    def __init__(self, session: Session, customer: CustomerRow, rulebook: Rulebook, at: datetime) -> None:
        self.session = session
        self.customer = customer
        self.rulebook = rulebook
        self.now = advance(customer, _business_time(at))
        self._rows: dict[str, CaseRow] = {}
        self._pursued: dict[str, Pursued] = {}
        self._account: Account | None = None
        self._account_events: list[EventRow] | None = None
        self._items: dict[str, list[MessageItemRow]] = {}
        self._unreadable_policies: set[str] = set()
        self._touched: set[str] = set()
        self._plans_touched: set[str] = set()
        self._settling: set[str] = set()
        self._asked_for_items: set[str] = set()
        self._with_items: set[str] = set()
        self.is_batch = False
        """Facts of many invoices are filed before any of them is decided on: what they do to the money on
        account is looked up once, when `forget` is called at their end."""
        self.on_account: dict[tuple[str, str, str], int] = {}
        """What is left of money on account, by customer, id and currency; works that use up the same money in
        one transaction share it."""
        self.nudge: set[str] = set()
        self.plans: set[str] = set()

    @classmethod
    def on_invoice(cls, session: Session, invoice_id: str, rulebook: Rulebook, at: datetime) -> CaseWork:
        """Lock the customer who is written to about an invoice."""
        customer, row = lock_of_invoice(session, invoice_id)
        work = cls(session, customer, rulebook, at)
        work._rows[invoice_id] = row
        return work

    @classmethod
    def on_customer(cls, session: Session, customer_id: str, rulebook: Rulebook, at: datetime) -> CaseWork:
        return cls(session, lock(session, customer_id), rulebook, at)

    # -- reading ----------------------------------------------------------------------------------

    @property
    def account(self) -> Account:
        if self._account is None:
            self._account = portfolio.account_of(
                self.session,
                self.customer,
                business_holidays,
                self.now,
                self.account_events,
                offers=self.rulebook.offers,
            )
        return self._account

    @property
    def account_events(self) -> list[EventRow]:
        if self._account_events is None:
            self._account_events = portfolio.standing_events(self.session, self.customer.customer_id)
        return self._account_events

    def items(self, message_id: str) -> list[MessageItemRow]:
        """What a message says about which invoices, which never changes; their state here is not the newest."""
        if message_id not in self._items:
            self._items[message_id] = outbox.items_of(self.session, message_id)
        return self._items[message_id]

    def row(self, invoice_id: str) -> CaseRow:
        return self.rows([invoice_id])[0]

    def rows(self, invoice_ids: Collection[str]) -> list[CaseRow]:
        """The rows of cases that are there, read afresh the first time."""
        missing = [invoice_id for invoice_id in invoice_ids if invoice_id not in self._rows]
        if missing:
            self._rows.update(portfolio.rows_of(self.session, missing))
        return [self._rows[invoice_id] for invoice_id in invoice_ids]

    def load(self, invoice_ids: Sequence[str]) -> list[Pursued]:
        """Cases with all their committed facts."""
        missing = self.rows([invoice_id for invoice_id in invoice_ids if invoice_id not in self._pursued])
        policies = {row.invoice_id: self._policy(row) for row in missing}
        self._pursued.update(portfolio.pursued(self.session, self.account, missing, policies))
        for row in missing:
            if row.invoice_id in self._unreadable_policies:
                pinned = f"{row.policy_name} {row.policy_version}"
                why = f"its policy {pinned} cannot be read: release the hold to go on with today's"
                self.park([row.invoice_id], "policy_unreadable", why, pinned)
        return [self._pursued[invoice_id] for invoice_id in invoice_ids]

    def _policy(self, row: CaseRow) -> Policy:
        """The policy pinned to a case, or today's where this version of Duecourse cannot read that one."""
        try:
            return portfolio.policy_of(row)
        except ValidationError:
            self._unreadable_policies.add(row.invoice_id)
            policies = self.rulebook.policies
            return policies.get(row.policy_name) or policies[self.rulebook.default_policy]

    def case(self, invoice_id: str) -> Pursued:
        return self.load([invoice_id])[0]

    def siblings(self, invoice_id: str) -> list[Pursued]:
        """The customer's other open cases with the same seller."""
        rows = portfolio.open_rows(self.session, self.customer.customer_id, self.row(invoice_id).seller)
        self._rows.update({row.invoice_id: row for row in rows if row.invoice_id not in self._rows})
        return self.load([row.invoice_id for row in rows if row.invoice_id != invoice_id])

    def open_invoices(self) -> list[str]:
        rows = portfolio.open_rows(self.session, self.customer.customer_id)
        self._rows.update({row.invoice_id: row for row in rows if row.invoice_id not in self._rows})
        return [row.invoice_id for row in rows]

    def today(self, pursued: Pursued) -> date:
        return calendar_of(pursued.case.account, pursued.policy).local_date(self.now)

    def usual_day(self) -> int | None:
        """Median days from issue to payment, rounded to 5, where the history is long enough."""
        history = portfolio.paid_history(self.session, self.customer.customer_id)
        return usual_day(history)

    # -- writing ----------------------------------------------------------------------------------

    def file(self, invoice_id: str, fact: wire.Fact | internal.InternalFact, event_id: str) -> bool:
        """Record one fact of an invoice. False where its id was recorded before; another content under
        the same id becomes a worklist item, the first stands."""
        kind = fact.fact_kind if isinstance(fact, wire.Fact) else _kind_of(fact)
        payload = fact.model_dump(mode="json", exclude_unset=isinstance(fact, wire.Fact))
        recorded = facts.append_event(
            self.session,
            customer_id=self.customer.customer_id,
            invoice_id=invoice_id,
            kind=kind,
            event_id=event_id,
            payload=payload,
            at=self.now,
        )
        if isinstance(recorded, facts.Conflicting) and not _says_the_same(recorded.event, fact):
            self.open_item(
                "conflicting_fact",
                f"{kind} {event_id} came again with other content; the first one stands",
                invoice_id=invoice_id,
                ref=f"{kind}:{event_id}",
                raw=fact.model_dump_json().encode(),
            )
        if not isinstance(recorded, facts.Appended):
            return False
        before = self.case(invoice_id)
        after = Pursued(apply(before.case, fact, self.now), before.policy)
        self._pursued[invoice_id] = after
        self._touched.add(invoice_id)
        self._plans_touched.update(plans_moved_by(fact, before.case, after.case))
        self._post(before.case, after.case, fact, kind, event_id)
        body = {"event_id": event_id, "payload_sha256": recorded.event.payload_sha256.hex()}
        self.note(kind, invoice_id, body, fact.model_dump_json(exclude_unset=True))
        return True

    def file_on_account(self, kind: str, event_id: str, payload: BaseModel) -> bool:
        """Record one fact of the customer; same rules as `file`."""
        recorded = facts.append_event(
            self.session,
            customer_id=self.customer.customer_id,
            invoice_id=None,
            kind=kind,
            event_id=event_id,
            payload=payload.model_dump(mode="json", exclude_unset=True),
            at=self.now,
        )
        if isinstance(recorded, facts.Conflicting) and not _says_the_same(recorded.event, payload):
            self.open_item(
                "conflicting_fact",
                f"{kind} {event_id} came again with other content; the first one stands",
                ref=f"{kind}:{event_id}",
                raw=payload.model_dump_json().encode(),
            )
        if not isinstance(recorded, facts.Appended):
            return False
        self.forget()
        body = {"event_id": event_id, "payload_sha256": recorded.event.payload_sha256.hex()}
        self.note(kind, self.customer.customer_id, body, payload.model_dump_json(exclude_unset=True))
        return True

    def forget(self) -> None:
        """The account changed: cases are loaded afresh."""
        self.session.flush()
        self._account = self._account_events = None
        self._pursued.clear()
        self.on_account.clear()

    def open_item(
        self,
        kind: str,
        why: str,
        *,
        invoice_id: str | None = None,
        ref: str = "",
        raw: bytes | None = None,
        raw_sha256: bytes | None = None,
        invoices: Sequence[str] = (),
        due_on: date | None = None,
    ) -> str:
        """Put something on the worklist, once."""
        self._with_items.update(invoices, () if invoice_id is None else (invoice_id,))
        return worklist.open_task(
            self.session,
            kind=kind,
            why=why,
            at=self.now,
            customer_id=self.customer.customer_id,
            invoice_id=invoice_id,
            invoices=invoices,
            ref=ref,
            raw=raw,
            raw_sha256=raw_sha256,
            due_on=due_on,
        )

    def close_items(
        self, kind: str, ref: str, *, by: str, outcome: str, state: TaskState = TaskState.DONE
    ) -> None:
        """Take what is answered off the worklist."""
        customer_id = self.customer.customer_id
        for task in worklist.list_open(self.session, kind=kind, customer_id=customer_id, ref=ref):
            worklist.close_task(self.session, task.item_id, at=self.now, by=by, outcome=outcome, state=state)

    def close_hold_item(self, hold_id: str, invoice_id: str | None) -> None:
        """A released hold answers the item it stood for, where that is about this invoice (or account)."""
        if not hold_id.startswith("item-"):
            return
        item = worklist.get(self.session, hold_id.removeprefix("item-"))
        about = (self.customer.customer_id, invoice_id)
        if item is not None and (item.customer_id, item.invoice_id) == about:
            outcome = "the hold was released"
            worklist.close_task(self.session, item.item_id, at=self.now, by="hold_released", outcome=outcome)

    def park(self, invoice_ids: Sequence[str], kind: str, why: str, ref: str) -> None:
        """Keep cases back, each until a person has looked at its item and releases its hold."""
        for invoice_id in invoice_ids:
            item_id = self.open_item(kind, why, invoice_id=invoice_id, ref=ref)
            self.file(invoice_id, internal.UnreadableFact(item_id=item_id), item_id)

    def withdraw(self, message_id: str, why: str) -> None:
        """Take back a message that was not sent: its items are free for a fresh draft, and whoever was asked
        to approve it is asked no more.

        It counts as a change of its cases, so that whoever was writing it begins anew at once; where that leads
        nowhere again and again, in their own time.
        """
        message = outbox.cancel(self.session, message_id, why=why)
        if message.cancels <= MOST_CANCELS:
            for item in self.items(message_id):
                flag_modified(self.row(item.invoice_id), "decision")
        self.withdraw_approval(message_id)
        for kind in ("approval", "not_accepted"):
            self.close_items(kind, message_id, by="duecourse", outcome=why, state=TaskState.CANCELLED)
        self.note("message_cancelled", message_id, {"why": why})

    def withdraw_approval(self, message_id: str) -> None:
        """What was asked or approved was this message: for another one a person is asked anew."""
        for item in self.items(message_id):
            approval = self.case(item.invoice_id).case.approval
            if approval is not None and approval.fact.message_id == message_id:
                withdrawn = internal.ApprovalWithdrawn(message_id=message_id)
                self.file(item.invoice_id, withdrawn, message_id)
                self.nudge.add(item.invoice_id)

    def decide(self, invoice_id: str) -> Decision:
        pursued = self.case(invoice_id)
        return decide(pursued.case, pursued.policy, self.now)

    def settle(self, invoice_id: str) -> Decided:
        """Decide on everything recorded, write the read model, and say what the workflow is to do.

        Other cases that got a fact in this transaction are written too; their workflows look for themselves.
        """
        decision = self.settle_all([invoice_id])[invoice_id]
        row, pursued = self.row(invoice_id), self.case(invoice_id)
        every = self.rulebook.continue_as_new_every
        shown = view(pursued.case, pursued.policy, self.now).model_copy(
            update=plan_book.shown(self, invoice_id)
        )
        return Decided(
            revision=row.revision,
            decision=decision,
            view=shown.model_dump(mode="json", exclude_defaults=True),
            number=row.number,
            due_on=pursued.case.due,
            zone=pursued.case.account.zone or pursued.policy.timezone,
            tier=self.customer.tier or pursued.policy.name,
            nudge=tuple(sorted(self.nudge - {invoice_id})),
            plans=tuple(sorted(self.plans)),
            continue_as_new=every is not None and row.revision % every == 0,
        )

    def settle_all(self, invoice_ids: Collection[str]) -> dict[str, Decision]:
        """Decide on these cases, and on those that got a fact in this transaction, and write their read models:
        all of them are written together, whose rows and facts are read together."""
        self._settling = {*invoice_ids, *self._touched}
        self.load(sorted(self._settling))
        decided = {invoice_id: self._write_down(invoice_id) for invoice_id in sorted(invoice_ids)}
        self.session.flush()
        while self._touched or self._plans_touched:
            for plan_id in sorted(self._plans_touched):
                self._plans_touched.discard(plan_id)
                plan = plan_book.write_down(self, plan_id)
                if plan is not None and plan.ended is None:
                    self.plans.add(plan_id)
            for touched in sorted(self._touched):
                decided[touched] = self._write_down(touched)
            self.session.flush()
        for invoice_id in invoice_ids:
            self.plans.update(plan_book.unfollowed(self, invoice_id))
        return decided

    def _write_down(self, invoice_id: str) -> Decision:
        """Decide on one case and bring its row, its worklist items and its credit hold up to that."""
        self._touched.discard(invoice_id)
        self._end_of_debt(invoice_id)
        row = self.row(invoice_id)
        decision = self.decide(invoice_id)
        if isinstance(decision, Close):
            self._close(invoice_id, decision)
        pursued = self.case(invoice_id)
        for task in decision.tasks:
            self.open_item(task.kind, task.why, invoice_id=invoice_id, ref=task.ref)
        read_model.write(self.session, self.customer, row, pursued, decision, self.now)
        if isinstance(decision, Close):
            read_model.close(row, decision.outcome, self.now)
        return decision

    def _close(self, invoice_id: str, decision: Close) -> None:
        """Note the end of the case, once for each time it ends."""
        case = self.case(invoice_id).case
        if (
            case.closed is None
            or case.closed.epoch != case.epoch
            or case.closed.fact.outcome != decision.outcome
        ):
            closed = internal.CaseClosed(outcome=decision.outcome)
            self.file(invoice_id, closed, f"{case.cycle}-{case.epoch}-{self.row(invoice_id).revision}")
        if decision.outcome is Outcome.REFERRED:
            self._cancel_items(invoice_id, _ENDS_WITH_DEBT - {"referral"}, "the partner's time has passed")

    def wrote_on(self, day: date) -> None:
        """Note an unsolicited message: the gap of all the customer's cases counts from its day."""
        known = self.customer.last_unsolicited_on
        self.customer.last_unsolicited_on = day if known is None else max(known, day)
        for invoice_id, pursued in self._pursued.items():
            account = pursued.case.account
            newest = max(account.last_unsolicited_on or day, day)
            case = replace(pursued.case, account=replace(account, last_unsolicited_on=newest))
            self._pursued[invoice_id] = Pursued(case, pursued.policy)
        if self._account is not None:
            newest = max(self._account.last_unsolicited_on or day, day)
            self._account = replace(self._account, last_unsolicited_on=newest)

    def take(self, contact: Contact, message_id: str | None, proof: str) -> None:
        """Note on every invoice of a contact that its step was carried out."""
        for item in contact.items:
            self.file(
                item.invoice_id,
                contact.taken(item, message_id, proof),
                f"{item.cycle}-{item.step}-{message_id}",
            )

    def note(self, kind: str, ref: str, body: dict[str, Any], text: str | None = None) -> None:
        """Add a row to the customer's audit chain."""
        audit.append(self.session, self.customer, at=self.now, kind=kind, ref=ref, body=body, text=text)

    # -- details ----------------------------------------------------------------------------------

    def _post(
        self, before: Case, after: Case, fact: wire.Fact | internal.InternalFact, kind: str, event_id: str
    ) -> None:
        """Post the ledger entries of a fact, and move what it does to the customer's account."""
        on = calendar_of(after.account, self._pursued[after.invoice_id].policy).local_date(self.now)
        for entry in postings(before, after, fact, kind, event_id, on):
            facts.post(
                self.session,
                invoice_id=after.invoice_id,
                customer_id=self.customer.customer_id,
                kind=entry.kind,
                event_id=entry.event_id,
                amount=Money(entry.minor, after.currency),
                on=entry.on,
            )
        on_account = after.account.unapplied.get(after.currency, 0)
        if on_account > 0 and (money := _money_told(fact)) is not None:
            self._use_account(after.invoice_id, *money, on)
        if after.overpaid != before.overpaid:
            facts.post_to_account(
                self.session,
                customer_id=self.customer.customer_id,
                invoice_id=after.invoice_id,
                kind="overpayment",
                event_id=f"{kind}:{event_id}",
                amount=Money(after.overpaid - before.overpaid, after.currency),
                on=on,
            )
            if not self.is_batch:
                self.forget()
                self.nudge.update(self.open_invoices())

    def _use_account(self, invoice_id: str, money_id: str, amount: Money, on: date) -> None:
        """Money that was on account unapplied and is booked on an invoice under the same id, or recognised or
        announced there, is on account no more."""
        for customer_id in dict.fromkeys((self.customer.customer_id, self.row(invoice_id).owner_id)):
            money = customer_id, money_id, amount.currency
            if money not in self.on_account:
                self.on_account[money] = facts.left_on_account(self.session, *money)
            used = min(self.on_account[money], amount.minor)
            if used > 0:
                facts.post_to_account(
                    self.session,
                    customer_id=customer_id,
                    invoice_id=invoice_id,
                    kind=facts.APPLIED,
                    event_id=money_id,
                    amount=Money(-used, amount.currency),
                    on=on,
                )
                amount = Money(amount.minor - used, amount.currency)
                if self.is_batch:
                    self.on_account[money] -= used
                else:
                    self.forget()

    def _end_of_debt(self, invoice_id: str) -> None:
        """Once nothing is owed, nobody is asked to act for the case any more and orders flow again."""
        pursued = self.case(invoice_id)
        if pursued.case.cancelled_at is None and not is_settled(pursued.case, pursued.policy):
            return
        approval = pursued.case.approval
        message = outbox.get(self.session, approval.fact.message_id) if approval is not None else None
        if message is not None and message.state is MessageState.PENDING:
            self.withdraw(message.message_id, f"nothing is owed on {invoice_id} any more")
        self._cancel_items(invoice_id, _ENDS_WITH_DEBT, "nothing is owed any more")
        self._release_credit_hold(invoice_id)

    def _cancel_items(self, invoice_id: str, kinds: Collection[str], why: str) -> None:
        if invoice_id not in self._asked_for_items:
            asked = self._settling | {invoice_id}
            self._with_items |= worklist.invoices_listed(self.session, asked)
            self._asked_for_items |= asked
        if invoice_id not in self._with_items:
            return
        worklist.close_tasks(
            self.session, invoice_id=invoice_id, at=self.now, by="duecourse", outcome=why, kinds=kinds
        )

    def _release_credit_hold(self, invoice_id: str) -> None:
        cycle = self.case(invoice_id).case.credit_hold_cycle
        if cycle is None:
            return
        self.file(invoice_id, internal.CreditHoldReleased(cycle=cycle), str(cycle))
        held = select(CreditHoldRow).where(
            CreditHoldRow.invoice_id == invoice_id, CreditHoldRow.cycle == cycle
        )
        for hold in self.session.scalars(held):
            hold.released_at = self.now
        self.forget()


#: Worklist items that money, credits and write-offs answer by themselves.
_ENDS_WITH_DEBT = frozenset(
    {
        "call",
        "am_alert",
        "at_risk",
        "contact",
        "contact_missing",
        "promise_limit",
        "ladder_ended",
        "call_attempts",
        "notice_missing",
        "apply_cash",
        "approval",
        "recalled",
        "plan_late_evidence",
        "referral",
        "counter_offer",
        "unconfirmed_cash",
    }
)


def _money_told(fact: wire.Fact | internal.InternalFact) -> tuple[str, Money] | None:
    """The id and amount of money that a fact brings to an invoice."""
    match fact:
        case wire.PaymentReceived() | wire.CreditIssued():
            return fact.fact_id, fact.money
        case internal.PaymentRecognised() | internal.PaymentAnnounced():
            return fact.payment.payment_id, fact.payment.money
    return None


def _business_time(at: datetime) -> datetime:
    """The workflow's time, or when this attempt began: a try may come hours after it was asked for."""
    return max(at, activity.info().started_time) if activity.in_activity() else at


def _says_the_same(event: EventRow, fact: BaseModel) -> bool:
    """Whether a repeat differs only in what the contract does not name, or in spelling out a default."""
    if not isinstance(fact, WireModel):
        return False
    return type(fact).model_validate(event.payload).content() == fact.content()


def _kind_of(fact: internal.InternalFact) -> str:
    return str(type(fact).model_fields["kind"].default)
