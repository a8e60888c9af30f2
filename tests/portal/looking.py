"""Looking at a page as a person does: in Chromium, on a desk and a phone, with axe-core beside it."""

from __future__ import annotations

import shutil

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 740}


async def open_page(browser: Browser, *, scripts: bool, phone: bool) -> Page:
    context = await browser.new_context(viewport=PHONE if phone else DESK, java_script_enabled=scripts)
    page = await context.new_page()
    page.set_default_timeout(20_000)
    page.on("console", lambda said: _no_complaint(said.type, said.text))
    return page


def _no_complaint(kind: str, text: str) -> None:
    # A form that is refused answers 422, what is not to be had 404: the browser notes these as errors of its own.
    assert kind != "error" or "422" in text or "404" in text, text


async def look(page: Page, *, scripts: bool) -> None:
    """Nothing runs out sideways, no picture is missing, and nothing keeps anybody out."""
    await page.wait_for_load_state()  # without its style sheet no page looks like itself
    wide = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0, f"{page.url.rsplit('/', 1)[-1]} runs {wide} px out of the window"
    missing = "[...document.images].filter(image => image.complete && !image.naturalWidth).length"
    assert await page.evaluate(missing) == 0
    if not scripts:
        return  # axe is one
    found = await Axe().run(page)
    serious = [
        (violation["id"], violation["nodes"][0]["html"][:200])
        for violation in found.response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
    assert serious == []


async def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the first element that is meant has the keyboard, as somebody without a mouse does."""
    for _ in range(80):
        await page.keyboard.press("Tab")
        if await page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"{selector} does not show that it has the keyboard"
            return
    raise AssertionError(f"no Tab leads to {selector}")
