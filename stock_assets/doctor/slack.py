"""Slack: whether alerts would arrive there."""

import logging
import re
from collections.abc import Iterator
from http.client import HTTPException
from typing import TYPE_CHECKING

from stock_assets.doctor.bounds import within
from stock_assets.doctor.diagnosis import Diagnosis
from stock_assets.settings import (
    SLACK_CHANNEL_VARIABLE,
    SLACK_TOKEN_VARIABLE,
    SLACK_URL_VARIABLE,
    SlackAccess,
)

if TYPE_CHECKING:
    from slack_sdk.errors import SlackApiError

SUBJECT = "Slack"
#: What the bot must be allowed: to post lines, and to show pictures.
SCOPES = ("chat:write", "files:write")

_SECONDS = 5
_CODE = re.compile(r"[a-z0-9_]{1,60}")
#: What it means when Slack answers so, and what to do.
_REFUSALS = {
    "invalid_auth": f"Copy the bot's token again into {SLACK_TOKEN_VARIABLE}.",
    "not_authed": f"Copy the bot's token again into {SLACK_TOKEN_VARIABLE}.",
    "token_revoked": f"Install the app again and put its new token into {SLACK_TOKEN_VARIABLE}.",
    "token_expired": f"Install the app again and put its new token into {SLACK_TOKEN_VARIABLE}.",
    "account_inactive": f"Install the app again and put its new token into {SLACK_TOKEN_VARIABLE}.",
    "ratelimited": "Wait a minute and run the same command again.",
}


def slack_diagnoses(access: SlackAccess) -> Iterator[Diagnosis]:
    """Ask Slack who the bot is and what it may do; nothing is posted.

    Parameters
    ----------
    access : SlackAccess
        Token, channel and address.
    """
    needed = {SLACK_TOKEN_VARIABLE: access.token, SLACK_CHANNEL_VARIABLE: access.channel}
    unset = [variable for variable, value in needed.items() if not value]
    if unset:
        verb = "are" if len(unset) > 1 else "is"
        yield Diagnosis(
            SUBJECT,
            "warning",
            f"Alerts go to the log alone, since {' and '.join(unset)} {verb} not set.",
            f"Set {'both' if len(unset) > 1 else 'it'} to have them in Slack.",
        )
    if access.token:
        yield _asked(access, access.token)


def _asked(access: SlackAccess, token: str) -> Diagnosis:
    from slack_sdk import WebClient
    from slack_sdk.errors import SlackApiError, SlackClientError

    # What the client says of a request is said below, in words that hold no token.
    silent = logging.Logger("silent")
    silent.addHandler(logging.NullHandler())
    url = access.url or WebClient.BASE_URL
    client = WebClient(token, url, timeout=_SECONDS, retry_handlers=[], logger=silent)
    try:
        answer = within(_SECONDS + 1, client.auth_test)
    except SlackApiError as error:
        return _refused(error)
    except (SlackClientError, HTTPException, OSError, ValueError, AttributeError) as error:
        # The client takes any JSON for an object. Of an exception only its kind: its text may hold the token.
        return Diagnosis(
            SUBJECT,
            "failed",
            f"Slack was not reached, or gave no answer that can be read ({type(error).__name__}).",
            f"Check the network, {SLACK_TOKEN_VARIABLE} for characters that do not belong there, and "
            f"{SLACK_URL_VARIABLE} if it is set.",
        )
    headers = {name.lower(): value for name, value in answer.headers.items()}
    granted = [scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",") if scope.strip()]
    missing = [scope for scope in SCOPES if scope not in granted]
    who = f"The bot {answer.get('user')!r} of the team {answer.get('team')!r}"
    if missing:
        return Diagnosis(
            SUBJECT,
            "failed",
            f"{who} lacks the scope {', '.join(missing)}; it has {', '.join(granted) or 'none'}.",
            "Add what is missing under OAuth & Permissions of the app, and install it again.",
        )
    found = f"{who} may send alerts ({', '.join(SCOPES)})"
    return Diagnosis(SUBJECT, "ok", found + (f"; they go to {access.channel}." if access.channel else "."))


def _refused(error: "SlackApiError") -> Diagnosis:
    status, content = error.response.status_code, error.response.data
    code = content.get("error") if isinstance(content, dict) else None
    # A page for people comes as an error too, all of it.
    if isinstance(code, str) and _CODE.fullmatch(code):
        remedy = _REFUSALS.get(
            code, "Look the error up at https://docs.slack.dev/reference/methods/auth.test."
        )
        return Diagnosis(SUBJECT, "failed", f"Slack refuses the token ({code}).", remedy)
    return Diagnosis(
        SUBJECT,
        "failed",
        f"Slack gave no answer that can be read (status {status}).",
        f"Try again later; check {SLACK_URL_VARIABLE} if it is set.",
    )
