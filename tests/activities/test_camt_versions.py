"""Statements of real banks, rewritten as later versions of the standard have them, say what they said before."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from activities.adapters import camt
from domain.cash.bank import BankFile
from tests.activities.test_camt import DATA

#: The files of version 2, which the later ones grew out of.
NAMES = tuple(sorted(path.name for path in DATA.glob("*.v2*.xml") if "wrong" not in path.name))
VERSIONS = (3, 4, 5, 6, 7, 8)


def as_version(data: bytes, version: int) -> bytes:
    """A file of version 2 as a later version has it.

    From version 4 on the amount and the direction of a payment stand in its details; from version 7 on, or 8 with some
    banks, a party is a person or an agent, and from version 8 on the status of an entry is a code or a bank's own.
    """
    root = etree.fromstring(data)
    uri = etree.QName(root).namespace or ""
    later = re.sub(r"\d\d$", f"{version:02}", uri)

    def tag(name: str) -> str:
        return f"{{{uri}}}{name}"

    def wrap(element: etree._Element, name: str) -> None:
        inner = etree.Element(tag(name))
        inner.text, element.text = element.text, None
        inner.extend(list(element))
        element.append(inner)

    for entry in root.iter(tag("Ntry")):
        sign = entry.findtext(tag("CdtDbtInd"))
        for details in entry.iter(tag("TxDtls")):
            amount = details.find(f"{tag('AmtDtls')}/{tag('TxAmt')}/{tag('Amt')}")
            if version >= 4 and amount is not None and details.find(tag("Amt")) is None:
                at = list(details).index(details.find(tag("AmtDtls")))  # type: ignore[arg-type]
                moved = etree.Element(tag("Amt"), {"Ccy": amount.get("Ccy") or ""})
                moved.text = amount.text
                details.insert(at, moved)
                direction = etree.Element(tag("CdtDbtInd"))
                direction.text = sign
                details.insert(at + 1, direction)
                outer = amount.getparent()
                assert outer is not None
                details.find(tag("AmtDtls")).remove(outer)  # type: ignore[union-attr]
            for party in details.iterfind(f"{tag('RltdPties')}/*"):
                if version >= 8 and etree.QName(party).localname in (
                    "Dbtr",
                    "Cdtr",
                    "UltmtDbtr",
                    "UltmtCdtr",
                ):
                    wrap(party, "Pty")
        if version >= 8:
            status = entry.find(tag("Sts"))
            assert status is not None
            wrap(status, "Cd")
    return etree.tostring(root).replace(uri.encode(), later.encode())


def read(name: str, version: int | None = None) -> BankFile:
    data = (DATA / name).read_bytes()
    return camt.read(data if version is None else as_version(data, version))


@pytest.mark.skipif(
    not DATA.is_dir(), reason=f"{DATA} is absent: set DUECOURSE_DATA to the folder of the shared data"
)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_later_version_says_the_same(version: int) -> None:
    assert len(NAMES) > 8
    payments = 0
    for name in NAMES:
        before, after = read(name), read(name, version)
        assert after.form == re.sub(r"\d\d$", f"{version:02}", before.form)
        assert after.message_id == before.message_id
        for was, is_ in zip(before.statements, after.statements, strict=True):
            assert (is_.id, is_.iban, is_.account, is_.balances) == (
                was.id,
                was.iban,
                was.account,
                was.balances,
            )
            for entry, other in zip(was.entries, is_.entries, strict=True):
                said = [
                    (each.end_to_end_id, each.debtor, each.creditor, each.debtor_iban, each.unstructured,
                     each.references, each.amount, each.bank_reference, each.return_reason)
                    for each in entry.transactions
                ]  # fmt: skip
                told = [
                    (each.end_to_end_id, each.debtor, each.creditor, each.debtor_iban, each.unstructured,
                     each.references, each.amount, each.bank_reference, each.return_reason)
                    for each in other.transactions
                ]  # fmt: skip
                assert told == said, (name, version)
                assert (other.amount, other.sign, other.status) == (entry.amount, entry.sign, entry.status)
                payments += len(told)
    assert payments > 10
