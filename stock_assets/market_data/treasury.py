"""The ``treasury`` source: par yields of US government bonds from the Treasury's own daily feed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from xml.etree import ElementTree

import pandas as pd

from stock_assets.config.instruments import Instrument
from stock_assets.errors import BadPayload, NoDataForWindow, UnknownSymbol
from stock_assets.market_data.http_requests import get
from stock_assets.market_data.observations import observation_rows, read_close, read_session

_SITE = "https://home.treasury.gov"
_PATH = "/resource-center/data-chart-center/interest-rates/pages/xml"
_FEED = "daily_treasury_yield_curve"

_ATOM = "{http://www.w3.org/2005/Atom}"
_DATA = "{http://schemas.microsoft.com/ado/2007/08/dataservices}"
_METADATA = "{http://schemas.microsoft.com/ado/2007/08/dataservices/metadata}"

#: Tenors that the curve got after its beginning in 1990, with their first day.
_BEGAN = {
    "BC_20YEAR": date(1993, 10, 1),
    "BC_1MONTH": date(2001, 7, 31),
    "BC_2MONTH": date(2018, 10, 16),
    "BC_4MONTH": date(2022, 10, 19),
    "BC_1_5MONTH": date(2025, 2, 18),
}


@dataclass(frozen=True)
class _Year:
    """The feed of a calendar year: by tenor, such as BC_10YEAR, its days and what stands on each."""

    address: str
    tenors: dict[str, list[tuple[date, str]]]


class TreasurySource:
    """Closes are par yields in percent a year, as the Treasury publishes them on the evening of each day.

    The feed comes by calendar years, each with all tenors. A year is asked for once in the life of the
    source, which is one load: instruments that are loaded after one another want the same years, and the
    next load sees what has been corrected since.

    Parameters
    ----------
    url : str or None
        Base URL; None for the Treasury's own.
    timeout : float
        Seconds that an answer may take.
    """

    def __init__(self, url: str | None, timeout: float) -> None:
        self._url = (url or _SITE) + _PATH
        self._timeout = timeout
        self._years: dict[int, _Year] = {}

    @property
    def name(self) -> str:
        """Name of the source in ``universe.yaml`` and on every bar that it gave."""
        return "treasury"

    def fetch(self, instrument: Instrument, symbol: str, first: date, last: date) -> pd.DataFrame:
        """Return the yields of the days from ``first`` to ``last``, both included.

        Days on which the feed writes null have no row: the bond market was closed, and there is no bar.

        Raises
        ------
        UnknownSymbol
            If the newest of these years has no such tenor; the sentence names those that it has.
        NoDataForWindow
            If the tenor began later.
        RateLimited, SourceUnavailable
            If the feed could not be reached, or would not answer.
        BadPayload
            If the feed cannot be read.
        """
        years = [self._year(year) for year in range(first.year, last.year + 1)]
        # A year begins with an empty feed, which says nothing of what exists.
        newest = next((year.tenors for year in reversed(years) if year.tenors), None)
        if newest is not None and symbol not in newest:
            raise _not_listed(instrument, symbol, last, newest)
        return observation_rows(
            (day, read_close(year.address, day, text))
            for year in years
            for day, text in year.tenors.get(symbol, ())
            if first <= day <= last
        )

    def _year(self, year: int) -> _Year:
        known = self._years.get(year)
        if known is None:
            params = {"data": _FEED, "field_tdr_date_value": str(year)}
            answer = get(self._url, params, timeout=self._timeout)
            known = self._years[year] = _parse(answer.address, answer.body, year)
        return known


def _not_listed(
    instrument: Instrument, symbol: str, last: date, tenors: Iterable[str]
) -> UnknownSymbol | NoDataForWindow:
    began = _BEGAN.get(symbol)
    if began is not None and last < began:
        return NoDataForWindow(
            f"instruments.{instrument.id}: the source 'treasury' has {symbol} from {began} on, and was asked "
            f"for days up to {last}; begin later."
        )
    return UnknownSymbol(
        f"instruments.{instrument.id}: the source 'treasury' has no symbol {symbol!r}; allowed are "
        f"{', '.join(sorted(tenors))}."
    )


class _WithoutDoctype(ElementTree.TreeBuilder):
    """Refuses a document type before its entities, which may expand without end, are read."""

    def doctype(self, name: str, pubid: str, system: str) -> None:
        raise ValueError(f"it declares the document type {name!r}")


def _parse(address: str, body: bytes, year: int) -> _Year:
    try:
        feed = ElementTree.fromstring(body, parser=ElementTree.XMLParser(target=_WithoutDoctype()))
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise BadPayload(
            f"{address}: the feed of {year} cannot be read ({error}); if that stays so, another source must "
            "be chosen."
        ) from error
    if feed.tag != f"{_ATOM}feed":
        raise BadPayload(f"{address}: {feed.tag!r} came for the feed of {year}; allowed is an Atom feed.")
    found: dict[str, list[tuple[date, str]]] = {}
    for entry in feed.iterfind(f"{_ATOM}entry"):
        day_text = entry.findtext(f".//{_DATA}NEW_DATE")
        if day_text is None:
            raise BadPayload(f"{address}: an entry of the feed of {year} has no NEW_DATE; it needs one.")
        day = read_session(address, day_text.strip(), "%Y-%m-%dT00:00:00")
        if day.year != year:
            raise BadPayload(f"{address}: {day} is in the feed of {year}; allowed are days of that year.")
        for element in entry.iterfind(f".//{_METADATA}properties/*"):
            tenor = element.tag.removeprefix(_DATA)
            # BC_30YEARDISPLAY is made for the Treasury's own tables, and 0 where there is no yield.
            if not tenor.startswith("BC_") or tenor.endswith("DISPLAY"):
                continue
            observations = found.setdefault(tenor, [])
            text = (element.text or "").strip()
            if text and element.get(f"{_METADATA}null") != "true":
                observations.append((day, text))
    return _Year(address, found)
