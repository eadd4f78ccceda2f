"""Price sources in ``universe.yaml``: which there are, and the settings of those that need any."""

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from stock_assets.config.base import Duration, Section

SourceName = Literal["sample", "csv", "yahoo", "treasury", "fred", "ecos"]
#: Which of a bar's prices a source gives; what csv gives is configuration.
SOURCE_PRICES: dict[str, frozenset[str]] = {
    "sample": frozenset({"close"}),
    "yahoo": frozenset({"open", "high", "low", "close", "volume"}),
    "treasury": frozenset({"close"}),
    "fred": frozenset({"close"}),
    "ecos": frozenset({"close"}),
}


class SourceChoice(Section):
    """One source of an instrument's bars, with the instrument's name there."""

    source: SourceName
    symbol: str = Field(min_length=1, description="The instrument's name at the source.")


class CsvSettings(Section):
    """Where the files of the ``csv`` source lie and what their columns are called.

    ``file`` may hold ``{symbol}``: one file an instrument. Without it, all instruments share one
    file, told apart by the column ``columns['symbol']``. A relative path starts at the folder of
    ``universe.yaml``. Keys of ``columns`` are this project's names, values are the file's.
    """

    file: str = Field(min_length=1)
    columns: dict[
        Literal[
            "symbol", "session", "open", "high", "low", "close", "volume", "adj_close", "dividend", "split"
        ],
        str,
    ] = Field(default_factory=lambda: {"session": "date", "close": "close"})

    @model_validator(mode="after")
    def _columns_identify_a_bar(self) -> Self:
        needed = {"session", "close"} | (set() if "{symbol}" in self.file else {"symbol"})
        missing = sorted(needed - set(self.columns))
        if missing:
            raise ValueError(
                f"columns lacks {', '.join(missing)}; a file needs session and close, and symbol too unless "
                "its name holds {symbol}"
            )
        return self


class RequestSettings(Section):
    """How often and how patiently a source on the network is asked.

    Attributes
    ----------
    attempts : int
        Requests at the most before the instrument is given up for this run; only rate limits and
        outages are worth another one.
    first_wait, longest_wait : timedelta
        Pause before the second request, doubled for each further one and shortened at random, and its
        greatest length. A source that asks for a longer pause than that is asked again by a later run.
    timeout : timedelta
        How long an answer is waited for.
    """

    attempts: int = Field(default=3, ge=1, le=10)
    first_wait: Duration = Field(default=timedelta(seconds=2), gt=timedelta(0))
    longest_wait: Duration = Field(default=timedelta(seconds=30), gt=timedelta(0))
    timeout: Duration = Field(default=timedelta(seconds=10), gt=timedelta(0))


class SourceSettings(Section):
    """Settings of the sources."""

    csv: CsvSettings | None = None
    requests: RequestSettings = RequestSettings()
