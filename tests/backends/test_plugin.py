"""The plug-in of docs/backends.md, installed as a stranger would install it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.backends.sources import build_wheel

DOC = Path(__file__).resolve().parents[2] / "docs" / "backends.md"
ASK = """
import json
from backends import registry
from backends.base import BackendContext, ChatBackend
backend = registry.load("parrot", BackendContext(models_dir="", runtime_dir=""))
assert isinstance(backend, ChatBackend)
entry = {entry.name: entry for entry in registry.entries()}["parrot"]
answer = backend.chat_model(None).invoke("Polly wants a cracker")
print(json.dumps([registry.names(), entry.distribution, answer.text, backend.identity().model]))
"""


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOC.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The code and the entry point of the document, as a wheel, in a folder of its own."""
    code = next(block for block in _blocks("python") if "class ParrotBackend" in block)
    points = tomllib.loads(next(block for block in _blocks("toml")))["project"]["entry-points"]["wherefrom.backends"]
    wheel = build_wheel(tmp_path, "wherefrom-parrot", "0.3", {"wherefrom_parrot.py": code.encode()})
    lines = "".join(f"{name} = {target}\n" for name, target in points.items())
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("wherefrom_parrot-0.3.dist-info/entry_points.txt", f"[wherefrom.backends]\n{lines}")
    target = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*command, str(wheel)], check=True, capture_output=True)
    return target


def test_the_plug_in_of_the_document_appears_and_answers(installed: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), *filter(None, sys.path)])}
    done = subprocess.run(
        [sys.executable, "-c", ASK], capture_output=True, text=True, check=False, env=environment, cwd=installed
    )
    assert done.returncode == 0, done.stderr
    names, distribution, answer, model = json.loads(done.stdout)
    assert "parrot" in names and {"fake", "llamacpp"} <= set(names)
    assert (distribution, answer.strip(), model) == ("wherefrom-parrot 0.3", "Polly wants a cracker", "parrot-1")


def test_the_document_keeps_its_promise_of_twenty_lines() -> None:
    code = next(block for block in _blocks("python") if "class ParrotBackend" in block)
    lines = [line for line in code.splitlines() if line.strip() and not line.startswith('"""')]
    assert len(lines) <= 20


def test_the_document_names_every_built_in_backend() -> None:
    from backends import registry

    text = DOC.read_text(encoding="utf-8")
    built_in = [entry.name for entry in registry.entries() if entry.distribution.startswith("wherefrom ")]
    assert built_in and all(f"`{name}`" in text for name in built_in)
