"""Bars as histories."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from stock_assets.errors import BadPayload
from stock_assets.market_data.bar_assembly import assemble_bars
from stock_assets.market_data.bars import empty_bars
from stock_assets.market_data.history import build_history
from stock_assets_tests.market_data.bars import calendar, instrument, source_rows, trading_days, weekdays

THURSDAY, FRIDAY, SATURDAY, MONDAY = (date(2021, 1, day) for day in (7, 8, 9, 11))


def bars_of(lag: timedelta = timedelta(0)) -> pd.DataFrame:
    sessions = sorted([*weekdays(), SATURDAY])
    rows = source_rows([THURSDAY, FRIDAY, SATURDAY, MONDAY], [100, 110, 99, 99], high=[101, 111, 100, 100])
    return assemble_bars(instrument(lag=lag), "csv", rows, calendar(sessions), trading_days())


def test_a_history_is_in_the_order_of_sessions() -> None:
    shuffled = bars_of().iloc[[2, 0, 3, 1]]
    history = build_history(instrument(), shuffled, trading_days())
    assert len(history) == 4
    assert history.instrument == "x"
    assert history.sessions.tolist() == [THURSDAY, FRIDAY, SATURDAY, MONDAY]
    assert history.trading_days.tolist() == [THURSDAY, FRIDAY, MONDAY, MONDAY]
    assert history.close.tolist() == [100, 110, 99, 99]
    assert history.high.tolist() == [101, 111, 100, 100]
    assert np.isnan(history.open).all()
    assert history.level.tolist() == pytest.approx([1, 1.1, 0.99, 0.99])


def test_closing_days_come_from_the_close_and_not_from_its_publication() -> None:
    history = build_history(instrument(), bars_of(timedelta(days=1)), trading_days())
    # Published a day later, Saturday's on Sunday: all but Thursday's are known on Monday or after.
    assert history.trading_days.tolist() == [FRIDAY, MONDAY, MONDAY, date(2021, 1, 12)]
    assert history.closing_days.tolist() == [THURSDAY, FRIDAY, MONDAY, MONDAY]


def test_until_a_day_is_what_belongs_to_it_or_before() -> None:
    history = build_history(instrument(), bars_of(), trading_days())
    assert history.until(date(2021, 1, 6)).sessions.tolist() == []
    assert history.until(FRIDAY).sessions.tolist() == [THURSDAY, FRIDAY]
    assert history.until(np.datetime64(SATURDAY)).sessions.tolist() == [THURSDAY, FRIDAY]
    assert history.until(MONDAY).level.tolist() == history.level.tolist()


def test_later_bars_change_no_byte_of_a_history() -> None:
    rows = source_rows(weekdays(), np.exp(np.linspace(0, 3, len(weekdays()))))
    bars = assemble_bars(instrument(), "csv", rows, calendar(), trading_days())
    whole = build_history(instrument(), bars, trading_days())
    part = build_history(instrument(), bars.iloc[:20], trading_days())
    assert part.level.tobytes() == whole.level[:20].tobytes()
    assert part.closing_days.tobytes() == whole.closing_days[:20].tobytes()


def test_without_bars_a_history_is_empty() -> None:
    history = build_history(instrument(), empty_bars(), trading_days())
    assert len(history) == 0
    assert (
        history.sessions.dtype == history.trading_days.dtype == history.closing_days.dtype == "datetime64[D]"
    )
    assert history.level.dtype == history.close.dtype == np.float64


def test_dates_as_a_database_gives_them_are_read() -> None:
    bars = bars_of()
    stored = bars.assign(session=bars["session"].dt.date, trading_day=bars["trading_day"].dt.date, open=None)
    history = build_history(instrument(), stored, trading_days())
    assert history.sessions.tolist() == [THURSDAY, FRIDAY, SATURDAY, MONDAY]
    assert np.isnan(history.open).all()


def test_two_bars_of_a_session_are_no_history() -> None:
    with pytest.raises(BadPayload) as raised:
        build_history(instrument(), pd.concat([bars_of(), bars_of().iloc[[1]]]), trading_days())
    assert str(raised.value) == (
        "x has two bars of the session 2021-01-08; a history takes the newest revision of each session alone."
    )


def test_trading_days_that_go_back_are_no_history() -> None:
    bars = bars_of()
    bars.loc[0, "trading_day"] = pd.Timestamp(MONDAY)
    with pytest.raises(BadPayload) as raised:
        build_history(instrument(), bars, trading_days())
    assert str(raised.value) == (
        "x's session 2021-01-08 belongs to 2021-01-08 and the one before to 2021-01-11; store its bars again "
        "after publication_lag was changed."
    )
