"""Backends are found by entry points, listed without importing, and never shadow each other."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

import pytest

from backends import registry
from backends.base import BackendContext, ChatBackend
from provenance.errors import BackendUnavailableError, ConfigError, UnknownBackendError

CONTEXT = BackendContext(models_dir="models", runtime_dir="run")


def _point(root: Path, distribution: str, target: str) -> EntryPoint:
    info = root / f"{distribution}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[wherefrom.backends]\nflow = {target}\n")
    (point,) = Distribution.at(info).entry_points
    return point


def test_the_built_in_backends_come_by_entry_points() -> None:
    assert {"fake", "llamacpp", "openai", "transformers"} <= set(registry.names())


def test_listing_imports_no_backend() -> None:
    code = "import sys; from backends import registry; registry.names(); print([m for m in sys.modules if 'llm' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_two_backends_of_one_name_are_refused_and_both_are_named(tmp_path: Path) -> None:
    points = [_point(tmp_path, "alpha", "alpha:Flow"), _point(tmp_path, "beta", "beta:Flow")]
    with pytest.raises(ConfigError, match=r"alpha 1\.0 .* beta 1\.0"):
        registry.entries(points)


def test_one_distribution_seen_twice_is_one_backend(tmp_path: Path) -> None:
    point = _point(tmp_path, "alpha", "alpha:Flow")
    assert [entry.name for entry in registry.entries([point, point])] == ["flow"]


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(UnknownBackendError) as caught:
        registry.load("lama-cpp", CONTEXT)
    assert "llamacpp" in caught.value.hint


def test_a_backend_that_cannot_be_imported_says_whose_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = registry.entries([_point(tmp_path, "alpha", "no_such_module_of_alpha:Flow")])
    monkeypatch.setattr(registry, "entries", lambda: entry)
    with pytest.raises(BackendUnavailableError, match=r"alpha 1\.0 cannot be imported"):
        registry.load("flow", CONTEXT)


def test_a_loaded_backend_keeps_the_contract() -> None:
    backend = registry.load("fake", CONTEXT)
    assert isinstance(backend, ChatBackend)
    assert (backend.name, backend.kind, backend.available()) == ("fake", "chat", "")
