"""Bank statements as a bank writes them: camt.053 version 8, made for tests."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

SELLER_IBAN = "DE89370400440532013000"


def payment(
    amount: str,
    *texts: str,
    on: str,
    debtor: str = "",
    iban: str = "",
    reference: str = "",
    end_to_end: str = "NOTPROVIDED",
    returned: str = "",
) -> str:
    """The details of one transaction of an entry."""
    parties = ""
    if debtor:
        parties += f"<Dbtr><Pty><Nm>{escape(debtor)}</Nm></Pty></Dbtr>"
    if iban:
        parties += f"<DbtrAcct><Id><IBAN>{iban}</IBAN></Id></DbtrAcct>"
    told = "".join(f"<Ustrd>{escape(text)}</Ustrd>" for text in texts)
    if reference:
        told += f"<Strd><CdtrRefInf><Ref>{escape(reference)}</Ref></CdtrRefInf></Strd>"
    back = f"<RtrInf><Rsn><Cd>{returned}</Cd></Rsn></RtrInf>" if returned else ""
    return (
        f"<TxDtls><Refs><EndToEndId>{escape(end_to_end)}</EndToEndId></Refs>"
        f'<Amt Ccy="USD">{amount}</Amt><RltdPties>{parties}</RltdPties>'
        f"<RmtInf>{told}</RmtInf>{back}</TxDtls>"
    )


def entry(
    amount: str,
    *details: str,
    on: str,
    reference: str,
    sign: str = "CRDT",
    status: str = "BOOK",
    currency: str = "USD",
    reversal: bool = False,
) -> str:
    """One entry of the account; `reference` is the bank's own, which some leave out."""
    told = f"<AcctSvcrRef>{reference}</AcctSvcrRef>" if reference else ""
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>'
        f"<RvslInd>{str(reversal).lower()}</RvslInd><Sts><Cd>{status}</Cd></Sts>"
        f"<BookgDt><Dt>{on}</Dt></BookgDt><ValDt><Dt>{on}</Dt></ValDt>{told}"
        f"<NtryDtls>{''.join(details)}</NtryDtls></Ntry>"
    )


def statement(*entries: str, id_: str = "STMT-1", kind: str = "053", version: int = 8) -> bytes:
    """A message with one statement."""
    containers = {
        "052": ("BkToCstmrAcctRpt", "Rpt"),
        "053": ("BkToCstmrStmt", "Stmt"),
        "054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
    }
    outer, inner = containers[kind]
    return document(
        f"<{outer}><GrpHdr><MsgId>M-{id_}</MsgId></GrpHdr><{inner}><Id>{id_}</Id>"
        f"<Acct><Id><IBAN>{SELLER_IBAN}</IBAN></Id><Ccy>USD</Ccy></Acct>{''.join(entries)}</{inner}></{outer}>",
        kind=kind,
        version=version,
    )


def document(inside: str, *, kind: str = "053", version: int = 8, before: Sequence[str] = ()) -> bytes:
    """A message with anything inside."""
    head = "".join(before)
    uri = f"urn:iso:std:iso:20022:tech:xsd:camt.{kind}.001.{version:02}"
    return f'<?xml version="1.0" encoding="UTF-8"?>{head}<Document xmlns="{uri}">{inside}</Document>'.encode()
