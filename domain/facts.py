"""What our own activities and staff record about a case, beside the facts of the wire contract."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from domain.contract import PaymentReceived
from domain.vocabulary import CallOutcome, Channel, Note, OfferKind, Outcome, PlanState, Step


class InternalFact(BaseModel):
    """Base of the facts that never arrive over the wire."""

    model_config = ConfigDict(frozen=True)


class StepClaimed(InternalFact):
    """A message was claimed: it may be on its way, so nothing else is sent for this step."""

    kind: Literal["step_claimed"] = "step_claimed"
    message_id: str
    step: Step | Note
    cycle: int
    ref: str = ""
    catch_up: bool = False
    by: str = ""
    """The activity that claimed it, so that a later try of the same one knows it was lost."""


class ClaimFreed(InternalFact):
    """The claimed message provably did not go out; its step is free again."""

    kind: Literal["claim_freed"] = "claim_freed"
    message_id: str


class StepTaken(InternalFact):
    """A rung was carried out: its message was accepted, or its task stands on the worklist."""

    kind: Literal["step_taken"] = "step_taken"
    step: Step
    cycle: int
    message_id: str | None = None
    proof: Literal["delivered", "accepted", "none"] = "none"
    channel: Channel = Channel.EMAIL
    catch_up: bool = False
    block_on: date | None = None
    answer_by: date | None = None
    on: date | None = None
    """The day it happened where that is not the day of recording (steps carried over from another system)."""


class ConfirmationSent(InternalFact):
    """A promise, a call or something of a plan was confirmed in writing."""

    kind: Literal["confirmation_sent"] = "confirmation_sent"
    note: Note
    ref: str
    message_id: str
    number: int = 0
    """Of the instalment that a plan's message is about."""


class PlannedInvoice(InternalFact):
    """An invoice of a plan as it stood when the plan was tabled, minor units."""

    invoice_id: str
    planned: int
    """What the plan covers of it: its balance without what is disputed."""
    paid: int
    """Payments less reversals until then, as far as they were owed; what comes later counts for the plan."""


class PlannedInstalment(InternalFact):
    amount: int
    """Minor units."""
    due_on: date


class PlanTabled(InternalFact):
    """Instalments were offered to the customer, or proposed by them; recorded on every invoice of the plan."""

    kind: Literal["plan_tabled"] = "plan_tabled"
    plan_id: str
    ordinal: int
    """The how many-th plan of these invoices it is."""
    currency: str
    invoices: tuple[PlannedInvoice, ...]
    instalments: tuple[PlannedInstalment, ...]
    state: Literal[PlanState.OFFERED, PlanState.PROPOSED]
    origin: Literal["staff", "customer", "account_manager"]
    """Who tabled it. What goes through the account manager is not written to the customer."""
    by: str
    open_until: date
    """The last day of an offer; for a proposal the day by which staff decide."""
    whole_falls_due: bool = False
    """Whether the terms say that all the rest falls due once an instalment is missed for good."""

    @property
    def total(self) -> int:
        return sum(instalment.amount for instalment in self.instalments)

    def part(self, invoice_id: str) -> PlannedInvoice:
        """What was planned of one of its invoices."""
        return next(invoice for invoice in self.invoices if invoice.invoice_id == invoice_id)


class PlanAccepted(InternalFact):
    """The plan counts from here on; `text_sha256` is of the terms in the words that were accepted."""

    kind: Literal["plan_accepted"] = "plan_accepted"
    plan_id: str
    by: str
    text_sha256: str = ""


class PlanEnded(InternalFact):
    kind: Literal["plan_ended"] = "plan_ended"
    plan_id: str
    state: PlanState
    why: str = ""
    by: str = "duecourse"
    on: date | None = None
    """The customer's day on which a plan was broken: money that came before it heals it, and all that is left
    falls due with it where the terms said so."""


class PlanRestored(InternalFact):
    """A broken plan stands again: the money it lacked had come in time, and was only known too late."""

    kind: Literal["plan_restored"] = "plan_restored"
    plan_id: str
    number: int
    """Of the instalment that it broke with."""
    broken_on: date
    times: int
    """The how many-th time it is restored."""
    why: str = ""


class OfferMade(InternalFact):
    """The customer may settle the invoice for less, by a date. Amounts are minor units."""

    kind: Literal["offer_made"] = "offer_made"
    offer_id: str
    offer: OfferKind
    pay: int
    """What the customer pays, of what was open when it was offered."""
    credit: int
    """The rest, which is credited once that is paid in time."""
    tolerance: int = 0
    """By how much the payment may fall short."""
    invoiced: int
    """The invoice amount it was computed on: another agreed amount ends it."""
    charged: int
    """Charges less waivers then: what is charged while it stands is credited with it."""
    until: date
    """The last value date that takes it, in the customer's calendar."""
    ends_at: datetime
    """The instant at which that day has ended."""
    origin: Literal["staff", "step", "customer"]
    """Who named the terms: `customer` where staff agreed to a counter-offer."""
    by: str


class OfferAccepted(InternalFact):
    """The customer committed themselves to pay what was offered."""

    kind: Literal["offer_accepted"] = "offer_accepted"
    offer_id: str
    by: str


class OfferEnded(InternalFact):
    """An offer was taken back by us, or declined by whom it was put to."""

    kind: Literal["offer_ended"] = "offer_ended"
    offer_id: str
    how: Literal["withdrawn", "declined"]
    on: date
    """The customer's day: money of an earlier value date still takes the offer."""
    by: str
    why: str = ""


