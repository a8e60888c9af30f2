"""Messages so far: everything that was sent to the customer, whatever it was and however it went, page by page."""

from __future__ import annotations

import re

from store.schema import MessageState
from tests.portal.conftest import House, Visitor, seen
from tests.premises import eventually
from tests.store.test_correspondence import write

STEPS = ("pre_due", "overdue", "credit_hold", "demand", "referral", "promise_confirmed", "thanks")
CHANNELS = ("email", "letter", "portal", "voice")


def listed(html: str) -> list[str]:
    return re.findall(r'/message/(M-[A-Za-z0-9-]+)"', html)


async def test_all_of_them_are_there_newest_first(house: House, visitor: Visitor) -> None:
    invoice_id = await house.bill()
    customer_id = f"C-{invoice_id}"
    other = await house.bill(customer={"customer_id": customer_id})
    sent = [f"M-{invoice_id}-{number:02}" for number in range(60)]
    with house.premises.sessions.begin() as session:
        for number, message_id in enumerate(sent):
            write(
                session,
                message_id,
                other if number == 7 else invoice_id,
                customer_id=customer_id,
                days=number,
                step=STEPS[number % len(STEPS)],
                channel=CHANNELS[number % len(CHANNELS)],
            )
        write(session, f"M-{invoice_id}-staff", invoice_id, customer_id=customer_id, step="am_alert")
        write(session, f"M-{invoice_id}-else", invoice_id, customer_id=customer_id, seller="other")
    url = house.link(invoice_id)

    account = await visitor.get(url)
    assert listed(account.text) == sent[:-9:-1]
    assert "All messages" in seen(account.text)
    found: list[str] = []
    path: str | None = f"{url}/messages"
    while path is not None:
        page = await visitor.get(path)
        found += listed(page.text)
        older = re.search(r'href="([^"]+)" rel="nofollow">Older', page.text)
        path = house.url + older[1] if older else None
    assert found == sent[::-1], "each once, none left out"

    of_other = await visitor.get(f"{url}/messages?invoice={other}")
    assert listed(of_other.text) == [sent[7]]
    assert listed((await visitor.get(f"{url}/invoice/{other}")).text) == [sent[7]]
    shown = await visitor.get(f"{url}/message/{sent[2]}")
    assert f"About {invoice_id}" in seen(shown.text), "a final notice before a credit hold"
    assert (await visitor.get(f"{url}/message/M-{invoice_id}-staff")).status_code == 404


async def test_messages_of_others_are_not(house: House, visitor: Visitor) -> None:
    own, foreign = await house.bill(), await house.bill(days=0)
    await eventually(lambda: house.premises.messages(foreign, MessageState.SENT))
    (message,) = house.premises.messages(foreign, MessageState.SENT)
    url = house.link(own)
    assert listed((await visitor.get(f"{url}/messages")).text) == []
    assert "There are no messages" in seen((await visitor.get(f"{url}/messages")).text)
    assert listed((await visitor.get(f"{url}/messages?before={message.message_id}")).text) == []
    for wrong in (f"invoice={foreign}", "invoice=..%2f", "before=%00", "invoice=P-nobody"):
        assert (await visitor.get(f"{url}/messages?{wrong}")).status_code == 404, wrong
