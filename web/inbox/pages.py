"""The pages of the sandbox inbox: read a demo's mails, answer them, let them bounce, pay.

Served on this machine to this machine only. They work without a script; every mail is hostile text.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, FastAPI, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from activities.inbound.inbox import Inbox, MaildirSource
from activities.inbound.replies import Replies
from activities.interface import OnDay
from domain.contract import Customer
from domain.letters.letter import FOR_STAFF
from domain.letters.replies import Suggestion
from domain.money import Money
from domain.vocabulary import step_name
from store import replies as kept
from store.schema import CaseRow, CustomerRow, MessageItemRow, MessageRow, MessageState
from web.inbox import mails
from web.parts import Parts
from web.portal.workflows import Ended, Unreachable, Workflows
from web.webhooks import wake

PATH = "/inbox"
HERE = Path(__file__).parent
_ON_A_PAGE = 40
_MESSAGE = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_LONGEST_ANSWER = 20_000
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
}
#: What our own pages may do, and what a mail's HTML may: nothing but its own colours, whatever it holds.
_PAGE = (
    "default-src 'none'; style-src 'self'; img-src data:; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_MAIL = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"


@dataclass(frozen=True)
class Sandbox:
    """What the pages are made of."""

    inbox: Path
    """The Maildir into which customers' answers go."""
    workflows: Workflows
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    """Goes into every form: a page of somebody else cannot know it."""


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def add_to(app: FastAPI, made_of: Parts, of: Sandbox) -> None:
    """Put the sandbox into the application."""
    pages = _Pages(made_of, of)
    router = APIRouter(prefix=PATH, include_in_schema=False, dependencies=[Depends(_only_from_here)])
    gets: dict[str, Callable[..., Response]] = {
        "": pages.listed,
        "/style.css": _style,
        "/{message_id}": pages.shown,
        "/{message_id}/html": pages.html,
        "/{message_id}/paper/{number}": pages.paper,
    }
    for path, page in gets.items():
        router.add_api_route(path, page, methods=["GET"], response_model=None)
    posts: dict[str, Callable[..., Any]] = {
        "/{message_id}/answer": pages.answer,
        "/{message_id}/bounce": pages.bounce,
        "/{message_id}/pay": pages.pay,
    }
    for path, action in posts.items():
        router.add_api_route(path, action, methods=["POST"], response_model=None)
    app.include_router(router)


def _only_from_here(request: Request) -> None:
    """This machine alone, by a name of this machine: a name of somebody else's that leads here would let their
    pages read ours."""
    host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
    if request.client is None or request.client.host not in _LOOPBACK or host not in _HOSTS:
        raise HTTPException(404)


def _style() -> Response:
    return Response((HERE / "style.css").read_bytes(), media_type="text/css", headers=_HEADERS)


def _page(name: str, status: int = 200, **values: Any) -> HTMLResponse:
    html = _templates().get_template(name).render(path=PATH, **values)
    return HTMLResponse(html, status, headers={**_HEADERS, "content-security-policy": _PAGE})


