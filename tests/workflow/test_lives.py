"""Lives of single invoices on the real server: what happens when, whatever arrives meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from email import message_from_bytes
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError

from activities.adapters.maildir import MaildirTransport
from activities.adapters.port import Refused, SendResult
from commands.starting import Starter
from domain.contract import Start
from tests.workflow.conftest import Builder, House, NoPaper
from workflows.invoice_collection import workflow_id
from workflows.options import MAIN_QUEUE


def _ladder(*, approval: bool) -> list[dict[str, Any]]:
    """Two rungs, the second of which takes something away."""
    return [
        {"step": "overdue", "day": 7},
        {"step": "credit_hold", "day": 14, "tone": "formal", "approval": approval, "notice_days": 3},
    ]


@pytest.fixture
async def acme(house: House) -> House:
    """A house with one customer."""
    house.know("Acme", account_manager={"name": "Sam Reed", "email": "sam@seller.example"})
    return house


# -- payments --------------------------------------------------------------------------------------


async def test_an_invoice_paid_early_is_only_thanked_for(acme: House) -> None:
    await acme.bill("Acme", "A-1", "1250.00", due=21)
    await acme.until(10)
    await acme.pay("A-1", "1250.00")
    case = await acme.case("A-1")
    assert (case.balance_due, case.waiting_on) == ("0.00", "settlement")

    await acme.until(16)
    assert acme.row("A-1").outcome is None
    await acme.until(17)  # five business days from Thursday
    assert (await acme.result("A-1")).outcome == "paid"
    assert acme.sent() == [(10, "thanks")]


async def test_after_a_part_payment_only_the_rest_is_asked_for(acme: House) -> None:
    await acme.bill("Acme", "A-1", "1250.00", due=1, net=1)
    await acme.until(3)
    await acme.pay("A-1", "500.00", "P-1")
    await acme.through(8)
    assert acme.sent() == [(1, "due"), (8, "overdue")]
    due, overdue = acme.mails()
    assert "1,250.00" in due.text
    assert "750.00" in overdue.text
    await acme.pay("A-1", "750.00", "P-2")
    await acme.through(17)
    assert (await acme.result("A-1")).balance_due == "0.00"
    assert acme.sent()[2:] == [(9, "thanks")]
    assert "1,250.00" in acme.mails()[-1].text


async def test_a_payment_of_the_due_date_stops_the_notice_of_that_morning(acme: House) -> None:
    await acme.bill("Acme", "A-1", "1250.00", due=1, net=1)
    await acme.until(1)
    await acme.pay("A-1", "1250.00")
    await acme.through(10)
    assert acme.sent() == [(1, "thanks")]


async def test_a_repeated_webhook_books_one_payment_even_after_closing(acme: House) -> None:
    await acme.bill("Acme", "A-1", "1250.00", due=20)
    await acme.bill("Acme", "A-2", "70.00", due=60)
    for _ in range(3):
        await acme.pay("A-1", "1250.00")
    await acme.through(8)
    assert acme.row("A-1").outcome == "paid"
    await acme.pay("A-1", "1250.00")  # the same fact with another date is not the same content
    assert len(acme.events("A-1", "payment_received")) == 1
    assert [task.kind for task in acme.tasks()] == ["conflicting_fact"]
    assert (await acme.result("A-1")).balance_due == "0.00"
    assert (await acme.case("A-2")).balance_due == "70.00"


class SlowPaper(NoPaper):
    """A page that takes as long as the test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.started, self.finish = threading.Event(), threading.Event()

    def render(self, html: str, *, timeout: float) -> bytes:
        self.started.set()
        assert self.finish.wait(30), "the test never let the page go"
        return super().render(html, timeout=timeout)


async def test_a_payment_while_the_notice_is_being_written_stops_it(build: Builder) -> None:
    paper = SlowPaper()
    async with build(calendar="weekdays", renderer=paper) as house:
        house.know("Acme")
        await house.bill("Acme", "A-1", "1250.00", due=1, net=1)
        await house.until(1)
        writing = asyncio.create_task(house.through(1))
        assert await asyncio.to_thread(paper.started.wait, 30)
        handle = house.client.get_workflow_handle(workflow_id(house.id("A-1")))
        payment = {"payment_id": "P-1", "amount": "1250.00", "currency": "USD", "received_on": house.on(1)}
        await handle.signal("payment_received", payment)
        while not house.events("A-1", "payment_received"):  # noqa: ASYNC110  nothing tells us
            await asyncio.sleep(0.02)
        paper.finish.set()  # the payment is recorded although the page is still being made
        await writing
        await house.through(10)
        assert house.sent() == [(1, "thanks")]
        assert [message.state for message in house.messages()] == ["CANCELLED", "SENT"]
        assert (await house.result("A-1")).outcome == "paid"


