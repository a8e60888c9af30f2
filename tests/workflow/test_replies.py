"""Answers on the real server: a person's pauses, a machine's does not, and a confirmed promise steers."""

from __future__ import annotations

import asyncio
from pathlib import Path

from activities.inbound.inbox import MaildirSource
from activities.inbound.replies import Replies
from activities.rulebook import load_rulebook
from settings import ROOT
from store import worklist
from tests.inbound import mail
from tests.workflow.conftest import House
from workflows.invoice_collection import NUDGE, workflow_id


async def arrives(house: House, raw: bytes) -> str | None:
    """A mail comes in on the morning of today, and wakes whom it concerns. Returns its id."""
    at = house.days.morning(house.id("Acme"), house.today)
    taken = Replies(house.sessions, load_rulebook(ROOT / "deploy")).take(raw, at)
    await wake(house, taken.nudge)
    return taken.reply_id


async def wake(house: House, invoices: tuple[str, ...]) -> None:
    for invoice_id in invoices:
        await house.client.get_workflow_handle(workflow_id(invoice_id)).signal(NUDGE)
    await house.days.clock.idle([workflow_id(invoice_id) for invoice_id in invoices])


async def acme(house: House) -> str:
    """A customer with an invoice whose due notice went out; its Message-ID."""
    house.know("Acme")
    await house.bill("Acme", "A-1", "1250.00", due=1, net=1)
    await house.until(7)
    (due,) = house.mails()
    return f"<{house.messages()[0].message_id}@lindenmoor.example>" if due.step == "due" else ""


async def test_an_answer_pauses_the_customer_for_the_policys_days(house: House) -> None:
    answers = await acme(house)
    await arrives(house, mail("Let me check.", sender="ap@acme.example", answers=answers))
    case = await house.case("A-1")
    assert (case.waiting_on, [hold.until.isoformat() for hold in case.holds if hold.until]) == (
        "hold",
        [house.on(9)],
    )
    await house.through(9)
    assert house.sent() == [(1, "due")]
    await house.through(10)
    assert house.sent() == [(1, "due"), (10, "overdue")], "a day late, and no rung is lost"


async def test_an_absence_note_pauses_nothing(house: House) -> None:
    answers = await acme(house)
    raw = mail("I am away.", sender="ap@acme.example", answers=answers, Auto_Submitted="auto-replied")
    await arrives(house, raw)
    await house.through(8)
    assert house.sent() == [(1, "due"), (8, "overdue")]
    assert house.tasks() == []


async def test_a_promise_that_a_person_confirms_steers_the_case(house: House) -> None:
    answers = await acme(house)
    words = f"We will pay on {house.on(14)}."
    reply_id = await arrives(house, mail(words, sender="ap@acme.example", answers=answers))
    assert reply_id is not None
    (item,) = house.tasks("reply")
    assert f"promises to pay by {house.on(14)}" in item.why
    assert (await house.case("A-1")).promises == (), "its text alone does nothing"
    hold = f"reply-{reply_id}"
    await house.tell("A-1", "promise_made", promise_id=hold, pay_by=house.on(14), source="email")
    at = house.days.morning(house.id("Acme"), house.today)
    desk = Replies(house.sessions, load_rulebook(ROOT / "deploy"))
    await wake(house, desk.answered(reply_id, "kim", "promise", at))
    case = await house.case("A-1")
    assert ([promise.state for promise in case.promises], case.holds) == (["open"], ())
    await house.through(16)
    assert house.sent() == [(1, "due"), (7, "promise_confirmed")]
    with house.sessions() as session:
        assert worklist.list_open(session, kind="reply") == []


async def test_the_poll_takes_in_what_lies_in_the_maildir(house: House, tmp_path: Path) -> None:
    """The workflow itself, by hand: schedules have the real clock, which is far behind the house's."""
    answers = await acme(house)
    await house.tell("A-1", "risk_noted", note_id="N-1", text="the newest that is known of the customer")
    box = tmp_path / "inbox"
    (box / "new").mkdir(parents=True)
    (box / "new" / "1").write_bytes(mail(sender="ap@acme.example", answers=answers))
    assert [waiting.raw for waiting in MaildirSource(box).waiting(9)]
    await house.client.execute_workflow("InboxPoll", id="inbox-poll-test", task_queue="duecourse")
    for _ in range(200):  # the signal is on its way
        if (await house.case("A-1")).waiting_on == "hold":
            break
        await asyncio.sleep(0.05)
    assert (await house.case("A-1")).waiting_on == "hold"
    assert [path.name for path in (box / "cur").iterdir()] == ["1:2,S"]
