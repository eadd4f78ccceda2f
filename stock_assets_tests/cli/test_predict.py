"""Predictions on demand from the command line: a table, a picture, and a sentence for what is wrong."""

from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from stock_assets.cli.instance import INSTANCE_FILE
from stock_assets.cli.predictions_table import predictions_table, print_predictions
from stock_assets.errors import NotPredictable
from stock_assets.pipeline.on_demand import OnDemandReport, predict_on_demand
from stock_assets_tests.commands import Workplace
from stock_assets_tests.worlds import CUTOFFS, NOW, World, environment

DAY = "2021-03-31"


def lines_of(report: OnDemandReport) -> list[str]:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(predictions_table(report, "made_up"))
    return captured.get().splitlines()


def test_the_day_is_printed_as_it_was_published_and_drawn(finished: Workplace, tmp_path: Path) -> None:
    before, picture = finished.contents(), tmp_path / "picture.png"
    statement = "SELECT instrument, predicted_return, as_of_session, model_id FROM stage1_predictions"
    published = finished.query(f"{statement} WHERE date = '{DAY}'")

    ended = finished.run("predict", "--date", DAY, "--picture", str(picture))

    assert (ended.status, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0].strip() == f"made_up: predictions of {DAY}, on demand"
    assert all(len(line) <= 80 for line in lines if not line.startswith("The picture is"))
    rows = {cells[0]: cells for cells in map(str.split, lines) if cells}
    assert len(published) == 6
    for instrument, predicted, session, model in published:
        cells = rows[instrument]
        assert cells[1] == f"{100 * predicted:+.2f}" and cells[2] == "5"
        assert cells[4:] == [str(session)[:10], "2021-03-15", model[-12:]]
    assert lines[-2:] == [f"The picture is {picture}.", "Nothing was published."]
    with Image.open(BytesIO(picture.read_bytes())) as image:
        assert image.format == "PNG" and image.width == 512
    assert finished.contents() == before


def test_a_wrong_question_is_one_sentence(finished: Workplace) -> None:
    (early,) = finished.query("SELECT min(date) FROM days")[0]
    ((model,),) = finished.query("SELECT model_id FROM models WHERE instrument = 'gold'")
    ended = finished.run("predict", "--date", str(early)[:10], "--model", model, "--instrument", "gold")
    sentence = ended.fails_with_one_sentence()
    assert sentence.startswith(f"The network {model} has the cutoff 2021-03-15 and may know prices")
    assert "--allow-later-model" in sentence and not ended.out


def test_the_table_marks_what_knows_later_prices_and_fits_a_terminal(finished_world: World) -> None:
    (row,) = finished_world.rows("models", CUTOFFS[1], CUTOFFS[1], instrument="gold")
    path = finished_world.deployment.settings.artifact_dir / str(row["artifact"])

    def asked(**more) -> OnDemandReport:
        return predict_on_demand(
            finished_world.deployment, finished_world.engine, day=date(2021, 2, 10), now=NOW, **more
        )

    report = asked(artifact=path, allow_later_model=True, instruments=["gold", "us_index"])
    rows = {cells[0]: cells for cells in map(str.split, lines_of(report)) if cells}
    gold, index = rows["gold"], rows["us_index"]
    assert gold[1].endswith("*") and not index[1].endswith("*")
    assert gold[-1] == path.stem[:12] and gold[-2] == "2021-03-01"
    assert index[-2] == "2021-01-15"
    assert max(map(len, lines_of(report))) <= 80


def test_what_is_said_of_several_is_said_once(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a day whose cutoff was never trained, and one network of which is damaged."""
    (row,) = world.rows("models", CUTOFFS[0], CUTOFFS[0], instrument="gold")
    path = world.deployment.settings.artifact_dir / str(row["artifact"])
    path.write_bytes(b"")
    for name, value in environment(world.folder).items():
        monkeypatch.setenv(name, value)
    (world.deployment.settings.state_dir / INSTANCE_FILE).touch()
    print_predictions(
        date(2021, 2, 10),
        ["jp_stock", "gold", "us_index"],
        model=None,
        artifact=None,
        allow_later_model=False,
        picture=None,
    )
    noted, refused, last = capsys.readouterr().out.splitlines()[-3:]
    assert noted == (
        "jp_stock, us_index: The cutoff 2021-02-01 was never trained; the network of 2021-01-15 is used."
    )
    assert refused.startswith(f"gold has no prediction: {path} is damaged")
    assert last == "Nothing was published."


@pytest.mark.parametrize("target", ["", "no/such/folder/picture.png"])
def test_a_picture_that_cannot_be_written_is_one_sentence(
    finished: Workplace, tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in finished.environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NotPredictable, match=r"The picture .* cannot be written: .*; choose another path."):
        print_predictions(
            None,
            ["gold"],
            model=None,
            artifact=None,
            allow_later_model=False,
            picture=tmp_path / target,
        )
