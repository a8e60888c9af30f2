"""The sandbox inbox: a demo's mails read, answered, bounced and paid; nothing in a mail gets out of its frame."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.activities.conftest import ANN, Office
from tests.activities.test_replies import kept
from web.app import create_app
from web.inbox.pages import Sandbox
from web.parts import Parts
from web.portal.workflows import Ended

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> {{7*7}}"


class Told:
    """Stands for the workflows: what the page tells them."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, Mapping[str, Any]]] = []
        self.ended = False

    async def ask(self, *_: Any) -> str | None:
        raise AssertionError("the sandbox asks nothing")

    async def tell(self, invoice_id: str, signal: str, fact: Mapping[str, Any]) -> None:
        if self.ended:
            raise Ended
        self.heard.append((invoice_id, signal, fact))

    async def tell_account(self, *_: Any) -> None:
        raise AssertionError("the sandbox tells the account nothing")


class Page:
    """The sandbox over an office, from this machine."""

    def __init__(self, office: Office, folder: Path, **client: Any) -> None:
        self.office, self.told, self.nudged = office, Told(), list[str]()

        async def nudge(invoice_id: str) -> None:
            self.nudged.append(invoice_id)

        made_of = Parts(
            sessions=office.sessions, rulebook=office.rulebook, nudge=nudge, now=lambda: office.now
        )
        self.app = create_app(made_of, Sandbox(folder / "inbox", self.told))
        told = {"base_url": "http://127.0.0.1:8080", "client": ("127.0.0.1", 50_000), **client}
        self.web = TestClient(self.app, follow_redirects=False, **told)

    def get(self, path: str = "", **headers: str) -> Any:
        return self.web.get(f"/inbox{path}", headers=headers)

    def post(self, path: str, *, headers: dict[str, str] | None = None, **fields: str) -> Any:
        if "token" not in fields:
            found = re.search(r'name="token" value="([^"]+)"', self.get(path.rpartition("/")[0]).text)
            assert found is not None
            fields["token"] = found[1]
        return self.web.post(f"/inbox{path}", data=fields, headers=headers)


@pytest.fixture
def page(office: Office, tmp_path: Path) -> Page:
    """A customer with a hostile name, to whom one mail went out."""
    office.open("INV-1", customer={"name": HOSTILE}, invoice={"description": HOSTILE})
    office.contact("INV-1")
    return Page(office, tmp_path)


def mail_of(page: Page) -> str:
    return "/" + page.office.messages()[0].message_id


