"""What a provider says after it took a mail: once, in any order, believed only when it is signed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from activities.adapters.port import Accepted, Unknown
from activities.adapters.sendgrid_events import SIGNATURE, TIMESTAMP, SendGridWebhook
from domain.decision import Wait
from store.schema import DeliveryEventRow, MessageState, TaskState
from tests.activities.conftest import ANN, BOB, Office, Post
from tests.sendgrid_events import Signer, body_of, event
from web.app import create_app
from web.parts import Parts

ADDRESS = "/webhooks/sendgrid"


class Receiver:
    """The web application of an office, and SendGrid which talks to it."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.signer = Signer()
        self.nudged: list[str] = []
        self.temporal_is_down = False

        async def nudge(invoice_id: str) -> None:
            if self.temporal_is_down:
                raise ConnectionError
            self.nudged.append(invoice_id)

        made_of = Parts(
            sessions=office.sessions,
            rulebook=office.rulebook,
            nudge=nudge,
            sendgrid=SendGridWebhook(self.signer.public_key),
            now=lambda: office.now,
        )
        self.client = TestClient(create_app(made_of), raise_server_exceptions=False)

    def tell(self, *events: dict[str, Any]) -> int:
        """SendGrid posts events; returns the answer's status."""
        body = body_of(*events)
        return self.post(body, self.signer.headers(body, self.office.now))

    def post(self, body: bytes, headers: dict[str, str]) -> int:
        return int(self.client.post(ADDRESS, content=body, headers=headers).status_code)

    def kept(self) -> list[tuple[str, str]]:
        """Message and kind of all that providers said, but for what they answered at once."""
        with self.office.sessions() as session:
            rows = session.scalars(
                sa.select(DeliveryEventRow)
                .where(DeliveryEventRow.provider_event_id.is_not(None))
                .order_by(DeliveryEventRow.id)
            )
            return [(row.message_id, row.kind) for row in rows]


@pytest.fixture
def post() -> Post:
    return Post(proof="accepted")


@pytest.fixture
def receiver(office: Office) -> Receiver:
    return Receiver(office)


def sent(office: Office, **told: Any) -> str:
    office.open(**told)
    message_id = office.contact()
    assert message_id is not None
    return message_id


# -- who is believed -------------------------------------------------------------------------------


def test_a_delivery_becomes_a_fact_of_every_invoice_and_wakes_them(
    office: Office, receiver: Receiver
) -> None:
    office.open("INV-1")
    message_id = sent(office, invoice_id="INV-2")
    assert office.case("INV-1").delivered == {}
    assert receiver.tell(event("processed", message_id), event("delivered", message_id)) == 200
    assert receiver.kept() == [(message_id, "processed"), (message_id, "delivered")]
    assert {item[0] for item in office.items(message_id)} == {"INV-1", "INV-2"}
    for invoice_id in ("INV-1", "INV-2"):
        assert message_id in office.case(invoice_id).delivered
    assert receiver.nudged == ["INV-1", "INV-2"]


def reserialised(body: bytes) -> bytes:
    return json.dumps(json.loads(body)).encode()


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda body, headers: (body, {}), id="unsigned"),
        pytest.param(lambda body, headers: (body.replace(b"delivered", b"bounce   "), headers), id="altered"),
        pytest.param(lambda body, headers: (reserialised(body), headers), id="re-serialised"),
        pytest.param(lambda body, headers: (body + b" ", headers), id="a blank more"),
        pytest.param(lambda body, headers: (b"\xff" + body, headers), id="not UTF-8"),
        pytest.param(
            lambda body, headers: (body, headers | {TIMESTAMP: str(int(headers[TIMESTAMP]) + 1)}),
            id="made newer",
        ),
        pytest.param(lambda body, headers: (body, headers | {TIMESTAMP: "1e9"}), id="no time"),
        pytest.param(lambda body, headers: (body, headers | {TIMESTAMP: "9" * 12}), id="year 33658"),
        pytest.param(
            lambda body, headers: (body, headers | {SIGNATURE: "AAAA"}), id="a signature of nothing"
        ),
        pytest.param(lambda body, headers: (body, headers | {SIGNATURE: "%%%"}), id="no base64"),
    ],
)
def test_what_sendgrid_did_not_sign_is_refused_and_leaves_nothing(
    office: Office,
    receiver: Receiver,
    forge: Callable[[bytes, dict[str, str]], tuple[bytes, dict[str, str]]],
) -> None:
    message_id = sent(office)
    body = body_of(event("delivered", message_id))
    assert receiver.post(*forge(body, receiver.signer.headers(body, office.now))) == 403
    assert receiver.kept() == []
    assert receiver.nudged == []
    assert receiver.post(body, receiver.signer.headers(body, office.now)) == 200, (
        "only the forgery was at fault"
    )


