"""Payments on the bank account: each is kept once, with what was made of it, whichever file told of it first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Text, and_, cast, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.cash.bank import Sign
from domain.cash.bank_booking import Booking, Earlier, LineOutcome
from domain.cash.bank_lines import BankLine
from domain.cash.bank_repeats import NEAR, Repeats, ToldBefore
from domain.cash.bank_repeats import told_before as find_repeats
from domain.cash.cash_application import OpenInvoice, Payer, ToldFirst
from domain.cash_source import NOT_BY_TRANSFER, SAME_MONEY, told_by
from domain.contract import CashReceived, PaymentReceived, PaymentReversed
from domain.early_payment import share_of
from domain.money import Money
from store import worklist
from store.schema import BankLineRow, CaseRow, CustomerRow, EventRow

#: The kind of a worklist item about money that nobody could be found for.
UNMATCHED_CASH = "unmatched_cash"
#: Why a line is applied that a person applied: its payment is a fact of the invoice, not of the account.
_BY_HAND = "applied by a person"
#: What an account or a case has to be told of.
_BOOKED = (LineOutcome.APPLIED, LineOutcome.RETURNED)
#: What invoices wait for, or do not wait for any more.
_PAUSING = (LineOutcome.UNMATCHED, LineOutcome.REPEATED)
#: The advisory lock under which lines are booked.
_BOOKING_LOCK = 0x62616E6B
#: Ids asked for, and rows added, in one statement.
_BATCH = 1_000


def known(session: Session, line_ids: Sequence[str]) -> set[str]:
    """Those of these lines that came before."""
    found: set[str] = set()
    for at in range(0, len(line_ids), _BATCH):
        batch = line_ids[at : at + _BATCH]
        found.update(session.scalars(select(BankLineRow.line_id).where(BankLineRow.line_id.in_(batch))))
    return found


def told_before(session: Session, lines: Sequence[BankLine]) -> Repeats:
    """What of the lines of a file was told before, in whichever form. Other commands wait until this one is over,
    so that two files read at once know of each other."""
    session.execute(select(func.pg_advisory_xact_lock(_BOOKING_LOCK)))
    file = [line.line_id for line in lines]
    rows: dict[str, BankLineRow] = {}
    for at in range(0, len(lines), _BATCH):
        batch = lines[at : at + _BATCH]
        same = select(BankLineRow).where(
            or_(
                BankLineRow.line_id.in_(file[at : at + _BATCH]),
                BankLineRow.bank_reference.in_({line.bank_reference for line in batch}),
                and_(
                    BankLineRow.amount.in_({line.amount for line in batch}),
                    BankLineRow.currency.in_({line.currency for line in batch}),
                    or_(BankLineRow.received_on.is_(None), *_near(batch)),
                ),
            )
        )
        rows.update((row.line_id, row) for row in session.scalars(same))
    # Before lines said what they stand for, only the line that was told again said it.
    stood_for: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows.values():
        if row.told_again is not None:
            stood_for[row.told_again].append(row.line_id)
    kept = [_kept(row, tuple(row.stands_for or stood_for[row.line_id])) for row in rows.values()]
    known = rows.keys() & set(file)
    return find_repeats([line for line in lines if line.line_id not in known], kept, known)


def _near(lines: Iterable[BankLine]) -> list[ColumnElement[bool]]:
    """The days about which these lines may have been told before."""
    days = [line.received_on for line in lines if line.received_on is not None]
    if not days:
        return []
    # The earlier of booking and value date is kept: the later one, which may be compared, lies near as well.
    return [BankLineRow.received_on.between(min(days) - 2 * NEAR, max(days) + 2 * NEAR)]


def _kept(row: BankLineRow, stands_for: tuple[str, ...]) -> ToldBefore:
    return ToldBefore(
        line_id=row.line_id,
        account=row.account,
        sign=row.sign,
        currency=row.currency,
        amount=row.amount,
        booked_on=row.booked_on,
        value_on=row.value_on or row.received_on,
        bank_reference=row.bank_reference,
        end_to_end_id=row.end_to_end_id,
        form=row.form,
        debtor=row.debtor,
        debtor_iban=row.debtor_iban,
        texts=tuple(row.texts),
        stands_for=stands_for,
    )


def keep(session: Session, booking: Booking, file_sha256: bytes) -> bool:
    """Keep a line with what is made of it; False where somebody kept it first."""
    line = booking.line
    row = {
        "line_id": line.line_id,
        "file_sha256": file_sha256,
        "account": line.account,
        "statement": line.statement,
        "sign": line.sign,
        "amount": line.amount,
        "currency": line.currency,
        "form": line.form,
        "received_on": line.received_on,
        "booked_on": line.booked_on,
        "value_on": line.value_on,
        "debtor": line.debtor,
        "debtor_iban": line.debtor_iban,
        "end_to_end_id": line.end_to_end_id,
        "bank_reference": line.bank_reference,
        "texts": [*line.references, *line.texts],
        "outcome": booking.outcome,
        "customer_id": booking.customer_id,
        "allocations": dict(booking.allocations),
        "deductions": _deductions(booking),
        "returns": booking.returns,
        "why": booking.why,
        "stands_for": list(booking.stands_for),
        "may_be": booking.may_be,
        "pauses": list(booking.pauses),
    }
    added = insert(BankLineRow).values(row).on_conflict_do_nothing().returning(BankLineRow.line_id)
    return session.scalar(added) is not None


def _deductions(booking: Booking) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for each in booking.deductions:
        told = {"minor": each.money.minor, "reason": each.reason, "kind": each.kind}
        found.setdefault(each.invoice_id, []).append(told)
    return found


def unapplied(session: Session, line_ids: Collection[str]) -> set[str]:
    """Those of these lines that nobody could be found for, and that are no doubtful telling of another's money."""
    open_lines = select(BankLineRow.line_id).where(
        BankLineRow.line_id.in_(line_ids),
        BankLineRow.outcome == LineOutcome.UNMATCHED,
        BankLineRow.may_be.is_(None),
    )
    return set(session.scalars(open_lines))


