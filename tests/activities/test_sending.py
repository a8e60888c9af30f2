"""Claim under the lock, send once, note what became of it: whatever happens in between."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from threading import Barrier, Thread

import pytest
from temporalio.exceptions import ApplicationError

from activities import notices
from activities.adapters.port import Accepted, Refused, Unknown
from domain.case import Case
from store import outbox
from store.schema import MessageState, TaskState
from tests.activities.conftest import ANN, BOB, Office, Post

CANCELLED, FAILED, PENDING = MessageState.CANCELLED, MessageState.FAILED, MessageState.PENDING
SENDING, SENT = MessageState.SENDING, MessageState.SENT
BUSY = Refused("451 come back later", permanent=False)
NOBODY = Refused("550 no such mailbox", permanent=True)


def steps(case: Case) -> list[str]:
    return [taken.fact.step for taken in case.steps]


# -- the way it should go ----------------------------------------------------------------------------


def test_a_message_goes_out_once_and_says_what_is_true(mailing_office: Office, tmp_path: Path) -> None:
    office = mailing_office
    office.open(customer={"contacts": [ANN, BOB]})
    message_id = office.contact()
    assert message_id is not None
    (file,) = (tmp_path / "mail" / "new").iterdir()
    raw = file.read_bytes()
    assert raw == office.message(message_id).payload, "what lies there is what was frozen"
    (written,) = [row for row in office.audit() if row.kind == "message_written"]
    assert written.body["payload_sha256"] == hashlib.sha256(raw).hexdigest()
    mail = message_from_bytes(raw, policy=policy.default)
    assert mail["X-Duecourse-Message"] == message_id
    assert mail["X-Duecourse-Items"] == "INV-1=due/0"
    assert "ann@acme.example" in mail["To"]
    body = mail.get_body(("plain",))
    assert body is not None
    assert "1,250.00" in body.get_content()
    assert [part.get_filename() for part in mail.iter_attachments()] == ["statement-2026-12-07.pdf"]

    assert office.message(message_id).state == SENT
    assert steps(office.case()) == ["due"]
    assert office.row().stage == "due"
    assert office.row().next_step == "overdue"
    assert office.draft().decided is not None, "nothing else is due today"
    assert len(list((tmp_path / "mail" / "new").iterdir())) == 1


def test_every_state_of_a_message_is_in_the_audit_log(office: Office, post: Post) -> None:
    post.answers = [BUSY, Accepted("1")]
    office.open()
    message_id = office.write()
    with pytest.raises(ApplicationError):
        office.send(message_id)
    office.send(message_id, attempt=2)
    states = [kind for kind, ref in office.audited() if ref == message_id]
    assert states == [
        "message_reserved",
        "message_written",
        "message_claimed",
        "message_returned",
        "message_claimed",
        "message_sent",
    ]
    assert office.audit_problems() == []


def test_the_provider_gets_all_addresses_and_the_first_is_the_one_written_to(
    office: Office, post: Post
) -> None:
    office.steps("sandbox", due={"cc": ["cfo", "account_manager"]})
    office.open(customer={"contacts": [BOB, ANN]})
    office.contact()
    ((_, _, recipients),) = post.taken
    assert recipients == ("ann@acme.example", "bob@acme.example", "sam@seller.example")


# -- facts that come between -------------------------------------------------------------------------


def test_a_payment_between_draft_and_claim_cancels(office: Office, post: Post) -> None:
    office.open()
    message_id = office.write()
    office.pay("INV-1", "1250.00")
    office.send(message_id)
    assert post.taken == []
    assert office.message(message_id).state == CANCELLED
    assert office.row().outcome == "paid"


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("payment_received", {"payment_id": "P", "amount": "1.00", "currency": "USD", "received_on": "2026-12-07"}),
        ("credit_issued", {"credit_id": "C", "amount": "1.00", "currency": "USD"}),
        ("charge_added", {"charge_id": "F", "amount": "1.00", "currency": "USD", "kind": "fee"}),
        ("promise_made", {"promise_id": "X", "amount": "1.00", "pay_by": "2026-12-10", "source": "erp"}),
        ("dispute_raised", {"dispute_id": "D", "reason": "quality", "amount": "1.00"}),
        ("hold_placed", {"hold_id": "H", "reason": "legal"}),
        ("invoice_amended", {"amendment_id": "A", "amount": "1251.00"}),
        ("invoice_cancelled", {"cancellation_id": "V"}),
    ],
)  # fmt: skip
def test_each_fact_that_changes_what_is_asked_cancels(
    office: Office, post: Post, name: str, fact: dict[str, str]
) -> None:
    office.open()
    message_id = office.write()
    office.tell("INV-1", name, **fact)
    office.send(message_id)
    assert post.taken == []
    assert office.message(message_id).state == CANCELLED


def test_what_says_nothing_about_the_claim_cancels_nothing(office: Office, post: Post) -> None:
    office.open()
    message_id = office.write()
    office.tell("INV-1", "risk_noted", note_id="N", text="layoffs")
    office.tell("INV-1", "invoice_status", status_id="S", status="approved")
    office.send(message_id)
    assert post.items == ["INV-1=due/0"]


def test_a_payment_of_another_invoice_in_the_message_cancels_it(office: Office, post: Post) -> None:
    office.open("INV-1")
    office.open("INV-2")
    message_id = office.write("INV-1")
    office.pay("INV-2", "1250.00")
    office.send(message_id)
    assert office.message(message_id).state == CANCELLED
    office.contact("INV-1")
    assert post.items == ["INV-1=due/0"]


def test_a_payment_between_claim_and_sending_comes_too_late_for_that_message_only(
    office: Office, post: Post
) -> None:
    office.open()
    message_id = office.write()
    post.meanwhile = lambda: office.pay("INV-1", "1250.00") and None
    decided = office.send(message_id)
    assert len(post.taken) == 1
    assert office.message(message_id).state == SENT
    assert steps(office.case()) == ["due"]
    assert decided.decision.kind == "close"


def test_new_particulars_of_the_customer_cancel_what_would_go_to_the_old_ones(
    office: Office, post: Post
) -> None:
    office.steps("sandbox", due={"cc": ["cfo"]})
    office.open(customer={"contacts": [ANN, BOB]})
    message_id = office.write()
    carol = {**BOB, "email": "carol@acme.example"}
    office.tell_account(
        "C-1", "customer_updated", update_id="U", customer={"customer_id": "C-1", "contacts": [ANN, carol]}
    )
    office.send(message_id)
    assert office.message(message_id).state == CANCELLED
    office.contact()
    ((_, _, recipients),) = post.taken
    assert recipients == ("ann@acme.example", "carol@acme.example")


def test_the_confirmation_of_one_promise_does_not_go_out_for_another(office: Office, post: Post) -> None:
    office.open()
    office.contact()
    office.tell("INV-1", "promise_made", promise_id="A", pay_by="2026-12-10", source="phone")
    message_id = office.write()
    office.tell("INV-1", "promise_made", promise_id="0", pay_by="2026-12-09", source="phone")
    office.send(message_id)
    assert office.message(message_id).state == CANCELLED
    assert len(post.taken) == 1
    office.live()
    confirmed = [json.dumps(row.facts["promise"]["pay_by"]) for row in office.messages(SENT)[1:]]
    assert confirmed == ['"2026-12-09"', '"2026-12-10"']


# -- time --------------------------------------------------------------------------------------------


def test_what_is_dated_yesterday_is_written_again(office: Office, post: Post) -> None:
    office.open()
    message_id = office.write()
    office.later(days=1)
    office.send(message_id)
    assert office.message(message_id).why == "it is dated 2026-12-07"
    office.contact()
    (mail,) = post.mails
    assert "statement-2026-12-08.pdf" in mail.as_string()


def test_nothing_goes_out_in_the_evening_and_what_waited_is_written_again(office: Office, post: Post) -> None:
    office.open(policy="standard")
    office.later(hours=2)  # noon in New York
    message_id = office.write()
    post.answers = [BUSY]
    with pytest.raises(ApplicationError, match="not accepted"):
        office.send(message_id)
    office.later(hours=6)  # the provider is back at six
    decided = office.send(message_id, attempt=9)
    assert len(post.taken) == 1
    assert office.message(message_id).state == PENDING
    assert decided.decision.kind == "wait"
    assert decided.decision.until.date() == date(2026, 12, 8)
    office.later(hours=18)
    office.live()
    assert office.message(message_id).state == CANCELLED
    assert [row.facts["as_of"] for row in office.messages(SENT)] == ["2026-12-08"]


def test_the_gap_counts_from_the_day_a_message_went_out(office: Office, post: Post) -> None:
    office.steps("standard", due={"approval": True})
    office.open(policy="standard")
    office.later(hours=2)
    office.write()
    office.later(days=2)
    assert office.ask("INV-1", "decide_step", step="due", approve=True).refused_by is None
    office.live()
    assert len(post.taken) == 1
    assert office.customer().last_unsolicited_on == date(2026, 12, 9)


# -- nobody knows -------------------------------------------------------------------------------------


def test_a_provider_without_a_clear_answer_is_never_asked_again(office: Office, post: Post) -> None:
    post.answers = [Unknown("timed out")]
    office.open()
    message_id = office.write()
    decided = office.send(message_id)
    for attempt in (1, 2):
        office.send(message_id, attempt=attempt)
    message = office.message(message_id)
    assert (message.state, message.unknown_since) == (SENDING, office.now)
    assert len(post.taken) == 1
    assert decided.decision.kind == "wait"
    assert decided.decision.waiting_on == "delivery"
    (item,) = office.tasks("unknown_delivery")
    assert item.ref == message_id
    office.later(days=30)
    assert office.draft().message_id is None, "the case waits for a person, however long"
    assert len(office.tasks("unknown_delivery")) == 1


def test_a_sender_that_was_lost_after_its_claim_leaves_it_unknown(office: Office, post: Post) -> None:
    post.answers = [RuntimeError("the process died")]
    office.open()
    message_id = office.write()
    with pytest.raises(RuntimeError):
        office.send(message_id)
    office.send(message_id, attempt=2)
    assert office.message(message_id).unknown_since == office.now
    assert len(post.taken) == 1


def test_another_workflow_that_comes_while_it_is_being_sent_raises_no_alarm(
    office: Office, post: Post
) -> None:
    office.open("INV-1")
    office.open("INV-2")
    message_id = office.write("INV-1")
    came: list[str] = []

    def come() -> None:
        decided = office.send(message_id, "INV-2", attempt=3, workflow_run_id="another")
        came.append(decided.decision.kind)

    post.meanwhile = come
    office.send(message_id, "INV-1")
    assert came == ["wait"]
    assert office.tasks("unknown_delivery") == []
    assert len(post.taken) == 1


@pytest.mark.parametrize("answer", [Accepted("1"), BUSY])
def test_who_was_thought_lost_and_comes_back_settles_the_question(
    office: Office, post: Post, answer: Accepted | Refused
) -> None:
    """A process frozen past its time-out: the next try calls it unknown, then the first one answers."""
    post.answers = [answer]
    office.open()
    message_id = office.write()
    post.meanwhile = lambda: office.send(message_id, attempt=2) and None
    accepted = isinstance(answer, Accepted)
    if accepted:
        office.send(message_id)
    else:
        with pytest.raises(ApplicationError):
            office.send(message_id)
    assert office.message(message_id).state == (SENT if accepted else PENDING)
    assert office.message(message_id).unknown_since is None
    assert [task.state for task in office.tasks("unknown_delivery")] == [TaskState.DONE]
    assert len(post.taken) == 1


def test_a_step_that_a_person_took_upon_themselves_is_taken_once(office: Office, post: Post) -> None:
    office.open()
    message_id = office.write()

    def lost_and_waived() -> None:
        office.send(message_id, attempt=2)
        reply = office.ask("INV-1", "waive_delivery", step="due", reason="they told us")
        assert reply.refused_by is None

    post.meanwhile = lost_and_waived
    office.send(message_id)
    case = office.case()
    assert steps(case) == ["due"]
    assert message_id in case.delivered
    assert office.kinds() == []


def test_a_waived_message_stays_unsent_and_its_item_is_answered(office: Office, post: Post) -> None:
    post.answers = [Unknown("timed out")]
    office.open()
    message_id = office.write()
    office.send(message_id)
    assert office.kinds() == ["unknown_delivery"]
    assert office.ask("INV-1", "waive_delivery", step="due", reason="seen on the phone").refused_by is None
    assert office.kinds() == []
    assert steps(office.case()) == ["due"]
    office.later(days=7)
    office.live()
    assert post.items == ["INV-1=due/0", "INV-1=overdue/0"]


# -- refused ------------------------------------------------------------------------------------------


def test_refused_for_now_is_tried_again_and_sent_once(office: Office, post: Post) -> None:
    post.answers = [BUSY, BUSY]
    office.open()
    message_id = office.write()
    for attempt in (1, 2):
        with pytest.raises(ApplicationError, match=f"message {message_id} was not accepted") as refused:
            office.send(message_id, attempt=attempt)
        assert refused.value.type == "NotAccepted"
        assert office.message(message_id).state == PENDING
        assert office.case().claimed == {}
    office.send(message_id, attempt=3)
    assert len(post.taken) == 3
    assert steps(office.case()) == ["due"]


def test_refused_for_good_writes_no_more_to_that_address_until_it_changes(office: Office, post: Post) -> None:
    post.answers = [NOBODY]
    office.open()
    office.contact()
    assert office.row().waiting_on == "person"
    assert office.kinds() == ["contact", "contact_missing"]
    assert [row.state for row in office.messages()] == [FAILED]
    assert office.draft().message_id is None
    office.tell_account(
        "C-1", "customer_updated", update_id="L", customer={"customer_id": "C-1", "locale": "fr-FR"}
    )
    assert office.kinds() == ["contact", "contact_missing"], "another language is no other address"
    dora = {**ANN, "email": "dora@acme.example"}
    office.tell_account(
        "C-1", "customer_updated", update_id="U", customer={"customer_id": "C-1", "contacts": [dora]}
    )
    assert office.kinds() == []
    office.live()
    assert [recipients for *_, recipients in post.taken] == [("ann@acme.example",), ("dora@acme.example",)]
    assert steps(office.case()) == ["due"]


def test_refused_for_good_goes_to_the_next_person(office: Office, post: Post) -> None:
    post.answers = [NOBODY]
    office.open(customer={"contacts": [ANN, BOB]})
    office.live()
    assert [recipients for *_, recipients in post.taken] == [("ann@acme.example",), ("bob@acme.example",)]
    assert office.kinds() == ["contact"]


def test_a_copy_that_is_refused_is_left_out_from_then_on(office: Office, post: Post) -> None:
    office.steps("sandbox", due={"cc": ["cfo"]}, overdue={"cc": ["cfo"]})
    post.answers = [Accepted("1", refused=("bob@acme.example",))]
    office.open(customer={"contacts": [ANN, BOB]})
    office.contact()
    assert steps(office.case()) == ["due"]
    assert office.kinds() == ["contact"]
    office.later(days=7)
    office.contact()
    assert [recipients for *_, recipients in post.taken] == [
        ("ann@acme.example", "bob@acme.example"),
        ("ann@acme.example",),
    ]


def test_an_alert_whose_mail_is_refused_stands_as_a_task(office: Office, post: Post) -> None:
    office.open(invoice={"due_on": "2026-11-16", "issued_on": "2026-10-16"}, history=climbed())
    post.answers = [NOBODY]
    office.contact()
    assert steps(office.case())[-1] == "am_alert"
    assert office.kinds() == ["am_alert"]
    assert office.review().decision.kind == "wait"


def test_a_claim_that_is_too_old_is_handed_back_unused(
    office: Office, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "CLAIM_HOLDS_S", -1.0)
    office.open()
    message_id = office.write()
    with pytest.raises(ApplicationError):
        office.send(message_id)
    assert post.taken == []
    assert office.message(message_id).state == PENDING
    assert "too old" in office.message(message_id).why


# -- at once ------------------------------------------------------------------------------------------


def test_of_eight_who_send_at_once_one_does(office: Office, post: Post) -> None:
    office.open()
    message_id = office.write()
    together = Barrier(8)

    def send(number: int) -> str:
        together.wait()
        decided = office.send(message_id, workflow_run_id=f"run-{number}")
        return decided.decision.kind

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(send, range(8))) == {"wait"}
    assert len(post.taken) == 1
    assert steps(office.case()) == ["due"]


def test_a_payment_and_a_claim_at_once_are_one_after_the_other(office: Office, post: Post) -> None:
    """Whichever was first: no mail is claimed after the payment was known."""
    for number in range(5):
        invoice_id = f"INV-{number}"
        office.open(invoice_id, customer={"customer_id": f"C-{number}"})
        message_id = office.write(invoice_id)
        together = Barrier(2)

        def pay(invoice_id: str = invoice_id, together: Barrier = together) -> None:
            together.wait()
            office.pay(invoice_id, "1250.00")

        paying = Thread(target=pay)
        paying.start()
        together.wait()
        office.send(message_id, invoice_id)
        paying.join()
        kinds = [kind for kind, _ in office.audited(f"C-{number}")]
        if "message_claimed" in kinds:
            assert kinds.index("message_claimed") < kinds.index("payment_received")
        assert office.message(message_id).state in (SENT, CANCELLED)
    assert len(post.taken) == len(office.messages(SENT))


# -- facts that keep coming ---------------------------------------------------------------------------


def test_after_three_cancels_the_words_are_written_and_claimed_in_one_go(office: Office, post: Post) -> None:
    office.open()
    for number in range(4):
        message_id = office.write()
        office.pay("INV-1", "100.00", f"P-{number}")
        office.send(message_id)
        assert office.message(message_id).state == CANCELLED
        assert len(post.taken) == (1 if number == 3 else 0)
    (mail,) = post.mails
    assert "850.00" in mail.as_string()
    assert "statement" not in mail.as_string()
    (sent,) = office.messages(SENT)
    assert mail["X-Duecourse-Message"] == sent.message_id
    assert sent.cancels == 4
    assert steps(office.case()) == ["due"]
    assert office.kinds() == ["paper_missing"]


def test_after_three_cancels_nothing_is_sent_that_is_not_due(office: Office, post: Post) -> None:
    office.open()
    for number in range(3):
        message_id = office.write()
        office.pay("INV-1", "100.00", f"P-{number}")
        office.send(message_id)
    message_id = office.write()
    office.pay("INV-1", "950.00", "P-last")
    decided = office.send(message_id)
    assert post.taken == []
    assert decided.decision.kind == "close"


# -- found out elsewhere -------------------------------------------------------------------------------


def test_an_item_that_is_known_to_be_sent_is_covered(office: Office, post: Post) -> None:
    """Evidence from outside made the message SENT while nobody noted its steps: nothing is sent again."""
    post.answers = [BUSY]
    office.open()
    message_id = office.write()
    with pytest.raises(ApplicationError):
        office.send(message_id)
    with office.sessions.begin() as session:
        outbox.confirm_sent(session, message_id, at=office.now)
    decided = office.draft().decided
    assert decided is not None
    assert decided.decision.kind == "wait"
    assert steps(office.case()) == ["due"]
    assert len(office.messages()) == 1
    assert len(post.taken) == 1


def climbed(upto: str = "call") -> list[dict[str, str]]:
    """Steps that another system carried out for an invoice that is 21 days overdue."""
    days = {"due": 0, "overdue": 7, "overdue_2": 14, "call": 16}
    due = date(2026, 11, 16)
    taken = list(days)[: list(days).index(upto) + 1]
    return [{"step": step, "sent_on": (due + timedelta(days=days[step])).isoformat()} for step in taken]


def test_messages_of_a_case_are_one_conversation(office: Office, post: Post) -> None:
    """What was cancelled or went to a colleague is no part of it; every try of a message names the same."""
    office.open()
    first = office.contact()
    office.open("INV-OTHER")
    other = office.contact("INV-OTHER")
    office.later(days=7)
    withdrawn = office.write()
    office.pay("INV-1", "1.00")
    office.send(withdrawn)
    post.answers = [BUSY]
    second = office.write()
    with pytest.raises(ApplicationError):
        office.send(second)
    office.send(second, attempt=2)
    by_id = {str(mail["X-Duecourse-Message"]): mail for mail in post.mails}
    assert withdrawn not in by_id
    assert by_id[str(first)]["In-Reply-To"] is None
    before = str(by_id[second]["References"])
    assert str(first) in before
    assert (str(other) in before) == ("INV-OTHER" in {invoice for invoice, _, _ in office.items(second)})
    assert len({mail["Message-ID"] for mail in post.mails}) == len(by_id)
    tries = [mail.as_bytes() for mail in post.mails if mail["X-Duecourse-Message"] == second]
    assert len(tries) == 2
    assert tries[0] == tries[1], "what is tried again are the same bytes"


@pytest.mark.parametrize("end", ["sent", "paid"])
def test_a_provider_that_keeps_refusing_stands_on_the_worklist_until_the_end(
    office: Office, post: Post, end: str
) -> None:
    post.answers = [Refused("SendGrid answered 401", permanent=False)] * 6
    office.open()
    message_id = office.write()
    for attempt in range(1, 7):
        with pytest.raises(ApplicationError):
            office.send(message_id, attempt=attempt)
        assert office.kinds() == (["not_accepted"] if attempt >= notices.QUIET_TRIES else [])
    (item,) = office.tasks("not_accepted")
    assert "401" in item.why
    assert item.invoices == ["INV-1"]
    if end == "paid":
        office.pay("INV-1", "1250.00")
    office.send(message_id, attempt=7)
    assert office.kinds() == []
    assert len(post.taken) == (7 if end == "sent" else 6)


def test_who_looks_for_an_unknown_mail_is_told_what_to_do(office: Office, post: Post) -> None:
    post.answers = [Unknown("the connection broke")]
    office.open()
    message_id = office.contact()
    (task,) = office.tasks("unknown_delivery", open_only=True)
    assert str(message_id) in task.why
    assert "look for the message id in the log of the mail server" in task.why
    assert "waive INV-1 --step due" in task.why
    assert office.ask("INV-1", "waive_delivery", step="due", reason="it stands in the log").refused_by is None
    assert office.tasks(open_only=True) == []


def test_an_unknown_confirmation_does_not_block_the_case_for_ever(office: Office, post: Post) -> None:
    post.answers = [Accepted("ok"), Unknown("the connection broke")]
    office.open()
    office.contact()
    promise = {"promise_id": "PR-1", "pay_by": office.on(5), "source": "email"}
    office.tell("INV-1", "promise_made", **promise)
    office.contact()
    assert office.kinds() == ["unknown_delivery"]
    refused = office.ask("INV-1", "waive_delivery", step="call_confirmed", reason="x")
    assert refused.refused_by == "NotUnderWay"
    waived = office.ask("INV-1", "waive_delivery", step="promise_confirmed", reason="they have it")
    assert waived.refused_by is None, waived.reason
    assert office.tasks(open_only=True) == []
    assert office.live().decision.rule == "promise"
    assert len(post.taken) == 2, "and it is not confirmed again"
