"""From rows to cases: a customer's account and cases as the domain sees them. Call with the lock held."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ARRAY,
    CompoundSelect,
    Numeric,
    Text,
    any_,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from domain import contract as wire
from domain import facts as internal
from domain.calendar import zone_info
from domain.case import Account, Case, Stamped
from domain.channels import OFFERED_BY_ALL, ways_of
from domain.contact import Pursued
from domain.filing import apply
from domain.money import Money
from domain.pauses import calendar_of
from domain.policy import Policy
from domain.vocabulary import Channel, CustomerKind, HoldReason
from store import canonical, facts
from store.schema import (
    CaseRow,
    CreditHoldRow,
    CustomerRow,
    EventRow,
    MessageRow,
    MessageState,
    SettledInvoiceRow,
)

#: The business holidays of a country around a date; empty for a country nobody knows.
Holidays = Callable[[str | None, date], frozenset[date]]
#: Account-level kind under which an address that refused mail is noted.
CONTACT_REFUSED = "contact_refused"
#: Fields of an invoice that the contract did not have from its beginning.
_GAINED = frozenset({"payment_reference"})
#: Account-level kind of the hold that stands while a person looks at something unreadable.
UNREADABLE = "unreadable_fact"
_STANDING = (
    *("books_posted", "customer_updated", "hold_placed", "hold_released", "risk_noted"),
    *(CONTACT_REFUSED, UNREADABLE),
)

# What every decision reads, built once. Messages are written at once, so that reading them needs no flush.
_SENDING = (
    select(MessageRow.customer_id, MessageRow.claimed_at)
    .where(
        MessageRow.customer_id.in_(bindparam("customer_ids", expanding=True)),
        MessageRow.state == MessageState.SENDING,
        MessageRow.unsolicited.is_(True),
    )
    .execution_options(autoflush=False)
)
_BLOCKING = select(CreditHoldRow.customer_id, CreditHoldRow.invoice_id).where(
    CreditHoldRow.customer_id.in_(bindparam("customer_ids", expanding=True)),
    CreditHoldRow.released_at.is_(None),
)
_ROWS = (
    select(CaseRow)
    .where(CaseRow.invoice_id.in_(bindparam("invoice_ids", expanding=True)))
    .execution_options(populate_existing=True)
)
_OPEN = (
    select(CaseRow)
    .where(CaseRow.customer_id.in_(bindparam("customer_ids", expanding=True)), CaseRow.closed_at.is_(None))
    .order_by(CaseRow.invoice_id)
    .execution_options(populate_existing=True)
)
_OPEN_WITH_SELLER = _OPEN.where(CaseRow.seller == bindparam("seller"))
_PAID: CompoundSelect[date | None, date, date] = union_all(
    select(SettledInvoiceRow.issued_on, SettledInvoiceRow.due_on, SettledInvoiceRow.settled_on).where(
        SettledInvoiceRow.customer_id == bindparam("customer_id"), ~SettledInvoiceRow.has_case
    ),
    select(CaseRow.issued_on, CaseRow.due_on, CaseRow.settled_on).where(
        CaseRow.customer_id == bindparam("customer_id"), CaseRow.settled_on.is_not(None)
    ),
)

#: The policies that cases were read with: one of each name and version, with the body it was read from.
_read: dict[tuple[str, str], tuple[dict[str, Any], Policy]] = {}


def profile_of(customer: CustomerRow) -> wire.Customer:
    """The customer's particulars as last told."""
    return wire.Customer.model_validate(customer.profile)


def is_known(customer: CustomerRow) -> bool:
    """Whether the customer's own particulars are known: those of another one, whose bills they get, only
    stand in for them."""
    profile = profile_of(customer)
    return not profile.is_only_an_id and profile.customer_id == customer.customer_id


def fingerprint(invoice: wire.Invoice) -> bytes:
    """By which a start that is repeated is told from one that says something else. Fields that the contract gained
    count where they are told: what was recorded before stays the same start."""
    content = invoice.content()
    return canonical.digest(
        {name: told for name, told in content.items() if told is not None or name not in _GAINED}
    )


def fact_of(event: EventRow) -> wire.Fact | internal.InternalFact | None:
    """The fact of an invoice in a row; None for rows that only witness a request."""
    if event.kind in wire.INVOICE_SIGNALS:
        return wire.INVOICE_SIGNALS[event.kind].model_validate(event.payload)
    if event.kind in internal.INTERNAL_FACTS:
        return internal.INTERNAL_FACTS[event.kind].model_validate(event.payload)
    return None


