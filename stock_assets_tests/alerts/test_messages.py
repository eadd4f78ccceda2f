"""What the messages say, and that they fit into Slack without a secret."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_assets.alerts import messages
from stock_assets.alerts.alert import MAX_DETAILS, MAX_PICTURE_BYTES, MAX_TEXT, Alert
from stock_assets.alerts.facts import ForecastErrors, RunFacts, WeightChange
from stock_assets.alerts.mrkdwn import clip_mrkdwn, code_block, escape, redact

DAY = date(2022, 12, 1)
RUN = RunFacts("r1", "daily 2022-12-01", "http://ui/runs/r1", DAY, group="daily/2022-12-01T03")


def test_ready_names_counts_and_the_largest_changes() -> None:
    changes = [
        WeightChange("alpha stable", "gold", 0.4, 0.055),
        WeightChange("alpha stable", "us<10y>", 0.0, 0.31),
    ]
    alert = messages.ready(RUN, 13, 1, changes, ["kor & jp were closed."])
    assert alert.text == "Daily 2022-12-01 ready: 13 predictions, 1 portfolio."
    assert alert.details == (
        "*Largest changes of weight*\n```\nalpha stable: gold 40.0 % → 5.5 %\n"
        "alpha stable: us&lt;10y&gt; 0.0 % → 31.0 %\n```\n• kor &amp; jp were closed."
    )
    assert (alert.key, alert.day, alert.link) == ("run/r1/ready", DAY, "http://ui/runs/r1")
    assert messages.ready(RUN, 0, 0).details is None


def test_training_shows_mae_beside_naive_forecasts() -> None:
    errors = [
        ForecastErrors("kor", 0.0412, 0.0431, 0.0425),
        ForecastErrors("gold", 0.0312, 0.0301, 0.0305),
        ForecastErrors("tie", 0.03, 0.03, 0.04),
        ForecastErrors("short", None, 0.03, None),
    ]
    run = RunFacts("r2", "training 2022-12-01", "http://ui/runs/r2", attempt=2)
    alert = messages.training_finished(run, errors, [("Sharpe net", 0.914), ("equal weight", None)], b"png")
    assert alert.text == (
        "Training 2022-12-01 (attempt 2) finished: 1 of 4 networks beat both naive forecasts in validation."
    )
    assert alert.details is not None
    assert "kor           4.120    4.310    4.250\n" in alert.details
    assert "short             -    3.000        -\n" in alert.details
    assert "used for early stopping" in alert.details
    assert "Sharpe net: 0.91\nequal weight: undefined" in alert.details
    assert (
        alert.picture == b"png" and alert.picture_title == "training 2022-12-01: MAE against naive forecasts"
    )
    assert alert.day is None


def test_a_failure_names_step_attempt_and_root_error() -> None:
    alert = messages.failure(
        RUN, "SourceError: no\nbars <here>", "close_prices", 3, ["alpha", "b"], cause="KeyError: 'x'"
    )
    assert alert.text == (
        "Daily 2022-12-01 failed in step close_prices (attempt 3 of the step): SourceError: no bars <here>"
    )
    assert alert.details == (
        "```\nSourceError: no\nbars &lt;here&gt;\n```\nCaused by:\n```\nKeyError: 'x'\n```\n"
        "Failed too: alpha, b"
    )
    assert (alert.kind, alert.group) == ("failure", "daily/2022-12-01T03")
    assert messages.failure(RUN, "E: x").text == "Daily 2022-12-01 failed: E: x"


def test_what_happens_once_a_day_has_the_days_key() -> None:
    deadline = datetime(2022, 12, 2, 6, 30, tzinfo=UTC)
    alerts = [
        messages.market_closed(DAY, "XNYS closed, Thanksgiving"),
        messages.late(DAY, "Bars of kor are missing.", deadline),
        messages.recovered(DAY),
        messages.nothing_published(RUN, "waiting", ["kor has no bar.", "us has none."]),
        messages.all_complete(DAY, 5),
    ]
    assert [(alert.key, alert.kind, alert.text) for alert in alerts] == [
        ("day/2022-12-01/closed", "market_closed", "2022-12-01: XNYS closed, Thanksgiving"),
        (
            "day/2022-12-01/late",
            "late",
            "2022-12-01 is late: it was to be complete by 2022-12-02 06:30 UTC. Bars of kor are missing.",
        ),
        ("day/2022-12-01/recovered", "recovered", "2022-12-01 recovered: it is complete."),
        (
            "day/2022-12-01/waiting",
            "warning",
            "Daily 2022-12-01 published nothing (waiting). kor has no bar.",
        ),
        (
            "all_complete/2022-12-01",
            "all_complete",
            "All complete up to 2022-12-01 (5 trading days looked at).",
        ),
    ]
    assert [alert.day for alert in alerts] == [DAY, DAY, DAY, DAY, None]


def test_many_are_one_with_the_first_and_the_last_of_them() -> None:
    text, details = messages.folded([f"day {number} failed" for number in range(497)])
    assert text == "497 more like those before, the last one: day 496 failed"
    lines = details.split("\n")
    assert lines[1:-1] == [
        *(f"day {number} failed" for number in range(6)),
        "… 485 more …",
        *(f"day {number} failed" for number in range(491, 497)),
    ]
    assert "more …" not in messages.folded([str(number) for number in range(12)])[1]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("mysql://user:p@ss!w@host/db failed", "mysql://***@host/db failed"),
        ("http://:secret@host", "http://***@host"),
        ("https://a.example/x?api_key=abc&day=1", "https://a.example/x?api_key=***&day=1"),
        ("GET /q?a=1&TOKEN=abc' failed", "GET /q?a=1&TOKEN=***' failed"),
        ("token xoxb-12-34-abcDEF refused", "token *** refused"),
        ("Authorization: Bearer abcdefgh12345", "Authorization: Bearer ***"),
        ("STOCK_ASSETS_FRED_KEY=abc is wrong", "STOCK_ASSETS_FRED_KEY=*** is wrong"),
        ("{'user': 'u', 'db_password': 'hunter2'}", "{'user': 'u', 'db_password': '***'}"),
        ("https://a.example/2022-12-01?partition_key=x at 12:30", None),
        ("mail me@host, http://host/a:b", None),
    ],
)
def test_secrets_do_not_pass(text: str, left: str | None) -> None:
    assert redact(text) == (text if left is None else left)
    alert = Alert("k", "warning", text, text)
    assert alert.text == alert.details == redact(text)
    assert Alert("k", "warning", "t", link="http://user:secret@ui/runs/1").link == "http://***@ui/runs/1"


@given(st.text(alphabet="ab&<>`\n ", max_size=400), st.integers(40, 300))
def test_what_is_cut_is_still_mrkdwn(text: str, longest: int) -> None:
    details = f"head\n{code_block([text, text])}\ntail &amp; {escape(text)}"
    cut = clip_mrkdwn(details, longest)
    assert len(cut) <= longest
    if len(details) <= longest:
        assert cut == details
        return
    assert "…" in cut
    whole = cut.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert "&" not in whole
    # What the text itself had of fences outside of the block counts for nothing.
    if "```" not in text:
        assert cut.count("```") % 2 == 0


@given(st.text(max_size=3000), st.text(max_size=6000))
def test_every_alert_fits(text: str, details: str) -> None:
    alert = Alert("k", "warning", text, code_block([details]))
    assert len(alert.text) <= MAX_TEXT and "\n" not in alert.text
    assert alert.details is not None and len(alert.details) <= MAX_DETAILS
    assert alert.details.count("```") == 2
    again = Alert("k", "warning", alert.text, alert.details)
    assert (again.text, again.details) == (alert.text, alert.details)


def test_what_no_database_takes_does_not_pass() -> None:
    # So the name of a file reaches a message that is no text.
    alert = Alert("k", "failure", "no file \udcff", "no file \udcff")
    assert (alert.text, alert.details) == ("no file ?", "no file ?")


def test_the_runs_of_a_backfill_have_one_group_for_each_kind_of_message() -> None:
    one, other = (replace(RUN, run_id=name, group="backfill/abc") for name in ("r1", "r2"))
    say = {
        "started": messages.run_started,
        "ready": lambda run: messages.ready(run, 1, 1),
        "retries": lambda run: messages.step_retried(run, "close_prices", 2, "KeyError: 'x'"),
        "recovered": messages.run_recovered,
    }
    for what, message in say.items():
        assert message(one).group == message(other).group == f"backfill/abc/{what}"
    assert messages.run_started(RUN).group is messages.ready(RUN, 1, 1).group is None


def test_a_picture_that_is_too_large_is_left_out_and_missed() -> None:
    alert = Alert("k", "ready", "t", picture=b"x" * (MAX_PICTURE_BYTES + 1))
    assert alert.picture is None and "524,289 bytes" in str(alert.details)
    assert Alert("k", "ready", "t", picture=b"x" * MAX_PICTURE_BYTES).picture is not None


@pytest.mark.parametrize("wrong", [{"key": ""}, {"key": "k" * 201}, {"group": ""}, {"kind": "other"}])
def test_what_no_table_can_hold_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        Alert(**{"key": "k", "kind": "ready", "text": "t", **wrong})  # pyright: ignore[reportArgumentType]


def test_a_run_names_the_markets_that_were_closed_on_its_day() -> None:
    run = replace(RUN, closed="XNYS closed, Thanksgiving")
    assert messages.run_started(run).text == "Daily 2022-12-01 started (XNYS closed, Thanksgiving)."
    details = messages.ready(run, 13, 6).details
    assert details is not None and "XNYS closed, Thanksgiving" in details
    assert messages.run_started(RUN).text == "Daily 2022-12-01 started."
