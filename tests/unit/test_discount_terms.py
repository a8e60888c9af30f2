"""Terms for early payment are read where an invoice says so in words; everything else is only text."""

from __future__ import annotations

from datetime import date

import pytest

from domain.files.discount_terms import discounts_of

ISSUED = date(2026, 11, 12)


@pytest.mark.parametrize(
    ("terms", "found"),
    [
        ("2% Skonto bei Zahlung innerhalb 10 Tagen", [("2", "2026-11-22")]),
        (
            "Zahlbar innerhalb von 30 Tagen netto, bei Zahlung innerhalb 10 Tagen 2,5 % Skonto",
            [("2.5", "2026-11-22")],
        ),
        ("10 Tage 2 % Skonto, 30 Tage netto", [("2", "2026-11-22")]),
        (
            "3 % Skonto innerhalb 7 Tagen, 2 % Skonto innerhalb 14 Tagen, netto 30 Tage",
            [("3", "2026-11-19"), ("2", "2026-11-26")],
        ),
        ("2/10 net 30", [("2", "2026-11-22")]),
        ("1.5/14, n/45", [("1.5", "2026-11-26")]),
        ("2% discount if paid within 10 days", [("2", "2026-11-22")]),
        ("2 % d'escompte pour paiement sous 8 jours", [("2", "2026-11-20")]),
        ("#SKONTO#TAGE=14#PROZENT=2.00#", [("2.00", "2026-11-26")]),
        ("10 Tage 2 % Skonto oder 30 Tage ohne Abzug", [("2", "2026-11-22")]),
        ("10 Tage 2 % Skonto 30 Tage netto", [("2", "2026-11-22")]),
        ("10 days 2% discount net 30 days", [("2", "2026-11-22")]),
        ("30 Tage netto oder 2 % Skonto 10 Tage", [("2", "2026-11-22")]),
        ("Kein Abzug von 2 % Skonto innerhalb 10 Tagen", []),
        ("ohne Skonto innerhalb 14 Tagen 2 %", []),
        ("no early payment discount of 2% within 10 days", []),
        ("pas d'escompte de 2 % sous 10 jours", []),
        ("sin descuento del 2% a 10 días", []),
        ("3 % Skonto innerhalb von 10 Tagen auf den Warenwert", []),
        ("2% discount within 10 days on freight only", []),
        ("2 % Skonto innerhalb 10 Tagen auf den Rechnungsbetrag", [("2", "2026-11-22")]),
        ("Payable within 30 days", []),
        ("30 Tage netto. Bei Verzug 9 % Zinsen ab dem 10. Tag", []),
        ("1.5% interest per month after 30 days", []),
        ("2% late fee, no discount, after 10 days", []),
        ("19 % MwSt. 30 Tage netto", []),
        ("0 % Skonto innerhalb 10 Tagen", []),
        ("", []),
    ],
)
def test_discounts_are_read(terms: str, found: list[tuple[str, str]]) -> None:
    assert [(each["percent"], each["until"]) for each in discounts_of(terms, ISSUED)] == found


def test_days_are_counted_from_the_issue() -> None:
    assert discounts_of("2% Skonto innerhalb 10 Tagen", None) == []
