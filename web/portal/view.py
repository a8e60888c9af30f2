"""One customer's account as the pages show it: read as it is committed, without the lock, and changing nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from urllib.parse import quote, urlencode

from sqlalchemy import select
from sqlalchemy.orm import Session

from activities.account_facts import AccountRead, read_account
from activities.contacts import contact_key, recipients
from activities.rulebook import Rulebook
from activities.writing.blocks import entry_text, made_up_of
from activities.writing.phrasing import Labels
from domain.answers import said_paid_until
from domain.channels import window_of
from domain.contact import Pursued
from domain.contract import AccountManager, Contact, Customer
from domain.instalments import PersonLimits
from domain.letters.letter import (
    ExhibitFacts,
    InvoiceFacts,
    by_due_date,
    open_totals,
    past_due_totals,
    running_balances,
)
from domain.money import Money
from domain.offers import open_counter
from domain.pauses import PromiseState, calendar_of, is_settled, promises, standing_plan
from domain.plans.plan import Instalment, Plan, newest_plan, state_of
from domain.seller import Seller
from domain.vocabulary import Channel, Note, PlanState
from store import portal
from store.portfolio import profile_of
from store.schema import CaseRow, CustomerRow, MessageRow, PortalLinkRow
from web.portal.words import Words, chosen_language


@dataclass(frozen=True)
class Movement:
    """One movement of the account's balance."""

    on: date
    invoice: InvoiceFacts
    what: str
    amount: Money
    balance: Money


