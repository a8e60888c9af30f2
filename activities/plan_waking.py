"""Starting and waking the workflows of payment plans: one signal that does either, as often as it is tried."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from temporalio import activity
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from activities.interface import NUDGE, PLAN_PREFIX, PLAN_WORKFLOW, WakePlans


def workflow_id(plan_id: str) -> str:
    """The workflow id of a plan."""
    return f"{PLAN_PREFIX}{plan_id}"


@dataclass(frozen=True)
class PlanWaking:
    """Knows the server; `task_queue` is where plans are followed."""

    client: Client
    task_queue: str

    @activity.defn
    async def wake_plans(self, wake: WakePlans) -> None:
        """Have these plans looked at. One that runs gets a signal, any other a run that looks for itself."""
        await asyncio.gather(*(self._wake(plan_id) for plan_id in wake.plans))

    async def _wake(self, plan_id: str) -> None:
        await self.client.start_workflow(
            PLAN_WORKFLOW,
            id=workflow_id(plan_id),
            task_queue=self.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"Payment plan {plan_id}",
            start_signal=NUDGE,
        )
