"""Payments on the bank account: each is kept once, with what was made of it, whichever file told of it first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Text, cast, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.bank_lines import BankLine
from domain.cash_application import OpenInvoice, Payer
from domain.contract import CashReceived
from domain.money import Money
from store.schema import BankLineRow, CaseRow, CustomerRow, EventRow

APPLIED, RETURNED, UNMATCHED, IGNORED = "applied", "returned", "unmatched", "ignored"
#: Ids asked for, and rows added, in one statement.
_BATCH = 1_000


@dataclass(frozen=True)
class Made:
    """What was made of a line."""

    line: BankLine
    outcome: str
    why: str
    customer_id: str | None = None
    allocations: Mapping[str, int] | None = None
    """Minor units by invoice; of a return what is taken back."""
    original: str | None = None
    """Of a return: the line whose money went back."""


def known(session: Session, line_ids: Sequence[str]) -> set[str]:
    """Those of these lines that came before."""
    found: set[str] = set()
    for at in range(0, len(line_ids), _BATCH):
        batch = line_ids[at : at + _BATCH]
        found.update(session.scalars(select(BankLineRow.line_id).where(BankLineRow.line_id.in_(batch))))
    return found


def keep(session: Session, made: Made, file_sha256: bytes) -> bool:
    """Keep a line; False where somebody kept it first."""
    line = made.line
    row = {
        "line_id": line.line_id,
        "file_sha256": file_sha256,
        "account": line.account,
        "statement": line.statement,
        "sign": line.sign,
        "amount": line.amount,
        "currency": line.currency,
        "received_on": line.received_on,
        "debtor": line.debtor,
        "debtor_iban": line.debtor_iban,
        "end_to_end_id": line.end_to_end_id,
        "bank_reference": line.bank_reference,
        "texts": [*line.references, *line.texts],
        "outcome": made.outcome,
        "customer_id": made.customer_id,
        "allocations": dict(made.allocations or {}),
        "returns": made.original,
        "why": made.why,
    }
    added = insert(BankLineRow).values(row).on_conflict_do_nothing().returning(BankLineRow.line_id)
    return session.scalar(added) is not None


def untold(session: Session) -> list[BankLineRow]:
    """The lines that are booked and whose customer's account has not been told yet, the oldest first."""
    waiting = (
        select(BankLineRow)
        .where(BankLineRow.told_at.is_(None), BankLineRow.outcome.in_((APPLIED, RETURNED)))
        .order_by(BankLineRow.recorded_at, BankLineRow.line_id)
    )
    return list(session.scalars(waiting))


def told(session: Session, line_id: str, at: datetime) -> None:
    """The account knows of the line."""
    session.execute(update(BankLineRow).where(BankLineRow.line_id == line_id).values(told_at=at))


def originals(session: Session, line: BankLine) -> list[BankLineRow]:
    """The payments that came in under the ids of a return, for at least its amount."""
    if line.end_to_end_id is None and line.bank_reference is None:
        return []
    same = BankLineRow.end_to_end_id == line.end_to_end_id
    if line.end_to_end_id is None:
        same = BankLineRow.bank_reference == line.bank_reference
    payments = select(BankLineRow).where(
        same,
        BankLineRow.sign == "CRDT",
        BankLineRow.currency == line.currency,
        BankLineRow.account == line.account,
        BankLineRow.amount == line.amount,
    )
    return list(session.scalars(payments.limit(2)))


def open_invoices(session: Session) -> list[OpenInvoice]:
    """Every open invoice with what is left to pay, less what lines were applied whose payment is not
    recorded yet."""
    rows = session.execute(
        select(
            CaseRow.invoice_id,
            CaseRow.number,
            CaseRow.customer_id,
            CaseRow.due_on,
            CaseRow.balance_minor,
            CaseRow.currency,
        ).where(CaseRow.closed_at.is_(None))
    ).all()
    pending = _pending(session)
    return [
        OpenInvoice(
            row.invoice_id,
            row.number,
            row.customer_id,
            row.due_on,
            Money(row.balance_minor - pending.get(row.invoice_id, 0), row.currency),
        )
        for row in rows
    ]


def _pending(session: Session) -> dict[str, int]:
    recorded = select(EventRow.id).where(
        EventRow.kind == CashReceived.fact_kind, EventRow.event_id == BankLineRow.line_id
    )
    waiting = select(BankLineRow.allocations).where(BankLineRow.outcome == APPLIED, ~recorded.exists())
    pending: dict[str, int] = {}
    for allocations in session.scalars(waiting):
        for invoice_id, minor in allocations.items():
            pending[invoice_id] = pending.get(invoice_id, 0) + minor
    return pending


def payers(session: Session, customers: Iterable[str]) -> list[Payer]:
    """How these customers are known at a bank: their names, and the accounts they paid from before."""
    wanted = set(customers)
    ibans: dict[str, list[str]] = {}
    paid = select(BankLineRow.customer_id, BankLineRow.debtor_iban).where(
        BankLineRow.outcome == APPLIED, BankLineRow.debtor_iban.is_not(None)
    )
    for customer_id, iban in session.execute(paid.distinct()):
        if customer_id and iban:
            ibans.setdefault(customer_id, []).append(iban)
    names = select(
        CustomerRow.customer_id,
        cast(CustomerRow.profile["name"].astext, Text),
        cast(CustomerRow.profile["legal_name"].astext, Text),
    )
    return [
        Payer(id_, tuple(filter(None, (name, legal_name))), tuple(ibans.get(id_, ())))
        for id_, name, legal_name in session.execute(names)
        if id_ in wanted
    ]
