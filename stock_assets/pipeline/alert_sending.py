"""Send alerts from the outbox, so that none is lost and none is repeated without saying so.

A row is claimed, and the claim committed, before its message is sent; where it is, is committed before its
picture is. So a kill can repeat the one request that was under way, and whoever repeats it knows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from stock_assets.alerts import messages
from stock_assets.alerts.alert import Alert
from stock_assets.alerts.answers import NotSent, Posted
from stock_assets.alerts.heartbeat import beat
from stock_assets.alerts.slack import SlackSender
from stock_assets.pipeline.alert_order import Choice, is_stale, next_alert
from stock_assets.settings import Settings
from stock_assets.storage.alert_states import (
    abandon,
    claim,
    record_failed,
    record_posted,
    record_sent,
)
from stock_assets.storage.alerts import (
    LONGEST_WISH,
    OpenAlert,
    Target,
    folded_texts,
    open_alerts,
    read_picture,
    sent_of_groups,
    thread_root,
)
from stock_assets.storage.engine import read_transaction

if TYPE_CHECKING:
    from slack_sdk import WebClient

#: Slack takes about one message a second in a channel.
SECONDS_BETWEEN = 1.0
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=5)
#: A heartbeat that could not be sent for so long is given up: it would tell of a day that is long over.
GIVE_UP = timedelta(hours=24)


@dataclass
class Sending:
    """One call of ``alerts.deliver``: what it may do, and what it has done.

    Attributes
    ----------
    limit : int
        Messages that may still be sent.
    present : callable
        Returns now, with a time zone.
    in_time : callable
        Whether another message may be begun.
    sleep : callable
        Waits for seconds.
    sent, folded, abandoned : int
    problems : list of str
    """

    engine: sa.Engine
    settings: Settings
    limit: int
    present: Callable[[], datetime]
    in_time: Callable[[], bool]
    sleep: Callable[[float], None]
    sent: int = 0
    folded: int = 0
    abandoned: int = 0
    problems: list[str] = field(default_factory=list)

    def claim_next(self, target: Target) -> Choice | None:
        """Claim what is to be sent next, or return None if everything has to wait."""
        while True:
            now = self.present()
            with read_transaction(self.engine) as connection:
                alerts = open_alerts(connection, target)
                groups = {one.alert.group for one in alerts if one.alert.group is not None}
                sent = sent_of_groups(connection, groups, target)
            # A problem is the server's, not one alert's: as long as one waits for it, all do.
            if any(one.state == "pending" and one.waits(now) for one in alerts):
                return None
            choice = next_alert(alerts, sent, now)
            if choice is None:
                return None
            with self.engine.begin() as connection:
                if claim(connection, choice.chosen, now, choice.folded, target):
                    return choice
            # Another sender was faster: look again.

    def failed(self, chosen: OpenAlert, target: Target, answer: NotSent) -> None:
        """Note that a claimed alert was not sent, and give up heartbeats that have waited for a day."""
        now = self.present()
        for_good = answer.problem == "unacceptable"
        with self.engine.begin() as connection:
            record_failed(
                connection,
                chosen,
                answer.sentence,
                now if for_good else now + pause_after(answer, chosen.attempts + 1),
                target=target,
                perhaps_sent=answer.perhaps_sent,
                for_good=for_good,
            )
            given_up = abandon(connection, target, now - GIVE_UP) if target == "heartbeat" else 0
        self.abandoned += given_up + for_good
        self.problems.append(answer.sentence)


def pause_after(answer: NotSent, attempts: int) -> timedelta:
    """Return how long to wait after an attempt that failed: what the server wishes, or longer each time."""
    if answer.retry_after is not None:
        return min(timedelta(seconds=answer.retry_after), LONGEST_WISH)
    return min(FIRST_PAUSE * 2 ** min(attempts - 1, 10), LONGEST_PAUSE)


def send_heartbeats(sending: Sending, url: str) -> None:
    """Ask the address once for each heartbeat that is queued."""
    while sending.in_time():
        choice = sending.claim_next("heartbeat")
        if choice is None:
            return
        answer = beat(url)
        if answer is not None:
            sending.failed(choice.chosen, "heartbeat", answer)
            return
        with sending.engine.begin() as connection:
            record_sent(connection, choice.chosen, sending.present(), target="heartbeat")
        sending.sent += 1


def send_to_slack(sending: Sending, client: "WebClient | None" = None) -> None:
    """Send messages with their pictures until nothing is due, a problem comes up or the time is over."""
    sender = SlackSender(sending.settings.slack, client=client)
    first = True
    while sending.limit > 0 and sending.in_time():
        choice = sending.claim_next("slack")
        if choice is None:
            return
        if not first:
            sending.sleep(SECONDS_BETWEEN)
        first = False
        problem = _send(sending, sender, choice)
        if problem is not None:
            sending.failed(choice.chosen, "slack", problem)
            # The next message may be better than one that is not acceptable.
            if problem.problem != "unacceptable":
                return
        sending.limit -= 1


def _send(sending: Sending, sender: SlackSender, choice: Choice) -> NotSent | None:
    chosen, engine = choice.chosen, sending.engine
    repeat = chosen.may_repeat or chosen.state == "sending"
    posted = _where(chosen)
    if posted is None:
        channel = sending.settings.slack.channel or ""
        with read_transaction(engine) as connection:
            alert = _message(connection, chosen.alert, late=is_stale(chosen, sending.present()))
            root = None if alert.day is None else thread_root(connection, alert.day, channel)
        answer = sender.send(alert, root, repeat=repeat)
        if isinstance(answer, NotSent):
            return answer
        posted, repeat = answer, False
        with engine.begin() as connection:
            record_posted(connection, chosen, channel, posted.channel_id, posted.ts, posted.thread_ts)
            if not chosen.has_picture:
                record_sent(connection, chosen, sending.present())
        sending.sent += 1
        sending.folded += len(choice.folded)
    return _send_picture(sending, sender, chosen, posted, repeat=repeat) if chosen.has_picture else None


def _send_picture(
    sending: Sending, sender: SlackSender, chosen: OpenAlert, posted: Posted, *, repeat: bool
) -> NotSent | None:
    with read_transaction(sending.engine) as connection:
        picture = read_picture(connection, chosen.alert.key) or b""
    title = chosen.alert.picture_title or chosen.alert.text
    answer = sender.upload(picture, title, posted, repeat=repeat)
    if answer is not None and answer.problem in ("rate_limited", "unavailable"):
        return answer
    # A bot that may not send files has sent the message all the same.
    remark = None if answer is None else f"The picture is missing. {answer.sentence}"
    if remark is not None:
        sending.problems.append(remark)
    with sending.engine.begin() as connection:
        record_sent(connection, chosen, sending.present(), remark=remark)
    return None


def _message(connection: sa.Connection, alert: Alert, *, late: bool) -> Alert:
    """Return the alert, or the summary if its message stands for others too."""
    texts = folded_texts(connection, alert.key)
    if not texts:
        return alert
    text, details = messages.folded(texts, late=late)
    return replace(alert, kind="summary", text=text, details=details, day=None, link=None)


def _where(chosen: OpenAlert) -> Posted | None:
    """Return where the message is, if it is sent and only its picture is missing."""
    if chosen.slack_ts is None or chosen.channel_id is None:
        return None
    return Posted(chosen.channel_id, chosen.slack_ts, chosen.thread_ts)
