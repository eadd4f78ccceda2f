"""Instruments that no source can be used for: optional ones are left out, required ones stop the start."""

import logging
import shutil
from pathlib import Path

import pytest

from stock_assets.config import UniverseConfig, load_universe
from stock_assets.errors import ConfigurationError
from stock_assets.pipeline.deployment import open_deployment
from stock_assets.pipeline.usable import usable_config, why_unusable
from stock_assets.settings import Settings
from stock_assets_tests.made_up import CONFIG_DIR

KEY = "k3y-of-nobody"
WITHOUT_KEY = Settings.from_environment({})
WITH_KEY = Settings.from_environment({"STOCK_ASSETS_ECOS_KEY": KEY})

UNIVERSE, STAGE1, PORTFOLIOS = "universe.yaml", "stage1.yaml", "portfolios.yaml"
CSV = "sources: [{source: csv, symbol: US10Y}]"
ECOS = "sources: [{source: ecos, symbol: 817Y002/010210000}]"
OPTIONAL = f"{ECOS}\n    optional: true"
COVARIATE = """covariates:
  - {id: won, name: Won, exchange: XTKS, currency: KRW, return_kind: price,
     sources: [{source: ecos, symbol: A/B}, {source: ecos, symbol: A/C}]}
"""
OPTIONAL_COVARIATE = COVARIATE.replace("}]}", "}], optional: true}")
REASON = "its source 'ecos' needs STOCK_ASSETS_ECOS_KEY, which is not set"
LEFT_OUT = f"made_up/universe.yaml: instruments.us10y is left out: {REASON}; set it to have it."
WON_LEFT_OUT = LEFT_OUT.replace("instruments.us10y", "covariates.won")
ALL = ("jp_index", "jp_stock", "uk_fund", "gold", "us_index", "us10y")


class Files:
    """The made-up universe's configuration files, to be edited."""

    def __init__(self, folder: Path) -> None:
        self.config_dir = folder / "configs"
        shutil.copytree(CONFIG_DIR, self.config_dir)

    def replace(self, file: str, old: str, new: str) -> "Files":
        path = self.config_dir / "made_up" / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        return self

    def append(self, file: str, text: str) -> "Files":
        path = self.config_dir / "made_up" / file
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
        return self

    def load(self) -> UniverseConfig:
        return load_universe(self.config_dir / "made_up")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def mistakes(files: Files, settings: Settings = WITHOUT_KEY) -> list[str]:
    config = files.load()
    with pytest.raises(ConfigurationError) as caught:
        usable_config(config, settings)
    return str(caught.value).splitlines()


def test_a_configuration_whose_sources_can_be_used_stays_as_it_is(files: Files) -> None:
    config = files.replace(UNIVERSE, CSV, "sources: [{source: fred, symbol: DGS10}]").load()
    usable, dropped = usable_config(config, WITHOUT_KEY)
    assert usable is config
    assert dropped == {}


def test_a_required_instrument_without_a_key_stops_the_start(files: Files) -> None:
    files.replace(UNIVERSE, CSV, ECOS)
    sentence = f"made_up/universe.yaml: instruments.us10y: {REASON}; set it, or mark the instrument optional."
    assert mistakes(files) == [sentence]
    assert mistakes(files, Settings.from_environment({"STOCK_ASSETS_ECOS_KEY": ""})) == [sentence]
    assert usable_config(files.load(), WITH_KEY) == (files.load(), {})


def test_all_required_ones_are_named_at_once(files: Files) -> None:
    files.replace(UNIVERSE, "{source: csv, symbol: GOLD}", "{source: ecos, symbol: A/D}")
    files.replace(UNIVERSE, CSV, OPTIONAL).append(UNIVERSE, COVARIATE)
    assert mistakes(files) == [
        f"made_up/universe.yaml: instruments.gold: {REASON}; set it, or mark the instrument optional.",
        f"made_up/universe.yaml: covariates.won: {REASON}; set it, or mark the instrument optional.",
    ]


def test_an_optional_instrument_without_a_key_is_left_out(files: Files) -> None:
    config = files.replace(UNIVERSE, CSV, OPTIONAL).load()
    usable, dropped = usable_config(config, WITHOUT_KEY)
    assert dropped == {"us10y": LEFT_OUT}
    assert usable.universe.instruments == config.universe.instruments[:-1]
    assert usable.universe.instrument_ids == ALL[:-1]
    rest = {"instruments"}
    assert usable.universe.model_dump(exclude=rest) == config.universe.model_dump(exclude=rest)
    assert (usable.folder, usable.stage1, usable.portfolios, usable.overrides) == (
        config.folder,
        config.stage1,
        config.portfolios,
        config.overrides,
    )
    assert usable_config(config, WITH_KEY) == (config, {})


