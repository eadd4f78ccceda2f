"""The pictures of the UI: real PNGs, small, the same bytes each time, whatever the numbers are."""

import base64
import io
import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from PIL import Image

from stock_assets.pictures.figures import BLUE, ORANGE, as_markdown
from stock_assets.pictures.training import learning_curve, predicted_against_realised
from stock_assets.pictures.weights import weight_bars

MOST_BYTES = 40_000
HUGE = 1e300


def random(seed: int, count: int, scale: float = 1.0) -> np.ndarray:
    return scale * np.random.default_rng(seed).standard_normal(count)


def curve(train: Sequence[float], validation: Sequence[float], best: int) -> bytes:
    return learning_curve(train, validation, best, title="Learning curve: gold", loss_name="huber loss")


def scatter(predicted: np.ndarray, realised: np.ndarray) -> bytes:
    return predicted_against_realised(predicted, realised, title="Validation: gold", horizon=30)


def bars(instruments: int, profiles: int = 2, name: str = "instrument_{}") -> bytes:
    generator = np.random.default_rng(5)
    return weight_bars(
        [name.format(number) for number in range(instruments)],
        [number % 3 == 0 for number in range(instruments)],
        {
            profile: generator.dirichlet(np.full(instruments, 0.3))
            for profile in ("stable", "aggressive")[:profiles]
        },
        title="alpha, 2022-12-28",
    )


PICTURES: dict[str, Callable[[], bytes]] = {
    "curve of 200 epochs": lambda: curve(random(1, 200).tolist(), random(2, 200).tolist(), 170),
    "curve of one epoch": lambda: curve([0.5], [0.6], 1),
    "curve of equal losses": lambda: curve([0.5] * 9, [0.5] * 9, 9),
    "curve of huge losses": lambda: curve([HUGE, 1e-300, -HUGE], [0.0, HUGE, 1.0], 2),
    "curve of tiny losses": lambda: curve([1e-300, 2e-300], [0.0, 5e-324], 1),
    "scatter of a long validation": lambda: scatter(random(3, 4000, 0.02), random(4, 4000, 0.1)),
    "scatter of one date": lambda: scatter(np.array([0.01]), np.array([-0.02])),
    "scatter of no date": lambda: scatter(np.array([]), np.array([])),
    "scatter of zeros": lambda: scatter(np.zeros(50), np.zeros(50)),
    "scatter of huge returns": lambda: scatter(random(5, 50, 1e200), random(6, 50, 1e250)),
    "bars of 13 instruments": lambda: bars(13),
    "bars of 30 instruments": lambda: bars(30),
    "bars of 30 long names": lambda: bars(30, name="a_name_of_thirty_two_characters{}"),
    "bars of one instrument": lambda: bars(1),
    "bars of one profile": lambda: bars(13, profiles=1),
}


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_a_small_png_with_something_on_it(name: str) -> None:
    image = PICTURES[name]()
    assert len(image) < MOST_BYTES
    with Image.open(io.BytesIO(image)) as opened:
        assert opened.format == "PNG"
        assert opened.width == 512 and 250 <= opened.height <= 280
        opened.load()
        assert len(opened.convert("RGB").getcolors(maxcolors=2**24)) > 10


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_has_the_same_bytes_each_time_and_needs_no_warning(name: str) -> None:
    assert PICTURES[name]() == PICTURES[name]()


def test_no_picture_is_left_in_the_memory_of_pyplot() -> None:
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    bars(13)
    assert plt.get_fignums() == before


def test_markdown_carries_the_picture_itself() -> None:
    image = bars(13)
    text = as_markdown(image, "weights")
    found = re.fullmatch(r"!\[weights\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)", text)
    assert found is not None and base64.b64decode(found.group(1), validate=True) == image


def like(image: bytes, colour: str) -> np.ndarray:
    """Where a picture has nearly this colour, as an array of bool of shape (height, width)."""
    with Image.open(io.BytesIO(image)) as opened:
        pixels = np.asarray(opened.convert("RGB"), dtype=np.int64)
    wanted = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)])
    return np.abs(pixels - wanted).sum(axis=2) < 60


def highest_bar(image: bytes, colour: str, columns: slice) -> int:
    """The longest run of one colour from above to below, in pixels."""
    longest = 0
    for column in like(image, colour)[:, columns].T:
        runs = "".join("x" if pixel else " " for pixel in column).split()
        longest = max([longest, *map(len, runs)])
    return longest


def test_bars_are_as_high_as_the_weights() -> None:
    left, right = slice(0, 270), slice(300, 512)
    image = weight_bars(
        ["a", "b"],
        [True, False],
        {"stable": np.array([0.2, 0.8]), "aggressive": np.array([0.0, 1.0])},
        title="alpha",
    )
    full = highest_bar(image, ORANGE, right)
    assert full > 100
    assert highest_bar(image, BLUE, left) == pytest.approx(0.2 * full, abs=2)
    assert highest_bar(image, BLUE, right) == pytest.approx(0.8 * full, abs=2)


def test_the_kept_epoch_is_marked_where_it_is() -> None:
    def place(best: int) -> int:
        return int(like(curve([0.5] * 41, [0.4] * 41, best), ORANGE).sum(axis=0).argmax())

    first, middle, last = place(1), place(21), place(41)
    assert middle - first > 150
    assert middle - first == pytest.approx(last - middle, abs=2)


def test_a_date_lies_where_its_returns_say() -> None:
    def centre(predicted: float, realised: float) -> tuple[float, float]:
        found = np.argwhere(like(scatter(np.array([predicted]), np.array([realised])), "#66AAD1"))
        return tuple(found.mean(axis=0))

    up, left = centre(0.01, -0.02)
    down, right = centre(-0.01, 0.02)
    assert up < down - 20 and left < right - 100
