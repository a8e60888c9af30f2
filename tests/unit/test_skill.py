"""The figures by which probabilities are judged equal those of scikit-learn, where it is installed."""

from __future__ import annotations

import random

import pytest

from domain.behaviour.skill import Skill, auc, brier, calibration_error


def test_figures_of_a_hand_made_case() -> None:
    happened, probabilities = [True, False, True, False], [0.9, 0.8, 0.3, 0.1]
    assert auc(happened, probabilities) == 0.75
    assert brier(happened, probabilities) == pytest.approx((0.01 + 0.64 + 0.49 + 0.01) / 4)
    assert calibration_error(happened, probabilities) == pytest.approx((0.1 + 0.8 + 0.7 + 0.1) / 4)


def test_where_everything_happened_nothing_can_be_told_apart() -> None:
    assert auc([True, True], [0.2, 0.4]) is None
    assert Skill.of_probabilities([True, True], [1.0, 1.0]).brier == 0
    with pytest.raises(ValueError, match="no probabilities"):
        Skill.of_probabilities([], [])


def test_as_scikit_learn_reckons() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="the extra `train` is not installed")
    chance = random.Random(5)
    probabilities = [round(chance.random(), 2) for _ in range(2_000)]  # many ties
    happened = [chance.random() < p * p for p in probabilities]
    assert auc(happened, probabilities) == pytest.approx(
        metrics.roc_auc_score(happened, probabilities), abs=1e-12
    )
    assert brier(happened, probabilities) == pytest.approx(
        metrics.brier_score_loss(happened, probabilities), abs=1e-12
    )
