"""What a policy would have done to past invoices: who reaches each step unpaid, and how many contacts that makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple

from domain import contract as wire
from domain.calendar import Calendar
from domain.case import Account, Case
from domain.contact import Pursued
from domain.decide import decide
from domain.files.past_invoices import PastInvoice
from domain.pauses import calendar_of
from domain.policy import Policy, PolicyStep
from domain.simulation.simulate import Assumptions, Decide, Told, simulate
from domain.vocabulary import Step

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StepReplay(NamedTuple):
    """One step: `due` invoices reach its day unpaid; `contacts` messages or tasks were made of them."""

    step: Step
    day: int
    due: int
    contacts: int


class Backtest(NamedTuple):
    """The result, with the number of invoices issued by `until` and of rows that could not be replayed."""

    policy: str
    until: date
    invoices: int
    rejected: int
    steps: tuple[StepReplay, ...]

    def as_json(self) -> dict[str, Any]:
        """The document that `backtest --json` prints."""
        return {
            "policy": self.policy,
            "until": self.until.isoformat(),
            "invoices": self.invoices,
            "rejected": self.rejected,
            "steps": [step._asdict() for step in self.steps],
        }


def account_of(customer_id: str) -> Account:
    """An account of which nothing is known but that it can be written to."""
    return Account(customer_id, reachable=frozenset({"ap"}))


def backtest(
    invoices: Iterable[PastInvoice],
    policy: Policy,
    until: date,
    *,
    rejected: int = 0,
    accounts: Callable[[str], Account] = account_of,
    decide: Decide = decide,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Backtest:
    """Replay invoices through `policy` up to and including the day `until`.

    `due` counts calendar days, a payment of that same day first. `contacts` is what apply and decide make
    of it: business days, gap and grouping, with every delivery proven at once, no approval given and no
    call made. `accounts` says what is known of a customer: zone, holidays, kind.
    """
    past = [invoice for invoice in invoices if invoice.issued_on <= until]
    known = {customer_id: accounts(customer_id) for customer_id in {one.customer_id for one in past}}
    calendars = {customer_id: calendar_of(account, policy) for customer_id, account in known.items()}
    latest = max((calendar.midnight_after(until) for calendar in calendars.values()), default=_EPOCH)
    contacts: Counter[Step] = Counter()
    made = simulate(
        (Pursued(_case(one, known, calendars), policy) for one in past),
        latest,
        script=[_payment(one) for one in past if one.settled_on is not None and one.settled_on <= until],
        assume=Assumptions(),
        decide=decide,
        progress=progress,
    )
    for contact in made:
        if isinstance(contact.step, Step) and contact.on <= until:
            contacts[contact.step] += 1
    return Backtest(
        policy=policy.name,
        until=until,
        invoices=len(past),
        rejected=rejected,
        steps=tuple(
            StepReplay(rung.step, rung.day, reaching(past, rung.day, until), contacts[rung.step])
            for rung in _steps(policy)
        ),
    )


def _steps(policy: Policy) -> list[PolicyStep]:
    """The steps of the policy by day; the outreach only where it is in use."""
    rungs = [rung for rung in policy.steps if policy.at_risk.enabled or rung.step is not Step.AT_RISK]
    return sorted(rungs, key=lambda rung: rung.day)


def reaching(invoices: Iterable[PastInvoice], day: int, until: date) -> int:
    """How many invoices reach their due date plus `day` unpaid, by the calendar, payments of the day first.

    That day must not lie before the issue date nor after `until`.
    """
    last = until.toordinal()
    count = 0
    for one in invoices:
        on = one.due_on.toordinal() + day
        unpaid = one.settled_on is None or one.settled_on.toordinal() > on
        count += unpaid and one.issued_on.toordinal() <= on <= last
    return count


def _case(one: PastInvoice, known: Mapping[str, Account], calendars: Mapping[str, Calendar]) -> Case:
    """The case of an invoice, opened as its issue date begins."""
    return Case(
        invoice_id=one.invoice_id,
        seller=one.seller,
        currency=one.amount.currency,
        amount=one.amount.minor,
        due_on=one.due_on,
        opened_at=calendars[one.customer_id].at(one.issued_on, time.min),
        opened_on=one.issued_on,
        account=known[one.customer_id],
        issued_on=one.issued_on,
    )


def _payment(one: PastInvoice) -> Told:
    assert one.settled_on is not None, "only settled invoices were paid"
    payment = wire.PaymentReceived(
        payment_id="settled",
        amount=str(one.amount),
        currency=one.amount.currency,
        received_on=one.settled_on,
    )
    return Told(one.settled_on, one.invoice_id, payment)
