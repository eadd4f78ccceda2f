"""Which alert is sent next."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from stock_assets.alerts.alert import Alert
from stock_assets.pipeline.alert_order import PATIENCE, QUIET, Choice, held_back, next_alert
from stock_assets.storage.alerts import LEASE, OpenAlert

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)


def one(
    key: str,
    day: date | None = None,
    group: str | None = None,
    *,
    age: timedelta = timedelta(0),
    claimed: timedelta | None = None,
    pause: timedelta = timedelta(0),
) -> OpenAlert:
    return OpenAlert(
        Alert(key, "failure", key, day=day, group=group),
        has_picture=False,
        created_at=NOW - age,
        not_before=NOW + pause,
        state="pending" if claimed is None else "sending",
        attempts=0,
        claimed_at=None if claimed is None else NOW - claimed,
        may_repeat=False,
        channel_id=None,
        slack_ts=None,
        thread_ts=None,
    )


def test_the_oldest_is_next() -> None:
    alerts = [one("a", MONDAY), one("b", TUESDAY), one("c")]
    assert next_alert(alerts, {}, NOW) == Choice(alerts[0])
    assert next_alert([], {}, NOW) is None


def test_a_thread_waits_for_its_first_message_and_no_other_does() -> None:
    alerts = [one("a", MONDAY, claimed=LEASE - SECOND), one("b", MONDAY), one("c", TUESDAY), one("d")]
    assert next_alert(alerts, {}, NOW) == Choice(alerts[2])
    assert next_alert(alerts[:2], {}, NOW) is None
    assert next_alert([alerts[0], alerts[3]], {}, NOW) == Choice(alerts[3])
    alone = [one("a", claimed=SECOND), one("b")]
    assert next_alert(alone, {}, NOW) == Choice(alone[1]), "what has no day is no thread"


def test_a_claim_that_expired_is_taken_over() -> None:
    expired = one("a", MONDAY, claimed=LEASE)
    assert next_alert([expired, one("b", MONDAY)], {}, NOW) == Choice(expired)


def test_what_a_clock_that_was_ahead_has_written_holds_nothing_up() -> None:
    """It was set back by nine hours, as when a machine takes its local time for UTC until it asks."""
    hours = timedelta(hours=9)
    queued = one("a", MONDAY, age=-hours, pause=hours)
    claimed = one("a", MONDAY, age=-hours, claimed=-hours)
    for ahead in (queued, claimed):
        assert next_alert([ahead, one("b", MONDAY)], {}, NOW) == Choice(ahead)
    held = [one(name, group="g", age=-hours, pause=hours) for name in "abcde"]
    assert next_alert(held, {"g": 3}, NOW) == Choice(held[0], ("b", "c", "d", "e"))


def test_what_may_not_be_sent_yet_waits() -> None:
    alerts = [one("a", MONDAY, pause=SECOND), one("b", MONDAY)]
    assert next_alert(alerts, {}, NOW) is None
    assert next_alert(alerts, {}, NOW + SECOND) == Choice(alerts[0])


def test_after_the_first_three_a_group_is_one_summary() -> None:
    group = [one(f"{number}", MONDAY, "g", age=QUIET) for number in range(8)]
    assert [next_alert(group[n:], {"g": n}, NOW) for n in range(3)] == [Choice(one) for one in group[:3]]
    assert next_alert(group[3:], {"g": 3}, NOW) == Choice(group[3], ("4", "5", "6", "7"))
    assert held_back(group, {}) == {"g": group[3:]}
    assert next_alert(group[3:4], {"g": 9}, NOW) == Choice(group[3]), "a single one is no summary"


def test_after_the_first_one_a_backfill_is_one_summary() -> None:
    group = [one(f"{number}", MONDAY, "backfill/abc", age=QUIET) for number in range(4)]
    assert next_alert(group, {}, NOW) == Choice(group[0])
    assert next_alert(group[1:], {"backfill/abc": 1}, NOW) == Choice(group[1], ("2", "3"))


def test_a_summary_waits_until_its_group_is_quiet() -> None:
    old = [one(f"{number}", None, "g", age=PATIENCE - SECOND) for number in range(3)]
    loud = [*old, one("last", None, "g", age=QUIET - SECOND)]
    assert next_alert(loud, {"g": 3}, NOW) is None
    assert next_alert(loud, {"g": 3}, NOW + SECOND) == Choice(old[0], ("1", "2", "last"))
    louder = [*old, one("last", None, "g")]
    assert next_alert(louder, {"g": 3}, NOW) is None
    assert next_alert(louder, {"g": 3}, NOW + SECOND) == Choice(old[0], ("1", "2", "last")), "out of patience"


def test_what_is_held_back_holds_up_nobody() -> None:
    alerts = [one("g", MONDAY, "g"), one("a", MONDAY)]
    assert next_alert(alerts, {"g": 3}, NOW) == Choice(alerts[1])
    busy = [one("g", None, "g", age=QUIET, claimed=SECOND), one("h", None, "g", age=QUIET)]
    assert next_alert(busy, {"g": 3}, NOW) is None, "its summary is being sent"


@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, MONDAY, TUESDAY]),
            st.sampled_from([None, "g", "h"]),
            st.integers(0, 60),
            st.booleans(),
        ),
        max_size=25,
    )
)
def test_everything_is_said_once_and_in_the_order_of_its_thread(
    drawn: list[tuple[date | None, str | None, int, bool]],
) -> None:
    ages = sorted((age for _, _, age, _ in drawn), reverse=True)
    alerts = [
        one(str(place), day, group, age=timedelta(minutes=age), claimed=LEASE * 2 if dead else None)
        for place, ((day, group, _, dead), age) in enumerate(zip(drawn, ages, strict=True))
    ]
    waiting, sent, said = list(alerts), dict[str, int](), list[str]()
    single: list[OpenAlert] = []
    while (choice := next_alert(waiting, sent, NOW + QUIET)) is not None:
        keys = {choice.chosen.alert.key, *choice.folded}
        said += sorted(keys, key=int)
        waiting = [alert for alert in waiting if alert.alert.key not in keys]
        group = choice.chosen.alert.group
        if group is not None:
            sent[group] = sent.get(group, 0) + 1
            assert sent[group] <= 4, "three and a summary"
        if not choice.folded:
            single.append(choice.chosen)
    assert sorted(said, key=int) == [alert.alert.key for alert in alerts]
    free = [alert for alert in single if alert.alert.group is None]
    for day in (MONDAY, TUESDAY):
        places = [int(alert.alert.key) for alert in free if alert.alert.day == day]
        assert places == sorted(places)
