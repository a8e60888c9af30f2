"""The wire contract as models: what an ERP, an operator or a portal sends, and what it gets back.

Names and fields are public: fields may be added with defaults, never renamed or removed. Amounts stay the
strings they came as; `money` and `money_in` give them as `Money`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    StrictInt,
    ValidationError,
    model_serializer,
    model_validator,
)

from domain.money import Money
from domain.vocabulary import (
    CallOutcome,
    CustomerKind,
    DeductionKind,
    DisputeOutcome,
    DisputeReason,
    HoldReason,
    Note,
    OfferKind,
    Outcome,
    Step,
    WaitingOn,
)
from domain.wire import (
    Amount,
    Country,
    Currency,
    Day,
    DecimalText,
    Email,
    FieldError,
    Id,
    Instant,
    Line,
    Locale,
    Name,
    NonNegativeAmount,
    OrOther,
    Percent,
    PositiveAmount,
    Text,
    Uri,
    WireModel,
    Zone,
    check_money,
    fault,
    field_errors,
    parse,
)

__all__ = ["FieldError", "field_errors", "parse"]

#: Invoices that one remittance may be for.
MOST_ALLOCATIONS = 10_000

_OpenDeductionKind = Annotated[DeductionKind, OrOther(*DeductionKind)]
_OpenDisputeReason = Annotated[DisputeReason, OrOther(*DisputeReason)]
_OpenHoldReason = Annotated[
    HoldReason, OrOther(*(reason for reason in HoldReason if reason is not HoldReason.UNREADABLE))
]
_ReversalReason = Annotated[
    Literal["bounced", "chargeback", "refunded", "other"],
    OrOther("bounced", "chargeback", "refunded", "other"),
]
_ChargeKind = Annotated[Literal["interest", "fee", "other"], OrOther("interest", "fee", "other")]
_ExhibitKind = Annotated[
    Literal["agreement", "service_log", "invoice", "delivery", "other"],
    OrOther("agreement", "service_log", "invoice", "delivery", "other"),
]
_Channel = Annotated[
    Literal["email", "letter", "phone", "portal", "call", "voice", "other"],
    OrOther("email", "letter", "phone", "portal", "call", "voice", "other"),
]


# Start


class InvoiceLine(WireModel):
    """One line of an invoice. Its amount may be negative (a discount)."""

    description: Text = ""
    quantity: DecimalText | None = None
    unit_price: DecimalText | None = None
    amount: Amount | None = None


class Exhibit(WireModel):
    """A document about the invoice that lies elsewhere; fetched only from locations the operator allows."""

    kind: _ExhibitKind = "other"
    title: Line = ""
    uri: Uri | None = None
    media_type: Line | None = None


class EarlyPayment(WireModel):
    """A discount for paying by a date."""

    percent: Percent
    until: Day


class Part(WireModel):
    """One of several due dates of one invoice, each its own case."""

    index: Annotated[StrictInt, Field(ge=1, le=1_000)]
    of: Annotated[StrictInt, Field(ge=1, le=1_000)]

    @model_validator(mode="after")
    def _index_within(self) -> Self:
        if self.index > self.of:
            raise _refusal("index", self.index, f"is beyond the {self.of} parts")
        return self


class Invoice(WireModel):
    """One invoice. `invoice_id` is unique across sellers; `number` is what people see."""

    invoice_id: Id
    number: Line | None = None
    seller: Id = "default"
    currency: Currency
    amount: PositiveAmount
    issued_on: Day | None = None
    due_on: Day
    description: Text | None = None
    purchase_order: Line | None = None
    agreement_ref: Line | None = None
    terms: Line | None = None
    early_payment: tuple[EarlyPayment, ...] = Field(default=(), max_length=20)
    part: Part | None = None
    tax_amount: NonNegativeAmount | None = None
    collection: Literal["transfer", "direct_debit", "card"] = "transfer"
    collect_on: Day | None = None
    submission: Name = "email"
    payment_reference: Line | None = None
    """What the payer was asked to write on the payment, where that is not the number."""
    lines: tuple[InvoiceLine, ...] = Field(default=(), max_length=10_000)
    exhibits: tuple[Exhibit, ...] = Field(default=(), max_length=100)

    @model_validator(mode="after")
    def _amounts_have_the_currencys_decimals(self) -> Self:
        check_money(
            self.currency,
            {
                ("amount",): self.amount,
                ("tax_amount",): self.tax_amount,
                **{("lines", index, "amount"): line.amount for index, line in enumerate(self.lines)},
            },
        )
        return self

    @property
    def money(self) -> Money:
        return Money.parse(self.amount, self.currency)

    @property
    def tax(self) -> Money:
        """The tax in the amount, nothing where it is not stated."""
        return Money.parse(self.tax_amount or "0", self.currency)

    @property
    def shown_number(self) -> str:
        """The number people know the invoice by."""
        return self.number or self.invoice_id

    @property
    def lines_total(self) -> Money | None:
        """The sum of the lines, None where there are none or one states no amount."""
        amounts = [line.amount for line in self.lines]
        if not amounts or None in amounts:
            return None
        return Money.total(
            (Money.parse(amount, self.currency) for amount in amounts if amount), self.currency
        )


class Address(WireModel):
    """A postal address."""

    lines: tuple[Line, ...] = Field(default=(), max_length=10)
    city: Line | None = None
    region: Line | None = None
    postal_code: Name | None = None
    country: Country | None = None


class Contact(WireModel):
    """A person at the customer, with a role such as `ap`, `finance` or `cfo`."""

    contact_id: Id | None = None
    role: Name = "ap"
    name: Line | None = None
    email: Email | None = None
    phone: Name | None = None
    locale: Locale | None = None
    voice_consent_on: Day | None = None
    """The day on which this person agreed to voice messages, as recorded; without it there are none."""


class AccountManager(WireModel):
    """The seller's person for this customer."""

    name: Line | None = None
    email: Email | None = None


