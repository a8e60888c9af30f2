"""A seller file is read as it stands, or refused with file, field, value and fix."""

import tomllib
from pathlib import Path

import pytest

from domain.seller import Seller, SellerInvalid, load_seller, one_line

DEFAULT = Path(__file__).resolve().parents[2] / "deploy" / "sellers" / "default.toml"


def changed(old: str, new: str) -> str:
    text = DEFAULT.read_text(encoding="utf-8")
    assert old in text, f"the default seller no longer holds {old!r}"
    return text.replace(old, new)


def test_every_shipped_seller_loads() -> None:
    files = sorted(DEFAULT.parent.glob("*.toml"))
    assert files
    for file in files:
        seller = load_seller(file.read_text(encoding="utf-8"), file.name)
        assert seller.seller_id == file.stem


def test_default_seller_says_who_it_is() -> None:
    seller = load_seller(DEFAULT.read_text(encoding="utf-8"), "default.toml")
    assert seller.legal_name == "Lindenmoor Studio LLC"
    assert seller.bank_accounts["EUR"].iban == "DE89370400440532013000"
    assert seller.replies_to == "accounts@lindenmoor.example"
    assert seller.sender.email.endswith(".example")
    assert Seller.model_validate_json(seller.model_dump_json()) == seller


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('legal_name = "Lindenmoor Studio LLC"', "", "x.toml: legal_name is missing; add it"),
        ('paper = "Letter"', 'paper = "A5"', "x.toml: paper = 'A5' is not a choice; write 'A4' or 'Letter'"),
        ("DE89", "DE88", "check digits do not match"),
        ('bic = "EXMPDE00"', 'bic = "EX"', "x.toml: bank_accounts.EUR.bic = 'EX' is not a BIC"),
        ("[bank_accounts.EUR]", "[bank_accounts.eur]", "'eur' is not a currency; write a code"),
        ('country = "US"', 'country = "USA"', "x.toml: address.country = 'USA' is not a country"),
        ('country = "US"', 'contry = "US"', "did you mean `country`?"),
        (
            'reply_to = "accounts@lindenmoor.example"',
            'reply_to = "accounts"',
            "'accounts' is not a mail",
        ),
        ('reply_to = "', 'reply_to = "x@y.example\\r\\nBcc: ', "is not a mail address"),
        ('pay_link = "https:', 'pay_link = "javascript:', "is not a web address"),
        ('logo = "data:', 'logo = "file:', "is not a picture carried in the file"),
        ('["48 Alder Wharf", "New York, NY 10004"]', "[]", "x.toml: address.lines = [] does not fit"),
        ('# cash_source = "bank"', 'cash_source = "cash"', "write 'erp' or 'bank'"),
        ('name = "Lindenmoor Studio"', 'name = " "', "is empty"),
        ('name = "Lindenmoor Studio"', "name = 5", "x.toml: name = 5 does not fit; write a text in quotes"),
        ('account_number = "000123456789"', "", "x.toml: bank_accounts.USD has neither `iban` nor"),
        ("[address]", "[address", "x.toml: is not TOML"),
    ],
)
def test_a_bad_seller_is_refused_by_name(old: str, new: str, said: str) -> None:
    with pytest.raises(SellerInvalid) as refused:
        load_seller(changed(old, new), "x.toml")
    assert said in str(refused.value)
    assert "x.toml" in str(refused.value)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(SellerInvalid) as refused:
        load_seller(changed("DE89", "DE88").replace('paper = "Letter"', 'paper = "A5"'), "x.toml")
    assert len(str(refused.value).splitlines()) == 2


def test_a_seller_without_any_way_to_pay_is_refused() -> None:
    content = tomllib.loads(DEFAULT.read_text(encoding="utf-8"))
    del content["bank_accounts"], content["pay_link"]
    with pytest.raises(ValueError, match="customers need a way to pay"):
        Seller.model_validate(content)


@pytest.mark.parametrize(
    ("stored", "line"),
    [
        ("Acme  Ltd", "Acme Ltd"),
        ("Acme\r\n\r\nPay to DE00", "Acme Pay to DE00"),
        ("\u202eeman\u202c", "eman"),
        ("a\x00b\x1ec", "a b c"),
        ("Zoë Ånström 山田", "Zoë Ånström 山田"),
    ],
)
def test_one_line(stored: str, line: str) -> None:
    assert one_line(stored) == line
