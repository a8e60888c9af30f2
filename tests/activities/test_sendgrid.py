"""Every way a call of SendGrid can end, told exactly, over real HTTP on the loopback."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

import worker
from activities.adapters.port import Accepted, LooksUp, LookupFailed, Refused, SendResult, Unknown
from activities.adapters.sendgrid import SendGridTransport
from activities.writing.mail import Attachment, build_mail
from activities.writing.words import Words
from commands.stack import doctor
from domain.vocabulary import Step
from settings import Settings
from tests.letters import invoice, notice
from tests.sendgrid_events import Signer
from tests.sendgrid_server import Call, SendGridServer

KEY = "SG.the-key-that-nobody-may-see"
NAMES = ["Müller, Jörg", "Ann Payne", "李雷", 'O"Brien <x>']


@pytest.fixture
def sendgrid() -> Iterator[SendGridServer]:
    with SendGridServer() as server:
        yield server


def mail(name: str = "Ann Payne") -> bytes:
    return build_mail(
        notice(Step.OVERDUE, items=[invoice(step=Step.OVERDUE)], message_id="M-1"),
        Words(subject="Rechnung INV-1 — fällig", text="Guten Tag\nbitte zahlen\n", html="<p>Guten Tag</p>"),
        to=[{"name": name, "email": "ann@acme.example"}],
        cc=[{"name": "Bob", "email": "bob@acme.example"}],
        at=datetime(2026, 12, 1, 15, tzinfo=UTC),
        attachments=[Attachment("statement.pdf", "application/pdf", b"%PDF-1.7\n\x00\xff")],
    )


def send(
    server: SendGridServer, *, to: str = "ann@acme.example", timeout: float = 5.0, of: bytes | None = None
) -> SendResult:
    transport = SendGridTransport(KEY, host=server.url)
    recipients = [to, "bob@acme.example", "BOB@acme.example"]
    return transport.send(
        "M-1", of or mail(), sender="billing@seller.example", recipients=recipients, timeout=timeout
    )


def test_what_arrives_is_the_frozen_mail_and_nothing_else(sendgrid: SendGridServer) -> None:
    assert send(sendgrid) == Accepted("sg-1")
    (call,) = sendgrid.taken
    assert (call.method, call.path) == ("POST", "/v3/mail/send")
    assert call.headers["Authorization"] == f"Bearer {KEY}"
    told = call.body
    assert told["personalizations"] == [
        {
            "to": [{"email": "ann@acme.example", "name": "Ann Payne"}],
            "cc": [{"email": "bob@acme.example", "name": "Bob"}],
            "custom_args": {"message": "M-1"},
        }
    ]
    assert told["from"] == {"email": "accounts@lindenmoor.example", "name": "Lindenmoor Studio Accounts"}
    assert told["reply_to"] == {"email": "accounts@lindenmoor.example", "name": "Lindenmoor Studio Accounts"}
    assert told["subject"] == "Rechnung INV-1 — fällig"
    assert [part["type"] for part in told["content"]] == ["text/plain", "text/html"]
    assert told["content"][0]["value"] == "Guten Tag\nbitte zahlen\n"
    (paper,) = told["attachments"]
    assert (paper["filename"], paper["type"], paper["content"]) == (
        "statement.pdf",
        "application/pdf",
        "JVBERi0xLjcKAP8=",
    )
    assert told["categories"] == ["M-1"], "one opaque category for each send"
    assert told["headers"]["Message-ID"].startswith("<M-1@")
    assert told["headers"]["X-Duecourse-Message"] == "M-1"
    assert told["headers"]["X-Duecourse-Items"] == "INV-1001=overdue/0"
    assert told["tracking_settings"]["click_tracking"]["enable"] is False, "links stay as they were written"


@pytest.mark.parametrize("name", NAMES)
def test_names_arrive_as_people_write_them(sendgrid: SendGridServer, name: str) -> None:
    send(sendgrid, of=mail(name))
    assert sendgrid.taken[0].body["personalizations"][0]["to"][0]["name"] == name


def answers(status: int, body: object = None, **headers: str) -> Callable[[Call], None]:
    return lambda call: call.answer(status, body, **headers)


def drips(call: Call) -> None:
    for _ in range(40):
        call.handler.wfile.write(b"H")
        call.handler.wfile.flush()
        time.sleep(0.1)


def accepts_and_breaks_off(call: Call) -> None:
    call.handler.send_response(202)
    call.handler.send_header("X-Message-Id", "sg-9")
    call.handler.send_header("Content-Length", "500")
    call.handler.end_headers()
    call.reset()


SENDER_UNVERIFIED = {"errors": [{"field": "from", "message": "not a verified Sender Identity"}]}
NO_SUCH_ADDRESS = {"errors": [{"field": "personalizations.0.to.0.email", "message": "x@secret.example"}]}


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (answers(202, X_Message_Id="sg-1"), Accepted("sg-1")),
        (answers(202), Accepted(None)),
        (accepts_and_breaks_off, Accepted("sg-9")),
        (answers(200), Unknown("SendGrid answered 200")),
        (answers(307, Location="http://127.0.0.1:9/v3/mail/send"), Refused("SendGrid answered 307", False)),
        (answers(400), Refused("SendGrid answered 400", True)),
        (
            answers(400, NO_SUCH_ADDRESS),
            Refused("SendGrid answered 400 about personalizations.0.to.0.email", True),
        ),
        (answers(400, SENDER_UNVERIFIED), Refused("SendGrid answered 400 about from", False)),
        (answers(400, {"errors": "?"}), Refused("SendGrid answered 400", True)),
        (answers(401), Refused("SendGrid answered 401", False)),
        (answers(403, SENDER_UNVERIFIED), Refused("SendGrid answered 403 about from", False)),
        (answers(404), Refused("SendGrid answered 404", False)),
        (answers(413), Refused("SendGrid answered 413", True)),
        (answers(429), Refused("SendGrid answered 429", False)),
        (answers(500), Unknown("SendGrid answered 500")),
        (answers(503), Unknown("SendGrid answered 503")),
    ],
)
def test_every_answer_is_told_apart(
    sendgrid: SendGridServer, script: Callable[[Call], None], expected: SendResult
) -> None:
    sendgrid.script = script
    assert send(sendgrid) == expected
    assert len(sendgrid.calls) == 1, "nothing is tried again in here, and no redirect is followed"


@pytest.mark.parametrize("script", [lambda call: call.reset(), lambda _: time.sleep(2), drips])
def test_silence_after_the_request_is_unknown(
    sendgrid: SendGridServer, script: Callable[[Call], None]
) -> None:
    sendgrid.script = script
    began = time.monotonic()
    assert isinstance(send(sendgrid, timeout=0.5), Unknown)
    assert time.monotonic() - began < 1.5, "the time-out bounds the whole call"
    assert len(sendgrid.calls) == 1


def test_nonsense_for_an_answer_is_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def talk() -> None:
            connection, _ = listening.accept()
            connection.recv(100_000)
            connection.sendall(b"220 mail.example ESMTP\r\n")
            connection.close()

        threading.Thread(target=talk, daemon=True).start()
        transport = SendGridTransport(KEY, host=f"http://127.0.0.1:{listening.getsockname()[1]}")
        result = transport.send("M-1", mail(), sender="a@b.example", recipients=["c@d.example"], timeout=2)
    assert isinstance(result, Unknown)


def test_who_was_never_reached_has_no_mail() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    for host in (f"http://127.0.0.1:{port}", "http://nowhere.invalid"):
        transport = SendGridTransport(KEY, host=host)
        result = transport.send("M-1", mail(), sender="a@b.example", recipients=["c@d.example"], timeout=5)
        assert isinstance(result, Refused), result
        assert not result.permanent


def test_a_connection_that_came_too_late_is_not_used(
    sendgrid: SendGridServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = socket.create_connection

    def slowly(*told: object, **named: object) -> socket.socket:
        time.sleep(0.4)
        return connect(*told, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "create_connection", slowly)
    result = send(sendgrid, timeout=0.2)
    assert isinstance(result, Refused), result
    assert sendgrid.calls == []


def test_a_server_that_only_listens_is_not_certain_to_have_nothing(sendgrid: SendGridServer) -> None:
    """A connection that was taken may carry a request that is read later."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        transport = SendGridTransport(KEY, host=f"http://127.0.0.1:{listening.getsockname()[1]}")
        result = transport.send("M-1", mail(), sender="a@b.example", recipients=["c@d.example"], timeout=3)
    assert isinstance(result, Unknown)


