"""Our papers can be read out: titles, languages, tags, headers of every table, and no picture without words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from activities.call_sheet import call_sheet_html, read_call_sheet
from activities.paper.demand_letter import demand_letter_html
from activities.paper.plan_papers import schedule_html
from activities.paper.rendering import PdfRenderer
from activities.paper.statement import statement_html
from activities.referral_pack import read_referral_pack, referral_pack_pdf
from domain.letters.demand import Jurisdiction
from domain.vocabulary import Note, Step
from store.schema import CaseRow
from tests.activities.conftest import ANN, Office
from tests.activities.test_demand_letter import demand, law
from tests.activities.test_statement import line
from tests.letters import invoice, notice
from tests.pdf_structure import faults


@pytest.fixture(scope="module")
def renderer() -> Iterator[PdfRenderer]:
    with PdfRenderer() as renderer:
        yield renderer


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "pt"])
def test_a_statement(renderer: PdfRenderer, language: str) -> None:
    items = [
        invoice(days=40, paid="250.00", lines=(line("Support", "1250.00"),)),
        invoice("E-2", -3, "80.00", currency="EUR", asked=None),
    ]
    html = statement_html(notice(Step.OVERDUE, items=items, language=language, locale=language))
    assert "<img" in html
    assert faults(renderer.render(html, timeout=60), language) == []


def test_a_demand_letter(renderer: PdfRenderer) -> None:
    item = invoice("INV-1", 45, "12500.00", currency="GBP", paid="2500.00")
    html = demand_letter_html(demand("GB", item), law(Jurisdiction.UK_COMPANY))
    assert "Fixed sum" in html
    assert faults(renderer.render(html, timeout=60)) == []


def test_the_schedule_of_a_plan(renderer: PdfRenderer) -> None:
    html = schedule_html(notice(Note.PLAN_CONFIRMED))
    assert faults(renderer.render(html, timeout=60)) == []


def test_what_colleagues_and_partners_get(office: Office, renderer: PdfRenderer) -> None:
    office.open(customer={"contacts": [{**ANN, "phone": "+12025550123"}]})
    office.contact()
    office.tell("INV-1", "promise_made", promise_id="P", pay_by=office.on(7), source="phone")
    assert office.ask("INV-1", "log_call", outcome="no_answer").refused_by is None
    with office.sessions() as session:
        rows = session.scalars(select(CaseRow)).all()
        sheet = read_call_sheet(session, rows, office.rulebook, office.now)
        pack = read_referral_pack(session, rows, office.rulebook, office.now)
    assert faults(renderer.render(call_sheet_html(sheet), timeout=60)) == []
    assert faults(referral_pack_pdf(pack, None, renderer)) == []


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ("<p>Hello", "it has no title"),
        ("<title>x</title><p>Hello<table><tr><td>1</table>", "a table has no headers"),
        ("<title>x</title><p>Hello<table><tr><th><td>1</table>", "a cell belongs to no header"),
        ("<title>x</title><p>Hello<img alt='' src='data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAf"
         "FcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='>", "a picture has no words"),
    ],
)  # fmt: skip
def test_what_is_missing_is_found(renderer: PdfRenderer, page: str, fault: str) -> None:
    assert fault in faults(renderer.render(f"<html lang=en>{page}", timeout=60))
