"""All tables: their meaning and their columns, said once.

The database is built from them, and the lineage page shows them. Nothing heavy is imported, so that
definitions load without SQLAlchemy.
"""

from stock_assets.storage.columns import Table
from stock_assets.storage.operation_tables import OPERATION_TABLES
from stock_assets.storage.price_tables import PRICE_TABLES
from stock_assets.storage.result_tables import RESULT_TABLES
from stock_assets.storage.schedule_tables import SCHEDULE_TABLES

TABLES: dict[str, Table] = {**PRICE_TABLES, **RESULT_TABLES, **OPERATION_TABLES, **SCHEDULE_TABLES}
