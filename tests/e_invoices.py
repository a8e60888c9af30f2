"""E-invoices as a billing system writes them, made for tests: UBL 2.1 and CII."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

#: Documents that were refused or taken for somebody else's.
CASES = Path(__file__).parent / "e_invoice_cases"

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
    more: str = "",
    city: str = "Berlin",
    postal_code: str = "10115",
    payment_reference: str | None = None,
) -> bytes:
    """One document with one line; `kind` is Invoice or CreditNote, `more` stands where the terms of payment do."""
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
    means = (
        "<cac:PaymentMeans><cbc:PaymentMeansCode>30</cbc:PaymentMeansCode>"
        f"<cbc:PaymentID>{payment_reference}</cbc:PaymentID></cac:PaymentMeans>"
        if payment_reference
        else ""
    )
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
        f"<cbc:CityName>{city}</cbc:CityName><cbc:PostalZone>{postal_code}</cbc:PostalZone><cac:Country>"
        "<cbc:IdentificationCode>DE</cbc:IdentificationCode></cac:Country></cac:PostalAddress>"
        f"{tax if vat_id else ''}<cac:PartyLegalEntity><cbc:RegistrationName>{escape(buyer)}</cbc:RegistrationName>"
        f"</cac:PartyLegalEntity>{contact if email else ''}</cac:Party></cac:AccountingCustomerParty>{means}{more}"
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


def cii(buyer: str = "Acme GmbH") -> bytes:
    """An invoice in CII, of a seller and a buyer with addresses."""

    def party(role: str, name: str) -> str:
        return (
            f"<ram:{role}TradeParty><ram:Name>{escape(name)}</ram:Name><ram:PostalTradeAddress>"
            "<ram:PostcodeCode>10115</ram:PostcodeCode><ram:LineOne>Ringstr. 1</ram:LineOne>"
            "<ram:CityName>Berlin</ram:CityName><ram:CountryID>DE</ram:CountryID>"
            f"</ram:PostalTradeAddress></ram:{role}TradeParty>"
        )

    def day(text: str) -> str:
        return f'<udt:DateTimeString format="102">{text}</udt:DateTimeString>'

    names = "urn:un:unece:uncefact:data:standard:"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><rsm:CrossIndustryInvoice xmlns:rsm="{names}CrossIndustryInvoice:100"'
        f' xmlns:ram="{names}ReusableAggregateBusinessInformationEntity:100"'
        f' xmlns:udt="{names}UnqualifiedDataType:100"><rsm:ExchangedDocumentContext>'
        "<ram:GuidelineSpecifiedDocumentContextParameter><ram:ID>urn:cen.eu:en16931:2017</ram:ID>"
        "</ram:GuidelineSpecifiedDocumentContextParameter></rsm:ExchangedDocumentContext>"
        "<rsm:ExchangedDocument><ram:ID>2027/0018</ram:ID><ram:TypeCode>380</ram:TypeCode>"
        f"<ram:IssueDateTime>{day('20270104')}</ram:IssueDateTime></rsm:ExchangedDocument>"
        "<rsm:SupplyChainTradeTransaction><ram:ApplicableHeaderTradeAgreement>"
        f"{party('Seller', 'Northwind GmbH')}{party('Buyer', buyer)}</ram:ApplicableHeaderTradeAgreement>"
        "<ram:ApplicableHeaderTradeDelivery/><ram:ApplicableHeaderTradeSettlement>"
        "<ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode><ram:SpecifiedTradePaymentTerms>"
        f"<ram:DueDateDateTime>{day('20270203')}</ram:DueDateDateTime></ram:SpecifiedTradePaymentTerms>"
        "<ram:SpecifiedTradeSettlementHeaderMonetarySummation><ram:LineTotalAmount>100.00</ram:LineTotalAmount>"
        "<ram:TaxBasisTotalAmount>100.00</ram:TaxBasisTotalAmount>"
        '<ram:TaxTotalAmount currencyID="EUR">19.00</ram:TaxTotalAmount>'
        "<ram:GrandTotalAmount>119.00</ram:GrandTotalAmount><ram:DuePayableAmount>119.00</ram:DuePayableAmount>"
        "</ram:SpecifiedTradeSettlementHeaderMonetarySummation></ram:ApplicableHeaderTradeSettlement>"
        "</rsm:SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>"
    ).encode()
