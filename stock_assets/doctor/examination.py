"""All that is looked at, in one order."""

import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version

from stock_assets.doctor.calendars import calendar_diagnoses
from stock_assets.doctor.configuration import configuration_diagnoses, read_configuration
from stock_assets.doctor.databases import database_diagnoses
from stock_assets.doctor.diagnosis import Diagnosis
from stock_assets.doctor.disk import disk_diagnoses
from stock_assets.doctor.feeds import feed_diagnoses
from stock_assets.doctor.keys import key_diagnoses
from stock_assets.doctor.slack import slack_diagnoses
from stock_assets.doctor.sources import source_diagnoses
from stock_assets.settings import Settings

#: The packages whose versions matter most when a result is to be explained.
_PACKAGES = ("dagster", "exchange_calendars", "skfolio", "sqlalchemy", "torch", "yfinance")


def examine(
    settings: Settings, *, every_symbol: bool = False, now: datetime | None = None
) -> Iterator[Diagnosis]:
    """Look at everything that the universe needs, what is quick first.

    Parameters
    ----------
    settings : Settings
        The environment of the deployment.
    every_symbol : bool
        Whether sources are asked for all of their symbols, rather than for one each.
    now : datetime, optional
        With a time zone; by default the present.

    Yields
    ------
    Diagnosis
        As they are made.
    """
    today = (now or datetime.now(UTC)).astimezone(UTC).date()
    yield _versions()
    configuration = read_configuration(settings)
    yield from configuration_diagnoses(configuration)
    if configuration.named is not None:
        yield from key_diagnoses(configuration.named, settings)
    yield from disk_diagnoses(settings)
    yield from database_diagnoses(settings)
    if configuration.usable is not None:
        yield from calendar_diagnoses(configuration.usable, settings, today)
        yield from source_diagnoses(configuration, settings, today, every_symbol=every_symbol)
        yield from feed_diagnoses(configuration.usable)
    else:
        for subject in ("keys", "calendars", "sources", "feeds"):
            yield Diagnosis(subject, "skipped", "They are not known before universe.yaml can be read.")
    yield from slack_diagnoses(settings.slack)


def _versions() -> Diagnosis:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return Diagnosis("versions", "ok", f"Python {platform.python_version()}, {packages}.")