def account_events(session: Session, customer_id: str) -> list[EventRow]:
    """The facts of a customer's account, in the order they were recorded."""
    return facts.account_events_of(session, [customer_id])[customer_id]


def standing_events(session: Session, customer_id: str) -> list[EventRow]:
    """Those of them that its cases are decided by: not its money, of which the entries tell, at less length."""
    return facts.account_events_of(session, [customer_id], _STANDING)[customer_id]


def account_of(
    session: Session,
    customer: CustomerRow,
    holidays: Holidays,
    now: datetime,
    events: Sequence[EventRow] | None = None,
    *,
    offers: Collection[Channel] = OFFERED_BY_ALL,
) -> Account:
    """What the customer's cases share. `events` are the account's, where they are read already; `offers` are
    the channels that are set up here."""
    known = None if events is None else {customer.customer_id: events}
    return accounts_of(session, [customer], holidays, now, known, offers=offers)[customer.customer_id]


def accounts_of(
    session: Session,
    customers: Sequence[CustomerRow],
    holidays: Holidays,
    now: datetime,
    events: Mapping[str, Sequence[EventRow]] | None = None,
    *,
    offers: Collection[Channel] = OFFERED_BY_ALL,
) -> dict[str, Account]:
    """What the cases of each customer share, with as many statements as for one."""
    ids = [customer.customer_id for customer in customers]
    known = facts.account_events_of(session, ids, _STANDING) if events is None else events
    unapplied = _unapplied(session, ids)
    blocking: defaultdict[str, set[str]] = defaultdict(set)
    for customer_id, invoice_id in session.execute(_BLOCKING, {"customer_ids": ids}):
        blocking[customer_id].add(invoice_id)
    sending: defaultdict[str, list[datetime]] = defaultdict(list)
    for customer_id, claimed_at in session.execute(_SENDING, {"customer_ids": ids}):
        if claimed_at is not None:
            sending[customer_id].append(claimed_at)
    return {
        customer.customer_id: _account(
            customer,
            holidays,
            now,
            offers,
            known[customer.customer_id],
            unapplied[customer.customer_id],
            frozenset(blocking[customer.customer_id]),
            sending[customer.customer_id],
        )
        for customer in customers
    }


def _account(
    customer: CustomerRow,
    holidays: Holidays,
    now: datetime,
    offers: Collection[Channel],
    events: Sequence[EventRow],
    unapplied: dict[str, int],
    blocking: frozenset[str],
    sending: Sequence[datetime],
) -> Account:
    """`blocking` are the invoices whose credit hold stands, `sending` when messages were claimed that nobody
    knows to have gone out."""
    profile = profile_of(customer)
    refused = refused_addresses(events)
    books = [
        wire.BooksPosted.model_validate(event.payload).through
        for event in events
        if event.kind == "books_posted"
    ]
    holds, released, alone = _holds(events)
    return Account(
        customer_id=customer.customer_id,
        kind=CustomerKind(profile.kind),
        zone=profile.timezone,
        holidays=holidays(profile.country or country_of(profile), now.date()),
        reachable=frozenset(
            contact.role
            for contact in profile.contacts
            if contact.email is not None and contact.email not in refused
        ),
        ways=ways_of(profile, refused, offers=offers),
        holds=holds,
        released=released,
        held_alone=alone,
        allocating=frozenset(customer.allocating),
        risk_notes=_risk_notes(events),
        unapplied=unapplied,
        newest_opening_at=customer.newest_opening_at,
        credit_holds=blocking,
        books_through=max(books, default=None),
        last_unsolicited_on=_last_unsolicited_on(customer, sending, zone_info(profile.timezone or "UTC")),
    )


