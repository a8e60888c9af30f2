"""Finding out what became of messages nobody knows about, and the end of the day.

An unknown message is looked for at the provider after 5 minutes, an hour and then daily for 5 days; its
delivery reports may answer sooner. One that was never found stays with a person, or is written once more
where it was friendly: a demand is never sent on a guess.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from activities.adapters.port import Accepted, Carrier, Fate, LookupFailed, MailTransport
from activities.carriers import Carriers
from activities.casework import CaseWork
from activities.delivery import confirm
from activities.interface import DayClosed, OnDay, Reconciled
from activities.messages import mark_unknown, step_of
from activities.paper.rendering import PdfRenderer, PdfUnavailable, RenderingFailed
from activities.print_queue import PrintQueue
from activities.rulebook import Rulebook
from domain import facts as internal
from domain.unknown import is_look_due, may_write_again
from domain.vocabulary import Channel, step_name
from store import audit, outbox, snapshots, worklist
from store.schema import (
    AuditAnchorRow,
    CustomerRow,
    DeliveryEventRow,
    MessageItemRow,
    MessageRow,
    MessageState,
)

#: Who has not reported back after this time (by the real clock) will not any more.
_SENDER_LOST = timedelta(minutes=15)
#: Questions to the provider in one go, which has minutes for them.
_MOST_LOOKS = 20
#: A mail that a server still puts off after this time is somebody's to look at.
_DEFERRED_TOO_LONG = timedelta(hours=24)
_NOT_FOUND, _GIVEN_UP = "not_found", "given_up"
_log = logging.getLogger(__name__)


def _real_now() -> datetime:
    return datetime.now(UTC)


class Reconciliation:
    """Looks for unknown messages, and closes the day."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        rulebook: Rulebook,
        transport: MailTransport,
        *,
        carriers: Mapping[Channel, Carrier] | None = None,
        letters: PrintQueue | None = None,
        renderer: PdfRenderer | None = None,
        real_now: Callable[[], datetime] = _real_now,
    ) -> None:
        self._sessions = sessions
        self._rulebook = rulebook
        self._carriers = Carriers(transport, carriers)
        self._letters = letters
        self._renderer = renderer
        self._real_now = real_now

    @activity.defn
    def reconcile_deliveries(self, on: OnDay) -> Reconciled:
        """Look for every unknown message whose next look is due. A provider that cannot be asked says
        nothing: it is asked again the next time."""
        looked = found = 0
        nudge: set[str] = set()
        failed: set[str] = set()
        for message_id, channel in self._due(on.at):
            answer: Accepted | None = None
            if channel in failed:
                continue
            if (asked := self._carriers.looks_up(channel)) is not None:
                try:
                    answer = asked.lookup(message_id)
                except LookupFailed as problem:
                    _log.warning("the provider cannot be asked about message %s: %s", message_id, problem)
                    failed.add(channel)
                    continue
                looked += 1
            with self._sessions.begin() as session:
                nudge |= self._conclude(session, message_id, answer, on.at)
            found += answer is not None
        return Reconciled(looked=looked, found=found, nudge=tuple(sorted(nudge)))

    def _due(self, at: datetime) -> list[tuple[str, str]]:
        """Messages to look for now with their channels, those that wait longest first."""
        with self._sessions() as session:
            unknown = outbox.find_unknown(session, claimed_before=self._real_now() - _SENDER_LOST)
            ids = [message.message_id for message in unknown]
            looks = _looks(session, ids)
            business_time = (
                select(MessageRow.message_id, CustomerRow.latest_at)
                .join(CustomerRow, CustomerRow.customer_id == MessageRow.customer_id)
                .where(MessageRow.message_id.in_(ids))
            )
            newest = {row.message_id: row.latest_at for row in session.execute(business_time)}
        due = []
        for message in unknown:
            now = max(at, newest[message.message_id] or at)
            if self._is_due(message, looks.get(message.message_id, 0), now):
                due.append((message.message_id, message.channel))
        return due[:_MOST_LOOKS]

    def _is_due(self, message: MessageRow, looks: int, now: datetime) -> bool:
        if message.unknown_since is None:
            return True
        if self._carriers.looks_up(message.channel) is None:
            return False
        return is_look_due(message.unknown_since, looks, now)

    def _conclude(self, session: Session, message_id: str, answer: Accepted | None, at: datetime) -> set[str]:
        """Write down what a look brought, under the customer's lock. Returns whom to wake."""
        message = outbox.get(session, message_id)
        assert message is not None, "messages are never deleted"
        work = CaseWork.on_customer(session, message.customer_id, self._rulebook, at)
        message = outbox.get(session, message_id)
        assert message is not None
        if message.state is not MessageState.SENDING:
            return set()  # a delivery report was faster
        if answer is not None:
            confirm(work, message_id, answer.provider_ref)
        elif message.unknown_since is None:
            looked_for = self._carriers.looks_up(message.channel) is not None
            mark_unknown(work, message_id, "its sender never reported back", looked_for=looked_for)
        elif self._carriers.looks_up(message.channel) is not None:
            self._not_found(work, message)
        invoices = {item.invoice_id for item in work.items(message_id)}
        for invoice_id in sorted(invoices):
            work.settle(invoice_id)
        return invoices | work.nudge

    def _not_found(self, work: CaseWork, message: MessageRow) -> None:
        message_id = message.message_id
        look = _looks(work.session, [message_id]).get(message_id, 0) + 1
        outbox.record_delivery(
            work.session,
            message_id,
            kind=_NOT_FOUND,
            at=work.now,
            provider_event_id=f"look:{message_id}:{look}",
        )
        work.note("message_not_found", message_id, {"look": look})
        again = _was_given_up(work.session, message)
        if not may_write_again(step_of(message.step), look, written_again=again):
            return
        why = f"not found at the provider {look} times; it is written once more"
        outbox.mark_failed(work.session, message_id, attempt=message.attempts, why=why)
        outbox.record_delivery(work.session, message_id, kind=_GIVEN_UP, at=work.now)
        work.close_items("unknown_delivery", message_id, by="duecourse", outcome=why)
        work.note("message_failed", message_id, {"attempt": message.attempts})
        for item in work.items(message_id):
            freed = internal.ClaimFreed(message_id=message_id)
            work.file(item.invoice_id, freed, f"{message_id}-{message.attempts}")

    # -- the end of the day -----------------------------------------------------------------------

    @activity.defn
    def close_day(self, on: OnDay) -> DayClosed:
        """List mails that are put off for too long, close the days of the print queue, anchor the audit chains,
        and keep the figures of the day that is over."""
        deferred = self._put_off(on.at)
        for message_id in deferred:
            with self._sessions.begin() as session:
                message = outbox.get(session, message_id)
                assert message is not None, "messages are never deleted"
                work = CaseWork.on_customer(session, message.customer_id, self._rulebook, on.at)
                why = f"the recipient's server puts off the {step_name(message.step)} (message {message_id})"
                invoices = [item.invoice_id for item in work.items(message_id)]
                work.open_item("deferred", why, ref=message_id, invoices=invoices)
        self._close_letters(on.at)
        with self._sessions.begin() as session:
            if not _is_anchored(session, on.at.date()):
                audit.anchor(session, on.at.date())
        with self._sessions.begin() as session:
            # Figures that stand beside each other are of one moment.
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            snapshots.keep(session, on.at.date() - timedelta(days=1), on.at)
        return DayClosed(deferred=len(deferred))

    def _close_letters(self, at: datetime) -> None:
        """One PDF for each day that is over. What cannot be made is somebody's to look at; the letters stay."""
        if self._letters is None or self._renderer is None:
            return
        try:
            self._letters.close_before([*self._rulebook.sellers], at, self._renderer)
        except (OSError, RenderingFailed, PdfUnavailable) as problem:
            why = f"the letters of a day could not be put together for printing: {problem}"
            with self._sessions.begin() as session:
                worklist.open_task(session, kind="print_queue", why=why, at=at, ref=at.date().isoformat())

    def _put_off(self, at: datetime) -> list[str]:
        """Messages of which the newest thing known for a day is that they were deferred."""
        settled = select(DeliveryEventRow.message_id).where(
            DeliveryEventRow.kind.in_([fate for fate in Fate if fate not in (Fate.PROCESSED, Fate.DEFERRED)]),
            DeliveryEventRow.provider_event_id.is_not(None),
        )
        put_off = (
            select(DeliveryEventRow.message_id)
            .where(DeliveryEventRow.kind == Fate.DEFERRED, DeliveryEventRow.message_id.not_in(settled))
            .group_by(DeliveryEventRow.message_id)
            .having(func.min(DeliveryEventRow.at) <= at - _DEFERRED_TOO_LONG)
        )
        with self._sessions() as session:
            return sorted(session.scalars(put_off))


