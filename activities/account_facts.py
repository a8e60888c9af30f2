"""What papers say of an account, read as it is committed: without the lock, for nothing is sent by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from activities.notice_facts import customer_facts, invoice_facts
from activities.rulebook import Rulebook, business_holidays
from domain.contact import Pursued
from domain.contract import Customer
from domain.letters.letter import AccountFacts
from domain.money import Money
from domain.pauses import calendar_of
from store import facts as ledger
from store import portfolio
from store.schema import CaseRow, CustomerRow


@dataclass(frozen=True)
class AccountRead:
    """A customer's cases as committed: `facts` for a paper, `pursued` by invoice for what stands behind it."""

    profile: Customer
    facts: AccountFacts
    pursued: dict[str, Pursued]
    today: date


def read_account(
    session: Session, rows: Sequence[CaseRow], rulebook: Rulebook, now: datetime, *, language: str = "en"
) -> AccountRead:
    """The account of one customer over some of their cases, at least one. All have one seller."""
    lead = rows[0]
    customer = session.get(CustomerRow, lead.customer_id)
    assert customer is not None, "a case's customer is never deleted"
    profile = portfolio.profile_of(customer)
    account = portfolio.account_of(session, customer, business_holidays, now, offers=rulebook.offers)
    pursued = portfolio.pursued(session, account, list(rows))
    entries = ledger.entries_of(session, [row.invoice_id for row in rows])
    leading = pursued[lead.invoice_id]
    today = calendar_of(leading.case.account, leading.policy).local_date(now)
    facts = AccountFacts(
        seller=rulebook.seller(lead.seller),
        customer=customer_facts(profile),
        locale=profile.locale or "en-US",
        language=language,
        as_of=today,
        items=tuple(
            invoice_facts(
                pursued[row.invoice_id], row, entries[row.invoice_id], today=today, language=language
            )
            for row in rows
        ),
        unapplied=tuple(Money(minor, code) for code, minor in sorted(account.unapplied.items()) if minor > 0),
    )
    return AccountRead(profile, facts, pursued, today)
