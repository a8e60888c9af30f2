"""The whole system in memory, without a clock: many customers lived through by apply, decide and compose alone.

Each invoice wakes at the instant its decision names; what is due for a customer on a day goes into one
contact. Customers have nothing to do with each other, so each is lived to the end before the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from enum import IntEnum
from heapq import heappop, heappush
from typing import Literal, NamedTuple

from domain import contract as wire
from domain import facts
from domain.case import Account, Case
from domain.contact import Contact, ContactItem, Pursued, compose
from domain.decide import decide
from domain.decision import AskApproval, CarryOut, Close, Decision, Wait
from domain.filing import apply, changed
from domain.money import Money
from domain.pauses import approval_ends, calendar_of, is_settled
from domain.plans.plan import EndPlan, Plan, SendNote, decide_plan, name_of, shares, standing
from domain.plans.plan_healing import turn
from domain.policy import Policy
from domain.requests.offer_requests import offer_of_step
from domain.requests.plan_requests import offer
from domain.thanks import told_after
from domain.vocabulary import CallOutcome, Note, Step

Decide = Callable[[Case, Policy, datetime], Decision]

#: An invoice that wakes later than this cannot be due on the same day in any time zone.
_SAME_DAY = timedelta(hours=36)
#: A decision that leads to so many acts at one instant never comes to rest.
_MOST_ACTS = 100


class Told(NamedTuple):
    """A fact of one invoice, known from the beginning of a day of the customer: before the window opens."""

    on: date
    invoice_id: str
    fact: wire.Fact | facts.InternalFact


class Assumptions(NamedTuple):
    """What the world outside does."""

    proof: Literal["delivered", "accepted", "none"] = "delivered"
    approve: bool = False
    """Every approval is given at once; else none ever is."""
    call: CallOutcome | None = None
    """What comes of every call, at once; None where nobody calls."""
    instalments_paid: bool = False
    """Instalments of agreed plans that fall due from the start on are paid on their dates; else nothing comes."""
    offers_by_alert: bool = False
    """The alert of the account manager opens the offer of instalments that the policy has for it, and nobody
    takes it; else there is no such offer."""


class Contacted(NamedTuple):
    """One message to a customer, or one task about it."""

    on: date
    at: datetime
    customer_id: str
    step: Step | Note
    channel: str
    """As `Channel` says, or `task`."""
    items: tuple[ContactItem, ...]
    why: str
    kind: str = ""
    """What outside tools call it where that is more than its step: `plan_reminder_1`."""

    @property
    def name(self) -> str:
        return self.kind or str(self.step)


class NeverRests(RuntimeError):
    """A decision wanted to act again and again at one instant, or to wait for an instant that is over."""


def simulate(
    cases: Iterable[Pursued],
    end: datetime,
    *,
    start: datetime | None = None,
    script: Iterable[Told] = (),
    assume: Assumptions = Assumptions(),
    decide: Decide = decide,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Iterator[Contacted]:
    """What is sent and put on worklists up to and including `end`, customer by customer, each in order.

    A case whose `opened_at` lies after `start` is opened then. `progress` is told how many of how many
    customers are done.
    """
    customers: dict[str, list[Pursued]] = {}
    for pursued in cases:
        customers.setdefault(pursued.case.account.customer_id, []).append(pursued)
    told: dict[str, list[Told]] = {}
    for fact in script:
        told.setdefault(fact.invoice_id, []).append(fact)
    for done, pursued_of in enumerate(customers.values(), start=1):
        yield from _Customer(pursued_of, told, start, end, assume, decide).live()
        progress(done, len(customers))


class _Kind(IntEnum):
    """What happens at one instant happens in this order."""

    OPENING = 0
    FACT = 1
    INSTALMENT = 2
    WAKE = 3
    PLAN = 4


class _Customer:
    """All cases of one customer, the account they share, and what is to come."""

    def __init__(
        self,
        cases: Sequence[Pursued],
        told: Mapping[str, Sequence[Told]],
        start: datetime | None,
        end: datetime,
        assume: Assumptions,
        decide: Decide,
    ) -> None:
        self._end = end
        self._assume = assume
        self._decide = decide
        self._account: Account = cases[0].case.account
        self._keeps_gap = any(pursued.policy.gap_days for pursued in cases)
        self._waits_for_openings = any(pursued.policy.opening_wait_seconds for pursued in cases)
        self._cases = {pursued.case.invoice_id: pursued for pursued in cases}
        self._open: dict[str, datetime | None] = {}
        """When each open case wakes next, None while it waits for a fact alone."""
        self._untold: dict[str, int] = {}
        self._ahead: list[tuple[datetime, _Kind, int, int, str, object]] = []
        self._place = {invoice_id: place for place, invoice_id in enumerate(self._cases)}
        self._number = 0
        self._acted_at: datetime | None = None
        self._acts: Counter[str] = Counter()
        for invoice_id, pursued in self._cases.items():
            opened = pursued.case.opened_at if start is None else max(start, pursued.case.opened_at)
            self._expect(opened, _Kind.OPENING, invoice_id)
            facts_of = told.get(invoice_id, ())
            self._untold[invoice_id] = len(facts_of)
            calendar = calendar_of(self._account, pursued.policy)
            for entry in facts_of:
                known = calendar.at(entry.on, time.min)
                self._expect(max(known, opened), _Kind.FACT, invoice_id, entry.fact)
        self._plans: dict[str, datetime | None] = {}
        """When each plan that stands is looked at next, None while it waits for a fact alone."""
        for plan_id, terms in standing(pursued.case for pursued in cases).items():
            opened = max(self._cases[each.invoice_id].case.opened_at for each in terms.invoices)
            self._follow(plan_id, opened if start is None else max(start, opened))

    def live(self) -> Iterator[Contacted]:
        """Everything that happens to this customer, in order."""
        while self._ahead and self._ahead[0][0] <= self._end:
            now, kind, _, _, invoice_id, fact = heappop(self._ahead)
            if kind is _Kind.OPENING:
                self._open_case(invoice_id, now)
            elif kind is _Kind.FACT:
                self._hear(invoice_id, fact, now)
            elif kind is _Kind.INSTALMENT:
                self._pay_instalment(invoice_id, fact, now)
            elif kind is _Kind.PLAN:
                if self._plans.get(invoice_id) == now:
                    yield from self._look_at_plan(invoice_id, now)
            elif self._open.get(invoice_id) == now:
                self._open[invoice_id] = None
                yield from self._act(invoice_id, now)

    def _expect(self, at: datetime, kind: _Kind, invoice_id: str, fact: object = None) -> None:
        self._number += 1
        place = self._place[invoice_id] if kind in (_Kind.OPENING, _Kind.WAKE) else 0
        heappush(self._ahead, (at, kind, place, self._number, invoice_id, fact))

    def _wake(self, invoice_id: str, at: datetime) -> None:
        self._open[invoice_id] = at
        if at <= self._end:
            self._expect(at, _Kind.WAKE, invoice_id)

    def _open_case(self, invoice_id: str, now: datetime) -> None:
        opened = self._cases[invoice_id].case.opened_at
        newest = self._account.newest_opening_at
        if self._waits_for_openings and (newest is None or newest < opened):
            self._account = replace(self._account, newest_opening_at=opened)
        self._wake(invoice_id, now)

    def _hear(self, invoice_id: str, fact: object, now: datetime) -> None:
        self._untold[invoice_id] -= 1
        overpaid = self._cases[invoice_id].case.overpaid
        pursued = self._file(invoice_id, fact, now)
        case = pursued.case
        if case.overpaid != overpaid:
            spare = self._account.unapplied.get(case.currency, 0) + case.overpaid - overpaid
            unapplied = {**self._account.unapplied, case.currency: spare}
            self._account = replace(self._account, unapplied=unapplied)
            for sibling in self._open:
                self._wake(sibling, now)
        if case.credit_hold_cycle is not None and is_settled(case, pursued.policy):
            self._file(invoice_id, facts.CreditHoldReleased(cycle=case.credit_hold_cycle), now)
        self._wake(invoice_id, now)
        for plan_id in case.plans:
            if plan_id in self._plans:
                self._look_later(plan_id, now)

    def _file(self, invoice_id: str, fact: object, now: datetime) -> Pursued:
        pursued = self._cases[invoice_id]
        pursued = Pursued(apply(pursued.case, fact, now), pursued.policy)
        self._cases[invoice_id] = pursued
        blocked = self._account.credit_holds - {invoice_id}
        if pursued.case.credit_hold_cycle is not None:
            blocked |= {invoice_id}
        if blocked != self._account.credit_holds:
            self._account = replace(self._account, credit_holds=blocked)
        return pursued

    def _fresh(self, invoice_id: str) -> Pursued:
        """The case with the account as it stands."""
        pursued = self._cases[invoice_id]
        if pursued.case.account is not self._account:
            pursued = Pursued(changed(pursued.case, account=self._account), pursued.policy)
            self._cases[invoice_id] = pursued
        return pursued

    def _act(self, invoice_id: str, now: datetime) -> Iterator[Contacted]:
        """Decide once and do it; whoever did something looks again at the same instant."""
        pursued = self._fresh(invoice_id)
        settled = not self._untold[invoice_id] and is_settled(pursued.case, pursued.policy)
        if settled and told_after(pursued.case, pursued.policy, now) is None:
            del self._open[invoice_id]
            return
        decision = self._decide(pursued.case, pursued.policy, now)
        match decision:
            case Wait() | AskApproval():
                if decision.until <= now:
                    raise NeverRests(f"{invoice_id} waits at {now} until {decision.until}")
                self._wake(invoice_id, decision.until)
            case Close():
                if self._untold[invoice_id]:
                    self._file(invoice_id, facts.CaseClosed(outcome=decision.outcome), now)
                else:
                    del self._open[invoice_id]
            case CarryOut(effect="block_orders"):
                self._count_act(invoice_id, now)
                self._file(invoice_id, facts.CreditHoldPlaced(cycle=decision.cycle), now)
                self._wake(invoice_id, now)
            case CarryOut():
                self._count_act(invoice_id, now)
                contact = compose(pursued, decision, self._siblings(pursued, now), now)
                if contact.approval == "ask":
                    self._ask(contact, now)
                else:
                    yield self._carry_out(contact, decision.why, now)
                for woken in {invoice_id, *(item.invoice_id for item in contact.items)}:
                    self._wake(woken, now)

    def _count_act(self, invoice_id: str, now: datetime) -> None:
        if self._acted_at != now:
            self._acted_at = now
            self._acts.clear()
        self._acts[invoice_id] += 1
        if self._acts[invoice_id] > _MOST_ACTS:
            raise NeverRests(f"{invoice_id} acts {_MOST_ACTS} times at {now} and would go on")

    def _siblings(self, pursued: Pursued, now: datetime) -> list[Pursued]:
        """Open cases of the same seller that may be due today: those that wake soon."""
        if len(self._open) == 1 or not pursued.policy.grouping:
            return []
        latest = now + _SAME_DAY
        return [
            self._fresh(invoice_id)
            for invoice_id, wakes in self._open.items()
            if wakes is not None
            and wakes <= latest
            and invoice_id != pursued.case.invoice_id
            and self._cases[invoice_id].case.seller == pursued.case.seller
        ]

    def _ask(self, contact: Contact, now: datetime) -> None:
        """A draft is put before a person, for all invoices of the message."""
        assert isinstance(contact.step, Step), "only steps are approved"
        self._number += 1
        asked = facts.ApprovalAsked(
            message_id=f"M-{self._number}",
            step=contact.step,
            cycle=contact.cycle,
            expires_at=approval_ends(self._account, contact.policy, contact.on)[1],
            rank=contact.rank,
        )
        for item in contact.items:
            self._file(item.invoice_id, asked, now)
            if self._assume.approve:
                given = facts.ApprovalGiven(message_id=asked.message_id, by="assumed")
                self._file(item.invoice_id, given, now)

    def _carry_out(self, contact: Contact, why: str, now: datetime) -> Contacted:
        self._number += 1
        message_id = f"M-{self._number}"
        for item in contact.items:
            if isinstance(item.step, Note):
                sent = facts.ConfirmationSent(note=item.step, ref=item.ref, message_id=message_id)
                self._file(item.invoice_id, sent, now)
            else:
                self._offer(contact, item, item.step, now)
                self._file(item.invoice_id, contact.taken(item, message_id, self._assume.proof), now)
        if contact.unsolicited and self._keeps_gap:
            self._account = replace(self._account, last_unsolicited_on=contact.on)
        if contact.step is Step.AM_ALERT and self._assume.offers_by_alert:
            self._open_alert_offer(contact, now)
        if contact.step is Step.CALL and self._assume.call is not None and contact.rung is not None:
            self._call(contact, self._assume.call, max(1, contact.rung.attempts), now)
        going = (
            None if contact.rung is not None and contact.rung.is_task else self._account.route(contact.step)
        )
        return Contacted(
            contact.on,
            now,
            self._account.customer_id,
            contact.step,
            "task" if going is None else going.channel,
            contact.items,
            why,
        )

    def _offer(self, contact: Contact, item: ContactItem, step: Step, now: datetime) -> None:
        """Record what the message offers by itself: a referral waits for it."""
        pursued = self._cases[item.invoice_id]
        until = contact.offers_until(pursued.policy)
        offer = offer_of_step(pursued.case, pursued.policy, step, item.cycle, contact.on, until)
        if offer is not None:
            self._file(item.invoice_id, offer, now)

    def _call(self, contact: Contact, outcome: CallOutcome, attempts: int, now: datetime) -> None:
        for _ in range(attempts):
            self._number += 1
            call = facts.CallLogged(call_id=f"K-{self._number}", outcome=outcome, by="assumed")
            for item in contact.items:
                self._file(item.invoice_id, call, now)

    # -- plans ------------------------------------------------------------------------------------

    def _follow(self, plan_id: str, at: datetime) -> None:
        """Follow a plan from `at` on, and expect its instalments where they are taken to be paid."""
        self._look_later(plan_id, at)
        plan = self._plan(plan_id)
        if not self._assume.instalments_paid or plan.accepted is None:
            return
        for instalment in plan.instalments():
            if instalment.due_on >= plan.calendar.local_date(at) and not instalment.covered:
                on = max(at, plan.calendar.at(instalment.due_on, time.min))
                self._expect(on, _Kind.INSTALMENT, plan_id, instalment.number)

    def _plan(self, plan_id: str) -> Plan:
        """The plan with its cases as they stand."""
        first = next(pursued for pursued in self._cases.values() if plan_id in pursued.case.plans)
        members = [self._fresh(each.invoice_id) for each in first.case.plans[plan_id].fact.invoices]
        return Plan.of(plan_id, [pursued.case for pursued in members], members[0].policy)

    def _look_later(self, plan_id: str, at: datetime) -> None:
        self._plans[plan_id] = at
        if at <= self._end:
            self._expect(at, _Kind.PLAN, plan_id)

    def _file_on_all(self, plan: Plan, fact: object, now: datetime) -> None:
        for case in plan.cases:
            self._file(case.invoice_id, fact, now)
            if case.invoice_id in self._open:
                self._wake(case.invoice_id, now)

    def _look_at_plan(self, plan_id: str, now: datetime) -> Iterator[Contacted]:
        """Decide about a plan and do it, until it sleeps or is over."""
        for _ in range(_MOST_ACTS):
            plan = self._plan(plan_id)
            turned = turn(plan, now)
            if turned is not None:
                self._file_on_all(plan, turned, now)
                continue
            decision = decide_plan(plan, now)
            match decision:
                case Wait():
                    if decision.until <= now:
                        break
                    self._look_later(plan_id, decision.until)
                    return
                case SendNote():
                    yield self._write_note(plan, decision, now)
                case EndPlan():
                    del self._plans[plan_id]
                    return
        raise NeverRests(f"plan {plan_id} does not come to rest at {now}")

    def _write_note(self, plan: Plan, note: SendNote, now: datetime) -> Contacted:
        self._number += 1
        sent = facts.ConfirmationSent(
            note=note.note, ref=plan.plan_id, message_id=f"M-{self._number}", number=note.number
        )
        self._file_on_all(plan, sent, now)
        on = plan.calendar.local_date(now)
        if note.note is Note.PLAN_BROKEN and self._keeps_gap:
            self._account = replace(self._account, last_unsolicited_on=on)
        going = self._account.route(note.note)
        return Contacted(
            on,
            now,
            self._account.customer_id,
            note.note,
            "email" if going is None else going.channel,
            tuple(
                ContactItem(case.invoice_id, note.note, case.cycle, 0, False, plan.plan_id)
                for case in plan.cases
            ),
            note.why,
            name_of(note.note, note.number, plan.terms.ordinal),
        )

    def _pay_instalment(self, plan_id: str, number: object, now: datetime) -> None:
        """An instalment comes in whole, on the oldest invoices of its plan."""
        if plan_id not in self._plans or not isinstance(number, int):
            return
        plan = self._plan(plan_id)
        instalment = plan.instalments()[number - 1]
        for invoice_id, amount in shares(plan, instalment.amount - instalment.paid):
            self._untold[invoice_id] += 1
            payment = wire.PaymentReceived(
                payment_id=f"assumed-{plan_id}-{number}",
                amount=str(Money(amount, plan.terms.currency)),
                currency=plan.terms.currency,
                received_on=plan.calendar.local_date(now),
            )
            self._hear(invoice_id, payment, now)

    def _open_alert_offer(self, contact: Contact, now: datetime) -> None:
        """Open the offer that goes through the account manager with their alert."""
        members = [self._fresh(item.invoice_id) for item in contact.items]
        cases = sorted((each.case for each in members), key=lambda case: (case.due, case.invoice_id))
        if not contact.policy.plan.offer_by_alert:
            return
        self._number += 1
        key = f"assumed-{self._number}"
        tabled = offer(cases, contact.policy, contact.on, None, key=key, by="assumed")
        if tabled is not None:
            for case in cases:
                self._file(case.invoice_id, tabled, now)
            self._follow(tabled.plan_id, now)