def replaced(session: Session, line_id: str, by: Sequence[str], at: datetime) -> None:
    """A line that nobody could be found for stands for what other lines tell better of: its item is done, and the
    invoices that waited for it are told."""
    row = session.get_one(BankLineRow, line_id)
    row.outcome, row.stands_for, row.why = LineOutcome.REPEATED, list(by), "told better in another form"
    row.told_at = None
    for task in worklist.list_open(session, kind=UNMATCHED_CASH, ref=line_id):
        worklist.close_task(session, task.item_id, at=at, by="bank", outcome="told better in another form")


def untold(session: Session) -> list[BankLineRow]:
    """The lines that are booked, or that pause invoices, and of which nobody has been told yet, the oldest
    first."""
    telling = or_(
        BankLineRow.outcome.in_(_BOOKED),
        and_(BankLineRow.outcome.in_(_PAUSING), func.cardinality(BankLineRow.pauses) > 0),
    )
    waiting = (
        select(BankLineRow)
        .where(BankLineRow.told_at.is_(None), telling)
        .order_by(BankLineRow.recorded_at, BankLineRow.line_id)
    )
    return list(session.scalars(waiting))


def told(session: Session, line_id: str, at: datetime) -> None:
    """The account knows of the line."""
    session.execute(update(BankLineRow).where(BankLineRow.line_id == line_id).values(told_at=at))


def payments_of(session: Session, line: BankLine) -> list[Earlier]:
    """The payments that came in under the ids of a return, with its amount; at most two."""
    if line.end_to_end_id is not None:
        same = BankLineRow.end_to_end_id == line.end_to_end_id
    elif line.bank_reference is not None:
        same = BankLineRow.bank_reference == line.bank_reference
    else:
        return []
    payments = select(BankLineRow).where(
        same,
        BankLineRow.sign == Sign.CREDIT,
        BankLineRow.currency == line.currency,
        BankLineRow.account == line.account,
        BankLineRow.amount == line.amount,
        BankLineRow.outcome != LineOutcome.REPEATED,
    )
    return [
        Earlier(row.line_id, LineOutcome(row.outcome), row.customer_id, row.allocations)
        for row in session.scalars(payments.limit(2))
    ]


