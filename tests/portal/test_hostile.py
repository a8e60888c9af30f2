"""Whatever an ERP or a customer wrote is printed as text; what we need may be down, and nothing is half done."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest
import sqlalchemy as sa
from temporalio.client import Client

from activities.rulebook import load_rulebook
from deploy.local_process import free_port
from settings import ROOT
from store.database import create_engine, session_factory
from store.schema import MessageState
from tests.portal.conftest import House, Visitor, nudging, sealed_in, seen
from tests.premises import eventually, noon_zone, today_in
from web.parts import Parts, Portal
from web.portal.guard import Throttle
from web.portal.paying import payment_code, sepa_transfer
from web.portal.workflows import TemporalWorkflows
from web.serving import serving

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}{x.__class__}"


class Tags(HTMLParser):
    """The elements and attributes of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def harmless(html: str) -> None:
    """No element or attribute came from a stored field."""
    for tag, attributes in Tags(html).found:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        if tag == "script":
            assert (attributes.get("src") or "").startswith("/static/")
        if tag == "img":
            assert (attributes.get("src") or "").startswith(("data:image/", "/p/"))
        for name in ("href", "action", "hx-post"):
            value = attributes.get(name) or ""
            assert not value.lower().startswith(("javascript:", "data:text")), (tag, value)
    assert "<script>alert" not in html


async def test_every_stored_field_is_only_text(house: House, visitor: Visitor) -> None:
    invoice_id = await house.bill(
        days=0,
        invoice={
            "number": EVIL,
            "description": EVIL,
            "purchase_order": EVIL,
            "agreement_ref": EVIL,
            "lines": [{"description": EVIL, "quantity": "1", "amount": "1250.00"}],
            "exhibits": [{"kind": "other", "title": EVIL, "uri": "x.pdf"}],
        },
        customer={
            "name": EVIL,
            "legal_name": EVIL,
            "locale": "en-US",
            "account_manager": {"name": EVIL, "email": "sam@seller.example"},
            "contacts": [{"role": "ap", "name": "Ann", "email": "ap@acme.example"}],
        },
    )
    paid = {
        "payment_id": "P-1",
        "amount": "50.00",
        "currency": "USD",
        "received_on": str(today_in(noon_zone())),
        "reference": EVIL,
    }
    await house.premises.handle(invoice_id).signal("payment_received", paid)
    await eventually(lambda: house.premises.ledger(invoice_id, "payment_received"))
    await eventually(lambda: house.premises.messages(invoice_id, MessageState.SENT))
    (message, *_) = house.premises.messages(invoice_id, MessageState.SENT)
    url = house.link(invoice_id)
    paths = [
        "",
        f"/invoice/{invoice_id}",
        f"/message/{message.message_id}",
        "/pay",
        f"/pay?invoice={invoice_id}",
    ]
    paths += [
        f"/{form}" for form in ("paid", "promise", "dispute", "received", "question", "copy", "contact")
    ]
    for path in paths:
        page = await visitor.get(url + path)
        assert page.status_code == 200, path
        harmless(page.text)
        if path != "/contact":
            assert "{{7*7}}" in seen(page.text), path
    for action, told in {
        "question": {"note": EVIL},
        "dispute": {"invoice": invoice_id, "reason": "other", "note": EVIL},
        "paid": {"invoice": invoice_id, "on": str(today_in(noon_zone())), "how": EVIL},
    }.items():
        review = await visitor.post(f"{url}/{action}", told)
        harmless(review.text)
        done = await visitor.confirm(review)
        assert done.status_code == 200
        harmless(done.text)
        assert "{x.__class__}" in seen(done.text)
    wrong = await visitor.post(f"{url}/contact", {"name": EVIL, "email": EVIL, "phone": EVIL})
    assert wrong.status_code == 422
    harmless(wrong.text)


