"""The draw and the interval of the hold-out: stable, of the share that was asked for, and right as often as it says."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.hold_out import LEAST_CUSTOMERS, Arm, Effect, HoldOut, NoEffect, Tally, effect, student_t
from domain.segments import InvalidSegments, load_segments

CUSTOMERS = [f"C-{number}" for number in range(20_000)]


def held(share: str, salt: str = "spring") -> set[str]:
    draw = HoldOut(share=share, policy="as_before", salt=salt)
    return {customer for customer in CUSTOMERS if draw.arm(customer) is Arm.HELD_OUT}


@pytest.mark.parametrize("share", ["0.01", "0.1", "0.5", "0.9"])
def test_the_draw_is_near_its_share(share: str) -> None:
    expected = float(share)
    deviation = (expected * (1 - expected) / len(CUSTOMERS)) ** 0.5
    assert abs(len(held(share)) / len(CUSTOMERS) - expected) < 4 * deviation


def test_a_larger_share_keeps_who_is_held_out_and_another_salt_draws_anew() -> None:
    assert held("0.1") < held("0.2")
    both = held("0.5") & held("0.5", salt="autumn")
    assert 0.23 < len(both) / len(CUSTOMERS) < 0.27


def test_the_draw_is_the_same_on_every_machine_and_day() -> None:
    draw = HoldOut(share="0.5", policy="as_before", salt="spring")
    assert (
        "".join("h" if draw.arm(f"C-{n}") is Arm.HELD_OUT else "u" for n in range(16)) == "uhhuhhuhhuhuhhhu"
    )


@given(st.text())
def test_every_id_has_an_arm(customer_id: str) -> None:
    draw = HoldOut(share="0.3", policy="as_before", salt="ü")
    assert draw.arm(customer_id) is draw.arm(customer_id)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("share = 0.1\npolicy = 'p'\nsalt = 's'", "write a share as text"),
        ("share = '1.5'\npolicy = 'p'\nsalt = 's'", "share"),
        ("share = '0.1'\nsalt = 's'", "policy"),
        ("share = '0.1'\npolicy = 'p'\nsalt = ''", "salt"),
    ],
)
def test_a_hold_out_that_does_not_fit_names_the_field(table: str, said: str) -> None:
    with pytest.raises(InvalidSegments, match=said):
        load_segments(f"[hold_out]\n{table}\n", "segments.toml")


@pytest.mark.parametrize(("freedom", "quantile"), [(10, 2.228), (19, 2.093), (40, 2.021), (100, 1.984)])
def test_students_t_is_the_tables(freedom: int, quantile: float) -> None:
    assert student_t(0.975, freedom) == pytest.approx(quantile, abs=0.0006)


def test_a_difference_by_hand() -> None:
    usual = [Tally(Arm.USUAL, f"u{n}", 2, 2 if n % 2 else 1, 60) for n in range(20)]
    held_out = [Tally(Arm.HELD_OUT, f"h{n}", 2, 1 if n % 2 else 0, 80) for n in range(20)]
    told = effect([*usual, *held_out], "collected")
    assert isinstance(told, Effect)
    assert (told.usual, told.held_out, told.difference) == (0.75, 0.25, 0.5)
    # Residuals are a half each: variance of an arm 20 x 0.25 x 20/19 / 40^2.
    half = student_t(0.975, 38) * (2 * 5 * 20 / 19 / 1600) ** 0.5
    assert told.low == pytest.approx(0.5 - half)
    assert told.high == pytest.approx(0.5 + half)
    assert effect([*usual, *held_out], "days") == NoEffect(
        "all customers of an arm paid alike: there is nothing to tell an interval from"
    )


def test_too_few_customers_give_no_effect() -> None:
    tallies = [Tally(Arm.USUAL, f"u{n}", 5, 3, 100) for n in range(100)]
    tallies += [Tally(Arm.HELD_OUT, f"h{n}", 50, 30, 100) for n in range(LEAST_CUSTOMERS - 1)]
    tallies += [Tally(Arm.HELD_OUT, "none due yet", 0, 0, 0)]
    told = effect(tallies, "collected")
    assert isinstance(told, NoEffect)
    assert f"{LEAST_CUSTOMERS - 1} customers of the arm 'held out'" in told.why


def test_the_interval_holds_the_true_difference_about_as_often_as_it_says() -> None:
    """Customers who differ in habit and in how many invoices they get; the usual arm pays 8 points more, 4 days
    sooner. Treating invoices as the unit would be right far less often."""
    random = Random(20261122)
    rounds, hits, days_hits, naive = 600, 0, 0, 0
    for _ in range(rounds):
        tallies = []
        for customer in range(300):
            arm = Arm.HELD_OUT if customer < 45 else Arm.USUAL
            habit = random.betavariate(2, 1)  # 2/3 in the mean
            paying = 0.88 * habit + (0.08 if arm is Arm.USUAL else 0.0)
            invoices = random.choice((1, 1, 2, 3, 8))
            collected = sum(random.random() < paying for _ in range(invoices))
            slow = random.gauss(45 if arm is Arm.HELD_OUT else 41, 8)
            days = sum(round(random.gauss(slow, 6)) for _ in range(invoices))
            tallies.append(Tally(arm, str(customer), invoices, collected, days))
        told, days_told = effect(tallies, "collected"), effect(tallies, "days")
        assert isinstance(told, Effect)
        assert isinstance(days_told, Effect)
        hits += told.low <= 0.08 <= told.high
        days_hits += days_told.low <= -4 <= days_told.high
        naive += abs(told.difference - 0.08) <= 1.96 * _naive_error(tallies)
    assert 0.92 <= hits / rounds <= 0.975
    assert 0.92 <= days_hits / rounds <= 0.975
    assert naive / rounds < 0.9


def _naive_error(tallies: list[Tally]) -> float:
    """The standard error as if every invoice had been drawn for itself."""
    variance = 0.0
    for arm in Arm:
        side = [tally for tally in tallies if tally.arm is arm]
        number = sum(tally.invoices for tally in side)
        share = sum(tally.collected for tally in side) / number
        variance += share * (1 - share) / number
    return float(variance**0.5)
