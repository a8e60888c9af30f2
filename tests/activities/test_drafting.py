"""Deciding again under the lock, reserving one message for all that is due, writing it without the lock."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from threading import Barrier
from typing import Any

import pytest
from jinja2 import UndefinedError
from sqlalchemy import text

from activities import documents
from activities.interface import Drafted
from activities.paper import bound_statement
from activities.paper.rendering import RenderingFailed
from activities.rulebook import Misconfigured
from domain.seller import Mailbox
from store import outbox
from store.schema import MessageState
from tests.activities.conftest import ACME, ANN, BOB, Office, Post, start

RESERVED, PENDING, SENT = MessageState.RESERVED, MessageState.PENDING, MessageState.SENT
CANCELLED = MessageState.CANCELLED


def late(days: int, **more: Any) -> dict[str, Any]:
    """An invoice so many days overdue, with its last steps taken elsewhere."""
    due = date(2026, 12, 7).toordinal() - days
    dates = {"due_on": str(date.fromordinal(due)), "issued_on": str(date.fromordinal(due - 30))}
    return {"invoice": dates} | more


def steps(office: Office, invoice_id: str = "INV-1") -> list[str]:
    return [taken.fact.step for taken in office.case(invoice_id).steps]


# -- one message ---------------------------------------------------------------------------------------------


def test_a_draft_is_reserved_with_its_facts_and_written(office: Office) -> None:
    office.open()
    drafted = office.draft()
    assert drafted.message_id is not None
    assert drafted.send
    message = office.message(drafted.message_id)
    assert (message.state, message.step, message.seller, message.unsolicited) == (
        RESERVED,
        "due",
        "default",
        True,
    )
    assert message.to == [
        {"contact_id": "ann", "role": "ap", "name": "Ann Payne", "email": "ann@acme.example"}
    ]
    assert message.facts["items"][0]["asked"] == {"minor": 125_000, "currency": "USD"}
    with office.sessions() as session:
        (words,) = outbox.documents_of(session, message.message_id)
    assert "1,250.00" in json.loads(words.body)["text"]
    assert office.render(drafted.message_id).decided is None
    message = office.message(drafted.message_id)
    assert message.state == PENDING
    assert message.payload is not None
    assert message.subject in message.payload.decode()
    assert len(office.renderer.pages) == 1


@pytest.mark.parametrize(
    ("contact", "customer", "language", "subject"),
    [
        (None, "de-AT", "de", "Heute fällig: Rechnung INV-1 (Teil 1 von 2), $ 1.250,00"),
        ("fr-FR", "de-AT", "fr", "À régler aujourd'hui : facture INV-1 (échéance 1 sur 2), 1 250,00 $US"),
        (None, "it-IT", "en", "Due today: invoice INV-1 (part 1 of 2), 1.250,00 US$"),
    ],
)
def test_a_customer_is_written_to_in_their_own_language(
    office: Office, contact: str | None, customer: str, language: str, subject: str
) -> None:
    """The contact's language before the customer's, and only one that the seller offers; the mail says it."""
    contacts = [ANN | {"locale": contact}]
    office.open(invoice={"part": {"index": 1, "of": 2}}, customer={"locale": customer, "contacts": contacts})
    message_id = office.draft().message_id
    assert message_id is not None
    office.render(message_id)
    message = office.message(message_id)
    assert message.facts["language"] == language
    assert message.subject == subject
    assert f'lang="{language}"' in office.renderer.pages[0]


def test_all_that_is_due_goes_into_one_message_and_the_rest_is_listed(office: Office, post: Post) -> None:
    office.open("INV-1")
    office.open("INV-2", **late(7, history=[{"step": "due", "sent_on": "2026-11-30"}]))
    office.open("INV-3", invoice={"due_on": "2027-02-01"})
    office.open("INV-4", customer={"customer_id": "C-2"})
    office.contact("INV-1")
    assert post.items == ["INV-2=overdue/0, INV-1=due/0"], "the oldest due date first"
    (message,) = office.messages()
    assert message.step == "overdue"
    asked = {item["invoice_id"]: item["asked"] for item in message.facts["items"]}
    assert asked["INV-3"] is None
    assert "INV-4" not in asked
    assert (steps(office, "INV-1"), steps(office, "INV-2")) == (["due"], ["due", "overdue"])


def test_two_drafts_at_once_give_one_message(office: Office, post: Post) -> None:
    for number in range(4):
        office.open(f"INV-{number}")
    together = Barrier(4)

    def draft(number: int) -> Drafted:
        together.wait()
        return office.draft(f"INV-{number}")

    with ThreadPoolExecutor(4) as threads:
        drafts = list(threads.map(draft, range(4)))
    assert {drafted.message_id for drafted in drafts} == {office.messages()[0].message_id}
    assert len(office.messages()) == 1
    assert len(office.items(office.messages()[0].message_id)) == 4


def test_whole_contacts_at_once_send_one_message(office: Office, post: Post) -> None:
    for number in range(4):
        office.open(f"INV-{number}")
    together = Barrier(4)

    def contact(number: int) -> None:
        together.wait()
        office.contact(f"INV-{number}")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(contact, range(4)))
    assert len(post.taken) == 1
    assert [steps(office, f"INV-{number}") for number in range(4)] == [["due"]] * 4


@pytest.mark.parametrize("written", [False, True])
def test_a_message_that_another_workflow_left_behind_is_finished(
    office: Office, post: Post, written: bool
) -> None:
    """Its own workflow was terminated after reserving it, or after writing it."""
    office.open("INV-1")
    office.open("INV-2")
    left = office.draft("INV-1").message_id
    assert left is not None
    if written:
        office.render(left, "INV-1")
    assert office.contact("INV-2") == left
    assert post.items == ["INV-1=due/0, INV-2=due/0"]
    assert steps(office, "INV-1") == ["due"]


def test_a_draft_left_behind_that_is_not_true_any_more_is_replaced(office: Office, post: Post) -> None:
    office.open("INV-1")
    office.open("INV-2")
    left = office.write("INV-1")
    office.pay("INV-1", "1250.00")
    office.live("INV-2")
    assert office.message(left).state == CANCELLED
    assert post.items == ["INV-2=due/0"]


def test_every_seller_speaks_with_its_own_voice(office: Office, post: Post) -> None:
    other = office.rulebook.sellers["default"].model_copy(update={"seller_id": "other"})
    office.use(replace(office.rulebook, sellers={**office.rulebook.sellers, "other": other}))
    office.open("INV-1")
    office.open("INV-2", invoice={"seller": "other"})
    left = office.write("INV-1")
    assert office.contact("INV-2") != left
    assert post.items == ["INV-2=due/0"]


def test_nothing_is_drafted_for_a_case_that_waits(office: Office) -> None:
    office.open(invoice={"due_on": "2027-06-01"})
    drafted = office.draft()
    assert drafted.message_id is None
    assert drafted.decided is not None
    assert drafted.decided.decision.kind == "wait"
    assert office.messages() == []


def test_the_statement_lists_every_payment_of_every_invoice(office: Office) -> None:
    office.open("INV-1")
    office.open("INV-2", invoice={"amount": "99.00"})
    office.pay("INV-1", "250.00", reference="wire 77-A")
    office.write("INV-1")
    (page,) = office.renderer.pages
    for said in ("INV-1", "INV-2", "wire 77-A", "250.00", "1,000.00", "99.00"):
        assert said in page


# -- tasks ---------------------------------------------------------------------------------------------------


def test_a_call_is_one_task_for_all_invoices_at_that_step_and_no_mail(office: Office, post: Post) -> None:
    for number in (1, 2):
        office.open(f"INV-{number}", **late(18, history=[{"step": "overdue_2", "sent_on": "2026-12-01"}]))
    office.later(days=1)
    for number in (1, 2):
        drafted = office.draft(f"INV-{number}")
        assert drafted.message_id is None
    (task,) = office.tasks("call")
    assert (task.invoices, task.invoice_id, task.customer_id) == (["INV-1", "INV-2"], None, "C-1")
    assert post.taken == []
    assert [steps(office, f"INV-{number}")[-1] for number in (1, 2)] == ["call", "call"]


def test_an_alert_is_a_task_and_a_mail_to_the_account_manager(office: Office, post: Post) -> None:
    office.open(**late(22, history=[{"step": "call", "sent_on": "2026-12-01"}]))
    office.later(days=1)
    office.contact()
    assert [task.kind for task in office.tasks()] == ["am_alert"]
    ((_, mail, recipients),) = post.taken
    assert recipients == ("sam@seller.example",)
    assert b"X-Duecourse-Items" not in mail
    (sheet,) = office.renderer.pages
    assert "Call sheet: Acme Ltd" in sheet, "no statement goes to colleagues"
    assert office.customer().last_unsolicited_on is None, "the customer was not written to"


def test_an_alert_without_an_account_manager_is_a_task_alone(office: Office, post: Post) -> None:
    told = start(**late(22, history=[{"step": "call", "sent_on": "2026-12-01"}]))
    told["customer"] = {name: value for name, value in ACME.items() if name != "account_manager"}
    office.open_raw("INV-1", json.dumps(told).encode())
    office.later(days=1)
    assert office.contact() is None
    assert office.kinds() == ["am_alert"]
    assert steps(office)[-1] == "am_alert"


# -- what nobody can write --------------------------------------------------------------------------------------


def test_facts_that_do_not_add_up_park_the_case(office: Office, post: Post) -> None:
    """A letter computes no claim of its own: where the ledger and the balance differ, none is written."""
    office.open("INV-1")
    office.open("INV-2", customer={"customer_id": "C-2"})
    with office.sessions.begin() as session:
        session.execute(
            text(
                "insert into ledger_entries (invoice_id, customer_id, kind, event_id, amount_minor, currency, entry_on)"
                " values ('INV-1', 'C-1', 'charge_added', 'stray', 700, 'USD', '2026-12-07')"
            )
        )
    drafted = office.draft("INV-1")
    assert drafted.message_id is None
    assert drafted.decided is not None
    assert drafted.decided.decision.waiting_on == "hold"  # type: ignore[union-attr]
    (item,) = office.tasks()
    assert item.kind == "unwritable"
    assert "1257.00" in item.why
    assert office.draft("INV-1").message_id is None
    assert len(office.tasks()) == 1
    office.contact("INV-2")
    assert post.items == ["INV-2=due/0"]


def broken_phrases(*_: Any) -> Any:
    raise UndefinedError("'it' is undefined")


def test_words_that_cannot_be_written_park_the_case_until_a_person_releases_it(
    office: Office, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.open("INV-1")
    office.open("INV-2")
    with monkeypatch.context() as broken:
        broken.setattr(documents, "write_notice", broken_phrases)
        for invoice_id in ("INV-1", "INV-2"):
            assert office.draft(invoice_id).message_id is None
    assert [message.state for message in office.messages()] == [CANCELLED]
    items = office.tasks("unwritable")
    assert [item.invoice_id for item in items] == ["INV-1", "INV-2"]
    for item in items:
        office.tell(str(item.invoice_id), "hold_released", hold_id=f"item-{item.item_id}")
    assert office.kinds() == []
    office.live("INV-1")
    assert post.items == ["INV-1=due/0, INV-2=due/0"]


def test_a_header_that_could_break_out_parks_the_case(office: Office, post: Post) -> None:
    seller = office.rulebook.sellers["default"]
    evil = Mailbox(name="=?utf-8?q?hi=0ABcc:_x@evil.example?=", email=seller.sender.email)
    changed = {"default": seller.model_copy(update={"sender": evil})}
    office.use(replace(office.rulebook, sellers=changed))
    office.open()
    office.contact()
    assert post.taken == []
    assert office.kinds() == ["unwritable"]
    assert office.row().waiting_on == "hold"
    assert "sender" in office.tasks()[0].why


def test_an_alert_that_cannot_be_written_stands_as_a_task(
    office: Office, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.open(**late(22, history=[{"step": "call", "sent_on": "2026-12-01"}]))
    office.later(days=1)
    monkeypatch.setattr(documents, "write_notice", broken_phrases)
    office.contact()
    assert office.kinds() == ["am_alert", "unwritable"]
    assert steps(office)[-1] == "am_alert"


def test_a_message_goes_without_a_statement_that_cannot_be_made(
    office: Office, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> bytes:
        raise RenderingFailed("the page is too large")

    monkeypatch.setattr(office.renderer, "render", fail)
    office.open()
    office.contact()
    assert post.items == ["INV-1=due/0"]
    (item,) = office.tasks("paper_missing")
    assert "too large" in item.why


def test_a_message_goes_without_a_statement_that_cannot_be_laid_out(
    office: Office, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bound_statement, "statement_html", broken_phrases)
    office.open()
    office.contact()
    assert post.items == ["INV-1=due/0"]
    assert office.kinds() == ["paper_missing"]


def test_a_message_of_another_version_is_written_again(office: Office, post: Post) -> None:
    office.open()
    reserved = office.draft().message_id
    with office.sessions.begin() as session:
        session.execute(text('update messages set facts = facts || \'{"mood": "good"}\''))
    office.contact()
    assert reserved is not None
    assert office.message(reserved).state == CANCELLED
    written = office.messages()[-1].message_id
    assert post.items == ["INV-1=due/0"]
    assert written != reserved


def test_a_seller_whose_file_is_gone_is_named(office: Office) -> None:
    office.open()
    office.use(replace(office.rulebook, sellers={}))
    with pytest.raises(Misconfigured, match="seller_id 'default'"):
        office.draft()
    assert office.messages() == []
    assert office.pay("INV-1", "1.00").decided is not None, "facts are recorded all the same"


# -- promises and calls confirmed --------------------------------------------------------------------------------


def test_a_promise_is_confirmed_once_in_the_words_of_its_date(office: Office, post: Post) -> None:
    office.open()
    office.contact()
    office.ask("INV-1", "promise_to_pay", pay_by="2026-12-10", amount="200.00")
    office.live()
    assert post.items == ["INV-1=due/0", "INV-1=promise_confirmed/0"]
    assert "200.00" in post.mails[1].as_string()
    assert office.customer().last_unsolicited_on == date(2026, 12, 7)
    assert set(office.case().confirmed) == {("promise_confirmed", next(iter(office.case().promises)), 0)}


def test_a_call_is_confirmed_to_the_person_who_can_be_reached(office: Office, post: Post) -> None:
    office.open(customer={"contacts": [BOB]})
    office.contact()
    office.ask("INV-1", "log_call", outcome="reached", note="They wait for the purchase order.")
    office.live()
    assert post.taken[1][2] == ("bob@acme.example",)
    assert post.items[1] == "INV-1=call_confirmed/0"
    assert "purchase order" not in post.mails[1].as_string(), "what staff wrote down is theirs"
