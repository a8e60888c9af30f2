"""Who has paid is thanked: once, soon, in one message for what was paid together, and never by mistake."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from domain import contract as wire
from domain import facts
from domain.case import Case
from domain.decide import decide
from domain.decision import Wait
from domain.filing import apply
from domain.policy import Policy
from domain.simulation.forecast import forecast
from domain.vocabulary import HoldReason, Note, Step
from tests.unit.living import (
    DUE,
    Life,
    account,
    at,
    case,
    credit,
    deployed,
    hold,
    paid,
    policy,
    released,
    reversed_,
    took,
)
from tests.unit.test_stories import D0, invoice, story


def thanking(**changes: Any) -> Policy:
    return policy(**{"thanks": True, **changes})


def late_case(**changes: Any) -> Case:
    """Opened a day before everything below happens, so that no reminder comes between."""
    return case(opened=at("2026-11-23", "10:00"), **changes)


def thanks(life: Life) -> list[tuple[str, list[str]]]:
    """When (month, day, hour, minute) thanks went out, and for which invoices."""
    return [
        (h.at.astimezone(at("2026-12-01").tzinfo).strftime("%m-%d %H:%M"), sorted(h.items))
        for h in life.messages()
        if h.step == Note.THANKS
    ]


def living(*cases: Case, under: Policy | None = None) -> Life:
    return Life.of(*(cases or (late_case(),)), under=under or thanking())


@pytest.mark.parametrize(
    ("paid_at", "thanked_at"),
    [
        (at("2026-12-02", "12:00"), "12-02 17:01"),  # inside the window: a minute later (UTC)
        (at("2026-12-02", "07:00"), "12-02 14:00"),  # before it: as it opens
        (at("2026-12-02", "15:59"), "12-03 14:00"),  # too late for the day
        (at("2026-12-04", "18:00"), "12-07 14:00"),  # on a Friday evening: on Monday
    ],
)
def test_thanks_go_out_on_the_day_of_the_money_or_the_next_business_day(
    paid_at: Any, thanked_at: str
) -> None:
    life = living().tell(paid_at, paid(on="2026-12-02")).until("2027-01-15")
    assert thanks(life) == [(thanked_at, ["INV-1"])]
    assert life.told("close") == [(life.told("close")[0][0], "paid")]


def test_invoices_paid_together_are_thanked_for_in_one_message() -> None:
    cases = [late_case(), late_case(invoice_id="INV-2"), late_case(invoice_id="INV-3")]
    life = living(*cases)
    for seconds, one in enumerate(cases):  # three signals, some seconds apart
        when = at("2026-12-02") + timedelta(seconds=10 * seconds)
        life.tell(when, paid(on="2026-12-02", payment_id=f"P-{seconds}"), one.invoice_id)
    assert thanks(life.until("2027-01-15")) == [("12-02 17:01", ["INV-1", "INV-2", "INV-3"])]
    alone = living(*cases, under=thanking(grouping=False))
    alone.tell(at("2026-12-02"), paid(on="2026-12-02"))
    assert [items for _, items in thanks(alone.until("2027-01-15"))] == [["INV-1"], ["INV-2"], ["INV-3"]]


def test_thanks_keep_no_gap_and_make_none() -> None:
    one, other = late_case(), late_case(invoice_id="INV-2", due=DUE + timedelta(days=3))
    life = living(one, other).tell(at("2026-12-01", "12:00"), paid(), "INV-1").until("2026-12-04")
    assert life.told("message")[-3:] == [("12-01", "due"), ("12-01", "thanks"), ("12-04", "due")]


@pytest.mark.parametrize(
    "happened",
    [
        [paid("1250.00"), reversed_()],
        [paid("600.00"), facts.WrittenOff(write_off_id="W", amount="650.00", by="Kim", reason="r")],
        [paid("1250.00"), wire.InvoiceCancelled(cancellation_id="C")],
        [credit("1250.00")],
        [paid("1200.00")],
        [paid("1250.00"), hold()],
        [paid("1250.00"), wire.HoldPlaced(hold_id="H", reason=HoldReason.INSOLVENCY)],
        [facts.StepTaken(step=Step.REFERRAL, cycle=0), paid("1250.00")],
    ],
    ids=["reversed", "written off", "cancelled", "credited", "not all", "held", "insolvent", "referred"],
)
def test_nobody_is_thanked_by_mistake(happened: list[object]) -> None:
    life = living()
    for fact in happened:
        life.tell(at("2026-12-02", "18:00"), fact)
    assert thanks(life.until("2026-12-20")) == []


def test_a_rest_within_tolerance_counts_as_paid() -> None:
    assert deployed("standard").tolerance["USD"] == "1.00"
    assert thanks(living().tell(at("2026-12-02"), paid("1249.00")).until("2026-12-20"))
    assert not thanks(living().tell(at("2026-12-02"), paid("1248.99")).until("2026-12-20"))


def test_who_paid_partly_and_was_credited_the_rest_is_thanked() -> None:
    life = living().tell(at("2026-12-02"), credit("250.00")).tell(at("2026-12-03"), paid("1000.00"))
    assert thanks(life.until("2026-12-20")) == [("12-03 17:01", ["INV-1"])]


def test_a_hold_that_ends_in_time_only_delays_them() -> None:
    until = wire.HoldPlaced(hold_id="H", reason=HoldReason.MANUAL, until=date(2026, 12, 3))
    life = living().tell(at("2026-12-02", "11:00"), until).tell(at("2026-12-02", "12:00"), paid())
    assert thanks(life.until("2026-12-20")) == [("12-04 14:00", ["INV-1"])]
    late = living().tell(at("2026-12-02", "11:00"), hold()).tell(at("2026-12-02", "12:00"), paid())
    late.tell(at("2026-12-07", "12:00"), released())
    assert thanks(late.until("2026-12-20")) == [], (
        "thanks that come days after the money are stranger than none"
    )


def test_money_that_goes_back_and_comes_again_is_thanked_for_once_a_climb() -> None:
    life = living().tell(at("2026-12-02"), paid(payment_id="P-1"))
    life.tell(at("2026-12-03"), reversed_("P-1")).tell(at("2026-12-04"), paid(payment_id="P-2"))
    assert thanks(life.until("2027-01-15")) == [("12-02 17:01", ["INV-1"])]
    again = living().tell(at("2026-12-02"), paid(payment_id="P-1")).tell(at("2026-12-03"), reversed_("P-1"))
    again.tell(at("2026-12-20"), paid(payment_id="P-2"))
    assert [day for day, _ in thanks(again.until("2027-01-15"))] == ["12-02 17:01", "12-21 14:00"]


def test_money_that_had_come_before_the_case_was_opened_is_thanked_for_by_nobody() -> None:
    opened = late_case()
    settled = apply(opened, paid(), opened.opened_at)
    assert thanks(living(settled).until("2026-12-20")) == []


def test_nobody_is_thanked_while_a_message_is_under_way() -> None:
    claimed = facts.StepClaimed(message_id="M-9", step=Step.DUE, cycle=0)
    life = living().tell(at("2026-12-02", "11:00"), claimed).tell(at("2026-12-02", "12:00"), paid())
    life.until(at("2026-12-02", "13:00"))
    assert thanks(life) == []
    life.tell(at("2026-12-02", "14:00"), facts.ClaimFreed(message_id="M-9"))
    assert thanks(life.until("2026-12-20")) == [("12-02 19:00", ["INV-1"])]


def test_a_debit_that_was_collected_without_a_word_is_not_thanked_for() -> None:
    debit = late_case(collection="direct_debit")
    debited = living(debit).tell(at("2026-11-23", "11:00"), paid()).until("2026-12-20")
    assert list(debited.messages()) == []
    asked = took(late_case(collection="direct_debit"), "overdue", at("2026-11-24"))
    assert thanks(living(asked).tell(at("2026-12-02"), paid()).until("2026-12-20"))


def test_nobody_is_thanked_who_cannot_be_reached_or_where_the_policy_says_no() -> None:
    mute = late_case(of=account(reachable=frozenset()))
    assert thanks(living(mute).tell(at("2026-12-02"), paid()).until("2026-12-20")) == []
    assert thanks(living(under=policy()).tell(at("2026-12-02"), paid()).until("2026-12-20")) == []
    assert (deployed("standard").thanks, deployed("strategic").thanks) == (True, True)
    assert (deployed("chronic_late").thanks, deployed("sandbox").thanks) == (False, False)
    assert Policy.model_validate({"name": "old", "steps": [{"step": "due", "day": 0}]}).thanks is False


def test_without_settlement_days_the_case_waits_for_its_thanks_alone() -> None:
    life = living(under=thanking(settlement_days=0)).tell(at("2026-12-04", "18:00"), paid())
    life.until("2026-12-20")
    assert thanks(life) == [("12-07 14:00", ["INV-1"])]
    assert life.told("close") == [("12-07", "paid")]


def test_the_wait_says_what_comes() -> None:
    settled = apply(late_case(), paid(), at("2026-12-05", "12:00"))
    decision = decide(settled, thanking(), at("2026-12-05", "12:00"))
    assert isinstance(decision, Wait)
    assert (decision.waiting_on, decision.rule) == ("settlement", "thanks")
    assert decision.next_step is not None
    assert (decision.next_step.step, decision.next_step.at) == (Note.THANKS, at("2026-12-07", "09:00"))


def test_the_forecast_foretells_thanks_that_are_still_to_come() -> None:
    now = at("2026-12-05", "12:00")
    cases = [apply(replace(late_case(), invoice_id=name), paid(), now) for name in ("INV-1", "INV-2")]
    told = forecast(cases, {one.invoice_id: thanking() for one in cases}, now, 30)
    assert [(row.on, row.step, row.invoices) for row in told] == [
        (date(2026, 12, 7), Note.THANKS, ("INV-1", "INV-2"))
    ]
    life = living(*cases)
    life.now = now
    assert thanks(life.until("2027-01-05")) == [("12-07 14:00", ["INV-1", "INV-2"])]
    assert forecast(cases, {one.invoice_id: policy() for one in cases}, now, 30) == []


def test_techglobal_is_thanked_once_for_its_remittance() -> None:
    """stories.md: D21 one remittance of 127,400 with three allocations, thanks; D28 all three closed as paid."""
    owed = {
        "TG-1": (date(2026, 10, 1), 52_600),
        "TG-2": (date(2026, 10, 16), 44_800),
        "TG-3": (date(2026, 10, 31), 30_000),
    }
    life = Life.of(
        *(invoice(name, due, dollars, "TECHGLOBAL") for name, (due, dollars) in owed.items()),
        under=story("strategic"),
    )
    day = D0 + timedelta(days=21)
    for name, (_, dollars) in owed.items():
        life.tell(at(day, "11:00"), paid(f"{dollars}.00", on=day, payment_id="REMIT-1"), name)
    life.until("2027-01-31")
    assert [((h.on - D0).days, len(h.items)) for h in life.messages() if h.step == Note.THANKS] == [(21, 3)]
    assert [(h.on - D0).days for h in life.log if h.what == "close"] == [28, 28, 28]


# Orders flow again


def blocked(**changes: Any) -> Case:
    """A case whose credit hold stands since 2026-11-30."""
    announced = took(late_case(**changes), "credit_hold", at("2026-11-25"), block_on=date(2026, 11, 30))
    return apply(announced, facts.CreditHoldPlaced(cycle=0), at("2026-11-30", "10:00"))


def living_blocked(*cases: Case, under: Policy | None = None) -> Life:
    life = living(*cases, under=under)
    life.now = at("2026-12-01", "10:00")
    life._blocked()
    return life


def notes(life: Life) -> list[tuple[str, str, list[str]]]:
    return [(h.on.isoformat()[5:], h.step, sorted(h.items)) for h in life.messages()]


def test_that_orders_flow_again_is_told_once_and_thanks_as_well() -> None:
    life = living_blocked(blocked()).tell(at("2026-12-02"), paid()).until("2027-01-15")
    assert notes(life) == [("12-02", "credit_hold_released", ["INV-1"])]


@pytest.mark.parametrize(
    "fact",
    [
        credit("1250.00"),
        wire.InvoiceCancelled(cancellation_id="C"),
        facts.WrittenOff(write_off_id="W", amount="1250.00", by="Kim", reason="r"),
    ],
    ids=["credited", "cancelled", "written off"],
)
def test_it_is_told_however_the_debt_ended_and_before_the_case_closes(fact: object) -> None:
    life = living_blocked(blocked()).tell(at("2026-12-04", "18:00"), fact).until("2027-01-15")
    assert notes(life) == [("12-07", "credit_hold_released", ["INV-1"])]
    assert [day for day, _ in life.told("close")] == ["12-07"]


def test_it_is_told_where_nobody_is_thanked() -> None:
    life = living_blocked(blocked(), under=policy()).tell(at("2026-12-02"), paid()).until("2027-01-15")
    assert notes(life) == [("12-02", "credit_hold_released", ["INV-1"])]


def test_it_is_told_when_the_last_invoice_that_blocked_is_settled() -> None:
    life = living_blocked(blocked(), blocked(invoice_id="INV-2"))
    life.tell(at("2026-12-02"), paid(), "INV-1").tell(at("2026-12-03"), paid(), "INV-2").until("2027-01-15")
    assert notes(life) == [
        ("12-02", "thanks", ["INV-1"]),
        ("12-03", "credit_hold_released", ["INV-1", "INV-2"]),
    ]


def test_what_was_paid_with_it_is_thanked_for_in_the_same_message() -> None:
    life = living_blocked(blocked(), late_case(invoice_id="INV-2", due=date(2027, 3, 1)))
    life.tell(at("2026-12-02"), paid()).until("2027-01-15")
    assert notes(life) == [("12-02", "credit_hold_released", ["INV-1", "INV-2"])]


def test_a_block_that_never_came_is_not_released() -> None:
    announced = took(late_case(), "credit_hold", at("2026-11-25"), block_on=date(2026, 12, 4))
    life = living_blocked(announced, under=policy()).tell(at("2026-12-02"), paid()).until("2027-01-15")
    assert notes(life) == []
