"""What a payment plan says on paper: its terms in the customer's language, as they are shown and accepted."""

from __future__ import annotations

from activities.writing.phrasing import LANGUAGES, Habits, Labels, locale_of
from domain.contract import Customer
from domain.facts import PlanTabled
from domain.letters.letter import language_for
from domain.money import Money
from domain.seller import Seller
from domain.vocabulary import CustomerKind


def terms_text(tabled: PlanTabled, customer: Customer, seller: Seller) -> str:
    """The terms of a plan, one sentence a line, in the customer's language and habits."""
    language = language_for((customer.locale,), seller.languages, LANGUAGES)
    country = customer.country or (customer.address.country if customer.address is not None else None)
    habits = Habits(locale_of(customer.locale or "en-US", country, language))
    say = Labels(language, habits.functions(), "plan")
    lines = [
        say.terms_total(habits.money(Money(tabled.total, tabled.currency)), len(tabled.instalments)),
        *(
            say.terms_instalment(
                number, habits.money(Money(each.amount, tabled.currency)), habits.weekday(each.due_on)
            )
            for number, each in enumerate(tabled.instalments, start=1)
        ),
        say.terms_while_kept(),
        say.terms_whole_falls_due() if tabled.whole_falls_due else say.terms_resumed(),
    ]
    if CustomerKind(customer.kind) is not CustomerKind.BUSINESS:
        lines.append(say.terms_free())
    return "\n".join(lines)
