"""Working days at the command line, against the real servers: import, look, tell, ask, and look again."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from temporalio.client import Client

from deploy.local_process import free_port, port_is_free
from settings import ROOT
from store.database import create_engine, session_factory
from store.schema import CustomerRow, SettledInvoiceRow
from tests import clock
from tests.cli.conftest import Office
from tests.premises import mails_in, noon_zone, today_in
from workflows.options import MAIN_QUEUE

HEADER = (
    "invoice_id,customer_id,customer_name,contact_name,email,country,timezone,issue_date,due_date,amount,currency,"
    "policy,settled_date\n"
)


def portfolio(folder: Path, *rows: tuple[str, int, str, str], name: str = "portfolio.csv") -> str:
    """A file of invoices: id, days until due, amount, customer. One row of history comes with it."""
    zone = noon_zone()
    today = today_in(zone)
    lines = [HEADER]
    for invoice_id, days, amount, customer in rows:
        due = today + timedelta(days=days)
        lines.append(
            f"{invoice_id},{customer},{customer} Ltd,Ann Payne,ap@{customer.lower()}.example,US,{zone},"
            f"{due - timedelta(days=30)},{due},{amount},USD,sandbox,\n"
        )
    lines.append(
        f"OLD-1,Past,,,,,,{today - timedelta(days=90)},{today - timedelta(days=60)},7.00,USD,,"
        f"{today - timedelta(days=50)}\n"
    )
    file = folder / name
    file.write_text("".join(lines), encoding="utf-8")
    return str(file)


async def test_an_invoice_is_imported_looked_at_paid_and_closed(
    office: Office, tmp_path: Path, database: str, temporal_client: Client
) -> None:
    file = portfolio(tmp_path, ("INV-1001", 0, "1250.00", "Acme"), ("INV-1002", 40, "99.50", "Acme"))
    said = await office.done("import", file)
    assert said.out.splitlines()[-1] == "Started 2 cases, stored 1 settled invoice"
    again = await office.json("import", file)
    assert (again["started"], again["known"], again["history"], again["differing"]) == (0, 2, 0, [])
    with session_factory(create_engine(database))() as session:
        assert [row.invoice_id for row in session.scalars(sa.select(SettledInvoiceRow))] == ["OLD-1"]

    described = await temporal_client.get_workflow_handle("invoice-INV-1001").describe()
    summary = json.loads(described.raw_description.execution_config.user_metadata.summary.data)
    assert summary.startswith("Acme Ltd · INV-1001 · 1,250.00 USD due ")

    # The policy of the file has no waits: the notice of the day goes out at once.
    for _ in range(200):
        if mails_in(office.mail):
            break
        await asyncio.sleep(0.05)
    assert len(mails_in(office.mail)) == 1
    for _ in range(200):
        first, second = await office.json("list")
        if first["stage"] == "due":
            break
    assert (first["invoice_id"], first["balance_due"], first["stage"]) == ("INV-1001", "1250.00", "due")
    assert first["next_step"]["step"] == "overdue"
    assert second["stage"] == "scheduled"
    listed = (await office.done("list")).out
    assert "1,250.00 USD" in listed
    assert "2 invoices of 1 customer · 1,349.50 USD" in listed

    said = await office.done("pay", "INV-1001", "--amount", "250", "--payment-id", "P-1")
    assert said.out.startswith("INV-1001: 1,000.00 USD open · due · next overdue,")
    said = await office.done("pay", "INV-1001", "--amount", "250", "--payment-id", "P-1")
    assert "was recorded before: nothing changes" in said.err
    assert (await office.run("pay", "INV-1001", "--amount", "9", "--payment-id", "P-1")).code == 2
    shown = (await office.done("show", "INV-1001")).out
    for part in (
        "Acme Ltd (Acme)",
        "1,000.00 USD of 1,250.00 USD",
        "Ann Payne <ap@acme.example>",
        "Due notice",
    ):
        assert part in shown
    assert "Payment of 250.00 USD received on" in shown

    paid = await office.json("pay", "INV-1001", "--amount", "1000.00", "--reference", "wire 7")
    assert paid["recorded"] is True
    assert paid["case"]["balance_due"] == "0.00"
    result = await temporal_client.get_workflow_handle("invoice-INV-1001").result()
    assert json.loads(result.payload.data)["outcome"] == "paid"
    shown_again = await office.json("show", "INV-1001")
    assert shown_again["outcome"] == "paid"
    assert [
        entry["balance_due"] for entry in shown_again["timeline"] if entry["kind"] == "payment_received"
    ] == [
        "1000.00",
        "0.00",
    ]
    assert [case["invoice_id"] for case in await office.json("list")] == ["INV-1002"]

    # Closed: a request is refused, money that comes all the same is kept and put before a person.
    refused = await office.run("snooze", "INV-1001", "--until", "2199-01-01", "--reason", "x")
    assert (refused.code, refused.out) == (1, "")
    assert "is closed (paid)" in refused.err
    await office.done("pay", "INV-1001", "--amount", "1.00", "--payment-id", "P-late")
    assert (await office.json("show", "INV-1001"))["outcome"] == "paid"
    assert (await office.done("verify")).out.startswith("The audit log is as it was written")
    assert await office.json("verify") == []


async def test_staff_tell_and_ask(office: Office, tmp_path: Path) -> None:
    await office.done(
        "import", portfolio(tmp_path, ("N-1", 40, "500.00", "Zed"), ("N-2", 45, "60.00", "Zed"))
    )
    zone = noon_zone()
    soon = str(today_in(zone) + timedelta(days=5))
    late = str(today_in(zone) + timedelta(days=50))

    promised = await office.json(
        "promise", "N-1", "--pay-by", soon, "--made-by", "Ann Payne", "--source", "erp"
    )
    assert promised["case"]["waiting_on"] == "promise"
    refused = await office.run("call", "N-2", "--outcome", "reached", "--pay-by", late, "--json")
    assert (refused.code, refused.out) == (1, "")
    assert "PromiseTooLate" in refused.err

    called = await office.json(
        "call", "N-2", "--outcome", "voicemail", "--note", "again on Friday", "--by", "Sam"
    )
    assert called["accepted"] is True
    held = await office.json("hold", "N-2", "--reason", "legal", "--note", "counsel asks")
    assert held["case"]["waiting_on"] == "hold"
    released = await office.json("release", "N-2")
    assert released["id"] == held["id"]
    raised = await office.json("dispute", "N-2", "--reason", "quality", "--raised-by", "Uwe")
    assert raised["case"]["waiting_on"] == "dispute"
    [task] = await office.json("worklist", "--kind", "dispute")
    assert {"item_id", "kind", "invoice_id", "customer_id", "why", "raw"} <= set(task)
    assert task["invoice_id"] == "N-2"
    assert "Zed Ltd" in (await office.done("worklist")).out
    await office.done("resolve", "N-2", "--outcome", "partly", "--credit-amount", "10.00")
    assert await office.json("worklist", "--kind", "dispute") == []
    credited = await office.json("credit", "N-2", "--amount", "5.00", "--credit-id", "CN-1")
    assert credited["case"]["balance_due"] == "45.00"
    written = await office.json("write-off", "N-2", "--amount", "5.00", "--reason", "small")
    assert written["case"]["balance_due"] == "40.00"
    moved = await office.json("change-policy", "N-2", "--policy", "strategic")
    assert moved["case"]["policy"]["name"] == "strategic"
    await office.done("skip", "N-2", "--step", "call", "--reason", "spoke already")
    await office.done("waive", "N-2", "--step", "overdue", "--reason", "spoke already")
    snoozed = await office.json("snooze", "N-2", "--until", soon, "--reason", "fair")
    assert snoozed["case"]["waiting_on"] == "hold"
    for words, rule in (
        (("run", "N-2", "--step", "due"), "CasePaused"),
        (("recall", "N-2", "--reason", "x"), "NotReferred"),
        (("approve", "N-2", "--step", "demand"), "NotWaitingForApproval"),
        (("change-policy", "N-2", "--policy", "nope"), "UnknownPolicy"),
    ):
        refused = await office.run(*words)
        assert (refused.code, refused.out) == (1, "")
        assert rule in refused.err

    story = [entry["text"] for entry in (await office.json("show", "N-2"))["timeline"]]
    for part in (
        "Call by Sam: voicemail: again on Friday",
        "On hold: legal: counsel asks",
        "Hold released (legal)",
        "Disputed by Uwe: everything, quality",
        "Dispute decided: partly, 10.00 USD credited",
        "Credit note CN-1 of 5.00 USD",
        "Moved to the policy strategic by",
    ):
        assert any(text.startswith(part) for text in story), (part, story)


async def test_a_hold_on_the_whole_account_is_released_there(
    office: Office, tmp_path: Path, temporal_client: Client
) -> None:
    await office.done("import", portfolio(tmp_path, ("A-1", 40, "500.00", "Ant"), ("A-2", 41, "5.00", "Ant")))
    await temporal_client.start_workflow(
        "CustomerAccount",
        {"customer": {"customer_id": "Ant"}},
        id="account-Ant",
        task_queue=MAIN_QUEUE,
        start_signal="hold_placed",
        start_signal_args=[{"hold_id": "H-1", "reason": "insolvency"}],
    )
    await temporal_client.get_workflow_handle("account-Ant").result()
    assert [case["waiting_on"] for case in await office.json("list")] == ["hold", "hold"]
    released = await office.json("release", "A-1")
    assert released["id"] == "H-1"
    await temporal_client.get_workflow_handle("account-Ant").result()
    assert [case["waiting_on"] for case in await office.json("list")] == ["time", "time"]
    shown = (await office.done("show", "A-2")).out
    assert "On hold: insolvency (all invoices of the customer)" in shown
    assert "Hold released (insolvency) (all invoices of the customer)" in shown


async def test_what_cannot_be_meant_is_refused_and_nothing_is_sent(office: Office, tmp_path: Path) -> None:
    await office.done("import", portfolio(tmp_path, ("R-1", 40, "500.00", "Yak")))
    before = await office.json("show", "R-1")
    for words, said in (
        (("pay", "NOPE", "--amount", "5"), "'NOPE' is not known"),
        (("show", "NOPE"), "'NOPE' is not known"),
        (("snooze", "NOPE", "--until", "2026-12-01", "--reason", "x"), "'NOPE' is not known"),
        (("pay", "R-1", "--amount", "5", "--currency", "EUR"), "is not the invoice's USD"),
        (("pay", "R-1", "--amount", "5.001"), "more than the 2 decimals of USD"),
        (("dispute", "R-1", "--reason", "other", "--amount", "5.001"), "decimals of USD"),
        (("release", "R-1"), "R-1 has no standing hold"),
        (("resolve", "R-1", "--outcome", "upheld"), "R-1 has no open dispute"),
        (("approve", "R-1"), "R-1 has no message that waits for approval"),
    ):
        refused = await office.run(*words)
        assert (refused.code, refused.out) == (2, ""), refused
        assert said in refused.err
    differing = await office.json("import", portfolio(tmp_path, ("R-1", 40, "501.00", "Yak"), name="b.csv"))
    assert differing["differing"] == ["R-1"]
    bad = tmp_path / "bad.csv"
    bad.write_text(HEADER + "R-2,Yak,,,,,,,2026-13-01,5.00,USD,,\n", encoding="utf-8")
    refused = await office.run(
        "import", portfolio(tmp_path, ("R-3", 1, "1.00", "Yak"), name="c.csv"), str(bad)
    )
    assert refused.code == 2
    assert await office.json("show", "R-1") == before
    assert [case["invoice_id"] for case in await office.json("list")] == ["R-1"]


async def test_today_is_the_newest_day_the_stack_has_lived(
    office: Office, tmp_path: Path, database: str, temporal_client: Client
) -> None:
    await office.done("import", portfolio(tmp_path, ("V-1", 10, "500.00", "Vole")))
    ahead = clock.now() + timedelta(days=30)
    with session_factory(create_engine(database)).begin() as session:
        session.execute(sa.update(CustomerRow).values(latest_at=ahead))
    [case] = await office.json("list")
    assert case["days_past_due"] == 20
    # What is begun there begins on that day, and so does a payment that names none.
    await office.done("import", portfolio(tmp_path, ("V-2", 25, "70.00", "Wren"), name="b.csv"))
    await office.done("pay", "V-2", "--amount", "1", "--payment-id", "P-1")
    shown = await office.json("show", "V-2")
    opened, *_ = shown["timeline"]
    assert abs(datetime.fromisoformat(opened["at"]) - ahead) < timedelta(hours=1)
    [paid] = [entry for entry in shown["timeline"] if entry["kind"] == "payment_received"]
    assert f"received on {(today_in(noon_zone()) + timedelta(days=30)).day} " in paid["text"]


async def test_a_signal_that_no_worker_records_is_handed_over_all_the_same(
    office: Office, temporal_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workflow on a queue that nobody works on stands for a worker that is down."""
    monkeypatch.setattr("commands.telling.tell.RECORDED_WITHIN_S", 0.2)
    await temporal_client.start_workflow(
        "InvoiceCollection", {}, id="invoice-ASLEEP", task_queue="nobody-works-here"
    )
    said = await office.run("pay", "ASLEEP", "--amount", "5", "--currency", "USD", "--json")
    assert said.code == 0
    assert said.document["recorded"] is False
    assert "as soon as a worker runs" in said.err
    missing = await office.run("pay", "ASLEEP", "--amount", "5")
    assert missing.code == 2
    assert "--currency: is missing" in missing.err


def test_up_runs_until_it_is_told_to_stop_and_leaves_nothing_behind(server_folder: Path) -> None:
    state, port = server_folder / "up", free_port()
    while not port_is_free(port + 1000):
        port = free_port()
    ports = ["--temporal-port", str(port), "--web-port", str(free_port())]
    command = [sys.executable, "starter.py", "up", "--state", str(state), *ports]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        deadline = time.monotonic() + 60
        said = ""
        while "Ready" not in said:
            assert time.monotonic() < deadline
            line = process.stdout.readline()
            assert line, process.communicate()
            said += line
        assert f"http://127.0.0.1:{port + 1000}/namespaces/default/workflows?query=" in said
        looked = subprocess.run(
            [sys.executable, "starter.py", "list", "--json", "--state", str(state)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert json.loads(looked.stdout) == []
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert port_is_free(port)
    assert not (state / "stack.json").exists()
