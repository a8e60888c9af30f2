"""A trained model of late payment: trees as data, read with suspicion and evaluated without the library that
trained them.

A model is used only where it was better than the explainable score on invoices issued after everything it had
learned from; its file says by how much. Shape and training: `docs/risk.md`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from math import exp
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from domain.behaviour.late_features import FEATURES, Described, described_at_issue, described_on
from domain.behaviour.lateness import LATE, VERY_LATE, LateScore
from domain.behaviour.skill import Skill
from domain.files.past_invoices import PastInvoice

FORMAT: Literal["duecourse-late-payment/1"] = "duecourse-late-payment/1"
#: A file above this is none of ours.
LARGEST_FILE = 32 * 2**20
_MOST_TREES, _MOST_NODES, _DEEPEST = 2_000, 2_047, 24
_LEAF = -1

Real = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Node = Annotated[int, Field(ge=_LEAF, lt=_MOST_NODES, strict=True)]


class InvalidModel(ValueError):
    """A model file that cannot be used; the message says why, and what to do."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tree(_Part):
    """One tree by its nodes, the root first: where a figure is not above the threshold it goes on to the left.

    Of a leaf `left` and `right` are -1, and `value` is what it adds.
    """

    left: Annotated[tuple[Node, ...], Field(min_length=1, max_length=_MOST_NODES)]
    right: Annotated[tuple[Node, ...], Field(max_length=_MOST_NODES)]
    feature: Annotated[
        tuple[Annotated[int, Field(ge=-2, lt=len(FEATURES), strict=True)], ...], Field(max_length=_MOST_NODES)
    ]
    threshold: Annotated[tuple[Real, ...], Field(max_length=_MOST_NODES)]
    value: Annotated[tuple[Real, ...], Field(max_length=_MOST_NODES)]

    @model_validator(mode="after")
    def _is_a_tree(self) -> Self:
        """Every way ends at a leaf: children come after their parent, each has one, none is too deep."""
        size = len(self.left)
        if any(len(column) != size for column in (self.right, self.feature, self.threshold, self.value)):
            raise ValueError("the columns of a tree have different lengths")
        depth = {0: 0}
        for node in range(size):
            if node not in depth:
                raise ValueError(f"node {node} has no parent that comes before it")
            children = (self.left[node], self.right[node])
            if children == (_LEAF, _LEAF):
                continue
            if min(children) <= node or max(children) >= size or self.feature[node] < 0:
                raise ValueError(f"node {node} does not lead on")
            for child in children:
                if child in depth:
                    raise ValueError(f"node {child} has two parents")
                depth[child] = depth[node] + 1
        if max(depth.values()) > _DEEPEST:
            raise ValueError(f"a tree is deeper than {_DEEPEST}")
        return self

    def leaf(self, figures: Sequence[float]) -> float:
        """What this tree adds."""
        node = 0
        left, right, feature, threshold = self.left, self.right, self.feature, self.threshold
        while left[node] != _LEAF:
            node = left[node] if figures[feature[node]] <= threshold[node] else right[node]
        return self.value[node]


class JudgedSkill(_Part):
    """The figures of one score over the invoices that were judged."""

    auc: Share
    brier: Share
    ece: Share

    @classmethod
    def of(cls, skill: Skill) -> JudgedSkill:
        """Raises ValueError where nothing could be told apart."""
        if skill.auc is None:
            raise ValueError("all invoices that were judged went alike: nothing can be told apart")
        return cls(auc=skill.auc, brier=skill.brier, ece=skill.ece)

    def beats(self, other: JudgedSkill) -> bool:
        return self.auc > other.auc and self.brier < other.brier


class Judgement(_Part):
    """How a model trained in the same way on what was known before `since` did on what was issued from then on."""

    since: date
    invoices: Annotated[int, Field(gt=0)]
    late: Share
    model: JudgedSkill
    explained: JudgedSkill


