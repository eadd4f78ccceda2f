"""The heartbeat: one GET, and nothing said of its address."""

import logging
import socket

import pytest

from stock_assets.alerts.answers import NotSent
from stock_assets.alerts.heartbeat import beat
from stock_assets_tests.fake_feeds import Page, fake_feeds

SECRET = "5ecret-uuid"


@pytest.mark.parametrize(
    ("page", "answer"),
    [
        (Page(b"OK", "text/plain"), None),
        (Page(b"<html>ok</html>", "text/html"), None),
        (Page(b"", None, status=204), None),
        (
            Page(b"", status=429),
            NotSent("rate_limited", "The address of the heartbeat wants to be left alone (status 429)."),
        ),
        (
            Page(b"", status=500),
            NotSent(
                "unavailable",
                "The address of the heartbeat answered with the status 500; check "
                "STOCK_ASSETS_HEARTBEAT_URL if that stays so.",
            ),
        ),
    ],
)
def test_an_answer_with_success_is_a_heartbeat(
    page: Page, answer: NotSent | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with fake_feeds() as server:
        server.pages[f"/ping/{SECRET}"] = page
        assert beat(server.url(f"/ping/{SECRET}")) == answer
    assert SECRET not in caplog.text


def test_what_cannot_be_asked_says_so_without_its_address() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        answer = beat(f"http://127.0.0.1:{probe.getsockname()[1]}/{SECRET}")
    assert answer == NotSent(
        "unavailable", "The address of the heartbeat was not reached (ConnectionRefusedError)."
    )
    for url in (f"file:///etc/{SECRET}", SECRET, f"http://[{SECRET}", f"http://127.0.0.1:1/{SECRET} x\n"):
        wrong = beat(url)
        assert wrong is not None and wrong.problem in ("misconfigured", "unavailable")
        assert SECRET not in wrong.sentence
