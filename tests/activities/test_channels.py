"""A message goes by the channel its customer prefers: exactly once, and proven as far as the channel can."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from activities.adapters.letters import LetterQueue
from activities.adapters.port import Accepted, Carrier, Outgoing, Proof, Refused, SendResult, Unknown
from activities.interface import OnDay
from activities.paper.rendering import RenderingFailed
from activities.print_queue import PrintQueue, days_of
from activities.reconciliation import Reconciliation
from domain.vocabulary import Channel
from store.correspondence import correspondence
from store.schema import MessageItemRow, MessageState
from tests.activities.conftest import ANN, BOB, NoPaper, Office, Post, the_rulebook
from tests.activities.test_model_drafts import EDITED
from tests.hostile_drafts import asks

ADDRESS = {
    "lines": ["1 Main St"],
    "city": "New York",
    "region": "NY",
    "postal_code": "10001",
    "country": "US",
}
#: Seven days past due: an overdue notice is due at once.
OVERDUE: dict[str, Any] = {
    "invoice": {"due_on": "2026-11-30"},
    "history": [{"step": "due", "sent_on": "2026-11-30"}],
}


class Voice:
    """Telephony that answers as told."""

    proof: Proof = "accepted"

    def __init__(self, *answers: SendResult) -> None:
        self.answers = list(answers)
        self.told: list[dict[str, Any]] = []

    def carry(self, message: Outgoing, *, timeout: float) -> SendResult:
        self.told.append(json.loads(message.payload))
        return self.answers.pop(0) if self.answers else Accepted()


class Sheets(NoPaper):
    """Stands in for the PDF processes; a collection holds what it is made of."""

    def collect(self, parts: Any, **_: Any) -> bytes:
        return b"%PDF\n" + b"\n".join(name.encode() for name, _ in parts)


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    return tmp_path / "letters"


@pytest.fixture
def office(emptied: sa.Engine, post: Post, queue: Path) -> Iterator[Office]:
    """An office that posts letters and has telephony."""
    office = Office(emptied, post, replace(the_rulebook(), offers=frozenset(Channel)))
    office.renderer = Sheets()
    equip(office, queue)
    return office


def equip(office: Office, queue: Path, voice: Carrier | None = None, **hooks: Any) -> None:
    day_of = days_of(office.rulebook)
    office.carriers = {Channel.LETTER: LetterQueue(queue, day_of), Channel.VOICE: voice or Voice()}
    office.use(office.rulebook, **hooks)


def prefers(channel: str, **customer: Any) -> dict[str, Any]:
    return OVERDUE | {"customer": {"preferred_channel": channel} | customer}


def letters(queue: Path) -> list[str]:
    return sorted(str(path.relative_to(queue)) for path in queue.glob("*/*/*.pdf"))


def channels(office: Office) -> list[tuple[str, str]]:
    """The key of rule 2 as far as it says who gets what by which way."""
    with office.sessions() as session:
        rows = session.scalars(sa.select(MessageItemRow).order_by(MessageItemRow.id))
        return [(row.step, row.channel) for row in rows]


# -- letters ------------------------------------------------------------------------------------------


def test_a_letter_lies_in_the_print_queue_once_and_is_no_mail(
    office: Office, post: Post, queue: Path
) -> None:
    office.open(**prefers("letter", address=ADDRESS))
    message_id = office.contact()
    office.live()
    message = office.message(str(message_id))
    assert (message.state, message.channel) == (MessageState.SENT, "letter")
    assert post.taken == []
    assert letters(queue) == [f"default/2026-12-07/{message_id}.pdf"]
    assert (queue / letters(queue)[0]).read_bytes() == message.payload, "what is printed is what was frozen"
    assert message.provider_ref == letters(queue)[0]
    assert message.facts["window"] == ["Acme Ltd", "Ann Payne", "1 Main St", "New York, NY 10001"]
    assert message.why.endswith("; the customer prefers letters")
    assert channels(office) == [("overdue", "letter")]
    step = office.case().steps[-1]
    assert (step.fact.channel, step.fact.proof) == ("letter", "accepted")
    (reserved,) = [row for row in office.audit() if row.kind == "message_reserved"]
    assert (reserved.body["channel"], reserved.body["channel_why"]) == (
        "letter",
        "the customer prefers letters",
    )
    assert office.audit_problems() == []


def test_without_an_address_that_fits_it_goes_by_mail_and_says_why(
    office: Office, post: Post, queue: Path
) -> None:
    office.open(**prefers("letter", address=ADDRESS | {"lines": ["x" * 200]}))
    message = office.message(str(office.contact()))
    assert (message.channel, message.state) == ("email", MessageState.SENT)
    assert "no postal address is known that fits an envelope's window" in message.why
    assert len(post.taken) == 1
    assert letters(queue) == []


def test_a_letter_needs_no_mail_address(office: Office, queue: Path) -> None:
    office.open(**prefers("letter", address=ADDRESS, contacts=[]))
    assert office.message(str(office.contact())).facts["window"][:2] == ["Acme Ltd", "1 Main St"]
    assert len(letters(queue)) == 1
    assert "contact_missing" not in office.kinds()


def test_a_letter_names_those_who_would_get_a_copy(office: Office, post: Post, queue: Path) -> None:
    office.steps("sandbox", overdue={"cc": ["cfo", "account_manager"]})
    office.open(**prefers("letter", address=ADDRESS, contacts=[ANN, BOB]))
    message = office.message(str(office.contact()))
    assert message.facts["attention"] == ["Bob Barker"], "a colleague is not written to by post"
    assert [contact["name"] for contact in message.cc] == ["Bob Barker"]
    assert any("Also for the attention of: Bob Barker" in page for page in office.renderer.pages)
    assert len(letters(queue)) == 1
    assert post.taken == []


def test_a_new_address_or_channel_overtakes_a_written_letter(office: Office, post: Post, queue: Path) -> None:
    office.open(**prefers("letter", address=ADDRESS))
    first = office.write()
    moved = {"customer_id": "C-1", "address": ADDRESS | {"lines": ["2 Side St"]}}
    office.tell_account("C-1", "customer_updated", update_id="U-1", customer=moved)
    office.send(first)
    assert office.message(first).state is MessageState.CANCELLED
    second = office.write()
    assert "2 Side St" in office.message(second).facts["window"]
    told = {"customer_id": "C-1", "preferred_channel": "email"}
    office.tell_account("C-1", "customer_updated", update_id="U-2", customer=told)
    office.send(second)
    third = office.contact()
    assert [m.state for m in map(office.message, (second, str(third)))] == [
        MessageState.CANCELLED,
        MessageState.SENT,
    ]
    assert letters(queue) == []
    assert len(post.taken) == 1


def test_a_letter_that_cannot_be_made_waits_for_a_person(office: Office, queue: Path) -> None:
    class Broken(Sheets):
        def collect(self, parts: Any, **_: Any) -> bytes:
            raise RenderingFailed("it takes longer than 30 seconds")

    office.renderer = Broken()
    office.use(office.rulebook)
    office.open(**prefers("letter", address=ADDRESS))
    office.contact()
    assert office.kinds() == ["unwritable"]
    assert letters(queue) == []


def test_a_queue_that_cannot_be_written_is_tried_again(office: Office, queue: Path) -> None:
    queue.mkdir()
    (queue / "default").write_text("in the way")
    office.open(**prefers("letter", address=ADDRESS))
    message_id = office.write()
    with pytest.raises(Exception, match="was not accepted"):
        office.send(message_id)
    assert office.message(message_id).state is MessageState.PENDING
    (queue / "default").unlink()
    office.send(message_id)
    assert len(letters(queue)) == 1


@pytest.mark.parametrize(("lost", "found"), [("after_claim", False), ("after_acceptance", True)])
def test_a_sender_lost_around_the_queue_prints_at_most_once(
    office: Office, queue: Path, lost: str, *, found: bool
) -> None:
    class Lost(BaseException):
        pass

    def die() -> None:
        raise Lost

    equip(office, queue, **{lost: die})
    office.open(**prefers("letter", address=ADDRESS))
    message_id = office.write()
    with pytest.raises(Lost):
        office.send(message_id)
    equip(office, queue)
    office.send(message_id)
    assert office.message(message_id).unknown_since is not None
    assert len(letters(queue)) == found
    looked = Reconciliation(office.sessions, office.rulebook, office.post, carriers=office.carriers)
    office.later(minutes=6)
    office.run(looked.reconcile_deliveries, OnDay(at=office.now))
    assert (office.message(message_id).state is MessageState.SENT) == found
    assert len(letters(queue)) == found


def test_a_demand_goes_by_letter_as_well(office: Office, post: Post, queue: Path) -> None:
    office.open(**prefers("letter", address=ADDRESS))
    office.ask("INV-1", "waive_delivery", step="overdue", reason="x")
    office.ask("INV-1", "run_step", step="demand")
    for name in ("overdue_2", "credit_hold"):
        office.ask("INV-1", "waive_delivery", step=name, reason="told by phone")
    message_id = office.contact()
    assert office.message(str(message_id)).step == "demand"
    pages = (queue / letters(queue)[-1]).read_bytes().decode()
    assert "demand-2026-12-07.pdf" in pages
    assert "statement-2026-12-07.pdf" in pages
    assert post.taken == []


def test_a_persons_words_make_a_new_letter(office: Office, queue: Path) -> None:
    office.steps("sandbox", overdue={"draft": "approve"})
    office.open(**prefers("letter", address=ADDRESS))
    message_id = office.write()
    before = office.message(message_id)
    reply = office.ask("INV-1", "decide_step", step="overdue", approve=True, words=asks(EDITED))
    assert reply.refused_by is None, reply.reason
    assert any("said on the phone" in page for page in office.renderer.pages)
    assert office.message(message_id).drafting is not None
    office.send(message_id)
    assert (queue / letters(queue)[0]).read_bytes() == office.message(message_id).payload
    assert before.payload is not None


# -- days of the queue --------------------------------------------------------------------------------


def test_a_day_is_closed_once_by_the_first_look_at_the_next(office: Office, queue: Path) -> None:
    days = PrintQueue(queue, days_of(office.rulebook))
    closing = Reconciliation(
        office.sessions,
        office.rulebook,
        office.post,
        carriers=office.carriers,
        letters=days,
        renderer=office.renderer,
    )
    for number in (1, 2):
        customer = {"customer_id": f"C-{number}", "preferred_channel": "letter", "address": ADDRESS}
        office.open(f"INV-{number}", **OVERDUE | {"customer": customer})
        office.contact(f"INV-{number}")
    office.run(closing.close_day, OnDay(at=office.now))
    assert [(each.closed, len(each.letters), each.files) for each in days.days(["default"])] == [
        (False, 2, ())
    ]
    office.later(days=1)
    for _ in range(2):
        office.run(closing.close_day, OnDay(at=office.now))
        (day,) = days.days(["default"])
        assert (day.closed, len(day.letters)) == (True, 2)
        (file,) = day.files
        assert file.name == "2026-12-07.pdf"
        assert file.read_bytes().split()[1:] == [letter.stem.encode() for letter in day.letters]


def test_a_day_that_cannot_be_bound_stands_on_the_worklist_and_is_bound_later(
    office: Office, queue: Path
) -> None:
    class Broken(Sheets):
        def collect(self, parts: Any, **_: Any) -> bytes:
            raise RenderingFailed("it needs more memory than allowed")

    days = PrintQueue(queue, days_of(office.rulebook))
    office.open(**prefers("letter", address=ADDRESS))
    office.contact()
    office.later(days=1)
    for renderer, files in ((Broken(), 0), (office.renderer, 1)):
        closing = Reconciliation(
            office.sessions, office.rulebook, office.post, letters=days, renderer=renderer
        )
        office.run(closing.close_day, OnDay(at=office.now))
        assert [len(day.files) for day in days.days(["default"])] == [files]
        assert office.kinds() == ["print_queue"]


# -- the portal ---------------------------------------------------------------------------------------


def test_a_message_in_the_portal_is_stored_and_sent_in_one(office: Office, post: Post) -> None:
    office.open(**prefers("portal"))
    message_id = str(office.write())
    with office.sessions() as session:
        assert correspondence(session, customer_id="C-1", seller="default") == [], "not before it is sent"
    office.send(message_id)
    message = office.message(message_id)
    assert (message.state, message.channel, message.attempts) == (MessageState.SENT, "portal", 1)
    assert post.taken == []
    assert office.case().steps[-1].fact.proof == "accepted", "it lies ready; nobody knows whether it is read"
    with office.sessions() as session:
        (told,) = correspondence(session, customer_id="C-1", seller="default")
    frozen = json.loads(message.payload or b"")
    assert (told.subject, told.text, told.channel) == (frozen["subject"], frozen["text"], "portal")
    assert [paper.name for paper in told.papers] == ["statement-2026-12-07.pdf"]


def test_what_takes_something_away_is_not_left_in_the_portal(office: Office, post: Post) -> None:
    office.open(**prefers("portal"))
    office.contact()
    office.ask("INV-1", "waive_delivery", step="overdue", reason="x")
    office.ask("INV-1", "waive_delivery", step="overdue_2", reason="x")
    office.ask("INV-1", "run_step", step="credit_hold")
    message = office.message(str(office.contact()))
    assert (message.step, message.channel) == ("credit_hold", "email")
    assert message.why.endswith("the customer prefers messages in the portal, but this is brought to them")
    with office.sessions() as session:
        told = correspondence(session, customer_id="C-1", seller="default")
    assert {(m.step, m.channel) for m in told} == {("credit_hold", "email"), ("overdue", "portal")}, (
        "and their page shows it all the same"
    )


# -- calls --------------------------------------------------------------------------------------------

PHONED = {"contacts": [ANN | {"phone": "+12025550123"}]}


def test_who_wants_to_be_called_is_called_and_not_written_to(office: Office, post: Post) -> None:
    for number in (1, 2):
        office.open(f"INV-{number}", **prefers("call", **PHONED))
    message_id = office.contact()
    office.contact("INV-2")
    assert post.taken == []
    (task,) = office.tasks("call", open_only=True)
    assert sorted(task.invoices) == ["INV-1", "INV-2"], "one call for the customer"
    assert "instead of writing" in task.why
    message = office.message(str(message_id))
    assert (message.channel, message.state) == ("call", MessageState.SENT)
    assert channels(office) == [("overdue", "call"), ("overdue", "call")]
    assert office.case().steps[-1].fact.proof == "none"
    with office.sessions() as session:
        assert correspondence(session, customer_id="C-1", seller="default") == []
    assert any("Call sheet" in page for page in office.renderer.pages)


def test_the_call_proves_the_notice_only_once_the_customer_was_reached(office: Office, post: Post) -> None:
    ladder = [{"step": "overdue", "day": 7}, {"step": "credit_hold", "day": 8, "notice_days": 3}]
    office.policy("sandbox", steps=ladder)
    office.open(**prefers("call", **PHONED))
    office.contact()
    office.later(days=2)
    assert "no proof of delivery yet" in office.review().decision.why
    office.later(days=4)
    office.ask("INV-1", "log_call", outcome="no_answer")
    assert office.review().decision.rule == "notice"
    assert [task.kind for task in office.tasks(open_only=True)] == ["contact"]
    office.ask("INV-1", "log_call", outcome="reached")
    assert office.tasks(open_only=True) == []
    office.live()
    assert post.items == ["INV-1=call_confirmed/0", "INV-1=credit_hold/0"], "in writing, by mail"


def test_what_was_agreed_on_the_phone_is_confirmed_in_writing(office: Office, post: Post) -> None:
    office.open(**prefers("call", **PHONED))
    office.contact()
    promise = {"pay_by": office.on(5)}
    assert office.ask("INV-1", "log_call", outcome="reached", promise=promise).refused_by is None
    office.live()
    assert post.items == ["INV-1=promise_confirmed/0"]


# -- voice --------------------------------------------------------------------------------------------

AGREED = {"contacts": [ANN | {"phone": "+12025550123", "voice_consent_on": "2026-11-01"}]}


def test_a_voice_message_hands_its_words_to_telephony(office: Office, post: Post, queue: Path) -> None:
    voice = Voice()
    equip(office, queue, voice)
    office.open(**prefers("voice", **AGREED))
    message = office.message(str(office.contact()))
    assert (message.channel, message.state) == ("voice", MessageState.SENT)
    (told,) = voice.told
    assert told["to"]["phone"] == "+12025550123"
    assert told["message_id"] == message.message_id
    assert "$1,250.00" in told["text"]
    assert "000123456789" not in told["text"], "no account number is read out"
    assert post.taken == []


def test_without_consent_or_telephony_nobody_is_called_by_a_machine(
    office: Office, post: Post, queue: Path
) -> None:
    voice = Voice()
    equip(office, queue, voice)
    office.open(**prefers("voice", **PHONED))
    assert office.message(str(office.contact())).channel == "email"
    office.use(the_rulebook())
    office.open(
        "INV-2", **OVERDUE | {"customer": {"customer_id": "C-2", "preferred_channel": "voice", **AGREED}}
    )
    assert office.message(str(office.contact("INV-2"))).channel == "email"
    assert voice.told == []


def test_a_number_that_takes_nothing_is_called_no_more(office: Office, post: Post, queue: Path) -> None:
    voice = Voice(Refused("the telephony answered 422", permanent=True))
    equip(office, queue, voice)
    office.open(**prefers("voice", **AGREED))
    office.contact()
    assert office.kinds() == ["contact"]
    office.contact()
    assert [message.channel for message in office.messages(MessageState.SENT)] == ["email"]
    assert len(voice.told) == len(post.taken) == 1


def test_telephony_that_gives_no_clear_answer_is_not_asked_again(
    office: Office, post: Post, queue: Path
) -> None:
    voice = Voice(Unknown("the telephony gave no answer (TimeoutError)"))
    equip(office, queue, voice)
    office.open(**prefers("voice", **AGREED))
    message_id = office.write()
    for _ in range(3):
        office.send(message_id)
    assert len(voice.told) == 1
    assert office.kinds() == ["unknown_delivery"]


def test_nobody_is_called_at_night_by_their_own_clock(office: Office, queue: Path) -> None:
    voice = Voice()
    equip(office, queue, voice)
    office.later(hours=-8)  # two in the morning in New York; the policy's window is the whole day
    office.open(**prefers("voice", **AGREED))
    decided = office.review()
    assert decided.decision.kind == "wait"
    assert office.contact() is None
    assert decided.decision.until == office.now + timedelta(hours=6)
