"""An index of the few invoices of history that were due or paid before they were issued: the trend looks for them."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.execute(
        """
        CREATE INDEX settled_invoices_out_of_order_idx ON settled_invoices (invoice_id)
        WHERE due_on < issued_on OR settled_on < issued_on
        """
    )
