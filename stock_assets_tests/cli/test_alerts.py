"""A trial message from the command line."""

import pytest
from click.testing import CliRunner

from stock_assets.cli.main import main
from stock_assets.settings import SLACK_CHANNEL_VARIABLE, SLACK_TOKEN_VARIABLE, SLACK_URL_VARIABLE
from stock_assets_tests.fake_slack import CHANNEL, TOKEN, fake_slack


def test_a_trial_message_arrives_or_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (SLACK_TOKEN_VARIABLE, SLACK_CHANNEL_VARIABLE, SLACK_URL_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    unset = CliRunner().invoke(main, ["send-test-alert"])
    assert (
        unset.exit_code == 1 and "set STOCK_ASSETS_SLACK_TOKEN and STOCK_ASSETS_SLACK_CHANNEL" in unset.output
    )
    with fake_slack() as slack:
        monkeypatch.setenv(SLACK_TOKEN_VARIABLE, TOKEN)
        monkeypatch.setenv(SLACK_CHANNEL_VARIABLE, CHANNEL)
        monkeypatch.setenv(SLACK_URL_VARIABLE, slack.url)
        sent = CliRunner().invoke(main, ["send-test-alert"])
        assert (sent.exit_code, sent.output) == (0, "The message is in #alerts (C0ALERTS1).\n")
        assert slack.lines == [":memo: Alerts of the universe sample arrive here."]
        slack.members = False
        refused = CliRunner().invoke(main, ["send-test-alert"])
    assert refused.exit_code == 1
    assert refused.output == (
        "Slack refuses alerts (not_in_channel): invite the bot to the channel: /invite @ and its name.\n"
    )
