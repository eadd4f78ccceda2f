"""Technical indicators of one series, in the units of that series.

Every value depends on its own session and earlier ones only, and is the same to the last bit
however far the series goes on: recursions start at the first value, and moving sums add their
terms in a fixed order. Values before an indicator is defined are NaN.

References
----------
Wilder, J. W. (1978). New Concepts in Technical Trading Systems. Trend Research. (Relative strength
index, average true range, parabolic SAR.)

Appel, G. (2005). Technical Analysis: Power Tools for Active Investors. FT Press. (MACD.)

Murphy, J. J. (1999). Technical Analysis of the Financial Markets. New York Institute of Finance.
(Moving averages.)
"""

import numpy as np

MACD_FAST = 12
MACD_SLOW = 26
MACD_SIGNAL = 9

SAR_STEP = 0.02
SAR_LIMIT = 0.2


def simple_moving_average(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean of the last ``window`` values.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
    window : int

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN for the first ``window - 1``.
    """
    result = np.full(len(values), np.nan)
    if len(values) >= window:
        result[window - 1 :] = _moving_sum(values, window) / window
    return result


def moving_deviation(values: np.ndarray, window: int) -> np.ndarray:
    """Return the population standard deviation of the last ``window`` values; shapes as above."""
    result = np.full(len(values), np.nan)
    if len(values) >= window:
        rows = len(values) - window + 1
        mean = _moving_sum(values, window) / window
        squares = np.zeros(rows)
        for offset in range(window):
            squares += np.square(values[offset : offset + rows] - mean)
        result[window - 1 :] = np.sqrt(squares / window)
    return result


def exponential_moving_average(values: np.ndarray, window: int) -> np.ndarray:
    """Return the moving average whose weights fall by ``1 - 2 / (window + 1)`` a session.

    It starts at the first value that is not NaN; as long as that one still weighs much, for
    ``window - 1`` sessions, the result is NaN.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        NaN only at the beginning.
    window : int

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    first = _first_number(values)
    result = np.full(len(values), np.nan)
    result[first:] = _recursion(values[first:], 2.0 / (window + 1))
    result[first : first + window - 1] = np.nan
    return result


def relative_strength_index(values: np.ndarray, window: int) -> np.ndarray:
    """Return Wilder's relative strength index, 0 to 100; 50 where nothing moved.

    ``100 · gain / (gain + loss)``, with the averages of gains and losses over ``window`` sessions
    smoothed as in ``wilder_average``.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
    window : int

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN for the first ``window``.
    """
    change = np.diff(values)
    gain = wilder_average(np.maximum(change, 0.0), window)
    loss = wilder_average(np.maximum(-change, 0.0), window)
    movement = gain + loss
    result = np.full(len(values), np.nan)
    result[1:] = np.where(movement == 0, 50.0, 100.0 * (gain / np.where(movement == 0, 1.0, movement)))
    return result


def macd(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return moving average convergence/divergence and its signal line.

    The 12-session exponential moving average less the 26-session one; the signal is the 9-session
    exponential moving average of that.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)

    Returns
    -------
    macd, signal : ndarray of float64, shape (n,)
        In the unit of ``values``.
    """
    line = exponential_moving_average(values, MACD_FAST) - exponential_moving_average(values, MACD_SLOW)
    return line, exponential_moving_average(line, MACD_SIGNAL)


def average_true_range(high: np.ndarray, low: np.ndarray, close: np.ndarray, window: int) -> np.ndarray:
    """Return Wilder's average true range.

    A session's true range spans its high, its low and the close before it; the first session has
    no close before it. Averaged as in ``wilder_average``.

    Parameters
    ----------
    high, low, close : ndarray of float64, shape (n,)
    window : int

    Returns
    -------
    ndarray of float64, shape (n,)
        In the unit of the prices; NaN for the first ``window - 1``.
    """
    true_range = high - low
    before = close[:-1]
    true_range[1:] = np.maximum(high[1:], before) - np.minimum(low[1:], before)
    return wilder_average(true_range, window)


def wilder_average(values: np.ndarray, window: int) -> np.ndarray:
    """Return Wilder's smoothing: the mean of the first ``window`` values, then ``1/window`` of each new one.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
    window : int

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN for the first ``window - 1``.
    """
    result = np.full(len(values), np.nan)
    if len(values) >= window:
        seeded = values[window - 1 :].copy()
        seeded[0] = _moving_sum(values[:window], window)[0] / window
        result[window - 1 :] = _recursion(seeded, 1.0 / window)
    return result


def parabolic_sar(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Return Wilder's parabolic stop-and-reverse level, with steps of 0.02 up to 0.2.

    The stop closes in on the trend's extreme, faster with each new extreme, but never enters the
    range of the last two sessions. When the price touches it, the trend reverses and the stop
    starts again from the old extreme. The first trend is up unless the second session's low fell
    further than its high rose.

    Parameters
    ----------
    high, low : ndarray of float64, shape (n,)

    Returns
    -------
    ndarray of float64, shape (n,)
        In the unit of the prices: below the low in an upward trend, above the high in a downward
        one; NaN for the first session.
    """
    result = np.full(len(high), np.nan)
    if len(high) < 2:
        return result
    # A downward trend is an upward one of the mirrored prices: one set of rules serves both.
    rising = not low[0] - low[1] > max(high[1] - high[0], 0.0)
    sign = 1.0 if rising else -1.0
    upper, lower = (high, low) if rising else (-low, -high)
    stop, extreme, step = lower[0], upper[1], SAR_STEP
    for today in range(1, len(high)):
        if lower[today] <= stop:
            upper, lower = -lower, -upper
            sign = -sign
            stop = min(-extreme, lower[today - 1], lower[today])
            extreme, step = upper[today], SAR_STEP
        elif upper[today] > extreme:
            extreme, step = upper[today], min(step + SAR_STEP, SAR_LIMIT)
        result[today] = sign * stop
        stop = min(stop + step * (extreme - stop), lower[today - 1], lower[today])
    return result


def _moving_sum(values: np.ndarray, window: int) -> np.ndarray:
    """Return the sums of every ``window`` values, added oldest first; shape (n - window + 1,).

    Numpy's own sum over windows adds in an order that depends on the array's shape.
    """
    rows = len(values) - window + 1
    total = np.zeros(rows)
    for offset in range(window):
        total += values[offset : offset + rows]
    return total


def _recursion(values: np.ndarray, share: float) -> np.ndarray:
    """Return ``y[t] = y[t-1] + share · (values[t] - y[t-1])`` with ``y[0] = values[0]``."""
    result = np.empty(len(values))
    level = float(values[0]) if len(values) else 0.0
    for index, value in enumerate(values.tolist()):
        level += share * (value - level)
        result[index] = level
    return result


def _first_number(values: np.ndarray) -> int:
    numbers = np.flatnonzero(~np.isnan(values))
    return int(numbers[0]) if len(numbers) else len(values)
