"""Bars from CSV files, and what cannot be read."""

import os
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stock_assets.config.sources import CsvSettings
from stock_assets.errors import BadPayload, SourceUnavailable, UnknownSymbol
from stock_assets.market_data.bars import SOURCE_COLUMNS
from stock_assets.market_data.csv_files import CsvSource
from stock_assets_tests.market_data.bars import instrument

FIRST, LAST = date(2021, 1, 4), date(2021, 1, 31)
ONE_EACH = CsvSettings(
    file="prices/{symbol}.csv", columns={"session": "Date", "close": "Close", "high": "High"}
)
SHARED = CsvSettings(file="all.csv", columns={"symbol": "Symbol", "session": "Date", "close": "Close"})


def one_each(folder: Path, content: str, symbol: str = "^KS11") -> CsvSource:
    (folder / "prices").mkdir(exist_ok=True)
    (folder / "prices" / f"{symbol}.csv").write_text(content, encoding="utf-8")
    return CsvSource(ONE_EACH, folder)


def fetch(source: CsvSource, symbol: str = "^KS11") -> pd.DataFrame:
    return source.fetch(instrument(), symbol, FIRST, LAST)


def test_one_file_an_instrument(tmp_path: Path) -> None:
    rows = fetch(
        one_each(
            tmp_path,
            "Date,Open,Close,High\n2021-01-04,1,100.5,101\n2021-01-05,2,1e2,\n"
            "2021-02-01,3,4,5\n2020-12-31,1,1,1\n",
        )
    )
    assert list(rows.columns) == list(SOURCE_COLUMNS)
    assert rows["session"].tolist() == [pd.Timestamp("2021-01-04"), pd.Timestamp("2021-01-05")]
    assert rows["session"].dtype == "datetime64[s]"
    assert rows["close"].tolist() == [100.5, 100]
    assert rows["high"].iloc[0] == 101
    assert np.isnan(rows["high"].iloc[1])
    # The file has an open, and the settings do not say so.
    assert rows["open"].isna().all()


def test_one_file_for_all(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text(
        "Date,Symbol,Close\n2021-01-04,A,1\n2021-01-04,B,2\n2021-01-05,A,3\n", encoding="utf-8"
    )
    source = CsvSource(SHARED, tmp_path)
    assert fetch(source, "A")["close"].tolist() == [1, 3]
    assert fetch(source, "B")["close"].tolist() == [2]
    with pytest.raises(UnknownSymbol) as raised:
        fetch(source, "C")
    assert str(raised.value) == (
        f"instruments.x: {tmp_path / 'all.csv'} has no symbol 'C'; allowed are A, B."
    )


def test_rows_are_as_the_file_has_them(tmp_path: Path) -> None:
    rows = fetch(
        one_each(
            tmp_path,
            "Date,Close,High\n2021-01-05,-1,1\n\n2021-01-04,nan,1\n2021-01-05,inf,1\n2021-01-06,,1\n",
        )
    )
    assert rows["session"].dt.day.tolist() == [5, 4, 5, 6]
    assert rows["close"].tolist()[0] == -1
    assert np.isnan(rows["close"].iloc[[1, 3]]).all()
    assert np.isposinf(rows["close"].iloc[2])


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    assert fetch(one_each(tmp_path, "\ufeffDate,Close,High\n2021-01-04,1,1\n"))["close"].tolist() == [1]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "Date,Close,High\n2021-01-04,1,1\n2021-01-05,1.234,5,6\n",
            "line 3: holds 4 values under 3 columns; write one value a column.",
        ),
        (
            "Date,Close,High\n2021-01-04,1,1\n\n2021-01-05,.,1\n",
            "line 4: Close: '.' cannot be read; allowed is a number.",
        ),
        (
            'Date,Close,High\n2021-01-04,1,"1,000"\n',
            "line 2: High: '1,000' cannot be read; allowed is a number.",
        ),
        (
            "Date,Close,High\n2021-01-04,1_000,1\n",
            "line 2: Close: '1_000' cannot be read; allowed is a number.",
        ),
        (
            "Date,Close,High\n04.01.2021,1,1\n",
            "line 2: Date: '04.01.2021' cannot be read; allowed is a date such as 2021-01-04.",
        ),
        ("Date,Close,High\n,1,1\n", "line 2: Date: '' cannot be read; allowed is a date such as 2021-01-04."),
        (
            "Date,High\n2021-01-04,1\n",
            "line 1: has no column 'Close'; the file has Date, High, and source_settings.csv.columns in "
            "universe.yaml says which are read.",
        ),
        (
            "",
            "line 1: has no column 'Date'; the file has none, and source_settings.csv.columns in "
            "universe.yaml says which are read.",
        ),
    ],
)
def test_what_cannot_be_read_names_line_and_value(tmp_path: Path, content: str, sentence: str) -> None:
    source = one_each(tmp_path, content)
    with pytest.raises(BadPayload) as raised:
        fetch(source)
    assert str(raised.value) == f"{tmp_path / 'prices' / '^KS11.csv'}: {sentence}"


def test_another_encoding_cannot_be_read(tmp_path: Path) -> None:
    source = one_each(tmp_path, "")
    (tmp_path / "prices" / "^KS11.csv").write_bytes("Date,종가\n".encode("cp949"))
    with pytest.raises(BadPayload, match="byte 5 is no UTF-8; save the file in UTF-8"):
        fetch(source)


def test_a_missing_file_is_an_unknown_symbol_or_a_missing_source(tmp_path: Path) -> None:
    with pytest.raises(UnknownSymbol) as unknown:
        fetch(CsvSource(ONE_EACH, tmp_path))
    assert str(unknown.value) == (
        f"instruments.x: the source 'csv' has no symbol '^KS11', since {tmp_path / 'prices' / '^KS11.csv'} "
        "does not exist; put the file there or correct the symbol."
    )
    with pytest.raises(SourceUnavailable) as missing:
        fetch(CsvSource(SHARED, tmp_path), "A")
    assert str(missing.value) == (
        f"{tmp_path / 'all.csv'} does not exist; source_settings.csv.file in universe.yaml says where the "
        "prices lie."
    )


def test_a_quotation_mark_that_is_never_closed(tmp_path: Path) -> None:
    source = one_each(tmp_path, 'Date,Close,High\n2021-01-04,7,"7\n' + "2021-01-05,7,7\n" * 10_000)
    with pytest.raises(BadPayload, match=r"\^KS11\.csv: is no table \(.*\); see whether a quotation mark is"):
        fetch(source)


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    source = one_each(tmp_path, "")
    path = tmp_path / "prices" / "^KS11.csv"
    path.unlink()
    # A file that nobody may read at its beginning, root included.
    path.symlink_to("/proc/self/mem")
    with pytest.raises(SourceUnavailable, match=r"\^KS11\.csv: cannot be read \(Input/output error\)"):
        fetch(source)


def test_an_absolute_path_starts_nowhere(tmp_path: Path) -> None:
    one_each(tmp_path, "Date,Close,High\n2021-01-04,7,7\n")
    settings = ONE_EACH.model_copy(update={"file": str(tmp_path / "prices" / "{symbol}.csv")})
    assert fetch(CsvSource(settings, Path("/elsewhere")))["close"].tolist() == [7]


def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    source = one_each(tmp_path, "Date,Close,High\n2021-01-04,7,7\n")
    assert fetch(source)["close"].tolist() == [7]
    one_each(tmp_path, "Date,Close,High\n2021-01-04,8,8\n")
    os.utime(tmp_path / "prices" / "^KS11.csv", ns=(1, 1))
    assert fetch(source)["close"].tolist() == [8]
