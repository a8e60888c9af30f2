"""An evidence bundle proves itself offline: whatever is changed in it, its own verify.py finds."""

import hashlib
import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pypdf import PdfReader

import starter
from activities.paper.rendering import PdfRenderer
from commands.evidence import bundle_verify
from store import audit
from store.database import session_factory
from tests.activities.conftest import Office, Post, the_rulebook
from tests.premises import fresh_database


@pytest.fixture(scope="module")
def bundle(
    postgres_url: str,
    database_template: str,
    worker_id: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The bundle of a case with messages, a part payment, a hold and an exhibit, made without Temporal or worker."""
    folder = tmp_path_factory.mktemp("bundle")
    exhibits = folder / "exhibits"
    exhibits.mkdir()
    (exhibits / "order.txt").write_text("One order, signed by Käthe Müller")
    with fresh_database(postgres_url, database_template, f"bundle_{worker_id}") as url:
        engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        office = Office(engine, Post(), replace(the_rulebook(), exhibits=exhibits))
        with PdfRenderer() as renderer:
            office.renderer = renderer  # type: ignore[assignment]
            office.use(office.rulebook)
            office.open(
                invoice={"exhibits": [{"kind": "agreement", "title": "Order", "uri": "order.txt"}]},
                customer={"name": "Käthe Müller & Söhne"},
            )
            office.open("INV-2")
            office.contact()
        office.pay("INV-1", "250.00")
        office.tell("INV-1", "hold_placed", hold_id="H-1", reason="manual", note="wait for Käthe")
        with session_factory(engine).begin() as session:
            audit.anchor(session, date(2026, 12, 7))
        office.tell("INV-1", "hold_released", hold_id="H-1")
        engine.dispose()
        with pytest.MonkeyPatch.context() as environment:
            environment.chdir(folder)
            environment.setenv("DATABASE_URL", url)
            environment.setenv("DUECOURSE_EXHIBIT_FOLDER", str(exhibits))
            environment.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
            environment.delenv("DUECOURSE_STATE", raising=False)
            assert starter.main(["bundle", "INV-1", "-o", "evidence.zip"]) == 0
    return folder / "evidence.zip"


@pytest.fixture
def unpacked(bundle: Path, tmp_path: Path) -> Path:
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(tmp_path / "evidence")
    return tmp_path / "evidence"


def verify(folder: Path, *, place: Path | None = None) -> tuple[int, str]:
    """What the program that lies in the bundle says, run in this process."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(out):
        code = bundle_verify.main([str(place or folder)])
    return code, out.getvalue()


def verify_alone(folder: Path, *, place: Path | None = None) -> tuple[int, str]:
    """Run that program as whoever received the bundle does, with nothing of ours to be found."""
    program = [sys.executable, "-I", "-S", "-B", str(folder / "verify.py")]
    ran = subprocess.run(
        program + ([str(place)] if place else []), capture_output=True, text=True, check=False, timeout=60
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_it_holds_what_a_court_asks_for(unpacked: Path, bundle: Path) -> None:
    assert (unpacked / "verify.py").read_bytes() == Path(bundle_verify.__file__).read_bytes()
    code, said = verify_alone(unpacked)
    assert code == 0, said
    assert verify_alone(unpacked, place=bundle)[0] == 0
    assert starter.main(["verify", str(bundle)]) == 0
    names = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert names >= {
        "index.pdf", "statement.pdf", "certificate.txt", "verify.py", "case.json", "ledger.json", "facts.json",
        "holds.json", "portal.json", "messages.json", "exhibits.json", "software.json", "audit/chain.jsonl",
        "exhibits/01.txt",
    }  # fmt: skip
    ledger = json.loads((unpacked / "ledger.json").read_text("utf-8"))
    assert [(entry["amount"], entry["balance"]) for entry in ledger] == [
        ("1250.00", "1250.00"),
        ("-250.00", "1000.00"),
    ]
    (message,) = json.loads((unpacked / "messages.json").read_text("utf-8"))
    mail = (unpacked / message["file"]).read_bytes()
    assert message["header_message_id"].encode() in mail
    assert [event["kind"] for event in message["delivery_events"]] == ["delivered"]
    assert {Path(paper["file"]).name for paper in message["papers"]} == {
        "words.json",
        "statement-2026-12-07.pdf",
    }
    holds = json.loads((unpacked / "holds.json").read_text("utf-8"))
    assert [fact["kind"] for fact in holds["facts"]] == ["hold_placed", "hold_released"]
    index = " ".join(page.extract_text() for page in PdfReader(unpacked / "index.pdf").pages)
    for part in ("Käthe Müller & Söhne", message["payload_sha256"][:20], "certificate.txt", "1000.00"):
        assert part in " ".join(index.split()), part
    assert "Lindenmoor Studio LLC" in (unpacked / "certificate.txt").read_text("utf-8")
    # The text of the hold goes with it; of the other invoice, only what the chain holds.
    assert "wait for Käthe" in (unpacked / "audit" / "texts.jsonl").read_text("utf-8")


def test_any_changed_byte_of_any_file_is_found(unpacked: Path) -> None:
    files = sorted(path for path in unpacked.rglob("*") if path.is_file())
    assert len(files) > 15
    for path in files:
        if path.name == "verify.py":
            continue
        body = path.read_bytes()
        for place in {0, len(body) // 2, len(body) - 1} if body else {0}:
            path.write_bytes(body[:place] + bytes([(body[place] if body else 0) ^ 1]) + body[place + 1 :])
            assert bundle_verify.check(bundle_verify.read(unpacked)[0]), f"{path.name}, byte {place}"
        code, said = verify(unpacked)
        assert code == 1, f"{path.name}: {said}"
        path.write_bytes(body)
    program = unpacked / "verify.py"
    program.write_text(program.read_text("utf-8") + "# a remark\n", "utf-8")
    code, said = verify_alone(unpacked)
    assert code == 1
    assert "verify.py: was changed" in said


def test_a_missing_and_a_foreign_file_are_found(unpacked: Path) -> None:
    for path in sorted(path for path in unpacked.rglob("*") if path.is_file() and path.name != "verify.py"):
        body = path.read_bytes()
        path.unlink()
        code, said = verify(unpacked)
        assert code == 1
        assert f"{path.relative_to(unpacked).as_posix()}: is missing" in said
        path.write_bytes(body)
    (unpacked / "more.txt").write_text("more")
    assert "more.txt: does not belong to the bundle" in verify(unpacked)[1]
    (unpacked / "statement.pdf").unlink()
    code, said = verify_alone(unpacked)
    assert code == 1
    assert "statement.pdf: is missing" in said
    assert "more.txt: does not belong to the bundle" in said


def seal(folder: Path) -> None:
    """Write the manifest anew, as somebody would who changes a bundle and knows how it is made."""
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    for name in list(manifest["files"]):
        body = (folder / name).read_bytes()
        manifest["files"][name] = {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body)}
    body = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(body)
    (folder / "manifest.sha256").write_text(f"{hashlib.sha256(body).hexdigest()}  manifest.json\n")


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "audit/chain.jsonl").read_text("utf-8").splitlines()]


