"""A run that is killed or interrupted: the next one goes on from there, and nothing is left behind."""

import os
import signal
from collections.abc import Callable

from stock_assets.cli.interruption import noted_signals
from stock_assets_tests.commands import Ended, Workplace, needs_proc

INTERRUPTED = "was interrupted; what was finished is kept, and the same command goes on from there."


def kill_when(workplace: Workplace, happened: Callable[[], bool], what: str) -> None:
    """Start a run, and kill the command alone, as the kernel would, once something has happened."""
    command = workplace.start("run")
    command.wait_for(happened, what)
    command.signal(signal.SIGKILL)
    assert command.end().status == -signal.SIGKILL
    workplace.wait_until_deserted()


@needs_proc
def test_a_run_killed_again_and_again_ends_as_if_it_had_not_been(
    workplace: Workplace, first_run: tuple[Workplace, Ended]
) -> None:
    def rows(table: str, least: int) -> Callable[[], bool]:
        return lambda: workplace.count(table) >= least

    kill_when(workplace, rows("price_bars", 1), "bar of the history")
    history = workplace.query("SELECT * FROM price_bars")
    kill_when(workplace, rows("days", 1), "trading day")
    assert set(history) <= set(workplace.query("SELECT * FROM price_bars"))
    kill_when(workplace, rows("models", 2), "network")
    trained = workplace.query("SELECT * FROM models")
    kill_when(workplace, rows("stage1_predictions", 1), "prediction")
    assert set(trained) <= set(workplace.query("SELECT * FROM models")), "a network was trained again"
    predicted_by = workplace.query("SELECT model_id, computed_at, run_id FROM models ORDER BY 1")
    killed = [job for job, status in workplace.dagster_runs() if status == "STARTED"]
    assert killed == ["daily"], "the runs of the earlier commands were not marked as failed"

    last = workplace.run("run")

    assert (last.status, last.err) == (0, "")
    assert last.out.startswith("[1/1] predictions and weights")
    assert workplace.query("SELECT model_id, computed_at, run_id FROM models ORDER BY 1") == predicted_by
    assert workplace.contents() == first_run[0].contents()
    runs = workplace.dagster_runs()
    assert {status for _, status in runs} == {"SUCCESS", "FAILURE"}
    assert runs[-1] == ("daily", "SUCCESS")
    workplace.wait_until_deserted()


@needs_proc
def test_control_c_is_answered_with_one_sentence_and_the_next_run_goes_on(
    workplace: Workplace, first_run: tuple[Workplace, Ended]
) -> None:
    command = workplace.start("run")
    command.wait_for(lambda: workplace.count("models") >= 1, "network")
    command.interrupt()
    interrupted = command.end()
    assert interrupted.fails_with_one_sentence() == (
        f"training 7 networks for the cutoff 2021-03-15 {INTERRUPTED}"
    )
    workplace.wait_until_deserted()
    assert workplace.dagster_runs()[-1] == ("training", "FAILURE")
    trained = workplace.query("SELECT * FROM models")
    assert 1 <= len(trained) < 7

    assert workplace.run("run").status == 0

    assert set(trained) <= set(workplace.query("SELECT * FROM models")), "a network was trained again"
    assert workplace.contents() == first_run[0].contents()


@needs_proc
def test_sigterm_ends_a_run_like_control_c(workplace: Workplace) -> None:
    command = workplace.start("run")
    command.wait_for(lambda: workplace.count("price_bars") >= 1, "bar of the history")
    command.signal(signal.SIGTERM)
    # On a slow machine the history may be there by then; nothing after what was interrupted is begun.
    assert command.end().fails_with_one_sentence().endswith(INTERRUPTED)
    workplace.wait_until_deserted()
    statuses = [status for _, status in workplace.dagster_runs()]
    assert set(statuses[:-1]) <= {"SUCCESS"} and statuses[-1] in ("SUCCESS", "FAILURE")


def test_a_signal_that_somebody_else_answers_is_noted() -> None:
    answered = []
    before = signal.signal(signal.SIGTERM, lambda number, _: answered.append(number))
    try:
        with noted_signals() as asked_to_end:
            assert not asked_to_end()
            os.kill(os.getpid(), signal.SIGTERM)
            assert asked_to_end() and asked_to_end()
        with noted_signals() as asked_to_end:
            assert not asked_to_end(), "an earlier signal is not this one's"
        with noted_signals() as asked_to_end:
            os.kill(os.getpid(), signal.SIGCHLD)
            assert not asked_to_end(), "a child that ended asks for nothing"
    finally:
        signal.signal(signal.SIGTERM, before)
    assert answered == [signal.SIGTERM]
