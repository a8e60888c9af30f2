"""A remittance over more invoices than one transaction may book: unapplied cash at once, then portion by portion."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from activities import account_ledger
from activities.account_ledger import AccountWork
from activities.casework import CaseWork
from activities.interface import (
    LONGEST_REMITTANCE,
    AccountRecorded,
    RawInput,
    RecordAccountFacts,
    SignalInput,
)
from domain.contract import MOST_ALLOCATIONS
from store.schema import AccountEntryRow, LedgerEntryRow
from tests.activities.conftest import Office, Post, plain, signal
from tests.activities.test_account import cash
from tests.activities.test_cash_source import by

#: INV-1 to INV-5 of C-1, each of 100.00.
FIVE = tuple((f"INV-{number}", "100.00") for number in range(1, 6))


@pytest.fixture
def five(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Five invoices, of which a transaction books two."""
    monkeypatch.setattr(account_ledger, "MOST_ALLOCATED", 2)
    for invoice_id, amount in FIVE:
        office.open(invoice_id, invoice={"amount": amount})
    return office


def record(
    office: Office, *signals: SignalInput, customer: str = "C-1", portions: bool = True
) -> AccountRecorded:
    """One record of the account, as its workflow asks for it."""
    batch = RecordAccountFacts(
        customer_id=customer,
        at=office.now,
        inputs=(plain(json.dumps({"customer": customer}).encode()),),
        signals=signals,
        by_portions=portions,
    )
    return office.run(office.accounts.record_account_facts, batch)


def told(remittance: dict[str, Any]) -> SignalInput:
    data = json.dumps(remittance).encode()
    raw = RawInput.of(b"json/plain", data, LONGEST_REMITTANCE)
    return SignalInput(name="cash_received", inputs=(raw,))


def moved(office: Office, recorded: AccountRecorded, customer: str = "C-1") -> list[AccountRecorded]:
    """Record until there is no more to do."""
    portions = []
    while recorded.more:
        recorded = record(office, customer=customer)
        portions.append(recorded)
        assert len(portions) < 20
    return portions


def remit(office: Office, remittance: dict[str, Any], customer: str = "C-1") -> list[AccountRecorded]:
    return moved(office, record(office, told(remittance), customer=customer), customer)


def money(office: Office) -> int:
    """All that was entered as received, on invoices and on account."""
    with office.sessions() as session:
        paid = session.scalar(
            sa.select(sa.func.sum(LedgerEntryRow.amount_minor)).where(LedgerEntryRow.kind != "invoice")
        )
        held = session.scalar(sa.select(sa.func.sum(AccountEntryRow.amount_minor)))
    return int(held or 0) - int(paid or 0)


def ledger(office: Office, invoices: int = 5) -> list[Any]:
    """What a remittance comes to: the entries of each invoice, the rest, and what a person has to look at."""
    entries = [office.entries(f"INV-{number}") for number in range(1, invoices + 1)]
    rows = [office.row(f"INV-{number}") for number in range(1, invoices + 1)]
    left = {currency: minor for currency, minor in office.on_account().items() if minor}
    return [entries, [(row.balance_minor, row.outcome, row.waiting_on) for row in rows], left, office.kinds()]


# -- booked at once, moved in portions -------------------------------------------------------------------------


def test_the_money_is_on_account_at_once_and_moved_in_portions(five: Office) -> None:
    first = record(five, told(cash("510.00", *FIVE)))
    assert (first.more, first.nudge) == (True, ())
    assert five.on_account() == {"USD": 51_000}
    assert [five.draft(invoice_id).message_id for invoice_id, _ in FIVE] == [None] * 5
    assert five.kinds() == [], "nobody is asked to apply what is being applied"
    portions = []
    recorded = first
    while recorded.more:
        recorded = record(five)
        portions.append(recorded.nudge)
        assert money(five) == 51_000
    assert portions == [("INV-1", "INV-2"), ("INV-3", "INV-4"), ("INV-5",)]
    assert [five.row(invoice_id).outcome for invoice_id, _ in FIVE] == ["paid"] * 5
    assert five.on_account() == {"USD": 1_000}
    assert five.kinds() == ["unapplied_cash"]
    assert five.audit_problems() == []


