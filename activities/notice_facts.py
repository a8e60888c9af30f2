"""Freezing the facts of a message: what a contact says, taken from the committed rows under the lock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from activities import plan_book
from activities.casework import CaseWork
from activities.contacts import Recipients
from activities.writing.phrasing import LANGUAGES, part_of
from domain import contract as wire
from domain.case import Case
from domain.cash_source import announced_amount
from domain.contact import Contact, ContactItem, Pursued
from domain.early_payment import terms_of
from domain.envelope import window_address
from domain.facts import OfferMade, PlanTabled
from domain.letters.demand import jurisdiction_of
from domain.letters.letter import (
    AnswerFacts,
    CallFacts,
    CustomerFacts,
    EarlyPaymentFacts,
    EntryKind,
    ExhibitFacts,
    InstalmentFacts,
    InvoiceFacts,
    LineFacts,
    NoticeFacts,
    OfferFacts,
    PlanFacts,
    PromiseFacts,
    ResolutionFacts,
    StatementEntry,
    language_for,
)
from domain.money import Money
from domain.offer_credit import left_to_pay
from domain.pauses import (
    calendar_of,
    frozen_amount,
    offer_on_table,
    planned_amount,
    promised_amount,
    promises,
    terms_on_table,
)
from domain.postings import BANK_CHARGES_ENTRY, EARLY_PAYMENT_ENTRY, OFFER_ENTRY
from domain.requests.offer_requests import offer_of_step
from domain.risk import assess
from domain.seller import Mailbox, Seller, one_line
from domain.vocabulary import (
    AFTER_THE_DEBT,
    OFFER_NOTES,
    PLAN_NOTES,
    Channel,
    CustomerKind,
    Note,
    OfferKind,
    Step,
    Tone,
)
from store import facts as ledger
from store import plans
from store.portfolio import country_of, profile_of
from store.schema import CaseRow, LedgerEntryRow

CHARGE_ENTRY = "charge_added"
#: A reason stands in one or two lines of a table; the whole of it is in the books.
_LONGEST_REASON = 160
_KINDS = {
    "invoice": EntryKind.INVOICE,
    "invoice_amended": EntryKind.AMENDMENT,
    "payment_received": EntryKind.PAYMENT,
    "payment_reversed": EntryKind.REVERSAL,
    "credit_issued": EntryKind.CREDIT,
    "dispute_resolved": EntryKind.CREDIT,
    BANK_CHARGES_ENTRY: EntryKind.CREDIT,
    EARLY_PAYMENT_ENTRY: EntryKind.EARLY_PAYMENT,
    f"{OFFER_ENTRY}{OfferKind.EARLY_PAYMENT_DISCOUNT}": EntryKind.DISCOUNT,
    f"{OFFER_ENTRY}{OfferKind.SETTLEMENT}": EntryKind.SETTLEMENT,
    f"{OFFER_ENTRY}{OfferKind.FEE_WAIVER}": EntryKind.WAIVER,
    CHARGE_ENTRY: EntryKind.CHARGE,
    "charge_waived": EntryKind.WAIVER,
    "written_off": EntryKind.WRITE_OFF,
    "invoice_cancelled": EntryKind.CANCELLATION,
}
_CHARGES = {"interest": EntryKind.INTEREST, "fee": EntryKind.FEE}


def freeze(work: CaseWork, contact: Contact, recipients: Recipients, message_id: str) -> NoticeFacts:
    """The facts of a message as they are committed now."""
    lead = work.row(contact.items[0].invoice_id)
    seller = work.rulebook.seller(lead.seller)
    profile = profile_of(work.customer)
    asked = {item.invoice_id: item for item in contact.items}
    invoice_ids = [*asked, *contact.listed]
    work.load(invoice_ids)
    entries = ledger.entries_of(work.session, invoice_ids)
    cases = [work.case(invoice_id) for invoice_id in asked]
    ends_plan = _ends_plan(work, contact)
    manager = profile.account_manager
    language = _language(seller, profile, recipients)
    return NoticeFacts(
        message_id=message_id,
        step=contact.step,
        channel=recipients.route.channel,
        window=_window(profile, recipients),
        attention=_attention(recipients),
        tone=contact.rung.tone if contact.rung is not None else _tone_of_notes(contact),
        locale=recipients.to.locale or profile.locale or "en-US",
        language=language,
        seller=seller,
        customer=customer_facts(profile),
        as_of=contact.on,
        items=tuple(
            invoice_facts(
                work.case(invoice_id),
                work.row(invoice_id),
                entries[invoice_id],
                today=work.today(work.case(invoice_id)),
                language=language,
                item=asked.get(invoice_id),
                whole_due_on=ends_plan,
                made=_made_by(work, contact, asked.get(invoice_id)),
            )
            for invoice_id in invoice_ids
        ),
        unapplied=tuple(
            Money(minor, code) for code, minor in sorted(work.account.unapplied.items()) if minor > 0
        ),
        contact_name=_line(recipients.to.name),
        contact_phone=_line(recipients.to.phone),
        account_manager=(
            Mailbox(name=_line(manager.name) or manager.email, email=manager.email)
            if manager is not None and manager.email is not None
            else None
        ),
        answer_by=_answer_by(work, contact, profile),
        block_on=contact.block_on,
        usual_day=work.usual_day() if contact.step in (Step.PRE_DUE, Step.PRE_DUE_2) else None,
        promise=_promise(work, contact),
        call=_call(work, contact),
        answer=_answer(work, contact),
        resolution=_resolution(work, contact),
        plan=_plan(work, contact),
        offer=_subject_offer(work, contact),
        kind=contact.kind or None,
        by_template=contact.rung is not None and contact.rung.draft == "template",
        late_entry=any(pursued.case.opened_on > pursued.case.due for pursued in cases),
        at_risk=contact.step is Step.AT_RISK,
        reasons=_reasons(work, contact),
        referral_partner=seller.referral_partner if Step.REFERRAL in contact.policy.by_step else None,
    )


def _answer_by(work: CaseWork, contact: Contact, profile: wire.Customer) -> date | None:
    """The date to answer by: a demand gives at least the days that the law of the debtor's place asks for."""
    if contact.answer_by is None or contact.rung is None or contact.step is not Step.DEMAND:
        return contact.answer_by
    jurisdiction = jurisdiction_of(country_of(profile), CustomerKind(profile.kind))
    least = work.rulebook.demand.rules(jurisdiction).answer_days
    return contact.answer_by + timedelta(days=max(0, least - contact.rung.answer_days))


