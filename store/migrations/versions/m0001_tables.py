"""The first schema: all tables, what may never change, and the rights of the app's role."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE SEQUENCE task_numbers;

CREATE TABLE customers (
    customer_id TEXT NOT NULL,
    profile JSONB NOT NULL,
    tier TEXT,
    country TEXT,
    timezone TEXT,
    latest_at timestamptz,
    newest_opening_at timestamptz,
    last_unsolicited_on DATE,
    audit_seq BIGINT NOT NULL,
    audit_head BYTEA,
    recorded_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT customers_pkey PRIMARY KEY (customer_id)
);

CREATE TABLE cases (
    invoice_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    seller TEXT NOT NULL,
    number TEXT NOT NULL,
    currency CHAR(3) NOT NULL,
    invoice JSONB NOT NULL,
    start_sha256 BYTEA NOT NULL,
    policy_name TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    policy JSONB NOT NULL,
    cycle INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    opened_at timestamptz NOT NULL,
    issued_on DATE,
    due_on DATE NOT NULL,
    amount_minor BIGINT NOT NULL,
    balance_minor BIGINT NOT NULL,
    stage TEXT NOT NULL,
    waiting_on TEXT,
    waiting_until timestamptz,
    next_step TEXT,
    next_at timestamptz,
    why TEXT NOT NULL,
    risk TEXT NOT NULL,
    decision JSONB,
    outcome TEXT,
    closed_at timestamptz,
    settled_on DATE,
    recorded_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT cases_pkey PRIMARY KEY (invoice_id),
    CONSTRAINT cases_invoice_id_currency_key UNIQUE (invoice_id, currency),
    CONSTRAINT cases_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers (customer_id),
    CONSTRAINT cases_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES customers (customer_id)
);
CREATE INDEX cases_open_customer_idx ON cases (customer_id) WHERE closed_at IS NULL;
CREATE INDEX cases_open_next_idx ON cases (next_at) WHERE closed_at IS NULL;
CREATE INDEX cases_outcome_due_idx ON cases (outcome, due_on);
CREATE INDEX cases_owner_idx ON cases (owner_id);

CREATE TABLE settled_invoices (
    invoice_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    issued_on DATE NOT NULL,
    due_on DATE NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    settled_on DATE NOT NULL,
    CONSTRAINT settled_invoices_pkey PRIMARY KEY (invoice_id),
    CONSTRAINT settled_invoices_customer_id_fkey FOREIGN KEY (customer_id)
        REFERENCES customers (customer_id)
);
CREATE INDEX settled_invoices_customer_id_idx ON settled_invoices (customer_id);

CREATE TABLE events (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    customer_id TEXT NOT NULL,
    invoice_id TEXT,
    kind TEXT NOT NULL,
    event_id TEXT NOT NULL,
    payload JSONB NOT NULL,
    payload_sha256 BYTEA NOT NULL,
    at timestamptz NOT NULL,
    recorded_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (id),
    CONSTRAINT events_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers (customer_id),
    CONSTRAINT events_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES cases (invoice_id)
);
CREATE UNIQUE INDEX events_account_key ON events (customer_id, kind, event_id) WHERE invoice_id IS NULL;
CREATE UNIQUE INDEX events_invoice_key ON events (invoice_id, kind, event_id) WHERE invoice_id IS NOT NULL;

CREATE TABLE ledger_entries (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    invoice_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    event_id TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    entry_on DATE NOT NULL,
    recorded_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT ledger_entries_pkey PRIMARY KEY (id),
    CONSTRAINT ledger_entries_invoice_id_kind_event_id_key UNIQUE (invoice_id, kind, event_id),
    CONSTRAINT ledger_entries_invoice_id_currency_fkey FOREIGN KEY (invoice_id, currency)
        REFERENCES cases (invoice_id, currency),
    CONSTRAINT ledger_entries_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers (customer_id)
);

CREATE TABLE account_entries (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    customer_id TEXT NOT NULL,
    invoice_id TEXT,
    kind TEXT NOT NULL,
    event_id TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    entry_on DATE NOT NULL,
    recorded_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT account_entries_pkey PRIMARY KEY (id),
    CONSTRAINT account_entries_customer_id_kind_event_id_invoice_id_key
        UNIQUE NULLS NOT DISTINCT (customer_id, kind, event_id, invoice_id),
    CONSTRAINT account_entries_customer_id_fkey FOREIGN KEY (customer_id)
        REFERENCES customers (customer_id),
    CONSTRAINT account_entries_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES cases (invoice_id)
);

CREATE TABLE messages (
    message_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    seller TEXT NOT NULL,
    step TEXT NOT NULL,
    ref TEXT NOT NULL,
    channel TEXT NOT NULL,
    "to" JSONB NOT NULL,
    cc JSONB NOT NULL,
    state VARCHAR(16) NOT NULL,
    unsolicited BOOLEAN NOT NULL,
    facts JSONB NOT NULL,
    facts_sha256 BYTEA NOT NULL,
    payload BYTEA,
    payload_sha256 BYTEA,
    subject TEXT,
    approval VARCHAR(16),
    approval_expires_at timestamptz,
    approval_rank INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    cancels INTEGER NOT NULL,
    reserved_at timestamptz NOT NULL,
    claimed_at timestamptz,
    claimed_real timestamptz,
    sent_at timestamptz,
    provider_ref TEXT,
    unknown_since timestamptz,
    why TEXT NOT NULL,
    recorded_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT messages_pkey PRIMARY KEY (message_id),
    CONSTRAINT messages_message_id_state_key UNIQUE (message_id, state),
    CONSTRAINT messages_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers (customer_id),
    CONSTRAINT messages_state_check
        CHECK (state IN ('RESERVED', 'PENDING', 'SENDING', 'SENT', 'FAILED', 'CANCELLED')),
    CONSTRAINT messages_approval_check CHECK (approval IN ('requested', 'approved', 'denied', 'expired'))
);
CREATE INDEX messages_approval_idx ON messages (customer_id) WHERE approval = 'requested';
CREATE INDEX messages_customer_idx ON messages (customer_id, reserved_at);
CREATE INDEX messages_sending_idx ON messages (claimed_real) WHERE state = 'SENDING';

CREATE TABLE message_items (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    message_id TEXT NOT NULL,
    invoice_id TEXT NOT NULL,
    cycle INTEGER NOT NULL,
    step TEXT NOT NULL,
    ref TEXT NOT NULL,
    recipient TEXT NOT NULL,
    channel TEXT NOT NULL,
    asked_minor BIGINT NOT NULL,
    state VARCHAR(16) NOT NULL,
    CONSTRAINT message_items_pkey PRIMARY KEY (id),
    CONSTRAINT message_items_message_id_state_fkey FOREIGN KEY (message_id, state)
        REFERENCES messages (message_id, state) ON UPDATE CASCADE,
    CONSTRAINT message_items_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES cases (invoice_id),
    CONSTRAINT message_items_state_check
        CHECK (state IN ('RESERVED', 'PENDING', 'SENDING', 'SENT', 'FAILED', 'CANCELLED'))
);
CREATE INDEX message_items_invoice_id_idx ON message_items (invoice_id);
CREATE UNIQUE INDEX message_items_live_key
    ON message_items (invoice_id, cycle, step, ref, recipient, channel)
    WHERE state IN ('RESERVED', 'PENDING', 'SENDING', 'SENT');
CREATE INDEX message_items_message_idx ON message_items (message_id);

CREATE TABLE documents (
    document_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    body BYTEA NOT NULL,
    sha256 BYTEA NOT NULL,
    recorded_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT documents_pkey PRIMARY KEY (document_id),
    CONSTRAINT documents_message_id_name_key UNIQUE (message_id, name),
    CONSTRAINT documents_message_id_fkey FOREIGN KEY (message_id) REFERENCES messages (message_id)
);

CREATE TABLE delivery_events (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    message_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    at timestamptz NOT NULL,
    provider_event_id TEXT,
    detail JSONB NOT NULL,
    recorded_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT delivery_events_pkey PRIMARY KEY (id),
    CONSTRAINT delivery_events_message_id_fkey FOREIGN KEY (message_id) REFERENCES messages (message_id),
    CONSTRAINT delivery_events_provider_event_id_key UNIQUE (provider_event_id)
);
CREATE INDEX delivery_events_message_id_idx ON delivery_events (message_id);

CREATE TABLE tasks (
    item_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    customer_id TEXT,
    invoice_id TEXT,
    invoices TEXT[] NOT NULL,
    ref TEXT NOT NULL,
    why TEXT NOT NULL,
    raw BYTEA,
    raw_sha256 BYTEA,
    state VARCHAR(16) NOT NULL,
    due_on DATE,
    created_at timestamptz NOT NULL,
    done_at timestamptz,
    done_by TEXT,
    outcome TEXT,
    recorded_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT tasks_pkey PRIMARY KEY (item_id),
    CONSTRAINT tasks_state_check CHECK (state IN ('open', 'done', 'cancelled'))
);
CREATE INDEX tasks_invoices_idx ON tasks USING gin (invoices);
CREATE INDEX tasks_key_idx ON tasks (kind, customer_id, invoice_id, ref);
CREATE UNIQUE INDEX tasks_open_key ON tasks (kind, customer_id, invoice_id, ref) NULLS NOT DISTINCT
    WHERE state = 'open';

CREATE TABLE credit_holds (
    invoice_id TEXT NOT NULL,
    cycle INTEGER NOT NULL,
    customer_id TEXT NOT NULL,
    placed_at timestamptz NOT NULL,
    reason TEXT NOT NULL,
    released_at timestamptz,
    CONSTRAINT credit_holds_pkey PRIMARY KEY (invoice_id, cycle),
    CONSTRAINT credit_holds_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES cases (invoice_id),
    CONSTRAINT credit_holds_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers (customer_id)
);
CREATE INDEX credit_holds_customer_id_idx ON credit_holds (customer_id);

CREATE TABLE audit_log (
    customer_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    kind TEXT NOT NULL,
    ref TEXT NOT NULL,
    body JSONB NOT NULL,
    text_sha256 BYTEA,
    prev_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT audit_log_pkey PRIMARY KEY (customer_id, seq),
    CONSTRAINT audit_log_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers (customer_id)
);

CREATE TABLE audit_texts (
    customer_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    salt BYTEA NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT audit_texts_pkey PRIMARY KEY (customer_id, seq),
    CONSTRAINT audit_texts_customer_id_seq_fkey FOREIGN KEY (customer_id, seq)
        REFERENCES audit_log (customer_id, seq)
);

CREATE TABLE audit_anchors (
    day DATE NOT NULL,
    heads_sha256 BYTEA NOT NULL,
    chains INTEGER NOT NULL,
    recorded_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT audit_anchors_pkey PRIMARY KEY (day)
);

CREATE TABLE audit_anchor_heads (
    day DATE NOT NULL,
    customer_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT audit_anchor_heads_pkey PRIMARY KEY (day, customer_id),
    CONSTRAINT audit_anchor_heads_day_fkey FOREIGN KEY (day) REFERENCES audit_anchors (day),
    CONSTRAINT audit_anchor_heads_customer_id_fkey FOREIGN KEY (customer_id)
        REFERENCES customers (customer_id)
);

CREATE TABLE switches (
    name TEXT NOT NULL,
    value JSONB NOT NULL,
    recorded_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT switches_pkey PRIMARY KEY (name)
);
"""

