"""Cases lived through decision by decision, slowly and in plain sight: the driver of the rule tests.

It asks every open case at every instant, so that it can be trusted where `domain.simulation.simulate` must be quick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from domain import contract as wire
from domain import facts
from domain.case import Account, Case
from domain.contact import Contact, Pursued, compose
from domain.decide import decide
from domain.decision import AskApproval, CarryOut, Close, Decision, TaskRequest, Wait
from domain.filing import apply
from domain.pauses import calendar_of, is_settled
from domain.policy import Policy, load_policy
from domain.requests.offer_requests import offer_of_step
from domain.vocabulary import Note, Step

ROOT = Path(__file__).resolve().parents[2]
NEW_YORK = ZoneInfo("America/New_York")
#: A Tuesday; the standard steps fall on 11-24, 12-01, 12-08, 12-15, 12-17, 12-22, 12-31, 01-15 and 02-01.
DUE = date(2026, 12, 1)


@lru_cache
def deployed(name: str) -> Policy:
    """A policy as it is deployed."""
    path = ROOT / "deploy" / "policies" / f"{name}.toml"
    return load_policy(path.read_text("utf-8"), str(path))


@lru_cache
def _plain(name: str) -> Policy:
    return policy(name, description="plain")


def policy(name: str = "standard", **changes: Any) -> Policy:
    """A deployed policy on plain weekdays, every message at the opening of the window and nobody thanked, with
    changes."""
    if not changes:
        return _plain(name)
    body = deployed(name).model_dump(mode="json")
    plain = {"calendar": "weekdays", "spread_minutes": 0, "jitter_minutes": 0, "thanks": False}
    return Policy.model_validate({**body, **plain, **changes})


def steps(policy: Policy, **changes: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The steps of a policy with some fields changed by step, or a step left out (None)."""
    kept = [rung.model_dump(mode="json") for rung in policy.steps]
    return [
        {**rung, **(changes.get(rung["step"]) or {})}
        for rung in kept
        if changes.get(rung["step"], {}) is not None
    ]


def at(day: date | str, clock: str = "12:00") -> datetime:
    """An instant by the clock of New York."""
    on = date.fromisoformat(day) if isinstance(day, str) else day
    return datetime.combine(on, time.fromisoformat(clock), NEW_YORK).astimezone(UTC)


def account(customer_id: str = "C-1", **changes: Any) -> Account:
    return replace(
        Account(customer_id, zone="America/New_York", reachable=frozenset({"ap", "cfo"})), **changes
    )


def case(
    invoice_id: str = "INV-1",
    due: date = DUE,
    *,
    opened: datetime | None = None,
    amount: int = 125_000,
    of: Account | None = None,
    **changes: Any,
) -> Case:
    """An open case of 1,250.00 USD, issued and opened 30 days before it is due."""
    opened = opened or at(due - timedelta(days=30), "10:00")
    built = Case(
        invoice_id=invoice_id,
        seller="default",
        currency="USD",
        amount=amount,
        due_on=due,
        opened_at=opened,
        opened_on=opened.astimezone(NEW_YORK).date(),
        account=of or account(),
        issued_on=due - timedelta(days=30),
    )
    return replace(built, **changes)


# Facts


def paid(
    amount: str = "1250.00", on: date | str = DUE, payment_id: str = "P-1", **more: Any
) -> wire.PaymentReceived:
    return wire.PaymentReceived.model_validate(
        {"payment_id": payment_id, "amount": amount, "currency": "USD", "received_on": str(on), **more}
    )


def reversed_(
    payment_id: str = "P-1", amount: str = "1250.00", reversal_id: str = "R-1"
) -> wire.PaymentReversed:
    return wire.PaymentReversed(reversal_id=reversal_id, payment_id=payment_id, amount=amount)


def credit(amount: str, credit_id: str = "CN-1") -> wire.CreditIssued:
    return wire.CreditIssued(credit_id=credit_id, amount=amount, currency="USD")


def promise(
    pay_by: date | str,
    amount: str | None = None,
    promise_id: str = "PR-1",
    source: Literal["phone", "email", "portal", "erp"] = "erp",
) -> wire.PromiseMade:
    return wire.PromiseMade.model_validate(
        {"promise_id": promise_id, "amount": amount, "pay_by": str(pay_by), "source": source}
    )


def dispute(amount: str | None = None, dispute_id: str = "D-1") -> wire.DisputeRaised:
    return wire.DisputeRaised.model_validate(
        {"dispute_id": dispute_id, "reason": "quality", "amount": amount}
    )


def resolved(
    outcome: str, dispute_id: str = "D-1", credit: dict[str, str] | None = None
) -> wire.DisputeResolved:
    return wire.DisputeResolved.model_validate(
        {"dispute_id": dispute_id, "outcome": outcome, "credit": credit}
    )


def hold(hold_id: str = "H-1", until: date | str | None = None, reason: str = "manual") -> wire.HoldPlaced:
    return wire.HoldPlaced.model_validate(
        {"hold_id": hold_id, "reason": reason, "until": None if until is None else str(until)}
    )


