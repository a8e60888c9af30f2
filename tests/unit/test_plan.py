"""Payment plans on the domain alone: terms, limits, and what follows from payments in any order."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import contract as wire
from domain import facts
from domain.asking import Answer, Refused
from domain.case import Case
from domain.decide import decide
from domain.decision import CarryOut, Wait
from domain.filing import apply
from domain.instalments import PersonLimits, beyond_law, split
from domain.pauses import collectable, pause, planned_amount, thanked_by_plan
from domain.plans.plan import EndPlan, Plan, SendNote, decide_plan, name_of, state_of
from domain.plans.plan_healing import LATE_EVIDENCE_TASK, late_evidence, turn
from domain.policy import Policy
from domain.requests.plan_law import load_plan_law
from domain.requests.requests import answer
from domain.vocabulary import CustomerKind, Note, PlanState
from tests.unit.living import (
    ROOT,
    Life,
    account,
    at,
    case,
    credit,
    dispute,
    hold,
    paid,
    policy,
    released,
    resolved,
    reversed_,
)

DUE = date(2026, 9, 13)
TODAY = date(2026, 12, 3)
NOW = at(TODAY, "10:00")
OPENED = at("2026-11-30", "09:00")
METRO = case("METRO", DUE, amount=8_420_000, opened=OPENED)


def ask(request: wire.Request, of: Case = METRO, under: Policy | None = None, **more: Any) -> Answer:
    return answer(
        of, under or policy(), request, more.pop("now", NOW), more.pop("request_id", "r-1"), (), **more
    )


def propose(of: Case = METRO, **fields: Any) -> tuple[facts.InternalFact, ...]:
    under = fields.pop("under", None)
    others = fields.pop("others", ())
    request = wire.ProposePlan.model_validate({"by": "Ann", "source": "portal", **fields})
    answered = ask(request, of, under, others=others)
    assert not isinstance(answered, Refused), answered
    return tuple(fact for fact in answered if isinstance(fact, facts.InternalFact))


def agreed(*cases: Case, under: Policy | None = None, **fields: Any) -> Plan:
    """A plan that was proposed by the customer and agreed at once."""
    answered = propose(
        cases[0], under=under, others=cases[1:], invoices=[c.invoice_id for c in cases[1:]], **fields
    )
    assert [type(fact).__name__ for fact in answered] == ["PlanTabled", "PlanAccepted"]
    for fact in answered:
        cases = tuple(apply(c, fact, NOW) for c in cases)
    return Plan.of(next(iter(cases[0].plans)), cases, under or policy())


def refused(of: Case = METRO, under: Policy | None = None, **fields: Any) -> str:
    limits, others = fields.pop("limits", None), fields.pop("others", ())
    request = wire.ProposePlan.model_validate({"by": "Ann", "source": "portal", **fields})
    answered = ask(request, of, under, limits=limits, others=others)
    assert isinstance(answered, Refused)
    return answered.rule


def told(plan: Plan, fact: object, when: Any = NOW, invoice_id: str | None = None) -> Plan:
    cases = tuple(apply(c, fact, when) if invoice_id in (None, c.invoice_id) else c for c in plan.cases)
    return replace(plan, cases=cases)


def sent(plan: Plan, note: SendNote, when: Any) -> Plan:
    made = facts.ConfirmationSent(note=note.note, ref=plan.plan_id, message_id="M", number=note.number)
    return told(plan, made, when)


def live(
    plan: Plan, start: date, end: date, script: dict[date, list[object]] | None = None
) -> tuple[Plan, list[tuple[date, str]]]:
    """Every message with its day, and the end of the plan, decided each day at eight, ten and noon."""
    log: list[tuple[date, str]] = []
    day = start
    while day <= end:
        for clock in ("08:00", "10:00", "12:00"):
            now = at(day, clock)
            if clock == "08:00":
                for fact in (script or {}).get(day, []):
                    plan = told(plan, fact, now)
            for _ in range(6):
                turned = turn(plan, now)
                if turned is not None:
                    plan = told(plan, turned, now)
                    log.append((day, str(getattr(turned, "state", "restored"))))
                decision = decide_plan(plan, now)
                if isinstance(decision, SendNote):
                    plan = sent(plan, decision, now)
                    log.append((day, name_of(decision.note, decision.number, plan.terms.ordinal)))
                elif isinstance(decision, EndPlan):
                    assert plan.ended is not None
                    break
                else:
                    assert decision.until > now, "it sleeps"
                    break
        day += timedelta(days=1)
    return plan, log


# Terms


def test_the_last_instalment_takes_the_rest() -> None:
    assert split(8_420_000, 3, 100) == [2_806_700, 2_806_700, 2_806_600]
    assert split(12_740_000, 3, 100) == [4_246_700, 4_246_700, 4_246_600]
    assert split(100_000, 3, 1) == [33_333, 33_333, 33_334]


@given(
    total=st.integers(2, 10**12), count=st.integers(2, 60), unit=st.sampled_from([1, 5, 100, 1_000, 100_000])
)
def test_instalments_always_sum(total: int, count: int, unit: int) -> None:
    try:
        parts = split(total, count, unit)
    except ValueError:
        assert total < 2 * count * unit
        return
    assert sum(parts) == total
    assert len(parts) == count
    assert min(parts) > 0
    assert all(part % unit == 0 for part in parts[:-1])


def test_metros_plan_of_three_begins_before_the_write_off() -> None:
    [tabled] = propose(count=3, source="staff")
    assert isinstance(tabled, facts.PlanTabled)
    assert [(i.amount, (i.due_on - DUE).days) for i in tabled.instalments] == [
        (2_806_700, 90), (2_806_700, 120), (2_806_600, 150)
    ]  # fmt: skip
    assert (tabled.state, tabled.origin) == (PlanState.OFFERED, "staff")


def test_staff_offer_and_the_customers_proposal_inside_the_limits_counts_at_once() -> None:
    assert len(propose(count=3, source="staff")) == 1
    assert len(propose(count=3, source="portal")) == 2
    assert len(propose(count=3, source="staff", by="portal")) == 2


def parts(*each: tuple[str, str]) -> list[dict[str, str]]:
    return [{"amount": amount, "due_on": on} for amount, on in each]


@pytest.mark.parametrize(
    "instalments",
    [
        parts(("1000.00", "2026-12-10"), ("83200.00", "2027-01-10")),  # the first is too small
        parts(("42100.00", "2026-12-10"), ("42100.00", "2027-07-10")),  # too long
        parts(("42100.00", "2027-03-10"), ("42100.00", "2027-04-10")),  # begins too late
    ],
)
def test_beyond_the_limits_staff_decide_by_a_visible_day(instalments: list[dict[str, str]]) -> None:
    [tabled] = propose(instalments=instalments)
    assert isinstance(tabled, facts.PlanTabled)
    assert tabled.state is PlanState.PROPOSED
    plan = Plan.of(tabled.plan_id, [apply(METRO, tabled, NOW)], policy())
    decision = decide_plan(plan, NOW)
    assert isinstance(decision, Wait)
    assert decision.tasks[0].kind == "plan_decision"
    assert "2026-12-08" in decision.tasks[0].why
    later = decide_plan(plan, at("2026-12-10"))
    assert isinstance(later, Wait)
    assert later.tasks[0].ref != decision.tasks[0].ref, "asked again, nothing decided"
    assert pause(plan.cases[0], policy(), date(2027, 2, 1)) is not None, "who waits for us is not chased"


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ("PlanNotAllowed", {"instalments": parts(("1.00", "2026-12-10"), ("2.00", "2027-01-10"))}),
        ("PlanNotAllowed", {"instalments": parts(("84200.00", "2026-12-10"))}),
        ("PlanNotAllowed", {"instalments": parts(("42100.00", "2026-12-01"), ("42100.00", "2027-01-10"))}),
        ("PlanNotAllowed", {"instalments": parts(("42100.00", "2027-01-10"), ("42100.00", "2026-12-10"))}),
        ("PlanNotAllowed", {"instalments": parts(("42100.001", "2026-12-10"), ("42100.00", "2027-01-10"))}),
        ("PlanNotAllowed", {"count": 3, "invoices": ["NOBODY"]}),
        ("NothingOwed", {"count": 3, "of": apply(METRO, paid("84200.00"), NOW)}),
        ("CasePaused", {"count": 3, "of": apply(METRO, hold(), NOW)}),
        ("PlanNotAllowed", {"count": 3, "of": apply(METRO, dispute(), NOW)}),
        ("PlanNotAllowed", {"count": 3, "under": policy(plan={"enabled": False})}),
        ("PlanNotAllowed", {"count": 60, "of": case("SMALL", DUE, amount=50)}),
    ],
)
def test_what_cannot_be_a_plan_is_refused(rule: str, fields: dict[str, Any]) -> None:
    of, under = fields.pop("of", METRO), fields.pop("under", None)
    assert refused(of, under, **fields) == rule


def test_currencies_do_not_meet_in_a_plan() -> None:
    other = replace(case("EURO", DUE, amount=100), currency="EUR")
    assert refused(count=2, invoices=["EURO"], others=[other]) == "PlanNotAllowed"


def test_a_person_gets_what_the_law_leaves_free_of_a_lenders_duties() -> None:
    law = load_plan_law((ROOT / "deploy" / "plans.toml").read_text("utf-8"), "plans.toml")
    assert law.limits(CustomerKind.BUSINESS, "US") is None
    us, gb = law.limits(CustomerKind.PERSON, "US"), law.limits(CustomerKind.SOLE_TRADER, "GB")
    assert us is not None
    assert gb is not None
    assert (us.payments, gb.payments, gb.months) == (4, 12, 12)
    assert law.limits(CustomerKind.PERSON, "NZ") is not None
    assert refused(count=5, source="staff", limits=us) == "PlanNotAllowed"
    terms = [facts.PlannedInstalment(amount=1, due_on=day) for day in (TODAY, date(2027, 12, 3))]
    assert beyond_law(terms, PersonLimits(12, 12, "x"), TODAY) is None
    late = [*terms, facts.PlannedInstalment(amount=1, due_on=date(2027, 12, 4))]
    assert beyond_law(late, PersonLimits(12, 12, "x"), TODAY) is not None


def test_an_offer_is_taken_once_and_not_after_its_day() -> None:
    [tabled] = propose(count=3, source="staff")
    assert isinstance(tabled, facts.PlanTabled)
    offered = apply(METRO, tabled, NOW)
    decision = wire.DecidePlan(plan_id=tabled.plan_id, accept=True, by="Ann")
    answered = ask(decision, offered)
    assert not isinstance(answered, Refused)
    [accepted] = answered
    taken = apply(offered, accepted, NOW)
    for refusal in (
        ask(decision, taken),
        ask(decision, offered, now=at(tabled.open_until + timedelta(days=1))),
        ask(decision, METRO),
        ask(wire.ProposePlan(count=2, by="Ann"), taken),
    ):
        assert isinstance(refusal, Refused)
        assert refusal.rule in ("PlanNotOpen", "PlanExists")


# Pausing


def test_an_open_offer_pauses_ten_business_days_and_no_longer() -> None:
    [tabled] = propose(count=3, source="staff")
    offered = apply(METRO, tabled, NOW)
    assert isinstance(tabled, facts.PlanTabled)
    assert tabled.open_until == date(2026, 12, 17)
    stop = pause(offered, policy(), tabled.open_until)
    assert stop is not None
    assert stop.waiting_on == "plan"
    assert pause(offered, policy(), tabled.open_until + timedelta(days=1)) is None


def test_planned_money_is_never_asked_for_and_what_is_not_planned_is() -> None:
    plan = agreed(METRO, count=3)
    assert collectable(plan.cases[0], policy(), TODAY) == 0
    disputed = agreed(apply(METRO, dispute("200.00"), NOW), count=3)
    assert planned_amount(disputed.cases[0], TODAY) == 8_400_000
    settled = told(disputed, resolved("rejected"))
    assert collectable(settled.cases[0], policy(), TODAY) == 20_000
    charged = told(plan, wire.ChargeAdded.model_validate(
        {"charge_id": "F", "amount": "40.00", "currency": "USD", "kind": "fee"}), at("2026-12-04"))  # fmt: skip
    assert collectable(charged.cases[0], policy(), TODAY) == 0, (
        "no interest or fee is asked for while it is kept"
    )


# Following


def test_metro_is_followed_to_the_day() -> None:
    day = {n: DUE + timedelta(days=n) for n in range(200)}
    plan = agreed(METRO, count=3)
    script: dict[date, list[object]] = {
        day[90]: [paid("28067.00", day[90], "P-1")],
        day[120]: [paid("28067.00", day[120], "P-2")],
        day[150]: [paid("28066.00", day[150], "P-3")],
    }
    plan, log = live(plan, TODAY, day[160], script)
    assert [((on - DUE).days, what) for on, what in log] == [
        (81, "plan_confirmed"), (87, "plan_reminder_1"), (92, "plan_thanks_1"), (117, "plan_reminder_2"),
        (120, "plan_thanks_2"), (148, "plan_reminder_3"), (150, "plan_thanks_3"), (150, "kept"),
    ]  # fmt: skip
    assert thanked_by_plan(plan.cases[0])


def test_a_missed_instalment_is_cured_or_breaks_the_plan() -> None:
    plan = agreed(METRO, count=3)
    broken, log = live(plan, TODAY, date(2027, 3, 1))
    assert log[1:] == [
        (date(2026, 12, 9), "plan_reminder_1"),
        (date(2026, 12, 16), "plan_cure_1"),  # due on a Saturday, with two business days of grace
        (date(2026, 12, 24), "plan_broken_1"),
        (date(2026, 12, 24), "broken"),
    ]
    assert broken.state is PlanState.BROKEN
    cured, log = live(plan, TODAY, date(2027, 1, 5), {date(2026, 12, 20): [paid("28067.00", "2026-12-20")]})
    assert [what for _, what in log] == [
        "plan_confirmed", "plan_reminder_1", "plan_cure_1", "plan_thanks_1"
    ]  # fmt: skip
    assert cured.state is PlanState.ACTIVE


WHOLE = policy(plan={"whole_falls_due": True})
BREAKS = date(2026, 12, 24)
"""The first day after the days that the notice of 16 December left."""


def broken(under: Policy | None = None, *more: Case) -> Plan:
    """Metro's plan, of which nothing came, on the day it was broken."""
    plan, log = live(agreed(METRO, *more, count=3, under=under), TODAY, BREAKS)
    assert log[-2:] == [(BREAKS, "plan_broken_1"), (BREAKS, "broken")]
    return plan