def material(facts: NoticeFacts, people: Iterable[Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """What must be unchanged between writing and sending: who is asked for what, and who reads it (`people`
    are those written to and the copies)."""
    spoken = facts.channel in (Channel.CALL, Channel.VOICE)
    return {
        "step": facts.step,
        "channel": facts.channel,
        "window": facts.window,
        "tone": facts.tone,
        "people": [
            [contact.get("phone" if spoken else "email") for contact in contacts] for contacts in people
        ],
        "promise": facts.promise,
        "call": facts.call,
        "answer": facts.answer,
        "resolution": facts.resolution,
        "plan": _material_plan(facts),
        "offer": facts.offer,
        "items": sorted(
            [
                item.invoice_id,
                item.cycle,
                item.step,
                str(item.asked),
                str(item.balance),
                str(item.promised),
                str(item.disputed),
                *([str(item.received)] if facts.step in AFTER_THE_DEBT else []),
                *_material_offer(item.offer),
            ]
            for item in facts.items
        ),
    }


def names_terms_that_are_over(written: NoticeFacts, true: NoticeFacts) -> bool:
    """Whether a written message tells of terms for early payment that do not stand as it says. One that is silent
    about terms that stand, as those of a version that did not know them, is true all the same."""
    standing = {(item.invoice_id, term) for item in true.items for term in item.early_payment}
    return any((item.invoice_id, term) not in standing for item, term in written.early_payments)


def offers_come_too_near(written: NoticeFacts, true: NoticeFacts) -> bool:
    """Whether a written message leaves less time for an offer than it would if it were written today."""
    named = {item.invoice_id: item.offer.until for item in written.items if item.offer is not None}
    return any(
        item.offer is not None and named.get(item.invoice_id, item.offer.until) < item.offer.until
        for item in true.items
    )


def _material_offer(offer: OfferFacts | None) -> list[str]:
    """What is offered must stand as it was written; its date may move along with the day of the message."""
    return [] if offer is None else [offer.offer_id, str(offer.pay), str(offer.credit), str(offer.accepted)]


def _made_by(work: CaseWork, contact: Contact, item: ContactItem | None) -> OfferMade | None:
    """What the message itself offers on one of its invoices."""
    if item is None or not isinstance(item.step, Step):
        return None
    pursued = work.case(item.invoice_id)
    return offer_of_step(
        pursued.case, pursued.policy, item.step, item.cycle, contact.on, contact.offers_until(pursued.policy)
    )


def _offer(case: Case, today: date, made: OfferMade | None) -> OfferFacts | None:
    """The offer that a paper or a page names, with what is still to be paid for it."""
    standing = offer_on_table(case, today)
    offer = standing or made
    if offer is None:
        return None
    left = offer.pay if standing is None else left_to_pay(case, offer)
    if not 0 < left < case.balance:
        return None
    return OfferFacts(
        offer_id=offer.offer_id,
        kind=offer.offer,
        pay=Money(left, case.currency),
        credit=Money(case.balance - left, case.currency),
        until=offer.until,
        accepted=offer.offer_id in case.offers_accepted,
        made=made if standing is None else None,
    )


def _language(seller: Seller, profile: wire.Customer, recipients: Recipients) -> str:
    """The reader's own language, else the customer's, among those the seller offers; colleagues read the
    seller's."""
    wanted = () if recipients.staff else (recipients.to.locale, profile.locale)
    return language_for(wanted, seller.languages, LANGUAGES)


def _attention(recipients: Recipients) -> tuple[str, ...]:
    """Who a letter names beside the person it goes to."""
    if recipients.route.channel is not Channel.LETTER:
        return ()
    return tuple(one_line(contact.name) for contact in recipients.cc if contact.name)


def _window(profile: wire.Customer, recipients: Recipients) -> tuple[str, ...]:
    """The address of a letter, for the person it is for where there is room."""
    if recipients.route.channel is not Channel.LETTER:
        return ()
    return window_address(profile, recipients.to.name) or ()


def _line(text: str | None) -> str | None:
    return one_line(text) or None if text is not None else None


def customer_facts(profile: wire.Customer) -> CustomerFacts:
    """The debtor as named on paper."""
    address = profile.address
    lines: list[str] = []
    if address is not None:
        place = " ".join(part for part in (address.city, address.region, address.postal_code) if part)
        lines = [line for line in (*address.lines, place) if line]
    return CustomerFacts(
        name=_line(profile.shown_name) or profile.customer_id,
        legal_name=_line(profile.legal_name),
        kind=CustomerKind(profile.kind),
        address=tuple(one_line(line) for line in lines),
        country=country_of(profile),
        customer_id=profile.customer_id,
    )


def invoice_facts(
    pursued: Pursued,
    row: CaseRow,
    entries: Sequence[LedgerEntryRow],
    *,
    today: date,
    language: str,
    item: ContactItem | None = None,
    whole_due_on: date | None = None,
    made: OfferMade | None = None,
) -> InvoiceFacts:
    """One invoice as its committed rows say; asked for as `item` says, only listed without one. From
    `whole_due_on` on all of it is due, whatever its due date; `made` is what the message offers on it by itself."""
    case = pursued.case
    whole_due_on = whole_due_on or case.whole_due_on
    invoice = wire.Invoice.model_validate(row.invoice)
    promised = promised_amount(case, pursued.policy, today)
    disputed = frozen_amount(case)
    planned = planned_amount(case, today)
    arriving = announced_amount(case)
    offer = _offer(case, today, made)
    return InvoiceFacts(
        invoice_id=row.invoice_id,
        number=_line(row.number) or row.invoice_id,
        part=part_of(language, invoice.part.index, invoice.part.of) if invoice.part is not None else None,
        purchase_order=_line(invoice.purchase_order),
        description=_line(invoice.description),
        agreement_ref=_line(invoice.agreement_ref),
        issued_on=row.issued_on,
        due_on=case.due,
        days_past_due=(today - case.due).days,
        whole_due_on=whole_due_on if today < case.due else None,
        currency=row.currency,
        lines=tuple(
            LineFacts(
                description=one_line(line.description or ""),
                amount=Money.parse(line.amount, row.currency),
                quantity=_line(line.quantity),
            )
            for line in invoice.lines
            if line.amount is not None
        ),
        entries=tuple(
            StatementEntry(
                on=entry.entry_on,
                kind=_kind(case, entry),
                amount=Money(entry.amount_minor, entry.currency),
                reference=_reference(case, entry),
            )
            for entry in entries
        ),
        exhibits=tuple(
            ExhibitFacts(
                kind=exhibit.kind, title=exhibit.title, uri=exhibit.uri, media_type=exhibit.media_type
            )
            for exhibit in invoice.exhibits
        ),
        amount=invoice.money,
        balance=Money(case.balance, row.currency),
        asked=Money(item.asked, row.currency) if item is not None and item.asked > 0 else None,
        promised=Money(promised, row.currency) if promised else None,
        disputed=Money(disputed, row.currency) if disputed else None,
        planned=Money(planned, row.currency) if planned else None,
        arriving=Money(arriving, row.currency) if arriving else None,
        offer=offer,
        early_payment=tuple(
            EarlyPaymentFacts(
                percent=term.percent,
                pay=Money(term.pay, row.currency),
                credit=Money(term.credit, row.currency),
                until=term.until,
            )
            for term in terms_on_table(case, today)
            if offer is None or term.pay < offer.pay.minor
        ),
        step=item.step if item is not None and isinstance(item.step, Step) else None,
        cycle=item.cycle if item is not None else case.cycle,
    )


def _tone_of_notes(contact: Contact) -> Tone:
    """Confirmations speak as the policy's notices do: as a partner, or professionally."""
    tones = {rung.tone for rung in contact.policy.ladder if rung.is_notice}
    return Tone.PARTNER if Tone.PARTNER in tones else Tone.PROFESSIONAL


def _shortened(reason: str | None) -> str | None:
    """A reason as a table shows it."""
    if reason is None or len(reason) <= _LONGEST_REASON:
        return reason
    return f"{reason[: _LONGEST_REASON - 1].rstrip()}…"


def _kind(case: Case, entry: LedgerEntryRow) -> EntryKind:
    charge = case.charges.get(entry.event_id) if entry.kind == CHARGE_ENTRY else None
    return _KINDS[entry.kind] if charge is None else _CHARGES.get(charge.fact.kind, EntryKind.CHARGE)


def _reference(case: Case, entry: LedgerEntryRow) -> str | None:
    """What the customer knows an entry by: the reference of a payment, the number of a credit note, the reason of a
    charge, the percentage of a discount."""
    if entry.kind == "payment_received":
        payment = case.payments.get(entry.event_id)
        return _line(payment.fact.reference) if payment is not None else None
    if entry.kind in (CHARGE_ENTRY, "charge_waived"):
        told = (case.charges if entry.kind == CHARGE_ENTRY else case.waivers).get(entry.event_id)
        return _shortened(_line(told.fact.reason)) if told is not None else None
    if entry.kind == EARLY_PAYMENT_ENTRY:
        shares = {term.share: term.percent for term in terms_of(case)}
        percent = shares.get(abs(entry.amount_minor))
        return f"{percent} %" if percent is not None else None
    if entry.kind.startswith(OFFER_ENTRY):
        return entry.event_id.partition(":")[0]
    return _line(entry.event_id) if entry.kind == "credit_issued" else None


def _promise(work: CaseWork, contact: Contact) -> PromiseFacts | None:
    if contact.step is not Note.PROMISE_CONFIRMED:
        return None
    pursued = work.case(contact.items[0].invoice_id)
    promise = next(
        p for p in promises(pursued.case, pursued.policy, contact.on) if p.promise_id == contact.ref
    )
    amount = pursued.case.balance if promise.amount is None else promise.amount
    return PromiseFacts(amount=Money(amount, pursued.case.currency), pay_by=promise.pay_by)


def _material_plan(facts: NoticeFacts) -> object:
    """A plan as it was tabled; of instalments that a notice only offers the amounts, for their dates move along
    with the day on which it goes out."""
    if facts.plan is None or facts.step in PLAN_NOTES:
        return facts.plan
    return [str(each.amount) for each in facts.plan.instalments]


def _plan(work: CaseWork, contact: Contact) -> PlanFacts | None:
    """The plan that a message is about, or the instalments that it offers."""
    if contact.step is Step.AM_ALERT:
        offer = plan_book.alert_offer(work, [item.invoice_id for item in contact.items])
        return None if offer is None else _offered(offer)
    if contact.step not in PLAN_NOTES:
        offer = plan_book.message_offer(work, contact)
        return None if offer is None else _offered(offer)
    plan, row = plan_book.load(work, contact.ref), plans.get(work.session, contact.ref)
    assert plan is not None, "a plan's message is about one"
    assert row is not None, "a plan was tabled"
    currency = plan.terms.currency
    days = contact.policy.plan.cure_days
    is_cure = contact.step is Note.PLAN_CURE
    return _offered(plan.terms).model_copy(
        update={
            "number": contact.number,
            "instalments": tuple(
                InstalmentFacts(
                    number=each.number,
                    due_on=each.due_on,
                    amount=Money(each.amount, currency),
                    paid=Money(each.paid, currency),
                    covered=each.covered,
                )
                for each in plan.instalments()
            ),
            "total": Money(plan.terms.total - plan.relief, currency),
            "outstanding": Money(plan.outstanding, currency),
            "restored": plan.restored is not None and not plan.told_of_restoring,
            "cure_by": plan.calendar.add_business_days(contact.on, days) if is_cure else None,
            "terms": row.terms_text,
        }
    )


def _ends_plan(work: CaseWork, contact: Contact) -> date | None:
    """The day of a message with which a plan ends and all that is left falls due."""
    plan = plan_book.load(work, contact.ref) if contact.step is Note.PLAN_BROKEN else None
    return contact.on if plan is not None and plan.terms.whole_falls_due else None


def _offered(tabled: PlanTabled) -> PlanFacts:
    """A plan as it lies on the table, nothing of it paid."""
    currency = tabled.currency
    return PlanFacts(
        plan_id=tabled.plan_id,
        instalments=tuple(
            InstalmentFacts(
                number=number,
                due_on=each.due_on,
                amount=Money(each.amount, currency),
                paid=Money.zero(currency),
            )
            for number, each in enumerate(tabled.instalments, start=1)
        ),
        total=Money(tabled.total, currency),
        outstanding=Money(tabled.total, currency),
        open_until=tabled.open_until,
        whole_falls_due=tabled.whole_falls_due,
    )


def _subject_offer(work: CaseWork, contact: Contact) -> OfferFacts | None:
    """The offer that a message is about; of one that is over its terms as they were."""
    if contact.step not in OFFER_NOTES:
        return None
    case = work.case(contact.items[0].invoice_id).case
    standing = _offer(case, contact.on, None)
    if standing is not None and standing.offer_id == contact.ref:
        return standing
    if contact.step is Note.OFFER_DECLINED:
        asked = case.counters[contact.ref].fact
        kind, pay, until = OfferKind.SETTLEMENT, asked.pay, asked.pay_by
        credit = max(0, case.balance - pay)
    else:
        made = case.offers[contact.ref].fact
        kind, pay, credit, until = made.offer, made.pay, made.credit, made.until
    return OfferFacts(
        offer_id=contact.ref,
        kind=kind,
        pay=Money(pay, case.currency),
        credit=Money(credit, case.currency),
        until=until,
    )


def _call(work: CaseWork, contact: Contact) -> CallFacts | None:
    if contact.step is not Note.CALL_CONFIRMED:
        return None
    pursued = work.case(contact.items[0].invoice_id)
    call = pursued.case.calls[contact.ref]
    on = calendar_of(pursued.case.account, pursued.policy).local_date(call.at)
    return CallFacts(on=on)  # the note is for colleagues; it never reaches the customer


def _answer(work: CaseWork, contact: Contact) -> AnswerFacts | None:
    if contact.step is not Note.ANSWER_NOTED:
        return None
    answered = work.case(contact.items[0].invoice_id).case.answers[contact.ref].fact
    return AnswerFacts(action=answered.action, until=answered.until)


def _resolution(work: CaseWork, contact: Contact) -> ResolutionFacts | None:
    if contact.step is not Note.DISPUTE_RESOLVED:
        return None
    case = work.case(contact.items[0].invoice_id).case
    resolved = case.resolutions[contact.ref].fact
    credit = Money.parse(resolved.credit.amount, case.currency) if resolved.credit is not None else None
    return ResolutionFacts(outcome=resolved.outcome, credit=credit)


def _reasons(work: CaseWork, contact: Contact) -> tuple[str, ...]:
    """Why staff are asked to act: in mails to staff alone."""
    reasons: list[str] = []
    for item in contact.items:
        pursued = work.case(item.invoice_id)
        reasons += assess(pursued.case, pursued.policy, contact.on).reasons
    return tuple(dict.fromkeys(reasons))
