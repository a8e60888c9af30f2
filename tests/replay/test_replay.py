"""What running invoices did before a change must still be what the code would do: recorded histories replayed."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.common import RawValue
from temporalio.worker import Replayer, WorkflowReplayResult

from domain import decide, pauses, risk
from domain.decision import Close
from domain.vocabulary import Outcome
from tests.replay.lives import LIVES, SECRETS
from tests.replay.record import HISTORIES
from worker import WORKFLOWS, workflow_runner
from workflows.converter import data_converter

FILES = sorted(HISTORIES.glob("*.json"))


def read(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(file.stem, file.read_text(encoding="utf-8"))


async def replay(history: WorkflowHistory, workflows: list[type] | None = None) -> WorkflowReplayResult:
    replayer = Replayer(
        workflows=workflows or WORKFLOWS, workflow_runner=workflow_runner(), data_converter=data_converter
    )
    return await replayer.replay_workflow(history, raise_on_replay_failure=False)


def test_the_suite_is_not_empty_and_misses_no_workflow() -> None:
    assert {file.stem for file in FILES} >= set(LIVES)
    assert len(FILES) >= 5
    recorded = {
        event["workflowExecutionStartedEventAttributes"]["workflowType"]["name"]
        for file in FILES
        for event in json.loads(file.read_text(encoding="utf-8"))["events"][:1]
    }
    assert recorded == {each.__temporal_workflow_definition.name for each in WORKFLOWS}  # type: ignore[attr-defined]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_every_recorded_history_replays(file: Path) -> None:
    result = await replay(read(file))
    assert result.replay_failure is None


@workflow.defn(name="InvoiceCollection", sandboxed=False)
class LooksTwice:
    """Opens the case by another activity: a sequence of commands that no history has."""

    @workflow.run
    async def run(self, *args: RawValue) -> None:
        await workflow.execute_activity("look_first", start_to_close_timeout=timedelta(seconds=1))


async def test_a_changed_sequence_of_commands_fails() -> None:
    result = await replay(read(HISTORIES / "settled.json"), [LooksTwice])
    assert isinstance(result.replay_failure, workflow.NondeterminismError)


async def test_a_changed_rule_replays_cleanly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule may change while invoices sleep: what a workflow did follows from its history alone."""

    def changed(*_: Any, **__: Any) -> Close:
        return Close(outcome=Outcome.WRITTEN_OFF, why="everything is given up", rule="changed")

    monkeypatch.setattr(decide, "decide", changed)
    monkeypatch.setattr(pauses, "pause", changed)
    monkeypatch.setattr(risk, "assess", changed)
    for file in FILES:
        assert (await replay(read(file))).replay_failure is None


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_free_text_reaches_a_history_but_as_it_was_sent_in(file: Path) -> None:
    """Notes, references and people stand in the signals and updates that brought them, nowhere else."""
    for event in json.loads(file.read_text(encoding="utf-8"))["events"]:
        if event["eventType"] in _AS_SENT_IN:
            continue
        for payload in _payloads(event):
            for secret in (*SECRETS, "Ann Payne", "@", "GB82", "000123456789"):
                assert secret not in payload, (event["eventId"], event["eventType"], secret)


_AS_SENT_IN = {
    "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED",
    "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED",
    "EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED",
}


def _payloads(found: Any) -> list[str]:
    """Every payload of an event, decoded; what an activity is given as it came in stands in base64 inside it."""

    if isinstance(found, dict):
        own = (
            [base64.b64decode(found["data"]).decode("utf-8", "replace")]
            if isinstance(found.get("data"), str)
            else []
        )
        return own + [text for value in found.values() for text in _payloads(value)]
    return [text for value in found for text in _payloads(value)] if isinstance(found, list) else []
