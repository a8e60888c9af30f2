"""Offers to settle for less on real rows: named while they stand, booked once, taken back with the money."""

from __future__ import annotations

from email.message import Message
from typing import Any

import pytest

from activities.call_sheet import read_call_sheet
from domain.postings import OFFER_ENTRY
from store.schema import CaseRow, MessageState
from tests.activities.conftest import Office, Post

OFFERS: dict[str, Any] = {
    "kinds": ["early_payment_discount", "settlement", "fee_waiver"],
    "settlement_from_day": 0,
    "counter_offers": True,
}


@pytest.fixture
def offering(office: Office) -> Office:
    """An office whose policy lets staff offer, with an invoice that is 30 days past due."""
    office.policy("sandbox", offers=OFFERS, tolerance={})
    office.open(invoice={"due_on": "2026-11-07", "issued_on": "2026-10-07"})
    office.later(days=1)
    return office


def offer(office: Office, amount: str = "1000.00", days: int = 10, **more: Any) -> str:
    told = {"kind": "settlement", "amount": amount, "until": office.on(days), **more}
    reply = office.ask("INV-1", "make_offer", **{k: v for k, v in told.items() if v is not None})
    assert reply.refused_by is None, reply
    return max(office.case().offers.values(), key=lambda made: made.at).fact.offer_id


def told_offer(office: Office, post: Post, **terms: Any) -> str:
    """An offer that the customer has been told of; what comes next is a step of the ladder."""
    offer_id = offer(office, **terms)
    office.contact()
    assert post.items == ["INV-1=offer_made/0"]
    return offer_id


def said(mail: Message, kind: str = "text/plain") -> str:
    [part] = [each for each in mail.walk() if each.get_content_type() == kind]
    body = part.get_payload(decode=True)
    assert isinstance(body, bytes)
    return " ".join(body.decode().split())


def test_whoever_calls_knows_what_was_offered_while_it_stands(offering: Office) -> None:
    def allowed() -> tuple[str, ...]:
        with offering.sessions() as session:
            rows = [session.get_one(CaseRow, "INV-1")]
            return read_call_sheet(session, rows, offering.rulebook, offering.now).allowed

    assert allowed()[-1].startswith("No discount, no waiver")
    offer(offering)
    told, last = allowed()[-2:]
    assert told == (
        "What was offered on INV-1 (settlement): $1,000.00 paid by Friday, December 18, 2026 settles it;"
        " $250.00 is then credited"
    )
    assert last.startswith("No other discount, no waiver")
    offering.later(days=11)
    assert allowed()[-1].startswith("No discount, no waiver"), "it has ended"


def test_the_next_message_names_the_offer_in_text_html_and_statement(offering: Office, post: Post) -> None:
    told_offer(offering, post)
    offering.contact()
    assert post.items[1] == "INV-1=overdue/0"
    for kind in ("text/plain", "text/html"):
        text = said(post.mails[1], kind)
        assert "if $1,000.00 reaches us by Friday, December 18, 2026" in text
        assert "we credit the remaining $250.00" in text
    assert "settled by $1,000.00 until Dec 18, 2026" in offering.renderer.pages[-1]


def test_after_its_day_no_message_names_it(offering: Office, post: Post) -> None:
    told_offer(offering, post, days=3)
    offering.later(days=4)
    offering.contact()
    assert post.items[1] == "INV-1=overdue/0"
    assert "$1,000.00" not in said(post.mails[1])
    assert "$1,250.00" in said(post.mails[1])


@pytest.mark.parametrize("how", ["expired", "withdrawn", "disputed", "part paid"])
def test_a_written_message_is_taken_back_when_its_offer_does_not_stand_as_written(
    offering: Office, post: Post, how: str
) -> None:
    offer_id = told_offer(offering, post, days=0)
    message_id = offering.write()
    match how:
        case "expired":
            offering.later(days=1)
        case "withdrawn":
            reply = offering.ask("INV-1", "withdraw_offer", offer_id=offer_id, reason="a mistake")
            assert reply.refused_by is None
        case "disputed":
            offering.tell("INV-1", "dispute_raised", dispute_id="D-1", reason="quality", amount="10.00")
        case _:
            offering.pay("INV-1", "100.00")
    offering.send(message_id)
    assert len(post.taken) == 1
    assert offering.message(message_id).state is MessageState.CANCELLED


def test_a_message_approved_after_its_offer_ended_is_written_anew(office: Office, post: Post) -> None:
    office.policy("sandbox", offers=OFFERS)
    office.steps("sandbox", overdue={"approval": True}, pre_due={"approval": True}, due={"approval": True})
    office.open(invoice={"due_on": "2026-11-07", "issued_on": "2026-10-07"})
    office.later(days=1)
    told_offer(office, post, days=1)
    message_id = office.write()
    office.later(days=2)
    step = office.message(message_id).step
    assert office.ask("INV-1", "decide_step", step=step, approve=True).refused_by is None
    office.send(message_id)
    assert len(post.taken) == 1


def test_paid_in_time_it_is_booked_as_a_credit_once_and_taken_back_with_the_money(offering: Office) -> None:
    offer_id = offer(offering)
    for _ in range(2):
        offering.pay("INV-1", "1000.00")
    settlement = f"{OFFER_ENTRY}settlement"
    assert offering.entries() == [("invoice", 125_000), ("payment_received", -100_000), (settlement, -25_000)]
    assert offering.row().balance_minor == 0
    offering.tell("INV-1", "payment_reversed", reversal_id="R-1", payment_id="P-1", amount="1000.00")
    assert offering.entries()[3:] == [("payment_reversed", 100_000), (settlement, 25_000)]
    assert offering.row().balance_minor == 125_000
    offering.pay("INV-1", "1000.00", "P-2")
    assert sum(minor for kind, minor in offering.entries() if kind == settlement) == -25_000
    assert offering.row().balance_minor == 0
    assert offering.case().offers[offer_id].fact.credit == 25_000
    assert offering.audit_problems() == []


