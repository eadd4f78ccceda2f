"""Alerts from the outbox to a local Slack: none is lost, none is repeated without saying so."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from stock_assets.alerts import messages
from stock_assets.alerts.alert import Alert
from stock_assets.alerts.facts import RunFacts
from stock_assets.pipeline.alert_order import QUIET, STALE
from stock_assets.pipeline.alert_sending import GIVE_UP
from stock_assets.pipeline.alerts import DeliveryReport, deliver, queue, queue_heartbeat
from stock_assets.settings import Settings, SlackAccess
from stock_assets.storage.alerts import LEASE
from stock_assets.storage.engine import create_engine, read_transaction
from stock_assets.storage.migrate import upgrade
from stock_assets.storage.schema import alerts as table
from stock_assets_tests.fake_feeds import FakeFeeds, Page, fake_feeds
from stock_assets_tests.fake_slack import (
    CHANNEL,
    RATE_LIMITED,
    RATE_LIMITED_WITHOUT_A_TIME,
    RESET_AFTER,
    TOKEN,
    UNAVAILABLE,
    UPLOAD,
    FakeSlack,
    Fault,
    fake_slack,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
PICTURE = b"\x89PNG" + bytes(range(256)) * 8
BEAT = "/ping/5ecret-uuid"


@dataclass
class Time:
    """A clock that only sleeping moves."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


@dataclass
class Post:
    """An outbox and its Slack."""

    engine: sa.Engine
    settings: Settings
    slack: FakeSlack
    now: datetime = NOW
    time: Time = field(default_factory=Time)

    def queue(self, *alerts: Alert) -> tuple[Alert, ...]:
        return queue(self.engine, alerts, self.now)

    def deliver(
        self, after: timedelta = timedelta(0), *, limit: int = 25, deadline_seconds: float = 25
    ) -> DeliveryReport:
        self.now += after
        self.time = Time()
        return deliver(
            self.engine,
            self.settings,
            self.now,
            clock=lambda: self.time.seconds,
            sleep=self.time.sleep,
            limit=limit,
            deadline_seconds=deadline_seconds,
        )

    def states(self) -> dict[str, str]:
        with read_transaction(self.engine) as connection:
            rows = connection.execute(sa.select(table.c.alert_key, table.c.state))
            return {str(key): str(state) for key, state in rows}


def settings_of(folder: Path, url: str | None, token: str | None = TOKEN) -> Settings:
    slack = SlackAccess(url, CHANNEL, token)
    return Settings("sample", folder, folder, f"sqlite:///{folder / 'a.db'}", slack=slack)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    with fake_slack() as slack:
        settings = settings_of(tmp_path, slack.url)
        engine = create_engine(settings.database_url)
        upgrade(engine, "sample")
        yield Post(engine, settings, slack)
        engine.dispose()


def alert(key: str, day: date | None = None, **fields: object) -> Alert:
    return Alert(**{"key": key, "kind": "ready", "text": key, "day": day, **fields})  # pyright: ignore[reportArgumentType]


def test_a_day_is_a_thread(post: Post) -> None:
    post.queue(alert("monday", MONDAY), alert("tuesday", TUESDAY), alert("more", MONDAY), alert("alone"))
    report = post.deliver()
    assert (report.sent, report.waiting, report.problems) == (4, 0, ())
    post.queue(alert("later", TUESDAY))
    post.deliver(after=3 * timedelta(hours=1))
    sign = ":white_check_mark:"
    assert post.slack.rendered().split("\n") == [
        f"{sign} monday",
        f"    {sign} more",
        f"{sign} tuesday",
        f"    {sign} later",
        f"{sign} alone",
    ]


def test_nothing_is_sent_twice(post: Post) -> None:
    post.queue(alert("a"), alert("b", picture=PICTURE))
    assert post.queue(alert("a")) == ()
    assert (post.deliver().sent, post.deliver().sent) == (2, 0)
    assert post.queue(alert("b")) == ()
    assert post.deliver(after=timedelta(days=3)).sent == 0
    assert len(post.slack.messages) == 2
    assert [file.content for file in post.slack.messages[1].files] == [PICTURE]


