"""Demand letters by jurisdiction: whose rules, and interest to the penny, computed by hand beside each case."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from domain.letters.demand import (
    DemandLaw,
    DemandLawInvalid,
    Jurisdiction,
    RateUnknown,
    Rules,
    additions,
    interest_periods,
    jurisdiction_of,
    load_demand_law,
)
from domain.letters.letter import EntryKind, InvoiceFacts, StatementEntry
from domain.money import Money
from domain.vocabulary import CustomerKind

FILE = Path(__file__).resolve().parents[2] / "deploy" / "demand.toml"
CHECKED = "{ since = 2026-07-01, percent = '8', source = 'x', checked = true }"
BUSINESS, SOLE, PERSON = CustomerKind.BUSINESS, CustomerKind.SOLE_TRADER, CustomerKind.PERSON


def shipped() -> DemandLaw:
    return load_demand_law(FILE.read_text("utf-8"), "demand.toml")


def turned_on(jurisdiction: Jurisdiction) -> Rules:
    """The shipped rules as an operator turns them on: every figure checked."""
    rules = shipped().rules(jurisdiction).model_dump(mode="json")
    rates = [{**rate, "checked": True} for rate in rules["rates"]]
    on = {"interest": True, "fixed_sum": True, "fixed_sum_checked": True}
    return Rules.model_validate({**rules, "rates": rates, **on})


def owed(
    due_on: date,
    amount: str,
    currency: str = "GBP",
    *moves: tuple[EntryKind, date, str],
    withheld: str = "0",
    **more: Any,
) -> InvoiceFacts:
    full = Money.parse(amount, currency)
    entries = [StatementEntry(on=date(2026, 1, 2), kind=EntryKind.INVOICE, amount=full)]
    entries += [
        StatementEntry(on=on, kind=kind, amount=Money.parse(moved, currency)) for kind, on, moved in moves
    ]
    balance = Money.total((entry.amount for entry in entries), currency)
    return InvoiceFacts(
        invoice_id="INV-1", number="INV-1", due_on=due_on, days_past_due=1, currency=currency, amount=full,
        entries=tuple(entries), balance=balance, asked=balance - Money.parse(withheld, currency), **more,
    )  # fmt: skip


def told(item: InvoiceFacts, rules: Rules, as_of: date) -> list[tuple[str, int, str, str, str]]:
    return [
        (f"{p.first}/{p.last}", p.days, str(p.principal), str(p.percent), str(p.interest))
        for p in interest_periods(item, rules, as_of)
    ]


@pytest.mark.parametrize(
    ("country", "kind", "expected"),
    [
        ("GB", BUSINESS, "uk_company"),
        ("GB", SOLE, "uk_individual"),
        ("GB", PERSON, "uk_individual"),
        ("DE", BUSINESS, "eu"),
        ("IE", BUSINESS, "eu"),
        ("DE", PERSON, "generic"),
        ("US", BUSINESS, "us"),
        ("US", SOLE, "generic"),
        ("CH", BUSINESS, "generic"),
        (None, BUSINESS, "generic"),
    ],
)
def test_whose_rules(country: str | None, kind: CustomerKind, expected: str) -> None:
    assert jurisdiction_of(country, kind) == expected


def test_nothing_is_added_as_shipped() -> None:
    item = owed(date(2026, 7, 31), "10000.00")
    for jurisdiction in Jurisdiction:
        rules = shipped().rules(jurisdiction)
        assert not rules.interest
        assert not rules.fixed_sum
        assert additions((item,), rules, date(2026, 10, 9)) == ()
        assert rules.source
        assert not [rate for rate in rules.rates if rate.checked]
    assert shipped().rules(Jurisdiction.UK_INDIVIDUAL).answer_days == 30
    assert len(shipped().rules(Jurisdiction.UK_INDIVIDUAL).annexes) == 3


def test_uk_one_principal() -> None:
    # 31 July to 9 October: 31 + 30 + 9 = 70 days. 10,000 x 11.75 % x 70 / 365 = 225.3424...
    item = owed(date(2026, 7, 31), "10000.00")
    rules = turned_on(Jurisdiction.UK_COMPANY)
    assert told(item, rules, date(2026, 10, 9)) == [
        ("2026-08-01/2026-10-09", 70, "10000.00", "11.75", "225.34")
    ]
    (added,) = additions((item,), rules, date(2026, 10, 9))
    # One day: 10,000 x 11.75 % / 365 = 3.2191...; 10,000 is not below 10,000, hence 100.
    assert (str(added.interest), str(added.daily), str(added.fixed_sum)) == ("225.34", "3.22", "100.00")


def test_uk_part_payment_and_its_reversal() -> None:
    # 30 days on 10,000: 10,000 x .1175 x 30 / 365 = 96.5753; 20 on 6,000: 38.6301; 20 on 10,000 again: 64.3836.
    item = owed(
        date(2026, 7, 31), "10000.00", "GBP",
        (EntryKind.PAYMENT, date(2026, 8, 30), "-4000.00"), (EntryKind.REVERSAL, date(2026, 9, 19), "4000.00"),
    )  # fmt: skip
    assert told(item, turned_on(Jurisdiction.UK_COMPANY), date(2026, 10, 9)) == [
        ("2026-08-01/2026-08-30", 30, "10000.00", "11.75", "96.58"),
        ("2026-08-31/2026-09-19", 20, "6000.00", "11.75", "38.63"),
        ("2026-09-20/2026-10-09", 20, "10000.00", "11.75", "64.38"),
    ]


def test_uk_the_rate_of_the_start_holds_for_good() -> None:
    # Interest starts on 1 December 2025: 12.25 %, also in 2026. 1,000 x .1225 x 62 / 365 = 20.8082
    item = owed(date(2025, 11, 30), "1000.00")
    rules = turned_on(Jurisdiction.UK_COMPANY)
    assert told(item, rules, date(2026, 1, 31)) == [
        ("2025-12-01/2026-01-31", 62, "1000.00", "12.25", "20.81")
    ]
    # Due on 30 June, interest starts on 1 July: the rate of the second half-year.
    assert told(owed(date(2026, 6, 30), "1000.00"), rules, date(2026, 7, 1))[0][3] == "11.75"


def test_eu_each_half_year_has_its_rate() -> None:
    # 30 days of June at 10.15 %: 41.7123; 31 of July at 10.40 %: 44.1643.
    item = owed(date(2026, 5, 31), "5000.00", "EUR")
    rules = turned_on(Jurisdiction.EU)
    assert told(item, rules, date(2026, 7, 31)) == [
        ("2026-06-01/2026-06-30", 30, "5000.00", "10.15", "41.71"),
        ("2026-07-01/2026-07-31", 31, "5000.00", "10.40", "44.16"),
    ]
    (added,) = additions((item,), rules, date(2026, 7, 31))
    assert (str(added.interest), str(added.fixed_sum)) == ("85.87", "40.00")


def test_what_is_disputed_charged_or_credited_bears_no_interest() -> None:
    # 1,000 invoiced, 100 credited late, 50 charged, 300 disputed: 600 bear interest, over 10 days at 11.75 %.
    # 600 x .1175 x 10 / 365 = 1.9315; asked is 650, which is below 1,000.
    item = owed(
        date(2026, 7, 31), "1000.00", "GBP",
        (EntryKind.CREDIT, date(2026, 8, 9), "-100.00"), (EntryKind.CHARGE, date(2026, 8, 2), "50.00"),
        withheld="300.00",
    )  # fmt: skip
    rules = turned_on(Jurisdiction.UK_COMPANY)
    assert told(item, rules, date(2026, 8, 10)) == [("2026-08-01/2026-08-10", 10, "600.00", "11.75", "1.93")]
    assert str(additions((item,), rules, date(2026, 8, 10))[0].fixed_sum) == "40.00"


@pytest.mark.parametrize(
    ("amount", "fixed"),
    [("999.99", "40.00"), ("1000.00", "70.00"), ("9999.99", "70.00"), ("10000.00", "100.00")],
)
def test_uk_fixed_sums(amount: str, fixed: str) -> None:
    (added,) = additions(
        (owed(date(2026, 7, 31), amount),), turned_on(Jurisdiction.UK_COMPANY), date(2026, 8, 1)
    )
    assert str(added.fixed_sum) == fixed


def test_currencies_without_a_fixed_sum_and_without_decimals() -> None:
    # 100,000 JPY x .1175 x 10 / 365 = 321.9178: to the yen.
    (added,) = additions(
        (owed(date(2026, 7, 31), "100000", "JPY"),), turned_on(Jurisdiction.UK_COMPANY), date(2026, 8, 10)
    )
    assert (str(added.interest), added.fixed_sum) == ("322", None)


def test_half_a_penny_is_rounded_up() -> None:
    # 73.00 x 10 % x 1 / 365 = 0.02 exactly; 91.25 x 10 % / 365 = 0.025 exactly.
    rules = turned_on(Jurisdiction.UK_COMPANY).model_dump(mode="json")
    rates = [{"since": "2026-07-01", "percent": "10", "source": "example", "checked": True}]
    ten = Rules.model_validate({**rules, "rates": rates})
    assert told(owed(date(2026, 7, 31), "73.00"), ten, date(2026, 8, 1))[0][4] == "0.02"
    assert told(owed(date(2026, 7, 31), "91.25"), ten, date(2026, 8, 1))[0][4] == "0.03"


def test_not_due_and_paid_bear_nothing() -> None:
    rules = turned_on(Jurisdiction.UK_COMPANY)
    assert additions((owed(date(2026, 8, 1), "10.00"),), rules, date(2026, 8, 1)) == ()
    before = owed(date(2026, 7, 31), "10.00", "GBP", (EntryKind.PAYMENT, date(2026, 7, 30), "-9.00"))
    assert told(before, rules, date(2026, 8, 10))[0][2] == "1.00"


def test_a_missing_rate_is_named_and_none_is_guessed() -> None:
    rules = turned_on(Jurisdiction.EU)
    with pytest.raises(RateUnknown, match="no rate since 2027-01-01"):
        interest_periods(owed(date(2026, 12, 15), "10.00", "EUR"), rules, date(2027, 1, 15))
    with pytest.raises(RateUnknown, match="no rate since 2024-07-01"):
        interest_periods(
            owed(date(2024, 8, 1), "10.00"), turned_on(Jurisdiction.UK_COMPANY), date(2026, 1, 15)
        )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('interest = false\nrate_is = "fixed', "uk_company: the rates since 2025-01-01"),
        ('fixed_sum = false\nfixed_sum_currency = "EUR', "eu: the fixed sums were not checked"),
        ("answer_days = 30", "uk_individual.answer_days"),
        ("annexes = [", "statutory interest and sums are for business debts"),
        ('percent = "12.75"', "a number with a point is not exact"),
        ('since = 2025-01-01, percent = "12', "begins on 1 January or 1 July"),
        ("[us]", "jurisdictions.atlantis|atlantis"),
        ("[generic]", "is not TOML"),
    ],
)
def test_faults_of_the_file_are_named(change: str, said: str) -> None:
    broken = {
        "answer_days = 30": "answer_days = 300",
        "annexes = [": f"interest = true\ninterest_source = 'x'\nrates = [{CHECKED}]\nannexes = [",
        'percent = "12.75"': "percent = 12.75",
        'since = 2025-01-01, percent = "12': 'since = 2025-02-01, percent = "12',
        "[us]": "[atlantis]",
        "[generic]": "[generic",
    }.get(change, change.replace("false", "true", 1))
    text = FILE.read_text("utf-8")
    assert change in text
    with pytest.raises(DemandLawInvalid, match=said):
        load_demand_law(text.replace(change, broken, 1), "demand.toml")
