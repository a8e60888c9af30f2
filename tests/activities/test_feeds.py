"""Feeds of strangers: read with limits, fetched only from where the operator said, proposed once."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from activities.adapters.feeds import LARGEST_FEED, MOST_ENTRIES, FeedUnusable, fetch_feed, read_feed
from activities.inbound.feed_notes import PROPOSED, UNREADABLE, FeedWatch, Proposal, propose
from activities.interface import FeedsRead, OnDay
from domain.behaviour.names import Names
from store import worklist
from store.customers import lock
from store.database import create_engine, session_factory
from store.schema import TaskRow, TaskState
from tests.certificates import certificate_for_localhost

RSS = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>Courts</title>
<item><title>Nordvik A/S &lt;b&gt;insolvent&lt;/b&gt;</title><link>https://news.example/1</link>
<description>&lt;p&gt;The court of Oslo says so.&lt;/p&gt;</description><guid>n-1</guid>
<pubDate>Mon, 07 Dec 2026 10:00:00 GMT</pubDate></item>
<item><title>Weather</title><link>javascript:alert(1)</link></item></channel></rss>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title><entry><id>tag:x,2026:1</id>
<title>Nordvik A/S insolvent</title><link rel="self" href="https://news.example/self"/>
<link href="https://news.example/a"/><summary type="html">A &amp;lt;i&amp;gt;court&amp;lt;/i&amp;gt; says so.</summary>
<updated>2026-12-07T10:00:00Z</updated></entry></feed>"""
RDF = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">
<item><title>Nordvik</title><link>https://news.example/r</link><description>Closed.</description></item></rdf:RDF>"""


def test_rss_and_atom_are_read_as_plain_text() -> None:
    first, second = read_feed(RSS)
    assert (first.title, first.summary, first.link) == (
        "Nordvik A/S insolvent",
        "The court of Oslo says so.",
        "https://news.example/1",
    )
    assert first.published.startswith("Mon, 07 Dec 2026")
    assert second.link == ""
    (atom,) = read_feed(ATOM)
    assert (atom.title, atom.link, atom.summary) == (
        "Nordvik A/S insolvent",
        "https://news.example/a",
        "A court says so.",
    )
    (rdf,) = read_feed(RDF)
    assert (rdf.title, rdf.link) == ("Nordvik", "https://news.example/r")
    assert len({first.entry_id, second.entry_id, atom.entry_id, rdf.entry_id}) == 4


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "well-formed"),
        (b"<html><body/></html>", "neither RSS nor Atom"),
        (b'<!DOCTYPE rss [<!ENTITY a "b">]><rss><item><title>&a;</title></item></rss>', "document type"),
        (b'<!DOCTYPE rss SYSTEM "file:///etc/passwd"><rss/>', "document type"),
        (b"<rss>" + b"x" * LARGEST_FEED, "more than 4 MB"),
        (b"<a>" * 3_000, "well-formed"),
    ],
)
def test_what_is_no_feed_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(FeedUnusable, match=reason):
        read_feed(data)


def test_a_long_feed_is_cut_and_a_hostile_one_is_only_text() -> None:
    items = b"".join(b"<item><title>%d</title></item>" % number for number in range(MOST_ENTRIES + 9))
    assert len(read_feed(b"<rss><channel>" + items + b"</channel></rss>")) == MOST_ENTRIES
    hostile = "<rss><item><title>{{7*7}} \u202e\u0085=cmd|' " + "&lt;" * 60_000 + "</title></item></rss>"
    (entry,) = read_feed(hostile.encode())
    assert entry.title.startswith("{{7*7}} =cmd|'")
    assert len(entry.title) <= 300


