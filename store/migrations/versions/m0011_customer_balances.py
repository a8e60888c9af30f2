"""What each customer owes, kept in the transaction of whatever changes a case's balance.

A trigger keeps it rather than the code that writes cases: it is then right whoever writes them and cannot be
forgotten. Only the row of the case's own customer is touched, whose lock every writer of cases holds.
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE customer_balances (
            customer_id TEXT NOT NULL,
            currency CHAR(3) NOT NULL,
            open_minor BIGINT NOT NULL,
            open_cases INTEGER NOT NULL,
            CONSTRAINT customer_balances_pkey PRIMARY KEY (customer_id, currency),
            CONSTRAINT customer_balances_customer_id_fkey
                FOREIGN KEY (customer_id) REFERENCES customers (customer_id)
        )
        """
    )
    op.execute(
        """
        CREATE FUNCTION keep_customer_balance() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO customer_balances AS kept (customer_id, currency, open_minor, open_cases)
            SELECT moved.customer_id, moved.currency, sum(moved.minor), sum(moved.cases)
            FROM (
                SELECT OLD.customer_id, OLD.currency, -OLD.balance_minor, -1
                WHERE TG_OP <> 'INSERT' AND OLD.closed_at IS NULL
                UNION ALL
                SELECT NEW.customer_id, NEW.currency, NEW.balance_minor, 1
                WHERE TG_OP <> 'DELETE' AND NEW.closed_at IS NULL
            ) AS moved (customer_id, currency, minor, cases)
            GROUP BY moved.customer_id, moved.currency
            ORDER BY moved.customer_id, moved.currency
            ON CONFLICT (customer_id, currency) DO UPDATE
            SET open_minor = kept.open_minor + EXCLUDED.open_minor,
                open_cases = kept.open_cases + EXCLUDED.open_cases;
            RETURN NULL;
        END
        $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER keep_customer_balance AFTER INSERT OR DELETE ON cases
            FOR EACH ROW EXECUTE FUNCTION keep_customer_balance()
        """
    )
    op.execute(
        """
        CREATE TRIGGER keep_customer_balance_moved
            AFTER UPDATE OF customer_id, currency, balance_minor, closed_at ON cases
            FOR EACH ROW
            WHEN (
                (OLD.customer_id, OLD.currency, OLD.balance_minor, OLD.closed_at IS NULL)
                IS DISTINCT FROM (NEW.customer_id, NEW.currency, NEW.balance_minor, NEW.closed_at IS NULL)
            )
            EXECUTE FUNCTION keep_customer_balance()
        """
    )
    # The lock keeps writers out between this sum and the commit that makes the triggers theirs.
    op.execute("LOCK TABLE cases IN SHARE ROW EXCLUSIVE MODE")
    op.execute(
        """
        INSERT INTO customer_balances (customer_id, currency, open_minor, open_cases)
        SELECT customer_id, currency, sum(balance_minor), count(*)
        FROM cases WHERE closed_at IS NULL GROUP BY customer_id, currency
        """
    )
    op.execute(
        """
        DO $$
        BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'duecourse_app') THEN
                GRANT SELECT, INSERT, UPDATE ON customer_balances TO duecourse_app;
            END IF;
        END
        $$
        """
    )
