"""Announced money that nobody confirms: what staff are asked about it, and from when."""

from __future__ import annotations

from datetime import date, datetime

from domain.case import Case
from domain.cash_source import awaited, hold_id, said
from domain.decision import TaskRequest
from domain.pauses import calendar_of
from domain.policy import Policy

#: Under which staff find a payment that only one of two sources tells of.
UNCONFIRMED_CASH = "unconfirmed_cash"


def unconfirmed(case: Case, today: date) -> tuple[TaskRequest, ...]:
    """Payments of which one source told, and the one that the seller named has said nothing in its time."""
    return tuple(
        TaskRequest(
            kind=UNCONFIRMED_CASH,
            ref=each.announced.payment.payment_id,
            why=(
                f"{said(each)}: book it there, or say that it is not to be waited for "
                f"(release {case.invoice_id} --hold-id {hold_id(each.announced)})"
            ),
        )
        for each in awaited(case)
        if today > each.announced.confirm_by
    )


def confirmations_end(case: Case, policy: Policy) -> list[datetime]:
    """When the time of the named source is over for each payment that the other told of."""
    if not case.announced:
        return []
    calendar = calendar_of(case.account, policy)
    return [calendar.midnight_after(each.announced.confirm_by) for each in awaited(case)]
