from datetime import date, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from stock_assets.config import load_universe
from stock_assets.session_overrides import SessionOverride
from stock_assets_tests.made_up import CONFIG_DIR

SAMPLE = Path(__file__).parents[2] / "configs" / "sample"
STOCKS = ["aapl", "amd", "cvx", "ge", "jpm", "lly", "msft", "xom"]
SAFE = ["jnj", "ko", "pep", "pg", "wmt"]


def test_the_sample_universe_is_what_is_documented() -> None:
    config = load_universe(SAMPLE)
    universe = config.universe
    assert list(universe.instrument_ids) == STOCKS + SAFE
    assert [instrument.id for instrument in universe.instruments if instrument.safe] == SAFE
    assert {instrument.exchange for instrument in universe.instruments} == {"XNYS"}
    assert {instrument.currency for instrument in universe.instruments} == {"USD"}
    assert {instrument.return_kind for instrument in universe.instruments} == {"total"}
    assert (universe.history_start, universe.start, universe.end) == (
        date(2010, 1, 4),
        date(2021, 1, 4),
        date(2022, 12, 28),
    )
    assert (config.stage1.lookback, config.stage1.horizon) == (50, 30)


def test_the_made_up_universe_has_what_its_tests_rely_on() -> None:
    config = load_universe(CONFIG_DIR / "made_up")
    universe = config.universe
    assert universe.exchanges == ("XLON", "XNYS", "XTKS")
    assert {instrument.currency for instrument in universe.instruments} == {"JPY", "USD"}
    assert {instrument.return_kind for instrument in universe.instruments} == {
        "price",
        "total",
        "future",
        "yield",
    }
    assert universe.instrument("us10y").publication_lag == timedelta(days=1)
    assert config.overrides == (
        SessionOverride(date(2021, 2, 6), "XTKS", True, "made up for the tests: a session on a Saturday"),
        SessionOverride(
            date(2021, 3, 17),
            "XLON",
            False,
            "made up for the tests: an announced closure that the package does not know",
        ),
    )


def test_an_instrument_has_its_own_keys_over_the_common_ones() -> None:
    stage1 = load_universe(CONFIG_DIR / "made_up").stage1
    assert stage1.for_instrument("jp_stock").network.cell == "gru"
    assert stage1.for_instrument("jp_stock").network.hidden_sizes == (6, 4)
    assert stage1.for_instrument("uk_fund").network.cell == "lstm"
    assert stage1.for_instrument("jp_index").covariates == ("us_index",)


def test_a_configuration_cannot_be_changed() -> None:
    universe = load_universe(CONFIG_DIR / "made_up").universe
    with pytest.raises(ValidationError, match="frozen"):
        universe.start = date(2021, 1, 5)


def test_an_unknown_instrument_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="silver"):
        load_universe(CONFIG_DIR / "made_up").universe.instrument("silver")
