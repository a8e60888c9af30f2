"""Payments of two sources on real rows: one ledger entry for one sum of money, and an item where one is silent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from activities.rulebook import Rulebook
from store.schema import TaskState
from tests.activities.conftest import Office, Post, payment
from tests.activities.test_account import cash

LINE = "bank-1"


def by(office: Office, source: str | None) -> None:
    """The seller goes by this source from here on."""
    changed = {
        id_: seller.model_copy(update={"cash_source": source})
        for id_, seller in office.rulebook.sellers.items()
    }
    rulebook: Rulebook = replace(office.rulebook, sellers=changed)
    office.use(rulebook)


def line(office: Office, amount: str = "1250.00", allocated: str | None = None, id_: str = LINE) -> None:
    """The bank tells of a payment, for INV-1."""
    told = cash(amount, ("INV-1", allocated or amount), payment_id=id_)
    assert office.tell_account("C-1", "cash_received", **told).errors == ()


def erp(office: Office, amount: str = "1250.00", id_: str = "P-1") -> None:
    office.tell("INV-1", "payment_received", **payment(amount, id_, office.today))


def said(post: Post) -> str:
    """The only message that was sent, as text."""
    [mail] = post.mails
    text = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
    body = text.get_payload(decode=True)
    assert isinstance(body, bytes)
    return " ".join(body.decode().split())


@pytest.mark.parametrize("first", [line, erp])
def test_without_a_named_source_one_entry_is_booked(office: Office, first: object) -> None:
    office.open("INV-1")
    order = (line, erp) if first is line else (erp, line)
    for tell in (*order, *order):
        tell(office)
    assert office.entries("INV-1") == [("invoice", 125_000), ("payment_received", -125_000)]
    assert office.row("INV-1").outcome == "paid"
    assert (office.on_account(), office.kinds()) == ({}, [])


@pytest.mark.parametrize(("source", "named", "other"), [("erp", erp, line), ("bank", line, erp)])
@pytest.mark.parametrize("other_first", [True, False])
def test_a_named_source_books_once(
    office: Office, post: Post, source: str, named: object, other: object, other_first: bool
) -> None:
    by(office, source)
    office.open("INV-1")
    tell = {True: (other, named), False: (named, other)}[other_first]
    tell[0](office, "500.00")  # type: ignore[operator]
    assert office.row("INV-1").balance_minor == (125_000 if other_first else 75_000)
    office.live("INV-1")
    tell[1](office, "500.00")  # type: ignore[operator]
    for again in tell:
        again(office, "500.00")  # type: ignore[operator]
    assert office.entries("INV-1") == [("invoice", 125_000), ("payment_received", -50_000)]
    assert office.kinds() == []
    assert "Please pay $750.00 today" in said(post)


def test_a_payment_that_comes_between_draft_and_claim_stops_the_message(office: Office, post: Post) -> None:
    by(office, "erp")
    office.open("INV-1")
    message_id = office.write("INV-1")
    line(office)
    office.send(message_id)
    assert post.items == []
    assert office.row("INV-1").waiting_on == "hold"


def test_a_source_that_stays_silent_is_asked_about_until_it_speaks(office: Office) -> None:
    by(office, "erp")
    office.open("INV-1")
    line(office)
    assert office.kinds() == []
    office.now += timedelta(days=9)
    office.review("INV-1")
    assert office.kinds() == ["unconfirmed_cash"]
    assert office.row("INV-1").waiting_on == "person"
    erp(office, "500.00")
    assert office.kinds() == ["unconfirmed_cash"]
    erp(office, "750.00", "P-2")
    assert office.kinds() == []
    assert office.row("INV-1").outcome == "paid"


def test_a_person_books_a_line_that_the_erp_will_tell_of_later(office: Office) -> None:
    by(office, "erp")
    office.open("INV-1")
    line(office, "500.00")
    office.now += timedelta(days=9)
    office.review("INV-1")
    erp(office, "500.00", LINE)
    assert office.kinds() == []
    erp(office, "500.00", "P-1")
    assert office.entries("INV-1") == [("invoice", 125_000), ("payment_received", -50_000)]


def test_a_released_wait_leaves_the_worklist(office: Office) -> None:
    by(office, "erp")
    office.open("INV-1")
    line(office, "500.00")
    office.now += timedelta(days=9)
    office.review("INV-1")
    office.tell("INV-1", "hold_released", hold_id="cash-bank-1")
    assert office.kinds() == []


def test_a_line_over_two_invoices_is_released_for_one(office: Office) -> None:
    by(office, "erp")
    for invoice_id in ("INV-1", "INV-2"):
        office.open(invoice_id)
    told = cash("700.00", ("INV-1", "400.00"), ("INV-2", "300.00"), payment_id=LINE)
    assert office.tell_account("C-1", "cash_received", **told).errors == ()
    office.now += timedelta(days=9)
    for invoice_id in ("INV-1", "INV-2"):
        office.review(invoice_id)
    assert [task.invoice_id for task in office.tasks("unconfirmed_cash")] == ["INV-1", "INV-2"]
    office.tell("INV-1", "hold_released", hold_id="cash-bank-1")
    states = {task.invoice_id: task.state for task in office.tasks("unconfirmed_cash")}
    assert states == {"INV-1": TaskState.DONE, "INV-2": TaskState.OPEN}


def test_a_booking_takes_only_what_it_confirms_off_the_worklist(office: Office) -> None:
    """Whatever is decided at that moment: the promise is to be confirmed first."""
    by(office, "erp")
    office.open("INV-1")
    line(office, "500.00")
    line(office, "300.00", id_="bank-2")
    office.now += timedelta(days=9)
    office.review("INV-1")
    assert office.kinds() == ["unconfirmed_cash", "unconfirmed_cash"]
    pay_by = str(office.today + timedelta(days=5))
    office.tell("INV-1", "promise_made", promise_id="PR-1", pay_by=pay_by, source="phone")
    assert office.review("INV-1").decision.rule == "confirmation"
    erp(office, "500.00")
    states = {task.ref: task.state for task in office.tasks("unconfirmed_cash")}
    assert states == {LINE: TaskState.DONE, "bank-2": TaskState.OPEN}


def test_the_same_id_with_another_amount_is_listed(office: Office) -> None:
    by(office, "bank")
    office.open("INV-1")
    erp(office, "500.00")
    erp(office, "600.00")
    assert office.kinds() == ["conflicting_fact"]


@pytest.mark.parametrize(
    ("source", "on_account"), [("erp", {}), ("bank", {"USD": 25_000}), (None, {"USD": 25_000})]
)
def test_what_is_for_no_invoice_is_put_on_the_account_by_the_named_source(
    office: Office, source: str | None, on_account: dict[str, int]
) -> None:
    by(office, source)
    office.open("INV-1")
    line(office, "1500.00", "1250.00")
    assert office.on_account() == on_account
    assert office.kinds() == ["unapplied_cash"]
    told = cash("250.00", payment_id="R-9")
    office.tell_account("C-1", "cash_received", **told)
    more = 0 if source == "bank" else 25_000
    assert office.on_account().get("USD", 0) == on_account.get("USD", 0) + more


def test_money_that_is_under_way_is_named_in_the_letter(office: Office, post: Post) -> None:
    by(office, "erp")
    office.open("INV-1")
    line(office, "500.00")
    office.live("INV-1")
    assert "$500.00 of it on its way to us, not asked for here" in said(post)
