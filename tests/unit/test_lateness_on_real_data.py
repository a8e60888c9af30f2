"""The probability of late payment on the histories of ../shared/data, where they are there."""

from __future__ import annotations

import pytest

from benchmarks import risk

pytestmark = pytest.mark.skipif(
    not risk.DATA.is_dir(), reason="the real data of ../shared/data is not on this machine"
)


@pytest.mark.parametrize(
    ("name", "least_auc", "most_brier"),
    [
        pytest.param("datarisk", 0.87, 0.055, marks=pytest.mark.slow),
        ("ibm", 0.86, 0.125),
    ],
)
def test_the_explainable_score_tells_late_payers_apart(
    name: str, least_auc: float, most_brier: float
) -> None:
    (history,) = [each for each in risk.HISTORIES if each.name == name]
    skill = risk.explained(history)
    assert skill.auc is not None
    assert skill.auc >= least_auc
    assert skill.brier <= most_brier
