import datetime as dt

import pandas as pd
import pytest
import sqlalchemy as sa

from stock_assets.errors import InvalidRow
from stock_assets.storage.findings import read_findings, replace_findings
from stock_assets.storage.schema import findings
from stock_assets_tests.storage.builders import LATER, MONDAY, NOON, finding, rows_of, weekdays

FIRST, SECOND, THIRD = weekdays(3)
COLUMNS = list(finding("kor", FIRST))


def replace(
    engine: sa.Engine,
    days: list[dt.date],
    rows: list[dict[str, object]],
    now: dt.datetime = NOON,
    run_id: str = "run",
) -> None:
    with engine.begin() as connection:
        frame = pd.DataFrame(rows, columns=COLUMNS)
        replace_findings(
            connection, days, frame, instruments=("jp", "kor", "us"), run_id=run_id, found_at=now
        )


def release(engine: sa.Engine, instrument: str) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.update(findings)
            .where(findings.c.instrument == instrument)
            .values(released_by="김민수", released_at=NOON, release_reason="확인함")
        )


def stored(engine: sa.Engine) -> list[tuple[str, dt.date, str, dt.datetime, str]]:
    with engine.begin() as connection:
        frame = read_findings(connection, FIRST, THIRD)
    return [
        (row["instrument"], row["session"].date(), row["kind"], row["found_at"], row["run_id"])
        for row in frame.to_dict("records")
    ]


def test_exactly_the_days_given_lose_what_is_not_found_again(database: sa.Engine) -> None:
    replace(database, [FIRST, SECOND, THIRD], [finding("kor", day) for day in (FIRST, SECOND, THIRD)])
    replace(database, [THIRD, FIRST], [finding("us", THIRD)], LATER, "again")
    assert stored(database) == [
        ("kor", SECOND, "jump", NOON, "run"),
        ("us", THIRD, "jump", LATER, "again"),
    ]


def test_a_finding_that_stays_keeps_its_first_time(database: sa.Engine) -> None:
    replace(database, [FIRST], [finding("kor", FIRST)])
    again = [finding("kor", FIRST, detail="다시 발견됨", severity="held", value=None), finding("jp", FIRST)]
    replace(database, [FIRST], again, LATER, "again")
    assert stored(database) == [
        ("jp", FIRST, "jump", LATER, "again"),
        ("kor", FIRST, "jump", NOON, "again"),
    ]
    with database.begin() as connection:
        row = read_findings(connection, FIRST, FIRST).iloc[1]
    assert (row["severity"], row["detail"]) == ("held", "다시 발견됨")
    assert pd.isna(row["value"])


@pytest.mark.parametrize("found_again", [False, True])
def test_a_released_finding_is_left_untouched(database: sa.Engine, found_again: bool) -> None:
    replace(database, [FIRST], [finding("kor", FIRST, severity="held"), finding("us", FIRST)])
    release(database, "kor")
    (before,) = [row for row in rows_of(database, findings) if row[0] == "kor"]
    again = [finding("kor", FIRST, severity="held", detail="another")] if found_again else []
    replace(database, [FIRST], again, LATER, "again")
    assert rows_of(database, findings) == [before]


def test_a_finding_moves_with_its_bar_to_another_day(database: sa.Engine) -> None:
    replace(database, [FIRST], [finding("kor", FIRST)])
    replace(database, [SECOND], [finding("kor", FIRST, trading_day=SECOND)], LATER)
    assert [(row[1], row[3]) for row in rows_of(database, findings)] == [(FIRST, SECOND)]


def test_a_finding_of_another_day_is_refused(database: sa.Engine) -> None:
    with pytest.raises(InvalidRow, match="trading_day 2022-10-04 is none of the 1 that"):
        replace(database, [MONDAY], [finding("kor", SECOND)])


def test_kinds_on_one_bar_are_apart(database: sa.Engine) -> None:
    replace(database, [FIRST], [finding("kor", FIRST, kind) for kind in ("stale_repeat", "jump")])
    assert [row[2] for row in stored(database)] == ["jump", "stale_repeat"]


def test_other_instruments_keep_their_findings(database: sa.Engine) -> None:
    replace(database, [FIRST], [finding("kor", FIRST), finding("us", FIRST)])
    nothing = pd.DataFrame(columns=COLUMNS)
    with database.begin() as connection:
        replace_findings(connection, [FIRST], nothing, instruments=["us"], run_id="again", found_at=LATER)
    assert [row[0] for row in stored(database)] == ["kor"]


def test_a_finding_of_another_instrument_is_refused(database: sa.Engine) -> None:
    found = pd.DataFrame([finding("kor", FIRST)])
    with (
        pytest.raises(InvalidRow, match="instrument kor is none of the 1 that are written"),
        database.begin() as connection,
    ):
        replace_findings(connection, [FIRST], found, instruments=["us"], run_id="run", found_at=NOON)
