"""Whose an e-invoice is: contradicting numbers never merge, a name does only with its place, else a person is
asked."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.files.buyers import Buyer, Buyers
from domain.files.e_invoice import Party
from domain.files.intake import party_id

KIEL = Buyer("C-1", ("Bäckerei Schmidt",), "DE111111111", postal_code="24103", city="Kiel", country="DE")

SAME_VAT = replace(KIEL, customer_id="C-2", names=("Other",))
SAME_PLACE = replace(KIEL, customer_id="C-2", vat_id=None)
FRANCHISE = replace(KIEL, names=("Schmidt", "A GmbH"), vat_id=None)
IN_REGISTER = replace(KIEL, registration_no="HRB 1")


def without(buyer: Buyer, **told: Any) -> Buyer:
    return replace(buyer, **{"customer_id": "new", **told})


@pytest.mark.parametrize(
    "buyer",
    [
        pytest.param(without(KIEL), id="all the same"),
        pytest.param(without(KIEL, vat_id=" de 111.111-111 "), id="the VAT id as people write it"),
        pytest.param(without(KIEL, vat_id="111111111"), id="the VAT id without its country"),
        pytest.param(without(KIEL, names=("Baeckerei Schmidt KG",), city="Ulm"), id="only the VAT id"),
        pytest.param(without(KIEL, vat_id=None), id="name and place"),
        pytest.param(without(KIEL, vat_id=None, names=("BÄCKEREI  Schmidt",)), id="the name in capitals"),
        pytest.param(without(KIEL, vat_id=None, names=("Ba\u0308ckerei Schmidt",)), id="the name decomposed"),
        pytest.param(without(KIEL, vat_id=None, city=None), id="postal code and country"),
    ],
)  # fmt: skip
def test_a_buyer_who_is_known_is_that_customer(buyer: Buyer) -> None:
    assert Buyers([KIEL]).whose(buyer).customer_id == "C-1"


@pytest.mark.parametrize(
    "buyer",
    [
        pytest.param(without(KIEL, vat_id="DE222222222"), id="another VAT id in the same place"),
        pytest.param(without(KIEL, vat_id=None, names=("Backerei Schmidt",)), id="a name that reads alike"),
        pytest.param(without(KIEL, vat_id=None, names=("Müller GmbH",)), id="another name"),
        pytest.param(without(KIEL, vat_id="n/a", names=("Müller GmbH",)), id="no VAT id in words"),
    ],
)
def test_another_buyer_is_a_customer_of_their_own(buyer: Buyer) -> None:
    whose = Buyers([KIEL]).whose(buyer)
    assert (whose.customer_id, whose.doubt) == (None, None)


@pytest.mark.parametrize(
    ("known", "buyer"),
    [
        pytest.param([KIEL], without(KIEL, vat_id=None, city="Bonn"), id="another city"),
        pytest.param([KIEL], without(KIEL, vat_id=None, postal_code="24104"), id="another postal code"),
        pytest.param([KIEL], without(KIEL, vat_id=None, postal_code=None), id="no postal code"),
        pytest.param([KIEL], without(KIEL, vat_id=None, country="AT"), id="another country"),
        pytest.param([Buyer("C-1", KIEL.names)], without(KIEL), id="one of whom only the name is known"),
        pytest.param([FRANCHISE], without(FRANCHISE, names=("Schmidt", "B GmbH")), id="two of a chain"),
        pytest.param([KIEL, SAME_VAT], without(KIEL, city="Bonn"), id="two of one VAT id"),
        pytest.param([KIEL, SAME_PLACE], without(KIEL, vat_id=None), id="two in one place"),
        pytest.param([IN_REGISTER], without(KIEL, registration_no="HRB 2"), id="another number in the register"),
        pytest.param(
            [IN_REGISTER],
            without(IN_REGISTER, vat_id=None, names=("Other",), city="Ulm", postal_code="89073"),
            id="the number of another court's register",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_known_is_asked(known: list[Buyer], buyer: Buyer) -> None:
    whose = Buyers(known).whose(buyer)
    assert whose.customer_id is None
    assert whose.doubt is not None
    assert "C-1" in whose.doubt


def test_the_number_of_one_register_is_not_that_of_another() -> None:
    known = Buyers([Buyer("C-1", ("Acme",), registration_no="12345", country="DE")])
    assert known.whose(Buyer("new", ("Betz",), registration_no="12345", country="AT")).customer_id is None
    assert known.whose(Buyer("new", ("ACME",), registration_no="123 45", country="DE")).customer_id == "C-1"
    assert known.whose(Buyer("new", ("Betz",), vat_id="12345")).customer_id is None


def test_a_customer_whose_id_is_the_vat_id_is_found_by_it() -> None:
    assert Buyers([Buyer("DE111111111")]).whose(without(KIEL)).customer_id == "DE111111111"


@pytest.mark.parametrize("number", ["n/a", "none", "-", "DE 000000000", "DE"])
def test_what_is_no_number_makes_nobody_one_customer(number: str) -> None:
    acme = Buyer("C-1", ("Acme",), number, number, country="DE")
    whose = Buyers([acme]).whose(Buyer("new", ("Betz",), number, number, country="DE"))
    assert (whose.customer_id, whose.doubt) == (None, None)
    ids = {party_id(Party(name=name, vat_identifier=number, country="DE")) for name in ("Acme", "Betz")}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("one", "other", "country"), [("ESB12345678", "B12345678", "ES"), ("ATU12345678", "U 12345678", "AT")]
)
def test_a_vat_id_with_a_letter_gets_its_country_too(one: str, other: str, country: str) -> None:
    assert Buyer("C-1", (), one, country=country).vat_key == Buyer("C-2", (), other, country=country).vat_key


def test_a_number_told_later_tells_the_next_one_apart() -> None:
    known = Buyers([without(KIEL, customer_id="C-1", vat_id=None)])
    assert known.whose(without(KIEL)).customer_id == "C-1"
    known.add(KIEL)
    other = known.whose(without(KIEL, vat_id="DE222222222"))
    assert (other.customer_id, other.doubt) == (None, None)
    assert known.whose(without(KIEL, names=("Other",), city="Ulm")).customer_id == "C-1"


def test_the_greek_have_two_names_of_their_country() -> None:
    known = Buyers([Buyer("C-1", ("Ελληνική ΑΕ",), "EL123456789")])
    assert known.whose(Buyer("new", ("Elliniki",), "GR 123456789")).customer_id == "C-1"


NAMES = st.text(min_size=1, max_size=90)


@given(one=NAMES, other=NAMES)
def test_ids_of_names_are_ids_and_tell_apart_what_names_tell_apart(one: str, other: str) -> None:
    ids = []
    for name in (one, other):
        try:
            ids.append(party_id(Party(name=name, postal_code="10115", city="Berlin", country="DE")))
        except ValueError:
            return  # nothing of it is a letter or digit
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,64}", id_) for id_ in ids)
    same = Buyer("", (one,)).name_keys == Buyer("", (other,)).name_keys
    assert (ids[0] == ids[1]) is same


def test_the_vat_id_is_the_id_of_whom_it_is_known() -> None:
    assert party_id(Party(name="A", vat_identifier="DE 136.695.976")) == "DE136695976"
    with pytest.raises(ValueError, match="neither name nor number"):
        party_id(Party(name="!?"))
