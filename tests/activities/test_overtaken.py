"""A message overtaken by a fact while somebody writes it: whoever is to write because of the fact takes it back and
writes at once, and whoever was writing is told to begin anew."""

from __future__ import annotations

import pytest

from activities.interface import OnMessage, OnPlan
from store.schema import MessageRow, MessageState
from tests.activities.conftest import Office, Post


def two_invoices_in_one_message(office: Office) -> str:
    """A reserved message about both; its words are still to be written."""
    for invoice_id in ("INV-1", "INV-2"):
        office.open(invoice_id)
    drafted = office.draft("INV-1")
    assert drafted.message_id is not None
    assert {item[0] for item in office.items(drafted.message_id)} == {"INV-1", "INV-2"}
    return drafted.message_id


@pytest.mark.parametrize("fact", ["promise", "plan"])
def test_it_is_taken_back_by_whoever_writes_because_of_the_fact(
    office: Office, post: Post, fact: str
) -> None:
    overtaken = two_invoices_in_one_message(office)
    if fact == "promise":
        office.ask("INV-2", "promise_to_pay", pay_by=office.on(5))
        drafted = office.draft("INV-2")
    else:
        office.ask("INV-2", "propose_plan", count=2, source="portal")
        [plan_id] = office.case("INV-2").plans
        drafted = office.run(office.notices.draft_plan_notice, OnPlan(plan_id=plan_id, at=office.now))
    assert office.message(overtaken).state is MessageState.CANCELLED
    assert drafted.message_id not in (None, overtaken)
    office.render(str(drafted.message_id), "INV-2")
    office.send(str(drafted.message_id), "INV-2")
    assert post.items == [f"INV-2={fact}_confirmed/0"]


def test_whoever_was_writing_it_begins_anew_at_once(office: Office, post: Post) -> None:
    """A workflow looks again in a minute only where the revision of its case has not moved."""
    overtaken = two_invoices_in_one_message(office)
    before = office.row("INV-1").revision
    office.ask("INV-2", "promise_to_pay", pay_by=office.on(5))
    office.draft("INV-2")
    assert office.row("INV-1").revision > before
    on = OnMessage(invoice_id="INV-1", message_id=overtaken, at=office.now)
    office.run(office.documents.render_documents, on)
    assert office.run(office.notices.send_notice, on).revision > before
    assert post.taken == []
    office.live("INV-1")
    office.live("INV-2")
    assert sorted(post.items) == ["INV-1=due/0", "INV-2=promise_confirmed/0"]


def test_what_no_fact_has_overtaken_is_finished_by_whoever_comes(office: Office) -> None:
    under_way = two_invoices_in_one_message(office)
    before = office.row("INV-2").revision
    assert office.draft("INV-2").message_id == under_way
    assert office.message(under_way).state is MessageState.RESERVED
    assert office.row("INV-2").revision == before, (
        "somebody else is at it: there is nothing to look at sooner"
    )


def test_what_is_overtaken_again_and_again_is_begun_anew_in_its_own_time(office: Office) -> None:
    """Never in a tight loop, whatever keeps changing between drafting and claiming."""
    office.open("INV-1")
    office.ask("INV-1", "propose_plan", count=2, source="portal")
    [plan_id] = office.case("INV-1").plans
    moved = []
    for _ in range(6):
        drafted = office.run(office.notices.draft_plan_notice, OnPlan(plan_id=plan_id, at=office.now))
        assert drafted.message_id is not None
        office.render(drafted.message_id)
        with office.sessions.begin() as session:
            message = session.get_one(MessageRow, drafted.message_id)
            message.facts = {**message.facts, "as_of": "2020-01-01"}
        before = office.row("INV-1").revision
        moved.append(office.send(drafted.message_id).revision > before)
        assert office.message(drafted.message_id).state is MessageState.CANCELLED
    assert moved == [True, True, True, True, False, False]
