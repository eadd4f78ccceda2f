"""What became of a message, as its sender sees it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Posted:
    """Slack has taken it.

    Attributes
    ----------
    channel_id : str
        The channel that it is in, as files want it named.
    ts : str
        Slack's name of the message within the channel.
    thread_ts : str or None
        The message whose thread it is in; none if it stands in the channel.
    """

    channel_id: str
    ts: str
    thread_ts: str | None = None


#: rate_limited, unavailable: later it may be taken. misconfigured: none is taken until somebody does what the
#: sentence says. unacceptable: this one never will.
Problem = Literal["rate_limited", "unavailable", "misconfigured", "unacceptable"]


@dataclass(frozen=True)
class NotSent:
    """It was not taken, or nobody knows whether it was.

    Attributes
    ----------
    problem : str
    sentence : str
        What went wrong and what to do; it holds no secret.
    retry_after : float or None
        Seconds that the server wants to be left alone, if it says so.
    perhaps_sent : bool
        Whether it may have been taken all the same, as after an answer that never came.
    """

    problem: Problem
    sentence: str
    retry_after: float | None = None
    perhaps_sent: bool = False
