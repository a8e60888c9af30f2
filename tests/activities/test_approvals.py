"""Steps that a person approves: one message, however many invoices, and whatever happens meanwhile."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from activities.adapters.port import Refused
from activities.interface import RecordFacts, UpdateInput
from store.schema import Approval, MessageState
from tests.activities.conftest import ANN, BOB, Office, Post, plain

PENDING, SENT, CANCELLED = MessageState.PENDING, MessageState.SENT, MessageState.CANCELLED
HELD_BACK: dict[str, Any] = {
    "invoice": {"due_on": "2026-11-06", "issued_on": "2026-10-06"},
    "history": [{"step": "overdue_2", "sent_on": "2026-11-20"}],
}


@pytest.fixture
def strict(office: Office) -> Office:
    """Credit holds and demands need a person; calls and alerts are left out."""
    rungs = office.rulebook.policies["sandbox"].model_dump(mode="json")["steps"]
    kept = [rung for rung in rungs if rung["step"] not in ("call", "am_alert", "at_risk")]
    for rung in kept:
        rung["approval"] = rung["step"] in ("credit_hold", "demand", "referral")
    office.policy("sandbox", steps=kept)
    return office


def open_two(office: Office) -> None:
    """Two invoices that are at their credit hold, and one that is not due."""
    for invoice_id in ("INV-1", "INV-2"):
        office.open(invoice_id, **HELD_BACK)
    office.open("INV-3", invoice={"due_on": "2027-06-01"})
    office.later(days=1)


def ask_both(office: Office) -> str:
    open_two(office)
    message_id = office.write("INV-1")
    assert office.items(message_id) == [("INV-1", "credit_hold", 0), ("INV-2", "credit_hold", 0)]
    return message_id


def approve(office: Office, invoice_id: str = "INV-1", approve: bool = True, **more: Any) -> str | None:
    return office.ask(invoice_id, "decide_step", step="credit_hold", approve=approve, **more).refused_by


# -- asking ---------------------------------------------------------------------------------------------


def test_a_message_waits_for_a_person_on_all_its_invoices(strict: Office, post: Post) -> None:
    message_id = ask_both(strict)
    message = strict.message(message_id)
    assert (message.state, message.approval, message.approval_rank) == (PENDING, Approval.REQUESTED, 0)
    assert strict.send(message_id).decision.kind == "ask_approval"
    assert post.taken == []
    for invoice_id in ("INV-1", "INV-2"):
        assert strict.row(invoice_id).waiting_on == "approval"
        assert strict.draft(invoice_id).message_id is None
    (task,) = strict.tasks("approval")
    assert (task.ref, task.invoices) == (message_id, ["INV-1", "INV-2"])
    assert strict.row("INV-3").waiting_on == "time"


@pytest.mark.parametrize("kind", ["person", "sole_trader"])
def test_natural_persons_get_harsh_letters_by_hand_only(office: Office, post: Post, kind: str) -> None:
    office.open(**HELD_BACK, customer={"kind": kind}, policy="standard")
    office.later(days=14, hours=2)
    for _ in range(6):
        office.contact()
        office.later(days=7)
    assert [message.step for message in office.messages(SENT) if message.step == "credit_hold"] == []
    assert "approval" in office.kinds()


def test_only_the_written_message_is_approved(strict: Office) -> None:
    open_two(strict)
    assert approve(strict) == "NotWaitingForApproval"
    message_id = strict.write()
    assert approve(strict, approval_id="M-other") == "NotWaitingForApproval"
    assert approve(strict, approval_id=message_id) is None
    assert approve(strict) == "NotWaitingForApproval"


# -- decided ----------------------------------------------------------------------------------------------


def test_approving_on_any_invoice_approves_it_for_all(strict: Office, post: Post) -> None:
    message_id = ask_both(strict)
    batch = strict.ask("INV-2", "decide_step", step="credit_hold", approve=True)
    assert batch.refused_by is None
    assert strict.tasks("approval")[0].done_by == "lee"
    for invoice_id in ("INV-1", "INV-2"):
        assert strict.contact(invoice_id) in (message_id, None)
    assert post.items == ["INV-1=credit_hold/0, INV-2=credit_hold/0"]
    assert [strict.row(f"INV-{n}").stage for n in (1, 2)] == ["credit_hold", "credit_hold"]
    kinds = [kind for kind, _ in strict.audited()]
    assert kinds.count("approval_asked") == kinds.count("approval_given") == 2
    assert "approval_approved" in kinds


def test_every_invoice_of_the_message_is_woken(strict: Office) -> None:
    ask_both(strict)
    asked = UpdateInput(
        name="decide_step",
        update_id="A",
        inputs=(plain(b'{"step": "credit_hold", "approve": true, "by": "lee"}'),),
    )
    batch = RecordFacts(invoice_id="INV-1", at=strict.now, requests=(asked,))
    recorded = strict.run(strict.ledger.record_facts, batch)
    assert recorded.decided is not None
    assert recorded.decided.nudge == ("INV-2",)


def test_an_update_id_used_on_the_other_invoice_before_does_not_get_in_the_way(
    strict: Office, post: Post
) -> None:
    """Ids of updates are unique for a workflow only."""
    open_two(strict)
    strict.write()
    assert approve(strict, "INV-1", update_id="yes") is None
    strict.contact("INV-1")
    strict.later(days=15)
    for invoice_id in ("INV-1", "INV-2"):
        strict.draft(invoice_id)  # orders are blocked
    message_id = strict.write("INV-2")
    demand = strict.ask("INV-2", "decide_step", "yes", step="demand", approve=True)
    assert demand.refused_by is None
    strict.send(message_id)
    assert post.items[1:] == ["INV-1=demand/0, INV-2=demand/0"]


def test_a_denied_message_is_skipped_on_each_invoice_at_its_own_step(office: Office, post: Post) -> None:
    office.steps("sandbox", due={"approval": True}, overdue={"approval": True})
    office.open("INV-1")
    office.open(
        "INV-2",
        invoice={"due_on": "2026-11-30", "issued_on": "2026-10-30"},
        history=[{"step": "due", "sent_on": "2026-11-30"}],
    )
    message_id = office.write("INV-1")
    assert office.items(message_id) == [("INV-1", "due", 0), ("INV-2", "overdue", 0)]
    reply = office.ask("INV-2", "decide_step", step="overdue", approve=False, note="not now")
    assert reply.refused_by is None
    assert office.message(message_id).state == CANCELLED
    assert office.message(message_id).approval == Approval.DENIED
    assert office.case("INV-1").skipped == {(0, "due")}
    assert office.case("INV-2").skipped == {(0, "overdue")}
    assert office.draft("INV-1").message_id is None
    assert office.kinds() == []


def test_skipping_a_step_leaves_out_this_invoice_and_asks_afresh_for_the_others(
    strict: Office, post: Post
) -> None:
    message_id = ask_both(strict)
    assert strict.ask("INV-1", "skip_step", step="credit_hold", reason="talks").refused_by is None
    assert strict.message(message_id).state == CANCELLED
    assert strict.kinds() == []
    fresh = strict.write("INV-2")
    assert strict.items(fresh) == [("INV-2", "credit_hold", 0)]
    assert [task.ref for task in strict.tasks("approval", open_only=True)] == [fresh]


# -- nobody decides --------------------------------------------------------------------------------------


def test_an_approval_that_expires_is_asked_again_with_a_higher_rank(strict: Office, post: Post) -> None:
    first = ask_both(strict)
    strict.later(days=8)
    second = strict.write("INV-2")
    assert (strict.message(first).state, strict.message(first).approval) == (CANCELLED, Approval.EXPIRED)
    assert (strict.message(second).state, strict.message(second).approval_rank) == (PENDING, 1)
    assert strict.items(second) == strict.items(first)
    assert [task.ref for task in strict.tasks("approval", open_only=True)] == [second]
    strict.later(days=8)
    assert strict.message(strict.write("INV-1")).approval_rank == 2
    assert post.taken == []
    assert ("approval_expired", first) in strict.audited()


def test_what_expired_cannot_be_approved_any_more(strict: Office) -> None:
    ask_both(strict)
    strict.later(days=8)
    assert approve(strict) == "NotWaitingForApproval"


# -- meanwhile --------------------------------------------------------------------------------------------


def test_a_payment_meanwhile_withdraws_the_message_and_asks_afresh_for_the_others(
    strict: Office, post: Post
) -> None:
    message_id = ask_both(strict)
    recorded = strict.pay("INV-1", "1250.00")
    assert recorded.decided is not None
    assert recorded.decided.nudge == ("INV-2",)
    assert strict.message(message_id).state == CANCELLED
    assert strict.kinds() == []
    assert approve(strict, "INV-2") == "NotWaitingForApproval"
    fresh = strict.write("INV-2")
    assert strict.items(fresh) == [("INV-2", "credit_hold", 0)]
    assert approve(strict, "INV-2") is None
    strict.contact("INV-2")
    assert post.items == ["INV-2=credit_hold/0"]


def test_facts_that_change_after_the_approval_take_it_back(strict: Office, post: Post) -> None:
    message_id = ask_both(strict)
    assert approve(strict) is None
    strict.pay("INV-2", "100.00")
    decided = strict.send(message_id)
    assert post.taken == []
    assert strict.message(message_id).state == CANCELLED
    assert decided.nudge == ("INV-2",)
    fresh = strict.write("INV-1")
    assert strict.message(fresh).approval == Approval.REQUESTED
    assert strict.message(fresh).approval_rank == 0


def test_a_paused_case_is_not_approved(strict: Office) -> None:
    ask_both(strict)
    strict.tell("INV-1", "hold_placed", hold_id="H", reason="legal")
    assert approve(strict) == "CasePaused"
    assert approve(strict, approve=False) is None


def test_what_was_frozen_while_the_step_was_not_due_is_never_sent_unapproved(
    strict: Office, post: Post
) -> None:
    """A hold between drafting and rendering left a written message that asked nobody."""
    open_two(strict)
    message_id = strict.draft("INV-1").message_id
    assert message_id is not None
    strict.tell_account("C-1", "hold_placed", hold_id="H", reason="legal")
    strict.render(message_id)
    strict.tell_account("C-1", "hold_released", hold_id="H")
    for invoice_id in ("INV-1", "INV-2"):
        strict.contact(invoice_id)
    assert post.taken == []
    assert strict.message(message_id).state == CANCELLED
    assert strict.row().waiting_on == "approval"


def test_nobody_is_asked_about_a_message_that_facts_have_overtaken(strict: Office) -> None:
    open_two(strict)
    message_id = strict.draft("INV-1").message_id
    assert message_id is not None
    strict.tell("INV-2", "dispute_raised", dispute_id="D", reason="quality")
    rendered = strict.render(message_id)
    assert rendered.decided is not None
    assert strict.message(message_id).state == CANCELLED
    assert strict.tasks("approval") == []
    assert strict.items(strict.write("INV-1")) == [("INV-1", "credit_hold", 0)]


def test_what_was_approved_for_one_address_is_asked_anew_for_the_next(strict: Office, post: Post) -> None:
    post.answers = [Refused("550 no such mailbox", permanent=True)]
    strict.open("INV-1", customer={"contacts": [ANN, BOB]}, **HELD_BACK)
    strict.later(days=1)
    first = strict.write()
    assert approve(strict) is None
    strict.send(first)
    assert strict.message(first).state == MessageState.FAILED
    second = strict.write()
    assert strict.message(second).approval == Approval.REQUESTED
    assert strict.message(second).to != strict.message(first).to
    assert approve(strict) is None
    strict.send(second)
    assert post.items == ["INV-1=credit_hold/0"] * 2


def test_dates_that_a_letter_names_are_still_ahead_when_it_goes_out(strict: Office, post: Post) -> None:
    message_id = ask_both(strict)
    named = date.fromisoformat(strict.message(message_id).facts["block_on"])
    assert named >= strict.today + timedelta(days=5 + 3), "also when it is approved on the last day"
    assert approve(strict) is None
    strict.later(days=20)  # nothing went out for weeks
    strict.send(message_id)
    assert strict.message(message_id).why == "the dates it names have come too near"
    assert post.taken == []


def test_another_policy_takes_the_draft_back(strict: Office) -> None:
    message_id = ask_both(strict)
    assert strict.ask("INV-1", "change_policy", policy="standard").refused_by is None
    assert strict.message(message_id).state == CANCELLED
    assert strict.tasks("approval", open_only=True) == []


# -- afterwards -------------------------------------------------------------------------------------------


def test_orders_are_blocked_on_the_day_named_and_released_once_when_paid(strict: Office, post: Post) -> None:
    ask_both(strict)
    approve(strict)
    strict.contact("INV-1")
    (sent,) = strict.messages(SENT)
    strict.later(days=(date.fromisoformat(sent.facts["block_on"]) - strict.today).days)
    for _ in range(2):
        for invoice_id in ("INV-1", "INV-2"):
            strict.draft(invoice_id)
    assert [hold.invoice_id for hold in strict.credit_holds()] == ["INV-1", "INV-2"]
    assert strict.pay("INV-1", "1250.00").decided is not None
    held, other = strict.credit_holds()
    assert (held.released_at, other.released_at) == (strict.now, None)
    first = strict.now
    strict.later(days=1)
    strict.review("INV-1")
    assert strict.credit_holds()[0].released_at == first
    assert [event.kind for event in strict.events("INV-1")].count("credit_hold_released") == 1
    assert strict.audit_problems() == []


def test_a_customer_that_paid_before_the_block_date_is_not_blocked(strict: Office) -> None:
    ask_both(strict)
    approve(strict)
    strict.contact("INV-1")
    strict.pay("INV-1", "1250.00")
    strict.later(days=30)
    strict.draft("INV-1")
    assert "INV-1" not in [hold.invoice_id for hold in strict.credit_holds()]
