"""The facts of one message or statement: what a letter may say, frozen before anybody writes a word.

A letter never computes a claim of its own. The lines of an invoice, what was paid, what is asked and until
when are put together here, checked to add up, and only then turned into words and paper.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from domain.facts import OfferMade
from domain.money import Money
from domain.seller import Country, CurrencyCode, FilledLine, Line, Mailbox, ReferralPartner, Seller
from domain.vocabulary import OFFER_NOTES, PLAN_NOTES, Channel, CustomerKind, Note, OfferKind, Step, Tone

#: Steps that a member of staff or the account manager reads, never the customer.
FOR_STAFF = frozenset({Step.CALL, Step.AM_ALERT})
#: Steps that speak of money before it is due.
BEFORE_DUE = frozenset({Step.PRE_DUE, Step.PRE_DUE_2})
#: Steps that may not go out unless they ask for money that is owed.
REQUESTS = frozenset({Step.DUE, Step.OVERDUE, Step.OVERDUE_2, Step.CREDIT_HOLD, Step.DEMAND, Step.REFERRAL})


class EntryKind(StrEnum):
    """What moved the balance of an invoice."""

    INVOICE = "invoice"
    AMENDMENT = "amendment"
    PAYMENT = "payment"
    REVERSAL = "reversal"
    CREDIT = "credit"
    INTEREST = "interest"
    FEE = "fee"
    CHARGE = "charge"
    WAIVER = "waiver"
    WRITE_OFF = "write_off"
    EARLY_PAYMENT = "early_payment"
    """The discount of the invoice's own terms."""
    DISCOUNT = "discount"
    """An early-payment discount that was offered."""
    SETTLEMENT = "settlement"
    CANCELLATION = "cancellation"


#: What was invoiced, as last agreed.
INVOICED = frozenset({EntryKind.INVOICE, EntryKind.AMENDMENT})
#: What was added to it, and given up of that. All other movements settle.
CHARGES = frozenset({EntryKind.INTEREST, EntryKind.FEE, EntryKind.CHARGE, EntryKind.WAIVER})


class AgeBucket(StrEnum):
    """Ageing by days past due."""

    CURRENT = "current"
    DAYS_1_30 = "days_1_30"
    DAYS_31_60 = "days_31_60"
    DAYS_61_90 = "days_61_90"
    OVER_90 = "over_90"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CustomerFacts(_Frozen):
    """The debtor, as named on the letter."""

    name: FilledLine
    legal_name: FilledLine | None = None
    kind: CustomerKind = CustomerKind.BUSINESS
    address: tuple[Line, ...] = ()
    country: Country | None = None
    customer_id: Line | None = None
    """How the seller's own books call the customer; printed small, for the customer's file."""


class LineFacts(_Frozen):
    """One line of an invoice."""

    description: Line
    amount: Money
    quantity: Line | None = None
    unit_price: Money | None = None


class ExhibitFacts(_Frozen):
    """A document about an invoice, as its start names it; `uri` says where it lies."""

    kind: Line = "other"
    title: Line = ""
    uri: Line | None = None
    media_type: Line | None = None


class StatementEntry(_Frozen):
    """One movement of an invoice's balance: positive what the customer owes, negative what was settled."""

    on: date
    kind: EntryKind
    amount: Money
    reference: Line | None = None


class OfferFacts(_Frozen):
    """What settles an invoice for less: `pay` by `until`, and `credit` is the rest."""

    offer_id: FilledLine
    kind: OfferKind
    pay: Money
    credit: Money
    until: date
    accepted: bool = False
    made: OfferMade | None = None
    """The offer that this very message makes, as it will be recorded when the message goes out."""


class EarlyPaymentFacts(_Frozen):
    """A term of the invoice itself: `pay` by `until` settles it, `credit` is the discount that is then taken off."""

    percent: FilledLine
    pay: Money
    credit: Money
    until: date


