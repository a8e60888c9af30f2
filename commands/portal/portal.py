"""What staff do about the portal: links made and revoked, customers' files, and the contacts they propose."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from activities.portal_links import PortalLinks, key_in, portal_links
from commands.failures import BadInput
from commands.place import Place, find
from commands.starting import Starter
from commands.telling.tell import os_user
from commands.terminal import clean, count, print_json
from deploy.local_stack import StackAddress
from domain.contract import CustomerUpdated
from settings import Settings
from store import portal, worklist
from store.database import session_factory
from store.schema import CustomerRow, TaskState


def make_link(state: Path | None, customer: str, seller: str, *, as_json: bool) -> None:
    """Print a fresh link into a customer's account; whoever has it is taken for the customer."""
    place = find(state)
    settings = Settings()
    address = StackAddress.of(place.state) if place.state is not None else None
    links = portal_links(settings.portal_url, settings.portal_key, settings.portal_days)
    if links is None and place.state is not None and address is not None:
        links = PortalLinks(f"http://127.0.0.1:{address.web_port}", key_in(place.state))
    if links is None:
        raise BadInput("There is no portal: set DUECOURSE_PORTAL_URL and DUECOURSE_PORTAL_KEY")
    with session_factory(place.engine).begin() as session:
        if session.get(CustomerRow, customer) is None:
            raise BadInput(f"CUSTOMER: nobody is known as {customer!r}")
        url = links.issue(session, customer, seller)
    if as_json:
        print_json({"customer_id": customer, "seller": seller, "url": url})
    else:
        print(url)


def revoke_links(
    state: Path | None, link: str | None, customer: str | None, by: str | None, *, as_json: bool
) -> None:
    """Close one link, or every link of a customer, from this moment on."""
    if (link is None) == (customer is None):
        raise BadInput("Name a link (its id, or the link itself) or --customer, one of the two")
    link_id = None if link is None else link.rsplit("/", 1)[-1].split(".")[0]
    place = find(state)
    with session_factory(place.engine).begin() as session:
        links = [] if link_id is None else [link_id]
        closed = portal.revoke(
            session, at=datetime.now(UTC), by=by or os_user(), link_ids=links, customer_id=customer
        )
    if as_json:
        print_json({"revoked": len(closed)})
    else:
        print(f"{count(len(closed), 'link')} revoked")


def write_files(state: Path | None, answer: str, output: Path, *, as_json: bool) -> None:
    """Write the files of an answer into a folder, each under its random id with the ending of what it is."""
    if output.exists() and not output.is_dir():
        raise BadInput(f"-o: {output} is not a folder")
    place = find(state)
    with place.reading() as session:
        if portal.answer(session, answer) is None:
            raise BadInput(f"ANSWER: nothing was answered as {answer!r}")
        uploads = portal.uploads_of(session, answer)
    output.mkdir(parents=True, exist_ok=True)
    written = []
    for upload in uploads:
        path = output / f"{upload.upload_id}{_ENDINGS[upload.media_type]}"
        path.write_bytes(upload.body)
        written.append({"file": str(path), "name": upload.name, "sha256": upload.sha256.hex()})
    if as_json:
        print_json(written)
        return
    for each in written:
        print(f"{each['file']}  {clean(each['name'])}")
    if not written:
        print("No files came with it")


#: What customers may send.
_ENDINGS = {"application/pdf": ".pdf", "image/png": ".png", "image/jpeg": ".jpg"}


def decide_contact(state: Path | None, item: str, accept: bool, by: str | None, *, as_json: bool) -> None:
    """Take over the contact that a customer proposed, before the others of its role, or decline it."""
    place = find(state)
    with place.reading() as session:
        task = worklist.get(session, item)
        if task is None or task.kind != "contact_proposed" or task.raw is None:
            raise BadInput(f"ITEM: no contact was proposed as {item!r}")
        if task.state is not TaskState.OPEN or task.customer_id is None:
            raise BadInput(f"ITEM: {item} is decided already: {task.outcome}")
        customer_id, proposed = task.customer_id, json.loads(task.raw)
        contacts = session.get_one(CustomerRow, customer_id).profile.get("contacts", [])
        at = place.now(session)
    if accept:
        new = {name: value for name, value in proposed.items() if value}
        kept = [contact for contact in contacts if contact.get("email") != new["email"]]
        told = {"customer_id": customer_id, "contacts": [new, *kept]}
        update = {"update_id": f"contact-{task.ref}", "customer": told}
        CustomerUpdated.model_validate(update)  # what the page took fits the contract
        asyncio.run(_tell(place, customer_id, update))
    outcome = "accepted" if accept else "declined"
    with place.writing() as session:
        worklist.close_task(session, item, at=at, by=by or os_user(), outcome=outcome)
    if as_json:
        print_json({"item_id": item, "customer_id": customer_id, "outcome": outcome})
    else:
        print(f"{clean(proposed['name'])} of {customer_id}: {outcome}")


async def _tell(place: Place, customer_id: str, update: dict[str, Any]) -> None:
    starter = await Starter.at(place)
    await starter.signal_account(customer_id, "customer_updated", update)
