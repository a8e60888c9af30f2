"""The wire contract: what fits is read exactly, what does not is named, and nothing ever raises."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from domain import contract
from domain.contract import (
    ACCOUNT_SIGNALS,
    INVOICE_SIGNALS,
    PAUSING_SIGNALS,
    UPDATES,
    AccountPromiseMade,
    AccountStart,
    CaseSummary,
    CaseView,
    CashReceived,
    ChargeAdded,
    Customer,
    DisputeRaised,
    HoldPlaced,
    Invoice,
    PaymentReceived,
    PolicyView,
    PromiseMade,
    Start,
    json_schemas,
    parse,
)
from domain.money import Money
from domain.vocabulary import DisputeReason, HoldReason, Outcome, Step
from domain.wire import MAX_ERRORS, FieldError, WireModel
from store.portfolio import fingerprint

SAMPLE = {
    "invoice": {
        "invoice_id": "INV-1001", "number": "INV-1001", "seller": "default",
        "currency": "USD", "amount": "1250.00", "issued_on": "2026-11-01", "due_on": "2026-12-01",
        "description": "October support", "purchase_order": None, "agreement_ref": None,
        "terms": None, "early_payment": [{"percent": "2", "until": "2026-11-11"}], "part": None,
        "tax_amount": None, "collection": "transfer", "collect_on": None, "submission": "email",
        "lines": [
            {"description": "Support, October", "quantity": "10", "unit_price": "125.00", "amount": "1250.00"}
        ],
        "exhibits": [
            {"kind": "agreement", "title": "Signed order", "uri": "s3://…", "media_type": "application/pdf"}
        ],
    },
    "customer": {
        "customer_id": "C-17", "name": "Acme Ltd", "legal_name": None, "kind": "business", "tier": None,
        "address": {"lines": ["1 Main St"], "city": "New York", "region": "NY", "postal_code": "10001",
                    "country": "US"},
        "country": "US", "locale": "en-US", "timezone": "America/New_York", "preferred_channel": "email",
        "registration_no": None, "vat_id": None, "bill_to": None, "credit_limit": None,
        "annual_revenue": None, "since": None, "relationship_notes": None,
        "contacts": [{"contact_id": "ann", "role": "ap", "name": "Ann Payne", "email": "ap@acme.example",
                      "phone": "+12025550123", "locale": None}],
        "account_manager": {"name": "Sam Reed", "email": "sam@seller.example"},
    },
    "policy": None,
    "payments": [], "history": [],
}  # fmt: skip
"""The start of contract.md, word for word."""

LEAST = {
    "invoice": {"invoice_id": "INV-1", "currency": "USD", "amount": "1250", "due_on": "2026-12-01"},
    "customer": {"customer_id": "C-17"},
}

FACTS: list[tuple[str, dict[str, Any]]] = [
    (
        "payment_received",
        {"payment_id": "P-1", "amount": "600.00", "currency": "USD", "received_on": "2026-12-02"},
    ),
    (
        "payment_reversed",
        {"reversal_id": "R-1", "payment_id": "P-1", "amount": "600.00", "reason": "bounced"},
    ),
    ("credit_issued", {"credit_id": "CN-1", "amount": "50.00", "currency": "USD"}),
    ("charge_added", {"charge_id": "F-1", "amount": "40.00", "currency": "USD", "kind": "fee"}),
    ("charge_waived", {"charge_id": "F-1", "amount": "40.00", "currency": "USD", "kind": "fee"}),
    ("invoice_amended", {"amendment_id": "A-1", "due_on": "2026-12-15"}),
    ("invoice_cancelled", {"cancellation_id": "X-1"}),
    ("invoice_status", {"status_id": "S-1", "status": "scheduled", "pay_on": "2026-12-10"}),
    ("promise_made", {"promise_id": "PR-1", "pay_by": "2026-12-10", "source": "phone"}),
    ("dispute_raised", {"dispute_id": "D-1", "reason": "quality", "amount": "100.00"}),
    (
        "dispute_resolved",
        {"dispute_id": "D-1", "outcome": "upheld", "credit": {"credit_id": "C", "amount": "1"}},
    ),
    ("hold_placed", {"hold_id": "H-1", "reason": "legal", "until": "2027-01-31"}),
    ("hold_released", {"hold_id": "H-1"}),
    ("risk_noted", {"note_id": "N-1", "text": "Lays off staff.\nSeen in the news."}),
]

ACCOUNT_FACTS: list[tuple[str, dict[str, Any]]] = [
    ("customer_updated", {"update_id": "U-1", "customer": {"customer_id": "C-17", "name": "Acme"}}),
    ("cash_received", {"payment_id": "P-1", "amount": "5", "currency": "JPY", "received_on": "2026-12-02"}),
    ("credit_on_account", {"credit_id": "K-1", "amount": "5.00", "currency": "EUR"}),
    ("promise_made", {"promise_id": "PR-1", "pay_by": "2026-12-10", "source": "erp", "invoices": ["INV-1"]}),
    ("hold_placed", {"hold_id": "H-1", "reason": "insolvency"}),
    ("hold_released", {"hold_id": "H-1"}),
    ("risk_noted", {"note_id": "N-1", "text": "x"}),
    ("books_posted", {"source": "bank", "through": "2026-12-01"}),
]

REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("promise_to_pay", {"pay_by": "2026-12-10", "by": "portal"}),
    ("propose_plan", {"count": 3, "by": "sam"}),
    ("propose_plan", {"instalments": [{"amount": "10.00", "due_on": "2026-12-10"}], "by": "sam"}),
    ("decide_plan", {"plan_id": "PL-1", "accept": True, "by": "ann"}),
    ("make_offer", {"kind": "settlement", "amount": "900.00", "until": "2026-12-10", "by": "sam"}),
    ("make_offer", {"kind": "early_payment_discount", "percent": "2", "until": "2026-12-10", "by": "sam"}),
    ("make_offer", {"kind": "fee_waiver", "until": "2026-12-10", "by": "sam"}),
    ("counter_offer", {"amount": "900.00", "pay_by": "2026-12-10", "by": "portal"}),
    ("decide_offer", {"offer_id": "OF-1", "accept": True, "by": "ann"}),
    ("withdraw_offer", {"offer_id": "OF-1", "by": "sam", "reason": "a mistake"}),
    ("decide_step", {"step": "demand", "approve": False, "by": "sam"}),
    ("skip_step", {"step": "call", "by": "sam", "reason": "called yesterday"}),
    ("run_step", {"step": "overdue", "by": "sam"}),
    ("snooze", {"until": "2026-12-10", "by": "sam", "reason": "year end"}),
    ("log_call", {"outcome": "reached", "by": "sam", "promise": {"pay_by": "2026-12-10"}}),
    ("change_policy", {"policy": "strategic", "by": "sam"}),
    ("write_off", {"by": "sam", "reason": "small"}),
    ("recall", {"by": "sam", "reason": "paid directly"}),
    ("waive_delivery", {"step": "demand", "by": "sam", "reason": "handed over in person"}),
]


def raw(value: object) -> bytes:
    return json.dumps(value).encode()


def faults(model: type[BaseModel], value: object) -> dict[str, str]:
    """Problem by field, of an input that must not fit."""
    found = parse(model, value if isinstance(value, bytes) else raw(value))
    assert isinstance(found, list), f"{value!r} was accepted"
    return {error.field: error.problem for error in found}


def start(place: str, value: object) -> dict[str, Any]:
    """The sample with one field replaced: `invoice.due_on`."""
    changed: dict[str, Any] = json.loads(json.dumps(SAMPLE))
    *path, last = place.split(".")
    target: Any = changed
    for step in path:
        target = target[int(step)] if isinstance(target, list) else target[step]
    target[last] = value
    return changed


# What fits


def test_the_start_of_the_contract_is_read() -> None:
    read = parse(Start, raw(SAMPLE))
    assert isinstance(read, Start)
    assert read.invoice.money == Money(125_000, "USD")
    assert read.invoice.due_on == date(2026, 12, 1)
    assert read.invoice.lines_total == read.invoice.money
    assert read.customer.contacts[0].email == "ap@acme.example"
    assert not read.customer.is_only_an_id


@pytest.mark.parametrize("customer", ["C-17", {"customer_id": "C-17"}, {"customer_id": "C-17", "name": None}])
def test_a_start_may_say_very_little(customer: object) -> None:
    read = parse(Start, raw({**LEAST, "customer": customer}))
    assert isinstance(read, Start)
    assert read.customer == Customer(customer_id="C-17")
    assert read.customer.is_only_an_id
    assert (read.invoice.seller, read.invoice.collection) == ("default", "transfer")
    assert read.invoice.shown_number == "INV-1"
    assert isinstance(parse(AccountStart, raw({"customer": customer})), AccountStart)


def test_null_counts_as_left_out_where_there_is_a_default() -> None:
    value = start("invoice.lines", None)
    value["customer"]["kind"] = value["invoice"]["seller"] = value["payments"] = None
    read = parse(Start, raw(value))
    assert isinstance(read, Start)
    assert (read.invoice.lines, read.invoice.seller, read.customer.kind) == ((), "default", "business")
    assert faults(Start, start("invoice.amount", None)) == {"invoice.amount": "is missing: it is required"}


def test_a_due_date_before_the_issue_date_runs() -> None:
    assert isinstance(parse(Start, raw(start("invoice.issued_on", "2026-12-24"))), Start)


def test_unknown_fields_are_kept_and_ignored() -> None:
    value = {**FACTS[0][1], "ledger": {"book": [1, 2.5, None]}, "money": 1, "model_config": {}, "__init__": 0}
    read = parse(PaymentReceived, raw(value))
    assert isinstance(read, PaymentReceived)
    assert read.money == Money(60_000, "USD")
    assert json.loads(read.model_dump_json())["ledger"] == {"book": [1, 2.5, None]}
    plain = parse(PaymentReceived, raw(FACTS[0][1]))
    assert isinstance(plain, PaymentReceived)
    assert read.content() == plain.content()


@pytest.mark.parametrize(("name", "value"), FACTS)
def test_facts_to_an_invoice(name: str, value: dict[str, Any]) -> None:
    fact = parse(INVOICE_SIGNALS[name], raw(value))
    assert not isinstance(fact, list), fact
    assert (fact.fact_kind, fact.fact_id) == (name, next(iter(value.values())))
    assert {**fact.content(), **value} == {**value, **fact.content()}


@pytest.mark.parametrize(("name", "value"), ACCOUNT_FACTS)
def test_facts_to_an_account(name: str, value: dict[str, Any]) -> None:
    fact = parse(ACCOUNT_SIGNALS[name], raw(value))
    assert not isinstance(fact, list), fact
    assert fact.fact_kind == name
    assert fact.fact_id == ("bank.2026-12-01" if name == "books_posted" else next(iter(value.values())))


@pytest.mark.parametrize(("name", "value"), REQUESTS)
def test_updates(name: str, value: dict[str, Any]) -> None:
    request = parse(UPDATES[name], raw(value))
    assert not isinstance(request, list), request
    assert (request.update_name, request.by) == (name, value["by"])


def test_every_name_on_the_wire_is_tried_above() -> None:
    assert {name for name, _ in FACTS} == set(INVOICE_SIGNALS)
    assert {name for name, _ in ACCOUNT_FACTS} == set(ACCOUNT_SIGNALS)
    assert {name for name, _ in REQUESTS} == set(UPDATES)
    assert set(INVOICE_SIGNALS) | set(ACCOUNT_SIGNALS) > PAUSING_SIGNALS


@pytest.mark.parametrize(("amount", "minor"), [("0", 0), ("0.00", 0), ("-5.00", -500), ("5", 500)])
def test_payments_of_any_sign_can_be_read(amount: str, minor: int) -> None:
    read = parse(PaymentReceived, raw({**FACTS[0][1], "amount": amount}))
    assert isinstance(read, PaymentReceived)
    assert read.money == Money(minor, "USD")
    assert read.amount == amount


def test_unknown_reasons_become_other() -> None:
    for name in ("sabotage", "unreadable", ""):
        hold = parse(HoldPlaced, raw({"hold_id": "H", "reason": name}))
        assert isinstance(hold, HoldPlaced)
        assert hold.reason is HoldReason.OTHER
    dispute = parse(DisputeRaised, raw({"dispute_id": "D", "reason": "Wrong colour"}))
    assert isinstance(dispute, DisputeRaised)
    assert dispute.reason is DisputeReason.OTHER
    charge = parse(ChargeAdded, raw({**FACTS[3][1], "kind": "storage"}))
    assert isinstance(charge, ChargeAdded)
    assert charge.kind == "other"
    assert HoldPlaced(hold_id="item-1", reason=HoldReason.UNREADABLE).reason is HoldReason.UNREADABLE
    assert "reason" in faults(DisputeRaised, {"dispute_id": "D", "reason": 7})


def test_a_remittance_pays_several_invoices() -> None:
    value = {
        "payment_id": "P-9", "amount": "127400.00", "currency": "USD", "received_on": "2026-12-21",
        "allocations": [
            {"invoice_id": "A", "amount": "52600.00"},
            {"invoice_id": "B", "amount": "44700.00", "deductions": [{"amount": "100.00", "reason": "freight"}]},
        ],
    }  # fmt: skip
    cash = parse(CashReceived, raw(value))
    assert isinstance(cash, CashReceived)
    assert cash.unallocated == Money(3_010_000, "USD")
    assert [(invoice, payment.payment_id, payment.amount) for invoice, payment in cash.payments()] == [
        ("A", "P-9", "52600.00"),
        ("B", "P-9", "44700.00"),
    ]
    assert cash.payments()[1][1].deductions[0].reason == "freight"
    assert faults(CashReceived, {**value, "amount": "97299.99"}) == {
        "allocations": "add up to more than the 97299.99 received"
    }
    twice = {**value, "allocations": [{"invoice_id": "A", "amount": "1.00"}] * 2}
    assert faults(CashReceived, twice) == {"allocations[1].invoice_id": "is allocated twice: sum it up"}
    fine = {**value, "allocations": [{"invoice_id": "A", "amount": "1.001"}]}
    assert faults(CashReceived, fine) == {
        "allocations[0].amount": "has more than the 2 decimals of USD: round it"
    }


def test_amounts_without_a_currency_are_read_in_the_cases() -> None:
    promise = parse(AccountPromiseMade, raw({**ACCOUNT_FACTS[3][1], "amount": "10.5"}))
    assert isinstance(promise, PromiseMade)
    assert promise.money_in("EUR") == Money(1050, "EUR")
    with pytest.raises(ValueError, match="0 decimals of JPY"):
        promise.money_in("JPY")


def test_instants_become_utc() -> None:
    view = CaseView.model_validate(
        {
            "invoice_id": "INV-1", "customer_id": "C-1", "currency": "USD", "balance_due": "0.00",
            "stage": "scheduled", "waiting_on": "time", "waiting_until": "2026-12-01T09:00:00-05:00",
        }
    )  # fmt: skip
    assert view.waiting_until == datetime(2026, 12, 1, 14, tzinfo=UTC)
    assert '"waiting_until":"2026-12-01T14:00:00Z"' in view.model_dump_json()
    for wrong in [
        "2026-12-01T09:00:00",
        "2026-12-01",
        "2026-12-01T25:00:00Z",
        1764580000,
        "20261201T090000Z",
    ]:
        with pytest.raises(ValidationError):
            CaseView.model_validate({**view.model_dump(), "waiting_until": wrong})


def test_the_query_answers_with_the_contracts_keys() -> None:
    view = CaseView(
        invoice_id="INV-1", customer_id="C-1", currency="USD", balance_due="0.00", stage="demand",
        outcome=Outcome.PAID, policy=PolicyView(name="standard", version="1"),
    )  # fmt: skip
    assert list(json.loads(view.model_dump_json())) == [
        "invoice_id", "customer_id", "currency", "balance_due", "stage", "waiting_on", "waiting_until",
        "next_step", "steps", "promises", "plan", "disputes", "holds", "risk", "policy", "outcome",
    ]  # fmt: skip
    without = set(CaseView.model_fields) - set(CaseSummary.model_fields)
    assert without == {"steps", "promises", "offer", "counter_offer", "disputes", "holds"}
    assert view.summary().outcome is Outcome.PAID


# What does not fit


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("invoice.amount", 1250, "JSON number"),
        ("invoice.amount", 1250.5, "JSON number"),
        ("invoice.amount", True, "not text"),
        ("invoice.amount", "1e3", "not a decimal string"),
        ("invoice.amount", "1_000", "not a decimal string"),
        ("invoice.amount", "1,250.00", "not a decimal string"),
        ("invoice.amount", "NaN", "not a decimal string"),
        ("invoice.amount", "Infinity", "not a decimal string"),
        ("invoice.amount", " 1", "not a decimal string"),
        ("invoice.amount", "1\n", "not a decimal string"),
        ("invoice.amount", "+1", "not a decimal string"),
        ("invoice.amount", "01", "not a decimal string"),
        ("invoice.amount", "٥", "not a decimal string"),
        ("invoice.amount", "9" * 16, "not a decimal string"),
        ("invoice.amount", "1.005", "more than the 2 decimals of USD"),
        ("invoice.amount", "0.00", "above zero"),
        ("invoice.amount", "-1", "above zero"),
        ("invoice.tax_amount", "-1", "not be negative"),
        ("invoice.currency", "usd", "ISO 4217"),
        ("invoice.currency", "US$", "ISO 4217"),
        ("invoice.currency", "USD\n", "ISO 4217"),
        ("invoice.due_on", 20261201, "not a date string"),
        ("invoice.due_on", 1764547200.0, "not a date string"),
        ("invoice.due_on", "2026-12-01T00:00:00", "not a date string"),
        ("invoice.due_on", "20261201", "not a date string"),
        ("invoice.due_on", "2026-W49-2", "not a date string"),
        ("invoice.due_on", "01/12/2026", "not a date string"),
        ("invoice.due_on", "٢٠٢٦-١٢-٠١", "not a date string"),
        ("invoice.due_on", "2026-02-29", "not a day of the calendar"),
        ("invoice.due_on", "9999-12-31", "lies outside"),
        ("invoice.due_on", "", "not a date string"),
        ("invoice.invoice_id", "", "not an id"),
        ("invoice.invoice_id", "a" * 65, "not an id"),
        ("invoice.invoice_id", "INV 1", "not an id"),
        ("invoice.invoice_id", "INV-1\n", "not an id"),
        ("invoice.invoice_id", "ÎNV", "not an id"),
        ("invoice.invoice_id", "a/b", "not an id"),
        ("invoice.invoice_id", 1001, "not text"),
        ("invoice.collection", "cheque", "none of"),
        ("invoice.part", {"index": 3, "of": 2}, "beyond the 2 parts"),
        ("invoice.part", {"index": "1", "of": 2}, "not a whole number"),
        ("invoice.part", {"index": True, "of": 2}, "not a whole number"),
        ("invoice.lines", {}, "not a list"),
        ("invoice.lines", "x", "not a list"),
        ("invoice.lines", [{}] * 10_001, "more than 10000 entries"),
        ("invoice.lines.0.amount", "1.005", "more than the 2 decimals"),
        ("invoice.lines.0.quantity", 10, "JSON number"),
        ("invoice.description", "x" * 4_001, "longer than 4000"),
        ("invoice.early_payment.0.percent", "101", "at most 100"),
        ("customer", 5, "not an object"),
        ("customer", "a b", "not an id"),
        ("customer.kind", "company", "none of"),
        ("customer.name", "Acme\r\nBcc: x@evil.example", "line break"),
        ("customer.name", "Acme\u2028Ltd", "line break"),
        ("customer.name", "=?utf-8?q?hi=0ABcc:_x@evil?=", "mail header"),
        ("customer.name", "x" * 201, "longer than 200"),
        ("customer.timezone", "Mars/Olympus", "IANA time zone"),
        ("customer.timezone", "../../etc/passwd", "IANA time zone"),
        ("customer.country", "USA", "ISO 3166"),
        ("customer.locale", "english please", "language tag"),
        ("customer.contacts", [{}] * 101, "more than 100 entries"),
        ("customer.contacts.0.name", "Ann\nPayne", "line break"),
        ("customer.account_manager.email", "sam", "not an e-mail"),
        ("history", [{"step": "threaten", "sent_on": "2026-12-01"}], "none of"),
        ("payments", [{"payment_id": "P"}], "missing"),
    ],
)
def test_a_start_that_does_not_fit_names_the_field(place: str, value: object, said: str) -> None:
    found = faults(Start, start(place, value))
    dotted = place.replace(".0", "[0]")
    if place in ("history", "payments", "invoice.part"):
        assert all(field.startswith(dotted) for field in found)
    elif value == "a b":
        assert set(found) == {"customer.customer_id"}
    else:
        assert set(found) == {dotted}
    assert any(said in problem for problem in found.values()), found


@pytest.mark.parametrize(
    "email",
    ["", "a", "@", "a@", "@b", "a@b@c", "a b@c", "a@b c", "<a@b>", "a@b,c@d", "a@b\n", "a\r\nBcc: x@y", "a@b;c",
     '"a"@b', "a@b.", "a@.b", ".a@b", "a..b@c", "a@b..c", "=?q?=@b", "ü@b", "a@müller.de", "a" * 65 + "@b",
     "a@" + "b" * 260, "a@-b", "a@[127.0.0.1]"],
)  # fmt: skip
def test_addresses_that_could_do_harm_are_refused(email: str) -> None:
    assert set(faults(Start, start("customer.contacts.0.email", email))) == {"customer.contacts[0].email"}


@pytest.mark.parametrize("email", ["a@b", "o'hara+ap@mail.acme.example", "a.b@xn--mller-kva.de", "a=b@c"])
def test_ordinary_addresses_are_taken(email: str) -> None:
    assert isinstance(parse(Start, raw(start("customer.contacts.0.email", email))), Start)


def test_every_fault_is_named_with_value_and_fix() -> None:
    value = {"invoice": {"invoice_id": "INV-1", "currency": "usd", "amount": 5}, "customer": {}}
    found = parse(Start, raw(value))
    assert isinstance(found, list)
    assert [str(error) for error in found] == [
        "invoice.currency is not an ISO 4217 code such as 'USD' (got 'usd')",
        'invoice.amount is a JSON number: send a decimal string in quotes, such as "1250.00" (got 5)',
        "invoice.due_on is missing: it is required",
        "customer.customer_id is missing: it is required",
    ]
    assert found[0].without_value == "invoice.currency is not an ISO 4217 code such as 'USD'"


@pytest.mark.parametrize(
    ("model", "value", "field"),
    [
        (UPDATES["propose_plan"], {"by": "sam"}, "count"),
        (UPDATES["propose_plan"], {"by": "s", "count": 3, "instalments": [{"amount": "1", "due_on": "2026-12-01"}]},
         "count"),
        (UPDATES["propose_plan"], {"by": "sam", "count": 1}, "count"),
        (UPDATES["decide_plan"], {"by": "sam", "plan_id": "P", "accept": "yes"}, "accept"),
        (UPDATES["decide_step"], {"by": "sam", "step": "demand", "approve": 1}, "approve"),
        (UPDATES["run_step"], {"by": "sam", "step": "arson"}, "step"),
        (UPDATES["snooze"], {"by": "sam\n", "until": "2026-12-01", "reason": ""}, "by"),
        (INVOICE_SIGNALS["promise_made"], {**FACTS[8][1], "source": "rumour"}, "source"),
        (INVOICE_SIGNALS["promise_made"], {**FACTS[8][1], "amount": "0"}, "amount"),
        (INVOICE_SIGNALS["payment_received"], {**FACTS[0][1], "currency": "JPY", "amount": "1.5"}, "amount"),
        (ACCOUNT_SIGNALS["books_posted"], {"source": "b" * 51, "through": "2026-12-01"}, "source"),
    ],
)  # fmt: skip
def test_facts_and_updates_that_do_not_fit(model: type[BaseModel], value: object, field: str) -> None:
    assert set(faults(model, value)) == {field}


HOSTILE = {
    "nothing": b"",
    "blank": b"  ",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"x"',
    "a number": b"12",
    "cut off": b'{"invoice": {',
    "two documents": b"{}{}",
    "300 brackets": b'{"a":' + b"[" * 300 + b"]" * 300 + b"}",
    "300 open brackets": b"[" * 300,
    "100,000 braces": b'{"a":' * 100_000,
    "1,000,000 brackets": b"[" * 1_000_000,
    "a lone surrogate": b'{"invoice": "\\ud800"}',
    "a lone surrogate in an unknown field": b'{"hold_id": "H", "x": ["\\ud800"]}',
    "a lone surrogate in a name": b'{"\\udfff": 1}',
    "NUL": b'{"invoice": "\\u0000"}',
    "raw NUL": b'{"invoice": "\x00"}',
    "NaN": b'{"invoice": NaN}',
    "Infinity": b'{"invoice": -Infinity}',
    "1e999": b'{"x": 1e999}',
    "a number of 5,000 digits": b'{"x": ' + b"9" * 5_000 + b"}",
    "a fraction of 5,000 digits": b'{"x": 0.' + b"9" * 5_000 + b"}",
    "2 MB of quotes": b'"' * 2_000_000,
    "2 MB of escaped quotes": b'{"x": "' + b'\\"' * 1_000_000 + b'"}',
    "3 MB": b" " * 3_000_000,
    "a name twice": b'{"amount": "1", "amount": "2"}',
    "UTF-16": "{}".encode("utf-16"),
    "Latin-1": '{"name": "Müller"}'.encode("latin-1"),
    "20,000 wrong lines": b'{"invoice": {"lines": [' + b"[]," * 9_000 + b"1]}}",
    "100,000 names": b"{" + b",".join(b'"%d":1' % n for n in range(100_000)) + b"}",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("model", [Start, HoldPlaced])
def test_hostile_input_is_refused_quickly_and_printably(name: str, model: type[BaseModel]) -> None:
    began = time.process_time()
    found = parse(model, HOSTILE[name])
    assert time.process_time() - began < 3
    assert isinstance(found, list)
    assert 0 < len(found) <= MAX_ERRORS + 1
    for error in found:
        assert str(error).isprintable()
        str(error).encode()
        assert len(str(error)) < 1_000


def test_a_byte_order_mark_is_passed_over() -> None:
    assert isinstance(parse(Start, b"\xef\xbb\xbf" + raw(LEAST)), Start)


# Properties


@given(st.binary(max_size=200))
def test_bytes_never_raise(noise: bytes) -> None:
    assert isinstance(parse(Start, noise), Start | list)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def damaged(draw: st.DrawFn, whole: Any) -> Any:
    """The value with something put in place of one part of it."""
    if isinstance(whole, dict) and whole and draw(st.integers(0, 3)):
        name = draw(st.sampled_from(sorted(whole)))
        return {**whole, name: draw(damaged(whole[name]))}
    if isinstance(whole, list) and whole and draw(st.integers(0, 3)):
        return [draw(damaged(whole[0])), *whole[1:]]
    return draw(json_values)


@given(st.data())
def test_damaged_input_never_raises(data: st.DataObject) -> None:
    models: list[tuple[type[BaseModel], Any]] = [(Start, SAMPLE)]
    models += [(INVOICE_SIGNALS[name], value) for name, value in FACTS]
    models += [(ACCOUNT_SIGNALS[name], value) for name, value in ACCOUNT_FACTS]
    models += [(UPDATES[name], value) for name, value in REQUESTS]
    model, value = data.draw(st.sampled_from(models))
    read = parse(model, raw(data.draw(damaged(value))))
    if isinstance(read, list):
        assert all(isinstance(error, FieldError) and str(error).isprintable() for error in read)
    else:
        assert parse(model, read.model_dump_json().encode()) == read


def fitting(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values that the published schema allows."""
    if "$ref" in schema:
        return st.deferred(lambda: fitting(defs[schema["$ref"].rpartition("/")[2]], defs))
    if "anyOf" in schema:
        return st.one_of([fitting(option, defs) for option in schema["anyOf"]])
    for fixed in ("enum", "examples"):
        if fixed in schema:
            return st.sampled_from(schema[fixed])
    match schema.get("type"):
        case "object":
            wanted = {name: fitting(field, defs) for name, field in schema["properties"].items()}
            required = set(schema.get("required", ()))
            return st.fixed_dictionaries(
                {name: values for name, values in wanted.items() if name in required},
                optional={name: values for name, values in wanted.items() if name not in required},
            )
        case "array":
            return st.lists(fitting(schema["items"], defs), min_size=schema.get("minItems", 0), max_size=2)
        case "string" if "pattern" in schema:
            return st.from_regex(schema["pattern"].removesuffix("$") + r"\Z")
        case "string":
            return st.text(
                st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="="), max_size=20
            )
        case "integer":
            return st.just(2)
        case "boolean":
            return st.booleans()
        case other:
            assert other == "null"
            return st.none()


