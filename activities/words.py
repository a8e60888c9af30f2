"""The words of a message: subject, text and HTML, from the facts and the phrases of its step and tone.

Phrases (`templates/<language>/<step>.<tone>.jinja`) hold sentences only; which of them a letter is made of
stands in `templates/steps/`, for all languages. They are rendered once, as plain text in parts, and laid out
twice, so that the text and the HTML of a mail always say the same.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from activities.phrasing import (
    Habits,
    Labels,
    country_for_post,
    habits_of,
    one_line,
    paper_labels,
    template,
    template_names,
    typeset,
)
from activities.slots import drafted_parts
from domain.draft import Draft
from domain.envelope import envelope_of
from domain.letter import (
    InvoiceFacts,
    NoticeFacts,
    StatementEntry,
    asked_totals,
    by_due_date,
    open_totals,
    received_totals,
    running_balances,
)
from domain.money import Money
from domain.seller import BankAccount, Seller
from domain.vocabulary import AFTER_THE_DEBT, Channel, Note, Step, Tone

#: Width of the text part: RFC 3676 recommends at most 78.
TEXT_WIDTH = 76
#: Messages that lay out the whole claim: both parties, and every movement of every invoice.
DETAILED = frozenset({Step.DEMAND, Step.REFERRAL})
#: More invoices than this are not named one by one in the payment reference.
_REFERENCES = 5
#: Parts that no message is sent without.
NEEDED = ("subject", "greeting", "opening", "contact")
#: What is spoken of a message: no table, no account number.
_SPOKEN = ("greeting", "opening", "request", "contact", "closing")
#: From gentle to formal. A tone that a step has no phrases for takes the nearest of this list.
_SCALE = (Tone.FRIENDLY, Tone.PROFESSIONAL, Tone.FIRM, Tone.FORMAL)


@dataclass(frozen=True, slots=True)
class Words:
    """What one message says, ready to go out: `html` is the mail's page, or the page of a letter."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Phrased:
    """The phrases of a message by part, and what they were made with: a paper says the same as its mail."""

    habits: Habits
    say: Labels
    values: dict[str, Any]
    parts: dict[str, list[str]]


#: How German sentences begin that do not begin with a noun, a name or the formal address.
_GERMAN_SMALL_WORDS = frozenset(
    "Als Am An Auf Aus Bei Bis Bitte Da Damit Danke Das Dazu Der Des Deshalb Die Dies Diese Dieses Ein Eine "
    "Einige Es Für Gern Herzlichen Heute Hier Im In Leider Mit Nach Neue Noch Seit Um Unser Unsere Viele "
    "Vielen Von Vor Wenn Wie Wir Zu Zum Zur".split()
)


def phrased(facts: NoticeFacts) -> Phrased:
    """The phrases of `facts.step` in the nearest tone it has, in the customer's language."""
    habits = habits_of(facts)
    items = facts.subjects
    totals = asked_totals(items) or open_totals(items)
    values: dict[str, Any] = {
        **habits.functions(),
        "facts": facts,
        "items": items,
        "several": len(items) != 1,
        "total": habits.amounts(totals.values()),
        "total_count": len(totals),
        "received": habits.amounts(received_totals(items).values()),
        "same_due": len({item.due_on for item in items}) == 1,
        "all_today": bool(items) and all(item.days_past_due == 0 for item in items),
        "sender": _sender(facts.seller),
        "lang": facts.language,
        "partner": facts.tone is Tone.PARTNER,
        "for_manager": facts.account_manager is not None and facts.contact_name == facts.account_manager.name,
        "part": lambda name: f"\x1e{name}\x1f",
    }
    if items:
        values["it"] = items[0]
    say = Labels(facts.language, values)
    values["when"] = say.pay_when(facts.answer_by, values["all_today"])
    values["reply_when"] = say.reply_when(facts.answer_by)
    values["talk_when"] = say.talk_when(facts.answer_by)
    phrases = template(phrases_of(facts.step, facts.tone, facts.language))
    parts = _parts(phrases.render(values, say=say))
    if gaps := [name for name in NEEDED if not parts.get(name)]:
        raise ValueError(f"{phrases.name} leaves empty what every message needs: {', '.join(gaps)}")
    return Phrased(habits, say, values, _typeset(parts, facts.language))


