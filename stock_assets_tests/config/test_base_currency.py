"""Covariates, exchange rates and the base currency: what fits together, and what is told otherwise."""

import shutil
from pathlib import Path

import pytest

from stock_assets.config import load_universe
from stock_assets.config.base_currency import currency_of_returns, currency_sentence, rates_of
from stock_assets.errors import ConfigurationError
from stock_assets_tests.made_up import CONFIG_DIR

INSTRUMENTS = "jp_index, jp_stock, uk_fund, gold, us_index, us10y"
IN_DOLLARS = "uk_fund, gold, us_index, us10y"
VIX = (
    "{id: vix, name: VIX, exchange: XNYS, currency: USD, return_kind: price, "
    "sources: [{source: csv, symbol: V}]"
)


def rate(name: str, unit: str, currency: str, more: str = "") -> str:
    """An exchange rate as it stands in the file."""
    return (
        f"  - {{id: {name}, name: A rate, exchange: XNYS, currency: {currency}, unit_currency: {unit}, "
        f"sources: [{{source: csv, symbol: R}}]{more}}}\n"
    )


def rates(*entries: str) -> str:
    return "exchange_rates:\n" + "".join(entries)


USD_JPY = rate("usd_jpy", "USD", "JPY")
USD_KRW, JPY_KRW = rate("usd_krw", "USD", "KRW"), rate("jpy_krw", "JPY", "KRW")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the made-up universe's configuration."""
    return Path(shutil.copytree(CONFIG_DIR, tmp_path / "configs")) / "made_up"


def configure(folder: Path, base: str, more: str) -> None:
    path = folder / "universe.yaml"
    text = path.read_text(encoding="utf-8").replace(
        "max_staleness: 3\n", f"max_staleness: 3\nbase_currency: {base}\n"
    )
    path.write_text(text + more, encoding="utf-8")


