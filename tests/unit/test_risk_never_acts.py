"""A score alone holds, demands and refers no natural person, and no rule reads a probability of late payment."""

from __future__ import annotations

import subprocess
import sys

import pytest

from domain import contract as wire
from domain.policy import Policy
from domain.risk import assess
from domain.vocabulary import CustomerKind
from tests.unit.living import DUE, Life, account, at, case, policy, promise

#: What nobody but a person may bring about against a natural person.
HARSH = {"credit_hold", "demand", "referral"}
POLICIES = [policy(), policy("chronic_late")]


def worst(kind: CustomerKind, under: Policy) -> Life:
    """A case with everything that counts: risks noted, promises broken, open for more than a year; nobody
    approves anything, every notice is proven."""
    life = Life.of(case(of=account(kind=kind)), under=under)
    for number in range(3):
        life.tell(at(DUE), wire.RiskNoted(note_id=f"N-{number}", text="insolvency is rumoured"))
    life.tell(at("2026-12-02"), promise("2026-12-04", promise_id="PR-1"))
    life.tell(at("2026-12-14"), promise("2026-12-16", promise_id="PR-2"))
    return life.until("2027-12-31")


def taken(life: Life) -> set[str]:
    """The harsh steps that were taken, and orders that were blocked."""
    told = {step for _, step in life.told("message", "task") if step in HARSH}
    return told | {f"block: {step}" for _, step in life.told("block")}


@pytest.mark.parametrize("kind", [CustomerKind.PERSON, CustomerKind.SOLE_TRADER])
@pytest.mark.parametrize("under", POLICIES, ids=lambda each: str(each.name))
def test_a_score_alone_takes_no_harsh_step_against_a_natural_person(
    kind: CustomerKind, under: Policy
) -> None:
    life = worst(kind, under)
    risk = assess(life.case, under, life.now.date())
    assert (risk.score, risk.band, risk.flagged) == (100, "high", True)
    assert taken(life) == set()
    assert {step for _, step in life.told("ask")} & HARSH, "a person is asked instead"


def test_the_same_case_of_a_business_goes_on_by_its_ladder() -> None:
    """The life above does reach the harsh steps: that they are missing there is the rule's doing."""
    assert "credit_hold" in taken(worst(CustomerKind.BUSINESS, policy()))


@pytest.mark.parametrize("module", ["domain.decide", "activities.ledger", "workflows.invoice_collection"])
def test_what_decides_knows_no_probability_of_late_payment(module: str) -> None:
    """Not even indirectly: whatever these modules load, the score is not among it."""
    code = f"import sys, {module}; sys.exit('domain.behaviour.lateness' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
