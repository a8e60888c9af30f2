"""Settling for less on the portal: an offer that is accepted as it is shown, and terms that customers propose."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from store.schema import CaseRow, TaskRow
from tests.portal.conftest import House, Visitor, seen
from tests.portal.test_hostile import EVIL, harmless
from tests.premises import case_of, eventually, noon_zone, today_in

RULES = {
    "kinds": ["early_payment_discount", "settlement"],
    "largest_discount": "0.10",
    "counter_offers": True,
}


async def billed(house: House, rules: dict[str, Any] = RULES, **told: Any) -> str:
    """An invoice whose policy lets staff offer, and customers propose."""
    invoice_id = await house.bill(**{"customer": {"locale": "en-US"}, **told})
    with house.premises.sessions.begin() as session:
        row = session.get_one(CaseRow, invoice_id)
        row.policy = {**row.policy, "offers": {**row.policy["offers"], **rules}}
    return invoice_id


async def ask(house: House, invoice_id: str, name: str, **request: Any) -> Any:
    handle = house.premises.handle(invoice_id)
    return await handle.execute_update(name, {"by": "lee", **request}, result_type=dict)


def on(days: int) -> str:
    return str(today_in(noon_zone()) + timedelta(days=days))


def kinds(house: House, invoice_id: str) -> list[str]:
    items = (str(mail["X-Duecourse-Items"]) for mail in house.mails(invoice_id))
    return sorted(item.split("=")[1].split("/")[0] for item in items)


def waiting_on(house: House, invoice_id: str) -> str | None:
    found = house.premises.case(invoice_id)
    return found.waiting_on if found is not None else None


async def test_an_offer_is_told_shown_accepted_once_and_settles_the_invoice(
    house: House, visitor: Visitor
) -> None:
    invoice_id = await billed(house)
    url = house.link(invoice_id)
    assert (await visitor.post(f"{url}/offer", {"invoice": invoice_id})).status_code == 422
    await ask(house, invoice_id, "make_offer", kind="early_payment_discount", percent="4", until=on(10))
    await eventually(lambda: kinds(house, invoice_id) == ["offer_made"])
    account = await visitor.get(url)
    assert "if $1,200.00 reaches us by" in seen(account.text)
    assert "we credit the remaining $50.00" in seen(account.text)
    assert "Accept our offer" in seen((await visitor.get(f"{url}/invoice/{invoice_id}")).text)

    review = await visitor.post(f"{url}/offer", {"invoice": invoice_id, "only": "1"})
    assert "we will pay $1,200.00 by" in seen(review.text)
    assert (await case_of(house.premises.handle(invoice_id)))["offer"]["state"] == "open", "not confirmed"
    for _ in range(2):
        page = await visitor.confirm(review)
        assert "Thank you, we have noted it" in seen(page.text)
    told = await case_of(house.premises.handle(invoice_id))
    assert told["offer"]["state"] == "accepted"
    assert len(house.answers(invoice_id)) == 1
    await eventually(lambda: kinds(house, invoice_id) == ["offer_agreed", "offer_made"])
    await eventually(lambda: waiting_on(house, invoice_id) == "promise")
    assert "agreed: $1,200.00 by" in seen((await visitor.get(url)).text)
    again = await visitor.post(f"{url}/offer", {"invoice": invoice_id, "only": "1"})
    assert again.status_code == 422

    paid = {"payment_id": "P-1", "amount": "1200.00", "currency": "USD", "received_on": on(0)}
    await house.premises.handle(invoice_id).signal("payment_received", paid)
    await eventually(lambda: (found := house.premises.case(invoice_id)) and found.balance_minor == 0)
    account = await visitor.get(url)
    assert "reaches us by" not in seen(account.text)
    assert "Discount as offered" in seen((await visitor.get(f"{url}/invoice/{invoice_id}")).text)


async def test_an_offer_that_was_withdrawn_meanwhile_is_refused_in_the_customers_words(
    house: House, visitor: Visitor
) -> None:
    invoice_id = await billed(house, customer={"locale": "de-DE"})
    url = house.link(invoice_id)
    made = await ask(
        house, invoice_id, "make_offer", kind="early_payment_discount", amount="1200.00", until=on(10)
    )
    assert made["accepted"] is True
    review = await visitor.post(f"{url}/offer", {"invoice": invoice_id, "only": "1"})
    offer_id = (await case_of(house.premises.handle(invoice_id)))["offer"]["offer_id"]
    await ask(house, invoice_id, "withdraw_offer", offer_id=offer_id, reason="a mistake")
    assert "Das Angebot gilt nicht mehr" in seen((await visitor.confirm(review)).text)
    assert "Unser Angebot" not in seen((await visitor.get(url)).text)


async def test_terms_that_a_customer_proposes_wait_for_a_person_and_their_words_stay_text(
    house: House, visitor: Visitor
) -> None:
    invoice_id = await billed(house)
    url = house.link(invoice_id)
    assert "Propose an amount" in seen((await visitor.get(url)).text)
    form = {"invoice": invoice_id, "only": "1", "amount": "900.00", "day": on(9), "note": EVIL}
    for wrong in (
        {**form, "amount": "1250.00"},
        {**form, "amount": "1e2"},
        {**form, "day": on(-1)},
        {**form, "day": on(400)},
        {**form, "note": "x" * 2_001},
    ):
        assert (await visitor.post(f"{url}/counter_offer", wrong)).status_code == 422, wrong
    review = await visitor.post(f"{url}/counter_offer", form)
    harmless(review.text)
    assert "we propose to pay $900.00 by" in seen(review.text)
    assert "A person decides about it by" in seen(review.text)
    page = await visitor.confirm(review)
    harmless(page.text)
    told = await case_of(house.premises.handle(invoice_id))
    assert told["counter_offer"]["pay"] == "900.00"
    assert "your proposal is decided by" in seen((await visitor.get(url)).text)
    with house.premises.sessions() as session:
        wanted = sa.select(TaskRow).where(TaskRow.invoices.contains([invoice_id]))
        tasks = {task.kind: task for task in session.scalars(wanted)}
    assert tasks["counter_offer"].due_on is not None
    assert tasks["counter_offer_note"].raw == EVIL.encode()
    history = await house.premises.handle(invoice_id).fetch_history()
    assert "alert(1)" not in json.dumps(history.to_json_dict())
    await eventually(lambda: kinds(house, invoice_id) == ["answer_noted"])
    await eventually(lambda: waiting_on(house, invoice_id) == "person")

    again = await visitor.post(f"{url}/counter_offer", form)
    assert "an amount was proposed before" in seen(again.text)
    offer_id = told["counter_offer"]["offer_id"]
    await ask(house, invoice_id, "decide_offer", offer_id=offer_id, accept=False)
    await eventually(lambda: kinds(house, invoice_id) == ["answer_noted", "offer_declined"])


async def test_where_the_policy_takes_no_terms_nothing_is_asked(house: House, visitor: Visitor) -> None:
    invoice_id = await billed(house, {"counter_offers": False})
    url = house.link(invoice_id)
    assert "Propose an amount" not in seen((await visitor.get(url)).text)
    form = {"invoice": invoice_id, "amount": "900.00", "day": on(9)}
    assert (await visitor.post(f"{url}/counter_offer", form)).status_code == 422
    assert house.answers(invoice_id) == []


async def test_the_invoices_own_terms_and_what_was_charged_stand_on_the_pages(
    house: House, visitor: Visitor
) -> None:
    invoice_id = await house.bill(
        customer={"locale": "en-US"},
        invoice={"early_payment": [{"percent": "2", "until": on(5)}, {"percent": "3", "until": on(-1)}]},
    )
    url = house.link(invoice_id)
    charge = {
        "charge_id": "F-1",
        "amount": "5.00",
        "currency": "USD",
        "kind": "fee",
        "reason": f"Return {EVIL}",
    }
    await house.premises.handle(invoice_id).signal("charge_added", charge)
    await eventually(lambda: (found := house.premises.case(invoice_id)) and found.balance_minor == 125_500)
    for path in ("", f"/invoice/{invoice_id}", "/pay", f"/pay?invoice={invoice_id}"):
        page = await visitor.get(url + path)
        harmless(page.text)
        text = seen(page.text)
        assert "pay $1,230.00 by" in text, path
        assert "and take 2% ($25.00 off)" in text, path
        assert "3%" not in text, f"{path}: its day is over"
        if "pay" not in path:
            assert "$1,250.00 invoiced, $5.00 charged on top, $1,255.00 open" in text
            assert "$5.00 Fee: Return" in text

    paid = {"payment_id": "P-1", "amount": "1230.00", "currency": "USD", "received_on": on(0)}
    await house.premises.handle(invoice_id).signal("payment_received", paid)
    await eventually(lambda: (found := house.premises.case(invoice_id)) and found.balance_minor == 0)
    assert "and take 2%" not in seen((await visitor.get(url)).text)
    assert "Early-payment discount: 2 %" in seen((await visitor.get(f"{url}/invoice/{invoice_id}")).text)
