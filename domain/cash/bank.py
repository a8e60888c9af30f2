"""What a bank statement says: accounts, balances, entries, and the transactions that an entry bundles.

Amounts are decimals as the bank wrote them: whether they fit their currency is for whoever books them to ask
(`Money.of`), so that one odd entry does not lose the rest of a statement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

_DAY = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d.{0,30})?", re.ASCII)
_CAMT = re.compile(r"camt\.(05[234])\.", re.ASCII)
_FINE = re.compile(r"(\.\d{6})\d+", re.ASCII)


class Sign(StrEnum):
    """Which way money moved on the account, as ISO 20022 writes it."""

    CREDIT = "CRDT"
    DEBIT = "DBIT"


#: The status of an entry that stands on the account; others (`PDNG`, `INFO`, `FUTR`) may still change.
BOOKED = "BOOK"
#: The form of a statement that is a table (`domain.cash.bank_csv`).
CSV_FORM = "CSV"


@dataclass(frozen=True, slots=True)
class Withheld:
    """What a payer says to have kept back of a document, and why."""

    amount: Decimal
    reason: str
    discount: bool = False
    """For paying early, by the payer's word."""


@dataclass(frozen=True, slots=True)
class PaidDocument:
    """What a payment is for, as the payer structured it: one block, which may name several documents."""

    numbers: tuple[str, ...]
    currency: str | None = None
    """Of its amounts; None where there are none."""
    remitted: Decimal | None = None
    """What is paid of it."""
    due: Decimal | None = None
    withheld: tuple[Withheld, ...] = ()
    is_credit_note: bool = False
    """Its amount is taken off what is paid."""
    problem: str | None = None
    """Why its amounts cannot be followed."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """One payment inside an entry. An entry without details has none."""

    amount: Decimal | None = None
    """None where only the entry states one."""
    currency: str | None = None
    sign: Sign | None = None
    end_to_end_id: str | None = None
    """The payer's own id, kept through the whole chain of banks; `NOTPROVIDED` counts as none."""
    bank_reference: str | None = None
    debtor: str | None = None
    creditor: str | None = None
    debtor_iban: str | None = None
    debtor_account: str | None = None
    """The payer's account where it has no IBAN."""
    unstructured: tuple[str, ...] = ()
    """The remittance information in the payer's words."""
    references: tuple[str, ...] = ()
    """Creditor references and numbers of the documents paid, as the payer structured them."""
    additional: str | None = None
    """What the bank says of it beside that."""
    documents: tuple[PaidDocument, ...] = ()
    """What the payer says to have paid of each document."""
    instructed: Decimal | None = None
    """What the payer had sent, in the currency of the account; None where it is not told, or was another."""
    charges: Decimal = Decimal(0)
    """What banks say to have kept of it, in the currency of the account."""
    return_reason: str | None = None
    """Why a payment came back: an ISO 20022 external code such as `AC04`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One booking on the account, which may bundle many transactions."""

    statement: str
    """The id of the statement it stands in."""
    amount: Decimal
    currency: str
    sign: Sign
    status: str
    reversal: bool | None = None
    booked: str | None = None
    """A date, or an instant where the bank tells the time, as it was written: `day_of` reads the day."""
    value: str | None = None
    bank_reference: str | None = None
    additional: str | None = None
    bundled: int | None = None
    """How many payments the bank says to have bundled in it, also where it does not tell of each."""
    transactions: tuple[Transaction, ...] = ()


@dataclass(frozen=True, slots=True)
class Balance:
    """A balance of the account: `type` is an ISO 20022 code such as `OPBD` or `CLBD`."""

    type: str | None
    amount: Decimal
    currency: str
    sign: Sign
    on: str | None


@dataclass(frozen=True, slots=True)
class Statement:
    """What is told of one account: a statement (053), a report within the day (052) or a notification (054)."""

    id: str
    iban: str | None = None
    account: str | None = None
    """The account's number where it has no IBAN."""
    currency: str | None = None
    balances: tuple[Balance, ...] = ()
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class BankFile:
    """One message of a bank."""

    form: str
    """What it is, in the words of its standard: for ISO 20022 the namespace."""
    message_id: str | None = None
    statements: tuple[Statement, ...] = ()

    @property
    def kind(self) -> str:
        """Which kind of message it is, whatever its version: `052`, `053`, `054` or `CSV`."""
        known = _CAMT.search(self.form)
        return known[1] if known else self.form


def day_of(text: str) -> date:
    """The day of a date or an instant as ISO 20022 writes them: the bank's own day, whatever its zone.

    Raises ValueError for text that is neither.
    """
    if not _DAY.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a date such as '2027-01-31'")
    # Banks write up to nine digits of a second, Python reads six.
    return datetime.fromisoformat(_FINE.sub(r"\1", text)).date()
