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


async def test_techglobal_gets_one_partner_letter_an_offer_and_thanks(house: House) -> None:
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
    offer = "42,467.00 / 42,467.00 / 42,466.00 USD"
    assert offer in house.tasks("am_alert")[1].why
    assert "$42,467.00" in house.staff_mails()[-1].text
    assert "$42,466.00" in house.staff_mails()[-1].text
    for number in (1, 2, 3):
        plan = (await house.case(f"TG-{number}")).plan
        assert plan is not None
        assert plan.state == "offered"
        assert [each.amount for each in plan.instalments] == ["42467.00", "42467.00", "42466.00"]
    assert house.sent() == [(1, "overdue")]

    await house.until(21)
    allocations = [
        {"invoice_id": house.id(f"TG-{number}"), "amount": amount}
        for number, amount in ((1, "52600.00"), (2, "44800.00"), (3, "30000.00"))
    ]
    await house.tell_account(
        "TechGlobal",
        "cash_received",
        payment_id="REM-1",
        amount="127400.00",
        currency="USD",
        received_on=house.on(21),
        allocations=allocations,
    )
    assert [plan.state for plan in house.plans()] == ["withdrawn"]
    await house.through(28)
    assert house.sent() == [(1, "overdue"), (21, "thanks")]
    assert THREATS.findall(house.mails("TechGlobal")[1].text) == []
    for number in (1, 2, 3):
        assert (await house.result(f"TG-{number}")).outcome == "paid"
    assert len(house.tasks("am_alert")) == 2
    assert house.credit_holds() == []
    assert house.tasks("call") == []
    assert house.tasks("approval") == []


async def test_metro_pays_in_three_instalments_and_gets_exactly_ten_messages(house: House) -> None:
    house.know(
        "Metro",
        contacts=[
            {"role": "ap", "name": "Ann Payne", "email": "ap@metro.example"},
            {"role": "cfo", "name": "Clara Fontaine", "email": "cfo@metro.example"},
        ],
        credit_limit="200000.00",
    )
    invoice, dpd = "INV-2024-5521", 78  # day 0 of the test is the 78th after the due date
    await house.bill("Metro", invoice, "84200.00", due=-dpd)
    await house.tell(invoice, "risk_noted", note_id="N-1", text="layoffs announced", source="press")
    case = await house.case(invoice)
    assert case.risk.band == "high"
    assert len(case.risk.reasons) == 2
    assert "12 days to the write-off age" in case.risk.reasons[0]

    await house.until(80 - dpd)
    assert house.sent() == [(1, "at_risk")]
    assert "cfo@metro.example" in house.mails()[0].to
    [call] = house.tasks("call")
    note = "Cash flow is tight; wants instalments."
    await house.ask(invoice, "log_call", outcome="reached", by="lee", note=note)

    await house.until(81 - dpd)
    assert [task.state for task in house.tasks("call")] == ["done"]
    assert call.invoices == [house.id(invoice)]
    answer = await house.ask(invoice, "propose_plan", count=3, by="lee")
    offered = answer["case"]["plan"]
    assert offered["state"] == "offered"
    assert [(each["amount"], each["due_on"]) for each in offered["instalments"]] == [
        ("28067.00", house.on(90 - dpd)),
        ("28067.00", house.on(120 - dpd)),
        ("28066.00", house.on(150 - dpd)),
    ]
    await house.until(82 - dpd)
    accepted = await house.ask(
        invoice, "decide_plan", plan_id=offered["plan_id"], accept=True, by="Clara Fontaine"
    )
    assert accepted["case"]["waiting_on"] == "plan"
    assert accepted["case"]["plan"]["state"] == "active"

    for number, (day, amount, left) in enumerate(
        [(90, "28067.00", "56133.00"), (120, "28067.00", "28066.00"), (150, "28066.00", "0.00")], start=1
    ):
        await house.until(day - dpd)
        await house.pay(invoice, amount, f"P-{number}")
        assert (await house.case(invoice)).balance_due == left
    await house.through(156 - dpd)
    assert (await house.result(invoice)).outcome == "paid"

    assert [(day + dpd, step) for day, step in house.sent()] == [
        (79, "at_risk"),
        (80, "call_confirmed"),
        (81, "plan_proposed"),
        (82, "plan_confirmed"),
        (87, "plan_reminder_1"),
        (92, "plan_thanks_1"),
        (117, "plan_reminder_2"),
        (120, "plan_thanks_2"),
        (148, "plan_reminder_3"),
        (150, "plan_thanks_3"),
    ]
    assert house.row(invoice).stage == "at_risk", "no step was taken for planned money"
    assert house.events(invoice, "written_off") == []
    assert house.credit_holds() == []
    [plan] = house.plans()
    assert plan.state == "kept"
    assert (plan.credit_limit_before, plan.credit_limit_after) == (20_000_000, 10_000_000)


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
