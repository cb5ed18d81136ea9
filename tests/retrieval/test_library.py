"""The library: what is added can be found, shown and deleted, and SQLite stays the truth."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete

from provenance.database import Database
from provenance.errors import NotFoundError, UsageError
from provenance.ledger import Ledger
from retrieval.ingest import Ingestor
from retrieval.jobs import Job
from retrieval.library import Library
from retrieval.tables import passages, vectors
from retrieval.testing import HashEmbedder, PlainParser

Add = Callable[..., Job]

KEEPER = "The keeper of the northern lighthouse is called Ottoline Ferrars."
BAKERY = "The bakery on Mill Lane opens at six and sells out of rye bread by nine."


def words(seed: str, count: int) -> str:
    """Text of about `count` words, all its passages different."""
    sentences = [
        f"Sentence {n} of {seed} mentions {seed}{n * 7919 % 1000} and item {n * n}." for n in range(count // 9)
    ]
    return "\n\n".join(" ".join(sentences[start : start + 8]) for start in range(0, len(sentences), 8))


@pytest.fixture
def two(folder: Path, add: Add) -> Path:
    """A folder with two documents that are in the library."""
    (folder / "keeper.txt").write_text(KEEPER)
    (folder / "bakery.txt").write_text(BAKERY)
    assert add(folder).state == "done"
    return folder


def test_what_was_added_is_found_with_its_exact_place(library: Library, two: Path) -> None:
    [hit, *_] = library.search("Who keeps the lighthouse?", top_k=2)
    assert hit.passage.document_name == "keeper.txt"
    page = library.page(hit.passage.document_id, hit.passage.page)
    assert page.text[hit.passage.start : hit.passage.end] == hit.passage.text == KEEPER
    assert hit.lexical > 0 and -1 <= hit.dense <= 1
    assert library.passages([hit.passage.id]) == [hit.passage]
    assert library.check(full=True) == []


def test_a_deleted_document_is_never_found_again(library: Library, two: Path, database: Database) -> None:
    [keeper] = [info for info in library.documents() if info.name == "keeper.txt"]
    original = library.original(keeper.id)
    library.delete(keeper.id)
    assert {hit.passage.document_name for hit in library.search("Who keeps the lighthouse?")} == {"bakery.txt"}
    assert not original.exists()
    assert library.check(full=True) == []
    with database.read() as conn:
        assert not conn.execute(passages.select().where(passages.c.document == keeper.id)).all()
        assert len(conn.execute(vectors.select()).all()) == 1
    for gone in (library.document, library.original, library.delete):
        with pytest.raises(NotFoundError, match="no document"):
            gone(keeper.id)
    with pytest.raises(NotFoundError):
        library.page(keeper.id, 1)


def test_a_stale_index_never_shows_what_sqlite_does_not(
    library: Library, two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.search("lighthouse")
    monkeypatch.setattr(library.dense, "apply", lambda *_args, **_kwargs: None)  # the index is never told
    monkeypatch.setattr(library.dense, "_sync", lambda *_args: None)
    [keeper] = [info for info in library.documents() if info.name == "keeper.txt"]
    library.delete(keeper.id)
    assert {hit.passage.document_name for hit in library.search("Who keeps the lighthouse?")} == {"bakery.txt"}


def test_a_search_can_be_kept_to_some_documents(library: Library, two: Path) -> None:
    [bakery] = [info.id for info in library.documents() if info.name == "bakery.txt"]
    hits = library.search("Who keeps the lighthouse?", document_ids=[bakery])
    assert {hit.passage.document_id for hit in hits} == {bakery}
    assert library.search("Who keeps the lighthouse?", document_ids=[]) == []


def test_several_wordings_find_what_either_finds(library: Library, two: Path) -> None:
    hits = library.search(["lighthouse keeper", "rye bread"], top_k=2)
    assert {hit.passage.document_name for hit in hits} == {"keeper.txt", "bakery.txt"}


@pytest.mark.parametrize("query", ["", "   \n", [], ["", " "]])
def test_an_empty_search_is_refused(library: Library, two: Path, query: str | list[str]) -> None:
    with pytest.raises(UsageError, match="nothing to search"):
        library.search(query)


NASTY = ['"', "NEAR(", "a AND OR NOT", "heading:x", "*", "🦊🦊", "col : ^x", "'; DROP TABLE passages; --", "\x00"]


@pytest.mark.parametrize("query", [*NASTY, "x" * 50_000, "word " * 10_000])
def test_a_search_cannot_be_broken_by_its_words(library: Library, two: Path, query: str) -> None:
    library.search(query)
    assert library.search("rye bread")[0].passage.document_name == "bakery.txt"


def test_a_search_in_an_empty_library_finds_nothing(library: Library) -> None:
    assert library.search("anything") == []
    assert library.documents() == []
    assert library.check() == []


def test_neighbouring_passages_are_one_hit(library: Library, folder: Path, add: Add) -> None:
    paragraph = "The charter of the harbour trust names the pilot, the pilot's fee and the pilot's boat. " * 7
    (folder / "charter.txt").write_text(f"{paragraph}\n\n{paragraph.replace('pilot', 'pilot master')}")
    add(folder)
    apart = library.search("pilot of the harbour trust", merge=False)
    together = library.search("pilot of the harbour trust")
    assert len(apart) > len(together) == 1
    [hit] = together
    page = library.page(hit.passage.document_id, 1)
    assert hit.passage.text == page.text[hit.passage.start : hit.passage.end]
    assert hit.passage.start == min(one.passage.start for one in apart)
    assert hit.passage.end == max(one.passage.end for one in apart)
    assert hit.score == apart[0].score


def test_near_duplicates_are_shown_once(library: Library, folder: Path, add: Add) -> None:
    for n in range(5):
        (folder / f"copy {n}.txt").write_text(f"{KEEPER}{' ' * n}\n\n\f{BAKERY} Copy {n} of the leaflet was printed.")
    add(folder)
    assert library.counts().documents == 5
    hits = library.search("keeper of the northern lighthouse", top_k=5)
    assert sum(hit.passage.text.startswith("The keeper") for hit in hits) == 1


def test_the_index_is_made_again_when_it_is_missing_damaged_or_of_another_library(
    home: Path, database: Database, ledger: Ledger, two: Path, ingestor: Ingestor, library: Library
) -> None:
    ingestor.close()
    library.close()
    index = home / "index" / "passages.faiss"
    manifest = (home / "index" / "manifest.json").read_text()
    good = index.read_bytes()
    flipped = bytes([*good[:-3], good[-3] ^ 1, *good[-2:]])

    def reopened() -> Library:
        return Library(home, database, ledger, embedder=HashEmbedder(), parser=PlainParser())

    for damage in (good, flipped, good[:50], b"", None):
        if damage is None:
            shutil.rmtree(home / "index")
        else:
            index.write_bytes(damage)
            (home / "index" / "manifest.json").write_text(manifest)
        again = reopened()
        assert again.check() == []
        assert again.search("Who keeps the lighthouse?")[0].passage.document_name == "keeper.txt"
        again.close()
    foreign = reopened()
    with database.write() as conn:  # as if a backup of the database had been put back
        foreign.store.lexical.remove(conn, [1])
        conn.execute(delete(passages).where(passages.c.id == 1))
    assert len(foreign.search("lighthouse")) == 1


def test_a_change_by_another_process_is_noticed(
    home: Path, database: Database, ledger: Ledger, library: Library, ingestor: Ingestor, two: Path, folder: Path
) -> None:
    other = Library(home, database, ledger, embedder=HashEmbedder(), parser=PlainParser())
    assert len(other.search("keeper")) == 2
    (folder / "third.txt").write_text("A third document speaks of narwhals.")
    ingestor.wait(ingestor.submit([folder]), timeout_s=60)
    assert other.search("narwhals")[0].passage.document_name == "third.txt"
    other.delete(other.search("keeper")[0].passage.document_id)
    assert "keeper.txt" not in {hit.passage.document_name for hit in library.search("keeper")}
    assert library.check() == other.check() == []


def test_another_embedding_model_makes_its_own_vectors(
    home: Path, database: Database, ledger: Ledger, library: Library, ingestor: Ingestor, two: Path
) -> None:
    ingestor.close()
    library.close()
    changed = Library(home, database, ledger, embedder=HashEmbedder(dimension=32), parser=PlainParser())
    assert any("not embedded" in problem for problem in changed.check())
    assert changed.search("rye bread")[0].passage.document_name == "bakery.txt"  # by its words
    again = Ingestor(changed)
    job = again.submit([two])  # nothing new, but the thread starts, and begins with what is missing
    again.wait(job, timeout_s=60)
    again.close()
    assert changed.check() == []
    changed.close()


def test_pictures_of_pages_are_drawn_once(
    library: Library, folder: Path, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.txt").write_text("picture of a lighthouse")
    (folder / "b.txt").write_text("no drawing")
    add(folder)
    a, b = library.documents()
    assert library.page_image(a.id, 1, 3, 9, 500) == b"1 3:9 500"
    assert library.page_image(b.id, 1) is None
    monkeypatch.setattr(library.parser, "page_png", None)
    assert library.page_image(a.id, 1, 3, 9, 500) == b"1 3:9 500"
    with pytest.raises(NotFoundError, match="no page 2"):
        library.page_image(a.id, 2)
    library.delete(a.id)
    with pytest.raises(NotFoundError):
        library.page_image(a.id, 1, 3, 9, 500)


def test_check_finds_what_is_wrong(library: Library, two: Path, database: Database) -> None:
    bakery, keeper = library.documents()
    library.original(keeper.id).write_bytes(b"x" * keeper.size_bytes)
    library.original(bakery.id).unlink()
    with database.write() as conn:
        conn.execute(delete(passages).where(passages.c.document == keeper.id))
    found = " ".join(library.check(full=True))
    for part in ("keeper.txt is damaged", "bakery.txt is missing", "full-text index", "have all its", "index holds"):
        assert part in found
