"""The ledger's activities: open a case, record what arrives, look again, close. All on the customer's lock."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from activities import plan_book
from activities.casework import CaseWork
from activities.cash import close_doubtful, close_unawaited, end_doubt, file_payment
from activities.documents import edit_words
from activities.inputs import AsItCame, as_it_came, read_input
from activities.interface import (
    Decided,
    OnCase,
    OnPlan,
    OpenCase,
    Opened,
    PlanDecided,
    Recorded,
    RecordFacts,
    Reply,
    SignalInput,
    UpdateInput,
)
from activities.messages import decide_approval
from activities.opening import open_case, refuse_start
from activities.paper.rendering import PdfRenderer
from activities.rulebook import Rulebook
from domain import contract as wire
from domain import facts as internal
from domain.asking import Answer, Refused
from domain.cash_source import LINE_PREFIX
from domain.letters.draft import Draft
from domain.money import Money
from domain.requests.requests import answer, unfit
from domain.vocabulary import CallOutcome, Channel, Note, Step
from store import bank, facts, outbox, plans, portfolio, worklist
from store.customers import UnknownInvoice
from store.database import can_never_succeed
from store.schema import Approval, MessageState

#: Kind under which staff find a counter-offer that they have to decide about.
COUNTER_OFFER = "counter_offer"
#: What may stand in a fact's id, with room for a prefix.
_EVENT_ID = re.compile(r"[A-Za-z0-9._-]{1,48}", re.ASCII)


class Ledger:
    """Records facts and decides on them; runs on the task queue `duecourse-ledger`."""

    def __init__(
        self, sessions: sessionmaker[Session], rulebook: Rulebook, renderer: PdfRenderer | None = None
    ) -> None:
        self._sessions = sessions
        self._rulebook = rulebook
        self._renderer = renderer

    @activity.defn
    def open_case(self, start: OpenCase) -> Opened:
        """Open the invoice's case, or find it; a start that does not fit becomes a worklist item."""
        read = read_input(wire.Start, start.inputs)
        if isinstance(read, list):
            with self._sessions.begin() as session:
                refuse_start(session, start, read)
            return Opened(errors=tuple(error.without_value for error in read))
        with self._sessions.begin() as session:
            return open_case(session, start, read, self._rulebook)

    @activity.defn
    def record_facts(self, batch: RecordFacts) -> Recorded:
        """Record signals and requests in the order they came and decide once on all of them.

        One of them that the database or a rule can never take must not keep the others back for ever: they
        are then recorded one by one, and that one goes to a person.
        """
        try:
            return self._record(batch, record_signal, self._request)
        except Exception as problem:
            if not can_never_succeed(problem):
                raise
        return self._record(batch, _record_alone, self._request_alone)

    def _record(
        self,
        batch: RecordFacts,
        take: Callable[[CaseWork, str, SignalInput], None],
        reply: Callable[[CaseWork, str, UpdateInput], Reply],
    ) -> Recorded:
        with self._sessions.begin() as session:
            try:
                work = CaseWork.on_invoice(session, batch.invoice_id, self._rulebook, batch.at)
            except UnknownInvoice:
                return _list_strays(session, batch)
            for signal in batch.signals:
                take(work, batch.invoice_id, signal)
            replies = tuple(reply(work, batch.invoice_id, request) for request in batch.requests)
            return Recorded(decided=work.settle(batch.invoice_id), replies=replies)

    @activity.defn
    def review_case(self, on: OnCase) -> Decided:
        """Decide again, with nothing new but the time."""
        with self._sessions.begin() as session:
            return CaseWork.on_invoice(session, on.invoice_id, self._rulebook, on.at).settle(on.invoice_id)

    @activity.defn
    def follow_plan(self, on: OnPlan) -> PlanDecided:
        """Decide on a plan anew. What was signalled to it is nothing it knows, and goes to a person."""
        with self._sessions.begin() as session:
            row = plans.get(session, on.plan_id)
            if row is None:
                why = f"nothing is known of a plan {on.plan_id[:64]!r}"
                worklist.open_task(session, kind="unknown_plan", why=why, at=on.at, ref=on.plan_id)
                return PlanDecided()
            work = CaseWork.on_customer(session, row.customer_id, self._rulebook, on.at)
            for signal in on.signals:
                why = f"a plan takes no signal named {signal.name[:64]!r}"
                came = as_it_came(signal.name, signal.inputs)
                work.open_item("unknown_signal", why, invoices=row.invoices, **came._asdict())
            return plan_book.decided(work, on.plan_id)

    # -- requests ---------------------------------------------------------------------------------

    def _request_alone(self, work: CaseWork, invoice_id: str, request: UpdateInput) -> Reply:
        try:
            with work.session.begin_nested():
                return self._request(work, invoice_id, request)
        except Exception as problem:
            if not can_never_succeed(problem):
                raise
            work.forget()
            return _refusal(request, "NotRecorded", f"it cannot be recorded: {type(problem).__name__}")

    def _request(self, work: CaseWork, invoice_id: str, request: UpdateInput) -> Reply:
        model = wire.UPDATES.get(request.name)
        if model is None:
            known = ", ".join(sorted(wire.UPDATES))
            return _refusal(request, "UnknownRequest", f"{request.name[:64]!r} is not one of: {known}")
        read = read_input(model, request.inputs)
        if isinstance(read, list):
            return _refusal(request, "InvalidRequest", "; ".join(error.without_value for error in read))
        update_id = _event_id(request.update_id)
        with work.session.begin_nested() as savepoint:
            witnessed = facts.append_event(
                work.session,
                customer_id=work.customer.customer_id,
                invoice_id=invoice_id,
                kind=f"request_{request.name}",
                event_id=update_id,
                payload=read.model_dump(mode="json", exclude_unset=True),
                at=work.now,
            )
            if isinstance(witnessed, facts.Repeated):
                return Reply(update_id=request.update_id)
            if isinstance(witnessed, facts.Conflicting):
                return _refusal(request, "InvalidRequest", "this update id was used for another request")
            pursued = work.case(invoice_id)
            around: dict[str, Any] = {}
            if isinstance(read, wire.ProposePlan):
                around["others"] = [other.case for other in work.siblings(invoice_id)]
                around["limits"] = self._rulebook.plan_limits(portfolio.profile_of(work.customer))
            answered = answer(
                pursued.case, pursued.policy, read, work.now, update_id, self._rulebook.policies, **around
            )
            if isinstance(read, wire.DecideStep) and not isinstance(answered, Refused):
                answered = _decide_for_all(work, invoice_id, read, self._renderer)
            if isinstance(answered, Refused):
                savepoint.rollback()
                return _refusal(request, answered.rule, answered.reason)
            for fact in answered:
                self._file(work, invoice_id, fact, update_id)
        return Reply(update_id=request.update_id)

    def _file(
        self, work: CaseWork, invoice_id: str, fact: wire.Fact | internal.InternalFact, event_id: str
    ) -> None:
        """File a fact with what it means for rows beside the case."""
        match fact:
            case internal.StepSkipped():
                _withdraw_draft(work, invoice_id, fact.step, f"{fact.step} of {invoice_id} is left out")
                work.file(invoice_id, fact, event_id)
            case internal.PolicyChanged():
                policy = self._rulebook.policies[fact.policy]
                _withdraw_draft(work, invoice_id, None, f"{invoice_id} has another policy")
                work.file(invoice_id, fact, event_id)
                row = work.row(invoice_id)
                row.policy_name, row.policy_version = policy.name, str(policy.version)
                row.policy = policy.model_dump(mode="json")
                work.forget()
            case internal.CallLogged():
                work.file(invoice_id, fact, event_id)
                for kind in ("call", "call_attempts"):
                    _close_about(work, invoice_id, kind, by=fact.by, outcome=fact.outcome)
                if fact.outcome is CallOutcome.REACHED:
                    called = _called_instead(work, invoice_id)
                    _close_about(work, invoice_id, "contact", by=fact.by, outcome=fact.outcome, refs=called)
            case internal.DeliveryWaived():
                messages = _messages_of(work, invoice_id, fact.step)
                work.file(invoice_id, fact, event_id)
                for kind in ("unknown_delivery", "contact"):
                    _close_about(work, invoice_id, kind, by=fact.by, outcome="waived", refs=messages)
                if not any(task.kind == "notice_missing" for task in work.decide(invoice_id).tasks):
                    _close_about(work, invoice_id, "notice_missing", by=fact.by, outcome="waived")
            case internal.PlanTabled():
                plan_book.put_on_table(work, fact)
            case internal.PlanAccepted():
                plan_book.accept(work, fact)
            case internal.PlanEnded():
                plan_book.end(work, fact)
            case internal.OfferMade() | internal.OfferAccepted() | internal.OfferEnded():
                work.file(invoice_id, fact, fact.offer_id)
                refs, by = (fact.offer_id,), fact.by
                _close_about(work, invoice_id, COUNTER_OFFER, by=by, outcome=_decided(fact), refs=refs)
            case internal.OfferCountered():
                work.file(invoice_id, fact, fact.offer_id)
                _list_counter(work, invoice_id, fact)
            case internal.Recalled():
                work.file(invoice_id, fact, event_id)
                _close_about(work, invoice_id, "referral", by=fact.by, outcome="recalled")
            case wire.Fact():
                if work.file(invoice_id, fact, fact.fact_id):
                    _beside(work, invoice_id, fact)
            case _:
                work.file(invoice_id, fact, event_id)


