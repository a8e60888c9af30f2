"""The account statement: every invoice line, every movement and the running balance, as a page of paper.

`statement_html` gives HTML that fetches nothing; `activities.paper.rendering` turns it into a PDF.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from activities.paper.exhibits import Exhibit
from activities.writing.blocks import entry_text, imprint, ways_to_pay, withheld
from activities.writing.phrasing import Habits, Labels, habits_of, paper_labels, paper_of, template
from domain.letters.letter import (
    AccountFacts,
    AgeBucket,
    EntryKind,
    InvoiceFacts,
    LineFacts,
    StatementEntry,
    ageing,
    by_due_date,
    open_totals,
    running_balances,
)

#: An invoice of at most this many rows is kept together on one page.
_KEPT_TOGETHER = 14
#: Least width of a column of amounts; longer ones get 2 mm a digit, what the widest font in use needs.
#: Widths are given and not found by layout, which would take three times as long.
_FIGURE_MM = 22
#: A title on a cover page stays on that page.
_LONGEST_TITLE = 300


@dataclass(frozen=True, slots=True)
class StatementRow:
    """A movement, or below an invoice's own entry one of its lines; a line has `of_which`, no balance."""

    on: str
    what: str
    of_which: str
    amount: str
    balance: str


@dataclass(frozen=True, slots=True)
class StatementInvoice:
    """One invoice with its rows; `balance` is what stays open."""

    name: str
    about: str
    due: str
    late: bool
    rows: tuple[StatementRow, ...]
    notes: tuple[str, ...]
    balance: str
    together: bool


@dataclass(frozen=True, slots=True)
class StatementSection:
    """All invoices of one currency with their subtotal; `figures` is the width of its amounts in mm."""

    currency: str
    invoices: tuple[StatementInvoice, ...]
    total: str
    figures: int


@dataclass(frozen=True, slots=True)
class StatementExhibit:
    """An exhibit as the statement lists it, and what its cover page says."""

    number: int
    anchor: str
    title: str
    invoice: str
    extent: str
    heading: str
    fields: tuple[tuple[str, str], ...]
    problem: str


def statement_html(facts: AccountFacts, exhibits: Sequence[Exhibit] = (), *, bound: bool = True) -> str:
    """The statement as of `facts.as_of`, as an HTML page in the customer's paper size.

    It lists its exhibits, and where they are `bound` ends with a cover page for each, whose id is its anchor.
    """
    habits = habits_of(facts)
    say = Labels(facts.language, {**habits.functions(), "total": ""})
    paper_say = paper_labels(facts)
    totals = open_totals(facts.items)
    buckets = {currency: ageing(facts.items, currency) for currency in totals}
    return template("statement.html.jinja").render(
        **habits.functions(),
        facts=facts,
        say=say,
        lang=facts.language,
        paper=paper_of(facts),
        bucket_names=[say.bucket(bucket) for bucket in AgeBucket],
        ages=[
            (currency, [habits.number(amount) for amount in buckets[currency].values()], habits.number(total))
            for currency, total in totals.items()
        ],
        sections=[_section(facts, currency, habits, say) for currency in totals],
        pay=ways_to_pay(facts.seller, facts.items, say),
        imprint=imprint(facts.seller, habits, say),
        exhibits=[_exhibit(exhibit, say, paper_say, bound=bound) for exhibit in exhibits],
        bound=bound,
        paper_say=paper_say,
    )


def statement_filename(facts: AccountFacts) -> str:
    """A file name that sorts by date in the customer's folder."""
    return f"statement-{facts.as_of.isoformat()}.pdf"


