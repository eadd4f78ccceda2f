"""Which database holds Dagster's own tables."""

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import NullPool, create_engine
from sqlalchemy.engine import Engine, make_url

from stock_assets.errors import ConfigurationError
from stock_assets.settings import DATABASE_URL_VARIABLE
from stock_assets.storage.database_url import read_url

MYSQL_DRIVER = "mysql+mysqlconnector"


@dataclass(frozen=True)
class InstanceDatabase:
    """The place of Dagster's own tables: runs, event log, schedules.

    Attributes
    ----------
    state_dir : Path
        The universe's state folder. With SQLite, Dagster's files lie in it as Dagster itself lays them out:
        ``history/runs.db``, ``history/runs/index.db``, one more file a run beside it, and
        ``schedules/schedules.db``.
    mysql_url : str or None
        SQLAlchemy URL of a MySQL or MariaDB database; None means SQLite. It may hold a password, so it is
        never in a ``repr``.
    """

    state_dir: Path
    mysql_url: str | None = field(default=None, repr=False)

    @classmethod
    def choose(cls, state_dir: Path, database_url: str | None) -> "InstanceDatabase":
        """Choose the database by the project's one URL.

        Parameters
        ----------
        state_dir : Path
            The universe's state folder.
        database_url : str or None
            Value of ``STOCK_ASSETS_DATABASE_URL``. None, empty or any SQLite URL means SQLite in the state
            folder: such a URL moves the project's own tables only.

        Raises
        ------
        ConfigurationError
            If the URL cannot be read or names a database or driver that Dagster's storage does not have.
        """
        if not database_url:
            return cls(state_dir)
        url = read_url(database_url)
        if url is None:
            raise ConfigurationError(
                f"{DATABASE_URL_VARIABLE} cannot be read as a database URL; write "
                f"{MYSQL_DRIVER}://user:password@host:3306/database with special characters percent-encoded, "
                "or leave it unset for SQLite."
            )
        driver = url.drivername
        if driver.partition("+")[0] == "sqlite":
            return cls(state_dir)
        if driver == MYSQL_DRIVER:
            return cls(state_dir, database_url)
        raise ConfigurationError(
            f"{DATABASE_URL_VARIABLE} names the driver {driver!r}, which Dagster's storage does not have; "
            f"use {MYSQL_DRIVER}://user:password@host:3306/database, or leave it unset for SQLite."
        )

    def mysql_engine(self) -> Engine:
        """Return an engine of the MySQL database that keeps no connection open.

        Raises
        ------
        ConfigurationError
            If SQLite is chosen.
        """
        if self.mysql_url is None:
            raise ConfigurationError(f"{self} means SQLite in the state folder: there is no server to ask.")
        return create_engine(self.mysql_url, poolclass=NullPool)

    def describe(self) -> str:
        """Return what to call the database in messages: the state folder, or the URL without password."""
        if self.mysql_url is None:
            return str(self.state_dir)
        return make_url(self.mysql_url).render_as_string(hide_password=True)
