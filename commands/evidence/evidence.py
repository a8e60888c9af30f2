"""What belongs to the evidence of one invoice, read from the database alone, as files by their names.

The list follows what a court asks of a business record (FRE 803(6), 902(13) and (14)): made at the time, in
regular course, by a reliable process, its copies verified by hash.
"""

from __future__ import annotations

import hashlib
import platform
import tomllib
from collections.abc import Iterable, Mapping
from email.parser import BytesHeaderParser
from importlib import metadata
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from activities.paper.exhibits import ExhibitUnusable, read_exhibit
from activities.rulebook import Rulebook
from commands.evidence.evidence_customer import about_others, add_answers, add_links, add_plans, add_replies
from commands.evidence.evidence_files import Evidence, columns, file_name
from domain import contract as wire
from domain.money import Money
from domain.vocabulary import Channel
from settings import ROOT
from store import audit, canonical, outbox, portfolio
from store import facts as ledger
from store.schema import (
    AuditAnchorHeadRow,
    AuditAnchorRow,
    AuditRow,
    AuditTextRow,
    CaseRow,
    CreditHoldRow,
    CustomerRow,
    EventRow,
    MessageItemRow,
    MessageRow,
    TaskRow,
)

#: Facts that keep collection from going on, or end that.
_HOLDS = frozenset({"hold_placed", "hold_released", "credit_hold_placed", "credit_hold_released", "snoozed"})
_APPROVALS = frozenset({"approval_asked", "approval_given", "approval_withdrawn"})
#: The packages whose versions decide what was written and sent.
_MADE_WITH = (
    "temporalio",
    "weasyprint",
    "pikepdf",
    "jinja2",
    "babel",
    "sqlalchemy",
    "psycopg",
    "openai",
)


def collect(session: Session, row: CaseRow, rulebook: Rulebook) -> Evidence:
    """Everything on one invoice. `session` should see one moment."""
    found = Evidence()
    customer = session.get_one(CustomerRow, row.customer_id)
    chain = list(
        session.scalars(
            select(AuditRow).where(AuditRow.customer_id == row.customer_id).order_by(AuditRow.seq)
        )
    )
    found.add_json("case.json", columns(row))
    found.add_json("customer.json", {"customer_id": customer.customer_id, "profile": customer.profile})
    found.ledger = _ledger(session, row)
    found.add_json("ledger.json", found.ledger)
    events = [*ledger.events_of(session, [row.invoice_id])[row.invoice_id]]
    events += portfolio.account_events(session, row.customer_id)
    facts = _facts(events, chain)
    elsewhere = about_others(facts, row)
    facts = [fact for fact in facts if fact["event_id"] not in elsewhere or fact["kind"] != "portal_answer"]
    found.add_json("facts.json", facts)
    found.add_json("holds.json", _holds(session, row, facts))
    tasks = session.scalars(
        select(TaskRow)
        .where(or_(TaskRow.invoice_id == row.invoice_id, TaskRow.invoices.contains([row.invoice_id])))
        .order_by(TaskRow.created_at, TaskRow.item_id)
    )
    found.add_json("tasks.json", [columns(task) for task in tasks])
    _messages(session, row, facts, chain, found)
    _exhibits(row, rulebook, found)
    add_replies(session, row, chain, found)
    add_answers(session, row, facts, chain, found)
    add_plans(session, row, found)
    _chain(session, row, customer, chain, elsewhere, found)
    found.software = _software(session)
    found.add_json("software.json", found.software)
    add_links(session, row, found)
    return found


def _ledger(session: Session, row: CaseRow) -> list[dict[str, Any]]:
    entries = ledger.entries_of(session, [row.invoice_id])[row.invoice_id]
    balance = Money.zero(row.currency)
    listed = []
    for entry in entries:
        amount = Money(entry.amount_minor, entry.currency)
        balance += amount
        listed.append(
            {
                "entry_on": entry.entry_on,
                "kind": entry.kind,
                "event_id": entry.event_id,
                "amount": str(amount),
                "balance": str(balance),
                "currency": entry.currency,
                "recorded_at": entry.recorded_at,
            }
        )
    return listed


def _facts(events: Iterable[EventRow], chain: Iterable[AuditRow]) -> list[dict[str, Any]]:
    committed = {(link.kind, link.ref, link.body.get("event_id")) for link in chain}
    return [
        {
            "kind": event.kind,
            "event_id": event.event_id,
            "invoice_id": event.invoice_id,
            "customer_id": event.customer_id,
            "payload": event.payload,
            "payload_sha256": event.payload_sha256.hex(),
            "at": event.at,
            "recorded_at": event.recorded_at,
            "in_chain": (event.kind, event.invoice_id or event.customer_id, event.event_id) in committed,
        }
        for event in events
    ]


