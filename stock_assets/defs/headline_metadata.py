"""What the UI shows of headlines: how many, the newest of them, and how well was looked."""

import html
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

# Definitions import every module of this folder, and must stay light.
if TYPE_CHECKING:
    import pandas as pd

    from stock_assets.pipeline.headline_collector import Collection
    from stock_assets.pipeline.headlines import HeadlinesOfDay

#: A range shows the titles of its last days only; the table ``headlines`` has them all.
TITLED_DAYS = 10

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~:@/])")


def add_headline_metadata(context: dg.AssetExecutionContext, days: "Sequence[HeadlinesOfDay]") -> None:
    """Attach to each day its headlines, and whether there could be any."""
    for day in days:
        metadata: dict[str, Any] = {
            "observation": day.observation,
            "observed (%)": round(100 * day.observed, 1),
            "dagster/partition_row_count": day.count,
            "first seen after": f"{day.window.after:%Y-%m-%d %H:%M} UTC",
            "first seen until": f"{day.window.until:%Y-%m-%d %H:%M} UTC",
        }
        if day.reason is not None:
            metadata["reason"] = day.reason
        if day.newest is not None and len(day.newest):
            metadata["newest headlines"] = dg.MetadataValue.md(titles_markdown(day.newest))
        if day.feeds:
            metadata["feeds"] = _table(
                {
                    "feed": feed.feed,
                    "instrument": feed.instrument or "",
                    "read": f"{feed.kept} of {feed.scheduled} times",
                    "failures": feed.failures,
                    "last failure": feed.last_error or "",
                }
                for feed in day.feeds
            )
        if day.counts:
            metadata["headlines"] = _table(
                {"instrument": name or "", "headlines": day.counts[name]}
                for name in sorted(day.counts, key=lambda name: name or "")
            )
        context.add_asset_metadata(metadata, partition_key=str(day.day))


def collection_metadata(collections: "Iterable[Collection]") -> dict[str, Any]:
    """Return the metadata of one collection."""
    attempts = list(collections)
    return {
        "new headlines": sum(attempt.new_items for attempt in attempts),
        "feeds that failed": sum(attempt.error is not None for attempt in attempts),
        "feeds": _table(
            {
                "feed": attempt.feed,
                "instrument": attempt.instrument or "",
                "items": attempt.items,
                "new": attempt.new_items,
                "failure": attempt.error or "",
            }
            for attempt in attempts
        ),
    }


def titles_markdown(items: "pd.DataFrame") -> str:
    """Return items as a list of links; what a feed wrote stays text, whatever it holds.

    Parameters
    ----------
    items : DataFrame
        Rows of the table ``headlines``.
    """
    from stock_assets.pipeline.frames import rows_of

    lines = [
        f"- {row['first_seen_at']:%Y-%m-%d %H:%M} [{_text(row['title'])}](<{_destination(row['link'])}>) "
        f"({_text(row['feed'])})"
        for row in rows_of(items)
    ]
    return "\n".join(lines)


def _text(text: str) -> str:
    """Return a text that neither Markdown nor HTML reads as markup."""
    return _MARKDOWN.sub(r"\\\1", html.escape(text, quote=False))


def _destination(link: str) -> str:
    """Return a link that ends where it ends."""
    return link.replace("\\", "%5C").replace("<", "%3C").replace(">", "%3E").replace("&", "&amp;")


def _table(rows: Iterable[dict[str, Any]]) -> dg.MetadataValue:
    records = [dg.TableRecord(row) for row in rows]
    kinds = {str: "string", int: "int"}
    return dg.MetadataValue.table(
        records,
        schema=dg.TableSchema(
            [dg.TableColumn(name, kinds[type(value)]) for name, value in records[0].data.items()]
        ),
    )
