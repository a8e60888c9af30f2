"""Numbers in what a payer wrote: the longest at a place, whole references, no dates, cut lines, and else a person."""

from __future__ import annotations

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cash.cash_application import Applied, Incoming, OpenInvoice, OpenItems, Payer, Unmatched
from domain.money import Money


def eur(amount: str) -> Money:
    return Money.parse(amount, "EUR")


#: Number, customer, balance.
OWED = (
    ("RE-2026-100", "ALPHA", "900.00"), ("RE-2026-100-1", "ALPHA", "500.00"), ("RE-2026-1001", "BETA", "300.00"),
    ("RE-2026-10", "GAMMA", "700.00"), ("RE-2026-1005", "GAMMA", "400.00"),
    ("A-7781", "DELTA", "700.00"), ("A-7781-2", "DELTA", "250.00"),
    ("INV-20", "EPS", "100.00"), ("INV-2010", "EPS", "100.00"),
    ("INV-30", "ZETA", "100.00"), ("INV-3010", "ZETA", "100.00"),
    ("B-5500", "ETA", "700.00"), ("B-5500-3", "ETA", "250.00"),
    ("D-9001", "THETA", "700.00"), ("E-40010", "IOTA", "210.00"), ("E-4001", "KAPPA", "333.00"),
    ("RE-2026-00123", "LAM", "611.00"), ("RE-2026-001", "MY", "612.00"), ("F-100", "NY", "612.00"),
    ("INV-1001", "ACME", "250.00"), ("INV-1002", "ACME", "100.00"), ("INV-1003", "ACME", "75.50"),
    ("INV-2001", "BOLT", "75.50"), ("2027/0017", "BOLT", "480.00"), ("RE2026100042", "CORE", "42.00"),
    ("2026-11-05", "CORE", "55.00"), ("RE-2026-11-06", "CORE", "66.00"), ("11/2026", "CORE", "77.00"),
    ("G-1-11", "G1", "10.00"), ("G-11-1", "G2", "20.00"),
)  # fmt: skip
PAYERS = [Payer(customer, (f"{customer.title()} GmbH",)) for _, customer, _ in OWED]


def items(*left_out: str) -> OpenItems:
    """The open invoices, but for those left out."""
    return OpenItems(
        (
            OpenInvoice(number, number, customer, date(2026, 11, 1), eur(amount))
            for number, customer, amount in OWED
            if number not in left_out
        ),
        PAYERS,
    )


def told(amount: str, text: str, payer: str = "", end_to_end_id: str = "") -> Incoming:
    """A payment; `|` ends a line of its text, and a text after `=` is a structured reference."""
    reference = (text[1:],) if text.startswith("=") else ()
    lines = () if reference else tuple(text.split("|"))
    return Incoming(eur(amount), reference, lines, payer or None, end_to_end_id=end_to_end_id or None)


