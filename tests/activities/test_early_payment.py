"""An invoice's own terms for early payment on real rows: told while they can be used, taken by the money in time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from activities.call_sheet import read_call_sheet
from activities.paper.statement import statement_html
from store.schema import CaseRow, MessageRow, MessageState
from tests.activities.conftest import Office, Post
from tests.activities.test_offers import OFFERS, offer, said

TERMS: Mapping[str, Any] = {
    "due_on": "2026-12-14",
    "early_payment": [{"percent": "3", "until": "2026-12-08"}, {"percent": "2", "until": "2026-12-10"}],
}
THREE = "pay $1,212.50 by Tuesday, December 8, 2026 and take 3% ($37.50 off)"
TWO = "pay $1,225.00 by Thursday, December 10, 2026 and take 2% ($25.00 off)"
NAMED = "terms for early payment"


def opened(office: Office, **policy: Any) -> Office:
    """An invoice with terms that can still be used on the day of its first message."""
    if policy:
        office.policy("sandbox", **policy)
    office.open(invoice=dict(TERMS))
    return office


def test_the_first_message_and_its_statement_tell_what_to_pay_by_when(office: Office, post: Post) -> None:
    opened(office).contact()
    assert post.items == ["INV-1=pre_due/0"]
    for kind in ("text/plain", "text/html"):
        assert THREE in said(post.mails[0], kind)
        assert TWO in said(post.mails[0], kind)


def test_the_statement_and_the_call_sheet_name_them(office: Office) -> None:
    opened(office)
    with office.sessions() as session:
        rows = [session.get_one(CaseRow, "INV-1")]
        sheet = read_call_sheet(session, rows, office.rulebook, office.now)
    statement = statement_html(sheet.account.facts)
    assert (
        "(pay $1,212.50 by Dec 8, 2026 and take 3%, pay $1,225.00 by Dec 10, 2026 and take 2%)" in statement
    )
    assert sheet.allowed[-2] == (
        "The early-payment terms of INV-1: $1,225.00 paid by Thursday, December 10, 2026 settles it;"
        " 2% ($25.00) is then taken off"
    )


def test_what_is_told_follows_the_balance_and_ends_with_the_day(office: Office, post: Post) -> None:
    opened(office)
    office.pay("INV-1", "100.00")
    office.contact()
    assert "pay $1,112.50 by Tuesday, December 8, 2026 and take 3%" in said(post.mails[0])
    office.later(days=7)
    office.contact()
    assert post.items[1] == "INV-1=due/0"
    assert NAMED not in said(post.mails[1])
    assert "$1,150.00" in said(post.mails[1])


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", "dürfen Sie 3 % (37,50 $) abziehen. Zu zahlen sind dann 1.212,50 $"),
        ("fr", "vous pouvez déduire 3 % (37,50 $US). Le montant à payer est alors de 1 212,50 $US"),
        ("es", "puede descontar el 3 % (37,50 US$). El importe a pagar es entonces de 1.212,50 US$"),
        ("pt", "pode descontar 3% (US$ 37,50). O valor a pagar é então de US$ 1.212,50"),
    ],
)
def test_they_are_told_in_the_customers_language(
    office: Office, post: Post, language: str, words: str
) -> None:
    contact = {"contact_id": "ann", "role": "ap", "name": "Ann Payne", "email": "ann@acme.example"}
    locale = {"de": "de-DE", "fr": "fr-FR", "es": "es-ES", "pt": "pt-BR"}[language]
    office.open(
        invoice=dict(TERMS), customer={"country": locale[3:], "locale": locale, "contacts": [contact]}
    )
    office.contact()
    assert words in said(post.mails[0])


def test_a_message_that_waited_past_the_day_is_taken_back(office: Office, post: Post) -> None:
    opened(office)
    office.steps("sandbox", pre_due={"approval": True})
    message_id = office.write()
    office.later(days=4)
    step = office.message(message_id).step
    office.ask("INV-1", "decide_step", step=step, approve=True)
    office.send(message_id)
    assert post.taken == []
    assert office.message(message_id).state is MessageState.CANCELLED


def test_a_message_that_an_older_version_wrote_without_them_goes_out(office: Office, post: Post) -> None:
    message_id = opened(office).write()
    with office.sessions.begin() as session:
        facts = dict(session.get_one(MessageRow, message_id).facts)
        items = [
            {name: value for name, value in item.items() if name not in ("early_payment", "planned")}
            for item in facts["items"]
        ]
        assert items != facts["items"]
        changed = {**facts, "items": items}
        session.execute(
            sa.update(MessageRow).where(MessageRow.message_id == message_id).values(facts=changed)
        )
    office.send(message_id)
    assert post.items == ["INV-1=pre_due/0"]


def test_a_bank_fee_within_the_tolerance_of_the_opening_takes_them(office: Office) -> None:
    opened(office, tolerance={"USD": "1.00"})
    office.policy("sandbox", tolerance={})  # another policy later does not change what was booked
    office.pay("INV-1", "1211.60")
    assert office.entries()[1:] == [("payment_received", -121_160), ("early_payment", -3_750)]
    assert office.row().balance_minor == 90
    assert office.review().decision.outcome == "paid"


def test_an_offer_beside_them_leaves_what_costs_less(office: Office, post: Post) -> None:
    opened(office, offers=OFFERS)
    offer(office, "1220.00", days=10, kind="early_payment_discount")
    office.contact()
    office.contact()
    assert post.items == ["INV-1=offer_made/0", "INV-1=pre_due/0"]
    text = said(post.mails[1])
    assert "if $1,220.00 reaches us by Thursday, December 17, 2026" in text
    assert THREE in text, "it costs less than the offer"
    assert TWO not in text, "the offer costs less and stands longer"
