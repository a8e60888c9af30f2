"""Payments on the seller's bank account, and what was made of each."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE bank_lines (
            line_id TEXT NOT NULL,
            file_sha256 BYTEA NOT NULL,
            account TEXT NOT NULL,
            statement TEXT NOT NULL,
            sign TEXT NOT NULL,
            amount NUMERIC NOT NULL,
            currency CHAR(3) NOT NULL,
            received_on DATE,
            debtor TEXT,
            debtor_iban TEXT,
            end_to_end_id TEXT,
            bank_reference TEXT,
            texts TEXT[] NOT NULL,
            outcome TEXT NOT NULL,
            customer_id TEXT,
            allocations JSONB NOT NULL,
            returns TEXT,
            why TEXT NOT NULL,
            told_at TIMESTAMP WITH TIME ZONE,
            recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
            CONSTRAINT bank_lines_pkey PRIMARY KEY (line_id)
        )
        """
    )
    op.execute("CREATE INDEX bank_lines_end_to_end_idx ON bank_lines (end_to_end_id)")
    op.execute("CREATE INDEX bank_lines_untold_idx ON bank_lines (line_id) WHERE told_at IS NULL")
    op.execute("CREATE INDEX bank_lines_payer_idx ON bank_lines (debtor_iban, customer_id)")
    op.execute(
        """
        DO $$
        BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'duecourse_app') THEN
                GRANT SELECT, INSERT, UPDATE ON bank_lines TO duecourse_app;
            END IF;
        END
        $$
        """
    )
