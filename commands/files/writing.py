"""How the tables of a command are written, as its options say."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from commands.failures import BadInput
from domain.files.csv_text import DateFormat, DecimalFormat, Encoding, Writing

_Choice = TypeVar("_Choice", bound=StrEnum)


def writing(
    encoding: str | None, delimiter: str | None, date_format: str | None, decimal_format: str | None
) -> Writing:
    """What the command line says; what is None is found out from the file. Raises BadInput naming the option."""
    try:
        return Writing(
            encoding=_chosen("--encoding", Encoding, encoding),
            delimiter="\t" if delimiter in ("tab", "\\t") else delimiter,
            date_format=_chosen("--date-format", DateFormat, date_format),
            decimal_format=_chosen("--decimal-format", DecimalFormat, decimal_format),
        )
    except ValueError as problem:
        raise BadInput(f"--delimiter: {problem}") from None


def told_columns(text: str | None, such_as: str) -> dict[str, str]:
    """What the caller calls a table's columns, written `such_as` this. Raises BadInput naming the option."""
    told = {}
    for each in filter(None, (text or "").split(",")):
        field, equals, name = each.partition("=")
        if not equals or not name.strip():
            raise BadInput(f"--columns: write such as {such_as!r} (got {each!r})")
        told[field.strip()] = name.strip()
    return told


def _chosen(option: str, choices: type[_Choice], given: str | None) -> _Choice | None:
    """One of the choices, however its letters are written."""
    if given is None:
        return None
    for choice in choices:
        if choice.casefold() == given.casefold():
            return choice
    raise BadInput(f"{option}: is none of {', '.join(choices)} (got {given!r})")
