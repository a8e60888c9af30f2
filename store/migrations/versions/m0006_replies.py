"""Mails that came in, with what they are about and what a person made of them."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

TABLES = """
CREATE TABLE replies (
    reply_id TEXT PRIMARY KEY,
    fingerprint BYTEA NOT NULL UNIQUE,
    raw BYTEA NOT NULL,
    raw_sha256 BYTEA NOT NULL,
    kind TEXT NOT NULL,
    customer_id TEXT,
    invoices TEXT[] NOT NULL,
    matched_by TEXT NOT NULL,
    sender TEXT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    problem TEXT NOT NULL,
    suggestion JSONB,
    answered_by TEXT,
    answered_as TEXT,
    received_at TIMESTAMPTZ NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX replies_customer_idx ON replies (customer_id, received_at);
CREATE INDEX replies_invoices_idx ON replies USING gin (invoices);
"""

RIGHTS = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'duecourse_app') THEN
        GRANT SELECT, INSERT, UPDATE ON replies TO duecourse_app;
    END IF;
END
$$;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(RIGHTS)