@pytest.mark.parametrize(
    ("amount", "text", "expected"),
    [
        # The longest number at a place
        ("500.00", "RE-2026-100-1", "RE-2026-100-1"),
        ("480.00", "RE-2026-100-1", "RE-2026-100-1"),
        ("900.00", "RE-2026-100", "RE-2026-100"),
        ("250.00", "Rechnung A-7781-2", "A-7781-2"),
        ("700.00", "Rechnung A-7781-2", "A-7781-2"),
        ("240.00", "A-7781-2, danke", "A-7781-2"),
        ("250.00", "A 7781 2", "A-7781-2"),
        ("700.00", "A-7781 2. Mahnung", "A-7781"),
        ("250.00", "a7781_2", "A-7781-2"),
        ("250.00", "A/7781/2", "A-7781-2"),
        ("250.00", "A\N{EN DASH}7781\N{EN DASH}2", "A-7781-2"),
        ("250.00", "SVWZ+A-7781-2 EREF+NOTPROVIDED", "A-7781-2"),
        ("400.00", "RE-2026-1005", "RE-2026-1005"),
        ("400.00", "RE20261005", "RE-2026-1005"),
        ("250.00", "A77812", "A-7781-2"),
        ("333.00", "E-4001 0 Skonto", "E-4001"),
        ("210.00", "E-40010 Skonto", "E-40010"),
        ("42.00", "RE-2026-100042", "RE2026100042"),
        ("20.00", "G-11-1", "G-11-1"),
        ("10.00", "G 1 11", "G-1-11"),
        # A structured reference
        ("250.00", "=B-5500-3", "B-5500-3"),
        ("700.00", "=B-5500", "B-5500"),
        ("250.00", "=B5500 3", "B-5500-3"),
        ("250.00", "=RF18B55003", "B-5500-3"),
        ("250.00", "=RF18 B550 03", "B-5500-3"),
        ("480.00", "=RF182027 0017", "2027/0017"),
        ("350.00", "=INV-1001 INV-1002", "INV-1002 INV-1001"),
        ("250.00", "=INV-1001 of 05.11.2026", "INV-1001"),
        # Dates and amounts
        ("100.00", "INV-20 10.11.2026", "INV-20"),
        ("100.00", "INV-30 10.11.2026", "INV-30"),
        ("100.00", "INV-30 10.11.26", "INV-30"),
        ("100.00", "INV-30 10.11.", "INV-30"),
        ("100.00", "INV-30 10/11/2026", "INV-30"),
        ("100.00", "INV-30/10.11.2026", "INV-30"),
        ("100.00", "INV-30, 10-11-2026", "INV-30"),
        ("100.00", "INV-30 10 Nov 2026", "INV-30"),
        ("100.00", "INV-30 10. November 2026", "INV-30"),
        ("100.00", "INV 30 10.11.2026", "INV-30"),
        ("100.00", "INV-30|10.11.2026", "INV-30"),
        ("100.00", "INV-30 10.1|1.2026", "INV-30"),
        ("100.00", "INV-30 10.|11.2026", "INV-30"),
        ("100.00", "INV-30 10 11 2026", "INV-30"),
        ("100.00", "INV-30 10:30", "INV-30"),
        ("100.00", "INV-30 10,00 Skonto", "INV-30"),
        ("100.00", "INV-30 10.00", "INV-30"),
        ("55.00", "Rechnung 2026-11-05", "2026-11-05"),
        ("66.00", "RE-2026-11-06", "RE-2026-11-06"),
        ("66.00", "RE 2026-11-06", "RE-2026-11-06"),
        ("77.00", "Rechnung 11/2026", "11/2026"),
        # Cut lines
        ("611.00", "Zahlung fuer Rechnung RE-2026-001|23 vom 05.10.2026", "RE-2026-00123"),
        ("700.00", "Zahlung unserer Verbindlichkeit D-90|01 vom 05.10.2026", "D-9001"),
        ("700.00", "Zahlung D-90 01 vom 05.10.2026", "D-9001"),
        ("250.00", "Rechnung A-7781-|2 danke", "A-7781-2"),
        ("250.00", "Rechnung A-7781|-2 danke", "A-7781-2"),
        ("250.00", "Rechnung IN|V-1001 danke", "INV-1001"),
        ("250.00", "Rechnung INV|1001 danke", "INV-1001"),
        ("250.00", "INV-1001|vom 10.11.2026", "INV-1001"),
        ("240.00", "INV-1001|Kunde 4711", "INV-1001"),
        ("350.00", "INV-1001 und INV-10|02", "INV-1002 INV-1001"),
        # Several numbers
        ("350.00", "INV-1001/INV-1002", "INV-1002 INV-1001"),
        ("350.00", "INV-1001+INV-1002", "INV-1002 INV-1001"),
        ("350.00", "INV-1001|INV-1002", "INV-1002 INV-1001"),
        ("350.00", "INV-1001, 1002", "INV-1002 INV-1001"),
        ("350.00", "INV-1001/1002", "INV-1002 INV-1001"),
        ("350.00", "INV-1001 - INV-1002", "INV-1002 INV-1001"),
        ("750.00", "A-7781-2 RE-2026-100-1 ALPHA", None),
        # Words before a number, and numbers beside it
        ("250.00", "RNr.INV-1001", "INV-1001"),
        ("240.00", "ID:INV-1001", "INV-1001"),
        ("240.00", "/RFB/INV-1001", "INV-1001"),
        ("240.00", "*INV-1001*", "INV-1001"),
        ("240.00", "INV-1001 - 1. Rate", "INV-1001"),
        ("240.00", "INV-1001 / 4711", "INV-1001"),
        ("240.00", "IN\N{SOFT HYPHEN}V-10\N{ZERO WIDTH SPACE}01", "INV-1001"),
        ("250.00", "A-7781 - 2", "A-7781-2"),
        ("350.00", "INV-1001 / 1002", "INV-1002 INV-1001"),
        ("240.00", "Rechnung A-7781-2vom 10.11.2026", "A-7781-2"),
        ("250.00", "Rechnung A-7781-2danke", "A-7781-2"),
        ("240.00", "Rechnung A-7781-2abc", None),
        ("250.00", "Re-INV-1001", "INV-1001"),
        ("250.00", "Kd.-Nr. 2001 INV-1001", "INV-1001"),
        ("90.00", "Kd 1001 INV-1002", "INV-1002"),
        ("480.00", "RE-2027/0017", "2027/0017"),
        ("250.00", "INV-1001/EUR 250.00", "INV-1001"),
        ("250.00", "Rechnung 1001", "INV-1001"),
        ("250.00", "Kd.-Nr. 1001", None),
        ("250.00", "Kundennummer: 1001", None),
        ("250.00", "Order no. 1001", None),
        ("250.00", "PO-1001", None),
        ("250.00", "Kd.-Nr. 4711 Rechnung 1001", "INV-1001"),
        # For a person
        ("250.00", "A-7781-3", None),
        ("700.00", "A-7781-3", None),
        ("700.00", "A-7781/B", None),
        ("700.00", "=B-5500-4", None),
        ("700.00", "=B-5500 4", None),
        ("700.00", "=B-5500 1001", None),
        ("700.00", "XY-B-5500", None),
        *(("250.00", f"E-4001{joined}3", None) for joined in (
            ":", "#", "*", "~", "'", "---", "\N{MINUS SIGN}", "\N{MIDDLE DOT}", "\N{SOFT HYPHEN}-",
            "-\N{ZERO WIDTH SPACE}", " - ", " -", "- ", " / ", " \N{EN DASH} ",
        )),
        ("250.00", "Mitgliedsnummer 1001", None),
        ("240.00", "A-7781 2", None),
        ("600.00", "Rechnung RE-2026-001|23 vom 05.10.2026", None),
        ("612.00", "Rechnung RE-2026-001|23 vom 05.10.2026", None),
        ("650.00", "Zahlung D-90|01 vom 05.10.2026", None),
        ("425.50", "INV-1001 bis INV-1003", None),
        ("425.50", "INV-1001-1003", None),
        ("425.50", "INV-1001 a INV-1003", None),
        ("325.50", "INV-1001 INV-2001", None),
        ("250.00", "INV-1001/2026", None),
        ("15.00", "G111", None),
    ],
)  # fmt: skip
def test_which_number_is_meant(amount: str, text: str, expected: str | None) -> None:
    """Nobody is known to pay it, so that only the text and the amount tell."""
    found = items().apply(told(amount, text))
    if expected is None:
        assert isinstance(found, Unmatched), found
        return
    assert isinstance(found, Applied), found
    assert sorted(invoice_id for invoice_id, _ in found.allocations) == sorted(expected.split())


