"""Between frames and rows: the only place where values change their type.

On the way in every value becomes one of Python's own, and a value that a column must not hold is
refused with its table, column and key. On the way out every column has one dtype, empty or not.
"""

import datetime as dt
import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import sqlalchemy as sa

from stock_assets.errors import InvalidRow
from stock_assets.storage.column_types import CanonicalJson, Day, Json, UtcDateTime

#: A value as it is bound to a statement.
Value: TypeAlias = str | bool | int | float | dt.date | dt.datetime | Json
#: A row by column name: the value's type is the column's, which no type checker can know.
Record: TypeAlias = dict[str, Any]
#: Reports the value at a position of the frame as one that the column must not hold.
_Refusal: TypeAlias = Callable[[int, str], InvalidRow]


def to_records(
    frame: pd.DataFrame, table: sa.Table, constants: Mapping[str, object] | None = None
) -> list[Record]:
    """Turn a frame into rows of a table.

    Parameters
    ----------
    frame : DataFrame, shape (n_rows, n_columns)
        Columns named as the table's. A nullable column may be left out.
    table : Table
        Where the rows go.
    constants : mapping, optional
        Columns that have one value for all rows, such as ``run_id``.

    Returns
    -------
    list of dict
        One dict a row with every column of the table and Python's own values: numpy's and pandas'
        scalars converted, instants in UTC, minus zero as zero (MySQL has none), and None for what
        is missing in a nullable column.

    Raises
    ------
    InvalidRow
        For a column that the table does not have or that is missing, a missing value in a required
        column, an infinite number, a date with a time, an instant without a zone, a text that is too
        long, a value of another kind, or a key that occurs twice.
    """
    given = frame.reset_index(drop=True)
    for name, value in (constants or {}).items():
        if name in given:
            raise InvalidRow(
                f"{table.name}: the frame has a column {name}, which is set for it; leave it out."
            )
        given[name] = pd.Series([value] * len(given), index=given.index, dtype="object")
    unknown = [str(name) for name in given.columns if name not in table.columns]
    if unknown:
        raise InvalidRow(
            f"{table.name}: the frame's column {unknown[0]!r} is unknown; the table has "
            f"{', '.join(table.columns.keys())}."
        )
    values = {column.name: _column_values(given, table, column) for column in table.columns}
    names = list(values)
    records = [dict(zip(names, row, strict=True)) for row in zip(*values.values(), strict=True)]
    _refuse_repeated_keys(records, table)
    return records


def read_frame(connection: sa.Connection, statement: sa.Select) -> pd.DataFrame:
    """Run a query and return its rows as a frame, each column with the dtype of its type.

    Doubles are float64 with NaN for NULL, dates ``datetime64[s]`` at midnight, instants
    ``datetime64[us, UTC]``, texts ``str``, JSON ``object``.
    """
    rows = connection.execute(statement).all()
    columns = list(statement.selected_columns)
    values: Sequence[Sequence[Value]] = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    return pd.DataFrame(
        {column.name: _series(value, column.type) for column, value in zip(columns, values, strict=True)}
    )


def describe_key(record: Mapping[str, object], table: sa.Table) -> str:
    """Return a row's key for a message: ``instrument=kor, session=2022-10-04``."""
    return ", ".join(f"{column.name}={_shown(record.get(column.name))}" for column in table.primary_key)


def _shown(value: object) -> str:
    return str(value.date()) if isinstance(value, pd.Timestamp) and value == value.normalize() else str(value)


def _column_values(frame: pd.DataFrame, table: sa.Table, column: sa.Column) -> list[Value]:
    if column.name not in frame:
        if not column.nullable:
            raise InvalidRow(f"{table.name}: the frame has no column {column.name}, which is required.")
        return [None] * len(frame)
    series = frame[column.name]

    def refusal(position: int, what: str) -> InvalidRow:
        row = frame.iloc[position]
        key = describe_key({str(name): row[name] for name in frame.columns}, table)
        return InvalidRow(f"{table.name}.{column.name} at {key}: {what}.")

    values = _converter(column.type)(series, column.type, refusal)
    allowed = column.info.get("allowed")
    for position, value in enumerate(values):
        if value is None:
            if not column.nullable:
                raise refusal(position, f"{series.iloc[position]} where a value is required")
        elif allowed is not None and value not in allowed:
            raise refusal(position, f"{value!r} is none of {', '.join(allowed)}")
    return values


def _converter(
    type_: sa.types.TypeEngine,
) -> Callable[[pd.Series, sa.types.TypeEngine, _Refusal], list[Value]]:
    for kind, convert in _CONVERTERS.items():
        if isinstance(type_, kind):
            return convert
    raise TypeError(f"no conversion for columns of type {type_!r}")


def _doubles(series: pd.Series, _type: sa.types.TypeEngine, refusal: _Refusal) -> list[Value]:
    if series.dtype.kind not in "fiu":
        for position, value in enumerate(series):
            if not (_missing(value) or isinstance(value, numbers.Real)) or isinstance(
                value, (bool, np.bool_)
            ):
                raise refusal(position, f"{value!r} is no number")
    array = series.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0
    infinite = np.flatnonzero(np.isinf(array))
    if len(infinite):
        raise refusal(int(infinite[0]), f"{array[infinite[0]]} is not finite")
    return [None if value != value else value for value in array.tolist()]


