"""Whose an e-invoice is: a customer we know, one of its own, or a question for a person.

Numbers of registers tell customers apart and together; a name does so only with its place. Two firms in one
account would get each other's letters, so what cannot be known is asked before anybody is written to.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from domain.contract import Customer

#: How many customers a question names.
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who a customer is, as far as documents tell: names, numbers and place."""

    customer_id: str
    names: tuple[str, ...] = ()
    """What people call them, then the name in the register where that is another."""
    vat_id: str | None = None
    registration_no: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country: str | None = None

    @classmethod
    def of(cls, customer: Customer) -> Buyer:
        address = customer.address
        return cls(
            customer_id=customer.customer_id,
            names=tuple(filter(None, (customer.name, customer.legal_name))),
            vat_id=customer.vat_id,
            registration_no=customer.registration_no,
            postal_code=address.postal_code if address else None,
            city=address.city if address else None,
            country=customer.country or (address.country if address else None),
        )

    @property
    def vat_key(self) -> str:
        """The VAT id as it is compared: `DE 111.111.111` is `DE111111111`, with its country where it has none."""
        key = _number_of(self.vat_id)
        if key and not key[:2].isalpha() and self.country:
            key = key_of(self.country) + key
        return f"EL{key[2:]}" if key.startswith("GR") else key

    @property
    def registration_key(self) -> str:
        return _number_of(self.registration_no)

    @property
    def name_keys(self) -> frozenset[str]:
        return frozenset(filter(None, map(key_of, self.names)))

    def contradicts(self, other: Buyer) -> bool:
        """Whether a number that both state is not the same: they are two customers whatever else agrees."""
        numbers = ((self.vat_key, other.vat_key), (self.registration_key, other.registration_key))
        return any(mine and theirs and mine != theirs for mine, theirs in numbers)

    def has_the_legal_name_of(self, other: Buyer) -> bool:
        """Whether nothing speaks against it: two of a chain trade under one name."""
        legal, others = (each.names[-1] if len(each.names) > 1 else None for each in (self, other))
        return legal is None or others is None or key_of(legal) == key_of(others)

    def is_in_the_place_of(self, other: Buyer) -> bool:
        """Same postal code, with nothing said otherwise of city and country, one of which both state; where
        neither has a postal code, same city and country."""
        postal, city, country = (
            (key_of(mine), key_of(theirs))
            for mine, theirs in (
                (self.postal_code, other.postal_code),
                (self.city, other.city),
                (self.country, other.country),
            )
        )
        if any(all(pair) and pair[0] != pair[1] for pair in (city, country)) or postal[0] != postal[1]:
            return False
        return (all(city) or all(country)) if postal[0] else (all(city) and all(country))

    def __str__(self) -> str:
        place = " ".join(filter(None, (self.postal_code, self.city, self.country)))
        told = ", ".join(filter(None, (place, self.vat_id, self.registration_no)))
        name = next(iter(self.names), "nameless")
        return f"{name} ({told})" if told else name


