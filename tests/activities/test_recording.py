"""Facts by signals: recorded once, in any order, with the ledger, the worklist and the audit log beside them."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from activities import ledger as ledger_activities
from activities.casework import CaseWork
from activities.interface import RecordFacts
from domain.figures.day_figures import figures
from store.receivables import sums
from tests.activities.conftest import Office, Post, payment, signal

TODAY = date(2026, 12, 7)
_numbers = itertools.count(1)


def assert_ledger_agrees(office: Office, invoice_id: str = "INV-1") -> None:
    case = office.case(invoice_id)
    assert sum(minor for _, minor in office.entries(invoice_id)) == case.net
    assert office.on_account().get(case.currency, 0) == case.overpaid
    assert office.row(invoice_id).balance_minor == case.balance


def report(office: Office, day: date) -> dict[str, Any]:
    with office.sessions() as session:
        return figures(sums(session, day)["USD"], day, "USD")


# -- once -----------------------------------------------------------------------------------------------


def test_a_payment_is_one_event_one_entry_and_one_audit_row(office: Office) -> None:
    office.open()
    for _ in range(3):
        office.pay("INV-1", "100.00")
    assert office.entries() == [("invoice", 125_000), ("payment_received", -10_000)]
    assert [event.event_id for event in office.events("INV-1", "payment_received")] == ["P-1"]
    assert office.audited().count(("payment_received", "INV-1")) == 1
    assert office.row().balance_minor == 115_000
    assert office.tasks() == []


def test_a_repeat_is_known_by_what_it_says_not_by_how(office: Office) -> None:
    office.open()
    office.pay("INV-1", "100.00")
    office.pay("INV-1", "100.00", method=None, deductions=[], colour="red")
    assert office.tasks() == []


def test_the_same_id_with_other_content_is_listed_and_the_first_stands(office: Office) -> None:
    office.open()
    office.pay("INV-1", "100.00")
    for _ in range(2):
        office.pay("INV-1", "999.00")
    assert office.row().balance_minor == 115_000
    (item,) = office.tasks()
    assert item.kind == "conflicting_fact"
    assert item.raw is not None
    assert json.loads(item.raw)["amount"] == "999.00"


def test_one_id_on_three_invoices_is_three_entries(office: Office) -> None:
    for number in (1, 2, 3):
        office.open(f"INV-{number}")
        office.pay(f"INV-{number}", "1250.00", "P-7")
    assert [office.row(f"INV-{number}").outcome for number in (1, 2, 3)] == ["paid"] * 3


def test_every_fact_is_in_the_audit_log_with_its_text_apart(office: Office) -> None:
    office.open()
    told: list[tuple[str, dict[str, Any]]] = [
        ("payment_received", payment("10.00", "P", TODAY)),
        ("payment_reversed", {"reversal_id": "R", "payment_id": "P", "amount": "10.00"}),
        ("credit_issued", {"credit_id": "C", "amount": "10.00", "currency": "USD"}),
        ("charge_added", {"charge_id": "F", "amount": "5.00", "currency": "USD", "kind": "fee"}),
        ("charge_waived", {"charge_id": "F", "amount": "5.00", "currency": "USD", "kind": "fee"}),
        ("invoice_amended", {"amendment_id": "A", "amount": "1240.00"}),
        ("invoice_status", {"status_id": "S", "status": "approved", "note": "Ann Payne said so"}),
        ("promise_made", {"promise_id": "X", "pay_by": "2026-12-10", "source": "erp"}),
        ("dispute_raised", {"dispute_id": "D", "reason": "quality", "note": "Ann Payne is angry"}),
        ("dispute_resolved", {"dispute_id": "D", "outcome": "rejected"}),
        ("hold_placed", {"hold_id": "H", "reason": "legal"}),
        ("hold_released", {"hold_id": "H"}),
        ("risk_noted", {"note_id": "N", "text": "Ann Payne left"}),
        ("invoice_cancelled", {"cancellation_id": "V"}),
    ]
    office.record("INV-1", *told)
    kinds = Counter(kind for kind, _ in office.audited())
    assert all(kinds[name] == 1 for name, _ in told)
    assert not any("Ann" in json.dumps(row.body) for row in office.audit())
    with office.sessions() as session:
        texts = list(session.scalars(text("select body from audit_texts")))
    assert sum("Ann Payne" in body for body in texts) == 3
    assert office.audit_problems() == []


def test_what_travels_back_into_the_history_holds_nobodys_words(office: Office) -> None:
    office.open(customer={"name": "Tell Nobody Ltd"})
    recorded = office.record(
        "INV-1",
        ("risk_noted", {"note_id": "N", "text": "secret-text", "source": "secret-source"}),
        ("dispute_raised", {"dispute_id": "D", "reason": "other", "note": "secret-note", "raised_by": "secret-who"}),
        ("hold_placed", {"hold_id": "H", "reason": "other", "note": "secret-hold"}),
        ("payment_received", {**payment("1.00", "P", TODAY), "reference": "secret-reference"}),
        ("promise_made", {"promise_id": "X", "pay_by": "2026-12-10", "source": "erp", "made_by": "secret-maker"}),
    )  # fmt: skip
    told = recorded.model_dump_json()
    assert "secret" not in told
    assert "Tell Nobody" not in told
    assert "ann@acme.example" not in told


# -- money ----------------------------------------------------------------------------------------------


def test_an_overpayment_is_unapplied_cash_and_keeps_other_invoices_back(office: Office, post: Post) -> None:
    office.open("INV-1")
    office.open("INV-2", invoice={"amount": "200.00"})
    recorded = office.pay("INV-1", "1500.00")
    assert recorded.decided is not None
    assert recorded.decided.nudge == ("INV-2",)
    assert office.on_account() == {"USD": 25_000}
    assert office.review("INV-2").decision.kind == "wait"
    assert office.row("INV-2").waiting_on == "person"
    assert office.draft("INV-2").message_id is None
    assert office.kinds() == ["apply_cash", "overpaid"]


def test_an_invoice_was_paid_when_the_money_came_not_when_it_was_told(office: Office) -> None:
    office.open()
    office.later(days=10)
    office.tell("INV-1", "payment_received", **payment("1250.00", "P-1", date(2026, 12, 9)))
    assert office.row().settled_on == date(2026, 12, 9)


def test_what_was_paid_in_parts_and_credited_was_settled_by_the_last_of_both(office: Office) -> None:
    office.open()
    office.pay("INV-1", "10.00")
    office.later(days=100)
    office.tell("INV-1", "credit_issued", credit_id="C-1", amount="1240.00", currency="USD")
    assert office.row().settled_on == office.today
    office.later(days=5)
    office.tell("INV-1", "credit_issued", credit_id="C-2", amount="1.00", currency="USD")
    assert office.row().settled_on == office.today - timedelta(days=5)


def test_a_dispute_that_ended_with_the_rest_as_a_credit_settled_it(office: Office) -> None:
    office.open()
    office.pay("INV-1", "1000.00")
    office.tell("INV-1", "dispute_raised", dispute_id="D", reason="quality", amount="250.00")
    office.later(days=40)
    credit = {"credit_id": "C", "amount": "250.00"}
    office.tell("INV-1", "dispute_resolved", dispute_id="D", outcome="upheld", credit=credit)
    assert office.row().settled_on == office.today


def test_what_was_written_off_was_not_settled_until_the_money_comes_after_all(office: Office) -> None:
    office.open()
    office.pay("INV-1", "10.00")
    office.later(days=100)
    office.ask("INV-1", "write_off", amount="1240.00", reason="insolvent")
    row = office.row()
    assert (row.balance_minor, row.outcome, row.settled_on) == (0, "written_off", None)
    told, before = (report(office, office.today - timedelta(days=days)) for days in (0, 1))
    assert (told["settled_count"], told["open_count"]) == (0, 0)
    assert (before["settled_count"], Decimal(before["open_amount"])) == (0, 1240)
    office.later(days=5)
    office.pay("INV-1", "1240.00", "P-2")
    assert office.row().settled_on == office.today


def test_a_reversal_before_its_payment_takes_back_at_most_the_payment(office: Office) -> None:
    office.open()
    office.tell("INV-1", "payment_reversed", reversal_id="R-1", payment_id="P-1", amount="900.00")
    assert office.entries() == [("invoice", 125_000)]
    office.pay("INV-1", "400.00")
    assert office.entries()[1:] == [("payment_received", -40_000), ("payment_reversed", 40_000)]
    assert_ledger_agrees(office)


def test_a_reversal_may_have_the_id_of_its_payment(office: Office) -> None:
    office.open()
    for reversal_id in ("P-1", "P-1.reversed"):
        office.tell("INV-1", "payment_reversed", reversal_id=reversal_id, payment_id="P-1", amount="100.00")
    office.pay("INV-1", "400.00")
    assert office.row().balance_minor == 105_000
    assert_ledger_agrees(office)


def test_money_after_a_write_off_is_a_recovery(office: Office) -> None:
    """The letter of an invoice whose entries do not come to its balance could never be written."""
    office.open()
    office.ask("INV-1", "write_off", amount="1000.00", reason="settled for less")
    office.pay("INV-1", "600.00")
    office.tell("INV-1", "credit_issued", credit_id="C-1", amount="100.00", currency="USD")
    case = office.case()
    assert (case.balance, case.recovered) == (0, 45_000)
    assert office.entries() == [
        ("invoice", 125_000),
        ("written_off", -100_000),
        ("payment_received", -60_000),
        ("written_off", 35_000),
        ("credit_issued", -10_000),
        ("written_off", 10_000),
    ]
    office.tell("INV-1", "payment_reversed", reversal_id="R-1", payment_id="P-1", amount="600.00")
    assert_ledger_agrees(office)
    office.later(days=8)
    office.live()
    assert office.messages()[0].state == "SENT"


def test_a_dispute_credit_and_its_credit_note_count_once(office: Office) -> None:
    office.open()
    office.tell("INV-1", "dispute_raised", dispute_id="D", reason="quality", amount="100.00")
    office.tell(
        "INV-1",
        "dispute_resolved",
        dispute_id="D",
        outcome="upheld",
        credit={"credit_id": "C", "amount": "90.00"},
    )
    office.tell("INV-1", "credit_issued", credit_id="C", amount="100.00", currency="USD")
    assert office.entries()[1:] == [("dispute_resolved", -9_000), ("credit_issued", -1_000)]
    assert_ledger_agrees(office)


def test_a_cancelled_invoice_gives_back_what_was_paid(office: Office) -> None:
    office.open()
    office.pay("INV-1", "250.00")
    office.tell("INV-1", "invoice_cancelled", cancellation_id="V")
    assert office.on_account() == {"USD": 25_000}
    assert office.row().outcome == "cancelled"
    assert_ledger_agrees(office)


AMOUNTS = st.sampled_from(["0.50", "100.00", "624.99", "1250.00", "2000.00"])
IDS = st.sampled_from(["1", "2", "3"])


def fact(name: str, id_field: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    ids = IDS.map(lambda number: f"{id_field[0].upper()}-{number}")
    return st.tuples(st.just(name), st.fixed_dictionaries({id_field: ids, **fields}))


USD = st.just("USD")
FACTS = st.one_of(
    fact("payment_received", "payment_id", amount=AMOUNTS, currency=USD, received_on=st.just("2026-12-07")),
    fact("payment_reversed", "reversal_id", payment_id=IDS.map("P-{}".format), amount=AMOUNTS),
    fact("credit_issued", "credit_id", amount=AMOUNTS, currency=USD),
    fact("charge_added", "charge_id", amount=AMOUNTS, currency=USD, kind=st.just("fee")),
    fact("charge_waived", "charge_id", amount=AMOUNTS, currency=USD, kind=st.just("fee")),
    fact("invoice_amended", "amendment_id", amount=AMOUNTS),
    fact("dispute_raised", "dispute_id", reason=st.just("other"), amount=AMOUNTS),
    fact(
        "dispute_resolved",
        "dispute_id",
        outcome=st.just("partly"),
        credit=st.fixed_dictionaries({"credit_id": IDS.map("C-{}".format), "amount": AMOUNTS}),
    ),
    fact("invoice_cancelled", "cancellation_id"),
    st.tuples(st.just("write_off"), st.fixed_dictionaries({"amount": AMOUNTS})),
)


@settings(
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(st.lists(FACTS, min_size=4, max_size=12), st.integers(1, 4))
def test_the_ledger_comes_to_the_balance_whatever_the_order(
    office: Office, told: list[tuple[str, dict[str, Any]]], together: int
) -> None:
    number = next(_numbers)  # all examples share the office
    invoice_id, customer_id = f"INV-{number}", f"C-{number}"
    office.open(invoice_id, customer={"customer_id": customer_id})
    signals = [each for each in told if each[0] != "write_off"]
    for place in range(0, len(signals), together):
        office.record(invoice_id, *signals[place : place + together])
        for _, request in [each for each in told if each[0] == "write_off"][:1]:
            office.ask(invoice_id, "write_off", reason="enough", **request)
    case = office.case(invoice_id)
    assert sum(minor for _, minor in office.entries(invoice_id)) == case.net
    assert office.on_account(customer_id).get("USD", 0) == case.overpaid
    assert office.row(invoice_id).balance_minor == case.balance


# -- what cannot be taken -------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", ["0", "-5.00"])
def test_no_money_and_less_than_none_is_listed_without_a_pause(office: Office, amount: str) -> None:
    office.open()
    office.pay("INV-1", amount)
    assert office.kinds() == ["unfit_fact"]
    assert office.case().holds == {}


def test_an_unreadable_payment_pauses_until_its_hold_is_released(office: Office, post: Post) -> None:
    office.open()
    office.tell_raw("INV-1", "payment_received", b'{"payment_id": "P-1", "amount": 12}')
    (item,) = office.tasks("unreadable_signal")
    assert item.raw == b'{"payment_id": "P-1", "amount": 12}'
    assert office.row().waiting_on == "hold"
    assert office.draft().message_id is None
    office.tell("INV-1", "hold_released", hold_id=f"item-{item.item_id}")
    assert office.kinds() == []
    office.live()
    assert post.items[-1] == "INV-1=due/0"


def test_money_that_was_meant_for_the_account_pauses_too(office: Office) -> None:
    office.open()
    office.tell(
        "INV-1", "cash_received", payment_id="P", amount="9.00", currency="USD", received_on="2026-12-07"
    )
    assert office.kinds() == ["unreadable_signal"]
    assert office.row().waiting_on == "hold"
    office.tell("INV-1", "colour_changed", colour="red")
    assert office.kinds() == ["unknown_signal", "unreadable_signal"]


def test_a_hold_of_another_invoices_item_does_not_answer_it(office: Office) -> None:
    office.open("INV-1")
    office.open("INV-2")
    office.tell_raw("INV-1", "payment_received", b"{}")
    (item,) = office.tasks()
    office.tell("INV-2", "hold_released", hold_id=f"item-{item.item_id}")
    assert office.kinds() == ["unreadable_signal"]
    assert office.row("INV-1").waiting_on == "hold"


def test_a_fact_that_can_never_be_recorded_does_not_keep_the_others_back(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever we have not thought of: retried for ever it would keep the payment behind it unknown."""
    file = CaseWork.file

    def fail(work: CaseWork, invoice_id: str, told: Any, event_id: str) -> bool:
        filed = file(work, invoice_id, told, event_id)
        if event_id == "P-2":
            raise KeyError("Ann Payne")
        return filed

    office.open()
    monkeypatch.setattr(CaseWork, "file", fail)
    good, bad = payment("100.00", "P-1", TODAY), payment("200.00", "P-2", TODAY)
    recorded = office.record(
        "INV-1",
        ("payment_received", good),
        ("payment_received", bad),
        ("risk_noted", {"note_id": "N", "text": "x"}),
    )
    assert recorded.decided is not None
    assert office.entries() == [("invoice", 125_000), ("payment_received", -10_000)]
    assert [event.kind for event in office.events("INV-1")] == [
        "payment_received",
        "unreadable_fact",
        "risk_noted",
    ]
    (item,) = office.tasks()
    assert item.kind == "unreadable_signal"
    assert item.raw is not None
    assert json.loads(item.raw) == bad
    assert office.row().waiting_on == "hold"
    assert office.audit_problems() == []


