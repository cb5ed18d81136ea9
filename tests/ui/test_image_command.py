"""`wherefrom image` against an engine in memory, over the real wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_engine import FakeEngine
from tests.ui.engine_process import commanded
from ui import cli
from ui.commands import image


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    with commanded(tmp_path, image, monkeypatch) as fake:
        yield fake


def test_a_picture_is_drawn_and_named(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["image", "a red fox", "--style", "fluent flat", "--seed", "3", "--option", "steps=4", "--json"]
    assert cli.main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["backend"] == "diffusion" and found["seed"] == 3 and found["options"] == {"steps": 4}
    assert len(found["files"]) == 1 and len(found["pixels_sha256"]) == 1
    assert engine.drawings()[0].run == found["run"]


def test_pictures_are_copied_to_where_out_says(
    engine: FakeEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["image", "fox", "-o", str(tmp_path / "fox.png")]) == 0
    assert (tmp_path / "fox.png").read_bytes().startswith(b"\x89PNG")
    assert cli.main(["image", "fox", "--count", "2", "-o", str(tmp_path / "new"), "--json"]) == 0
    assert len(list((tmp_path / "new").glob("*.png"))) == 2
    (tmp_path / "file").touch()
    assert cli.main(["image", "fox", "-o", str(tmp_path / "file" / "fox.png")]) == 3
    assert "cannot be written" in capsys.readouterr().err
    assert cli.main(["image", "fox", "-o", str(tmp_path / "fox.svg")]) == 0
    assert (tmp_path / "fox.svg").read_bytes().startswith(b"<svg")
    assert cli.main(["image", "fox", "--svg", "-o", str(tmp_path / "new")]) == 0
    assert len(list((tmp_path / "new").glob("*.svg"))) == 1


def test_size_and_filter_reach_the_engine_and_its_note_is_said(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["image", "fox", "--size", "256", "--enlarge", "filter", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["note"] == "Enlarged by a plain filter."
    assert engine.drawings()[0].pictures[0].width == 256
    assert cli.main(["image", "fox", "--enlarge", "filter"]) == 0
    assert "Enlarged by a plain filter." in capsys.readouterr().err
    assert cli.main(["image", "fox", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["note"] == "" and engine.drawings()[0].pictures[0].width == 512


def test_what_goes_wrong_is_a_sentence_and_a_status(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["image", " "]) == 2
    assert cli.main(["image", "fox", "--style", "cubist"]) == 2
    assert cli.main(["image", "fox", "--option", "steps"]) == 2
    assert cli.main(["image", "a weapon"]) == 1
    said = capsys.readouterr()
    assert "The prompt is empty." in said.err and "cubist" in said.err and "A guard stopped" in said.out
    assert cli.main(["train", "poetry"]) == 2
    assert cli.main(["train", "vae", "--steps", "0"]) == 2
