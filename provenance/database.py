"""One database, opened one way: WAL, foreign keys, writers that queue at BEGIN IMMEDIATE, a schema migrated to head.

SQLite is the embedded default; any SQLAlchemy URL works. Readers use a plain deferred BEGIN, or they would queue
behind the writer (STYLE section 5).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError

from provenance.errors import StorageError

__all__ = ["Database", "open_database", "sqlite_url"]

BUSY_TIMEOUT_MS = 30_000


def sqlite_url(path: Path) -> str:
    """The SQLAlchemy URL of an SQLite file."""
    return f"sqlite:///{path}"


class Database:
    """A connection pool with one way to read and one way to write."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine: Engine = create_engine(url, connect_args=_connect_args(url))
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _pragmas)
            event.listen(self.engine, "begin", _begin)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one snapshot and never waits for the writer."""
        with _translated(), self.engine.connect() as conn, conn.begin():
            yield conn

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its first statement; committed and synced when the block ends."""
        with _translated(), self.engine.connect() as conn:
            conn = conn.execution_options(wherefrom_write=True)
            with conn.begin():
                yield conn

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()


def open_database(url: str) -> Database:
    """Open `url`, make its folder, and bring its schema to head.

    Raises:
        StorageError: If the file cannot be made, is locked, or the disk is full.
    """
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    database = Database(url)
    from provenance.migrations import upgrade

    with _translated():
        upgrade(database.engine)
    return database


def _connect_args(url: str) -> dict[str, Any]:
    return {"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False} if url.startswith("sqlite") else {}


def _pragmas(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we send BEGIN ourselves; the driver's own would be deferred and late
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(conn: Connection) -> None:
    write = conn.get_execution_options().get("wherefrom_write", False)
    conn.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OperationalError as exc:
        raise _storage_error(exc) from exc


def _storage_error(exc: OperationalError) -> StorageError:
    text = str(exc.orig)
    if "locked" in text or "busy" in text:
        return StorageError("The database is locked by another program.", hint="Close what holds it and try again.")
    if "full" in text:
        return StorageError("The disk is full; nothing was written.", hint="Free some space and try again.")
    if "readonly" in text or "unable to open" in text:
        return StorageError("The data folder cannot be written.", hint="Check its permissions, or set WHEREFROM_HOME.")
    return StorageError(f"The database failed: {text}.", hint="Run `wherefrom doctor`.")
