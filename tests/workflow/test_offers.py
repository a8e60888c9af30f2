"""Offers to settle for less lived through on the real server: told, named, taken, lapsed, taken back."""

from __future__ import annotations

import pytest
from temporalio.client import WorkflowUpdateFailedError

from tests.workflow.conftest import Builder, House

OFFERS = {
    "kinds": ["settlement", "early_payment_discount"],
    "settlement_from_day": 10,
    "counter_offers": True,
}


def text_of(house: House, step: str) -> str:
    """The words of the only mail whose kind begins like this."""
    [mail] = [mail for mail in house.mails() if mail.step.startswith(step)]
    return " ".join(mail.text.split())


async def test_a_settlement_is_told_named_and_taken_and_reopens_with_its_money(build: Builder) -> None:
    async with build(calendar="weekdays", offers=OFFERS) as house:
        house.know("Acme")
        await house.bill("Acme", "INV-1", "1000.00", due=-20)
        await house.until(3)
        offered = await house.ask(
            "INV-1", "make_offer", kind="settlement", amount="800.00", until=house.on(12), by="lee"
        )
        assert offered["accepted"] is True
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await house.ask(
                "INV-1", "make_offer", kind="settlement", amount="300.00", until=house.on(12), by="lee"
            )
        assert "name at least 700.00" in str(refused.value.cause)
        await house.through(9)
        assert [step for _, step in house.sent()] == ["overdue", "offer_made", "overdue_2"]
        assert "$800.00 reaches us by" in text_of(house, "offer_made")
        assert "$800.00 reaches us by" in text_of(house, "overdue_2")
        await house.until(12)
        await house.pay("INV-1", "800.00", "P-1")
        await house.through(13)
        case = await house.case("INV-1")
        assert (case.balance_due, case.waiting_on) == ("0.00", "settlement")
        assert case.offer is not None
        assert case.offer.state == "taken"

        await house.tell("INV-1", "payment_reversed", reversal_id="R-1", payment_id="P-1", amount="800.00")
        await house.through(30)
        reopened = [mail for mail in house.mails() if mail.step not in ("overdue", "offer_made", "overdue_2")]
        assert (await house.case("INV-1")).balance_due == "1000.00"
        assert all("$800.00 reaches us" not in mail.text for mail in reopened), "its day is over"
        again = [mail for mail in house.mails() for item in mail.items if item[2] == 1]
        assert again, "it climbs again, from a re-noticed stage"
        assert again[0].step == "overdue"


async def test_an_accepted_offer_that_is_not_paid_is_told_so_and_the_ladder_goes_on(build: Builder) -> None:
    """A new run after every decision: nothing of it depends on what one run remembers."""
    async with build(calendar="weekdays", offers=OFFERS, continue_as_new_every=1) as house:
        house.know("Acme")
        await house.bill("Acme", "INV-1", "1000.00", due=-20)
        await house.until(3)
        proposed = await house.ask(
            "INV-1", "counter_offer", amount="750.00", pay_by=house.on(10), by="portal"
        )
        assert proposed["case"]["waiting_on"] == "person"
        [item] = house.tasks("counter_offer")
        await house.ask("INV-1", "decide_offer", offer_id=item.ref, accept=True, by="lee")
        await house.through(30)
        steps = [step for _, step in house.sent()]
        assert steps[:3] == ["overdue", "offer_agreed", "offer_lapsed"]
        assert steps[3] == "overdue_2"
        assert dict(map(reversed, house.sent()))["offer_lapsed"] == 15  # a Sunday, two business days of grace
        assert {item[2] for mail in house.mails() for item in mail.items if mail.step == "overdue_2"} == {1}
