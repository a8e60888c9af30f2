"""The lines of a bank statement as they are booked: one for each payment, batches split, each with an id of its own.

The id is made of what a bank repeats of a payment wherever it tells of it (report of the day, notification,
statement), so that a payment that is told twice is booked once.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from domain.cash.bank import (
    BOOKED,
    CSV_FORM,
    BankFile,
    Entry,
    PaidDocument,
    Sign,
    Statement,
    Transaction,
    day_of,
)
from domain.cash.cash_application import Incoming
from domain.cash_source import LINE_PREFIX
from domain.money import Money

#: How those of lines of a table begin: what another form of statement calls the same differs in details.
CSV_LINE_PREFIX = f"{LINE_PREFIX}csv-"
#: What is written where there is no id, or no reference.
_NO_ID = frozenset(
    ("NOTPROVIDED", "NOTAVAILABLE", "NONREF", "NOREF", "NOREFERENCE", "NONE", "NA", "NULL", "UNKNOWN")
)


@dataclass(frozen=True, slots=True)
class BankLine:
    """One payment on the account, in or out."""

    line_id: str
    account: str
    statement: str
    sign: Sign
    amount: Decimal
    currency: str
    booked_on: date | None
    value_on: date | None
    comes_back: bool = False
    """Money that had come in went out again: a return or a reversal."""
    return_reason: str | None = None
    end_to_end_id: str | None = None
    bank_reference: str | None = None
    debtor: str | None = None
    debtor_iban: str | None = None
    references: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    problem: str | None = None
    """Why it cannot be booked as it stands."""
    documents: tuple[PaidDocument, ...] = ()
    kept_by_banks: Decimal = Decimal(0)
    """Of what the payer had sent, what did not arrive."""
    form: str = ""
    """Which kind of message told of it: `052`, `053`, `054` or `CSV`."""

    @property
    def received_on(self) -> date | None:
        """The day from which the money counts: the earlier of booking and value date, since what the bank takes
        to pass it on is not the payer's delay."""
        return min((day for day in (self.booked_on, self.value_on) if day is not None), default=None)

    @property
    def money(self) -> Money:
        """The amount. Raises ValueError where the currency has not so many decimals."""
        return Money.of(self.amount, self.currency)

    @property
    def incoming(self) -> Incoming:
        """What the payer told. Raises ValueError as `money` does."""
        return Incoming(
            self.money,
            self.references,
            self.texts,
            self.debtor,
            self.debtor_iban,
            self.end_to_end_id,
            documents=self.documents,
            kept_by_banks=self._kept_by_banks,
            received_on=self.received_on,
        )

    @property
    def _kept_by_banks(self) -> Money:
        """Nothing where it is written with more decimals than the currency has: the entry counts without it."""
        try:
            return Money.of(self.kept_by_banks, self.currency)
        except ValueError:
            return Money.zero(self.currency)


def lines_of(file: BankFile) -> tuple[list[BankLine], int]:
    """The booked payments of a file in its order, and how many entries are not booked yet."""
    told = _Told(file.kind, CSV_LINE_PREFIX if file.form == CSV_FORM else LINE_PREFIX)
    lines: list[BankLine] = []
    waiting = 0
    for statement in file.statements:
        for entry in statement.entries:
            if entry.status != BOOKED:
                waiting += 1
                continue
            lines += _of_entry(statement, entry, told)
    return lines, waiting


@dataclass(frozen=True, slots=True)
class _Told:
    """How often each of the lines of one file came, of those that are all alike."""

    form: str
    prefix: str
    seen: Counter[str] = field(default_factory=Counter)


def _of_entry(statement: Statement, entry: Entry, file: _Told) -> Iterator[BankLine]:
    stated = [transaction.amount for transaction in entry.transactions]
    several = len(stated) > 1
    if several and None not in stated:
        total = sum((_signed(entry, each) for each in entry.transactions), Decimal(0))
        charges = sum((each.charges for each in entry.transactions), Decimal(0))
        problem, net = None, total != entry.amount == total - charges
        if total != entry.amount and not net:
            problem = f"its payments add up to {total}, the entry says {entry.amount} {entry.currency}"
        for transaction in entry.transactions:
            yield _line(statement, entry, (transaction,), file, problem, net=net)
        return
    problem = None
    if not stated and (entry.bundled or 0) > 1:
        problem = (
            f"it bundles {entry.bundled} payments and does not tell of each: ask the bank for its details"
        )
    if several:
        problem = f"it bundles {len(stated)} payments and does not say how much each of them is"
    elif stated and (entry.bundled or 0) > 1:
        problem = f"it bundles {entry.bundled} payments and tells of one: ask the bank for its details"
    yield _line(statement, entry, entry.transactions, file, problem, whole=True)


