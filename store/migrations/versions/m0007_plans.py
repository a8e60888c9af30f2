"""Payment plans: what was agreed, where it stands, and what it means for the customer's credit limit."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE plans (
            plan_id TEXT NOT NULL,
            customer_id TEXT NOT NULL,
            seller TEXT NOT NULL,
            currency CHAR(3) NOT NULL,
            invoices TEXT[] NOT NULL,
            state TEXT NOT NULL,
            terms_text TEXT NOT NULL,
            tabled_at TIMESTAMP WITH TIME ZONE NOT NULL,
            accepted_at TIMESTAMP WITH TIME ZONE,
            ended_at TIMESTAMP WITH TIME ZONE,
            outstanding_minor BIGINT NOT NULL,
            waiting_until TIMESTAMP WITH TIME ZONE,
            next_step TEXT,
            why TEXT NOT NULL,
            decision JSONB,
            credit_limit_before BIGINT,
            credit_limit_after BIGINT,
            credit_limit_told_at TIMESTAMP WITH TIME ZONE,
            recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
            CONSTRAINT plans_pkey PRIMARY KEY (plan_id),
            CONSTRAINT plans_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers (customer_id)
        )
        """
    )
    op.execute("CREATE INDEX plans_open_customer_idx ON plans (customer_id) WHERE ended_at IS NULL")
    op.execute(
        """
        DO $$
        BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'duecourse_app') THEN
                GRANT SELECT, INSERT, UPDATE ON plans TO duecourse_app;
            END IF;
        END
        $$
        """
    )
