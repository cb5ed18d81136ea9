"""Which documents a search may look at, and folders that the library is kept in step with."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from provenance.errors import NotFoundError, UsageError
from retrieval.document import DocumentInfo
from retrieval.scope import Scope, documents_in
from retrieval.watching import FolderWatch


def document(id_: int, path: str, kind: str, day: str) -> DocumentInfo:
    return DocumentInfo(
        id=id_, name=Path(path).name, path=path, digest="", kind=kind, title="", size_bytes=1, pages=1, passages=1,
        added_at=f"{day}T10:00:00Z",
    )  # fmt: skip


DOCUMENTS = [
    document(1, "/docs/a/lease.pdf", "pdf", "2026-01-05"),
    document(2, "/docs/a/old/lease.docx", "docx", "2026-02-01"),
    document(3, "/docs/ab/list.pdf", "pdf", "2026-03-01"),
    document(4, "", "csv", "2026-03-02"),
]


@pytest.mark.parametrize(
    ("scope", "ids"),
    [
        (Scope(), None),
        (Scope(folder="/docs/a"), [1, 2]),
        (Scope(kinds=("pdf", "csv")), [1, 3, 4]),
        (Scope(since="2026-02-01", until="2026-03-01"), [2, 3]),
        (Scope(documents=(1, 3), folder="/docs/a"), [1]),
    ],
)
def test_what_is_given_must_all_hold(scope: Scope, ids: list[int] | None) -> None:
    assert documents_in(scope, DOCUMENTS) == ids


def test_limits_that_leave_nothing_are_said() -> None:
    with pytest.raises(NotFoundError):
        documents_in(Scope(folder="/elsewhere"), DOCUMENTS)
    with pytest.raises(UsageError):
        documents_in(Scope(since="yesterday"), DOCUMENTS)


class Keeper:
    def __init__(self) -> None:
        self.taken: list[str] = []
        self.gone: list[str] = []
        self.into: int | None = None

    def take_in(self, paths: list[Path], collection: int | None) -> None:
        self.taken += sorted(path.name for path in paths)
        self.into = collection

    def let_go(self, path: Path) -> None:
        self.gone.append(path.name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "docs" / "one.txt").write_text("one", encoding="utf-8")
    (tmp_path / "docs" / "deep" / "two.txt").write_text("two", encoding="utf-8")
    return tmp_path / "docs"


def test_only_what_is_new_changed_or_gone_is_touched(folder: Path, tmp_path: Path) -> None:
    keeper = Keeper()
    watch = FolderWatch(tmp_path / "watched.json", keeper, look_s=3600)
    watch.add(folder)
    assert keeper.taken == ["one.txt", "two.txt"]
    watch.look()
    assert keeper.taken == ["one.txt", "two.txt"]
    (folder / "three.txt").write_text("three", encoding="utf-8")
    os.utime(folder / "one.txt", (1, 1))
    (folder / "deep" / "two.txt").unlink()
    watch.look()
    assert keeper.taken[2:] == ["one.txt", "three.txt"]
    assert keeper.gone == ["two.txt"]
    watch.close()


def test_a_new_start_knows_what_was_seen(folder: Path, tmp_path: Path) -> None:
    first = FolderWatch(tmp_path / "watched.json", Keeper(), look_s=3600)
    first.add(folder)
    first.close()
    keeper = Keeper()
    second = FolderWatch(tmp_path / "watched.json", keeper, look_s=3600)
    (folder / "one.txt").unlink()
    second.look()
    assert (second.folders(), keeper.taken, keeper.gone) == ([str(folder)], [], ["one.txt"])
    second.remove(folder)
    assert second.folders() == []
    with pytest.raises(NotFoundError):
        second.remove(folder)


def test_a_folder_fills_its_collection_after_a_new_start_too(folder: Path, tmp_path: Path) -> None:
    keeper = Keeper()
    first = FolderWatch(tmp_path / "watched.json", keeper, look_s=3600)
    first.add(folder)
    assert keeper.into is None
    first.add(folder, collection=7)  # what is known already goes there, too
    assert (keeper.taken, keeper.into) == (["one.txt", "two.txt"] * 2, 7)
    first.close()
    second = FolderWatch(tmp_path / "watched.json", keeper := Keeper(), look_s=3600)
    (folder / "three.txt").write_text("three", encoding="utf-8")
    second.look()
    assert (keeper.taken, keeper.into) == (["three.txt"], 7)
    second.remove(folder)
    second.add(folder)
    assert keeper.into is None
    second.close()


def test_a_list_of_folders_from_before_collections_is_still_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "watched.json").write_text(json.dumps({str(folder): {}}), encoding="utf-8")
    watch = FolderWatch(tmp_path / "watched.json", keeper := Keeper(), look_s=3600)
    watch.look()
    assert (watch.folders(), keeper.taken) == ([str(folder)], ["one.txt", "two.txt"])


def test_a_folder_that_cannot_be_seen_takes_nothing_out(folder: Path, tmp_path: Path) -> None:
    keeper = Keeper()
    watch = FolderWatch(tmp_path / "watched.json", keeper, look_s=3600)
    watch.add(folder)
    shutil.move(folder, tmp_path / "pulled out")
    watch.look()
    assert keeper.gone == []
    watch.close()


def test_what_cannot_be_watched_is_refused(folder: Path, tmp_path: Path) -> None:
    watch = FolderWatch(tmp_path / "watched.json", Keeper(), look_s=3600)
    with pytest.raises(UsageError):
        watch.add(folder / "one.txt")
    watch.add(folder)
    with pytest.raises(UsageError):
        watch.add(folder / "deep")
    watch.close()
    (tmp_path / "damaged.json").write_text("[1", encoding="utf-8")
    assert FolderWatch(tmp_path / "damaged.json", Keeper()).folders() == []
