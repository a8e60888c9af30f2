"""Which invoice numbers stand in what a payer wrote, and how far each of them can be relied on.

Payers leave separators out and put blanks in, and banks cut a text into lines anywhere. So numbers are compared
by their letters and digits alone, over words and line ends; what stood between the words then says which number
is meant where several would do, and whether it is only part of a longer one.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import pairwise, repeat

#: How many words of a text may belong to one number: `INV 2027 / 00 17`.
_MOST_WORDS = 8
#: A number that is only digits, or shorter than this, is too common to stand for itself.
_TELLING = 5
#: Fewer digits than this do not stand for a number that has letters too.
_FEWEST_DIGITS = 3
#: What is longer than this and hangs on a number by a hyphen is a word, not its suffix.
_LONGEST_SUFFIX = 3

#: A word, without the next one where a bank left out the blank: `1001vom`.
_WORD = re.compile(r"[^\W_]*?\d(?=[^\W\d_]{3,}(?![^\W_]))|[^\W_]+")
#: ISO 11649: a creditor reference carries the biller's own number after `RF` and two check digits.
_CREDITOR_REFERENCE = re.compile(r"RF\d\d(?=.)")
#: What joins the parts of one number, without blanks.
_TIGHT = re.compile(r"[-/._\\:#*~'\u00b7\u2010-\u2015\u2212]{1,3}")
#: What joins a suffix of a few digits, with blanks.
_LOOSE = re.compile(r"\s?[-/\u2010-\u2015\u2212]\s?")
#: What stands between the first and the last of a row of numbers.
_RANGE = re.compile(
    r"\s*(-|[\u2010-\u2015]|\.{2,})\s*"
    r"|\s+(bis|to|through|thru|until|till|a|à|au|al|hasta|t/m|tot|do)\s+",
    re.IGNORECASE,
)
#: What payers write before a number, also by a hyphen: `RE-1001` for 1001; and after it.
_BEFORE_A_NUMBER = frozenset(
    ("RE", "RG", "RN", "RNR", "NR", "NO", "INV", "REF", "FA", "FV", "FT", "FAC", "RFB", "ROC", "BNF")
)
_AFTER_A_NUMBER = frozenset(
    ("EUR", "USD", "GBP", "CHF", "VOM", "VON", "DTD", "DD", "EREF", "KREF", "MREF", "SVWZ")
)
#: What the words before the number of something else begin with: a customer, an order, a contract.
_OF_SOMETHING_ELSE = (
    "KD", "KUND", "DEB", "CUST", "CLIENT", "KLANT", "ACCOUNT", "ACCT", "KONTO", "IBAN", "ORDER", "AUFTR", "BESTELL",
    "VERTR", "CONTR", "MANDAT", "MITGL", "MEMBER", "LIEFERS", "DELIV", "ANGEBOT", "OFFER", "QUOT", "PROJE", "POLIC",
    "COMMANDE", "PEDIDO", "ORDINE", "UST", "VAT",
)  # fmt: skip
_NUMBER_WORDS = frozenset(("NR", "NO", "NUM", "NUMMER", "NUMBER", "ID"))

_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:(?:19|20)\d\d|\d\d)"
_LONG_YEAR = r"(?:19|20)\d\d"
_MONTH_NAME = (
    r"(?:jan|gen|ene|feb|f[ée]v|mar|m[äa]r|mrt|apr|avr|abr|mai|may|mag|mei|maj|jun|juin|giu|jul|juil|lug"
    r"|aug|ao[uû]|ago|sep|set|okt|oct|out|ott|nov|dez|dec|d[ée]c|dic)[^\W\d_]{0,7}"
)
#: Days, months, times and amounts with decimals. What hangs on letters by a hyphen is part of their number.
_DATE_OR_AMOUNT = re.compile(
    r"(?<![^\W_])(?<![^\W\d_][-/_])(?:"
    rf"{_LONG_YEAR}[-/.]{_MONTH}[-/.]{_DAY}"
    rf"|{_DAY}\s?[-/.]\s?{_MONTH}\s?[-/.]\s?{_YEAR}"
    rf"|{_MONTH}/{_DAY}/{_YEAR}"
    rf"|{_DAY}\s{_MONTH}\s{_LONG_YEAR}"
    rf"|{_DAY}(?:\.|st|nd|rd|th)?[\s-]?{_MONTH_NAME}\.?,?(?:[\s-]?{_YEAR})?"
    rf"|{_MONTH_NAME}\.?\s{_DAY}(?:st|nd|rd|th)?,?\s{_LONG_YEAR}"
    rf"|{_MONTH}[-/.]{_LONG_YEAR}"
    rf"|{_DAY}\.\s?{_MONTH}\."
    r"|\d{1,2}:\d\d(?::\d\d)?"
    r"|\d{1,3}(?:[.,']\d{3})+[.,]\d\d|\d+[.,]\d\d"
    r")(?!\d)",
    re.IGNORECASE,
)


class Standing(IntEnum):
    """How a number stands in a text; the lower the better."""

    WRITTEN = 0
    DOUBTFUL = 1
    """Only where a blank, a line end or a separator is overlooked, or the first or last of a row of numbers, or
    where a hyphen and a few digits follow: `A-7781 - 2`."""
    PART = 2
    """As part of a longer number, or of one whose digits are parted at other places."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An invoice that a place of a text may name."""

    invoice_id: str
    standing: Standing
    telling: bool
    """Whether the number is long enough, and has letters, to stand for itself."""


