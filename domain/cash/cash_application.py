"""Cash application: which invoices a payment on the bank account is meant for, and why.

A payment is applied only where what the payer wrote, who they are and what they paid leave one answer; all
else is suggested to a person. Nothing is guessed from an amount alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations, islice, product
from math import prod

from domain.cash import remittance_advice
from domain.cash.bank import PaidDocument
from domain.cash.named_numbers import NumberIndex, Reading, Standing, compared
from domain.money import Money
from domain.vocabulary import DeductionKind

#: Combinations of a payer's invoices are tried up to so many invoices: 65,536 sums.
_MOST_COMBINED = 16
#: So many ways of reading a text are tried to find those that make the amount.
_MOST_READINGS = 4_096
#: What a person is shown of what could be meant.
_MOST_SUGGESTED = 5


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An invoice that money may be meant for: one that is open, or one that was closed not long ago."""

    invoice_id: str
    number: str
    customer_id: str
    due_on: date
    balance: Money
    payment_reference: str | None = None
    """What the payer was asked to write, where that is not the number."""
    discounts: tuple[tuple[date, int], ...] = ()
    """Of its own terms for early payment: minor units that may be taken off by a date."""
    tolerance: int = 0
    """Minor units that may be missing."""
    bank_charges: int = 0
    """Minor units that its seller bears of what banks keep of a payment."""

    def discount_on(self, day: date | None) -> int:
        """What its terms let be taken off a payment of this day."""
        return max((minor for until, minor in self.discounts if day is not None and day <= until), default=0)


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
    """The lines of what was written freely, which may have been cut anywhere."""
    debtor: str | None = None
    debtor_iban: str | None = None
    end_to_end_id: str | None = None
    """The payer's own."""
    documents: tuple[PaidDocument, ...] = ()
    """What of it is for which document, in the payer's structured words."""
    kept_by_banks: Money | None = None
    """What the payer sent and did not arrive."""
    received_on: date | None = None


@dataclass(frozen=True, slots=True)
class ToldFirst:
    """A payment of one customer that the ERP told of before the bank did."""

    payment_id: str
    customer_id: str
    allocations: tuple[tuple[str, Money], ...]


#: The payments on these invoices that may be the money that came in, those of the nearest day first.
FirstTold = Callable[[Sequence[str]], Sequence[ToldFirst]]


@dataclass(frozen=True, slots=True)
class Deducted:
    """A part of an invoice that a payment for it did not bring, and why."""

    invoice_id: str
    money: Money
    reason: str
    kind: DeductionKind = DeductionKind.OTHER


@dataclass(frozen=True, slots=True)
class Applied:
    """Money that is booked for one customer; what no invoice takes becomes unapplied cash."""

    customer_id: str
    allocations: tuple[tuple[str, Money], ...]
    why: str
    told_first: bool = False
    """The ERP told of the same money, and has booked it."""
    deductions: tuple[Deducted, ...] = ()
    """What was kept back of the allocations: disputed, but for what the seller bears."""


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
    meant: tuple[str, ...] = ()
    """The invoices that owe, of those that the payer names or may name."""


@dataclass(frozen=True, slots=True)
class _Named:
    """The invoices that a payer names; where `doubt` says why, those that may be meant."""

    invoices: list[OpenInvoice]
    doubt: str | None = None