def _signed(entry: Entry, transaction: Transaction) -> Decimal:
    amount = transaction.amount or Decimal(0)
    return amount if transaction.sign in (None, entry.sign) else -amount


def _line(
    statement: Statement,
    entry: Entry,
    told: Iterable[Transaction],
    file: _Told,
    problem: str | None,
    *,
    whole: bool = False,
    net: bool = False,
) -> BankLine:
    """One line; `whole` takes the amount of the entry, which is what moved on this account, and `net` that of the
    transaction less what banks kept of it."""
    transactions = tuple(told)
    first = transactions[0] if transactions else Transaction()
    amount, currency = entry.amount, entry.currency
    if not whole and first.amount is not None:
        amount, currency = first.amount, first.currency or entry.currency
        amount -= first.charges if net else 0
    sign = entry.sign if whole else first.sign or entry.sign
    account = statement.iban or statement.account or ""
    booked, value = (None if day is None else day_of(day) for day in (entry.booked, entry.value))
    bank_reference = first.bank_reference or entry.bank_reference
    back = entry.reversal is True or first.return_reason is not None
    if back and sign is Sign.CREDIT:
        reason = f" ({first.return_reason})" if first.return_reason else ""
        problem = problem or f"money of our own came back{reason}: no customer paid it"
    unstructured = tuple(text for each in transactions for text in each.unstructured)
    said = tuple(each.additional for each in transactions if each.additional is not None)
    return BankLine(
        line_id=_line_id(account, entry, first, amount, currency, sign, unstructured, file),
        account=account,
        statement=statement.id,
        sign=sign,
        amount=amount,
        currency=currency,
        booked_on=booked,
        value_on=value,
        comes_back=sign is Sign.DEBIT and back,
        return_reason=first.return_reason,
        end_to_end_id=told_id(first.end_to_end_id),
        bank_reference=told_id(bank_reference),
        debtor=first.debtor,
        debtor_iban=first.debtor_iban or first.debtor_account,
        references=tuple(reference for each in transactions for reference in each.references),
        texts=unstructured or said or (() if entry.additional is None else (entry.additional,)),
        problem=problem,
        documents=tuple(document for each in transactions for document in each.documents),
        kept_by_banks=_kept(first, amount) if len(transactions) == 1 else Decimal(0),
        form=file.form,
    )


def told_id(text: str | None) -> str | None:
    """An id or reference; None for the words that stand where there is none, however they are written."""
    key = "".join(char for char in (text or "").upper() if char.isalnum())
    return text if key.strip("0") and key not in _NO_ID else None


def _kept(transaction: Transaction, amount: Decimal) -> Decimal:
    """What did not arrive of what was sent; what banks say to have kept, where nobody says what was sent."""
    if transaction.instructed is not None:
        return max(transaction.instructed - amount, Decimal(0))
    return transaction.charges


def _line_id(
    account: str,
    entry: Entry,
    transaction: Transaction,
    amount: Decimal,
    currency: str,
    sign: Sign,
    unstructured: tuple[str, ...],
    file: _Told,
) -> str:
    """An id that stays the same in every message about the payment; the n-th of those that are all alike in
    one file gets one of its own.

    A table may know no other day than that of the value. A message's id is of the booking day alone, whichever
    days it tells.
    """
    day = entry.booked or (entry.value if file.prefix == CSV_LINE_PREFIX else None)
    told = [
        account,
        f"{amount.normalize():f}",
        currency,
        sign,
        day and day_of(day).isoformat(),
        transaction.bank_reference or entry.bank_reference,
        transaction.end_to_end_id,
        transaction.debtor_iban or transaction.debtor,
        None if entry.bank_reference or transaction.bank_reference else unstructured,
    ]
    same = json.dumps(told, ensure_ascii=False)
    file.seen[same] += 1
    digest = hashlib.sha256(f"{same}{file.seen[same]}".encode()).hexdigest()
    return f"{file.prefix}{digest[:24]}"