def test_about_one_message_a_second_and_not_without_end(post: Post) -> None:
    post.queue(*(alert(f"{number:02d}") for number in range(40)))
    report = post.deliver(limit=10)
    assert (report.sent, report.waiting) == (10, 30)
    assert post.time.slept == [1.0] * 9
    assert post.deliver(deadline_seconds=5).sent == 6
    assert post.deliver(deadline_seconds=1000, limit=1000).waiting == 0
    assert [line.split()[-1] for line in post.slack.lines] == [f"{number:02d}" for number in range(40)]


@pytest.mark.parametrize("fault", [UNAVAILABLE, Fault(drop="before"), RATE_LIMITED])
def test_a_slack_that_is_down_for_an_hour_loses_nothing(post: Post, fault: Fault) -> None:
    post.slack.down = fault
    for minute in range(60):
        post.queue(alert(f"{minute:02d}", MONDAY))
        report = post.deliver(after=MINUTE)
        assert (report.sent, report.waiting) == (0, minute + 1)
    assert len(post.slack.requests) < 65, "one request an attempt, and fewer and fewer attempts"
    post.slack.down = None
    for _ in range(12):
        post.deliver(after=MINUTE)
    shown = [line.replace(" (may be a repeat)", "").split()[-1] for line in post.slack.lines]
    assert shown == [f"{minute:02d}" for minute in range(60)]
    assert len(post.slack.threads) == 1
    assert sum("may be a repeat" in line for line in post.slack.lines) <= 1, "the one that was tried"


def test_an_outage_is_asked_less_and_less_often(post: Post) -> None:
    post.slack.down = Fault(drop="before")
    post.queue(alert("a"))
    asked = []
    for second in range(0, 1201, 30):
        before = len(post.slack.requests)
        post.deliver(after=timedelta(seconds=30))
        if len(post.slack.requests) > before:
            asked.append(second)
    assert asked == [0, 30, 90, 210, 450, 750, 1050]


def test_what_slack_wishes_is_granted(post: Post) -> None:
    post.slack.faults = [("*", RATE_LIMITED)]
    post.queue(alert("a", MONDAY), alert("b", TUESDAY))
    report = post.deliver()
    assert report.problems == ("Slack takes no more messages for a while.",)
    assert len(post.slack.requests) == 1, "no other thread is tried"
    assert post.deliver(after=29 * SECOND).sent == 0
    post.queue(alert("c"))
    assert post.deliver().sent == 0, "nor what came since"
    assert len(post.slack.requests) == 1
    assert post.deliver(after=SECOND).sent == 3
    assert "repeat" not in post.slack.rendered()


def test_a_clock_that_is_set_back_stops_nothing(post: Post) -> None:
    post.queue(alert("a", MONDAY))
    post.now -= timedelta(hours=9)
    post.queue(alert("b"))
    assert post.deliver().sent == 2


def test_a_wish_without_a_time_or_for_ever_is_bounded(post: Post) -> None:
    for_ever = Fault(429, "ratelimited", (("Retry-After", "999999999"),))
    for fault, pause in ((RATE_LIMITED_WITHOUT_A_TIME, 30 * SECOND), (for_ever, timedelta(hours=1))):
        post.slack.faults = [("*", fault)]
        post.queue(alert(str(pause)))
        post.deliver()
        assert post.deliver(after=pause - SECOND).sent == 0
        assert post.deliver(after=SECOND).sent == 1


def test_an_answer_that_is_lost_repeats_one_message_and_says_so(post: Post) -> None:
    post.slack.faults = [("chat.postMessage", RESET_AFTER)]
    post.queue(alert("a", MONDAY), alert("b", MONDAY))
    post.deliver()
    post.deliver(after=MINUTE)
    assert [line.partition(" ")[2] for line in post.slack.lines] == ["a", "a (may be a repeat)", "b"]


