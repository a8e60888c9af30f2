"""Instalments on the portal: proposed inside the limits and agreed at once, or accepted as offered."""

from __future__ import annotations

from tests.portal.conftest import House, Visitor, seen
from tests.premises import case_of, eventually


async def test_instalments_inside_the_limits_are_agreed_as_they_were_shown(
    house: House, visitor: Visitor
) -> None:
    first = await house.bill(amount="84200.00")
    customer_id = f"C-{first}"
    second = await house.bill(amount="800.00", customer={"customer_id": customer_id})
    url = house.link(first)
    assert "Number of instalments" in seen((await visitor.get(f"{url}/plan")).text)
    review = await visitor.post(f"{url}/plan", {"invoice": [first, second], "count": "3"})
    said = seen(review.text)
    assert "$85,000.00 is paid in 3 instalments" in said
    assert "It is agreed as soon as you confirm it" in said
    assert house.answers(first) == []
    page = await visitor.confirm(review)
    assert "Thank you, we have noted it" in seen(page.text)

    plan = (await case_of(house.premises.handle(first)))["plan"]
    assert plan["state"] == "active"
    amounts = [instalment["amount"] for instalment in plan["instalments"]]
    assert amounts == ["28333.00", "28333.00", "28334.00"]
    (answer,) = house.answers(first)
    for amount in ("$28,333.00", "$28,334.00"):
        assert amount in answer.said["text"]
    account = seen((await visitor.get(url)).text)
    assert "paid in instalments" in account
    assert "$28,334.00" in account
    await eventually(lambda: house.mails(first))
    assert "plan_confirmed" in str(house.mails(first)[0]["X-Duecourse-Items"])

    again = await visitor.post(f"{url}/plan", {"invoice": first, "count": "2"})
    assert again.status_code == 422
    assert "paid in instalments already" in seen(again.text)


async def test_what_cannot_be_divided_is_said_before_anything_is_asked(
    house: House, visitor: Visitor
) -> None:
    invoice_id = await house.bill(amount="2.00")
    other = await house.bill(
        customer={"customer_id": f"C-{invoice_id}"}, invoice={"currency": "EUR", "amount": "9.00"}
    )
    url = house.link(invoice_id)
    for told in (
        {"invoice": invoice_id, "count": "60"},
        {"invoice": invoice_id, "count": "1"},
        {"invoice": invoice_id, "count": "-3"},
        {"invoice": invoice_id, "count": "³"},
        {"invoice": [invoice_id, other], "count": "2"},
        {"count": "2"},
    ):
        assert (await visitor.post(f"{url}/plan", told)).status_code == 422, told
    assert house.answers(invoice_id) == []


async def test_more_than_the_policy_gives_waits_for_a_person(house: House, visitor: Visitor) -> None:
    invoice_id = await house.bill()
    url = house.link(invoice_id)
    review = await visitor.post(f"{url}/plan", {"invoice": invoice_id, "count": "12"})
    assert "A person decides about it by" in seen(review.text)
    await visitor.confirm(review)
    plan = (await case_of(house.premises.handle(invoice_id)))["plan"]
    assert (plan["state"], len(plan["instalments"])) == ("proposed", 12)
    assert "You proposed these instalments" in seen((await visitor.get(url)).text)


async def test_an_offer_is_accepted_on_the_page(house: House, visitor: Visitor) -> None:
    invoice_id = await house.bill(customer={"locale": "en-US"})
    url = house.link(invoice_id)
    assert (await visitor.post(f"{url}/agree", {})).status_code == 422, "nothing is offered"
    offer = {"count": 3, "by": "lee"}
    await house.premises.handle(invoice_id).execute_update("propose_plan", offer, result_type=dict)
    account = await visitor.get(url)
    assert "We offer you to pay in instalments" in seen(account.text)
    assert "Instalments we offer you" in seen((await visitor.get(f"{url}/agree")).text)
    page = await visitor.answer(f"{url}/agree", {})
    assert "Thank you, we have noted it" in seen(page.text)
    assert (await case_of(house.premises.handle(invoice_id)))["plan"]["state"] == "active"