def apply_by_hand(
    session: Session, line_id: str, customer_id: str, invoice_id: str, money: Money, at: datetime
) -> bool:
    """A payment was recorded under the id of a line that nobody could be found for: a person found them.

    The line is applied as far as it was, and once all of it is, its item is done. False where there is no such
    line.
    """
    row = session.get(BankLineRow, line_id, with_for_update=True)
    if row is None or row.sign != Sign.CREDIT or row.currency != money.currency:
        return False
    if row.outcome == LineOutcome.UNMATCHED:
        row.outcome, row.customer_id, row.why = LineOutcome.APPLIED, customer_id, _BY_HAND
    elif invoice_id in row.allocations or row.customer_id != customer_id:
        return False
    row.allocations = {**row.allocations, invoice_id: money.minor}
    row.told_at = at
    if sum(row.allocations.values()) >= Money.of(row.amount, row.currency).minor:
        for task in worklist.list_open(session, kind=UNMATCHED_CASH, ref=line_id):
            worklist.close_task(session, task.item_id, at=at, by="person", outcome="applied")
    return True


def paused(session: Session, line_id: str) -> list[str]:
    """The invoices that are not asked for until a person says what this line is."""
    row = session.get(BankLineRow, line_id)
    return [] if row is None else list(row.pauses or ())


def decided(session: Session, line_id: str, at: datetime) -> None:
    """A person said that a line is nothing to wait for: its item is done."""
    for task in worklist.list_open(session, kind=UNMATCHED_CASH, ref=line_id):
        worklist.close_task(session, task.item_id, at=at, by="person", outcome="not booked")


def invoices(
    session: Session, closed_since: datetime, bank_charges: Mapping[str, Mapping[str, Money]]
) -> list[OpenInvoice]:
    """Every open invoice, and those closed since then, with what is left to pay, less what lines were applied
    whose payment is not recorded yet. `bank_charges` is what each seller bears of them, by currency."""
    rows = session.execute(
        select(
            CaseRow.invoice_id,
            CaseRow.number,
            CaseRow.customer_id,
            CaseRow.seller,
            CaseRow.due_on,
            CaseRow.amount_minor,
            CaseRow.balance_minor,
            CaseRow.currency,
            CaseRow.closed_at,
            CaseRow.invoice["payment_reference"].astext.label("payment_reference"),
            CaseRow.invoice["early_payment"].label("early_payment"),
            CaseRow.early_payment_tolerance,
        ).where(or_(CaseRow.closed_at.is_(None), CaseRow.closed_at >= closed_since))
    ).all()
    pending: Counter[str] = Counter()
    for line in _waiting_lines(session):
        pending.update(line.allocations)
        for invoice_id, deductions in (line.deductions or {}).items():
            pending[invoice_id] += sum(each["minor"] for each in deductions)
    return [
        OpenInvoice(
            row.invoice_id,
            row.number,
            row.customer_id,
            row.due_on,
            Money(row.balance_minor - pending[row.invoice_id] if row.closed_at is None else 0, row.currency),
            payment_reference=row.payment_reference,
            discounts=tuple(
                (date.fromisoformat(term["until"]), share_of(row.amount_minor, str(term["percent"])))
                for term in row.early_payment or ()
            ),
            tolerance=row.early_payment_tolerance or 0,
            bank_charges=bank_charges.get(row.seller, {}).get(row.currency, Money.zero(row.currency)).minor,
        )
        for row in rows
    ]


def _waiting(session: Session) -> Iterator[tuple[str, int, date]]:
    """What lines were applied to an invoice whose payment is not recorded yet, in minor units, and of which
    day."""
    for row in _waiting_lines(session):
        yield from ((invoice_id, minor, row.received_on) for invoice_id, minor in row.allocations.items())


def _waiting_lines(
    session: Session,
) -> Sequence[Row[tuple[dict[str, Any], dict[str, Any] | None, date | None]]]:
    recorded = select(EventRow.id).where(
        EventRow.kind == CashReceived.fact_kind,
        EventRow.event_id == BankLineRow.line_id,
        EventRow.customer_id == BankLineRow.customer_id,
        EventRow.invoice_id.is_(None),
    )
    waiting = select(BankLineRow.allocations, BankLineRow.deductions, BankLineRow.received_on).where(
        BankLineRow.outcome == LineOutcome.APPLIED, BankLineRow.why != _BY_HAND, ~recorded.exists()
    )
    return session.execute(waiting).all()


