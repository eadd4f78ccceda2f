"""What is wrong is said in sentences: in the configuration, in arguments, in prices and in artefacts."""

from pathlib import Path

import pytest

from stock_assets_tests.commands import Ended, Workplace

FirstRun = tuple[Workplace, Ended]


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("stage1.yaml", "horizon: 5", "horizons: 5", ("stage1.yaml", "horizons")),
        ("universe.yaml", "exchange: XTKS", "exchange: XTOK", ("universe.yaml", "XTOK")),
        ("portfolios.yaml", "min_safe: 0.4", "min_safe: 1.4", ("portfolios.yaml", "min_safe")),
    ],
)
def test_a_broken_configuration_is_sentences_and_nothing_is_made(
    workplace: Workplace, file: str, old: str, new: str, named: tuple[str, ...]
) -> None:
    replace(workplace.configuration / file, old, new)
    sentence = workplace.run("init").fails_with_one_sentence()
    assert all(name in sentence for name in named)
    assert [path.name for path in workplace.state.iterdir()] == ["calendars"]


def test_an_unknown_universe_is_one_sentence(workplace: Workplace) -> None:
    elsewhere = workplace.with_variables(STOCK_ASSETS_UNIVERSE="no_such_one")
    sentence = elsewhere.run("run").fails_with_one_sentence()
    assert "no_such_one" in sentence and sentence.endswith("are made_up.")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("backfill", "--from", "2021-02-30", "--to", "2021-03-02"), "'2021-02-30' is no date"),
        (("backfill", "--from", "", "--to", ""), "'' is no date"),
        (("backfill", "--from", "2021-03-02"), "Missing option '--to'"),
        (("train",), "Missing option '--cutoff'"),
        (("train", "--cutoff", "soon"), "'soon' is no date; write it as 2022-01-03."),
        (("ui", "--port", "99999"), "99999 is not in the range 1<=x<=65535"),
    ],
)
def test_wrong_arguments_are_a_hint_and_one_sentence(
    workplace: Workplace, arguments: tuple[str, ...], named: str
) -> None:
    ended = workplace.run(*arguments)
    usage, hint, _, sentence = ended.err.splitlines()
    assert ended.status == 2 and ended.out == ""
    assert usage.startswith("Usage: ") and hint.startswith("Try ") and hint.endswith("--help' for help.")
    assert sentence.startswith("Error: ") and named in sentence


def test_a_price_file_that_cannot_be_read_fails_its_step_alone(workplace: Workplace) -> None:
    prices = workplace.configuration / "prices" / "GOLD.csv"
    lines = prices.read_text(encoding="utf-8").splitlines()
    good = lines[5]
    lines[5] = good.replace(good.split(",")[4], "n/a")
    prices.write_text("\n".join(lines), encoding="utf-8")

    ended = workplace.run("run")

    assert ended.status == 1
    headline, root = ended.err.splitlines()
    assert headline.startswith("price history failed in run ")
    assert root.startswith("  price_history: ") and "Traceback" not in ended.said
    assert all(name in root for name in ("GOLD.csv", "line 6", "n/a"))
    assert "failed price_history" in ended.out
    loaded = {name for (name,) in workplace.query("SELECT DISTINCT instrument FROM price_bars")}
    assert loaded == {"jp_index", "jp_stock", "uk_fund", "us_index", "us10y"}, "the others were not kept"


def test_a_damaged_artefact_empties_what_needs_it_and_training_repairs_it(finished: Workplace) -> None:
    day = ("--from", "2021-03-31", "--to", "2021-03-31")
    before = finished.contents()
    ((artefact,),) = finished.query("SELECT artifact FROM models WHERE instrument = 'gold'")
    path = finished.state / "artifacts" / artefact
    path.write_bytes(path.read_bytes()[:-100])

    damaged = finished.run("backfill", *day)

    said = damaged.out.splitlines()[-1]
    assert said.startswith("3 of 9 predictions and portfolios have no rows")
    assert "stage1_prediction/gold of 2021-03-31" in said
    assert f"{path} is damaged" in said and "train the model again" in said
    assert "Traceback" not in damaged.said
    left = finished.query("SELECT DISTINCT model FROM portfolio_weights WHERE date = '2021-03-31'")
    assert left == [("sharpe_net",)], "the others need a prediction of every instrument"
    table = finished.run("weights").out
    assert "portfolio_weights/alpha: No alpha portfolio for 2021-03-31: gold has no" in table

    assert finished.run("train", "--cutoff", "2021-03-15").status == 0
    assert finished.run("backfill", *day).status == 0
    assert finished.contents() == before
