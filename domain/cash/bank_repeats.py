"""Money that is told of twice: in the report of the day, the notification, the statement or a table of one account.

What one of them says of a payment another leaves out, writes differently, or books a day later, so that the ids of
the lines differ. Each file tells of a payment once: two lines of one file are two payments, and each stands for one
that was told before. What agrees decides whether two lines are the same money, are not, or may be, which a person
then says.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import IntEnum
from functools import cached_property
from itertools import chain, product

from domain.behaviour.names import LEGAL_FORMS
from domain.cash.bank import CSV_FORM
from domain.cash.bank_lines import CSV_LINE_PREFIX, BankLine, told_id

#: Under one reference booking and value date lie so far apart at most; banks use references again after longer.
NEAR = timedelta(days=10)
#: The payer's own id, which some write the same each time, stands for one payment so long: over a weekend.
_OWN_ID_NEAR = timedelta(days=3)
#: Without any reference: what is booked so much later may be the same money.
_LOOKS_ALIKE_NEAR = timedelta(days=5)
#: A reference of fewer digits, and of nothing else, may be the number of an entry within its statement.
_COUNTER = re.compile(r"\d{1,5}", re.ASCII)
#: A text of fewer letters and digits, or without a digit, is one that many payers write.
_TELLING = 5
_IBAN = re.compile(r"[A-Z]{2}\d\d[A-Z0-9]{11,30}", re.ASCII)
_WORD = re.compile(r"[^\W_]+")
_LEGAL_FORMS = frozenset(form.upper() for form in LEGAL_FORMS)
_DIGRAPHS = str.maketrans({"Ä": "AE", "Ö": "OE", "Ü": "UE"})


@dataclass(frozen=True, slots=True)
class ToldBefore:
    """A line that is kept already, as far as another telling of its money could be known by it."""

    line_id: str
    account: str
    sign: str
    currency: str
    amount: Decimal
    booked_on: date | None = None
    value_on: date | None = None
    bank_reference: str | None = None
    end_to_end_id: str | None = None
    form: str | None = None
    """None where it was kept before forms were."""
    debtor: str | None = None
    debtor_iban: str | None = None
    texts: tuple[str, ...] = ()
    stands_for: tuple[str, ...] = ()
    """The lines that told of its money before."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """What of a file was told before, by the ids of its lines."""

    same: Mapping[str, tuple[str, ...]]
    """The lines that told of the same money: of several where one telling splits what the other bundles."""
    doubtful: Mapping[str, str]
    """A line of which nobody but a person can say whether it told of the same money."""


def told_before(
    lines: Iterable[BankLine], before: Iterable[ToldBefore], file: Collection[str] = ()
) -> Repeats:
    """Which of these lines tell of money that was told before.

    `file` has the ids of all lines of their file: what they tell of is told already, and no other line of that
    file repeats it.
    """
    kept = {each.line_id: each for each in before}
    spent = set(file) | {line_id for each in file if each in kept for line_id in kept[each].stands_for}
    told = [each for each in kept.values() if not each.stands_for and each.line_id not in spent]
    again: defaultdict[str, list[ToldBefore]] = defaultdict(list)
    for each in kept.values():
        if len(each.stands_for) == 1:
            again[each.stands_for[0]].append(each)
    news = [_Telling.of_line(line) for line in lines]
    same = _bundles(news, [_Telling.of_kept(each) for each in told])
    spent |= {line_id for ids in same.values() for line_id in ids}
    money = [
        [_Telling.of_kept(telling) for telling in (each, *again[each.line_id])]
        for each in told
        if each.line_id not in spent
        and not spent.intersection(other.line_id for other in again[each.line_id])
    ]
    doubtful: dict[str, str] = {}
    for likeness, line_id, told_as in _pairs([each for each in news if each.line_id not in same], money):
        if likeness is _Likeness.MAY_BE:
            doubtful[line_id] = told_as
        else:
            same[line_id] = (told_as,)
    return Repeats(same, doubtful)


class _Likeness(IntEnum):
    """Why two lines tell of the same money, the surest first."""

    REFERENCE = 0
    OWN_ID = 1
    LOOKS = 2
    MAY_BE = 3


@dataclass(frozen=True)
class _Telling:
    """A line as it is compared."""

    line_id: str
    form: str
    account: str
    direction: str
    currency: str
    amount: Decimal
    booked_on: date | None
    value_on: date | None
    bank_reference: str
    own_id: str
    debtor: str
    payer_account: str
    texts: tuple[str, ...]

    @classmethod
    def of_line(cls, line: BankLine) -> _Telling:
        return cls._of(line, line.form, (*line.references, *line.texts))

    @classmethod
    def of_kept(cls, told: ToldBefore) -> _Telling:
        form = CSV_FORM if told.line_id.startswith(CSV_LINE_PREFIX) else told.form or "not known"
        return cls._of(told, form, told.texts)

    @classmethod
    def _of(cls, line: BankLine | ToldBefore, form: str, texts: tuple[str, ...]) -> _Telling:
        return cls(
            line_id=line.line_id,
            form=form,
            account=_key(line.account),
            direction=str(line.sign),
            currency=line.currency,
            amount=line.amount,
            booked_on=line.booked_on,
            value_on=line.value_on,
            # A line that an earlier version stored may hold the words for no id.
            bank_reference=_key(told_id(line.bank_reference) or ""),
            own_id=_key(told_id(line.end_to_end_id) or ""),
            debtor=line.debtor or "",
            payer_account=_key(line.debtor_iban or "") if "*" not in (line.debtor_iban or "") else "",
            texts=texts,
        )

    @property
    def moved(self) -> tuple[str, str, Decimal]:
        """What is the same in every telling."""
        return self.direction, self.currency, self.amount

    @property
    def days(self) -> tuple[date, ...]:
        return tuple(day for day in (self.booked_on, self.value_on) if day is not None)

    @cached_property
    def names(self) -> tuple[frozenset[str], ...]:
        """The words of the payer's name without its legal form, in each way of writing umlauts."""
        written = [frozenset(_WORD.findall(name)) for name in self.spellings]
        return tuple(words - _LEGAL_FORMS or words for words in written)

    @cached_property
    def spellings(self) -> tuple[str, ...]:
        return _spellings(self.debtor)

    @cached_property
    def joined(self) -> tuple[str, ...]:
        """The payer's name as it is compared with one that was cut short."""
        return tuple(_key(name) for name in self.spellings)

    @cached_property
    def text(self) -> str:
        return _key("".join(self.texts))

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(_key(word) for text in self.texts for word in _WORD.findall(text))

    @cached_property
    def numbers(self) -> frozenset[str]:
        return frozenset(word for word in self.words if sum(char.isdigit() for char in word) >= 3)

    @cached_property
    def payers(self) -> frozenset[str]:
        """By what the payer is found among many lines of one amount."""
        return frozenset(filter(None, (self.payer_account, *("".join(sorted(name)) for name in self.names))))


