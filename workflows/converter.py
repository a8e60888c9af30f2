"""The payload converter of every client and worker: pydantic for our types, raw where none is declared.

Without a declared type the default converter parses any JSON, so that lone surrogates, deep brackets
or an unknown encoding in a stranger's input would fail the workflow task for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.contrib.pydantic import PydanticPayloadConverter, pydantic_data_converter


class DuecoursePayloadConverter(PydanticPayloadConverter):
    """Hands out `RawValue`s where the receiver declared no type."""

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        if type_hints is None or any(hint is RawValue for hint in type_hints):
            return [RawValue(payload) for payload in payloads]
        return super().from_payloads(payloads, type_hints)


data_converter = replace(pydantic_data_converter, payload_converter_class=DuecoursePayloadConverter)
