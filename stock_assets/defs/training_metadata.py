"""What the UI shows of a training: figures beside those of naive forecasts, and pictures."""

import logging
import math
from typing import TYPE_CHECKING

import dagster as dg

from stock_assets.config.training import TrainingConfig

# Definitions import every module of this folder, and must stay light.
if TYPE_CHECKING:
    from stock_assets.learning.loop import OnEpoch
    from stock_assets.portfolio.sharpe_model import TrainedSharpeNet
    from stock_assets.stage1.model import TrainedStage1
    from stock_assets.storage.models import ModelRecord

Metadata = dict[str, dg.MetadataValue]

#: Number of lines that a training writes to the log, at the most.
_PROGRESS_LINES = 10


def epoch_logger(logger: logging.Logger, training: TrainingConfig) -> "OnEpoch":
    """Return a callback that logs the progress of a training."""
    every = max(training.max_epochs // _PROGRESS_LINES, 1)

    def on_epoch(epoch: int, train_loss: float, validation_loss: float) -> None:
        if epoch == 1 or epoch % every == 0:
            logger.info(
                "epoch %d of at most %d: training loss %.4f, validation loss %.4f",
                epoch,
                training.max_epochs,
                train_loss,
                validation_loss,
            )

    return on_epoch


def stage1_metadata(record: "ModelRecord", trained: "TrainedStage1") -> Metadata:
    """Return the metadata of one instrument's training."""
    from stock_assets.pictures.figures import as_markdown
    from stock_assets.pictures.training import learning_curve, predicted_against_realised

    model, metrics = trained.model, trained.model.metrics
    title = f"{model.instrument}, cutoff {model.cutoff}"
    curve = learning_curve(
        trained.train_losses,
        trained.validation_losses,
        metrics.best_epoch,
        title=f"Learning curve: {title}",
        loss_name=f"{model.config.training.loss} loss",
    )
    scatter = predicted_against_realised(
        trained.predicted, trained.realised, title=f"Validation: {title}", horizon=model.config.horizon
    )
    return {
        "learning curve (picture)": dg.MetadataValue.md(as_markdown(curve, "learning curve")),
        "predicted against realised (picture)": dg.MetadataValue.md(
            as_markdown(scatter, "predicted against realised")
        ),
        f"forecasts over {model.config.horizon} sessions": _forecast_table(trained),
        "validation MAE (used for early stopping)": _figure(metrics.validation_mae),
        "MAE ratio to zero forecast": _figure(metrics.ratio_to_zero),
        "MAE ratio to mean forecast": _figure(metrics.ratio_to_mean),
        "directional accuracy": _figure(metrics.directional_accuracy),
        "training windows": _windows(metrics.train_windows, metrics.train_first, metrics.train_last),
        "validation windows": _windows(
            metrics.validation_windows, metrics.validation_first, metrics.validation_last
        ),
        **_common(record, trained.seconds, metrics.epochs, metrics.best_epoch),
    }


def sharpe_net_metadata(record: "ModelRecord", trained: "TrainedSharpeNet") -> Metadata:
    """Return the metadata of a training of the Sharpe net."""
    from stock_assets.pictures.figures import as_markdown
    from stock_assets.pictures.training import learning_curve

    model, metrics = trained.model, trained.model.metrics
    curve = learning_curve(
        trained.train_losses,
        trained.validation_losses,
        metrics.best_epoch,
        title=f"Learning curve: Sharpe net, cutoff {model.cutoff}",
        loss_name="minus daily Sharpe ratio",
    )
    rows = [
        ("Sharpe net (used for early stopping)", metrics.validation_sharpe),
        ("equal weight", metrics.equal_weight_sharpe),
        ("inverse volatility", metrics.inverse_volatility_sharpe),
    ]
    return {
        "learning curve (picture)": dg.MetadataValue.md(as_markdown(curve, "learning curve")),
        "validation Sharpe ratios": dg.MetadataValue.table(
            records=[
                dg.TableRecord({"portfolio": name, "annualised": round(value, 3)}) for name, value in rows
            ],
            schema=dg.TableSchema(
                [dg.TableColumn("portfolio", "string"), dg.TableColumn("annualised", "float")]
            ),
        ),
        "validation blocks": dg.MetadataValue.text(
            f"{metrics.validation_blocks} of {model.config.horizon} trading days, without overlap"
        ),
        "training windows": _windows(metrics.train_windows, metrics.train_first, metrics.train_last),
        "validation windows": _windows(
            metrics.validation_windows, metrics.validation_first, metrics.validation_last
        ),
        **_common(record, trained.seconds, metrics.epochs, metrics.best_epoch),
    }


def _figure(value: float) -> dg.MetadataValue:
    """Return a figure with as many digits as it is good for; text where it is undefined."""
    return (
        dg.MetadataValue.float(round(value, 5))
        if math.isfinite(value)
        else dg.MetadataValue.text("undefined")
    )


def _common(record: "ModelRecord", seconds: float, epochs: int, best_epoch: int) -> Metadata:
    return {
        "model": dg.MetadataValue.text(record.model_id),
        "artefact": dg.MetadataValue.text(record.artifact),
        "epochs": dg.MetadataValue.text(f"{epochs}, the weights of epoch {best_epoch} kept"),
        "duration (s)": dg.MetadataValue.float(round(seconds, 2)),
    }


def _windows(count: int, first: object, last: object) -> dg.MetadataValue:
    return dg.MetadataValue.text(f"{count}, decided from {first} to {last}")


def _forecast_table(trained: "TrainedStage1") -> dg.MetadataValue:
    metrics = trained.model.metrics
    rows = [
        ("network (validation, used for early stopping)", metrics.validation_mae),
        ("zero forecast", metrics.zero_mae),
        ("mean forecast", metrics.mean_mae),
    ]
    return dg.MetadataValue.table(
        records=[dg.TableRecord({"forecast": name, "MAE (%)": round(100 * mae, 4)}) for name, mae in rows],
        schema=dg.TableSchema([dg.TableColumn("forecast", "string"), dg.TableColumn("MAE (%)", "float")]),
    )