def _pairs(
    news: Sequence[_Telling], money: Sequence[Sequence[_Telling]]
) -> Iterator[tuple[_Likeness, str, str]]:
    """Lines with what they repeat, each of either at most once, the surest first, then those of the nearest day.

    What has a word in common is looked at first: of one amount and one day there may be thousands.
    """
    mine, theirs = set[int](), set[int]()
    for clues_of, sure in ((_clues, True), (_all_clues, False)):
        index: defaultdict[Hashable, set[int]] = defaultdict(set)
        for there, tellings in enumerate(money):
            if there not in theirs:
                for clue in chain.from_iterable(map(clues_of, tellings)):
                    index[clue].add(there)
        found: list[tuple[_Likeness, timedelta, int, int]] = []
        for here, line in enumerate(news):
            if here in mine:
                continue
            for there in {there for clue in clues_of(line) for there in index.get(clue, ())}:
                likeness = _likeness(line, money[there])
                if likeness is not None and (likeness is not _Likeness.MAY_BE or not sure):
                    found.append((likeness, min(_apart(line, each) for each in money[there]), here, there))
        for likeness, _, here, there in sorted(found):
            if here not in mine and there not in theirs:
                mine.add(here)
                theirs.add(there)
                yield likeness, news[here].line_id, money[there][0].line_id


def _clues(telling: _Telling) -> Iterator[Hashable]:
    """What a line has in common with another that tells of the same money, to find it by."""
    if telling.bank_reference:
        yield telling.moved, "reference", telling.bank_reference
    if telling.own_id:
        yield telling.moved, "own id", telling.own_id
    for payer in telling.payers:
        yield telling.moved, "payer", payer
    if telling.text:
        yield telling.moved, "text", telling.text