class _Pages:
    """The pages and what their forms do."""

    def __init__(self, made_of: Parts, of: Sandbox) -> None:
        self._made_of, self._of = made_of, of
        desk = Replies(made_of.sessions, made_of.rulebook, made_of.reader)
        self._poll = Inbox(desk, [MaildirSource(of.inbox)]).poll_inbox

    # -- reading ----------------------------------------------------------------------------------

    def listed(self, customer: str = "", page: int = 1) -> Response:
        """The mails, newest first; of one customer where it is named."""
        page = min(max(page, 1), 10_000)
        with self._made_of.sessions() as session:
            sent = (
                select(MessageRow.message_id, MessageRow.customer_id, MessageRow.subject, MessageRow.step)
                .add_columns(MessageRow.to, MessageRow.sent_at)
                .where(MessageRow.state == MessageState.SENT, MessageRow.payload.is_not(None))
                .order_by(MessageRow.sent_at.desc(), MessageRow.message_id)
            )
            if customer and customer.isprintable():
                sent = sent.where(MessageRow.customer_id == customer)
            rows = session.execute(sent.offset((page - 1) * _ON_A_PAGE).limit(_ON_A_PAGE + 1)).all()
            people = session.execute(
                select(CustomerRow)
                .where(CustomerRow.customer_id.in_(select(MessageRow.customer_id).distinct()))
                .order_by(CustomerRow.customer_id)
            ).scalars()
            names = {row.customer_id: _named(row) for row in people}
            zones = {row.customer_id: _zone(session, row.customer_id) for row in rows}
            shown = [
                {
                    "id": row.message_id,
                    "who": names.get(row.customer_id, row.customer_id),
                    "to": ", ".join(mails.addresses(row.to)),
                    "subject": row.subject or "",
                    "step": step_name(row.step),
                    "for_staff": row.step in FOR_STAFF,
                    "at": _moment(row.sent_at, zones[row.customer_id]),
                }
                for row in rows[:_ON_A_PAGE]
            ]
        return _page(
            "list.html", mails=shown, customers=names, chosen=customer, page=page, more=len(rows) > _ON_A_PAGE
        )

    def shown(self, message_id: str, said: str = "") -> Response:
        """One mail, what may be done with it, and what was answered."""
        with self._made_of.sessions() as session:
            row, opened = self._opened(session, message_id)
            cases = [session.get_one(CaseRow, invoice_id) for invoice_id in _invoices(session, message_id)]
            invoices = [
                {
                    "id": case.invoice_id,
                    "number": case.number,
                    "balance": str(Money(case.balance_minor, case.currency)),
                    "currency": case.currency,
                    "waiting": (case.outcome or case.why or "").replace("_", " "),
                    "open": case.closed_at is None and case.balance_minor > 0,
                }
                for case in cases
            ]
            answers = {
                each.reply_id: each for case in cases for each in kept.of_invoice(session, case.invoice_id)
            }
            heard = [
                {
                    "sender": each.sender,
                    "text": each.text[:600],
                    "kind": each.kind,
                    "meaning": Suggestion.model_validate(each.suggestion or {}),
                    "answered": (each.answered_as or "").replace("_", " "),
                    "id": each.reply_id,
                }
                for each in answers.values()
            ]
        return _page(
            "mail.html",
            id=message_id,
            mail=opened,
            step=step_name(row.step),
            for_staff=row.step in FOR_STAFF,
            senders=mails.addresses([*row.to, *row.cc]),
            invoices=invoices,
            heard=heard,
            token=self._of.token,
            said=_SAID.get(said, ""),
        )

    def html(self, message_id: str) -> Response:
        """The HTML of a mail, for a frame that lets it do nothing."""
        with self._made_of.sessions() as session:
            opened = self._opened(session, message_id)[1]
        return HTMLResponse(opened.html, headers={**_HEADERS, "content-security-policy": _MAIL})

    def paper(self, message_id: str, number: int) -> Response:
        """An attachment, to be kept as a file."""
        with self._made_of.sessions() as session:
            papers = self._opened(session, message_id)[1].papers
        if not 0 <= number < len(papers):
            raise HTTPException(404)
        paper = papers[number]
        name = "".join(each if each.isalnum() or each in "._-" else "_" for each in paper.name)
        kind = "application/pdf" if paper.media_type == "application/pdf" else "application/octet-stream"
        disposition = f'attachment; filename="{name.encode("ascii", "replace").decode()}"'
        headers = {**_HEADERS, "content-disposition": disposition, "content-security-policy": _MAIL}
        return Response(paper.body, media_type=kind, headers=headers)

    # -- doing ------------------------------------------------------------------------------------

    async def answer(
        self,
        request: Request,
        message_id: str,
        token: Annotated[str, Form(max_length=200)] = "",
        sender: Annotated[str, Form(max_length=320)] = "",
        text: Annotated[str, Form(max_length=_LONGEST_ANSWER)] = "",
        automatic: Annotated[bool, Form()] = False,
    ) -> Response:
        """Write back; the answer comes in by the Maildir, as any other would."""
        self._check(request, token)
        with self._made_of.sessions() as session:
            row, opened = self._opened(session, message_id)
            if sender not in mails.addresses([*row.to, *row.cc]) or not text.strip():
                raise HTTPException(400)
            now = self._now(session)
        written = mails.answer(opened, sender=sender, text=text, at=now, automatic=automatic)
        return await self._receive(message_id, written, now, "answered")

    async def bounce(
        self, request: Request, message_id: str, token: Annotated[str, Form(max_length=200)] = ""
    ) -> Response:
        """Let the mail come back: the recipient's server knows no such user."""
        self._check(request, token)
        with self._made_of.sessions() as session:
            row, opened = self._opened(session, message_id)
            now = self._now(session)
        recipient = mails.addresses(row.to)[0]
        return await self._receive(
            message_id, mails.bounce(opened, recipient=recipient, at=now), now, "bounced"
        )

    async def pay(
        self,
        request: Request,
        message_id: str,
        token: Annotated[str, Form(max_length=200)] = "",
        invoice: Annotated[str, Form(max_length=64)] = "",
        amount: Annotated[str, Form(max_length=40)] = "",
    ) -> Response:
        """Pay an invoice of the mail: the signal that an ERP would send."""
        self._check(request, token)
        with self._made_of.sessions() as session:
            self._opened(session, message_id)
            if invoice not in _invoices(session, message_id):
                raise HTTPException(400)
            case = session.get_one(CaseRow, invoice)
            try:
                money = Money.parse(amount.strip(), case.currency)
            except ValueError:
                return self._back(message_id, "no_amount")
            if money.minor <= 0:
                return self._back(message_id, "no_amount")
            today = self._now(session).astimezone(_zone(session, case.customer_id)).date()
        fact = {
            "payment_id": f"sandbox-{secrets.token_hex(8)}",
            "amount": str(money),
            "currency": money.currency,
            "received_on": today.isoformat(),
            "method": "sandbox",
        }
        try:
            await self._of.workflows.tell(invoice, "payment_received", fact)
        except (Ended, Unreachable):
            return self._back(message_id, "not_told")
        return self._back(message_id, "paid")

    # -- details ----------------------------------------------------------------------------------

    async def _receive(self, message_id: str, mail: bytes, at: datetime, said: str) -> Response:
        await run_in_threadpool(mails.deliver, self._of.inbox, mail)
        polled = await run_in_threadpool(self._poll, OnDay(at=at))
        await wake(self._made_of.nudge, polled.nudge)
        return self._back(message_id, said)

    def _check(self, request: Request, token: str) -> None:
        """A form of ours, sent from a page of ours."""
        site = request.headers.get("sec-fetch-site", "same-origin")
        told = token.encode("utf-8", "replace")
        if site not in ("same-origin", "none") or not hmac.compare_digest(told, self._of.token.encode()):
            raise HTTPException(403)

    def _back(self, message_id: str, said: str) -> Response:
        return RedirectResponse(f"{PATH}/{message_id}?said={said}", 303, headers=_HEADERS)

    def _opened(self, session: Session, message_id: str) -> tuple[MessageRow, mails.Opened]:
        row = session.get(MessageRow, message_id) if _MESSAGE.fullmatch(message_id) else None
        if row is None or row.payload is None or row.state is not MessageState.SENT:
            raise HTTPException(404)
        return row, mails.open_mail(row.payload)

    def _now(self, session: Session) -> datetime:
        """The business time: the sandbox's virtual one where that is ahead of the clock."""
        newest = session.scalar(select(func.max(CustomerRow.latest_at)))
        real = self._made_of.now()
        return real if newest is None else max(real, newest)


_SAID = {
    "answered": "The answer has arrived. Reminders pause; it stands on the worklist until a person has read it.",
    "bounced": "The mail came back: the notice counts as not delivered, and the address is written to no more.",
    "paid": "The payment is on its way to the invoice's workflow. Load the page again to see the balance.",
    "no_amount": "That is no amount in the invoice's currency: write it as 1250.00.",
    "not_told": "The invoice's workflow has ended or cannot be reached: nothing was paid.",
}


def _invoices(session: Session, message_id: str) -> list[str]:
    items = select(MessageItemRow.invoice_id).where(MessageItemRow.message_id == message_id).distinct()
    return sorted(session.scalars(items))


def _named(row: CustomerRow) -> str:
    return Customer.model_validate(row.profile).shown_name


def _zone(session: Session, customer_id: str) -> ZoneInfo:
    row = session.get(CustomerRow, customer_id)
    return ZoneInfo((row.timezone if row is not None else None) or "UTC")


def _moment(at: datetime | None, zone: ZoneInfo) -> str:
    return "" if at is None else f"{at.astimezone(zone):%a %d %b %Y, %H:%M}"
