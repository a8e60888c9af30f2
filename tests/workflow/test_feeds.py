"""The daily look into the news, on the real server: what names a debtor waits for a person."""

from __future__ import annotations

from pathlib import Path

from store import worklist
from store.schema import CustomerRow
from tests.workflow.conftest import House


async def test_what_a_feed_says_of_a_debtor_stands_on_the_worklist(house: House, tmp_path: Path) -> None:
    house.know("Nordvik")
    await house.bill("Nordvik", "N-1", "1250.00", due=20, net=20)
    with house.sessions() as session:
        name = session.get_one(CustomerRow, house.id("Nordvik")).profile["name"]
    (tmp_path / "news.xml").write_text(
        f"<rss><channel><item><title>{name} is insolvent</title></item></channel></rss>"
    )
    for number in range(2):
        await house.client.execute_workflow("FeedPoll", id=f"feed-poll-{number}", task_queue="duecourse")
    with house.sessions() as session:
        (task,) = worklist.list_open(session, kind="risk_note_proposed", customer_id=house.id("Nordvik"))
    assert task.why == f"a feed says: {name} is insolvent"
    assert (await house.case("N-1")).risk.reasons == ()
