"""Offers to settle for less at the command line: made, refused with the fix, shown, answered, told in the timeline."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from store.database import create_engine, session_factory
from store.schema import CaseRow
from tests.cli.conftest import Office
from tests.cli.test_office import portfolio
from tests.premises import noon_zone, today_in

RULES = {"kinds": ["early_payment_discount", "settlement"], "counter_offers": True}


async def test_staff_offer_withdraw_decide_and_see_it_taken(
    office: Office, tmp_path: Path, database: str
) -> None:
    await office.done("import", portfolio(tmp_path, ("OFFERED-1", 40, "500.00", "Zed")))
    soon = str(today_in(noon_zone()) + timedelta(days=5))
    offer = ("offer", "OFFERED-1", "--kind", "early_payment_discount", "--until", soon)
    none = await office.run(*offer, "--percent", "3")
    assert (none.code, "none is allowed" in none.err) == (1, True)

    engine = create_engine(database)
    with session_factory(engine).begin() as session:
        row = session.get_one(CaseRow, "OFFERED-1")
        row.policy = {**row.policy, "offers": {**row.policy["offers"], **RULES}}
    engine.dispose()

    for wrong, code, named in (
        (("--percent", "4"), 1, "name at least 485.00"),
        (("--percent", "3", "--amount", "490.00"), 2, "exclude each other"),
        ((), 2, "exclude each other"),
    ):
        said = await office.run(*offer, *wrong)
        assert (said.code, named in said.err) == (code, True), said
    assert (await office.json(*offer, "--percent", "2"))["accepted"] is True
    assert "490.00" in (await office.done("show", "OFFERED-1")).out
    await office.done("withdraw-offer", "OFFERED-1", "--reason", "the wrong invoice")
    nothing = await office.run("withdraw-offer", "OFFERED-1", "--reason", "again")
    assert (nothing.code, "--offer-id" in nothing.err) == (2, True)

    asked = await office.json("counter-offer", "OFFERED-1", "--amount", "400.00", "--pay-by", soon)
    assert asked["accepted"] is True
    [task] = await office.json("worklist", "--kind", "counter_offer")
    assert "the customer offers 400.00 of 500.00 USD" in task["why"]
    await office.done("decide-offer", "OFFERED-1", "--accept")
    assert await office.json("worklist", "--kind", "counter_offer") == []
    paid = await office.json("pay", "OFFERED-1", "--amount", "400.00")
    assert paid["case"]["balance_due"] == "0.00"
    told = " ".join((await office.done("show", "OFFERED-1")).out.split())
    for line in ("withdrawn by", "Counter-offer OF-", "accepted", "was paid in time: 100.00"):
        assert line in told, told
