"""What money is expected in the coming weeks: promised, agreed in instalments, or as customers usually pay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from commands.place import find
from commands.risk.open_cases import open_accounts
from commands.terminal import count, day, notes, out, print_json, table, total, words
from domain.behaviour.expected_cash import (
    WITHOUT_DAY,
    Basis,
    Expected,
    expected_of_case,
    expected_of_plan,
    is_held,
)
from domain.behaviour.pay_dates import PayDays
from domain.money import Money
from domain.pauses import calendar_of
from store.past_invoices import days_late

_DATED = tuple(basis for basis in Basis if basis not in WITHOUT_DAY)
#: What is told apart in the table.
_APART = {
    Basis.UNDATED: "owed for longer than anybody took to pay",
    Basis.DISPUTED: "disputed",
    Basis.HELD: "on hold",
}


def print_cash(weeks: int, *, state: Path | None, as_json: bool) -> None:
    """List what is expected by week, Monday to Sunday, this one first; what comes after is one line."""
    place = find(state)
    with place.reading() as session:
        today = place.today(session, "UTC")
        first = today - timedelta(days=today.weekday())
        expected = foretell(session, place.now(session), first)
    if as_json:
        print_json(_document(expected, today, first, weeks))
        return
    if not expected:
        notes().print("Nothing is owed.")
        return
    listed = table(
        ["Week", "Expected", "Agreed", "As usually paid"], right=["Expected", "Agreed", "As usually paid"]
    )
    for number in range(weeks + 1):
        from_, to = _week(first, number, weeks)
        inside = [each for each in expected if each.on is not None and from_ <= each.on <= to]
        if not inside and number == weeks:
            continue
        agreed = [each for each in inside if each.basis is not Basis.PREDICTED]
        listed.add_row(
            words(f"{day(from_)} – {day(to)}" if number < weeks else f"from {day(from_)}"),
            words(_sum(inside)),
            words(_sum(agreed)),
            words(_sum([each for each in inside if each.basis is Basis.PREDICTED])),
        )
    out().print(listed)
    out().print()
    out().print(words(f"Expected: {_sum([each for each in expected if each.on is not None])}"))
    for basis, name in _APART.items():
        apart = [each for each in expected if each.basis is basis]
        if apart:
            invoices = {invoice for each in apart for invoice in each.invoices}
            out().print(words(f"Not counted, {name}: {_sum(apart)} ({count(len(invoices), 'invoice')})"))


def foretell(session: Session, now: datetime, first: date = date.min) -> list[Expected]:
    """What is expected of every open case, each by the day of its customer, but not before a first day: where a
    customer still has yesterday, what is expected today would lie in no week."""
    usual = PayDays(days_late(session, now.date()))
    expected: list[Expected] = []
    for account in open_accounts(session, now):
        held = {
            case.invoice_id
            for plan in account.plans
            if any(is_held(case, now.date()) for case in plan.cases)
            for case in plan.cases
        }
        for invoice_id in account.open:
            case, policy = account.cases[invoice_id].case, account.cases[invoice_id].policy
            today = calendar_of(case.account, policy).local_date(now)
            predicted = usual.predicted(case.account.customer_id, case.due, today)
            expected += expected_of_case(case, policy, today, predicted, plan_held=invoice_id in held)
        for plan in account.plans:
            if not held.intersection(case.invoice_id for case in plan.cases):
                expected += expected_of_plan(plan, plan.calendar.local_date(now))
    expected = [each if each.on is None else each._replace(on=max(each.on, first)) for each in expected]
    return sorted(
        expected, key=lambda each: (each.on or date.max, each.customer_id, each.invoices, each.basis)
    )


def _week(first: date, number: int, weeks: int) -> tuple[date, date]:
    from_ = first + timedelta(weeks=number)
    return from_, from_ + timedelta(days=6) if number < weeks else date.max


def _sum(expected: Iterable[Expected]) -> str:
    return total(Money(each.minor, each.currency) for each in expected)


def _document(expected: Sequence[Expected], today: date, first: date, weeks: int) -> dict[str, Any]:
    """`weeks` by currency, what has no day by currency, and `items`, of which every sum is made."""
    currencies = sorted({each.currency for each in expected})
    return {
        "as_of": today,
        "weeks": [
            {
                "from": from_,
                "to": to if number < weeks else None,
                "currency": currency,
                **_amounts(
                    [each for each in expected if each.on and from_ <= each.on <= to], currency, _DATED
                ),
            }
            for currency in currencies
            for number in range(weeks + 1)
            for from_, to in [_week(first, number, weeks)]
        ],
        "without_day": [
            {"currency": currency, **_amounts(expected, currency, WITHOUT_DAY)} for currency in currencies
        ],
        "items": [
            {
                "on": each.on,
                "basis": each.basis,
                "customer_id": each.customer_id,
                "invoices": list(each.invoices),
                "currency": each.currency,
                "amount": str(Money(each.minor, each.currency)),
            }
            for each in expected
        ],
    }


def _amounts(expected: Iterable[Expected], currency: str, bases: Iterable[Basis]) -> dict[str, str]:
    sums: defaultdict[Basis, int] = defaultdict(int)
    for each in expected:
        if each.currency == currency:
            sums[each.basis] += each.minor
    told = {str(basis): str(Money(sums[basis], currency)) for basis in bases}
    return {"amount": str(Money(sum(sums[basis] for basis in bases), currency)), **told}
