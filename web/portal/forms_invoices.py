"""Answers about open invoices: paid, a promise, a dispute, received or not, a copy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from activities.portal_answers import Task
from domain.answers import OLDEST_PAYMENT, hold_for_payment
from domain.asking import Refused
from domain.contract import PromiseToPay
from domain.money import Money
from domain.pauses import SAID_PAID, frozen_amount
from domain.requests.requests import answer as answer_request
from domain.vocabulary import DisputeReason
from web.portal.answers import (
    LONGEST_NOTE,
    Chosen,
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
from web.portal.view import Account
from web.portal.workflows import Workflows


class Paid(Form):
    """ "I have paid": no reminders for the policy's days, then back."""

    name = "paid"

    def shown(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> dict[str, Any]:
        return {"earliest": account.today - OLDEST_PAYMENT, "latest": account.today}

    def read(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> Said | list[str]:
        words, habits = account.words, account.words.habits
        if not chosen:
            return [words("choose_invoice")]
        on = day_of(account, given, "on")
        if isinstance(on, str):
            return [on]
        if on > account.today:
            return [words("paid_in_future")]
        if on < account.today - OLDEST_PAYMENT:
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
