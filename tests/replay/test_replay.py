"""Recorded histories replay on today's workflows; a changed sequence of commands does not go unnoticed."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

import worker
from tests.replay.changed import Hasty
from tests.replay.lives import LIVES, SECRETS
from tests.replay.record import HISTORIES
from workflows import options, story
from workflows.converter import data_converter

RECORDED = sorted(HISTORIES.glob("*.json"))


def history_of(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text("utf-8"))


def replayer(*workflows: type) -> Replayer:
    return Replayer(
        workflows=workflows or worker.WORKFLOWS,
        workflow_runner=worker.workflow_runner(),
        data_converter=data_converter,
    )


def events(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["events"]
    return found


def kinds(path: Path) -> Counter[str]:
    return Counter(event["eventType"].removeprefix("EVENT_TYPE_") for event in events(path))


def workflow_type(path: Path) -> str:
    name: str = events(path)[0]["workflowExecutionStartedEventAttributes"]["workflowType"]["name"]
    return name


# -- what is recorded ------------------------------------------------------------------------------


def test_every_registered_workflow_and_every_life_is_recorded() -> None:
    registered = {workflow._Definition.must_from_class(each).name for each in worker.WORKFLOWS}
    assert {workflow_type(path) for path in RECORDED} == registered
    assert {path.stem for path in RECORDED} >= {*LIVES, "continued-1"}
    assert len(RECORDED) >= 10


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("settled", {"WORKFLOW_EXECUTION_COMPLETED", "WORKFLOW_EXECUTION_SIGNALED", "TIMER_CANCELED"}),
        ("referred", {"WORKFLOW_EXECUTION_COMPLETED", "TIMER_FIRED"}),
        ("disputed", {"WORKFLOW_EXECUTION_SIGNALED", "TIMER_CANCELED", "WORKFLOW_EXECUTION_COMPLETED"}),
        ("parked", {"WORKFLOW_EXECUTION_SIGNALED", "TIMER_FIRED"}),
        ("promised", {"WORKFLOW_EXECUTION_UPDATE_COMPLETED", "TIMER_CANCELED"}),
        ("approved", {"WORKFLOW_EXECUTION_UPDATE_COMPLETED", "TIMER_FIRED"}),
        ("planned", {"WORKFLOW_EXECUTION_COMPLETED", "WORKFLOW_EXECUTION_SIGNALED", "TIMER_FIRED"}),
        ("lapsed", {"WORKFLOW_EXECUTION_COMPLETED", "WORKFLOW_EXECUTION_SIGNALED", "TIMER_FIRED"}),
        ("thanked", {"WORKFLOW_EXECUTION_COMPLETED", "WORKFLOW_EXECUTION_SIGNALED", "TIMER_FIRED"}),
        ("continued-1", {"WORKFLOW_EXECUTION_CONTINUED_AS_NEW"}),
        ("remitted", {"MARKER_RECORDED", "ACTIVITY_TASK_COMPLETED", "WORKFLOW_EXECUTION_COMPLETED"}),
        ("refused", {"WORKFLOW_EXECUTION_FAILED", "WORKFLOW_EXECUTION_SIGNALED"}),
    ],
)
def test_the_histories_tell_what_they_are_named_after(name: str, expected: set[str]) -> None:
    assert expected <= set(kinds(HISTORIES / f"{name}.json"))


def test_a_remittance_in_portions_wakes_its_invoices_without_an_event_for_each() -> None:
    counted = kinds(HISTORIES / "remitted.json")
    assert counted["SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED"] == 0
    assert counted["ACTIVITY_TASK_COMPLETED"] >= 2 * 3, "three portions, and the waking after each"


def test_the_parked_life_ends_in_the_middle_of_its_wait() -> None:
    ended = {"WORKFLOW_EXECUTION_COMPLETED", "WORKFLOW_EXECUTION_FAILED", "WORKFLOW_EXECUTION_TERMINATED"}
    assert not ended & set(kinds(HISTORIES / "parked.json"))


# -- replay ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_replays(path: Path) -> None:
    assert kinds(path)["WORKFLOW_TASK_FAILED"] == 0
    await replayer().replay_workflow(history_of(path))


@pytest.mark.parametrize("name", ["settled", "referred", "promised"])
async def test_a_changed_sequence_of_commands_is_noticed(name: str) -> None:
    with pytest.raises(workflow.NondeterminismError):
        await replayer(Hasty).replay_workflow(history_of(HISTORIES / f"{name}.json"))


async def test_a_changed_rule_changes_nothing_in_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was decided is in the histories: no rule is asked again, so every one of them may change."""
    import domain.case
    import domain.contact
    import domain.decide
    import domain.filing
    import domain.pauses
    import domain.policy
    import domain.requests.requests

    def another_rule(*args: object, **named: object) -> object:
        raise AssertionError("a workflow asked a rule")

    for module in (
        *(domain.case, domain.contact, domain.decide, domain.filing, domain.pauses, domain.policy),
        domain.requests.requests,
    ):
        for name, each in vars(module).copy().items():
            if callable(each) and not isinstance(each, type) and each.__module__ == module.__name__:
                monkeypatch.setattr(module, name, another_rule)
    with pytest.raises(AssertionError, match="asked a rule"):
        domain.decide.decide(None, None, None)
    for path in RECORDED:
        await replayer().replay_workflow(history_of(path))