def _holds(
    events: Sequence[EventRow], prefix: str = ""
) -> tuple[dict[str, Stamped[wire.HoldPlaced]], dict[str, datetime], dict[str, frozenset[str]]]:
    """The holds of an account, also those that stand because something unreadable came, the releases, and the
    only invoices that a hold is about."""
    holds: dict[str, Stamped[wire.HoldPlaced]] = {}
    released: dict[str, datetime] = {}
    alone: dict[str, frozenset[str]] = {}
    for event in events:
        if event.kind == "hold_placed":
            hold = wire.HoldPlaced.model_validate(event.payload)
            holds.setdefault(prefix + hold.hold_id, Stamped(hold, event.at, 0))
        elif event.kind == UNREADABLE:
            unreadable = internal.UnreadableFact.model_validate(event.payload)
            hold_id = f"item-{unreadable.item_id}"
            hold = wire.HoldPlaced(hold_id=hold_id, reason=HoldReason.UNREADABLE)
            holds.setdefault(prefix + hold_id, Stamped(hold, event.at, 0))
            if unreadable.invoices:
                alone.setdefault(prefix + hold_id, frozenset(unreadable.invoices))
        elif event.kind == "hold_released":
            released.setdefault(prefix + str(event.payload["hold_id"]), event.at)
    return holds, released, alone


def _risk_notes(events: Sequence[EventRow]) -> frozenset[str]:
    return frozenset(event.event_id for event in events if event.kind == "risk_noted")


def _unapplied(session: Session, customer_ids: Collection[str]) -> dict[str, dict[str, int]]:
    return {
        customer_id: {currency: money.minor for currency, money in on_account.items()}
        for customer_id, on_account in facts.unapplied(session, customer_ids).items()
    }


def _with_owner(session: Session, account: Account, owner_id: str) -> Account:
    """The account of an invoice that is written to another customer than it is for: what is known of its
    owner (holds, risks, money) counts as well."""
    if owner_id == account.customer_id:
        return account
    events = standing_events(session, owner_id)
    holds, released, alone = _holds(events, prefix=f"{owner_id}/")  # two accounts may name their holds alike
    owner = session.get_one(CustomerRow, owner_id)
    unapplied = dict(account.unapplied)
    for currency, minor in _unapplied(session, [owner_id])[owner_id].items():
        unapplied[currency] = unapplied.get(currency, 0) + minor
    return replace(
        account,
        holds={**account.holds, **holds},
        released={**account.released, **released},
        held_alone={**account.held_alone, **alone},
        allocating=account.allocating.union(owner.allocating),
        risk_notes=account.risk_notes | _risk_notes(events),
        unapplied=unapplied,
    )


def refused_addresses(events: Sequence[EventRow]) -> frozenset[str]:
    """Addresses that refused mail since the customer's contacts were last told."""
    refused: set[str] = set()
    for event in events:
        if event.kind == CONTACT_REFUSED:
            refused.add(str(event.payload["email"]))
        elif event.kind == "customer_updated" and "contacts" in event.payload["customer"]:
            refused.clear()
    return frozenset(refused)


def country_of(profile: wire.Customer) -> str | None:
    """The customer's country: stated, else that of the address."""
    return profile.country or (profile.address.country if profile.address is not None else None)


def _last_unsolicited_on(customer: CustomerRow, sending: Sequence[datetime], zone: ZoneInfo) -> date | None:
    """The gap counts from the newest message, one whose fate is unknown included."""
    days = [at.astimezone(zone).date() for at in sending]
    if customer.last_unsolicited_on is not None:
        days.append(customer.last_unsolicited_on)
    return max(days, default=None)


def policy_of(row: CaseRow) -> Policy:
    """The policy pinned to the case. Raises ValidationError where this version cannot read it."""
    known = _read.get((row.policy_name, row.policy_version))
    if known is not None and known[0] == row.policy:
        return known[1]
    policy = Policy.model_validate(row.policy)
    _read[row.policy_name, row.policy_version] = row.policy, policy
    return policy


def new_case(row: CaseRow, account: Account, policy: Policy) -> Case:
    """The case of an invoice before any fact."""
    invoice = row.invoice
    collect_on = invoice.get("collect_on")
    return Case(
        invoice_id=row.invoice_id,
        seller=row.seller,
        currency=row.currency,
        amount=Money.parse(invoice["amount"], row.currency).minor,
        due_on=date.fromisoformat(invoice["due_on"]),
        opened_at=row.opened_at,
        opened_on=calendar_of(account, policy).local_date(row.opened_at),
        account=account,
        issued_on=row.issued_on,
        collection=invoice.get("collection", "transfer"),
        collect_on=None if collect_on is None else date.fromisoformat(collect_on),
        early_payment=tuple(
            (str(term["percent"]), date.fromisoformat(term["until"]))
            for term in invoice.get("early_payment") or ()
        ),
        early_payment_tolerance=row.early_payment_tolerance,
    )


