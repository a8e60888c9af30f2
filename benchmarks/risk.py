"""How good the probabilities of late payment are on real histories, each invoice scored on its own day of issue.

Judged are the invoices whose threshold lies within the file: of one that fell due later, only a payment in time
could be known.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import mean
from time import process_time

from commands.failures import CommandError
from commands.files.past_invoices import read_past
from commands.risk.risk_train import learn
from domain.behaviour.late_model import told
from domain.behaviour.lateness import LATE, VERY_LATE, Band, LateScore, is_late, scores_at_issue
from domain.behaviour.pay_dates import PayDays
from domain.behaviour.skill import Skill
from domain.files.past_invoices import PastInvoice

DATA = Path(__file__).parents[2] / "shared" / "data"
#: A customer of whom fewer invoices are known is one of whom little is known.
COLD = 3


@dataclass(frozen=True)
class History:
    """A file, from when on it is judged, and the last day it tells of."""

    name: str
    file: Path
    since: date
    until: date


HISTORIES = (
    History(
        "datarisk", DATA / "datarisk" / "invoices_asof_2020-12-31.csv", date(2020, 7, 1), date(2020, 12, 31)
    ),
    History("ibm", DATA / "ibm" / "invoices.csv", date(2013, 1, 1), date(2013, 12, 31)),
)


@dataclass(frozen=True)
class Judged:
    """The skill of one way to score, over some of the invoices."""

    history: str
    score: str
    skill: Skill


@dataclass(frozen=True)
class Measured:
    """What was found on one history."""

    history: History
    invoices: int
    seconds: float
    """Of CPU, to score every invoice from `since` on, without reading the file."""
    judged: tuple[Judged, ...]
    bands: tuple[tuple[Band, int, float], ...]
    """How many invoices were in each, and what share of them was late."""
    trained: str
    """What became of the training on what was known before `since`."""
    dates: Dates


@dataclass(frozen=True)
class Dates:
    """How far, in days, the predicted date of payment lay from the day of payment, and how far the due date did;
    over the judged invoices that were paid within the file."""

    invoices: int
    predicted: float
    due: float


def measure() -> list[Measured]:
    """Score both histories. Raises OSError where the data is not there."""
    return [_measure(history) for history in HISTORIES]


def explained(history: History) -> Skill:
    """The skill of the score that `risk` gives, for 5 days late. Raises OSError where the data is not there."""
    past, _ = read_past(history.file)
    known = {each.invoice_id: each for each in past}
    judged = within(history, known, scores_at_issue(past, history.since), LATE)
    return _skill(known, judged, LATE, lambda each: each.p_late5)


def _measure(history: History) -> Measured:
    past, _ = read_past(history.file)
    began = process_time()
    scores = scores_at_issue(past, history.since)
    seconds = process_time() - began
    known = {each.invoice_id: each for each in past}
    by_model, trained = _train(past, history)
    late, very_late = (within(history, known, scores, days) for days in (LATE, VERY_LATE))
    of_model, very_late_of_model = (within(history, known, by_model, days) for days in (LATE, VERY_LATE))
    ways: list[tuple[str, Sequence[LateScore], int, Callable[[LateScore], float]]] = [
        ("5 days: the customer's history alone", late, LATE, lambda each: each.customer_late5),
        ("5 days: with size and terms", late, LATE, lambda each: each.p_late5),
        ("5 days: trained model", of_model, LATE, lambda each: each.p_late5),
        ("5 days, fewer than 3 known: with size and terms", _cold(late), LATE, lambda each: each.p_late5),
        ("5 days, fewer than 3 known: trained model", _cold(of_model), LATE, lambda each: each.p_late5),
        ("30 days: the customer's history alone", very_late, VERY_LATE, lambda each: each.customer_late30),
        ("30 days: with size and terms", very_late, VERY_LATE, lambda each: each.p_late30),
        ("30 days: trained model", very_late_of_model, VERY_LATE, lambda each: each.p_late30),
    ]
    return Measured(
        history,
        len(past),
        seconds,
        tuple(
            Judged(history.name, name, _skill(known, judged, days, of))
            for name, judged, days, of in ways
            if judged
        ),
        tuple(_band(band, late, known) for band in Band),
        trained,
        _dates(past, history),
    )


def _dates(past: Sequence[PastInvoice], history: History) -> Dates:
    """Each date predicted at the end of the day of issue, from what was paid by then."""
    issued: defaultdict[date, list[PastInvoice]] = defaultdict(list)
    for each in past:
        if each.issued_on >= history.since and each.settled_on is not None:
            issued[each.issued_on].append(each)
    paid = sorted((each.settled_on, each) for each in past if each.settled_on is not None)
    known: Counter[tuple[str, int]] = Counter()
    predicted, due, next_ = [], [], 0
    for day in sorted(issued):
        while next_ < len(paid) and paid[next_][0] <= day:
            settled_on, each = paid[next_]
            known[each.customer_id, (settled_on - each.due_on).days] += 1
            next_ += 1
        usual = PayDays((customer_id, days, number) for (customer_id, days), number in known.items())
        for each in issued[day]:
            on = usual.predicted(each.customer_id, each.due_on, day)
            if on is not None and each.settled_on is not None:
                predicted.append(abs((on - each.settled_on).days))
                due.append(abs((each.due_on - each.settled_on).days))
    return Dates(len(predicted), mean(predicted), mean(due))


def _skill(
    known: dict[str, PastInvoice],
    scores: Sequence[LateScore],
    days: int,
    probability: Callable[[LateScore], float],
) -> Skill:
    happened = [is_late(known[each.invoice_id], days) for each in scores]
    return Skill.of_probabilities(happened, [probability(each) for each in scores])


def _cold(scores: Sequence[LateScore]) -> list[LateScore]:
    return [each for each in scores if each.past < COLD]


def _train(past: Sequence[PastInvoice], history: History) -> tuple[list[LateScore], str]:
    """The scores of a model that learned from what was known before the invoices that are judged."""
    try:
        model = learn(past, history.since - timedelta(days=1))
    except CommandError as problem:
        return [], str(problem)
    return model.at_issue(past, history.since), f"trained; in its own split {told(model.late5.judged)}"


def within(
    history: History, known: dict[str, PastInvoice], scores: Sequence[LateScore], days: int
) -> list[LateScore]:
    """The scores of invoices that were due so many days before the last day of the file."""
    return [each for each in scores if known[each.invoice_id].due_on + timedelta(days=days) <= history.until]


def _band(band: Band, scores: Sequence[LateScore], known: dict[str, PastInvoice]) -> tuple[Band, int, float]:
    inside = [is_late(known[each.invoice_id], LATE) for each in scores if each.band is band]
    return band, len(inside), sum(inside) / len(inside) if inside else 0.0


def as_markdown(measured: Sequence[Measured]) -> str:
    """The tables of the README."""
    lines = ["| late by | history | n | share | AUC | Brier | ECE |", "|---|---|---|---|---|---|---|"]
    for each in measured:
        lines += [
            f"| {judged.score} | {judged.history} | {judged.skill.of:,} | {judged.skill.rate:.2%} "
            f"| {'–' if judged.skill.auc is None else f'{judged.skill.auc:.3f}'} | {judged.skill.brier:.4f} "
            f"| {judged.skill.ece:.3f} |"
            for judged in each.judged
        ]
    lines += ["", "| band | history | n | of them late |", "|---|---|---|---|"]
    for each in measured:
        lines += [
            f"| {band} | {each.history.name} | {number:,} | {share:.1%} |"
            for band, number, share in each.bands
        ]
    lines += ["", "| paid on | history | n | days off, mean |", "|---|---|---|---|"]
    for each in measured:
        lines += [
            f"| the due date | {each.history.name} | {each.dates.invoices:,} | {each.dates.due:.2f} |",
            f"| the predicted date | {each.history.name} | {each.dates.invoices:,} | {each.dates.predicted:.2f} |",
        ]
    lines.append("")
    lines += [
        f"{each.history.name}: {each.invoices:,} invoices, scored in {each.seconds:.1f} s of CPU. "
        f"The model: {each.trained}."
        for each in measured
    ]
    return "\n".join(lines)
