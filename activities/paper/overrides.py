"""The operator's own templates: found by the names of ours, and refused at start where they would break a letter."""

from __future__ import annotations

import difflib
import itertools
import re
import traceback
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from jinja2 import TemplateSyntaxError, meta, nodes

from activities.paper.statement import statement_html
from activities.writing import phrasing
from activities.writing.phrasing import LANGUAGES, TEMPLATES, environment, use_folder
from activities.writing.words import Words, tones_of, write_notice
from domain.letters.letter import (
    AnswerFacts,
    CallFacts,
    CustomerFacts,
    EarlyPaymentFacts,
    EntryKind,
    InstalmentFacts,
    InvoiceFacts,
    NoticeFacts,
    OfferFacts,
    PlanFacts,
    PromiseFacts,
    ResolutionFacts,
    StatementEntry,
)
from domain.money import Money
from domain.seller import BankAccount, Mailbox, PostalAddress, ReferralPartner, Seller
from domain.vocabulary import AFTER_THE_DEBT, OFFER_NOTES, PLAN_NOTES, Channel, Note, OfferKind, Step, Tone

_TODAY = date(2026, 12, 8)
#: Kinds of answers, so that samples have different ones.
_ANSWERS = ("paid", "dispute", "question", "contact", "counter_offer")
_NAMES_OF_LABELS = {"labels.jinja", "papers.jinja", "plan.jinja", "spoken.jinja"}


class TemplatesInvalid(ValueError):
    """The operator's templates cannot be used; one line for each fault, with file, line and fix."""


def use_templates(folder: Path | None) -> int:
    """Check the operator's templates and let them win over ours in this process; returns how many there are.

    Each must bear the name of one of ours, be well-formed, use only names, labels and blocks there are, and
    write every letter it has a part in: with sample facts of one and of several invoices, of every step and
    tone. Raises TemplatesInvalid, and ours then stay in use.
    """
    use_folder(None)
    if folder is None:
        return 0
    if not folder.is_dir():
        raise TemplatesInvalid(f"{folder}: is not a folder; correct or unset DUECOURSE_TEMPLATES")
    names, faults = _names(folder)
    ours = _ours()
    use_folder(folder)
    try:
        for name in names:
            faults += _read(folder, name, ours)
        if not faults:
            faults += _written(folder, names)
    except BaseException:
        use_folder(None)
        raise
    if faults:
        use_folder(None)
        raise TemplatesInvalid("\n".join(dict.fromkeys(faults)))
    return len(names)


def _names(folder: Path) -> tuple[list[str], list[str]]:
    """The templates in the folder by our names, and what is wrong with other files.

    Names that begin with a dot are none of ours: editors and Kubernetes keep their own things there.
    """
    known = phrasing.template_names()
    names, faults = [], []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or any(part.startswith(".") for part in name.split("/")):
            continue
        if name in known:
            names.append(name)
            continue
        near = difflib.get_close_matches(name, known, n=1)
        fix = f"did you mean {near[0]}?" if near else "take it out"
        faults.append(f"{path}: is not the name of a template; {fix}")
    return names, faults


