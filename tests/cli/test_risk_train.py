"""Training: what comes out equals what scikit-learn says, and is written only where it is better."""

from __future__ import annotations

import json
import random
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

import starter
from domain.behaviour.late_model import load_model

DAY = date(2025, 1, 1)
HEADER = "invoice_id,customer_id,issue_date,due_date,amount,currency,settled_date\n"


@pytest.fixture
def _trains() -> None:
    pytest.importorskip("sklearn", reason="the extra `train` is not installed")


def portfolio(file: Path, *, number: int = 1_500, telling: bool = True) -> Path:
    """Invoices over a year; due on a Monday and above 500.00 they are late, which no history of a customer tells.
    Where they are not telling, chance alone makes them late."""
    chance = random.Random(7)
    rows = []
    for each in range(number):
        issued = DAY + timedelta(days=each * 360 // number)
        due = issued + timedelta(days=chance.choice((10, 14, 21)))
        amount = chance.choice((90, 300, 700, 2_000))
        is_late = due.weekday() < 3 and amount > 500 if telling else chance.random() < 0.3
        settled = due + timedelta(days=12 if is_late else chance.choice((-2, 0, 1)))
        rows.append(f"I{each},C{each % 40},{issued},{due},{amount}.00,USD,{settled}\n")
    file.write_text(HEADER + "".join(rows))
    return file


@pytest.mark.usefixtures("_trains")
def test_a_model_that_is_better_is_written_and_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, model = portfolio(tmp_path / "past.csv"), tmp_path / "model.json"
    trains = ["risk-train", str(file), "-o", str(model), "--before", "2025-11-02", "--json"]
    assert starter.main(trains) == 0
    judged = json.loads(capsys.readouterr().out)["late5"]
    assert judged["model"]["auc"] > judged["explained"]["auc"]
    assert judged["model"]["brier"] < judged["explained"]["brier"]
    trained = load_model(model.read_bytes(), str(model))
    assert trained.late5.judged.model.ece < 0.2

    asked = ["risk", str(file), "--at-issue", "2025-11-01", "--json"]
    assert starter.main(asked) == 0
    explained = json.loads(capsys.readouterr().out)
    assert starter.main([*asked, "--model", str(model)]) == 0
    scored = json.loads(capsys.readouterr().out)
    assert [each["invoice_id"] for each in scored] == [each["invoice_id"] for each in explained]
    assert all(each["reasons"][-1].startswith("the trained model says ") for each in scored)
    assert max(each["p_late5"] for each in scored) > max(each["p_late5"] for each in explained)


@pytest.mark.usefixtures("_trains")
def test_the_exported_trees_say_what_scikit_learn_says() -> None:
    from sklearn.ensemble import GradientBoostingClassifier

    from commands.risk.risk_train import exported
    from domain.behaviour.late_features import FEATURES

    chance = random.Random(11)
    figures = [[chance.uniform(-3, 3) for _ in FEATURES] for _ in range(2_000)]
    late = [row[0] * row[1] + chance.gauss(0, 1) > 0.5 for row in figures]
    fitted = GradientBoostingClassifier(n_estimators=60, max_depth=5, subsample=0.7, random_state=3)
    fitted.fit(figures, late)
    ensemble = exported(fitted)
    theirs = fitted.predict_proba(figures)[:, 1]
    assert max(abs(ensemble.probability(row) - p) for row, p in zip(figures, theirs, strict=True)) < 1e-9


@pytest.mark.usefixtures("_trains")
def test_a_model_that_is_no_better_is_refused_with_the_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, model = portfolio(tmp_path / "past.csv", telling=False), tmp_path / "model.json"
    assert starter.main(["risk-train", str(file), "-o", str(model)]) == 1
    said = capsys.readouterr().err
    assert "no better than the explainable score: AUC 0." in said
    assert "Brier" in said
    assert not model.exists()


@pytest.mark.usefixtures("_trains")
def test_too_little_to_learn_from_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = portfolio(tmp_path / "past.csv", number=100)
    assert starter.main(["risk-train", str(file), "-o", str(tmp_path / "model.json")]) == 2
    assert "too little to learn from" in capsys.readouterr().err


def test_without_scikit_learn_the_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    file = portfolio(tmp_path / "past.csv", number=10)
    assert starter.main(["risk-train", str(file)]) == 1
    assert "pip install '.[train]'" in capsys.readouterr().err


def test_a_model_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = portfolio(tmp_path / "past.csv", number=10)
    model = tmp_path / "model.json"
    model.write_text("{}")
    assert starter.main(["risk", str(file), "--model", str(model)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert str(model) in said.err