def reorder(folder: Path, rows: list[dict[str, Any]]) -> None:
    rows[2], rows[3] = rows[3], rows[2]


def leave_out(folder: Path, rows: list[dict[str, Any]]) -> None:
    del rows[2]


def cut_off(folder: Path, rows: list[dict[str, Any]]) -> None:
    del rows[-1]


def edit_row(folder: Path, rows: list[dict[str, Any]]) -> None:
    rows[2]["at"] = "2020-01-01T00:00:00+00:00"


def edit_mail(folder: Path, rows: list[dict[str, Any]]) -> None:
    (mail,) = folder.rglob("message.eml")
    mail.write_bytes(mail.read_bytes().replace(b"1,250.00", b"9,250.00"))


def edit_fact(folder: Path, rows: list[dict[str, Any]]) -> None:
    facts = json.loads((folder / "facts.json").read_text("utf-8"))
    (paid,) = [fact for fact in facts if fact["kind"] == "payment_received"]
    paid["payload"]["amount"] = "1.00"
    (folder / "facts.json").write_text(json.dumps(facts), "utf-8")


def edit_text(folder: Path, rows: list[dict[str, Any]]) -> None:
    texts = folder / "audit/texts.jsonl"
    texts.write_text(texts.read_text("utf-8").replace("wait for", "went for"), "utf-8")


