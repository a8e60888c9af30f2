"""The tables: what each holds, what is unique, and what may never change.

Conventions. Money is BIGINT minor units beside its ISO 4217 code. Instants are business time in UTC,
except `recorded_at` and `claimed_real`, which are the real clock. Append-only tables refuse UPDATE,
DELETE and TRUNCATE by trigger (see `store/migrations`). Whatever concerns a customer is written under
that customer's row lock (`store/customers.py`).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import (
    CHAR,
    BigInteger,
    Date,
    DateTime,
    Dialect,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Numeric,
    Sequence,
    Text,
    TypeDecorator,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class MessageState(StrEnum):
    """Where a message stands in the send protocol; `store/outbox.py` knows the transitions."""

    RESERVED = "RESERVED"
    PENDING = "PENDING"
    SENDING = "SENDING"
    SENT = "SENT"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Approval(StrEnum):
    """What a person said about a message that needs one."""

    REQUESTED = "requested"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"


class TaskState(StrEnum):
    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"


class Instant(TypeDecorator[datetime]):
    """`timestamptz` that refuses a datetime without a zone and always reads back in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)


def _words(name: str, words: type[StrEnum]) -> Enum:
    """A text column that holds the values of `words` and nothing else."""
    return Enum(
        words,
        native_enum=False,
        create_constraint=True,
        length=16,
        name=name,  # of the check constraint
        values_callable=lambda members: [member.value for member in members],
    )


Minor = Annotated[int, mapped_column(BigInteger)]
Currency = Annotated[str, mapped_column(CHAR(3))]
Recorded = Annotated[datetime, mapped_column(Instant, server_default=func.clock_timestamp())]
CustomerKey = Annotated[str, mapped_column(ForeignKey("customers.customer_id"))]
InvoiceKey = Annotated[str, mapped_column(ForeignKey("cases.invoice_id"))]


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "ck": "%(table_name)s_%(constraint_name)s_check",
        }
    )
    type_annotation_map = {
        str: Text,
        bytes: LargeBinary,
        datetime: Instant,
        date: Date,
        dict[str, Any]: JSONB(none_as_null=True),
        list[str]: ARRAY(Text),
        MessageState: _words("state", MessageState),
        Approval: _words("approval", Approval),
        TaskState: _words("state", TaskState),
    }


class CustomerRow(Base):
    """A customer as last told. This row is the lock behind which everything about them is written."""

    __tablename__ = "customers"

    customer_id: Mapped[str] = mapped_column(primary_key=True)
    profile: Mapped[dict[str, Any]]  # contract `Customer`; just its id until more is known
    tier: Mapped[str | None]
    country: Mapped[str | None]
    timezone: Mapped[str | None]
    latest_at: Mapped[datetime | None]  # newest business time recorded for this customer
    newest_opening_at: Mapped[datetime | None]
    last_unsolicited_on: Mapped[date | None]  # in the customer's zone
    # Remittances that are being moved to their invoices: how far, by payment id (`activities/account_ledger.py`).
    allocating: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    audit_seq: Mapped[int] = mapped_column(BigInteger, default=0)  # head of the audit chain
    audit_head: Mapped[bytes | None]
    recorded_at: Mapped[Recorded]


