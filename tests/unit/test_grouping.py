"""Rule 5: one voice per customer. What shares a message, what stands alone, and what is only listed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest

from domain import contract as wire
from domain import facts
from domain.contact import Pursued, compose, ready
from domain.decide import decide
from domain.decision import CarryOut, Wait
from domain.filing import apply
from domain.policy import Policy
from domain.vocabulary import CallOutcome, Note, Step
from tests.unit.living import (
    DUE,
    Life,
    account,
    at,
    case,
    contact_of,
    dispute,
    paid,
    policy,
    promise,
    steps,
    took,
)

WEEK = timedelta(days=7)


def days(life: Life, *what: str) -> list[tuple[str, dict[str, str]]]:
    return [(h.on.isoformat()[5:], h.items) for h in life.log if h.what in (what or ("message", "task"))]


# One message


def test_what_is_due_on_a_day_goes_into_one_message_each_on_its_own_rung() -> None:
    older, younger = case("OLD", DUE - WEEK), case("NEW", DUE)
    life = Life.of(older, younger).until("2026-12-01")
    assert days(life) == [
        ("11-17", {"OLD": "pre_due"}),
        ("11-24", {"OLD": "due", "NEW": "pre_due"}),
        ("12-01", {"OLD": "overdue", "NEW": "due"}),
    ]


def test_the_harshest_item_sets_the_template() -> None:
    life = Life.of(case("OLD", DUE - WEEK), case("NEW", DUE)).until("2026-12-01")
    assert [h.step for h in life.messages()] == ["pre_due", "due", "overdue"]


def test_what_is_not_due_yet_is_listed_and_not_asked_for() -> None:
    later = case("LATER", DUE + timedelta(days=40))
    contact = contact_of(took(case("NOW"), "pre_due", at("2026-11-24")), [later], at("2026-12-01"))
    assert [(item.invoice_id, item.asked) for item in contact.items] == [("NOW", 125_000)]
    assert contact.listed == ("LATER",)


@pytest.mark.parametrize(
    ("fact", "listed"),
    [
        (paid(), ()),
        (wire.InvoiceCancelled(cancellation_id="X"), ()),
        (dispute(), ("OTHER",)),
        (promise("2026-12-10"), ("OTHER",)),
    ],
)
def test_a_sibling_that_may_not_be_asked_for_is_listed_while_it_is_open(
    fact: object, listed: tuple[str, ...]
) -> None:
    other = apply(case("OTHER"), fact, at("2026-11-30"))
    contact = contact_of(took(case("NOW"), "pre_due", at("2026-11-24")), [other], at("2026-12-01"))
    assert [item.invoice_id for item in contact.items] == ["NOW"]
    assert contact.listed == listed


def test_each_invoice_is_asked_for_what_is_collectable() -> None:
    part = apply(took(case("PART"), "pre_due", at("2026-11-24")), paid("250.00"), at("2026-11-25"))
    frozen = apply(took(case("FROZEN"), "pre_due", at("2026-11-24")), dispute("50.00"), at("2026-11-25"))
    yen = replace(took(case("YEN"), "pre_due", at("2026-11-24")), currency="JPY", amount=900)
    contact = contact_of(part, [frozen, yen], at("2026-12-01"))
    assert {item.invoice_id: item.asked for item in contact.items} == {
        "PART": 100_000,
        "FROZEN": 120_000,
        "YEN": 900,
    }


def test_the_order_is_by_due_date_whoever_triggers() -> None:
    cases = [took(case(name, due), "pre_due", at("2026-11-20")) for name, due in (("B", DUE), ("A", DUE))]
    older = took(case("Z", DUE - timedelta(days=1)), "pre_due", at("2026-11-20"))
    for trigger in (*cases, older):
        siblings = [c for c in (*cases, older) if c is not trigger]
        contact = contact_of(trigger, siblings, at("2026-12-01"))
        assert [item.invoice_id for item in contact.items] == ["Z", "A", "B"]


def test_without_grouping_an_invoice_speaks_for_itself() -> None:
    alone = policy(grouping=False, gap_days=0)
    contact = contact_of(case("A", DUE), [case("B", DUE)], at("2026-11-24"), alone)
    assert ([item.invoice_id for item in contact.items], contact.listed) == (["A"], ())


def test_a_sibling_under_a_policy_without_grouping_stays_out() -> None:
    trigger = Pursued(case("A"), policy())
    other = Pursued(case("B"), policy(grouping=False))
    now = at("2026-11-24")
    decision = decide(trigger.case, trigger.policy, now)
    assert isinstance(decision, CarryOut)
    contact = compose(trigger, decision, [other], now)
    assert ([item.invoice_id for item in contact.items], contact.listed) == (["A"], ())


def test_when_one_is_paid_the_others_keep_their_place() -> None:
    life = Life.of(case("OLD", DUE - WEEK), case("NEW", DUE)).tell(at("2026-12-02"), paid(), "OLD")
    life.until("2026-12-16")
    assert days(life)[3:] == [("12-08", {"NEW": "overdue"}), ("12-15", {"NEW": "overdue_2"})]


# Letters that stand alone


def harsh_and_gentle(step: str) -> tuple[Life, date]:
    """An invoice whose harsh step falls on the day on which another one's notice does."""
    day = {"credit_hold": 30, "demand": 45}[step]
    due = DUE - timedelta(days=day)
    while (due + timedelta(days=day)).weekday() > 4:
        due += timedelta(days=1)
    return Life.of(case("HARSH", due), case("MILD", DUE)), due + timedelta(days=day)


