"""Messages remember where their words come from: model, hashes and the guard's verdicts."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE messages ADD COLUMN drafting JSONB")
