"""What a network sees of each session: scale-free numbers of an instrument's own past and of others.

Features of closes are computed from the total-return level, so that a yield counts as the bond
behind it, and neither a dividend nor a split is a jump. Features of whole bars use open, high and
low multiplied by level / close, which leaves their ratios to the close as they are. A bar of which
the source gave only a close counts as one that traded at that price alone.

A row depends on bars of its own trading day and before only, and, for the same first bar, is the
same to the last bit whatever follows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from stock_assets.config.stage1 import FEATURE_KINDS, InstrumentStage1Config, parse_feature
from stock_assets.errors import ConfigurationError
from stock_assets.market_data.bars import InstrumentHistory
from stock_assets.stage1 import indicators


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features of every session of one instrument.

    Attributes
    ----------
    instrument : str
    names : tuple of str
        Names of the columns; the calendar features have two each.
    sessions, trading_days : ndarray of datetime64[D], shape (n_sessions,)
        As in the instrument's history.
    values : ndarray of float64, shape (n_sessions, n_features)
        NaN as long as there are too few sessions.
    """

    instrument: str
    names: tuple[str, ...]
    sessions: np.ndarray
    trading_days: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class _Bars:
    """A history on the scale of its level; all arrays have shape (n_sessions,)."""

    level: np.ndarray
    log_return: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    sessions: np.ndarray


#: One column a name; the name is put behind the feature's own.
_Columns = dict[str, np.ndarray]


def feature_table(
    history: InstrumentHistory,
    config: InstrumentStage1Config,
    covariates: Mapping[str, InstrumentHistory],
) -> FeatureTable:
    """Compute the configured features of every session.

    Parameters
    ----------
    history : InstrumentHistory
        From its first bar on: recursions start there.
    config : InstrumentStage1Config
        ``features`` and ``covariates`` are the columns, in this order.
    covariates : mapping of str to InstrumentHistory
        Histories by instrument id; those that are not configured are ignored.

    Raises
    ------
    ConfigurationError
        If a covariate is not there, or a feature needs a column that no bar has.
    """
    bars = _scaled_bars(history)
    columns: _Columns = {}
    for name in config.features:
        kind, window = parse_feature(name)
        _check_columns(history, name, kind)
        columns |= {name + suffix: values for suffix, values in FEATURES[kind](bars, window or 0).items()}
    for other in config.covariates:
        if other not in covariates:
            raise ConfigurationError(
                f"the history of {other!r}, a covariate of {history.instrument!r}, is not there; give it "
                "along, or take it out of covariates in stage1.yaml."
            )
        columns[f"return_1_of_{other}"] = covariate_return(history.trading_days, covariates[other])
    values = np.stack(list(columns.values()), axis=1)  # (n_sessions, n_features)
    return FeatureTable(history.instrument, tuple(columns), history.sessions, history.trading_days, values)


def covariate_return(trading_days: np.ndarray, other: InstrumentHistory) -> np.ndarray:
    """Return the other instrument's latest one-session return on each trading day.

    Parameters
    ----------
    trading_days : ndarray of datetime64[D], shape (n,)
    other : InstrumentHistory

    Returns
    -------
    ndarray of float64, shape (n,)
        Logarithmic, decimal: from its last bar but one to its last bar among those that belong to
        the day or before. NaN while it has fewer than two.
    """
    returns = np.append(np.nan, _log_return(other.level))  # one more in front: no bar yet
    return returns[np.searchsorted(other.trading_days, trading_days, side="right")]


def _log_return(level: np.ndarray) -> np.ndarray:
    result = np.full(len(level), np.nan)
    result[1:] = np.log(level[1:] / level[:-1])
    return result


def _scaled_bars(history: InstrumentHistory) -> _Bars:
    scale = history.level / history.close

    def scaled(prices: np.ndarray) -> np.ndarray:
        return np.where(prices > 0, prices, history.close) * scale

    return _Bars(
        level=history.level,
        log_return=_log_return(history.level),
        open=scaled(history.open),
        high=scaled(history.high),
        low=scaled(history.low),
        sessions=history.sessions,
    )


