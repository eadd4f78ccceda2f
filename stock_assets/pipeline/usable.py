"""Which instruments a deployment can have: those with a source that can be used with the keys there are."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from stock_assets.config import UniverseConfig
from stock_assets.config.headlines import HeadlineSettings
from stock_assets.config.instruments import Instrument
from stock_assets.config.loading import config_mistakes
from stock_assets.config.sentences import sentences
from stock_assets.config.universe import LOCAL, Universe
from stock_assets.errors import ConfigurationError
from stock_assets.settings import SOURCES_WITH_KEY, Settings, source_key_variable

#: The lists of ``universe.yaml`` whose entries have sources; rates last, since they serve the instruments.
_LISTS = ("instruments", "covariates", "exchange_rates")


def why_unusable(instrument: Instrument, settings: Settings) -> str | None:
    """Say which keys are missing for an instrument's sources, or ``None`` if one of them can be used."""
    names = dict.fromkeys(choice.source for choice in instrument.sources)
    without_key = [
        name for name in names if name in SOURCES_WITH_KEY and settings.source_access(name).key is None
    ]
    if len(without_key) < len(names):
        return None
    needs = [f"its source {name!r} needs {source_key_variable(name)}" for name in without_key]
    return f"{' and '.join(needs)}, which is not set"


def usable_config(config: UniverseConfig, settings: Settings) -> tuple[UniverseConfig, dict[str, str]]:
    """Leave out the optional instruments that no source can be used for, and check what is left as a whole.

    With them go an exchange rate that nothing else is converted by, their own sections of ``stage1.yaml``,
    and their feeds.

    Parameters
    ----------
    config : UniverseConfig
        As it was read.
    settings : Settings
        Which keys there are.

    Returns
    -------
    config : UniverseConfig
        Without the instruments, covariates and exchange rates that were left out.
    dropped : dict of str to str
        Why each of these was, a sentence by id.

    Raises
    ------
    ConfigurationError
        If one of them is required, by itself or by what names it; a sentence each.
    """
    universe, folder = config.universe, config.folder.name
    mistakes: list[str] = []
    dropped: dict[str, str] = {}
    for key in _LISTS:
        if key == "exchange_rates":
            dropped |= _idle_rates(folder, universe, dropped)
        for instrument in getattr(universe, key):
            reason = why_unusable(instrument, settings)
            if reason is None or instrument.id in dropped:
                continue
            where = f"{folder}/universe.yaml: {key}.{instrument.id}"
            if instrument.optional:
                dropped[instrument.id] = f"{where} is left out: {reason}; set it to have it."
            else:
                way_out = "set it" if key == "exchange_rates" else "set it, or mark the instrument optional"
                mistakes.append(f"{where}: {reason}; {way_out}.")
    mistakes += _named_covariates(config, dropped)
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    if not dropped:
        return config, {}
    stage1 = config.stage1
    sections = {key: section for key, section in stage1.instruments.items() if key not in dropped}
    rest = replace(
        config,
        universe=_universe_without(folder, universe, dropped),
        stage1=stage1.model_copy(update={"instruments": sections}),
    )
    mistakes = config_mistakes(folder, rest.universe, rest.stage1, rest.portfolios)
    if mistakes:
        raise ConfigurationError("\n".join([*mistakes, *dropped.values()]))
    return rest, dropped


def _named_covariates(config: UniverseConfig, dropped: Mapping[str, str]) -> list[str]:
    """Say which of those that would be left out a network of another instrument has as its covariate."""
    mistakes = []
    for name, sentence in dropped.items():
        users = [
            instrument.id
            for instrument in config.universe.instruments
            if instrument.id not in dropped and name in config.stage1.for_instrument(instrument.id).covariates
        ]
        if users:
            mistakes.append(
                f"{config.folder.name}/stage1.yaml: covariates: {name!r} is one of {', '.join(users)} and "
                f"cannot be left out; set what it lacks, or name another one. {sentence}"
            )
    return mistakes


def _idle_rates(folder: str, universe: Universe, dropped: Mapping[str, str]) -> dict[str, str]:
    """Return the exchange rates that only instruments which are left out were converted by."""
    if universe.base_currency == LOCAL:
        return {}
    gone = {instrument.currency for instrument in universe.instruments if instrument.id in dropped}
    left = {instrument.currency for instrument in universe.instruments if instrument.id not in dropped}
    return {
        rate.id: f"{folder}/universe.yaml: exchange_rates.{rate.id} is left out: no instrument in "
        f"{rate.unit_currency} is left."
        for rate in universe.exchange_rates
        if rate.id not in dropped and rate.unit_currency in gone - left
    }


def _universe_without(folder: str, universe: Universe, dropped: Mapping[str, str]) -> Universe:
    content: dict[str, Any] = {key: getattr(universe, key) for key in Universe.model_fields}
    for key in _LISTS:
        content[key] = [instrument for instrument in content[key] if instrument.id not in dropped]
    if universe.headlines is not None:
        content["headlines"] = _headlines_without(universe.headlines, dropped)
    try:
        return Universe.model_validate(content)
    except ValidationError as error:
        mistakes = [
            f"{folder}/universe.yaml: {sentence}." for sentence in sentences(Universe, content, error)
        ]
        raise ConfigurationError("\n".join([*mistakes, *dropped.values()])) from error


def _headlines_without(headlines: HeadlineSettings, dropped: Mapping[str, str]) -> HeadlineSettings | None:
    """Return the feeds that have an instrument left; one that names none is of all of them."""
    feeds = []
    for feed in headlines.feeds:
        left = tuple(name for name in feed.instruments if name not in dropped)
        if left or not feed.instruments:
            feeds.append(feed.model_copy(update={"instruments": left}))
    return headlines.model_copy(update={"feeds": tuple(feeds)}) if feeds else None
