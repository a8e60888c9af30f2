"""Bad input over plain gRPC: refused or put on the worklist, and not one failed workflow task."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from email import message_from_bytes, policy
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage as Stage
from temporalio.api.update.v1 import Input, Meta, Request, WaitPolicy
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from activities.adapters.smtp import SmtpTransport
from domain import contract as wire
from store.schema import MessageState
from tests.faults.bad_input import (
    ACCOUNT_FACTS,
    INVOICE_FACTS,
    QUOTES,
    REQUESTS,
    STRANGE_NAMES,
    bad_inputs,
    wrong_types,
)
from tests.faults.post import PostOffice
from tests.premises import (
    Premises,
    case_of,
    eventually,
    failed_tasks,
    of_bytes,
    of_json,
    payment,
    pending_task_failures,
    result_of,
    start_input,
)


@pytest.fixture(scope="module", autouse=True)
async def at_work(premises: Premises) -> AsyncIterator[PostOffice]:
    """One worker for the whole module."""
    with PostOffice() as office:
        async with premises.working(premises.parts(SmtpTransport("127.0.0.1", office.port))):
            yield office


#: The ways tried with every message in the normal run; the others are tried with one, and with all where slow.
_ALWAYS = {"no input", "two inputs", "wrong types", "missing fields", "a lone surrogate", "deep brackets"}
_MATRIX = [pytest.param(False, id="sampled"), pytest.param(True, id="all", marks=pytest.mark.slow)]


def wrong_ways(
    facts: Mapping[str, dict[str, Any]], every: bool, whole: Collection[str]
) -> Iterator[tuple[str, list[Payload]]]:
    """Each message in each wrong way; those of `whole` in all of them, the others too where `every`."""
    for name, fact in facts.items():
        for way, payloads in bad_inputs(fact).items():
            if every or name in whole or way in _ALWAYS:
                yield name, payloads


def in_future(invoice_id: str, **told: Any) -> dict[str, Any]:
    """A start that sleeps for months unless something wakes it."""
    return start_input(invoice_id, invoice={"due_on": "2199-06-01"} | told.pop("invoice", {}), **told)


async def assert_healthy(handle: WorkflowHandle[Any, Any]) -> None:
    """The workflow still answers, and no task of it ever failed."""
    assert await failed_tasks(handle) == []
    described = await handle.describe()
    if described.status is WorkflowExecutionStatus.RUNNING:
        assert (await asyncio.wait_for(case_of(handle), 10))["invoice_id"]
        assert await pending_task_failures(handle) <= 1


# -- starts ----------------------------------------------------------------------------------------

_START = start_input("START", invoice={"invoice_id": "START"})
_BAD_STARTS: dict[str, list[Payload]] = {
    **bad_inputs(_START),
    "two very long inputs": [of_bytes(QUOTES[:900_000]), of_bytes(QUOTES[:900_000])],
    "one very long input": [of_bytes(QUOTES)],
    "an unknown seller": [of_json(start_input("START", invoice={"seller": "nobody"}))],
    "another invoice": [of_json(start_input("OTHER"))],
    "a json number for the amount": [of_json(start_input("START", invoice={"amount": 1250.0}))],
    "no amount": [of_json(start_input("START", invoice={"amount": None}))],
    "zero": [of_json(start_input("START", invoice={"amount": "0.00"}))],
    "negative": [of_json(start_input("START", invoice={"amount": "-5.00"}))],
    "too many decimals": [of_json(start_input("START", invoice={"currency": "JPY"}))],
    "a header in a name": [of_json(start_input("START", customer={"name": "A\r\nBcc: x@evil.example"}))],
    "an encoded word": [
        of_json(start_input("START", customer={"name": "=?utf-8?q?hi=0ABcc:_x@evil.example?="}))
    ],
    "nul in a name": [of_json(start_input("START", customer={"name": "A\0B"}))],
    "not a date": [of_json(start_input("START", invoice={"due_on": "2027-02-29"}))],
    "no zone": [of_json(start_input("START", customer={"timezone": "America/Nowhere"}))],
    "not an address": [
        of_json(start_input("START", customer={"contacts": [{"email": "ap@acme.example\nBcc: x"}]}))
    ],
}


@pytest.mark.parametrize("kind", ["InvoiceCollection", "CustomerAccount"])
async def test_a_start_that_does_not_fit_fails_at_once_and_is_listed(premises: Premises, kind: str) -> None:
    prefix = "invoice" if kind == "InvoiceCollection" else "account"
    bad = _BAD_STARTS
    if kind == "CustomerAccount":
        bad = bad_inputs({"customer": {"customer_id": "START"}}) | {
            name: _BAD_STARTS[name] for name in ("two very long inputs", "one very long input")
        }
    handles = {
        name: await premises.raw_start(f"{prefix}-BAD-{prefix}-{number}", payloads, kind=kind)
        for number, (name, payloads) in enumerate(bad.items())
    }
    for number, (name, handle) in enumerate(handles.items()):
        with pytest.raises(WorkflowFailureError) as failure:
            await result_of(handle, 20)
        cause = failure.value.cause
        assert isinstance(cause, ApplicationError), name
        assert (cause.type, cause.non_retryable) == ("InvalidStart", True), name
        assert await failed_tasks(handle) == [], name
        assert "START" not in str(cause) or name == "another invoice", "a failure holds no values"
        items = [
            task
            for task in premises.tasks(kind="invalid_start")
            if f"BAD-{prefix}-{number}" in (task.invoice_id, task.customer_id)
        ]
        assert len(items) == 1, name
        sent = b"\n".join(payload.data for payload in bad[name])
        assert items[0].raw is not None
        if len(sent) <= 64_000:
            assert items[0].raw == sent, name
        else:
            assert len(items[0].raw) <= 64_000, name


async def test_a_failed_start_names_every_field_and_may_be_corrected(premises: Premises) -> None:
    wrong = {"invoice": {"currency": "usd", "amount": 5, "due_on": "tomorrow"}, "customer": {}}
    handle = await premises.raw_start("invoice-CORRECTED-1", [of_json(wrong)])
    with pytest.raises(WorkflowFailureError) as failure:
        await result_of(handle)
    told = str(failure.value.cause)
    for place in ("invoice.invoice_id", "invoice.currency", "invoice.amount", "invoice.due_on", "customer."):
        assert place in told

    again = await premises.raw_start("invoice-CORRECTED-1", [of_json(in_future("CORRECTED-1"))])
    await eventually(lambda: premises.case("CORRECTED-1"))
    await assert_healthy(again)


async def test_a_workflow_id_without_its_prefix_is_no_invoice(premises: Premises) -> None:
    handle = await premises.raw_start("PLAIN-1", [of_json(in_future("PLAIN-1"))])
    with pytest.raises(WorkflowFailureError) as failure:
        await result_of(handle, 20)
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == "InvalidStart"
    assert premises.case("PLAIN-1") is None


async def test_facts_that_come_with_a_bad_start_are_not_lost(premises: Premises) -> None:
    """Neither where the invoice is unknown (they are listed) nor where it is known (they are recorded)."""
    unknown = await premises.raw_signal_with_start(
        "invoice-LOST-1", "payment_received", [of_json(payment("P-1"))], [of_json({"invoice": 5})]
    )
    with pytest.raises(WorkflowFailureError):
        await result_of(unknown, 20)
    kinds = Counter(task.kind for task in premises.tasks("LOST-1"))
    assert kinds["invalid_start"] == 1
    assert sum(kinds.values()) == 2
    listed = next(task for task in premises.tasks("LOST-1") if task.kind != "invalid_start")
    assert listed.raw is not None
    assert json.loads(listed.raw)["payment_id"] == "P-1"

    known = await premises.start(in_future("LOST-2"))
    await known.signal("payment_received", payment("P-1"))
    assert (await result_of(known, 20))["outcome"] == "paid"
    later = await premises.raw_signal_with_start(
        "invoice-LOST-2",
        "payment_reversed",
        [of_json({"reversal_id": "R-1", "payment_id": "P-1", "amount": "1250.00"})],
        [],
    )
    with pytest.raises(WorkflowFailureError):
        await result_of(later, 20)
    await eventually(lambda: len(premises.ledger("LOST-2")) == 3)
    assert sum(entry.amount_minor for entry in premises.ledger("LOST-2")) == 125_000
    for handle in (unknown, known, later):
        assert await failed_tasks(handle) == []


# -- signals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", _MATRIX)
async def test_every_signal_in_every_wrong_way_becomes_an_item_and_pauses_where_it_may_be_money(
    premises: Premises, at_work: PostOffice, every: bool
) -> None:
    mails = len(at_work.taken)
    invoice_id = f"SIGNALS-{every}"
    handle = await premises.start(in_future(invoice_id))
    expected: set[tuple[str, tuple[bytes, ...]]] = set()
    for signal, payloads in wrong_ways(INVOICE_FACTS, every, ("payment_received", "risk_noted")):
        expected.add((signal, tuple(payload.data for payload in payloads)))
        await premises.raw_signal(handle.id, signal, payloads)

    def unreadable() -> list[Any]:
        return premises.tasks(invoice_id, kind="unreadable_signal")

    items = await eventually(lambda: len(unreadable()) >= len(expected) and unreadable(), 120)
    by_signal = Counter(task.ref.partition(":")[0] for task in items)
    assert by_signal == Counter(signal for signal, _ in expected)
    raws = Counter((task.ref.partition(":")[0], task.raw) for task in items)
    for signal, inputs in expected:
        sent = b"\n".join(inputs)
        if len(sent) <= 64_000:
            assert raws[signal, sent] >= 1, (signal, sent[:100])
    assert premises.tasks(invoice_id, kind="unknown_signal") == []

    case = await case_of(handle)
    pausing = [task for task in items if task.ref.partition(":")[0] in wire.PAUSING_SIGNALS]
    assert {hold["hold_id"] for hold in case["holds"]} == {f"item-{task.item_id}" for task in pausing}
    assert case["waiting_on"] == "hold"
    assert case["balance_due"] == "1250.00"
    assert len(at_work.taken) == mails

    for hold in case["holds"]:
        await handle.signal("hold_released", {"hold_id": hold["hold_id"]})
    await eventually(lambda: len(premises.events(invoice_id, "hold_released")) >= len(pausing), 60)
    case = await case_of(handle)
    assert case["holds"] == []
    assert case["waiting_on"] == "time"
    still_open = {task.item_id for task in unreadable() if task.state == "open"}
    assert still_open == {task.item_id for task in items} - {task.item_id for task in pausing}

    for fact in ("P-1", "P-2"):
        await handle.signal("payment_received", payment(fact, "625.00"))
    assert (await result_of(handle, 30))["outcome"] == "paid"
    await assert_healthy(handle)


@pytest.mark.parametrize("every", _MATRIX)
async def test_every_signal_to_an_account_in_every_wrong_way(premises: Premises, every: bool) -> None:
    customer_id, invoice_id = f"C-ALL-{every}", f"ACCOUNT-{every}"
    account = {"customer": {"customer_id": customer_id}}
    expected: set[tuple[str, tuple[bytes, ...]]] = set()
    handles = []
    for signal, payloads in wrong_ways(ACCOUNT_FACTS, every, ("cash_received",)):
        expected.add((signal, tuple(payload.data for payload in payloads)))
        handles.append(
            await premises.raw_signal_with_start(
                f"account-{customer_id}", signal, payloads, [of_json(account)], kind="CustomerAccount"
            )
        )

    def listed() -> list[Any]:
        return [task for task in premises.tasks() if task.customer_id == customer_id]

    items = await eventually(lambda: len(listed()) >= len(expected) and listed(), 120)
    assert Counter(task.ref.partition(":")[0] for task in items) == Counter(signal for signal, _ in expected)
    assert {task.kind for task in items} == {"unreadable_signal"}
    await result_of(handles[-1], 30)
    for run in {handle.id for handle in handles}:
        async for listing in premises.client.list_workflows(f"WorkflowId = '{run}'"):
            each = premises.client.get_workflow_handle(listing.id, run_id=listing.run_id)
            assert await failed_tasks(each) == []

    # What was unreadable about money or promises pauses every invoice of the customer.
    handle = await premises.start(in_future(invoice_id, customer={"customer_id": customer_id}))
    await eventually(lambda: premises.case(invoice_id))
    case = await case_of(handle)
    pausing = [task for task in items if task.ref.partition(":")[0] in wire.PAUSING_SIGNALS]
    assert {hold["hold_id"] for hold in case["holds"]} == {f"item-{task.item_id}" for task in pausing}
    for hold in case["holds"]:
        released = of_json({"hold_id": hold["hold_id"]})
        await premises.raw_signal_with_start(
            f"account-{customer_id}", "hold_released", [released], [of_json(account)], kind="CustomerAccount"
        )
    await eventually(lambda: premises.waiting_on(invoice_id) == "time")
    assert {task.state for task in listed() if task in pausing} <= {"done"}
    await assert_healthy(handle)


async def test_names_that_nobody_knows(premises: Premises) -> None:
    handle = await premises.start(in_future("NAMES-1"))
    for name in STRANGE_NAMES:
        await premises.raw_signal("invoice-NAMES-1", name, [of_json({"a": 1})])
        await premises.raw_signal_with_start(
            "account-C-NAMES", name, [of_json({"a": 1})],
            [of_json({"customer": {"customer_id": "C-NAMES"}})], kind="CustomerAccount",
        )  # fmt: skip
    await eventually(lambda: len(premises.tasks("NAMES-1", kind="unknown_signal")) == len(STRANGE_NAMES))

    def on_account() -> int:
        return sum(task.customer_id == "C-NAMES" and task.invoice_id is None for task in premises.tasks())

    await eventually(lambda: on_account() == len(STRANGE_NAMES))
    assert premises.tasks("NAMES-1", kind="unreadable_signal") == []
    case = await case_of(handle)
    assert case["holds"] == []
    await assert_healthy(handle)
    assert await failed_tasks(premises.client.get_workflow_handle("account-C-NAMES")) == []


async def test_two_megabytes_of_quotes_are_kept_as_hash_and_beginning(premises: Premises) -> None:
    handle = await premises.start(in_future("HUGE-1"))
    await premises.raw_signal("invoice-HUGE-1", "payment_received", [of_bytes(QUOTES)])
    (item,) = await eventually(lambda: premises.tasks("HUGE-1", kind="unreadable_signal"))
    assert item.raw == QUOTES[: 4 * 1024]
    assert item.raw_sha256 == hashlib.sha256(QUOTES).digest()
    # Many long ones at once are no more than one activity can carry.
    for number in range(40):
        longest = json.dumps({"payment_id": f"L-{number}", "x": '"' * 31_000}).encode()
        await premises.raw_signal(
            "invoice-HUGE-1", "payment_received", [of_bytes(longest), of_bytes(longest)]
        )
        await premises.raw_signal("invoice-HUGE-1", "risk_noted", [of_bytes(longest)])
    await eventually(lambda: len(premises.tasks("HUGE-1", kind="unreadable_signal")) == 81, 60)
    await assert_healthy(handle)


async def test_facts_that_do_not_fit_the_invoice(premises: Premises) -> None:
    """Zero, negative and in another currency: an item without a pause. Unreadable decimals: with one."""
    handle = await premises.start(in_future("UNFIT-1", invoice={"currency": "JPY", "amount": "1250"}))
    yen = {"currency": "JPY"}
    for number, told in enumerate(
        [{"amount": "0", **yen}, {"amount": "-5", **yen}, {"amount": "5.00", "currency": "USD"}]
    ):
        await handle.signal("payment_received", payment(f"P-{number}") | told)
    await handle.signal("credit_issued", {"credit_id": "C-1", "amount": "5.00", "currency": "EUR"})
    await eventually(lambda: len(premises.tasks("UNFIT-1", kind="unfit_fact")) == 4)
    case = await case_of(handle)
    assert (case["balance_due"], case["holds"]) == ("1250", [])

    await handle.signal("payment_reversed", {"reversal_id": "R-1", "payment_id": "P-1", "amount": "1.50"})
    (item,) = await eventually(lambda: premises.tasks("UNFIT-1", kind="unreadable_signal"))
    case = await case_of(handle)
    assert [hold["hold_id"] for hold in case["holds"]] == [f"item-{item.item_id}"]
    assert premises.ledger("UNFIT-1", "payment_received") == []
    await assert_healthy(handle)


async def test_more_money_than_a_column_holds(premises: Premises) -> None:
    handle = await premises.start(in_future("RICH-1", invoice={"currency": "KWD", "amount": "1.000"}))
    most = {"amount": "999999999999999.999", "currency": "KWD"}
    for number in range(12):
        await handle.signal("charge_added", {"charge_id": f"C-{number}", "kind": "fee", **most})
        await handle.signal("payment_received", payment(f"P-{number}") | most)
        await handle.signal("charge_added", {"charge_id": f"D-{number}", "kind": "fee", **most})
    await handle.signal("risk_noted", {"note_id": "N-1", "text": "still alive"})
    await eventually(lambda: premises.events("RICH-1", "risk_noted"))
    assert premises.tasks("RICH-1", kind="unreadable_signal")
    assert (await case_of(handle))["waiting_on"] == "hold"
    await assert_healthy(handle)


async def test_the_same_id_again_changes_nothing_and_other_content_is_listed(premises: Premises) -> None:
    handle = await premises.start(in_future("TWICE-1"))
    for _ in range(3):
        await handle.signal("payment_received", payment("P-1", "100.00"))
    await handle.signal("payment_received", payment("P-1", "999.00"))
    await eventually(lambda: premises.tasks("TWICE-1", kind="conflicting_fact"))
    assert [entry.amount_minor for entry in premises.ledger("TWICE-1", "payment_received")] == [-10_000]
    # An id belongs to its signal: the same one under another name is another fact.
    await handle.signal("credit_issued", {"credit_id": "P-1", "amount": "50.00", "currency": "USD"})
    await eventually(lambda: premises.ledger("TWICE-1", "credit_issued"))
    assert (await case_of(handle))["balance_due"] == "1100.00"
    await assert_healthy(handle)


async def test_templates_in_any_field_are_text(premises: Premises, at_work: PostOffice) -> None:
    mean = [
        "{{7*7}}",
        "{x.__class__}",
        "{% for a in b %}",
        "${7*7}",
        "%(name)s",
        "{0}",
        "<script>alert(1)</script>",
    ]
    for number, text in enumerate(mean):
        start = start_input(
            f"TEMPLATE-{number}",
            invoice={"description": text, "lines": [{"description": text, "amount": "1250.00"}]},
            customer={"name": text, "contacts": [{"name": text, "email": f"ap@t{number}.example"}]},
        )
        await premises.start(start)
    await eventually(lambda: all(at_work.copies_to(f"ap@t{n}.example") for n in range(len(mean))), 60)
    for number, text in enumerate(mean):
        (mail,) = (
            message_from_bytes(mail, policy=policy.default)
            for mail in at_work.taken
            if f"ap@t{number}.example".encode() in mail
        )
        plain = mail.get_body(("plain",)).get_content()
        page = mail.get_body(("html",)).get_content()
        assert text in " ".join(plain.split())
        assert "49" not in plain.replace("1,249", "")
        assert "<script>alert" not in page
        assert set(mail.keys()) >= {"From", "To", "Subject"}
        assert "Bcc" not in mail


# -- updates ---------------------------------------------------------------------------------------


async def raw_update(
    premises: Premises, workflow_id: str, update_id: str, name: str, payloads: list[Payload]
) -> Any:
    """Send an update over plain gRPC and wait for its outcome."""
    response = await premises.client.workflow_service.update_workflow_execution(
        UpdateWorkflowExecutionRequest(
            namespace=premises.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id),
            wait_policy=WaitPolicy(lifecycle_stage=Stage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED),
            request=Request(
                meta=Meta(update_id=update_id, identity="test"),
                input=Input(name=name, args=Payloads(payloads=payloads)),
            ),
        )
    )
    return response.outcome


@pytest.mark.parametrize("every", _MATRIX)
async def test_every_update_in_every_wrong_way_is_refused(premises: Premises, every: bool) -> None:
    invoice_id = f"UPDATES-{every}"
    handle = await premises.start(in_future(invoice_id))
    asked: list[Any] = []
    names: list[tuple[str, str]] = []
    for update, payloads in wrong_ways(REQUESTS, every, ("log_call",)):
        names.append((update, "wrong"))
        asked.append(raw_update(premises, handle.id, f"{update}-{len(asked)}", update, payloads))
    for name in STRANGE_NAMES:
        names.append((name, "unknown"))
        asked.append(raw_update(premises, handle.id, f"strange-{len(asked)}", name, [of_json({})]))
    answers: list[Any] = []
    for place in range(0, len(asked), 8):
        answers += await asyncio.wait_for(asyncio.gather(*asked[place : place + 8]), 60)
    for place, outcome in zip(names, answers, strict=True):
        assert outcome.HasField("failure"), place
        kind = outcome.failure.application_failure_info.type
        assert kind == ("UnknownRequest" if place[1] == "unknown" else "InvalidRequest"), place
    assert premises.events(invoice_id) == []
    await assert_healthy(handle)


@pytest.mark.parametrize("update_id", ["my update/1 \u00e9", "x" * 900, "a\0b", "'; drop table events", "-"])
async def test_any_update_id_will_do(premises: Premises, update_id: str) -> None:
    handle = await premises.start(in_future(f"ANY-ID-{len(update_id)}-{sum(map(ord, update_id))}"))
    today = payment("x")["received_on"]
    asked = {
        "log_call": {"outcome": "reached", "by": "Bob", "promise": {"pay_by": today}},
        "promise_to_pay": {"pay_by": today, "by": "Ann", "amount": "10.00"},
    }
    for name, request in asked.items():
        with contextlib.suppress(RPCError):  # the server itself may refuse an id
            sent = raw_update(premises, handle.id, f"{name}{update_id}", name, [of_json(request)])
            outcome = await asyncio.wait_for(sent, 30)
            assert outcome.HasField("success"), outcome
    await assert_healthy(handle)
    await handle.signal("payment_received", payment("P-1"))
    await result_of(handle)


async def test_an_account_has_no_updates(premises: Premises) -> None:
    """It may have ended already; while it runs, an update is refused."""
    await premises.raw_signal_with_start(
        "account-C-UPDATE", "risk_noted", [of_json(ACCOUNT_FACTS["risk_noted"])],
        [of_json({"customer": {"customer_id": "C-UPDATE"}})], kind="CustomerAccount",
    )  # fmt: skip
    handle = premises.client.get_workflow_handle("account-C-UPDATE")
    with contextlib.suppress(RPCError):
        outcome = await asyncio.wait_for(raw_update(premises, handle.id, "u-1", "promise_to_pay", []), 20)
        assert outcome.HasField("failure")
    await eventually(lambda: premises.account_events("C-UPDATE"))
    assert await failed_tasks(handle) == []


@pytest.mark.parametrize("by", ['"\\' * 100, "\U0001f4b8" * 200, "\u202e`*_[]()<b>{{7*7}}", "a" * 200])
async def test_what_people_write_never_breaks_a_summary(premises: Premises, by: str) -> None:
    handle = await premises.start(in_future(f"SUMMARY-{sum(map(ord, by))}", customer={"name": by}))
    request = of_json({"step": "overdue", "by": by})
    outcome = await asyncio.wait_for(raw_update(premises, handle.id, "run", "run_step", [request]), 20)
    assert outcome.HasField("success"), outcome
    await eventually(lambda: premises.messages(handle.id.removeprefix("invoice-"), MessageState.SENT))
    await assert_healthy(handle)


async def test_dates_at_the_ends_of_the_calendar(premises: Premises) -> None:
    handle = await premises.start(in_future("DATES-1", invoice={"issued_on": "1970-01-01"}))
    first, last = "1970-01-01", "2199-12-31"
    for day in (first, last):
        await handle.signal("payment_received", payment(f"P-{day}", "1.00") | {"received_on": day})
        await handle.signal("promise_made", {"promise_id": day, "pay_by": day, "source": "phone"})
        await handle.signal("invoice_status", {"status_id": day, "status": "scheduled", "pay_on": day})
        await handle.signal("invoice_amended", {"amendment_id": day, "due_on": day})
        await handle.signal("hold_placed", {"hold_id": day, "reason": "manual", "until": day})
    await eventually(lambda: len(premises.events("DATES-1", "hold_placed")) == 2)
    case = await case_of(handle)
    assert (case["balance_due"], case["waiting_on"]) == ("1248.00", "hold")
    for day in (first, last):
        await handle.signal("hold_released", {"hold_id": day})
    await handle.signal("invoice_amended", {"amendment_id": "z", "due_on": first})
    await eventually(lambda: len(premises.events("DATES-1", "invoice_amended")) == 3)
    await assert_healthy(handle)
    await handle.signal("invoice_cancelled", {"cancellation_id": "X"})
    assert (await result_of(handle))["outcome"] == "cancelled"


def test_wrong_types_are_wrong() -> None:
    """The table tests what it says."""
    for facts, models in ((INVOICE_FACTS, wire.INVOICE_SIGNALS), (ACCOUNT_FACTS, wire.ACCOUNT_SIGNALS)):
        for name, fact in facts.items():
            assert not isinstance(wire.parse(models[name], json.dumps(fact).encode()), list), name
            assert isinstance(wire.parse(models[name], json.dumps(wrong_types(fact)).encode()), list), name