class CaseRow(Base):
    """One invoice: the read model, written in the transaction of the fact that changed it."""

    __tablename__ = "cases"

    invoice_id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[CustomerKey]  # who is written to (`bill_to`)
    owner_id: Mapped[CustomerKey]  # who is named on the invoice
    seller: Mapped[str]
    number: Mapped[str]
    currency: Mapped[Currency]
    invoice: Mapped[dict[str, Any]]  # contract `Invoice`
    start_sha256: Mapped[bytes]
    policy_name: Mapped[str]
    policy_version: Mapped[str]
    policy: Mapped[dict[str, Any]]  # the body that this case started with, or was moved to
    arm: Mapped[str | None]  # of the hold-out, drawn when the case was opened; null: there was none
    early_payment_tolerance: Mapped[int | None] = mapped_column(BigInteger)  # minor units, at the opening
    cycle: Mapped[int] = mapped_column(default=0)
    revision: Mapped[int] = mapped_column()  # 1, and one more with each write
    opened_at: Mapped[datetime]
    issued_on: Mapped[date | None]
    due_on: Mapped[date]
    amount_minor: Mapped[Minor]
    balance_minor: Mapped[Minor]
    stage: Mapped[str] = mapped_column(default="scheduled")
    waiting_on: Mapped[str | None]
    waiting_until: Mapped[datetime | None]
    next_step: Mapped[str | None]
    next_at: Mapped[datetime | None]
    why: Mapped[str] = mapped_column(default="")
    risk: Mapped[str] = mapped_column(default="low")
    decision: Mapped[dict[str, Any] | None]  # the last one
    outcome: Mapped[str | None]
    closed_at: Mapped[datetime | None]  # a paid or referred case is still open while it is watched
    settled_on: Mapped[date | None]
    recorded_at: Mapped[Recorded]

    __mapper_args__ = {"version_id_col": revision}
    __table_args__ = (
        UniqueConstraint("invoice_id", "currency"),  # for the ledger to point at
        Index("cases_open_customer_idx", "customer_id", postgresql_where=text("closed_at IS NULL")),
        Index("cases_open_next_idx", "next_at", postgresql_where=text("closed_at IS NULL")),
        Index("cases_outcome_due_idx", "outcome", "due_on"),
        Index("cases_owner_idx", "owner_id"),
        Index("cases_customer_idx", "customer_id"),
    )


class CustomerBalanceRow(Base):
    """What a customer owes over all cases that are not closed. A trigger on `cases` writes it, nothing else:
    so it changes in the transaction of whatever changes a balance, whoever writes that."""

    __tablename__ = "customer_balances"

    customer_id: Mapped[CustomerKey] = mapped_column(primary_key=True)
    currency: Mapped[Currency] = mapped_column(primary_key=True)
    open_minor: Mapped[Minor]
    open_cases: Mapped[int]


class DailyFiguresRow(Base):
    """The report of a day and currency as it was known when the day was closed, append-only."""

    __tablename__ = "daily_figures"

    day: Mapped[date] = mapped_column(primary_key=True)
    currency: Mapped[Currency] = mapped_column(primary_key=True)
    figures: Mapped[dict[str, Any]]
    taken_at: Mapped[datetime]
    recorded_at: Mapped[Recorded]


class SettledInvoiceRow(Base):
    """An invoice that was paid before Duecourse came: what behaviour is learned from.

    One that got a case later, since its payment bounced, say, counts as the case says, and once: every reader
    leaves out those with `has_case`, which a trigger on `cases` sets.
    """

    __tablename__ = "settled_invoices"

    invoice_id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[CustomerKey] = mapped_column(index=True)
    issued_on: Mapped[date]
    due_on: Mapped[date]
    amount_minor: Mapped[Minor]
    currency: Mapped[Currency]
    settled_on: Mapped[date] = mapped_column(index=True)  # what was open on a day is what was settled after
    has_case: Mapped[bool] = mapped_column(server_default=text("false"))

    __table_args__ = (
        Index(  # for `store/trend.py`, which puts the few of these right
            "settled_invoices_out_of_order_idx",
            "invoice_id",
            postgresql_where=text("due_on < issued_on OR settled_on < issued_on"),
        ),
    )


class EventRow(Base):
    """A fact, append-only. Without an invoice it concerns the customer's account.

    An event id is unique per invoice and kind, for account facts per customer and kind.
    """

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    customer_id: Mapped[CustomerKey]
    invoice_id: Mapped[InvoiceKey | None]
    kind: Mapped[str]
    event_id: Mapped[str]
    payload: Mapped[dict[str, Any]]
    payload_sha256: Mapped[bytes]
    at: Mapped[datetime]
    recorded_at: Mapped[Recorded]

    __table_args__ = (
        Index(
            "events_invoice_key",
            *("invoice_id", "kind", "event_id"),
            unique=True,
            postgresql_where=text("invoice_id IS NOT NULL"),
        ),
        Index(
            "events_account_key",
            *("customer_id", "kind", "event_id"),
            unique=True,
            postgresql_where=text("invoice_id IS NULL"),
        ),
    )


