"""Papers say whether they are the customer's to see: the words and call sheets beside them are not."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("ALTER TABLE documents ADD COLUMN for_customer BOOLEAN NOT NULL DEFAULT false")
    op.execute(
        "UPDATE documents SET for_customer = true WHERE media_type = 'application/pdf'"
        " AND name NOT LIKE 'call-sheet-%' AND name NOT LIKE 'referral-pack-%'"
    )
    op.execute("ALTER TABLE documents ALTER COLUMN for_customer DROP DEFAULT")
