"""The outbox on both databases."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import sqlalchemy as sa

from stock_assets.alerts.alert import Alert
from stock_assets.storage.alert_states import (
    abandon,
    claim,
    mark_logged,
    record_failed,
    record_posted,
    record_sent,
)
from stock_assets.storage.alerts import (
    LEASE,
    OpenAlert,
    folded_texts,
    open_alerts,
    queue_alerts,
    read_picture,
    sent_of_groups,
    thread_root,
)
from stock_assets.storage.engine import create_engine, read_transaction
from stock_assets.storage.schema import alerts as table
from stock_assets_tests.storage.builders import LATER, MONDAY, NOON
from stock_assets_tests.storage.processes import PythonProcess

SECOND = dt.timedelta(seconds=1)
PICTURE = bytes(range(256)) * 400  # more than the 65,535 bytes of MySQL's plain BLOB


def alert(key: str, **fields: object) -> Alert:
    return Alert(**{"key": key, "kind": "failure", "text": f"실패 📈 {key}", **fields})  # pyright: ignore[reportArgumentType]


def queued(engine: sa.Engine, *alerts: Alert, now: dt.datetime = NOON) -> list[str]:
    with engine.begin() as connection:
        return [one.key for one in queue_alerts(connection, alerts, now)]


def waiting(engine: sa.Engine) -> tuple[OpenAlert, ...]:
    with read_transaction(engine) as connection:
        return open_alerts(connection, "slack")


def keys(engine: sa.Engine) -> list[str]:
    return [one.alert.key for one in waiting(engine)]


def claimed(engine: sa.Engine, now: dt.datetime = NOON, folded: tuple[str, ...] = ()) -> OpenAlert:
    first = waiting(engine)[0]
    with engine.begin() as connection:
        assert claim(connection, first, now, folded)
    return first


def row(engine: sa.Engine, key: str) -> sa.RowMapping:
    with read_transaction(engine) as connection:
        return connection.execute(sa.select(table).where(table.c.alert_key == key)).mappings().one()


def test_an_alert_comes_back_as_it_was_queued(database: sa.Engine) -> None:
    full = alert(
        "a", details="*더* &amp; more", day=MONDAY, link="http://ui/runs/1", picture_title="MAE", group="g"
    )
    with_picture = alert("b", picture=PICTURE, picture_title="MAE")
    assert queued(database, full, with_picture) == ["a", "b"]
    first, second = waiting(database)
    assert (first.alert, first.has_picture, second.has_picture) == (full, False, True)
    assert (first.created_at, first.not_before, first.state, first.attempts) == (NOON, NOON, "pending", 0)
    with read_transaction(database) as connection:
        assert read_picture(connection, "b") == PICTURE
        assert read_picture(connection, "a") is None


def test_a_key_is_queued_once_whatever_becomes_of_it(database: sa.Engine) -> None:
    assert queued(database, alert("b"), alert("a"), alert("b", text="again")) == ["b", "a"]
    assert queued(database, alert("a", text="other"), alert("c"), now=LATER) == ["c"]
    assert keys(database) == ["b", "a", "c"], "in the order of queueing"
    sent = claimed(database)
    with database.begin() as connection:
        record_sent(connection, sent, LATER)
    assert queued(database, alert("b"), now=LATER) == []
    assert row(database, "a")["text"] == "실패 📈 a"
    with database.begin() as connection:
        assert queue_alerts(connection, [alert("a")], NOON, "heartbeat"), "another target is another alert"
    assert queued(database) == []


def test_keys_that_differ_in_case_are_apart(database: sa.Engine) -> None:
    assert queued(database, alert("a"), alert("A"), alert("a ")) == ["a", "A", "a "]


def test_many_are_queued_at_once(database: sa.Engine) -> None:
    many = [alert(f"{number % 450:04d}") for number in range(900)]
    assert len(queued(database, *many)) == 450
    assert queued(database, *many) == []


def test_two_writers_queue_an_alert_once(database_url: str, database: sa.Engine) -> None:
    barrier = Barrier(3)

    def write(writer: int) -> None:
        engine = create_engine(database_url)
        mine = [alert(f"{number:03d}") for number in range(60)] + [alert(f"{writer}-own")]
        barrier.wait()
        queued(engine, *(mine if writer % 2 else mine[::-1]), now=NOON + writer * SECOND)
        engine.dispose()

    with ThreadPoolExecutor(3) as writers:
        list(writers.map(write, range(3)))
    assert sorted(keys(database)) == sorted([f"{n:03d}" for n in range(60)] + ["0-own", "1-own", "2-own"])


QUEUE = """
import datetime as dt, sys
from stock_assets.alerts.alert import Alert
from stock_assets.storage.alerts import queue_alerts
from stock_assets.storage.engine import create_engine
engine = create_engine(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for start in range(0, 60, 5):
    with engine.begin() as connection:
        alerts = [Alert(f"{n:03d}", "ready", sys.argv[2]) for n in range(start, start + 5)]
        queue_alerts(connection, alerts, dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC))
