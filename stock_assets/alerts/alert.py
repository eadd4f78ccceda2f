"""What an alert is: a line that is said once, with what belongs to it."""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal, get_args

from stock_assets.alerts.mrkdwn import clip_mrkdwn, one_line, redact, storable

AlertKind = Literal[
    "run_started",
    "market_closed",
    "ready",
    "training_started",
    "training_finished",
    "failure",
    "retry",
    "late",
    "recovered",
    "all_complete",
    "summary",
    "warning",
]
ALERT_KINDS: tuple[AlertKind, ...] = get_args(AlertKind)

MAX_KEY, MAX_TEXT, MAX_GROUP = 200, 500, 200
#: Slack takes 3,000 characters in a section, after escaping; the rest is for what is put around them.
MAX_DETAILS = 2800
#: A picture of ours has 10 KB. One that is much larger would not fit into a packet of the database server.
MAX_PICTURE_BYTES = 512 * 1024


@dataclass(frozen=True)
class Alert:
    """One message.

    Texts lose what looks like a secret and what no database takes, and what is too long is cut.

    Attributes
    ----------
    key : str
        What it is about: of two alerts with the same key, the first one is sent.
    kind : str
        One of ``AlertKind``.
    text : str
        One line of plain text; it goes to the log too.
    details : str or None
        More, in Slack's mrkdwn; what comes from elsewhere went through ``mrkdwn.escape``.
    day : date or None
        Trading day whose thread it belongs to; without one it stands alone.
    link : str or None
        Where to look.
    picture : bytes or None
        A PNG of at most ``MAX_PICTURE_BYTES``; a larger one is left out, and the details say so.
    picture_title : str or None
    group : str or None
        What many alerts may have in common, such as a backfill: after the first ones, the others of a
        group are sent as one summary.

    Raises
    ------
    ValueError
        For a key or group that is empty or too long, or an unknown kind.
    """

    key: str
    kind: AlertKind
    text: str
    details: str | None = None
    day: date | None = None
    link: str | None = None
    picture: bytes | None = field(default=None, repr=False)
    picture_title: str | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.key) <= MAX_KEY:
            raise ValueError(f"the key {self.key!r} of an alert has not from 1 to {MAX_KEY} characters")
        if self.group is not None and not 0 < len(self.group) <= MAX_GROUP:
            raise ValueError(f"the group {self.group!r} of an alert has not from 1 to {MAX_GROUP} characters")
        if self.kind not in ALERT_KINDS:
            raise ValueError(f"{self.kind!r} is no kind of alert; there are {', '.join(ALERT_KINDS)}")
        details = self.details or ""
        if self.picture is not None and len(self.picture) > MAX_PICTURE_BYTES:
            details += f"\nThe picture is left out: it has {len(self.picture):,} bytes."
            object.__setattr__(self, "picture", None)
        object.__setattr__(self, "text", one_line(redact(storable(self.text)), MAX_TEXT))
        details = clip_mrkdwn(redact(storable(details)).strip("\n"), MAX_DETAILS)
        object.__setattr__(self, "details", details or None)
        object.__setattr__(self, "link", self.link and redact(self.link))
