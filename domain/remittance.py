"""What can be made out of a remittance that cannot be taken as it came: its money, and whose it may be."""

from __future__ import annotations

from typing import Any, NamedTuple

from domain.contract import MOST_ALLOCATIONS, CashReceived
from domain.money import Money
from domain.wire import Id, WireModel, parse

_ALLOCATIONS = b'"allocations"'


class _Part(WireModel):
    invoice_id: Id
    amount: Any = None


class _Parts(WireModel):
    amount: Any = None
    currency: Any = None
    allocations: tuple[_Part, ...] = ()


class MadeOut(NamedTuple):
    """`cash` is the remittance without its allocations, where it is only too large and its money can be read.
    `invoices` are all that it may concern; empty where nobody can tell."""

    cash: CashReceived | None = None
    invoices: tuple[str, ...] = ()


def make_out(raw: bytes, *, is_whole: bool) -> MadeOut:
    """Read what a remittance says although it cannot be taken; `raw` may be only its beginning.

    Money that is not all named for invoices may be for any of the customer's, and so may that of a remittance
    too large to be taken.
    """
    if not is_whole:
        return MadeOut(cash=_money(raw.partition(_ALLOCATIONS)[0].rstrip().removesuffix(b",") + b"}"))
    parts = parse(_Parts, raw)
    if isinstance(parts, list):
        return MadeOut()
    if len(parts.allocations) > MOST_ALLOCATIONS:
        return MadeOut(cash=_money(parts.model_dump_json(exclude={"allocations"}).encode()))
    if _has_rest(parts):
        return MadeOut()
    return MadeOut(invoices=tuple(sorted({part.invoice_id for part in parts.allocations})))


def _money(raw: bytes) -> CashReceived | None:
    read = parse(CashReceived, raw)
    return read if isinstance(read, CashReceived) and read.money.minor > 0 else None


def _has_rest(parts: _Parts) -> bool:
    """Whether some of the money is surely for no invoice that is named."""
    try:
        amount = Money.parse(parts.amount, parts.currency)
        named = [Money.parse(part.amount, parts.currency) for part in parts.allocations]
    except (TypeError, ValueError):
        return False
    return Money.total(named, amount.currency).minor < amount.minor
