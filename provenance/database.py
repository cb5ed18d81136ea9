"""One database, opened one way: WAL, foreign keys, writers that queue at BEGIN IMMEDIATE, a schema migrated to head.

SQLite is the embedded default; what this room and the conversations keep works on PostgreSQL too, while documents are
searched with what SQLite alone has. Readers use a plain deferred BEGIN, or they would queue behind the writer.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError

from provenance.errors import DamagedError, StorageError

__all__ = ["Database", "open_database", "sqlite_url"]

BUSY_TIMEOUT_MS = 30_000
_WRITERS = 0x776865726566726F  # the advisory lock that writers to a PostgreSQL database queue for


def sqlite_url(path: Path) -> str:
    """The SQLAlchemy URL of an SQLite file."""
    return f"sqlite:///{path}"


class Database:
    """A connection pool with one way to read and one way to write."""

    def __init__(self, url: str, *, busy_timeout_ms: int | None = None) -> None:
        self.url = url
        self.busy_timeout_ms = BUSY_TIMEOUT_MS if busy_timeout_ms is None else busy_timeout_ms
        self.engine: Engine = create_engine(url, connect_args=_connect_args(url, self.busy_timeout_ms))
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", self._prepare)
            event.listen(self.engine, "begin", _begin)
        elif self.engine.dialect.name == "postgresql":
            event.listen(self.engine, "begin", self._queue)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one snapshot and never waits for the writer."""
        with _translated(), self.engine.connect() as conn:
            if self.engine.dialect.name == "postgresql":  # otherwise each statement would see a snapshot of its own
                conn = conn.execution_options(isolation_level="REPEATABLE READ")
            with conn.begin():
                yield conn

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its first statement; on disk when the block ends."""
        with _translated(), self.engine.connect() as conn:
            conn = conn.execution_options(wherefrom_write=True)
            with conn.begin():
                yield conn

    def flush_log(self) -> None:
        """Move SQLite's write-ahead log into the file and empty it, so that no erased text stays behind in it.

        Waits for readers as long as the busy timeout; a log that is still in use then is emptied later, by itself.
        """
        if self.engine.dialect.name == "sqlite":
            with _translated(), contextlib.closing(self.engine.raw_connection()) as conn:
                conn.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    def _queue(self, conn: Connection) -> None:
        """One writer at a time, as in SQLite: who counts rows and adds the next must not be overtaken."""
        if conn.get_execution_options().get("wherefrom_write", False):
            conn.exec_driver_sql(f"SET LOCAL lock_timeout = {self.busy_timeout_ms}")
            conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")

    def _prepare(self, connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # we send BEGIN ourselves; the driver's own would be deferred and late
        connection.execute(f"PRAGMA busy_timeout={self.busy_timeout_ms}")
        try:
            _set_wal(connection, self.busy_timeout_ms / 1000)
        except UnicodeDecodeError as exc:  # SQLite's message quotes a schema that is no text any more
            raise sqlite3.DatabaseError("database disk image is malformed") from exc
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # what is deleted or erased is overwritten with zeros


def open_database(url: str, *, busy_timeout_ms: int | None = None) -> Database:
    """Open `url`, make its folder, and bring its schema to head.

    Raises:
        StorageError: If the file cannot be made, is locked, damaged or too new, or the disk is full.
    """
    if url.startswith("sqlite:///"):
        _make_folder(Path(url.removeprefix("sqlite:///")).parent)
    database = Database(url, busy_timeout_ms=busy_timeout_ms)
    from provenance.migrations import upgrade

    with _translated():
        upgrade(database.engine)
    return database


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StorageError(
            f"The data folder cannot be made: {exc.strerror}.", hint="Check its permissions, or set WHEREFROM_HOME."
        ) from exc


def _connect_args(url: str, busy_timeout_ms: int) -> dict[str, Any]:
    return {"timeout": busy_timeout_ms / 1000, "check_same_thread": False} if url.startswith("sqlite") else {}


def _set_wal(connection: sqlite3.Connection, timeout_s: float) -> None:
    """Switch a fresh file to WAL. Two processes may try at once, and SQLite does not wait for this lock: we do."""
    deadline = time.monotonic() + timeout_s
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as exc:
            if "locked" not in str(exc) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin(conn: Connection) -> None:
    write = conn.get_execution_options().get("wherefrom_write", False)
    conn.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DatabaseError as exc:
        error = _storage_error(exc)
        if error is None:  # a broken constraint is a bug of ours, not a fault of the disk
            raise
        raise error from exc


def _storage_error(exc: DatabaseError) -> StorageError | None:
    text = str(exc.orig)
    if any(sign in text for sign in ("malformed", "not a database", "Could not decode")):
        return DamagedError("The database file is damaged.", hint="Put a backup of the data folder in its place.")
    if not isinstance(exc, OperationalError):
        return None
    if "locked" in text or "busy" in text or "lock timeout" in text:
        return StorageError("The database is locked by another program.", hint="Close what holds it and try again.")
    if "full" in text:
        return StorageError("The disk is full; nothing was written.", hint="Free some space and try again.")
    if "readonly" in text or "unable to open" in text:
        return StorageError("The data folder cannot be written.", hint="Check its permissions, or set WHEREFROM_HOME.")
    if "disk I/O error" in text:
        return StorageError("The disk could not be written; nothing was kept.", hint="Check its health and free space.")
    return StorageError(f"The database failed: {text}.", hint="Run `wherefrom doctor`.")
