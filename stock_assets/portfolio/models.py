"""The three portfolio models behind one interface."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stock_assets.config.portfolios import PortfolioModel, PortfoliosConfig, Profile, ProfileConfig
from stock_assets.errors import NotPublishable, SolveFailed
from stock_assets.portfolio.alpha import alpha_weights
from stock_assets.portfolio.black_litterman import black_litterman_weights
from stock_assets.portfolio.constraints import project
from stock_assets.portfolio.fallback import Declined, PortfolioResult, with_fallback
from stock_assets.portfolio.inputs import PortfolioInputs

_Need = Literal["expected_return", "view_variance", "network_weights"]


@dataclass(frozen=True)
class ModelSpec:
    """How a model is asked for weights.

    Attributes
    ----------
    needs : tuple of str
        Fields of ``PortfolioInputs`` that must be finite for every instrument, in the order in which a
        missing one is named.
    weights : callable
        ``(inputs, profile, config)`` to weights, or to ``Declined``.
    """

    needs: tuple[_Need, ...]
    weights: Callable[[PortfolioInputs, ProfileConfig, PortfoliosConfig], np.ndarray | Declined]


_MEANING: dict[_Need, str] = {
    "expected_return": "prediction",
    "view_variance": "validation error of its predictions",
    "network_weights": "weight from the Sharpe net",
}


def _alpha(inputs: PortfolioInputs, profile: ProfileConfig, _: PortfoliosConfig) -> np.ndarray:
    return alpha_weights(inputs, profile)


def _black_litterman(
    inputs: PortfolioInputs, profile: ProfileConfig, config: PortfoliosConfig
) -> np.ndarray | Declined:
    weights = black_litterman_weights(inputs, profile, config.black_litterman)
    if weights is None:
        return Declined(
            "No portfolio inside the bounds is expected to return more than the risk-free rate of "
            f"{config.risk_free_rate:.4g} a year, so that no Sharpe ratio can be maximised."
        )
    return weights


def _sharpe_net(inputs: PortfolioInputs, profile: ProfileConfig, _: PortfoliosConfig) -> np.ndarray:
    weights = inputs.network_weights
    if weights.min() < 0 or weights.sum() <= 0:
        raise SolveFailed(
            f"The Sharpe net gave weights from {weights.min():.3g} with a sum of {weights.sum():.3g}; train "
            "it again."
        )
    return project(weights, inputs.safe, profile.bounds)


#: Every portfolio model by its name in ``PortfolioModel``.
MODELS: dict[PortfolioModel, ModelSpec] = {
    "alpha": ModelSpec(("expected_return",), _alpha),
    "black_litterman": ModelSpec(("expected_return", "view_variance"), _black_litterman),
    "sharpe_net": ModelSpec(("network_weights",), _sharpe_net),
}


def portfolio_weights(
    model: PortfolioModel, inputs: PortfolioInputs, config: PortfoliosConfig
) -> dict[Profile, PortfolioResult]:
    """Return a model's weights of one day for every profile.

    Parameters
    ----------
    model : {"alpha", "black_litterman", "sharpe_net"}
        The model.
    inputs : PortfolioInputs
        Of the day; nothing of another day enters.
    config : PortfoliosConfig
        Profiles and the models' settings.

    Returns
    -------
    dict of str to PortfolioResult
        By profile, each checked against the profile's bounds.

    Raises
    ------
    NotPublishable
        If an instrument has no history, or lacks what the model needs; the message names it.
    """
    spec = MODELS[model]
    _require(model, inputs, inputs.has_history, "history over the covariance window")
    for need in spec.needs:
        _require(model, inputs, np.isfinite(getattr(inputs, need)), _MEANING[need])
    return {
        profile: with_fallback(
            lambda settings=settings: spec.weights(inputs, settings, config),
            inputs.covariance,
            inputs.safe,
            settings.bounds,
        )
        for profile, settings in config.profiles.items()
    }


def _require(model: PortfolioModel, inputs: PortfolioInputs, present: np.ndarray, what: str) -> None:
    if present.all():
        return
    missing = [name for name, there in zip(inputs.instruments, present, strict=True) if not there]
    have = "has" if len(missing) == 1 else "have"
    raise NotPublishable(
        f"No {model} portfolio for {inputs.day}: {', '.join(missing)} {have} no finite {what}; publish it "
        "once the values are there, or take the instrument out of the universe."
    )
