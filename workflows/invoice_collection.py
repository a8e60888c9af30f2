"""One invoice from before its due date until it is settled, written off or referred.

The workflow holds no rule: it follows the last decision and hands every signal and update to be
recorded at once, also while a step is under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict
from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.interface import (
        LONGEST_START,
        NUDGE,
        Decided,
        Drafted,
        OnCase,
        OnMessage,
        OpenCase,
        Opened,
        Recorded,
        RecordFacts,
        Rendered,
        Reply,
        SignalInput,
        UpdateInput,
        WakePlans,
    )
    from domain.contract import Accepted, CaseView, CollectionResult
    from domain.decision import AskApproval, CarryOut, Close, Wait
    from domain.view import outlook
    from workflows import arrivals, story
    from workflows.arrivals import raw_inputs
    from workflows.options import DRAFT, LEDGER, RENDER, SEND
    from workflows.sleeping import Sleeper

PREFIX = "invoice-"
#: Patch: runs begun before it recorded beside their first step what had arrived with the start.
RECORD_BEFORE_STEPS = "record-before-steps"


def workflow_id(invoice_id: str) -> str:
    """The workflow id of an invoice."""
    return f"{PREFIX}{invoice_id}"


async def nudge(invoice_ids: Sequence[str]) -> None:
    """From a workflow, wake the workflows of these invoices; one that has ended needs no waking."""
    for invoice_id in invoice_ids:
        other = workflow.get_external_workflow_handle(workflow_id(invoice_id))
        try:
            await other.signal(NUDGE)
        except ApplicationError:
            workflow.logger.info("invoice %s is not running", invoice_id)


async def wake_plans(plan_ids: Sequence[str]) -> None:
    """From a workflow, have these plans looked at; one that nobody follows is started."""
    if plan_ids:
        await workflow.execute_activity(
            "wake_plans",
            WakePlans(plans=tuple(plan_ids)),
            summary=f"Wake {', '.join(plan_ids)}"[:200],
            **LEDGER,
        )


class CollectionState(BaseModel):
    """What one run hands to the next."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    customer: str = ""
    decided: Decided | None = None
    signals: list[SignalInput] = []
    """Facts that have arrived and are not committed yet."""


