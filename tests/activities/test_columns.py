"""Whatever happened to an invoice, the columns of every paper add up to what is asked; charges have their reasons."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.notice_facts import invoice_facts
from activities.paper.demand_letter import demand_letter_html
from activities.paper.statement import statement_html
from activities.writing.blocks import made_up_of, table_of
from activities.writing.phrasing import Labels, habits_of
from activities.writing.words import phrased, write_notice
from domain import contract as wire
from domain import facts as internal
from domain.case import Case
from domain.contact import ContactItem, Pursued
from domain.filing import apply
from domain.letters.demand import DemandLaw, Jurisdiction
from domain.letters.letter import AccountFacts, InvoiceFacts, NoticeFacts, open_totals
from domain.money import Money
from domain.pauses import collectable
from domain.postings import postings
from domain.vocabulary import PlanState, Step, Tone
from store.schema import CaseRow, LedgerEntryRow
from tests.letters import customer, invoice, notice, seller
from tests.unit.anything import amounts, things_done, things_told, thorough
from tests.unit.living import DUE, at, case, dispute, paid, policy
from tests.unit.test_demand import shipped, turned_on

TODAY = date(2027, 1, 15)
LANGUAGES = ("en", "de", "fr", "es", "pt")
#: What an invoice may be issued with: no terms, or two.
TERMS = ((), (("3", date(2026, 11, 25)), ("2.5", date(2026, 12, 20))))
SAYS_NO_INTEREST = "No interest and no fixed sum is claimed in this letter."


def charge(
    amount: str, kind: str = "interest", reason: str | None = None, charge_id: str = "I-1"
) -> wire.Fact:
    body = {"charge_id": charge_id, "amount": amount, "currency": "USD", "kind": kind, "reason": reason}
    return wire.ChargeAdded.model_validate(body)


def waived(amount: str, reason: str | None = None, charge_id: str = "I-1") -> wire.Fact:
    body = {"charge_id": charge_id, "amount": amount, "currency": "USD", "kind": "interest", "reason": reason}
    return wire.ChargeWaived.model_validate(body)


def lived(told: Iterable[object], today: date = TODAY, **more: Any) -> InvoiceFacts:
    """The invoice as a letter shows it once these facts were told, with the entries that they posted."""
    now = at(today)
    lived_case = case(**more)
    entries = [_entry("invoice", "INV-1", lived_case.amount, DUE)]
    seen_ids = set()
    for number, fact in enumerate(told):
        assert isinstance(fact, wire.Fact | internal.InternalFact)
        kind = fact.fact_kind if isinstance(fact, wire.Fact) else str(type(fact).model_fields["kind"].default)
        event_id = str(getattr(fact, getattr(fact, "id_field", ""), number))
        after = apply(lived_case, fact, now)
        if (kind, event_id) not in seen_ids:
            made = postings(lived_case, after, fact, kind, event_id, today)
            entries += [_entry(each.kind, each.event_id, each.minor, each.on) for each in made]
        seen_ids.add((kind, event_id))
        lived_case = after
    return shown(lived_case, entries, today)


def shown(lived_case: Case, entries: list[LedgerEntryRow], today: date) -> InvoiceFacts:
    stated = {"invoice_id": "INV-1", "currency": "USD", "amount": "1250.00", "due_on": str(DUE)}
    row = CaseRow(
        invoice_id="INV-1", number="INV-1", currency="USD", invoice=stated, issued_on=date(2026, 11, 1)
    )
    pursued = Pursued(lived_case, policy())
    item = ContactItem("INV-1", Step.DEMAND, 0, collectable(lived_case, pursued.policy, today), False)
    return invoice_facts(pursued, row, entries, today=today, language="en", item=item)


def _entry(kind: str, event_id: str, minor: int, on: date) -> LedgerEntryRow:
    return LedgerEntryRow(kind=kind, event_id=event_id, amount_minor=minor, currency="USD", entry_on=on)


def letter(*items: InvoiceFacts, step: Step = Step.DEMAND, **more: Any) -> NoticeFacts:
    who = customer(country="GB", address=("14 Priory Road", "Leeds LS1 4AB"))
    tone = Tone.FORMAL if step is Step.DEMAND else Tone.PROFESSIONAL
    return notice(step, tone, items, **{"customer": who, "locale": "en-GB", "as_of": TODAY, **more})


def minor(text: str) -> int:
    """Cents of an amount as English prints it; none of an empty cell."""
    digits = int(re.sub(r"\D", "", text) or "0")
    return -digits if "\N{MINUS SIGN}" in text else digits


def seen(html: str) -> str:
    """What is read on a page."""
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]+>", " ", html)))


def rows_of(html: str, kind: str) -> list[list[str]]:
    """The cells of the rows of a class, as they are read."""
    rows = re.findall(rf'<tr class="{kind}">(.*?)</tr>', html, re.DOTALL)
    return [
        [unescape(re.sub("<[^>]+>", "", cell)) for cell in re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL)]
        for row in rows
    ]


def listed(html: str, title: str) -> int:
    """What the table below a title comes to."""
    table = html.partition(f"<h2>{title}</h2>")[2].partition("</table>")[0].partition("<h2>")[0]
    return sum(minor(amount) for amount in re.findall(r'<td class="figure">(.*?)</td>', table))


def whatever_was_told() -> st.SearchStrategy[list[object]]:
    charges = st.lists(
        st.builds(charge, amounts(20_000), st.sampled_from(["interest", "fee", "other"]),
                  st.sampled_from([None, "Late interest", "Reminder"]), st.sampled_from(["C-1", "C-2", "C-3"])),
        max_size=3, unique_by=lambda each: each.charge_id,
    )  # fmt: skip
    return st.tuples(st.one_of(things_told(), things_done()), charges).map(lambda both: [*both[0], *both[1]])


@thorough(120)
@given(whatever_was_told(), st.sampled_from(TERMS))
def test_the_columns_of_every_paper_add_up(told: list[object], terms: Any) -> None:
    item = lived(told, early_payment=terms)
    assert item.invoiced + item.charged + item.settled == item.balance
    assert sum(entry.amount.minor for entry in item.charges) == item.charged.minor
    other = invoice("E-1", 40, "300.00", currency="EUR", paid="10.00")
    account = AccountFacts(seller=seller(), customer=customer(), as_of=TODAY, items=(item, other))
    _statement_adds_up(account)
    if not item.asked:
        return
    named = (item.promised, item.disputed, item.planned, item.arriving)
    assert item.withheld == Money.total((each for each in named if each), "USD")
    _demand_adds_up(letter(item, other))
    _mail_adds_up(letter(item, other, step=Step.OVERDUE))


def _statement_adds_up(account: AccountFacts) -> None:
    html = statement_html(account)
    for section in html.split('<table class="account">')[1:]:
        opened = [minor(cells[-1]) for cells in rows_of(section, "open")]
        assert sum(opened) == minor(_total(section))
    for item in account.items:
        if item.settled_balance.minor >= 0:
            assert sum(entry.amount.minor for entry in item.entries) == item.balance.minor


def _total(section: str) -> str:
    found = re.search(r'<tbody class="total">.*class="figure">(.*?)</td>', section, re.DOTALL)
    assert found is not None
    return found[1]


def _demand_adds_up(facts: NoticeFacts) -> None:
    html = demand_letter_html(facts, DemandLaw(jurisdictions=shipped().jurisdictions))
    claims = rows_of(html, "claim")
    assert len(claims) == len(facts.subjects)
    for cells in claims:
        *parts, asked = (minor(cell) for cell in cells[3:])
        assert sum(parts) == asked, cells
    assert [minor(cells[-1]) for cells in rows_of(html, "total")] == [
        sum(item.asked.minor for item in facts.subjects if item.asked and item.currency == currency)
        for currency in sorted({item.currency for item in facts.subjects})
    ]
    assert listed(html, "Charges") == sum(item.charged.minor for item in facts.subjects)
    assert listed(html, "Payments and credits received") == sum(item.settled.minor for item in facts.subjects)
    assert (SAYS_NO_INTEREST in html) is not any(item.charged for item in facts.subjects)


def _mail_adds_up(facts: NoticeFacts) -> None:
    habits = habits_of(facts)
    say = Labels("en", {**habits.functions(), "total": ""})
    for group in table_of(facts.subjects, habits, say, asking=True).groups:
        assert sum(minor(row.amount) for row in group.rows) == minor(group.total)
    mail = write_notice(facts)
    for item in facts.subjects:
        for line in made_up_of(item, habits, say):
            assert line in unescape(mail.html)
            assert re.sub(r"\s", "", line) in re.sub(r"\s", "", mail.text)


CHARGED = (paid("10.00"), charge("55.00", reason="Late interest, November"))


def test_a_demand_shows_a_charge_in_its_own_column_with_its_reason() -> None:
    item = lived(CHARGED)
    html = demand_letter_html(letter(item), DemandLaw(jurisdictions=shipped().jurisdictions))
    assert rows_of(html, "claim")[0][3:] == ["1,250.00", "55.00", "\N{MINUS SIGN}10.00", "1,295.00"]
    text = seen(html)
    assert "Interest: Late interest, November 55.00 USD" in text
    assert SAYS_NO_INTEREST not in text
    assert "Beyond the charges shown above, no interest and no fixed sum is claimed in this letter." in text


def test_without_a_charge_there_is_no_column_and_no_interest_is_claimed() -> None:
    for told in ((paid("10.00"),), (paid("10.00"), charge("55.00"), waived("55.00"))):
        html = demand_letter_html(letter(lived(told)), DemandLaw(jurisdictions=shipped().jurisdictions))
        assert rows_of(html, "claim")[0][3:] == ["1,250.00", "\N{MINUS SIGN}10.00", "1,240.00"]
        assert SAYS_NO_INTEREST in seen(html)


@pytest.mark.parametrize(
    ("kind", "is_added"), [("interest", (False, True)), ("fee", (True, False)), ("other", (True, True))]
)
def test_what_the_books_charged_is_not_claimed_twice(kind: str, is_added: tuple[bool, bool]) -> None:
    jurisdiction = Jurisdiction.UK_COMPANY
    law = DemandLaw(jurisdictions={**shipped().jurisdictions, jurisdiction: turned_on(jurisdiction)})
    item = lived((charge("5.00", kind),)).model_copy(update={"currency": "GBP"})
    sterling = invoice("INV-1", 30, currency="GBP")
    entry = item.charges[0].model_copy(update={"amount": Money.parse("5.00", "GBP")})
    booked = invoice("INV-1", 30, currency="GBP", entries=(*sterling.entries, entry),
                     balance=Money.parse("1255.00", "GBP"), asked="1255.00")  # fmt: skip
    text = seen(demand_letter_html(letter(booked, as_of=date(2026, 12, 8)), law))
    assert ("Simple interest" in text, "Fixed sum for the costs" in text) == is_added


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("step", [Step.OVERDUE, Step.OVERDUE_2, Step.CREDIT_HOLD, Step.DEMAND, Step.REFERRAL])
def test_mails_say_what_was_charged_and_why(language: str, step: Step) -> None:
    item = lived((*CHARGED, waived("5.00", reason="goodwill")))
    tone = Tone.FORMAL if step in (Step.DEMAND, Step.REFERRAL, Step.CREDIT_HOLD) else Tone.PROFESSIONAL
    facts = notice(step, tone, (item,), language=language, locale=language, as_of=TODAY)
    mail = write_notice(facts)
    for text in (re.sub(r"\s+", " ", mail.text), seen(mail.html)):
        assert "Late interest, November" in text
        assert "goodwill" in text


def test_a_reason_as_long_as_a_book_stays_a_line_of_a_table() -> None:
    item = lived((charge("55.00", reason="interest " * 400),))
    assert len(item.charges[0].reference or "") <= 160


def test_many_charges_are_told_by_their_kind_in_a_mail() -> None:
    told = [charge("5.00", "fee", f"Reminder {number}", f"F-{number}") for number in range(9)]
    habits = habits_of(letter(lived(told)))
    say = Labels("en", {**habits.functions(), "total": ""})
    assert list(made_up_of(lived(told), habits, say)) == [
        "US$1,250.00 invoiced, US$45.00 charged on top, US$1,295.00 open",
        "US$45.00 Fee",
    ]


def test_an_amended_invoice_shows_what_was_agreed_last() -> None:
    item = lived((wire.InvoiceAmended(amendment_id="A-1", amount="1000.00"), paid("100.00")))
    html = demand_letter_html(letter(item), DemandLaw(jurisdictions=shipped().jurisdictions))
    assert rows_of(html, "claim")[0][3:] == ["1,000.00", "\N{MINUS SIGN}100.00", "900.00"]


def test_a_discount_of_the_terms_is_an_entry_with_its_reason() -> None:
    item = lived((paid("1225.00", "2026-11-20"),), early_payment=(("2", date(2026, 11, 25)),))
    assert (item.balance.minor, item.entries[-1].reference, item.entries[-1].on) == (
        0,
        "2 %",
        date(2026, 11, 20),
    )
    html = statement_html(AccountFacts(seller=seller(), customer=customer(), as_of=TODAY, items=(item,)))
    assert "Early-payment discount: 2 %" in seen(html)
    assert open_totals([item])["USD"].minor == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_demand_on_paper_names_the_terms_that_can_still_be_used(language: str) -> None:
    late = (("2", date(2027, 1, 20)),)
    facts = letter(lived((paid("10.00"),), early_payment=late), language=language, locale=language)
    html = demand_letter_html(facts, DemandLaw(jurisdictions=shipped().jurisdictions))
    ((item, term),) = facts.early_payments
    say = Labels(language, {**habits_of(facts).functions(), "total": ""})
    assert say.early_payment(item, term) in unescape(html)
    assert (str(term.pay), str(term.credit)) == ("1215.00", "25.00")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_open_is_told_apart_from_what_is_asked_for(language: str) -> None:
    item = lived((*CHARGED, dispute("200.00")))
    facts = letter(item, step=Step.OVERDUE, language=language, locale={"en": "en-US"}.get(language, language))
    said = phrased(facts)
    opening, request = (" ".join(said.parts[part]) for part in ("opening", "request"))
    assert said.habits.money(item.balance) in opening
    assert said.habits.money(item.asked or item.balance) not in opening
    assert said.habits.money(item.asked or item.balance) in request


def test_what_waits_for_instalments_is_told_beside_what_is_asked_for() -> None:
    tabled = internal.PlanTabled(
        plan_id="PL-1", ordinal=1, currency="USD", state=PlanState.OFFERED, origin="staff", by="lee",
        invoices=(internal.PlannedInvoice(invoice_id="INV-1", planned=50_000, paid=0),),
        instalments=(internal.PlannedInstalment(due_on=date(2027, 2, 1), amount=50_000),),
        open_until=date(2027, 1, 30),
    )  # fmt: skip
    item = lived((tabled,))
    assert (str(item.planned), str(item.asked)) == ("500.00", "750.00")
    _demand_adds_up(letter(item))
    mail = write_notice(letter(item, step=Step.OVERDUE))
    assert "US$500.00 of it in an instalment plan, not asked for here" in mail.text