def test_one_source_that_can_be_used_is_enough(files: Files) -> None:
    both = "sources: [{source: ecos, symbol: A/B}, {source: csv, symbol: US10Y}]"
    config = files.replace(UNIVERSE, CSV, both).load()
    assert usable_config(config, WITHOUT_KEY) == (config, {})
    assert why_unusable(config.universe.instrument("us10y"), WITHOUT_KEY) is None


def test_a_covariate_is_left_out_too(files: Files) -> None:
    usable, dropped = usable_config(files.append(UNIVERSE, OPTIONAL_COVARIATE).load(), WITHOUT_KEY)
    assert dropped == {"won": WON_LEFT_OUT}
    assert usable.universe.priced_ids == ALL


def test_with_an_instrument_goes_what_is_only_its_own(files: Files) -> None:
    files.replace(UNIVERSE, CSV, OPTIONAL).append(UNIVERSE, OPTIONAL_COVARIATE)
    files.append(
        UNIVERSE,
        "headlines:\n"
        "  feeds:\n"
        "    - {name: all, url: 'https://feeds.example/all'}\n"
        "    - {name: each, url: 'https://feeds.example/{id}', instruments: [us10y, gold]}\n"
        "    - {name: bonds, url: 'https://feeds.example/bonds', instruments: [us10y]}\n",
    )
    files.append(STAGE1, "  us10y:\n    covariates: [won]\n")
    config = files.load()
    usable, dropped = usable_config(config, WITHOUT_KEY)
    assert list(dropped) == ["us10y", "won"]
    assert set(usable.stage1.instruments) == set(config.stage1.instruments) - {"us10y"}
    assert usable.universe.headlines is not None
    assert [(feed.name, feed.instruments) for feed in usable.universe.headlines.feeds] == [
        ("all", ()),
        ("each", ("gold",)),
    ]


def test_feeds_that_are_all_of_left_out_instruments_leave_no_headlines(files: Files) -> None:
    files.replace(UNIVERSE, CSV, OPTIONAL)
    feed = "{name: bonds, url: 'https://feeds.example/bonds', instruments: [us10y]}"
    files.append(UNIVERSE, f"headlines: {{feeds: [{feed}]}}\n")
    usable, _ = usable_config(files.load(), WITHOUT_KEY)
    assert usable.universe.headlines is None


def test_a_covariate_that_a_network_reads_is_required(files: Files) -> None:
    files.append(UNIVERSE, OPTIONAL_COVARIATE)
    files.replace(STAGE1, "covariates: [us_index]", "covariates: [us_index, won]")
    assert mistakes(files) == [
        "made_up/stage1.yaml: covariates: 'won' is one of jp_index and cannot be left out; set what it "
        f"lacks, or name another one. {WON_LEFT_OUT}"
    ]


def test_an_instrument_that_a_network_reads_is_required(files: Files) -> None:
    files.replace(UNIVERSE, CSV, OPTIONAL)
    files.replace(STAGE1, "shrinkage: 0.5\n", "shrinkage: 0.5\ncovariates: [us10y]\n")
    files.replace(STAGE1, "covariates: [us_index]", "covariates: [gold]")
    assert mistakes(files) == [
        "made_up/stage1.yaml: covariates: 'us10y' is one of jp_stock, uk_fund, gold, us_index and cannot be "
        f"left out; set what it lacks, or name another one. {LEFT_OUT}"
    ]


def test_what_is_left_has_to_meet_the_bounds(files: Files) -> None:
    files.replace(UNIVERSE, CSV, OPTIONAL)
    files.replace(PORTFOLIOS, "{min_safe: 0.4, max_weight: 0.6}", "{min_safe: 0.7, max_weight: 0.6}")
    assert mistakes(files) == [
        "made_up/portfolios.yaml: profiles.stable.bounds: min_safe 0.7 cannot be met by 1 safe instruments "
        "of at most 0.6 each; allowed is a max_weight of at least 0.7.",
        LEFT_OUT,
    ]


