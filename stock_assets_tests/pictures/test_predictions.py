"""The picture of predictions: small, drawn where the numbers say, and honest about later prices."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

from stock_assets.pictures.figures import BLUE, ORANGE
from stock_assets.pictures.predictions import MOST_CHARTS, predicted_levels
from stock_assets_tests.pictures.test_pictures import MOST_BYTES, like


@dataclass(frozen=True)
class Made:
    """A forecast of a flat history, unless another is given."""

    predicted_return: float = 0.05
    validation_rmse: float = 0.02
    horizon: int = 30
    knows_later_prices: bool = False
    instrument: str = "gold"
    level: np.ndarray = field(default_factory=lambda: np.ones(121))


def walks(count: int, name: str = "instrument_{}") -> list[Made]:
    rng = np.random.default_rng(3)
    return [
        Made(
            float(rng.normal(0, 0.05)),
            0.08,
            knows_later_prices=number % 5 == 4,
            instrument=name.format(number),
            level=np.exp(np.cumsum(rng.normal(0, 0.015, 121))),
        )
        for number in range(count)
    ]


PICTURES: dict[str, Sequence[Made]] = {
    "one": walks(1),
    "two": walks(2),
    "thirteen": walks(13),
    "as many charts as there may be": walks(MOST_CHARTS, "a_name_of_thirty_two_characters{}"),
    "one too many": walks(MOST_CHARTS + 1, "a_name_of_thirty_two_characters{}"),
    "sixty": walks(60),
    "without a band": [Made(validation_rmse=float("nan"))],
    "bars without bands": [Made(validation_rmse=float("nan"))] * 20,
    "a flat history and no return": [Made(0.0, 0.0)],
    "one session": [Made(level=np.array([3.0]))],
    "a huge return": [Made(1e6, 1e6)],
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_a_small_png_with_the_same_bytes_each_time(name: str) -> None:
    image = predicted_levels(PICTURES[name], title="Predictions of 2022-12-01, on demand")
    assert len(image) < MOST_BYTES
    assert predicted_levels(PICTURES[name], title="Predictions of 2022-12-01, on demand") == image
    with Image.open(io.BytesIO(image)) as opened:
        assert opened.format == "PNG" and opened.width == 512


def marker(forecast: Made, colour: str = BLUE) -> tuple[float, float]:
    """Where the predicted level lies in the picture: its row and its column."""
    found = np.argwhere(like(predicted_levels([forecast], title="t"), colour)[40:-50])
    right = found[found[:, 1] >= found[:, 1].max() - 4]
    return tuple(right.mean(axis=0))


def test_a_higher_return_is_drawn_higher_on_the_same_scale() -> None:
    """The history spans the scale, so that the axis is the same for all."""
    span = np.linspace(0.8, 1.2, 121)
    rows = [marker(Made(value, 0.0, level=np.append(span, 1.0)))[0] for value in (-0.1, 0.0, 0.1)]
    assert rows[0] - rows[1] == pytest.approx(rows[1] - rows[2], abs=1.5) and rows[0] - rows[2] > 40


def test_the_level_is_relative_to_the_last_one_known() -> None:
    one = predicted_levels([Made(level=np.linspace(0.9, 1.0, 121))], title="t")
    assert predicted_levels([Made(level=np.linspace(0.9, 1.0, 121) * 8)], title="t") == one


def test_a_longer_horizon_reaches_further() -> None:
    """Session 0 moves to the left as the axis grows: the future takes more of the picture."""
    width = [like(predicted_levels([Made(horizon=days)], title="t"), BLUE)[40:-50] for days in (10, 60)]
    spans = [np.ptp(np.argwhere(found)[:, 1]) for found in width]
    assert spans[1] > 3 * spans[0]


def band(error: float, colour: str = "#CCE3F0") -> int:
    return int(like(predicted_levels([Made(0.0, error)], title="t"), colour)[40:-50].sum())


def test_the_band_is_the_error() -> None:
    """Without one, only the edges of lines and letters have its colour."""
    assert 10 * band(float("nan")) < band(0.05)


@pytest.mark.parametrize("count", [1, MOST_CHARTS + 1])
def test_what_knows_later_prices_has_another_colour_and_says_so(count: int) -> None:
    def seen(later: bool) -> tuple[bool, bool]:
        forecasts = [Made(knows_later_prices=later, instrument=f"i{number}") for number in range(count)]
        image = predicted_levels(forecasts, title="t")
        return bool(like(image, BLUE).any()), bool(like(image, ORANGE).any())

    assert seen(False) == (True, False) and seen(True) == (False, True)
    with_later = predicted_levels([Made(), Made(knows_later_prices=True)], title="t")
    assert like(with_later, BLUE).any() and like(with_later, ORANGE).any()
