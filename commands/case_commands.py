"""The commands that tell or ask something of one invoice: their options, named after the contract's fields.

What they do stands in `commands.tell`, imported when one runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.options import By, InvoiceArgument, Json, State
from domain.vocabulary import CallOutcome, DisputeOutcome, DisputeReason, HoldReason, OfferKind, Step

if TYPE_CHECKING:
    from commands.tell import Known

app = typer.Typer()

Amount = Annotated[str | None, typer.Option(help="Decimal number, 1250.00.", show_default=False)]
RequiredAmount = Annotated[str, typer.Option(help="Decimal number, 1250.00.", show_default=False)]
Currency = Annotated[str | None, typer.Option(help="ISO 4217; the invoice's.", show_default=False)]
OnDay = Annotated[str | None, typer.Option(metavar="DATE", help="YYYY-MM-DD; today.", show_default=False)]
Until = Annotated[str | None, typer.Option(metavar="DATE", help="YYYY-MM-DD.", show_default=False)]
RequiredDay = Annotated[str, typer.Option(metavar="DATE", help="YYYY-MM-DD.", show_default=False)]
OwnId = Annotated[str | None, typer.Option(help="A repeat changes nothing; a fresh one.", show_default=False)]
Note = Annotated[str | None, typer.Option(show_default=False)]
Reason = Annotated[str, typer.Option(show_default=False)]
OptionalReason = Annotated[str | None, typer.Option(show_default=False)]
OfferId = Annotated[str | None, typer.Option(help="Left out: the one that stands.", show_default=False)]
RequiredStep = Annotated[Step, typer.Option(show_default=False)]


def _instalments(given: list[str]) -> list[dict[str, str]]:
    """`28067.00:2026-12-12` as the contract has it."""
    parts = [each.rpartition(":") for each in given]
    return [{"amount": amount, "due_on": due_on} for amount, _, due_on in parts]


def _given(**fields: Any) -> dict[str, Any]:
    """The fields that were given."""
    return {name: value for name, value in fields.items() if value is not None}


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


# Facts


@app.command()
def pay(
    invoice: InvoiceArgument,
    amount: RequiredAmount,
    payment_id: OwnId = None,
    currency: Currency = None,
    received_on: OnDay = None,
    method: Note = None,
    reference: Note = None,
    deduction: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AMOUNT:REASON", help="What was withheld, and why; may be repeated.", show_default=False
        ),
    ] = None,
    source: Note = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Money came in."""
    from commands.tell import tell
    from domain.contract import PaymentReceived

    def defaults(known: Known) -> Mapping[str, Any]:
        return {**_currency(known), "received_on": known.today.isoformat()}

    given = _given(
        payment_id=payment_id,
        amount=amount,
        currency=currency,
        received_on=received_on,
        method=method,
        reference=reference,
        deductions=_deductions(deduction or []) or None,
        source=source,
    )
    tell(state, invoice, PaymentReceived, given, as_json=as_json, defaults=defaults)


@app.command()
def promise(
    invoice: InvoiceArgument,
    pay_by: RequiredDay,
    amount: Amount = None,
    promise_id: OwnId = None,
    made_by: Note = None,
    source: Annotated[str, typer.Option(metavar="[phone|email|portal|erp]")] = "phone",
    as_json: Json = False,
    state: State = None,
) -> None:
    """The customer promised to pay: all, or --amount."""
    from commands.tell import tell
    from domain.contract import PromiseMade

    given = _given(promise_id=promise_id, amount=amount, pay_by=pay_by, made_by=made_by, source=source)
    tell(state, invoice, PromiseMade, given, as_json=as_json)


