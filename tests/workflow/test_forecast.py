"""What the forecast of the sample portfolio says is what then happens to it, on the real server."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from commands.demo_life import live
from commands.demo_script import Staff, script
from commands.forecast import foretell
from commands.sample_portfolio import Portfolio, sample
from domain.calendar import zone_info
from domain.policy import TASKS
from store.history import store_settled
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
    await live(house.days, silent, last, script={}, staff=None)
    after = [row for row in happened(house, portfolio) if row not in before]
    assert len(foretold) > 30
    assert (sorted(set(foretold) - set(after)), sorted(set(after) - set(foretold))) == ([], [])
    assert len(after) == len(foretold)
