"""Mail addresses as people write them into one field: several at once, with names, with domains in any script."""

from __future__ import annotations

import re
import unicodedata
from itertools import zip_longest

from domain.wire import email_address, shown

#: A name in quotes, an address in brackets, a remark, what parts two addresses, or a word.
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|<(?P<bracketed>[^<>]*)>|(?P<remark>\([^()]*\))|(?P<end>[;,\r\n])|(?P<word>[^\s;,<>"()]+)'
)
_LONGEST = 254
_LONGEST_LABEL = 63
_FIX = "write one such as 'ap@acme.example', several with ';' between them"


def addresses(text: str) -> tuple[str, ...]:
    """The addresses in a field, each once, in their order: `Ann Payne <ann@acme.example>; ap@müller.example`.

    `;`, `,` and blanks part them, names and remarks in parentheses are left out, a domain in another script is
    put in punycode (RFC 3492, nontransitional as UTS 46 has it: `ß` is not `ss`). Raises ValueError naming the
    part that is no address and what to write.
    """
    found: dict[str, str] = {}
    name = ""
    tokens = list(_TOKEN.finditer(text))
    if rest := _TOKEN.sub("", text).strip():
        raise ValueError(f"holds {shown(rest)}, which belongs to no mail address: {_FIX}")
    for token, following in zip_longest(tokens, tokens[1:]):
        told = token[token.lastgroup or ""]
        if token.lastgroup in ("remark", "end"):
            continue
        is_name = "@" not in told or (following is not None and following.lastgroup == "bracketed")
        if is_name and token.lastgroup != "bracketed":
            name = name or told
            continue
        address = _address(told)
        found.setdefault(address.casefold(), address)
        if token.lastgroup == "bracketed":
            name = ""
    if name:
        raise ValueError(f"holds {shown(name)}, which is no mail address: {_FIX}")
    return tuple(found.values())


def _address(told: str) -> str:
    local, at, host = told.strip().strip("'").removeprefix("mailto:").rpartition("@")
    address = f"{local}{at}{_in_punycode(host)}"
    try:
        if len(address) > _LONGEST:
            raise ValueError
        return email_address(address)
    except ValueError:
        if not local.isascii():
            why = "has letters before the '@' that mail cannot carry everywhere: ask for one without them"
        else:
            why = f"is no mail address: {_FIX}"
        raise ValueError(f"holds {shown(told)}, which {why}") from None


def _in_punycode(host: str) -> str:
    """A domain as mail systems know it; what cannot be a domain stays as it is, to be refused."""
    if host.isascii():
        return host
    labels = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", host).lower()).split(".")
    return ".".join(map(_label, labels))


def _label(label: str) -> str:
    if label.isascii() or any(unicodedata.category(char)[0] not in "LMN" and char != "-" for char in label):
        return label
    encoded = f"xn--{label.encode('punycode').decode('ascii')}"
    return encoded if len(encoded) <= _LONGEST_LABEL else label