"""


def test_two_processes_queue_an_alert_once(database_url: str, database: sa.Engine) -> None:
    processes = [PythonProcess(QUEUE, database_url, name) for name in ("one", "two")]
    for process in processes:
        process.wait_until_ready()
    for process in processes:
        process.go_on()
    assert [process.finish() for process in processes] == [(0, ""), (0, "")]
    assert sorted(keys(database)) == [f"{number:03d}" for number in range(60)]


def test_of_two_senders_one_claims_an_alert(database: sa.Engine) -> None:
    queued(database, alert("a"))
    (seen,) = waiting(database)
    with database.begin() as connection:
        assert claim(connection, seen, NOON)
    with database.begin() as connection:
        assert not claim(connection, seen, NOON)
    (busy,) = waiting(database)
    assert (busy.state, busy.attempts, busy.claimed_at, busy.may_repeat) == ("sending", 1, NOON, False)
    assert busy.busy(NOON + LEASE - SECOND) and not busy.expired(NOON + LEASE - SECOND)
    assert busy.expired(NOON + LEASE) and not busy.busy(NOON + LEASE)


def test_a_claim_that_expired_may_have_sent_it(database: sa.Engine) -> None:
    queued(database, alert("a"))
    first = claimed(database)
    second = claimed(database, NOON + LEASE)
    assert waiting(database)[0].may_repeat
    with database.begin() as connection:
        record_failed(connection, first, "too late to say so", LATER)
    assert waiting(database)[0].state == "sending", "the second sender has it"
    with database.begin() as connection:
        record_failed(connection, second, "down", LATER)
    (found,) = waiting(database)
    assert (found.state, found.attempts, found.not_before, found.may_repeat) == ("pending", 2, LATER, True)
    assert row(database, "a")["last_error"] == "down"


@pytest.mark.parametrize(("perhaps_sent", "for_good"), [(True, False), (False, False), (False, True)])
def test_what_becomes_of_an_attempt(database: sa.Engine, perhaps_sent: bool, for_good: bool) -> None:
    queued(database, alert("a"))
    chosen = claimed(database)
    with database.begin() as connection:
        record_failed(connection, chosen, "x", LATER, perhaps_sent=perhaps_sent, for_good=for_good)
    found = row(database, "a")
    assert found["may_repeat"] is perhaps_sent
    assert found["state"] == ("abandoned" if for_good else "pending")


def test_a_day_has_one_root_a_channel(database: sa.Engine) -> None:
    queued(database, alert("a", day=MONDAY), alert("b", day=MONDAY), alert("c"))

    def root(channel: str, day: dt.date = MONDAY) -> str | None:
        with read_transaction(database) as connection:
            return thread_root(connection, day, channel)

    assert root("#one") is None
    messages = (("1.1", None, "#one"), ("1.2", "1.1", "#one"), ("2.1", None, "#two"))
    for place, (ts, thread, channel) in enumerate(messages):
        chosen = claimed(database, NOON + place * SECOND)
        with database.begin() as connection:
            record_posted(connection, chosen, channel, "C1", ts, thread)
            record_sent(connection, chosen, LATER)
        assert root("#one") == "1.1"
    assert root("#two") is None, "an alert without a day is nobody's root"
    assert root("#one", MONDAY + dt.timedelta(days=1)) is None
    assert (row(database, "b")["state"], row(database, "b")["sent_at"]) == ("sent", LATER)


def test_a_posted_alert_whose_picture_is_missing_stays(database: sa.Engine) -> None:
    queued(database, alert("a", picture=b"x"))
    chosen = claimed(database)
    with database.begin() as connection:
        record_posted(connection, chosen, "#one", "C1", "1.1", None)
    (found,) = waiting(database)
    assert (found.state, found.channel_id, found.slack_ts, found.thread_ts) == ("sending", "C1", "1.1", None)


def test_a_message_stands_for_others(database: sa.Engine) -> None:
    group = [alert(f"{number:03d}", group="backfill", day=MONDAY) for number in range(450)]
    queued(database, *group)
    chosen = claimed(database, folded=tuple(one.key for one in group[1:]))
    assert keys(database) == ["000"]
    assert row(database, "000")["day"] is None
    assert row(database, "449")["state"] == "folded"
    with read_transaction(database) as connection:
        assert folded_texts(connection, "000") == tuple(one.text for one in group)
        assert folded_texts(connection, "001") == ()
        assert sent_of_groups(connection, ["backfill", "other"], "slack") == {}
    with database.begin() as connection:
        record_sent(connection, chosen, LATER)
    with read_transaction(database) as connection:
        assert sent_of_groups(connection, ["backfill", "other"], "slack") == {"backfill": 1}
        assert sent_of_groups(connection, ["backfill"], "heartbeat") == {}
        assert sent_of_groups(connection, [], "slack") == {}


def test_what_waited_too_long_is_given_up_and_kept(database: sa.Engine) -> None:
    queued(database, alert("old"), alert("older and busy"))
    queued(database, alert("new"), now=LATER)
    with database.begin() as connection:
        busy = open_alerts(connection, "slack")[1]
        claim(connection, busy, NOON)
        assert abandon(connection, "heartbeat", LATER) == 0
        assert abandon(connection, "slack", LATER) == 1
    assert keys(database) == ["older and busy", "new"]
    assert row(database, "old")["state"] == "abandoned"


def test_what_has_nobody_to_go_to_is_in_the_log(database: sa.Engine) -> None:
    queued(database, alert("a"), alert("b"))
    with database.begin() as connection:
        assert mark_logged(connection, "slack") == 2
        assert mark_logged(connection, "slack") == 0
    assert keys(database) == []
    assert row(database, "a")["state"] == "logged"
