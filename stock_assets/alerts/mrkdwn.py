"""Texts of messages: Slack's mrkdwn, and what must not be in them."""

import re
from collections.abc import Iterable, Sequence

#: Lines of a list, at the most.
MOST_LINES = 12

_ELLIPSIS = "…"
_FENCE = "```"
_HALF_ENTITY = re.compile(r"&[a-z]{0,3}$")
_NAMES = "api_?key|token|password|passwd|pwd|secret"
_SECRETS = (
    # What stands before the @ of an address, with a name or without; a password may hold an @ itself.
    (re.compile(r"(?<=://)[^\s/'\"<>]*:[^\s/'\"<>]*@"), "***@"),
    (re.compile(rf"(?i)\b((?:{_NAMES}|key|sig|signature)=)[^\s&'\"<>]+"), r"\1***"),
    # A variable of the environment, and an entry as Python prints it.
    (re.compile(r"\b([A-Z0-9_]+_(?:KEY|TOKEN|PASSWORD|SECRET)=)[^\s&'\"<>]+"), r"\1***"),
    (re.compile(rf"(?i)(['\"](?:\w*_)?(?:{_NAMES})['\"]: ?['\"])[^'\"]+"), r"\1***"),
    (re.compile(r"\bxox[a-z]-[\w-]+|\bxapp-[\w-]+"), "***"),
    (re.compile(r"(?i)(\bbearer\s+)[\w.~+/=-]{8,}"), r"\1***"),
)


def escape(text: str) -> str:
    """Return plain text as mrkdwn says it: Slack reads links and mentions out of angle brackets."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code_block(lines: Iterable[str]) -> str:
    """Return plain lines as a block in a font of fixed width."""
    # Three backticks within the block would end it.
    return f"{_FENCE}\n" + escape("\n".join(lines)).replace(_FENCE, "'''") + f"\n{_FENCE}"


def redact(text: str) -> str:
    """Return the text with stars in place of what looks like a password, a key or a token."""
    for pattern, stars in _SECRETS:
        text = pattern.sub(stars, text)
    return text


def storable(text: str) -> str:
    """Return the text with question marks in place of what no database takes, such as half a surrogate."""
    return text.encode("utf-8", "replace").decode("utf-8")


def one_line(text: str, longest: int) -> str:
    """Return the text as one line of at most ``longest`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + _ELLIPSIS


def clip_mrkdwn(text: str, longest: int) -> str:
    """Return mrkdwn of at most ``longest`` characters, with no entity cut in two and no block left open."""
    if len(text) <= longest:
        return text
    room = longest - len(_ELLIPSIS) - len(_FENCE) - 2
    cut = _HALF_ENTITY.sub("", text[:room])
    # A cut may go through a fence, or between two of its backticks.
    cut = cut.rstrip("`") if not cut.endswith(_FENCE) else cut
    ending = f"\n{_ELLIPSIS}"
    return cut + ending + (f"\n{_FENCE}" if cut.count(_FENCE) % 2 else "")


def bullets(lines: Sequence[str]) -> str:
    """Return plain lines as a list, of which the last ones are counted where there are many."""
    shown = [f"• {escape(line)}" for line in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        shown.append(f"• … and {len(lines) - MOST_LINES} more")
    return "\n".join(shown)