def _decide_for_all(
    work: CaseWork, invoice_id: str, request: wire.DecideStep, renderer: PdfRenderer | None
) -> Answer:
    """File what is decided about a message for every invoice in it, each at its own step: nothing is left
    to file then. Refused where the message waits for nobody any more."""
    approval = work.case(invoice_id).case.approval
    message = outbox.get(work.session, approval.fact.message_id) if approval is not None else None
    if (
        message is None
        or message.state is not MessageState.PENDING
        or message.approval is not Approval.REQUESTED
    ):
        return Refused("NotWaitingForApproval", f"{request.step} of {invoice_id} waits for no approval")
    message_id = message.message_id
    if request.approve and request.words is not None:
        told = request.words
        draft = Draft(
            subject=told.subject,
            greeting=told.greeting,
            paragraphs=list(told.paragraphs),
            closing=told.closing,
        )
        problems = edit_words(work, message, draft, by=request.by, renderer=renderer)
        if problems:
            return Refused("WordsRefused", "; ".join(problems))
    decided = Approval.APPROVED if request.approve else Approval.DENIED
    decide_approval(work, message_id, decided, request.by)
    for item in work.items(message_id):
        fact: internal.InternalFact = internal.ApprovalGiven(message_id=message_id, by=request.by)
        if not request.approve:
            fact = internal.StepSkipped(
                step=Step(item.step), cycle=item.cycle, by=request.by, reason=request.note or "denied"
            )
        work.file(item.invoice_id, fact, message_id)
        work.nudge.add(item.invoice_id)
    return ()


