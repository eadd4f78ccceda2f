"""The base of all configuration models: frozen, and closed to unknown keys."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Section(BaseModel):
    """A part of a configuration file."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


def _no_bare_number(value: Any) -> Any:
    """Refuse a number: YAML turns ``24:00:00`` into one, and nobody can see that it would be seconds."""
    if isinstance(value, int | float):
        raise ValueError(f"{value} has no unit; allowed is a duration such as PT24H or P1D")
    return value


#: A length of time, written as ISO 8601 has it.
Duration = Annotated[timedelta, BeforeValidator(_no_bare_number)]
