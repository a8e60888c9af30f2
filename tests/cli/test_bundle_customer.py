"""The customer's side of an evidence bundle: their mails, what they confirmed on the portal, plans, and live links."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from pypdf import PdfReader

import starter
from activities.inbound.replies import Replies
from activities.portal_answers import File, PortalAnswer, PortalAnswers
from activities.portal_links import Opens, PortalLinks
from store import portal
from store.schema import PortalLinkRow
from tests.activities.conftest import Office, Post
from tests.cli.test_bundle import seal, verify
from tests.inbound import mail
from tests.pdf_structure import faults
from tests.premises import fresh_database

LINKS = PortalLinks("https://accounts.seller.example", SecretStr("x" * 40))
SHOWN = "We will pay $1,250.00 of invoice INV-1 by Dec 14, 2026, says Käthe."
HOSTILE = "<script>alert(1)</script>{{7*7}}"


class Case:
    """A case whose customer wrote, answered and agreed to instalments; bundles of it are made at the command line."""

    def __init__(self, url: str, folder: Path, environment: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        self.post = Post()
        self.office = Office(self.engine, self.post, portal=LINKS)
        environment.chdir(folder)
        environment.setenv("DATABASE_URL", url)
        environment.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
        environment.delenv("DUECOURSE_STATE", raising=False)

    def live(self) -> None:
        office = self.office
        office.open()
        office.open("INV-2")
        office.contact()
        self.sent = str(self.post.mails[0]["Message-ID"])
        quoted = f"We wait for goods.\n\n> {self.url()}\n"
        replies = Replies(office.sessions, office.rulebook)
        self.reply = replies.take(mail(quoted, answers=self.sent), office.now).reply_id
        absent = mail("Away.", mail_id="<2@x>", answers=self.sent, Auto_Submitted="auto-replied")
        self.absence = replies.take(absent, office.now).reply_id
        self.answer("A-1", ("INV-1",), SHOWN, files=(b"%PDF-1.4 one", b"%PDF-1.4 two"))
        self.answer("A-2", ("INV-2",), "About the other invoice only")
        self.answer("A-3", (), f"A question of {HOSTILE}")
        replies.answered(str(self.reply), "lee", "question", office.now)
        assert office.ask("INV-1", "propose_plan", count=2, source="portal").refused_by is None

    def answer(
        self, answer_id: str, invoices: tuple[str, ...], text: str, files: tuple[bytes, ...] = ()
    ) -> None:
        office, link = self.office, self.links()[0]
        told = PortalAnswer(
            answer_id=answer_id,
            link_id=link.link_id,
            action="promise",
            invoices=invoices,
            text=text,
            language="en",
            address="203.0.113.7",
            files=tuple(hashlib.sha256(body).hexdigest() for body in files),
        )
        desk = PortalAnswers(office.sessions, office.rulebook)
        sent = [File("order.pdf", "application/pdf", body) for body in files]
        assert desk.begin(link, told, {"day": "2026-12-14"}, sent, office.now)
        outcome: dict[str, str | None] = dict.fromkeys(invoices)
        desk.finish(
            link,
            answer_id,
            outcome | ({"INV-1": "PromiseTooLate"} if invoices == ("INV-1",) else {}),
            office.now,
        )

    def links(self) -> list[PortalLinkRow]:
        with self.office.sessions() as session:
            return portal.links_of(session, (), [message.message_id for message in self.office.messages()])

    def url(self) -> str:
        return str(self.office.messages()[0].facts["portal_link"])

    def opens(self) -> Opens:
        """What the link in the mail opens."""
        with self.office.sessions() as session:
            found = LINKS.read(session, self.url().rsplit("/", 1)[1])
        assert found is not None
        return found[1]

    def bundle(self, name: str, *more: str) -> Path:
        """Make a bundle and unpack it."""
        assert starter.main(["bundle", "INV-1", "-o", f"{name}.zip", *more]) == 0
        with zipfile.ZipFile(self.folder / f"{name}.zip") as archive:
            archive.extractall(self.folder / name)
        return self.folder / name


@pytest.fixture(scope="module")
def case(
    postgres_url: str, database_template: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Case]:
    folder = tmp_path_factory.mktemp("customer")
    with (
        fresh_database(postgres_url, database_template, f"customer_{worker_id}") as url,
        pytest.MonkeyPatch.context() as environment,
    ):
        made = Case(url, folder, environment)
        made.live()
        yield made
        made.engine.dispose()


@pytest.fixture(scope="module")
def whole(case: Case) -> Path:
    return case.bundle("whole")


@pytest.fixture
def unpacked(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "evidence"))


def document(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text("utf-8"))


def test_mails_lie_in_it_as_they_came(whole: Path, case: Case) -> None:
    code, said = verify(whole)
    assert code == 0, said
    reply, absence = document(whole, "replies.json")
    assert (reply["reply_id"], absence["reply_id"]) == (case.reply, case.absence)
    assert b"We wait for goods." in (whole / reply["file"]).read_bytes()
    assert (reply["kind"], reply["answered_as"], reply["answered_by"]) == ("reply", "question", "lee")
    assert (absence["kind"], absence["in_chain"], reply["in_chain"]) == ("automatic", True, True)
    assert "by lee" in (whole / "audit/texts.jsonl").read_text("utf-8")


def test_answers_are_told_with_link_address_words_files_and_outcome(whole: Path, case: Case) -> None:
    first, third = document(whole, "portal.json")["answers"]
    assert (first["answer_id"], third["answer_id"]) == ("A-1", "A-3")
    assert (first["text"], first["address"]) == (SHOWN, "203.0.113.7")
    assert first["link_id"] == case.links()[0].link_id
    assert first["outcome"] == {"INV-1": "PromiseTooLate"}
    assert [(whole / file["file"]).read_bytes() for file in first["files"]] == [
        b"%PDF-1.4 one",
        b"%PDF-1.4 two",
    ]
    everything = b"".join(path.read_bytes() for path in whole.rglob("*.json*"))
    assert b"About the other invoice only" not in everything, "no words about other invoices"
    (plan,) = document(whole, "plans.json")
    assert "625.00" in plan["terms_text"]


def test_the_index_lists_them_all(whole: Path) -> None:
    pages = PdfReader(whole / "index.pdf").pages
    index = " ".join(" ".join(page.extract_text() for page in pages).split())
    for part in (
        "Mails from the customer", "Re: your invoice", "question, by lee", SHOWN, "from 203.0.113.7",
        "refused, PromiseTooLate", "Payment plans", "{{7*7}}", "Some links in these mails were live",
    ):  # fmt: skip
        assert part in index, part
    assert faults((whole / "index.pdf").read_bytes()) == [], "it can be read out"


def test_live_links_are_told_and_revoked_only_when_asked(
    case: Case, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (link,) = document(whole, "links.json")
    (reply, _) = document(whole, "replies.json")
    message = document(whole, "messages.json")[0]
    assert link["live"] is True
    assert {message["file"], reply["file"], "messages.json"} <= set(link["files"]), (
        "quoted ones are found as well"
    )
    assert link["link_id"] in verify(whole)[1]
    assert case.opens() is Opens.ACCOUNT, "making it has closed nothing"
    capsys.readouterr()
    assert starter.main(["bundle", "INV-1", "-o", "again.zip", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["live_links"] == [link["link_id"]]
    assert "--revoke-links" in told.err

    closed = case.bundle("closed", "--revoke-links", "--by", "kim")
    capsys.readouterr()
    (link,) = document(closed, "links.json")
    assert (link["live"], link["revoked_by"]) == (False, "kim")
    code, said = verify(closed)
    assert (code, link["link_id"] in said) == (0, False)
    assert case.opens() is Opens.FRESH_LINK
    (revoked,) = [row for row in case.office.audit() if row.kind == "portal_links_revoked"]
    assert revoked.body == {"links": [link["link_id"]], "why": "they stand in the evidence of INV-1"}
    assert case.office.audit_problems() == []
    mails = [
        name for name in ("whole", "closed") for name in [(case.folder / name / message["file"]).read_bytes()]
    ]
    assert mails[0] == mails[1], "the bytes sent stay as they were sent"
    index = " ".join(" ".join(page.extract_text() for page in PdfReader(closed / "index.pdf").pages).split())
    assert "None of them opens anything any more" in index


def edit(name: str, was: str, becomes: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (path,) = [
            each
            for each in folder.rglob("*")
            if each.is_file() and each.relative_to(folder).as_posix() == name
        ]
        body = path.read_bytes()
        assert was.encode() in body
        path.write_bytes(body.replace(was.encode(), becomes.encode()))

    return change


def edit_mail(folder: Path) -> None:
    path = folder / document(folder, "replies.json")[0]["file"]
    path.write_bytes(path.read_bytes().replace(b"We wait", b"We hate"))


def edit_mail_and_its_hash(folder: Path) -> None:
    edit_mail(folder)
    replies = document(folder, "replies.json")
    sha256 = hashlib.sha256((folder / replies[0]["file"]).read_bytes()).hexdigest()
    replies[0] |= {"kept_sha256": sha256, "raw_sha256": sha256}
    (folder / "replies.json").write_text(json.dumps(replies), "utf-8")


def leave_out(name: str, at: int, key: str | None = None) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        told = document(folder, name)
        del (told[key] if key else told)[at]
        (folder / name).write_text(json.dumps(told), "utf-8")

    return change


def leave_out_all_of_it(folder: Path) -> None:
    """The answer and the fact of it: the chain still knows that something was answered about the invoice."""
    leave_out("portal.json", 0, "answers")(folder)
    facts = [fact for fact in document(folder, "facts.json") if fact["event_id"] != "A-1"]
    (folder / "facts.json").write_text(json.dumps(facts), "utf-8")


def edit_upload(folder: Path) -> None:
    (path,) = folder.glob("portal/A-1/01.pdf")
    path.write_bytes(b"%PDF-1.4 six")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (edit_mail, "was changed"),
        (edit_mail_and_its_hash, "is not the one of the audit chain"),
        (leave_out("replies.json", 0), "came in, and is missing"),
        (edit("portal.json", "We will pay", "We may pay"), "answer A-1: is not what was confirmed"),
        (edit("portal.json", "203.0.113.7", "203.0.113.8"), "answer A-1: is not what was confirmed"),
        (edit("portal.json", "PromiseTooLate", "NothingOwed"), "answer A-1: what became of it"),
        (leave_out("portal.json", 0, "answers"), "answer A-1: was confirmed, and is missing"),
        (leave_out_all_of_it, "answer A-1: was confirmed, and is missing"),
        (edit_upload, "answer A-1: its files were changed"),
        (edit("plans.json", "625.00", "525.00"), "its terms are not those that were accepted"),
    ],
)  # fmt: skip
def test_a_manifest_written_anew_hides_no_change_of_them(
    unpacked: Path, change: Callable[[Path], None], found: str
) -> None:
    change(unpacked)
    seal(unpacked)
    code, said = verify(unpacked)
    assert code == 1, said
    assert found in said