@pytest.mark.parametrize("whole", [True, False])
def test_the_whole_falls_due_with_a_broken_plan_only_where_the_accepted_terms_said_so(whole: bool) -> None:
    under = policy(plan={"whole_falls_due": whole})
    early = case("EARLY", date(2027, 2, 1), amount=100_000, opened=OPENED, issued_on=TODAY)
    plan = broken(under, early)
    late_policy = policy(plan={"whole_falls_due": not whole})
    metro, ahead = plan.cases
    assert (ahead.whole_due_on, metro.whole_due_on) == (BREAKS if whole else None, None), (
        "METRO was due long ago"
    )
    assert ahead.due == date(2027, 2, 1), "its due date stays what it is"
    assert (ahead.balance, collectable(ahead, under, BREAKS)) == (100_000, 100_000), "nothing is added"
    told_to = account(last_unsolicited_on=BREAKS)
    decision = decide(replace(ahead, account=told_to), under, at(BREAKS, "12:00"))
    assert isinstance(decision, Wait)
    assert decision.next_step is not None
    step, on = decision.next_step.step, decision.next_step.at.date()
    assert (step, on) == (("overdue", date(2026, 12, 28)) if whole else ("pre_due", date(2027, 1, 25)))
    assert Plan.of(plan.plan_id, plan.cases, late_policy).terms.whole_falls_due is whole, "as it was accepted"


