"""The alerts, built from plain values. Their keys say what is told once: a run's start, a day's closing."""

from collections.abc import Sequence
from datetime import date, datetime

from stock_assets.alerts.alert import Alert, AlertKind
from stock_assets.alerts.facts import ForecastErrors, RunFacts, WeightChange, error_table
from stock_assets.alerts.mrkdwn import MOST_LINES, bullets, code_block, escape, one_line

_MAX_ERROR = 300


def run_started(run: RunFacts) -> Alert:
    """Say that a run that is no training has started."""
    text = f"{run.title} started" + (f" ({run.closed})." if run.closed else ".")
    key, group = f"run/{run.run_id}/started", run.group_of_backfill("started")
    return Alert(key, "run_started", text, day=run.day, link=run.link, group=group)


def training_started(run: RunFacts) -> Alert:
    """Say that a training has started."""
    key, group = f"run/{run.run_id}/started", run.group_of_backfill("started")
    return Alert(key, "training_started", f"{run.title} started.", link=run.link, group=group)


def market_closed(day: date, why: str) -> Alert:
    """Say once a day that no market of the universe is open on it.

    Parameters
    ----------
    why : str
        Such as ``XNYS closed, Thanksgiving``.
    """
    return Alert(f"day/{day}/closed", "market_closed", f"{day}: {why}", day=day)


def ready(
    run: RunFacts,
    predictions: int,
    portfolios: int,
    changes: Sequence[WeightChange] = (),
    remarks: Sequence[str] = (),
) -> Alert:
    """Say that predictions and weights of a day, or of a range of days, are there.

    Parameters
    ----------
    predictions, portfolios : int
        How many were published.
    changes : sequence of WeightChange
        The largest changes of weight against the day before, largest first.
    remarks : sequence of str
        What is particular, such as why an instrument has no prediction.
    """
    lines = [
        f"{change.portfolio}: {change.instrument} {_percent(change.before)} → {_percent(change.after)}"
        for change in changes
    ]
    parts = ["*Largest changes of weight*\n" + code_block(lines[:MOST_LINES])] if lines else []
    if all_remarks := [*([run.closed] if run.closed else []), *remarks]:
        parts.append(bullets(all_remarks))
    text = f"{run.title} ready: {_count(predictions, 'prediction')}, {_count(portfolios, 'portfolio')}."
    key, group = f"run/{run.run_id}/ready", run.group_of_backfill("ready")
    return Alert(key, "ready", text, "\n".join(parts), day=run.day, link=run.link, group=group)


def nothing_published(run: RunFacts, status: str, reasons: Sequence[str]) -> Alert:
    """Say once for each status of a day that its run ended well and published nothing.

    That no network was trained for it is the lot of each day before the first cutoff, and no warning.

    Parameters
    ----------
    status : str
        As in the table ``outcomes``: waiting, closed, no_model or refused.
    """
    about = f"day/{run.day}" if run.day is not None else f"run/{run.run_id}"
    kinds: dict[str, AlertKind] = {"closed": "market_closed", "no_model": "ready"}
    why = f" {reasons[0]}" if reasons else ""
    return Alert(
        f"{about}/{status}",
        kinds.get(status, "warning"),
        f"{run.title} published nothing ({status.replace('_', ' ')}).{why}",
        bullets(reasons[1:]) if len(reasons) > 1 else None,
        day=run.day,
        link=run.link,
        group=f"{run.group}/no_model"[-200:] if run.group and status == "no_model" else None,
    )


def finished(run: RunFacts) -> Alert:
    """Say that a run that computes neither days nor networks has ended well."""
    return Alert(f"run/{run.run_id}/finished", "ready", f"{run.title} finished.", day=run.day, link=run.link)


def training_finished(
    run: RunFacts,
    errors: Sequence[ForecastErrors],
    sharpe_ratios: Sequence[tuple[str, float | None]] = (),
    picture: bytes | None = None,
) -> Alert:
    """Say that networks are trained, and their validation errors beside naive forecasts.

    Parameters
    ----------
    sharpe_ratios : sequence of (str, float or None)
        Annualised Sharpe ratios over the validation blocks, the Sharpe net's and those of its yardsticks.
    picture : bytes, optional
        A PNG of the errors.
    """
    parts = []
    text = f"{run.title} finished"
    if errors:
        better = sum(one.better is True for one in errors)
        text += f": {better} of {_count(len(errors), 'network')} beat both naive forecasts in validation"
        parts.append("*MAE in %, validation (used for early stopping)*\n" + code_block(error_table(errors)))
    if sharpe_ratios:
        lines = [
            f"{name}: {'undefined' if ratio is None else f'{ratio:.2f}'}" for name, ratio in sharpe_ratios
        ]
        parts.append("*Sharpe ratio, annualised, validation (used for early stopping)*\n" + code_block(lines))
    return Alert(
        f"run/{run.run_id}/finished",
        "training_finished",
        f"{text}.",
        "\n".join(parts),
        link=run.link,
        picture=picture,
        picture_title=f"{run.subject}: MAE against naive forecasts" if picture is not None else None,
    )


