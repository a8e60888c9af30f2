"""By which channel a message goes, and which addresses fit an envelope's window."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import pytest

from domain import contract as wire
from domain import facts
from domain.calendar import SendWindow
from domain.channels import VOICE_HOURS, Ways, route, ways_of, window_of
from domain.decide import decide
from domain.decision import CarryOut, Wait
from domain.envelope import DIN_5008_B, MOST_LINES, UK_DL, US_10, envelope_of, window_address
from domain.filing import apply
from domain.proof import await_proof
from domain.vocabulary import CallOutcome, Channel, Note, Step
from tests.unit.living import NEW_YORK, account, at, case, policy

EVERYTHING = {"letter": True, "phone": True, "voice": True}
NOTICE, HARSH, NOTE = Step.OVERDUE, Step.DEMAND, Note.PROMISE_CONFIRMED


@pytest.mark.parametrize(
    ("preferred", "possible", "mail", "notice", "harsh", "note"),
    [
        ("email", {}, True, "email", "email", "email"),
        ("email", EVERYTHING, False, None, None, None),
        ("letter", {"letter": True}, True, "letter", "letter", "letter"),
        ("letter", {"letter": True}, False, "letter", "letter", "letter"),
        ("letter", {}, True, "email", "email", "email"),
        ("letter", {}, False, None, None, None),
        ("portal", {"portal": True}, True, "portal", "email", "portal"),
        ("portal", {}, True, "email", "email", "email"),
        ("portal", {"portal": True}, False, None, None, None),
        ("call", {"phone": True}, True, "call", "email", "email"),
        ("call", {"phone": True}, False, "call", None, None),
        ("call", {}, True, "email", "email", "email"),
        ("voice", {"phone": True, "voice": True}, True, "voice", "email", "email"),
        ("voice", {"phone": True}, True, "email", "email", "email"),
        ("voice", {"phone": True}, False, None, None, None),
    ],
)
def test_the_preferred_channel_where_it_is_possible_and_fit_else_mail_else_a_person(
    preferred: str, possible: dict[str, bool], mail: bool, notice: str, harsh: str, note: str
) -> None:
    ways = Ways(Channel(preferred), **possible)
    went = [route(step, ways, mail=mail) for step in (NOTICE, HARSH, NOTE)]
    assert [each and each.channel for each in went] == [notice, harsh, note]
    for each in went:
        assert each is None or preferred == "email" or each.why.startswith("the customer prefers ")
        assert each is None or (each.channel == preferred) == ("but" not in each.why)


@pytest.mark.parametrize("preferred", list(Channel))
def test_a_fresh_link_goes_by_mail_whatever_is_preferred(preferred: Channel) -> None:
    """In a letter nobody could open it, and in the portal it would lie behind the link that has ended."""
    ways = Ways(preferred, **EVERYTHING)
    went = route(Note.PORTAL_LINK, ways, mail=True)
    assert went is not None
    assert went.channel is Channel.EMAIL
    assert route(Note.PORTAL_LINK, ways, mail=False) is None


def customer(**told: Any) -> wire.Customer:
    contact = {"role": "ap", "email": "a@b.example", "phone": "+12025550123"} | told.pop("contact", {})
    return wire.Customer.model_validate(
        {"customer_id": "C-1", "name": "Acme Ltd", "contacts": [contact], **told}
    )


@pytest.mark.parametrize(
    ("told", "channel"),
    [("email", "email"), ("letter", "letter"), ("portal", "portal"), ("call", "call"), ("phone", "call"),
     ("voice", "voice"), ("other", "email"), ("carrier pigeon", "email")],
)  # fmt: skip
def test_the_words_of_the_contract(told: str, channel: str) -> None:
    assert ways_of(customer(preferred_channel=told)).preferred == channel


def test_voice_needs_telephony_consent_a_number_and_the_recipients_clock() -> None:
    agreed = {"contact": {"voice_consent_on": "2026-11-01"}, "timezone": "America/New_York"}
    assert ways_of(customer(**agreed), offers={Channel.VOICE}).voice
    assert not ways_of(customer(**agreed)).voice, "telephony is off by default"
    assert not ways_of(customer(**agreed | {"timezone": None}), offers={Channel.VOICE}).voice
    assert not ways_of(customer(**agreed | {"contact": {}}), offers={Channel.VOICE}).voice
    assert not ways_of(
        customer(**agreed | {"contact": agreed["contact"] | {"phone": None}}), offers={Channel.VOICE}
    ).voice
    assert not ways_of(customer(**agreed), {"+12025550123"}, offers={Channel.VOICE}).voice, (
        "the number took nothing"
    )


@pytest.mark.parametrize(
    ("window", "narrowed"),
    [(("09:00", "16:00"), ("09:00", "16:00")), (("00:00", "24:00"), ("08:00", "21:00")),
     (("06:00", "09:00"), ("08:00", "09:00")), (("20:00", "23:00"), ("20:00", "21:00")),
     (("22:00", "24:00"), ("08:00", "21:00")), (("05:00", "24:00"), ("08:00", "21:00"))],
)  # fmt: skip
def test_no_machine_calls_at_night(window: tuple[str, str], narrowed: tuple[str, str]) -> None:
    told = SendWindow.parse(*window)
    assert window_of(told, Ways(Channel.VOICE, voice=True)) == SendWindow.parse(*narrowed)
    assert window_of(told, Ways(Channel.VOICE)) == told, "no voice is possible"
    assert window_of(told, Ways(Channel.LETTER, voice=True)) == told
    assert (VOICE_HOURS.opens, VOICE_HOURS.closes) == (time(8), time(21))


def test_a_voice_customer_is_never_contacted_at_night_whatever_the_policy() -> None:
    always = policy(window={"opens": "00:00", "closes": "24:00"}, spread_minutes=120, jitter_minutes=10)
    by_voice = case(of=account(ways=Ways(Channel.VOICE, voice=True)))
    by_mail = case()
    hours: dict[str, set[int]] = {"voice": set(), "email": set()}
    for passed in range(24 * 9):
        now = at("2026-12-01", "00:00") + timedelta(hours=passed)
        for name, it in (("voice", by_voice), ("email", by_mail)):
            decision = decide(it, always, now)
            acts = now if isinstance(decision, CarryOut) else None
            if isinstance(decision, Wait) and decision.next_step is not None:
                acts = decision.next_step.at
            if acts is not None:
                hours[name].add(acts.astimezone(NEW_YORK).hour)
    assert hours["voice"]
    assert min(hours["voice"]) >= 8
    assert max(hours["voice"]) < 21
    assert min(hours["email"]) < 8, "the policy itself is open at night"


# -- proof ----------------------------------------------------------------------------------------------


def taken(channel: Channel, proof: str) -> facts.StepTaken:
    return facts.StepTaken.model_validate(
        {"step": "overdue_2", "cycle": 0, "message_id": "M-1", "proof": proof, "channel": channel}
    )


def waits_for_proof(channel: Channel, proof: str, days: int, *more: facts.InternalFact) -> str | None:
    """Why a harsh step waits so many days after its notice went out on Monday, 30 November; None if it may."""
    sent = at("2026-11-30", "10:00")
    it = apply(case(due=date(2026, 11, 16)), taken(channel, proof), sent)
    for fact in more:
        it = apply(it, fact, sent + timedelta(hours=2))
    wait = await_proof(it, policy(), sent + timedelta(days=days), it.steps[-1])
    return wait and wait.why


def test_a_letter_takes_its_days_in_the_post() -> None:
    assert waits_for_proof(Channel.EMAIL, "accepted", 1)
    assert not waits_for_proof(Channel.EMAIL, "accepted", 2)
    assert waits_for_proof(Channel.LETTER, "accepted", 4)
    assert not waits_for_proof(Channel.LETTER, "accepted", 7)


def test_a_call_proves_nothing_until_the_customer_was_reached() -> None:
    def logged(outcome: CallOutcome) -> facts.CallLogged:
        return facts.CallLogged(call_id="K-1", outcome=outcome, by="lee")

    assert "no proof" in str(waits_for_proof(Channel.CALL, "none", 2))
    assert "a person" in str(waits_for_proof(Channel.CALL, "none", 7, logged(CallOutcome.NO_ANSWER)))
    assert waits_for_proof(Channel.CALL, "none", 2, logged(CallOutcome.REACHED)) is None
    assert waits_for_proof(Channel.EMAIL, "none", 2, logged(CallOutcome.REACHED)), (
        "only where a call stood for it"
    )


def test_who_can_be_reached_by_no_channel_is_looked_for_by_a_person() -> None:
    now = at("2026-12-08", "10:00")
    silent = account(reachable=frozenset(), ways=Ways(Channel.CALL))
    overdue = case(of=silent)
    decision = decide(overdue, policy(), now)
    assert isinstance(decision, Wait)
    assert [task.kind for task in decision.tasks] == ["contact_missing"]
    called = replace(overdue, account=replace(silent, ways=Ways(Channel.CALL, phone=True)))
    decision = decide(called, policy(), now)
    assert not isinstance(decision, Wait) or not decision.tasks


# -- the envelope ---------------------------------------------------------------------------------------


def posted(**address: Any) -> tuple[str, ...] | None:
    attention = address.pop("attention", None)
    told = {
        "lines": ["1 Main St"],
        "city": "New York",
        "region": "NY",
        "postal_code": "10001",
        "country": "US",
    }
    return window_address(customer(address=told | address), attention)


def test_an_address_is_written_as_its_country_does() -> None:
    assert posted() == ("Acme Ltd", "1 Main St", "New York, NY 10001")
    assert posted(country="DE", city="Berlin", postal_code="10115", region="BE")[-1:] == ("10115 Berlin",)
    assert posted(country="GB", city="London", postal_code="SW1A 1AA")[-2:] == ("London", "SW1A 1AA")
    assert posted(country="BR", city="São Paulo", region="SP", postal_code="01310-100")[-1:] == (
        "01310-100 São Paulo - SP",
    )
    assert posted(attention="Ann Payne")[:2] == ("Acme Ltd", "Ann Payne")


@pytest.mark.parametrize(
    "address",
    [
        {"lines": []},
        {"lines": ["", "\u200b"]},
        {"city": None, "postal_code": None},
        {"lines": ["x" * 200]},
        {"lines": [f"line {n}" for n in range(9)]},
        {"lines": ["丸の内" * 10]},
        {"city": "y" * 90},
    ],
)
def test_what_no_window_shows_whole_is_no_address_for_a_letter(address: dict[str, Any]) -> None:
    assert posted(**address) is None
    assert not ways_of(
        customer(address={"country": "US", "city": "X", "lines": ["1"], **address})
    ).letter or ("city" in address and address["city"] is None)


def test_long_lines_are_wrapped_and_the_person_gives_way() -> None:
    long = posted(
        lines=["Building 7, Entrance North, Third Floor, Room 312, Tower B", "1 Main St"], attention="Ann"
    )
    assert long is not None
    assert len(long) < MOST_LINES
    assert "Ann" not in long
    assert " ".join(long[1:3]).startswith("Building 7, Entrance North")


def test_hostile_lines_stay_one_line_each() -> None:
    told = wire.Address.model_construct(
        lines=("1 Main St\u2028Pay to: Evil\r\nX", "<b>x</b>"),
        city="A\u202eB",
        region=None,
        postal_code=None,
        country="DE",
    )
    hostile = window_address(customer().model_copy(update={"address": told}), "\u202eAnn\r\n")
    assert hostile == ("Acme Ltd", "Ann", "1 Main St Pay to: Evil X", "<b>x</b>", "A B")


@pytest.mark.parametrize(
    ("country", "envelope"),
    [("US", US_10), ("GB", UK_DL), ("DE", DIN_5008_B), ("FR", DIN_5008_B), (None, DIN_5008_B)],
)
def test_envelopes_by_country(country: str | None, envelope: object) -> None:
    assert envelope_of(country) is envelope


@pytest.mark.parametrize(
    ("sheet", "height", "window", "bottom"),
    # Envelope height, window (left, width, height) and its distance from the envelope's bottom, in millimetres.
    [(DIN_5008_B, 110.0, (20.0, 90.0, 45.0), 15.0), (UK_DL, 110.0, (20.0, 90.0, 35.0), 18.0),
     (US_10, 104.8, (22.2, 114.3, 28.6), 12.7)],
)  # fmt: skip
def test_the_address_shows_however_the_sheet_slides(
    sheet: Any, height: float, window: tuple[float, float, float], bottom: float
) -> None:
    left, width, tall = window
    panel = sheet.folds[0]
    assert left < sheet.left
    assert sheet.left + sheet.width < left + width
    for play in (0.0, height - panel):  # the folded sheet lies at the bottom of the envelope, or at its top
        top = panel - bottom - tall + play
        assert top <= sheet.top + 0.1
        assert sheet.top + sheet.height <= top + tall + 0.1
