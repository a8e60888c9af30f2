"""The facts about an invoice that staff tell: one signal each.

Each option has the name of the contract's field; what a command does is imported when it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.options import (
    Amount,
    Currency,
    Day,
    InvoiceArgument,
    Json,
    Note,
    OnDay,
    OptionalReason,
    OwnId,
    RequiredAmount,
    RequiredDay,
    State,
    those_given,
)
from domain.vocabulary import DisputeOutcome, DisputeReason, HoldReason

if TYPE_CHECKING:
    from commands.telling.tell import Known

app = typer.Typer()


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
    from commands.telling.tell import tell
    from domain.contract import PaymentReceived

    def defaults(known: Known) -> Mapping[str, Any]:
        return {**_currency(known), "received_on": known.today.isoformat()}

    given = those_given(
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
    from commands.telling.tell import tell
    from domain.contract import PromiseMade

    given = those_given(promise_id=promise_id, amount=amount, pay_by=pay_by, made_by=made_by, source=source)
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
    from commands.telling.tell import tell
    from domain.contract import DisputeRaised

    given = those_given(
        dispute_id=dispute_id, reason=reason.value, amount=amount, note=note, raised_by=raised_by
    )
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
    from commands.telling.tell import fresh_id, only_one, tell
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

    given = those_given(dispute_id=dispute_id, outcome=outcome.value)
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
    from commands.telling.tell import tell
    from domain.contract import CreditIssued

    given = those_given(credit_id=credit_id, amount=amount, currency=currency, reason=reason)
    tell(state, invoice, CreditIssued, given, as_json=as_json, defaults=_currency)


@app.command()
def hold(
    invoice: InvoiceArgument,
    reason: Annotated[HoldReason, typer.Option()] = HoldReason.MANUAL,
    until: Day = None,
    hold_id: OwnId = None,
    note: Note = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """Send nothing more until released, or until a date."""
    from commands.telling.tell import tell
    from domain.contract import HoldPlaced

    given = those_given(hold_id=hold_id, reason=reason.value, until=until, note=note)
    tell(state, invoice, HoldPlaced, given, as_json=as_json)


@app.command()
def release(
    invoice: InvoiceArgument,
    hold_id: Annotated[
        str | None, typer.Option(help="Left out: the only one that stands.", show_default=False)
    ] = None,
    same_as: Annotated[
        str | None,
        typer.Option(
            metavar="CUSTOMER",
            help="Who the customer turned out to be: they get the bills.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    state: State = None,
) -> None:
    """A hold was lifted."""
    from commands.telling.tell import bill_to, only_one, tell
    from domain.contract import HoldReleased

    def defaults(known: Known) -> Mapping[str, Any]:
        if hold_id is not None:
            return {}
        standing = [each.hold_id for each in known.view.holds] if known.view is not None else []
        return {"hold_id": only_one(known, "standing hold", "--hold-id", standing)}

    if same_as is not None:
        bill_to(state, invoice, same_as)
    tell(state, invoice, HoldReleased, those_given(hold_id=hold_id), as_json=as_json, defaults=defaults)


def _currency(known: Known) -> dict[str, Any]:
    return {} if known.row is None else {"currency": known.row.currency}


def _deductions(written: list[str]) -> list[dict[str, str]]:
    from commands.failures import BadInput

    found = []
    for each in written:
        amount, colon, reason = each.partition(":")
        if not colon or not reason.strip():
            raise BadInput(f"--deduction: is not written AMOUNT:REASON, such as 12.50:freight (got {each!r})")
        found.append({"amount": amount.strip(), "reason": reason.strip()})
    return found