def key_of(text: str | None) -> str:
    """A name or number as it is compared: its letters and digits in any script, whatever their case."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text or "").casefold())
    return "".join(char for char in folded if unicodedata.category(char)[0] in "LMN").upper()


def _number_of(text: str | None) -> str:
    """The number of a register as it is compared; blank where it is none: `n/a`, `none`, `DE000000000`."""
    key = key_of(text)
    return key if any(char.isdigit() and char != "0" for char in key) else ""


@dataclass(frozen=True, slots=True)
class Whose:
    """The customer we know (None: one of its own), and what a person is asked first."""

    customer_id: str | None = None
    doubt: str | None = None


class Buyers:
    """The customers we know, found by number and by name."""

    def __init__(self, known: Iterable[Buyer] = ()) -> None:
        self._by_id: dict[str, Buyer] = {}
        self._by_number: defaultdict[str, set[str]] = defaultdict(set)
        self._by_name: defaultdict[str, set[str]] = defaultdict(set)
        for buyer in known:
            self.add(buyer)

    def __contains__(self, customer_id: str) -> bool:
        return customer_id in self._by_id

    def __getitem__(self, customer_id: str) -> Buyer:
        return self._by_id[customer_id]

    def add(self, buyer: Buyer) -> None:
        """Know one more. What was told of the same customer first stands; a number that was not told is added, so
        that the next one of that name with another number is not taken for them."""
        known = self._by_id.get(buyer.customer_id)
        if known is not None:
            buyer = replace(
                known,
                vat_id=known.vat_id if known.vat_key else buyer.vat_id,
                registration_no=known.registration_no if known.registration_key else buyer.registration_no,
            )
        self._by_id[buyer.customer_id] = buyer
        # One of whom no VAT id is stored may go by it as id.
        for number in filter(None, (buyer.vat_key or key_of(buyer.customer_id), buyer.registration_key)):
            self._by_number[number].add(buyer.customer_id)
        for name in buyer.name_keys:
            self._by_name[name].add(buyer.customer_id)

    def whose(self, buyer: Buyer) -> Whose:
        """The only customer with one of these numbers, else the only one of that name in the same place. A person
        is asked where several or none of these is the only one, or one number says otherwise than the other."""
        own = self._by_id.get(buyer.customer_id)
        if own is not None and not own.contradicts(buyer):
            return Whose(own.customer_id)
        numbered = [
            each for each in self._found(self._by_number, buyer) if self._shares_a_number(each, buyer)
        ]
        agreeing = [each for each in numbered if not each.contradicts(buyer)]
        if numbered:
            sure = [each for each in agreeing if self._is_sure(each, buyer)]
            return self._only(sure, buyer) or self._ask(buyer, agreeing or numbered, "have the same number")
        named = [each for each in self._found(self._by_name, buyer) if not each.contradicts(buyer)]
        placed = [
            each for each in named if each.is_in_the_place_of(buyer) and each.has_the_legal_name_of(buyer)
        ]
        if named:
            return self._only(placed, buyer) or self._ask(buyer, placed or named, "have the same name")
        return Whose()

    def _found(self, index: defaultdict[str, set[str]], buyer: Buyer) -> list[Buyer]:
        keys = (buyer.vat_key, buyer.registration_key) if index is self._by_number else buyer.name_keys
        ids = {id_ for key in keys if key in index for id_ in index[key]}
        return [self._by_id[id_] for id_ in sorted(ids)]

    @staticmethod
    def _shares_a_number(known: Buyer, buyer: Buyer) -> bool:
        """Whether one number is the same, never compared with the other kind: one of a register of companies is of
        its country."""
        if buyer.vat_key and buyer.vat_key in (known.vat_key, key_of(known.customer_id)):
            return True
        abroad = known.country and buyer.country and known.country != buyer.country
        return (
            bool(buyer.registration_key) and buyer.registration_key == known.registration_key and not abroad
        )

    @staticmethod
    def _is_sure(known: Buyer, buyer: Buyer) -> bool:
        """A VAT id has one owner. The number in a register of companies has one in each court's register (`HRB
        1234` of Kiel and of Ulm): the name or the place has to agree as well."""
        if buyer.vat_key and buyer.vat_key in (known.vat_key, key_of(known.customer_id)):
            return True
        return bool(known.name_keys & buyer.name_keys) or known.is_in_the_place_of(buyer)

    @staticmethod
    def _only(found: list[Buyer], buyer: Buyer) -> Whose | None:
        if len(found) > 1:
            found = [
                each for each in found if each.name_keys & buyer.name_keys and each.is_in_the_place_of(buyer)
            ]
        return Whose(found[0].customer_id) if len(found) == 1 else None

    @staticmethod
    def _ask(buyer: Buyer, found: list[Buyer], alike: str) -> Whose:
        named = "; ".join(f"{each.customer_id}, {each}" for each in found[:_MOST_NAMED])
        more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        return Whose(doubt=f"Is {buyer} a customer we know? These {alike}: {named}{more}")
