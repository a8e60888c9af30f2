"""Reading strangers' mail: whatever comes is read as far as it goes, quickly, and never raises."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.inbound.inbound_mail import LONGEST_MAIL, LONGEST_TEXT, read_mail, text_of_html
from tests.inbound import bounce, mail

#: Nobody waits longer for one mail, on a busy machine either.
_SECONDS = 8.0


def nested(levels: int) -> bytes:
    """Multiparts in multiparts."""
    head, tail = b"From: a@b.example\nSubject: bomb\n", b""
    for level in range(levels):
        head += f'Content-Type: multipart/mixed; boundary="b{level}"\n\n--b{level}\n'.encode()
        tail = f"\n--b{level}--\n".encode() + tail
    return head + b"Content-Type: text/plain\n\nwe will pay" + b" x" * 100_000 + tail


HOSTILE = {
    "nothing": b"",
    "no head": b"\n\njust words",
    "only a head": b"From: a@b.example",
    "noughts": b"From: a@b.example\nSubject: \0\0\n\n\0we\0will\0pay\0",
    "many parts deep": nested(2_000),
    "some parts deep": nested(40),
    "many parts wide": b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 200_000,
    "mails in mails": b"Content-Type: message/rfc822\n\n" * 3_000 + b"\n\nx",
    "a long head": b"Subject: " + b"x" * 5_000_000 + b"\n\nwords",
    "many heads": b"X-A: b\n" * 200_000 + b"\n\nwords",
    "many references": b"References: " + b"<a@b> " * 200_000 + b"\n\nwords",
    "many recipients": b"To: " + b"a@b.example, " * 200_000 + b"\n\nwords",
    "encoded words": b"Subject: " + b"=?utf-8?q?=00=0a_?= " * 50_000 + b"\n\nwords",
    "brackets": b"From: " + b"(" * 100_000 + b"a@b.example\nTo: " + b"<" * 50_000 + b"\n\nwords",
    "quotes": b'From: "' + b'\\"' * 100_000 + b"<a@b.example>\n\nwords",
    "HTML without end": b"Content-Type: text/html\n\n" + b"<a <b <!-- <![CDATA[ &#" * 100_000,
    "HTML deep": b"Content-Type: text/html\n\n" + b"<div>" * 300_000 + b"we will pay",
    "an endless comment": b"Content-Type: text/html\n\n" + b"<!--" * 200_000,
    "endless references of characters": b"Content-Type: text/html\n\n" + b"&#x10FFFF;&#0;&#xD800;" * 50_000,
    "ten megabytes of dots": b"From: a@b.example\n\n" + b"." * (LONGEST_MAIL - 30),
    "too long": b"From: a@b.example\nSubject: hi\n\n" + b"x" * (LONGEST_MAIL + 1),
    "quotes of quotes": b"From: a@b.example\n\n" + b"> " * 40_000 + b"\n" + b"on x wrote\n" * 40_000,
    "bad base64": b"Content-Transfer-Encoding: base64\nContent-Type: text/plain\n\n%%%not base64%%%\n",
    "bad uuencode": b"Content-Transfer-Encoding: x-uuencode\n\nbegin 644 a\nM" + b"\xff" * 99 + b"\nend\n",
    "no boundary": b"Content-Type: multipart/mixed\n\n--x\n\nwe will pay\n",
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_any_mail_is_read_in_limited_time(raw: bytes) -> None:
    began = time.monotonic()
    read = read_mail(raw)
    assert time.monotonic() - began < _SECONDS
    assert len(read.text) <= LONGEST_TEXT
    assert "\0" not in read.text + read.subject + read.sender_name
    assert len(read.sha256) == len(read.fingerprint) == 32
    assert read.answer in read.text


@pytest.mark.parametrize("name", ["many parts deep", "many parts wide", "too long", "mails in mails"])
def test_what_is_too_much_is_read_by_its_head_alone_and_says_so(name: str) -> None:
    read = read_mail(HOSTILE[name])
    assert read.problem
    assert read.text == ""


@given(st.binary(max_size=4_000))
@settings(max_examples=300)
def test_any_bytes_are_a_mail(raw: bytes) -> None:
    read_mail(raw)


CHARSETS = [
    "utf-8", "UTF8", "iso-8859-1", "windows-1252", "x-unknown", "zip", "rot13", "punycode", "idna", "undefined",
    "unicode_escape", "utf-7", "base64", "'; DROP", "\u00fc", "../../etc/passwd", "a" * 5_000, "", "hex", "utf-16",
]  # fmt: skip


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_charset_that_lies_costs_some_letters_at_most(charset: str) -> None:
    raw = (
        f'From: a@b.example\nContent-Type: text/plain; charset="{charset}"\n\n'.encode()
        + b"We will pay \xe9\xff"
    )
    text = read_mail(raw).text
    assert "We will pay" in text or charset == "utf-16"


def test_a_header_is_read_as_one_line_without_tricks() -> None:
    raw = mail("x", subject="a").replace(
        b"Subject: a", b"Subject: =?utf-8?q?hi=0ABcc=3A_x=40evil=00=E2=80=AE?=\n =?iso-8859-1?q?_=FCber?="
    )
    assert read_mail(raw).subject == "hi\nBcc: x@evil über"


def test_html_is_read_without_its_scripts_and_styles() -> None:
    html = (
        "<html><head><title>t</title><style>p{}</style></head><body><p>We will <b>pay</b>&nbsp;on&#32;18&#46;</p>"
        "<script>alert('we will pay never')</script><div onclick=x>Ann</div><blockquote>old</blockquote></body></html>"
    )
    assert [line for line in text_of_html(html).splitlines() if line.strip()] == [
        "We will pay\xa0on 18.",
        "Ann",
        "> old",
    ]
    only = mail("", html=html).replace(b"text/plain", b"application/x")
    assert "We will pay" in read_mail(only).answer


@pytest.mark.parametrize(
    "quoted",
    [
        "On Tue, Dec 8, 2026 at 10:00 AM Accounts <a@b.example> wrote:\n> Please pay",
        "Am 08.12.2026 um 10:00 schrieb Accounts:\n> Bitte zahlen",
        "Le mar. 8 déc. 2026 à 10:00, Accounts a écrit :\n> Merci",
        "El mar, 8 dic 2026 a las 10:00, Accounts escribió:\n> Gracias",
        "Em ter., 8 de dez. de 2026, Accounts escreveu:\n> Obrigado",
        "-----Original Message-----\nFrom: Accounts",
        "-----Ursprüngliche Nachricht-----\nVon: Accounts",
        "________________________________\nVon: Accounts <a@b.example>\nGesendet: Dienstag",
        "From: Accounts <a@b.example>\nSent: Tuesday",
    ],
)
def test_what_is_quoted_is_not_the_answer(quoted: str) -> None:
    assert read_mail(mail(f"We look into it.\n\nAnn\n\n{quoted}\nWe will pay on 1 May.")).answer == (
        "We look into it.\n\nAnn"
    )


def test_an_answer_below_the_quotation_is_read_whole() -> None:
    assert "We have paid." in read_mail(mail("> Please pay\n\nWe have paid.")).answer


def test_attachments_are_named_and_not_read() -> None:
    raw = (
        b"From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n"
        b'Content-Disposition: attachment; filename="../../we will pay\x07.txt"\n\nwe will pay never\n'
        b"--b\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\n"
        + base64.b64encode(b"Hello")
        + b"\n--b--\n"
    )
    read = read_mail(raw)
    assert read.text == "Hello"
    assert read.attachments == ("../../we will pay.txt",)


def test_a_delivery_report_names_the_mail_and_the_recipient() -> None:
    read = read_mail(bounce("<M-0123456789abcdef@lindenmoor.example>", "ann@acme.example"))
    (told,) = read.bounces
    assert (told.original_id, told.recipient) == ("M-0123456789abcdef@lindenmoor.example", "ann@acme.example")
    assert (told.action, told.status) == ("failed", "5.1.1")
    assert "no such user" in told.reason
    assert read.is_report
    assert read.automatic


def test_a_read_receipt_is_a_machines_and_no_delivery_report() -> None:
    raw = bounce("<M-0123456789abcdef@lindenmoor.example>").replace(
        b"delivery-status;", b"disposition-notification;"
    )
    read = read_mail(raw)
    assert (read.automatic, read.is_report, read.bounces) == (True, False, ())
