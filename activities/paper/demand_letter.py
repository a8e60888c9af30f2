"""The formal demand as a letter on paper, by the rules of the debtor's place, with the papers these ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from activities.paper.exhibits import MEGABYTE, ExhibitUnusable, media_type_of, read_exhibit
from activities.writing.blocks import entry_text, imprint, parties, ways_to_pay, withheld
from activities.writing.mail import Attachment
from activities.writing.phrasing import Habits, Labels, paper_labels, paper_of, template
from activities.writing.words import Phrased, phrased
from domain.letters.demand import Addition, DemandLaw, Jurisdiction, additions, jurisdiction_of
from domain.letters.letter import CHARGES, INVOICED, EntryKind, InvoiceFacts, NoticeFacts, asked_totals
from domain.money import Money

_LARGEST_ANNEX = 3 * MEGABYTE


class DemandRefused(Exception):
    """The letter must not go out as things are; the text says what is missing and the fix, to staff."""


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    basis: str
    issued: str
    due: str
    invoiced: str
    charged: str
    settled: str
    withheld: str
    asked: str


@dataclass(frozen=True, slots=True)
class _Group:
    currency: str
    rows: tuple[_Row, ...]
    total: str
    charged: bool
    withheld: bool

    @property
    def columns(self) -> int:
        """How many there are before the last one."""
        return 5 + self.charged + self.withheld


def demand_letter_html(facts: NoticeFacts, law: DemandLaw) -> str:
    """The letter as an HTML page in the customer's paper size. Raises RateUnknown and what templates raise."""
    jurisdiction = jurisdiction_of(facts.customer.country, facts.customer.kind)
    rules = law.rules(jurisdiction)
    said = phrased(facts)
    habits, say, words = said.habits, said.say, paper_labels(facts)
    assert facts.answer_by is not None, "a demand names the day to answer by"
    added = additions(facts.subjects, rules, facts.as_of)
    totals = _added_totals(added)
    return template("demand_letter.html.jinja").render(
        **habits.functions(),
        facts=facts,
        lang=facts.language,
        paper=paper_of(facts),
        say=say,
        words=words,
        parts=said.parts,
        subject=" ".join(said.parts["subject"]),
        parties=parties(facts, habits, say),
        imprint=imprint(facts.seller, habits, say),
        groups=[_group(facts, currency, said, words) for currency in asked_totals(facts.subjects)],
        charges=_movements(facts, said, lambda kind: kind in CHARGES),
        charged=any(item.charged for item in facts.subjects),
        payments=_movements(facts, said, lambda kind: kind not in CHARGES | INVOICED),
        interest_source=rules.interest_source_in.get(facts.language, rules.interest_source),
        fixed_sum_source=rules.fixed_sum_source_in.get(facts.language, rules.fixed_sum_source),
        added=habits.amounts(totals.values()) if totals else "",
        periods=[row for each in added for row in _periods(each, habits)],
        daily=[
            words.each_day(each.item, habits.money(each.daily))
            for each in added
            if each.daily and each.periods
        ],
        fixed_sums=[(each.item.name, habits.money(each.fixed_sum)) for each in added if each.fixed_sum],
        pay=ways_to_pay(facts.seller, facts.subjects, say),
        clause=words.clause(jurisdiction, facts.answer_by),
        enclosures=[words.statement_enclosed, *(_annex_title(name) for name in rules.annexes)],
    )


def demand_filename(facts: NoticeFacts) -> str:
    """A file name that sorts by date in the customer's folder."""
    return f"demand-{facts.as_of.isoformat()}.pdf"


def annexes(facts: NoticeFacts, law: DemandLaw, folder: Path | None) -> tuple[Attachment, ...]:
    """The official papers that go with the letter, as the operator supplied them: never changed.

    Raises DemandRefused naming every one that is missing.
    """
    jurisdiction = jurisdiction_of(facts.customer.country, facts.customer.kind)
    rules = law.rules(jurisdiction)
    found, missing = [], []
    for name in rules.annexes:
        try:
            found.append(Attachment(name, "application/pdf", _annex(folder, jurisdiction, name)))
        except ExhibitUnusable as problem:
            missing.append(f"{name} ({problem})")
    if missing:
        where = f"annexes/{jurisdiction}/ in the configuration folder"
        raise DemandRefused(
            f"a demand letter to {facts.customer.customer_id} needs papers that are not there: {', '.join(missing)};"
            f" put them into {where} ({rules.source}), then release the hold"
        )
    return tuple(found)


def _annex(folder: Path | None, jurisdiction: Jurisdiction, name: str) -> bytes:
    if folder is None or not folder.is_dir():
        raise ExhibitUnusable("it is not there")
    body = read_exhibit(folder, f"{jurisdiction}/{name}")
    if media_type_of(body) != "application/pdf":
        raise ExhibitUnusable("it is not a PDF")
    if len(body) > _LARGEST_ANNEX:
        raise ExhibitUnusable(f"it is larger than {_LARGEST_ANNEX // MEGABYTE} MB")
    return body


def _annex_title(name: str) -> str:
    """`Information sheet` of `information-sheet.pdf`."""
    title = name.rsplit(".", 1)[0].replace("-", " ").replace("_", " ")
    return title[:1].upper() + title[1:]


def _movements(
    facts: NoticeFacts, said: Phrased, shown: Callable[[EntryKind], bool]
) -> list[tuple[str, str, str, str]]:
    return [
        (
            said.habits.short_day(entry.on),
            item.name,
            entry_text(entry, item, said.say),
            f"{said.habits.number(entry.amount)} {item.currency}",
        )
        for item in facts.subjects
        for entry in item.entries
        if shown(entry.kind)
    ]


def _group(facts: NoticeFacts, currency: str, said: Phrased, words: Labels) -> _Group:
    items = [item for item in facts.subjects if item.currency == currency and item.asked]
    return _Group(
        currency,
        rows=tuple(_row(item, said, words) for item in items),
        total=said.habits.number(asked_totals(items)[currency]),
        charged=any(item.charged for item in items),
        withheld=any(item.withheld for item in items),
    )


def _row(item: InvoiceFacts, said: Phrased, words: Labels) -> _Row:
    """The claim on one invoice: invoiced, charged, settled and withheld come to what is asked."""
    habits = said.habits
    basis = f"{words.rests_on} {words.agreement_of(item)}"
    return _Row(
        name=item.name,
        basis="; ".join((basis, *withheld(item, habits, said.say, asking=True))),
        issued=habits.short_day(item.issued_on) if item.issued_on else "",
        due=habits.short_day(item.due_on),
        invoiced=habits.number(item.invoiced),
        charged=habits.number(item.charged),
        settled=habits.number(item.settled),
        withheld=habits.number(-item.withheld),
        asked=habits.number(item.asked or Money.zero(item.currency)),
    )


def _periods(added: Addition, habits: Habits) -> list[tuple[str, str, int, str, str, str]]:
    return [
        (
            added.item.name,
            f"{habits.short_day(period.first)} – {habits.short_day(period.last)}",
            period.days,
            habits.money(period.principal),
            f"{period.percent} %",
            habits.money(period.interest),
        )
        for period in added.periods
    ]


def _added_totals(added: tuple[Addition, ...]) -> dict[str, Money]:
    totals: dict[str, Money] = {}
    for each in added:
        currency = each.item.currency
        fixed = each.fixed_sum or Money.zero(currency)
        totals[currency] = totals.get(currency, Money.zero(currency)) + each.interest + fixed
    return totals
