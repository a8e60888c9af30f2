"""The worker: the composition root from settings to running task queues, with health and a graceful end.

`python worker.py [--queue main|ledger|documents|all]`
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, text
from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.account_ledger import AccountLedger
from activities.adapters.erp_webhook import Erp, ErpWebhook
from activities.adapters.letters import LetterQueue
from activities.adapters.maildir import MaildirTransport
from activities.adapters.port import Carrier, MailTransport
from activities.adapters.sendgrid import SendGridTransport
from activities.adapters.smtp import SmtpTransport
from activities.adapters.voice_webhook import VoiceWebhook
from activities.credit_holds import CreditHolds
from activities.documents import Documents
from activities.failures import QuietFailures
from activities.inbound.feed_notes import FeedWatch
from activities.inbound.inbox import ImapSource, Inbox, MaildirSource, Source
from activities.inbound.reading import MailReader
from activities.inbound.replies import Reader, Replies
from activities.invoice_waking import InvoiceWaking
from activities.ledger import Ledger
from activities.notices import Notices
from activities.paper.overrides import use_templates
from activities.paper.rendering import PdfRenderer
from activities.plan_waking import PlanWaking
from activities.portal_links import PortalLinks, portal_links
from activities.print_queue import PrintQueue, days_of
from activities.reconciliation import Reconciliation
from activities.rulebook import Rulebook, load_rulebook
from activities.writing.drafting import Drafter
from domain.vocabulary import Channel
from settings import Settings, connect, language_model
from store.database import create_engine, session_factory
from workflows.customer_account import CustomerAccount
from workflows.housekeeping import CreditHoldNotices, DailyClose, DeliveryCheck, FeedPoll, InboxPoll
from workflows.invoice_collection import InvoiceCollection
from workflows.options import DOCUMENTS_QUEUE, LEDGER_QUEUE, MAIN_QUEUE
from workflows.payment_plan import PaymentPlan
from workflows.schedules import ensure_schedules

WORKFLOWS = [
    InvoiceCollection,
    CustomerAccount,
    PaymentPlan,
    DeliveryCheck,
    DailyClose,
    CreditHoldNotices,
    InboxPoll,
    FeedPoll,
]
#: How long running activities may finish when the worker is told to stop.
GRACE = timedelta(seconds=30)
#: Our own pure modules are the same in every workflow; a test keeps clocks out of `domain`.
_PASSED_THROUGH = (
    "domain",
    "activities",
    "workflows.story",
    "workflows.plan_story",
    "workflows.options",
    "workflows.arrivals",
    "pydantic_core",
)


@dataclass
class Parts:
    """What the activities are made of; tests put their own in."""

    engine: Engine
    rulebook: Rulebook
    transport: MailTransport
    renderer: PdfRenderer
    carriers: Mapping[Channel, Carrier] = field(default_factory=dict)
    """What carries letters and voice messages; a channel without one is not used or waits."""
    letters: PrintQueue | None = None
    """The days of the print queue, to be closed."""
    drafter: Drafter | None = None
    """None: every word is a template's."""
    portal: PortalLinks | None = None
    """None: messages carry no link into the portal."""
    erp: Erp | None = None
    """None: nobody is told of credit holds; they are rows alone."""
    inboxes: tuple[Source, ...] = ()
    """Where mail from customers is fetched; empty: nowhere."""
    feeds: tuple[str, ...] = ()
    """Files and addresses of RSS and Atom feeds."""
    reader: Reader | None = None
    """None: what a mail may mean is read from its words alone."""
    authserv_id: str | None = None
    """Who may vouch for senders in the mails that are fetched; None: nobody."""
    threads: int = 10
    notices: dict[str, Any] = field(default_factory=dict)
    """Hooks of the fault tests around claim and send."""


