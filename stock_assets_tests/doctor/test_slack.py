"""Slack is asked who the bot is; a token that does not do is one sentence, and is in none."""

from collections.abc import Iterator

import pytest

from stock_assets.doctor import slack as doctor_slack
from stock_assets.doctor.diagnosis import Diagnosis
from stock_assets.doctor.slack import slack_diagnoses
from stock_assets.settings import Settings
from stock_assets_tests.doctor.slack_server import TOKEN, FakeSlack, fake_slack


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as server:
        yield server


def ask(slack: FakeSlack, token: str = TOKEN, channel: str = "#alerts") -> list[Diagnosis]:
    settings = Settings.from_environment(
        {
            "STOCK_ASSETS_SLACK_URL": slack.url,
            "STOCK_ASSETS_SLACK_TOKEN": token,
            "STOCK_ASSETS_SLACK_CHANNEL": channel,
        }
    )
    assert TOKEN not in repr(settings)
    return list(slack_diagnoses(settings.slack))


def refusal(slack: FakeSlack, capfd: pytest.CaptureFixture[str], token: str = TOKEN) -> Diagnosis:
    (diagnosis,) = ask(slack, token)
    assert diagnosis.verdict == "failed" and diagnosis.remedy is not None
    said = f"{diagnosis}{''.join(capfd.readouterr())}"
    assert "hunter2" not in said and "\n" not in said
    return diagnosis


def test_a_bot_that_may_do_all_is_named(slack: FakeSlack) -> None:
    assert ask(slack) == [
        Diagnosis(
            "Slack",
            "ok",
            "The bot 'prices' of the team 'Quants' may send alerts (chat:write, files:write); they go to "
            "#alerts.",
        )
    ]
    assert slack.asked == ["/api/auth.test"]


def test_without_token_and_channel_nobody_is_asked(slack: FakeSlack) -> None:
    (diagnosis,) = ask(slack, token="", channel="")
    assert diagnosis.verdict == "warning"
    assert diagnosis.found == (
        "Alerts go to the log alone, since STOCK_ASSETS_SLACK_TOKEN and STOCK_ASSETS_SLACK_CHANNEL are not "
        "set."
    )
    assert slack.asked == []


def test_a_channel_without_a_token_and_the_reverse_are_warnings(slack: FakeSlack) -> None:
    (no_token,) = ask(slack, token="")
    assert no_token.verdict == "warning" and "STOCK_ASSETS_SLACK_TOKEN is not set" in no_token.found
    no_channel, token = ask(slack, channel="")
    assert no_channel.verdict == "warning" and "STOCK_ASSETS_SLACK_CHANNEL is not set" in no_channel.found
    assert token.verdict == "ok" and token.found.endswith("(chat:write, files:write).")


@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        ("chat:write", "files:write"),
        ("files:write, incoming-webhook", "chat:write"),
        ("chat:write.public,files:write", "chat:write"),
        ("", "chat:write, files:write"),
        (None, "chat:write, files:write"),
    ],
)
def test_missing_scopes_fail(
    slack: FakeSlack, granted: str | None, missing: str, capfd: pytest.CaptureFixture[str]
) -> None:
    slack.scopes = granted
    assert f"lacks the scope {missing}; it has " in refusal(slack, capfd).found


def test_a_token_that_slack_does_not_know_is_one_sentence(
    slack: FakeSlack, capfd: pytest.CaptureFixture[str]
) -> None:
    diagnosis = refusal(slack, capfd, "xoxb-hunter2-of-nobody")
    assert diagnosis.found == "Slack refuses the token (invalid_auth)."
    assert diagnosis.remedy == "Copy the bot's token again into STOCK_ASSETS_SLACK_TOKEN."


def test_an_error_of_slack_that_is_not_known_is_named(
    slack: FakeSlack, capfd: pytest.CaptureFixture[str]
) -> None:
    slack.body = b'{"ok": false, "error": "team_added_to_org"}'
    assert "team_added_to_org" in refusal(slack, capfd).found


@pytest.mark.parametrize("body", [b"<html>hunter2</html>", b"[1]", b"\xff", b"", b"null"])
def test_an_answer_that_is_none_is_one_sentence(
    slack: FakeSlack, body: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    slack.body = body
    assert "gave no answer that can be read" in refusal(slack, capfd).found


def test_a_failing_slack_is_one_sentence(slack: FakeSlack, capfd: pytest.CaptureFixture[str]) -> None:
    slack.status, slack.body = 503, b"<html>down</html>"
    assert refusal(slack, capfd).found == "Slack gave no answer that can be read (status 503)."


def test_a_token_that_no_header_can_hold_is_one_sentence(
    slack: FakeSlack, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "(ValueError)" in refusal(slack, capfd, "xoxb-\nhunter2").found


def test_a_slack_that_hangs_ends(
    slack: FakeSlack, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_slack, "_SECONDS", 1)
    slack.hangs = True
    assert "was not reached" in refusal(slack, capfd).found


def test_a_slack_that_is_not_there_is_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    with fake_slack() as gone:
        pass
    assert "was not reached" in refusal(gone, capfd).found