def test_what_fell_due_at_once_climbs_from_there_a_rung_at_a_time() -> None:
    under = WHOLE
    early = case("EARLY", date(2027, 6, 1), amount=100_000, opened=OPENED, issued_on=TODAY)
    [_, ahead] = broken(under, early).cases
    life = Life.of(ahead, under=under)
    life.now = at(BREAKS, "12:00")
    life.until("2027-02-10")
    assert life.told()[:3] == [("12-24", "overdue"), ("01-07", "overdue_2"), ("01-11", "call")]
    assert life.case.due == date(2027, 6, 1)


def test_money_that_came_in_time_heals_a_broken_plan_and_one_that_came_late_does_not() -> None:
    plan = broken(WHOLE)
    late = told(plan, paid("28067.00", BREAKS), at("2026-12-28"))
    assert turn(late, at("2026-12-28")) is None
    assert late.state is PlanState.BROKEN
    small = told(plan, paid("28000.00", "2026-12-20"), at("2026-12-28"))
    assert turn(small, at("2026-12-28")) is None, "a part of it keeps nothing"
    healed, log = live(
        told(plan, paid("28067.00", "2026-12-20"), at("2026-12-28")), date(2026, 12, 28), date(2027, 2, 1)
    )
    assert log == [
        (date(2026, 12, 28), "restored"),
        (date(2026, 12, 28), "plan_thanks_1"),
        (date(2027, 1, 8), "plan_reminder_2"),
        (date(2027, 1, 14), "plan_cure_2"),
        (date(2027, 1, 22), "plan_broken_2"),
        (date(2027, 1, 22), "broken"),
    ]
    assert healed.told_of_restoring
    assert not any(c.whole_due_on for c in told(plan, paid("28067.00", "2026-12-20")).cases)