@dataclass(frozen=True, slots=True)
class _Number:
    invoice_id: str
    owner: str
    cuts: frozenset[int]
    """After how many of its letters and digits a separator stands between two digits or two letters."""


@dataclass(frozen=True, slots=True)
class _Match:
    """Some words of a text that make the numbers of some invoices."""

    start: int
    end: int
    numbers: tuple[_Number, ...]
    standing: Standing
    telling: bool

    def overlaps(self, other: _Match) -> bool:
        return self.start < other.end and other.start < self.end

    def inside(self, other: _Match) -> bool:
        return other.start <= self.start and self.end <= other.end and self.span != other.span

    @property
    def span(self) -> tuple[int, int]:
        return self.start, self.end

    @property
    def owners(self) -> set[str]:
        return {number.owner for number in self.numbers}

    @property
    def readings(self) -> Iterator[Reading]:
        for number in self.numbers:
            yield Reading(number.invoice_id, self.standing, self.telling)


#: The matches that take any of the words from one to before another.
_Near = Callable[[int, int], Iterator[_Match]]


class NumberIndex:
    """Invoice numbers and ids, found in texts."""

    def __init__(self) -> None:
        self._named: defaultdict[str, list[_Number]] = defaultdict(list)
        self._digits: defaultdict[str, list[_Number]] = defaultdict(list)

    def add(self, invoice_id: str, written: str, owner: str) -> None:
        """Know an invoice by a number; `owner` is the customer who owes it."""
        words = [compared(word) for word in _WORD.findall(_normal(written))]
        key = "".join(words)
        self._named[key].append(_Number(invoice_id, owner, _cuts(words)))
        numbers = [digits for word in words if (digits := "".join(filter(str.isdigit, word)))]
        if numbers and (digits := "".join(numbers)) != key:
            self._digits[digits].append(_Number(invoice_id, owner, _cuts(numbers)))

    def in_reference(self, reference: str) -> list[tuple[Reading, ...]]:
        """The places of a structured reference: it is compared whole, also without `RF` and its check digits.

        A reference that is a text of several words is read as one; beside digits that nothing explains, what it
        names may be part of something else.
        """
        text = _Text((reference,))
        without_check = _CREDITOR_REFERENCE.sub("", compared(reference), count=1)
        for whole in (text, _Text((without_check,))):
            if found := self._match(whole, 0, len(whole.words)):
                return [_merged([replace(found, telling="".join(whole.words) in self._named)])]
        matches = list(self._matches(text))
        owners = {owner for match in matches if match.telling for owner in match.owners}
        numbers = (match for match in matches if match.telling or not owners or match.owners & owners)
        explained = {at for match in numbers for at in range(*match.span)}.union(text.dates)
        if any(_has_digit(word) and at not in explained for at, word in enumerate(text.words)):
            matches = [_at_best(match, Standing.PART) for match in matches]
        return _places(text, matches)

    def in_text(self, lines: Sequence[str]) -> list[tuple[Reading, ...]]:
        """The places of a text that may have been cut into lines anywhere: what each of them may name."""
        text = _Text(lines)
        return _places(text, list(self._matches(text)))

    def _matches(self, text: _Text) -> Iterator[_Match]:
        found = [
            match
            for start in range(len(text.words))
            for end in range(start + 1, min(start + _MOST_WORDS, len(text.words)) + 1)
            if (match := self._match(text, start, end)) is not None
        ]
        near = _nearest(found)
        for match in found:
            yield _at_best(match, _limit(text, match, near))

    def _match(self, text: _Text, start: int, end: int) -> _Match | None:
        """The numbers that these words make: of several those that are written most alike."""
        words = text.words[start:end]
        key = "".join(words)
        numbers = list(self._named.get(key, ())) if key else []
        telling = bool(numbers) and len(key) >= _TELLING and not key.isdigit()
        if key.isdigit() and len(key) >= _FEWEST_DIGITS:
            numbers += self._digits.get(key, ())
        if not numbers or text.cuts_a_date(start, end):
            return None
        cuts = _cuts(words)
        tight = _cuts(words, [text.tight(at) for at in range(start + 1, end)])
        ranks = {number: _rank(key, number.cuts, cuts, tight) for number in numbers}
        best = min(ranks.values())
        standing = _STANDING[best]
        if standing is Standing.DOUBTFUL and any(at in text.dates for at in range(start, end)):
            return None
        alike = tuple(number for number, rank in ranks.items() if rank == best)
        return _Match(start, end, alike, standing, telling)


