"""Group commit, and what goes wrong while writing: locks, full disks, forks, exits, other processes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event

from provenance import writer
from provenance.database import Database, open_database, sqlite_url
from provenance.errors import AppError, StorageError
from provenance.ledger import Event, Ledger, new_run_id

APPENDER = """
import sys
from provenance.database import open_database
from provenance.ledger import Ledger
ledger = Ledger(open_database(sys.argv[1]))
sys.stdin.readline()
for n in range(int(sys.argv[2])):
    ledger.append(kind="tool_call", run="r-" + sys.argv[3], body={"n": n}, contents={"text": "word " * n})
"""

FORK = """
import os, sys
from provenance.database import open_database
from provenance.ledger import Ledger
ledger = Ledger(open_database(sys.argv[1]))
ledger.append(kind="request", run="r-1", body={})
pid = os.fork()
ledger.append(kind="plan", run="r-1", body={"child": pid == 0})
if pid == 0:
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
ledger.append(kind="answer", run="r-1", body={})
found = ledger.verify()
assert found.ok and found.events == 4, found
"""

LEAVE = """
import sys
from provenance.database import open_database
from provenance.ledger import Ledger
Ledger(open_database(sys.argv[1])).append(kind="request", run="r-1", body={})
"""


def _python(code: str, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *args], stdin=subprocess.PIPE, text=True)


def _at_once(count: int, work: Callable[[], object]) -> list[BaseException]:
    """Run `work` in threads that start together; what they raised."""
    raised: list[BaseException] = []
    barrier = threading.Barrier(count)

    def run() -> None:
        barrier.wait()
        try:
            work()
        except AppError as exc:
            raised.append(exc)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def _lock(database: Database) -> sqlite3.Connection:
    holder = sqlite3.connect(database.url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    return holder


def test_events_that_come_while_the_disk_is_busy_are_committed_together(ledger: Ledger, database: Database) -> None:
    commits: list[int] = []
    holder = _lock(database)
    event.listen(database.engine, "commit", lambda _conn: commits.append(1))
    append = {"target": ledger.append, "kwargs": {"kind": "plan", "run": "r-1", "body": {}}}
    threads = [threading.Thread(**append) for _ in range(24)]  # type: ignore[arg-type]
    threads[0].start()
    while ledger._writer._thread is None or ledger._writer.waiting:
        time.sleep(0.001)  # until the writer has taken the first one and waits for the lock
    for thread in threads[1:]:
        thread.start()
    while ledger._writer.waiting < 23:
        time.sleep(0.001)
    holder.execute("ROLLBACK")
    for thread in threads:
        thread.join()
    assert len(commits) == 2
    assert ledger.verify().events == 24


def test_append_many_is_all_or_none_with_nothing_of_others_in_between(ledger: Ledger) -> None:
    def work() -> None:
        run = new_run_id()
        ledger.append_many([Event(kind="guard", run=run, body={"n": n}) for n in range(7)])

    assert _at_once(12, work) == []
    runs = [entry.run for entry in ledger.entries()]
    assert [len(set(runs[start : start + 7])) for start in range(0, 84, 7)] == [1] * 12


def test_a_locked_database_is_a_storage_error_for_every_waiting_caller(home: Path) -> None:
    database = open_database(sqlite_url(home / "wherefrom.db"), busy_timeout_ms=50)
    ledger = Ledger(database)
    ledger.append(kind="request", run="r-1", body={})
    holder = _lock(database)
    raised = _at_once(8, lambda: ledger.append(kind="plan", run="r-1", body={}))
    assert [type(exc) for exc in raised] == [StorageError] * 8
    assert "locked" in str(raised[0])
    assert len({id(exc) for exc in raised}) == 8
    holder.execute("ROLLBACK")
    assert ledger.append(kind="answer", run="r-1", body={}).seq == 2
    assert ledger.verify().ok
    ledger.close()
    database.close()


def test_a_full_disk_is_a_storage_error_and_leaves_the_ledger_whole(home: Path) -> None:
    database = open_database(sqlite_url(home / "wherefrom.db"))
    with database.read() as conn:
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
    database.close()
    event.listen(database.engine, "connect", lambda raw, _: raw.execute(f"PRAGMA max_page_count={pages + 20}"))
    ledger = Ledger(database)
    written = 0
    with pytest.raises(StorageError, match="full"):
        for n in range(1000):
            ledger.append(kind="plan", run="r-1", body={"n": n}, contents={"text": "x" * 3000})
            written = n + 1
    assert 0 < written < 1000
    raised = _at_once(4, lambda: ledger.append(kind="plan", run="r-1", body={}, contents={"text": "x" * 200_000}))
    assert [type(exc) for exc in raised] == [StorageError] * 4
    found = ledger.verify()
    assert (found.ok, found.events) == (True, written)
    database.close()
    event.listen(database.engine, "connect", lambda raw, _: raw.execute("PRAGMA max_page_count=100000"))
    assert ledger.append(kind="plan", run="r-1", body={}, contents={"text": "x" * 200_000}).seq == written + 1
    assert ledger.verify().ok
    ledger.close()
    database.close()


def test_a_fault_of_ours_in_the_writer_reaches_the_caller_instead_of_hanging_it(database: Database) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    ledger = Ledger(database, clock=broken)  # type: ignore[arg-type]
    with pytest.raises(AppError, match="ZeroDivisionError"):
        ledger.append(kind="plan", run="r-1", body={})
    ledger.close()


def test_the_writer_thread_ends_when_idle_and_comes_back(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "IDLE_S", 0.02)
    ledger.append(kind="plan", run="r-1", body={})
    deadline = time.monotonic() + 30
    while ledger._writer._thread is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ledger._writer._thread is None
    assert ledger.append(kind="plan", run="r-1", body={}).seq == 2


def test_closing_flushes_what_others_are_appending(ledger: Ledger) -> None:
    acknowledged: list[int] = []

    def work() -> None:
        while True:
            acknowledged.append(ledger.append(kind="plan", run="r-1", body={}).seq)

    closer = threading.Timer(0.3, ledger.close)
    closer.start()
    raised = _at_once(6, work)
    closer.join()
    assert len(raised) == 6
    assert ledger.head().seq == len(acknowledged) == max(acknowledged)


def test_processes_that_append_at_once_write_one_chain(ledger: Ledger, database: Database) -> None:
    children = [_python(APPENDER, database.url, "40", str(n)) for n in range(3)]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    for n in range(40):
        ledger.append(kind="plan", run="r-parent", body={"n": n})
    assert [child.wait(timeout=120) for child in children] == [0, 0, 0]
    for child in children:
        child.communicate()
    found = ledger.verify()
    assert (found.ok, found.events) == (True, 160)
    for run in ("r-0", "r-1", "r-2", "r-parent"):
        assert [entry.body["n"] for entry in ledger.run_entries(run)] == list(range(40))


@pytest.mark.parametrize("code", [FORK, LEAVE], ids=["fork", "leave without closing"])
def test_a_process_may_fork_or_leave_without_harm(home: Path, code: str) -> None:
    url = sqlite_url(home / "wherefrom.db")
    child = _python(code, url)
    child.communicate(timeout=60)
    assert child.returncode == 0
    database = open_database(url)
    assert Ledger(database).verify().ok
    database.close()
