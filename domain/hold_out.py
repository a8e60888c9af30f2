"""The hold-out: some customers, drawn by hash, are collected as before, so that what the policies do can be told.

Who is held out is decided with a customer's first case and pinned with it. Customers are the unit of the draw, so
they are the unit of the interval too: invoices of one customer are paid alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from math import sqrt
from statistics import NormalDist
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.policy import Share

#: Fewer customers than this in either arm give no interval that could be relied on.
LEAST_CUSTOMERS = 20
_CONFIDENCE = 0.95


class Arm(StrEnum):
    """The two arms of the draw."""

    USUAL = "usual"
    """Collected by the policy of their tier."""
    HELD_OUT = "held_out"
    """Collected by the policy that the hold-out names."""


class HoldOut(BaseModel):
    """How customers are drawn, and what those who are held out get instead: a policy, never silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: Share
    """The part of customers that is held out, as text: "0.1"."""
    policy: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    """What was done before Duecourse, as a policy file of the operator's."""
    salt: Annotated[str, Field(min_length=1, max_length=64)]
    """Names the draw. It stays as it is while the hold-out runs."""

    def arm(self, customer_id: str) -> Arm:
        """The arm of a customer: the same for the same salt, whoever else there is. A larger share keeps those
        who are held out already."""
        digest = hashlib.sha256(f"{self.salt}\n{customer_id}".encode()).digest()
        drawn = int.from_bytes(digest[:8], "big")
        return Arm.HELD_OUT if drawn < Decimal(self.share) * 2**64 else Arm.USUAL


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of one customer's invoices that fell due long enough ago."""

    arm: Arm
    customer_id: str
    invoices: int
    collected: int
    """How many were paid within 60 days of the due date."""
    days: int
    """Days from issue to payment, summed; an invoice not paid 60 days after its due date counts up to that day,
    so that none is left out for being paid late or never."""


Measure = Literal["collected", "days"]


@dataclass(frozen=True, slots=True)
class Effect:
    """The difference between the arms, usual less held out, with its 95 % interval. Shares are of one."""

    usual: float
    held_out: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class NoEffect:
    """Why no difference can be told."""

    why: str


def effect(tallies: Iterable[Tally], measure: Measure) -> Effect | NoEffect:
    """What the usual policies do, against the one of the hold-out, by intention to treat: every customer counts in
    the arm they were drawn into, whatever policy a person chose for a case.

    Each arm's figure is a ratio of sums over its customers, its variance that of the ratio linearised over customers
    (the delta method; Cochran, Sampling Techniques, 3rd ed., 2.11; Deng, Knoblich and Lu, KDD 2018), which is the
    cluster-robust one with customers as clusters. The interval takes Student's t with Welch's degrees of freedom.
    """
    known = [tally for tally in tallies if tally.invoices]
    sides = {arm: [tally for tally in known if tally.arm is arm] for arm in Arm}
    for arm, side in sides.items():
        if len(side) < LEAST_CUSTOMERS:
            name = arm.replace("_", " ")
            return NoEffect(
                f"{len(side)} customers of the arm '{name}' have invoices that fell due 60 days ago or before; "
                f"at least {LEAST_CUSTOMERS} are needed"
            )
    usual, its_variance = _ratio(sides[Arm.USUAL], measure)
    held_out, other_variance = _ratio(sides[Arm.HELD_OUT], measure)
    variance = its_variance + other_variance
    if variance <= 0:
        return NoEffect("all customers of an arm paid alike: there is nothing to tell an interval from")
    freedom = variance**2 / sum(
        part**2 / (len(side) - 1)
        for part, side in ((its_variance, sides[Arm.USUAL]), (other_variance, sides[Arm.HELD_OUT]))
    )
    half = student_t(0.5 + _CONFIDENCE / 2, freedom) * sqrt(variance)
    difference = usual - held_out
    return Effect(usual, held_out, difference, difference - half, difference + half)


def _ratio(side: Sequence[Tally], measure: Measure) -> tuple[float, float]:
    """An arm's sum over its invoices, and the variance of that ratio."""
    invoices = sum(tally.invoices for tally in side)
    ratio = sum(getattr(tally, measure) for tally in side) / invoices
    residuals = (getattr(tally, measure) - ratio * tally.invoices for tally in side)
    customers = len(side)
    spread = sum(residual**2 for residual in residuals) * customers / (customers - 1)
    return ratio, spread / invoices**2


def student_t(probability: float, freedom: float) -> float:
    """The quantile of Student's t by its expansion around the normal one (Abramowitz and Stegun, 26.7.5): right to
    three decimals from ten degrees of freedom on."""
    z = NormalDist().inv_cdf(probability)
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )


@dataclass(frozen=True, slots=True)
class HeldAgainst:
    """Both arms side by side: how many customers and invoices each has, and what the difference is."""

    customers: dict[Arm, int]
    invoices: dict[Arm, int]
    collected: Effect | NoEffect
    days: Effect | NoEffect


def held_against(tallies: Sequence[Tally]) -> HeldAgainst | None:
    """What the hold-out shows; None where nobody was drawn, or nothing of theirs fell due long enough ago."""
    if not tallies:
        return None
    return HeldAgainst(
        {arm: sum(1 for tally in tallies if tally.arm is arm) for arm in Arm},
        {arm: sum(tally.invoices for tally in tallies if tally.arm is arm) for arm in Arm},
        effect(tallies, "collected"),
        effect(tallies, "days"),
    )
