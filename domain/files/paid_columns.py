"""What the columns of a table say is paid already, is left to pay, or is no claim at all.

Whatever a ledger exports says it in columns of its own: what was paid, what is open, how the invoice stands. They
are read together; where two of them cannot both be true, that is a fault naming both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from itertools import combinations, pairwise
from typing import NamedTuple

from domain.money import Money
from domain.wire import shown
from domain.words import words_of

#: Columns that say yes, or since when, where the row is no claim: `Cancelled: x`, `Voided at: 2026-11-03`.
_NO_CLAIM_NAMES = tuple(
    "void isvoid voided isvoided voidedon voidedat voiddate cancelled iscancelled canceled iscanceled cancelledon "
    "canceledon cancelledat canceledat deleted isdeleted deletedon deletedat writtenoff iswrittenoff draft isdraft "
    "storniert storno iststorniert storniertam annulliert geloscht abgeschrieben entwurf annule annulee brouillon "
    "anulado anulada borrador cancelado cancelada estornado estornada rascunho annullato annullata bozza "
    "geannuleerd".split()
)
#: What such a column may be, and the names by which ledgers call it, as `compact` writes them.
KNOWN_NAMES: Mapping[str, tuple[str, ...]] = {
    "amount_paid": tuple(
        "paid paidamount amtpaid invoiceamountpaid totalpaid paidtotal paidtodate amountpaidtodate paidsofar "
        "alreadypaid amountreceived receivedamount received totalreceived paymentsreceived paymentreceived "
        "paymentsapplied paymentapplied amountapplied appliedamount amountcollected collectedamount ispaid paidinfull "
        "fullypaid settled issettled prepaid amountprepaid prepaidamount "
        "bezahlt gezahlt bezahlterbetrag gezahlterbetrag betragbezahlt bereitsbezahlt bereitsgezahlt "
        "zahlungseingang summebezahlt bezahltbrutto davonbezahlt erhalten beglichen "
        "paye regle montantpaye montantregle dejapaye dejaregle totalpaye totalregle encaisse montantencaisse "
        "pagado importepagado montopagado totalpagado cobrado importecobrado totalcobrado "
        "pago valorpago montantepago totalpago valorrecebido recebido montanterecebido totalrecebido jarecebido "
        "pagato importopagato incassato importoincassato betaald betaaldbedrag bedragbetaald".split()
    ),
    "credited": tuple(
        "amountcredited creditedamount credits creditsapplied creditapplied invoiceamountcredited creditnotes "
        "gutgeschrieben gutschriften avoirs abonos notasdecredito".split()
    ),
    "balance": tuple(
        "balancedue duebalance amountdue dueamount amtdue invoiceamountdue invoicebalance openbalance openamount "
        "amountopen totalopenamount outstanding outstandingamount outstandingbalance amountoutstanding "
        "totaloutstanding osamount osbalance remaining remainingamount remainingbalance amountremaining "
        "balanceremaining unpaid unpaidamount unpaidbalance amountunpaid residual residualamount amountresidual "
        "amounttopay lefttopay stilldue stillowed owed amountowed amountowing owing balanceowing totaldue remainder "
        "open isopen "
        "offen offenerbetrag betragoffen offenersaldo offenesumme summeoffen nochoffen bruttooffen "
        "offenbrutto offenerrest restbetrag restforderung restsaldo rest saldo ausstehend "
        "ausstehenderbetrag falligerbetrag nochzuzahlen zuzahlen offeneforderung opbetrag opsaldo "
        "solde soldedu solderestantdu soldeouvert resteapayer restedu restearegler restant restantdu montantrestant "
        "montantrestantdu montantdu montantouvert impaye montantimpaye encours "
        "saldopendiente pendiente importependiente montopendiente pendientedecobro pendientedepago saldodeudor "
        "importeadeudado porcobrar porpagar saldoporcobrar saldoporpagar importeporcobrar "
        "emaberto valoremaberto montanteemaberto saldoemaberto montanteemdivida valoremdivida emdivida pendente "
        "valorpendente montantependente saldopendente saldodevedor valorapagar areceber valorareceber "
        "residuo importoresiduo dapagare daincassare importodovuto openstaand openstaandbedrag "
        "tebetalen".split()
    ),
    "status": tuple(
        "invoicestatus paymentstatus paymentstate paidstatus documentstatus docstatus billstatus invoicestate "
        "statuscode "
        "zahlungsstatus zahlstatus rechnungsstatus belegstatus bezahlstatus "
        "statut etat statutpaiement statutdepaiement etatpaiement statutfacture "
        "estado estatus estadodepago estadopago estadodecobro estadofactura situacion "
        "estadodopagamento estadopagamento situacao statuspagamento statusdopagamento "
        "stato statopagamento betaalstatus".split()
    )
    + _NO_CLAIM_NAMES,
    "paid_on": tuple(
        "paiddate datepaid paymentdate lastpaymentdate dateoflastpayment lastpaymenton lastpaidon lastpaiddate "
        "fullypaidon fullypaidondate paidat settlementdate clearingdate cleareddate datecleared closeddate dateclosed "
        "bezahltam gezahltam zahlungsdatum zahldatum datumbezahlt ausgleichsdatum letztezahlung letztezahlungam "
        "datepaiement datedepaiement datereglement datedereglement payele reglele dernierpaiement "
        "fechapago fechadepago fechacobro fechadecobro pagadoel "
        "datapagamento datadepagamento datadopagamento datarecebimento datadorecebimento pagoem".split()
    ),
}  # fmt: skip
FIELDS = tuple(KNOWN_NAMES)
AMOUNTS = ("amount_paid", "credited", "balance")


class Status(StrEnum):
    """How an invoice stands, in one word."""

    OPEN = "open"
    PART_PAID = "part paid"
    PAID = "paid"
    ISSUED = "issued"
    """Made out and sent: whether it is paid is not said."""
    DRAFT = "draft"
    VOID = "void"


#: What says most of an invoice of which several things are said, first.
_STRONGEST = (Status.VOID, Status.DRAFT, Status.PART_PAID, Status.PAID, Status.OPEN, Status.ISSUED)
_NEVER_BOTH = (
    {Status.PAID, Status.OPEN},
    {Status.PAID, Status.PART_PAID},
    *({over, paid} for over in (Status.VOID, Status.DRAFT) for paid in (Status.PAID, Status.PART_PAID)),
)
#: Nothing is owed under these, whatever the other columns say.
NO_CLAIM = (Status.DRAFT, Status.VOID)

_WORDS = {
    Status.PAID: "inpayment paid paidinfull fullypaid paidfull autopaid paidlate paidontime paidearly settled closed "
        "cleared deposited collected "
        "bezahlt vollbezahlt vollstandigbezahlt beglichen ausgeglichen gezahlt erledigt abgeschlossen "
        "ausgebucht payee paye entierementpayee entierementpaye reglee regle soldee solde acquittee acquitte encaissee "
        "encaisse pagada pagado cobrada cobrado liquidada liquidado saldada saldado paga pago quitada quitado recebida "
        "recebido pagata saldata saldato incassata pagato incassato betaald voldaan",
    Status.PART_PAID: "partpaid partlypaid partiallypaid partialpaid paidpartially paidpartly paidinpart partial "
        "partpayment partialpayment partiallysettled teilbezahlt teilweisebezahlt teilgezahlt teilweisegezahlt "
        "teilzahlung teilweisebeglichen anbezahlt partiellementpayee partiellementpaye partiellementreglee "
        "partiellementregle payeepartiellement payepartiellement paiementpartiel acompteverse parcialmentepagada "
        "parcialmentepagado pagadaparcialmente pagadoparcialmente pagoparcial cobroparcial parcialmentepaga "
        "parcialmentepago pagaparcialmente pagamentoparcial parcial parzialmentepagata parzialmentepagato "
        "deelsbetaald gedeeltelijkbetaald",
    Status.OPEN: "open unpaid notpaid notyetpaid nopayment awaitingpayment paymentdue waitingforpayment overdue due "
        "pastdue notdue notyetdue notoverdue outstanding late delinquent current "
        "offen unbezahlt nichtbezahlt nochoffen uberfallig fallig nichtfallig verzug inverzug angemahnt gemahnt "
        "impayee impaye nonpayee nonpaye nonreglee nonregle enattentedepaiement enretard echue echu aechoir ouverte "
        "pendientedepago pendientedecobro impagada impagado nopagada nopagado vencida vencido abierta "
        "emaberto aberta aberto naopaga naopago porpagar porreceber aguardandopagamento ematraso atrasada atrasado "
        "nonpagata scaduta aperta openstaand onbetaald vervallen teontvangen",
    Status.ISSUED: "sent viewed seen opened issued posted invoiced authorised authorized approved finalised finalized "
        "final billed printed emailed mailed delivered reminded submittedtocustomer "
        "gesendet versendet verschickt gestellt festgeschrieben gebucht freigegeben fakturiert "
        "envoyee envoye emise emis validee valide comptabilisee enviada enviado emitida emitido contabilizada "
        "lancada inviata emessa verzonden invoice salesinvoice taxinvoice accrec rechnung facture factura fatura "
        "fattura factuur",
    Status.DRAFT: "draft entwurf brouillon borrador rascunho bozza concept proforma awaitingapproval pendingapproval "
        "waitingforapproval submittedforapproval toapprove unapproved notapproved notissued unissued unposted "
        "notposted quote estimate preparation inpreparation nichtgestellt inbearbeitung avalider provisoire",
    Status.VOID: "void voided cancelled canceled cancel deleted reversed writtenoff writeoff uncollectible baddebt "
        "credited fullycredited creditedinfull refunded storniert storno geloscht annulliert abgeschrieben "
        "uneinbringlich gutgeschrieben erstattet annulee annule supprimee irrecouvrable avoir anulada anulado "
        "cancelada cancelado eliminada incobrable estornada estornado annullata annullato stornata geannuleerd",
}  # fmt: skip
_STATUS = {word: status for status, words in _WORDS.items() for word in words.split()}
#: A row that is another document is no claim either; only where a cell says nothing else.
_OTHER_DOCUMENTS = frozenset(
    "payment customerpayment receipt refund creditnote creditmemo customercredit accreccredit zahlung zahlungseingang "
    "gutschrift rechnungskorrektur paiement reglement notedecredit notadecredito notadicredito creditnota".split()
)
_LONGEST_STATUS = 4
_YES = frozenset("yes y true x ja wahr oui vrai si verdadero sim verdadeiro".split()) | {"✓", "✔", "☑"}
_NO = frozenset("no n false nein falsch non faux falso nao not".split())
#: What ledgers write after a status: `Overdue 30 days`, `Partially paid, due in 12 days`, `Bezahlt am 3.11.2026`.
_AFTER_A_STATUS = frozenset(
    "day days in on by since for ago the at of due overdue and tag tage tagen am seit vom fallig jour jours le depuis "
    "du dia dias el desde hace em ha giorni dal".split()
)

#: A column whose name has such a word in it may say what is left or was paid.
_TELLING = frozenset(
    "balance outstanding unpaid paid due owed owing remaining remainder residual leftover left open "
    "offen offene offener offenes saldo rest restbetrag bezahlt gezahlt ausstehend "
    "solde restant reste impaye paye regle pendiente pagado cobrado adeudado aberto divida pendente pago recebido "
    "residuo pagato openstaand betaald "
    "payment payments deposit prepayment zahlungen anzahlung paiements reglements acompte cobros anticipo "
    "acconto "
    "received receipt receipts collected collections applied settled deposits advance advances "
    "retainer credits "
    "restschuld restforderung eingang eingange zahlungseingange "
    "abschlag teilzahlung teilzahlungen gutschriften skontiert "
    "encaisse encaissement encaissements versement versements avance "
    "restante falta liquidado liquidada saldado abonado abono anticipos "
    "pagamento pagamentos recebimento recebimentos recebida recebidos quitado "
    "incasso incassi pagamenti versato versati ontvangen betalingen "
    "zapłacono zapłaty pozostało pozostalo zaplacono zaplaty uhrazeno uhradit zaplaceno zbyva betalt obetalt "
    "restbelopp "
    "restbelob maksettu avoin avoinna kalan odenen остаток оплачено долг задолженность fizetve hatralek platit "
    "платежи внесено".split()
)
_TELLING_PARTS = tuple(
    "balance outstanding unpaid amountdue amountpaid paidamount remaining residual topay openamount overdueamount "
    "amountoverdue offenerbetrag apayer apagar zuzahlen dapagare tebetalen "
    "restbetrag bezahlt saldo writeoff writtenoff discounttaken porpagar".split()
)
#: … unless it counts or dates something,
_COUNTS = frozenset(
    "day days date count number percent rate since age tage datum jours jour dias fecha data".split()
)
_SHARES = frozenset({("percent", "paid"), ("paid", "percent"), ("percent", "open"), ("open", "percent")})
#: … or, where it names no sum, says something else about the payment.
_NAMES = frozenset(
    "past overdue term terms id ids reference ref referenz referencia nr no code iban account method mode type".split()
)
_SUM = re.compile("amount|balance|total|betrag|summe|saldo|montant|solde|importe|monto|valor|importo|bedrag")
_AMOUNT_LIKE = re.compile(r"[^\d\n]{0,5}\d[\d.,' \u00a0\u202f]{0,30}[^\d\n]{0,5}")
_DAY = re.compile(r"\d{1,4}[-./ ]\d{1,2}[-./ ]\d{1,4}(?!\d).*", re.ASCII)
_DRAFTS = ("draft", "entwurf", "brouillon", "borrador", "rascunho", "bozza")
_LONGEST_CELL = 40
_DATE_LIKE = re.compile(r"\d{1,2}\.\s?\d{1,2}\.\s?(\d{2}|\d{4})")


def compact(name: str) -> str:
    """A name as it is compared: letters and digits alone, without case, accents and the currency after it, so
    that `AmountDue`, `amount_due` and `Amount due (EUR)` are alike."""
    return "".join(words_of(_with_percent(split_currency(name)[0])))


def _with_percent(name: str) -> str:
    """`Paid %` is no sum."""
    return name.replace("%", " percent ")


_NAMED_CURRENCY = re.compile(
    r"(?P<name>.*\S)\s*(?:[(\[](?P<one>[A-Z]{3}|[€$£])[)\]]|\bin (?P<other>[A-Z]{3}|[€$£]))", re.ASCII
)
_LONGEST_NAME = 200


def split_currency(name: str) -> tuple[str, str | None]:
    """A column's name, and the code of the currency it is said to be in: `Balance (USD)`."""
    match = _NAMED_CURRENCY.fullmatch(name[:_LONGEST_NAME].strip())
    if match is None:
        return name, None
    code = match["one"] or match["other"]
    return match["name"], code if code.isalpha() else {"€": "EUR", "£": "GBP"}.get(code)


