"""The commands of docs/erp.md, run as they stand there, one after the other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from deploy.local_temporal import LocalTemporal, find_program
from domain import contract as wire
from settings import ROOT
from tests.premises import Premises, eventually, failed_tasks

PAGE = (ROOT / "docs" / "erp.md").read_text("utf-8")
EXAMPLES = dict(re.findall(r"<!-- run: ([a-z ]+) -->\n```sh\n(.*?)```", PAGE, re.DOTALL))


class Shell:
    """A terminal at the ERP: the `temporal` program, its address, and nothing of ours."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.environment = {
            "PATH": f"{Path(find_program()).parent}:/usr/bin:/bin",
            "HOME": str(folder),
            "TEMPORAL_ADDRESS": address,
            "LC_ALL": "C.UTF-8",
        }

    async def run(self, script: str) -> tuple[int, str, str]:
        shell = await asyncio.create_subprocess_exec(
            "bash", "-eu", "-o", "pipefail", "-c", script,
            cwd=self.folder, env=self.environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(shell.communicate(), 60)
        assert shell.returncode is not None
        return shell.returncode, out.decode(), err.decode()

    async def example(self, name: str) -> str:
        """Run an example of the page as it stands there."""
        code, out, err = await self.run(EXAMPLES[name])
        assert code == 0, (name, out, err)
        return out


@pytest.fixture(scope="module")
def shell(temporal: LocalTemporal, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(tmp_path_factory.mktemp("erp"), temporal.address)


def last_json(text: str) -> Any:
    """The JSON value that an output ends with."""
    for match in re.finditer(r"^[\[{]", text, re.MULTILINE):
        with contextlib.suppress(json.JSONDecodeError):
            return json.loads(text[match.start() :])
    raise AssertionError(f"no JSON at the end of {text!r}")


async def case(shell: Shell, invoice_id: str) -> dict[str, Any]:
    code, out, err = await shell.run(EXAMPLES["balance"].replace("INV-1001", invoice_id))
    assert code == 0, err
    answer = last_json(out)["queryResult"]
    assert isinstance(answer, list)
    view: dict[str, Any] = answer[0]
    return view


async def runs(premises: Premises, workflow_id: str) -> list[str]:
    """The runs of a workflow id, asked of visibility once it has caught up."""
    await asyncio.sleep(1)
    found = premises.client.list_workflows(f"WorkflowId = '{workflow_id}'")
    return [each.run_id async for each in found]


async def until_balance(shell: Shell, invoice_id: str, balance: str) -> dict[str, Any]:
    for _ in range(100):
        view = await case(shell, invoice_id)
        if view.get("balance_due") == balance:
            return view
        await asyncio.sleep(0.1)
    raise AssertionError(f"the balance of {invoice_id} never came to {balance}: {view}")


async def test_an_invoice_is_started_paid_in_two_halves_and_its_outcome_read(
    premises: Premises, shell: Shell
) -> None:
    await shell.example("start")
    opened = await until_balance(shell, "INV-1001", "1250.00")
    assert (opened["currency"], opened["customer_id"], opened["outcome"]) == ("USD", "C-17", None)
    await shell.example("start")  # a repeat is harmless

    await shell.example("half")
    await shell.example("half")
    await until_balance(shell, "INV-1001", "625.00")

    ended = last_json(await shell.example("rest"))
    assert ended["status"] == "COMPLETED"
    assert ended["result"] == {"outcome": "paid", "balance_due": "0.00", "currency": "USD"}
    assert sorted(entry.amount_minor for entry in premises.ledger("INV-1001")) == [-62_500, -62_500, 125_000]
    assert premises.messages("INV-1001") == [], "not due yet"
    before = len(await runs(premises, "invoice-INV-1001"))
    await shell.example("start")
    assert len(await runs(premises, "invoice-INV-1001")) == before == 1, "a paid invoice is not started again"


async def test_a_payment_before_its_invoice(premises: Premises, shell: Shell) -> None:
    ended = last_json(await shell.example("payment first"))
    assert ended["result"]["outcome"] == "paid"
    assert premises.messages("INV-1002") == []


async def test_a_reversal_after_closing(premises: Premises, shell: Shell) -> None:
    await shell.example("reversal")
    reopened = await until_balance(shell, "INV-1001", "625.00")
    assert reopened["outcome"] is None
    await shell.example("reversal")
    assert len(premises.ledger("INV-1001", "payment_reversed")) == 1


async def test_a_remittance_pays_the_invoice_again_and_leaves_the_rest_on_account(
    premises: Premises, shell: Shell
) -> None:
    await shell.example("remittance")
    await eventually(lambda: premises.ledger("INV-1001", "payment_received")[-1].event_id == "P-4")
    items = await eventually(lambda: premises.tasks(kind="unapplied_cash"))
    assert "75.00 USD" in items[0].why


async def test_a_promise_by_update(premises: Premises, shell: Shell) -> None:
    answer = last_json(await shell.example("promise"))
    assert answer["result"]["accepted"] is True
    assert wire.Accepted.model_validate(answer["result"]).case.invoice_id == "INV-1003"
    again = last_json(await shell.example("promise"))
    assert again["result"]["accepted"] is True
    assert len(premises.events("INV-1003", "promise_made")) == 1

    late = EXAMPLES["promise"].replace("+7 days", "+70 days").replace("promise-1", "promise-2")
    code, out, err = await shell.run(late)
    assert code != 0
    assert "PromiseTooLate" in out + err or "too late" in out + err


async def test_lists_by_search_attributes(premises: Premises, shell: Shell) -> None:
    for _ in range(50):
        listed = last_json(await shell.example("list"))
        if "invoice-INV-1003" in {each["execution"]["workflowId"] for each in listed}:
            return
        await asyncio.sleep(0.2)
    raise AssertionError(listed)


async def test_a_start_that_does_not_fit(premises: Premises, shell: Shell) -> None:
    out = await shell.example("invalid start")
    assert "it failed" in out
    assert "InvalidStart" in out
    for place in ("invoice.amount", "invoice.due_on"):
        assert place in out
    assert len(premises.tasks("INV-1004", kind="invalid_start")) == 1


async def test_no_workflow_task_failed(premises: Premises) -> None:
    async for each in premises.client.list_workflows(""):
        handle = premises.client.get_workflow_handle(each.id, run_id=each.run_id)
        assert await failed_tasks(handle) == [], each.id


def test_the_page_names_every_signal_and_update() -> None:
    for name in (*wire.INVOICE_SIGNALS, *wire.ACCOUNT_SIGNALS, *wire.UPDATES):
        assert f"`{name}`" in PAGE, name


def test_the_pages_name_every_rule_that_refuses() -> None:
    sources = [ROOT / "activities" / "ledger.py", ROOT / "domain" / "asking.py"]
    sources += (ROOT / "domain" / "requests").glob("*.py")
    source = "".join(path.read_text() for path in sources)
    rules = set(re.findall(r'Refused\(\s*"([A-Z]\w+)"', source))
    rules |= set(re.findall(r'_refusal\(\s*request,\s*"([A-Z]\w+)"', source))
    assert len(rules) > 10
    pages = PAGE + "".join((ROOT / "docs" / name).read_text() for name in ("offers.md", "plans.md"))
    for rule in rules:
        assert f"`{rule}`" in pages, rule


def test_every_command_of_the_page_is_run() -> None:
    assert PAGE.count("```sh") == len(EXAMPLES) == 10
