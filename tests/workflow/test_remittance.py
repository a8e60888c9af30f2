"""A remittance over more invoices than one transaction may book, on the real server: in portions, over several runs."""

from __future__ import annotations

import json

import pytest

from activities import account_ledger
from activities.interface import LONGEST_FACT
from tests.workflow.conftest import Builder, House
from workflows.customer_account import workflow_id


async def test_a_remittance_is_moved_in_portions_over_several_runs(
    build: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_ledger, "MOST_ALLOCATED", 2)
    async with build(calendar="weekdays", continue_as_new_every=1) as house:
        house.know("Acme")
        for number in range(5):
            await house.bill("Acme", f"A-{number}", "100.00", due=10, net=10)
        await house.tell_account(
            "Acme",
            "cash_received",
            payment_id="R-1",
            amount="510.00",
            currency="USD",
            received_on=house.on(0),
            allocations=[{"invoice_id": house.id(f"A-{n}"), "amount": "100.00"} for n in range(5)],
        )
        await house.through(8)
        assert [len(house.events(f"A-{n}", "payment_received")) for n in range(5)] == [1] * 5
        assert [(await house.result(f"A-{n}")).outcome for n in range(5)] == ["paid"] * 5
        assert [task.kind for task in house.tasks()] == ["unapplied_cash"]
        account = workflow_id(house.id("Acme"))
        runs = [each async for each in house.client.list_workflows(f"WorkflowId = '{account}'")]
        assert [each.status.name for each in runs if each.status is not None].count("CONTINUED_AS_NEW") >= 2
        assert {step for mail in house.mails() for _, step, _ in mail.items} <= {"thanks"}


async def test_a_remittance_longer_than_any_other_fact_is_read(house: House) -> None:
    house.know("Acme")
    await house.bill("Acme", "A-1", "100.00", due=10, net=10)
    withheld = [{"amount": "0.01", "reason": f"{number}: " + "freight " * 400} for number in range(30)]
    allocation = {"invoice_id": house.id("A-1"), "amount": "99.70", "deductions": withheld}
    money = {"payment_id": "R-1", "amount": "99.70", "currency": "USD", "received_on": house.on(0)}
    assert len(json.dumps(allocation)) > LONGEST_FACT
    await house.tell_account("Acme", "cash_received", **money, allocations=[allocation])
    assert len(house.events("A-1", "payment_received")) == 1
    assert house.tasks("unreadable_signal") == []
