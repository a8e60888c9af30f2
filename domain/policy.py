"""An escalation policy: which step when, in what tone, to whom, and the limits that hold around it.

Policies are data (`deploy/policies/*.toml`); a bad one is refused with file, place, value and fix.
A case keeps the policy it started with (its body is pinned in the case's row).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from domain.calendar import SendWindow, zone_info
from domain.money import Money
from domain.vocabulary import OfferKind, Step, Tone

#: Steps that take something away: they need the notice before them proven, and for natural persons a person.
HARSH = frozenset({Step.CREDIT_HOLD, Step.DEMAND, Step.REFERRAL})
#: Steps that put a task on the worklist and write nothing to the customer.
TASKS = frozenset({Step.CALL, Step.AM_ALERT})
#: Steps that only ask for money that is not overdue.
BEFORE_OVERDUE = frozenset({Step.PRE_DUE, Step.PRE_DUE_2, Step.DUE})

#: Business days between the final notice and the block it names.
SHORTEST_BLOCK_NOTICE = 3

Role = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Days = Annotated[int, Field(ge=0, le=3650, strict=True)]


class InvalidPolicy(ValueError):
    """A policy file that cannot be used; the message names file, place, value and fix."""


def _clock(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("write a time of day as text, such as '09:00'")
    return value


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Window(_Part):
    """Local times of day between which messages may go out; `00:00` to `24:00` is all day."""

    opens: Annotated[str, BeforeValidator(_clock), Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "09:00"
    closes: Annotated[str, BeforeValidator(_clock), Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")] = (
        "16:00"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.closes <= self.opens:
            raise ValueError(f"closes ({self.closes}) must be later than opens ({self.opens})")
        return self


class PromiseLimits(_Part):
    """How far ahead a customer may promise, how often again, and how many business days of grace follow."""

    max_days: Days = 14
    extensions: Days = 1
    grace_days: Days = 2
    confirm: tuple[Literal["phone", "email", "portal", "erp"], ...] = ("phone", "email", "portal")


class ApprovalRules(_Part):
    """An approval that nobody gives within `expires_days` business days is asked again, one rank higher."""

    expires_days: Annotated[int, Field(ge=1, le=60)] = 5


class AtRiskRules(_Part):
    """When a case is flagged: `warn_days` before the write-off age, or when its score reaches the line."""

    enabled: bool = True
    write_off_age: Annotated[int, Field(ge=1, le=3650)] = 90
    warn_days: Days = 12
    score_line: Annotated[int, Field(ge=1, le=1000)] = 80


class PlanRules(_Part):
    """Payment plans: what a customer gets at once, what staff decide, and how a plan is followed.

    Instalments are rounded to `unit`, a decimal amount of the plan's currency; the last one takes the rest.
    """

    enabled: bool = True
    unit: Annotated[str, Field(pattern=r"^\d{1,9}(\.\d{1,4})?$")] = "1"
    spacing_days: Annotated[int, Field(ge=1, le=366)] = 30
    first_days: Days = 14
    """When the first instalment of a number of equal ones falls due; sooner where the write-off age is."""
    max_instalments: Annotated[int, Field(ge=2, le=60)] = 6
    max_days: Days = 180
    min_first_percent: Annotated[int, Field(ge=0, le=100)] = 10
    min_amount: Mapping[str, str] = Field(default_factory=dict)
    accept_at_once: tuple[Literal["customer"], ...] = ("customer",)
    """Whose proposals inside these limits need nobody's word."""
    decide_days: Annotated[int, Field(ge=1, le=60)] = 3
    """Business days in which staff answer any other proposal."""
    offer_days: Annotated[int, Field(ge=1, le=60)] = 10
    """Business days for which an offer stands; ladder and outreach pause until then."""
    offer_count: Annotated[int, Field(ge=2, le=60)] = 3
    offer_in_messages: bool = False
    """Whether overdue notices, the final one and the outreach to a customer at risk name `offer_count` instalments
    that would be accepted at once. Nothing pauses for that."""
    offer_by_alert: bool = False
    """Whether the account manager's alert opens an offer of `offer_count` instalments."""
    remind_days: Days = 3
    grace_days: Days = 2
    """Business days after an instalment's date before anybody writes about it."""
    cure_days: Annotated[int, Field(ge=1, le=60)] = 5
    """Business days that the cure notice leaves."""
    whole_falls_due: bool = False
    credit_limit_percent: Annotated[int, Field(ge=0, le=99)] | None = None
    """To how much of itself the customer's credit limit is reduced while they pay by instalments."""


