"""The audit log: a hash chain per customer, anchored daily, and a check that finds every tampering.

A row's hash covers the row and the hash before it. The customer's row holds the head of the chain, and
an anchor holds all heads that moved; print its hash somewhere else, and nobody can rewrite what came
before it. Personal text stands apart and the chain holds only its salted hash, so that a text can be
erased; the erasure itself is a row.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store import canonical, customers
from store.schema import AuditAnchorHeadRow, AuditAnchorRow, AuditRow, AuditTextRow, CustomerRow

TEXT_ERASED = "text_erased"
_FIRST = bytes(32)


@dataclass(frozen=True)
class Problem:
    """Something in the log that is not as it was written. Without a customer it concerns an anchor."""

    customer_id: str | None
    seq: int | None
    what: str


def append(
    session: Session,
    customer: CustomerRow,
    *,
    at: datetime,
    kind: str,
    ref: str,
    body: Mapping[str, Any],
    text: str | None = None,
) -> int:
    """Add a row to a customer's chain and return its number; it is written with the session's next flush.

    Call with the customer's lock held: `customer` is the row as `customers.lock` returned it. `body` is
    kept for ever: ids, states, rules, amounts as integers or strings; no names, no words of people, no
    floats. What is personal goes into `text`.
    """
    salt = secrets.token_bytes(16)
    row = AuditRow(
        customer_id=customer.customer_id,
        seq=customer.audit_seq + 1,
        at=at,
        recorded_at=datetime.now(UTC),
        kind=kind,
        ref=ref,
        body=json.loads(canonical.dumps(body), parse_float=_refuse_float),
        text_sha256=None if text is None else _text_hash(salt, text),
        prev_hash=customer.audit_head or _FIRST,
    )
    row.hash = _row_hash(row)
    session.add(row)
    if text is not None:
        session.add(AuditTextRow(row=row, salt=salt, body=text))
    customer.audit_seq, customer.audit_head = row.seq, row.hash
    return row.seq


def erase(session: Session, customer_id: str, seq: int, *, at: datetime) -> None:
    """Erase the personal text of a row; the chain stays valid and says that it was erased."""
    append(session, customers.lock(session, customer_id), at=at, kind=TEXT_ERASED, ref=str(seq), body={})
    session.flush()
    session.execute(select(func.erase_audit_text(customer_id, seq)))


def anchor(session: Session, day: date) -> AuditAnchorRow:
    """Anchor the heads that moved since the last anchor; the same day again gives the same anchor."""
    last = session.scalars(select(AuditAnchorRow).order_by(AuditAnchorRow.day.desc()).limit(1)).one_or_none()
    if last is not None and day <= last.day:
        if day == last.day:
            return last
        raise ValueError(f"{day} is before the last anchor of {last.day}")
    anchored = (
        select(AuditAnchorHeadRow.customer_id, func.max(AuditAnchorHeadRow.seq).label("seq"))
        .group_by(AuditAnchorHeadRow.customer_id)
        .subquery()
    )
    moved = (
        select(CustomerRow.customer_id, CustomerRow.audit_seq, CustomerRow.audit_head)
        .outerjoin(anchored, anchored.c.customer_id == CustomerRow.customer_id)
        .where(CustomerRow.audit_seq > func.coalesce(anchored.c.seq, 0))
    )
    heads = [
        AuditAnchorHeadRow(day=day, customer_id=customer_id, seq=seq, hash=head)
        for customer_id, seq, head in session.execute(moved)
    ]
    row = AuditAnchorRow(
        day=day,
        chains=len(heads),
        heads_sha256=_anchor_hash(last.heads_sha256 if last else _FIRST, day, heads),
    )
    session.add(row)
    session.flush()
    session.add_all(heads)
    return row


def verify(session: Session) -> list[Problem]:
    """Check every chain, text and anchor. Needs a fresh session: it reads one snapshot."""
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    heads = {
        customer_id: (seq, head)
        for customer_id, seq, head in session.execute(
            select(CustomerRow.customer_id, CustomerRow.audit_seq, CustomerRow.audit_head)
        )
    }
    problems: list[Problem] = []
    for customer_id, links in groupby(_links(session), key=lambda link: link[0].customer_id):
        seq, head = heads.pop(customer_id, (0, None))
        problems += _chain_problems(customer_id, links, seq, head)
    problems += [
        Problem(customer_id, seq, "the whole chain is missing")
        for customer_id, (seq, _) in heads.items()
        if seq > 0
    ]
    return problems + list(_anchor_problems(session))


def _links(session: Session) -> Iterator[tuple[AuditRow, AuditTextRow | None]]:
    rows = (
        select(AuditRow, AuditTextRow)
        .outerjoin(
            AuditTextRow,
            (AuditTextRow.customer_id == AuditRow.customer_id) & (AuditTextRow.seq == AuditRow.seq),
        )
        .order_by(AuditRow.customer_id, AuditRow.seq)
    )
    yield from session.execute(rows, execution_options={"yield_per": 1000})


def _chain_problems(
    customer_id: str,
    links: Iterator[tuple[AuditRow, AuditTextRow | None]],
    head_seq: int,
    head_hash: bytes | None,
) -> Iterator[Problem]:
    before_seq, before_hash = 0, _FIRST
    without_text, erased = set(), set()
    for row, text in links:
        if row.seq != before_seq + 1:
            yield Problem(customer_id, row.seq, f"rows {before_seq + 1} to {row.seq - 1} are missing")
        elif row.prev_hash != before_hash:
            yield Problem(customer_id, row.seq, "does not follow the row before it")
        if row.hash != _row_hash(row):
            yield Problem(customer_id, row.seq, "was changed")
        if row.text_sha256 is not None and text is None:
            without_text.add(row.seq)
        elif text is not None and row.text_sha256 != _text_hash(text.salt, text.body):
            yield Problem(customer_id, row.seq, "its text was changed")
        if row.kind == TEXT_ERASED:
            erased.add(row.ref)
        before_seq, before_hash = row.seq, row.hash
    if (before_seq, before_hash) != (head_seq, head_hash):
        yield Problem(customer_id, before_seq, f"the chain ends here, its head is row {head_seq}")
    for seq in sorted(without_text):
        if str(seq) not in erased:
            yield Problem(customer_id, seq, "its text is missing and was never erased")


def _anchor_problems(session: Session) -> Iterator[Problem]:
    unlike = (
        select(AuditAnchorHeadRow)
        .outerjoin(
            AuditRow,
            (AuditRow.customer_id == AuditAnchorHeadRow.customer_id)
            & (AuditRow.seq == AuditAnchorHeadRow.seq),
        )
        .where(AuditAnchorHeadRow.hash.is_distinct_from(AuditRow.hash))
    )
    for head in session.scalars(unlike):
        yield Problem(
            head.customer_id, head.seq, f"is missing or not the row that was anchored on {head.day}"
        )
    before = _FIRST
    for row in session.scalars(select(AuditAnchorRow).order_by(AuditAnchorRow.day)).all():
        heads = session.scalars(select(AuditAnchorHeadRow).where(AuditAnchorHeadRow.day == row.day)).all()
        if row.heads_sha256 != _anchor_hash(before, row.day, heads):
            yield Problem(
                None, None, f"the anchor of {row.day} was changed or does not follow the one before"
            )
        before = row.heads_sha256


def hashed(row: AuditRow) -> dict[str, Any]:
    """What a row's hash is taken of, in its canonical form; the row's `hash` is not part of it."""
    return {
        "customer_id": row.customer_id,
        "seq": row.seq,
        "at": row.at.astimezone(UTC).isoformat(),
        "recorded_at": row.recorded_at.astimezone(UTC).isoformat(),
        "kind": row.kind,
        "ref": row.ref,
        "body": row.body,
        "text_sha256": None if row.text_sha256 is None else row.text_sha256.hex(),
        "prev_hash": row.prev_hash.hex(),
    }


def _row_hash(row: AuditRow) -> bytes:
    return canonical.digest(hashed(row))


def _text_hash(salt: bytes, text: str) -> bytes:
    return hashlib.sha256(salt + text.encode()).digest()


def _anchor_hash(before: bytes, day: date, heads: Iterable[AuditAnchorHeadRow]) -> bytes:
    moved = sorted([head.customer_id, head.seq, head.hash.hex()] for head in heads)
    return canonical.digest({"before": before.hex(), "day": day.isoformat(), "heads": moved})


def _refuse_float(number: str) -> None:
    raise ValueError(f"{number} in an audit body: write amounts as integers or strings")
