"""The closes that ship inside skfolio."""

import subprocess
import sys
from datetime import date

import numpy as np
import pandas as pd
import pytest

from stock_assets.errors import SourceUnavailable, UnknownSymbol
from stock_assets.market_data import sample
from stock_assets.market_data.bars import SOURCE_COLUMNS
from stock_assets.market_data.sample import SampleSource
from stock_assets_tests.market_data.bars import instrument


def test_the_last_week_of_apple() -> None:
    rows = SampleSource().fetch(instrument("total"), "AAPL", date(2022, 12, 23), date(2022, 12, 31))
    assert list(rows.columns) == list(SOURCE_COLUMNS)
    assert rows["session"].tolist() == [pd.Timestamp(f"2022-12-{day}") for day in (23, 27, 28)]
    assert rows["session"].dtype == "datetime64[s]"
    assert rows["close"].dtype == np.float64
    assert rows["close"].iloc[-1] == 125.674
    assert rows.drop(columns=["session", "close"]).isna().all(axis=None)
    assert (rows.dtypes[list(SOURCE_COLUMNS[1:])] == np.float64).all()


def test_the_bounds_are_included() -> None:
    rows = SampleSource().fetch(instrument("total"), "KO", date(2010, 1, 4), date(2022, 12, 28))
    assert (len(rows), rows["session"].iloc[0], rows["session"].iloc[-1]) == (
        3270,
        pd.Timestamp("2010-01-04"),
        pd.Timestamp("2022-12-28"),
    )
    assert rows["close"].gt(0).all()


def test_a_time_without_a_session_is_empty() -> None:
    rows = SampleSource().fetch(instrument("total"), "KO", date(2022, 12, 24), date(2022, 12, 26))
    assert list(rows.columns) == list(SOURCE_COLUMNS)
    assert len(rows) == 0


def test_an_unknown_symbol_is_told_which_there_are() -> None:
    with pytest.raises(UnknownSymbol) as raised:
        SampleSource().fetch(instrument("total"), "aapl", date(2022, 12, 23), date(2022, 12, 31))
    assert str(raised.value) == (
        "instruments.x: the source 'sample' has no symbol 'aapl'; allowed are AAPL, AMD, BAC, BBY, CVX, GE, "
        "HD, JNJ, JPM, KO, LLY, MRK, MSFT, PEP, PFE, PG, RRC, UNH, WMT, XOM."
    )


def test_without_skfolio_there_is_no_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "find_spec", lambda name: None)
    with pytest.raises(SourceUnavailable, match=r"The package skfolio, .* is not installed; install it"):
        SampleSource().fetch(instrument("total"), "KO", date(2022, 12, 24), date(2022, 12, 26))


def test_reading_the_sample_does_not_import_skfolio() -> None:
    program = (
        "import sys\nfrom stock_assets.market_data.sample import SampleSource\n"
        "assert len(SampleSource()._closes.columns) == 20\n"
        "assert not {'skfolio', 'sklearn', 'cvxpy', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
