"""What customers answer: confirmed word for word, taken once, told to the workflow, and noted in writing."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from domain.calendar import Calendar
from store import audit
from store.schema import AuditRow, AuditTextRow, CustomerRow, MessageState, TaskState, UploadRow
from tests import clock
from tests.portal.conftest import House, Visitor, sealed_in, seen
from tests.premises import case_of, eventually, failed_tasks, noon_zone, today_in

PDF = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


def today() -> date:
    return today_in(noon_zone())


async def answers_of(house: House, invoice_id: str, what: str) -> list[dict[str, Any]]:
    """What the workflow answers of one kind, once it has heard that a fact was recorded: a moment after the commit."""
    for _ in range(600):
        summary = await case_of(house.premises.handle(invoice_id))
        if summary[what]:
            break
        await asyncio.sleep(0.05)
    found: list[dict[str, Any]] = summary[what]
    return found


async def test_a_promise_pauses_and_is_confirmed_by_mail(house: House, visitor: Visitor) -> None:
    invoice_id = await house.bill()
    url = house.link(invoice_id)
    day = today() + timedelta(days=7)

    form = await visitor.get(f"{url}/promise?invoice={invoice_id}")
    assert "At the latest" in seen(form.text)
    review = await visitor.post(f"{url}/promise", {"invoice": invoice_id, "only": "1", "day": str(day)})
    said = seen(review.text)
    assert "We will pay Invoice" in said
    assert house.answers(invoice_id) == [], "a review takes nothing down"
    page = await visitor.confirm(review)
    assert "Thank you, we have noted it" in seen(page.text)
    assert page.url.path.startswith(f"{url.removeprefix(house.url)}/answer/A-")

    summary = await case_of(house.premises.handle(invoice_id))
    (promise,) = summary["promises"]
    assert (promise["pay_by"], promise["state"]) == (str(day), "open")
    assert "promised by" in seen((await visitor.get(url)).text)
    await eventually(lambda: house.mails(invoice_id))
    (mail,) = house.mails(invoice_id)
    assert str(mail["X-Duecourse-Items"]) == f"{invoice_id}=promise_confirmed/0"


async def test_what_was_confirmed_is_logged_with_link_address_and_exact_text(
    house: House, visitor: Visitor
) -> None:
    invoice_id = await house.bill()
    url = house.link(invoice_id)
    day = str(today() + timedelta(days=3))
    review = await visitor.post(f"{url}/promise", {"invoice": invoice_id, "day": day})
    shown = re.search(r'<div class="said">(.*?)</div>', review.text, re.DOTALL)
    assert shown is not None
    await visitor.confirm(review)

    (answer,) = house.answers(invoice_id)
    link_id = url.rsplit("/", 1)[-1].split(".")[0]
    assert (answer.link_id, answer.address, answer.outcome) == (link_id, "127.0.0.1", {invoice_id: None})
    assert answer.said["text"].startswith(shown[1])
    (event,) = [e for e in house.premises.account_events(answer.customer_id) if e.kind == "portal_answer"]
    assert (event.payload["address"], event.payload["text"]) == ("127.0.0.1", answer.said["text"])
    with house.premises.sessions() as session:
        kinds = session.scalars(
            sa.select(AuditRow.kind)
            .where(AuditRow.customer_id == answer.customer_id, AuditRow.kind.startswith("portal"))
            .order_by(AuditRow.seq)
        ).all()
        kept = session.scalars(sa.select(AuditTextRow.body).where(AuditTextRow.body.contains(link_id))).all()
        assert audit.verify(session) == []
    assert kinds == ["portal_answer", "portal_answer_done"]
    assert shown[1] in kept[0]


async def test_pressing_twice_and_replaying_is_one_answer(house: House, visitor: Visitor) -> None:
    invoice_id = await house.bill()
    url = house.link(invoice_id)
    day = str(today() + timedelta(days=3))
    review = await visitor.post(f"{url}/promise", {"invoice": invoice_id, "day": day})
    action, sealed = sealed_in(review.text)
    target = str(review.url.join(action))
    twice = await asyncio.gather(*(visitor.post(target, {"sealed": sealed}) for _ in range(4)))
    assert {page.status_code for page in twice} == {200}
    assert (await visitor.post(target, {"sealed": sealed})).status_code == 200
    assert len(house.answers(invoice_id)) == 1
    assert len(house.premises.events(invoice_id, "promise_made")) == 1
    assert len((await case_of(house.premises.handle(invoice_id)))["promises"]) == 1


async def test_scanners_and_forgers_change_nothing(house: House, visitor: Visitor) -> None:
    """GET, HEAD and POST without what we sealed for this very link."""
    own, other = await house.bill(), await house.bill()
    url, foreign = house.link(own), house.link(other)
    day = str(today() + timedelta(days=3))
    before = {i: getattr(house.premises.case(i), "revision", None) for i in (own, other)}
    for path in ("paid", "promise", "dispute", "received", "question", "copy", "preferences", "contact"):
        await visitor.get(f"{url}/{path}")
        await visitor.client.head(f"{url}/{path}")
        await visitor.post(f"{url}/{path}", {"invoice": own, "day": day, "answer": "yes", "note": "x"})
        await visitor.post(f"{url}/{path}", {})
    for data in ({}, {"sealed": ""}, {"sealed": "abc.def.ghi"}, {"sealed": "x" * 5000}):
        assert (await visitor.post(f"{url}/confirm", data)).status_code == 422
    assert (await visitor.client.get(f"{url}/confirm")).status_code == 404
    review = await visitor.post(f"{url}/promise", {"invoice": own, "day": day})
    _, sealed = sealed_in(review.text)
    assert (await visitor.post(f"{foreign}/confirm", {"sealed": sealed})).status_code == 422, "another link's"
    altered = sealed[:20] + ("A" if sealed[20] != "A" else "B") + sealed[21:]
    assert (await visitor.post(f"{url}/confirm", {"sealed": altered})).status_code == 422
    assert (await visitor.post(f"{url}/promise", {"invoice": other, "day": day})).status_code == 404
    assert before == {i: getattr(house.premises.case(i), "revision", None) for i in (own, other)}
    assert house.answers(own) == house.answers(other) == []


async def test_refusals_come_in_the_customers_words(house: House, visitor: Visitor) -> None:
    invoice_id = await house.bill(customer={"locale": "de-DE", "country": "DE"})
    url = house.link(invoice_id)
    late = str(today() + timedelta(days=90))
    page = await visitor.post(f"{url}/promise", {"invoice": invoice_id, "day": late})
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert "PromiseTooLate" not in page.text
    for wrong in ("", "yesterday", "2026-13-99", "x" * 400):
        assert (
            await visitor.post(f"{url}/promise", {"invoice": invoice_id, "day": wrong})
        ).status_code == 422
    # As Germans write it, where a browser has no field for dates.
    plain = (today() + timedelta(days=3)).strftime("%d.%m.%y")
    assert (await visitor.post(f"{url}/promise", {"invoice": invoice_id, "day": plain})).status_code == 200
    part = {"invoice": invoice_id, "only": "1", "day": str(today()), "how_much": "part"}
    read = await visitor.post(f"{url}/promise", part | {"amount": "1.000,50"})
    assert "1.000,50" in seen(read.text)
    for wrong in ("", "-5", "0", "1e3", "1.250,01", "12,345", "NaN"):
        assert (await visitor.post(f"{url}/promise", part | {"amount": wrong})).status_code == 422, wrong


async def test_a_workflow_that_refuses_after_all_is_believed(house: House, visitor: Visitor) -> None:
    """Between the reading and the confirming the invoice was paid."""
    invoice_id = await house.bill()
    url = house.link(invoice_id)
    review = await visitor.post(f"{url}/promise", {"invoice": invoice_id, "day": str(today())})
    paid = {"payment_id": "P-1", "amount": "1250.00", "currency": "USD", "received_on": str(today())}
    await house.premises.handle(invoice_id).signal("payment_received", paid)
    await eventually(lambda: house.premises.ledger(invoice_id, "payment_received"))
    page = await visitor.confirm(review)
    assert "This could not be noted" in seen(page.text)
    (answer,) = house.answers(invoice_id)
    assert set((answer.outcome or {}).values()) <= {"NothingOwed", "CaseEnded"}


async def test_i_have_paid_holds_reminders_and_then_comes_back(house: House, visitor: Visitor) -> None:
    invoice_id = await house.bill()
    url = house.link(invoice_id)
    told = {"invoice": invoice_id, "on": str(today() - timedelta(days=1)), "how": "wire 4711"}
    page = await visitor.answer(f"{url}/paid", told)
    assert "Thank you, we have noted it" in seen(page.text)
    await eventually(lambda: house.premises.events(invoice_id, "hold_placed"))
    (hold,) = await answers_of(house, invoice_id, "holds")
    case = house.premises.case(invoice_id)
    assert case is not None
    until = Calendar(noon_zone(), "every_day", frozenset()).add_business_days(
        today(), case.policy.get("said_paid_days", 5)
    )
    assert (hold["reason"], hold["until"]) == ("other", str(until))
    assert "you told us it is paid" in seen((await visitor.get(url)).text).lower()
    assert [task.state for task in house.premises.tasks(invoice_id, kind="said_paid")] == [TaskState.OPEN]
    await eventually(lambda: house.mails(invoice_id))
    (mail,) = house.mails(invoice_id)
    assert str(mail["X-Duecourse-Items"]) == f"{invoice_id}=answer_noted/0"
    assert "no reminders" in mail.get_body(("plain",)).get_content()

    again = await visitor.post(f"{url}/paid", told)
    assert again.status_code == 422
    assert "told us before that it is paid" in seen(again.text)


async def test_a_dispute_freezes_its_part_and_keeps_the_words_out_of_the_history(
    house: House, visitor: Visitor
) -> None:
    invoice_id = await house.bill()
    url = house.link(invoice_id)
    secret = "Mr Grimshaw took two boxes <script>alert(1)</script> {{7*7}}"
    told = {
        "invoice": invoice_id,
        "only": "1",
        "reason": "wrong_amount",
        "how_much": "part",
        "amount": "250.00",
        "note": secret,
    }
    files = [("files", ("delivery note.pdf", PDF, "text/html"))]
    review = await visitor.post(f"{url}/dispute", told)
    assert "<script>alert" not in review.text
    assert "{{7*7}}" in seen(review.text)
    page = await visitor.confirm(review, files)
    assert page.status_code == 200
    await eventually(lambda: house.premises.events(invoice_id, "dispute_raised"))
    (dispute,) = await answers_of(house, invoice_id, "disputes")
    assert (dispute["reason"], dispute["amount"], dispute["state"]) == ("wrong_amount", "250.00", "open")
    assert "$250.00 under review" in seen((await visitor.get(url)).text)

    (answer,) = house.answers(invoice_id)
    with house.premises.sessions() as session:
        (upload,) = session.scalars(sa.select(UploadRow).where(UploadRow.answer_id == answer.answer_id)).all()
    assert (upload.name, upload.media_type, upload.body) == ("delivery note.pdf", "application/pdf", PDF)
    assert re.fullmatch(r"U-[0-9a-f]{24}", upload.upload_id)
    (task,) = house.premises.tasks(invoice_id, kind="dispute_note")
    assert task.raw is not None
    assert task.raw.decode() == secret

    await eventually(lambda: house.mails(invoice_id))
    (mail,) = house.mails(invoice_id)
    assert "Grimshaw" not in mail.get_body(("plain",)).get_content()
    resolved = {"dispute_id": answer.answer_id, "outcome": "rejected"}
    await house.premises.handle(invoice_id).signal("dispute_resolved", resolved)
    await eventually(lambda: len(house.mails(invoice_id)) == 2)
    items = sorted(str(mail["X-Duecourse-Items"]) for mail in house.mails(invoice_id))
    assert items == [f"{invoice_id}=answer_noted/0", f"{invoice_id}=dispute_resolved/0"]

    history = (await house.premises.handle(invoice_id).fetch_history()).to_json()
    for word in ("Grimshaw", "127.0.0.1", url.rsplit("/", 1)[-1]):
        assert word not in history
    assert await failed_tasks(house.premises.handle(invoice_id)) == []


async def test_files_that_are_not_what_they_say_are_turned_away(house: House, visitor: Visitor) -> None:
    invoice_id = await house.bill()
    url = house.link(invoice_id)
    told = {"invoice": invoice_id, "reason": "quality", "note": "broken"}
    review = await visitor.post(f"{url}/dispute", told)
    bomb = b"PK\x03\x04" + bytes(1000)
    bad = {
        "svg": ("x.png", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
        "html": ("x.pdf", b"<!DOCTYPE html><script>alert(1)</script>"),
        "zip bomb": ("x.pdf", bomb),
        "gzip": ("x.pdf", b"\x1f\x8b" + bytes(100)),
        "empty": ("x.pdf", b""),
        "6 MB": ("x.pdf", PDF + bytes(6 * 1024 * 1024)),
        "program": ("x.pdf", b"MZ" + bytes(100)),
    }
    for what, (name, body) in bad.items():
        page = await visitor.confirm(review, [("files", (name, body, "application/pdf"))])
        assert page.status_code == 422, what
    four = [("files", (f"{n}.pdf", PDF, "application/pdf")) for n in range(4)]
    assert (await visitor.confirm(review, four)).status_code == 422
    huge = [("files", (f"{n}.pdf", PDF + bytes(6 * 1024 * 1024), "application/pdf")) for n in range(3)]
    assert (await visitor.confirm(review, huge)).status_code == 413
    assert house.answers(invoice_id) == []

    odd = [("files", ("../../etc/evil\r\n.html", PDF, "image/svg+xml"))]
    page = await visitor.confirm(review, odd)
    assert page.status_code == 200, "the form itself was still good"
    with house.premises.sessions() as session:
        (upload,) = session.scalars(
            sa.select(UploadRow).where(UploadRow.answer_id == house.answers(invoice_id)[0].answer_id)
        ).all()
    assert upload.name == "evil%0D%0A.html.pdf", "no path, and the ending of what it is"


async def test_several_invoices_are_answered_in_one_go(house: House, visitor: Visitor) -> None:
    first = await house.bill()
    customer_id = f"C-{first}"
    second = await house.bill(customer={"customer_id": customer_id})
    url = house.link(first)
    page = await visitor.answer(f"{url}/copy", {"invoice": [first, second]})
    assert "Thank you, we have noted it" in seen(page.text)
    (task,) = [t for t in house.premises.tasks(kind="copy_requested") if t.customer_id == customer_id]
    assert sorted(task.invoices) == sorted([first, second])
    await eventually(lambda: house.premises.messages(first, MessageState.SENT))
    (mail,) = house.mails(first)
    assert str(mail["X-Duecourse-Items"]) == f"{first}=answer_noted/0, {second}=answer_noted/0"


async def test_question_received_preferences_and_contact(house: House, visitor: Visitor) -> None:
    invoice_id = await house.bill(customer={"locale": "en-US"})
    customer_id = f"C-{invoice_id}"
    url = house.link(invoice_id)
    await visitor.answer(f"{url}/question", {"note": "Is VAT included?"})
    (task,) = house.premises.tasks(invoice_id, kind="question")
    assert task.raw == b"Is VAT included?"

    await visitor.answer(f"{url}/received", {"invoice": invoice_id, "answer": "yes"})
    await eventually(lambda: house.premises.events(invoice_id, "invoice_status"))
    await visitor.answer(f"{url}/received", {"invoice": invoice_id, "answer": "no"})
    assert house.premises.tasks(invoice_id, kind="not_received")

    await visitor.answer(f"{url}/preferences", {"language": "fr", "channel": "letter"})
    await eventually(
        lambda: any(e.kind == "customer_updated" for e in house.premises.account_events(customer_id))
    )
    page = await visitor.get(url)
    assert '<html lang="fr">' in page.text

    new = {"name": "Zoë Q.", "email": "zoe@acme.example", "role": "finance"}
    await visitor.answer(f"{url}/contact", new)
    (task,) = house.premises.tasks(invoice_id, kind="contact_proposed")
    assert task.raw is not None
    assert "zoe@acme.example" in task.raw.decode()
    await eventually(lambda: len(house.mails(invoice_id)) == 5)
    assert {str(mail["To"]) for mail in house.mails(invoice_id)} == {"Ann Payne <ap@acme.example>"}
    texts = [mail.get_body(("plain",)).get_content() for mail in house.mails(invoice_id)]
    assert sum("autre interlocuteur" in text for text in texts) == 1, "each answer is told in its own words"
    for wrong in ({"email": "zoe@"}, {"email": "a@b.example\r\nBcc: x@y.example"}, {"name": ""}):
        assert (await visitor.post(f"{url}/contact", new | wrong)).status_code == 422


@pytest.mark.parametrize(
    ("language", "said"), [("en", "within our business hours, on"), ("de", "zu unseren Geschäftszeiten")]
)
async def test_at_night_the_page_says_when_it_is_confirmed(
    house: House, visitor: Visitor, language: str, said: str
) -> None:
    """The page confirms at once; mail goes out inside the window, whatever it is about."""
    midnight = noon_zone(clock.now() + timedelta(hours=12))
    told = {"timezone": midnight, "locale": f"{language}-US"}
    invoice_id = await house.bill(policy="standard", customer=told)
    page = await visitor.answer(f"{house.link(invoice_id)}/question", {"note": "x"})
    assert said in seen(page.text)
    await eventually(lambda: house.premises.events(invoice_id, "portal_answered"))
    case = house.premises.case(invoice_id)
    assert case is not None
    assert case.waiting_until is not None
    assert case.waiting_until.astimezone(ZoneInfo(midnight)).hour == 9, "as soon as the window opens"
    assert house.mails(invoice_id) == []


async def test_the_language_chosen_is_the_language_of_the_next_mail_to_that_person(
    house: House, visitor: Visitor
) -> None:
    """A contact's own language gives way to what that person chooses; a colleague keeps hers."""
    people = [
        {"contact_id": "ann", "role": "ap", "name": "Ann", "email": "ap@acme.example", "locale": "de-DE"},
        {"contact_id": "eva", "role": "cfo", "name": "Eva", "email": "eva@acme.example", "locale": "es-ES"},
    ]
    invoice_id = await house.bill(days=0, customer={"locale": "en-US", "contacts": people})
    await eventually(lambda: house.mails(invoice_id))
    (due,) = house.mails(invoice_id)
    text = due.get_body(("plain",)).get_content()
    assert text.startswith("Guten Tag Ann")
    (url,) = [line for line in text.split() if line.startswith(house.url)]
    assert '<html lang="de">' in (await visitor.get(url)).text

    await visitor.answer(f"{url}/preferences", {"language": "fr", "channel": "email"})
    await eventually(
        lambda: any(e.kind == "customer_updated" for e in house.premises.account_events(f"C-{invoice_id}"))
    )
    assert '<html lang="fr">' in (await visitor.get(url)).text
    await eventually(lambda: len(house.mails(invoice_id)) == 2)
    before = {str(mail["X-Duecourse-Message"]) for mail in house.mails(invoice_id)}
    await visitor.answer(f"{url}/question", {"note": "x"})
    await eventually(lambda: len(house.mails(invoice_id)) == 3)
    (mail,) = [m for m in house.mails(invoice_id) if str(m["X-Duecourse-Message"]) not in before]
    text = mail.get_body(("plain",)).get_content()
    print(mail["Subject"], text, sep="\n\n")
    assert str(mail["To"]) == "Ann <ap@acme.example>"
    assert text.startswith("Bonjour Ann")
    assert "autre interlocuteur" not in text
    with house.premises.sessions() as session:
        profile = session.get_one(CustomerRow, f"C-{invoice_id}").profile
    assert profile["locale"] == "fr-US"
    assert [contact["locale"] for contact in profile["contacts"]] == ["fr-US", "es-ES"]
    assert house.premises.tasks(invoice_id, kind="contact_language") == []


