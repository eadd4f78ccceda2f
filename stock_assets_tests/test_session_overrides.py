"""``session_overrides.csv``: what is read, and which mistakes are named."""

from datetime import date
from pathlib import Path

import pytest

from stock_assets.calendars import known_exchanges
from stock_assets.errors import ConfigurationError
from stock_assets.session_overrides import SessionOverride, read_overrides


def test_there_need_be_no_overrides(tmp_path: Path) -> None:
    assert read_overrides(tmp_path / "session_overrides.csv") == ()


HEADER = "date,exchange,session,source\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "day,exchange\n",
            "line 1: the columns are 'day,exchange'; allowed are 'date,exchange,session,source'.",
        ),
        (
            HEADER + "2021-01-04,XNYS,open\n",
            "line 2: holds 3 values; allowed are the 4 of 'date,exchange,session,source'.",
        ),
        (
            HEADER + "2021-02-30,XNYS,open,https://example.org\n",
            "line 2: date: '2021-02-30' is no date; allowed is a date such as 2021-01-04.",
        ),
        (
            HEADER + "2021-01-04,NYSE,open,https://example.org\n",
            f"line 2: exchange: 'NYSE' is no exchange; allowed are {', '.join(known_exchanges())}.",
        ),
        (
            HEADER + "2021-01-04,XNYS,half,https://example.org\n",
            "line 2: session: 'half' is not allowed; allowed are open, closed.",
        ),
        (
            HEADER + "2021-01-04,XNYS,open,\n",
            "line 2: source: is empty; allowed is the address that says so.",
        ),
        (
            HEADER
            + "2021-01-04,XNYS,open,https://example.org\n\n2021-01-04,XNYS,closed,https://example.org\n",
            "line 4: XNYS on 2021-01-04 stands in the file twice; allowed is one line a date and exchange.",
        ),
    ],
)
def test_a_mistake_in_the_overrides_names_the_line(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "session_overrides.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        read_overrides(path)
    assert str(raised.value) == f"session_overrides.csv: {sentence}"


def test_overrides_saved_by_a_spreadsheet_are_read(tmp_path: Path) -> None:
    path = tmp_path / "session_overrides.csv"
    path.write_text(HEADER + "2021-02-06,XTKS,open,https://example.org\n", encoding="utf-8-sig")
    assert read_overrides(path) == (SessionOverride(date(2021, 2, 6), "XTKS", True, "https://example.org"),)
    path.write_bytes(HEADER.encode() + "2021-02-06,XTKS,open,東京".encode("cp932"))
    with pytest.raises(ConfigurationError, match="is no UTF-8 text"):
        read_overrides(path)
