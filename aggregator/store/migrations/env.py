"""Alembic's entry: runs the migrations inside the transaction that `Database` has opened."""

from alembic import context

from aggregator.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
