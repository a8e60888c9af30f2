"""What the hold-out shows, in words and numbers: the one place where an effect is spoken of."""

from __future__ import annotations

from typing import Any

from domain.hold_out import Arm, Effect, HeldAgainst, NoEffect

#: What the figures are, wherever they are shown.
METHOD = (
    "Customers were drawn by hash before their first case; each counts in the arm they were drawn into. The effect is "
    "the usual arm less the held-out one, with its 95 % interval over customers (docs/hold-out.md)."
)
COLLECTED = "Paid within 60 days of the due date"
DAYS = "Days from issue to payment, at most until 60 days after the due date"
_MINUS = "\N{MINUS SIGN}"


def hold_out_document(told: HeldAgainst) -> dict[str, Any]:
    """As plain values: shares in percent, differences in percentage points, days."""
    return {
        "arms": [
            {"arm": str(arm), "customers": told.customers[arm], "invoices": told.invoices[arm]} for arm in Arm
        ],
        "collected_60d": _document(told.collected, 100),
        "days_to_pay": _document(told.days, 1),
        "method": METHOD,
    }


def _document(shown: Effect | NoEffect, factor: int) -> dict[str, Any]:
    if isinstance(shown, NoEffect):
        return {"effect": None, "not_shown": shown.why}
    return {
        "usual": round(shown.usual * factor, 2),
        "held_out": round(shown.held_out * factor, 2),
        "effect": round(shown.difference * factor, 2),
        "interval": [round(shown.low * factor, 2), round(shown.high * factor, 2)],
    }


def hold_out_rows(told: HeldAgainst) -> list[tuple[str, str, str, str, str]]:
    """A row for each figure: its name, the usual arm, the held-out arm, the effect, and its interval or why there
    is none."""
    return [
        _row(COLLECTED, told.collected, 100, " %", " points"),
        _row(DAYS, told.days, 1, " days", " days"),
    ]


def arms_in_words(told: HeldAgainst) -> str:
    """`9,012 invoices of 713 customers in the usual arm, 1,033 of 80 held out`."""
    return (
        f"{told.invoices[Arm.USUAL]:,} invoices of {told.customers[Arm.USUAL]:,} customers in the usual arm, "
        f"{told.invoices[Arm.HELD_OUT]:,} of {told.customers[Arm.HELD_OUT]:,} held out"
    )


def _row(
    name: str, shown: Effect | NoEffect, factor: int, unit: str, of_difference: str
) -> tuple[str, str, str, str, str]:
    if isinstance(shown, NoEffect):
        return name, "", "", "not shown", f"{shown.why[0].upper()}{shown.why[1:]}."
    interval = f"{_signed(shown.low * factor)} to {_signed(shown.high * factor)}{of_difference}"
    return (
        name,
        f"{shown.usual * factor:,.1f}{unit}",
        f"{shown.held_out * factor:,.1f}{unit}",
        f"{_signed(shown.difference * factor)}{of_difference}",
        interval,
    )


def _signed(value: float) -> str:
    rounded = round(value, 1)
    return f"{_MINUS if rounded < 0 else '+' if rounded > 0 else ''}{abs(rounded):,.1f}"
