"""The originals: files by their SHA-256, in objects/<first two digits>/<all digits>.

A file is there whole or not at all: it is copied beside its place, synced, and renamed. One file lock keeps "nobody
refers to it, so it goes" of one process apart from "it is there, so I refer to it" of another.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from filelock import FileLock

from provenance.errors import DocumentError, RetrievalError, StorageError

__all__ = ["Cancelled", "Objects", "file_digest"]

_CHUNK = 1 << 20
_TEMPORARY = ".incoming-"


class Cancelled(RetrievalError):
    """Work was stopped on request; nothing of it was kept."""


def file_digest(path: Path, *, stop: threading.Event | None = None) -> tuple[str, int]:
    """SHA-256 (hex) and size of a file.

    Raises:
        DocumentError: It cannot be read.
        Cancelled: `stop` was set.
    """
    sha, size = hashlib.sha256(), 0
    for chunk in _chunks(path, stop):
        sha.update(chunk)
        size += len(chunk)
    return sha.hexdigest(), size


class Objects:
    """Originals in a folder. Safe for threads and processes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        with _storage():
            root.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(root / ".lock", thread_local=False)
        self._held = threading.RLock()  # a file lock without thread-locality counts all threads as one

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Nobody else stores with intent to refer, or removes, while this is held. Keep it short; may be nested."""
        with self._held, _storage(), self._lock:
            yield

    def path(self, digest: str) -> Path:
        """Where this original is, or would be."""
        return self._root / digest[:2] / digest

    def has(self, digest: str) -> bool:
        """Whether it is there."""
        return self.path(digest).is_file()

    def put_file(self, source: Path, *, stop: threading.Event | None = None) -> tuple[str, int]:
        """Copy a file in; its digest (of what was copied, whatever happens to the source meanwhile) and size.

        Raises:
            DocumentError: The source cannot be read.
            StorageError: The disk is full or the folder cannot be written; nothing is left behind.
            Cancelled: `stop` was set; nothing is left behind.
        """
        return self._put(_chunks(source, stop))

    def put_bytes(self, data: bytes) -> tuple[str, int]:
        """Store bytes; their digest and size. Raises as `put_file`."""
        return self._put([data])

    def remove(self, digest: str) -> None:
        """Remove one; call within `exclusive`, after having looked that nobody refers to it."""
        with _storage():
            self.path(digest).unlink(missing_ok=True)

    def sweep(self, keep: set[str]) -> int:
        """Remove all others and every unfinished copy; how many went. Call within `exclusive`."""
        removed = 0
        with _storage():
            for path in self._files():
                if path.name not in keep:
                    path.unlink(missing_ok=True)
                    removed += 1
        return removed

    def digests(self) -> set[str]:
        """All that are there."""
        return {path.name for path in self._files() if not path.name.startswith(_TEMPORARY)}

    def _files(self) -> Iterator[Path]:
        for folder in self._root.iterdir():
            if folder.is_dir():
                yield from folder.iterdir()
            elif folder.name.startswith(_TEMPORARY):
                yield folder

    def _put(self, chunks: Iterable[bytes]) -> tuple[str, int]:
        with _storage():
            descriptor, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=self._root)
        temporary = Path(name)
        try:
            with _storage(), os.fdopen(descriptor, "wb") as out:
                digest, size = _copy(chunks, out)
            self._move(temporary, digest)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return digest, size

    def _move(self, temporary: Path, digest: str) -> None:
        target = self.path(digest)
        with _storage():
            if not target.parent.is_dir():
                target.parent.mkdir(exist_ok=True)
                _sync_folder(self._root)
            temporary.replace(target)
            _sync_folder(target.parent)


def _copy(chunks: Iterable[bytes], out: IO[bytes]) -> tuple[str, int]:
    sha, size = hashlib.sha256(), 0
    for chunk in chunks:
        sha.update(chunk)
        out.write(chunk)
        size += len(chunk)
    out.flush()
    os.fsync(out.fileno())
    return sha.hexdigest(), size


def _chunks(path: Path, stop: threading.Event | None) -> Iterator[bytes]:
    try:
        with path.open("rb") as source:
            while chunk := source.read(_CHUNK):
                if stop is not None and stop.is_set():
                    raise Cancelled("Reading was stopped.")
                yield chunk
    except OSError as exc:
        raise _unreadable(exc) from exc


def _unreadable(exc: OSError) -> DocumentError:
    if isinstance(exc, PermissionError):
        return DocumentError("This file may not be read.", hint="Give yourself permission to read it.")
    if isinstance(exc, FileNotFoundError):
        return DocumentError("This file does not exist any more.", hint="Add it again from where it is now.")
    return DocumentError(f"This file cannot be read: {exc.strerror}.", hint="Check the disk it lies on.")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _storage() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                "The disk is full; the file was not added.", hint="Free some space and try again."
            ) from exc
        raise StorageError(
            f"The data folder cannot be written: {exc.strerror}.", hint="Check its permissions, or set WHEREFROM_HOME."
        ) from exc
