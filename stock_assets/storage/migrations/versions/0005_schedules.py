"""What the daemon has requested and said by itself.

Types are spelled out, and nothing is imported from the package: what this step makes must stay the same
when the package changes.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade() -> None:
    """Create the tables that are not there: on MySQL a kill may have left a part of them."""
    _create(
        "run_attempts",
        "Every run that the daemon has requested by itself, so that none is requested twice or without end.",
        ("kind", "date", "attempt"),
        _column("kind", sa.String(16), "What it does: history, daily or training."),
        _column("date", sa.Date(), "Trading day, cutoff, or for the history the universe's first day."),
        _column("attempt", sa.Integer(), "Number of the request, from 1; part of the run's key."),
        _column("requested_at", _INSTANT, "When it was requested, UTC."),
        _column("finished_at", _INSTANT, "When its end was seen, UTC; absent before.", nullable=True),
        _column(
            "result",
            sa.String(16),
            "succeeded, failed, or waiting if the day still waits for bars; absent before its end.",
            nullable=True,
        ),
        _column("tries", sa.Integer(), "Runs and repeated steps that it took; 0 if it counts as none."),
        _column("run_id", sa.String(64), "The last Dagster run of it; absent before its end.", nullable=True),
    )
    _create(
        "day_notices",
        "What has been said once of a day.",
        ("date", "kind"),
        _column("date", sa.Date(), "The day, in UTC."),
        _column(
            "kind",
            sa.String(16),
            "watched (the first day that was looked at), closed, late, recovered or complete.",
        ),
        _column("noticed_at", _INSTANT, "When it was said, UTC."),
    )


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


def _column(name: str, type_: sa.types.TypeEngine, comment: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, type_, nullable=nullable, autoincrement=False, comment=comment)
