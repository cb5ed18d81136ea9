"""Files that are written whole or not at all: after a crash or a power cut the old one is there, or the new one."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replacing", "write_whole"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; synced and renamed when the block ends well, deleted when it does not.

    Raises:
        OSError: If the disk refuses.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_native_id()}")
    try:
        yield draft
        _sync(draft)
        draft.replace(path)
        if os.name == "posix":  # the rename itself must reach the disk, or a power cut brings the old file back
            _sync(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write `data`, for the owner alone unless `mode` says otherwise.

    Raises:
        OSError: If the disk refuses.
    """
    with replacing(path) as draft:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
