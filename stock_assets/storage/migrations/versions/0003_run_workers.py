"""The processes that execute runs: which of them lives, and which of two runs is the newer one.

Types are spelled out, and nothing is imported from the package: what this step makes must stay the same
when the package changes.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade() -> None:
    """Create the table, unless a kill left it on MySQL."""
    op.create_table(
        "run_workers",
        _column("run_id", sa.String(64), "Dagster run."),
        _column("number", sa.Integer(), "Its place in the order in which runs began; a newer one is higher."),
        _column("host", sa.String(255), "Host of its process; absent if it has none of its own.", True),
        _column("boot", sa.String(64), "Boot of the host that the process belongs to.", True),
        _column("pid", sa.Integer(), "Process id.", True),
        _column("process_start", sa.String(64), "What tells the process from a later one of its id.", True),
        _column("heartbeat_at", _INSTANT, "When the process was last known to live, UTC.", True),
        _column("ended_at", _INSTANT, "When it ended, or was told to, UTC; it writes nothing since.", True),
        sa.PrimaryKeyConstraint("run_id", name="pk_run_workers"),
        comment="A row a run that writes: the process that executes it, and which of two runs is newer.",
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        if_not_exists=True,
    )


def _column(name: str, type_: sa.types.TypeEngine, comment: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, type_, nullable=nullable, autoincrement=False, comment=comment)
