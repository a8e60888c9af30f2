"""What workflows and activities say to each other. Everything here travels into histories: ids and
figures, never bodies, notes or names."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Any

from pydantic import ConfigDict

from domain.decision import Decision, Lean
from domain.plans.plan import PlanDecision

#: Input above this is kept as its SHA-256 and first 4 kB: no fact of the contract is as long but a remittance.
LONGEST_FACT = 64 * 1024
#: A remittance may be for thousands of invoices; base64 of this too passes the server's limit for one argument.
LONGEST_REMITTANCE = 1024 * 1024
#: A start may carry many lines; base64 of this still passes the server's limit for one argument.
LONGEST_START = 1_200_000
KEPT_OF_LONG_INPUT = 4 * 1024
#: The signal that tells a workflow to look again: facts about what it follows were recorded elsewhere.
NUDGE = "nudge"
#: A plan's workflow is started by an activity, so its names are known on both sides.
PLAN_WORKFLOW, PLAN_PREFIX = "PaymentPlan", "plan-"


class _Message(Lean):
    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")


class Whole(_Message):
    """What a long payload was before it was cut."""

    size: int
    sha256: str


class RawInput(_Message):
    """One payload as it came: its bytes, or the beginning of them with the size and hash of all."""

    encoding: str = "json/plain"
    data: bytes
    cut_from: Whole | None = None

    @classmethod
    def of(cls, encoding: bytes, data: bytes, longest: int = LONGEST_FACT) -> RawInput:
        known = encoding.decode("ascii", "replace")[:64]
        if len(data) <= longest:
            return cls(encoding=known, data=data)
        whole = Whole(size=len(data), sha256=hashlib.sha256(data).hexdigest())
        return cls(encoding=known, data=data[:KEPT_OF_LONG_INPUT], cut_from=whole)

    @property
    def sha256(self) -> str:
        """Of all that came, in hexadecimal."""
        return self.cut_from.sha256 if self.cut_from is not None else hashlib.sha256(self.data).hexdigest()


class SignalInput(_Message):
    """A signal, well-formed or not."""

    name: str
    inputs: tuple[RawInput, ...]


class UpdateInput(_Message):
    """An update with the id under which the caller may repeat it."""

    name: str
    update_id: str
    inputs: tuple[RawInput, ...]


class OpenCase(_Message):
    """The start of an invoice's workflow: `invoice_id` is the one in the workflow id, empty without one."""

    invoice_id: str
    workflow_id: str = ""
    inputs: tuple[RawInput, ...]
    at: datetime


class RecordFacts(_Message):
    invoice_id: str
    at: datetime
    signals: tuple[SignalInput, ...] = ()
    requests: tuple[UpdateInput, ...] = ()


class OnCase(_Message):
    """An activity on one case at a business time."""

    invoice_id: str
    at: datetime


class OnMessage(_Message):
    invoice_id: str
    message_id: str
    at: datetime


class Decided(_Message):
    """What was decided on committed facts. Of two, the one with the higher revision is the newer."""

    revision: int
    decision: Decision
    view: dict[str, Any]
    """The case as the query answers it, without its outlook; defaults left out."""
    number: str
    due_on: date
    tier: str
    zone: str
    """The customer's time zone, in which people read dates."""
    nudge: tuple[str, ...] = ()
    """Other invoices whose next step may have changed."""
    plans: tuple[str, ...] = ()
    """Plans whose next step may have changed, or that nobody follows yet."""
    continue_as_new: bool = False


class Opened(_Message):
    """Either the first decision, or why the start does not fit."""

    decided: Decided | None = None
    errors: tuple[str, ...] = ()


class Reply(_Message):
    """The answer to one update: accepted, or refused by a named rule."""

    update_id: str
    refused_by: str | None = None
    reason: str = ""


class Recorded(_Message):
    decided: Decided | None = None
    """None where there is no such case: everything went on the worklist."""
    replies: tuple[Reply, ...] = ()


class Drafted(_Message):
    """A contact under way, or what is decided where there is nothing to send (any more)."""

    decided: Decided | None = None
    message_id: str | None = None
    send: bool = False
    """False while a person has yet to approve the message."""


class Rendered(_Message):
    """The papers are made; `decided` where the message now waits for a person."""

    decided: Decided | None = None


class RecordAccountFacts(_Message):
    customer_id: str
    """The one in the workflow id, empty without one."""
    workflow_id: str = ""
    at: datetime
    inputs: tuple[RawInput, ...]
    signals: tuple[SignalInput, ...] = ()
    by_portions: bool = False
    """Whether the caller comes again for what a long remittance leaves to do."""


class AccountRecorded(_Message):
    errors: tuple[str, ...] = ()
    nudge: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()
    more: bool = False
    """Money on account waits to be moved to its invoices: record again, with or without facts."""
    continue_as_new: bool = False


class WakeInvoices(_Message):
    workflows: tuple[str, ...]
    """The ids of the invoices' workflows."""


class OnPlan(_Message):
    """An activity on one plan at a business time; `signals` are what nobody sends to a plan."""

    plan_id: str
    at: datetime
    signals: tuple[SignalInput, ...] = ()


class WakePlans(_Message):
    plans: tuple[str, ...]


class PlanDecided(_Message):
    """What was decided about a plan on committed facts; without a decision there is no such plan."""

    decision: PlanDecision | None = None
    lead: str = ""
    """The invoice through which the plan is written to."""
    customer_id: str = ""
    currency: str = ""
    outstanding: str = "0"
    invoices: tuple[str, ...] = ()
    view: dict[str, Any] = {}
    """The plan as queries answer it."""
    zone: str = "UTC"
    tier: str = ""
    nudge: tuple[str, ...] = ()
    continue_as_new: bool = False


class OnDay(_Message):
    """What is done by the clock, at a business time."""

    at: datetime


class Reconciled(_Message):
    looked: int = 0
    found: int = 0
    nudge: tuple[str, ...] = ()


class DayClosed(_Message):
    deferred: int = 0


class Polled(_Message):
    taken: int = 0
    nudge: tuple[str, ...] = ()


class FeedsRead(_Message):
    entries: int = 0
    proposed: int = 0
    failed: int = 0


class ErpTold(_Message):
    told: int = 0
    failed: int = 0