def _is_anchored(session: Session, day: date) -> bool:
    newest = session.scalar(select(func.max(AuditAnchorRow.day)))
    return newest is not None and newest >= day


def _looks(session: Session, message_ids: Collection[str]) -> dict[str, int]:
    """How often each message was looked for and not found."""
    counted = (
        select(DeliveryEventRow.message_id, func.count().label("looks"))
        .where(DeliveryEventRow.message_id.in_(message_ids), DeliveryEventRow.kind == _NOT_FOUND)
        .group_by(DeliveryEventRow.message_id)
    )
    return {row.message_id: row.looks for row in session.execute(counted)}


def _was_given_up(session: Session, message: MessageRow) -> bool:
    """Whether an earlier message for an item of this one was not found either: nothing is resent twice."""
    mine = select(MessageItemRow.invoice_id, MessageItemRow.step, MessageItemRow.cycle, MessageItemRow.ref)
    keys = session.execute(mine.where(MessageItemRow.message_id == message.message_id)).all()
    given_up = (
        select(MessageItemRow.invoice_id, MessageItemRow.step, MessageItemRow.cycle, MessageItemRow.ref)
        .join(DeliveryEventRow, DeliveryEventRow.message_id == MessageItemRow.message_id)
        .where(
            DeliveryEventRow.kind == _GIVEN_UP,
            MessageItemRow.invoice_id.in_([key.invoice_id for key in keys]),
        )
    )
    return bool({tuple(key) for key in keys} & {tuple(key) for key in session.execute(given_up)})
