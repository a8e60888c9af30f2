"""Exhibits one by one: whose they are, as what they are handed out, and that nothing in them ever runs."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.portal.conftest import House, Visitor, seen

PDF = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
JPEG = b"\xff\xd8\xff\xe0" + bytes(40)
SCRIPT = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


async def billed(house: House, *exhibits: dict[str, Any], **told: Any) -> str:
    """An invoice with these exhibits; each is also what lies in the folder, where it says what that is."""
    named = []
    for exhibit in exhibits:
        body = exhibit.pop("body", None)
        if body is not None:
            (house.exhibits / exhibit["uri"]).write_bytes(body)
        named.append(exhibit)
    return await house.bill(invoice={"exhibits": named}, **told)


async def test_each_is_handed_out_as_what_it_is(house: House, visitor: Visitor) -> None:
    invoice_id = await billed(
        house,
        {"kind": "agreement", "title": "Signed order, März", "uri": "order.pdf", "body": PDF},
        {"kind": "delivery", "title": "photo.PNG", "uri": "photo.png", "body": PNG},
        {"kind": "delivery", "title": "scan.jpeg", "uri": "scan.jpg", "body": JPEG},
        {"kind": "service_log", "uri": "log.txt", "body": "Stunden: 10 ä".encode(), "media_type": "text/csv"},
    )
    url = house.link(invoice_id)
    page = await visitor.get(f"{url}/invoice/{invoice_id}")
    assert "Service log" in seen(page.text), "one without a title is called what it is"
    expected = [
        ("application/pdf", f"{invoice_id}-1-Signed_order_Marz.pdf", PDF),
        ("image/png", f"{invoice_id}-2-photo.PNG", PNG),
        ("image/jpeg", f"{invoice_id}-3-scan.jpeg", JPEG),
        ("text/plain; charset=utf-8", f"{invoice_id}-4-Service_log.txt", "Stunden: 10 ä".encode()),
    ]
    for number, (media_type, name, body) in enumerate(expected, start=1):
        path = f"{url}/exhibit/{invoice_id}/{number}"
        assert path.removeprefix(house.url) in page.text
        file = await visitor.get(path)
        assert (file.status_code, file.content) == (200, body)
        assert file.headers["content-type"] == media_type
        assert file.headers["content-disposition"] == f'attachment; filename="{name}"'
        head = await visitor.client.head(path)
        assert (head.status_code, head.content) == (200, b"")
    account = await visitor.get(url)
    assert f"/invoice/{invoice_id}#papers" in account.text
    assert "4 exhibits" in seen(account.text)


async def test_the_account_itself_leads_to_a_few(house: House, visitor: Visitor) -> None:
    invoice_id = await billed(house, {"title": "Order 4711", "uri": "few.pdf", "body": PDF})
    url = house.link(invoice_id)
    assert "Order 4711" in seen((await visitor.get(url)).text)
    assert f'/exhibit/{invoice_id}/1"' in (await visitor.get(url)).text
    assert f"/exhibit/{invoice_id}/1?lang=de" in (await visitor.get(f"{url}?lang=de")).text


@pytest.mark.parametrize("announced", [None, "text/html", "text/plain"])
async def test_nothing_in_an_exhibit_can_run(house: House, visitor: Visitor, announced: str | None) -> None:
    """A page and a picture with scripts in them are texts, to be kept as files, and may do nothing."""
    page = b"<!DOCTYPE html><script>alert(document.domain)</script>"
    more = {} if announced is None else {"media_type": announced}
    invoice_id = await billed(
        house,
        {"title": "drawing.svg", "uri": "x.svg", "body": SCRIPT, **more},
        {"title": "page.html", "uri": "x.html", "body": page, **more},
    )
    url = house.link(invoice_id)
    for number, name in ((1, "drawing.svg.txt"), (2, "page.html.txt")):
        file = await visitor.get(f"{url}/exhibit/{invoice_id}/{number}")
        assert file.headers["content-type"] == "text/plain; charset=utf-8"
        assert file.headers["content-disposition"].endswith(f'-{number}-{name}"')
        assert file.headers["content-disposition"].startswith("attachment;")
        assert file.headers["x-content-type-options"] == "nosniff"
        policy = file.headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "sandbox"} <= set(policy)
        assert "script-src" not in file.headers["content-security-policy"]
        assert file.headers["cache-control"] == "no-store"


async def test_one_that_is_not_to_be_had_is_named(house: House, visitor: Visitor) -> None:
    secret = house.exhibits.parent / "secret.pdf"
    secret.write_bytes(PDF)
    (house.exhibits / "link.pdf").symlink_to(secret)
    os.mkfifo(house.exhibits / "pipe.pdf")
    evil = "<script>alert(1)</script>"
    invoice_id = await billed(
        house,
        {"title": "gone.pdf", "uri": "gone.pdf"},
        {"title": evil, "uri": "link.pdf"},
        {"title": "pipe.pdf", "uri": "pipe.pdf"},
        {"title": "program", "uri": "program.exe", "body": b"MZ\0\0"},
        {"title": "other than said", "uri": "said.pdf", "body": SCRIPT, "media_type": "image/svg+xml"},
        {"title": "empty", "uri": "empty.pdf", "body": b""},
        {"title": "outside", "uri": "../secret.pdf"},
        {"title": "file", "uri": "file:///etc/passwd"},
        {"title": "elsewhere", "uri": "http://127.0.0.1:1/secret.pdf"},
        {"title": "encoded", "uri": f"file://{house.exhibits}/%2e%2e/secret.pdf"},
    )
    url = house.link(invoice_id)
    for number in range(1, 11):
        page = await visitor.get(f"{url}/exhibit/{invoice_id}/{number}")
        assert page.status_code == 404
        said = seen(page.text)
        assert "This exhibit cannot be opened" in said
        assert f"Invoice {invoice_id}" in said
        assert str(house.exhibits) not in page.text, "no path of ours"
        assert evil not in page.text
        assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "gone.pdf" in seen((await visitor.get(f"{url}/exhibit/{invoice_id}/1")).text)
    german = await visitor.get(f"{url}/exhibit/{invoice_id}/1?lang=de")
    assert "lässt sich nicht öffnen" in seen(german.text)


async def test_another_customers_and_made_up_ones_are_the_same_404(house: House, visitor: Visitor) -> None:
    own = await billed(house, {"title": "own.pdf", "uri": "own.pdf", "body": PDF})
    foreign = await billed(house, {"title": "foreign.pdf", "uri": "foreign.pdf", "body": PDF})
    url = house.link(own)
    nobody = await visitor.get(f"{url}/invoice/P-nobody")
    for path in (
        f"exhibit/{foreign}/1",
        f"exhibit/{own}/0",
        f"exhibit/{own}/2",
        f"exhibit/{own}/-1",
        f"exhibit/{own}/01",
        f"exhibit/{own}/1.0",
        f"exhibit/{own}/\u0661",
        f"exhibit/{own}/99999999999999999999",
        f"exhibit/{own}/1/..",
        f"exhibit/{own}/..%2f..%2fetc%2fpasswd",
        f"exhibit/..%2f{foreign}/1",
        f"exhibit/{own}%00/1",
        "exhibit/P-nobody/1",
        f"exhibit/{own}",
    ):
        answer = await visitor.get(f"{url}/{path}")
        assert (answer.status_code, answer.text) == (404, nobody.text), path
    base = url.rsplit("/", 1)[0]
    assert (await visitor.get(f"{base}/L-0.x.y/exhibit/{own}/1")).status_code == 404
    assert (await visitor.client.post(f"{url}/exhibit/{own}/1")).status_code == 404


async def test_a_link_that_has_ended_hands_nothing_out(house: House, visitor: Visitor) -> None:
    from datetime import UTC, datetime

    from store import portal

    invoice_id = await billed(house, {"title": "late.pdf", "uri": "late.pdf", "body": PDF})
    url = house.link(invoice_id)
    with house.premises.sessions.begin() as session:
        portal.revoke(session, at=datetime.now(UTC), by="lee", customer_id=f"C-{invoice_id}")
    answer = await visitor.get(f"{url}/exhibit/{invoice_id}/1")
    assert answer.status_code == 410
    assert PDF not in answer.content
