"""A picture of one portfolio model's weights."""

from collections.abc import Mapping, Sequence

import numpy as np

from stock_assets.pictures.figures import BLUE, ORANGE, new_figure, png


def weight_bars(
    instruments: Sequence[str], safe: Sequence[bool], weights: Mapping[str, np.ndarray], *, title: str
) -> bytes:
    """Draw the weights of each profile as bars, an instrument a group; safe instruments carry a star.

    Parameters
    ----------
    instruments, safe : sequences of the same length
        Ids of the instruments, and whether each is safe.
    weights : mapping of str to ndarray of float64, shape (n_instruments,)
        Shares of the portfolio, by profile.
    """
    figure = new_figure(height=3.4)
    axes = figure.subplots()
    places = np.arange(len(instruments))
    width = 0.8 / len(weights)
    for index, (profile, values) in enumerate(weights.items()):
        offset = (index - (len(weights) - 1) / 2) * width
        axes.bar(places + offset, 100 * values, width, label=profile, color=(BLUE, ORANGE)[index % 2])
    labels = [f"{name}*" if is_safe else name for name, is_safe in zip(instruments, safe, strict=True)]
    axes.set_xticks(places, labels, rotation=45, ha="right", rotation_mode="anchor", fontsize="small")
    axes.set(ylabel="weight, %", title=f"{title} (* safe)")
    axes.legend(fontsize="small")
    return png(figure)
