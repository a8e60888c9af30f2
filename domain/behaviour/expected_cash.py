"""What money is expected when: agreed dates first, else the day on which it will probably come.

What is disputed or on hold is told apart: it is owed, and nobody can say when it comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from domain.case import Case
from domain.cash_source import awaited
from domain.offer_credit import left_to_pay
from domain.offers import offer_state
from domain.pauses import (
    SAID_PAID,
    PromiseState,
    frozen_amount,
    planned_amount,
    promised_amount,
    promises,
    standing_plan,
)
from domain.plans.plan import Plan
from domain.policy import Policy
from domain.vocabulary import OfferState


class Basis(StrEnum):
    """Why money is expected."""

    ANNOUNCED = "announced"
    """The ERP or the bank told of it, and the one that counts has not booked it yet."""
    PROMISE = "promise"
    INSTALMENT = "instalment"
    OFFER = "offer"
    COLLECTION = "collection"
    """By direct debit or card, on its day."""
    PREDICTED = "predicted"
    UNDATED = "undated"
    """Owed for longer than anybody ever took to pay."""
    DISPUTED = "disputed"
    HELD = "held"


#: What is owed and has no day.
WITHOUT_DAY = (Basis.UNDATED, Basis.DISPUTED, Basis.HELD)


class Expected(NamedTuple):
    """Money of one customer, minor units, expected on a day; None for what nobody can say."""

    basis: Basis
    customer_id: str
    invoices: tuple[str, ...]
    currency: str
    minor: int
    on: date | None = None


def is_held(case: Case, today: date) -> bool:
    """Whether a person put a hold on it; one that stands since the customer says it is paid is none here."""
    return any(not hold.hold_id.startswith(SAID_PAID) for hold in case.open_holds(today))


def expected_of_case(
    case: Case, policy: Policy, today: date, predicted: date | None, *, plan_held: bool = False
) -> Iterator[Expected]:
    """What is expected of one invoice, in parts whose sum is its balance: without what waits for an agreed plan,
    which is expected of the plan (unless that is held), and without what an accepted offer lets go.

    `predicted` is the day for what nobody has said a day for.
    """

    def part(basis: Basis, minor: int, on: date | None = None) -> Expected:
        return Expected(
            basis, case.account.customer_id, (case.invoice_id,), case.currency, minor, on and max(on, today)
        )

    left = case.balance
    if left <= 0:
        return
    if is_held(case, today):
        yield part(Basis.HELD, left)
        return
    disputed = min(left, frozen_amount(case))
    if disputed:
        yield part(Basis.DISPUTED, disputed)
        left -= disputed
    for coming in awaited(case):
        minor = min(left, coming.left)
        if minor:
            yield part(Basis.ANNOUNCED, minor, coming.announced.payment.received_on)
        left -= minor
    plan = standing_plan(case, today)
    if plan is not None and plan.plan_id in case.plans_accepted:
        planned = min(left, planned_amount(case, today))
        if planned and plan_held:
            yield part(Basis.HELD, planned)
        left -= planned
    offer = next(
        (
            case.offers[offer_id].fact
            for offer_id in sorted(case.offers_accepted)
            if offer_id in case.offers and offer_state(case, offer_id, today) is OfferState.ACCEPTED
        ),
        None,
    )
    if offer is not None and left:
        yield part(Basis.OFFER, min(left, max(0, left_to_pay(case, offer))), offer.until)
        return
    promised = min(left, promised_amount(case, policy, today))
    standing = [each for each in promises(case, policy, today) if each.state is PromiseState.OPEN]
    for promise in sorted(standing, key=lambda each: each.pay_by, reverse=True):
        # What has come in counts for the earlier ones: the last is the one still to be paid.
        minor = promised if promise.amount is None else min(promised, promise.amount)
        if minor:
            yield part(Basis.PROMISE, minor, promise.pay_by)
        promised -= minor
        left -= minor
    if not left:
        return
    if case.collection != "transfer" and case.collect_on is not None and case.collect_on >= today:
        yield part(Basis.COLLECTION, left, case.collect_on)
    elif predicted is not None:
        yield part(Basis.PREDICTED, left, predicted)
    else:
        yield part(Basis.UNDATED, left)


def expected_of_plan(plan: Plan, today: date) -> Iterator[Expected]:
    """What is expected of an agreed plan that is not held: each instalment on its day, less what has come in."""
    open_ones = tuple(case.invoice_id for case in plan.cases if case.balance > 0)
    for instalment in plan.instalments():
        minor = instalment.amount - instalment.paid
        if minor > 0 and open_ones:
            yield Expected(
                Basis.INSTALMENT,
                plan.lead.account.customer_id,
                open_ones,
                plan.terms.currency,
                minor,
                max(instalment.due_on, today),
            )
