"""Who is held out: drawn with the first case, pinned with it, and measured in the arm they were drawn into."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from shutil import copytree

import pytest

from activities.rulebook import Misconfigured, load_rulebook
from domain.hold_out import Arm, HoldOut, Tally
from settings import ROOT
from store.hold_out import tallies
from tests.activities.conftest import Office


def hold_out(office: Office, share: str | None, salt: str = "spring") -> None:
    """Work with a hold-out of this share from here on; None for none."""
    drawn = None if share is None else HoldOut(share=share, policy="chronic_late", salt=salt)
    segments = office.rulebook.segments.model_copy(update={"hold_out": drawn})
    office.use(replace(office.rulebook, segments=segments))


def open_for(office: Office, customer_id: str, invoice_id: str | None = None, **told: object) -> str:
    """Open a case under the customer's own policy, and return its id."""
    invoice_id = invoice_id or f"INV-{customer_id}"
    office.open(invoice_id, customer={"customer_id": customer_id}, policy=None, **told)
    return invoice_id


def test_who_is_held_out_gets_the_policy_of_the_hold_out(office: Office) -> None:
    hold_out(office, "0.5")
    draw = office.rulebook.segments.hold_out
    assert draw is not None
    for number in range(12):
        row = office.row(open_for(office, f"C-{number}"))
        assert row.arm == draw.arm(f"C-{number}")
        assert row.policy_name == ("chronic_late" if row.arm == Arm.HELD_OUT else "standard")
    assert {office.row(f"INV-C-{number}").arm for number in range(12)} == {"usual", "held_out"}
    opened = next(row for row in office.audit("C-1") if row.kind == "case_opened")
    assert opened.body["arm"] == office.row("INV-C-1").arm


def test_a_later_share_or_salt_moves_nobody(office: Office) -> None:
    hold_out(office, "0.000001")
    first = office.row(open_for(office, "C-1"))
    assert first.arm == Arm.USUAL
    hold_out(office, "0.999999", salt="autumn")
    assert office.row(open_for(office, "C-1", "INV-2")).arm == Arm.USUAL
    assert office.row(open_for(office, "C-2")).arm == Arm.HELD_OUT
    hold_out(office, None)
    without = office.row(open_for(office, "C-2", "INV-3"))
    assert (without.arm, without.policy_name) == (None, "standard")
    hold_out(office, "0.000001")
    assert office.row(open_for(office, "C-2", "INV-4")).arm == Arm.HELD_OUT


def test_a_policy_that_the_erp_asks_for_stands_and_the_arm_is_noted_all_the_same(office: Office) -> None:
    hold_out(office, "0.999999")
    office.open()
    assert (office.row().arm, office.row().policy_name) == ("held_out", "sandbox")


def test_without_a_hold_out_there_is_no_arm(office: Office) -> None:
    assert office.row(open_for(office, "C-1")).arm is None


def test_invoices_count_in_the_arm_they_were_drawn_into_once_all_had_the_same_time(office: Office) -> None:
    hold_out(office, "0.999999")
    for number, due in enumerate(("2026-12-07", "2026-12-07", "2026-12-07", "2026-12-07", "2027-01-07")):
        open_for(office, "C-1", f"INV-{number}", invoice={"due_on": due, "issued_on": "2026-11-07"})
    office.later(days=10)
    office.pay("INV-0", "1250.00", "P-0")  # 40 days after its issue
    office.tell("INV-3", "invoice_cancelled", cancellation_id="X-3")
    office.later(days=70)
    office.pay("INV-1", "1250.00", "P-1")  # 80 days late
    with office.sessions() as session:
        assert tallies(session, date(2027, 2, 4)) == []
        # INV-2 is open and INV-1 late: both count as 90 days; INV-3 was cancelled, INV-4 not due for so long.
        expected = Tally(Arm.HELD_OUT, "C-1", 3, 1, 40 + 90 + 90)
        assert tallies(session, date(2027, 2, 5)) == [expected]
        assert tallies(session, office.today) == [expected]


@pytest.mark.parametrize(("policy", "said"), [("as_before", "is not one of"), ("silent", "writes to nobody")])
def test_a_policy_that_is_missing_or_silent_is_refused_at_start(
    tmp_path: Path, policy: str, said: str
) -> None:
    folder = copytree(ROOT / "deploy", tmp_path / "deploy")
    (folder / "policies" / "silent.toml").write_text('name = "silent"\n[[steps]]\nstep = "call"\nday = 16\n')
    rules = folder / "segments.toml"
    table = f'\n[hold_out]\nshare = "0.1"\npolicy = "{policy}"\nsalt = "spring"\n'
    rules.write_text(rules.read_text() + table)
    with pytest.raises(Misconfigured, match=said):
        load_rulebook(folder)
