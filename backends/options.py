"""From what the settings say to a backend's own options, with errors a person understands."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from provenance.errors import ConfigError

__all__ = ["chosen_options"]

M = TypeVar("M", bound=BaseModel)


def chosen_options(model: type[M], given: BaseModel | None, defaults: dict[str, Any], *, backend: str) -> M:
    """`given` if there is one, else the backend's section of the settings, as `model`.

    Raises:
        ConfigError: If an option is unknown or out of bounds; it names the option.
    """
    if isinstance(given, model):
        return given
    try:
        return model.model_validate(defaults if given is None else given.model_dump())
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "options"
        raise ConfigError(
            f"The option “{where}” of the backend {backend} is wrong: {first['msg']}.",
            hint=f"It has these options: {', '.join(model.model_fields)}.",
        ) from exc
