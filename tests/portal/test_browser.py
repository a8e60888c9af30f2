"""The pages in a real browser: every answer with and without scripts, on a desk and a phone, by keyboard alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from store.schema import MessageState
from tests.portal.conftest import House
from tests.portal.looking import look, open_page, tab_to
from tests.portal.test_offers import ask, billed, on
from tests.premises import eventually, noon_zone, today_in
from web.portal.words import Words

LOCALES = {"en": "en-US", "de": "de-DE", "fr": "fr-FR", "es": "es-ES", "pt": "pt-BR"}
ANSWERS = (
    "paid",
    "promise",
    "plan",
    "dispute",
    "received",
    "question",
    "copy",
    "preferences",
    "contact",
    "agree",
    "offer",
    "counter_offer",
)
PDF = b"%PDF-1.4\n%%EOF\n"
#: Pages on which a form ends that was filled in rightly say so.
DONE = "answered_title"


async def fill(page: Page, action: str, day: str) -> None:
    """Fill in the form of an answer about the one invoice there is."""
    match action:
        case "paid":
            await page.fill("#how", "wire 4711")
        case "promise":
            await page.fill("#day", day)
        case "dispute":
            await page.check("#reason-wrong_amount")
            await page.check("#how-part")
            await page.fill("#amount", "250")
            await page.fill("#note", "Two hours too many")
        case "received":
            await page.check("#answer-yes")
        case "question":
            await page.fill("#note", "Is tax included?")
        case "preferences":
            await page.check("#channel-letter")
        case "contact":
            await page.fill("#name", "Zoe Quint")
            await page.fill("#email", "zoe@acme.example")
        case "counter_offer":
            await page.fill("#amount", "1100")
            await page.fill("#day", day)
            await page.fill("#note", "All at once")


async def bill(house: House, action: str, locale: str) -> str:
    """An invoice on which a customer may give this answer, because staff offered something or the policy asks."""
    told = {"customer": {"locale": locale}}
    if action in ("offer", "counter_offer"):
        invoice_id = await billed(house, **told)
    else:
        invoice_id = await house.bill(**told)
    if action == "agree":
        await ask(house, invoice_id, "propose_plan", count=3)
    if action == "offer":
        await ask(house, invoice_id, "make_offer", kind="early_payment_discount", percent="4", until=on(10))
    return invoice_id


async def answer(
    house: House, browser: Browser, action: str, language: str, *, scripts: bool, phone: bool, pdf: Path
) -> None:
    """Open the account, follow its button to a form, fill it in, confirm it, and go back to the account."""
    invoice_id = await bill(house, action, LOCALES[language])
    words = Words(language, LOCALES[language])
    url = house.link(invoice_id)
    page = await open_page(browser, scripts=scripts, phone=phone)
    try:
        await page.goto(url)
        await look(page, scripts=scripts)
        if action in ("promise", "dispute", "offer"):
            await page.click(f'a[href*="/invoice/{invoice_id}"]')
            await look(page, scripts=scripts)
        await page.click(f'a[href*="/{action}"]')
        await look(page, scripts=scripts)
        await fill(page, action, str(today_in(noon_zone()) + timedelta(days=7)))
        await page.click("form button")
        await expect(page.locator("h1")).to_have_text(words("confirm_title"))
        await look(page, scripts=scripts)
        if action == "dispute":
            await page.set_input_files("#files", pdf)
        await page.click("form button")
        await expect(page.locator("h1")).to_have_text(words(DONE))
        await look(page, scripts=scripts)
        await page.click("main a.button")
        await expect(page.locator("h1")).to_have_text(words("your_account"))
    finally:
        await page.context.close()
    (taken,) = await asyncio.to_thread(house.answers, invoice_id)
    assert (taken.action, set((taken.outcome or {}).values())) == (action, {None})
    assert taken.said["language"] == language


@pytest.fixture(scope="module")
def pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "note.pdf"
    path.write_bytes(PDF)
    return path


@pytest.mark.parametrize(
    ("action", "language", "scripts", "phone"),
    [
        (action, ("en", "de")[place % 2], place % 3 != 0, place % 2 == 0)
        for place, action in enumerate(ANSWERS)
    ],
)
async def test_every_answer_once(
    house: House, browser: Browser, action: str, language: str, scripts: bool, phone: bool, pdf: Path
) -> None:
    await answer(house, browser, action, language, scripts=scripts, phone=phone, pdf=pdf)


@pytest.mark.slow
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
@pytest.mark.parametrize("scripts", [False, True], ids=["plain", "scripts"])
@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("action", ANSWERS)
async def test_every_answer_in_every_way(
    house: House, browser: Browser, action: str, language: str, scripts: bool, phone: bool, pdf: Path
) -> None:
    await answer(house, browser, action, language, scripts=scripts, phone=phone, pdf=pdf)


@pytest.mark.parametrize("language", ["de", "pt"])
async def test_pages_that_are_only_read(house: House, browser: Browser, language: str) -> None:
    """Long names and numbers on a phone, paying, messages, exhibits, and the pages that say no."""
    lines = [{"description": "Wartungsvertragsverlängerung" * 3, "quantity": "1", "amount": "1234567890.55"}]
    invoice_id = await house.bill(
        amount="1234567890.55",
        days=0,
        invoice={
            "currency": "EUR",
            "number": "R" + "0" * 60,
            "lines": lines,
            "description": "x" * 300,
            "exhibits": [
                {"title": "Lieferscheinzusammenstellung" * 4, "uri": "delivered.pdf"},
                {"title": "fehlt", "uri": "gone.pdf"},
            ],
        },
        customer={"locale": LOCALES[language], "name": "Donaudampfschifffahrtsgesellschaft" * 3},
    )
    await eventually(lambda: house.premises.messages(invoice_id, MessageState.SENT))
    (message,) = house.premises.messages(invoice_id, MessageState.SENT)
    url = house.link(invoice_id)
    page = await open_page(browser, scripts=True, phone=True)
    (house.exhibits / "delivered.pdf").write_bytes(PDF)
    for path in ("", f"/invoice/{invoice_id}", "/pay", "/messages", f"/message/{message.message_id}"):
        await page.goto(url + path)
        await look(page, scripts=True)
    await page.goto(url)
    async with page.expect_download() as downloading:
        await page.click('a[href*="/exhibit/"]')
    kept = await (await downloading.value).path()
    assert await asyncio.to_thread(kept.read_bytes) == PDF, "an exhibit is kept, not opened"
    await page.goto(f"{url}/invoice/{invoice_id}")
    async with page.expect_response(lambda response: "/exhibit/" in response.url) as missing:
        await page.click('a[href*="/exhibit/"]:text("fehlt")')
    assert (await missing.value).status == 404
    await look(page, scripts=True)
    await page.goto(url)
    await page.click("details summary")
    await look(page, scripts=True)
    await page.context.close()


async def test_a_promise_by_keyboard_alone(house: House, browser: Browser) -> None:
    invoice_id = await house.bill(customer={"locale": "en-US"})
    url = house.link(invoice_id)
    page = await open_page(browser, scripts=True, phone=False)
    await page.goto(f"{url}/promise?invoice={invoice_id}")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    for _ in range(20):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.id") == "day":
            break
    day = today_in(noon_zone()) + timedelta(days=5)
    await page.keyboard.type(f"{day:%m%d%Y}")
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("Please check and confirm")
    assert await page.evaluate("document.activeElement.tagName") == "H1", "who reads on is at the new heading"
    for _ in range(20):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.tagName") == "BUTTON":
            break
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "it shows where the keyboard is"
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("Thank you, we have noted it")
    await page.context.close()
    (taken,) = await asyncio.to_thread(house.answers, invoice_id)
    assert taken.said["values"]["day"] == str(day)


async def by_keyboard(page: Page, action: str) -> None:
    """Fill in the form of an answer without a mouse."""
    match action:
        case "paid":
            await tab_to(page, "#how")
            await page.keyboard.type("wire 4711")
        case "promise":
            await tab_to(page, "#day")
            await page.keyboard.type(f"{today_in(noon_zone()) + timedelta(days=5):%m%d%Y}")
        case "dispute":
            await tab_to(page, "[name=reason]")
            await page.keyboard.press("Space")
            await tab_to(page, "#note")
            await page.keyboard.type("Two hours too many")
        case "received":
            await tab_to(page, "[name=answer]")
            await page.keyboard.press("Space")
        case "question":
            await tab_to(page, "#note")
            await page.keyboard.type("Is tax included?")
        case "preferences":
            await tab_to(page, "[name=channel]")
            await page.keyboard.press("ArrowDown")
        case "contact":
            await tab_to(page, "#name")
            await page.keyboard.type("Zoe Quint")
            await tab_to(page, "#email")
            await page.keyboard.type("zoe@acme.example")
        case "counter_offer":
            await tab_to(page, "#amount")
            await page.keyboard.type("1100")
            await tab_to(page, "#day")
            await page.keyboard.type(f"{today_in(noon_zone()) + timedelta(days=5):%m%d%Y}")


@pytest.mark.slow
@pytest.mark.parametrize("scripts", [False, True], ids=["plain", "scripts"])
@pytest.mark.parametrize("action", ANSWERS)
async def test_every_answer_by_keyboard_alone(
    house: House, browser: Browser, action: str, scripts: bool
) -> None:
    invoice_id = await bill(house, action, "en-US")
    page = await open_page(browser, scripts=scripts, phone=False)
    try:
        await page.goto(house.link(invoice_id))
        await tab_to(page, f'a[href*="/{action}"]')
        await page.keyboard.press("Enter")
        await expect(page.locator("form.card")).to_be_visible()
        await by_keyboard(page, action)
        await tab_to(page, "form button")
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text("Please check and confirm")
        await tab_to(page, "form button")
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text("Thank you, we have noted it")
    finally:
        await page.context.close()
    (taken,) = await asyncio.to_thread(house.answers, invoice_id)
    assert (taken.action, set((taken.outcome or {}).values())) == (action, {None})


async def test_a_refused_form_says_why_in_its_place(house: House, browser: Browser) -> None:
    invoice_id = await house.bill(customer={"locale": "en-US"})
    url = house.link(invoice_id)
    page = await open_page(browser, scripts=True, phone=True)
    await page.goto(f"{url}/promise?invoice={invoice_id}")
    await page.evaluate("document.querySelector('#day').removeAttribute('max')")
    await page.fill("#day", str(today_in(noon_zone()) + timedelta(days=200)))
    await page.click("form button")
    await expect(page.locator("[role=alert]")).to_contain_text("the date is too late")
    await look(page, scripts=True)
    await page.context.close()