def may_tell(name: str) -> bool:
    """Whether a column of this name may say what is left to pay or was paid."""
    words = words_of(_with_percent(re.sub(r"([a-z])([A-Z])", r"\1 \2", name)))
    joined = "".join(words)
    tells = not _TELLING.isdisjoint(words) or any(part in joined for part in _TELLING_PARTS)
    names_something = not _NAMES.isdisjoint(words) and not _SUM.search(joined)
    counts = not _COUNTS.isdisjoint(words) and _SHARES.isdisjoint(pairwise(words))
    return tells and not counts and not names_something


@lru_cache(maxsize=10_000)
def status_of(text: str) -> Status | None:
    """How an invoice stands, in a ledger's own words; None where nobody knows them."""
    words = words_of(text)
    if "".join(words) in _OTHER_DOCUMENTS:
        return Status.VOID
    found: list[Status] = []
    while words:
        for count in range(min(len(words), _LONGEST_STATUS), 0, -1):
            status = _STATUS.get("".join(words[:count]))
            if status is not None:
                found.append(status)
                words = words[count:]
                break
        else:
            if not found or not (words[0].isdigit() or words[0] in _AFTER_A_STATUS):
                return None
            words = words[1:]
    if any({one, other} in _NEVER_BOTH for one, other in combinations(found, 2)):
        return None
    return min(found, key=_STRONGEST.index, default=None)


