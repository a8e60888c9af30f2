"""Expected cash of cases that live: an agreed plan by its instalments, and what is left of each."""

from __future__ import annotations

from commands.risk.cash import foretell
from domain.behaviour.expected_cash import Basis
from tests.workflow.conftest import House


async def test_a_plan_is_expected_by_what_is_left_of_its_instalments(house: House) -> None:
    house.know("Acme")
    await house.bill("Acme", "INV-1", "900.00", due=-20)
    await house.bill("Acme", "INV-2", "50.00", due=30)
    await house.until(3)
    await house.ask("INV-1", "propose_plan", count=2, by="Ann Payne", source="portal")
    assert expected(house) == {
        (Basis.INSTALMENT, 45_000, house.on(17)),
        (Basis.INSTALMENT, 45_000, house.on(47)),
        (Basis.UNDATED, 5_000, None),  # nobody has paid anything yet
    }
    await house.until(10)
    await house.pay("INV-1", "500.00", "P-1")
    assert expected(house) == {(Basis.INSTALMENT, 40_000, house.on(47)), (Basis.UNDATED, 5_000, None)}
    await house.pay("INV-2", "50.00", "P-2")
    await house.tell("INV-1", "hold_placed", hold_id="H-1", reason="manual")
    assert expected(house) == {(Basis.HELD, 40_000, None)}


def expected(house: House) -> set[tuple[Basis, int, str | None]]:
    with house.sessions() as session:
        told = foretell(session, house.days.morning(house.id("Acme"), house.today))
    return {(each.basis, each.minor, None if each.on is None else each.on.isoformat()) for each in told}
