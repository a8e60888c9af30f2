"""Cash application: which invoices a payment on the bank account is meant for, and why.

A payment is applied only where what the payer wrote, who they are and what they paid leave one answer; all
else is suggested to a person. Nothing is guessed from an amount alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations

from domain.money import Money

#: Combinations of a payer's invoices are tried up to so many invoices: 65,536 sums.
_MOST_COMBINED = 16
#: How many words of a text may belong to one number: `INV 2027 / 00 17`.
_MOST_WORDS = 5
#: A number that is only digits, or shorter than this, is too common to stand for itself.
_TELLING = 5
#: Fewer digits than this do not stand for a number that has letters too.
_FEWEST_DIGITS = 3
#: What a person is shown of what could be meant.
_MOST_SUGGESTED = 5

_WORD = re.compile(r"[^\W_]+")
#: ISO 11649: a creditor reference carries the biller's own number after `RF` and two check digits.
_CREDITOR_REFERENCE = re.compile(r"RF\d\d(?=.)")


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An invoice that money may be meant for: one that is open, or one that was closed not long ago."""

    invoice_id: str
    number: str
    customer_id: str
    due_on: date
    balance: Money


@dataclass(frozen=True, slots=True)
class Payer:
    """A customer as a bank would know them."""

    customer_id: str
    names: tuple[str, ...] = ()
    ibans: tuple[str, ...] = ()
    """Accounts from which they paid before."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """Money that came in, with what the payer wrote."""

    money: Money
    references: tuple[str, ...] = ()
    """What was structured: creditor references, document numbers."""
    texts: tuple[str, ...] = ()
    """What was written freely, and the payer's own end-to-end id."""
    debtor: str | None = None
    debtor_iban: str | None = None


@dataclass(frozen=True, slots=True)
class ToldFirst:
    """A payment of one customer that the ERP told of before the bank did."""

    payment_id: str
    customer_id: str
    allocations: tuple[tuple[str, Money], ...]


#: The payments on these invoices that may be the money that came in, those of the nearest day first.
FirstTold = Callable[[Sequence[str]], Sequence[ToldFirst]]


