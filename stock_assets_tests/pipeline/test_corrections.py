"""A corrected close becomes a revision that later days read; what was known before can be read back."""

from datetime import date, timedelta

import pytest

from stock_assets.pipeline.corrections import Correction
from stock_assets.pipeline.histories import market_view
from stock_assets.storage.engine import read_transaction
from stock_assets.storage.prices import read_bars
from stock_assets_tests.worlds import CUTOFFS, FIRST_NOW, NOW, PriceRow, World

LATER = NOW + timedelta(days=1)
LAST = date(2021, 3, 31)
CORRECTED = date(2021, 3, 29)


def close_of(world: World, instrument: str, session: date, **kwargs) -> tuple[float, int]:
    with read_transaction(world.engine) as connection:
        bars = read_bars(connection, instruments=[instrument], **kwargs)
    (row,) = bars[bars["session"] == str(session)].to_dict("records")
    return row["close"], row["revision"]


def test_a_later_day_reads_a_correction_and_what_was_known_stays(world: World) -> None:
    before = close_of(world, "us_index", CORRECTED)
    world.scale_bar("us_index", CORRECTED, 1.02)
    report = world.load_days([LAST], LATER, "a correction")
    assert close_of(world, "us_index", CORRECTED) == (pytest.approx(before[0] * 1.02, abs=1e-4), 1)
    assert close_of(world, "us_index", CORRECTED, as_of=NOW) == before == (before[0], 0)
    assert report.stored.added == 0
    (revised,) = report.stored.revised.to_dict("records")
    assert (revised["instrument"], revised["session"].date()) == ("us_index", CORRECTED)
    assert revised["trading_day"].date() == CORRECTED
    rows = world.rows("price_bars", instrument="us_index", session=CORRECTED)
    assert [row["run_id"] for row in rows] == ["a run", "a correction"]


def test_the_first_loads_own_state_can_be_read_back(finished_world: World) -> None:
    old, revision = close_of(finished_world, "jp_index", date(2021, 2, 5), as_of=FIRST_NOW)
    new, newer = close_of(finished_world, "jp_index", date(2021, 2, 5))
    assert (revision, newer) == (0, 1)
    assert new == pytest.approx(old * 1.01, abs=1e-4)
    with read_transaction(finished_world.engine) as connection:
        assert read_bars(connection, as_of=FIRST_NOW)["trading_day"].max().date() == date(2021, 2, 10)


def test_a_correction_that_no_day_reads_again_changes_nothing(world: World) -> None:
    before = world.contents()["price_bars"]
    world.scale_bar("us_index", date(2021, 3, 1), 1.02)
    world.load_days([LAST], LATER)
    assert world.contents()["price_bars"] == before


def test_computing_again_after_a_correction_changes_what_saw_it_and_nothing_else(world: World) -> None:
    before = {key: world.contents(without=("computed_at", "run_id"))[key] for key in ("stage1_predictions",)}
    world.scale_bar("us_index", CORRECTED, 1.02)
    world.load_days([LAST], LATER)
    world.predict(world.days, now=LATER)
    world.weigh(world.between(date(2021, 3, 24), LAST), now=LATER)
    after = world.contents(without=("computed_at", "run_id"))["stage1_predictions"]
    rows = world.rows("stage1_predictions")
    changed = {
        (row["date"], row["instrument"])
        for row, old, new in zip(rows, before["stage1_predictions"], after, strict=True)
        if old != new
    }
    saw_it = (CORRECTED, date(2021, 3, 30), LAST)
    # jp_index has us_index as a covariate; the others do not look at it.
    assert changed == {(day, name) for day in saw_it for name in ("us_index", "jp_index")}


def test_weights_follow_a_correction(world: World) -> None:
    days = world.between(date(2021, 3, 24), LAST)
    before = world.rows("portfolio_weights", days[0], days[-1])
    world.scale_bar("us_index", CORRECTED, 1.02)
    world.load_days([LAST], LATER)
    world.predict(days, now=LATER)
    world.weigh(days, now=LATER)
    changed = {
        (new["date"], new["model"])
        for old, new in zip(before, world.rows("portfolio_weights", days[0], days[-1]), strict=True)
        if old["weight"] != new["weight"]
    }
    assert {day for day, _ in changed} == {CORRECTED, date(2021, 3, 30), LAST}
    assert {model for _, model in changed} == {"alpha", "black_litterman", "sharpe_net"}


def test_a_day_is_judged_by_the_corrected_close_before_it(priced_world: World, tmp_path) -> None:
    world = priced_world.copy(tmp_path / "world")
    day, next_day = date(2021, 3, 9), date(2021, 3, 10)
    world.forget_prices(day)
    world.scale_bar("us_index", day, 1.5)
    world.load_days([day])
    assert [row["kind"] for row in world.rows("findings", first=day)] == ["jump"]
    world.scale_bar("us_index", day, 1 / 1.5)
    world.load_days([next_day], LATER)
    assert not world.rows("findings", first=next_day)


def test_a_bar_that_comes_late_completes_its_day(world: World) -> None:
    day, session = date(2021, 2, 12), "2021-02-12"
    assert [row["state"] for row in world.rows("days", day, day)] == ["partial"]

    def came_late(rows: list[PriceRow]) -> list[PriceRow]:
        (before,) = (row for row in rows if row[0] == "2021-02-11")
        return sorted([*rows, [session, *before[1:]]])

    world.edit_prices("uk_fund", came_late)
    world.load_days([day], LATER)
    (state,) = world.rows("days", day, day)
    assert (state["state"], state["completed_at"]) == ("complete", LATER)
    assert not world.rows("findings", day, day)
    world.predict([day], now=LATER)
    (row,) = world.rows("stage1_predictions", day, day, instrument="uk_fund")
    assert row["as_of_session"] == day
    (outcome,) = world.rows("outcomes", day, day, asset="stage1_prediction/uk_fund")
    assert "lags" not in outcome["reason"]


