"""A picture of predictions: the past of each instrument, and where its network sees it go."""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from stock_assets.pictures.figures import BLUE, GREY, ORANGE, new_figure, png

#: More than these are bars in one chart instead of a chart each.
MOST_CHARTS = 16
_PANEL_INCHES = 1.5
#: Characters of a name that fit above a chart, by how many charts stand side by side.
_FITTING = {1: 60, 2: 24, 3: 16, 4: 12}


class Forecast(Protocol):
    """What is drawn of a prediction."""

    @property
    def instrument(self) -> str:
        """Id of the instrument."""
        ...

    @property
    def predicted_return(self) -> float:
        """Decimal total return over ``horizon`` sessions."""
        ...

    @property
    def validation_rmse(self) -> float:
        """The error that the network made in validation, decimal; NaN draws no band."""
        ...

    @property
    def horizon(self) -> int:
        """Sessions."""
        ...

    @property
    def knows_later_prices(self) -> bool:
        """Whether the network may have learned what it is to predict."""
        ...

    @property
    def level(self) -> np.ndarray:
        """Total-return level of the last sessions on any scale, float64 of shape (n_sessions,)."""
        ...


def predicted_levels(forecasts: Sequence[Forecast], *, title: str) -> bytes:
    """Draw each instrument's last sessions and its predicted level, or bars of returns if there are many.

    Levels are in percent of the last one known, at session 0. The prediction starts at the next session,
    whose close is not known: it is drawn as if that close were the last one known.

    Parameters
    ----------
    forecasts : sequence of Forecast
        At least one.
    title : str
        Headline.
    """
    if len(forecasts) > MOST_CHARTS:
        return _bars(forecasts, title)
    columns = math.ceil(math.sqrt(len(forecasts)))
    rows = math.ceil(len(forecasts) / columns)
    figure = new_figure(height=3.4 if rows == 1 else 0.9 + _PANEL_INCHES * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
    for axes, forecast in zip(grid, forecasts, strict=False):
        _chart(axes, forecast, _FITTING[columns])
    for axes in grid[max(0, len(forecasts) - columns) : len(forecasts)]:  # the lowest of each column
        axes.set_xlabel("sessions", fontsize="x-small")
        axes.tick_params(labelbottom=True)
    for axes in grid[len(forecasts) :]:
        axes.set_axis_off()
    figure.suptitle(title, fontsize="medium")
    figure.supylabel("total return, last = 100", fontsize="small")
    figure.legend(handles=_legend(forecasts), loc="outside lower center", ncols=4, fontsize="x-small")
    return png(figure)


def _chart(axes: Axes, forecast: Forecast, fitting: int) -> None:
    colour = _colour(forecast)
    level = 100 * forecast.level / forecast.level[-1]
    axes.plot(np.arange(1 - len(level), 1), level, color=GREY, linewidth=1)
    start, end = 1, 1 + forecast.horizon
    target = 100 * (1 + forecast.predicted_return)
    if math.isfinite(forecast.validation_rmse):
        error = 100 * forecast.validation_rmse
        axes.fill_between(
            [start, end], [100, target - error], [100, target + error], color=colour, alpha=0.2, linewidth=0
        )
    axes.plot([start, end], [100, target], color=colour, linestyle="--", linewidth=1)
    axes.plot([end], [target], color=colour, marker="o", markersize=4)
    axes.set_title(f"{_short(forecast.instrument, fitting)} {_percent(forecast)}", fontsize="small")
    axes.tick_params(labelsize="x-small")


def _bars(forecasts: Sequence[Forecast], title: str) -> bytes:
    figure = new_figure(height=1.2 + 0.17 * len(forecasts))
    axes = figure.subplots()
    places = np.arange(len(forecasts))
    predicted = 100 * np.array([forecast.predicted_return for forecast in forecasts])
    # An error of NaN draws no line.
    errors = 100 * np.array([forecast.validation_rmse for forecast in forecasts])
    axes.barh(places, predicted, color=[_colour(forecast) for forecast in forecasts])
    axes.errorbar(predicted, places, xerr=errors, fmt="none", ecolor=GREY, elinewidth=1)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks(
        places, [_short(forecast.instrument, _FITTING[2]) for forecast in forecasts], fontsize="x-small"
    )
    axes.set_ylim(len(forecasts) - 0.4, -0.6)
    horizons = sorted({forecast.horizon for forecast in forecasts})
    axes.set(xlabel=f"predicted, % in {' or '.join(map(str, horizons))} sessions", title=title)
    figure.legend(handles=_legend(forecasts), loc="outside lower center", ncols=3, fontsize="x-small")
    return png(figure)


def _legend(forecasts: Sequence[Forecast]) -> list[Line2D | Patch]:
    handles: list[Line2D | Patch] = []
    later = {forecast.knows_later_prices for forecast in forecasts}
    if False in later:
        handles.append(Patch(color=BLUE, label="predicted"))
    if True in later:
        handles.append(Patch(color=ORANGE, label="predicted by a network that knows later prices"))
    if any(math.isfinite(forecast.validation_rmse) for forecast in forecasts):
        many = len(forecasts) > MOST_CHARTS
        label = "± RMSE in validation"
        line = Line2D([], [], color=GREY, label=label)
        handles.append(line if many else Patch(color=GREY, alpha=0.3, label=label))
    return handles


def _colour(forecast: Forecast) -> str:
    return ORANGE if forecast.knows_later_prices else BLUE


def _percent(forecast: Forecast) -> str:
    return f"{100 * forecast.predicted_return:+.1f} %"


def _short(name: str, characters: int) -> str:
    return name if len(name) <= characters else f"{name[: characters - 1]}…"
