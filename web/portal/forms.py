"""Every answer that the pages take, by its name, and in which order they are offered."""

from __future__ import annotations

from domain.letters.letter import InvoiceFacts
from web.portal.answers import Form
from web.portal.forms_account import AnotherContact, Preferences, Question
from web.portal.forms_invoices import Copy, Dispute, Paid, Promise, Received
from web.portal.forms_offers import OwnTerms, TakeOffer, takes_counter_offers
from web.portal.forms_plans import Agreement, Instalments
from web.portal.view import Account

FORMS: dict[str, Form] = {
    form.name: form
    for form in (
        Paid(),
        Promise(),
        Instalments(),
        Agreement(),
        TakeOffer(),
        OwnTerms(),
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


def about_invoices(account: Account, item: InvoiceFacts | None = None) -> tuple[str, ...]:
    """The answers that are offered about the open invoices, or about one of them."""
    return (*ABOUT_INVOICES, "counter_offer") if takes_counter_offers(account, item) else ABOUT_INVOICES