def parts(settings: Settings) -> Parts:
    """Build everything from settings. Raises with the setting and the fix."""
    url = settings.database_url.get_secret_value()
    if not url:
        raise ValueError(
            "DATABASE_URL is not set: name a PostgreSQL database, such as postgresql://user@host/name"
        )
    use_templates(settings.templates)
    rulebook = load_rulebook(
        settings.config_folder,
        exhibits=settings.exhibit_folder,
        offers=settings.offers,
        continue_as_new_every=settings.continue_as_new_every,
    )
    return Parts(
        engine=create_engine(url, pool_size=settings.activity_threads * 2 + settings.pdf_processes),
        rulebook=rulebook,
        transport=mail_transport(settings),
        renderer=PdfRenderer(processes=settings.pdf_processes),
        carriers=carriers(settings, rulebook),
        letters=PrintQueue(settings.letters, days_of(rulebook)),
        drafter=drafter(settings),
        portal=portal_links(settings.portal_url, settings.portal_key, settings.portal_days),
        erp=erp(settings),
        inboxes=inboxes(settings),
        feeds=tuple(settings.feeds.split()),
        reader=reader(settings),
        authserv_id=settings.inbound_authserv_id,
        threads=settings.activity_threads,
    )


def inboxes(settings: Settings) -> tuple[Source, ...]:
    """Where mail from customers waits. Raises with the setting and the fix."""
    found: list[Source] = []
    if settings.inbound_maildir is not None:
        found.append(MaildirSource(settings.inbound_maildir))
    if settings.imap_host is not None:
        if settings.imap_user is None or settings.imap_password is None:
            raise ValueError("DUECOURSE_IMAP_USER and DUECOURSE_IMAP_PASSWORD are not set: give both")
        found.append(
            ImapSource(
                settings.imap_host,
                settings.imap_user,
                settings.imap_password.get_secret_value(),
                port=settings.imap_port,
                mailbox=settings.imap_mailbox,
            )
        )
    return tuple(found)


def carriers(settings: Settings, rulebook: Rulebook) -> dict[Channel, Carrier]:
    """What carries the channels beside mail. Raises with the setting and the fix."""
    found: dict[Channel, Carrier] = {Channel.LETTER: LetterQueue(settings.letters, days_of(rulebook))}
    if settings.voice_webhook_url is not None:
        secret = settings.voice_webhook_secret.get_secret_value() if settings.voice_webhook_secret else ""
        found[Channel.VOICE] = VoiceWebhook(settings.voice_webhook_url, secret)
    return found


def erp(settings: Settings) -> Erp | None:
    """Whom to tell of credit holds. Raises with the setting and the fix."""
    if settings.erp_webhook_url is None:
        return None
    secret = settings.erp_webhook_secret.get_secret_value() if settings.erp_webhook_secret else ""
    return ErpWebhook(settings.erp_webhook_url, secret)


def reader(settings: Settings) -> Reader | None:
    """What suggests the meaning of customers' mail beside its words, where a model may read it."""
    model = language_model(settings) if settings.openai_reads_replies else None
    return None if model is None else MailReader(model)


def drafter(settings: Settings) -> Drafter | None:
    """What drafts with a model, where the settings name one. Raises with the setting and the fix."""
    model = language_model(settings)
    if model is None:
        return None
    return Drafter(
        model,
        reads_notes=settings.openai_reads_notes,
        reads_customer_text=settings.openai_reads_customer_text,
    )


def mail_transport(settings: Settings) -> MailTransport:
    """The mail adapter that the settings name."""
    if settings.mail == "maildir":
        return MaildirTransport(settings.maildir)
    if settings.mail == "sendgrid":
        key = settings.sendgrid_api_key.get_secret_value() if settings.sendgrid_api_key else ""
        if not key:
            raise ValueError("DUECOURSE_SENDGRID_API_KEY is not set: create a key with Mail Send at SendGrid")
        return SendGridTransport(key, host=settings.sendgrid_host)
    password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
    return SmtpTransport(
        settings.smtp_host,
        settings.smtp_port,
        starttls=settings.smtp_starttls,
        user=settings.smtp_user,
        password=password,
    )


