"""Money: read exactly, printed as it came, never mixed, and split without losing a cent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.money import Money, exponent, split

currencies = st.sampled_from(["USD", "EUR", "JPY", "KWD"])
minors = st.integers(-(10**15) + 1, 10**15 - 1)


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [("USD", 2), ("EUR", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3), ("TND", 3), ("XYZ", 2)],
)
def test_decimals_of_a_currency(currency: str, decimals: int) -> None:
    assert exponent(currency) == decimals


@pytest.mark.parametrize(
    ("amount", "currency", "minor", "printed"),
    [
        ("1250.00", "USD", 125_000, "1250.00"),
        ("1250", "USD", 125_000, "1250.00"),
        ("1250.5", "USD", 125_050, "1250.50"),
        ("0.01", "USD", 1, "0.01"),
        ("-0.01", "USD", -1, "-0.01"),
        ("-0", "USD", 0, "0.00"),
        ("0", "JPY", 0, "0"),
        ("1250", "JPY", 1250, "1250"),
        ("1250.125", "KWD", 1_250_125, "1250.125"),
        ("0.5", "KWD", 500, "0.500"),
        ("999999999999999.999", "KWD", 999_999_999_999_999_999, "999999999999999.999"),
    ],
)
def test_amounts_are_read_exactly(amount: str, currency: str, minor: int, printed: str) -> None:
    money = Money.parse(amount, currency)
    assert money == Money(minor, currency)
    assert str(money) == printed
    assert money.decimal == Decimal(amount)


@pytest.mark.parametrize(
    "amount",
    ["", " ", "1 ", " 1", "+1", "--1", "01", "1.", ".5", "1e3", "1E3", "1e999", "NaN", "Infinity", "-inf", "1_000",
     "1,000", "1.234,56", "1'000", "0x10", "٥", "１", "1\n", "1\x00", "$1", "9" * 16, "9" * 200_000, "1.0000"],
)  # fmt: skip
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="is not a decimal number"):
        Money.parse(amount, "USD")


@pytest.mark.parametrize(
    ("amount", "currency"), [("1.5", "JPY"), ("1.0", "JPY"), ("1.005", "USD"), ("1.000", "EUR")]
)
def test_more_decimals_than_the_currency_has_are_refused(amount: str, currency: str) -> None:
    with pytest.raises(ValueError, match=f"decimals of {currency}"):
        Money.parse(amount, currency)


@pytest.mark.parametrize("currency", ["", "usd", "US", "USDT", "US$", "USD\n", "ÜSD"])
def test_what_is_no_currency_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        Money.parse("1", currency)


def test_currencies_never_meet() -> None:
    dollar, euro = Money(100, "USD"), Money(100, "EUR")
    assert dollar != euro
    for meet in (
        lambda: dollar + euro,
        lambda: dollar - euro,
        lambda: dollar < euro,
        lambda: dollar <= euro,
        lambda: dollar > euro,
        lambda: dollar >= euro,
        lambda: Money.total([dollar, euro], "USD"),
    ):
        with pytest.raises(ValueError, match="cannot be added or compared"):
            meet()


def test_only_nothing_is_falsy() -> None:
    assert not Money.zero("USD")
    assert Money(1, "USD")
    assert Money(-1, "USD")


@pytest.mark.parametrize(
    ("amount", "count", "unit", "parts"),
    [
        (Money.parse("84200.00", "USD"), 3, 100, ["28067.00", "28067.00", "28066.00"]),
        (Money.parse("127400.00", "USD"), 3, 100, ["42467.00", "42467.00", "42466.00"]),
        (Money.parse("100.00", "USD"), 3, 1, ["33.33", "33.33", "33.34"]),
        (Money.parse("100", "JPY"), 3, 1, ["33", "33", "34"]),
        (Money.parse("1.000", "KWD"), 3, 1, ["0.333", "0.333", "0.334"]),
        (Money.parse("10.00", "USD"), 1, 100, ["10.00"]),
        (Money.parse("100.50", "USD"), 2, 100, ["50.00", "50.50"]),
    ],
)
def test_splits_of_the_book(amount: Money, count: int, unit: int, parts: list[str]) -> None:
    assert [str(part) for part in split(amount, count, unit)] == parts


@pytest.mark.parametrize(("minor", "count", "unit"), [(2, 3, 1), (100, 3, 100), (0, 2, 1), (-100, 2, 1)])
def test_what_is_too_small_to_split_is_refused(minor: int, count: int, unit: int) -> None:
    with pytest.raises(ValueError, match="too small"):
        split(Money(minor, "USD"), count, unit)


@pytest.mark.parametrize(("count", "unit"), [(0, 1), (1, 0), (-1, 1)])
def test_splits_into_nothing_are_refused(count: int, unit: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        split(Money(100, "USD"), count, unit)


@given(minors, currencies)
def test_printing_and_reading_are_inverse(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.parse(str(money), currency) == money
    assert money.decimal.scaleb(exponent(currency)) == minor


@given(minors, minors, currencies)
def test_arithmetic_is_that_of_integers(left: int, right: int, currency: str) -> None:
    one, other = Money(left, currency), Money(right, currency)
    assert (one + other).minor == left + right
    assert (one - other).minor == left - right
    assert one - other == one + -other
    assert (one < other, one <= other, one > other, one >= other) == (
        left < right, left <= right, left > right, left >= right,
    )  # fmt: skip
    assert Money.total([one, other, one], currency).minor == 2 * left + right


@given(st.integers(1, 10**12), st.integers(1, 60), st.sampled_from([1, 5, 10, 100, 1000]), currencies)
def test_splits_sum_up_and_stay_even(minor: int, count: int, unit: int, currency: str) -> None:
    assume(minor >= count * unit * 2)
    amount = Money(minor, currency)
    try:
        parts = split(amount, count, unit)
    except ValueError:
        # Only where rounding each instalment up would leave nothing for the last one.
        assert minor <= (count - 1) * (minor // count + unit)
        return
    assert len(parts) == count
    assert Money.total(parts, currency) == amount
    assert all(part.minor > 0 for part in parts)
    assert all(part == parts[0] for part in parts[:-1])
    assert all(part.minor % unit == 0 for part in parts[:-1])
    assert abs(parts[0].minor * count - minor) * 2 <= count * unit or count == 1


@given(st.text(max_size=12), st.text(max_size=4))
def test_any_text_is_read_exactly_or_refused(amount: str, currency: str) -> None:
    try:
        money = Money.parse(amount, currency)
    except ValueError:
        return
    assert Decimal(amount) == money.decimal
