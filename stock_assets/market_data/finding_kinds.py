"""What the quality checks may find: names that are read without numpy or pandas."""

from typing import Literal

FindingKind = Literal[
    "missing_session",
    "source_failed",
    "duplicate_session",
    "invalid_close",
    "invalid_action",
    "unit_mismatch",
    "jump_denied_by_next_bar",
    "jump_denied_by_second_source",
    "unexpected_session",
    "broken_ohlc",
    "stale_repeat",
    "jump",
    "source_disagreement",
]
Severity = Literal["blocked", "held", "warning"]
#: The kind that says nothing of a bar: its source gave no answer, and is to be asked again.
SOURCE_FAILED: FindingKind = "source_failed"
