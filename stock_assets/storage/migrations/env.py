"""What alembic runs for every command: migrate over the connection that the caller opened.

``alembic_settings`` in ``stock_assets.storage.migrate`` makes the configuration.
"""

from alembic import context

from stock_assets.storage.migrate import VERSION_TABLE
from stock_assets.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
