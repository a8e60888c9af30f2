"""What happens to the sample portfolio: the customers' payments, promises and disputes, and what staff do each morning.

Everything here is scripted, and arrives as the signals and updates of the contract. It shows how Duecourse
behaves, not what it achieves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from commands.stack.day_by_day import DayByDay
from commands.stack.sample_portfolio import (
    BRAMBLE,
    DATAFLOW,
    DEBTORS,
    HARBOUR,
    KISARAGI,
    MARCHAND,
    METRO,
    QUILLON,
    SABLE,
    TECHGLOBAL,
)
from store import outbox
from store.schema import TaskRow, TaskState

Payload = dict[str, Any]
_DEBTOR_OF = {bill.number: debtor for debtor in DEBTORS for bill in debtor.bills}
_BILL = {bill.number: bill for debtor in DEBTORS for bill in debtor.bills}


class Happening(Protocol):
    """Something that reaches a customer's cases on a morning. False where a rule refused it."""

    @property
    def customer_id(self) -> str: ...

    async def happen(self, days: DayByDay, at: datetime) -> bool: ...


@dataclass(frozen=True)
class Told:
    """A signal to an invoice."""

    invoice_id: str
    signal: str
    fact: Payload

    @property
    def customer_id(self) -> str:
        return _DEBTOR_OF[self.invoice_id].customer_id

    async def happen(self, days: DayByDay, at: datetime) -> bool:
        await days.signal(self.invoice_id, self.signal, self.fact, at)
        return True


@dataclass(frozen=True)
class ToldAccount:
    """A signal to a customer's account."""

    customer_id: str
    signal: str
    fact: Payload

    async def happen(self, days: DayByDay, at: datetime) -> bool:
        await days.signal_account(self.customer_id, self.signal, self.fact, at)
        return True


@dataclass(frozen=True)
class Asked:
    """An update of an invoice."""

    invoice_id: str
    update: str
    request: Payload

    @property
    def customer_id(self) -> str:
        return _DEBTOR_OF[self.invoice_id].customer_id

    async def happen(self, days: DayByDay, at: datetime) -> bool:
        return await days.try_update(self.invoice_id, self.update, self.request, at)


# -- what customers and the ERP do -----------------------------------------------------------------


def script(day0: date) -> Mapping[date, Sequence[Happening]]:
    """All that is scripted, by its day."""
    by_day: dict[date, list[Happening]] = defaultdict(list)
    for offset, happening in _happenings(lambda days: (day0 + timedelta(days=days)).isoformat()):
        by_day[day0 + timedelta(days=offset)].append(happening)
    return by_day


