"""Partitions of universes without an end: they grow by time alone, and none is ever taken back."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import pytest

from stock_assets.defs.calendar_check import CALENDARS_REACH, calendar_check
from stock_assets.defs.partitions import cutoff_partitions, daily_partitions
from stock_assets.past_days import PAST_DAYS_FILE
from stock_assets.pipeline.deployment import Deployment, open_deployment
from stock_assets.session_overrides import OVERRIDES_FILE
from stock_assets.settings import Settings
from stock_assets_tests.made_up import CONFIG_DIR
from stock_assets_tests.worlds import environment

#: A Thursday.
NOW = datetime(2026, 12, 17, 6, tzinfo=UTC)
START = date(2026, 1, 5)
Live = Callable[..., "Universe"]


class Universe:
    """The made-up universe without an end, on exchanges of the test's choice; it has no prices."""

    def __init__(self, folder: Path, exchanges: tuple[str, str, str]) -> None:
        shutil.copytree(CONFIG_DIR, folder / "configs")
        self.folder = folder
        self.settings = Settings.from_environment(environment(folder))
        self.configure("end: 2021-03-31", "")
        self.configure("start: 2020-12-28", f"start: {START}")
        for number, old in enumerate(("XTKS", "XLON", "XNYS")):
            self.configure(f"exchange: {old}", f"exchange: {{{number}}}")
        for number, new in enumerate(exchanges):
            self.configure(f"exchange: {{{number}}}", f"exchange: {new}")

    def configure(self, old: str, new: str) -> None:
        path = self.settings.universe_dir / "universe.yaml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def override(self, day: date, session: str, *exchanges: str) -> None:
        with (self.settings.config_dir / OVERRIDES_FILE).open("a", encoding="utf-8") as file:
            file.writelines(f"{day},{exchange},{session},made up for this test\n" for exchange in exchanges)

    def open(self, now: datetime = NOW) -> Deployment:
        return open_deployment(self.settings, now)

    def keys(self, now: datetime = NOW) -> list[date]:
        """The keys of a code server that has started at this moment."""
        return keys(daily_partitions(self.open(now)), now)


def keys(partitions: dg.TimeWindowPartitionsDefinition, now: datetime) -> list[date]:
    return [date.fromisoformat(key) for key in partitions.get_partition_keys(current_time=now)]


