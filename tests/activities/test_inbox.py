"""Mail that waits is fetched once, left alone until it is kept, and posted mail is taken from nobody else."""

from __future__ import annotations

import json
import os
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from activities.inbound.inbound_mail import LONGEST_MAIL
from activities.inbound.inbox import ImapSource, Inbox, MaildirSource, Source
from activities.inbound.replies import Replies
from activities.interface import OnDay
from tests.activities.conftest import Office, Post
from tests.activities.test_replies import desk, kept, sent_id, tagged
from tests.inbound import mail
from web.app import create_app
from web.parts import Parts

__all__ = ["desk"]
TOKEN = "a-token-that-nobody-guesses-0123456789"


def poll(office: Office, *sources: Source) -> Any:
    inbox = Inbox(Replies(office.sessions, office.rulebook), sources)
    return office.run(inbox.poll_inbox, OnDay(at=office.now))


def drop(folder: Path, name: str, raw: bytes) -> None:
    for part in ("tmp", "new", "cur"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "new" / name).write_bytes(raw)


# -- Maildir --------------------------------------------------------------------------------------


def test_what_lies_in_the_maildir_is_taken_once(desk: Office, post: Post, tmp_path: Path) -> None:
    assert poll(desk, MaildirSource(tmp_path / "none")).taken == 0
    drop(tmp_path, "1", mail(answers=sent_id(post)))
    drop(tmp_path, "2", b"\xff\x00 no mail at all")
    polled = poll(desk, MaildirSource(tmp_path))
    assert (polled.taken, polled.nudge) == (2, ("INV-1",))
    assert sorted(path.name for path in (tmp_path / "cur").iterdir()) == ["1:2,S", "2:2,S"]
    assert poll(desk, MaildirSource(tmp_path)).taken == 0
    assert desk.kinds() == ["reply", "unmatched_reply"]


def test_a_mail_is_left_where_it_is_until_it_is_kept(
    desk: Office, post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(tmp_path, "1", mail(answers=sent_id(post)))
    with monkeypatch.context() as broken:
        broken.setattr(Replies, "take", lambda *_: (_ for _ in ()).throw(ConnectionError()))
        with pytest.raises(ConnectionError):
            poll(desk, MaildirSource(tmp_path))
    assert (tmp_path / "new" / "1").exists()
    Replies(desk.sessions, desk.rulebook).take(
        mail(answers=sent_id(post)), desk.now
    )  # killed after the commit
    assert poll(desk, MaildirSource(tmp_path)).taken == 1
    assert len(kept(desk)) == 1


def test_only_plain_files_are_read_and_long_ones_not_whole(desk: Office, tmp_path: Path) -> None:
    drop(tmp_path / "box", "9", b"From: a@b.example\nSubject: long\n\n" + b"x" * (LONGEST_MAIL + 999))
    secret = tmp_path / "secret"
    secret.write_text("From: x\n\nsecret")
    (tmp_path / "box" / "new" / "link").symlink_to(secret)
    os.mkfifo(tmp_path / "box" / "new" / "pipe")
    (tmp_path / "box" / "new" / "folder").mkdir()
    assert poll(desk, MaildirSource(tmp_path / "box")).taken == 1
    (row,) = kept(desk)
    assert (row.subject, row.text, len(row.raw)) == ("long", "", 64_000)
    assert row.problem == "it has 10 MB"
    assert "read the mail itself" in desk.tasks("unmatched_reply")[0].why


# -- IMAP -----------------------------------------------------------------------------------------


class _Imap(socketserver.StreamRequestHandler):
    """As much of RFC 3501 as fetching new mail takes."""

    def handle(self) -> None:
        server: Any = self.server
        self.say(b"* OK ready")
        while line := self.rfile.readline():
            tag, command, *rest = line.decode().split()
            words = " ".join([command.upper(), *(word.upper() for word in rest)])
            server.heard.append(words)
            if command.upper() == "LOGIN" and rest != ["collector", '"secret"']:
                words = ""
                self.say(f"{tag} NO wrong password".encode())
                continue
            if words.startswith("CAPABILITY"):
                self.say(b"* CAPABILITY IMAP4rev1")
            elif words.startswith("SELECT"):
                self.say(b"* 2 EXISTS")
            elif words.startswith("UID SEARCH"):
                unseen = " ".join(uid for uid in server.mails if uid not in server.seen)
                self.say(f"* SEARCH {unseen}".rstrip().encode())
            elif words.startswith("UID FETCH") and "SIZE" in words:
                self.say(f"* 1 FETCH (UID {rest[1]} RFC822.SIZE {len(server.mails[rest[1]])})".encode())
            elif words.startswith("UID FETCH"):
                raw = server.mails[rest[1]]
                self.wfile.write(
                    f"* 1 FETCH (UID {rest[1]} BODY[] {{{len(raw)}}}\r\n".encode() + raw + b")\r\n"
                )
            elif words.startswith("UID STORE"):
                server.seen.add(rest[1])
            self.say(f"{tag} OK done".encode())

    def say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")


@pytest.fixture
def imap() -> Iterator[Any]:
    server: Any = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Imap)
    server.mails, server.seen, server.heard = {}, set(), []
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_unseen_mails_are_fetched_and_marked_once_they_are_kept(desk: Office, post: Post, imap: Any) -> None:
    imap.mails = {"7": mail(answers=sent_id(post)), "8": mail("x", sender="x@y.example", mail_id="<8@y>")}
    source = ImapSource("127.0.0.1", "collector", "secret", port=imap.server_address[1], tls=False)
    assert poll(desk, source).taken == 2
    assert imap.seen == {"7", "8"}
    assert [row.raw for row in kept(desk)] == list(imap.mails.values())
    assert poll(desk, source).taken == 0
    assert all("PEEK" in heard for heard in imap.heard if "BODY" in heard), "reading alone marks nothing"


