"""A remittance over several invoices on the real server: one thank-you, sent by whichever case wakes first."""

from __future__ import annotations

from tests.workflow.conftest import House


async def test_one_remittance_over_three_invoices_is_thanked_for_once(house: House) -> None:
    house.know("Acme")
    for number, due in enumerate((-20, -12, 30)):
        await house.bill("Acme", f"A-{number}", "1000.00", due=due)
    await house.until(2)
    assert house.sent() == [(1, "overdue")]
    shares = [{"invoice_id": house.id(f"A-{number}"), "amount": "1000.00"} for number in range(3)]
    money = {"payment_id": "REMIT-1", "amount": "3000.00", "currency": "USD", "received_on": house.on(2)}
    await house.tell_account("Acme", "cash_received", **money, allocations=shares)
    await house.through(2)
    assert house.sent() == [(1, "overdue"), (2, "thanks")]
    thanks = house.mails()[-1]
    assert thanks.items == tuple((house.id(f"A-{number}"), "thanks", 0) for number in range(3))
    assert "$3,000.00" in thanks.text
    assert (await house.case("A-0")).waiting_on == "settlement"
    await house.through(20)
    assert [(await house.result(f"A-{number}")).outcome for number in range(3)] == ["paid"] * 3
    assert len(house.sent()) == 2
