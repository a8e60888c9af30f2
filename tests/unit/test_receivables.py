"""The figures of a portfolio, by hand on a small one and against those of two real ones."""

from __future__ import annotations

import json
import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.figures.day_figures import bucket_of, dso_countback
from domain.figures.receivables import Receivable, report
from domain.files import portfolio_csv
from settings import ROOT

DATA = Path(os.environ.get("DUECOURSE_DATA", ROOT.parent / "shared" / "data"))
DAY = date(2027, 3, 31)


def sold(
    name: str, issued: date, amount: int, *, terms: int = 30, paid: int | None = None, customer: str = "C"
) -> Receivable:
    """An invoice over so many dollars, paid so many days after it was due."""
    due = issued + timedelta(days=terms)
    settled = None if paid is None else due + timedelta(days=paid)
    return Receivable(name, customer, issued, due, amount * 100, settled)


def test_a_small_portfolio_by_hand() -> None:
    told = report(
        [
            sold("paid early", date(2027, 1, 4), 1_000, paid=-3),
            sold("paid late", date(2027, 1, 10), 2_000, paid=10),
            sold("overdue", date(2027, 2, 10), 3_000, customer="D"),
            sold("current", date(2027, 3, 20), 4_000),
            sold("to come", date(2027, 4, 1), 9_000),
        ],
        DAY,
        "USD",
    )
    assert (told["open_count"], told["open_amount"], told["overdue_amount"]) == (2, 7000.0, 3000.0)
    assert told["dso_balance_90"] == 63.0  # 7,000 of 10,000 sold in 90 days
    assert told["dso_balance_30"] == 52.5  # 7,000 of 4,000 sold in 30 days
    assert told["dso_countback"] == 59.0  # March's 4,000 in 31 days, February's 3,000 in 28
    assert told["best_possible_dso_90"] == 36.0
    assert told["cei_90"] == 50.0  # (0 + 10,000 - 7,000) of (0 + 10,000 - 4,000)
    assert told["avg_days_late_signed"] == 3.5
    assert told["avg_days_late_late_only"] == 10.0
    assert told["avg_days_to_pay_weighted"] == 35.667  # (27 x 1,000 + 40 x 2,000) of 3,000
    assert (told["pct_on_time_count"], told["pct_on_time_amount"]) == (50.0, 33.33)
    assert told["collected_60d_count_pct"] is None  # nothing fell due 60 days ago
    assert told["aging"]["1-30"] == {"count": 1, "amount": 3000.0}
    assert told["hhi_open"] == 5102.0
    assert told["open_customers"] == 2


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(-5, "current"), (0, "current"), (1, "1-30"), (30, "1-30"), (31, "31-60"), (90, "61-90"), (91, "90+")],
)
def test_ageing_buckets(days: int, bucket: str) -> None:
    assert bucket_of(days) == bucket


def test_what_was_paid_of_an_open_invoice_is_not_open() -> None:
    part = Receivable(
        "P", "C", date(2027, 1, 1), date(2027, 1, 31), 10_000,
        changes=((date(2027, 2, 1), -4_000), (date(2027, 3, 31), -1_000), (date(2027, 4, 2), -5_000)),
    )  # fmt: skip
    assert report([part], DAY, "USD")["open_amount"] == 50.0
    assert report([part], date(2027, 1, 31), "USD")["open_amount"] == 100.0


def test_what_was_credited_is_neither_open_nor_settled() -> None:
    day = date(2027, 2, 1)
    credited = Receivable("P", "C", date(2027, 1, 1), date(2027, 1, 31), 10_000, changes=((day, -10_000),))
    overpaid = Receivable("Q", "C", date(2027, 1, 1), date(2027, 1, 31), 10_000, changes=((day, -12_000),))
    told = report([credited, overpaid], DAY, "USD")
    assert (told["open_count"], told["open_amount"], told["settled_count"], told["open_customers"]) == (
        0,
        0,
        0,
        0,
    )
    assert report([credited, overpaid], date(2027, 1, 31), "USD")["open_count"] == 2


def test_nothing_divides_by_nothing() -> None:
    told = report([], DAY, "JPY")
    assert told["open_amount"] == 0.0
    assert told["dso_countback"] == 0.0
    assert [name for name, value in told.items() if value is None]
    old = sold("old", date(2024, 1, 1), 10)
    assert report([old], DAY, "USD")["dso_balance_90"] is None
    assert dso_countback({old.issued_on: old.minor}, 2_000, DAY) is None  # more is open than was ever sold


@given(
    st.lists(
        st.tuples(
            st.integers(0, 400), st.integers(0, 60), st.integers(1, 10**6), st.none() | st.integers(-40, 90)
        ),
        max_size=40,
    )
)
def test_ageing_adds_up_to_what_is_open(rows: list[tuple[int, int, int, int | None]]) -> None:
    known = [
        sold(str(n), DAY - timedelta(days=days), amount, terms=terms, paid=paid, customer=f"C{n % 5}")
        for n, (days, terms, amount, paid) in enumerate(rows)
    ]
    told = report(known, DAY, "USD")
    buckets = told["aging"].values()
    assert sum(bucket["count"] for bucket in buckets) == told["open_count"]
    assert sum(bucket["amount"] for bucket in buckets) == told["open_amount"]
    assert told["open_amount"] - told["overdue_amount"] == told["aging"]["current"]["amount"]


@pytest.mark.parametrize(
    ("folder", "name"), [("ibm", "invoices.csv"), ("datarisk", "invoices_asof_2020-12-31.csv")]
)
def test_the_figures_of_real_portfolios(folder: str, name: str) -> None:
    path = DATA / folder / name
    if not path.is_file():
        pytest.skip(f"{path} is absent: set DUECOURSE_DATA to the folder of the shared data")
    portfolio = portfolio_csv.read(path.read_bytes(), date(2026, 11, 22))
    assert not portfolio.errors
    known = [
        Receivable(
            row.invoice_id, row.customer_id, row.issued_on, row.due_on, row.amount.minor, row.settled_on
        )
        for row in portfolio.history
    ]
    for start in portfolio.rows:
        invoice = start.invoice
        assert invoice.issued_on is not None
        known.append(
            Receivable(
                invoice.invoice_id,
                start.customer.customer_id,
                invoice.issued_on,
                invoice.due_on,
                invoice.money.minor,
            )
        )
    expected: list[dict[str, Any]] = json.loads((DATA / folder / "expected.json").read_text("utf-8"))[
        "reports"
    ]
    for told in expected:
        as_of = date.fromisoformat(told["as_of"])
        assert report(known, as_of, "USD") == told
