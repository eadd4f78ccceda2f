import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from stock_assets.config.portfolios import SharpeNetConfig
from stock_assets.config.training import TrainingConfig
from stock_assets.errors import ArtifactError, TrainingDiverged
from stock_assets.learning.artifacts import load_artifact, save_artifact
from stock_assets.portfolio.levels import level_grid
from stock_assets.portfolio.sharpe_model import (
    SharpeNetModel,
    TrainedSharpeNet,
    load_sharpe_net,
    model_id,
    save_sharpe_net,
)
from stock_assets.portfolio.sharpe_net import annualised_sharpe, predict_weights, train_sharpe_net
from stock_assets.portfolio.sharpe_network import VOLATILITY_FLOOR, NegativeSharpeRatio, SharpeNetwork
from stock_assets_tests.portfolio.worlds import (
    INSTRUMENTS,
    VOLATILITY,
    history_of,
    random_histories,
    weekdays,
)

DAYS = weekdays(420)
CUTOFF = DAYS[400].item()
CONFIG = SharpeNetConfig(
    lookback=10,
    horizon=8,
    window_stride=2,
    hidden_size=4,
    training=TrainingConfig(learning_rate=1e-2, max_epochs=4, batch_size=32),
)
# One instrument with a drift of half its volatility a day, one that loses: what there is to learn.
DRIFT = np.array([0.5, 0.0, 0.0, 0.0, 0.0, -0.5]) * VOLATILITY


@pytest.fixture(scope="module")
def trained() -> TrainedSharpeNet:
    return train_sharpe_net(random_histories(DAYS), DAYS, CONFIG, CUTOFF)


def _state(model: SharpeNetModel) -> tuple[bytes, ...]:
    return tuple(value.numpy().tobytes() for value in model.network.state_dict().values())


def test_the_loss_is_minus_the_sharpe_ratio_of_a_daily_rebalanced_portfolio():
    returns = np.array([[0.01, -0.02], [0.03, 0.00], [-0.01, 0.01]])
    portfolio = np.array([0.0025, 0.0225, -0.005])  # 0.75 and 0.25
    expected = portfolio.mean() / math.sqrt(portfolio.var() + 1e-8)
    loss = NegativeSharpeRatio()(
        torch.tensor([[0.75, 0.25]]), torch.tensor(returns[None], dtype=torch.float32)
    )
    assert loss.shape == (1,)
    assert float(loss[0]) == pytest.approx(-expected, rel=1e-5)
    above = (portfolio - 0.001).mean() / math.sqrt(portfolio.var() + 1e-8)
    loss = NegativeSharpeRatio(0.001)(
        torch.tensor([[0.75, 0.25]]), torch.tensor(returns[None], dtype=torch.float32)
    )
    assert float(loss[0]) == pytest.approx(-above, rel=1e-5)


def test_samples_of_a_batch_do_not_touch_each_other():
    generator = torch.Generator().manual_seed(0)
    weights = torch.softmax(torch.randn(5, 3, generator=generator), dim=-1)
    returns = 0.01 * torch.randn(5, 7, 3, generator=generator)
    together = NegativeSharpeRatio()(weights, returns)
    for row in range(5):
        alone = NegativeSharpeRatio()(weights[row : row + 1], returns[row : row + 1])
        torch.testing.assert_close(alone[0], together[row])


def test_a_portfolio_that_does_not_move_has_a_bounded_loss_with_a_gradient():
    weights = torch.full((1, 2), 0.5, requires_grad=True)
    loss = NegativeSharpeRatio()(weights, torch.full((1, 5, 2), 2 * VOLATILITY_FLOOR))
    assert float(loss.detach()[0]) == pytest.approx(-2.0, rel=1e-4)
    loss.sum().backward()
    assert weights.grad is not None
    assert torch.isfinite(weights.grad).all()


def test_the_network_gives_positive_weights_that_sum_to_one():
    network = SharpeNetwork(n_instruments=6, hidden_size=4, dropout=0.5).eval()
    for batch in (1, 7):  # a batch of one is safe
        weights = network(torch.randn(batch, 10, 6))
        assert weights.shape == (batch, 6)
        assert (weights > 0).all()
        torch.testing.assert_close(weights.sum(dim=1), torch.ones(batch))


def test_annualised_sharpe_by_hand():
    # Mean 0.001 and deviation 0.002 a day.
    assert annualised_sharpe(np.array([0.003, -0.001]), 0.0) == pytest.approx(0.5 * math.sqrt(252))
    assert annualised_sharpe(np.array([0.003, -0.001]), 0.001) == pytest.approx(0.0, abs=1e-12)
    assert annualised_sharpe(np.full(4, 0.001), 0.0) == 0.0


