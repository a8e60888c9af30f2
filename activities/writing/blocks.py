"""The building blocks that mails, papers and pages share: tables of invoices, their movements, ways to pay, who is
who. In the reader's words, not laid out yet."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from activities.writing.phrasing import Habits, Labels
from domain.letters.letter import (
    InvoiceFacts,
    NoticeFacts,
    StatementEntry,
    by_due_date,
    open_totals,
    received_totals,
    running_balances,
)
from domain.money import Money
from domain.seller import BankAccount, Seller
from domain.vocabulary import Step, Tone

#: More reasons than this of the charges on one invoice are not told one by one.
_REASONS = 6
#: More invoices than this are not named one by one in the payment reference.
_REFERENCES = 5

# -- tables -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One invoice in a table of a message."""

    name: str
    due: str
    lateness: str
    amount: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one currency with their subtotal."""

    currency: str
    rows: tuple[Row, ...]
    total: str


@dataclass(frozen=True, slots=True)
class Table:
    """Invoices by currency; a single one has no total below it."""

    groups: tuple[Group, ...]
    head: str
    totals: bool


def table_of(items: Sequence[InvoiceFacts], habits: Habits, say: Labels, *, asking: bool) -> Table:
    groups = []
    for currency, total in open_totals(items).items():
        own = [item for item in by_due_date(items) if item.currency == currency]
        amounts = [item.asked if asking and item.asked else item.balance for item in own]
        total = Money.total(amounts, currency)
        rows = [
            Row(
                name=item.name,
                due=habits.short_day(item.due_on),
                lateness=say.late(item),
                amount=habits.money(amount),
                notes=_notes(item, habits, say, asking=asking),
            )
            for item, amount in zip(own, amounts, strict=True)
        ]
        groups.append(Group(currency, tuple(rows), habits.money(total)))
    asked = asking and any(item.asked for item in items)
    return Table(
        groups=tuple(groups),
        head=say.amount_due if asked else say.open_balance,
        totals=len(items) > 1,
    )


def table_of_received(items: Sequence[InvoiceFacts], habits: Habits, say: Labels) -> Table:
    """What was paid on each invoice; a single one is in the sentence already."""
    groups = []
    for currency, total in received_totals(items if len(items) > 1 else ()).items():
        rows = [
            Row(item.name, habits.short_day(item.due_on), "", habits.money(item.received), ())
            for item in by_due_date(items)
            if item.currency == currency and item.received > Money.zero(currency)
        ]
        groups.append(Group(currency, tuple(rows), habits.money(total)))
    return Table(groups=tuple(groups), head=say.received, totals=True)


def _notes(item: InvoiceFacts, habits: Habits, say: Labels, *, asking: bool) -> tuple[str, ...]:
    """What stands below an invoice in small print."""
    order = say.purchase_order(item.purchase_order) if item.purchase_order else None
    about = ", ".join(text for text in (order, item.description) if text)
    notes = [about] if about else []
    return (*notes, *made_up_of(item, habits, say), *withheld(item, habits, say, asking=asking))


def made_up_of(item: InvoiceFacts, habits: Habits, say: Labels) -> tuple[str, ...]:
    """What the balance of an invoice is made up of, where it is not what was invoiced, and each charge with its
    reason."""
    if not item.charged:
        if item.balance == item.invoiced:
            return ()
        return (say.invoiced_open(habits.money(item.invoiced), habits.money(item.balance)),)
    parts = (item.invoiced, item.charged, -item.settled, item.balance)
    whole = say.made_up_of(*(habits.money(part) if part else "" for part in parts))
    return whole, *(f"{habits.money(amount)} {what}" for what, amount in charges_of(item, say))


def charges_of(item: InvoiceFacts, say: Labels) -> list[tuple[str, Money]]:
    """What was charged by its reason, and what was given up of it; by its kind alone where the reasons are many."""
    by_reason = _sums((entry_text(entry, item, say), entry.amount) for entry in item.charges)
    if len(by_reason) <= _REASONS:
        return by_reason
    return _sums((str(say.kind(entry.kind)), entry.amount) for entry in item.charges)


def _sums(parts: Iterable[tuple[str, Money]]) -> list[tuple[str, Money]]:
    sums: dict[str, Money] = {}
    for what, amount in parts:
        sums[what] = sums[what] + amount if what in sums else amount
    return list(sums.items())


def withheld(item: InvoiceFacts, habits: Habits, say: Labels, *, asking: bool) -> tuple[str, ...]:
    """What of the balance is not asked for, and why; what waits for instalments only where something is asked."""
    notes = []
    if item.promised:
        notes.append((say.promised if asking else say.promised_plain)(habits.money(item.promised)))
    if item.disputed:
        notes.append((say.disputed if asking else say.disputed_plain)(habits.money(item.disputed)))
    if item.planned and asking:
        notes.append(say.planned(habits.money(item.planned)))
    if item.arriving:
        notes.append((say.arriving if asking else say.arriving_plain)(habits.money(item.arriving)))
    return tuple(notes)


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement of an invoice's balance in a formal letter."""

    on: str
    what: str
    amount: str
    balance: str


@dataclass(frozen=True, slots=True)
class Detail:
    """One invoice with everything that was charged and paid."""

    name: str
    about: tuple[str, ...]
    movements: tuple[Movement, ...]
    balance: str
    notes: tuple[str, ...] = ()
    """What of the balance is not asked for, and why."""
    asked: str | None = None
    """What is asked for, where it is not all of the balance."""