def test_what_fits_into_a_transaction_is_booked_in_it(five: Office) -> None:
    recorded = record(five, told(cash("200.00", *FIVE[:2])))
    assert not recorded.more
    assert five.row("INV-2").outcome == "paid"
    assert five.on_account() == {}


def test_remittances_that_arrive_together_share_the_transaction(five: Office) -> None:
    """Fifty of them may come in one batch."""
    whole = told(cash("200.00", *FIVE[:2], payment_id="R-1"))
    recorded = record(five, whole, told(cash("200.00", *FIVE[2:4], payment_id="R-2")))
    assert recorded.more
    assert [five.row(invoice_id).outcome for invoice_id, _ in FIVE[:4]] == ["paid", "paid", None, None]
    moved(five, recorded)
    assert [five.row(invoice_id).outcome for invoice_id, _ in FIVE[:4]] == ["paid"] * 4
    assert money(five) == 40_000


def test_money_that_covers_no_invoice_by_itself_stops_messages_too_while_it_is_moved(five: Office) -> None:
    five.open("INV-9", invoice={"amount": "9000.00"})
    message_id = five.write("INV-9")
    parts = [(invoice_id, "10.00") for invoice_id, _ in FIVE] + [("INV-9", "10.00")]
    record(five, told(cash("60.00", *parts)))
    decision = five.send(message_id, "INV-9").decision
    assert (decision.kind, decision.rule) == ("wait", "allocating")
    assert not five.messages("sent")  # type: ignore[arg-type]
    moved(five, record(five))
    assert five.review("INV-9").decision.rule != "allocating"


def test_who_looks_meanwhile_looks_again_soon_by_itself(five: Office) -> None:
    """Nobody wakes the invoices that a remittance is not for."""
    five.open("INV-9", invoice={"amount": "9000.00"})
    recorded = record(five, told(cash("500.00", *FIVE)))
    decision = five.review("INV-9").decision
    assert (decision.until - five.now).total_seconds() <= 900  # type: ignore[union-attr]
    nudged = {each for portion in moved(five, recorded) for each in portion.nudge}
    assert "INV-9" not in nudged


@pytest.mark.parametrize(
    "remittance",
    [
        cash("500.00", *FIVE),
        cash("500.00", *FIVE[:3], ("INV-404", "100.00"), ("INV-8", "50.00")),
        cash("500.00", *FIVE, currency="EUR"),
        cash("900.00", ("INV-1", "300.00"), *FIVE[1:4], ("INV-5", "20.00")),
        cash("500.00", ("INV-1", "0.00"), *FIVE[1:]),
        cash("700.00", *FIVE, received_on="2026-11-01", reference="thanks"),
    ],
    ids=["all", "strangers", "currency", "over and short", "nothing", "rest"],
)
def test_portions_come_to_what_one_transaction_comes_to(
    five: Office, emptied: sa.Engine, remittance: dict[str, Any]
) -> None:
    for invoice_id, of in (("INV-6", "C-1"), ("INV-7", "C-1"), ("INV-8", "C-8")):
        five.open(invoice_id, customer={"customer_id": of}, invoice={"amount": "150.00"})
    with pytest.MonkeyPatch.context() as at_once:
        at_once.setattr(account_ledger, "MOST_ALLOCATED", 50)
        first = json.loads(json.dumps(remittance).replace("INV-", "ALL-").replace("R-1", "R-0"))
        for number, of in enumerate(["C-2"] * 7 + ["C-8"], start=1):
            owed = "100.00" if number < 6 else "150.00"
            five.open(f"ALL-{number}", customer={"customer_id": of}, invoice={"amount": owed})
        assert not record(five, told(first), customer="C-2").more
    before = five.kinds()
    remit(five, remittance)
    for number in range(1, 8):
        one, other = five.row(f"ALL-{number}"), five.row(f"INV-{number}")
        assert five.entries(f"INV-{number}") == five.entries(f"ALL-{number}")
        assert (one.balance_minor, one.outcome) == (other.balance_minor, other.outcome)
    left = {currency: minor for currency, minor in five.on_account("C-1").items() if minor}
    assert left == {currency: minor for currency, minor in five.on_account("C-2").items() if minor}
    assert sorted(five.kinds()) == sorted([*before, *before])


