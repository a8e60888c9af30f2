"""What people see of a plan that was broken: on the call sheet and in the portal's account."""

from __future__ import annotations

import pytest

from activities.call_sheet import read_call_sheet
from activities.interface import OnMessage, OnPlan
from domain.plans.plan import SendNote
from store import portfolio
from store.schema import PortalLinkRow
from tests.activities.conftest import Office, Post
from web.portal.view import read


def break_plan(office: Office, *, whole: bool) -> None:
    """A plan over an overdue invoice and one that is not due for long, of which nothing comes."""
    office.policy(
        "sandbox", plan={"whole_falls_due": whole, "first_days": 2, "cure_days": 1, "grace_days": 1}
    )
    office.open("INV-1", invoice={"due_on": office.on(-30), "issued_on": office.on(-60)})
    office.open("INV-2", invoice={"due_on": office.on(90), "issued_on": office.on(-1)})
    reply = office.ask("INV-1", "propose_plan", count=2, source="portal", invoices=["INV-2"])
    assert reply.refused_by is None, reply
    [plan_id] = office.case().plans
    for _ in range(15):
        on = OnPlan(plan_id=plan_id, at=office.now)
        while isinstance(office.run(office.ledger.follow_plan, on).decision, SendNote):
            drafted = office.run(office.notices.draft_plan_notice, on)
            assert drafted.message_id is not None
            message = OnMessage(invoice_id="INV-1", message_id=drafted.message_id, at=office.now)
            office.run(office.documents.render_documents, message)
            office.run(office.notices.send_notice, message)
        if office.case().plans_ended:
            return
        office.later(days=1)
    raise AssertionError("it is not broken")


@pytest.mark.parametrize("whole", [True, False])
def test_call_sheet_and_account_say_whether_the_whole_is_due(office: Office, post: Post, whole: bool) -> None:
    break_plan(office, whole=whole)
    on = office.today
    case = office.case("INV-2")
    assert case.whole_due_on == (on if whole else None)
    assert case.due == office.row("INV-2").due_on
    with office.sessions() as session:
        sheet = read_call_sheet(session, portfolio.open_rows(session, "C-1"), office.rulebook, office.now)
        link = PortalLinkRow(link_id="L-1", customer_id="C-1", seller="default")
        account = read(session, link, "token", office.rulebook, office.now, base="/p/token", language="en")
        told = dict(sheet.facts)["Instalments"]
        assert ("as agreed, all that is left is due since then" in told) is whole
        assert ("by their own due dates again" in told) is not whole
        late = {invoice.name: invoice.late for invoice in sheet.invoices}
        assert late["INV-2"].startswith("due since") is whole
        assert (
            "2 invoices" in " ".join(sheet.opening) if whole else "invoice INV-1" in " ".join(sheet.opening)
        )
        assert account.broken_plans() == [(on, whole)]
        states = {item.invoice_id: account.states(item) for item in account.open}
        assert states == {"INV-1": [], "INV-2": ["due at once"] if whole else []}
        assert str(account.past_due["USD"]) == ("2500.00" if whole else "1250.00")
