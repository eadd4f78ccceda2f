"""Findings of the quality checks, and the bars as the arrays that the checks look at."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stock_assets.market_data.bars import SOURCE_COLUMNS, dates_of
from stock_assets.market_data.finding_kinds import FindingKind, Severity

FINDING_COLUMNS = ("instrument", "session", "kind", "severity", "trading_day", "detail", "value")

#: The severity of the kinds that are more than a warning.
_SEVERITIES: dict[FindingKind, Severity] = {
    "missing_session": "blocked",
    "source_failed": "blocked",
    "duplicate_session": "blocked",
    "invalid_close": "blocked",
    "invalid_action": "blocked",
    "unit_mismatch": "blocked",
    "jump_denied_by_next_bar": "held",
    "jump_denied_by_second_source": "held",
}
_DATES = ("session", "trading_day")
#: The columns of bars or of expected bars by name: dates as datetime64[D], the rest as float64.
BarArrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Finding:
    """What was found on one session of an instrument.

    Attributes
    ----------
    session : datetime64[D]
        The session that it is about.
    trading_day : datetime64[D]
        The day whose check found it: the one that the session's bar belongs to, or the one of the next bar
        if only that one shows it.
    kind : FindingKind
        What was found.
    detail : str
        A sentence with the values.
    value : float
        The number that it is about.
    severity : Severity or None
        Other than the severity of its kind.
    """

    session: np.datetime64
    kind: FindingKind
    trading_day: np.datetime64
    detail: str
    value: float = np.nan
    severity: Severity | None = None


def bar_arrays(bars: pd.DataFrame) -> BarArrays:
    """Return the columns of bars that are checked, as arrays."""
    dates = {name: dates_of(bars[name]) for name in _DATES}
    numbers = {name: bars[name].to_numpy(dtype=np.float64) for name in SOURCE_COLUMNS if name not in _DATES}
    return dates | numbers


def findings_frame(instrument: str, found: Iterable[Finding]) -> pd.DataFrame:
    """Return findings as rows, columns ``FINDING_COLUMNS``, in the order of sessions and kinds."""
    ordered = sorted(found, key=lambda finding: (finding.session, finding.kind))
    values = np.array([finding.value for finding in ordered], dtype=np.float64)
    columns = {
        "instrument": [instrument] * len(ordered),
        "session": np.array([finding.session for finding in ordered], dtype="datetime64[s]"),
        "kind": [finding.kind for finding in ordered],
        "severity": [finding.severity or _SEVERITIES.get(finding.kind, "warning") for finding in ordered],
        "trading_day": np.array([finding.trading_day for finding in ordered], dtype="datetime64[s]"),
        "detail": [finding.detail for finding in ordered],
        "value": np.where(np.isfinite(values), values, np.nan),
    }
    return pd.DataFrame(columns)


def each_close(
    bars: BarArrays, mask: np.ndarray, kind: FindingKind, detail: Callable[[int], str]
) -> Iterator[Finding]:
    """Yield a finding about the close of each bar in the mask; ``detail`` takes its position."""
    for at in np.flatnonzero(mask).tolist():
        yield Finding(bars["session"][at], kind, bars["trading_day"][at], detail(at), bars["close"][at])
