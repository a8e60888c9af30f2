"""The figures of each day as they were known when it was closed. Append-only."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE daily_figures (
            day DATE NOT NULL,
            currency CHAR(3) NOT NULL,
            figures JSONB NOT NULL,
            taken_at TIMESTAMP WITH TIME ZONE NOT NULL,
            recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
            CONSTRAINT daily_figures_pkey PRIMARY KEY (day, currency)
        )
        """
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON daily_figures"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        """
        DO $$
        BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'duecourse_app') THEN
                GRANT SELECT, INSERT ON daily_figures TO duecourse_app;
            END IF;
        END
        $$
        """
    )
