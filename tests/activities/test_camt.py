"""Bank statements are read with everything that says whose money it is, or refused with the place and the fix."""

from __future__ import annotations

import json
import os
import time
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from activities.adapters import camt
from activities.adapters.xml_file import LARGEST_FILE, NotReadable
from domain.cash.bank import Sign, Withheld
from domain.cash.bank_booking import LineOutcome, book
from domain.cash.bank_csv import Options
from domain.cash.bank_lines import lines_of
from domain.cash.cash_application import OpenInvoice, OpenItems
from domain.money import Money
from settings import ROOT
from tests.statements import SELLER_IBAN, document, entry, payment, statement

DATA = Path(os.environ.get("DUECOURSE_DATA", ROOT.parent / "shared" / "data")) / "camt"
DAY = "2027-01-15"


def test_a_batch_is_split_and_keeps_what_each_payer_wrote() -> None:
    batch = entry(
        "350.00",
        payment(
            "250.00",
            "Rechnung INV-1001",
            "Danke",
            on=DAY,
            debtor="Acme & Söhne",
            iban="DE02",
            end_to_end="E-1",
        ),
        payment("100.00", on=DAY, debtor="Bolt", reference="RF18INV1002"),
        on=DAY,
        reference="B-1",
    )
    lines, waiting = lines_of(camt.read(statement(batch)))
    assert waiting == 0
    first, second = lines
    assert (first.amount, first.debtor, first.debtor_iban) == (Decimal("250.00"), "Acme & Söhne", "DE02")
    assert (first.texts, first.end_to_end_id) == (("Rechnung INV-1001", "Danke"), "E-1")
    assert (second.amount, second.references, second.end_to_end_id) == (
        Decimal("100.00"),
        ("RF18INV1002",),
        None,
    )
    assert {line.account for line in lines} == {SELLER_IBAN}
    assert first.line_id != second.line_id


def test_a_bundle_without_its_payments_is_for_a_person() -> None:
    told = entry("350.00", "<Btch><NbOfTxs>3</NbOfTxs></Btch>", on=DAY, reference="B-1")
    [line] = lines_of(camt.read(statement(told)))[0]
    assert line.problem == ("it bundles 3 payments and does not tell of each: ask the bank for its details")
    alone = entry("350.00", "<Btch><NbOfTxs>1</NbOfTxs></Btch>", on=DAY, reference="B-1")
    assert lines_of(camt.read(statement(alone)))[0][0].problem is None


@pytest.mark.parametrize("amount", ["350.00", "250.00"])
def test_a_bundle_that_tells_of_one_of_its_payments_is_for_a_person(amount: str) -> None:
    """The rest of it would be booked for the payer of the one."""
    batch = "<Btch><NbOfTxs>2</NbOfTxs></Btch>"
    told = entry("350.00", batch, payment(amount, "INV-1001", on=DAY), on=DAY, reference="B-1")
    [line] = lines_of(camt.read(statement(told)))[0]
    invoice = OpenInvoice("INV-1001", "INV-1001", "ACME", date(2027, 1, 1), Money.parse("500.00", "USD"))
    booking = book(line, OpenItems([invoice]), lambda _: ())
    assert (booking.outcome, booking.allocations) == (LineOutcome.UNMATCHED, {})
    assert booking.why == "it bundles 2 payments and tells of one: ask the bank for its details"
    assert booking.pauses == ("INV-1001",)


def test_what_stands_elsewhere_is_read_too() -> None:
    told = (
        payment("10.00", on=DAY)
        .replace("</TxDtls>", "<AddtlTxInf>INV-1001</AddtlTxInf></TxDtls>")
        .replace(
            "<RltdPties>",
            "<RltdPties><Dbtr><Agt><FinInstnId><Nm>Payments plc</Nm></FinInstnId></Agt></Dbtr>"
            "<DbtrAcct><Id><Othr><Id>000123</Id></Othr></Id></DbtrAcct>",
        )
    )
    [line] = lines_of(camt.read(statement(entry("10.00", told, on=DAY, reference="B-1"))))[0]
    assert (line.texts, line.debtor, line.debtor_iban) == (("INV-1001",), "Payments plc", "000123")


def block(number: str, *amounts: str, kind: str = "CINV") -> str:
    return (
        f"<Strd><RfrdDocInf><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Nb>{number}</Nb></RfrdDocInf>"
        f"<RfrdDocAmt>{''.join(amounts)}</RfrdDocAmt></Strd>"
    )


def amount(kind: str, money: str, inside: str = "", currency: str = "USD") -> str:
    told = f'<Amt Ccy="{currency}">{money}</Amt>' if inside else money
    return f"<{kind}>{inside}{told}</{kind}>" if inside else f'<{kind} Ccy="{currency}">{told}</{kind}>'


