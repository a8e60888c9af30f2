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


def text_of(house: House, step: str) -> str:
    """The words of the only mail whose kind begins like this."""
    [mail] = [mail for mail in house.mails() if mail.step.startswith(step)]
    return " ".join(mail.text.split())


@pytest.mark.parametrize("whole", [True, False])
async def test_the_whole_falls_due_only_where_the_accepted_terms_said_so(build: Builder, whole: bool) -> None:
    """Two invoices, one of them not due for long: what becomes of it once the plan over both is broken."""
    async with build(calendar="weekdays", plan={"whole_falls_due": whole, "first_days": 14}) as house:
        house.know("Acme")
        await house.bill("Acme", "INV-1", "600.00", due=-20)
        await house.bill("Acme", "INV-2", "300.00", due=90, net=120)
        await house.until(3)
        await house.ask(
            "INV-1", "propose_plan", count=2, invoices=[house.id("INV-2")], by="Ann", source="portal"
        )
        await house.through(31)
        [plan] = house.plans()
        assert plan.state == "broken"
        assert ("then due at once" in plan.terms_text) is whole
        broken_on = next(day for day, step in house.sent() if step == "plan_broken_1")
        assert broken_on == 30
        letter = text_of(house, "plan_broken")
        assert ("As agreed, the $900.00 that is left is due at once" in letter) is whole
        assert ("due since" in letter) is whole
        assert ("what is due of it" in letter) is not whole

        await house.through(36)
        [resumed] = [mail for mail in house.mails() if mail.step == "overdue_2"]
        asked = {invoice.removeprefix(house.prefix): step for invoice, step, _ in resumed.items}
        words = " ".join(resumed.text.split())
        row = house.row("INV-2")
        assert row.due_on.isoformat() == house.on(90), "its due date stays what it is"
        assert row.balance_minor == 30_000, "nothing is added"
        following = (await house.case("INV-2")).next_step
        assert following is not None
        if whole:
            assert asked == {"INV-1": "overdue_2", "INV-2": "overdue"}
            assert "$900.00" in words
            assert following.step == "overdue_2"
        else:
            assert asked == {"INV-1": "overdue_2"}
            assert "$600.00" in words
            assert (following.step, following.at.date().isoformat()) == ("pre_due", house.on(84))


async def test_money_that_came_in_time_and_was_known_late_makes_the_plan_stand_again(house: House) -> None:
    house.know("Acme")
    await house.bill("Acme", "INV-1", "900.00", due=-20)
    await house.until(3)
    await house.ask("INV-1", "propose_plan", count=2, by="Ann", source="portal")
    await house.until(32)
    [plan] = house.plans()
    assert plan.state == "broken"
    assert (await house.plan_result(plan.plan_id))["state"] == "broken"

    late = {"amount": "450.00", "currency": "USD", "payment_id": "P-1", "received_on": house.on(27)}
    await house.tell("INV-1", "payment_received", **late)
    await house.tell("INV-1", "payment_received", **late)
    await house.until(46)
    [plan] = house.plans()
    assert (plan.state, plan.outstanding_minor, plan.ended_at) == ("active", 45_000, None)
    await house.pay("INV-1", "450.00", "P-2")
    await house.through(60)
    assert house.sent()[1:] == [
        (3, "plan_confirmed"),
        (14, "plan_reminder_1"),
        (22, "plan_cure_1"),
        (30, "plan_broken_1"),
        (32, "plan_thanks_1"),
        (44, "plan_reminder_2"),
        (46, "plan_thanks_2"),
    ]
    assert "disregard our message that the agreement had ended" in text_of(house, "plan_thanks_1")
    assert "disregard" not in text_of(house, "plan_thanks_2")
    [plan] = house.plans()
    assert plan.state == "kept"
    assert (await house.plan_result(plan.plan_id))["state"] == "kept"
    assert house.row("INV-1").outcome == "paid"
    assert house.tasks("plan_late_evidence") == []


async def test_money_known_late_goes_to_a_person_where_one_has_acted_meanwhile(house: House) -> None:
    house.know("Acme")
    await house.bill("Acme", "INV-1", "900.00", due=-20)
    await house.until(3)
    await house.ask("INV-1", "propose_plan", count=2, by="Ann", source="portal")
    await house.until(32)
    await house.ask("INV-1", "log_call", outcome="reached", by="lee", note="They are looking into it.")
    await house.until(33)
    late = {"amount": "450.00", "currency": "USD", "payment_id": "P-1", "received_on": house.on(27)}
    await house.tell("INV-1", "payment_received", **late)
    await house.through(34)
    [plan] = house.plans()
    assert plan.state == "broken"
    [item] = house.tasks("plan_late_evidence")
    assert item.invoices == [house.id("INV-1")]
    assert "a call" in item.why
    assert [step for _, step in house.sent() if step.startswith("plan_")][-1] == "plan_broken_1"