async def test_time_outs_and_summaries_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    for preset in (options.LEDGER, options.DRAFT, options.RENDER, options.SEND):
        monkeypatch.setitem(preset, "start_to_close_timeout", timedelta(seconds=7))
    for name in ("sleep_summary", "approval_summary", "step_summary", "waking_summary", "recording_summary"):
        monkeypatch.setattr(story, name, lambda *args: "in other words")
    for path in RECORDED:
        await replayer().replay_workflow(history_of(path))


async def test_a_wait_that_vanishes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A timer that a change turns to zero is a changed sequence of commands like any other."""
    from workflows.invoice_collection import InvoiceCollection
    from workflows.sleeping import Sleeper

    async def never_sleeps(self: Sleeper, *args: object) -> bool:
        return True

    monkeypatch.setattr(Hasty, "_carry_out", InvoiceCollection._carry_out)
    monkeypatch.setattr(Sleeper, "until", never_sleeps)
    unsandboxed = Replayer(
        workflows=[Hasty],
        workflow_runner=UnsandboxedWorkflowRunner(),
        data_converter=data_converter,
    )
    with pytest.raises(workflow.NondeterminismError):
        await unsandboxed.replay_workflow(history_of(HISTORIES / "settled.json"))


# -- what histories may hold -----------------------------------------------------------------------

#: Activities that are given messages as they came; everything else gets ids and figures.
_GIVEN_RAW = {"open_case", "record_facts", "record_account_facts"}
#: What others sent us.
_SENT_TO_US = {
    "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED",
    "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED",
    "EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED",
}


def ours(path: Path) -> Iterator[dict[str, Any]]:
    """The events in which we say something ourselves."""
    for event in events(path):
        scheduled = event.get("activityTaskScheduledEventAttributes", {})
        given_raw = scheduled.get("activityType", {}).get("name") in _GIVEN_RAW
        if event["eventType"] not in _SENT_TO_US and not given_raw:
            yield event


def texts(value: Any) -> Iterator[str]:
    """Every text in an event, payloads decoded as often as they can be."""
    if isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value
        try:
            inner = base64.b64decode(value, validate=True).decode("utf-8")
        except ValueError:
            return
        if inner != value and len(inner) > 8:
            yield inner
            try:
                yield from texts(json.loads(inner))
            except ValueError:
                return


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_no_person_no_bank_and_no_body_in_what_we_write(path: Path) -> None:
    said = [(event["eventId"], text) for event in ours(path) for text in texts(event)]
    for secret in SECRETS:
        assert [event_id for event_id, text in said if secret.lower() in text.lower()] == [], secret


def test_the_search_would_find_a_secret() -> None:
    """What the start holds is found where it is looked for."""
    told = [text for event in events(HISTORIES / "disputed.json") for text in texts(event)]
    for secret in ("Zebediah Quillfeather", "SECRET-LINE", "SECRET-NOTE", "SECRET-DISPUTE", "SECRET-PAYER"):
        assert any(secret in text for text in told), secret
    raw = [
        text
        for event in events(HISTORIES / "disputed.json")
        if event.get("activityTaskScheduledEventAttributes", {}).get("activityType", {}).get("name")
        == "record_facts"
        for text in texts(event)
    ]
    assert any("SECRET-DISPUTE" in text for text in raw), "payloads within payloads are looked into"
