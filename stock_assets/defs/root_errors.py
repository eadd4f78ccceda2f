"""What went wrong, out of what Dagster keeps of an exception."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo

_FAILURE = "Failure"
#: What Dagster raises in place of an error after which a step may be tried again.
_RETRIES = ("RetryRequested", "RetryRequestedFromPolicy")


def root_error(error: "SerializableErrorInfo") -> str:
    """Return the error that the project's own code raised, below those that Dagster wraps around it."""
    return _sentence(_unwrapped(error))


def below(error: "SerializableErrorInfo") -> str:
    """Return the error at the very bottom, if it is below the root error; else an empty text."""
    root = deepest = _unwrapped(error)
    while deepest.cause is not None:
        deepest = deepest.cause
    return "" if deepest is root else _sentence(deepest)


def _unwrapped(error: "SerializableErrorInfo") -> "SerializableErrorInfo":
    while error.cause is not None and _wraps(error, error.cause):
        error = error.cause
    return error


def _wraps(error: "SerializableErrorInfo", cause: "SerializableErrorInfo") -> bool:
    """Return whether an error says nothing that its cause does not."""
    if (error.cls_name or "").startswith("Dagster") or error.cls_name in _RETRIES:
        return True
    # A step that must not be repeated ends with a failure that quotes the error.
    return error.cls_name == _FAILURE and _message(cause) == _message(error)


def _sentence(error: "SerializableErrorInfo") -> str:
    message = _message(error)
    # A failure that an asset declares has its description alone.
    return message if error.cls_name in (None, _FAILURE) else f"{error.cls_name}: {message}".rstrip(": ")


def _message(error: "SerializableErrorInfo") -> str:
    # Dagster keeps what Python prints: the class with its module, a colon and the message.
    head, colon, message = error.message.strip().partition(": ")
    if colon and error.cls_name and head.endswith(error.cls_name):
        return message
    return "" if error.cls_name and head.endswith(error.cls_name) else error.message.strip()