APPEND_ONLY = (
    "events",
    "ledger_entries",
    "account_entries",
    "audit_log",
    "audit_anchors",
    "audit_anchor_heads",
)

PROTECTION = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% refuses %', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'Rows of this table are never changed.';
END
$$;

-- A text goes only through erase_audit_text, which alone has the setting on.
CREATE FUNCTION refuse_change_unless_erasing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('duecourse.erasing', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% refuses %', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'Call erase_audit_text(customer, seq).';
END
$$;

CREATE TRIGGER erased_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_texts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_unless_erasing();

CREATE FUNCTION erase_audit_text(customer text, number bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM set_config('duecourse.erasing', 'on', true);
    DELETE FROM audit_texts WHERE customer_id = customer AND seq = number;
    PERFORM set_config('duecourse.erasing', 'off', true);
END
$$;
"""

# The app's role reads all, adds to all, changes what is not append-only, deletes nothing. Roles belong to the
# whole cluster: it may exist, or creating it may not be ours to do; then the migrating role serves the app.
RIGHTS = """
DO $$
BEGIN
    CREATE ROLE duecourse_app NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
END
$$;

REVOKE EXECUTE ON FUNCTION erase_audit_text FROM PUBLIC;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'duecourse_app') THEN
        GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO duecourse_app;
        REVOKE INSERT ON alembic_version FROM duecourse_app;
        GRANT UPDATE ON customers, cases, messages, message_items, tasks, credit_holds, switches
            TO duecourse_app;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO duecourse_app;
        GRANT EXECUTE ON FUNCTION erase_audit_text TO duecourse_app;
    END IF;
END
$$;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(PROTECTION)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(RIGHTS)
