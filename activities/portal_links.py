"""Links into the portal: a random id, signed and dated, that stands for one customer of one seller.

The token says nothing about anybody. What it stands for, until when, and whether it was revoked is a row.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from itsdangerous import BadSignature, SignatureExpired, TimestampSigner, URLSafeTimedSerializer
from pydantic import SecretStr
from sqlalchemy.orm import Session

from store import portal
from store.schema import PortalLinkRow

#: A shorter key could be guessed.
SHORTEST_KEY = 32
#: Where the pages lie below the base URL.
PATH = "p"
#: How long a form may stay open before it is confirmed.
FORM_SECONDS = 2 * 60 * 60


class Opens(StrEnum):
    """What a token opens."""

    ACCOUNT = "account"
    FRESH_LINK = "fresh_link"
    """It was a link of ours once: it may only ask for another one."""


@dataclass(frozen=True)
class PortalLinks:
    """Makes links and reads them. Raises ValueError where the key or the address cannot be used."""

    base_url: str
    key: SecretStr = field(repr=False)
    valid: timedelta = timedelta(days=60)

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise ValueError(
                f"DUECOURSE_PORTAL_URL {self.base_url!r} is not an address customers may be sent to: "
                "write one that begins with https://"
            )
        if len(self.key.get_secret_value()) < SHORTEST_KEY:
            raise ValueError(
                f"DUECOURSE_PORTAL_KEY is not set or shorter than {SHORTEST_KEY} characters: "
                'make one with python -c "import secrets; print(secrets.token_urlsafe(32))"'
            )

    @property
    def secure(self) -> bool:
        """Whether customers reach it over TLS."""
        return self.base_url.startswith("https://")

    @staticmethod
    def new_id() -> str:
        """The id of a link that is yet to be kept."""
        return f"L-{secrets.token_hex(10)}"

    def keep(
        self,
        session: Session,
        link_id: str,
        customer_id: str,
        seller: str,
        *,
        message_id: str | None = None,
    ) -> None:
        """Write down what a link stands for; from the commit on it opens the account."""
        portal.add_link(
            session,
            customer_id=customer_id,
            seller=seller,
            expires=datetime.now(UTC) + self.valid,
            link_id=link_id,
            message_id=message_id,
        )

    def issue(self, session: Session, customer_id: str, seller: str) -> str:
        """The address of a fresh link, kept, for whoever asks on the seller's side."""
        link_id = self.new_id()
        self.keep(session, link_id, customer_id, seller)
        return self.url(link_id)

    def url(self, link_id: str) -> str:
        """The address of a link."""
        token = self._signer().sign(link_id).decode()
        return f"{self.base_url.rstrip('/')}/{PATH}/{token}"

    def read(self, session: Session, token: str) -> tuple[PortalLinkRow, Opens] | None:
        """What a token stands for; None for what we did not sign, or have no row of."""
        opens = Opens.ACCOUNT
        try:
            link_id = self._signer().unsign(token, max_age=int(self.valid.total_seconds())).decode()
        except SignatureExpired as expired:
            opens = Opens.FRESH_LINK
            link_id = (expired.payload or b"").decode()
        except (BadSignature, UnicodeError):
            return None
        row = portal.link(session, link_id)
        if row is None:
            return None
        if row.revoked_real is not None or row.expires_real <= datetime.now(UTC):
            opens = Opens.FRESH_LINK
        return row, opens

    def without_links(self, text: str, instead: str) -> str:
        """A text with every link into the portal taken out."""
        return re.sub(rf"{re.escape(self.base_url.rstrip('/'))}/{PATH}/[\w.~-]+", instead, text)

    def seal(self, content: dict[str, Any]) -> str:
        """What a form will say when it is confirmed: signed and dated, so that it comes back as it went out."""
        return self._serializer().dumps(content)

    def unseal(self, sealed: str) -> dict[str, Any] | None:
        """What a form says; None for one we did not make, or made too long ago."""
        try:
            content = self._serializer().loads(sealed, max_age=FORM_SECONDS)
        except BadSignature:
            return None
        return content if isinstance(content, dict) else None

    def _signer(self) -> TimestampSigner:
        return TimestampSigner(
            self.key.get_secret_value(),
            salt="duecourse.portal.link",
            key_derivation="hmac",
            digest_method=hashlib.sha256,
        )

    def _serializer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self.key.get_secret_value(),
            salt="duecourse.portal.form",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )


def portal_links(url: str | None, key: SecretStr | None, days: int) -> PortalLinks | None:
    """What the settings make of it; None without a portal. Raises ValueError with the setting and the fix."""
    if url is None:
        return None
    return PortalLinks(url, key or SecretStr(""), timedelta(days=days))


def key_in(folder: Path) -> SecretStr:
    """The key of a local stack, made when it is first asked for and readable by its owner alone."""
    path = folder / "portal.key"
    with suppress(FileExistsError):
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(made, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
    return SecretStr(path.read_text("ascii"))
