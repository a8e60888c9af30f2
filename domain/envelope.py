"""Window envelopes: where a folded sheet shows its address, and whether an address fits in there."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

from domain import contract as wire
from domain.seller import one_line

#: Lines of an address in the window, the country's included, and characters of one.
MOST_LINES, WIDEST_LINE = 6, 40


@dataclass(frozen=True, slots=True)
class Envelope:
    """The sheet of a window envelope. Lengths in millimetres from the sheet's upper left corner.

    The box of the address is what shows however the folded sheet slides in its envelope; `folds` are where
    the sheet is folded, from its top.
    """

    name: str
    paper: Literal["A4", "Letter"]
    left: float
    top: float
    width: float
    height: float
    folds: tuple[float, float]


#: DIN 5008 form B: the address field lies 45 to 90 mm from the top; 5 mm of play in a DL envelope.
DIN_5008_B = Envelope("DIN 5008 B", "A4", 25.0, 50.0, 80.0, 39.0, (105.0, 210.0))
#: DL with a window of 35 by 90 mm, 20 mm from the left and 18 mm from the bottom, sheet folded at 105 mm.
UK_DL = Envelope("UK DL", "A4", 24.0, 57.0, 82.0, 30.0, (105.0, 210.0))
#: #10 with a window of 1 1/8 by 4 1/2 inches, 7/8 from the left and 1/2 from the bottom. Folded at 4 inches,
#: which leaves 1/8 of play; what shows in every position is 63.5 to 88.9 mm from the top.
US_10 = Envelope("US #10", "Letter", 26.0, 63.5, 105.0, 25.4, (101.6, 190.5))

_UK = frozenset({"GB", "IE", "IM", "JE", "GG"})
_US = frozenset({"US", "CA", "MX", "PH"})


def envelope_of(country: str | None) -> Envelope:
    """The window envelope that lies in the post room of a country."""
    if country in _US:
        return US_10
    return UK_DL if country in _UK else DIN_5008_B


def window_address(customer: wire.Customer, attention: str | None = None) -> tuple[str, ...] | None:
    """The address as it stands in the window, name first and without the country; None where none is known
    to which a letter could go, or it does not fit.

    `attention` is the person it is for; left out where there is no room.
    """
    address = customer.address
    if address is None or not (address.city or address.postal_code):
        return None
    lines = [one_line(line) for line in address.lines if one_line(line)]
    place = [line for line in map(one_line, _place(address, address.country or customer.country)) if line]
    name = one_line(customer.legal_name or "") or one_line(customer.shown_name)
    person = one_line(attention or "")
    if not lines or not place:
        return None
    with_person = (name, person, *lines, *place) if person and person != name else None
    for told in filter(None, (with_person, (name, *lines, *place))):
        wrapped = tuple(part for line in told for part in _wrapped(line))
        # One line is kept for the country.
        if len(wrapped) < MOST_LINES and all(_width(line) <= WIDEST_LINE for line in wrapped):
            return wrapped
    return None


def _place(address: wire.Address, country: str | None) -> tuple[str, ...]:
    """Town and postal code in the order of their country."""
    city, region, code = address.city or "", address.region or "", address.postal_code or ""
    if country in ("US", "CA", "AU", "PR"):
        town = ", ".join(part for part in (city, region) if part) if country != "AU" else f"{city} {region}"
        return (f"{town} {code}",)
    if country in _UK:
        return (city, code)
    if country == "BR":
        return (f"{code} {city}" + (f" - {region}" if region else ""),)
    return (f"{code} {city}",)


def _wrapped(line: str) -> list[str]:
    """A long line on as many as it takes; words are never broken."""
    lines = [""]
    for word in line.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _width(longer) > WIDEST_LINE:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _width(line: str) -> int:
    """In letters of middling width: capitals take more than small ones, ideographs two."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in line)
    capitals = sum(letter.isupper() for letter in line)
    return len(line) + wide + capitals // 4
