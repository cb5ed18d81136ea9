"""Collections on a real library: named, filled, taken over by newer versions, and gone with what they hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from provenance.database import Database
from provenance.errors import NotFoundError, UsageError
from provenance.ledger import Ledger
from retrieval.collection import LONGEST_NAME, Collections
from retrieval.ingest import Ingestor
from retrieval.jobs import Job
from retrieval.library import Library
from retrieval.scope import Scope, documents_in
from retrieval.tables import collection_documents

Add = Callable[..., Job]


@pytest.fixture
def kept(library: Library) -> Collections:
    return library.collections


@pytest.fixture
def ids(folder: Path, add: Add, library: Library) -> dict[str, int]:
    """Two documents, by name."""
    (folder / "lease.txt").write_text("The lease of the mill ends on 31 March 2027.")
    (folder / "bakery.txt").write_text("The bakery sells 430 loaves a day.")
    assert add(folder).state == "done"
    return {info.name: info.id for info in library.documents()}


def inside(library: Library, name: str) -> set[str]:
    names = {info.id: info.name for info in library.documents()}
    return {names[id_] for id_ in library.collections.find(name).documents}


def rows(database: Database) -> int:
    with database.read() as conn:
        return len(conn.execute(select(collection_documents)).all())


def test_a_document_may_be_in_several_and_leaves_one_alone(
    library: Library, kept: Collections, ids: dict[str, int]
) -> None:
    kept.make("Lease 2024", [ids["lease.txt"]])
    kept.make("Thesis")
    kept.change("thesis", add=[*ids.values(), ids["lease.txt"]])  # twice is once
    assert [info.name for info in kept.all()] == ["Lease 2024", "Thesis"]
    assert inside(library, "Thesis") == {"lease.txt", "bakery.txt"}
    kept.change("Thesis", remove=[ids["lease.txt"], 999])
    assert inside(library, "Thesis") == {"bakery.txt"}
    assert inside(library, "Lease 2024") == {"lease.txt"}
    assert kept.documents_of(["Lease 2024", "Thesis"]) == set(ids.values())
    kept.delete("Thesis")
    assert [info.name for info in kept.all()] == ["Lease 2024"]
    assert len(library.documents()) == 2


def test_a_name_is_tidy_and_unique_but_for_capitals(kept: Collections) -> None:
    assert kept.make("  Lease \n 2024 ").name == "Lease 2024"
    for taken in ("lease 2024", "LEASE  2024"):
        with pytest.raises(UsageError, match="already"):
            kept.make(taken)
    kept.make("Straße")
    with pytest.raises(UsageError, match="already"):
        kept.rename("Lease 2024", "STRASSE")
    assert kept.rename("lease 2024", "LEASE 2024").name == "LEASE 2024"  # of itself, capitals may change
    kept.make("Cafe\u0301")  # the accent as a character of its own
    assert kept.find("CAFÉ").name == "Café"
    assert [info.name for info in kept.all()] == ["Café", "LEASE 2024", "Straße"]


@pytest.mark.parametrize(
    "name", ["", " \t", "x" * (LONGEST_NAME + 1), "a\u202eb", "\ud800", "(Erased 7)", "(Deleted 7)"]
)
def test_what_can_be_no_name_is_refused_with_a_hint(kept: Collections, name: str) -> None:
    kept.make("Thesis")
    with pytest.raises(UsageError) as made:
        kept.make(name)
    with pytest.raises(UsageError) as renamed:
        kept.rename("Thesis", name)
    assert made.value.hint and renamed.value.hint
    assert [info.name for info in kept.all()] == ["Thesis"]


def test_an_unknown_name_is_answered_with_those_that_are_near(kept: Collections) -> None:
    with pytest.raises(NotFoundError) as nothing:
        kept.find("Lease")
    assert "none yet" in nothing.value.hint
    kept.make("Lease 2024")
    kept.make("Thesis")
    calls: list[Callable[[str], object]] = [kept.find, kept.delete, kept.change]
    for call in (*calls, lambda name: kept.rename(name, "Rent")):
        with pytest.raises(NotFoundError) as near:
            call("Leese 2024")
        assert "“Lease 2024”" in near.value.hint and "Thesis" not in near.value.hint
    with pytest.raises(NotFoundError) as part:
        kept.find("24")  # too short to be like it, but a part of it
    assert "“Lease 2024”" in part.value.hint
    with pytest.raises(NotFoundError) as far:
        kept.find("qqqq")
    assert "collection list" in far.value.hint


def test_a_number_finds_the_name_of_today_and_says_where_there_is_none(kept: Collections) -> None:
    kept.make("Lease 2024")
    kept.make("Thesis")
    ids = kept.ids(["thesis", "Lease 2024"])
    kept.rename("Thesis", "Book")
    assert kept.names(ids) == ["Book", "Lease 2024"]
    kept.delete("Book")
    gone, there = kept.names(ids)
    assert there == "Lease 2024"
    with pytest.raises(NotFoundError, match="has been deleted") as refused:
        kept.find(gone)
    assert refused.value.hint
    with pytest.raises(NotFoundError):
        kept.ids(["Thesis"])


def test_a_document_that_is_not_there_cannot_be_put_in(kept: Collections, ids: dict[str, int]) -> None:
    with pytest.raises(NotFoundError, match="999"):
        kept.make("Thesis", [999])
    assert kept.all() == []  # nothing of it was made


def test_a_deleted_document_leaves_no_row_behind(
    library: Library, kept: Collections, ids: dict[str, int], database: Database
) -> None:
    kept.make("Thesis", list(ids.values()))
    library.delete(ids["lease.txt"])
    assert inside(library, "Thesis") == {"bakery.txt"}
    assert rows(database) == 1
    kept.delete("Thesis")
    assert rows(database) == 0


def test_a_newer_version_stays_where_the_older_was(
    library: Library, kept: Collections, ids: dict[str, int], folder: Path, add: Add, database: Database
) -> None:
    kept.make("Thesis", [ids["lease.txt"]])
    bread = kept.make("Bread", [ids["bakery.txt"]])
    (folder / "lease.txt").write_text("The lease of the mill ends on 31 March 2030.")
    add(folder)
    assert kept.find("Bread").documents == bread.documents  # where the older was, and nowhere else
    kept.delete("Bread")
    assert kept.find("Thesis").documents != (ids["lease.txt"],)
    assert inside(library, "Thesis") == {"lease.txt"}
    (folder / "lease.txt").write_text((folder / "bakery.txt").read_text())  # now it is what the library holds already
    add(folder)
    assert kept.find("Thesis").documents == (ids["bakery.txt"],)
    assert rows(database) == 1


def test_an_ingest_puts_what_it_reads_into_a_collection(
    library: Library, kept: Collections, ids: dict[str, int], folder: Path, ingestor: Ingestor, ledger: Ledger
) -> None:
    thesis = kept.make("Thesis").id
    (folder / "mill.txt").write_text("The mill grinds 12 tonnes a day.")
    job = ingestor.wait(ingestor.submit([folder], collection=thesis), timeout_s=60)
    assert {file.status for file in job.files} == {"added", "unchanged"}
    assert inside(library, "Thesis") == {"mill.txt", "lease.txt", "bakery.txt"}
    assert ledger.entries(run=job.run, kind="ingest")[0].body["collection"] == thesis
    again = ingestor.wait(ingestor.submit([folder], collection=thesis), timeout_s=60)  # what is in it stays in it once
    assert {file.status for file in again.files} == {"unchanged"}
    kept.delete("Thesis")
    sent = ingestor.submit_uploads([("note.txt", b"The pier is closed.")], collection=thesis)
    assert ingestor.wait(sent, timeout_s=60).files[0].status == "added"  # a collection that is gone harms nobody
    assert kept.all() == []


def test_changes_are_recorded_and_names_are_private(kept: Collections, ids: dict[str, int], ledger: Ledger) -> None:
    made = kept.make("Thesis", [ids["lease.txt"]])
    kept.change("Thesis", add=[ids["lease.txt"]])  # changes nothing, so nothing is recorded
    kept.change("Thesis", add=[ids["bakery.txt"]], remove=[ids["lease.txt"], 999])
    kept.rename("Thesis", "Dissertation")
    kept.delete("Dissertation")
    events = [entry for entry in ledger.entries() if entry.kind.startswith("collection_")]
    assert [entry.kind.removeprefix("collection_") for entry in events] == ["made", "changed", "renamed", "deleted"]
    assert all(entry.body["collection"] == made.id for entry in events)
    assert (events[1].body["added"], events[1].body["removed"]) == ([ids["bakery.txt"]], [ids["lease.txt"]])
    assert not any("Thesis" in str(entry.body) or "Dissertation" in str(entry.body) for entry in events)


def test_names_that_mention_a_person_can_be_forgotten(kept: Collections, ids: dict[str, int]) -> None:
    made = kept.make("Letters of Marit Aune", [ids["lease.txt"]])
    kept.make("Thesis")
    assert kept.forget_names(["marit aune"]) == 1
    assert {info.name: info.documents for info in kept.all()} == {
        f"(erased {made.id})": (ids["lease.txt"],),
        "Thesis": (),
    }
    with pytest.raises(NotFoundError):
        kept.find("Letters of Marit Aune")  # by no column that a search goes by


def test_a_scope_holds_what_is_in_one_of_its_collections(
    library: Library, kept: Collections, ids: dict[str, int]
) -> None:
    kept.make("Lease 2024", [ids["lease.txt"]])
    kept.make("Thesis")
    documents = library.documents()
    both = Scope(collections=("Lease 2024", "Thesis"))
    assert documents_in(both, documents, kept.documents_of(both.collections)) == [ids["lease.txt"]]
    narrow = Scope(collections=("Lease 2024",), documents=(ids["bakery.txt"],))
    for scope in (narrow, Scope(collections=("Thesis",))):
        with pytest.raises(NotFoundError):
            documents_in(scope, documents, kept.documents_of(scope.collections))
