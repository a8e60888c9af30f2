"""The portfolio as the figures see it: invoices that were paid before Duecourse came, and its own cases.

The database sorts invoices into the kinds of `domain/figures/day_figures.py` and adds up exact integers; nothing
is rounded here, and no more rows are read than there are kinds, days with sales or invoices to list. What a kind
is, the domain says (`domain/figures/receivables.py`); a test holds the two to each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import product
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Numeric,
    Select,
    Subquery,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from domain.figures.day_figures import (
    AGES,
    BUCKETS,
    COLLECTED_WITHIN,
    MONTH,
    QUARTER,
    TOP,
    Kind,
    Shares,
    Sums,
    Tally,
)
from domain.figures.receivables import Listed, Question
from store.schema import CaseRow, CustomerRow, LedgerEntryRow, SettledInvoiceRow

#: The entry by which an invoice comes into the ledger.
INVOICED = "invoice"
#: For grouping a million invoices: PostgreSQL's default of 4 MB sorts them on disk, twice as slow.
_MEMORY = "64MB"
#: By what a report can be broken down. History knows no seller: its invoices are of none.
DIMENSIONS = ("tier", "country", "owner", "seller")


def currencies(session: Session) -> list[str]:
    """The currencies in which there are invoices, in the order of their codes."""
    known = select(SettledInvoiceRow.currency).union(select(CaseRow.currency))
    return sorted(session.scalars(known))


def issued_on() -> ColumnElement[date]:
    """A case without a date of issue counts from the day it was opened, or its due date where that is earlier."""
    opened_on = cast(func.timezone("UTC", CaseRow.opened_at), Date)
    return func.coalesce(CaseRow.issued_on, func.least(opened_on, CaseRow.due_on))


def every_invoice() -> Subquery:
    """Every invoice: those paid before Duecourse came, and its own cases."""
    history = select(
        SettledInvoiceRow.invoice_id,
        SettledInvoiceRow.customer_id,
        SettledInvoiceRow.currency,
        SettledInvoiceRow.issued_on,
        SettledInvoiceRow.due_on,
        SettledInvoiceRow.settled_on,
        SettledInvoiceRow.amount_minor.label("minor"),
    ).where(~SettledInvoiceRow.has_case)
    own = select(
        CaseRow.invoice_id,
        CaseRow.customer_id,
        CaseRow.currency,
        issued_on().label("issued_on"),
        CaseRow.due_on,
        CaseRow.settled_on,
        CaseRow.amount_minor,
    )
    return union_all(history, own).subquery("invoices")


def allow_memory(session: Session) -> None:
    """Let the statements of this transaction group in memory what they would else sort on disk."""
    session.execute(select(func.set_config("work_mem", _MEMORY, True)))


def sums(session: Session, as_of: date) -> dict[str, Sums]:
    """What the figures of a day are made of, by currency. A currency without an invoice by then has none."""
    allow_memory(session)
    known = _known(as_of)
    tallies: defaultdict[str, dict[Kind, Tally]] = defaultdict(dict)
    for (currency,), kind, tally in _tallies(session, known, [known.c.currency], as_of):
        tallies[currency][kind] = tally
    sales: defaultdict[str, dict[date, int]] = defaultdict(dict)
    for currency, day, minor in session.execute(_sales(as_of)):
        sales[currency][day] = sales[currency].get(day, 0) + int(minor)
    shares = {row.currency: _shares(row) for row in session.execute(_by_customer(as_of))}
    return {
        currency: Sums(tallies[currency], sales[currency], shares.get(currency, Shares()))
        for currency in sorted(tallies)
    }


def breakdown(
    session: Session, as_of: date, dimension: str
) -> dict[str, dict[str | None, dict[Kind, Tally]]]:
    """The sums over what is open of each group of one of the `DIMENSIONS`, by currency; None is the group of
    what has none."""
    allow_memory(session)
    known = _known(as_of, unsettled=True)
    rows = select(*known.c).where(known.c.owed > 0)
    if dimension == "seller":
        grouped = rows.add_columns(known.c.seller.label("group_")).subquery()
    else:
        groups = {"tier": CustomerRow.tier, "country": CustomerRow.country, "owner": _account_manager()}
        joined = rows.join(CustomerRow, CustomerRow.customer_id == known.c.customer_id)
        grouped = joined.add_columns(groups[dimension].label("group_")).subquery()
    found: defaultdict[str, dict[str | None, dict[Kind, Tally]]] = defaultdict(dict)
    by = [grouped.c.currency, grouped.c.group_]
    for (currency, group), kind, tally in _tallies(session, grouped, by, as_of):
        found[currency].setdefault(group, {})[kind] = tally
    return dict(found)


def _account_manager() -> ColumnElement[str | None]:
    """The person whom the seller named for the customer, by name, else by address."""
    manager = CustomerRow.profile["account_manager"]
    return func.coalesce(manager["name"].astext, manager["email"].astext)


def listed(session: Session, question: Question, as_of: date, currency: str) -> Iterator[Listed]:
    """The invoices behind a figure, the earliest due first."""
    known = _known(as_of)
    kinds = [kind for (of,), kind, _ in _tallies(session, known, [known.c.currency], as_of) if of == currency]
    wanted = [kind for kind in kinds if question.asks_for(kind)]
    kind_of = _kind(known, as_of)
    chosen: list[ColumnElement[bool]] = []
    if wanted:
        chosen.append(kind_of.in_([_KINDS.index(kind) for kind in wanted]))
    if question.sold_since is not None:
        chosen.append(known.c.issued_on >= question.sold_since)
    if not chosen:
        return
    settled_on = case((known.c.settled_on <= as_of, known.c.settled_on))
    rows = (
        select(
            *(known.c.invoice_id, known.c.customer_id, known.c.issued_on, known.c.due_on),
            *(settled_on, known.c.minor, known.c.owed, known.c.opening),
            kind_of,
        )
        .where(known.c.currency == currency, or_(*chosen))
        .order_by(known.c.due_on, known.c.invoice_id)
        .execution_options(yield_per=5_000)
    )
    for invoice_id, customer_id, issued, due, settled, minor, owed, opening, kind in session.execute(rows):
        parts = question.parts_of(_KINDS[kind], issued)
        yield Listed(invoice_id, customer_id, issued, due, settled, minor, owed, opening, parts)


# The invoices that are known on a day


def _known(as_of: date, *, unsettled: bool = False) -> Subquery:
    """Every invoice issued by the day, or those of them that were not settled then, with what is left to pay on
    it and what was 90 days before."""
    before = as_of - timedelta(days=QUARTER)
    history = select(
        SettledInvoiceRow.invoice_id,
        SettledInvoiceRow.customer_id,
        cast(null(), Text).label("seller"),
        SettledInvoiceRow.currency,
        SettledInvoiceRow.issued_on,
        SettledInvoiceRow.due_on,
        SettledInvoiceRow.settled_on,
        SettledInvoiceRow.amount_minor.label("minor"),
        case((SettledInvoiceRow.settled_on > as_of, SettledInvoiceRow.amount_minor), else_=0).label("owed"),
        case(
            (
                and_(SettledInvoiceRow.issued_on <= before, SettledInvoiceRow.settled_on > before),
                SettledInvoiceRow.amount_minor,
            ),
            else_=0,
        ).label("opening"),
    ).where(SettledInvoiceRow.issued_on <= as_of, ~SettledInvoiceRow.has_case)
    if unsettled:
        history = history.where(SettledInvoiceRow.settled_on > as_of)
    moved = func.sum(LedgerEntryRow.amount_minor)
    changed = (
        select(
            LedgerEntryRow.invoice_id,
            cast(moved, BigInteger).label("by_then"),
            cast(moved.filter(LedgerEntryRow.entry_on <= before), BigInteger).label("before"),
        )
        .where(LedgerEntryRow.kind != INVOICED, LedgerEntryRow.entry_on <= as_of)
        .group_by(LedgerEntryRow.invoice_id)
        .subquery()
    )
    issued = issued_on()
    own = (
        select(
            CaseRow.invoice_id,
            CaseRow.customer_id,
            CaseRow.seller,
            CaseRow.currency,
            issued.label("issued_on"),
            CaseRow.due_on,
            CaseRow.settled_on,
            CaseRow.amount_minor.label("minor"),
            _left(changed.c.by_then, is_open=_unsettled(as_of)).label("owed"),
            _left(changed.c.before, is_open=and_(issued <= before, _unsettled(before))).label("opening"),
        )
        .outerjoin(changed, changed.c.invoice_id == CaseRow.invoice_id)
        .where(issued <= as_of)
    )
    if unsettled:
        own = own.where(_unsettled(as_of))
    return union_all(history, own).subquery("known")


def _unsettled(on: date) -> ColumnElement[bool]:
    return or_(CaseRow.settled_on.is_(None), CaseRow.settled_on > on)


def _left(changes: ColumnElement[Any], *, is_open: ColumnElement[bool]) -> ColumnElement[int]:
    """What is left to pay; what was paid too much is not owed back."""
    left = CaseRow.amount_minor + func.coalesce(changes, 0)
    return case((is_open, func.greatest(left, 0)), else_=0)


def _kind(known: Subquery, as_of: date) -> ColumnElement[int]:
    """The kind of an invoice as one number, which `_KINDS` reads: by one column the database groups in memory,
    by seven it would expect so many groups that it sorts."""
    past_due = literal(as_of, Date) - known.c.due_on
    settled = known.c.settled_on <= as_of
    fell_due = known.c.due_on <= as_of - timedelta(days=COLLECTED_WITHIN)
    in_time = known.c.settled_on - known.c.due_on <= COLLECTED_WITHIN
    months = [known.c.issued_on > as_of - timedelta(days=days) for days in _SOLD_WITHIN[:-1]]
    buckets = [past_due <= 0, *(past_due <= last for _, last in BUCKETS)]
    number: ColumnElement[int] = case(
        (known.c.owed <= 0, 0),
        *((condition, place) for place, condition in enumerate(buckets, start=1)),
        else_=len(buckets) + 1,
    )
    sold = case(*((condition, place) for place, condition in enumerate(months)), else_=len(months))
    for digit, digits in (
        (_flag(settled), 2),
        (_flag(and_(settled, known.c.settled_on > known.c.due_on)), 2),
        (sold, len(_SOLD_WITHIN)),
        (_flag(known.c.opening > 0), 2),
        (_flag(fell_due), 2),
        (_flag(and_(fell_due, in_time)), 2),
    ):
        number = number * digits + digit
    return number


_SOLD_WITHIN = (MONTH, QUARTER, 0)
_FLAG = (False, True)
#: Every kind in the order of its number.
_KINDS = [Kind(*fields) for fields in product(("", *AGES), _FLAG, _FLAG, _SOLD_WITHIN, _FLAG, _FLAG, _FLAG)]


def _flag(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 1), else_=0)


def _tallies(
    session: Session, known: Subquery, by: Sequence[ColumnElement[Any]], as_of: date
) -> Iterator[tuple[tuple[Any, ...], Kind, Tally]]:
    """The sums over the invoices of each kind, in each group."""
    settled = known.c.settled_on <= as_of
    days_to_pay = known.c.settled_on - known.c.issued_on
    adding = (
        func.count(),
        func.sum(known.c.minor),
        func.sum(known.c.owed),
        func.sum(known.c.opening),
        func.coalesce(func.sum(known.c.settled_on - known.c.due_on).filter(settled), 0),
        func.coalesce(func.sum(days_to_pay).filter(settled), 0),
        func.coalesce(func.sum(cast(days_to_pay, Numeric) * known.c.minor).filter(settled), 0),
    )
    groups = [each.label(f"by_{number}") for number, each in enumerate((*by, _kind(known, as_of)))]
    grouped = select(*groups, *adding).group_by(*(each.name for each in groups))
    width = len(by)
    for row in session.execute(grouped):
        values = tuple(row)
        yield values[:width], _KINDS[values[width]], Tally(*map(int, values[width + 1 :]))


def _sales(as_of: date) -> Select[str, date, int]:
    """What was sold on each day: one row for history and one for cases."""
    issued = issued_on()
    history = (
        select(
            SettledInvoiceRow.currency, SettledInvoiceRow.issued_on, func.sum(SettledInvoiceRow.amount_minor)
        )
        .where(SettledInvoiceRow.issued_on <= as_of, ~SettledInvoiceRow.has_case)
        .group_by(SettledInvoiceRow.currency, SettledInvoiceRow.issued_on)
    )
    own = (
        select(CaseRow.currency, issued, func.sum(CaseRow.amount_minor))
        .where(issued <= as_of)
        .group_by(CaseRow.currency, issued)
    )
    both = union_all(history, own).subquery()
    return select(*both.c)


def _by_customer(as_of: date) -> Select[str, int, int, int]:
    """How what is open spreads over customers."""
    known = _known(as_of, unsettled=True)
    owed = func.sum(known.c.owed).label("owed")
    place = func.row_number().over(partition_by=known.c.currency, order_by=owed.desc()).label("place")
    each = (
        select(known.c.currency, owed, place)
        .where(known.c.owed > 0)
        .group_by(known.c.currency, known.c.customer_id)
        .subquery()
    )
    return select(
        each.c.currency,
        func.count().label("customers"),
        func.sum(each.c.owed).filter(each.c.place <= TOP).label("top"),
        func.sum(each.c.owed * each.c.owed).label("squares"),
    ).group_by(each.c.currency)


def _shares(row: Any) -> Shares:
    return Shares(int(row.customers), int(row.top), int(row.squares))