def test_a_picture_is_tried_again_and_its_message_is_not(post: Post) -> None:
    post.slack.faults = [(UPLOAD, UNAVAILABLE), ("files.completeUploadExternal", RESET_AFTER)]
    post.queue(alert("a", MONDAY, picture=PICTURE, picture_title="MAE"), alert("b", MONDAY))
    for _ in range(3):
        post.deliver(after=2 * MINUTE)
    assert [line.partition(" ")[2] for line in post.slack.lines] == ["a", "b"]
    assert [file.title for file in post.slack.messages[0].files] == ["MAE", "MAE (may be a repeat)"]
    assert post.states() == {"a": "sent", "b": "sent"}


def test_the_first_picture_of_a_repeated_message_is_no_repeat(post: Post) -> None:
    post.slack.faults = [("chat.postMessage", RESET_AFTER)]
    post.queue(alert("a", MONDAY, picture=PICTURE, picture_title="MAE"))
    post.deliver()
    post.deliver(after=MINUTE)
    first, again = post.slack.messages
    assert again.shown.endswith("a (may be a repeat)")
    assert (first.files, [file.title for file in again.files]) == ([], ["MAE"])


def test_a_bot_that_may_not_send_files_sends_messages(post: Post) -> None:
    post.slack.scopes = ("chat:write",)
    post.queue(alert("a", picture=PICTURE), alert("b"))
    report = post.deliver()
    assert report.sent == 2 and "missing_scope" in report.problems[0] and "files:write" in report.problems[0]
    assert post.deliver(after=timedelta(hours=1)) == DeliveryReport()
    assert post.states() == {"a": "sent", "b": "sent"}


def test_refused_blocks_do_not_cost_the_message(post: Post) -> None:
    post.slack.blocks_refused = True
    post.queue(alert("a", details="```\nmore\n```"))
    assert post.deliver().sent == 1
    assert post.slack.messages[0].shown == ":white_check_mark: a\n```\nmore\n```"


def test_a_message_that_slack_never_takes_holds_up_nobody(post: Post) -> None:
    post.slack.faults = [("chat.postMessage", Fault(200, "msg_too_long"))]
    post.queue(alert("a", MONDAY), alert("b", MONDAY))
    report = post.deliver()
    assert (report.sent, report.abandoned, report.waiting) == (1, 1, 0)
    assert post.states() == {"a": "abandoned", "b": "sent"}


def test_what_somebody_puts_right_is_sent_then(post: Post) -> None:
    post.slack.members = False
    post.queue(alert("a"))
    assert "invite the bot" in post.deliver().problems[0]
    post.slack.members = True
    assert post.deliver(after=30 * SECOND).sent == 1
    assert "repeat" not in post.slack.rendered()


def test_what_slack_did_not_take_for_days_comes_as_one_summary(post: Post) -> None:
    """However long it was away, nothing is lost, and nobody has to read a thread of each day."""
    post.slack.down = UNAVAILABLE
    for day in range(6):
        post.queue(*(alert(f"{kind} {day}", MONDAY + timedelta(days=day)) for kind in ("started", "ready")))
        post.deliver(after=timedelta(days=1))
    post.slack.down = None
    post.queue(alert("new", post.now.date()))
    report = post.deliver(after=timedelta(minutes=10))
    assert (report.sent, report.waiting, report.abandoned) == (2, 0, 0)
    summary, new = post.slack.messages
    assert summary.shown.startswith(
        ":memo: 12 alerts that could not be sent for a day, the last one: ready 5 (may be a repeat)\n"
    )
    assert all(f"{kind} {day}\n" in summary.shown for kind in ("started", "ready") for day in range(6))
    assert (summary.thread_ts, new.thread_ts) == (None, None) and "new" in new.shown
    states = post.states()
    assert {key for key, state in states.items() if state == "sent"} == {"started 0", "new"}
    assert set(states.values()) == {"sent", "folded"}


def test_a_summary_that_was_not_taken_is_part_of_the_next(post: Post) -> None:
    post.queue(*(alert(f"{number}", group="g") for number in range(8)))
    post.deliver()
    post.slack.down = UNAVAILABLE
    assert post.deliver(after=QUIET).problems
    post.queue(*(alert(name) for name in "abc"))
    post.deliver(after=MINUTE)
    post.slack.down = None
    report = post.deliver(after=STALE)
    assert (report.sent, report.waiting) == (1, 0)
    assert "8 alerts that could not be sent for a day, the last one: c" in post.slack.lines[-1]


