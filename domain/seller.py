"""The seller: who the money is owed to. Everything a letter says about the creditor comes from here."""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from domain.calendar import zone_info
from domain.money import Money

_CONTROL = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
_EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII)
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{8,30}", re.ASCII)
_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class SellerInvalid(ValueError):
    """A seller file that cannot be used; the text names file, field, value and fix, a line each."""


def one_line(text: str) -> str:
    """The text on one line: white space collapsed, control and direction-changing characters taken out.

    A stored field can then neither begin a paragraph of its own nor turn the text around it.
    """
    return " ".join(_CONTROL.sub(" ", text).split())


def _filled(text: str) -> str:
    if not (line := one_line(text)):
        raise ValueError("is empty; write it out or leave the field away")
    return line


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text):
        raise ValueError("is not a mail address; write one such as 'accounts@seller.example'")
    return text


def _iban(text: str) -> str:
    compact = text.replace(" ", "")
    if not _IBAN.fullmatch(compact):
        raise ValueError("is not an IBAN; write country code, two check digits and the account")
    turned = "".join(str(int(character, 36)) for character in compact[4:] + compact[:4])
    if int(turned) % 97 != 1:
        raise ValueError("is an IBAN whose check digits do not match; copy it from the bank's own paper")
    return compact


def _zone(name: str) -> str:
    zone_info(name)
    return name


