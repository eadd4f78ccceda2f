"""What becomes of a message: a real client, and a local Slack with everything that goes wrong there."""

import logging
import socket
from datetime import date

import pytest

from stock_assets.alerts.alert import Alert
from stock_assets.alerts.answers import NotSent, Posted
from stock_assets.alerts.mrkdwn import code_block
from stock_assets.alerts.slack import SlackSender, slack_client
from stock_assets.settings import SlackAccess
from stock_assets_tests.fake_slack import (
    BROKEN,
    CHANNEL,
    CHANNEL_ID,
    HANG,
    RATE_LIMITED,
    RATE_LIMITED_WITHOUT_A_TIME,
    RESET_AFTER,
    TOKEN,
    UNAVAILABLE,
    UPLOAD,
    FakeSlack,
    Fault,
)

ALERT = Alert(
    "run/r1/failed",
    "failure",
    "Daily <2022-12-01> failed & stopped",
    code_block(["no bars of <kor>"]),
    date(2022, 12, 1),
    "http://ui/runs/r1?a=1&b=2",
)
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20


def sender(slack: FakeSlack, token: str = TOKEN, channel: str = CHANNEL, timeout: int = 5) -> SlackSender:
    return SlackSender(SlackAccess(slack.url, channel, token), timeout)


def posted(answer: Posted | NotSent) -> Posted:
    assert isinstance(answer, Posted), answer
    return answer


def not_sent(answer: Posted | NotSent | None) -> NotSent:
    assert isinstance(answer, NotSent), answer
    return answer


def test_a_message_and_what_it_shows(slack: FakeSlack) -> None:
    answer = posted(sender(slack).send(ALERT))
    (message,) = slack.messages
    assert answer == Posted(CHANNEL_ID, message.ts)
    assert message.shown == (
        ":red_circle: Daily &lt;2022-12-01&gt; failed &amp; stopped\n```\nno bars of &lt;kor&gt;\n```\n"
        "<http://ui/runs/r1?a=1&amp;b=2|Look at it>"
    )
    assert message.text == ":red_circle: Daily &lt;2022-12-01&gt; failed &amp; stopped"


def test_a_reply_is_in_its_thread_and_bad_news_in_the_channel_too(slack: FakeSlack) -> None:
    root = posted(sender(slack).send(Alert("k", "run_started", "started")))
    reply = posted(sender(slack).send(ALERT, root.ts))
    quiet = posted(sender(slack).send(Alert("k2", "ready", "ready"), root.ts))
    assert reply.thread_ts == quiet.thread_ts == root.ts
    assert [message.broadcast for message in slack.messages] == [False, True, False]
    assert list(slack.threads) == [root.ts]


def test_a_repeat_says_so(slack: FakeSlack) -> None:
    sender(slack).send(ALERT, repeat=True)
    assert slack.lines == [":red_circle: Daily &lt;2022-12-01&gt; failed &amp; stopped (may be a repeat)"]


def test_refused_blocks_are_sent_as_text(slack: FakeSlack) -> None:
    slack.blocks_refused = True
    posted(sender(slack).send(ALERT, repeat=True))
    (message,) = slack.messages
    assert message.blocks == []
    assert message.text == (
        ":red_circle: Daily &lt;2022-12-01&gt; failed &amp; stopped (may be a repeat)\n"
        "```\nno bars of &lt;kor&gt;\n```\n<http://ui/runs/r1?a=1&amp;b=2>"
    )


def test_a_thread_that_is_gone_is_left(slack: FakeSlack) -> None:
    answer = posted(sender(slack).send(ALERT, "1699999999.000001"))
    assert answer.thread_ts is None
    assert [message.thread_ts for message in slack.messages] == [None]


def test_the_longest_alert_fits(slack: FakeSlack) -> None:
    long = Alert("k", "failure", "&" * 5000, code_block(["<&>" * 4000] * 3))
    posted(sender(slack).send(long))
    assert slack.messages[0].blocks, "not as plain text"


def test_a_picture_stands_in_the_thread_of_its_message(slack: FakeSlack) -> None:
    message = posted(sender(slack).send(ALERT))
    assert sender(slack).upload(PICTURE, "MAE", message) is None
    assert sender(slack).upload(PICTURE, "MAE", message, repeat=True) is None
    first, again = slack.messages[0].files
    assert (first.title, first.content) == ("MAE", PICTURE)
    assert again.title == "MAE (may be a repeat)"
    assert slack.asked("files.completeUploadExternal")[0]["thread_ts"] == message.ts
    reply = posted(sender(slack).send(ALERT, message.ts))
    sender(slack).upload(PICTURE, "in it", reply)
    assert slack.messages[0].files[-1].title == "in it", "not a thread below a reply"


