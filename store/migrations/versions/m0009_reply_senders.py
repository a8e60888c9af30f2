"""Whether the sender of a mail was vouched for; of those that came before nobody knows."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("ALTER TABLE replies ADD COLUMN sender_verified boolean NOT NULL DEFAULT false")
