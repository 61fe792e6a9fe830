"""Run by Alembic: the revisions are applied to the connection that `migrations.upgrade` was given."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="schema_revision",
    render_as_batch=True,  # SQLite cannot change a column: the table is copied
)
context.run_migrations()