def test_another_key_is_nobodys(office: Office, receiver: Receiver) -> None:
    body = body_of(event("delivered", sent(office)))
    assert receiver.post(body, Signer().headers(body, office.now)) == 403
    assert receiver.kept() == []


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (timedelta(hours=24, minutes=59), 200),
        (timedelta(hours=25, minutes=1), 403),
        (timedelta(days=365), 403),
        (timedelta(minutes=-10), 403),
    ],
)
def test_a_signature_grows_old(office: Office, receiver: Receiver, age: timedelta, status: int) -> None:
    body = body_of(event("delivered", sent(office)))
    assert receiver.post(body, receiver.signer.headers(body, office.now - age)) == status
    assert len(receiver.kept()) == (status == 200)


def test_too_large_and_signed_nonsense(office: Office, receiver: Receiver) -> None:
    for body, status in ((b"[" + b" " * 2_000_001, 413), (b'{"event": 1}', 400), (b"[" * 100_000, 400)):
        assert receiver.post(body, receiver.signer.headers(body, office.now)) == status
    strange: list[Any] = [1, None, {}, {"event": "delivered"}, {"event": [], "message": {}, "email": 3}]
    message_id = sent(office)
    strange += [event("open", message_id), event("delivered", message_id, timestamp="soon")]
    strange += [event("delivered", "M-of-somebody-else"), event("delivered", "../../etc/passwd")]
    strange += [event("delivered", message_id, email="ann@acme.example\0")]
    assert receiver.tell(*strange) == 200
    assert receiver.kept() == []


def test_without_a_key_there_is_no_such_page(office: Office) -> None:
    async def nobody(_: str) -> None: ...

    app = create_app(Parts(sessions=office.sessions, rulebook=office.rulebook, nudge=nobody))
    client = TestClient(app)
    assert client.post(ADDRESS, content=b"[]").status_code == 404
    assert [client.get(page).status_code for page in ("/docs", "/openapi.json")] == [404, 404]
    assert [client.get(page).status_code for page in ("/healthz", "/readyz")] == [200, 200]
    with pytest.raises(ValueError, match="DUECOURSE_SENDGRID_WEBHOOK_KEY"):
        SendGridWebhook("not a key")


# -- once, in any order ----------------------------------------------------------------------------


def test_what_is_told_again_changes_nothing(office: Office, receiver: Receiver) -> None:
    message_id = sent(office)
    bounce = event("bounce", message_id, type="bounce", status="5.1.1", reason="550 no such user")
    assert receiver.tell(bounce, bounce) == 200
    before = (receiver.kept(), office.kinds(), office.case(), len(office.audit()))
    office.later(hours=20)
    assert receiver.tell(bounce | {"sg_event_id": "another one"}) == 200
    assert (receiver.kept(), office.kinds(), office.case(), len(office.audit())) == before


@pytest.mark.parametrize(
    "order", list(itertools.permutations(["processed", "deferred", "delivered", "spamreport"]))
)
def test_the_order_does_not_matter(office: Office, receiver: Receiver, order: tuple[str, ...]) -> None:
    message_id = sent(office)
    for name in order:
        assert receiver.tell(event(name, message_id)) == 200
    case = office.case()
    assert (set(case.delivered), set(case.bounced)) == ({message_id}, {message_id})
    assert "contact" in office.kinds()


def test_a_workflow_that_cannot_be_woken_is_told_again(office: Office, receiver: Receiver) -> None:
    message_id = sent(office)
    receiver.temporal_is_down = True
    assert receiver.tell(event("delivered", message_id)) == 503
    receiver.temporal_is_down = False
    assert receiver.tell(event("delivered", message_id)) == 200
    assert (len(receiver.kept()), receiver.nudged) == (1, ["INV-1"])


