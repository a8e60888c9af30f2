"""What was paid on invoices, credited or added is found without reading every invoice's own entry."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX ledger_entries_changes_idx ON ledger_entries (invoice_id)"
        " INCLUDE (entry_on, amount_minor) WHERE kind <> 'invoice'"
    )
