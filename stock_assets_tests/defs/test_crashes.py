"""Real kills under a real daemon: no run counts as started that is not, and nothing that is dead writes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from stock_assets.processes import start_of
from stock_assets_tests.commands import Workplace, needs_proc
from stock_assets_tests.defs.crashing import FOLDER_VARIABLE, PATIENCE_SECONDS

pytestmark = needs_proc
FINISHED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


class Operator:
    """A universe with a daemon that runs the jobs of `crashing`, and what an operator sees of it."""

    def __init__(self, workplace: Workplace, instance: dg.DagsterInstance) -> None:
        self.workplace, self.instance = workplace, instance
        self.folder = workplace.folder / "observed"
        for name in ("requests", "begun"):
            (self.folder / name).mkdir(parents=True)
        self.said = (workplace.folder / "daemon.log").open("ab")

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        """A daemon and all that it starts, which end with the block at the latest."""
        command = [sys.executable, "-m", "dagster._daemon", "run", "-m", "stock_assets_tests.defs.crashing"]
        variables = {
            **self.workplace.environment,
            FOLDER_VARIABLE: str(self.folder),
            "DAGSTER_HOME": str(self.workplace.state),
        }
        process = subprocess.Popen(
            command, env=variables, stdout=self.said, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            self.kill_everything()

    def kill_everything(self) -> None:
        for pid in self.workplace.processes():
            if pid != os.getpid():
                os.kill(pid, signal.SIGKILL)

    def request(self, name: str) -> None:
        (self.folder / "requests" / name).touch()

    def wait(self, happened: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not happened():
            assert time.monotonic() < deadline, f"no {what}; {self.what_was_said()}"
            time.sleep(0.2)

    def what_was_said(self) -> str:
        return (self.workplace.folder / "daemon.log").read_text()[-6000:]

    def runs(self, job: str) -> list[dg.DagsterRun]:
        """The job's runs, oldest first."""
        return list(self.instance.get_runs(dg.RunsFilter(job_name=job)))[::-1]

    def wait_for_end(self, job: str, number: int = 0) -> dg.DagsterRun:
        self.wait(
            lambda: len(self.runs(job)) > number and self.runs(job)[number].status in FINISHED,
            f"end of run {number} of {job}",
        )
        return self.runs(job)[number]

    def begun(self, job: str, number: int = 0) -> tuple[int, int]:
        """Wait until the step of a job's run waits; return the processes of the run and of the step."""
        self.wait(lambda: len(self.runs(job)) > number, f"run {number} of {job}")
        run_id = self.runs(job)[number].run_id
        path = self.folder / "begun" / f"patient-{run_id}"
        self.wait(lambda: path.exists() and " " in path.read_text(), f"step of run {number}")
        (worker,) = self.workplace.query(f"SELECT pid FROM run_workers WHERE run_id = '{run_id}'")
        return worker[0], int(path.read_text().split()[1])

    def wait_until_gone(self, *pids: int) -> None:
        self.wait(lambda: all(start_of(pid) is None for pid in pids), f"end of {pids}")

    def wait_for_retry(self, job: str, number: int) -> None:
        """Wait until a run is tried again, or request it as the sensors do.

        Dagster drops the retry of a run whose code server is away at that moment.
        """
        dropped = "Failed to retry run"

        def decided() -> bool:
            runs = self.runs(job)
            return len(runs) > number or dropped in self.messages(runs[number - 1])

        self.wait(decided, f"retry {number} of {job}")
        if len(self.runs(job)) == number:
            self.request(f"{job}-anew")

    def messages(self, run: dg.DagsterRun) -> str:
        return "\n".join(entry.message for entry in self.instance.all_logs(run.run_id))


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.fixture
def operator(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operator]:
    assert workplace.run("init").status == 0
    settings = workplace.state / "dagster.yaml"
    settings.write_text(settings.read_text().replace("poll_interval_seconds: 20", "poll_interval_seconds: 1"))
    for name, value in workplace.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGSTER_HOME", str(workplace.state))
    with dg.DagsterInstance.get() as instance:
        yield Operator(workplace, instance)


def test_what_dies_is_a_failure_that_says_why_and_is_done_again(operator: Operator) -> None:
    with operator.daemon():
        operator.request("crashing")
        run = operator.wait_for_end("crashing")
        assert run.status is dg.DagsterRunStatus.SUCCESS, operator.messages(run)
        (record,) = operator.instance.get_records_for_run(
            run.run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY
        ).records
        error = record.event_log_entry.get_dagster_event().step_retry_data.error
        assert error is not None
        assert error.message.startswith(
            "stock_assets.errors.StepCrashed: faulty: the process of the step was ended by signal 11 "
            "(SIGSEGV); it last held "
        )
        assert "MiB (at the most " in error.message
        assert "  about to read what nobody may read\n" in error.message
        assert "Fatal Python error: Segmentation fault" in error.message

        # The process of a run dies: its step ends with it, and the run is started again.
        operator.request("waiting")
        worker, step = operator.begun("waiting")
        os.kill(worker, signal.SIGKILL)
        operator.wait_until_gone(worker, step)
        assert operator.wait_for_end("waiting").status is dg.DagsterRunStatus.FAILURE

        # So does the code server, and with it whoever would have noticed.
        worker, step = operator.begun("waiting", 1)
        os.kill(parent_of(worker), signal.SIGKILL)
        operator.wait_until_gone(worker, step)
        run = operator.wait_for_end("waiting", 1)
        assert run.status is dg.DagsterRunStatus.FAILURE
        assert "The run has lost its process" in operator.messages(run)
        operator.wait_for_retry("waiting", 2)
        worker, step = operator.begun("waiting", 2)
    # The block has ended as a machine does that is switched off.
    assert operator.runs("waiting")[2].status is dg.DagsterRunStatus.STARTED
    with operator.daemon():
        assert operator.wait_for_end("waiting", 2).status is dg.DagsterRunStatus.FAILURE
        operator.request("hanging")
        run = operator.wait_for_end("hanging")
        assert run.status is dg.DagsterRunStatus.FAILURE
        assert "Exceeded maximum runtime of 20 seconds" in operator.messages(run)
        _, pid = (operator.folder / "begun" / "deaf").read_text().split()
        operator.wait_until_gone(int(pid))
        (operator.folder / "go_on").touch()
        operator.request("waiting-again")
        assert operator.wait_for_end("waiting", 3).status is dg.DagsterRunStatus.SUCCESS
        assert len(operator.runs("hanging")) == 1
