"""The ERP learns of every hold and release: signed, once confirmed never again, and until then visibly not."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest

import worker
from activities.adapters.erp_webhook import ErpWebhook, NotTold
from activities.credit_holds import CreditHolds
from activities.interface import ErpTold, OnDay
from domain.decision import CarryOut, Wait
from settings import Settings
from store.schema import CaseRow, CreditHoldRow
from tests.activities.conftest import Office, Past, Post

SECRET = "a secret of more than 16 characters"


@dataclass
class ErpServer:
    """An ERP on the loopback that believes only what is signed, and does each thing once."""

    status: int = 204
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    done: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        ours = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(ours.receive({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_header("Location", "http://127.0.0.1:9/")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def receive(self, headers: dict[str, str], body: bytes) -> int:
        self.requests.append((headers, body))
        signed = f"{headers['duecourse-timestamp']}.".encode() + body
        expected = "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(headers["duecourse-signature"], expected):
            return 401
        if self.status < 300:
            self.done.setdefault(headers["idempotency-key"], json.loads(body))
        return self.status

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/duecourse"


@pytest.fixture
def erp() -> Iterator[ErpServer]:
    with ErpServer() as server:
        yield server


def tell(office: Office, erp: ErpServer) -> ErpTold:
    desk = CreditHolds(office.sessions, ErpWebhook(erp.url, SECRET))
    return office.run(desk.tell_erp, OnDay(at=office.now))


def hold(office: Office, invoice_id: str = "INV-1") -> None:
    """Climb until orders are blocked because of an invoice."""
    with office.sessions() as session:
        opened = session.get(CaseRow, invoice_id) is not None
    if not opened:
        office.open(invoice_id)
    for _ in range(300):
        if office.case(invoice_id).credit_hold_cycle is not None:
            return
        decision = office.review(invoice_id).decision
        if isinstance(decision, CarryOut):
            office.contact(invoice_id)
        else:
            assert isinstance(decision, Wait), decision
            office.now = decision.until
    raise AssertionError("orders were never blocked")


@pytest.fixture(scope="module")
def climbed(postgres_url: str, database_template: str, worker_id: str) -> Iterator[Past]:
    with Past.lived(postgres_url, database_template, f"held_{worker_id}", hold) as past:
        yield past


@pytest.fixture
def held(climbed: Past, post: Post) -> Iterator[Office]:
    """An office in which orders are blocked because of INV-1."""
    with climbed.copied(post) as office:
        yield office


def test_a_hold_and_its_release_are_told_once_each(held: Office, erp: ErpServer) -> None:
    assert tell(held, erp) == ErpTold(told=1)
    assert tell(held, erp) == ErpTold()
    held.pay("INV-1", "1250.00")
    assert tell(held, erp) == ErpTold(told=1)
    assert tell(held, erp) == ErpTold()
    placed, released = erp.done.values()
    assert list(erp.done) == ["credit-hold-placed-INV-1-0", "credit-hold-released-INV-1-0"]
    assert (placed["event"], placed["customer_blocked"]) == ("credit_hold.placed", True)
    assert (released["event"], released["customer_blocked"]) == ("credit_hold.released", False)
    assert {"invoice_id": "INV-1", "customer_id": "C-1", "seller": "default"}.items() <= placed.items()
    assert held.tasks("erp_webhook") == []


@pytest.mark.parametrize("status", [302, 400, 401, 429, 500, 503])
def test_a_failing_erp_is_told_again_and_stands_on_the_worklist(
    held: Office, erp: ErpServer, status: int
) -> None:
    erp.status = status
    for _ in range(3):
        assert tell(held, erp) == ErpTold(failed=1)
    (item,) = held.tasks("erp_webhook", open_only=True)
    assert item.invoice_id == "INV-1"
    assert str(status) in item.why
    erp.status = 200
    assert tell(held, erp) == ErpTold(told=1)
    assert held.tasks("erp_webhook", open_only=True) == []
    keys = {headers["idempotency-key"] for headers, _ in erp.requests}
    assert keys == {"credit-hold-placed-INV-1-0"}
    assert len({body for _, body in erp.requests}) == 1, "what is told again is the same"


def test_who_paid_while_the_erp_was_down_is_not_blocked_afterwards(held: Office, erp: ErpServer) -> None:
    erp.status = 503
    tell(held, erp)
    held.pay("INV-1", "1250.00")
    tell(held, erp)
    erp.status = 200
    assert tell(held, erp) == ErpTold(told=1)
    assert list(erp.done) == ["credit-hold-released-INV-1-0"]
    assert held.tasks("erp_webhook", open_only=True) == []
    assert tell(held, erp) == ErpTold()


def test_the_customer_stays_blocked_while_another_invoice_is_a_reason(office: Office, erp: ErpServer) -> None:
    office.open("INV-2")
    hold(office)
    hold(office, "INV-2")
    tell(office, erp)
    office.pay("INV-1", "1250.00", "P-1")
    tell(office, erp)
    office.pay("INV-2", "1250.00", "P-2")
    tell(office, erp)
    blocked = {key: event["customer_blocked"] for key, event in erp.done.items() if "released" in key}
    assert blocked == {"credit-hold-released-INV-1-0": True, "credit-hold-released-INV-2-0": False}


def test_nobody_reached_is_told_again(held: Office, erp: ErpServer) -> None:
    with ErpServer() as gone:
        url = gone.url
    with pytest.raises(NotTold, match="ConnectionRefused"):
        ErpWebhook(url, SECRET).tell("k", {})
    desk = CreditHolds(held.sessions, ErpWebhook(url, SECRET))
    assert held.run(desk.tell_erp, OnDay(at=held.now)) == ErpTold(failed=1)
    with held.sessions() as session:
        assert session.get_one(CreditHoldRow, ("INV-1", 0)).placed_told_at is None
    assert tell(held, erp) == ErpTold(told=1)


def test_settings_say_what_is_missing(erp: ErpServer) -> None:
    def of(**told: str) -> Any:
        return worker.erp(Settings.model_validate(told))

    assert of() is None
    with pytest.raises(ValueError, match="DUECOURSE_ERP_WEBHOOK_SECRET"):
        of(erp_webhook_url=erp.url)
    with pytest.raises(ValueError, match="https://"):
        of(erp_webhook_url="http://erp.seller.example/hook", erp_webhook_secret=SECRET)
    assert SECRET not in repr(Settings.model_validate({"erp_webhook_secret": SECRET}))
    of(erp_webhook_url=erp.url, erp_webhook_secret=SECRET).tell("k", {})
    assert list(erp.done) == ["k"]


def test_a_smaller_credit_limit_is_asked_for_once_and_told_until_it_is_confirmed(
    office: Office, erp: ErpServer
) -> None:
    office.policy("sandbox", plan={"credit_limit_percent": 50})
    office.open(customer={"credit_limit": "200000.00"})
    assert office.ask("INV-1", "propose_plan", count=2, source="portal").refused_by is None
    plan_id = next(iter(office.case().plans))
    erp.status = 503
    for _ in range(2):
        assert tell(office, erp) == ErpTold(failed=1)
    [item] = office.tasks("erp_webhook", open_only=True)
    assert plan_id in item.why
    erp.status = 204
    assert tell(office, erp) == ErpTold(told=1)
    assert tell(office, erp) == ErpTold()
    assert office.tasks("erp_webhook", open_only=True) == []
    [told] = erp.done.values()
    assert list(erp.done) == [f"credit-limit-{plan_id}"]
    limits = {"credit_limit_before": "200000.00", "credit_limit": "100000.00", "currency": "USD"}
    assert limits.items() <= told.items()
    assert told["event"] == "credit_limit.reduced"
