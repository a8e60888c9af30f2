"""Opening cases: what a start leaves behind, what it takes over, and what becomes of a second one."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier
from typing import Any

import pytest

from activities.interface import Opened
from store import portfolio
from tests.activities.conftest import BOB, Office, Post, payment, start


def decision_of(opened: Opened) -> Any:
    assert opened.decided is not None
    return opened.decided.decision


# -- the first start ----------------------------------------------------------------------------------


def test_a_start_leaves_a_case_a_customer_a_ledger_and_an_audit_row(office: Office) -> None:
    opened = office.open(invoice={"due_on": "2027-01-15"})
    assert decision_of(opened).next_step.step == "pre_due"
    row = office.row()
    assert (row.customer_id, row.owner_id, row.seller, row.policy_name) == (
        "C-1",
        "C-1",
        "default",
        "sandbox",
    )
    assert (row.amount_minor, row.balance_minor, row.stage, row.waiting_on) == (
        125_000,
        125_000,
        "scheduled",
        "time",
    )
    assert row.opened_at == office.now
    assert office.entries() == [("invoice", 125_000)]
    assert office.customer().profile["name"] == "Acme Ltd"
    assert office.audited() == [("case_opened", "INV-1"), ("decision", "INV-1")]
    assert office.tasks() == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"invoice": {"seller": "nobody"}}, "invoice.seller"),
        ({"invoice": {"invoice_id": "INV-2"}}, "invoice.invoice_id"),
        ({"invoice": {"amount": 1250}}, "invoice.amount"),
        ({"invoice": {"due_on": "soon"}}, "invoice.due_on"),
        ({"customer": {"customer_id": None}}, "customer.customer_id"),
    ],
)
def test_a_start_that_does_not_fit_is_listed_with_its_raw_text(
    office: Office, changed: dict[str, Any], field: str
) -> None:
    sent = json.dumps(start(**changed)).encode()
    opened = office.open_raw("INV-1", sent)
    assert opened.decided is None
    assert any(error.startswith(field) for error in opened.errors)
    (item,) = office.tasks("invalid_start")
    assert (item.invoice_id, item.raw) == ("INV-1", sent)
    office.open_raw("INV-1", sent)
    assert len(office.tasks()) == 1
    assert decision_of(office.open()) is not None, "a corrected start may reuse the id"


def test_a_failed_start_tells_no_values(office: Office) -> None:
    opened = office.open(customer={"name": "Ann\nPayne", "contacts": [{"email": "secret"}]})
    assert opened.errors
    assert not any("Ann" in error or "secret" in error for error in opened.errors)


def test_what_a_person_should_know_of_a_start_does_not_stop_it(office: Office) -> None:
    office.open(
        invoice={"lines": [{"description": "Support", "amount": "1000.00"}]},
        customer={"contacts": []},
        policy="gentle",
    )
    assert office.kinds() == ["contact_missing", "lines_differ", "unknown_policy"]
    assert office.row().policy_name == "standard"
    assert office.row().waiting_on is not None


def test_the_tier_is_the_erps_word(office: Office) -> None:
    office.open(customer={"tier": "strategic"}, policy=None)
    assert office.row().policy_name == "strategic"
    assert office.customer().tier == "strategic"


# -- what happened before ------------------------------------------------------------------------------


def test_payments_and_steps_from_before_are_taken_over(office: Office, post: Post) -> None:
    office.open(
        invoice={"due_on": "2026-11-30", "issued_on": "2026-10-30"},
        payments=[payment("250.00", "P-0", date(2026, 11, 20))],
        history=[{"step": "due", "sent_on": "2026-11-30"}],
    )
    assert office.entries() == [("invoice", 125_000), ("payment_received", -25_000)]
    assert office.row().stage == "due"
    office.live()
    assert post.items == ["INV-1=overdue/0"]
    assert "1,000.00" in post.mails[0].as_string()


def test_a_step_dated_in_the_future_is_not_believed(office: Office, post: Post) -> None:
    """It would keep every message to the customer back until then."""
    office.open(history=[{"step": "pre_due", "sent_on": "2099-12-31"}], policy="standard")
    assert office.kinds() == ["unfit_fact"]
    assert office.customer().last_unsolicited_on is None
    office.later(hours=2)
    office.live()
    assert post.items == ["INV-1=due/0"]


def test_a_call_made_before_is_no_message(office: Office) -> None:
    office.open(history=[{"step": "due", "sent_on": "2026-12-01"}, {"step": "call", "sent_on": "2026-12-06"}])
    assert office.customer().last_unsolicited_on == date(2026, 12, 1)


def test_a_payment_from_before_that_does_not_fit_is_listed(office: Office) -> None:
    office.open(payments=[payment("5.00", "P-0", date(2026, 12, 1), currency="EUR")])
    assert office.kinds() == ["unfit_fact"]
    assert office.row().balance_minor == 125_000


# -- again --------------------------------------------------------------------------------------------


def test_the_same_start_again_changes_nothing(office: Office) -> None:
    office.open()
    told = start()
    told["invoice"] |= {"description": None, "collection": "transfer", "colour": "red"}
    told["customer"] |= {"kind": "business", "colour": "blue"}
    office.open_raw("INV-1", json.dumps(told).encode())
    assert office.tasks() == [], "defaults spelled out and unknown fields make no difference"
    assert office.entries() == [("invoice", 125_000)]


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"invoice": {"amount": "999.00"}}, "start_differs"),
        ({"customer": {"customer_id": "C-2"}}, "start_differs"),
        ({"customer": {"name": "Acme Inc"}}, "customer_differs"),
        ({"payments": [payment("5.00", "P-9", date(2026, 12, 1))]}, "start_differs"),
    ],
)
def test_a_start_that_says_something_else_is_listed_and_changes_nothing(
    office: Office, changed: dict[str, Any], kind: str
) -> None:
    office.open()
    for _ in range(2):
        office.open(**changed)
    assert office.kinds() == [kind]
    assert (office.row().amount_minor, office.row().owner_id) == (125_000, "C-1")
    assert office.customer().profile["name"] == "Acme Ltd"


def test_a_start_for_a_closed_case_sends_nothing(office: Office, post: Post) -> None:
    office.open()
    office.pay("INV-1", "1250.00")
    assert office.row().outcome == "paid"
    decision = decision_of(office.open())
    assert (decision.kind, decision.outcome) == ("close", "paid")
    assert office.draft().message_id is None
    assert post.taken == []


def test_a_closed_case_that_is_owed_again_climbs_anew_and_closes_again(office: Office, post: Post) -> None:
    office.open()
    office.live()
    office.pay("INV-1", "1250.00")
    office.later(days=20)
    assert decision_of(office.open()).kind == "close"
    office.tell("INV-1", "payment_reversed", reversal_id="R-1", payment_id="P-1", amount="1250.00")
    row = office.row()
    assert (row.outcome, row.closed_at, row.balance_minor, row.settled_on) == (None, None, 125_000, None)
    office.later(days=1)
    office.contact()
    assert post.items == ["INV-1=due/0", "INV-1=overdue/1"]
    office.pay("INV-1", "1250.00", "P-2")
    assert office.row().outcome == "paid"
    assert office.row().closed_at == office.now
    assert office.entries() == [
        ("invoice", 125_000),
        ("payment_received", -125_000),
        ("payment_reversed", 125_000),
        ("payment_received", -125_000),
    ]


def test_eight_starts_at_once_open_one_case(office: Office) -> None:
    together = Barrier(8)

    def open_it(_: int) -> Opened:
        together.wait()
        return office.open()

    with ThreadPoolExecutor(8) as threads:
        opened = list(threads.map(open_it, range(8)))
    assert all(each.decided is not None for each in opened)
    assert office.entries() == [("invoice", 125_000)]
    assert office.audit_problems() == []


# -- customers -----------------------------------------------------------------------------------------


def test_just_an_id_keeps_what_is_known(office: Office) -> None:
    office.open("INV-1")
    told = start("INV-2")
    told["customer"] = "C-1"
    office.open_raw("INV-2", json.dumps(told).encode())
    assert office.tasks() == []
    assert office.customer().profile["name"] == "Acme Ltd"


def test_a_customer_who_may_be_another_is_held_from_the_first_decision(office: Office) -> None:
    office.open("INV-1")
    told = start("INV-2")
    told["customer"] = {"customer_id": "C-2", "name": "Acme Ltd", "contacts": [BOB]}
    told["customer_doubt"] = "Is Acme Ltd a customer we know? These have the same name: C-1"
    for _ in range(2):
        opened = office.open_raw("INV-2", json.dumps(told).encode())
        assert decision_of(opened).waiting_on == "hold"
    [asked] = office.tasks()
    assert (asked.kind, asked.customer_id, asked.why) == ("customer_unclear", "C-2", told["customer_doubt"])
    assert office.row("INV-1").waiting_on != "hold"
    office.tell_account("C-2", "hold_released", hold_id=f"item-{asked.item_id}")
    assert [task.state for task in office.tasks()] == ["done"]
    assert office.row("INV-2").waiting_on != "hold"
    office.open_raw("INV-2", json.dumps(told).encode())
    assert [task.state for task in office.tasks()] == ["done"]
    assert office.row("INV-2").waiting_on != "hold"


def test_a_doubt_holds_only_the_invoice_of_whom_somebody_else_gets_the_bills(office: Office) -> None:
    office.open("INV-1", customer={"customer_id": "HQ"})
    told = start("INV-2", customer={"customer_id": "C-2", "bill_to": "HQ"})
    office.open_raw("INV-2", json.dumps({**told, "customer_doubt": "who?"}).encode())
    assert [office.row(id_).waiting_on == "hold" for id_ in ("INV-1", "INV-2")] == [False, True]


def test_bills_go_where_they_are_known_to_go(office: Office) -> None:
    office.open("INV-1")
    office.tell_account(
        "C-1", "customer_updated", update_id="U", customer={"customer_id": "C-1", "bill_to": "HQ"}
    )
    office.open_raw("INV-2", json.dumps({**start("INV-2"), "customer": "C-1"}).encode())
    assert (office.row("INV-2").customer_id, office.row("INV-2").owner_id) == ("HQ", "C-1")


def test_bills_go_to_another_customer(office: Office, post: Post) -> None:
    office.open("INV-1", customer={"customer_id": "HQ", "name": "Acme Group", "contacts": [BOB]})
    office.open("INV-2", customer={"customer_id": "C-2", "bill_to": "HQ"})
    assert (office.row("INV-2").customer_id, office.row("INV-2").owner_id) == ("HQ", "C-2")
    office.contact("INV-2")
    assert post.items == ["INV-1=due/0, INV-2=due/0"]
    assert post.taken[0][2] == ("bob@acme.example",)
    assert office.customer("C-2").profile["name"] == "Acme Ltd"


def test_who_gets_the_bills_is_written_to_under_their_own_particulars_once_these_are_told(
    office: Office, post: Post
) -> None:
    """However the starts are ordered: the contacts of one customer never stay with another."""
    office.open("INV-2", customer={"customer_id": "C-2", "bill_to": "HQ"})
    assert not portfolio.is_known(office.customer("HQ"))
    office.open("INV-1", customer={"customer_id": "HQ", "name": "Acme Group", "contacts": [BOB]})
    assert portfolio.is_known(office.customer("HQ"))
    assert office.tasks() == []
    office.contact("INV-2")
    assert post.taken[0][2] == ("bob@acme.example",)


def test_until_then_the_contacts_that_are_known_serve(office: Office, post: Post) -> None:
    office.open("INV-2", customer={"customer_id": "C-2", "bill_to": "HQ"})
    office.contact("INV-2")
    assert post.taken[0][2] == ("ann@acme.example",)


def test_two_who_get_each_others_bills_do_not_stop_each_other(office: Office) -> None:
    def open_some(number: int) -> None:
        one, other = ("C-1", "C-2") if number % 2 else ("C-2", "C-1")
        office.open(f"INV-{number}", customer={"customer_id": one, "bill_to": other})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(open_some, range(12)))
    assert {office.row(f"INV-{number}").customer_id for number in range(12)} == {"C-1", "C-2"}


def test_customers_of_two_sellers_and_currencies_stay_apart(office: Office, post: Post) -> None:
    office.open("INV-1")
    office.open("INV-2", invoice={"currency": "JPY", "amount": "5000"})
    office.contact("INV-1")
    text = post.mails[0].as_string()
    assert "1,250.00" in text
    assert "5,000" in text
    assert "6,250" not in text
