"""Drafts for the tests of the guard: good ones for every step and language, and what a model may do wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from domain.letters.draft import Brief, Draft
from domain.vocabulary import Step, Tone

_ALWAYS = frozenset({"recipient", "invoices", "amount_due", "seller", "invoice_table"})
_NEEDED = frozenset({"recipient", "amount_due", "invoice_table"})

OVERDUE = Brief(
    step=Step.OVERDUE,
    tone=Tone.PROFESSIONAL,
    language="en",
    slots=_ALWAYS | {"due_date", "answer_by", "account_manager"},
    required=_NEEDED | {"answer_by"},
    past_due=True,
    referral=False,
)
PRE_DUE = replace(
    OVERDUE,
    step=Step.PRE_DUE,
    tone=Tone.FRIENDLY,
    slots=_ALWAYS | {"due_date", "usual_day"},
    required=_NEEDED | {"usual_day"},
    past_due=False,
)
DUE = replace(OVERDUE, step=Step.DUE, slots=_ALWAYS | {"due_date"}, required=_NEEDED)
PARTNER = replace(OVERDUE, tone=Tone.PARTNER)
CREDIT_HOLD = replace(
    OVERDUE,
    step=Step.CREDIT_HOLD,
    tone=Tone.FORMAL,
    slots=_ALWAYS | {"due_date", "block_date"},
    required=_NEEDED | {"block_date"},
)
DEMAND = replace(OVERDUE, step=Step.DEMAND, tone=Tone.FORMAL)
DEMAND_WITH_PARTNER = replace(DEMAND, slots=DEMAND.slots | {"referral_partner"}, referral=True)


def draft(**changes: Any) -> dict[str, Any]:
    """A good overdue notice in English, with changes."""
    return {
        "subject": "Payment reminder: {invoices}, {amount_due}",
        "greeting": "Dear {recipient},",
        "paragraphs": [
            "Thank you for working with us. We have not yet received the payment that was due on {due_date}; "
            "perhaps it has simply been overlooked.",
            "{invoice_table}",
            "Please arrange the payment of {amount_due} by {answer_by}, or reply to tell us when we may expect it.",
            "If something about {invoices} is not right, tell us what it is and we will look into it. If paying "
            "everything together is difficult, we are open to instalments.",
        ],
        "closing": "If you have already paid, thank you.",
        **changes,
    }


def says(sentence: str, **changes: Any) -> dict[str, Any]:
    """The good notice with one more sentence in its last paragraph."""
    told = draft(**changes)
    return {**told, "paragraphs": [*told["paragraphs"][:-1], f"{told['paragraphs'][-1]} {sentence}"]}


def asks(request: str) -> dict[str, Any]:
    """The good notice with another request."""
    told = draft()
    return {**told, "paragraphs": [*told["paragraphs"][:2], request, told["paragraphs"][3]]}


GOOD: Mapping[str, tuple[Brief, dict[str, Any]]] = {
    "overdue": (OVERDUE, draft()),
    "overdue, no closing": (OVERDUE, draft(closing="")),
    "partner": (
        PARTNER,
        draft(
            paragraphs=[
                "Thank you for the work we do together. The payment that was due on {due_date} has not reached us, "
                "and we expect there is a simple reason.",
                "{invoice_table}",
                "Could you arrange the payment of {amount_due} by {answer_by}, or tell us when we may expect it?",
                "Should it suit your planning better, we are open to instalments. {account_manager} can agree on "
                "that with you directly.",
            ]
        ),
    ),
    "pre-due": (
        PRE_DUE,
        draft(
            subject="{invoices} for {amount_due}: is everything in order?",
            paragraphs=[
                "Thank you for your business. This is a short note before {invoices} becomes due on {due_date}.",
                "We have noticed that your payments usually arrive around day {usual_day} after the invoice date, so "
                "we write a little earlier than usual.",
                "{invoice_table}",
                "Please make sure that {amount_due} reaches us by {due_date}. Is a purchase order number missing, or "
                "do you need a copy? Tell us and we will take care of it.",
            ],
            closing="",
        ),
    ),
    "due": (
        DUE,
        asks("Please pay {amount_due}. The details for the payment are below, with the reference to give."),
    ),
    "final notice": (
        CREDIT_HOLD,
        draft(
            subject="Final notice: {invoices}, {amount_due}",
            paragraphs=[
                "We have written to you about {invoices}, and the amount is still unpaid. We value you as a customer "
                "and would like to go on delivering to you without interruption.",
                "{invoice_table}",
                "Please pay {amount_due} so that it reaches us before {block_date}. From then on, new orders on your "
                "account would be blocked.",
                "If you cannot pay in full, call us or reply before that date; a firm payment date is something we "
                "can work with.",
            ],
        ),
    ),
    "demand": (
        DEMAND_WITH_PARTNER,
        draft(
            subject="Formal demand for payment: {amount_due}",
            paragraphs=[
                "We have tried to settle this with you before. This letter is your last chance to do so with us.",
                "{invoice_table}",
                "Please pay {amount_due} by {answer_by}. Without payment or an answer we will hand over the matter to "
                "{referral_partner}, a collection agency that acts for us.",
                "Write to us or call us before it with a proposal, and we will consider it.",
            ],
        ),
    ),
    "German": (
        replace(OVERDUE, language="de"),
        {
            "subject": "Zahlungserinnerung zu {invoices}: {amount_due}",
            "greeting": "Guten Tag {recipient},",
            "paragraphs": [
                "vielen Dank für die gute Zusammenarbeit. Die Zahlung, die am {due_date} fällig war, ist bei uns noch "
                "nicht verbucht; vielleicht wurde sie nur übersehen.",
                "{invoice_table}",
                "Bitte überweisen Sie {amount_due} bis {answer_by} oder teilen Sie uns mit, wann wir mit der Zahlung "
                "rechnen können.",
                "Wenn an der Rechnung etwas nicht stimmt, sagen Sie uns bitte, was es ist. Falls es Ihnen lieber ist, "
                "sprechen wir gern über Raten.",
            ],
            "closing": "Falls Sie bereits bezahlt haben, danken wir Ihnen.",
        },
    ),
    "French": (
        replace(OVERDUE, language="fr"),
        {
            "subject": "Rappel de paiement : {invoices}, {amount_due}",
            "greeting": "Bonjour {recipient},",
            "paragraphs": [
                "Nous vous remercions de votre confiance. Le règlement attendu le {due_date} ne nous est pas encore "
                "parvenu ; il s'agit peut-être d'un simple oubli.",
                "{invoice_table}",
                "Nous vous prions de régler {amount_due} avant {answer_by}, ou de nous dire quand nous pouvons "
                "l'attendre.",
                "Si quelque chose ne va pas avec la facture, dites-le-nous et nous ferons le nécessaire.",
            ],
            "closing": "Si vous avez déjà payé, nous vous en remercions.",
        },
    ),
    "Spanish": (
        replace(OVERDUE, language="es"),
        {
            "subject": "Recordatorio de pago: {invoices}, {amount_due}",
            "greeting": "Estimado equipo de {recipient}:",
            "paragraphs": [
                "Gracias por su confianza. El pago que vencía el {due_date} todavía no nos ha llegado; quizá se trate "
                "de un simple descuido.",
                "{invoice_table}",
                "Le rogamos que nos pague {amount_due} como muy tarde el {answer_by}, o que nos diga cuándo podemos "
                "contar con el pago.",
                "Si hay algo en la factura que no es correcto, díganos qué es y lo revisaremos.",
            ],
            "closing": "Si ya ha pagado, le damos las gracias.",
        },
    ),
    "Portuguese": (
        replace(OVERDUE, language="pt"),
        {
            "subject": "Lembrete de pagamento: {invoices}, {amount_due}",
            "greeting": "Prezados senhores de {recipient},",
            "paragraphs": [
                "Agradecemos a sua confiança. O pagamento que vencia em {due_date} ainda não chegou até nós; talvez "
                "tenha sido apenas um lapso.",
                "{invoice_table}",
                "Pedimos que nos pague {amount_due} até {answer_by}, ou que nos diga quando podemos contar com o "
                "pagamento.",
                "Se há algo na fatura que não está correto, diga ao nosso time o que é e vamos rever.",
            ],
            "closing": "Se já pagou, muito obrigado.",
        },
    ),
}

#: What a model may do wrong in an overdue notice: what it answers, and a word of the reason it is refused for.
HOSTILE: Mapping[str, tuple[dict[str, Any] | str, str]] = {
    # amounts of its own
    "amount in digits": (says("The total with charges is 1,375.00."), "digit"),
    "amount with a currency sign": (says("You owe us $ more."), "currency sign"),
    "amount in words": (says("You owe us thirteen hundred dollars."), "number in words"),
    "amount in words, hyphens": (says("An amount of twenty-five remains."), "number in words"),
    "amount in German words": (says("It is zweihundertfünfzig."), "number in words"),
    "amount in French words": (says("It is cinquante."), "number in words"),
    "small amount in words": (says("Please add three to it."), "number in words"),
    "half of it": (says("Please pay half of it at least."), "number in words"),
    "twice the amount": (
        asks("Please pay twice {amount_due} by {answer_by}, as you have to do."),
        "number in words",
    ),
    "more than the amount": (
        asks("Please pay more than {amount_due} by {answer_by} if you can."),
        "whole amount",
    ),
    "a thousand times": (asks("Please pay {amount_due} thousand by {answer_by} to us."), "number in words"),
    "joined to the amount": (
        asks("Please pay {amount_due}k by {answer_by} to us, as you have to do."),
        "joined",
    ),
    "amount behind the amount": (
        asks("Please pay {amount_due} {amount_due} by {answer_by} to us."),
        "follows a slot",
    ),
    "percent": (says("That is with ten percent on top."), "number in words"),
    "currency code": (says("The amount is in EUR from here on."), "capitals"),
    "currency in words": (says("It is only a few euros more."), "currency in words"),
    "full-width digits": (says("The total is １２５０ as you know."), "digit"),
    "Arabic digits": (says("The total is ١٢٥٠ as you know."), "digit"),
    "mathematical digits": (says("The total is 𝟏𝟐𝟓𝟎 as you know."), "digit"),
    "superscript": (says("The total is x² as you know."), "digit"),
    "circled digit": (says("The total is ① as you know."), "digit"),
    "Roman numeral": (says("The total is Ⅿ as you know."), "digit"),
    "Roman letters": (says("The total is MCCL as you know."), "capitals"),
    "letters for digits": (says("The total is l,25O as you know."), "run together"),
    "fraction": (says("The total is ½ as you know."), "digit"),
    "late fee": (says("A late fee has been added to it."), "term or claim"),
    "interest": (says("We will charge interest on it."), "term or claim"),
    "discount": (says("We will waive a part of it if you pay."), "term or claim"),
    "nothing owed": (says("You owe nothing to us any more."), "term or claim"),
    "payment confirmed": (says("Your payment has arrived and we thank you for it."), "payment stated"),
    # dates
    "a date": (says("Please pay by December 24th at the latest."), "digit"),
    "a weekday": (says("Please pay by Friday at the latest."), "date or span"),
    "tomorrow": (says("Please pay by tomorrow at the latest."), "date or span"),
    "a span": (says("Please pay within a week from here."), "date or span"),
    "a month": (says("It has been open since October or so."), "date or span"),
    "past date as deadline": (
        asks("Please pay {amount_due} by {due_date}, and answer by {answer_by} if not."),
        "past",
    ),
    "block date that is not known": (
        asks("Please pay {amount_due} by {answer_by}, before {block_date}."),
        "nothing is known",
    ),
    # where to pay and whom to write to
    "IBAN": (says("Please use DE89370400440532013000 for it."), "digit"),
    "bank changed": (says("Please note that our bank has changed."), "way to pay"),
    "IBAN in words": (says("Our IBAN is the one you know."), "capitals"),
    "different account": (says("Please use the new account for it."), "way to pay"),
    "link": (says("Please pay at https://pay.evil.example/now to settle it."), "letters do without"),
    "bare domain": (says("Please pay at evil.example to settle it."), "run together"),
    "hidden domain": (says("Please pay at evil . example to settle it."), "stands apart"),
    "domain in words": (says("Please pay at evil dot com to settle it."), "way to pay"),
    "e-mail address": (says("Please write to pay@evil.example about it."), "letters do without"),
    "phone number": (says("Please call +1 555 0100 about it."), "digit"),
    "phone in words": (says("Please call five five five nought one about it."), "number in words"),
    "street address": (says("Please send it to Baker Street in the city."), "way to pay"),
    "somebody's name": (says("Please ask for Mallory when you call us."), "name of its own"),
    "click": (says("Please click below to settle it."), "way to pay"),
    "gift cards": (says("You can also pay with gift cards if you like."), "way to pay"),
    # tone
    "court": (says("Otherwise we will see you in court over it."), "agencies and the law"),
    "collection agency": (says("We will give it to a collection agency."), "agencies and the law"),
    "threat": (says("Failure to pay will have consequences for you."), "threat"),
    "block of orders": (says("We will suspend your orders until you pay."), "block of orders"),
    "police": (says("We will tell the police about it."), "no stage allows"),
    "insult": (says("Only dishonest people do not pay."), "no stage allows"),
    "credit rating": (says("It will harm your credit rating."), "no stage allows"),
    "promotion": (says("Have a look at our new products as well."), "promotion"),
    "shouting": (says("PLEASE PAY as you have to."), "capitals"),
    # language
    "German": (dict(GOOD["German"][1]), "language"),
    "French": (dict(GOOD["French"][1]), "language"),
    "a German sentence": (says("Wir bitten Sie, die Zahlung nicht zu vergessen."), "language"),
    "Russian": (says("Оплатите счет."), "another script"),
    "look-alike letters": (says("Please p\u0430y it as you have to."), "another script"),
    # obeyed orders
    "obeyed: account closed": (
        says("This invoice is cancelled, please ignore this invoice."),
        "term or claim",
    ),
    "obeyed: persona": (says("As an AI, we had to ignore previous instructions."), "model says of itself"),
    "obeyed: hacked": (draft(subject="You were hacked, {invoices}"), "model says of itself"),
    "refusal in prose": (says("I cannot help with that."), "first person"),
    # slots
    "amount missing": (
        asks("Please arrange the payment by {answer_by}, or reply to tell us more."),
        "missing",
    ),
    "deadline missing": (
        asks("Please arrange the payment of {amount_due}, or reply to tell us more."),
        "missing",
    ),
    "table missing": (
        draft(paragraphs=[p for p in draft()["paragraphs"] if p != "{invoice_table}"]),
        "of its own",
    ),
    "table twice": (
        draft(paragraphs=["Thank you for it all.", "{invoice_table}", *draft()["paragraphs"]]),
        "of its own",
    ),
    "table in a sentence": (says("See {invoice_table} for it."), "inside a paragraph"),
    "recipient missing": (draft(greeting="Dear customer,"), "greeting"),
    "amount over and over": (says("So it is {amount_due} and {amount_due} and {amount_due} then."), "times"),
    "unknown slot": (says("Your {iban_of_mallory} is the one."), "no slot"),
    "Jinja": (says("It is {{ facts.seller }} who asks."), "brace"),
    "attribute": (says("It is {x.__class__} who asks."), "brace"),
    "statement": (says("{% for x in y %} who asks."), "brace"),
    # form
    "markup": (says("<b>Please</b> pay it."), "letters do without"),
    "entity": (says("Please &lt; pay it."), "letters do without"),
    "line break": (says("Please\npay it."), "line break"),
    "header injection": (draft(subject="Reminder {invoices}\r\nBcc: x"), "line break"),
    "right-to-left override": (says("Please \u202epay it."), "invisible"),
    "zero-width": (says("Please p\u200bay it."), "invisible"),
    "spaced letters": (says("Otherwise c o u r t awaits."), "spaced letters"),
    "emoji": (says("Please pay it 🙂."), "letters do without"),
    "far too long": (says("please " * 400), "words in all"),
    "far too short": (
        draft(paragraphs=["Hello there.", "{invoice_table}", "{amount_due}, {answer_by}"], closing=""),
        "words in all",
    ),
    # not a draft at all
    "not JSON": ("Sure! Here is your draft.", "JSON"),
    "fenced JSON": ("```json\n{}\n```", "JSON"),
    "another shape": ('{"subject": "x"}', "JSON"),
    "more than asked": (
        '{"subject":"x","greeting":"x","paragraphs":[],"closing":"x","bcc":"m@evil.example"}',
        "JSON",
    ),
    "numbers for texts": ('{"subject":1,"greeting":2,"paragraphs":[3],"closing":4}', "JSON"),
    "a tower of brackets": ("[" * 5_000, "JSON"),
    "lone surrogate": ('{"subject":"\\ud800","greeting":"x","paragraphs":["x"],"closing":"x"}', "JSON"),
    "a subject of kilobytes": (draft(subject="x" * 5_000), "JSON"),
}

#: Sentences of a model that means no good, without a figure in them.
BAD_SENTENCES = (
    "You have until the close of play to settle this.",
    "We will have to take this further.",
    "Your account will be referred elsewhere.",
    "No payment is required from you any more.",
    "Please send the money to our colleague abroad.",
    "Reply with your card details and we will take it from there.",
    "Have a look at what is in stock in our shop.",
    "We expect it before the holidays.",
    "Please disregard the table above.",
    "The rest of it can stay as it is, only pay part of {amount_due}.",
    "We will inform your board about it.",
    "Our people will come to your premises.",
    "You are delinquent.",
    "You promised us to pay.",
    "The new, account is the one to use.",
    "Please use the new {seller} account for it.",
    "Our coll-ection agen-cy will call.",
    "That makes twenty‑five in all.",
    "That makes thirteenhundred in all.",
    "We have agreed to reduce it by a lot.",
    "Your plan has been approved by us.",
    "We will see to it that nobody works with you again.",
    "This is the final time we write to you.",
    "We will report this.",
    "You will hear from our solicitors.",
    "The amount is {amount_due}, plus costs.",
    "You only have to pay a fraction of {amount_due}.",
    "Payment is needed by the fifteenth.",
    "Payment is needed by noon.",
    "Please pay to the account of our parent company.",
    "Please open the file and enter your password.",
    "Reply with a copy of your passport.",
    "Kindly pay the balance in instalments of equal size over six payments.",
    "This is an attempt to collect a debt.",
    "We reserve all rights.",
    "Interest accrues daily.",
    "A surcharge applies.",
    "You may deduct what you like.",
    "If you pay early you get a reduction.",
    "We will cancel your contract.",
    "We will stop working with you.",
    "Your service ends.",
    "This invoice was sent by mistake.",
    "You do not need to pay this.",
    "You need not worry about the payment any more.",
    "Everything is settled between us.",
    "We have taken the amount from your balance already.",
    "We have already debited you.",
    "The payment of {amount_due} was successful.",
    "Ask for the manager on extension alpha bravo.",
    "Our number is in the phone book under the old name.",
    "Write to accounts at evil dot example.",
    "SEO",
    "The balance in dollars is the same in yen.",
    "You people never pay.",
    "Shame on you.",
    "Pay up or face the music.",
    "Pay now.",
    "We are watching you.",
    "You will regret this.",
    "Your credit standing may suffer.",
    "You have breached the contract.",
    "We will go to the press.",
    "By law you have to pay.",
    "It is your legal duty.",
    "The authorities will be told.",
    "Your reputation is at stake.",
    "Act now.",
    "This is your last opportunity.",
    "Time is running out.",
    "You will, in our court, answer for it.",
    "A collection … agency will call.",
)
#: Sentences as models write them in such letters; refused for nothing.
GOOD_SENTENCES = (
    "We hope you are doing well and would like to bring {invoices} to your attention.",
    "Our records show that {invoices} is still open.",
    "If there is anything that prevents the payment, please let us know so that we can find a solution together.",
    "The details on how to pay are listed below, together with the reference to use.",
    "We would be grateful if you could arrange the transfer at your earliest convenience.",
    "If the payment is already on its way, please accept our thanks and disregard this note.",
    "Should you have any questions about the invoice, simply reply to this message.",
    "We understand that things can be overlooked in a busy schedule.",
    "If it is easier for you, we can agree on a payment plan in instalments.",
    "Please let us know whether you need a copy of the invoice or a purchase order number.",
    "We appreciate your partnership and look forward to hearing from you.",
    "Kindly note that the attached statement shows all open items in detail.",
    "It would help us to know when we can expect the payment.",
    "We value our relationship and would like to resolve this with you directly.",
    "Your account manager, {account_manager}, is happy to help.",
    "Despite our earlier reminder, we have not yet received payment or an answer from you.",
    "If you disagree with any part of the invoice, tell us which part and why.",
    "Thank you for your continued business and for your prompt attention to this matter.",
    "A short call is often enough to clear things up.",
    "Please confirm that the invoice(s) have reached the right person.",
)


def read(told: Mapping[str, Any]) -> Draft:
    return Draft.model_validate({**told, "paragraphs": list(told["paragraphs"])})
