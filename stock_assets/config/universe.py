"""``universe.yaml``: the instruments of one deployment, their sources and their calendar."""

from datetime import date, timedelta
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from stock_assets.config.base import Duration, Section
from stock_assets.config.headlines import HeadlineSettings
from stock_assets.config.instruments import ExchangeRate, Instrument
from stock_assets.config.operations import Operations
from stock_assets.config.sources import SourceSettings
from stock_assets.cutoffs import CutoffSchedule

OWNER = r"^(team:\w+|[^@\s]+@[^@\s]+\.[^@\s]+)$"
LOCAL = "local"
#: Nobody waits for, looks back on or reads again more than a year of sessions.
MOST_SESSIONS = 260
#: A second source is heard on the four weekdays before a bar (market_data.jumps), so that a single day has to
#: read as many again to find what a range finds.
LEAST_REREAD = 4


class QualityLimits(Section):
    """When a bar becomes a finding.

    Attributes
    ----------
    jump : float
        Absolute return from one session to the next above which a warning is written, decimal.
    jump_basis_points : float
        The same for a yield, in basis points.
    stale_repeats : int
        Number of equal closes in a row from which a warning is written.
    disagreement : float
        Relative difference of two sources' closes of a session above which a warning is written.
    disagreement_basis_points : float
        The same for a yield, in basis points.
    """

    jump: float = Field(default=0.25, gt=0)
    jump_basis_points: float = Field(default=50.0, gt=0)
    stale_repeats: int = Field(default=4, ge=2, le=MOST_SESSIONS)
    disagreement: float = Field(default=0.002, gt=0)
    disagreement_basis_points: float = Field(default=5.0, gt=0)


class Universe(Section):
    """The instruments of one deployment with all their settings.

    Attributes
    ----------
    history_start : date
        First session whose bar is loaded.
    start, end : date
        First and last day that may be a trading day of the daily partitions; without ``end`` the
        universe is live and its partitions grow with time.
    cutoffs : str
        Five-field cron, in UTC, of the training partitions.
    first_cutoff : date
        The first cutoff that is trained when a universe is brought up to date, beside the last one;
        predictions begin there. Without it only the last one is.
    deadline : timedelta
        Time after a day's decision time until which a missing bar is waited for.
    max_staleness : int
        Number of its own sessions by which an instrument's last bar may lag and still be used.
    reread_sessions : int
        Number of past sessions that every daily run reads again to catch corrections.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str
    owners: tuple[Annotated[str, Field(pattern=OWNER)], ...] = Field(
        default=(), description="team:NAME or an e-mail address, shown in the UI."
    )
    base_currency: str = Field(
        default=LOCAL,
        pattern=r"^(local|[A-Z]{3})$",
        description="local: returns in each instrument's currency, as if hedged, carry ignored; or the "
        "currency in which portfolios are valued.",
    )
    history_start: date
    start: date
    end: date | None = None
    cutoffs: str = "0 0 1,15 * *"
    first_cutoff: date | None = None
    deadline: Duration = Field(default=timedelta(hours=24), ge=timedelta(0), le=timedelta(days=30))
    max_staleness: int = Field(default=5, ge=0, le=MOST_SESSIONS)
    reread_sessions: int = Field(default=5, ge=LEAST_REREAD, le=MOST_SESSIONS)
    quality: QualityLimits = QualityLimits()
    source_settings: SourceSettings = SourceSettings()
    instruments: tuple[Instrument, ...] = Field(min_length=1)
    covariates: tuple[Instrument, ...] = Field(
        default=(), description="What is priced for the networks' sake alone: never predicted nor held."
    )
    exchange_rates: tuple[ExchangeRate, ...] = Field(
        default=(), description="What base_currency is computed with."
    )
    headlines: HeadlineSettings | None = None
    operations: Operations = Operations()

    @field_validator("cutoffs")
    @classmethod
    def _cutoffs_are_a_schedule(cls, cron: str) -> str:
        CutoffSchedule.parse(cron)
        return cron

    @model_validator(mode="after")
    def _dates_are_in_order(self) -> Self:
        if self.history_start > self.start:
            raise ValueError(
                f"history_start {self.history_start} is after start {self.start}; allowed is a day on or "
                "before start"
            )
        if self.end is not None and self.start > self.end:
            raise ValueError(f"start {self.start} is after end {self.end}; allowed is a day on or before end")
        return self

    @model_validator(mode="after")
    def _first_cutoff_is_one(self) -> Self:
        if self.first_cutoff is None:
            return self
        schedule = CutoffSchedule.parse(self.cutoffs)
        earliest = schedule.last_until(self.start)
        if not schedule.matches(self.first_cutoff) or self.first_cutoff < earliest:
            raise ValueError(
                f"first_cutoff {self.first_cutoff} is no cutoff of {self.cutoffs!r} from {earliest} on; "
                f"allowed is for instance {schedule.first_after(max(self.first_cutoff, earliest))}"
            )
        if self.end is not None and self.first_cutoff > self.end:
            raise ValueError(
                f"first_cutoff {self.first_cutoff} is after end {self.end}; allowed is a day before"
            )
        return self

    @model_validator(mode="after")
    def _instruments_are_distinct(self) -> Self:
        ids = [instrument.id for instrument in self.priced]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"instruments holds the id {twice[0]!r} more than once; each id is allowed once")
        return self

    @model_validator(mode="after")
    def _sources_have_their_settings(self) -> Self:
        used = {choice.source for instrument in self.priced for choice in instrument.sources}
        if "csv" in used and self.source_settings.csv is None:
            raise ValueError(
                "source_settings.csv: the key is missing; it is required by instruments with the source 'csv'"
            )
        return self

    @property
    def instrument_ids(self) -> tuple[str, ...]:
        """Ids in the order of the file: the order of every array's instrument axis."""
        return tuple(instrument.id for instrument in self.instruments)

    @property
    def priced(self) -> tuple[Instrument, ...]:
        """Everything that has bars: instruments, covariates and exchange rates, in this order."""
        return (*self.instruments, *self.covariates, *self.exchange_rates)

    @property
    def priced_ids(self) -> tuple[str, ...]:
        """Ids of everything that has bars, in the order of ``priced``."""
        return tuple(instrument.id for instrument in self.priced)

    @property
    def exchanges(self) -> tuple[str, ...]:
        """Exchange codes, each once, in alphabetical order."""
        return tuple(sorted({instrument.exchange for instrument in self.priced}))

    def instrument(self, instrument_id: str) -> Instrument:
        """Return the instrument, covariate or exchange rate with that id; ``KeyError`` if there is none."""
        for instrument in self.priced:
            if instrument.id == instrument_id:
                return instrument
        raise KeyError(instrument_id)
