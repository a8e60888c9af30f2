"""Customers' links into the portal, what they answered there, and the files they sent."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = """
CREATE TABLE portal_links (
    link_id TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL REFERENCES customers (customer_id),
    seller TEXT NOT NULL,
    message_id TEXT REFERENCES messages (message_id),
    expires_real TIMESTAMPTZ NOT NULL,
    revoked_real TIMESTAMPTZ,
    revoked_by TEXT,
    recorded_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX portal_links_customer_id_idx ON portal_links (customer_id);

CREATE TABLE portal_answers (
    answer_id TEXT PRIMARY KEY,
    link_id TEXT NOT NULL REFERENCES portal_links (link_id),
    customer_id TEXT NOT NULL REFERENCES customers (customer_id),
    seller TEXT NOT NULL,
    action TEXT NOT NULL,
    said JSONB NOT NULL,
    address TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    outcome JSONB,
    recorded_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX portal_answers_customer_idx ON portal_answers (customer_id, recorded_at);

CREATE TABLE uploads (
    upload_id TEXT PRIMARY KEY,
    answer_id TEXT NOT NULL REFERENCES portal_answers (answer_id),
    customer_id TEXT NOT NULL REFERENCES customers (customer_id),
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    body BYTEA NOT NULL,
    sha256 BYTEA NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX uploads_answer_id_idx ON uploads (answer_id);
"""

# Links are revoked and answers get their outcome; files are only added.
RIGHTS = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'duecourse_app') THEN
        GRANT SELECT, INSERT, UPDATE ON portal_links, portal_answers TO duecourse_app;
        GRANT SELECT, INSERT ON uploads TO duecourse_app;
    END IF;
END
$$;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(RIGHTS)