def test_money_for_everything_makes_a_broken_plan_a_kept_one() -> None:
    plan, log = live(
        told(broken(), paid("84200.00", "2026-12-23"), at("2026-12-28")), date(2026, 12, 28), date(2027, 1, 5)
    )
    assert [what for _, what in log] == ["restored", "plan_thanks_3", "kept"]
    assert thanked_by_plan(plan.cases[0])


def test_a_person_decides_about_late_money_where_somebody_has_acted_on_the_end() -> None:
    plan = told(broken(), wire_call(), at("2026-12-28"))
    assert late_evidence(plan) is None
    plan = told(plan, paid("28067.00", "2026-12-20"), at("2026-12-29"))
    assert turn(plan, at("2026-12-29")) is None
    task = late_evidence(plan)
    assert task is not None
    assert task.kind == LATE_EVIDENCE_TASK
    assert "instalment 1 had come in before the plan was broken on 2026-12-24" in task.why
    assert "a call" in task.why


def wire_call() -> facts.CallLogged:
    return facts.CallLogged.model_validate({"call_id": "K-1", "outcome": "reached", "by": "lee"})


def test_money_that_is_taken_back_before_the_customer_was_told_breaks_it_as_it_was() -> None:
    plan = told(broken(), paid("28067.00", "2026-12-20"), at("2026-12-28"))
    plan, log = live(plan, date(2026, 12, 27), date(2026, 12, 27))  # a Sunday: nobody is written to
    assert log == [(date(2026, 12, 27), "restored")]
    gone, log = live(
        plan, date(2026, 12, 28), date(2027, 2, 1), {date(2026, 12, 28): [reversed_(amount="28067.00")]}
    )
    assert log == [(date(2026, 12, 28), "broken")], "no second notice, and no thanks"
    assert gone.ended is not None
    assert gone.ended.fact.on == BREAKS


