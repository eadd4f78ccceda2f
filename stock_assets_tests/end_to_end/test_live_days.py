"""Days as a live deployment sees them, one by one and with sessions still open, and later as a range."""

from datetime import UTC, date, datetime, timedelta

from stock_assets.pipeline.releases import accept_bar
from stock_assets.storage.engine import create_engine
from stock_assets.storage.migrate import upgrade
from stock_assets_tests.commands import VOLATILE
from stock_assets_tests.end_to_end.live import Place, closes, found, morning_after, states
from stock_assets_tests.end_to_end.providers import walk_of
from stock_assets_tests.fake_yahoo import ERROR, HTML, NULL_LAST, missing_session, rate_limited, wrong_symbol
from stock_assets_tests.fake_yield_sources import OUTAGE
from stock_assets_tests.worlds import World

#: Around Memorial Day.
FIRST, LAST = date(2025, 5, 20), date(2025, 5, 29)


def test_a_range_gives_what_the_live_deployment_saw_day_by_day(place: Place) -> None:
    place.configure()
    world = place.open()
    engine = create_engine(f"sqlite:///{place.folder / 'fresh.db'}")
    upgrade(engine, place.universe)
    fresh = World(place.folder, world.deployment, engine)
    days = world.between(FIRST, LAST)
    # Somebody looks while New York is open: its bar is there, and not final.
    noon = datetime(2025, 5, 20, 16, tzinfo=UTC)
    place.providers.tell(world.deployment, noon)
    assert set(world.load_days([FIRST], noon).states.days["state"]) == {"waiting"}
    assert FIRST in closes(world, "jp") and FIRST not in closes(world, "us")
    for day in days:
        now = morning_after(day)
        # Tokyo and Seoul have been open for an hour: Yahoo shows bars of theirs that are not final.
        place.providers.tell(world.deployment, now)
        report = world.load_days([day], now, only_missing=True)
        assert set(report.states.days["state"]) == {"complete"}, day
    fresh.load_days(days, morning_after(LAST))
    # The sessions before the first day were read once more every morning, and are stored as well.
    assert fresh.contents(without=VOLATILE) == world.contents(without=VOLATILE)
    assert len(world.rows("price_bars", FIRST, LAST)) > 17 * len(days) - 12


def test_failing_providers_cost_their_own_instruments_and_are_healed_by_a_later_run(place: Place) -> None:
    place.configure()
    world = place.open()
    providers, yahoo = place.providers, place.providers.yahoo
    days = world.between(FIRST, LAST)
    now = morning_after(LAST)
    providers.tell(world.deployment, now)
    world.load_days(world.between(date(2025, 5, 2), date(2025, 5, 19)), now)

    spike, middle, old = date(2025, 5, 22), date(2025, 5, 23), date(2025, 5, 14)
    providers.edits = {
        ("GC=F", spike): 1.3 * walk_of(world.deployment, "gold").closes()[spike],
        ("^BSESN", old): 1.01 * walk_of(world.deployment, "ind").closes()[old],
        ("DGS10", spike): 0.1 + walk_of(world.deployment, "us10y").closes()[spike],
    }
    providers.tell(world.deployment, now)
    yahoo.fail("^FTSE", rate_limited(), lasting=True)
    yahoo.fail("^N225", ERROR)
    yahoo.fail("^STOXX50E", HTML, lasting=True)
    yahoo.fail("^IXIC", NULL_LAST, lasting=True)
    yahoo.fail("^TWII", missing_session(middle), lasting=True)
    yahoo.fail("^KS11", wrong_symbol("^KQ11"), lasting=True)
    providers.ecos.fail_always(OUTAGE)
    before = {
        symbol: len(yahoo.charts(symbol)) for symbol in ("^FTSE", "^N225", "^STOXX50E", "^KS11", "^BVSP")
    }
    report = world.load_days(days, now)

    # Rate limits and outages are asked again, a wrong answer is not; the others are stored.
    asked = {symbol: len(yahoo.charts(symbol)) - count for symbol, count in before.items()}
    assert asked == {"^FTSE": 3, "^N225": 2, "^STOXX50E": 3, "^KS11": 1, "^BVSP": 1}
    assert set(report.failures) == {"uk", "euro", "kor", "kor3y", "kor10y"}
    assert {name for name, _ in found(world, "source_failed")} == set(report.failures)
    assert found(world, "missing_session") == {("tw", middle)}
    assert found(world, "invalid_close") == {("us", LAST)}
    assert found(world, "jump_denied_by_next_bar") == {("gold", spike)}
    assert ("us10y", spike) in found(world, "source_disagreement")
    assert [(one.instrument, one.session) for one in report.corrections] == [("ind", old)]
    assert LAST not in closes(world, "us") and middle not in closes(world, "tw")
    assert LAST in closes(world, "jp") and LAST in closes(world, "br")
    assert states(world)[LAST] == "waiting" and states(world)[middle] == "partial"

    # Somebody believes the spike before it is corrected, and takes nothing else back.
    release = accept_bar(world.deployment, world.engine, "gold", spike, by="Kim", why="seen", now=now)
    assert release is not None

    for symbol in ("^FTSE", "^STOXX50E", "^IXIC", "^TWII", "^KS11"):
        yahoo.recover(symbol)
    providers.ecos.fail_always(None)
    providers.edits.clear()
    providers.tell(world.deployment, now)
    for hours in (1, 2):
        world.load_days(
            world.between(date(2025, 5, 2), LAST), now + timedelta(hours=hours), only_missing=True
        )
    assert set(states(world).values()) == {"complete"}
    for kind in ("source_failed", "missing_session", "invalid_close", "source_disagreement"):
        assert found(world, kind) == set(), kind
    for instrument in world.deployment.universe.priced_ids:
        truth = walk_of(world.deployment, instrument).closes()
        stored = closes(world, instrument)
        assert stored == {session: truth[session] for session in stored}, instrument


