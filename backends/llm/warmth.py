"""What a model has read, kept on disk while it is out of memory, so that a conversation goes on where it was.

llama.cpp writes the keys and values of a slot to a file and takes them back (`POST /slots/N?action=save|restore`);
reading them takes milliseconds where computing them again takes seconds. They are made from private text and are as
private: files of the owner alone, forgotten whenever something is deleted or erased.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.llm.worker import WorkerSpec
from provenance.whole_file import write_whole

if TYPE_CHECKING:
    from backends.llm.worker import Worker

__all__ = ["Warmth"]

_PATIENCE_S = 5.0  # for each slot; the engine that wants to end waits so long at most
_MOST_BYTES = 1 << 30
_log = logging.getLogger(__name__)


class Warmth:
    """The kept slots of one model with one window. Thread-safe."""

    def __init__(self, folder: Path, spec: WorkerSpec) -> None:
        self._folder = folder
        self._spec = spec
        self._lock = threading.Lock()
        self._stale = False  # the running worker holds what was deleted since: nothing of it is kept

    def save(self, worker: Worker) -> int:
        """Keep what an idle worker has read; how many tokens. What cannot be kept is computed again later."""
        with self._lock:
            self._clear()
            if self._stale or not worker.alive():
                return 0
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                kept = {str(slot): facts for slot in range(self._spec.slots) if (facts := self._saved(worker, slot))}
                write_whole(self._list, json.dumps({"of": self._identity(), "slots": kept}).encode())
            except (OSError, ValueError, KeyError) as exc:  # a full disk, a worker that just died
                _log.warning("what the model has read was not kept: %s", exc)
                self._clear()
                return 0
            return sum(facts["tokens"] for facts in kept.values())

    def restore(self, worker: Worker) -> int:
        """Give a fresh worker what an earlier one had read; how many tokens. What is damaged or another's is left."""
        with self._lock:
            self._stale = False
            restored = 0
            for slot, facts in self._listed().items():
                path = self._folder / self._name(int(slot))
                try:
                    if _digest(path) == facts["sha256"]:
                        restored += int(_ask(worker, int(slot), "restore", path.name)["n_restored"])
                except (OSError, ValueError, KeyError) as exc:
                    _log.warning("what the model had read could not be taken back: %s", exc)
            self._clear()  # from here on the worker knows better
            return restored

    def forget(self) -> None:
        """Something was deleted that may stand in a prompt: keep nothing of it, not when the model leaves either."""
        with self._lock:
            self._stale = True
            self._clear()

    def _saved(self, worker: Worker, slot: int) -> dict[str, Any]:
        """What the list says of a slot; empty where it had read nothing, or too much."""
        path = self._folder / self._name(slot)
        tokens = int(_ask(worker, slot, "save", path.name)["n_saved"])
        path.chmod(0o600)
        if not tokens or path.stat().st_size > _MOST_BYTES:
            path.unlink()
            return {}
        return {"tokens": tokens, "sha256": _digest(path)}

    @property
    def _list(self) -> Path:
        return self._folder / "slots.json"

    def _name(self, slot: int) -> str:
        return f"slot-{slot}.bin"

    def _identity(self) -> str:
        """Numbers that only this model, in this window, by this engine can read."""
        spec, path = self._spec, Path(self._spec.model_path)
        weights = spec.sha256 or f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}"
        return f"{weights} {spec.context_tokens} {spec.slots} {spec.gpu_layers} {metadata.version('xllamacpp')}"

    def _listed(self) -> dict[str, dict[str, Any]]:
        try:
            kept = json.loads(self._list.read_bytes())
            return dict(kept["slots"]) if kept["of"] == self._identity() else {}
        except (OSError, ValueError, KeyError, TypeError):  # nothing was kept, or the list is damaged
            return {}

    def _clear(self) -> None:
        for path in [self._list, *self._folder.glob("slot-*.bin")]:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _ask(worker: Worker, slot: int, action: str, name: str) -> dict[str, Any]:
    """Raises: OSError: The worker does not answer. ValueError: It says no."""
    import httpx

    try:
        answer = httpx.post(
            f"{worker.url}/slots/{slot}",
            params={"action": action},
            json={"filename": name},
            headers={"Authorization": f"Bearer {worker.key}"},
            timeout=_PATIENCE_S,
            trust_env=False,
        )
    except httpx.HTTPError as exc:
        raise OSError(str(exc)) from exc
    if answer.status_code != httpx.codes.OK:
        raise ValueError(f"HTTP {answer.status_code}")
    found: dict[str, Any] = answer.json()
    return found