def test_what_is_paid_of_each_document_is_read_as_the_versions_write_it() -> None:
    blocks = (
        block(
            "INV-1",
            amount("DuePyblAmt", "100.00"),
            amount("DscntApldAmt", "2.00"),
            amount("RmtdAmt", "98.00"),
        ),
        block("INV-2", amount("DscntApldAmt", "1.00", "<Tp><Cd>APDS</Cd></Tp>"), amount("RmtdAmt", "49.00")),
        block(
            "INV-3",
            '<AdjstmntAmtAndRsn><Amt Ccy="USD">5.00</Amt><Rsn>FRT</Rsn><AddtlInf>freight</AddtlInf>'
            "</AdjstmntAmtAndRsn>",
            amount("RmtdAmt", "20.00"),
        ),
        block("CN-4", amount("CdtNoteAmt", "7.00"), kind="CREN"),
        block("INV-5", amount("RmtdAmt", "1,00")),
        block("INV-6", amount("RmtdAmt", "1.00"), amount("DuePyblAmt", "1.00", currency="EUR")),
        block("INV-7", '<RmtdAmt Ccy="USD"/>'),
    )
    told = payment("160.00", on=DAY).replace("<RmtInf>", f"<RmtInf>{''.join(blocks)}")
    [line] = lines_of(camt.read(statement(entry("160.00", told, on=DAY, reference="B-1"))))[0]
    first, second, third, note, unreadable, mixed, empty = line.documents
    assert (first.numbers, first.currency, first.remitted, first.due) == (
        ("INV-1",), "USD", Decimal("98.00"), Decimal("100.00"),
    )  # fmt: skip
    assert first.withheld == (Withheld(Decimal("2.00"), "discount", discount=True),)
    assert second.withheld == (Withheld(Decimal("1.00"), "discount", discount=True),)
    assert third.withheld == (Withheld(Decimal("5.00"), "adjustment: FRT: freight"),)
    assert (note.is_credit_note, note.remitted, note.withheld) == (True, Decimal("7.00"), ())
    assert unreadable.problem == "<RmtdAmt> is '1,00', not an amount"
    assert mixed.problem == "its amounts are in EUR and USD"
    assert (empty.remitted, empty.problem) == (None, None)


SENT, CHARGE = "<AmtDtls><InstdAmt>{}</InstdAmt></AmtDtls>", "<Chrgs>{}</Chrgs>"


def usd(money: str, currency: str = "USD") -> str:
    return f'<Amt Ccy="{currency}">{money}</Amt>'


@pytest.mark.parametrize(
    ("details", "kept"),
    [
        (SENT.format(usd("100.00")), "10.00"),
        (SENT.format(usd("90.00")) + CHARGE.format(usd("3.00")), "0.00"),
        (SENT.format(usd("100.00", "EUR")), "0"),
        (CHARGE.format(usd("4.00")) + CHARGE.format(usd("6.00")), "10.00"),
        (CHARGE.format('<TtlChrgsAndTaxAmt Ccy="USD">10.00</TtlChrgsAndTaxAmt>'), "10.00"),
        (CHARGE.format(f"<Rcrd>{usd('6.00')}</Rcrd><Rcrd>{usd('4.00')}</Rcrd>"), "10.00"),
        (CHARGE.format(f"{usd('10.00')}<CdtDbtInd>CRDT</CdtDbtInd>"), "0"),
        (CHARGE.format(usd("")), "0"),
    ],
)
def test_what_banks_kept_is_read(details: str, kept: str) -> None:
    told = payment("90.00", on=DAY).replace("<RltdPties>", f"{details}<RltdPties>")
    [line] = lines_of(camt.read(statement(entry("90.00", told, on=DAY, reference="B-1"))))[0]
    assert (line.amount, line.kept_by_banks) == (Decimal("90.00"), Decimal(kept))


def test_what_banks_kept_may_stand_in_the_entry() -> None:
    charges = '<Chrgs><Rcrd><Amt Ccy="USD">26.00</Amt></Rcrd></Chrgs>'
    one, other = (payment(amount, on=DAY) for amount in ("974.00", "26.00"))
    kept = []
    for details in ((one,), (one, other)):
        amount = "974.00" if len(details) == 1 else "1000.00"
        told = entry(amount, f"</NtryDtls>{charges}<NtryDtls>", *details, on=DAY, reference="B-1")
        kept.append([line.kept_by_banks for line in lines_of(camt.read(statement(told)))[0]])
    assert kept == [[Decimal("26.00")], [Decimal(0), Decimal(0)]]


