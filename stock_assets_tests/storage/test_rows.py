import datetime as dt
import decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from stock_assets.errors import InvalidRow
from stock_assets.storage.rows import read_frame, to_records
from stock_assets.storage.schema import models, outcomes, portfolio_weights, price_bars, stage1_predictions
from stock_assets_tests.storage.builders import MONDAY, NOON, bars, predictions, weights

BAR_CONSTANTS = {"revision": 0, "known_at": NOON, "run_id": "run"}
CONSTANTS = {"computed_at": NOON, "run_id": "run"}


def one_bar(**columns: Any) -> pd.DataFrame:
    return bars("kor", [2155.49], **columns)


def test_every_value_becomes_one_of_pythons_own() -> None:
    frame = one_bar(volume=np.float32(0.5), session=np.datetime64("2022-10-03", "ns"), split=np.int64(2))
    (record,) = to_records(frame, price_bars, BAR_CONSTANTS)
    assert {name: type(value) for name, value in record.items()} == {
        "instrument": str,
        "session": dt.date,
        "revision": int,
        "trading_day": dt.date,
        "open": type(None),
        "high": type(None),
        "low": type(None),
        "close": float,
        "volume": float,
        "adj_close": type(None),
        "dividend": type(None),
        "split": float,
        "currency": str,
        "unit": str,
        "source": str,
        "closed_at": dt.datetime,
        "available_at": dt.datetime,
        "known_at": dt.datetime,
        "run_id": str,
    }
    assert (record["volume"], record["split"]) == (0.5, 2.0)
    assert record["closed_at"] == dt.datetime(2022, 10, 3, 20, tzinfo=dt.UTC)


@pytest.mark.parametrize("absent", [np.nan, None, pd.NA, np.float64("nan")])
def test_a_missing_number_is_null_where_it_may_be(absent: object) -> None:
    (record,) = to_records(one_bar(open=pd.Series([absent], dtype="object")), price_bars, BAR_CONSTANTS)
    assert record["open"] is None


@pytest.mark.parametrize("absent", [np.nan, None, pd.NA])
def test_a_missing_number_is_refused_where_one_is_required(absent: object) -> None:
    frame = bars("kor", [1.0, 2.0]).assign(close=pd.Series([1.0, absent], dtype="object"))
    with pytest.raises(
        InvalidRow, match=r"^price_bars\.close at instrument=kor, session=2022-10-04, revision=0: "
    ):
        to_records(frame, price_bars, BAR_CONSTANTS)


@pytest.mark.parametrize("column", ["close", "open"])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_number_is_refused_everywhere(column: str, value: float) -> None:
    with pytest.raises(InvalidRow, match=rf"^price_bars\.{column} at instrument=kor, .*inf is not finite"):
        to_records(one_bar(**{column: value}), price_bars, BAR_CONSTANTS)


def test_minus_zero_is_zero() -> None:
    (record,) = to_records(one_bar(close=-0.0), price_bars, BAR_CONSTANTS)
    assert str(record["close"]) == "0.0"


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("close", "12.5", "'12.5' is no number"),
        ("close", True, "True is no number"),
        ("close", decimal.Decimal("1.5"), "is no number"),
        ("session", "2022-10-03", "'2022-10-03' is no date"),
        ("session", pd.Timestamp("2022-10-03 09:00"), "has a time"),
        ("session", pd.Timestamp("2022-10-03", tz="UTC"), "has a time zone"),
        ("session", pd.NaT, "a value is required"),
        ("closed_at", pd.Timestamp("2022-10-03 20:00"), "no instant with a time zone"),
        ("closed_at", dt.date(2022, 10, 3), "no instant with a time zone"),
        ("closed_at", pd.NaT, "a value is required"),
        ("instrument", 7, "7 is no text"),
        ("instrument", None, "a value is required"),
        ("instrument", "k" * 33, "33 characters where 32 are allowed"),
        ("unit", "per cent", "'per cent' is none of price, percent"),
    ],
)
def test_a_value_of_another_kind_is_refused(column: str, value: object, says: str) -> None:
    frame = one_bar().assign(**{column: pd.Series([value], dtype="object")})
    with pytest.raises(InvalidRow, match=rf"^price_bars\.{column} at .*{says}"):
        to_records(frame, price_bars, BAR_CONSTANTS)