@dataclass(frozen=True)
class Account:
    """What a customer's link shows."""

    link: PortalLinkRow
    token: str
    seller: Seller
    customer: CustomerRow
    read: AccountRead | None
    """None where there is no invoice at all."""
    rows: dict[str, CaseRow]
    words: Words
    asked_language: str | None
    now: datetime
    base: str
    """Path of the account page."""
    open: tuple[InvoiceFacts, ...] = ()
    plan_limits: PersonLimits | None = None
    reader: Contact | None = None
    """Whom the message went to that brought the link, or whom our messages go to."""
    has_folder: bool = False
    """Whether there is a folder from which exhibits are handed out."""
    settled: tuple[InvoiceFacts, ...] = ()
    totals: dict[str, Money] = field(default_factory=dict)
    past_due: dict[str, Money] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How the customer is called."""
        return profile_of(self.customer).shown_name

    @property
    def today(self) -> date:
        """The customer's day."""
        return self.read.today if self.read is not None else self.now.date()

    @property
    def manager(self) -> AccountManager | None:
        """The account manager, where the customer's particulars name one that can be written to."""
        manager = profile_of(self.customer).account_manager
        return manager if manager is not None and manager.email is not None else None

    def local_date(self, at: datetime) -> date:
        """The customer's day at an instant."""
        if self.read is None or not self.rows:
            return at.date()
        pursued = self.read.pursued[next(iter(self.rows))]
        return calendar_of(pursued.case.account, pursued.policy).local_date(at)

    def plans(self) -> list[Plan]:
        """The plans that stand over the open invoices: agreed, proposed or offered."""
        if self.read is None:
            return []
        found: dict[str, Plan] = {}
        for item in self.open:
            terms = standing_plan(self.pursued(item.invoice_id).case, self.today)
            if terms is None or terms.plan_id in found:
                continue
            known = [self.read.pursued.get(each.invoice_id) for each in terms.invoices]
            cases = [pursued.case for pursued in known if pursued is not None]
            if len(cases) == len(known) and known[0] is not None:
                found[terms.plan_id] = Plan.of(terms.plan_id, cases, known[0].policy)
        return list(found.values())

    def broken_plans(self) -> list[tuple[date, bool]]:
        """Agreements on instalments of the open invoices that were not kept: the day each ended on, and whether
        all that is left is due with it."""
        found: dict[str, tuple[date, bool]] = {}
        for item in self.open:
            case = self.pursued(item.invoice_id).case
            newest = newest_plan(case)
            end = case.plans_ended.get(newest) if newest is not None else None
            if newest is not None and end is not None and end.fact.state is PlanState.BROKEN:
                on = end.fact.on or self.local_date(end.at)
                found[newest] = (on, case.plans[newest].fact.whole_falls_due)
        return list(found.values())

    def offers(self) -> list[InvoiceFacts]:
        """The open invoices that may be settled for less, by an offer that stands."""
        return [item for item in self.open if item.offer is not None]

    def early_payments(self, items: Iterable[InvoiceFacts] | None = None) -> list[str]:
        """The terms for early payment of these open invoices, of all of them where none are given, in sentences."""
        chosen = self.open if items is None else items
        return [self.words.labels.early_payment(item, term) for item in chosen for term in item.early_payment]

    def made_up_of(self, item: InvoiceFacts) -> tuple[str, ...]:
        """What the balance of an invoice is made up of, where it is not what was invoiced."""
        return made_up_of(item, self.words.habits, self.words.labels)

    def instalments(self, plan: Plan) -> list[tuple[Instalment, str]]:
        """The instalments of a plan, each with how it stands."""
        return [(each, state_of(each, self.today)) for each in plan.instalments()]

    def in_currency(self, minor: int, currency: str) -> str:
        """Minor units as the customer reads money."""
        return self.words.habits.money(Money(minor, currency))

    @staticmethod
    def after(pursued: Pursued, day: date, business_days: int) -> date:
        """So many business days of the customer after a day."""
        return calendar_of(pursued.case.account, pursued.policy).add_business_days(day, business_days)

    def path(self, *parts: str, **query: str | None) -> str:
        """The address of a page of this account, in the language that was asked for."""
        asked = {"lang": self.asked_language, **query}
        kept = {name: value for name, value in asked.items() if value}
        path = "/".join((self.base, *(quote(part, safe="") for part in parts)))
        return f"{path}?{urlencode(kept)}" if kept else path

    def item(self, invoice_id: str) -> InvoiceFacts | None:
        """An invoice of the account."""
        return next((item for item in (*self.open, *self.settled) if item.invoice_id == invoice_id), None)

    def pursued(self, invoice_id: str) -> Pursued:
        """The case behind an invoice of the account."""
        assert self.read is not None, "there is an invoice"
        return self.read.pursued[invoice_id]

    def confirmation(self) -> str:
        """How and when an answer is confirmed in writing; nothing where nobody can be written to."""
        if not self.open:
            return ""
        case, policy = (
            self.pursued(self.open[0].invoice_id).case,
            self.pursued(self.open[0].invoice_id).policy,
        )
        route = case.account.route(Note.ANSWER_NOTED)
        if route is None:
            return ""
        if route.channel is not Channel.EMAIL:
            return self.words(f"confirmed_by_{route.channel}")
        calendar = calendar_of(case.account, policy)
        at = calendar.next_open(self.now, window_of(policy.send_window, case.account.ways))
        if at <= self.now:
            return self.words("confirmed_by_email")
        return self.words("confirmed_by_email_on", day=self.words.habits.weekday(calendar.local_date(at)))

    def exhibits_of(self, item: InvoiceFacts) -> list[tuple[str, str | None]]:
        """The exhibits of an invoice by their titles, each with its address where it is handed out here."""
        return [
            (
                self.exhibit_title(each),
                self.path("exhibit", item.invoice_id, str(place)) if self.has_folder and each.uri else None,
            )
            for place, each in enumerate(item.exhibits, start=1)
        ]

    def exhibit_title(self, exhibit: ExhibitFacts) -> str:
        """What an exhibit is called, or what kind of paper it is."""
        if exhibit.title:
            return exhibit.title
        say = Labels(self.words.language, self.words.habits.functions(), "papers")
        return str(say.exhibit_kind(exhibit.kind))

    def states(self, item: InvoiceFacts) -> list[str]:
        """What was said about an invoice and stands, in the customer's words."""
        say, habits = self.words, self.words.habits
        pursued = self.pursued(item.invoice_id)
        states: list[str] = []
        for promise in promises(pursued.case, pursued.policy, self.today):
            if promise.state is PromiseState.OPEN:
                amount = Money(
                    pursued.case.balance if promise.amount is None else promise.amount, item.currency
                )
                states.append(
                    say("state_promised", amount=habits.money(amount), day=habits.day(promise.pay_by))
                )
        if item.disputed is not None:
            states.append(say("state_disputed", amount=habits.money(item.disputed)))
        if item.arriving is not None:
            states.append(say("state_arriving", amount=habits.money(item.arriving)))
        plan = standing_plan(pursued.case, self.today)
        if plan is not None and plan.plan_id in pursued.case.plans_accepted:
            states.append(say("state_plan"))
        elif plan is not None and plan.state == PlanState.PROPOSED:
            states.append(say("state_plan_proposed"))
        if item.whole_due_on is not None:
            states.append(say("state_whole_due"))
        if item.offer is not None and item.offer.accepted:
            states.append(
                say("state_offer", amount=habits.money(item.offer.pay), day=habits.day(item.offer.until))
            )
        counter = open_counter(pursued.case)
        if counter is not None and self.today <= counter.fact.decide_by:
            states.append(say("state_counter_offer", day=habits.day(counter.fact.decide_by)))
        until = said_paid_until(pursued.case, self.today)
        if until is not None:
            states.append(say("state_paid", day=habits.day(until)))
        return states

    def movements(self, currency: str, only: InvoiceFacts | None = None) -> list[Movement]:
        """Every movement of the open invoices in one currency with the running balance, oldest first."""
        items = [only] if only is not None else [item for item in self.open if item.currency == currency]
        entries = sorted(
            ((entry, item) for item in items for entry in item.entries), key=lambda pair: pair[0].on
        )
        balances = running_balances(entry for entry, _ in entries)
        return [
            Movement(entry.on, item, entry_text(entry, item, self.words.labels), entry.amount, balance)
            for (entry, item), balance in zip(entries, balances, strict=True)
        ]


