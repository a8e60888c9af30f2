"""Updates: recorded once, refused by a named rule, with what each means for rows beside the case."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from activities.casework import CaseWork
from activities.interface import RecordFacts, UpdateInput
from store.schema import MessageState, PlanRow
from tests.activities.conftest import Office, Post, plain

LATE: dict[str, Any] = {"invoice": {"due_on": "2026-10-01", "issued_on": "2026-09-01"}}


# -- once -----------------------------------------------------------------------------------------------


def test_the_same_update_again_is_accepted_and_records_nothing(office: Office) -> None:
    office.open()
    for _ in range(2):
        reply = office.ask("INV-1", "write_off", "W-1", amount="100.00", reason="small")
        assert reply.refused_by is None
    assert office.entries() == [("invoice", 125_000), ("written_off", -10_000)]
    assert len(office.events("INV-1", "request_write_off")) == 1


def test_an_update_id_belongs_to_one_request(office: Office) -> None:
    office.open()
    office.ask("INV-1", "write_off", "W-1", amount="100.00", reason="small")
    reply = office.ask("INV-1", "write_off", "W-1", amount="900.00", reason="small")
    assert reply.refused_by == "InvalidRequest"
    assert office.row().balance_minor == 115_000
    assert office.ask("INV-1", "snooze", "W-1", until="2026-12-10", reason="asked").refused_by is None


def test_a_refused_request_leaves_nothing_and_may_be_asked_again(office: Office) -> None:
    office.open()
    reply = office.ask("INV-1", "promise_to_pay", "U", pay_by="2027-06-01")
    assert reply.refused_by == "PromiseTooLate"
    assert office.events("INV-1") == []
    assert office.audited()[-1] == ("decision", "INV-1")
    assert office.ask("INV-1", "promise_to_pay", "U", pay_by="2026-12-10").refused_by is None


def test_requests_of_one_batch_see_each_other(office: Office) -> None:
    office.open()
    asked = tuple(
        UpdateInput(name="write_off", update_id=f"W-{n}", inputs=(plain(b'{"by": "lee", "reason": "all"}'),))
        for n in range(2)
    )
    recorded = office.run(
        office.ledger.record_facts, RecordFacts(invoice_id="INV-1", at=office.now, requests=asked)
    )
    assert [reply.refused_by for reply in recorded.replies] == [None, "NothingOwed"]
    assert [reply.update_id for reply in recorded.replies] == ["W-0", "W-1"]


def test_refusals_do_not_repeat_what_was_sent(office: Office) -> None:
    office.open()
    reply = office.ask("INV-1", "snooze", until="secret-date", reason="x", by=["secret-name"])
    assert reply.refused_by == "InvalidRequest"
    assert "until" in reply.reason
    assert "secret" not in reply.reason


def test_a_request_that_can_never_be_recorded_is_refused(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> bool:
        raise ValueError("Ann Payne")

    office.open()
    office.pay("INV-1", "1.00")
    with monkeypatch.context() as broken:
        broken.setattr(CaseWork, "file", fail)
        reply = office.ask("INV-1", "write_off", reason="all")
    assert (reply.refused_by, reply.reason) == ("NotRecorded", "it cannot be recorded: ValueError")
    assert office.events("INV-1", "request_write_off") == []
    assert office.ask("INV-1", "write_off", reason="all").refused_by is None


# -- what each means ---------------------------------------------------------------------------------------


def test_a_write_off_of_everything_ends_the_case(office: Office) -> None:
    office.open()
    office.pay("INV-1", "1000.00")
    office.ask("INV-1", "write_off", reason="gone")
    row = office.row()
    assert (row.outcome, row.balance_minor) == ("written_off", 0)
    assert office.entries()[-1] == ("written_off", -25_000)


def test_more_than_is_open_cannot_be_written_off(office: Office) -> None:
    office.open()
    assert office.ask("INV-1", "write_off", amount="1250.01", reason="x").refused_by == "AmountTooLarge"


def test_another_policy_is_pinned_with_its_body(office: Office, post: Post) -> None:
    office.open()
    assert office.ask("INV-1", "change_policy", policy="nowhere").refused_by == "UnknownPolicy"
    assert office.ask("INV-1", "change_policy", policy="strategic").refused_by is None
    row = office.row()
    assert (row.policy_name, row.policy["name"]) == ("strategic", "strategic")
    assert office.review().view["policy"]["name"] == "strategic"
    office.later(hours=2)
    office.live()
    assert [message.facts["tone"] for message in office.messages(MessageState.SENT)] == ["partner"]


def test_a_call_is_written_down_with_its_promise_and_answers_the_call_task(
    office: Office, post: Post
) -> None:
    office.open(**LATE, history=[{"step": "overdue_2", "sent_on": "2026-12-01"}])
    office.later(days=1)
    office.contact()
    assert office.kinds() == ["call"]
    reply = office.ask(
        "INV-1", "log_call", outcome="reached", note="will pay", promise={"pay_by": "2026-12-15"}
    )
    assert reply.refused_by is None
    assert office.kinds() == []
    assert [(p.fact.pay_by, p.fact.source) for p in office.case().promises.values()] == [
        (date(2026, 12, 15), "phone")
    ]
    office.live()
    assert [message.step for message in office.messages(MessageState.SENT)] == ["promise_confirmed"]
    assert office.row().waiting_on == "promise"


def test_a_call_with_a_dispute_lists_the_dispute(office: Office) -> None:
    office.open()
    office.ask("INV-1", "log_call", outcome="reached", dispute={"reason": "quality", "amount": "50.00"})
    assert office.kinds() == ["dispute"]
    (dispute,) = office.case().disputes.values()
    office.tell("INV-1", "dispute_resolved", dispute_id=dispute.fact.dispute_id, outcome="rejected")
    assert office.kinds() == []


def test_a_call_with_a_promise_that_is_refused_is_not_written_down(office: Office) -> None:
    office.open()
    reply = office.ask("INV-1", "log_call", outcome="reached", promise={"pay_by": "2027-06-01"})
    assert reply.refused_by == "PromiseTooLate"
    assert office.case().calls == {}


def test_each_call_attempt_that_is_missing_is_listed(office: Office) -> None:
    office.steps("sandbox", call={"attempts": 2})
    office.open(**LATE, history=[{"step": "overdue_2", "sent_on": "2026-12-01"}])
    office.later(days=1)
    office.contact()
    office.review()
    assert office.kinds() == ["call", "call_attempts"]
    office.ask("INV-1", "log_call", outcome="no_answer")
    assert office.kinds() == ["call_attempts"], "the second attempt is still to be made"
    office.ask("INV-1", "log_call", outcome="voicemail")
    assert office.kinds() == []
    assert office.review().decision.kind != "wait" or office.row().waiting_on != "person"


def test_a_referred_case_is_recalled_and_its_file_is_not_handed_over(office: Office) -> None:
    office.open(**LATE, history=[{"step": "demand", "sent_on": "2026-11-10"}])
    office.later(days=1)
    office.live()
    assert office.row().stage == "referred"
    assert office.kinds() == ["referral"]
    assert office.ask("INV-1", "recall", reason="they call us").refused_by is None
    assert office.kinds() == ["recalled"]
    assert office.ask("INV-1", "recall", reason="again").refused_by == "NotReferred"


def test_a_referred_case_that_is_paid_is_not_handed_over(office: Office) -> None:
    office.open(**LATE, history=[{"step": "demand", "sent_on": "2026-11-10"}])
    office.later(days=1)
    office.live()
    office.pay("INV-1", "1250.00")
    assert office.kinds() == []


def test_a_waived_notice_lets_the_next_step_go_on(office: Office, post: Post) -> None:
    office.open(**LATE, history=[{"step": "overdue", "sent_on": "2026-11-01"}])
    with office.sessions.begin() as session:  # a bounce, as a webhook will tell it
        session.execute(
            text(
                "insert into events (customer_id, invoice_id, kind, event_id, payload, payload_sha256, at) values"
                ' (\'C-1\', \'INV-1\', \'step_taken\', \'B\', \'{"step": "overdue_2", "cycle": 0, "proof": "accepted",'
                " \"message_id\": \"M-B\"}', '', '2026-11-20T15:00:00Z'),"
                " ('C-1', 'INV-1', 'notice_bounced', 'B', '{\"message_id\": \"M-B\"}', '', '2026-11-20T15:00:00Z')"
            )
        )
    office.ask("INV-1", "skip_step", step="call", reason="no phone")
    office.ask("INV-1", "skip_step", step="am_alert", reason="nobody")
    office.later(days=1)
    office.live()
    assert office.row().waiting_on == "delivery"
    assert office.kinds() == ["contact"]
    office.tell_account(
        "C-1", "customer_updated", update_id="U", customer={"customer_id": "C-1", "name": "Acme Limited"}
    )
    assert office.kinds() == ["contact"], "new particulars prove nothing"
    office.ask("INV-1", "waive_delivery", step="overdue_2", reason="confirmed by phone")
    assert office.kinds() == []
    office.contact()
    assert post.items == ["INV-1=credit_hold/0"]


def test_a_snooze_keeps_everything_back_until_its_day_has_ended(office: Office, post: Post) -> None:
    office.open()
    office.ask("INV-1", "snooze", until="2026-12-14", reason="quarter's end")
    assert office.draft().message_id is None
    office.later(days=7)
    assert office.draft().message_id is None
    office.later(days=1)
    assert office.draft().message_id is not None


def test_a_step_asked_for_by_a_person_needs_no_approval(office: Office, post: Post) -> None:
    office.open(**LATE, customer={"kind": "person"}, history=[{"step": "overdue_2", "sent_on": "2026-11-01"}])
    assert office.ask("INV-1", "run_step", step="credit_hold").refused_by is None
    office.contact()
    assert post.items == ["INV-1=credit_hold/1"]


def test_a_case_on_hold_runs_no_step(office: Office) -> None:
    office.open()
    office.tell("INV-1", "hold_placed", hold_id="H", reason="legal")
    assert office.ask("INV-1", "run_step", step="due").refused_by == "CasePaused"


def test_a_plan_is_recorded_on_all_its_invoices_with_the_words_that_were_shown(office: Office) -> None:
    office.open()
    office.open("INV-2")
    reply = office.ask("INV-1", "propose_plan", count=2, source="portal", invoices=["INV-2"])
    assert reply.refused_by is None
    cases = [office.case(invoice_id) for invoice_id in ("INV-1", "INV-2")]
    [plan_id] = {plan_id for case in cases for plan_id in case.plans}
    with office.sessions() as session:
        row = session.get_one(PlanRow, plan_id)
    assert (row.state, row.invoices) == ("active", ["INV-1", "INV-2"])
    for case in cases:
        accepted = case.plans_accepted[plan_id].fact
        assert accepted.text_sha256 == hashlib.sha256(row.terms_text.encode()).hexdigest()
        assert case.plans[plan_id].fact.part(case.invoice_id).planned == case.balance
    assert office.ask("INV-2", "propose_plan", count=3).refused_by == "PlanExists"
    assert office.ask("INV-1", "decide_plan", plan_id="P", accept=True).refused_by == "PlanNotOpen"


def test_a_plan_over_somebody_elses_invoice_is_refused(office: Office) -> None:
    office.open()
    office.open("OTHER", customer={"customer_id": "C-2"})
    assert office.ask("INV-1", "propose_plan", count=2, invoices=["OTHER"]).refused_by == "PlanNotAllowed"
