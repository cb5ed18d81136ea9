"""Files that tools make in the chat: pictures, code, tables. Each lies in a folder of its run until that is erased.

Covers names that lead elsewhere, and a crash while writing: a file is there whole or not at all. Whether a file is
marked and signed is the tool's business, before it hands the bytes over.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

from agent.updates import Artifact, ArtifactKind
from provenance.errors import NotFoundError, StorageError
from provenance.whole_file import write_whole

__all__ = ["ArtifactStore"]

_UNSAFE = re.compile(r"[^\w.\- ]+")
_RUN = re.compile(r"[\w-]{1,80}")
SHOWN_CHARACTERS = 20_000  # of a text that stands in the answer itself


class ArtifactStore:
    """One folder a run, one file an artifact: `<n>-<name>`."""

    def __init__(self, folder: Path | None) -> None:
        """Without a folder nothing can be kept, and a tool that tries says so."""
        self._folder = folder

    def put(
        self,
        run: str,
        data: bytes,
        *,
        name: str,
        kind: ArtifactKind,
        media_type: str,
        title: str = "",
        text: str = "",
        details: dict[str, Any] | None = None,
    ) -> Artifact:
        """Keep a file that the run `run` made.

        Args:
            data: The file, marked and signed where it is to be.
            name: What it is saved as; only the last part counts.
            title: One line for the person.
            text: Code, or a table as CSV, that is shown in the answer itself.
            details: Facts for the person: language, seed, rows...
        Raises:
            StorageError: If it cannot be written.
        """
        folder = self._of(run)
        safe = _safe_name(name)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            n = 1 + max((_number(path) for path in folder.iterdir()), default=0)
            path = folder / f"{n}-{safe}"
            write_whole(path, data)
        except OSError as exc:
            raise StorageError("The file could not be stored.", hint="Free some space and try again.") from exc
        return Artifact(
            run=run,
            n=n,
            kind=kind,
            name=safe,
            media_type=media_type,
            title=title,
            text=text[:SHOWN_CHARACTERS],
            sha256=hashlib.sha256(data).hexdigest(),
            size_bytes=len(data),
            path=str(path),
            details=details or {},
        )

    def read(self, run: str, n: int) -> bytes:
        """The bytes of the n-th file of a run.

        Raises:
            NotFoundError: If there is none, or it was erased.
        """
        folder = self._of(run)
        for path in folder.iterdir() if folder.is_dir() else ():
            if _number(path) == n and path.is_file():
                return path.read_bytes()
        raise NotFoundError(f"The run {run!r} has no file {n}.", hint="It may have been erased.")

    def forget(self, run: str) -> None:
        """Delete what a run made."""
        shutil.rmtree(self._of(run), ignore_errors=True)

    def _of(self, run: str) -> Path:
        if self._folder is None:
            raise StorageError("No files are kept here.", hint="Ask in the chat of an engine.")
        if not _RUN.fullmatch(run):
            raise NotFoundError(f"There is no run {run[:80]!r}.", hint="`wherefrom audit list` shows them.")
        return self._folder / run


def _number(path: Path) -> int:
    head, _, _rest = path.name.partition("-")
    return int(head) if head.isascii() and head.isdigit() else 0


def _safe_name(name: str) -> str:
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return _UNSAFE.sub("_", last).strip(" .")[-100:] or "file"
