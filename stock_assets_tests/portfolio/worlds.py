"""Small made-up worlds for the portfolio tests."""

from collections.abc import Sequence
from datetime import date

import numpy as np
from hypothesis import settings

from stock_assets.config.portfolios import Bounds, PortfoliosConfig, ProfileConfig
from stock_assets.market_data.bars import InstrumentHistory
from stock_assets.portfolio.inputs import PortfolioInputs

INSTRUMENTS = ("chips", "oil", "bank", "soda", "bond", "gold")
SAFE = np.array([False, False, False, True, True, True])
STABLE = Bounds(min_safe=0.4, max_weight=0.35)
AGGRESSIVE = Bounds(max_safe=0.4, max_weight=0.35)
CONFIG = PortfoliosConfig(
    risk_free_rate=0.02,
    profiles={
        "stable": ProfileConfig(
            bounds=STABLE,
            alpha_risk_aversion=10,
            black_litterman_objective="mean_variance",
            black_litterman_risk_aversion=10,
        ),
        "aggressive": ProfileConfig(
            bounds=AGGRESSIVE, alpha_risk_aversion=2, black_litterman_objective="max_sharpe"
        ),
    },
)
VOLATILITY = np.array([0.022, 0.018, 0.015, 0.010, 0.004, 0.009])
PREDICTED = np.array([0.030, 0.004, 0.018, 0.012, 0.005, 0.009])  # over 30 sessions
RMSE = np.array([0.11, 0.10, 0.08, 0.05, 0.02, 0.05])

examples = settings(derandomize=True, deadline=None, max_examples=25, database=None)


def a_covariance(volatility: np.ndarray = VOLATILITY, correlation: float = 0.3) -> np.ndarray:
    """One correlation between all instruments."""
    n = len(volatility)
    correlations = np.full((n, n), correlation) + (1 - correlation) * np.eye(n)
    return correlations * np.outer(volatility, volatility)


def inputs_of(
    predicted: Sequence[float] | np.ndarray = PREDICTED,
    covariance: np.ndarray | None = None,
    rmse: np.ndarray = RMSE,
    network_weights: np.ndarray | None = None,
    safe: np.ndarray = SAFE,
) -> PortfolioInputs:
    """One day of the six instruments, healthy unless told otherwise."""
    n = len(predicted)
    return PortfolioInputs(
        day=date(2022, 3, 1),
        instruments=INSTRUMENTS[:n],
        safe=safe,
        has_history=np.ones(n, dtype=bool),
        covariance=a_covariance() if covariance is None else covariance,
        risk_free=CONFIG.risk_free_per_session,
        expected_return=np.asarray(predicted, dtype=np.float64) / 30,
        view_variance=(rmse / 30) ** 2,
        network_weights=np.array([0.3, 0.2, 0.2, 0.1, 0.1, 0.1])
        if network_weights is None
        else network_weights,
    )


def random_moments(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Expected returns and a covariance per session, of the size that daily stocks and bonds have."""
    generator = np.random.default_rng(seed)
    volatility = np.exp(generator.uniform(np.log(0.003), np.log(0.03), n))
    factors = generator.normal(size=(n, n + 2))
    covariance = factors @ factors.T + np.eye(n)
    scale = volatility / np.sqrt(np.diag(covariance))
    return generator.normal(3e-4, 6e-4, n), covariance * np.outer(scale, scale)


def weekdays(count: int, first: str = "2015-01-01") -> np.ndarray:
    """That many weekdays in a row, as a trading-day grid."""
    return np.busday_offset(first, np.arange(count), roll="forward").astype("datetime64[D]")


def history_of(
    instrument: str,
    sessions: np.ndarray,
    level: np.ndarray,
    trading_days: np.ndarray | None = None,
    closing_days: np.ndarray | None = None,
) -> InstrumentHistory:
    """A history of closes alone, whose bars belong to their own session unless told otherwise."""
    nothing = np.full(len(sessions), np.nan)
    return InstrumentHistory(
        instrument=instrument,
        sessions=sessions,
        trading_days=sessions if trading_days is None else trading_days,
        closing_days=sessions if closing_days is None else closing_days,
        level=np.asarray(level, dtype=np.float64),
        open=nothing,
        high=nothing,
        low=nothing,
        close=np.asarray(level, dtype=np.float64),
        volume=nothing,
    )


def random_histories(
    days: np.ndarray, seed: int = 7, drift: np.ndarray | float = 3e-4
) -> list[InstrumentHistory]:
    """Six instruments with one common factor, a bar a day; the bond's is published a day late."""
    generator = np.random.default_rng(seed)
    common = generator.normal(size=(len(days), 1))
    noise = generator.normal(size=(len(days), len(INSTRUMENTS)))
    returns = drift + VOLATILITY * (0.5 * common + 0.85 * noise)
    levels = np.cumprod(1 + returns, axis=0) / (1 + returns[0])
    next_days = np.append(days[1:], np.busday_offset(days[-1], 1))
    return [
        history_of(name, days, levels[:, column], next_days if name == "bond" else days, days)
        for column, name in enumerate(INSTRUMENTS)
    ]
