"""A customer's ended cases are found without reading everybody's."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("CREATE INDEX cases_customer_idx ON cases (customer_id)")