def test_what_comes_on_a_day_that_the_run_does_not_judge_opens_that_day_again(place: Place) -> None:
    """The run goes over days for which one instrument is owed bars, and reads another's sessions again."""
    place.configure(only=["us", "tw", "kor"])
    world = place.open()
    providers, yahoo = place.providers, place.providers.yahoo
    days, middle, now = world.between(FIRST, LAST), date(2025, 5, 23), morning_after(LAST)
    providers.tell(world.deployment, now)
    yahoo.fail("^TWII", missing_session(middle), lasting=True)
    yahoo.fail("^KS11", ERROR, lasting=True)
    yahoo.fail("^IXIC", NULL_LAST, lasting=True)
    world.load_days(days, now)
    assert states(world)[LAST] == "waiting"
    for symbol in ("^TWII", "^KS11", "^IXIC"):
        yahoo.recover(symbol)
    # What waits needs all of them on the last day; what is owed needs Seoul on all days.
    world.load_days(days, now + timedelta(hours=1), only_missing=True)
    assert middle in closes(world, "tw") and found(world, "missing_session") == {("tw", middle)}
    plan = world.plan(now + timedelta(hours=2))
    assert middle in [day for run in plan.price_runs for day in run]
    # The day of the next bar is open too, whose check alone may deny a bar that came late.
    for run in plan.price_runs:
        world.load_days(run, now + timedelta(hours=2), only_missing=True)
    assert not world.plan(now + timedelta(hours=3)).price_runs
    assert found(world, "missing_session") == set()
    assert set(states(world).values()) == {"complete"}


def test_an_instrument_that_is_added_later_loads_only_what_is_its_own(place: Place) -> None:
    place.configure(only=["us", "kor"])
    world, now = place.open(), morning_after(LAST)
    place.providers.tell(world.deployment, now)
    days = world.between(date(2025, 5, 2), LAST)
    world.load_history(now)
    world.load_days(days, now)
    place.configure(only=["us", "kor", "uk", "kor3y"])
    world = place.open()
    place.providers.tell(world.deployment, now)
    before = place.providers.asked()
    world.load_history(now)
    world.load_days(days, now, only_missing=True)
    assert place.providers.asked(before) == {"yahoo": 2, "ecos": 2}
    assert {request.symbol for request in place.providers.yahoo.charts()[-2:]} == {"^FTSE"}
    before = place.providers.asked()
    world.load_history(now)
    world.load_days(days, now, only_missing=True)
    assert place.providers.asked(before) == {}
