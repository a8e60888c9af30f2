"""Two ways in which a payment becomes known, the ERP and the bank, and how its money is counted once.

A seller may name the one whose word counts. What the other tells is then announced: it keeps its amount from being
asked for until the named source books it. Where none is named, whichever tells first is booked, and what the other
tells of the same money is recognised.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, timedelta
from typing import Literal, NamedTuple

from domain.calendar import zone_info
from domain.case import Case
from domain.contract import PaymentReceived
from domain.facts import PaymentAnnounced, PaymentRecognised
from domain.filing import derived_id
from domain.money import Money

CashSource = Literal["erp", "bank"]

#: How the ids of bank lines begin: a payment under such an id is the payment of that line.
LINE_PREFIX = "bank-"
#: How the ids of holds begin that wait for what is said of a payment.
HOLD_PREFIX = "cash-"
#: ERP and bank date the same payment so far apart at most, where nobody named one of them.
SAME_MONEY = timedelta(days=5)
#: So long before the other's day the named source may have booked what is announced.
_BOOKED_BEFORE = timedelta(days=10)
#: Ways of paying of an ERP's payment that is no single line of a bank statement.
NOT_BY_TRANSFER = frozenset({"card", "cash", "check", "cheque"})


class Awaited(NamedTuple):
    """What was announced, and minor units of it that are not confirmed."""

    announced: PaymentAnnounced
    left: int


def told_by(payment: PaymentReceived) -> CashSource:
    """Who tells of a payment: as it says itself, else the bank where it has the id of a bank line."""
    match payment.source:
        case "erp":
            return "erp"
        case "bank":
            return "bank"
    return source_of(payment.payment_id)


def source_of(payment_id: str) -> CashSource:
    """Who tells of what has this id: the bank lines that we read have ids of ours."""
    return "bank" if payment_id.startswith(LINE_PREFIX) else "erp"


def hold_id(announced: PaymentAnnounced) -> str:
    """The hold whose release says that what was announced is not to be waited for."""
    return hold_of(announced.payment.payment_id)


def hold_of(payment_id: str) -> str:
    """The hold under which an invoice waits for what is said of a payment."""
    return derived_id(HOLD_PREFIX, payment_id, "")


def taken(
    case: Case,
    payment: PaymentReceived,
    source: CashSource | None,
    confirm_by: date,
    *,
    by_hand: bool = False,
) -> PaymentReceived | PaymentRecognised | PaymentAnnounced:
    """What a payment told of an invoice comes to: booked, recognised as money that is booked, or announced.

    `by_hand` is booked whoever tells, what is announced and not confirmed even where another payment is like it.
    A repeat comes to what it came to before.
    """
    payment_id, by = payment.payment_id, told_by(payment)
    if payment_id in case.payments:
        return payment
    known = case.recognised.get(payment_id)
    if known is not None:
        return PaymentRecognised(payment=payment, of=known.fact.of)
    if source not in (None, by) and not by_hand:
        before = case.announced.get(payment_id)
        return PaymentAnnounced(
            payment=payment, told_by=by, confirm_by=confirm_by if before is None else before.fact.confirm_by
        )
    if by_hand and _unconfirmed(case).get(payment_id, 0) > 0:
        return payment
    same = next(_same_money(case, payment), None)
    return payment if same is None else PaymentRecognised(payment=payment, of=same)


def _same_money(case: Case, payment: PaymentReceived) -> Iterator[str]:
    """The booked payments of which the other source tells with this one, those of the nearest day first.

    Each stands for one: a second payment of the same amount is another one, and so is one that came after the
    booked one had been taken back.
    """
    if (payment.method or "").lower() in NOT_BY_TRANSFER:
        return
    told = {stamped.fact.of for stamped in case.recognised.values()}
    found = [
        (abs(booked.fact.received_on - payment.received_on), booked_id)
        for booked_id, booked in case.payments.items()
        if booked_id not in told
        and told_by(booked.fact) != told_by(payment)
        and case.minor(booked.fact.amount) == case.minor(payment.amount)
        and (booked.fact.method or "").lower() not in NOT_BY_TRANSFER
        and not _back_before(case, booked.fact, payment)
    ]
    yield from (booked_id for apart, booked_id in sorted(found) if apart <= SAME_MONEY)


def awaited(case: Case) -> list[Awaited]:
    """What was announced and neither booked by the named source, nor taken back, nor said not to be waited for, the
    oldest first."""
    if not case.announced:
        return []
    waiting = [
        Awaited(fact, left - _taken_back(case, payment_id))
        for payment_id, left in _unconfirmed(case).items()
        if hold_id(fact := case.announced[payment_id].fact) not in case.released
    ]
    return sorted(
        (each for each in waiting if each.left > 0),
        key=lambda each: (each.announced.payment.received_on, each.announced.payment.payment_id),
    )


def _unconfirmed(case: Case) -> dict[str, int]:
    """Minor units of each announced payment that the named source has not booked.

    A booked payment confirms what was announced of its amount first; else several make up one, or one several. What
    was taken back, or is not waited for, uses up its booking too: it would confirm the next payment otherwise.
    """
    matched = {stamped.fact.of for stamped in case.recognised.values()}
    booked = [each.fact for id_, each in case.payments.items() if id_ not in matched]
    announced = [
        each.fact
        for id_, each in case.announced.items()
        if id_ not in case.payments and id_ not in case.recognised
    ]
    unused = {payment.payment_id: case.minor(payment.amount) for payment in booked}
    left = {each.payment.payment_id: case.minor(each.payment.amount) for each in announced}
    pairs = sorted(
        (_unlikeness(payment, each.payment), each.payment.payment_id, payment.payment_id)
        for each in announced
        for payment in booked
        if _confirms(case, payment, each)
    )
    for exactly in (True, False):
        for _, of, by in pairs:
            if unused[by] == left[of] or not exactly:
                used = min(left[of], unused[by])
                left[of] -= used
                unused[by] -= used
    return left


def announced_amount(case: Case) -> int:
    """Minor units that one source told of and the one that the seller named has not booked yet."""
    return min(announced_between(case, date.min, date.max), case.balance) if case.announced else 0


def announced_between(case: Case, start: date, end: date) -> int:
    """What is announced with `received_on` in [start, end]."""
    return sum(each.left for each in awaited(case) if start <= each.announced.payment.received_on <= end)


def said(each: Awaited) -> str:
    """What one source told and the other did not, in a sentence for staff."""
    payment, by_bank = each.announced.payment, each.announced.told_by == "bank"
    tells, silent = ("the bank", "the ERP") if by_bank else ("the ERP", "the bank")
    money = f"{Money(each.left, payment.currency)} {payment.currency} of {payment.received_on}"
    return f"{tells} tells of {money} ({payment.payment_id}), {silent} not yet"


def _taken_back(case: Case, payment_id: str) -> int:
    return sum(
        case.minor(stamped.fact.amount)
        for stamped in case.reversals.values()
        if stamped.fact.payment_id == payment_id
    )


def _confirms(case: Case, payment: PaymentReceived, announced: PaymentAnnounced) -> bool:
    """Whether the named source may mean what was announced with a payment that it booked."""
    told = announced.payment
    by_transfer = (payment.method or "").lower() not in NOT_BY_TRANSFER
    return (
        told_by(payment) != announced.told_by
        and (by_transfer or announced.told_by != "bank")
        and payment.received_on >= told.received_on - _BOOKED_BEFORE
        and not _back_before(case, payment, told)
        and not _back_before(case, told, payment)
    )


def _unlikeness(payment: PaymentReceived, announced: PaymentReceived) -> tuple[bool, timedelta, date]:
    """The nearest day is the likeliest, of the days on or after the announced one: books follow the money."""
    apart = payment.received_on - announced.received_on
    return apart < timedelta(0), abs(apart), announced.received_on


def _back_before(case: Case, payment: PaymentReceived, other: PaymentReceived) -> bool:
    """Whether all of a payment had been taken back before the day of another one: they are not the same money."""
    zone = UTC if case.account.zone is None else zone_info(case.account.zone)
    standing = case.minor(payment.amount)
    for stamped in case.reversals.values():
        if (
            case.booked_as(stamped.fact.payment_id) == payment.payment_id
            and stamped.at.astimezone(zone).date() < other.received_on
        ):
            standing -= case.minor(stamped.fact.amount)
    return standing <= 0
