"""What customers can tell us: how each answer is asked, what it says word for word, and what follows from it.

An answer is read from a form, shown word for word, and confirmed. What travels between the two is sealed: the
confirming form can say nothing but what was shown.
"""

from __future__ import annotations

import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar

from babel.dates import format_date, parse_date
from babel.numbers import NumberFormatError, parse_decimal

from activities.portal_answers import Task
from domain import facts as internal
from domain.letters.letter import InvoiceFacts
from domain.money import Money, exponent
from web.portal.view import Account
from web.portal.workflows import Ended, Workflows

#: The invoices that an answer is about.
Chosen = tuple[InvoiceFacts, ...]
LONGEST_NOTE = 2_000
#: Digits and the signs that people group them with: no exponent, no sign, no `NaN`.
_NUMBER = re.compile("[0-9][0-9.,'’ \u00a0\u202f]*", re.ASCII)


@dataclass(frozen=True)
class Said:
    """One answer as it is shown and confirmed. `text` is exactly what the customer says, `follows` what we do."""

    answer_id: str
    link_id: str
    action: str
    text: str
    follows: str
    language: str
    invoices: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """As it is sealed."""
        return {
            "answer_id": self.answer_id,
            "link_id": self.link_id,
            "action": self.action,
            "text": self.text,
            "follows": self.follows,
            "language": self.language,
            "invoices": list(self.invoices),
            "values": dict(self.values),
        }

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Said:
        """From what was sealed by `content`."""
        return cls(**{**content, "invoices": tuple(content["invoices"])})


@dataclass(frozen=True)
class Done:
    """What became of an answer: for each invoice (or "" for the account) None, or the rule that refused it."""

    outcome: Mapping[str, str | None]
    noted: Mapping[str, internal.PortalAnswered] = field(default_factory=dict)
    tasks: Sequence[Task] = ()


class Form(ABC):
    """One kind of answer."""

    name: ClassVar[str]
    takes_files: ClassVar[bool] = False
    needs_open: ClassVar[bool] = True
    """Whether it is about invoices that are open."""

    def shown(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> dict[str, Any]:
        """What the form's page needs beside the account."""
        return {}

    @abstractmethod
    def read(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> Said | list[str]:
        """The answer that a filled form gives, or what is wrong with it in the customer's words."""

    @abstractmethod
    async def carry_out(self, account: Account, said: Said, workflows: Workflows, files: int) -> Done:
        """Tell the workflows. Raises Unreachable; telling them again changes nothing."""

    # -- what forms share -------------------------------------------------------------------------

    def said(
        self,
        account: Account,
        text: str,
        follows: str,
        chosen: Sequence[InvoiceFacts] = (),
        **values: str,
    ) -> Said:
        """An answer with a fresh id."""
        return Said(
            answer_id=f"A-{secrets.token_hex(12)}",
            link_id=account.link.link_id,
            action=self.name,
            text=text,
            follows=follows,
            language=account.words.language,
            invoices=tuple(item.invoice_id for item in chosen),
            values=values,
        )

    def noted(
        self,
        said: Said,
        outcome: Mapping[str, str | None],
        action: str | None = None,
        until: date | None = None,
    ) -> dict[str, internal.PortalAnswered]:
        """The facts from which a confirmation in writing follows."""
        answered = internal.PortalAnswered(answer_id=said.answer_id, action=action or self.name, until=until)
        return {invoice_id: answered for invoice_id, rule in outcome.items() if rule is None and invoice_id}


def line(given: Mapping[str, Any], name: str, most: int = 200) -> str:
    """A field as one line of text that can be stored."""
    return " ".join(text(given, name, most).split())


def text(given: Mapping[str, Any], name: str, most: int = 5_000) -> str:
    """A field as text that can be stored: without control characters, at most so long."""
    value = given.get(name, "")
    if not isinstance(value, str):
        return ""
    kept = "".join(c for c in value[:most] if c == "\n" or (c >= " " and not "\x7f" <= c <= "\x9f"))
    return kept.encode("utf-8", "ignore").decode().strip()


def day_of(account: Account, given: Mapping[str, Any], name: str) -> date | str:
    """A day from a form, or what is wrong with it: as browsers send it, else as the customer writes dates."""
    words = account.words
    value = line(given, name, 40)
    if not value:
        return words("date_missing")
    try:
        return date.fromisoformat(value)
    except ValueError:
        pass
    try:
        return parse_date(value, locale=words.habits.locale, format="short")
    except (ValueError, IndexError, AttributeError):
        example = format_date(account.today, "short", locale=words.habits.locale)
        return words("date_unreadable", example=example)


def amount_of(account: Account, given: Mapping[str, Any], name: str, item: InvoiceFacts) -> Money | str:
    """An amount from a form as the customer writes numbers, or what is wrong with it; at most the open balance."""
    words, habits = account.words, account.words.habits
    value = line(given, name, 40)
    try:
        if not _NUMBER.fullmatch(value):
            raise ValueError(value)
        plain = parse_decimal(value, locale=habits.locale, strict=True)
        money = Money.parse(
            f"{plain.quantize(plain.__class__(1).scaleb(-exponent(item.currency)))}", item.currency
        )
        if money.decimal != plain or money.minor <= 0:
            raise ValueError(value)
    except (NumberFormatError, ValueError, ArithmeticError):
        return words("amount_unreadable", example=habits.number(item.balance))
    if money > item.balance:
        return words("amount_too_large", amount=habits.money(item.balance))
    return money


def names(account: Account, chosen: Sequence[InvoiceFacts]) -> str:
    """The invoices of an answer as one phrase: `invoice INV-1 ($100.00) and invoice INV-2 ($5.00)`."""
    say, habits = account.words.labels, account.words.habits
    return account.words.listed(
        f"{say.invoice} {item.name} ({habits.money(item.balance)})" for item in chosen
    )


def refused(account: Account, rule: str, invoice_id: str) -> str:
    """Why something was refused, in the customer's words."""
    words = account.words
    item = account.item(invoice_id)
    name = f"{words.labels.invoice} {item.name}" if item is not None else words.labels.invoice
    key = f"refused_{rule}"
    return words(key if words.has(key) else "refused_other", invoice=name)


async def ask_one(
    workflows: Workflows,
    said: Said,
    update: str,
    request: Mapping[str, Any],
    invoice_id: str | None = None,
) -> str | None:
    """Ask an update of an invoice of an answer (the first one); None or the rule that refused it."""
    try:
        return await workflows.ask(invoice_id or said.invoices[0], update, request, said.answer_id)
    except Ended:
        return "CaseEnded"


async def tell_each(
    workflows: Workflows, said: Said, signal: str, fact: Mapping[str, Any]
) -> dict[str, str | None]:
    """Tell every invoice of an answer a fact; one whose workflow is over refuses it."""
    outcome: dict[str, str | None] = {}
    for invoice_id in said.invoices:
        try:
            await workflows.tell(invoice_id, signal, fact)
            outcome[invoice_id] = None
        except Ended:
            outcome[invoice_id] = "CaseEnded"
    return outcome
