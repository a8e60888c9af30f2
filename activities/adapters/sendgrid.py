"""Mail through SendGrid's v3 API: the frozen mail taken apart into the fields that SendGrid asks for.

SendGrid knows no idempotency, so what matters is what a failed call proves. Until a connection stands
nothing was asked of it: `Refused`. From then on only its own answer counts: 202 is accepted, 3xx and 4xx
are not, and a 5xx, a time-out or a connection that breaks is `Unknown`.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import logging
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from functools import partial
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, Request, build_opener

import python_http_client
from sendgrid import SendGridAPIClient

from activities.adapters.hang_up import hang_up_after
from activities.adapters.port import Accepted, LookupFailed, Proof, Refused, SendResult, Unknown

HOST = "https://api.sendgrid.com"
#: How long one question about an earlier message may take.
LOOKUP_TIMEOUT_S = 15.0
#: How many days back the statistics of a category are asked for: longer than anything is looked for.
LOOKUP_DAYS = 10
#: What our mails carry beside the fields of the API. SendGrid writes the others itself.
_OWN_HEADERS = ("Message-ID", "In-Reply-To", "References", "X-Duecourse-Message", "X-Duecourse-Items")
#: This mail would be refused again however often it is tried.
_PERMANENT = frozenset({400, 413, 422})
#: What a 400 names when our own settings are at fault, not the mail.
_OUR_SIDE = ("from", "reply_to", "tracking_settings")

# The client's library writes the Authorization header and the whole mail into its log at DEBUG.
logging.getLogger("python_http_client").setLevel(logging.WARNING)


@dataclass
class _Attempt:
    """How far one call has come."""

    deadline: float
    """By the monotonic clock."""
    sock: socket.socket | None = None
    status: int | None = None
    reference: str | None = None


class SendGridTransport:
    """Sends through one SendGrid account. Nothing of the case leaves but the mail itself: `custom_args` and
    the category are the message id."""

    proof: Proof = "accepted"

    def __init__(self, api_key: str, *, host: str = HOST) -> None:
        self._account = SendGridAPIClient(api_key, host=host.rstrip("/"))

    def send(
        self, message_id: str, mail: bytes, *, sender: str, recipients: Sequence[str], timeout: float
    ) -> SendResult:
        """Ask SendGrid once to send the mail. `timeout` bounds the whole call, not each packet of it."""
        body = request_body(message_id, mail, recipients)
        attempt = _Attempt(time.monotonic() + timeout)
        try:
            with hang_up_after(timeout, lambda: attempt.sock):
                self._client(attempt).mail.send.post(request_body=body, timeout=timeout)
        except HTTPError as refusal:
            return _refused(refusal.code, _said(refusal))
        except (OSError, http.client.HTTPException) as error:
            if attempt.status is None:
                late = time.monotonic() >= attempt.deadline
                reason = f"no answer within {timeout:g} seconds" if late else _described(error)
                if attempt.sock is None:
                    return Refused(f"not connected: {reason}", permanent=False)
                return Unknown(f"after connecting: {reason}")
        if attempt.status == 202:
            return Accepted(attempt.reference)
        return Unknown(f"SendGrid answered {attempt.status}")

    def lookup(self, message_id: str) -> Accepted | None:
        """Whether SendGrid knows a message by its category: from the activity feed, or, where the account
        has not bought that, from the statistics. Raises LookupFailed where it cannot say."""
        query = f'(Contains(categories,"{message_id}"))'
        try:
            try:
                found = self._ask("messages", limit=1, query=query)
            except HTTPError as no:
                if no.code not in (401, 403, 404):
                    raise
                since = (datetime.now(UTC) - timedelta(days=LOOKUP_DAYS)).date()
                days = self._ask("categories", "stats", categories=message_id, start_date=str(since))
                return Accepted() if _requests(days) else None
            messages = found["messages"]
            return Accepted(str(messages[0]["msg_id"])[:200]) if messages else None
        except HTTPError as no:
            raise LookupFailed(f"SendGrid answered {no.code}") from None
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
            raise LookupFailed(_described(error)) from None

    def refuses(self) -> str | None:
        """Why this key could not send, asked without sending anything; None where it could."""
        try:
            scopes = self._ask("scopes")["scopes"]
        except HTTPError as no:
            return "the key is not accepted" if no.code in (401, 403) else f"SendGrid answered {no.code}"
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
            return _described(error)
        return None if "mail.send" in scopes else "the key has no access to Mail Send"

    def _ask(self, *path: str, **parameters: Any) -> Any:
        attempt = _Attempt(time.monotonic() + LOOKUP_TIMEOUT_S)
        client = self._client(attempt)
        for part in path:
            client = client._(part)
        with hang_up_after(LOOKUP_TIMEOUT_S, lambda: attempt.sock):
            answer = client.get(query_params=parameters, timeout=LOOKUP_TIMEOUT_S)
        return json.loads(answer.body)

    def _client(self, attempt: _Attempt) -> _Client:
        """A client for one call: the library's own shares its headers and forgets how far it came."""
        ours = self._account.client
        return _Client(ours.host, dict(ours.request_headers), ours._version, attempt=attempt)


# -- what is asked ---------------------------------------------------------------------------------