def _exhibit(exhibit: Exhibit, say: Labels, paper_say: Labels, *, bound: bool) -> StatementExhibit:
    kind = paper_say.exhibit_kind(exhibit.named.kind)
    title = (exhibit.named.title or kind)[:_LONGEST_TITLE]
    invoice = f"{say.invoice} {exhibit.invoice.name}"[:_LONGEST_TITLE]
    pages = paper_say.pages(exhibit.pages)
    fields = [(paper_say.about_invoice, invoice), (paper_say.document, kind)]
    if exhibit.format:
        fields.append((paper_say.file_format, exhibit.format))
    if exhibit.sha256 is not None:
        fields.append((paper_say.file_sha256, exhibit.sha256))
    if exhibit.problem is None:
        fields.append((paper_say.extent, pages))
        extent = pages if bound else paper_say.on_request
    else:
        extent = paper_say.not_included
    return StatementExhibit(
        number=exhibit.number,
        anchor=exhibit.anchor,
        title=title,
        invoice=exhibit.invoice.name,
        extent=extent,
        heading=f"{paper_say.exhibit(exhibit.number)}: {title}",
        fields=tuple(fields),
        problem="" if exhibit.problem is None else paper_say.left_out(exhibit.problem),
    )


def _section(facts: AccountFacts, currency: str, habits: Habits, say: Labels) -> StatementSection:
    items = [item for item in by_due_date(facts.items) if item.currency == currency]
    invoices = tuple(_invoice(item, habits, say) for item in items)
    longest = max(
        len(figure)
        for invoice in invoices
        for figure in (
            invoice.balance,
            *(text for row in invoice.rows for text in (row.of_which, row.amount, row.balance)),
        )
    )
    return StatementSection(
        currency,
        invoices,
        total=habits.number(open_totals(items)[currency]),
        figures=max(_FIGURE_MM, 4 + 2 * longest),
    )


def _invoice(item: InvoiceFacts, habits: Habits, say: Labels) -> StatementInvoice:
    about = [item.description] if item.description else []
    if item.purchase_order:
        about.append(say.purchase_order(item.purchase_order))
    if item.agreement_ref:
        about.append(say.agreement(item.agreement_ref))
    notes = list(withheld(item, habits, say, asking=False))
    if item.offer:
        notes.append(say.offer_note(item.offer))
    notes += [say.early_payment_note(term) for term in item.early_payment]
    rows = _rows(item, habits, say)
    return StatementInvoice(
        name=item.name,
        about=", ".join(about),
        due=f"{say.due} {habits.short_day(item.due_on)}, {say.late(item)}",
        late=item.is_overdue,
        rows=rows,
        notes=tuple(notes),
        balance=habits.number(item.balance),
        together=len(rows) <= _KEPT_TOGETHER,
    )


def _rows(item: InvoiceFacts, habits: Habits, say: Labels) -> tuple[StatementRow, ...]:
    rows: list[StatementRow] = []
    lines = [_line(line, habits) for line in item.lines]
    entries = _entries(item)
    for entry, balance in zip(entries, running_balances(entries), strict=True):
        rows.append(
            StatementRow(
                on=habits.short_day(entry.on),
                what=entry_text(entry, item, say),
                of_which="",
                amount=habits.number(entry.amount),
                balance=habits.number(balance),
            )
        )
        if entry.kind is EntryKind.INVOICE:
            rows += lines
            lines = []
    return (*rows, *lines)


def _entries(item: InvoiceFacts) -> Sequence[StatementEntry]:
    """The movements; where the books give none, the invoice itself, if that is all there is to say."""
    if item.entries or item.amount != item.balance:
        return item.entries
    return [StatementEntry(on=item.issued_on or item.due_on, kind=EntryKind.INVOICE, amount=item.amount)]


def _line(line: LineFacts, habits: Habits) -> StatementRow:
    unit_price = habits.number(line.unit_price) if line.unit_price is not None else None
    how_many = " × ".join(part for part in (line.quantity, unit_price) if part)
    what = f"{line.description} ({how_many})" if how_many else line.description
    return StatementRow(on="", what=what, of_which=habits.number(line.amount), amount="", balance="")
