"""Who may say that a mail is from whom it says: our own server, in words that no stranger can put into its mouth."""

from __future__ import annotations

import pytest

from activities.inbound.sender_proof import is_vouched, of_headers, of_inbound_parse

OURS = "mx.seller.example"
GOOD = f"{OURS}; dkim=pass (2048-bit key) header.d=acme.example header.i=@acme.example header.b=Qx"


@pytest.mark.parametrize(
    ("spf", "dkim", "mail_from", "domains"),
    [
        ("pass", "none", "bounce@mail.acme.example", {"mail.acme.example"}),
        ("pass", "{@acme.example : pass}", "b@x.example", {"acme.example", "x.example"}),
        ("fail", "{@acme.example : pass, @other.example : fail}", "b@x.example", {"acme.example"}),
        ("softfail", "{@acme.example : fail}", "ann@acme.example", set()),
        ("neutral", "none", "ann@acme.example", set()),
        ("pass", "", "", set()),
        ("pass", "", "<>", set()),
        ("PASS ", "{@ACME.example:pass}", "", {"acme.example"}),
        ("", "{@acme.example : passed}", "", set()),
        ("", "{@localhost : pass}", "ann@localhost", set()),
        ("pass", "", "ann@acme.example evil@x.example", set()),
        ("pass", "@" * 100_000, "@" * 100_000, set()),
    ],
)
def test_what_inbound_parse_tells(spf: str, dkim: str, mail_from: str, domains: set[str]) -> None:
    assert of_inbound_parse(spf, dkim, mail_from) == domains


@pytest.mark.parametrize(
    ("results", "domains"),
    [
        ([GOOD], {"acme.example"}),
        ([f"{OURS} 1; spf=pass smtp.mailfrom=ann@acme.example"], {"acme.example"}),
        ([f"{OURS}; dmarc=pass (p=none) header.from=acme.example; spf=fail smtp.mailfrom=x.example"], {"acme.example"}),
        ([f"{OURS}; dkim=fail header.d=acme.example; spf=none smtp.mailfrom=acme.example"], set()),
        ([f"{OURS}; none"], set()),
        ([f"{OURS}; auth=pass smtp.auth=ann@acme.example"], set()),
        ([GOOD.replace(OURS, "mx.evil.example")], set()),
        ([GOOD.replace(OURS, f"{OURS}.evil.example")], set()),
        (["mx.evil.example; none", GOOD], {"acme.example"}),
        ([f"{OURS}; spf=fail smtp.mailfrom=x.example", GOOD], set()),
        ([f'{OURS}; spf=fail smtp.mailfrom="; dkim=pass header.d=acme.example; "@evil.example'], set()),
        ([f"{OURS}; spf=fail (x; dkim=pass header.d=acme.example) smtp.mailfrom=evil.example"], set()),
        ([f"{OURS}; spf=fail (x\\) ; dkim=pass header.d=acme.example ; (y) smtp.mailfrom=evil.example"], set()),
        ([f"{OURS}; spf=fail smtp.mailfrom=a)@evil.example; dkim=pass header.d=acme.example"], set()),
        ([f"{OURS}; dkim=pass reason=header.d=acme.example header.d=evil.example"], {"evil.example"}),
        (["", ";", ";;;", "=", "(" * 4_000, OURS], set()),
        ([], set()),
    ],
)  # fmt: skip
def test_the_headers_of_our_own_server(results: list[str], domains: set[str]) -> None:
    assert of_headers(results, OURS) == domains
    assert of_headers(results, None) == set(), "nobody is named who may vouch"


@pytest.mark.parametrize(
    ("sender", "domain", "vouched"),
    [
        ("ann@acme.example", "acme.example", True),
        ("ann@acme.example", "mail.acme.example", True),
        ("ann@accounts.acme.example", "acme.example", True),
        ("ann@acme.example", "evil-acme.example", False),
        ("ann@acme.example", "example", False),
        ("ann@acme.example", "acme.example.evil.example", False),
        ("", "acme.example", False),
        ("ann@example", "acme.example", False),
    ],
)
def test_a_finding_counts_for_its_own_domain(sender: str, domain: str, vouched: bool) -> None:
    found = frozenset({domain}) if domain.count(".") else frozenset()
    assert is_vouched(sender, found) is vouched