def test_key_and_addresses_stay_out_of_logs_and_reasons(
    sendgrid: SendGridServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sendgrid.script = answers(400, NO_SUCH_ADDRESS)
    result = send(sendgrid)
    assert isinstance(result, Refused)
    assert "secret.example" not in result.reason
    assert KEY not in caplog.text
    assert "ann@acme.example" not in caplog.text
    assert KEY not in repr(result)


@pytest.mark.parametrize("activity", [True, False])
def test_a_message_is_found_by_its_category(sendgrid: SendGridServer, activity: bool) -> None:
    sendgrid.activity = activity
    transport = SendGridTransport(KEY, host=sendgrid.url)
    assert isinstance(transport, LooksUp)
    assert transport.lookup("M-1") is None
    assert isinstance(send(sendgrid, to="error@acme.example"), Unknown)
    assert isinstance(transport.lookup("M-1"), Accepted)
    assert transport.lookup("M-2") is None


@pytest.mark.parametrize("script", [answers(500), answers(429), answers(200, "?"), lambda call: call.reset()])
def test_a_look_up_that_fails_says_nothing_about_the_message(
    sendgrid: SendGridServer, script: Callable[[Call], None]
) -> None:
    sendgrid.script = script
    with pytest.raises(LookupFailed):
        SendGridTransport(KEY, host=sendgrid.url).lookup("M-1")


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (None, None),
        (answers(401), "the key is not accepted"),
        (answers(200, {"scopes": ["stats.read"]}), "the key has no access to Mail Send"),
        (answers(503), "SendGrid answered 503"),
        (answers(200, [1]), "TypeError"),
    ],
)
def test_a_key_can_be_tried_without_sending(
    sendgrid: SendGridServer, script: Callable[[Call], None] | None, problem: str | None
) -> None:
    sendgrid.script = script
    found = SendGridTransport(KEY, host=sendgrid.url).refuses()
    assert found == problem or (problem is not None and found is not None and found.startswith(problem))
    assert [call.path for call in sendgrid.calls] == ["/v3/scopes"]


