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
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, select

from provenance.database import Database
from provenance.entry import GENESIS, Content, Entry, Event, Head, Receipt, prepare
from provenance.errors import NotFoundError
from provenance.tables import ledger_content, ledger_entry
from provenance.verification import TreeHead, Verification, verify
from provenance.writer import GroupWriter, write_entries

__all__ = ["Entry", "Event", "Head", "Ledger", "Receipt", "TreeHead", "Verification", "new_run_id"]

ERASURES_PER_EVENT = 1000
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


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """Append events, read entries back. Safe for threads; several processes may share one database."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = _utc_now) -> None:
        self.database = database
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

        The receipt holds once that transaction has been committed. Never call `append` inside such a transaction: its
        writer would wait for the lock that the caller holds, and give up when the busy timeout has passed.

        Raises:
            LedgerError: If this event cannot be recorded (not plain JSON, bad names).
        """
        event = Event(kind=kind, run=run, body=body, contents=contents or {})
        return write_entries(conn, [prepare(event)], self._clock)[0]

    def erase(
        self, targets: Sequence[tuple[int, str]], *, run: str, body: Mapping[str, Any], contents: Mapping[str, Content]
    ) -> list[Receipt]:
        """Erase the contents `targets`, (seq, name) pairs, and record "erasure" events that list them, all or none.

        `provenance.erasure` finds the targets of a run, a document or a person and says why; call that.
        """
        lists = [targets[start : start + ERASURES_PER_EVENT] for start in range(0, len(targets), ERASURES_PER_EVENT)]
        bodies = [{**body, "targets": _grouped(part)} for part in lists]
        events = [Event(kind="erasure", run=run, body=body, contents=contents) for body in bodies]
        prepared = [prepare(event, erases=part) for event, part in zip(events, lists, strict=True)]
        receipts = self._writer.append(prepared) if prepared else []
        self.database.flush_log()
        return receipts

    def head(self) -> Head:
        """The newest entry; seq 0 while the ledger is empty."""
        query = select(ledger_entry.c.seq, ledger_entry.c.digest).order_by(ledger_entry.c.seq.desc()).limit(1)
        with self.database.read() as conn:
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
        with self.database.read() as conn:
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

    def last(self, kind: str) -> Entry | None:
        """The newest entry of a kind, without contents."""
        query = select(ledger_entry).where(ledger_entry.c.kind == kind).order_by(ledger_entry.c.seq.desc()).limit(1)
        with self.database.read() as conn:
            row = conn.execute(query).one_or_none()
        return None if row is None else _entry(row, {})

    def run_entries(self, run: str) -> list[Entry]:
        """Everything a run caused, oldest first, with contents; empty for an unknown run."""
        return self.entries(run=run, limit=2**31, contents=True)

    def content(self, seq: int, name: str) -> Content | None:
        """A private content; None if it was erased.

        Raises:
            NotFoundError: If that entry has no content of this name.
        """
        query = select(ledger_content).where(ledger_content.c.seq == seq, ledger_content.c.name == name)
        with self.database.read() as conn:
            row = conn.execute(query).one_or_none()
        if row is None:
            raise NotFoundError(f"Entry {seq} of the ledger has no content named {name!r}.")
        return _content(row)

    def verify(self, *, expected_head: Head | str | None = None, tree_heads: Sequence[TreeHead] = ()) -> Verification:
        """Check everything from entry 1 on; see `provenance.verification` for what that finds and what it does not.

        `provenance.checkpoints.Checkpoints.verify` does the same against the checkpoints that were exported.
        """
        return verify(self.database, expected_head=expected_head, tree_heads=tree_heads)

    def close(self) -> None:
        """Flush and refuse more. The database stays open: it belongs to whoever opened it."""
        self._writer.close()


def _grouped(targets: Sequence[tuple[int, str]]) -> list[list[int | str]]:
    """`[[seq, name, name ...], ...]`: the form of an erasure event's body."""
    return [[seq, *(name for _, name in names)] for seq, names in groupby(sorted(targets), lambda target: target[0])]


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