def test_training_finds_the_instrument_that_pays():
    patient = CONFIG.model_copy(
        update={"training": CONFIG.training.model_copy(update={"max_epochs": 25, "patience": 25})}
    )
    trained = train_sharpe_net(random_histories(DAYS, drift=DRIFT), DAYS, patient, CUTOFF)
    mean = dict(zip(INSTRUMENTS, trained.validation_weights.mean(axis=0), strict=True))
    assert mean["chips"] == max(mean.values())
    assert mean["chips"] > 0.3
    assert mean["gold"] < 0.05
    metrics = trained.model.metrics
    assert metrics.validation_sharpe > metrics.equal_weight_sharpe + 1
    assert metrics.validation_sharpe > metrics.inverse_volatility_sharpe + 1
    assert trained.validation_losses[metrics.best_epoch - 1] == min(trained.validation_losses)


def test_metrics_are_those_of_non_overlapping_blocks(trained):
    metrics = trained.model.metrics
    histories = random_histories(DAYS)
    levels = np.column_stack([history.level for history in histories])
    daily = levels[1:] / levels[:-1] - 1  # daily[k]: from day k to day k + 1
    rows = np.flatnonzero(np.isin(DAYS, trained.validation_days))[::8]
    assert metrics.validation_blocks == len(rows)
    labels = [daily[row + 1 : row + 9] for row in rows]
    equal = np.concatenate([label.mean(axis=1) for label in labels])
    network = np.concatenate(
        [label @ weights for label, weights in zip(labels, trained.validation_weights[::8], strict=True)]
    )
    published = level_grid(histories, DAYS).levels
    seen = published[1:] / published[:-1] - 1
    inverse = [1 / seen[row - 10 : row].std(axis=0) for row in rows]
    hedged = np.concatenate(
        [label @ (weights / weights.sum()) for label, weights in zip(labels, inverse, strict=True)]
    )
    for found, returns in (
        (metrics.equal_weight_sharpe, equal),
        (metrics.validation_sharpe, network),
        (metrics.inverse_volatility_sharpe, hedged),
    ):
        assert found == pytest.approx(returns.mean() / returns.std() * math.sqrt(252), rel=1e-6)
    assert metrics.validation_windows == len(trained.validation_days)
    assert metrics.epochs == len(trained.train_losses) == len(trained.validation_losses)
    assert metrics.train_last < metrics.validation_first <= metrics.validation_last < CUTOFF


def test_training_is_bit_identical_when_repeated(trained):
    torch.manual_seed(123)  # the state of torch's own generator does not matter, and is left alone
    before = torch.get_rng_state()
    again = train_sharpe_net(random_histories(DAYS), DAYS, CONFIG, CUTOFF)
    assert torch.equal(torch.get_rng_state(), before)
    assert _state(again.model) == _state(trained.model)
    assert again.model.metrics == trained.model.metrics
    assert again.validation_weights.tobytes() == trained.validation_weights.tobytes()
    reseeded = CONFIG.model_copy(update={"training": CONFIG.training.model_copy(update={"seed": 1})})
    assert _state(train_sharpe_net(random_histories(DAYS), DAYS, reseeded, CUTOFF).model) != _state(
        trained.model
    )


def test_the_model_does_not_know_what_falls_due_from_the_cutoff_on(trained):
    generator = np.random.default_rng(5)
    cutoff = np.datetime64(CUTOFF)
    changed, earlier = [], []
    for history in random_histories(DAYS):
        noise = generator.uniform(0.5, 2.0, len(history))
        for first, world in ((cutoff, changed), (cutoff - 1, earlier)):
            level = np.where(history.trading_days >= first, history.level * noise, history.level)
            world.append(
                history_of(
                    history.instrument, history.sessions, level, history.trading_days, history.closing_days
                )
            )
    assert _state(train_sharpe_net(changed, DAYS, CONFIG, CUTOFF).model) == _state(trained.model)
    assert train_sharpe_net(earlier, DAYS, CONFIG, CUTOFF).validation_losses != trained.validation_losses


def test_a_day_has_the_same_weights_alone_in_a_range_and_with_later_prices(trained):
    histories = random_histories(DAYS)
    grid = level_grid(histories, DAYS)
    together = predict_weights(trained.model, grid, DAYS[200:])
    assert together.shape == (220, 6)
    np.testing.assert_allclose(together.sum(axis=1), 1.0, atol=1e-6)
    for row in (200, 201, 263, 264, 333, 419):
        known = level_grid([history.until(DAYS[row]) for history in histories], DAYS[100 : row + 1])
        alone = predict_weights(trained.model, known, DAYS[row : row + 1])
        assert alone[0].tobytes() == together[row - 200].tobytes()


