"""Pictures of a training: how the loss fell, and what the validation predictions were worth."""

from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator

from stock_assets.pictures.figures import BLUE, GREY, ORANGE, new_figure, png


def learning_curve(
    train_losses: Sequence[float],
    validation_losses: Sequence[float],
    best_epoch: int,
    *,
    title: str,
    loss_name: str,
) -> bytes:
    """Draw training and validation loss by epoch, the kept epoch marked.

    Parameters
    ----------
    train_losses, validation_losses : sequence of float
        One value an epoch, in the unit of ``loss_name``.
    best_epoch : int
        Epoch, counted from 1, whose weights were kept.
    title, loss_name : str
        Headline and label of the vertical axis.
    """
    figure = new_figure()
    axes = figure.subplots()
    epochs = np.arange(1, len(train_losses) + 1)
    axes.plot(epochs, train_losses, color=GREY, marker=".", label="training")
    axes.plot(epochs, validation_losses, color=BLUE, marker=".", label="validation (used for early stopping)")
    axes.axvline(best_epoch, color=ORANGE, linestyle=":", label=f"kept: epoch {best_epoch}")
    axes.set(xlabel="epoch", ylabel=loss_name, title=title)
    axes.set_xlim(0.5, len(epochs) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.legend(fontsize="small")
    return png(figure)


def predicted_against_realised(
    predicted: np.ndarray, realised: np.ndarray, *, title: str, horizon: int
) -> bytes:
    """Draw predicted against realised returns of the validation dates.

    Parameters
    ----------
    predicted, realised : ndarray of float64, shape (n_dates,)
        Decimal total returns over ``horizon`` sessions.
    """
    figure = new_figure()
    axes = figure.subplots()
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.scatter(100 * realised, 100 * predicted, s=8, color=BLUE, alpha=0.6, linewidths=0)
    edge = 100 * float(np.max(np.abs(np.concatenate([predicted, realised])), initial=0.01))
    axes.plot([-edge, edge], [-edge, edge], color=ORANGE, linestyle=":", label="predicted = realised")
    axes.set(
        xlabel=f"realised, % in {horizon} sessions",
        ylabel=f"predicted, % in {horizon} sessions",
        title=title,
    )
    axes.legend(fontsize="small")
    return png(figure)
