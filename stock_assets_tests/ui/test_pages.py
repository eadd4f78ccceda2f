"""What a newcomer sees in a browser after the first run."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stock_assets_tests.commands import Workplace
from stock_assets_tests.ui.served import served

if TYPE_CHECKING:
    from playwright.sync_api import Page

GROUPS = ("prices", "stage1_models", "stage1_predictions", "portfolios")
KEYS = (
    "price_history",
    "close_prices",
    "stage1_model / gold",
    "stage1_prediction / us10y",
    "sharpe_net_model",
    "portfolio_weights / black_litterman",
)
CHECKS = (
    "calendar_agrees",
    "calendars_reach",
    "closes_move",
    "closes_unchanged",
    "days_are_fresh",
    "moves_are_plausible",
    "sessions_are_complete",
    "sources_agree",
    "sources_answered",
    "values_are_valid",
)
DAY, CUTOFF = "2021-03-31", "2021-03-15"


@pytest.mark.needs_binary
def test_the_way_from_price_to_weight_can_be_seen(page: "Page", finished: Workplace, tmp_path: Path) -> None:
    with served(finished) as ui:

        def look_at(path: str, name: str, *texts: str) -> None:
            page.goto(ui.url + path)
            for text in texts:
                page.get_by_text(text, exact=True).first.wait_for()
            page.screenshot(path=tmp_path / f"{name}.png")

        look_at("/asset-groups", "lineage", *GROUPS[:2], GROUPS[3])
        look_at("/assets", "catalog", *KEYS)
        look_at("/locations/stock_assets/jobs/training/runs", "runs", "Success", f"partition: {CUTOFF}")

        look_at(f"/assets/stage1_model/gold?view=partitions&partition={CUTOFF}", "model", "Materialized")
        for title in ("learning curve (picture)", "predicted against realised (picture)"):
            assert picture(page, title, tmp_path / f"{title}.png") == [512, 256]
        for figure in ("zero forecast", "mean forecast", "directional accuracy"):
            assert page.get_by_text(figure, exact=True).first.is_visible()

        look_at(f"/assets/portfolio_weights/alpha?view=partitions&partition={DAY}", "weights", "published")
        assert picture(page, "weights (picture)", tmp_path / "bars.png") == [512, 272]
        assert page.get_by_text("turnover, stable (%, one-way)", exact=True).is_visible()
        assert weights_table(page) == stored_weights(finished)

        look_at("/assets/close_prices?view=checks", "checks", *CHECKS)
        assert page.get_by_text("Succeeded", exact=True).count() == len(CHECKS)


def picture(page: "Page", title: str, screenshot: Path) -> list[int]:
    """Open a picture of the metadata, and return its size in pixels once it has been drawn."""
    row = page.locator("tr", has=page.get_by_text(title, exact=True))
    row.get_by_text("[Show Markdown]").click()
    image = page.locator("img[src^='data:image/png;base64,']")
    image.wait_for()
    size = image.evaluate("image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])")
    page.screenshot(path=screenshot)
    page.get_by_role("button", name="Close").click()
    image.wait_for(state="detached")
    return size


def weights_table(page: "Page") -> dict[str, tuple[str, str]]:
    """The table of weights as it is on the page, by instrument."""
    rows = page.locator("table table tr").all_inner_texts()
    cells = [row.split() for row in rows]
    header, *body = [row for row in cells if len(row) == 3]
    assert header == ["instrument", "stable", "aggressive"]
    return {name: (stable, aggressive) for name, stable, aggressive in body}


def stored_weights(workplace: Workplace) -> dict[str, tuple[str, str]]:
    rows = workplace.query(
        f"SELECT instrument, profile, weight FROM portfolio_weights WHERE model = 'alpha' AND date = '{DAY}'"
    )
    shown = {(name, profile): f"{round(100 * weight, 2):g}" for name, profile, weight in rows}
    return {name: (shown[name, "stable"], shown[name, "aggressive"]) for name, _ in shown}
