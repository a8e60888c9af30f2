"""What every request is asked of, how it may be answered, and the refusals that several requests share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import NamedTuple

from domain import contract as wire
from domain import facts
from domain.case import Case
from domain.instalments import PersonLimits
from domain.pauses import is_settled
from domain.policy import Policy
from domain.vocabulary import Step


class Refused(NamedTuple):
    """`rule` is the type of the error the caller sees."""

    rule: str
    reason: str


class Asked(NamedTuple):
    """A request with what it is asked of."""

    case: Case
    policy: Policy
    now: datetime
    today: date
    request_id: str
    policies: Collection[str] = ()
    others: Sequence[Case] = ()
    limits: PersonLimits | None = None


Answer = Refused | tuple[wire.Fact | facts.InternalFact, ...]


def nothing_owed(asked: Asked) -> Refused | None:
    """Refuses what makes sense only while something is owed."""
    if asked.case.cancelled_at is not None or is_settled(asked.case, asked.policy):
        return Refused("NothingOwed", f"nothing is owed on {asked.case.invoice_id}")
    return None


def is_referred(case: Case) -> bool:
    """Whether the case is with a partner: referred, and not recalled since."""
    if case.last is None or case.last.fact.step is not Step.REFERRAL:
        return False
    return case.recalled is None or case.recalled.epoch != case.epoch
