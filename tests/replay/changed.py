"""`InvoiceCollection` with a changed sequence of commands: what the replay suite has to notice."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from workflows.invoice_collection import InvoiceCollection


@workflow.defn(name="InvoiceCollection")
class Hasty(InvoiceCollection):
    """Looks at the case before it carries anything out: one activity more, behind no patch."""

    @workflow.init
    def __init__(self, *args: RawValue) -> None:
        super().__init__(*args)

    @workflow.run
    async def run(self, *args: RawValue) -> Any:
        """The same life."""
        return await super().run(*args)

    async def _carry_out(self, summary: str) -> None:
        await self._review()
        await super()._carry_out(summary)
