"""The print queue for whoever prints and posts: the days with their letters, and the file of each that is over."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from activities.paper.rendering import PdfRenderer, PdfUnavailable, RenderingFailed
from activities.print_queue import PrintDay, PrintQueue, days_of
from activities.rulebook import Rulebook, load_rulebook
from commands.failures import BadInput, Failed
from commands.place import find
from commands.terminal import count, note, notes, out, print_json, table, words
from domain.contract import Customer
from domain.vocabulary import step_name
from settings import Settings
from store import portfolio
from store.schema import CustomerRow, MessageRow


def print_letters(state: Path | None, *, seller: str | None, day: date | None, as_json: bool) -> None:
    """List the days of the print queue, after closing those that are over: this is the first look that does."""
    settings = Settings()
    rulebook = load_rulebook(settings.config_folder)
    if seller is not None and seller not in rulebook.sellers:
        raise BadInput(f"--seller: there is no seller {seller!r}: {', '.join(sorted(rulebook.sellers))}")
    place = find(state)
    folder = settings.letters if place.state is None else place.state / "letters"
    queue = PrintQueue(folder, days_of(rulebook))
    sellers = [seller] if seller is not None else sorted(rulebook.sellers)
    with place.reading() as session:
        now = place.now(session)
    _close(queue, sellers, now)
    days = [each for each in queue.days(sellers) if day is None or each.day == day]
    with place.reading() as session:
        letters = _letters(session, [letter.stem for each in days for letter in each.letters])
    if as_json:
        print_json([_as_json(each, letters) for each in days])
        return
    if not days:
        notes().print("No letters.")
        return
    _print(days, letters, rulebook)


def _close(queue: PrintQueue, sellers: list[str], now: datetime) -> None:
    with PdfRenderer() as renderer:
        try:
            for path in queue.close_before(sellers, now, renderer):
                note(f"Closed: {path}")
        except (OSError, RenderingFailed, PdfUnavailable) as problem:
            raise Failed(f"a day of the print queue cannot be closed: {problem}") from None


def _letters(session: Session, message_ids: list[str]) -> dict[str, tuple[MessageRow, Customer]]:
    """What is known of each letter, by message id."""
    rows = session.execute(
        select(MessageRow, CustomerRow)
        .join(CustomerRow, CustomerRow.customer_id == MessageRow.customer_id)
        .where(MessageRow.message_id.in_(message_ids))
        .options(defer(MessageRow.payload))
    )
    return {message.message_id: (message, portfolio.profile_of(customer)) for message, customer in rows}


def _as_json(each: PrintDay, letters: dict[str, tuple[MessageRow, Customer]]) -> dict[str, Any]:
    told = []
    for path in each.letters:
        message, customer = letters.get(path.stem, (None, None))
        told.append(
            {
                "message_id": path.stem,
                "customer_id": customer.customer_id if customer is not None else None,
                "customer": customer.shown_name if customer is not None else None,
                "step": message.step if message is not None else None,
                "subject": message.subject if message is not None else None,
                "file": str(path),
            }
        )
    return {
        "seller": each.seller,
        "day": each.day,
        "state": "closed" if each.closed else "open",
        "files": [str(path) for path in each.files],
        "letters": told,
    }


def _print(days: list[PrintDay], letters: dict[str, tuple[MessageRow, Customer]], rulebook: Rulebook) -> None:
    listed = table(["Day", "Seller", "Letter", "Customer", "Step"], wide=["Customer", "Letter"])
    for each in days:
        for path in each.letters:
            message, customer = letters.get(path.stem, (None, None))
            listed.add_row(
                words(each.day.isoformat()),
                words(rulebook.seller(each.seller).name),
                words(path.stem),
                words(customer.shown_name if customer is not None else ""),
                words(step_name(message.step) if message is not None else ""),
            )
    out().print(listed)
    out().print()
    for each in days:
        held = count(len(each.letters), "letter")
        if each.closed:
            for file in each.files:
                out().print(words(f"Print: {file} ({held})"), soft_wrap=True)
        else:
            out().print(
                words(f"{each.day} is open ({held}): its file is made by the first look at the next day")
            )
