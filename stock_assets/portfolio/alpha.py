"""The alpha model: predictions as expected returns, taken at their word.

Maximises ``mean − λ·variance`` (Markowitz, 1952), with the profile's λ and bounds. Everything that
is uncertain about a prediction has to be in λ.
"""

import numpy as np

from stock_assets.config.portfolios import ProfileConfig
from stock_assets.portfolio.inputs import PortfolioInputs
from stock_assets.portfolio.moments import Moments
from stock_assets.portfolio.optimisers import mean_variance


def alpha_weights(inputs: PortfolioInputs, profile: ProfileConfig) -> np.ndarray:
    """Return the alpha model's weights of one day.

    Parameters
    ----------
    inputs : PortfolioInputs
        With expected returns and covariance, both per session.
    profile : ProfileConfig
        Bounds and ``alpha_risk_aversion``.

    Returns
    -------
    ndarray of float64, shape (n_instruments,)
        Cleaned, not yet checked.

    Raises
    ------
    SolveFailed
        If the solver does not solve the problem.
    """
    moments = Moments(inputs.expected_return, inputs.covariance)
    return mean_variance(moments, profile.alpha_risk_aversion, inputs.safe, profile.bounds)
