"""Which remittances of a customer are being moved to their invoices, and how far."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.execute("ALTER TABLE customers ADD COLUMN allocating JSONB NOT NULL DEFAULT '{}'")
