"""Turn what pydantic finds wrong into sentences that name the key and say what is allowed."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stock_assets.config.base import Section

#: What is allowed, by pydantic's type of error or the beginning of one; ``{}`` are its bounds.
_ALLOWED = (
    ("date_", "a date such as 2021-01-04"),
    ("int_", "a whole number"),
    ("float_", "a number"),
    ("finite_number", "a finite number"),
    ("bool_", "true or false"),
    ("time_delta_", "a duration such as PT24H or P1D"),
    ("string_type", "a text, in quotes if YAML would read it as something else"),
    ("string_too_short", "a text that is not empty"),
    ("string_pattern_mismatch", "a text that matches {pattern}"),
    ("literal_error", "{expected}"),
    ("greater_than_equal", "a value of at least {ge}"),
    ("greater_than", "a value above {gt}"),
    ("less_than_equal", "a value of at most {le}"),
    ("less_than", "a value below {lt}"),
    ("multiple_of", "a multiple of {multiple_of}"),
    ("too_short", "a list of at least {min_length}"),
    ("too_long", "a list of at most {max_length}"),
    ("tuple_type", "a list"),
    ("dict_type", "a mapping of keys"),
    ("model_type", "a mapping of keys"),
)


def sentences(model: type[BaseModel], content: Any, error: ValidationError) -> Iterator[str]:
    """Yield one sentence, without its full stop, for each mistake in ``content``.

    Parameters
    ----------
    model : type of BaseModel
        What the content was to be.
    content : mapping
        What the file holds.
    error : ValidationError
        What pydantic found.
    """
    details = error.errors(include_url=False)
    bad_keys = [detail["loc"][:-1] for detail in details if detail["loc"] and detail["loc"][-1] == "[key]"]
    for detail in details:
        location = detail["loc"]
        below_bad_key = location[-1:] != ("[key]",) and any(location[: len(key)] == key for key in bad_keys)
        if not below_bad_key and not _is_echo(detail):
            yield _sentence(model, content, detail)


def _is_echo(detail: ErrorDetails) -> bool:
    """Whether it is the shortness that is left of a list whose entries were refused one by one."""
    return detail["type"] == "too_short" and len(detail["input"]) >= detail.get("ctx", {})["min_length"]


def _sentence(model: type[BaseModel], content: Any, detail: ErrorDetails) -> str:
    location = [part for part in detail["loc"] if part != "[key]"]
    key = key_path(content, location)
    context = detail.get("ctx", {})
    if detail["type"] == "extra_forbidden":
        allowed = ", ".join(_keys_at(model, location[:-1]))
        return f"{key}: the key {location[-1]!r} is unknown; allowed here are {allowed}"
    if detail["type"] == "missing":
        return f"{key}: the key is missing; it is required"
    if detail["type"] == "value_error":
        return f"{key}: {context['error']}" if key else str(context["error"])
    template = next((phrase for kind, phrase in _ALLOWED if detail["type"].startswith(kind)), None)
    allowed = detail["msg"] if template is None else template.format(**context)
    return f"{key}: {_shown(detail['input'])} is not allowed; allowed is {allowed}"


def key_path(content: Any, location: list[int | str]) -> str:
    """Return a key's path as it is written in sentences: entries of a list by their id if they have one."""
    path = ""
    for part in location:
        content = _below(content, part)
        if isinstance(part, str):
            path += f".{part}" if path else part
        elif isinstance(content, dict) and isinstance(content.get("id"), str):
            path += f".{content['id']}"
        else:
            path += f"[{part}]"
    return path


def _below(content: Any, part: int | str) -> Any:
    try:
        return content[part]
    except (KeyError, IndexError, TypeError):
        return None


def _shown(value: Any) -> str:
    """Write a value as it stands in the file."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return str(value) if isinstance(value, date | timedelta) else repr(value)


def _keys_at(model: type[BaseModel], location: list[int | str]) -> list[str]:
    """Return the keys that the model knows at a location of its input."""
    current: Any = model
    for part in location:
        if _is_section(current) and part in current.model_fields:
            current = _section_of(current.model_fields[str(part)].annotation)
    return list(current.model_fields) if _is_section(current) else []


def _section_of(annotation: Any) -> Any:
    """Return the section that an annotation such as ``tuple[Instrument, ...]`` speaks of."""
    if _is_section(annotation):
        return annotation
    inner = (_section_of(argument) for argument in getattr(annotation, "__args__", ()))
    return next((found for found in inner if _is_section(found)), annotation)


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)
