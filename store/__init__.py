"""PostgreSQL: tables, migrations and queries."""
