"""The early warning: which open cases are about to be lost, how likely each is paid late, and when it is paid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from commands.place import find
from commands.risk.open_cases import open_accounts
from commands.risk.risk import as_document, percent, read_model, refuse_look_ahead
from commands.terminal import amount, count, day, notes, out, print_json, table, words
from domain.behaviour.late_model import LateModel
from domain.behaviour.lateness import LATE, LateScore, scores_on
from domain.behaviour.pay_dates import PayDays
from domain.money import Money
from domain.pauses import calendar_of
from domain.risk import Risk, assess, flagged_from
from store.past_invoices import days_late, past_invoices
from store.portfolio import profile_of
from store.schema import CaseRow

#: Who will be flagged within so many days is listed with those who are.
_SOON = timedelta(days=14)


@dataclass(frozen=True)
class Watched:
    """An open case as it is watched."""

    row: CaseRow
    customer: str
    today: date
    due_on: date
    balance: Money
    at_risk: Risk
    at_risk_from: date | None
    """When it is flagged if nothing becomes known; None for never."""
    write_off_on: date
    late: LateScore | None
    pay_on: date | None

    @property
    def is_near(self) -> bool:
        """Whether it is flagged, has a reason to be looked at, or will be flagged soon."""
        soon = self.at_risk_from is not None and self.at_risk_from <= self.today + _SOON
        return self.at_risk.band != "low" or soon


def print_watch(state: Path | None, model: Path | None, *, as_json: bool) -> None:
    """List the open cases near the write-off age or with a reason, the nearest first; `--json` has all.

    Raises BadInput where the model cannot be used, or learned from days after the place's own.
    """
    trained = None if model is None else read_model(model)
    place = find(state)
    with place.reading() as session:
        now = place.now(session)
        if trained is not None:
            refuse_look_ahead(trained, "--model", now.date())
        watched = sorted(
            _watch(session, now, trained),
            key=lambda each: (each.write_off_on, each.row.invoice_id),
        )
    if as_json:
        print_json([_document(each) for each in watched])
        return
    near = [each for each in watched if each.is_near]
    if not near:
        notes().print(f"None of {count(len(watched), 'open invoice')} is near being written off.")
        return
    listed = table(
        [
            "Invoice",
            "Customer",
            "Balance",
            "Write-off age",
            "At risk",
            f"{LATE} days late",
            "Paid about",
            "Why",
        ],
        right=["Balance", f"{LATE} days late"],
        wide=["Invoice", "Customer", "Why"],
    )
    for each in near:
        days = (each.write_off_on - each.today).days
        listed.add_row(
            words(each.row.number),
            words(each.customer),
            words(amount(each.balance.minor, each.balance.currency)),
            words(f"in {count(days, 'day')}" if days > 0 else "reached"),
            words(f"{each.at_risk.band} {each.at_risk.score}", "bold" if each.at_risk.flagged else ""),
            words("" if each.late is None else percent(each.late.p_late5)),
            words(day(each.pay_on) or "nobody can say"),
            words("; ".join(_reasons(each))),
        )
    out().print(listed)
    out().print()
    out().print(words(f"{len(near):,} of {count(len(watched), 'open invoice')}"))


def _reasons(each: Watched) -> tuple[str, ...]:
    if each.at_risk.reasons:
        return each.at_risk.reasons
    return () if each.at_risk_from is None else (f"flagged from {day(each.at_risk_from)}",)


def _watch(session: Session, now: datetime, trained: LateModel | None) -> Iterator[Watched]:
    past = past_invoices(session)
    # Of today it is not known yet what will be paid: what was open at the end of yesterday is scored.
    yesterday = now.date() - timedelta(days=1)
    scores = scores_on(past, yesterday) if trained is None else trained.on(past, yesterday)
    late = {score.invoice_id: score for score in scores}
    usual = PayDays(days_late(session, now.date()))
    for account in open_accounts(session, now):
        customer = profile_of(account.customer).shown_name
        for invoice_id, row in account.open.items():
            case, policy = account.cases[invoice_id].case, account.cases[invoice_id].policy
            if case.balance <= 0:
                continue
            today = calendar_of(case.account, policy).local_date(now)
            yield Watched(
                row=row,
                customer=customer,
                today=today,
                due_on=case.due,
                balance=Money(case.balance, case.currency),
                at_risk=assess(case, policy, today),
                at_risk_from=flagged_from(case, policy, today),
                write_off_on=case.due + timedelta(days=policy.at_risk.write_off_age),
                late=late.get(invoice_id),
                pay_on=usual.predicted(row.customer_id, case.due, today),
            )


def _document(each: Watched) -> dict[str, Any]:
    late = None if each.late is None else as_document(each.late)
    return {
        "invoice_id": each.row.invoice_id,
        "customer_id": each.row.customer_id,
        "currency": each.balance.currency,
        "balance_due": str(each.balance),
        "due_on": each.due_on,
        "days_past_due": (each.today - each.due_on).days,
        "write_off_on": each.write_off_on,
        "at_risk": {
            "band": each.at_risk.band,
            "score": each.at_risk.score,
            "reasons": list(each.at_risk.reasons),
        },
        "at_risk_from": each.at_risk_from,
        "late": late and {key: value for key, value in late.items() if key != "invoice_id"},
        "pay_on": each.pay_on,
    }
