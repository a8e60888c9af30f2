"""What columns say is paid, left or no claim: names and words of ledgers, and what cannot all be true."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.files.csv_text import fields_of
from domain.files.paid_columns import (
    KNOWN_NAMES,
    Contradiction,
    Standing,
    Status,
    Sum,
    compact,
    denies_a_claim,
    left_to_pay,
    mark_of,
    may_be_told,
    may_tell,
    no_claim_of,
    split_currency,
    status_of,
    together,
)
from domain.money import Money

FIELD_OF = fields_of(KNOWN_NAMES, {}, compact)
OF_1000 = Money(100_000, "EUR")


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("amount_paid", ["amount_paid", "paid", "PAID", "Amount Paid", "AmountPaid", "InvoiceAmountPaid", "amount-paid",
                         "Paid (EUR)", "Paid to date", "Payments received", "Total paid", "is_paid",
                         "bezahlt", "Bezahlter Betrag", "gezahlt", "Montant payé", "déjà réglé", "Importe pagado",
                         "cobrado", "Valor pago", "Valor recebido", "Montante pago"]),
        ("balance", ["balance", "Balance", "AmountDue", "amount_due", "Amount due", "InvoiceAmountDue", "Open balance",
                     "open amount", "outstanding", "Outstanding", "Balance Due", "Amount Remaining", "amount_residual",
                     "Remaining balance", "Unpaid", "O/S amount", "Balance in EUR",
                     "offen", "Offener Betrag", "Restbetrag", "Noch offen", "Saldo", "Ausstehend",
                     "Solde", "Solde dû", "Reste à payer", "Montant dû", "Saldo pendiente", "Importe pendiente",
                     "Em aberto", "Valor em aberto", "Saldo devedor"]),
        ("status", ["status", "Status", "Invoice Status", "payment_status", "Zahlungsstatus", "Statut", "Estado"]),
        ("credited", ["credited", "Amount credited", "Credits applied"]),
        ("paid_on", ["paid_on", "Date Paid", "Last payment date", "Bezahlt am", "Fecha de pago"]),
    ],
)  # fmt: skip
def test_the_names_of_ledgers(field: str, names: list[str]) -> None:
    assert {name: FIELD_OF.get(compact(name)) for name in names} == dict.fromkeys(names, field)


def test_no_name_is_two_things() -> None:
    names = [name for names in KNOWN_NAMES.values() for name in names]
    assert len(names) == len(set(names))
    assert all(compact(name) == name for name in names)


def test_a_name_may_say_a_currency() -> None:
    assert split_currency("Balance (USD)") == ("Balance", "USD")
    assert split_currency("Balance [€]") == ("Balance", "EUR")
    assert split_currency("Balance ($)") == ("Balance", None)
    assert split_currency("Offen in CHF") == ("Offen", "CHF")
    assert split_currency("Paid in full") == ("Paid in full", None)


@pytest.mark.parametrize(
    "name",
    ["Net outstanding", "balance_eur", "Balance (home currency)", "StillToPay", "due", "left", "unpaid_part",
     "Restschuld offen", "Anzahlung", "paid_usd", "Payments", "Overdue amount", "account_balance", "past_due_amount",
     "Net à payer", "Last payment amount", "Receipts", "Cash received", "Applied", "Deposits", "Write-off",
     "Percent paid", "Paid %", "Restschuld", "Zahlungseingänge", "Encaissements", "Restante", "Resta por pagar",
     "Recebimentos", "Do zapłaty", "Uhrazeno", "Betalt", "Оплачено"],
)  # fmt: skip
def test_names_that_may_tell(name: str) -> None:
    assert compact(name) not in FIELD_OF
    assert may_tell(name)


@pytest.mark.parametrize("name", ["cost centre", "days past due", "due in days", "payment terms", "colour", "memo",
                                  "paid invoices count", "invoice total", "credit limit", "payment reference",
                                  "past_due", "overdue", "payment method", "tax %", "Date received",
                                  "discount percent"])  # fmt: skip
def test_names_that_do_not(name: str) -> None:
    assert not may_tell(name)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.PAID, ["Paid", "PAID", "paid in full", "Fully Paid", "Closed", "Paid on 12/01/2026", "bezahlt",
                       "Bezahlt am 3.11.2026", "Payée", "réglé", "Pagada", "cobrado", "Paga", "Deposited",
                       "Paid late", "In Payment"]),
        (Status.PART_PAID, ["partially paid", "Part paid", "PartiallyPaid", "PARTIALLY_PAID", "Partial",
                            "Partially paid, due in 12 days", "teilbezahlt", "Teilweise bezahlt",
                            "partiellement payée", "Pago parcial", "Parcialmente paga"]),
        (Status.OPEN, ["open", "Overdue", "Overdue 30 days", "Due in 5 days", "Awaiting Payment", "unpaid", "Not paid",
                       "Sent - overdue", "offen", "Überfällig seit 5 Tagen", "nicht bezahlt", "impayée", "En retard",
                       "pendiente de pago", "Vencida", "Em aberto", "vencido"]),
        (Status.ISSUED, ["Sent", "viewed", "Authorised", "posted", "Approved", "versendet", "emitida"]),
        (Status.DRAFT, ["Draft", "DRAFT", "Entwurf", "brouillon", "Borrador", "rascunho", "Awaiting approval",
                        "Pro forma"]),
        (Status.VOID, ["Void", "Voided", "Cancelled", "canceled", "Deleted", "storniert", "Annulée", "anulada",
                       "Cancelado", "uncollectible", "Written off"]),
    ],
)  # fmt: skip
def test_the_words_of_ledgers(status: Status, words: list[str]) -> None:
    assert {word: status_of(word) for word in words} == dict.fromkeys(words, status)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "200",
        "disputed",
        "Paid, but disputed",
        "paid unpaid",
        "Paid draft",
        "pending",
        "400.00",
    ],
)
def test_what_nobody_knows_is_no_status(text: str) -> None:
    assert status_of(text) is None


def test_marks() -> None:
    assert mark_of("amount_paid", "paid", "yes") is Status.PAID
    assert mark_of("amount_paid", "paid", "FALSE") is Status.OPEN
    assert mark_of("balance", "Offen", "Ja") is Status.OPEN
    assert mark_of("balance", "open", "no") is Status.PAID
    assert mark_of("amount_paid", "is_paid", "1") is Status.PAID
    assert mark_of("amount_paid", "paid", "1") is None
    assert mark_of("amount_paid", "paid", "400.00") is None
    assert mark_of("amount_paid", "paid", "partly paid") is Status.PART_PAID


@pytest.mark.parametrize(
    ("column", "text", "status"),
    [
        ("Void", "Yes", Status.VOID),
        ("is_cancelled", "1", Status.VOID),
        ("Storniert", "x", Status.VOID),
        ("Voided at", "2026-11-03T10:00:00Z", Status.VOID),
        ("cancelledOn", "3.11.2026", Status.VOID),
        ("Draft", "TRUE", Status.DRAFT),
        ("Void", "no", Status.ISSUED),
        ("Written off", "0.00", Status.ISSUED),
        ("Written off", "400.00", None),
        ("Remarks", "yes", None),
    ],
)
def test_a_column_may_be_named_after_what_is_no_claim(column: str, text: str, status: Status | None) -> None:
    assert no_claim_of(column, text) is status


def test_cells_that_deny_a_claim_whatever_their_column() -> None:
    denied = [
        "Paid",
        "bezahlt am 3.11.2026",
        "VOID",
        "Draft",
        "Credit note",
        "Gutschrift",
        "ACCRECCREDIT",
        "Payment",
    ]
    assert all(map(denies_a_claim, denied))
    others = [
        "",
        "Invoice",
        "Overdue",
        "net 30",
        "Payment terms 30 days",
        "will be paid on Friday",
        "payment overdue",
    ]
    assert not any(map(denies_a_claim, others))


def test_cells_that_may_tell() -> None:
    assert all(map(may_be_told, ["400.00", "1.234,56", "€ 5", "5 EUR", "0", "yes", "open", "-3.00"]))
    others = ["", "2026-11-01", "01.11.2026", "1/11/2026", "Ann Payne", "net 30 days from invoice"]
    assert not any(map(may_be_told, others))


def sums(**told: int) -> dict[str, Sum]:
    return {name: Sum(name, Money(minor * 100, "EUR")) for name, minor in told.items()}


def standing(status: Status | None) -> Standing | None:
    return None if status is None else Standing("status", status.value, status)


@pytest.mark.parametrize(
    ("told", "status", "left"),
    [
        ({}, None, 1000),
        ({}, Status.ISSUED, 1000),
        ({}, Status.OPEN, 1000),
        ({}, Status.PAID, 0),
        ({"amount_paid": 0}, None, 1000),
        ({"amount_paid": 400}, None, 600),
        ({"amount_paid": 1000}, None, 0),
        ({"amount_paid": 400}, Status.PART_PAID, 600),
        ({"amount_paid": 400}, Status.OPEN, 600),
        ({"balance": 600}, None, 600),
        ({"balance": 600}, Status.ISSUED, 600),
        ({"balance": 600}, Status.PART_PAID, 600),
        ({"balance": 0}, None, 0),
        ({"balance": 0}, Status.ISSUED, 0),
        ({"balance": 0}, Status.PAID, 0),
        ({"amount_paid": 400, "balance": 600}, None, 600),
        ({"amount_paid": 300, "credited": 100, "balance": 600}, None, 600),
        ({"credited": 100}, None, 900),
        ({"amount_paid": 980, "balance": 0}, Status.PAID, 0),  # a discount was taken
        ({"amount_paid": -400, "balance": 600}, None, 600),  # some ledgers write what came with a minus
    ],
)
def test_what_is_left(told: dict[str, int], status: Status | None, left: int) -> None:
    assert left_to_pay(OF_1000, sums(**told), standing(status)) == Money(left * 100, "EUR")


@pytest.mark.parametrize(
    ("told", "status", "column"),
    [
        ({"amount_paid": 400, "balance": 700}, None, "balance"),
        ({"amount_paid": 400, "balance": 500}, None, "balance"),
        ({"amount_paid": 400, "balance": 0}, None, "balance"),
        ({"amount_paid": 400, "credited": 100, "balance": 600}, None, "balance"),
        ({"balance": 1100}, None, "balance"),
        ({"balance": -1}, None, "balance"),
        ({"amount_paid": 1001}, None, "amount_paid"),
        ({"amount_paid": -400}, None, "amount_paid"),
        ({"amount_paid": -400, "balance": 1000}, None, "amount_paid"),
        ({"amount_paid": 700, "credited": 700}, None, "credited"),
        ({"balance": 600}, Status.PAID, "status"),
        ({"amount_paid": 0}, Status.PAID, "status"),
        ({"balance": 0}, Status.OPEN, "status"),
        ({"amount_paid": 1000}, Status.OPEN, "status"),
        ({}, Status.PART_PAID, "status"),
        ({"balance": 1000}, Status.PART_PAID, "status"),
        ({"balance": 0}, Status.PART_PAID, "status"),
    ],
)
def test_what_cannot_all_be_true(told: dict[str, int], status: Status | None, column: str) -> None:
    with pytest.raises(Contradiction, match=r"correct|add amount_paid") as refused:
        left_to_pay(OF_1000, sums(**told), standing(status))
    assert refused.value.column == column


@given(
    st.dictionaries(st.sampled_from(["amount_paid", "credited", "balance"]), st.integers(-1200, 1200)),
    st.sampled_from([None, Status.OPEN, Status.PART_PAID, Status.PAID, Status.ISSUED]),
)
def test_never_more_than_the_amount_and_never_against_a_column(
    told: dict[str, int], status: Status | None
) -> None:
    try:
        left = left_to_pay(OF_1000, sums(**told), standing(status))
    except Contradiction:
        return
    assert 0 <= left.minor <= OF_1000.minor
    if "balance" in told:
        assert left == Money(told["balance"] * 100, "EUR")
    if status is Status.PAID:
        assert not left
    if status in (Status.OPEN, Status.PART_PAID):
        assert left


def test_several_columns_say_one_thing_or_contradict_each_other() -> None:
    never = {frozenset(pair) for pair in (
        (Status.PAID, Status.OPEN), (Status.PAID, Status.PART_PAID), (Status.PAID, Status.VOID),
        (Status.PAID, Status.DRAFT), (Status.PART_PAID, Status.VOID), (Status.PART_PAID, Status.DRAFT),
    )}  # fmt: skip
    for one, other in product(Status, Status):
        told = [Standing("state", one.value, one), Standing("paid", other.value, other)]
        if {one, other} in never:
            with pytest.raises(Contradiction, match="state says"):
                together(told)
        else:
            together(told)
    posted, draft, unpaid = (
        Standing("s", each.value, each) for each in (Status.ISSUED, Status.DRAFT, Status.OPEN)
    )
    assert together([posted, unpaid]) == unpaid
    assert together([draft, unpaid]) == draft
    assert together([]) is None
