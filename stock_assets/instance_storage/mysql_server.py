"""What a MySQL or MariaDB server must allow before Dagster makes tables, and which columns are widened."""

from collections.abc import Sequence

from mysql.connector import errorcode
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from stock_assets.errors import StorageError

CHARACTER_SET = "utf8mb4"
PROBE_TABLE = "stock_assets_privilege_probe"
# In the order in which they are tried. Dagster comes up without INDEX, has no index at all and says nothing.
_PROBES = (
    ("CREATE", f"CREATE TABLE {PROBE_TABLE} (id INTEGER PRIMARY KEY, parent INTEGER)"),
    ("INDEX", f"CREATE INDEX probe ON {PROBE_TABLE} (parent)"),
    ("ALTER", f"ALTER TABLE {PROBE_TABLE} ADD COLUMN added INTEGER"),
    (
        "REFERENCES",
        f"ALTER TABLE {PROBE_TABLE} ADD CONSTRAINT probe_parent "
        f"FOREIGN KEY (parent) REFERENCES {PROBE_TABLE} (id)",
    ),
    ("INSERT", f"INSERT INTO {PROBE_TABLE} (id) VALUES (1)"),
    ("SELECT", f"SELECT id FROM {PROBE_TABLE}"),
    ("UPDATE", f"UPDATE {PROBE_TABLE} SET id = 2"),
    ("DELETE", f"DELETE FROM {PROBE_TABLE} WHERE id = 2"),
)
_DROP_PROBE = f"DROP TABLE IF EXISTS {PROBE_TABLE}"
_DENIED = (
    errorcode.ER_TABLEACCESS_DENIED_ERROR,
    errorcode.ER_DBACCESS_DENIED_ERROR,
    errorcode.ER_COLUMNACCESS_DENIED_ERROR,
    errorcode.ER_SPECIFIC_ACCESS_DENIED_ERROR,
)

# Columns that Dagster makes TEXT or BLOB, 64 KB, and whose values it lets grow beyond: the run's tags and
# configuration, a tick of many run requests, a sensor's cursor, a check's metadata, a job of many assets.
_WIDENED = (
    ("runs", "run_body", "LONGTEXT"),
    ("snapshots", "snapshot_body", "LONGBLOB"),
    ("kvs", "value", "LONGTEXT"),
    ("job_ticks", "tick_body", "LONGTEXT"),
    ("jobs", "job_body", "LONGTEXT"),
    ("instigators", "instigator_body", "LONGTEXT"),
    ("asset_daemon_asset_evaluations", "asset_evaluation_body", "LONGTEXT"),
    ("asset_keys", "asset_details", "LONGTEXT"),
    ("asset_check_executions", "evaluation_event", "LONGTEXT"),
)


def require_character_set(connection: Connection) -> None:
    """Check that the database keeps text of any language.

    Raises
    ------
    StorageError
        If it does not: a run with a Korean tag could not be stored.
    """
    found, name = connection.execute(text("SELECT @@character_set_database, DATABASE()")).one()
    if found != CHARACTER_SET:
        raise StorageError(
            f"The database {name!r} has the character set {found!r}, which cannot hold every text: run "
            f"ALTER DATABASE `{name}` CHARACTER SET {CHARACTER_SET}; before its first table is made, then "
            "try again."
        )


def require_character_set_of_tables(connection: Connection, tables: Sequence[str]) -> None:
    """Check the same of tables that exist already, which keep the character set of the day they were made.

    Raises
    ------
    StorageError
        If one of the tables has another character set.
    """
    rows = connection.execute(
        text(
            "SELECT table_name, table_collation FROM information_schema.tables "
            "WHERE table_schema = DATABASE() AND table_collation NOT LIKE :collation ORDER BY table_name"
        ),
        {"collation": f"{CHARACTER_SET}\\_%"},
    ).all()
    wrong = [f"{name} ({collation})" for name, collation in rows if name in tables]
    if wrong:
        raise StorageError(
            f"These tables of Dagster's storage cannot hold every text: {', '.join(wrong)}; drop all of "
            "Dagster's tables if its history of runs may be lost, or else dump them, replace the character "
            f"set in the dump by {CHARACTER_SET} and load it; then try again."
        )


def require_privileges(connection: Connection) -> None:
    """Check, with a table of its own that is gone afterwards, that the account may do all that is needed.

    Raises
    ------
    StorageError
        If the server refuses something; the message names the privileges that are missing.
    """
    # First of all: without it, the table could not be removed.
    if _is_denied(connection, _DROP_PROBE):
        denied = ["DROP"]
    else:
        denied = [privilege for privilege, statement in _PROBES if _is_denied(connection, statement)]
        connection.execute(text(_DROP_PROBE))
    if denied:
        account, name = connection.execute(text("SELECT CURRENT_USER(), DATABASE()")).one()
        user, _, host = account.partition("@")
        raise StorageError(
            f"The account {account} lacks the privilege {', '.join(denied)} on the database {name!r}: let an "
            f"administrator run GRANT ALL PRIVILEGES ON `{name}`.* TO '{user}'@'{host}'; then try again."
        )


def _is_denied(connection: Connection, statement: str) -> bool:
    try:
        connection.execute(text(statement))
    except DBAPIError as error:
        number = getattr(error.orig, "errno", None)
        if number in _DENIED:
            return True
        if number != errorcode.ER_NO_SUCH_TABLE:  # which follows from CREATE having been denied
            raise
    return False


def widen_columns(connection: Connection) -> None:
    """Give the columns whose values Dagster lets outgrow 64 KB the type that holds them."""
    rows = connection.execute(
        text(
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns "
            "WHERE table_schema = DATABASE()"
        )
    )
    found = {(table, column): (data_type, nullable) for table, column, data_type, nullable in rows}
    for table, column, wide in _WIDENED:
        data_type, nullable = found.get((table, column), (wide, "YES"))
        if data_type.upper() != wide:
            null = "NULL" if nullable == "YES" else "NOT NULL"
            connection.execute(text(f"ALTER TABLE `{table}` MODIFY `{column}` {wide} {null}"))
