"""The send protocol's rows: nothing is held twice, nothing moves but along its lines."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from store import outbox
from store.outbox import (
    CANCELLED,
    FAILED,
    PENDING,
    RESERVED,
    SENDING,
    SENT,
    Held,
    IllegalTransition,
    Reserved,
)
from store.schema import Approval, MessageItemRow, MessageRow, MessageState
from tests.store.rows import NOON, add_case, item, message

Sessions = sessionmaker[Session]
Verb = Callable[[Session], Any]

VERBS: dict[str, Verb] = {
    "freeze": lambda session: outbox.freeze(session, "M-1", payload=b"words", subject="Invoice"),
    "claim": lambda session: outbox.claim(session, "M-1", at=NOON),
    "mark_sent": lambda session: outbox.mark_sent(session, "M-1", attempt=1, at=NOON, provider_ref="X"),
    "confirm_sent": lambda session: outbox.confirm_sent(session, "M-1", at=NOON),
    "back_to_pending": lambda session: outbox.back_to_pending(session, "M-1", attempt=1, why="refused"),
    "mark_failed": lambda session: outbox.mark_failed(session, "M-1", attempt=1, why="550"),
    "mark_unknown": lambda session: outbox.mark_unknown(session, "M-1", at=NOON),
    "cancel": lambda session: outbox.cancel(session, "M-1", why="paid"),
}


def reserve(session: Session, message_id: str = "M-1", *invoices: str) -> Reserved | Held:
    return outbox.reserve(session, message(message_id), [item(invoice) for invoice in invoices or ("INV-1",)])


def put_in(session: Session, state: MessageState, attempts: int = 1) -> None:
    """A message in a state, however it got there."""
    add_case(session)
    reserve(session)
    session.execute(update(MessageRow).values(state=state, attempts=attempts))


def item_states(session: Session) -> list[tuple[str, str, MessageState]]:
    columns = (MessageItemRow.message_id, MessageItemRow.invoice_id, MessageItemRow.state)
    return [(row[0], row[1], row[2]) for row in session.execute(select(*columns).order_by(*columns[:2]))]


@pytest.mark.parametrize("state", MessageState)
@pytest.mark.parametrize("verb", VERBS)
def test_transitions(session: Session, verb: str, state: MessageState) -> None:
    before, after = outbox.MOVES[verb]
    put_in(session, state)
    if state in before:
        assert VERBS[verb](session).state == after
        assert item_states(session) == [("M-1", "INV-1", after)]
    else:
        with pytest.raises(IllegalTransition, match=f"cannot {verb} message M-1: it is {state}"):
            VERBS[verb](session)


@pytest.mark.parametrize("verb", VERBS)
def test_a_message_that_is_not_there(session: Session, verb: str) -> None:
    with pytest.raises(IllegalTransition, match="there is none"):
        VERBS[verb](session)


def test_a_life(session: Session) -> None:
    add_case(session)
    reserved = reserve(session)
    assert isinstance(reserved, Reserved)
    assert reserved.message.state == RESERVED
    outbox.freeze(session, "M-1", payload=b"words", subject="Invoice")
    claimed = outbox.claim(session, "M-1", at=NOON)
    assert (claimed.state, claimed.attempts, claimed.claimed_at) == (SENDING, 1, NOON)
    assert claimed.claimed_real is not None
    assert claimed.payload == b"words"
    sent = outbox.mark_sent(session, "M-1", attempt=1, at=NOON, provider_ref="<1@x>")
    assert (sent.state, sent.sent_at, sent.provider_ref) == (SENT, NOON, "<1@x>")


@pytest.mark.parametrize("state", outbox.LIVE)
def test_a_live_message_holds_its_items(session: Session, state: MessageState) -> None:
    put_in(session, state)
    add_case(session, "INV-2")
    held = reserve(session, "M-2", "INV-1", "INV-2")
    assert held == Held((outbox.Holder("M-1", state, "INV-1"),))
    assert outbox.get(session, "M-2") is None
    assert isinstance(reserve(session, "M-3", "INV-2"), Reserved)


@pytest.mark.parametrize("state", outbox.LIVE)
def test_the_database_itself_refuses_a_second_live_item(session: Session, state: MessageState) -> None:
    put_in(session, state)
    reserve(session, "M-2", add_case(session, "INV-2").invoice_id)
    with pytest.raises(IntegrityError, match="message_items_live_key"):
        session.execute(
            update(MessageItemRow).where(MessageItemRow.invoice_id == "INV-2").values(invoice_id="INV-1")
        )


@pytest.mark.parametrize("state", [FAILED, CANCELLED])
def test_a_dead_message_frees_its_items(session: Session, state: MessageState) -> None:
    put_in(session, state)
    assert isinstance(reserve(session, "M-2"), Reserved)
    assert item_states(session) == [("M-1", "INV-1", state), ("M-2", "INV-1", RESERVED)]


@pytest.mark.parametrize(
    "other", [{"cycle": 1}, {"step": "demand"}, {"ref": "P-1"}, {"recipient": "AM"}, {"channel": "letter"}]
)
def test_another_key_is_another_item(session: Session, other: dict[str, Any]) -> None:
    add_case(session)
    reserve(session)
    assert isinstance(outbox.reserve(session, message("M-2"), [item(**other)]), Reserved)


def test_cancels_count_the_messages_that_facts_overtook(session: Session) -> None:
    add_case(session)
    for number, approval in enumerate([None, Approval.EXPIRED, Approval.DENIED, Approval.APPROVED, None]):
        reserved = reserve(session, f"M-{number}")
        assert isinstance(reserved, Reserved)
        reserved.message.approval = approval
        session.flush()
        outbox.cancel(session, f"M-{number}", why="")
    reserved = reserve(session, "M-last")
    assert isinstance(reserved, Reserved)
    assert reserved.message.cancels == 3


def test_items_are_needed_and_each_once(session: Session) -> None:
    add_case(session)
    with pytest.raises(ValueError, match="M-1 needs items"):
        outbox.reserve(session, message(), [])
    with pytest.raises(ValueError, match="each only once"):
        reserve(session, "M-1", "INV-1", "INV-1")


def test_of_eight_who_reserve_at_once_without_the_lock_one_does(sessions: Sessions) -> None:
    invoices = ["INV-1", "INV-2", "INV-3"]
    with sessions.begin() as session:
        for invoice_id in invoices:
            add_case(session, invoice_id)
    together = Barrier(8)

    def race(number: int) -> Reserved | Held:
        turned = invoices[number % 3 :] + invoices[: number % 3]
        with sessions.begin() as session:
            together.wait()
            return reserve(session, f"M-{number}", *turned)

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(race, range(8)))
    winners = [result.message.message_id for result in results if isinstance(result, Reserved)]
    holders = {h.message_id for result in results if isinstance(result, Held) for h in result.holders}
    assert len(winners) == 1
    assert holders == set(winners)
    with sessions() as session:
        assert item_states(session) == [(winners[0], invoice, RESERVED) for invoice in invoices]


def test_items_are_taken_in_one_order_so_that_nobody_deadlocks(session: Session) -> None:
    for invoice_id in ("INV-1", "INV-2", "INV-3"):
        add_case(session, invoice_id)
    reserve(session, "M-1", "INV-2", "INV-3", "INV-1")
    taken = session.scalars(select(MessageItemRow.invoice_id).order_by(MessageItemRow.id))
    assert list(taken) == ["INV-1", "INV-2", "INV-3"]


def test_of_eight_who_claim_at_once_one_does(sessions: Sessions) -> None:
    with sessions.begin() as session:
        put_in(session, PENDING, attempts=0)
    together = Barrier(8)

    def race(_: int) -> bool:
        together.wait()
        try:
            with sessions.begin() as session:
                outbox.claim(session, "M-1", at=NOON)
        except IllegalTransition:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(race, range(8))) == 1


def test_items_cannot_say_another_state_than_their_message(session: Session) -> None:
    put_in(session, PENDING)
    with pytest.raises(Exception, match="message_items_message_id_state_fkey"):
        session.execute(update(MessageItemRow).values(state=SENT))


def test_a_late_report_of_an_earlier_attempt_changes_nothing(session: Session) -> None:
    put_in(session, SENDING, attempts=2)
    for verb in ("mark_sent", "back_to_pending", "mark_failed"):
        with pytest.raises(IllegalTransition, match="it is SENDING, attempt 2"):
            VERBS[verb](session)


def test_unknown_is_never_claimed_and_its_own_sender_may_still_say(session: Session) -> None:
    put_in(session, SENDING)
    later = NOON + timedelta(hours=1)
    assert outbox.mark_unknown(session, "M-1", at=NOON).unknown_since == NOON
    assert outbox.mark_unknown(session, "M-1", at=later).unknown_since == NOON
    with pytest.raises(IllegalTransition):
        outbox.claim(session, "M-1", at=later)
    assert outbox.back_to_pending(session, "M-1", attempt=1, why="never called").unknown_since is None


def test_find_unknown(session: Session) -> None:
    put_in(session, PENDING, attempts=0)
    outbox.claim(session, "M-1", at=NOON)
    real_now = datetime.now(UTC)
    assert outbox.find_unknown(session, claimed_before=real_now - timedelta(hours=1)) == []
    silent = outbox.find_unknown(session, claimed_before=real_now + timedelta(hours=1))
    assert [row.message_id for row in silent] == ["M-1"]
    outbox.mark_unknown(session, "M-1", at=NOON)
    assert outbox.find_unknown(session, claimed_before=real_now - timedelta(hours=1)) == silent


def test_evidence_needs_a_claim(session: Session) -> None:
    put_in(session, PENDING, attempts=0)
    with pytest.raises(IllegalTransition):
        outbox.confirm_sent(session, "M-1", at=NOON)


def test_approval(session: Session) -> None:
    put_in(session, PENDING, attempts=0)
    outbox.request_approval(session, "M-1", until=NOON, rank=1)
    with pytest.raises(IllegalTransition, match="approval requested"):
        outbox.claim(session, "M-1", at=NOON)
    outbox.decide_approval(session, "M-1", Approval.APPROVED)
    with pytest.raises(IllegalTransition, match="approval approved"):
        outbox.decide_approval(session, "M-1", Approval.DENIED)
    assert outbox.claim(session, "M-1", at=NOON).state == SENDING


@pytest.mark.parametrize("answer", [Approval.DENIED, Approval.EXPIRED])
def test_what_was_not_approved_is_not_claimed(session: Session, answer: Approval) -> None:
    put_in(session, PENDING, attempts=0)
    outbox.request_approval(session, "M-1", until=NOON, rank=1)
    outbox.decide_approval(session, "M-1", answer)
    with pytest.raises(IllegalTransition):
        outbox.claim(session, "M-1", at=NOON)
    outbox.cancel(session, "M-1", why=f"approval {answer}")
    assert isinstance(reserve(session, "M-2"), Reserved)


def test_the_first_paper_of_a_name_stands(session: Session) -> None:
    add_case(session)
    reserve(session)
    assert outbox.document(session, "M-1", "statement.pdf") is None
    for body in (b"%PDF 1", b"%PDF 2"):
        outbox.attach(session, "M-1", name="statement.pdf", media_type="application/pdf", body=body)
    assert outbox.document(session, "M-1", "statement.pdf") == b"%PDF 1"
    assert [paper.body for paper in outbox.documents_of(session, "M-1")] == [b"%PDF 1"]


def test_a_providers_event_counts_once(session: Session) -> None:
    add_case(session)
    reserve(session)

    def record(event_id: str | None) -> bool:
        return outbox.record_delivery(session, "M-1", kind="bounce", at=NOON, provider_event_id=event_id)

    assert [record("e-1"), record("e-1"), record(None), record(None)] == [True, False, True, True]
    said = outbox.deliveries_of(session, ["M-1", "M-2"])
    assert [event.kind for event in said["M-1"]] == ["bounce"] * 3
    assert said["M-2"] == []