def _decided(fact: internal.OfferMade | internal.OfferAccepted | internal.OfferEnded) -> str:
    return fact.how if isinstance(fact, internal.OfferEnded) else "agreed"


def _list_counter(work: CaseWork, invoice_id: str, fact: internal.OfferCountered) -> None:
    """Ask staff to decide about a counter-offer, by the day that the customer was told."""
    case = work.case(invoice_id).case
    owed, pay = Money(case.balance, case.currency), Money(fact.pay, case.currency)
    why = (
        f"the customer offers {pay} of {owed} {case.currency} by {fact.pay_by}: decide by {fact.decide_by} "
        f"(decide-offer {invoice_id} --accept or --decline)"
    )
    work.open_item(COUNTER_OFFER, why, invoice_id=invoice_id, ref=fact.offer_id, due_on=fact.decide_by)


def _withdraw_draft(work: CaseWork, invoice_id: str, step: Step | None, why: str) -> None:
    """Take back a message that waits for approval, or for being sent after it; `step` None for any step."""
    approval = work.case(invoice_id).case.approval
    if approval is None or step not in (None, approval.fact.step):
        return
    message = outbox.get(work.session, approval.fact.message_id)
    if message is not None and message.state is MessageState.PENDING:
        work.withdraw(message.message_id, why)


def _messages_of(work: CaseWork, invoice_id: str, step: Step | Note) -> set[str]:
    """By what worklist items name the message of a step: its id, or step and cycle where it has none."""
    case = work.case(invoice_id).case
    names = {message_id for message_id, claim in case.claimed.items() if claim.fact.step == step}
    for taken in case.steps:
        if taken.fact.step == step:
            names.add(taken.fact.message_id or f"{step}-{taken.fact.cycle}")
    return names


def _called_instead(work: CaseWork, invoice_id: str) -> set[str]:
    """The messages in place of which a colleague was to call."""
    steps = (taken.fact for taken in work.case(invoice_id).case.steps)
    return {fact.message_id for fact in steps if fact.channel is Channel.CALL and fact.message_id}


def _close_about(
    work: CaseWork, invoice_id: str, kind: str, *, by: str, outcome: str, refs: Collection[str] | None = None
) -> None:
    """Close the items of a kind about an invoice (those with these refs)."""
    for task in worklist.list_open(work.session, kind=kind, invoice_id=invoice_id):
        if refs is None or task.ref in refs:
            worklist.close_task(work.session, task.item_id, at=work.now, by=by, outcome=outcome)


