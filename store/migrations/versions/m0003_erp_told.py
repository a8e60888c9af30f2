"""Credit holds remember what the ERP has confirmed."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE credit_holds ADD COLUMN placed_told_at timestamptz")
    op.execute("ALTER TABLE credit_holds ADD COLUMN released_told_at timestamptz")
    # What is over need not be told any more.
    op.execute(
        "UPDATE credit_holds SET placed_told_at = placed_at, released_told_at = released_at"
        " WHERE released_at IS NOT NULL"
    )
