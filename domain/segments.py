"""Which tier, hence which policy, a customer gets: the ERP's word first, else the first segment rule that fits.

Rules are data (`deploy/segments.toml`): by revenue rank, by what is owed, by how the customer has paid so far.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from decimal import Decimal
from statistics import median
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from domain.hold_out import HoldOut
from domain.money import Money

#: The usual day is told to customers: it is rounded, and only drawn from a history of some length.
_USUAL_DAY_UNIT = 5
_USUAL_DAY_HISTORY = 6

TierName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class PaidInvoice(NamedTuple):
    """One invoice that was paid in full."""

    issued_on: date | None
    due_on: date
    settled_on: date

    @property
    def days_late(self) -> int:
        """Days from due date to payment; negative when it was paid early."""
        return (self.settled_on - self.due_on).days


class Behaviour(NamedTuple):
    """How a customer has paid so far. `late_share` is 0 to 1, `median_days_late` signed."""

    paid: int = 0
    late_share: float = 0.0
    median_days_late: float = 0.0

    @classmethod
    def of(cls, history: Iterable[tuple[date | None, date, date]]) -> Behaviour:
        """Behaviour over paid invoices, each (issued, due, settled)."""
        late = [PaidInvoice(*paid).days_late for paid in history]
        if not late:
            return cls()
        return cls(len(late), sum(days > 0 for days in late) / len(late), float(median(late)))


def usual_day(history: Iterable[tuple[date | None, date, date]]) -> int | None:
    """Median days from issue to payment, rounded to 5; None below six paid invoices with an issue date."""
    days = [(settled - issued).days for issued, _, settled in history if issued is not None]
    days = [between for between in days if between >= 0]
    if len(days) < _USUAL_DAY_HISTORY:
        return None
    return int(median(days) / _USUAL_DAY_UNIT + 0.5) * _USUAL_DAY_UNIT


def revenue_ranks(revenues: Mapping[str, Decimal]) -> dict[str, int]:
    """The place of each customer by annual revenue, 1 being the largest; equal revenues share a place."""
    places: dict[Decimal, int] = {}
    for place, revenue in enumerate(sorted(revenues.values(), reverse=True), start=1):
        places.setdefault(revenue, place)
    return {customer_id: places[revenue] for customer_id, revenue in revenues.items()}


class Standing(NamedTuple):
    """What is known of a customer when a tier is looked for. `owed` is minor units by currency."""

    tier: str | None = None
    """As given by the ERP."""
    revenue_rank: int | None = None
    owed: Mapping[str, int] = {}
    behaviour: Behaviour = Behaviour()


class Segment(NamedTuple):
    """The tier and policy of a customer, and a tier that a person might move the customer to."""

    tier: str
    policy: str
    why: str
    proposed: str | None = None
    why_proposed: str = ""


class InvalidSegments(ValueError):
    """A segments file that cannot be used; the message names file, rule, reason and value."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ChronicLate(_Part):
    """When a customer counts as one who pays, but always late."""

    min_paid: Annotated[int, Field(ge=1, le=1000, strict=True)] = 6
    min_late_percent: Annotated[int, Field(ge=1, le=100, strict=True)] = 80
    median_from: Annotated[int, Field(ge=1, le=365, strict=True)] = 1
    median_to: Annotated[int, Field(ge=1, le=365, strict=True)] = 30

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.median_to < self.median_from:
            raise ValueError(
                f"median_to ({self.median_to}) must not be below median_from ({self.median_from})"
            )
        return self

    def fits(self, behaviour: Behaviour) -> bool:
        return (
            behaviour.paid >= self.min_paid
            and behaviour.late_share * 100 >= self.min_late_percent
            and self.median_from <= behaviour.median_days_late <= self.median_to
        )


