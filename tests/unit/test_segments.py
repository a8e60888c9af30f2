"""Which tier a customer gets, and how a customer who always pays late is recognised."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from domain.segments import (
    Behaviour,
    ChronicLate,
    InvalidSegments,
    PaidInvoice,
    Segments,
    Standing,
    load_segments,
    revenue_ranks,
    usual_day,
)

DEPLOYED = Path(__file__).resolve().parents[2] / "deploy" / "segments.toml"
ISSUED = date(2026, 1, 1)


def history(*days_late: int, terms: int = 30) -> list[PaidInvoice]:
    due = ISSUED + timedelta(days=terms)
    return [PaidInvoice(ISSUED, due, due + timedelta(days=days)) for days in days_late]


DATAFLOW = history(*([15, 16, 17, 18, 19, 17] * 4))


def rules(text: str) -> Segments:
    return load_segments(text, "segments.toml")


# Behaviour


def test_the_history_of_dataflow() -> None:
    """stories.md: 24 paid invoices, net 30, mean 17.0 days late; usual day 45 (median 47, rounded to 5)."""
    assert Behaviour.of(DATAFLOW) == Behaviour(24, 1.0, 17.0)
    assert ChronicLate().fits(Behaviour.of(DATAFLOW))
    assert usual_day(DATAFLOW) == 45


@pytest.mark.parametrize(
    ("days_late", "chronic"),
    [
        ([17] * 6, True),
        ([17] * 5, False),  # too short a history
        ([17] * 8 + [0, -3], True),  # 8 of 10
        ([17] * 7 + [0, -3], False),  # 7 of 9
        ([1] * 6, True),
        ([30] * 6, True),
        ([31] * 6, False),  # worse than a habit
        ([0] * 6, False),  # on the due date is on time
        ([1, 1, 1, 1, 1, 400], True),  # the median, not the mean
    ],
)
def test_who_is_chronically_late(days_late: Sequence[int], chronic: bool) -> None:
    assert ChronicLate().fits(Behaviour.of(history(*days_late))) is chronic


def test_no_history_is_no_behaviour() -> None:
    assert Behaviour.of([]) == Behaviour(0, 0.0, 0.0)
    assert not ChronicLate(min_paid=1).fits(Behaviour())


@pytest.mark.parametrize(
    ("days", "usual"),
    [
        ([47] * 6, 45),
        ([48] * 6, 50),
        ([42] * 6, 40),
        ([2] * 6, 0),
        ([47] * 5, None),
        ([45, 45, 45, 50, 50, 50], 50),
    ],
)
def test_usual_day(days: Sequence[int], usual: int | None) -> None:
    assert usual_day(history(*days, terms=0)) == usual


def test_usual_day_needs_issue_dates_that_make_sense() -> None:
    undated = [PaidInvoice(None, paid.due_on, paid.settled_on) for paid in DATAFLOW]
    early = [PaidInvoice(paid.settled_on + timedelta(days=1), *paid[1:]) for paid in DATAFLOW]
    assert usual_day(undated) is None
    assert usual_day(early) is None


def test_rows_of_a_database_will_do() -> None:
    assert usual_day([(paid.issued_on, paid.due_on, paid.settled_on) for paid in DATAFLOW]) == 45


def test_revenue_ranks() -> None:
    revenues = {"a": Decimal("5"), "b": Decimal("90.5"), "c": Decimal("5"), "d": Decimal("1")}
    assert revenue_ranks(revenues) == {"b": 1, "a": 2, "c": 2, "d": 4}


# Rules

RULES = """
default = "standard"
[policies]
strategic = "partners"
[[rules]]
name = "top three"
tier = "strategic"
revenue_rank = 3
[[rules]]
name = "much open"
tier = "strategic"
owed = { USD = "1000.00", JPY = "100000" }
action = "propose"
[[rules]]
name = "late"
tier = "chronic_late"
behaviour = "chronic_late"
"""


@pytest.mark.parametrize(
    ("standing", "tier", "policy", "proposed"),
    [
        (Standing(), "standard", "standard", None),
        (Standing(tier="gold"), "gold", "gold", None),
        (Standing(revenue_rank=3), "strategic", "partners", None),
        (Standing(revenue_rank=4), "standard", "standard", None),
        (Standing(owed={"USD": 99_999}), "standard", "standard", None),
        (Standing(owed={"USD": 100_000}), "standard", "standard", "strategic"),
        (Standing(owed={"JPY": 100_000}), "standard", "standard", "strategic"),
        (Standing(owed={"EUR": 10**9}), "standard", "standard", None),
        (Standing(behaviour=Behaviour.of(DATAFLOW)), "chronic_late", "chronic_late", None),
        # the ERP's word stands before every rule, and before the order of the rules
        (Standing(tier="standard", revenue_rank=1), "standard", "standard", None),
        (Standing(tier="standard", owed={"USD": 10**9}), "standard", "standard", "strategic"),
        (Standing(tier="strategic", owed={"USD": 10**9}), "strategic", "partners", None),
        (Standing(revenue_rank=1, behaviour=Behaviour.of(DATAFLOW)), "strategic", "partners", None),
        (
            Standing(owed={"USD": 10**9}, behaviour=Behaviour.of(DATAFLOW)),
            "chronic_late",
            "chronic_late",
            "strategic",
        ),
    ],
)
def test_segment(standing: Standing, tier: str, policy: str, proposed: str | None) -> None:
    segment = rules(RULES).segment(standing)
    assert (segment.tier, segment.policy, segment.proposed) == (tier, policy, proposed)


def test_a_segment_says_why() -> None:
    segments = rules(RULES)
    assert segments.segment(Standing(tier="gold")).why == "the ERP gave this tier"
    assert segments.segment(Standing(revenue_rank=2)).why == "top three: number 2 by revenue"
    assert segments.segment(Standing()).why == "no rule fits"
    assert segments.segment(Standing(owed={"USD": 123_456})).why_proposed == "much open: 1234.56 USD open"
    late = segments.segment(Standing(behaviour=Behaviour.of(DATAFLOW)))
    assert late.why == "late: 100% of 24 invoices paid late, 17.0 days in the median"


def test_every_condition_of_a_rule_must_hold() -> None:
    both = rules('[[rules]]\nname = "r"\ntier = "x"\nrevenue_rank = 5\nowed = { USD = "10" }')
    assert both.segment(Standing(revenue_rank=5, owed={"USD": 1_000})).tier == "x"
    assert both.segment(Standing(revenue_rank=5)).tier == "standard"
    assert both.segment(Standing(owed={"USD": 1_000})).tier == "standard"


def test_the_deployed_rules_apply_what_they_detect() -> None:
    """stories.md: DataFlow is detected, and the tier applied."""
    text = DEPLOYED.read_text("utf-8")
    policies = {path.stem for path in (DEPLOYED.parent / "policies").glob("*.toml")}
    segments = load_segments(text, str(DEPLOYED), policies)
    assert segments.segment(Standing(behaviour=Behaviour.of(DATAFLOW))).policy == "chronic_late"
    assert segments.segment(Standing(revenue_rank=1)).proposed == "strategic"


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("default = ", "segments.toml: not valid TOML", "Invalid value"),
        ('defualt = "x"', "segments.toml: defualt: ", "not permitted"),
        ('[[rules]]\nname = "r"\ntier = "x"', "segments.toml: rule 'r': ", "no condition is given"),
        ('[[rules]]\ntier = "x"\nrevenue_rank = 1', "segments.toml: rule number 1: name: ", "required"),
        ('[[rules]]\nname = "r"\ntier = "X!"\nrevenue_rank = 1', "rule 'r': tier: ", "got 'X!'"),
        ('[[rules]]\nname = "r"\ntier = "x"\nrevenue_rank = 0', "rule 'r': revenue_rank: ", "got 0"),
        (
            '[[rules]]\nname = "r"\ntier = "x"\nowed = { USD = "1.234" }',
            "rule 'r': owed: ",
            "decimals of USD",
        ),
        ('[[rules]]\nname = "r"\ntier = "x"\nowed = { USD = "-1" }', "rule 'r': owed: ", "not above zero"),
        ('[[rules]]\nname = "r"\ntier = "x"\nbehaviour = "kind"', "rule 'r': behaviour: ", "chronic_late"),
        (
            '[[rules]]\nname = "r"\ntier = "x"\nbehaviour = "chronic_late"\naction = "hide"',
            "action: ",
            "propose",
        ),
        ("[chronic_late]\nmedian_from = 9\nmedian_to = 8", "chronic_late: ", "must not be below"),
        (
            '[[rules]]\nname = "r"\ntier = "x"\nrevenue_rank = 1\n[[rules]]\nname = "r"\ntier = "y"\nrevenue_rank = 2',
            "segments.toml: ",
            "rule 'r' stands twice",
        ),
        ('rules = "all"', "segments.toml: rules: ", "got 'all'"),
    ],
)
def test_bad_rules_are_refused(text: str, place: str, reason: str) -> None:
    with pytest.raises(InvalidSegments) as refused:
        rules(text)
    assert place in str(refused.value)
    assert reason in str(refused.value)


def test_a_tier_must_lead_to_a_policy() -> None:
    with pytest.raises(
        InvalidSegments, match="rule 'top three': tier 'strategic' leads to policy 'partners'"
    ):
        load_segments(RULES, "segments.toml", {"standard", "chronic_late"})
    with pytest.raises(InvalidSegments, match="default: tier 'standard'"):
        load_segments("", "segments.toml", {"other"})
    load_segments(RULES, "segments.toml", {"standard", "chronic_late", "partners"})