@lru_cache(maxsize=10_000)
def mark_of(name: str, column: str, text: str) -> Status | None:
    """What a cell says that holds no sum: `Paid: yes`, `Open: no`, `Paid: partly`. None where it may be a sum."""
    status = status_of(text)
    if status is not None:
        return status
    word = "".join(words_of(text)) or text.strip()
    if may_be_flag(column):
        word = {"1": "yes", "0": "no"}.get(word, word)
    if word not in _YES and word not in _NO:
        return None
    return Status.PAID if (word in _YES) == (name == "amount_paid") else Status.OPEN


def no_claim_of(column: str, text: str) -> Status | None:
    """What yes, no or a day says in a column that is named after what is no claim: `Cancelled: x`. None in another
    column, and where nobody knows."""
    name = compact(column)
    if name not in _NO_CLAIM_NAMES:
        return None
    word = "".join(words_of(text)) or text.strip()
    if word in _NO or not word.strip("0"):
        return Status.ISSUED
    if word not in _YES and word != "1" and not _DAY.fullmatch(text):
        return None
    return Status.DRAFT if any(draft in name for draft in _DRAFTS) else Status.VOID


def denies_a_claim(text: str) -> bool:
    """Whether a cell, whatever its column is called, says that nothing is owed."""
    return len(text) <= _LONGEST_CELL and status_of(text) in (Status.PAID, *NO_CLAIM)


