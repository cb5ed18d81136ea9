"""A model on its way in: files that grow in a hidden folder until their digests are right.

`models_dir/NAME/.partial-KIND/FILE.part` and a small manifest that says which parts are safely on disk, so that a cut
costs at most one part. Nothing outside the hidden folder appears before every byte was checked.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

from backends.catalog import CatalogModel, ModelFile
from backends.digest import file_digest, remember_digest
from provenance.errors import StorageError

__all__ = ["Partial", "SourceFailed", "disk_full"]

_BLOCK = 1 << 20


class SourceFailed(Exception):
    """This source did not work; `str()` is a clause for the sentence that lists what was tried."""


class Partial:
    """The unfinished files of one model from one source.

    Args:
        model: What is fetched.
        folder: The model's folder.
        kind: Of the source; each has a folder of its own, so that trying the next one keeps what this one brought.
        origin: Names the exact source; what came from another one is thrown away.
        ranges: Whether the source can go on at any byte, or only at a part.
        report: Called with the bytes that are on disk.
    """

    def __init__(
        self,
        model: CatalogModel,
        folder: Path,
        *,
        kind: str,
        origin: str,
        ranges: bool,
        report: Callable[[int], None],
    ) -> None:
        self._model, self._folder, self._origin = model, folder, origin
        self._ranges, self._report = ranges, report
        self.dir = folder / f".partial-{kind}"
        self.scratch = self.dir / "scratch"
        self.parts_done = 0
        with disk_full():
            self._resume()

    def size(self, file: ModelFile) -> int:
        """Bytes of this file that are here."""
        with suppress(OSError):
            return self._part(file).stat().st_size
        return 0

    def done_bytes(self) -> int:
        """Bytes of all files that are here."""
        return sum(self.size(file) for file in self._model.file)

    def append(self, file: ModelFile, stream: IO[bytes]) -> None:
        """Add a stream to the end of a file.

        Raises:
            SourceFailed: If it grows beyond its size in the catalogue.
            StorageError: If the disk is full.
        """
        self.write(file, iter(lambda: stream.read(_BLOCK), b""))

    def write(self, file: ModelFile, blocks: Iterator[bytes]) -> None:
        """Add blocks to the end of a file; as `append`."""
        size, total = self.size(file), self.done_bytes()
        with disk_full(), self._part(file).open("ab") as out:
            for block in blocks:
                size += len(block)
                if size > file.size:
                    raise SourceFailed(f"sent more than the {file.size:,} bytes of {file.path}")
                out.write(block)
                total += len(block)
                self._report(total)
            out.flush()
            os.fsync(out.fileno())

    def drop(self, file: ModelFile) -> None:
        """Begin a file again."""
        self._part(file).unlink(missing_ok=True)

    def commit(self, parts: int) -> None:
        """Note that this many parts are complete."""
        sizes = {file.path: self.size(file) for file in self._model.file}
        note = {"origin": self._origin, "parts": parts, "sizes": sizes}
        fresh = self.dir / "resume.tmp"
        with disk_full():
            fresh.write_text(json.dumps(note), encoding="utf-8")
            fresh.replace(self.dir / "resume.json")
        self.parts_done = parts

    def finish(self, checking: Callable[[int], None]) -> None:
        """Check every digest, then move all files into place.

        Args:
            checking: Called with the bytes that are checked.

        Raises:
            SourceFailed: If a file is not the one of the catalogue; what came is deleted.
        """
        checked = 0
        for file in self._model.file:
            if wrong := self._what_is_wrong(file, partial(_shifted, checking, checked)):
                self.discard()
                raise SourceFailed(f"gave a {file.path} that is not the catalogue's ({wrong}), and it was deleted")
            checked += file.size
        with disk_full():
            for file in self._model.file:
                final = self._folder / file.path
                final.parent.mkdir(parents=True, exist_ok=True)
                self._part(file).replace(final)
                remember_digest(final, file.sha256)
            _sync_folder(self._folder)
        self.discard()

    def discard(self) -> None:
        """Delete what is here."""
        shutil.rmtree(self.dir, ignore_errors=True)

    def _what_is_wrong(self, file: ModelFile, progress: Callable[[int], None]) -> str:
        size = self.size(file)
        if size != file.size:
            return f"{size:,} bytes instead of {file.size:,}"
        same = file_digest(self._part(file), full=True, progress=progress) == file.sha256
        return "" if same else "its SHA-256 differs"

    def _part(self, file: ModelFile) -> Path:
        return self.dir / (file.path.replace("/", "__") + ".part")

    def _resume(self) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)
        note: dict[str, Any] = {}
        with suppress(OSError, ValueError):
            note = json.loads((self.dir / "resume.json").read_text(encoding="utf-8"))
        sizes = note.get("sizes", {})
        if note.get("origin") != self._origin or any(self.size(f) < sizes.get(f.path, 0) for f in self._model.file):
            self.discard()
            note = {}
        self.scratch.mkdir(parents=True)
        if note:
            self.parts_done = int(note["parts"])
            for file in self._model.file if not self._ranges else ():
                if self.size(file) > sizes[file.path]:  # a part that was cut in the middle begins again
                    os.truncate(self._part(file), sizes[file.path])
        else:
            self.commit(0)
        self._report(self.done_bytes())


@contextmanager
def disk_full() -> Iterator[None]:
    """Turn the system's "no space left" and "not allowed" into sentences."""
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                "The disk is full; the model was not fetched, and what came so far is kept.",
                hint="Free some space and fetch again: it goes on where it stopped.",
            ) from exc
        if exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StorageError(
                f"The models folder cannot be written: {exc.strerror}.",
                hint="Give this user the right to write there, or name another folder (WHEREFROM_MODELS_DIR).",
            ) from exc
        raise


def _shifted(report: Callable[[int], None], base: int, done: int) -> None:
    report(base + done)


def _sync_folder(folder: Path) -> None:
    """Make the renames durable, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
