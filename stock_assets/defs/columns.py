"""Column schemas with units, for the lineage page."""

import dagster as dg

from stock_assets.storage.tables import TABLES


def column_schema(table: str) -> dg.TableSchema:
    """Return a table's columns with their meaning and unit."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.kind,
                description=column.meaning,
                constraints=dg.TableColumnConstraints(nullable=column.role == "optional"),
            )
            for column in TABLES[table].columns
        ]
    )


BAR_COLUMNS = column_schema("price_bars")
PREDICTION_COLUMNS = column_schema("stage1_predictions")
WEIGHT_COLUMNS = column_schema("portfolio_weights")
MODEL_COLUMNS = column_schema("models")