class _Text:
    """The words of a text, what stands between them, and which of them are dates and amounts."""

    def __init__(self, lines: Iterable[str]) -> None:
        text = "\n".join(_normal(line) for line in lines)
        found = list(_WORD.finditer(text))
        self.words = [compared(word[0]) for word in found]
        ends = [0, *(word.end() for word in found)]
        starts = [*(word.start() for word in found), len(text)]
        #: What stands before each word, and after the last.
        self.gaps = [text[end:start] for end, start in zip(ends, starts, strict=True)]
        #: The words of dates and amounts, each with the first and the last word of the whole.
        self.dates: dict[int, tuple[int, int]] = {}
        for start, end in _dates(text):
            first, last = bisect_right(ends, start, lo=1) - 1, bisect_left(starts, end) - 1
            self.dates.update(dict.fromkeys(range(first, last + 1), (first, last)))

    def cuts_a_date(self, start: int, end: int) -> bool:
        """Whether these words take a part of a date or an amount and leave the rest."""
        edges = (self.dates.get(start), self.dates.get(end - 1))
        return any(date is not None and not start <= date[0] <= date[1] < end for date in edges)

    def between(self, end: int, start: int) -> str:
        """What stands before the word `start`, from the end of the word before `end` on."""
        return "".join(
            [self.gaps[end], *(f"{self.words[at]}{self.gaps[at + 1]}" for at in range(end, start))]
        )

    def cut(self, at: int) -> bool:
        """Whether a line ends between two digits, before a word: they may be those of one number."""
        return self.gaps[at] == "\n" and self.words[at - 1][-1].isdigit() and self.words[at][0].isdigit()

    def of_something_else(self, at: int) -> bool:
        """Whether a number that begins with a word is said to be that of a customer, an order and the like."""
        before = [word for word in self.words[max(at - 3, 0) : at] if word not in _NUMBER_WORDS]
        return bool(before) and before[-1].startswith(_OF_SOMETHING_ELSE)

    def tight(self, at: int) -> bool:
        """Whether a separator without blanks stands before a word; a line end is overlooked."""
        return _TIGHT.fullmatch(self.gaps[at].replace("\n", "")) is not None


