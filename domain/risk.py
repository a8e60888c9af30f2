"""Whether a case is at risk of being written off, with the reasons in words."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from domain.case import Case
from domain.pauses import PromiseState, promises
from domain.policy import Policy
from domain.vocabulary import PlanState, Step

#: Points of the score. An invoice at the write-off age alone reaches 60.
_AGE, _NOTED, _BROKEN = 60, 30, 15


class Risk(NamedTuple):
    """`score` 0 to 100; `flagged` when the write-off age is near or the score crosses the policy's line."""

    band: str
    score: int
    reasons: tuple[str, ...]
    flagged: bool


def warning_date(case: Case, policy: Policy) -> date:
    """The day on which an unpaid case is flagged for its age."""
    return case.due + timedelta(days=policy.at_risk.write_off_age - policy.at_risk.warn_days)


def flagged_from(case: Case, policy: Policy, today: date) -> date | None:
    """The first day on which the case is flagged if nothing new becomes known; None for never."""
    rules = policy.at_risk
    if not rules.enabled or case.taken(Step.REFERRAL) is not None:
        return None
    missing = rules.score_line - _known(case, policy, today)
    days = [warning_date(case, policy)]
    if missing <= 0:
        days.append(today)
    elif missing <= _AGE:
        days.append(case.due + timedelta(days=-(-missing * rules.write_off_age // _AGE)))
    return min(days)


def _known(case: Case, policy: Policy, today: date) -> int:
    """Points that do not come from age."""
    return _NOTED * case.noted_risk + _BROKEN * min(_broken(case, policy, today), 2)


def _broken(case: Case, policy: Policy, today: date) -> int:
    plans = sum(1 for end in case.plans_ended.values() if end.fact.state is PlanState.BROKEN)
    return plans + sum(1 for p in promises(case, policy, today) if p.state is PromiseState.BROKEN)


def assess(case: Case, policy: Policy, today: date) -> Risk:
    """Risk of the open balance on the customer's date `today`."""
    rules = policy.at_risk
    past_due = max(0, (today - case.due).days)
    broken = _broken(case, policy, today)
    reasons: list[str] = []
    if rules.enabled and today >= warning_date(case, policy):
        left = rules.write_off_age - past_due
        reasons.append(
            f"{left} day{'s' if left > 1 else ''} to the write-off age of {rules.write_off_age} days past due"
            if left > 0
            else f"past the write-off age of {rules.write_off_age} days past due"
        )
    if case.noted_risk:
        reasons.append("a risk was noted for the customer")
    if broken:
        reasons.append(
            "a promise or plan was broken" if broken == 1 else f"{broken} promises or plans were broken"
        )
    by_age = min(_AGE, _AGE * past_due // rules.write_off_age)
    score = min(100, by_age + _known(case, policy, today))
    since = flagged_from(case, policy, today)
    flagged = since is not None and since <= today
    band = "high" if flagged else "medium" if reasons else "low"
    return Risk(band, score, tuple(reasons), flagged)
