"""Ids made of what a file says: two that are not the same never share one unseen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.files.ids import Meant, contradiction, customer_id_of, is_id, twins

NAMES = [
    "Müller GmbH",
    "Möller GmbH",
    "Muller GmbH",
    "ΑΒΓ Α.Ε.",
    "ООО Ромашка",
    "ООО Василёк",
    "株式会社",
    "Müller  AG",
]


def test_every_name_has_an_id_of_its_own() -> None:
    ids = [customer_id_of(name) for name in NAMES]
    assert len(set(ids)) == len(NAMES)
    assert all(map(is_id, ids))
    assert ids[0].startswith("Muller-GmbH-")


def test_blanks_and_the_way_letters_are_composed_do_not_matter() -> None:
    assert customer_id_of(" Mu\u0308ller   GmbH ") == customer_id_of("Müller GmbH")


@given(st.text(min_size=1))
def test_whatever_the_name_the_id_is_one(name: str) -> None:
    assert is_id(customer_id_of(name))


KNOWN = Meant("2024-001", "C-1", "EUR", "north")


@pytest.mark.parametrize(
    ("told", "known", "is_given", "other"),
    [
        (KNOWN, KNOWN, False, None),
        (Meant("2024/001", "C-1", "EUR", "north"), KNOWN, False, "number '2024-001'"),
        (Meant("2024-001", "C-2", "EUR", "north"), KNOWN, False, "customer 'C-1'"),
        (Meant("2024-001", "C-1", "USD", "north"), KNOWN, False, "currency 'EUR'"),
        (Meant("2024-001", "C-1", "EUR", "south"), KNOWN, False, "seller 'north'"),
        (Meant("2024-001", "C-1"), KNOWN, False, None),
        (Meant("2024/001", "C-1"), Meant(None, "C-1"), False, None),
        # Nobody said a number before. Where the id is given, one is added to it; where it is made, it is another.
        (Meant("2024/001", "C-1"), Meant("2024-001", "C-1", number_is_told=False), True, None),
        (
            Meant("2024/001", "C-1"),
            Meant("2024-001", "C-1", number_is_told=False),
            False,
            "number '2024-001'",
        ),
        (Meant("2024/001", "C-1"), KNOWN, True, "number '2024-001'"),
    ],
)
def test_what_sets_two_invoices_of_one_id_apart(
    told: Meant, known: Meant, is_given: bool, other: str | None
) -> None:
    assert contradiction(told, known, id_is_given=is_given) == other


def test_ids_that_differ_in_case_only() -> None:
    [warning] = twins(["C-17", "D-1", "c-17", "C-18"])
    assert "C-17 and c-17 differ only in upper and lower case" in warning
