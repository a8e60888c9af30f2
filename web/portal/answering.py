"""The way of an answer: its form, what it says word for word, the confirming POST, and what became of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from activities.portal_answers import File, PortalAnswer, PortalAnswers
from activities.portal_links import Opens
from domain.letters.letter import InvoiceFacts
from store import portal
from web.parts import Parts
from web.portal import pages, uploads
from web.portal.answers import Done, Form, Said, refused
from web.portal.entrance import Entrance, NotThere, checked
from web.portal.forms import FORMS
from web.portal.guard import Throttle, client_address
from web.portal.view import Account
from web.webhooks import wake

#: Forms sent through one link in ten minutes, and fresh links of one customer in a day.
MOST_FORMS, TEN_MINUTES = 60, 600.0
MOST_FRESH, A_DAY = 3, timedelta(days=1)


class Answering:
    """Takes answers. Only a confirming POST with what we sealed for this link changes anything."""

    def __init__(self, entrance: Entrance, made_of: Parts) -> None:
        self._entrance = entrance
        self._made_of = made_of
        self._answers = PortalAnswers(made_of.sessions, made_of.rulebook)
        self._forms = Throttle(MOST_FORMS, TEN_MINUTES)

    # -- asking -----------------------------------------------------------------------------------

    def form(self, request: Request, token: str, action: str) -> Response:
        """GET: the form, with an invoice chosen where the address names one."""
        form = _form(action)
        invoice_id = request.query_params.get("invoice")
        with self._made_of.sessions() as session:
            account = self._entrance.account(session, request, token)
            chosen = _chosen(account, [checked(invoice_id)]) if invoice_id else ()
            return self._asked(request, account, form, {}, chosen, only=bool(invoice_id))

    async def review(self, request: Request, token: str, action: str) -> Response:
        """POST: what the filled form says, to be confirmed; nothing is taken down yet."""
        form = _form(action)
        given = await request.form(max_files=4, max_fields=400)
        return await run_in_threadpool(self._reviewed, request, token, form, given)

    def _reviewed(self, request: Request, token: str, form: Form, given: FormData) -> Response:
        with self._made_of.sessions() as session:
            account = self._entrance.account(session, request, token)
            if not self._forms.allows(account.link.link_id):
                return pages.too_many(request)
            fields = {name: value for name, value in given.items() if isinstance(value, str)}
            chosen = _chosen(account, [str(each) for each in given.getlist("invoice")])
            only = fields.get("only") == "1"
            if "change" in fields:
                return self._asked(request, account, form, fields, chosen, only=only)
            said = form.read(account, fields, chosen)
            if isinstance(said, list):
                return self._asked(request, account, form, fields, chosen, problems=said, only=only)
            return self._to_confirm(request, account, form, said)

    def _asked(
        self,
        request: Request,
        account: Account,
        form: Form,
        given: Mapping[str, Any],
        chosen: tuple[InvoiceFacts, ...],
        *,
        problems: list[str] | None = None,
        only: bool = False,
    ) -> Response:
        """The form's page; `only` where it was opened for the one invoice that is chosen."""
        if form.needs_open and not account.open:
            raise NotThere
        return self._entrance.shown(
            request,
            f"{form.name}.html",
            account,
            422 if problems else 200,
            form=form,
            given=given,
            chosen=chosen,
            only=only and len(chosen) == 1,
            problems=problems or (),
            **form.shown(account, given, chosen),
        )

    def _to_confirm(
        self, request: Request, account: Account, form: Form, said: Said, problems: list[str] | None = None
    ) -> Response:
        sealed = self._entrance.links.seal(said.content())
        return self._entrance.shown(
            request,
            "confirm.html",
            account,
            422 if problems else 200,
            form=form,
            said=said,
            sealed=sealed,
            problems=problems or (),
        )

    # -- confirming -------------------------------------------------------------------------------

    async def confirm(self, request: Request, token: str) -> Response:
        """POST: take down what was sealed, tell the workflows, and go to the page of the answer."""
        given = await request.form(max_files=4, max_fields=20)
        account = await run_in_threadpool(self._opened, request, token)
        if not self._forms.allows(account.link.link_id):
            return pages.too_many(request)
        sealed = given.get("sealed")
        content = self._entrance.links.unseal(sealed) if isinstance(sealed, str) else None
        if content is None or content.get("link_id") != account.link.link_id:
            return self._entrance.shown(request, "expired.html", account, 422)
        said = Said.of(content)
        form = _form(said.action)
        files: list[File] = []
        if form.takes_files:
            sent = [file for file in given.getlist("files") if isinstance(file, UploadFile)]
            files, problems = await uploads.taken(sent, account.words)
            if problems:
                return self._to_confirm(request, account, form, said, problems)
        if await run_in_threadpool(self._begin, request, account, said, files):
            done = await form.carry_out(account, said, self._entrance.workflows, len(files))
            nudged = await run_in_threadpool(self._finish, account, said, done)
            await wake(self._made_of.nudge, nudged)  # one that cannot be woken looks for itself later
        return RedirectResponse(account.path("answer", said.answer_id), 303)

    def _opened(self, request: Request, token: str) -> Account:
        with self._made_of.sessions() as session:
            return self._entrance.account(session, request, token)

    def _begin(self, request: Request, account: Account, said: Said, files: list[File]) -> bool:
        answer = PortalAnswer(
            answer_id=said.answer_id,
            link_id=said.link_id,
            action=said.action,
            invoices=said.invoices,
            text=f"{said.text}\n\n{said.follows}",
            language=said.language,
            address=client_address(request),
            files=tuple(hashlib.sha256(file.body).hexdigest() for file in files),
        )
        return self._answers.begin(account.link, answer, said.values, files, self._made_of.now())

    def _finish(self, account: Account, said: Said, done: Done) -> tuple[str, ...]:
        return self._answers.finish(
            account.link,
            said.answer_id,
            done.outcome,
            self._made_of.now(),
            noted=done.noted,
            tasks=done.tasks if any(rule is None for rule in done.outcome.values()) else (),
        )

    # -- afterwards -------------------------------------------------------------------------------

    def answered(self, request: Request, token: str, answer_id: str) -> Response:
        """GET: what was said, and what became of it."""
        with self._made_of.sessions() as session:
            account = self._entrance.account(session, request, token)
            row = portal.answer(session, checked(answer_id))
            if row is None or row.action not in FORMS:
                raise NotThere
            if (row.customer_id, row.seller) != (account.link.customer_id, account.link.seller):
                raise NotThere
            outcome = row.outcome
            rules = {i: rule for i, rule in (outcome or {}).items() if rule is not None}
            return self._entrance.shown(
                request,
                "answered.html",
                account,
                said=row.said,
                on=account.local_date(row.at),
                is_done=outcome is not None,
                all_refused=bool(rules) and len(rules) == len(outcome or {}),
                refusals=[refused(account, rule, invoice_id) for invoice_id, rule in rules.items()],
                confirmation=account.confirmation(),
            )

    async def fresh(self, request: Request, token: str) -> Response:
        """POST: send a fresh link to the address we know. The same page comes back whatever happens."""
        given = await request.form(max_files=0, max_fields=5)
        sealed = given.get("sealed")
        content = self._entrance.links.unseal(sealed) if isinstance(sealed, str) else None
        nudged = await run_in_threadpool(self._fresh, token, (content or {}).get("fresh"))
        await wake(self._made_of.nudge, nudged)
        return pages.plain_page("fresh.html", request, 200, asked=True)

    def _fresh(self, token: str, meant: object) -> tuple[str, ...]:
        with self._made_of.sessions() as session:
            found = self._entrance.links.read(session, token)
        if found is None or found[1] is not Opens.FRESH_LINK or found[0].link_id != meant:
            return ()
        since = datetime.now(UTC) - A_DAY
        return self._answers.ask_for_link(found[0], self._made_of.now(), most=MOST_FRESH, since=since)


def _form(action: str) -> Form:
    if action not in FORMS:
        raise NotThere
    return FORMS[action]


def _chosen(account: Account, invoice_ids: list[str]) -> tuple[InvoiceFacts, ...]:
    """The invoices that are named. Raises NotThere for one that is not open, or not the customer's."""
    known = {item.invoice_id: item for item in account.open}
    if not set(invoice_ids) <= set(known):
        raise NotThere
    return tuple(item for item in account.open if item.invoice_id in set(invoice_ids))
