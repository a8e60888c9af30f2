"""The answers themselves: paid, a promise, instalments, a dispute, received, a question, a copy, how and to whom
to write."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from activities.plan_words import terms_text
from activities.portal_answers import Task
from domain.answers import hold_for_payment
from domain.asking import Refused
from domain.contract import PromiseToPay, ProposePlan
from domain.facts import PlanAccepted, PlanTabled
from domain.letter import InvoiceFacts
from domain.money import Money
from domain.pauses import SAID_PAID, frozen_amount
from domain.requests import answer as answer_request
from domain.vocabulary import DisputeReason
from store.portfolio import profile_of
from web.portal.answers import (
    Done,
    Form,
    Said,
    amount_of,
    ask_one,
    day_of,
    line,
    names,
    refused,
    tell_each,
    text,
)
from web.portal.pages import LANGUAGE_NAMES
from web.portal.view import Account
from web.portal.workflows import Workflows

Chosen = tuple[InvoiceFacts, ...]
LONGEST_NOTE = 2_000
#: A payment that was made longer ago than this is looked for by a person.
_OLDEST_PAYMENT = timedelta(days=60)
_EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII)


class Paid(Form):
    """ "I have paid": no reminders for the policy's days, then back."""

    name = "paid"

    def shown(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> dict[str, Any]:
        return {"earliest": account.today - _OLDEST_PAYMENT, "latest": account.today}

    def read(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> Said | list[str]:
        words, habits = account.words, account.words.habits
        if not chosen:
            return [words("choose_invoice")]
        on = day_of(account, given, "on")
        if isinstance(on, str):
            return [on]
        if on > account.today:
            return [words("paid_in_future")]
        if on < account.today - _OLDEST_PAYMENT:
            return [words("paid_too_old")]
        untils, problems = self._untils(account, chosen)
        if problems:
            return problems
        how = line(given, "how", 140)
        said = words("paid_said", invoices=names(account, chosen), day=habits.day(on))
        if how:
            said += "\n" + words("paid_said_how", how=how)
        until = max(untils)
        follows = words("paid_follows", day=habits.day(until))
        return self.said(account, said, follows, chosen, until=until.isoformat(), on=on.isoformat(), how=how)

    def _untils(self, account: Account, chosen: Chosen) -> tuple[list[date], list[str]]:
        untils: list[date] = []
        problems: list[str] = []
        for item in chosen:
            pursued = account.pursued(item.invoice_id)
            until = hold_for_payment(pursued.case, pursued.policy, account.today)
            if isinstance(until, Refused):
                problems.append(refused(account, until.rule, item.invoice_id))
            else:
                untils.append(until)
        return untils, problems

    async def carry_out(self, account: Account, said: Said, workflows: Workflows, files: int) -> Done:
        hold = {
            "hold_id": f"{SAID_PAID}{said.answer_id}",
            "reason": "other",
            "until": said.values["until"],
        }
        outcome = await tell_each(workflows, said, "hold_placed", hold)
        until = date.fromisoformat(said.values["until"])
        how = f", reference {said.values['how']}" if said.values["how"] else ""
        why = f"the customer says it was paid on {said.values['on']}: look for the payment"
        return Done(outcome, self.noted(said, outcome, until=until), (Task("said_paid", why, how[2:]),))


class Promise(Form):
    """A date by which it will be paid."""

    name = "promise"

    def shown(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> dict[str, Any]:
        return {"latest": self._latest(account), "earliest": account.today}

    @staticmethod
    def _latest(account: Account) -> date:
        """The last day that the policies of all open invoices allow."""
        days = [account.pursued(item.invoice_id).policy.promise.max_days for item in account.open]
        return account.today + timedelta(days=min(days, default=0))

    def read(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> Said | list[str]:
        words, habits = account.words, account.words.habits
        if not chosen:
            return [words("choose_invoice")]
        pay_by = day_of(account, given, "day")
        if isinstance(pay_by, str):
            return [pay_by]
        part: Money | None = None
        if given.get("how_much") == "part" and len(chosen) == 1:
            amount = amount_of(account, given, "amount", chosen[0])
            if isinstance(amount, str):
                return [amount]
            part = amount
        problems = []
        request = PromiseToPay.model_validate(
            {"pay_by": pay_by.isoformat(), "amount": str(part) if part is not None else None, "by": "portal"}
        )
        deadlines = []
        for item in chosen:
            pursued = account.pursued(item.invoice_id)
            answered = answer_request(pursued.case, pursued.policy, request, account.now, "look", ())
            if isinstance(answered, Refused):
                problems.append(refused(account, answered.rule, item.invoice_id))
            deadlines.append(account.after(pursued, pay_by, pursued.policy.promise.grace_days))
        if problems:
            return problems
        about, day = names(account, chosen), habits.weekday(pay_by)
        if part is not None:
            said = words("promise_said_part", amount=habits.money(part), invoices=about, day=day)
        else:
            said = words("promise_said_all", invoices=about, day=day)
        follows = words("promise_follows", day=habits.day(max(deadlines)))
        amounts = {"amount": str(part)} if part is not None else {}
        return self.said(account, said, follows, chosen, day=pay_by.isoformat(), **amounts)

    async def carry_out(self, account: Account, said: Said, workflows: Workflows, files: int) -> Done:
        request = {"pay_by": said.values["day"], "by": f"portal {said.link_id}"}
        if "amount" in said.values:
            request["amount"] = said.values["amount"]
        outcome = {i: await ask_one(workflows, said, "promise_to_pay", request, i) for i in said.invoices}
        return Done(outcome)  # the promise itself is confirmed in writing


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


class Dispute(Form):
    """All or part of one invoice is not right."""

    name = "dispute"
    takes_files = True

    def shown(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> dict[str, Any]:
        return {"reasons": [str(reason) for reason in DisputeReason]}

    def read(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> Said | list[str]:
        words, habits = account.words, account.words.habits
        if len(chosen) != 1:
            return [words("choose_invoice")]
        item = chosen[0]
        problems = []
        reason = given.get("reason")
        if reason not in {str(each) for each in DisputeReason}:
            problems.append(words("choose_one_of"))
        note = text(given, "note")
        if not note:
            problems.append(words("note_missing"))
        if len(note) > LONGEST_NOTE:
            problems.append(words("note_too_long"))
        part: Money | None = None
        if given.get("how_much") == "part":
            amount = amount_of(account, given, "amount", item)
            if isinstance(amount, str):
                problems.append(amount)
            else:
                part = amount
        case = account.pursued(item.invoice_id).case
        if frozen_amount(case) >= case.balance > 0:
            problems.append(refused(account, "DisputedBefore", item.invoice_id))
        if problems:
            return problems
        why, about = words(f"reason_{reason}"), names(account, chosen)
        if part is not None and part < item.balance:
            said = words("dispute_said_part", amount=habits.money(part), invoices=about, reason=why)
        else:
            said, part = words("dispute_said_all", invoices=about, reason=why), None
        said += "\n" + words("dispute_said_note", note=note)
        amounts = {"amount": str(part)} if part is not None else {}
        return self.said(
            account, said, words("dispute_follows"), chosen, reason=str(reason), note=note, **amounts
        )

    async def carry_out(self, account: Account, said: Said, workflows: Workflows, files: int) -> Done:
        # The customer's own words stay out of histories: they stand with the answer, and with its task.
        fact = {"dispute_id": said.answer_id, "reason": said.values["reason"], "raised_by": "portal"}
        if "amount" in said.values:
            fact["amount"] = said.values["amount"]
        outcome = await tell_each(workflows, said, "dispute_raised", fact)
        with_files = f", with {files} files (portal files {said.answer_id})" if files else ""
        why = f"what the customer wrote about the dispute{with_files}"
        return Done(outcome, self.noted(said, outcome), (Task("dispute_note", why, said.values["note"]),))


class Received(Form):
    """Whether invoices have arrived."""

    name = "received"

    def read(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> Said | list[str]:
        words = account.words
        if not chosen:
            return [words("choose_invoice")]
        answer = given.get("answer")
        if answer not in ("yes", "no"):
            return [words("choose_one_of")]
        said = words(f"received_said_{answer}", invoices=names(account, chosen))
        return self.said(account, said, words(f"received_follows_{answer}"), chosen, answer=str(answer))

    async def carry_out(self, account: Account, said: Said, workflows: Workflows, files: int) -> Done:
        if said.values["answer"] == "yes":
            status = {"status_id": said.answer_id, "status": "received"}
            outcome = await tell_each(workflows, said, "invoice_status", status)
            return Done(outcome, self.noted(said, outcome))
        outcome = dict.fromkeys(said.invoices)
        task = Task("not_received", "the customer has not received the invoice: send it again")
        return Done(outcome, self.noted(said, outcome, "not_received"), (task,))


class Question(Form):
    """A question that a person answers."""

    name = "question"
    needs_open = False

    def read(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> Said | list[str]:
        words = account.words
        note = text(given, "note")
        if not note:
            return [words("note_missing")]
        if len(note) > LONGEST_NOTE:
            return [words("note_too_long")]
        if chosen:
            said = words("question_said_about", invoices=names(account, chosen), note=note)
        else:
            said = words("question_said", note=note)
        return self.said(account, said, words("question_follows"), chosen or account.open[:1], note=note)

    async def carry_out(self, account: Account, said: Said, workflows: Workflows, files: int) -> Done:
        outcome: dict[str, str | None] = dict.fromkeys(said.invoices or ("",))
        task = Task("question", "the customer asks a question on the portal: answer it", said.values["note"])
        return Done(outcome, self.noted(said, outcome), (task,))


class Copy(Form):
    """A copy of invoices."""

    name = "copy"

    def read(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> Said | list[str]:
        words = account.words
        if not chosen:
            return [words("choose_invoice")]
        said = words("copy_said", invoices=names(account, chosen))
        return self.said(account, said, words("copy_follows"), chosen)

    async def carry_out(self, account: Account, said: Said, workflows: Workflows, files: int) -> Done:
        outcome: dict[str, str | None] = dict.fromkeys(said.invoices)
        task = Task("copy_requested", "the customer asks for a copy of the invoice: send it")
        return Done(outcome, self.noted(said, outcome), (task,))


#: How a customer may be written to, by the contract's names.
CHANNELS = ("email", "letter", "portal", "phone")


class Preferences(Form):
    """In which language and by which channel we write."""

    name = "preferences"
    needs_open = False

    def shown(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> dict[str, Any]:
        offered = [code for code in account.seller.languages if code in LANGUAGE_NAMES]
        profile = profile_of(account.customer)
        return {
            "offered": {code: LANGUAGE_NAMES[code] for code in offered},
            "channels": CHANNELS,
            "channel": given.get("channel") or profile.preferred_channel,
            "language": given.get("language") or account.words.language,
        }

    def read(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> Said | list[str]:
        words = account.words
        language, channel = given.get("language"), given.get("channel")
        if (
            language not in account.seller.languages
            or language not in LANGUAGE_NAMES
            or channel not in CHANNELS
        ):
            return [words("choose_one_of")]
        said = words(
            "preferences_said", language=LANGUAGE_NAMES[language], channel=words(f"channel_{channel}")
        )
        return self.said(
            account,
            said,
            words("preferences_follows"),
            account.open[:1],
            language=language,
            channel=str(channel),
        )

    async def carry_out(self, account: Account, said: Said, workflows: Workflows, files: int) -> Done:
        profile = profile_of(account.customer)
        before = profile.locale or ""
        territory = before.replace("_", "-").partition("-")[2] or profile.country
        language = said.values["language"]
        locale = f"{language}-{territory}" if territory else language
        if before.partition("-")[0].lower() == language:
            locale = before
        told = {
            "customer_id": account.link.customer_id,
            "locale": locale,
            "preferred_channel": said.values["channel"],
        }
        await workflows.tell_account(
            account.link.customer_id, "customer_updated", {"update_id": said.answer_id, "customer": told}
        )
        outcome: dict[str, str | None] = dict.fromkeys(said.invoices or ("",))
        other = [c for c in profile.contacts if c.locale and not c.locale.lower().startswith(language)]
        why = f"the customer wants to be written to in {language}; a contact's own language says otherwise"
        tasks = (Task("contact_language", why),) if other else ()
        return Done(outcome, self.noted(said, outcome), tasks)


class AnotherContact(Form):
    """Somebody else to write to; a person checks it first."""

    name = "contact"
    needs_open = False

    def shown(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> dict[str, Any]:
        return {"roles": ("ap", "finance", "cfo")}

    def read(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> Said | list[str]:
        words = account.words
        name, email, phone = line(given, "name"), line(given, "email", 254), line(given, "phone", 60)
        role = given.get("role")
        problems = []
        if not name or "=?" in name:
            problems.append(words("contact_name_missing"))
        if not _EMAIL.fullmatch(email):
            problems.append(words("contact_email_wrong"))
        if role not in ("ap", "finance", "cfo"):
            problems.append(words("choose_one_of"))
        if problems:
            return problems
        said = words("contact_said", name=name, email=email)
        return self.said(
            account,
            said,
            words("contact_follows"),
            account.open[:1],
            name=name,
            email=email,
            phone=phone,
            role=str(role),
        )

    async def carry_out(self, account: Account, said: Said, workflows: Workflows, files: int) -> Done:
        outcome: dict[str, str | None] = dict.fromkeys(said.invoices or ("",))
        proposed = {key: said.values[key] for key in ("name", "email", "phone", "role")}
        why = "the customer proposes another contact: check it, then tell it as customer_updated"
        task = Task("contact_proposed", why, json.dumps(proposed, ensure_ascii=False))
        return Done(outcome, self.noted(said, outcome), (task,))


FORMS: dict[str, Form] = {
    form.name: form
    for form in (
        Paid(),
        Promise(),
        Instalments(),
        Agreement(),
        Dispute(),
        Received(),
        Question(),
        Copy(),
        Preferences(),
        AnotherContact(),
    )
}
#: The answers about open invoices, in the order they are offered.
ABOUT_INVOICES = ("paid", "promise", "plan", "dispute", "received", "copy")
#: Those about the account.
ABOUT_ACCOUNT = ("question", "preferences", "contact")
