"""The tables, built from the list in ``stock_assets.storage.tables``.

Text keys compare by code point on both databases, so that rows sort alike. The longest key stays
far below the 3,072 bytes that MySQL allows, at four bytes a character.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from stock_assets.storage.column_types import CanonicalJson, Day, UtcDateTime
from stock_assets.storage.columns import Column
from stock_assets.storage.tables import TABLES

metadata = sa.MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"}
)

#: Indexes beside the primary keys: the columns of each.
_INDEXES: dict[str, tuple[str, ...]] = {
    "price_bars": ("trading_day",),
    "findings": ("trading_day",),
    "models": ("kind", "instrument", "cutoff"),
    "headlines": ("first_seen_at",),
    "alerts": ("state",),
}

_TYPES: dict[str, sa.types.TypeEngine] = {
    "boolean": sa.Boolean(),
    "bytes": sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql"),
    "date": Day(),
    "double": sa.Double(),
    "integer": sa.Integer(),
    "json": CanonicalJson(),
    "sentence": sa.Text(),
    "small_integer": sa.SmallInteger(),
    "timestamp": UtcDateTime(),
}


def _type(kind: str) -> sa.types.TypeEngine:
    if kind.startswith("text("):
        return sa.String(int(kind.removeprefix("text(").removesuffix(")")))
    return _TYPES[kind]


def _column(column: Column) -> sa.Column:
    return sa.Column(
        column.name,
        _type(column.kind),
        primary_key=column.role == "key",
        autoincrement=False,
        nullable=column.role == "optional",
        comment=column.meaning,
        # `rows.to_records` lets a text column take these values only.
        info={"allowed": column.allowed} if column.allowed else None,
    )


def _table(name: str) -> sa.Table:
    indexes = [sa.Index(None, *_INDEXES[name])] if name in _INDEXES else []
    return sa.Table(
        name,
        metadata,
        *[_column(column) for column in TABLES[name].columns],
        *indexes,
        comment=TABLES[name].meaning,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )


deployment = _table("deployment")
price_bars = _table("price_bars")
days = _table("days")
findings = _table("findings")
stage1_predictions = _table("stage1_predictions")
portfolio_weights = _table("portfolio_weights")
outcomes = _table("outcomes")
models = _table("models")
headlines = _table("headlines")
headline_collections = _table("headline_collections")
run_workers = _table("run_workers")
alerts = _table("alerts")
run_attempts = _table("run_attempts")
day_notices = _table("day_notices")