class Customer(WireModel):
    """Who owes. Just its id where the customer is known already."""

    customer_id: Id
    name: Line | None = None
    legal_name: Line | None = None
    kind: CustomerKind = CustomerKind.BUSINESS
    tier: Name | None = None
    address: Address | None = None
    country: Country | None = None
    locale: Locale | None = None
    timezone: Zone | None = None
    preferred_channel: _Channel = "email"
    registration_no: Line | None = None
    vat_id: Line | None = None
    bill_to: Id | None = None
    credit_limit: NonNegativeAmount | None = None
    annual_revenue: NonNegativeAmount | None = None
    since: Day | None = None
    relationship_notes: Text | None = None
    contacts: tuple[Contact, ...] = Field(default=(), max_length=100)
    account_manager: AccountManager | None = None

    @property
    def is_only_an_id(self) -> bool:
        """Nothing is said of the customer but who it is."""
        return self.model_fields_set == {"customer_id"}

    @property
    def shown_name(self) -> str:
        return self.name or self.legal_name or self.customer_id


def _customer(value: object) -> object:
    return {"customer_id": value} if isinstance(value, str) else value


_Customer = Annotated[Customer, BeforeValidator(_customer, json_schema_input_type=Customer | Id)]


class Fact(WireModel):
    """What happened, told by a signal: with an id of its own, never refused, recorded once."""

    fact_kind: ClassVar[str]
    """The signal's name."""
    id_field: ClassVar[str]

    @property
    def fact_id(self) -> str:
        """The fact's own id, unique per invoice (or account) and signal name."""
        return str(getattr(self, self.id_field))


class Deduction(WireModel):
    """A part of the amount that was kept back, and why: disputed, but for charges of banks that the seller bears."""

    amount: PositiveAmount
    reason: Text
    kind: _OpenDeductionKind = DeductionKind.OTHER


class PaymentReceived(Fact):
    """Money came in. Zero and negative amounts can be read: what they mean is decided later."""

    fact_kind: ClassVar[str] = "payment_received"
    id_field: ClassVar[str] = "payment_id"

    payment_id: Id
    amount: Amount
    currency: Currency
    received_on: Day
    method: Line | None = None
    reference: Text | None = None
    deductions: tuple[Deduction, ...] = Field(default=(), max_length=100)
    source: Name | None = None

    @model_validator(mode="after")
    def _amounts_have_the_currencys_decimals(self) -> Self:
        check_money(self.currency, {("amount",): self.amount, **_deducted(self.deductions)})
        return self

    @property
    def money(self) -> Money:
        return Money.parse(self.amount, self.currency)


