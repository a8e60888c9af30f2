"""The words and papers of a message: written without any lock, then frozen as what goes out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from jinja2 import TemplateError
from sqlalchemy.orm import Session, sessionmaker
from temporalio import activity

from activities.call_sheet import CallSheet, read_call_sheet
from activities.carriers import plain_payload
from activities.casework import CaseWork
from activities.interface import OnMessage, Rendered
from activities.messages import ANOTHER_VERSION, frozen_facts, give_up, is_for_staff, reasons, step_of
from activities.paper.demand_letter import DemandRefused
from activities.paper.letters import letter_pdf
from activities.paper.rendering import PdfRenderer, PdfUnavailable, RenderingFailed
from activities.papers import LARGEST_ATTACHMENT, Papers, make_papers
from activities.referral_pack import ReferralPack, read_referral_pack
from activities.rulebook import Rulebook
from activities.writing.drafting import Drafter
from activities.writing.mail import Attachment, build_mail
from activities.writing.words import Words, write_notice
from domain import facts as internal
from domain.contact import ready
from domain.letters.draft import Draft, brief_of
from domain.letters.guard import examine
from domain.letters.letter import NoticeFacts
from domain.pauses import approval_ends
from domain.vocabulary import Channel, Note, Step, step_name
from store import canonical, outbox
from store.schema import CaseRow, MessageRow, MessageState

#: What a message raises that nobody will ever be able to write: a name that breaks a header, a fact that no
#: phrase was written for. To try again would not help; a person has to look.
UNWRITABLE = (TemplateError, ValueError, LookupError, TypeError, ArithmeticError)


def write_words(sessions: sessionmaker[Session], message_id: str, drafter: Drafter | None = None) -> None:
    """Write a reserved message's words, a model's where there is a drafter; once written they stand."""
    with sessions() as session:
        message = outbox.get(session, message_id)
        if message is None or message.state is not MessageState.RESERVED:
            return
        if outbox.document(session, message_id, outbox.WORDS) is not None:
            return
        facts = NoticeFacts.model_validate(message.facts)
        background = drafter.background(session, message, facts) if drafter is not None else None
    draft, drafting = None, None
    words = _write(facts)
    if drafter is not None and background is not None:
        draft, drafting = drafter.draft(facts, background)
        words = words if draft is None else _write(facts, draft)
    with sessions.begin() as session:
        first = outbox.attach(
            session, message_id, name=outbox.WORDS, media_type="application/json", body=words
        )
        if first and drafting is not None:
            outbox.note_drafting(session, message_id, drafting.record())
        if first and draft is not None:
            body = draft.model_dump_json().encode()
            outbox.attach(session, message_id, name=outbox.DRAFT, media_type="application/json", body=body)


def attach_words(session: Session, message: MessageRow) -> None:
    """Write a reserved message's words with the lock held; for messages that facts keep overtaking."""
    body = _write(NoticeFacts.model_validate(message.facts))
    outbox.attach(session, message.message_id, name=outbox.WORDS, media_type="application/json", body=body)


def note_missing_paper(work: CaseWork, message: MessageRow, invoice_id: str, why: str) -> None:
    """A message without its statement is better than none, but somebody has to know."""
    why = f"the {step_name(message.step)} goes without its statement: {why}"
    work.open_item("paper_missing", why, invoice_id=invoice_id, ref=message.message_id)


def freeze_message(
    work: CaseWork, message: MessageRow, papers: Sequence[Attachment], letter: bytes | None = None
) -> MessageRow:
    """RESERVED -> PENDING: put words and papers together as they go out, or take the finished letter. Raises
    UnsafeHeader."""
    words = _words(work.session, message.message_id)
    payload = _payload(work, message, words, papers, letter)
    frozen = outbox.freeze(work.session, message.message_id, payload=payload, subject=words.subject)
    _note_written(work, message, payload)
    return frozen


