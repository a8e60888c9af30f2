"""What staff ask of an invoice, and may be refused: one update each.

Each option has the name of the contract's field; what a command does is imported when it runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.options import (
    Amount,
    By,
    InvoiceArgument,
    Json,
    Note,
    OwnId,
    Reason,
    RequiredAmount,
    RequiredDay,
    State,
    those_given,
)
from domain.vocabulary import CallOutcome, DisputeReason, OfferKind, Step

if TYPE_CHECKING:
    from commands.telling.tell import Known

app = typer.Typer()

OfferId = Annotated[str | None, typer.Option(help="Left out: the one that stands.", show_default=False)]
RequiredStep = Annotated[Step, typer.Option(show_default=False)]


@app.command()
def plan(
    invoice: InvoiceArgument,
    count: Annotated[int | None, typer.Option(help="So many equal ones.", show_default=False)] = None,
    instalment: Annotated[
        list[str] | None,
        typer.Option(metavar="AMOUNT:DATE", help="One of them; may be repeated.", show_default=False),
    ] = None,
    invoices: Annotated[
        list[str] | None,
        typer.Option("--with", help="Another invoice of the customer; may be repeated.", show_default=False),
    ] = None,
    source: Annotated[str, typer.Option(metavar="[staff|portal|customer]", help="Who asks.")] = "staff",
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Offer instalments to the customer, or take down what they propose."""
    from commands.telling.tell import ask
    from domain.contract import ProposePlan

    given = those_given(
        count=count,
        instalments=_instalments(instalment or []) or None,
        invoices=invoices,
        source=source,
    )
    ask(state, invoice, ProposePlan, given, by=by, as_json=as_json)


