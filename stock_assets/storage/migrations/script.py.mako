"""${message}."""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change; it may find a part of it done, since MySQL cannot undo DDL after a kill."""
    ${upgrades if upgrades else "pass"}