@pytest.mark.parametrize(
    ("left_out", "amount", "text"),
    [
        ("A-7781-2", "700.00", "Rechnung A-7781-2"),
        ("B-5500-3", "700.00", "=B-5500-3"),
        ("B-5500-3", "700.00", "=B-5500 3"),
        ("RE-2026-100-1", "300.00", "=RE-2026-100-1"),
        ("INV-30", "100.00", "INV-30 10.11.2026"),
        ("INV-30", "100.00", "INV-30/10.11.2026"),
        ("INV-30", "100.00", "INV-30 10.1|1.2026"),
        ("INV-30", "100.00", "INV-30 10.|11.2026"),
        ("INV-30", "100.00", "INV-30 10,00"),
        ("RE-2026-100-1", "300.00", "RE-2026-100-1"),
        ("RE-2026-1001", "500.00", "RE-2026-1001"),
        ("RE-2026-00123", "600.00", "RE-2026-001|23 vom 05.10.2026"),
        ("E-4001", "333.00", "E-4001 0 Skonto"),
    ],
)
def test_an_invoice_is_not_paid_by_a_number_that_only_holds_its_own(
    left_out: str, amount: str, text: str
) -> None:
    """The invoice that is named is not known, or closed long ago."""
    owner = next(customer for number, customer, _ in OWED if number == left_out)
    assert isinstance(items(left_out).apply(told(amount, text)), Unmatched)
    by_payer = items(left_out).apply(told(amount, text, payer=f"{owner.title()} GmbH"))
    if isinstance(by_payer, Applied):
        assert by_payer.why.startswith("the payer's amount is just that of"), by_payer
        assert {invoice_id for invoice_id, _ in by_payer.allocations} == {"INV-3010"}


