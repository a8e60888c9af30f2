"""The three lives of `stories.md`, to the day, on the real server with time skipping."""

import re
from datetime import date, timedelta
from statistics import mean

from tests.workflow.conftest import House

TECHGLOBAL = {
    "tier": "strategic",
    "contacts": [
        {"role": "ap", "name": "Ann Payne", "email": "ap@techglobal.example"},
        {"role": "cfo", "name": "Clara Fontaine", "email": "cfo@techglobal.example"},
    ],
    "account_manager": {"name": "Sam Reed", "email": "sam@seller.example"},
}
THREATS = re.compile(
    r"\b(legal|lawyer|court|block\w*|suspend\w*|hold|demand\w*|agency|final|consequence\w*|partner agency)\b",
    re.I,
)


async def test_techglobal_gets_one_partner_letter_and_its_account_manager_a_task(house: House) -> None:
    house.know("TechGlobal", **TECHGLOBAL)
    for invoice, amount, due in (
        ("TG-1", "52600.00", -60),
        ("TG-2", "44800.00", -45),
        ("TG-3", "30000.00", -30),
    ):
        await house.bill("TechGlobal", invoice, amount, due)

    await house.through(0)
    assert house.sent() == []

    await house.through(6)
    [letter] = house.mails("TechGlobal")
    assert house.sent() == [(1, "overdue")]
    assert "Clara Fontaine" in letter.to
    assert "ap@techglobal.example" in letter.cc
    assert "sam@seller.example" in letter.cc
    assert {invoice for invoice, _, _ in letter.items} == {house.id(f"TG-{n}") for n in (1, 2, 3)}
    assert "127,400.00" in letter.text
    assert house.tasks("am_alert") == []

    await house.through(7)
    [task] = house.tasks("am_alert")
    assert len(task.invoices) == 3
    assert task.due_on == house.day0 + timedelta(days=7)
    assert house.sent() == [(1, "overdue")]
    assert THREATS.findall(letter.text) == []
    await house.through(14)
    assert [task.due_on for task in house.tasks("am_alert")] == [
        house.day0 + timedelta(days=7),
        house.day0 + timedelta(days=14),
    ]
    assert house.sent() == [(1, "overdue")]
    assert house.tasks("call") == []
    assert house.tasks("approval") == []


async def test_metro_is_written_to_at_risk_and_the_call_is_confirmed(house: House) -> None:
    house.know(
        "Metro",
        contacts=[
            {"role": "ap", "name": "Ann Payne", "email": "ap@metro.example"},
            {"role": "cfo", "name": "Clara Fontaine", "email": "cfo@metro.example"},
        ],
        credit_limit="200000.00",
    )
    await house.bill("Metro", "INV-2024-5521", "84200.00", due=-78)
    await house.tell("INV-2024-5521", "risk_noted", note_id="N-1", text="layoffs announced", source="press")
    case = await house.case("INV-2024-5521")
    assert case.risk.band == "high"
    assert len(case.risk.reasons) == 2
    assert "12 days to the write-off age" in case.risk.reasons[0]

    await house.through(0)
    assert house.sent() == []

    await house.until(2)
    assert house.sent() == [(1, "at_risk")]
    assert "cfo@metro.example" in house.mails()[0].to
    [call] = house.tasks("call")
    await house.ask(
        "INV-2024-5521",
        "log_call",
        outcome="reached",
        by="lee",
        note="Cash flow is tight; wants instalments.",
    )

    await house.through(2)
    assert house.sent() == [(1, "at_risk"), (2, "call_confirmed")]
    assert [task.state for task in house.tasks("call")] == ["done"]
    assert call.invoices == [house.id("INV-2024-5521")]


async def test_dataflow_is_found_to_pay_late_and_comes_to_pay_on_time(house: House) -> None:
    late = [15, 16, 17, 18, 19, 17] * 4
    house.remember("DataFlow", _history(house, late))
    house.know("DataFlow", account_manager={"name": "Sam Reed", "email": "sam@seller.example"})
    dues = [18 + 28 * number for number in range(6)]
    amounts = ["41000.00"] * 5 + ["42000.00"]
    for number, due in enumerate(dues):
        await house.until(max(0, due - 30))
        await house.bill("DataFlow", f"DF-{number}", amounts[number], due)
        if number:
            await house.until(dues[number - 1])
            await house.pay(f"DF-{number - 1}", amounts[number - 1])
    last = dues[-1]
    await house.until(last + 24)
    await house.pay("DF-5", "42000.00")
    await house.through(last + 40)

    expected = [(day, step) for due in dues for day, step in ((due - 14, "pre_due"), (due - 3, "pre_due_2"))]
    expected += [(last, "due"), (last + 7, "overdue"), (last + 14, "overdue_2")]
    assert house.sent() == expected
    for mail in house.mails():
        if mail.step == "pre_due":
            assert "day 45" in mail.text
    [call], [alert] = house.tasks("call"), house.tasks("am_alert")
    assert (call.due_on, alert.due_on) == (
        house.day0 + timedelta(days=last + 17),  # the sixteenth day is a Sunday
        house.day0 + timedelta(days=last + 21),
    )
    assert [mail.to for mail in house.staff_mails()] == ["Sam Reed <sam@seller.example>"]
    rows = [house.row(f"DF-{number}") for number in range(6)]
    assert {(row.policy_name, row.outcome) for row in rows} == {("chronic_late", "paid")}
    days_late = [(row.settled_on - row.due_on).days for row in rows if row.settled_on is not None]
    assert days_late == [0, 0, 0, 0, 0, 24]
    assert mean(late) - mean(days_late) == 13.0


def _history(house: House, late: list[int]) -> list[tuple[date, date, date]]:
    """Paid invoices, one a fortnight before day 0, net 30, each so many days late."""
    first_due = house.day0 - timedelta(days=14 * len(late) + 30)
    dues = [first_due + timedelta(days=14 * number) for number in range(len(late))]
    return [
        (due - timedelta(days=30), due, due + timedelta(days=days))
        for due, days in zip(dues, late, strict=True)
    ]
