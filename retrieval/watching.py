"""Folders that are kept in step: what is new or changed in them is read, what is gone from them leaves the library.

A thread looks every few seconds at names, sizes and times; contents are read by an ingest job alone, and only of files
that look different. What was seen last is kept in `watched.json`, so that a start does not read everything again.
A folder may fill a collection: what is read in it is put there.
A folder that cannot be seen (a stick that was pulled out) changes nothing: only files that are gone from a folder that
is there are taken out.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from provenance.errors import AppError, NotFoundError, UsageError
from retrieval.walk import walk

__all__ = ["FolderWatch"]

LOOK_S = 5.0
_MOST_FOLDERS = 50

Seen = dict[str, tuple[int, int]]  # path -> (size, time of the last change in ns)


class _Keeper(Protocol):
    """What the watch needs of whoever owns the library."""

    def take_in(self, paths: list[Path], collection: int | None) -> None: ...
    def let_go(self, path: Path) -> None: ...


class FolderWatch:
    """Watches folders. Safe for threads."""

    def __init__(self, file: Path, keeper: _Keeper, *, look_s: float = LOOK_S) -> None:
        self._file = file
        self._keeper = keeper
        self._look_s = look_s
        self._lock = threading.RLock()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._folders, self._into = _read(file)

    def folders(self) -> list[str]:
        """The folders that are watched, by name."""
        with self._lock:
            return sorted(self._folders)

    def add(self, folder: Path, *, collection: int | None = None) -> None:
        """Watch a folder from now on; what is in it is read at once, and put into the collection of this number.

        Raises:
            UsageError: It is no folder, is watched already by one above it, or there are too many.
        """
        if not folder.is_dir():
            raise UsageError(f"{folder} is no folder.", hint="Name a folder to keep in step.")
        with self._lock:
            above = next((one for one in self._folders if folder.is_relative_to(one)), None)
            if above is not None and above != str(folder):
                raise UsageError(f"{folder} lies in {above}, which is watched.", hint="That is enough.")
            if len(self._folders) >= _MOST_FOLDERS:
                raise UsageError(f"At most {_MOST_FOLDERS} folders can be watched.", hint="Watch one above them.")
            self._folders.setdefault(str(folder), {})
            if collection is not None and self._into.get(str(folder)) != collection:
                self._into[str(folder)] = collection
                self._folders[str(folder)] = {}  # what is known already goes there, too
            self._keep()
        self.start()
        self.look()

    def remove(self, folder: Path) -> None:
        """Watch it no longer; its documents stay.

        Raises:
            NotFoundError: It is not watched.
        """
        with self._lock:
            if self._folders.pop(str(folder), None) is None:
                raise NotFoundError(f"{folder} is not watched.", hint="The Library page lists the watched folders.")
            self._into.pop(str(folder), None)
            self._keep()

    def start(self) -> None:
        """Look again and again, if there is anything to watch."""
        with self._lock:
            if self._folders and self._thread is None and not self._ending.is_set():
                self._thread = threading.Thread(target=self._run, name="watch-folders", daemon=True)
                self._thread.start()

    def look(self) -> None:
        """Look once at every folder."""
        for name in self.folders():
            self._look_at(Path(name))

    def close(self) -> None:
        """End the thread."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(self._look_s):
            with contextlib.suppress(AppError):  # the database is locked, the disk is full: at the next look
                self.look()

    def _look_at(self, folder: Path) -> None:
        with self._lock:
            if str(folder) not in self._folders or not folder.is_dir():
                return
            before = self._folders[str(folder)]
            now = _seen(folder, before)
            changed = [Path(path) for path, facts in now.items() if before.get(path) != facts]
            gone = [Path(path) for path in before.keys() - now.keys()]
            if changed:
                self._keeper.take_in(changed, self._into.get(str(folder)))
            for path in gone:
                self._keeper.let_go(path)
            if changed or gone:
                self._folders[str(folder)] = now
                self._keep()

    def _keep(self) -> None:
        draft = self._file.with_suffix(".part")
        draft.write_text(json.dumps({"folders": self._folders, "into": self._into}), encoding="utf-8")
        draft.chmod(0o600)
        draft.replace(self._file)


def _seen(folder: Path, before: Mapping[str, tuple[int, int]]) -> Seen:
    """What is in a folder. What lies in a part of it that cannot be read counts as it was."""
    now: Seen = {}
    for found in walk(folder):
        if found.problem:
            below = str(found.path)
            now |= {path: facts for path, facts in before.items() if Path(path).is_relative_to(below)}
            continue
        with contextlib.suppress(OSError):  # it went just now
            facts = os.stat(found.path)  # noqa: PTH116 - the walk leaves links out
            now[str(found.path)] = (facts.st_size, facts.st_mtime_ns)
    return now


def _read(file: Path) -> tuple[dict[str, Seen], dict[str, int]]:
    """What was seen in which folder, and the collections that folders fill. Earlier files held the folders alone."""
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        folders = {
            str(folder): {str(path): (int(size), int(time)) for path, (size, time) in seen.items()}
            for folder, seen in known.get("folders", known).items()
        }
        return folders, {str(folder): int(number) for folder, number in known.get("into", {}).items()}
    except (OSError, ValueError, TypeError, AttributeError):  # none yet, or damaged: everything is looked at again
        return {}, {}