def write_notice(facts: NoticeFacts, draft: Draft | None = None) -> Words:
    """Write the message of `facts.step` in `facts.tone`.

    A tone that the step has no phrases for speaks in the nearest one it has; `tones_of` says which those are.
    A draft that the guard has passed takes the place of the phrases, in the same layout.
    """
    said = phrased(facts)
    habits, say, values, parts, items = said.habits, said.say, said.values, said.parts, facts.subjects
    if draft is not None:
        parts = _typeset(drafted_parts(draft, facts, habits, say, values["total"], parts), facts.language)
    details = _details(items, habits, say) if facts.step in DETAILED else ()
    asks = isinstance(facts.step, Step) and not facts.for_staff
    layout = {
        **values,
        "say": say,
        "parts": parts,
        "subject": " ".join(" ".join(parts["subject"]).split()),
        "table": _received(items, habits, say)
        if facts.step in AFTER_THE_DEBT
        else _table(items if len(details) != 1 else (), habits, say, asking=asks),
        "also_open": _table(facts.also_open, habits, say, asking=False),
        "also_open_title": _also_open_title(facts, say),
        "details": details,
        "parties": parties(facts, habits, say) if facts.step in DETAILED else (),
        "contact_title": say.afterwards_title if facts.for_staff else say.contact_title,
        "contacts": _contacts(facts, say),
        "pay": ()
        if facts.for_staff or facts.step in AFTER_THE_DEBT
        else ways_to_pay(facts.seller, items, say),
        "imprint": () if facts.for_staff else imprint(facts.seller, habits, say),
        "wrap": _wrap,
        "text_table": lambda table: _text_table(table, say),
        "text_detail": lambda detail: _text_detail(detail, say),
        "text_fields": lambda fields: _text_fields(fields, say),
    }
    text = template("notice.txt.jinja").render(layout)
    page = "notice.html.jinja"
    if facts.channel is Channel.LETTER:
        page, layout = "letter_page.html.jinja", {**layout, **_sheet(facts, habits)}
    elif facts.channel is Channel.VOICE:
        text = "\n\n".join(paragraph for name in _SPOKEN for paragraph in parts.get(name, ()))
    return Words(
        subject=str(layout["subject"]),
        text=re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", text)).strip() + "\n",
        html=template(page).render(layout),
    )


def _sheet(facts: NoticeFacts, habits: Habits) -> dict[str, Any]:
    """Where the letter's address stands, and what: by the envelopes that lie where the seller posts it."""
    seller = facts.seller
    home, abroad = seller.address.country, facts.customer.country
    foreign = (country_for_post(abroad),) if abroad is not None and abroad != home else ()
    return {
        "sheet": envelope_of(home),
        "words": paper_labels(facts),
        "return_line": " · ".join((seller.legal_name, *seller.address.lines)),
        "address": (*facts.window, *foreign),
    }


def tones_of(step: Step | Note, language: str = "en") -> frozenset[Tone]:
    """The tones a step has phrases for; all of them where one set of phrases serves every tone."""
    if f"{language}/{step}.jinja" in template_names():
        return frozenset(Tone)
    return frozenset(tone for tone in Tone if f"{language}/{step}.{tone}.jinja" in template_names())


@cache
def phrases_of(step: Step | Note, tone: Tone, language: str = "en") -> str:
    """The phrase file for a step and tone, by its path below `templates/`."""
    if f"{language}/{step}.jinja" in template_names():
        return f"{language}/{step}.jinja"
    written = tones_of(step, language)
    if tone in _SCALE:
        near = sorted(written & set(_SCALE), key=lambda other: abs(_SCALE.index(other) - _SCALE.index(tone)))
        tone = near[0]
    return f"{language}/{step}.{tone}.jinja"


def _parts(rendered: str) -> dict[str, list[str]]:
    """The parts of a letter by name, each as its paragraphs on one line."""
    parts = {}
    for chunk in rendered.split("\x1e")[1:]:
        name, _, body = chunk.partition("\x1f")
        paragraphs = (one_line(paragraph) for paragraph in re.split(r"\n[ \t]*\n", body))
        parts[name] = [paragraph for paragraph in paragraphs if paragraph]
    return parts


def _typeset(parts: dict[str, list[str]], language: str) -> dict[str, list[str]]:
    if language == "de":
        parts = parts | {"opening": _after_salutation(parts["greeting"], parts["opening"])}
    return {name: [typeset(paragraph, language) for paragraph in own] for name, own in parts.items()}


def _after_salutation(greeting: Sequence[str], opening: Sequence[str]) -> list[str]:
    """A German letter goes on in lower case after the comma of its salutation, unless with a noun or a name."""
    first, *others = opening
    word = re.match(r"\w+", first)
    if not greeting[-1].endswith(",") or word is None or word.group() not in _GERMAN_SMALL_WORDS:
        return list(opening)
    return [first[0].lower() + first[1:], *others]


def _sender(seller: Seller) -> str:
    """Who signs: the sender's name, with the seller's where it does not say it."""
    name = seller.sender.name
    return name if seller.name in name or seller.legal_name in name else f"{name}, {seller.name}"


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