def test_mails_are_listed_and_read(page: Page) -> None:
    listed = page.get()
    assert listed.status_code == 200
    assert mail_of(page) in listed.text
    shown = page.get(mail_of(page))
    assert "ann@acme.example" in shown.text
    assert "1,250.00" in shown.text
    assert "<script" not in listed.text + shown.text
    assert "onerror=alert" not in re.sub(r"&lt;.*?&gt;", "", listed.text + shown.text)
    assert "49 " not in listed.text
    for answer in (listed, shown):
        assert "script-src" not in answer.headers["content-security-policy"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
    assert page.get("/style.css").headers["content-type"].startswith("text/css")


def test_a_mails_html_is_shown_where_it_can_do_nothing(page: Page) -> None:
    shown = page.get(mail_of(page)).text
    assert f'<iframe sandbox="" src="/inbox{mail_of(page)}/html"' in shown
    html = page.get(mail_of(page) + "/html")
    assert "sandbox" in html.headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in html.headers["content-security-policy"]
    assert html.headers["x-content-type-options"] == "nosniff"


def test_attachments_are_files(page: Page) -> None:
    paper = page.get(mail_of(page) + "/paper/0")
    assert paper.content.startswith(b"%PDF")
    assert paper.headers["content-disposition"].startswith("attachment; filename=")
    for number in ("1", "-1", "99999999999999999999", "x"):
        assert page.get(f"{mail_of(page)}/paper/{number}").status_code in (404, 422)


def test_an_answer_comes_in_by_the_maildir(page: Page, tmp_path: Path) -> None:
    said = page.post(mail_of(page) + "/answer", sender="ann@acme.example", text="We will pay on 18 December.")
    assert (said.status_code, said.headers["location"]) == (303, f"/inbox{mail_of(page)}?said=answered")
    (row,) = kept(page.office)
    assert (row.kind, row.matched_by, row.invoices) == ("reply", "thread", ["INV-1"])
    assert row.suggestion is not None
    assert row.suggestion["pay_by"] == "2026-12-18"
    assert len(list((tmp_path / "inbox" / "cur").iterdir())) == 1
    assert page.nudged == ["INV-1"]
    assert page.office.case().open_holds(page.office.today)
    shown = page.get(mail_of(page) + "?said=answered").text
    assert "may mean: promise by 2026-12-18" in shown
    assert "Reminders pause" in shown


def test_an_automatic_answer_pauses_nothing(page: Page) -> None:
    page.post(mail_of(page) + "/answer", sender="ann@acme.example", text="Away.", automatic="true")
    assert kept(page.office)[0].kind == "automatic"
    assert page.office.case().open_holds(page.office.today) == ()


def test_a_bounce_is_a_delivery_event(page: Page) -> None:
    said = page.post(mail_of(page) + "/bounce")
    assert said.headers["location"].endswith("said=bounced")
    assert mail_of(page)[1:] in page.office.case().bounced
    assert kept(page.office)[0].kind == "report"


def test_paying_is_the_signal_of_an_erp(page: Page) -> None:
    said = page.post(mail_of(page) + "/pay", invoice="INV-1", amount=" 250.00 ")
    assert said.headers["location"].endswith("said=paid")
    ((invoice, signal, fact),) = page.told.heard
    assert (invoice, signal, fact["amount"], fact["currency"]) == (
        "INV-1",
        "payment_received",
        "250.00",
        "USD",
    )
    assert fact["received_on"] == "2026-12-07"
    for amount in ("0", "-5", "much", "1.234", "NaN", "1e9", ""):
        said = page.post(mail_of(page) + "/pay", invoice="INV-1", amount=amount)
        assert said.headers["location"].endswith("no_amount")
    page.told.ended = True
    assert (
        page.post(mail_of(page) + "/pay", invoice="INV-1", amount="1")
        .headers["location"]
        .endswith("not_told")
    )
    assert len(page.told.heard) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"sender": "stranger@evil.example", "text": "x"},
        {"sender": "ann@acme.example\r\nBcc: x@y.example", "text": "x"},
        {"sender": "ann@acme.example", "text": "  "},
        {"sender": "ann@acme.example", "text": "x" * 20_001},
        {"sender": "", "text": "x"},
    ],
)
def test_only_who_got_the_mail_can_answer_and_not_with_a_book(page: Page, fields: dict[str, str]) -> None:
    assert page.post(mail_of(page) + "/answer", **fields).status_code in (400, 422)
    assert kept(page.office) == []


def test_another_customers_invoice_cannot_be_paid_from_here(page: Page) -> None:
    page.office.open("INV-2", customer={"customer_id": "C-2", "contacts": [ANN]})
    assert page.post(mail_of(page) + "/pay", invoice="INV-2", amount="1").status_code == 400
    assert page.told.heard == []


@pytest.mark.parametrize("action", ["answer", "bounce", "pay"])
def test_a_form_of_somebody_else_does_nothing(page: Page, action: str) -> None:
    fields = {"sender": "ann@acme.example", "text": "x", "invoice": "INV-1", "amount": "1"}
    path = f"{mail_of(page)}/{action}"
    for token in ("", "x", "\u00fc"):
        assert page.post(path, token=token, **fields).status_code == 403
    for site in ("cross-site", "same-site"):
        assert page.post(path, headers={"sec-fetch-site": site}, **fields).status_code == 403
    assert page.web.get(f"/inbox{path}").status_code in (404, 405)
    assert (page.told.heard, kept(page.office)) == ([], [])


def test_nobody_else_sees_it(page: Page, tmp_path: Path) -> None:
    for host in ("evil.example", "evil.example:8080", "127.0.0.1.evil.example:8080"):
        assert page.get("", host=host).status_code == 404
    assert page.get("", host="localhost:8080").status_code == 200
    away = Page(page.office, tmp_path, client=("203.0.113.7", 50_000))
    assert away.get().status_code == 404


def test_without_a_sandbox_there_is_no_such_page(office: Office) -> None:
    async def nobody(_: str) -> None:
        pass

    app = create_app(Parts(sessions=office.sessions, rulebook=office.rulebook, nudge=nobody))
    told = TestClient(app, base_url="http://127.0.0.1:8080", client=("127.0.0.1", 50_000))
    assert told.get("/inbox").status_code == 404


def test_made_up_mails_are_not_there(page: Page) -> None:
    for path in ("/M-0", "/M-0/html", "/..%2f..%2fetc", "/M-0/paper/0", "?page=-7", "?customer=%00"):
        assert page.get(path).status_code in (200, 404), path