def test_a_heartbeat_of_yesterday_is_given_up(post: Post, watcher: FakeFeeds) -> None:
    post.settings = replace(post.settings, heartbeat_url=watcher.url(BEAT))
    watcher.pages[BEAT] = Page(b"", status=503)
    queue_heartbeat(post.engine, alert("old"), post.now)
    assert post.deliver(after=GIVE_UP - SECOND).abandoned == 0
    queue_heartbeat(post.engine, alert("new"), post.now)
    report = post.deliver(after=timedelta(minutes=10))
    assert (report.abandoned, report.waiting) == (1, 1)
    watcher.pages[BEAT] = Page(b"")
    assert post.deliver(after=timedelta(minutes=10)).sent == 1


def test_a_machine_that_slept_for_two_days_sends_what_waits(post: Post) -> None:
    post.queue(alert("a"))
    assert post.deliver(after=timedelta(days=2)).sent == 1


def test_500_failing_days_of_a_backfill_are_the_first_and_a_summary(post: Post) -> None:
    failures = [
        messages.failure(
            RunFacts(
                f"r{n}", f"daily {n:03d}", "http://ui", MONDAY + n * timedelta(days=1), 1, "backfill/b1"
            ),
            "SourceError: <down>",
        )
        for n in range(500)
    ]
    for start in range(0, 500, 50):  # they fail one after the other
        post.queue(*failures[start : start + 50])
        post.deliver(after=MINUTE)
    assert len(post.slack.messages) == 1
    report = post.deliver(after=QUIET)
    assert (report.sent, report.folded, report.waiting) == (1, 498, 0)
    summary = post.slack.messages[1]
    assert summary.thread_ts is None
    assert summary.shown.startswith(
        ":memo: 499 more like those before, the last one: Daily 499 failed: SourceError: &lt;down&gt;\n```\n"
        "Daily 001 failed: SourceError"
    )
    assert post.deliver(after=timedelta(hours=1)) == DeliveryReport()


def test_a_summary_that_is_not_taken_grows(post: Post) -> None:
    post.queue(*(alert(f"{number}", MONDAY, group="g") for number in range(6)))
    post.deliver()
    post.slack.faults = [("*", UNAVAILABLE)]
    assert post.deliver(after=QUIET).sent == 0
    post.queue(alert("6", MONDAY, group="g"))
    report = post.deliver(after=QUIET)
    assert (report.sent, report.waiting) == (1, 0)
    assert post.slack.lines[-1] == ":memo: 4 more like those before, the last one: 6 (may be a repeat)"


def test_without_a_token_the_same_lines_are_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "stock_assets.alerts")
    settings = settings_of(tmp_path, None, token=None)
    engine = create_engine(settings.database_url)
    upgrade(engine, "sample")
    failure = alert("b", kind="failure", text="Daily failed: <x>", link="http://ui/runs/1")
    with fake_slack() as slack:
        post = Post(engine, settings, slack)
        post.queue(alert("a", text="Daily ready."), failure)
        post.queue(failure)
        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            ("INFO", "Daily ready."),
            ("ERROR", "Daily failed: <x> http://ui/runs/1"),
        ]
        assert post.deliver() == DeliveryReport(logged=2)
        assert post.deliver() == DeliveryReport()
        post.settings = settings_of(tmp_path, slack.url)
        post.queue(alert("c"))
        assert post.deliver().sent == 1, "a token that comes later does not bring back what was logged"
    engine.dispose()


