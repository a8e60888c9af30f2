"""What was done for the money and what became of it: promises, plans, disputes, and what came after each step.

The measures are over a period of days, both ends included. Amounts are minor units and never added across
currencies. `docs/outcomes.md` has the formulas.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

from domain.case import Case
from domain.figures.figures import mean, median, percent
from domain.money import Money
from domain.pauses import PromiseState, calendar_of, promises
from domain.policy import Policy
from domain.vocabulary import PlanState

#: The states in which an agreed plan may end by what the customer did; the others say nothing about them.
JUDGED = (PlanState.KEPT, PlanState.BROKEN)


@dataclass(frozen=True, slots=True)
class Period:
    """Calendar days, both included. An instant counts on its day in UTC."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"{self.last} is before {self.first}: name the earlier day first")

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def starts_at(self) -> datetime:
        return datetime(self.first.year, self.first.month, self.first.day, tzinfo=UTC)

    @property
    def ends_at(self) -> datetime:
        """The first instant after it."""
        after = self.last + timedelta(days=1)
        return datetime(after.year, after.month, after.day, tzinfo=UTC)


class Valued(Protocol):
    """Something of an amount in a currency."""

    @property
    def currency(self) -> str: ...
    @property
    def minor(self) -> int: ...


@dataclass(frozen=True, slots=True)
class JudgedPromise:
    """A promise to pay and what became of it: `kept` is None while its last day of grace is to come."""

    promise_id: str
    invoice_id: str
    customer_id: str
    currency: str
    minor: int
    """What was promised; for all that is owed, what was owed when it was made."""
    made_on: date
    pay_by: date
    deadline: date
    kept: bool | None


@dataclass(frozen=True, slots=True)
class DisputeCycle:
    """A dispute from the day it was raised to the day it was resolved, None while it is open."""

    dispute_id: str
    invoice_id: str
    customer_id: str
    currency: str
    minor: int
    """What was disputed; for all that is owed, what the invoice was made out for."""
    reason: str
    raised_on: date
    resolved_on: date | None
    outcome: str | None

    def days(self, until: date) -> int:
        """Calendar days it took, or has been open on a day."""
        return ((self.resolved_on or until) - self.raised_on).days


@dataclass(frozen=True, slots=True)
class EndedPlan:
    """A payment plan that was agreed and is over. `minor` is the sum of its instalments as agreed."""

    plan_id: str
    customer_id: str
    currency: str
    minor: int
    state: str
    ended_on: date


def judged_promises(
    case: Case, policy: Policy, owed_at: dict[date, int], period: Period, today: date
) -> list[JudgedPromise]:
    """The promises of a case that count in the period: those whose last day of grace lies in it, and those made
    by its last day whose grace is still to end, paid or not.

    Kept is what `domain.pauses` calls kept: at least the promised amount, within tolerance, received by the end
    of grace, by the dates of the payments, whenever they became known. One beyond the policy's limit pauses
    nothing, but it is a promise. `owed_at` says what was owed at the beginning of a day.
    """
    judged = []
    for promise in promises(case, policy, today):
        over = promise.deadline < today and promise.deadline in period
        is_open = promise.deadline >= min(today, period.last + timedelta(days=1))
        if not over and (not is_open or promise.made_on > period.last):
            continue
        minor = owed_at.get(promise.made_on, case.invoiced) if promise.amount is None else promise.amount
        judged.append(
            JudgedPromise(
                promise.promise_id,
                case.invoice_id,
                case.account.customer_id,
                case.currency,
                minor,
                promise.made_on,
                promise.pay_by,
                promise.deadline,
                promise.state is PromiseState.KEPT if over else None,
            )
        )
    return judged


