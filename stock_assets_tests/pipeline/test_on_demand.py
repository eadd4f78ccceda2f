"""Predictions on demand: what was published, asked again; other networks; and what is refused."""

import shutil
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from stock_assets.errors import ArtifactError, NotPredictable
from stock_assets.learning.artifacts import load_artifact, save_artifact
from stock_assets.pipeline.on_demand import PAST_SESSIONS, OnDemandReport, newest_day, predict_on_demand
from stock_assets.storage.engine import read_transaction
from stock_assets.storage.schema import metadata
from stock_assets_tests.pipeline.yen_world import COVARIATE
from stock_assets_tests.worlds import CUTOFFS, NOW, World

FIRST, LAST = CUTOFFS
#: Of the first cutoff; with a bar that is held from the next day on; with a bar missing in London; of the
#: second cutoff; the last day.
DAYS = (date(2021, 2, 10), date(2021, 1, 27), date(2021, 2, 12), date(2021, 3, 1), date(2021, 3, 31))
DAY = date(2021, 3, 10)
SATURDAY, HOLIDAY = date(2021, 2, 6), date(2021, 1, 1)


def ask(world: World, day: date = DAY, instruments: Sequence[str] | None = None, **more) -> OnDemandReport:
    return predict_on_demand(
        world.deployment, world.engine, day=day, instruments=instruments, **{"now": NOW, **more}
    )


def record(world: World, instrument: str, cutoff: date, kind: str = "stage1") -> dict[str, object]:
    (row,) = (
        row
        for row in world.rows("models", cutoff, cutoff)
        if row["kind"] == kind and (kind != "stage1" or row["instrument"] == instrument)
    )
    return row


def model_id(world: World, instrument: str, cutoff: date, kind: str = "stage1") -> str:
    return str(record(world, instrument, cutoff, kind)["model_id"])


def artifact(world: World, instrument: str, cutoff: date) -> Path:
    return world.deployment.settings.artifact_dir / str(record(world, instrument, cutoff)["artifact"])


def everything(world: World) -> dict[str, list[str]]:
    """All rows of all tables of the project."""
    with read_transaction(world.engine) as connection:
        return {
            name: [repr(tuple(row)) for row in connection.execute(sa.select(table).order_by(*table.c))]
            for name, table in metadata.tables.items()
        }


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.pt") if path.is_file()
    }


def changed(world: World, source: Path, folder: Path, change, **parts: str) -> Path:
    """Write an artefact that differs from another in its parts."""
    content = load_artifact(source.parent, source.stem, "stage1")
    config, state, extra = dict(content.config), dict(content.state), dict(content.extra)
    provenance = dict(content.provenance)
    change(config, state, extra, provenance)
    return save_artifact(folder, parts.get("kind", "stage1"), config, state, extra, provenance).path


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_the_networks_of_the_day_say_what_was_published(finished_world: World, day: date) -> None:
    report = ask(finished_world, day)
    assert report.day == day
    published = {row["instrument"]: row for row in finished_world.rows("stage1_predictions", day, day)}
    assert {one.instrument for one in report.predictions} == set(published)
    assert published.keys() | report.refused.keys() == set(finished_world.instruments)
    for one in report.predictions:
        row = published[one.instrument]
        assert one.predicted_return.hex() == row["predicted_return"].hex()
        assert (one.as_of_session, one.cutoff, one.model) == (
            row["as_of_session"],
            row["model_cutoff"],
            row["model_id"],
        )
        assert one.horizon == 5 and not one.imported and not one.knows_later_prices
        metrics = record(finished_world, one.instrument, one.cutoff)["metrics"]
        assert one.validation_rmse == metrics["residual_rmse"]
    outcomes = finished_world.rows("outcomes", day, day)
    notes = {row["asset"]: row["reason"] or "" for row in outcomes}
    for one in report.predictions:
        assert one.note == notes[f"stage1_prediction/{one.instrument}"]


def test_the_frame_has_a_row_an_instrument_in_the_order_asked_for(finished_world: World) -> None:
    report = ask(finished_world, instruments=["us_index", "gold", "us_index"])
    frame = report.frame
    assert frame["instrument"].tolist() == ["us_index", "gold"]
    assert list(frame.columns) == [
        "instrument",
        "as_of_session",
        "predicted_return",
        "horizon",
        "validation_rmse",
        "model",
        "imported",
        "cutoff",
        "knows_later_prices",
        "note",
    ]
    assert frame["predicted_return"].tolist() == [one.predicted_return for one in report.predictions]
    assert ask(finished_world, instruments=[]).frame["instrument"].tolist() == list(
        finished_world.instruments
    )


