"""Counting false finds: what was counted is kept, and only what is missing is counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from benchmarks import marks_false


@pytest.fixture
def covers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "covers"
    folder.mkdir()
    Image.effect_noise((160, 160), 40).convert("RGB").save(folder / "noise.png")
    monkeypatch.setenv("WHEREFROM_BENCH_KEPT", str(tmp_path / "kept"))
    return folder


def test_a_count_that_was_cut_off_goes_on(covers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEREFROM_BENCH_SECONDS", "0")
    assert marks_false.run(data=str(covers), limit=3)["pictures"] == 0
    kept = tmp_path / "kept" / "marks_false.jsonl"
    kept.parent.mkdir()
    kept.write_text('["0 0", 1, 0]\n["0 1", 1, 1]\n["0 2", 7, 5]\n')
    result = marks_false.run(data=str(covers), limit=3)
    assert (result["pictures"], result["false finds"]) == (2, 1)  # a share of another size is another share
    monkeypatch.delenv("WHEREFROM_BENCH_SECONDS")
    assert marks_false.run(data=str(covers), limit=3)["pictures"] == 3
    assert len(kept.read_text().splitlines()) == 4


def test_pictures_without_a_mark_show_none(covers: Path) -> None:
    assert marks_false.count_false(covers, 2, "0") == 0
