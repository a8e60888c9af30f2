"""The addresses of the portal: what a link opens, and what stands below it. Reading changes nothing."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException

from activities.paper.exhibits import ExhibitUnusable, exhibit_file
from activities.portal_links import PATH, Opens
from activities.writing.blocks import imprint
from store.correspondence import SentMessage, correspondence, paper
from store.schema import PortalLinkRow
from web.parts import Parts, Portal
from web.portal import forms, pages, paying
from web.portal.answering import Answering, Instead, NotThere, checked
from web.portal.guard import Guarded, Throttle, client_address
from web.portal.view import Account, read
from web.portal.workflows import Unreachable

#: Refused tokens from one address, and pages of one link, in ten minutes.
MOST_REFUSED, MOST_PAGES, TEN_MINUTES = 40, 600, 600.0
#: Messages beside other things, and on a page of their own.
FEW_MESSAGES, MOST_MESSAGES = 8, 25
#: How pages are asked for; scanners that only want the head change nothing either.
READING = ["GET", "HEAD"]
#: The place of an exhibit among those of its invoice.
_PLACE = re.compile("[1-9][0-9]{0,2}", re.ASCII)
_log = logging.getLogger(__name__)


class Pages:
    """Reads the account behind a link and shows it."""

    def __init__(self, made_of: Parts, of: Portal) -> None:
        self.made_of = made_of
        self.links = of.links
        self.workflows = of.workflows
        self._refused = Throttle(MOST_REFUSED, TEN_MINUTES)
        self._pages = Throttle(MOST_PAGES, TEN_MINUTES)

    # -- reading ----------------------------------------------------------------------------------

    def link(self, session: Session, request: Request, token: str) -> PortalLinkRow:
        """The link that a token stands for. Raises Instead with the page that says why not, and NotThere."""
        address = client_address(request)
        if self._refused.is_spent(address):
            raise Instead(pages.too_many(request))
        found = self.links.read(session, token)
        if found is None:
            self._refused.allows(address)
            raise NotThere
        row, opens = found
        if not self._pages.allows(row.link_id):
            raise Instead(pages.too_many(request))
        if opens is Opens.FRESH_LINK:
            raise Instead(self.ended(request, token, row.link_id))
        return row

    def account(
        self, session: Session, request: Request, token: str, *, invoice_id: str | None = None
    ) -> Account:
        """The account that a token opens. Raises Instead with the page that says why not, and NotThere."""
        row = self.link(session, request, token)
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
        here = account.base if request.method == "POST" else request.url.path
        kept = [(key, value) for key, value in request.query_params.items() if key == "invoice"]
        if kept:
            here += f"?invoice={checked(kept[0][1])}"
        lines = imprint(account.seller, account.words.habits, account.words.labels)
        return pages.render(name, account, status, here=here, imprint=lines, **values)

    # -- pages ------------------------------------------------------------------------------------

    def home(self, request: Request, token: str) -> Response:
        with self.made_of.sessions() as session:
            account = self.account(session, request, token)
            messages, more = self._newest(session, account)
            unapplied = account.read.facts.unapplied if account.read is not None else ()
            return self.shown(
                request,
                "account.html",
                account,
                messages=messages,
                more=more,
                unapplied=unapplied,
                answers=forms.about_invoices(account),
                always=forms.ABOUT_ACCOUNT,
            )

    def invoice(self, request: Request, token: str, invoice_id: str) -> Response:
        with self.made_of.sessions() as session:
            account = self.account(session, request, token, invoice_id=checked(invoice_id))
            item = account.item(invoice_id)
            if item is None:
                raise NotThere
            messages, more = self._newest(session, account, about=invoice_id)
            return self.shown(
                request,
                "invoice.html",
                account,
                item=item,
                is_open=item in account.open,
                states=account.states(item),
                movements=account.movements(item.currency, item),
                messages=messages,
                more=more,
                answers=forms.about_invoices(account, item),
            )

    def messages(self, request: Request, token: str) -> Response:
        """Everything that was sent to the customer, of one invoice where the address names one, page by page."""
        invoice_id, before = request.query_params.get("invoice"), request.query_params.get("before")
        with self.made_of.sessions() as session:
            account = self.account(
                session, request, token, invoice_id=checked(invoice_id) if invoice_id else None
            )
            item = account.item(invoice_id) if invoice_id else None
            if invoice_id and item is None:
                raise NotThere
            found = self._messages(
                session,
                account,
                limit=MOST_MESSAGES + 1,
                before=checked(before) if before else None,
                about=invoice_id or None,
            )
            last = found[MOST_MESSAGES - 1].message_id if len(found) > MOST_MESSAGES else None
            return self.shown(
                request,
                "messages.html",
                account,
                item=item,
                messages=found[:MOST_MESSAGES],
                older=account.path("messages", invoice=invoice_id, before=last) if last else None,
            )

    def message(self, request: Request, token: str, message_id: str) -> Response:
        with self.made_of.sessions() as session:
            account = self.account(session, request, token)
            found = self._messages(session, account, only=checked(message_id))
            if not found:
                raise NotThere
            text = self.links.without_links(found[0].text, account.words("private_part"))
            return self.shown(request, "message.html", account, message=found[0], text=text)

    def paper(self, request: Request, token: str, document_id: str) -> Response:
        with self.made_of.sessions() as session:
            account = self.account(session, request, token)
            found = paper(
                session,
                customer_id=account.link.customer_id,
                seller=account.link.seller,
                document_id=checked(document_id),
            )
            if found is None:
                raise NotThere
            return pages.file(found.name, found.media_type, found.body)

    def exhibit(self, request: Request, token: str, invoice_id: str, number: str) -> Response:
        """An exhibit of an invoice as it lies in the operator's folder, or the page that names the one that is
        not to be had."""
        with self.made_of.sessions() as session:
            account = self.account(session, request, token, invoice_id=checked(invoice_id))
        item = account.item(invoice_id)
        if item is None or not _PLACE.fullmatch(number) or int(number) > len(item.exhibits):
            raise NotThere
        named = item.exhibits[int(number) - 1]
        title = account.exhibit_title(named)
        try:
            body, media_type = exhibit_file(self.made_of.rulebook.exhibits, named)
        except ExhibitUnusable as problem:
            _log.warning("exhibit %s of %s cannot be handed out: %s", number, invoice_id, problem)
            return self.shown(request, "exhibit.html", account, 404, item=item, title=title)
        return pages.file(f"{item.number}-{number}-{title}", media_type, body)

    def pay(self, request: Request, token: str) -> Response:
        invoice_id = request.query_params.get("invoice")
        with self.made_of.sessions() as session:
            account = self.account(session, request, token)
            invoice = None
            if invoice_id:
                invoice = account.item(checked(invoice_id))
                if invoice is None or invoice not in account.open:
                    raise NotThere
            items = (invoice,) if invoice is not None else account.open
            ways = paying.ways(account, items)
            return self.shown(
                request,
                "pay.html",
                account,
                invoice=invoice,
                ways=ways,
                codes=[self._code_path(account, way) for way in ways],
                total=paying.total(account, items),
                answers=forms.ABOUT_INVOICES,
            )

    def code(self, request: Request, token: str, sealed: str) -> Response:
        """The picture of a payment code that a page of this link named. It takes longer to draw than a page."""
        with self.made_of.sessions() as session:
            row = self.link(session, request, token)
        content = self.links.unseal(sealed) or {}
        if content.get("link_id") != row.link_id or "transfer" not in content:
            raise NotThere
        picture = paying.payment_code(content["transfer"])
        if picture is None:
            raise NotThere
        return Response(
            picture, media_type="image/svg+xml", headers={"content-security-policy": pages.FILE_POLICY}
        )

    # -- details ----------------------------------------------------------------------------------

    def _code_path(self, account: Account, way: paying.Way) -> str | None:
        if way.transfer is None:
            return None
        return account.path(
            "code", self.links.seal({"link_id": account.link.link_id, "transfer": way.transfer})
        )

    def _newest(
        self, session: Session, account: Account, about: str | None = None
    ) -> tuple[list[SentMessage], bool]:
        """The newest messages, and whether there are more."""
        found = self._messages(session, account, limit=FEW_MESSAGES + 1, about=about)
        return found[:FEW_MESSAGES], len(found) > FEW_MESSAGES

    @staticmethod
    def _messages(session: Session, account: Account, **which: Any) -> list[SentMessage]:
        return correspondence(
            session, customer_id=account.link.customer_id, seller=account.link.seller, **which
        )


def add_to(app: FastAPI, made_of: Parts, of: Portal) -> None:
    """Put the customers' pages into the application."""
    shown = Pages(made_of, of)
    router = APIRouter(prefix=f"/{PATH}/{{token}}", include_in_schema=False)
    gets: dict[str, Callable[..., Response]] = {
        "": shown.home,
        "/invoice/{invoice_id}": shown.invoice,
        "/messages": shown.messages,
        "/message/{message_id}": shown.message,
        "/paper/{document_id}": shown.paper,
        "/exhibit/{invoice_id}/{number}": shown.exhibit,
        "/pay": shown.pay,
        "/code/{sealed}": shown.code,
    }
    for path, page in gets.items():
        router.add_api_route(path, page, methods=READING, response_model=None)
    answering = Answering(shown, made_of)
    router.add_api_route("/answer/{answer_id}", answering.answered, methods=READING, response_model=None)
    router.add_api_route("/confirm", answering.confirm, methods=["POST"], response_model=None)
    router.add_api_route("/fresh", answering.fresh, methods=["POST"], response_model=None)
    router.add_api_route("/{action}", answering.form, methods=READING, response_model=None)
    router.add_api_route("/{action}", answering.review, methods=["POST"], response_model=None)
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=pages.STATIC), name="static")
    app.add_middleware(Guarded, path=f"/{PATH}/", secure=of.links.secure)

    def is_page(request: Request) -> bool:
        return request.url.path.startswith(f"/{PATH}/")

    async def missing(request: Request, problem: Exception) -> Response:
        return pages.not_found(request)

    async def instead(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, Instead)
        return problem.page

    async def refused(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, HTTPException)
        if not is_page(request):
            return Response(status_code=problem.status_code)
        return pages.too_large(request) if problem.status_code == 413 else pages.not_found(request)

    async def down(request: Request, problem: Exception) -> Response:
        return pages.unavailable(request) if is_page(request) else Response(status_code=503)

    app.add_exception_handler(NotThere, missing)
    app.add_exception_handler(Instead, instead)
    app.add_exception_handler(Unreachable, down)
    app.add_exception_handler(HTTPException, refused)
    for kind in (DBAPIError, PoolTimeout):
        app.add_exception_handler(kind, down)
