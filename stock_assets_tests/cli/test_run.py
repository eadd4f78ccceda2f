"""``stock-assets run``: progress, the table of weights, and nothing to do the second time."""

import re
from itertools import pairwise

from sqlalchemy import make_url

from stock_assets_tests import databases
from stock_assets_tests.commands import Ended, Workplace

INSTRUMENTS = ("jp_index", "jp_stock", "uk_fund", "gold", "us_index", "us10y")
SAFE = ("gold", "us10y")
MODELS = ("alpha", "black_litterman", "sharpe_net")
LAST_DAY, CUTOFF = "2021-03-31", "2021-03-15"
FirstRun = tuple[Workplace, Ended]


def table_rows(text: str) -> dict[str, list[str]]:
    """The rows of the table of weights, by instrument without its star."""
    rows = [line.split() for line in text.splitlines()]
    known = {*INSTRUMENTS, "basis"}
    return {row[0].rstrip("*"): row[1:] for row in rows if row and row[0].rstrip("*") in known}


def test_the_first_run_shows_what_it_does(first_run: FirstRun) -> None:
    out = first_run[1].out
    titles = re.findall(r"^\[(\d)/5\] (.*)$", out, re.MULTILINE)
    assert titles == [
        ("1", "price history"),
        ("2", "close prices of 4 trading days, 2020-12-28 to 2020-12-31"),
        ("3", "close prices of 63 trading days, 2021-01-04 to 2021-03-31"),
        ("4", f"training 7 networks for the cutoff {CUTOFF}"),
        ("5", f"predictions and weights of 13 trading days, {CUTOFF} to {LAST_DAY}"),
    ]
    done = re.findall(r"^ +done (\S+) +\d+\.\d s +\d+ s in all$", out, re.MULTILINE)
    assert sorted(done) == sorted(
        ["price_history", "sharpe_net_model", "stage1_predictions"]
        + 2 * ["close_prices", "close_prices_days_are_fresh"]
        + [f"stage1_model/{name}" for name in INSTRUMENTS]
        + [f"portfolio_weights/{model}" for model in MODELS]
    )


def test_the_table_holds_every_portfolio_of_the_last_day(first_run: FirstRun) -> None:
    workplace, ended = first_run
    rows = table_rows(ended.out)
    assert tuple(rows) == (*INSTRUMENTS, "basis")
    stored = workplace.query(
        "SELECT instrument, weight FROM portfolio_weights "
        f"WHERE date = '{LAST_DAY}' ORDER BY model, profile = 'aggressive'"
    )
    for name in INSTRUMENTS:
        assert rows[name][1:] == [
            f"{100 * weight:.1f}" for instrument, weight in stored if instrument == name
        ]
        ((predicted,),) = workplace.query(
            "SELECT predicted_return FROM stage1_predictions "
            f"WHERE date = '{LAST_DAY}' AND instrument = '{name}'"
        )
        assert rows[name][0] == f"{100 * predicted:+.2f}"
    assert len(stored) == 6 * len(INSTRUMENTS)
    for column in range(1, 7):
        assert abs(sum(float(rows[name][column]) for name in INSTRUMENTS) - 100) < 0.5


def test_the_table_says_date_basis_cutoffs_and_safe_instruments(first_run: FirstRun) -> None:
    workplace, ended = first_run
    assert f"made_up: portfolio weights of {LAST_DAY}, in %" in ended.out
    assert f"Stage1 networks: cutoff {CUTOFF}." in ended.out
    assert f"Sharpe net: cutoff {CUTOFF}." in ended.out
    bases = workplace.query(f"SELECT DISTINCT basis FROM portfolio_weights WHERE date = '{LAST_DAY}'")
    assert bases == [("model",)]
    assert table_rows(ended.out)["basis"] == ["model"] * 6
    assert {name for name in INSTRUMENTS if f"{name}*" in ended.out} == set(SAFE)


def test_everything_can_be_read_in_80_columns(first_run: FirstRun) -> None:
    lines = first_run[1].out.splitlines()
    table = lines[: next(i for i, line in enumerate(lines) if line.startswith("Done in "))]
    assert max(len(line) for line in table) <= 80
    assert "…" not in first_run[1].out
    models, profiles = next(pair for pair in pairwise(table) if "instrument" in pair[1])
    assert models.split() == ["alpha", "alpha", "Black-L.", "Black-L.", "Sharpe", "Sharpe"]
    assert profiles.split() == ["instrument", "predicted", *["stable", "aggr."] * 3]


def test_it_says_where_to_look_next(first_run: FirstRun) -> None:
    workplace, ended = first_run
    assert "make ui UNIVERSE=made_up\n" in ended.out
    assert f"make backfill FROM=2021-03-01 TO={LAST_DAY} UNIVERSE=made_up\n" in ended.out
    url = databases.database_url(workplace.folder) or f"sqlite:///{workplace.state / 'stock_assets.db'}"
    assert f"  {make_url(url).render_as_string()}\n" in ended.out  # without the password


def test_run_again_finds_nothing_to_do(finished: Workplace, first_run: FirstRun) -> None:
    before, runs = finished.world.contents(), finished.dagster_runs()
    again = finished.run("run")
    assert (again.status, again.err) == (0, "")
    assert again.out.startswith("made_up is up to date: there is nothing to do.\n")
    assert table_rows(again.out) == table_rows(first_run[1].out)
    assert finished.world.contents() == before
    assert finished.dagster_runs() == runs
    assert len(runs) == 5 and {status for _, status in runs} == {"SUCCESS"}


def test_weights_prints_the_table_alone(first_run: FirstRun) -> None:
    workplace, ended = first_run
    weights = workplace.run("weights")
    assert (weights.status, weights.err) == (0, "")
    start, end = ended.out.index("made_up: portfolio weights"), ended.out.index("Done in ")
    assert weights.out.strip() == ended.out[start:end].strip()


def test_weights_before_any_were_published_is_a_sentence(workplace: Workplace) -> None:
    unprepared = workplace.run("weights")
    assert unprepared.fails_with_one_sentence() == (
        f"{workplace.state} has not been prepared; run `stock-assets init`."
    )
    assert workplace.run("init").status == 0
    prepared = workplace.run("weights")
    assert prepared.status == 0
    assert " ".join(prepared.out.split()) == (
        "No weights of made_up have been published yet; `make run` does that."
    )


def test_a_terminal_shows_what_is_running_how_far_and_how_long(finished: Workplace) -> None:
    shown = finished.run_in_terminal("backfill", "--from", LAST_DAY, "--to", LAST_DAY)
    assert re.search(r"all daily assets of 2021-03-31: \w+\S* .*\d/5 0:\d\d:\d\d", shown)
    assert re.search(r"all daily assets of 2021-03-31 .*5/5 0:0\d:\d\d", shown)