@dataclass(frozen=True, slots=True)
class Applied:
    """Money that is booked for one customer; what no invoice takes becomes unapplied cash."""

    customer_id: str
    allocations: tuple[tuple[str, Money], ...]
    why: str
    told_first: bool = False
    """The ERP told of the same money, and has booked it."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the money could be meant for."""

    customer_id: str
    invoices: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Money for a person to look at."""

    why: str
    suggestions: tuple[Suggestion, ...] = ()


class OpenItems:
    """The open invoices and the customers who owe them, found by number, payer and amount.

    Balances go down with what is applied, so that two payments of one statement do not take the same invoice.
    """

    def __init__(self, invoices: Iterable[OpenInvoice], payers: Iterable[Payer] = ()) -> None:
        ordered = sorted(invoices, key=_age)
        self._open = {invoice.invoice_id: invoice for invoice in ordered}
        self._named: defaultdict[str, list[str]] = defaultdict(list)
        self._digits: defaultdict[str, list[str]] = defaultdict(list)
        self._owed: defaultdict[str, list[str]] = defaultdict(list)
        self._of_amount: defaultdict[Money, list[str]] = defaultdict(list)
        for invoice in self._open.values():
            for key in {_key(invoice.number), _key(invoice.invoice_id)}:
                self._named[key].append(invoice.invoice_id)
                if (digits := re.sub(r"\D", "", key)) and digits != key:
                    self._digits[digits].append(invoice.invoice_id)
            self._owed[invoice.customer_id].append(invoice.invoice_id)
            self._of_amount[invoice.balance].append(invoice.invoice_id)
        self._matched: set[ToldFirst] = set()
        self._by_iban: defaultdict[str, set[str]] = defaultdict(set)
        self._by_name: defaultdict[str, set[str]] = defaultdict(set)
        for payer in payers:
            for iban in payer.ibans:
                self._by_iban[_key(iban)].add(payer.customer_id)
            for name in payer.names:
                self._by_name[_key(name)].add(payer.customer_id)

    def apply(self, incoming: Incoming, told_first: FirstTold = lambda _: ()) -> Applied | Unmatched:
        """What the money is for. What is applied is taken off the balances, but for what the ERP told of first:
        that is off them already."""
        if incoming.money.minor <= 0:
            return Unmatched(f"{_said(incoming.money)} is no payment")
        payer = self._payer(incoming)
        named = self._meant(incoming, payer)
        same = self._same_money(payer, named, told_first)
        if same is not None:
            return same
        found = self._by_number(incoming, payer, named) if named else self._by_payer(incoming, payer)
        if isinstance(found, Applied):
            for invoice_id, money in found.allocations:
                invoice = self._open[invoice_id]
                self._open[invoice_id] = replace(invoice, balance=invoice.balance - money)
        return found

    # By what the ERP told

    def _same_money(
        self, payer: str | None, named: Sequence[OpenInvoice], told_first: FirstTold
    ) -> Applied | None:
        """The payment on the invoices that are named, or else on any of the payer's, that is this money. Each
        stands for one."""
        if len({invoice.customer_id for invoice in named}) > 1:
            return None
        meant = [invoice.invoice_id for invoice in named] or self._owed.get(payer or "", [])
        told = (
            next((each for each in told_first(meant) if each not in self._matched), None) if meant else None
        )
        if told is None:
            return None
        self._matched.add(told)
        numbers = _listed(self._open[invoice_id].number for invoice_id, _ in told.allocations)
        why = f"the ERP told of it first: payment {told.payment_id} on {numbers}"
        return Applied(told.customer_id, told.allocations, why, told_first=True)

    # By number

    def _by_number(
        self, incoming: Incoming, payer: str | None, named: Sequence[OpenInvoice]
    ) -> Applied | Unmatched:
        numbers = _listed(invoice.number for invoice in named)
        customers = {invoice.customer_id for invoice in named}
        if len(customers) > 1:
            return Unmatched(f"{numbers} are named, of several customers", _suggested(named, "named"))
        [customer_id] = customers
        owing = [invoice for invoice in named if invoice.balance.minor > 0]
        if not owing:
            verb = "is named and owes" if len(named) == 1 else "are named and owe"
            return Unmatched(f"{numbers} {verb} nothing: paid twice?", _suggested(named, "named"))
        if any(invoice.balance.currency != incoming.money.currency for invoice in owing):
            why = f"{numbers} is named, and is not in {incoming.money.currency}"
            return Unmatched(why, _suggested(named, "named"))
        owed = Money.total((invoice.balance for invoice in owing), incoming.money.currency)
        by_another = payer is not None and payer != customer_id
        if by_another and owed != incoming.money:
            why = f"{numbers} is named, the payer is another customer, and the amount does not agree"
            return Unmatched(why, _suggested(named, "named"))
        why = f"named {numbers}" + (", paid by another customer" if by_another else "")
        if incoming.money < owed:
            why += f", {_said(owed - incoming.money)} short"
            why += ": the oldest first" if len(owing) > 1 else ""
        elif owed < incoming.money:
            why += f", {_said(incoming.money - owed)} over"
        return Applied(customer_id, _oldest_first(owing, incoming.money), why)

    def _meant(self, incoming: Incoming, payer: str | None) -> list[OpenInvoice]:
        """The invoices that the payer names, without those whose number may be there by chance."""
        sure: set[str] = set()
        for reference in incoming.references:
            key = _key(reference)
            for form in (key, _CREDITOR_REFERENCE.sub("", key, count=1)):
                sure.update(self._named.get(form, ()))
        doubtful: set[str] = set()
        for key in _phrases(incoming.references + incoming.texts):
            telling = len(key) >= _TELLING and not key.isdigit()
            (sure if telling else doubtful).update(self._named.get(key, ()))
            if key.isdigit() and len(key) >= _FEWEST_DIGITS:
                doubtful.update(self._digits.get(key, ()))
        doubtful -= sure
        likely = {
            invoice_id
            for invoice_id in doubtful
            if self._open[invoice_id].balance == incoming.money
            or (payer is not None and self._open[invoice_id].customer_id == payer)
        }
        return sorted((self._open[invoice_id] for invoice_id in sure | likely), key=_age)

    # By payer

    def _payer(self, incoming: Incoming) -> str | None:
        """Who paid: the only customer known to pay from that account or by that name; nobody where the two
        say different customers."""
        told = ((self._by_iban, incoming.debtor_iban), (self._by_name, incoming.debtor))
        found = {
            next(iter(customers))
            for known, text in told
            if text and len(customers := known.get(_key(text), set())) == 1
        }
        return found.pop() if len(found) == 1 else None

    def _by_payer(self, incoming: Incoming, payer: str | None) -> Applied | Unmatched:
        money = incoming.money
        if payer is None:
            owed = (self._open[invoice_id] for invoice_id in self._of_amount.get(money, ()))
            same = [invoice for invoice in owed if invoice.balance == money]
            why = "it names no open invoice, and nobody is known to pay from that account or by that name"
            return Unmatched(why, _suggested(same, "just that is owed"))
        owing = [
            self._open[invoice_id]
            for invoice_id in self._owed.get(payer, ())
            if self._open[invoice_id].balance.minor > 0
            and self._open[invoice_id].balance.currency == money.currency
        ]
        fitting = list(_combinations(owing, money))
        if len(fitting) == 1:
            [paid] = fitting
            what = "all that the payer owes" if len(paid) == len(owing) else _listed(i.number for i in paid)
            return Applied(payer, _oldest_first(paid, money), f"the payer's amount is just that of {what}")
        if fitting:
            why = "the amount fits several of the payer's invoices"
            return Unmatched(why, _suggested([i for paid in fitting for i in paid], "would do"))
        why = "it names no open invoice, and the payer's do not add up to the amount"
        if not owing:
            why = f"it names no open invoice, and the payer owes nothing in {money.currency}"
        return Unmatched(
            why, _suggested(owing, "what the payer owes") or (Suggestion(payer, (), "the payer"),)
        )


def _age(invoice: OpenInvoice) -> tuple[date, str]:
    """The order in which invoices fell due."""
    return invoice.due_on, invoice.invoice_id


def _key(text: str) -> str:
    """A number or name as it is compared: letters and digits alone."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).upper() if char.isalnum())


