"""Send one alert to Slack, and say what became of it.

The client tries nothing a second time: only the outbox knows whether a message may have been taken already,
and marks the one that it repeats.
"""

import logging
import math
import re
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.error import HTTPError, URLError

from stock_assets.alerts.alert import Alert, AlertKind
from stock_assets.alerts.answers import NotSent, Posted
from stock_assets.alerts.mrkdwn import escape
from stock_assets.settings import SLACK_CHANNEL_VARIABLE, SLACK_TOKEN_VARIABLE, SlackAccess

# Definitions load without it.
if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_sdk import WebClient
    from slack_sdk.errors import SlackApiError

_Answer = TypeVar("_Answer", Posted, None)

TIMEOUT_SECONDS = 5
REPEAT_MARK = "(may be a repeat)"

_SIGNS: dict[AlertKind, str] = {
    "run_started": ":arrow_forward:",
    "market_closed": ":zzz:",
    "ready": ":white_check_mark:",
    "training_started": ":arrow_forward:",
    "training_finished": ":mortar_board:",
    "failure": ":red_circle:",
    "retry": ":repeat:",
    "late": ":hourglass:",
    "recovered": ":large_green_circle:",
    "all_complete": ":heavy_check_mark:",
    "summary": ":memo:",
    "warning": ":warning:",
}
#: Shown in the channel too when they are in a thread: nobody opens threads on a bad day.
_BROADCAST: frozenset[AlertKind] = frozenset({"failure", "late", "recovered", "warning"})

_CODE = re.compile(r"[a-z0-9_]{1,60}")
_BLOCKS_REFUSED = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})
_THREAD_REFUSED = frozenset({"thread_not_found", "invalid_thread_ts", "cannot_reply_to_message"})
_MESSAGE_REFUSED = frozenset({"msg_too_long", "no_text", "invalid_arguments", "markdown_text_conflict"})
_PASSING = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
_RATE_LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_REINSTALL = f"install the app again and put its new token into {SLACK_TOKEN_VARIABLE}"
_REMEDIES = {
    "invalid_auth": f"copy the bot's token again into {SLACK_TOKEN_VARIABLE}",
    "not_authed": f"copy the bot's token again into {SLACK_TOKEN_VARIABLE}",
    "token_revoked": _REINSTALL,
    "token_expired": _REINSTALL,
    "account_inactive": _REINSTALL,
    "missing_scope": "give the app the scopes chat:write and files:write, and install it again",
    "channel_not_found": f"put the id of a channel that the bot can see into {SLACK_CHANNEL_VARIABLE}",
    "not_in_channel": "invite the bot to the channel: /invite @ and its name",
    "is_archived": f"put a channel that is not archived into {SLACK_CHANNEL_VARIABLE}",
}


def slack_client(access: SlackAccess, timeout: int = TIMEOUT_SECONDS) -> "WebClient":
    """Return a client of Slack's API that logs nothing and tries nothing twice.

    Parameters
    ----------
    access : SlackAccess
    timeout : int
        Seconds that each of connecting, sending and waiting may take.
    """
    from slack_sdk import WebClient

    # At level DEBUG the client writes whole requests, and the addresses of uploads, which are secrets too.
    silent = logging.Logger("stock_assets.alerts.slack_sdk", logging.CRITICAL)
    silent.addHandler(logging.NullHandler())
    return WebClient(
        token=access.token,
        base_url=access.url or WebClient.BASE_URL,
        timeout=timeout,
        retry_handlers=[],
        logger=silent,
    )


