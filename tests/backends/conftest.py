"""Weights for the tests that need them; such tests are marked `model` and skip, saying so, where there are none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.base import BackendContext
from backends.llm.llamacpp import LlamaCppBackend
from backends.weights import present

SMALL = "smollm2-135m-instruct-q4_1"


@pytest.fixture(scope="session")
def small_model(models_dir: Path) -> Path:
    """The folder that holds the smallest model."""
    if not present(SMALL, models_dir):
        pytest.skip(f"{SMALL} is not in {models_dir}; run: wherefrom models fetch {SMALL}")
    return models_dir


@pytest.fixture(scope="session")
def llamacpp(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaCppBackend]:
    """One worker with the smallest model, shared by the tests that do not harm it."""
    context = BackendContext(
        models_dir=str(small_model),
        runtime_dir=str(tmp_path_factory.mktemp("runtime")),
        options={"model": SMALL, "context_tokens": 2048, "threads": 1},
    )
    backend = LlamaCppBackend(context)
    yield backend
    backend.close()
