"""The words that the guard knows, by language: numbers, dates, money, banks, and what no letter or only some may say.

All are compared folded (`fold`): without case and accents. A blank stands for any run of blanks or hyphens, a
`*` at the end for any ending. Words of one language that mean something harmless in another are left out there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

LANGUAGES = ("en", "de", "fr", "es", "pt")

Lists = Mapping[str, str]


def fold(text: str) -> str:
    """Lower case without accents; typographic apostrophes and blanks made plain."""
    flat = unicodedata.normalize("NFKD", text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    return "".join(c for c in flat if not unicodedata.combining(c)).casefold()


#: What may stand between the words of a phrase without making another phrase of it.
_BETWEEN = r"[\s,;:…–—()'\"«»“”„\N{HYPHEN}-]+"


@cache
def pattern(listed: str) -> re.Pattern[str]:
    """One expression for a list of words and phrases, separated by commas."""
    entries = [fold(entry.strip()) for entry in listed.split(",") if entry.strip()]
    parts = []
    for entry in entries:
        words = (re.escape(word.removesuffix("*")) + "[a-z]*" * word.endswith("*") for word in entry.split())
        parts.append(_BETWEEN.join(words))
    return re.compile(r"(?<![a-z])(?:" + "|".join(parts) + r")(?![a-z])")


#: Number words from two up. `one` and its like are articles as well; they are looked at beside money and time.
NUMBERS: Lists = {
    "en": "two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen, fourteen, fifteen,"
    " sixteen, seventeen, eighteen, nineteen, twenty*, thirty*, forty*, fourty*, fifty*, sixty*, seventy*,"
    " eighty*, ninety*, hundred*, thousand*, million*, billion*, dozen*, score, percent*, per cent, half, halves,"
    " third of, quarter, quarters, quarterly, twice, thrice, double*, triple*, zero, nil, nought, grand,"
    " thirteenth, fourteenth, fifteenth, sixteenth, seventeenth, eighteenth, nineteenth, thirtieth,"
    " fortieth, fiftieth, hundredth, first of, second of, third of, fourth of, fourth, fifth,"
    " sixth, seventh, eighth, ninth, tenth, eleventh, twelfth, twentieth, thirtieth, twofold, threefold",
    "de": "zwei, drei, vier, fünf, sechs, sieben, acht, neun, zehn, elf, zwölf, dreizehn, vierzehn, fünfzehn,"
    " sechzehn, siebzehn, achtzehn, neunzehn, zwanzig, dreißig, vierzig, fünfzig, sechzig, siebzig, achtzig,"
    " neunzig, million*, milliarde*, dutzend*, prozent*, hälfte, halb*, drittel, viertel, doppelt*, dreifach*,"
    " zweifach*, anderthalb, eineinhalb*, zwo, null, zweier, dreier",
    "fr": "deux, trois, quatre, cinq, six, sept, huit, neuf, dix, onze, douze, treize, quatorze, quinze, seize,"
    " vingt*, trente, quarante, cinquante, soixante, septante, octante, huitante, nonante, cent, cents, centaine*,"
    " mille, millier*, million*, milliard*, douzaine*, pour cent, pourcent*, moitié, tiers, quart, double*,"
    " triple*, zéro, quinzaine, dizaine*",
    "es": "dos, tres, cuatro, cinco, seis, siete, ocho, nueve, diez, once, doce, trece, catorce, quince, dieci*,"
    " veinte, veinti*, treinta, cuarenta, cincuenta, sesenta, setenta, ochenta, noventa, cien, ciento*,"
    " doscient*, trescient*, cuatrocient*, quinient*, seiscient*, setecient*, ochocient*, novecient*, mil, miles,"
    " millón, millones, docena*, por ciento, mitad, tercio, cuarto, doble*, triple*, cero",
    "pt": "dois, duas, três, quatro, cinco, seis, sete, oito, nove, dez, onze, doze, treze, catorze, quatorze,"
    " quinze, dezesseis, dezasseis, dezessete, dezoito, dezenove, vinte, trinta, quarenta, cinquenta, sessenta,"
    " setenta, oitenta, noventa, cem, cento*, duzent*, trezent*, quatrocent*, quinhent*, seiscent*, setecent*,"
    " oitocent*, novecent*, mil, milhar*, milhão, milhões, dúzia*, por cento, metade, terço, dobro, triplo, zero",
}
#: Parts of number words that a language writes together: zweihundertfünfzigtausend.
NUMBER_PARTS = re.compile(
    r"[a-z]*(?:hundert|tausend|zwanzig|dreissig|vierzig|funfzig|sechzig|siebzig"
    r"|hundred|thousand|million|milliard|twenty|thirty|fifty|sixty|seventy|eighty|ninety)[a-z]*"
)
#: Number words of one language that are everyday words of another.
HARMLESS: Lists = {
    "en": "once, dos, score",
    "de": "elf, once",
    "fr": "tres, dos, quarter, quarters, once, grand",
    "es": "ten, nil, quinze",
    "pt": "dos, ten, once, cents, quince, mille",
}

MONEY: Lists = {
    "en": "euro*, dollar*, pound, pounds, sterling, cent, cents, penny, pence, pennies, yen, franc, francs, peso*,"
    " rupee*, yuan, krona, kronor, zloty, bucks, quid, usd, eur, gbp, bitcoin*, crypto*, ether, stablecoin*",
    "de": "euro*, dollar*, pfund, cent, cents, franken, rappen, yen, bitcoin*, krypto*",
    "fr": "euro*, dollar*, livres sterling, centime*, franc, francs, yen, bitcoin*, crypto*",
    "es": "euro*, dólar*, libra*, céntimo*, centavo*, peso, pesos, franco, francos, yen, bitcoin*, cripto*",
    "pt": "euro*, dólar*, libra*, cêntimo*, centavo*, reais, iene*, franco, francos, bitcoin*, cripto*",
}

#: Days and spans of its own: whatever names a date but a slot.
DATES: Lists = {
    "en": "monday*, tuesday*, wednesday*, thursday*, friday*, saturday*, sunday*, january, february, april, june,"
    " july, august, september, october, november, december, in may, by may, of may, until may, since may,"
    " early may, late may, mid may, before may, in march, by march, of march, until march, since march, early march,"
    " late march, mid march, before march, today, tonight, tomorrow*, yesterday*, noon, midnight, weekend*, week,"
    " weeks, weekly, fortnight*, month, months, monthly, hour, hours, minute, minutes, within a day, in a day,"
    " a day, one day, end of the day, end of day, close of business, end of business, year, years, christmas,"
    " easter, o'clock, spring, summer, autumn, winter, holidays, within days, within the day, season*,"
    " fiscal, close of play",
    "de": "montag*, dienstag*, mittwoch*, donnerstag*, freitag*, samstag*, sonnabend*, sonntag*, januar, februar,"
    " märz, april, mai, juni, juli, august, september, oktober, november, dezember, heute, morgen, übermorgen,"
    " gestern, woche*, monat*, stunde*, minute*, jahr, jahre, jahren, innerhalb eines tages, uhr, weihnachten,"
    " wochenende, tagesende, 14tägig",
    "fr": "lundi*, mardi*, mercredi*, jeudi*, vendredi*, samedi*, dimanche*, janvier, février, mars, avril, mai,"
    " juin, juillet, août, septembre, octobre, novembre, décembre, aujourd'hui, demain, hier, semaine*, mois,"
    " heure, heures, minute*, an, ans, année*, noël, pâques, week end*",
    "es": "lunes, martes, miércoles, jueves, viernes, sábado*, domingo*, enero, febrero, marzo, abril, mayo, junio,"
    " julio, agosto, septiembre, octubre, noviembre, diciembre, hoy, mañana, ayer, semana*, mes, meses, hora,"
    " horas, minuto*, año, años, navidad",
    "pt": "segunda feira, terça feira, quarta feira, quinta feira, sexta feira, sábado*, domingo*, janeiro,"
    " fevereiro, março, abril, maio, junho, julho, agosto, setembro, outubro, novembro, dezembro, hoje, amanhã,"
    " ontem, semana*, mês, meses, hora, horas, minuto*, ano, anos, natal",
}

#: How to pay and where to write stands in blocks of ours: nobody else tells a customer where money goes.
WAYS: Lists = {
    "en": "bank*, iban, bic, swift, routing, sort code, account number, account no, new account,"
    " different account, another account, following account, account details, wire to, paypal, venmo, zelle,"
    " western union, gift card*, voucher*, credit card*, debit card*, cash, cheque*, check payable, card,"
    " cards, pin, credentials, portal, online, our site, web page, our page, send the money, send money,"
    " send the payment to, pay it to, pay to, remit to, remit it to, transfer to, transfer it to,"
    " transfer the amount to, payable to, wallet, invoice portal, click*, link,"
    " links, website, url, www, http, https, dot com, log in, login, password*, passcode, download*, attachment*,"
    " attached file, scan, qr, whatsapp, telegram, text message, sms, e mail address, email address, at sign,"
    " new address, street, avenue, road, suite, p o box, po box, telephone number, phone number,"
    " following number, number below,"
    " dot, phone book",
    "de": "bank*, iban, bic, kontonummer, bankleitzahl, bankverbindung, neues konto, anderes konto, neue* konto,"
    " andere* konto, folgende* konto, paypal, gutschein*, kreditkarte*, bargeld, scheck, klick*, link, links,"
    " webseite, website, www, http, https, passwort, anmelden, herunterladen, straße, allee, postfach,"
    " whatsapp, telefonnummer,"
    " rufnummer, e mail adresse, qr",
    "fr": "banque*, bancaire*, iban, bic, rib, numéro de compte, nouveau compte, autre compte, compte suivant,"
    " coordonnées bancaires, paypal, carte cadeau*, carte bancaire, espèces, chèque*, cliqu*, lien, liens, site web,"
    " www, http, https, mot de passe, télécharg*, rue, avenue, boulevard, boîte postale, whatsapp,"
    " numéro de téléphone, adresse e mail, qr",
    "es": "banco*, bancari*, iban, bic, swift, número de cuenta, nueva cuenta, otra cuenta,"
    " cuenta siguiente, siguiente cuenta,"
    " datos bancarios, paypal, tarjeta*, efectivo, cheque*, clic, enlace*, sitio web, www, http, https,"
    " contraseña*, descarg*, calle, avenida, apartado, whatsapp, número de teléfono,"
    " correo electrónico siguiente, qr",
    "pt": "banco*, bancári*, iban, bic, swift, pix, número da conta, nova conta, outra conta,"
    " conta seguinte, seguinte conta,"
    " dados bancários, paypal, cartão*, cartões, dinheiro vivo, cheque*, clique*, link, links, site, www, http,"
    " https, senha*, palavra passe, baixar, descarreg*, rua, avenida, caixa postal, whatsapp,"
    " número de telefone, boleto, qr",
}

#: Terms that would change what is owed, or claim something about it that no fact says.
TERMS: Lists = {
    "en": "interest rate*, late interest, with interest, plus interest, charge interest, interest will, interest of,"
    " interest on, default interest, and interest, including interest, accru*, late fee*, fee, fees,"
    " penalty, penalties, surcharge*, collection cost*,"
    " compensation, discount*, terms for early payment, early payment terms, rebate*, waive*, waiving,"
    " forgive*, write off, written off, writing off,"
    " reduce the amount, reduced amount, partial settlement, owe nothing, owe us nothing, no longer owe*,"
    " no longer due, not owed, nothing to pay, need not pay, do not pay, don't pay, not have to pay,"
    " no need to pay, paid in full, fully paid, settled in full, been cancelled,"
    " is cancelled, cancel the invoice*, cancel this invoice, credit note, we have received your payment,"
    " we received your payment, thank you for your payment, extended payment terms, refund*, guarantee*,"
    " ignore the invoice*, ignore this invoice, disregard the invoice*, disregard this invoice, you promised,"
    " you agreed, you confirmed, you told us, you said, we agreed, as agreed with, as discussed, as we discussed,"
    " we spoke, our call, our conversation, our meeting, your signed, you had promised, promised,"
    " your promise, charge, charges, cost, costs, no payment is, no further payment*, payment is not,"
    " not required, not needed, not necessary, unnecessary, is closed, been cleared, is settled,"
    " all settled, in your favour, in your favor, upheld, credit you, will credit, credited,"
    " approved, we agree to, we accept, we have agreed, you accepted, bill has been, mistake of ours,"
    " our mistake, our error,"
    " deduct*, reduction*, reduce*, by mistake, in error, not need to pay, not need to do, need not,"
    " needn't, have taken, debit*, successful*, went through, processed, cancel*, extension, exempt*",
    "de": "zinsen, verzugszins*, verzugspauschale, mahngebühr*, gebühr, gebühren, säumniszuschlag*, mahnkosten,"
    " inkassokosten, rabatt*, nachlass, skonto, verzichten, erlassen, gutschrift, storniert*, stornieren,"
    " nichts mehr schuld*, nicht mehr fällig, bereits bezahlt wurde, vollständig bezahlt, nicht zahlen müssen,"
    " nichts zu zahlen, erstattung*, entschädigung, garantier*, wie besprochen, sie haben zugesagt,"
    " sie haben versprochen, unser gespräch, unserem gespräch, unser telefonat, unserem telefonat,"
    " haben ihre zahlung erhalten, kosten, genehmigt, keine zahlung nötig, keine zahlung erforderlich,"
    " keine zahlung mehr, nicht erforderlich, nicht nötig,"
    " hat sich erledigt, ist erledigt, zu ihren gunsten, unser fehler,"
    " abziehen, abzug, versehentlich, irrtümlich, nicht bezahlen, nicht zu bezahlen, brauchen nicht,"
    " abgebucht, abbuch*, eingezogen, erfolgreich*, aufschub",
    "fr": "intérêts, intérêts de retard, pénalité*, indemnité*, frais, remise, remises, escompte*, rabais,"
    " ristourne*, avoir de,"
    " renonçons, annulé*, annuler la facture, ne devez plus rien, entièrement payé*, rembours*, garanti*,"
    " vous avez promis, vous avez confirmé, comme convenu, notre entretien, notre conversation, notre appel,"
    " avons reçu votre paiement, ne payez pas, coûts, approuvé*, aucun paiement n'est, en votre faveur,"
    " est réglée, est clos, est close, notre erreur,"
    " déduire, déduction*, réduction*, par erreur, prélev*, avec succès, pas à payer, pas besoin de,"
    " n'avez pas à, sursis",
    "es": "intereses, recargo*, penalización*, penalidad*, comisión, comisiones, gastos, descuento*,"
    " pronto pago, rebaja*,"
    " condonar, condona*, renunciamos, anulad*, cancelad*, nota de crédito, ya no debe, nada que pagar,"
    " totalmente pagad*, reembols*, garantiza*, usted prometió, usted confirmó, según lo acordado, como acordamos,"
    " nuestra conversación, nuestra llamada, hemos recibido su pago, no pague, costes, costos, aprobad*,"
    " ningún pago es, a su favor, está pagad*, está cerrad*, nuestro error,"
    " deducir, deducción, reducción, reducciones, por error, hemos cargado, domicili*, con éxito,"
    " no tiene que pagar, no necesita, no hace falta pagar, prórroga",
    "pt": "juros, multa*, encargo*, taxa, taxas, mora, desconto*, pagamento antecipado, abatimento*, perdoar,"
    " perdoamos, anulad*,"
    " cancelad*, nota de crédito, já não deve, nada a pagar, totalmente pag*, reembols*, garant*, prometeu,"
    " confirmou, conforme combinado, nossa conversa, nossa ligação, recebemos o seu pagamento,"
    " não pague, custos, aprovad*, nenhum pagamento é, a seu favor, está pag*, está encerrad*, nosso erro,"
    " deduzir, dedução, redução, reduções, por engano, por erro, debit*, com sucesso, não tem de,"
    " não precisa, não é preciso pagar, prorrogação",
}

PROMOTION: Lists = {
    "en": "special offer*, new offer*, our offer*, exclusive offer*, limited time, discount*, promotion*, promo,"
    " newsletter*, subscribe*, subscription*, sale, sales event, free trial, trial, upgrade*, upsell, new product*,"
    " our product*, our latest, new service*, premium, black friday, deal of, best deal, great deal, introducing,"
    " check out, referral bonus, bonus, win a, webinar*, demo, brand new, order more, new collection, save up to,"
    " limited edition, don't miss, loyalty program*, visit us, follow us, our stock, catalogue*, catalog*,"
    " buy, shop, store, our range, we are offering, now available, recommend us",
    "de": "sonderangebot*, angebot, angebote, aktion, aktionen, rabatt*, newsletter*, abonnier*, testversion*,"
    " neues produkt, neue produkte, neuen produkte*, produktneuheit*, jetzt sichern, bonus, gewinnspiel*, webinar*,"
    " kostenlos*, besuchen sie uns, folgen sie uns",
    "fr": "offre spéciale, offres, nos offres, promotion*, promo, newsletter*, abonn*, essai gratuit, gratuit*,"
    " nouveau produit, nouveaux produits, bonus, soldes, profitez, webinaire*, découvrez, suivez nous",
    "es": "oferta*, promoción*, promociones, boletín*, suscri*, prueba gratuita, gratis, gratuit*, nuevo producto,"
    " nuevos productos, bono, rebajas, aproveche*, seminario web, descubra, síganos",
    "pt": "oferta*, promoção, promoções, newsletter*, subscrev*, assine, teste grátis, grátis, gratuit*,"
    " novo produto, novos produtos, bônus, bónus, saldos, aproveite*, webinar*, descubra, siga nos",
}

#: At no stage and in no tone: insult, intimidation, disgrace.
NEVER: Lists = {
    "en": "police, criminal*, crime, prison, jail, arrest*, fraud*, prosecut*, reputation*, publicly, publish*,"
    " public record, shame*, ashamed, embarrass*, disgrace*, blacklist*, credit rating*, credit score*,"
    " credit bureau*, credit report*, credit agenc*, bailiff*, seize*, seizure, confiscat*, your employer,"
    " your family, your customers, immigration, deadbeat*, liar*, lying, thief, thieves, steal*, cheat*, dishonest*,"
    " stupid, idiot*, pathetic, ridiculous, unacceptable, disgusting, regret it, you will pay for,"
    " consequences you, destroy*, ruin*, bankrupt*, insolven*, hunt*, watch out, or else, we know where,"
    " tax authorit*, tax office, visit you, visit your, pay you a visit, come by, come to your,"
    " your premises, your home, your door*, inform your, notify your, tell your, your board,"
    " your director*, your supplier*, your client*, your partners, your boss, be sorry, damn*, hell, fuck*,"
    " shit*, bastard*, crap, asshole*, know that you have the money,"
    " you people, the press, to the media, newspaper*, authorities, credit standing, creditworth*,"
    " passport*, identity card, social security, watching you",
    "de": "polizei, straf*, anzeige, gefängnis, betrug*, betrüg*, ruf schädigen, öffentlich*, blamier*, schande,"
    " schufa, bonität*, auskunftei*, schwarze liste, gerichtsvollzieher*, pfänd*, beschlagnahm*, arbeitgeber,"
    " lügner*, dieb*, dumm*, idiot*, unverschämt*, inakzeptabel, insolvenz*, konkurs, ruinier*, finanzamt,"
    " wir wissen wo,"
    " presse, medien, behörde*, ausweis*, reisepass, beobachten sie",
    "fr": "police, pénal*, criminel*, prison, fraud*, escroc*, réputation, publiquement, honte, liste noire,"
    " fichage, huissier*, saisie*, saisir, employeur, menteur*, voleur*, stupide, idiot*, inacceptable, faillite,"
    " ruiner, fisc,"
    " presse, médias, autorités, passeport*",
    "es": "policía, penal, delito*, cárcel, prisión, fraude*, estafa*, reputación, públicamente, vergüenza,"
    " lista negra, morosos, embargo*, embargar, empleador, mentiros*, ladrón*, ladrones, estúpid*, idiota*,"
    " inaceptable, quiebra, arruinar, hacienda,"
    " prensa, medios de comunicación, autoridades, pasaporte*",
    "pt": "polícia, crime*, criminal, prisão, cadeia, fraude*, golpe*, reputação, publicamente, vergonha,"
    " lista negra, serasa, spc, penhora*, empregador, mentiros*, ladrão, ladrões, estúpid*, idiota*, inaceitável,"
    " falência, arruinar, receita federal,"
    " imprensa, mídia, autoridades, passaporte*",
}

#: Agencies and the law: only where a partner, an enabled step and a date exist.
LEGAL: Lists = {
    "en": "legal*, law, laws, lawyer*, attorney*, solicitor*, counsel, court, courts, sue, sued, suing, lawsuit*,"
    " litigat*, proceeding*, judgment*, judgement*, claim form, enforce*, injunction*, statutory, liable,"
    " liabilit*, breach*, default notice, in default, notice of default, collection agency, collection agencies,"
    " collections, collection partner, collection company, collector*, debt collect*, debtor*, debt recovery,"
    " recovery agen*, agency, agencies, third party, third parties, hand over, handed over, hand this over,"
    " hand the matter, pass on your, assign the, tribunal*, arbitrat*, rights reserved, remedies,"
    " without prejudice, refer, referred, referral, refer your, external part*, external compan*,"
    " defaulted, default, debt recovery,"
    " debt, debts",
    "de": "rechtlich*, rechts*, gesetzlich*, anwalt*, anwält*, gericht*, klage, klagen, verklag*, mahnbescheid*,"
    " mahnverfahren, vollstreck*, urteil*, titulier*, verzug, inkasso*, dritte, dritten, agentur*, abgeben,"
    " forderungsmanagement, schuldner*, haftung, haftbar",
    "fr": "juridique*, judiciaire*, légal*, légaux, loi, lois, avocat*, tribunal, tribunaux, justice, procès,"
    " procédure*, poursuite*, poursuivre, mise en demeure, injonction, exécution forcée, jugement*, contentieux,"
    " recouvrement, agence*, tiers, débiteur*",
    "es": "legal*, jurídic*, judicial*, ley, leyes, abogad*, tribunal*, juzgado*, juicio*, demanda*, demandar,"
    " litigi*, proceso monitorio, ejecución, sentencia*, agencia*, cobro externo, recobro*, tercero, terceros,"
    " deudor*",
    "pt": "legal, legais, jurídic*, judicial*, judiciais, lei, leis, advogad*, tribunal, tribunais, justiça,"
    " processo, processar, ação contra, litígi*, execução, sentença*, agência*, cobrança externa, terceiro,"
    " terceiros, devedor*, protesto, cartório*",
}

#: Threats: never before the demand, never to a partner.
THREATS: Lists = {
    "en": "threat*, consequence*, last chance, last warning, final warning, final demand,"
    " last reminder, ultimatum, no choice, no option, no alternative, forced, compelled, take this further,"
    " take it further, take the matter further, final time, last time, last letter, final letter,"
    " delinquen*, be held, hold you, obliged to take,"
    " will not hesitate, won't hesitate, not hesitate, escalat*, further action*, further steps, further measures,"
    " take action, take measures, take steps against, failure to pay, fail to pay, fail to respond, if you fail,"
    " failing which, failing that, non payment will, serious, severe*, drastic, patience, warn*, demand*,"
    " terminat*, end our relationship, end our business, end the relationship, end this relationship,"
    " close your account, recover the amount, recovery,"
    " report this, report you, report the, last opportunity, final opportunity, running out, act now,"
    " pay now, pay up, face the, regret it, regret this, regret not, stop working with,"
    " works with you again, work with you again,"
    " service ends, reserve all, reserve our, reserve the right",
    "de": "droh*, konsequenz*, letzte chance, letzte warnung, letzte mahnung, letztmal*, letztmalig*, ultimatum,"
    " keine wahl, gezwungen, sehen wir uns genötigt, nicht zögern, weitere schritte, weitere maßnahmen, maßnahmen,"
    " eskal*, geduld, warn*, andernfalls, ansonsten, kündig*, geschäftsbeziehung beenden, folgen haben,"
    " empfindlich*, drastisch*,"
    " letzte gelegenheit, jetzt zahlen, zahlen sie jetzt, melden werden, die zeit läuft,"
    " zusammenarbeit beenden, bereuen, behalten uns vor",
    "fr": "menac*, conséquence*, dernière chance, dernier avertissement, dernier rappel, ultimatum, contraint*,"
    " pas d'autre choix, n'hésiterons pas, autres mesures, mesures, à défaut, faute de quoi, sinon, patience,"
    " avertiss*, résili*, mettre fin, escalad*,"
    " dernière occasion, payez maintenant, signaler, le temps presse, cesser de travailler, regretter*,"
    " nous réservons",
    "es": "amenaz*, consecuencia*, última oportunidad, última advertencia, ultimátum, obligados,"
    " no tendremos más remedio, no dudaremos, otras medidas, medidas, de lo contrario, en caso contrario, paciencia,"
    " advert*, rescind*, poner fin, escalar*,"
    " última ocasión, pague ahora, denunci*, informaremos, el tiempo se acaba, dejar de trabajar,"
    " lamentar*, nos reservamos",
    "pt": "ameaç*, consequência*, última oportunidade, última advertência, ultimato, obrigados a,"
    " forçados, não hesitaremos, outras medidas, medidas, caso contrário, do contrário, paciência, advert*,"
    " rescind*, rescisão, pôr fim, escalar*,"
    " última ocasião, pague agora, denunci*, o tempo está a acabar, deixar de trabalhar, lamentar*, reservamo*",
}

#: Blocked orders: from the final notice on, which names their date.
BLOCKS: Lists = {
    "en": "final notice, block*, suspend*, suspension, stop deliver*, stop supply*, stop shipping,"
    " stop work, stop service*,"
    " cease*, cut off, restrict*, freeze*, frozen, withhold*, credit hold, hold your orders, on hold, pause*,"
    " interrupt*, refuse new, deactivat*, disconnect*, disable*, prepayment, advance payment, new orders",
    "de": "sperr*, gesperrt*, aussetz*, ausgesetzt, einstell*, eingestellt, liefer stopp, lieferstopp*, stoppen,"
    " einfrier*, zurückbehalt*, vorkasse, unterbrech*, neue bestellungen, neuer bestellungen",
    "fr": "bloqu*, blocage*, suspend*, suspension*, interromp*, interruption*, cesser, gel, geler,"
    " nouvelles commandes, paiement d'avance",
    "es": "último aviso, bloque*, suspend*, suspensión, interrump*, cesar, congel*, nuevos pedidos, pago anticipado",
    "pt": "último aviso, bloque*, suspend*, suspensão, interromp*, cessar, congel*, novos pedidos, novas encomendas,"
    " pagamento antecipado",
}

#: Pressing: not to a partner.
PRESSING: Lists = {
    "en": "debt, debts, must, immediately, at once, without delay, urgent*, overdue account, demand*,"
    " insist*, require you,"
    " unacceptable, disappointed, comply, compliance, obligat*, forthwith, asap",
    "de": "müssen sie, unverzüglich*, sofort, umgehend, dringend*, bestehen darauf, fordern, auffordern,"
    " verpflichtet, enttäuscht",
    "fr": "devez, immédiat*, sans délai, urgen*, exige*, exigeons, sommons, obligation*, déçu*",
    "es": "debe, inmediat*, sin demora, urgen*, exig*, obligación*, obligaciones, decepcionad*",
    "pt": "deve, imediat*, sem demora, urgen*, exig*, obrigação, obrigações, decepcionad*",
}

#: Marks of a model that obeyed somebody else, refused, or speaks of itself.
MACHINE: Lists = {
    "en": "as an ai, language model, ai assistant, chatbot, i'm sorry, i am sorry, i cannot, i can't, i will not,"
    " system prompt, system message, prompts, the prompt, my prompt, previous instruction*,"
    " these instruction*, ignore all, ignore previous,"
    " ignore the above, override*, hacked, pwned, json, placeholder*, template*, slot, slots, draft*, lorem, ipsum,"
    " developer mode, jailbreak, as instructed, as requested by the customer, insert, subject",
    "de": "als ki, sprachmodell, ich kann nicht, es tut mir leid, anweisungen ignor*, systemprompt, platzhalter,"
    " vorlage, entwurf",
    "fr": "en tant qu'ia, modèle de langage, je ne peux pas, je suis désolé*, ignorer les instructions,"
    " instructions précédentes, gabarit",
    "es": "como ia, modelo de lenguaje, no puedo ayudar, lo siento pero, ignorar las instrucciones,"
    " instrucciones anteriores, plantilla",
    "pt": "como ia, modelo de linguagem, não posso ajudar, sinto muito mas, ignorar as instruções,"
    " instruções anteriores, modelo de texto",
}

#: The familiar address; letters speak formally. First persons singular: a letter is the seller's, not a writer's.
FAMILIAR: Lists = {
    "en": "i, i'm, i've, i'll, me, myself, hey, hi, dude, guys, buddy, mate, lol, folks",
    "de": "du, dich, dir, dein*, euch, euer, eure*, eurem, euren, ich, mir, mich, hallo, hi",
    "fr": "tu, te, toi, ton, ta, tes, je, moi, salut, coucou",
    "es": "tú, te, ti, contigo, tuyo*, vosotros, vosotras, vuestr*, os, yo, hola",
    "pt": "tu, te, ti, contigo, teu, teus, tua, tuas, você*, eu, olá, oi",
}

#: Forms of address that have a capital inside a greeting.
HONORIFICS = frozenset(
    "Sir Madam Team Madame Mesdames Monsieur Messieurs Señor Señores Señora Señoras Senhor Senhores Senhora"
    " Senhoras".split()
)
#: Small words by which a language is known; none of them is a word of this kind in another of the lists.
SMALL_WORDS: Lists = {
    "en": "the, and, of, in, is, are, to, for, your, our, we, you, this, that, with, it, by, please, thank,"
    " have, has,"
    " not, if, would, be, from, as, any, there, which, will, can, us, been, when, could, them, or, on, at, an",
    "de": "der, die, das, in, und, ist, sind, zu, für, ihr, ihre, ihren, ihrer, ihrem, unser, unsere,"
    " unserer, wir, sie,"
    " diese, dieser, dieses, dass, mit, es, bitte, danke, haben, hat, nicht, wenn, wird, werden, von, auf, uns, oder,"
    " den, dem, des, ein, eine, einen, einer, noch, bis, zum, zur, vielen, dank, bei, im, ob, auch, falls, als",
    "fr": "le, la, les, de, en, et, est, sont, des, du, pour, votre, vos, notre, nos, nous, vous, ce,"
    " cette, que, qui, avec,"
    " il, elle, merci, avez, avons, pas, si, sera, une, un, par, sur, ou, dans, au, aux, ne, veuillez, afin, bien",
    "es": "el, la, los, las, y, es, son, del, de, para, su, sus, nuestro, nuestra, nosotros, usted, ustedes, este,"
    " esta, que, con, gracias, ha, han, hemos, si, por, favor, una, un, en, al, lo, le, nos, muy, hasta, como, o",
    "pt": "o, a, os, as, e, é, são, do, da, dos, das, de, para, seu, sua, seus, suas, nosso, nossa, nós, este, esta,"
    " que, com, obrigado, obrigada, tem, temos, não, se, por, favor, uma, um, em, ao, ou, até, muito, no, na, nos",
    "it": "il, lo, gli, le, di, che, per, con, una, sono, della, del, vostro, vostra, nostro, nostra, grazie, non,"
    " questa, questo, abbiamo, vi, ci, preghiamo, fattura, entro, si",
    "nl": "de, het, een, en, van, is, zijn, voor, uw, onze, wij, u, dat, met, niet, wordt, graag, bedankt, aan, deze,"
    " op, te, hebben, nog, factuur, als",
    "pl": "i, w, na, z, do, prosimy, faktura, nie, jest, za, oraz, o, przez, pan, pani, panstwa",
}
#: How a letter may begin.
GREETINGS: Lists = {
    "en": "dear, hello, good day, good morning, good afternoon",
    "de": "guten tag, sehr geehrte, sehr geehrter, sehr geehrtes, liebe, lieber",
    "fr": "bonjour, madame, monsieur, cher, chère, chers",
    "es": "estimado, estimada, estimados, apreciado, apreciada, apreciados, buenos días",
    "pt": "prezado, prezada, prezados, caro, cara, caros, estimado, estimada, estimados, bom dia",
}
#: Written just before a date slot, this makes a deadline of it.
DEADLINE_WORDS = "by|until|before|till|bis|vor|avant|hasta|antes de|antes del|ate|antes de"
#: Written just before the usual day, so that its number reads as a day.
DAY_WORDS = "day|tag|jour|dia"
#: What makes a statement conditional: "if you have paid already".
IF_WORDS: Lists = {
    "en": "if, whether, should, in case, unless",
    "de": "falls, wenn, sofern, sollte, sollten, ob",
    "fr": "si",
    "es": "si, en caso de",
    "pt": "se, caso",
}
#: Abbreviations that may stand in capitals.
ACRONYMS = frozenset({"PDF", "PO", "OK", "AP", "VAT", "UST", "TVA", "IVA", "CFO", "US", "UK", "EU"})
