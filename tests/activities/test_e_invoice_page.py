"""E-invoices as pages of exhibits: readable in every language, with nothing of a stranger's that acts."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from pypdf import PdfReader

from activities.adapters import e_invoices
from activities.paper.e_invoice_page import e_invoice_html
from activities.paper.exhibits import LARGEST_E_INVOICE_BYTES, ExhibitUnusable, exhibit_file, gather
from activities.paper.rendering import PdfRenderer
from activities.paper.statement import statement_html
from activities.writing.phrasing import LANGUAGES, paper_labels
from domain.letters.letter import ExhibitFacts, NoticeFacts
from domain.vocabulary import Step, Tone
from settings import ROOT
from tests.activities.test_languages import LOCALES
from tests.e_invoices import cii, ubl
from tests.letters import invoice, notice

DATA = Path(os.environ.get("DUECOURSE_DATA", ROOT.parent / "shared" / "data")) / "einvoices"


@pytest.fixture(scope="module")
def renderer() -> Iterator[PdfRenderer]:
    with PdfRenderer() as renderer:
        yield renderer


def facts(language: str = "en", exhibit: ExhibitFacts | None = None) -> NoticeFacts:
    named = () if exhibit is None else (exhibit,)
    item = invoice(days=5, exhibits=named)
    return notice(Step.OVERDUE, Tone.PROFESSIONAL, [item], language=language, locale=LOCALES[language])


def page(data: bytes, language: str = "en") -> str:
    return e_invoice_html(e_invoices.read(data), facts(language))


def words(html: str) -> str:
    """What is read on the page."""
    body = html.partition("<body>")[2]
    text = re.sub(r"<[^>]*>", " ", body)
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&#34;", '"'), ("&#39;", "'"), ("&amp;", "&")):
        text = text.replace(entity, char)
    return " ".join(text.split())


def lying(folder: Path, data: bytes) -> ExhibitFacts:
    (folder / "invoice.xml").write_bytes(data)
    return ExhibitFacts(
        kind="invoice", title="Invoice 2027/0017 (UBL)", uri="invoice.xml", media_type="text/xml"
    )


def test_the_page_says_what_the_document_says() -> None:
    read = words(page(ubl(total="119.00", payable="69.00", prepaid="50.00")))
    for said in (
        "Invoice 2027/0017", "From Northwind GmbH", "To Acme & Söhne GmbH Ringstr. 1", "10115 Berlin", "Germany",
        "VAT no. DE136695976", "ap@acme.example", "Issued January 4, 2027", "Due February 3, 2027",
        "Support, January", "Total with VAT 119.00", "Paid in advance −50.00", "Amount due EUR 69.00",
        "(UBL, EN 16931)",
    ):  # fmt: skip
        assert said in read, said


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_label_is_in_the_customers_language(language: str) -> None:
    data = ubl(total="1119.00", payable="1069.00", prepaid="50.00", preceding="2026/9")
    read = words(page(data, language))
    say, english = paper_labels(facts(language)), paper_labels(facts())
    for name in (
        "from_seller", "to_buyer", "issued_on", "due_on", "preceding_invoice", "line_what", "line_quantity",
        "line_price", "line_amount", "with_vat", "prepaid", "payable", "credit_note", "payment_reference",
        "payment_terms", "order_number", "contract_number", "paid_to", "without_vat", "to_be_credited",
    ):  # fmt: skip
        label = getattr(say, name)
        assert language == "en" or label != getattr(english, name), name
    for name in ("from_seller", "due_on", "line_what", "with_vat", "prepaid", "payable", "preceding_invoice"):
        assert getattr(say, name) in read
    if language == "de":
        assert "Zu zahlen EUR 1.069,00" in read
    note = words(page(ubl(kind="CreditNote", total="100.00", payable="100.00"), language))
    assert note.startswith(f"{say.credit_note} 2027/0017")
    assert f"{say.to_be_credited} EUR" in note


def test_text_of_strangers_is_text() -> None:
    hostile = '</td></table><script>alert(1)</script><img src="file:///etc/passwd">{{7*7}}\u202eevil\x85'
    data = ubl(buyer="<b>Acme</b> & Co", line="LINE")
    escaped = hostile.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    html = page(data.replace(b"LINE", escaped.encode()))
    assert "<script>" not in html
    assert "<img" not in html
    assert "\u202e" not in html
    assert "{{7*7}}" in html
    assert "<b>Acme</b> & Co" in words(html)


def test_long_documents_and_long_texts_are_cut_with_a_word(renderer: PdfRenderer) -> None:
    data = ubl(line="W" * 5_000)
    at = data.index(b"<cac:InvoiceLine>")
    end = data.index(b"</cac:InvoiceLine>") + len(b"</cac:InvoiceLine>")
    html = page(data[:end] + data[at:end].replace(b"W" * 5_000, b"more") * 520 + data[end:])
    assert "W" * 1_001 not in html
    assert "21 further lines stand in the file itself" in words(html)
    assert renderer.render(html, timeout=60).startswith(b"%PDF")


def test_it_is_bound_as_a_page_and_its_cover_names_the_file(renderer: PdfRenderer, tmp_path: Path) -> None:
    data = ubl(total="119.00", payable="119.00")
    told = facts("de", lying(tmp_path, data))
    [exhibit] = gather(told, tmp_path, renderer)
    assert (exhibit.problem, exhibit.pages, exhibit.format) == (None, 1, "XML (UBL, EN 16931)")
    assert exhibit.pdf is not None
    text = " ".join(PdfReader(io.BytesIO(exhibit.pdf)).pages[0].extract_text().split())
    assert "Rechnung 2027/0017" in text
    assert "Zu zahlen EUR 119,00" in text
    assert "<cbc" not in text
    cover = statement_html(told, [exhibit])
    assert "XML (UBL, EN 16931)" in cover
    assert exhibit.sha256 is not None
    assert exhibit.sha256 in cover


def test_a_document_that_cannot_be_read_is_shown_as_it_stands(renderer: PdfRenderer, tmp_path: Path) -> None:
    data = ubl().replace(b"2027-01-04", b"yesterday")
    [exhibit] = gather(facts("en", lying(tmp_path, data)), tmp_path, renderer)
    assert (exhibit.problem, exhibit.format) == (None, "text")
    entity = b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    [exhibit] = gather(
        facts("en", lying(tmp_path, data.replace(b'<?xml version="1.0" encoding="UTF-8"?>', entity))),
        tmp_path,
        renderer,
    )
    assert (exhibit.problem, exhibit.format) == (None, "text")
    assert exhibit.pdf is not None
    assert "root:" not in PdfReader(io.BytesIO(exhibit.pdf)).pages[0].extract_text()


def with_address_twice(data: bytes) -> bytes:
    """A document of CII whose parties have each address two times."""
    start, end = b"<ram:PostalTradeAddress>", b"</ram:PostalTradeAddress>"
    first, *others = data.split(start)
    return first + b"".join(
        start + (address := other.partition(end)[0]) + end + start + address + end + other.partition(end)[2]
        for other in others
    )


def test_of_an_address_that_stands_twice_the_first_is_shown() -> None:
    once = cii()
    assert words(page(with_address_twice(once))) == words(page(once))
    assert "To Acme GmbH Ringstr. 1 10115 Berlin Germany" in words(page(once))


def test_a_share_of_vat_that_cannot_be_read_is_left_out() -> None:
    share = (
        b'<cac:TaxSubtotal><cbc:TaxableAmount currencyID="EUR">100.00</cbc:TaxableAmount>'
        b'<cbc:TaxAmount currencyID="EUR">25.00</cbc:TaxAmount><cac:TaxCategory><cbc:ID>S</cbc:ID>'
        b"<cbc:Percent>25 %</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>"
        b"</cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>"
    )
    data = ubl().replace(b"</cac:TaxTotal>", share)
    [told] = e_invoices.read(data).vat_shares
    assert (told.rate, told.taxable, told.vat) == (None, Decimal("100.00"), Decimal("25.00"))
    assert "25.00" in words(page(data))
    assert e_invoices.read(data.replace(b"25 %", b"25")).vat_shares[0].rate == Decimal(25)


def test_an_exhibit_whose_page_cannot_be_written_leaves_the_others_alone(
    renderer: PdfRenderer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A city that is no text stands for whatever else a document may come to one day."""
    (tmp_path / "note.txt").write_text("Delivered", encoding="utf-8")
    note = ExhibitFacts(kind="delivery", title="Note", uri="note.txt", media_type="text/plain")
    item = invoice(days=5, exhibits=(lying(tmp_path, ubl()), note))
    told = notice(Step.OVERDUE, Tone.PROFESSIONAL, [item])
    read = e_invoices.read

    def odd(data: bytes) -> object:
        document = read(data)
        return replace(document, buyer=replace(document.buyer, city=["Berlin", "Berlin"]))  # type: ignore[arg-type]

    monkeypatch.setattr(e_invoices, "read", odd)
    shown = gather(told, tmp_path, renderer)
    assert [each.problem for each in shown] == ["it cannot be read", None]
    assert "it cannot be read" in statement_html(told, shown)


