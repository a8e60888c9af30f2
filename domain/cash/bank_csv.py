"""Bank statements as CSV, in the words of `domain.cash.bank`: whichever bank's columns they have.

A column is known by its name, in English or German (the direction in more languages), or because the caller says
which one it is. One faulty row, or a way of writing that could mean two things, and nothing of the file is read.
docs/bank.md names the columns.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from domain.cash.bank import BOOKED, CSV_FORM, BankFile, Entry, Sign, Statement, Transaction
from domain.files import csv_text
from domain.files.csv_text import Dates, Decimals, Fault, Row, Writing
from domain.money import exponent
from domain.wire import shown

#: What a column may be, and the names by which banks call it.
KNOWN_NAMES: Mapping[str, tuple[str, ...]] = {
    "booked_on": (
        "booked on", "booking date", "date booked", "posting date", "posted on", "transaction date", "date",
        "Buchungstag", "Buchungsdatum", "Buchung", "Datum",
    ),
    "value_on": (
        "value on", "value date", "date value",
        "Valuta", "Valutadatum", "Wertstellung", "Wertstellungstag", "Wertstellungsdatum",
    ),
    "amount": ("amount", "transaction amount", "Betrag", "Buchungsbetrag", "Umsatz"),
    "credit": (
        "credit", "credits", "credit amount", "amount credit", "cr", "paid in", "money in", "deposit", "deposits",
        "deposit amount", "inflow", "Haben", "Gutschrift", "Gutschriften", "Einzahlung", "Eingang",
        "Einnahmen", "Zahlungseingang", "Crédit", "Haber", "Abono", "Abonos", "Ingreso", "Ingresos", "Avere",
        "Entrata", "Entrate", "Accredito", "Accrediti", "Bij", "Bijgeschreven", "Crédito", "Créditos", "Uznania",
        "Wpływy", "Kredit",
    ),
    "debit": (
        "debit", "debits", "debit amount", "amount debit", "dr", "paid out", "money out", "withdrawal",
        "withdrawals", "withdrawal amount", "outflow", "Soll", "Belastung", "Belastungen", "Lastschrift",
        "Auszahlung", "Ausgang", "Ausgaben", "Zahlungsausgang", "Débit", "Debe", "Cargo", "Cargos", "Gasto",
        "Gastos", "Dare", "Uscita", "Uscite", "Addebito", "Addebiti", "Af", "Afgeschreven", "Débito", "Débitos",
        "Obciążenia", "Wypływy", "Debet",
    ),
    "direction": (
        "direction", "credit/debit", "debit/credit", "credit or debit", "debit or credit", "cr/dr", "dr/cr", "crdr",
        "drcr", "d/c", "c/d", "dc", "cd", "credit debit indicator", "debit credit indicator", "CdtDbtInd",
        "cr/dr indicator", "dr/cr indicator", "d/c indicator", "debit credit mark", "d/c mark", "debit credit code",
        "debit credit flag", "sign", "amount sign", "in/out", "+/-", "Soll/Haben", "S/H", "SH", "Haben/Soll", "H/S",
        "Soll/Haben-Kennzeichen", "S/H-Kennzeichen", "Soll/Haben-Kz", "S/H-Kz", "Vorzeichen", "Richtung",
        "Buchungsrichtung", "Gutschrift/Belastung", "Belastung/Gutschrift", "Gutschrift/Lastschrift",
        "Lastschrift/Gutschrift", "Eingang/Ausgang", "Débit/Crédit", "Crédit/Débit", "Sens", "Sens de l'opération",
        "Debe/Haber", "Haber/Debe", "Cargo/Abono", "Abono/Cargo", "Signo", "Dare/Avere", "Avere/Dare", "Segno",
        "Af Bij", "Bij Af", "Debet/Credit", "Credit/Debet", "Debet/Kredit", "Kredit/Debet", "Débito/Crédito",
        "Crédito/Débito", "Sinal", "Natureza", "Wn/Ma", "Ma/Wn", "Bij/Af", "Kierunek", "Směr", "Riktning", "Retning",
        "Suunta", "Irány", "Yön", "Borç/Alacak", "Alacak/Borç", "B/A", "Entrada/Saída", "Entrée/Sortie",
        "Entrata/Uscita", "Кредит/Дебет", "Дебет/Кредит", "借贷", "借贷标志", "收支", "收/支",
    ),
    "currency": ("currency", "ccy", "Währung", "Waehrung"),
    "payer": (
        "payer", "payer name", "debtor", "debtor name", "counterparty", "counterparty name", "remitter", "name",
        "Auftraggeber", "Zahlungspflichtiger", "Zahlungspflichtige*r", "Auftraggeber/Empfänger",
        "Auftraggeber/Begünstigter", "Begünstigter/Zahlungspflichtiger", "Beguenstigter/Zahlungspflichtiger",
        "Name Zahlungsbeteiligter",
    ),
    "payer_iban": (
        "payer iban", "debtor iban", "counterparty iban", "counterparty account", "iban",
        "Kontonummer/IBAN", "IBAN Zahlungsbeteiligter", "IBAN Auftraggeber",
    ),
    "text": (
        "text", "remittance information", "remittance", "payment details", "details", "description",
        "narrative", "memo", "Verwendungszweck",
    ),
    "reference": (
        "reference", "payment reference", "creditor reference", "structured reference",
        "Referenz", "Zahlungsreferenz", "strukturierte Referenz",
    ),
    "end_to_end_id": (
        "end to end id", "endtoendid", "end to end reference",
        "Ende-zu-Ende-Referenz", "End-to-End-Referenz", "Kundenreferenz (End-to-End)",
    ),
    "bank_reference": (
        "bank reference", "account servicer reference", "entry reference", "transaction id",
        "Bankreferenz", "Transaktions-ID", "Umsatz-ID",
    ),
    "account": ("account", "account iban", "own account", "Auftragskonto", "IBAN Auftragskonto", "Konto"),
    "status": ("status", "state", "Info", "Umsatzstatus"),
    "return_reason": ("return reason", "Rückgabegrund"),
}  # fmt: skip
FIELDS = tuple(KNOWN_NAMES)
#: What a column is called that says the direction with some banks, and something else with others: it says it
#: where nothing but words for credit and debit stands in it.
_MAYBE_DIRECTION = (
    "type", "transaction type", "trans type", "tran type", "txn type", "trx type", "type of transaction",
    "entry type", "posting type", "booking type", "movement type", "movement", "amount type", "indicator", "mark",
    "Typ", "Kennzeichen", "Type d'opération", "Type de transaction", "Type de mouvement", "Tipo",
    "Tipo de movimiento", "Tipo de operación", "Tipo movimiento", "Tipo movimento", "Tipo operazione",
    "Tipo de movimento", "Tipo de transação", "Soort", "Mutatiesoort", "Transactietype", "Rodzaj",
    "Typ transakcji", "Typ operacji",
)  # fmt: skip
#: Words for the kind of a movement in the name of a column: its cells may say the direction in words not known here.
_KIND = frozenset(
    ("type", "typ", "tipo", "soort", "art", "rodzaj", "kind", "mode", "flow", "dc", "vorgang", "buchungstext",
     "umsatzart", "umsatztyp", "buchungsart", "buchungstyp", "transaktionsart", "transaktionstyp", "movement",
     "movimiento", "movimento", "mouvement", "operation", "operacion", "operazione", "тип", "вид", "операция")
)  # fmt: skip
_DATE_COLUMNS = ("booked_on", "value_on")
_AMOUNT_COLUMNS = ("amount", "credit", "debit")
#: How the name of a column begins of which it is not known what it is.
_UNREAD = "#"
#: Signs of amounts.
_MARKS = frozenset("+-\N{MINUS SIGN}")
#: Banks write some lines about the account before the header.
_MOST_LINES_BEFORE = 30
#: What the standard has payers write where they give no id.
_NO_ID = ("", "NOTPROVIDED", "NONREF")
_LONGEST_ID = 140
_LONGEST_WHOLE = 15

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
#: No column's name is longer, and what looks for a currency in it need not read more.
_LONGEST_NAME = 200
_NAMED_CURRENCY = re.compile(r"(?P<name>.+?)\s*(?:\((?P<one>[A-Z]{3})\)|in (?P<other>[A-Z]{3}))", re.ASCII)
_WORDS = {
    Sign.CREDIT: (
        "crdt", "credit", "credits", "credited", "cr", "c", "h", "k", "haben", "gutschrift", "eingang", "zugang",
        "einzahlung", "zahlungseingang", "einnahme", "in", "incoming", "inbound", "inflow", "received", "receipt",
        "deposit", "money in", "paid in", "haber", "abono", "ingreso", "entrada", "credito", "avere", "accredito",
        "entrata", "bij", "kredit", "kreditering", "recette", "encaissement", "uznanie", "ma", "wplyw", "+",
        "przychodzacy", "prichozi", "prijem", "inn", "ind", "insattning", "innbetaling", "indbetaling", "pano",
        "jovairas", "bejovo", "alacak", "gelen", "кредит", "приход", "поступление", "贷", "收入",
    ),
    Sign.DEBIT: (
        "dbit", "debit", "debits", "debited", "dr", "d", "s", "soll", "belastung", "lastschrift", "ausgang", "abgang",
        "auszahlung", "zahlungsausgang", "abbuchung", "ausgabe", "out", "outgoing", "outbound", "outflow", "sent",
        "withdrawal", "money out", "paid out", "debe", "cargo", "gasto", "salida", "saida", "debito", "dare",
        "addebito", "uscita", "af", "debet", "debitering", "depense", "decaissement", "obciazenie", "wn", "winien",
        "wyplyw", "-", "wychodzacy", "odchozi", "vydaj", "ut", "ud", "uttag", "utbetaling", "udbetaling", "otto",
        "terheles", "kimeno", "borc", "giden", "дебет", "расход", "списание", "借", "支出",
    ),
}  # fmt: skip
_SIGNS = {word: sign for sign, words in _WORDS.items() for word in words}
_HINTS = (
    (
        Sign.DEBIT,
        re.compile(
            r"debit|debet|\w*lastschrift|belast|abbuch|withdraw|addebit|obciaz|outgo|outbound|outflow|sent$|spent|cards?$"
            "|expense|ausgang|ausgeh|ausgabe|auszahl|decaiss|sortie|uscit|wyplat"
        ),
    ),
    (
        Sign.CREDIT,
        re.compile(
            r"credit|kredit|\w*gutschr|deposit|accredit|uznan|incom|inbound|inflow|receiv|eingang|eingeh|einnahm"
            "|einzahl|encaiss|entree|entrat|wplat"
        ),
    ),
)
_STATES = {
    **dict.fromkeys(
        ("", "book", "booked", "posted", "completed", "settled", "cleared", "gebucht", "umsatz gebucht"),
        BOOKED,
    ),
    **dict.fromkeys(("pdng", "pending", "vorgemerkt", "umsatz vorgemerkt"), "PDNG"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Writing):
    """What the caller knows of the file; what is None is found out, or is in the columns."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """The name of a column by what it is (`FIELDS`), where the known names do not do."""
    account: str | None = None
    accounts: Mapping[str, str] = field(default_factory=dict)
    """The only account that a seller has in a currency: what it is where nothing else says so."""
    currency: str | None = None

    def __post_init__(self) -> None:
        Writing.__post_init__(self)
        csv_text.check_told(self.columns, FIELDS)


@dataclass(frozen=True, slots=True)
class StatementCsv:
    """What a file tells, or the faults for which nothing of it is read."""

    content: BankFile | None = None
    errors: tuple[Fault, ...] = ()
    ignored_columns: tuple[str, ...] = ()


def read(data: bytes, options: Options | None = None) -> StatementCsv:
    """Read a whole file. Never raises."""
    return _File(options or Options()).read(data)


def same_account(text: str) -> str:
    """An account as it is compared: an IBAN without blanks."""
    return "".join(text.split()).upper()


def _plain(text: str) -> str:
    """Text as it is compared: lower case, without accents."""
    text = unicodedata.normalize("NFKD", text.casefold()).replace("ł", "l").replace("\N{MINUS SIGN}", "-")
    return "".join(char for char in text if not unicodedata.combining(char))


def _key(name: str) -> str:
    """A name in the header as it is compared: `_` for all that is no letter or digit."""
    return re.sub(r"[\W_]+", "_", _plain(name)).strip("_") or name.strip()


def _sign(text: str) -> Sign | None:
    """The direction that a cell says: `Cr.`, `C - Credit`; None where it says none, or two."""
    plain = " ".join(_plain(text).split())
    if plain in _SIGNS:
        return _SIGNS[plain]
    said = {_SIGNS.get(word) for word in re.findall(r"[^\W_]+", plain)}
    return said.pop() if len(said) == 1 else None


def _speaks_of(text: str) -> Sign | None:
    """The direction that a word of the text hints at: `Direct Debit`; of two, that it left."""
    words = re.findall(r"[^\W_]+", _plain(text))
    said = {_sign(text), *(sign for sign, hint in _HINTS for word in words if hint.match(word))}
    return next((sign for sign in (Sign.DEBIT, Sign.CREDIT) if sign in said), None)


def _is_of_kinds(title: str, cells: Sequence[str]) -> bool:
    """Whether a column has kinds of movements, or flags (`Is debit`), that are not all money that came in."""
    words = set(_key(title).split("_"))
    kinds = {_plain(cell) for cell in cells}
    flag = len(kinds) == 2 and any(len(word) > 3 and word in _SIGNS for word in words)
    if not (flag or _may_be_direction(title) or words & _KIND):
        return False
    return len(kinds) > 1 and not all(_speaks_of(kind) is Sign.CREDIT for kind in kinds)


def _may_be_direction(title: str) -> bool:
    """Whether a column may say the direction by its name: `Type`, or words for both, as in `Withdrawal/Deposit`."""
    key = _key(title)
    return key in _MAYBE or {Sign.CREDIT, Sign.DEBIT} <= {_SIGNS.get(word) for word in key.split("_")}


_MAYBE = frozenset(map(_key, _MAYBE_DIRECTION))


class _File:
    """One reading of one file: the faults gather here."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.faults: list[Fault] = []
        #: What the columns are called, by the name that their cells have in a row: `#` and a number where it is
        #: not known what they are.
        self.titles: dict[str, str] = {}
        #: Whether any amount of the file has a sign of its own.
        self.signed = False
        #: Whether a column says the direction.
        self.directed = False
        self.currency = options.currency
        self._field_of = csv_text.fields_of(KNOWN_NAMES, options.columns, _key)

    def read(self, data: bytes) -> StatementCsv:
        rows = self._rows(data)
        complain = self.faults.append
        dates = csv_text.detect_dates(rows, _DATE_COLUMNS, self.options.date_format, complain)
        decimals = csv_text.detect_decimals(rows, _AMOUNT_COLUMNS, self.options.decimal_format, complain)
        entries: dict[str, list[Entry]] = {}
        for row in rows:
            found = self._entry(row, dates, decimals)
            if found is not None:
                account, entry = found
                entries.setdefault(account, []).append(entry)
        if self.faults:
            self.faults.sort(key=lambda fault: fault.line)
            return StatementCsv(errors=tuple(self.faults), ignored_columns=self.ignored)
        statements = tuple(
            Statement(id=CSV_FORM, account=account, entries=tuple(told)) for account, told in entries.items()
        )
        return StatementCsv(BankFile(CSV_FORM, statements=statements), ignored_columns=self.ignored)

    @property
    def ignored(self) -> tuple[str, ...]:
        return tuple(
            csv_text.printable(title)
            for name, title in self.titles.items()
            if title and name.startswith(_UNREAD)
        )

    def _fault(self, row: Row, column: str, reason: str) -> None:
        self.faults.append(Fault(row.line, column, shown(row[column]) if row[column] else "", reason))

    # A row

    def _entry(self, row: Row, dates: Dates, decimals: Decimals) -> tuple[str, Entry] | None:
        count = len(self.faults)
        booked, value = (dates.of(row, column, self.faults.append) for column in _DATE_COLUMNS)
        if not row["booked_on"] and not row["value_on"]:
            self._fault(row, "booked_on", "is missing: when it was booked cannot be known")
        currency = self._currency(row)
        moved = self._moved(row, decimals, currency)
        status = _STATES.get(row["status"].casefold())
        if status is None:
            self._fault(row, "status", "is not known: write 'booked' or 'pending'")
        account = self._account(row, currency)
        for column in ("end_to_end_id", "bank_reference", "payer_iban", "account"):
            if len(row[column]) > _LONGEST_ID:
                self._fault(row, column, f"has more than the {_LONGEST_ID} characters of an id")
        if len(self.faults) > count or moved is None or status is None or currency is None or account is None:
            return None
        sign, amount = moved
        return account, Entry(
            statement=CSV_FORM,
            amount=amount,
            currency=currency,
            sign=sign,
            status=status,
            booked=_iso(booked),
            value=_iso(value),
            bank_reference=_id(row["bank_reference"]),
            transactions=(
                Transaction(
                    end_to_end_id=_id(row["end_to_end_id"]),
                    debtor=row["payer"] or None,
                    debtor_iban=same_account(row["payer_iban"]) or None,
                    unstructured=(row["text"],) if row["text"] else (),
                    references=(row["reference"],) if row["reference"] else (),
                    return_reason=row["return_reason"] or None,
                ),
            ),
        )

    def _currency(self, row: Row) -> str | None:
        currency = row["currency"] or self.currency or ""
        if _CURRENCY.fullmatch(currency):
            return currency
        reason = "is not an ISO 4217 code such as 'EUR'"
        self._fault(
            row, "currency", reason if currency else "is missing: add such a column or give --currency"
        )
        return None

    def _account(self, row: Row, currency: str | None) -> str | None:
        told = row["account"] or self.options.account or self.options.accounts.get(currency or "")
        if told:
            return same_account(told)
        if currency is not None:
            self._fault(row, "account", "is missing: say with --account whose statement it is")
        return None

    def _moved(self, row: Row, decimals: Decimals, currency: str | None) -> tuple[Sign, Decimal] | None:
        """Which way how much money moved."""
        if row["amount"]:
            column = "amount"
            sign = None
        else:
            filled = [side for side in ("credit", "debit") if row[side].strip("0.,- ")]
            if len(filled) != 1:
                told = "both credit and debit are filled" if filled else "is missing"
                self._fault(row, filled[0] if filled else self._amount_column(row), told)
                return None
            column = filled[0]
            sign = Sign.CREDIT if column == "credit" else Sign.DEBIT
        amount = self._number(row, column, decimals, currency)
        if amount is None:
            return None
        if row["direction"]:
            said = _sign(row["direction"])
            if said is None:
                self._fault(row, "direction", "says neither credit nor debit: write 'credit' or 'debit'")
                return None
            if sign not in (None, said):
                self._fault(row, "direction", f"is not that of the column {column!r}: correct one of them")
                return None
            sign = said
        if sign is None and self.directed and not self.signed:
            self._fault(row, "direction", "is missing: which way the money moved cannot be known")
            return None
        if amount < 0 and sign is Sign.CREDIT:
            self._fault(row, column, "is below zero, and says to be a credit: correct one of them")
            return None
        return sign or (Sign.DEBIT if amount < 0 else Sign.CREDIT), abs(amount)

    def _amount_column(self, row: Row) -> str:
        return next((column for column in _AMOUNT_COLUMNS if column in row.cells), "amount")

    def _number(self, row: Row, column: str, decimals: Decimals, currency: str | None) -> Decimal | None:
        number = decimals.of(row, column, self.faults.append)
        if number is None or currency is None:
            return None
        whole, _, fraction = number.partition(".")
        places = exponent(currency)
        if fraction[places:].strip("0"):
            self._fault(row, column, f"has more than the {places} decimals of {currency}: correct it")
        elif len(whole.lstrip("-0")) > _LONGEST_WHOLE:
            self._fault(row, column, f"is too large: at most {_LONGEST_WHOLE} digits before the decimals")
        else:
            return Decimal(f"{whole}.{fraction[:places]}" if places and fraction else whole)
        return None

    # The file

    def _rows(self, data: bytes) -> list[Row]:
        complain = self.faults.append
        text = csv_text.decoded(data, self.options.encoding, complain)
        if text is None:
            return []
        delimiter, records = csv_text.records(text, self.options.delimiter, self._delimiter, complain)
        header: list[str] | None = None
        line = 0
        for tried, (line, cells) in enumerate(records):
            header = self._header(line, cells)
            if header is not None or tried >= _MOST_LINES_BEFORE or self.faults:
                break
        if header is None:
            if not self.faults:
                self._no_header(text)
            return []
        rows = [
            row
            for line, cells in records
            if (row := csv_text.row_of(line, header, cells, delimiter, complain)) is not None
        ]
        self.signed = any(not _MARKS.isdisjoint(row["amount"]) for row in rows)
        return [_with_plain_signs(row) for row in self._with_directions(line, rows)]

    def _with_directions(self, line: int, rows: list[Row]) -> list[Row]:
        """The rows with the direction that a column says under a name that may mean something else.

        Amounts without a sign beside a column that speaks of debits, or of several kinds of movements, and is not
        read as the direction are a fault: what left would be taken for what came in. So is a debit without a sign
        among amounts with one.
        """
        self.directed = any(row["direction"] for row in rows)
        if self.directed or not any(row["amount"] for row in rows):
            return rows
        if self.signed:
            self._check_signed(rows)
            return rows
        told = {
            name: [row[name] for row in rows if row[name]]
            for name in self.titles
            if name.startswith(_UNREAD) or name == "text"
        }
        saying = [name for name, cells in told.items() if cells and all(map(_sign, cells))]
        known = [name for name in saying if _may_be_direction(self.titles[name])]
        if len(known) == 1:
            del self.titles[known[0]]
            self.directed = True
            return [Row(row.line, {**row.cells, "direction": row[known[0]]}) for row in rows]
        for name, cells in told.items():
            if name == "text" and name not in saying:
                continue
            hints = {cell: _speaks_of(cell) for cell in set(cells)}
            silent = sum(hints[cell] is None for cell in cells)
            leaving = next((cell for cell in cells if hints[cell] is Sign.DEBIT), None)
            speaks = leaving is not None and 2 * silent <= len(cells)
            if speaks or (name != "text" and _is_of_kinds(self.titles[name], cells)):
                title = csv_text.printable(self.titles[name])
                says = "says" if speaks else "may say"
                reason = (
                    f"has no sign, and the column {title!r} {says} which way money moved: read it with --columns"
                    f' "direction={title}", write what left below zero, or leave the column out where nothing did'
                )
                told_so = leaving or next(cell for cell in cells if hints[cell] is not Sign.CREDIT)
                self.faults.append(Fault(line, "amount", shown(told_so), reason))
                break
        return rows

    def _check_signed(self, rows: list[Row]) -> None:
        """Where some amounts have a sign, what a column calls a debit has one too."""
        for name, title in self.titles.items():
            if not name.startswith(_UNREAD) or not _may_be_direction(title):
                continue
            for row in rows:
                if row["amount"] and _MARKS.isdisjoint(row["amount"]) and _sign(row[name]) is Sign.DEBIT:
                    called = csv_text.printable(title)
                    self._fault(
                        row, "amount", f"has no sign, and {called!r} is {row[name]!r}: correct one of them"
                    )

    def _no_header(self, text: str) -> None:
        if not text.strip():
            self.faults.append(Fault(1, "", "", "the file is empty: its header names the columns"))
            return
        reason = (
            "no line names the columns: a day (such as 'booked_on', 'Buchungstag') and an amount ('amount',"
            " 'Betrag', or 'credit' and 'debit'); say with --columns what they are called"
        )
        self.faults.append(Fault(1, "", "", reason))

    def _header(self, line: int, cells: Sequence[str]) -> list[str] | None:
        """What each column is, `#` and a number where it is not known; None where this is no header."""
        named, currencies = [], set()
        for cell in cells:
            found = self._field_of.get(_key(cell), "")
            with_currency = _NAMED_CURRENCY.fullmatch(" ".join(cell[:_LONGEST_NAME].split()))
            if not found and with_currency is not None:
                found = self._field_of.get(_key(with_currency["name"]), "")
                found = found if found in _AMOUNT_COLUMNS else ""
                if found:
                    currencies.add(with_currency["one"] or with_currency["other"])
            named.append(found)
        known = set(named)
        if not known & set(_DATE_COLUMNS) or not known & set(_AMOUNT_COLUMNS):
            return None
        for name, times in Counter(named).items():
            if name and times > 1:
                reason = f"could be each of {times} columns: say which with --columns {name}=NAME"
                self.faults.append(Fault(line, name, "", reason))
        if "amount" in known and known & {"credit", "debit"}:
            reason = "stands beside columns for credit or debit: rename the ones that are not meant"
            self.faults.append(Fault(line, "amount", "", reason))
        for name, called in self.options.columns.items():
            if name not in known:
                self.faults.append(Fault(line, name, shown(called), "no column of this name"))
        if len(currencies) == 1 and self.currency is None and "currency" not in known:
            [self.currency] = currencies
        named = [name or f"{_UNREAD}{at}" for at, name in enumerate(named)]
        self.titles = {name: cell.strip() for name, cell in zip(named, cells, strict=True)}
        return named

    def _delimiter(self, text: str) -> str:
        """The delimiter that finds most of the columns in one of the first lines."""
        lines = text[:200_000].splitlines()[: _MOST_LINES_BEFORE + 1]

        def found(delimiter: str) -> int:
            return max(
                (
                    sum(_key(cell.strip('"')) in self._field_of for cell in line.split(delimiter))
                    for line in lines
                ),
                default=0,
            )

        return max(csv_text.DELIMITERS, key=found)


def _with_plain_signs(row: Row) -> Row:
    """The row with signs of amounts before them, as a hyphen, and no plus."""
    cells = dict(row.cells)
    for column in cells.keys() & set(_AMOUNT_COLUMNS):
        text = cells[column].replace("\N{MINUS SIGN}", "-")
        if text.endswith("-") and not text.startswith(("-", "+")):
            text = f"-{text[:-1]}"
        cells[column] = text.removeprefix("+")
    return Row(row.line, cells)


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _id(text: str) -> str | None:
    return None if text.upper() in _NO_ID else text
