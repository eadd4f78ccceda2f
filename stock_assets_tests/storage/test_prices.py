import datetime as dt
import threading

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from stock_assets.errors import InvalidRow
from stock_assets.market_data.bars import BAR_COLUMNS, empty_bars
from stock_assets.storage.changes import bars_before_known_at, known_at_by_day
from stock_assets.storage.prices import (
    AppendedBars,
    append_bars,
    last_sessions,
    read_bars,
    stored_sessions,
)
from stock_assets.storage.schema import price_bars
from stock_assets_tests.storage.builders import LATER, MONDAY, NOON, bars, rows_of

TUESDAY = MONDAY + dt.timedelta(days=1)


def append(engine: sa.Engine, frame: pd.DataFrame, known_at: dt.datetime = NOON) -> AppendedBars:
    with engine.begin() as connection:
        return append_bars(connection, frame, run_id="run", known_at=known_at)


def closes(engine: sa.Engine, *, as_of: dt.datetime | None = None) -> list[tuple[float, int]]:
    with engine.begin() as connection:
        frame = read_bars(connection, as_of=as_of)
    return list(zip(frame["close"], frame["revision"], strict=True))


def test_new_bars_are_revision_zero_and_come_back_as_given(database: sa.Engine) -> None:
    frame = bars("kor", [2155.49, 2209.38], open=[2150.0, np.nan], volume=[1e9, 2e9])
    result = append(database, frame)
    with database.begin() as connection:
        stored = read_bars(connection)
    assert (result.added, len(result.revised)) == (2, 0)
    pd.testing.assert_frame_equal(stored[list(BAR_COLUMNS)], frame)
    assert stored["revision"].tolist() == [0, 0]
    assert stored["run_id"].tolist() == ["run", "run"]
    assert stored["known_at"].tolist() == [pd.Timestamp(NOON)] * 2
    assert tuple(stored.columns) == (*BAR_COLUMNS, "revision", "known_at", "run_id")


def test_the_same_bars_again_change_nothing(database: sa.Engine) -> None:
    append(database, bars("kor", [1.0, 2.0], adj_close=[0.9, 1.9]))
    before = rows_of(database, price_bars)
    result = append(database, bars("kor", [1.0, 2.0], adj_close=[0.8, 1.8]), LATER)
    assert (result.added, len(result.revised)) == (0, 0)
    assert rows_of(database, price_bars) == before


def test_another_close_is_the_next_revision(database: sa.Engine) -> None:
    append(database, bars("kor", [100.0, 200.0]))
    first = append(database, bars("kor", [100.5, 200.0, 300.0]), LATER)
    second = append(database, bars("kor", [99.0]), LATER + dt.timedelta(hours=1))
    assert (first.added, second.added) == (1, 0)
    assert closes(database) == [(99.0, 2), (200.0, 0), (300.0, 0)]
    assert first.revised.to_dict("records") == [
        {
            "instrument": "kor",
            "session": pd.Timestamp(MONDAY),
            "trading_day": pd.Timestamp(MONDAY),
            "revision": 1,
            "old_close": 100.0,
            "new_close": 100.5,
            "old_dividend": 0.0,
            "new_dividend": 0.0,
            "old_split": 0.0,
            "new_split": 0.0,
        }
    ]
    assert second.revised[["revision", "old_close", "new_close"]].values.tolist() == [[2, 100.5, 99.0]]
    assert len(rows_of(database, price_bars)) == 5


@pytest.mark.parametrize(
    ("old", "new", "revised"),
    [
        (100.0, 100.009, False),
        (100.0, 99.991, False),
        (100.0, 100.011, True),
        (100.0, 99.989, True),
        (0.0, 0.0, False),
        (0.0, 0.01, True),
        (0.01, 0.0, True),
        (-0.5, -0.50004, False),
        (-0.5, -0.5001, True),
        (-0.5, 0.5, True),
        (4.28, 4.29, True),
    ],
)
def test_a_close_within_one_ten_thousandth_is_the_same(
    database: sa.Engine, old: float, new: float, revised: bool
) -> None:
    append(database, bars("us10y", [old], unit="percent"))
    assert len(append(database, bars("us10y", [new], unit="percent"), LATER).revised) == revised


