"""How to pay: the seller's accounts with the reference, a payment code where the bank's app reads one, the pay link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO

from segno.helpers import make_epc_qr

from activities.writing.blocks import Block, ways_to_pay
from domain.letters.letter import InvoiceFacts, open_totals
from domain.money import Money
from domain.seller import BankAccount
from web.portal.pages import total_text
from web.portal.view import Account

#: Countries whose accounts take SEPA credit transfers (European Payments Council, EPC409-09).
SEPA = frozenset(
    "AD AL AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS "
    "SE SI SK SM VA".split()
)
#: The longest reference and payee's name that the code holds (EPC069-12).
_LONGEST_REFERENCE, _LONGEST_NAME = 140, 70
#: The largest amount it holds, in cents.
_MOST_MINOR = 99_999_999_999


@dataclass(frozen=True)
class Way:
    """One way to pay; `transfer` is what a banking app's code says of it, where there is one."""

    block: Block
    amount: str | None = None
    transfer: dict[str, str] | None = None


def ways(account: Account, items: Sequence[InvoiceFacts]) -> list[Way]:
    """Every way to pay these invoices, as a letter names them."""
    say, habits = account.words.labels, account.words.habits
    by_title = {say.transfer_in(currency): money for currency, money in open_totals(items).items()}
    found = []
    for block in ways_to_pay(account.seller, items, say):
        money = by_title.get(block.title)
        bank = account.seller.bank_accounts.get(money.currency) if money is not None else None
        if money is None or bank is None:
            found.append(Way(block))
            continue
        reference = ", ".join(dict.fromkeys(i.number for i in items if i.currency == money.currency))
        found.append(Way(block, habits.money(money), sepa_transfer(bank, money, reference)))
    return found


def total(account: Account, items: Sequence[InvoiceFacts]) -> str:
    """What is open on these invoices."""
    return total_text(open_totals(items), account.words)


def sepa_transfer(bank: BankAccount, amount: Money, reference: str) -> dict[str, str] | None:
    """What a payment code says (EPC069-12); None where the transfer is none of SEPA: in euro, to an IBAN of a
    country that takes part."""
    if amount.currency != "EUR" or not 0 < amount.minor <= _MOST_MINOR or bank.iban is None:
        return None
    if bank.iban[:2] not in SEPA:
        return None
    return {
        "name": bank.holder[:_LONGEST_NAME],
        "iban": bank.iban,
        "bic": bank.bic or "",
        "amount": str(amount),
        "text": reference[: _LONGEST_REFERENCE + 1],
    }


def payment_code(transfer: Mapping[str, str]) -> bytes | None:
    """The code of a transfer as a picture (SVG); None where no code holds what it says."""
    text = transfer["text"]
    for longest in (_LONGEST_REFERENCE, 35):  # the code holds 331 bytes in all, whatever the characters
        shown = text if len(text) <= longest else text[: longest - 1] + "…"
        try:
            code = make_epc_qr(
                name=transfer["name"],
                iban=transfer["iban"],
                amount=Decimal(transfer["amount"]),
                text=shown,
                bic=transfer["bic"] or None,
            )
        except ValueError:
            continue
        picture = BytesIO()
        code.save(picture, kind="svg", scale=4, border=4, omitsize=True, xmldecl=False)
        return picture.getvalue()
    return None
