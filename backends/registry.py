"""Which backends are installed, and how to get one by its name.

Backends are found by the entry point group `wherefrom.backends`; the built-in ones come the same way. Listing reads
the metadata of installed distributions and imports nothing; `load` imports the one module that is asked for.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, cast

from provenance.errors import BackendError, BackendUnavailableError, ConfigError, UnknownBackendError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backends.base import Backend, BackendContext, ChatBackend, ImageBackend

__all__ = ["GROUP", "BackendEntry", "backend_class", "entries", "load", "load_chat", "load_image", "names"]

GROUP = "wherefrom.backends"


@dataclass(frozen=True, kw_only=True, slots=True)
class BackendEntry:
    """One installed backend, as its distribution announces it."""

    name: str
    target: str  # "package.module:Class"
    distribution: str  # "name version"


def entries(installed: Iterable[metadata.EntryPoint] | None = None) -> list[BackendEntry]:
    """Every installed backend, by name. Imports none of them.

    Args:
        installed: Entry points to look at instead of those of this environment.

    Raises:
        ConfigError: If two distributions bring a backend of one name: records cite names, so neither may win silently.
    """
    found: dict[str, BackendEntry] = {}
    for point in metadata.entry_points(group=GROUP) if installed is None else installed:
        entry = BackendEntry(name=point.name, target=point.value, distribution=_distribution(point))
        other = found.setdefault(entry.name, entry)
        # The same distribution can be seen twice: a checkout on sys.path beside its own installation.
        if other.target != entry.target or other.distribution.split()[0] != entry.distribution.split()[0]:
            raise ConfigError(
                f"Two installed packages bring a backend called “{entry.name}”: "
                f"{other.distribution} ({other.target}) and {entry.distribution} ({entry.target}).",
                hint="Uninstall one of them, or ask its author for another name.",
            )
    return sorted(found.values(), key=lambda entry: entry.name)


def names() -> list[str]:
    """The names of all installed backends, sorted."""
    return [entry.name for entry in entries()]


def backend_class(name: str) -> type[Backend]:
    """Import the class of one backend; builds nothing.

    Raises:
        UnknownBackendError: If no installed package brings this name; the hint has the nearest ones.
        BackendError: If its module cannot be imported or holds no such class.
    """
    known = {entry.name: entry for entry in entries()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or sorted(known)
        raise UnknownBackendError(
            f"No installed backend is called “{name}”.", hint=f"Did you mean {' or '.join(near)}?" if near else ""
        )
    entry = known[name]
    point = metadata.EntryPoint(name=entry.name, value=entry.target, group=GROUP)
    try:
        found = point.load()
    except (ImportError, AttributeError) as exc:
        raise BackendUnavailableError(
            f"The backend “{name}” of {entry.distribution} cannot be imported: {exc}.",
            hint="Reinstall that package, or install what it says is missing.",
        ) from exc
    except Exception as exc:  # the module of a third party: whatever it raises while it is imported is its fault, named
        raise BackendError(
            f"The backend “{name}” of {entry.distribution} fails while it is imported: {type(exc).__name__}: {exc}.",
            hint="Report it to the author of that package, or uninstall it.",
        ) from exc
    if getattr(found, "name", None) != name:
        raise BackendError(
            f"The backend “{name}” of {entry.distribution} calls itself “{getattr(found, 'name', '')}”.",
            hint="Its entry point and its `name` must agree, because records cite the name.",
        )
    return cast("type[Backend]", found)


def load(name: str, context: BackendContext) -> Backend:
    """Build the backend of this name; its weights load on first use.

    Raises:
        UnknownBackendError: If no installed package brings this name.
        BackendError: If it cannot be imported.
    """
    return backend_class(name)(context)


def load_chat(name: str, context: BackendContext) -> ChatBackend:
    """`load`, for a backend that must be able to chat.

    Raises:
        ConfigError: If the backend makes something else.
    """
    found = load(name, context)
    if found.kind != "chat":
        raise ConfigError(f"The backend “{name}” makes {found.kind}, not chat.", hint="Name a chat backend.")
    return cast("ChatBackend", found)


def load_image(name: str, context: BackendContext) -> ImageBackend:
    """`load`, for a backend that must be able to draw.

    Raises:
        ConfigError: If the backend makes something else.
    """
    found = load(name, context)
    if found.kind != "image":
        raise ConfigError(f"The backend “{name}” makes {found.kind}, not pictures.", hint="Name a family of pictures.")
    return cast("ImageBackend", found)


def _distribution(point: metadata.EntryPoint) -> str:
    dist = getattr(point, "dist", None)
    return f"{dist.name} {dist.version}" if dist is not None else "unknown"