def told(folder: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        load_universe(folder)
    return str(raised.value).splitlines()


NEEDED = "the prices in KRW of JPY, USD"
MISTAKES = {
    "no rate": (
        "JPY",
        "",
        [
            "exchange_rates: base_currency JPY needs the price of USD in JPY for "
            f"{IN_DOLLARS}; allowed are the prices in JPY of USD, one rate each."
        ],
    ),
    "one of two": (
        "KRW",
        rates(USD_KRW),
        [
            "exchange_rates: base_currency KRW needs the price of JPY in KRW for jp_index, jp_stock; "
            f"allowed are {NEEDED}, one rate each."
        ],
    ),
    "the wrong way round": (
        "JPY",
        rates(rate("jpy_usd", "JPY", "USD")),
        [
            "exchange_rates.jpy_usd: base_currency JPY needs the price of JPY in USD for no instrument; "
            "allowed are the prices in JPY of USD.",
            "exchange_rates: base_currency JPY needs the price of USD in JPY for "
            f"{IN_DOLLARS}; allowed are the prices in JPY of USD, one rate each.",
        ],
    ),
    "in another currency than the base": (
        "KRW",
        rates(JPY_KRW, USD_JPY),
        [
            "exchange_rates.usd_jpy: base_currency KRW needs the price of USD in JPY for no instrument; "
            f"allowed are {NEEDED}.",
            f"exchange_rates: base_currency KRW needs the price of USD in KRW for {IN_DOLLARS}; allowed are "
            f"{NEEDED}, one rate each.",
        ],
    ),
    "of a currency that nothing is in": (
        "KRW",
        rates(USD_KRW, JPY_KRW, rate("eur_krw", "EUR", "KRW")),
        [
            "exchange_rates.eur_krw: base_currency KRW needs the price of EUR in KRW for no instrument; "
            f"allowed are {NEEDED}."
        ],
    ),
    "one pair twice": (
        "KRW",
        rates(USD_KRW, JPY_KRW, rate("dollar", "USD", "KRW")),
        ["exchange_rates.dollar: is the price of USD in KRW as usd_krw is; allowed is one rate a pair."],
    ),
    "one that may be dropped": (
        "JPY",
        rates(rate("usd_jpy", "USD", "JPY", ", optional: true")),
        [
            "exchange_rates.usd_jpy.optional: true is not allowed, since no portfolio can be valued without "
            "it; allowed is false."
        ],
    ),
    "rates with local returns": (
        "local",
        rates(USD_KRW, JPY_KRW),
        [
            "exchange_rates: base_currency local makes no use of usd_krw, jpy_krw; allowed are none, or a "
            "base_currency such as KRW."
        ],
    ),
    "a safe covariate": (
        "local",
        f"covariates:\n  - {VIX}, safe: true}}\n",
        ["covariates.vix.safe: true is not allowed, since it is never held; allowed is false."],
    ),
    "a safe rate": (
        "JPY",
        rates(rate("usd_jpy", "USD", "JPY", ", safe: true")),
        ["exchange_rates.usd_jpy.safe: true is not allowed, since it is never held; allowed is false."],
    ),
    "a covariate with a maturity that is no yield": (
        "local",
        f"covariates:\n  - {VIX}, maturity_years: 10}}\n",
        [
            "covariates.vix: maturity_years is 10.0 with return_kind 'price'; allowed is a number with "
            "yield, and none with anything else."
        ],
    ),
    "a rate with a maturity": (
        "JPY",
        rates(rate("usd_jpy", "USD", "JPY", ", maturity_years: 10")),
        [
            "exchange_rates.usd_jpy: maturity_years is 10.0 with return_kind 'price'; allowed is a number "
            "with yield, and none with anything else."
        ],
    ),
    "a covariate on no exchange": (
        "local",
        f"covariates:\n  - {VIX.replace('XNYS', 'CBOE')}}}\n",
        None,
    ),
}


@pytest.mark.parametrize(("base", "more", "sentences"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_sentence(folder: Path, base: str, more: str, sentences: list[str] | None) -> None:
    configure(folder, base, more)
    found = told(folder)
    if sentences is None:
        (sentence,) = found
        assert sentence.startswith("made_up/universe.yaml: covariates.vix.exchange: 'CBOE' is no exchange")
    else:
        assert found == [f"made_up/universe.yaml: {sentence}" for sentence in sentences]


def test_every_instrument_in_another_currency_has_its_rate(folder: Path) -> None:
    configure(folder, "KRW", rates(JPY_KRW, USD_KRW))
    universe = load_universe(folder).universe
    assert rates_of(universe) == {
        "jp_index": "jpy_krw",
        "jp_stock": "jpy_krw",
        "uk_fund": "usd_krw",
        "gold": "usd_krw",
        "us_index": "usd_krw",
        "us10y": "usd_krw",
    }
    assert currency_of_returns(universe) == "in KRW, unhedged"
    assert currency_sentence(universe) == (
        "Returns are taken in KRW, unhedged; predictions are in each instrument's own currency, taken with "
        "unchanged exchange rates."
    )
    assert universe.instrument_ids == tuple(INSTRUMENTS.split(", "))


def test_instruments_in_the_base_currency_have_none(folder: Path) -> None:
    configure(folder, "JPY", rates(USD_JPY))
    assert rates_of(load_universe(folder).universe) == dict.fromkeys(IN_DOLLARS.split(", "), "usd_jpy")


def test_local_returns_need_no_rate(folder: Path) -> None:
    universe = load_universe(folder).universe
    assert rates_of(universe) == {}
    assert currency_of_returns(universe) == "in each instrument's own currency, as if hedged"
    assert currency_sentence(universe) == (
        "Returns are taken in each instrument's own currency, as if hedged, carry ignored."
    )


def test_a_network_may_read_whatever_is_priced(folder: Path) -> None:
    configure(folder, "JPY", rates(USD_JPY) + f"covariates:\n  - {VIX}}}\n")
    path = folder / "stage1.yaml"
    path.write_text(path.read_text().replace("covariates: [us_index]", "covariates: [gold, vix, usd_jpy]"))
    config = load_universe(folder)
    assert config.stage1.for_instrument("jp_index").covariates == ("gold", "vix", "usd_jpy")
    assert "vix" not in config.universe.instrument_ids


def test_a_covariate_has_no_network_of_its_own(folder: Path) -> None:
    configure(folder, "local", f"covariates:\n  - {VIX}}}\n")
    path = folder / "stage1.yaml"
    path.write_text(path.read_text() + "  vix: {}\n")
    assert told(folder) == [
        "made_up/stage1.yaml: instruments.vix: 'vix' is no instrument of universe.yaml; allowed are "
        f"{INSTRUMENTS}."
    ]