def read(
    session: Session,
    link: PortalLinkRow,
    token: str,
    rulebook: Rulebook,
    now: datetime,
    *,
    base: str,
    language: str | None,
    invoice_id: str | None = None,
) -> Account:
    """The account behind a link; of one that `invoice_id` names, that invoice alone, where it is the customer's."""
    customer = session.get_one(CustomerRow, link.customer_id)
    now = now if customer.latest_at is None else max(now, customer.latest_at)
    seller = rulebook.seller(link.seller)
    profile = profile_of(customer)
    reader = _reader(session, link, profile)
    asked = language if language in seller.languages else None
    locales = (reader.locale if reader is not None else None, profile.locale)
    chosen = chosen_language(asked, locales, seller.languages)
    words = Words(chosen, profile.locale or chosen, profile.country)
    if invoice_id is None:
        rows = portal.cases_of(session, link.customer_id, link.seller)
    else:
        wanted = portal.case_of(session, invoice_id, link.customer_id, link.seller)
        rows = [wanted] if wanted is not None else []
    account = Account(
        link=link,
        token=token,
        seller=seller,
        customer=customer,
        read=None,
        rows={row.invoice_id: row for row in rows},
        words=words,
        asked_language=asked,
        plan_limits=rulebook.plan_limits(profile),
        reader=reader,
        has_folder=rulebook.exhibits is not None,
        now=now,
        base=base,
    )
    if not rows:
        return account
    known = read_account(session, rows, rulebook, now, language=chosen)
    return _divided(account, known, rows)


def _divided(account: Account, known: AccountRead, rows: Sequence[CaseRow]) -> Account:
    """The account with its invoices, those that are owed apart from those that are not."""
    owed: list[InvoiceFacts] = []
    over: list[InvoiceFacts] = []
    for item in known.facts.items:
        pursued = known.pursued[item.invoice_id]
        case = pursued.case
        over_now = case.cancelled_at is not None or is_settled(case, pursued.policy)
        (over if over_now else owed).append(item)
    return replace(
        account,
        read=known,
        open=tuple(by_due_date(owed)),
        settled=tuple(sorted(over, key=lambda item: (item.due_on, item.number), reverse=True)),
        totals=open_totals(owed),
        past_due=past_due_totals(owed),
    )


def _reader(session: Session, link: PortalLinkRow, profile: Customer) -> Contact | None:
    """The contact whose link it is, as known today; of one that came with no message, whom our messages go to."""
    if link.message_id is not None:
        people = session.scalar(select(MessageRow.to).where(MessageRow.message_id == link.message_id))
        key = contact_key(Contact.model_validate(people[0])) if people else ""
        return next((each for each in profile.contacts if contact_key(each) == key), None)
    found = recipients(profile, None)
    return found.to if found is not None else None