class StepBefore(WireModel):
    """A step another system carried out before Duecourse took over."""

    step: Step
    sent_on: Day
    channel: _Channel = "email"


class Start(WireModel):
    """The input of `InvoiceCollection`: an invoice, who owes it, and what happened before."""

    invoice: Invoice
    customer: _Customer
    policy: Name | None = None
    payments: tuple[PaymentReceived, ...] = Field(default=(), max_length=1_000)
    history: tuple[StepBefore, ...] = Field(default=(), max_length=1_000)
    customer_doubt: Text | None = None
    """Why the customer may be one who is known by another id: a person is asked before anybody is written to."""


class AccountStart(WireModel):
    """The input of `CustomerAccount`."""

    customer: _Customer


# Signals to an invoice


class PaymentReversed(Fact):
    """A payment was taken back, at most for what it brought."""

    fact_kind: ClassVar[str] = "payment_reversed"
    id_field: ClassVar[str] = "reversal_id"

    reversal_id: Id
    payment_id: Id
    amount: PositiveAmount
    reason: _ReversalReason = "other"

    def money_in(self, currency: str) -> Money:
        return Money.parse(self.amount, currency)


class _Stated(Fact):
    """A fact that states an amount above zero in a currency."""

    amount: PositiveAmount
    currency: Currency

    @model_validator(mode="after")
    def _amount_has_the_currencys_decimals(self) -> Self:
        check_money(self.currency, {("amount",): self.amount})
        return self

    @property
    def money(self) -> Money:
        return Money.parse(self.amount, self.currency)


class CreditIssued(_Stated):
    """A credit note or other credit on this invoice."""

    fact_kind: ClassVar[str] = "credit_issued"
    id_field: ClassVar[str] = "credit_id"

    credit_id: Id
    reason: Text | None = None


class ChargeAdded(_Stated):
    """Interest or a fee added to what is owed."""

    fact_kind: ClassVar[str] = "charge_added"
    id_field: ClassVar[str] = "charge_id"

    charge_id: Id
    kind: _ChargeKind
    reason: Text | None = None


class ChargeWaived(_Stated):
    """Interest or a fee given up."""

    fact_kind: ClassVar[str] = "charge_waived"
    id_field: ClassVar[str] = "charge_id"

    charge_id: Id
    kind: _ChargeKind
    reason: Text | None = None


class InvoiceAmended(Fact):
    """Another due date or amount was agreed."""

    fact_kind: ClassVar[str] = "invoice_amended"
    id_field: ClassVar[str] = "amendment_id"

    amendment_id: Id
    due_on: Day | None = None
    amount: PositiveAmount | None = None
    reason: Text | None = None

    def money_in(self, currency: str) -> Money | None:
        return _money(self.amount, currency)


class InvoiceCancelled(Fact):
    """The invoice is void: nothing is owed."""

    fact_kind: ClassVar[str] = "invoice_cancelled"
    id_field: ClassVar[str] = "cancellation_id"

    cancellation_id: Id
    reason: Text | None = None


class InvoiceStatus(Fact):
    """What the customer's own system says of the invoice."""

    fact_kind: ClassVar[str] = "invoice_status"
    id_field: ClassVar[str] = "status_id"

    status_id: Id
    status: Literal["received", "approved", "rejected", "scheduled"]
    pay_on: Day | None = None
    note: Text | None = None


class PromiseMade(Fact):
    """The customer promised to pay an amount (left out: all) by a date."""

    fact_kind: ClassVar[str] = "promise_made"
    id_field: ClassVar[str] = "promise_id"

    promise_id: Id
    amount: PositiveAmount | None = None
    pay_by: Day
    made_by: Line | None = None
    source: Literal["phone", "email", "portal", "erp"]

    def money_in(self, currency: str) -> Money | None:
        """The promised amount, None for all that is owed."""
        return _money(self.amount, currency)


class DisputeRaised(Fact):
    """The customer disputes an amount (left out: all)."""

    fact_kind: ClassVar[str] = "dispute_raised"
    id_field: ClassVar[str] = "dispute_id"

    dispute_id: Id
    reason: _OpenDisputeReason
    amount: PositiveAmount | None = None
    note: Text | None = None
    raised_by: Line | None = None

    def money_in(self, currency: str) -> Money | None:
        """The disputed amount, None for all that is owed."""
        return _money(self.amount, currency)