class OpenItems:
    """The open invoices and the customers who owe them, found by number, payer and amount.

    Balances go down with what is applied, so that two payments of one statement do not take the same invoice.
    """

    def __init__(self, invoices: Iterable[OpenInvoice], payers: Iterable[Payer] = ()) -> None:
        ordered = sorted(invoices, key=_age)
        self._open = {invoice.invoice_id: invoice for invoice in ordered}
        self._numbers = NumberIndex()
        self._owed: defaultdict[str, list[str]] = defaultdict(list)
        self._of_amount: defaultdict[Money, list[str]] = defaultdict(list)
        # One that several invoices ask for, such as the customer's number, stands for none of them.
        asked_for = Counter(compared(invoice.payment_reference or "") for invoice in ordered)
        for invoice in self._open.values():
            reference = invoice.payment_reference or ""
            own = {reference} if compared(reference) and asked_for[compared(reference)] == 1 else set()
            for written in {invoice.number, invoice.invoice_id} | own:
                self._numbers.add(invoice.invoice_id, written, invoice.customer_id)
            self._owed[invoice.customer_id].append(invoice.invoice_id)
            self._of_amount[invoice.balance].append(invoice.invoice_id)
        self._matched: set[ToldFirst] = set()
        self._by_iban: defaultdict[str, set[str]] = defaultdict(set)
        self._by_name: defaultdict[str, set[str]] = defaultdict(set)
        for payer in payers:
            for iban in payer.ibans:
                self._by_iban[compared(iban)].add(payer.customer_id)
            for name in payer.names:
                self._by_name[compared(name)].add(payer.customer_id)

    def apply(self, incoming: Incoming, told_first: FirstTold = lambda _: ()) -> Applied | Unmatched:
        """What the money is for. What is applied is taken off the balances, but for what the ERP told of first:
        that is off them already."""
        found = self.find(incoming, told_first)
        if isinstance(found, Applied) and not found.told_first:
            paid = [*found.allocations, *((each.invoice_id, each.money) for each in found.deductions)]
            for invoice_id, money in paid:
                invoice = self._open[invoice_id]
                self._open[invoice_id] = replace(invoice, balance=invoice.balance - money)
        return found

    def find(self, incoming: Incoming, told_first: FirstTold = lambda _: ()) -> Applied | Unmatched:
        """What the money is for; the balances stay as they are."""
        if incoming.money.minor <= 0:
            return Unmatched(f"{_said(incoming.money)} is no payment")
        payer = self._payer(incoming)
        named = self._meant(incoming, payer)
        same = self._same_money(payer, named.invoices, told_first)
        if same is not None:
            return same
        by_document = self._by_document(incoming, payer)
        if by_document is not None:
            return by_document
        if named.doubt is not None:
            owing = [invoice for invoice in named.invoices if invoice.balance.minor > 0]
            return Unmatched(named.doubt, _suggested(named.invoices, "may be meant"), _ids(owing))
        if named.invoices:
            return self._by_number(incoming, payer, named.invoices)
        return self._by_payer(incoming, payer)

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
        owing = [invoice for invoice in named if invoice.balance.minor > 0]
        if len(customers) > 1:
            return _of_several(numbers, named)
        [customer_id] = customers
        refused = self._not_payable(incoming.money, named, numbers)
        if refused is not None:
            return refused
        owed = Money.total((invoice.balance for invoice in owing), incoming.money.currency)
        kept = min(_minor(incoming.kept_by_banks), max(0, owed.minor - incoming.money.minor))
        sent = incoming.money + Money(kept, incoming.money.currency)
        by_another = payer is not None and payer != customer_id
        if by_another and owed != sent:
            return _by_another(numbers, named)
        why = f"named {numbers}" + (", paid by another customer" if by_another else "")
        fitting = list(_combinations(owing, sent)) if sent < owed else []
        if len(fitting) == 1:
            owing = list(fitting[0])
            why += f", and the amount is just that of {_listed(invoice.number for invoice in owing)}"
        elif (discounted := _discounted(owing, sent, incoming.received_on)) is not None:
            owing = discounted
            why += (
                ", less the discount of its terms"
                if len(named) == 1
                else ", less the discounts of their terms"
            )
        elif sent < owed:
            why += f", {_said(owed - sent)} short"
            why += ": the oldest first" if len(owing) > 1 else ""
        elif owed < sent:
            why += f", {_said(sent - owed)} over"
        return self._sent(customer_id, _oldest_first(owing, sent), kept, why)

    def _not_payable(self, money: Money, named: Sequence[OpenInvoice], numbers: str) -> Unmatched | None:
        """Why what is named cannot be paid with this money, where none of it can."""
        owing = [invoice for invoice in named if invoice.balance.minor > 0]
        if not owing:
            verb = "is named and owes" if len(named) == 1 else "are named and owe"
            return Unmatched(f"{numbers} {verb} nothing: paid twice?", _suggested(named, "named"))
        if any(invoice.balance.currency != money.currency for invoice in owing):
            why = f"{numbers} is named, and is not in {money.currency}"
            return Unmatched(why, _suggested(named, "named"), _ids(owing))
        return None

    def _sent(
        self, customer_id: str, allocations: tuple[tuple[str, Money], ...], kept: int, why: str
    ) -> Applied:
        """What arrived of allocations of what was sent: banks kept some of the largest."""
        if kept <= 0 or not allocations:
            return Applied(customer_id, allocations, why)
        largest = max(allocations, key=lambda each: each[1].minor)
        invoice_id, share = largest
        if share.minor <= kept:
            return Applied(customer_id, allocations, why)
        charges = Money(kept, share.currency)
        borne = kept <= self._open[invoice_id].bank_charges
        reason = f"kept by banks: {_said(charges)}"
        reason += "" if borne else ", more than the seller bears"
        kind = DeductionKind.BANK_CHARGES if borne else DeductionKind.OTHER
        rest = tuple((id_, money - charges if id_ == invoice_id else money) for id_, money in allocations)
        deducted = Deducted(invoice_id, charges, reason, kind)
        return Applied(customer_id, rest, f"{why}; {reason}", deductions=(deducted,))

    # By document

    def _by_document(self, incoming: Incoming, payer: str | None) -> Applied | Unmatched | None:
        """What the payer says to have paid of each document; None where nothing is said that could be followed.

        Where it does not add up, the money is put on the account whole, for a person to divide.
        """
        money = incoming.money
        kept = _minor(incoming.kept_by_banks)
        told = remittance_advice.read(incoming.documents, money, kept, self._numbered)
        if told is None:
            return None
        named = sorted((self._open[invoice_id] for invoice_id in told.invoices), key=_age)
        numbers = _listed(invoice.number for invoice in named)
        customers = {invoice.customer_id for invoice in named}
        if len(customers) > 1:
            return _of_several(numbers, named)
        [customer_id] = customers
        refused = self._not_payable(money, named, numbers)
        if refused is not None:
            return refused
        shares = self._shares(told)
        if told.problem is None and told.credit_notes and not self._less_credit_notes(told, shares):
            told.problem = "it does not say of which invoice the credit notes are taken off"
        if payer is not None and payer != customer_id:
            settles = all(
                shares.get(each.invoice_id, 0) + sum(kept.minor for kept in told.kept_back[each.invoice_id])
                == each.balance.minor
                for each in named
            )
            if told.problem is not None or told.unknown or not settles:
                return _by_another(numbers, named)
        if told.problem is not None:
            return Applied(
                customer_id, (), f"named {numbers}, and {told.problem}: it is on the account whole"
            )
        why = f"{numbers} as its documents say"
        if told.unknown:
            why += f"; {_listed(told.unknown)} is not known"
        allocations = tuple(
            (invoice_id, Money(share, money.currency)) for invoice_id, share in shares.items() if share > 0
        )
        over = sum(share.minor for _, share in allocations) - told.kept_by_banks - money.minor
        if over > 0:  # one invoice, of which less came than its document says
            [(invoice_id, share)] = allocations
            allocations = ((invoice_id, money),)
            told.kept_back[invoice_id].append(
                remittance_advice.KeptBack(over, f"{_said(share)} were told to be paid, {_said(money)} came")
            )
        applied = self._sent(customer_id, allocations, told.kept_by_banks, why)
        deducted = list(applied.deductions)
        for invoice_id, share in applied.allocations:
            charges = sum(each.money.minor for each in applied.deductions if each.invoice_id == invoice_id)
            brought = share + Money(charges, share.currency)
            deducted += self._kept_back(invoice_id, brought, told.kept_back[invoice_id], incoming.received_on)
        return replace(applied, deductions=tuple(deducted))

    def _numbered(self, number: str) -> list[str]:
        """The invoices whose number a document's number is."""
        places = self._numbers.in_reference(number)
        return [each.invoice_id for place in places for each in place if each.standing is Standing.WRITTEN]

    def _shares(self, told: remittance_advice.Remittance) -> dict[str, int]:
        """Minor units by invoice, the oldest first where one block names several; no more than is owed."""
        left = {invoice_id: max(0, self._open[invoice_id].balance.minor) for invoice_id in told.invoices}
        shares = {
            invoice_id: min(share, left[invoice_id]) if not told.credit_notes else share
            for invoice_id, share in told.shares.items()
        }
        for together, amount in told.together:
            for invoice in sorted((self._open[invoice_id] for invoice_id in together), key=_age):
                taken = min(amount, left[invoice.invoice_id] - shares.get(invoice.invoice_id, 0))
                if taken > 0:
                    shares[invoice.invoice_id] = shares.get(invoice.invoice_id, 0) + taken
                    amount -= taken
        return shares

    def _less_credit_notes(self, told: remittance_advice.Remittance, shares: dict[str, int]) -> bool:
        """Take credit notes off: those that are booked have lessened what is owed; else of the only invoice."""
        left = told.credit_notes
        for invoice_id, share in shares.items():
            booked = min(left, max(0, share - max(0, self._open[invoice_id].balance.minor)))
            shares[invoice_id] -= booked
            left -= booked
        if left and len(shares) == 1:
            [invoice_id] = shares
            taken = min(left, shares[invoice_id])
            shares[invoice_id] -= taken
            told.kept_back[invoice_id].append(remittance_advice.KeptBack(taken, "credit note"))
            left -= taken
        return left == 0

    def _kept_back(
        self, invoice_id: str, share: Money, told: Sequence[remittance_advice.KeptBack], on: date | None
    ) -> Iterator[Deducted]:
        """What a person has to settle of what the payer kept back: all but a discount within the invoice's terms,
        which is taken with the payment."""
        invoice = self._open[invoice_id]
        short = invoice.balance.minor - share.minor
        allowed = invoice.discount_on(on)
        for each in told:
            if each.discount and allowed and short <= allowed + invoice.tolerance:
                return
            amount = min(each.minor, short)
            if amount > 0:
                short -= amount
                money = Money(amount, share.currency)
                reason = each.reason
                if each.discount:
                    terms = _said(Money(allowed, share.currency)) if allowed else "none"
                    reason = f"{each.reason} of {_said(money)}: the terms of {invoice.number} allow {terms} on {on}"
                yield Deducted(invoice_id, money, reason)

    def _meant(self, incoming: Incoming, payer: str | None) -> _Named:
        """The invoices that the payer names.

        What a text names for certain is taken. Other readings of it count beside that for what it leaves over:
        those that make up the amount, if only one choice of them does, or else those of the payer alone.
        """
        places = [place for each in incoming.references for place in self._numbers.in_reference(each)]
        for lines in (incoming.texts, (incoming.end_to_end_id or "",)):
            places += self._numbers.in_text(lines)
        sure = {place[0].invoice_id for place in places if len(place) == 1 and _certain(place[0])}
        open_ = [
            readings
            for place in dict.fromkeys(places)
            if sure.isdisjoint(each.invoice_id for each in place)
            and (readings := [each for each in place if each.telling or each.standing is not Standing.PART])
        ]
        rest = incoming.money.minor - sum(max(self._open[id_].balance.minor, 0) for id_ in sure)
        if sure and (rest <= 0 or self._in_other_money(sure, incoming.money)):
            return self._named(sure)
        likely, doubtful = set(sure), set[str]()
        for place in open_:
            own = [each for each in place if payer == self._open[each.invoice_id].customer_id]
            if len(own) == 1 and own[0].standing is Standing.WRITTEN:
                likely.add(own[0].invoice_id)
            else:
                doubtful.update(each.invoice_id for each in place if each.telling)
        choices = self._making_up(rest, incoming.money.currency, open_, payer)
        if len(choices) == 1:
            [chosen] = choices
            of_payer = any(payer in (None, self._open[invoice_id].customer_id) for invoice_id in chosen)
            telling = {each.invoice_id for place in open_ for each in place if each.telling}
            if of_payer or chosen <= telling:
                return self._named(chosen.union(sure if of_payer else likely))
        if not doubtful and not choices:
            return self._named(likely)
        meant = self._named(likely.union(doubtful, *choices)).invoices
        if len(choices) == 1:
            doubt = "and the payer is another customer"
        elif all(each.standing is Standing.PART for place in open_ for each in place if each.telling):
            doubt = "only as part of a longer number"
        elif len(meant) == 1:
            doubt = "if its number is cut by a blank or a line end"
        else:
            doubt = "and the amount does not tell which"
        return _Named(meant, f"{_listed(invoice.number for invoice in meant)} may be meant, {doubt}")

    def _making_up(
        self, rest: int, currency: str, places: Sequence[Sequence[Reading]], payer: str | None
    ) -> set[frozenset[str]]:
        """The choices of one reading or none of each place that come to just the rest, of one customer; of too many
        places, one of each."""
        options = [
            (None, *(each.invoice_id for each in place if self._payable(each, currency, payer)))
            for place in places
        ]
        if prod(map(len, options)) > _MOST_READINGS:
            options = [option[1:] for option in options if len(option) > 1]
        found = set()
        for choice in islice(product(*options), _MOST_READINGS):
            chosen = frozenset(filter(None, choice))
            invoices = [self._open[invoice_id] for invoice_id in chosen]
            if (
                sum(invoice.balance.minor for invoice in invoices) == rest
                and len({invoice.customer_id for invoice in invoices}) == 1
            ):
                found.add(chosen)
        return found

    def _payable(self, reading: Reading, currency: str, payer: str | None) -> bool:
        """Whether an amount may decide for a reading: not against the payer where the number is in doubt too."""
        invoice = self._open[reading.invoice_id]
        if invoice.balance.minor <= 0 or invoice.balance.currency != currency:
            return False
        if reading.standing is Standing.DOUBTFUL:
            return payer in (None, invoice.customer_id)
        return reading.standing is Standing.WRITTEN

    def _in_other_money(self, invoice_ids: Iterable[str], money: Money) -> bool:
        return any(self._open[invoice_id].balance.currency != money.currency for invoice_id in invoice_ids)

    def _named(self, invoice_ids: Iterable[str]) -> _Named:
        return _Named(sorted((self._open[invoice_id] for invoice_id in invoice_ids), key=_age))

    # By payer

    def _payer(self, incoming: Incoming) -> str | None:
        """Who paid: the only customer known to pay from that account or by that name; nobody where the two
        say different customers."""
        told = ((self._by_iban, incoming.debtor_iban), (self._by_name, incoming.debtor))
        found = {
            next(iter(customers))
            for known, text in told
            if text and len(customers := known.get(compared(text), set())) == 1
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
        kept = _minor(incoming.kept_by_banks)
        fitting = list(_combinations(owing, money))
        if fitting:
            kept = 0
        elif kept:
            fitting = list(_combinations(owing, money + Money(kept, money.currency)))
        if len(fitting) == 1:
            [paid] = fitting
            what = "all that the payer owes" if len(paid) == len(owing) else _listed(i.number for i in paid)
            allocations = _oldest_first(paid, money + Money(kept, money.currency))
            return self._sent(payer, allocations, kept, f"the payer's amount is just that of {what}")
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


def _ids(invoices: Iterable[OpenInvoice]) -> tuple[str, ...]:
    return tuple(invoice.invoice_id for invoice in invoices)


def _owing(invoices: Iterable[OpenInvoice]) -> tuple[str, ...]:
    return _ids(invoice for invoice in invoices if invoice.balance.minor > 0)


def _minor(money: Money | None) -> int:
    return 0 if money is None else money.minor


def _by_another(numbers: str, named: Sequence[OpenInvoice]) -> Unmatched:
    why = f"{numbers} is named, the payer is another customer, and the amount does not agree"
    return Unmatched(why, _suggested(named, "named"), _owing(named))


def _of_several(numbers: str, named: Sequence[OpenInvoice]) -> Unmatched:
    return Unmatched(f"{numbers} are named, of several customers", _suggested(named, "named"), _owing(named))


def _discounted(owing: Sequence[OpenInvoice], money: Money, on: date | None) -> list[OpenInvoice] | None:
    """What is owed less the discounts of early payment, where the money is just that, within the tolerance."""
    discounts = [min(invoice.discount_on(on), invoice.balance.minor) for invoice in owing]
    due = sum(invoice.balance.minor for invoice in owing) - sum(discounts)
    tolerance = max((invoice.tolerance for invoice in owing), default=0)
    if not any(discounts) or not 0 <= due - money.minor <= tolerance:
        return None
    return [
        replace(invoice, balance=invoice.balance - Money(discount, money.currency))
        for invoice, discount in zip(owing, discounts, strict=True)
    ]


def _certain(reading: Reading) -> bool:
    return reading.telling and reading.standing is Standing.WRITTEN


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
