"""How Alembic reaches the database: by the connection that `bot.records.migrate` hands it."""

from __future__ import annotations

from alembic import context

from bot.records.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
