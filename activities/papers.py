"""Which papers go with a message: made before it is frozen, without any lock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from activities.call_sheet import CallSheet, call_sheet_filename, call_sheet_html
from activities.paper.bound_statement import STATEMENT_TIMEOUT_S, bound_statement
from activities.paper.demand_letter import DemandRefused, annexes, demand_filename, demand_letter_html
from activities.paper.exhibits import MEGABYTE, Exhibit, gather
from activities.paper.plan_papers import calendar_of_plan, schedule_filename, schedule_html
from activities.paper.rendering import PdfRenderer, PdfUnavailable, RenderingFailed
from activities.paper.statement import statement_filename, statement_html
from activities.referral_pack import ReferralPack, referral_pack_filename, referral_pack_pdf
from activities.rulebook import Rulebook
from activities.writing.mail import Attachment
from domain.letters.demand import RateUnknown
from domain.letters.letter import NoticeFacts
from domain.vocabulary import AFTER_THE_DEBT, Channel, Note, Step

#: Mail servers refuse what is much larger; a larger paper is kept and sent on request.
LARGEST_ATTACHMENT = 5 * MEGABYTE


@dataclass(frozen=True, slots=True)
class Papers:
    """`attached` goes out with the mail, `kept` stays with the message; `missing` says what should have gone."""

    attached: tuple[Attachment, ...] = ()
    kept: tuple[Attachment, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    missing: tuple[str, ...] = field(default=())

    @property
    def record(self) -> list[dict[str, Any]]:
        """The exhibits as the audit log keeps them: what was bound by its hash, what was not by its reason."""
        return [
            {
                "number": exhibit.number,
                "invoice_id": exhibit.invoice.invoice_id,
                "sha256": exhibit.sha256 or "",
                "pages": exhibit.pages,
                "left_out": exhibit.problem or "",
            }
            for exhibit in self.exhibits
        ]


def make_papers(
    facts: NoticeFacts,
    rulebook: Rulebook,
    renderer: PdfRenderer,
    colleagues: CallSheet | ReferralPack | None = None,
) -> Papers:
    """The statement with its exhibits, and a demand's letter with its annexes; colleagues get a call sheet.

    A referral pack is kept with its message, for the partner. Raises DemandRefused, RenderingFailed and
    PdfUnavailable, and what templates raise.
    """
    if isinstance(colleagues, CallSheet):
        sheet = renderer.render(call_sheet_html(colleagues), timeout=STATEMENT_TIMEOUT_S)
        return Papers(attached=(_pdf(call_sheet_filename(facts.as_of), sheet, for_customer=False),))
    if facts.for_staff or not facts.items or facts.step in AFTER_THE_DEBT:  # nothing is open: no statement
        return Papers()
    if facts.channel is Channel.VOICE:
        return Papers()
    if colleagues is not None:
        made = _statement_papers(facts, rulebook, renderer)
        whole = referral_pack_pdf(colleagues, rulebook.exhibits, renderer)
        pack = _pdf(referral_pack_filename(facts.as_of), whole, for_customer=False)
        return replace(made, kept=(*made.kept, pack))
    if facts.step is Note.PLAN_CONFIRMED:
        return _plan_papers(facts, rulebook, renderer)
    if facts.step is not Step.DEMAND:
        return _statement_papers(facts, rulebook, renderer)
    official = annexes(facts, rulebook.demand, rulebook.annexes)
    try:
        made = _statement_papers(facts, rulebook, renderer)
        html = demand_letter_html(facts, rulebook.demand)
        letter = _pdf(demand_filename(facts), renderer.render(html, timeout=STATEMENT_TIMEOUT_S))
    except RateUnknown as problem:
        raise DemandRefused(str(problem.args[0])) from None
    except (RenderingFailed, PdfUnavailable) as problem:
        if official:
            raise DemandRefused(f"the papers that the law wants cannot be made: {problem}") from None
        raise
    if official and made.missing:
        raise DemandRefused(f"the law wants the statement with it: {', '.join(made.missing)}")
    return replace(made, attached=(letter, *official, *made.attached))


def _plan_papers(facts: NoticeFacts, rulebook: Rulebook, renderer: PdfRenderer) -> Papers:
    """The schedule, its dates for a calendar, and the statement; the dates go also where no PDF can be made."""
    dates = calendar_of_plan(facts)
    try:
        html = schedule_html(facts)
        schedule = _pdf(schedule_filename(facts), renderer.render(html, timeout=STATEMENT_TIMEOUT_S))
        made = _statement_papers(facts, rulebook, renderer)
    except (RenderingFailed, PdfUnavailable) as problem:
        return Papers(attached=(dates,), missing=(str(problem),))
    return replace(made, attached=(schedule, dates, *made.attached))


def _statement_papers(facts: NoticeFacts, rulebook: Rulebook, renderer: PdfRenderer) -> Papers:
    exhibits = gather(facts, rulebook.exhibits, renderer)
    name = statement_filename(facts)
    whole = bound_statement(facts, exhibits, renderer)
    if len(whole) <= LARGEST_ATTACHMENT:
        return Papers(attached=(_pdf(name, whole),), exhibits=exhibits)
    kept = (_pdf(name.replace(".pdf", "-with-exhibits.pdf"), whole),)
    plain = renderer.render(statement_html(facts, exhibits, bound=False), timeout=STATEMENT_TIMEOUT_S)
    if len(plain) <= LARGEST_ATTACHMENT:
        return Papers(attached=(_pdf(name, plain),), kept=kept, exhibits=exhibits)
    size = f"{len(plain) / MEGABYTE:.1f} MB"
    return Papers(kept=kept, exhibits=exhibits, missing=(f"it has {size}; it is kept: send it on request",))


def _pdf(name: str, body: bytes, *, for_customer: bool = True) -> Attachment:
    return Attachment(name, "application/pdf", body, for_customer)
