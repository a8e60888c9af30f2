"""What the operator configured, read once at start: policies, sellers and the holidays of countries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path

from domain.channels import OFFERED_BY_ALL
from domain.contract import Customer
from domain.hold_out import Arm
from domain.instalments import PersonLimits
from domain.letters.demand import DemandLaw, load_demand_law
from domain.policy import Policy, load_policy
from domain.requests.plan_law import PlanLaw, load_plan_law
from domain.segments import Segment, Segments, load_segments
from domain.seller import Seller, load_seller
from domain.vocabulary import Channel, CustomerKind


class Misconfigured(ValueError):
    """The configuration cannot be used; the message names file, place and fix."""


@dataclass(frozen=True)
class Rulebook:
    """Policies and sellers by name."""

    policies: Mapping[str, Policy]
    sellers: Mapping[str, Seller]
    segments: Segments = field(default_factory=Segments)
    default_policy: str = "standard"
    exhibits: Path | None = None
    """The one folder from which exhibits are read; without it there are none."""
    demand: DemandLaw = field(default_factory=DemandLaw)
    annexes: Path | None = None
    """Where the official papers that go with demand letters lie, in a folder for each jurisdiction."""
    plan_law: PlanLaw = field(default_factory=PlanLaw)
    offers: frozenset[Channel] = OFFERED_BY_ALL
    """The channels that are set up here."""
    continue_as_new_every: int | None = None
    """Only for tests: take a new run after so many revisions of a case."""

    def plan_limits(self, customer: Customer) -> PersonLimits | None:
        """How far instalments may go for this customer by law; None for businesses."""
        address = customer.address
        country = customer.country or (address.country if address is not None else None)
        return self.plan_law.limits(CustomerKind(customer.kind), country)

    def policy_for(self, asked: str | None, segment: Segment, arm: Arm | None = None) -> Policy:
        """The policy asked for, else that of the hold-out for who is held out, else that of the customer's
        segment, else the default."""
        held = self.segments.hold_out
        instead = held.policy if held is not None and arm is Arm.HELD_OUT else None
        for name in (asked, instead, segment.policy):
            if name is not None and name in self.policies:
                return self.policies[name]
        return self.policies[self.default_policy]

    def seller(self, seller_id: str) -> Seller:
        """Raises Misconfigured where the seller of a case is not there any more: no letter can be written."""
        if seller_id not in self.sellers:
            raise Misconfigured(f"no file in sellers/ has the seller_id {seller_id!r}: put it back")
        return self.sellers[seller_id]


def load_rulebook(
    folder: Path,
    *,
    exhibits: Path | None = None,
    offers: frozenset[Channel] = OFFERED_BY_ALL,
    continue_as_new_every: int | None = None,
) -> Rulebook:
    """Read `policies/*.toml`, `sellers/*.toml`, `segments.toml`, `demand.toml` and `plans.toml` below `folder`.

    Raises with file, place and fix.
    """
    policies: dict[str, Policy] = {}
    for path in sorted((folder / "policies").glob("*.toml")):
        policy = load_policy(path.read_text("utf-8"), str(path))
        if policy.name in policies:
            raise Misconfigured(f"{path}: policy {policy.name!r} is defined twice; rename one")
        policies[policy.name] = policy
    sellers: dict[str, Seller] = {}
    for path in sorted((folder / "sellers").glob("*.toml")):
        seller = load_seller(path.read_text("utf-8"), str(path))
        sellers[seller.seller_id] = seller
    if "standard" not in policies:
        raise Misconfigured(f"{folder}/policies has no policy named 'standard'; it is the default")
    if not sellers:
        raise Misconfigured(f"{folder}/sellers has no seller; add one such as default.toml")
    segments = Segments()
    rules = folder / "segments.toml"
    if rules.exists():
        segments = load_segments(rules.read_text("utf-8"), str(rules))
        _check_hold_out(segments, policies, rules)
    demand = DemandLaw()
    law = folder / "demand.toml"
    if law.exists():
        demand = load_demand_law(law.read_text("utf-8"), str(law))
    plan_law = PlanLaw()
    law = folder / "plans.toml"
    if law.exists():
        plan_law = load_plan_law(law.read_text("utf-8"), str(law))
    if exhibits is not None and not exhibits.is_dir():
        raise Misconfigured(f"{exhibits} is not a folder: correct DUECOURSE_EXHIBIT_FOLDER")
    return Rulebook(
        policies,
        sellers,
        segments,
        exhibits=exhibits,
        demand=demand,
        plan_law=plan_law,
        annexes=folder / "annexes",
        offers=offers,
        continue_as_new_every=continue_as_new_every,
    )


def _check_hold_out(segments: Segments, policies: Mapping[str, Policy], rules: Path) -> None:
    """Who is held out is collected by a policy there is, and is written to."""
    held = segments.hold_out
    if held is None:
        return
    if held.policy not in policies:
        known = ", ".join(sorted(policies))
        raise Misconfigured(f"{rules}: hold_out: policy {held.policy!r} is not one of: {known}")
    if not any(rung.is_notice for rung in policies[held.policy].steps):
        raise Misconfigured(
            f"{rules}: hold_out: policy {held.policy!r} writes to nobody; silence is no policy"
        )


def business_holidays(country: str | None, around: date) -> frozenset[date]:
    """Public holidays of a country from the year before to two years after; empty where none are known."""
    return frozenset() if country is None else _holidays(country, around.year)


@lru_cache(maxsize=1024)
def _holidays(country: str, year: int) -> frozenset[date]:
    import holidays

    try:
        return frozenset(holidays.country_holidays(country, years=range(year - 1, year + 3)))
    except NotImplementedError:
        return frozenset()
