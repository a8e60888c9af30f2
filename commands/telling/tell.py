"""Telling an invoice's case something from the command line: a fact by signal, a request by update."""

from __future__ import annotations

import asyncio
import getpass
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import and_, or_, select
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from commands import cases
from commands.failures import BadInput, Failed
from commands.place import Place, find
from commands.starting import Starter
from commands.terminal import amount, clean, moment, note, print_json
from domain.contract import (
    CaseSummary,
    CaseView,
    CustomerUpdated,
    Fact,
    HoldPlaced,
    HoldReleased,
    Invoice,
    Request,
    Start,
    parse,
)
from domain.money import Money
from domain.vocabulary import Step, step_name
from domain.wire import FieldError, WireModel
from store.schema import CaseRow, CustomerRow, EventRow
from workflows.invoice_collection import workflow_id

M = TypeVar("M", bound=WireModel)

#: How long to wait for the worker to record a signal before saying that it will.
RECORDED_WITHIN_S = 10.0
#: An update waits for the worker; nobody waits longer at a terminal.
ANSWERED_WITHIN_S = 30.0
#: Letters and digits that are not taken for each other.
_ID_LETTERS = "23456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True)
class Known:
    """What is known of the invoice that is spoken of; without a row it is not recorded (yet)."""

    invoice_id: str
    today: date
    zone: str = "UTC"
    row: CaseRow | None = None
    view: CaseView | None = None
    start: Start | None = None


Defaults = Callable[[Known], Mapping[str, Any]]


def look_up(place: Place, invoice: str) -> Known:
    """The invoice by id or number. Raises BadInput for one that neither the database nor Temporal knows."""
    with place.reading() as session:
        row = cases.find_case(session, invoice)
        if row is None:
            asyncio.run(_check_runs(place, invoice))
            return Known(invoice, place.today(session, "UTC"))
        zone = cases.zone_of(row, cases.customer_of(session, row.customer_id))
        return Known(
            invoice_id=row.invoice_id,
            today=place.today(session, zone),
            zone=zone,
            row=row,
            view=cases.view_of(session, row, place.now(session)),
            start=Start(
                invoice=Invoice.model_validate(row.invoice),
                customer=cases.customer_of(session, row.owner_id),
            ),
        )


async def _check_runs(place: Place, invoice: str) -> None:
    client = await place.client()
    try:
        await client.get_workflow_handle(workflow_id(invoice)).describe()
    except RPCError as error:
        if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
            raise cases.unknown(invoice) from None
        raise


# Facts


def tell(
    state: Path | None,
    invoice: str,
    model: type[Fact],
    given: Mapping[str, Any],
    *,
    as_json: bool,
    defaults: Defaults = lambda known: {},
) -> None:
    """Signal a fact and wait until it is recorded. What was not given comes from `defaults`."""
    check_given(model, given)
    place = find(state)
    known = look_up(place, invoice)
    before = _recorded(place, known, model, str(given.get(model.id_field)))
    if before is not None:
        fact = _repeated(model, given, before)
        note(f"{fact.fact_kind} {fact.fact_id} was recorded before: nothing changes")
        return _report(place, known.invoice_id, fact, as_json=as_json)
    fresh = {model.id_field: fresh_id(model.fact_kind.partition("_")[0], known.today)}
    fact = _read(model, {**fresh, **defaults(known), **given})
    _check_money(fact, known)
    if asyncio.run(_signal(place, known, fact)):
        note(f"Recorded {fact.fact_kind} {fact.fact_id}")
        return _report(place, known.invoice_id, fact, as_json=as_json)
    note(f"Handed over {fact.fact_kind} {fact.fact_id}; it is recorded as soon as a worker runs")
    if as_json:
        print_json({"accepted": True, "id": fact.fact_id, "recorded": False, "case": None})
    return None


def bill_to(state: Path | None, invoice: str, customer_id: str) -> None:
    """From here on another customer gets the bills of the invoice's owner. Raises BadInput for one not known."""
    place = find(state)
    known = look_up(place, invoice)
    if known.row is None:
        raise cases.unknown(invoice)
    with place.reading() as session:
        if customer_id == known.row.owner_id or session.get(CustomerRow, customer_id) is None:
            raise BadInput(
                f"--same-as: name a customer we know other than {known.row.owner_id} (got {customer_id!r})"
            )
    update = {
        "update_id": fresh_id("same-as", known.today),
        "customer": {"customer_id": known.row.owner_id, "bill_to": customer_id},
    }

    async def send(owner_id: str) -> None:
        await (await Starter.at(place)).signal_account(owner_id, CustomerUpdated.fact_kind, update)

    asyncio.run(send(known.row.owner_id))