class SegmentRule(_Part):
    """One way into a tier: every condition that is given must hold."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    tier: TierName
    revenue_rank: Annotated[int, Field(ge=1, strict=True)] | None = None
    """Among so many customers with the highest revenue."""
    owed: Mapping[str, str] = Field(default_factory=dict)
    """At least so much is open, in any one of these currencies."""
    behaviour: Literal["chronic_late"] | None = None
    action: Literal["apply", "propose"] = "apply"

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.revenue_rank is None and not self.owed and self.behaviour is None:
            raise ValueError("no condition is given: state revenue_rank, owed or behaviour")
        for currency, amount in self.owed.items():
            try:
                if Money.parse(amount, currency).minor <= 0:
                    raise ValueError(f"amount {amount!r} is not above zero")
            except ValueError as problem:
                raise ValueError(f"owed: {problem}") from None
        return self


class Segments(_Part):
    """All rules, tried in their order; the first that fits and applies decides."""

    default: TierName = "standard"
    policies: Mapping[TierName, TierName] = Field(default_factory=dict)
    """Tiers whose policy has another name than the tier."""
    chronic_late: ChronicLate = ChronicLate()
    rules: tuple[SegmentRule, ...] = ()
    hold_out: HoldOut | None = None
    """Some customers are collected by another policy, so that what the policies do can be told; off unless given."""

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = [rule.name for rule in self.rules]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"rule {name!r} stands twice; give each its own name")
        return self

    def policy_of(self, tier: str) -> str:
        return self.policies.get(tier, tier)

    def segment(self, standing: Standing) -> Segment:
        """The tier of a customer. The ERP's word stands; a rule may still propose another tier."""
        chosen = (standing.tier, "the ERP gave this tier") if standing.tier else None
        proposed: tuple[str, str] | None = None
        for rule in self.rules:
            why = self._fit(rule, standing)
            if why is None:
                continue
            if rule.action == "propose":
                proposed = proposed or (rule.tier, why)
            else:
                chosen = chosen or (rule.tier, why)
                break
        tier, why = chosen or (self.default, "no rule fits")
        if proposed is None or proposed[0] == tier:
            return Segment(tier, self.policy_of(tier), why)
        return Segment(tier, self.policy_of(tier), why, *proposed)

    def _fit(self, rule: SegmentRule, standing: Standing) -> str | None:
        """Why a rule fits, in figures; None where it does not."""
        reasons: list[str] = []
        if rule.revenue_rank is not None:
            if standing.revenue_rank is None or standing.revenue_rank > rule.revenue_rank:
                return None
            reasons.append(f"number {standing.revenue_rank} by revenue")
        if rule.owed:
            owed = [
                Money(standing.owed[currency], currency)
                for currency, amount in sorted(rule.owed.items())
                if standing.owed.get(currency, 0) >= Money.parse(amount, currency).minor
            ]
            if not owed:
                return None
            reasons.append(f"{owed[0]} {owed[0].currency} open")
        if rule.behaviour is not None:
            if not self.chronic_late.fits(standing.behaviour):
                return None
            paid, share, days = standing.behaviour
            reasons.append(f"{share:.0%} of {paid} invoices paid late, {days:.1f} days in the median")
        return f"{rule.name}: " + ", ".join(reasons)


def load_segments(text: str, filename: str, policies: Collection[str] | None = None) -> Segments:
    """Read the rules from TOML. Raises InvalidSegments naming the file, the rule and the reason.

    Where the names of `policies` are given, every tier must lead to one of them.
    """
    try:
        fields = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise InvalidSegments(f"{filename}: not valid TOML: {problem}") from None
    try:
        segments = Segments.model_validate(fields)
    except ValidationError as problem:
        lines = [f"{filename}: {_place(fields, error['loc'])}{_reason(error)}" for error in problem.errors()]
        raise InvalidSegments("\n".join(lines)) from None
    if policies is not None:
        tiers = [
            ("default", segments.default),
            *((f"rule {rule.name!r}", rule.tier) for rule in segments.rules),
        ]
        for place, tier in tiers:
            if segments.policy_of(tier) not in policies:
                known = ", ".join(sorted(policies))
                raise InvalidSegments(
                    f"{filename}: {place}: tier {tier!r} leads to policy {segments.policy_of(tier)!r}, "
                    f"which is not one of: {known}"
                )
    return segments


def _place(fields: Mapping[str, Any], loc: tuple[str | int, ...]) -> str:
    """Where in the file: a rule by its name, not by its number."""
    if len(loc) >= 2 and loc[0] == "rules" and isinstance(loc[1], int):
        rules = fields.get("rules")
        rule = rules[loc[1]] if isinstance(rules, list) else None
        name = rule.get("name") if isinstance(rule, dict) else None
        shown = repr(name) if name else f"number {loc[1] + 1}"
        return f"rule {shown}: " + "".join(f"{part}: " for part in loc[2:])
    return "".join(f"{part}: " for part in loc)


def _reason(error: Mapping[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    value = error.get("input")
    return message if isinstance(value, dict | BaseModel) else f"{message} (got {value!r:.80})"