def _exact(value: object) -> object:
    if isinstance(value, float):
        raise ValueError("write a share as text, such as '0.05': a TOML number is not exact")
    return value


#: A part of an amount, above 0 and below 1, exact.
Share = Annotated[str, BeforeValidator(_exact), Field(pattern=r"^0\.\d{1,6}$")]


class OfferRules(_Part):
    """Offers to settle an invoice for less: none unless `kinds` names some. Shares are of the open amount."""

    kinds: tuple[OfferKind, ...] = ()
    largest_discount: Share = "0.03"
    """Of an early-payment discount."""
    largest_settlement: Share = "0.30"
    settlement_from_day: Days = 30
    """Days past due before which nothing is settled for less."""
    longest_days: Annotated[int, Field(ge=1, le=366)] = 30
    """Calendar days that an offer may stand."""
    counter_offers: bool = False
    """Whether customers may name terms of their own on the portal."""
    accept_from: Share | None = None
    """The smallest part of the open amount at which a counter-offer is agreed at once; else staff decide."""
    decide_days: Annotated[int, Field(ge=1, le=60)] = 3
    """Business days in which staff answer a counter-offer, and in which nothing else is sent."""
    at_step: Step | None = None
    """The step whose message makes an offer by itself."""
    at_step_kind: OfferKind = OfferKind.EARLY_PAYMENT_DISCOUNT
    at_step_discount: Share = "0.02"
    at_step_days: Annotated[int, Field(ge=1, le=366)] = 7

    def largest_share(self, kind: OfferKind) -> Decimal:
        """The largest part of the open amount that an offer of this kind may credit."""
        if kind is OfferKind.FEE_WAIVER:
            return Decimal(1)
        settles = kind is OfferKind.SETTLEMENT
        return Decimal(self.largest_settlement if settles else self.largest_discount)

    @model_validator(mode="after")
    def _within_limits(self) -> Self:
        if self.accept_from is not None and not self.counter_offers:
            raise ValueError("accept_from needs counter_offers = true")
        if self.counter_offers and OfferKind.SETTLEMENT not in self.kinds:
            raise ValueError("counter_offers needs 'settlement' among the kinds")
        if self.accept_from is not None and 1 - Decimal(self.accept_from) > Decimal(self.largest_settlement):
            raise ValueError(
                f"accept_from {self.accept_from} gives up more than largest_settlement {self.largest_settlement}"
            )
        if self.at_step is None:
            return self
        if self.at_step_kind not in self.kinds:
            raise ValueError(f"at_step_kind '{self.at_step_kind}' is not among the kinds")
        if Decimal(self.at_step_discount) > self.largest_share(self.at_step_kind):
            raise ValueError(
                f"at_step_discount {self.at_step_discount} is more than the largest of a {self.at_step_kind}, "
                f"{self.largest_share(self.at_step_kind)}"
            )
        if self.at_step_days > self.longest_days:
            raise ValueError(
                f"at_step_days {self.at_step_days} is more than longest_days {self.longest_days}"
            )
        return self


class ProofRules(_Part):
    """When a notice counts as proven: an accepted one after `accepted_days` business days without a bounce,
    a letter after `letter_days`, since it is printed and carried first; without any proof after
    `missing_after_days` business days a person looks after the contact."""

    accepted_days: Days = 2
    letter_days: Days = 5
    missing_after_days: Days = 3


class LateEntry(_Part):
    """Steps of a case that opens after its due date, in calendar days after the opening.

    Empty: the first overdue notice on the next business day, then one rung after the other at catch-up pace.
    """

    days: Mapping[Step, Days] = Field(default_factory=dict)


