"""The tree is the architecture: imports point down, nothing heavy loads early."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "ui": {"agent", "retrieval", "backends", "provenance", "benchmarks"},
    "agent": {"retrieval", "backends", "provenance"},
    "retrieval": {"provenance"},
    "backends": {"provenance"},
    "provenance": set(),
}


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_imports_point_down(room: str) -> None:
    allowed = MAY_IMPORT[room] | {room}
    upward = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / room).rglob("*.py")
        for name in _imports(path) & set(MAY_IMPORT) - allowed
    }
    assert not upward


@pytest.mark.parametrize("module", ["ui", "ui.api", "ui.cli", "backends.registry"])
def test_light_modules_load_nothing_heavy(module: str) -> None:
    heavy = "torch transformers sentence_transformers faiss langchain langgraph streamlit sqlalchemy diffusers"
    code = f"import sys, {module}; print([m for m in {heavy.split()} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
