"""What nobody knows about is looked for on a plan, never sent on a guess, and always somebody's to see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from activities.adapters.port import Accepted, LookupFailed, Unknown
from activities.adapters.sendgrid import SendGridTransport
from activities.interface import OnDay, Reconciled
from activities.reconciliation import Reconciliation
from domain.decision import CarryOut, Wait
from domain.figures.day_figures import figures
from domain.unknown import LOOKS
from store import receivables, snapshots
from store.schema import AuditAnchorRow, MessageState
from tests.activities.conftest import ANN, Office, Post, payment, the_rulebook
from tests.sendgrid_events import event
from tests.sendgrid_server import SendGridServer

SENDING, SENT, FAILED = MessageState.SENDING, MessageState.SENT, MessageState.FAILED
LOST = Unknown("no answer")


@dataclass
class Knowing(Post):
    """A provider that can be asked later."""

    proof: str = "accepted"  # type: ignore[assignment]
    known: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    mute: bool = False

    def lookup(self, message_id: str) -> Accepted | None:
        if self.mute:
            raise LookupFailed("503")
        self.asked.append(message_id)
        return Accepted(f"ref-{message_id}") if message_id in self.known else None


@pytest.fixture
def post() -> Knowing:
    return Knowing()


def reconcile(office: Office, **told: object) -> Reconciled:
    desk = Reconciliation(office.sessions, office.rulebook, office.post, **told)  # type: ignore[arg-type]
    return office.run(desk.reconcile_deliveries, OnDay(at=office.now))


def close_day(office: Office) -> int:
    desk = Reconciliation(office.sessions, office.rulebook, office.post)
    return office.run(desk.close_day, OnDay(at=office.now)).deferred


def lose(office: Office, post: Post, step: str = "due", **told: object) -> str:
    """A message of a step of which nobody knows whether it went out."""
    if told or not office.messages():
        office.open(**told)
    for _ in range(200):
        decision = office.review().decision
        if isinstance(decision, CarryOut) and decision.step == step and decision.effect == "contact":
            break
        if isinstance(decision, CarryOut):
            office.contact()
        else:
            assert isinstance(decision, Wait), decision
            office.now = decision.until
    post.answers = [LOST]
    message_id = office.contact()
    assert message_id is not None
    assert office.message(message_id).state is SENDING
    assert office.message(message_id).step == step
    return message_id


def test_it_is_looked_for_after_5_minutes_an_hour_and_daily_for_5_days(office: Office, post: Knowing) -> None:
    message_id = lose(office, post, "demand")
    since = office.now
    looks = (
        timedelta(minutes=5),
        timedelta(hours=1),
        *(timedelta(days=day) for day in (1, 2, 3, 4, 5)),
    )
    for look in looks:
        office.now = since + look - timedelta(seconds=1)
        assert reconcile(office).looked == 0
        office.now = since + look
        assert reconcile(office).looked == 1
    office.later(days=30)
    assert reconcile(office).looked == 0
    assert post.asked == [message_id] * 7
    assert office.message(message_id).state is SENDING, "a demand is never sent on a guess"
    assert [task.ref for task in office.tasks("unknown_delivery", open_only=True)] == [message_id]
    assert office.live().decision.kind == "wait"


def test_what_is_found_is_sent(office: Office, post: Knowing) -> None:
    message_id = lose(office, post)
    post.known.add(message_id)
    office.later(minutes=6)
    assert reconcile(office) == Reconciled(looked=1, found=1, nudge=("INV-1",))
    message = office.message(message_id)
    assert (message.state, message.provider_ref) == (SENT, f"ref-{message_id}")
    assert [taken.fact.step for taken in office.case().steps] == ["due"]
    assert "unknown_delivery" not in office.kinds()
    tries = len(post.taken)
    assert office.live().decision.kind == "wait"
    assert len(post.taken) == tries
    assert reconcile(office) == Reconciled()


def never_found(office: Office) -> None:
    since = office.now
    for look in LOOKS:
        office.now = since + look
        assert reconcile(office).looked == 1


def test_a_friendly_message_that_is_not_found_is_written_once_more_and_only_once(
    office: Office, post: Knowing
) -> None:
    first = lose(office, post)
    never_found(office)
    assert office.message(first).state is FAILED
    assert "unknown_delivery" not in office.kinds()
    post.answers = [LOST]
    assert office.review().decision.kind == "carry_out"
    second = office.contact()
    assert second not in (None, first)
    never_found(office)
    assert office.message(str(second)).state is SENDING
    assert office.kinds() == ["unknown_delivery"]
    office.later(days=30)
    assert reconcile(office).looked == 0
    assert office.live().decision.kind == "wait"
    assert {message_id for message_id, _, _ in post.taken} == {first, second}


def test_a_payment_meanwhile_leaves_nothing_to_write(office: Office, post: Knowing) -> None:
    lose(office, post)
    office.pay("INV-1", "1250.00")
    tries = len(post.taken)
    never_found(office)
    office.live()
    assert len(post.taken) == tries


def test_a_provider_that_cannot_be_asked_says_nothing(office: Office, post: Knowing) -> None:
    lose(office, post)
    post.mute = True
    for _ in range(3):
        office.later(days=6)
        assert reconcile(office) == Reconciled()
    post.mute = False
    assert reconcile(office).looked == 1, "the plan goes on where it stopped"


def test_a_sender_that_was_lost_is_noticed(office: Office, post: Knowing) -> None:
    office.open()
    message_id = office.write()
    post.meanwhile = lambda: (_ for _ in ()).throw(SystemExit)  # type: ignore[assignment]
    with pytest.raises(SystemExit):
        office.send(message_id)
    post.meanwhile = lambda: None
    assert office.message(message_id).unknown_since is None
    assert reconcile(office) == Reconciled(), "it may still be at it"
    later = datetime.now(UTC) + timedelta(minutes=16)
    assert reconcile(office, real_now=lambda: later).nudge == ("INV-1",)
    assert office.message(message_id).unknown_since is not None
    assert "unknown_delivery" in office.kinds()


def test_without_look_up_a_person_finds_out(emptied: sa.Engine) -> None:
    post = Post(proof="accepted")
    office = Office(emptied, post)
    message_id = lose(office, post)
    office.later(days=10)
    assert reconcile(office) == Reconciled()
    assert office.message(message_id).state is SENDING
    assert office.kinds() == ["unknown_delivery"]


@pytest.fixture
def sendgrid() -> Iterator[SendGridServer]:
    with SendGridServer() as server:
        yield server


@pytest.mark.parametrize(("way", "found"), [("error", True), ("drop", True), ("lost", False)])
def test_over_sendgrid(emptied: sa.Engine, sendgrid: SendGridServer, way: str, found: bool) -> None:
    office = Office(emptied, SendGridTransport("SG.key", host=sendgrid.url), the_rulebook())  # type: ignore[arg-type]
    office.open(customer={"contacts": [ANN | {"email": f"{way}@acme.example"}]})
    message_id = str(office.contact())
    assert office.message(message_id).state is SENDING
    office.later(minutes=5)
    assert reconcile(office).found == found
    assert office.message(message_id).state is (SENT if found else SENDING)
    assert sendgrid.copies_to(f"{way}@acme.example") == found


def test_what_is_put_off_for_a_day_is_listed_until_it_arrives(office: Office) -> None:
    from tests.activities.test_delivery import Receiver

    receiver = Receiver(office)
    office.open()
    message_id = str(office.contact())
    receiver.tell(event("deferred", message_id))
    office.later(hours=20)
    assert close_day(office) == 0
    office.later(hours=5)
    assert close_day(office) == 1
    assert close_day(office) == 1
    (item,) = office.tasks("deferred", open_only=True)
    assert (item.ref, item.invoices) == (message_id, ["INV-1"])
    receiver.tell(event("delivered", message_id))
    assert office.tasks("deferred", open_only=True) == []
    assert close_day(office) == 0


def test_the_day_is_anchored_once(office: Office, tmp_path: Path) -> None:
    office.open()
    for _ in range(2):
        close_day(office)
    office.later(days=1)
    close_day(office)
    with office.sessions() as session:
        days = list(session.scalars(sa.select(AuditAnchorRow.day).order_by(AuditAnchorRow.day)))
    assert [str(day) for day in days] == ["2026-12-07", "2026-12-08"]
    assert office.audit_problems() == []


def test_the_close_keeps_the_figures_of_the_day_that_is_over(office: Office) -> None:
    office.open()
    closed = office.now.date() - timedelta(days=1)
    close_day(office)
    with office.sessions() as session:
        ((currency, (at, told)),) = snapshots.kept(session, closed).items()
        (sums,) = receivables.sums(session, closed).values()
    assert at == office.now
    assert told == figures(sums, closed, currency)
    assert told["open_count"] == 1

    office.tell("INV-1", "payment_received", **payment("1250.00", "P-1", closed))  # known a moment too late
    close_day(office)
    with office.sessions() as session:
        assert snapshots.kept(session, closed)[currency] == (at, told)
        (sums,) = receivables.sums(session, closed).values()
    assert figures(sums, closed, currency)["open_count"] == 0


def test_the_figures_of_a_day_are_of_one_moment(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    levels: list[str] = []

    def keep(session: Session, day: date, at: datetime) -> int:
        levels.append(str(session.scalar(sa.text("SHOW transaction_isolation"))))
        return real(session, day, at)

    real = snapshots.keep
    monkeypatch.setattr(snapshots, "keep", keep)
    close_day(office)
    assert levels == ["repeatable read"]