KILLED = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from stock_assets.pipeline.alerts import deliver
from stock_assets.storage.engine import create_engine
from stock_assets_tests.pipeline.test_alerts import NOW, settings_of
settings = settings_of(Path(sys.argv[1]), sys.argv[2])
deliver(create_engine(settings.database_url), settings, NOW, sleep=lambda seconds: None)
"""


@pytest.mark.parametrize("place", [1, 2, 4])
def test_a_kill_repeats_the_one_message_that_was_under_way(post: Post, tmp_path: Path, place: int) -> None:
    post.queue(*(alert(str(number), MONDAY) for number in range(1, 5)))
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path), post.slack.url])

    def kill() -> None:
        if len(post.slack.messages) == place:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()

    post.slack.on_post = kill
    assert process.wait(timeout=60) == -signal.SIGKILL
    assert len(post.slack.messages) == place
    assert post.deliver(after=LEASE - SECOND).sent == 0, "nobody knows yet that the sender is dead"
    post.deliver(after=MINUTE)
    expected = [str(number) for number in range(1, 5)]
    expected.insert(place, f"{place} (may be a repeat)")
    assert [line.partition(" ")[2] for line in post.slack.lines] == expected
    assert set(post.states().values()) == {"sent"}


def test_two_senders_at_once_send_everything_once(post: Post) -> None:
    post.queue(*(alert(str(number), MONDAY) for number in range(8)))
    inner: list[DeliveryReport] = []

    def another() -> None:
        post.slack.on_post = None
        inner.append(deliver(post.engine, post.settings, NOW, sleep=lambda _: None))

    post.slack.on_post = another
    post.deliver()
    assert sorted(line.split()[-1] for line in post.slack.lines) == [str(number) for number in range(8)]
    assert len(post.slack.threads) == 1
    assert inner[0].sent == 0, "the thread waits for its root"


@pytest.fixture
def watcher() -> Iterator[FakeFeeds]:
    with fake_feeds() as server:
        yield server


def test_all_complete_is_a_heartbeat_too_which_is_tried_again(post: Post, watcher: FakeFeeds) -> None:
    post.settings = replace(post.settings, heartbeat_url=watcher.url(BEAT))
    watcher.pages[BEAT] = Page(b"", status=500)
    post.queue(messages.all_complete(MONDAY), alert("other"))
    report = post.deliver()
    assert (report.sent, report.waiting) == (2, 1), "Slack does not wait for the heartbeat"
    watcher.serve(BEAT, b"OK", "text/plain")
    assert post.deliver(after=30 * SECOND).sent == 1
    post.queue(messages.all_complete(MONDAY))
    assert post.deliver(after=MINUTE).sent == 0
    assert watcher.asked == [BEAT] * 2
    assert BEAT not in repr(post.settings) + report.sentence


def test_without_an_address_the_heartbeat_is_slacks_alone(post: Post) -> None:
    post.queue(messages.all_complete(MONDAY))
    assert post.deliver() == DeliveryReport(sent=1, logged=1)


def test_the_token_is_nowhere(
    post: Post, watcher: FakeFeeds, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    post.settings = replace(post.settings, heartbeat_url=watcher.url(BEAT))
    said = []
    for fault in (UNAVAILABLE, RATE_LIMITED, RESET_AFTER, Fault(200, "invalid_auth"), Fault(200)):
        post.slack.faults = [("chat.postMessage", fault)]
        post.queue(messages.all_complete(post.now.date()), alert(repr(fault), text=f"token={TOKEN}, {TOKEN}"))
        said.append(post.deliver(after=timedelta(days=1)).sentence)
    broken = replace(post.settings, slack=SlackAccess(post.slack.url, CHANNEL, f"{TOKEN}\n"))
    post.queue(alert("last"))
    said.append(deliver(post.engine, broken, post.now + timedelta(days=1)).sentence)
    with read_transaction(post.engine) as connection:
        rows = repr(connection.execute(sa.select(table)).all())
    out = capfd.readouterr()
    for text in (caplog.text, rows, out.out, out.err, repr(post.settings), *said, post.slack.rendered()):
        assert TOKEN not in text and "5ecret" not in text


def test_a_report_is_a_sentence() -> None:
    assert DeliveryReport().sentence == "Alerts: nothing to send."
    assert DeliveryReport(2, 497, 0, 1, 3, ("Slack is away.",)).sentence == (
        "Alerts: 2 sent, 497 sent within a summary, 1 given up, 3 waiting. Slack is away."
    )