def test_a_universe_without_instruments_is_none(files: Files) -> None:
    text = (files.config_dir / "made_up" / UNIVERSE).read_text(encoding="utf-8")
    before, entries = text.split("instruments:\n")
    entry = entries[entries.index("  - id: us10y") :].replace(CSV, OPTIONAL)
    (files.config_dir / "made_up" / UNIVERSE).write_text(f"{before}instruments:\n{entry}", encoding="utf-8")
    (files.config_dir / "made_up" / PORTFOLIOS).unlink()
    stage1 = (files.config_dir / "made_up" / STAGE1).read_text(encoding="utf-8")
    stage1 = stage1[: stage1.index("instruments:")]
    (files.config_dir / "made_up" / STAGE1).write_text(stage1, encoding="utf-8")
    assert mistakes(files) == [
        "made_up/universe.yaml: instruments: a list of 0 is not allowed; allowed is a list of at least 1.",
        LEFT_OUT,
    ]


RATES = """exchange_rates:
  - {id: usd_jpy, name: Dollar, exchange: XLON, currency: JPY, unit_currency: USD,
     sources: [{source: csv, symbol: USDJPY}]}
  - {id: krw_jpy, name: Won, exchange: XLON, currency: JPY, unit_currency: KRW,
     sources: [{source: ecos, symbol: A/B}]}
"""


def in_yen(files: Files) -> Files:
    """Us10y is a yield in Seoul, and the only one in won."""
    files.replace(UNIVERSE, "owners: [team:quant]\n", "owners: [team:quant]\nbase_currency: JPY\n")
    path = files.config_dir / "made_up" / UNIVERSE
    others, last = path.read_text(encoding="utf-8").split("  - id: us10y")
    last = last.replace("currency: USD", "currency: KRW").replace(CSV, OPTIONAL)
    path.write_text(f"{others}  - id: us10y{last}{RATES}", encoding="utf-8")
    return files


def test_a_rate_goes_with_the_last_instrument_of_its_currency(files: Files) -> None:
    usable, dropped = usable_config(in_yen(files).load(), WITHOUT_KEY)
    assert dropped == {
        "us10y": LEFT_OUT,
        "krw_jpy": "made_up/universe.yaml: exchange_rates.krw_jpy is left out: no instrument in KRW is left.",
    }
    assert [rate.id for rate in usable.universe.exchange_rates] == ["usd_jpy"]


def test_a_rate_that_is_needed_is_required(files: Files) -> None:
    in_yen(files).replace(UNIVERSE, "{source: csv, symbol: USDJPY}", "{source: ecos, symbol: A/C}")
    assert mistakes(files) == [f"made_up/universe.yaml: exchange_rates.usd_jpy: {REASON}; set it."]


def test_a_rate_stays_while_another_instrument_needs_it(files: Files) -> None:
    in_yen(files).replace(
        UNIVERSE, RATES, RATES.replace("{source: ecos, symbol: A/B}", "{source: csv, symbol: W}")
    )
    files.replace(
        UNIVERSE,
        "Index of New York\n    exchange: XNYS\n    currency: USD",
        "Index of New York\n    exchange: XNYS\n    currency: KRW",
    )
    usable, dropped = usable_config(files.load(), WITHOUT_KEY)
    assert list(dropped) == ["us10y"]
    assert [rate.id for rate in usable.universe.exchange_rates] == ["usd_jpy", "krw_jpy"]


def test_a_deployment_says_what_it_left_out(
    files: Files, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files.replace(UNIVERSE, CSV, OPTIONAL)
    environment = {
        "STOCK_ASSETS_UNIVERSE": "made_up",
        "STOCK_ASSETS_CONFIG_DIR": str(files.config_dir),
        "STOCK_ASSETS_STATE_DIR": str(tmp_path / "state"),
    }
    without = open_deployment(Settings.from_environment(environment))
    assert without.dropped == {"us10y": LEFT_OUT}
    assert (without.universe.instrument_ids, tuple(without.expected_bars)) == (ALL[:-1], ALL[:-1])
    assert [(record.levelno, record.message) for record in caplog.records] == [(logging.WARNING, LEFT_OUT)]
    caplog.clear()
    settings = Settings.from_environment({**environment, "STOCK_ASSETS_ECOS_KEY": KEY})
    complete = open_deployment(settings)
    assert complete.dropped == {}
    assert complete.universe.instrument_ids == ALL
    assert complete.instrument_set != without.instrument_set
    assert caplog.text == ""
    assert KEY not in repr(settings) + repr(complete)


def test_a_key_is_in_no_sentence(files: Files) -> None:
    files.replace(UNIVERSE, CSV, ECOS)
    settings = Settings.from_environment({"STOCK_ASSETS_FRED_KEY": KEY})
    assert KEY not in " ".join(mistakes(files, settings)) + repr(settings)