@pytest.mark.parametrize(
    ("amount", "text", "why", "suggested"),
    [
        ("700.00", "A-7781-3", "only as part of a longer number", ["A-7781"]),
        ("650.00", "D-90|01", "if its number is cut by a blank or a line end", ["D-9001"]),
        (
            "600.00", "RE-2026-001|23 vom", "and the amount does not tell which",
            ["RE-2026-001", "RE-2026-00123"],
        ),
        ("100.00", "INV-30 10", "and the amount does not tell which", ["INV-30", "INV-3010"]),
    ],
)  # fmt: skip
def test_a_person_is_told_what_may_be_meant(amount: str, text: str, why: str, suggested: list[str]) -> None:
    found = items().apply(told(amount, text))
    assert isinstance(found, Unmatched)
    assert found.why == f"{', '.join(suggested)} may be meant, {why}"
    assert sorted(id_ for each in found.suggestions for id_ in each.invoices) == suggested


@pytest.mark.parametrize(
    ("payer", "text", "expected"),
    [
        ("Kappa GmbH", "E-4001 0 Skonto", "E-4001"),
        ("Lam GmbH", "RE-2026-001|23 vom 05.10.2026", None),
        ("Delta GmbH", "A-7781 2", None),
        ("Bolt GmbH", "D-90|01", None),
    ],
)
def test_the_payer_decides_between_readings_where_the_amount_does_not(
    payer: str, text: str, expected: str | None
) -> None:
    found = items().apply(told("200.00", text, payer=payer))
    assert (found.allocations[0][0] if isinstance(found, Applied) else None) == expected


def test_a_number_that_is_in_doubt_is_not_taken_against_the_payer() -> None:
    paid = told("700.00", "D-90|01 vom 05.10.2026", payer="Bolt GmbH")
    assert isinstance(items().apply(paid), Unmatched)


@pytest.mark.parametrize("text", ["2001 Rg 1001", "2001"])
def test_a_common_number_is_not_taken_against_the_payer(text: str) -> None:
    """The amount is that of INV-2001 of another customer, and of the payer's own INV-1003."""
    found = items().apply(told("75.50", text, payer="Acme GmbH"))
    assert isinstance(found, Unmatched)
    assert found.why.endswith("INV-2001 may be meant, and the payer is another customer")


