"""The demand letter says everything a demand must, adds nothing by itself, and never lacks what the law wants."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from pypdf import PdfReader

from activities import papers as papers_module
from activities.paper.demand_letter import DemandRefused, annexes, demand_letter_html
from activities.paper.rendering import PdfRenderer, RenderingFailed
from activities.papers import make_papers
from activities.rulebook import Rulebook
from activities.writing.words import Words
from domain.letters.demand import DemandLaw, Jurisdiction
from domain.letters.letter import NoticeFacts
from domain.vocabulary import CustomerKind, Step, Tone
from tests.activities.conftest import Office, Post, the_rulebook
from tests.activities.test_languages import (
    BANKING,
    FAMILIAR,
    LOCALES,
    OTHERS,
    SHARED,
    english_words,
    own_words,
    word_set,
)
from tests.activities.test_words import seen
from tests.letters import customer, invoice, money, notice, seller
from tests.unit.test_demand import shipped, turned_on

ANNEXES = ("information-sheet.pdf", "reply-form.pdf", "financial-statement.pdf")


@pytest.fixture(scope="module")
def renderer() -> Iterator[PdfRenderer]:
    with PdfRenderer() as renderer:
        yield renderer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Annexes for individuals of the UK, as an operator supplies them."""
    there = tmp_path / "annexes" / "uk_individual"
    there.mkdir(parents=True)
    pdf = pikepdf.new()
    pdf.add_blank_page()
    for name in ANNEXES:
        pdf.save(there / name)
    return tmp_path / "annexes"


def demand(country: str = "GB", *items: Any, kind: str = "business", **more: Any) -> NoticeFacts:
    who = customer(country=country, kind=CustomerKind(kind), address=("14 Priory Road", "Leeds LS1 4AB"))
    return notice(Step.DEMAND, Tone.FORMAL, items or None, customer=who, locale="en-GB", **more)


def law(*on: Jurisdiction) -> DemandLaw:
    return DemandLaw(jurisdictions={**shipped().jurisdictions, **{each: turned_on(each) for each in on}})


def printed(html: str, renderer: PdfRenderer) -> str:
    pdf = renderer.render(html, timeout=60)
    text = " ".join(page.extract_text(extraction_mode="layout") for page in PdfReader(io.BytesIO(pdf)).pages)
    return re.sub(r"\s+", " ", text)


def test_a_description_is_not_taken_for_an_agreement() -> None:
    html = demand_letter_html(demand("GB", invoice(days=45, description="Fleet livery")), law())
    assert "Rests on the goods or services invoiced: Fleet livery" in html


def test_it_says_everything_a_demand_must(renderer: PdfRenderer) -> None:
    items = [
        invoice("INV-1001", 45, "12500.00", currency="GBP", paid="2500.00", agreement_ref="MSA-7"),
        invoice("INV-1007", 60, "800.00", currency="GBP", asked="600.00", disputed=money("200.00", "GBP")),
    ]
    facts = demand("GB", *items, referral_partner=seller().referral_partner)
    text = printed(demand_letter_html(facts, law()), renderer)
    for part in (
        "Creditor", "Lindenmoor Studio LLC", "48 Alder Wharf", "Debtor", "Acme Limited", "14 Priory Road",
        "INV-1001", "24 Sept 2026", "24 Oct 2026", "12,500.00", "−2,500.00", "10,000.00", "Rests on agreement MSA-7",
        "INV-1007", "−200.00", "600.00", "Total GBP 10,600.00", "Balances are those of 8 December 2026",
        "Payment received: wire 77-A −2,500.00 GBP", "No interest and no fixed sum is claimed",
        "Please pay £10,600.00 by Tuesday, 22 December 2026", "GB82 WEST 1234 5698 7654 32",
        "hand these invoices, with all documents, to Harrowgate Receivables", "tell us which amount and why",
        "accounts@lindenmoor.example", "+1 202 555 0148", "Practice Direction on Pre-Action Conduct",
        "Account statement with its exhibits",
    ):  # fmt: skip
        assert part in text, part


