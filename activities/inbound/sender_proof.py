"""Whether a mail is from whom it says it is: what a server of ours found out about it (SPF, DKIM, DMARC).

What a mail says of itself counts for nothing. A finding counts for the domain it is about, and for a sender of that
domain, of one above or below it (relaxed alignment, RFC 7489 section 3.1, without a list of public suffixes: nobody
sends from one).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

#: The domains that somebody vouched for.
Vouched = frozenset[str]
NOBODY: Vouched = frozenset()

_DOMAIN = r"((?:[a-z0-9_-]{1,63}\.)+[a-z0-9-]{2,63})"
_PARSE_DKIM = re.compile(rf"@{_DOMAIN}\s*:\s*pass(?![a-z])", re.ASCII)
_AT_DOMAIN = re.compile(rf"(?:[^@\s<>]*@)?{_DOMAIN}", re.ASCII)
_COMMENT = re.compile(r"\([^()]*\)")
#: By which property a method names the domain that it found good (RFC 8601 section 2.7).
_NAMED_BY = {"dkim": "header.d", "spf": "smtp.mailfrom", "dmarc": "header.from"}
_LONGEST = 4_000


def of_inbound_parse(spf: str, dkim: str, mail_from: str) -> Vouched:
    """What SendGrid's Inbound Parse posts beside a mail: `SPF` (about the envelope's sender) as `pass`, and `dkim`
    as `{@acme.example : pass}`."""
    found = set(_PARSE_DKIM.findall(dkim[:_LONGEST].lower()))
    domain = _AT_DOMAIN.fullmatch(mail_from.strip().lower()) if spf.strip().lower() == "pass" else None
    if domain is not None:
        found.add(domain[1])
    return frozenset(found)


def of_headers(results: Iterable[str], authserv_id: str | None) -> Vouched:
    """What the `Authentication-Results` (RFC 8601) of the server named `authserv_id` say; without one, nothing:
    anybody can write such a header.

    Only the topmost one counts, and none that holds anything quoted: a sender's address may be quoted, and could
    hold results of its own making.
    """
    if authserv_id is None:
        return NOBODY
    for told in results:
        plain = told[:_LONGEST].lower()
        while plain != (without := _COMMENT.sub(" ", plain)):
            plain = without
        server, *methods = plain.split(";")
        if server.split()[:1] != [authserv_id.lower()]:
            continue
        if any(sign in told for sign in '"\\') or any(sign in plain for sign in "()"):
            return NOBODY
        return frozenset(domain for method in methods for domain in _passed(method))
    return NOBODY


def is_vouched(sender: str, vouched: Vouched) -> bool:
    """Whether a sender's address is of a domain that somebody vouched for."""
    domain = sender.rpartition("@")[2].lower()
    if "." not in domain:
        return False
    return any(
        domain == each or domain.endswith(f".{each}") or each.endswith(f".{domain}") for each in vouched
    )


def _passed(method: str) -> list[str]:
    words = method.split()
    name, _, result = words[0].partition("=") if words else ("", "", "")
    if result != "pass" or name not in _NAMED_BY:
        return []
    values = [
        value for key, _, value in (word.partition("=") for word in words[1:]) if key == _NAMED_BY[name]
    ]
    found = [_AT_DOMAIN.fullmatch(value) for value in values[:1]]
    return [domain[1] for domain in found if domain is not None]
