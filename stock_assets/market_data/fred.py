"""The ``fred`` source: daily series of the Federal Reserve Bank of St. Louis, such as DGS10.

With a key they come from FRED's API, without one from the files behind its charts.
"""

import csv
from datetime import date

import pandas as pd

from stock_assets.config.instruments import Instrument
from stock_assets.errors import BadPayload, MissingKey, SourceError, SourceUnavailable, UnknownSymbol
from stock_assets.market_data.http_requests import Answer, get, redact
from stock_assets.market_data.observations import observation_rows, read_close, read_session
from stock_assets.settings import source_key_variable

_API = "https://api.stlouisfed.org"
_API_PATH = "/fred/series/observations"
_CHARTS = "https://fred.stlouisfed.org"
_CHARTS_PATH = "/graph/fredgraph.csv"

_API_LIMIT = 100_000
#: The chart's files have called the first column both.
_DATE_COLUMNS = ("observation_date", "DATE")
#: What stands for a day without a value: a dot in the API, a dot or nothing in the chart's files.
_NO_VALUE = (".", "")

_BAD_REQUEST, _NOT_FOUND = 400, 404


class FredSource:
    """Closes are the observations of a series in its own unit: yields are in percent a year.

    Parameters
    ----------
    url : str or None
        Base URL of both API and charts; None for FRED's own.
    key : str or None
        Key of the API; None for the charts.
    timeout : float
        Seconds that an answer may take.
    """

    def __init__(self, url: str | None, key: str | None, timeout: float) -> None:
        self._api = (url or _API) + _API_PATH
        self._charts = (url or _CHARTS) + _CHARTS_PATH
        self._key = key
        self._timeout = timeout

    @property
    def name(self) -> str:
        """Name of the source in ``universe.yaml`` and on every bar that it gave."""
        return "fred"

    def fetch(self, instrument: Instrument, symbol: str, first: date, last: date) -> pd.DataFrame:
        """Return the observations of the days from ``first`` to ``last``, both included.

        Days on which FRED writes a dot have no row: the bond market was closed, and there is no bar.

        Raises
        ------
        UnknownSymbol
            If FRED has no such series.
        MissingKey
            If FRED refuses the key.
        RateLimited, SourceUnavailable
            If FRED could not be reached, or would not answer.
        BadPayload
            If its answer cannot be read.
        """
        if self._key is None:
            address, observations = self._from_charts(instrument, symbol, first, last)
        else:
            address, observations = self._from_api(instrument, symbol, first, last, self._key)
        sessions = ((read_session(address, day, "%Y-%m-%d"), text) for day, text in observations)
        return observation_rows(
            (session, read_close(address, session, text))
            for session, text in sessions
            if first <= session <= last and text not in _NO_VALUE
        )

    def _from_api(
        self, instrument: Instrument, symbol: str, first: date, last: date, key: str
    ) -> tuple[str, list[tuple[str, str]]]:
        params = {
            "series_id": symbol,
            "observation_start": first.isoformat(),
            "observation_end": last.isoformat(),
            "file_type": "json",
            "limit": str(_API_LIMIT),
            "api_key": key,
        }
        answer = get(self._api, params, timeout=self._timeout, secret=key, expected=(_BAD_REQUEST,))
        document = answer.json()
        match document:
            case {"error_message": str(message)}:
                raise _refused(instrument, symbol, answer, redact(message, key))
            case {"observations": list(listed), "count": int(count)}:
                pass
            case _:
                raise BadPayload(f"{answer.address}: the answer has no observations and no count of them.")
        if count != len(listed):
            raise BadPayload(f"{answer.address}: {len(listed)} of {count} observations came; ask for less.")
        observations = []
        for observation in listed:
            match observation:
                case {"date": str(day), "value": str(text)}:
                    observations.append((day, text.strip()))
                case _:
                    raise BadPayload(
                        f"{answer.address}: an observation lacks its date or value; it needs both."
                    )
        return answer.address, observations

    def _from_charts(
        self, instrument: Instrument, symbol: str, first: date, last: date
    ) -> tuple[str, list[tuple[str, str]]]:
        params = {"id": symbol, "cosd": first.isoformat(), "coed": last.isoformat()}
        answer = get(self._charts, params, timeout=self._timeout, expected=(_NOT_FOUND,))
        if answer.status == _NOT_FOUND:
            raise _no_such_series(instrument, symbol)
        # The beginning of a CSV file is a CSV file, whose last number may have lost its last digits.
        if not answer.end_marked:
            raise SourceUnavailable(
                f"{answer.address} does not say how long its answer is, which may have been cut; ask later."
            )
        try:
            header, *rows = list(csv.reader(answer.text().splitlines())) or [[]]
        except csv.Error as error:
            raise BadPayload(f"{answer.address}: the answer is no table ({error}); ask later.") from error
        if len(header) != 2 or header[0] not in _DATE_COLUMNS or header[1] != symbol:
            raise BadPayload(
                f"{answer.address}: the columns are {', '.join(header) or 'none'}; allowed are "
                f"{' or '.join(_DATE_COLUMNS)}, and {symbol}."
            )
        observations = []
        for line, row in enumerate(rows, start=2):
            if len(row) != 2:
                raise BadPayload(f"{answer.address}: line {line}: holds {len(row)} values under 2 columns.")
            observations.append((row[0], row[1].strip()))
        return answer.address, observations


def _refused(instrument: Instrument, symbol: str, answer: Answer, message: str) -> SourceError:
    """Return what FRED's error message means; its codes are no more than the HTTP status."""
    if "api_key" in message:
        return MissingKey(
            f"instruments.{instrument.id}: FRED refuses the key in {source_key_variable('fred')}: "
            f"{message!r}; correct it, or unset it to do without."
        )
    if "series does not exist" in message or "series_id" in message:
        return _no_such_series(instrument, symbol)
    return BadPayload(f"{answer.address}: status {answer.status}: {message!r}; ask for something else.")


def _no_such_series(instrument: Instrument, symbol: str) -> UnknownSymbol:
    return UnknownSymbol(
        f"instruments.{instrument.id}: the source 'fred' has no symbol {symbol!r}; allowed is the id of a "
        "daily series, such as DGS10."
    )