def test_interest_stands_apart_with_its_computation(renderer: PdfRenderer) -> None:
    # 10,000 from 25 October to 8 December, 45 days: x 11.75 % x 45 / 365 = 144.8630; a day: 3.2191.
    item = invoice("INV-1001", 45, "10000.00", currency="GBP")
    text = printed(demand_letter_html(demand("GB", item), law(Jurisdiction.UK_COMPANY)), renderer)
    for part in (
        "25 Oct 2026 – 8 Dec 2026 45 £10,000.00 11.75 % £144.86", "Each further day adds £3.22",
        "Fixed sum for the costs of recovery, Invoice INV-1001 £100.00", "SI 2002/1675", "section 5A",
        "Added in all: £244.86. It is not part of the amount demanded above.",
        "Please pay £10,000.00 by", "Total GBP 10,000.00",
    ):  # fmt: skip
        assert part in text, part
    assert "10,244.86" not in text


@pytest.mark.parametrize(
    ("country", "kind", "said", "unsaid"),
    [
        ("US", "business", "No interest", "Pre-Action"),
        ("DE", "business", "No interest", "Directive"),
        ("CH", "business", "No interest", "Pre-Action"),
        ("GB", "person", "Pre-Action Protocol for Debt Claims", "Practice Direction"),
        ("GB", "sole_trader", "Reply form", "Practice Direction"),
    ],
)
def test_each_place_has_its_clauses(country: str, kind: str, said: str, unsaid: str) -> None:
    html = demand_letter_html(demand(country, kind=kind), law())
    assert said in html
    assert unsaid not in html
    assert f"size: {'Letter' if country == 'US' else 'A4'}" in html


#: Names that have no other language: of statutes, and of official papers that are English.
NAMES = (
    "Late Payment of Commercial Debts (Interest) Act", "Practice Direction on Pre-Action Conduct",
    "Pre-Action Protocol for Debt Claims", "Bank Rate", "Information sheet", "Reply form", "Financial statement",
)  # fmt: skip


#: Words of a demand that English shares, looked at one by one, and the name of a bank.
COGNATES: dict[str, set[str]] = {
    "de": set(),
    "fr": {"bank", "documents", "notice", "directive"},
    "es": {"bank", "simple"},
    "pt": {"bank"},
}


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize(("country", "kind"), [("GB", "business"), ("GB", "person"), ("DE", "business")])
def test_no_english_is_left_in_a_letter_of_another_language(language: str, country: str, kind: str) -> None:
    currency = "GBP" if country == "GB" else "EUR"
    items = [
        invoice("INV-1", 45, "12500.00", currency=currency, paid="2500.00", agreement_ref="R-7"),
        invoice("INV-2", 60, "800.00", currency=currency, asked="600.00", disputed=money("200.00", currency)),
    ]
    on = (Jurisdiction.UK_COMPANY, Jurisdiction.EU)
    facts = demand(country, *items, kind=kind, referral_partner=seller().referral_partner)
    facts = facts.model_copy(update={"language": language, "locale": LOCALES[language]})
    html = demand_letter_html(facts, law(*on))
    text = own_words(facts, Words("", " ".join(seen(html.partition("</style>")[2]).said), ""))
    for name in (*NAMES, "14 Priory Road", "Leeds"):
        text = text.replace(name, " ")
    english = english_words() | word_set(
        "simple interest directive rate enclosed claim demanded period fixed sum the and of"
    )
    assert (word_set(text) & english) - SHARED[language] - BANKING <= COGNATES[language]
    assert not re.findall(rf"\b(?:{FAMILIAR[language]})\b", text, re.IGNORECASE)
    assert ("Pre-Action" in html) == (country == "GB")


def test_stored_fields_stay_text() -> None:
    hostile = "<script>x</script>{{7*7}}"
    item = invoice("INV-1", 9, description=hostile, agreement_ref=hostile)
    html = demand_letter_html(
        notice(Step.DEMAND, Tone.FORMAL, [item], customer=customer(name=hostile)), law()
    )
    assert "<script" not in html
    assert "{{7*7}}" in html


