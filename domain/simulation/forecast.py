"""What will be sent in the next days if nothing new becomes known; it sends nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from domain.case import Case
from domain.contact import Pursued
from domain.decide import decide
from domain.pauses import calendar_of
from domain.policy import Policy
from domain.simulation.simulate import Assumptions, Decide, simulate


class Forecast(NamedTuple):
    """One message or task to come, with the invoices it is about."""

    on: date
    customer_id: str
    step: str
    """As mails to customers name it; of a plan's message with its instalment: `plan_reminder_2`."""
    invoices: tuple[str, ...]
    channel: str
    why: str

    def as_json(self) -> dict[str, Any]:
        """One row of what `forecast --json` prints."""
        return {
            **self._asdict(),
            "on": self.on.isoformat(),
            "step": str(self.step),
            "invoices": list(self.invoices),
        }


def forecast(
    cases: Iterable[Case],
    policies: Mapping[str, Policy],
    now: datetime,
    days: int,
    *,
    assume: Assumptions = Assumptions(),
    decide: Decide = decide,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[Forecast]:
    """Every contact from `now` to the end of the customer's date `days` days later, by day and customer.

    `policies` is the policy of each invoice by its id, as pinned to the case. Assumes that every delivery
    is proven at once, that no approval is given and that nobody calls. A plan over invoices that are not all
    among the cases is not followed.
    """
    pursued = [Pursued(case, policies[case.invoice_id]) for case in cases]
    last_day = _last_days(pursued, now, days)
    made = simulate(
        pursued,
        now + timedelta(days=days + 2),
        start=now,
        assume=assume,
        decide=decide,
        progress=progress,
    )
    rows = [
        Forecast(
            contact.on,
            contact.customer_id,
            contact.name,
            tuple(sorted(item.invoice_id for item in contact.items)),
            contact.channel,
            contact.why,
        )
        for contact in made
        if contact.on <= last_day[contact.customer_id]
    ]
    return sorted(rows, key=lambda row: (row.on, row.customer_id, row.step, row.invoices))


def _last_days(cases: Sequence[Pursued], now: datetime, days: int) -> dict[str, date]:
    """The last date of the forecast by each customer's calendar."""
    return {
        pursued.case.account.customer_id: calendar_of(pursued.case.account, pursued.policy).local_date(now)
        + timedelta(days=days)
        for pursued in cases
    }
