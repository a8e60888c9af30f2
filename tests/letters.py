"""Facts of letters for tests: one seller, one customer, invoices of any age and currency."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from domain.letters.letter import (
    AnswerFacts,
    CallFacts,
    CustomerFacts,
    EntryKind,
    InstalmentFacts,
    InvoiceFacts,
    NoticeFacts,
    OfferFacts,
    PlanFacts,
    PromiseFacts,
    ResolutionFacts,
    StatementEntry,
)
from domain.money import Money
from domain.seller import Mailbox, Seller, load_seller
from domain.vocabulary import AFTER_THE_DEBT, OFFER_NOTES, PLAN_NOTES, Note, OfferKind, Step, Tone

ROOT = Path(__file__).resolve().parents[1]
AS_OF = date(2026, 12, 8)


@cache
def seller() -> Seller:
    file = ROOT / "deploy" / "sellers" / "default.toml"
    return load_seller(file.read_text(encoding="utf-8"), file.name)


def money(amount: str, currency: str = "USD") -> Money:
    return Money.parse(amount, currency)


def invoice(
    number: str = "INV-1001",
    days: int = 7,
    amount: str = "1250.00",
    *,
    currency: str = "USD",
    paid: str | None = None,
    asked: str | None = "all",
    **more: Any,
) -> InvoiceFacts:
    """An invoice that many days past due, partly paid where `paid` says so."""
    due_on = AS_OF - timedelta(days=days)
    issued_on = due_on - timedelta(days=30)
    full = money(amount, currency)
    entries = [StatementEntry(on=issued_on, kind=EntryKind.INVOICE, amount=full)]
    if paid is not None:
        payment = -money(paid, currency)
        entries.append(
            StatementEntry(
                on=issued_on + timedelta(days=20),
                kind=EntryKind.PAYMENT,
                amount=payment,
                reference="wire 77-A",
            )
        )
    balance = Money.total((entry.amount for entry in entries), currency)
    claims = {"all": balance, None: None}
    fields: dict[str, Any] = {
        "invoice_id": number,
        "number": number,
        "issued_on": issued_on,
        "due_on": due_on,
        "days_past_due": days,
        "currency": currency,
        "amount": full,
        "entries": tuple(entries),
        "balance": balance,
        "asked": claims[asked] if asked in claims else money(str(asked), currency),
    }
    return InvoiceFacts(**fields | more)


def settled(item: InvoiceFacts) -> InvoiceFacts:
    """The same invoice once its balance is paid."""
    payment = StatementEntry(on=AS_OF, kind=EntryKind.PAYMENT, amount=-item.balance)
    nothing = Money.zero(item.currency)
    paid = {"entries": (*item.entries, payment), "balance": nothing, "asked": None}
    return item.model_copy(update={**paid, "promised": None, "disputed": None})


def customer(**more: Any) -> CustomerFacts:
    fields: dict[str, Any] = {
        "name": "Acme Ltd",
        "legal_name": "Acme Limited",
        "address": ("1 Main St", "New York, NY 10001"),
        "country": "US",
        "customer_id": "C-17",
    }
    return CustomerFacts(**fields | more)


def plan(number: int = 1, *, covered: int = 0, **more: Any) -> PlanFacts:
    """A plan of three instalments of the Metro story, the first `covered` of them paid."""
    instalments = tuple(
        InstalmentFacts(
            number=each,
            due_on=AS_OF + timedelta(days=30 * each),
            amount=money(amount),
            paid=money(amount if each <= covered else "0.00"),
            covered=each <= covered,
        )
        for each, amount in enumerate(("28067.00", "28067.00", "28066.00"), start=1)
    )
    fields: dict[str, Any] = {
        "plan_id": "PL-1",
        "number": number,
        "instalments": instalments,
        "total": money("84200.00"),
        "outstanding": Money.total((each.amount - each.paid for each in instalments), "USD"),
        "open_until": date(2026, 12, 22),
        "cure_by": date(2026, 12, 29),
    }
    return PlanFacts(**fields | more)


def offer(kind: OfferKind = OfferKind.SETTLEMENT, **more: Any) -> OfferFacts:
    """1,000.00 by 18 December, with 250.00 credited."""
    terms = {"pay": money("1000.00"), "credit": money("250.00"), "until": date(2026, 12, 18)}
    return OfferFacts(offer_id="OF-1", kind=kind, **(terms | more))


def notice(
    step: Step | Note,
    tone: Tone = Tone.PROFESSIONAL,
    items: Sequence[InvoiceFacts] | None = None,
    **more: Any,
) -> NoticeFacts:
    """The facts of one message, with what its step needs filled in."""
    fields: dict[str, Any] = {
        "message_id": "m-1",
        "step": step,
        "tone": tone,
        "seller": seller(),
        "customer": customer(),
        "contact_name": "Ann Payne",
        "account_manager": Mailbox(name="Sam Reed", email="sam@lindenmoor.example"),
        "as_of": AS_OF,
        "items": tuple([invoice()] if items is None else items),
    }
    if step in AFTER_THE_DEBT:
        fields["items"] = tuple(settled(item) for item in fields["items"])
    if step is Step.CREDIT_HOLD:
        fields["block_on"] = date(2027, 1, 8)
    if step is Step.DEMAND:
        fields["answer_by"] = date(2026, 12, 22)
    if step is Note.PROMISE_CONFIRMED:
        fields["promise"] = PromiseFacts(amount=money("1250.00"), pay_by=date(2026, 12, 18))
    if step is Note.ANSWER_NOTED:
        fields["answer"] = AnswerFacts(action="paid", until=date(2026, 12, 15))
    if step is Note.DISPUTE_RESOLVED:
        fields["resolution"] = ResolutionFacts(outcome="partly", credit=money("40.00"))
    if step is Note.CALL_CONFIRMED:
        fields["call"] = CallFacts(
            spoken_with="Bo Chen", on=AS_OF, agreed="You will send us the missing order."
        )
    if step in PLAN_NOTES:
        fields["plan"] = plan()
    if step in OFFER_NOTES:
        fields["offer"] = offer()
    return NoticeFacts(**fields | more)