def test_a_batch_whose_payments_are_told_before_charges() -> None:
    charges = '<Chrgs><Amt Ccy="USD">10.00</Amt></Chrgs><RltdPties>'
    first = payment("100.00", on=DAY, end_to_end="E-1").replace("<RltdPties>", charges)
    told = entry("140.00", first, payment("50.00", on=DAY, end_to_end="E-2"), on=DAY, reference="B-1")
    lines = lines_of(camt.read(statement(told)))[0]
    assert [(line.amount, line.kept_by_banks, line.problem) for line in lines] == [
        (Decimal("90.00"), Decimal("10.00"), None),
        (Decimal("50.00"), Decimal(0), None),
    ]


def test_an_id_of_a_book_is_cut() -> None:
    told = payment("10.00", on=DAY, end_to_end="E" * 100_000, iban="I" * 100_000)
    [line] = lines_of(camt.read(statement(entry("10.00", told, on=DAY, reference="R" * 100_000))))[0]
    assert {len(text or "") for text in (line.end_to_end_id, line.debtor_iban, line.bank_reference)} == {140}


def test_a_payment_has_one_id_in_report_notification_and_statement() -> None:
    told = entry("10.00", payment("10.00", "INV-1", on=DAY), on=DAY, reference="B-1")
    ids = {
        lines_of(camt.read(statement(told, id_=f"{kind}-{version}", kind=kind, version=version)))[0][
            0
        ].line_id
        for kind in ("052", "053", "054")
        for version in (2, 4, 8)
    }
    assert len(ids) == 1


def test_two_payments_that_are_all_alike_are_two() -> None:
    same = payment("10.00", "INV-1", on=DAY)
    lines, _ = lines_of(camt.read(statement(entry("20.00", same, same, on=DAY, reference="B-1"))))
    assert len({line.line_id for line in lines}) == 2


def test_what_the_bank_has_not_booked_is_left_for_its_statement() -> None:
    pending = entry("10.00", payment("10.00", on=DAY), on=DAY, reference="B-1", status="PDNG")
    lines, waiting = lines_of(camt.read(statement(pending, kind="052")))
    assert (lines, waiting) == ([], 1)


def test_a_return_names_its_reason() -> None:
    back = payment("10.00", on=DAY, end_to_end="E-1", returned="AC04")
    [line] = lines_of(camt.read(statement(entry("10.00", back, on=DAY, reference="B-2", sign="DBIT"))))[0]
    assert (line.sign, line.comes_back, line.return_reason) == (Sign.DEBIT, True, "AC04")
    [paid] = lines_of(camt.read(statement(entry("10.00", on=DAY, reference="B-3", sign="DBIT"))))[0]
    assert not paid.comes_back


@pytest.mark.parametrize(
    ("reversal", "returned", "reason"),
    [(True, "", ""), (False, "AC04", " (AC04)"), (True, "AM04", " (AM04)")],
)
def test_money_of_our_own_that_comes_back_pays_no_invoice(reversal: bool, returned: str, reason: str) -> None:
    """A refund that could not be delivered, or a debit that the bank took back."""
    back = payment("10.00", "Refund INV-1001", on=DAY, returned=returned)
    told = entry("10.00", back, on=DAY, reference="B-2", reversal=reversal)
    [line] = lines_of(camt.read(statement(told)))[0]
    invoice = OpenInvoice("INV-1001", "INV-1001", "ACME", date(2027, 1, 1), Money.parse("10.00", "USD"))
    booking = book(line, OpenItems([invoice]), lambda _: ())
    assert (booking.outcome, booking.allocations) == (LineOutcome.UNMATCHED, {})
    assert booking.why == f"money of our own came back{reason}: no customer paid it"


@pytest.mark.parametrize(
    "empty",
    [
        pytest.param('<Amt Ccy="USD"/>', id="amount"),
        pytest.param("<Amt/>", id="amount without currency"),
        pytest.param('<AmtDtls><TxAmt><Amt Ccy="USD"> </Amt></TxAmt></AmtDtls>', id="amount of the details"),
        pytest.param('<Amt Ccy="USD"></Amt><CdtDbtInd/>', id="direction"),
    ],
)
def test_an_optional_element_without_a_value_is_as_good_as_none(empty: str) -> None:
    told = f"<TxDtls>{empty}<RmtInf><Ustrd>INV-1</Ustrd></RmtInf></TxDtls>"
    [line] = lines_of(camt.read(statement(entry("10.00", told, on=DAY, reference="B-1"))))[0]
    assert (line.sign, line.money, line.problem) == (Sign.CREDIT, Money.parse("10.00", "USD"), None)
    both = entry("30.00", told, told, on=DAY, reference="B-1")
    assert {line.problem for line in lines_of(camt.read(statement(both)))[0]} == {
        "it bundles 2 payments and does not say how much each of them is"
    }


