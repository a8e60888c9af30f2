"""A policy file as a readable specification: the ladder, its tone, to whom it writes, and the limits around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

from activities.writing.words import phrases_of
from commands.failures import BadInput
from commands.terminal import amount, clean, count, out, print_json, table, words
from domain.money import Money
from domain.policy import HARSH, TASKS, InvalidPolicy, OfferRules, Policy, PolicyStep, load_policy
from domain.vocabulary import OfferKind, Step, step_name


def describe_policy(file: Path, *, as_json: bool) -> None:
    """Print what a policy does. Raises BadInput naming file, place, value and fix."""
    policy = _load(file)
    if as_json:
        print_json({"file": str(file), **policy.model_dump(mode="json")})
        return
    console = out()
    console.print(words(f"Policy {policy.name}, version {policy.version}", "bold"))
    if policy.description:
        console.print(words(policy.description), soft_wrap=True)
    console.print()
    ladder = table(
        ["Day", "Step", "Tone", "To", "Copy", "Conditions", "Text"],
        right=["Day"],
        wide=["To", "Copy", "Conditions"],
    )
    for rung in policy.steps:
        ladder.add_row(
            words(f"{rung.day:+d}" if rung.day else "0"),
            words(step_name(rung.step)),
            words("" if rung.is_task else rung.tone),
            words(_addressee(rung)),
            words(", ".join(_role(role) for role in rung.cc)),
            words("; ".join(_conditions(rung, policy))),
            words("" if rung.step in TASKS else phrases_of(rung.step, rung.tone)),
        )
    console.print(ladder)
    console.print()
    console.print(
        words(
            "Days are calendar days from the due date, moved forward into the window. A message goes to the"
            " first of its roles that can be reached."
        ),
        soft_wrap=True,
    )
    for title, lines in _sections(policy):
        console.print()
        console.print(words(title, "bold"))
        for line in lines:
            console.print(words(f"  {line}"), soft_wrap=True)


def _load(file: Path) -> Policy:
    try:
        return load_policy(file.read_text(encoding="utf-8"), str(file))
    except InvalidPolicy as problem:
        raise BadInput(clean_lines(str(problem))) from None
    except UnicodeDecodeError:
        raise BadInput(f"{file}: is not UTF-8 text: a policy is a TOML file") from None


def clean_lines(text: str) -> str:
    """Several lines, each made harmless."""
    return "\n".join(clean(line) for line in text.splitlines())


def _addressee(rung: PolicyStep) -> str:
    if rung.is_task:
        return f"task for {_role(rung.assignee)}"
    return " or ".join(_role(role) for role in rung.to)


def _role(role: str) -> str:
    return {"ap": "AP", "cfo": "CFO"}.get(role, role.replace("_", " "))


def _conditions(rung: PolicyStep, policy: Policy) -> Iterator[str]:
    if rung.needs_approval:
        yield f"needs approval ({_business_days(policy.approval.expires_days)}, then asked again)"
    if rung.draft == "template" and rung.is_notice:
        yield "in the template's words"
    if rung.step is Step.CREDIT_HOLD:
        yield f"orders blocked at least {_business_days(rung.notice_days)} later"
    if rung.step is Step.DEMAND:
        yield f"{count(rung.answer_days, 'day')} to answer"
    if rung.step is Step.CALL and rung.attempts:
        yield f"{count(rung.attempts, 'attempt')} before the next step"
    if rung.step in HARSH:
        yield "needs proof of the notice before it"
    if rung.min_amount:
        yield f"from {_amounts(rung.min_amount)}"


def _sections(policy: Policy) -> Iterator[tuple[str, list[str]]]:
    yield (
        "When messages go out",
        [
            f"{policy.window.opens} to {policy.window.closes} of the customer's time zone"
            f" ({policy.timezone} where none is known)",
            {
                "country": "on business days of the customer's country",
                "weekdays": "from Monday to Friday, holidays or not",
                "every_day": "on every day",
            }[policy.calendar],
            f"spread over {count(policy.spread_minutes, 'minute')} by customer"
            f" and {count(policy.jitter_minutes, 'minute')} by invoice",
            f"a step that is due when its case opens waits {count(policy.opening_wait_seconds, 'second')}"
            " for the customer's other openings",
        ],
    )
    yield (
        "How much at once",
        [
            f"{count(policy.gap_days, 'day')} at least between unsolicited messages to one customer",
            f"after a late step the next comes {count(policy.catch_up_days, 'day')} later at the earliest",
            "one message for all of a customer's open invoices"
            if policy.grouping
            else "a message for each invoice",
        ],
    )
    if policy.late_entry.days:
        ordered = sorted(policy.late_entry.days.items(), key=lambda entry: entry[1])
        entered = ", ".join(f"{step_name(step)} on day {days}" for step, days in ordered)
        yield "Invoices that come in late", [f"after the opening: {entered}"]
    else:
        yield (
            "Invoices that come in late",
            [
                "the first overdue notice on the next business day, then one step after the other at catch-up pace"
            ],
        )
    proof = policy.proof
    yield (
        "Proof",
        [
            f"an accepted message counts as proven after {_business_days(proof.accepted_days)} without a bounce",
            f"without proof after {_business_days(proof.missing_after_days)} somebody looks after the contact,"
            " and the case waits",
        ],
    )
    promise = policy.promise
    yield (
        "Promises",
        [
            f"at most {count(promise.max_days, 'day')} ahead, {count(promise.extensions, 'extension')},"
            f" {_business_days(promise.grace_days)} of grace",
            f"confirmed in writing when given by {', '.join(promise.confirm)}"
            if promise.confirm
            else "never confirmed",
        ],
    )
    yield "Offers to settle for less", list(_offers(policy.offers))
    yield (
        "When a customer writes",
        [
            f"nothing automatic goes out for {_business_days(policy.reply_pause_days)}, or until a person has read it"
            if policy.reply_pause_days
            else "everything goes on"
        ],
    )
    risk = policy.at_risk
    yield (
        "At risk",
        [
            f"from {risk.write_off_age - risk.warn_days} days past due ({count(risk.warn_days, 'day')} before the"
            f" write-off age of {risk.write_off_age}), or from a score of {risk.score_line}"
        ]
        if risk.enabled
        else ["not watched"],
    )
    yield (
        "Money",
        [f"balances, promises and instalments may fall short by {_amounts(policy.tolerance)}"]
        if policy.tolerance
        else ["to the last cent: no tolerance"],
    )
    yield (
        "At the end",
        [
            "who has paid is thanked, once for everything paid together"
            if policy.thanks
            else "nobody is thanked for paying",
            f"a paid case stays open for {_business_days(policy.settlement_days)}, in case the payment is reversed",
            f"a referred case is watched for {count(policy.referral_watch_days, 'day')}",
        ],
    )


def _offers(rules: OfferRules) -> Iterator[str]:
    if not rules.kinds:
        yield "none"
        return
    for kind in rules.kinds:
        named = kind.replace("_", " ")
        if kind is OfferKind.FEE_WAIVER:
            yield f"{named}: what was charged on top of the invoice"
        else:
            yield f"{named}: at most {_percent(rules.largest_share(kind))} of what is open" + (
                f", from {count(rules.settlement_from_day, 'day')} past due"
                if kind is OfferKind.SETTLEMENT
                else ""
            )
    yield f"an offer stands for {count(rules.longest_days, 'day')} at most"
    if rules.counter_offers:
        at_once = (
            f"agreed at once from {_percent(Decimal(rules.accept_from))} of what is open, else "
            if rules.accept_from
            else ""
        )
        yield f"counter-offers: {at_once}decided by staff within {_business_days(rules.decide_days)}"
    if rules.at_step is not None:
        share = _percent(Decimal(rules.at_step_discount))
        what = "" if rules.at_step_kind is OfferKind.FEE_WAIVER else f" of {share}"
        yield (
            f"the {step_name(rules.at_step)} message offers a {rules.at_step_kind.replace('_', ' ')}{what}"
            f" for {count(rules.at_step_days, 'day')}"
        )


def _percent(share: Decimal) -> str:
    return f"{(share * 100).normalize():f} %"


def _business_days(number: int) -> str:
    return count(number, "business day")


def _amounts(by_currency: Mapping[str, str]) -> str:
    return ", ".join(
        amount(Money.parse(text, currency).minor, currency) for currency, text in by_currency.items()
    )
