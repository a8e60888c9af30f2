"""What an import does with e-invoices beyond starting cases: who the buyer is, the document as an exhibit, credits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from commands import cases
from commands.files.portfolio_file import File
from commands.place import Place
from commands.starting import Starter
from commands.terminal import note
from domain.contract import CreditIssued, CreditOnAccount, Customer, Exhibit, Invoice, Start
from domain.files.buyers import Buyer, Buyers, Whose
from domain.files.e_invoice import Party
from domain.files.intake import Credit, buyer_of, former_party_id
from store import customers, worklist
from store.schema import CaseRow

#: The kind of a worklist item about a credit note that cannot be applied.
UNMATCHED_CREDIT = "unmatched_credit"
#: The folder of documents below that of exhibits.
_FOLDER = "e-invoices"


def settle_on_customers(session: Session, files: Sequence[File]) -> list[File]:
    """The same files; a buyer who is known already is the customer we know, whatever the document calls them. One
    who may be is started with the question, which holds their account."""
    if all(file.document is None for file in files):
        return list(files)
    known = Buyers(customers.buyers(session))
    told: dict[str, Customer] = {}
    for file in files:
        if file.document is None:
            for customer in (
                *file.portfolio.customers.values(),
                *(each.customer for each in file.portfolio.rows),
            ):
                known.add(Buyer.of(customer))
                told.setdefault(customer.customer_id, customer)
    settled = [_with_owner(session, file, known, told) for file in files]
    return [
        replace(
            file, credits=tuple(replace(each, customer_id=_known_buyer(each, known)) for each in file.credits)
        )
        for file in settled
    ]


def _with_owner(session: Session, file: File, known: Buyers, told: dict[str, Customer]) -> File:
    """The file with whose its invoice is. `told` are the particulars of those who are first told of here."""
    if file.document is None or not file.portfolio.rows:
        return file
    [start] = file.portfolio.rows
    buyer = buyer_of(file.document.buyer)
    whose = _as_recorded(session, start, file.document.buyer, known) or known.whose(buyer)
    if whose.customer_id is not None:
        customer = told.get(whose.customer_id) or Customer(customer_id=whose.customer_id)
        start = start.model_copy(update={"customer": customer})
        known.add(replace(buyer, customer_id=whose.customer_id))
    else:
        known.add(buyer)
        told[buyer.customer_id] = start.customer
    if whose.doubt is not None:
        start = start.model_copy(update={"customer_doubt": whose.doubt})
        warning = f"{whose.doubt}. It is asked on the worklist, and nothing is sent meanwhile"
        file = replace(file, warnings=(*file.warnings, warning))
    return replace(file, portfolio=replace(file.portfolio, rows=(start,)))


def _as_recorded(session: Session, start: Start, party: Party, known: Buyers) -> Whose | None:
    """Whose the invoice is where it is recorded under its number already, with its buyer: by name, or under the
    id that earlier versions made of it."""
    row = session.get(CaseRow, start.invoice.invoice_id)
    if row is None or row.number != start.invoice.shown_number or row.owner_id not in known:
        return None
    owner, buyer = known[row.owner_id], buyer_of(party)
    is_named = bool(owner.name_keys & buyer.name_keys) and not owner.contradicts(buyer)
    return Whose(row.owner_id) if is_named or row.owner_id == former_party_id(party) else None


def _known_buyer(credit: Credit, known: Buyers) -> str | None:
    return known.whose(credit.buyer).customer_id


def keep_as_exhibits(files: Iterable[File], folder: Path | None) -> list[File]:
    """The same files, each document kept in the folder of exhibits under its hash and named by its invoice."""
    return [file if file.document is None or folder is None else _kept(file, folder) for file in files]


def _kept(file: File, folder: Path) -> File:
    assert file.document is not None
    body = file.path.read_bytes()
    name = f"{_FOLDER}/{hashlib.sha256(body).hexdigest()[:32]}.xml"
    kept = folder / name
    kept.parent.mkdir(parents=True, exist_ok=True)
    if not kept.exists():
        part = kept.with_suffix(".part")
        part.write_bytes(body)
        part.replace(kept)
    exhibit = Exhibit(
        kind="invoice",
        title=f"{file.document.kind.value} {file.document.number} ({file.document.syntax})",
        uri=name,
        media_type="text/xml",
    )
    starts = tuple(
        start.model_copy(update={"invoice": start.invoice.model_copy(update={"exhibits": (exhibit,)})})
        for start in file.portfolio.rows
    )
    return replace(file, portfolio=replace(file.portfolio, rows=starts))


class UnclearCredit(ValueError):
    """What a credit note gives back cannot be applied without a person; says why."""


async def tell_credits(place: Place, starter: Starter, files: Iterable[File]) -> tuple[int, int]:
    """Apply what credit notes give back: to the invoice they name, else to the account of a customer we know.
    What cannot be applied so is put on the worklist.

    Returns how many were told and how many are asked about; what is known already changes nothing.
    """
    files = list(files)
    started = {start.invoice.shown_number: start for file in files for start in file.portfolio.rows}
    told = asked = 0
    for credit in (credit for file in files for credit in file.credits):
        try:
            with place.writing() as session:
                case = _case_of(session, credit, started)
                for task in worklist.list_open(session, kind=UNMATCHED_CREDIT, ref=credit.credit_id):
                    now = place.now(session)
                    worklist.close_task(session, task.item_id, at=now, by="duecourse", outcome="applied")
        except UnclearCredit as problem:
            asked += 1
            note(f"{credit.reason} {problem}: a person is asked on the worklist")
            with place.writing() as session:
                money = f"{credit.money} {credit.money.currency}"
                why = f"{credit.reason} over {money} of {credit.buyer} {problem}: credit it as {credit.credit_id}"
                at = place.now(session)
                worklist.open_task(session, kind=UNMATCHED_CREDIT, why=why, at=at, ref=credit.credit_id)
            continue
        fact = {
            "credit_id": credit.credit_id,
            "amount": str(credit.money),
            "currency": credit.money.currency,
            "reason": credit.reason,
        }
        if case is not None:
            await starter.signal(case[0], CreditIssued.fact_kind, fact, runs=case[1])
        elif credit.customer_id is not None:
            await starter.signal_account(credit.customer_id, CreditOnAccount.fact_kind, fact)
        told += 1
    return told, asked


def _case_of(session: Session, credit: Credit, started: Mapping[str, Start]) -> tuple[Start, bool] | None:
    """The case of the invoice that a credit names, and whether it runs; None where it names none and its customer
    is known. How the buyer's name is spelled says nothing against it, another number of the buyer does.

    Raises UnclearCredit.
    """
    if not credit.preceding:
        if credit.customer_id is None:
            raise UnclearCredit("names no invoice, and its buyer is no customer we know")
        return None
    if len(credit.preceding) > 1:
        raise UnclearCredit(f"names {', '.join(credit.preceding[:5])}, and not how much is for each")
    [number] = credit.preceding
    named = or_(CaseRow.number == number, CaseRow.invoice_id == number)
    rows = session.scalars(select(CaseRow).where(named).limit(100)).all()
    rows = [row for row in rows if row.seller == credit.seller] or rows
    if len(rows) > 1:
        raise UnclearCredit(f"names {number}, as {len(rows)} invoices are called")
    if rows:
        owner = cases.customer_of(session, rows[0].owner_id)
        start = Start(invoice=Invoice.model_validate(rows[0].invoice), customer=owner)
        runs = rows[0].closed_at is None
    elif number in started:
        start, runs = started[number], True
    else:
        raise UnclearCredit(f"names {number}, which is no invoice we know")
    if start.invoice.currency != credit.money.currency:
        raise UnclearCredit(f"names {number}, which is in {start.invoice.currency}")
    if Buyer.of(start.customer).contradicts(credit.buyer):
        raise UnclearCredit(f"names {number} of {Buyer.of(start.customer)}")
    return start, runs
