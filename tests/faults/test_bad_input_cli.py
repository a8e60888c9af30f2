"""Bad input as an operator types it: the `temporal` program alone, and not one failed workflow task."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from activities.adapters.smtp import SmtpTransport
from deploy.local_temporal import LocalTemporal, find_program
from domain import contract as wire
from tests.faults.bad_input import ACCOUNT_FACTS, INVOICE_FACTS, REQUESTS, wrong_types
from tests.faults.post import PostOffice
from tests.premises import Premises, case_of, eventually, failed_tasks, start_input

#: Programs at once: the machine is small.
_AT_ONCE = asyncio.Semaphore(3)


@pytest.fixture(scope="module", autouse=True)
async def at_work(premises: Premises) -> AsyncIterator[None]:
    with PostOffice() as office:
        async with premises.working(premises.parts(SmtpTransport("127.0.0.1", office.port))):
            yield


class Cli:
    """The `temporal` program against our server."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def run(self, *words: str) -> tuple[int, str]:
        async with _AT_ONCE:
            program = await asyncio.create_subprocess_exec(
                find_program(), "workflow", *words, "--address", self._address,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            out, _ = await asyncio.wait_for(program.communicate(), 60)
            assert program.returncode is not None
            return program.returncode, out.decode()

    async def ok(self, *words: str) -> str:
        """Run it until the server took it; it is UNAVAILABLE to a workflow that is just closing."""
        for _ in range(10):
            code, out = await self.run(*words)
            if "workflow is closing" not in out:
                break
        assert code == 0, (words, out)
        return out


@pytest.fixture
def cli(temporal: LocalTemporal) -> Cli:
    return Cli(temporal.address)


def bad_inputs(fact: Mapping[str, Any]) -> dict[str, list[str]]:
    """The ways of issue 2, as inputs for the command line."""
    return {
        "no input": [],
        "two inputs": [json.dumps(fact), json.dumps(fact)],
        "wrong types": [json.dumps(wrong_types(dict(fact)))],
        "missing fields": ["{}"],
    }


def given(option: str, inputs: Sequence[str]) -> list[str]:
    return [word for each in inputs for word in (option, each)]


@pytest.mark.parametrize(
    ("kind", "prefix"), [("InvoiceCollection", "invoice"), ("CustomerAccount", "account")]
)
async def test_starts(premises: Premises, cli: Cli, kind: str, prefix: str) -> None:
    fact = start_input("CLI-0") if prefix == "invoice" else {"customer": {"customer_id": "CLI-0"}}
    for number, inputs in enumerate(bad_inputs(fact).values()):
        workflow_id = f"{prefix}-CLI-{number}"
        start = ("start", "--type", kind, "--task-queue", "duecourse", "--workflow-id", workflow_id)
        await cli.ok(*start, *given("--input", inputs))
        code, out = await cli.run("result", "--workflow-id", workflow_id, "--output", "json")
        assert code != 0
        assert "InvalidStart" in out
        assert await failed_tasks(premises.client.get_workflow_handle(workflow_id)) == []
    ids = {(task.invoice_id, task.customer_id) for task in premises.tasks(kind="invalid_start")}
    one = 0 if prefix == "invoice" else 1
    assert {pair[one] for pair in ids} >= {f"CLI-{number}" for number in range(4)}


async def test_signals_to_an_invoice(premises: Premises, cli: Cli) -> None:
    handle = await premises.start(start_input("CLI-S", invoice={"due_on": "2199-06-01"}))
    signals = [
        cli.ok("signal", "--workflow-id", handle.id, "--name", name, *given("--input", inputs))
        for name, fact in INVOICE_FACTS.items()
        for inputs in bad_inputs(fact).values()
    ]
    signals += [
        cli.ok("signal", "--workflow-id", handle.id, "--name", "payment_recieved", *given("--input", inputs))
        for inputs in bad_inputs(INVOICE_FACTS["payment_received"]).values()
    ]
    await asyncio.gather(*signals)
    items = await eventually(lambda: len(found := premises.tasks("CLI-S")) == len(signals) and found, 60)
    assert Counter(task.kind for task in items) == {
        "unreadable_signal": len(signals) - 4,
        "unknown_signal": 4,
    }
    pausing = {f"item-{task.item_id}" for task in items if task.ref.partition(":")[0] in wire.PAUSING_SIGNALS}
    case = await case_of(handle)
    assert {hold["hold_id"] for hold in case["holds"]} == pausing
    assert case["balance_due"] == "1250.00"
    assert await failed_tasks(handle) == []


async def test_signals_to_an_account(premises: Premises, cli: Cli) -> None:
    signals = [
        cli.ok(
            *("signal-with-start", "--type", "CustomerAccount", "--task-queue", "duecourse"),
            *("--workflow-id", "account-CLI-A", "--input", '{"customer": "CLI-A"}'),
            *("--id-reuse-policy", "AllowDuplicate", "--id-conflict-policy", "UseExisting"),
            *("--signal-name", name, *given("--signal-input", inputs)),
        )
        for name, fact in (ACCOUNT_FACTS | {"cash_recieved": ACCOUNT_FACTS["cash_received"]}).items()
        for inputs in bad_inputs(fact).values()
    ]
    await asyncio.gather(*signals)

    def listed() -> list[Any]:
        return [task for task in premises.tasks() if task.customer_id == "CLI-A"]

    await eventually(lambda: len(listed()) == len(signals), 60)
    assert await failed_tasks(premises.client.get_workflow_handle("account-CLI-A")) == []


async def test_updates(premises: Premises, cli: Cli) -> None:
    handle = await premises.start(start_input("CLI-U", invoice={"due_on": "2199-06-01"}))
    names = {**REQUESTS, "promise_to_play": REQUESTS["promise_to_pay"]}
    asked = [
        (
            name,
            cli.run(
                "update", "execute", "--workflow-id", handle.id, "--name", name, *given("--input", inputs)
            ),
        )
        for name, request in names.items()
        for inputs in bad_inputs(request).values()
    ]
    answers = await asyncio.gather(*(each for _, each in asked))
    for (name, _), (code, out) in zip(asked, answers, strict=True):
        assert code != 0, (name, out)
        assert ("UnknownRequest" if name == "promise_to_play" else "InvalidRequest") in out, (name, out)
    assert premises.events("CLI-U") == []
    assert (await case_of(handle))["waiting_on"] == "time"
    assert await failed_tasks(handle) == []