def _report(place: Place, invoice_id: str, fact: Fact, *, as_json: bool) -> None:
    """Say where the case stands with the fact."""
    after = look_up(place, invoice_id)
    assert after.view is not None, "what is recorded belongs to a case"
    if as_json:
        summary = after.view.summary().model_dump(mode="json")
        print_json({"accepted": True, "id": fact.fact_id, "recorded": True, "case": summary})
    else:
        print(_standing(after.view.summary(), after))


async def _signal(place: Place, known: Known, fact: Fact) -> bool:
    """Send the signal; whether it was recorded while we waited."""
    payload = fact.model_dump(mode="json", exclude_unset=True)
    if known.start is not None and known.row is not None:
        starter = await Starter.at(place)
        if isinstance(fact, HoldReleased) and _is_of_account(place, known, fact):
            await starter.signal_account(known.row.customer_id, fact.fact_kind, payload)
        else:
            await starter.signal(known.start, fact.fact_kind, payload, runs=known.row.closed_at is None)
    else:
        client = await place.client()
        await client.get_workflow_handle(workflow_id(known.invoice_id)).signal(fact.fact_kind, payload)
    clock = asyncio.get_running_loop()
    deadline = clock.time() + RECORDED_WITHIN_S
    while _recorded(place, known, type(fact), fact.fact_id) is None:
        if clock.time() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True


def _recorded(place: Place, known: Known, model: type[Fact], fact_id: str) -> EventRow | None:
    """The fact where it is recorded; of a hold also where it is released for the whole account."""
    recorded = select(EventRow).where(EventRow.kind == model.fact_kind, EventRow.event_id == fact_id)
    about = EventRow.invoice_id == known.invoice_id
    if model is HoldReleased and known.row is not None:
        about = or_(about, and_(EventRow.customer_id == known.row.customer_id, EventRow.invoice_id.is_(None)))
    with place.reading() as session:
        return session.scalars(recorded.where(about).limit(1)).one_or_none()


def _is_of_account(place: Place, known: Known, release: HoldReleased) -> bool:
    """Whether the hold stands on the customer's whole account, and not on this invoice."""
    placed = select(EventRow.invoice_id).where(
        EventRow.kind == HoldPlaced.fact_kind,
        EventRow.event_id == release.hold_id,
        or_(EventRow.invoice_id == known.invoice_id, EventRow.invoice_id.is_(None)),
        EventRow.customer_id == (known.row.customer_id if known.row is not None else None),
    )
    with place.reading() as session:
        return session.scalars(placed).all() == [None]


def _repeated(model: type[Fact], given: Mapping[str, Any], before: EventRow) -> Fact:
    """The fact that was recorded; what was not given is meant as it was then. Raises BadInput if they differ."""
    recorded = _read(model, before.payload)
    again = _read(model, {**before.payload, **given})
    if again.content() != recorded.content():
        raise BadInput(
            f"{_option(model.id_field)}: {before.event_id!r} was recorded before with other content, which stands:"
            " give another id"
        )
    return recorded


def _check_money(fact: Fact, known: Known) -> None:
    """Refuse what could never be booked on this invoice, before anything is sent."""
    stated = getattr(fact, "amount", None)
    if stated is None:
        return
    if known.row is not None:
        currency = getattr(fact, "currency", known.row.currency)
        if currency != known.row.currency:
            raise BadInput(
                f"--currency: is not the invoice's {known.row.currency}: name an invoice in {currency}"
                f" (got {currency!r})"
            )
        try:
            Money.parse(stated, currency)
        except ValueError as problem:
            raise BadInput(f"--amount: {problem}") from None
    if stated.startswith("-") or not stated.strip("0."):
        raise BadInput(f"--amount: must be above zero (got {stated!r})")


# Requests


def ask(
    state: Path | None,
    invoice: str,
    model: type[Request],
    given: Mapping[str, Any],
    *,
    by: str | None,
    as_json: bool,
    defaults: Defaults = lambda known: {},
) -> None:
    """Send an update and say where the case then stands. A rule that refuses it ends the command with 1."""
    signed = {**given, "by": by or os_user()}
    check_given(model, signed)
    place = find(state)
    known = look_up(place, invoice)
    request = _read(model, {**defaults(known), **signed})
    update_id = fresh_id(model.update_name.replace("_", "-"), known.today)
    summary = asyncio.run(_update(place, known, request, update_id))
    if as_json:
        print_json({"accepted": True, "case": summary.model_dump(mode="json")})
    else:
        note(f"Accepted {model.update_name} {update_id}")
        print(_standing(summary, known))


