"""What happens by the clock alone: looking for unknown messages, closing the day. See `schedules`."""

from __future__ import annotations

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from activities.interface import DayClosed, ErpTold, FeedsRead, OnDay, Polled, Reconciled
    from workflows.invoice_collection import nudge
    from workflows.options import HOUSEKEEPING


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
        await nudge(checked.nudge)


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


@workflow.defn(name="InboxPoll")
class InboxPoll:
    """Fetches the mail that customers wrote."""

    @workflow.run
    async def run(self, *args: RawValue) -> None:
        """Take in a portion, and wake the invoices of whoever wrote."""
        polled = await workflow.execute_activity(
            "poll_inbox",
            OnDay(at=workflow.now()),
            result_type=Polled,
            summary="Fetch mail from customers",
            **HOUSEKEEPING,
        )
        await nudge(polled.nudge)


@workflow.defn(name="FeedPoll")
class FeedPoll:
    """Reads the news for customers' names."""

    @workflow.run
    async def run(self, *args: RawValue) -> None:
        """Read every feed once; what is found waits for a person."""
        await workflow.execute_activity(
            "read_feeds",
            OnDay(at=workflow.now()),
            result_type=FeedsRead,
            summary="Read feeds for customers' names",
            **HOUSEKEEPING,
        )
