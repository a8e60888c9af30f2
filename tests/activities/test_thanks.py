"""Thanks on real rows: one message for what was paid together, exactly once, and none when the money went back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from activities.adapters.port import Refused, Unknown
from tests.activities.conftest import Office, Post
from tests.activities.test_credit_holds import hold


@pytest.fixture
def shop(office: Office) -> Office:
    """Three invoices of a customer under a policy that thanks and waits five days for money to go back."""
    office.policy("sandbox", thanks=True, settlement_days=5, calendar="weekdays")
    for number in (1, 2, 3):
        office.open(f"INV-{number}", invoice={"due_on": office.on(20)})
    office.later(minutes=1)
    return office


def remit(office: Office, numbers: Sequence[int] = (1, 2, 3)) -> None:
    """One remittance over three invoices."""
    shares = [{"invoice_id": f"INV-{number}", "amount": "1250.00"} for number in numbers]
    money = {"payment_id": "REMIT-1", "amount": "3750.00", "currency": "USD", "received_on": office.on(0)}
    office.tell_account("C-1", "cash_received", **money, allocations=shares)


def test_one_remittance_is_thanked_for_once_whoever_comes_first(shop: Office, post: Post) -> None:
    remit(shop)
    for number in (2, 1, 3):
        shop.live(f"INV-{number}")
    assert post.items == ["INV-1=thanks/0, INV-2=thanks/0, INV-3=thanks/0"]
    (mail,) = post.mails
    assert str(mail["To"]) == "Ann Payne <ann@acme.example>"
    assert str(mail["Subject"]) == "Thank you for your payment: $3,750.00 for 3 invoices"
    text = mail.get_payload()[0].get_payload()  # type: ignore[index, union-attr]
    assert "How to pay" not in text
    assert text.count("$1,250.00") == 3
    assert [part.get_content_type() for part in mail.walk() if not part.is_multipart()] == [
        "text/plain",
        "text/html",
    ], "no statement of nothing"
    assert shop.customer().last_unsolicited_on is None
    assert shop.review("INV-1").decision.rule == "settlement"
    shop.later(days=10)
    assert [shop.live(f"INV-{number}").decision.kind for number in (1, 2, 3)] == ["close"] * 3
    assert len(post.taken) == 1


def test_thanks_go_out_at_the_minute_of_whichever_invoice_is_first(office: Office, post: Post) -> None:
    """Wake-ups are spread by invoice: what one of them wrote at its minute is sent then, with its papers."""
    window = {"opens": "09:00", "closes": "16:00"}
    office.policy("sandbox", thanks=True, settlement_days=5, window=window, jitter_minutes=10)
    for number in (2, 3, 4):
        office.open(f"INV-{number}", invoice={"due_on": office.on(20)})
    office.later(hours=12)  # the window is closed: they wait for the morning
    remit(office, (2, 3, 4))
    minutes = {}
    for number in (2, 3, 4):
        decision = office.review(f"INV-{number}").decision
        minutes[f"INV-{number}"] = decision.until if decision.kind == "wait" else office.now
    first = min(minutes, key=lambda invoice_id: (minutes[invoice_id], invoice_id))
    assert minutes[first] < minutes["INV-2"], "the spread has to matter here"
    office.now = minutes[first]
    message_id = office.contact(first)
    assert message_id is not None
    assert office.message(message_id).state == "SENT"
    assert post.items == ["INV-2=thanks/0, INV-3=thanks/0, INV-4=thanks/0"]


def test_a_single_payment_is_named_in_a_sentence(shop: Office, post: Post) -> None:
    shop.pay("INV-2", "1250.00")
    shop.live("INV-2")
    assert post.items == ["INV-2=thanks/0"]
    text = " ".join(post.mails[0].get_payload()[0].get_payload().split())  # type: ignore[index, union-attr]
    assert "Thank you: your payment of $1,250.00 for invoice INV-2 has reached us." in text
    assert "It is settled, and there is nothing more for you to do." in text


def test_thanks_that_are_written_are_not_sent_once_the_money_went_back(shop: Office, post: Post) -> None:
    shop.pay("INV-1", "1250.00")
    message_id = shop.write("INV-1")
    shop.tell("INV-1", "payment_reversed", reversal_id="R", payment_id="P-1", amount="1250.00")
    shop.send(message_id)
    assert post.taken == []
    assert shop.message(message_id).state == "CANCELLED"


def test_a_second_payment_meanwhile_has_them_written_anew(shop: Office, post: Post) -> None:
    shop.pay("INV-1", "1250.00")
    message_id = shop.write("INV-1")
    shop.pay("INV-1", "100.00", "P-2")
    shop.send(message_id)
    assert post.taken == []
    shop.live("INV-1")
    assert "$1,350.00" in str(post.mails[0]["Subject"])


@pytest.mark.parametrize("answer", [Unknown("gone"), Refused("no such user", permanent=True)])
def test_thanks_are_never_tried_twice_on_one_address(
    shop: Office, post: Post, answer: Unknown | Refused
) -> None:
    post.answers = [answer]
    shop.pay("INV-1", "1250.00")
    shop.contact("INV-1")
    assert shop.live("INV-1").decision.rule == "settlement"
    assert len(post.taken) == 1


def test_a_released_credit_hold_is_told_to_customer_and_sales_once(office: Office, post: Post) -> None:
    office.policy("sandbox", thanks=True, settlement_days=5)
    hold(office, "INV-9")
    before = len(post.taken)
    office.later(hours=1)
    office.pay("INV-9", "1250.00")
    for _ in range(2):
        office.live("INV-9")
        office.later(days=1)
    assert post.items[before:] == ["INV-9=credit_hold_released/0"]
    mail = post.mails[-1]
    assert str(mail["Cc"]) == "Sam Reed <sam@seller.example>"
    assert str(mail["Subject"]) == "New orders are possible again: Acme Ltd"
    text = " ".join(mail.get_payload()[0].get_payload().split())  # type: ignore[index, union-attr]
    assert "New orders from you are possible again, from today." in text
    assert "your payment of $1,250.00 for invoice INV-9 has reached us" in text


def test_sales_without_an_address_are_told_by_a_person(office: Office, post: Post) -> None:
    office.open("INV-9", customer={"account_manager": {"name": "Sam Reed"}})
    hold(office, "INV-9")
    office.tell("INV-9", "invoice_cancelled", cancellation_id="X")
    office.live("INV-9")
    assert post.items[-1] == "INV-9=credit_hold_released/0"
    (task,) = office.tasks("credit_hold_released")
    assert task.why == "tell sales that Acme Ltd can order again"
    assert office.row("INV-9").outcome == "cancelled"
