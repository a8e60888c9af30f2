"""A real escalation of fines, replayed as cases: what is owed is right after every event, nothing is asked for
while an appeal is open, and nothing once all is paid."""

from __future__ import annotations

import csv
import os
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path

import pytest

from domain import contract as wire
from domain.case import Account, Case
from domain.contact import Pursued
from domain.decide import decide
from domain.decision import Decision
from domain.filing import apply
from domain.money import Money
from domain.pauses import calendar_of, frozen_amount, is_settled
from domain.simulation.simulate import Told, simulate
from domain.vocabulary import Step
from tests.unit.living import deployed

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("DUECOURSE_DATA", ROOT.parent / "shared" / "data")) / "fines" / "events.csv"
#: A fine is to be paid within sixty days (Codice della Strada, art. 202).
DAYS_TO_PAY = timedelta(days=60)
POLICY = deployed("sandbox")
#: What the log calls the ways of appealing, and their end.
APPEALS = ("Insert Date Appeal to Prefecture", "Send Appeal to Prefecture", "Appeal to Judge")
ANSWERS = ("Receive Result Appeal from Prefecture", "Notify Result Appeal to Offender")
SAID_NOTHING = ("Insert Fine Notification", "Send for Credit Collection")


@dataclass
class Fine:
    """A case of the log: its facts by day, and what is owed and open from each of its events on."""

    case: Case
    facts: list[Told] = field(default_factory=list)
    owed: list[tuple[date, int]] = field(default_factory=list)
    """The day of every event after the first, and the claim plus expenses less payments from then on."""
    appeals: list[tuple[date, date]] = field(default_factory=list)
    """From and until when an appeal was open; until the end of time where the log has no result."""


def minor(text: str) -> int:
    return Money.parse(text, "EUR").minor if text else 0


def fine_of(events: Sequence[dict[str, str]]) -> Fine:
    """The facts that the events of one fine come to."""
    first, *rest = events
    assert first["activity"] == "Create Fine"
    fine_id, created = first["case_id"], date.fromisoformat(first["timestamp"])
    account = Account(f"C-{fine_id}", zone="Europe/Rome", reachable=frozenset({"ap"}))
    fine = Fine(
        Case(
            invoice_id=fine_id,
            seller="default",
            currency="EUR",
            amount=minor(first["claim_amount"]),
            due_on=created + DAYS_TO_PAY,
            opened_at=calendar_of(account, POLICY).at(created, time.min),
            opened_on=created,
            account=account,
            issued_on=created,
        )
    )
    claim, expense, paid = minor(first["claim_amount"]), minor(first["expense"]), 0
    appeal: tuple[str, date] | None = None
    for event in rest:
        on, what, id_ = date.fromisoformat(event["timestamp"]), event["activity"], f"E-{event['seq']}"
        told: wire.Fact | None = None
        if what == "Payment":
            told = wire.PaymentReceived(
                payment_id=id_, amount=event["payment"], currency="EUR", received_on=on
            )
            paid += minor(event["payment"])
            assert paid == minor(event["paid_to_date"])
        elif what == "Send Fine":
            told = wire.ChargeAdded(charge_id=id_, amount=event["expense"], currency="EUR", kind="fee")
            expense += minor(event["expense"])
        elif what == "Add penalty":
            told = wire.InvoiceAmended(amendment_id=id_, amount=event["claim_amount"])
            claim = minor(event["claim_amount"])
        elif what in APPEALS:
            if appeal is None:
                told, appeal = wire.DisputeRaised(dispute_id=id_, reason="other"), (id_, on)
        elif what in ANSWERS:
            if appeal is not None:
                told = wire.DisputeResolved(dispute_id=appeal[0], outcome="rejected")
                fine.appeals.append((appeal[1], on))
                appeal = None
        else:
            assert what in SAID_NOTHING, what
        if told is not None:
            fine.facts.append(Told(on, fine_id, told))
        fine.owed.append((on, claim + expense - paid))
    if appeal is not None:
        fine.appeals.append((appeal[1], date.max))
    return fine


@lru_cache
def fines() -> tuple[Fine, ...]:
    if not DATA.exists():
        pytest.skip(f"{DATA} is absent: set DUECOURSE_DATA to the folder of the shared data")
    by_case: dict[str, list[dict[str, str]]] = {}
    with DATA.open(encoding="utf-8", newline="") as lines:
        for event in csv.DictReader(lines):
            by_case.setdefault(event["case_id"], []).append(event)
    return tuple(fine_of(events) for events in by_case.values())