def ends_shown(result: dg.AssetCheckResult) -> list[object]:
    table = result.metadata["calendars that end"]
    assert isinstance(table, dg.TableMetadataValue)
    return [record.data for record in table.records]


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tables of all tests come from, each built once."""
    return tmp_path_factory.mktemp("tables")


@pytest.fixture
def live(tables: Path, tmp_path: Path) -> Live:
    def install(*exchanges: str) -> Universe:
        universe = Universe(tmp_path / "universe", exchanges)  # pyright: ignore[reportArgumentType]
        missing = [name for name in exchanges if not (tables / f"{name}.json").exists()]
        shutil.copytree(tables, universe.settings.calendar_dir)
        if missing:
            universe.open()
            for name in missing:
                shutil.copy(universe.settings.calendar_dir / f"{name}.json", tables)
            (universe.settings.calendar_dir / PAST_DAYS_FILE).unlink()
        return universe

    return install


WEST = ("COMEX", "XLON", "XNYS")


def test_days_appear_without_reloading(live: Live) -> None:
    deployment = live(*WEST).open()
    partitions, cutoffs = daily_partitions(deployment), cutoff_partitions(deployment)
    assert partitions.end is None
    exchanges = [deployment.calendars[name] for name in WEST]
    # A code server that started in December answers in October still.
    for days in (0, 1, 4, 7, 14, 21, 300):
        now = NOW + timedelta(days=days)
        weekdays = (START + timedelta(days=number) for number in range((now.date() - START).days))
        expected = [
            day
            for day in weekdays
            if day.weekday() < 5 and any(calendar.is_session(day) for calendar in exchanges)
        ]
        assert keys(partitions, now) == expected
        assert [day for day in deployment.partition_days if midnight(day) < midnight(now.date())] == expected
        fired = [day for day in keys(cutoffs, now) if day >= START]
        assert fired == [
            date(2026 + number // 12, number % 12 + 1, day)
            for number in range(24)
            for day in (1, 15)
            if START <= date(2026 + number // 12, number % 12 + 1, day) <= now.date()
        ]
    assert keys(cutoffs, NOW)[0] == date(2026, 1, 1)


@pytest.mark.parametrize(
    ("now", "last"),
    [
        (midnight(date(2026, 12, 24)), date(2026, 12, 23)),
        (midnight(date(2026, 12, 25)) - timedelta(seconds=1), date(2026, 12, 23)),
        (midnight(date(2026, 12, 25)), date(2026, 12, 24)),  # half a session in London and New York
        (midnight(date(2026, 12, 26)), date(2026, 12, 24)),  # Christmas
        (midnight(date(2026, 12, 28)), date(2026, 12, 24)),
        (midnight(date(2026, 12, 29)), date(2026, 12, 28)),  # London is closed, New York is not
        (midnight(date(2027, 1, 1)), date(2026, 12, 31)),
        (midnight(date(2027, 1, 4)), date(2026, 12, 31)),  # New Year was a Friday
        (midnight(date(2027, 1, 5)), date(2027, 1, 4)),
    ],
)
def test_the_last_key_is_the_last_trading_day_that_is_over(live: Live, now: datetime, last: date) -> None:
    universe = live(*WEST)
    assert universe.keys(now)[-1] == last
    assert keys(daily_partitions(universe.open()), now)[-1] == last


@pytest.mark.parametrize("days_before", [14, 0, -1, -32])
def test_new_year_at_the_end_of_a_calendar(live: Live, days_before: int) -> None:
    """XBOM's ends with a year, until a version of the package comes that knows the next one."""
    universe = live("XBOM", "FX", "USGOV")
    known_until = universe.open().calendars["XBOM"].known_until
    assert (known_until.month, known_until.day) == (12, 31)
    deployment = universe.open(midnight(known_until - timedelta(days=days_before)))
    partitions = daily_partitions(deployment)
    for day in (known_until + timedelta(days=number) for number in range(-3, 12)):
        over = [one for one in deployment.partition_days if one <= day]
        assert keys(partitions, midnight(day + timedelta(days=1))) == over
    # A guess: Mumbai trades on New Year's Day, if it is a weekday.
    new_year = known_until + timedelta(days=1)
    assert (new_year in deployment.partition_days) == (new_year.weekday() < 5)
    ends = deployment.calendar_ends(known_until - timedelta(days=59))
    assert [(end.exchange, end.known_until) for end in ends] == [("XBOM", known_until)]
    assert deployment.calendar_ends(known_until - timedelta(days=60)) == []


