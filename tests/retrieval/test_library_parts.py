"""The parts of the library on their own: fusion, index file, originals, words of a query, folders."""

from __future__ import annotations

import errno
import hashlib
import threading
from pathlib import Path

import numpy as np
import pytest

from provenance.errors import DocumentError, StorageError
from retrieval.embedder import Vectors
from retrieval.index import VectorIndex, fingerprint
from retrieval.lexical import match_expression
from retrieval.objects import Cancelled, Objects, file_digest
from retrieval.search import distinct, fuse
from retrieval.walk import safe_name, walk


def unit(*rows: list[float]) -> np.ndarray:
    array = np.array(rows, dtype=np.float32)
    return np.asarray(array / np.linalg.norm(array, axis=1, keepdims=True))


def test_fusion_adds_weighted_z_scores() -> None:
    """By hand: dense 1, 0, -1 has deviation sqrt(2/3); lexical 0, 3, 0 has mean 1 and deviation sqrt(2)."""
    ranked = fuse({1: 1.0, 2: 0.0, 3: -1.0}, {2: 3.0}, weight=0.5)
    assert [candidate.id for candidate in ranked] == [2, 1, 3]
    np.testing.assert_allclose(
        [candidate.score for candidate in ranked],
        [0.5 * 0 + 0.5 * 2 / 2**0.5, 0.5 * 1.5**0.5 - 0.5 / 2**0.5, -0.5 * 1.5**0.5 - 0.5 / 2**0.5],
    )
    assert [(candidate.dense, candidate.lexical) for candidate in ranked] == [(0.0, 3.0), (1.0, 0.0), (-1.0, 0.0)]


def test_fusion_of_one_kind_or_of_nothing_keeps_its_order() -> None:
    assert [one.id for one in fuse({5: 0.2, 7: 0.9}, {})] == [7, 5]
    assert [one.id for one in fuse({}, {5: 2.0, 7: 9.0})] == [7, 5]
    assert fuse({}, {}) == []
    assert fuse({3: 0.5}, {3: 1.0})[0].score == 0.0


def test_of_two_passages_that_say_the_same_the_better_one_stays() -> None:
    ranked = fuse({1: 0.9, 2: 0.8, 3: 0.1}, {})
    vectors = dict(zip((1, 2, 3), unit([1, 0], [1, 0.01], [0, 1]), strict=True))
    same = {1: "won 3", 2: "3 were won", 3: "lost"}

    def kept(vectors: dict[int, Vectors], texts: dict[int, str], count: int) -> list[tuple[int, list[int]]]:
        return [(one.id, twins) for one, twins in distinct(ranked, vectors, texts, count)]

    assert kept(vectors, same, 3) == kept(vectors, same, 2) == [(1, [2]), (3, [])]
    assert kept({}, same, 2) == [(1, []), (2, [])]
    assert kept(vectors, same | {2: "4 were won"}, 3) == [(1, []), (2, []), (3, [])]  # other figures say something else
    assert kept(vectors, {1: "won 3", 3: "lost"}, 3) == [(1, []), (3, [])]


def test_an_index_gives_back_what_was_added_and_not_what_was_removed(tmp_path: Path) -> None:
    index = VectorIndex(2)
    vectors = unit([1, 0], [0, 1], [1, 1])
    index.add(np.array([10, 20, 30]), vectors)
    index.add(np.array([10, 40]), unit([0, -1], [-1, 0]))  # 10 keeps what it had
    assert [id_ for id_, _ in index.search(vectors[0], 3)] == [10, 30, 20]
    assert index.search(vectors[0], 1) == [(10, pytest.approx(1.0))]
    assert [id_ for id_, _ in index.search(vectors[0], 9, among=np.array([20, 40, 99]))] == [20, 40]
    assert index.remove(np.array([10, 99])) == 1
    assert sorted(index.ids().tolist()) == [20, 30, 40] and len(index) == 3
    assert set(index.vectors([10, 20])) == {20}
    index.save(tmp_path, fingerprint="f", embedder="e")
    again = VectorIndex(2)
    manifest = again.load(tmp_path)
    assert manifest is not None and (manifest.count, manifest.max_id, manifest.fingerprint) == (3, 40, "f")
    assert again.search(vectors[1], 3) == index.search(vectors[1], 3)
    assert again.remove(np.array([20])) == 1
    assert VectorIndex(3).load(tmp_path) is None  # of another model
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["manifest.json", "passages.faiss"]


