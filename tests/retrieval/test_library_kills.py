"""kill -9 in the middle of an ingest, at random moments. WHEREFROM_KILLS raises the count for a long run.

After every kill the library opens clean, the ledger verifies, the index equals the library and nothing that was said to
be done is lost; and once the job is finished, the library is the one that an undisturbed run makes.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from provenance.database import open_database, sqlite_url
from provenance.ledger import Ledger
from provenance.verification import verify
from retrieval.ingest import Ingestor
from retrieval.library import Library
from retrieval.tables import documents, pages, passages, vectors
from retrieval.testing import HashEmbedder, PlainParser
from tests.conftest import ROOT
from tests.retrieval.test_library import words

KILLS = int(os.environ.get("WHEREFROM_KILLS", "15"))
DOOMED = "old 1.txt"
Contents = dict[str, tuple[str, int, tuple[tuple[int, int, int, str], ...]]]


def write_files(folder: Path, version: int) -> None:
    """Some files that stay, some that change, some that are new, two that are equal, one of several slices."""
    folder.mkdir(exist_ok=True)
    for n in range(6):
        (folder / f"stays {n}.txt").write_text(words(f"stay{n}", 300))
        (folder / f"changes {n}.txt").write_text(words(f"change{n + version}", 300))
    if version == 1:
        (folder / DOOMED).write_text(words("doomed", 2000))
        return
    (folder / DOOMED).unlink()
    for n in range(8):
        (folder / f"new {n}.txt").write_text(words(f"new{n}", 300))
    (folder / "twin a.txt").write_text(words("twin", 200))
    (folder / "twin b.txt").write_text(words("twin", 200))
    (folder / "long.txt").write_text("\f".join(words(f"long{n}", 200) for n in range(350)))
    (folder / "bad.txt").write_bytes(b"\xff\xfe")


class Opened:
    """A library in this process."""

    def __init__(self, home: Path) -> None:
        self.database = open_database(sqlite_url(home / "wherefrom.db"))
        self.ledger = Ledger(self.database)
        self.library = Library(home, self.database, self.ledger, embedder=HashEmbedder(), parser=PlainParser())
        self.ingestor = Ingestor(self.library)

    def finish(self) -> None:
        """Do every job there is."""
        self.ingestor.start()
        while self.ingestor.busy():
            time.sleep(0.01)
        self.ingestor.close()  # the last job's sweep of originals comes after its state is told: wait for the thread

    def contents(self) -> Contents:
        """What the library holds, without the ids that depend on the order of things."""
        with self.database.read() as conn:
            infos = self.library.store.documents(conn)
            found: Contents = {}
            for info in infos:
                ids = self.library.store.ids_of(conn, info.id).tolist()
                rows = self.library.store.passages(conn, ids).values()
                spans = tuple(sorted((row.page, row.start, row.end, row.digest) for row in rows))
                found[info.name] = (info.digest, info.pages, spans)
        return found

    def close(self) -> None:
        self.ingestor.close()
        self.library.close()
        self.ledger.close()
        self.database.close()


def assert_whole(opened: Opened) -> None:
    result = verify(opened.database)
    assert result.ok, result.reason
    assert opened.library.check(full=True) == []


def assert_nothing_left_over(opened: Opened) -> None:
    """No row and no original that belongs to nothing."""
    with opened.database.read() as conn:
        known = set(conn.execute(select(documents.c.id).where(documents.c.state == "ready")).scalars())
        for table in (pages, passages):
            assert set(conn.execute(select(table.c.document).distinct()).scalars()) <= known
        assert set(conn.execute(select(documents.c.id)).scalars()) == known
        used = set(conn.execute(select(passages.c.digest)).scalars())
        assert set(conn.execute(select(vectors.c.digest)).scalars()) == used
    assert opened.library.objects.digests() == {info.digest for info in opened.library.documents()}


def run_and_kill(home: Path, folder: Path, delay_s: float) -> tuple[list[str], float]:
    """What the child said until it was killed, `delay_s` after it was ready; and how long it lived from then on."""
    command = [sys.executable, "-m", "tests.retrieval.killed_child", str(home), str(folder), DOOMED]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    began = time.monotonic()
    timer = threading.Timer(delay_s, child.kill)
    timer.start()
    said = []
    for line in child.stdout:
        said.append(line.strip())
        if line == "finished\n":
            child.kill()
    seconds = time.monotonic() - began
    child.wait()
    timer.cancel()
    child.stdout.close()
    return said, seconds


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Contents, float]:
    """A library with the first version of the files, the second version, and what an undisturbed run makes of it."""
    base = tmp_path_factory.mktemp("kills")
    folder = base / "papers"
    write_files(folder, 1)
    first = Opened(base / "first")
    first.ingestor.wait(first.ingestor.submit([folder]))
    first.close()
    write_files(folder, 2)
    shutil.copytree(base / "first", base / "undisturbed")
    _, seconds = run_and_kill(base / "undisturbed", folder, 600.0)  # it is let finish
    opened = Opened(base / "undisturbed")
    assert_whole(opened)
    opened.finish()
    assert_nothing_left_over(opened)
    wanted = opened.contents()
    opened.close()
    assert len(wanted) == 6 + 6 + 8 + 1 + 1 and len(wanted["long.txt"][2]) > 256 * 2
    return base / "first", folder, wanted, seconds


@pytest.mark.slow
@pytest.mark.parametrize("kill", range(KILLS))
def test_a_kill_during_an_ingest_loses_nothing(
    prepared: tuple[Path, Path, Contents, float], tmp_path: Path, kill: int
) -> None:
    first, folder, wanted, seconds = prepared
    home = tmp_path / "home"
    shutil.copytree(first, home)
    chance = random.Random(os.urandom(8))
    delays = [chance.uniform(0, seconds), *([chance.uniform(0, seconds / 2)] if chance.random() < 0.5 else [])]
    said = [line for delay_s in delays for line in run_and_kill(home, folder, delay_s)[0]]

    opened = Opened(home)
    assert_whole(opened)
    now = opened.contents()
    for line in said:
        status, _, name = line.partition(" ")
        if status in ("added", "changed"):
            # Under whatever name: its bytes may be those that a file further down still has, or had until now.
            assert wanted[name] in now.values(), f"{line} was lost (killed after {delays})"
        if status == "deleted":
            assert name not in now
    if any(line.startswith("submitted") for line in said):
        opened.finish()
        kept = opened.contents()
        kept.pop(DOOMED, None)  # the kill may have come before it was deleted
        assert kept == wanted, f"killed after {delays}"
    assert_whole(opened)
    assert_nothing_left_over(opened)
    opened.close()


def test_two_processes_that_ingest_into_one_library_do_no_harm(tmp_path: Path) -> None:
    folder, home = tmp_path / "papers", tmp_path / "home"
    write_files(folder, 1)
    write_files(folder, 2)
    command = [sys.executable, "-m", "tests.retrieval.killed_child", str(home), str(folder)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)]
    said: list[list[str]] = []
    for child in children:
        assert child.stdout is not None
        lines = []
        for line in child.stdout:
            lines.append(line.strip())
            if line == "finished\n":
                break
        said.append(lines)
    for child in children:
        child.kill()
        child.communicate()
    opened = Opened(home)
    assert_whole(opened)
    names = {path.name for path in folder.iterdir()} - {"bad.txt", "twin a.txt", "twin b.txt"}
    held = set(opened.contents())
    assert len(held) == len(names) + 1 and names < held
    for lines in said:  # each job has an outcome for every file
        assert {line.split(" ", 1)[1] for line in lines if line.split(" ")[0] in ("added", "unchanged", "failed")} == {
            path.name for path in folder.iterdir()
        }
    opened.finish()
    assert_nothing_left_over(opened)
    opened.close()
