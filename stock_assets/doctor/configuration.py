"""The universe's files: every mistake in them, and what can be looked at all the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stock_assets.config import load_universe
from stock_assets.config.loading import read_universe
from stock_assets.config.universe import Universe
from stock_assets.doctor.diagnosis import Diagnosis
from stock_assets.errors import ConfigurationError
from stock_assets.pipeline.usable import usable_config
from stock_assets.settings import Settings

SUBJECT = "configuration"


@dataclass(frozen=True)
class Configuration:
    """What could be read of a universe's files.

    Attributes
    ----------
    folder : Path
        Where they lie.
    named : Universe or None
        As ``universe.yaml`` has it; None if that file is wrong.
    usable : Universe or None
        Without the optional instruments that no source can be used for; the same as ``named`` if anything is
        wrong.
    mistakes : tuple of str
        A sentence each.
    dropped : tuple of str
        Why each instrument that ``usable`` lacks was left out, a sentence each.
    """

    folder: Path
    named: Universe | None
    usable: Universe | None
    mistakes: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


def read_configuration(settings: Settings) -> Configuration:
    """Read what can be read of the universe's files, whatever is wrong with them."""
    folder = settings.universe_dir
    try:
        config = load_universe(folder)
    except ConfigurationError as error:
        named = _universe_alone(folder)
        return Configuration(folder, named, named, tuple(str(error).splitlines()))
    try:
        usable, dropped = usable_config(config, settings)
    except ConfigurationError as error:
        return Configuration(folder, config.universe, config.universe, tuple(str(error).splitlines()))
    return Configuration(folder, config.universe, usable.universe, (), tuple(dropped.values()))


def configuration_diagnoses(configuration: Configuration) -> Iterator[Diagnosis]:
    """Say what is wrong with the files, and which instruments were left out."""
    for mistake in configuration.mistakes:
        yield Diagnosis(SUBJECT, "failed", mistake)
    for sentence in configuration.dropped:
        yield Diagnosis(SUBJECT, "warning", sentence)
    universe = configuration.usable
    if not configuration.mistakes and universe is not None:
        others = len(universe.priced) - len(universe.instruments)
        besides = f", and {others} covariates and exchange rates" if others else ""
        found = f"{configuration.folder} has {len(universe.instruments)} instruments{besides}."
        yield Diagnosis(SUBJECT, "ok", found)


def _universe_alone(folder: Path) -> Universe | None:
    try:
        return read_universe(folder)
    except ConfigurationError:
        # What is wrong with it is among the mistakes already.
        return None
