"""Taking down what customers answer on the portal: before a workflow is asked, and what became of it after.

An answer is written down with its exact text, link and address before anything follows from it. Its id is the
one-time nonce of the form, so that pressing twice, or trying again after a failure, is one answer.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, sessionmaker

from activities.casework import CaseWork
from activities.rulebook import Rulebook
from domain import facts as internal
from domain.answers import FRESH_LINK
from domain.vocabulary import Note
from store import portal
from store.schema import PortalAnswerRow, PortalLinkRow, UploadRow


class PortalAnswer(BaseModel):
    """What a customer confirmed, as it stands in the account's events and audit chain."""

    answer_id: str
    link_id: str
    action: str
    invoices: tuple[str, ...]
    text: str
    """Exactly as it was shown."""
    language: str
    address: str
    files: tuple[str, ...] = ()
    """The SHA-256 of each, in hexadecimal."""


@dataclass(frozen=True)
class File:
    """A file that came with an answer, looked at already."""

    name: str
    media_type: str
    body: bytes


@dataclass(frozen=True)
class Task:
    """What a person is to do about an answer. `raw` is the customer's own words."""

    kind: str
    why: str
    raw: str = ""


class PortalAnswers:
    """Writes answers down, under the customer's lock."""

    def __init__(self, sessions: sessionmaker[Session], rulebook: Rulebook) -> None:
        self._sessions = sessions
        self._rulebook = rulebook

    def begin(
        self,
        link: PortalLinkRow,
        answer: PortalAnswer,
        values: Mapping[str, Any],
        files: Sequence[File],
        now: datetime,
    ) -> bool:
        """Write down an answer. False where it was given before and all that follows from it is done."""
        with self._sessions.begin() as session:
            work = CaseWork.on_customer(session, link.customer_id, self._rulebook, now)
            row = {
                "answer_id": answer.answer_id,
                "link_id": link.link_id,
                "customer_id": link.customer_id,
                "seller": link.seller,
                "action": answer.action,
                "said": {
                    "text": answer.text,
                    "language": answer.language,
                    "invoices": list(answer.invoices),
                    "values": dict(values),
                },
                "address": answer.address,
                "at": work.now,
            }
            added = insert(PortalAnswerRow).values(row).on_conflict_do_nothing()
            if session.scalar(added.returning(PortalAnswerRow.answer_id)) is None:
                known = session.get_one(PortalAnswerRow, answer.answer_id)
                return known.outcome is None
            work.file_on_account("portal_answer", answer.answer_id, answer)
            for file in files:
                session.add(
                    UploadRow(
                        upload_id=f"U-{secrets.token_hex(12)}",
                        answer_id=answer.answer_id,
                        customer_id=link.customer_id,
                        name=file.name,
                        media_type=file.media_type,
                        body=file.body,
                        sha256=hashlib.sha256(file.body).digest(),
                    )
                )
            return True

    def finish(
        self,
        link: PortalLinkRow,
        answer_id: str,
        outcome: Mapping[str, str | None],
        now: datetime,
        *,
        noted: Mapping[str, internal.PortalAnswered] | None = None,
        tasks: Sequence[Task] = (),
        due_on: date | None = None,
    ) -> tuple[str, ...]:
        """Write down what became of an answer: for each invoice None, or the rule that refused it.

        `noted` are the facts by invoice that a confirmation in writing follows from, `tasks` what a person is
        to do. Returns the invoices whose workflows are to look again.
        """
        with self._sessions.begin() as session:
            work = CaseWork.on_customer(session, link.customer_id, self._rulebook, now)
            row = session.get_one(PortalAnswerRow, answer_id, populate_existing=True)
            if row.outcome is not None:
                return ()
            row.outcome = dict(outcome)
            refused = {invoice_id: rule for invoice_id, rule in outcome.items() if rule is not None}
            done = {"action": row.action, "invoices": row.said["invoices"], "refused": refused}
            work.note("portal_answer_done", answer_id, done)
            for task in tasks:
                work.open_item(
                    task.kind,
                    task.why,
                    ref=answer_id,
                    raw=task.raw.encode() if task.raw else None,
                    invoices=row.said["invoices"],
                    due_on=due_on,
                )
            settled = self._note(work, link, noted or {})
            return tuple(sorted({*settled, *work.nudge}))

    def ask_for_link(
        self, link: PortalLinkRow, now: datetime, *, most: int, since: datetime
    ) -> tuple[str, ...]:
        """Have a fresh link sent to the address we know, at most so often since an instant of the real clock.

        Returns the invoices whose workflows are to look; none where nothing is open or it was asked too often.
        """
        answer_id = f"A-{secrets.token_hex(12)}"
        with self._sessions.begin() as session:
            work = CaseWork.on_customer(session, link.customer_id, self._rulebook, now)
            if portal.answers_since(session, link.customer_id, FRESH_LINK, since) >= most:
                return ()
            session.add(
                PortalAnswerRow(
                    answer_id=answer_id,
                    link_id=link.link_id,
                    customer_id=link.customer_id,
                    seller=link.seller,
                    action=FRESH_LINK,
                    said={},
                    address="",
                    at=work.now,
                    outcome={},
                )
            )
            session.flush()
            rows = portal.open_with(session, link.customer_id, link.seller)
            lacking = "" if rows else "nothing is open"
            if rows and work.account.route(Note.PORTAL_LINK) is None:
                lacking = "no mail address of theirs is known"
            if lacking:
                why = f"the customer asks for a fresh link into the portal, and {lacking}"
                work.open_item("fresh_link", why, ref=link.link_id)
                return ()
            answered = internal.PortalAnswered(answer_id=answer_id, action=FRESH_LINK)
            return self._note(work, link, {rows[0].invoice_id: answered})

    def _note(
        self, work: CaseWork, link: PortalLinkRow, noted: Mapping[str, internal.PortalAnswered]
    ) -> tuple[str, ...]:
        mine = {row.invoice_id for row in portal.open_with(work.session, link.customer_id, link.seller)}
        filed: list[str] = []
        for invoice_id, answered in noted.items():
            if invoice_id in mine and work.file(invoice_id, answered, answered.answer_id):
                filed.append(invoice_id)
        for invoice_id in filed:
            work.settle(invoice_id)
        return tuple(filed)