class LedgerEntryRow(Base):
    """Money on an invoice, append-only. Positive is owed, negative reduces what is owed."""

    __tablename__ = "ledger_entries"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    invoice_id: Mapped[str]
    customer_id: Mapped[CustomerKey]
    kind: Mapped[str]
    event_id: Mapped[str]
    amount_minor: Mapped[Minor]
    currency: Mapped[Currency]
    entry_on: Mapped[date]
    recorded_at: Mapped[Recorded]

    __table_args__ = (
        UniqueConstraint("invoice_id", "kind", "event_id"),
        # What figures read: a report takes this instead of every entry (`store/receivables.py`).
        Index(
            "ledger_entries_changes_idx",
            "invoice_id",
            postgresql_include=["entry_on", "amount_minor"],
            postgresql_where=text("kind <> 'invoice'"),
        ),
        # Amounts of different currencies never meet: an entry is in the currency of its invoice.
        ForeignKeyConstraint(["invoice_id", "currency"], ["cases.invoice_id", "cases.currency"]),
    )


class AccountEntryRow(Base):
    """Unapplied cash and credit on account, append-only. Positive is available, negative was used.

    `invoice_id` names the invoice the money came from or went to, if any.
    """

    __tablename__ = "account_entries"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    customer_id: Mapped[CustomerKey]
    invoice_id: Mapped[InvoiceKey | None]
    kind: Mapped[str]
    event_id: Mapped[str]
    amount_minor: Mapped[Minor]
    currency: Mapped[Currency]
    entry_on: Mapped[date]
    recorded_at: Mapped[Recorded]

    __table_args__ = (
        UniqueConstraint(
            *("customer_id", "kind", "event_id", "invoice_id"), postgresql_nulls_not_distinct=True
        ),
    )


class MessageRow(Base):
    """The outbox: one message to a customer. Changed by `store/outbox.py` alone."""

    __tablename__ = "messages"

    message_id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[CustomerKey]
    seller: Mapped[str]
    step: Mapped[str]
    ref: Mapped[str] = mapped_column(default="")  # tells confirmations of one kind apart
    channel: Mapped[str]
    to: Mapped[list[Any]] = mapped_column(JSONB)
    cc: Mapped[list[Any]] = mapped_column(JSONB)
    state: Mapped[MessageState] = mapped_column(default=MessageState.RESERVED)
    unsolicited: Mapped[bool]
    facts: Mapped[dict[str, Any]]  # frozen; personal
    facts_sha256: Mapped[bytes]
    payload: Mapped[bytes | None]  # as it goes out; frozen with PENDING
    payload_sha256: Mapped[bytes | None]
    subject: Mapped[str | None]
    drafting: Mapped[dict[str, Any] | None]  # where the words come from; null: a template, no model asked
    approval: Mapped[Approval | None]  # null: none needed
    approval_expires_at: Mapped[datetime | None]
    approval_rank: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)  # claims so far; the current one is its token
    cancels: Mapped[int] = mapped_column(default=0)  # earlier messages for these items, overtaken by facts
    reserved_at: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    claimed_real: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    provider_ref: Mapped[str | None]
    unknown_since: Mapped[datetime | None]  # SENDING, and nobody knows whether it went out
    why: Mapped[str] = mapped_column(default="")
    recorded_at: Mapped[Recorded]

    __table_args__ = (
        UniqueConstraint("message_id", "state"),  # lets the items follow the state, see below
        Index("messages_customer_idx", "customer_id", "reserved_at"),
        Index("messages_sending_idx", "claimed_real", postgresql_where=text("state = 'SENDING'")),
        Index("messages_approval_idx", "customer_id", postgresql_where=text("approval = 'requested'")),
    )