def test_a_deduction_in_a_later_portion_is_disputed(five: Office) -> None:
    remittance = cash("480.00", *FIVE[:4], ("INV-5", "80.00"))
    remittance["allocations"][4]["deductions"] = [{"amount": "20.00", "reason": "freight"}]
    remit(five, remittance)
    assert five.row("INV-5").waiting_on == "dispute"
    assert five.row("INV-5").balance_minor == 2_000


# -- as often as it is tried -----------------------------------------------------------------------------------


def test_a_portion_that_fails_before_its_commit_is_done_again(
    five: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = record(five, told(cash("500.00", *FIVE)))
    settle = AccountWork.settle

    def die(works: AccountWork) -> AccountRecorded:
        settle(works)
        raise ConnectionError("the worker died")

    with monkeypatch.context() as dying:
        dying.setattr(AccountWork, "settle", die)
        with pytest.raises(ConnectionError):
            record(five)
    assert five.entries("INV-1") == [("invoice", 10_000)]
    moved(five, recorded)
    assert money(five) == 50_000
    assert [five.row(invoice_id).outcome for invoice_id, _ in FIVE] == ["paid"] * 5


def test_a_portion_whose_answer_was_lost_is_not_booked_twice(five: Office) -> None:
    recorded = record(five, told(cash("500.00", *FIVE)))
    for _ in range(8):
        recorded = record(five)
    assert not recorded.more
    assert money(five) == 50_000
    assert [five.entries(invoice_id)[1:] for invoice_id, _ in FIVE] == [[("payment_received", -10_000)]] * 5


def test_a_remittance_told_again_goes_on_where_it_was_left(five: Office) -> None:
    """A workflow that was terminated is not missed: any signal to the account begins another."""
    remittance = told(cash("500.00", *FIVE))
    record(five, remittance)
    record(five)
    recorded = record(five, remittance)
    moved(five, recorded)
    assert money(five) == 50_000
    assert not record(five, remittance).more
    assert [five.row(invoice_id).outcome for invoice_id, _ in FIVE] == ["paid"] * 5
    assert five.kinds() == []


def test_what_else_arrives_goes_with_the_next_portion(five: Office) -> None:
    five.open("INV-9", invoice={"amount": "9000.00"})
    recorded = record(five, told(cash("500.00", *FIVE)))
    recorded = record(five, signal("hold_placed", b'{"hold_id": "H", "reason": "legal"}'))
    assert recorded.more
    assert "INV-9" in recorded.nudge
    assert five.row("INV-9").waiting_on == "hold"
    moved(five, recorded)
    assert money(five) == 50_000


def test_two_remittances_are_moved_one_after_the_other(five: Office) -> None:
    parts = [(invoice_id, "50.00") for invoice_id, _ in FIVE]
    recorded = record(five, *(told(cash("250.00", *parts, payment_id=f"R-{n}")) for n in (1, 2)))
    moved(five, recorded)
    assert money(five) == 50_000
    assert five.on_account() == {"USD": 0}
    assert [five.row(invoice_id).outcome for invoice_id, _ in FIVE] == ["paid"] * 5


def test_one_that_can_never_be_recorded_does_not_keep_the_others_back(
    five: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = CaseWork.file

    def fail(work: CaseWork, invoice_id: str, fact: Any, event_id: str) -> bool:
        if invoice_id == "INV-3":
            raise TypeError("Ann Payne")
        return file(work, invoice_id, fact, event_id)

    monkeypatch.setattr(CaseWork, "file", fail)
    remit(five, cash("500.00", *FIVE))
    outcomes = [five.row(invoice_id).outcome for invoice_id, _ in FIVE]
    assert outcomes == ["paid", "paid", None, "paid", "paid"]
    assert five.on_account() == {"USD": 10_000}
    assert "unfit_fact" in five.kinds()
    assert money(five) == 50_000


def test_a_caller_that_does_not_come_again_gets_all_of_it_done(five: Office) -> None:
    """A workflow that began before there were portions."""
    recorded = record(five, told(cash("500.00", *FIVE)), portions=False)
    assert not recorded.more
    assert [five.row(invoice_id).outcome for invoice_id, _ in FIVE] == ["paid"] * 5


# -- whose money -----------------------------------------------------------------------------------------------


def test_an_owners_remittance_stops_what_is_written_to_another(five: Office) -> None:
    for number in (11, 12, 13):
        five.open(
            f"INV-{number}", customer={"customer_id": "C-2", "bill_to": "HQ"}, invoice={"amount": "100.00"}
        )
    parts = [(f"INV-{number}", "10.00") for number in (11, 12, 13)]
    recorded = record(five, told(cash("30.00", *parts)), customer="C-2")
    assert five.review("INV-11").decision.rule == "allocating"
    assert five.review("INV-1").decision.rule != "allocating"
    moved(five, recorded, "C-2")
    assert five.row("INV-13").balance_minor == 9_000
    assert five.on_account("C-2") == {"USD": 0}
    assert five.review("INV-11").decision.rule != "allocating"


def test_what_the_named_source_has_not_booked_is_announced_by_portions(five: Office) -> None:
    by(five, "bank")
    recorded = record(five, told(cash("500.00", *FIVE)))
    assert five.on_account() == {}
    assert five.draft("INV-5").message_id is None
    moved(five, recorded)
    assert money(five) == 0
    assert [len(five.case(invoice_id).announced) for invoice_id, _ in FIVE] == [1] * 5


def test_what_the_other_source_booked_before_leaves_the_account(five: Office) -> None:
    five.pay("INV-4", "100.00", "P-4")
    remit(five, cash("500.00", *FIVE, payment_id="bank-1"))
    assert five.entries("INV-4") == [("invoice", 10_000), ("payment_received", -10_000)]
    assert five.on_account() == {"USD": 0}
    assert money(five) == 50_000


# -- what cannot be taken --------------------------------------------------------------------------------------


def test_an_unreadable_remittance_pauses_what_it_names(five: Office) -> None:
    broken = cash("300.00", *FIVE[:3])
    broken["allocations"][1]["amount"] = 100
    record(five, told(broken))
    assert five.kinds() == ["unreadable_signal"]
    assert [five.review(invoice_id).decision.rule for invoice_id, _ in FIVE[:3]] == ["hold"] * 3
    assert [five.row(invoice_id).waiting_on == "hold" for invoice_id, _ in FIVE] == [True] * 3 + [False] * 2
    (item,) = five.tasks()
    record(five, told(broken))
    assert five.kinds() == ["unreadable_signal"]
    five.tell_account("C-1", "hold_released", hold_id=f"item-{item.item_id}")
    assert five.kinds() == []
    assert five.row("INV-1").waiting_on != "hold"


@pytest.mark.parametrize(
    "broken",
    [
        {**cash("300.00", ("INV-1", "100.00")), "received_on": "yesterday"},
        {**cash("100.00", ("INV-1", "50.00"), ("INV-404", "50.00")), "received_on": None},
        {**cash("100.00", ("INV-1", "50.00"), ("INV 2", "50.00"))},
        {**cash("100.00", ("INV-1", "50.00")), "allocations": {}},
        {**cash("100.00", ("INV-1", "10.00"), ("INV-1", "10.00"))},
    ],
    ids=["no day", "a stranger's", "no id", "no list", "twice, and a rest"],
)
def test_one_that_may_concern_others_pauses_all(five: Office, broken: dict[str, Any]) -> None:
    record(five, told(broken))
    assert five.kinds() == ["unreadable_signal"]
    assert [five.review(invoice_id).decision.rule for invoice_id, _ in FIVE] == ["hold"] * 5


def too_many(amount: str) -> dict[str, Any]:
    parts = [(f"X-{number}", "0.01") for number in range(MOST_ALLOCATIONS + 1)]
    return cash(amount, *parts)


def too_long(amount: str) -> dict[str, Any]:
    return cash(amount, *((f"INV-{number:060}", "0.01") for number in range(MOST_ALLOCATIONS + 1_000)))


@pytest.mark.parametrize("large", [too_many, too_long])
def test_of_one_too_large_the_money_is_booked_and_a_person_is_told_what_to_do(
    five: Office, large: Callable[[str], dict[str, Any]]
) -> None:
    remittance = large("500.00")
    for _ in range(2):
        record(five, told(remittance))
    assert five.on_account() == {"USD": 50_000}
    (item,) = five.tasks(open_only=True)
    assert item.kind == "unreadable_signal"
    assert (
        f"500.00 USD are on account unapplied: send it again as R-1 for at most {MOST_ALLOCATIONS}"
        in item.why
    )
    assert five.draft("INV-1").message_id is None
    five.pay("INV-5", "100.00", "R-1")
    assert five.on_account() == {"USD": 40_000}
    remit(five, cash("400.00", *FIVE[:4]))
    assert five.row("INV-4").outcome == "paid"


def test_one_too_large_that_comes_again_as_it_should_counts_once(five: Office) -> None:
    record(five, told(too_many("500.00")))
    remit(five, cash("500.00", *FIVE))
    assert money(five) == 50_000
    assert five.on_account() == {"USD": 0}
    assert [five.row(invoice_id).outcome for invoice_id, _ in FIVE] == ["paid"] * 5


@pytest.mark.parametrize(
    "hidden", [b'{"amount": "5.00", "x": {"allocations": [', b'{"allocations": [', b"[[["]
)
def test_of_one_too_long_whose_money_cannot_be_read_all_are_paused(five: Office, hidden: bytes) -> None:
    raw = RawInput.of(b"json/plain", hidden + b" " * LONGEST_REMITTANCE, LONGEST_REMITTANCE)
    record(five, SignalInput(name="cash_received", inputs=(raw,)))
    assert five.kinds() == ["unreadable_signal"]
    assert five.on_account() == {}
    assert [five.review(invoice_id).decision.rule for invoice_id, _ in FIVE] == ["hold"] * 5


# -- what it costs ---------------------------------------------------------------------------------------------


def statements(office: Office, what: Callable[[], object]) -> int:
    counted = 0

    def count(*_: object) -> None:
        nonlocal counted
        counted += 1

    sa.event.listen(office.engine, "before_cursor_execute", count)
    try:
        what()
    finally:
        sa.event.remove(office.engine, "before_cursor_execute", count)
    return counted


def test_statements_of_a_large_remittance(
    office: Office, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Booking it takes as many for a hundred invoices as for one; each portion a few for each allocation."""
    monkeypatch.setattr(account_ledger, "MOST_ALLOCATED", 20)
    parts = [(f"INV-{number}", "100.00") for number in range(1, 41)]
    for invoice_id, amount in parts:
        office.open(invoice_id, invoice={"amount": amount})
    remittance = told(cash("4000.00", *parts))
    assert statements(office, lambda: record(office, remittance)) <= 30
    portion = statements(office, lambda: record(office))
    assert portion <= 40 + 6 * 20
    assert statements(office, lambda: record(office)) <= portion + 10, (
        "the last one costs no more than the first"
    )
    assert office.on_account() == {"USD": 0}