def _all_clues(telling: _Telling) -> Iterator[Hashable]:
    yield from _clues(telling)
    for day in telling.days or (None,):
        yield telling.moved, "day", day


def _likeness(line: _Telling, money: Sequence[_Telling]) -> _Likeness | None:
    """How much a line is like a payment of which each of these told; None where one of them shows that it is
    another one."""
    likest: _Likeness | None = None
    for told in money:
        if not _may_be(line, told):
            return None
        alike = _alike(line, told)
        if alike is not None and _one_account(line, told) is None:
            alike = _Likeness.MAY_BE
        if alike is not None and (likest is None or alike < likest):
            likest = alike
    return likest


def _may_be(line: _Telling, told: _Telling) -> bool:
    """Whether nothing shows that they are two payments. The same kind of message tells of a payment once, on one
    day and under one reference."""
    if _one_account(line, told) is False or _own_ids_agree(line, told) is False:
        return False
    if line.form != told.form:
        return True
    reference = _same(line.bank_reference, told.bank_reference)
    return reference is True or (reference is None and _apart(line, told) == timedelta(0))


def _alike(line: _Telling, told: _Telling) -> _Likeness | None:
    """How much two lines that may be the same money are alike."""
    apart = _apart(line, told)
    if apart > NEAR:
        return None
    same_day, again = apart == timedelta(0), line.form == told.form
    reference, own_id = _same(line.bank_reference, told.bank_reference), _own_ids_agree(line, told)
    payer, text = _payers_agree(line, told), _texts_agree(line, told)
    other_numbers = text is False and bool(line.numbers and told.numbers)
    if reference:
        likeness = _by_reference(line, again, same_day, own_id, payer, text)
        return _Likeness.MAY_BE if likeness is not None and other_numbers else likeness
    if own_id:
        sure = (
            payer is not False
            and not other_numbers
            and apart <= _OWN_ID_NEAR
            and (same_day or reference is None)
        )
        return _Likeness.OWN_ID if sure else _Likeness.MAY_BE
    if payer is False or (payer is None and text is False):
        return None
    if again or reference is False:
        alike = (payer or text) and text is not False and same_day
        return _Likeness.MAY_BE if alike else None
    if same_day:
        telling = len(line.text) >= _TELLING and bool(line.numbers & told.numbers)
        sure_by_looks = (payer and text is not False) or (text and telling)
        return _Likeness.LOOKS if sure_by_looks else _Likeness.MAY_BE
    later = apart <= _LOOKS_ALIKE_NEAR and text is not False and (payer or text)
    return _Likeness.MAY_BE if later else None


def _by_reference(
    line: _Telling, again: bool, same_day: bool, own_id: bool | None, payer: bool | None, text: bool | None
) -> _Likeness | None:
    """How much two lines under one reference of the bank are alike: it may be that of a bundle, or a number that
    the bank gives again."""
    other_payer = payer is False and not own_id
    if again and (other_payer or (not same_day and text is False)):
        return None
    counter = _COUNTER.fullmatch(line.bank_reference) is not None
    if other_payer or (not same_day and (again or counter)):
        return _Likeness.MAY_BE
    return _Likeness.REFERENCE


def _bundles(news: Iterable[_Telling], told: Iterable[_Telling]) -> dict[str, tuple[str, ...]]:
    """What one telling has whole and the other splits, under one reference of the bank and of one day: it comes to
    the same sum. Two tellings of the same kind split alike."""
    found: dict[str, tuple[str, ...]] = {}
    before = _by_reference_and_day(told)
    for key, groups in _by_reference_and_day(news).items():
        near = sorted(
            (apart, here, there)
            for here, mine in enumerate(groups)
            for there, theirs in enumerate(before.get(key, ()))
            if (apart := _apart(mine[0], theirs[0])) <= NEAR
            and mine[0].form != theirs[0].form
            and (len(mine) > 1) != (len(theirs) > 1)
            and sum(each.amount for each in mine) == sum(each.amount for each in theirs)
        )
        taken_here, taken_there = set[int](), set[int]()
        for _, here, there in near:
            if here not in taken_here and there not in taken_there:
                taken_here.add(here)
                taken_there.add(there)
                ids = tuple(each.line_id for each in before[key][there])
                found.update({each.line_id: ids for each in groups[here]})
    return found


