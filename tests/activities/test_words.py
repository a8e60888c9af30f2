"""What the customer reads: every step and tone, in words that are right, safe and kind."""

import itertools
import re
from datetime import date
from html.parser import HTMLParser

import pytest

from activities.writing.phrasing import Habits, locale_of, paper_for
from activities.writing.plain_text import TEXT_WIDTH
from activities.writing.words import Words, phrases_of, tones_of, write_notice
from domain.letters.letter import FOR_STAFF, InvoiceFacts
from domain.money import Money
from domain.policy import load_policy
from domain.vocabulary import Note, Step, Tone
from tests.letters import ROOT, customer, invoice, money, notice, seller

TEMPLATES = [*Step, *Note]
WRITTEN = [(step, tone) for step in TEMPLATES for tone in sorted(tones_of(step))]
#: Words that threaten, also as parts of others. None stands in any message before the credit hold, nor in
#: any to a partner.
THREATS = re.compile(
    r"legal|lawyer|attorney|solicitor|court|lawsuit|\bsued?\b|proceeding|enforce|bailiff|debt collect|agency|"
    r"collector|credit (?:bureau|rating|report)|blacklist|penalt|consequence|\bfinal|last chance|block|suspend|"
    r"terminat|demand|seiz|criminal|prosecut|insolven|unless|immediately|\bhold",
    re.IGNORECASE,
)
GENTLE = {Step.PRE_DUE, Step.PRE_DUE_2, Step.DUE, Step.OVERDUE, Step.OVERDUE_2, Step.AT_RISK, *Note}
HOSTILE = "<script>alert(1)</script> {{7*7}} {x.__class__} {% raw %} \" ' & \u202eevil\nBcc: x"


