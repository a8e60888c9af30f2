"""Every answer that the pages take, by its name, and in which order they are offered."""

from __future__ import annotations

from web.portal.answers import Form
from web.portal.forms_account import AnotherContact, Preferences, Question
from web.portal.forms_invoices import Copy, Dispute, Paid, Promise, Received
from web.portal.forms_plans import Agreement, Instalments

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