class InvoiceFacts(_Frozen):
    """One invoice as a letter shows it. `asked` is None where it is only listed."""

    invoice_id: FilledLine
    number: FilledLine
    part: Line | None = None
    """Which of several due dates of one invoice this is, such as "part 1 of 3"."""
    purchase_order: Line | None = None
    description: Line | None = None
    agreement_ref: Line | None = None
    issued_on: date | None = None
    due_on: date
    days_past_due: int
    whole_due_on: date | None = None
    """Since when all of it is due although its due date lies ahead: a plan was broken whose terms said so."""
    currency: CurrencyCode
    lines: tuple[LineFacts, ...] = ()
    entries: tuple[StatementEntry, ...] = ()
    exhibits: tuple[ExhibitFacts, ...] = ()
    amount: Money
    balance: Money
    asked: Money | None = None
    promised: Money | None = None
    disputed: Money | None = None
    planned: Money | None = None
    """What waits for the instalments of a plan."""
    arriving: Money | None = None
    """What one source told of and the seller's own has not booked yet."""
    offer: OfferFacts | None = None
    early_payment: tuple[EarlyPaymentFacts, ...] = ()
    """The invoice's own terms that can still be used and cost less than an offer, the soonest first."""
    step: Step | None = None
    cycle: int = 0

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        shown = [
            self.amount,
            self.balance,
            self.asked,
            self.promised,
            self.disputed,
            self.planned,
            self.arriving,
        ]
        shown += [entry.amount for entry in self.entries]
        shown += [money for term in self.early_payment for money in (term.pay, term.credit)]
        shown += [self.offer.pay, self.offer.credit] if self.offer is not None else []
        shown += [money for line in self.lines for money in (line.amount, line.unit_price)]
        if strange := {money.currency for money in shown if money is not None} - {self.currency}:
            raise ValueError(f"invoice {self.invoice_id} is in {self.currency}, not in {sorted(strange)}")
        if self.asked is not None and not Money.zero(self.currency) < self.asked <= self.balance:
            raise ValueError(
                f"invoice {self.invoice_id} asks for {self.asked} of a balance of {self.balance}: "
                "a letter asks for more than nothing and at most the balance"
            )
        total = self.settled_balance
        # What was paid too much lies on the account: an invoice never owes less than nothing.
        if self.entries and max(total, Money.zero(self.currency)) != self.balance:
            raise ValueError(
                f"invoice {self.invoice_id} has entries that come to {total}, its balance is {self.balance}"
            )
        return self

    @property
    def settled_balance(self) -> Money:
        """The balance that the entries come to."""
        return Money.total((entry.amount for entry in self.entries), self.currency)

    def _moved(self, kinds: Iterable[EntryKind]) -> Money:
        return Money.total((entry.amount for entry in self.entries if entry.kind in kinds), self.currency)

    @property
    def received(self) -> Money:
        """Payments less reversals."""
        return -self._moved((EntryKind.PAYMENT, EntryKind.REVERSAL))

    @property
    def invoiced(self) -> Money:
        """The amount of the invoice as last agreed. With `charged` and `settled` it comes to the balance."""
        return self._moved(INVOICED) if self.entries else self.amount

    @property
    def charged(self) -> Money:
        """Charges less waivers."""
        return self._moved(CHARGES)

    @property
    def settled(self) -> Money:
        """What payments, credits and the like did to what was invoiced and charged: below zero where they settled."""
        return self.balance - self.invoiced - self.charged

    @property
    def withheld(self) -> Money:
        """What of the balance is not asked for."""
        return self.balance - (self.asked or Money.zero(self.currency))

    @property
    def charges(self) -> tuple[StatementEntry, ...]:
        """What was charged, and given up of it, with the reasons."""
        return tuple(entry for entry in self.entries if entry.kind in CHARGES)

    @property
    def name(self) -> str:
        """The number as people say it, with the part where there are several."""
        return f"{self.number} ({self.part})" if self.part else self.number

    @property
    def is_overdue(self) -> bool:
        """Whether it should have been paid before today."""
        return self.days_past_due > 0 or self.whole_due_on is not None

    @property
    def bucket(self) -> AgeBucket:
        """In which column of an ageing table the balance stands."""
        for limit, bucket in (
            (0, AgeBucket.CURRENT),
            (30, AgeBucket.DAYS_1_30),
            (60, AgeBucket.DAYS_31_60),
            (90, AgeBucket.DAYS_61_90),
        ):
            if self.days_past_due <= limit:
                return bucket
        return AgeBucket.OVER_90


class PromiseFacts(_Frozen):
    """A promise to pay that a letter confirms."""

    amount: Money
    pay_by: date


class AnswerFacts(_Frozen):
    """What the customer told us on the portal, by its kind; never in their own words."""

    action: FilledLine
    until: date | None = None


class ResolutionFacts(_Frozen):
    """How a dispute ended."""

    outcome: FilledLine
    credit: Money | None = None


class CallFacts(_Frozen):
    """A conversation that a letter confirms: with whom, when, and what was agreed, in staff's own words."""

    spoken_with: Line | None = None
    on: date
    agreed: Line | None = None


class InstalmentFacts(_Frozen):
    """One instalment of a plan, as agreed, and what has come in for it."""

    number: Annotated[int, Field(ge=1)]
    due_on: date
    amount: Money
    paid: Money
    covered: bool = False


