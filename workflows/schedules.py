"""When housekeeping runs: the Temporal Schedules, created where they are missing."""

from __future__ import annotations

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
)

from workflows.options import MAIN_QUEUE

#: How often unknown messages are looked through; most have no look due, and then one query says so.
CHECK_EVERY = timedelta(minutes=5)
#: How soon the ERP knows of a hold, and a customer who has paid can order again.
TELL_EVERY = timedelta(minutes=1)
#: How soon an answer stops the next reminder.
POLL_EVERY = timedelta(minutes=1)
#: What runs only where an ERP is to be told, where mail is fetched, and where feeds are read.
FOR_ERP, FOR_INBOX = frozenset({"credit-hold-notices"}), frozenset({"inbox-poll"})
FOR_FEEDS = frozenset({"feed-poll"})

#: By the schedule's id: what it starts, in words, and when.
SCHEDULES = {
    "delivery-check": (
        "DeliveryCheck",
        "Look for unknown deliveries",
        ScheduleSpec(intervals=[ScheduleIntervalSpec(every=CHECK_EVERY)]),
    ),
    "credit-hold-notices": (
        "CreditHoldNotices",
        "Tell the ERP of credit holds",
        ScheduleSpec(intervals=[ScheduleIntervalSpec(every=TELL_EVERY)]),
    ),
    "inbox-poll": (
        "InboxPoll",
        "Fetch mail from customers",
        ScheduleSpec(intervals=[ScheduleIntervalSpec(every=POLL_EVERY)]),
    ),
    "feed-poll": (
        "FeedPoll",
        "Read the news for customers' names",
        ScheduleSpec(calendars=[ScheduleCalendarSpec(hour=(ScheduleRange(5),))]),
    ),
    "daily-close": (
        "DailyClose",
        "Close the day",
        ScheduleSpec(calendars=[ScheduleCalendarSpec(hour=(ScheduleRange(4),))]),
    ),
}


async def ensure_schedules(
    client: Client, *, erp: bool = False, inbox: bool = False, feeds: bool = False
) -> None:
    """Create the schedules that are not there; what an operator paused or moved stays as it is."""
    left_out = (frozenset() if erp else FOR_ERP) | (frozenset() if inbox else FOR_INBOX)
    left_out |= frozenset() if feeds else FOR_FEEDS
    for schedule_id, (kind, summary, spec) in SCHEDULES.items():
        if schedule_id in left_out:
            continue
        action = ScheduleActionStartWorkflow(
            kind, id=schedule_id, task_queue=MAIN_QUEUE, static_summary=summary
        )
        policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP)
        try:
            await client.create_schedule(schedule_id, Schedule(action=action, spec=spec, policy=policy))
        except ScheduleAlreadyRunningError:
            continue
