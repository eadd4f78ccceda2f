"""The outbox of alerts.

Types are spelled out, and nothing is imported from the package: what this step makes must stay the same
when the package changes.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
_BYTES = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql")


def upgrade() -> None:
    """Create the table if it is not there: on MySQL a kill may have left a part of the step."""
    op.create_table(
        "alerts",
        _column("alert_key", sa.String(200), "What the alert is about: the same is said once."),
        _column("target", sa.String(16), "slack or heartbeat."),
        _column("kind", sa.String(32), "Kind of the alert, such as failure or ready."),
        _column("day", sa.Date(), "Trading day whose thread it belongs to.", nullable=True),
        _column("text", sa.String(500), "The line."),
        _column("details", sa.Text(), "More, in Slack's mrkdwn.", nullable=True),
        _column("link", sa.Text(), "Where to look.", nullable=True),
        _column("picture", _BYTES, "A PNG.", nullable=True),
        _column("picture_title", sa.String(500), "What the picture shows.", nullable=True),
        _column(
            "alert_group",
            sa.String(200),
            "What many alerts have in common: after the first ones, the others are sent as one.",
            nullable=True,
        ),
        _column("created_at", _INSTANT, "When it was queued, UTC."),
        _column("position", sa.Integer(), "Place among those that were queued with it, from 0."),
        _column(
            "state",
            sa.String(16),
            "pending, sending, sent, logged (nobody to send it to), folded (sent within the message of "
            "another one) or abandoned (never taken).",
        ),
        _column("not_before", _INSTANT, "When it may be sent, or sent again, UTC."),
        _column("attempts", sa.Integer(), "How many times it was tried to send it."),
        _column("claimed_at", _INSTANT, "When it was tried to send it last, UTC.", nullable=True),
        _column("may_repeat", sa.Boolean(), "Whether it may have been taken before its last attempt."),
        _column("folded_into", sa.String(200), "The alert whose message stands for it.", nullable=True),
        _column("channel", sa.String(200), "Slack channel as it was configured.", nullable=True),
        _column("channel_id", sa.String(64), "Slack's id of the channel.", nullable=True),
        _column("slack_ts", sa.String(64), "Slack's name of the message in its channel.", nullable=True),
        _column("thread_ts", sa.String(64), "The message whose thread it is in, if in one.", nullable=True),
        _column("last_error", sa.Text(), "Why it was not sent, or not as a whole.", nullable=True),
        _column("sent_at", _INSTANT, "When it had been sent, UTC.", nullable=True),
        sa.PrimaryKeyConstraint("alert_key", "target", name="pk_alerts"),
        comment="The outbox of alerts: what is to be said, and whether it has been. Rows stay.",
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        if_not_exists=True,
    )
    # MySQL knows no CREATE INDEX IF NOT EXISTS.
    if not sa.inspect(op.get_bind()).has_index("alerts", "ix_alerts_state"):
        op.create_index("ix_alerts_state", "alerts", ["state"])


def _column(name: str, type_: sa.types.TypeEngine, comment: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, type_, nullable=nullable, autoincrement=False, comment=comment)