def _matches(pattern: re.Pattern[str], problem: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(problem)
        return text

    return AfterValidator(check)


#: A text of one line, possibly empty.
Line = Annotated[str, AfterValidator(one_line)]
#: A text of one line that says something.
FilledLine = Annotated[str, AfterValidator(_filled)]
EmailAddress = Annotated[str, AfterValidator(_email)]
Iban = Annotated[str, AfterValidator(_iban)]
Bic = Annotated[str, _matches(_BIC, "is not a BIC; write 8 or 11 capital letters and digits")]
Country = Annotated[
    str,
    _matches(re.compile(r"[A-Z]{2}", re.ASCII), "is not a country; write two capitals such as 'US'"),
]
CurrencyCode = Annotated[
    str,
    _matches(re.compile(r"[A-Z]{3}", re.ASCII), "is not a currency; write a code such as 'USD'"),
]
Zone = Annotated[str, AfterValidator(_zone)]
Language = Annotated[
    str, _matches(re.compile(r"[a-z]{2,3}", re.ASCII), "is not a language; write a code such as 'en'")
]
#: Only what a link in a letter may be: never `javascript:` or a file.
WebLink = Annotated[
    str,
    _matches(
        re.compile(r"https://[A-Za-z0-9.-]+(:\d+)?(/[!-;=?-~]*)?", re.ASCII),
        "is not a web address; write one that begins with 'https://', without blanks",
    ),
]
#: A picture carried in the file itself, so that rendering a letter never fetches anything.
DataUri = Annotated[
    str,
    _matches(
        re.compile(r"data:image/(png|jpeg|svg\+xml|webp);base64,[A-Za-z0-9+/]+=*", re.ASCII),
        "is not a picture carried in the file; write 'data:image/png;base64,...'",
    ),
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PostalAddress(_Frozen):
    """An address as it stands on an envelope, without name and country."""

    lines: tuple[FilledLine, ...] = Field(min_length=1, max_length=6)
    country: Country


class Mailbox(_Frozen):
    """A mail address with the name shown beside it."""

    name: FilledLine
    email: EmailAddress


class BankAccount(_Frozen):
    """Where money of one currency is to go: an IBAN, or an account number with its routing code."""

    holder: FilledLine
    bank: FilledLine
    iban: Iban | None = None
    bic: Bic | None = None
    account_number: FilledLine | None = None
    routing_number: FilledLine | None = None
    sort_code: FilledLine | None = None

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.iban is None and self.account_number is None:
            raise ValueError("has neither `iban` nor `account_number`; add one of them")
        return self


class ReferralPartner(_Frozen):
    """The firm that takes over unpaid invoices in the end."""

    name: FilledLine
    email: EmailAddress | None = None
    phone: FilledLine | None = None


class Seller(_Frozen):
    """A billing entity: legal identity, bank accounts, sender, and the ways of working it chose."""

    seller_id: Annotated[str, _matches(_ID, "is not an id; use 1 to 64 of letters, digits, '.', '_' and '-'")]
    legal_name: FilledLine
    name: FilledLine
    address: PostalAddress
    registration_no: FilledLine | None = None
    vat_id: FilledLine | None = None
    logo: DataUri | None = None
    bank_accounts: dict[CurrencyCode, BankAccount] = Field(default_factory=dict)
    pay_link: WebLink | None = None
    sender: Mailbox
    reply_to: EmailAddress | None = None
    reply_tags: bool = False
    """The mailbox for answers also takes `name+tag@…` (RFC 5233): each case then gets an address of its own."""
    phone: FilledLine | None = None
    cash_source: Literal["erp", "bank"] | None = None
    """Whose word on a payment counts: `domain.cash_source`. None where whoever tells first is booked."""
    cash_confirmed_within: int = Field(default=5, ge=1, le=60)
    """Business days that the named source has to book what the other one told, before a person looks."""
    bank_charges: dict[CurrencyCode, str] = Field(default_factory=dict)
    """The most that banks may keep of one payment at the seller's cost, by currency; without one a person is asked
    about each."""
    referral_partner: ReferralPartner | None = None
    languages: tuple[Language, ...] = Field(default=("en",), min_length=1)
    paper: Literal["A4", "Letter"] = "A4"
    timezone: Zone = "UTC"
    """Where letters are printed and posted: its dates are the days of the print queue."""

    @model_validator(mode="after")
    def _payable(self) -> Self:
        if not self.bank_accounts and self.pay_link is None:
            raise ValueError("has neither `bank_accounts` nor `pay_link`; customers need a way to pay")
        return self

    @model_validator(mode="after")
    def _charges_are_money(self) -> Self:
        for currency in self.bank_charges:
            try:
                if self.bears(currency).minor < 0:
                    raise ValueError("is below zero; write 0 to bear none")
            except ValueError as problem:
                said = self.bank_charges[currency]
                raise ValueError(
                    f"has bank_charges.{currency} = {said!r}, which {problem}; write an amount such as '30.00'"
                ) from None
        return self

    def bears(self, currency: str) -> Money:
        """What it bears at most of what banks keep of one payment."""
        return Money.parse(self.bank_charges.get(currency, "0"), currency)

    @property
    def replies_to(self) -> str:
        """Where an answer to a message goes."""
        return self.reply_to or self.sender.email

    def replies_about(self, tag: str) -> str | None:
        """The Reply-To of a case: tagged where the mailbox takes that, None where nothing is to be said."""
        name, _, domain = self.replies_to.rpartition("@")
        if self.reply_tags and len(tagged := f"{name}+{tag}") <= 64:
            return f"{tagged}@{domain}"
        return self.reply_to


def load_seller(text: str, filename: str) -> Seller:
    """Read one `deploy/sellers/*.toml`.

    Raises SellerInvalid with one line per fault, each naming file, field, value and what to write instead.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SellerInvalid(f"{filename}: is not TOML: {error}; correct that line") from None
    try:
        return Seller.model_validate(content)
    except ValidationError as error:
        faults = [_fault(filename, content, dict(detail)) for detail in error.errors(include_url=False)]
        raise SellerInvalid("\n".join(faults)) from None


def _fault(filename: str, content: dict[str, Any], detail: dict[str, Any]) -> str:
    location: tuple[int | str, ...] = tuple(part for part in detail["loc"] if part != "[key]")
    field = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    kind: str = detail["type"]
    where = f"{filename}: {field}" if field else f"{filename}: the file"
    value = _shown(detail["input"])
    if kind == "missing":
        return f"{where} is missing; add it"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(location[-1]), _fields_beside(location), n=1)
        fix = f"did you mean `{near[0]}`?" if near else "take it out"
        return f"{where} = {value} is not a known field; {fix}"
    if kind == "value_error":
        problem = str(detail["ctx"]["error"])
        return f"{where} {problem}" if isinstance(detail["input"], dict) else f"{where} = {value} {problem}"
    if kind == "literal_error":
        return f"{where} = {value} is not a choice; write {detail['ctx']['expected']}"
    expected = {
        "string_type": "a text in quotes",
        "tuple_type": "a list such as ['one', 'two']",
        "dict_type": "a table of its own",
        "model_type": "a table of its own",
        "too_short": "at least one entry",
        "too_long": "at most six lines",
    }.get(kind, detail["msg"])
    return f"{where} = {value} does not fit; write {expected}"


def _fields_beside(location: tuple[int | str, ...]) -> list[str]:
    """Names of the fields that could stand where an unknown one was found."""
    nested: dict[str, type[BaseModel]] = {
        "address": PostalAddress,
        "sender": Mailbox,
        "bank_accounts": BankAccount,
        "referral_partner": ReferralPartner,
    }
    model = nested.get(str(location[0]), Seller) if len(location) > 1 else Seller
    return list(model.model_fields)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