# -- providers -------------------------------------------------------------------------------------


class DownUntil(MaildirTransport):
    """A provider that takes no mail dated before a day."""

    def __init__(self, folder: Path, up_again: date) -> None:
        super().__init__(folder)
        self._up_again = up_again
        self.refused = 0

    def send(
        self, message_id: str, mail: bytes, *, sender: str, recipients: Sequence[str], timeout: float
    ) -> SendResult:
        if parsedate_to_datetime(message_from_bytes(mail)["Date"]).date() < self._up_again:
            self.refused += 1
            return Refused("nobody answers", permanent=False)
        return super().send(message_id, mail, sender=sender, recipients=recipients, timeout=timeout)


async def test_after_a_week_without_a_provider_one_message_goes_out(build: Builder, tmp_path: Path) -> None:
    transport = DownUntil(tmp_path / "mail", date.max)
    window = {"opens": "09:00", "closes": "09:10"}
    async with build(
        calendar="weekdays", window=window, spread_minutes=0, jitter_minutes=0, transport=transport
    ) as house:
        transport._up_again = house.day0 + timedelta(days=9)
        house.know("Acme")
        await house.bill("Acme", "A-1", "1250.00", due=1, net=1)
        await house.through(20)
    assert transport.refused > 20
    # Tried again all day, written afresh on every day; then the harshest step that is due, once.
    assert house.sent() == [(9, "overdue"), (15, "overdue_2")]
    assert {message.state for message in house.messages()} == {"CANCELLED", "SENT"}


# -- disputes, promises, holds ---------------------------------------------------------------------


async def test_a_dispute_pauses_the_case_and_it_goes_on_where_it_was(acme: House) -> None:
    await acme.bill("Acme", "A-1", "1250.00", due=1, net=1)
    await acme.until(4)
    await acme.tell("A-1", "dispute_raised", dispute_id="Q-1", reason="wrong_amount", note="We ordered less.")
    case = await acme.case("A-1")
    assert case.waiting_on == "dispute"
    await acme.until(24)
    assert acme.sent() == [(1, "due")]
    await acme.tell(
        "A-1",
        "dispute_resolved",
        dispute_id="Q-1",
        outcome="partly",
        credit={"credit_id": "CN-1", "amount": "250.00"},
    )
    await acme.through(28)
    # Three rungs have passed meanwhile; the next one is climbed, not the harshest.
    assert acme.sent() == [(1, "due"), (24, "overdue")]
    assert "1,000.00" in acme.mails()[-1].text
    assert [task.state for task in acme.tasks("dispute")] == ["done"]


async def test_a_promise_is_confirmed_and_a_broken_one_is_followed_up(acme: House) -> None:
    await acme.bill("Acme", "A-1", "1250.00", due=1, net=1)
    await acme.until(9)
    await acme.ask("A-1", "promise_to_pay", pay_by=acme.on(16), by="ann")
    case = await acme.case("A-1")
    assert case.promises[0].state == "open"
    await acme.through(18)
    assert acme.sent() == [(1, "due"), (8, "overdue"), (9, "promise_confirmed")]
    await acme.through(22)
    assert acme.sent()[3:] == [(21, "overdue_2")]  # two business days of grace, then the next rung
    assert acme.mails()[-1].items[0][2] == 1
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await acme.ask("A-1", "promise_to_pay", pay_by=acme.on(80), by="ann")
    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.type == "PromiseTooLate"


async def test_a_hold_keeps_everything_back_until_it_is_released(acme: House) -> None:
    await acme.bill("Acme", "A-1", "1250.00", due=1, net=1)
    await acme.until(2)
    await acme.tell("A-1", "hold_placed", hold_id="H-1", reason="manual")
    await acme.until(30)
    assert acme.sent() == [(1, "due")]
    await acme.tell("A-1", "hold_released", hold_id="H-1")
    await acme.through(33)
    assert acme.sent() == [(1, "due"), (30, "overdue")]


