"""The probability of late payment: the formula, what was known on a day, and what changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.behaviour.lateness import (
    LATE,
    PRIOR,
    VERY_LATE,
    Band,
    LateScore,
    band_of,
    scores_at_issue,
    scores_on,
    size_of,
)
from domain.files.past_invoices import PastInvoice
from domain.money import Money

DAY = date(2026, 1, 1)


def days(number: int) -> timedelta:
    return timedelta(days=number)


def invoice(
    name: str,
    customer: str = "C",
    *,
    issued: date = DAY,
    terms: int = 30,
    late: int | None = None,
    minor: int = 100_000,
) -> PastInvoice:
    """An invoice paid so many days after it was due; None: not paid."""
    due = issued + days(terms)
    settled = None if late is None else max(issued, due + days(late))
    return PastInvoice(name, customer, issued, due, Money(minor, "USD"), settled)


def history(customer: str, *late: int | None, prefix: str = "") -> list[PastInvoice]:
    """One invoice a week from the first day on."""
    return [
        invoice(f"{prefix}{customer}-{number}", customer, issued=DAY + days(7 * number), late=each)
        for number, each in enumerate(late)
    ]


def only(scores: Sequence[LateScore], name: str) -> LateScore:
    (score,) = [each for each in scores if each.invoice_id == name]
    return score


def test_the_share_of_late_ones_is_drawn_towards_everybodys() -> None:
    past = [*history("C", 7, 8, 9, 0, 40), *history("OTHER", 0, 0, 0, 0, 0, 0, 0, 0, 6)]
    fresh = invoice("FRESH", issued=DAY + days(300))
    score = only(scores_at_issue([*past, fresh], DAY + days(300)), "FRESH")
    assert score.past == 5
    assert score.customer_late5 == pytest.approx((4 + PRIOR * 5 / 14) / (5 + PRIOR))
    assert score.customer_late30 == pytest.approx((1 + PRIOR * 1 / 14) / (5 + PRIOR))
    assert "4 of the last 5 invoices were 5 or more days late" in score.reasons
    assert "1 of the last 5 invoices was 30 or more days late" in score.reasons


def test_exactly_five_days_late_is_late_and_four_is_not() -> None:
    fresh = invoice("FRESH", "NEW", issued=DAY + days(300))
    four, five = (
        only(scores_at_issue([invoice("A", late=late), fresh], fresh.issued_on), "FRESH") for late in (4, 5)
    )
    assert (four.customer_late5, five.customer_late5) == (0.0, 1.0)


def test_a_settlement_counts_from_its_own_day_on() -> None:
    paid = invoice("PAID", late=0)
    assert paid.settled_on is not None
    for after, known in ((-1, 0), (0, 1)):
        fresh = invoice("FRESH", issued=paid.settled_on + days(after))
        assert only(scores_at_issue([paid, fresh], DAY), "FRESH").past == known


def test_what_is_open_five_days_after_its_due_date_is_known_to_be_late() -> None:
    unpaid = invoice("UNPAID", late=None)
    for past_due, known in ((LATE - 1, 0), (LATE, 1)):
        fresh = invoice("FRESH", issued=unpaid.due_on + days(past_due))
        score = only(scores_at_issue([unpaid, fresh], fresh.issued_on), "FRESH")
        assert (score.past, score.customer_late5) == (known, float(known))


def test_an_invoice_says_nothing_of_itself() -> None:
    at_once = invoice("AT-ONCE", terms=0, late=0)
    score = only(scores_at_issue([at_once], DAY), "AT-ONCE")
    assert score.past == 0
    open_for_long = [*history("C", 0, 0, 0, 0), invoice("OLD", terms=5)]
    assert only(scores_on(open_for_long, DAY + days(200)), "OLD").past == 4


def test_what_is_open_beyond_a_threshold_is_certainly_late() -> None:
    past = [*history("C", *[0] * 20), invoice("OPEN")]
    due = DAY + days(30)
    before = [only(scores_on(past, due + days(past_due)), "OPEN") for past_due in (-1, 1, 3)]
    assert before[0].p_late5 < 0.1
    settled_later = [*history("C", *[0] * 20), *history("C", *[2] * 4, prefix="two-"), invoice("OPEN")]
    on_due, two_days = (
        only(scores_on(settled_later, DAY + days(200)), "LAST").p_late5
        for settled_later in (
            [*settled_later, invoice("LAST", issued=DAY + days(170 - past_due))] for past_due in (0, 2)
        )
    )
    assert two_days > on_due
    certain = only(scores_on(past, due + days(LATE)), "OPEN")
    assert certain.p_late5 == 1.0
    assert certain.p_late30 < 1.0
    assert certain.band is Band.HIGH
    assert only(scores_on(past, due + days(VERY_LATE)), "OPEN").p_late30 == 1.0


def test_sizes_that_are_late_more_often_than_their_customers_raise_the_odds() -> None:
    small = [
        invoice(f"S{n}", f"C{n // 2 % 10}", issued=DAY + days(n), minor=900, late=20) for n in range(200)
    ]
    large = [
        invoice(f"L{n}", f"C{n // 2 % 10}", issued=DAY + days(n), minor=900_000, late=0) for n in range(200)
    ]
    later = DAY + days(400)
    fresh = [
        invoice("SMALL", "C1", issued=later, minor=800),
        invoice("LARGE", "C1", issued=later, minor=800_000),
    ]
    scores = scores_at_issue([*small, *large, *fresh], later)
    little, much = only(scores, "SMALL"), only(scores, "LARGE")
    assert little.customer_late5 == much.customer_late5
    assert little.p_late5 > little.customer_late5 > much.p_late5
    assert any(each.startswith("invoices of 5 to 10 USD are late ") for each in little.reasons)
    assert any(each.startswith("invoices of 5,000 to 10,000 USD are late ") for each in much.reasons)


def test_where_all_are_later_than_before_no_size_is_to_blame() -> None:
    well = [invoice(f"W{n}", f"C{n % 10}", issued=DAY + days(n), late=0) for n in range(40)]
    badly = [invoice(f"B{n}", f"C{n % 10}", issued=DAY + days(100 + n), late=20) for n in range(40)]
    fresh = invoice("FRESH", "C1", issued=DAY + days(300))
    score = only(scores_at_issue([*well, *badly, fresh], fresh.issued_on), "FRESH")
    assert score.p_late5 == pytest.approx(score.customer_late5)


def test_sizes_step_by_one_two_five() -> None:
    steps = [size_of(invoice("I", minor=minor))[1] for minor in (1, 2, 4, 5, 9, 10, 19, 20, 49, 50, 99, 100)]
    assert steps == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6]


def test_bands_by_the_worse_of_both() -> None:
    assert [band_of(*each) for each in ((0.1, 0.01), (0.15, 0.0), (0.1, 0.05), (0.4, 0.0), (0.1, 0.2))] == [
        Band.LOW,
        Band.MEDIUM,
        Band.MEDIUM,
        Band.HIGH,
        Band.HIGH,
    ]


def test_nothing_known_says_so() -> None:
    (score,) = scores_at_issue([invoice("I")], DAY)
    assert (score.p_late5, score.p_late30, score.past) == (0.0, 0.0, 0)
    assert score.reasons == ("nothing is known yet of how invoices are paid",)


# What was not known yet changes nothing

_invoices = st.lists(
    st.builds(
        lambda customer, issued, terms, late, minor: (customer, issued, terms, late, minor),
        st.sampled_from("ABC"),
        st.integers(0, 120),
        st.integers(0, 45),
        st.none() | st.integers(-20, 60),
        st.sampled_from((900, 1_500, 70_000, 3_000_000)),
    ),
    min_size=1,
    max_size=40,
)


def _built(told: list[tuple[str, int, int, int | None, int]]) -> list[PastInvoice]:
    return [
        invoice(f"I{number}", customer, issued=DAY + days(issued), terms=terms, late=late, minor=minor)
        for number, (customer, issued, terms, late, minor) in enumerate(told)
    ]


@given(_invoices, st.integers(0, 200), st.randoms(use_true_random=False))
def test_settlements_after_a_day_change_no_score_made_on_it(
    told: list[tuple[str, int, int, int | None, int]], after: int, chance: object
) -> None:
    day = DAY + days(after)
    invoices = _built(told)
    changed = [
        each
        if each.settled_on is not None and each.settled_on <= day
        else each._replace(settled_on=chance.choice((None, day + days(1), day + days(40))))  # type: ignore[attr-defined]
        for each in invoices
    ]
    assert scores_on(changed, day) == scores_on(invoices, day)
    issued_by = {each.invoice_id for each in invoices if each.issued_on <= day}
    before, after_change = (
        [score for score in scores_at_issue(each, DAY) if score.invoice_id in issued_by]
        for each in (
            invoices,
            [one for one in changed if one.settled_on is None or one.settled_on >= one.issued_on],
        )
    )
    assert {
        score.invoice_id: score
        for score in before
        if score.invoice_id in {s.invoice_id for s in after_change}
    } == {score.invoice_id: score for score in after_change}


@given(_invoices)
def test_the_customers_part_is_the_formula_over_what_was_known(
    told: list[tuple[str, int, int, int | None, int]],
) -> None:
    """Counted anew for each invoice, without taking anything in day by day."""
    invoices = _built(told)
    for score in scores_at_issue(invoices, DAY):
        (scored,) = [each for each in invoices if each.invoice_id == score.invoice_id]
        day = scored.issued_on
        for threshold, probability in ((LATE, score.customer_late5), (VERY_LATE, score.customer_late30)):
            known = {}
            for each in invoices:
                is_settled = each.settled_on is not None and each.settled_on <= day
                is_late = each.due_on + days(threshold) <= (each.settled_on if is_settled else day)  # type: ignore[operator]
                if each.issued_on <= day and (is_settled or is_late):
                    known[each] = is_late
            own = [
                late
                for each, late in known.items()
                if each.customer_id == scored.customer_id and each != scored
            ]
            everybodys = [late for each, late in known.items() if each != scored]
            base = sum(everybodys) / len(everybodys) if everybodys else 0.0
            expected = (sum(own) + PRIOR * base) / (len(own) + PRIOR)
            if threshold == VERY_LATE:  # it is never likelier to be 30 than 5 days late
                assert probability == pytest.approx(min(expected, score.customer_late5))
            else:
                assert probability == pytest.approx(expected)


@given(_invoices, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(
    told: list[tuple[str, int, int, int | None, int]], chance: object
) -> None:
    invoices = _built(told)
    mixed = list(invoices)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    first, second = (
        {score.invoice_id: score.p_late5 for score in scores_at_issue(each, DAY)}
        for each in (invoices, mixed)
    )
    assert second == pytest.approx(first)


@given(_invoices, st.integers(0, 200))
def test_probabilities_are_probabilities(
    told: list[tuple[str, int, int, int | None, int]], after: int
) -> None:
    for score in (*scores_at_issue(_built(told), DAY), *scores_on(_built(told), DAY + days(after))):
        assert 0 <= score.p_late30 <= score.p_late5 <= 1
        assert score.reasons