def test_nothing_is_written(world: World, tmp_path: Path) -> None:
    copy = shutil.copy(artifact(world, "gold", FIRST), tmp_path / "network.pt")
    tables, artifacts = everything(world), files(world.folder)
    file = Path(str(world.engine.url.database))  # on a server there is none
    bytes_before = file.read_bytes() if file.is_file() else b""
    ask(world)
    ask(world, model=model_id(world, "gold", FIRST))
    ask(world, artifact=copy)
    ask(world, date(2021, 2, 10), model=model_id(world, "gold", LAST), allow_later_model=True)
    with pytest.raises(NotPredictable):
        ask(world, SATURDAY)
    assert everything(world) == tables and files(world.folder) == artifacts
    assert (file.read_bytes() if file.is_file() else b"") == bytes_before
    assert len(tables) > 8 and tables["stage1_predictions"] and tables["outcomes"]


def test_a_registered_network_answers_for_its_instrument_alone(finished_world: World) -> None:
    """It says what its cutoff's own days were told, and the others are told what they were told."""
    older = model_id(finished_world, "gold", FIRST)
    (alone,) = ask(finished_world, model=older).predictions
    assert (alone.instrument, alone.model, alone.cutoff) == ("gold", older, FIRST)
    both = ask(finished_world, instruments=["us_index", "gold"], model=older)
    usual = ask(finished_world, instruments=["us_index", "gold"])
    assert both.predictions[1].predicted_return == alone.predicted_return
    assert both.predictions[1].predicted_return != usual.predictions[1].predicted_return
    assert both.predictions[0].predicted_return == usual.predictions[0].predicted_return
    assert both.predictions[0].model == model_id(finished_world, "us_index", LAST)


def test_a_registered_network_says_what_it_said_when_it_was_the_newest(world: World) -> None:
    (before,) = world.rows("stage1_predictions", DAYS[0], DAYS[0], instrument="gold")
    world.train(date(2021, 2, 1), ["gold"], sharpe_net=False)
    (usual,) = ask(world, DAYS[0], ["gold"]).predictions
    (given,) = ask(world, DAYS[0], ["gold"], model=str(before["model_id"])).predictions
    assert usual.cutoff == date(2021, 2, 1) and usual.predicted_return != before["predicted_return"]
    assert given.predicted_return == before["predicted_return"] and given.note == ""


def test_an_imported_network_says_the_same_as_the_registered_one(
    finished_world: World, tmp_path: Path
) -> None:
    source = artifact(finished_world, "jp_index", LAST)
    copy = shutil.copy(source, tmp_path / "from a colleague.bin")
    (registered,) = ask(finished_world, instruments=["jp_index"]).predictions
    (imported,) = ask(finished_world, artifact=copy).predictions
    assert imported.instrument == "jp_index" and imported.imported
    assert imported.predicted_return.hex() == registered.predicted_return.hex()
    assert imported.model == source.stem and imported.model.startswith(registered.model[-12:])
    assert (imported.cutoff, imported.horizon) == (LAST, 5)
    assert imported.note == f"The network was read from {copy}."


@pytest.mark.parametrize("imported", [False, True])
def test_a_network_of_a_later_cutoff_must_be_allowed_and_says_what_it_knows(
    finished_world: World, *, imported: bool
) -> None:
    path = artifact(finished_world, "gold", LAST)
    given: dict[str, object] = {"artifact": path} if imported else {}
    given = given or {"model": model_id(finished_world, "gold", LAST)}
    before = date(2021, 2, 26)
    with pytest.raises(NotPredictable, match="has the cutoff 2021-03-01 and may know prices that fell due"):
        ask(finished_world, before, **given)
    (one,) = ask(finished_world, before, allow_later_model=True, **given).predictions
    assert one.knows_later_prices and one.cutoff == LAST
    assert one.note.startswith("The network knows later prices: its cutoff 2021-03-01 is after 2021-02-26.")
    (on_cutoff,) = ask(finished_world, LAST, **given).predictions
    assert not on_cutoff.knows_later_prices and "later prices" not in on_cutoff.note


def test_a_later_network_is_never_chosen_by_itself(finished_world: World) -> None:
    for allowed in (False, True):
        with pytest.raises(NotPredictable, match="No network of gold has a cutoff on or before 2021-01-14"):
            ask(finished_world, date(2021, 1, 14), ["gold"], allow_later_model=allowed)
    with pytest.raises(NotPredictable, match="None of 6 instruments can be predicted: No network of jp_in"):
        ask(finished_world, date(2021, 1, 14))


def test_what_falls_due_later_changes_nothing(world: World) -> None:
    """Prices after the day are gone; the picture's levels end with the day too."""
    day = DAYS[2]
    before = {one.instrument: one for one in ask(world, day).predictions}
    world.forget_prices(world.deployment.partition_days.next(day))
    for one in ask(world, day).predictions:
        assert one.predicted_return.hex() == before[one.instrument].predicted_return.hex()
        assert one.level.tobytes() == before[one.instrument].level.tobytes()
        assert one.as_of_session <= day


