"""The keys of the sources on the network: whether they are set, never what they are."""

from collections.abc import Iterator

from stock_assets.config.universe import Universe
from stock_assets.doctor.diagnosis import Diagnosis
from stock_assets.pipeline.usable import why_unusable
from stock_assets.settings import NETWORK_SOURCES, SOURCES_WITH_KEY, Settings, source_key_variable


def key_diagnoses(universe: Universe, settings: Settings) -> Iterator[Diagnosis]:
    """Say of each source on the network that the universe names whether its key is there.

    Parameters
    ----------
    universe : Universe
        With the instruments that are left out for lack of a key, too.
    settings : Settings
        Holds the keys.
    """
    for source in NETWORK_SOURCES:
        users = [
            instrument
            for instrument in universe.priced
            if any(choice.source == source for choice in instrument.sources)
        ]
        if not users:
            continue
        subject, variable = f"key of {source}", source_key_variable(source)
        if settings.source_access(source).key is not None:
            yield Diagnosis(subject, "ok", f"{variable} is set.")
        elif source not in SOURCES_WITH_KEY:
            yield Diagnosis(subject, "ok", "No key is needed.")
        else:
            stopped = [
                instrument.id
                for instrument in users
                if not instrument.optional and why_unusable(instrument, settings) is not None
            ]
            without = ", ".join(instrument.id for instrument in users)
            yield Diagnosis(
                subject,
                "failed" if stopped else "warning",
                f"{variable} is not set, so that {source} gives nothing for {without}.",
                f"Get a key from the provider and set {variable}.",
            )
