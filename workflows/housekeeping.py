"""What happens by the clock alone: looking for unknown messages, closing the day. Temporal Schedules start it."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
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
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.interface import DayClosed, ErpTold, OnDay, Reconciled
    from workflows.invoice_collection import NUDGE
    from workflows.invoice_collection import workflow_id as invoice_workflow_id
    from workflows.options import HOUSEKEEPING, MAIN_QUEUE

#: How often unknown messages are looked through; most have no look due, and then one query says so.
CHECK_EVERY = timedelta(minutes=5)
#: How soon the ERP knows of a hold, and a customer who has paid can order again.
TELL_EVERY = timedelta(minutes=1)
#: What runs only where an ERP is to be told.
FOR_ERP = frozenset({"credit-hold-notices"})


@workflow.defn(name="DeliveryCheck")
class DeliveryCheck:
    """Looks for messages of which nobody knows whether they went out."""

    @workflow.run
    async def run(self, *args: RawValue) -> None:
        """Look once, and wake the invoices of what was found."""
        checked = await workflow.execute_activity(
            "reconcile_deliveries",
            OnDay(at=workflow.now()),
            result_type=Reconciled,
            summary="Look for messages that may or may not have gone out",
            **HOUSEKEEPING,
        )
        for invoice_id in checked.nudge:
            other = workflow.get_external_workflow_handle(invoice_workflow_id(invoice_id))
            try:
                await other.signal(NUDGE)
            except ApplicationError:
                workflow.logger.info("invoice %s is not running", invoice_id)


@workflow.defn(name="DailyClose")
class DailyClose:
    """The end of a day, once for each."""

    @workflow.run
    async def run(self, *args: RawValue) -> None:
        """Close the day."""
        await workflow.execute_activity(
            "close_day",
            OnDay(at=workflow.now()),
            result_type=DayClosed,
            summary="List what is put off, anchor the audit log",
            **HOUSEKEEPING,
        )


@workflow.defn(name="CreditHoldNotices")
class CreditHoldNotices:
    """Tells the ERP whose orders are blocked and whose flow again."""

    @workflow.run
    async def run(self, *args: RawValue) -> None:
        """Tell what is not confirmed."""
        await workflow.execute_activity(
            "tell_erp",
            OnDay(at=workflow.now()),
            result_type=ErpTold,
            summary="Tell the ERP of credit holds and releases",
            **HOUSEKEEPING,
        )


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
    "daily-close": (
        "DailyClose",
        "Close the day",
        ScheduleSpec(calendars=[ScheduleCalendarSpec(hour=(ScheduleRange(4),))]),
    ),
}


async def ensure_schedules(client: Client, *, erp: bool = False) -> None:
    """Create the schedules that are not there; what an operator paused or moved stays as it is."""
    for schedule_id, (kind, summary, spec) in SCHEDULES.items():
        if schedule_id in FOR_ERP and not erp:
            continue
        action = ScheduleActionStartWorkflow(
            kind, id=schedule_id, task_queue=MAIN_QUEUE, static_summary=summary
        )
        policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP)
        try:
            await client.create_schedule(schedule_id, Schedule(action=action, spec=spec, policy=policy))
        except ScheduleAlreadyRunningError:
            continue