def test_what_may_pass_is_tried_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: Any) -> bool:
        raise ConnectionError("the database is away")

    office.open()
    monkeypatch.setattr(ledger_activities, "record_signal", down)
    with pytest.raises(ConnectionError):
        office.pay("INV-1", "100.00")
    assert office.tasks() == []


def test_signals_are_recorded_in_the_order_they_came(office: Office) -> None:
    office.open()
    batch = RecordFacts(
        invoice_id="INV-1",
        at=office.now,
        signals=(
            signal("hold_placed", b'{"hold_id": "H", "reason": "manual"}'),
            signal("hold_released", b'{"hold_id": "H"}'),
            signal("risk_noted", b'{"note_id": "N", "text": "x"}'),
        ),
    )
    office.run(office.ledger.record_facts, batch)
    assert [event.kind for event in office.events("INV-1")] == ["hold_placed", "hold_released", "risk_noted"]


# -- beside ---------------------------------------------------------------------------------------------


def test_disputes_and_rejections_are_listed_and_a_resolution_answers(office: Office) -> None:
    office.open()
    office.tell("INV-1", "dispute_raised", dispute_id="D", reason="quality")
    office.tell("INV-1", "invoice_status", status_id="S", status="rejected")
    assert office.kinds() == ["dispute", "invoice_rejected"]
    office.tell("INV-1", "dispute_resolved", dispute_id="D", outcome="withdrawn")
    assert office.kinds() == ["invoice_rejected"]


