"""Every way an SMTP conversation can end, told exactly: accepted, refused, or unknown."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from activities.adapters.port import Accepted, MailTransport, Refused, SendResult, Unknown
from activities.adapters.smtp import SmtpTransport
from tests.certificates import certificate_for_localhost

MAIL = b"From: a@b.example\r\nSubject: x\r\n\r\nHello\r\n.\r\n..leading dots\r\nbye\r\n"
LARGE = b"Subject: x\r\n\r\n" + b"x" * 76 * 400_000


class Talk:
    """The server's side of one conversation."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.lines = connection.makefile("rb")

    def say(self, line: str) -> None:
        self.connection.sendall(line.encode() + b"\r\n")

    def hear(self) -> str:
        return self.lines.readline().decode("latin-1").strip()

    def reset(self) -> None:
        """Hang up at once and rudely, with what has not been read thrown away."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.lines.close()
        self.connection.close()

    def until_data(self, sender: str = "250 ok", recipients: tuple[str, ...] = ("250 ok",)) -> None:
        self.say("220 hello")
        self.hear()
        self.say("250 me")
        self.hear()
        self.say(sender)
        for answer in recipients:
            self.hear()
            self.say(answer)
        self.hear()

    def mail(self) -> None:
        self.until_data()
        self.say("354 go on")
        while self.hear() != ".":
            pass


@contextmanager
def server(script: Callable[[Talk], None]) -> Iterator[int]:
    """A server that follows the script with its one caller."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listening.accept()
                with connection, suppress(OSError):
                    script(Talk(connection))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10)


def send(port: int, mail: bytes = MAIL, copies: tuple[str, ...] = (), timeout: float = 10.0) -> SendResult:
    transport: MailTransport = SmtpTransport("127.0.0.1", port)
    assert transport.proof == "accepted"
    recipients = ["c@d.example", *copies]
    return transport.send("m-1", mail, sender="a@b.example", recipients=recipients, timeout=timeout)


def answers_to_the_dot(answer: str) -> Callable[[Talk], None]:
    def script(talk: Talk) -> None:
        talk.mail()
        talk.say(answer)
        talk.hear()

    return script


def answers_to_data(answer: str) -> Callable[[Talk], None]:
    def script(talk: Talk) -> None:
        talk.until_data()
        talk.say(answer)
        talk.hear()

    return script


def answers_to_names(sender: str, *recipients: str) -> Callable[[Talk], None]:
    return lambda talk: talk.until_data(sender, recipients)


def greets(line: str) -> Callable[[Talk], None]:
    def script(talk: Talk) -> None:
        talk.say(line)
        talk.hear()

    return script


@pytest.mark.parametrize(
    ("script", "result"),
    [
        (answers_to_the_dot("250 2.0.0 Ok: queued as 4711"), Accepted("250 2.0.0 Ok: queued as 4711")),
        (answers_to_the_dot("550 5.7.1 no spam"), Refused("mail: 550 5.7.1 no spam", permanent=True)),
        (answers_to_the_dot("451 4.3.0 later"), Refused("mail: 451 4.3.0 later", permanent=False)),
        (answers_to_data("554 no"), Refused("DATA: 554 no", permanent=True)),
        (answers_to_data("451 later"), Refused("DATA: 451 later", permanent=False)),
        (answers_to_names("250 ok", "550 unknown"), Refused("recipient: 550 unknown", permanent=True)),
        (answers_to_names("250 ok", "450 busy"), Refused("recipient: 450 busy", permanent=False)),
        (answers_to_names("550 not you"), Refused("sender: 550 not you", permanent=False)),
        (answers_to_names("451 later"), Refused("sender: 451 later", permanent=False)),
        (greets("421 too busy"), Refused("greeting: 421 too busy", permanent=False)),
        (greets("554 go away"), Refused("greeting: 554 go away", permanent=False)),
        (answers_to_the_dot("354 what?"), Unknown("after the final dot: 354 what?")),
        (answers_to_the_dot("hello"), Unknown("after the final dot: -1 o")),
        (answers_to_the_dot("250-" + "x" * 9000), Unknown("after the final dot: 500 Line too long.")),
    ],
)
def test_what_the_server_says_is_what_we_tell(script: Callable[[Talk], None], result: SendResult) -> None:
    with server(script) as port:
        assert send(port) == result


def test_a_connection_refused_is_a_refusal() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert send(port) == Refused(
        "before the final dot: ConnectionRefusedError: [Errno 111] Connection refused", permanent=False
    )


@pytest.mark.parametrize(
    "script",
    [
        lambda talk: None,
        lambda talk: talk.reset(),
        lambda talk: talk.say("220 hello"),
        lambda talk: (talk.say("220 hello"), talk.hear(), talk.say("250 me"), talk.hear()),
        lambda talk: talk.until_data(),
        lambda talk: (talk.until_data(), talk.reset()),
    ],
    ids=["at once", "reset", "after greeting", "after EHLO", "at DATA", "reset at DATA"],
)
def test_a_drop_before_data_is_a_refusal(script: Callable[[Talk], None]) -> None:
    with server(script) as port:
        result = send(port)
    assert isinstance(result, Refused)
    assert not result.permanent
    assert "before the final dot" in result.reason


def test_a_drop_before_the_dot_is_a_refusal() -> None:
    def script(talk: Talk) -> None:
        talk.until_data()
        talk.say("354 go on")
        talk.lines.read(10_000)
        talk.reset()

    with server(script) as port:
        result = send(port, LARGE)
    assert isinstance(result, Refused)
    assert not result.permanent
    assert "before the final dot" in result.reason


