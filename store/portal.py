"""The portal's rows: links that open it, what customers answered, and the files they sent."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from store import audit, customers
from store.schema import CaseRow, CustomerRow, PortalAnswerRow, PortalLinkRow, UploadRow


def add_link(
    session: Session,
    *,
    customer_id: str,
    seller: str,
    expires: datetime,
    link_id: str,
    message_id: str | None = None,
) -> None:
    """Add a link for one customer of one seller; `expires` is of the real clock."""
    session.add(
        PortalLinkRow(
            link_id=link_id,
            customer_id=customer_id,
            seller=seller,
            message_id=message_id,
            expires_real=expires,
        )
    )


def link(session: Session, link_id: str) -> PortalLinkRow | None:
    """A link, whether or not it still opens anything."""
    return session.get(PortalLinkRow, link_id)


def revoke(
    session: Session,
    *,
    at: datetime,
    by: str,
    link_ids: Collection[str] = (),
    customer_id: str | None = None,
    why: str = "",
) -> list[str]:
    """Revoke these links, or every link of a customer; returns the ids of those that this closed, which each
    customer's audit chain holds. `at` is of the real clock."""
    if not link_ids and customer_id is None:
        raise ValueError("name links or a customer")
    wanted = select(PortalLinkRow.link_id, PortalLinkRow.customer_id).where(
        PortalLinkRow.revoked_real.is_(None),
        PortalLinkRow.customer_id == customer_id
        if customer_id is not None
        else PortalLinkRow.link_id.in_(link_ids),
    )
    owners: dict[str, list[str]] = {}
    for link_id, owner in session.execute(wanted.order_by(PortalLinkRow.customer_id, PortalLinkRow.link_id)):
        owners.setdefault(owner, []).append(link_id)
    closed: list[str] = []
    for owner, mine in owners.items():
        customer = customers.lock(session, owner)
        still = update(PortalLinkRow).where(
            PortalLinkRow.link_id.in_(mine), PortalLinkRow.revoked_real.is_(None)
        )
        done = session.scalars(
            still.values(revoked_real=at, revoked_by=by)
            .returning(PortalLinkRow.link_id)
            .execution_options(synchronize_session=False)
        )
        if ended := sorted(done):
            audit.append(
                session,
                customer,
                at=customers.advance(customer, at),
                kind="portal_links_revoked",
                ref=owner,
                body={"links": ended, "why": why},
                text=f"by {by}",
            )
            closed += ended
    return closed


def links_of(
    session: Session, link_ids: Collection[str], message_ids: Collection[str]
) -> list[PortalLinkRow]:
    """These links, and those that went out with these messages, the oldest first."""
    wanted = select(PortalLinkRow).where(
        or_(PortalLinkRow.link_id.in_(link_ids), PortalLinkRow.message_id.in_(message_ids))
    )
    return list(session.scalars(wanted.order_by(PortalLinkRow.recorded_at, PortalLinkRow.link_id)))


def cases_of(
    session: Session, customer_id: str, seller: str, *, settled: int = 10, most: int = 300
) -> list[CaseRow]:
    """What a customer sees of a seller's invoices: those that are open, the earliest due first, and the newest
    that ended."""
    mine = select(CaseRow).where(CaseRow.customer_id == customer_id, CaseRow.seller == seller)
    is_open = mine.where(CaseRow.closed_at.is_(None)).order_by(CaseRow.due_on, CaseRow.invoice_id)
    ended = mine.where(CaseRow.closed_at.is_not(None)).order_by(CaseRow.closed_at.desc(), CaseRow.invoice_id)
    return [*session.scalars(is_open.limit(most)), *session.scalars(ended.limit(settled))]


def open_with(session: Session, customer_id: str, seller: str) -> list[CaseRow]:
    """A customer's open cases with a seller, the earliest due first."""
    rows = select(CaseRow).where(
        CaseRow.customer_id == customer_id, CaseRow.seller == seller, CaseRow.closed_at.is_(None)
    )
    return list(session.scalars(rows.order_by(CaseRow.due_on, CaseRow.invoice_id)))


def with_most_open(session: Session) -> tuple[str, str, str] | None:
    """Customer, seller and the customer's name where the most invoices are open; None where none is."""
    opened = (
        select(CaseRow.customer_id, CaseRow.seller)
        .where(CaseRow.closed_at.is_(None), CaseRow.balance_minor > 0)
        .group_by(CaseRow.customer_id, CaseRow.seller)
        .order_by(func.count().desc(), CaseRow.customer_id)
        .limit(1)
    )
    found = session.execute(opened).one_or_none()
    if found is None:
        return None
    name = session.get_one(CustomerRow, found.customer_id).profile.get("name")
    return found.customer_id, found.seller, name or found.customer_id


def case_of(session: Session, invoice_id: str, customer_id: str, seller: str) -> CaseRow | None:
    """One invoice, where it is this customer's with this seller."""
    row = session.get(CaseRow, invoice_id)
    return row if row is not None and (row.customer_id, row.seller) == (customer_id, seller) else None


def answers_since(session: Session, customer_id: str, action: str, since: datetime) -> int:
    """How many answers of a kind a customer gave since an instant of the real clock."""
    counted = select(func.count()).where(
        PortalAnswerRow.customer_id == customer_id,
        PortalAnswerRow.action == action,
        PortalAnswerRow.recorded_at >= since,
    )
    return session.scalars(counted).one()


def answer(session: Session, answer_id: str) -> PortalAnswerRow | None:
    """One answer."""
    return session.get(PortalAnswerRow, answer_id)


def answers_about(session: Session, customer_id: str, invoice_id: str) -> list[PortalAnswerRow]:
    """What a customer answered about an invoice, or about none, the oldest first."""
    invoices = PortalAnswerRow.said["invoices"]
    mine = select(PortalAnswerRow).where(
        PortalAnswerRow.customer_id == customer_id,
        or_(invoices.is_(None), invoices == [], invoices.contains([invoice_id])),
    )
    return list(session.scalars(mine.order_by(PortalAnswerRow.recorded_at, PortalAnswerRow.answer_id)))


def uploads_of(session: Session, answer_id: str) -> list[UploadRow]:
    """The files that came with an answer."""
    return list(session.scalars(select(UploadRow).where(UploadRow.answer_id == answer_id)))
