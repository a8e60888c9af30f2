"""One transfer told of twice counts once; two transfers are two; what may be either is for a person to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cash.bank import Sign
from domain.cash.bank_booking import LineOutcome, doubtful
from domain.cash.bank_lines import BankLine
from domain.cash.bank_repeats import Repeats, ToldBefore, told_before
from domain.cash.cash_application import OpenInvoice, OpenItems, Payer
from domain.money import Money

DAY = date(2026, 11, 20)
IBAN = "DE02120300000000202051"
#: What is known of a transfer where a bank tells all of it.
REPORT = BankLine(
    "bank-052", "DE89370400440532013000", "R-1", Sign.CREDIT, Decimal("400.00"), "EUR", DAY, DAY,
    debtor="Rate GmbH", texts=("XX-1001 Teil",), form="052",
)  # fmt: skip


def again(**other: object) -> BankLine:
    """The same transfer in the statement, which says some of it otherwise."""
    return replace(REPORT, **{"line_id": "bank-053", "form": "053", **other})  # type: ignore[arg-type]


def kept(*lines: BankLine, stands_for: Sequence[str] = ()) -> list[ToldBefore]:
    return [
        ToldBefore(
            line.line_id, line.account, line.sign, line.currency, line.amount, line.booked_on, line.value_on,
            line.bank_reference, line.end_to_end_id, line.form, line.debtor, line.debtor_iban,
            (*line.references, *line.texts), tuple(stands_for),
        )
        for line in lines
    ]  # fmt: skip


def verdict(line: BankLine, told: BankLine) -> str:
    found = told_before([line], kept(told))
    if line.line_id in found.same:
        return "same"
    return "doubtful" if line.line_id in found.doubtful else "another"


LATER = {"booked_on": DAY + timedelta(days=1), "value_on": DAY + timedelta(days=1)}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param({}, {"bank_reference": "S1"}, "same", id="a reference in one only"),
        pytest.param({"bank_reference": "S1"}, {}, "same", id="a reference in the first only"),
        pytest.param({}, {"texts": ("XX-1001", "Teil")}, "same", id="text split otherwise"),
        pytest.param({}, {"texts": ("XX-10", "01 Teil")}, "same", id="text split within a number"),
        pytest.param({}, {"texts": ("SVWZ+XX-1001 Teil IBAN DE02",)}, "same", id="more around the text"),
        pytest.param({}, {"texts": ("XX-1001 v. 3.11.",)}, "same", id="the same number in other words"),
        pytest.param({}, {"texts": (), "references": ("XX-1001 Teil",)}, "same", id="structured in one"),
        pytest.param({}, {"texts": ()}, "same", id="no text in one"),
        pytest.param({}, {"debtor": "RATE GMBH"}, "same", id="the payer in capitals"),
        pytest.param({"debtor": "Müller & Söhne"}, {"debtor": "MUELLER UND SOEHNE"}, "same", id="umlauts"),
        pytest.param({"debtor": "Müller GmbH"}, {"debtor": "Muller"}, "same", id="without marks"),
        pytest.param(
            {"debtor": "Rate Verwaltungsgesellschaft mbH"},
            {"debtor": "RATE VERWALTUNGSGESEL"},
            "same",
            id="a name cut short",
        ),
        pytest.param(
            {"debtor_iban": IBAN}, {"debtor": None, "debtor_iban": IBAN}, "same", id="no name in one"
        ),
        pytest.param(
            {"debtor_iban": IBAN},
            {"debtor": "R. Holding", "debtor_iban": IBAN},
            "same",
            id="the payer's account",
        ),
        pytest.param({}, {"debtor": None}, "same", id="no payer in one, and a number"),
        pytest.param(
            {"bank_reference": "S3"},
            {"bank_reference": "S3", **LATER},
            "same",
            id="a day later, one reference",
        ),
        pytest.param(
            {"end_to_end_id": "E-1"},
            {"end_to_end_id": "E-1", **LATER},
            "same",
            id="a day later, the payer's id",
        ),
        pytest.param({}, {"value_on": DAY - timedelta(days=1)}, "same", id="another value date"),
        pytest.param({"value_on": None}, {"booked_on": None}, "same", id="a table with one of the days"),
        pytest.param(
            {"end_to_end_id": "RF-2026-77"},
            {"texts": ("EREF+RF-2026-77 XX-1001",)},
            "same",
            id="the payer's id in the text",
        ),
        *(
            pytest.param({"end_to_end_id": none}, {"end_to_end_id": "E-1"}, "same", id=f"{none} is no id")
            for none in ("notprovided", "NOT PROVIDED", "NonRef", "0", "-", "n/a")
        ),
        pytest.param({"debtor": "M?ller GmbH"}, {"debtor": "Müller GmbH"}, "same", id="a letter as ?"),
        pytest.param({"debtor": "M.LLER GMBH"}, {"debtor": "Müller GmbH"}, "same", id="a letter as a dot"),
        *(
            pytest.param(
                {**same, "texts": ("XX-1001",)},
                {**same, "texts": ("XX-1002",)},
                "doubtful",
                id=f"other numbers: {same}",
            )
            for same in ({"bank_reference": "S1-200"}, {"bank_reference": "7"}, {"end_to_end_id": "INVOICE"})
        ),
        *(
            pytest.param(
                {**none, "texts": ("XX-1001",)},
                {**none, "texts": ("XX-1002",), **LATER},
                "another",
                id=f"{none} tells nothing",
            )
            for none in (
                {"bank_reference": "NONREF"},
                {"bank_reference": "0000000"},
                {"end_to_end_id": "NOT-PROVIDED"},
            )
        ),
        pytest.param({"end_to_end_id": "E" * 35}, {"end_to_end_id": "E" * 20}, "same", id="an id cut short"),
        pytest.param(
            {"bank_reference": "S1"},
            {"bank_reference": "S1", "form": "052", "debtor": "RATE GMBH"},
            "same",
            id="one reference in two reports",
        ),
        pytest.param({}, {"account": "532013000"}, "same", id="the account's number"),
        pytest.param(
            {"sign": Sign.DEBIT}, {"sign": Sign.DEBIT, "bank_reference": "S1"}, "same", id="money that left"
        ),
        pytest.param({}, LATER, "doubtful", id="a day later without a reference"),
        pytest.param({}, {"texts": ("many thanks",)}, "doubtful", id="another text"),
        pytest.param(
            {"texts": ("Miete",), "debtor": None},
            {"texts": ("Miete",), "debtor": None},
            "doubtful",
            id="what many write, by nobody known",
        ),
        pytest.param(
            {"texts": (), "debtor": None},
            {"texts": (), "debtor": None},
            "doubtful",
            id="an amount and a day alone",
        ),
        pytest.param(
            {"bank_reference": "R1"}, {"bank_reference": "S1"}, "doubtful", id="a reference of each form"
        ),
        pytest.param(
            {"bank_reference": "7"}, {"bank_reference": "7", **LATER}, "doubtful", id="a number of the entry"
        ),
        pytest.param(
            {"bank_reference": "S1"},
            {"bank_reference": "S1", "form": "052", **LATER},
            "doubtful",
            id="one reference twice in a form",
        ),
        pytest.param(
            {}, {"form": "052", "texts": ("XX-1001", "Teil")}, "doubtful", id="two reports of the day"
        ),
        pytest.param(
            {"end_to_end_id": "RENT"},
            {"end_to_end_id": "RENT", "booked_on": DAY + timedelta(days=8), "value_on": None},
            "doubtful",
            id="the payer's id a week later",
        ),
        pytest.param({}, {"account": ""}, "doubtful", id="an account that is not told"),
        pytest.param({}, {"account": "000123456789"}, "doubtful", id="an account by another number"),
        pytest.param({}, {"amount": Decimal("400.01")}, "another", id="another amount"),
        pytest.param({}, {"currency": "CHF"}, "another", id="another currency"),
        pytest.param({}, {"sign": Sign.DEBIT}, "another", id="the other direction"),
        pytest.param({}, {"account": "DE02120300000000202051"}, "another", id="another account"),
        pytest.param(
            {"account": "1"}, {"account": "2", "form": "052"}, "another", id="another account's number"
        ),
        pytest.param({}, {"debtor": "Zwo GmbH"}, "another", id="another payer"),
        pytest.param(
            {"debtor_iban": IBAN},
            {"debtor_iban": "DE89370400440532013000"},
            "another",
            id="another payer's account",
        ),
        pytest.param(
            {"end_to_end_id": "E-1"}, {"end_to_end_id": "E-2"}, "another", id="another id of the payer"
        ),
        pytest.param(
            {"bank_reference": "S1"},
            {"bank_reference": "S2", "form": "052"},
            "another",
            id="two references in a form",
        ),
        pytest.param({}, {"form": "052", **LATER}, "another", id="the next day in the same form"),
        pytest.param(
            {"end_to_end_id": "RENT"},
            {"end_to_end_id": "RENT", "form": "052", **LATER},
            "another",
            id="the payer's id the next day, same form",
        ),
        pytest.param(
            {}, {"booked_on": DAY + timedelta(days=7), "value_on": None}, "another", id="a week later"
        ),
        pytest.param(
            {"bank_reference": "S1"},
            {"bank_reference": "S1", "booked_on": DAY + timedelta(days=31), "value_on": None},
            "another",
            id="a reference used again",
        ),
    ],
)
def test_what_two_tellings_are(first: dict[str, object], second: dict[str, object], expected: str) -> None:
    told, line = replace(REPORT, **first), again(**second)  # type: ignore[arg-type]
    assert verdict(line, told) == expected
    # Whichever came first: what is known of two lines does not hang on their order.
    assert verdict(replace(told, line_id="second"), replace(line, line_id="first")) == expected


def test_two_transfers_of_one_day_are_two_in_every_form() -> None:
    report = [replace(REPORT, line_id=f"bank-r{each}") for each in range(2)]
    assert told_before(report, []) == Repeats({}, {})
    statement = [again(line_id=f"bank-s{each}", debtor="RATE GMBH") for each in range(3)]
    found = told_before(statement, kept(*report), {line.line_id for line in statement})
    assert sorted(found.same.values()) == [("bank-r0",), ("bank-r1",)]
    assert found.doubtful == {}


def test_each_is_paired_with_what_it_is_most_like() -> None:
    report = [
        replace(REPORT, line_id="bank-a", texts=("XX-1001",)),
        replace(REPORT, line_id="bank-b", texts=("XX-1002",)),
    ]
    statement = [again(line_id="bank-2", texts=("XX-1002",)), again(line_id="bank-1", texts=("XX-1001",))]
    assert told_before(statement, kept(*report)).same == {"bank-1": ("bank-a",), "bank-2": ("bank-b",)}
    # The second transfer of the day, of which the report did not know yet.
    assert told_before(statement, kept(report[0])) == Repeats({"bank-1": ("bank-a",)}, {})


def test_a_third_telling_counts_once_as_well() -> None:
    statement = again(bank_reference="S1")
    table = replace(REPORT, line_id="bank-csv-1", form="CSV", debtor=None, debtor_iban=None)
    before = [*kept(REPORT), *kept(statement, stands_for=["bank-052"])]
    assert told_before([table], before).same == {"bank-csv-1": ("bank-052",)}
    # The next day's transfer is another one: the same form told of the first already.
    assert told_before([again(line_id="bank-next", **LATER)], before) == Repeats({}, {})


def test_what_this_file_tells_of_already_is_repeated_by_no_other_line_of_it() -> None:
    statement = again(bank_reference="S1")
    before = [*kept(REPORT), *kept(statement, stands_for=["bank-052"])]
    second = again(line_id="bank-second", texts=("XX-1001 Teil",))
    assert told_before([second], before, {"bank-053", "bank-second"}) == Repeats({}, {})


def test_a_bundle_that_a_third_telling_splits_again() -> None:
    parts = [
        replace(REPORT, line_id=f"bank-{amount}", amount=Decimal(amount), bank_reference="B-1", debtor=name)
        for amount, name in (("250", "A"), ("150", "B"))
    ]
    whole = again(bank_reference="B-1", debtor=None, texts=())
    assert told_before([whole], kept(*parts)).same == {"bank-053": ("bank-250", "bank-150")}
    before = [*kept(*parts), *kept(whole, stands_for=["bank-250", "bank-150"])]
    third = [replace(part, line_id=f"csv-{part.line_id}", form="054", bank_reference=None) for part in parts]
    assert told_before(third, before).same == {
        "csv-bank-250": ("bank-250",), "csv-bank-150": ("bank-150",),
    }  # fmt: skip


def test_a_doubtful_line_books_nothing_and_names_the_invoices_that_wait() -> None:
    invoice = OpenInvoice("id-1", "XX-1001", "RATE", DAY, Money.parse("1000.00", "EUR"))
    items = OpenItems([invoice], [Payer("RATE", ("Rate GmbH",))])
    for _ in range(2):
        booking = doubtful(again(), "bank-052", items)
        assert (booking.outcome, booking.customer_id, booking.pauses, booking.allocations) == (
            LineOutcome.UNMATCHED, "RATE", ("id-1",), {},
        )  # fmt: skip
    assert "it may be the same money as bank-052" in booking.why
    assert doubtful(again(sign=Sign.DEBIT), "bank-1", items).outcome is LineOutcome.IGNORED
    back = doubtful(again(sign=Sign.DEBIT, comes_back=True), "bank-1", items)
    assert (back.outcome, back.pauses) == (LineOutcome.UNMATCHED, ())


_SAID = st.fixed_dictionaries(
    {
        "bank_reference": st.sampled_from([None, "S1", "S2"]),
        "end_to_end_id": st.sampled_from([None, "E-1", "E-2"]),
        "debtor": st.sampled_from([None, "Rate GmbH", "RATE GMBH", "Zwo GmbH"]),
        "texts": st.sampled_from([(), ("XX-1001",), ("XX-10", "01"), ("XX-1002",)]),
        "booked_on": st.sampled_from([None, DAY, DAY + timedelta(days=1)]),
        "form": st.sampled_from(["052", "053", "CSV"]),
    }
)


@given(st.lists(_SAID, max_size=5), st.lists(_SAID, max_size=5))
def test_each_telling_stands_for_one(first: list[dict[str, object]], second: list[dict[str, object]]) -> None:
    told = [replace(REPORT, line_id=f"bank-{at}", **each) for at, each in enumerate(first)]  # type: ignore[arg-type]
    lines = [again(line_id=f"new-{at}", **each) for at, each in enumerate(second)]
    found = told_before(lines, kept(*told))
    used = [line_id for ids in found.same.values() for line_id in ids] + list(found.doubtful.values())
    assert len(used) == len(set(used))
    assert not found.same.keys() & found.doubtful.keys()


def test_many_payments_of_one_amount_are_compared_in_seconds() -> None:
    """A price that thousands pay: each is told of again, under another reference."""
    count = 5_000
    days = [DAY + timedelta(days=at % 10) for at in range(count)]
    told = [
        replace(REPORT, line_id=f"bank-{at}", texts=(f"XX-{at:05}",), debtor=f"Firm{at}", booked_on=on, value_on=on)
        for at, on in enumerate(days)
    ]  # fmt: skip
    lines = [replace(each, line_id=f"s-{each.line_id}", form="053", bank_reference="S") for each in told]
    began = process_time()
    found = told_before(lines, kept(*told))
    assert found.same == {f"s-{each.line_id}": (each.line_id,) for each in told}
    assert process_time() - began < 30
