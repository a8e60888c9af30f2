"""Imported invoices that got a case later are marked, so that no reader of history has to look for their cases.

A trigger marks them, so that whatever opens a case cannot forget it.
"""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.execute("ALTER TABLE settled_invoices ADD COLUMN has_case BOOLEAN NOT NULL DEFAULT false")
    op.execute(
        """
        CREATE FUNCTION mark_history_with_case() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE settled_invoices SET has_case = true WHERE invoice_id = NEW.invoice_id;
            RETURN NULL;
        END
        $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER mark_history_with_case AFTER INSERT ON cases
            FOR EACH ROW EXECUTE FUNCTION mark_history_with_case()
        """
    )
    # The lock keeps cases out that would be opened between this and the commit that makes the trigger theirs.
    op.execute("LOCK TABLE cases IN SHARE ROW EXCLUSIVE MODE")
    op.execute(
        """
        UPDATE settled_invoices SET has_case = true
        FROM cases WHERE cases.invoice_id = settled_invoices.invoice_id
        """
    )
    op.execute(
        """
        DO $$
        BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'duecourse_app') THEN
                GRANT UPDATE (has_case) ON settled_invoices TO duecourse_app;
            END IF;
        END
        $$
        """
    )
