"""The rules of design.md, each by its name and number, on the standard policy unless said otherwise.

The invoice is due on Tuesday 2026-12-01; see `tests.unit.living` for the driver.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from domain import contract as wire
from domain import facts
from domain.case import Case
from domain.decide import decide, due_step
from domain.decision import AskApproval, CarryOut, Close, Wait
from domain.filing import apply
from domain.pauses import PromiseState, frozen_amount, is_settled, promises
from domain.policy import Policy
from domain.risk import assess
from domain.vocabulary import CallOutcome, CustomerKind, Note, Outcome, Step, WaitingOn
from tests.unit.living import (
    Life,
    account,
    at,
    case,
    contact_of,
    credit,
    dispute,
    hold,
    paid,
    policy,
    promise,
    released,
    resolved,
    reversed_,
    steps,
    took,
)

LADDER = [
    ("11-24", "pre_due"),
    ("12-01", "due"),
    ("12-08", "overdue"),
    ("12-15", "overdue_2"),
    ("12-17", "call"),
    ("12-22", "am_alert"),
    ("12-31", "credit_hold"),
    ("01-15", "demand"),
    ("02-01", "referral"),  # day 60 is a Saturday
]


def climbed(until: date | str) -> Case:
    """The case after everything the ladder does up to the end of a day."""
    return Life.of(case()).until(str(until)).case


def waiting(decided: Case, now: datetime, under: Policy | None = None) -> Wait:
    decision = decide(decided, under or policy(), now)
    assert isinstance(decision, Wait), decision
    return decision


def carried(decided: Case, now: datetime, under: Policy | None = None) -> CarryOut:
    decision = decide(decided, under or policy(), now)
    assert isinstance(decision, CarryOut), decision
    return decision


# The life of an invoice


def test_the_standard_ladder_to_the_day() -> None:
    life = Life.of(case()).until("2027-08-15")
    assert life.told() == LADDER
    assert life.told("block") == [("01-05", "credit_hold")]  # three business days after the notice of 12-31
    assert life.told("close") == [("07-31", "referred")]  # 180 days after the referral
    assert {h.at.astimezone(UTC).hour for h in life.messages()} == {14}  # 09:00 in New York


def test_every_rung_is_on_its_own_time() -> None:
    assert not [h.step for h in Life.of(case()).until("2027-02-02").messages() if h.catch_up]


def test_referral_waits_for_the_demands_answer_time() -> None:
    hasty = policy(steps=steps(policy(), referral={"day": 46}))
    told = Life.of(case(), under=hasty).until("2027-03-01").told()
    assert told[-2:] == [("01-15", "demand"), ("02-01", "referral")]  # answer by 01-29, a Friday


def test_a_paid_case_stays_open_for_the_settlement_days() -> None:
    life = Life.of(case()).tell(at("2026-12-09"), paid()).until("2027-01-31")
    assert life.told() == LADDER[:3]
    assert life.log[-1].what == "close"
    assert life.log[-1].at == at("2026-12-16", "00:00")  # five business days after Wednesday 12-09
    assert life.case.closed is not None
    assert life.case.closed.fact.outcome is Outcome.PAID


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ([paid()], "paid"),
        ([credit("1250.00")], "credited"),
        ([credit("250.00"), paid("1000.00")], "paid"),
        ([credit("625.00"), paid("625.00")], "paid"),
        ([credit("1240.00"), paid("10.00")], "credited"),
        ([paid("10.00"), credit("1240.00")], "credited"),
        ([facts.WrittenOff(write_off_id="W", amount="1250.00", by="Kim", reason="gone")], "written_off"),
        ([wire.InvoiceCancelled(cancellation_id="X")], "cancelled"),
        ([paid(), wire.InvoiceCancelled(cancellation_id="X")], "cancelled"),
    ],
)
def test_outcomes(told: list[object], outcome: str) -> None:
    life = Life.of(case())
    for fact in told:
        life.tell(at("2026-12-03"), fact)
    was_paid = outcome != "cancelled" and any(isinstance(fact, wire.PaymentReceived) for fact in told)
    assert life.until("2027-01-31").told("close") == [("12-10" if was_paid else "12-03", outcome)]


def test_a_payment_after_a_write_off_is_a_recovery() -> None:
    given_up = facts.WrittenOff(write_off_id="W", amount="1250.00", by="Kim", reason="gone")
    recovered = apply(apply(case(), given_up, at("2026-12-09")), paid("500.00"), at("2026-12-10"))
    assert (recovered.balance, recovered.overpaid, recovered.recovered) == (0, 0, 50_000)
    decision = decide(recovered, policy(), at("2026-12-10"))
    assert isinstance(decision, Close)
    assert (decision.outcome, decision.tasks) == (Outcome.WRITTEN_OFF, ())


def test_a_call_nobody_made_blocks_nothing_unless_the_policy_asks_for_attempts() -> None:
    assert Life.of(case()).until("2027-02-02").told() == LADDER
    twice = policy(steps=steps(policy(), call={"attempts": 2}))
    life = Life.of(case(), under=twice).until("2027-01-10")
    assert life.told()[-1] == ("12-17", "call")
    assert [task.why for task in life.tasks.values()] == ["0 of 2 call attempts were made"]
    for number in (1, 2):
        call = facts.CallLogged(call_id=f"K{number}", outcome=CallOutcome.NO_ANSWER, by="Kim")
        life.tell(at("2027-01-11", f"1{number}:00"), call)
    assert life.until("2027-01-14").told()[-1] == ("01-11", "am_alert")


def test_call_and_harder_steps_wait_for_the_posted_books() -> None:
    """`books_posted`: cash of the previous bank day first; gentler steps do not wait."""
    behind = replace(account(), books_through=date(2026, 12, 14))
    life = Life.of(case(of=behind)).until("2026-12-17")
    assert life.told() == LADDER[:4]
    assert waiting(life.case, life.now).rule == "books"
    posted = replace(account(), books_through=date(2026, 12, 17))
    life.tell(at("2026-12-18", "08:00"), posted)
    assert life.until("2026-12-18").told()[-1] == ("12-18", "call")


@pytest.mark.parametrize(("collect_on", "overdue"), [(None, "12-08"), ("2026-12-04", "12-11")])
@pytest.mark.parametrize("collection", ["direct_debit", "card"])
def test_what_the_seller_collects_itself_is_asked_for_once_that_failed(
    collection: str, collect_on: str | None, overdue: str
) -> None:
    on = None if collect_on is None else date.fromisoformat(collect_on)
    life = Life.of(case(collection=collection, collect_on=on)).until("2026-12-12")
    asked = "12-02" if on is None else "12-07"  # the day after; 12-05 is a Saturday
    assert life.told() == [(asked, "due"), (overdue, "overdue")]


def test_a_step_dated_before_the_invoice_was_issued_is_left_out() -> None:
    short = case(opened=at("2026-11-25", "10:00"), issued_on=date(2026, 11, 25))
    assert Life.of(short).until("2026-12-01").told() == [("12-01", "due")]


def test_a_case_opened_after_a_step_before_due_takes_it_late() -> None:
    """Opened between the pre-due day and the due date, on an invoice issued before both."""
    assert Life.of(case(opened=at("2026-11-27", "10:00"))).until("2026-12-01").told()[0] == (
        "11-27",
        "pre_due",
    )


def test_an_amended_due_date_moves_the_ladder() -> None:
    amended = wire.InvoiceAmended(amendment_id="A-1", due_on=date(2026, 12, 10))
    life = Life.of(case()).tell(at("2026-11-25"), amended).until("2026-12-20")
    assert life.told() == [("11-24", "pre_due"), ("12-10", "due"), ("12-17", "overdue")]


# Rule 1. Nothing is sent for money known to be paid, held, promised, planned or disputed


STOPS: dict[str, object] = {
    "paid": paid(),
    "credited": credit("1250.00"),
    "promised": promise("2026-12-14"),
    "disputed": dispute(),
    "disputed to the cent": dispute("1250.00"),
    "held": hold(),
    "held until": hold(until="2026-12-30"),
    "snoozed": facts.Snoozed(until=date(2026, 12, 30), by="Kim"),
    "cancelled": wire.InvoiceCancelled(cancellation_id="X"),
    "scheduled": wire.InvoiceStatus(status_id="S", status="scheduled", pay_on=date(2026, 12, 14)),
    "unapplied cash covers it": replace(account(), unapplied={"USD": 125_000}),
    "unreadable": facts.UnreadableFact(item_id="7"),
}


@pytest.mark.parametrize("fact", STOPS.values(), ids=STOPS.keys())
def test_rule_1_nothing_is_sent_for_money_that_is_known_of(fact: object) -> None:
    life = Life.of(case()).tell(at("2026-12-01", "08:59"), fact).until("2026-12-15")
    assert life.told() == [("11-24", "pre_due")]


@pytest.mark.parametrize(
    ("fact", "asked"),
    [
        (paid("250.00"), 100_000),
        (credit("250.00"), 100_000),
        (dispute("250.00"), 100_000),
        (promise("2026-12-14", "250.00"), 100_000),
        (replace(account(), unapplied={"USD": 124_999}), 125_000),
        (replace(account(), unapplied={"EUR": 999_999}), 125_000),
    ],
)
def test_rule_1_the_rest_stays_collectable(fact: object, asked: int) -> None:
    life = Life.of(case()).tell(at("2026-12-01", "08:59"), fact).until(at("2026-12-01", "08:59:30"))
    now = at("2026-12-01", "09:00")
    assert contact_of(life.case, [], now).items[0].asked == asked


def test_rule_1_a_payment_of_today_comes_before_todays_reminder() -> None:
    same_instant = Life.of(case()).tell(at("2026-12-01", "09:00"), paid()).until("2026-12-31")
    assert same_instant.told() == [("11-24", "pre_due")]


def test_rule_1_a_promise_inside_a_dispute_pauses_all_of_it() -> None:
    life = Life.of(case())
    life.tell(at("2026-11-30"), dispute("450.00")).tell(at("2026-11-30"), promise("2026-12-07", "800.00"))
    assert life.until("2026-12-08").told() == [("11-24", "pre_due")]
    assert life.until("2026-12-10").told()[-1] == ("12-10", "due")  # grace ended on 12-09; the next rung


def test_rule_1_two_part_promises_pause_their_sum() -> None:
    life = Life.of(case())
    life.tell(at("2026-11-30"), promise("2026-12-07", "300.00", "A"))
    life.tell(at("2026-11-30"), promise("2026-12-09", "300.00", "B"))
    life.until(at("2026-12-01", "08:59:30"))
    assert contact_of(life.case, [], at("2026-12-01", "09:00")).items[0].asked == 65_000
    told = apply(life.case, paid("300.00", "2026-12-02"), at("2026-12-02"))
    assert contact_of(told, [], at("2026-12-08", "09:00")).items[0].asked == 65_000  # 300 are still promised


def test_rule_1_an_overpayment_never_becomes_a_negative_ask() -> None:
    over = apply(case(), paid("1300.00"), at("2026-12-01", "08:00"))
    assert (over.balance, over.overpaid) == (0, 5_000)
    assert [task.kind for task in decide(over, policy(), at("2026-12-01")).tasks] == ["overpaid"]


def test_rule_1_what_was_paid_on_a_cancelled_invoice_is_for_a_person() -> None:
    void = apply(
        apply(case(), paid("500.00"), at("2026-12-01")),
        wire.InvoiceCancelled(cancellation_id="X"),
        at("2026-12-01"),
    )
    assert (void.balance, void.overpaid) == (0, 50_000)
    assert [task.kind for task in decide(void, policy(), at("2026-12-01")).tasks] == ["overpaid"]


# Rule 2. Never twice


def test_rule_2_a_step_that_was_taken_is_not_due_again() -> None:
    now = at("2026-12-08", "09:00")
    assert carried(climbed("2026-12-07"), now).step is Step.OVERDUE
    after = took(climbed("2026-12-07"), "overdue", now)
    assert waiting(after, now).next_step is not None
    assert due_step(after, policy(), now) is None


def test_rule_2_a_claimed_message_blocks_every_other_contact() -> None:
    now = at("2026-12-08", "09:00")
    claimed = apply(climbed("2026-12-07"), facts.StepClaimed(message_id="M", step=Step.OVERDUE, cycle=0), now)
    wait = waiting(claimed, now)
    assert (wait.waiting_on, wait.until, wait.tasks) == (WaitingOn.DELIVERY, at("2026-12-08", "09:15"), ())
    later = waiting(claimed, at("2026-12-09", "09:00"))
    assert [task.kind for task in later.tasks] == ["unknown_delivery"]
    freed = apply(claimed, facts.ClaimFreed(message_id="M"), now)
    assert carried(freed, now).step is Step.OVERDUE


def test_rule_2_a_waiver_settles_a_message_nobody_knows_of() -> None:
    now = at("2026-12-08", "09:00")
    claimed = apply(climbed("2026-12-07"), facts.StepClaimed(message_id="M", step=Step.OVERDUE, cycle=0), now)
    waived = facts.DeliveryWaived(step=Step.OVERDUE, by="Kim", reason="told by phone")
    told = apply(claimed, waived, at("2026-12-09"))
    assert [taken.fact.step for taken in told.steps][-1] is Step.OVERDUE
    assert waiting(told, at("2026-12-09")).rule == "ladder"


def test_rule_2_the_cycle_counts_up_on_a_reopening_and_a_broken_promise_and_never_falls() -> None:
    life = Life.of(case()).tell(at("2026-12-09"), promise("2026-12-10"))
    life.tell(at("2026-12-16"), paid()).tell(at("2026-12-17"), reversed_())
    life.until("2027-01-31")
    cycles = [h.cycle for h in life.log if h.what in ("message", "task")]
    assert cycles[:4] == [0, 0, 0, 1]  # second overdue after the broken promise
    assert cycles[4] == 2
    assert cycles == sorted(cycles)


# Rule 3. Never missed, never a burst


@pytest.mark.parametrize(
    ("down", "up", "first", "second"),
    [
        ("2026-11-20", "2026-12-02", ("12-02", "due"), ("12-08", "overdue")),
        ("2026-11-20", "2026-12-10", ("12-10", "overdue"), ("12-15", "overdue_2")),
        # never past the second overdue notice, which the credit hold needs; then five days' pace
        ("2026-11-20", "2027-01-20", ("01-20", "overdue_2"), ("01-25", "credit_hold")),
        ("2026-12-16", "2027-01-04", ("01-04", "credit_hold"), ("01-15", "demand")),
        ("2026-12-16", "2027-02-10", ("02-10", "credit_hold"), ("02-15", "demand")),
    ],
)
def test_rule_3_after_an_outage_one_step_late_then_the_pace(
    down: str, up: str, first: tuple[str, str], second: tuple[str, str]
) -> None:
    life = Life.of(case()).outage(at(down, "00:00"), at(up, "11:00")).until("2027-03-01")
    after = [h for h in life.log if h.at >= at(up, "00:00") and h.what in ("message", "task")]
    assert [(h.on.isoformat()[5:], h.step) for h in after[:2]] == [first, second]
    assert after[0].catch_up


def test_rule_3_the_pace_is_kept_step_after_step() -> None:
    life = Life.of(case()).outage(at("2026-12-09", "00:00"), at("2027-02-10", "11:00")).until("2027-04-30")
    late = [h for h in life.log if h.on >= date(2027, 2, 10) and h.what in ("message", "task")]
    assert [h.step for h in late] == ["overdue_2", "credit_hold", "at_risk", "demand", "referral"]
    gaps = [(b.on - a.on).days for a, b in pairwise(late)]
    assert min(gaps) >= 5


def test_rule_3_rolling_for_window_and_weekend_is_not_late() -> None:
    saturday = case(due=date(2026, 12, 5), issued_on=date(2026, 12, 4), opened=at("2026-12-05", "13:00"))
    life = Life.of(saturday).until("2026-12-31")
    assert life.told()[:2] == [("12-07", "due"), ("12-14", "overdue")]  # Monday, and day 7 is a Saturday
    assert not any(h.catch_up for h in life.messages())
    evening = case(due=date(2026, 12, 1), opened=at("2026-12-01", "19:00"))
    life = Life.of(evening).until("2026-12-10")
    assert life.told() == [("12-02", "due"), ("12-08", "overdue")]
    assert not any(h.catch_up for h in life.messages())


def test_rule_3_a_step_that_was_late_before_a_siblings_message_stays_late() -> None:
    """The gap to another message excuses the days of the gap, not the days before."""
    fresh = case(of=account(last_unsolicited_on=date(2027, 1, 19)))
    now = at("2027-01-20", "10:00")
    late = due_step(replace(fresh, opened_at=at("2026-11-01")), policy(), at("2027-01-22", "10:00"))
    assert late is not None
    assert late.catch_up
    assert waiting(fresh, now).rule == "gap"
    on_time = case(of=account(last_unsolicited_on=date(2026, 11, 30)))
    after_gap = due_step(
        took(on_time, "pre_due", at("2026-11-24", "09:00")), policy(), at("2026-12-03", "10:00")
    )
    assert after_gap is not None
    assert not after_gap.catch_up


# Rule 4. No rung without its notice


HARSH = [
    ("2026-12-31", "overdue_2", Step.CREDIT_HOLD),
    ("2027-01-15", "credit_hold", Step.DEMAND),
    ("2027-02-01", "demand", Step.REFERRAL),
]


@pytest.mark.parametrize(("day", "before", "rung"), HARSH)
def test_rule_4_a_harsh_rung_waits_for_its_notice(day: str, before: str, rung: Step) -> None:
    def unproven(stage: Case) -> Case:
        taken = tuple(
            replace(t, fact=t.fact.model_copy(update={"proof": "none"})) if t.fact.step == before else t
            for t in stage.steps
        )
        return replace(stage, steps=taken)

    now = at(day, "09:00")
    proven = climbed(date.fromisoformat(day) - timedelta(days=1))
    assert carried(proven, now).step is rung
    bare = unproven(proven)
    wait = waiting(bare, now)
    assert (wait.waiting_on, wait.rule) == (WaitingOn.DELIVERY, "notice")
    assert [task.kind for task in wait.tasks] == ["contact"]
    message_id = next(t.fact.message_id for t in bare.steps if t.fact.step == before)
    assert message_id is not None
    delivered = apply(bare, facts.NoticeDelivered(message_id=message_id), now)
    assert carried(delivered, now).step is rung
    waived = apply(bare, facts.DeliveryWaived(step=Step(before), by="Kim", reason="read back"), now)
    assert carried(waived, now).step is rung
    bounced = apply(proven, facts.NoticeBounced(message_id=message_id), now)
    assert [task.kind for task in waiting(bounced, now).tasks] == ["contact"]


def test_rule_4_an_accepted_notice_counts_after_two_business_days() -> None:
    tight = policy(steps=steps(policy(), call=None, am_alert=None, credit_hold={"day": 15}))
    life = Life.of(case(), under=tight, proof="accepted").until("2026-12-31")
    assert ("12-18", "credit_hold") in life.told()  # the gap; accepted on 12-15, proven on 12-17
    slow = policy(steps=steps(policy(), call=None, am_alert=None, credit_hold={"day": 15}), gap_days=0)
    life = Life.of(case(), under=slow, proof="accepted").until("2026-12-31")
    assert ("12-17", "credit_hold") in life.told()


def test_rule_4_without_any_proof_a_contact_task_after_three_business_days() -> None:
    tight = policy(steps=steps(policy(), call=None, am_alert=None, credit_hold={"day": 15}), gap_days=0)
    life = Life.of(case(), under=tight, proof="none").until("2026-12-17")
    assert life.tasks == {}
    wait = waiting(life.case, life.now, tight)
    assert wait.until == at("2026-12-18", "00:00")
    life.until("2027-01-31")
    assert life.told()[-1] == ("12-15", "overdue_2")
    assert [kind for kind, _ in life.tasks] == ["contact"]


def test_rule_4_a_notice_that_was_never_sent_is_missing() -> None:
    """The second overdue notice was below its minimum when it was due; the credit hold still needs it."""
    picky = policy(steps=steps(policy(), overdue_2={"min_amount": {"USD": "1000.00"}}))
    life = Life.of(case(), under=picky).tell(at("2026-12-10"), dispute("800.00"))
    life.tell(at("2026-12-18"), resolved("rejected")).until("2027-01-10")
    assert ("12-15", "overdue_2") not in life.told()
    assert ("notice_missing", "0-credit_hold") in life.tasks
    waived = facts.DeliveryWaived(step=Step.OVERDUE_2, by="Kim", reason="spoken to")
    assert life.tell(at("2027-01-11"), waived).until("2027-01-11").told()[-1] == ("01-11", "credit_hold")


def test_rule_4_the_block_waits_for_the_notice_that_names_it() -> None:
    life = Life.of(case(), proof="none")
    for day in ("2026-12-15", "2026-12-31"):
        waived = facts.DeliveryWaived(step=Step.OVERDUE_2, by="Kim", reason="spoken to")
        life.tell(at(day, "18:00"), waived)
    life.until("2027-01-10")
    assert ("01-04", "credit_hold") not in life.told("block")
    assert life.told("block") == []
    noted = facts.DeliveryWaived(step=Step.CREDIT_HOLD, by="Kim", reason="spoken to")
    assert life.tell(at("2027-01-11"), noted).until("2027-01-11").told("block") == [("01-11", "credit_hold")]


def test_the_block_is_never_slept_through() -> None:
    """A wait for something else ends on the block date at the latest."""
    last = policy(steps=steps(policy(), demand=None, referral=None))
    assert Life.of(case(), under=last).until("2027-01-20").told("block") == [("01-05", "credit_hold")]
    stopped = Life.of(case()).until("2026-12-31")
    stopped.cases["INV-1"] = replace(stopped.cases["INV-1"], case=replace(stopped.case, recalled=None))
    assert waiting(stopped.case, at("2027-01-01"), last).until <= at("2027-01-05", "09:00")


def test_a_block_is_announced_in_business_days_and_placed_once() -> None:
    life = Life.of(case()).until("2027-01-31")
    notice = next(taken for taken in life.case.steps if taken.fact.step is Step.CREDIT_HOLD)
    assert notice.fact.block_on == date(2027, 1, 5)  # 12-31 is a Thursday
    assert life.told("block") == [("01-05", "credit_hold")]
    freed = apply(life.case, facts.CreditHoldReleased(cycle=0), at("2027-02-01", "08:00"))
    assert carried(freed, at("2027-02-01", "09:00")).effect == "contact"


# Rule 6. Late entry is gentle


def test_rule_6_late_entry_starts_with_the_first_overdue_notice_and_climbs_at_the_pace() -> None:
    late = case(due=date(2026, 10, 15), opened=at("2026-11-27", "10:00"))  # a Friday
    life = Life.of(late).until("2027-01-31")
    told = life.told()
    assert told[:4] == [
        ("11-30", "overdue"),
        ("12-07", "overdue_2"),
        ("12-14", "call"),
        ("12-21", "am_alert"),
    ]
    days = [h.on for h in life.log if h.what in ("message", "task")]
    assert min((b - a).days for a, b in pairwise(days)) >= 5


def test_rule_6_what_enters_at_risk_starts_with_the_outreach_instead() -> None:
    late = case(due=date(2026, 9, 13), opened=at("2026-11-30", "10:00"))
    told = Life.of(late).until("2027-01-31").told()
    assert told[:3] == [("12-01", "at_risk"), ("12-07", "overdue_2"), ("12-14", "call")]
    assert "overdue" not in [step for _, step in told]


def test_rule_6_a_policy_may_give_its_own_days_for_late_entry() -> None:
    late = case(due=date(2026, 10, 16), opened=at("2026-11-30", "10:00"))
    told = Life.of(late, under=policy("strategic")).until("2026-12-20").told()
    assert told == [("12-01", "overdue"), ("12-07", "call"), ("12-14", "am_alert")]


def test_rule_6_those_days_do_not_become_a_burst_after_a_hold() -> None:
    late = case(due=date(2026, 10, 16), opened=at("2026-11-30", "10:00"))
    life = Life.of(late, under=policy("strategic"))
    life.tell(at("2026-12-02"), hold(until="2026-12-20")).until("2026-12-31")
    assert life.told() == [("12-01", "overdue"), ("12-21", "call"), ("12-28", "am_alert")]


def test_rule_6_where_the_outreach_came_first_it_is_the_notice() -> None:
    late = case(due=date(2026, 9, 13), opened=at("2026-11-30", "10:00"))
    life = Life.of(late, under=policy("strategic"), approve=True).until("2027-01-31")
    assert life.told()[:4] == [
        ("12-01", "at_risk"),
        ("12-07", "call"),
        ("12-14", "am_alert"),
        ("12-21", "credit_hold"),
    ]


def test_rule_6_history_from_another_system_counts() -> None:
    late = case(due=date(2026, 10, 15), opened=at("2026-11-27", "10:00"))
    for step, on in (("overdue", date(2026, 10, 22)), ("overdue_2", date(2026, 10, 29))):
        late = took(late, step, at("2026-11-27", "10:00"), message_id=None, proof="accepted", on=on)
    assert Life.of(late).until("2026-12-10").told() == [("11-30", "call"), ("12-07", "am_alert")]


def test_late_entry_means_opened_after_the_due_date() -> None:
    on_the_day = case(opened=at("2026-12-01", "08:00"))
    assert Life.of(on_the_day).until("2026-12-08").told() == [("12-01", "due"), ("12-08", "overdue")]
    a_day_later = case(opened=at("2026-12-02", "08:00"))
    assert Life.of(a_day_later).until("2026-12-08").told() == [("12-03", "overdue")]


# Rule 7. The customer's clock


def test_rule_7_what_falls_outside_the_window_rolls_forward() -> None:
    sunday = case(due=date(2026, 12, 6))
    assert Life.of(sunday).until("2026-12-14").told() == [
        ("11-30", "pre_due"),
        ("12-07", "due"),
        ("12-14", "overdue"),
    ]
    decision = waiting(climbed("2026-11-30"), at("2026-12-01", "03:00"))
    assert decision.until == at("2026-12-01", "09:00")
    late_in_the_day = waiting(climbed("2026-11-30"), at("2026-12-01", "16:00"))
    assert late_in_the_day.until == at("2026-12-02", "09:00")


def test_rule_7_holidays_of_the_customer() -> None:
    closed = account(holidays=frozenset({date(2026, 12, 1), date(2026, 12, 2)}))
    under = policy(calendar="country")
    assert ("12-03", "due") in Life.of(case(of=closed), under=under).until("2026-12-03").told()


@pytest.mark.parametrize(
    ("zone", "instant"),
    [
        ("America/New_York", "2026-12-01T14:00+00:00"),
        ("Europe/Berlin", "2026-12-01T08:00+00:00"),
        ("Asia/Tokyo", "2026-12-01T00:00+00:00"),
        ("Pacific/Kiritimati", "2026-11-30T19:00+00:00"),
    ],
)
def test_rule_7_the_window_opens_by_the_customers_clock(zone: str, instant: str) -> None:
    local = took(case(of=account(zone=zone)), "pre_due", at("2026-11-24"))
    decision = waiting(local, datetime(2026, 11, 27, tzinfo=UTC))
    assert decision.until == datetime.fromisoformat(instant)


def test_rule_7_the_window_keeps_the_wall_clock_over_a_clock_change() -> None:
    for due, hour in ((date(2027, 3, 12), 14), (date(2027, 3, 15), 13)):
        life = Life.of(case(due=due)).until(at(due, "15:00"))
        assert life.log[-1].at == datetime(due.year, due.month, due.day, hour, tzinfo=UTC)


def test_rule_7_dates_end_at_midnight_of_the_customer() -> None:
    promised = apply(climbed("2026-12-02"), promise("2026-12-04"), at("2026-12-03"))
    wait = waiting(promised, at("2026-12-03"))
    assert wait.until == at("2026-12-09", "00:00")  # Friday, two business days of grace, then midnight


def test_wake_ups_are_spread_inside_the_window() -> None:
    spread = policy(spread_minutes=120, jitter_minutes=10)
    instants = set()
    for number in range(40):
        one = took(case(f"INV-{number}", of=account(f"C-{number}")), "pre_due", at("2026-11-24"))
        instants.add(waiting(one, at("2026-11-30"), spread).until)
    assert len(instants) > 30
    assert at("2026-12-01", "09:00") <= min(instants)
    assert max(instants) <= at("2026-12-01", "11:10")
    same_customer = {
        waiting(took(case(f"INV-{n}"), "pre_due", at("2026-11-24")), at("2026-11-30"), spread).until
        for n in range(20)
    }
    assert max(same_customer) - min(same_customer) <= timedelta(minutes=10)


# Rule 8. A paused case says until when, and a resumed one does not jump


@pytest.mark.parametrize(
    ("fact", "waiting_on", "until"),
    [
        (hold(until="2026-12-20"), WaitingOn.HOLD, at("2026-12-21", "00:00")),
        (hold(), WaitingOn.HOLD, None),
        (hold(reason="insolvency", until="2026-12-20"), WaitingOn.HOLD, None),
        (facts.Snoozed(until=date(2026, 12, 20), by="Kim"), WaitingOn.HOLD, at("2026-12-21", "00:00")),
        (promise("2026-12-11"), WaitingOn.PROMISE, at("2026-12-16", "00:00")),
        (dispute(), WaitingOn.DISPUTE, None),
    ],
)
def test_rule_8_a_paused_case_says_until_when(
    fact: object, waiting_on: WaitingOn, until: datetime | None
) -> None:
    now = at("2026-12-03")
    wait = waiting(apply(climbed("2026-12-02"), fact, now), now)
    assert wait.waiting_on is waiting_on
    assert wait.until == (until or now + timedelta(days=30))


def test_rule_8_after_a_broken_promise_the_next_rung_and_not_further() -> None:
    life = Life.of(case()).tell(at("2026-12-09"), promise("2026-12-21")).until("2027-01-31")
    assert life.told()[3:6] == [("12-24", "overdue_2"), ("12-29", "call"), ("01-04", "am_alert")]


@pytest.mark.parametrize(
    ("pause", "end", "first"),
    [
        (hold(), released(), ("01-20", "overdue_2")),
        (hold(until="2027-01-19"), None, ("01-20", "overdue_2")),
        (facts.Snoozed(until=date(2027, 1, 19), by="Kim"), None, ("01-20", "overdue_2")),
        (dispute(), resolved("rejected"), ("01-20", "overdue_2")),
        (
            dispute(),
            resolved("partly", credit={"credit_id": "CN", "amount": "200.00"}),
            ("01-20", "overdue_2"),
        ),
    ],
)
def test_rule_8_a_resumed_case_does_not_jump(pause: object, end: object, first: tuple[str, str]) -> None:
    life = Life.of(case()).tell(at("2026-12-10"), pause)
    if end is not None:
        life.tell(at("2027-01-20", "08:00"), end)
    life.until("2027-03-31")
    resumed = [h for h in life.log if h.on > date(2026, 12, 10) and h.what in ("message", "task")]
    assert (resumed[0].on.isoformat()[5:], resumed[0].step) == first
    assert [h.step for h in resumed[1:3]] == ["call", "am_alert"]
    assert min((b.on - a.on).days for a, b in pairwise(resumed)) >= 5


def test_rule_8_the_newest_end_of_a_pause_counts() -> None:
    """A dispute upheld without a credit stays frozen until one comes: only then the case resumes."""
    life = Life.of(case()).tell(at("2026-12-10"), dispute()).tell(at("2026-12-11"), resolved("upheld"))
    life.tell(at("2027-01-20", "08:00"), credit("200.00")).until("2027-02-10")
    resumed = [h.step for h in life.log if h.on > date(2026, 12, 10) and h.what in ("message", "task")]
    assert resumed[:3] == ["overdue_2", "call", "am_alert"]


def test_rule_8_a_hold_released_after_its_date_ended_with_the_date() -> None:
    life = Life.of(case()).tell(at("2026-12-03"), hold(until="2026-12-04"))
    life.tell(at("2026-12-16"), released()).until("2026-12-22")
    assert life.told() == LADDER[:6]


def test_rule_8_a_broken_promise_is_healed_by_late_evidence() -> None:
    life = Life.of(case()).tell(at("2026-12-02"), promise("2026-12-03", "500.00"))
    life.until("2026-12-08")
    assert life.log[-1].cycle == 1  # the promise was broken: overdue begins another cycle
    healed = Life.of(case()).tell(at("2026-12-02"), promise("2026-12-03", "500.00"))
    healed.tell(at("2026-12-07"), paid("500.00", on="2026-12-03")).until("2026-12-08")
    assert healed.log[-1].cycle == 0


def test_rule_8_an_extension_moves_the_promise_and_breaks_nothing() -> None:
    life = Life.of(case()).tell(at("2026-12-02"), promise("2026-12-04", promise_id="A"))
    life.tell(at("2026-12-08"), promise("2026-12-14", promise_id="B")).until("2026-12-16")
    assert life.told() == LADDER[:2]
    life.tell(at("2026-12-16", "13:00"), paid(on="2026-12-16")).until("2026-12-31")
    assert life.told() == LADDER[:2]
    third = Life.of(case()).tell(at("2026-12-02"), promise("2026-12-04", promise_id="A"))
    third.tell(at("2026-12-07"), promise("2026-12-09", promise_id="B"))
    third.tell(at("2026-12-10"), promise("2026-12-23", promise_id="C")).until("2026-12-14")
    assert third.told()[-1] == ("12-14", "overdue")  # one extension: the third pauses nothing
    assert ("promise_limit", "C") in third.tasks


def test_rule_8_a_promise_beyond_the_limit_pauses_to_the_limit_and_makes_a_task() -> None:
    life = Life.of(case()).tell(at("2026-12-02"), promise("2027-02-01")).until("2026-12-31")
    assert ("promise_limit", "PR-1") in life.tasks
    assert life.told()[2] == ("12-21", "overdue")  # 14 days to 12-16, grace to 12-18, then Monday


# Rule 9. A case never chases because of bad input


def test_rule_9_an_unreadable_fact_pauses_until_a_person_has_looked() -> None:
    life = Life.of(case()).tell(at("2026-12-02"), facts.UnreadableFact(item_id="17")).until("2026-12-20")
    assert life.told() == LADDER[:2]
    life.tell(at("2026-12-21", "08:00"), released("item-17")).until("2026-12-21")
    assert life.told()[-1] == ("12-21", "overdue")


# Rule 10. A person is asked, not assumed


def test_rule_10_an_approval_that_expires_is_asked_again_one_rank_higher() -> None:
    strategic = policy("strategic")
    life = Life.of(case(), under=strategic).until("2027-02-10")
    assert life.told()[-1] == ("12-22", "am_alert")
    assert life.told("ask")[:3] == [
        ("12-31", "credit_hold"),
        ("01-08", "credit_hold"),  # five business days after 12-31 end on 01-07
        ("01-18", "credit_hold"),
    ]
    asked = life.case.approval
    assert asked is not None
    assert asked.fact.rank == len(life.told("ask")) - 1


def test_rule_10_waiting_for_approval_names_the_message_and_the_expiry() -> None:
    life = Life.of(case(), under=policy("strategic")).until(at("2026-12-31", "12:00"))
    decision = decide(life.case, policy("strategic"), life.now)
    assert isinstance(decision, AskApproval)
    assert (decision.step, decision.until) == (Step.CREDIT_HOLD, at("2027-01-08", "00:00"))


def test_rule_10_an_approved_step_goes_out_in_the_window() -> None:
    strategic = policy("strategic")
    life = Life.of(case(), under=strategic).until(at("2026-12-31", "20:00"))
    message_id = life.case.approval.fact.message_id if life.case.approval else ""
    life.tell(at("2026-12-31", "21:00"), facts.ApprovalGiven(message_id=message_id, by="Kim"))
    assert life.until("2027-01-04").told()[-1] == ("01-01", "credit_hold")


def test_rule_10_a_denied_step_is_skipped_for_this_cycle() -> None:
    strategic = policy("strategic")
    life = Life.of(case(), under=strategic).until(at("2026-12-31", "20:00"))
    denied = facts.StepSkipped(step=Step.CREDIT_HOLD, cycle=0, by="Kim", reason="denied")
    life.tell(at("2026-12-31", "21:00"), denied).until("2027-01-18")
    assert life.told("ask") == [("12-31", "credit_hold"), ("01-15", "demand")]


@pytest.mark.parametrize("kind", [CustomerKind.PERSON, CustomerKind.SOLE_TRADER])
@pytest.mark.parametrize(("day", "before", "rung"), HARSH)
def test_rule_10_natural_persons_get_harsh_steps_by_hand_only(
    kind: CustomerKind, day: str, before: str, rung: Step
) -> None:
    stage = climbed(date.fromisoformat(day) - timedelta(days=1))
    person = replace(stage, account=replace(stage.account, kind=kind))
    now = at(day, "09:00")
    assert carried(person, now).approval == "ask"
    assert carried(stage, now).approval == "none"
    by_hand = apply(person, facts.StepRequested(step=rung, by="Kim"), now)
    assert (carried(by_hand, now).approval, carried(by_hand, now).cycle) == ("none", stage.cycle + 1)


def test_a_requested_step_goes_out_of_turn_but_keeps_the_gap_and_its_notice() -> None:
    stage = replace(climbed("2026-12-09"), account=account(last_unsolicited_on=date(2026, 12, 8)))
    asked = apply(stage, facts.StepRequested(step=Step.OVERDUE_2, by="Kim"), at("2026-12-09"))
    wait = waiting(asked, at("2026-12-09"))
    assert (wait.rule, wait.until) == ("gap", at("2026-12-11", "09:00"))
    assert carried(asked, at("2026-12-11", "09:00")).cycle == 1
    harsh = apply(stage, facts.StepRequested(step=Step.DEMAND, by="Kim"), at("2026-12-09"))
    assert [task.kind for task in waiting(harsh, at("2026-12-11", "10:00")).tasks] == ["notice_missing"]


# Rule 11. Small money stays small


@pytest.mark.parametrize(
    ("amount", "closes"), [("1250.00", True), ("1249.00", True), ("1248.99", False), ("1251.00", True)]
)
def test_rule_11_a_rest_within_tolerance_closes(amount: str, closes: bool) -> None:
    told = apply(climbed("2026-12-02"), paid(amount), at("2026-12-03"))
    assert (waiting(told, at("2026-12-03")).waiting_on is WaitingOn.SETTLEMENT) is closes


def test_rule_11_an_invoice_below_the_tolerance_is_still_asked_for() -> None:
    tiny = case(amount=90)
    assert Life.of(tiny).until("2026-12-08").told() == LADDER[:3]


@pytest.mark.parametrize(("amount", "kept"), [("499.00", True), ("498.99", False)])
def test_rule_11_a_bank_fee_breaks_no_promise(amount: str, kept: bool) -> None:
    life = Life.of(case()).tell(at("2026-12-02"), promise("2026-12-03", "500.00"))
    life.tell(at("2026-12-03"), paid(amount, on="2026-12-03")).until("2026-12-08")
    assert life.log[-1].cycle == (0 if kept else 1)


def test_rule_11_forty_dollars_never_block_an_account() -> None:
    life = Life.of(case(amount=4_000)).until("2027-02-28")
    assert life.told() == [*LADDER[:6], ("02-17", "at_risk")]
    assert life.told("block") == []
    assert [kind for kind, _ in life.tasks] == ["ladder_ended"]


def test_rule_11_a_minimum_holds_for_the_outreach_too() -> None:
    large_only = policy(steps=steps(policy(), at_risk={"min_amount": {"USD": "50.00"}}))
    assert Life.of(case(amount=4_000), under=large_only).until("2027-02-28").told() == LADDER[:6]


# Rule 12. Every decision says why


def test_rule_12_every_decision_names_its_rule_and_says_why() -> None:
    life = Life.of(case(), under=policy("strategic"), approve=True).tell(
        at("2026-12-09"), promise("2026-12-14")
    )
    life.tell(at("2027-01-20"), paid(on="2027-01-20")).until("2027-02-28")
    assert {type(decision).__name__ for _, _, decision in life.decisions} >= {"Wait", "CarryOut", "Close"}
    for _, _, decision in life.decisions:
        assert decision.rule
        assert decision.why
        assert decision.why == decision.why.strip()


def test_rule_12_reasons_are_words_for_people() -> None:
    assert (
        carried(climbed("2026-12-07"), at("2026-12-08")).why
        == "overdue: 7 days after the due date 2026-12-01"
    )
    promised = apply(climbed("2026-12-02"), promise("2026-12-11"), at("2026-12-03"))
    assert waiting(promised, at("2026-12-03")).why == "promised by 2026-12-11, grace until 2026-12-15"


# At risk


def test_an_unpaid_case_is_flagged_before_the_write_off_age() -> None:
    life = Life.of(case(amount=4_000)).until("2027-02-16")
    assert life.told()[-1] == ("12-22", "am_alert")
    assert life.until("2027-02-17").told()[-1] == ("02-17", "at_risk")  # 78 days past due


def test_a_case_is_flagged_when_its_score_crosses_the_line_by_age_alone() -> None:
    """A noted risk (30) leaves 50 points of age: 75 days past due, before the warning on day 78."""
    noted = wire.RiskNoted(note_id="N", text="layoffs")
    life = Life.of(case(amount=4_000)).tell(at("2026-12-02"), noted).until("2027-02-28")
    assert life.told()[-1] == ("02-15", "at_risk")  # 75 days past due is a Sunday, 02-14


def test_a_paused_case_is_only_flagged_with_a_task() -> None:
    life = Life.of(case()).tell(at("2026-12-02"), hold()).until("2027-02-16")
    assert life.tasks == {}
    life.until("2027-02-17")
    assert [kind for kind, _ in life.tasks] == ["at_risk"]
    assert life.told() == LADDER[:2]


def test_a_referred_case_is_not_at_risk() -> None:
    life = Life.of(case()).until("2027-06-01")
    assert "at_risk" not in [step for _, step in life.told()]


# Closing and reopening


def test_a_reversal_during_settlement_reopens_at_the_first_overdue_notice() -> None:
    life = Life.of(case()).until("2027-01-16").tell(at("2027-01-20"), paid(on="2027-01-20"))
    life.tell(at("2027-01-22"), reversed_()).until("2027-03-31")
    again = [h for h in life.log if h.on > date(2027, 1, 22) and h.what in ("message", "task")]
    assert (again[0].on, again[0].step, again[0].cycle) == (date(2027, 1, 25), "overdue", 1)
    assert [h.step for h in again[:4]] == ["overdue", "overdue_2", "call", "am_alert"]
    assert all(h.cycle == 1 for h in again)


def test_a_reversal_before_the_due_date_lets_the_ladder_go_on() -> None:
    life = Life.of(case()).tell(at("2026-11-20"), paid(on="2026-11-20")).tell(at("2026-11-25"), reversed_())
    life.until("2026-12-08")
    assert life.told() == [("11-25", "pre_due"), ("12-01", "due"), ("12-08", "overdue")]
    assert life.case.cycle == 0


def test_only_what_was_reversed_since_the_last_step_reopens() -> None:
    """A whole payment came back in an earlier cycle; a small one now does not send the case down again."""
    life = Life.of(case()).until("2026-12-08").tell(at("2026-12-09"), paid(on="2026-12-09"))
    life.tell(at("2026-12-10"), reversed_()).until("2026-12-20")
    assert life.told()[-1] == ("12-14", "overdue")
    small = paid("100.00", on="2026-12-17", payment_id="P-2")
    life.tell(at("2026-12-17"), small)
    life.tell(at("2026-12-18"), reversed_("P-2", "100.00", "R-2")).until("2026-12-31")
    assert life.told()[4:6] == [("12-21", "overdue_2"), ("12-28", "am_alert")]
    assert life.case.cycle == 1


def test_a_chargeback_does_not_block_orders_on_an_old_notice() -> None:
    life = Life.of(case()).until("2026-12-31").tell(at("2027-01-04", "08:00"), paid(on="2027-01-04"))
    life.tell(at("2027-01-05", "08:00"), reversed_()).until("2027-01-08")
    assert life.told("block") == []
    assert life.told()[-1] == ("01-06", "overdue")


def test_a_closed_case_with_nothing_owed_returns_what_was_recorded() -> None:
    life = Life.of(case()).tell(at("2026-12-03"), credit("1250.00")).until("2026-12-04")
    again = apply(life.case, paid("10.00"), at("2027-06-01"))
    decision = decide(again, policy(), at("2027-06-01"))
    assert isinstance(decision, Close)
    assert (decision.outcome, decision.rule) == (Outcome.CREDITED, "closed")


def test_a_chargeback_long_after_closing_reopens_at_a_renoticed_stage() -> None:
    life = (
        Life.of(case()).until("2027-01-16").tell(at("2027-01-20"), paid(on="2027-01-20")).until("2027-02-28")
    )
    assert life.told("close") == [("01-27", "paid")]
    back = apply(life.case, reversed_(), at("2027-06-01"))  # a Tuesday
    wait = waiting(back, at("2027-06-01"))
    assert wait.next_step is not None
    assert (wait.next_step.step, wait.until) == (Step.OVERDUE, at("2027-06-02", "09:00"))
    assert carried(back, at("2027-06-02", "09:00")).cycle == 1


def test_a_charge_after_closing_reopens_at_a_renoticed_stage() -> None:
    life = Life.of(case()).tell(at("2026-12-02"), paid(on="2026-12-02")).until("2026-12-31")
    charge = wire.ChargeAdded(charge_id="I", amount="80.00", currency="USD", kind="interest")
    wait = waiting(apply(life.case, charge, at("2027-06-01")), at("2027-06-01"))
    assert wait.next_step is not None
    assert (wait.next_step.step, wait.until) == (Step.OVERDUE, at("2027-06-02", "09:00"))


def test_a_referred_case_stays_with_its_partner() -> None:
    """No second climb, however often it is started again."""
    life = Life.of(case()).until("2027-08-15")
    assert life.told("close") == [("07-31", "referred")]
    decision = decide(life.case, policy(), at("2027-12-01"))
    assert isinstance(decision, Close)
    assert decision.outcome is Outcome.REFERRED


def test_a_recalled_case_waits_for_a_person() -> None:
    life = Life.of(case()).until("2027-02-02")
    life.tell(at("2027-02-10"), facts.Recalled(by="Kim", reason="they called")).until("2027-03-31")
    assert life.told() == LADDER
    assert ("recalled", "0") in life.tasks
    life.tell(at("2027-04-01", "08:00"), facts.StepRequested(step=Step.OVERDUE, by="Kim")).until("2027-04-01")
    assert life.told()[-1] == ("04-01", "overdue")


def test_money_that_comes_back_during_the_referral_watch_is_still_the_partners() -> None:
    life = Life.of(case()).until("2027-02-02").tell(at("2027-02-10"), paid("500.00", on="2027-02-10"))
    life.tell(at("2027-02-12"), reversed_(amount="500.00")).until("2027-04-30")
    assert life.told() == LADDER


# Confirmations


def test_a_promise_given_by_phone_is_confirmed_inside_the_window_whatever_the_gap() -> None:
    life = Life.of(case()).until("2026-12-08")
    life.tell(at("2026-12-08", "18:00"), promise("2026-12-14", source="phone")).until("2026-12-09")
    last = list(life.messages())[-1]
    assert (last.step, last.at, last.unsolicited) == (
        Note.PROMISE_CONFIRMED,
        at("2026-12-09", "09:00"),
        False,
    )
    assert [h.step for h in life.messages()].count(Note.PROMISE_CONFIRMED) == 1


@pytest.mark.parametrize("outcome", [o for o in CallOutcome if o is not CallOutcome.REACHED])
def test_only_a_conversation_is_confirmed(outcome: CallOutcome) -> None:
    now = at("2026-12-10")
    call = facts.CallLogged(call_id="K", outcome=outcome, by="Kim")
    assert isinstance(decide(apply(climbed("2026-12-09"), call, now), policy(), now), Wait)
    reached = facts.CallLogged(call_id="K", outcome=CallOutcome.REACHED, by="Kim")
    assert carried(apply(climbed("2026-12-09"), reached, now), now).step is Note.CALL_CONFIRMED


@pytest.mark.parametrize("insolvent", [hold(), hold(reason="insolvency")])
def test_nothing_at_all_is_written_during_a_hold(insolvent: wire.HoldPlaced) -> None:
    now = at("2026-12-10")
    held = apply(climbed("2026-12-09"), insolvent, now)
    told = apply(held, promise("2026-12-14", source="phone"), now)
    assert waiting(told, now).waiting_on is WaitingOn.HOLD


# Facts that are easily got wrong

ODD: dict[str, tuple[list[object], int, int]] = {
    "reversal before its payment": ([reversed_(amount="500.00"), paid("500.00")], 125_000, 0),
    "reversal of more than its payment": ([paid("500.00"), reversed_(amount="900.00")], 125_000, 0),
    "two reversals of one payment": (
        [paid("500.00"), reversed_(amount="300.00"), reversed_(amount="300.00", reversal_id="R-2")],
        125_000,
        0,
    ),
    "reversal of an unknown payment": ([reversed_("P-9")], 125_000, 0),
    "a repeated payment": ([paid("500.00"), paid("500.00")], 75_000, 0),
    "the same id with another amount": ([paid("500.00"), paid("900.00")], 75_000, 0),
    "a waiver beyond the charges": (
        [wire.ChargeWaived(charge_id="I", amount="80.00", currency="USD", kind="fee")],
        125_000,
        0,
    ),
    "a credit that came as a dispute's and as a note": (
        [
            dispute("200.00"),
            resolved("upheld", credit={"credit_id": "CN-1", "amount": "200.00"}),
            credit("200.00"),
        ],
        105_000,
        0,
    ),
    "a note that differs from the dispute's credit": (
        [
            credit("250.00"),
            dispute("200.00"),
            resolved("upheld", credit={"credit_id": "CN-1", "amount": "200.00"}),
        ],
        100_000,
        0,
    ),
    "a deduction": (
        [paid("1000.00", deductions=[{"amount": "250.00", "reason": "freight"}])],
        25_000,
        25_000,
    ),
    "deductions of long ids": (
        [
            paid("100.00", payment_id="P" * 60 + "1", deductions=[{"amount": "100.00", "reason": "freight"}]),
            paid("100.00", payment_id="P" * 60 + "2", deductions=[{"amount": "100.00", "reason": "freight"}]),
        ],
        105_000,
        20_000,
    ),
    "upheld without a credit": ([dispute("200.00"), resolved("upheld")], 125_000, 20_000),
    "a later credit ends that": ([dispute("200.00"), resolved("partly"), credit("50.00")], 120_000, 0),
    "one credit does not end two disputes": (
        [
            dispute("200.00"),
            resolved("upheld"),
            dispute("300.00", "D-2"),
            resolved("upheld", "D-2"),
            credit("200.00"),
        ],
        105_000,
        30_000,
    ),
    "a resolution before its dispute": ([resolved("rejected"), dispute("200.00")], 125_000, 0),
    "two disputes over more than is owed": ([dispute("800.00"), dispute("800.00", "D-2")], 125_000, 125_000),
}


@pytest.mark.parametrize(("told", "balance", "frozen"), ODD.values(), ids=ODD.keys())
def test_money(told: list[object], balance: int, frozen: int) -> None:
    filed = case()
    for fact in told:
        filed = apply(filed, fact, at("2026-12-03"))
    assert (filed.balance, frozen_amount(filed)) == (balance, frozen)


def test_an_older_credit_does_not_end_a_later_dispute() -> None:
    filed = apply(case(), credit("50.00"), at("2026-11-20"))
    filed = took(filed, "pre_due", at("2026-11-24"))
    for fact in (dispute("200.00"), resolved("upheld")):
        filed = apply(filed, fact, at("2026-12-03"))
    assert filed.open_disputes == ("D-1",)


def test_the_newest_amendment_counts_whatever_its_id() -> None:
    filed = apply(case(), wire.InvoiceAmended(amendment_id="B", amount="900.00"), at("2026-11-20"))
    filed = took(filed, "pre_due", at("2026-11-24"))
    filed = apply(filed, wire.InvoiceAmended(amendment_id="A", amount="800.00"), at("2026-11-25"))
    assert filed.balance == 80_000
    numbered = apply(case(), wire.InvoiceAmended(amendment_id="A-10", amount="900.00"), at("2026-11-20"))
    numbered = apply(numbered, wire.InvoiceAmended(amendment_id="A-9", amount="800.00"), at("2026-11-20"))
    assert numbered.balance == 90_000


@pytest.mark.parametrize(
    ("charged", "waived", "balance"),
    [("80.00", None, 133_000), ("80.00", "30.00", 130_000), ("80.00", "95.00", 125_000)],
)
def test_charges_and_waivers(charged: str, waived: str | None, balance: int) -> None:
    filed = apply(
        case(),
        wire.ChargeAdded(charge_id="I", amount=charged, currency="USD", kind="interest"),
        at("2026-12-03"),
    )
    if waived is not None:
        waiver = wire.ChargeWaived(charge_id="I", amount=waived, currency="USD", kind="interest")
        filed = apply(filed, waiver, at("2026-12-03"))
    assert filed.balance == balance


def test_a_write_off_covers_charges_too() -> None:
    charge = wire.ChargeAdded(charge_id="I", amount="80.00", currency="USD", kind="interest")
    given_up = facts.WrittenOff(write_off_id="W", amount="1330.00", by="Kim", reason="gone")
    filed = apply(apply(case(), charge, at("2026-12-03")), given_up, at("2026-12-03"))
    assert (filed.balance, filed.written_off, filed.recovered) == (0, 133_000, 0)


def test_one_cent_is_owed_until_something_came() -> None:
    assert not is_settled(case(amount=1), policy())
    assert is_settled(apply(case(amount=1), paid("0.01"), at("2026-12-03")), policy())


# What a promise is worth


def state_of(told: Case, today: str, promise_id: str = "PR-1") -> PromiseState:
    found = {p.promise_id: p.state for p in promises(told, policy(), date.fromisoformat(today))}
    return found[promise_id]


@pytest.mark.parametrize(
    ("received", "state"),
    [
        ("2026-12-08", PromiseState.KEPT),  # promised by Friday 12-04, two business days of grace
        ("2026-12-09", PromiseState.BROKEN),
    ],
)
def test_a_promise_of_everything_is_kept_by_the_last_day_of_grace(received: str, state: PromiseState) -> None:
    told = apply(climbed("2026-12-02"), promise("2026-12-04"), at("2026-12-03"))
    told = apply(told, paid(on=received), at("2026-12-20"))
    assert state_of(told, "2026-12-20") is state


@pytest.mark.parametrize(
    ("amount", "state"), [("999.00", PromiseState.KEPT), ("998.99", PromiseState.BROKEN)]
)
def test_a_promise_of_everything_means_what_is_not_disputed(amount: str, state: PromiseState) -> None:
    told = apply(climbed("2026-12-02"), promise("2026-12-04"), at("2026-12-03"))
    told = apply(
        apply(told, dispute("250.00"), at("2026-12-03")), paid(amount, on="2026-12-04"), at("2026-12-04")
    )
    assert state_of(told, "2026-12-20") is state


def test_a_promise_of_little_is_not_kept_by_nothing() -> None:
    tiny = apply(case(amount=90), promise("2026-12-04"), at("2026-12-03"))
    assert state_of(tiny, "2026-12-04") is PromiseState.OPEN
    assert state_of(tiny, "2026-12-09") is PromiseState.BROKEN


def test_one_payment_keeps_two_part_promises_only_once_both_are_over() -> None:
    """While both run it might be the first of two; afterwards nobody is blamed for an extension."""
    told = apply(climbed("2026-12-02"), promise("2026-12-04", "300.00", "A"), at("2026-12-03"))
    told = apply(told, promise("2026-12-07", "300.00", "B"), at("2026-12-04"))
    told = apply(told, paid("300.00", on="2026-12-04"), at("2026-12-04"))
    assert (state_of(told, "2026-12-04", "A"), state_of(told, "2026-12-04", "B")) == ("kept", "open")
    assert (state_of(told, "2026-12-10", "A"), state_of(told, "2026-12-10", "B")) == ("kept", "kept")


@pytest.mark.parametrize(
    ("second_made", "first_state"), [("2026-12-08", PromiseState.OPEN), ("2026-12-09", PromiseState.BROKEN)]
)
def test_a_promise_is_extended_by_one_given_before_its_grace_ends(
    second_made: str, first_state: PromiseState
) -> None:
    told = apply(climbed("2026-12-02"), promise("2026-12-04", promise_id="A"), at("2026-12-03"))
    told = apply(told, promise("2026-12-14", promise_id="B"), at(second_made))
    assert state_of(told, "2026-12-16", "A") is first_state
    assert state_of(told, "2026-12-16", "B") is PromiseState.OPEN
    assert state_of(told, "2026-12-17", "A") is PromiseState.BROKEN
    told = apply(told, paid(on="2026-12-16"), at("2026-12-16"))
    assert state_of(told, "2026-12-17", "A") is (
        PromiseState.KEPT if first_state is PromiseState.OPEN else PromiseState.BROKEN
    )


def test_a_wait_does_not_sleep_through_a_broken_part_promise() -> None:
    """It pauses only its amount, so the ladder's wait is longer; its breaking may put the case at risk."""
    told = apply(climbed("2026-12-22"), promise("2026-12-24", "100.00"), at("2026-12-23"))
    assert waiting(told, at("2026-12-23")).until == at("2026-12-29", "00:00")  # grace ends on Monday 12-28
    held = apply(told, hold(), at("2026-12-23"))
    assert waiting(held, at("2026-12-23")).until == at("2026-12-29", "00:00")
    sensitive = policy(at_risk={"score_line": 33})  # 28 days past due give 18, a broken promise 15
    life = Life.of(case(), under=sensitive).tell(at("2026-12-23"), promise("2026-12-24", "100.00"))
    assert life.until("2026-12-29").told()[-1] == ("12-29", "at_risk")