class SlackSender:
    """Sends alerts to one channel.

    Parameters
    ----------
    access : SlackAccess
        With token and channel.
    timeout : int
        Seconds that each of connecting, sending and waiting may take.
    client : WebClient, optional
        In place of one made here.
    """

    def __init__(
        self, access: SlackAccess, timeout: int = TIMEOUT_SECONDS, client: "WebClient | None" = None
    ) -> None:
        self._channel = access.channel or ""
        self._client = client or slack_client(access, timeout)

    def send(self, alert: Alert, thread_ts: str | None = None, *, repeat: bool = False) -> Posted | NotSent:
        """Post an alert without its picture.

        A message whose blocks Slack refuses is sent as plain text, and one whose thread is gone stands in the
        channel.

        Parameters
        ----------
        thread_ts : str, optional
            The message whose thread it belongs to.
        repeat : bool
            Whether it may have been taken before, which it then says.
        """
        body = _body(alert, repeat=repeat)
        answer = self._post(alert.kind, body, thread_ts)
        if answer in _BLOCKS_REFUSED:
            body = _plain(alert, repeat=repeat)
            answer = self._post(alert.kind, body, thread_ts)
        if answer in _THREAD_REFUSED:
            answer = self._post(alert.kind, body, None)
        if isinstance(answer, str):
            return NotSent("unacceptable", f"Slack does not take the message ({answer}).")
        return answer

    def upload(self, picture: bytes, title: str, posted: Posted, *, repeat: bool = False) -> NotSent | None:
        """Put a picture into the thread of its message; None if Slack has taken it.

        Parameters
        ----------
        picture : bytes
            A PNG.
        posted : Posted
            The message that it belongs to.
        """
        shown = f"{title} {REPEAT_MARK}" if repeat else title

        def put() -> None:
            self._client.files_upload_v2(
                channel=posted.channel_id,
                thread_ts=posted.thread_ts or posted.ts,
                content=picture,
                filename="picture.png",
                title=shown,
                alt_txt=title,
            )

        answer = _asked(put)
        if isinstance(answer, str):
            return NotSent("unacceptable", f"Slack does not take the picture ({answer}).")
        return answer

    def _post(self, kind: AlertKind, body: dict[str, Any], thread_ts: str | None) -> Posted | NotSent | str:
        """Post, and return what became of it, or the code of a refusal of this message alone."""
        thread = {}
        if thread_ts is not None:
            thread = {"thread_ts": thread_ts, "reply_broadcast": kind in _BROADCAST}

        def post() -> Posted:
            answer = self._client.chat_postMessage(
                channel=self._channel, unfurl_links=False, unfurl_media=False, **body, **thread
            )
            return Posted(str(answer["channel"]), str(answer["ts"]), thread_ts)

        return _asked(post)


def _body(alert: Alert, *, repeat: bool) -> dict[str, Any]:
    line = _line(alert, repeat=repeat)
    texts = [line, *([alert.details] if alert.details else [])]
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": text}} for text in texts
    ]
    if alert.link is not None:
        look = {"type": "mrkdwn", "text": f"<{escape(alert.link)}|Look at it>"}
        blocks.append({"type": "context", "elements": [look]})
    # What notifications show, which know no blocks.
    return {"text": line, "blocks": blocks}


def _plain(alert: Alert, *, repeat: bool) -> dict[str, Any]:
    link = f"<{escape(alert.link)}>" if alert.link else None
    parts = (_line(alert, repeat=repeat), alert.details, link)
    return {"text": "\n".join(part for part in parts if part)}


def _line(alert: Alert, *, repeat: bool) -> str:
    mark = f" {REPEAT_MARK}" if repeat else ""
    return f"{_SIGNS[alert.kind]} {escape(alert.text)}{mark}"


def _asked(request: "Callable[[], _Answer]") -> _Answer | NotSent | str:
    """Make a request, and say of whatever it raises what that means: a code if it is the message's fault."""
    from slack_sdk.errors import SlackApiError, SlackClientError

    # Of an exception only its kind is said: its text may hold the token, or an address for uploads.
    try:
        return request()
    except SlackApiError as error:
        return _refusal(error)
    except HTTPError as error:
        # Of an upload's own address alone: what was not uploaded whole is shown nowhere.
        error.close()
        return NotSent("unavailable", f"Slack has failed itself (status {error.code}).")
    except URLError as error:
        kind = type(error.reason).__name__ if isinstance(error.reason, Exception) else "URLError"
        return NotSent("unavailable", f"Slack was not reached ({kind}); check the network.")
    except ValueError:
        return NotSent(
            "misconfigured",
            f"No request can be made to Slack; look for characters in {SLACK_TOKEN_VARIABLE} that do not "
            "belong there.",
        )
    except (SlackClientError, HTTPException, OSError, AttributeError, LookupError, TypeError) as error:
        kind = type(error).__name__
        return NotSent(
            "unavailable",
            f"Slack gave no answer that can be read ({kind}); whether it has taken the message is not known.",
            perhaps_sent=True,
        )


def _refusal(error: "SlackApiError") -> NotSent | str:
    status, content = error.response.status_code, error.response.data
    code = content.get("error") if isinstance(content, dict) else None
    if status == 429 or code in _RATE_LIMITED:
        headers = {str(name).lower(): str(value) for name, value in error.response.headers.items()}
        return NotSent(
            "rate_limited", "Slack takes no more messages for a while.", _seconds(headers.get("retry-after"))
        )
    # A page for people comes as an error too, all of it.
    if not (isinstance(code, str) and _CODE.fullmatch(code)) or status >= 500 or code in _PASSING:
        return NotSent("unavailable", f"Slack has failed itself (status {status}).", perhaps_sent=True)
    if code in _BLOCKS_REFUSED | _THREAD_REFUSED | _MESSAGE_REFUSED:
        return code
    remedy = _REMEDIES.get(
        code, "look the error up at https://docs.slack.dev/reference/methods/chat.postMessage"
    )
    return NotSent("misconfigured", f"Slack refuses alerts ({code}): {remedy}.")


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