def test_money_that_is_taken_back_after_the_thanks_leaves_the_days_of_the_notice_once_more() -> None:
    plan = told(broken(), paid("28067.00", "2026-12-20"), at("2026-12-28"))
    plan, log = live(
        plan, date(2026, 12, 28), date(2027, 2, 1), {date(2026, 12, 30): [reversed_(amount="28067.00")]}
    )
    assert [what for _, what in log] == ["restored", "plan_thanks_1", "broken"]
    assert log[-1][0] == date(2027, 1, 7)


@st.composite
def late_news(draw: st.DrawFn) -> list[object]:
    """Payments valued around the day a plan was broken, and reversals of some; all become known afterwards."""
    news: list[object] = []
    for number in range(draw(st.integers(1, 4))):
        on = BREAKS + timedelta(days=draw(st.integers(-3, 3)))
        amount = draw(st.sampled_from(["28067.00", "14034.00", "40000.00", "100.00"]))
        news.append(paid(amount, on, f"P-{number}"))
        if draw(st.booleans()):
            news.append(reversed_(f"P-{number}", amount, f"R-{number}"))
    return news


BROKEN = broken(WHOLE)


@settings(max_examples=60)
@given(news=late_news(), order=st.randoms(use_true_random=False))
def test_in_any_order_late_news_leave_the_same_plan(news: list[object], order: Any) -> None:
    """Each is recorded and decided on by itself, with no message between them."""
    shuffled = list(news)
    order.shuffle(shuffled)
    ends: list[Plan] = []
    for each in (news, shuffled):
        plan = BROKEN
        for fact in each:
            plan = told(plan, fact, at("2026-12-27"))
            for _ in range(4):
                turned = turn(plan, at("2026-12-27"))
                if turned is not None:
                    plan = told(plan, turned, at("2026-12-27"))
            assert turn(plan, at("2026-12-27")) is None, "it comes to rest"
        ends.append(plan)
    one, other = ends
    assert one.state == other.state
    assert one.instalments() == other.instalments()
    assert [c.whole_due_on for c in one.cases] == [c.whole_due_on for c in other.cases]
    in_time = one.instalments(one.received_before(BREAKS))[0].covered
    assert (one.state is PlanState.BROKEN) is not in_time
    _, log = live(one, date(2026, 12, 28), date(2027, 1, 15))
    assert "plan_broken_1" not in [what for _, what in log]
    assert "plan_cure_1" not in [what for _, what in log], "never a second notice"


