"""How a page is made: the templates, what every page carries, and the answers that say no politely."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from domain.money import Money
from web.portal.view import Account
from web.portal.words import Words, browsers_language

HERE = Path(__file__).parent
STATIC = HERE / "static"
#: What a page may load and do: our own files, pictures it carries itself, forms to ourselves; nothing else.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
#: What a file may do that is kept and not shown: nothing, whatever is in it and however it is opened.
FILE_POLICY = "default-src 'none'; sandbox; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_ENDINGS = {
    "application/pdf": ".pdf",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "text/plain": ".txt",
    "text/calendar": ".ics",
}
#: What a browser is told where customers reach the pages over TLS.
STRICT_TRANSPORT = "max-age=31536000"

#: Languages as their speakers call them.
LANGUAGE_NAMES = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español", "pt": "Português"}


@cache
def environment() -> Environment:
    """Everything printed is escaped; an undefined name is an error."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["static"] = _static
    made.globals["language_names"] = LANGUAGE_NAMES
    return made


@cache
def _static(name: str) -> str:
    """The address of one of our files; another content has another one."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def render(name: str, account: Account, status: int = 200, **values: Any) -> HTMLResponse:
    """A page of an account."""
    html = (
        environment()
        .get_template(name)
        .render(a=account, t=account.words, h=account.words.habits, say=account.words.labels, **values)
    )
    return HTMLResponse(html, status)


def file(name: str, media_type: str, body: bytes) -> Response:
    """A file for the customer to keep, never shown in the page. It ends as what it is, whatever it is called."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", plain).strip("._")[:80] or "file"
    ending = _ENDINGS.get(media_type, "")
    if not safe.lower().endswith((ending, ".jpeg") if media_type == "image/jpeg" else ending):
        safe += ending
    headers = {
        "content-disposition": f'attachment; filename="{safe}"',
        "content-security-policy": FILE_POLICY,
    }
    return Response(body, media_type=media_type, headers=headers)


def plain_page(name: str, request: Request, status: int, **values: Any) -> HTMLResponse:
    """A page without an account, in the language of the browser."""
    language = browsers_language(request.headers.get("accept-language", ""))
    words = Words(language, language)
    html = environment().get_template(name).render(t=words, lang=language, **values)
    return HTMLResponse(html, status)


def not_found(request: Request) -> Response:
    """The same for whatever is not there, or not this customer's."""
    return plain_page("plain.html", request, 404, kind="not_found")


def unavailable(request: Request) -> Response:
    """Something we need does not answer; nothing was taken down."""
    answer = plain_page("plain.html", request, 503, kind="unavailable")
    answer.headers["retry-after"] = "60"
    return answer


def too_many(request: Request) -> Response:
    """Slow down."""
    answer = plain_page("plain.html", request, 429, kind="too_many")
    answer.headers["retry-after"] = "600"
    return answer


def too_large(request: Request) -> Response:
    """More was sent than is taken."""
    return plain_page("plain.html", request, 413, kind="too_large")


def total_text(totals: dict[str, Money], words: Words) -> str:
    """Amounts of several currencies as one phrase."""
    return words.habits.amounts(totals.values())