class _Text(HTMLParser):
    """The visible text of a page and the tags it uses."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.tags: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links |= {value or "" for name, value in attributes if name in ("href", "src", "background")}

    def handle_data(self, text: str) -> None:
        self.said.append(text)


def seen(html: str) -> _Text:
    page = _Text()
    page.feed(html)
    return page


def flat(text: str) -> str:
    return " ".join(text.split())


def check(words: Words) -> None:
    """What must hold for every message, whatever its facts."""
    assert words.subject == flat(words.subject)
    assert words.subject
    assert len(words.subject) <= 200
    visible = flat(" ".join(seen(words.html).said))
    for said in (words.subject, words.text, visible):
        for leftover in (
            "Undefined",
            "None",
            "{{",
            "}}",
            "{%",
            "Macro",
            "\x1e",
            "\x1f",
            " ,",
            " .",
            "..",
            "()",
        ):
            assert leftover not in said, f"{leftover!r} left over"
        assert not re.search(r"\b1 (invoices|days|open invoices)\b", said)
        assert not re.search(r"\b(0|[2-9]|\d\d+) (invoice|day|open invoice)\b", said)
    for line in words.text.splitlines():
        assert len(line) <= TEXT_WIDTH or " " not in line.strip(), f"not wrapped: {line!r}"
        assert line == line.rstrip()
    assert "\n\n\n" not in words.text


@pytest.mark.parametrize(("step", "tone"), WRITTEN, ids=lambda value: str(value))
@pytest.mark.parametrize("how_many", [1, 2, 7])
def test_every_step_and_tone(step: Step | Note, tone: Tone, how_many: int) -> None:
    items = [
        invoice(f"INV-{place}", days=days, currency=currency, amount="1000", asked=asked)
        for place, (days, currency, asked) in enumerate(
            itertools.islice(
                [(1, "USD", "all"), (0, "USD", "all"), (2, "EUR", "all"), (45, "JPY", "all"), (-1, "USD", None),
                 (-3, "KWD", None), (9, "USD", "600.00")],
                how_many,
            )
        )
    ]  # fmt: skip
    words = write_notice(notice(step, tone, items))
    check(words)
    if step not in FOR_STAFF and step != Note.PROMISE_CONFIRMED:
        assert "1,000.00" in words.text
    text, visible = (
        {word.strip(":") for word in said.split()} for said in (words.text, " ".join(seen(words.html).said))
    )
    assert {item.number for item in items} <= text
    assert {word for word in text if word.strip("-")} <= visible, "text and HTML say the same"


@pytest.mark.parametrize(("step", "tone"), WRITTEN, ids=lambda value: str(value))
def test_no_threat_before_its_time_and_never_to_a_partner(step: Step | Note, tone: Tone) -> None:
    for items in ([invoice()], [invoice("A", 60), invoice("B", 2)]):
        words = write_notice(
            notice(
                step, tone, items, referral_partner=seller().referral_partner, late_entry=True, usual_day=45
            )
        )
        if step in GENTLE or (tone is Tone.PARTNER and step not in FOR_STAFF):
            assert not THREATS.findall(words.subject + "\n" + flat(words.text))


def test_threats_are_seen() -> None:
    assert THREATS.search("we will take legal action")
    assert THREATS.search(flat(write_notice(notice(Step.CREDIT_HOLD, Tone.FORMAL)).text))


@pytest.mark.parametrize("step", TEMPLATES, ids=str)
def test_every_step_speaks_to_partners_and_in_any_tone(step: Step | Note) -> None:
    assert Tone.PARTNER in tones_of(step)
    for tone in Tone:
        check(write_notice(notice(step, tone)))
    assert phrases_of(Step.OVERDUE, Tone.FIRM) == "en/overdue.professional.jinja"
    assert phrases_of(Step.OVERDUE, Tone.PARTNER) == "en/overdue.partner.jinja"


@pytest.mark.parametrize("days", [-2, -1, 0, 1, 2])
@pytest.mark.parametrize("step", [Step.PRE_DUE, Step.PRE_DUE_2, Step.DUE, Step.OVERDUE], ids=str)
@pytest.mark.parametrize("tone", [Tone.PROFESSIONAL, Tone.PARTNER], ids=str)
def test_days_are_counted_as_people_say_them(days: int, step: Step, tone: Tone) -> None:
    words = write_notice(notice(step, tone, [invoice(days=days, step=step)]))
    check(words)
    said = {
        -2: "due in 2 days",
        -1: "due in 1 day",
        0: "due today",
        1: "1 day past due",
        2: "2 days past due",
    }
    assert said[days] in words.text
    assert said[days] in words.html


@pytest.mark.parametrize("note", list(Note), ids=str)
def test_a_confirmation_may_be_about_the_account(note: Note) -> None:
    check(write_notice(notice(note, items=[])))


def test_the_request_is_unmistakable() -> None:
    words = write_notice(notice(Step.OVERDUE, answer_by=date(2026, 12, 22)))
    assert words.subject == "Overdue: invoice INV-1001, $1,250.00, due since December 1, 2026"
    assert "Please pay $1,250.00 by Tuesday, December 22, 2026, or reply by then" in flat(words.text)
    assert "<strong>Please pay $1,250.00 by Tuesday, December 22, 2026, or reply by then" in flat(words.html)
    assert "instalments" in words.text


def test_every_policy_speaks_in_words_written_for_it() -> None:
    files = sorted((ROOT / "deploy" / "policies").glob("*.toml"))
    assert files
    for file in files:
        for rung in load_policy(file.read_text(encoding="utf-8"), file.name).steps:
            assert rung.tone in tones_of(rung.step), f"{file.name}: {rung.step} in a {rung.tone} tone"


def test_order_of_reading() -> None:
    text = write_notice(notice(Step.DUE, items=[invoice(days=0)])).text
    marks = [
        "Dear Ann Payne,",
        "Thank you for your business.",
        "INV-1001  Dec 8, 2026",
        "Please pay $1,250.00 today.",
        "How to pay",
        "Whom to contact",
        "Kind regards,",
        "Lindenmoor Studio LLC, 48 Alder Wharf",
    ]
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    assert "Payment reference: INV-1001" in text
    assert "Account number:    000123456789" in text


def test_subtotals_by_currency_and_what_is_only_listed() -> None:
    items = [
        invoice("A", 60, "1000.00"),
        invoice("B", 2, "200.50"),
        invoice(
            "C", 5, "300.00", currency="EUR", paid="100.00", asked="150.00", disputed=money("50.00", "EUR")
        ),
        invoice("D", -9, "77.00", asked=None),
        invoice("E", 5, "66.00", asked=None, promised=money("66.00")),
    ]
    text = write_notice(notice(Step.OVERDUE, items=items)).text
    asked, listed = text.split("Also open on your account, not part of this request")
    assert re.search(r"Total USD +\$1,200\.50\n", asked)
    assert re.search(r"Total EUR +€150\.00\n", asked)
    assert "€300.00 invoiced, €200.00 open" in asked
    assert "€50.00 of it disputed, not asked for here" in asked
    assert re.search(r"D +Dec 17, 2026 +due in 9 days +\$77\.00\n", listed)
    assert "promised: $66.00" in listed
    assert "Please pay €150.00 and $1,200.50 now" in flat(asked)
    assert "Payment reference: A, B\n" in listed
    assert "Payment reference: C\n" in listed
    assert "Bank transfer in JPY" not in listed


def test_usual_day_is_said_only_where_known() -> None:
    sentence = "your payments usually arrive around day 45"
    for step in (Step.PRE_DUE, Step.PRE_DUE_2):
        for tone in (Tone.FRIENDLY, Tone.PARTNER):
            items = [invoice(days=-14, step=step, asked=None)]
            assert sentence in flat(write_notice(notice(step, tone, items, usual_day=45)).text)
            assert "usually" not in write_notice(notice(step, tone, items)).text


def test_what_is_not_due_yet_is_listed_not_asked_for() -> None:
    """A harsher item sets the template; a pre-due item in the same message is not claimed by it."""
    items = [invoice("A", 7, step=Step.OVERDUE), invoice("B", -7, "99.00", step=Step.PRE_DUE)]
    facts = notice(Step.OVERDUE, items=items)
    assert [item.number for item in facts.subjects] == ["A"]
    assert [item.number for item in facts.also_open] == ["B"]
    asked, listed = write_notice(facts).text.split("not part of this request")
    assert "$99.00" not in asked
    assert "$99.00" in listed
    early = notice(Step.PRE_DUE_2, items=[invoice("A", -3, step=Step.PRE_DUE_2), items[1]])
    assert [item.number for item in early.subjects] == ["A", "B"]


def test_late_entry_does_not_pretend_we_wrote_before() -> None:
    for tone in (Tone.PROFESSIONAL, Tone.PARTNER):
        said = flat(write_notice(notice(Step.OVERDUE, tone, late_entry=True)).text)
        assert "You may not have" in said
        assert "overlooked" not in said


def test_credit_hold_names_the_date_and_reserves_rights() -> None:
    said = flat(write_notice(notice(Step.CREDIT_HOLD, Tone.FORMAL)).text)
    assert "new orders on your account will be blocked from Friday, January 8, 2027" in said
    assert "does not waive any right or remedy" in said


def test_demand_says_everything_a_demand_must() -> None:
    items = [invoice(days=45, paid="250.00", agreement_ref="MSA 2024-7"), invoice("INV-7", 46, "10.00")]
    partner = seller().referral_partner
    said = flat(write_notice(notice(Step.DEMAND, Tone.FORMAL, items, referral_partner=partner)).text)
    for part in (
        "Creditor: Lindenmoor Studio LLC 48 Alder Wharf New York, NY 10004 United States",
        "Debtor: Acme Limited 1 Main St New York, NY 10001 United States Customer no. C-17",
        "Invoice INV-1001 Issued Sep 24, 2026 · Due Oct 24, 2026 · Agreement MSA 2024-7",
        "Oct 14, 2026 Payment received: wire 77-A −250.00 1,000.00",
        "Balance $1,000.00",
        "$1,010.00 was payable as of December 8, 2026",
        "Please pay $1,010.00 by Tuesday, December 22, 2026.",
        "What happens next",
        "we will hand these invoices, with all documents, to Harrowgate Receivables",
        "If you disagree",
        "accounts@lindenmoor.example",
    ):
        assert part in said
    plain = flat(write_notice(notice(Step.DEMAND, Tone.FORMAL, items)).text)
    assert "Harrowgate" not in plain


def test_a_demand_for_one_invoice_does_not_list_it_twice() -> None:
    text = write_notice(notice(Step.DEMAND, Tone.FORMAL, [invoice(days=45)])).text
    assert "Amount due" not in text
    assert "Dec 8" not in text


def test_stored_fields_stay_text() -> None:
    names = customer(name=HOSTILE, legal_name=HOSTILE, address=(HOSTILE,))
    items = [invoice(description=HOSTILE, purchase_order=HOSTILE), invoice("INV-2", part=HOSTILE)]
    for step, tone in WRITTEN:
        words = write_notice(
            notice(
                step,
                tone,
                items,
                customer=names,
                contact_name=HOSTILE,
                reasons=(HOSTILE,),
                contact_phone=HOSTILE,
            )
        )
        page = seen(words.html)
        assert "script" not in page.tags
        assert "{{7*7}} {x.__class__} {% raw %}" in " ".join(page.said)
        assert "{{7*7}}" in words.text
        for said in (words.subject, words.text, words.html):
            assert "49" not in said.replace("US", "")
            assert "\u202e" not in said
        assert "evil Bcc: x" in flat(words.text)
        assert page.links <= {"https://pay.lindenmoor.example/"}


def test_nothing_is_fetched_or_tracked() -> None:
    for step, tone in WRITTEN:
        page = seen(write_notice(notice(step, tone)).html)
        assert not page.tags & {"img", "script", "iframe", "link", "object", "video", "form"}


def test_staff_mail_carries_no_bank_details() -> None:
    for step in FOR_STAFF:
        words = write_notice(
            notice(step, reasons=("no answer",), contact_phone="+1 202 555 0123", at_risk=True)
        )
        assert "000123456789" not in words.text
        assert "no answer" in words.text


def test_a_call_sheet_names_the_person_to_call_and_an_account_manager_is_asked_to_speak() -> None:
    sheet = write_notice(notice(Step.CALL, contact_phone="+1 202 555 0123"))
    assert sheet.subject == "Call Acme Ltd: invoice INV-1001, $1,250.00"
    assert "Ask for: Ann Payne\n\nPhone: +1 202 555 0123" in sheet.text
    asked = write_notice(notice(Step.CALL, contact_name="Sam Reed"))
    check(asked)
    assert asked.subject == "Please speak with Acme Ltd: invoice INV-1001, $1,250.00"
    assert asked.text.startswith("Hello Sam Reed,")
    assert "Ask for: Sam Reed" not in asked.text


def test_a_table_too_wide_for_a_mail_is_stacked() -> None:
    words = write_notice(notice(Step.OVERDUE, items=[invoice("X" * 64), invoice("B")]))
    check(words)
    assert "X" * 64 + "\n  Due Dec 1, 2026, 7 days past due\n  Amount due: $1,250.00" in words.text


def test_facts_that_cannot_be_written_are_refused() -> None:
    with pytest.raises(ValueError, match="needs 'block_on'"):
        notice(Step.CREDIT_HOLD, block_on=None)
    with pytest.raises(ValueError, match="every item is only listed"):
        notice(Step.DUE, items=[invoice(asked=None)])
    with pytest.raises(ValueError, match="needs an invoice"):
        notice(Step.PRE_DUE, items=[])
    with pytest.raises(ValueError, match="at most the balance"):
        invoice(asked="1250.01")
    with pytest.raises(ValueError, match="more than nothing"):
        invoice(asked="0.00")
    with pytest.raises(ValueError, match="entries that come to"):
        invoice(balance=money("1.00"), asked=None)
    with pytest.raises(ValueError, match="is in USD, not in"):
        invoice(asked=None, promised=money("1.00", "EUR"))
    assert InvoiceFacts.model_validate_json(invoice().model_dump_json()) == invoice()


@pytest.mark.parametrize(
    ("name", "country", "amount", "day"),
    [
        ("en-US", "US", "$1,234.50", "December 1, 2026"),
        ("en-GB", "GB", "US$1,234.50", "1 December 2026"),
        ("de-DE", "DE", "1.234,50\xa0US$", "1 December 2026"),
        ("fr", "FR", "1\u202f234,50\xa0US$", "1 December 2026"),
        ("ja-JP", "JP", "US$1,234.50", "1 December 2026"),
        ("no such locale", "US", "$1,234.50", "December 1, 2026"),
        ("xx-YY", None, "US$1,234.50", "1 December 2026"),
    ],
)
def test_money_and_dates_in_the_customers_habits(
    name: str, country: str | None, amount: str, day: str
) -> None:
    habits = Habits(locale_of(name, country))
    assert habits.money(money("1234.50")) == amount
    assert habits.day(date(2026, 12, 1)) == day


def test_every_currency_keeps_its_own_decimals() -> None:
    habits = Habits(locale_of("en-US", "US"))
    said = {code: habits.number(Money(1234567, code)) for code in ("JPY", "USD", "KWD", "IRR", "ISK", "HUF")}
    assert said == {
        "JPY": "1,234,567", "USD": "12,345.67", "KWD": "1,234.567", "IRR": "12,345.67", "ISK": "1,234,567",
        "HUF": "12,345.67",
    }  # fmt: skip
    assert habits.money(Money(1234567, "KWD")).endswith("1,234.567")
    assert habits.number(Money(-5, "USD")) == "−0.05"


def test_paper() -> None:
    assert paper_for("US", "A4") == "Letter"
    assert paper_for("DE", "Letter") == "A4"
    assert paper_for(None, "Letter") == "Letter"