def drop_fact(folder: Path, rows: list[dict[str, Any]]) -> None:
    facts = json.loads((folder / "facts.json").read_text("utf-8"))
    kept = [fact for fact in facts if fact["kind"] != "hold_released"]
    assert len(kept) == len(facts) - 1
    (folder / "facts.json").write_text(json.dumps(kept), "utf-8")


def drop_message(folder: Path, rows: list[dict[str, Any]]) -> None:
    (folder / "messages.json").write_text("[]", "utf-8")


def edit_ledger(folder: Path, rows: list[dict[str, Any]]) -> None:
    path = folder / "ledger.json"
    path.write_text(path.read_text("utf-8").replace('"-250.00"', '"-25.00"'), "utf-8")


def drop_entry(folder: Path, rows: list[dict[str, Any]]) -> None:
    ledger = json.loads((folder / "ledger.json").read_text("utf-8"))
    (folder / "ledger.json").write_text(json.dumps(ledger[:1]), "utf-8")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (reorder, "rows are missing or out of order"),
        (leave_out, "rows are missing or out of order"),
        (cut_off, "is not its head"),
        (edit_row, "audit row 3: was changed"),
        (edit_mail, "its bytes are not those of the audit chain"),
        (edit_fact, "was changed"),
        (edit_text, "its text was changed"),
        (drop_fact, "was recorded, and is missing"),
        (drop_message, "was written, and is missing"),
        (edit_ledger, "the ledger does not say what was told"),
        (drop_entry, "the ledger does not say what was told"),
    ],
)
def test_a_manifest_written_anew_does_not_hide_a_change(
    unpacked: Path, change: Callable[[Path, list[dict[str, Any]]], None], found: str
) -> None:
    seal(unpacked)
    assert verify(unpacked)[0] == 0, "a manifest written anew over unchanged files is not a fault"
    rows = rows_of(unpacked)
    change(unpacked, rows)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (unpacked / "audit/chain.jsonl").write_text(text, "utf-8")
    seal(unpacked)
    code, said = verify(unpacked)
    assert code == 1
    assert found in said


def test_a_damaged_zip_is_not_taken_for_a_bundle(bundle: Path, tmp_path: Path, unpacked: Path) -> None:
    body = bundle.read_bytes()
    for damaged in (body[: len(body) // 2], b"", body[:5000] + b"\0\0\0\0" + body[5004:]):
        (tmp_path / "damaged.zip").write_bytes(damaged)
        assert verify(unpacked, place=tmp_path / "damaged.zip")[0] == 1
        assert starter.main(["verify", str(tmp_path / "damaged.zip")]) == 1


def test_unknown_invoices_and_folders_change_nothing(
    bundle: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert starter.main(["bundle", "INV-1", "-o", str(tmp_path / "no" / "where.zip")]) == 2
    assert starter.main(["verify", str(tmp_path / "nothing.zip")]) == 2
    assert "is not there" in capsys.readouterr().err
    assert zipfile.ZipFile(io.BytesIO(bundle.read_bytes())).testzip() is None
    shutil.rmtree(tmp_path, ignore_errors=True)