def test_the_doctor_tries_it(sendgrid: SendGridServer) -> None:
    chosen = {"mail": "sendgrid", "sendgrid_host": sendgrid.url, "sendgrid_api_key": KEY}
    assert "not taken" in doctor._mail(Settings.model_validate(chosen))
    webhook = {"sendgrid_webhook_key": Signer().public_key}
    assert doctor._mail(Settings.model_validate(chosen | webhook)) == "SendGrid, with delivery reports"
    for change in ({"sendgrid_api_key": None}, {"sendgrid_webhook_key": "no key"}):
        with pytest.raises(doctor.Unwell):
            doctor._mail(Settings.model_validate(chosen | change))


def test_settings_choose_it_and_name_a_missing_key(sendgrid: SendGridServer) -> None:
    chosen = {"mail": "sendgrid", "sendgrid_host": sendgrid.url}
    with pytest.raises(ValueError, match="DUECOURSE_SENDGRID_API_KEY"):
        worker.mail_transport(Settings.model_validate(chosen))
    settings = Settings.model_validate(chosen | {"sendgrid_api_key": KEY})
    assert KEY not in repr(settings)
    transport = worker.mail_transport(settings)
    result = transport.send("M-1", mail(), sender="a@b.example", recipients=["c@d.example"], timeout=5)
    assert isinstance(result, Accepted)
