"""Headlines in ``universe.yaml``: which feeds are read, and how often."""

from string import Formatter
from typing import Self

from pydantic import Field, field_validator, model_validator

from stock_assets.config.base import Section
from stock_assets.config.crons import require_cron

#: What a URL may say of an instrument.
PLACES = ("id", "name", "symbol")
_ALLOWED_PLACES = ", ".join(f"{{{place}}}" for place in PLACES)
_ALLOWED_CRONS = "allowed are five fields of numbers, lists, ranges and steps, such as '0 * * * *'"


class Feed(Section):
    """One RSS or Atom feed, or one an instrument.

    ``url`` may hold ``{id}``, ``{name}`` and ``{symbol}`` (of the instrument's first source), each quoted
    for a URL: then every instrument in ``instruments``, or every one of the universe, has a feed of its
    own. Without a place in it, the feed's items belong to the one instrument in ``instruments``, or to
    none in particular.
    """

    name: str = Field(min_length=1, max_length=64)
    url: str = Field(pattern=r"^https?://[^\s/]+\S*$")
    instruments: tuple[str, ...] = ()

    @field_validator("url")
    @classmethod
    def _places_are_known(cls, url: str) -> str:
        try:
            places = _places(url)
        except ValueError as error:
            raise ValueError(f"{url!r} has an odd brace; allowed are {_ALLOWED_PLACES}") from error
        unknown = [place for place in places if place not in PLACES]
        if unknown:
            raise ValueError(f"{url!r} holds {{{unknown[0]}}}; allowed are {_ALLOWED_PLACES}")
        return url

    @model_validator(mode="after")
    def _instruments_fit_the_url(self) -> Self:
        twice = [name for name in self.instruments if self.instruments.count(name) > 1]
        if twice:
            raise ValueError(f"instruments holds {twice[0]!r} more than once; each is allowed once")
        if len(self.instruments) > 1 and not self.is_template:
            raise ValueError(
                f"instruments holds {len(self.instruments)} instruments and url is the same for all of them; "
                f"allowed is one instrument, or a url with {_ALLOWED_PLACES}"
            )
        return self

    @property
    def is_template(self) -> bool:
        """Whether every instrument has a feed of its own."""
        return bool(_places(self.url))


class HeadlineSettings(Section):
    """Which feeds are read.

    Attributes
    ----------
    feeds : tuple of Feed
    collect : str
        Five-field cron, in UTC, of the collector.
    """

    feeds: tuple[Feed, ...] = Field(min_length=1)
    collect: str = "0 * * * *"

    @field_validator("collect")
    @classmethod
    def _collect_is_a_schedule(cls, cron: str) -> str:
        require_cron(cron, _ALLOWED_CRONS)
        return cron

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Self:
        names = [feed.name for feed in self.feeds]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"feeds holds the name {twice[0]!r} more than once; each name is allowed once")
        return self


def _places(url: str) -> tuple[str, ...]:
    """Return what stands in braces, with all that a format may add; ``ValueError`` for an odd brace."""
    return tuple(
        name + (f"!{conversion}" if conversion else "") + (f":{specification}" if specification else "")
        for _, name, specification, conversion in Formatter().parse(url)
        if name is not None
    )
