"""Each way of tampering with the audit log is found; erasing a person's text is not tampering."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from store import audit, customers
from store.audit import Problem
from store.schema import AuditRow, AuditTextRow
from tests.store.rows import NOON

Sessions = sessionmaker[Session]
MONDAY = date(2026, 12, 7)


@pytest.fixture
def log(sessions: Sessions) -> Sessions:
    """Two chains of five rows, anchored after the third and after the fourth."""
    with sessions.begin() as session:
        for number in range(1, 6):
            for customer_id in ("C-1", "C-2"):
                audit.append(
                    session,
                    customers.lock(session, customer_id),
                    at=NOON + timedelta(microseconds=number),
                    kind="sent",
                    ref=f"M-{number}",
                    body={"step": "due", "asked": 125_000, "of": {"b": [1, None], "a": "é"}},
                    text=f"Dear Ann, {number}",
                )
            if number in (3, 4):
                audit.anchor(session, MONDAY + timedelta(days=number))
    return sessions


def problems(sessions: Sessions) -> list[Problem]:
    with sessions() as session:
        return audit.verify(session)


def tamper(sessions: Sessions, *statements: str) -> list[Problem]:
    """What is found after a superuser, triggers and foreign keys switched off, has been at it."""
    with sessions.begin() as session:
        session.execute(sa.text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            session.execute(sa.text(statement))
    return problems(sessions)


def test_an_untouched_log(log: Sessions) -> None:
    assert problems(log) == []


EDITS = ["body = '{}'", "kind = 'x'", "ref = 'x'", "at = at + '1 us'", "recorded_at = recorded_at + '1 us'"]


@pytest.mark.parametrize("edit", [*EDITS, "text_sha256 = NULL", "hash = prev_hash"])
def test_editing(log: Sessions, edit: str) -> None:
    found = tamper(log, f"UPDATE audit_log SET {edit} WHERE customer_id = 'C-1' AND seq = 2")
    assert Problem("C-1", 2, "was changed") in found
    assert {problem.customer_id for problem in found} == {"C-1"}


def test_editing_with_all_hashes_of_the_chain_made_anew(log: Sessions) -> None:
    with log.begin() as session:
        session.execute(sa.text("SET LOCAL session_replication_role = replica"))
        before = bytes(32)
        rows = sa.select(AuditRow).where(AuditRow.customer_id == "C-1").order_by(AuditRow.seq)
        for row in session.scalars(rows):
            row.body, row.prev_hash = {"forged": True}, before
            before = row.hash = audit._row_hash(row)
        session.execute(
            sa.text("UPDATE customers SET audit_head = :head WHERE customer_id = 'C-1'"), {"head": before}
        )
    anchored = "is missing or not the row that was anchored on"
    assert problems(log) == [
        Problem("C-1", 3, f"{anchored} 2026-12-10"),
        Problem("C-1", 4, f"{anchored} 2026-12-11"),
    ]


def test_deleting(log: Sessions) -> None:
    found = tamper(log, "DELETE FROM audit_log WHERE customer_id = 'C-1' AND seq = 2")
    assert Problem("C-1", 3, "rows 2 to 2 are missing") in found


def test_reordering(log: Sessions) -> None:
    swap = "UPDATE audit_log SET seq = {} WHERE customer_id = 'C-1' AND seq = {}"
    found = tamper(log, swap.format(9, 1), swap.format(1, 2), swap.format(2, 9))
    assert Problem("C-1", 1, "was changed") in found
    assert Problem("C-1", 2, "does not follow the row before it") in found


def test_truncating_the_end(log: Sessions) -> None:
    found = tamper(log, "DELETE FROM audit_log WHERE customer_id = 'C-1' AND seq = 5")
    assert found == [Problem("C-1", 4, "the chain ends here, its head is row 5")]


def test_truncating_the_end_and_setting_the_head_back(log: Sessions) -> None:
    found = tamper(
        log,
        "DELETE FROM audit_log WHERE customer_id = 'C-1' AND seq > 3",
        "DELETE FROM audit_texts WHERE customer_id = 'C-1' AND seq > 3",
        "UPDATE customers c SET audit_seq = 3, audit_head = a.hash FROM audit_log a"
        " WHERE a.customer_id = 'C-1' AND a.seq = 3 AND c.customer_id = 'C-1'",
    )
    assert found == [Problem("C-1", 4, "is missing or not the row that was anchored on 2026-12-11")]


def test_deleting_a_whole_chain(log: Sessions) -> None:
    found = tamper(log, "DELETE FROM audit_log WHERE customer_id = 'C-1'")
    assert Problem("C-1", 5, "the whole chain is missing") in found
    found = tamper(log, "DELETE FROM customers WHERE customer_id = 'C-1'")
    assert {problem.seq for problem in found} == {3, 4}


def test_changing_an_anchor(log: Sessions) -> None:
    found = tamper(log, "DELETE FROM audit_anchor_heads WHERE day = '2026-12-10' AND customer_id = 'C-2'")
    assert found == [
        Problem(None, None, "the anchor of 2026-12-10 was changed or does not follow the one before")
    ]
    found = tamper(log, "DELETE FROM audit_anchors WHERE day = '2026-12-10'")
    assert found == [
        Problem(None, None, "the anchor of 2026-12-11 was changed or does not follow the one before")
    ]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE audit_texts SET body = 'Dear Bob'", "its text was changed"),
        ("DELETE FROM audit_texts", "its text is missing and was never erased"),
    ],
)
def test_changing_a_text(log: Sessions, change: str, what: str) -> None:
    found = tamper(log, f"{change} WHERE customer_id = 'C-1' AND seq = 2")
    assert found == [Problem("C-1", 2, what)]


def test_erasing_a_text(log: Sessions) -> None:
    with log.begin() as session:
        audit.erase(session, "C-1", 2, at=NOON)
    with log() as session:
        assert session.get(AuditTextRow, ("C-1", 2)) is None
        assert session.get_one(AuditTextRow, ("C-1", 3)).body == "Dear Ann, 3"
    assert problems(log) == []


def test_an_anchor_of_the_same_day_stands_and_days_do_not_go_back(log: Sessions) -> None:
    friday = MONDAY + timedelta(days=4)
    with log.begin() as session:
        first = audit.anchor(session, friday)
        assert first.chains == 2
        with pytest.raises(ValueError, match="before the last anchor"):
            audit.anchor(session, MONDAY)
        assert audit.anchor(session, friday + timedelta(days=1)).chains == 2
        assert audit.anchor(session, friday + timedelta(days=2)).chains == 0
    assert problems(log) == []


def test_a_float_is_refused(session: Session) -> None:
    customer = customers.lock(session, "C-1")
    with pytest.raises(ValueError, match="integers or strings"):
        audit.append(session, customer, at=NOON, kind="sent", ref="", body={"amount": 12.5})
