"""Which of a model's slots are kept, and which are taken back: beside a worker that is only pretended, without weights.

That llama.cpp really goes on where it was is seen in `test_warmth.py`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from backends.llm import warmth
from backends.llm.warmth import Warmth
from backends.llm.worker import WorkerSpec


class Slots:
    """A worker that writes its slots into a folder, and what it was asked."""

    url, key = "http://127.0.0.1:1", "secret"

    def __init__(self, folder: Path, tokens: dict[int, int]) -> None:
        self.folder, self.tokens = folder, tokens
        self.living, self.status = True, 200
        self.asked: list[tuple[int, str]] = []

    def alive(self) -> bool:
        return self.living

    def post(self, url: str, *, params: dict[str, str], json: dict[str, str], **more: Any) -> SimpleNamespace:
        assert url.startswith(f"{self.url}/slots/") and more["headers"] == {"Authorization": "Bearer secret"}
        slot = int(url.rpartition("/")[2])
        self.asked.append((slot, params["action"]))
        if self.status == 0:
            raise httpx.ConnectError("it has just died")
        if params["action"] == "save":
            path = self.folder / json["filename"]
            path.write_bytes(b"keys and values %d" % slot)
            path.chmod(0o644)
        told = {"n_saved": self.tokens[slot], "n_restored": self.tokens[slot]}
        return SimpleNamespace(status_code=self.status, json=lambda: told)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "warm"


@pytest.fixture
def worker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Slots:
    made = Slots(folder, {0: 120, 1: 30})
    monkeypatch.setattr(httpx, "post", made.post)
    return made


@pytest.fixture
def spec(tmp_path: Path) -> WorkerSpec:
    weights = tmp_path / "weights.gguf"
    weights.write_bytes(b"weights")
    return WorkerSpec(model="small", model_path=str(weights), context_tokens=1024, slots=2, sha256="ab" * 32)


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*"))


def restored(folder: Path, spec: WorkerSpec, worker: Slots) -> int:
    return Warmth(folder, spec).restore(worker)  # type: ignore[arg-type]


def test_every_slot_is_kept_for_its_owner_alone_and_taken_back_once(
    folder: Path, spec: WorkerSpec, worker: Slots
) -> None:
    assert Warmth(folder, spec).save(worker) == 150  # type: ignore[arg-type]
    assert kept(folder) == ["slot-0.bin", "slot-1.bin", "slots.json"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in [folder, *folder.glob("slot-*.bin")])
    assert restored(folder, spec, worker) == 150
    assert kept(folder) == [] and restored(folder, spec, worker) == 0  # the worker knows better from here on


def test_a_slot_that_has_read_nothing_or_too_much_is_not_kept(
    folder: Path, spec: WorkerSpec, worker: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.tokens[1] = 0
    assert Warmth(folder, spec).save(worker) == 120  # type: ignore[arg-type]
    assert kept(folder) == ["slot-0.bin", "slots.json"]
    monkeypatch.setattr(warmth, "_MOST_BYTES", 5)
    assert Warmth(folder, spec).save(worker) == 0  # type: ignore[arg-type]
    assert kept(folder) == ["slots.json"]


@pytest.mark.parametrize(
    "change", [{"sha256": "cd" * 32}, {"context_tokens": 2048}, {"slots": 1}, {"gpu_layers": 7}, {"sha256": ""}]
)
def test_what_another_model_or_window_has_read_is_left(
    folder: Path, spec: WorkerSpec, worker: Slots, change: dict[str, Any]
) -> None:
    Warmth(folder, spec).save(worker)  # type: ignore[arg-type]
    assert restored(folder, replace(spec, **change), worker) == 0
    assert (0, "restore") not in worker.asked and kept(folder) == []


def test_another_version_of_the_engine_reads_anew(
    folder: Path, spec: WorkerSpec, worker: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    Warmth(folder, spec).save(worker)  # type: ignore[arg-type]
    monkeypatch.setattr("backends.llm.warmth.metadata.version", lambda _name: "0.0.1")
    assert restored(folder, spec, worker) == 0


def test_without_a_digest_the_file_itself_says_which_weights_these_are(
    folder: Path, spec: WorkerSpec, worker: Slots
) -> None:
    named = replace(spec, sha256="")
    Warmth(folder, named).save(worker)  # type: ignore[arg-type]
    assert restored(folder, named, worker) == 150
    Warmth(folder, named).save(worker)  # type: ignore[arg-type]
    Path(spec.model_path).write_bytes(b"others")
    assert restored(folder, named, worker) == 0


def test_a_damaged_slot_is_left_and_the_others_are_taken(folder: Path, spec: WorkerSpec, worker: Slots) -> None:
    Warmth(folder, spec).save(worker)  # type: ignore[arg-type]
    (folder / "slot-0.bin").write_bytes(b"keys and values 9")
    assert restored(folder, spec, worker) == 30
    Warmth(folder, spec).save(worker)  # type: ignore[arg-type]
    (folder / "slot-1.bin").unlink()
    assert restored(folder, spec, worker) == 120
    for damaged in (b"{", b"[]", json.dumps({"slots": {"0": {}}}).encode()):
        Warmth(folder, spec).save(worker)  # type: ignore[arg-type]
        (folder / "slots.json").write_bytes(damaged)
        assert restored(folder, spec, worker) == 0 and kept(folder) == []


def test_after_something_was_deleted_nothing_is_kept_until_a_fresh_worker_comes(
    folder: Path, spec: WorkerSpec, worker: Slots
) -> None:
    warm = Warmth(folder, spec)
    warm.save(worker)  # type: ignore[arg-type]
    warm.forget()
    assert kept(folder) == []
    assert warm.save(worker) == 0 and kept(folder) == []  # type: ignore[arg-type]
    warm.restore(worker)  # type: ignore[arg-type]
    assert warm.save(worker) == 150  # type: ignore[arg-type]


def test_a_worker_that_died_or_says_no_costs_only_the_warmth(folder: Path, spec: WorkerSpec, worker: Slots) -> None:
    warm = Warmth(folder, spec)
    for status in (0, 500):
        warm.save(worker)  # type: ignore[arg-type]
        worker.status = status
        assert warm.restore(worker) == 0 and kept(folder) == []  # type: ignore[arg-type]
        assert warm.save(worker) == 0 and kept(folder) == []  # type: ignore[arg-type]
        worker.status = 200
    warm.save(worker)  # type: ignore[arg-type]
    worker.living, worker.asked = False, []
    assert warm.save(worker) == 0 and worker.asked == [] and kept(folder) == []  # type: ignore[arg-type]


def test_a_disk_that_refuses_costs_only_the_warmth(folder: Path, spec: WorkerSpec, worker: Slots) -> None:
    folder.write_text("a file where the folder should be")
    assert Warmth(folder, spec).save(worker) == 0  # type: ignore[arg-type]