# -- what follows ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "writes_again"),
    [
        (
            {"name": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 no such user\0\ud800"},
            False,
        ),
        ({"name": "bounce", "type": "blocked", "status": "5.7.1"}, True),
        ({"name": "bounce", "type": "bounce", "status": "5.2.2", "reason": "552 mailbox full"}, True),
        ({"name": "dropped", "reason": "Bounced Address"}, False),
        ({"name": "spamreport"}, False),
        ({"name": "unsubscribe"}, False),
        ({"name": "group_unsubscribe"}, False),
    ],
)
def test_what_did_not_arrive_is_a_task(
    office: Office, receiver: Receiver, told: dict[str, Any], writes_again: bool
) -> None:
    message_id = sent(office)
    assert receiver.tell(event(told.pop("name"), message_id, **told)) == 200
    (task,) = office.tasks("contact", open_only=True)
    assert (task.invoice_id, task.ref) == ("INV-1", message_id)
    assert message_id in office.case().bounced
    assert office.review().view["steps"][0]["delivery"] == "bounced"
    assert ("ap" in office.case().account.reachable) == writes_again


def test_credit_hold_waits_for_the_notice_that_came_back(
    office: Office, receiver: Receiver, post: Post
) -> None:
    office.open()
    for _ in range(60):
        office.live()
        if office.row().next_step == "credit_hold":
            break
        office.sleep()
    assert office.row().next_step == "credit_hold"
    (notice,) = (taken.fact.message_id for taken in office.case().steps if taken.fact.step == "overdue_2")
    assert receiver.tell(event("bounce", str(notice), type="blocked", status="4.2.2")) == 200
    before = len(post.taken)
    office.later(days=40)
    decision = office.live().decision
    assert isinstance(decision, Wait)
    assert decision.waiting_on == "delivery"
    assert len(post.taken) == before
    assert (
        office.ask("INV-1", "waive_delivery", step="overdue_2", reason="she has it on paper").refused_by
        is None
    )
    office.live()
    assert len(post.taken) > before


def test_deferral_is_kept_and_changes_nothing_else(office: Office, receiver: Receiver) -> None:
    message_id = sent(office)
    before = office.case()
    assert receiver.tell(event("deferred", message_id, response="451 4.7.1 greylisted")) == 200
    assert receiver.kept() == [(message_id, "deferred")]
    assert (office.case(), office.kinds()) == (before, [])


def test_a_copy_that_bounces_is_not_the_notice(office: Office, receiver: Receiver) -> None:
    office.steps("sandbox", due={"cc": ["cfo"]})
    receiver = Receiver(office)
    message_id = sent(office, customer={"contacts": [ANN, BOB]})
    assert receiver.tell(event("delivered", message_id, BOB["email"])) == 200
    assert office.case().delivered == {}
    assert receiver.tell(event("bounce", message_id, "Bob@Acme.example", type="bounce")) == 200
    case = office.case()
    assert case.bounced == {}
    assert "cfo" not in case.account.reachable
    assert "ap" in case.account.reachable
    assert office.kinds() == ["contact"]


@pytest.mark.parametrize("name", ["processed", "delivered", "deferred", "bounce", "dropped"])
def test_any_report_proves_that_an_unknown_message_went_out(
    office: Office, receiver: Receiver, post: Post, name: str
) -> None:
    post.answers = [Unknown("no answer")]
    message_id = sent(office)
    assert office.kinds() == ["unknown_delivery"]
    office.later(minutes=30)
    assert receiver.tell(event(name, message_id)) == 200
    assert office.message(message_id).state is MessageState.SENT
    assert office.message(message_id).unknown_since is None
    assert [taken.fact.message_id for taken in office.case().steps] == [message_id]
    assert [task.state for task in office.tasks("unknown_delivery")] == [TaskState.DONE]
    assert office.draft().decided is not None, "nothing is sent again"
    assert len(post.taken) == 1


@pytest.mark.parametrize("answer", [Accepted("1"), Unknown("late")])
def test_a_report_that_is_faster_than_the_answer(
    office: Office, receiver: Receiver, post: Post, answer: Accepted | Unknown
) -> None:
    office.open()
    message_id = office.write()
    post.answers = [answer]
    post.meanwhile = lambda: assert_ok(receiver.tell(event("delivered", message_id)))
    office.send(message_id)
    assert office.message(message_id).state is MessageState.SENT
    assert len(office.case().steps) == 1
    assert message_id in office.case().delivered
    assert office.kinds() == []
    assert office.audit_problems() == []


def assert_ok(status: int) -> None:
    assert status == 200
