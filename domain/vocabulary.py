"""The field's own words as enums: steps, tiers, tones and what a case waits for. Wire names."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """A rung of the escalation policy, in rising order of harshness."""

    PRE_DUE = "pre_due"
    PRE_DUE_2 = "pre_due_2"
    DUE = "due"
    OVERDUE = "overdue"
    OVERDUE_2 = "overdue_2"
    CALL = "call"
    AM_ALERT = "am_alert"
    AT_RISK = "at_risk"
    CREDIT_HOLD = "credit_hold"
    DEMAND = "demand"
    REFERRAL = "referral"


#: The place of each step, from gentle to harsh.
HARSHNESS = {step: place for place, step in enumerate(Step)}


class Note(StrEnum):
    """A message outside the ladder that answers something; exempt from gap and pace."""

    PROMISE_CONFIRMED = "promise_confirmed"
    CALL_CONFIRMED = "call_confirmed"
    THANKS = "thanks"
    CREDIT_HOLD_RELEASED = "credit_hold_released"
    ANSWER_NOTED = "answer_noted"
    DISPUTE_RESOLVED = "dispute_resolved"
    PORTAL_LINK = "portal_link"
    PLAN_PROPOSED = "plan_proposed"
    PLAN_CONFIRMED = "plan_confirmed"
    PLAN_REMINDER = "plan_reminder"
    PLAN_THANKS = "plan_thanks"
    PLAN_CURE = "plan_cure"
    PLAN_BROKEN = "plan_broken"
    OFFER_MADE = "offer_made"
    OFFER_AGREED = "offer_agreed"
    OFFER_DECLINED = "offer_declined"
    OFFER_LAPSED = "offer_lapsed"


#: What is told once nothing is owed any more.
AFTER_THE_DEBT = frozenset({Note.THANKS, Note.CREDIT_HOLD_RELEASED})

#: The messages of a payment plan; those about one instalment carry its number in their kind: `plan_thanks_2`.
PLAN_NOTES = frozenset(note for note in Note if note.startswith("plan_"))


#: The messages about an offer to settle for less.
OFFER_NOTES = frozenset(note for note in Note if note.startswith("offer_"))


class PlanState(StrEnum):
    """Where a payment plan stands."""

    OFFERED = "offered"
    PROPOSED = "proposed"
    ACTIVE = "active"
    KEPT = "kept"
    BROKEN = "broken"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class OfferKind(StrEnum):
    """What is given up where less than all is paid in time."""

    EARLY_PAYMENT_DISCOUNT = "early_payment_discount"
    SETTLEMENT = "settlement"
    FEE_WAIVER = "fee_waiver"


class OfferState(StrEnum):
    """Where an offer to settle an invoice for less stands."""

    OPEN = "open"
    ACCEPTED = "accepted"
    TAKEN = "taken"
    """Paid in time: what was offered is credited."""
    EXPIRED = "expired"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    """Taken back, or overtaken by a plan or another amount that was agreed."""


class Channel(StrEnum):
    """By what a message to a customer goes; `domain/channels.py` decides which."""

    EMAIL = "email"
    LETTER = "letter"
    PORTAL = "portal"
    CALL = "call"
    """A colleague calls instead of writing."""
    VOICE = "voice"
    """The operator's telephony speaks the words of the message."""


class Tone(StrEnum):
    """How a message speaks to the customer."""

    FRIENDLY = "friendly"
    PROFESSIONAL = "professional"
    FIRM = "firm"
    FORMAL = "formal"
    PARTNER = "partner"


class WaitingOn(StrEnum):
    """What an open case waits for."""

    TIME = "time"
    APPROVAL = "approval"
    PROMISE = "promise"
    PLAN = "plan"
    DISPUTE = "dispute"
    HOLD = "hold"
    DELIVERY = "delivery"
    PERSON = "person"
    SETTLEMENT = "settlement"


class Outcome(StrEnum):
    """How a case ended."""

    PAID = "paid"
    CREDITED = "credited"
    WRITTEN_OFF = "written_off"
    REFERRED = "referred"
    CANCELLED = "cancelled"


class CustomerKind(StrEnum):
    BUSINESS = "business"
    SOLE_TRADER = "sole_trader"
    PERSON = "person"


class DeductionKind(StrEnum):
    """What a payer, or a bank on the way, kept back of a payment."""

    BANK_CHARGES = "bank_charges"
    """The seller bears them: they count as paid."""
    OTHER = "other"
    """Disputed until a person has settled it."""


class DisputeReason(StrEnum):
    NOT_RECEIVED = "not_received"
    WRONG_AMOUNT = "wrong_amount"
    ALREADY_PAID = "already_paid"
    QUALITY = "quality"
    OTHER = "other"


class DisputeOutcome(StrEnum):
    UPHELD = "upheld"
    REJECTED = "rejected"
    PARTLY = "partly"
    WITHDRAWN = "withdrawn"


class HoldReason(StrEnum):
    MANUAL = "manual"
    INSOLVENCY = "insolvency"
    LEGAL = "legal"
    DECEASED = "deceased"
    BREATHING_SPACE = "breathing_space"
    REPRESENTED = "represented"
    VULNERABLE = "vulnerable"
    OTHER = "other"
    UNREADABLE = "unreadable"


class AnswerKind(StrEnum):
    """What a customer's written answer means."""

    PROMISE = "promise"
    DISPUTE = "dispute"
    PAID = "paid"
    QUESTION = "question"
    OUT_OF_OFFICE = "out_of_office"
    WRONG_PERSON = "wrong_person"
    UNCLEAR = "unclear"


class CallOutcome(StrEnum):
    REACHED = "reached"
    NO_ANSWER = "no_answer"
    VOICEMAIL = "voicemail"
    WRONG_PERSON = "wrong_person"
    REFUSED = "refused"
    CALL_BACK = "call_back"


def step_name(step: str) -> str:
    """A step or note as people read it: `second overdue`, `account manager alert`."""
    words = (
        step.removesuffix("_2")
        .replace("pre_due", "pre-due")
        .replace("am_", "account manager ")
        .replace("_", " ")
    )
    return f"second {words}" if step.endswith("_2") else words