# Fetching


Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextmanager
def served(answer: Answer, certificate: Path | None = None) -> Iterator[str]:
    """A server on the loopback, over TLS where there is a certificate for `localhost`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        host = "http://127.0.0.1" if certificate is None else "https://localhost"
        yield f"{host}:{server.server_port}/feed.xml?a=1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def says(body: bytes, status: int = 200, **headers: str) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def test_a_feed_is_fetched() -> None:
    asked: list[tuple[str, str | None]] = []

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        asked.append((handler.path, handler.headers["Host"]))
        says(RSS)(handler)

    with served(answer) as url:
        assert fetch_feed(url) == RSS
        assert asked == [("/feed.xml?a=1", url.split("/")[2])]


def test_over_tls_the_certificate_must_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = certificate_for_localhost(tmp_path)
    with served(says(RSS), certificate) as url:
        with pytest.raises(FeedUnusable, match="SSLCertVerificationError"):
            fetch_feed(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert fetch_feed(url) == RSS
        with pytest.raises(FeedUnusable, match="SSLCertVerificationError"):
            fetch_feed(url.replace("localhost", "127.0.0.1"))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (says(b"", 404), "answers 404"),
        (says(b"x" * (LARGEST_FEED + 1)), "more than 4 MB"),
        (says(b"", 302, Location="/elsewhere"), "does not begin with https"),
        (says(b"", 302, Location="http://169.254.169.254/latest"), "does not begin with https"),
        (says(b"", 302, Location="https://127.0.0.1:1/"), "not public"),
        (says(b"", 301, Location="https://[::1]/"), "not public"),
        (says(b"", 301, Location="https://169.254.169.254/"), "not public"),
        (says(b"", 301, Location="https://10.1.2.3/"), "not public"),
        (says(b"", 301, Location="https://[::ffff:10.1.2.3]/"), "not public"),
        (says(b"", 302, Location="file:///etc/passwd"), "no address of a feed"),
        (says(b"", 302, Location="//[x"), "no address"),
        (says(b"", 302, Location="https://.example.com/"), "no address"),
        (says(b"", 302, Location=f"https://{'a' * 64}.example/"), "no address"),
        (
            says(b"", 302, Location="https://exa\u2100mple.com/".encode().decode("latin-1")),
            "cannot be fetched|no address",
        ),
        (says(b"", 302), "does not begin with https"),
    ],
)
def test_what_answers_otherwise_is_refused(answer: Answer, reason: str) -> None:
    with served(answer) as url, pytest.raises(FeedUnusable, match=reason):
        fetch_feed(url)


@contextmanager
def dripping(beginning: bytes, piece: bytes, scheme: str) -> Iterator[str]:
    """A server that sends a piece every twentieth of a second; after eight seconds it ends."""
    over = threading.Event()

    def drip() -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.sendall(beginning)
            for _ in range(160):
                if over.wait(0.05):
                    return
                connection.sendall(piece)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        yield f"{scheme}://127.0.0.1:{server.getsockname()[1]}/"
        over.set()
        thread.join()


@pytest.mark.parametrize(
    ("beginning", "piece", "scheme"),
    [
        pytest.param(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb", b"\x03", "https", id="handshake"),
        pytest.param(b"", b"H", "http", id="status"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", "http", id="continue"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: ", b"x", "http", id="header"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", b" ", "http", id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x", "http", id="chunk"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"x", "http", id="trailer"
        ),
    ],
)
def test_a_feed_that_drips_is_given_up(beginning: bytes, piece: bytes, scheme: str) -> None:
    began = time.monotonic()
    with (
        dripping(beginning, piece, scheme) as url,
        pytest.raises(FeedUnusable, match="did not answer within"),
    ):
        fetch_feed(url, seconds=0.5)
    assert time.monotonic() - began < 6


def test_a_feed_that_drips_over_tls_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = certificate_for_localhost(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    over = threading.Event()

    def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.flush_headers()
        for _ in range(160):
            if over.wait(0.05):
                return
            handler.wfile.write(b"x")

    began = time.monotonic()
    with served(drip, certificate) as url:
        with pytest.raises(FeedUnusable, match="did not answer within"):
            fetch_feed(url, seconds=1)
        over.set()
    assert time.monotonic() - began < 7


def test_an_address_outside_ascii_is_asked_for_percent_encoded() -> None:
    asked: list[str] = []

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        says(RSS)(handler)

    with served(answer) as url:
        assert fetch_feed(url.replace("/feed.xml", "/f\u00e9/%20")) == RSS
    assert asked == ["/f%C3%A9/%20?a=1"]


@pytest.mark.parametrize(
    "url",
    [
        "http://news.example/feed",
        "ftp://news.example/",
        "https://",
        "https://user:pw@news.example/",
        "https://a b/",
    ],
)
def test_only_https_is_fetched(url: str) -> None:
    with pytest.raises(FeedUnusable):
        fetch_feed(url, resolve=lambda host, port: ["93.184.216.34"])


def test_a_host_that_leads_into_the_own_network_is_not_asked() -> None:
    for numbers in (["10.0.0.7"], ["93.184.216.34", "127.0.0.1"], []):
        with pytest.raises(FeedUnusable, match="not public"):
            fetch_feed("https://news.example/", resolve=lambda host, port, found=numbers: found)  # type: ignore[misc]


@pytest.mark.parametrize(
    "number",
    [
        "64:ff9b::a00:1",
        "64:ff9b:1::a00:1",
        "2002:a00:1::",
        "2001:0:a00:1::1",
        "::10.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0:10.0.0.1",
        "fec0::1",
        "fd00::1",
        "fe80::1%lo",
        "ff0e::1",
        "224.0.0.251",
        "239.255.255.250",
        "100.64.0.1",
        "no number",
    ],
)
def test_an_address_that_is_private_in_disguise_is_not_asked(number: str) -> None:
    with pytest.raises(FeedUnusable, match=r"not public|no address"):
        fetch_feed("https://news.example/", seconds=1, resolve=lambda host, port: [number])


# Proposing

AT = datetime(2026, 12, 7, 12, tzinfo=UTC)


def test_an_entry_is_proposed_once_whatever_was_decided(database: str) -> None:
    sessions = session_factory(create_engine(database))
    with sessions.begin() as session:
        lock(session, "C-3")
    names = Names({"C-3": ["Nordvik A/S"]})
    with sessions.begin() as session:
        (item,) = propose(session, names, read_feed(RSS), AT)
        assert propose(session, names, read_feed(RSS), AT) == []
    with sessions.begin() as session:
        task = session.get_one(TaskRow, item)
        assert (task.kind, task.customer_id, task.invoices) == (PROPOSED, "C-3", [])
        proposal = Proposal.of(task)
        assert (proposal.text, proposal.link) == ("Nordvik A/S insolvent", "https://news.example/1")
        assert "https://news.example/1" in task.why
        worklist.close_task(session, item, at=AT, by="Kim", outcome="dismissed", state=TaskState.CANCELLED)
    with sessions.begin() as session:
        assert propose(session, names, read_feed(RSS), AT) == []
        assert propose(session, names, read_feed(ATOM), AT) != []
        assert len(session.scalars(select(TaskRow)).all()) == 2


def test_one_feed_that_cannot_be_read_keeps_no_other_from_being_read(database: str, tmp_path: Path) -> None:
    sessions = session_factory(create_engine(database))
    (tmp_path / "news.xml").write_bytes(RSS)
    watch = FeedWatch(
        sessions, ("http://news.example/", str(tmp_path / "absent"), str(tmp_path / "news.xml"))
    )
    for _ in range(2):
        assert watch.read_feeds(OnDay(at=AT)) == FeedsRead(entries=2, proposed=0, failed=2)
    with sessions() as session:
        listed = worklist.list_open(session, kind=UNREADABLE)
        assert sorted(task.why.partition(" ")[2] for task in listed) == [
            "cannot be opened: No such file or directory",
            "does not begin with https://",
        ]
