"""``operations`` in ``universe.yaml``: how a universe runs by itself, and within which limits."""

from datetime import timedelta
from typing import Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from stock_assets.config.base import Duration, Section
from stock_assets.config.crons import require_cron

#: Names that may stand for a cron.
TRAINING_PRESETS = {
    "twice-monthly": "0 0 1,15 * *",
    "monthly": "0 0 1 * *",
    "weekly": "0 0 * * 1",
}
_ALLOWED = (
    f"allowed are {', '.join(TRAINING_PRESETS)}, or five fields of numbers, names, lists, ranges and steps, "
    "such as '0 9 1,15 * *'"
)
_NO_CRON_SAYS = (
    "every two weeks, and what is counted in trading days or from the end of a month, no cron can say"
)


class TrainingSchedule(Section):
    """When networks are trained.

    The schedule decides when, and the universe's ``cutoffs`` decide what: the newest cutoff that is not in
    the future. A time before 00:00 UTC of a cutoff still trains the one before.

    Attributes
    ----------
    schedule : str or None
        A preset or a five-field cron; without it, the universe's ``cutoffs``.
    timezone : str
        IANA name of the time zone of the cron.
    enabled : bool
        Whether it runs by itself in a live universe.
    """

    schedule: str | None = None
    timezone: str = "UTC"
    enabled: bool = True

    @field_validator("schedule")
    @classmethod
    def _it_can_be_said_by_a_cron(cls, schedule: str | None) -> str | None:
        if schedule is None or schedule in TRAINING_PRESETS:
            return schedule
        require_cron(schedule, f"{_ALLOWED}; {_NO_CRON_SAYS}")
        return schedule

    @field_validator("timezone")
    @classmethod
    def _timezone_is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, OSError, ValueError) as error:
            # An unknown zone is a KeyError, a folder of zones an OSError, a path a ValueError.
            raise ValueError(
                f"{name!r} is no time zone; allowed are names such as UTC, Asia/Seoul or America/New_York"
            ) from error
        return name

    def cron(self, cutoffs: str) -> str:
        """Return the five-field cron, which is that of the ``cutoffs`` unless it is configured."""
        if self.schedule is None:
            return cutoffs
        return TRAINING_PRESETS.get(self.schedule, self.schedule)


class Operations(Section):
    """How a universe runs by itself.

    Attributes
    ----------
    catch_up : bool
        Whether trading days before the last one that is over are requested too.
    catch_up_days : int
        How many trading days back are looked at.
    attempts_a_day : int
        How often one trading day, or one cutoff, is tried within a calendar day in UTC: runs that the sensor
        requests, runs that Dagster starts again after a crash, and repeated steps together.
    retry_delay : timedelta
        Pause after a failed run before the next one is requested.
    waiting_delay : timedelta
        Pause before the sources are asked again for a day that waits for bars.
    step_retries : int
        How often a step is repeated within its run, after a crash or an error that may pass.
    step_retry_delay : timedelta
        Pause before that, longer each time.
    training : TrainingSchedule
    concurrent_runs : int
        Runs of the universe at once. With more than one, days may finish in another order than that of time.
    training_processes : int or None
        Networks that are trained at once; without it, one a core.
    run_time_limit, training_time_limit : timedelta
        How long a run, and a run that trains, may take.
    late_after : timedelta
        How long after its deadline a trading day that is not complete is reported as late.
    """

    catch_up: bool = True
    catch_up_days: int = Field(default=15, ge=1, le=250)
    attempts_a_day: int = Field(default=6, ge=1)
    retry_delay: Duration = Field(default=timedelta(minutes=10), ge=timedelta(0))
    waiting_delay: Duration = Field(default=timedelta(hours=1), ge=timedelta(minutes=1))
    step_retries: int = Field(default=2, ge=0, le=10)
    step_retry_delay: Duration = Field(default=timedelta(seconds=30), ge=timedelta(0))
    training: TrainingSchedule = TrainingSchedule()
    concurrent_runs: int = Field(default=1, ge=1)
    training_processes: int | None = Field(default=None, ge=1)
    run_time_limit: Duration = Field(default=timedelta(hours=2), ge=timedelta(minutes=1))
    training_time_limit: Duration = Field(default=timedelta(hours=12), ge=timedelta(minutes=1))
    late_after: Duration = Field(default=timedelta(hours=1), ge=timedelta(0))

    @model_validator(mode="after")
    def _steps_leave_attempts(self) -> Self:
        if self.step_retries >= self.attempts_a_day:
            raise ValueError(
                f"step_retries {self.step_retries} is not below attempts_a_day {self.attempts_a_day}, and "
                "repeated steps are attempts too; allowed is a smaller number"
            )
        return self
