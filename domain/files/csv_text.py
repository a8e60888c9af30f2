"""What CSV files have in common, whatever they tell of: cells and lines, ways of writing dates and amounts, faults.

How a file is written is found out from all of it together; two ways that would do are a fault, never a guess.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from domain.wire import FIRST_DAY, LAST_DAY, shown

DELIMITERS = ",;\t|"
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SEPARATOR_LINE = re.compile(r"sep=([,;\t|])(\r\n|\r|\n)")


class DateFormat(StrEnum):
    """How a file writes its dates."""

    ISO = "YYYY-MM-DD"
    DAY_FIRST = "DD/MM/YYYY"
    MONTH_FIRST = "MM/DD/YYYY"
    DOTTED = "DD.MM.YYYY"


class DecimalFormat(StrEnum):
    """How a file writes its amounts."""

    POINT = "1,234.56"
    COMMA = "1.234,56"


class Encoding(StrEnum):
    """How a file writes its letters."""

    UTF_8 = "UTF-8"
    UTF_16 = "UTF-16"
    WINDOWS_1250 = "Windows-1250"
    WINDOWS_1252 = "Windows-1252"
    ISO_8859_1 = "ISO-8859-1"
    ISO_8859_15 = "ISO-8859-15"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """What the caller knows of how a file is written; what is None is found out from the file."""

    encoding: Encoding | None = None
    delimiter: str | None = None
    date_format: DateFormat | None = None
    decimal_format: DecimalFormat | None = None

    def __post_init__(self) -> None:
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter not in DELIMITERS):
            raise ValueError(f"delimiter {self.delimiter!r} is none of comma, semicolon, tab and '|'")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why the file is not taken: the line its row begins on, the column, what stands there, what to do."""

    line: int
    field: str
    value: str
    reason: str

    def __str__(self) -> str:
        told = (f"line {self.line}" if self.line else "", self.field)
        place = ", ".join(filter(None, told))
        return f"{place}: {self.reason} (got {self.value})" if self.value else f"{place}: {self.reason}"