@pytest.mark.parametrize("step", ["credit_hold", "demand"])
def test_a_harsh_letter_holds_only_the_invoices_at_its_step_and_goes_first(step: str) -> None:
    life, day = harsh_and_gentle(step)
    life.until("2026-12-07")
    on_day = [h for h in life.log if h.on == day and h.what == "message"]
    assert [(h.step, h.items, h.listed) for h in on_day] == [(step, {"HARSH": step}, ())]
    after = next(h for h in life.messages() if h.on > day)
    assert (after.on, after.items) == (date(2026, 12, 4), {"MILD": "due"})  # the gap of three days
    assert not after.catch_up


@pytest.mark.parametrize("trigger", ["HARSH", "MILD"])
def test_the_letter_goes_first_whoever_triggers(trigger: str) -> None:
    life, day = harsh_and_gentle("credit_hold")
    life.until(at(day, "08:59"))
    cases = {name: pursued.case for name, pursued in life.cases.items()}
    siblings = [c for name, c in cases.items() if name != trigger]
    contact = contact_of(cases[trigger], siblings, at(day, "09:00"))
    assert (contact.step, [item.invoice_id for item in contact.items]) == (Step.CREDIT_HOLD, ["HARSH"])


def test_invoices_at_the_same_harsh_step_share_its_letter() -> None:
    life = Life.of(case("A"), case("B"), case("C", DUE + timedelta(days=3))).until("2027-01-05")
    letters = [(h.on.isoformat()[5:], h.items) for h in life.messages() if h.step == "credit_hold"]
    assert letters == [
        ("12-31", {"A": "credit_hold", "B": "credit_hold"}),
        ("01-04", {"C": "credit_hold"}),  # day 30 is Sunday 01-03
    ]


def test_two_kinds_of_harsh_letters_do_not_mix() -> None:
    life = Life.of(case("DEMAND", DUE - timedelta(days=15)), case("HOLD", DUE)).until("2027-01-06")
    letters = [(h.on.isoformat()[5:], h.items) for h in life.messages() if h.on >= date(2026, 12, 30)]
    assert letters == [("12-31", {"DEMAND": "demand"}), ("01-04", {"HOLD": "credit_hold"})]


def test_a_contact_names_the_block_and_the_answer_date_only_where_they_belong() -> None:
    life = Life.of(case()).until("2027-02-02")
    taken = {t.fact.step: t.fact for t in life.case.steps}
    assert taken[Step.CREDIT_HOLD].block_on == date(2027, 1, 5)
    assert taken[Step.DEMAND].answer_by == date(2027, 1, 29)
    others = [f for step, f in taken.items() if step not in (Step.CREDIT_HOLD, Step.DEMAND)]
    assert {(f.block_on, f.answer_by) for f in others} == {(None, None)}


def test_tasks_are_grouped_per_customer() -> None:
    life = Life.of(case("A"), case("B"), case("C", DUE + timedelta(days=1))).until("2026-12-18")
    calls = [(h.on.isoformat()[5:], h.items) for h in life.log if h.step == "call"]
    assert calls == [("12-17", {"A": "call", "B": "call"}), ("12-18", {"C": "call"})]


# The gap


def test_the_gap_holds_over_all_invoices_of_the_customer() -> None:
    life = Life.of(case("A"), case("B", DUE + timedelta(days=1)), case("C", DUE + timedelta(days=2)))
    life.until("2026-12-11")
    assert days(life) == [
        ("11-24", {"A": "pre_due"}),
        ("11-27", {"B": "pre_due", "C": "pre_due"}),
        ("12-01", {"A": "due"}),
        ("12-04", {"B": "due", "C": "due"}),
        ("12-08", {"A": "overdue"}),
        ("12-11", {"B": "overdue", "C": "overdue"}),
    ]
    on = [h.on for h in life.messages()]
    assert min((b - a).days for a, b in pairwise(on)) >= 3


def test_the_gap_counts_dates_of_the_customers_zone() -> None:
    """A message at 20:00 in New York is one of that day, though it is the next one in UTC."""
    evening = policy(window={"opens": "20:00", "closes": "22:00"}, catch_up_days=0)
    life = Life.of(case("A"), case("B", DUE + timedelta(days=3)), under=evening).until("2026-11-30")
    assert [h.on for h in life.messages()] == [date(2026, 11, 24), date(2026, 11, 27)]


