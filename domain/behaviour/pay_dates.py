"""When an invoice will probably be paid: by the days its customer was late before, drawn towards everybody's."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta

from domain.behaviour.lateness import PRIOR


class PayDays:
    """How many days after their due dates invoices were paid (negative: before), of each customer and of all."""

    def __init__(self, paid: Iterable[tuple[str, int, int]]) -> None:
        """`paid` holds customer, days late, and how many invoices of the customer were paid as late."""
        by_customer: defaultdict[str, list[int]] = defaultdict(list)
        for customer_id, days, number in paid:
            by_customer[customer_id] += [days] * number
        self._by_customer = {customer_id: sorted(days) for customer_id, days in by_customer.items()}
        self._all = sorted(days for each in self._by_customer.values() for days in each)

    def predicted(self, customer_id: str, due_on: date, today: date) -> date | None:
        """The day on which an invoice that is open on `today` will probably be paid, never before it.

        (n × the customer's median + 10 × everybody's) ÷ (n + 10) days after it is due. Of an invoice that is
        past due only those count, in both, that were paid as late or later. None where nobody ever was.
        """
        past_due = (today - due_on).days
        everybody, _ = _usual(self._all, past_due)
        if everybody is None:
            return None
        own, paid = _usual(self._by_customer.get(customer_id, []), past_due)
        days = PRIOR * everybody + (paid * own if own is not None else 0)
        return max(today, due_on + timedelta(days=round(days / (paid + PRIOR))))


def _usual(days: list[int], least: int) -> tuple[float | None, int]:
    """The median of sorted days from `least` on where that is after the due date, else of all, and how many
    they are."""
    first = bisect_left(days, least) if least > 0 else 0
    number = len(days) - first
    if not number:
        return None, 0
    upper = first + number // 2
    return (days[upper] if number % 2 else (days[upper - 1] + days[upper]) / 2), number