def _integers(series: pd.Series, type_: sa.types.TypeEngine, refusal: _Refusal) -> list[Value]:
    values = _doubles(series, type_, refusal)
    for position, value in enumerate(values):
        if isinstance(value, float):
            if not value.is_integer() or abs(value) > 2**31 - 1:
                raise refusal(position, f"{value} is no whole number of 32 bits")
            values[position] = int(value)
    return values


def _dates(series: pd.Series, _type: sa.types.TypeEngine, refusal: _Refusal) -> list[Value]:
    if series.dtype.kind != "M" or isinstance(series.dtype, pd.DatetimeTZDtype):
        for position, value in enumerate(series):
            if not _missing(value) and not isinstance(value, (dt.date, np.datetime64)):
                raise refusal(position, f"{value!r} is no date")
            if isinstance(value, dt.datetime) and value.tzinfo is not None:
                raise refusal(position, f"{value} has a time zone where a date is meant")
        series = pd.Series(pd.to_datetime(series, errors="raise"), dtype="datetime64[us]")
    instants = series.to_numpy()
    days = instants.astype("datetime64[D]")
    with_time = np.flatnonzero((days != instants) & ~np.isnat(instants))
    if len(with_time):
        raise refusal(int(with_time[0]), f"{series.iloc[with_time[0]]} has a time where a date is meant")
    return days.tolist()


def _instants(series: pd.Series, _type: sa.types.TypeEngine, refusal: _Refusal) -> list[Value]:
    if not isinstance(series.dtype, pd.DatetimeTZDtype):
        for position, value in enumerate(series):
            if not _missing(value) and not (isinstance(value, dt.datetime) and value.tzinfo is not None):
                raise refusal(position, f"{value!r} is no instant with a time zone")
        series = pd.Series(pd.to_datetime(series, utc=True))
    naive = series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    return [None if value is None else value.replace(tzinfo=dt.UTC) for value in naive.tolist()]


def _texts(series: pd.Series, type_: sa.types.TypeEngine, refusal: _Refusal) -> list[Value]:
    longest = type_.length if isinstance(type_, sa.String) else None
    values: list[Value] = []
    for position, value in enumerate(series):
        if _missing(value):
            values.append(None)
            continue
        if not isinstance(value, str):
            raise refusal(position, f"{value!r} is no text")
        if longest is not None and len(value) > longest:
            raise refusal(position, f"{value!r} has {len(value)} characters where {longest} are allowed")
        values.append(str(value))
    return values


def _booleans(series: pd.Series, _type: sa.types.TypeEngine, refusal: _Refusal) -> list[Value]:
    values: list[Value] = []
    for position, value in enumerate(series):
        if not _missing(value) and not isinstance(value, (bool, np.bool_)):
            raise refusal(position, f"{value!r} is neither true nor false")
        values.append(None if _missing(value) else bool(value))
    return values


def _json(series: pd.Series, _type: sa.types.TypeEngine, refusal: _Refusal) -> list[Value]:
    values: list[Value] = []
    for position, value in enumerate(series):
        try:
            values.append(_plain_json(value))
        except ValueError as error:
            raise refusal(position, f"{error}, which JSON cannot say") from error
    return values


def _plain_json(value: object) -> Json:
    """Return the value in Python's own types, with null for NaN.

    Raises
    ------
    ValueError
        For an infinite number, a key that is no text, or a type that JSON cannot say.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if math.isinf(value):
            raise ValueError(f"{value} is not finite")
        return None if math.isnan(value) else value
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        keys = [key for key in value if not isinstance(key, str)]
        if keys:
            raise ValueError(f"the key {keys[0]!r} is no text")
        return {str(key): _plain_json(below) for key, below in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [_plain_json(below) for below in value]
    raise ValueError(f"{value!r} is a {type(value).__name__}")


#: Most special first: a decorated type is none of the plain ones.
_CONVERTERS: dict[
    type[sa.types.TypeEngine], Callable[[pd.Series, sa.types.TypeEngine, _Refusal], list[Value]]
] = {
    UtcDateTime: _instants,
    CanonicalJson: _json,
    Day: _dates,
    sa.Boolean: _booleans,
    sa.Double: _doubles,
    sa.Integer: _integers,
    sa.String: _texts,
}


def _missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def _refuse_repeated_keys(records: list[Record], table: sa.Table) -> None:
    names = [column.name for column in table.primary_key]
    seen: set[tuple[Value, ...]] = set()
    for record in records:
        key = tuple(record[name] for name in names)
        if key in seen:
            raise InvalidRow(f"{table.name} at {describe_key(record, table)}: the key occurs more than once.")
        seen.add(key)


def _series(values: Sequence[Value], type_: sa.types.TypeEngine) -> pd.Series:
    if isinstance(type_, UtcDateTime):
        naive = [value.replace(tzinfo=None) if isinstance(value, dt.datetime) else None for value in values]
        return pd.Series(pd.DatetimeIndex(np.array(naive, dtype="datetime64[us]")).tz_localize("UTC"))
    if isinstance(type_, CanonicalJson):
        return pd.Series(list(values), dtype="object")
    for kind, dtype in _DTYPES.items():
        if isinstance(type_, kind):
            return pd.Series(np.array(values, dtype=dtype))
    return pd.Series(list(values), dtype="str")


_DTYPES: dict[type[sa.types.TypeEngine], str] = {
    Day: "datetime64[s]",
    sa.Boolean: "bool",
    sa.Double: "float64",
    sa.Integer: "int64",
}