def failure(
    run: RunFacts,
    error: str,
    step: str | None = None,
    attempt: int = 1,
    others: Sequence[str] = (),
    cause: str = "",
) -> Alert:
    """Say that a run failed, where and why.

    Parameters
    ----------
    error : str
        The root error, of the step that failed first.
    step : str, optional
        That step; none if the run failed outside of its steps.
    attempt : int
        The step's, from 1.
    others : sequence of str
        Further steps that failed.
    cause : str
        What was below the error, if anything.
    """
    where = f" in step {step}" if step else ""
    which = f" (attempt {attempt} of the step)" if attempt > 1 else ""
    parts = [code_block([error])]
    if cause and cause != error:
        parts.append(f"Caused by:\n{code_block([cause])}")
    if others:
        parts.append(f"Failed too: {escape(', '.join(others))}")
    return Alert(
        f"run/{run.run_id}/failed",
        "failure",
        f"{run.title} failed{where}{which}: {one_line(error, _MAX_ERROR)}",
        "\n".join(parts),
        day=run.day,
        link=run.link,
        group=run.group,
    )


def canceled(run: RunFacts) -> Alert:
    """Say that a run was canceled before its end."""
    return Alert(
        f"run/{run.run_id}/canceled",
        "warning",
        f"{run.title} was canceled.",
        day=run.day,
        link=run.link,
        group=run.group,
    )


def run_retried(run: RunFacts) -> Alert:
    """Say that a failed run is tried once more, as a run of its own."""
    return Alert(
        f"run/{run.run_id}/retry",
        "retry",
        f"{run.title}: a run that failed is tried again.",
        day=run.day,
        link=run.link,
        group=run.group and f"{run.group}/retries"[-200:],
    )


def step_retried(run: RunFacts, step: str, attempt: int, error: str) -> Alert:
    """Say that a failed step is tried once more within its run.

    Parameters
    ----------
    attempt : int
        The one that comes, from 2.
    """
    return Alert(
        f"run/{run.run_id}/retry/{attempt}/{step}"[:200],
        "retry",
        f"{run.title}: step {step} is tried again (attempt {attempt}) after: {one_line(error, _MAX_ERROR)}",
        day=run.day,
        link=run.link,
        group=run.group_of_backfill("retries") or f"run/{run.run_id}/retries",
    )


def run_recovered(run: RunFacts) -> Alert:
    """Say that a retry of a failed run has ended well."""
    return Alert(
        f"run/{run.run_id}/recovered",
        "recovered",
        f"{run.title} recovered: the run before had failed.",
        day=run.day,
        link=run.link,
        group=run.group_of_backfill("recovered"),
    )


def late(day: date, missing: str, deadline: datetime) -> Alert:
    """Say once a day that it is not complete by its deadline.

    Parameters
    ----------
    missing : str
        What is missing, as a sentence.
    deadline : datetime
        With a time zone.
    """
    text = f"{day} is late: it was to be complete by {deadline:%Y-%m-%d %H:%M %Z}. {missing}"
    return Alert(f"day/{day}/late", "late", text, day=day)


def recovered(day: date, what: str = "it is complete") -> Alert:
    """Say once a day that it was late and has come."""
    return Alert(f"day/{day}/recovered", "recovered", f"{day} recovered: {what}.", day=day)


def all_complete(day: date, days: int | None = None, details: str | None = None) -> Alert:
    """Say once a day that everything up to it is complete: silence is then a signal.

    Parameters
    ----------
    day : date
        The last day that was judged.
    days : int, optional
        How many trading days were looked at.
    details : str, optional
        More, in plain text.
    """
    of = f" ({_count(days, 'trading day')} looked at)" if days is not None else ""
    text = f"All complete up to {day}{of}."
    return Alert(f"all_complete/{day}", "all_complete", text, escape(details) if details else None)


def warning(key: str, text: str, day: date | None = None, link: str | None = None) -> Alert:
    """Say what somebody should look at, without anything having failed."""
    return Alert(key, "warning", text, day=day, link=link)


def trial(universe: str, now: datetime) -> Alert:
    """Say something that shows that messages arrive."""
    return Alert(f"trial/{now.isoformat()}", "summary", f"Alerts of the universe {universe} arrive here.")


def folded(texts: Sequence[str], *, late: bool = False) -> tuple[str, str]:
    """Return text and details of the one message that stands for many.

    Parameters
    ----------
    texts : sequence of str
        Their lines, oldest first.
    late : bool
        Whether they are what could not be sent for long; by default, the others of a group.
    """
    shown = list(texts)
    if len(shown) > MOST_LINES:
        half = MOST_LINES // 2
        shown = [*shown[:half], f"… {len(texts) - 2 * half} more …", *shown[-half:]]
    which = "alerts that could not be sent for a day" if late else "more like those before"
    return f"{len(texts)} {which}, the last one: {texts[-1]}", code_block(shown)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
