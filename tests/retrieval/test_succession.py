"""What stands for a document whose file has changed: whoever kept its id finds the newer version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from provenance.database import Database
from retrieval.jobs import Job
from retrieval.library import Library
from retrieval.tables import successors

Write = Callable[[str, str], int]


@pytest.fixture
def write(folder: Path, add: Callable[..., Job], library: Library) -> Write:
    """Write a file and read it in; the id of its document."""

    def call(name: str, text: str) -> int:
        (folder / name).write_text(text)
        assert add(folder / name).state == "done"
        [info] = [info for info in library.documents() if info.name == name]
        return info.id

    return call


def test_every_older_version_leads_to_the_newest(library: Library, write: Write) -> None:
    first = write("lease.txt", "The lease ends in 2027.")
    other = write("bakery.txt", "The bakery sells 430 loaves a day.")
    second = write("lease.txt", "The lease ends in 2030.")
    third = write("lease.txt", "The lease ends in 2035.")
    assert len({first, second, third}) == 3
    assert library.current([first, other, second]) == [third, other]  # two of one document are one
    assert library.current([third, 999]) == [third, 999]
    assert library.current([]) == []


def test_one_line_of_versions_is_no_other(library: Library, write: Write) -> None:
    lease, bakery = write("lease.txt", "The lease ends in 2027."), write("bakery.txt", "430 loaves a day.")
    newer_lease = write("lease.txt", "The lease ends in 2030.")
    newer_bakery = write("bakery.txt", "500 loaves a day.")
    assert library.current([lease, bakery]) == [newer_lease, newer_bakery]
    library.delete(newer_bakery)
    assert library.current([lease, bakery]) == [newer_lease, bakery]


def test_a_file_that_becomes_a_copy_leads_to_what_it_is_a_copy_of(
    library: Library, write: Write, folder: Path, add: Callable[..., Job]
) -> None:
    before, same = write("lease.txt", "The lease ends in 2027."), write("bakery.txt", "430 loaves a day.")
    (folder / "lease.txt").write_text("430 loaves a day.")
    add(folder / "lease.txt")
    assert [info.id for info in library.documents()] == [same]
    assert library.current([before]) == [same]


def test_a_document_that_is_still_there_leads_nowhere_else(
    library: Library, write: Write, folder: Path, add: Callable[..., Job]
) -> None:
    both = write("lease.txt", "The lease ends in 2027.")
    (folder / "copy.txt").write_text("The lease ends in 2027.")
    add(folder / "copy.txt")
    (folder / "copy.txt").write_text("The lease ends in 2030.")
    add(folder / "copy.txt")
    assert len(library.documents()) == 2 and library.current([both]) == [both]


def test_nothing_leads_to_a_document_that_was_deleted(library: Library, write: Write, database: Database) -> None:
    first = write("lease.txt", "The lease ends in 2027.")
    second = write("lease.txt", "The lease ends in 2030.")
    library.delete(second)
    assert library.current([first, second]) == [first, second]
    with database.read() as conn:
        assert conn.execute(select(successors)).all() == []