def test_levels_are_the_last_sessions_until_the_one_that_was_seen(finished_world: World) -> None:
    (one,) = ask(finished_world, instruments=["uk_fund"]).predictions
    rows = finished_world.rows("price_bars", instrument="uk_fund")
    closes = {row["session"]: row["close"] for row in rows if row["trading_day"] <= DAY}
    last = [closes[session] for session in sorted(closes)][-PAST_SESSIONS - 1 :]
    assert one.as_of_session == max(closes)
    np.testing.assert_allclose(one.level / one.level[-1], np.array(last) / last[-1], rtol=1e-12)


@pytest.mark.parametrize(
    ("day", "sentence"),
    [
        (SATURDAY, "2021-02-06 is no trading day of made_up; the ones beside it are 2021-02-05 and 2021-02"),
        (
            HOLIDAY,
            "2021-01-01 is no trading day of made_up; the ones beside it are 2020-12-31 and 2021-01-04",
        ),
        (date(2019, 6, 3), "2019-06-03 is no trading day .* reach from 2020-12-28 to 2021-03-31"),
        (date(2031, 6, 3), "2031-06-03 is no trading day .* reach from 2020-12-28 to 2021-03-31"),
    ],
)
def test_a_day_that_is_none_is_named_with_those_beside_it(
    finished_world: World, day: date, sentence: str
) -> None:
    with pytest.raises(NotPredictable, match=sentence):
        ask(finished_world, day)


def test_a_day_that_is_not_over_is_refused(finished_world: World) -> None:
    over = datetime(2021, 3, 11, tzinfo=UTC)
    assert ask(finished_world, DAY, ["gold"], now=over).predictions
    with pytest.raises(NotPredictable, match=r"2021-03-10 is not over before .* 2021-03-11 00:00 UTC"):
        ask(finished_world, DAY, ["gold"], now=over - timedelta(seconds=1))


def test_a_day_without_prices_is_refused_and_the_newest_is_the_last_with_any(world: World) -> None:
    assert newest_day(world.deployment, world.engine) == world.days[-1]
    world.forget_prices(DAY)
    with pytest.raises(NotPredictable, match="cannot be predicted yet: close_prices of 2021-03-10 are not"):
        ask(world)
    assert newest_day(world.deployment, world.engine) == date(2021, 3, 9)


def test_a_waiting_or_closed_day_is_refused_with_its_reason(world: World) -> None:
    days = metadata.tables["days"]

    def become(day: date, state: str) -> None:
        with world.engine.begin() as connection:
            connection.execute(
                sa.update(days).where(days.c.date == day).values(state=state, reason="Because so.")
            )

    last = world.days[-1]
    become(last, "waiting")
    become(world.days[-2], "closed")
    become(world.days[-3], "partial")
    with pytest.raises(NotPredictable, match=f"{last} cannot be predicted yet: Because so."):
        ask(world, last)
    with pytest.raises(NotPredictable, match=f"{world.days[-2]} cannot be predicted: Because so."):
        ask(world, world.days[-2])
    assert ask(world, world.days[-3]).predictions
    assert newest_day(world.deployment, world.engine) == world.days[-3]


def test_nothing_is_newest_before_anything_was_loaded(tmp_path: Path) -> None:
    empty = World.install(tmp_path / "world")
    with pytest.raises(NotPredictable, match="No trading day of made_up has its prices yet"):
        newest_day(empty.deployment, empty.engine)


def test_a_stale_instrument_is_refused_and_the_others_are_not(world: World) -> None:
    with world.engine.begin() as connection:
        bars = metadata.tables["price_bars"]
        gone = (bars.c.instrument == "us_index") & (bars.c.trading_day > date(2021, 3, 4))
        connection.execute(sa.delete(bars).where(gone))
    # Three sessions behind, which max_staleness forgives, and four.
    (late,) = ask(world, date(2021, 3, 9), ["us_index"]).predictions
    assert late.note.endswith("The last bar lags 3 of the instrument's sessions behind.")
    report = ask(world)
    assert report.refused == {
        "us_index": "The last bar of us_index lags 4 of its sessions behind, more than the 3 that "
        "max_staleness allows.",
        "jp_index": "The last bar of us_index, a covariate of jp_index, lags 4 of its sessions behind, more "
        "than the 3 that max_staleness allows.",
    }
    assert len(report.predictions) == 4
    with pytest.raises(NotPredictable, match="The last bar of us_index lags 4 of its sessions"):
        ask(world, instruments=["us_index"])