@pytest.mark.parametrize("column", ["dividend", "split"])
@pytest.mark.parametrize(
    ("old", "new", "revised", "left"),
    [
        (np.nan, 1.5, True, 1.5),  # named later
        (0.0, 1.5, True, 1.5),
        (1.5, 1.6, True, 1.6),
        (1.5, 1.5001, False, 1.5),
        (1.5, 0.0, True, 0.0),  # taken back
        (1.5, np.nan, False, 1.5),  # the source says nothing of it any more
        (np.nan, 0.0, False, np.nan),
        (0.0, np.nan, False, 0.0),
        (np.nan, np.nan, False, np.nan),
    ],
)
def test_a_payment_that_changes_beside_the_same_close_is_a_revision(
    database: sa.Engine, column: str, old: float, new: float, revised: bool, left: float
) -> None:
    append(database, bars("kor", [100.0], **{column: old}))
    result = append(database, bars("kor", [100.0], **{column: new}), LATER)
    with database.begin() as connection:
        (row,) = read_bars(connection).to_dict("records")
        (before,) = read_bars(connection, as_of=NOON).to_dict("records")
    assert (len(result.revised), row["revision"]) == (revised, revised)
    np.testing.assert_equal([row[column], before[column]], [left, old])
    if revised:
        (said,) = result.revised.to_dict("records")
        assert (said[f"old_{column}"], said[f"new_{column}"]) == (np.nan_to_num(old), new)
        assert said["old_close"] == said["new_close"] == 100.0


def test_a_revised_close_keeps_a_payment_that_the_source_names_no_more(database: sa.Engine) -> None:
    append(database, bars("kor", [100.0], dividend=1.5, split=2.0))
    (said,) = append(database, bars("kor", [101.0]), LATER).revised.to_dict("records")
    assert (said["new_dividend"], said["new_split"]) == (1.5, 2.0)


def test_small_corrections_cannot_add_up_unseen(database: sa.Engine) -> None:
    append(database, bars("kor", [100.0]))
    results = [append(database, bars("kor", [100.0 + 0.006 * step]), LATER) for step in (1, 2)]
    assert [len(result.revised) for result in results] == [0, 1]


def test_a_revision_keeps_what_it_lacks(database: sa.Engine) -> None:
    append(database, bars("kor", [100.0], open=99.0, volume=5.0, dividend=1.5, adj_close=98.0))
    append(database, bars("kor", [101.0], volume=6.0), LATER)
    with database.begin() as connection:
        (row,) = read_bars(connection).to_dict("records")
    assert (row["close"], row["volume"], row["open"], row["dividend"], row["adj_close"]) == (
        101.0,
        6.0,
        99.0,
        1.5,
        98.0,
    )
    assert np.isnan(row["high"])


@pytest.mark.parametrize(("close", "kept"), [(102.0, True), (98.0, True), (102.1, False), (97.9, False)])
def test_a_revision_keeps_no_range_that_its_close_lies_outside(
    database: sa.Engine, close: float, kept: bool
) -> None:
    append(database, bars("kor", [100.0], open=99.0, high=102.0, low=98.0, dividend=1.5))
    append(database, bars("kor", [close]), LATER)
    with database.begin() as connection:
        (row,) = read_bars(connection).to_dict("records")
    assert (row["close"], row["dividend"]) == (close, 1.5)
    expected = [99.0, 102.0, 98.0] if kept else [np.nan] * 3
    np.testing.assert_array_equal([row["open"], row["high"], row["low"]], expected)


def test_when_each_day_was_last_known(database: sa.Engine) -> None:
    append(database, bars("kor", [100.0, 101.0]))
    append(database, bars("kor", [100.0, 105.0]), LATER)
    with database.begin() as connection:
        days = sorted(read_bars(connection)["trading_day"].dt.date)
        found = known_at_by_day(connection, days[0], days[1])
        assert list(known_at_by_day(connection, days[1], days[1])) == [days[1]]
    assert found == {days[0]: NOON, days[1]: LATER}


def test_when_the_bar_before_was_last_known(database: sa.Engine) -> None:
    append(database, bars("kor", [100.0, 101.0, 102.0, 103.0]))
    append(database, bars("us", [100.0, 101.0], TUESDAY), NOON + dt.timedelta(minutes=1))
    days = [MONDAY + dt.timedelta(days=number) for number in range(4)]

    def found(first: dt.date = days[0], last: dt.date = days[-1]) -> dict[dt.date, dt.datetime]:
        with database.begin() as connection:
            return bars_before_known_at(connection, first, last)

    us = NOON + dt.timedelta(minutes=1)
    assert found() == {days[1]: NOON, days[2]: us, days[3]: NOON}
    append(database, bars("kor", [200.0], TUESDAY), LATER)
    assert found() == {days[1]: NOON, days[2]: LATER, days[3]: NOON}
    assert found(days[2], days[2]) == {days[2]: LATER}, "its bar before lies before the first day"
    append(database, bars("us", [200.0]), LATER)
    assert found() == {days[1]: LATER, days[2]: LATER, days[3]: NOON}, "a bar that comes late is one before"


