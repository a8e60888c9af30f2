"""Cash application: one answer is applied with its reason, everything else goes to a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cash.cash_application import (
    Applied,
    Incoming,
    OpenInvoice,
    OpenItems,
    Payer,
    ToldFirst,
    Unmatched,
)
from domain.money import Money


def usd(amount: str) -> Money:
    return Money.parse(amount, "USD")


def owed(number: str, amount: str, customer: str = "ACME", due: date = date(2027, 1, 31)) -> OpenInvoice:
    return OpenInvoice(f"id-{number}", number, customer, due, usd(amount))


INVOICES = (
    owed("INV-1001", "250.00"),
    owed("INV-1002", "100.00", due=date(2027, 1, 10)),
    owed("INV-1003", "75.50", due=date(2027, 2, 10)),
    owed("2027/0017", "500.00", "BOLT"),
    owed("INV-2001", "75.50", "BOLT"),
    owed("7", "19.00", "CORE"),
)
PAYERS = (
    Payer("ACME", ("Acme Ltd", "Acme Limited"), ("DE89370400440532013000",)),
    Payer("BOLT", ("Bolt & Söhne GmbH",)),
    Payer("CORE", ("Twin Inc",)),
    Payer("DUNE", ("Twin Inc",)),
)


NOBODY = "it names no open invoice, and nobody is known to pay from that account or by that name"
NOT_ADDING_UP = "it names no open invoice, and the payer's do not add up to the amount"
IBAN = "DE89 3704 0044 0532 0130 00"


def applied(**told: object) -> Applied | Unmatched:
    return OpenItems(INVOICES, PAYERS).apply(Incoming(**told))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "customer", "allocations", "why"),
    [
        pytest.param(
            {"money": usd("250.00"), "texts": ("Rechnung INV 1001 vom 2.1.",)},
            "ACME", {"id-INV-1001": "250.00"}, "named INV-1001",
            id="the number in a text, written apart",
        ),
        pytest.param(
            {"money": usd("500.00"), "references": ("RF182027 0017",)},
            "BOLT", {"id-2027/0017": "500.00"}, "named 2027/0017",
            id="a creditor reference",
        ),
        pytest.param(
            {"money": usd("350.00"), "texts": ("inv-1001, inv-1002",)},
            "ACME", {"id-INV-1002": "100.00", "id-INV-1001": "250.00"}, "named INV-1002, INV-1001",
            id="two in one payment",
        ),
        pytest.param(
            {"money": usd("120.00"), "texts": ("INV-1001 INV-1002",)},
            "ACME", {"id-INV-1002": "100.00", "id-INV-1001": "20.00"},
            "named INV-1002, INV-1001, 230.00 USD short: the oldest first",
            id="too little for two",
        ),
        pytest.param(
            {"money": usd("240.00"), "texts": ("INV-1001",)},
            "ACME", {"id-INV-1001": "240.00"}, "named INV-1001, 10.00 USD short",
            id="a part payment",
        ),
        pytest.param(
            {"money": usd("260.00"), "texts": ("INV-1001",)},
            "ACME", {"id-INV-1001": "250.00"}, "named INV-1001, 10.00 USD over",
            id="an overpayment",
        ),
        pytest.param(
            {"money": usd("250.00"), "texts": ("INV-1001",), "debtor": "Bolt & Söhne GmbH"},
            "ACME", {"id-INV-1001": "250.00"}, "named INV-1001, paid by another customer",
            id="somebody pays for another",
        ),
        pytest.param(
            {"money": usd("19.00"), "texts": ("Nr. 7",)},
            "CORE", {"id-7": "19.00"}, "named 7",
            id="a short number whose amount agrees",
        ),
        pytest.param(
            {"money": usd("60.00"), "texts": ("1001 and the rest later",), "debtor_iban": IBAN},
            "ACME", {"id-INV-1001": "60.00"}, "named INV-1001, 190.00 USD short",
            id="only the digits, from an account that is known",
        ),
        pytest.param(
            {"money": usd("425.50"), "debtor": "ACME LTD."},
            "ACME", {"id-INV-1002": "100.00", "id-INV-1001": "250.00", "id-INV-1003": "75.50"},
            "the payer's amount is just that of all that the payer owes",
            id="the whole account, by name",
        ),
        pytest.param(
            {"money": usd("175.50"), "debtor_iban": "DE89370400440532013000"},
            "ACME", {"id-INV-1002": "100.00", "id-INV-1003": "75.50"},
            "the payer's amount is just that of INV-1002, INV-1003",
            id="the only combination",
        ),
    ],
)  # fmt: skip
def test_applied(told: dict[str, object], customer: str, allocations: dict[str, str], why: str) -> None:
    found = applied(**told)
    assert isinstance(found, Applied), found
    assert found.customer_id == customer
    assert {id_: str(money) for id_, money in found.allocations} == allocations
    assert found.why == why


@pytest.mark.parametrize(
    ("told", "why", "suggested"),
    [
        pytest.param(
            {"money": usd("75.50")}, NOBODY,
            {"ACME": ("id-INV-1003",), "BOLT": ("id-INV-2001",)}, id="an amount alone is only a hint",
        ),
        pytest.param(
            {"money": usd("19.00"), "debtor": "Twin Inc"}, NOBODY,
            {"CORE": ("id-7",)}, id="two customers of one name",
        ),
        pytest.param(
            {"money": usd("325.50"), "texts": ("INV-1001 INV-2001",)},
            "INV-1001, INV-2001 are named, of several customers",
            {"ACME": ("id-INV-1001",), "BOLT": ("id-INV-2001",)}, id="invoices of two customers",
        ),
        pytest.param(
            {"money": usd("10.00"), "texts": ("INV-1001",), "debtor": "Bolt & Söhne GmbH"},
            "INV-1001 is named, the payer is another customer, and the amount does not agree",
            {"ACME": ("id-INV-1001",)}, id="number and payer do not agree",
        ),
        pytest.param(
            {"money": usd("33.00"), "debtor": "acme limited"}, NOT_ADDING_UP,
            {"ACME": ("id-INV-1002", "id-INV-1001", "id-INV-1003")}, id="a payer whose invoices do not add up",
        ),
        pytest.param(
            {"money": Money.parse("250.00", "EUR"), "texts": ("INV-1001",)}, "INV-1001 is named, and is not in EUR",
            {"ACME": ("id-INV-1001",)}, id="another currency",
        ),
        pytest.param(
            {"money": usd("33.00"), "texts": ("Instalment 7 of 1001",)},
            NOBODY,
            {}, id="digits that are there by chance",
        ),
        pytest.param({"money": usd("-5.00")}, "-5.00 USD is no payment", {}, id="nothing came in"),
    ],
)  # fmt: skip
def test_left_to_a_person(told: dict[str, object], why: str, suggested: dict[str, tuple[str, ...]]) -> None:
    found = applied(**told)
    assert isinstance(found, Unmatched), found
    assert found.why == why
    assert {each.customer_id: each.invoices for each in found.suggestions} == suggested


def test_two_payments_of_one_statement_do_not_take_the_same_invoice() -> None:
    items = OpenItems(INVOICES, PAYERS)
    told = Incoming(usd("250.00"), texts=("INV-1001",))
    assert isinstance(items.apply(told), Applied)
    again = items.apply(told)
    assert isinstance(again, Unmatched)
    assert again.why == "INV-1001 is named and owes nothing: paid twice?"


@pytest.mark.parametrize("texts", [("Invoice INV-3001 January",), ()])
def test_money_that_the_erp_told_of_is_applied_where_it_is_booked(texts: tuple[str, ...]) -> None:
    """Not to another invoice of the same amount; a second transfer of it is another payment."""
    items = OpenItems([owed("INV-3001", "0.00"), owed("INV-3002", "100.00")], PAYERS)
    told = ToldFirst("P-1", "ACME", (("id-INV-3001", usd("100.00")),))
    asked: list[list[str]] = []

    def told_first(invoice_ids: Sequence[str]) -> list[ToldFirst]:
        asked.append(list(invoice_ids))
        return [told]

    incoming = Incoming(usd("100.00"), texts=texts, debtor="Acme Ltd")
    found = items.apply(incoming, told_first)
    why = "the ERP told of it first: payment P-1 on INV-3001"
    assert found == Applied("ACME", told.allocations, why, told_first=True)
    assert asked == [["id-INV-3001"] if texts else ["id-INV-3001", "id-INV-3002"]]
    again = items.apply(incoming, told_first)
    if texts:
        assert isinstance(again, Unmatched)
        assert again.why == "INV-3001 is named and owes nothing: paid twice?"
    else:
        assert isinstance(again, Applied)
        assert again.allocations == (("id-INV-3002", usd("100.00")),)


def test_of_a_payer_whom_nobody_knows_the_erp_told_nothing() -> None:
    def told_first(_: Sequence[str]) -> list[ToldFirst]:
        raise AssertionError("nothing is to be asked for")

    items = OpenItems(INVOICES, PAYERS)
    assert isinstance(items.apply(Incoming(usd("100.00")), told_first), Unmatched)
    several = Incoming(usd("100.00"), texts=("INV-1001 INV-2001",))
    assert isinstance(items.apply(several, told_first), Unmatched)


def test_an_ambiguous_combination_is_not_chosen() -> None:
    items = OpenItems([owed("A-1", "10.00"), owed("A-2", "10.00")], PAYERS)
    found = items.apply(Incoming(usd("10.00"), debtor="Acme Ltd"))
    assert isinstance(found, Unmatched)
    assert found.why == "the amount fits several of the payer's invoices"


@given(
    amounts=st.lists(st.integers(0, 500), min_size=1, max_size=8),
    paid=st.lists(st.tuples(st.integers(1, 900), st.sets(st.integers(0, 9)), st.booleans()), max_size=6),
)
def test_no_invoice_takes_more_than_it_owes_and_no_payment_gives_more_than_it_brought(
    amounts: list[int], paid: list[tuple[int, set[int], bool]]
) -> None:
    invoices = [
        OpenInvoice(
            f"I{n}", f"NR-500{n}", "ACME" if n % 3 else "BOLT", date(2027, 1, 1), Money(amount, "USD")
        )
        for n, amount in enumerate(amounts)
    ]
    owners = {invoice.invoice_id: invoice.customer_id for invoice in invoices}
    taken = dict.fromkeys(owners, 0)
    items = OpenItems(invoices, PAYERS)
    for minor, named, known in paid:
        text = " ".join(f"NR-500{n}" for n in sorted(named))
        found = items.apply(
            Incoming(Money(minor, "USD"), texts=(text,), debtor="Acme Ltd" if known else None)
        )
        if isinstance(found, Applied):
            assert all(owners[id_] == found.customer_id for id_, _ in found.allocations)
            assert 0 < sum(money.minor for _, money in found.allocations) <= minor
            for id_, money in found.allocations:
                taken[id_] += money.minor
    assert all(taken[f"I{n}"] <= amount for n, amount in enumerate(amounts))


def asking_for(number: str, reference: str, customer: str = "ACME") -> OpenInvoice:
    return OpenInvoice(f"id-{number}", number, customer, date(2027, 1, 31), usd("119.00"), reference)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(Incoming(usd("119.00"), references=("RF18539007547034",)), id="structured"),
        pytest.param(Incoming(usd("119.00"), references=("RF18 5390 0754 7034,",)), id="in groups"),
        pytest.param(Incoming(usd("119.00"), texts=("rf18 5390 0754 7034 thanks",)), id="in a text"),
    ],
)
def test_the_reference_that_an_invoice_asks_for_names_it(told: Incoming) -> None:
    items = OpenItems(
        [asking_for("Y-500123", "RF18539007547034"), asking_for("Y-500124", "RF47539007547035", "BOLT")]
    )
    found = items.apply(told)
    assert isinstance(found, Applied)
    assert found.allocations == (("id-Y-500123", usd("119.00")),)


def test_a_reference_that_several_invoices_ask_for_stands_for_none() -> None:
    items = OpenItems([asking_for("Y-500123", "Customer 471199"), asking_for("Y-500124", "customer-471199")])
    assert isinstance(items.apply(Incoming(usd("119.00"), texts=("Customer 471199",))), Unmatched)
    named = items.apply(Incoming(usd("119.00"), texts=("Y-500124, Customer 471199",)))
    assert isinstance(named, Applied)
    assert named.allocations == (("id-Y-500124", usd("119.00")),)