def test_the_check_tells_which_calendar_ends(live: Live) -> None:
    deployment = live("XBOM", "FX", "USGOV").open()
    known_until = deployment.calendars["XBOM"].known_until
    early = calendar_check(deployment, known_until - timedelta(days=100))
    assert (early.check_name, early.passed, ends_shown(early)) == (CALENDARS_REACH, True, [])
    late = calendar_check(deployment, known_until - timedelta(days=10))
    assert (late.passed, late.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert ends_shown(late) == [{"exchange": "XBOM", "known until": str(known_until)}]
    assert "install a newer version of exchange_calendars" in str(late.metadata["what to do"].value)


CLOSED = date(2026, 3, 17)


def test_a_later_closure_takes_no_key_back(live: Live) -> None:
    universe = live(*WEST)
    before = universe.keys()
    assert CLOSED in before
    universe.override(CLOSED, "closed", *WEST)
    assert universe.keys() == before
    universe.override(date(2026, 6, 9), "closed", *WEST)
    deployment = universe.open()
    assert keys(daily_partitions(deployment), NOW) == before
    assert not any(calendar.is_session(CLOSED) for calendar in deployment.calendars.values())
    assert {CLOSED, date(2026, 6, 9)} <= set(deployment.history_days)
    assert set(deployment.partition_days) <= set(deployment.history_days)


def test_a_closure_that_was_known_before_the_day_was_over_is_no_key(live: Live) -> None:
    universe = live(*WEST)
    eve = midnight(CLOSED) + timedelta(hours=23)
    assert CLOSED in universe.open(eve).partition_days
    universe.override(CLOSED, "closed", *WEST)
    assert CLOSED not in universe.keys(eve)
    assert CLOSED not in universe.keys()


def test_a_day_is_kept_from_its_decision_time_on(live: Live) -> None:
    universe = live(*WEST)
    universe.open(midnight(CLOSED + timedelta(days=1)))
    universe.override(CLOSED, "closed", *WEST)
    assert CLOSED in universe.keys()


def test_another_package_takes_no_key_back(live: Live) -> None:
    """Whatever the tables say by now."""
    universe = live("FX", "COMEX", "USGOV")
    before = universe.keys()
    day = date(2026, 5, 6)
    for name in ("FX", "COMEX", "USGOV"):
        path = universe.settings.calendar_dir / f"{name}.json"
        text = path.read_text(encoding="utf-8")
        start = text.index(f'["{day}",')
        path.write_text(text[:start] + text[text.index("[", start + 1) :], encoding="utf-8")
    deployment = universe.open()
    assert not any(calendar.is_session(day) for calendar in deployment.calendars.values())
    assert keys(daily_partitions(deployment), NOW) == before


def test_a_later_session_adds_a_key(live: Live) -> None:
    universe = live(*WEST)
    before = universe.keys()
    good_friday = date(2026, 4, 3)
    assert good_friday not in before
    universe.override(good_friday, "open", "COMEX")
    assert universe.keys() == sorted([*before, good_friday])


def test_days_before_the_first_key_are_kept_too(live: Live) -> None:
    """Bars of the history that belong to such a day would otherwise belong to another one."""
    universe = live(*WEST)
    before = universe.open().history_days
    universe.override(date(2019, 6, 12), "closed", *WEST)
    assert universe.open().history_days.days == before.days


def test_a_clock_that_was_wrong_leaves_no_days_of_the_future(live: Live) -> None:
    universe = live(*WEST)
    universe.open(NOW + timedelta(days=90))
    later = date(2027, 2, 9)
    universe.override(later, "closed", *WEST)
    assert later not in universe.open().partition_days


@pytest.mark.parametrize(
    ("old", "new", "first", "last"),
    [
        (f"start: {START}", "start: 2026-02-02", date(2026, 2, 2), date(2026, 12, 16)),
        (f"start: {START}", f"start: {START}\nend: 2026-03-31", START, date(2026, 3, 31)),
    ],
)
def test_the_configuration_bounds_what_is_kept(
    live: Live, old: str, new: str, first: date, last: date
) -> None:
    universe = live(*WEST)
    before = universe.keys()
    universe.configure(old, new)
    assert universe.keys() == [day for day in before if first <= day <= last]


def test_an_exchange_that_goes_leaves_its_days(live: Live) -> None:
    universe = live(*WEST)
    boxing_day = date(2026, 12, 28)
    now = midnight(date(2027, 1, 5))
    before = universe.keys(now)
    assert boxing_day in before
    universe.configure("exchange: XNYS", "exchange: XLON")
    universe.configure("exchange: COMEX", "exchange: XLON")
    deployment = universe.open(now)
    assert set(deployment.calendars) == {"XLON"}
    assert not deployment.calendars["XLON"].is_session(boxing_day)
    assert keys(daily_partitions(deployment), now) == before


def test_a_damaged_file_is_made_again(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    universe = live(*WEST)
    before = universe.keys()
    path = universe.settings.calendar_dir / PAST_DAYS_FILE
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert universe.keys() == before
    assert f"{path} cannot be read" in caplog.text
    assert path.read_bytes() == content


def test_opening_again_writes_nothing(live: Live) -> None:
    universe = live(*WEST)
    universe.open()
    path = universe.settings.calendar_dir / PAST_DAYS_FILE
    before = path.stat()
    universe.open()
    universe.open(NOW - timedelta(days=30))
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_state_folder_that_cannot_be_written_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    universe = Universe(tmp_path / "universe", ("FX", "COMEX", "USGOV"))
    universe.settings.state_dir.mkdir(parents=True)
    universe.settings.calendar_dir.touch()
    assert universe.keys()[-1] == date(2026, 12, 16)
    assert "The trading days that are over cannot be kept" in caplog.text
    assert "The calendar of USGOV is built anew by every process" in caplog.text
