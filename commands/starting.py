"""How we start an invoice's workflow: the summary people see, the input, and the policies of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from commands.place import Place
from commands.terminal import amount, day
from deploy.virtual_time import VirtualTime
from domain.contract import Start
from workflows import telling
from workflows.invoice_collection import workflow_id
from workflows.options import MAIN_QUEUE

WORKFLOW = "InvoiceCollection"
#: The server refuses longer summaries, in bytes.
_LONGEST_SUMMARY = 200
#: A stack whose newest business time is this far ahead of the clock lives in virtual time.
_AHEAD = timedelta(minutes=1)


def start_input(start: Start) -> dict[str, Any]:
    """A start as it travels: what was told, nothing that is only a default."""
    return start.model_dump(mode="json", exclude_unset=True)


def start_summary(start: Start) -> str:
    """`Acme Ltd · INV-1001 · 1,250.00 USD due 1 Dec 2026`, cut at the customer's name where it is too long."""
    invoice = start.invoice
    rest = f" · {invoice.shown_number} · {amount(invoice.money.minor, invoice.currency)} due {day(invoice.due_on)}"
    name = start.customer.shown_name.encode()
    room = max(0, _LONGEST_SUMMARY - len(rest.encode()))
    if len(name) > room:
        return name[: max(0, room - 3)].decode("utf-8", "ignore") + "…" + rest
    return name.decode() + rest


class Starter:
    """Starts workflows at the business time: in a stack whose virtual time is ahead of the clock, there."""

    def __init__(self, client: Client, virtual: VirtualTime | None = None) -> None:
        self._virtual = virtual
        self._client = client if virtual is None else virtual.client

    @classmethod
    async def at(cls, place: Place) -> Starter:
        """The starter of a place, connected."""
        client = await place.client()
        if place.state is None:
            return cls(client)
        with place.reading() as session:
            now = place.now(session)
        ahead = now - datetime.now(UTC) > _AHEAD
        return cls(client, VirtualTime(client, now) if ahead else None)

    async def start(self, start: Start) -> bool:
        """Start an invoice's workflow. False where it ended before; one that runs is left as it is."""
        try:
            await self._client.start_workflow(
                WORKFLOW,
                start_input(start),
                id=workflow_id(start.invoice.invoice_id),
                task_queue=MAIN_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                static_summary=start_summary(start),
            )
        except WorkflowAlreadyStartedError:
            return False
        await self._catch_up(start)
        return True

    async def signal(self, start: Start, signal: str, fact: dict[str, Any], *, runs: bool) -> None:
        """Signal an invoice whether or not its workflow `runs`: nothing is lost when a fact comes late."""
        await self._client.start_workflow(
            WORKFLOW,
            start_input(start),
            id=workflow_id(start.invoice.invoice_id),
            task_queue=MAIN_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=start_summary(start),
            start_signal=signal,
            start_signal_args=[fact],
        )
        if not runs:
            await self._catch_up(start)

    async def signal_account(self, customer_id: str, signal: str, fact: Mapping[str, Any]) -> None:
        """Signal a customer's account, which is always started by its signal."""
        account_id = await telling.tell_account(self._client, customer_id, signal, fact)
        if self._virtual is not None:
            await self._virtual.catch_up([account_id])

    async def _catch_up(self, start: Start) -> None:
        if self._virtual is not None:
            await self._virtual.catch_up([workflow_id(start.invoice.invoice_id)])