@pytest.mark.parametrize("down", ["database", "temporal"])
async def test_what_is_down_is_said_politely_and_nothing_is_half_done(
    house: House, visitor: Visitor, down: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from web.portal import workflows

    monkeypatch.setattr(workflows, "PATIENCE", timedelta(seconds=1))
    invoice_id = await house.bill()
    healthy = house.link(invoice_id)
    day = str(today_in(noon_zone()) + timedelta(days=3))
    review = await visitor.post(f"{healthy}/promise", {"invoice": invoice_id, "day": day})
    _, sealed = sealed_in(review.text)

    nowhere = f"127.0.0.1:{free_port()}"
    engine = house.premises.engine
    client = house.premises.client
    if down == "database":
        dead = sa.make_url(house.premises.database).set(query={"host": "/nowhere"})
        engine = create_engine(dead.render_as_string(hide_password=False))
    else:
        client = await Client.connect(nowhere, lazy=True)
    made_of = Parts(
        sessions=session_factory(engine),
        rulebook=load_rulebook(ROOT / "deploy"),
        nudge=nudging(house.premises),
        portal=Portal(house.links, TemporalWorkflows(client)),
    )
    async with serving(made_of, "127.0.0.1", 0) as port:
        url = healthy.replace(house.url, f"http://127.0.0.1:{port}")
        answer = await visitor.post(f"{url}/confirm", {"sealed": sealed})
        assert answer.status_code == 503
        assert "Please try again" in seen(answer.text)
        assert answer.headers["retry-after"] == "60"
        assert answer.headers["cache-control"] == "no-store"
        if down == "database":
            assert (await visitor.get(url)).status_code == 503
            assert house.answers(invoice_id) == []
    assert house.premises.events(invoice_id, "promise_made") == []
    # The same form, once things are well again: one answer, one promise.
    again = await visitor.post(f"{healthy}/confirm", {"sealed": sealed})
    assert "Thank you, we have noted it" in seen(again.text)
    assert len(house.premises.events(invoice_id, "promise_made")) == 1
    assert len(house.answers(invoice_id)) == 1


async def test_over_tls_browsers_are_told_to_stay_there(house: House, visitor: Visitor) -> None:
    assert "strict-transport-security" not in (await visitor.get(f"{house.url}/p/x")).headers
    links = replace(house.links, base_url="https://accounts.seller.example")
    made_of = Parts(
        sessions=house.premises.sessions,
        rulebook=load_rulebook(ROOT / "deploy"),
        nudge=nudging(house.premises),
        portal=Portal(links, TemporalWorkflows(house.premises.client)),
    )
    async with serving(made_of, "127.0.0.1", 0) as port:
        for path in ("/p/x", "/static/portal.css"):
            page = await visitor.get(f"http://127.0.0.1:{port}{path}")
            assert page.headers["strict-transport-security"].startswith("max-age=")
            assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_logs_hold_neither_tokens_nor_people(
    house: House, visitor: Visitor, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    invoice_id = await house.bill()
    url = house.link(invoice_id)
    await visitor.get(url)
    await visitor.answer(f"{url}/question", {"note": "Grimshaw asks"})
    printed = capsys.readouterr()
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    said = printed.out + printed.err + "\n".join(record.getMessage() for record in ours)
    for secret in (url.rsplit("/", 1)[-1], "Grimshaw", "ap@acme.example"):
        assert secret not in said
    assert not re.search(r"@|Ann|Acme", url.removeprefix(house.url)), "an address says nothing about anybody"


def test_a_throttle_counts_each_on_its_own_and_forgets() -> None:
    now = 0.0
    throttle = Throttle(2, 10, clock=lambda: now)
    assert [throttle.allows("a") for _ in range(3)] == [True, True, False]
    assert throttle.allows("b")
    assert throttle.is_spent("a")
    now = 10.5
    assert not throttle.is_spent("a")
    assert throttle.allows("a")


def test_a_payment_code_is_for_euro_to_an_iban_that_takes_part() -> None:
    from domain.money import Money
    from domain.seller import BankAccount

    bank = BankAccount(holder="Seller", bank="Bank", iban="DE89 3704 0044 0532 0130 00")
    transfer = sepa_transfer(bank, Money(12345, "EUR"), "INV-1")
    assert transfer is not None
    assert (transfer["amount"], transfer["text"]) == ("123.45", "INV-1")
    assert b"<svg" in (payment_code(transfer) or b"")
    assert sepa_transfer(bank, Money(12345, "USD"), "INV-1") is None
    assert sepa_transfer(bank, Money(0, "EUR"), "INV-1") is None
    assert sepa_transfer(bank, Money(10**12, "EUR"), "INV-1") is None
    away = BankAccount(holder="Seller", bank="Bank", iban="SA03 8000 0000 6080 1016 7519")
    assert sepa_transfer(away, Money(12345, "EUR"), "INV-1") is None
    plain = BankAccount(holder="Seller", bank="Bank", account_number="1")
    assert sepa_transfer(plain, Money(12345, "EUR"), "INV-1") is None
    long = sepa_transfer(bank, Money(12345, "EUR"), "ß€" * 400)
    assert long is not None
    assert payment_code(long) is not None


async def test_a_payment_code_is_drawn_for_the_page_that_named_it(house: House, visitor: Visitor) -> None:
    """A code with another account in it would be money lost: only what we sealed for this link is drawn."""
    invoice_id = await house.bill(invoice={"currency": "EUR"})
    url, other = house.link(invoice_id), house.link(invoice_id)
    page = await visitor.get(f"{url}/pay")
    (path,) = [tag[1]["src"] for tag in Tags(page.text).found if tag[1].get("class") == "qr"]
    assert path is not None
    picture = await visitor.get(house.url + path)
    assert picture.headers["content-type"] == "image/svg+xml"
    assert {"default-src 'none'", "sandbox"} <= set(picture.headers["content-security-policy"].split("; "))
    assert b"<script" not in picture.content
    sealed = path.rsplit("/", 1)[-1]
    altered = sealed[:30] + ("A" if sealed[30] != "A" else "B") + sealed[31:]
    seal = house.links.seal
    for wrong in (
        f"{url}/code/{altered}",
        f"{url}/code/x",
        f"{other}/code/{sealed}",
        f"{url}/code/{seal({'link_id': url.rsplit('/', 1)[-1].split('.')[0]})}",
    ):
        assert (await visitor.get(wrong)).status_code == 404, wrong
