"""What is priced: instruments, what only helps to predict them, and exchange rates."""

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from stock_assets.config.base import Duration, Section
from stock_assets.config.sources import SourceChoice

INSTRUMENT_ID = r"^[a-z][a-z0-9_]{0,31}$"
CURRENCY = r"^[A-Z]{3}$"
ReturnKind = Literal["price", "total", "future", "yield"]


class Instrument(Section):
    """One of the things that are priced: an index, gold, a government-bond yield, a stock.

    Attributes
    ----------
    session_expectation : str
        ``firm``: a session of its exchange without a bar is waited for, and makes the day partial when
        none comes. ``soft``: its calendar is a guess, as that of a future that trades on some holidays:
        the bar is waited for as long, and then the day is complete without it.
    optional : bool
        Whether the universe does without the instrument where none of its sources can be used, for lack
        of a key; otherwise that stops the start.
    """

    id: str = Field(pattern=INSTRUMENT_ID)
    name: str = Field(min_length=1)
    exchange: str = Field(description="ISO 10383 code (MIC) of the exchange whose sessions it follows.")
    currency: str = Field(pattern=CURRENCY)
    return_kind: ReturnKind
    maturity_years: float | None = Field(
        default=None,
        gt=0,
        le=100,
        multiple_of=0.5,
        description="Maturity of the par bond behind a yield: a whole number of half-yearly coupons.",
    )
    sources: tuple[SourceChoice, ...] = Field(min_length=1, description="First choice, then fallbacks.")
    publication_lag: Duration = Field(
        default=timedelta(0),
        ge=timedelta(0),
        le=timedelta(days=7),
        description="Time from the session's close until the source publishes the bar.",
    )
    session_expectation: Literal["firm", "soft"] = "firm"
    optional: bool = False
    safe: bool = Field(default=False, description="Whether it counts as safe in a profile's bounds.")

    @model_validator(mode="after")
    def _yield_has_a_maturity(self) -> Self:
        if (self.return_kind == "yield") != (self.maturity_years is not None):
            raise ValueError(
                f"maturity_years is {self.maturity_years or 'missing'} with return_kind "
                f"{self.return_kind!r}; allowed is a number with yield, and none with anything else"
            )
        return self


class ExchangeRate(Instrument):
    """What one unit of a currency costs in another one, ``currency``."""

    return_kind: ReturnKind = "price"
    unit_currency: str = Field(pattern=CURRENCY, description="The currency that is priced.")

    @model_validator(mode="after")
    def _is_the_price_of_another_currency(self) -> Self:
        if self.return_kind != "price":
            raise ValueError(f"return_kind {self.return_kind!r} is not allowed; allowed is 'price'")
        if self.unit_currency == self.currency:
            raise ValueError(
                f"unit_currency and currency are both {self.currency}; allowed are two different currencies"
            )
        return self
