"""The subledger says what the balance says: whatever is told, in whatever order."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain import contract as wire
from domain import facts as internal
from domain.case import Case
from domain.filing import apply
from domain.postings import Posting, postings
from tests.unit.anything import any_case, things_done, things_told, thorough
from tests.unit.living import at, case, credit, paid, reversed_

TODAY = date(2026, 12, 20)


def posted(before: Case, fact: object, event_id: str = "E-1") -> tuple[Case, list[Posting]]:
    assert isinstance(fact, wire.Fact | internal.InternalFact)
    after = apply(before, fact, at("2026-12-20"))
    kind = fact.fact_kind if isinstance(fact, wire.Fact) else str(type(fact).model_fields["kind"].default)
    return after, postings(before, after, fact, kind, event_id, TODAY)


@thorough(150)
@given(any_case(), st.one_of(things_told(), things_done()))
def test_the_entries_of_a_fact_add_up_to_what_it_does_to_the_balance(built: Case, told: list[object]) -> None:
    for number, fact in enumerate(told):
        after, entries = posted(built, fact, f"E-{number}")
        assert sum(entry.minor for entry in entries) == after.net - built.net, fact
        assert all(entry.minor for entry in entries)
        assert len({(entry.kind, entry.event_id) for entry in entries}) == len(entries)
        built = after


def test_a_payment_is_posted_on_its_value_date_and_a_credit_on_the_customers_day() -> None:
    owed = case()
    after, entries = posted(owed, paid("500.00", on=TODAY - timedelta(days=3)), "P-1")
    assert entries == [Posting("payment_received", "P-1", -500_00, TODAY - timedelta(days=3))]
    _, entries = posted(after, credit("250.00"), "CN-1")
    assert entries == [Posting("credit_issued", "CN-1", -250_00, TODAY)]


def test_a_reversal_that_came_first_is_posted_with_its_payment() -> None:
    waiting, entries = posted(case(), reversed_(amount="500.00"), "R-1")
    assert entries == []
    _, entries = posted(waiting, paid("500.00"), "P-1")
    assert [(entry.kind, entry.minor) for entry in entries] == [
        ("payment_received", -500_00),
        ("payment_reversed", 500_00),
    ]
