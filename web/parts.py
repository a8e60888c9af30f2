"""What the web application is made of: settings give it to the process, tests bring their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import SecretStr
from sqlalchemy.orm import Session, sessionmaker

from activities.adapters.sendgrid_events import SendGridWebhook
from activities.inbound.replies import Reader
from activities.portal_links import PortalLinks
from activities.rulebook import Rulebook
from web.portal.workflows import Workflows


@dataclass(frozen=True)
class Portal:
    """What the customers' pages are made of."""

    links: PortalLinks
    workflows: Workflows


@dataclass(frozen=True)
class Parts:
    """What the pages are made of."""

    sessions: sessionmaker[Session]
    rulebook: Rulebook
    nudge: Callable[[str], Awaitable[None]]
    """Wakes the workflow of an invoice; one that has ended needs no waking."""
    sendgrid: SendGridWebhook | None = None
    """None: SendGrid's reports are not taken."""
    inbound: SecretStr | None = None
    """The token of the address that takes customers' mail; None: none is taken here."""
    reader: Reader | None = None
    """Suggests what a mail means; None: its words alone do."""
    portal: Portal | None = None
    """None: customers have no pages."""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