def _check_columns(history: InstrumentHistory, name: str, kind: str) -> None:
    columns = {"open": history.open, "high": history.high, "low": history.low, "close": history.close}
    for column in FEATURE_KINDS[kind].needs:
        if len(history) and not (columns[column] > 0).any():
            raise ConfigurationError(
                f"the feature {name!r} of {history.instrument!r} needs {column}, which none of its "
                f"{len(history)} bars has; take the feature out of stage1.yaml, or choose a source that "
                "gives it."
            )


def _return(bars: _Bars, window: int) -> _Columns:
    """ln(level / level ``window`` sessions before)."""
    values = np.full(len(bars.level), np.nan)
    values[window:] = np.log(bars.level[window:] / bars.level[:-window])
    return {"": values}


def _volatility(bars: _Bars, window: int) -> _Columns:
    """Return the standard deviation of the last one-session log returns, per session."""
    values = np.full(len(bars.level), np.nan)
    values[1:] = indicators.moving_deviation(bars.log_return[1:], window)
    return {"": values}


def _sma(bars: _Bars, window: int) -> _Columns:
    """ln(level / simple moving average)."""
    return {"": np.log(bars.level / indicators.simple_moving_average(bars.level, window))}


def _ema(bars: _Bars, window: int) -> _Columns:
    """ln(level / exponential moving average)."""
    return {"": np.log(bars.level / indicators.exponential_moving_average(bars.level, window))}


def _rsi(bars: _Bars, window: int) -> _Columns:
    """Relative strength index as a share, 0 to 1."""
    return {"": indicators.relative_strength_index(bars.level, window) / 100}


def _macd(bars: _Bars, _window: int) -> _Columns:
    """MACD as a share of the level."""
    return {"": indicators.macd(bars.level)[0] / bars.level}


def _macd_signal(bars: _Bars, _window: int) -> _Columns:
    """MACD's signal line as a share of the level."""
    return {"": indicators.macd(bars.level)[1] / bars.level}


def _open_ratio(bars: _Bars, _window: int) -> _Columns:
    """ln(open / close)."""
    return {"": np.log(bars.open / bars.level)}


def _high_ratio(bars: _Bars, _window: int) -> _Columns:
    """ln(high / close)."""
    return {"": np.log(bars.high / bars.level)}


def _low_ratio(bars: _Bars, _window: int) -> _Columns:
    """ln(low / close)."""
    return {"": np.log(bars.low / bars.level)}


def _atr(bars: _Bars, window: int) -> _Columns:
    """Average true range as a share of the close."""
    return {"": indicators.average_true_range(bars.high, bars.low, bars.level, window) / bars.level}


def _parabolic_sar(bars: _Bars, _window: int) -> _Columns:
    """Distance of the close from the parabolic stop, as a share of the close: positive in an upward trend."""
    return {"": (bars.level - indicators.parabolic_sar(bars.high, bars.low)) / bars.level}


def _weekday(bars: _Bars, _window: int) -> _Columns:
    """Weekday of the session, as a point on a circle of 7 days that starts on Monday."""
    since_epoch = bars.sessions.astype("datetime64[D]").astype(np.int64)
    return _circle((since_epoch + 3) % 7, 7)  # 1970-01-01 was a Thursday


def _month(bars: _Bars, _window: int) -> _Columns:
    """Month of the session, as a point on a circle of 12 months that starts in January."""
    since_epoch = bars.sessions.astype("datetime64[M]").astype(np.int64)
    return _circle(since_epoch % 12, 12)


def _circle(position: np.ndarray, length: int) -> _Columns:
    angle = 2 * np.pi * position / length
    return {"_sin": np.sin(angle), "_cos": np.cos(angle)}


#: The features by their kinds, the keys of ``FEATURE_KINDS``. Each takes the bars and its window.
FEATURES: dict[str, Callable[[_Bars, int], _Columns]] = {
    "return": _return,
    "volatility": _volatility,
    "sma": _sma,
    "ema": _ema,
    "rsi": _rsi,
    "macd": _macd,
    "macd_signal": _macd_signal,
    "open_ratio": _open_ratio,
    "high_ratio": _high_ratio,
    "low_ratio": _low_ratio,
    "atr": _atr,
    "parabolic_sar": _parabolic_sar,
    "weekday": _weekday,
    "month": _month,
}