def compared(text: str) -> str:
    """A number or name as it is compared: letters and digits alone."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).upper() if char.isalnum())


def _normal(text: str) -> str:
    """Without what cannot be seen, such as the soft hyphens of a copied text."""
    return "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")


def _dates(text: str) -> list[tuple[int, int]]:
    """Where dates and amounts stand, those that a line end cuts too."""
    found = [match.span() for match in _DATE_OR_AMOUNT.finditer(text)]
    kept = [at for at, char in enumerate(text) if char != "\n"]
    if len(kept) < len(text):
        whole = {at for start, end in found for at in range(start, end)}
        for match in _DATE_OR_AMOUNT.finditer(text.replace("\n", "")):
            start, end = kept[match.start()], kept[match.end() - 1] + 1
            if "\n" in text[start:end] and whole.isdisjoint((start - 1, end)):
                found.append((start, end))
    return found


def _cuts(words: Sequence[str], counted: Iterable[bool] = repeat(True)) -> frozenset[int]:
    """After how many characters a word ends between two digits, or between two letters; of the ends that are
    `counted`."""
    found, length = set(), 0
    for (word, following), counts in zip(pairwise(words), counted, strict=False):
        length += len(word)
        if counts and word[-1].isdigit() == following[0].isdigit():
            found.add(length)
    return frozenset(found)


#: By rank: as it is, without its separators, with others, and as another number would be written.
_STANDING = (Standing.WRITTEN, Standing.WRITTEN, Standing.DOUBTFUL, Standing.PART)


def _rank(key: str, ours: frozenset[int], theirs: frozenset[int], tight: frozenset[int]) -> int:
    """How a text writes a number that has cuts of its own; those of the text that are `tight` have no blanks."""
    between_digits = {at for at in ours if key[at - 1].isdigit()}
    if theirs - ours:
        return 3 if between_digits and tight - ours else 2
    if between_digits <= theirs:
        return 0
    return 3 if between_digits & theirs else 1


def _at_best(match: _Match, limit: Standing) -> _Match:
    return replace(match, standing=max(match.standing, limit))


def _limit(text: _Text, match: _Match, near: _Near) -> Standing:
    """What a match is at best, for what stands beside it."""
    if not match.telling and text.of_something_else(match.start):
        return Standing.PART
    limits = [Standing.WRITTEN]
    for beside, gap in ((match.start - 1, match.start), (match.end, match.end)):
        if 0 <= beside < len(text.words) and beside not in text.dates:
            hangs_on = _hangs_on(text, gap, before=beside < gap)
            if hangs_on is not Standing.WRITTEN and not _explained(text, match, beside, gap, near):
                limits.append(hangs_on)
    return max(limits)


def _hangs_on(text: _Text, gap: int, *, before: bool) -> Standing:
    """What a number is where only a gap parts it from the word `before` or after it."""
    word = text.words[gap - 1] if before else text.words[gap]
    usual = word in (_BEFORE_A_NUMBER if before else _AFTER_A_NUMBER)
    usual = usual or not {".", ":"}.isdisjoint(text.gaps[gap])
    if text.tight(gap):
        suffix = len(word) <= _LONGEST_SUFFIX and not usual
        return Standing.PART if _has_digit(word) or suffix else Standing.WRITTEN
    glued = not text.gaps[gap] and not usual
    short = not before and word.isdigit() and len(word) <= _LONGEST_SUFFIX
    ordinal = text.gaps[gap + 1].startswith(".")
    loose = short and not ordinal and _LOOSE.fullmatch(text.gaps[gap]) is not None
    return Standing.DOUBTFUL if glued or loose or text.cut(gap) else Standing.WRITTEN


def _explained(text: _Text, match: _Match, beside: int, gap: int, near: _Near) -> bool:
    """Whether the word beside a number is another number, of the same customer where it is not written in full:
    `INV-1001/1002`."""
    return any(
        other.telling or ("-" not in text.gaps[gap] and match.owners & other.owners)
        for other in near(beside, beside + 1)
        if other.standing is Standing.WRITTEN
        and not other.overlaps(match)
        and beside in (other.start, other.end - 1)
    )


def _places(text: _Text, matches: Sequence[_Match]) -> list[tuple[Reading, ...]]:
    """The places of a text with what each may name: of numbers inside each other the longest, unless digits that
    stand apart may not belong to it. What a line end cuts off a longer one is part of it."""
    near = _nearest(matches)
    kept = [
        match for match in matches if not any(_outdone(text, match, longer) for longer in near(*match.span))
    ]
    kept_near = _nearest(kept)
    kept = [
        _at_best(match, Standing.PART)
        if any(_cut_off(text, match, longer) for longer in kept_near(*match.span))
        else match
        for match in kept
    ]
    kept.sort(key=lambda match: match.span)
    groups: list[list[_Match]] = []
    end = 0
    for match in kept:
        if match.start < end:
            groups[-1].append(match)
        else:
            groups.append([match])
        end = max(end, match.end)
    for one, other in pairwise(groups):
        if _RANGE.fullmatch(text.between(max(match.end for match in one), other[0].start)):
            for group in (one, other):
                group[:] = (_at_best(match, Standing.DOUBTFUL) for match in group)
    return [_merged(group) for group in groups]


def _nearest(matches: Iterable[_Match]) -> _Near:
    """Finds the matches that take any of some words."""
    by_start: defaultdict[int, list[_Match]] = defaultdict(list)
    for match in matches:
        by_start[match.start].append(match)

    def near(start: int, end: int) -> Iterator[_Match]:
        for at in range(start - _MOST_WORDS + 1, end):
            yield from (match for match in by_start.get(at, ()) if match.end > start)

    return near


def _outdone(text: _Text, match: _Match, longer: _Match) -> bool:
    if not match.inside(longer) or longer.standing is Standing.DOUBTFUL:
        return False
    if {number.invoice_id for number in match.numbers} <= {number.invoice_id for number in longer.numbers}:
        return True
    return not any(
        longer.start <= beside < longer.end and not text.tight(gap) and text.words[beside].isdigit()
        for beside, gap in ((match.start - 1, match.start), (match.end, match.end))
    )


def _cut_off(text: _Text, match: _Match, longer: _Match) -> bool:
    """Whether a line end cuts the longer number where this one begins or ends."""
    return (longer.start < match.start and longer.end >= match.end and text.cut(match.start)) or (
        longer.start <= match.start and longer.end > match.end and text.cut(match.end)
    )


def _merged(group: Iterable[_Match]) -> tuple[Reading, ...]:
    """One reading of each invoice, the best."""
    best: dict[str, Reading] = {}
    for reading in (reading for match in group for reading in match.readings):
        known = best.setdefault(reading.invoice_id, reading)
        if (reading.standing, not reading.telling) < (known.standing, not known.telling):
            best[reading.invoice_id] = reading
    return tuple(best.values())


def _has_digit(word: str) -> bool:
    return any(char.isdigit() for char in word)