def test_only_promises_beyond_the_limit_make_a_task() -> None:
    for pay_by, kinds in (("2026-12-16", []), ("2026-12-17", ["promise_limit"])):
        told = apply(climbed("2026-12-01"), promise(pay_by), at("2026-12-02"))
        assert [task.kind for task in waiting(told, at("2026-12-02")).tasks] == kinds


def test_broken_promises_raise_the_score_up_to_two() -> None:
    told = climbed("2026-12-02")
    scores = []
    for number in range(4):
        scores.append(assess(told, extensions_of(3), date(2026, 12, 31)).score)
        told = apply(told, promise("2026-12-04", f"{number + 1}.00", f"P-{number}"), at("2026-12-03"))
    age = 60 * 30 // 90
    assert scores == [age, age + 15, age + 30, age + 30]


def extensions_of(count: int) -> Policy:
    return policy(promise={"max_days": 14, "extensions": count, "grace_days": 2})


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        ("2027-02-16", None),
        ("2027-02-17", "12 days to the write-off age of 90 days past due"),
        ("2027-02-28", "1 day to the write-off age of 90 days past due"),
        ("2027-03-01", "past the write-off age of 90 days past due"),
    ],
)
def test_the_reasons_of_age(day: str, reason: str | None) -> None:
    risk = assess(case(), policy(), date.fromisoformat(day))
    assert risk.reasons == (() if reason is None else (reason,))
    assert risk.band == ("low" if reason is None else "high")


# Who can be reached


def test_without_any_address_a_person_is_asked() -> None:
    life = Life.of(case(of=account(reachable=frozenset()))).until("2026-12-31")
    assert life.told() == []
    assert ("contact_missing", "C-1") in life.tasks
    found = replace(account(), reachable=frozenset({"ap"}))
    life.tell(at("2027-01-04", "08:00"), found).until("2027-01-04")
    assert life.told() == [("01-04", "overdue_2")]


def test_an_unknown_kind_of_fact_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="str is not a fact of an invoice"):
        apply(case(), "paid", at("2026-12-03"))


@pytest.mark.parametrize(
    "act", [lambda c: decide(c, policy(), at("2026-12-08")), lambda c: apply(c, paid(), at("2026-12-08"))]
)
def test_nothing_is_changed_in_place(act: Callable[[Case], Any]) -> None:
    before = climbed("2026-12-07")
    shown = repr(before)
    act(before)
    assert repr(before) == shown
