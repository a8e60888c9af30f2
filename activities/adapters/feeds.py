"""RSS and Atom feeds, from files or over https: what strangers publish, read with the limits of `xml_file`.

An address is fetched only over https and only from public hosts, redirects included, so that no feed can make
this machine ask another one of its own network; 127.0.0.1 may be named by the operator, never by a redirect.
"""

from __future__ import annotations

import hashlib
import html
import http.client
import ipaddress
import re
import socket
import ssl
import string
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from lxml import etree

from activities.adapters.xml_file import MEGABYTE, NotReadable, parse

#: More than this, or for longer, no feed is read; the newest entries stand first.
LARGEST_FEED = 4 * MEGABYTE
MOST_ENTRIES = 500
FETCH_SECONDS = 20.0
MOST_REDIRECTS = 3
_LONGEST_TITLE, _LONGEST_SUMMARY, _LONGEST_LINK = 300, 2_000, 500
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: What IANA gives out as public addresses of IPv6; outside lie those that carry one of IPv4 (mapped, NAT64), too.
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")

#: Looks a host up; tests put their own in.
Resolver = Callable[[str, int], list[str]]


class FeedUnusable(Exception):
    """A feed that cannot be read; the message says why."""


@dataclass(frozen=True)
class Entry:
    """One entry of a feed; texts are plain, without markup and control characters."""

    entry_id: str
    """What its publisher calls it, else a hash of what it says."""
    title: str
    summary: str
    link: str
    """An http(s) address, or empty."""
    published: str
    """As it is written there."""


def read_feed(data: bytes) -> list[Entry]:
    """The entries of an RSS (0.9x, 1.0, 2.0) or Atom feed. Raises FeedUnusable."""
    if len(data) > LARGEST_FEED:
        raise FeedUnusable(f"has more than {LARGEST_FEED // MEGABYTE} MB")
    try:
        root = parse(data)
    except NotReadable as problem:
        raise FeedUnusable(str(problem)) from None
    kind = etree.QName(root).localname.lower()
    if kind not in ("rss", "rdf", "feed"):
        raise FeedUnusable(f"is neither RSS nor Atom: it begins with <{_plain(kind, 40)}>")
    entries = []
    for element in root.iter("{*}item", "{*}entry"):
        entries.append(_entry(element))
        if len(entries) == MOST_ENTRIES:
            break
    return entries


def _entry(element: etree._Element) -> Entry:
    told: dict[str, str] = {}
    link = ""
    for child in element:
        if not isinstance(child.tag, str):
            continue
        name = etree.QName(child).localname.lower()
        if name == "link":
            address = (child.get("href") or child.text or "").strip()
            if not link and child.get("rel", "alternate") == "alternate":
                link = address
        else:
            told.setdefault(name, "".join(child.itertext()))
    title = _plain(told.get("title", ""), _LONGEST_TITLE)
    summary = _plain(
        told.get("summary") or told.get("description") or told.get("content") or "", _LONGEST_SUMMARY
    )
    link = link if _is_address(link) else ""
    named = (told.get("id") or told.get("guid") or link).strip()
    said = hashlib.sha256((named or f"{title}\n{summary}").encode("utf-8", "replace")).hexdigest()
    published = told.get("published") or told.get("pubdate") or told.get("updated") or told.get("date") or ""
    return Entry(said, title, summary, link, _plain(published, 60))


def _plain(text: str, longest: int) -> str:
    """The text without tags, entities and control characters, cut to a length."""
    text = html.unescape(re.sub(r"<[^<>]*>", " ", text[: 20 * longest]))
    text = re.sub(r"<[^<>]*>", " ", text)  # markup that came as text
    text = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in text)
    return " ".join(text.split())[:longest]


def _is_address(link: str) -> bool:
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and len(link) <= _LONGEST_LINK
        and link.isprintable()
        and " " not in link
    )


# Over the network