class PlanFacts(_Frozen):
    """A payment plan that a message is about; `number` is of the instalment it speaks of, 0 for the whole."""

    plan_id: FilledLine
    number: int = 0
    instalments: tuple[InstalmentFacts, ...]
    total: Money
    outstanding: Money
    open_until: date | None = None
    """The last day of an offer."""
    cure_by: date | None = None
    """The last day on which a missed instalment keeps the plan alive."""
    restored: bool = False
    """Whether the customer was told that it had ended, although the money had come in time."""
    whole_falls_due: bool = False
    terms: str = ""
    """What was agreed, in the words that the customer was shown."""

    @property
    def subject(self) -> InstalmentFacts | None:
        """The instalment it speaks of."""
        return next((each for each in self.instalments if each.number == self.number), None)

    @property
    def following(self) -> InstalmentFacts | None:
        """The next instalment to be paid."""
        return next((each for each in self.instalments if not each.covered), None)


class AccountFacts(_Frozen):
    """What an account statement needs: who, whose invoices, as of when, in which language and habits."""

    seller: Seller
    customer: CustomerFacts
    locale: str = "en-US"
    """The customer's habits for numbers and dates."""
    language: str = "en"
    """The language it is written in; `language_for` chooses it."""
    channel: Channel = Channel.EMAIL
    """By which it goes: a letter is printed where the seller is, everything else where the customer is."""
    as_of: date
    items: tuple[InvoiceFacts, ...] = ()
    unapplied: tuple[Money, ...] = ()
    """Money received that is not assigned to an invoice, one amount a currency."""


class NoticeFacts(AccountFacts):
    """Everything one message may say. `step` names the template, `tone` how it speaks.

    Dates that people must meet (`answer_by`, `block_on`) are dates in the customer's zone. A referral
    partner is named only where this field is filled: the caller leaves it empty unless the policy has the
    step.
    """

    message_id: FilledLine
    step: Annotated[Step | Note, Field(union_mode="left_to_right")]
    window: tuple[FilledLine, ...] = ()
    """A letter's address as it stands in the envelope's window, the country left out."""
    attention: tuple[FilledLine, ...] = ()
    """Who at the customer's is to read a letter as well: it goes to one address, and no copy is made."""
    tone: Tone
    contact_name: Line | None = None
    contact_phone: Line | None = None
    account_manager: Mailbox | None = None
    answer_by: date | None = None
    block_on: date | None = None
    usual_day: Annotated[int, Field(ge=1)] | None = None
    promise: PromiseFacts | None = None
    call: CallFacts | None = None
    answer: AnswerFacts | None = None
    resolution: ResolutionFacts | None = None
    plan: PlanFacts | None = None
    offer: OfferFacts | None = None
    """What a message about an offer is about; those that other messages name stand with their invoices."""
    kind: Line | None = None
    """What outside tools call the message where that is more than its step: `plan_reminder_1`."""
    by_template: bool = False
    """Whether the policy keeps this step to its template, whatever model there is."""
    late_entry: bool = False
    at_risk: bool = False
    reasons: tuple[Line, ...] = ()
    """Why staff are asked to act, for mails to staff alone."""
    referral_partner: ReferralPartner | None = None
    portal_link: Line | None = None
    """Where the reader sees the account and answers; secret, for whoever has it is taken for the customer."""

    @model_validator(mode="after")
    def _can_be_written(self) -> Self:
        needed: dict[Step | Note, tuple[str, object]] = {
            Step.CREDIT_HOLD: ("block_on", self.block_on),
            Step.DEMAND: ("answer_by", self.answer_by),
            Note.PROMISE_CONFIRMED: ("promise", self.promise),
            Note.CALL_CONFIRMED: ("call", self.call),
            Note.ANSWER_NOTED: ("answer", self.answer),
            Note.DISPUTE_RESOLVED: ("resolution", self.resolution),
            **dict.fromkeys(PLAN_NOTES, ("plan", self.plan)),
            **dict.fromkeys(OFFER_NOTES, ("offer", self.offer)),
        }
        if self.channel is Channel.LETTER and not self.window:
            raise ValueError("a letter needs an address that fits an envelope's window")
        field, value = needed.get(self.step, ("", True))
        if value is None:
            raise ValueError(f"a {self.step} message needs {field!r}")
        if isinstance(self.step, Step) and not self.for_staff and not self.items:
            raise ValueError(f"a {self.step} message needs an invoice to be about")
        if self.step in REQUESTS and not self._asked:
            raise ValueError(f"a {self.step} message must ask for something; every item is only listed")
        return self

    @property
    def for_staff(self) -> bool:
        """Whether a colleague reads this, not the customer."""
        return self.step in FOR_STAFF

    @property
    def _asked(self) -> list[InvoiceFacts]:
        """What it asks for. What is not due yet is listed only, except by the notes before the due date."""
        early = self.step in BEFORE_DUE
        return [
            item
            for item in self.items
            if item.asked and (early or item.days_past_due >= 0 or item.is_overdue or item.step == self.step)
        ]

    @property
    def subjects(self) -> tuple[InvoiceFacts, ...]:
        """The invoices this message is about, oldest due date first.

        Those it asks for; where it asks for none, those at its step; else all of them.
        """
        about = self._asked or [item for item in self.items if item.step == self.step] or list(self.items)
        return tuple(by_due_date(about))

    @property
    def offers(self) -> tuple[tuple[InvoiceFacts, OfferFacts], ...]:
        """The offers that a request for payment names, oldest due date first. A referral makes none: it is the
        partner's from there on."""
        if not isinstance(self.step, Step) or self.for_staff or self.step is Step.REFERRAL:
            return ()
        return tuple((item, item.offer) for item in by_due_date(self.items) if item.offer is not None)

    @property
    def early_payments(self) -> tuple[tuple[InvoiceFacts, EarlyPaymentFacts], ...]:
        """The terms for early payment that a request for payment names, oldest due date first."""
        if not isinstance(self.step, Step) or self.for_staff or self.step is Step.REFERRAL:
            return ()
        return tuple((item, term) for item in by_due_date(self.items) for term in item.early_payment)

    @property
    def also_open(self) -> tuple[InvoiceFacts, ...]:
        """The customer's other open invoices: listed, not asked for."""
        about = {item.invoice_id for item in self.subjects}
        return tuple(by_due_date(item for item in self.items if item.invoice_id not in about))