Complain = Callable[[Fault], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One record: its cells by column, and the line it begins on."""

    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


def printable(text: str) -> str:
    """The text as it may stand in a message: escaped where it does not print, and not too long."""
    return shown(text)[1:-1]


def column_name(cell: str) -> str:
    """A name in the header as it is compared: lower case, `_` between its words."""
    return re.sub(r"[\s_-]+", "_", cell.strip().lower())


def fields_of(
    known: Mapping[str, Iterable[str]], told: Mapping[str, str], key: Callable[[str], str]
) -> dict[str, str]:
    """What each column is, by its name as `key` compares it. `known` has the names by field; where the caller has
    `told` what a field's column is called, that name alone stands for it."""
    names = {
        key(name): field for field, names in known.items() if field not in told for name in (field, *names)
    }
    return {**names, **{key(name): field for field, name in told.items()}}


def check_told(told: Mapping[str, str], fields: Iterable[str]) -> None:
    """Raises ValueError where the caller names a column of something that no column can be."""
    known = tuple(fields)
    for field in told:
        if field not in known:
            raise ValueError(f"{field!r} is none of {', '.join(known)}")


# Lines and cells


def decoded(data: bytes, encoding: Encoding | None, fault: Complain) -> str | None:
    """The text of a file, without byte order mark; None with a fault where it is in another encoding.

    What begins with the mark of UTF-16 is UTF-16, else it is UTF-8 unless the caller knows better: nothing in a
    file tells the encodings of one byte a letter apart.
    """
    if encoding is None:
        encoding = Encoding.UTF_16 if data.startswith(_UTF_16_MARKS) else Encoding.UTF_8
    try:
        return data.decode("utf-8-sig" if encoding is Encoding.UTF_8 else encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].decode(encoding, errors="replace").count("\n") + 1
        value = f"byte 0x{data[error.start]:02x}"
        fix = "say which it is with --encoding, such as Windows-1252, or save the file as 'CSV UTF-8'"
        fault(Fault(line, "", value, f"is not {encoding}: {fix}"))
        return None


def records(
    text: str, delimiter: str | None, most_known: Callable[[str], str], fault: Complain
) -> tuple[str, Iterator[tuple[int, list[str]]]]:
    """The delimiter, and the records that are not blank, each with the line it begins on.

    Excel's `sep=` line says the delimiter before anything else does; `most_known` finds it out from the text.
    """
    skipped = 0
    if match := _SEPARATOR_LINE.match(text):
        delimiter, skipped = match[1], 1
        text = text[match.end() :]
    elif delimiter is None:
        delimiter = most_known(text)
    return delimiter, _records(text, delimiter, skipped, fault)


def _records(text: str, delimiter: str, skipped: int, fault: Complain) -> Iterator[tuple[int, list[str]]]:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = lines.line_num + 1
        try:
            cells = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            spread = lines.line_num > line or "unexpected end" in str(error)
            reason = (
                "opens a quote that is never closed" if spread else f"cannot be split into cells: {error}"
            )
            fault(Fault(line + skipped, "", "", reason))
            if spread:  # whatever follows is inside that quote
                return
            continue
        if any(cells):
            yield line + skipped, cells


def row_of(
    line: int, header: Sequence[str], cells: Sequence[str], delimiter: str, fault: Complain
) -> Row | None:
    """A record under its header (blank where a column is not known); None with a fault where it is none."""
    if len(cells) != len(header):
        reason = f"has {len(cells)} cells, the header {len(header)}: quote cells that hold {delimiter!r}"
        fault(Fault(line, "", "", reason))
        return None
    holding = [(name, cell) for name, cell in zip(header, cells, strict=True) if "\x00" in cell]
    for name, cell in holding:
        fault(Fault(line, name, shown(cell), "holds NUL: export the file anew"))
    if holding:
        return None
    return Row(line, {name: cell.strip() for name, cell in zip(header, cells, strict=True) if name})


# Dates

_DATES = {
    DateFormat.ISO: re.compile(r"(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})", re.ASCII),
    DateFormat.DAY_FIRST: re.compile(r"(?P<d>\d{1,2})/(?P<m>\d{1,2})/(?P<y>\d{4})", re.ASCII),
    DateFormat.MONTH_FIRST: re.compile(r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})", re.ASCII),
    DateFormat.DOTTED: re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})", re.ASCII),
}


class Dates:
    """Dates of one format, each text read once; without a format none can be read."""

    def __init__(self, written: DateFormat | None) -> None:
        self.format = written
        self._seen: dict[str, date | None] = {}

    def read(self, text: str) -> date | None:
        if text not in self._seen:
            self._seen[text] = None if self.format is None else _read_date(text, self.format)
        return self._seen[text]

    def of(self, row: Row, column: str, fault: Complain) -> date | None:
        """The date in a cell; None where it is blank, or with a fault where it is none."""
        text = row[column]
        if not text:
            return None
        day = self.read(text)
        if day is None and self.format is not None:
            reason = f"is not a date written {self.format}, as the file's dates are"
            fault(Fault(row.line, column, shown(text), reason))
        return day


def _read_date(text: str, written: DateFormat) -> date | None:
    match = _DATES[written].fullmatch(text)
    if not match:
        return None
    try:
        day = date(int(match["y"]), int(match["m"]), int(match["d"]))
    except ValueError:
        return None
    return day if FIRST_DAY <= day <= LAST_DAY else None


