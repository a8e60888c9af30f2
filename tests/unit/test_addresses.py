"""Several addresses in one field, with names, with domains in any script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.files.addresses import addresses
from domain.wire import email_address


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        (" \t", ()),
        ("ap@acme.example", ("ap@acme.example",)),
        ("ap@acme.example; cfo@acme.example", ("ap@acme.example", "cfo@acme.example")),
        ("ap@acme.example,cfo@acme.example", ("ap@acme.example", "cfo@acme.example")),
        ("ap@acme.example cfo@acme.example\nceo@acme.example;",
         ("ap@acme.example", "cfo@acme.example", "ceo@acme.example")),
        ("AP@Acme.example; ap@acme.example", ("AP@Acme.example",)),
        ("Ann Payne <ann@acme.example>", ("ann@acme.example",)),
        ("Payne, Ann <ann@acme.example>; Roe, Bob <bob@acme.example>", ("ann@acme.example", "bob@acme.example")),
        ('"Payne; Ann" <ann@acme.example>, bob@acme.example', ("ann@acme.example", "bob@acme.example")),
        ('"ann@acme.example" <ap@acme.example>', ("ap@acme.example",)),
        ("ann@acme.example <ap@acme.example>", ("ap@acme.example",)),
        ("ann@acme.example, <ap@acme.example>", ("ann@acme.example", "ap@acme.example")),
        ("ap@acme.example (Ann Payne)", ("ap@acme.example",)),
        ("mailto:ap@acme.example", ("ap@acme.example",)),
        ("'ap@acme.example'", ("ap@acme.example",)),
        ('"ap@acme.example"', ("ap@acme.example",)),
        ("<ap@acme.example>", ("ap@acme.example",)),
        ("rechnung@müller.example", ("rechnung@xn--mller-kva.example",)),
        ("rechnung@MÜLLER.example", ("rechnung@xn--mller-kva.example",)),
        ("rechnung@mu\u0308ller.example", ("rechnung@xn--mller-kva.example",)),
        ("rechnung@xn--mller-kva.example", ("rechnung@xn--mller-kva.example",)),
        ("ap@mail.straße.example", ("ap@mail.xn--strae-oqa.example",)),
        ("ap@пример.испытание", ("ap@xn--e1afmkfd.xn--80akhbyknj4f",)),
        ("Søren Ærø <so@ærø.example>;bob@acme.example", ("so@xn--r-3fa9c.example", "bob@acme.example")),
    ],
)  # fmt: skip
def test_what_a_field_holds(text: str, found: tuple[str, ...]) -> None:
    assert addresses(text) == found


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("n/a", "n/a"),
        ("ap@acme.example; see contract", "see"),
        ("ap@@acme.example", "ap@@acme.example"),
        ("ap@", "ap@"),
        ("Ann <>", "''"),
        ("Ann <ann@acme.example", "<"),
        ("jörg@acme.example", "before the '@'"),
        ("ap@mül ler.example", "ler.example"),
        ("ap@mü_ller.example", "ap@mü_ller.example"),
        ("ap@müller.", "ap@müller."),
        (f"ap@{'ü' * 80}.example", "ap@ü"),
        (f"ap@{'a' * 260}.example", "ap@a"),
        ("ap@acme.example\x00", "ap@acme.example"),
        ("=?utf-8?q?x?=@acme.example", "=?utf-8"),
    ],
)
def test_what_is_no_address_is_named_with_the_fix(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=r"holds .*: (write|ask)") as refused:
        addresses(text)
    assert named in str(refused.value)


@given(st.text())
def test_whatever_is_written_every_address_found_is_one(text: str) -> None:
    try:
        found = addresses(text)
    except ValueError:
        return
    assert all(email_address(each) and len(each) <= 254 for each in found)
