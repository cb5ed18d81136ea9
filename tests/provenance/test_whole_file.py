"""A file is written whole or not at all, and nothing stays beside it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from provenance.whole_file import replacing, write_whole


def test_the_new_file_stands_in_the_place_of_the_old_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.write_bytes(b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="half way"), replacing(path) as draft:
        draft.write_bytes(b"ne")
        raise ValueError("half way")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_and_its_name_reach_the_disk_before_it_counts_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_whole(tmp_path / "kept.json", b"new")
    assert len(synced) == 2
    assert synced[0].startswith(".kept.json") and synced[1] == tmp_path.name
