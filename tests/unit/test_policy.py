"""Policies are data: the deployed ones say what they should, a bad one is refused with file, step and reason."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel

from domain.policy import InvalidPolicy, Policy, PolicyStep, load_policy
from domain.vocabulary import Step, Tone

ROOT = Path(__file__).resolve().parents[2]
DEPLOYED = ROOT / "deploy" / "policies"
GUIDE = ROOT / "docs" / "policies.md"
NAMES = ["standard", "strategic", "chronic_late", "sandbox"]

LEAST = """
name = "least"
[[steps]]
step = "due"
day = 0
"""


def deployed(name: str) -> Policy:
    path = DEPLOYED / f"{name}.toml"
    return load_policy(path.read_text("utf-8"), str(path))


def test_every_deployed_policy_is_looked_at() -> None:
    assert sorted(path.stem for path in DEPLOYED.glob("*.toml")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_deployed_policies_load_and_are_named_as_their_file(name: str) -> None:
    assert deployed(name).name == name


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_survives_being_pinned_to_a_case(name: str) -> None:
    assert Policy.model_validate(deployed(name).model_dump(mode="json")) == deployed(name)


STANDARD = {
    "pre_due": -7, "due": 0, "overdue": 7, "overdue_2": 14, "call": 16, "am_alert": 21,
    "credit_hold": 30, "demand": 45, "referral": 60,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "ladder"),
    [
        ("standard", STANDARD),
        ("strategic", STANDARD),
        ("sandbox", STANDARD),
        ("chronic_late", {**STANDARD, "pre_due": -14, "pre_due_2": -3}),
    ],
)
def test_the_ladders_of_design_md(name: str, ladder: dict[str, int]) -> None:
    assert {rung.step: rung.day for rung in deployed(name).ladder} == ladder


def test_strategic_speaks_as_a_partner_and_asks_before_anything_harsh() -> None:
    policy = deployed("strategic")
    assert {rung.tone for rung in policy.steps if rung.is_notice} == {Tone.PARTNER}
    assert [rung.step for rung in policy.steps if rung.approval] == ["credit_hold", "demand", "referral"]
    assert all(rung.to[0] == "cfo" for rung in policy.steps if rung.is_notice)
    assert all({"ap", "account_manager"} <= set(rung.cc) for rung in policy.steps if rung.is_notice)
    assert dict(policy.late_entry.days) == {"overdue": 1, "call": 7, "am_alert": 14}


def test_the_sandbox_holds_nothing_back() -> None:
    policy = deployed("sandbox")
    assert policy.calendar == "every_day"
    assert policy.send_window.is_all_day
    held_back = (
        policy.gap_days,
        policy.catch_up_days,
        policy.jitter_minutes,
        policy.spread_minutes,
        policy.opening_wait_seconds,
        policy.settlement_days,
    )
    assert set(held_back) == {0}
    assert not [rung.step for rung in policy.steps if rung.approval]


def test_the_defaults_of_design_md() -> None:
    policy = load_policy(LEAST, "least.toml")
    assert (policy.gap_days, policy.catch_up_days, policy.settlement_days) == (3, 5, 5)
    assert (policy.referral_watch_days, policy.opening_wait_seconds) == (180, 60)
    limits = policy.promise
    assert (limits.max_days, limits.extensions, limits.grace_days) == (14, 1, 2)
    assert (policy.approval.expires_days, policy.proof.accepted_days, policy.proof.missing_after_days) == (
        5,
        2,
        3,
    )
    assert (policy.at_risk.write_off_age, policy.at_risk.warn_days) == (90, 12)
    assert policy.send_window.length == timedelta(hours=7)


def test_amounts_are_read_in_their_currencys_decimals() -> None:
    policy = load_policy(
        'tolerance = { USD = "1.00", JPY = "100", KWD = "0.250" }\n'
        + LEAST
        + 'min_amount = { USD = "50.00", JPY = "5000" }',
        "p.toml",
    )
    assert [policy.tolerance_in(code) for code in ("USD", "JPY", "KWD", "EUR")] == [100, 100, 250, 0]
    assert [policy.minimum_in(Step.DUE, code) for code in ("USD", "JPY", "EUR")] == [5_000, 5_000, 0]
    assert policy.minimum_in(Step.DEMAND, "USD") == 0


def step(name: str, day: int, more: str = "") -> str:
    return f'[[steps]]\nstep = "{name}"\nday = {day}\n{more}\n'


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("name = ", "p.toml: not valid TOML", "Invalid value"),
        ('name = "p"', "p.toml: steps: ", "required"),
        ('name = "p"\nsteps = []', "p.toml: steps: ", "at least one"),
        ('name = "P 1"\n' + step("due", 0), "p.toml: name: ", "got 'P 1'"),
        ('name = "p"\ngap_dayz = 3\n' + step("due", 0), "p.toml: gap_dayz: ", "not permitted"),
        ('name = "p"\ngap_days = -1\n' + step("due", 0), "p.toml: gap_days: ", "got -1"),
        ('name = "p"\ngap_days = "3"\n' + step("due", 0), "p.toml: gap_days: ", "got '3'"),
        ('name = "p"\ntimezone = "New York"\n' + step("due", 0), "p.toml: timezone: ", "IANA"),
        ('name = "p"\ncalendar = "moon"\n' + step("due", 0), "p.toml: calendar: ", "weekdays"),
        ('name = "p"\nwindow = { opens = "16:00", closes = "09:00" }\n' + step("due", 0), "window: ", "later than"),
        ('name = "p"\nwindow = { opens = "9:00" }\n' + step("due", 0), "window: opens: ", "got '9:00'"),
        ('name = "p"\nwindow = { opens = 09:00:00 }\n' + step("due", 0), "window: opens: ", "as text"),
        ('name = "p"\n' + step("dunning", 0), "p.toml: step dunning: step: ", "got 'dunning'"),
        ('name = "p"\n[[steps]]\nday = 1', "p.toml: step number 1: step: ", "required"),
        ('name = "p"\n[[steps]]\nstep = "due"', "p.toml: step due: day: ", "required"),
        ('name = "p"\n' + step("due", 9_999), "p.toml: step due: day: ", "got 9999"),
        ('name = "p"\n' + step("due", 0, 'tone = "rude"'), "p.toml: step due: tone: ", "got 'rude'"),
        ('name = "p"\n' + step("due", 0, 'draft = "never"'), "p.toml: step due: draft: ", "got 'never'"),
        ('name = "p"\n' + step("due", 0, 'to = ["CFO"]'), "p.toml: step due: to: 0: ", "got 'CFO'"),
        ('name = "p"\n' + step("due", 0, 'colour = "red"'), "p.toml: step due: colour: ", "not permitted"),
        ('name = "p"\n' + step("due", 0, 'min_amount = { USD = "1.234" }'), "step 'due': min_amount: ", "decimals"),
        ('name = "p"\n' + step("due", 0, 'min_amount = { usd = "1" }'), "step 'due': min_amount: ", "ISO 4217"),
        ('name = "p"\ntolerance = { USD = "-1" }\n' + step("due", 0), "tolerance: ", "negative"),
        ('name = "p"\n' + step("due", 0) + step("due", 1), "p.toml: ", "step 'due' stands twice"),
        ('name = "p"\n' + step("overdue", 1) + step("due", 2), "step 'due' ", "after the harsher 'overdue'"),
        ('name = "p"\n' + step("due", 3) + step("overdue", 3), "step 'overdue' (day 3)", "later than 'due' (day 3)"),
        ('name = "p"\n' + step("credit_hold", 30, "notice_days = 2"), "step 'credit_hold': ", "at least 3 business"),
        ('name = "p"\n' + step("due", 0) + step("at_risk", 70), "step 'at_risk': ", "not the day 78"),
        ('name = "p"\n[late_entry]\ndays = { call = 1 }\n' + step("due", 0), "late_entry: ", "step 'call' is not"),
        (
            'name = "p"\n[late_entry]\ndays = { due = 5, overdue = 5 }\n' + step("due", 0) + step("overdue", 1),
            "late_entry: ",
            "must come later",
        ),
        ('name = "p"\n[promise]\nmax_days = 1.5\n' + step("due", 0), "p.toml: promise: max_days: ", "got 1.5"),
        ('name = "p"\n[approval]\nexpires_days = 0\n' + step("due", 0), "p.toml: approval: expires_days: ", "got 0"),
        ('name = "p"\nsteps = "all"', "p.toml: steps: ", "got 'all'"),
    ],
)  # fmt: skip
def test_a_bad_policy_is_refused_with_file_place_and_reason(text: str, place: str, reason: str) -> None:
    with pytest.raises(InvalidPolicy) as refused:
        load_policy(text, "p.toml")
    assert str(refused.value).startswith("p.toml: ")
    assert place in str(refused.value)
    assert reason in str(refused.value)


def test_a_step_whose_draft_a_person_sees_waits_for_that_person() -> None:
    text = 'name = "p"\n' + step("due", 0, 'draft = "approve"') + step("call", 3, 'draft = "approve"')
    rungs = load_policy(text + step("demand", 9, 'draft = "template"'), "p.toml").by_step
    assert {rung: rungs[rung].needs_approval for rung in rungs} == {
        "due": True,
        "call": False,
        "demand": False,
    }


def test_every_fault_of_a_policy_is_named() -> None:
    with pytest.raises(InvalidPolicy) as refused:
        load_policy('name = "p"\ngap_days = -1\n' + step("due", 0, 'tone = "rude"'), "p.toml")
    assert len(str(refused.value).splitlines()) == 2


def test_the_outreach_stands_beside_the_ladder() -> None:
    """Its day is that of the warning, whatever harsher steps come before it."""
    policy = load_policy('name = "p"\n' + step("referral", 60) + step("at_risk", 78), "p.toml")
    assert [rung.step for rung in policy.ladder] == [Step.REFERRAL]
    assert policy.by_step[Step.AT_RISK].day == 78


def test_the_guide_names_every_field_of_a_policy() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    parts = [Policy, PolicyStep, *_tables(Policy)]
    named = set(re.findall(r"`\[*(\w+)\]*`", guide))
    unnamed = [f"{part.__name__}.{name}" for part in parts for name in part.model_fields if name not in named]
    assert unnamed == []


def test_the_shortest_policy_of_the_guide_works() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    shortest = guide.partition("```toml\n")[2].partition("```")[0]
    assert [str(rung.step) for rung in load_policy(shortest, "guide").ladder] == ["due", "overdue"]


def _tables(part: type[BaseModel]) -> list[type[BaseModel]]:
    """The models of a policy's own tables."""
    kinds = [field.annotation for field in part.model_fields.values()]
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]


@pytest.mark.parametrize("name", ["standard", "strategic", "chronic_late", "sandbox"])
def test_no_shipped_policy_leaves_harsh_words_to_a_model(name: str) -> None:
    harsh = [rung for rung in deployed(name).steps if rung.harsh]
    assert {str(rung.step) for rung in harsh} == {"credit_hold", "demand", "referral"}
    assert [rung.step for rung in harsh if rung.draft == "automatic"] == []
