"""A model file is input: what it may say, what it is refused for, and what it was told of an invoice."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.behaviour.late_features import FEATURES, described_at_issue, described_on
from domain.behaviour.late_model import InvalidModel, LateModel, load_model
from domain.files.past_invoices import PastInvoice
from domain.money import Money

DAY = date(2026, 1, 1)
AMOUNT = FEATURES.index("amount")


def days(number: int) -> timedelta:
    return timedelta(days=number)


def forest(threshold: int) -> dict[str, Any]:
    """One tree: what is below 100.00 adds 2, anything else −2."""
    tree = {"left": [1, -1, -1], "right": [2, -1, -1], "feature": [AMOUNT, -2, -2],
            "threshold": [4.0, -2.0, -2.0], "value": [0.0, 2.0, -2.0]}  # fmt: skip
    return {
        "days": threshold,
        "ensemble": {"start": 0.0, "rate": 1.0, "trees": [tree]},
        "judged": {
            "since": "2026-01-01",
            "invoices": 1000,
            "late": 0.1,
            "model": {"auc": 0.93, "brier": 0.03, "ece": 0.01},
            "explained": {"auc": 0.88, "brier": 0.04, "ece": 0.01},
        },
    }


def document() -> dict[str, Any]:
    return {
        "format": "duecourse-late-payment/1",
        "features": list(FEATURES),
        "known_until": "2026-06-30",
        "invoices": 1000,
        "late5": forest(5),
        "late30": forest(30),
    }


def loaded(told: object) -> LateModel:
    return load_model(json.dumps(told).encode(), "model.json")


def test_a_model_is_evaluated_without_the_library_that_trained_it() -> None:
    past = [
        PastInvoice("SMALL", "C", DAY, DAY + days(30), Money(5_000, "USD")),
        PastInvoice("LARGE", "C", DAY, DAY + days(30), Money(50_000, "USD")),
    ]
    small, large = loaded(document()).at_issue(past, DAY)
    assert small.p_late5 == pytest.approx(0.880797, abs=1e-6)
    assert large.p_late5 == pytest.approx(0.119203, abs=1e-6)
    assert small.reasons[-1] == "the trained model says 88%; counted from the history alone it is 0%"
    assert "nothing is known yet" in small.reasons[0]
    modules = "domain.behaviour.late_model, commands.risk.risk"
    code = f"import sys, {modules}; sys.exit(any(m.startswith('sklearn') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_past_due_is_not_asked_of_a_model_that_learned_at_issue() -> None:
    past = [PastInvoice("OLD", "C", DAY, DAY + days(30), Money(50_000, "USD"))]
    (score,) = loaded(document()).on(past, DAY + days(40))
    assert score.p_late5 == 1.0


def _change(*path: str | int, to: object) -> Callable[[dict[str, Any]], None]:
    def change(told: dict[str, Any]) -> None:
        at: Any = told
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = to

    return change


TREE = ("late5", "ensemble", "trees", 0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_change("format", to="pickle"), "format"),
        (_change("features", to=["amount"]), "other figures"),
        (_change("late5", "days", to=30), "mixed up"),
        (_change("late5", "judged", "model", "auc", to=0.87), "did not beat the explainable score"),
        (_change("late5", "judged", "model", "brier", to=0.05), "did not beat the explainable score"),
        (_change(*TREE, "left", to=[0, -1, -1]), "does not lead on"),
        (_change(*TREE, "left", to=[2, -1, -1]), "two parents"),
        (_change(*TREE, "right", to=[3, -1, -1]), "does not lead on"),
        (_change(*TREE, "value", to=[0.0]), "different lengths"),
        (_change(*TREE, "feature", to=[99, -2, -2]), "feature"),
        (_change(*TREE, "feature", to=[-2, -2, -2]), "does not lead on"),
        (_change(*TREE, "value", to=[0.0, float("inf"), 0.0]), "finite"),
        (_change(*TREE, "threshold", to=[float("nan"), 0.0, 0.0]), "finite"),
        (_change("late5", "ensemble", "trees", to=[]), "at least 1"),
        (_change("late5", "ensemble", "rate", to="__import__('os')"), "number"),
        (_change("secret", to=1), "not permitted"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(change: Callable[[dict[str, Any]], None], reason: str) -> None:
    told = document()
    change(told)
    with pytest.raises(InvalidModel, match=f"^model.json: .*{reason}"):
        loaded(told)


def test_a_tree_may_not_be_deep() -> None:
    told, size = document(), 61
    told["late5"]["ensemble"]["trees"][0] = {
        "left": [node + 1 if node % 2 == 0 and node < size - 1 else -1 for node in range(size)],
        "right": [node + 2 if node % 2 == 0 and node < size - 1 else -1 for node in range(size)],
        "feature": [0] * size,
        "threshold": [0.0] * size,
        "value": [0.0] * size,
    }
    with pytest.raises(InvalidModel, match="deeper than"):
        loaded(told)


@pytest.mark.parametrize("data", [b"", b"\x80\x04.", b"[" * 5_000, b"{}", b" " * (32 * 2**20 + 1)])
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidModel, match=r"^model\.json: "):
        load_model(data, "model.json")


_rows = st.lists(
    st.tuples(
        st.sampled_from("AB"), st.integers(0, 90), st.integers(0, 40), st.none() | st.integers(-20, 60)
    ),
    min_size=1,
    max_size=25,
)


def _invoices_of(rows: list[tuple[str, int, int, int | None]]) -> list[PastInvoice]:
    invoices = []
    for number, (customer, issued, terms, late) in enumerate(rows):
        on = DAY + days(issued)
        due = on + days(terms)
        settled = None if late is None else max(on, due + days(late))
        amount = Money(100 * (number + 1), "USD")
        invoices.append(PastInvoice(f"I{number}", customer, on, due, amount, settled))
    return invoices


@given(_rows, st.integers(0, 24), st.none() | st.integers(-3, 60), st.integers(-20, 0))
def test_at_issue_an_invoice_tells_nothing_of_itself(
    rows: list[tuple[str, int, int, int | None]], which: int, settled_after: int | None, terms: int
) -> None:
    """Not even where it is settled on its day of issue, or is long due then."""
    which %= len(rows)
    invoices = _invoices_of(rows)
    one = invoices[which]._replace(due_on=invoices[which].issued_on + days(terms), settled_on=None)
    settled = None if settled_after is None else one.issued_on + days(settled_after)
    described = []
    for each in (one, one._replace(settled_on=settled)):
        invoices[which] = each
        (itself,) = [every for every in described_at_issue(invoices, DAY) if every.index == which]
        described.append(itself)
    assert described[0] == described[1]


@given(_rows, st.integers(0, 150), st.randoms(use_true_random=False))
def test_a_model_is_told_nothing_that_was_not_known(
    rows: list[tuple[str, int, int, int | None]], after: int, chance: Any
) -> None:
    day = DAY + days(after)
    invoices = _invoices_of(rows)
    changed = [
        each
        if each.settled_on is not None and each.settled_on <= day
        else each._replace(settled_on=chance.choice((None, max(day, each.issued_on) + days(9))))
        for each in invoices
    ]
    assert list(described_on(changed, day)) == list(described_on(invoices, day))
    before, then = (
        [each for each in described_at_issue(told, DAY) if each.on <= day] for told in (invoices, changed)
    )
    assert then == before
    assert all(len(each.figures) == len(FEATURES) for each in before)