def dispute_cycles(case: Case, policy: Policy, period: Period) -> list[DisputeCycle]:
    """The disputes of a case that count in the period: those resolved in it, and those open at its end.

    Deductions from a payment are part-disputes.
    """
    calendar = calendar_of(case.account, policy)
    cycles = []
    for dispute_id, raised in case.disputes.items():
        raised_on = calendar.local_date(raised.at)
        resolution = case.resolutions.get(dispute_id)
        # What is told of a dispute may be recorded before the dispute itself.
        resolved_on = None if resolution is None else max(raised_on, calendar.local_date(resolution.at))
        if resolved_on is not None and resolved_on > period.last:
            resolved_on = None  # on the last day of the period it was open
        if raised_on > period.last or (resolved_on is not None and resolved_on < period.first):
            continue
        amount = raised.fact.amount
        cycles.append(
            DisputeCycle(
                dispute_id,
                case.invoice_id,
                case.account.customer_id,
                case.currency,
                case.invoiced if amount is None else case.minor(amount),
                str(raised.fact.reason),
                raised_on,
                resolved_on,
                str(resolution.fact.outcome) if resolution is not None and resolved_on is not None else None,
            )
        )
    return cycles


def promise_figures(judged: Iterable[JudgedPromise]) -> dict[str, Any]:
    """The promise-kept rate, by count and by amount: kept ÷ (kept and broken). Open ones stand apart."""
    every = list(judged)
    kept = [each for each in every if each.kept]
    broken = [each for each in every if each.kept is False]
    waiting = [each for each in every if each.kept is None]
    return {
        "kept": len(kept),
        "broken": len(broken),
        "open": len(waiting),
        "kept_pct": percent(len(kept), len(kept) + len(broken)),
        "amounts": _kept_amounts(kept, broken, waiting),
    }


def plan_figures(ended: Iterable[EndedPlan]) -> dict[str, Any]:
    """The plan-kept rate, by count and by amount: kept ÷ (kept and broken). Agreed plans that ended otherwise,
    because nothing was owed any more, stand apart."""
    every = list(ended)
    kept = [each for each in every if each.state == PlanState.KEPT]
    broken = [each for each in every if each.state == PlanState.BROKEN]
    other = [each for each in every if each.state not in JUDGED]
    return {
        "kept": len(kept),
        "broken": len(broken),
        "ended_otherwise": len(other),
        "kept_pct": percent(len(kept), len(kept) + len(broken)),
        "amounts": _kept_amounts(kept, broken, ()),
    }


def dispute_figures(cycles: Iterable[DisputeCycle], last: date) -> dict[str, Any]:
    """Calendar days from raised to resolved, of those resolved in the period; those open on its last day stand
    apart, with how long they have been."""
    every = list(cycles)
    resolved = [each.days(last) for each in every if each.resolved_on is not None]
    still_open = [each for each in every if each.resolved_on is None]
    ages = [each.days(last) for each in still_open]
    by_outcome: defaultdict[str, int] = defaultdict(int)
    for each in every:
        if each.outcome is not None:
            by_outcome[each.outcome] += 1
    return {
        "resolved": len(resolved),
        "median_days": median(resolved),
        "mean_days": mean(resolved),
        "by_outcome": dict(sorted(by_outcome.items())),
        "open": len(still_open),
        "open_median_days": median(ages),
        "open_amounts": sums(still_open),
    }


def sums(valued: Iterable[Valued]) -> dict[str, str]:
    """Sums by currency, decimal strings."""
    minors: defaultdict[str, int] = defaultdict(int)
    for each in valued:
        minors[each.currency] += each.minor
    return {currency: str(Money(minor, currency)) for currency, minor in sorted(minors.items())}


def _kept_amounts(
    kept: Iterable[Valued], broken: Iterable[Valued], waiting: Iterable[Valued]
) -> list[dict[str, Any]]:
    by_currency: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for place, group in enumerate((kept, broken, waiting)):
        for each in group:
            by_currency[each.currency][place] += each.minor
    return [
        {
            "currency": currency,
            "kept": str(Money(was_kept, currency)),
            "broken": str(Money(was_broken, currency)),
            "open": str(Money(is_open, currency)),
            "kept_pct": percent(was_kept, was_kept + was_broken),
        }
        for currency, (was_kept, was_broken, is_open) in sorted(by_currency.items())
    ]