def test_a_broken_plan_resumes_at_the_next_rung_of_another_cycle() -> None:
    plan = agreed(METRO, count=3)
    taken = facts.StepTaken.model_validate(
        {"step": "overdue", "cycle": 0, "message_id": "M", "proof": "delivered"}
    )
    over = at("2026-12-24", "10:00")
    of = apply(
        apply(METRO, taken, at("2026-12-01")), propose(apply(METRO, taken, at("2026-12-01")), count=3)[0], NOW
    )
    of = apply(of, facts.PlanAccepted(plan_id=plan.plan_id, by="Ann"), NOW)
    assert not isinstance(decide(of, policy(), at("2027-01-05")), CarryOut)
    of = apply(of, facts.PlanEnded(plan_id=plan.plan_id, state=PlanState.BROKEN), over)
    of = replace(of, account=account(last_unsolicited_on=date(2026, 12, 24)))
    of = apply(of, facts.StepSkipped(step="at_risk", cycle=0, by="Kim"), over)  # type: ignore[arg-type]
    decision = decide(of, policy(at_risk={"enabled": False}, steps=_without_at_risk()), over)
    assert isinstance(decision, Wait)
    assert decision.next_step is not None
    assert (decision.next_step.step, decision.next_step.at) == ("overdue_2", at("2026-12-28", "09:00"))
    carried = decide(
        of, policy(at_risk={"enabled": False}, steps=_without_at_risk()), at("2026-12-28", "09:00")
    )
    assert isinstance(carried, CarryOut)
    assert (carried.step, carried.cycle) == ("overdue_2", 1)


