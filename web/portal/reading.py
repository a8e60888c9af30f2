"""The pages of an account that only read: invoices, messages and their papers, exhibits, ways to pay."""

from __future__ import annotations

import logging
import re
from typing import Any

from fastapi import Request, Response
from sqlalchemy.orm import Session

from activities.paper.exhibits import ExhibitUnusable, exhibit_file
from store.correspondence import SentMessage, correspondence, paper
from web.parts import Parts
from web.portal import forms, pages, paying
from web.portal.entrance import Entrance, NotThere, checked
from web.portal.view import Account

#: Messages beside other things, and on a page of their own.
FEW_MESSAGES, MOST_MESSAGES = 8, 25
#: The place of an exhibit among those of its invoice.
_PLACE = re.compile("[1-9][0-9]{0,2}", re.ASCII)
_log = logging.getLogger(__name__)


class Reading:
    """Shows what is there. Nothing here changes anything."""

    def __init__(self, entrance: Entrance, made_of: Parts) -> None:
        self._entrance = entrance
        self._made_of = made_of

    def home(self, request: Request, token: str) -> Response:
        with self._made_of.sessions() as session:
            account = self._entrance.account(session, request, token)
            messages, more = self._newest(session, account)
            unapplied = account.read.facts.unapplied if account.read is not None else ()
            return self._entrance.shown(
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
        with self._made_of.sessions() as session:
            account = self._entrance.account(session, request, token, invoice_id=checked(invoice_id))
            item = account.item(invoice_id)
            if item is None:
                raise NotThere
            messages, more = self._newest(session, account, about=invoice_id)
            return self._entrance.shown(
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
        with self._made_of.sessions() as session:
            account = self._entrance.account(
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
            return self._entrance.shown(
                request,
                "messages.html",
                account,
                item=item,
                messages=found[:MOST_MESSAGES],
                older=account.path("messages", invoice=invoice_id, before=last) if last else None,
            )

    def message(self, request: Request, token: str, message_id: str) -> Response:
        with self._made_of.sessions() as session:
            account = self._entrance.account(session, request, token)
            found = self._messages(session, account, only=checked(message_id))
            if not found:
                raise NotThere
            text = self._entrance.links.without_links(found[0].text, account.words("private_part"))
            return self._entrance.shown(request, "message.html", account, message=found[0], text=text)

    def paper(self, request: Request, token: str, document_id: str) -> Response:
        with self._made_of.sessions() as session:
            account = self._entrance.account(session, request, token)
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
        with self._made_of.sessions() as session:
            account = self._entrance.account(session, request, token, invoice_id=checked(invoice_id))
        item = account.item(invoice_id)
        if item is None or not _PLACE.fullmatch(number) or int(number) > len(item.exhibits):
            raise NotThere
        named = item.exhibits[int(number) - 1]
        title = account.exhibit_title(named)
        try:
            body, media_type = exhibit_file(self._made_of.rulebook.exhibits, named)
        except ExhibitUnusable as problem:
            _log.warning("exhibit %s of %s cannot be handed out: %s", number, invoice_id, problem)
            return self._entrance.shown(request, "exhibit.html", account, 404, item=item, title=title)
        return pages.file(f"{item.number}-{number}-{title}", media_type, body)

    def pay(self, request: Request, token: str) -> Response:
        invoice_id = request.query_params.get("invoice")
        with self._made_of.sessions() as session:
            account = self._entrance.account(session, request, token)
            invoice = None
            if invoice_id:
                invoice = account.item(checked(invoice_id))
                if invoice is None or invoice not in account.open:
                    raise NotThere
            items = (invoice,) if invoice is not None else account.open
            ways = paying.ways(account, items)
            return self._entrance.shown(
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
        with self._made_of.sessions() as session:
            row = self._entrance.link(session, request, token)
        content = self._entrance.links.unseal(sealed) or {}
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
            "code", self._entrance.links.seal({"link_id": account.link.link_id, "transfer": way.transfer})
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
