"""What a field of the wire may hold, and how raw bytes are read: exactly, and without ever raising."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError, core_schema

from domain.calendar import zone_info
from domain.money import Money, exponent

M = TypeVar("M", bound=BaseModel)

#: Temporal itself refuses payloads above 2 MB.
MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 32
MAX_ERRORS = 50
_SHOWN = 60

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}", re.ASCII)
_AMOUNT = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,3})?", re.ASCII)
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,10})?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_DOMAIN = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*", re.ASCII
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LINE_BREAKING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: Timers and databases hold these; 9999-12-31 as "never" does not survive a time zone.
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)
LAST_INSTANT = datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC)


# Fields


def _text(value: str) -> str:
    if _UNSTORABLE.search(value):
        raise ValueError("holds NUL or half of a surrogate pair: take these characters out")
    return value


def _line(value: str) -> str:
    """Text that may reach a mail header: one line, and no beginning of an encoded word."""
    _text(value)
    if _LINE_BREAKING.search(value):
        raise ValueError("holds a line break or control character: write it on one line")
    if "=?" in value:
        raise ValueError("holds '=?', which a mail header would decode: take it out")
    return value


def _matching(pattern: re.Pattern[str], problem: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(problem)
        return value

    return check


def email_address(value: str) -> str:
    """The address itself. Raises ValueError where it is none."""
    local, at, host = value.rpartition("@")
    fits = (
        at
        and len(local) <= 64
        and "=?" not in local
        and _LOCAL_PART.fullmatch(local)
        and _DOMAIN.fullmatch(host)
    )
    if not fits:
        raise ValueError(
            "is not an e-mail address such as 'ap@acme.example' (ASCII; other domains in punycode)"
        )
    return value


def _zone(value: str) -> str:
    try:
        zone_info(value)
    except ValueError:
        raise ValueError("is not an IANA time zone such as 'America/New_York'") from None
    return value


def _day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        day = value
    else:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise ValueError("is not a date string such as '2026-12-01'")
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise ValueError("is not a day of the calendar: write a date such as '2026-12-01'") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"lies outside {FIRST_DAY} to {LAST_DAY}: leave the field out if there is no date")
    return day


def _instant(value: object) -> datetime:
    if isinstance(value, datetime):
        instant = value
    else:
        if not isinstance(value, str) or not _INSTANT.fullmatch(value):
            raise ValueError("is not an instant with an offset such as '2026-12-01T09:00:00-05:00'")
        try:
            instant = datetime.fromisoformat(value.upper())
        except ValueError:
            raise ValueError(
                "is not an instant of the calendar such as '2026-12-01T09:00:00-05:00'"
            ) from None
    if instant.utcoffset() is None:
        raise ValueError("has no offset: write an instant such as '2026-12-01T09:00:00-05:00'")
    if not FIRST_DAY <= instant.date() <= LAST_DAY:
        raise ValueError(f"lies outside {FIRST_DAY} to {LAST_DAY}")
    return instant.astimezone(UTC)


def _no_number(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError('is a JSON number: send a decimal string in quotes, such as "1250.00"')
    return value


def _amount(value: str) -> str:
    if not _AMOUNT.fullmatch(value):
        raise ValueError(
            "is not a decimal string such as '1250.00': digits, a point, at most the currency's decimals"
        )
    return value


def _decimal(value: str) -> str:
    if not _DECIMAL.fullmatch(value):
        raise ValueError("is not a decimal string such as '12.5'")
    return value


def _positive(value: str) -> str:
    if Decimal(value) <= 0:
        raise ValueError("must be above zero")
    return value


def _not_negative(value: str) -> str:
    if Decimal(value) < 0:
        raise ValueError("must not be negative")
    return value


def _percent(value: str) -> str:
    if not 0 < Decimal(value) <= 100:
        raise ValueError("must be above 0 and at most 100")
    return value


def _schema(
    kind: str, example: str, pattern: re.Pattern[str] | None = None, **more: object
) -> WithJsonSchema:
    schema: dict[str, Any] = {"type": kind, "examples": [example], **more}
    if pattern:
        schema["pattern"] = f"^{pattern.pattern}$"
    return WithJsonSchema(schema)


Id = Annotated[
    str,
    AfterValidator(_matching(_ID, "is not an id: 1 to 64 letters, digits, '.', '_' or '-'")),
    WithJsonSchema({"type": "string", "pattern": f"^{_ID.pattern}$"}),
]
Currency = Annotated[
    str,
    AfterValidator(_matching(_CURRENCY, "is not an ISO 4217 code such as 'USD'")),
    _schema("string", "USD", _CURRENCY),
]
Country = Annotated[
    str,
    AfterValidator(_matching(_COUNTRY, "is not an ISO 3166 country code such as 'US'")),
    _schema("string", "US", _COUNTRY),
]
Locale = Annotated[
    str,
    AfterValidator(_matching(_LOCALE, "is not a language tag such as 'en-US'")),
    _schema("string", "en-US", _LOCALE),
]
Zone = Annotated[str, Field(max_length=64), AfterValidator(_zone), _schema("string", "America/New_York")]
Email = Annotated[
    str,
    Field(max_length=254),
    AfterValidator(email_address),
    _schema("string", "ap@acme.example", format="email"),
]
#: One line that may reach a mail header.
Line = Annotated[str, Field(max_length=200), AfterValidator(_line)]
Name = Annotated[str, Field(max_length=64), AfterValidator(_line)]
Uri = Annotated[str, Field(max_length=2_000), AfterValidator(_line)]
Text = Annotated[str, Field(max_length=4_000), AfterValidator(_text)]
#: A decimal string of either sign; `Money` checks the decimals once the currency is known.
Amount = Annotated[
    str, BeforeValidator(_no_number), AfterValidator(_amount), _schema("string", "1250.00", _AMOUNT)
]
PositiveAmount = Annotated[
    str,
    BeforeValidator(_no_number),
    AfterValidator(_amount),
    AfterValidator(_positive),
    _schema("string", "1250.00", _AMOUNT, description="above zero"),
]
NonNegativeAmount = Annotated[
    str,
    BeforeValidator(_no_number),
    AfterValidator(_amount),
    AfterValidator(_not_negative),
    _schema("string", "1250.00", _AMOUNT, description="zero or more"),
]
DecimalText = Annotated[
    str, BeforeValidator(_no_number), AfterValidator(_decimal), _schema("string", "12.5", _DECIMAL)
]
Percent = Annotated[
    str,
    BeforeValidator(_no_number),
    AfterValidator(_decimal),
    AfterValidator(_percent),
    _schema("string", "2", _DECIMAL),
]
Day = Annotated[date, BeforeValidator(_day), _schema("string", "2026-12-01", format="date")]
Instant = Annotated[
    datetime, BeforeValidator(_instant), _schema("string", "2026-12-01T14:00:00Z", format="date-time")
]


class OrOther:
    """Annotation of a closed set of words with an `other`, which any further string becomes."""

    def __init__(self, *words: str) -> None:
        self.words = [str(word) for word in words]

    def read(self, value: object) -> object:
        if not isinstance(value, str):
            raise ValueError(f"is not text: send one of {', '.join(self.words)}")
        return "other" if type(value) is str and value not in self.words else value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "description": f"{', '.join(self.words)}; unknown ones become other"}


# Models


class WireModel(BaseModel):
    """Base of everything on the wire: frozen; unknown fields are kept and ignored.

    `null` in a field that has a default counts as left out.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _null_is_left_out(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and any(held is None for held in value.values()):
            fields = cls.model_fields
            return {name: held for name, held in value.items() if held is not None or name not in fields}
        return value

    def content(self) -> dict[str, Any]:
        """The known fields as JSON values, without what the contract does not name: to compare two facts."""
        return {name: _known(getattr(self, name)) for name in type(self).model_fields}


def _known(value: Any) -> Any:
    if isinstance(value, WireModel):
        return value.content()
    if isinstance(value, tuple):
        return [_known(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return value.value if isinstance(value, StrEnum) else value


def check_money(currency: str, amounts: Mapping[tuple[str | int, ...], str | None]) -> None:
    """Refuse amounts with more decimals than the currency has; keys are the places they stand at.

    Raises ValidationError naming those places, to be called from a model's own validator.
    """
    faults: list[InitErrorDetails] = []
    for place, amount in amounts.items():
        if amount is None:
            continue
        try:
            Money.parse(amount, currency)
        except ValueError:
            problem = f"has more than the {exponent(currency)} decimals of {currency}: round it"
            faults.append(fault(place, amount, problem))
    if faults:
        raise ValidationError.from_exception_data("amounts", faults)


def fault(place: tuple[str | int, ...], value: object, problem: str) -> InitErrorDetails:
    """One error at a place inside a model, for `ValidationError.from_exception_data`."""
    return InitErrorDetails(
        type=PydanticCustomError("contract", "{problem}", {"problem": problem}), loc=place, input=value
    )


# Reading


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field and how to put it right; `value` is shortened and printable."""

    field: str
    value: str
    problem: str

    @property
    def without_value(self) -> str:
        """For logs and failures, which never hold what was sent."""
        return f"{self.field} {self.problem}"

    def __str__(self) -> str:
        return f"{self.field} {self.problem} (got {self.value})" if self.value else self.without_value


def parse(model: type[M], raw: bytes) -> M | list[FieldError]:
    """Read JSON bytes as the model, or say for every field that does not fit what is wrong. Never raises."""
    try:
        return model.model_validate(_load(raw))
    except _UnreadableError as error:
        return [error.fault]
    except ValidationError as error:
        return field_errors(error)
    except RecursionError:
        return [_TOO_DEEP]


def field_errors(error: ValidationError) -> list[FieldError]:
    """A pydantic error as sentences, at most `MAX_ERRORS` of them."""
    found = error.errors(include_url=False)
    errors = [
        FieldError(
            _place(each["loc"]), "" if each["type"] == "missing" else shown(each["input"]), _problem(each)
        )
        for each in found[:MAX_ERRORS]
    ]
    if len(found) > MAX_ERRORS:
        errors.append(FieldError(WHOLE, "", f"has {len(found) - MAX_ERRORS} more errors of this kind"))
    return errors


#: The name of the input itself, where no field of it can be named.
WHOLE = "input"
_TOO_DEEP = FieldError(WHOLE, "", f"is nested deeper than {MAX_DEPTH} levels: flatten it")


class _UnreadableError(Exception):
    def __init__(self, fault: FieldError) -> None:
        super().__init__(str(fault))
        self.fault = fault


def _load(raw: bytes) -> Any:
    if len(raw) > MAX_BYTES:
        raise _UnreadableError(FieldError(WHOLE, "", f"has {len(raw)} bytes: send at most {MAX_BYTES}"))
    try:
        value = json.loads(
            raw.decode("utf-8-sig"),
            object_pairs_hook=_object,
            parse_int=_whole_number,
            parse_float=_number,
            parse_constant=_constant,
        )
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 at byte {error.start}: encode the JSON as UTF-8"
        raise _UnreadableError(FieldError(WHOLE, _shown_bytes(raw), problem)) from None
    except json.JSONDecodeError as error:
        problem = f"is not JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        raise _UnreadableError(FieldError(WHOLE, _shown_bytes(raw), problem)) from None
    except RecursionError:
        raise _UnreadableError(_TOO_DEEP) from None
    _check_storable(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    held: dict[str, Any] = {}
    for name, value in pairs:
        if name in held:
            raise _UnreadableError(
                FieldError(_place((name,)), "", "is given twice in one object: send it once")
            )
        held[name] = value
    return held


def _whole_number(text: str) -> int:
    if len(text) > 64:
        raise _UnreadableError(
            FieldError(WHOLE, shown(text), "holds a number of over 64 digits: send a string")
        )
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if len(text) > 64 or not math.isfinite(number):
        raise _UnreadableError(FieldError(WHOLE, shown(text), "holds a number out of range: send a string"))
    return number


def _constant(text: str) -> float:
    raise _UnreadableError(
        FieldError(WHOLE, text, "holds what is not a number in JSON: send a decimal string")
    )


_Trail = tuple[Any, str | int] | None


def _check_storable(value: Any) -> None:
    """Refuse what PostgreSQL's jsonb cannot hold, wherever it stands, and nesting without end."""
    waiting: list[tuple[Any, int, _Trail]] = [(value, 1, None)]
    while waiting:
        value, depth, trail = waiting.pop()
        if isinstance(value, str):
            if _UNSTORABLE.search(value):
                problem = "holds NUL or half of a surrogate pair: take these characters out"
                raise _UnreadableError(FieldError(_place(_steps(trail)), shown(value), problem))
        elif isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                raise _UnreadableError(_TOO_DEEP)
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for name, held in items:
                if isinstance(name, str) and _UNSTORABLE.search(name):
                    problem = "has a name with NUL or half of a surrogate pair: take these characters out"
                    raise _UnreadableError(FieldError(_place((*_steps(trail), name)), "", problem))
                waiting.append((held, depth + 1, (trail, name)))


def _steps(trail: _Trail) -> tuple[str | int, ...]:
    steps: list[str | int] = []
    while trail is not None:
        trail, step = trail
        steps.append(step)
    return tuple(reversed(steps))


def _place(steps: tuple[str | int, ...]) -> str:
    """`invoice.lines[3].amount`."""
    place = ""
    for step in steps:
        if isinstance(step, int):
            place += f"[{step}]"
        else:
            name = step if _ID.fullmatch(step) else shown(step)
            place += f".{name}" if place else name
    return place or WHOLE


def shown(value: object) -> str:
    """The value, shortened, with everything unprintable escaped."""
    if isinstance(value, str):
        return repr(value if len(value) <= _SHOWN else value[:_SHOWN] + "…")
    if isinstance(value, Mapping):
        return f"an object of {len(value)} fields"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)[:_SHOWN]


def _shown_bytes(raw: bytes) -> str:
    return shown(raw[: 4 * _SHOWN].decode("utf-8", "replace"))


_PROBLEMS = {
    "missing": "is missing: it is required",
    "string_type": "is not text: send a string in quotes",
    "string_too_long": "is longer than {max_length} characters: shorten it",
    "too_long": "has more than {max_length} entries: send fewer",
    "too_short": "has fewer than {min_length} entries: send more",
    "tuple_type": "is not a list: send it in square brackets",
    "bool_type": "is not true or false",
    "int_type": "is not a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "is none of {expected}",
    "enum": "is none of {expected}",
    "model_type": "is not an object: send its fields in braces",
}


def _problem(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if error["type"] == "value_error":
        return str(context["error"])
    return _PROBLEMS[error["type"]].format(**context) if error["type"] in _PROBLEMS else error["msg"]
