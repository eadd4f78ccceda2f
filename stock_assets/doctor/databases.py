"""The project's tables and Dagster's own: reachable, made, and those of this version."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from stock_assets.doctor.bounds import within
from stock_assets.doctor.contents import content_diagnoses
from stock_assets.doctor.diagnosis import Diagnosis
from stock_assets.errors import ConfigurationError, StorageError
from stock_assets.instance_storage import inspect_tables
from stock_assets.settings import DATABASE_URL_VARIABLE, Settings
from stock_assets.storage.engine import create_engine, describe, is_mysql, sqlite_file
from stock_assets.storage.migrate import INIT_COMMAND, has_tables, require_current

SUBJECT, DAGSTER_SUBJECT = "database", "Dagster's storage"

_SECONDS = 15.0
_PREPARE = f"Run `{INIT_COMMAND}`; `make run` does it by itself."


def database_diagnoses(settings: Settings) -> Iterator[Diagnosis]:
    """Open the database and compare its tables with those of this version, then Dagster's; make none.

    Parameters
    ----------
    settings : Settings
        Names the universe, its state folder and the database.
    """
    try:
        found = within(_SECONDS, lambda: _own_tables(settings))
    except (StorageError, SQLAlchemyError, OSError) as error:
        found = [_failure(SUBJECT, error)]
    yield from found
    if found[0].verdict == "failed" and not _is_sqlite(settings):
        yield Diagnosis(DAGSTER_SUBJECT, "skipped", "It was not looked at, since it lies in that database.")
        return
    yield _dagster_tables(settings)


def _own_tables(settings: Settings) -> list[Diagnosis]:
    """Look at the project's tables, and at what they hold.

    Raises
    ------
    StorageError, SQLAlchemyError
        If they cannot be used.
    """
    file = sqlite_file(settings.database_url)
    if file is not None and not file.exists():
        return [Diagnosis(SUBJECT, "warning", f"The SQLite file {file} has not been made yet.", _PREPARE)]
    engine = create_engine(settings.database_url)
    try:
        kind = _kind(engine)
        if not has_tables(engine):
            return [Diagnosis(SUBJECT, "warning", f"{kind} has no tables yet.", _PREPARE)]
        require_current(engine, settings.universe)
        found = f"{kind} has the tables of this version, and serves {settings.universe}."
        return [Diagnosis(SUBJECT, "ok", found), *content_diagnoses(engine)]
    finally:
        engine.dispose()


def _kind(engine: sa.Engine) -> str:
    """Return what the database is, by asking it, and where."""
    with engine.connect() as connection:
        version = ".".join(str(part) for part in (connection.dialect.server_version_info or ()))
        maria = is_mysql(connection) and getattr(connection.dialect, "is_mariadb", False)
    name = "SQLite" if not is_mysql(engine) else "MariaDB" if maria else "MySQL"
    return f"{name} {version} ({describe(engine)})"


def _dagster_tables(settings: Settings) -> Diagnosis:
    try:
        state = within(_SECONDS, lambda: inspect_tables(settings))
    except (StorageError, ConfigurationError, OSError) as error:
        return _failure(DAGSTER_SUBJECT, error)
    if state == "current":
        return Diagnosis(DAGSTER_SUBJECT, "ok", "Its tables are those of the installed Dagster.")
    if state == "absent":
        return Diagnosis(DAGSTER_SUBJECT, "warning", "It has no tables yet.", _PREPARE)
    found = "Its tables are those of an older version of Dagster, or only a part of them."
    return Diagnosis(DAGSTER_SUBJECT, "failed", found, _PREPARE)


def _failure(subject: str, error: Exception) -> Diagnosis:
    if isinstance(error, StorageError | ConfigurationError):
        return Diagnosis(subject, "failed", " ".join(str(error).split()))
    cause = error.orig if isinstance(error, DBAPIError) else error
    return Diagnosis(
        subject,
        "failed",
        f"It cannot be read ({' '.join(str(cause).split())}).",
        f"Put right what this names: the server, the file or {DATABASE_URL_VARIABLE}.",
    )


def _is_sqlite(settings: Settings) -> bool:
    try:
        return sqlite_file(settings.database_url) is not None
    except StorageError:
        return False
