"""The sandbox inbox in a real browser: a demo's mails read, answered, bounced and paid, as a visitor does it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from playwright.async_api import Browser, Page, expect

from store.schema import MessageState, ReplyRow
from tests.portal.conftest import House
from tests.portal.looking import look, open_page, tab_to
from tests.premises import eventually, noon_zone, today_in

ACTIONS = ("read", "answer", "away", "bounce", "pay")
LOCALES = {"en": "en-US", "fr": "fr-FR"}


async def mailed(house: House, language: str) -> tuple[str, str]:
    """An invoice about which a mail went out, in a language: its id and the mail's."""
    name = "Donaudampfschifffahrtsgesellschaft" * 2 + " <b>&"
    told = {"locale": LOCALES[language], "name": name}
    invoice_id = await house.bill(days=0, invoice={"number": "R" + "0" * 40}, customer=told)
    await eventually(lambda: house.premises.messages(invoice_id, MessageState.SENT))
    (message,) = house.premises.messages(invoice_id, MessageState.SENT)
    return invoice_id, message.message_id


def replies(house: House, invoice_id: str) -> list[ReplyRow]:
    with house.premises.sessions() as session:
        return session.query(ReplyRow).filter(ReplyRow.invoices.contains([invoice_id])).all()


async def act(page: Page, action: str, language: str) -> None:
    """Do one thing on the page of a mail."""
    match action:
        case "read":
            frame = page.frame_locator("iframe")
            await expect(frame.locator("body")).to_contain_text("1,250.00" if language == "en" else "250,00")
            await page.click("summary")
            await expect(page.locator("details pre")).to_be_visible()
        case "answer":
            day = today_in(noon_zone()) + timedelta(days=5)
            await page.fill("#text", f"We will pay on {day:%d %B %Y}.")
            await page.click("text=Send the answer")
        case "away":
            await page.fill("#text", "I am away.")
            await page.check("input[name=automatic]")
            await page.click("text=Send the answer")
        case "bounce":
            await page.click("button:text('Bounce')")
        case "pay":
            await page.fill("#amount-1", "250.00")
            await page.click("button:text-is('Pay')")


async def came_of_it(house: House, invoice_id: str, message_id: str, action: str) -> None:
    """What the rows say afterwards."""
    match action:
        case "answer" | "away":
            (reply,) = await eventually(lambda: replies(house, invoice_id))
            assert (reply.kind, reply.matched_by) == ("automatic" if action == "away" else "reply", "thread")
        case "bounce":
            await eventually(lambda: house.premises.events(invoice_id, "notice_bounced"))
        case "pay":
            (paid,) = await eventually(lambda: house.premises.ledger(invoice_id, "payment_received"))
            assert paid.amount_minor == -250_00


async def visit(
    house: House, browser: Browser, action: str, language: str, *, scripts: bool, phone: bool
) -> None:
    """From the list to a mail, one thing done there, and what the page says then."""
    invoice_id, message_id = await mailed(house, language)
    page = await open_page(browser, scripts=scripts, phone=phone)
    try:
        await page.goto(f"{house.url}/inbox")
        await look(page, scripts=scripts)
        await page.select_option("#customer", f"C-{invoice_id}")
        await page.click("text=Show")
        await page.click(f'a[href="/inbox/{message_id}"]')
        await expect(page.locator("iframe")).to_be_visible()
        await look(page, scripts=scripts)
        await act(page, action, language)
        if action != "read":
            await expect(page.locator("[role=status]")).to_be_visible()
        await look(page, scripts=scripts)
        await came_of_it(house, invoice_id, message_id, action)
        if action in ("answer", "pay"):
            await page.reload()
            shown = "may mean: promise" if action == "answer" else "1000.00"
            assert shown in await page.content()
            await look(page, scripts=scripts)
    finally:
        await page.context.close()


@pytest.mark.parametrize(
    ("action", "language", "scripts", "phone"),
    [
        (action, ("en", "fr")[place % 2], place % 3 != 0, place % 2 == 0)
        for place, action in enumerate(ACTIONS)
    ],
)
async def test_everything_once(
    house: House, browser: Browser, action: str, language: str, scripts: bool, phone: bool
) -> None:
    await visit(house, browser, action, language, scripts=scripts, phone=phone)


@pytest.mark.slow
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
@pytest.mark.parametrize("scripts", [False, True], ids=["plain", "scripts"])
@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("action", ACTIONS)
async def test_everything_in_every_way(
    house: House, browser: Browser, action: str, language: str, scripts: bool, phone: bool
) -> None:
    await visit(house, browser, action, language, scripts=scripts, phone=phone)


async def test_an_answer_by_keyboard_alone(house: House, browser: Browser) -> None:
    invoice_id, message_id = await mailed(house, "en")
    page = await open_page(browser, scripts=True, phone=False)
    await page.goto(f"{house.url}/inbox?customer=C-{invoice_id}")
    await tab_to(page, f'a[href="/inbox/{message_id}"]')
    await page.keyboard.press("Enter")
    await expect(page.locator("iframe")).to_be_visible()
    await tab_to(page, "#text")
    await page.keyboard.type("It has been paid already.")
    await tab_to(page, "input[name=automatic]")
    await tab_to(page, "button")
    await page.keyboard.press("Enter")
    await expect(page.locator("[role=status]")).to_contain_text("The answer has arrived")
    await page.context.close()
    (reply,) = await asyncio.to_thread(replies, house, invoice_id)
    assert (reply.suggestion or {})["kind"] == "paid"
