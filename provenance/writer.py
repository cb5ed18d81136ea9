"""Group commit: one thread writes what many threads append, one fsync for all that came in the meantime.

A batch is one transaction: every caller in it gets a receipt, or every caller in it gets the error and nothing of it
is on disk. The last row is read again inside each transaction, so other processes may append between two batches.

The batch grows by itself: while one commits, the next gathers. After a batch of n callers the thread also lingers for
the same n to come back, but never longer than a commit takes, so a lone caller never waits for company.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from provenance.database import Database
from provenance.entry import GENESIS, Prepared, Receipt, entry_digest
from provenance.errors import AppError, LedgerError
from provenance.tables import ledger_content, ledger_entry

__all__ = ["GroupWriter", "write_entries"]

IDLE_S = 10.0  # then the thread ends; the next append starts another, so a forgotten ledger leaves no thread behind
MAX_BATCH_EVENTS = 4096
MAX_LINGER_S = 0.002

# Built once: SQLAlchemy keeps what it derives from a statement with the statement.
_LAST = select(ledger_entry.c.seq, ledger_entry.c.digest).order_by(ledger_entry.c.seq.desc()).limit(1)
_ENTRY = ("seq", "at", "run", "kind", "body", "previous", "digest")
_CONTENT = ("seq", "name", "salt", "text", "data")
_STATEMENTS = {
    ledger_entry.name: f"INSERT INTO ledger_entry ({', '.join(_ENTRY)}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
    ledger_content.name: f"INSERT INTO ledger_content ({', '.join(_CONTENT)}) VALUES (?, ?, ?, ?, ?)",  # noqa: S608
}


class _Ticket:
    """A caller's events, and where it waits for their receipts."""

    __slots__ = ("done", "error", "events", "following", "receipts")

    def __init__(self, events: Sequence[Prepared]) -> None:
        self.events = events
        self.receipts: list[Receipt] = []
        self.error: BaseException | None = None
        self.following: _Ticket | None = None
        self.done = threading.Lock()  # the cheapest thing to wait on; held until the batch has ended
        self.done.acquire()

    def wait(self) -> list[Receipt]:
        self.done.acquire()
        if self.following is not None:  # each wakes the next: woken all at once, they would fight for the interpreter
            self.following.done.release()
        if isinstance(self.error, AppError):  # one exception object is never raised in two threads
            raise type(self.error)(str(self.error), hint=self.error.hint) from self.error
        if self.error is not None:
            raise LedgerError(f"The ledger could not be written: {self.error!r}.") from self.error
        return self.receipts


