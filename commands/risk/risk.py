"""How likely the invoices of a file are to be paid late, from what was known on a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from commands.failures import BadInput
from commands.files.past_invoices import read_past
from commands.terminal import amount, clean, count, day, note, notes, out, print_json, table, words
from domain.behaviour.late_model import LARGEST_FILE, InvalidModel, LateModel, load_model
from domain.behaviour.lateness import LATE, VERY_LATE, Band, LateScore, scores_at_issue, scores_on
from domain.files.past_invoices import PastInvoice

#: Rows of the table, the likeliest first; `--json` has them all.
_LISTED = 40
_STYLES = {Band.HIGH: "bold", Band.MEDIUM: "", Band.LOW: "dim"}


def print_scores(
    csv: Path, as_of: date | None, at_issue: date | None, model: Path | None, *, as_json: bool
) -> None:
    """Score what is open at the end of a day, or each invoice issued from a day on at its own issue.

    Raises BadInput where the file or the model cannot be used, and where the model learned from later days.
    """
    if as_of is not None and at_issue is not None:
        raise BadInput("--at-issue: give either a day for all (--as-of), or a day from which on, not both")
    trained = None if model is None else read_model(model)
    on = as_of or datetime.now(UTC).date()
    if trained is not None:
        refuse_look_ahead(
            trained, "--as-of" if at_issue is None else "--at-issue", on if at_issue is None else at_issue
        )
    past, left_out = read_past(csv)
    if at_issue is not None:
        scores = scores_at_issue(past, at_issue) if trained is None else trained.at_issue(past, at_issue)
    else:
        scores = scores_on(past, on) if trained is None else trained.on(past, on)
    if left_out:
        note(f"{count(left_out, 'row')} left out: flagged, or without a date of issue")
    if as_json:
        print_json([as_document(score) for score in scores])
        return
    _print_table(scores, {each.invoice_id: each for each in past})


def read_model(file: Path) -> LateModel:
    """A model that `risk-train` wrote. Raises BadInput."""
    with file.open("rb") as opened:
        data = opened.read(LARGEST_FILE + 1)
    try:
        return load_model(data, str(file))
    except InvalidModel as problem:
        raise BadInput(clean(str(problem))) from None


def refuse_look_ahead(model: LateModel, option: str, on: date) -> None:
    """A score must follow from what was known at the end of its day, and so must the model that gives it. The last
    day it learned from may be scored: what it knows is what was known at that day's end. Raises BadInput."""
    if on < model.known_until:
        raise BadInput(
            f"{option}: {on} is before {model.known_until}, up to which the model had learned how invoices went: give "
            f"that day or a later one, or train on less: risk-train --before {on + timedelta(days=1)}"
        )


def as_document(score: LateScore) -> dict[str, Any]:
    """A score as `--json` prints it; probabilities to six places."""
    return {
        "invoice_id": score.invoice_id,
        "p_late5": round(score.p_late5, 6),
        "p_late30": round(score.p_late30, 6),
        "reasons": list(score.reasons),
    }


def percent(probability: float) -> str:
    """`7 %`; what is not certain is never told as 0 or 100."""
    if 0 < probability < 0.01:
        return "< 1 %"
    if 0.99 < probability < 1:
        return "> 99 %"
    return f"{probability:.0%}".replace("%", " %")


def _print_table(scores: Sequence[LateScore], invoices: dict[str, PastInvoice]) -> None:
    if not scores:
        notes().print("No invoice to score.")
        return
    late, very_late = f"{LATE} days late", f"{VERY_LATE} days late"
    listed = table(
        ["Invoice", "Customer", "Due", "Amount", late, very_late, "Risk", "Why"],
        right=["Amount", late, very_late],
        wide=["Invoice", "Customer", "Why"],
    )
    for score in sorted(scores, key=lambda each: -each.p_late5)[:_LISTED]:
        invoice = invoices[score.invoice_id]
        listed.add_row(
            words(invoice.invoice_id),
            words(invoice.customer_id),
            words(day(invoice.due_on)),
            words(amount(invoice.amount.minor, invoice.amount.currency)),
            words(percent(score.p_late5)),
            words(percent(score.p_late30)),
            words(score.band, _STYLES[score.band]),
            words("; ".join(score.reasons)),
        )
    out().print(listed)
    bands = ", ".join(f"{sum(each.band is band for each in scores):,} {band}" for band in Band)
    out().print(words(f"\n{count(len(scores), 'invoice')}: {bands}"))
    if len(scores) > _LISTED:
        notes().print(f"The {_LISTED} likeliest to be late are listed; --json has them all.")