def _without_at_risk() -> list[dict[str, Any]]:
    return [rung.model_dump(mode="json") for rung in policy().ladder]


def test_early_and_part_payments_move_along_the_plan() -> None:
    plan = told(agreed(METRO, count=3), paid("30000.00", TODAY))
    first, second, third = plan.instalments()
    assert (first.covered, second.paid, second.covered, third.paid) == (True, 193_300, False, 0)
    assert plan.outstanding == 5_420_000
    assert [state_of(i, TODAY) for i in plan.instalments()] == ["paid", "partly_paid", "open"]
    whole = told(plan, paid("54200.00", TODAY, "P-2"))
    decision = decide_plan(whole, NOW)
    assert isinstance(decision, SendNote)
    assert (decision.note, decision.number) == (Note.PLAN_THANKS, 3), "one thanks for all of them"


def test_a_bank_fee_breaks_nothing() -> None:
    plan = told(agreed(METRO, count=3), paid("28066.50", TODAY))
    assert plan.instalments()[0].covered


def test_a_reversed_payment_opens_its_instalment_again() -> None:
    plan = told(agreed(METRO, count=3), paid("28067.00", TODAY))
    plan = told(plan, reversed_(amount="28067.00"))
    assert plan.received == 0
    assert not plan.instalments()[0].covered


def test_what_is_credited_or_disputed_comes_off_the_end() -> None:
    plan = agreed(METRO, count=3)
    assert [i.amount for i in told(plan, dispute("30000.00")).instalments()] == [2_806_700, 2_613_300, 0]
    assert [i.amount for i in told(plan, credit("66.00")).instalments()] == [2_806_700, 2_806_700, 2_800_000]
    back = told(told(plan, dispute("30000.00")), resolved("rejected"))
    assert [i.amount for i in back.instalments()] == [i.amount for i in plan.instalments()]


def test_a_hold_stops_the_plan_and_its_release_breaks_nothing_at_once() -> None:
    plan = told(agreed(METRO, count=3), hold())
    held = decide_plan(plan, at("2027-02-01", "10:00"))
    assert isinstance(held, Wait)
    assert held.waiting_on == "hold"
    free = told(plan, released(), at("2027-02-01", "11:00"))
    after = decide_plan(
        sent(free, SendNote(note=Note.PLAN_CONFIRMED, why=""), NOW), at("2027-02-01", "12:00")
    )
    assert isinstance(after, SendNote)
    assert after.note is Note.PLAN_CURE, "first the notice, with days to pay"


def test_an_offer_that_is_paid_is_withdrawn_and_one_that_nobody_takes_expires() -> None:
    [tabled] = propose(count=3, source="staff")
    assert isinstance(tabled, facts.PlanTabled)
    plan = Plan.of(tabled.plan_id, [apply(METRO, tabled, NOW)], policy())
    paid_up = decide_plan(told(plan, paid("84200.00", TODAY)), NOW)
    assert isinstance(paid_up, EndPlan)
    assert paid_up.state is PlanState.WITHDRAWN
    late = decide_plan(plan, at(tabled.open_until + timedelta(days=1), "00:00"))
    assert isinstance(late, EndPlan)
    assert late.state is PlanState.EXPIRED


TWO = (
    case("A", DUE, amount=60_000, opened=at("2026-11-30", "09:00")),
    case("B", DUE + timedelta(days=9), amount=40_000, opened=at("2026-11-30", "09:00")),
)


