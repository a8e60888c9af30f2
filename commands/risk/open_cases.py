"""The open cases of the store with every fact applied, customer by customer, and the plans over them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from activities.rulebook import business_holidays
from domain.contact import Pursued
from domain.plans.plan import Plan
from domain.vocabulary import PlanState
from settings import Settings
from store import facts, portfolio
from store.plans import open_plans
from store.schema import CaseRow, CustomerRow, PlanRow

#: Customers whose rows are read with one round of statements.
_AT_ONCE = 200


class OpenAccount(NamedTuple):
    """A customer who owes. `cases` holds the open ones, and what else belongs to a plan that has not ended."""

    customer: CustomerRow
    open: dict[str, CaseRow]
    cases: dict[str, Pursued]
    plans: tuple[Plan, ...]
    """Those that were agreed and have not ended."""


def open_accounts(session: Session, now: datetime) -> Iterator[OpenAccount]:
    """Every customer with open cases, by id."""
    owing = select(CaseRow.customer_id).where(CaseRow.closed_at.is_(None)).distinct()
    ids = sorted(session.scalars(owing))
    offers = Settings().offers
    plans_of: defaultdict[str, list[PlanRow]] = defaultdict(list)
    for plan in open_plans(session):
        plans_of[plan.customer_id].append(plan)
    for first in range(0, len(ids), _AT_ONCE):
        some = ids[first : first + _AT_ONCE]
        customers = session.scalars(select(CustomerRow).where(CustomerRow.customer_id.in_(some))).all()
        accounts = portfolio.accounts_of(session, customers, business_holidays, now, offers=offers)
        open_ = portfolio.open_rows_of(session, some)
        every = {
            customer_id: [*rows, *_also_planned(session, plans_of[customer_id], rows)]
            for customer_id, rows in open_.items()
        }
        events = facts.events_of(session, [row.invoice_id for rows in every.values() for row in rows])
        for customer in sorted(customers, key=lambda each: each.customer_id):
            customer_id = customer.customer_id
            pursued = portfolio.pursued(session, accounts[customer_id], every[customer_id], events=events)
            plans = (
                Plan.of(
                    each.plan_id,
                    [pursued[id_].case for id_ in each.invoices],
                    pursued[each.invoices[0]].policy,
                )
                for each in plans_of[customer_id]
            )
            yield OpenAccount(
                customer,
                {row.invoice_id: row for row in open_[customer_id]},
                pursued,
                tuple(plan for plan in plans if plan.state is PlanState.ACTIVE),
            )


def _also_planned(session: Session, plans: Iterable[PlanRow], rows: Iterable[CaseRow]) -> list[CaseRow]:
    """What else belongs to a plan that has not ended."""
    planned = {each for plan in plans for each in plan.invoices} - {row.invoice_id for row in rows}
    return [session.get_one(CaseRow, each) for each in sorted(planned)]