async def _update(place: Place, known: Known, request: Request, update_id: str) -> CaseSummary:
    client = await place.client()
    handle = client.get_workflow_handle(workflow_id(known.invoice_id))
    payload = request.model_dump(mode="json", exclude_unset=True)
    try:
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            accepted: dict[str, Any] = await handle.execute_update(
                request.update_name, payload, id=update_id, result_type=dict
            )
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        said = f"{cause.message} ({cause.type})" if isinstance(cause, ApplicationError) else str(cause)
        raise Failed(f"Refused: {said}") from None
    except TimeoutError:
        raise Failed(
            f"No worker answered within {ANSWERED_WITHIN_S:.0f} s; the request waits for one as {update_id}."
            " Check it with: python starter.py doctor"
        ) from None
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        outcome = known.view.outcome if known.view is not None else None
        ended = f"is closed ({outcome})" if outcome else "does not run"
        raise Failed(f"Refused: {known.invoice_id} {ended}; only facts such as pay still reach it") from None
    return CaseSummary.model_validate(accepted["case"])


# Values


def check_given(model: type[WireModel], given: Mapping[str, Any]) -> None:
    """Refuse what was given and does not fit, before any server is looked for."""
    read = parse(model, json.dumps(given).encode())
    if isinstance(read, list):
        _refuse([error for error in read if not error.problem.startswith("is missing")])


def _read(model: type[M], value: Mapping[str, Any]) -> M:
    read = parse(model, json.dumps(value).encode())
    if isinstance(read, list):
        _refuse(read)
        raise AssertionError("a list of errors is never empty")
    return read


def _refuse(errors: list[FieldError]) -> None:
    if errors:
        lines = [f"{_option(error.field)}: {str(error)[len(error.field) + 1 :]}" for error in errors]
        raise BadInput("\n".join(lines))


def _option(field: str) -> str:
    """The option of a field: `--payment-id` of `payment_id`, `--credit-id` of `credit.credit_id`."""
    outer, _, inner = field.partition(".")
    if outer.startswith("deductions"):
        return "--deduction"
    name = inner if not inner or inner.startswith(outer) or inner == "pay_by" else f"{outer}_{inner}"
    return "--" + (name or outer).replace("_", "-")


def fresh_id(what: str, on: date) -> str:
    """A readable id that nobody has used: `payment-20261201-7k3qm`."""
    return f"{what}-{on:%Y%m%d}-" + "".join(secrets.choice(_ID_LETTERS) for _ in range(5))


def os_user() -> str:
    """Who sits at this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise BadInput("--by: this machine has no name for you: say who asks") from None


def only_one(known: Known, noun: str, option: str, ids: list[str]) -> str:
    """The one thing that an option left out can mean."""
    if len(ids) == 1:
        return ids[0]
    if known.row is None:
        raise cases.unknown(known.invoice_id)
    if not ids:
        raise BadInput(f"{option}: {known.invoice_id} has no {noun}: name one by its id")
    raise BadInput(
        f"{option}: {known.invoice_id} has {len(ids)} {noun}s: name one of {clean(', '.join(ids))}"
    )


def _standing(summary: CaseSummary, known: Known) -> str:
    """Where the case stands, in one line."""
    number = known.row.number if known.row is not None else summary.invoice_id
    money = Money.parse(summary.balance_due, summary.currency)
    parts = [f"{number}: {amount(money.minor, money.currency)} open", summary.stage.replace("_", " ")]
    if summary.outcome is not None:
        parts.append(f"closed: {summary.outcome.replace('_', ' ')}")
    elif summary.waiting_on == "time" and summary.next_step is not None:
        step = summary.next_step.step
        name = step_name(Step(step)) if step in list(Step) else step.replace("_", " ")
        parts.append(f"next {name}, {moment(summary.next_step.at, known.zone)}")
    elif summary.waiting_on is not None:
        until = f" until {moment(summary.waiting_until, known.zone)}" if summary.waiting_until else ""
        parts.append(f"waiting on {summary.waiting_on}{until}")
    return clean(" · ".join(parts))
