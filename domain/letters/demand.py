"""What the law of a place asks of a demand letter, and what interest may be added, from dated data.

The data (`deploy/demand.toml`) carries its sources; nothing is added to a claim unless the operator turned it
on there, and then only from figures that a person has checked. Not legal advice.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from domain.letters.letter import CHARGES, EntryKind, InvoiceFacts
from domain.money import Money
from domain.seller import CurrencyCode, FilledLine
from domain.vocabulary import CustomerKind

_EU = frozenset("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())


class Jurisdiction(StrEnum):
    """Whose rules a demand letter follows, by the debtor."""

    UK_COMPANY = "uk_company"
    UK_INDIVIDUAL = "uk_individual"
    EU = "eu"
    US = "us"
    GENERIC = "generic"


def jurisdiction_of(country: str | None, kind: CustomerKind) -> Jurisdiction:
    """By the debtor's country and kind. Natural persons outside the UK get the generic letter, without additions."""
    if country == "GB":
        return Jurisdiction.UK_COMPANY if kind is CustomerKind.BUSINESS else Jurisdiction.UK_INDIVIDUAL
    if kind is not CustomerKind.BUSINESS:
        return Jurisdiction.GENERIC
    if country in _EU:
        return Jurisdiction.EU
    return Jurisdiction.US if country == "US" else Jurisdiction.GENERIC


class DemandLawInvalid(ValueError):
    """The data cannot be used; the text names file, field and fix, a line each."""


class RateUnknown(LookupError):
    """There is no rate for a day of the claim; the text names it and the fix."""


def _exact(value: object) -> object:
    if isinstance(value, float):
        raise ValueError("write it in quotes, such as '11.75': a number with a point is not exact")
    return value