def edit_words(
    work: CaseWork, message: MessageRow, draft: Draft, *, by: str, renderer: PdfRenderer | None = None
) -> tuple[str, ...]:
    """Give a message that waits for approval the words of a person; a letter is made again at once. Returns
    why not, where the guard refuses them or the letter cannot be made; nothing is changed then."""
    facts = frozen_facts(message)
    brief = brief_of(facts) if facts is not None else None
    if facts is None or brief is None:
        return ("the words of this message are not to be edited",)
    if problems := examine(draft, brief, by_person=True):
        return problems
    papers = [
        Attachment(paper.name, paper.media_type, paper.body)
        for paper in outbox.documents_of(work.session, message.message_id)
        if paper.for_customer and len(paper.body) <= LARGEST_ATTACHMENT
    ]
    try:
        words = write_notice(facts, draft)
        letter = None
        if facts.channel is Channel.LETTER:
            if renderer is None:
                return ("letters cannot be made here",)
            letter = letter_pdf(words, papers, renderer)
        payload = _payload(work, message, words, papers, letter)
    except (*UNWRITABLE, RenderingFailed, PdfUnavailable) as problem:
        return (reasons(problem),)
    drafting = {
        "words": "person",
        "why": f"edited by {by}",
        "draft_sha256": hashlib.sha256(draft.model_dump_json().encode()).hexdigest(),
        "before": message.drafting,
    }
    outbox.note_drafting(work.session, message.message_id, drafting)
    rewritten = outbox.rewrite(
        work.session, message.message_id, payload=payload, subject=words.subject, words=_kept(words)
    )
    _note_written(work, rewritten, payload)
    return ()


def _payload(
    work: CaseWork, message: MessageRow, words: Words, papers: Sequence[Attachment], letter: bytes | None
) -> bytes:
    """The message as it goes out by its channel."""
    if message.channel == Channel.LETTER:
        if letter is None:
            raise ValueError("the letter was not made")
        return letter
    if message.channel != Channel.EMAIL:
        return plain_payload(words, message)
    facts = NoticeFacts.model_validate(message.facts)
    thread = () if is_for_staff(message) else outbox.thread_of(work.session, message)
    return build_mail(
        facts, words, to=message.to, cc=message.cc, at=work.now, attachments=papers, thread=thread
    )


def _note_written(work: CaseWork, message: MessageRow, payload: bytes) -> None:
    """In the audit chain: what goes out, and where its words come from."""
    written = {"payload_sha256": hashlib.sha256(payload).hexdigest()}
    if message.drafting is not None:
        written["words"] = message.drafting["words"]
        written["drafting_sha256"] = canonical.digest(message.drafting).hex()
    work.note("message_written", message.message_id, written)


def _write(facts: NoticeFacts, draft: Draft | None = None) -> bytes:
    return _kept(write_notice(facts, draft))


def _kept(words: Words) -> bytes:
    return json.dumps({"subject": words.subject, "text": words.text, "html": words.html}).encode()


class Documents:
    """Makes the papers; runs on the task queue `duecourse-documents`."""

    def __init__(self, sessions: sessionmaker[Session], rulebook: Rulebook, renderer: PdfRenderer) -> None:
        self._sessions = sessions
        self._rulebook = rulebook
        self._renderer = renderer

    @activity.defn
    def render_documents(self, on: OnMessage) -> Rendered:
        """Make the papers of a reserved message, freeze it as it goes out, and ask for approval where due."""
        with self._sessions() as session:
            message = outbox.get(session, on.message_id)
            if message is None or message.state is not MessageState.RESERVED:
                return Rendered()
            facts = frozen_facts(message)
            written = outbox.document(session, on.message_id, outbox.WORDS) is not None
            colleagues = None if facts is None else self._for_colleagues(session, message, facts, on.at)
        papers = Papers()
        unwritable: str | None = None
        refused: str | None = None
        letter: bytes | None = None
        try:
            if facts is not None:
                papers = self._papers(facts, colleagues)
                if not written:
                    write_words(self._sessions, on.message_id)
                if facts.channel is Channel.LETTER:
                    with self._sessions() as session:
                        words = _words(session, on.message_id)
                    letter = letter_pdf(words, papers.attached, self._renderer)
        except DemandRefused as problem:
            refused = str(problem)
        except (*UNWRITABLE, RenderingFailed, PdfUnavailable) as problem:
            unwritable = reasons(problem)
        with self._sessions.begin() as session:
            work = CaseWork.on_invoice(session, on.invoice_id, self._rulebook, on.at)
            message = outbox.get(session, on.message_id)
            if message is None or message.state is not MessageState.RESERVED:
                return Rendered()
            if facts is None:
                work.withdraw(message.message_id, ANOTHER_VERSION)
                return Rendered(decided=work.settle(on.invoice_id))
            if unwritable is not None:
                give_up(work, message, unwritable)
                return Rendered(decided=work.settle(on.invoice_id))
            if refused is not None:
                _refuse_demand(work, message, refused)
                return Rendered(decided=work.settle(on.invoice_id))
            for paper in (*papers.attached, *papers.kept):
                outbox.attach(
                    session,
                    on.message_id,
                    name=paper.name,
                    media_type=paper.media_type,
                    body=paper.body,
                    for_customer=paper.for_customer,
                )
            for missing in papers.missing:
                note_missing_paper(work, message, on.invoice_id, missing)
            _note_exhibits(work, message, papers)
            try:
                message = freeze_message(work, message, papers.attached, letter)
            except UNWRITABLE as problem:
                give_up(work, message, reasons(problem))
                return Rendered(decided=work.settle(on.invoice_id))
            asked = _ask_approval(work, message)
            return Rendered(decided=work.settle(on.invoice_id) if asked else None)

    def _for_colleagues(
        self, session: Session, message: MessageRow, facts: NoticeFacts, at: datetime
    ) -> CallSheet | ReferralPack | None:
        """What stands on the paper that colleagues or the partner get at this step, as committed."""
        called_about = facts.for_staff or facts.channel is Channel.CALL
        if not called_about and facts.step is not Step.REFERRAL:
            return None
        ids = [item.invoice_id for item in outbox.items_of(session, message.message_id)]
        rows = [session.get_one(CaseRow, invoice_id) for invoice_id in ids]
        read = read_call_sheet if called_about else read_referral_pack
        return read(session, rows, self._rulebook, at) if rows else None

    def _papers(self, facts: NoticeFacts, colleagues: CallSheet | ReferralPack | None) -> Papers:
        """What goes with a message; a message without its papers is better than none."""
        try:
            return make_papers(facts, self._rulebook, self._renderer, colleagues)
        except (RenderingFailed, PdfUnavailable) as problem:
            return Papers(missing=(str(problem),))
        except UNWRITABLE as problem:
            return Papers(missing=(reasons(problem),))