def pursued(
    session: Session,
    account: Account,
    rows: Collection[CaseRow],
    policies: Mapping[str, Policy] | None = None,
    events: Mapping[str, Sequence[EventRow]] | None = None,
) -> dict[str, Pursued]:
    """The cases of these rows, every committed fact applied. `policies` and `events` are given by invoice where
    they are read already; else each case has the policy pinned to it."""
    if events is None:
        events = facts.events_of(session, [row.invoice_id for row in rows])
    accounts = {owner: _with_owner(session, account, owner) for owner in {row.owner_id for row in rows}}
    result: dict[str, Pursued] = {}
    for row in rows:
        policy = policy_of(row) if policies is None else policies[row.invoice_id]
        case = new_case(row, accounts[row.owner_id], policy)
        for event in events[row.invoice_id]:
            fact = fact_of(event)
            if fact is not None:
                case = apply(case, fact, event.at)
        result[row.invoice_id] = Pursued(case, policy)
    return result


def billed_elsewhere(session: Session, customer_id: str) -> list[str]:
    """The customers who are written to about this customer's invoices, without the customer itself."""
    others = select(CaseRow.customer_id).where(
        CaseRow.owner_id == customer_id, CaseRow.customer_id != customer_id
    )
    return sorted(session.scalars(others.distinct()))


def written_to(session: Session, customer_id: str, invoice_ids: Collection[str]) -> dict[str, str]:
    """Who is written to about each of these invoices, of those that are this customer's."""
    found = select(CaseRow.invoice_id, CaseRow.customer_id).where(
        CaseRow.invoice_id == any_(literal(list(invoice_ids), ARRAY(Text))),
        or_(CaseRow.customer_id == customer_id, CaseRow.owner_id == customer_id),
    )
    return {row.invoice_id: row.customer_id for row in session.execute(found)}


def sellers_of(session: Session, customer_id: str, invoice_ids: Collection[str]) -> set[str]:
    """The sellers of these invoices of a customer; of all that are open where none is named."""
    named = CaseRow.invoice_id == any_(literal(list(invoice_ids), ARRAY(Text)))
    sellers = select(CaseRow.seller).where(
        named if invoice_ids else CaseRow.closed_at.is_(None),
        or_(CaseRow.customer_id == customer_id, CaseRow.owner_id == customer_id),
    )
    return set(session.scalars(sellers.distinct()))


def rows_of(session: Session, invoice_ids: Collection[str]) -> dict[str, CaseRow]:
    """The cases of these invoices that are there, read afresh."""
    found = session.scalars(_ROWS, {"invoice_ids": list(invoice_ids)})
    return {row.invoice_id: row for row in found}


def open_rows(session: Session, customer_id: str, seller: str | None = None) -> list[CaseRow]:
    """The customer's cases that have not ended (with one seller), read afresh."""
    if seller is None:
        return open_rows_of(session, [customer_id])[customer_id]
    return list(session.scalars(_OPEN_WITH_SELLER, {"customer_ids": [customer_id], "seller": seller}))


def open_rows_of(session: Session, customer_ids: Collection[str]) -> dict[str, list[CaseRow]]:
    """The cases of each customer that have not ended, read afresh."""
    rows: dict[str, list[CaseRow]] = {customer_id: [] for customer_id in customer_ids}
    for row in session.scalars(_OPEN, {"customer_ids": list(rows)}):
        rows[row.customer_id].append(row)
    return rows


def paid_history(session: Session, customer_id: str) -> list[tuple[date | None, date, date]]:
    """(issued, due, settled) of every paid invoice: imported history and closed cases, oldest first."""
    paid = session.execute(_PAID, {"customer_id": customer_id})
    return sorted(((issued, due, settled) for issued, due, settled in paid), key=lambda row: row[2])


def revenue_rank(session: Session, profile: wire.Customer) -> int | None:
    """The customer's place by annual revenue, 1 being the largest; None where none is stated."""
    if profile.annual_revenue is None:
        return None
    revenue = cast(CustomerRow.profile["annual_revenue"].astext, Numeric)
    larger = select(func.count()).where(
        CustomerRow.customer_id != profile.customer_id, revenue > Decimal(profile.annual_revenue)
    )
    return session.scalars(larger).one() + 1
