from dataclasses import replace

import numpy as np
import pytest

from stock_assets.config.stage1 import FEATURE_KINDS, InstrumentStage1Config
from stock_assets.errors import ConfigurationError
from stock_assets.stage1.features import FEATURES, covariate_return, feature_table
from stock_assets_tests.lookahead import Histories, LookAhead, assert_no_lookahead
from stock_assets_tests.stage1.histories import days, history, random_history

EVERY = tuple(f"{name}_5" if kind.windowed else name for name, kind in FEATURE_KINDS.items())
CLOSE_ONLY = tuple(
    name for name in EVERY if not {"open", "high", "low"} & set(FEATURE_KINDS[name.removesuffix("_5")].needs)
)


def config(*features: str, covariates: tuple[str, ...] = ()) -> InstrumentStage1Config:
    return InstrumentStage1Config(features=features, covariates=covariates)


def column(source, feature: str, **others) -> np.ndarray:
    return feature_table(source, config(feature, covariates=tuple(others)), others).values[:, -1]


def test_every_configurable_feature_exists() -> None:
    assert set(FEATURES) == set(FEATURE_KINDS)


def test_features_of_known_levels() -> None:
    rise = history([1.0, 2.0, 4.0, 4.0])
    nan, ln2 = np.nan, np.log(2)
    np.testing.assert_allclose(column(rise, "return_1"), [nan, ln2, ln2, 0])
    np.testing.assert_allclose(column(rise, "return_2"), [nan, nan, 2 * ln2, ln2])
    np.testing.assert_allclose(column(rise, "volatility_2"), [nan, nan, 0, ln2 / 2])
    np.testing.assert_allclose(column(rise, "sma_2"), [nan, np.log(4 / 3), np.log(4 / 3), 0])
    np.testing.assert_allclose(column(rise, "ema_1"), [0, 0, 0, 0])
    np.testing.assert_allclose(column(rise, "rsi_2"), [nan, nan, 1, 1])


def test_features_of_known_bars() -> None:
    bars = history(
        [1.0, 1.1],
        open=np.array([90.0, 100.0]),
        high=np.array([105.0, 120.0]),
        low=np.array([80.0, 99.0]),
        close=np.array([100.0, 110.0]),
    )
    np.testing.assert_allclose(column(bars, "open_ratio"), np.log([0.9, 100 / 110]))
    np.testing.assert_allclose(column(bars, "high_ratio"), np.log([1.05, 120 / 110]))
    np.testing.assert_allclose(column(bars, "low_ratio"), np.log([0.8, 0.9]))
    np.testing.assert_allclose(column(bars, "atr_2"), [np.nan, (25 + 21) / 2 / 110])
    # An upward trend's first stop is the first low, 80.
    np.testing.assert_allclose(column(bars, "parabolic_sar"), [np.nan, (110 - 80) / 110])


def test_calendar_features() -> None:
    sessions = np.array(["2021-01-04", "2021-04-10", "2021-10-10"], dtype="datetime64[D]")  # Mon, Sat, Sun
    table = feature_table(history([1.0, 1.0, 1.0], sessions), config("weekday", "month"), {})
    assert table.names == ("weekday_sin", "weekday_cos", "month_sin", "month_cos")
    angles = 2 * np.pi * np.array([0, 5, 6]) / 7
    np.testing.assert_allclose(table.values[:, 0], np.sin(angles), atol=1e-12)
    np.testing.assert_allclose(table.values[:, 1], np.cos(angles), atol=1e-12)
    np.testing.assert_allclose(table.values[:, 2], [0, 1, -1], atol=1e-12)
    np.testing.assert_allclose(table.values[:, 3], [1, 0, 0], atol=1e-12)


@pytest.mark.parametrize("feature", EVERY)
def test_features_have_no_scale(feature: str) -> None:
    bars = random_history(120, 1)
    dearer = replace(
        bars, **{name: getattr(bars, name) * 1024 for name in ("level", "open", "high", "low", "close")}
    )
    assert column(bars, feature).tobytes() == column(dearer, feature).tobytes()