def test_a_correction_reopens_its_day_and_the_next_until_they_are_judged_again(up_to_date: World) -> None:
    """A correction may be a mistake itself, which the checks are to say: those of the next bar, too."""
    assert up_to_date.plan().is_empty
    up_to_date.scale_bar("us_index", CORRECTED, 3)
    up_to_date.load_days([LAST], LATER)
    assert not up_to_date.rows("findings", CORRECTED)
    plan = up_to_date.plan()
    next_day = date(2021, 3, 30)
    assert plan.price_runs == ((CORRECTED, next_day),)
    up_to_date.load_days([CORRECTED], LATER + timedelta(hours=1), only_missing=True)
    assert [row["kind"] for row in up_to_date.rows("findings", CORRECTED, CORRECTED)] == ["jump"]
    assert up_to_date.plan().price_runs == ((next_day,),)
    up_to_date.load_days([next_day], LATER + timedelta(hours=2), only_missing=True)
    (denied,) = up_to_date.rows("findings", next_day, next_day)
    assert (denied["session"], denied["kind"]) == (CORRECTED, "jump_denied_by_next_bar")
    assert not up_to_date.plan().price_runs


def test_a_bar_that_the_source_has_lost_is_not_asked_for_for_ever(up_to_date: World) -> None:
    up_to_date.remove_bars("us_index", CORRECTED)
    up_to_date.load_days([CORRECTED], LATER)
    assert [row["kind"] for row in up_to_date.rows("findings", CORRECTED, CORRECTED)] == ["missing_session"]
    (state,) = up_to_date.rows("days", CORRECTED, CORRECTED)
    assert state["state"] == "complete", "what was stored once is there"
    assert up_to_date.plan().is_empty


# What had used a bar that is corrected.


def corrected(world: World, instrument: str, session: date = CORRECTED) -> Correction:
    world.scale_bar(instrument, session, 1.02)
    report = world.load_days(world.between(session, LAST), LATER)
    (correction,) = report.corrections
    return correction


def test_a_correction_names_the_days_and_networks_that_had_used_the_old_close(world: World) -> None:
    before = close_of(world, "us_index", date(2021, 2, 26))[0]
    correction = corrected(world, "us_index", date(2021, 2, 26))
    days = world.between(date(2021, 2, 26), LAST)
    assert (correction.days, correction.first_day, correction.last_day) == (len(days), days[0], days[-1])
    # It is a covariate of jp_index. The networks of the first cutoff could not know it.
    assert correction.models == (
        "sharpe_net_model of 2021-03-01",
        "stage1_model/jp_index of 2021-03-01",
        "stage1_model/us_index of 2021-03-01",
    )
    assert (correction.instrument, correction.session) == ("us_index", date(2021, 2, 26))
    assert (correction.trading_day, correction.revision) == (date(2021, 2, 26), 1)
    assert (correction.old_close, correction.new_close) == (before, pytest.approx(before * 1.02, abs=1e-4))
    assert close_of(world, "us_index", date(2021, 2, 26), as_of=NOW) == (before, 0)


def test_a_network_knows_nothing_of_its_cutoffs_own_day(world: World) -> None:
    before, own = date(2021, 2, 26), CUTOFFS[1]
    for session in (before, own):
        world.scale_bar("uk_fund", session, 1.02)
    corrections = world.load_days(world.between(before, LAST), LATER).corrections
    assert [(one.session, len(one.models)) for one in corrections] == [(before, 2), (own, 0)]
    assert [one.first_day for one in corrections] == [before, own]


def test_what_was_computed_since_had_not_used_the_old_close(world: World) -> None:
    """Computed again at the moment of the correction or later, it has used the new one."""
    world.predict(world.between(date(2021, 3, 30), LAST), now=LATER)
    world.weigh(world.between(date(2021, 3, 30), LAST), now=LATER)
    world.train(CUTOFFS[1], ["uk_fund"], sharpe_net=False, now=LATER)
    correction = corrected(world, "uk_fund", date(2021, 2, 26))
    assert (correction.first_day, correction.last_day) == (date(2021, 2, 26), CORRECTED)
    assert correction.models == ("sharpe_net_model of 2021-03-01",)


def test_a_bar_that_nobody_had_used_yet_says_so(unpredicted: World) -> None:
    correction = corrected(unpredicted, "gold")
    assert (correction.days, correction.first_day, correction.last_day) == (0, None, None)


def test_a_dividend_that_comes_later_is_a_correction(world: World) -> None:
    def paid(rows: list[PriceRow]) -> list[PriceRow]:
        for row in rows:
            if row[0] == str(CORRECTED):
                row[6] = "25"
        return rows

    world.edit_prices("jp_stock", paid)
    (correction,) = world.load_days([LAST], LATER).corrections
    assert (correction.old_dividend, correction.new_dividend) == (0, 25)
    assert correction.old_close == correction.new_close
    assert correction.days == 3
    with read_transaction(world.engine) as connection:
        then = market_view(world.deployment, connection, [LAST]).histories["jp_stock"].level
        was = read_bars(connection, instruments=["jp_stock"], as_of=NOW)
    at = was["session"].tolist().index(was[was["session"] == str(CORRECTED)]["session"].iloc[0])
    closes = was["close"].to_numpy()
    assert then[at] / then[at - 1] == pytest.approx((closes[at] + 25) / closes[at - 1])
