import io

from PIL import Image

from stock_assets.pictures.forecasts import mae_against_naive


def picture(network: float | None, count: int = 1) -> bytes:
    names = [f"i{number}" for number in range(count)]
    return mae_against_naive(names, [network] * count, [0.03] * count, [0.02] * count, title="t")


def test_the_picture_shows_its_errors_and_grows_with_them() -> None:
    small, other, wide = picture(0.01), picture(0.025), picture(0.01, 40)
    assert small == picture(0.01) and small != other
    sizes = [Image.open(io.BytesIO(image)).size for image in (small, wide)]
    assert sizes[0] == (512, 256) and sizes[1][0] > 1000


def test_an_undefined_error_has_no_bar() -> None:
    assert picture(None) not in (picture(0.01), picture(0.0))
