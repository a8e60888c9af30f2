"""Which papers go with a message: made before it is frozen, without any lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from activities.demand_letter import DemandRefused, annexes, demand_filename, demand_letter_html
from activities.exhibits import MEGABYTE, Exhibit, gather
from activities.mail import Attachment
from activities.rendering import PdfRenderer, PdfUnavailable, RenderingFailed
from activities.rulebook import Rulebook
from activities.statement import statement_filename, statement_html
from domain.demand import RateUnknown
from domain.letter import AccountFacts, NoticeFacts
from domain.vocabulary import Step

STATEMENT_TIMEOUT_S = 60.0
BIND_TIMEOUT_S = 20.0
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


def make_papers(facts: NoticeFacts, rulebook: Rulebook, renderer: PdfRenderer) -> Papers:
    """The statement with its exhibits, and a demand's letter with its annexes.

    Raises DemandRefused, RenderingFailed and PdfUnavailable, and what templates raise.
    """
    if facts.for_staff or not facts.items:
        return Papers()
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


def bound_statement(facts: AccountFacts, exhibits: Sequence[Exhibit], renderer: PdfRenderer) -> bytes:
    """The statement with its exhibits behind it. Raises RenderingFailed and PdfUnavailable."""
    pdf = renderer.render(statement_html(facts, exhibits), timeout=STATEMENT_TIMEOUT_S)
    bound = {exhibit.anchor: exhibit.pdf for exhibit in exhibits if exhibit.pdf is not None}
    return renderer.bind(pdf, bound, timeout=BIND_TIMEOUT_S) if bound else pdf


def _pdf(name: str, body: bytes) -> Attachment:
    return Attachment(name, "application/pdf", body)