class DisputeCredit(WireModel):
    """The credit a dispute ended with; a credit note with the same id counts once."""

    credit_id: Id
    amount: PositiveAmount

    def money_in(self, currency: str) -> Money:
        return Money.parse(self.amount, currency)


class DisputeResolved(Fact):
    """A dispute was decided."""

    fact_kind: ClassVar[str] = "dispute_resolved"
    id_field: ClassVar[str] = "dispute_id"

    dispute_id: Id
    outcome: DisputeOutcome
    credit: DisputeCredit | None = None


class HoldPlaced(Fact):
    """Nothing is sent until the hold is released, or its date has ended."""

    fact_kind: ClassVar[str] = "hold_placed"
    id_field: ClassVar[str] = "hold_id"

    hold_id: Id
    reason: _OpenHoldReason
    until: Day | None = None
    note: Text | None = None


class HoldReleased(Fact):
    """A hold was lifted."""

    fact_kind: ClassVar[str] = "hold_released"
    id_field: ClassVar[str] = "hold_id"

    hold_id: Id


class RiskNoted(Fact):
    """Something was heard that makes payment doubtful."""

    fact_kind: ClassVar[str] = "risk_noted"
    id_field: ClassVar[str] = "note_id"

    note_id: Id
    text: Text
    source: Line | None = None


# Signals to a customer's account


class CustomerUpdated(Fact):
    """The customer's particulars changed."""

    fact_kind: ClassVar[str] = "customer_updated"
    id_field: ClassVar[str] = "update_id"

    update_id: Id
    customer: _Customer
    reader: Line | None = None
    """A contact (by `contact_id`, else by mail address) whose own locale becomes the one that is told."""


class Allocation(WireModel):
    """The part of a remittance that is for one invoice."""

    invoice_id: Id
    amount: Amount
    deductions: tuple[Deduction, ...] = Field(default=(), max_length=100)


class CashReceived(Fact):
    """Money came in from a customer; what is not allocated becomes unapplied cash."""

    fact_kind: ClassVar[str] = "cash_received"
    id_field: ClassVar[str] = "payment_id"

    payment_id: Id
    amount: Amount
    currency: Currency
    received_on: Day
    allocations: tuple[Allocation, ...] = Field(default=(), max_length=MOST_ALLOCATIONS)
    reference: Text | None = None

    @model_validator(mode="after")
    def _allocations_add_up(self) -> Self:
        places: dict[tuple[str | int, ...], str | None] = {("amount",): self.amount}
        for index, allocation in enumerate(self.allocations):
            places["allocations", index, "amount"] = allocation.amount
            for place, amount in _deducted(allocation.deductions).items():
                places["allocations", index, *place] = amount
        check_money(self.currency, places)
        seen: set[str] = set()
        for index, allocation in enumerate(self.allocations):
            if allocation.invoice_id in seen:
                place = ("allocations", index, "invoice_id")
                raise _refusal(place, allocation.invoice_id, "is allocated twice: sum it up")
            seen.add(allocation.invoice_id)
        if self.allocations and self.unallocated.minor < 0 < self.money.minor:
            raise _refusal("allocations", self.allocations, f"add up to more than the {self.amount} received")
        return self

    @property
    def money(self) -> Money:
        return Money.parse(self.amount, self.currency)

    @property
    def unallocated(self) -> Money:
        """What no invoice is named for."""
        allocated = (Money.parse(allocation.amount, self.currency) for allocation in self.allocations)
        return self.money - Money.total(allocated, self.currency)

    def payments(self) -> tuple[tuple[str, PaymentReceived], ...]:
        """Each allocation as a payment of its invoice, all with this remittance's id."""
        return tuple(
            (
                allocation.invoice_id,
                PaymentReceived(
                    payment_id=self.payment_id,
                    amount=allocation.amount,
                    currency=self.currency,
                    received_on=self.received_on,
                    reference=self.reference,
                    deductions=allocation.deductions,
                ),
            )
            for allocation in self.allocations
        )


class CreditOnAccount(_Stated):
    """A credit that is for no invoice yet."""

    fact_kind: ClassVar[str] = "credit_on_account"
    id_field: ClassVar[str] = "credit_id"

    credit_id: Id
    reason: Text | None = None


