"""What a link opens: the account and nothing else, in the customer's language, changing nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx2
import pytest
import sqlalchemy as sa
from itsdangerous import TimestampSigner

from activities.portal_links import PortalLinks
from activities.rulebook import load_rulebook
from settings import ROOT
from store import portal
from store.schema import MessageState, PortalLinkRow
from tests.portal.conftest import KEY, House, Visitor, nudging, seen
from tests.premises import eventually
from web.parts import Parts, Portal
from web.portal import entrance
from web.portal.workflows import TemporalWorkflows
from web.serving import serving


async def test_the_account_shows_what_is_owed_and_whom_to_contact(house: House, visitor: Visitor) -> None:
    told = {"lines": [{"description": "Support, October", "quantity": "10", "amount": "1250.00"}]}
    invoice_id = await house.bill(invoice=told | {"number": "R-77", "purchase_order": "PO-9"})
    url = house.link(invoice_id)

    page = await visitor.get(url)
    assert page.status_code == 200
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    said = seen(page.text)
    for expected in ("Your account", "Acme Ltd", "$1,250.00", "Invoice R-77", "accounts@lindenmoor.example"):
        assert expected in said

    invoice = seen((await visitor.get(f"{url}/invoice/{invoice_id}")).text)
    for expected in ("Support, October", "PO-9", "Movements and balance"):
        assert expected in invoice
    paying = seen((await visitor.get(f"{url}/pay?invoice={invoice_id}")).text)
    for expected in ("Example National Bank", "000123456789", "R-77", "Pay online"):
        assert expected in paying


async def test_every_message_carries_a_link_that_opens_the_account(house: House, visitor: Visitor) -> None:
    invoice_id = await house.bill(days=0)
    await eventually(lambda: house.premises.messages(invoice_id, MessageState.SENT))
    (mail,) = house.mails(invoice_id)
    text = mail.get_body(("plain",)).get_content()
    html = mail.get_body(("html",)).get_content()
    (url,) = [line for line in text.split() if line.startswith(house.url)]
    assert f'href="{url}"' in html

    page = await visitor.get(url)
    assert page.status_code == 200
    message_id = mail["X-Duecourse-Message"]
    assert message_id in page.text
    message = await visitor.get(f"{url}/message/{message_id}")
    assert "1,250.00" in message.text
    token = url.rsplit("/", 1)[-1]
    assert token not in seen(message.text), "a shown message does not show its link"
    with house.premises.sessions() as session:
        rows = session.scalars(sa.select(PortalLinkRow).where(PortalLinkRow.message_id == message_id)).all()
    assert len(rows) == 1

    history = await house.premises.handle(invoice_id).fetch_history()
    assert token not in history.to_json()
    assert token.split(".")[0] not in history.to_json()


async def test_a_link_that_is_forged_or_of_another_key_opens_nothing(house: House, visitor: Visitor) -> None:
    invoice_id = await house.bill()
    url = house.link(invoice_id)
    base, token = url.rsplit("/", 1)
    link_id, stamp, signature = token.split(".")
    others = PortalLinks(house.url, type(KEY)("another key, which is as long as it has to be"))
    forged = [
        f"{link_id}.{stamp}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}",  # its last letter has idle bits
        f"{link_id}.AAAA.{signature}",
        f"L-{'0' * 20}.{stamp}.{signature}",
        link_id,
        f"{link_id}.{stamp}.",
        others.url(link_id).rsplit("/", 1)[-1],
        house.links.url(f"L-{'0' * 20}").rsplit("/", 1)[-1],  # well signed, but of no row
        "%00",
        "x" * 3000,
    ]
    bodies = set()
    for candidate in forged:
        answer = await visitor.get(f"{base}/{candidate}")
        assert answer.status_code == 404, candidate
        bodies.add(answer.text)
    assert len(bodies) == 1, "one answer, whatever is wrong"
    assert (await visitor.get(url)).status_code == 200


async def test_what_is_another_customers_is_the_same_404(house: House, visitor: Visitor) -> None:
    own, foreign = await house.bill(), await house.bill(days=0)
    await eventually(lambda: house.mails(foreign))
    url = house.link(own)
    (mail,) = house.mails(foreign)
    message_id = mail["X-Duecourse-Message"]
    nobody = await visitor.get(f"{url}/invoice/P-nobody")
    assert nobody.status_code == 404
    for path in (
        f"invoice/{foreign}",
        f"message/{message_id}",
        f"paper/{message_id}",
        f"pay?invoice={foreign}",
        "invoice/..%2f",
        "nothing",
    ):
        answer = await visitor.get(f"{url}/{path}")
        assert (answer.status_code, answer.text) == (404, nobody.text), path


async def test_a_link_ends_and_can_be_revoked(house: House, visitor: Visitor) -> None:
    invoice_id = await house.bill()
    revoked, old = house.link(invoice_id), house.link(invoice_id)
    link_id = revoked.rsplit("/", 1)[-1].split(".")[0]
    with house.premises.sessions.begin() as session:
        assert portal.revoke(session, at=datetime.now(UTC), by="lee", link_ids=[link_id]) == [link_id]
        past = {"expires_real": datetime.now(UTC) - timedelta(seconds=1)}
        row = session.get_one(PortalLinkRow, old.rsplit("/", 1)[-1].split(".")[0])
        row.expires_real = past["expires_real"]
    for url in (revoked, old):
        page = await visitor.get(url)
        assert page.status_code == 410
        assert "Send a fresh link" in seen(page.text)
        assert "1,250.00" not in page.text
        assert (await visitor.get(f"{url}/invoice/{invoice_id}")).status_code == 410


async def test_the_page_speaks_the_customers_language(house: House, visitor: Visitor) -> None:
    invoice_id = await house.bill(customer={"locale": "de-DE", "country": "DE"})
    url = house.link(invoice_id)
    page = await visitor.get(url)
    assert '<html lang="de">' in page.text
    assert "1.250,00\N{NO-BREAK SPACE}$" in page.text
    french = await visitor.get(f"{url}?lang=fr")
    assert '<html lang="fr">' in french.text
    assert "lang=fr" in french.text, "the links go on in the language that was chosen"
    assert '<html lang="de">' in (await visitor.get(f"{url}?lang=xx")).text


async def test_reading_changes_nothing(house: House, visitor: Visitor) -> None:
    invoice_id = await house.bill()
    url = house.link(invoice_id)
    before = house.premises.case(invoice_id)
    assert before is not None
    for path in ("", f"/invoice/{invoice_id}", "/pay"):
        await visitor.get(url + path)
        await visitor.client.head(url + path)
    after = house.premises.case(invoice_id)
    assert after is not None
    assert (after.revision, house.answers(invoice_id)) == (before.revision, [])


async def test_too_many_guesses_are_turned_away(house: House, visitor: Visitor) -> None:
    """Whoever guesses names another address each time, and is not believed: no proxy of ours says so."""
    elsewhere = httpx2.AsyncHTTPTransport(local_address="127.0.0.9")
    async with httpx2.AsyncClient(transport=elsewhere, timeout=30) as guessing:
        codes = [
            (
                await guessing.get(
                    f"{house.url}/p/L-{number}.x.y", headers={"x-forwarded-for": f"203.0.113.{number}"}
                )
            ).status_code
            for number in range(45)
        ]
    assert codes[:40] == [404] * 40
    assert codes[40:] == [429] * 5


async def test_too_many_forms_of_one_link_are_turned_away(house: House, visitor: Visitor) -> None:
    invoice_id = await house.bill()
    url, other = house.link(invoice_id), house.link(invoice_id)
    codes = [(await visitor.post(f"{url}/question", {"note": "x"})).status_code for _ in range(63)]
    assert codes == [200] * 60 + [429] * 3
    confirmed = await visitor.post(f"{url}/confirm", {"sealed": "x"})
    assert confirmed.status_code == 429
    assert confirmed.headers["retry-after"] == "600"
    assert (await visitor.get(url)).status_code == 200, "reading goes on"
    assert (await visitor.post(f"{other}/question", {"note": "x"})).status_code == 200, "so do other links"


async def test_too_many_pages_of_one_link_are_turned_away(
    house: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance, "MOST_PAGES", 3)
    url, other = house.link(await house.bill()), house.link(await house.bill())
    made_of = Parts(
        sessions=house.premises.sessions,
        rulebook=load_rulebook(ROOT / "deploy"),
        nudge=nudging(house.premises),
        portal=Portal(house.links, TemporalWorkflows(house.premises.client)),
    )
    async with serving(made_of, "127.0.0.1", 0) as port:
        here, there = (each.replace(house.url, f"http://127.0.0.1:{port}") for each in (url, other))
        paths = ("", "/pay", "/messages", "/question", "/invoice/x", "/exhibit/x/1", "/code/x")
        codes = [(await visitor.get(here + path)).status_code for path in paths]
        assert codes == [200] * 3 + [429] * 4, "whatever the page"
        assert (await visitor.get(there)).status_code == 200


async def test_a_link_ends_by_its_own_date_whatever_its_row_says(
    house: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice_id = await house.bill()
    url = house.link(invoice_id)
    assert (await visitor.get(url)).status_code == 200
    later = int((datetime.now(UTC) + house.links.valid + timedelta(minutes=1)).timestamp())
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: later)
    for path in ("", "/pay", f"/invoice/{invoice_id}", "/messages", "/promise"):
        page = await visitor.get(url + path)
        assert (page.status_code, "Send a fresh link" in seen(page.text)) == (410, True), path
        assert "1,250.00" not in page.text
    for action in ("promise", "question", "confirm"):
        assert (await visitor.post(f"{url}/{action}", {"note": "x", "sealed": "x"})).status_code == 410
    assert house.answers(invoice_id) == []


async def test_scanners_that_want_the_head_alone_see_that_the_link_is_good(
    house: House, visitor: Visitor
) -> None:
    invoice_id = await house.bill()
    url = house.link(invoice_id)
    for path in ("", "/pay", f"/invoice/{invoice_id}", "/messages", "/promise"):
        head = await visitor.client.head(url + path)
        assert (head.status_code, head.content) == (200, b""), path
        assert head.headers["cache-control"] == "no-store"
    assert (await visitor.client.head(f"{house.url}/p/L-0.x.y")).status_code == 404
