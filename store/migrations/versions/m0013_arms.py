"""The arm of the hold-out that a case was drawn into when it was opened."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute("ALTER TABLE cases ADD COLUMN arm TEXT")