def request_body(message_id: str, mail: bytes, recipients: Sequence[str]) -> dict[str, Any]:
    """A frozen mail as the body of `POST /v3/mail/send`: equal for equal mails.

    Links are not rewritten and nothing is tracked: what arrives is what was written.
    """
    read = message_from_bytes(mail, _class=EmailMessage, policy=policy.default)
    names = _names(read)
    to, *copies = _different(recipients)
    personalization: dict[str, Any] = {"to": [_person(to, names)], "custom_args": {"message": message_id}}
    if copies:
        personalization["cc"] = [_person(copy, names) for copy in copies]
    body: dict[str, Any] = {
        "personalizations": [personalization],
        "from": _person(read["From"].addresses[0].addr_spec, names),
        "subject": str(read["Subject"]),
        "content": [_words(part) for part in _bodies(read)],
        "headers": {name: str(read[name]) for name in _OWN_HEADERS if read[name]},
        "categories": [message_id],
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
        },
    }
    if read["Reply-To"]:
        body["reply_to"] = _person(read["Reply-To"].addresses[0].addr_spec, names)
    attachments = [_attachment(part) for part in read.iter_attachments()]
    if attachments:
        body["attachments"] = attachments
    return body


def _names(read: EmailMessage) -> dict[str, str]:
    """How the mail calls each of its addresses."""
    return {
        address.addr_spec.casefold(): address.display_name
        for header in ("From", "To", "Cc", "Reply-To")
        if read[header]
        for address in read[header].addresses
        if address.display_name
    }


def _person(email: str, names: Mapping[str, str]) -> dict[str, str]:
    name = names.get(email.casefold())
    return {"email": email, "name": name} if name else {"email": email}


def _different(recipients: Sequence[str]) -> list[str]:
    """Each address once, whatever its case: SendGrid refuses a mail that names one twice."""
    return list({email.casefold(): email for email in reversed(recipients)}.values())[::-1]


def _bodies(read: EmailMessage) -> Iterator[MIMEPart]:
    for subtype in ("plain", "html"):
        part = read.get_body((subtype,))
        if part is not None:
            yield part


def _words(part: MIMEPart) -> dict[str, str]:
    text = part.get_content().replace("\r\n", "\n")
    return {"type": part.get_content_type(), "value": text}


def _attachment(part: MIMEPart) -> dict[str, str]:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes), "our attachments are papers, never mails"
    return {
        "content": base64.b64encode(content).decode("ascii"),
        "type": part.get_content_type(),
        "filename": part.get_filename() or "attachment",
        "disposition": "attachment",
    }


# -- what is answered ------------------------------------------------------------------------------


def _refused(status: int, said: str) -> Refused | Unknown:
    """What an answer that is not 2xx proves."""
    reason = f"SendGrid answered {status}"
    if status >= 500 or status < 300:
        return Unknown(reason)
    fields = _fields(said)
    ours = bool(fields) and all(field.split(".")[0] in _OUR_SIDE for field in fields)
    if fields:
        reason += f" about {', '.join(fields)}"
    return Refused(reason[:200], permanent=status in _PERMANENT and not ours)


def _fields(said: str) -> list[str]:
    """The fields that an error names. Its text is left out: it may quote an address."""
    try:
        errors = json.loads(said)["errors"]
        named = [str(error["field"])[:60] for error in errors if error.get("field")]
    except (ValueError, LookupError, TypeError, AttributeError):
        return []
    return [name for name in dict.fromkeys(named) if name.replace("_", "").replace(".", "").isalnum()][:5]


def _said(refusal: HTTPError) -> str:
    """The body of a refusal as far as it came; its status counts without it."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return refusal.read(64_000).decode("utf-8", "replace")
    return ""


def _requests(days: Any) -> int:
    """How many mails the statistics of one category count."""
    return sum(int(each["metrics"]["requests"]) for day in days for each in day["stats"])


def _described(error: Exception) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    return f"{type(cause).__name__}: {cause}"[:200]


# -- how it is asked -------------------------------------------------------------------------------


class _Client(python_http_client.Client):  # type: ignore[misc]  # publishes no types
    """The library's client, telling how far a call came, and following no redirect: the key would go along."""

    def __init__(self, *told: Any, attempt: _Attempt, **named: Any) -> None:
        super().__init__(*told, **named)
        self.attempt = attempt

    def _build_client(self, name: str | None = None) -> _Client:
        path = [*self._url_path, name] if name else self._url_path
        return _Client(self.host, self.request_headers, self._version, path, attempt=self.attempt)

    def _make_request(self, opener: object, request: Request, timeout: float | None = None) -> Any:
        opener = build_opener(_Http(self.attempt), _Https(self.attempt), _NoRedirect)
        response = opener.open(request, timeout=timeout)
        self.attempt.status = response.status
        self.attempt.reference = response.headers.get("X-Message-Id")
        return response


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class _Noted:
    """A connection that notes when it stands."""

    sock: socket.socket

    def __init__(self, *told: Any, attempt: _Attempt, **named: Any) -> None:
        super().__init__(*told, **named)
        self._attempt = attempt

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]  # http.client's, beside this class
        if (
            time.monotonic() >= self._attempt.deadline
        ):  # a host may have several addresses, each with its time-out
            raise TimeoutError
        self._attempt.sock = self.sock


class _HttpConnection(_Noted, http.client.HTTPConnection):
    pass


class _HttpsConnection(_Noted, http.client.HTTPSConnection):
    pass


class _Http(HTTPHandler):
    def __init__(self, attempt: _Attempt) -> None:
        super().__init__()
        self._attempt = attempt

    def http_open(self, request: Request) -> Any:
        return self.do_open(partial(_HttpConnection, attempt=self._attempt), request)


class _Https(HTTPSHandler):
    def __init__(self, attempt: _Attempt) -> None:
        super().__init__()
        self._attempt = attempt

    def https_open(self, request: Request) -> Any:
        return self.do_open(partial(_HttpsConnection, attempt=self._attempt), request)
