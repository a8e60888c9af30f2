"""The addresses of the portal: what a link opens, and what stands below it. Reading changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException

from activities.documents import WORDS
from activities.phrasing import Labels
from activities.portal_links import PATH, Opens
from activities.words import imprint
from domain.seller import one_line
from store import outbox, portal
from store.schema import MessageRow
from web.parts import Parts, Portal
from web.portal import pages, paying
from web.portal.guard import Guarded, Throttle
from web.portal.view import Account, read

#: Refused tokens from one address, and pages of one link, in ten minutes.
MOST_REFUSED, MOST_PAGES, TEN_MINUTES = 40, 600, 600.0
#: Ids as the contract has them: nothing else is looked up.
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class ShownMessage(NamedTuple):
    """A message in the list."""

    message_id: str
    subject: str
    on: date
    papers: list[tuple[str, str]]


class NotThere(Exception):
    """Nothing is here, or not for this link."""


class Pages:
    """Reads the account behind a link and shows it."""

    def __init__(self, made_of: Parts, of: Portal) -> None:
        self.made_of = made_of
        self.links = of.links
        self.workflows = of.workflows
        self._refused = Throttle(MOST_REFUSED, TEN_MINUTES)
        self._pages = Throttle(MOST_PAGES, TEN_MINUTES)

    # -- reading ----------------------------------------------------------------------------------

    def account(
        self, session: Session, request: Request, token: str, *, invoice_id: str | None = None
    ) -> Account | Response:
        """The account that a token opens, or the page that says why not."""
        address = client_address(request)
        if self._refused.is_spent(address):
            return pages.too_many(request)
        found = self.links.read(session, token)
        if found is None:
            self._refused.allows(address)
            raise NotThere
        row, opens = found
        if not self._pages.allows(row.link_id):
            return pages.too_many(request)
        if opens is Opens.FRESH_LINK:
            return self.ended(request, token, row.link_id)
        if row.seller not in self.made_of.rulebook.sellers:
            raise NotThere
        return read(
            session,
            row,
            token,
            self.made_of.rulebook,
            self.made_of.now(),
            base=f"/{PATH}/{token}",
            language=request.query_params.get("lang"),
            invoice_id=invoice_id,
        )

    def ended(self, request: Request, token: str, link_id: str) -> Response:
        """The page of a link that has ended: it offers a fresh one to the address we know."""
        sealed = self.links.seal({"fresh": link_id})
        return pages.plain_page(
            "fresh.html", request, 410, asked=False, action=f"/{PATH}/{token}/fresh", sealed=sealed
        )

    def shown(
        self, request: Request, name: str, account: Account, status: int = 200, **values: Any
    ) -> Response:
        """A page of the account."""
        here = request.url.path
        kept = [(key, value) for key, value in request.query_params.items() if key == "invoice"]
        if kept and _ID.fullmatch(kept[0][1]):
            here += f"?invoice={kept[0][1]}"
        lines = imprint(account.seller, account.words.habits, account.words.labels)
        return pages.render(name, account, status, here=here, imprint=lines, **values)

    # -- pages ------------------------------------------------------------------------------------

    def home(self, request: Request, token: str) -> Response:
        with self.made_of.sessions() as session:
            account = self.account(session, request, token)
            if isinstance(account, Response):
                return account
            messages = self._messages(session, account)
            unapplied = account.read.facts.unapplied if account.read is not None else ()
            return self.shown(
                request,
                "account.html",
                account,
                messages=messages,
                unapplied=unapplied,
                answers=(),
                always=(),
            )

    def invoice(self, request: Request, token: str, invoice_id: str) -> Response:
        with self.made_of.sessions() as session:
            account = self.account(session, request, token, invoice_id=checked(invoice_id))
            if isinstance(account, Response):
                return account
            item = account.item(invoice_id)
            if item is None:
                raise NotThere
            return self.shown(
                request,
                "invoice.html",
                account,
                item=item,
                is_open=item in account.open,
                states=account.states(item),
                movements=account.movements(item.currency, item),
                papers=self._papers(session, account, item.invoice_id),
                papers_say=Labels(account.words.language, account.words.habits.functions(), "papers"),
                answers=(),
            )

    def message(self, request: Request, token: str, message_id: str) -> Response:
        with self.made_of.sessions() as session:
            account = self.account(session, request, token)
            if isinstance(account, Response):
                return account
            row = portal.message_to(
                session, checked(message_id), account.link.customer_id, account.link.seller
            )
            if row is None:
                raise NotThere
            return self.shown(
                request,
                "message.html",
                account,
                subject=one_line(row.subject or ""),
                on=self._day(account, row),
                text=_text(session, row, account.words("private_part")),
                papers=portal.papers_with(session, [message_id])[message_id],
            )

    def paper(self, request: Request, token: str, document_id: str) -> Response:
        with self.made_of.sessions() as session:
            account = self.account(session, request, token)
            if isinstance(account, Response):
                return account
            paper = portal.paper(session, checked(document_id))
            if paper is None or not portal.message_to(
                session, paper.message_id, account.link.customer_id, account.link.seller
            ):
                raise NotThere
            name = re.sub(r"[^A-Za-z0-9._-]", "_", paper.name)
            headers = {"content-disposition": f'attachment; filename="{name}"'}
            return Response(paper.body, media_type="application/pdf", headers=headers)

    def pay(self, request: Request, token: str) -> Response:
        invoice_id = request.query_params.get("invoice")
        with self.made_of.sessions() as session:
            account = self.account(session, request, token)
            if isinstance(account, Response):
                return account
            invoice = None
            if invoice_id:
                invoice = account.item(checked(invoice_id))
                if invoice is None or invoice not in account.open:
                    raise NotThere
            items = (invoice,) if invoice is not None else account.open
            return self.shown(
                request,
                "pay.html",
                account,
                invoice=invoice,
                ways=paying.ways(account, items),
                total=paying.total(account, items),
                answers=(),
            )

    # -- details ----------------------------------------------------------------------------------

    def _messages(self, session: Session, account: Account) -> list[ShownMessage]:
        rows = portal.messages_to(session, account.link.customer_id, account.link.seller)
        papers = portal.papers_with(session, [row.message_id for row in rows])
        return [
            ShownMessage(
                row.message_id,
                one_line(row.subject or "") or row.step,
                self._day(account, row),
                papers[row.message_id],
            )
            for row in rows
        ]

    def _papers(self, session: Session, account: Account, invoice_id: str) -> list[tuple[str, str, date]]:
        """The papers that went out about an invoice, newest first."""
        sent = [
            row
            for row in portal.messages_to(session, account.link.customer_id, account.link.seller)
            if invoice_id in {item.invoice_id for item in outbox.items_of(session, row.message_id)}
        ][:5]
        papers = portal.papers_with(session, [row.message_id for row in sent])
        return [
            (document_id, name, self._day(account, row))
            for row in sent
            for document_id, name in papers[row.message_id]
        ]

    @staticmethod
    def _day(account: Account, row: MessageRow) -> date:
        """The customer's day on which a message went out."""
        return account.local_date(row.sent_at or row.reserved_at)


