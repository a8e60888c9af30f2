"""Every slot that a brief allows is filled, for every step, tone and language; the layout stays ours."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from activities.writing.words import write_notice
from domain.letters.draft import SLOT, TABLE, Draft, brief_of
from domain.seller import ReferralPartner
from domain.vocabulary import Note, Step, Tone
from tests.letters import invoice, notice

WRITTEN = [step for step in Step if step not in (Step.CALL, Step.AM_ALERT)]


def everything(slots: frozenset[str]) -> Draft:
    """A draft that names each slot once."""
    named = " ".join(f"{{{slot}}}." for slot in sorted(slots - {TABLE, "recipient"}))
    return Draft(
        subject="About {invoices}",
        greeting="Dear {recipient},",
        paragraphs=["Hello.", f"{{{TABLE}}}", named],
        closing="",
    )


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "pt"])
@pytest.mark.parametrize("step", WRITTEN)
@pytest.mark.parametrize("known", [{}, {"contact_name": None, "account_manager": None}])
def test_every_slot_of_the_brief_is_filled(step: Step, language: str, known: dict[str, Any]) -> None:
    days = -5 if step in (Step.PRE_DUE, Step.PRE_DUE_2) else 70
    more: dict[str, Any] = {
        "answer_by": date(2026, 12, 22) if step in (Step.OVERDUE, Step.AT_RISK, Step.DEMAND) else None,
        "usual_day": 45 if step is Step.PRE_DUE else None,
        "referral_partner": ReferralPartner(name="Recoveries")
        if step in (Step.DEMAND, Step.REFERRAL)
        else None,
    }
    items = [invoice("INV-1", days=days), invoice("INV-2", days=days)]
    facts = notice(step, Tone.PROFESSIONAL, items, language=language, **more, **known)
    brief = brief_of(facts)
    assert brief is not None
    words = write_notice(facts, everything(brief.slots))
    assert not SLOT.search(words.subject + words.text)
    for name in ("answer_by", "usual_day", "referral_partner"):
        assert (name in brief.slots) == (more[name] is not None)


def test_no_partner_no_agency() -> None:
    partner = ReferralPartner(name="Recoveries")
    for step, given, spoken_of in (
        (Step.DEMAND, partner, True),
        (Step.DEMAND, None, False),
        (Step.OVERDUE_2, partner, False),
        (Step.CREDIT_HOLD, partner, False),
    ):
        brief = brief_of(notice(step, referral_partner=given))
        assert brief is not None
        assert brief.referral is spoken_of


@pytest.mark.parametrize("step", [*Note, Step.CALL, Step.AM_ALERT])
def test_answers_and_mails_to_staff_have_no_brief(step: Step | Note) -> None:
    assert brief_of(notice(step)) is None
