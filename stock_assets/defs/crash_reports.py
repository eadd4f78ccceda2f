"""What is known of a step whose process died: how it ended, what it held, and what it said last."""

import signal
from collections.abc import Sequence

import dagster as dg

from stock_assets.processes import Memory

#: Lines of the step's log, and of its standard error, that are shown.
LAST_LINES = 10
_LONGEST_LINE = 300
_RECORDS = 500


def crash_report(
    step: str, exit_code: int | None, memory: Memory | None, log: Sequence[str], errors: Sequence[str]
) -> str:
    """Say what is known of a crash: one sentence, and the last lines of what the step said.

    Parameters
    ----------
    step : str
        Key of the step.
    exit_code : int or None
        As ``multiprocessing`` gives it: the negative number of the signal that ended the process.
    memory : Memory or None
        What it held when it was last seen.
    log, errors : sequence of str
        Last lines of its log and of its standard error.
    """
    held = f"it last held {memory} of memory" if memory else "how much memory it held was not seen"
    text = f"{step.replace('__', '/')}: the process of the step {_end(exit_code)}; {held}."
    for title, lines in (("Last lines of its log", log), ("of its standard error", errors)):
        if lines:
            text += f"\n{title}:\n" + "\n".join(f"  {line[:_LONGEST_LINE]}" for line in lines)
    return text


def last_log_lines(instance: dg.DagsterInstance, run_id: str, step: str) -> list[str]:
    """Return the last messages that a step has logged, in their order."""
    records = instance.get_records_for_run(run_id, limit=_RECORDS, ascending=False).records
    entries = [record.event_log_entry for record in records]
    said = [entry.user_message for entry in entries if entry.step_key == step and not entry.is_dagster_event]
    return [" ".join(message.split()) for message in said[:LAST_LINES]][::-1]


def last_error_lines(instance: dg.DagsterInstance, run_id: str, step: str) -> list[str]:
    """Return the last lines of a step's standard error, where it was captured."""
    captured = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.LOGS_CAPTURED).records
    events = [record.event_log_entry.get_dagster_event() for record in captured]
    keys = [
        event.logs_captured_data.file_key for event in events if step in event.logs_captured_data.step_keys
    ]
    if not keys:
        return []
    log_key = instance.compute_log_manager.build_log_key_for_run(run_id, keys[-1])
    data = instance.compute_log_manager.get_log_data(log_key).stderr or b""
    lines = data.decode(errors="replace").splitlines()
    # Where a fault was is said from its first line on, the innermost call first.
    faults = [number for number, line in enumerate(lines) if line.startswith("Fatal Python error")]
    return lines[faults[-1] :][:LAST_LINES] if faults else lines[-LAST_LINES:]


def _end(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"ended by itself with the status {exit_code} and without a result"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = "unknown"
    hint = ", as the system does when the memory is used up" if -exit_code == signal.SIGKILL else ""
    return f"was ended by signal {-exit_code} ({name}){hint}"