def test_a_server_that_refuses_is_an_error_that_passes(desk: Office, imap: Any) -> None:
    source = ImapSource("127.0.0.1", "collector", "wrong", port=imap.server_address[1], tls=False)
    with pytest.raises(OSError, match="IMAP server refused"):
        poll(desk, source)


# -- Inbound Parse --------------------------------------------------------------------------------


def client(office: Office, nudged: list[str] | None = None, token: str = TOKEN) -> TestClient:
    async def nudge(invoice_id: str) -> None:
        if nudged is None:
            raise ConnectionError
        nudged.append(invoice_id)

    made_of = Parts(
        sessions=office.sessions,
        rulebook=office.rulebook,
        nudge=nudge,
        inbound=SecretStr(token),
        now=lambda: office.now,
    )
    return TestClient(create_app(made_of), raise_server_exceptions=False)


def post_mail(web: TestClient, raw: bytes, *, token: str = TOKEN, **fields: str) -> int:
    """As SendGrid does with the raw mail switched on: fields of a form, no files."""
    files = {"email": (None, raw), **{name: (None, value) for name, value in fields.items()}}
    return int(web.post(f"/webhooks/inbound/{token}", files=files).status_code)


def test_a_posted_mail_is_kept_byte_by_byte_and_wakes_the_case(desk: Office, post: Post) -> None:
    nudged: list[str] = []
    web = client(desk, nudged)
    latin = mail(answers=sent_id(post)).replace(b"Thank you", b"Caf\xe9 \xfc")
    utf8 = mail("Grüße €", answers=sent_id(post), mail_id="<2@x>")
    for raw in (latin, utf8):
        assert post_mail(web, raw, to="accounts@lindenmoor.example", charsets='{"to":"UTF-8"}') == 200
    assert [row.raw for row in kept(desk)] == [latin, utf8]
    assert post_mail(web, latin) == 200
    assert len(kept(desk)) == 2
    assert nudged == ["INV-1", "INV-1"]


def test_the_envelope_counts_as_a_recipient(office: Office, post: Post) -> None:
    tagged(office)
    office.open()
    office.contact()
    envelope = json.dumps({"to": [str(post.mails[0]["Reply-To"])], "from": "x@y.example"})
    raw = mail(sender="x@y.example", to="undisclosed-recipients:;")
    assert post_mail(client(office, []), raw, envelope=envelope) == 200
    assert kept(office)[0].matched_by == "tag"
    for bad in ("[]", "{", '{"to": "x"}', '{"to": [7]}', "[" * 50_000):
        assert post_mail(client(office, []), raw + bad[:20].encode(), envelope=bad) == 200


@pytest.mark.parametrize(
    ("fields", "verified"),
    [
        ({}, False),
        ({"SPF": "pass", "envelope": '{"to": [], "from": "bounce@mail.acme.example"}'}, True),
        ({"SPF": "pass", "envelope": '{"to": [], "from": "bounce@evil.example"}'}, False),
        ({"SPF": "pass", "envelope": '{"to": [], "from": ["ann@acme.example"]}'}, False),
        ({"SPF": "softfail", "dkim": "{@acme.example : pass}"}, True),
        ({"SPF": "fail", "dkim": "none"}, False),
    ],
)
def test_sendgrid_says_whether_a_sender_can_be_believed(
    desk: Office, post: Post, fields: dict[str, str], verified: bool
) -> None:
    """Its own findings count; what the mail carries in the name of a server may be anybody's."""
    forged = "mx.lindenmoor.example; dkim=pass header.d=acme.example"
    raw = mail(answers=sent_id(post), Authentication_Results=forged)
    assert post_mail(client(desk, []), raw, **fields) == 200
    assert kept(desk)[0].sender_verified is verified
    assert ("(unverified sender)" in desk.tasks("reply")[0].why) is not verified


@pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "%00", "\u00fc"])
def test_nobody_else_can_post(desk: Office, token: str) -> None:
    assert post_mail(client(desk, []), mail(), token=token) == 404
    assert kept(desk) == []


def test_without_a_token_there_is_no_such_address_and_a_short_one_is_refused(office: Office) -> None:
    async def nobody(_: str) -> None:
        pass

    app = create_app(Parts(sessions=office.sessions, rulebook=office.rulebook, nudge=nobody))
    assert post_mail(TestClient(app), mail()) == 404
    with pytest.raises(ValueError, match="DUECOURSE_INBOUND_TOKEN is shorter"):
        client(office, [], token="short")


def test_what_is_no_mail_is_refused_and_too_much_is_not_read(desk: Office) -> None:
    web = client(desk, [])
    address = f"/webhooks/inbound/{TOKEN}"
    assert web.post(address, content=b"x", headers={"content-type": "multipart/form-data"}).status_code == 400
    assert web.post(address, data={"text": "only fields"}).status_code == 400
    assert web.post(address, files=[("email", (None, b""))]).status_code == 400
    assert web.post(address, content=b"x" * 32_000_001).status_code == 413
    many = [(f"f{number}", (None, b"x")) for number in range(500)]
    assert web.post(address, files=many).status_code == 400
    assert web.get(address).status_code == 405
    assert kept(desk) == []


def test_what_cannot_be_woken_is_posted_again(desk: Office, post: Post) -> None:
    raw = mail(answers=sent_id(post))
    assert post_mail(client(desk, None), raw) == 503
    assert post_mail(client(desk, []), raw) == 200
    assert len(kept(desk)) == 1
