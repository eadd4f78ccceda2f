"""Column types that mean the same on SQLite and on MySQL.

They are spelled out down to the database's own type. Importing Dagster changes, for the whole process,
how SQLAlchemy's general ``Float`` and ``DateTime`` are written on MySQL; a table must not depend on that.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

#: What a JSON column holds.
Json = Mapping[str, "Json"] | Sequence["Json"] | str | int | float | bool | None


class Day(sa.types.TypeDecorator[date]):
    """A date without a time; midnight of any of Python's, pandas' types is one too."""

    impl = sa.Date
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: sa.Dialect) -> date | None:
        """Turn it into a plain date, the only kind that every driver takes; ``ValueError`` for an instant."""
        if value is None or type(value) is date:
            return value
        day = date(value.year, value.month, value.day)
        if isinstance(value, datetime) and value != datetime.combine(day, time()):
            raise ValueError(f"{value!r} is an instant where a date is meant")
        return day


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An instant with microseconds: aware in, aware in UTC out.

    Databases store it as UTC without a zone: as text in SQLite, as DATETIME(6) in MySQL.
    """

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[datetime]:
        """Return the database's own type."""
        if dialect.name == "mysql":
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sa.DateTime())

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Turn an aware instant into UTC without a zone; ``ValueError`` for a naive one."""
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"{value!r} has no time zone; give an aware datetime")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Add UTC, which is what is stored."""
        return None if value is None else value.replace(tzinfo=UTC)


class CanonicalJson(sa.types.TypeDecorator[Json]):
    """JSON as text with sorted keys: the same text for the same value, on every database.

    A server's own JSON type would reorder keys and rewrite numbers.
    """

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[str]:
        """Return the database's own type."""
        if dialect.name == "mysql":
            return dialect.type_descriptor(mysql.MEDIUMTEXT())
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: Json, dialect: sa.Dialect) -> str | None:
        """Write the value; ``ValueError`` for a number that is not finite."""
        if value is None:
            return None
        return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Json:
        """Read the value."""
        return None if value is None else json.loads(value)
