"""The customer's side of the evidence: mails that came in, what was confirmed on the portal, plans agreed on.

Mails lie in the bundle as they were sent, or their hashes would prove nothing; so do the links in them, each of
which opens the customer's account. Which those are, and whether they still open anything, is told with them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from email import message_from_bytes
from email.parser import BytesHeaderParser
from typing import Any

from sqlalchemy.orm import Session

from commands.evidence.evidence_files import Evidence, columns, file_name
from store import plans, portal, replies
from store.schema import AuditRow, CaseRow, ReplyRow

_LINK = re.compile(r"/(L-[0-9a-f]{20})\.")
_ENDINGS = {"application/pdf": ".pdf", "image/png": ".png", "image/jpeg": ".jpg"}


def add_replies(session: Session, row: CaseRow, chain: Iterable[AuditRow], found: Evidence) -> None:
    """Every mail of the customer about this invoice, or about none, as it came."""
    committed = {link.ref for link in chain if link.kind == "reply_received" and "raw_sha256" in link.body}
    for number, reply in enumerate(replies.evidence_of(session, row.customer_id, row.invoice_id), start=1):
        told = columns(reply, without={"raw", "text", "fingerprint"})
        told["file"] = f"replies/{number:03d}-{file_name(reply.reply_id)}/mail.eml"
        told["kept_sha256"] = replies.kept_sha256(reply.raw)
        told["header_message_id"] = _message_id(reply)
        told["in_chain"] = reply.reply_id in committed
        found.files[told["file"]] = reply.raw
        found.replies.append(told)
    found.add_json("replies.json", found.replies)


def add_answers(
    session: Session,
    row: CaseRow,
    facts: Iterable[Mapping[str, Any]],
    chain: Iterable[AuditRow],
    found: Evidence,
) -> None:
    """What the customer confirmed on the portal about this invoice, or about none: when, by which link, from
    which address, in which words, with which files, and what became of it."""
    committed = {fact["event_id"]: fact["payload"] for fact in facts if fact["kind"] == "portal_answer"}
    done = {link.ref for link in chain if link.kind == "portal_answer_done"}
    for answer in portal.answers_about(session, row.customer_id, row.invoice_id):
        confirmed = committed.get(answer.answer_id, {})
        order = {sha256: place for place, sha256 in enumerate(confirmed.get("files", ()))}
        uploads = sorted(
            portal.uploads_of(session, answer.answer_id), key=lambda each: order.get(each.sha256.hex(), 0)
        )
        files = []
        for number, upload in enumerate(uploads, start=1):
            ending = _ENDINGS.get(upload.media_type, "")
            name = f"portal/{file_name(answer.answer_id)}/{number:02d}{ending}"
            found.files[name] = upload.body
            told = {"file": name, "name": upload.name, "sha256": upload.sha256.hex()}
            files.append(told | {"media_type": upload.media_type})
        found.answers.append(
            {
                **columns(answer, without={"said"}),
                "text": answer.said.get("text", ""),
                "language": answer.said.get("language", ""),
                "invoices": answer.said.get("invoices", []),
                "values": answer.said.get("values", {}),
                "files": files,
                "in_chain": answer.answer_id in committed,
                "done_in_chain": answer.answer_id in done,
            }
        )
    found.add_json("portal.json", {"answers": found.answers})


def add_plans(session: Session, row: CaseRow, found: Evidence) -> None:
    """Payment plans over this invoice, with their terms in the words that were shown."""
    found.plans = [
        columns(plan, without={"decision"})
        for plan in plans.of_invoice(session, row.customer_id, row.invoice_id)
    ]
    found.add_json("plans.json", found.plans)


def add_links(session: Session, row: CaseRow, found: Evidence) -> None:
    """Every link into the portal that stands in a file of the bundle, and whether it opens anything."""
    where: dict[str, list[str]] = {}
    closed = {reply["file"] for reply in found.replies if reply["problem"]}  # too much to take apart
    for name, body in sorted(found.files.items()):
        for link_id in sorted(set(_LINK.findall(_readable(name, body, parts=name not in closed)))):
            where.setdefault(link_id, []).append(name)
    sent_with = {message["message_id"] for message in found.messages}
    now = datetime.now(UTC)
    for link in portal.links_of(session, where, sent_with):
        told = columns(link, without={"customer_id"})
        told["of_this_customer"] = link.customer_id == row.customer_id
        told["files"] = where.get(link.link_id, [])
        told["live"] = link.revoked_real is None and link.expires_real > now
        found.links.append(told)
    found.add_json("links.json", found.links)


def about_others(events: Collection[Mapping[str, Any]], row: CaseRow) -> set[str]:
    """The ids of portal answers that concern other invoices only: their words are no part of this evidence."""
    return {
        event["event_id"]
        for event in events
        if event["kind"] == "portal_answer"
        and event["payload"].get("invoices")
        and row.invoice_id not in event["payload"]["invoices"]
    }


def _message_id(reply: ReplyRow) -> str | None:
    header = BytesHeaderParser().parsebytes(reply.raw)["Message-ID"]
    return None if header is None else str(header)


def _readable(name: str, body: bytes, *, parts: bool) -> str:
    """What a person can read in a file, where links may stand: mails without their transfer encoding. No PDF of
    ours holds one."""
    if not name.endswith(".eml") or not parts:
        return "" if name.endswith(".pdf") else body.decode("utf-8", "replace")
    texts = [body]
    for part in message_from_bytes(body).walk():
        if part.get_content_maintype() in ("text", "message"):
            decoded = part.get_payload(decode=True)
            texts += [decoded] if isinstance(decoded, bytes) else []
    return "\n".join(text.decode("utf-8", "replace") for text in texts)
