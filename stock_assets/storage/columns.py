"""What a column and a table are, as ``stock_assets.storage.tables`` lists them."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["key", "required", "optional"]


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    name : str
    kind : str
        date, timestamp (UTC, with microseconds), double, integer, small_integer, boolean, json, bytes,
        sentence (a text of any length), or text(N) of at most N characters.
    role : str
        key (part of the primary key), required, or optional (may be absent).
    meaning : str
        What it says, with its unit.
    allowed : tuple of str
        The values that a text may have; empty if any.
    """

    name: str
    kind: str
    role: Role
    meaning: str
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One table: what a row is, and its columns."""

    meaning: str
    columns: tuple[Column, ...]


#: The last columns of everything that a partition write replaces.
WRITTEN = (
    Column("computed_at", "timestamp", "required", "When the row was computed, UTC."),
    Column("run_id", "text(64)", "required", "Dagster run that wrote the row."),
)
