"""Answers about instalments: a plan that the customer proposes, and one that was offered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from activities.writing.plan_words import terms_text
from domain.asking import Refused
from domain.contract import ProposePlan
from domain.facts import PlanAccepted, PlanTabled
from domain.money import Money
from domain.requests.requests import answer as answer_request
from store.portfolio import profile_of
from web.portal.answers import (
    Chosen,
    Done,
    Form,
    Said,
    ask_one,
    line,
    names,
    refused,
)
from web.portal.view import Account
from web.portal.workflows import Workflows


class Instalments(Form):
    """A payment plan: agreed at once inside the policy's limits, else a person decides."""

    name = "plan"

    def shown(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> dict[str, Any]:
        most = min(
            (account.pursued(i.invoice_id).policy.plan.max_instalments for i in account.open), default=2
        )
        return {"counts": range(2, most + 1)}

    def read(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> Said | list[str]:
        words = account.words
        if not chosen:
            return [words("choose_invoice")]
        if len({item.currency for item in chosen}) > 1:
            return [words("plan_one_currency")]
        count = line(given, "count", 3)
        if not count.isascii() or not count.isdigit() or not 2 <= int(count) <= 60:
            return [words("choose_one_of")]
        ids = [item.invoice_id for item in chosen]
        request = ProposePlan(count=int(count), invoices=tuple(ids), by="portal", source="portal")
        pursued = account.pursued(ids[0])
        answered = answer_request(
            pursued.case,
            pursued.policy,
            request,
            account.now,
            "look",
            (),
            others=[account.pursued(item.invoice_id).case for item in account.open if item is not chosen[0]],
            limits=account.plan_limits,
        )
        if isinstance(answered, Refused):
            if answered.rule == "PlanNotAllowed" and pursued.policy.plan.enabled:
                return [words("plan_impossible")]
            return [refused(account, answered.rule, ids[0])]
        (tabled,) = [fact for fact in answered if isinstance(fact, PlanTabled)]
        agreed = any(isinstance(fact, PlanAccepted) for fact in answered)
        terms = terms_text(tabled, profile_of(account.customer), account.seller)
        said = words("plan_said", invoices=names(account, chosen)) + "\n\n" + terms
        day = account.words.habits.day(tabled.open_until)
        follows = words("plan_follows_agreed") if agreed else words("plan_follows_decided", day=day)
        parts = [
            {"amount": str(Money(each.amount, tabled.currency)), "due_on": each.due_on.isoformat()}
            for each in tabled.instalments
        ]
        return self.said(account, said, follows, chosen, instalments=json.dumps(parts))

    async def carry_out(self, account: Account, said: Said, workflows: Workflows, files: int) -> Done:
        request = {
            "instalments": json.loads(said.values["instalments"]),
            "invoices": list(said.invoices),
            "by": f"portal {said.link_id}",
            "source": "portal",
        }
        rule = await ask_one(workflows, said, "propose_plan", request)
        # A plan that is agreed is confirmed by its own message; about another one a person writes.
        return Done(dict.fromkeys(said.invoices, rule))


class Agreement(Form):
    """The instalments that were offered are accepted."""

    name = "agree"

    def shown(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> dict[str, Any]:
        offered = self._offered(account)
        terms = terms_text(offered, profile_of(account.customer), account.seller) if offered else ""
        return {"offered": offered, "terms": terms}

    @staticmethod
    def _offered(account: Account) -> PlanTabled | None:
        return next((plan.terms for plan in account.plans() if plan.state == "offered"), None)

    def read(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> Said | list[str]:
        words, offered = account.words, self._offered(account)
        if offered is None:
            return [refused(account, "PlanNotOpen", "")]
        terms = terms_text(offered, profile_of(account.customer), account.seller)
        about = tuple(
            item for item in account.open if item.invoice_id in {each.invoice_id for each in offered.invoices}
        )
        said = words("agree_said") + "\n\n" + terms
        return self.said(account, said, words("agree_follows"), about, plan_id=offered.plan_id)

    async def carry_out(self, account: Account, said: Said, workflows: Workflows, files: int) -> Done:
        request = {"plan_id": said.values["plan_id"], "accept": True, "by": f"portal {said.link_id}"}
        rule = await ask_one(workflows, said, "decide_plan", request)
        return Done(dict.fromkeys(said.invoices, rule))
