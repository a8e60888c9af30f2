"""Reading a case: the row by id or number, its facts applied, and who the people are."""

from __future__ import annotations

from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.orm import Session

from activities.rulebook import business_holidays
from commands.failures import BadInput
from domain.contract import CaseView, Customer
from domain.decide import decide
from domain.decision import Decision
from domain.plans.plan import Plan, newest_plan
from domain.plans.plan import view_of as view_of_plan
from domain.view import outlook, view
from store import plans, portfolio
from store.schema import CaseRow, CustomerRow

_DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)
#: How many invoices of one number are named before the rest is counted.
_NAMED = 5


def find_case(session: Session, invoice: str) -> CaseRow | None:
    """The case of an invoice id, else the only one of that number. Raises BadInput for several."""
    row = session.get(CaseRow, invoice)
    if row is not None:
        return row
    same = session.scalars(select(CaseRow).where(CaseRow.number == invoice).limit(_NAMED + 1)).all()
    if len(same) > 1:
        named = ", ".join(case.invoice_id for case in same[:_NAMED])
        raise BadInput(f"INVOICE: several invoices have the number {invoice}: name one by its id ({named})")
    return same[0] if same else None


def unknown(invoice: str) -> BadInput:
    """What to say of an invoice nobody knows."""
    return BadInput(f"INVOICE: {invoice!r} is not known: python starter.py list shows the open ones")


def customer_of(session: Session, customer_id: str) -> Customer:
    """The customer's particulars; just the id where no more is known."""
    row = session.get(CustomerRow, customer_id)
    return Customer(customer_id=customer_id) if row is None else portfolio.profile_of(row)


def zone_of(row: CaseRow, customer: Customer) -> str:
    """The time zone in which a case's dates are meant."""
    return customer.timezone or str(row.policy.get("timezone") or "UTC")


def decision_of(row: CaseRow) -> Decision | None:
    """The last decision on a case."""
    return None if row.decision is None else _DECISION.validate_python(row.decision)


def view_of(session: Session, row: CaseRow, now: datetime) -> CaseView:
    """The case as the workflow's query answers it, from committed facts."""
    customer = session.get(CustomerRow, row.customer_id)
    assert customer is not None, "a case's customer is never deleted"
    account = portfolio.account_of(session, customer, business_holidays, now)
    pursued = portfolio.pursued(session, account, [row])[row.invoice_id]
    decision = decision_of(row) or decide(pursued.case, pursued.policy, now)
    more = outlook(decision, now)
    plan = plans.get(session, plan_id) if (plan_id := newest_plan(pursued.case)) is not None else None
    if plan is not None:
        members = [session.get_one(CaseRow, invoice_id) for invoice_id in plan.invoices]
        lived = list(portfolio.pursued(session, account, members).values())
        whole = Plan.of(plan.plan_id, [each.case for each in lived], lived[0].policy)
        more["plan"] = view_of_plan(whole, whole.calendar.local_date(now))
    return view(pursued.case, pursued.policy, now).model_copy(update=more)
