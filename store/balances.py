"""What each customer owes: kept by the database with every change of a case, read here, and held to the cases.

`DATABASE_URL=… python -m store.balances` sums it up anew, should `doctor` ever find a difference.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Row, delete, func, insert, select, text
from sqlalchemy.orm import Session

from store import database
from store.schema import CaseRow, CustomerBalanceRow, CustomerRow


@dataclass(frozen=True)
class Difference:
    """What is kept of a customer is not what the cases come to; amounts in minor units."""

    customer_id: str
    currency: str
    kept: tuple[int, int]
    """Amount and number of cases."""
    summed: tuple[int, int]


def owed(session: Session, customer_id: str) -> dict[str, int]:
    """What the customer owes over all open cases, by currency, minor units."""
    kept = select(CustomerBalanceRow.currency, CustomerBalanceRow.open_minor).where(
        CustomerBalanceRow.customer_id == customer_id, CustomerBalanceRow.open_cases > 0
    )
    return {row.currency: row.open_minor for row in session.execute(kept)}


def largest(
    session: Session, currency: str, today: date, limit: int
) -> Sequence[Row[str, str, int, int, int, date]]:
    """The customers who owe most: id, name, amount, open cases, the part that is overdue and the earliest due
    date; amounts in minor units."""
    most = (
        select(CustomerBalanceRow)
        .where(CustomerBalanceRow.currency == currency, CustomerBalanceRow.open_minor > 0)
        .order_by(CustomerBalanceRow.open_minor.desc(), CustomerBalanceRow.customer_id)
        .limit(limit)
        .subquery()
    )
    late = func.coalesce(func.sum(CaseRow.balance_minor).filter(CaseRow.due_on < today), 0)
    rows = (
        select(
            most.c.customer_id,
            func.coalesce(CustomerRow.profile["name"].astext, most.c.customer_id).label("name"),
            most.c.open_minor,
            most.c.open_cases,
            late.label("overdue_minor"),
            func.min(CaseRow.due_on).label("earliest_due_on"),
        )
        .join(CustomerRow, CustomerRow.customer_id == most.c.customer_id)
        .join(CaseRow, CaseRow.customer_id == most.c.customer_id)
        .where(CaseRow.currency == currency, CaseRow.closed_at.is_(None), CaseRow.balance_minor > 0)
        .group_by(most.c.customer_id, CustomerRow.profile, most.c.open_minor, most.c.open_cases)
        .order_by(most.c.open_minor.desc(), most.c.customer_id)
    )
    return session.execute(rows).all()


def differences(session: Session) -> list[Difference]:
    """Where what is kept is not the sum over the open cases; empty when all is well."""
    summed = (
        select(
            CaseRow.customer_id,
            CaseRow.currency,
            func.sum(CaseRow.balance_minor).label("minor"),
            func.count().label("cases"),
        )
        .where(CaseRow.closed_at.is_(None))
        .group_by(CaseRow.customer_id, CaseRow.currency)
        .subquery()
    )
    kept = CustomerBalanceRow
    amounts = (
        func.coalesce(kept.open_minor, 0),
        func.coalesce(kept.open_cases, 0),
        func.coalesce(summed.c.minor, 0),
        func.coalesce(summed.c.cases, 0),
    )
    rows = (
        select(
            func.coalesce(kept.customer_id, summed.c.customer_id),
            func.coalesce(kept.currency, summed.c.currency),
            *amounts,
        )
        .outerjoin_from(
            kept,
            summed,
            (summed.c.customer_id == kept.customer_id) & (summed.c.currency == kept.currency),
            full=True,
        )
        .where((amounts[0] != amounts[2]) | (amounts[1] != amounts[3]))
        .order_by(text("1"), text("2"))
    )
    return [
        Difference(customer_id, currency, (minor, cases), (int(sum_), number))
        for customer_id, currency, minor, cases, sum_, number in session.execute(rows)
    ]


def sum_up(session: Session) -> None:
    """Put the sums over the cases in the place of whatever is kept; keeps writers of cases out meanwhile."""
    session.execute(text("LOCK TABLE cases IN SHARE ROW EXCLUSIVE MODE"))
    session.execute(delete(CustomerBalanceRow))
    sums = select(CaseRow.customer_id, CaseRow.currency, func.sum(CaseRow.balance_minor), func.count())
    grouped = sums.where(CaseRow.closed_at.is_(None)).group_by(CaseRow.customer_id, CaseRow.currency)
    columns = ["customer_id", "currency", "open_minor", "open_cases"]
    session.execute(insert(CustomerBalanceRow).from_select(columns, grouped))


if __name__ == "__main__":
    if not os.environ.get("DATABASE_URL"):
        sys.exit("DATABASE_URL is not set: name the database, as the owner of its tables")
    engine = database.create_engine(os.environ["DATABASE_URL"], pool_size=1, statement_timeout_s=0)
    with database.session_factory(engine).begin() as session:
        sum_up(session)
    print("Every customer's balance is the sum over their open cases")