class PolicyStep(_Part):
    """One rung: `day` is relative to the due date in calendar days, rolled forward to a business day."""

    step: Step
    day: Annotated[int, Field(ge=-365, le=3650, strict=True)]
    tone: Tone = Tone.PROFESSIONAL
    to: tuple[Role, ...] = ("ap", "finance")
    cc: tuple[Role, ...] = ()
    channel: Literal["email"] = "email"
    approval: bool = False
    draft: Literal["automatic", "approve", "template"] = "automatic"
    """Where a model is configured: its draft goes out when the guard passes it, after a person has approved
    it, or never."""
    min_amount: Mapping[str, str] = Field(default_factory=dict)
    assignee: Literal["staff", "account_manager"] = "staff"
    attempts: Days = 0
    notice_days: Annotated[int, Field(ge=0, le=60)] = 3
    answer_days: Days = 14

    @property
    def harsh(self) -> bool:
        return self.step in HARSH

    @property
    def needs_approval(self) -> bool:
        """Whether a person looks at its message before it goes out."""
        return self.approval or (self.draft == "approve" and self.is_notice)

    @property
    def is_task(self) -> bool:
        return self.step in TASKS

    @property
    def is_notice(self) -> bool:
        """Whether the customer is written to."""
        return self.step not in TASKS


