"""ISO 20022 bank statements: camt.052, camt.053 and camt.054, versions 1 to 8, in the words of `domain.cash.bank`.

Read by hand from the elements, not through a schema: banks leave out what the schema requires, and a statement
is worth reading as long as its money, its direction and its references can be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from lxml import etree

from activities.adapters.xml_file import NotReadable, parse
from domain.cash.bank import (
    Balance,
    BankFile,
    Entry,
    PaidDocument,
    Sign,
    Statement,
    Transaction,
    Withheld,
    day_of,
)

VERSIONS = range(1, 9)

_NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:camt\.(05[234])\.001\.(\d\d)", re.ASCII)
#: What holds the statements of a message, and one of them, by kind. Version 1 adds its version to the first.
_CONTAINERS = {
    "052": ("BkToCstmrAcctRpt", "Rpt"),
    "053": ("BkToCstmrStmt", "Stmt"),
    "054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
}
_AMOUNT = re.compile(r"\d{1,18}(\.\d{0,17})?|\.\d{1,17}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_COUNT = re.compile(r"\d{1,15}", re.ASCII)
_LONGEST_ID = 140
_LONGEST_REASON = 500
#: What a payer may have taken off a document, in the words of its reason.
_WITHHELD = {"DscntApldAmt": "discount", "CdtNoteAmt": "credit note", "TaxAmt": "tax"}
#: What the standard has payers write where they give no id.
_NOT_PROVIDED = "NOTPROVIDED"


def read(data: bytes) -> BankFile:
    """Read one message of a bank. Raises NotReadable naming the element, what it says and the fix."""
    root = parse(data)
    uri = etree.QName(root).namespace or ""
    known = _NAMESPACE.fullmatch(uri)
    if known is None or etree.QName(root).localname != "Document":
        raise NotReadable(
            f"is <{etree.QName(root).localname}> of {uri or 'no namespace'!r},"
            " not a camt.052, .053 or .054 Document: ask the bank for ISO 20022 statements"
        )
    kind, version = known[1], int(known[2])
    if version not in VERSIONS:
        raise NotReadable(
            f"is camt.{kind} version {version}: versions {VERSIONS[0]} to {VERSIONS[-1]} are read"
        )
    try:
        return _Reader(uri).message(root, kind)
    except NotReadable as problem:
        problem.form = uri
        raise


@dataclass
class _Said:
    """What came up when the amounts of a document were read."""

    currencies: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


class _Reader:
    """Reads elements of one namespace: what else stands in a file (signatures, extensions) is passed over."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def message(self, root: etree._Element, kind: str) -> BankFile:
        container, each = _CONTAINERS[kind]
        message = next(
            (
                child
                for child in root
                if isinstance(child.tag, str) and etree.QName(child).localname.startswith(container)
            ),
            None,
        )
        statements = [] if message is None else list(self._all(message, each))
        if message is None or not statements:
            raise NotReadable(f"has no statement (no <{each}> in <{container}>): ask the bank for it again")
        return BankFile(
            form=self._uri,
            message_id=self._text(message, "GrpHdr/MsgId"),
            statements=tuple(self._statement(statement) for statement in statements),
        )

    def _statement(self, element: etree._Element) -> Statement:
        id_ = self._text(element, "Id")
        if id_ is None:
            raise self._wrong(element, "has no <Id>: the bank must give each statement one")
        return Statement(
            id=id_,
            iban=self._text(element, "Acct/Id/IBAN"),
            account=self._first(element, "Acct/Id/Othr/Id", "Acct/Id/PrtryAcct/Id", "Acct/Id/BBAN"),
            currency=self._text(element, "Acct/Ccy"),
            balances=tuple(self._balance(balance) for balance in self._all(element, "Bal")),
            entries=tuple(self._entry(entry, id_) for entry in self._all(element, "Ntry")),
        )

    def _balance(self, element: etree._Element) -> Balance:
        amount, currency = self._money(element, "Amt")
        return Balance(
            type=self._first(element, "Tp/CdOrPrtry/Cd", "Tp/CdOrPrtry/Prtry", "Tp/Cd"),
            amount=amount,
            currency=currency,
            sign=self._sign(element),
            on=self._date(element, "Dt"),
        )

    def _entry(self, element: etree._Element, statement: str) -> Entry:
        amount, currency = self._money(element, "Amt")
        status = self._first(element, "Sts/Cd", "Sts/Prtry", "Sts")
        if status is None:
            raise self._wrong(element, "has no <Sts>: whether it is booked cannot be known")
        # Version 1 has no <NtryDtls>: the transactions stand in the entry itself.
        details = [*self._all(element, "NtryDtls/TxDtls"), *self._all(element, "TxDtls")]
        # What banks kept of several payments cannot be told apart.
        kept = self._charges(element, currency) if len(details) == 1 else Decimal(0)
        return Entry(
            statement=statement,
            amount=amount,
            currency=currency,
            sign=self._sign(element),
            status=status,
            reversal=self._flag(element, "RvslInd"),
            booked=self._date(element, "BookgDt"),
            value=self._date(element, "ValDt"),
            bank_reference=self._id(element, "AcctSvcrRef", "NtryRef"),
            additional=self._text(element, "AddtlNtryInf"),
            bundled=self._count(element, "NtryDtls/Btch/NbOfTxs"),
            transactions=tuple(self._transaction(each, currency, kept) for each in details),
        )

    def _transaction(
        self, element: etree._Element, account_currency: str, kept_of_entry: Decimal
    ) -> Transaction:
        amount, currency = None, None
        for path in ("Amt", "AmtDtls/TxAmt/Amt"):
            if self._text(element, path) is not None:
                amount, currency = self._money(element, path)
                break
        end_to_end = self._id(element, "Refs/EndToEndId")
        return Transaction(
            amount=amount,
            currency=currency,
            sign=self._sign(element) if self._text(element, "CdtDbtInd") is not None else None,
            end_to_end_id=None if end_to_end == _NOT_PROVIDED else end_to_end,
            bank_reference=self._id(element, "Refs/AcctSvcrRef", "Refs/TxId", "Refs/InstrId"),
            # From version 8 a party is a person or an agent; before it was the person itself.
            debtor=self._first(
                element, "RltdPties/Dbtr/Pty/Nm", "RltdPties/Dbtr/Nm", "RltdPties/Dbtr/Agt/FinInstnId/Nm"
            ),
            creditor=self._first(
                element, "RltdPties/Cdtr/Pty/Nm", "RltdPties/Cdtr/Nm", "RltdPties/Cdtr/Agt/FinInstnId/Nm"
            ),
            debtor_iban=self._id(element, "RltdPties/DbtrAcct/Id/IBAN"),
            debtor_account=self._id(
                element,
                "RltdPties/DbtrAcct/Id/Othr/Id",
                "RltdPties/DbtrAcct/Id/PrtryAcct/Id",
                "RltdPties/DbtrAcct/Id/BBAN",
            ),
            unstructured=self._texts(element, "RmtInf/Ustrd"),
            references=self._references(element),
            documents=tuple(self._documents(element)),
            instructed=self._instructed(element, account_currency),
            charges=self._charges(element, account_currency) or kept_of_entry,
            additional=self._text(element, "AddtlTxInf"),
            return_reason=self._first(element, "RtrInf/Rsn/Cd", "RtrInf/RtrRsn/Cd", "RtrInf/Rsn/Prtry"),
        )

    def _references(self, element: etree._Element) -> tuple[str, ...]:
        """Creditor references first, then the numbers of the documents paid, then free additions to them."""
        paths = (
            "CdtrRefInf/Ref",
            "CdtrRefInf/CdtrRef",
            "RfrdDocInf/Nb",
            "RfrdDocInf/RfrdDocNb",
            "AddtlRmtInf",
        )
        structured = list(self._all(element, "RmtInf/Strd"))
        found = [text for path in paths for each in structured for text in self._texts(each, path)]
        return tuple(dict.fromkeys(found))

    def _documents(self, element: etree._Element) -> Iterator[PaidDocument]:
        """What each block of the remittance says to be paid of the documents that it names."""
        for block in self._all(element, "RmtInf/Strd"):
            numbers = self._texts(block, "RfrdDocInf/Nb") or self._texts(block, "RfrdDocInf/RfrdDocNb")
            numbers = (
                numbers or self._texts(block, "CdtrRefInf/Ref") or self._texts(block, "CdtrRefInf/CdtrRef")
            )
            said = _Said()
            due, remitted = self._total(block, "DuePyblAmt", said), self._total(block, "RmtdAmt", said)
            withheld = [
                Withheld(amount, reason, discount=path == "DscntApldAmt")
                for path, reason in _WITHHELD.items()
                if (amount := self._total(block, path, said))
            ]
            for adjusted in self._all(block, "RfrdDocAmt/AdjstmntAmtAndRsn"):
                words = filter(None, (self._text(adjusted, "Rsn"), self._text(adjusted, "AddtlInf")))
                for amount in self._told(self._all(adjusted, "Amt"), said):
                    withheld.append(Withheld(amount, ": ".join(["adjustment", *words])[:_LONGEST_REASON]))
            types = ("RfrdDocInf/Tp/CdOrPrtry/Cd", "RfrdDocInf/RfrdDocTp/Cd")
            is_credit_note = any("CREN" in self._texts(block, path) for path in types)
            if is_credit_note and remitted is None and withheld:
                remitted, withheld = sum((each.amount for each in withheld), Decimal(0)), []
            if len(said.currencies) > 1:
                said.problems.append(f"its amounts are in {' and '.join(sorted(said.currencies))}")
            if numbers or said.currencies or said.problems:
                yield PaidDocument(
                    numbers=numbers,
                    currency=next(iter(said.currencies), None),
                    remitted=remitted,
                    due=due,
                    withheld=tuple(withheld),
                    is_credit_note=is_credit_note,
                    problem=next(iter(said.problems), None),
                )

    def _total(self, block: etree._Element, kind: str, said: _Said) -> Decimal | None:
        """The sum of what a document's amounts of one kind say; later versions have some of them a step deeper."""
        path = f"RfrdDocAmt/{kind}"
        amounts = self._told([*self._all(block, f"{path}/Amt"), *self._all(block, path)], said)
        return sum(amounts, Decimal(0)) if amounts else None

    def _told(self, elements: Iterable[etree._Element], said: _Said) -> list[Decimal]:
        """The amounts that elements of a remittance say: the payer's own, which the entry counts without."""
        amounts = []
        for element in elements:
            money = self._beside(element)
            if money is not None:
                said.currencies.add(money[1])
                amounts.append(money[0])
            elif text := (element.text or "").strip():
                said.problems.append(f"<{etree.QName(element).localname}> is {text[:40]!r}, not an amount")
        return amounts

    def _instructed(self, element: etree._Element, currency: str) -> Decimal | None:
        told = self._find(element, "AmtDtls/InstdAmt/Amt")
        money = None if told is None else self._beside(told)
        return money[0] if money is not None and money[1] == currency else None

    def _charges(self, element: etree._Element, currency: str) -> Decimal:
        """What banks kept of it: each charge, or their sum where only that is told."""
        kept = Decimal(0)
        for told in self._all(element, "Chrgs"):
            records = list(self._all(told, "Rcrd")) or [told]
            for record in records:
                amount = self._find(record, "Amt")
                if amount is None:
                    amount = self._find(told, "TtlChrgsAndTaxAmt")
                money = None if amount is None else self._beside(amount)
                if (
                    money is not None
                    and money[1] == currency
                    and self._text(record, "CdtDbtInd") != Sign.CREDIT
                ):
                    kept += money[0]
        return kept

    # Elements and what they say

    def _all(self, element: etree._Element, path: str) -> Iterator[etree._Element]:
        yield from element.iterfind("/".join(f"{{{self._uri}}}{step}" for step in path.split("/")))

    def _find(self, element: etree._Element, path: str) -> etree._Element | None:
        return next(self._all(element, path), None)

    def _texts(self, element: etree._Element, path: str) -> tuple[str, ...]:
        found = ((each.text or "").strip() for each in self._all(element, path))
        return tuple(text for text in found if text)

    def _text(self, element: etree._Element, path: str) -> str | None:
        return next(iter(self._texts(element, path)), None)

    def _first(self, element: etree._Element, *paths: str) -> str | None:
        """What the first of these places says that says anything: versions write the same thing apart."""
        return next((text for path in paths if (text := self._text(element, path)) is not None), None)

    def _id(self, element: etree._Element, *paths: str) -> str | None:
        """An id, cut where it is longer than any may be: the standard has 35 characters."""
        text = self._first(element, *paths)
        return None if text is None else text[:_LONGEST_ID]

    def _count(self, element: etree._Element, path: str) -> int | None:
        """The sum of what all of these places count; None where none of them does."""
        counted = [int(text) for text in self._texts(element, path) if _COUNT.fullmatch(text)]
        return sum(counted) if counted else None

    def _money(self, element: etree._Element, path: str) -> tuple[Decimal, str]:
        found = self._find(element, path)
        if found is None:
            raise self._wrong(element, f"has no <{path}>: an entry without an amount cannot be booked")
        text, currency = (found.text or "").strip(), found.get("Ccy") or ""
        if not _AMOUNT.fullmatch(text):
            raise self._wrong(found, f"is {text[:40]!r}, not an amount such as '1250.00'")
        if not _CURRENCY.fullmatch(currency):
            raise self._wrong(
                found, f"has the currency {currency[:40]!r}, not an ISO 4217 code such as 'EUR'"
            )
        return Decimal(text), currency

    def _beside(self, element: etree._Element) -> tuple[Decimal, str] | None:
        """An amount that is told beside the entry's: none where it cannot be read."""
        text, currency = (element.text or "").strip(), element.get("Ccy") or ""
        readable = _AMOUNT.fullmatch(text) and _CURRENCY.fullmatch(currency)
        return (Decimal(text), currency) if readable else None

    def _sign(self, element: etree._Element) -> Sign:
        text = self._text(element, "CdtDbtInd")
        try:
            return Sign(text or "")
        except ValueError:
            raise self._wrong(element, f"has the direction {text!r}, neither CRDT nor DBIT") from None

    def _flag(self, element: etree._Element, path: str) -> bool | None:
        text = self._text(element, path)
        if text is None:
            return None
        if text not in ("true", "false", "1", "0"):
            raise self._wrong(element, f"has <{path}> {text[:40]!r}, neither 'true' nor 'false'")
        return text in ("true", "1")

    def _date(self, element: etree._Element, path: str) -> str | None:
        """A date, or an instant where the bank tells the time; as it is written."""
        text = self._first(element, f"{path}/Dt", f"{path}/DtTm")
        if text is None:
            return None
        try:
            day_of(text)
        except ValueError:
            raise self._wrong(
                element, f"has <{path}> {text[:40]!r}, not a date such as '2027-01-31'"
            ) from None
        return text

    def _wrong(self, element: etree._Element, what: str) -> NotReadable:
        return NotReadable(f"line {element.sourceline}: <{etree.QName(element).localname}> {what}")
