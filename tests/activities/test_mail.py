"""A mail holds exactly the headers we set, reads as what we wrote, and is the same bytes every time."""

import random
import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from activities.writing.mail import Attachment, UnsafeHeader, build_mail
from activities.writing.words import Words, write_notice
from domain.seller import Seller
from domain.vocabulary import Note, Step
from tests.letters import invoice, notice, seller

AT = datetime(2026, 12, 8, 14, 5, tzinfo=UTC)
ANN = {"contact_id": "ann", "name": "Ann Payne", "email": "ann@acme.example"}
PDF = Attachment("statement-2026-12-08.pdf", "application/pdf", b"%PDF-1.7 \x00\xff" * 99)
HEADERS = [
    "From", "To", "Cc", "Reply-To", "Date", "Message-ID", "Subject", "X-Duecourse-Message", "X-Duecourse-Items",
    "MIME-Version", "Content-Type",
]  # fmt: skip
EVIL = [
    "Ann\r\nBcc: x@evil.example",
    "Ann\nBcc: x@evil.example",
    "Ann\rBcc: x@evil.example",
    "Ann\x00",
    "Ann\x1b[2J",
    "Ann\x85Bcc: x",
    "Ann\u2028Bcc: x",
    "=?utf-8?q?hi=0ABcc:_x@evil.example?=",
    "Ann =?utf-8?b?eA==?= Payne",
    "Ann \ud800",
]


def mail(to: Any = (ANN,), subject: str | None = None, **more: Any) -> bytes:
    facts = notice(Step.OVERDUE, items=[invoice(step=Step.OVERDUE), invoice("INV-2", -3, asked=None)])
    words = write_notice(facts)
    if subject is not None:
        words = Words(subject, words.text, words.html)
    return build_mail(facts, words, **{"to": to, "at": AT, **more})


def parsed(mail: bytes) -> EmailMessage:
    message = message_from_bytes(mail, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_headers_and_parts() -> None:
    cc = [{"name": "Zoë, née “Q” Smith", "email": "zoe@acme.example"}, {"email": "sam@lindenmoor.example"}]
    raw = mail(cc=cc, attachments=[PDF])
    message = parsed(raw)
    assert message.keys() == HEADERS
    assert message["From"] == "Lindenmoor Studio Accounts <accounts@lindenmoor.example>"
    assert message["To"] == "Ann Payne <ann@acme.example>"
    assert [a.addr_spec for a in message["Cc"].addresses] == ["zoe@acme.example", "sam@lindenmoor.example"]
    assert message["Cc"].addresses[0].display_name == "Zoë, née “Q” Smith"
    assert message["Date"].datetime == AT
    assert message["Message-ID"] == "<m-1@lindenmoor.example>"
    assert message["Subject"] == "Overdue: invoice INV-1001, $1,250.00, due since December 1, 2026"
    assert message["X-Duecourse-Message"] == "m-1"
    assert message["X-Duecourse-Items"] == "INV-1001=overdue/0"
    text, html, paper = (part for part in message.walk() if not part.is_multipart())
    assert text.get_content_type() == "text/plain"
    assert "Please pay $1,250.00" in text.get_content()
    assert html.get_content_type() == "text/html"
    assert "<strong>Please pay $1,250.00" in html.get_content()
    assert paper.get_filename() == PDF.name
    assert paper.get_content() == PDF.body
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_the_text_can_be_read_as_it_lies_on_disk() -> None:
    assert b"\r\nPlease pay $1,250.00 now, or reply in the next few days" in mail()


def test_equal_input_gives_equal_bytes() -> None:
    assert mail(attachments=[PDF]) == mail(attachments=[PDF])


def test_what_programs_read_stays_on_one_line() -> None:
    items = [
        invoice(f"INV-{n}", 40 - n, step=Step.OVERDUE_2 if n % 2 else Step.OVERDUE, cycle=n)
        for n in range(15)
    ]
    facts = notice(Step.OVERDUE_2, items=items)
    raw = build_mail(facts, write_notice(facts), to=[ANN], at=AT).decode()
    line = re.search(r"^X-Duecourse-Items: (.*)$", raw, re.MULTILINE)
    assert line is not None
    assert line[1].strip() == ", ".join(f"{i.number}={i.step}/{i.cycle}" for i in items)


def test_a_hundred_items_fold_and_read_back() -> None:
    items = [invoice(f"{'N' * 58}-{n:03}", 40, step=Step.OVERDUE) for n in range(100)]
    facts = notice(Step.OVERDUE, items=items)
    raw = build_mail(facts, write_notice(facts), to=[ANN], at=AT)
    assert parsed(raw)["X-Duecourse-Items"] == ", ".join(f"{i.number}=overdue/0" for i in items)
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_notes_carry_their_kind_and_staff_mail_no_items() -> None:
    facts = notice(Note.PROMISE_CONFIRMED)
    raw = build_mail(facts, write_notice(facts), to=[ANN], at=AT)
    assert parsed(raw)["X-Duecourse-Items"] == "INV-1001=promise_confirmed/0"
    facts = notice(Step.AM_ALERT, items=[invoice(step=Step.AM_ALERT)])
    assert "X-Duecourse-Items" not in parsed(build_mail(facts, write_notice(facts), to=[ANN], at=AT))


@pytest.mark.parametrize("evil", EVIL)
def test_a_name_or_subject_that_could_break_out_is_refused(evil: str) -> None:
    for bad in ({"to": [ANN | {"name": evil}]}, {"cc": [ANN | {"name": evil}]}, {"subject": evil}):
        with pytest.raises(UnsafeHeader) as refused:
            mail(**bad)
        assert "evil" not in str(refused.value)


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ann",
        "a@b@c.example",
        "ann@acme.example\r\nBcc: x",
        "Ann <ann@acme.example>",
        "ann@äcme.example",
        "a b@c.d",
    ],
)
def test_an_address_that_is_none_is_refused(email: str) -> None:
    with pytest.raises(UnsafeHeader, match="to is not a mail address"):
        mail(to=[{"email": email}])


