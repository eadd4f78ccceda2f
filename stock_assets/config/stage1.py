"""``stage1.yaml``: features, network and training of every instrument's prediction."""

import re
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from stock_assets.config.base import Section
from stock_assets.config.sentences import sentences
from stock_assets.config.training import TrainingConfig


@dataclass(frozen=True)
class FeatureKind:
    """A family of features: what it needs, and whether its name ends in a window.

    Attributes
    ----------
    needs : tuple of str
        Columns of a bar without which it cannot be computed.
    windowed : bool
        Whether the name carries a number of sessions, as in ``sma_20``.
    """

    needs: tuple[str, ...]
    windowed: bool


#: Every feature that ``stock_assets.stage1.features`` computes, by the first part of its name.
FEATURE_KINDS: dict[str, FeatureKind] = {
    "return": FeatureKind(("close",), True),
    "volatility": FeatureKind(("close",), True),
    "sma": FeatureKind(("close",), True),
    "ema": FeatureKind(("close",), True),
    "rsi": FeatureKind(("close",), True),
    "macd": FeatureKind(("close",), False),
    "macd_signal": FeatureKind(("close",), False),
    "open_ratio": FeatureKind(("open", "close"), False),
    "high_ratio": FeatureKind(("high", "close"), False),
    "low_ratio": FeatureKind(("low", "close"), False),
    "atr": FeatureKind(("high", "low", "close"), True),
    "parabolic_sar": FeatureKind(("high", "low", "close"), False),
    "weekday": FeatureKind((), False),
    "month": FeatureKind((), False),
}
_WINDOWED = re.compile(r"^(?P<kind>[a-z_]+)_(?P<window>[1-9][0-9]{0,2})$")


def parse_feature(name: str) -> tuple[str, int | None]:
    """Split a feature's name into its kind and its window in sessions.

    Raises
    ------
    ValueError
        If no such feature exists; the message lists those that do.
    """
    match = _WINDOWED.match(name)
    kind, window = (match["kind"], int(match["window"])) if match else (name, None)
    known = FEATURE_KINDS.get(kind)
    if known is None or known.windowed != (window is not None):
        allowed = ", ".join(f"{key}_N" if value.windowed else key for key, value in FEATURE_KINDS.items())
        raise ValueError(f"{name!r} is no feature; allowed are {allowed}, with N a number of sessions")
    return kind, window


class NetworkConfig(Section):
    """Shape of a recurrent network: stacked layers, then one linear output."""

    cell: Literal["lstm", "gru", "rnn"] = "lstm"
    hidden_sizes: tuple[int, ...] = Field(default=(16, 8), min_length=1, max_length=4)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    batch_norm: bool = False

    @field_validator("hidden_sizes")
    @classmethod
    def _sizes_are_positive(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if any(not 1 <= size <= 1024 for size in sizes):
            raise ValueError(f"{list(sizes)} holds a size outside 1 to 1024")
        return sizes


class InstrumentStage1Config(Section):
    """Everything that makes one instrument's network.

    Attributes
    ----------
    lookback : int
        Sessions that a prediction is made from.
    horizon : int
        Sessions over which the return is predicted.
    features : tuple of str
        Names as ``parse_feature`` takes them, computed from the instrument's own bars.
    covariates : tuple of str
        Ids of other instruments whose one-day return is a feature too.
    window_stride : int
        Every how many days a training window begins. Labels of neighbouring days share all but one
        of their sessions, so that skipping some costs little knowledge and saves most of the time.
    shrinkage : float
        Factor on the network's deviation from the mean return of its training windows: 1 leaves it
        as it is, 0.5 halves it.
    """

    lookback: int = Field(default=50, ge=2, le=2000)
    horizon: int = Field(default=30, ge=1, le=500)
    features: tuple[str, ...] = Field(
        default=("return_1", "return_5", "volatility_20", "sma_20", "ema_50", "rsi_14", "macd"), min_length=1
    )
    covariates: tuple[str, ...] = ()
    window_stride: int = Field(default=5, ge=1, le=100)
    shrinkage: float = Field(default=0.5, gt=0, le=1)
    network: NetworkConfig = NetworkConfig()
    training: TrainingConfig = TrainingConfig()

    @field_validator("features")
    @classmethod
    def _features_exist(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            parse_feature(name)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{twice[0]!r} is named more than once; each feature is allowed once")
        return names


class Stage1Config(InstrumentStage1Config):
    """The settings of all instruments, and what single ones have otherwise.

    Keys of ``instruments`` are instrument ids; values hold the keys of ``InstrumentStage1Config``
    that differ for that instrument. ``lookback`` and ``horizon`` are the same for all of them:
    portfolios compare predictions.
    """

    instruments: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _overrides_are_valid(self) -> Self:
        for instrument_id, override in self.instruments.items():
            shared = {"lookback", "horizon"} & set(override)
            if shared:
                raise ValueError(
                    f"instruments.{instrument_id}.{sorted(shared)[0]}: is one for all instruments; allowed "
                    "is the key at the top of the file"
                )
            try:
                self.for_instrument(instrument_id)
            except ValidationError as error:
                first = next(sentences(InstrumentStage1Config, override, error))
                raise ValueError(f"instruments.{instrument_id}.{first}") from error
        return self

    def for_instrument(self, instrument_id: str) -> InstrumentStage1Config:
        """Return the settings of one instrument, its own keys laid over the common ones."""
        common = self.model_dump(exclude={"instruments"})
        return InstrumentStage1Config.model_validate(
            _overlay(common, self.instruments.get(instrument_id, {}))
        )


def _overlay(common: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    merged = dict(common)
    for key, value in override.items():
        below = merged.get(key)
        merged[key] = _overlay(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
