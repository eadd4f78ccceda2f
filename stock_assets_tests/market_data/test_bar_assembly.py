"""When a bar closed and fell due, and which trading day it belongs to."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from stock_assets.config.instruments import ReturnKind
from stock_assets.errors import CalendarError
from stock_assets.market_data.bar_assembly import EXPECTED_COLUMNS, assemble_bars, expected_bars
from stock_assets.market_data.bars import BAR_COLUMNS, SOURCE_COLUMNS
from stock_assets_tests.market_data.bars import (
    LAST,
    calendar,
    instrument,
    source_rows,
    trading_days,
    weekdays,
)

MONDAY, TUESDAY, FRIDAY, SATURDAY = date(2021, 1, 4), date(2021, 1, 5), date(2021, 1, 8), date(2021, 1, 9)
NEXT_MONDAY = date(2021, 1, 11)


def dates(column: pd.Series) -> list[date]:
    return [stamp.date() for stamp in column]


def test_a_bar_belongs_to_the_day_of_its_session() -> None:
    bars = assemble_bars(
        instrument(), "csv", source_rows([TUESDAY, MONDAY], [2.0, 1.0]), calendar(), trading_days()
    )
    assert list(bars.columns) == list(BAR_COLUMNS)
    assert dates(bars["session"]) == [MONDAY, TUESDAY]
    assert dates(bars["trading_day"]) == [MONDAY, TUESDAY]
    assert bars["close"].tolist() == [1.0, 2.0]
    assert bars["closed_at"].tolist() == [
        pd.Timestamp("2021-01-04T16:00", tz="UTC"),
        pd.Timestamp("2021-01-05T16:00", tz="UTC"),
    ]
    assert bars["available_at"].tolist() == bars["closed_at"].tolist()


def test_the_dtypes_are_those_of_the_contract() -> None:
    for rows in (source_rows([MONDAY], [1.0]), source_rows([], [])):
        bars = assemble_bars(instrument(), "csv", rows, calendar(), trading_days())
        assert bars["session"].dtype == bars["trading_day"].dtype == "datetime64[s]"
        assert str(bars["closed_at"].dtype) == str(bars["available_at"].dtype) == "datetime64[us, UTC]"
        for column in set(SOURCE_COLUMNS) - {"session"}:
            assert bars[column].dtype == np.float64


def test_a_bar_says_whose_it_is_and_what_its_numbers_mean() -> None:
    rows = source_rows([MONDAY], [1.0], volume=[7.0], dividend=[0.5])
    units: dict[ReturnKind, str] = {"price": "price", "total": "price", "future": "price", "yield": "percent"}
    for kind, unit in units.items():
        [bar] = assemble_bars(instrument(kind), "csv", rows, calendar(), trading_days()).to_dict("records")
        assert (bar["instrument"], bar["currency"], bar["unit"], bar["source"]) == ("x", "USD", unit, "csv")
        assert (bar["close"], bar["volume"], bar["dividend"]) == (1.0, 7.0, 0.5)
        assert np.isnan(bar["open"])


def test_a_publication_lag_moves_a_bar_to_the_next_trading_day() -> None:
    late = instrument(lag=timedelta(days=1))
    bars = assemble_bars(late, "csv", source_rows([MONDAY, FRIDAY], [1, 2]), calendar(), trading_days())
    assert dates(bars["trading_day"]) == [TUESDAY, NEXT_MONDAY]
    assert bars["closed_at"][0] == pd.Timestamp("2021-01-04T16:00", tz="UTC")
    assert bars["available_at"][0] == pd.Timestamp("2021-01-05T16:00", tz="UTC")


def test_a_short_lag_that_ends_before_the_decision_time_moves_nothing() -> None:
    bars = assemble_bars(
        instrument(lag=timedelta(hours=8)), "csv", source_rows([MONDAY], [1]), calendar(), trading_days()
    )
    assert dates(bars["trading_day"]) == [MONDAY]
    bars = assemble_bars(
        instrument(lag=timedelta(hours=8, minutes=1)),
        "csv",
        source_rows([MONDAY], [1]),
        calendar(),
        trading_days(),
    )
    assert dates(bars["trading_day"]) == [TUESDAY]


def test_a_session_on_saturday_belongs_to_monday() -> None:
    sessions = sorted([*weekdays(), SATURDAY])
    bars = assemble_bars(
        instrument(), "csv", source_rows([SATURDAY], [1]), calendar(sessions), trading_days()
    )
    assert dates(bars["trading_day"]) == [NEXT_MONDAY]


def test_a_bar_of_a_closed_day_closes_at_the_usual_time() -> None:
    open_days = weekdays(without=[TUESDAY])
    bars = assemble_bars(
        instrument(), "csv", source_rows([TUESDAY], [1]), calendar(open_days), trading_days()
    )
    assert bars["closed_at"][0] == pd.Timestamp("2021-01-05T16:00", tz="UTC")


def test_duplicates_stay_in_the_order_of_the_source() -> None:
    rows = source_rows([TUESDAY, MONDAY, TUESDAY], [3.0, 1.0, 2.0])
    bars = assemble_bars(instrument(), "csv", rows, calendar(), trading_days())
    assert bars["close"].tolist() == [1.0, 3.0, 2.0]


def test_a_row_outside_the_calendar_is_an_error() -> None:
    with pytest.raises(CalendarError, match="2021-04-01 lies outside the calendar of XNYS"):
        assemble_bars(instrument(), "csv", source_rows([date(2021, 4, 1)], [1.0]), calendar(), trading_days())


def test_expected_bars_are_the_sessions_with_their_days() -> None:
    sessions = sorted([*weekdays(without=[TUESDAY]), SATURDAY])
    expected = expected_bars(instrument(), calendar(sessions), trading_days())
    assert list(expected.columns) == list(EXPECTED_COLUMNS)
    assert dates(expected["session"]) == sessions
    by_session = dict(zip(dates(expected["session"]), dates(expected["trading_day"]), strict=True))
    assert by_session[SATURDAY] == by_session[NEXT_MONDAY] == NEXT_MONDAY
    assert by_session[FRIDAY] == FRIDAY


def test_what_is_expected_agrees_with_what_is_assembled() -> None:
    late = instrument(lag=timedelta(days=1))
    expected = expected_bars(late, calendar(), trading_days())
    bars = assemble_bars(
        late, "csv", source_rows(weekdays()[:-1], np.arange(len(weekdays()) - 1)), calendar(), trading_days()
    )
    pd.testing.assert_frame_equal(expected, bars[list(EXPECTED_COLUMNS)])


def test_what_falls_due_after_the_last_decision_time_is_not_expected() -> None:
    assert LAST == weekdays()[-1]
    assert dates(expected_bars(instrument(), calendar(), trading_days())["session"])[-1] == LAST
    late = expected_bars(instrument(lag=timedelta(days=1)), calendar(), trading_days())
    assert dates(late["session"])[-1] == weekdays()[-2]
