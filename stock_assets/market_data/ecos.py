"""The ``ecos`` source: daily series of the Bank of Korea's statistics, such as yields of government bonds."""

import re
from collections.abc import Iterator
from datetime import date
from urllib.parse import quote

import pandas as pd

from stock_assets.config.instruments import Instrument
from stock_assets.errors import (
    BadPayload,
    MissingKey,
    NoDataForWindow,
    RateLimited,
    SourceError,
    SourceUnavailable,
    UnknownSymbol,
)
from stock_assets.market_data.http_requests import Answer, get, redact
from stock_assets.market_data.observations import observation_rows, read_close, read_session
from stock_assets.settings import source_key_variable

_SITE = "https://ecos.bok.or.kr"
_PATH = "/api/StatisticSearch"
#: Rows of one request. Should ECOS give fewer at once, the next request begins behind them.
_PAGE_ROWS = 10_000

#: A table and one to four items of it.
_SYMBOL = re.compile(r"[0-9A-Za-z]+(/[0-9A-Za-z]+){1,4}")
#: Errors may come as XML although JSON was asked for.
_XML_RESULT = re.compile(
    r"<CODE>\s*(?P<code>[A-Z]+-\d+)\s*</CODE>\s*<MESSAGE>(?P<message>.*?)</MESSAGE>", re.DOTALL
)


class EcosSource:
    """Closes are the values of a series in its own unit; that of a yield is asserted to be percent a year.

    Parameters
    ----------
    url : str or None
        Base URL; None for the Bank of Korea's own.
    key : str or None
        Key of the API, which does nothing without one.
    timeout : float
        Seconds that an answer may take.
    """

    def __init__(self, url: str | None, key: str | None, timeout: float) -> None:
        self._url = (url or _SITE) + _PATH
        self._key = key
        self._timeout = timeout

    @property
    def name(self) -> str:
        """Name of the source in ``universe.yaml`` and on every bar that it gave."""
        return "ecos"

    def fetch(self, instrument: Instrument, symbol: str, first: date, last: date) -> pd.DataFrame:
        """Return the values of the days from ``first`` to ``last``, both included.

        Parameters
        ----------
        symbol : str
            Code of a table and of an item, and of further items if the table has several dimensions:
            ``817Y002/010200000`` is the yield of three-year government bonds.

        Raises
        ------
        UnknownSymbol
            If the symbol is written otherwise, or its table has no daily values.
        NoDataForWindow
            If there is nothing of these days; of a table or item that does not exist ECOS says the same.
        MissingKey
            If there is no key, or ECOS refuses it.
        RateLimited, SourceUnavailable
            If ECOS could not be reached, or would not answer.
        BadPayload
            If its answer cannot be read, is of another series, or of a yield in another unit than percent.
        """
        if self._key is None:
            raise MissingKey(
                f"instruments.{instrument.id}: the source 'ecos' needs a key; set "
                f"{source_key_variable('ecos')} to one from https://ecos.bok.or.kr/api."
            )
        if _SYMBOL.fullmatch(symbol) is None:
            raise UnknownSymbol(
                f"instruments.{instrument.id}: the source 'ecos' has no symbol {symbol!r}; allowed are the "
                "codes of a table and of its items, such as 817Y002/010200000."
            )
        return observation_rows(
            observation
            for observation in self._observations(instrument, symbol, first, last, self._key)
            if first <= observation[0] <= last
        )

    def _observations(
        self, instrument: Instrument, symbol: str, first: date, last: date, key: str
    ) -> Iterator[tuple[date, float]]:
        table, *items = symbol.split("/")
        received, total = 0, 1
        while received < total:
            segments = [key, "json", "kr", str(received + 1), str(received + _PAGE_ROWS), table, "D"]
            segments += [f"{first:%Y%m%d}", f"{last:%Y%m%d}", *items]
            url = "/".join([self._url, *(quote(segment, safe="") for segment in segments)])
            answer = get(url, timeout=self._timeout, secret=key)
            try:
                rows, total = _page(instrument, symbol, answer, key)
            except NoDataForWindow:
                if not received:
                    raise
                rows = []
            if not rows and received < total:
                raise BadPayload(f"{answer.address}: {received} of {total} rows came, and no more.")
            received += len(rows)
            for row in rows:
                yield from _observation(instrument, symbol, answer.address, row)


def _page(instrument: Instrument, symbol: str, answer: Answer, key: str) -> tuple[list[object], int]:
    """Return the rows of one answer, and how many there are in all."""
    text = answer.text()
    found = _XML_RESULT.search(text) if text.lstrip().startswith("<") else None
    document = {"RESULT": {"CODE": found["code"], "MESSAGE": found["message"]}} if found else answer.json()
    match document:
        case {"RESULT": {"CODE": str(code), "MESSAGE": str(message)}}:
            raise _refused(instrument, symbol, answer.address, code, redact(message.strip(), key))
        case {"StatisticSearch": {"list_total_count": int(total), "row": list(rows)}}:
            return rows, total
        case _:
            raise BadPayload(f"{answer.address}: the answer has neither StatisticSearch nor RESULT.")


def _observation(
    instrument: Instrument, symbol: str, address: str, row: object
) -> Iterator[tuple[date, float]]:
    match row:
        case {"STAT_CODE": str(table), "TIME": str(day), "DATA_VALUE": str() | None as value, **further}:
            codes = [table, *(code for place in range(1, 5) if (code := further.get(f"ITEM_CODE{place}")))]
        case _:
            raise BadPayload(
                f"{address}: a row came that lacks STAT_CODE, TIME or DATA_VALUE; it needs them."
            )
    # A table with more dimensions than the symbol has items answers with all its series at once.
    if codes != symbol.split("/"):
        raise BadPayload(f"{address}: a value of {codes} came; allowed is one of {symbol} alone.")
    unit = further.get("UNIT_NAME")
    if instrument.return_kind == "yield" and not (isinstance(unit, str) and unit.endswith("%")):
        raise BadPayload(
            f"instruments.{instrument.id}: {address}: the unit of {symbol} is {unit!r}; allowed is percent."
        )
    session = read_session(address, day, "%Y%m%d")
    # A day without a value has no bar.
    if value:
        yield session, read_close(address, session, value)


def _refused(instrument: Instrument, symbol: str, address: str, code: str, message: str) -> SourceError:
    """Return what ECOS means, which says all of it with status 200.

    Of a request only symbol and days vary, and the days are always written well. So 100 (a value is missing)
    and 101 (the dates are of another cycle) are about the symbol; 2xx and 3xx (file type, row numbers) would
    say that the API has changed.
    """
    said = f"{code}, {message!r}"
    match code:
        case "INFO-100":
            return MissingKey(
                f"instruments.{instrument.id}: ECOS refuses the key in {source_key_variable('ecos')} "
                f"({said}); correct it."
            )
        case "INFO-200":
            return NoDataForWindow(
                f"instruments.{instrument.id}: ECOS has nothing of {symbol} on these days ({said}); if that "
                "is so on all days, correct the symbol."
            )
        case "ERROR-602":
            return RateLimited(f"{address} refuses so many requests ({said}); ask later.")
        case "ERROR-400" | "ERROR-500" | "ERROR-600" | "ERROR-601":
            return SourceUnavailable(f"{address} has failed ({said}); ask later.")
        case "ERROR-100" | "ERROR-101":
            return UnknownSymbol(
                f"instruments.{instrument.id}: the source 'ecos' has no daily values of {symbol!r} ({said}); "
                "correct the symbol."
            )
        case _:
            return BadPayload(f"{address}: {said}; if that stays so, another source must be chosen.")