def checked(value: str) -> str:
    """An id of the contract. Raises NotThere for anything else, as for an id that nobody has."""
    if not _ID.fullmatch(value):
        raise NotThere
    return value


def client_address(request: Request) -> str:
    """The address a request came from, as the server sees it (behind a proxy: as the proxy says)."""
    return request.client.host if request.client is not None else "unknown"


def _text(session: Session, row: MessageRow, instead: str) -> str:
    """The words of a message as they were sent, without the links into the portal that stood in them."""
    written = outbox.document(session, row.message_id, WORDS)
    text = str(json.loads(written)["text"]) if written is not None else ""
    link = row.facts.get("portal_link")
    return text.replace(str(link), instead) if link else text


def add_to(app: FastAPI, made_of: Parts, of: Portal) -> None:
    """Put the customers' pages into the application."""
    shown = Pages(made_of, of)
    router = APIRouter(prefix=f"/{PATH}/{{token}}", include_in_schema=False)
    gets: dict[str, Callable[..., Response]] = {
        "": shown.home,
        "/invoice/{invoice_id}": shown.invoice,
        "/message/{message_id}": shown.message,
        "/paper/{document_id}": shown.paper,
        "/pay": shown.pay,
    }
    for path, page in gets.items():
        router.add_api_route(path, page, methods=["GET"], response_model=None)
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=pages.STATIC), name="static")
    app.add_middleware(Guarded, path=f"/{PATH}/", secure=of.links.secure)

    def is_page(request: Request) -> bool:
        return request.url.path.startswith(f"/{PATH}/")

    async def missing(request: Request, problem: Exception) -> Response:
        return pages.not_found(request)

    async def refused(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, HTTPException)
        if not is_page(request):
            return Response(status_code=problem.status_code)
        return pages.too_large(request) if problem.status_code == 413 else pages.not_found(request)

    async def down(request: Request, problem: Exception) -> Response:
        return pages.unavailable(request) if is_page(request) else Response(status_code=503)

    app.add_exception_handler(NotThere, missing)
    app.add_exception_handler(HTTPException, refused)
    for kind in (DBAPIError, PoolTimeout):
        app.add_exception_handler(kind, down)
