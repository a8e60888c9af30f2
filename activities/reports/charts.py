"""Charts as SVG, drawn here: columns by month that start at zero. Each stands beside its table, told in words."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, log10
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 680, 152
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 6, 10, 26
_FONT = "Inter, Source Sans 3, Noto Sans, Liberation Sans, DejaVu Sans, sans-serif"
BEFORE_COLOUR, AFTER_COLOUR = "#9fb0b7", "#1f5f5b"
#: Labels of so many columns fit below them; of more, every second one is named, or every third.
_LABELS = 13


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `value` is None where there is nothing to show."""

    label: str
    value: Fraction | None
    is_after: bool


def columns_svg(columns: Sequence[Column], unit: str) -> str:
    """A column for each month, those after the change in another colour, with a line where it came."""
    values = [each.value for each in columns if each.value is not None]
    low, high, ticks = _scale(min(values, default=Fraction(0)), max(values, default=Fraction(0)))
    plot_width, plot_height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    slot = plot_width / max(1, len(columns))

    def y_of(value: float) -> float:
        return _TOP + plot_height * (high - value) / (high - low)

    parts = []
    for tick in ticks:
        y = y_of(tick)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dfe5e8"/>'
            f'<text x="{_LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{tick:g}</text>'
        )
    every = ceil(len(columns) / _LABELS)
    for place, each in enumerate(columns):
        middle = _LEFT + slot * (place + 0.5)
        if each.value is not None:
            top, foot = sorted((y_of(float(each.value)), y_of(0)))
            colour = AFTER_COLOUR if each.is_after else BEFORE_COLOUR
            parts.append(
                f'<rect x="{middle - slot * 0.36:.1f}" y="{top:.1f}" width="{slot * 0.72:.1f}" '
                f'height="{max(0.5, foot - top):.1f}" fill="{colour}"/>'
            )
        else:
            parts.append(f'<text x="{middle:.1f}" y="{y_of(0) - 4:.1f}" text-anchor="middle">–</text>')
        if place % every == 0:
            parts.append(
                f'<text x="{middle:.1f}" y="{_HEIGHT - 10}" text-anchor="middle">{escape(each.label)}</text>'
            )
    change = next((place for place, each in enumerate(columns) if each.is_after), 0)
    if 0 < change < len(columns):
        x = _LEFT + slot * change
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 6}" y2="{_HEIGHT - _BOTTOM}" stroke="#9a3412" '
            'stroke-width="1.2" stroke-dasharray="4 3"/>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" font-family="{_FONT}" font-size="10.5" fill="#5b6b73">'
        f"<title>{escape(unit)}</title>{''.join(parts)}</svg>"
    )


def as_address(svg: str) -> str:
    """The picture as a `data:` address, for a page that fetches nothing."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _scale(lowest: Fraction, highest: Fraction) -> tuple[float, float, list[float]]:
    """From where to where the axis goes, zero included, and its ticks at round numbers."""
    low, high = min(0.0, float(lowest)), max(0.0, float(highest))
    span = (high - low) or 1.0
    step = 10 ** floor(log10(span / 4))
    step *= next(factor for factor in (1, 2, 2.5, 5, 10) if span / (step * factor) <= 5)
    first, last = floor(low / step), ceil(high / step) or 1
    return first * step, last * step, [tick * step for tick in range(first, last + 1)]