class MessageItemRow(Base):
    """What a message says about one invoice. At most one live item per key: nothing is sent twice.

    The state is the message's: the foreign key carries every change over (`ON UPDATE CASCADE`).
    """

    __tablename__ = "message_items"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    message_id: Mapped[str]
    invoice_id: Mapped[InvoiceKey] = mapped_column(index=True)
    cycle: Mapped[int]
    step: Mapped[str]
    ref: Mapped[str] = mapped_column(default="")
    recipient: Mapped[str]
    channel: Mapped[str]
    asked_minor: Mapped[Minor]
    state: Mapped[MessageState]

    __table_args__ = (
        ForeignKeyConstraint(
            ["message_id", "state"], ["messages.message_id", "messages.state"], onupdate="CASCADE"
        ),
        Index("message_items_message_idx", "message_id"),
        Index(
            "message_items_live_key",
            *("invoice_id", "cycle", "step", "ref", "recipient", "channel"),
            unique=True,
            postgresql_where=text("state IN ('RESERVED', 'PENDING', 'SENDING', 'SENT')"),
        ),
    )


class DocumentRow(Base):
    """A paper that goes with a message."""

    __tablename__ = "documents"

    document_id: Mapped[str] = mapped_column(primary_key=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.message_id"))
    name: Mapped[str]
    media_type: Mapped[str]
    body: Mapped[bytes]
    sha256: Mapped[bytes]
    for_customer: Mapped[bool]  # else for colleagues and partners only
    recorded_at: Mapped[Recorded]

    __table_args__ = (UniqueConstraint("message_id", "name"),)


class DeliveryEventRow(Base):
    """What a provider, or a recipient's server, said about a message."""

    __tablename__ = "delivery_events"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.message_id"), index=True)
    kind: Mapped[str]
    at: Mapped[datetime]
    provider_event_id: Mapped[str | None] = mapped_column(unique=True)
    detail: Mapped[dict[str, Any]]
    recorded_at: Mapped[Recorded]


class ReplyRow(Base):
    """A mail that came in, as it came. What it is about, what it may mean and what a person made of it."""

    __tablename__ = "replies"

    reply_id: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(unique=True)  # of the mail without its way here
    raw: Mapped[bytes]  # whole, or the beginning of one that is too long
    raw_sha256: Mapped[bytes]  # of all that came
    kind: Mapped[str]  # reply, automatic or report
    customer_id: Mapped[str | None]  # null: nobody knows whose it is
    invoices: Mapped[list[str]]
    matched_by: Mapped[str]  # tag, thread, sender, person or nothing
    sender: Mapped[str]
    sender_verified: Mapped[bool] = mapped_column(server_default=text("false"))  # a server vouched for it
    subject: Mapped[str]
    text: Mapped[str]  # its words, without markup
    problem: Mapped[str] = mapped_column(default="")
    suggestion: Mapped[dict[str, Any] | None]
    answered_by: Mapped[str | None]
    answered_as: Mapped[str | None]
    received_at: Mapped[datetime]
    recorded_at: Mapped[Recorded]

    __table_args__ = (
        Index("replies_customer_idx", "customer_id", "received_at"),
        Index("replies_invoices_idx", "invoices", postgresql_using="gin"),
    )


task_numbers = Sequence("task_numbers", metadata=Base.metadata)


class TaskRow(Base):
    """The worklist: what a person has to do or look at. Changed by `store/worklist.py` alone.

    No foreign keys: bad input may name a customer or an invoice that does not exist.
    """

    __tablename__ = "tasks"

    item_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    customer_id: Mapped[str | None]
    invoice_id: Mapped[str | None]
    invoices: Mapped[list[str]]  # those a grouped task is about
    ref: Mapped[str] = mapped_column(default="")
    why: Mapped[str]
    raw: Mapped[bytes | None]
    raw_sha256: Mapped[bytes | None]
    state: Mapped[TaskState] = mapped_column(default=TaskState.OPEN)
    due_on: Mapped[date | None]
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    done_by: Mapped[str | None]
    outcome: Mapped[str | None]
    recorded_at: Mapped[Recorded]

    __table_args__ = (
        Index(
            "tasks_open_key",
            *("kind", "customer_id", "invoice_id", "ref"),
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("state = 'open'"),
        ),
        Index("tasks_key_idx", "kind", "customer_id", "invoice_id", "ref"),
        Index("tasks_invoices_idx", "invoices", postgresql_using="gin"),
    )


class CreditHoldRow(Base):
    """New orders are blocked at the ERP because of this invoice, until released."""

    __tablename__ = "credit_holds"

    invoice_id: Mapped[InvoiceKey] = mapped_column(primary_key=True)
    cycle: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[CustomerKey] = mapped_column(index=True)
    placed_at: Mapped[datetime]
    reason: Mapped[str]
    released_at: Mapped[datetime | None]
    placed_told_at: Mapped[datetime | None]  # when the ERP confirmed it, where it has a webhook
    released_told_at: Mapped[datetime | None]


class PlanRow(Base):
    """A payment plan over one or several invoices: its read model, with the terms in the words shown."""

    __tablename__ = "plans"

    plan_id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[CustomerKey]
    seller: Mapped[str]
    currency: Mapped[Currency]
    invoices: Mapped[list[str]]
    state: Mapped[str]
    terms_text: Mapped[str]  # what the customer was shown; its hash stands in the fact of acceptance
    tabled_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outstanding_minor: Mapped[Minor]
    waiting_until: Mapped[datetime | None]
    next_step: Mapped[str | None]
    why: Mapped[str]
    decision: Mapped[dict[str, Any] | None]  # the last one
    credit_limit_before: Mapped[Minor | None]
    credit_limit_after: Mapped[Minor | None]  # asked for when the plan was agreed
    credit_limit_told_at: Mapped[datetime | None]  # when the ERP confirmed it, where it has a webhook
    recorded_at: Mapped[Recorded]

    __table_args__ = (
        Index("plans_open_customer_idx", "customer_id", postgresql_where=text("ended_at IS NULL")),
    )


class BankLineRow(Base):
    """A payment on the seller's bank account, in or out, and what was made of it. Changed by `store/bank.py`."""

    __tablename__ = "bank_lines"

    line_id: Mapped[str] = mapped_column(primary_key=True)  # the payment id under which it is booked
    file_sha256: Mapped[bytes]  # of the first file that told of it
    account: Mapped[str]
    statement: Mapped[str]
    sign: Mapped[str]  # CRDT or DBIT
    amount: Mapped[Decimal] = mapped_column(Numeric)  # as the bank wrote it
    currency: Mapped[Currency]
    form: Mapped[str | None]  # the kind of message: 052, 053, 054 or CSV
    received_on: Mapped[date | None]  # the earlier of the next two
    booked_on: Mapped[date | None]
    value_on: Mapped[date | None]
    debtor: Mapped[str | None]
    debtor_iban: Mapped[str | None]
    end_to_end_id: Mapped[str | None]
    bank_reference: Mapped[str | None]
    texts: Mapped[list[str]]  # references first, then what the payer wrote
    outcome: Mapped[str]  # applied, returned, unmatched, ignored or repeated
    customer_id: Mapped[str | None]
    allocations: Mapped[dict[str, Any]]  # minor units by invoice
    deductions: Mapped[dict[str, Any] | None]  # what was kept back, by invoice: [{minor, reason, kind}]
    returns: Mapped[str | None]  # of money that went back: the line that brought it
    why: Mapped[str]
    stands_for: Mapped[list[str] | None]  # of a repeated line: those that told of its money before
    may_be: Mapped[str | None]  # of a doubtful line: the one that may have told of its money before
    pauses: Mapped[list[str] | None]  # invoices that are not asked for until a person says what it is
    told_again: Mapped[str | None]  # kept before `stands_for` was: the repeated line that stands for this one
    told_at: Mapped[datetime | None]  # when the case or account was told of it
    recorded_at: Mapped[Recorded]

    __table_args__ = (
        Index("bank_lines_end_to_end_idx", "end_to_end_id"),
        Index("bank_lines_untold_idx", "line_id", postgresql_where=text("told_at IS NULL")),
        Index("bank_lines_payer_idx", "debtor_iban", "customer_id"),
        Index("bank_lines_reference_idx", "bank_reference"),
        Index("bank_lines_amount_idx", "amount", "received_on"),
    )


class AuditRow(Base):
    """One link of a customer's audit chain, append-only. No personal text: that is in `audit_texts`."""

    __tablename__ = "audit_log"

    customer_id: Mapped[CustomerKey] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    kind: Mapped[str]
    ref: Mapped[str]
    body: Mapped[dict[str, Any]]
    text_sha256: Mapped[bytes | None]  # of salt and text
    prev_hash: Mapped[bytes]
    hash: Mapped[bytes]


class AuditTextRow(Base):
    """Personal text of an audit row. Goes only through the SQL function `erase_audit_text`."""

    __tablename__ = "audit_texts"

    customer_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    salt: Mapped[bytes]
    body: Mapped[str]
    row: Mapped[AuditRow] = relationship()

    __table_args__ = (
        ForeignKeyConstraint(["customer_id", "seq"], ["audit_log.customer_id", "audit_log.seq"]),
    )


class AuditAnchorRow(Base):
    """The heads of all chains that grew since the anchor before, under one hash. Append-only."""

    __tablename__ = "audit_anchors"

    day: Mapped[date] = mapped_column(primary_key=True)
    heads_sha256: Mapped[bytes]  # of the anchor before and these heads: print it somewhere else
    chains: Mapped[int]
    recorded_at: Mapped[Recorded]


class AuditAnchorHeadRow(Base):
    """One chain's head in an anchor. Append-only."""

    __tablename__ = "audit_anchor_heads"

    day: Mapped[date] = mapped_column(ForeignKey("audit_anchors.day"), primary_key=True)
    customer_id: Mapped[CustomerKey] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]