class AccountPromiseMade(PromiseMade):
    """A promise over several invoices (left out: all open ones)."""

    invoices: tuple[Id, ...] = Field(default=(), max_length=1_000)


class BooksPosted(Fact):
    """Cash of a source is posted through the end of a bank day."""

    fact_kind: ClassVar[str] = "books_posted"

    source: Annotated[Id, Field(max_length=50)]
    through: Day

    @property
    def fact_id(self) -> str:
        return f"{self.source}.{self.through.isoformat()}"


# Updates


class Request(WireModel):
    """What somebody asks for by an update; it may be refused with a reason."""

    update_name: ClassVar[str]
    by: Line


class PromiseToPay(Request):
    """Take down a promise (amount left out: all)."""

    update_name: ClassVar[str] = "promise_to_pay"

    amount: PositiveAmount | None = None
    pay_by: Day

    def money_in(self, currency: str) -> Money | None:
        return _money(self.amount, currency)


class Instalment(WireModel):
    """One instalment of a proposed plan."""

    amount: PositiveAmount
    due_on: Day

    def money_in(self, currency: str) -> Money:
        return Money.parse(self.amount, currency)


class ProposePlan(Request):
    """Offer instalments: a number of equal ones, or each by itself."""

    update_name: ClassVar[str] = "propose_plan"

    count: Annotated[StrictInt, Field(ge=2, le=60)] | None = None
    instalments: tuple[Instalment, ...] = Field(default=(), max_length=60)
    invoices: tuple[Id, ...] = Field(default=(), max_length=1_000)
    source: Literal["staff", "portal", "customer"] = "staff"
    """Who asks: staff make an offer, a customer's proposal may be accepted at once."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.count is None) == (not self.instalments):
            raise _refusal("count", self.count, "and instalments exclude each other: send one of them")
        return self


class DecidePlan(Request):
    """Accept or decline an offered plan."""

    update_name: ClassVar[str] = "decide_plan"

    plan_id: Id
    accept: StrictBool


class MakeOffer(Request):
    """Offer the customer to settle the invoice for less: for `amount`, or with `percent` taken off what is open.
    A fee waiver takes off what was charged, and needs neither."""

    update_name: ClassVar[str] = "make_offer"

    kind: OfferKind
    amount: PositiveAmount | None = None
    percent: Percent | None = None
    until: Day

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        given = (self.amount is not None) + (self.percent is not None)
        if given != (self.kind is not OfferKind.FEE_WAIVER):
            one = "and percent exclude each other: send one of them"
            none = "and percent are not for a fee waiver, which takes off what was charged: leave both out"
            raise _refusal("amount", self.amount, none if self.kind is OfferKind.FEE_WAIVER else one)
        return self


class CounterOffer(Request):
    """The customer asks to settle the invoice for `amount`, paid by a date."""

    update_name: ClassVar[str] = "counter_offer"

    amount: PositiveAmount
    pay_by: Day


class DecideOffer(Request):
    """Accept or decline an offer (the customer) or a counter-offer (staff)."""

    update_name: ClassVar[str] = "decide_offer"

    offer_id: Id
    accept: StrictBool


class WithdrawOffer(Request):
    """Take back an offer that the customer has not accepted."""

    update_name: ClassVar[str] = "withdraw_offer"

    offer_id: Id
    reason: Text


class EditedWords(WireModel):
    """A message's words as a person wants them: prose with slots such as `{amount_due}` for every fact."""

    subject: Annotated[Text, Field(max_length=2_000)]
    greeting: Annotated[Text, Field(max_length=2_000)]
    paragraphs: Annotated[tuple[Text, ...], Field(min_length=1, max_length=20)]
    closing: Text = ""


class DecideStep(Request):
    """Approve or deny the message of a step; an approved one may be given other words."""

    update_name: ClassVar[str] = "decide_step"

    step: Step
    approve: StrictBool
    note: Text | None = None
    approval_id: Id | None = None
    words: EditedWords | None = None


class SkipStep(Request):
    """Leave a step out for this cycle."""

    update_name: ClassVar[str] = "skip_step"

    step: Step
    reason: Text


