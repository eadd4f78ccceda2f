"""``portfolios.yaml``: covariance, profiles and the three portfolio models."""

from typing import Literal, Self

from pydantic import Field, model_validator

from stock_assets.config.base import Section
from stock_assets.config.training import TrainingConfig

Profile = Literal["stable", "aggressive"]
PortfolioModel = Literal["alpha", "black_litterman", "sharpe_net"]
PROFILES: tuple[Profile, ...] = ("stable", "aggressive")
PORTFOLIO_MODELS: tuple[PortfolioModel, ...] = ("alpha", "black_litterman", "sharpe_net")


class CovarianceConfig(Section):
    """Covariance of total returns on the trading-day grid.

    Overlapping returns over ``overlap`` days, in the last ``window`` days, divided by ``overlap``:
    markets that close at different hours then move together.
    """

    window: int = Field(default=252, ge=20, le=2520, description="Trading days.")
    overlap: int = Field(default=5, ge=1, le=20, description="Trading days that one return spans.")


class Bounds(Section):
    """What weights of a profile must satisfy; shares of the portfolio."""

    min_safe: float = Field(default=0.0, ge=0, le=1, description="Least share in safe instruments.")
    max_safe: float = Field(default=1.0, ge=0, le=1, description="Greatest share in safe instruments.")
    max_weight: float = Field(default=1.0, gt=0, le=1, description="Greatest weight of one instrument.")

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> Self:
        if self.min_safe > self.max_safe:
            raise ValueError(
                f"min_safe {self.min_safe} is above max_safe {self.max_safe}, and no weights can meet both; "
                "allowed is a min_safe of at most max_safe"
            )
        return self


class ProfileConfig(Section):
    """One risk profile: its bounds, and how much risk its models may take."""

    bounds: Bounds
    alpha_risk_aversion: float = Field(gt=0, description="λ of mean − λ·variance, returns per session.")
    black_litterman_objective: Literal["max_sharpe", "mean_variance"]
    black_litterman_risk_aversion: float | None = Field(
        default=None, gt=0, description="λ of mean_variance; absent for max_sharpe."
    )

    @model_validator(mode="after")
    def _risk_aversion_fits_the_objective(self) -> Self:
        if (self.black_litterman_objective == "mean_variance") != (
            self.black_litterman_risk_aversion is not None
        ):
            raise ValueError(
                f"black_litterman_risk_aversion is {self.black_litterman_risk_aversion} with the objective "
                f"{self.black_litterman_objective}; mean_variance needs one and max_sharpe has none"
            )
        return self


class BlackLittermanConfig(Section):
    """The prior of the Black-Litterman model."""

    tau: float = Field(default=0.05, gt=0, le=1, description="Weight of the prior's own uncertainty.")
    equilibrium_risk_aversion: float = Field(
        default=2.5, gt=0, description="Risk aversion of the equal-weight equilibrium."
    )


class SharpeNetConfig(Section):
    """The end-to-end network: windows of all instruments' returns to softmax weights."""

    lookback: int = Field(default=50, ge=2, le=500, description="Trading days that it sees.")
    horizon: int = Field(
        default=30, ge=2, le=250, description="Trading days whose Sharpe ratio it maximises."
    )
    window_stride: int = Field(
        default=5,
        ge=1,
        le=250,
        description="Every so many trading days begins a training window: neighbours hardly differ.",
    )
    hidden_size: int = Field(default=16, ge=1, le=512)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    training: TrainingConfig = TrainingConfig(learning_rate=3e-3, max_epochs=30)


class PortfoliosConfig(Section):
    """Everything that turns predictions and prices into weights.

    ``risk_free_rate`` is a decimal return per year of 252 sessions.
    """

    risk_free_rate: float = Field(default=0.0, ge=-0.1, le=1)
    covariance: CovarianceConfig = CovarianceConfig()
    profiles: dict[Profile, ProfileConfig]
    black_litterman: BlackLittermanConfig = BlackLittermanConfig()
    sharpe_net: SharpeNetConfig = SharpeNetConfig()

    @model_validator(mode="after")
    def _both_profiles_are_there(self) -> Self:
        missing = [profile for profile in PROFILES if profile not in self.profiles]
        if missing:
            raise ValueError(f"profiles lacks {', '.join(missing)}; both stable and aggressive are needed")
        return self

    @property
    def risk_free_per_session(self) -> float:
        """The risk-free rate as a decimal return per session."""
        return self.risk_free_rate / 252