@pytest.mark.parametrize("feature", EVERY)
def test_a_split_changes_nothing(feature: str) -> None:
    bars = random_history(120, 1)
    quarter = np.where(np.arange(120) < 70, 1.0, 0.25)
    split = replace(
        bars, **{name: getattr(bars, name) * quarter for name in ("open", "high", "low", "close")}
    )
    np.testing.assert_allclose(column(split, feature), column(bars, feature), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("feature", EVERY)
def test_values_are_finite_after_the_warm_up(feature: str) -> None:
    values = feature_table(random_history(200, 2), config(feature), {}).values
    missing = np.isnan(values).any(axis=1)
    assert np.isfinite(values[60:]).all()
    assert (np.diff(missing.astype(int)) <= 0).all()  # NaN at the beginning only


@pytest.mark.parametrize("feature", sorted(set(EVERY) - set(CLOSE_ONLY)))
def test_a_feature_of_whole_bars_needs_them(feature: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"'{feature}' of 'test' needs .* none of its 3 bars"):
        column(history([1.0, 2.0, 3.0]), feature)


@pytest.mark.parametrize("gap", [np.nan, 0.0])
def test_a_bar_with_only_a_close_traded_at_that_price(gap: float) -> None:
    bars = random_history(100, 3)
    gaps = {
        name: np.where(np.arange(100) == 50, gap, getattr(bars, name)) for name in ("open", "high", "low")
    }
    filled = {
        name: np.where(np.arange(100) == 50, bars.close, getattr(bars, name))
        for name in ("open", "high", "low")
    }
    for feature in EVERY:
        assert (
            column(replace(bars, **gaps), feature).tobytes()
            == column(replace(bars, **filled), feature).tobytes()
        )


def test_covariates_are_known_on_their_day_and_not_before() -> None:
    own = history([1.0] * 5, days("2021-01-04", 5))  # Monday to Friday
    other = history(
        [1.0, 2.0, 6.0],
        np.array(["2021-01-04", "2021-01-05", "2021-01-07"], dtype="datetime64[D]"),
        "other",
        trading_days=np.array(["2021-01-05", "2021-01-06", "2021-01-08"], dtype="datetime64[D]"),
    )
    nan = np.nan
    expected = [nan, nan, np.log(2), np.log(2), np.log(3)]
    np.testing.assert_allclose(column(own, "return_1", other=other), expected)
    np.testing.assert_allclose(covariate_return(own.trading_days, other), expected)


def test_columns_have_the_order_of_the_configuration() -> None:
    bars, other = random_history(60), random_history(60, 1, "b")
    table = feature_table(
        bars, config("rsi_5", "return_1", covariates=("b", "a")), {"a": other, "b": other, "c": other}
    )
    assert table.names == ("rsi_5", "return_1", "return_1_of_b", "return_1_of_a")
    assert table.values.shape == (60, 4)


def test_a_missing_covariate_is_named() -> None:
    with pytest.raises(ConfigurationError, match="'vix', a covariate of 'test'"):
        feature_table(history([1.0, 2.0]), config("return_1", covariates=("vix",)), {})


def test_an_empty_history_has_no_rows() -> None:
    bars = random_history(10).until(np.datetime64("2000-01-01"))
    assert feature_table(bars, config(*EVERY), {}).values.shape[0] == 0


HISTORIES = {"test": random_history(90, 4), "other": random_history(90, 5, "other", lag=1)}
SOME_DAYS = np.unique(HISTORIES["test"].trading_days)[[0, 1, 6, 40, 60, -2]]


def rows_until(histories: Histories, day: np.datetime64) -> bytes:
    table = feature_table(histories["test"], config(*EVERY, covariates=("other",)), histories)
    return table.values[table.trading_days <= day].tobytes()


def test_rows_depend_on_their_day_and_before_only() -> None:
    assert_no_lookahead(rows_until, HISTORIES, SOME_DAYS)


def test_a_leaky_feature_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def centred(bars, _window):
        padded = np.pad(bars.level, 1, mode="edge")
        return {"": np.log(bars.level / ((padded[:-2] + padded[1:-1] + padded[2:]) / 3))}

    monkeypatch.setitem(FEATURES, "sma", centred)
    with pytest.raises(LookAhead):
        assert_no_lookahead(rows_until, HISTORIES, SOME_DAYS)


def test_a_covariate_of_the_same_session_that_is_published_later_is_caught() -> None:
    def by_session(histories: Histories, day: np.datetime64) -> bytes:
        other = histories["other"]
        early = {"other": replace(other, trading_days=other.sessions)}
        table = feature_table(histories["test"], config("return_1", covariates=("other",)), early)
        return table.values[table.trading_days <= day].tobytes()

    with pytest.raises(LookAhead):
        assert_no_lookahead(by_session, HISTORIES, SOME_DAYS)