SCHEMAS = json_schemas()


@pytest.mark.parametrize(
    ("document", "model"),
    [
        ("start", Start),
        *((f"signal-{name}", fact) for name, fact in INVOICE_SIGNALS.items()),
        *(
            (f"account-signal-{name}", fact)
            for name, fact in ACCOUNT_SIGNALS.items()
            if name != "cash_received"
        ),
        *(
            (f"update-{name}", request)
            for name, request in UPDATES.items()
            if name not in ("propose_plan", "make_offer")
        ),
    ],
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_what_the_schema_allows_is_read_and_survives_the_round_trip(
    document: str, model: type[WireModel], data: st.DataObject
) -> None:
    schema = SCHEMAS[document]
    value = data.draw(fitting(schema, schema.get("$defs", {})))
    read = parse(model, raw(value))
    assert not isinstance(read, list), read
    assert parse(model, read.model_dump_json().encode()) == read
    assert read.content() == model.model_validate(read.content()).content()


@pytest.mark.parametrize(
    ("document", "value"),
    [
        ("start", SAMPLE),
        ("start", LEAST),
        ("start", {**LEAST, "customer": "C-17"}),
        ("account-start", {"customer": SAMPLE["customer"]}),
        *((f"signal-{name}", value) for name, value in FACTS),
        *((f"account-signal-{name}", value) for name, value in ACCOUNT_FACTS),
        *((f"update-{name}", value) for name, value in REQUESTS),
    ],
)
def test_the_schemas_allow_what_is_read(document: str, value: object) -> None:
    jsonschema.validate(value, SCHEMAS[document])


def test_the_schemas_refuse_numbers_for_amounts() -> None:
    with pytest.raises(jsonschema.ValidationError, match="is not of type 'string'"):
        jsonschema.validate(start("invoice.amount", 1250), SCHEMAS["start"])


def test_models_are_frozen() -> None:
    invoice = Invoice(invoice_id="INV-1", currency="USD", amount="1", due_on=date(2026, 12, 1))
    with pytest.raises(ValidationError):
        invoice.amount = "2"  # type: ignore[misc]
    assert contract.StepBefore(step=Step.DUE, sent_on=date(2026, 12, 1)).channel == "email"


def test_a_field_that_the_contract_gained_leaves_the_starts_of_before_as_they_were() -> None:
    told = {"invoice_id": "INV-1", "currency": "USD", "amount": "10.00", "due_on": "2026-12-01"}
    before = "85e4311653dc68ea17e6ef7022115e8619331d6703573a47c8c9e0c02660b8d1"
    assert fingerprint(Invoice.model_validate(told)).hex() == before
    assert fingerprint(Invoice.model_validate({**told, "payment_reference": "RF18"})).hex() != before
