"""Alerts: queued in the outbox by whoever has something to say, and sent from there by one that may wait.

Whoever queues touches no network, so that a Slack that is down delays and fails nothing but messages.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from stock_assets.alerts.alert import Alert, AlertKind
from stock_assets.pipeline.alert_sending import Sending, send_heartbeats, send_to_slack
from stock_assets.settings import Settings
from stock_assets.storage.alert_states import mark_logged
from stock_assets.storage.alerts import Target, open_alerts, queue_alerts
from stock_assets.storage.engine import read_transaction

if TYPE_CHECKING:
    from slack_sdk import WebClient

ALERTS_LOG = logging.getLogger("stock_assets.alerts")

_LEVELS: dict[AlertKind, int] = {"failure": logging.ERROR, "late": logging.ERROR}
_LEVELS |= {"retry": logging.WARNING, "warning": logging.WARNING}


@dataclass(frozen=True)
class DeliveryReport:
    """What one call of `deliver` did.

    Attributes
    ----------
    sent : int
        Messages and heartbeats that went out.
    folded : int
        Alerts that went out within the message of another one.
    logged : int
        Alerts that had nobody to be sent to: they are in the log.
    abandoned : int
        Alerts that were given up.
    waiting : int
        Alerts that are still to be sent.
    problems : tuple of str
        Why something was not sent, as sentences.
    """

    sent: int = 0
    folded: int = 0
    logged: int = 0
    abandoned: int = 0
    waiting: int = 0
    problems: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The report as one line."""
        counts = (
            (self.sent, "sent"),
            (self.folded, "sent within a summary"),
            (self.logged, "in the log alone"),
            (self.abandoned, "given up"),
            (self.waiting, "waiting"),
        )
        said = ", ".join(f"{count} {what}" for count, what in counts if count)
        return f"Alerts: {said or 'nothing to send'}." + "".join(f" {problem}" for problem in self.problems)


def queue(
    engine: sa.Engine, alerts: Sequence[Alert], now: datetime, *, logger: logging.Logger = ALERTS_LOG
) -> tuple[Alert, ...]:
    """Put alerts into the outbox, and write a line of each into the log.

    Parameters
    ----------
    alerts : sequence of Alert
        In the order in which they are to be sent; those whose key is in the outbox already are left out.
    now : datetime
        With a time zone.
    logger : Logger, optional
        Where the lines go, ``stock_assets.alerts`` by default.

    Returns
    -------
    tuple of Alert
        Those that were not there.
    """
    if not alerts:
        return ()
    with engine.begin() as connection:
        new = queue_alerts(connection, alerts, now)
        queue_alerts(connection, [one for one in new if one.kind == "all_complete"], now, "heartbeat")
    for alert in new:
        link = f" {alert.link}" if alert.link else ""
        logger.log(_LEVELS.get(alert.kind, logging.INFO), "%s%s", alert.text, link)
    return new


def queue_heartbeat(engine: sa.Engine, alert: Alert, now: datetime) -> None:
    """Put an alert into the outbox of the heartbeat alone, as on a day without trading.

    ``queue`` does so itself for each ``all_complete``.
    """
    with engine.begin() as connection:
        queue_alerts(connection, [alert], now, "heartbeat")


def deliver(
    engine: sa.Engine,
    settings: Settings,
    now: datetime,
    *,
    limit: int = 25,
    deadline_seconds: float = 25,
    client: "WebClient | None" = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> DeliveryReport:
    """Send what is due: the heartbeat, then alerts to Slack, about one a second.

    The first problem ends it: what was not taken, and what comes behind it, is tried again later. Nothing is
    raised for what a server does.

    Parameters
    ----------
    settings : Settings
        Where alerts go. Without Slack's token and channel they are in the log alone, and so are heartbeats
        without an address.
    now : datetime
        With a time zone.
    limit : int
        Messages at the most.
    deadline_seconds : float
        Nothing is begun after so many seconds. What was begun may take 25 more, if Slack hangs at each of
        its requests.
    client : WebClient, optional
        Slack's, in place of one made from the settings.
    clock, sleep : callable
        The seconds of some clock, and waiting for seconds.
    """
    start = clock()
    sending = Sending(
        engine,
        settings,
        limit=limit,
        present=lambda: now + timedelta(seconds=clock() - start),
        in_time=lambda: clock() - start < deadline_seconds,
        sleep=sleep,
    )
    logged = 0
    if settings.heartbeat_url is None:
        logged += _log_alone(engine, "heartbeat")
    else:
        send_heartbeats(sending, settings.heartbeat_url)
    if settings.slack.token is None or settings.slack.channel is None:
        logged += _log_alone(engine, "slack")
    else:
        send_to_slack(sending, client)
    with read_transaction(engine) as connection:
        targets: tuple[Target, ...] = ("slack", "heartbeat")
        waiting = sum(len(open_alerts(connection, target)) for target in targets)
    return DeliveryReport(
        sending.sent, sending.folded, logged, sending.abandoned, waiting, tuple(sending.problems)
    )


def _log_alone(engine: sa.Engine, target: Target) -> int:
    with read_transaction(engine) as connection:
        if not open_alerts(connection, target):
            return 0
    with engine.begin() as connection:
        return mark_logged(connection, target)
