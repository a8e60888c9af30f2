"""Real worker processes, killed and frozen at every step of every activity: at most one message, nothing lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from activities.adapters.letters import LetterQueue
from activities.adapters.smtp import SmtpTransport
from activities.interface import OnDay
from activities.paper.rendering import PdfRenderer
from activities.print_queue import PrintQueue, days_of
from activities.reconciliation import Reconciliation
from activities.rulebook import load_rulebook
from deploy.local_temporal import LocalTemporal
from domain.vocabulary import Channel
from settings import ROOT
from store.schema import MessageState, TaskState
from tests import clock
from tests.faults.post import PostOffice
from tests.faults.worker_process import Told, WorkerProcess, arm, open_gate, reached
from tests.premises import (
    NoPaper,
    Premises,
    becomes,
    contact,
    eventually,
    failed_tasks,
    of_json,
    start_input,
)

#: Where a process is killed while it sends, with what must come of it: copies, and whether they are known.
SENDING = {
    "before_claim": (1, "sent"),
    "send_notice:1:before": (1, "sent"),
    "send_notice:1:after": (0, "unknown"),
    "after_claim": (0, "unknown"),
    "after_acceptance": (1, "unknown"),
    "send_notice:2:before": (1, "unknown"),
    "send_notice:2:after": (1, "sent"),
}
#: Elsewhere nothing depends on the moment: the message goes out, once.
ELSEWHERE = [
    f"{activity}:{commit}:{when}"
    for activity, commits in (
        ("open_case", 1),
        ("draft_notice", 2),
        ("render_documents", 1),
        ("record_facts", 1),
    )
    for commit in range(1, commits + 1)
    for when in ("before", "after")
]
#: Points of the activity that records what concerns a customer.
ON_ACCOUNT = ["record_account_facts:1:before", "record_account_facts:1:after"]


@pytest.fixture
def told(premises: Premises, temporal: LocalTemporal, post: PostOffice, gates: Path) -> Told:
    return Told(premises.database, temporal.address, post.port, str(gates))


def address(invoice_id: str) -> str:
    return f"ap@{invoice_id.lower()}.example"


async def begin(premises: Premises, invoice_id: str, *, client: Client | None = None) -> None:
    """Start an invoice whose due notice goes out at once."""
    start = start_input(invoice_id, customer=contact(address(invoice_id)))
    await premises.start(start, client=client)


async def test_killed_at_every_point_of_every_activity(
    premises: Premises, told: Told, post: PostOffice, gates: Path, tmp_path: Path
) -> None:
    points = [*SENDING, *ELSEWHERE]
    invoices = {point: f"KILL-{number}" for number, point in enumerate(points)}
    stops = [arm(gates, f"invoice-{invoices[point]}", point) for point in points]
    accounts = {point: f"C-KILL-{number}" for number, point in enumerate(ON_ACCOUNT)}
    stops += [arm(gates, f"account-{accounts[point]}", point) for point in ON_ACCOUNT]
    # No try is given up before the last stop is reached: the next one would go past the stop, to be killed anywhere.
    with WorkerProcess(replace(told, timeout_s=12.0), tmp_path / "first.log") as first:
        for point, invoice_id in invoices.items():
            await begin(premises, invoice_id)
            if point.startswith("record_facts"):
                note = of_json({"note_id": "N-1", "text": "layoffs"})
                await premises.raw_signal(f"invoice-{invoice_id}", "risk_noted", [note])
        for customer_id in accounts.values():
            credit = of_json({"credit_id": "CR-1", "amount": "10.00", "currency": "USD"})
            start = of_json({"customer": customer_id})
            await premises.raw_signal_with_start(
                f"account-{customer_id}", "credit_on_account", [credit], [start], kind="CustomerAccount"
            )
        await becomes(lambda: [stop.name for stop in stops if not reached(stop)], [], 60)
        first.kill()
    # The second one has a dozen mails to send at once: that a slow answer is unknown is tested elsewhere.
    patient = replace(told, gates="", timeout_s=20.0, provider_timeout_s=10.0)
    with WorkerProcess(patient, tmp_path / "second.log"):
        expected = {point: SENDING.get(point, (1, "sent"))[1] for point in points}
        await becomes(lambda: {point: fate(premises, invoices[point]) for point in points}, expected, 90)
        for customer_id in accounts.values():
            await eventually(lambda id=customer_id: premises.account_events(id))

    for point, invoice_id in invoices.items():
        copies, known = SENDING.get(point, (1, "sent"))
        assert post.copies_to(address(invoice_id)) == copies, point
        listed = premises.tasks(invoice_id, kind="unknown_delivery")
        assert len(listed) == (known == "unknown"), point
        assert len(premises.events(invoice_id, "risk_noted")) == point.startswith("record_facts"), point
        assert [entry.kind for entry in premises.ledger(invoice_id)] == ["invoice"], point
        assert await failed_tasks(premises.handle(invoice_id)) == [], point
    for customer_id in accounts.values():
        assert len(premises.account_events(customer_id)) == 1
    assert max(post.copies().values()) == 1
    assert len(post.taken) == sum(copies for copies, _ in SENDING.values()) + len(ELSEWHERE) >= 12


async def test_a_letter_is_printed_once_whenever_its_worker_is_killed(
    premises: Premises, told: Told, gates: Path, tmp_path: Path
) -> None:
    queue = tmp_path / "letters"
    told = replace(told, letters=str(queue))
    points = [*SENDING, "draft_notice:1:after", "render_documents:1:before", "render_documents:1:after"]
    invoices = {point: f"LETTER-{number}" for number, point in enumerate(points)}
    stops = [arm(gates, f"invoice-{invoices[point]}", point) for point in points]
    address = {"lines": ["1 Main St"], "city": "New York", "postal_code": "10001", "country": "US"}
    with WorkerProcess(told, tmp_path / "first.log") as first:
        for invoice_id in invoices.values():
            wants = {"preferred_channel": "letter", "address": address}
            await premises.start(start_input(invoice_id, customer=wants))
        await becomes(lambda: [stop.name for stop in stops if not reached(stop)], [], 60)
        first.kill()
    with WorkerProcess(replace(told, gates=""), tmp_path / "second.log"):
        expected = {point: SENDING.get(point, (1, "sent"))[1] for point in points}
        await becomes(lambda: {point: fate(premises, invoices[point]) for point in points}, expected, 90)

    def printed(invoice_id: str) -> list[Path]:
        (message,) = premises.messages(invoice_id)
        return list(queue.rglob(f"{message.message_id}*.pdf"))

    copies = {point: len(printed(invoices[point])) for point in points}
    assert copies == {point: SENDING.get(point, (1, "sent"))[0] for point in points}

    # What was put there before its worker died is found by the next look; what was not stays with a person.
    rulebook = load_rulebook(ROOT / "deploy")
    days = days_of(rulebook)
    looking = Reconciliation(
        premises.sessions,
        rulebook,
        SmtpTransport("127.0.0.1", told.smtp_port),
        carriers={Channel.LETTER: LetterQueue(queue, days)},
    )
    looking.reconcile_deliveries(OnDay(at=clock.now() + timedelta(minutes=6)))
    known = {point: fate(premises, invoices[point]) for point in points}
    assert known == {point: "sent" if copies[point] else "unknown" for point in points}

    closing = PrintQueue(queue, days)
    papers: PdfRenderer = NoPaper()  # type: ignore[assignment]
    later = clock.now() + timedelta(days=2)
    made = closing.close_before([*rulebook.sellers], later, papers)
    assert closing.close_before([*rulebook.sellers], later, papers) == []
    bound = b"".join(path.read_bytes() for path in made)
    for point in points:
        (message,) = premises.messages(invoices[point])
        assert bound.count(message.message_id.encode()) == copies[point], point
    assert sum(copies.values()) == len(points) - 2 >= 8


def fate(premises: Premises, invoice_id: str) -> str:
    """What became of an invoice's only message: `sent`, `unknown`, or its state."""
    messages = premises.messages(invoice_id)
    if len(messages) != 1:
        return f"{len(messages)} messages"
    (message,) = messages
    if message.state is MessageState.SENDING and message.unknown_since is not None:
        return "unknown"
    return message.state.lower()


