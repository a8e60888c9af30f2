"""A bank line of which another form of statement told again stands for no further one."""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.execute("ALTER TABLE bank_lines ADD COLUMN told_again text")
