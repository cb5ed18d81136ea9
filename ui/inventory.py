"""What is installed and what is on this disk: backends and models, told without starting or loading anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provenance.errors import AppError, NotFoundError
from ui.api import BackendRow, ModelRow

if TYPE_CHECKING:
    from backends.base import Backend, BackendContext
    from backends.catalog import ToolLoop
    from ui.settings import Settings

__all__ = ["WARM", "backend_context", "backend_rows", "model_rows", "tool_loop"]

WARM = "warm"  # in the data folder: what models keep of prompts while they are out of memory
OUR_MODELS = ("llamacpp",)  # backends whose `model` is a name of our catalogue


def model_rows(settings: Settings) -> list[ModelRow]:
    """The catalogue, with what lies on this disk. `verified` is what the last full read found; nothing is read now."""
    from backends.weights import load_catalog, present, verified

    rows = []
    for model in load_catalog():
        here = present(model.name, settings.models)
        rows.append(
            ModelRow(
                name=model.name,
                kind=model.kind,
                file=model.main_file.path,
                size_bytes=model.size_bytes,
                licence=model.licence,
                present=here,
                verified=here and verified(model.name, settings.models),
                default=model.default,
                backend=model.backend,
                description=model.description,
            )
        )
    return rows


def backend_rows(settings: Settings) -> list[BackendRow]:
    """Every installed backend; one that cannot be imported or built is listed with what is wrong."""
    from backends.base import ImageBackend
    from backends.registry import backend_class, entries

    rows = []
    for entry in entries():
        kind, options, styles = "", {}, list[str]()
        try:
            found = backend_class(entry.name)
            kind, options = str(found.kind), found.options_model.model_json_schema()
            backend = found(backend_context(settings, found))
            problem = backend.available()
            styles = backend.styles() if isinstance(backend, ImageBackend) else []
        except AppError as exc:
            problem = str(exc)
        rows.append(
            BackendRow(
                name=entry.name,
                kind=kind,
                distribution=entry.distribution,
                problem=problem,
                options=options,
                styles=styles,
            )
        )
    return rows


def tool_loop(settings: Settings) -> ToolLoop:
    """How the chat model in force comes to its tools: as the setting says, else its catalogue entry, else steered."""
    from backends.catalog import find_model

    if settings.tool_loop != "auto":
        return settings.tool_loop
    try:
        return find_model(settings.model).tools if settings.backend in OUR_MODELS else "steered"
    except NotFoundError:  # a file or a hub id of one's own
        return "steered"


def backend_context(settings: Settings, backend: type[Backend]) -> BackendContext:
    """What the house hands to a backend: folders, and those of our settings that it has an option for."""
    from backends.base import BackendContext
    from ui.origins import text_marker

    given: dict[str, Any] = {
        "context_tokens": settings.context_tokens,
        "temperature": settings.temperature,
        "seed": settings.seed,
        "idle_s": settings.model_idle_s,
        "url": settings.openai_url,
        "key": settings.openai_key,
        "offline": settings.offline,
        "tokenizer": str(settings.tokenizer or ""),
        "picture_model": settings.picture_model,
        "weights": str(settings.picture_weights or ""),
    }
    if backend.name in OUR_MODELS or settings.model != type(settings).model_fields["model"].default:
        given["model"] = settings.model
    known = {*backend.options_model.model_fields, *getattr(backend, "takes", ())}
    return BackendContext(
        models_dir=str(settings.models),
        runtime_dir=str(settings.home / "logs"),
        keep_dir=str(settings.home / WARM) if settings.keep_warm else "",
        options={name: value for name, value in given.items() if name in known and value != ""},
        text_mark=lambda: text_marker(settings),
    )
