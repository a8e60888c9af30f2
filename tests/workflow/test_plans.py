"""Payment plans lived through on the real server: agreed, reminded, paid, missed, broken."""

from __future__ import annotations

import pytest
from temporalio.client import WorkflowUpdateFailedError

from tests.workflow.conftest import Builder, House


def instalments(house: House, *parts: tuple[str, int]) -> list[dict[str, str]]:
    """Instalments as they stand in a request: amounts with days after day 0."""
    return [{"amount": amount, "due_on": house.on(day)} for amount, day in parts]


async def test_a_proposal_inside_the_limits_is_agreed_at_once_and_kept(house: House) -> None:
    house.know("Acme")
    await house.bill("Acme", "INV-1", "900.00", due=-20)
    await house.until(3)
    assert house.sent() == [(1, "overdue")]

    accepted = await house.ask("INV-1", "propose_plan", count=2, by="Ann Payne", source="portal")
    assert accepted["case"]["waiting_on"] == "plan"
    assert [(i["amount"], i["due_on"]) for i in accepted["case"]["plan"]["instalments"]] == [
        ("450.00", house.on(17)),
        ("450.00", house.on(47)),
    ]
    await house.until(17)
    await house.pay("INV-1", "450.00", "P-1")
    await house.until(46)
    assert (await house.case("INV-1")).balance_due == "450.00"
    await house.pay("INV-1", "450.00", "P-2")
    await house.through(60)

    assert house.sent() == [
        (1, "overdue"),
        (3, "plan_confirmed"),
        (14, "plan_reminder_1"),
        (17, "plan_thanks_1"),
        (44, "plan_reminder_2"),
        (46, "plan_thanks_2"),
    ]
    row = house.row("INV-1")
    assert (row.outcome, row.balance_minor) == ("paid", 0)
    [plan] = house.plans()
    assert (plan.state, plan.outstanding_minor) == ("kept", 0)
    assert await house.plan_result(plan.plan_id) == {"plan_id": plan.plan_id, "state": "kept"}


async def test_a_plan_that_is_missed_is_cured_once_then_broken_and_the_ladder_goes_on(house: House) -> None:
    house.know("Acme")
    await house.bill("Acme", "INV-1", "900.00", due=-20)
    await house.until(3)
    answer = await house.ask("INV-1", "propose_plan", count=2, by="lee")
    plan_id = answer["case"]["plan"]["plan_id"]
    assert answer["case"]["plan"]["state"] == "offered"
    await house.through(4)
    await house.ask("INV-1", "decide_plan", plan_id=plan_id, accept=True, by="Ann Payne")
    with pytest.raises(WorkflowUpdateFailedError):
        await house.ask("INV-1", "decide_plan", plan_id=plan_id, accept=True, by="Ann Payne")
    await house.through(40)
    assert house.sent() == [
        (1, "overdue"),
        (3, "plan_proposed"),
        (7, "plan_confirmed"),  # agreed on a Saturday
        (14, "plan_reminder_1"),
        (22, "plan_cure_1"),  # due on a Thursday, with two business days of grace
        (30, "plan_broken_1"),
        (35, "overdue_2"),  # the gap counts from the end of the plan
    ]
    [plan] = house.plans()
    assert plan.state == "broken"
    assert {item[2] for mail in house.mails() for item in mail.items if mail.step == "overdue_2"} == {1}
    case = await house.case("INV-1")
    assert case.plan is not None
    assert case.plan.state == "broken"


async def test_a_plan_goes_on_over_many_runs_and_several_invoices(build: Builder) -> None:
    """A new run after every decision; payments on any of the invoices count, and each is thanked for once."""
    async with build(calendar="weekdays", continue_as_new_every=1) as house:
        house.know("Acme")
        await house.bill("Acme", "INV-1", "600.00", due=-20)
        await house.bill("Acme", "INV-2", "300.00", due=-10)
        await house.until(3)
        await house.ask(
            "INV-1", "propose_plan", count=2, invoices=[house.id("INV-2")], by="Ann", source="portal"
        )
        await house.until(10)
        await house.pay("INV-1", "450.00", "P-1")
        await house.until(30)
        await house.pay("INV-2", "300.00", "P-2")
        await house.pay("INV-1", "150.00", "P-3")
        await house.through(40)
        assert [step for _, step in house.sent()[1:]] == ["plan_confirmed", "plan_thanks_1", "plan_thanks_2"]
        assert all(len(mail.items) == 2 for mail in house.mails()[1:]), "one message for both"
        assert [house.row(name).outcome for name in ("INV-1", "INV-2")] == ["paid", "paid"]
        [plan] = house.plans()
        assert plan.state == "kept"
        query = f'WorkflowId="plan-{plan.plan_id}"'
        assert (await house.client.count_workflows(query)).count > 3
