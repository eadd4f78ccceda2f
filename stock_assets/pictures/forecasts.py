"""A picture of a training: every network's error beside those of naive forecasts."""

from collections.abc import Sequence

import numpy as np

from stock_assets.pictures.figures import BLUE, GREY, ORANGE, SIZE_INCHES, new_figure, png

_INCHES_PER_INSTRUMENT = 0.45


def mae_against_naive(
    instruments: Sequence[str],
    network: Sequence[float | None],
    zero: Sequence[float | None],
    mean: Sequence[float | None],
    *,
    title: str,
) -> bytes:
    """Draw mean absolute errors side by side, three bars an instrument.

    Parameters
    ----------
    instruments : sequence of str, shape (n_instruments,)
    network, zero, mean : sequence of float or None, shape (n_instruments,)
        Errors of the network, of "nothing moves" and of the mean of the training labels, decimal returns over
        the horizon; one that is undefined has no bar.
    """
    figure = new_figure(max(SIZE_INCHES[0], _INCHES_PER_INSTRUMENT * len(instruments)))
    axes = figure.subplots()
    places = np.arange(len(instruments))
    rows = (
        ("network (used for early stopping)", network, BLUE),
        ("zero forecast", zero, GREY),
        ("mean forecast", mean, ORANGE),
    )
    for step, (label, errors, color) in zip((-0.27, 0, 0.27), rows, strict=True):
        heights = [float("nan") if error is None else 100 * error for error in errors]
        axes.bar(places + step, heights, width=0.25, color=color, label=label)
    axes.set_xticks(places, instruments, rotation=45, ha="right")
    axes.set(ylabel="MAE, %", title=title)
    axes.legend(fontsize="small")
    return png(figure)