class OfferCountered(InternalFact):
    """The customer asks to settle for an amount (minor units) by a date; their own words are not here."""

    kind: Literal["offer_countered"] = "offer_countered"
    offer_id: str
    pay: int
    pay_by: date
    decide_by: date
    """The last day on which nothing is sent while staff decide."""
    by: str


class NoticeDelivered(InternalFact):
    """The recipient's server accepted the message."""

    kind: Literal["notice_delivered"] = "notice_delivered"
    message_id: str


class NoticeBounced(InternalFact):
    """The message came back, or the recipient refused all mail."""

    kind: Literal["notice_bounced"] = "notice_bounced"
    message_id: str


class DeliveryWaived(InternalFact):
    """A person took over the responsibility that the customer knows of this step."""

    kind: Literal["delivery_waived"] = "delivery_waived"
    step: Step | Note
    by: str
    reason: str


class StepSkipped(InternalFact):
    """A person left this step out for the present cycle (or denied its message)."""

    kind: Literal["step_skipped"] = "step_skipped"
    step: Step
    cycle: int
    by: str
    reason: str = ""


class StepRequested(InternalFact):
    """A person asked for a step out of turn."""

    kind: Literal["step_requested"] = "step_requested"
    step: Step
    by: str


class ApprovalAsked(InternalFact):
    """A drafted message waits for a person."""

    kind: Literal["approval_asked"] = "approval_asked"
    message_id: str
    step: Step
    cycle: int
    expires_at: datetime
    rank: int = 0


class ApprovalGiven(InternalFact):
    kind: Literal["approval_given"] = "approval_given"
    message_id: str
    by: str


class ApprovalWithdrawn(InternalFact):
    """The drafted message no longer fits the facts; a fresh draft is asked for."""

    kind: Literal["approval_withdrawn"] = "approval_withdrawn"
    message_id: str


class Snoozed(InternalFact):
    """A person paused the case until the end of a date."""

    kind: Literal["snoozed"] = "snoozed"
    until: date
    by: str
    reason: str = ""


class CallLogged(InternalFact):
    """A person called; `confirm` says whether the customer gets what was said in writing."""

    kind: Literal["call_logged"] = "call_logged"
    call_id: str
    outcome: CallOutcome
    by: str
    note: str = ""
    promise_id: str | None = None


class CreditHoldPlaced(InternalFact):
    """New orders are blocked because of this case."""

    kind: Literal["credit_hold_placed"] = "credit_hold_placed"
    cycle: int


class CreditHoldReleased(InternalFact):
    kind: Literal["credit_hold_released"] = "credit_hold_released"
    cycle: int


class WrittenOff(InternalFact):
    """Part or all of the balance was given up; `amount` is a decimal string, None is all that is owed."""

    kind: Literal["written_off"] = "written_off"
    write_off_id: str
    amount: str
    by: str
    reason: str


class Recalled(InternalFact):
    """A referred case came back from the partner."""

    kind: Literal["recalled"] = "recalled"
    by: str
    reason: str


class PaymentAnnounced(InternalFact):
    """A payment that the source tells of which the seller did not name: not booked until the other one tells."""

    kind: Literal["payment_announced"] = "payment_announced"
    payment: PaymentReceived
    told_by: Literal["erp", "bank"]
    confirm_by: date
    """The last day of waiting for the named source; a person looks after it."""


class PaymentRecognised(InternalFact):
    """A payment is money that is booked already, of which the other source told first; `of` is its payment."""

    kind: Literal["payment_recognised"] = "payment_recognised"
    payment: PaymentReceived
    of: str


class UnreadableFact(InternalFact):
    """A payment, credit, dispute, hold or promise that could not be read: the case pauses for a person."""

    kind: Literal["unreadable_fact"] = "unreadable_fact"
    item_id: str
    invoices: tuple[str, ...] = ()
    """All that one told of a customer's account may concern; empty: every invoice of the customer."""


class PortalAnswered(InternalFact):
    """The customer answered on the portal; what they said in their own words is not here.

    `action` says what kind of answer it is, `until` the last day without a reminder where it leads to one.
    Answers about several invoices have one id. A dispute has the answer's id.
    """

    kind: Literal["portal_answered"] = "portal_answered"
    answer_id: str
    action: str
    until: date | None = None


class PolicyChanged(InternalFact):
    """A person moved the case to another policy; the policy itself is pinned in the case's row."""

    kind: Literal["policy_changed"] = "policy_changed"
    policy: str
    by: str


class CaseClosed(InternalFact):
    kind: Literal["case_closed"] = "case_closed"
    outcome: Outcome


INTERNAL_FACTS: dict[str, type[InternalFact]] = {
    fact.model_fields["kind"].default: fact
    for fact in (
        StepClaimed,
        ClaimFreed,
        StepTaken,
        ConfirmationSent,
        NoticeDelivered,
        NoticeBounced,
        DeliveryWaived,
        StepSkipped,
        StepRequested,
        ApprovalAsked,
        ApprovalGiven,
        ApprovalWithdrawn,
        Snoozed,
        CallLogged,
        CreditHoldPlaced,
        CreditHoldReleased,
        WrittenOff,
        Recalled,
        PaymentAnnounced,
        PaymentRecognised,
        UnreadableFact,
        PortalAnswered,
        PlanTabled,
        PlanAccepted,
        PlanEnded,
        PlanRestored,
        OfferMade,
        OfferAccepted,
        OfferEnded,
        OfferCountered,
        PolicyChanged,
        CaseClosed,
    )
}
"""Every internal fact by the kind under which it is stored."""
