"""How figures are reckoned for people to read: exactly, rounded once at the end; None for what divides by nothing."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def rounded(value: Fraction | None, places: int) -> float | None:
    """A figure to read, no longer money: rounded half to even."""
    return None if value is None else float(round(value, places))


def percent(part: int, whole: int, places: int = 2) -> float | None:
    """What share of the whole a part is, in percent."""
    return rounded(Fraction(100 * part, whole), places) if whole else None


def mean(values: Sequence[int], places: int = 2) -> float | None:
    return rounded(Fraction(sum(values), len(values)), places) if values else None


def median(values: Sequence[int], places: int = 2) -> float | None:
    """The middle value; of two middle ones their mean."""
    if not values:
        return None
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return float(ordered[middle])
    return rounded(Fraction(ordered[middle - 1] + ordered[middle], 2), places)