def test_the_statement_says_what_was_credited_and_why(offering: Office, post: Post) -> None:
    offer_id = offer(offering)
    offering.pay("INV-1", "1000.00")
    offering.tell("INV-1", "charge_added", charge_id="F-1", amount="40.00", currency="USD", kind="fee")
    offering.later(days=20)
    offering.tell("INV-1", "charge_added", charge_id="F-2", amount="30.00", currency="USD", kind="fee")
    offering.later(days=3)
    offering.live()
    assert any(f"Settlement as offered: {offer_id}" in page for page in offering.renderer.pages)
    assert offering.row().balance_minor == 3_000  # what was charged while it stood is settled with it


def test_a_step_that_offers_by_itself_is_bound_by_what_it_wrote(office: Office, post: Post) -> None:
    office.policy(
        "sandbox", offers={**OFFERS, "at_step": "overdue", "at_step_discount": "0.02", "at_step_days": 7}
    )
    office.open(invoice={"due_on": "2026-11-07", "issued_on": "2026-10-07"})
    office.later(days=1)
    message_id = office.write()
    assert office.case().offers == {}, "nothing is offered before it may be read"
    office.send(message_id)
    assert "if $1,225.00 reaches us by Tuesday, December 15, 2026" in said(post.mails[0])
    [made] = office.case().offers.values()
    assert (made.fact.pay, made.fact.credit, made.fact.until.isoformat()) == (122_500, 2_500, "2026-12-15")
    office.pay("INV-1", "1225.00")
    assert office.row().balance_minor == 0


def test_a_step_that_offers_by_itself_and_was_not_accepted_says_the_same_again(
    office: Office, post: Post
) -> None:
    from activities.adapters.port import Refused

    office.policy("sandbox", offers={**OFFERS, "at_step": "overdue"})
    office.open(invoice={"due_on": "2026-11-07", "issued_on": "2026-10-07"})
    office.later(days=1)
    message_id = office.write()
    post.answers = [Refused("busy", permanent=False)]
    with pytest.raises(Exception, match="not accepted"):
        office.send(message_id)
    assert len(office.case().offers) == 1
    office.send(message_id)
    assert [mail["X-Duecourse-Message"] for mail in post.mails] == [message_id] * 2
    assert len(office.case().offers) == 1


def test_a_counter_offer_is_listed_with_its_day_until_it_is_decided(offering: Office) -> None:
    reply = offering.ask("INV-1", "counter_offer", amount="900.00", pay_by=offering.on(9))
    assert reply.refused_by is None
    [task] = offering.tasks("counter_offer", open_only=True)
    assert (task.due_on.isoformat(), task.ref) == ("2026-12-11", next(iter(offering.case().counters)))
    assert "900.00 of 1250.00 USD" in task.why
    assert offering.row().waiting_on == "person"
    decided = offering.ask("INV-1", "decide_offer", offer_id=task.ref, accept=True)
    assert decided.refused_by is None
    assert offering.tasks("counter_offer", open_only=True) == []
    offering.live()
    assert offering.row().waiting_on == "promise"
    offering.pay("INV-1", "900.00")
    assert offering.row().balance_minor == 0


def test_two_customers_requests_at_once_are_one_offer(offering: Office) -> None:
    """The same update sent again says the same and records nothing new."""
    for _ in range(2):
        reply = offering.ask(
            "INV-1",
            "make_offer",
            update_id="same",
            kind="settlement",
            amount="1000.00",
            until=offering.on(10),
        )
        assert reply.refused_by is None
    assert len(offering.case().offers) == 1
    assert len(offering.events("INV-1", "offer_made")) == 1


def test_what_staff_offer_is_told_at_once_what_is_agreed_confirmed_and_what_lapses_said(
    offering: Office, post: Post
) -> None:
    offer_id = offer(offering, days=4)
    offering.live()
    assert post.items[:1] == ["INV-1=offer_made/0"]
    assert "if $1,000.00 reaches us by Saturday, December 12, 2026" in said(post.mails[0])
    sent = len(post.items)
    assert offering.ask("INV-1", "decide_offer", offer_id=offer_id, accept=True).refused_by is None
    offering.live()
    assert post.items[sent:] == ["INV-1=offer_agreed/0"]
    assert offering.row().waiting_on == "promise"
    offering.later(days=8)
    offering.live()
    assert post.items[sent + 1] == "INV-1=offer_lapsed/0"
    assert "has not reached us in time" in said(post.mails[sent + 1])


def test_terms_that_are_declined_are_answered_and_a_paid_offer_is_not_spoken_of(
    offering: Office, post: Post
) -> None:
    assert offering.ask("INV-1", "counter_offer", amount="700.00", pay_by=offering.on(9)).refused_by is None
    [offer_id] = offering.case().counters
    beyond = offering.ask("INV-1", "decide_offer", offer_id=offer_id, accept=True)
    assert (beyond.refused_by, "name at least 875.00" in beyond.reason) == ("OfferNotAllowed", True)
    assert offering.ask("INV-1", "decide_offer", offer_id=offer_id, accept=False).refused_by is None
    offering.contact()
    assert post.items == ["INV-1=offer_declined/0"]
    assert "You proposed to settle invoice INV-1 with $700.00" in said(post.mails[0])
    offer(offering)
    offering.pay("INV-1", "1000.00")
    offering.later(days=5)
    offering.live()
    assert "offer_made" not in " ".join(post.items)