def _refuse_demand(work: CaseWork, message: MessageRow, why: str) -> None:
    """A demand that lacks what the law wants with it does not go out; its cases wait for a person."""
    work.withdraw(message.message_id, why)
    invoices = [item.invoice_id for item in work.items(message.message_id)]
    work.park(invoices, "demand_refused", why, message.message_id)


def _note_exhibits(work: CaseWork, message: MessageRow, papers: Papers) -> None:
    """Keep in the message's record what was bound; what was not is for a person to look at, once."""
    if not papers.exhibits:
        return
    work.note("exhibits_bound", message.message_id, {"exhibits": papers.record})
    for exhibit in papers.exhibits:
        if exhibit.problem is not None:
            title = exhibit.named.title or exhibit.named.kind
            why = f"exhibit {title!r} is left out of statements: {exhibit.problem}"
            about = f"{exhibit.problem}: {exhibit.named.uri or title}"
            ref = hashlib.sha256(about.encode()).hexdigest()[:16]
            work.open_item("exhibit", why, invoice_id=exhibit.invoice.invoice_id, ref=ref)


def _words(session: Session, message_id: str) -> Words:
    written = outbox.document(session, message_id, outbox.WORDS)
    assert written is not None, "they are written before the papers"
    return Words(**json.loads(written))


def _ask_approval(work: CaseWork, message: MessageRow) -> bool:
    """Where an invoice of the message needs a person's approval, ask for it, for all of them at once.

    Where another one does not need it any more, nobody is asked: facts have overtaken the message. Returns
    whether the case is to be decided anew.
    """
    items = work.items(message.message_id)
    if isinstance(step_of(items[0].step), Note):
        return False
    asked = [ready(work.case(item.invoice_id), work.now) for item in items]
    ranks = [carried.rank for carried in asked if carried is not None and carried.approval == "ask"]
    if not ranks:
        return False
    if len(ranks) < len(items):
        work.withdraw(message.message_id, "the facts changed while it was written")
        return True
    rank = max(ranks)
    pursued = work.case(items[0].invoice_id)
    expires_on, expires_at = approval_ends(pursued.case.account, pursued.policy, work.today(pursued))
    outbox.request_approval(work.session, message.message_id, until=expires_at, rank=rank)
    for item in items:
        fact = internal.ApprovalAsked(
            message_id=message.message_id,
            step=Step(item.step),
            cycle=item.cycle,
            expires_at=expires_at,
            rank=rank,
        )
        work.file(item.invoice_id, fact, message.message_id)
    again = f", asked {rank + 1} times" if rank else ""
    work.open_item(
        "approval",
        f"approve by {expires_on}{again}: {message.subject}",
        ref=message.message_id,
        invoices=[item.invoice_id for item in items],
        due_on=expires_on,
    )
    return True