@app.command()
def dispute(
    invoice: InvoiceArgument,
    reason: Annotated[DisputeReason, typer.Option(show_default=False)],
    amount: Amount = None,
    dispute_id: OwnId = None,
    note: Note = None,
    raised_by: Note = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """The customer disputes the invoice: all, or --amount."""
    from commands.tell import tell
    from domain.contract import DisputeRaised

    given = _given(dispute_id=dispute_id, reason=reason.value, amount=amount, note=note, raised_by=raised_by)
    tell(state, invoice, DisputeRaised, given, as_json=as_json)


@app.command()
def resolve(
    invoice: InvoiceArgument,
    outcome: Annotated[DisputeOutcome, typer.Option(show_default=False)],
    dispute_id: Annotated[
        str | None, typer.Option(help="Left out: the only open one.", show_default=False)
    ] = None,
    credit_amount: Annotated[
        str | None, typer.Option(help="What is credited, 1250.00.", show_default=False)
    ] = None,
    credit_id: Annotated[str | None, typer.Option(help="The credit note's id.", show_default=False)] = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """A dispute was decided."""
    from commands.failures import BadInput
    from commands.tell import fresh_id, only_one, tell
    from domain.contract import DisputeResolved

    if credit_id is not None and credit_amount is None:
        raise BadInput("--credit-amount: is missing: say how much credit note --credit-id gives")

    def defaults(known: Known) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        if dispute_id is None:
            disputes = known.view.disputes if known.view is not None else ()
            open_ones = [each.dispute_id for each in disputes if each.state == "open"]
            found["dispute_id"] = only_one(known, "open dispute", "--dispute-id", open_ones)
        if credit_amount is not None:
            named = credit_id or fresh_id("credit", known.today)
            found["credit"] = {"credit_id": named, "amount": credit_amount}
        return found

    given = _given(dispute_id=dispute_id, outcome=outcome.value)
    tell(state, invoice, DisputeResolved, given, as_json=as_json, defaults=defaults)


@app.command()
def credit(
    invoice: InvoiceArgument,
    amount: RequiredAmount,
    credit_id: OwnId = None,
    currency: Currency = None,
    reason: OptionalReason = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """A credit note was issued on the invoice."""
    from commands.tell import tell
    from domain.contract import CreditIssued

    given = _given(credit_id=credit_id, amount=amount, currency=currency, reason=reason)
    tell(state, invoice, CreditIssued, given, as_json=as_json, defaults=_currency)


@app.command()
def hold(
    invoice: InvoiceArgument,
    reason: Annotated[HoldReason, typer.Option()] = HoldReason.MANUAL,
    until: Until = None,
    hold_id: OwnId = None,
    note: Note = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Send nothing more until released, or until a date."""
    from commands.tell import tell
    from domain.contract import HoldPlaced

    given = _given(hold_id=hold_id, reason=reason.value, until=until, note=note)
    tell(state, invoice, HoldPlaced, given, as_json=as_json)


@app.command()
def release(
    invoice: InvoiceArgument,
    hold_id: Annotated[
        str | None, typer.Option(help="Left out: the only one that stands.", show_default=False)
    ] = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """A hold was lifted."""
    from commands.tell import only_one, tell
    from domain.contract import HoldReleased

    def defaults(known: Known) -> Mapping[str, Any]:
        if hold_id is not None:
            return {}
        standing = [each.hold_id for each in known.view.holds] if known.view is not None else []
        return {"hold_id": only_one(known, "standing hold", "--hold-id", standing)}

    tell(state, invoice, HoldReleased, _given(hold_id=hold_id), as_json=as_json, defaults=defaults)


# Requests


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
    from commands.tell import ask
    from domain.contract import ProposePlan

    given = _given(
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
    from commands.tell import ask
    from domain.contract import DecidePlan

    ask(
        state,
        invoice,
        DecidePlan,
        _given(plan_id=plan_id, accept=accept),
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
    from commands.tell import ask
    from domain.contract import MakeOffer

    given = _given(kind=kind.value, amount=amount, percent=percent, until=until)
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
    from commands.tell import ask
    from domain.contract import WithdrawOffer

    given = _given(offer_id=offer_id, reason=reason)
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
    from commands.tell import ask
    from domain.contract import DecideOffer

    ask(
        state,
        invoice,
        DecideOffer,
        _given(offer_id=offer_id, accept=accept),
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
    from commands.tell import ask
    from domain.contract import CounterOffer

    ask(state, invoice, CounterOffer, _given(amount=amount, pay_by=pay_by), by=by, as_json=as_json)


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
    from commands.tell import ask
    from domain.contract import DecideStep

    given = _given(step=step, approve=True, note=note, approval_id=approval_id, words=_edited(words))
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
    from commands.tell import ask
    from domain.contract import DecideStep

    given = _given(step=step, approve=False, note=note, approval_id=approval_id)
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
    from commands.tell import ask
    from domain.contract import LogCall

    promised = _given(pay_by=pay_by, amount=promise_amount, promise_id=promise_id)
    disputed = _given(reason=dispute_reason, amount=dispute_amount, note=dispute_note, dispute_id=dispute_id)
    if promised and pay_by is None:
        raise BadInput("--pay-by: is missing: say by when it was promised")
    if disputed and dispute_reason is None:
        raise BadInput("--dispute-reason: is missing: say what is disputed")
    given = _given(outcome=outcome.value, note=note, promise=promised or None, dispute=disputed or None)
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
    from commands.tell import ask
    from domain.contract import SkipStep

    ask(state, invoice, SkipStep, _given(step=step, reason=reason), by=by, as_json=as_json)


@app.command()
def run(
    invoice: InvoiceArgument,
    step: RequiredStep,
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Carry a step out out of turn."""
    from commands.tell import ask
    from domain.contract import RunStep

    ask(state, invoice, RunStep, _given(step=step), by=by, as_json=as_json)


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
    from commands.tell import ask
    from domain.contract import Snooze

    ask(state, invoice, Snooze, _given(until=until, reason=reason), by=by, as_json=as_json)


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
    from commands.tell import ask
    from domain.contract import WaiveDelivery

    ask(state, invoice, WaiveDelivery, _given(step=step, reason=reason), by=by, as_json=as_json)


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
    from commands.tell import ask
    from domain.contract import WriteOff

    ask(state, invoice, WriteOff, _given(amount=amount, reason=reason), by=by, as_json=as_json)


@app.command()
def recall(
    invoice: InvoiceArgument,
    reason: Reason,
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Take a referred case back from the partner."""
    from commands.tell import ask
    from domain.contract import Recall

    ask(state, invoice, Recall, _given(reason=reason), by=by, as_json=as_json)


@app.command("change-policy")
def change_policy(
    invoice: InvoiceArgument,
    policy: Annotated[str, typer.Option(help="The policy's name.", show_default=False)],
    by: By = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Move the case to another policy."""
    from commands.tell import ask
    from domain.contract import ChangePolicy

    ask(state, invoice, ChangePolicy, _given(policy=policy), by=by, as_json=as_json)


# What is left out


def _currency(known: Known) -> dict[str, Any]:
    return {} if known.row is None else {"currency": known.row.currency}


def _open_plan(known: Known) -> Mapping[str, Any]:
    from commands.tell import only_one

    plan = known.view.plan if known.view is not None else None
    waiting = [plan.plan_id] if plan is not None and plan.state in ("offered", "proposed") else []
    return {"plan_id": only_one(known, "plan on the table", "--plan-id", waiting)}


def _open_offer(known: Known) -> Mapping[str, Any]:
    """The offer or counter-offer that waits for an answer."""
    from commands.tell import only_one

    waiting = []
    if known.view is not None and known.view.counter_offer is not None:
        waiting.append(known.view.counter_offer.offer_id)
    elif known.view is not None and known.view.offer is not None and known.view.offer.state == "open":
        waiting.append(known.view.offer.offer_id)
    return {"offer_id": only_one(known, "offer that waits for an answer", "--offer-id", waiting)}


def _waiting_step(step: Step | None) -> Any:
    def defaults(known: Known) -> Mapping[str, Any]:
        from commands.cases import decision_of
        from commands.tell import only_one
        from domain.decision import AskApproval

        if step is not None:
            return {}
        decision = decision_of(known.row) if known.row is not None else None
        waiting = [str(decision.step)] if isinstance(decision, AskApproval) else []
        return {"step": only_one(known, "message that waits for approval", "--step", waiting)}

    return defaults


def _deductions(written: list[str]) -> list[dict[str, str]]:
    from commands.failures import BadInput

    found = []
    for each in written:
        amount, colon, reason = each.partition(":")
        if not colon or not reason.strip():
            raise BadInput(f"--deduction: is not written AMOUNT:REASON, such as 12.50:freight (got {each!r})")
        found.append({"amount": amount.strip(), "reason": reason.strip()})
    return found