def _by_reference_and_day(tellings: Iterable[_Telling]) -> dict[Hashable, list[list[_Telling]]]:
    groups: defaultdict[Hashable, defaultdict[Hashable, list[_Telling]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for each in tellings:
        if each.bank_reference:
            key = each.account, each.direction, each.currency, each.bank_reference
            groups[key][each.form, each.days].append(each)
    return {key: list(days.values()) for key, days in groups.items()}


# What two lines have in common: True where they agree, False where they do not, None where it cannot be known


def _same(one: str, other: str) -> bool | None:
    return one == other if one and other else None


def _disagree(one: str, other: str) -> bool:
    """Two accounts are not the same; an IBAN ends with the number of its account."""
    return bool(one and other) and not (one.endswith(other) or other.endswith(one))


def _one_account(line: _Telling, told: _Telling) -> bool | None:
    """Whether both are told of the same account. A table may have the number of an account that camt calls by its
    IBAN."""
    one, other = line.account, told.account
    if one and other and not _disagree(one, other):
        return True
    comparable = line.form == told.form or (_IBAN.fullmatch(one) and _IBAN.fullmatch(other))
    return False if one and other and comparable else None


def _own_ids_agree(line: _Telling, told: _Telling) -> bool | None:
    """The payer's own id, which one form may cut short, or have in its text."""
    one, other = line.own_id, told.own_id
    if one and other:
        short, long = sorted((one, other), key=len)
        return short == long or (len(short) >= 2 * _TELLING and long.startswith(short))
    alone, text = (one, told.text) if one else (other, line.text)
    return True if len(alone) >= _TELLING and alone in text else None


def _payers_agree(line: _Telling, told: _Telling) -> bool | None:
    one, other = line.payer_account, told.payer_account
    if one and other:
        if not _disagree(one, other):
            return True
        if _IBAN.fullmatch(one) and _IBAN.fullmatch(other):
            return False
    if not (line.debtor and told.debtor):
        return None
    pairs = list(product(line.names, told.names))
    if any(short <= long or long <= short for short, long in pairs):
        return True
    if any(_cut(name, other_name) for name, other_name in product(line.joined, told.joined)):
        return True
    if _garbled(line.debtor, told.debtor) or _garbled(told.debtor, line.debtor):
        return True
    shared = any(len(word) > 3 for short, long in pairs for word in short & long)
    return None if shared else False


def _cut(one: str, other: str) -> bool:
    """Whether one name is the beginning of the other, as forms with little room have it."""
    short, long = sorted((one, other), key=len)
    return len(short) >= _TELLING and long.startswith(short)


def _garbled(one: str, other: str) -> bool:
    """Whether a name is another with letters that a form could not write: `M?ller`, `M.ller`."""
    short, long = one.upper(), other.upper()
    return len(short) == len(long) and all(
        mine in (theirs, "?", ".", "\N{REPLACEMENT CHARACTER}")
        for mine, theirs in zip(short, long, strict=True)
    )


def _texts_agree(line: _Telling, told: _Telling) -> bool | None:
    """What the payer wrote, however it is split into lines; one may have more around it."""
    if not (line.text and told.text):
        return None
    short, long = sorted((line.text, told.text), key=len)
    if short in long or line.words <= told.words or told.words <= line.words:
        return True
    return None if line.numbers & told.numbers else False


def _apart(line: _Telling, told: _Telling) -> timedelta:
    """How far the days lie apart, by the booking where the same kind of message tells both; a line without a day
    may be of any, after those whose day is known."""
    if line.form == told.form and line.booked_on is not None and told.booked_on is not None:
        return abs(line.booked_on - told.booked_on)
    if not line.days or not told.days:
        return NEAR
    return min(abs(one - other) for one, other in product(line.days, told.days))


def _key(text: str) -> str:
    """As it is compared: letters and digits alone."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).upper() if char.isalnum())


def _spellings(text: str) -> tuple[str, ...]:
    """A name in capitals, with umlauts as two letters and as one without its marks."""
    if not text:
        return ()
    capitals = unicodedata.normalize("NFC", text).upper()
    written = (unicodedata.normalize("NFKD", each) for each in (capitals.translate(_DIGRAPHS), capitals))
    bare = ("".join(char for char in each if not unicodedata.combining(char)) for each in written)
    return tuple(dict.fromkeys(bare))
