"""Answers about the account: a question, in which language and how we write, and to whom."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from activities.contacts import contact_key
from activities.portal_answers import Task
from store.portfolio import profile_of
from web.portal.answers import (
    LONGEST_NOTE,
    Chosen,
    Done,
    Form,
    Said,
    line,
    names,
    text,
)
from web.portal.pages import LANGUAGE_NAMES
from web.portal.view import Account
from web.portal.workflows import Workflows

_EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII)
#: How a customer may be written to, by the contract's names.
CHANNELS = ("email", "letter", "portal", "phone")
ROLES = ("ap", "finance", "cfo")


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


class Preferences(Form):
    """In which language we write to who reads this, and by which channel to the customer."""

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
            reader="" if account.reader is None else contact_key(account.reader),
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
        update = {"update_id": said.answer_id, "customer": told}
        if said.values.get("reader"):
            update["reader"] = said.values["reader"]
        await workflows.tell_account(account.link.customer_id, "customer_updated", update)
        outcome: dict[str, str | None] = dict.fromkeys(said.invoices or ("",))
        return Done(outcome, self.noted(said, outcome))


class AnotherContact(Form):
    """Somebody else to write to; a person checks it first."""

    name = "contact"
    needs_open = False

    def shown(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> dict[str, Any]:
        return {"roles": ROLES}

    def read(self, account: Account, given: Mapping[str, Any], chosen: Chosen) -> Said | list[str]:
        words = account.words
        name, email, phone = line(given, "name"), line(given, "email", 254), line(given, "phone", 60)
        role = given.get("role")
        problems = []
        if not name or "=?" in name:
            problems.append(words("contact_name_missing"))
        if not _EMAIL.fullmatch(email):
            problems.append(words("contact_email_wrong"))
        if role not in ROLES:
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