def test_payment_answers_what_staff_were_asked_to_do(office: Office) -> None:
    """Nobody is to call a customer who has paid, also while the case is open for a reversal."""
    office.policy("sandbox", settlement_days=5)
    office.open(invoice={"due_on": "2026-11-20", "issued_on": "2026-10-20"},
                history=[{"step": "overdue_2", "sent_on": "2026-12-04"}])  # fmt: skip
    office.later(days=1)
    office.live()
    assert office.kinds() == ["call"]
    office.pay("INV-1", "1250.00")
    assert office.row().waiting_on == "settlement"
    assert office.kinds() == []
    office.tell("INV-1", "payment_reversed", reversal_id="R", payment_id="P-1", amount="1250.00")
    for days in (1, 14, 3):
        office.later(days=days)
        office.live()
    assert office.kinds() == ["call"], "what was called off is listed again when it is due again"


def test_a_policy_that_cannot_be_read_any_more_pauses_its_case_alone(office: Office, post: Post) -> None:
    office.open("INV-1")
    office.open("INV-2")
    with office.sessions.begin() as session:
        session.execute(text("update cases set policy = '{\"name\": \"old\"}' where invoice_id = 'INV-1'"))
    assert office.pay("INV-1", "50.00").decided is not None
    (item,) = office.tasks("policy_unreadable")
    assert office.row("INV-1").waiting_on == "hold"
    office.contact("INV-2")
    assert post.items == ["INV-2=due/0"]
    office.tell("INV-1", "hold_released", hold_id=f"item-{item.item_id}")
    office.live("INV-1")
    assert post.items[-1] == "INV-1=due/0"
    assert office.kinds() == []


