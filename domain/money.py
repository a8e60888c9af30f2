"""Money as integer minor units of one ISO 4217 currency: exact, never a float, never mixed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

#: Currencies whose number of decimals is not 2 (ISO 4217, table A.1).
_EXPONENTS = {
    **dict.fromkeys(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(),
        0,
    ),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
}
_CODE = re.compile(r"[A-Z]{3}", re.ASCII)
_AMOUNT = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,3})?", re.ASCII)


def exponent(currency: str) -> int:
    """Number of decimals of an ISO 4217 code: 0, 2 or 3."""
    return _EXPONENTS.get(currency, 2)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (cents, yen, fils). Amounts of two currencies never meet."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, amount: str, currency: str) -> Money:
        """Read a decimal string with at most the currency's own number of decimals.

        Raises ValueError naming the amount and the fix; no exponents, signs (but `-`), blanks,
        group separators or digits of other scripts.
        """
        if not _CODE.fullmatch(currency):
            raise ValueError(f"currency {currency!r} is not an ISO 4217 code such as 'USD'")
        decimals = exponent(currency)
        if not _AMOUNT.fullmatch(amount):
            raise ValueError(f"amount {amount[:40]!r} is not a decimal number such as '1250.00'")
        whole, _, fraction = amount.partition(".")
        if len(fraction) > decimals:
            raise ValueError(f"amount {amount!r} has more than the {decimals} decimals of {currency}")
        sign = -1 if whole.startswith("-") else 1
        digits = whole.lstrip("-") + fraction.ljust(decimals, "0")
        return cls(sign * int(digits), currency)

    @classmethod
    def of(cls, amount: Decimal, currency: str) -> Money:
        """A decimal of somebody's file as money. Raises ValueError where it has fractions that the currency has not."""
        minor = amount.scaleb(exponent(currency))
        if minor != minor.to_integral_value():
            raise ValueError(
                f"amount '{amount}' has more than the {exponent(currency)} decimals of {currency}"
            )
        return cls(int(minor), currency)

    @classmethod
    def zero(cls, currency: str) -> Money:
        return cls(0, currency)

    @classmethod
    def total(cls, amounts: Iterable[Money], currency: str) -> Money:
        """Sum of amounts, all of which must be in `currency`."""
        result = cls.zero(currency)
        for amount in amounts:
            result = result + amount
        return result

    def _minor_of(self, other: Money) -> int:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be added or compared")
        return other.minor

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._minor_of(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._minor_of(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._minor_of(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._minor_of(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._minor_of(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._minor_of(other)

    def __bool__(self) -> bool:
        return self.minor != 0

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, exact."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def __str__(self) -> str:
        """The wire form: `1250.00`, or `1250` for a currency without decimals."""
        return f"{self.decimal:.{exponent(self.currency)}f}"


def split(amount: Money, count: int, unit: int) -> list[Money]:
    """Split into `count` instalments rounded to `unit` minor units, the last one taking the rest.

    84,200.00 in 3 with a unit of 1.00 gives 28,067 + 28,067 + 28,066.
    """
    if count < 1 or unit < 1:
        raise ValueError("count and unit are at least 1")
    each = (2 * amount.minor + count * unit) // (2 * count * unit) * unit
    parts = [each] * (count - 1) + [amount.minor - each * (count - 1)]
    if min(parts) <= 0:
        raise ValueError(f"{amount} is too small for {count} instalments of a unit of {unit}")
    return [Money(part, amount.currency) for part in parts]
