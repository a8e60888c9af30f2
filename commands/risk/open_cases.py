"""The open cases of the store with every fact applied, customer by customer, and the plans over them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from activities.rulebook import business_holidays
from domain.contact import Pursued
from domain.plans.plan import Plan
from domain.vocabulary import PlanState
from settings import Settings
from store import portfolio
from store.plans import open_plans
from store.schema import CaseRow, CustomerRow, PlanRow


class OpenAccount(NamedTuple):
    """A customer who owes. `cases` holds the open ones, and what else belongs to a plan that has not ended."""

    customer: CustomerRow
    open: dict[str, CaseRow]
    cases: dict[str, Pursued]
    plans: tuple[Plan, ...]
    """Those that were agreed and have not ended."""


def open_accounts(session: Session, now: datetime) -> Iterator[OpenAccount]:
    """Every customer with open cases, by id."""
    owing = select(CaseRow.customer_id).where(CaseRow.closed_at.is_(None))
    customers = (
        select(CustomerRow).where(CustomerRow.customer_id.in_(owing)).order_by(CustomerRow.customer_id)
    )
    offers = Settings().offers
    plans_of: defaultdict[str, list[PlanRow]] = defaultdict(list)
    for plan in open_plans(session):
        plans_of[plan.customer_id].append(plan)
    for customer in session.scalars(customers):
        account = portfolio.account_of(session, customer, business_holidays, now, offers=offers)
        rows = {row.invoice_id: row for row in portfolio.open_rows(session, customer.customer_id)}
        stored = plans_of[customer.customer_id]
        planned = {each for plan in stored for each in plan.invoices} - set(rows)
        every = [*rows.values(), *(session.get_one(CaseRow, each) for each in sorted(planned))]
        pursued = portfolio.pursued(session, account, every)
        plans = (
            Plan.of(
                each.plan_id, [pursued[id_].case for id_ in each.invoices], pursued[each.invoices[0]].policy
            )
            for each in stored
        )
        yield OpenAccount(
            customer, rows, pursued, tuple(plan for plan in plans if plan.state is PlanState.ACTIVE)
        )
