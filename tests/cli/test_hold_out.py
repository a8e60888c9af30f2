"""What the hold-out shows at the command line, of a database with two arms."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

import starter
from store.database import create_engine, session_factory
from tests.store.rows import add_case

ISSUED = date(2026, 1, 5)
DUE = ISSUED + timedelta(days=30)


@pytest.fixture
def drawn(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """120 customers in the usual arm, of whose three invoices two are paid after 40 days, and 30 held out, of whose
    three one is paid after 50; every fifth customer of both pays nothing."""
    engine = create_engine(database)
    with session_factory(engine).begin() as session:
        for number in range(150):
            held_out = number % 5 == 0
            paid = 0 if (number // 5) % 5 == 0 else 1 if held_out else 2
            for place in range(3):
                settled = ISSUED + timedelta(days=50 if held_out else 40) if place < paid else None
                add_case(
                    session,
                    f"I-{number}-{place}",
                    f"C-{number}",
                    arm="held_out" if held_out else "usual",
                    issued_on=ISSUED,
                    due_on=DUE,
                    settled_on=settled,
                    outcome="paid" if settled else None,
                )
        add_case(session, "before-the-draw", "C-0", issued_on=ISSUED, due_on=DUE)
    engine.dispose()
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")


def test_both_arms_and_the_effect_with_its_interval(drawn: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert starter.main(["hold-out", "--as-of", "2026-06-30", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["arms"] == [
        {"arm": "usual", "customers": 120, "invoices": 360},
        {"arm": "held_out", "customers": 30, "invoices": 90},
    ]
    collected = told["collected_60d"]
    assert (collected["usual"], collected["held_out"], collected["effect"]) == (53.33, 26.67, 26.67)
    low, high = collected["interval"]
    assert 0 < low < 26.67 < high < 53
    days = told["days_to_pay"]
    # Of a usual customer who pays 40, 40 and 90 days (not paid until 60 days after it was due), else three times 90.
    assert days["usual"] == round((0.8 * 170 + 0.2 * 270) / 3, 2)
    assert days["held_out"] == round((0.8 * 230 + 0.2 * 270) / 3, 2)
    assert days["effect"] == -16.0
    assert starter.main(["hold-out", "--as-of", "2026-06-30"]) == 0
    said = capsys.readouterr().out
    assert "+26.7 points" in said
    assert "360 invoices of 120 customers in the usual arm, 90 of 30 held out" in said


def test_before_all_had_the_same_time_there_is_nothing_to_tell(
    drawn: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert starter.main(["hold-out", "--as-of", str(DUE + timedelta(days=59))]) == 2
    assert "fell due 60 days ago" in capsys.readouterr().err
