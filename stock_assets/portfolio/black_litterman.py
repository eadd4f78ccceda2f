"""The Black-Litterman model: predictions as views, weighed against a market in equilibrium.

Before any prediction, an equal-weight investor of risk aversion δ must expect the excess returns
``π = δ·Σ·w`` to be content (reverse optimisation: Black and Litterman, 1992). Each prediction is an absolute
view of one instrument, as uncertain as the predicting network was wrong on its validation windows. With the
prior's own uncertainty ``τΣ`` and the views' ``Ω = diag(view variance)``, the posterior of the expected
excess returns is (He and Litterman, 1999)

    mean        π + τΣ·(τΣ + Ω)⁻¹·(q − π)
    covariance  Σ + τΣ − τΣ·(τΣ + Ω)⁻¹·τΣ

Everything is per session: a view over a whole horizon beside a daily covariance would claim returns
of hundreds of per cent a year.
"""

import numpy as np
from skfolio.prior import BlackLitterman

from stock_assets.config.portfolios import BlackLittermanConfig, ProfileConfig
from stock_assets.errors import SolveFailed
from stock_assets.portfolio.benchmarks import equal_weight
from stock_assets.portfolio.inputs import PortfolioInputs
from stock_assets.portfolio.moments import Moments
from stock_assets.portfolio.optimisers import GivenMoments, covariance_problem, maximum_sharpe, mean_variance


def equilibrium_returns(covariance: np.ndarray, risk_aversion: float) -> np.ndarray:
    """Return the excess returns that make equal weights optimal, decimal per session.

    Parameters
    ----------
    covariance : ndarray, shape (n_instruments, n_instruments)
        Per session.
    risk_aversion : float
        δ, the price of variance: excess return over variance of the equal-weight portfolio.
    """
    return risk_aversion * covariance @ equal_weight(len(covariance))


def posterior(inputs: PortfolioInputs, config: BlackLittermanConfig) -> Moments:
    """Return the posterior moments of one day.

    skfolio takes the views' uncertainty only as Idzorek's confidences ``c``, which mean
    ``Ω = (1/c − 1)·τ·diag(Σ)`` (Walters, 2007); so ``c = τσ² / (τσ² + ω)`` hands it exactly Ω.

    Parameters
    ----------
    inputs : PortfolioInputs
        With covariance, expected returns (not excess returns) and their variances, per session.
    config : BlackLittermanConfig
        τ and δ.

    Returns
    -------
    Moments
        Expected returns (risk-free rate included) and covariance, per session.

    Raises
    ------
    SolveFailed
        If the covariance is unusable, or singular with views that are certain.
    """
    problem = covariance_problem(inputs.covariance)
    if problem:
        raise SolveFailed(f"There is no equilibrium: {problem}.")
    prior_variance = config.tau * np.diag(inputs.covariance)
    views = [
        f"{instrument} == {float(view)!r}"
        for instrument, view in zip(
            inputs.instruments, inputs.expected_return - inputs.risk_free, strict=True
        )
    ]
    model = BlackLitterman(
        views=views,
        groups=[list(inputs.instruments)],
        prior_estimator=GivenMoments(
            equilibrium_returns(inputs.covariance, config.equilibrium_risk_aversion), inputs.covariance
        ),
        tau=config.tau,
        view_confidences=prior_variance / (prior_variance + inputs.view_variance),
        risk_free_rate=inputs.risk_free,
    )
    try:
        fitted = model.fit(np.zeros((2, len(views)))).return_distribution_
    except np.linalg.LinAlgError as error:
        raise SolveFailed(f"The posterior does not exist: {error}.") from error
    return Moments(fitted.mu, (fitted.covariance + fitted.covariance.T) / 2)


def black_litterman_weights(
    inputs: PortfolioInputs, profile: ProfileConfig, config: BlackLittermanConfig
) -> np.ndarray | None:
    """Return the Black-Litterman weights of one day.

    Parameters
    ----------
    inputs : PortfolioInputs
        As for ``posterior``.
    profile : ProfileConfig
        Bounds, objective and risk aversion.
    config : BlackLittermanConfig
        τ and δ.

    Returns
    -------
    ndarray of float64, shape (n_instruments,), or None
        Cleaned, not yet checked. ``None`` if the objective is the greatest Sharpe ratio and no portfolio
        inside the bounds is expected to return more than the risk-free rate.

    Raises
    ------
    SolveFailed
        If the posterior does not exist or the solver does not solve the problem.
    """
    moments = posterior(inputs, config)
    risk_aversion = profile.black_litterman_risk_aversion
    if risk_aversion is None:
        return maximum_sharpe(moments, inputs.risk_free, inputs.safe, profile.bounds)
    return mean_variance(moments, risk_aversion, inputs.safe, profile.bounds)
