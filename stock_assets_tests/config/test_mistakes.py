"""Every kind of mistake gives one sentence that names the file, the key and what is allowed."""

import shutil
from pathlib import Path

import pytest

from stock_assets.calendars import known_exchanges
from stock_assets.config import load_universe
from stock_assets.errors import ConfigurationError
from stock_assets_tests.made_up import CONFIG_DIR

UNIVERSE, STAGE1, PORTFOLIOS = "universe.yaml", "stage1.yaml", "portfolios.yaml"
HISTORY = "the history of 516 weekdays from history_start 2019-01-04 to start 2020-12-28"
INSTRUMENTS = "jp_index, jp_stock, uk_fund, gold, us_index, us10y"
FEATURES = (
    "return_N, volatility_N, sma_N, ema_N, rsi_N, macd, macd_signal, open_ratio, high_ratio, low_ratio, "
    "atr_N, parabolic_sar, weekday, month, with N a number of sessions"
)

#: File, the text in it, what takes its place, and the sentence behind the file's name.
MISTAKES = {
    "unknown key": (
        UNIVERSE,
        "name: made_up\n",
        "name: made_up\nstarts: 2021-01-01\n",
        "starts: the key 'starts' is unknown; allowed here are name, description, owners, base_currency, "
        "history_start, start, end, cutoffs, first_cutoff, deadline, max_staleness, reread_sessions, "
        "quality, source_settings, instruments, covariates, exchange_rates, headlines, operations.",
    ),
    "unknown key of an instrument": (
        UNIVERSE,
        "    maturity_years: 10\n",
        "    maturity_years: 10\n    colour: red\n",
        "instruments.us10y.colour: the key 'colour' is unknown; allowed here are id, name, exchange, "
        "currency, return_kind, maturity_years, sources, publication_lag, session_expectation, optional, "
        "safe.",
    ),
    "unknown key of a network": (
        STAGE1,
        "{cell: gru}",
        "{cells: gru}",
        "instruments.jp_stock.network.cells: the key 'cells' is unknown; allowed here are cell, "
        "hidden_sizes, dropout, batch_norm.",
    ),
    "unknown key of a training": (
        STAGE1,
        "max_epochs: 3",
        "max_epoch: 3",
        "training.max_epoch: the key 'max_epoch' is unknown; allowed here are loss, learning_rate, "
        "weight_decay, gradient_norm, batch_size, max_epochs, patience, validation_fraction, seed.",
    ),
    "unknown key of portfolios": (
        PORTFOLIOS,
        "risk_free_rate: 0.0\n",
        "risk_free: 0.0\n",
        "risk_free: the key 'risk_free' is unknown; allowed here are risk_free_rate, covariance, profiles, "
        "black_litterman, sharpe_net.",
    ),
    "unknown exchange": (
        UNIVERSE,
        "id: gold\n    name: Continuous gold future in London\n    exchange: XLON",
        "id: gold\n    name: Continuous gold future in London\n    exchange: LSE",
        "instruments.gold.exchange: 'LSE' is no exchange with a calendar; allowed are "
        f"{', '.join(known_exchanges())}.",
    ),
    "unknown instrument": (
        STAGE1,
        "  gold:\n",
        "  silver:\n",
        f"instruments.silver: 'silver' is no instrument of universe.yaml; allowed are {INSTRUMENTS}.",
    ),
    "unknown covariate": (
        STAGE1,
        "covariates: [us_index]",
        "covariates: [vix]",
        "instruments.jp_index.covariates: 'vix' is neither instrument, covariate nor exchange rate of "
        f"universe.yaml; allowed are {INSTRUMENTS}.",
    ),
    "unknown covariate of all": (
        STAGE1,
        "shrinkage: 0.5",
        "covariates: [vix]",
        "covariates: 'vix' is neither instrument, covariate nor exchange rate of universe.yaml; allowed are "
        f"{INSTRUMENTS}.",
    ),
    "unknown feature": (
        STAGE1,
        "ema_5",
        "ema",
        f"features: 'ema' is no feature; allowed are {FEATURES}.",
    ),
    "feature named twice": (
        STAGE1,
        "ema_5",
        "sma_5",
        "features: 'sma_5' is named more than once; each feature is allowed once.",
    ),
    "lookback longer than the history": (
        STAGE1,
        "lookback: 10",
        "lookback: 507",
        f"lookback: 507 sessions, with a horizon of 5 and a feature over 5, are longer than {HISTORY}; "
        "allowed is a lookback of at most 506.",
    ),
    "covariance longer than the history": (
        PORTFOLIOS,
        "window: 60",
        "window: 512",
        f"covariance.window: 512 days, with an overlap of 5, are longer than {HISTORY}; allowed is a window "
        "of at most 511.",
    ),
    "lookback of one instrument": (
        STAGE1,
        "    network: {cell: gru}",
        "    lookback: 20",
        "instruments.jp_stock.lookback: is one for all instruments; allowed is the key at the top of the "
        "file.",
    ),
    "bounds above what safe instruments may hold": (
        PORTFOLIOS,
        "min_safe: 0.4, max_weight: 0.6",
        "min_safe: 0.4, max_weight: 0.1",
        "profiles.stable.bounds: min_safe 0.4 cannot be met by 2 safe instruments of at most 0.1 each; "
        "allowed is a max_weight of at least 0.2.",
    ),
    "bounds that no weights can fill": (
        PORTFOLIOS,
        "max_safe: 0.4, max_weight: 0.6",
        "max_safe: 0.4, max_weight: 0.12",
        "profiles.aggressive.bounds: no weights can meet them: 2 safe instruments may hold at most 0.24 and "
        "4 others at most 0.48, which is less than 1 together; allowed is a greater max_weight or max_safe.",
    ),
    "bounds that contradict each other": (
        PORTFOLIOS,
        "min_safe: 0.4, max_weight: 0.6",
        "min_safe: 0.7, max_safe: 0.4",
        "profiles.stable.bounds: min_safe 0.7 is above max_safe 0.4, and no weights can meet both; allowed "
        "is a min_safe of at most max_safe.",
    ),
    "percent where a share is meant": (
        PORTFOLIOS,
        "min_safe: 0.4, max_weight: 0.6",
        "min_safe: 40, max_weight: 0.6",
        "profiles.stable.bounds.min_safe: 40 is not allowed; allowed is a value of at most 1.0.",
    ),
    "unknown profile": (
        PORTFOLIOS,
        "  aggressive:\n",
        "  bold: {}\n  aggressive:\n",
        "profiles.bold: 'bold' is not allowed; allowed is 'stable' or 'aggressive'.",
    ),
    "start after the end": (
        UNIVERSE,
        "\nstart: 2020-12-28",
        "\nstart: 2021-12-28",
        "start 2021-12-28 is after end 2021-03-31; allowed is a day on or before end.",
    ),
    "history that begins after the start": (
        UNIVERSE,
        "history_start: 2019-01-04",
        "history_start: 2021-01-04",
        "history_start 2021-01-04 is after start 2020-12-28; allowed is a day on or before start.",
    ),
    "no date": (
        UNIVERSE,
        "\nstart: 2020-12-28",
        "\nstart: soon",
        "start: 'soon' is not allowed; allowed is a date such as 2021-01-04.",
    ),
    "a number for a date": (
        UNIVERSE,
        "end: 2021-03-31",
        "end: 20210331",
        "end: 20210331 is not allowed; allowed is a date such as 2021-01-04.",
    ),
    "missing key": (
        UNIVERSE,
        "\nstart: 2020-12-28",
        "\n",
        "start: the key is missing; it is required.",
    ),
    "no whole number": (
        UNIVERSE,
        "max_staleness: 3",
        "max_staleness: few",
        "max_staleness: 'few' is not allowed; allowed is a whole number.",
    ),
    "negative number": (
        UNIVERSE,
        "max_staleness: 3",
        "max_staleness: -1",
        "max_staleness: -1 is not allowed; allowed is a value of at least 0.",
    ),
    "infinite number": (
        UNIVERSE,
        "jump: 0.2",
        "jump: .inf",
        "quality.jump: inf is not allowed; allowed is a finite number.",
    ),
    "no mapping": (
        UNIVERSE,
        "quality: {jump: 0.2, jump_basis_points: 40, stale_repeats: 3}",
        "quality: strict",
        "quality: 'strict' is not allowed; allowed is a mapping of keys.",
    ),
    "no truth value": (
        UNIVERSE,
        "return_kind: future\n    sources: [{source: csv, symbol: GOLD}]\n    safe: true",
        "return_kind: future\n    sources: [{source: csv, symbol: GOLD}]\n    safe: rather",
        "instruments.gold.safe: 'rather' is not allowed; allowed is true or false.",
    ),
    "an id that YAML reads as a truth value": (
        UNIVERSE,
        "id: gold",
        "id: no",
        "instruments[3].id: false is not allowed; allowed is a text, in quotes if YAML would read it as "
        "something else.",
    ),
    "an id twice": (
        UNIVERSE,
        "id: us10y",
        "id: gold",
        "instruments holds the id 'gold' more than once; each id is allowed once.",
    ),
    "unknown return kind": (
        UNIVERSE,
        "return_kind: yield",
        "return_kind: yields",
        "instruments.us10y.return_kind: 'yields' is not allowed; allowed is 'price', 'total', 'future' or "
        "'yield'.",
    ),
    "unknown source": (
        UNIVERSE,
        "source: csv, symbol: FUND",
        "source: excel, symbol: FUND",
        "instruments.uk_fund.sources[0].source: 'excel' is not allowed; allowed is 'sample', 'csv', "
        "'yahoo', 'treasury', 'fred' or 'ecos'.",
    ),
    "no source": (
        UNIVERSE,
        "sources: [{source: csv, symbol: FUND}]",
        "sources: []",
        "instruments.uk_fund.sources: a list of 0 is not allowed; allowed is a list of at least 1.",
    ),
    "source without its settings": (
        UNIVERSE,
        "source_settings:\n  csv:\n    file: prices/{symbol}.csv\n    columns:\n      session: Date\n      "
        "open: Open\n      high: High\n      low: Low\n      close: Close\n      volume: Volume\n      "
        "dividend: Dividends\n      split: Stock Splits\n",
        "",
        "source_settings.csv: the key is missing; it is required by instruments with the source 'csv'.",
    ),
    "columns that identify no bar": (
        UNIVERSE,
        "prices/{symbol}.csv",
        "prices.csv",
        "source_settings.csv: columns lacks symbol; a file needs session and close, and symbol too unless "
        "its name holds {symbol}.",
    ),
    "yield without a maturity": (
        UNIVERSE,
        "    maturity_years: 10\n",
        "",
        "instruments.us10y: maturity_years is missing with return_kind 'yield'; allowed is a number with "
        "yield, and none with anything else.",
    ),
    "maturity between two coupons": (
        UNIVERSE,
        "maturity_years: 10",
        "maturity_years: 10.3",
        "instruments.us10y.maturity_years: 10.3 is not allowed; allowed is a multiple of 0.5.",
    ),
    "duration without a unit": (
        UNIVERSE,
        "publication_lag: P1D",
        "publication_lag: 24",
        "instruments.us10y.publication_lag: 24 has no unit; allowed is a duration such as PT24H or P1D.",
    ),
    "no duration": (
        UNIVERSE,
        "publication_lag: P1D",
        "publication_lag: tomorrow",
        "instruments.us10y.publication_lag: 'tomorrow' is not allowed; allowed is a duration such as PT24H "
        "or P1D.",
    ),
    "cutoffs that are no midnight": (
        UNIVERSE,
        "max_staleness: 3",
        "cutoffs: 30 6 1 * *",
        "cutoffs: '30 6 1 * *' is no schedule of cutoffs; allowed are five-field crons at midnight UTC, such "
        "as '0 0 1,15 * *'.",
    ),
    "first cutoff that is none": (
        UNIVERSE,
        "max_staleness: 3",
        "first_cutoff: 2021-01-02",
        "first_cutoff 2021-01-02 is no cutoff of '0 0 1,15 * *' from 2020-12-15 on; allowed is for instance "
        "2021-01-15.",
    ),
    "first cutoff before the first trading day has one": (
        UNIVERSE,
        "max_staleness: 3",
        "first_cutoff: 2020-12-01",
        "first_cutoff 2020-12-01 is no cutoff of '0 0 1,15 * *' from 2020-12-15 on; allowed is for instance "
        "2021-01-01.",
    ),
    "first cutoff after the end": (
        UNIVERSE,
        "max_staleness: 3",
        "first_cutoff: 2021-04-01",
        "first_cutoff 2021-04-01 is after end 2021-03-31; allowed is a day before.",
    ),
    "a wait without end": (
        UNIVERSE,
        "max_staleness: 3",
        "max_staleness: 3\ndeadline: P999999999D",
        "deadline: 999999999 days, 0:00:00 is not allowed; allowed is a value of at most 30 days.",
    ),
    "too little read again": (
        UNIVERSE,
        "max_staleness: 3",
        "max_staleness: 3\nreread_sessions: 2",
        "reread_sessions: 2 is not allowed; allowed is a value of at least 4.",
    ),
    "another base currency": (
        UNIVERSE,
        "max_staleness: 3",
        "base_currency: dollar",
        "base_currency: 'dollar' is not allowed; allowed is a text that matches ^(local|[A-Z]{3})$.",
    ),
    "name of another folder": (
        UNIVERSE,
        "name: made_up\n",
        "name: mine\n",
        "name: 'mine' is not allowed; allowed is the folder's name, 'made_up'.",
    ),
    "key twice": (
        UNIVERSE,
        "max_staleness: 3\n",
        "max_staleness: 3\nmax_staleness: 4\n",
        "line 13: this is no YAML: the key 'max_staleness' stands twice in one mapping; allowed is a mapping "
        "of keys.",
    ),
    "bad YAML": (
        UNIVERSE,
        "owners: [team:quant]",
        "owners: [team:quant",
        "line 9: this is no YAML: expected ',' or ']', but got ':'; allowed is a mapping of keys.",
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the made-up universe's configuration, to make mistakes in."""
    return Path(shutil.copytree(CONFIG_DIR, tmp_path / "configs")) / "made_up"


def told(folder: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        load_universe(folder)
    return str(raised.value).splitlines()


def change(path: Path, text: str, replacement: str) -> None:
    content = path.read_text(encoding="utf-8")
    assert content.count(text) == 1, f"{text!r} stands {content.count(text)} times in {path.name}"
    path.write_text(content.replace(text, replacement), encoding="utf-8")


@pytest.mark.parametrize(("file", "text", "replacement", "sentence"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_sentence(
    folder: Path, file: str, text: str, replacement: str, sentence: str
) -> None:
    change(folder / file, text, replacement)
    assert told(folder) == [f"made_up/{file}: {sentence}"]


def test_portfolios_need_a_safe_instrument(folder: Path) -> None:
    path = folder / UNIVERSE
    path.write_text(path.read_text(encoding="utf-8").replace("    safe: true\n", ""), encoding="utf-8")
    assert told(folder) == [
        "made_up/universe.yaml: instruments: none is safe, and the profiles of made_up/portfolios.yaml are "
        "bounded by safe instruments; allowed is at least one with safe: true."
    ]


def test_a_universe_without_portfolios_needs_no_safe_instrument(folder: Path) -> None:
    path = folder / UNIVERSE
    path.write_text(path.read_text(encoding="utf-8").replace("    safe: true\n", ""), encoding="utf-8")
    (folder / PORTFOLIOS).unlink()
    assert load_universe(folder).portfolios is None


def test_a_lookback_that_just_fits_the_history_is_allowed(folder: Path) -> None:
    change(folder / STAGE1, "lookback: 10", "lookback: 506")
    assert load_universe(folder).stage1.lookback == 506


def test_the_network_of_all_instruments_may_not_look_back_beyond_the_history(folder: Path) -> None:
    change(folder / PORTFOLIOS, "  lookback: 10\n  horizon: 5", "  lookback: 500\n  horizon: 20")
    assert told(folder) == [
        "made_up/portfolios.yaml: sharpe_net.lookback: 500 days, with a horizon of 20, are longer than "
        f"{HISTORY}; allowed is a lookback of at most 496."
    ]


def test_a_feature_needs_what_the_sources_give(folder: Path) -> None:
    change(folder / UNIVERSE, "      open: Open\n", "")
    assert told(folder) == [
        "made_up/stage1.yaml: instruments.jp_index.features: 'open_ratio' needs open, which no source of "
        "jp_index gives; allowed are features of close, high, low, volume."
    ]


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    change(folder / UNIVERSE, "max_staleness: 3", "max_staleness: few")
    change(folder / STAGE1, "ema_5", "ema")
    change(folder / PORTFOLIOS, "  aggressive:\n", "  bold:\n")
    assert [line.split(":")[0] for line in told(folder)] == [
        "made_up/universe.yaml",
        "made_up/stage1.yaml",
        "made_up/portfolios.yaml",
    ]


def test_missing_files(folder: Path) -> None:
    (folder / STAGE1).unlink()
    assert told(folder) == ["made_up/stage1.yaml: the file is missing; every universe needs it."]
    (folder / UNIVERSE).unlink()
    assert told(folder) == [f"{folder / UNIVERSE} does not exist; the universes of {folder.parent} are none."]


def test_an_unknown_universe_is_told_which_there_are() -> None:
    folder = CONFIG_DIR / "made_down"
    assert told(folder) == [f"{folder / UNIVERSE} does not exist; the universes of {CONFIG_DIR} are made_up."]


@pytest.mark.parametrize(
    ("content", "held"), [("", "nothing"), ("- lookback\n", "a list"), ("lookback", "a str")]
)
def test_a_file_that_is_no_mapping(folder: Path, content: str, held: str) -> None:
    (folder / STAGE1).write_text(content, encoding="utf-8")
    [sentence] = told(folder)
    assert sentence.startswith(
        f"made_up/stage1.yaml: holds {held}; allowed is a mapping of the keys lookback, horizon, features, "
    )


def test_a_file_in_another_encoding(folder: Path) -> None:
    (folder / UNIVERSE).write_bytes("name: 한국".encode("cp949"))
    assert told(folder) == ["made_up/universe.yaml: is no UTF-8 text; allowed is YAML in UTF-8."]


def test_mistakes_in_the_overrides_are_told_too(folder: Path) -> None:
    change(folder.parent / "session_overrides.csv", "2021-02-06,XTKS,open", "2021-02-06,XTKS,ajar")
    assert told(folder) == [
        "session_overrides.csv: line 2: session: 'ajar' is not allowed; allowed are open, closed."
    ]
