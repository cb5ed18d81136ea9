"""What a run has shown so far, on disk: so that a kill in mid-answer loses nothing a person has seen.

One file a run, `runs/<run>.ndjson` in the data folder, private, written as updates are shown, gone when the run has
ended (from then on the ledger and the conversation hold it). A write is not synced: it survives the death of the
process, which is what it is for; what must survive a power cut is in the ledger.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from agent.updates import Token, Update, update_adapter

__all__ = ["RunJournal", "written_text"]


class RunJournal:
    """The unfinished runs of one data folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
        self._files: dict[str, IO[bytes]] = {}

    def write(self, run: str, update: Update) -> None:
        """Append one update."""
        with self._lock:
            file = self._files.get(run)
            if file is None:
                handle = os.open(self._path(run), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                file = self._files[run] = os.fdopen(handle, "ab", buffering=0)
            file.write(update_adapter.dump_json(update) + b"\n")

    def forget(self, run: str) -> None:
        """The run has ended: take its file away."""
        with self._lock:
            file = self._files.pop(run, None)
            if file is not None:
                file.close()
            self._path(run).unlink(missing_ok=True)

    def unfinished(self) -> dict[str, list[Update]]:
        """What a dead process left behind, by run; a last line that was cut short is left out."""
        return {path.stem: _read(path) for path in sorted(self._folder.glob("r-*.ndjson"))}

    def close(self) -> None:
        """Close the files; they stay, because their runs did not end."""
        with self._lock:
            for file in self._files.values():
                file.close()
            self._files.clear()

    def _path(self, run: str) -> Path:
        return self._folder / f"{run}.ndjson"


def written_text(updates: list[Update]) -> str:
    """The answer as far as it was shown."""
    return "".join(update.text for update in updates if isinstance(update, Token))


def _read(path: Path) -> list[Update]:
    updates: list[Update] = []
    for line in path.read_bytes().splitlines():
        try:
            updates.append(update_adapter.validate_json(line))
        except ValidationError:
            break
    return updates
