"""A customer's mail at the command line: listed, read, confirmed with one action, and then the case goes on from it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from activities.inbound.replies import Replies
from activities.rulebook import load_rulebook
from settings import ROOT
from store.database import create_engine, session_factory
from tests import clock
from tests.cli.conftest import Office
from tests.cli.test_office import portfolio
from tests.inbound import mail
from tests.premises import noon_zone, today_in


def arrives(database: str, raw: bytes) -> str:
    engine = create_engine(database)
    taken = Replies(session_factory(engine), load_rulebook(ROOT / "deploy")).take(raw, clock.now())
    engine.dispose()
    assert taken.reply_id is not None
    return taken.reply_id


async def until_stage(office: Office, invoice: str, stage: str) -> None:
    deadline = asyncio.get_running_loop().time() + 60
    while asyncio.get_running_loop().time() < deadline:
        shown = await office.run("show", invoice, "--json")  # it is not known before its case has opened
        if shown.code == 0 and shown.document["stage"] == stage:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{invoice} never came to {stage}")


async def test_a_promise_by_mail_is_confirmed_with_one_action(
    office: Office, tmp_path: Path, database: str
) -> None:
    await office.done("import", portfolio(tmp_path, ("REPLY-1001", 0, "1250.00", "Acme")))
    await until_stage(office, "REPLY-1001", "due")
    day = today_in(noon_zone()) + timedelta(days=5)
    reply_id = arrives(database, mail(f"We will pay on {day}.", sender="ap@acme.example"))

    (item,) = await office.json("worklist", "--kind", "reply")
    said = f"promises to pay by {day}: \u201cWe will pay on {day}.\u201d"
    assert item["why"] == f"ap@acme.example (unverified sender) {said}"
    assert "starter.py reply ITEM" in (await office.done("worklist")).err
    shown = (await office.done("reply", item["item_id"])).out
    assert f"May mean  promise ({day})" in shown
    assert (await office.json("reply", reply_id))["suggestion"]["sentence"] == f"We will pay on {day}."

    said = await office.json("reply", item["item_id"], "--confirm", "--by", "kim")
    assert said["facts"] == [
        {"invoice_id": "REPLY-1001", "signal": "promise_made", "id": f"reply-{reply_id}"}
    ]
    assert await office.json("reply", item["item_id"], "--confirm", "--by", "kim") == said, (
        "a repeat changes nothing"
    )
    case = await office.json("show", "REPLY-1001")
    assert [(promise["pay_by"], promise["state"]) for promise in case["promises"]] == [(str(day), "open")]
    assert case["holds"] == []
    told = [entry["text"] for entry in case["timeline"] if entry["kind"] == "mail_reply"]
    assert told == ["Mail of ap@acme.example: \u201cRe: your invoice\u201d; read by kim as promise"]
    assert await office.json("worklist") == []
    assert (await office.json("reply", reply_id))["answered_by"] == "kim"


async def test_a_person_may_say_something_else_and_place_what_nobody_could(
    office: Office, tmp_path: Path, database: str
) -> None:
    file = portfolio(tmp_path, ("REPLY-1001", 0, "1250.00", "Acme"), ("REPLY-1002", 0, "99.50", "Acme"))
    await office.done("import", file)
    await until_stage(office, "REPLY-1001", "due")
    stray = arrives(database, mail("Two were damaged.", sender="x@y.example"))
    refused = await office.run("reply", stray, "--confirm")
    assert (refused.code, "--invoice" in refused.err) == (2, True)
    said = await office.json("reply", stray, "--confirm", "--invoice", "REPLY-1002", "--amount", "20.00")
    assert said["as"] == "dispute"
    (dispute,) = (await office.json("show", "REPLY-1002"))["disputes"]
    assert (dispute["reason"], dispute["amount"], dispute["state"]) == ("quality", "20.00", "open")
    assert (await office.json("show", "REPLY-1001"))["disputes"] == []

    both = arrives(database, mail("We have already paid.", sender="ap@acme.example", mail_id="<2@x>"))
    assert (await office.json("show", "REPLY-1001"))["holds"][0]["hold_id"] == f"reply-{both}"
    paid = await office.json("reply", both, "--confirm")
    assert [fact["signal"] for fact in paid["facts"]] == ["hold_placed", "hold_placed"]
    holds = (await office.json("show", "REPLY-1001"))["holds"]
    assert [hold["hold_id"] for hold in holds] == [f"paid-reply-{both}"]

    thanks = arrives(database, mail("Thanks, noted.", sender="ap@acme.example", mail_id="<3@x>"))
    refused = await office.run("reply", thanks, "--confirm")
    assert (refused.code, "nothing is suggested" in refused.err) == (2, True)
    assert (await office.json("reply", thanks, "--as", "question"))["facts"] == []
    assert [item["kind"] for item in await office.json("worklist")] == ["dispute"]

    for words in (["T-999"], ["R-0", "--confirm"], [thanks, "--as", "promise"], [thanks, "--as", "nonsense"]):
        assert (await office.run("reply", *words)).code == 2, words
    await office.done("reply", thanks, "--raw", str(tmp_path / "mail.eml"))
    assert b"Thanks, noted." in (tmp_path / "mail.eml").read_bytes()
