"""Headlines, and when they were looked for.

Types are spelled out, and nothing is imported from the package: what this step makes must stay the same
when the package changes.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade() -> None:
    """Create the tables that are not there: on MySQL a kill may have left a part of them."""
    _create_headlines()
    _create_headline_collections()


def _create(name: str, comment: str, key: tuple[str, ...], *columns: sa.Column) -> None:
    op.create_table(
        name,
        *columns,
        sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"),
        comment=comment,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        if_not_exists=True,
    )


def _index(table: str, *columns: str) -> None:
    name = f"ix_{table}_{'_'.join(columns)}"
    # MySQL knows no CREATE INDEX IF NOT EXISTS.
    if not sa.inspect(op.get_bind()).has_index(table, name):
        op.create_index(name, table, list(columns))


def _column(name: str, type_: sa.types.TypeEngine, comment: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, type_, nullable=nullable, autoincrement=False, comment=comment)


def _create_headlines() -> None:
    _create(
        "headlines",
        "Items of feeds. Rows are only ever added, and stay as they were seen first.",
        ("hash",),
        _column("hash", sa.String(64), "SHA-256 of instrument, link and title, hexadecimal."),
        _column(
            "first_seen_at",
            _INSTANT,
            "When the collector saw it first, UTC; what a day knows is decided by it.",
        ),
        _column("instrument", sa.String(32), "Instrument; absent if the feed is of none.", nullable=True),
        _column("feed", sa.String(64), "Feed in which it was seen first."),
        _column("title", sa.String(500), "Title as plain text, cut where it is longer."),
        _column("link", sa.String(2000), "Where it leads: an http or https URL."),
        _column(
            "published_at",
            _INSTANT,
            "When the feed says that it was published, UTC; nothing is decided by it.",
            nullable=True,
        ),
    )
    _index("headlines", "first_seen_at")


def _create_headline_collections() -> None:
    _create(
        "headline_collections",
        "Every attempt to read a feed: without one, a day's headlines cannot be observed.",
        ("collected_at", "feed", "instrument"),
        _column("collected_at", _INSTANT, "When its items were stored, or it failed, UTC."),
        _column("feed", sa.String(64), "Feed that was read."),
        _column("instrument", sa.String(32), "Instrument that the feed is of; empty if of none."),
        _column("items", sa.Integer(), "Items that the feed held."),
        _column("new_items", sa.Integer(), "Items among them that had not been seen before."),
        _column("error", sa.Text(), "Why it gave no items, as a sentence; absent if it did.", nullable=True),
        _column(
            "run_id",
            sa.String(64),
            "Dagster run that collected; absent if the command line did.",
            nullable=True,
        ),
    )