def _happenings(on: Callable[[int], str]) -> Iterator[tuple[int, Happening]]:
    def paid(day: int, invoice: str, amount: str | None = None, payment_id: str = "", **more: Any) -> Told:
        payment = {
            "payment_id": payment_id or f"PAY-{invoice}-{day}",
            "amount": amount or _BILL[invoice].amount,
            "currency": _DEBTOR_OF[invoice].currency,
            "received_on": on(day),
            "method": "transfer",
        }
        return Told(invoice, "payment_received", payment | more)

    def remittance(day: int, customer: str, amount: str, *allocations: Payload) -> ToldAccount:
        currency = next(debtor.currency for debtor in DEBTORS if debtor.customer_id == customer)
        cash = {
            "payment_id": f"REM-{customer}-{day}",
            "amount": amount,
            "currency": currency,
            "received_on": on(day),
            "allocations": list(allocations),
        }
        return ToldAccount(customer, "cash_received", cash)

    def whole(invoice: str) -> Payload:
        return {"invoice_id": invoice, "amount": _BILL[invoice].amount}

    # The customers of the stories. Metro agrees on three instalments on the portal and keeps to them; TechGlobal
    # pays while the offer that the account manager's alert has opened still stands.
    yield (
        0,
        Told(
            "INV-2024-5521",
            "risk_noted",
            {"note_id": "N-1", "text": "Metro Services announces layoffs", "source": "press"},
        ),
    )
    yield (
        2,
        Asked(
            "INV-2024-5521",
            "log_call",
            {
                "outcome": "reached",
                "by": "lee",
                "note": "Cash flow is tight after the layoffs; wants instalments.",
            },
        ),
    )
    yield (
        3,
        Asked(
            "INV-2024-5521",
            "propose_plan",
            {"count": 3, "by": "Metro Services, on the portal", "source": "portal"},
        ),
    )
    for day, amount in ((12, "28067.00"), (42, "28067.00"), (72, "28066.00")):
        yield day, paid(day, "INV-2024-5521", amount)
    yield 18, paid(18, "DF-3105")
    three = ("TG-2081", "TG-2094", "TG-2107")
    yield 21, remittance(21, TECHGLOBAL, "127400.00", *(whole(invoice) for invoice in three))
    yield 70, paid(70, "DF-3106")

    # Harbour & Pike pays by remittance, several batches at a time.
    yield 9, remittance(9, HARBOUR, "5725.50", whole("HP-7401"), whole("HP-7402"), whole("HP-7403"))
    short = {
        "invoice_id": "HP-7404",
        "amount": "3200.00",
        "deductions": [{"amount": "120.00", "reason": "two pages were printed twice"}],
    }
    yield 23, remittance(23, HARBOUR, "4180.00", short, whole("HP-7405"))
    yield 31, Told("HP-7404", "credit_issued", {"credit_id": "CN-88", "amount": "120.00", "currency": "GBP"})
    yield 37, remittance(37, HARBOUR, "5244.25", whole("HP-7406"), whole("HP-7407"))
    yield (
        58,
        ToldAccount(
            HARBOUR,
            "promise_made",
            {
                "promise_id": "PR-58",
                "pay_by": on(65),
                "source": "email",
                "made_by": "Priya Nair",
                "invoices": ["HP-7408", "HP-7409", "HP-7410"],
            },
        ),
    )
    yield 65, remittance(65, HARBOUR, "7805.00", whole("HP-7408"), whole("HP-7409"), whole("HP-7410"))
    yield 80, remittance(80, HARBOUR, "1160.00", whole("HP-7411"))

    # Nordlicht keeps one promise, breaks another, disputes a third invoice, pays a fourth in part, agrees on two
    # instalments for the rest of it, and pays neither.
    yield 4, Asked("NM-1201", "promise_to_pay", {"pay_by": on(14), "by": "Jonas Weber"})
    yield 14, paid(14, "NM-1201")
    yield (
        10,
        Told(
            "NM-1204",
            "promise_made",
            {"promise_id": "PR-10", "pay_by": on(18), "source": "phone", "made_by": "Vogel"},
        ),
    )
    yield (
        20,
        Told(
            "NM-1210",
            "dispute_raised",
            {
                "dispute_id": "Q-1",
                "reason": "wrong_amount",
                "amount": "975.00",
                "note": "We ordered two versions.",
            },
        ),
    )
    yield (
        34,
        Told(
            "NM-1210",
            "dispute_resolved",
            {"dispute_id": "Q-1", "outcome": "partly", "credit": {"credit_id": "CN-90", "amount": "500.00"}},
        ),
    )
    yield 38, paid(38, "NM-1215", "4000.00")
    rest = {"count": 2, "by": "Nordlicht Media, on the portal", "source": "portal"}
    yield 39, Asked("NM-1215", "propose_plan", rest)
    yield 45, paid(45, "NM-1210", "3475.00")
    yield 48, paid(48, "NM-1204")

    # Kisaragi: a payment on the due date, a webhook that comes three times, and more money than was owed.
    yield 9, paid(9, "KO-884")
    yield 19, paid(19, "KO-881")
    for _ in range(3):
        yield 30, paid(30, "KO-889")
    yield 47, paid(47, "KO-893", "650000")

    # Bramble & Finch, a sole trader: harsh steps by hand only.
    yield 18, paid(18, "BF-53")
    yield 30, paid(30, "BF-52")

    # Quillon answers nobody; the oldest invoice goes to the partner, another is paid once orders are blocked.
    yield 33, paid(33, "QF-6631")
    yield 62, paid(62, "QF-6620", "10000.00", reference="through Harrowgate Receivables")

    # Atelier Marchand, strategic: approvals.
    yield 62, paid(62, "AM-3301")
    yield 80, paid(80, "AM-3309")

    # Sable Ridge becomes insolvent.
    yield 13, paid(13, "SR-415")
    yield 20, ToldAccount(SABLE, "hold_placed", {"hold_id": "H-INSOLVENCY", "reason": "insolvency"})

    # Orchard Lane pays in time; one direct debit bounces.
    yield 1, paid(1, "OL-91")
    yield 16, paid(16, "OL-92", method="direct_debit")
    bounced = {"reversal_id": "RV-1", "payment_id": "PAY-OL-92-16", "amount": "1280.00", "reason": "bounced"}
    yield 19, Told("OL-92", "payment_reversed", bounced)
    yield 30, paid(30, "OL-92")
    yield 20, paid(20, "OL-93")
    yield 44, paid(44, "OL-94")

    # Larkspur: what a person has to look at, and the ends an invoice can have besides being paid.
    yield (
        5,
        Told("LD-701", "payment_received", {"payment_id": "P-?", "amount": "2,450.00", "on": "last week"}),
    )
    yield 12, paid(12, "LD-701")
    yield 21, Asked("LD-702", "snooze", {"until": on(28), "by": "lee", "reason": "waits for a new card"})
    yield 22, Told("LD-702", "paymnt_received", {"payment_id": "P-2", "amount": "10.00"})
    yield 35, paid(35, "LD-702")
    yield 25, Told("LD-703", "invoice_cancelled", {"cancellation_id": "X-1", "reason": "never delivered"})
    yield 40, Asked("LD-704", "write_off", {"by": "kim", "reason": "too small to pursue"})
    yield 41, Told("LD-705", "credit_issued", {"credit_id": "CN-95", "amount": "5600.00", "currency": "USD"})
    yield 46, Asked("LD-706", "skip_step", {"step": "overdue", "by": "lee", "reason": "they called us"})
    yield 62, paid(62, "LD-706")


