"""What the forecast of the sample portfolio says is what then happens to it, on the real server: nobody says or
does anything, but that instalments which were agreed are paid on their dates."""

from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select

from commands.policies.forecast import foretell
from commands.stack.demo_life import live
from commands.stack.demo_script import Staff, Told, script
from commands.stack.sample_portfolio import Portfolio, sample
from domain.calendar import zone_info
from domain.money import Money
from domain.policy import TASKS
from store.history import store_settled
from store.plans import open_plans
from store.schema import EventRow, MessageItemRow, MessageRow, MessageState
from tests.workflow.conftest import House

#: By then every customer is in the middle of something: promises, disputes, credit holds, asked approvals.
_SCRIPTED_DAYS = 30
_FORETOLD_DAYS = 30

Row = tuple[str, str, str, tuple[str, ...]]


def happened(house: House, portfolio: Portfolio) -> list[Row]:
    """Every message sent and every task made: on (by the customer's calendar), customer, step, invoices.

    A task may join one that is open, and not every task is also a mail, so tasks are read from the steps
    that their invoices took at one instant.
    """
    together: dict[tuple[datetime | None, str, str], set[str]] = defaultdict(set)
    with house.sessions() as session:
        sent = (
            select(MessageRow.sent_at, MessageRow.customer_id, MessageRow.step, MessageItemRow.invoice_id)
            .join(MessageItemRow, MessageItemRow.message_id == MessageRow.message_id)
            .where(MessageRow.state == MessageState.SENT, MessageRow.step.not_in(TASKS))
        )
        for at, customer_id, step, invoice_id in session.execute(sent):
            together[at, customer_id, step].add(invoice_id)
        for event in session.scalars(select(EventRow).where(EventRow.kind == "step_taken")):
            if event.payload["step"] in TASKS:
                together[event.at, event.customer_id, event.payload["step"]].add(str(event.invoice_id))
    rows = []
    for (at, customer_id, step), invoices in together.items():
        assert at is not None, "what was sent has an instant"
        zone = zone_info(portfolio.customers[customer_id].timezone or "UTC")
        rows.append((at.astimezone(zone).date().isoformat(), customer_id, step, tuple(sorted(invoices))))
    return sorted(rows)


def instalments(house: House, since: date) -> dict[date, list[Told]]:
    """The instalments of the plans that stand, each paid in the morning of its date."""
    paid: dict[date, list[Told]] = defaultdict(list)
    with house.sessions() as session:
        plans = [plan for plan in open_plans(session) if plan.accepted_at is not None]
        for plan in plans:
            [invoice_id] = plan.invoices
            about = select(EventRow).where(EventRow.invoice_id == invoice_id, EventRow.kind == "plan_tabled")
            tabled = session.scalars(about).one()
            for number, each in enumerate(tabled.payload["instalments"]):
                on = date.fromisoformat(each["due_on"])
                if on >= since:
                    payment = {
                        "payment_id": f"{plan.plan_id}-{number}",
                        "amount": str(Money(each["amount"], plan.currency)),
                        "currency": plan.currency,
                        "received_on": on.isoformat(),
                    }
                    paid[on].append(Told(invoice_id, "payment_received", payment))
    return paid


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_thirty_days_of_the_sample_portfolio_come_as_foretold(house: House) -> None:
    portfolio = sample(house.day0)
    with house.sessions.begin() as session:
        store_settled(session, portfolio.history, portfolio.customers)
    first_silent = house.day0 + timedelta(days=_SCRIPTED_DAYS + 1)
    last = first_silent + timedelta(days=_FORETOLD_DAYS - 1)
    await live(
        house.days,
        portfolio,
        first_silent - timedelta(days=1),
        script=script(house.day0),
        staff=Staff(house.sessions),
    )
    before = happened(house, portfolio)
    with house.sessions() as session:
        contacts = foretell(session, house.days.clock.now, _FORETOLD_DAYS)
    foretold = sorted(
        (row.on.isoformat(), row.customer_id, str(row.step), row.invoices)
        for row in contacts
        if row.on <= last
    )
    silent = replace(portfolio, day0=first_silent, starts=())
    paid = instalments(house, first_silent)
    assert paid, "a plan stands"
    await live(house.days, silent, last, script=paid, staff=None)
    after = [row for row in happened(house, portfolio) if row not in before]
    assert len(foretold) > 30
    assert {"plan_reminder_2", "plan_thanks_2"} <= {row[2] for row in foretold}
    assert (sorted(set(foretold) - set(after)), sorted(set(after) - set(foretold))) == ([], [])
    assert len(after) == len(foretold)
