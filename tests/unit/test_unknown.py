"""Looks at 5 minutes, an hour, then daily for 5 days; only what is friendly is written again, and once."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.unknown import is_look_due, may_write_again
from domain.vocabulary import Note, Step

SINCE = datetime(2026, 12, 1, 9, tzinfo=UTC)
AFTER = [timedelta(minutes=5), timedelta(hours=1), *(timedelta(days=day) for day in (1, 2, 3, 4, 5))]


@pytest.mark.parametrize(("looks", "after"), list(enumerate(AFTER)))
def test_each_look_has_its_time(looks: int, after: timedelta) -> None:
    assert not is_look_due(SINCE, looks, SINCE + after - timedelta(seconds=1))
    assert is_look_due(SINCE, looks, SINCE + after)


def test_after_the_last_look_nobody_looks_any_more() -> None:
    assert not is_look_due(SINCE, len(AFTER), SINCE + timedelta(days=400))


def test_only_friendly_messages_are_written_again_and_only_once() -> None:
    every = [*Step, *Note]
    allowed = {step for step in every if may_write_again(step, len(AFTER), written_again=False)}
    assert allowed == {Step.PRE_DUE, Step.PRE_DUE_2, Step.DUE, *Note}
    assert not any(may_write_again(step, len(AFTER), written_again=True) for step in every)
    assert not any(may_write_again(step, len(AFTER) - 1, written_again=False) for step in every)
