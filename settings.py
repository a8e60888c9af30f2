"""Settings of every process, from the environment (`DUECOURSE_…`, `.env`), `DATABASE_URL` and Temporal's own."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.channels import OFFERED_BY_ALL
from domain.vocabulary import Channel

if TYPE_CHECKING:
    from temporalio.client import Client
    from temporalio.runtime import Runtime

    from activities.adapters.openai_model import OpenAIModel

ROOT = Path(__file__).parent


class Settings(BaseSettings):
    """What an operator may set. Without anything set, mail goes to a maildir below `var/`."""

    model_config = SettingsConfigDict(env_prefix="DUECOURSE_", env_file=".env", extra="ignore")

    database_url: SecretStr = Field(
        default=SecretStr(""), validation_alias=AliasChoices("DATABASE_URL", "DUECOURSE_DATABASE_URL")
    )
    config_folder: Path = ROOT / "deploy"
    """Holds `policies/` and `sellers/`."""
    exhibit_folder: Path | None = None
    """Exhibits of invoices are read from here and from nowhere else; see docs/papers.md."""
    mail: Literal["maildir", "smtp", "sendgrid"] = "maildir"
    maildir: Path = ROOT / "var" / "mail"
    smtp_host: str = "127.0.0.1"
    smtp_port: int = 25
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_starttls: bool = False
    sendgrid_api_key: SecretStr | None = None
    sendgrid_host: str = "https://api.sendgrid.com"
    """`https://api.eu.sendgrid.com` for accounts whose data stay in the EU."""
    sendgrid_webhook_key: str | None = None
    """The public key with which SendGrid's Signed Event Webhook is verified; without it nothing is taken."""
    inbound_token: SecretStr | None = None
    """The secret last part of the address that SendGrid's Inbound Parse posts to; without it nothing is taken."""
    inbound_maildir: Path | None = None
    """A Maildir into which a mail server of yours delivers customers' answers; see docs/replies.md."""
    inbound_authserv_id: str | None = None
    """The name under which your mail server writes `Authentication-Results` into what it delivers to Maildir or IMAP;
    without it every sender there counts as unverified."""
    imap_host: str | None = None
    """An IMAP server (TLS) whose unseen mails are customers' answers."""
    imap_port: int = 993
    imap_user: str | None = None
    imap_password: SecretStr | None = None
    imap_mailbox: str = "INBOX"
    feeds: str = ""
    """RSS and Atom feeds, by blanks, in which `starter.py feeds` looks for customers: files or https addresses."""
    erp_webhook_url: str | None = None
    """Told of every credit hold and its release, signed with the secret; see docs/delivery.md."""
    erp_webhook_secret: SecretStr | None = None
    portal_url: str | None = None
    """Where customers reach the web server, such as `https://accounts.seller.example`; without it there is no
    portal and no link in any message; see docs/portal.md."""
    portal_key: SecretStr | None = None
    """Signs the links; the same for worker and web. Another key closes every link that was sent."""
    portal_days: int = Field(default=60, ge=1, le=365)
    """So long a link opens the account."""
    web_proxies: str = ""
    """Addresses of the proxies in front of the web server, by commas: only theirs are believed when they say
    where a request came from."""
    letters: Path = ROOT / "var" / "letters"
    """The print queue: one folder for each seller, one PDF for each day (docs/delivery.md)."""
    voice_webhook_url: str | None = None
    """Your telephony, told what to say to customers who prefer voice messages and have agreed to them; signed
    with the secret, see docs/delivery.md. Without it nobody is called by a machine."""
    voice_webhook_secret: SecretStr | None = None
    web_host: str = "127.0.0.1"
    web_port: int = 8080
    openai_model: str | None = None
    """The model that drafts; without a model and a key (or an endpoint of your own) every word is a template's."""
    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None
    """Any endpoint that speaks OpenAI's chat completions, such as `http://127.0.0.1:8000/v1`."""
    openai_timeout_seconds: float = Field(default=20.0, gt=0, le=40)
    """In total for one answer. A message takes at most two, within the two minutes that its drafting has."""
    openai_most_tokens: int = Field(default=1_500, gt=0)
    openai_most_bytes: int = Field(default=64 * 1024, gt=0)
    openai_reads_notes: bool = True
    """Whether relationship notes go into the question, with known names and every figure left out."""
    openai_reads_customer_text: bool = False
    """Whether what customers wrote about a dispute or promise goes into it, quoted as it is."""
    openai_reads_replies: bool = False
    """Whether customers' mails are shown to it, so that it suggests what they mean (docs/replies.md)."""
    templates: Path | None = None
    """Your own templates: files of the same name as ours win over them (docs/templates.md)."""
    health_port: int | None = None
    pdf_processes: int = 2
    activity_threads: int = 10
    continue_as_new_every: int | None = None
    """Tests only: take a new run after so many revisions of a case."""

    @property
    def offers(self) -> frozenset[Channel]:
        """The channels that are set up."""
        set_up = {Channel.PORTAL: self.portal_url, Channel.VOICE: self.voice_webhook_url}
        return OFFERED_BY_ALL | {channel for channel, url in set_up.items() if url is not None}


def language_model(settings: Settings) -> OpenAIModel | None:
    """The model that the settings name, if any. Raises ValueError with the setting and the fix."""
    if settings.openai_model is None:
        if settings.openai_api_key is not None or settings.openai_base_url is not None:
            raise ValueError("DUECOURSE_OPENAI_MODEL is not set: name the model that is to draft")
        return None
    if settings.openai_api_key is None and settings.openai_base_url is None:
        raise ValueError(
            "DUECOURSE_OPENAI_API_KEY is not set: give the key, or DUECOURSE_OPENAI_BASE_URL of an endpoint "
            "that needs none"
        )
    # Here, since importing the package takes longer than the rest of a worker together.
    from activities.adapters.openai_model import OPENAI, OpenAIModel

    return OpenAIModel(
        model=settings.openai_model,
        api_key=settings.openai_api_key or SecretStr("none"),
        base_url=settings.openai_base_url or OPENAI,
        timeout=settings.openai_timeout_seconds,
        most_tokens=settings.openai_most_tokens,
        most_bytes=settings.openai_most_bytes,
    )


async def connect(address: str | None = None, *, lazy: bool = False) -> Client:
    """A Temporal client from Temporal's own variables and profile file, or for a given address.

    `lazy` connects with the first call, so that what can do without Temporal for a while also starts without.
    """
    # Here, since half the commands of the command line only read the database.
    from temporalio.client import Client
    from temporalio.envconfig import ClientConfig

    from workflows.converter import data_converter

    config = ClientConfig.load_client_connect_config()
    if address is not None:
        config["target_host"] = address
    config.setdefault("target_host", "127.0.0.1:7233")
    return await Client.connect(**config, data_converter=data_converter, runtime=runtime(), lazy=lazy)


@cache
def runtime() -> Runtime:
    """Temporal's core with its log handed to Python's: left to itself it writes on standard output."""
    from temporalio import runtime as core

    handed_on = core.LogForwardingConfig(logger=logging.getLogger("temporalio.core"))
    log = core.LoggingConfig(filter=core.TelemetryFilter("WARN", "ERROR"), forwarding=handed_on)
    return core.Runtime(telemetry=core.TelemetryConfig(logging=log))