def test_weights_follow_the_prices_of_the_window_and_no_others(trained):
    grid = level_grid(random_histories(DAYS), DAYS)
    expected = predict_weights(trained.model, grid, DAYS[300:301])
    for row, matters in ((289, False), (290, True), (300, True), (301, False)):
        levels = grid.levels.copy()
        levels[row, 0] *= 1.05
        found = predict_weights(trained.model, dataclasses.replace(grid, levels=levels), DAYS[300:301])
        assert (found.tobytes() != expected.tobytes()) is matters


def test_a_day_without_a_whole_window_has_no_weights(trained):
    histories = random_histories(DAYS)
    histories[1] = history_of("oil", DAYS[50:], np.linspace(1, 2, 370))
    weights = predict_weights(trained.model, level_grid(histories, DAYS), DAYS[[5, 59, 60]])
    assert np.isnan(weights[:2]).all()
    assert np.isfinite(weights[2]).all()
    assert np.isnan(predict_weights(trained.model, level_grid(histories, DAYS), DAYS[:1])).all()


def test_another_universe_is_refused(trained):
    grid = level_grid(random_histories(DAYS)[::-1], DAYS)
    with pytest.raises(ArtifactError, match="was trained on chips, oil, bank, soda, bond, gold and is asked"):
        predict_weights(trained.model, grid, DAYS[-1:])


def test_a_training_that_explodes_is_stopped():
    histories = random_histories(DAYS)
    wild = histories[0].level.copy()
    wild[::2] *= 1e60  # beyond what float32 holds
    histories[0] = history_of("chips", DAYS, wild)
    with pytest.raises(TrainingDiverged), np.errstate(over="ignore"):
        train_sharpe_net(histories, DAYS, CONFIG, CUTOFF)


def test_an_artefact_gives_back_the_same_model(trained, tmp_path):
    artifact = save_sharpe_net(tmp_path, trained.model)
    loaded = load_sharpe_net(tmp_path, artifact.sha256)
    grid = level_grid(random_histories(DAYS), DAYS)
    assert (
        predict_weights(loaded, grid, DAYS[-30:]).tobytes()
        == predict_weights(trained.model, grid, DAYS[-30:]).tobytes()
    )
    for field in ("cutoff", "instruments", "config", "metrics"):
        assert getattr(loaded, field) == getattr(trained.model, field)
    assert save_sharpe_net(tmp_path, loaded).sha256 == artifact.sha256


def test_a_model_is_named_by_cutoff_and_content(trained, tmp_path):
    sha256 = save_sharpe_net(tmp_path, trained.model).sha256
    assert model_id(CUTOFF, sha256) == f"sharpe_net-{CUTOFF:%Y%m%d}-{sha256[:12]}"
    other = dataclasses.replace(trained.model, instruments=tuple("abcdef"))
    assert save_sharpe_net(tmp_path, other).sha256 != sha256


@pytest.mark.parametrize(
    ("key", "value"),
    [("sharpe_net", {"hidden_size": 5}), ("sharpe_net", {"depth": 3}), ("instruments", ["chips"])],
)
def test_an_artefact_that_does_not_fit_itself_is_refused(trained, tmp_path, key, value):
    content = load_artifact(tmp_path, save_sharpe_net(tmp_path, trained.model).sha256, "sharpe_net")
    config = {**content.config, key: value}
    wrong = save_artifact(tmp_path, "sharpe_net", config, content.state, content.extra, content.provenance)
    with pytest.raises(ArtifactError, match="is no Sharpe net of this version"):
        load_sharpe_net(tmp_path, wrong.sha256)


def test_provenance_holds_the_figures(trained, tmp_path):
    content = load_artifact(tmp_path, save_sharpe_net(tmp_path, trained.model).sha256, "sharpe_net")
    assert content.provenance["cutoff"] == CUTOFF.isoformat()
    metrics = json.loads(json.dumps(content.provenance["metrics"]))
    assert metrics["validation_sharpe"] == trained.model.metrics.validation_sharpe


def test_the_risk_free_rate_counts_in_loss_and_figures(trained):
    """At 1 % a session every Sharpe ratio is far below zero, in training as in the metrics."""
    dear = train_sharpe_net(random_histories(DAYS), DAYS, CONFIG, CUTOFF, risk_free=0.01)
    assert min(dear.validation_losses) > 0.5 > max(trained.validation_losses)
    metrics = dear.model.metrics
    for found in (
        metrics.validation_sharpe,
        metrics.equal_weight_sharpe,
        metrics.inverse_volatility_sharpe,
    ):
        assert found < -5
