"""Exhibits are bound behind the statement, from one folder alone; what cannot be used is named."""

import hashlib
import io
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path

import pikepdf
import pytest
import sqlalchemy as sa
from PIL import Image
from pypdf import PdfReader

from activities import papers as papers_module
from activities.paper import exhibits as exhibits_module
from activities.paper.exhibits import ExhibitUnusable, gather, read_exhibit
from activities.paper.rendering import PdfRenderer
from activities.papers import make_papers
from activities.rulebook import Misconfigured, Rulebook, load_rulebook
from domain.letters.letter import ExhibitFacts, NoticeFacts
from domain.vocabulary import Step
from settings import ROOT
from store.schema import DocumentRow
from tests.activities.conftest import Office, Post, the_rulebook
from tests.letters import invoice, notice


@pytest.fixture(scope="module")
def renderer() -> Iterator[PdfRenderer]:
    with PdfRenderer() as renderer:
        yield renderer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one good exhibit of each kind."""
    there = tmp_path / "exhibits"
    (there / "2026").mkdir(parents=True)
    (there / "2026" / "order.pdf").write_bytes(foreign_pdf(3))
    Image.new("RGB", (400, 300), "teal").save(there / "photo.png")
    Image.new("RGB", (300, 400), "maroon").save(there / "slip.jpg")
    (there / "log.txt").write_text("2026-10-01 09:00 on site: Käthe <b>Müller</b> {{7*7}}\n" * 3, "utf-8")
    return there


def foreign_pdf(pages: int, size: tuple[int, int] = (500, 700)) -> bytes:
    pdf = pikepdf.new()
    for _ in range(pages):
        pdf.add_blank_page(page_size=size)
    written = io.BytesIO()
    pdf.save(written, deterministic_id=True)
    return written.getvalue()


def exhibit(uri: str | None, title: str = "Signed order", media_type: str | None = None) -> ExhibitFacts:
    return ExhibitFacts(kind="agreement", title=title, uri=uri, media_type=media_type)


def with_exhibits(*named: ExhibitFacts) -> NoticeFacts:
    return notice(Step.OVERDUE, items=[invoice(exhibits=named)])


def rulebook(folder: Path | None) -> Rulebook:
    return replace(the_rulebook(), exhibits=folder)


GOOD = (
    exhibit("2026/order.pdf", "Signed order", "application/pdf"),
    exhibit("photo.png", "Photo of the site"),
    exhibit("slip.jpg", "Delivery slip", "image/jpg"),
    exhibit("log.txt", "", "text/plain; charset=utf-8"),
)


def test_exhibits_follow_their_cover_pages_with_bookmarks_and_tags(
    renderer: PdfRenderer, folder: Path
) -> None:
    made = make_papers(with_exhibits(*GOOD), rulebook(folder), renderer)
    (statement,) = made.attached
    assert made.kept == ()
    assert made.missing == ()
    pdf = PdfReader(io.BytesIO(statement.body))
    text = [page.extract_text() for page in pdf.pages]
    # Two pages of statement, then cover, 3 pages, and three times cover and one page.
    assert len(text) == 2 + 4 + 3 * 2
    assert "Page 2 of 2" in text[1]
    for number, title in enumerate(["Signed order", "Photo of the site", "Delivery slip", "Agreement"], 1):
        assert title in text[1]
        cover = {1: 2, 2: 6, 3: 8, 4: 10}[number]
        assert f"Exhibit {number}: {title}" in text[cover].replace("\n", " ")
        assert "Page" not in text[cover].split("Extent")[0]
    assert pdf.pages[3].mediabox.width == 500
    assert "Käthe <b>Müller</b> {{7*7}}" in text[11]
    assert hashlib.sha256((folder / "photo.png").read_bytes()).hexdigest() in text[6].replace("\n", "")
    marks = [(mark["/Title"], pdf.get_destination_page_number(mark)) for mark in flat(pdf.outline)]
    assert [mark for mark in marks if str(mark[0]).startswith("Exhibit ")] == [
        ("Exhibit 1: Signed order", 2),
        ("Exhibit 2: Photo of the site", 6),
        ("Exhibit 3: Delivery slip", 8),
        ("Exhibit 4: Agreement", 10),
    ]
    catalog = pdf.trailer["/Root"]
    assert catalog["/MarkInfo"]["/Marked"]
    assert catalog["/StructTreeRoot"]["/K"]
    assert catalog["/Lang"] == "en"


def flat(outline: list) -> list:  # type: ignore[type-arg]
    return [mark for each in outline for mark in (flat(each) if isinstance(each, list) else [each])]


def test_equal_exhibits_give_equal_bytes(renderer: PdfRenderer, folder: Path) -> None:
    first = make_papers(with_exhibits(*GOOD), rulebook(folder), renderer)
    with PdfRenderer() as other:
        again = make_papers(with_exhibits(*GOOD), rulebook(folder), other)
    assert first.attached == again.attached


def broken(folder: Path) -> dict[str, str]:
    """Files that cannot be bound, and why."""
    (folder / "cut.pdf").write_bytes(foreign_pdf(2)[:100])
    locked = io.BytesIO()
    with pikepdf.open(io.BytesIO(foreign_pdf(1))) as pdf:
        pdf.save(locked, encryption=pikepdf.Encryption(owner="o", user="u"))
    (folder / "locked.pdf").write_bytes(locked.getvalue())
    (folder / "long.pdf").write_bytes(foreign_pdf(201))
    (folder / "cut.png").write_bytes((folder / "photo.png").read_bytes()[:60])
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    (folder / "bomb.png").write_bytes(bomb.getvalue())
    (folder / "archive.zip").write_bytes(b"PK\x03\x04\xff\xfe" * 20)
    (folder / "empty.txt").write_bytes(b"")
    (folder / "huge.txt").write_text("x" * 200_001)
    return {
        "cut.pdf": "it is not a PDF that can be read",
        "locked.pdf": "it is protected by a password",
        "long.pdf": "it has 201 pages; from 1 to 200 can be included",
        "cut.png": "it is not a picture that can be read",
        "bomb.png": "the picture has too many pixels",
        "archive.zip": "it is neither PDF, PNG, JPEG nor text in UTF-8",
        "empty.txt": "it is empty",
        "huge.txt": "it is a text of more than 200 kB",
        "nowhere.pdf": "it is not there",
    }


def test_a_broken_exhibit_is_named_and_the_others_are_bound(renderer: PdfRenderer, folder: Path) -> None:
    why = broken(folder)
    named = [exhibit(name, f"Paper {name}") for name in why]
    named.append(exhibit("photo.png", "Wrong <i>type</i>", "application/pdf"))
    named.append(GOOD[0])
    made = make_papers(with_exhibits(*named), rulebook(folder), renderer)
    problems = {each.named.uri: each.problem for each in made.exhibits[:-1]}
    assert problems == {**why, "photo.png": "it was announced as application/pdf and is PNG"}
    assert [entry["left_out"] for entry in made.record] == [*problems.values(), ""]
    (statement,) = made.attached
    text = [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(statement.body)).pages]
    for each in made.exhibits[:-1]:
        (cover,) = [page for page in text if f"Exhibit {each.number}: {each.named.title}" in page]
        assert f"could not be included: {each.problem}. Please ask us for it." in cover
    assert len(text) - len(made.exhibits) == 2 + 3


def inflating_pdf(megabytes: int) -> bytes:
    """A PDF of about a kilobyte whose catalog lies in an object stream of that many megabytes."""
    inner, outer = zlib.compressobj(9), zlib.compressobj(9)
    packed = [outer.compress(inner.compress(b"1 0 <</Type/Catalog/Pages 3 0 R>>"))]
    packed += [outer.compress(inner.compress(b" " * 1024 * 1024)) for _ in range(megabytes)]
    stream = b"".join([*packed, outer.compress(inner.flush()), outer.flush()])
    bodies = {
        3: b"<</Type/Pages/Kids[4 0 R]/Count 1>>",
        4: b"<</Type/Page/Parent 3 0 R/MediaBox[0 0 99 99]>>",
        5: b"<</Type/ObjStm/N 1/First 4/Filter[/FlateDecode/FlateDecode]/Length %d>>stream\n%s\nendstream"
        % (len(stream), stream),
    }
    pdf, places = b"%PDF-1.5\n", {}
    for number, body in bodies.items():
        places[number] = len(pdf)
        pdf += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    rows = [(0, 0), (2, 5), (0, 0), *((1, places[number]) for number in bodies), (1, len(pdf))]
    table = b"".join(kind.to_bytes(1, "big") + at.to_bytes(4, "big") + b"\0" for kind, at in rows)
    about = b"<</Type/XRef/Size 7/W[1 4 1]/Root 1 0 R/Length %d>>" % len(table)
    return pdf + b"6 0 obj\n%s\nstream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF" % (
        about,
        table,
        len(pdf),
    )


def test_a_pdf_that_inflates_beyond_all_memory_is_named(renderer: PdfRenderer, folder: Path) -> None:
    assert renderer.check_pdf(inflating_pdf(1), most_pages=9, timeout=20)[1] == 1, (
        "otherwise it is a good one"
    )
    (folder / "bomb.pdf").write_bytes(inflating_pdf(420))
    assert (folder / "bomb.pdf").stat().st_size < 10_000
    with PdfRenderer(memory=400 * 1024 * 1024) as small:
        made = make_papers(with_exhibits(exhibit("bomb.pdf"), GOOD[0]), rulebook(folder), small)
    assert [each.problem for each in made.exhibits] == ["it is not a PDF that can be read", None]


def test_a_foreign_pdf_brings_nothing_that_acts(renderer: PdfRenderer, folder: Path) -> None:
    armed = pikepdf.new()
    page = armed.add_blank_page(page_size=(300, 300))
    script = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert('EVIL')")
    link = pikepdf.Dictionary(
        Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=[0, 0, 9, 9],
        A=pikepdf.Dictionary(S=pikepdf.Name.Launch, F="EVIL.exe"),
    )  # fmt: skip
    stamp = pikepdf.Dictionary(
        Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Stamp, Rect=[0, 0, 9, 9], A=script, AA=script
    )
    page.obj.Annots = pikepdf.Array([armed.make_indirect(link), armed.make_indirect(stamp), 7])
    page.obj.AA = pikepdf.Dictionary(O=script)
    armed.Root.OpenAction = script
    armed.Root.Names = pikepdf.Dictionary(JavaScript=pikepdf.Dictionary(Names=["x", script]))
    armed.attachments["EVIL.exe"] = b"MZ"
    armed.save(folder / "armed.pdf")
    made = make_papers(with_exhibits(exhibit("armed.pdf")), rulebook(folder), renderer)
    assert made.exhibits[0].problem is None
    with pikepdf.open(io.BytesIO(made.attached[0].body)) as bound:
        everything = b" ".join(item.unparse(resolved=True) for item in bound.objects)
        assert b"EVIL" not in everything
        assert b"/Launch" not in everything
        assert b"/Stamp" in everything
        assert "/OpenAction" not in bound.Root
        assert not bound.attachments


@pytest.mark.parametrize(
    "uri",
    [
        "../secret.txt",
        "2026/../../secret.txt",
        "/etc/passwd",
        "file:///etc/passwd",
        "file:///{folder}/../secret.txt",
        "file:///%2e%2e/secret.txt",
        "file://elsewhere/{folder}/log.txt",
        "FILE:../secret.txt",
        "http://127.0.0.1/log.txt",
        "https://169.254.169.254/latest/meta-data",
        "s3://bucket/log.txt",
        "data:text/plain,hello",
        "link.txt",
        "linked/secret.txt",
        "2026",
        "pipe",
        "log.txt/x",
        "",
        ".",
        "x" * 300,
        "log\0.txt",
        "//[",
    ],
)
def test_nothing_is_read_outside_the_folder(folder: Path, uri: str) -> None:
    (folder.parent / "secret.txt").write_text("TOP-SECRET")
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    (folder / "linked").symlink_to(folder.parent)
    os.mkfifo(folder / "pipe")
    with pytest.raises(ExhibitUnusable) as refused:
        read_exhibit(folder, uri.replace("{folder}", str(folder)))
    assert str(folder) not in str(refused.value)


def test_what_lies_in_the_folder_is_read_by_path_and_by_address(folder: Path) -> None:
    wanted = (folder / "2026" / "order.pdf").read_bytes()
    (folder / "a b%20c.txt").write_text("blank")
    for uri in (
        "2026/order.pdf",
        "./2026//order.pdf",
        str(folder / "2026/order.pdf"),
        (folder / "2026/order.pdf").as_uri(),
    ):
        assert read_exhibit(folder, uri) == wanted
    assert read_exhibit(folder, "a b%20c.txt") == read_exhibit(folder, (folder / "a b%20c.txt").as_uri())
    with pytest.raises(ExhibitUnusable, match="no folder"):
        read_exhibit(None, "log.txt")
    with pytest.raises(Misconfigured, match="DUECOURSE_EXHIBIT_FOLDER"):
        load_rulebook(ROOT / "deploy", exhibits=folder / "nowhere")


def test_caps_of_size_number_and_time(
    renderer: PdfRenderer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exhibits_module, "LARGEST_BYTES", 1000)
    (folder / "large.txt").write_text("x" * 1001)
    with pytest.raises(ExhibitUnusable, match="larger than"):
        read_exhibit(folder, "large.txt")
    log = exhibit("log.txt")
    with monkeypatch.context() as few:
        few.setattr(exhibits_module, "MOST_EXHIBITS", 1)
        assert [each.problem for each in gather(with_exhibits(log, log), folder, renderer)] == [
            None,
            "a statement includes at most 1 exhibits",
        ]
    with monkeypatch.context() as small:
        small.setattr(exhibits_module, "MOST_BYTES_TOGETHER", len((folder / "log.txt").read_bytes()))
        assert [each.problem for each in gather(with_exhibits(log, log), folder, renderer)] == [
            None,
            "the exhibits together are too large",
        ]
    with monkeypatch.context() as slow:
        slow.setattr(exhibits_module, "SECONDS_TOGETHER", 0.0)
        (late,) = gather(with_exhibits(log), folder, renderer)
        assert late.problem == "the exhibits before it took too long to prepare"


def test_exhibits_too_large_for_mail_are_kept_and_sent_on_request(
    renderer: PdfRenderer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = make_papers(with_exhibits(), rulebook(folder), renderer).attached[0].body
    monkeypatch.setattr(papers_module, "LARGEST_ATTACHMENT", len(plain) + 3_000)
    made = make_papers(with_exhibits(*GOOD), rulebook(folder), renderer)
    (sent,), (kept,) = made.attached, made.kept
    assert sent.name == "statement-2026-12-08.pdf"
    assert kept.name == "statement-2026-12-08-with-exhibits.pdf"
    assert len(PdfReader(io.BytesIO(kept.body)).pages) == 12
    text = " ".join(
        word for page in PdfReader(io.BytesIO(sent.body)).pages for word in page.extract_text().split()
    )
    assert "we send them on request" in text
    assert "Photo of the site" in text
    monkeypatch.setattr(papers_module, "LARGEST_ATTACHMENT", 1_000)
    nothing = make_papers(with_exhibits(*GOOD), rulebook(folder), renderer)
    assert nothing.attached == ()
    assert nothing.kept
    assert "send it on request" in nothing.missing[0]


def test_a_message_carries_its_exhibits_and_its_record_names_the_broken_one(
    office: Office, post: Post, renderer: PdfRenderer, folder: Path
) -> None:
    office.renderer = renderer  # type: ignore[assignment]
    office.use(rulebook(folder))
    named = [
        {
            "kind": "agreement",
            "title": "Signed order",
            "uri": "2026/order.pdf",
            "media_type": "application/pdf",
        },
        {"kind": "delivery", "title": "Slip", "uri": "../secret.pdf"},
    ]
    office.open(invoice={"exhibits": named})
    office.contact()
    mail = message_from_bytes(post.taken[0][1])
    (paper,) = [part for part in mail.walk() if part.get_content_type() == "application/pdf"]
    assert len(PdfReader(io.BytesIO(paper.get_payload(decode=True))).pages) == 1 + 4 + 1
    with office.sessions() as session:
        (stored,) = session.scalars(sa.select(DocumentRow).where(DocumentRow.media_type == "application/pdf"))
    assert stored.body == paper.get_payload(decode=True)
    notes = [row for row in office.audit() if row.kind == "exhibits_bound"]
    (good, bad) = notes[0].body["exhibits"]
    sha256 = hashlib.sha256((folder / "2026" / "order.pdf").read_bytes()).hexdigest()
    assert good == {"number": 1, "invoice_id": "INV-1", "sha256": sha256, "pages": 3, "left_out": ""}
    assert (bad["number"], bad["sha256"], bad["pages"]) == (2, "", 0)
    assert bad["left_out"] == "it does not lie in the folder of exhibits"
    assert "secret" not in json.dumps(notes[0].body)
    (item,) = office.tasks("exhibit")
    assert item.invoice_id == "INV-1"
    assert "'Slip' is left out of statements: it does not lie in the folder of exhibits" in item.why