@pytest.mark.slow
async def test_a_process_frozen_past_its_timeout_never_makes_a_second_copy(
    premises: Premises, told: Told, post: PostOffice, gates: Path, tmp_path: Path
) -> None:
    before, claimed, accepted = (f"FREEZE-{n}" for n in range(3))
    stops = {
        before: arm(gates, f"invoice-{before}", "before_claim"),
        claimed: arm(gates, f"invoice-{claimed}", "after_claim"),
        accepted: arm(gates, f"invoice-{accepted}", "after_acceptance"),
    }
    time = clock.virtual_time(premises.client)
    with WorkerProcess(told, tmp_path / "frozen.log") as frozen:
        for invoice_id in stops:
            await begin(premises, invoice_id, client=time.client)
        await eventually(lambda: all(map(reached, stops.values())), 60)
        frozen.freeze()
        with WorkerProcess(replace(told, gates=""), tmp_path / "other.log"):
            await eventually(lambda: fate(premises, before) == "sent", 60)
            await eventually(
                lambda: [fate(premises, id) for id in (claimed, accepted)] == ["unknown"] * 2, 60
            )
            await asyncio.sleep(told.claim_holds_s)  # until every claim is older than it may be
            for stop in stops.values():
                open_gate(stop)
            frozen.thaw()
            # Who comes back late learns what happened meanwhile; its own word counts where it is certain.
            await eventually(lambda: fate(premises, accepted) == "sent", 60)
            await eventually(lambda: not premises.messages(claimed, MessageState.SENDING), 60)
            await time.advance(time.now + timedelta(hours=1), [f"invoice-{id}" for id in stops])
            await eventually(lambda: fate(premises, claimed) == "sent", 60)

    assert [post.copies_to(address(invoice_id)) for invoice_id in stops] == [1, 1, 1]
    for invoice_id in stops:
        open_items = [task for task in premises.tasks(invoice_id) if task.state == TaskState.OPEN]
        assert open_items == [], "what is known to be sent is no longer asked about"
        assert await failed_tasks(premises.handle(invoice_id)) == []