def test_what_others_attached_to_it_does_not_stand_in_its_way(renderer: PdfRenderer, tmp_path: Path) -> None:
    attached = b"<!--" + b"A" * 300_000 + b"-->"
    data = ubl().replace(b"<cbc:IssueDate>", attached + b"<cbc:IssueDate>")
    [exhibit] = gather(facts("en", lying(tmp_path, data)), tmp_path, renderer)
    assert (exhibit.problem, exhibit.format) == (None, "XML (UBL, EN 16931)")
    large = lying(tmp_path, data + b" " * LARGEST_E_INVOICE_BYTES)
    [exhibit] = gather(facts("en", large), tmp_path, renderer)
    assert exhibit.problem == "it is an e-invoice of more than 5 MB"
    with pytest.raises(ExhibitUnusable):
        exhibit_file(tmp_path, large)


def test_it_is_handed_out_as_plain_text(tmp_path: Path) -> None:
    """A browser runs what stands in XML of its own kind."""
    assert exhibit_file(tmp_path, lying(tmp_path, ubl()))[1] == "text/plain"


@pytest.mark.skipif(
    not DATA.is_dir(), reason=f"{DATA} is absent: set DUECOURSE_DATA to the folder of the shared data"
)
@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.slow)])
def test_the_documents_of_real_senders_are_pages(renderer: PdfRenderer, tmp_path: Path, every: int) -> None:
    expected = {each["file"]: each for each in told()}
    assert len(expected) == 33
    for place, (name, document) in list(enumerate(sorted(expected.items())))[::every]:
        data = (DATA / name).read_bytes()
        language = LANGUAGES[place % len(LANGUAGES)]
        assert document["number"] in words(page(data))
        [exhibit] = gather(facts(language, lying(tmp_path, data)), tmp_path, renderer)
        assert (exhibit.problem, exhibit.format.startswith("XML (")) == (None, True), name
        assert exhibit.pdf is not None
        text = "".join(each.extract_text() for each in PdfReader(io.BytesIO(exhibit.pdf)).pages)
        digits = re.sub(r"\D", "", f"{abs(Decimal(document['payable'])):.2f}")
        assert digits in re.sub(r"[.,\s\u00a0\u202f]", "", text), name


def told() -> list[dict[str, str]]:
    documents = json.loads((DATA / "expected.json").read_text(encoding="utf-8"))
    listed = (
        documents.items() if isinstance(documents, dict) else ((each["file"], each) for each in documents)
    )
    return [{"file": name, **each} for name, each in listed]
