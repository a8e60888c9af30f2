"""Answers about settling for less: an offer of ours that is accepted, and terms that the customer proposes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from activities.portal_answers import Task
from domain.asking import Refused
from domain.contract import CounterOffer, DecideOffer
from domain.facts import OfferAccepted, OfferCountered
from domain.letters.letter import InvoiceFacts
from domain.requests.requests import answer as answer_request
from web.portal.answers import (
    LONGEST_NOTE,
    Chosen,
    Done,
    Form,
    Said,
    amount_of,
    ask_one,
    day_of,
    names,
    refused,
    text,
)
from web.portal.view import Account
from web.portal.workflows import Workflows


class TakeOffer(Form):
    """An offer that stands is accepted: a commitment to pay it by its day."""

    name = "offer"

    def shown(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> dict[str, Any]:
        return {"offers": [item for item in account.offers() if not chosen or item in chosen]}

    def read(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> Said | list[str]:
        words, habits = account.words, account.words.habits
        if len(chosen) != 1:
            return [words("choose_invoice")]
        item = chosen[0]
        if item.offer is None:
            return [refused(account, "OfferNotOpen", item.invoice_id)]
        pursued = account.pursued(item.invoice_id)
        request = DecideOffer(offer_id=item.offer.offer_id, accept=True, by="portal")
        answered = answer_request(pursued.case, pursued.policy, request, account.now, "look", ())
        if isinstance(answered, Refused):
            return [refused(account, answered.rule, item.invoice_id)]
        offer = item.offer
        said = words(
            "offer_said",
            invoices=names(account, chosen),
            amount=habits.money(offer.pay),
            day=habits.weekday(offer.until),
        )
        deadline = account.after(pursued, offer.until, pursued.policy.promise.grace_days)
        follows = words("offer_follows", credit=habits.money(offer.credit), day=habits.day(deadline))
        return self.said(account, said, follows, chosen, offer_id=offer.offer_id)

    async def carry_out(self, account: Account, said: Said, workflows: Workflows, files: int) -> Done:
        request = {"offer_id": said.values["offer_id"], "accept": True, "by": f"portal {said.link_id}"}
        rule = await ask_one(workflows, said, "decide_offer", request)
        return Done(dict.fromkeys(said.invoices, rule))  # the agreement is confirmed by its own message


class OwnTerms(Form):
    """Terms that the customer proposes: agreed at once from the policy's share on, else a person decides."""

    name = "counter_offer"

    def shown(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> dict[str, Any]:
        return {
            "choices": chosen or _countered(account),
            "earliest": account.today,
            "latest": self._latest(account),
        }

    @staticmethod
    def _latest(account: Account) -> date:
        """The last day that the policies of all these invoices allow."""
        rules = (account.pursued(item.invoice_id).policy.offers for item in _countered(account))
        return account.today + timedelta(days=min((each.longest_days for each in rules), default=0))

    def read(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> Said | list[str]:
        words, habits = account.words, account.words.habits
        if len(chosen) != 1:
            return [words("choose_invoice")]
        item, note = chosen[0], text(given, "note")
        amount, pay_by = amount_of(account, given, "amount", item), day_of(account, given, "day")
        problems = [each for each in (amount, pay_by) if isinstance(each, str)]
        if len(note) > LONGEST_NOTE:
            problems.append(words("note_too_long"))
        if problems or isinstance(amount, str) or isinstance(pay_by, str):
            return problems
        if amount >= item.balance:
            return [words("counter_offer_all", amount=habits.money(item.balance))]
        pursued = account.pursued(item.invoice_id)
        terms = {"amount": str(amount), "pay_by": pay_by.isoformat()}
        request = CounterOffer.model_validate({**terms, "by": "portal"})
        answered = answer_request(pursued.case, pursued.policy, request, account.now, "look", ())
        if isinstance(answered, Refused):
            if answered.rule == "OfferNotAllowed" and not account.today <= pay_by <= self._latest(account):
                return [words("counter_offer_limits", day=habits.weekday(self._latest(account)))]
            return [refused(account, answered.rule, item.invoice_id)]
        said = words(
            "counter_offer_said",
            invoices=names(account, chosen),
            amount=habits.money(amount),
            day=habits.weekday(pay_by),
        )
        if note:
            said += "\n" + words("dispute_said_note", note=note)
        (asked,) = [fact for fact in answered if isinstance(fact, OfferCountered)]
        agreed = any(isinstance(fact, OfferAccepted) for fact in answered)
        decide_by = "" if agreed else asked.decide_by.isoformat()
        follows = words(
            "counter_offer_agreed" if agreed else "counter_offer_decided", day=habits.day(asked.decide_by)
        )
        return self.said(account, said, follows, chosen, note=note, decide_by=decide_by, **terms)

    async def carry_out(self, account: Account, said: Said, workflows: Workflows, files: int) -> Done:
        # The customer's own words stay out of histories: they stand with the answer, and with its task.
        request = {
            "amount": said.values["amount"],
            "pay_by": said.values["pay_by"],
            "by": f"portal {said.link_id}",
        }
        rule = await ask_one(workflows, said, "counter_offer", request)
        outcome = dict.fromkeys(said.invoices, rule)
        note = said.values["note"]
        why = "what the customer wrote about the terms they propose"
        tasks = (Task("counter_offer_note", why, note),) if note else ()
        if not said.values["decide_by"]:  # the agreement is confirmed by its own message
            return Done(outcome, tasks=tasks)
        until = date.fromisoformat(said.values["decide_by"])
        return Done(outcome, self.noted(said, outcome, until=until), tasks)


def _countered(account: Account) -> list[InvoiceFacts]:
    """The open invoices whose policy takes counter-offers."""
    return [item for item in account.open if account.pursued(item.invoice_id).policy.offers.counter_offers]


def takes_counter_offers(account: Account, item: InvoiceFacts | None = None) -> bool:
    """Whether terms may be proposed for an invoice, or for any."""
    countered = _countered(account)
    return item in countered if item is not None else bool(countered)