def workflow_runner() -> SandboxedWorkflowRunner:
    """The sandbox in which workflows run, live and in replay."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*_PASSED_THROUGH)
    return SandboxedWorkflowRunner(restrictions=restrictions)


def workers(
    client: Client, made_of: Parts, queues: Sequence[str] = (MAIN_QUEUE, LEDGER_QUEUE, DOCUMENTS_QUEUE)
) -> list[Worker]:
    """A worker for each task queue, sharing the parts."""
    sessions = session_factory(made_of.engine)
    ledger = Ledger(sessions, made_of.rulebook, made_of.renderer)
    account = AccountLedger(sessions, made_of.rulebook)
    notices = Notices(
        sessions,
        made_of.rulebook,
        made_of.transport,
        carriers=made_of.carriers,
        drafter=made_of.drafter,
        portal=made_of.portal,
        **made_of.notices,
    )
    documents = Documents(sessions, made_of.rulebook, made_of.renderer)
    reconciliation = Reconciliation(
        sessions,
        made_of.rulebook,
        made_of.transport,
        carriers=made_of.carriers,
        letters=made_of.letters,
        renderer=made_of.renderer,
    )
    credit_holds = CreditHolds(sessions, made_of.erp)
    replies = Replies(sessions, made_of.rulebook, made_of.reader, authserv_id=made_of.authserv_id)
    inbox = Inbox(replies, made_of.inboxes)
    feeds = FeedWatch(sessions, made_of.feeds)
    plans = PlanWaking(client, MAIN_QUEUE)
    activities: dict[str, list[Callable[..., Any]]] = {
        MAIN_QUEUE: [
            notices.draft_notice,
            notices.draft_plan_notice,
            notices.send_notice,
            reconciliation.reconcile_deliveries,
            reconciliation.close_day,
            credit_holds.tell_erp,
            inbox.poll_inbox,
            feeds.read_feeds,
        ],
        LEDGER_QUEUE: [
            ledger.open_case,
            ledger.record_facts,
            ledger.review_case,
            ledger.follow_plan,
            plans.wake_plans,
            InvoiceWaking(client).wake_invoices,
            account.record_account_facts,
        ],
        DOCUMENTS_QUEUE: [documents.render_documents],
    }
    return [
        Worker(
            client,
            task_queue=queue,
            workflows=WORKFLOWS if queue == MAIN_QUEUE else [],
            workflow_runner=workflow_runner(),
            interceptors=[QuietFailures()],
            activities=activities[queue],
            activity_executor=ThreadPoolExecutor(made_of.threads, thread_name_prefix=queue),
            max_concurrent_activities=made_of.threads,
            graceful_shutdown_timeout=GRACE,
        )
        for queue in queues
    ]


async def run(settings: Settings, queues: Sequence[str]) -> None:
    """Work until told to stop (SIGINT or SIGTERM), then finish what is under way."""
    made_of = parts(settings)
    client = await connect()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as running:
        if settings.health_port is not None:
            await running.enter_async_context(health(settings.health_port, made_of.engine, client))
        for each in workers(client, made_of, queues):
            await running.enter_async_context(each)
        if MAIN_QUEUE in queues:
            await ensure_schedules(
                client,
                erp=made_of.erp is not None,
                inbox=bool(made_of.inboxes),
                feeds=bool(made_of.feeds),
            )
        print(f"working on {', '.join(queues)}", file=sys.stderr, flush=True)
        await stop.wait()
    made_of.renderer.close()
    made_of.engine.dispose()


@contextlib.asynccontextmanager
async def health(port: int, engine: Engine, client: Client) -> Any:
    """`/healthz` says the process lives, `/readyz` that database and Temporal answer."""

    def database_answers() -> bool:
        with engine.connect() as connection:
            return connection.execute(text("select 1")).scalar() == 1

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readline()
        ready = True
        if b" /readyz" in request:
            try:
                ready = (
                    await asyncio.to_thread(database_answers) and await client.service_client.check_health()
                )
            except Exception:
                ready = False
        status = "200 OK" if ready else "503 Service Unavailable"
        body = "ok\n" if ready else "not ready\n"
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    async with server:
        yield server


def main() -> int:
    """Parse the command line and work."""
    queues = {"main": [MAIN_QUEUE], "ledger": [LEDGER_QUEUE], "documents": [DOCUMENTS_QUEUE]}
    queues["all"] = [MAIN_QUEUE, LEDGER_QUEUE, DOCUMENTS_QUEUE]
    parser = argparse.ArgumentParser(description="Run Duecourse's activities and workflows.")
    parser.add_argument("--queue", choices=sorted(queues), default="all", help="which task queues to work on")
    arguments = parser.parse_args()
    try:
        asyncio.run(run(Settings(), queues[arguments.queue]))
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
