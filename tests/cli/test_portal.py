"""Links made and revoked by staff, and the files that customers sent."""

from __future__ import annotations

import hashlib
import json

import pytest
import sqlalchemy as sa
from temporalio.client import Client

from activities.portal_links import key_in
from commands.place import find
from store import worklist
from store.schema import CaseRow, CustomerRow, PortalAnswerRow, UploadRow
from tests.cli.conftest import Office
from tests.premises import eventually, start_input

pytestmark = pytest.mark.usefixtures("office")


def _is_open(engine: sa.Engine) -> bool:
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(CaseRow)) == 1


def _emails(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        profile = connection.scalar(sa.select(CustomerRow.profile)) or {}
    return [contact["email"] for contact in profile.get("contacts", [])]


async def test_a_link_is_made_opens_the_account_and_is_revoked(
    office: Office, temporal_client: Client
) -> None:
    start = start_input("CLI-1")
    await temporal_client.start_workflow(
        "InvoiceCollection", start, id="invoice-CLI-1", task_queue="duecourse"
    )
    engine = find(office.state).engine
    await eventually(lambda: _is_open(engine))
    made = await office.json("portal", "link", "C-CLI-1")
    assert made["url"].startswith("http://127.0.0.1:0/p/L-")
    assert ((office.state / "portal.key").stat().st_mode & 0o777) == 0o600
    assert key_in(office.state) == key_in(office.state), "made once"

    link_id = made["url"].rsplit("/", 1)[-1].split(".")[0]
    place = find(office.state)
    with place.writing() as session:
        answer = {
            "answer_id": "A-1",
            "link_id": link_id,
            "customer_id": "C-CLI-1",
            "seller": "default",
            "action": "dispute",
            "said": {},
            "address": "127.0.0.1",
            "at": place.now(session),
        }
        session.add(PortalAnswerRow(**answer))
        session.flush()
        body = b"%PDF-1.4"
        session.add(
            UploadRow(
                upload_id="U-1",
                answer_id="A-1",
                customer_id="C-CLI-1",
                name="note\x1b[2J.pdf",
                media_type="application/pdf",
                body=body,
                sha256=hashlib.sha256(body).digest(),
            )
        )
    (written,) = await office.json("portal", "files", "A-1", "-o", str(office.state / "files"))
    assert written["file"] == str(office.state / "files" / "U-1.pdf")
    assert "\x1b" not in (await office.done("portal", "files", "A-1", "-o", str(office.state / "files"))).out
    assert (await office.run("portal", "files", "A-2", "-o", str(office.state / "files"))).code == 2

    with place.writing() as session:
        proposed = {"name": "Zoe", "email": "zoe@acme.example", "phone": "", "role": "ap"}
        item = worklist.open_task(
            session,
            kind="contact_proposed",
            why="check it",
            at=place.now(session),
            customer_id="C-CLI-1",
            ref="A-1",
            raw=json.dumps(proposed).encode(),
        )
    decided = await office.json("portal", "contact", item, "--accept", "--by", "lee")
    assert decided["outcome"] == "accepted"
    await eventually(lambda: _emails(engine) == ["zoe@acme.example", "ap@acme.example"])
    assert (await office.run("portal", "contact", item, "--decline")).code == 2, "once"

    assert await office.json("portal", "revoke", made["url"], "--by", "lee") == {"revoked": 1}
    assert await office.json("portal", "revoke", "--customer", "C-CLI-1", "--by", "lee") == {"revoked": 0}
    assert (await office.run("portal", "revoke")).code == 2
    assert (await office.run("portal", "link", "C-NOBODY")).code == 2