def test_of_several_numbers_those_that_make_up_the_amount_are_paid() -> None:
    found = items().apply(told("250.00", "A-7781-2 (A-7781)"))
    assert isinstance(found, Applied)
    assert found.allocations == (("A-7781-2", eur("250.00")),)
    assert found.why == "named A-7781, A-7781-2, and the amount is just that of A-7781-2"


def test_many_numbers_of_only_digits_are_taken_where_they_make_up_the_amount() -> None:
    invoices = [
        OpenInvoice(f"{at}", f"{at}", "ACME", date(2026, 11, 1), eur("10.00"))
        for at in range(20260001, 20260021)
    ]
    text = tuple(invoice.number for invoice in invoices)
    assert isinstance(OpenItems(invoices).apply(Incoming(eur("200.00"), texts=text)), Applied)
    assert isinstance(OpenItems(invoices).apply(Incoming(eur("190.00"), texts=text)), Unmatched)


def test_the_end_to_end_id_is_no_line_of_the_text() -> None:
    found = items().apply(told("700.00", "Zahlung D-90", end_to_end_id="01"))
    assert isinstance(found, Unmatched)
    assert isinstance(items().apply(told("700.00", "Zahlung", end_to_end_id="D-9001")), Applied)


@given(
    text=st.text(alphabet="AB-/. 0123|\n", max_size=40),
    numbers=st.sets(st.text(alphabet="AB-/. 0123", max_size=9), max_size=6),
)
def test_any_text_is_read(text: str, numbers: set[str]) -> None:
    invoices = [
        OpenInvoice(f"I{at}", number, f"C{at % 3}", date(2026, 11, 1), eur("10.00"))
        for at, number in enumerate(sorted(numbers))
    ]
    for structured in (False, True):
        incoming = Incoming(
            eur("10.00"), (text,) if structured else (), () if structured else tuple(text.split("|"))
        )
        assert isinstance(OpenItems(invoices).apply(incoming), Applied | Unmatched)


@given(st.lists(st.sampled_from(("", " ", "|")), min_size=13, max_size=13))
def test_a_number_cut_anywhere_is_found_by_its_amount(cuts: list[str]) -> None:
    number = "RE-2026-00123"
    text = "".join(f"{char}{cut}" for char, cut in zip(number, cuts, strict=True))
    if text.replace("|", " ").count(" ") > 4:
        return
    found = items("RE-2026-001", "RE-2026-10", "RE-2026-100").apply(told("611.00", f"Rechnung {text}"))
    assert isinstance(found, Applied)
    assert found.allocations == ((number, eur("611.00")),)


def test_a_text_of_a_thousand_numbers_is_read_at_once() -> None:
    invoices = [
        OpenInvoice(f"INV-{at}", f"INV-{at}", "ACME", date(2026, 11, 1), eur("1.00"))
        for at in range(5000, 7000)
    ]
    known = OpenItems(invoices)
    text = " ".join(f"INV-{at}/{at + 1000} 1,00 vom 05.11.2026" for at in range(5000, 6000))
    started = time.process_time()
    found = known.apply(Incoming(eur("2000.00"), texts=(text,)))
    assert isinstance(found, Applied)
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("amount", "text", "meant"),
    [
        ("325.50", "INV-1001 INV-2001", {"INV-1001", "INV-2001"}),
        ("650.00", "D-90|01", {"D-9001"}),
        ("700.00", "A-7781-3", {"A-7781"}),
        ("19.00", "many thanks", set()),
    ],
)
def test_what_may_be_paid_is_known(amount: str, text: str, meant: set[str]) -> None:
    found = items().apply(told(amount, text))
    assert isinstance(found, Unmatched)
    assert set(found.meant) == meant
