"""Facts that are well-formed and yet make no sense, in any mixture: recorded or listed, and never an error.

An activity that fails on its input would be tried for ever, and nothing after it be recorded.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.account_ledger import AccountLedger
from activities.interface import (
    OnCase,
    OpenCase,
    RawInput,
    RecordAccountFacts,
    RecordFacts,
    SignalInput,
    UpdateInput,
)
from activities.ledger import Ledger
from activities.rulebook import load_rulebook
from settings import ROOT
from store.database import create_engine, session_factory
from store.schema import EventRow, LedgerEntryRow, TaskRow
from tests.faults.bad_input import ACCOUNT_FACTS, INVOICE_FACTS, REQUESTS
from tests.premises import fresh_database, start_input

RULEBOOK = load_rulebook(ROOT / "deploy")
_numbers = itertools.count(1)

IDS = st.sampled_from(["P-1", "P-2", "a", "item-T-1", "x" * 64, "..", "-", "H-1", "D-1", "CR-1"])
AMOUNTS = st.sampled_from(
    ["0", "0.00", "-5.00", "0.01", "1250.00", "625", "1249.99", "1250.001", "99999999999999.99", "1"]
)
DAYS = st.sampled_from(
    ["1970-01-01", "2026-02-28", "2026-11-01", "2026-12-01", "2027-01-01", "2028-02-29", "2199-12-31"]
)
TEXTS = st.sampled_from(["", "x", "\u202e{{7*7}}", "a\nb", "\U0001f4b8" * 50, "=1+1", "'; drop table cases"])
#: What a field of a name may hold, whatever the signal.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "amount": AMOUNTS,
    "currency": st.sampled_from(["USD", "USD", "EUR", "JPY", "XXX"]),
    "by": st.sampled_from(["Bob", "\U0001f4b8", "x" * 200]),
    "step": st.sampled_from(
        ["pre_due", "due", "overdue", "call", "at_risk", "credit_hold", "demand", "referral"]
    ),
    "outcome": st.sampled_from(["upheld", "rejected", "partly", "withdrawn", "reached", "no_answer"]),
    "policy": st.sampled_from(["standard", "strategic", "chronic_late", "sandbox", "nothing"]),
    "kind": st.sampled_from(["interest", "fee", "other", "unheard of"]),
    "status": st.sampled_from(["received", "approved", "rejected", "scheduled"]),
    "source": st.sampled_from(["phone", "email", "portal", "erp"]),
    "approve": st.booleans(),
    "accept": st.booleans(),
    "count": st.integers(2, 60),
    "credit": st.none() | st.fixed_dictionaries({"credit_id": IDS, "amount": AMOUNTS}),
    "promise": st.none() | st.fixed_dictionaries({"pay_by": DAYS}),
    "dispute": st.none() | st.fixed_dictionaries({"reason": TEXTS}),
    "deductions": st.lists(st.fixed_dictionaries({"amount": AMOUNTS, "reason": TEXTS}), max_size=2),
    "allocations": st.lists(st.fixed_dictionaries({"invoice_id": IDS, "amount": AMOUNTS}), max_size=2),
    "customer": st.fixed_dictionaries({"customer_id": IDS}),
    "invoices": st.lists(IDS, max_size=2),
    **dict.fromkeys(("received_on", "pay_by", "due_on", "until", "pay_on", "through"), DAYS),
    **dict.fromkeys(("reason", "note", "text", "reference", "raised_by", "made_by"), TEXTS),
}
OPTIONAL = {
    "payment_received": ["deductions", "reference"],
    "invoice_amended": ["due_on", "amount"],
    "invoice_status": ["pay_on", "note"],
    "promise_made": ["amount", "made_by"],
    "dispute_raised": ["amount", "note", "raised_by"],
    "dispute_resolved": ["credit"],
    "hold_placed": ["until", "note"],
    "promise_to_pay": ["amount"],
    "log_call": ["note", "promise", "dispute"],
    "decide_step": ["note"],
    "cash_received": ["allocations"],
}


def messages(known: dict[str, dict[str, Any]]) -> st.SearchStrategy[tuple[str, bytes]]:
    """A message of any name with fields of any value."""

    def of(name: str) -> st.SearchStrategy[tuple[str, bytes]]:
        required = {field: VALUES.get(field, IDS) for field in known[name]}
        optional = {field: VALUES[field] for field in OPTIONAL.get(name, []) if field not in required}
        fields = st.fixed_dictionaries(required, optional=optional)
        return fields.map(lambda told: (name, json.dumps(told).encode()))

    return st.sampled_from(sorted(known)).flatmap(of)


def signal(told: tuple[str, bytes]) -> SignalInput:
    return SignalInput(name=told[0], inputs=(RawInput.of(b"json/plain", told[1]),))


def update(number: int, told: tuple[str, bytes]) -> UpdateInput:
    return UpdateInput(name=told[0], update_id=f"u {number}", inputs=(RawInput.of(b"json/plain", told[1]),))


@pytest.fixture(scope="module")
def engine(postgres_url: str, database_template: str, worker_id: str) -> Iterator[sa.Engine]:
    with fresh_database(postgres_url, database_template, f"any_fact_{worker_id}") as url:
        engine = create_engine(url)
        yield engine
        engine.dispose()


ROUNDS = st.lists(
    st.tuples(
        st.lists(messages(INVOICE_FACTS), max_size=4),
        st.lists(messages(REQUESTS), max_size=2),
        st.lists(messages(ACCOUNT_FACTS), max_size=2),
        st.integers(0, 40),
    ),
    min_size=1,
    max_size=6,
)


@given(rounds=ROUNDS, policy=VALUES["policy"], kind=st.sampled_from(["business", "person"]))
@settings(
    max_examples=25,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.data_too_large,
    ],
)
def test_any_mixture_is_recorded_or_listed(
    engine: sa.Engine, rounds: list[Any], policy: str, kind: str
) -> None:
    sessions = session_factory(engine)
    ledger, account = Ledger(sessions, RULEBOOK), AccountLedger(sessions, RULEBOOK)
    invoice_id = f"ANY-{next(_numbers)}"
    customer_id = f"C-{invoice_id}"
    at = datetime(2026, 11, 20, 15, tzinfo=UTC)
    start = start_input(invoice_id, customer={"kind": kind}, invoice={"due_on": "2026-12-01"})
    start["policy"] = policy
    start["invoice"]["issued_on"] = "2026-11-01"
    told = RawInput.of(b"json/plain", json.dumps(start).encode())
    opened = ledger.open_case(
        OpenCase(invoice_id=invoice_id, workflow_id=f"invoice-{invoice_id}", inputs=(told,), at=at)
    )
    assert opened.decided is not None
    revision = opened.decided.revision
    for facts, requests, on_account, days in rounds:
        recorded = ledger.record_facts(
            RecordFacts(
                invoice_id=invoice_id,
                at=at,
                signals=tuple(map(signal, facts)),
                requests=tuple(update(next(_numbers), request) for request in requests),
            )
        )
        assert recorded.decided is not None
        assert len(recorded.replies) == len(requests)
        body = RawInput.of(b"json/plain", json.dumps({"customer": customer_id}).encode())
        heard = account.record_account_facts(
            RecordAccountFacts(
                customer_id=customer_id,
                workflow_id=f"account-{customer_id}",
                at=at,
                inputs=(body,),
                signals=tuple(map(signal, on_account)),
            )
        )
        assert heard.errors == ()
        at += timedelta(days=days)
        decided = ledger.review_case(OnCase(invoice_id=invoice_id, at=at))
        assert decided.revision >= revision
        revision = decided.revision
    _nothing_vanished(engine, invoice_id, customer_id, rounds)


def _nothing_vanished(engine: sa.Engine, invoice_id: str, customer_id: str, rounds: list[Any]) -> None:
    """Every fact left a row: an event, or a worklist item. The ledger comes to the balance."""
    with session_factory(engine)() as session:
        events = sa.select(sa.func.count()).select_from(EventRow).where(EventRow.invoice_id == invoice_id)
        items = sa.select(sa.func.count()).select_from(TaskRow).where(TaskRow.invoices.contains([invoice_id]))
        told = sum(len(facts) for facts, _, _, _ in rounds)
        assert not told or session.scalars(events).one() + session.scalars(items).one() > 0
        owed = sa.select(sa.func.sum(LedgerEntryRow.amount_minor)).where(
            LedgerEntryRow.invoice_id == invoice_id
        )
        balance = sa.text("select balance_minor from cases where invoice_id = :invoice")
        shown = session.execute(balance, {"invoice": invoice_id}).scalar_one()
        assert max(0, session.scalars(owed).one()) == shown