def _record_alone(work: CaseWork, invoice_id: str, signal: SignalInput) -> None:
    try:
        with work.session.begin_nested():
            record_signal(work, invoice_id, signal)
    except Exception as problem:
        if not can_never_succeed(problem):
            raise
        work.forget()
        why = f"it cannot be recorded ({type(problem).__name__})"
        _unreadable(work, invoice_id, signal.name, why, as_it_came(signal.name, signal.inputs))


def record_signal(work: CaseWork, invoice_id: str, signal: SignalInput) -> None:
    """Record a signal, or put it on the worklist; what may be money or a promise then pauses the case."""
    came = as_it_came(signal.name, signal.inputs)
    model = wire.INVOICE_SIGNALS.get(signal.name)
    if model is None and signal.name in wire.PAUSING_SIGNALS:
        _unreadable(work, invoice_id, signal.name, "it is for a customer's account, not for an invoice", came)
        return
    if model is None:
        why = f"nothing is known of a signal named {signal.name[:64]!r}"
        work.open_item("unknown_signal", why, invoice_id=invoice_id, **came._asdict())
        return
    read = read_input(model, signal.inputs)
    if isinstance(read, list):
        _unreadable(work, invoice_id, signal.name, "; ".join(str(error) for error in read), came)
        return
    problem = unfit(work.case(invoice_id).case, read)
    if problem is not None and problem.pauses:
        _unreadable(work, invoice_id, signal.name, problem.why, came)
    elif problem is not None:
        why = f"{signal.name}: {problem.why}"
        work.open_item("unfit_fact", why, invoice_id=invoice_id, **came._asdict())
    elif isinstance(read, wire.PaymentReceived):
        # Under the id of a bank line a person found out what it is for.
        by_hand = read.payment_id.startswith(LINE_PREFIX)
        if file_payment(work, invoice_id, read, by_hand=by_hand):
            _beside(work, invoice_id, read)
    elif work.file(invoice_id, read, read.fact_id):
        _beside(work, invoice_id, read)


def _list_strays(session: Session, batch: RecordFacts) -> Recorded:
    """Facts that came with a start that could not be read, for an invoice that nobody knows."""
    for signal in batch.signals:
        worklist.open_task(
            session,
            kind="stray_signal",
            why=f"{signal.name[:64]} came for an invoice that was never started",
            at=batch.at,
            invoice_id=batch.invoice_id,
            **as_it_came(signal.name, signal.inputs)._asdict(),
        )
    return Recorded()


def _unreadable(work: CaseWork, invoice_id: str, name: str, why: str, came: AsItCame) -> None:
    item_id = work.open_item(
        "unreadable_signal", f"{name} could not be read: {why}", invoice_id=invoice_id, **came._asdict()
    )
    if name in wire.PAUSING_SIGNALS:
        work.file(invoice_id, internal.UnreadableFact(item_id=item_id), item_id)


def _beside(work: CaseWork, invoice_id: str, fact: wire.Fact) -> None:
    """What a recorded fact means for the worklist."""
    match fact:
        case wire.PaymentReceived() if fact.payment_id.startswith(LINE_PREFIX):
            customer_id = work.customer.customer_id
            bank.apply_by_hand(work.session, fact.payment_id, customer_id, invoice_id, fact.money, work.now)
            end_doubt(work, invoice_id, fact.payment_id)
        case wire.HoldReleased():
            work.close_hold_item(fact.hold_id, invoice_id)
            close_unawaited(work, invoice_id, fact.hold_id)
            close_doubtful(work, invoice_id, fact.hold_id)
        case wire.InvoiceStatus(status="rejected"):
            why = "the customer's system rejected the invoice"
            work.open_item("invoice_rejected", why, invoice_id=invoice_id, ref=fact.status_id)
        case wire.DisputeRaised():
            work.open_item("dispute", f"disputed: {fact.reason}", invoice_id=invoice_id, ref=fact.dispute_id)
        case wire.DisputeResolved():
            refs = (fact.dispute_id,)
            _close_about(work, invoice_id, "dispute", by="dispute_resolved", outcome=fact.outcome, refs=refs)


def _event_id(update_id: str) -> str:
    """An id of ours for a request: callers may give their updates any text as id."""
    if _EVENT_ID.fullmatch(update_id):
        return update_id
    return f"u-{hashlib.sha256(update_id.encode()).hexdigest()[:32]}"


def _refusal(request: UpdateInput, rule: str, reason: str) -> Reply:
    return Reply(update_id=request.update_id, refused_by=rule, reason=reason[:2000])