class Policy(_Part):
    """The whole ladder with its limits. Days are calendar days unless called business days."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    version: Annotated[int, Field(ge=1)] = 1
    description: str = ""
    timezone: str = "America/New_York"
    calendar: Literal["country", "weekdays", "every_day"] = "country"
    window: Window = Window()
    spread_minutes: Days = 120
    jitter_minutes: Days = 10
    opening_wait_seconds: Days = 60
    gap_days: Days = 3
    catch_up_days: Days = 5
    grouping: bool = True
    settlement_days: Days = 5
    referral_watch_days: Days = 180
    said_paid_days: Annotated[int, Field(ge=1, le=30)] = 5
    """Business days without a message after the customer said that the money is on its way."""
    recheck_days: Annotated[int, Field(ge=1, le=365)] = 5
    promise: PromiseLimits = PromiseLimits()
    plan: PlanRules = PlanRules()
    offers: OfferRules = OfferRules()
    approval: ApprovalRules = ApprovalRules()
    at_risk: AtRiskRules = AtRiskRules()
    proof: ProofRules = ProofRules()
    late_entry: LateEntry = LateEntry()
    tolerance: Mapping[str, str] = Field(default_factory=dict)
    confirm_calls: bool = True
    reply_pause_days: Annotated[int, Field(ge=0, le=30)] = 2
    """Business days for which nothing automatic is sent to a customer who wrote, unless a person has read it."""
    thanks: bool = False
    """Whether who has paid is thanked; policies written before there were thanks send none."""
    steps: tuple[PolicyStep, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            zone_info(self.timezone)
        except ValueError as problem:
            raise ValueError(f"timezone: {problem}") from None
        if not self.steps:
            raise ValueError("steps: none is given; a policy has at least one")
        names = [str(rung.step) for rung in self.steps]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"step {name!r} stands twice; a step stands once")
        ladder = [rung for rung in self.steps if rung.step is not Step.AT_RISK]
        for before, after in pairwise(ladder):
            if list(Step).index(after.step) < list(Step).index(before.step):
                raise ValueError(f"step '{after.step}' cannot come after the harsher '{before.step}'")
            if after.day <= before.day:
                raise ValueError(
                    f"step '{after.step}' (day {after.day}) is not later than '{before.step}' (day {before.day})"
                )
        self._check_steps()
        for place, amounts in [("tolerance", self.tolerance), ("plan: min_amount", self.plan.min_amount)] + [
            (f"step '{rung.step}': min_amount", rung.min_amount) for rung in self.steps
        ]:
            for currency, amount in amounts.items():
                try:
                    if Money.parse(amount, currency).minor < 0:
                        raise ValueError(f"amount {amount!r} is negative")
                except ValueError as problem:
                    raise ValueError(f"{place}: {problem}") from None
        return self

    def _check_steps(self) -> None:
        """What a single step must keep to."""
        warned = self.at_risk.write_off_age - self.at_risk.warn_days
        for rung in self.steps:
            if rung.step is Step.CREDIT_HOLD and rung.notice_days < SHORTEST_BLOCK_NOTICE:
                raise ValueError(
                    f"step 'credit_hold': notice_days {rung.notice_days} is too short: the notice names a "
                    f"block date at least {SHORTEST_BLOCK_NOTICE} business days ahead"
                )
            if rung.step is Step.AT_RISK and rung.day != warned:
                raise ValueError(
                    f"step 'at_risk': day {rung.day} is not the day {warned} that [at_risk] gives "
                    f"(write_off_age {self.at_risk.write_off_age} - warn_days {self.at_risk.warn_days})"
                )
        self._check_offers()
        days = self.late_entry.days
        for step in days:
            if step not in {rung.step for rung in self.ladder}:
                raise ValueError(f"late_entry: step '{step}' is not a step of the ladder")
        in_order = [days[rung.step] for rung in self.ladder if rung.step in days]
        if in_order != sorted(set(in_order)):
            raise ValueError("late_entry: a harsher step must come later than a gentler one")

    def _check_offers(self) -> None:
        """An offer is made by a step that writes to the customer, and while the case is still ours."""
        step = self.offers.at_step
        if step is None:
            return
        rung = next((rung for rung in self.steps if rung.step is step), None)
        if rung is None or not rung.is_notice or step is Step.REFERRAL:
            raise ValueError(f"offers: at_step '{step}' is not a message to the customer before the referral")
        first = self.offers.settlement_from_day
        if self.offers.at_step_kind is OfferKind.SETTLEMENT and rung.day < first:
            raise ValueError(
                f"offers: at_step '{step}' is on day {rung.day}, and settlements begin on day {first}"
            )

    @cached_property
    def ladder(self) -> tuple[PolicyStep, ...]:
        """The rungs by day, without the at-risk outreach, which stands beside the ladder."""
        return tuple(rung for rung in self.steps if rung.step is not Step.AT_RISK)

    @cached_property
    def required_notices(self) -> frozenset[Step]:
        """The notices that a harsh rung needs proven: for each one the last notice before it."""
        required: set[Step] = set()
        before: Step | None = None
        for rung in self.ladder:
            if rung.harsh and before is not None:
                required.add(before)
            if rung.is_notice:
                before = rung.step
        return frozenset(required)

    @cached_property
    def by_step(self) -> Mapping[Step, PolicyStep]:
        return {rung.step: rung for rung in self.steps}

    @cached_property
    def send_window(self) -> SendWindow:
        return SendWindow.parse(self.window.opens, self.window.closes)

    @cached_property
    def _tolerance_minor(self) -> Mapping[str, int]:
        return {currency: Money.parse(amount, currency).minor for currency, amount in self.tolerance.items()}

    def tolerance_in(self, currency: str) -> int:
        """Minor units by which a balance, promise or instalment may fall short; 0 where none is given."""
        return self._tolerance_minor.get(currency, 0)

    @cached_property
    def _minimum_minor(self) -> Mapping[tuple[Step, str], int]:
        return {
            (rung.step, currency): Money.parse(amount, currency).minor
            for rung in self.steps
            for currency, amount in rung.min_amount.items()
        }

    def minimum_in(self, step: Step, currency: str) -> int:
        """Smallest balance in minor units for which the step is taken; 0 where none is given."""
        return self._minimum_minor.get((step, currency), 0)


def load_policy(text: str, filename: str) -> Policy:
    """Read one policy from TOML. Raises InvalidPolicy naming the file, the step or field, and the reason."""
    try:
        fields = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise InvalidPolicy(f"{filename}: not valid TOML: {problem}") from None
    try:
        return Policy.model_validate(fields)
    except ValidationError as problem:
        lines = [f"{filename}: {_place(fields, error['loc'])}{_reason(error)}" for error in problem.errors()]
        raise InvalidPolicy("\n".join(lines)) from None


def _place(fields: Mapping[str, object], loc: tuple[str | int, ...]) -> str:
    """Where in the file: a step by its name, not by its number."""
    if len(loc) >= 2 and loc[0] == "steps" and isinstance(loc[1], int):
        steps = fields.get("steps")
        step = steps[loc[1]] if isinstance(steps, list) else {}
        name = step.get("step", f"number {loc[1] + 1}") if isinstance(step, dict) else f"number {loc[1] + 1}"
        return f"step {name}: " + "".join(f"{part}: " for part in loc[2:])
    return "".join(f"{part}: " for part in loc)


def _reason(error: Mapping[str, object]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    value = error.get("input")
    shown = "" if isinstance(value, dict | BaseModel) else f" (got {value!r:.80})"
    return message + shown
