"""Run by Alembic: applies the migrations on the connection that `store/migrate.py` hands over."""

from __future__ import annotations

from alembic import context

from store.schema import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