def language_for(wanted: Iterable[str | None], offered: Iterable[str], written: Iterable[str]) -> str:
    """The language of a letter: of those the seller offers and there are words in, the first one wanted.

    `wanted` are locales such as `pt-BR`, the reader's own first; None for not known. Where none of them is
    to be had, the first that the seller offers; English where there are words in none of these.
    """
    written = set(written)
    possible = [language for language in offered if language in written]
    for locale in wanted:
        if locale is not None and (language := re.split("[-_]", locale.lower())[0]) in possible:
            return language
    return possible[0] if possible else "en"


def by_due_date(items: Iterable[InvoiceFacts]) -> list[InvoiceFacts]:
    """Oldest due date first, then by number."""
    return sorted(items, key=lambda item: (item.due_on, item.number, item.invoice_id))


def asked_totals(items: Iterable[InvoiceFacts]) -> dict[str, Money]:
    """Subtotal asked for per currency, in order of currency code; what is only listed does not count."""
    return _totals(item.asked for item in items if item.asked is not None)


def received_totals(items: Iterable[InvoiceFacts]) -> dict[str, Money]:
    """What was paid per currency; a currency in which nothing was is left out."""
    return _totals(item.received for item in items if item.received > Money.zero(item.currency))


def open_totals(items: Iterable[InvoiceFacts]) -> dict[str, Money]:
    """Open balance per currency, in order of currency code."""
    return _totals(item.balance for item in items)


def past_due_totals(items: Iterable[InvoiceFacts]) -> dict[str, Money]:
    """Open balance past its due date per currency; a currency without any is left out."""
    return _totals(item.balance for item in items if item.is_overdue)


def ageing(items: Iterable[InvoiceFacts], currency: str) -> dict[AgeBucket, Money]:
    """Open balance of one currency by days past due; every bucket is there."""
    buckets = {bucket: Money.zero(currency) for bucket in AgeBucket}
    for item in items:
        if item.currency == currency:
            buckets[item.bucket] += item.balance
    return buckets


def running_balances(entries: Iterable[StatementEntry]) -> list[Money]:
    """The balance after each entry, in the order given."""
    balances: list[Money] = []
    for entry in entries:
        balances.append(balances[-1] + entry.amount if balances else entry.amount)
    return balances


def numbered_exhibits(items: Iterable[InvoiceFacts]) -> list[tuple[int, InvoiceFacts, ExhibitFacts]]:
    """Every exhibit with its number in a statement of these invoices: from 1, the oldest due date first."""
    named = [(item, exhibit) for item in by_due_date(items) for exhibit in item.exhibits]
    return [(number, item, exhibit) for number, (item, exhibit) in enumerate(named, start=1)]


def _totals(amounts: Iterable[Money]) -> dict[str, Money]:
    totals: dict[str, Money] = {}
    for money in amounts:
        totals[money.currency] = totals.get(money.currency, Money.zero(money.currency)) + money
    return dict(sorted(totals.items()))