@app.command("decide-plan")
def decide_plan(
    invoice: InvoiceArgument,
    accept: Annotated[bool, typer.Option("--accept/--decline", show_default=False)],
    plan_id: Annotated[
        str | None, typer.Option(help="Left out: the one on the table.", show_default=False)
    ] = None,
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Accept or decline instalments that were offered or proposed."""
    from commands.telling.tell import ask
    from domain.contract import DecidePlan

    ask(
        state,
        invoice,
        DecidePlan,
        those_given(plan_id=plan_id, accept=accept),
        by=by,
        as_json=as_json,
        defaults=_open_plan if plan_id is None else lambda known: {},
    )


@app.command()
def offer(
    invoice: InvoiceArgument,
    kind: Annotated[OfferKind, typer.Option(show_default=False)],
    until: RequiredDay,
    amount: Annotated[str | None, typer.Option(help="What the customer pays.", show_default=False)] = None,
    percent: Annotated[
        str | None, typer.Option(help="What is taken off the open amount, 2.5.", show_default=False)
    ] = None,
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Offer the customer to settle the invoice for less, inside the policy's limits."""
    from commands.telling.tell import ask
    from domain.contract import MakeOffer

    given = those_given(kind=kind.value, amount=amount, percent=percent, until=until)
    ask(state, invoice, MakeOffer, given, by=by, as_json=as_json)


@app.command("withdraw-offer")
def withdraw_offer(
    invoice: InvoiceArgument,
    reason: Reason,
    offer_id: OfferId = None,
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Take back an offer that the customer has not accepted."""
    from commands.telling.tell import ask
    from domain.contract import WithdrawOffer

    given = those_given(offer_id=offer_id, reason=reason)
    ask(
        state,
        invoice,
        WithdrawOffer,
        given,
        by=by,
        as_json=as_json,
        defaults=_open_offer if offer_id is None else lambda known: {},
    )


@app.command("decide-offer")
def decide_offer(
    invoice: InvoiceArgument,
    accept: Annotated[bool, typer.Option("--accept/--decline", show_default=False)],
    offer_id: OfferId = None,
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Answer a counter-offer, or take down what the customer says to an offer of ours."""
    from commands.telling.tell import ask
    from domain.contract import DecideOffer

    ask(
        state,
        invoice,
        DecideOffer,
        those_given(offer_id=offer_id, accept=accept),
        by=by,
        as_json=as_json,
        defaults=_open_offer if offer_id is None else lambda known: {},
    )


@app.command("counter-offer")
def counter_offer(
    invoice: InvoiceArgument,
    amount: RequiredAmount,
    pay_by: RequiredDay,
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Take down what the customer asks to settle the invoice for."""
    from commands.telling.tell import ask
    from domain.contract import CounterOffer

    ask(state, invoice, CounterOffer, those_given(amount=amount, pay_by=pay_by), by=by, as_json=as_json)


@app.command()
def approve(
    invoice: InvoiceArgument,
    step: Annotated[
        Step | None, typer.Option(help="Left out: the one that waits.", show_default=False)
    ] = None,
    approval_id: Annotated[
        str | None, typer.Option(help="The message that is meant.", show_default=False)
    ] = None,
    words: Annotated[
        Path | None,
        typer.Option(help="Other words, as JSON with slots; see docs/drafting.md.", show_default=False),
    ] = None,
    note: Note = None,
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Let the message that waits for approval go out."""
    from commands.telling.tell import ask
    from domain.contract import DecideStep

    given = those_given(step=step, approve=True, note=note, approval_id=approval_id, words=_edited(words))
    ask(state, invoice, DecideStep, given, by=by, as_json=as_json, defaults=_waiting_step(step))


@app.command()
def deny(
    invoice: InvoiceArgument,
    step: Annotated[
        Step | None, typer.Option(help="Left out: the one that waits.", show_default=False)
    ] = None,
    approval_id: Annotated[
        str | None, typer.Option(help="The message that is meant.", show_default=False)
    ] = None,
    note: Note = None,
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Throw that message away; its step is skipped."""
    from commands.telling.tell import ask
    from domain.contract import DecideStep

    given = those_given(step=step, approve=False, note=note, approval_id=approval_id)
    ask(state, invoice, DecideStep, given, by=by, as_json=as_json, defaults=_waiting_step(step))


@app.command()
def call(
    invoice: InvoiceArgument,
    outcome: Annotated[CallOutcome, typer.Option(show_default=False)],
    note: Note = None,
    pay_by: Annotated[
        str | None,
        typer.Option(
            "--pay-by", "--promise-pay-by", metavar="DATE", help="Promised in the call.", show_default=False
        ),
    ] = None,
    promise_amount: Annotated[
        str | None, typer.Option(help="Left out: all that is owed.", show_default=False)
    ] = None,
    promise_id: OwnId = None,
    dispute_reason: Annotated[DisputeReason | None, typer.Option(show_default=False)] = None,
    dispute_amount: Annotated[
        str | None, typer.Option(help="Left out: all that is owed.", show_default=False)
    ] = None,
    dispute_note: Note = None,
    dispute_id: OwnId = None,
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Write down a call, and what was promised in it."""
    from commands.failures import BadInput
    from commands.telling.tell import ask
    from domain.contract import LogCall

    promised = those_given(pay_by=pay_by, amount=promise_amount, promise_id=promise_id)
    disputed = those_given(
        reason=dispute_reason, amount=dispute_amount, note=dispute_note, dispute_id=dispute_id
    )
    if promised and pay_by is None:
        raise BadInput("--pay-by: is missing: say by when it was promised")
    if disputed and dispute_reason is None:
        raise BadInput("--dispute-reason: is missing: say what is disputed")
    given = those_given(outcome=outcome.value, note=note, promise=promised or None, dispute=disputed or None)
    ask(state, invoice, LogCall, given, by=by, as_json=as_json)


@app.command()
def skip(
    invoice: InvoiceArgument,
    step: RequiredStep,
    reason: Reason,
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Leave a step out for this cycle."""
    from commands.telling.tell import ask
    from domain.contract import SkipStep

    ask(state, invoice, SkipStep, those_given(step=step, reason=reason), by=by, as_json=as_json)


@app.command()
def run(
    invoice: InvoiceArgument,
    step: RequiredStep,
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Carry a step out out of turn."""
    from commands.telling.tell import ask
    from domain.contract import RunStep

    ask(state, invoice, RunStep, those_given(step=step), by=by, as_json=as_json)


@app.command()
def snooze(
    invoice: InvoiceArgument,
    until: RequiredDay,
    reason: Reason,
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Leave the case alone until the end of a date."""
    from commands.telling.tell import ask
    from domain.contract import Snooze

    ask(state, invoice, Snooze, those_given(until=until, reason=reason), by=by, as_json=as_json)


@app.command()
def waive(
    invoice: InvoiceArgument,
    step: Annotated[str, typer.Option(help="The step, or the confirmation.", show_default=False)],
    reason: Reason,
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Vouch that a notice without proof reached them."""
    from commands.telling.tell import ask
    from domain.contract import WaiveDelivery

    ask(state, invoice, WaiveDelivery, those_given(step=step, reason=reason), by=by, as_json=as_json)


@app.command("write-off")
def write_off(
    invoice: InvoiceArgument,
    reason: Reason,
    amount: Amount = None,
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Give up what is owed, or a part of it."""
    from commands.telling.tell import ask
    from domain.contract import WriteOff

    ask(state, invoice, WriteOff, those_given(amount=amount, reason=reason), by=by, as_json=as_json)


@app.command()
def recall(
    invoice: InvoiceArgument,
    reason: Reason,
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Take a referred case back from the partner."""
    from commands.telling.tell import ask
    from domain.contract import Recall

    ask(state, invoice, Recall, those_given(reason=reason), by=by, as_json=as_json)


@app.command("change-policy")
def change_policy(
    invoice: InvoiceArgument,
    policy: Annotated[str, typer.Option(help="The policy's name.", show_default=False)],
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Move the case to another policy."""
    from commands.telling.tell import ask
    from domain.contract import ChangePolicy

    ask(state, invoice, ChangePolicy, those_given(policy=policy), by=by, as_json=as_json)


# What is left out


def _instalments(given: list[str]) -> list[dict[str, str]]:
    """`28067.00:2026-12-12` as the contract has it."""
    parts = [each.rpartition(":") for each in given]
    return [{"amount": amount, "due_on": due_on} for amount, _, due_on in parts]


def _edited(file: Path | None) -> dict[str, Any] | None:
    """Words that a person has written."""
    if file is None:
        return None
    from commands.failures import BadInput

    try:
        words = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        raise BadInput(f"{file}: {problem}") from None
    if not isinstance(words, dict):
        raise BadInput(f"{file}: is not a JSON object with subject, greeting, paragraphs and closing")
    return words


def _open_plan(known: Known) -> Mapping[str, Any]:
    from commands.telling.tell import only_one

    plan = known.view.plan if known.view is not None else None
    waiting = [plan.plan_id] if plan is not None and plan.state in ("offered", "proposed") else []
    return {"plan_id": only_one(known, "plan on the table", "--plan-id", waiting)}


def _open_offer(known: Known) -> Mapping[str, Any]:
    """The offer or counter-offer that waits for an answer."""
    from commands.telling.tell import only_one

    waiting = []
    if known.view is not None and known.view.counter_offer is not None:
        waiting.append(known.view.counter_offer.offer_id)
    elif known.view is not None and known.view.offer is not None and known.view.offer.state == "open":
        waiting.append(known.view.offer.offer_id)
    return {"offer_id": only_one(known, "offer that waits for an answer", "--offer-id", waiting)}


def _waiting_step(step: Step | None) -> Any:
    def defaults(known: Known) -> Mapping[str, Any]:
        from commands.cases import decision_of
        from commands.telling.tell import only_one
        from domain.decision import AskApproval

        if step is not None:
            return {}
        decision = decision_of(known.row) if known.row is not None else None
        waiting = [str(decision.step)] if isinstance(decision, AskApproval) else []
        return {"step": only_one(known, "message that waits for approval", "--step", waiting)}

    return defaults
