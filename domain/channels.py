"""By which channel a message to a customer goes: what they prefer, as far as it is possible and fit for the step."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import time
from typing import NamedTuple

from domain import contract as wire
from domain.calendar import SendWindow
from domain.envelope import window_address
from domain.vocabulary import Channel, Note, Step

#: What takes something away, or answers something, goes in writing and to the customer: it is not spoken.
_IN_WRITING = frozenset({Step.CREDIT_HOLD, Step.DEMAND, Step.REFERRAL, *Note})
#: What takes something away is not left lying in the portal either, where nobody may look.
_BROUGHT = frozenset({Step.CREDIT_HOLD, Step.DEMAND, Step.REFERRAL})
_SPOKEN = frozenset({Channel.CALL, Channel.VOICE})
#: Nobody is called by a machine before or after this by their own clock, whatever the policy's window.
VOICE_HOURS = SendWindow(time(8), time(21))

_NAMES = {
    Channel.EMAIL: "e-mail",
    Channel.LETTER: "letters",
    Channel.PORTAL: "messages in the portal",
    Channel.CALL: "to be called",
    Channel.VOICE: "voice messages",
}
_LACKS = {
    Channel.LETTER: "no postal address is known that fits an envelope's window",
    Channel.PORTAL: "there is no portal, or no mail address to which its link could go",
    Channel.CALL: "no phone number is known",
    Channel.VOICE: "there is no phone number with recorded consent, no time zone, or no telephony set up",
}
#: What needs nothing set up; the portal and telephony do.
OFFERED_BY_ALL = frozenset({Channel.EMAIL, Channel.LETTER, Channel.CALL})
#: Words of the contract that mean a channel of ours; what is not named here is e-mail.
_PREFERRED = {**{channel.value: channel for channel in Channel}, "phone": Channel.CALL}


@dataclass(frozen=True, slots=True)
class Ways:
    """What a customer prefers, and what is possible beside e-mail."""

    preferred: Channel = Channel.EMAIL
    letter: bool = False
    portal: bool = False
    phone: bool = False
    voice: bool = False


class Route(NamedTuple):
    """The channel of a message, and why it is this one; no reason is needed where e-mail was never in doubt."""

    channel: Channel
    why: str = ""


#: Where nobody prefers anything else.
BY_MAIL = Route(Channel.EMAIL)


def ways_of(
    customer: wire.Customer,
    refused: Collection[str] = (),
    *,
    offers: Collection[Channel] = OFFERED_BY_ALL,
) -> Ways:
    """What the customer's particulars allow. `refused` are addresses and numbers that took nothing before;
    `offers` are the channels that are set up here."""
    return Ways(
        preferred=_PREFERRED.get(customer.preferred_channel, Channel.EMAIL),
        letter=window_address(customer) is not None,
        portal=Channel.PORTAL in offers,
        phone=any(contact.phone is not None for contact in customer.contacts),
        voice=Channel.VOICE in offers
        and customer.timezone is not None  # else nobody knows what hour it is there
        and any(may_be_spoken_to(contact, refused) for contact in customer.contacts),
    )


def may_be_spoken_to(contact: wire.Contact, refused: Collection[str] = ()) -> bool:
    """Whether a machine may call this person."""
    return contact.phone is not None and contact.voice_consent_on is not None and contact.phone not in refused


def route(step: Step | Note, ways: Ways, *, mail: bool) -> Route | None:
    """The channel for a step's message: the preferred one, else e-mail, else None: a person has to look.

    `mail` says whether some contact has a mail address that takes mail.
    """
    wanted = ways.preferred
    possible = {
        Channel.EMAIL: mail,
        Channel.LETTER: ways.letter,
        Channel.PORTAL: ways.portal and mail,  # its links go by mail
        Channel.CALL: ways.phone,
        Channel.VOICE: ways.voice,
    }
    prefers = f"the customer prefers {_NAMES[wanted]}"
    if wanted is Channel.EMAIL:
        return Route(wanted) if mail else None
    if step is Note.PORTAL_LINK:
        why = f"{prefers}, but a link into the portal goes to the mail address that is known"
        return Route(Channel.EMAIL, why) if mail else None
    if wanted in _SPOKEN and step in _IN_WRITING:
        lacking = "this goes in writing"
    elif wanted is Channel.PORTAL and step in _BROUGHT:
        lacking = "this is brought to them"
    elif possible[wanted]:
        return Route(wanted, prefers)
    else:
        lacking = _LACKS[wanted]
    return Route(Channel.EMAIL, f"{prefers}, but {lacking}") if mail else None


def window_of(window: SendWindow, ways: Ways) -> SendWindow:
    """The hours in which a customer is contacted: for voice messages only civil ones of the policy's window.

    A window that has no civil hour gives way to the civil hours.
    """
    if ways.preferred is not Channel.VOICE or not ways.voice:
        return window
    if window.is_all_day:
        return VOICE_HOURS
    midnight = time()
    closes = VOICE_HOURS.closes if window.closes == midnight else min(window.closes, VOICE_HOURS.closes)
    opens = max(window.opens, VOICE_HOURS.opens)
    return SendWindow(opens, closes) if opens < closes else VOICE_HOURS
