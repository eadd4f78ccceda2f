"""The price sources: each of them is asked once, and says what it has."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from stock_assets.config.instruments import Instrument
from stock_assets.config.sources import RequestSettings
from stock_assets.config.universe import Universe
from stock_assets.doctor.bounds import within
from stock_assets.doctor.configuration import Configuration
from stock_assets.doctor.diagnosis import Diagnosis
from stock_assets.errors import (
    BadPayload,
    ConfigurationError,
    MissingKey,
    NoDataForWindow,
    RateLimited,
    SourceError,
    SourceUnavailable,
    UnknownSymbol,
)
from stock_assets.market_data.source import PriceSource
from stock_assets.market_data.source_lock import source_lock
from stock_assets.market_data.sources import build_sources
from stock_assets.settings import (
    NETWORK_SOURCES,
    SOURCES_WITH_KEY,
    Settings,
    source_key_variable,
    source_url_variable,
)

#: Days that are asked for, and after how many of them without a session something must be wrong: no exchange
#: rests for so long.
WINDOW_DAYS, LONGEST_REST = 20, 12

#: Seconds that one request may take, and everything about one: several sources must fit into a minute.
_LONGEST_TIMEOUT, _DEADLINE = timedelta(seconds=4), 15.0
_SHORTEST_WAIT = timedelta(seconds=1)
#: Seconds that another process is waited for which asks the source at this moment.
_LONGEST_WAIT_FOR_OTHERS = 1.0


@dataclass(frozen=True)
class Question:
    """What one source is asked for."""

    source: str
    instrument: Instrument
    symbol: str

    @property
    def subject(self) -> str:
        """What the diagnosis is called."""
        return f"source {self.source}"

    @property
    def what(self) -> str:
        """The symbol with its instrument, for sentences."""
        return f"{self.symbol} ({self.instrument.id})"


def questions(universe: Universe, *, every_symbol: bool) -> list[Question]:
    """Return what the sources are asked for, source by source in the order in which the universe names them.

    Parameters
    ----------
    universe : Universe
        Whose instruments.
    every_symbol : bool
        Whether each source is asked for all of its symbols, or for its first one.
    """
    by_source: dict[str, list[Question]] = {}
    for instrument in universe.priced:
        for choice in instrument.sources:
            asked = by_source.setdefault(choice.source, [])
            asked.append(Question(choice.source, instrument, choice.symbol))
    return [question for asked in by_source.values() for question in (asked if every_symbol else asked[:1])]


def source_diagnoses(
    configuration: Configuration, settings: Settings, today: date, *, every_symbol: bool = False
) -> Iterator[Diagnosis]:
    """Ask each source for the last days of one of its instruments, one request a symbol.

    Parameters
    ----------
    configuration : Configuration
        With a universe whose instruments name the sources.
    settings : Settings
        How sources on the network are reached.
    today : date
        In UTC; days before it are over.
    every_symbol : bool
        Whether all symbols are asked for. A source that does not answer is asked for no further one.
    """
    universe = configuration.usable
    if universe is None:
        return
    last = min(today - timedelta(days=1), universe.end or date.max)
    first = last - timedelta(days=WINDOW_DAYS - 1)
    try:
        sources = build_sources(_impatient(universe), configuration.folder, settings)
    except ConfigurationError as error:
        yield Diagnosis("sources", "failed", str(error))
        return
    silent: set[str] = set()
    for question in questions(universe, every_symbol=every_symbol):
        if question.source in silent:
            yield Diagnosis(
                question.subject, "skipped", f"{question.what} was not asked for, since it does not answer."
            )
            continue
        why_not = _why_not_asked(question.source, settings)
        if why_not is not None:
            silent.add(question.source)
            yield why_not
            continue
        try:
            yield _answered(question, sources[question.source], first, last)
        except (SourceError, TimeoutError) as error:
            if isinstance(error, SourceUnavailable | MissingKey | TimeoutError):
                silent.add(question.source)
            found = " ".join(str(error).split())
            if question.symbol not in found:
                found = f"{question.what}: {found}"
            yield Diagnosis(question.subject, "failed", found, _remedy(question, error))


def _impatient(universe: Universe) -> Universe:
    """Return the universe with one attempt a question and short pauses."""
    asked = universe.source_settings.requests
    requests = RequestSettings(
        attempts=1,
        first_wait=_SHORTEST_WAIT,
        longest_wait=_SHORTEST_WAIT,
        timeout=min(asked.timeout, _LONGEST_TIMEOUT),
    )
    settings = universe.source_settings.model_copy(update={"requests": requests})
    return universe.model_copy(update={"source_settings": settings})


def _why_not_asked(source: str, settings: Settings) -> Diagnosis | None:
    subject = f"source {source}"
    if source not in NETWORK_SOURCES:
        return None
    if source in SOURCES_WITH_KEY and settings.source_access(source).key is None:
        return Diagnosis(
            subject, "skipped", f"It was not asked, since {source_key_variable(source)} is not set."
        )
    try:
        # Whoever loads a history holds it for minutes, and the request itself would wait as long.
        with source_lock(settings.lock_dir, source, _LONGEST_WAIT_FOR_OTHERS):
            return None
    except SourceUnavailable as error:
        return Diagnosis(subject, "skipped", str(error), "Run the same command again when it has ended.")
    except ConfigurationError as error:
        return Diagnosis(subject, "failed", str(error))


def _answered(question: Question, source: PriceSource, first: date, last: date) -> Diagnosis:
    """Ask, and say which sessions came.

    Raises
    ------
    SourceError
        If none came.
    TimeoutError
        If the source did not answer at all.
    """
    rows = within(_DEADLINE, lambda: source.fetch(question.instrument, question.symbol, first, last))
    sessions = sorted({session.date() for session in rows.loc[rows["close"].notna(), "session"]})
    if not sessions:
        raise NoDataForWindow(f"{question.what} has no close from {first} to {last}.")
    asked = f"{len(sessions)} sessions from {first} to {last}"
    found = f"{question.what} has {asked}, the last one on {sessions[-1]}."
    if last - sessions[-1] > timedelta(days=LONGEST_REST):
        return Diagnosis(
            question.subject,
            "warning",
            found,
            "No exchange rests for so long: look whether the source still has the symbol, or the file its "
            "last prices.",
        )
    return Diagnosis(question.subject, "ok", found)


def _remedy(question: Question, error: SourceError | TimeoutError) -> str:
    source, name = question.source, question.instrument.id
    match error:
        case RateLimited(retry_after=seconds):
            pause = f"{seconds:.0f} seconds" if seconds else "some minutes"
            return f"Leave {source} alone for {pause}; later runs ask again for what is missing."
        case MissingKey():
            return f"Put a key that {source} takes into {source_key_variable(source)}."
        case UnknownSymbol():
            return f"Correct the symbol of {name} in universe.yaml, or choose another source."
        case NoDataForWindow():
            return (
                f"The symbol of {name} in universe.yaml may be wrong, or its file lacks the last prices; "
                "look it up at the source."
            )
        case BadPayload():
            return f"Look at what {source} gives for the symbol; if that stays so, choose another source."
        case _ if source in NETWORK_SOURCES:
            return (
                f"Check the network, and {source_url_variable(source)} if it is set; later runs ask again "
                "for what is missing."
            )
        case _:
            return "Put right what this names."