def released(hold_id: str = "H-1") -> wire.HoldReleased:
    return wire.HoldReleased(hold_id=hold_id)


# Living


@dataclass(frozen=True)
class Happened:
    """One thing that was done: a message, a task, an approval asked, a block or a close."""

    at: datetime
    on: date
    what: str
    items: dict[str, str] = field(default_factory=dict)
    cycle: int = 0
    catch_up: bool = False
    listed: tuple[str, ...] = ()
    why: str = ""
    unsolicited: bool = False
    step: str = ""
    """The step of a contact, a block or an approval."""
    proof_of: str | None = None


@dataclass
class Life:
    """The cases of one customer with a seller, all facts scripted."""

    cases: dict[str, Pursued]
    now: datetime
    proof: Literal["delivered", "accepted", "none"] = "delivered"
    approve: bool = False
    decide: Callable[[Case, Policy, datetime], Decision] = decide
    log: list[Happened] = field(default_factory=list)
    tasks: dict[tuple[str, str], TaskRequest] = field(default_factory=dict)
    script: list[tuple[datetime, str | None, object]] = field(default_factory=list)
    outages: list[tuple[datetime, datetime]] = field(default_factory=list)
    decisions: list[tuple[datetime, Case, Decision]] = field(default_factory=list)
    contacts: list[tuple[datetime, Contact, dict[str, Pursued]]] = field(default_factory=list)
    """Every contact with the cases as they were when it was made."""
    ended: set[str] = field(default_factory=set)
    _number: int = 0

    @classmethod
    def of(cls, *cases: Case, under: Policy | None = None, **more: Any) -> Life:
        chosen = under or policy()
        return cls({c.invoice_id: Pursued(c, chosen) for c in cases}, min(c.opened_at for c in cases), **more)

    def tell(self, when: datetime, fact: object, invoice_id: str | None = None) -> Life:
        """Let a fact become known at an instant; for every case unless one is named."""
        self.script.append((when, invoice_id, fact))
        self.script.sort(key=lambda entry: entry[0])
        return self

    def outage(self, start: datetime, end: datetime) -> Life:
        """Nothing is decided in between; facts are recorded all the same."""
        self.outages.append((start, end))
        return self

    def until(self, end: datetime | str) -> Life:
        """Live on up to an instant, or to the end of a day."""
        stop = at(end, "23:59") if isinstance(end, str) else end
        for _ in range(5_000):
            self._hear()
            decided = self._decide()
            act = next(((i, d) for i, d in decided.items() if isinstance(d, CarryOut | Close)), None)
            if act is not None:
                self._do(*act)
                continue
            instants = [d.until for d in decided.values() if isinstance(d, Wait | AskApproval)]
            instants += [when for when, _, _ in self.script]
            instants += [pursued.case.opened_at for pursued in self._unopened()]
            following = min(instants, default=stop)
            if following >= stop:
                self.now = max(self.now, stop)
                return self
            assert following > self.now, f"a busy loop at {self.now}"
            self.now = following
            for start, over in self.outages:
                if start <= self.now < over:
                    self.now = over
        raise AssertionError("the life does not move on")

    @property
    def case(self) -> Case:
        """The only case."""
        (pursued,) = self.cases.values()
        return pursued.case

    @property
    def decision(self) -> Decision:
        """What is decided now about the only case."""
        (pursued,) = self.cases.values()
        return decide(pursued.case, pursued.policy, self.now)

    def told(self, *what: str) -> list[tuple[str, str]]:
        """(day, step) of everything of these kinds: `message`, `task`, `ask`, `block`, `close`."""
        kinds = what or ("message", "task")
        return [(h.on.isoformat()[5:], h.step) for h in self.log if h.what in kinds]

    def messages(self) -> Iterator[Happened]:
        yield from (h for h in self.log if h.what == "message")

    # -- details ----------------------------------------------------------------------------------

    def _open(self) -> list[Pursued]:
        return [
            p
            for p in self.cases.values()
            if p.case.opened_at <= self.now and p.case.invoice_id not in self.ended
        ]

    def _unopened(self) -> list[Pursued]:
        return [p for p in self.cases.values() if p.case.opened_at > self.now]

    def _hear(self) -> None:
        opened = [p.case.opened_at for p in self.cases.values() if p.case.opened_at <= self.now]
        self._account(newest_opening_at=max(opened))
        while self.script and self.script[0][0] <= self.now:
            when, invoice_id, fact = self.script.pop(0)
            for name in self.cases:
                if invoice_id in (None, name) and not isinstance(fact, Account):
                    self._told(name, fact, max(when, self.now))
            if isinstance(fact, Account):
                self._account(**{k: getattr(fact, k) for k in ("books_through", "unapplied", "reachable")})

    def _told(self, invoice_id: str, fact: object, now: datetime) -> None:
        """What a fact changes: a closed case is looked at again, what was paid too much lies on the account."""
        before = self.cases[invoice_id]
        told = apply(before.case, fact, now)
        if told.credit_hold_cycle is not None and is_settled(told, before.policy):
            told = apply(told, facts.CreditHoldReleased(cycle=told.credit_hold_cycle), now)
        self.cases[invoice_id] = Pursued(told, before.policy)
        self._blocked()
        self.ended.discard(invoice_id)
        spare = told.overpaid - before.case.overpaid
        if spare:
            lying = dict(told.account.unapplied)
            self._account(unapplied={**lying, told.currency: lying.get(told.currency, 0) + spare})

    def _decide(self) -> dict[str, Decision]:
        decided = {}
        for pursued in self._open():
            decision = self.decide(pursued.case, pursued.policy, self.now)
            self.decisions.append((self.now, pursued.case, decision))
            for task in decision.tasks:
                self.tasks.setdefault((task.kind, task.ref), task)
            decided[pursued.case.invoice_id] = decision
        return decided

    def _file(self, invoice_id: str, fact: object) -> None:
        pursued = self.cases[invoice_id]
        self.cases[invoice_id] = Pursued(apply(pursued.case, fact, self.now), pursued.policy)

    def _blocked(self) -> None:
        """The account knows because of which invoices orders are blocked."""
        blocking = [name for name, p in self.cases.items() if p.case.credit_hold_cycle is not None]
        self._account(credit_holds=frozenset(blocking))

    def _account(self, **changes: Any) -> None:
        for name, pursued in self.cases.items():
            changed = replace(pursued.case.account, **changes)
            self.cases[name] = Pursued(replace(pursued.case, account=changed), pursued.policy)

    def _do(self, invoice_id: str, decision: CarryOut | Close) -> None:
        pursued = self.cases[invoice_id]
        calendar = calendar_of(pursued.case.account, pursued.policy)
        today = calendar.local_date(self.now)
        if isinstance(decision, Close):
            self._file(invoice_id, facts.CaseClosed(outcome=decision.outcome))
            self.ended.add(invoice_id)
            self._note("close", {invoice_id: decision.outcome}, today, step=decision.outcome)
            return
        self._number += 1
        message_id = f"M-{self._number}"
        if decision.effect == "block_orders":
            self._file(invoice_id, facts.CreditHoldPlaced(cycle=decision.cycle))
            self._blocked()
            self._note("block", {invoice_id: decision.step}, today, step=decision.step)
            return
        siblings = [p for p in self._open() if p.case.invoice_id != invoice_id]
        contact = compose(pursued, decision, siblings, self.now)
        self.contacts.append((self.now, contact, dict(self.cases)))
        items = {item.invoice_id: str(item.step) for item in contact.items}
        more: dict[str, Any] = {"step": str(contact.step), "why": decision.why, "cycle": contact.cycle}
        if contact.approval == "ask" and not isinstance(contact.step, Note):
            days = pursued.policy.approval.expires_days
            asked = facts.ApprovalAsked(
                message_id=message_id,
                step=contact.step,
                cycle=contact.cycle,
                expires_at=calendar.midnight_after(calendar.add_business_days(today, days)),
                rank=contact.rank,
            )
            for item in contact.items:
                self._file(item.invoice_id, asked)
                if self.approve:
                    self._file(item.invoice_id, facts.ApprovalGiven(message_id=message_id, by="Kim"))
            self._note("ask", items, today, **more)
            return
        for item in contact.items:
            if isinstance(item.step, Note):
                sent = facts.ConfirmationSent(note=item.step, ref=item.ref, message_id=message_id)
                self._file(item.invoice_id, sent)
            else:
                told = self.cases[item.invoice_id]
                offer = offer_of_step(
                    told.case,
                    told.policy,
                    item.step,
                    item.cycle,
                    contact.on,
                    contact.offers_until(told.policy),
                )
                if offer is not None:
                    self._file(item.invoice_id, offer)
                self._file(item.invoice_id, contact.taken(item, message_id, self.proof))
        if contact.unsolicited:
            self._account(last_unsolicited_on=today)
        is_task = contact.rung is not None and contact.rung.is_task
        self._note(
            "task" if is_task else "message",
            items,
            today,
            catch_up=any(item.catch_up for item in contact.items),
            listed=contact.listed,
            unsolicited=contact.unsolicited,
            proof_of=message_id,
            **more,
        )

    def _note(self, what: str, items: dict[str, str], on: date, **more: Any) -> None:
        self.log.append(Happened(self.now, on, what, items, **more))

    def settled(self) -> bool:
        return all(is_settled(p.case, p.policy) for p in self.cases.values())


def contact_of(
    trigger: Case, siblings: Sequence[Case], now: datetime, under: Policy | None = None
) -> Contact:
    """The contact that the trigger's decision leads to."""
    chosen = under or policy()
    decision = decide(trigger, chosen, now)
    assert isinstance(decision, CarryOut), decision
    return compose(Pursued(trigger, chosen), decision, [Pursued(s, chosen) for s in siblings], now)


def took(case: Case, step: str, when: datetime, **more: Any) -> Case:
    """The case after a step was carried out and proven."""
    taken = {"step": Step(step), "cycle": case.cycle, "message_id": f"M-{step}", "proof": "delivered", **more}
    return apply(case, facts.StepTaken.model_validate(taken), when)