def _table(items: Sequence[InvoiceFacts], habits: Habits, say: Labels, *, asking: bool) -> Table:
    groups = []
    for currency, total in open_totals(items).items():
        own = [item for item in by_due_date(items) if item.currency == currency]
        amounts = [item.asked if asking and item.asked else item.balance for item in own]
        total = Money.total(amounts, currency)
        rows = [
            Row(
                name=item.name,
                due=habits.short_day(item.due_on),
                lateness=say.lateness(item.days_past_due),
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


def _received(items: Sequence[InvoiceFacts], habits: Habits, say: Labels) -> Table:
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
    if item.balance != item.amount:
        notes.append(say.invoiced_open(habits.money(item.amount), habits.money(item.balance)))
    if item.promised:
        notes.append((say.promised if asking else say.promised_plain)(habits.money(item.promised)))
    if item.disputed:
        notes.append((say.disputed if asking else say.disputed_plain)(habits.money(item.disputed)))
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


def _details(items: Sequence[InvoiceFacts], habits: Habits, say: Labels) -> tuple[Detail, ...]:
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
        details.append(Detail(item.name, tuple(about), tuple(movements), habits.money(item.balance)))
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


def _also_open_title(facts: NoticeFacts, say: Labels) -> str:
    if facts.for_staff:
        return str(say.also_open_staff)
    return str(say.also_open_title if isinstance(facts.step, Step) else say.also_open_note_title)


def _contacts(facts: NoticeFacts, say: Labels) -> tuple[tuple[str, str], ...]:
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


# -- plain text ---------------------------------------------------------------------------------------


def _wrap(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text,
        TEXT_WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _text_table(table: Table, say: Labels) -> str:
    """A table in plain text: aligned columns, stacked where they would be too wide for a mail."""
    rows = [row for group in table.groups for row in group.rows]
    head = Row(say.invoice, say.due, "", table.head, ())
    totals = [group.total for group in table.groups]

    def cells(row: Row) -> list[str]:
        return [row.name, row.due, row.lateness, row.amount]

    widths = [max(len(cell) for cell in column) for column in zip(*map(cells, [head, *rows]), strict=True)]
    widths[-1] = max([widths[-1], *map(len, totals)])
    width = sum(widths) + 2 * (len(widths) - 1)
    if width > TEXT_WIDTH:
        return _stacked(table, say)

    def line(row: Row) -> str:
        placed = enumerate(zip(cells(row), widths, strict=True))
        return "  ".join(c.ljust(w) if place < 3 else c.rjust(w) for place, (c, w) in placed).rstrip()

    lines = [line(head), "-" * width]
    for group in table.groups:
        for row in group.rows:
            lines.append(line(row))
            lines += [_wrap(note, "  ") for note in row.notes]
        if table.totals:
            label = say.subtotal(group.currency)
            lines += ["-" * width, label + group.total.rjust(width - len(label)), ""]
    return "\n".join(lines).rstrip()


def _stacked(table: Table, say: Labels) -> str:
    blocks = []
    for group in table.groups:
        for row in group.rows:
            about = [f"{say.due} {row.due}, {row.lateness}"]
            about.append(f"{table.head}{say.colon} {row.amount}")
            blocks.append("\n".join([row.name, *(_wrap(text, "  ") for text in [*about, *row.notes])]))
        if table.totals:
            blocks.append(f"{say.subtotal(group.currency)}{say.colon} {group.total}")
    return "\n\n".join(blocks)


def _text_detail(detail: Detail, say: Labels) -> str:
    """One invoice with its movements and running balance, in plain text."""
    lines = [
        f"{say.invoice} {detail.name}",
        *([_wrap(" · ".join(detail.about), "  ")] if detail.about else []),
    ]
    if detail.movements:
        amounts = max(len(movement.amount) for movement in detail.movements)
        balances = max(len(movement.balance) for movement in detail.movements)
        for movement in detail.movements:
            figures = f"{movement.amount.rjust(amounts)}  {movement.balance.rjust(balances)}"
            what = f"  {movement.on}  {movement.what}"
            room = TEXT_WIDTH - len(figures) - 2
            if len(what) <= room:
                lines.append(what.ljust(room) + "  " + figures)
            else:
                lines += [_wrap(what.strip(), "  "), figures.rjust(TEXT_WIDTH)]
    label = f"  {say.balance}"
    lines.append(label + detail.balance.rjust(TEXT_WIDTH - len(label)))
    return "\n".join(lines)


def _text_fields(fields: Sequence[tuple[str, str]], say: Labels, indent: str = "  ") -> str:
    """Labelled values, aligned; a long value goes on below its label."""
    width = max((len(label) for label, _ in fields), default=0) + len(say.colon) + 1
    return "\n".join(
        textwrap.fill(
            value,
            TEXT_WIDTH,
            initial_indent=indent + f"{label}{say.colon}".ljust(width),
            subsequent_indent=indent + " " * width,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for label, value in fields
    )