async def test_a_fresh_link_goes_to_the_known_address_only(house: House, visitor: Visitor) -> None:

    from store import portal

    # Who prefers letters gets this by mail: a link is opened, not read.
    address = {"lines": ["1 Main St"], "city": "New York", "postal_code": "10001", "country": "US"}
    invoice_id = await house.bill(customer={"preferred_channel": "letter", "address": address})
    url = house.link(invoice_id)
    with house.premises.sessions.begin() as session:
        portal.revoke(session, at=datetime.now(UTC), by="lee", customer_id=f"C-{invoice_id}")
    ended = await visitor.get(url)
    action, sealed = sealed_in(ended.text)
    nothing = await visitor.post(f"{house.url}{action}", {"sealed": "forged"})
    asked = await visitor.post(f"{house.url}{action}", {"sealed": sealed})
    assert (asked.status_code, asked.text) == (nothing.status_code, nothing.text), (
        "the same answer to anybody"
    )
    await eventually(lambda: house.premises.messages(invoice_id, MessageState.SENT))
    (mail,) = house.mails(invoice_id)
    assert str(mail["To"]) == "Ann Payne <ap@acme.example>"
    assert str(mail["X-Duecourse-Items"]) == f"{invoice_id}=portal_link/0"
    (fresh,) = [w for w in mail.get_body(("plain",)).get_content().split() if w.startswith(house.url)]
    assert fresh != url
    assert (await visitor.get(fresh)).status_code == 200
    for _ in range(5):
        assert (await visitor.post(f"{house.url}{action}", {"sealed": sealed})).text == asked.text
    assert sum(answer.action == "fresh" for answer in house.answers(invoice_id)) == 3
