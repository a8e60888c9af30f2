"""What would be sent in the coming days if nothing else happened: every notice proven at once, nothing
approved, nobody called, but instalments that were agreed paid on their dates. Sends nothing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from commands.place import find
from commands.risk.open_cases import open_accounts
from commands.terminal import count, day, notes, out, print_json, table, words
from domain.simulation.forecast import Forecast
from domain.simulation.forecast import forecast as domain_forecast
from domain.simulation.simulate import Assumptions
from domain.vocabulary import step_name
from store.portfolio import profile_of
from store.schema import CaseRow, CustomerRow

#: Invoices named in one line of the table; `--json` has them all.
_NAMED = 4


def forecast(days: int, as_json: bool) -> int:
    """List the contacts of the coming `days`, the earliest first."""
    place = find(None)
    with place.reading() as session:
        now = place.now(session)
        contacts = foretell(session, now, days)
        owing = select(CustomerRow).where(
            CustomerRow.customer_id.in_({made.customer_id for made in contacts})
        )
        names = {row.customer_id: profile_of(row).shown_name for row in session.scalars(owing)}
        numbers = dict(session.execute(select(CaseRow.invoice_id, CaseRow.number)).tuples().all())
    if as_json:
        print_json([made.as_json() for made in contacts])
        return 0
    if not contacts:
        notes().print(f"Nothing within {count(days, 'day')}.")
        return 0
    listed = table(["On", "Customer", "Step", "Invoices", "Why"], wide=["Customer", "Invoices", "Why"])
    for made in contacts:
        invoices = [numbers[invoice_id] for invoice_id in made.invoices]
        more = f" and {len(invoices) - _NAMED} more" if len(invoices) > _NAMED else ""
        listed.add_row(
            words(day(made.on)),
            words(names[made.customer_id]),
            words(step_name(made.step)),
            words(", ".join(invoices[:_NAMED]) + more),
            words(made.why),
        )
    out().print(listed)
    out().print(words(f"\n{count(len(contacts), 'contact')} in {count(days, 'day')}"))
    if any(made.step.startswith("plan") for made in contacts):
        notes().print("Instalments that were agreed are taken to be paid on their dates.")
    return 0


def foretell(session: Session, now: datetime, days: int) -> list[Forecast]:
    """The contacts of all open cases in the `days` after `now`, by day and customer."""
    cases = [pursued for account in open_accounts(session, now) for pursued in account.cases.values()]
    policies = {pursued.case.invoice_id: pursued.policy for pursued in cases}
    assume = Assumptions(instalments_paid=True, offers_by_alert=True)
    return domain_forecast((pursued.case for pursued in cases), policies, now, days, assume=assume)
