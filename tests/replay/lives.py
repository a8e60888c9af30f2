"""The lives whose histories are kept: short, and each with another sequence of commands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.workflow.conftest import House
from workflows.customer_account import workflow_id as account_workflow_id
from workflows.invoice_collection import workflow_id

#: Typed by strangers in the recorded lives; none of it may stand anywhere but in what was sent in.
SECRETS = ("the-note-of-a-dispute", "the-note-of-a-call", "the-reference-of-a-payment")

Life = Callable[[House], Awaitable[str]]


async def settled(house: House) -> str:
    """Pre-due, due, overdue, paid, closed after the settlement days."""
    house.know("Settled")
    await house.bill("Settled", "I", "1250.00", due=8)
    await house.through(16)
    await house.tell(
        "I",
        "payment_received",
        payment_id="P-1",
        amount="1250.00",
        currency="USD",
        received_on=house.today.isoformat(),
        reference=SECRETS[2],
    )
    await house.through(26)
    return workflow_id(house.id("I"))


async def exhausted(house: House) -> str:
    """The whole ladder with call, alert, credit hold and referral, parked in the partner's watch time."""
    house.know("Exhausted", account_manager={"name": "Sam Reed", "email": "sam@seller.example"})
    await house.bill("Exhausted", "I", "9000.00", due=8)
    await house.through(75)
    return workflow_id(house.id("I"))


async def disputed(house: House) -> str:
    """Disputed mid-wait, resolved with a credit, the rest collected."""
    house.know("Disputed")
    await house.bill("Disputed", "I", "1000.00", due=8)
    await house.through(9)
    await house.tell("I", "dispute_raised", dispute_id="D-1", reason="quality", note=SECRETS[0])
    await house.through(20)
    await house.tell(
        "I",
        "dispute_resolved",
        dispute_id="D-1",
        outcome="partly",
        credit={"credit_id": "CN-1", "amount": "400.00"},
    )
    await house.through(25)
    return workflow_id(house.id("I"))


async def promised(house: House) -> str:
    """A call with a promise that is broken: parked mid-wait on the next rung, in the second cycle."""
    house.know("Promised")
    await house.bill("Promised", "I", "1000.00", due=8)
    await house.through(16)
    await house.ask(
        "I", "log_call", outcome="reached", by="Kim", note=SECRETS[1], promise={"pay_by": house.on(20)}
    )
    await house.through(27)
    return workflow_id(house.id("I"))


async def approved(house: House) -> str:
    """A strategic customer's final notice: asked, expired, asked again, approved, sent."""
    house.know("Approved", tier="strategic")
    await house.bill("Approved", "I", "50000.00", due=8)
    await house.through(47)
    await house.ask("I", "decide_step", step="credit_hold", approve=True, by="Kim")
    await house.through(50)
    return workflow_id(house.id("I"))


async def held(house: House) -> str:
    """Something unreadable and an unknown signal; the hold they left is released and a request refused."""
    house.know("Held")
    await house.bill("Held", "I", "700.00", due=8)
    await house.through(2)
    await house.tell("I", "payment_received", payment_id="P-9")
    await house.tell("I", "no_such_signal", text="?")
    await house.through(4)
    item = house.tasks("unreadable_signal")[0]
    await house.tell("I", "hold_released", hold_id=f"item-{item.item_id}")
    await house.through(5)
    return workflow_id(house.id("I"))


async def account(house: House) -> str:
    """One remittance for two invoices through the customer's account."""
    house.know("Account")
    await house.bill("Account", "A", "100.00", due=8)
    await house.bill("Account", "B", "200.00", due=9)
    await house.through(1)
    await house.tell_account(
        "Account",
        "cash_received",
        payment_id="P-1",
        amount="300.00",
        currency="USD",
        received_on=house.today.isoformat(),
        allocations=[
            {"invoice_id": house.id("A"), "amount": "100.00"},
            {"invoice_id": house.id("B"), "amount": "200.00"},
        ],
    )
    await house.through(2)
    return account_workflow_id(house.id("Account"))


LIVES: dict[str, Life] = {
    life.__name__: life for life in (settled, exhausted, disputed, promised, approved, held, account)
}
