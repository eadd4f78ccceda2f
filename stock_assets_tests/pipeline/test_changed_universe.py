"""After another configuration, what was computed under the old one is neither used nor left standing."""

from datetime import date, timedelta

from stock_assets_tests.made_up import LONDON_CLOSED
from stock_assets_tests.worlds import FIRST_CUTOFF, LAST_CUTOFF, NOW, World

NEW_INSTRUMENT = """  - id: eu_fund
    name: Another fund in London
    exchange: XLON
    currency: EUR
    return_kind: total
    sources: [{source: csv, symbol: EUF}]
  - id: us10y
"""


def since_first_cutoff(world: World) -> tuple[date, ...]:
    return world.between(FIRST_CUTOFF, world.days[-1])


def test_a_new_instrument_is_loaded_trained_and_held(up_to_date: World) -> None:
    prices = up_to_date.deployment.config.folder / "prices"
    (prices / "EUF.csv").write_text((prices / "FUND.csv").read_text())
    world = up_to_date.configured("universe.yaml", "  - id: us10y\n", NEW_INSTRUMENT)
    plan = world.plan()
    assert plan.history == ("eu_fund",)
    # London was closed on two of the trading days.
    closed = (date(2020, 12, 28), LONDON_CLOSED)
    assert sum(plan.price_runs, ()) == tuple(day for day in world.days if day not in closed)
    assert [(one.cutoff, one.instruments, one.sharpe_net) for one in plan.trainings] == [
        (FIRST_CUTOFF, ("eu_fund",), True),
        (LAST_CUTOFF, ("eu_fund",), True),
    ]
    assert sum(plan.daily_runs, ()) == since_first_cutoff(world)
    world.carry_out(plan)
    assert world.plan().is_empty
    for model in ("alpha", "black_litterman", "sharpe_net"):
        held = {row["instrument"] for row in world.rows("portfolio_weights", model=model)}
        assert held == set(world.instruments), model


def test_an_instrument_that_is_gone_is_held_no_more(up_to_date: World) -> None:
    text = (up_to_date.deployment.config.folder / "universe.yaml").read_text()
    gone = text[text.index("  - id: uk_fund") : text.index("  - id: gold")]
    world = up_to_date.configured("universe.yaml", gone, "")
    plan = world.plan()
    assert (plan.history, plan.price_runs) == ((), ())
    assert [(one.cutoff, one.instruments, one.sharpe_net) for one in plan.trainings] == [
        (FIRST_CUTOFF, (), True),
        (LAST_CUTOFF, (), True),
    ]
    assert sum(plan.daily_runs, ()) == since_first_cutoff(world)
    world.carry_out(plan)
    assert world.plan().is_empty
    days = since_first_cutoff(world)
    assert "uk_fund" not in {row["instrument"] for row in world.rows("portfolio_weights", days[0])}


def test_the_sharpe_net_of_other_instruments_is_not_used(up_to_date: World) -> None:
    text = (up_to_date.deployment.config.folder / "universe.yaml").read_text()
    gone = text[text.index("  - id: uk_fund") : text.index("  - id: gold")]
    world = up_to_date.configured("universe.yaml", gone, "")
    day = date(2021, 3, 31)
    world.weigh([day], ["sharpe_net"])
    (outcome,) = world.rows("outcomes", day, day, asset="portfolio_weights/sharpe_net")
    assert outcome["status"] == "no_model"
    assert not world.rows("portfolio_weights", day, day, model="sharpe_net")


def test_networks_over_another_horizon_are_refused(world: World) -> None:
    """A return over 5 sessions is no return over 6, and would be divided by the wrong number."""
    day = date(2021, 3, 31)
    changed = world.configured("stage1.yaml", "horizon: 5", "horizon: 6")
    changed.weigh([day], ["alpha"])
    (outcome,) = changed.rows("outcomes", day, day, asset="portfolio_weights/alpha")
    assert outcome["status"] == "refused"
    assert "does not predict over the 6 sessions of stage1.yaml" in outcome["reason"]
    changed.predict([day])
    assert not changed.rows("stage1_predictions", day, day)
    outcomes = changed.rows("outcomes", day, day)
    refused = [row for row in outcomes if row["asset"].startswith("stage1_prediction/")]
    assert {row["status"] for row in refused} == {"refused"}
    assert all("train the cutoff 2021-03-01 again" in row["reason"] for row in refused)
    changed.train(date(2021, 3, 1), now=NOW + timedelta(hours=1))
    changed.predict([day])
    changed.weigh([day], ["alpha"])
    (outcome,) = changed.rows("outcomes", day, day, asset="portfolio_weights/alpha")
    assert outcome["status"] == "published"
