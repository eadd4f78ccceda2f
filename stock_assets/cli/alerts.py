"""Send a message that shows that alerts arrive."""

from datetime import UTC, datetime

import click

from stock_assets.alerts.answers import NotSent
from stock_assets.alerts.messages import trial
from stock_assets.alerts.slack import SlackSender
from stock_assets.errors import AlertNotSent, ConfigurationError
from stock_assets.settings import SLACK_CHANNEL_VARIABLE, SLACK_TOKEN_VARIABLE, Settings


def send_trial(settings: Settings) -> None:
    """Send it at once, past the outbox, and say where it is.

    Raises
    ------
    ConfigurationError
        If the environment names no token or no channel.
    AlertNotSent
        If Slack has not taken it, with what to do.
    """
    access = settings.slack
    if not access.token or not access.channel:
        raise ConfigurationError(
            f"Alerts go to the log alone; set {SLACK_TOKEN_VARIABLE} and {SLACK_CHANNEL_VARIABLE} to have "
            "them in Slack."
        )
    answer = SlackSender(access).send(trial(settings.universe, datetime.now(UTC)))
    if isinstance(answer, NotSent):
        raise AlertNotSent(answer.sentence)
    click.echo(f"The message is in {access.channel} ({answer.channel_id}).")