async def test_an_insolvency_on_the_account_stops_every_invoice(acme: House) -> None:
    await acme.bill("Acme", "A-1", "1250.00", due=1, net=1)
    await acme.bill("Acme", "A-2", "80.00", due=3, net=3)
    await acme.tell_account("Acme", "hold_placed", hold_id="H-1", reason="insolvency", until=acme.on(5))
    await acme.through(40)
    assert acme.mails() == []
    assert (await acme.case("A-2")).waiting_on == "hold"


# -- harsh steps -----------------------------------------------------------------------------------


@pytest.fixture
async def strict(build: Builder) -> AsyncIterator[House]:
    """A house where credit holds need a person."""
    async with build(calendar="weekdays", steps=_ladder(approval=True), late_entry={}) as house:
        house.know("Acme")
        await house.bill("Acme", "A-1", "1250.00", due=1, net=1)
        await house.through(15)
        assert house.sent() == [(8, "overdue")]
        assert (await house.case("A-1")).waiting_on == "approval"
        yield house


async def test_an_approved_step_is_carried_out(strict: House) -> None:
    [task] = strict.tasks("approval")
    await strict.ask("A-1", "decide_step", step="credit_hold", approve=True, by="lee", approval_id=task.ref)
    await strict.through(16)
    assert [step for _, step in strict.sent()] == ["overdue", "credit_hold"]
    assert strict.tasks("approval")[0].state == "done"
    block_on = strict.messages()[-1].facts["block_on"]
    assert date.fromisoformat(block_on) >= strict.day0 + timedelta(days=16 + 3)


async def test_a_denied_step_is_left_out(strict: House) -> None:
    await strict.ask("A-1", "decide_step", step="credit_hold", approve=False, by="lee")
    await strict.through(40)
    assert strict.sent() == [(8, "overdue")]
    assert strict.tasks("ladder_ended")


async def test_an_expired_approval_is_asked_again_with_a_higher_rank(strict: House) -> None:
    await strict.through(22)  # five business days from Tuesday: until the end of the next Tuesday
    assert len(strict.messages()) == 2
    await strict.through(24)
    first, second = strict.messages()[1:]
    assert (first.approval, first.state, first.approval_rank) == ("expired", "CANCELLED", 0)
    assert (second.approval, second.state, second.approval_rank) == ("requested", "PENDING", 1)
    assert [task.state for task in strict.tasks("approval")] == ["done", "open"]
    await strict.ask("A-1", "decide_step", step="credit_hold", approve=True, by="kim")
    await strict.through(25)
    assert [step for _, step in strict.sent()] == ["overdue", "credit_hold"]


async def test_orders_are_blocked_on_the_day_named_and_flow_again_once_it_is_paid(build: Builder) -> None:
    async with build(calendar="weekdays", steps=_ladder(approval=False), late_entry={}) as house:
        house.know("Acme")
        await house.bill("Acme", "A-1", "1250.00", due=1)
        await house.through(15)
        assert house.sent() == [(8, "overdue"), (15, "credit_hold")]
        block_on = house.day0 + timedelta(days=18)  # three business days after Tuesday
        assert house.messages()[-1].facts["block_on"] == block_on.isoformat()
        assert f"{block_on:%B} {block_on.day}" in house.mails()[-1].text

        await house.until(18)
        assert house.credit_holds() == []
        await house.through(18)
        assert [hold.released_at for hold in house.credit_holds()] == [None]
        await house.pay("A-1", "1250.00")
        [hold] = house.credit_holds()
        assert hold.released_at is not None


# -- one voice -------------------------------------------------------------------------------------


async def test_a_customer_with_several_invoices_gets_one_message(acme: House) -> None:
    for number, due in enumerate((1, 1, 1, 2, 40)):
        await acme.bill("Acme", f"A-{number}", "100.00", due=due, net=due)
    await acme.through(2)
    [mail] = acme.mails()
    assert {invoice for invoice, _, _ in mail.items} == {acme.id(f"A-{n}") for n in (0, 1, 2)}
    assert "A-3" in mail.text  # what is not due yet is listed, not asked for
    await acme.through(6)
    [_, second] = acme.sent()
    assert second == (4, "due")  # the gap between two messages


