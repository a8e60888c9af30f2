"""News at the command line: proposed, shown, confirmed by a person, and only then a risk of the case."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from tests.cli.conftest import Office
from tests.premises import noon_zone, today_in

FEED = """<rss version="2.0"><channel>
<item><title>Nordvik A/S files for insolvency</title><link>https://news.example/1</link><guid>1</guid></item>
<item><title>Nordvik opens a canteen</title><guid>2</guid></item>
<item><title>Somebody else</title><guid>3</guid></item></channel></rss>"""


async def test_a_note_is_proposed_by_a_feed_and_made_by_a_person(office: Office, tmp_path: Path) -> None:
    zone = noon_zone()
    due = today_in(zone) + timedelta(days=30)
    file = tmp_path / "portfolio.csv"
    file.write_text(
        "invoice_id,customer_id,customer_name,email,timezone,issue_date,due_date,amount,currency\n"
        f"NEWS-1,N-1,Nordvik A/S,ap@nordvik.example,{zone},{due - timedelta(days=30)},{due},100.00,USD\n"
    )
    await office.done("import", str(file))
    feed = tmp_path / "news.xml"
    feed.write_text(FEED)
    (told,) = await office.json("feeds", str(feed))
    assert (told["entries"], len(told["proposed"])) == (3, 2)
    assert (await office.json("feeds", str(feed)))[0]["proposed"] == []
    items = {
        item["why"]: item["item_id"] for item in await office.json("worklist", "--kind", "risk_note_proposed")
    }
    serious = next(item for why, item in items.items() if "insolvency https://news.example/1" in why)
    funny = next(item for why, item in items.items() if "canteen" in why)
    assert (await office.json("show", "NEWS-1"))["risk"]["reasons"] == []

    assert "risk-note ITEM --confirm" in (await office.done("worklist")).err
    dismissed = await office.json("risk-note", funny, "--dismiss", "--by", "Kim")
    assert dismissed["outcome"] == "dismissed"
    noted = await office.json("risk-note", serious, "--confirm", "--by", "Kim")
    assert (noted["customer_id"], noted["outcome"]) == ("N-1", "noted")
    risk = {"reasons": []}
    for _ in range(300):  # a worker records it
        risk = (await office.json("show", "NEWS-1"))["risk"]
        if risk["reasons"]:
            break
        await asyncio.sleep(0.2)
    assert risk["reasons"] == ["a risk was noted for the customer"]
    assert await office.json("worklist", "--kind", "risk_note_proposed") == []
    assert (await office.json("feeds", str(feed)))[0]["proposed"] == []
    again = await office.run("risk-note", serious, "--confirm")
    assert again.code == 2
    assert "decided already: noted" in again.err


async def test_a_feed_that_cannot_be_read_is_said_and_the_others_are_read(
    office: Office, tmp_path: Path
) -> None:
    feed = tmp_path / "news.xml"
    feed.write_text(FEED)
    said = await office.run(
        "feeds", str(tmp_path / "absent.xml"), "http://news.example/", str(feed), "--json"
    )
    assert said.code == 1
    absent, plain, read = said.document
    assert absent["error"].startswith("cannot be opened")
    assert plain["error"] == "does not begin with https://"
    assert (read["entries"], read["error"]) == (3, None)
    assert (await office.run("feeds")).code == 2
