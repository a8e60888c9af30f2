"""What may be missing from a payment that takes a discount for early payment, as it was when the case was opened.

Cases opened before have none, and keep the balance that they were booked with.
"""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.execute("ALTER TABLE cases ADD COLUMN early_payment_tolerance BIGINT")