def test_ids_and_file_names_are_refused_where_they_do_not_fit() -> None:
    with pytest.raises(UnsafeHeader, match="attachment"):
        mail(attachments=[Attachment('x".pdf\r\nBcc: x', "application/pdf", b"")])
    facts = notice(Step.OVERDUE, message_id="m 1")
    with pytest.raises(UnsafeHeader, match="message_id"):
        build_mail(facts, write_notice(facts), to=[ANN], at=AT)


def test_a_hostile_contact_cannot_add_a_header() -> None:
    """Whatever is let through reads back as one name in one header (CVE-2024-6923 and its kin)."""
    chance = random.Random(6923)
    letters = "abc DEF,.;:()<>@\"'\\ äöüß 山田太郎 😀é—“”=?_ %\u200b"
    built = 0
    for _ in range(300):
        name = " ".join("".join(chance.choice(letters) for _ in range(chance.randint(1, 90))).split())
        try:
            raw = mail(to=[ANN | {"name": name}], subject=name or "x")
        except UnsafeHeader:
            assert "=?" in name
            continue
        built += 1
        message = parsed(raw)
        assert message.keys() == [header for header in HEADERS if header != "Cc"]
        assert [address.addr_spec for address in message["To"].addresses] == ["ann@acme.example"]
        read = message["To"].addresses[0].display_name
        assert "".join(read.split()) == "".join(name.split())
        assert "".join(message["Subject"].split()) == "".join((name or "x").split())
    assert built > 200


# -- one conversation for each case ----------------------------------------------------------------


def test_a_thread_is_named_from_its_beginning() -> None:
    first = parsed(mail())
    assert (first["In-Reply-To"], first["References"]) == (None, None)
    thread = [f"M-{number:016x}" for number in range(30)]
    later = parsed(mail(thread=thread))
    assert later["In-Reply-To"] == f"<{thread[-1]}@lindenmoor.example>"
    named = str(later["References"]).split()
    assert named == [f"<{each}@lindenmoor.example>" for each in (thread[0], *thread[-9:])]


def test_each_case_has_an_address_for_answers_where_the_mailbox_takes_tags() -> None:
    tagged = seller().model_copy(update={"reply_tags": True})
    long = tagged.model_copy(update={"reply_to": f"{'a' * 60}@lindenmoor.example"})

    def reply_to(by: Seller, *thread: str) -> str:
        facts = notice(Step.DUE, seller=by, message_id="M-0123456789abcdef")
        return str(parsed(build_mail(facts, write_notice(facts), to=[ANN], at=AT, thread=thread))["Reply-To"])

    assert reply_to(seller()) == "accounts@lindenmoor.example"
    assert reply_to(tagged) == "accounts+0123456789abcdef@lindenmoor.example"
    assert reply_to(tagged, "M-aaaa", "M-bbbb") == "accounts+aaaa@lindenmoor.example"
    assert reply_to(long) == long.reply_to, "no local part above 64 characters"
