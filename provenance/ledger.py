"""The ledger: an append-only, hash-chained record of what was asked, retrieved, computed, decided and answered.

    ledger = Ledger(database)
    receipt = ledger.append(kind="retrieval", run=run, body={"passages": 6}, contents={"query": "private words"})

What it covers: a changed, removed, reordered or inserted row is found by `verify` and named. What it does not: whoever
can write the file can write all of it anew, or cut its tail. Keep `head()` elsewhere and hand it to `verify`.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from provenance.database import Database
from provenance.entry import GENESIS, Content, Entry, Event, Receipt, prepare
from provenance.errors import NotFoundError
from provenance.tables import ledger_content, ledger_entry
from provenance.writer import GroupWriter, write_entries

__all__ = ["Entry", "Event", "Head", "Ledger", "Receipt", "new_run_id"]

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_run_id_lock = threading.Lock()
_last_run_id = 0


def new_run_id() -> str:
    """A fresh run id, `r-` and a ULID in lower case: they sort by time, and within a process strictly as made."""
    global _last_run_id
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    with _run_id_lock:
        value = _last_run_id = max(value, _last_run_id + 1)  # a clock set back does not disturb the order
    return "r-" + "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """The newest entry: keep it outside the database, and no tail can be cut off unseen."""

    seq: int
    digest: str


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """Append events, read entries back. Safe for threads; several processes may share one database."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = _utc_now) -> None:
        self._database = database
        self._clock = clock
        self._writer = GroupWriter(database, clock)

    def append(
        self, *, kind: str, run: str, body: Mapping[str, Any], contents: Mapping[str, Content] | None = None
    ) -> Receipt:
        """Record one event. Once returned it is on disk, and its number is never reused.

        Raises:
            LedgerError: If this event cannot be recorded (not plain JSON, bad names) or the ledger is closed.
            StorageError: If the database is locked or the disk is full; nothing was half-written.
        """
        return self.append_many([Event(kind=kind, run=run, body=body, contents=contents or {})])[0]

    def append_many(self, events: Sequence[Event]) -> list[Receipt]:
        """Record several events in this order, all or none, with nothing of others in between. Raises as `append`."""
        prepared = [prepare(event) for event in events]
        return self._writer.append(prepared) if prepared else []

    def append_within(
        self,
        conn: Connection,
        *,
        kind: str,
        run: str,
        body: Mapping[str, Any],
        contents: Mapping[str, Content] | None = None,
    ) -> Receipt:
        """Record one event in a transaction that the caller began with `Database.write`: both are kept, or neither.

        The receipt holds once that transaction has been committed.

        Raises:
            LedgerError: If this event cannot be recorded (not plain JSON, bad names).
        """
        event = Event(kind=kind, run=run, body=body, contents=contents or {})
        return write_entries(conn, [prepare(event)], self._clock)[0]

    def head(self) -> Head:
        """The newest entry; seq 0 while the ledger is empty."""
        query = select(ledger_entry.c.seq, ledger_entry.c.digest).order_by(ledger_entry.c.seq.desc()).limit(1)
        with self._database.read() as conn:
            row = conn.execute(query).one_or_none()
        return Head(seq=0, digest=GENESIS) if row is None else Head(seq=row.seq, digest=row.digest)

    def entries(
        self,
        *,
        after: int = 0,
        limit: int = 1000,
        run: str | None = None,
        kind: str | None = None,
        contents: bool = False,
    ) -> list[Entry]:
        """Entries with seq > after, oldest first, at most `limit`; with their private contents if asked for."""
        query = select(ledger_entry).where(ledger_entry.c.seq > after).order_by(ledger_entry.c.seq).limit(limit)
        if run is not None:
            query = query.where(ledger_entry.c.run == run)
        if kind is not None:
            query = query.where(ledger_entry.c.kind == kind)
        with self._database.read() as conn:
            rows = conn.execute(query).all()
            private: dict[int, dict[str, Content | None]] = {}
            if contents and rows:
                seqs = [row.seq for row in rows]
                wanted = select(ledger_content).where(ledger_content.c.seq.in_(seqs))
                if run is None and kind is None:
                    wanted = select(ledger_content).where(ledger_content.c.seq.between(seqs[0], seqs[-1]))
                for row in conn.execute(wanted.order_by(ledger_content.c.seq, ledger_content.c.name)):
                    private.setdefault(row.seq, {})[row.name] = _content(row)
        return [_entry(row, private.get(row.seq, {})) for row in rows]

    def run_entries(self, run: str) -> list[Entry]:
        """Everything a run caused, oldest first, with contents; empty for an unknown run."""
        return self.entries(run=run, limit=2**31, contents=True)

    def content(self, seq: int, name: str) -> Content | None:
        """A private content; None if it was erased.

        Raises:
            NotFoundError: If that entry has no content of this name.
        """
        query = select(ledger_content).where(ledger_content.c.seq == seq, ledger_content.c.name == name)
        with self._database.read() as conn:
            row = conn.execute(query).one_or_none()
        if row is None:
            raise NotFoundError(f"Entry {seq} of the ledger has no content named {name!r}.")
        return _content(row)

    def close(self) -> None:
        """Flush and refuse more. The database stays open: it belongs to whoever opened it."""
        self._writer.close()


def _content(row: Row[Any]) -> Content | None:
    content: Content | None = row.text if row.text is not None else row.data
    return content


def _entry(row: Row[Any], contents: dict[str, Content | None]) -> Entry:
    return Entry(
        seq=row.seq,
        at=row.at,
        run=row.run,
        kind=row.kind,
        body=json.loads(row.body),
        previous=row.previous,
        digest=row.digest,
        contents=contents,
    )
