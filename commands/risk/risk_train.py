"""Training a model of late payment on a file of past invoices. It is kept only where it beats the explainable score.

scikit-learn is loaded here and nowhere else: what comes out is trees as data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import log
from pathlib import Path
from typing import Any, Literal

from commands.failures import BadInput, Failed
from commands.files.past_invoices import read_past
from commands.terminal import count, day, note, print_json
from domain.behaviour.late_features import FEATURES, Described, described_at_issue
from domain.behaviour.late_model import Ensemble, Forest, JudgedSkill, Judgement, LateModel, Tree, told
from domain.behaviour.lateness import LATE, VERY_LATE, is_late
from domain.behaviour.skill import Skill
from domain.files.past_invoices import PastInvoice

#: The share of the invoices, the newest ones, on which a model is judged that learned from the rest.
_JUDGED = 0.2
#: Below these there is too little to learn from, or to judge by.
_FEWEST, _FEWEST_LATE = 500, 25
#: Chosen on the first half of 2020 of the history in benchmarks/README.md, which says how far they were seen beside
#: what is judged there.
_PARAMETERS: dict[str, Any] = {
    "n_estimators": 200,
    "max_depth": 6,
    "learning_rate": 0.04,
    "min_samples_leaf": 50,
    "subsample": 0.5,
    "max_features": 0.2,
    "random_state": 1,
}


@dataclass(frozen=True)
class _Example:
    issued_on: date
    due_on: date
    figures: tuple[float, ...]
    explained: float
    late: bool


def train(csv: Path, output: Path, before: date | None, *, as_json: bool) -> None:
    """Train on what the file knew before a day (left out: all of it) and write the model.

    Raises BadInput where there is too little, and Failed where scikit-learn is missing or the model is no better
    than the explainable score: then nothing is written.
    """
    _library()
    past, _ = read_past(csv)
    known_until = before - timedelta(days=1) if before is not None else _last_day(past)
    model = learn(past, known_until)
    output.write_text(model.model_dump_json() + "\n", encoding="utf-8")
    forests = [forest for forest in (model.late5, model.late30) if forest is not None]
    if as_json:
        judged = {f"late{forest.days}": forest.judged.model_dump(mode="json") for forest in forests}
        print_json({"file": str(output), "known_until": known_until, "invoices": model.invoices, **judged})
        return
    note(f"{output}: trained on {count(model.invoices, 'invoice')} known by {day(known_until)}")
    for forest in forests:
        note(f"{forest.days} or more days late: {told(forest.judged)}")
    if model.late30 is None:
        note(f"{VERY_LATE} or more days late: no better than the explainable score, which is used for it")


def learn(past: Sequence[PastInvoice], known_until: date) -> LateModel:
    """The model of what was known at the end of a day. Raises BadInput and Failed as `train`."""
    known = [each for each in past if each.issued_on <= known_until]
    described = list(described_at_issue(known, date.min))
    late = _forest(known, described, LATE, known_until)
    if late is None:
        raise BadInput(
            f"CSV: has too little to learn from: {_FEWEST:,} invoices, {_FEWEST_LATE} of them late, and as many late "
            "ones to judge by, are the least"
        )
    if isinstance(late, Judgement):
        raise Failed(
            f"The model is no better than the explainable score: {told(late)}. It is not written; go on without one"
        )
    very_late = _forest(known, described, VERY_LATE, known_until)
    return LateModel(
        features=FEATURES,
        known_until=known_until,
        invoices=len(known),
        late5=late,
        late30=very_late if isinstance(very_late, Forest) else None,
    )


def _last_day(past: Sequence[PastInvoice]) -> date:
    """The newest day of which the file tells anything."""
    return max(max(each.issued_on, each.settled_on or each.issued_on) for each in past)


def _forest(
    past: Sequence[PastInvoice], described: Sequence[Described], days: Literal[5, 30], known_until: date
) -> Forest | Judgement | None:
    """The trees for one threshold; the judgement where they are no better, None where there is too little."""
    examples = [
        _Example(
            each.on,
            past[each.index].due_on,
            each.figures,
            _explained(each, days),
            is_late(past[each.index], days),
        )
        for each in described
    ]
    examples = [each for each in examples if _is_known(each, days, known_until)]
    since = examples[int(len(examples) * (1 - _JUDGED))].issued_on if examples else known_until
    before = [each for each in examples if _is_known(each, days, since - timedelta(days=1))]
    after = [each for each in examples if each.issued_on >= since]
    if len(before) < _FEWEST or any(
        sum(each.late for each in part) < _FEWEST_LATE for part in (before, after)
    ):
        return None
    judged = _judge(_fit(before), after, since)
    if not judged.model.beats(judged.explained):
        return judged
    return Forest(days=days, ensemble=_fit(examples), judged=judged)


def _judge(ensemble: Ensemble, examples: Sequence[_Example], since: date) -> Judgement:
    late = [each.late for each in examples]
    return Judgement(
        since=since,
        invoices=len(examples),
        late=sum(late) / len(late),
        model=JudgedSkill.of(
            Skill.of_probabilities(late, [ensemble.probability(each.figures) for each in examples])
        ),
        explained=JudgedSkill.of(Skill.of_probabilities(late, [each.explained for each in examples])),
    )


def _explained(described: Described, days: int) -> float:
    return described.score.p_late5 if days == LATE else described.score.p_late30


def _is_known(example: _Example, days: int, until: date) -> bool:
    """Whether it was known by the end of a day how an invoice went, whichever way: of one whose threshold lies
    later only a payment in time could be known."""
    return example.issued_on <= until and example.due_on + timedelta(days=days) <= until


def _fit(examples: Sequence[_Example]) -> Ensemble:
    """Boosted trees: their loss is the logarithmic one, so that what they say is a probability as it stands."""
    fitted = _library().GradientBoostingClassifier(**_PARAMETERS)
    fitted.fit([each.figures for each in examples], [each.late for each in examples])
    return exported(fitted)


def exported(fitted: Any) -> Ensemble:
    """The trees of a fitted GradientBoostingClassifier as data, by its public attributes."""
    prior = float(fitted.init_.class_prior_[1])
    return Ensemble(
        start=log(prior / (1 - prior)),
        rate=fitted.learning_rate,
        trees=tuple(
            Tree(
                left=tree.children_left.tolist(),
                right=tree.children_right.tolist(),
                feature=tree.feature.tolist(),
                threshold=tree.threshold.tolist(),
                value=tree.value[:, 0, 0].tolist(),
            )
            for tree in (stage[0].tree_ for stage in fitted.estimators_)
        ),
    )


def _library() -> Any:
    """scikit-learn's ensembles. Raises Failed where the extra is not installed."""
    try:
        from sklearn import ensemble
    except ImportError:
        raise Failed(
            "Training needs scikit-learn, which is not installed: pip install '.[train]'. What was trained is used "
            "without it"
        ) from None
    return ensemble
