"""One invoice's case: a bag of committed facts and what follows from them, without any rule of time.

A fact is only filed (`domain/filing.py`). Everything else (balance, open promises, frozen amounts) is derived from
the whole bag, which is why facts that arrive with no step between them give the same case in any order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Generic, Literal, TypeVar

from domain import contract as wire
from domain import facts
from domain.channels import Route, Ways, route
from domain.early_payment import discount_taken
from domain.money import Money
from domain.offer_credit import offered_credit
from domain.vocabulary import CustomerKind, DeductionKind, DisputeOutcome, HoldReason, Note, PlanState, Step

F = TypeVar("F")

_NO_CREDIT_YET = (DisputeOutcome.UPHELD, DisputeOutcome.PARTLY)


@lru_cache(maxsize=65_536)
def _minor(amount: str, currency: str) -> int:
    return Money.parse(amount, currency).minor


def hold_ends(hold: wire.HoldPlaced) -> date | None:
    """The last day of a hold; None where only a person ends it, as with every insolvency."""
    return None if hold.reason is HoldReason.INSOLVENCY else hold.until


@dataclass(frozen=True, slots=True)
class Stamped(Generic[F]):
    """A fact with its business time and its epoch: how many steps had been taken when it was filed."""

    fact: F
    at: datetime
    epoch: int

    @property
    def order(self) -> tuple[int, list[tuple[int, str]]]:
        """Order in which facts of one kind count: by epoch, then by the natural order of their ids."""
        parts = re.findall(r"\d+|\D+", getattr(self.fact, "fact_id", ""))
        return self.epoch, [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


@dataclass(frozen=True, slots=True)
class Taken:
    """A rung that was carried out."""

    fact: facts.StepTaken
    at: datetime
    on: date | None


@dataclass(frozen=True, slots=True)
class Account:
    """What a case needs to know of its customer; shared by all cases of the customer with a seller."""

    customer_id: str
    kind: CustomerKind = CustomerKind.BUSINESS
    zone: str | None = None
    holidays: frozenset[date] = frozenset()
    reachable: frozenset[str] = frozenset()
    """Roles of contacts that have a mail address to write to."""
    ways: Ways = field(default_factory=Ways)
    """What they prefer, and what else than e-mail is possible."""
    holds: Mapping[str, Stamped[wire.HoldPlaced]] = field(default_factory=dict)
    released: Mapping[str, datetime] = field(default_factory=dict)
    held_alone: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The only invoices that a hold is about, of the holds that are not about all."""
    allocating: frozenset[str] = frozenset()
    """Remittances whose money is being moved to its invoices."""
    risk_notes: frozenset[str] = frozenset()
    unapplied: Mapping[str, int] = field(default_factory=dict)
    """Unapplied cash and credits by currency, minor units."""
    last_unsolicited_on: date | None = None
    newest_opening_at: datetime | None = None
    credit_holds: frozenset[str] = frozenset()
    """Invoices because of which new orders are blocked."""
    books_through: date | None = None
    usual_day: int | None = None
    """Median days from issue to payment, rounded to 5, where the history is long enough."""

    def route(self, step: Step | Note) -> Route | None:
        """By which channel a message of this step goes to the customer; None where none is possible."""
        return route(step, self.ways, mail=bool(self.reachable))


