"""What a customer owes is kept with every change of a case, whoever makes it, and can be held to the cases."""

from __future__ import annotations

from datetime import date
from random import Random

import sqlalchemy as sa
from sqlalchemy import delete, insert, text, update
from sqlalchemy.orm import Session, sessionmaker

from store import balances
from store.balances import Difference
from store.migrations.versions import m0011_customer_balances
from store.schema import CaseRow, CustomerBalanceRow
from tests.store.rows import NOON, add_case

TODAY = date(2026, 12, 7)


def test_a_case_counts_from_its_opening_to_its_end(session: Session) -> None:
    case = add_case(session, "A", balance_minor=100)
    add_case(session, "B", balance_minor=40)
    add_case(session, "C", currency="EUR", balance_minor=7)
    add_case(session, "D", "C-2", balance_minor=9)
    assert balances.owed(session, "C-1") == {"USD": 140, "EUR": 7}
    case.balance_minor = 60
    session.flush()
    assert balances.owed(session, "C-1") == {"USD": 100, "EUR": 7}
    case.closed_at = NOON
    session.flush()
    assert balances.owed(session, "C-1") == {"USD": 40, "EUR": 7}
    case.closed_at, case.balance_minor = None, 25
    session.flush()
    assert balances.owed(session, "C-1") == {"USD": 65, "EUR": 7}
    case.customer_id = "C-2"
    session.flush()
    assert (balances.owed(session, "C-1")["USD"], balances.owed(session, "C-2")["USD"]) == (40, 34)
    session.execute(update(CaseRow).where(CaseRow.currency == "EUR").values(closed_at=NOON))
    assert balances.owed(session, "C-1") == {"USD": 40}
    session.execute(delete(CaseRow).where(CaseRow.invoice_id == "B"))
    assert balances.owed(session, "C-1") == {}
    assert balances.differences(session) == []


def test_a_transaction_that_fails_changes_no_balance(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        add_case(session, "A", balance_minor=100)
    with sessions() as session:
        session.execute(update(CaseRow).values(balance_minor=1))
        assert balances.owed(session, "C-1") == {"USD": 1}
        session.rollback()
        assert balances.owed(session, "C-1") == {"USD": 100}


def test_any_changes_keep_them_equal(session: Session) -> None:
    random = Random(7)
    for number in range(40):
        add_case(
            session,
            f"I-{number}",
            f"C-{number % 5}",
            currency=random.choice(("USD", "EUR")),
            balance_minor=random.randrange(1000),
            closed_at=random.choice((None, None, NOON)),
        )
    for _ in range(60):
        some = update(CaseRow).where(CaseRow.invoice_id.in_(f"I-{random.randrange(40)}" for _ in range(9)))
        change = random.choice(
            (
                {"balance_minor": CaseRow.balance_minor + random.randrange(-50, 50)},
                {"closed_at": random.choice((None, NOON)), "balance_minor": random.randrange(1000)},
                {"customer_id": f"C-{random.randrange(5)}"},
                {"stage": "due"},
            )
        )
        session.execute(some.values(**change))
        assert balances.differences(session) == []


def test_a_difference_is_found_and_summed_up_anew(session: Session) -> None:
    add_case(session, "A", balance_minor=100)
    add_case(session, "B", "C-2", balance_minor=50)
    session.execute(
        update(CustomerBalanceRow).where(CustomerBalanceRow.customer_id == "C-1").values(open_minor=99)
    )
    session.execute(delete(CustomerBalanceRow).where(CustomerBalanceRow.customer_id == "C-2"))
    session.execute(
        insert(CustomerBalanceRow).values(customer_id="C-2", currency="JPY", open_minor=5, open_cases=1)
    )
    assert balances.differences(session) == [
        Difference("C-1", "USD", (99, 1), (100, 1)),
        Difference("C-2", "JPY", (5, 1), (0, 0)),
        Difference("C-2", "USD", (0, 0), (50, 1)),
    ]
    balances.sum_up(session)
    assert balances.differences(session) == []
    assert balances.owed(session, "C-2") == {"USD": 50}


def test_the_migration_begins_with_what_is_owed(engine: sa.Engine, sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        add_case(session, "A", balance_minor=100)
        add_case(session, "B", balance_minor=40)
        add_case(session, "C", balance_minor=3, closed_at=NOON)
        session.execute(text("DROP TABLE customer_balances"))
        session.execute(text("DROP FUNCTION keep_customer_balance CASCADE"))
    with engine.begin() as connection:
        context = sa_context(connection)
        with context:
            m0011_customer_balances.upgrade()
    with sessions.begin() as session:
        assert balances.owed(session, "C-1") == {"USD": 140}
        add_case(session, "D", balance_minor=1)
        assert balances.owed(session, "C-1") == {"USD": 141}


def sa_context(connection: sa.Connection):  # type: ignore[no-untyped-def]
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    return Operations.context(MigrationContext.configure(connection))


def test_who_owes_most(session: Session) -> None:
    add_case(session, "A", "C-1", balance_minor=100, due_on=date(2026, 12, 31))
    add_case(session, "B", "C-1", balance_minor=50, due_on=date(2026, 12, 6))
    add_case(session, "C", "C-2", balance_minor=200, due_on=TODAY)
    add_case(session, "D", "C-3", balance_minor=10)
    add_case(session, "E", "C-4", balance_minor=10_000, currency="EUR")
    add_case(session, "F", "C-5", balance_minor=10_000, closed_at=NOON)
    assert [tuple(row) for row in balances.largest(session, "USD", TODAY, 2)] == [
        ("C-2", "C-2", 200, 1, 0, TODAY),
        ("C-1", "C-1", 150, 2, 50, date(2026, 12, 6)),
    ]
