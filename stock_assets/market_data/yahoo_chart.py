"""What an answer of Yahoo's chart service says: bars, or why there are none."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from pandas.api.typing import SeriesGroupBy

from stock_assets.config.instruments import Instrument
from stock_assets.errors import (
    BadPayload,
    NoDataForWindow,
    RateLimited,
    SourceError,
    SourceUnavailable,
    UnknownSymbol,
)
from stock_assets.market_data.bars import SOURCE_COLUMNS
from stock_assets.market_data.http_requests import retry_after

_QUOTED = ("open", "high", "low", "close", "volume")
_LAST_HOURS = (22, 23)
_LATEST = 253_402_300_799


def read_chart(symbol: str, status: int, headers: Mapping[str, str | None], content: bytes) -> dict[str, Any]:
    """Return the one chart of an answer.

    Parameters
    ----------
    symbol : str
        Whose chart was asked for.
    status, headers, content : int, mapping of str to str, bytes
        Yahoo's answer.

    Raises
    ------
    RateLimited
        If Yahoo refuses to answer so many requests.
    SourceUnavailable
        If it answers with another error, or with a page for people.
    UnknownSymbol, NoDataForWindow
        If it says that it does not have the symbol, or nothing of this window.
    BadPayload
        If the answer is no JSON, or no chart.
    """
    if status == 429:
        raise RateLimited(
            f"Yahoo refuses {symbol!r} for now (HTTP status 429: too many requests); ask again later.",
            retry_after(headers),
        )
    if status >= 500 or status in (401, 403) or _is_page(content):
        raise SourceUnavailable(
            f"Yahoo answers {symbol!r} with HTTP status {status} and no chart; ask again later."
        )
    try:
        chart = json.loads(content)["chart"]
        if chart["error"] is not None:
            refusal = _refusal(symbol, status, chart["error"]["code"], chart["error"]["description"])
        else:
            (result,) = chart["result"]
            return result
    except (ValueError, LookupError, TypeError, AttributeError) as unreadable:
        raise BadPayload(
            f"Yahoo's answer for {symbol!r} (HTTP status {status}, {len(content)} bytes) is no chart: "
            f"{_said(unreadable)}; see whether Yahoo has changed its service."
        ) from unreadable
    raise refusal


def read_bars(instrument: Instrument, symbol: str, chart: Mapping[str, Any]) -> pd.DataFrame:
    """Return all bars of a chart, row by row as Yahoo has them.

    Dividends and splits stand beside the bar of their ex-date, 0 where there was none. One whose bar is
    missing gets a row without prices: it must not move to another session.

    Parameters
    ----------
    instrument : Instrument
        What was asked for.
    symbol : str
        Its name at Yahoo.
    chart : mapping
        As ``read_chart`` returns it.

    Returns
    -------
    DataFrame
        Columns ``SOURCE_COLUMNS``; ``session`` is the exchange-local date.

    Raises
    ------
    NoDataForWindow
        If the chart has no bar.
    BadPayload
        If it is of another symbol or in another currency, or cannot be read.
    """
    try:
        meta = chart["meta"]
        _check(instrument, symbol, meta)
        if not chart.get("timestamp"):
            raise NoDataForWindow(
                f"instruments.{instrument.id}: Yahoo has no session of {symbol!r} in this window; ask for "
                "other sessions."
            )
        return _rows(chart, ZoneInfo(meta["exchangeTimezoneName"]))
    except SourceError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as unreadable:
        raise BadPayload(
            f"instruments.{instrument.id}: Yahoo's chart of {symbol!r} cannot be read as bars: "
            f"{_said(unreadable)}; see whether Yahoo has changed its service."
        ) from unreadable


def _refusal(symbol: str, status: int, code: str, description: str) -> SourceError:
    said = f"Yahoo says of {symbol!r}: {description!r} ({code}, HTTP status {status})"
    if code == "Not Found":
        return UnknownSymbol(f"{said}; correct the symbol in universe.yaml.")
    if description.startswith("Data doesn't exist"):
        return NoDataForWindow(f"{said}; ask for other sessions.")
    return BadPayload(f"{said}; see whether Yahoo has changed its service.")


def _is_page(content: bytes) -> bool:
    """Return whether an answer is HTML, whatever its status says."""
    return content.lstrip()[:1] == b"<"


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _check(instrument: Instrument, symbol: str, meta: Mapping[str, Any]) -> None:
    if str(meta["symbol"]).upper() != symbol.upper():
        raise BadPayload(
            f"instruments.{instrument.id}: Yahoo was asked for {symbol!r} and answers with "
            f"{meta['symbol']!r}; correct the symbol in universe.yaml if it was renamed."
        )
    # GBp is a hundredth of GBP: upper and lower case matter. Of some indices Yahoo says no currency.
    currency = meta.get("currency")
    if currency and currency != instrument.currency:
        raise BadPayload(
            f"instruments.{instrument.id}: Yahoo gives {symbol!r} in {currency}, and universe.yaml says "
            f"{instrument.currency}; choose a symbol in {instrument.currency}, or correct the currency."
        )


def _rows(chart: Mapping[str, Any], zone: ZoneInfo) -> pd.DataFrame:
    meta, stamps = chart["meta"], chart["timestamp"]
    quote = chart["indicators"]["quote"][0]
    if quote.get("close") is None:
        raise LookupError("there are sessions and no closes")
    series = {name: quote.get(name) for name in _QUOTED}
    series["adj_close"] = (chart["indicators"].get("adjclose") or [{}])[0].get("adjclose")
    sessions = _sessions(stamps, zone, meta.get("regularMarketTime"))
    dividends = _events(chart, "dividends", zone, lambda event: _amount(event, meta.get("currency"))).sum()
    splits = _events(chart, "splits", zone, lambda event: event["numerator"] / event["denominator"]).prod()
    alone = dividends.index.union(splits.index).difference(sessions)
    absent = np.full(len(alone), np.nan)
    columns: dict[str, Any] = {"session": sessions.append(alone)} | {
        name: np.append(_numbers(name, values, len(stamps)), absent) for name, values in series.items()
    }
    for name, events in (("dividend", dividends), ("split", splits)):
        columns[name] = events.reindex(columns["session"]).fillna(0.0).to_numpy()
    return pd.DataFrame(columns)[list(SOURCE_COLUMNS)]


def _sessions(stamps: list[int], zone: ZoneInfo, live: int | None) -> pd.DatetimeIndex:
    """Return the exchange-local dates of moments, as datetime64[s]; ``live`` is that of the last trade."""
    moments = np.array([_integer(stamp) for stamp in stamps], dtype=np.int64).astype("datetime64[s]")
    local = pd.DatetimeIndex(moments).tz_localize("UTC").tz_convert(zone).tz_localize(None)
    # Where Yahoo is wrong about daylight saving, the midnight that some sessions are stamped with lies an
    # hour or two before; a trade at such a full hour is one of that evening.
    early = local.hour.isin(_LAST_HOURS) & (local.minute == 0) & (local.second == 0)
    shift = np.where(early & (moments != np.datetime64(live or 0, "s")), 2, 0).astype("timedelta64[h]")
    return (local + shift).normalize().as_unit("s")


def _events(
    chart: Mapping[str, Any], kind: str, zone: ZoneInfo, value: Callable[[dict[str, Any]], float]
) -> SeriesGroupBy:
    """Return the dividends or splits by session, each group those of one session."""
    events = list(chart.get("events", {}).get(kind, {}).values())
    sessions = _sessions([event["date"] for event in events], zone, None)
    values = _numbers(kind, [value(event) for event in events], len(events))
    if np.isnan(values).any():
        raise ValueError(f"{kind} hold one without an amount")
    return pd.Series(values, sessions).groupby(level=0)


def _amount(event: Mapping[str, Any], currency: str | None) -> float:
    if event.get("currency") and event["currency"] != currency:
        raise ValueError(f"it has a dividend in {event['currency']} and prices in {currency}")
    return event["amount"]


def _numbers(name: str, values: list | None, length: int) -> np.ndarray:
    """Return numbers as float64, NaN where there is none."""
    if values is None:
        return np.full(length, np.nan)
    wrong = [value for value in values if value is not None and type(value) not in (int, float)]
    if wrong or len(values) != length:
        told = repr(wrong[0]) if wrong else f"{len(values)} values for {length} sessions"
        raise ValueError(f"{name} holds {told}")
    return np.array(values, dtype=np.float64)


def _integer(stamp: object) -> int:
    if type(stamp) is not int or abs(stamp) > _LATEST:
        raise ValueError(f"the moment {stamp!r} is no whole number of seconds before the year 10000")
    return stamp