class RunStep(Request):
    """Carry a step out out of turn."""

    update_name: ClassVar[str] = "run_step"

    step: Step


class Snooze(Request):
    """Leave the case alone until the end of a date."""

    update_name: ClassVar[str] = "snooze"

    until: Day
    reason: Text


class CallPromise(WireModel):
    """A promise given in a call."""

    pay_by: Day
    amount: PositiveAmount | None = None
    promise_id: Id | None = None

    def money_in(self, currency: str) -> Money | None:
        return _money(self.amount, currency)


class CallDispute(WireModel):
    """A dispute raised in a call."""

    reason: _OpenDisputeReason
    amount: PositiveAmount | None = None
    note: Text | None = None
    dispute_id: Id | None = None

    def money_in(self, currency: str) -> Money | None:
        return _money(self.amount, currency)


class LogCall(Request):
    """Write down a call, with what was promised or disputed in it."""

    update_name: ClassVar[str] = "log_call"

    outcome: CallOutcome
    note: Text | None = None
    promise: CallPromise | None = None
    dispute: CallDispute | None = None


class ChangePolicy(Request):
    """Move the case to another policy, at its newest version."""

    update_name: ClassVar[str] = "change_policy"

    policy: Name


class WriteOff(Request):
    """Give up an amount (left out: all)."""

    update_name: ClassVar[str] = "write_off"

    amount: PositiveAmount | None = None
    reason: Text

    def money_in(self, currency: str) -> Money | None:
        return _money(self.amount, currency)


class Recall(Request):
    """Take a referred case back from the partner."""

    update_name: ClassVar[str] = "recall"

    reason: Text


class WaiveDelivery(Request):
    """Take the responsibility that the customer knows of a step whose delivery was not proven, or of a
    confirmation of which nobody knows whether it went out."""

    update_name: ClassVar[str] = "waive_delivery"

    step: Annotated[Step | Note, Field(union_mode="left_to_right")]
    reason: Text


# Query and result


class NextStepView(WireModel):
    """The step that comes next if nothing happens before."""

    step: Line
    at: Instant
    why: Text


class StepView(WireModel):
    """A step that was carried out or covered."""

    step: Line
    cycle: int
    at: Instant
    message_id: str | None = None
    delivery: str | None = None


class PromiseView(WireModel):
    """A promise; `amount` is None for all that is owed."""

    promise_id: str
    amount: str | None = None
    pay_by: Day
    state: str


class InstalmentView(WireModel):
    amount: str
    due_on: Day
    state: str


class PlanView(WireModel):
    plan_id: str
    state: str
    instalments: tuple[InstalmentView, ...] = ()


class OfferView(WireModel):
    """The newest offer to settle for less: what is (still) to be paid for it, and what is then credited."""

    offer_id: str
    kind: str
    pay: str
    credit: str
    until: Day
    state: str


class CounterOfferView(WireModel):
    """What the customer asks to settle for, while staff decide."""

    offer_id: str
    pay: str
    pay_by: Day
    decide_by: Day


class DisputeView(WireModel):
    """A dispute; `amount` is None for all that is owed."""

    dispute_id: str
    reason: str
    amount: str | None = None
    state: str


class HoldView(WireModel):
    hold_id: str
    reason: str
    until: Day | None = None


class RiskView(WireModel):
    """How doubtful payment is: `low`, `medium` or `high`, with the reasons."""

    band: str | None = None
    score: float | None = None
    reasons: tuple[str, ...] = ()


class PolicyView(WireModel):
    name: str
    version: str


class CaseSummary(WireModel):
    """Where a case stands, in one piece; also what every accepted update returns."""

    invoice_id: str
    customer_id: str
    currency: str
    balance_due: str
    stage: str
    waiting_on: WaitingOn | None = None
    waiting_until: Instant | None = None
    next_step: NextStepView | None = None
    plan: PlanView | None = None
    risk: RiskView = RiskView()
    policy: PolicyView | None = None
    outcome: Outcome | None = None


_OFFERS = frozenset({"offer", "counter_offer"})


