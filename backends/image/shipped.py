"""Which weights lie on this disk and what their headers say. Reads headers, never weights, and loads no torch.

`weights/index.json` holds each shipped file to its SHA-256; a folder of one's own (a fine-tune) is taken as it is.
"""

from __future__ import annotations

import json
import struct
from functools import cache
from pathlib import Path
from typing import Any

from backends.base import ModelIdentity
from backends.digest import file_digest
from provenance.errors import BackendUnavailableError, ConfigError

__all__ = ["WEIGHTS", "header", "identity", "problem", "styles", "verified_path"]

WEIGHTS = Path(__file__).with_name("weights")
_LONGEST_HEADER = 1 << 24


def problem(name: str, folder: Path | None = None) -> str:
    """Empty, or one sentence about what is missing."""
    path = _path(name, folder)
    return "" if path.is_file() else f"There are no weights for {name} yet ({path.name} is missing)."


def styles(name: str, folder: Path | None = None) -> list[str]:
    """The styles the weights know; none where there are no weights."""
    path = _path(name, folder)
    return list(header(path)["styles"]) if path.is_file() else []


def identity(name: str, folder: Path | None = None) -> ModelIdentity:
    """Model and digest, for the record.

    Raises:
        BackendUnavailableError: If the weights are missing or damaged.
    """
    path = _there(name, folder)
    meta = header(path)
    return ModelIdentity(
        backend=name,
        model=str(meta.get("model", name)),
        digest=f"sha256:{file_digest(path)}",
        details={"steps": meta.get("steps", 0), "data": meta.get("data", "")},
    )


def verified_path(name: str, folder: Path | None = None) -> Path:
    """The file, held to the index where it is one of ours.

    Raises:
        BackendUnavailableError: If it is missing or another file.
    """
    path = _there(name, folder)
    if folder is None and _index().get(path.name) != file_digest(path):
        raise BackendUnavailableError(
            f"{path.name} is not the file that this version ships (its SHA-256 differs).", hint="Reinstall Wherefrom."
        )
    return path


def header(path: Path) -> dict[str, Any]:
    """What the file says about itself: family, sizes, styles, how it was trained.

    Raises:
        BackendUnavailableError: If it is no safetensors file of ours.
    """
    return _header(path, path.stat().st_mtime_ns)


@cache
def _header(path: Path, _changed: int) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _LONGEST_HEADER:
                raise ValueError("the header is too long")
            found: dict[str, Any] = json.loads(json.loads(file.read(length))["__metadata__"]["meta"])
    except (OSError, ValueError, KeyError, TypeError, struct.error) as exc:
        raise BackendUnavailableError(f"{path.name} cannot be read: {exc}.", hint="Fetch or train it again.") from exc
    return found


def _path(name: str, folder: Path | None) -> Path:
    return (folder or WEIGHTS) / f"{name}.safetensors"


def _there(name: str, folder: Path | None) -> Path:
    if said := problem(name, folder):
        raise BackendUnavailableError(said, hint=f"Train them: wherefrom train {name}")
    return _path(name, folder)


@cache
def _index() -> dict[str, str]:
    path = WEIGHTS / "index.json"
    try:
        found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise ConfigError("The index of the shipped weights cannot be read.", hint="Reinstall Wherefrom.") from exc
    return found