def may_be_flag(column: str) -> bool:
    """Whether 1 and 0 in such a column are yes and no: `is_paid`."""
    return compact(column).startswith("is")


def may_be_mark(column: str) -> bool:
    """Whether 1 and 0 in such a column could be yes and no as well as sums: `Paid`."""
    return not may_be_flag(column) and not _SUM.search(compact(column))


def may_be_told(text: str) -> bool:
    """Whether a cell may say what is left or was paid: a sum, a mark or a status."""
    return (bool(_AMOUNT_LIKE.fullmatch(text)) and not _DATE_LIKE.fullmatch(text)) or bool(
        text and mark_of("balance", "", text)
    )


class Contradiction(ValueError):
    """What a row says cannot all be true: the column to name, and the reason."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column


class Standing(NamedTuple):
    """What one column says of how the invoice stands, and in which words."""

    column: str
    words: str
    status: Status


class Sum(NamedTuple):
    """What one column says was paid, credited or is left."""

    column: str
    money: Money


def together(told: Iterable[Standing]) -> Standing | None:
    """What the columns that say how an invoice stands say together. Raises Contradiction."""
    known = list(told)
    for one, other in combinations(known, 2):
        if {one.status, other.status} in _NEVER_BOTH:
            reason = (
                f"says {shown(other.words)}, and {one.column} says {shown(one.words)}: correct one of them"
            )
            raise Contradiction(other.column, reason)
    return min(known, key=lambda each: _STRONGEST.index(each.status), default=None)


def left_to_pay(amount: Money, told: Mapping[str, Sum], standing: Standing | None) -> Money:
    """What is left to pay of an invoice over `amount`: nothing where it is paid. `told` has the sums by what they
    are (`AMOUNTS`). Raises Contradiction where the columns cannot all be true."""
    told = _with_signs(amount, told)
    for each in told.values():
        _within(each, amount)
    left = _left(amount, told, standing)
    if standing is None or standing.status is Status.ISSUED:
        return amount if left is None else left.money
    fits = {
        Status.PAID: left is None or not left.money,
        Status.OPEN: left is None or bool(left.money),
        Status.PART_PAID: left is not None and 0 < left.money.minor < amount.minor,
    }[standing.status]
    said = f"says {shown(standing.words)}"
    if not fits and left is None:
        raise Contradiction(
            standing.column,
            f"{said}, and no column says how much: add amount_paid or balance, or flag the row",
        )
    if not fits:
        assert left is not None
        why = f"{said}, and by {left.column} {left.money} of {amount} is left: correct one of them, or flag the row"
        raise Contradiction(standing.column, why)
    if left is not None:
        return left.money
    return Money(0, amount.currency) if standing.status is Status.PAID else amount


def _with_signs(amount: Money, told: Mapping[str, Sum]) -> Mapping[str, Sum]:
    """The sums above zero; some ledgers write what came in with a minus, and what is left shows that they do."""
    gone = {name: each for name, each in told.items() if name != "balance"}
    if "balance" not in told or any(each.money.minor > 0 for each in gone.values()):
        return told
    if (
        Money.total((amount, *(each.money for each in gone.values())), amount.currency)
        != told["balance"].money
    ):
        return told
    return {**told, **{name: Sum(each.column, -each.money) for name, each in gone.items()}}


def _within(told: Sum, amount: Money) -> None:
    if told.money.minor < 0:
        raise Contradiction(told.column, "is negative: correct it, or flag the row and look at it yourself")
    if told.money.minor > amount.minor:
        reason = (
            f"is more than the amount, {amount}: correct one of them, or flag the row and look at it yourself"
        )
        raise Contradiction(told.column, reason)


def _left(amount: Money, told: Mapping[str, Sum], standing: Standing | None) -> Sum | None:
    """What is left by the sums alone; None where there is none."""
    gone = [told[name] for name in ("amount_paid", "credited") if name in told]
    balance = told.get("balance")
    rest = Money(amount.minor - sum(each.money.minor for each in gone), amount.currency)
    if rest.minor < 0:
        _within(Sum(gone[-1].column, amount - rest), amount)
    if not gone or balance is None:
        return balance or (Sum(gone[0].column, rest) if gone else None)
    # What is left may be less than what was not paid: a discount was taken. Only where the invoice is over, then.
    is_over = standing is not None and standing.status is Status.PAID and not balance.money
    if balance.money != rest and not (is_over and rest.minor > 0):
        others = " and ".join(f"{each.column} {each.money}" for each in gone)
        reason = f"does not fit: of {amount}, with {others}, {rest} would be left: correct one of them"
        raise Contradiction(balance.column, reason)
    return balance
