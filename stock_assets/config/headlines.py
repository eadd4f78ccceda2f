"""Headlines in ``universe.yaml``: which feeds are read, and how often."""

from typing import Self

from pydantic import Field, model_validator

from stock_assets.config.base import Section


class Feed(Section):
    """One RSS or Atom feed, or one an instrument.

    ``url`` may hold ``{id}``, ``{name}`` and ``{symbol}`` (of the instrument's first source), each quoted
    for a URL: then every instrument in ``instruments``, or every one of the universe, has a feed of its
    own. Without a place in it, the feed's items belong to no instrument in particular.
    """

    name: str = Field(min_length=1, max_length=64)
    url: str = Field(pattern=r"^https?://")
    instruments: tuple[str, ...] = ()


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

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Self:
        names = [feed.name for feed in self.feeds]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"feeds holds the name {twice[0]!r} more than once; each name is allowed once")
        return self