def details_of(items: Sequence[InvoiceFacts], habits: Habits, say: Labels) -> tuple[Detail, ...]:
    details = []
    for item in items:
        about = [f"{say.issued} {habits.short_day(item.issued_on)}"] if item.issued_on else []
        about.append(f"{say.due} {habits.short_day(item.due_on)}")
        if item.purchase_order:
            about.append(say.purchase_order(item.purchase_order))
        if item.agreement_ref:
            about.append(say.agreement(item.agreement_ref))
        if item.description:
            about.append(item.description)
        movements = [
            Movement(
                on=habits.short_day(entry.on),
                what=entry_text(entry, item, say),
                amount=habits.number(entry.amount),
                balance=habits.number(balance),
            )
            for entry, balance in zip(item.entries, running_balances(item.entries), strict=True)
        ]
        part = item.asked is not None and item.asked != item.balance
        details.append(
            Detail(
                item.name,
                tuple(about),
                tuple(movements),
                habits.money(item.balance),
                withheld(item, habits, say, asking=True) if part else (),
                habits.money(item.asked) if part and item.asked is not None else None,
            )
        )
    return tuple(details)


def entry_text(entry: StatementEntry, item: InvoiceFacts, say: Labels) -> str:
    """What a movement is called: its kind, with its reference where that says something more."""
    kind = str(say.kind(entry.kind))
    return (
        f"{kind}{say.colon} {entry.reference}"
        if entry.reference not in (None, "", item.number, item.invoice_id)
        else kind
    )


# -- blocks -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block:
    """A titled list of lines, or of labelled values."""

    title: str
    lines: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    link: str | None = None


def ways_to_pay(seller: Seller, items: Iterable[InvoiceFacts], say: Labels) -> tuple[Block, ...]:
    """The bank account for each currency of the message, the reference to give, and the pay link."""
    items = list(items)
    blocks = []
    for currency in open_totals(items):
        title = say.transfer_in(currency)
        reference = _reference([item for item in items if item.currency == currency], say)
        if account := seller.bank_accounts.get(currency):
            blocks.append(Block(title, fields=(*bank_fields(account, say), reference)))
        elif not seller.pay_link:
            blocks.append(Block(title, lines=(say.no_account(currency),)))
    if seller.pay_link and items:
        blocks.append(Block(say.pay_online, link=seller.pay_link, fields=(_reference(items, say),)))
    return tuple(blocks)


def _reference(items: Iterable[InvoiceFacts], say: Labels) -> tuple[str, str]:
    """What the payer writes on the transfer: the invoice numbers, as long as a bank takes them."""
    numbers = list(dict.fromkeys(item.number for item in items))
    return say.reference, ", ".join(numbers) if len(numbers) <= _REFERENCES else say.many_references


def bank_fields(account: BankAccount, say: Labels) -> tuple[tuple[str, str], ...]:
    """A bank account as labelled lines; an IBAN in groups of four, as banks print it."""
    iban = account.iban and " ".join(textwrap.wrap(account.iban, 4))
    fields = (
        (say.account_holder, account.holder),
        (say.bank, account.bank),
        (say.iban, iban),
        (say.account_number, account.account_number),
        (say.routing_number, account.routing_number),
        (say.sort_code, account.sort_code),
        (say.bic, account.bic),
    )
    return tuple((label, value) for label, value in fields if value)


def title_of_the_rest(facts: NoticeFacts, say: Labels) -> str:
    if facts.for_staff:
        return str(say.also_open_staff)
    return str(say.also_open_title if isinstance(facts.step, Step) else say.also_open_note_title)


def contact_fields(facts: NoticeFacts, say: Labels) -> tuple[tuple[str, str], ...]:
    """Addresses and numbers under which the customer reaches us."""
    if facts.for_staff:
        return ()
    fields = [(say.email, facts.seller.replies_to)]
    if facts.seller.phone:
        fields.append((say.phone, facts.seller.phone))
    if facts.tone is Tone.PARTNER and (manager := facts.account_manager):
        fields.insert(0, (say.account_manager, f"{manager.name}, {manager.email}"))
    return tuple(fields)


def parties(facts: NoticeFacts, habits: Habits, say: Labels) -> tuple[Block, ...]:
    """Creditor and debtor, as a formal letter names them."""
    seller, customer = facts.seller, facts.customer
    creditor = [seller.legal_name, *seller.address.lines, habits.territory(seller.address.country)]
    if seller.registration_no:
        creditor.append(f"{say.registration_no} {seller.registration_no}")
    debtor = [customer.legal_name or customer.name, *(line for line in customer.address if line)]
    if customer.country:
        debtor.append(habits.territory(customer.country))
    if customer.customer_id:
        debtor.append(f"{say.customer_number} {customer.customer_id}")
    return Block(say.creditor, tuple(creditor)), Block(say.debtor, tuple(debtor))


def imprint(seller: Seller, habits: Habits, say: Labels) -> tuple[str, ...]:
    """The seller's legal identity, as business letters must carry it."""
    address = ", ".join((*seller.address.lines, habits.territory(seller.address.country)))
    numbers = [
        f"{label} {value}"
        for label, value in ((say.registration_no, seller.registration_no), (say.vat_id, seller.vat_id))
        if value
    ]
    return (f"{seller.legal_name}, {address}", *([", ".join(numbers)] if numbers else []))
