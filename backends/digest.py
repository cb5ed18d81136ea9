"""The SHA-256 of a large file, remembered beside it so that a start costs no second read of a gigabyte.

A note (`.FILE.verified.json`) holds size, change time and digest of the last full read. It speeds a start up; it does
not protect against somebody who can write into the folder: for that, read in full (`file_digest(path, full=True)`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from provenance.errors import BackendUnavailableError

__all__ = ["file_digest", "known_digest", "remember_digest"]

_remembered: dict[tuple[str, int, int], str] = {}  # for folders that we may not write


def file_digest(path: Path, *, full: bool = False, progress: Callable[[int], None] | None = None) -> str:
    """SHA-256 of a file, hex.

    Args:
        full: Read the file even if its size and change time are those of the last full read.
        progress: Called with the bytes read so far.

    Raises:
        BackendUnavailableError: If it cannot be read.
    """
    if not full and (known := known_digest(path)):
        return known
    digest, done = hashlib.sha256(), 0
    try:
        before = path.stat()
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                done += len(block)
                if progress is not None:
                    progress(done)
        after = path.stat()
    except OSError as exc:
        raise BackendUnavailableError(
            f"{path.name} cannot be read: {exc.strerror or exc}.", hint="Fetch the model again: wherefrom models fetch"
        ) from exc
    if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
        remember_digest(path, digest.hexdigest())
    return digest.hexdigest()


def known_digest(path: Path) -> str:
    """The digest of the last full read if the file looks untouched since, else ""."""
    try:
        stat = path.stat()
    except OSError:
        return ""
    if found := _remembered.get((str(path), stat.st_size, stat.st_mtime_ns)):
        return found
    with suppress(OSError, ValueError, AttributeError):
        note = json.loads(_note(path).read_text(encoding="utf-8"))
        if (note.get("size"), note.get("mtime_ns")) == (stat.st_size, stat.st_mtime_ns):
            return str(note.get("sha256", ""))
    return ""


def remember_digest(path: Path, sha256: str) -> None:
    """Note that a full read of the file as it is now gave this digest."""
    stat = path.stat()
    _remembered[str(path), stat.st_size, stat.st_mtime_ns] = sha256
    note = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": sha256}
    partial = _note(path).with_suffix(f".{os.getpid()}.tmp")
    with suppress(OSError):  # a folder we may only read, a full disk: then the next start reads again
        partial.write_text(json.dumps(note), encoding="utf-8")
        partial.replace(_note(path))


def _note(path: Path) -> Path:
    return path.with_name(f".{path.name}.verified.json")
