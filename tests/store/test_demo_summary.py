"""What a demo leaves behind for people to look at."""

from pathlib import Path

from sqlalchemy.orm import Session

from commands.stack.demo_summary import write_papers
from store.outbox import attach, claim, freeze, mark_sent
from store.outbox import reserve as reserve_message
from tests.store.rows import NOON, add_case, item, message


def test_every_paper_of_a_message_has_a_file_of_its_own(session: Session, tmp_path: Path) -> None:
    add_case(session)
    reserve_message(session, message(), [item()])
    for name in ("demand-2026-12-07.pdf", "statement-2026-12-07.pdf"):
        attach(session, "M-1", name=name, media_type="application/pdf", body=name.encode())
    freeze(session, "M-1", payload=b"words", subject="Invoice")
    claim(session, "M-1", at=NOON)
    mark_sent(session, "M-1", attempt=1, at=NOON, provider_ref="X")
    assert write_papers(session, tmp_path / "papers") == 2
    assert {path.read_text() for path in (tmp_path / "papers").iterdir()} == {
        "demand-2026-12-07.pdf",
        "statement-2026-12-07.pdf",
    }
