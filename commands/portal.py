"""What staff do about the portal: make a link, revoke links, look at files that customers sent."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from activities.portal_links import PortalLinks, key_in, portal_links
from commands.failures import BadInput
from commands.place import find
from commands.tell import os_user
from commands.terminal import clean, count, print_json
from deploy.local_stack import StackAddress
from settings import Settings
from store import portal
from store.database import session_factory
from store.schema import CustomerRow


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
        closed = portal.revoke(
            session, at=datetime.now(UTC), by=by or os_user(), link_id=link_id, customer_id=customer
        )
    if as_json:
        print_json({"revoked": closed})
    else:
        print(f"{count(closed, 'link')} revoked")


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