def test_payments_on_any_invoice_count_and_too_much_on_one_counts_once() -> None:
    plan = told(agreed(*TWO, count=2), paid("500.00", TODAY), invoice_id="A")
    assert [i.covered for i in plan.instalments()] == [True, False]
    plan = told(plan, paid("500.00", TODAY, "P-2"), invoice_id="A")  # 100 more than A owed, 400 open on B
    spare = replace(plan.cases[0].account, unapplied={"USD": 40_000})
    lying = replace(plan, cases=tuple(replace(c, account=spare) for c in plan.cases))
    assert lying.received == 100_000
    applied = told(plan, paid("400.00", TODAY, "P-2"), invoice_id="B")
    assert applied.received == 100_000


AMOUNTS = st.integers(1, 70_000).map(lambda minor: f"{minor // 100}.{minor % 100:02}")


@st.composite
def happenings(draw: st.DrawFn) -> list[tuple[str, object]]:
    """Payments, their reversals, credits and disputes on the two invoices of a plan."""
    drawn: list[tuple[str, object]] = []
    for number in range(draw(st.integers(1, 4))):
        name, amount = draw(st.sampled_from(["A", "B"])), draw(AMOUNTS)
        drawn.append((name, paid(amount, TODAY, f"P-{number}")))
        if draw(st.booleans()):
            drawn.append((name, reversed_(f"P-{number}", amount, f"R-{number}")))
    if draw(st.booleans()):
        drawn.append((draw(st.sampled_from(["A", "B"])), credit(draw(AMOUNTS))))
    if draw(st.booleans()):
        drawn.append((draw(st.sampled_from(["A", "B"])), dispute(draw(st.none() | AMOUNTS))))
    return drawn


def _spare(plan: Plan) -> Plan:
    """The account as overpaid invoices leave it."""
    unapplied = {"USD": sum(c.overpaid for c in plan.cases)}
    return replace(
        plan, cases=tuple(replace(c, account=replace(c.account, unapplied=unapplied)) for c in plan.cases)
    )


@given(told_of=happenings(), order=st.randoms(use_true_random=False))
def test_any_order_gives_the_same_plan(told_of: list[tuple[str, object]], order: Any) -> None:
    agreed_on = agreed(*TWO, count=3)
    shuffled = list(told_of)
    order.shuffle(shuffled)
    one, other = agreed_on, agreed_on
    for (name, fact), (other_name, other_fact) in zip(told_of, shuffled, strict=True):
        one, other = told(one, fact, NOW, name), told(other, other_fact, NOW, other_name)
    one, other = _spare(one), _spare(other)
    assert one.instalments() == other.instalments()
    assert decide_plan(one, NOW) == decide_plan(other, NOW)
    for plan in (one, other):
        shown = plan.instalments()
        assert sum(i.amount for i in shown) == plan.terms.total - plan.relief
        assert sum(i.paid for i in shown) == min(plan.received, plan.terms.total - plan.relief)
        assert 0 <= plan.relief <= plan.terms.total


@given(told_of=happenings(), days=st.integers(0, 120))
def test_there_is_never_a_step_for_planned_money(told_of: list[tuple[str, object]], days: int) -> None:
    plan = agreed(*TWO, count=3)
    for name, fact in told_of:
        plan = told(plan, fact, NOW, name)
    plan = _spare(plan)
    now = at(TODAY + timedelta(days=days), "11:00")
    for each in plan.cases:
        decision = decide(each, policy(), now)
        assert not isinstance(decision, CarryOut), decision


def test_every_order_of_a_few_is_tried_whole() -> None:
    told_of = [
        ("A", paid("300.00", TODAY)),
        ("B", paid("200.00", TODAY, "P-2")),
        ("A", reversed_(amount="300.00")),
    ]
    plans = []
    for each in permutations(told_of):
        plan = agreed(*TWO, count=2)
        for name, fact in each:
            plan = told(plan, fact, NOW, name)
        plans.append(plan.instalments())
    assert all(each == plans[0] for each in plans)
    assert plans[0][0].paid == 20_000