@dataclass(frozen=True, slots=True)
class Case:
    """The facts of one invoice. Amounts are minor units of `currency`."""

    invoice_id: str
    seller: str
    currency: str
    amount: int
    due_on: date
    opened_at: datetime
    opened_on: date
    """The date of the opening in the customer's zone."""
    account: Account
    issued_on: date | None = None
    collection: Literal["transfer", "direct_debit", "card"] = "transfer"
    collect_on: date | None = None
    early_payment: tuple[tuple[str, date], ...] = ()
    """The invoice's own terms: a discount in percent for paying by a date."""
    early_payment_tolerance: int | None = 0
    """What may be missing from a payment that takes such a discount: the policy's tolerance at the opening. None in
    cases that a version without this rule opened."""
    steps: tuple[Taken, ...] = ()
    payments: Mapping[str, Stamped[wire.PaymentReceived]] = field(default_factory=dict)
    reversals: Mapping[str, Stamped[wire.PaymentReversed]] = field(default_factory=dict)
    announced: Mapping[str, Stamped[facts.PaymentAnnounced]] = field(default_factory=dict)
    """Payments that the source tells of which the seller did not name, by payment."""
    recognised: Mapping[str, Stamped[facts.PaymentRecognised]] = field(default_factory=dict)
    """Payments that are booked already under the id that the other source told first, by payment."""
    credits: Mapping[str, Stamped[int]] = field(default_factory=dict)
    charges: Mapping[str, Stamped[wire.ChargeAdded]] = field(default_factory=dict)
    waivers: Mapping[str, Stamped[wire.ChargeWaived]] = field(default_factory=dict)
    amendments: Mapping[str, Stamped[wire.InvoiceAmended]] = field(default_factory=dict)
    statuses: Mapping[str, Stamped[wire.InvoiceStatus]] = field(default_factory=dict)
    promises: Mapping[str, Stamped[wire.PromiseMade]] = field(default_factory=dict)
    disputes: Mapping[str, Stamped[wire.DisputeRaised]] = field(default_factory=dict)
    resolutions: Mapping[str, Stamped[wire.DisputeResolved]] = field(default_factory=dict)
    holds: Mapping[str, Stamped[wire.HoldPlaced]] = field(default_factory=dict)
    released: Mapping[str, datetime] = field(default_factory=dict)
    risk_notes: frozenset[str] = frozenset()
    cancelled_at: datetime | None = None
    write_offs: Mapping[str, Stamped[int]] = field(default_factory=dict)
    claimed: Mapping[str, Stamped[facts.StepClaimed]] = field(default_factory=dict)
    """Claims by message id whose outcome is not known (yet)."""
    delivered: Mapping[str, datetime] = field(default_factory=dict)
    bounced: Mapping[str, datetime] = field(default_factory=dict)
    waived: Mapping[Step, datetime] = field(default_factory=dict)
    """Steps whose delivery a person took upon themselves, with the newest time of it."""
    skipped: frozenset[tuple[int, Step]] = frozenset()
    requested: Stamped[facts.StepRequested] | None = None
    approval: Stamped[facts.ApprovalAsked] | None = None
    approved: frozenset[str] = frozenset()
    snoozed: Stamped[facts.Snoozed] | None = None
    calls: Mapping[str, Stamped[facts.CallLogged]] = field(default_factory=dict)
    answers: Mapping[str, Stamped[facts.PortalAnswered]] = field(default_factory=dict)
    """What the customer answered on the portal, by answer."""
    confirmed: Mapping[tuple[Note, str, int], datetime] = field(default_factory=dict)
    """What was confirmed in writing: the kind of message, what it is about, the number of an instalment."""
    plans: Mapping[str, Stamped[facts.PlanTabled]] = field(default_factory=dict)
    plans_accepted: Mapping[str, Stamped[facts.PlanAccepted]] = field(default_factory=dict)
    plans_ended: Mapping[str, Stamped[facts.PlanEnded]] = field(default_factory=dict)
    plans_restored: Mapping[str, Stamped[facts.PlanRestored]] = field(default_factory=dict)
    """The newest time each plan was broken and stood again."""
    offers: Mapping[str, Stamped[facts.OfferMade]] = field(default_factory=dict)
    offers_accepted: Mapping[str, Stamped[facts.OfferAccepted]] = field(default_factory=dict)
    offers_ended: Mapping[str, Stamped[facts.OfferEnded]] = field(default_factory=dict)
    counters: Mapping[str, Stamped[facts.OfferCountered]] = field(default_factory=dict)
    """What the customer asked to settle for."""
    credit_hold_cycle: int | None = None
    """The cycle whose credit hold stands, None where orders flow."""
    blocked: frozenset[int] = frozenset()
    """The cycles in which orders were blocked, whether or not they flow again."""
    unblocked: Stamped[int] | None = None
    """The newest cycle whose credit hold was released."""
    recalled: Stamped[facts.Recalled] | None = None
    closed: Stamped[facts.CaseClosed] | None = None

    # -- money ------------------------------------------------------------------------------------

    def minor(self, amount: str) -> int:
        """Minor units of a wire amount in the case's currency."""
        return _minor(amount, self.currency)

    @property
    def invoiced(self) -> int:
        """The invoice amount as last amended."""
        if self.amendments:
            for stamped in sorted(
                self.amendments.values(), key=lambda amendment: amendment.order, reverse=True
            ):
                if stamped.fact.amount is not None:
                    return self.minor(stamped.fact.amount)
        return self.amount

    @property
    def due(self) -> date:
        """The due date as last amended."""
        if self.amendments:
            for stamped in sorted(
                self.amendments.values(), key=lambda amendment: amendment.order, reverse=True
            ):
                if stamped.fact.due_on is not None:
                    return stamped.fact.due_on
        return self.due_on

    @property
    def whole_due_on(self) -> date | None:
        """The day before its due date on which all that is left of the invoice fell due: a plan was broken
        whose accepted terms said so. Days past due, ageing and interest keep to the due date."""
        if not self.plans_ended:
            return None
        broken = (
            end.fact.on
            for plan_id, end in self.plans_ended.items()
            if end.fact.state is PlanState.BROKEN and self.plans[plan_id].fact.whole_falls_due
        )
        first = min((on for on in broken if on is not None), default=None)
        return first if first is not None and first < self.due else None

    @property
    def reversed(self) -> int:
        """What reversals took back: of each payment that is here, at most the payment itself."""
        if not self.reversals:
            return 0
        return self._reversed_before(self.epoch + 1)

    @property
    def reversed_since_last_step(self) -> int:
        """What reversals took back since the last step was taken."""
        return self.reversed - self._reversed_before(self.epoch)

    def _reversed_before(self, epoch: int) -> int:
        taken: dict[str, int] = {}
        for stamped in self.reversals.values():
            if stamped.epoch < epoch:
                payment_id = self.booked_as(stamped.fact.payment_id)
                taken[payment_id] = taken.get(payment_id, 0) + self.minor(stamped.fact.amount)
        return sum(
            min(amount, self.minor(self.payments[payment_id].fact.amount))
            for payment_id, amount in taken.items()
            if payment_id in self.payments
        )

    def booked_as(self, payment_id: str) -> str:
        """The id under which the money of a payment is booked."""
        known = self.recognised.get(payment_id)
        return payment_id if known is None else known.fact.of

    @property
    def paid(self) -> int:
        """Payments less reversals."""
        if not self.payments:
            return 0
        return sum(self.minor(stamped.fact.amount) for stamped in self.payments.values()) - self.reversed

    @property
    def all_credits(self) -> Mapping[str, Stamped[int]]:
        """Credit notes and the credits disputes ended with; one that came as both counts once, as the note."""
        if not self.resolutions:
            return self.credits
        agreed = {
            stamped.fact.credit.credit_id: Stamped(
                self.minor(stamped.fact.credit.amount), stamped.at, stamped.epoch
            )
            for _, stamped in sorted(self.resolutions.items(), reverse=True)
            if stamped.fact.credit is not None
        }
        return {**agreed, **self.credits}

    @property
    def credited(self) -> int:
        return sum(stamped.fact for stamped in self.all_credits.values())

    @property
    def discounted(self) -> int:
        """The discount for early payment that was taken, in minor units."""
        return discount_taken(self)

    @property
    def settled_by_offer(self) -> int:
        """What an offer credits that was paid in time; taken back with the money that took it."""
        if not self.offers or self.cancelled_at is not None:
            return 0
        return offered_credit(self)

    @property
    def bank_charges(self) -> int:
        """What banks kept of payments that stand, as far as the seller bears it. It never makes an invoice
        overpaid."""
        if not self.payments or self.cancelled_at is not None:
            return 0
        kept = sum(map(self._kept_by_banks, self.payments))
        if kept == 0:
            return 0
        owed = self.invoiced + self.charged - self.paid - self.credited - self.discounted
        return min(kept, max(0, owed - self.settled_by_offer))

    @property
    def given_up(self) -> int:
        """All write-offs ever recorded."""
        return sum(stamped.fact for stamped in self.write_offs.values())

    @property
    def written_off(self) -> int:
        """What write-offs still cover: money that comes afterwards is a recovery and takes their place."""
        if not self.write_offs:
            return 0
        owed = self.invoiced + self.charged - self.paid - self.credited - self.discounted
        return min(self.given_up, max(0, owed - self.settled_by_offer - self.bank_charges))

    @property
    def recovered(self) -> int:
        """Money that came for what had been written off."""
        return self.given_up - self.written_off

    @property
    def charged(self) -> int:
        """Charges less waivers; a waiver takes back at most what was charged."""
        if not self.charges:
            return 0
        charges = sum(self.minor(stamped.fact.amount) for stamped in self.charges.values())
        return max(0, charges - sum(self.minor(stamped.fact.amount) for stamped in self.waivers.values()))

    @property
    def net(self) -> int:
        """Charges − payments + reversals − credits − discounts and what offers credit − write-offs; negative when
        more came than was owed."""
        if self.cancelled_at is not None:
            return -self.paid
        owed = self.invoiced + self.charged - self.paid
        if self.credits or self.resolutions:
            owed -= self.credited
        if self.early_payment:
            owed -= self.discounted
        if self.offers:
            owed -= self.settled_by_offer
        return owed - self.bank_charges - self.written_off

    @property
    def balance(self) -> int:
        """The balance due, never negative."""
        return max(0, self.net)

    @property
    def overpaid(self) -> int:
        """What came beyond what was owed; counts as unapplied cash of the customer."""
        return max(0, -self.net)

    def received_between(self, start: date, end: date) -> int:
        """Payments less reversals with `received_on` in [start, end], with what the seller bears that banks kept of
        them: who paid in full has paid in full."""
        return sum(
            self._standing(payment_id) + self._kept_by_banks(payment_id)
            for payment_id, stamped in self.payments.items()
            if start <= stamped.fact.received_on <= end
        )

    def _standing(self, payment_id: str) -> int:
        """What of a payment was not taken back."""
        back = sum(
            self.minor(reversal.fact.amount)
            for reversal in self.reversals.values()
            if self.booked_as(reversal.fact.payment_id) == payment_id
        )
        return max(0, self.minor(self.payments[payment_id].fact.amount) - back)

    def _kept_by_banks(self, payment_id: str) -> int:
        """What banks kept of a payment at the seller's cost, by whichever source tells more of it; gone with the
        payment."""
        told = [self.payments[payment_id].fact]
        told += [known.fact.payment for known in self.recognised.values() if known.fact.of == payment_id]
        kept = max(
            sum(
                self.minor(each.amount)
                for each in payment.deductions
                if each.kind is DeductionKind.BANK_CHARGES
            )
            for payment in told
        )
        return kept if kept and self._standing(payment_id) else 0

    # -- ladder -----------------------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """How many steps have been taken."""
        return len(self.steps)

    @property
    def cycle(self) -> int:
        """The climb the case is in: that of its last step."""
        return max([taken.fact.cycle for taken in self.steps]) if self.steps else 0

    @property
    def last(self) -> Taken | None:
        return self.steps[-1] if self.steps else None

    def taken(self, step: Step) -> Taken | None:
        """The newest time this step was carried out."""
        return next((taken for taken in reversed(self.steps) if taken.fact.step == step), None)

    def frozen_by(self, dispute_id: str) -> int | None:
        """Minor units a dispute freezes: 0 when settled, None for everything that is owed."""
        amount = self.disputes[dispute_id].fact.amount
        if self.thawed_at(dispute_id) is not None:
            return 0
        return None if amount is None else self.minor(amount)

    def thawed_at(self, dispute_id: str) -> datetime | None:
        """When a dispute ceased to freeze anything; None while it does.

        One that was upheld without a credit ends with the next credit that no other dispute claims.
        """
        resolution = self.resolutions.get(dispute_id)
        if resolution is None:
            return None
        if resolution.fact.outcome not in _NO_CREDIT_YET or resolution.fact.credit is not None:
            return resolution.at
        credit = self._later_credits().get(dispute_id)
        return None if credit is None else max(resolution.at, credit.at)

    def _later_credits(self) -> Mapping[str, Stamped[int]]:
        """Which later credit note each dispute got that was upheld without one."""
        claimed = {r.fact.credit.credit_id for r in self.resolutions.values() if r.fact.credit is not None}
        free = sorted(
            (
                (credit.epoch, credit_id)
                for credit_id, credit in self.credits.items()
                if credit_id not in claimed
            )
        )
        found: dict[str, Stamped[int]] = {}
        for dispute_id, dispute in sorted(self.disputes.items(), key=lambda item: (item[1].epoch, item[0])):
            resolution = self.resolutions.get(dispute_id)
            if (
                resolution is None
                or resolution.fact.outcome not in _NO_CREDIT_YET
                or resolution.fact.credit is not None
            ):
                continue
            match = next((entry for entry in free if entry[0] >= dispute.epoch), None)
            if match is not None:
                free.remove(match)
                found[dispute_id] = self.credits[match[1]]
        return found

    @property
    def open_disputes(self) -> tuple[str, ...]:
        return tuple(dispute_id for dispute_id in sorted(self.disputes) if self.frozen_by(dispute_id) != 0)

    def open_holds(self, on: date) -> tuple[wire.HoldPlaced, ...]:
        """Holds of the invoice and of the account that stand on the customer's date `on`."""
        standing = []
        for holds, released in ((self.holds, self.released), (self.account_holds, self.account.released)):
            for hold_id, stamped in holds.items():
                ends = hold_ends(stamped.fact)
                if hold_id not in released and (ends is None or on <= ends):
                    standing.append(stamped.fact)
        return tuple(sorted(standing, key=lambda hold: hold.hold_id))

    @property
    def account_holds(self) -> Mapping[str, Stamped[wire.HoldPlaced]]:
        """The holds of the account that this invoice is among."""
        alone = self.account.held_alone
        if not alone:
            return self.account.holds
        return {
            hold_id: stamped
            for hold_id, stamped in self.account.holds.items()
            if self.invoice_id in alone.get(hold_id, (self.invoice_id,))
        }

    @property
    def noted_risk(self) -> bool:
        return bool(self.risk_notes or self.account.risk_notes)
