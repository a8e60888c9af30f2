"""Checking what Duecourse stands on, one thing at a time; whatever fails ends with its fix."""

from __future__ import annotations

import asyncio
import ctypes.util
import os
import smtplib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import text
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from activities.paper.overrides import TemplatesInvalid, use_templates
from activities.paper.rendering import PdfRenderer, PdfUnavailable
from activities.rulebook import load_rulebook
from activities.writing.phrasing import LANGUAGES
from commands.failures import BadInput, Failed
from commands.place import Place, find
from commands.terminal import count, out, print_json, table, words
from deploy.local_postgres import OLDEST
from deploy.local_temporal import SEARCH_ATTRIBUTES
from settings import Settings, language_model
from store import migrate
from workflows.options import DOCUMENTS_QUEUE, LEDGER_QUEUE, MAIN_QUEUE

#: Where systems and people keep fonts; fontconfig looks there too.
_FONT_FOLDERS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path.home() / ".fonts",
    Path.home() / ".local" / "share" / "fonts",
)
_PANGO = ("pango-1.0", "pangoft2-1.0")
_PDF_TIMEOUT_S = 60.0
_CONNECT_TIMEOUT_S = 10.0
_MODEL_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Finding:
    """What one check found; `fix` is empty where all is well."""

    check: str
    ok: bool
    detail: str
    fix: str = ""


class Unwell(Exception):
    """A check failed, and this is what to do about it."""

    def __init__(self, detail: str, fix: str) -> None:
        super().__init__(detail)
        self.fix = fix


def examine(state: Path | None, *, as_json: bool) -> None:
    """Run every check; ends with 1 where one failed."""
    findings = list(_findings(state))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        listed = table(["Check", "", "Found", "Fix"], wide=["Found", "Fix"])
        for finding in findings:
            verdict = words("ok", "green") if finding.ok else words("FAILED", "bold red")
            listed.add_row(words(finding.check), verdict, words(finding.detail), words(finding.fix))
        out().print(listed)
    failed = sum(not finding.ok for finding in findings)
    if failed:
        raise Failed(f"{count(failed, 'check')} failed")


def _findings(state: Path | None) -> Iterator[Finding]:
    settings = Settings()
    yield _finding("configuration", lambda: _configuration(settings))
    yield _finding("templates", lambda: _templates(settings))
    try:
        place = find(state)
    except BadInput as problem:
        what, _, fix = str(problem).partition(": ")
        yield Finding("Temporal", False, what, fix)
        yield Finding("database", False, what, fix)
    else:
        yield _finding("Temporal", lambda: asyncio.run(_temporal(place)))
        yield _finding("workers", lambda: asyncio.run(_workers(place)))
        yield _finding("database", lambda: _database(place))
        yield _finding("schema", lambda: _schema(place))
        yield _finding("customer balances", lambda: _balances(place))
        if place.state is not None:
            settings = settings.model_copy(update={"maildir": place.state / "mail"})
            settings = settings.model_copy(update={"letters": place.state / "letters"})
    yield _finding("mail", lambda: _mail(settings))
    yield _finding("print queue", lambda: _letters(settings))
    yield _finding("model", lambda: _model(settings))
    yield _finding("fonts", _fonts)
    yield _finding("PDF libraries", _pdf)


def _finding(check: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(check, True, look())
    except Unwell as problem:
        return Finding(check, False, str(problem), problem.fix)


def _configuration(settings: Settings) -> str:
    try:
        rulebook = load_rulebook(settings.config_folder)
    except (ValueError, OSError) as problem:
        raise Unwell(str(problem), "correct that file; DUECOURSE_CONFIG_FOLDER names the folder") from None
    return (
        f"{count(len(rulebook.policies), 'policy', 'policies')} and {count(len(rulebook.sellers), 'seller')}"
        f" in {settings.config_folder}"
    )


def _templates(settings: Settings) -> str:
    try:
        own = use_templates(settings.templates)
    except TemplatesInvalid as problem:
        raise Unwell(str(problem), "correct that file, or take it out of DUECOURSE_TEMPLATES") from None
    if settings.templates is None:
        return f"ours, in {', '.join(LANGUAGES)}"
    return f"{count(own, 'template')} of your own in {settings.templates}, the others ours"


async def _connected(place: Place) -> Client:
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            return await place.client()
    except (RuntimeError, TimeoutError) as problem:
        detail = str(problem).splitlines()[0] if str(problem) else "no answer"
        raise Unwell(
            detail,
            "start it (python starter.py up), or set TEMPORAL_ADDRESS, or TEMPORAL_PROFILE with its file",
        ) from None


async def _temporal(place: Place) -> str:
    client = await _connected(place)
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    missing = [name for name in SEARCH_ATTRIBUTES if name not in listed.custom_attributes]
    if missing:
        words_ = " ".join(f"--name {name} --type {SEARCH_ATTRIBUTES[name]}" for name in missing)
        raise Unwell(
            f"search attributes are missing: {', '.join(missing)}",
            f"temporal operator search-attribute create --namespace {client.namespace} {words_}",
        )
    return f"{client.service_client.config.target_host}, namespace {client.namespace}"


async def _workers(place: Place) -> str:
    client = await _connected(place)
    idle = [
        queue for queue in (MAIN_QUEUE, LEDGER_QUEUE, DOCUMENTS_QUEUE) if not await _polled(client, queue)
    ]
    if idle:
        raise Unwell(f"nobody works on {', '.join(idle)}", "python worker.py, or python starter.py up")
    return f"at work on {MAIN_QUEUE}, {LEDGER_QUEUE}, {DOCUMENTS_QUEUE}"


async def _polled(client: Client, queue: str) -> bool:
    described = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
    )
    return bool(described.pollers)