class GroupWriter:
    """Appends prepared events durably, from any number of threads."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._reset()

        self._closed = False

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._idle = threading.Condition(self._lock)
        self._queue: deque[_Ticket] = deque()
        self._wanted = 1  # tickets to wake the thread for
        self._thread: threading.Thread | None = None

    def append(self, events: Sequence[Prepared]) -> list[Receipt]:
        """Write `events` one after the other in one transaction; returns when they are synced.

        Raises:
            StorageError: If the database is locked or the disk is full. Nothing was written.
            LedgerError: If the ledger is closed or refuses them. Nothing was written.
        """
        if os.getpid() != self._pid:
            self._after_fork()
        ticket = _Ticket(events)
        with self._lock:
            if self._closed:
                raise LedgerError("The ledger is closed.", hint="Start the program again.")
            self._queue.append(ticket)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
                self._thread.start()
            elif len(self._queue) >= self._wanted:
                self._wake.notify()
        return ticket.wait()

    @property
    def waiting(self) -> int:
        """How many callers are queued behind the batch that is being written."""
        return len(self._queue)

    def close(self) -> None:
        """Write what is queued, then refuse more. Closing twice is fine."""
        if os.getpid() != self._pid:
            self._after_fork()
        with self._lock:
            self._closed = True
            self._wanted = 1
            self._wake.notify()
            while self._thread is not None:
                self._idle.wait()

    def _after_fork(self) -> None:
        """A child has no writer thread, and its copies of the parent's connections must not be used nor closed."""
        self._reset()
        self._database.engine.dispose(close=False)

    def _run(self) -> None:
        company, commit_s = 1, 0.0
        while True:
            batch = self._gather(company, commit_s)
            if not batch:
                return
            started = time.perf_counter()
            self._settle(batch)
            company, commit_s = len(batch), time.perf_counter() - started

    def _gather(self, company: int, commit_s: float) -> list[_Ticket]:
        """The next tickets to write together; empty when the thread should end."""
        with self._lock:
            if company > 1 and len(self._queue) < company and not self._closed:
                self._wanted = company
                self._wake.wait_for(lambda: len(self._queue) >= self._wanted, min(commit_s, MAX_LINGER_S))
            self._wanted = 1
            self._wake.wait_for(lambda: self._queue or self._closed, IDLE_S)
            batch: list[_Ticket] = []
            events = 0
            while self._queue and (not batch or events + len(self._queue[0].events) <= MAX_BATCH_EVENTS):
                batch.append(self._queue.popleft())
                events += len(batch[-1].events)
            if not batch:
                self._thread = None
                self._idle.notify_all()
            return batch

    def _settle(self, batch: list[_Ticket]) -> None:
        """Write one batch and let its callers go, with receipts or with the error."""
        error: BaseException | None = None
        receipts: list[Receipt] = []
        try:
            receipts = self._write([event for ticket in batch for event in ticket.events])
        except AppError as exc:
            error = exc
        except SQLAlchemyError as exc:
            error = LedgerError(f"The ledger refused the entry: {exc}.", hint="Run `wherefrom audit verify`.")
            error.__cause__ = exc
        except BaseException as exc:  # noqa: BLE001 -- the border of a thread: callers must never wait for ever
            error = exc
        start = 0
        for ticket in batch:
            ticket.error = error
            ticket.receipts = receipts[start : start + len(ticket.events)]
            start += len(ticket.events)
        for ticket, following in pairwise(batch):
            ticket.following = following
        batch[0].done.release()

    def _write(self, events: Sequence[Prepared]) -> list[Receipt]:
        with self._database.write() as conn:
            return write_entries(conn, events, self._clock)


def write_entries(conn: Connection, events: Sequence[Prepared], clock: Callable[[], datetime]) -> list[Receipt]:
    """Insert `events` after the last entry, within a transaction that already holds the write lock."""
    seq, digest = _last(conn)
    at = f"{clock():%Y-%m-%dT%H:%M:%S.%f}Z"  # one moment: they reach the disk together
    rows: list[tuple[Any, ...]] = []
    contents: list[tuple[Any, ...]] = []
    for event in events:
        seq, previous = seq + 1, digest
        digest = entry_digest(seq, at, event.run, event.kind, previous, event.body)
        rows.append((seq, at, event.run, event.kind, event.body, previous, digest))
        for name, salt, content in event.contents:
            text, data = (content, None) if isinstance(content, str) else (None, content)
            contents.append((seq, name, salt, text, data))
    _insert(conn, ledger_entry, _ENTRY, rows)
    if contents:
        _insert(conn, ledger_content, _CONTENT, contents)
    for event, row in zip(events, rows, strict=True):
        if event.erases:
            _erase(conn, event.erases, row[0], at)
    return [Receipt(seq=row[0], digest=row[6], at=at) for row in rows]


def _insert(conn: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """SQLite takes the rows as they are: naming every value of every row costs more than storing them."""
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql(_STATEMENTS[table.name], [*rows])
    else:
        conn.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in rows])


def _erase(conn: Connection, targets: Sequence[tuple[int, str]], by: int, at: str) -> None:
    """Contents and salts go, for good; what an earlier erasure took stays as that left it."""
    here = (ledger_content.c.seq == bindparam("of"), ledger_content.c.name == bindparam("called"))
    gone = {"salt": None, "text": None, "data": None, "erased_at": at, "erased_by": by}
    statement = update(ledger_content).where(*here, ledger_content.c.erased_at.is_(None)).values(gone)
    conn.execute(statement, [{"of": seq, "called": name} for seq, name in targets])


def _last(conn: Connection) -> tuple[int, str]:
    row = conn.execute(_LAST).one_or_none()
    return (0, GENESIS) if row is None else (row.seq, row.digest)