class _Ours:
    """What an override may name: everything that a template of ours names."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.blocks: set[str] = set()
        self.labels: dict[str, set[str]] = {language: set() for language in LANGUAGES}
        for name in phrasing.template_names():
            tree = environment().parse(
                (TEMPLATES / name).read_text("utf-8")
            )  # ours are in use: see use_templates
            self.names |= meta.find_undeclared_variables(tree)
            self.blocks |= {block.name for block in tree.find_all(nodes.Block)}
        for language in LANGUAGES:
            for file in ("en", language):
                for labels in _NAMES_OF_LABELS:
                    tree = environment().parse((TEMPLATES / file / labels).read_text("utf-8"))
                    self.labels[language] |= _defined(tree)
        self.facts = {name for name in dir(NoticeFacts) if not name.startswith(("_", "model_"))}
        self.facts |= set(NoticeFacts.model_fields)


@cache
def _ours() -> _Ours:
    return _Ours()


def _defined(tree: nodes.Template) -> set[str]:
    """The labels that a file defines."""
    found = {macro.name for macro in tree.find_all(nodes.Macro)}
    return found | {
        each.target.name for each in tree.find_all(nodes.Assign) if isinstance(each.target, nodes.Name)
    }


def _read(folder: Path, name: str, ours: _Ours) -> Iterator[str]:
    """What can be told by reading: faults of syntax, names that nothing has, words that nobody would see."""
    path = folder / name
    try:
        tree = environment().parse(path.read_text("utf-8"), name, str(path))
        environment().get_template(name)
    except UnicodeDecodeError:
        yield f"{path}: is not UTF-8; save it as UTF-8"
        return
    except TemplateSyntaxError as problem:
        yield f"{path}:{problem.lineno}: {problem.message}"
        return
    unknown = meta.find_undeclared_variables(tree) - ours.names
    for used in tree.find_all(nodes.Name):
        if used.name in unknown:
            yield f"{path}:{used.lineno}: nothing is called {used.name!r}{_near(used.name, ours.names)}"
    language = name.partition("/")[0]
    of = {"facts": ours.facts, "say": ours.labels.get(language, ours.labels["en"])}
    for each in tree.find_all(nodes.Getattr):
        if isinstance(each.node, nodes.Name) and each.attr not in of.get(each.node.name, {each.attr}):
            yield (
                f"{path}:{each.lineno}: {each.node.name} has no {each.attr!r}"
                f"{_near(each.attr, of[each.node.name])}"
            )
    if tree.find(nodes.Extends) is None:
        return
    for node in tree.body:
        if isinstance(node, nodes.Block) and node.name not in ours.blocks:
            yield f"{path}:{node.lineno}: no letter has a block {node.name!r}{_near(node.name, ours.blocks)}"
        if isinstance(node, nodes.Output) and any(
            not isinstance(part, nodes.TemplateData) or part.data.strip() for part in node.nodes
        ):
            yield f"{path}:{node.lineno}: stands outside every block, where nobody would see it; move it into one"


def _near(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _written(folder: Path, names: list[str]) -> Iterator[str]:
    """What shows only when letters are written: in every language that an override has a part in."""
    touched = {name.partition("/")[0] for name in names if "/" in name} & set(LANGUAGES)
    if any(name.partition("/")[0] not in LANGUAGES for name in names):
        touched = set(LANGUAGES)
    for language in sorted(touched):
        yield from itertools.islice(_faults(folder, names, language), 1)


def _faults(folder: Path, names: list[str], language: str) -> Iterator[str]:
    for facts in samples(language):
        try:
            words = write_notice(facts)
            yield from _missing(folder, names, facts, words)
            if facts.step is Step.OVERDUE:
                _statement(facts)
        except Exception as problem:  # whatever a template may raise, it is the template's fault here
            yield _where(folder, problem, facts)


def _missing(folder: Path, names: list[str], facts: NoticeFacts, words: Words) -> Iterator[str]:
    """A layout of the operator's own must still show each invoice and each total; what is spoken has none."""
    if facts.channel is Channel.VOICE:
        return
    page = _Text()
    page.feed(words.html)
    laid_out = "letter_page.html.jinja" if facts.channel is Channel.LETTER else "notice.html.jinja"
    for name, said in (("notice.txt.jinja", words.text), (laid_out, " ".join(page.said))):
        if name in names:
            for item in facts.items:
                if item.number not in said:
                    yield f"{folder / name}: the {facts.step} message does not name its invoices; show `table`"


def _statement(facts: NoticeFacts) -> None:
    html = statement_html(facts)
    for item in facts.items:
        if item.number not in html:
            raise ValueError("the statement does not name its invoices; show `sections`")


def _where(folder: Path, problem: BaseException, facts: NoticeFacts) -> str:
    """A fault with the line of the operator's own file that led to it, the innermost there is."""
    ours = f"the {facts.tone} {facts.step} message in {facts.language!r}"
    for frame, line in reversed(list(traceback.walk_tb(problem.__traceback__))):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(folder):
            compiled = frame.f_globals.get(
                "__jinja_template__"
            )  # a macro called from Python: lines of its code
            line = compiled.get_corresponding_lineno(line) if compiled is not None else line
            return f"{path}:{line}: {str(problem) or 'this cannot be written'} ({ours})"
    text = str(problem)
    if (named := re.match(r"(\S+\.jinja) ", text)) and (folder / named[1]).exists():
        return f"{folder / named[1]}:1: {text} ({ours})"
    return f"{folder}: {text} ({ours})"