def _database(place: Place) -> str:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with place.engine.connect() as connection:
            version = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    except SQLAlchemyError as problem:
        detail = str(problem).splitlines()[0]
        raise Unwell(detail, "start it, or correct DATABASE_URL (postgresql://user@host/name)") from None
    if version < OLDEST:
        raise Unwell(f"PostgreSQL {version}", f"use PostgreSQL {OLDEST} or newer")
    return f"PostgreSQL {version}, {place.engine.url.render_as_string()}"


def _schema(place: Place) -> str:
    from sqlalchemy.exc import SQLAlchemyError

    migrating = "DATABASE_URL=… python -m store.migrate, as the owner of the schema"
    try:
        revision = migrate.current(place.database_url)
        if revision is None:
            raise Unwell("the database is empty", migrating)
        if not migrate.is_current(place.database_url):
            raise Unwell(f"revision {revision} is not the one this version needs", migrating)
    except SQLAlchemyError as problem:
        raise Unwell(str(problem).splitlines()[0], "see database") from None
    return f"revision {revision}, as this version needs it"


def _balances(place: Place) -> str:
    """Whether what is kept of each customer is the sum over their cases."""
    from sqlalchemy.exc import SQLAlchemyError

    from store import balances

    try:
        with place.reading() as session:
            wrong = balances.differences(session)
    except SQLAlchemyError as problem:
        raise Unwell(str(problem).splitlines()[0], "see schema") from None
    if wrong:
        number = count(len(wrong), "balance differs", "balances differ")
        raise Unwell(
            f"{number} from the sum over the cases, first {wrong[0].customer_id} in {wrong[0].currency}",
            "DATABASE_URL=… python -m store.balances, as the owner of the schema; tell us how it came to that",
        )
    return "each is the sum over the customer's open cases"


def _sendgrid(settings: Settings) -> str:
    """Whether the account lets us send, and whether its reports can be believed."""
    fix = "correct DUECOURSE_SENDGRID_API_KEY and DUECOURSE_SENDGRID_HOST"
    from activities.adapters.sendgrid import SendGridTransport
    from activities.adapters.sendgrid_events import SendGridWebhook

    key = settings.sendgrid_api_key.get_secret_value() if settings.sendgrid_api_key else ""
    if not key:
        raise Unwell("SendGrid: no key is set", "set DUECOURSE_SENDGRID_API_KEY")
    problem = SendGridTransport(key, host=settings.sendgrid_host).refuses()
    if problem is not None:
        raise Unwell(f"SendGrid: {problem}", fix)
    if settings.sendgrid_webhook_key is None:
        return "SendGrid; its delivery reports are not taken (DUECOURSE_SENDGRID_WEBHOOK_KEY)"
    try:
        SendGridWebhook(settings.sendgrid_webhook_key)
    except ValueError:
        why = "SendGrid: DUECOURSE_SENDGRID_WEBHOOK_KEY is not a public key"
        raise Unwell(why, "copy the verification key of its Signed Event Webhook") from None
    return "SendGrid, with delivery reports"


def _writable(folder: Path, setting: str) -> Path:
    folder = folder.absolute()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise Unwell(f"{there} cannot be written to", f"let us write there, or set {setting}")
    return folder


def _letters(settings: Settings) -> str:
    return f"letters in {_writable(settings.letters, 'DUECOURSE_LETTERS')}"


def _model(settings: Settings) -> str:
    """Whether the endpoint that is to draft answers, found out with one tiny question."""
    named = "DUECOURSE_OPENAI_MODEL, DUECOURSE_OPENAI_API_KEY and DUECOURSE_OPENAI_BASE_URL"
    try:
        drafter = language_model(settings.model_copy(update={"openai_timeout_seconds": _MODEL_TIMEOUT_S}))
    except ValueError as problem:
        what, _, fix = str(problem).partition(": ")
        raise Unwell(what, fix or f"correct {named}") from None
    if drafter is None:
        return "none: every word is a template's"
    if (refusal := drafter.refuses()) is not None:
        fix = f"correct {named}, or take them out: templates are sent meanwhile"
        raise Unwell(f"{drafter.name}: {refusal}", fix)
    return f"{drafter.name} answers"


def _mail(settings: Settings) -> str:
    if settings.mail == "maildir":
        return f"maildir {_writable(settings.maildir, 'DUECOURSE_MAILDIR')}"
    if settings.mail == "sendgrid":
        return _sendgrid(settings)
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        with smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=_CONNECT_TIMEOUT_S) as server:
            server.noop()
    except (OSError, smtplib.SMTPException) as problem:
        raise Unwell(
            f"SMTP {where}: {problem}", "correct DUECOURSE_SMTP_HOST and DUECOURSE_SMTP_PORT"
        ) from None
    return f"SMTP {where}"


def _fonts() -> str:
    for folder in _FONT_FOLDERS:
        for kind in ("*.ttf", "*.otf"):
            if next(folder.rglob(kind), None) is not None:
                return f"in {folder}"
    raise Unwell("no TrueType or OpenType font found", "as root: apt-get install fonts-dejavu-core")


def _pdf() -> str:
    missing = [name for name in _PANGO if ctypes.util.find_library(name) is None]
    with PdfRenderer() as renderer:
        try:
            pdf = renderer.render("<p>1,250.00</p>", timeout=_PDF_TIMEOUT_S)
        except PdfUnavailable as problem:
            lacking = f"missing: {', '.join(missing)}" if missing else str(problem)
            raise Unwell(
                lacking, "as root: apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
            ) from None
        except Exception as problem:
            raise Unwell(str(problem), "run deploy/system-packages test, and look at what it says") from None
    return f"made a PDF of {len(pdf):,} bytes"
