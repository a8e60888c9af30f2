"""What a person makes of a customer's mail: one action that tells the case the ordinary fact and ends the pause."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from activities.inbound.replies import REPLY, REPORT, STRAY, Replies, hold_of
from activities.rulebook import business_holidays, load_rulebook
from commands import cases
from commands.failures import BadInput
from commands.place import Place, find
from commands.starting import Starter
from commands.telling.tell import RECORDED_WITHIN_S, os_user
from commands.terminal import clean, note, out, print_json, words
from domain.answers import hold_for_payment
from domain.asking import Refused
from domain.contract import Invoice, Start
from domain.letters.replies import Suggestion
from domain.pauses import SAID_PAID, calendar_of
from domain.vocabulary import AnswerKind, DisputeReason, HoldReason
from settings import Settings
from store import portfolio, replies, worklist
from store.database import session_factory
from store.schema import CaseRow, CustomerRow, EventRow, ReplyRow
from workflows import telling

#: What only ends the pause: a person answers, or there is nothing to do.
_NO_FACT = frozenset(
    {AnswerKind.QUESTION, AnswerKind.WRONG_PERSON, AnswerKind.OUT_OF_OFFICE, AnswerKind.UNCLEAR}
)


@dataclass(frozen=True)
class Said:
    """What a person says a mail means; what is left out is as suggested."""

    kind: AnswerKind | None = None
    pay_by: date | None = None
    amount: str | None = None
    reason: DisputeReason | None = None
    invoice: str | None = None


@dataclass(frozen=True)
class _Fact:
    invoice_id: str
    signal: str
    body: Mapping[str, Any]
    event_id: str


def show_reply(state: Path | None, item: str, *, as_json: bool) -> None:
    """Print a mail with what it may mean."""
    place = find(state)
    with place.reading() as session:
        row = _find(session, item)
        if as_json:
            print_json(
                {
                    "reply_id": row.reply_id,
                    "customer_id": row.customer_id,
                    "invoices": row.invoices,
                    "matched_by": row.matched_by,
                    "sender": row.sender,
                    "sender_verified": row.sender_verified,
                    "subject": row.subject,
                    "text": row.text,
                    "received_at": row.received_at,
                    "suggestion": row.suggestion,
                    "answered_by": row.answered_by,
                    "answered_as": row.answered_as,
                }
            )
            return
        suggestion = Suggestion.model_validate(row.suggestion or {})
        lines = [
            f"From      {row.sender}{'' if row.sender_verified else ' (unverified)'}",
            f"Subject   {row.subject}",
            f"About     {', '.join(row.invoices) or 'nobody knows what'} (by {row.matched_by})",
            f"May mean  {_words(suggestion)}",
            *([f"Because   {suggestion.sentence}"] if suggestion.sentence else []),
        ]
        for line in lines:
            out().print(words(clean(line)))
        out().print()
        for line in row.text.splitlines():
            out().print(words(clean(line)))


def write_mail(state: Path | None, item: str, file: Path) -> None:
    """Write a mail as it came."""
    place = find(state)
    with place.reading() as session:
        file.write_bytes(_find(session, item).raw)


def confirm(state: Path | None, item: str, said: Said, by: str | None, *, as_json: bool) -> None:
    """Tell the case what the mail means, as suggested or as said, and end the pause. A repeat changes nothing."""
    place, who = find(state), by or os_user()
    desk = Replies(session_factory(place.engine), load_rulebook(Settings().config_folder))
    with place.reading() as session:
        row, now = _find(session, item), place.now(session)
        if said.invoice is not None:
            case = cases.find_case(session, said.invoice)
            if case is None:
                raise cases.unknown(said.invoice)
            about = case.invoice_id
        else:
            about = None
    if row.customer_id is None:
        if about is None and (said.kind is None or said.kind not in _NO_FACT):
            raise BadInput(
                f"--invoice: nobody knows what {item} is about: name an invoice, or say --as unclear"
            )
        if about is not None:
            asyncio.run(_wake(place, desk.assign(row.reply_id, about, who, now)))
    with place.reading() as session:
        row = _find(session, item)
        meant = _meant(row, said)
        facts = _facts(session, row, meant, said, about, now)
    asyncio.run(_tell(place, facts))
    asyncio.run(_wake(place, desk.answered(row.reply_id, who, meant.kind, now)))
    if as_json:
        told = [{"invoice_id": fact.invoice_id, "signal": fact.signal, "id": fact.event_id} for fact in facts]
        print_json({"reply_id": row.reply_id, "as": meant.kind, "facts": told})
        return
    for fact in facts:
        print(clean(f"{fact.invoice_id}: {fact.signal} {fact.event_id}"))
    note(f"{row.reply_id} is answered as {meant.kind.replace('_', ' ')}; the pause is over")


def _find(session: Session, item: str) -> ReplyRow:
    """The mail of a worklist item, or by its own id. Raises BadInput."""
    task = worklist.get(session, item)
    reply_id = task.ref if task is not None and task.kind in (REPLY, STRAY, REPORT) else item
    row = replies.get(session, reply_id)
    if row is None:
        raise BadInput(
            f"ITEM: {clean(item)!r} is no mail of a customer: see starter.py worklist --kind reply"
        )
    return row


def _words(suggestion: Suggestion) -> str:
    more = suggestion.pay_by or (suggestion.reason and suggestion.reason.replace("_", " "))
    by = "" if suggestion.by == "words" else f", says {suggestion.by}"
    return suggestion.kind.replace("_", " ") + (f" ({more})" if more else "") + by


def _meant(row: ReplyRow, said: Said) -> Suggestion:
    """What the mail is taken to mean. Raises BadInput where something is missing."""
    suggested = Suggestion.model_validate(row.suggestion or {})
    kind = said.kind or suggested.kind
    if kind is AnswerKind.UNCLEAR and said.kind is None:
        raise BadInput("--as: nothing is suggested: say what it is, or --as unclear where it is nothing")
    same = suggested if kind is suggested.kind else Suggestion(kind=kind)
    pay_by = said.pay_by or same.pay_by
    if kind is AnswerKind.PROMISE and pay_by is None:
        raise BadInput("--pay-by: the day that was promised is missing")
    reason = said.reason or same.reason or DisputeReason.OTHER
    return Suggestion(
        kind=kind,
        pay_by=pay_by if kind is AnswerKind.PROMISE else None,
        reason=reason if kind is AnswerKind.DISPUTE else None,
        sentence=same.sentence,
    )


def _facts(
    session: Session, row: ReplyRow, meant: Suggestion, said: Said, about: str | None, now: datetime
) -> list[_Fact]:
    """The ordinary facts that it comes to, one for each invoice, under ids that follow from the mail's."""
    if meant.kind in _NO_FACT:
        return []
    invoices = [about] if about is not None else list(row.invoices)
    if not invoices:
        raise BadInput("--invoice: it is not known which invoice the mail is about: name one")
    if len(invoices) > 1 and (said.amount is not None or meant.kind is AnswerKind.DISPUTE):
        raise BadInput(f"--invoice: the mail is about {clean(', '.join(invoices))}: name one of them")
    own = hold_of(row.reply_id)
    facts = []
    for invoice_id in invoices:
        amount = {} if said.amount is None else {"amount": said.amount}
        if meant.kind is AnswerKind.PROMISE:
            body = {"promise_id": own, "pay_by": str(meant.pay_by), "source": "email", **amount}
            facts.append(_Fact(invoice_id, "promise_made", {**body, "made_by": row.sender[:200]}, own))
        elif meant.kind is AnswerKind.DISPUTE:
            body = {"dispute_id": own, "reason": str(meant.reason), "raised_by": row.sender[:200], **amount}
            facts.append(_Fact(invoice_id, "dispute_raised", {**body, "note": meant.sentence}, own))
        else:
            hold_id = f"{SAID_PAID}{own}"
            until = _until(session, invoice_id, hold_id, now)
            body = {"hold_id": hold_id, "reason": HoldReason.OTHER, "until": str(until)}
            facts.append(_Fact(invoice_id, "hold_placed", body, hold_id))
    return facts


