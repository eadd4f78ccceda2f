from collections.abc import Iterator

import pytest

from stock_assets_tests.fake_slack import FakeSlack, fake_slack


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as server:
        yield server