def test_a_refusal_in_the_middle_of_the_mail_counts() -> None:
    def script(talk: Talk) -> None:
        talk.until_data()
        talk.say("354 go on")
        talk.lines.read(10_000)
        talk.say("552 too large")
        while talk.lines.read(1_000_000):
            pass

    with server(script) as port:
        assert send(port, LARGE) == Refused("before the final dot: 552 too large", permanent=True)


def test_an_answer_given_before_the_dot_is_not_taken_for_one_to_it() -> None:
    def script(talk: Talk) -> None:
        talk.until_data()
        talk.say("354 go on\r\n250 queued")
        while talk.lines.read(1_000_000):
            pass

    with server(script) as port:
        assert send(port) == Refused("before the final dot: 250 queued", permanent=False)


@pytest.mark.parametrize("rude", [False, True])
def test_a_drop_after_the_dot_is_unknown(rude: bool) -> None:
    def script(talk: Talk) -> None:
        talk.mail()
        if rude:
            talk.reset()

    with server(script) as port:
        result = send(port)
    assert isinstance(result, Unknown)
    assert "after the final dot" in result.reason


def test_a_late_answer_to_the_dot_is_unknown() -> None:
    def script(talk: Talk) -> None:
        talk.mail()
        talk.hear()

    started = time.monotonic()
    with server(script) as port:
        result = send(port, timeout=0.5)
    assert result == Unknown("after the final dot: no answer within 0.5 seconds")
    assert time.monotonic() - started < 5


def test_dripping_does_not_stretch_the_time() -> None:
    def script(talk: Talk) -> None:
        talk.mail()
        for byte in b"250 ok ok ok ok ok ok ok ok ok ok ok ok ok ok ok ok":
            talk.connection.sendall(bytes([byte]))
            time.sleep(0.2)

    started = time.monotonic()
    with server(script) as port:
        result = send(port, timeout=1)
        assert time.monotonic() - started < 4
    assert isinstance(result, Unknown)


@pytest.mark.parametrize(
    "script",
    [lambda talk: talk.hear(), lambda talk: (talk.until_data(), talk.hear())],
    ids=["no greeting", "no answer to DATA"],
)
def test_silence_before_the_dot_is_a_refusal(script: Callable[[Talk], None]) -> None:
    with server(script) as port:
        assert send(port, timeout=0.5) == Refused(
            "before the final dot: no answer within 0.5 seconds", permanent=False
        )


def test_a_server_that_stops_reading_is_a_refusal() -> None:
    def script(talk: Talk) -> None:
        talk.until_data()
        talk.say("354 go on")
        time.sleep(2)

    with server(script) as port:
        assert send(port, LARGE, timeout=1) == Refused(
            "before the final dot: no answer within 1 seconds", permanent=False
        )


def test_a_copy_that_is_refused_does_not_stop_the_mail() -> None:
    def script(talk: Talk) -> None:
        talk.until_data(recipients=("250 ok", "550 unknown", "250 ok"))
        talk.say("354 go on")
        while talk.hear() != ".":
            pass
        talk.say("250 queued")

    with server(script) as port:
        assert send(port, copies=("x@d.example", "y@d.example")) == Accepted("250 queued", ("x@d.example",))


# -- a real server ------------------------------------------------------------------------------------


class Box:
    """Keeps what arrives; lets in one user."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return "250 queued as 1"

    def let_in(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"due", b"course")
        return AuthResult(success=known, handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate_for_localhost(tmp_path_factory.mktemp("tls"))


@contextmanager
def box(**options: object) -> Iterator[tuple[Box, int]]:
    kept = Box()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(kept, hostname="127.0.0.1", port=port, authenticator=kept.let_in, **options)
    controller.start()
    try:
        yield kept, port
    finally:
        controller.stop()


def test_the_mail_arrives_as_it_was_written() -> None:
    with box() as (kept, port):
        result = send(port, copies=("e@f.example",))
    assert result == Accepted("250 queued as 1")
    (envelope,) = kept.envelopes
    assert envelope.original_content == MAIL
    assert envelope.mail_from == "a@b.example"
    assert envelope.rcpt_tos == ["c@d.example", "e@f.example"]


def over_tls(port: int, trusted: Path | None, password: str = "course") -> SendResult:
    context = ssl.create_default_context(cafile=trusted)
    transport = SmtpTransport("localhost", port, starttls=True, user="due", password=password, tls=context)
    return transport.send("m-1", MAIL, sender="a@b.example", recipients=["c@d.example"], timeout=10)


def test_starttls_and_login(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with box(tls_context=context, require_starttls=True, auth_required=True) as (kept, port):
        assert over_tls(port, certificate) == Accepted("250 queued as 1")
        assert len(kept.envelopes) == 1
        wrong = over_tls(port, certificate, password="wrong")
        assert isinstance(wrong, Refused)
        assert not wrong.permanent
        assert "535" in wrong.reason
        untrusted = over_tls(port, None)
        assert isinstance(untrusted, Refused)
        assert not untrusted.permanent
        assert "certificate verify failed" in untrusted.reason
        plain = send(port)
        assert isinstance(plain, Refused)
        assert not plain.permanent
    assert len(kept.envelopes) == 1


def test_no_mail_goes_in_the_clear_where_tls_was_asked_for(certificate: Path) -> None:
    with box() as (kept, port):
        result = over_tls(port, certificate)
    assert isinstance(result, Refused)
    assert not result.permanent
    assert "STARTTLS" in result.reason
    assert kept.envelopes == []
