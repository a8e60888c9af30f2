"""What the database adds up is what the domain adds up, to the last minor unit, on any day."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from domain.figures import receivables, trend
from domain.figures.day_figures import AGES, MADE_OF, figures, part
from domain.figures.outcomes import Period
from domain.figures.receivables import Question, Receivable
from domain.figures.receivables_book import turns
from domain.files import portfolio_csv
from domain.money import Money
from settings import ROOT
from store import customers, facts, history
from store import improvement as store_improvement
from store import receivables as store_receivables
from store import trend as store_trend
from store.schema import SettledInvoiceRow
from tests.portfolios import CURRENCIES, LAST, portfolio
from tests.store.rows import add_case

DATA = Path(os.environ.get("DUECOURSE_DATA", ROOT.parent / "shared" / "data"))
#: Days on which things happen, before, between and after.
DAYS = [LAST - timedelta(days=days) for days in (800, 431, 300, 91, 90, 89, 45, 1, 0, -60)]

Known = Mapping[str, Iterable[Receivable]]


def store(session: Session, known: Known) -> None:
    """History as it is imported, cases with their ledgers."""
    numbers = count()
    for currency, each in ((currency, each) for currency, all_ in known.items() for each in all_):
        customers.lock(session, each.customer_id)
        if each.settled_on is not None and not each.changes and next(numbers) % 2:
            session.add(
                SettledInvoiceRow(
                    invoice_id=each.invoice_id,
                    customer_id=each.customer_id,
                    issued_on=each.issued_on,
                    due_on=each.due_on,
                    amount_minor=each.minor,
                    currency=currency,
                    settled_on=each.settled_on,
                )
            )
            continue
        # One without a date of issue counts from its opening: where that is not later than the due date.
        unsaid = each.issued_on <= each.due_on and next(numbers) % 3 == 0
        add_case(
            session,
            each.invoice_id,
            each.customer_id,
            seller=f"seller-{next(numbers) % 2}",
            currency=currency,
            opened_at=datetime(
                each.issued_on.year, each.issued_on.month, each.issued_on.day, 23, 59, tzinfo=UTC
            ),
            issued_on=None if unsaid else each.issued_on,
            due_on=each.due_on,
            amount_minor=each.minor,
            balance_minor=each.owed(LAST),
            settled_on=each.settled_on,
        )
        moves = [("invoice", each.issued_on, each.minor)]
        moves += [
            ("payment_received" if minor < 0 else "payment_reversed", day, minor)
            for day, minor in each.changes
        ]
        if each.settled_on is not None:
            moves.append(("payment_received", each.settled_on, -each.minor))  # changes nothing: it is settled
        for number, (kind, day, minor) in enumerate(moves):
            facts.post(
                session,
                invoice_id=each.invoice_id,
                customer_id=each.customer_id,
                kind=kind,
                event_id=str(number),
                amount=Money(minor, currency),
                on=day,
            )
    session.flush()


@pytest.mark.parametrize("seed", range(3))
def test_the_figures_of_any_day(session: Session, seed: int) -> None:
    known = portfolio(seed)
    store(session, known)
    assert store_receivables.currencies(session) == sorted(CURRENCIES)
    for day in DAYS:
        found = store_receivables.sums(session, day)
        expected = {currency: receivables.sums(each, day) for currency, each in sorted(known.items())}
        assert found == {currency: sums for currency, sums in expected.items() if sums.tallies}
    assert figures(found["USD"], day, "USD")["settled_count"] > 50


@pytest.mark.parametrize("seed", range(3))
def test_what_each_day_changed(session: Session, seed: int) -> None:
    known = portfolio(seed)
    store(session, known)
    nothing = trend.Flow()
    found, expected = (
        {
            currency: {day: flow for day, flow in flows.items() if flow != nothing}
            for currency, flows in each.items()
        }
        for each in (store_trend.flows(session), {c: trend.flows(each) for c, each in known.items()})
    )
    assert found == expected


@pytest.mark.parametrize("seed", range(3))
def test_what_turned_on_each_day(session: Session, seed: int) -> None:
    known = portfolio(seed)
    store(session, known)
    assert store_improvement.turns(session) == {currency: turns(each) for currency, each in known.items()}
    first = min(each.issued_on for each in known["USD"])
    whole, later = Period(first, LAST), Period(LAST - timedelta(days=90), LAST - timedelta(days=30))
    listed = store_improvement.invoices(session, "USD", [whole], LAST, 10_000)
    by_id = {each.invoice_id: each for each in known["USD"] if each.is_known(LAST)}
    assert {each.invoice_id for each in listed} == set(by_id)
    for each in listed:
        other = by_id[each.invoice_id]
        assert (each.issued_on, each.due_on, each.minor) == (other.issued_on, other.due_on, other.minor)
        assert each.settled_on == (other.settled_on if other.is_settled(LAST) else None)
    found = store_improvement.invoices(session, "USD", [later], LAST, 10_000)
    assert {each.invoice_id for each in found} == {
        each.invoice_id
        for each in listed
        if any(day is not None and day in later for day in (each.issued_on, each.due_on, each.settled_on))
    }
    assert store_improvement.invoices(session, "USD", [later], LAST, 3) == found[:3]


def test_the_invoices_behind_each_figure(session: Session) -> None:
    known = portfolio(4)
    store(session, known)
    for day in (LAST, LAST - timedelta(days=200)):
        sums = store_receivables.sums(session, day)
        for figure in MADE_OF:
            question = Question.about(figure, sums["EUR"], day)
            found = list(store_receivables.listed(session, question, day, "EUR"))
            assert found == sorted(found, key=lambda each: (each.due_on, each.invoice_id))
            expected = receivables.listed(known["EUR"], question, day)
            assert sorted(found, key=lambda each: each.invoice_id) == sorted(
                expected, key=lambda each: each.invoice_id
            )


@pytest.mark.parametrize("dimension", store_receivables.DIMENSIONS)
def test_the_groups_of_a_breakdown_add_up_to_the_ageing(session: Session, dimension: str) -> None:
    known = portfolio(5)
    store(session, known)
    for number in range(25):
        row = customers.lock(session, f"C-{number:02}")
        row.tier = (None, "strategic", "standard")[number % 3]
        row.country = ("US", "DE")[number % 2]
        manager = ({"name": "Sam"}, {"email": "kim@seller.example"}, None)[number % 3]
        row.profile = {"customer_id": row.customer_id, "account_manager": manager}
    session.flush()
    day = LAST - timedelta(days=30)
    sums = store_receivables.sums(session, day)
    found = store_receivables.breakdown(session, day, dimension)
    groups = {"tier": {None, "strategic", "standard"}, "country": {"US", "DE"}}
    groups |= {"owner": {"Sam", "kim@seller.example", None}, "seller": {None, "seller-0", "seller-1"}}
    assert set(found["USD"]) == groups[dimension]
    for currency in CURRENCIES:
        for name in ("open", "overdue", *(f"aging:{age}" for age in AGES)):
            whole = part(sums[currency].tallies, name)
            parts = [part(tallies, name) for tallies in found[currency].values()]
            assert sum(each.owed for each in parts) == whole.owed
            assert sum(each.number for each in parts) == whole.number


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("ibm", "invoices.csv"),
        pytest.param("datarisk", "invoices_asof_2020-12-31.csv", marks=pytest.mark.slow),
    ],
)
def test_real_portfolios_after_import(session: Session, folder: str, name: str) -> None:
    path = DATA / folder / name
    if not path.is_file():
        pytest.skip(f"{path} is absent: set DUECOURSE_DATA to the folder of the shared data")
    read = portfolio_csv.read(path.read_bytes(), date(2026, 11, 22))
    history.store_settled(session, read.history, read.customers)
    for start in read.rows:
        invoice = start.invoice
        given = {"currency": invoice.currency, "issued_on": invoice.issued_on, "due_on": invoice.due_on}
        money = {"amount_minor": invoice.money.minor, "balance_minor": invoice.money.minor}
        add_case(session, invoice.invoice_id, start.customer.customer_id, **given, **money)
    expected = json.loads((DATA / folder / "expected.json").read_text("utf-8"))["reports"]
    assert expected
    for told in expected:
        as_of = date.fromisoformat(told["as_of"])
        ((currency, sums),) = store_receivables.sums(session, as_of).items()
        assert figures(sums, as_of, currency) == told