async def test_one_remittance_pays_three_invoices(acme: House) -> None:
    for number in range(3):
        await acme.bill("Acme", f"A-{number}", "100.00", due=10, net=10)
    await acme.tell_account(
        "Acme",
        "cash_received",
        payment_id="R-1",
        amount="310.00",
        currency="USD",
        received_on=acme.on(0),
        allocations=[{"invoice_id": acme.id(f"A-{n}"), "amount": "100.00"} for n in range(3)],
    )
    assert [len(acme.events(f"A-{n}", "payment_received")) for n in range(3)] == [1, 1, 1]
    assert [task.kind for task in acme.tasks()] == ["unapplied_cash"]
    await acme.through(8)
    assert [(await acme.result(f"A-{n}")).outcome for n in range(3)] == ["paid"] * 3
    # Thanks are for money that comes after the case was opened; a moment later or not, nothing is asked for.
    assert {step for mail in acme.mails() for _, step, _ in mail.items} <= {"thanks"}


# -- runs ------------------------------------------------------------------------------------------


async def test_a_long_life_goes_on_as_new_and_loses_no_fact(build: Builder) -> None:
    async with build(calendar="weekdays", continue_as_new_every=2) as house:
        house.know("Acme")
        await house.bill("Acme", "A-1", "1000.00", due=1, net=1)
        await house.until(3)
        handle = house.client.get_workflow_handle(workflow_id(house.id("A-1")))

        async def pay(number: int) -> None:
            payment = {
                "payment_id": f"P-{number}",
                "amount": "10.00",
                "currency": "USD",
                "received_on": house.on(3),
            }
            await handle.signal("payment_received", payment)
            if number % 10 == 0:
                await house.ask("A-1", "snooze", until=house.on(4), by="lee", reason="look at the bank first")

        await asyncio.gather(*(pay(number) for number in range(40)))
        await house.days.clock.idle([handle.id])
        assert (await house.case("A-1")).balance_due == "600.00"
        await house.through(8)
        assert house.sent() == [(1, "due"), (8, "overdue")]
        await house.pay("A-1", "600.00", "P-rest")
        await house.through(16)
        assert (await house.result("A-1")).outcome == "paid"
        assert await house.runs("A-1") >= 3


async def test_a_second_start_climbs_no_second_ladder(acme: House) -> None:
    told = acme.start_of("Acme", "A-1", "1250.00", due=1, net=1)
    start = Start.model_validate(told)
    await acme.bill("Acme", "A-1", "1250.00", due=1, net=1)
    assert await Starter(acme.days.clock.client).start(start)  # the run that is there
    await acme.through(2)
    assert acme.sent() == [(1, "due")]
    await acme.pay("A-1", "1250.00")
    await acme.through(12)
    assert (await acme.result("A-1")).outcome == "paid"

    assert not await Starter(acme.days.clock.client).start(start)
    again = await acme.client.start_workflow(
        "InvoiceCollection",
        told,
        id=workflow_id(acme.id("A-1")),
        task_queue=MAIN_QUEUE,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        result_type=dict,
    )
    assert (await again.result())["outcome"] == "paid"
    assert acme.sent() == [(1, "due"), (3, "thanks")]
    assert len(acme.events("A-1", "case_closed")) == 1
    assert acme.tasks() == []


async def test_money_that_goes_back_after_closing_reopens_the_case(acme: House) -> None:
    await acme.bill("Acme", "A-1", "1250.00", due=1, net=1)
    await acme.until(2)
    await acme.pay("A-1", "1250.00")
    await acme.through(11)
    assert (await acme.result("A-1")).outcome == "paid"
    await acme.until(15)
    await acme.tell(
        "A-1", "payment_reversed", reversal_id="B-1", payment_id="P-1", amount="1250.00", reason="bounced"
    )
    case = await acme.case("A-1")
    assert (case.balance_due, case.outcome) == ("1250.00", None)
    await acme.through(16)
    assert acme.sent() == [(1, "due"), (2, "thanks"), (16, "overdue")]
    assert acme.mails()[-1].items[0][2] == 1
    await acme.pay("A-1", "1250.00", "P-2")
    await acme.through(26)
    assert acme.sent()[3:] == [(17, "thanks")]  # another climb, other thanks
    assert (await acme.result("A-1")).outcome == "paid"


async def test_bad_input_pauses_and_a_person_lets_it_go_on(acme: House) -> None:
    await acme.bill("Acme", "A-1", "1250.00", due=1, net=1)
    await acme.tell("A-1", "payment_received", payment_id="P-1", amount="a lot")
    assert (await acme.case("A-1")).waiting_on == "hold"
    await acme.until(7)
    assert acme.mails() == []
    [item] = acme.tasks("unreadable_signal")
    await acme.tell("A-1", "hold_released", hold_id=f"item-{item.item_id}")
    await acme.through(7)
    assert acme.sent() == [(7, "due")]
