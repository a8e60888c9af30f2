"""What a bank line is known by when its money is told again in another form, and what was kept back of it."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE bank_lines
            ADD COLUMN form text,
            ADD COLUMN booked_on date,
            ADD COLUMN value_on date,
            ADD COLUMN stands_for text[],
            ADD COLUMN may_be text,
            ADD COLUMN deductions jsonb,
            ADD COLUMN pauses text[]
        """
    )
    op.execute("CREATE INDEX bank_lines_reference_idx ON bank_lines (bank_reference)")
    op.execute("CREATE INDEX bank_lines_amount_idx ON bank_lines (amount, received_on)")
