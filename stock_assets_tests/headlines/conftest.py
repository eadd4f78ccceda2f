from collections.abc import Iterator

import pytest

from stock_assets_tests.fake_feeds import FakeFeeds, fake_feeds


@pytest.fixture
def feeds() -> Iterator[FakeFeeds]:
    with fake_feeds() as server:
        yield server