# -- what staff do ---------------------------------------------------------------------------------

#: Answers to approvals by invoice and step, one for each time it is asked; None lets it expire.
_DECISIONS: Mapping[tuple[str, str], Sequence[bool | None]] = {
    ("AM-3301", "credit_hold"): (None, True),
    ("AM-3309", "credit_hold"): (False,),
    ("BF-51", "credit_hold"): (False,),
    ("BF-51", "referral"): (None, None, None, None),
}
#: Outcomes of calls by customer, in their order; the last one repeats. Others are reached.
_CALLS: Mapping[str, Sequence[str]] = {
    QUILLON: ("no_answer", "voicemail", "no_answer"),
    BRAMBLE: ("voicemail", "reached"),
    MARCHAND: ("call_back", "reached"),
}
_NOT_CALLED = frozenset({METRO, DATAFLOW})  # their stories say whether and when


@dataclass
class Staff:
    """People who work the list each business morning: they decide approvals, make calls, look at strange input."""

    sessions: sessionmaker[Session]
    _asked: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    _answered: dict[str, bool | None] = field(default_factory=dict)
    _calls: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def work(self, day: date) -> list[Happening]:
        """What they do on this day about everything that was on the list before it."""
        if day.weekday() > 4:
            return []
        kinds = ("approval", "call", "unreadable_signal")
        waiting = (
            select(TaskRow)
            .where(TaskRow.state == TaskState.OPEN, TaskRow.kind.in_(kinds))
            .order_by(TaskRow.created_at, TaskRow.item_id)
        )
        with self.sessions() as session:
            tasks = [task for task in session.scalars(waiting) if task.created_at.date() < day]
            done = [self._do(session, task, day) for task in tasks]
        return [happening for happening in done if happening is not None]

    def _do(self, session: Session, task: TaskRow, day: date) -> Happening | None:
        match task.kind:
            case "approval":
                return self._decide(session, task)
            case "call":
                return self._call(task, day)
            case _:
                hold = {"hold_id": f"item-{task.item_id}"}
                return Told(str(task.invoice_id), "hold_released", hold)

    def _decide(self, session: Session, task: TaskRow) -> Happening | None:
        message = outbox.get(session, task.ref)
        if message is None:
            return None
        invoice = task.invoices[0]
        if task.item_id not in self._answered:
            answers = _DECISIONS.get((invoice, message.step), (True,))
            number = self._asked[invoice, message.step]
            self._asked[invoice, message.step] += 1
            self._answered[task.item_id] = answers[min(number, len(answers) - 1)]
        approve = self._answered[task.item_id]
        if approve is None:
            return None
        decision = {"step": message.step, "approve": approve, "by": "kim", "approval_id": task.ref}
        return Asked(invoice, "decide_step", decision)

    def _call(self, task: TaskRow, day: date) -> Happening | None:
        customer = str(task.customer_id)
        if customer in _NOT_CALLED:
            return None
        outcomes = _CALLS.get(customer, ("reached",))
        outcome = outcomes[min(self._calls[customer], len(outcomes) - 1)]
        self._calls[customer] += 1
        call: Payload = {"outcome": outcome, "by": "lee"}
        if customer == KISARAGI:
            call["promise"] = {"pay_by": (day + timedelta(days=7)).isoformat()}
        elif outcome == "reached":
            call["note"] = "They have the invoice and will come back to us with a date."
        return Asked(task.invoices[0], "log_call", call)
