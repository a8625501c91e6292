"""Alembic's entry: runs the migrations on the connection that `conversations.migrate` hands over."""

from __future__ import annotations

from alembic import context

from conversations.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table="conversations_version",
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