def test_tasks_and_confirmations_neither_keep_the_gap_nor_count_for_it() -> None:
    life = Life.of(case("A"), case("B", DUE + WEEK))
    called = facts.CallLogged(call_id="K", outcome=CallOutcome.REACHED, by="Kim")
    life.tell(at("2026-12-09"), called, "A").until("2026-12-16")
    told = [(h.on.isoformat()[5:], h.step) for h in life.log if h.on >= date(2026, 12, 8)]
    assert told == [
        ("12-08", "overdue"),
        ("12-09", Note.CALL_CONFIRMED),
        ("12-15", "overdue_2"),
    ]
    contact = contact_of(life.cases["A"].case, [], at("2026-12-17"))
    assert (contact.step, contact.unsolicited) == (Step.CALL, False)


def test_a_confirmation_is_about_one_invoice() -> None:
    promised = apply(case("A"), promise("2026-12-10", source="email"), at("2026-11-30"))
    contact = contact_of(promised, [case("B")], at("2026-12-01"))
    assert (contact.step, contact.ref) == (Note.PROMISE_CONFIRMED, "PR-1")
    assert ([item.invoice_id for item in contact.items], contact.listed) == (["A"], ())
    assert not contact.unsolicited


# An import makes one message


def test_a_step_due_at_the_opening_waits_for_the_customers_newest_opening() -> None:
    opened = [at("2026-12-01", "10:00:00"), at("2026-12-01", "10:00:20"), at("2026-12-01", "10:00:50")]
    life = Life.of(*(case(f"INV-{n}", opened=o) for n, o in enumerate(opened))).until("2026-12-01")
    (message,) = life.messages()
    assert message.at == at("2026-12-01", "10:01:50")
    assert len(message.items) == 3


def test_an_import_after_the_window_waits_for_the_morning() -> None:
    life = Life.of(case(opened=at("2026-12-01", "15:59:30"))).until("2026-12-02")
    assert [h.at for h in life.messages()] == [at("2026-12-02", "09:00")]


def test_steps_that_fall_due_later_do_not_wait_for_openings() -> None:
    open_for_long = took(case("A"), "pre_due", at("2026-11-24"))
    just_imported = replace(open_for_long, account=account(newest_opening_at=at("2026-12-01", "08:59:50")))
    decision = decide(just_imported, policy(), at("2026-12-01", "09:00"))
    assert isinstance(decision, CarryOut)


# Approvals belong to the message


def strategic() -> Policy:
    return policy("strategic", late_entry={})


def test_an_approval_is_asked_for_the_whole_message() -> None:
    life = Life.of(case("A"), case("B"), under=strategic()).until("2026-12-31")
    asked = [h.items for h in life.log if h.what == "ask"]
    assert asked == [{"A": "credit_hold", "B": "credit_hold"}]
    ids = {p.case.approval.fact.message_id for p in life.cases.values() if p.case.approval}
    assert len(ids) == 1


def test_an_approved_letter_goes_out_for_all_its_invoices() -> None:
    life = Life.of(case("A"), case("B"), under=strategic(), approve=True).until("2026-12-31")
    assert ("12-31", {"A": "credit_hold", "B": "credit_hold"}) in days(life, "message")


def test_what_waits_for_approval_holds_up_no_other_message() -> None:
    life = Life.of(case("A"), case("B", DUE + timedelta(days=31)), under=strategic()).until("2027-01-02")
    assert days(life, "message")[-1] == ("01-01", {"B": "due"})


def test_what_a_person_has_yet_to_approve_is_not_ready() -> None:
    life = Life.of(case("A"), under=strategic()).until(at("2026-12-31", "09:30"))
    waiting = life.cases["A"]
    assert ready(waiting, life.now) is None
    assert waiting.case.approval is not None
    message_id = waiting.case.approval.fact.message_id
    given = apply(waiting.case, facts.ApprovalGiven(message_id=message_id, by="Kim"), life.now)
    carried = ready(Pursued(given, waiting.policy), life.now)
    assert carried is not None
    assert carried.approval == "given"


def test_ready_does_not_look_at_the_minute() -> None:
    now = at("2026-12-01", "03:00")
    pursued = Pursued(took(case(), "pre_due", at("2026-11-24")), policy())
    assert isinstance(decide(pursued.case, pursued.policy, now), Wait)
    carried = ready(pursued, now)
    assert carried is not None
    assert carried.step is Step.DUE
    assert ready(pursued, at("2026-11-30")) is None


def test_the_outreach_at_risk_takes_the_notices_along() -> None:
    """It is a notice: the harshest item sets the template, gentler ones stand beside it."""
    risky = case("RISK", DUE, amount=4_000)
    mild = case("MILD", date(2027, 2, 17))
    life = Life.of(risky, mild, under=policy(steps=steps(policy()))).until("2027-02-17")
    last = list(life.messages())[-1]
    assert (last.step, last.items) == ("at_risk", {"RISK": "at_risk", "MILD": "due"})