@pytest.mark.parametrize(
    ("fault", "problem", "retry_after", "perhaps_sent"),
    [
        (RATE_LIMITED, "rate_limited", 30.0, False),
        (RATE_LIMITED_WITHOUT_A_TIME, "rate_limited", None, False),
        (Fault(429, None, (("retry-after", "7"),)), "rate_limited", 7.0, False),
        (Fault(429, "ratelimited", (("Retry-After", "soon"),)), "rate_limited", None, False),
        (Fault(429, "ratelimited", (("Retry-After", "inf"),)), "rate_limited", None, False),
        (Fault(200, "ratelimited"), "rate_limited", None, False),
        (BROKEN, "unavailable", None, True),
        (UNAVAILABLE, "unavailable", None, True),
        (Fault(200, None), "unavailable", None, True),
        (Fault(200, "fatal_error"), "unavailable", None, True),
        (RESET_AFTER, "unavailable", None, True),
        (Fault(200, "token_revoked"), "misconfigured", None, False),
        (Fault(200, "not_in_channel"), "misconfigured", None, False),
        (Fault(200, "channel_not_found"), "misconfigured", None, False),
        (Fault(200, "something_new"), "misconfigured", None, False),
        (Fault(200, "msg_too_long"), "unacceptable", None, False),
    ],
)
def test_what_is_not_sent_says_why(
    slack: FakeSlack, fault: Fault, problem: str, retry_after: float | None, perhaps_sent: bool
) -> None:
    slack.faults.append(("chat.postMessage", fault))
    answer = not_sent(sender(slack).send(ALERT))
    assert (answer.problem, answer.retry_after, answer.perhaps_sent) == (problem, retry_after, perhaps_sent)
    assert len(slack.requests) == 1, "nothing is tried twice"
    assert answer.sentence.endswith(".") and len(answer.sentence) < 200
    message = posted(sender(slack).send(ALERT))
    slack.faults = [("files.completeUploadExternal", fault)]
    picture = not_sent(sender(slack).upload(PICTURE, "t", message))
    assert (picture.problem, picture.perhaps_sent) == (problem, perhaps_sent)


def test_an_answer_that_never_comes_may_have_been_taken(slack: FakeSlack) -> None:
    slack.faults.append(("chat.postMessage", HANG))
    client = slack_client(SlackAccess(slack.url, CHANNEL, TOKEN), 5)
    client.timeout = 0.2  # pyright: ignore[reportAttributeAccessIssue]
    answer = not_sent(SlackSender(SlackAccess(slack.url, CHANNEL, TOKEN), client=client).send(ALERT))
    assert (answer.problem, answer.perhaps_sent) == ("unavailable", True)
    assert len(slack.messages) == 1


def test_nobody_there_has_taken_nothing() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/api/"
        answer = not_sent(SlackSender(SlackAccess(url, CHANNEL, TOKEN)).send(ALERT))
    assert answer == NotSent(
        "unavailable", "Slack was not reached (ConnectionRefusedError); check the network."
    )


@pytest.mark.parametrize(
    ("token", "channel", "members", "said"),
    [
        ("xoxb-other", CHANNEL, True, "Slack refuses alerts (invalid_auth): copy the bot's token again into"),
        (TOKEN, "#nowhere", True, "Slack refuses alerts (channel_not_found): put the id of a channel"),
        (TOKEN, CHANNEL, False, "Slack refuses alerts (not_in_channel): invite the bot to the channel"),
        (
            "xoxb\nbroken",
            CHANNEL,
            True,
            "No request can be made to Slack; look for characters in STOCK_ASSETS_SLACK",
        ),
    ],
)
def test_what_somebody_has_to_put_right_says_what_to_do(
    slack: FakeSlack, token: str, channel: str, members: bool, said: str
) -> None:
    slack.members = members
    answer = not_sent(sender(slack, token, channel).send(ALERT))
    assert answer.problem == "misconfigured" and answer.sentence.startswith(said)
    assert "xox" not in answer.sentence


def test_a_bot_that_may_not_send_files(slack: FakeSlack) -> None:
    slack.scopes = ("chat:write",)
    message = posted(sender(slack).send(ALERT))
    answer = not_sent(sender(slack).upload(PICTURE, "t", message))
    assert answer.problem == "misconfigured" and "files:write" in answer.sentence


def test_an_upload_that_breaks_is_tried_later(slack: FakeSlack) -> None:
    message = posted(sender(slack).send(ALERT))
    slack.faults.append((UPLOAD, BROKEN))
    assert not_sent(sender(slack).upload(PICTURE, "t", message)).problem == "unavailable"
    assert slack.messages[0].files == []


def test_nothing_of_a_request_is_logged(slack: FakeSlack, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    message = posted(sender(slack).send(ALERT))
    sender(slack).upload(PICTURE, "t", message)
    for fault in (BROKEN, RATE_LIMITED, RESET_AFTER, Fault(200, "invalid_auth")):
        slack.faults.append(("chat.postMessage", fault))
        sender(slack).send(ALERT)
    assert caplog.records == []
    assert TOKEN not in repr(sender(slack)) + repr(SlackAccess(slack.url, CHANNEL, TOKEN))
