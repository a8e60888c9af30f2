"""Month by month, and invoice by invoice: both come to the figures of the report."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from domain.figures.day_figures import MADE_OF, PARTS, figures
from domain.figures.receivables import Question, Receivable, listed, report, sums
from domain.figures.trend import flows, month_ends, trend
from tests.portfolios import LAST, portfolio

SEEDS = range(4)


def test_month_ends() -> None:
    assert month_ends(date(2028, 3, 31), 3) == [date(2028, 1, 31), date(2028, 2, 29), date(2028, 3, 31)]
    assert month_ends(date(2027, 1, 15), 2) == [date(2026, 12, 31), date(2027, 1, 15)]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_month_of_the_trend_is_the_report_of_its_last_day(seed: int) -> None:
    for currency, known in portfolio(seed).items():
        for row in trend(flows(known), month_ends(LAST - timedelta(days=11), 14), currency):
            told = report(known, date.fromisoformat(row["as_of"]), currency)
            month = row.pop("month")
            assert row == {key: told[key] for key in row}
            assert month["settled_count"] <= told["settled_count"]


def test_the_month_is_about_what_happened_in_it() -> None:
    january, february = date(2027, 1, 5), date(2027, 2, 10)
    known = [
        Receivable("A", "C", january, january + timedelta(days=10), 100_00, january + timedelta(days=20)),
        Receivable("B", "C", january, january + timedelta(days=30), 300_00, february),
        Receivable("C", "C", february, february + timedelta(days=30), 700_00),
    ]
    first, second = (row["month"] for row in trend(flows(known), month_ends(date(2027, 2, 28), 2), "USD"))
    assert (first["sales"], first["settled_count"], first["avg_days_to_pay"]) == (400.0, 1, 20.0)
    assert (second["sales"], second["settled_count"], second["avg_days_to_pay"]) == (700.0, 1, 36.0)


@pytest.mark.parametrize("figure", MADE_OF)
def test_the_invoices_behind_a_figure_come_to_it(figure: str) -> None:
    name, _, bucket = figure.partition(":")
    found = 0
    for seed in range(2):
        for currency, known in portfolio(seed, 120, customers=14).items():
            for day in (LAST, LAST - timedelta(days=200)):
                behind = list(listed(known, Question.about(figure, sums(known, day), day), day))
                ids = {each.invoice_id for each in behind}
                told, again = (
                    figures(sums(some, day), day, currency)[name]
                    for some in (known, [each for each in known if each.invoice_id in ids])
                )
                assert again[bucket] == told[bucket] if bucket else again == told
                assert all(each.parts for each in behind)
                found += len(behind)
    assert found > 5


def test_what_is_listed_adds_up() -> None:
    known = portfolio(1)["USD"]
    told = report(known, LAST, "USD")

    def behind(figure: str) -> list[int]:
        question = Question.about(figure, sums(known, LAST), LAST)
        return [each.owed for each in listed(known, question, LAST)]

    assert sum(behind("open_amount")) == round(told["open_amount"] * 100)
    assert len(behind("open_count")) == told["open_count"]
    assert sum(behind("overdue_amount")) == round(told["overdue_amount"] * 100)
    for age, held in told["aging"].items():
        assert len(behind(f"aging:{age}")) == held["count"]
        assert sum(behind(f"aging:{age}")) == round(held["amount"] * 100)


def test_every_figure_of_the_report_can_list_its_invoices() -> None:
    told = report([], LAST, "USD")
    assert set(told) - {"as_of"} <= set(MADE_OF)
    assert {f"aging:{age}" for age in told["aging"]} <= set(MADE_OF)
    assert {name for parts in MADE_OF.values() for name in parts} <= set(PARTS)
