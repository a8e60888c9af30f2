"""Settled invoices: stored once, never over a case of our own, and the customers they belong to."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from domain.contract import Customer
from domain.figures.day_figures import figures
from domain.figures.outcomes import Period
from domain.files.portfolio_csv import HistoryRow
from domain.money import Money
from store import improvement, past_invoices, receivables, trend
from store.history import store_settled
from store.portfolio import paid_history
from store.schema import CustomerRow, SettledInvoiceRow
from tests.store.rows import add_case

Sessions = sessionmaker[Session]


def row(invoice_id: str, customer_id: str = "C-1") -> HistoryRow:
    days = date(2026, 1, 1), date(2026, 1, 31), date(2026, 2, 15)
    return HistoryRow(invoice_id, customer_id, days[0], days[1], Money(125_000, "USD"), days[2])


def test_a_repeat_adds_nothing_and_a_known_customer_stays(sessions: Sessions) -> None:
    told = Customer(customer_id="C-1", name="Acme Ltd", tier="strategic", country="US")
    rows = [row(f"H-{number}") for number in range(12_000)]  # more than one statement holds
    with sessions.begin() as session:
        assert store_settled(session, rows, {"C-1": told}) == 12_000
    with sessions.begin() as session:
        again = told.model_copy(update={"name": "Acme Limited"})
        assert store_settled(session, [*rows[:2], row("H-new", "C-2")], {"C-1": again}) == 1
    with sessions() as session:
        acme, other = session.scalars(select(CustomerRow).order_by(CustomerRow.customer_id))
        assert (acme.profile["name"], acme.tier, acme.country) == ("Acme Ltd", "strategic", "US")
        assert other.profile == {"customer_id": "C-2"}
        assert len(paid_history(session, "C-1")) == 12_000


def test_an_invoice_with_a_case_of_its_own_is_not_history(sessions: Sessions) -> None:
    with sessions.begin() as session:
        add_case(session, "INV-1")
    with sessions.begin() as session:
        assert store_settled(session, [row("INV-1"), row("H-1")], {}) == 1
        assert [each.invoice_id for each in session.scalars(select(SettledInvoiceRow))] == ["H-1"]


def test_history_that_gets_a_case_counts_once_and_as_the_case_says(sessions: Sessions) -> None:
    """The payment of an imported invoice bounced, and the ERP hands it over."""
    told = row("INV-1")
    with sessions.begin() as session:
        store_settled(session, [told], {})
    with sessions.begin() as session:
        dates = {"issued_on": told.issued_on, "due_on": told.due_on}
        add_case(session, "INV-1", "C-1", amount_minor=told.amount.minor, **dates)
    day = date(2026, 12, 31)
    with sessions() as session:
        sums = receivables.sums(session, day)["USD"]
        figured = figures(sums, day, "USD")
        assert (figured["open_count"], figured["open_amount"], figured["settled_count"]) == (1, 1250.0, 0)
        assert sums.sales == {told.issued_on: told.amount.minor}
        flows = trend.flows(session)["USD"]
        assert (
            sum(flow.owed for flow in flows.values()) == sum(flow.sold for flow in flows.values()) == 125_000
        )
        turned = improvement.turns(session)["USD"].values()
        assert (sum(turn.issued for turn in turned), sum(turn.paid for turn in turned)) == (1, 0)
        assert len(improvement.invoices(session, "USD", [Period(told.issued_on, day)], day, 10)) == 1
        assert [each.settled_on for each in past_invoices.past_invoices(session)] == [None]
        assert past_invoices.days_late(session, day) == []
        assert paid_history(session, "C-1") == []