def detect_dates(
    rows: Iterable[Row], columns: Sequence[str], given: DateFormat | None, fault: Complain
) -> Dates:
    """The one format in which the file's dates make sense. Two that differ are a fault, never a guess."""
    if given is not None:
        return Dates(given)
    places: dict[str, tuple[int, str]] = {}
    for row in rows:
        for column in columns:
            if text := row[column]:
                places.setdefault(text, (row.line, column))
    readings = {written: {text: _read_date(text, written) for text in places} for written in DateFormat}
    count = {written: sum(day is not None for day in found.values()) for written, found in readings.items()}
    best = max(count.values())
    fitting = [written for written in DateFormat if count[written] == best]
    if best == 0:
        return Dates(DateFormat.ISO)
    if len(fitting) > 1:
        one, other = fitting[0], fitting[1]
        differing = next((text for text in places if readings[one][text] != readings[other][text]), None)
        if differing is not None:
            line, column = places[differing]
            if None in (readings[one][differing], readings[other][differing]):
                reason = f"some dates are written {one}, others {other}: write all alike"
            else:
                reason = f"may be written {one} or {other}: say which with --date-format"
            fault(Fault(line, column, shown(differing), reason))
            return Dates(None)
    return Dates(fitting[0])


# Amounts

_AMOUNTS = {
    DecimalFormat.POINT: re.compile(
        r"-?(\d+|\d{1,3}(?P<g>[,' \u00a0\u202f])\d{3}((?P=g)\d{3})*)(\.\d+)?", re.ASCII
    ),
    DecimalFormat.COMMA: re.compile(
        r"-?(\d+|\d{1,3}(?P<g>[.' \u00a0\u202f])\d{3}((?P=g)\d{3})*)(,\d+)?", re.ASCII
    ),
}
#: A single separator before exactly three digits: it may group, or begin the decimals.
_UNDECIDED = re.compile(r"-?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
_GROUPING = re.compile(r"[' \u00a0\u202f]")
_LONGEST_AMOUNT = 60


class Decimals:
    """Amounts of one format as plain decimal strings; without a format none can be read."""

    def __init__(self, written: DecimalFormat | None) -> None:
        self.format = written

    def read(self, text: str) -> str | None:
        if self.format is None or len(text) > _LONGEST_AMOUNT or not _AMOUNTS[self.format].fullmatch(text):
            return None
        text = _GROUPING.sub("", text)
        if self.format is DecimalFormat.POINT:
            return text.replace(",", "")
        return text.replace(".", "").replace(",", ".")

    def of(self, row: Row, column: str, fault: Complain) -> str | None:
        """The number in a cell as a plain decimal string; None with a fault where it is missing or none."""
        text = row[column]
        if not text:
            fault(Fault(row.line, column, "", "is missing"))
            return None
        number = self.read(text)
        if number is None and self.format is not None:
            reason = f"is not a number written like {self.format}, as the file's amounts are"
            fault(Fault(row.line, column, shown(text), reason))
        return number


def detect_decimals(
    rows: Iterable[Row], columns: Sequence[str], given: DecimalFormat | None, fault: Complain
) -> Decimals:
    """The format that the file's amounts show. `1.234` alone shows none, and both at once are a fault."""
    if given is not None:
        return Decimals(given)
    point, comma = Decimals(DecimalFormat.POINT), Decimals(DecimalFormat.COMMA)
    undecided: tuple[Row, str] | None = None
    shows: dict[DecimalFormat, tuple[Row, str]] = {}
    for row in rows:
        for column in columns:
            text = row[column]
            if not text or (text.isascii() and text.isdigit()):
                continue
            if len(text) <= _LONGEST_AMOUNT and _UNDECIDED.fullmatch(text):
                undecided = undecided or (row, column)
            elif (point.read(text) is None) != (comma.read(text) is None):
                written = DecimalFormat.COMMA if point.read(text) is None else DecimalFormat.POINT
                shows.setdefault(written, (row, column))
    if len(shows) == 2:
        row, column = shows[DecimalFormat.COMMA]
        other = shows[DecimalFormat.POINT][0]
        reason = f"is written 1.234,56, but line {other.line} is written 1,234.56: write all alike"
        fault(Fault(row.line, column, shown(row[column]), reason))
        return Decimals(None)
    if not shows and undecided:
        row, column = undecided
        reason = "may be thousands or decimals: say which with --decimal-format '1,234.56' or '1.234,56'"
        fault(Fault(row.line, column, shown(row[column]), reason))
        return Decimals(None)
    return Decimals(next(iter(shows), DecimalFormat.POINT))