class ToldByErp:
    """The payments that the ERP told of and no line is known for. A line that waits to be recorded stands for
    one of its amount."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._waiting: dict[str, list[tuple[int, date]]] = {}
        for invoice_id, minor, received_on in _waiting(session):
            self._waiting.setdefault(invoice_id, []).append((minor, received_on))

    def __call__(self, line: BankLine, invoice_ids: Sequence[str]) -> list[ToldFirst]:
        """Those on these invoices of the line's amount, so near to its day that a case takes them for the same
        money, those of the nearest day first."""
        if line.received_on is None:
            return []
        found: dict[tuple[str, str], list[tuple[str, PaymentReceived]]] = {}
        for at in range(0, len(invoice_ids), _BATCH):
            for customer_id, invoice_id, payment in self._unmatched(invoice_ids[at : at + _BATCH]):
                found.setdefault((customer_id, payment.payment_id), []).append((invoice_id, payment))
        near: list[tuple[timedelta, ToldFirst]] = []
        for (customer_id, payment_id), parts in found.items():
            apart = max(abs(payment.received_on - line.received_on) for _, payment in parts)
            same = all(payment.currency == line.currency for _, payment in parts)
            if (
                same
                and apart <= SAME_MONEY
                and sum(part.money.minor for _, part in parts) == line.money.minor
            ):
                allocations = tuple((invoice_id, payment.money) for invoice_id, payment in parts)
                near.append((apart, ToldFirst(payment_id, customer_id, allocations)))
        near.sort(key=lambda each: (each[0], each[1].payment_id))
        return [told for _, told in near]

    def _unmatched(self, invoice_ids: Sequence[str]) -> Iterator[tuple[str, str, PaymentReceived]]:
        kinds = (PaymentReceived.fact_kind, PaymentReversed.fact_kind, "payment_recognised")
        events = list(
            self._session.scalars(
                select(EventRow)
                .where(EventRow.invoice_id.in_(invoice_ids), EventRow.kind.in_(kinds))
                .order_by(EventRow.id)
            )
        )
        gone = {
            (event.invoice_id, event.payload.get("of") or event.payload.get("payment_id"))
            for event in events
            if event.kind != PaymentReceived.fact_kind
        }
        told: dict[str, list[tuple[str, PaymentReceived]]] = {}
        for event in events:
            if event.kind != PaymentReceived.fact_kind or (event.invoice_id, event.event_id) in gone:
                continue
            payment = PaymentReceived.model_validate(event.payload)
            if event.invoice_id is None or told_by(payment) != "erp":
                continue
            if (payment.method or "").lower() not in NOT_BY_TRANSFER:
                told.setdefault(event.invoice_id, []).append((event.customer_id, payment))
        for invoice_id, payments in told.items():
            for minor, received_on in self._waiting.get(invoice_id, ()):
                near = [
                    (apart, at)
                    for at, (_, payment) in enumerate(payments)
                    if payment.money.minor == minor
                    and (apart := abs(payment.received_on - received_on)) <= SAME_MONEY
                ]
                if near:
                    del payments[min(near)[1]]
            yield from ((customer_id, invoice_id, payment) for customer_id, payment in payments)


def sellers_of(session: Session, invoice_ids: Iterable[str]) -> set[str]:
    """Who these invoices are owed to."""
    return set(session.scalars(select(CaseRow.seller).where(CaseRow.invoice_id.in_(list(invoice_ids)))))


def payers(session: Session, customers: Iterable[str]) -> list[Payer]:
    """How these customers are known at a bank: their names, and the accounts they paid from before."""
    wanted = set(customers)
    ibans: dict[str, list[str]] = {}
    paid = select(BankLineRow.customer_id, BankLineRow.debtor_iban).where(
        BankLineRow.outcome == LineOutcome.APPLIED, BankLineRow.debtor_iban.is_not(None)
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
