"""Ingest: every file ends in a status, equal bytes are kept once, and only what is new is embedded."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from provenance.database import Database, open_database
from provenance.errors import NotFoundError, StorageError, UsageError
from provenance.ledger import Ledger
from retrieval.ingest import Ingestor
from retrieval.jobs import Job
from retrieval.library import Library
from retrieval.testing import HashEmbedder, PlainParser
from tests.retrieval.test_library import BAKERY, KEEPER, words

Add = Callable[..., Job]


def statuses(job: Job) -> dict[str, str]:
    return {Path(file.path).name: file.status for file in job.files}


def test_equal_bytes_are_added_once_whatever_their_name(
    folder: Path, add: Add, library: Library, embedder: HashEmbedder
) -> None:
    (folder / "a.txt").write_text(KEEPER)
    assert statuses(add(folder)) == {"a.txt": "added"}
    (folder / "b.txt").write_text(KEEPER)
    job = add(folder, folder / "a.txt")
    assert [file.status for file in job.files] == ["unchanged"] * 3
    assert {file.document_id for file in job.files} == {library.documents()[0].id}
    assert embedder.embedded == library.counts().documents == 1


def test_a_changed_file_replaces_its_old_version_and_embeds_only_what_is_new(
    folder: Path, add: Add, library: Library, embedder: HashEmbedder, ledger: Ledger
) -> None:
    pages = [words(f"chapter{n}", 100) for n in range(6)]
    path = folder / "book.txt"
    path.write_text("\f".join(pages))
    [before] = add(path).files
    old, embedded = library.documents()[0], embedder.embedded
    pages[3] = "The third chapter has been written anew, and much shorter."
    path.write_text("\f".join(pages))
    [after] = add(path).files
    assert (before.status, after.status) == ("added", "changed")
    [new] = library.documents()
    assert new.id == after.document_id != old.id
    assert embedder.embedded == embedded + 1
    assert library.search("chapter has been written anew", top_k=1)[0].passage.page == 4
    assert not library.search("chapter3", document_ids=[old.id])
    assert not library.objects.has(old.digest) and library.objects.has(new.digest)
    assert library.check(full=True) == []
    [event] = ledger.entries(kind="document_changed", contents=True)
    assert event.body["previous"] == {"document": old.id, "digest": old.digest}
    assert event.body["embedded"] == 1
    assert event.contents == {"name": "book.txt", "path": str(path)}


def test_a_path_that_now_holds_another_documents_bytes_loses_its_own(folder: Path, add: Add, library: Library) -> None:
    (folder / "a.txt").write_text(KEEPER)
    (folder / "b.txt").write_text(BAKERY)
    add(folder)
    (folder / "b.txt").write_text(KEEPER)
    assert statuses(add(folder)) == {"a.txt": "unchanged", "b.txt": "changed"}
    assert [info.name for info in library.documents()] == ["a.txt"]
    assert library.check(full=True) == []


def test_equal_files_are_one_document_until_the_last_of_them_changes(folder: Path, add: Add, library: Library) -> None:
    (folder / "a.txt").write_text(KEEPER)
    (folder / "b.txt").write_text(KEEPER)
    assert statuses(add(folder)) == {"a.txt": "added", "b.txt": "unchanged"}
    (folder / "a.txt").write_text(BAKERY)
    assert statuses(add(folder)) == {"a.txt": "changed", "b.txt": "unchanged"}
    assert [(info.name, info.path) for info in library.documents()] == [
        ("a.txt", str(folder / "a.txt")),
        ("b.txt", str(folder / "b.txt")),
    ]
    (folder / "b.txt").write_text(f"{KEEPER} She has retired.")
    (folder / "a.txt").write_text(KEEPER)  # in one job: a becomes what b was, b becomes something new
    assert statuses(add(folder)) == {"a.txt": "changed", "b.txt": "changed"}
    assert {info.name for info in library.documents()} == {"a.txt", "b.txt"}
    assert library.check(full=True) == []
    assert library.objects.digests() == {info.digest for info in library.documents()}


def test_a_file_that_was_moved_is_followed(folder: Path, add: Add, library: Library) -> None:
    (folder / "a.txt").write_text(KEEPER)
    add(folder)
    (folder / "a.txt").rename(folder / "b.txt")
    assert statuses(add(folder)) == {"b.txt": "unchanged"}
    assert [(info.name, info.path) for info in library.documents()] == [("b.txt", str(folder / "b.txt"))]
    (folder / "b.txt").write_text(BAKERY)
    assert statuses(add(folder)) == {"b.txt": "changed"}
    assert library.counts().documents == 1


def test_uploads_are_matched_by_name(ingestor: Ingestor, library: Library) -> None:
    def upload(*files: tuple[str, bytes]) -> Job:
        return ingestor.wait(ingestor.submit_uploads(files), timeout_s=60)

    first = upload(("C:\\papers\\a.txt", KEEPER.encode()), ("b.txt", BAKERY.encode()))
    assert [file.status for file in first.files] == ["added", "added"]
    second = upload(("a.txt", b"The keeper has retired."), ("b.txt", BAKERY.encode()), ("bad.txt", b"\xff\xfe\xff"))
    assert [file.status for file in second.files] == ["changed", "unchanged", "failed"]
    assert {info.name for info in library.documents()} == {"a.txt", "b.txt"}
    assert len(library.objects.digests()) == 2  # neither the old version nor the failed file is kept
    assert library.check(full=True) == []


def test_a_document_of_many_slices_is_seen_whole_or_not_at_all(
    folder: Path, add: Add, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "long.txt").write_text("\f".join(words(f"part{n}", 200) for n in range(300)))
    seen: list[int] = []
    add_vectors = library.store.add_vectors

    def watch(*args: Any) -> None:  # in the middle of each slice's transaction, through another connection
        seen.append(library.counts().documents)
        add_vectors(*args)

    monkeypatch.setattr(library.store, "add_vectors", watch)
    [file] = add(folder).files
    assert file.passages == library.counts().passages > 256 * 2
    assert seen == [0, 0, 0]
    assert library.check(full=True) == []
    assert library.search("part177177", top_k=1)


@pytest.mark.parametrize(
    "name", ["two words.txt", 'quote\'s "here".txt', "emoji 🦊.txt", "new\nline.txt", "%2F;--.txt"]
)
def test_odd_names_are_kept_and_shown_safely(folder: Path, add: Add, library: Library, name: str) -> None:
    (folder / name).write_text(KEEPER)
    [file] = add(folder).files
    [info] = library.documents()
    assert file.status == "added" and "\n" not in info.name and "\n" not in file.path
    assert info.name == name.replace("\n", "\\n")
    assert add(folder / name).files[0].status == "unchanged"


def test_a_name_that_is_not_text_can_be_added_too(folder: Path, add: Add, library: Library) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.txt")).write_text(KEEPER)
    assert [file.status for file in add(folder).files] == ["added"]
    assert library.documents()[0].name == "caf\\xe9.txt"


def test_a_folder_is_walked_without_junk_and_no_link_leads_out(folder: Path, tmp_path: Path, add: Add) -> None:
    outside = tmp_path / "secret.txt"
    outside.write_text("The safe opens with 0000.")
    (folder / "sub").mkdir()
    (folder / "sub" / "a.txt").write_text(KEEPER)
    for junk in (".hidden.txt", "~$letter.docx", "Thumbs.db", "b.txt.part"):
        (folder / junk).write_text("junk")
    (folder / "link.txt").symlink_to(outside)
    (folder / "up").symlink_to(tmp_path)
    (folder / "loop").symlink_to(folder)
    (folder / "nothing").symlink_to(folder / "gone")
    os.mkfifo(folder / "pipe")
    job = add(folder)
    reasons = {Path(file.path).name: file.reason for file in job.files if file.status == "failed"}
    assert statuses(job)["a.txt"] == "added"
    assert "leads out" in reasons["link.txt"] and "leads out" in reasons["up"]
    assert "nothing" in reasons["nothing"] and "pipe" in reasons["pipe"]
    assert set(statuses(job)) == {"a.txt", "link.txt", "up", "nothing", "pipe"}
    assert all(file.hint for file in job.files if file.status == "failed")
    assert [file.status for file in add(folder / "link.txt").files] == ["added"]  # a person named it


def test_a_folder_that_may_not_be_read_is_said_so(folder: Path, add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "locked").mkdir(mode=0)
    (folder / "a.txt").write_text(KEEPER)
    scandir = os.scandir

    def refuse(path: Any) -> Any:  # root, who may run the tests, is never refused by the system
        if Path(path).name == "locked":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    job = add(folder)
    assert statuses(job) == {"a.txt": "added", "locked": "failed"}
    assert "Permission denied" in next(file.reason for file in job.files if file.status == "failed")


def test_missing_empty_blank_and_too_large_files_fail_alone(folder: Path, add: Add, library: Library) -> None:
    (folder / "empty.txt").touch()
    (folder / "blank.txt").write_text(" \n\n ")
    (folder / "good.txt").write_text(KEEPER)
    with (folder / "large.txt").open("wb") as file:
        file.truncate(9 * 2**20)
    job = add(folder, folder / "missing.txt")
    assert job.state == "done" and job.files_done == job.files_total == 5
    reasons = {Path(file.path).name: file.reason for file in job.files if file.status == "failed"}
    assert "empty" in reasons["empty.txt"] and "No text" in reasons["blank.txt"]
    assert "limit of 8 MiB" in reasons["large.txt"] and "not exist" in reasons["missing.txt"]
    assert statuses(job)["good.txt"] == "added"
    assert len(library.objects.digests()) == 1


def test_the_ledger_tells_the_whole_job_without_private_text(folder: Path, add: Add, ledger: Ledger) -> None:
    (folder / "salary of Ms Ferrars.txt").write_text(KEEPER)
    (folder / "bad.txt").write_bytes(b"\xff")
    job = add(folder)
    entries = ledger.run_entries(job.run)
    assert [entry.kind for entry in entries] == ["ingest", "error", "document_added", "ingest_done"]
    assert "Ferrars" not in "".join(str(entry.body) for entry in entries)
    begin, error, added, done = entries
    assert begin.body["files"] == 2 and begin.contents == {"paths": str(folder)}
    assert "not text" in str(error.contents["message"])
    assert (added.body["pages"], added.body["passages"], added.body["embedded"]) == (1, 1, 1)
    assert len(added.body["embedder"]) == 64
    assert done.body["state"] == "done" and done.body["files"] == {"added": 1, "failed": 1}


def test_progress_is_told_while_a_job_runs(home: Path, database: Database, ledger: Ledger, folder: Path) -> None:
    library = Library(home, database, ledger, embedder=HashEmbedder(delay_s=0.05), parser=PlainParser(delay_s=0.01))
    ingestor = Ingestor(library)
    (folder / "a.txt").write_text("\f".join(words(f"part{n}", 200) for n in range(30)))
    (folder / "b.txt").write_text("\f".join(words(f"other{n}", 200) for n in range(30)))
    job = ingestor.submit([folder])
    seen: list[Job] = []
    while (now := ingestor.job(job)).state in ("waiting", "running"):
        seen.append(now)
        time.sleep(0.01)
    ingestor.close()
    both = [tuple(file.status for file in one.files) for one in seen]
    assert ("embedding", "reading") in both or ("embedding", "embedding") in both  # one is read while one is computed
    counts = [one.passages_done for one in seen]
    assert counts == sorted(counts) and 0 < counts[-1] <= seen[-1].passages_total
    assert len(set(counts)) > 5
    assert now.passages_done == now.passages_total == library.counts().passages and now.pages_done == 60
    library.close()


@pytest.mark.parametrize("slow", ["reading", "embedding"])
def test_a_job_stops_in_mid_file(home: Path, database: Database, ledger: Ledger, folder: Path, slow: str) -> None:
    embedder = HashEmbedder(delay_s=0.2 if slow == "embedding" else 0.0)
    library = Library(home, database, ledger, embedder=embedder, parser=PlainParser(delay_s=0.2 * (slow == "reading")))
    ingestor = Ingestor(library)
    (folder / "a.txt").write_text(KEEPER)
    (folder / "b.txt").write_text("\f".join(words(f"part{n}", 200) for n in range(300)))
    job, waiting = ingestor.submit([folder]), ingestor.submit([folder])
    while not any(file.status == slow and file.path.endswith("b.txt") for file in ingestor.job(job).files):
        time.sleep(0.01)
    ingestor.stop(waiting)
    asked = time.monotonic()
    ingestor.stop(job)
    stopped = ingestor.wait(job, timeout_s=30)
    assert time.monotonic() - asked < 10  # undisturbed it goes on for a minute; a busy machine needs more than a second
    assert stopped.state == "stopped"
    assert statuses(stopped) == {"a.txt": "added", "b.txt": "stopped"}
    assert ingestor.wait(waiting, timeout_s=30).state == "stopped"
    assert [info.name for info in library.documents()] == ["a.txt"]
    assert library.check(full=True) == [] and len(library.objects.digests()) == 1
    ingestor.close()
    library.close()


def test_a_pause_holds_the_embedding_back(library: Library, folder: Path, embedder: HashEmbedder) -> None:
    answering = threading.Event()
    answering.set()
    ingestor = Ingestor(library, pause=answering.is_set)
    (folder / "a.txt").write_text(KEEPER)
    job = ingestor.submit([folder])
    while not any(file.status == "embedding" for file in ingestor.job(job).files):
        time.sleep(0.01)
    time.sleep(0.2)
    assert embedder.embedded == 0
    answering.clear()
    assert ingestor.wait(job, timeout_s=30).state == "done"
    ingestor.close()


def test_what_a_closing_program_leaves_is_taken_up(
    home: Path, database: Database, ledger: Ledger, folder: Path
) -> None:
    for n in range(6):
        (folder / f"{n}.txt").write_text(words(f"part{n}", 900))
    first = Library(home, database, ledger, embedder=HashEmbedder(delay_s=0.1), parser=PlainParser())
    ingestor = Ingestor(first)
    job = ingestor.submit([folder])
    while not first.counts().documents:
        time.sleep(0.01)
    ingestor.close()
    assert ingestor.job(job).state == "running" and 0 < first.counts().documents < 6
    first.close()
    second = Library(home, database, ledger, embedder=HashEmbedder(), parser=PlainParser())
    again = Ingestor(second)
    again.start()
    done = again.wait(job, timeout_s=30)
    assert set(statuses(done).values()) == {"added"} and second.counts().documents == 6
    assert [entry.body["resumed"] for entry in ledger.entries(kind="ingest")] == [False, True]
    assert second.check(full=True) == []
    again.close()
    second.close()


def test_a_full_disk_ends_the_job_and_harms_nothing(
    folder: Path, ingestor: Ingestor, add: Add, library: Library, database: Database
) -> None:
    (folder / "a.txt").write_text(KEEPER)
    add(folder)
    (folder / "b.txt").write_text(words("filler", 200_000))
    with database.read() as conn:
        pages = conn.execute(text("PRAGMA page_count")).scalar_one()
    limit = text(f"PRAGMA max_page_count = {pages + 20}")  # per connection: SQLite's own way to say "disk full"
    database.engine.dispose()
    from sqlalchemy import event

    def shrink(connection: object, _record: object) -> None:
        connection.execute(str(limit))  # type: ignore[attr-defined]

    event.listen(database.engine, "connect", shrink)
    job = add(folder)
    event.remove(database.engine, "connect", shrink)
    database.engine.dispose()
    assert job.state == "failed"
    [stopped] = [file for file in job.files if file.path.endswith("b.txt")]
    assert stopped.status == "stopped" and "disk is full" in stopped.reason and "Free some space" in stopped.hint
    assert [info.name for info in library.documents()] == ["a.txt"]
    assert [problem for problem in library.check(full=True) if "index" in problem] == []


def test_a_locked_database_is_said_so_and_the_queue_is_not_lost(
    home: Path, ledger: Ledger, database: Database, folder: Path
) -> None:
    hasty = open_database(database.url, busy_timeout_ms=50)
    library = Library(home, hasty, Ledger(hasty), embedder=HashEmbedder(), parser=PlainParser())
    ingestor = Ingestor(library)
    (folder / "a.txt").write_text(KEEPER)
    with database.write(), pytest.raises(StorageError, match="locked"):
        ingestor.submit([folder])
    assert ingestor.wait(ingestor.submit([folder]), timeout_s=30).state == "done"
    ingestor.close()
    library.close()
    hasty.close()


def test_no_paths_and_unknown_jobs_are_refused(ingestor: Ingestor) -> None:
    for submit in (ingestor.submit, ingestor.submit_uploads):
        with pytest.raises(UsageError, match="nothing to add"):
            submit([])
    for ask in (ingestor.job, ingestor.stop):
        with pytest.raises(NotFoundError, match="no ingest job"):
            ask("j-0")


def test_jobs_are_listed_newest_first(ingestor: Ingestor, folder: Path, add: Add) -> None:
    (folder / "a.txt").write_text(KEEPER)
    first, second = add(folder), add(folder)
    assert [job.id for job in ingestor.jobs()] == [second.id, first.id]
    assert not ingestor.busy()


def test_deleting_while_others_search_and_add_is_safe(
    folder: Path, ingestor: Ingestor, library: Library, add: Add
) -> None:
    for n in range(40):
        (folder / f"{n}.txt").write_text(words(f"part{n}", 300))
    over = threading.Event()
    faults: list[BaseException] = []

    def search() -> None:
        try:
            while not over.is_set():
                for hit in library.search("sentence mentions item", top_k=20):
                    assert hit.passage.text
        except BaseException as exc:  # noqa: BLE001 -- a thread's only way to tell
            faults.append(exc)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    job = ingestor.submit([folder])
    while ingestor.job(job).state in ("waiting", "running"):
        for info in library.documents()[::3]:
            library.delete(info.id)
    over.set()
    for thread in threads:
        thread.join()
    assert not faults
    assert library.check(full=True) == []
    assert library.objects.digests() == {info.digest for info in library.documents()}
