"""What was done in a period and what it brought, read from facts, messages, tasks, plans and the ledger.

Plain counts are aggregated by the database from the very select that lists what they are made of; only cases with
a promise or a dispute are loaded, in batches, for the domain to judge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Any

from pydantic import ValidationError
from sqlalchemy import (
    ColumnElement,
    Date,
    Select,
    and_,
    case,
    cast,
    func,
    lateral,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session, aliased

from domain.case import Account, Case
from domain.contract import Customer
from domain.figures.outcomes import (
    DisputeCycle,
    EndedPlan,
    JudgedPromise,
    Period,
    dispute_cycles,
    judged_promises,
)
from domain.filing import apply
from domain.letters.letter import FOR_STAFF
from domain.money import Money
from domain.pauses import calendar_of
from domain.policy import Policy
from domain.vocabulary import Step
from store import facts
from store.portfolio import Holidays, country_of, fact_of, new_case, policy_of
from store.schema import (
    CaseRow,
    CreditHoldRow,
    CustomerRow,
    EventRow,
    LedgerEntryRow,
    MessageItemRow,
    MessageRow,
    MessageState,
    PlanRow,
    TaskRow,
    TaskState,
)

#: Cases that are loaded at once.
_BATCH = 500
#: More calendar days than the grace of any promise has.
_LONGEST_GRACE = timedelta(days=90)
#: How the ids of those steps begin that were carried over from another system: not our doing.
_CARRIED_OVER = "history-"
#: What stands for the step where money came before any.
BEFORE_ANY_STEP = "none"
_DERIVED = "payment_received:"
_RECOGNISED = "payment_recognised"


def _during(at: Any, period: Period) -> ColumnElement[bool]:
    return and_(at >= period.starts_at, at < period.ends_at)


# Promises and disputes


@dataclass(frozen=True)
class Rules:
    """What judging a case takes beside its facts and its own policy."""

    holidays: Holidays
    otherwise: Policy
    """For a case whose policy this version of Duecourse cannot read any more."""

    def policy(self, row: CaseRow) -> Policy:
        try:
            return policy_of(row)
        except ValidationError:
            return self.otherwise


def promises(session: Session, period: Period, today: date, rules: Rules) -> list[JudgedPromise]:
    """The promises that count in a period, each judged by the rule that steers its case."""
    earliest = (period.first - _LONGEST_GRACE).isoformat()
    made = select(EventRow.invoice_id).where(
        EventRow.invoice_id.is_not(None),
        EventRow.at < period.ends_at,
        # As text: dates sort like it, and no cast can trip over what another kind of row holds under this name.
        or_(
            and_(EventRow.kind == "promise_made", EventRow.payload["pay_by"].astext >= earliest),
            and_(  # an approver of the customer's named the day: a promise as well
                EventRow.kind == "invoice_status",
                EventRow.payload["status"].astext == "scheduled",
                EventRow.payload["pay_on"].astext >= earliest,
            ),
        ),
    )
    return [
        judged
        for measured, policy, owed_at in _cases(session, made, period, rules)
        for judged in judged_promises(measured, policy, owed_at, period, today)
    ]


def disputes(session: Session, period: Period, rules: Rules) -> list[DisputeCycle]:
    """The disputes that were resolved in a period, and those that were open on its last day."""
    raised = select(EventRow.invoice_id).where(
        EventRow.invoice_id.is_not(None),
        EventRow.at < period.ends_at,
        or_(
            EventRow.kind == "dispute_raised",
            and_(EventRow.kind == "payment_received", EventRow.payload["deductions"][0].is_not(None)),
            and_(
                EventRow.kind.in_(("payment_announced", "payment_recognised")),
                EventRow.payload["payment"]["deductions"][0].is_not(None),
            ),
        ),
    )
    return [
        cycle
        for measured, policy, _ in _cases(session, raised, period, rules)
        for cycle in dispute_cycles(measured, policy, period)
    ]


def _cases(
    session: Session, wanted: Select[Any], period: Period, rules: Rules
) -> Iterator[tuple[Case, Policy, dict[date, int]]]:
    """Cases with all their facts, a batch at a time, with what was owed at the beginning of the days on which
    something was promised. Of the account they know what judging needs: its calendar."""
    found = iter(sorted(set(session.scalars(wanted))))
    while ids := list(islice(found, _BATCH)):
        rows = session.execute(
            select(CaseRow, CustomerRow)
            .join(CustomerRow, CustomerRow.customer_id == CaseRow.customer_id)
            .where(CaseRow.invoice_id.in_(ids))
            .order_by(CaseRow.invoice_id)
        )
        events, entries = facts.events_of(session, ids), facts.entries_of(session, ids)
        for row, customer in rows:
            policy = rules.policy(row)
            measured = new_case(row, _account(customer, period, rules.holidays), policy)
            for event in events[row.invoice_id]:
                fact = fact_of(event)
                if fact is not None:
                    measured = apply(measured, fact, event.at)
            calendar = calendar_of(measured.account, policy)
            days = {calendar.local_date(made.at) for made in measured.promises.values()}
            ledger = [(each.kind, each.entry_on, each.amount_minor) for each in entries[row.invoice_id]]
            yield measured, policy, {day: _owed_before(ledger, day) for day in days}


def _owed_before(ledger: Sequence[tuple[str, date, int]], day: date) -> int:
    """What the ledger says was owed at the beginning of a day; the invoice itself always counts."""
    return max(0, sum(minor for kind, on, minor in ledger if kind == "invoice" or on < day))


def _account(customer: CustomerRow, period: Period, holidays: Holidays) -> Account:
    profile = Customer.model_validate(customer.profile)
    return Account(
        customer_id=customer.customer_id,
        zone=profile.timezone,
        holidays=holidays(profile.country or country_of(profile), period.last),
    )


# Plans


def plans(session: Session, period: Period) -> list[EndedPlan]:
    """The agreed plans that ended in a period, with the sum of their instalments."""
    tabled = aliased(EventRow)
    rows = session.execute(
        select(PlanRow, tabled.payload)
        .join(
            tabled,
            and_(
                tabled.invoice_id == PlanRow.invoices[1],
                tabled.kind == "plan_tabled",
                tabled.event_id == PlanRow.plan_id,
            ),
        )
        .where(PlanRow.accepted_at.is_not(None), _during(PlanRow.ended_at, period))
        .order_by(PlanRow.ended_at, PlanRow.plan_id)
    )
    ended = []
    for row, payload in rows:
        assert row.ended_at is not None, "it is selected by it"
        total = sum(int(instalment["amount"]) for instalment in payload["instalments"])
        ended.append(
            EndedPlan(row.plan_id, row.customer_id, row.currency, total, row.state, row.ended_at.date())
        )
    return ended


# Actions

#: The kind of a message; those of a plan without its number and the instalment's (`plan2_reminder_1`).
_KIND = case(
    (
        MessageRow.step.regexp_match(r"^plan\d*_"),
        func.regexp_replace(MessageRow.step, r"^plan\d*_(.*?)(_\d+)?$", r"plan_\1"),
    ),
    else_=MessageRow.step,
)


def actions_listed(period: Period) -> Select[Any]:
    """What was done in a period, a row each: `action`, `kind`, `ref`, `customer_id`, `invoices`, `on`.

    Messages are those a provider accepted, alerts are tasks of a customer, the others count invoices.
    """
    about = (
        select(func.array_agg(MessageItemRow.invoice_id.distinct()))
        .where(MessageItemRow.message_id == MessageRow.message_id)
        .scalar_subquery()
    )
    message = select(
        literal("message").label("action"),
        _KIND.label("kind"),
        MessageRow.message_id.label("ref"),
        MessageRow.customer_id.label("customer_id"),
        about.label("invoices"),
        cast(MessageRow.sent_at, Date).label("on"),
    ).where(
        MessageRow.state == MessageState.SENT,
        MessageRow.step.not_in(FOR_STAFF),
        _during(MessageRow.sent_at, period),
    )
    call = _events("call", EventRow.payload["outcome"].astext, period, EventRow.kind == "call_logged")
    carried_out = EventRow.payload["step"].astext
    reached = _events(
        carried_out,
        carried_out,
        period,
        EventRow.kind == "step_taken",
        carried_out.in_([Step.DEMAND, Step.REFERRAL]),
        EventRow.event_id.not_like(f"{_CARRIED_OVER}%"),
    )
    alert = select(
        literal("alert"),
        TaskRow.kind,
        TaskRow.item_id,
        TaskRow.customer_id,
        TaskRow.invoices,
        cast(TaskRow.created_at, Date),
    ).where(TaskRow.kind == Step.AM_ALERT, _during(TaskRow.created_at, period))
    hold = select(
        literal("credit_hold"),
        CreditHoldRow.reason,
        CreditHoldRow.invoice_id,
        CreditHoldRow.customer_id,
        array([CreditHoldRow.invoice_id]),
        cast(CreditHoldRow.placed_at, Date),
    ).where(_during(CreditHoldRow.placed_at, period))
    return select(union_all(message, call, reached, alert, hold).subquery())


def _events(
    action: Any, kind: ColumnElement[str], period: Period, *which: ColumnElement[bool]
) -> Select[Any]:
    named = literal(action) if isinstance(action, str) else action
    return select(
        named,
        kind,
        EventRow.event_id,
        EventRow.customer_id,
        array([EventRow.invoice_id]),
        cast(EventRow.at, Date),
    ).where(_during(EventRow.at, period), EventRow.invoice_id.is_not(None), *which)


def action_counts(session: Session, period: Period) -> dict[str, dict[str, int]]:
    """How many of each action, by its kind: of a message the step, of a call how it went."""
    listed = actions_listed(period).subquery()
    counted = select(listed.c.action, listed.c.kind, func.count()).group_by(listed.c.action, listed.c.kind)
    tally: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for action, kind, number in session.execute(counted.order_by(listed.c.action, listed.c.kind)):
        tally[action][kind] = number
    return dict(tally)


# Money, by the step before it


def receipts_listed(period: Period) -> Select[Any]:
    """The payments received in a period, less what was reversed of each, a row each: `payment_id`, `invoice_id`,
    `customer_id`, `currency`, `minor`, `received_on`, `step`, `step_on`.

    `step` is the last one carried out on an earlier day: payments dated on the day of a step come before it.
    """
    paid = LedgerEntryRow
    back, reversal, known = aliased(LedgerEntryRow), aliased(EventRow), aliased(EventRow)
    # Where two sources tell of the same money, it is booked under one id; what took it back may name the other.
    other_ids = (
        select(known.event_id)
        .where(
            known.invoice_id == paid.invoice_id,
            known.kind == _RECOGNISED,
            known.payload["of"].astext == paid.event_id,
        )
        .correlate(paid)
    )
    reversed_minor = (
        select(func.coalesce(func.sum(back.amount_minor), 0))
        .outerjoin(
            reversal,
            and_(
                reversal.invoice_id == back.invoice_id,
                reversal.kind == "payment_reversed",
                reversal.event_id == back.event_id,
            ),
        )
        .where(
            back.invoice_id == paid.invoice_id,
            back.kind == "payment_reversed",
            or_(
                back.event_id == func.concat(_DERIVED, paid.event_id),
                reversal.payload["payment_id"].astext == paid.event_id,
                reversal.payload["payment_id"].astext.in_(other_ids),
                and_(
                    back.event_id.startswith(f"{_RECOGNISED}:", autoescape=True),
                    func.split_part(back.event_id, ":", 2).in_(other_ids),
                ),
            ),
        )
        .scalar_subquery()
    )
    taken = aliased(EventRow)
    own_day = case(
        (taken.kind == "step_taken", cast(taken.payload["on"].astext, Date))
    )  # others may hold anything
    taken_on = func.coalesce(own_day, cast(taken.at, Date))
    before = lateral(
        select(taken.payload["step"].astext.label("step"), taken_on.label("step_on"))
        .where(
            taken.invoice_id == paid.invoice_id,
            taken.kind == "step_taken",
            taken_on < paid.entry_on,
        )
        .order_by(taken_on.desc(), taken.id.desc())
        .limit(1)
    )
    return (
        select(
            paid.event_id.label("payment_id"),
            paid.invoice_id,
            paid.customer_id,
            paid.currency,
            (-paid.amount_minor - reversed_minor).label("minor"),
            paid.entry_on.label("received_on"),
            func.coalesce(before.c.step, BEFORE_ANY_STEP).label("step"),
            before.c.step_on,
        )
        .outerjoin(before, literal(True))
        .where(paid.kind == "payment_received", paid.entry_on.between(period.first, period.last))
    )


def recovered(session: Session, period: Period) -> list[dict[str, Any]]:
    """What was received after each step and before the next, by currency, the steps in their order."""
    listed = receipts_listed(period).subquery()
    rows = session.execute(
        select(
            listed.c.currency,
            listed.c.step,
            func.count(),
            func.count(listed.c.invoice_id.distinct()),
            func.sum(listed.c.minor),
        ).group_by(listed.c.currency, listed.c.step)
    )
    order = [BEFORE_ANY_STEP, *Step]
    return [
        {
            "currency": currency,
            "step": step,
            "payments": payments,
            "invoices": invoices,
            "amount": str(Money(int(minor), currency)),
        }
        for currency, step, payments, invoices, minor in sorted(
            rows, key=lambda row: (row[0], order.index(row[1]) if row[1] in order else len(order), row[1])
        )
    ]


# Tasks


def tasks_listed(period: Period) -> Select[Any]:
    """The worklist items that were opened or ended in a period, or were open on its last day, a row each."""
    ended = TaskRow.state != TaskState.OPEN
    return select(
        TaskRow.item_id,
        TaskRow.kind,
        TaskRow.customer_id,
        TaskRow.invoices,
        TaskRow.created_at,
        TaskRow.done_at,
        _during(TaskRow.created_at, period).label("opened"),
        and_(TaskRow.state == TaskState.DONE, _during(TaskRow.done_at, period)).label("done"),
        and_(TaskRow.state == TaskState.CANCELLED, _during(TaskRow.done_at, period)).label("cancelled"),
        case((ended, TaskRow.done_at >= period.ends_at), else_=True).label("open"),
    ).where(
        TaskRow.created_at < period.ends_at,
        or_(~ended, TaskRow.done_at >= period.starts_at),
    )


def task_counts(session: Session, period: Period) -> list[dict[str, Any]]:
    """By kind: how many items were opened, done and cancelled in a period, and open on its last day."""
    listed = tasks_listed(period).subquery()
    columns = ("opened", "done", "cancelled", "open")
    rows = session.execute(
        select(listed.c.kind, *(func.count().filter(listed.c[name]) for name in columns))
        .group_by(listed.c.kind)
        .order_by(listed.c.kind)
    )
    return [dict(zip(("kind", *columns), row, strict=True)) for row in rows]