_Percent = Annotated[Decimal, BeforeValidator(_exact), Field(gt=0, le=100)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rate(_Frozen):
    """The yearly rate, in percent, for the half-year that begins on `since`; `checked` by a person or not."""

    since: date
    percent: _Percent
    source: FilledLine
    checked: bool = False

    @model_validator(mode="after")
    def _begins_a_half_year(self) -> Self:
        if self.since != half_year(self.since):
            raise ValueError("begins on 1 January or 1 July")
        return self


class FixedSum(_Frozen):
    """A sum for the costs of recovery, for debts below `under`; without it for every debt."""

    amount: FilledLine
    under: FilledLine | None = None


class Rules(_Frozen):
    """What a letter of one jurisdiction needs. `interest` and `fixed_sum` add to the claim, apart from it."""

    answer_days: Annotated[int, Field(ge=1, le=90)]
    source: FilledLine
    as_of: date
    annexes: tuple[FilledLine, ...] = ()
    """Official papers that go with the letter, by the names of their files; without them it is refused."""
    interest: bool = False
    rate_is: Literal["fixed_at_start", "by_half_year"] = "by_half_year"
    """Whether the rate of the day on which interest starts holds for good, or each half-year has its own."""
    rates: tuple[Rate, ...] = ()
    interest_source: FilledLine | None = None
    interest_source_in: Mapping[str, FilledLine] = Field(default_factory=dict)
    """The same for letters in other languages, by language code."""
    fixed_sum: bool = False
    fixed_sum_currency: CurrencyCode | None = None
    fixed_sums: tuple[FixedSum, ...] = ()
    """From the smallest debt to the largest."""
    fixed_sum_source: FilledLine | None = None
    fixed_sum_source_in: Mapping[str, FilledLine] = Field(default_factory=dict)
    fixed_sum_checked: bool = False

    @model_validator(mode="after")
    def _can_be_added(self) -> Self:
        if self.interest and (not self.rates or self.interest_source is None):
            raise ValueError("interest needs `rates` and `interest_source`")
        if self.interest and (unchecked := [rate for rate in self.rates if not rate.checked]):
            days = ", ".join(str(rate.since) for rate in unchecked)
            raise ValueError(
                f"the rates since {days} were not checked: compare them with their source, then write checked = true"
            )
        if self.fixed_sum and not (self.fixed_sums and self.fixed_sum_currency and self.fixed_sum_source):
            raise ValueError("fixed_sum needs `fixed_sums`, `fixed_sum_currency` and `fixed_sum_source`")
        if self.fixed_sum and not self.fixed_sum_checked:
            raise ValueError(
                "the fixed sums were not checked: compare them with their source, then write fixed_sum_checked = true"
            )
        for entry in self.fixed_sums if self.fixed_sum_currency else ():
            Money.parse(entry.amount, str(self.fixed_sum_currency))
            Money.parse(entry.under or "0", str(self.fixed_sum_currency))
        return self


class DemandLaw(_Frozen):
    """The rules by jurisdiction; where one is missing, the generic ones of this program stand."""

    jurisdictions: Mapping[Jurisdiction, Rules] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _no_interest_of_persons(self) -> Self:
        rules = self.jurisdictions.get(Jurisdiction.UK_INDIVIDUAL)
        if rules is not None and (rules.interest or rules.fixed_sum):
            raise ValueError(
                "uk_individual: statutory interest and sums are for business debts: leave them off"
            )
        return self

    def rules(self, jurisdiction: Jurisdiction) -> Rules:
        return self.jurisdictions.get(jurisdiction) or _GENERIC


_GENERIC = Rules(
    answer_days=14, source="no rule of law: a habit of business letters", as_of=date(2026, 11, 1)
)


def load_demand_law(text: str, filename: str) -> DemandLaw:
    """Read `deploy/demand.toml`. Raises DemandLawInvalid with a line per fault."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DemandLawInvalid(f"{filename}: is not TOML: {error}; correct that line") from None
    try:
        return DemandLaw.model_validate({"jurisdictions": content})
    except ValidationError as error:
        faults = []
        for detail in error.errors(include_url=False, include_input=False):
            where = ".".join(str(part) for part in detail["loc"][1:] if part != "[key]")
            faults.append(
                f"{filename}: {where + ': ' if where else ''}{detail['msg'].removeprefix('Value error, ')}"
            )
        raise DemandLawInvalid("\n".join(faults)) from None


# -- interest -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InterestPeriod:
    """Simple interest on one principal at one rate, from `first` to `last`, both days included."""

    first: date
    last: date
    days: int
    principal: Money
    percent: Decimal
    interest: Money


@dataclass(frozen=True, slots=True)
class Addition:
    """What the law adds to one invoice, apart from it: interest with its computation, and a fixed sum."""

    item: InvoiceFacts
    periods: tuple[InterestPeriod, ...] = ()
    daily: Money | None = None
    """What each further day adds."""
    fixed_sum: Money | None = None

    @property
    def interest(self) -> Money:
        return Money.total((period.interest for period in self.periods), self.item.currency)


def additions(items: tuple[InvoiceFacts, ...], rules: Rules, as_of: date) -> tuple[Addition, ...]:
    """What is added to each overdue invoice; empty while nothing is turned on. Raises RateUnknown."""
    found = [_addition(item, rules, as_of) for item in items if item.due_on < as_of and item.asked]
    return tuple(each for each in found if each.interest or each.fixed_sum)


def _addition(item: InvoiceFacts, rules: Rules, as_of: date) -> Addition:
    # What the seller's own books charged already would be claimed twice.
    booked = {entry.kind for entry in item.entries}
    periods = (
        interest_periods(item, rules, as_of) if rules.interest and EntryKind.INTEREST not in booked else ()
    )
    daily = None
    if periods:
        # What is owed from tomorrow on, at the rate of the last period.
        left = _principal(item, as_of)
        daily = Money(_interest(left.minor, periods[-1].percent, 1), item.currency)
    return Addition(item, periods, daily, None if EntryKind.FEE in booked else _fixed_sum(item, rules))


def half_year(day: date) -> date:
    """The first day of the half-year that `day` is in."""
    return date(day.year, 1 if day.month < 7 else 7, 1)


def interest_periods(item: InvoiceFacts, rules: Rules, as_of: date) -> tuple[InterestPeriod, ...]:
    """Interest from the day after the due date to `as_of`, by what was owed each day.

    Simple interest over a year of 365 days, each period rounded to the minor unit, half up (UK: SI 2002/1675
    and the Act of 1998; EU: directive 2011/7, articles 2 and 3). A payment counts from the day after it came;
    credits count from the beginning; what is disputed, promised or charged bears none.
    """
    if as_of <= item.due_on:
        return ()
    ends = {entry.on for entry in item.entries if entry.kind in (EntryKind.PAYMENT, EntryKind.REVERSAL)}
    if rules.rate_is == "by_half_year":
        years = range(item.due_on.year, as_of.year + 1)
        ends |= {date(year, month, day) for year in years for month, day in ((6, 30), (12, 31))}
    start = item.due_on
    fixed = _rate(rules, start + timedelta(days=1)) if rules.rate_is == "fixed_at_start" else None
    periods = []
    for end in sorted({day for day in ends if item.due_on < day < as_of} | {as_of}):
        principal = _principal(item, start)
        first, days = start + timedelta(days=1), (end - start).days
        percent = fixed if fixed is not None else _rate(rules, first)
        if principal.minor > 0:
            interest = Money(_interest(principal.minor, percent, days), item.currency)
            periods.append(InterestPeriod(first, end, days, principal, percent, interest))
        start = end
    return tuple(periods)


def _interest(principal: int, percent: Decimal, days: int) -> int:
    """In minor units, rounded half up."""
    exact = Fraction(principal) * Fraction(percent) * days / (100 * 365)
    return int((exact + Fraction(1, 2)) // 1)


def _rate(rules: Rules, day: date) -> Decimal:
    for rate in rules.rates:
        if rate.since == half_year(day):
            return rate.percent
    raise RateUnknown(
        f"demand.toml has no rate since {half_year(day)}, which interest from {day} needs: add it"
    )


_DATED = frozenset({EntryKind.PAYMENT, EntryKind.REVERSAL})


def _principal(item: InvoiceFacts, day: date) -> Money:
    """What bears interest at the end of a day: never more than is asked of the debtor now, plus later payments."""
    owed = [
        entry.amount
        for entry in item.entries
        if entry.kind not in CHARGES and (entry.kind not in _DATED or entry.on <= day)
    ]
    withheld = item.balance - (item.asked or Money.zero(item.currency))
    principal = Money.total(owed, item.currency) - withheld
    return max(principal, Money.zero(item.currency))


def _fixed_sum(item: InvoiceFacts, rules: Rules) -> Money | None:
    """By what is asked of the invoice, and only in the currency that the law names."""
    if not rules.fixed_sum or item.currency != rules.fixed_sum_currency or item.asked is None:
        return None
    for entry in rules.fixed_sums:
        if entry.under is None or item.asked < Money.parse(entry.under, item.currency):
            return Money.parse(entry.amount, item.currency)
    return None
