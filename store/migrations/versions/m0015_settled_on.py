"""What of the imported history was open on a day is found without reading all of it."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("CREATE INDEX settled_invoices_settled_on_idx ON settled_invoices (settled_on)")