def test_other_cases_that_got_a_fact_are_written_in_the_same_transaction(office: Office) -> None:
    office.open("INV-1")
    office.open("INV-2")
    office.contact("INV-1")
    assert (office.row("INV-2").stage, office.row("INV-2").next_step) == ("due", "overdue")


def test_a_discount_for_early_payment_is_booked_and_taken_back_with_its_payment(office: Office) -> None:
    office.open(invoice={"early_payment": [{"percent": "2", "until": "2026-12-07"}]})
    office.pay("INV-1", "1225.00")
    assert office.row().balance_minor == 0
    assert office.entries() == [
        ("invoice", 125_000),
        ("payment_received", -122_500),
        ("early_payment", -2_500),
    ]
    office.tell("INV-1", "payment_reversed", reversal_id="R-1", payment_id="P-1", amount="1225.00")
    assert office.row().balance_minor == 125_000
    assert sum(minor for _, minor in office.entries()) == 125_000


def test_what_was_kept_back_of_a_payment_is_for_a_person_but_for_what_the_seller_bears(
    office: Office,
) -> None:
    office.open()
    kept = [
        {"amount": "26.00", "reason": "kept by banks", "kind": "bank_charges"},
        {"amount": "20.00", "reason": "discount of 20.00 USD: the terms allow none"},
    ]
    office.pay("INV-1", "1204.00", deductions=kept)
    assert office.entries() == [
        ("invoice", 125_000),
        ("payment_received", -120_400),
        ("bank_charges", -2_600),
    ]
    assert office.row().balance_minor == 2_000
    [item] = office.tasks("dispute", open_only=True)
    assert item.why == "kept back of payment P-1: 20.00 USD, discount of 20.00 USD: the terms allow none"
    office.tell("INV-1", "dispute_resolved", dispute_id="P-1.deduction-2", outcome="rejected")
    assert office.tasks("dispute", open_only=True) == []