def test_the_bar_before_is_the_sessions_before_and_not_the_trading_days(database: sa.Engine) -> None:
    saturday, monday, tuesday = (dt.date(2022, 10, day) for day in (8, 10, 11))
    for session in (saturday, monday, tuesday):
        day = pd.Timestamp(max(session, monday))
        append(database, bars("coin", [100.0], monday, session=pd.Timestamp(session), trading_day=day))
    append(
        database,
        bars("coin", [150.0], monday, session=pd.Timestamp(saturday), trading_day=pd.Timestamp(monday)),
        LATER,
    )
    with database.begin() as connection:
        assert bars_before_known_at(connection, monday, tuesday) == {monday: LATER, tuesday: NOON}


def test_a_bar_without_a_close_is_refused_and_nothing_is_stored(database: sa.Engine) -> None:
    with pytest.raises(InvalidRow, match=r"price_bars\.close at instrument=kor, session=2022-10-04"):
        append(database, bars("kor", [1.0, np.nan]))
    assert rows_of(database, price_bars) == []


def test_a_session_given_twice_is_refused(database: sa.Engine) -> None:
    with pytest.raises(InvalidRow, match="instrument=kor, session=2022-10-03, revision=0: the key occurs"):
        append(database, pd.concat([bars("kor", [1.0]), bars("kor", [2.0])]))


def test_no_bars_are_no_change(database: sa.Engine) -> None:
    result = append(database, empty_bars())
    assert result.added == 0
    assert result.revised.dtypes.astype(str).to_dict() == {
        "instrument": "str",
        "session": "datetime64[s]",
        "trading_day": "datetime64[s]",
        "revision": "int64",
        "old_close": "float64",
        "new_close": "float64",
        "old_dividend": "float64",
        "new_dividend": "float64",
        "old_split": "float64",
        "new_split": "float64",
    }


def test_as_of_gives_what_was_known_then(database: sa.Engine) -> None:
    append(database, bars("kor", [100.0, 200.0]))
    append(database, bars("kor", [101.0, 200.0, 300.0]), LATER)
    assert closes(database, as_of=NOON - dt.timedelta(microseconds=1)) == []
    assert closes(database, as_of=NOON) == [(100.0, 0), (200.0, 0)]
    assert closes(database, as_of=LATER - dt.timedelta(microseconds=1)) == [(100.0, 0), (200.0, 0)]
    assert closes(database, as_of=LATER) == [(101.0, 1), (200.0, 0), (300.0, 0)]
    in_seoul = LATER.astimezone(dt.timezone(dt.timedelta(hours=9)))
    assert closes(database, as_of=in_seoul - dt.timedelta(microseconds=1)) == [(100.0, 0), (200.0, 0)]


def test_a_weekend_session_is_read_with_its_trading_day(database: sa.Engine) -> None:
    saturday = bars("ind", [1.0], dt.date(2022, 9, 30)).assign(
        session=pd.Timestamp("2022-10-01"), trading_day=pd.Timestamp(MONDAY)
    )
    append(database, saturday)
    with database.begin() as connection:
        assert len(read_bars(connection, until=dt.date(2022, 10, 2))) == 0
        assert len(read_bars(connection, until=MONDAY)) == 1
        assert len(read_bars(connection, since=MONDAY)) == 1
        assert len(read_bars(connection, since=TUESDAY)) == 0


def test_instruments_are_chosen_by_name(database: sa.Engine) -> None:
    append(database, pd.concat([bars(name, [1.0, 2.0]) for name in ("us", "kor", "jp")]))
    with database.begin() as connection:
        chosen = read_bars(connection, instruments=["us", "jp", "us", "unknown"])
        none = read_bars(connection, instruments=[])
    assert chosen["instrument"].tolist() == ["jp", "jp", "us", "us"]
    assert len(none) == 0
    assert none.dtypes.equals(chosen.dtypes)


def test_stored_and_last_sessions(database: sa.Engine) -> None:
    append(database, bars("kor", [1.0, 2.0, 3.0]))
    append(database, bars("us", [1.0]))
    append(database, bars("kor", [5.0]), LATER)
    with database.begin() as connection:
        sessions = stored_sessions(connection, "kor")
        nothing = stored_sessions(connection, "unknown")
        last = last_sessions(connection)
    assert sessions.dtype == nothing.dtype == np.dtype("datetime64[D]")
    assert sessions.tolist() == [MONDAY, TUESDAY, MONDAY + dt.timedelta(days=2)]
    assert nothing.tolist() == []
    assert last == {"kor": MONDAY + dt.timedelta(days=2), "us": MONDAY}


def test_two_writers_of_the_same_bars_store_them_once(database: sa.Engine) -> None:
    frame = bars("kor", [float(close) for close in range(1, 400)])
    together = threading.Barrier(4)
    added: list[int] = []

    def write() -> None:
        together.wait(10)
        added.append(append(database, frame).added)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert sorted(added) == [0, 0, 0, 399]
    assert len(rows_of(database, price_bars)) == 399
