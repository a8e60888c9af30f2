"""Tabling a plan: which instalments make up a debt, and whether the policy and the law let them through."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from domain.calendar import Calendar
from domain.case import Case
from domain.facts import PlannedInstalment
from domain.money import Money
from domain.policy import PlanRules, Policy

#: A first instalment that the write-off age brings forward still leaves the customer so many days.
_SOONEST_DAYS = 5


class PersonLimits(NamedTuple):
    """How far instalments for a natural person may go before they are credit in the sense of the law."""

    payments: int
    months: int | None
    source: str


def split(total: int, count: int, unit: int) -> list[int]:
    """`total` in `count` parts, each rounded to `unit`, the last one taking the rest. Minor units.

    Raises ValueError where that leaves an instalment without money.
    """
    part = (2 * total + count * unit) // (2 * count * unit) * unit
    if part * (count - 1) >= total:
        part = total // count // unit * unit
    if part <= 0:
        raise ValueError(f"{count} instalments are too many for the amount")
    return [part] * (count - 1) + [total - part * (count - 1)]


def unit_in(rules: PlanRules, currency: str) -> int:
    """The policy's unit in minor units; the smallest coin where the currency has no such parts."""
    try:
        return max(1, Money.parse(rules.unit, currency).minor)
    except ValueError:
        return 1


def equal_instalments(
    total: int, count: int, cases: Sequence[Case], policy: Policy, today: date
) -> tuple[PlannedInstalment, ...]:
    """`count` instalments by the policy's unit and spacing, beginning before the debt is to be written off."""
    rules = policy.plan
    first = today + timedelta(days=rules.first_days)
    write_off = min(case.due for case in cases) + timedelta(days=policy.at_risk.write_off_age)
    if policy.at_risk.enabled and today + timedelta(days=_SOONEST_DAYS) <= write_off < first:
        first = write_off
    amounts = split(total, count, unit_in(rules, cases[0].currency))
    return tuple(
        PlannedInstalment(amount=amount, due_on=first + timedelta(days=rules.spacing_days * place))
        for place, amount in enumerate(amounts)
    )


def fault(instalments: Sequence[PlannedInstalment], total: int, currency: str, today: date) -> str | None:
    """What is wrong with instalments in themselves; None where they pay exactly what is owed, one by one."""
    dates = [instalment.due_on for instalment in instalments]
    if dates != sorted(set(dates)):
        return "each instalment is due later than the one before"
    if dates[0] < today:
        return f"the first instalment is due in the past: name a date from {today} on"
    if len(instalments) < 2:
        return "a plan has at least two instalments"
    paid = sum(instalment.amount for instalment in instalments)
    if paid != total:
        return f"the instalments come to {Money(paid, currency)}, what is owed is {Money(total, currency)} {currency}"
    return None


def beyond_law(
    instalments: Sequence[PlannedInstalment], limits: PersonLimits | None, today: date
) -> str | None:
    """Why these instalments may not be agreed with a natural person without duties of a lender."""
    if limits is None:
        return None
    if len(instalments) > limits.payments:
        return f"at most {limits.payments} instalments may be agreed with a natural person ({limits.source})"
    if limits.months is not None and instalments[-1].due_on > _months_later(today, limits.months):
        return f"with a natural person the last instalment falls due within {limits.months} months ({limits.source})"
    return None


def _months_later(day: date, months: int) -> date:
    """The same day of a later month, or its last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return min(date(year, month + 1, 1) + timedelta(days=day.day - 1), following - timedelta(days=1))


def beyond_policy(
    instalments: Sequence[PlannedInstalment], currency: str, policy: Policy, today: date
) -> list[str]:
    """Each limit of the policy that these instalments pass; none where they may be accepted at once."""
    rules, total = policy.plan, sum(instalment.amount for instalment in instalments)
    passed: list[str] = []
    if len(instalments) > rules.max_instalments:
        passed.append(f"more than {rules.max_instalments} instalments")
    if (length := (instalments[-1].due_on - today).days) > rules.max_days:
        passed.append(f"{length} days long; the limit is {rules.max_days}")
    if instalments[0].amount * 100 < total * rules.min_first_percent:
        passed.append(f"the first instalment is below {rules.min_first_percent} % of the whole")
    latest = today + timedelta(days=max(rules.first_days, rules.spacing_days))
    if instalments[0].due_on > latest:
        passed.append(f"the first instalment is due after {latest}")
    least = rules.min_amount.get(currency)
    if least is not None and total < Money.parse(least, currency).minor:
        passed.append(f"less than {least} {currency} is owed")
    return passed


def deadline(instalment_due: date, calendar: Calendar, policy: Policy) -> date:
    """The last day of grace of an instalment: business days after its date."""
    return calendar.add_business_days(instalment_due, policy.plan.grace_days)
