"""The offer of instalments inside the messages that name one: amounts, dates and the link to accept, by template
and by model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from activities.rulebook import load_rulebook
from activities.writing.words import write_notice
from domain.letters.draft import Draft, brief_of
from domain.letters.guard import examine
from domain.vocabulary import Note, Step, Tone
from tests.activities.conftest import Office, Post
from tests.letters import ROOT, invoice, notice, plan

LINK = "https://pay.example/a/opaque-token"
OFFERING = [
    (Step.OVERDUE, Tone.PROFESSIONAL),
    (Step.OVERDUE, Tone.PARTNER),
    (Step.OVERDUE_2, Tone.FIRM),
    (Step.OVERDUE_2, Tone.PARTNER),
    (Step.AT_RISK, Tone.FRIENDLY),
    (Step.AT_RISK, Tone.PARTNER),
    (Step.CREDIT_HOLD, Tone.FORMAL),
]


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "pt"])
@pytest.mark.parametrize(("step", "tone"), OFFERING, ids=lambda value: str(value))
def test_each_message_that_offers_names_every_amount_and_links_to_where_it_is_accepted(
    step: Step, tone: Tone, language: str
) -> None:
    facts = notice(step, tone, [invoice(days=40)], plan=plan(0), portal_link=LINK, language=language)
    words = write_notice(facts)
    for said in (words.text, words.html):
        plain = said.replace("\u202f", " ").replace("\xa0", " ")
        assert sum(plain.count(f"28{mark}067") for mark in (",", ".", " ")) == 2
        assert f"{LINK}/plan" in said
    bare = write_notice(facts.model_copy(update={"plan": None}))
    assert f"{LINK}/plan" not in bare.text + bare.html
    unlinked = write_notice(facts.model_copy(update={"portal_link": None}))
    assert "/plan" not in unlinked.text
    assert "28" in unlinked.text


def test_what_staff_propose_links_to_the_page_of_that_offer() -> None:
    words = write_notice(notice(Note.PLAN_PROPOSED, plan=plan(0, terms="a\nb"), portal_link=LINK))
    assert f"{LINK}/agree" in words.text
    assert f'href="{LINK}/agree"' in words.html
    for note in (Note.PLAN_REMINDER, Note.PLAN_CURE, Note.PLAN_BROKEN):
        assert f"{LINK}/" not in write_notice(notice(note, portal_link=LINK)).text


def test_a_model_may_name_the_instalments_by_their_slot_alone() -> None:
    facts = notice(Step.OVERDUE, Tone.PARTNER, plan=plan(0))
    brief = brief_of(facts)
    assert brief is not None
    draft = Draft(
        subject="{invoices}, {amount_due}",
        greeting="Dear {recipient},",
        paragraphs=[
            "Thank you for working with us; we would like to settle this with you.",
            "{invoice_table}",
            "Could you tell us when we may expect {amount_due}?",
            "It may also be paid step by step: {instalments}.",
        ],
        closing="Thank you.",
    )
    bare = replace(brief, slots=brief.slots - {"instalments"}, required=frozenset())
    assert not [
        problem
        for problem in examine(draft, replace(brief, required=frozenset()))
        if "instalments" in problem
    ]
    assert [problem for problem in examine(draft, bare) if "instalments" in problem]
    assert "instalments" not in (brief_of(notice(Step.OVERDUE, Tone.PARTNER)) or brief).slots
    written = write_notice(facts, draft)
    assert "step by step: $28,067.00 by" in " ".join(written.text.split())


def test_a_strategic_customer_is_offered_them_in_the_message_itself(office: Office, post: Post) -> None:
    standard = load_rulebook(ROOT / "deploy").policies["strategic"]
    assert standard.plan.offer_in_messages
    office.policy("strategic", gap_days=0, window={"opens": "00:00", "closes": "23:59"})
    office.open(
        invoice={"due_on": "2026-10-20", "issued_on": "2026-09-20"},
        customer={"tier": "strategic"},
        policy="strategic",
    )
    office.later(days=1)
    office.contact()
    [part] = [each for each in post.mails[0].walk() if each.get_content_type() == "text/plain"]
    assert "in 3 instalments: $417.00 by" in " ".join(str(part.get_payload()).split())