def _phrases(texts: Iterable[str]) -> Iterator[str]:
    """Every run of a few words of the texts, as it is compared."""
    for text in texts:
        found = [_key(word) for word in _WORD.findall(text)]
        for start in range(len(found)):
            for end in range(start + 1, min(start + _MOST_WORDS, len(found)) + 1):
                yield "".join(found[start:end])


def _combinations(owing: Sequence[OpenInvoice], money: Money) -> Iterator[tuple[OpenInvoice, ...]]:
    """The combinations of invoices that add up to the amount, at most two; of too many, one each or all."""
    found = 0
    sizes = range(1, len(owing) + 1) if len(owing) <= _MOST_COMBINED else (1, len(owing))
    for size in sizes:
        for some in combinations(owing, size):
            if sum(invoice.balance.minor for invoice in some) == money.minor:
                yield some
                found += 1
                if found == 2:
                    return


def _oldest_first(owing: Iterable[OpenInvoice], money: Money) -> tuple[tuple[str, Money], ...]:
    """The amount, on the invoices in the order in which they fell due."""
    allocations = []
    for invoice in sorted(owing, key=_age):
        share = min(invoice.balance, money)
        if share.minor > 0:
            allocations.append((invoice.invoice_id, share))
            money -= share
    return tuple(allocations)


def _suggested(invoices: Iterable[OpenInvoice], why: str) -> tuple[Suggestion, ...]:
    by_customer: defaultdict[str, list[str]] = defaultdict(list)
    for invoice in invoices:
        if invoice.invoice_id not in by_customer[invoice.customer_id]:
            by_customer[invoice.customer_id].append(invoice.invoice_id)
    shown = list(by_customer.items())[:_MOST_SUGGESTED]
    return tuple(Suggestion(customer_id, tuple(ids[:_MOST_SUGGESTED]), why) for customer_id, ids in shown)


def _listed(numbers: Iterable[str]) -> str:
    listed = list(numbers)
    more = f" and {len(listed) - _MOST_SUGGESTED} more" if len(listed) > _MOST_SUGGESTED else ""
    return ", ".join(listed[:_MOST_SUGGESTED]) + more


def _said(money: Money) -> str:
    return f"{money} {money.currency}"