def test_an_integer_is_whole() -> None:
    frame = pd.DataFrame({"date": [MONDAY], "asset": "a", "status": "published", "rows": [1.5]})
    with pytest.raises(InvalidRow, match=r"^outcomes\.rows at date=2022-10-03, asset=a: 1.5 is no whole"):
        to_records(frame, outcomes, CONSTANTS)


def test_a_flag_is_true_or_false() -> None:
    frame = predictions([MONDAY], [0.01]).assign(live=1)
    with pytest.raises(InvalidRow, match=r"^stage1_predictions\.live at .*1 is neither true nor false"):
        to_records(frame, stage1_predictions, CONSTANTS)


def test_instants_are_converted_to_utc() -> None:
    seoul = pd.Timestamp("2022-10-04 09:00:00.000001", tz="Asia/Seoul")
    (record,) = to_records(one_bar(closed_at=seoul), price_bars, BAR_CONSTANTS)
    assert record["closed_at"].isoformat() == "2022-10-04T00:00:00.000001+00:00"


def test_unknown_missing_and_set_columns_are_refused() -> None:
    with pytest.raises(InvalidRow, match="column 'colse' is unknown"):
        to_records(one_bar().rename(columns={"open": "colse"}), price_bars, BAR_CONSTANTS)
    with pytest.raises(InvalidRow, match="no column close, which is required"):
        to_records(one_bar().drop(columns="close"), price_bars, BAR_CONSTANTS)
    with pytest.raises(InvalidRow, match="a column run_id, which is set for it"):
        to_records(one_bar(run_id="mine"), price_bars, BAR_CONSTANTS)
    (record,) = to_records(one_bar().drop(columns="open"), price_bars, BAR_CONSTANTS)
    assert record["open"] is None


def test_a_repeated_key_is_refused() -> None:
    frame = pd.concat([weights([MONDAY], [0.5, 0.5]), weights([MONDAY], [1.0])])
    with pytest.raises(
        InvalidRow, match="date=2022-10-03, model=alpha, profile=stable, instrument=i0: the key occurs more"
    ):
        to_records(frame, portfolio_weights, CONSTANTS | {"model": "alpha"})


def test_a_frame_without_rows_gives_none() -> None:
    assert to_records(one_bar().iloc[:0], price_bars, BAR_CONSTANTS) == []


@pytest.mark.parametrize("value", [{"a": [np.inf]}, {1: 2}, {"when": NOON}])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    fields = {
        "model_id": "m",
        "kind": "stage1",
        "cutoff": MONDAY,
        "metrics": value,
        "artifact": "a",
        "sha256": "b",
        "versions": {},
    }
    frame = pd.DataFrame([fields]).astype("object")
    with pytest.raises(InvalidRow, match=r"^models\.metrics at model_id=m: .*JSON cannot say"):
        to_records(frame, models, CONSTANTS)


@pytest.mark.parametrize("empty", [False, True])
def test_a_column_read_has_one_dtype_with_rows_and_without(database: sa.Engine, empty: bool) -> None:
    with database.begin() as connection:
        if not empty:
            connection.execute(
                sa.insert(price_bars), to_records(one_bar(volume=7), price_bars, BAR_CONSTANTS)
            )
        frame = read_frame(connection, sa.select(price_bars))
        flags = read_frame(connection, sa.select(stage1_predictions))
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        **dict.fromkeys(("instrument", "currency", "unit", "source", "run_id"), "str"),
        **dict.fromkeys(("session", "trading_day"), "datetime64[s]"),
        **dict.fromkeys(("open", "high", "low", "close", "volume", "adj_close"), "float64"),
        **dict.fromkeys(("dividend", "split"), "float64"),
        **dict.fromkeys(("closed_at", "available_at", "known_at"), "datetime64[us, UTC]"),
        "revision": "int64",
    }
    assert flags["live"].dtype == "bool"