class CaseView(WireModel):
    """The answer to the query `case`."""

    invoice_id: str
    customer_id: str
    currency: str
    balance_due: str
    stage: str
    waiting_on: WaitingOn | None = None
    waiting_until: Instant | None = None
    next_step: NextStepView | None = None
    steps: tuple[StepView, ...] = ()
    promises: tuple[PromiseView, ...] = ()
    plan: PlanView | None = None
    offer: OfferView | None = None
    counter_offer: CounterOfferView | None = None
    disputes: tuple[DisputeView, ...] = ()
    holds: tuple[HoldView, ...] = ()
    risk: RiskView = RiskView()
    policy: PolicyView | None = None
    outcome: Outcome | None = None

    @model_serializer(mode="wrap")
    def _without_offers(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A case without offers answers as it did before there were any."""
        written: dict[str, Any] = handler(self)
        return {name: value for name, value in written.items() if value is not None or name not in _OFFERS}

    def summary(self) -> CaseSummary:
        """The same without its steps and lists."""
        return CaseSummary(**{name: getattr(self, name) for name in CaseSummary.model_fields})


class Accepted(WireModel):
    """What an update returns once it is committed."""

    accepted: Literal[True] = True
    case: CaseSummary


class CollectionResult(WireModel):
    """What the workflow of an invoice returns."""

    outcome: Outcome
    balance_due: str
    currency: str


# Registries


def _by_name(*facts: type[Fact]) -> Mapping[str, type[Fact]]:
    return MappingProxyType({fact.fact_kind: fact for fact in facts})


INVOICE_SIGNALS: Mapping[str, type[Fact]] = _by_name(
    PaymentReceived,
    PaymentReversed,
    CreditIssued,
    ChargeAdded,
    ChargeWaived,
    InvoiceAmended,
    InvoiceCancelled,
    InvoiceStatus,
    PromiseMade,
    DisputeRaised,
    DisputeResolved,
    HoldPlaced,
    HoldReleased,
    RiskNoted,
)
"""Every signal to an invoice, by its name on the wire."""

ACCOUNT_SIGNALS: Mapping[str, type[Fact]] = _by_name(
    CustomerUpdated,
    CashReceived,
    CreditOnAccount,
    AccountPromiseMade,
    HoldPlaced,
    HoldReleased,
    RiskNoted,
    BooksPosted,
)
"""Every signal to a customer's account, by its name on the wire."""

PAUSING_SIGNALS = frozenset(
    {
        "payment_received",
        "payment_reversed",
        "credit_issued",
        "dispute_raised",
        "dispute_resolved",
        "hold_placed",
        "promise_made",
        "cash_received",
        "credit_on_account",
    }
)
"""Signals about payments, credits, disputes, holds and promises: one that cannot be read pauses the case."""

UPDATES: Mapping[str, type[Request]] = MappingProxyType(
    {
        request.update_name: request
        for request in (
            PromiseToPay,
            ProposePlan,
            DecidePlan,
            MakeOffer,
            CounterOffer,
            DecideOffer,
            WithdrawOffer,
            DecideStep,
            SkipStep,
            RunStep,
            Snooze,
            LogCall,
            ChangePolicy,
            WriteOff,
            Recall,
            WaiveDelivery,
        )
    }
)
"""Every update of an invoice, by its name on the wire."""


def json_schemas() -> dict[str, dict[str, Any]]:
    """The contract as JSON Schema, by document name."""
    models: dict[str, type[BaseModel]] = {"start": Start, "account-start": AccountStart}
    models |= {f"signal-{name}": fact for name, fact in INVOICE_SIGNALS.items()}
    models |= {f"account-signal-{name}": fact for name, fact in ACCOUNT_SIGNALS.items()}
    models |= {f"update-{name}": request for name, request in UPDATES.items()}
    models |= {"update-result": Accepted, "query-case": CaseView, "result": CollectionResult}
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {name: dialect | model.model_json_schema(mode="validation") for name, model in models.items()}


# Checks shared by models


def _money(amount: str | None, currency: str) -> Money | None:
    return None if amount is None else Money.parse(amount, currency)


def _deducted(deductions: tuple[Deduction, ...]) -> dict[tuple[str | int, ...], str | None]:
    return {("deductions", index, "amount"): deduction.amount for index, deduction in enumerate(deductions)}


def _refusal(place: str | tuple[str | int, ...], value: object, problem: str) -> ValidationError:
    steps = (place,) if isinstance(place, str) else place
    return ValidationError.from_exception_data("contract", [fault(steps, value, problem)])
