"""Input of every kind that nobody should send, and well-formed input to compare it with."""

from __future__ import annotations

import json
from typing import Any

from temporalio.api.common.v1 import Payload

from domain import contract as wire
from tests.premises import of_bytes, of_json

#: One well-formed payload for every signal of an invoice.
INVOICE_FACTS: dict[str, dict[str, Any]] = {
    "payment_received": {
        "payment_id": "P-1",
        "amount": "10.00",
        "currency": "USD",
        "received_on": "2026-11-20",
    },
    "payment_reversed": {"reversal_id": "R-1", "payment_id": "P-1", "amount": "10.00"},
    "credit_issued": {"credit_id": "CR-1", "amount": "10.00", "currency": "USD"},
    "charge_added": {"charge_id": "CH-1", "amount": "10.00", "currency": "USD", "kind": "fee"},
    "charge_waived": {"charge_id": "CW-1", "amount": "10.00", "currency": "USD", "kind": "fee"},
    "invoice_amended": {"amendment_id": "AM-1", "amount": "1300.00"},
    "invoice_cancelled": {"cancellation_id": "CA-1"},
    "invoice_status": {"status_id": "S-1", "status": "received"},
    "promise_made": {"promise_id": "PR-1", "pay_by": "2026-11-30", "source": "phone"},
    "dispute_raised": {"dispute_id": "D-1", "reason": "quality"},
    "dispute_resolved": {"dispute_id": "D-1", "outcome": "rejected"},
    "hold_placed": {"hold_id": "H-1", "reason": "manual"},
    "hold_released": {"hold_id": "H-1"},
    "risk_noted": {"note_id": "N-1", "text": "layoffs"},
}
#: The same for every signal of an account.
ACCOUNT_FACTS: dict[str, dict[str, Any]] = {
    "customer_updated": {"update_id": "U-1", "customer": {"customer_id": "C-1"}},
    "cash_received": {
        "payment_id": "P-1",
        "amount": "10.00",
        "currency": "USD",
        "received_on": "2026-11-20",
    },
    "credit_on_account": {"credit_id": "CR-1", "amount": "10.00", "currency": "USD"},
    "promise_made": {"promise_id": "PR-1", "pay_by": "2026-11-30", "source": "phone"},
    "hold_placed": {"hold_id": "H-1", "reason": "manual"},
    "hold_released": {"hold_id": "H-1"},
    "risk_noted": {"note_id": "N-1", "text": "layoffs"},
    "books_posted": {"source": "erp", "through": "2026-11-20"},
}
#: The same for every update.
REQUESTS: dict[str, dict[str, Any]] = {
    "promise_to_pay": {"pay_by": "2026-11-30", "by": "Ann"},
    "propose_plan": {"count": 3, "by": "Ann"},
    "decide_plan": {"plan_id": "PL-1", "accept": True, "by": "Ann"},
    "make_offer": {"kind": "settlement", "amount": "90.00", "until": "2026-11-30", "by": "Bob"},
    "counter_offer": {"amount": "90.00", "pay_by": "2026-11-30", "by": "Ann"},
    "decide_offer": {"offer_id": "OF-1", "accept": True, "by": "Ann"},
    "withdraw_offer": {"offer_id": "OF-1", "by": "Bob", "reason": "a mistake"},
    "decide_step": {"step": "demand", "approve": True, "by": "Bob"},
    "skip_step": {"step": "overdue", "by": "Bob", "reason": "known customer"},
    "run_step": {"step": "overdue", "by": "Bob"},
    "snooze": {"until": "2026-12-01", "by": "Bob", "reason": "fair"},
    "log_call": {"outcome": "no_answer", "by": "Bob"},
    "change_policy": {"policy": "standard", "by": "Bob"},
    "write_off": {"amount": "1.00", "by": "Bob", "reason": "small"},
    "recall": {"by": "Bob", "reason": "they pay"},
    "waive_delivery": {"step": "demand", "by": "Bob", "reason": "seen it"},
}
assert set(INVOICE_FACTS) == set(wire.INVOICE_SIGNALS)
assert set(ACCOUNT_FACTS) == set(wire.ACCOUNT_SIGNALS)
assert set(REQUESTS) == set(wire.UPDATES)

QUOTES = b'"' * 1_900_000
DEEP = b"[" * 300 + b"]" * 300


def wrong_types(fact: dict[str, Any]) -> dict[str, Any]:
    """Numbers for texts, texts for numbers, an object for a list."""
    return {name: {"not": "this"} if isinstance(value, str) else str(value) for name, value in fact.items()}


def bad_inputs(fact: dict[str, Any]) -> dict[str, list[Payload]]:
    """Ways to get one message wrong, by name. `fact` is the message as it should be."""
    good = of_json(fact)
    field = next(iter(fact))
    return {
        "no input": [],
        "two inputs": [good, good],
        "three inputs": [good, of_json({"another": 1}), of_bytes(b"\x00\x01")],
        "two long inputs": [of_bytes(b'"' * 60_000), of_bytes(b'"' * 60_000)],
        "wrong types": [of_json(wrong_types(fact))],
        "missing fields": [of_json({})],
        "a number": [of_json(42)],
        "a text": [of_json("payment")],
        "null": [of_json(None)],
        "a list": [of_json([fact])],
        "not json": [of_bytes(b"{]")],
        "nothing at all": [of_bytes(b"")],
        "a lone surrogate": [of_bytes(b'{"%s": "\\ud800"}' % field.encode())],
        "a lone surrogate in a name": [of_bytes(b'{"\\udfff": 1, "%s": "x"}' % field.encode())],
        "nul": [of_json({**fact, field: "a\0b"})],
        "nul in an unknown field": [of_json({**fact, "extra": "a\0b"})],
        "deep brackets": [of_bytes(DEEP)],
        "deep brackets in an unknown field": [
            of_bytes(json.dumps(fact)[:-1].encode() + b', "x": ' + DEEP + b"}")
        ],
        "deeper than python recurses": [of_bytes(b"[" * 30_000)],
        "an unknown encoding": [of_bytes(json.dumps(fact).encode(), b"binary/encrypted")],
        "no encoding": [of_bytes(json.dumps(fact).encode(), None)],
        "a strange encoding": [of_bytes(b"x", b"\xff\x00" * 2_000)],
        "binary null": [of_bytes(b"", b"binary/null")],
        "protobuf": [Payload(metadata={"encoding": b"json/protobuf", "messageType": b"a.B"}, data=b"{}")],
        "not utf-8": [of_bytes(b'{"%s": "\xff"}' % field.encode())],
        "a field twice": [of_bytes(b'{"%s": "a", "%s": "b"}' % (field.encode(), field.encode()))],
        "nan": [of_bytes(b'{"%s": NaN}' % field.encode())],
        "a number without end": [of_bytes(b'{"%s": %s}' % (field.encode(), b"9" * 5_000))],
        "1e999": [of_bytes(b'{"%s": 1e999}' % field.encode())],
    }


#: Names that no contract knows. The server itself refuses the empty one, and those above a thousand bytes.
STRANGE_NAMES = (
    "payment_recieved",
    "Payment Received",
    "__init__",
    "run",
    "fact",
    "a\0b",
    "\x01" * 120,
    '"\\' * 100,
    "\U0001f4b8" * 200,
    "x" * 1_000,
    "'; drop table cases; --",
    "{{7*7}}",
)