def _until(session: Session, invoice_id: str, hold_id: str, now: datetime) -> date:
    """Until when a case waits for money that is said to be paid. Raises BadInput where it does not."""
    row = session.get_one(CaseRow, invoice_id)
    customer = session.get_one(CustomerRow, row.customer_id)
    account = portfolio.account_of(session, customer, business_holidays, now)
    pursued = portfolio.pursued(session, account, [row])[invoice_id]
    placed = pursued.case.holds.get(hold_id)
    if placed is not None and placed.fact.until is not None:
        return placed.fact.until
    today = calendar_of(pursued.case.account, pursued.policy).local_date(now)
    until = hold_for_payment(pursued.case, pursued.policy, today)
    if isinstance(until, Refused):
        raise BadInput(f"{invoice_id}: {until.reason}: answer it as a question, or say --as unclear")
    return until


async def _tell(place: Place, facts: list[_Fact]) -> None:
    """Signal each fact, and wait until it is recorded: only then may the pause end."""
    if not facts:
        return
    starter = await Starter.at(place)
    for fact in facts:
        with place.reading() as session:
            row = session.get_one(CaseRow, fact.invoice_id)
            owner = cases.customer_of(session, row.owner_id)
        start = Start(invoice=Invoice.model_validate(row.invoice), customer=owner)
        await starter.signal(start, fact.signal, dict(fact.body), runs=row.closed_at is None)
    clock = asyncio.get_running_loop()
    deadline = clock.time() + RECORDED_WITHIN_S
    while not all(_is_recorded(place, fact) for fact in facts):
        if clock.time() > deadline:
            raise BadInput("no worker has recorded it yet: the pause stays; say it again once one runs")
        await asyncio.sleep(0.05)


def _is_recorded(place: Place, fact: _Fact) -> bool:
    with place.reading() as session:
        recorded = session.query(EventRow.id).filter_by(
            invoice_id=fact.invoice_id, kind=fact.signal, event_id=fact.event_id
        )
        return recorded.first() is not None


async def _wake(place: Place, invoices: tuple[str, ...]) -> None:
    """Wake the workflows of these invoices; one that has ended needs no waking."""
    client = await place.client()
    for invoice_id in invoices:
        await telling.wake(client, invoice_id)
