"""E-invoices as a billing system writes them, made for tests: UBL 2.1 and CII."""

from __future__ import annotations

from xml.sax.saxutils import escape

_UBL = (
    'xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"'
    ' xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"'
)


def ubl(
    number: str = "2027/0017",
    *,
    kind: str = "Invoice",
    payable: str = "119.00",
    total: str | None = None,
    prepaid: str | None = None,
    issued: str = "2027-01-04",
    due: str | None = "2027-02-03",
    preceding: str | None = None,
    buyer: str = "Acme & Söhne GmbH",
    vat_id: str | None = "DE136695976",
    email: str | None = "ap@acme.example",
    currency: str = "EUR",
    line: str = "Support, January",
    type_code: str | None = None,
) -> bytes:
    """One document with one line; `kind` is Invoice or CreditNote."""
    credit = kind == "CreditNote"
    code = type_code or ("381" if credit else "380")
    due_text = f"<cbc:DueDate>{due}</cbc:DueDate>" if due and not credit else ""
    before = ""
    if preceding:
        before = (
            "<cac:BillingReference><cac:InvoiceDocumentReference>"
            f"<cbc:ID>{preceding}</cbc:ID></cac:InvoiceDocumentReference></cac:BillingReference>"
        )
    tax = (
        f"<cac:PartyTaxScheme><cbc:CompanyID>{vat_id}</cbc:CompanyID>"
        "<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>"
    )
    contact = (
        "<cac:Contact><cbc:Name>Ann Payne</cbc:Name>"
        f"<cbc:ElectronicMail>{email}</cbc:ElectronicMail></cac:Contact>"
    )
    paid = f'<cbc:PrepaidAmount currencyID="{currency}">{prepaid}</cbc:PrepaidAmount>' if prepaid else ""
    quantity = "CreditedQuantity" if credit else "InvoicedQuantity"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><{kind} xmlns="urn:oasis:names:specification:ubl:schema:xsd:{kind}-2"'
        f" {_UBL}><cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID>"
        f"<cbc:ID>{escape(number)}</cbc:ID><cbc:IssueDate>{issued}</cbc:IssueDate>{due_text}"
        f"<cbc:{kind}TypeCode>{code}</cbc:{kind}TypeCode>"
        f"<cbc:DocumentCurrencyCode>{currency}</cbc:DocumentCurrencyCode>{before}"
        "<cac:AccountingSupplierParty><cac:Party><cac:PartyLegalEntity>"
        "<cbc:RegistrationName>Northwind GmbH</cbc:RegistrationName>"
        "</cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>"
        "<cac:AccountingCustomerParty><cac:Party><cac:PostalAddress><cbc:StreetName>Ringstr. 1</cbc:StreetName>"
        "<cbc:CityName>Berlin</cbc:CityName><cbc:PostalZone>10115</cbc:PostalZone><cac:Country>"
        "<cbc:IdentificationCode>DE</cbc:IdentificationCode></cac:Country></cac:PostalAddress>"
        f"{tax if vat_id else ''}<cac:PartyLegalEntity><cbc:RegistrationName>{escape(buyer)}</cbc:RegistrationName>"
        f"</cac:PartyLegalEntity>{contact if email else ''}</cac:Party></cac:AccountingCustomerParty>"
        f'<cac:TaxTotal><cbc:TaxAmount currencyID="{currency}">19.00</cbc:TaxAmount></cac:TaxTotal>'
        "<cac:LegalMonetaryTotal>"
        f'<cbc:LineExtensionAmount currencyID="{currency}">100.00</cbc:LineExtensionAmount>'
        f'<cbc:TaxExclusiveAmount currencyID="{currency}">100.00</cbc:TaxExclusiveAmount>'
        f'<cbc:TaxInclusiveAmount currencyID="{currency}">{total or payable}</cbc:TaxInclusiveAmount>{paid}'
        f'<cbc:PayableAmount currencyID="{currency}">{payable}</cbc:PayableAmount></cac:LegalMonetaryTotal>'
        f"<cac:{kind}Line><cbc:ID>1</cbc:ID>"
        f'<cbc:{quantity} unitCode="HUR">10</cbc:{quantity}>'
        f'<cbc:LineExtensionAmount currencyID="{currency}">100.00</cbc:LineExtensionAmount>'
        f"<cac:Item><cbc:Name>{escape(line)}</cbc:Name></cac:Item>"
        f'<cac:Price><cbc:PriceAmount currencyID="{currency}">10.00</cbc:PriceAmount></cac:Price>'
        f"</cac:{kind}Line></{kind}>"
    ).encode()
