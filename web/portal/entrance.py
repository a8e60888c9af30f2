"""The entrance of the portal: the account that a link opens, or the page that says why it does not."""

from __future__ import annotations

import re
from typing import Any

from fastapi import Request, Response
from sqlalchemy.orm import Session

from activities.portal_links import PATH, Opens
from activities.writing.blocks import imprint
from store.schema import PortalLinkRow
from web.parts import Parts, Portal
from web.portal import pages
from web.portal.guard import Throttle, client_address
from web.portal.view import Account, read

#: Refused tokens from one address, and pages of one link, in ten minutes.
MOST_REFUSED, MOST_PAGES, TEN_MINUTES = 40, 600, 600.0
#: Ids as the contract has them: nothing else is looked up.
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class NotThere(Exception):
    """Nothing is here, or not for this link."""


class Instead(Exception):
    """The link does not show what was asked for, but this page."""

    def __init__(self, page: Response) -> None:
        super().__init__()
        self.page = page


def checked(value: str) -> str:
    """An id of the contract. Raises NotThere for anything else, as for an id that nobody has."""
    if not _ID.fullmatch(value):
        raise NotThere
    return value


class Entrance:
    """Reads the account behind a link and shows its pages."""

    def __init__(self, made_of: Parts, of: Portal) -> None:
        self.made_of = made_of
        self.links = of.links
        self.workflows = of.workflows
        self._refused = Throttle(MOST_REFUSED, TEN_MINUTES)
        self._opened = Throttle(MOST_PAGES, TEN_MINUTES)

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
        if not self._opened.allows(row.link_id):
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