class Ensemble(_Part):
    """Boosted trees: the sum of what they add, made a probability."""

    start: Real
    rate: Annotated[float, Field(gt=0, le=1)]
    trees: Annotated[tuple[Tree, ...], Field(min_length=1, max_length=_MOST_TREES)]

    def log_odds(self, figures: Sequence[float]) -> float:
        """The sum of the trees, as the library that trained them reckons: figures in single precision."""
        single = struct.unpack(f"{len(figures)}f", struct.pack(f"{len(figures)}f", *figures))
        return self.start + self.rate * sum(tree.leaf(single) for tree in self.trees)

    def probability(self, figures: Sequence[float]) -> float:
        return logistic(self.log_odds(figures))


class Forest(_Part):
    """The trees for one threshold, and how they did."""

    days: Literal[5, 30]
    ensemble: Ensemble
    judged: Judgement

    @model_validator(mode="after")
    def _is_better(self) -> Self:
        if not self.judged.model.beats(self.judged.explained):
            raise ValueError(
                f"the model of {self.days} days late did not beat the explainable score "
                f"({told(self.judged)}): it may not be used"
            )
        return self


class LateModel(_Part):
    """A model file. `late30` is left out where it was no better than the explainable score."""

    format: Literal["duecourse-late-payment/1"] = FORMAT
    features: tuple[str, ...]
    known_until: date
    """It learned from what was known at the end of this day."""
    invoices: Annotated[int, Field(gt=0)]
    late5: Forest
    late30: Forest | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.features != FEATURES:
            raise ValueError("it was trained on other figures than this version knows: train it anew")
        if self.late5.days != LATE or (self.late30 is not None and self.late30.days != VERY_LATE):
            raise ValueError("its thresholds are mixed up")
        return self

    def at_issue(self, invoices: Sequence[PastInvoice], since: date) -> list[LateScore]:
        """As `lateness.scores_at_issue`, by the model."""
        return self._scores(described_at_issue(invoices, since))

    def on(self, invoices: Sequence[PastInvoice], day: date) -> list[LateScore]:
        """As `lateness.scores_on`, by the model for what is not yet due: it was trained on invoices at issue."""
        return [
            described.score if invoices[described.index].due_on <= day else self._score(described)
            for described in described_on(invoices, day)
        ]

    def _scores(self, described: Iterable[Described]) -> list[LateScore]:
        return [self._score(each) for each in described]

    def _score(self, described: Described) -> LateScore:
        score = described.score
        late = self.late5.ensemble.probability(described.figures)
        very_late = (
            score.p_late30 if self.late30 is None else self.late30.ensemble.probability(described.figures)
        )
        reason = (
            f"the trained model says {late:.0%}; counted from the history alone it is {score.p_late5:.0%}"
        )
        return replace(score, p_late5=late, p_late30=min(late, very_late), reasons=(*score.reasons, reason))


def logistic(log_odds: float) -> float:
    """1 / (1 + e^-x), without overflow."""
    if log_odds >= 0:
        return 1 / (1 + exp(-log_odds))
    return exp(log_odds) / (1 + exp(log_odds))


def told(judged: Judgement) -> str:
    """`AUC 0.912 against 0.883, Brier 0.0310 against 0.0369, on 8,551 invoices`."""
    model, explained = judged.model, judged.explained
    return (
        f"AUC {model.auc:.3f} against {explained.auc:.3f}, Brier {model.brier:.4f} against {explained.brier:.4f}, "
        f"ECE {model.ece:.3f} against {explained.ece:.3f}, on {judged.invoices:,} invoices issued since {judged.since}"
    )


def load_model(data: bytes, filename: str) -> LateModel:
    """Read a model file. Raises InvalidModel naming the file, the place and the reason."""
    if len(data) > LARGEST_FILE:
        raise InvalidModel(
            f"{filename}: has more than {LARGEST_FILE // 2**20} MB, which no model of ours has"
        )
    try:
        return LateModel.model_validate_json(data)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise InvalidModel(f"{filename}: {place + ': ' if place else ''}{reason}") from None
