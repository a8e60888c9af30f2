"""Invoices as they went: what replays of a policy and judgements of behaviour start from."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from domain.files.portfolio_csv import Portfolio
from domain.money import Money


class PastInvoice(NamedTuple):
    """An invoice as it went; `settled_on` is the day it was paid in full, None while it is open."""

    invoice_id: str
    customer_id: str
    issued_on: date
    due_on: date
    amount: Money
    settled_on: date | None = None
    seller: str = "default"

    def is_open(self, on: date) -> bool:
        """Whether it was issued and not yet settled at the end of a day."""
        return self.issued_on <= on and (self.settled_on is None or self.settled_on > on)


def past_invoices(portfolio: Portfolio) -> tuple[list[PastInvoice], int]:
    """The rows of a portfolio that can be judged, and how many cannot: flagged, or without an issue date."""
    past = [
        PastInvoice(
            row.invoice_id, row.customer_id, row.issued_on, row.due_on, row.amount, row.settled_on, row.seller
        )
        for row in portfolio.history
    ]
    rejected = len(portfolio.left_out)
    for start in portfolio.rows:
        invoice = start.invoice
        if invoice.issued_on is None:
            rejected += 1
            continue
        past.append(
            PastInvoice(
                invoice.invoice_id,
                start.customer.customer_id,
                invoice.issued_on,
                invoice.due_on,
                invoice.money,
                None,
                invoice.seller,
            )
        )
    return past, rejected
