"""How good probabilities were, once it is known what happened: discrimination, error and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

#: Probabilities are compared with what happened in so many groups of equal width.
BINS = 10


class Skill(NamedTuple):
    """Figures of one set of probabilities. `auc` is None where everything, or nothing, happened."""

    of: int
    rate: float
    """The share that happened."""
    auc: float | None
    brier: float
    ece: float

    @classmethod
    def of_probabilities(cls, happened: Sequence[bool], probabilities: Sequence[float]) -> Skill:
        """Raises ValueError where there is nothing to judge."""
        if not happened or len(happened) != len(probabilities):
            raise ValueError("there are no probabilities to judge, or not one for each outcome")
        return cls(
            len(happened),
            sum(happened) / len(happened),
            auc(happened, probabilities),
            brier(happened, probabilities),
            calibration_error(happened, probabilities),
        )


def auc(happened: Sequence[bool], probabilities: Sequence[float]) -> float | None:
    """The area under the ROC curve: how often what happened had the higher probability of a pair, ties halved
    (Mann and Whitney's U by ranks)."""
    positives = sum(happened)
    negatives = len(happened) - positives
    if not positives or not negatives:
        return None
    ranked = sorted(zip(probabilities, happened, strict=True))
    rank_sum, before = 0.0, 0
    for _, tied in groupby(ranked, key=lambda each: each[0]):
        outcomes = [outcome for _, outcome in tied]
        rank_sum += sum(outcomes) * (before + (len(outcomes) + 1) / 2)
        before += len(outcomes)
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def brier(happened: Sequence[bool], probabilities: Sequence[float]) -> float:
    """The mean squared distance between probability and outcome (Brier 1950): 0 is perfect."""
    squares = ((p - outcome) ** 2 for outcome, p in zip(happened, probabilities, strict=True))
    return sum(squares) / len(happened)


def calibration_error(happened: Sequence[bool], probabilities: Sequence[float]) -> float:
    """The expected calibration error: over ten bins of equal width, how far the mean probability lies from the
    share that happened, by the size of the bin."""
    bins: list[list[tuple[bool, float]]] = [[] for _ in range(BINS)]
    for outcome, p in zip(happened, probabilities, strict=True):
        bins[min(int(p * BINS), BINS - 1)].append((outcome, p))
    error = 0.0
    for each in filter(None, bins):
        error += abs(sum(p for _, p in each) - sum(outcome for outcome, _ in each))
    return error / len(happened)