def _holds(session: Session, row: CaseRow, facts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    blocked = select(CreditHoldRow).where(CreditHoldRow.invoice_id == row.invoice_id)
    return {
        "facts": [fact for fact in facts if fact["kind"] in _HOLDS],
        "credit_holds": [columns(hold) for hold in session.scalars(blocked.order_by(CreditHoldRow.cycle))],
    }


def _messages(
    session: Session,
    row: CaseRow,
    facts: Iterable[Mapping[str, Any]],
    chain: Iterable[AuditRow],
    found: Evidence,
) -> None:
    """Every message, also those that were never sent: its exact bytes, what is known of it, its papers."""
    ids = select(MessageItemRow.message_id).where(MessageItemRow.invoice_id == row.invoice_id)
    messages = session.scalars(
        select(MessageRow)
        .where(MessageRow.message_id.in_(ids))
        .order_by(MessageRow.reserved_at, MessageRow.message_id)
    ).all()
    deliveries = outbox.deliveries_of(session, [message.message_id for message in messages])
    written = {link.ref for link in chain if link.kind == "message_written"}
    approvals = [fact for fact in facts if fact["kind"] in _APPROVALS]
    for number, message in enumerate(messages, start=1):
        folder = f"messages/{number:03d}-{message.message_id}"
        told = columns(message, without={"payload"})
        told["file"] = None
        told["header_message_id"] = None
        told["in_chain"] = message.message_id in written
        if message.payload is not None:
            ending = {Channel.EMAIL: "eml", Channel.LETTER: "pdf"}.get(Channel(message.channel), "json")
            told["file"] = f"{folder}/message.{ending}"
            found.files[told["file"]] = message.payload
            if message.channel == Channel.EMAIL:
                header = BytesHeaderParser().parsebytes(message.payload)["Message-ID"]
                told["header_message_id"] = None if header is None else str(header)
        told["items"] = [
            columns(item, without={"id"}) for item in outbox.items_of(session, message.message_id)
        ]
        told["delivery_events"] = [columns(event) for event in deliveries.get(message.message_id, ())]
        told["approvals"] = [
            fact for fact in approvals if fact["payload"].get("message_id") == message.message_id
        ]
        told["papers"] = []
        for paper in outbox.documents_of(session, message.message_id):
            name = f"{folder}/{file_name(paper.name)}"
            found.files[name] = paper.body
            told["papers"].append(
                {"file": name, "media_type": paper.media_type, "sha256": paper.sha256.hex()}
            )
        found.messages.append(told)
    found.add_json("messages.json", found.messages)


def _exhibits(row: CaseRow, rulebook: Rulebook, found: Evidence) -> None:
    """The exhibits as they lie in the folder on this day; those that went out are in the papers as well."""
    invoice = wire.Invoice.model_validate(row.invoice)
    for number, exhibit in enumerate(invoice.exhibits, start=1):
        told: dict[str, Any] = {**exhibit.model_dump(mode="json"), "file": None, "problem": None}
        try:
            body = read_exhibit(rulebook.exhibits, exhibit.uri)
            ending = PurePosixPath(exhibit.uri or "").suffix
            told["file"] = f"exhibits/{number:02d}{file_name(ending) if len(ending) < 10 else ''}"
            found.files[told["file"]] = body
        except ExhibitUnusable as problem:
            told["problem"] = str(problem)
        found.exhibits.append(told)
    found.add_json("exhibits.json", found.exhibits)


def _chain(
    session: Session,
    row: CaseRow,
    customer: CustomerRow,
    chain: Iterable[AuditRow],
    elsewhere: set[str],
    found: Evidence,
) -> None:
    """The customer's whole chain, which holds no personal text, and the texts that concern this invoice."""
    lines = [{**audit.hashed(link), "hash": link.hash.hex()} for link in chain]
    found.files["audit/chain.jsonl"] = _lines(lines)
    about = {row.invoice_id, row.customer_id}
    about |= {message["message_id"] for message in found.messages}
    about |= {reply["reply_id"] for reply in found.replies}
    about |= {answer["answer_id"] for answer in found.answers}
    of_invoice = {
        link["seq"]
        for link in lines
        if link["ref"] in about
        and not (link["kind"] == "portal_answer" and link["body"].get("event_id") in elsewhere)
    }
    texts = session.scalars(
        select(AuditTextRow).where(AuditTextRow.customer_id == row.customer_id).order_by(AuditTextRow.seq)
    )
    found.files["audit/texts.jsonl"] = _lines(
        {"seq": each.seq, "salt": each.salt.hex(), "body": each.body}
        for each in texts
        if each.seq in of_invoice
    )
    head = customer.audit_head
    found.head = {
        "customer_id": row.customer_id,
        "seq": customer.audit_seq,
        "hash": None if head is None else head.hex(),
    }
    found.add_json("audit/head.json", found.head)
    anchored = session.execute(
        select(AuditAnchorHeadRow, AuditAnchorRow)
        .join(AuditAnchorRow, AuditAnchorRow.day == AuditAnchorHeadRow.day)
        .where(AuditAnchorHeadRow.customer_id == row.customer_id)
        .order_by(AuditAnchorHeadRow.day)
    )
    found.add_json(
        "audit/anchors.json",
        [
            {"day": head.day, "seq": head.seq, "hash": head.hash.hex(), "anchor": day.heads_sha256.hex()}
            for head, day in anchored
        ],
    )


def _software(session: Session) -> dict[str, Any]:
    versions = {}
    for package in _MADE_WITH:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed as a package"
    revision = session.scalar(text("select version_num from alembic_version"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return {
        "duecourse": project["version"],
        "source_sha256": _source_sha256(),
        "packages": versions,
        "python": platform.python_version(),
        "schema": revision,
        "postgresql": str(session.scalar(text("show server_version"))),
    }


def _source_sha256() -> str:
    """One hash over the program itself: the same program gives the same, wherever it runs."""
    source = hashlib.sha256()
    for package in ("activities", "commands", "domain", "store", "workflows"):
        for path in sorted((ROOT / package).rglob("*")):
            if path.suffix in (".py", ".jinja", ".txt"):
                source.update(f"{path.relative_to(ROOT).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return source.hexdigest()


def _lines(documents: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(canonical.dumps(document) + "\n" for document in documents).encode()
