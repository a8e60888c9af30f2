"""What the engine guarantees, and what the app's own role may do."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.vocabulary import Step
from store import audit, canonical, customers, facts, outbox, worklist
from store.database import create_engine
from store.schema import SwitchRow
from tests.store.rows import NOON, add_case, item, message


def test_a_word_of_the_domain_is_stored_by_its_value(session: Session) -> None:
    case = add_case(session, next_step=Step.OVERDUE_2, policy={"first": Step.PRE_DUE})
    session.refresh(case)
    assert case.next_step == "overdue_2"
    assert case.policy == {"first": "pre_due"}


def test_no_value_is_null_and_not_a_json_null(session: Session) -> None:
    add_case(session)
    assert session.scalar(sa.text("SELECT decision IS NULL FROM cases")) is True


def test_whoever_waits_for_a_lock_gives_up(database: str) -> None:
    impatient = create_engine(database, lock_timeout_s=1)
    with impatient.connect() as holder, impatient.connect() as other:
        holder.exec_driver_sql("LOCK TABLE customers")
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            other.exec_driver_sql("SELECT * FROM customers")
    impatient.dispose()


def test_a_connection_that_was_cut_is_replaced(database: str) -> None:
    engine = create_engine(database, pool_size=1)
    with engine.connect() as connection:
        backend = connection.scalar(sa.text("SELECT pg_backend_pid()"))
    cutter = create_engine(database)
    with cutter.connect() as connection:
        connection.execute(sa.text("SELECT pg_terminate_backend(:backend)"), {"backend": backend})
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1
    engine.dispose()
    cutter.dispose()


def test_failures_name_no_values(session: Session) -> None:
    with pytest.raises(sa.exc.DBAPIError) as failure:
        session.execute(sa.text("SELECT CAST(:name AS text) || 1 / 0"), {"name": "Ann Payne"})
    assert "Ann" not in str(failure.value)


def test_the_apps_role_can_do_the_apps_work_and_no_more(session: Session) -> None:
    session.execute(sa.text("SET LOCAL ROLE duecourse_app"))
    add_case(session)
    facts.append_event(
        session, customer_id="C-1", invoice_id="INV-1", kind="noted", event_id="1", payload={}, at=NOON
    )
    outbox.reserve(session, message(), [item()])
    outbox.attach(session, "M-1", name="statement.pdf", media_type="application/pdf", body=b"%PDF")
    outbox.freeze(session, "M-1", payload=b"words", subject="")
    outbox.claim(session, "M-1", at=NOON)
    outbox.record_delivery(session, "M-1", kind="bounce", at=NOON)
    item_id = worklist.open_task(session, kind="contact", why="", at=NOON, customer_id="C-1")
    worklist.close_task(session, item_id, at=NOON, by="kim", outcome="")
    customer = customers.lock(session, "C-1")
    seq = audit.append(session, customer, at=NOON, kind="sent", ref="M-1", body={}, text="Dear Ann")
    audit.erase(session, "C-1", seq, at=NOON)
    audit.anchor(session, NOON.date())
    session.add(SwitchRow(name="global_hold", value={"on": True}))
    session.flush()
    for forbidden in (
        "DELETE FROM messages",
        "DELETE FROM audit_texts",
        "UPDATE events SET kind = kind",
        "TRUNCATE cases CASCADE",
        "INSERT INTO alembic_version VALUES ('x')",
        "DROP TRIGGER append_only ON events",
    ):
        with (
            pytest.raises(sa.exc.ProgrammingError, match=r"permission denied|must be owner"),
            session.begin_nested(),
        ):
            session.execute(sa.text(forbidden))


def test_a_customer_that_is_only_an_id_has_a_profile(session: Session) -> None:
    assert customers.lock(session, "C-9").profile == {"customer_id": "C-9"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None, "é\n"]}, '{"a":[true,null,"é\\n"],"b":1}'),
        ({"note": "\\u0000"}, '{"note":"\\\\u0000"}'),
    ],
)
def test_canonical_json(value: Any, text: str) -> None:
    assert canonical.dumps(value) == text


NESTED: list[Any] = []
for _ in range(100_000):
    NESTED = [NESTED]


@pytest.mark.parametrize("value", ["\0", {"\0": 1}, "\\\0", "\ud800", {"\udfff": 1}, NESTED, float("nan")])
def test_what_postgresql_cannot_hold(value: Any) -> None:
    with pytest.raises(ValueError, match=r"NUL|surrogate|deep|JSON compliant"):
        canonical.dumps(value)
