"""Where Alembic meets our tables: the connection is handed in by monitor.store, one transaction for all steps."""

from alembic import context
from monitor.schema import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run `wellheard db upgrade`: it knows the database from the configuration")

context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