def sample(size: int) -> list[Fine]:
    """Fines drawn by chance, always the same ones: as many that were appealed against, that were paid in parts,
    and of all."""
    chance = random.Random(20261122)
    kinds = (
        [fine for fine in fines() if fine.appeals],
        [fine for fine in fines() if len(payments(fine)) > 1],
        fines(),
    )
    drawn = [fine for kind in kinds for fine in chance.sample(kind, size)]
    return list({fine.case.invoice_id: fine for fine in drawn}.values())


def payments(fine: Fine) -> list[Told]:
    return [told for told in fine.facts if isinstance(told.fact, wire.PaymentReceived)]


def open_between(fine: Fine, on: date) -> bool:
    return any(since <= on < until for since, until in fine.appeals)


def owed_on(fine: Fine, on: date) -> int:
    return next((owed for day, owed in reversed(fine.owed) if day <= on), fine.case.amount)


def in_steps(fine: Fine) -> Iterator[tuple[date, Case, int]]:
    """The case after each event of the log, with what the log says is owed then."""
    case, facts = fine.case, iter([*fine.facts, None])
    following = next(facts)
    for at, (on, owed) in enumerate(fine.owed):
        last_of_day = at + 1 == len(fine.owed) or fine.owed[at + 1][0] != on
        while following is not None and following.on <= on:
            case = apply(case, following.fact, calendar_of(case.account, POLICY).at(on, time.min))
            following = next(facts)
        if last_of_day:
            yield on, case, owed


def test_what_is_owed_is_right_after_every_event() -> None:
    compared = 0
    for fine in fines():
        for on, case, owed in in_steps(fine):
            assert (case.net, case.balance) == (owed, max(0, owed)), (case.invoice_id, on)
            frozen = owed if open_between(fine, on) and owed > 0 else 0
            assert frozen_amount(case) == frozen, (case.invoice_id, on)
            compared += 1
    assert len(fines()) == 6_942
    assert compared > 16_000


def live(chosen: Iterable[Fine]) -> Counter[str]:
    """Live through fines to the end, and check every step against the log; how many there were of what."""
    by_id = {fine.case.invoice_id: fine for fine in chosen}
    seen: Counter[str] = Counter()

    def watched(case: Case, policy: object, now: datetime) -> Decision:
        on = calendar_of(case.account, POLICY).local_date(now)
        assert case.balance == max(0, owed_on(by_id[case.invoice_id], on)), (case.invoice_id, on)
        seen["decisions"] += 1
        return decide(case, POLICY, now)

    end = max(fine.owed[-1][0] if fine.owed else fine.case.due_on for fine in by_id.values())
    contacts = simulate(
        [Pursued(fine.case, POLICY) for fine in by_id.values()],
        calendar_of(Account("C", zone="Europe/Rome"), POLICY).midnight_after(end),
        script=[told for fine in by_id.values() for told in fine.facts],
        decide=watched,
    )
    for contact in contacts:
        if not isinstance(contact.step, Step):
            continue
        for item in contact.items:
            fine = by_id[item.invoice_id]
            assert not open_between(fine, contact.on), f"{item} on {contact.on}, with an appeal open"
            assert owed_on(fine, contact.on) > 0, f"{item} on {contact.on}, with all paid"
            seen["steps"] += 1
            seen["steps of fines with an appeal"] += bool(fine.appeals)
            seen["steps after a part payment"] += any(told.on <= contact.on for told in payments(fine))
    return seen


def test_no_step_while_an_appeal_is_open_and_none_after_full_payment() -> None:
    seen = live(sample(50))
    assert seen["steps"] > 500
    assert seen["steps of fines with an appeal"] > 100
    assert seen["steps after a part payment"] > 5


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_fine_of_the_log_is_asked_for_out_of_turn() -> None:
    seen = live(fines())
    assert seen["steps"] > 30_000
    assert sum(bool(fine.appeals) for fine in fines()) == 173


def test_the_last_payment_ends_the_case() -> None:
    """Some were paid a few cents short or over: what the policy tolerates counts as paid."""
    ended = Counter(
        is_settled(case, POLICY) == (owed <= POLICY.tolerance_in("EUR"))
        for fine in sample(150)
        for _, case, owed in in_steps(fine)
        if case.paid
    )
    assert ended[False] == 0
    assert ended[True] > 200