@workflow.defn(name="InvoiceCollection")
class InvoiceCollection:
    """Follows one invoice's decisions; see the module."""

    @workflow.init
    def __init__(self, *args: RawValue) -> None:
        self._invoice_id = arrivals.id_behind(PREFIX, workflow.info().workflow_id)
        self._requests: list[UpdateInput] = []
        self._replies: dict[str, Reply] = {}
        self._nudged = False
        self._recording = False
        self._refused: ApplicationError | None = None
        self._attributes: story.Attributes | None = None
        self._sleeper = Sleeper()
        if workflow.info().continued_run_id is not None:
            self._state = CollectionState.model_validate_json(args[0].payload.data)
        else:
            self._state = CollectionState(customer=story.customer_of(args))

    @workflow.run
    async def run(self, *args: RawValue) -> CollectionResult:
        """Follow one invoice from before its due date until it is settled, written off or referred."""
        await self._open(args)
        await self._record_what_waits()
        recorder = asyncio.create_task(self._record())
        while True:
            self._show()
            await self._continue_as_new_if_long()
            decision = self._decided.decision
            match decision:
                case Wait():
                    await self._sleep(decision)
                case CarryOut():
                    before = self._decided.revision
                    await self._carry_out(story.step_summary(decision))
                    if self._decided.revision == before:
                        await self._sleeper.a_minute(self._newer_decision())
                case AskApproval():
                    await self._await_approval(decision)
                case Close():
                    if await self._close():
                        break
        recorder.cancel()
        return self._result()

    # -- messages ---------------------------------------------------------------------------------

    @workflow.signal(dynamic=True)
    def fact(self, name: str, args: Sequence[RawValue]) -> None:
        """Any signal, well-formed or not: kept as it came, recorded at once by the recorder."""
        if name == NUDGE:
            self._nudged = True
        else:
            self._state.signals.append(SignalInput(name=name, inputs=raw_inputs(args)))

    @workflow.update(dynamic=True)
    async def request(self, name: str, args: Sequence[RawValue]) -> dict[str, Any]:
        """Any update: recorded like a fact; answered once committed, or refused by a named rule."""
        if self._refused is not None:
            raise self._refused
        info = workflow.current_update_info()
        update_id = info.id if info is not None else str(workflow.uuid4())
        self._requests.append(UpdateInput(name=name, update_id=update_id, inputs=raw_inputs(args)))
        await workflow.wait_condition(lambda: update_id in self._replies or self._refused is not None)
        if self._refused is not None:
            raise self._refused
        reply = self._replies.pop(update_id)
        if reply.refused_by is not None:
            raise ApplicationError(reply.reason, type=reply.refused_by, non_retryable=True)
        return Accepted(case=self._view().summary()).model_dump(mode="json")

    @workflow.query(name="case")
    def case(self, *_: RawValue) -> dict[str, Any]:
        """The case as it stands: balance, stage, what it waits for, what was sent and what comes next."""
        if self._state.decided is None:
            return {"invoice_id": self._invoice_id}
        return self._view().model_dump(mode="json")

    # -- the life ---------------------------------------------------------------------------------

    async def _open(self, args: Sequence[RawValue]) -> None:
        """Open the case (or find it), or end at once where the start does not fit."""
        if self._state.decided is not None:
            return
        start = OpenCase(
            invoice_id=self._invoice_id,
            workflow_id=workflow.info().workflow_id,
            inputs=raw_inputs(args, LONGEST_START),
            at=workflow.now(),
        )
        opened = await workflow.execute_activity(
            "open_case", start, result_type=Opened, summary="Open the case", **LEDGER
        )
        if opened.decided is None:
            problem = "; ".join(opened.errors)
            self._refused = ApplicationError(problem, type="InvalidStart", non_retryable=True)
            self._requests.clear()
            while self._state.signals:
                await self._record_portion()
            await workflow.wait_condition(workflow.all_handlers_finished)
            raise self._refused
        self._take(opened.decided)

    async def _sleep(self, decision: Wait) -> None:
        """Sleep until the decision's instant, or until a newer decision came with a recorded fact."""
        summary = story.sleep_summary(decision, self._decided.zone)
        if not await self._sleeper.until(decision.until, summary, self._newer_decision()):
            return
        if decision.next_step is not None:
            await self._carry_out(story.waking_summary(decision))
        else:
            await self._review()

    async def _carry_out(self, summary: str) -> None:
        """One contact: decide again and draft, make the papers, send once."""
        on_case = OnCase(invoice_id=self._invoice_id, at=self._sleeper.now())
        drafted: Drafted = await workflow.execute_activity(
            "draft_notice", on_case, result_type=Drafted, summary=summary, **DRAFT
        )
        if drafted.decided is not None:
            self._take(drafted.decided)
        if drafted.message_id is None:
            return
        message = OnMessage(
            invoice_id=self._invoice_id, message_id=drafted.message_id, at=self._sleeper.now()
        )
        rendered = await workflow.execute_activity(
            "render_documents",
            message,
            result_type=Rendered,
            summary=f"Papers of {drafted.message_id}",
            **RENDER,
        )
        if rendered.decided is not None:
            self._take(rendered.decided)
        if drafted.send:
            message = message.model_copy(update={"at": self._sleeper.now()})
            decided = await workflow.execute_activity(
                "send_notice",
                message,
                result_type=Decided,
                summary=f"Send {drafted.message_id} once",
                **SEND,
            )
            self._take(decided)
            await nudge(decided.nudge)
            await wake_plans(decided.plans)

    async def _await_approval(self, decision: AskApproval) -> None:
        """The approval is a fact as well; its expiry leads to a fresh draft."""
        summary = story.approval_summary(decision, self._decided.zone)
        if await self._sleeper.until(decision.until, summary, self._newer_decision()):
            await self._review()

    async def _review(self) -> None:
        on_case = OnCase(invoice_id=self._invoice_id, at=self._sleeper.now())
        decided = await workflow.execute_activity(
            "review_case", on_case, result_type=Decided, summary="Look at the case again", **LEDGER
        )
        self._take(decided)
        await wake_plans(decided.plans)

    async def _close(self) -> bool:
        """Whether the case is still closed once everything that arrived is recorded and answered."""
        await workflow.wait_condition(lambda: self._is_idle() and workflow.all_handlers_finished())
        return isinstance(self._decided.decision, Close)

    # -- recording --------------------------------------------------------------------------------

    async def _record(self) -> None:
        """Record facts and requests in the order they came, whatever else is under way."""
        while True:
            await workflow.wait_condition(lambda: not self._is_idle())
            self._recording = True
            await self._record_portion()
            self._recording = False

    async def _record_what_waits(self) -> None:
        """Record what has arrived by now before a step is followed, so that none is begun for money that is
        already told; what comes meanwhile is the recorder's and delays no step."""
        signals, requests = len(self._state.signals), len(self._requests)
        if not (signals or requests) or not workflow.patched(RECORD_BEFORE_STEPS):
            return
        while signals or requests:
            recorded = await self._record_portion(signals, requests)
            signals, requests = signals - recorded[0], requests - recorded[1]

    async def _record_portion(
        self, signals_up_to: int | None = None, requests_up_to: int | None = None
    ) -> tuple[int, int]:
        """Record one portion, of the first so many of each where a number is given, and say how many it was."""
        signals = arrivals.portion(self._state.signals[:signals_up_to])
        room = arrivals.MOST_BYTES - sum(map(arrivals.weight, signals))
        requests = arrivals.portion(self._requests[:requests_up_to], room) if room > 0 else []
        self._nudged = False
        batch = RecordFacts(
            invoice_id=self._invoice_id,
            at=workflow.now(),
            signals=tuple(signals),
            requests=tuple(requests),
        )
        names = [signal.name for signal in signals] + [request.name for request in requests]
        recorded = await workflow.execute_activity(
            "record_facts", batch, result_type=Recorded, summary=story.recording_summary(names), **LEDGER
        )
        del self._state.signals[: len(signals)]
        del self._requests[: len(requests)]
        self._replies.update({reply.update_id: reply for reply in recorded.replies})
        if recorded.decided is not None:
            self._take(recorded.decided)
            await nudge(recorded.decided.nudge)
            await wake_plans(recorded.decided.plans)
        return len(signals), len(requests)

    def _is_idle(self) -> bool:
        return not (self._recording or self._state.signals or self._requests or self._nudged)

    # -- state ------------------------------------------------------------------------------------

    @property
    def _decided(self) -> Decided:
        assert self._state.decided is not None, "the case is open"
        return self._state.decided

    def _take(self, decided: Decided) -> None:
        """The newest decision counts, whichever activity returned last."""
        known = self._state.decided
        if known is None or decided.revision >= known.revision:
            self._state.decided = decided

    def _view(self) -> CaseView:
        known = self._decided
        return CaseView.model_validate({**known.view, **outlook(known.decision, workflow.now())})

    def _newer_decision(self) -> Callable[[], bool]:
        """Tells when the decision of this moment is overtaken by one that came with a recorded fact."""
        slept_on = self._decided
        return lambda: self._decided is not slept_on

    async def _continue_as_new_if_long(self) -> None:
        if workflow.info().is_continue_as_new_suggested() or self._decided.continue_as_new:
            await workflow.wait_condition(lambda: self._is_idle() and workflow.all_handlers_finished())
            decided = self._decided.model_copy(update={"continue_as_new": False})
            workflow.continue_as_new(self._state.model_copy(update={"decided": decided}))

    def _show(self) -> None:
        """Tell people who look at the workflow where it stands; attributes only when they changed."""
        workflow.set_current_details(story.details(self._state.customer, self._view(), self._decided))
        attributes = story.attributes(self._view(), self._decided)
        if attributes != self._attributes:
            workflow.upsert_search_attributes(attributes.updates(self._attributes))
            self._attributes = attributes

    def _result(self) -> CollectionResult:
        view = self._view()
        assert view.outcome is not None, "a closed case has an outcome"
        return CollectionResult(outcome=view.outcome, balance_due=view.balance_due, currency=view.currency)