def test_annexes_are_taken_as_they_are_and_missing_ones_are_named(folder: Path) -> None:
    facts = demand(kind="person")
    found = annexes(facts, law(), folder)
    assert [paper.name for paper in found] == list(ANNEXES)
    assert found[0].body == (folder / "uk_individual" / ANNEXES[0]).read_bytes()
    assert annexes(demand(), law(), None) == ()
    (folder / "uk_individual" / "reply-form.pdf").unlink()
    (folder / "uk_individual" / "financial-statement.pdf").write_text("not a PDF")
    with pytest.raises(DemandRefused) as refused:
        annexes(facts, law(), folder)
    assert "reply-form.pdf (it is not there)" in str(refused.value)
    assert "financial-statement.pdf (it is not a PDF)" in str(refused.value)
    assert "information-sheet.pdf" not in str(refused.value)
    with pytest.raises(DemandRefused, match=r"information-sheet\.pdf"):
        annexes(facts, law(), None)


def test_without_a_rate_or_a_statement_there_is_no_letter(
    renderer: PdfRenderer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = demand("GB", invoice("INV-1", 900, currency="GBP"))
    with pytest.raises(DemandRefused, match="no rate since 2024-01-01"):
        make_papers(old, replace(the_rulebook(), demand=law(Jurisdiction.UK_COMPANY)), renderer)

    def broken(*_: Any, **__: Any) -> bytes:
        raise RenderingFailed("too long")

    monkeypatch.setattr(papers_module, "bound_statement", broken)
    with pytest.raises(DemandRefused, match="too long"):
        make_papers(demand(kind="person"), replace(the_rulebook(), demand=law(), annexes=folder), renderer)


def asked_for(office: Office, rulebook: Rulebook, kind: str = "person") -> str | None:
    """A person asks for the demand of an invoice in the UK; returns the message, if one was drafted."""
    office.use(rulebook)
    office.open(
        invoice={"currency": "GBP", "issued_on": "2026-08-07", "due_on": "2026-09-07"},
        customer={"kind": kind, "country": "GB", "timezone": "Europe/London"},
        history=[
            {"step": "overdue", "sent_on": "2026-09-14"},
            {"step": "overdue_2", "sent_on": "2026-09-21"},
            {"step": "credit_hold", "sent_on": "2026-10-07"},
        ],
    )
    assert office.ask("INV-1", "run_step", step="demand").refused_by is None
    return office.draft().message_id


def test_a_demand_without_its_annexes_waits_for_a_person(
    office: Office, post: Post, renderer: PdfRenderer, folder: Path
) -> None:
    office.renderer = renderer  # type: ignore[assignment]
    form = folder / "uk_individual" / "reply-form.pdf"
    body = form.read_bytes()
    form.unlink()
    message_id = asked_for(office, replace(the_rulebook(), annexes=folder))
    assert message_id is not None
    office.render(message_id)
    assert office.message(message_id).state == "CANCELLED"
    assert post.taken == []
    (item,) = office.tasks("demand_refused", open_only=True)
    assert "reply-form.pdf (it is not there)" in item.why
    assert office.review().decision.kind != "carry_out"

    form.write_bytes(body)
    office.tell("INV-1", "hold_released", hold_id=f"item-{item.item_id}")
    assert office.tasks("demand_refused", open_only=True) == []
    office.contact()
    mail = message_from_bytes(post.taken[0][1])
    assert mail["X-Duecourse-Items"] == "INV-1=demand/1"
    names = [part.get_filename() for part in mail.walk() if part.get_content_type() == "application/pdf"]
    assert names == ["demand-2026-12-07.pdf", *ANNEXES, "statement-2026-12-07.pdf"]
    (sent,) = [message for message in office.messages() if message.state == "SENT"]
    thirty_days = (office.today + timedelta(days=30)).isoformat()
    assert sent.facts["answer_by"] == thirty_days
    assert office.case().taken(Step.DEMAND).fact.answer_by.isoformat() == thirty_days  # type: ignore[union-attr]


def test_a_company_is_asked_by_letter_beside_the_statement(
    office: Office, post: Post, renderer: PdfRenderer
) -> None:
    office.renderer = renderer  # type: ignore[assignment]
    message_id = asked_for(office, the_rulebook(), kind="business")
    assert message_id is not None
    office.render(message_id)
    office.send(message_id)
    mail = message_from_bytes(post.taken[0][1])
    names = [part.get_filename() for part in mail.walk() if part.get_content_type() == "application/pdf"]
    assert names == ["demand-2026-12-07.pdf", "statement-2026-12-07.pdf"]
