from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from stock_assets_tests.servers import find_binary

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def page() -> "Iterator[Page]":
    """A page of a real browser without a window."""
    chromium = find_binary(*CHROMIUM)
    if chromium is None:
        pytest.skip("needs the program chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1500, "height": 1300})
        page.set_default_timeout(60_000)
        yield page
        browser.close()
