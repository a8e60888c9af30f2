"""What every activity on a case does under the customer's lock: load, file facts, decide, write down.

`CaseWork` is one such transaction. It is the only place where facts become rows and decisions become
the read model.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session
from temporalio import activity

from activities.interface import Decided
from activities.rulebook import Rulebook, business_holidays
from domain import contract as wire
from domain import facts as internal
from domain.case import Account, Case, apply
from domain.contact import Contact, Pursued
from domain.decide import decide
from domain.decision import Close, Decision
from domain.money import Money
from domain.pauses import calendar_of, is_settled
from domain.segments import usual_day
from domain.view import view
from store import audit, facts, portfolio, read_model, worklist
from store.customers import advance, lock, lock_of_invoice
from store.schema import CaseRow, CreditHoldRow, CustomerRow


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
        self.nudge: set[str] = set()

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
            self._account = portfolio.account_of(self.session, self.customer, business_holidays, self.now)
        return self._account

    def row(self, invoice_id: str) -> CaseRow:
        if invoice_id not in self._rows:
            row = self.session.get(CaseRow, invoice_id, populate_existing=True)
            assert row is not None, "the lock was taken by the case's row"
            self._rows[invoice_id] = row
        return self._rows[invoice_id]

    def load(self, invoice_ids: Sequence[str]) -> list[Pursued]:
        """Cases with all their committed facts."""
        missing = [self.row(invoice_id) for invoice_id in invoice_ids if invoice_id not in self._pursued]
        self._pursued.update(portfolio.pursued(self.session, self.account, missing))
        return [self._pursued[invoice_id] for invoice_id in invoice_ids]

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
        if isinstance(recorded, facts.Conflicting):
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
        if isinstance(recorded, facts.Conflicting):
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
        self._account = None
        self._pursued.clear()

    def open_item(
        self,
        kind: str,
        why: str,
        *,
        invoice_id: str | None = None,
        ref: str = "",
        raw: bytes | None = None,
        invoices: Sequence[str] = (),
        due_on: date | None = None,
    ) -> str:
        """Put something on the worklist, once."""
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
            due_on=due_on,
        )

    def decide(self, invoice_id: str) -> Decision:
        pursued = self.case(invoice_id)
        return decide(pursued.case, pursued.policy, self.now)

    def settle(self, invoice_id: str) -> Decided:
        """Decide on everything recorded, write the read model, and say what the workflow is to do."""
        self._release_credit_hold(invoice_id)
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
        self.session.flush()
        every = self.rulebook.continue_as_new_every
        shown = view(pursued.case, pursued.policy, self.now)
        return Decided(
            revision=row.revision,
            decision=decision,
            view=shown.model_dump(mode="json", exclude_defaults=True),
            number=row.number,
            due_on=pursued.case.due,
            zone=pursued.case.account.zone or pursued.policy.timezone,
            tier=self.customer.tier or pursued.policy.name,
            nudge=tuple(sorted(self.nudge - {invoice_id})),
            continue_as_new=every is not None and row.revision % every == 0,
        )

    def _close(self, invoice_id: str, decision: Close) -> None:
        """Note the end of the case, once for each time it ends; it answers most of its worklist items."""
        case = self.case(invoice_id).case
        if (
            case.closed is None
            or case.closed.epoch != case.epoch
            or case.closed.fact.outcome != decision.outcome
        ):
            closed = internal.CaseClosed(outcome=decision.outcome)
            self.file(invoice_id, closed, f"{case.cycle}-{case.epoch}-{self.row(invoice_id).revision}")
        worklist.close_tasks(
            self.session,
            invoice_id=invoice_id,
            at=self.now,
            by="duecourse",
            outcome=f"the case was closed: {decision.outcome}",
            kinds=_ENDS_WITH_CASE,
        )

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
        """Ledger entries of a fact; reversals that waited for their payment come with it."""
        on = calendar_of(after.account, self._pursued[after.invoice_id].policy).local_date(self.now)
        entries: list[tuple[str, str, int, date]] = []
        if isinstance(fact, wire.PaymentReceived):
            entries.append((kind, event_id, -after.minor(fact.amount), fact.received_on))
            back = after.reversed - before.reversed
            if back:
                entries.append(("payment_reversed", f"{event_id}.reversed", back, on))
        elif after.net != before.net:
            entries.append((kind, event_id, after.net - before.net, on))
        for entry_kind, entry_id, minor, entry_on in entries:
            facts.post(
                self.session,
                invoice_id=after.invoice_id,
                customer_id=self.customer.customer_id,
                kind=entry_kind,
                event_id=entry_id,
                amount=Money(minor, after.currency),
                on=entry_on,
            )
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
            self.nudge.update(self.open_invoices())

    def _release_credit_hold(self, invoice_id: str) -> None:
        """Orders flow again once nothing is owed on the case that blocked them."""
        pursued = self.case(invoice_id)
        cycle = pursued.case.credit_hold_cycle
        if cycle is None:
            return
        if pursued.case.cancelled_at is None and not is_settled(pursued.case, pursued.policy):
            return
        self.file(invoice_id, internal.CreditHoldReleased(cycle=cycle), str(cycle))
        held = select(CreditHoldRow).where(
            CreditHoldRow.invoice_id == invoice_id, CreditHoldRow.cycle == cycle
        )
        for hold in self.session.scalars(held):
            hold.released_at = self.now


#: Worklist items that a closed case answers by itself.
_ENDS_WITH_CASE = frozenset(
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
    }
)


def _business_time(at: datetime) -> datetime:
    """The workflow's time, or when this attempt began: a try may come hours after it was asked for."""
    return max(at, activity.info().started_time) if activity.in_activity() else at


def _kind_of(fact: internal.InternalFact) -> str:
    return str(type(fact).model_fields["kind"].default)
