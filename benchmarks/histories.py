"""What a workflow's history cost, and what it did, so that a bare workflow can do the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Self

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from benchmarks.bare import PAY, Score

#: What living in skipped time adds to a history; no life in real time has it.
_OF_SKIPPING = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED,
    }
)
#: What Temporal Cloud bills as one action each, of all that our workflows do.
_BILLED = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
        EventType.EVENT_TYPE_TIMER_STARTED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
        EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
        EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
    }
)


@dataclass(frozen=True)
class Cost:
    """Events, bytes as Temporal stores them, and billable actions."""

    events: float
    size: float
    actions: float

    @classmethod
    def of(cls, history: WorkflowHistory) -> Self:
        events = _events(history)
        billed = sum(event.event_type in _BILLED for event in events)
        return cls(len(events), sum(event.ByteSize() for event in events), billed)

    @classmethod
    def mean(cls, costs: Sequence[Self]) -> Self:
        """What one of several lives cost."""
        return cls(
            fmean(cost.events for cost in costs),
            fmean(cost.size for cost in costs),
            fmean(cost.actions for cost in costs),
        )


def sizes(histories: Sequence[WorkflowHistory]) -> Counter[str]:
    """Bytes of each type of event over all histories."""
    counted: Counter[str] = Counter()
    for history in histories:
        for event in _events(history):
            counted[_name(event)] += event.ByteSize()
    return counted


def score(history: WorkflowHistory) -> Score:
    """The timers, activities and payment of a life, in their order.

    Raises ValueError where it did something else, such as trying again: no bare life is like that one.
    """
    done: Score = []
    for event in _events(history):
        if event.HasField("timer_started_event_attributes"):
            wait = event.timer_started_event_attributes.start_to_fire_timeout
            done.append(wait.ToTimedelta().total_seconds())
        elif event.HasField("activity_task_scheduled_event_attributes"):
            done.append(f"bare-{event.activity_task_scheduled_event_attributes.task_queue.name}")
        elif event.HasField("workflow_execution_signaled_event_attributes"):
            done.append(PAY)
        elif event.activity_task_started_event_attributes.attempt > 1 or _name(event).endswith(
            ("failed", "timed_out", "continued_as_new", "terminated")
        ):
            raise ValueError(f"the life is out of the ordinary: event {event.event_id}, {_name(event)}")
    return done


def _events(history: WorkflowHistory) -> list[HistoryEvent]:
    return [event for event in history.events if event.event_type not in _OF_SKIPPING]


def _name(event: HistoryEvent) -> str:
    return EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").lower().replace("_", " ")