def test_an_instrument_with_too_few_bars_is_refused(world: World) -> None:
    bars = metadata.tables["price_bars"]
    with world.engine.begin() as connection:
        first = (bars.c.instrument == "gold") & (bars.c.trading_day <= date(2021, 3, 5))
        connection.execute(sa.delete(bars).where(first))
        connection.execute(sa.delete(bars).where(bars.c.instrument == "us10y"))
    refused = ask(world).refused
    assert refused["gold"] == "gold has too few sessions before 2021-03-10 for a window of its network."
    assert refused["us10y"] == "us10y has no bar until 2021-03-10; load its prices."


def test_a_damaged_network_costs_its_instrument_alone_unless_it_was_asked_for(world: World) -> None:
    path = artifact(world, "gold", LAST)
    path.write_bytes(path.read_bytes()[:-10])
    report = ask(world)
    assert list(report.refused) == ["gold"] and "is damaged" in report.refused["gold"]
    assert len(report.predictions) == 5
    with pytest.raises(ArtifactError, match="is damaged"):
        ask(world, instruments=["gold", "us_index"], model=model_id(world, "gold", LAST))
    with pytest.raises(ArtifactError, match="is damaged"):
        ask(world, artifact=path)


def test_another_horizon_and_a_shrinkage_are_the_networks_own(finished_world: World, tmp_path: Path) -> None:
    """The configuration's horizon is 5; what is shown is what the network was trained for."""
    source = artifact(finished_world, "gold", LAST)

    def change(config, state, extra, provenance) -> None:
        config["stage1"] = {**config["stage1"], "horizon": 8}

    (one,) = ask(finished_world, artifact=changed(finished_world, source, tmp_path, change)).predictions
    (usual,) = ask(finished_world, instruments=["gold"]).predictions
    assert (one.horizon, one.predicted_return) == (8, usual.predicted_return)
    assert one.note.endswith("It is over 8 sessions, where stage1.yaml says 5.")


def set_instrument(name: str):
    return lambda config, state, extra, provenance: config.update(instrument=name)


def test_an_imported_network_must_be_of_an_instrument_that_is_asked_for(world: World, tmp_path: Path) -> None:
    source = artifact(world, "gold", LAST)
    with pytest.raises(NotPredictable, match="is of gold, and us_index, us10y was asked for; ask for gold"):
        ask(world, instruments=["us_index", "us10y"], artifact=source)
    foreign = changed(world, source, tmp_path, set_instrument("silver"))
    with pytest.raises(NotPredictable, match="is of 'silver', which is no instrument of made_up; allowed"):
        ask(world, artifact=foreign)
    priced = world.configured("universe.yaml", "max_staleness: 3\n", f"max_staleness: 3\n{COVARIATE}")
    with pytest.raises(NotPredictable, match="is of 'vix', which is no instrument"):
        ask(priced, artifact=changed(world, source, tmp_path, set_instrument("vix")))


def test_an_imported_network_with_unknown_covariates_or_features_is_refused(
    finished_world: World, tmp_path: Path
) -> None:
    source = artifact(finished_world, "jp_index", LAST)

    def reads_copper(config, state, extra, provenance) -> None:
        config["stage1"] = {**config["stage1"], "covariates": ["copper"]}

    def as_gold(config, state, extra, provenance) -> None:
        config["instrument"] = "gold"

    def renamed(config, state, extra, provenance) -> None:
        config["feature_names"] = [*config["feature_names"][:-1], "another"]

    for change, sentence in (
        (reads_copper, "reads copper, which made_up does not price; take another network"),
        (as_gold, "open"),
        (renamed, "this version computes"),
    ):
        with pytest.raises(NotPredictable, match=sentence):
            ask(finished_world, artifact=changed(finished_world, source, tmp_path, change))


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ({"instruments": ["silver"]}, "made_up has no instrument 'silver'; allowed are jp_index, jp_stock"),
        ({"model": "stage1-gold-20210301-000000000000"}, "No model 'stage1-gold-20210301-0000.* registered"),
        ({"model": "m", "artifact": Path("a.pt")}, "Both the model m and the artefact a.pt were given"),
    ],
)
def test_a_question_that_cannot_be_answered_is_one_sentence(
    finished_world: World, question: dict[str, object], sentence: str
) -> None:
    with pytest.raises(NotPredictable, match=sentence):
        ask(finished_world, **question)


def test_a_sharpe_net_predicts_no_instrument(finished_world: World) -> None:
    net = model_id(finished_world, "", LAST, "sharpe_net")
    with pytest.raises(NotPredictable, match=f"{net} is a sharpe_net, which predicts no instrument"):
        ask(finished_world, model=net)
    row = record(finished_world, "", LAST, "sharpe_net")
    with pytest.raises(ArtifactError, match="holds a model of kind 'sharpe_net' where 'stage1' is needed"):
        ask(finished_world, artifact=finished_world.deployment.settings.artifact_dir / str(row["artifact"]))