def test_a_fingerprint_is_of_the_set_and_of_every_part_of_it() -> None:
    rows = [(1, b"a" * 32), (2, b"b" * 32)]
    assert fingerprint(rows) == fingerprint(rows[::-1])
    different = [[(1, b"b" * 32), (2, b"a" * 32)], rows[:1], [*rows, (3, b"a" * 32)], [(1, b"a" * 32), (2, b"c" * 32)]]
    assert len({fingerprint(other) for other in [rows, *different]}) == 5


def test_common_words_are_left_out_unless_there_are_no_others() -> None:
    assert match_expression("What is the RENT?") == '"rent"'
    assert match_expression("who is he") == '"who" OR "is" OR "he"'
    assert match_expression("🦊 !?") == ""
    assert match_expression(" ".join(f"w{n}" for n in range(1000))).count(" OR ") == 47


def test_an_original_is_stored_once_by_its_digest(tmp_path: Path) -> None:
    objects = Objects(tmp_path / "objects")
    source = tmp_path / "a.bin"
    source.write_bytes(b"x" * 3_000_000)
    digest, size = objects.put_file(source)
    assert (digest, size) == (hashlib.sha256(source.read_bytes()).hexdigest(), 3_000_000) == file_digest(source)
    assert objects.put_bytes(source.read_bytes()) == (digest, size)
    assert objects.path(digest) == tmp_path / "objects" / digest[:2] / digest
    assert objects.digests() == {digest}
    other, _ = objects.put_bytes(b"other")
    assert objects.sweep({other}) == 1
    assert objects.digests() == {other} and not objects.has(digest)
    objects.remove(other)
    assert objects.digests() == set()


def test_a_full_disk_leaves_no_half_original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = Objects(tmp_path / "objects")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("retrieval.objects.os.fsync", full)
    with pytest.raises(StorageError, match="disk is full") as caught:
        objects.put_bytes(b"x" * 100)
    assert caught.value.hint
    assert [path.name for path in (tmp_path / "objects").iterdir() if path.name != ".lock"] == []


def test_a_copy_that_is_stopped_or_cannot_be_read_leaves_nothing(tmp_path: Path) -> None:
    objects = Objects(tmp_path / "objects")
    source = tmp_path / "a.bin"
    source.write_bytes(b"x" * 100)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        objects.put_file(source, stop=stop)
    with pytest.raises(DocumentError, match="does not exist"):
        objects.put_file(tmp_path / "gone")
    assert [path.name for path in (tmp_path / "objects").iterdir() if path.name != ".lock"] == []


def test_what_a_kill_left_of_a_copy_is_swept(tmp_path: Path) -> None:
    objects = Objects(tmp_path / "objects")
    (tmp_path / "objects" / ".incoming-x").write_bytes(b"half")
    assert objects.digests() == set()
    objects.sweep(set())
    assert not (tmp_path / "objects" / ".incoming-x").exists()


def test_only_one_at_a_time_may_remove_or_refer(tmp_path: Path) -> None:
    objects, other = Objects(tmp_path / "objects"), Objects(tmp_path / "objects")
    order: list[str] = []

    def wait() -> None:
        with other.exclusive():
            order.append("second")

    thread = threading.Thread(target=wait)
    with objects.exclusive(), objects.exclusive():  # may be nested
        thread.start()
        thread.join(timeout=0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_walk_names_files_in_order_and_can_be_stopped(tmp_path: Path) -> None:
    for name in ("b/2.txt", "b/1.txt", "a.txt", "c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [found.path.relative_to(tmp_path).as_posix() for found in walk(tmp_path)]
    assert names == ["a.txt", "c.txt", "b/1.txt", "b/2.txt"]
    assert [found.path for found in walk(tmp_path / "gone")] == [tmp_path / "gone"]
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        list(walk(tmp_path, stop=stop))


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a b.txt", "a b.txt"), ("a\u00a0b", "a b"), ("a\nb\x1b[31m", "a\\nb\\x1b[31m"), ("a\u202eb", "a\\u202eb")],
)
def test_names_are_shown_without_tricks(name: str, shown: str) -> None:
    assert safe_name(name) == shown


def test_the_parser_double_behaves_like_the_parser(tmp_path: Path) -> None:
    from retrieval.parser import Parser
    from retrieval.testing import PlainParser

    path = tmp_path / "a.txt"
    path.write_text("One line.\n\nAnother paragraph.")
    with Parser() as parser:
        real = parser.parse(path, "a.txt")
    double = PlainParser().parse(path, "a.txt")
    assert [page.text for page in double.pages] == [page.text for page in real.pages]
    assert double.kind == real.kind
