"""Portfolios made up from a seed: history and cases, paid early, late, in parts, twice, credited, reversed."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from domain.figures.receivables import Receivable

#: The last day on which anything happens in them.
LAST = date(2027, 3, 31)
CURRENCIES = ("USD", "EUR", "JPY")


def portfolio(seed: int, size: int = 400, customers: int = 25) -> dict[str, list[Receivable]]:
    """Invoices by currency. One without changes that was settled may be history, any other is a case."""
    random = Random(seed)
    made: dict[str, list[Receivable]] = {currency: [] for currency in CURRENCIES}
    for number in range(size):
        currency = random.choices(CURRENCIES, (6, 3, 1))[0]
        name, customer = f"INV-{number:04}", f"C-{random.randrange(customers):02}"
        issued = LAST - timedelta(days=random.randrange(700))
        due = issued + timedelta(days=random.choice((0, 14, 30, 30, 60)))
        minor = random.choice((1, 99_999, random.randrange(100, 10_000_000)))
        made[currency].append(_lived(random, Receivable(name, customer, issued, due, minor)))
    return made


def _lived(random: Random, new: Receivable) -> Receivable:
    """What became of an invoice."""
    days = (LAST - new.issued_on).days + 1
    late = new.due_on + timedelta(days=round(random.gauss(8, 25)))
    settled = max(late, new.issued_on - timedelta(days=random.choice((0, 0, 0, 2))))  # some are paid before
    changes: list[tuple[date, int]] = []
    match random.choice(
        ("history", "history", "paid", "open", "parts", "parts", "credited", "bounced", "overpaid")
    ):
        case "history" | "paid":
            return _with(new, settled) if settled <= LAST else new
        case "open":
            return new
        case "credited":  # neither open nor settled from then on
            changes = [(new.issued_on + timedelta(days=random.randrange(days)), -new.minor)]
        case "bounced":
            first = new.issued_on + timedelta(days=random.randrange(days))
            changes = [(first, -new.minor), (first + timedelta(days=random.randrange(9)), new.minor)]
        case "overpaid":  # the rest is on account, not owed back
            changes = [(new.issued_on + timedelta(days=random.randrange(days)), -new.minor - 500)]
        case "parts":
            left, day = new.minor, new.issued_on - timedelta(days=3)
            while left > 1 and day <= LAST and len(changes) < 6:
                moved = random.choice((-left // 2, -left // 3, random.randrange(1, 500)))
                changes.append((day, moved))
                left, day = left + moved, day + timedelta(days=random.randrange(60))
            if day <= LAST and random.random() < 0.5:
                changes.append((day, -left))
                return _with(new, day, changes)
    return _with(new, None, changes)


def _with(new: Receivable, settled: date | None, changes: list[tuple[date, int]] | None = None) -> Receivable:
    return Receivable(
        new.invoice_id, new.customer_id, new.issued_on, new.due_on, new.minor, settled, tuple(changes or ())
    )