class SwitchRow(Base):
    """Named state of the whole installation, such as the global hold after a restore."""

    __tablename__ = "switches"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]]
    recorded_at: Mapped[Recorded]


class PortalLinkRow(Base):
    """A customer's way into the portal: what the signed token in a link stands for. Real clock throughout,
    for whether a link still opens is no question of business time."""

    __tablename__ = "portal_links"

    link_id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[CustomerKey] = mapped_column(index=True)
    seller: Mapped[str]
    message_id: Mapped[str | None] = mapped_column(ForeignKey("messages.message_id"))  # it was sent with
    expires_real: Mapped[datetime]
    revoked_real: Mapped[datetime | None]
    revoked_by: Mapped[str | None]
    recorded_at: Mapped[Recorded]


class PortalAnswerRow(Base):
    """What a customer confirmed on the portal. Its id is the form's nonce, so that it is taken once."""

    __tablename__ = "portal_answers"

    answer_id: Mapped[str] = mapped_column(primary_key=True)
    link_id: Mapped[str] = mapped_column(ForeignKey("portal_links.link_id"))
    customer_id: Mapped[CustomerKey]
    seller: Mapped[str]
    action: Mapped[str]
    said: Mapped[dict[str, Any]]  # personal: invoices, values, the exact text shown and its language
    address: Mapped[str]  # the IP address it came from; personal
    at: Mapped[datetime]
    outcome: Mapped[dict[str, Any] | None]  # null while it is under way
    recorded_at: Mapped[Recorded]

    __table_args__ = (Index("portal_answers_customer_idx", "customer_id", "recorded_at"),)


class UploadRow(Base):
    """A file that a customer sent with an answer. Shown to staff only, under its random id."""

    __tablename__ = "uploads"

    upload_id: Mapped[str] = mapped_column(primary_key=True)
    answer_id: Mapped[str] = mapped_column(ForeignKey("portal_answers.answer_id"), index=True)
    customer_id: Mapped[CustomerKey]
    name: Mapped[str]  # as the customer calls it: never used as a path
    media_type: Mapped[str]  # as its first bytes say
    body: Mapped[bytes]
    sha256: Mapped[bytes]
    recorded_at: Mapped[Recorded]
