"""What concerns a customer rather than an invoice, with or without invoices, also where bills go elsewhere."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from activities import account_ledger
from activities.casework import CaseWork
from activities.interface import RecordAccountFacts
from tests.activities.conftest import BOB, Office, Post, plain, signal


def cash(amount: str, *parts: tuple[str, str], payment_id: str = "R-1", **more: Any) -> dict[str, Any]:
    """A remittance with its allocations."""
    allocations = [{"invoice_id": invoice_id, "amount": part} for invoice_id, part in parts]
    remittance = {"payment_id": payment_id, "amount": amount, "currency": "USD", "received_on": "2026-12-07"}
    return remittance | {"allocations": allocations} | more


# -- cash ----------------------------------------------------------------------------------------------------


def test_one_remittance_pays_three_invoices_and_the_rest_is_unapplied(office: Office) -> None:
    for number in (1, 2, 3):
        office.open(f"INV-{number}", invoice={"amount": "100.00"})
    told = cash("310.00", ("INV-1", "100.00"), ("INV-2", "100.00"), ("INV-3", "100.00"))
    for _ in range(2):
        recorded = office.tell_account("C-1", "cash_received", **told)
    assert recorded.errors == ()
    for number in (1, 2, 3):
        assert office.row(f"INV-{number}").outcome == "paid"
        assert office.entries(f"INV-{number}")[1:] == [("payment_received", -10_000)]
    assert office.on_account() == {"USD": 1_000}
    assert office.kinds() == ["unapplied_cash"]


def test_cash_that_was_paid_is_not_asked_for_in_the_same_breath(office: Office, post: Post) -> None:
    office.open("INV-1")
    office.open("INV-2")
    message_id = office.write("INV-1")
    recorded = office.tell_account("C-1", "cash_received", **cash("1250.00", ("INV-2", "1250.00")))
    assert recorded.nudge == ("INV-1", "INV-2")
    office.send(message_id)
    office.live("INV-1")
    assert post.items == ["INV-1=due/0"]


def test_cash_for_an_invoice_of_somebody_else_is_listed_and_stays_on_account(office: Office) -> None:
    office.open("INV-1")
    office.open("INV-9", customer={"customer_id": "C-9"})
    told = cash("90.00", ("INV-9", "50.00"), ("INV-404", "40.00"))
    office.tell_account("C-1", "cash_received", **told)
    assert office.entries("INV-9") == [("invoice", 125_000)]
    assert [task.kind for task in office.tasks()] == ["unmatched_cash", "unmatched_cash", "unapplied_cash"]
    assert office.on_account() == {"USD": 9_000}


def test_cash_of_another_currency_is_listed_and_covers_nothing(office: Office) -> None:
    office.open("INV-1")
    office.tell_account("C-1", "cash_received", **cash("9000.00", ("INV-1", "9000.00"), currency="EUR"))
    assert office.row("INV-1").balance_minor == 125_000
    assert office.on_account() == {"EUR": 900_000}
    assert office.draft("INV-1").message_id is not None


def test_a_remittance_that_books_more_than_came_pauses_everything(office: Office) -> None:
    office.open("INV-1")
    office.open("INV-2")
    office.tell_account("C-1", "cash_received", **cash("600.00", ("INV-1", "700.00"), ("INV-2", "-100.00")))
    assert office.entries("INV-1") == [("invoice", 125_000)]
    assert office.kinds() == ["unreadable_signal"]
    assert [office.row(f"INV-{n}").waiting_on for n in (1, 2)] == ["hold", "hold"]


@pytest.mark.parametrize("amount", ["0.00", "-10.00"])
def test_no_cash_is_listed_without_a_pause(office: Office, amount: str) -> None:
    office.open("INV-1")
    office.tell_account("C-1", "cash_received", **cash(amount))
    assert office.kinds() == ["unfit_fact"]
    assert office.row("INV-1").waiting_on != "hold"


def test_unapplied_cash_that_covers_an_invoice_keeps_it_back_until_it_is_applied(
    office: Office, post: Post
) -> None:
    office.open("INV-1")
    office.tell_account("C-1", "cash_received", **cash("1300.00"))
    assert office.row("INV-1").waiting_on == "person"
    assert office.draft("INV-1").message_id is None
    office.pay("INV-1", "1250.00", "R-1")
    assert office.row("INV-1").outcome == "paid"
    assert office.on_account() == {"USD": 5_000}
    assert office.kinds() == ["unapplied_cash"]
    office.open("INV-2", invoice={"amount": "80.00"})
    office.contact("INV-2")
    assert post.items == ["INV-2=due/0"], "what was applied covers nothing any more"


def test_a_credit_on_account_is_used_up_by_its_credit_note(office: Office) -> None:
    office.open("INV-1")
    office.tell_account("C-1", "credit_on_account", credit_id="CN-1", amount="2000.00", currency="USD")
    assert office.row("INV-1").waiting_on == "person"
    office.tell("INV-1", "credit_issued", credit_id="CN-1", amount="500.00", currency="USD")
    assert office.on_account() == {"USD": 150_000}
    office.tell("INV-1", "credit_issued", credit_id="CN-2", amount="100.00", currency="USD")
    assert office.on_account() == {"USD": 150_000}, "another credit is other money"


# -- promises, holds, risks, books ------------------------------------------------------------------------------


def test_a_promise_over_the_account_is_one_on_every_open_invoice(office: Office) -> None:
    office.open("INV-1")
    office.open("INV-2")
    office.tell_account("C-1", "promise_made", promise_id="X", pay_by="2026-12-15", source="phone")
    assert [office.row(f"INV-{n}").waiting_on for n in (1, 2)] == ["time", "time"], "first it is confirmed"
    for number in (1, 2):
        assert len(office.case(f"INV-{number}").promises) == 1


def test_a_promise_of_a_part_is_for_the_oldest_invoices(office: Office, post: Post) -> None:
    """Promised to each in full it would be broken by a customer who keeps it."""
    office.open("INV-1", invoice={"due_on": "2026-12-07"})
    office.open("INV-2", invoice={"due_on": "2026-12-06"})
    office.open("INV-3", invoice={"due_on": "2026-12-05"})
    office.tell_account(
        "C-1", "promise_made", promise_id="X", amount="2000.00", pay_by="2026-12-15", source="erp"
    )
    promised = {n: [p.fact.amount for p in office.case(f"INV-{n}").promises.values()] for n in (1, 2, 3)}
    assert promised == {3: ["1250.00"], 2: ["750.00"], 1: []}


def test_a_promise_of_a_part_over_two_currencies_pauses_for_a_person(office: Office) -> None:
    office.open("INV-1")
    office.open("INV-2", invoice={"currency": "EUR"})
    office.tell_account(
        "C-1", "promise_made", promise_id="X", amount="500.00", pay_by="2026-12-15", source="erp"
    )
    assert office.kinds() == ["unreadable_signal"]
    assert [office.row(f"INV-{n}").waiting_on for n in (1, 2)] == ["hold", "hold"]


def test_a_promise_that_names_what_is_not_open_is_listed(office: Office) -> None:
    office.open("INV-1")
    office.tell_account(
        "C-1", "promise_made", promise_id="X", pay_by="2026-12-15", source="erp", invoices=["INV-1", "INV-7"]
    )
    assert len(office.case("INV-1").promises) == 1
    assert office.kinds() == ["unfit_fact"]


def test_what_is_told_before_any_invoice_counts_for_all_that_follow(office: Office) -> None:
    office.tell_account("C-1", "hold_placed", hold_id="H", reason="insolvency", until="2026-12-08")
    office.tell_account("C-1", "risk_noted", note_id="N", text="layoffs")
    office.open("INV-1")
    office.open("INV-2")
    office.later(days=60)
    for invoice_id in ("INV-1", "INV-2"):
        assert office.draft(invoice_id).message_id is None
        assert office.row(invoice_id).waiting_on == "hold"
    recorded = office.tell_account("C-1", "hold_released", hold_id="H")
    assert recorded.nudge == ("INV-1", "INV-2")
    assert office.row("INV-1").waiting_on == "time"
    assert office.case("INV-1").noted_risk


def test_a_customer_of_very_many_invoices_is_recorded_in_time(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_ledger, "MOST_SETTLED", 2)
    for number in (1, 2, 3):
        office.open(f"INV-{number}")
    recorded = office.tell_account("C-1", "hold_placed", hold_id="H", reason="legal")
    assert recorded.nudge == ("INV-1", "INV-2", "INV-3")
    assert [office.row(f"INV-{n}").waiting_on for n in (1, 2, 3)] == ["hold", "hold", "time"]
    assert office.draft("INV-3").message_id is None, "whatever its row says"
    assert office.row("INV-3").waiting_on == "hold"


def test_an_account_of_which_nothing_is_known_keeps_its_facts(office: Office) -> None:
    recorded = office.tell_account("C-7", "cash_received", **cash("5.00"))
    assert (recorded.errors, recorded.nudge) == ((), ())
    assert office.on_account("C-7") == {"USD": 500}
    assert ("cash_received", "C-7") in office.audited("C-7")


def test_an_unreadable_fact_of_the_account_pauses_every_invoice(office: Office) -> None:
    office.open("INV-1")
    office.tell_account("C-1", "cash_received", payment_id="R", amount=5)
    (item,) = office.tasks()
    (hold,) = office.case("INV-1").open_holds(office.today)
    assert (hold.hold_id, hold.reason) == (f"item-{item.item_id}", "unreadable")
    office.tell_account("C-1", "hold_released", hold_id=f"item-{item.item_id}")
    assert office.kinds() == []
    assert office.row("INV-1").waiting_on != "hold"


def test_money_that_was_meant_for_an_invoice_pauses_the_account(office: Office) -> None:
    office.open("INV-1")
    office.tell_account("C-1", "payment_received", payment_id="P", amount="5.00", currency="USD")
    assert office.kinds() == ["unreadable_signal"]
    assert office.row("INV-1").waiting_on == "hold"


def test_the_next_steps_wait_until_the_books_are_posted(office: Office, post: Post) -> None:
    office.open(
        invoice={"due_on": "2026-11-20", "issued_on": "2026-10-20"},
        history=[{"step": "overdue_2", "sent_on": "2026-12-04"}],
    )
    office.tell_account("C-1", "books_posted", source="erp", through="2026-12-01")
    office.later(days=1)
    assert office.draft().decided is not None
    assert office.tasks("call") == []
    office.tell_account("C-1", "books_posted", source="erp", through="2026-12-07")
    office.contact()
    assert len(office.tasks("call")) == 1


def test_a_fact_that_can_never_be_recorded_does_not_keep_the_others_back(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = CaseWork.file_on_account

    def fail(work: CaseWork, kind: str, event_id: str, told: Any) -> bool:
        if event_id == "N-1":
            raise TypeError("Ann Payne")
        return file(work, kind, event_id, told)

    office.open("INV-1")
    monkeypatch.setattr(CaseWork, "file_on_account", fail)
    batch = RecordAccountFacts(
        customer_id="C-1",
        at=office.now,
        inputs=(plain(b'{"customer": "C-1"}'),),
        signals=(
            signal("risk_noted", b'{"note_id": "N-1", "text": "x"}'),
            signal("hold_placed", b'{"hold_id": "H", "reason": "legal"}'),
        ),
    )
    recorded = office.run(office.accounts.record_account_facts, batch)
    assert recorded.nudge == ("INV-1",)
    assert office.kinds() == ["unreadable_signal"]
    assert office.row("INV-1").waiting_on == "hold"


# -- particulars ----------------------------------------------------------------------------------------------


def test_particulars_that_are_left_out_stay_as_they_were(office: Office, post: Post) -> None:
    office.open("INV-1")
    office.tell_account(
        "C-1", "customer_updated", update_id="U-1", customer={"customer_id": "C-1", "contacts": [BOB]}
    )
    profile = office.customer().profile
    assert (profile["name"], profile["timezone"]) == ("Acme Ltd", "America/New_York")
    office.tell_account("C-1", "customer_updated", update_id="U-2", customer="C-1")
    office.contact("INV-1")
    assert post.taken[0][2] == ("bob@acme.example",)


def test_a_new_address_answers_that_none_was_known(office: Office) -> None:
    office.open("INV-1", customer={"contacts": []})
    assert office.kinds() == ["contact_missing"]
    nobody = {**BOB, "email": None}
    office.tell_account(
        "C-1", "customer_updated", update_id="U-1", customer={"customer_id": "C-1", "contacts": [nobody]}
    )
    assert office.kinds() == ["contact_missing"]
    office.tell_account(
        "C-1", "customer_updated", update_id="U-2", customer={"customer_id": "C-1", "contacts": [BOB]}
    )
    assert office.kinds() == []
    assert office.draft("INV-1").message_id is not None


def test_an_update_about_somebody_else_is_listed(office: Office) -> None:
    office.open("INV-1")
    office.tell_account(
        "C-1", "customer_updated", update_id="U", customer={"customer_id": "C-2", "name": "X"}
    )
    assert office.kinds() == ["unfit_fact"]
    assert office.customer().profile["name"] == "Acme Ltd"


def test_bills_that_go_elsewhere_from_now_on_are_pointed_out(office: Office) -> None:
    office.open("INV-1")
    office.tell_account(
        "C-1", "customer_updated", update_id="U", customer={"customer_id": "C-1", "bill_to": "HQ"}
    )
    assert office.kinds() == ["bill_to_changed"]
    office.open("INV-2", customer={"bill_to": "HQ"})
    assert (office.row("INV-1").customer_id, office.row("INV-2").customer_id) == ("C-1", "HQ")


# -- bills that go elsewhere -----------------------------------------------------------------------------------


@pytest.fixture
def billed(office: Office) -> Office:
    """INV-1 belongs to HQ, INV-2 and INV-3 to C-2, whose bills HQ gets."""
    office.open("INV-1", customer={"customer_id": "HQ", "name": "Acme Group"})
    for number in (2, 3):
        office.open(f"INV-{number}", customer={"customer_id": "C-2", "bill_to": "HQ"})
    return office


def test_an_insolvency_of_the_owner_stops_its_invoices_alone(billed: Office, post: Post) -> None:
    message_id = billed.write("INV-1")
    recorded = billed.tell_account("C-2", "hold_placed", hold_id="H", reason="insolvency")
    assert recorded.nudge == ("INV-2", "INV-3")
    assert [billed.row(f"INV-{n}").waiting_on for n in (1, 2, 3)] == ["time", "hold", "hold"]
    billed.send(message_id, "INV-1")
    billed.live("INV-1")
    assert post.items == ["INV-1=due/0"]
    billed.open("INV-4", customer={"customer_id": "C-2", "bill_to": "HQ"})
    assert billed.row("INV-4").waiting_on == "hold", "also what is opened afterwards"
    billed.tell_account("HQ", "hold_released", hold_id="H")
    assert billed.row("INV-2").waiting_on == "hold", "that hold is another one"
    billed.tell_account("C-2", "hold_released", hold_id="H")
    assert billed.row("INV-2").waiting_on != "hold"


def test_cash_of_the_owner_pays_its_invoices(billed: Office) -> None:
    told = cash("1300.00", ("INV-2", "1250.00"))
    recorded = billed.tell_account("C-2", "cash_received", **told)
    assert recorded.nudge == ("INV-2", "INV-3")
    assert billed.row("INV-2").outcome == "paid"
    assert billed.on_account("C-2") == {"USD": 5_000}
    assert [task.kind for task in billed.tasks()] == ["unapplied_cash"]
    billed.pay("INV-3", "50.00", "R-1")
    assert billed.on_account("C-2") == {"USD": 0}


def test_cash_of_whoever_gets_the_bills_pays_them_too(billed: Office) -> None:
    billed.tell_account("HQ", "cash_received", **cash("2500.00", ("INV-1", "1250.00"), ("INV-2", "1250.00")))
    assert [billed.row(f"INV-{n}").outcome for n in (1, 2, 3)] == ["paid", "paid", None]


def test_unapplied_cash_of_the_owner_covers_its_invoices(billed: Office) -> None:
    billed.tell_account("C-2", "cash_received", **cash("5000.00"))
    assert [billed.row(f"INV-{n}").waiting_on for n in (1, 2, 3)] == ["time", "person", "person"]


def test_a_promise_of_the_owner_is_for_its_invoices(billed: Office) -> None:
    billed.tell_account("C-2", "promise_made", promise_id="X", pay_by="2026-12-15", source="erp")
    assert [len(billed.case(f"INV-{n}").promises) for n in (1, 2, 3)] == [0, 1, 1]


def test_owner_and_payer_at_once_do_not_stop_each_other(billed: Office) -> None:
    def tell(number: int) -> None:
        customer = "HQ" if number % 2 else "C-2"
        billed.tell_account(customer, "risk_noted", note_id=f"N-{number}", text="x")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(tell, range(16)))
    assert len([event for event in billed.events(None) if event.kind == "risk_noted"]) == 16
    assert billed.audit_problems() == []


def test_what_travels_back_into_the_history_holds_nobodys_words(billed: Office) -> None:
    told = billed.tell_account("C-2", "hold_placed", hold_id="H", reason="other", note="secret-note")
    assert json.loads(told.model_dump_json()) == {"nudge": ["INV-2", "INV-3"]}
