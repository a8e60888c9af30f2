"""One payment plan from the table to its end: kept, broken, or never agreed.

Like an invoice's, this workflow holds no rule: it follows the last decision. What is agreed and paid is
recorded by the workflows of its invoices, which nudge this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict
from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.interface import (
        NUDGE,
        PLAN_PREFIX,
        PLAN_WORKFLOW,
        Decided,
        Drafted,
        OnMessage,
        OnPlan,
        PlanDecided,
        Rendered,
        SignalInput,
    )
    from domain.decision import Wait
    from domain.plans.plan import EndPlan, SendNote
    from workflows import arrivals, plan_story, story
    from workflows.arrivals import raw_inputs
    from workflows.invoice_collection import nudge
    from workflows.options import DRAFT, LEDGER, RENDER, SEND
    from workflows.sleeping import Sleeper


class FollowedPlan(BaseModel):
    """What one run hands to the next."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    decided: PlanDecided | None = None
    signals: list[SignalInput] = []
    """What arrived that is not a nudge, and is not on the worklist yet."""


@workflow.defn(name=PLAN_WORKFLOW)
class PaymentPlan:
    """Follows one plan's decisions; see the module."""

    @workflow.init
    def __init__(self, *args: RawValue) -> None:
        self._plan_id = arrivals.id_behind(PLAN_PREFIX, workflow.info().workflow_id)
        self._nudged = False
        self._attributes: story.Attributes | None = None
        self._sleeper = Sleeper()
        if workflow.info().continued_run_id is not None:
            self._state = FollowedPlan.model_validate_json(args[0].payload.data)
        else:
            self._state = FollowedPlan()

    @workflow.run
    async def run(self, *args: RawValue) -> dict[str, Any]:
        """Follow one plan until it is over; returns how it ended."""
        if self._state.decided is None:
            await self._look()
        while True:
            self._show()
            await self._continue_as_new_if_long()
            decision = self._decided.decision
            match decision:
                case Wait():
                    await self._sleep(decision)
                case SendNote():
                    await self._send(decision)
                case EndPlan() if not self._nudged and not self._state.signals:
                    return {"plan_id": self._plan_id, "state": str(decision.state)}
                case _:
                    await self._look()

    # -- messages ---------------------------------------------------------------------------------

    @workflow.signal(dynamic=True)
    def fact(self, name: str, args: Sequence[RawValue]) -> None:
        """A nudge; anything else is nothing a plan knows, and goes to the worklist as it came."""
        if name == NUDGE:
            self._nudged = True
        else:
            self._state.signals.append(SignalInput(name=name, inputs=raw_inputs(args)))

    @workflow.query(name="plan")
    def plan(self, *_: RawValue) -> dict[str, Any]:
        """The plan as it stands: its instalments, what is left to pay, what comes next."""
        if self._state.decided is None:
            return {"plan_id": self._plan_id}
        return plan_story.answer(self._decided)

    # -- the life ---------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Have the plan decided about anew, with what arrived until now."""
        self._nudged = False
        signals = arrivals.portion(self._state.signals)
        on_plan = OnPlan(plan_id=self._plan_id, at=self._sleeper.now(), signals=tuple(signals))
        decided = await workflow.execute_activity(
            "follow_plan", on_plan, result_type=PlanDecided, summary="Look at the plan", **LEDGER
        )
        del self._state.signals[: len(signals)]
        if decided.decision is None:
            raise ApplicationError("there is no such plan", type="InvalidStart", non_retryable=True)
        self._state.decided = decided
        await nudge(decided.nudge)

    async def _sleep(self, decision: Wait) -> None:
        """Sleep until the decision's instant, or until something of the plan was recorded; then look."""
        summary = story.sleep_summary(decision, self._decided.zone)
        await self._sleeper.until(decision.until, summary, self._something_came)
        await self._look()

    async def _send(self, decision: SendNote) -> None:
        """One message: decide again and draft, make the papers, send once, look."""
        drafted: Drafted = await workflow.execute_activity(
            "draft_plan_notice",
            OnPlan(plan_id=self._plan_id, at=self._sleeper.now()),
            result_type=Drafted,
            summary=plan_story.sending(decision),
            **DRAFT,
        )
        if drafted.message_id is not None:
            message = OnMessage(
                invoice_id=self._decided.lead, message_id=drafted.message_id, at=self._sleeper.now()
            )
            await workflow.execute_activity(
                "render_documents",
                message,
                result_type=Rendered,
                summary=f"Papers of {drafted.message_id}",
                **RENDER,
            )
            sent = await workflow.execute_activity(
                "send_notice",
                message.model_copy(update={"at": self._sleeper.now()}),
                result_type=Decided,
                summary=f"Send {drafted.message_id} once",
                **SEND,
            )
            await nudge(sent.nudge)
        await self._look()
        if self._decided.decision == decision:
            await self._sleeper.a_minute(self._something_came)

    def _something_came(self) -> bool:
        return self._nudged or bool(self._state.signals)

    # -- state ------------------------------------------------------------------------------------

    @property
    def _decided(self) -> PlanDecided:
        assert self._state.decided is not None, "the plan was looked at"
        return self._state.decided

    async def _continue_as_new_if_long(self) -> None:
        if workflow.info().is_continue_as_new_suggested() or self._decided.continue_as_new:
            decided = self._decided.model_copy(update={"continue_as_new": False})
            workflow.continue_as_new(self._state.model_copy(update={"decided": decided}))

    def _show(self) -> None:
        """Tell people who look at the workflow where it stands; attributes only when they changed."""
        workflow.set_current_details(plan_story.details(self._plan_id, self._decided))
        attributes = plan_story.attributes(self._decided)
        if attributes != self._attributes:
            workflow.upsert_search_attributes(attributes.updates(self._attributes))
            self._attributes = attributes