def fetch_feed(url: str, *, seconds: float = FETCH_SECONDS, resolve: Resolver | None = None) -> bytes:
    """The body that an address answers with. Raises FeedUnusable."""
    deadline = time.monotonic() + seconds
    address = _checked(url)
    at_home = address.hostname in ("127.0.0.1", "::1", "localhost")
    if address.scheme != "https" and not at_home:
        raise FeedUnusable("does not begin with https://")
    for _ in range(MOST_REDIRECTS + 1):
        try:
            answer = _get(address, deadline, at_home=at_home, resolve=resolve or _resolved)
            if isinstance(answer, bytes):
                return answer
            address, at_home = _checked(urljoin(address.geturl(), answer)), False
        except TimeoutError:
            raise FeedUnusable(f"did not answer within {seconds:.0f} s") from None
        except (OSError, http.client.HTTPException) as problem:
            raise FeedUnusable(f"cannot be fetched: {type(problem).__name__}") from None
        except ValueError:  # of a host that cannot be written as one, of brackets that do not close
            raise FeedUnusable("leads to what is no address") from None
        if address.scheme != "https":
            raise FeedUnusable("is redirected to an address that does not begin with https://")
    raise FeedUnusable(f"is redirected more than {MOST_REDIRECTS} times")


def _checked(url: str) -> SplitResult:
    problem = FeedUnusable("is no address of a feed")
    try:
        address = urlsplit(url)
        if not address.hostname or (address.port is not None and address.port < 1):
            raise problem
    except ValueError:
        raise problem from None
    if not url.isprintable() or " " in url or "@" in address.netloc:
        raise problem
    return address


def _resolved(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


def _is_public(number: str) -> bool:
    """Whether an address is one host of the internet: none of a private network, however it is written."""
    address = ipaddress.ip_address(number)
    if address.version == 6 and (address not in _PUBLIC_6 or address.sixtofour or address.teredo):
        return False
    return address.is_global and not address.is_multicast


def _get(address: SplitResult, deadline: float, *, at_home: bool, resolve: Resolver) -> bytes | str:
    """The body, or where the answer redirects to. Raises TimeoutError at the deadline, ValueError where the host is
    none."""
    host = address.hostname or ""
    port = address.port or (443 if address.scheme == "https" else 80)
    numbers = resolve(host, port)
    if not at_home and not (numbers and all(map(_is_public, numbers))):
        raise FeedUnusable("leads to an address that is not public")
    # To the very address that was checked: a second look-up might find another.
    plain = socket.create_connection((numbers[0], port), timeout=_left(deadline))
    with plain:
        if address.scheme == "https":
            context = ssl.create_default_context()
            plain = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        with plain, _shut_down_at(deadline, plain):
            if isinstance(plain, ssl.SSLSocket):
                plain.do_handshake()
            connection = http.client.HTTPConnection(host, port)
            connection.sock = plain
            path = f"{address.path or '/'}{'?' + address.query if address.query else ''}"
            headers = {
                "Accept": "application/rss+xml, application/atom+xml, application/xml",
                "User-Agent": "Duecourse",
            }
            connection.request("GET", _in_ascii(path), headers=headers)
            answer = connection.getresponse()
            if answer.status in _REDIRECTS:
                return _in_ascii((answer.getheader("Location") or "").encode("latin-1"))
            if answer.status != 200:
                raise FeedUnusable(f"answers {answer.status}")
            return _body(answer)


def _in_ascii(text: str | bytes) -> str:
    """A part of an address with everything outside ASCII percent-encoded."""
    return quote(text, safe=string.printable)


@contextmanager
def _shut_down_at(deadline: float, connection: socket.socket) -> Iterator[None]:
    """Shut the connection down at the deadline, and raise TimeoutError then.

    A time-out of the socket bounds one wait alone: a server that sends a byte now and then, of a handshake, a header
    or a trailer, would never meet it.
    """
    lock = threading.Lock()
    is_over = is_cut = False

    def cut() -> None:
        nonlocal is_cut
        with lock:  # so that no other connection is met that got the same number since
            if not is_over:
                is_cut = True
                # Of the plain socket: that of TLS would go on unencrypted from here on.
                with suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    watch = threading.Timer(_left(deadline), cut)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        with lock:
            is_over = True
        watch.cancel()
        if is_cut:
            raise TimeoutError from None


def _body(answer: http.client.HTTPResponse) -> bytes:
    """All of it, within the size."""
    body = bytearray()
    while piece := answer.read1(64 * 1024):
        body += piece
        if len(body) > LARGEST_FEED:
            raise FeedUnusable(f"has more than {LARGEST_FEED // MEGABYTE} MB")
    return bytes(body)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