@pytest.mark.parametrize(
    ("details", "problem"),
    [
        pytest.param(
            (payment("10.00", on=DAY), payment("10.00", on=DAY)),
            "its payments add up to 20.00, the entry says 30.00 USD",
            id="they do not add up",
        ),
        pytest.param(
            ("<TxDtls><Refs/></TxDtls>", "<TxDtls><Refs/></TxDtls>"),
            "it bundles 2 payments and does not say how much each of them is",
            id="no amounts",
        ),
    ],
)
def test_a_batch_that_cannot_be_split_is_for_a_person(details: tuple[str, ...], problem: str) -> None:
    lines, _ = lines_of(camt.read(statement(entry("30.00", *details, on=DAY, reference="B-1"))))
    assert {line.problem for line in lines} == {problem}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "is no well-formed XML", id="nothing"),
        pytest.param(b"invoice_id,amount\n", "is no well-formed XML", id="another format"),
        pytest.param(b"<Document><Stmt>", "is no well-formed XML", id="cut off"),
        pytest.param(b"<Document/>", "<Document> of 'no namespace', not a camt", id="no namespace"),
        pytest.param(document("", kind="055"), "not a camt.052, .053 or .054", id="another message"),
        pytest.param(
            document("<BkToCstmrStmt/>", version=12), "is camt.053 version 12", id="a later version"
        ),
        pytest.param(document("<BkToCstmrStmt/>"), "has no statement (no <Stmt>", id="no statement"),
        pytest.param(document("<Other><Stmt/></Other>"), "has no statement (no <Stmt>", id="something else"),
        pytest.param(statement(entry("1,00", on=DAY, reference="B")), "<Amt> is '1,00'", id="a comma"),
        pytest.param(statement(entry("NaN", on=DAY, reference="B")), "<Amt> is 'NaN'", id="not a number"),
        pytest.param(statement(entry("-5.00", on=DAY, reference="B")), "<Amt> is '-5.00'", id="a sign"),
        pytest.param(
            statement(entry("١٢", on=DAY, reference="B")), "<Amt> is '١٢'", id="digits of another script"
        ),
        pytest.param(
            statement(entry("5", on=DAY, reference="B", currency="usd")),
            "has the currency 'usd'",
            id="a currency",
        ),
        pytest.param(
            statement(entry("5", on=DAY, reference="B", sign="UP")),
            "has the direction 'UP'",
            id="a direction",
        ),
        pytest.param(
            statement(entry("5", on="15.01.2027", reference="B")), "has <BookgDt> '15.01.2027'", id="a date"
        ),
        pytest.param(
            statement(entry("5", on="2027-02-30", reference="B")), "has <BookgDt> '2027-02-30'", id="no day"
        ),
        pytest.param(
            document("<BkToCstmrStmt><Stmt/></BkToCstmrStmt>"),
            "<Stmt> has no <Id>",
            id="a statement without an id",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place(data: bytes, reason: str) -> None:
    with pytest.raises(NotReadable) as refused:
        camt.read(data)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    "declared",
    [
        pytest.param('<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]>', id="an external entity"),
        pytest.param(
            '<!DOCTYPE d [<!ENTITY a "' + "ha" * 50 + '">'
            + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
            + "]>",
            id="a billion laughs",
        ),
        pytest.param('<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd">', id="a declaration elsewhere"),
    ],
)  # fmt: skip
def test_a_declaration_is_not_followed(declared: str) -> None:
    name = declared.split("ENTITY ")[-1][0] if "ENTITY" in declared else "lt"
    began = time.monotonic()
    with pytest.raises(NotReadable):
        camt.read(document(f"<BkToCstmrStmt>&{name};</BkToCstmrStmt>", before=[declared]))
    assert time.monotonic() - began < 5


def test_a_file_that_is_too_large_is_not_read() -> None:
    with pytest.raises(NotReadable, match="has more than 64 MB"):
        camt.read(b" " * (LARGEST_FILE + 1))


def _read_back(path: Path) -> object:
    from commands.files import bank

    return bank._checked(bank._read(path, Options()))


@pytest.mark.skipif(
    not DATA.is_dir(), reason=f"{DATA} is absent: set DUECOURSE_DATA to the folder of the shared data"
)
def test_the_statements_of_real_banks_are_read_as_expected() -> None:
    expected = json.loads((DATA / "expected.json").read_text(encoding="utf-8"))
    assert len(expected) == 16
    for name, told in expected.items():
        refused = ["has no statement (no <Stmt> in <BkToCstmrStmt>): ask the bank for it again"]
        errors = refused if name == "genkgo__camt053.v2.wrong.xml" else []
        assert _read_back(DATA / name) == {**told, "errors": errors}, name
