"""Payments as they reach an invoice: booked, recognised as money that is booked, or announced."""

from __future__ import annotations

from collections.abc import Set

from activities.casework import CaseWork
from activities.rulebook import Rulebook
from domain import contract as wire
from domain.cash_source import HOLD_PREFIX, CashSource, awaited, hold_id, hold_of, taken
from domain.facts import PaymentAnnounced
from domain.filing import disputed_deductions
from domain.pauses import calendar_of
from domain.unconfirmed import UNCONFIRMED_CASH
from store import bank, worklist


def file_payment(
    work: CaseWork, invoice_id: str, payment: wire.PaymentReceived, *, by_hand: bool = False
) -> bool:
    """Record a payment for what it is to the seller; False where it was recorded before."""
    pursued = work.case(invoice_id)
    seller = work.rulebook.sellers.get(pursued.case.seller)
    source, within = (None, 1) if seller is None else (seller.cash_source, seller.cash_confirmed_within)
    calendar = calendar_of(pursued.case.account, pursued.policy)
    confirm_by = calendar.add_business_days(work.today(pursued), within)
    fact = taken(pursued.case, payment, source, confirm_by, by_hand=by_hand)
    recorded = work.file(invoice_id, fact, payment.fact_id)
    if recorded:
        _list_deductions(work, invoice_id, payment)
    if recorded and not isinstance(fact, PaymentAnnounced):
        _close_confirmed(work, invoice_id)
    return recorded


def _list_deductions(work: CaseWork, invoice_id: str, payment: wire.PaymentReceived) -> None:
    """A person settles what was kept back of a payment, where the seller does not bear it."""
    for dispute_id, deduction in disputed_deductions(payment):
        why = f"kept back of payment {payment.payment_id}: {deduction.amount} {payment.currency}, {deduction.reason}"
        work.open_item("dispute", why, invoice_id=invoice_id, ref=dispute_id)


def is_booked_for(rulebook: Rulebook, sellers: set[str], told_by: CashSource) -> bool:
    """Whether money that no invoice is named for is put on the account: not where all sellers that it may be
    for, all there are where nobody knows, go by the other source."""
    known = sellers & rulebook.sellers.keys() or rulebook.sellers.keys()
    return any(rulebook.sellers[each].cash_source in (None, told_by) for each in known)


def close_unawaited(work: CaseWork, invoice_id: str, released: str) -> None:
    """Take off the worklist what a person said is not to be waited for: a hold of its name was released."""
    announced = work.case(invoice_id).case.announced
    refs = {payment_id for payment_id, each in announced.items() if hold_id(each.fact) == released}
    _close(work, invoice_id, refs, by="hold_released", outcome="it is not waited for")


def end_doubt(work: CaseWork, invoice_id: str, line_id: str) -> None:
    """A person said what a doubtful bank line is, of one invoice: all of its customer that it pauses go on."""
    owner = work.row(invoice_id).owner_id
    hold = hold_of(line_id)
    for other in bank.paused(work.session, line_id):
        if work.row(other).owner_id != owner:
            continue
        released = wire.HoldReleased(hold_id=hold)
        if work.file(other, released, released.fact_id):
            work.nudge.add(other)


def close_doubtful(work: CaseWork, invoice_id: str, released: str) -> None:
    """A person said that a doubtful bank line is not to be booked: the hold it stood for was released."""
    line_id = released.removeprefix(HOLD_PREFIX)
    if line_id != released and invoice_id in bank.paused(work.session, line_id):
        bank.decided(work.session, line_id, work.now)
        end_doubt(work, invoice_id, line_id)


def _close_confirmed(work: CaseWork, invoice_id: str) -> None:
    """Take off the worklist what was announced and is booked now."""
    case = work.case(invoice_id).case
    refs = case.announced.keys() - {each.announced.payment.payment_id for each in awaited(case)}
    _close(work, invoice_id, refs, by="duecourse", outcome="the payment is booked")


def _close(work: CaseWork, invoice_id: str, refs: Set[str], *, by: str, outcome: str) -> None:
    """A bank line may be announced for several invoices: only this one's item is closed."""
    if not refs:
        return
    for task in worklist.list_open(work.session, kind=UNCONFIRMED_CASH, invoice_id=invoice_id):
        if task.ref in refs:
            worklist.close_task(work.session, task.item_id, at=work.now, by=by, outcome=outcome)