class _Text(HTMLParser):
    """The visible text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def handle_data(self, data: str) -> None:
        self.said.append(data)


# -- sample facts -------------------------------------------------------------------------------------


def samples(language: str) -> Iterator[NoticeFacts]:
    """Letters of every step and tone in a language, with every turn that their phrases may take."""
    for step in [*Step, *Note]:
        tones = tones_of(step, language)
        for tone in sorted(tones) if tones != frozenset(Tone) else (Tone.PROFESSIONAL,):
            for case in _CASES:
                yield _sample(step, tone, language, **case)
            if step in (Step.PRE_DUE, Step.OVERDUE, Step.AT_RISK):
                yield _sample(step, tone, language, **_CASES[1], channel="voice")
            if step in (
                Step.OVERDUE,
                Step.DEMAND,
                Note.PLAN_CONFIRMED,
            ):  # words of the mail, a page of its own
                posted = {"channel": "letter", "window": ("Sample Ltd", "2 Sample Road")}
                yield _sample(step, tone, language, **_CASES[1], **posted)


def _invoice(
    number: str, days: int, amount: str = "1250.00", currency: str = "USD", **more: Any
) -> InvoiceFacts:
    money = Money.parse(amount, currency)
    issued_on = _TODAY - timedelta(days=days + 30)
    fields: dict[str, Any] = {
        "invoice_id": number,
        "number": number,
        "issued_on": issued_on,
        "due_on": _TODAY - timedelta(days=days),
        "days_past_due": days,
        "currency": currency,
        "entries": (StatementEntry(on=issued_on, kind=EntryKind.INVOICE, amount=money),),
        "amount": money,
        "balance": money,
        "asked": money,
    }
    return InvoiceFacts(**fields | more)


_PARTNER = ReferralPartner(name="Sample Receivables", email="cases@sample.example", phone="+1 202 555 0187")
_SELLER = Seller(
    seller_id="sample",
    legal_name="Sample Seller LLC",
    name="Sample Seller",
    address=PostalAddress(lines=("1 Sample Street", "Sampletown"), country="US"),
    sender=Mailbox(name="Sample Accounts", email="accounts@sample.example"),
    phone="+1 202 555 0148",
    pay_link="https://pay.sample.example/",
    bank_accounts={
        "USD": BankAccount(holder="Sample Seller LLC", bank="Sample Bank", account_number="000123")
    },
)
_DATES = {"answer_by": date(2026, 12, 22), "block_on": date(2027, 1, 8)}
_OFFER = OfferFacts(
    offer_id="OF-sample",
    kind=OfferKind.SETTLEMENT,
    pay=Money.parse("9.00", "USD"),
    credit=Money.parse("1.00", "USD"),
    until=_TODAY,
)
_TERM = EarlyPaymentFacts(percent="2", pay=_OFFER.pay, credit=_OFFER.credit, until=_TODAY)


def _charged(number: str) -> InvoiceFacts:
    """An invoice with a movement of every kind, a term for early payment, and a part of it in a plan."""
    amounts = {EntryKind.INVOICE: "1250.00", EntryKind.PAYMENT: "-90.00"}
    entries = tuple(
        StatementEntry(
            on=_TODAY, kind=kind, amount=Money.parse(amounts.get(kind, "9.00"), "USD"), reference="a reason"
        )
        for kind in EntryKind
    )
    balance, part = Money.total((entry.amount for entry in entries), "USD"), Money.parse("9.00", "USD")
    return _invoice(
        number,
        40,
        entries=entries,
        balance=balance,
        asked=balance - part,
        planned=part,
        early_payment=(_TERM,),
    )


_CASES: tuple[dict[str, Any], ...] = (
    {"items": (_invoice("SAMPLE-1", 40, offer=_OFFER),), **_DATES},
    {
        "items": (
            _invoice("SAMPLE-1", 40, purchase_order="4711", agreement_ref="R-7", description="Sample work"),
            _invoice("SAMPLE-2", 2, "99.00", "EUR", part="1/2", disputed=Money.parse("9.00", "EUR")),
            _invoice("SAMPLE-3", -9, "77.00", asked=None, promised=Money.parse("77.00", "USD")),
        ),
        "usual_day": 45,
        "late_entry": True,
        "at_risk": True,
        "reasons": ("a sample reason",),
        "referral_partner": _PARTNER,
        "contact_phone": "+1 202 555 0123",
        "unapplied": (Money.parse("5.00", "USD"),),
        **_DATES,
    },
    {"items": (_invoice("SAMPLE-1", -9, whole_due_on=_TODAY),), **_DATES},
    {"items": (_invoice("SAMPLE-1", 0),), "account_manager": None, "contact_name": None, **_DATES},
    {"items": (_invoice("SAMPLE-1", 0), _invoice("SAMPLE-2", 0)), "contact_name": "Sam Sample", **_DATES},
    {"items": (_invoice("SAMPLE-1", 3), _invoice("SAMPLE-2", 3)), "usual_day": 45, **_DATES},
    {"items": (_charged("SAMPLE-1"),), **_DATES},
    {"items": (_charged("SAMPLE-1"), _charged("SAMPLE-2")), **_DATES},
)  # fmt: skip


def _plan(whole: bool) -> PlanFacts:
    amount, nothing = Money.parse("9.00", "USD"), Money.zero("USD")
    instalments = tuple(
        InstalmentFacts(number=number, due_on=_TODAY + timedelta(days=30 * number), amount=amount,
                        paid=amount if whole else nothing, covered=whole)
        for number in (1, 2)
    )  # fmt: skip
    return PlanFacts(plan_id="PL-sample", number=1, instalments=instalments, total=amount + amount,
                     outstanding=nothing if whole else amount, open_until=_TODAY, cure_by=_TODAY,
                     whole_falls_due=whole, restored=whole, terms="A sample term")  # fmt: skip


def _sample(step: Step | Note, tone: Tone, language: str, **more: Any) -> NoticeFacts:
    promised = step is Note.PROMISE_CONFIRMED or (step is Note.CALL_CONFIRMED and more.get("usual_day"))
    fields: dict[str, Any] = {
        "message_id": "sample",
        "step": step,
        "tone": tone,
        "language": language,
        "locale": language,
        "seller": _SELLER,
        "customer": CustomerFacts(
            name="Sample Ltd", address=("2 Sample Road",), country="US", customer_id="S-1"
        ),
        "as_of": _TODAY,
        "contact_name": "Ann Sample",
        "account_manager": Mailbox(name="Sam Sample", email="sam@sample.example"),
        "promise": PromiseFacts(amount=Money.parse("9.00", "USD"), pay_by=date(2026, 12, 18))
        if promised
        else None,
        "answer": AnswerFacts(action=_ANSWERS[len(more) % len(_ANSWERS)], until=date(2026, 12, 15))
        if step is Note.ANSWER_NOTED
        else None,
        "resolution": ResolutionFacts(outcome="rejected") if step is Note.DISPUTE_RESOLVED else None,
        "call": CallFacts(spoken_with="Bo Sample", on=_TODAY) if step is Note.CALL_CONFIRMED else None,
        "offer": _OFFER if step in OFFER_NOTES else None,
        "plan": _plan(bool(more.get("late_entry"))) if step in PLAN_NOTES or more.get("late_entry") else None,
    }
    if step in AFTER_THE_DEBT:
        more["items"] = tuple(_paid(item) for item in more["items"])
    return NoticeFacts(**fields | more)


def _paid(item: InvoiceFacts) -> InvoiceFacts:
    """The same invoice once nothing is owed on it."""
    payment = StatementEntry(on=_TODAY, kind=EntryKind.PAYMENT, amount=-item.balance)
    settled = {"entries": (*item.entries, payment), "balance": Money.zero(item.currency), "asked": None}
    return item.model_copy(update={**settled, "promised": None, "disputed": None})
