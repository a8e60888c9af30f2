"""Whether a case is at risk of being written off, with the reasons in words."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from domain.case import Case
from domain.pauses import PromiseState, promises
from domain.policy import Policy
from domain.vocabulary import Step

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


def assess(case: Case, policy: Policy, today: date) -> Risk:
    """Risk of the open balance on the customer's date `today`."""
    rules = policy.at_risk
    past_due = max(0, (today - case.due).days)
    broken = sum(1 for p in promises(case, policy, today) if p.state is PromiseState.BROKEN)
    reasons: list[str] = []
    near = rules.enabled and today >= warning_date(case, policy)
    if near:
        left = rules.write_off_age - past_due
        reasons.append(
            f"{left} days to the write-off age of {rules.write_off_age} days past due"
            if left > 0
            else f"past the write-off age of {rules.write_off_age} days past due"
        )
    if case.noted_risk:
        reasons.append("a risk was noted for the customer")
    if broken:
        reasons.append("a promise was broken" if broken == 1 else f"{broken} promises were broken")
    score = min(
        100,
        min(_AGE, _AGE * past_due // rules.write_off_age)
        + _NOTED * case.noted_risk
        + _BROKEN * min(broken, 2),
    )
    flagged = rules.enabled and (near or score >= rules.score_line) and case.taken(Step.REFERRAL) is None
    band = "high" if flagged else "medium" if reasons else "low"
    return Risk(band, score, tuple(reasons), flagged)
