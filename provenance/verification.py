"""Walk the whole ledger from entry 1 and name the first entry that is not as it was written.

Found: a changed, removed, reordered or inserted row; a private content that differs from its commitment, was added, or
is gone without an erasure event that lists it; a damaged file; an index that hides rows. With `expected_head`: a tail
that was cut off, an older copy put back, a history written anew.

Not found without `expected_head`: a cut tail, or a ledger that someone with write access recomputed from the start.
Two neighbours that were both rewritten consistently are named by the first entry that no longer follows.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select, text

from provenance.database import Database
from provenance.entry import GENESIS, Head, commitment, entry_digest
from provenance.errors import DamagedError
from provenance.merkle import Frontier
from provenance.tables import ledger_content, ledger_entry
from provenance.tree import leaf_of

__all__ = ["TRIGGERS", "TreeHead", "Verification", "verify"]

CHUNK = 2000  # rows held in memory at a time
TRIGGERS = frozenset(
    {
        "ledger_entry_follows",
        "ledger_entry_no_update",
        "ledger_entry_no_delete",
        "ledger_content_no_replace",
        "ledger_content_erase_only",
        "ledger_content_no_delete",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """What the walk found. `events` and `head` are those of the last good entry, `first_bad` is the next one."""

    ok: bool
    events: int
    head: str
    first_bad: int | None = None
    reason: str = ""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()  # not wrong, but worth knowing: missing triggers, a clock that was set back


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeHead:
    """What someone knows of the ledger at an earlier size: the Merkle root, or at least its first 16 bytes."""

    size: int
    root: bytes
    source: str  # where it comes from, for the message when it does not fit: "the checkpoint of 2026-11-21"


class _Bad(Exception):
    """Internal: the walk ends here."""

    def __init__(self, seq: int, reason: str) -> None:
        super().__init__(reason)
        self.seq = seq


def verify(
    database: Database, *, expected_head: Head | str | None = None, tree_heads: Sequence[TreeHead] = ()
) -> Verification:
    """Check every entry and every private content that is still there.

    Args:
        expected_head: A head that was kept elsewhere, as `Head`, as its text, or just its digest. It may be older than
            the newest entry: the ledger must then still hold it.
        tree_heads: Merkle roots that were signed or kept; the ledger must begin with each of those trees.

    Raises:
        UsageError: If `expected_head` is text of another form.
        StorageError: If the database cannot be read at all (locked, no permission).
    """
    started = time.perf_counter()
    walk = _Walk(*_expected(expected_head), tree_heads)
    first_bad, reason = None, ""
    try:
        walk.run(database)
    except _Bad as bad:
        first_bad, reason = bad.seq, str(bad)
    except (DamagedError, UnicodeDecodeError):  # the driver decodes SQLite's messages, which may quote damaged bytes
        first_bad, reason = walk.seq + 1, "The database file is damaged."
    return Verification(
        ok=first_bad is None,
        events=walk.seq,
        head=walk.digest,
        first_bad=first_bad,
        reason=reason,
        seconds=time.perf_counter() - started,
        notes=tuple(walk.notes),
    )


def _expected(head: Head | str | None) -> tuple[int | None, str | None]:
    if isinstance(head, str):
        if re.fullmatch(r"v1:[0-9a-f]{64}", head.strip()):
            return None, head.strip()
        head = Head.parse(head)
    return (None, None) if head is None else (head.seq, head.digest)


class _Walk:
    """The state that is carried from row to row."""

    def __init__(
        self, expected_seq: int | None, expected_digest: str | None, tree_heads: Sequence[TreeHead] = ()
    ) -> None:
        self.seq = 0
        self.digest = GENESIS
        self.at = ""
        self.notes: list[str] = []
        self._expected_seq = expected_seq
        self._expected_digest = expected_digest
        self._met_expected = expected_digest is None or (expected_digest == GENESIS and expected_seq in (0, None))
        self._erasures: dict[int, frozenset[tuple[int, str]]] = {}
        self._tree_heads = sorted(tree_heads, key=lambda head: head.size, reverse=True)
        self._tree = Frontier()
        self._signed = 0  # entries that a tree head has confirmed

    def run(self, database: Database) -> None:
        """Raises `_Bad` at the first thing that is wrong."""
        size = CHUNK
        self._check_tree_heads()
        while True:
            try:
                with database.read() as conn:
                    more = self._chunk(conn, size)
            except (DamagedError, UnicodeDecodeError):
                if size == 1:
                    raise _Bad(self.seq + 1, f"Entry {self.seq + 1} cannot be read: the file is damaged.") from None
                size = 1  # go on row by row, to name the very one
                continue
            if not more:
                break
        self._check_expected()
        with database.read() as conn:
            self._check_strays(conn)
            if conn.dialect.name == "sqlite":
                self._check_file(conn)

    def _chunk(self, conn: Connection, size: int) -> bool:
        query = select(ledger_entry).order_by(ledger_entry.c.seq).limit(size)
        if self.seq:  # the first chunk starts at whatever row is lowest: seq 0 and below are strays
            query = query.where(ledger_entry.c.seq > self.seq)
        rows = conn.execute(query).all()
        if not rows:
            return False
        span = ledger_content.c.seq.between(rows[0].seq, rows[-1].seq)
        order = (ledger_content.c.seq, ledger_content.c.name)
        found = groupby(conn.execute(select(ledger_content).where(span).order_by(*order)), lambda row: row.seq)
        contents = _Contents(found)
        for row in rows:
            self._entry(row)
            private = contents.of(row.seq)
            if private or '"commitments"' in row.body:
                self._contents(conn, row, private)
            self.seq, self.digest = row.seq, row.digest
            if self._tree_heads:
                self._tree.add(leaf_of(row.digest))
                self._check_tree_heads()
        return True

    def _entry(self, row: Row[Any]) -> None:
        expected = self.seq + 1
        if row.seq != expected:
            if row.seq > expected:
                raise _Bad(expected, f"Entry {expected} is missing.")
            raise _Bad(row.seq, f"Entry {row.seq} does not belong to the ledger.")
        if not all(isinstance(value, str) for value in tuple(row)[1:]):
            raise _Bad(row.seq, f"Entry {row.seq} was changed: a field is no longer text.")
        if entry_digest(row.seq, row.at, row.run, row.kind, row.previous, row.body) != row.digest:
            raise _Bad(row.seq, f"Entry {row.seq} was changed.")
        if row.previous != self.digest:
            raise _Bad(row.seq, f"Entry {row.seq} does not follow entry {row.seq - 1}.")
        if row.at < self.at:
            self.notes.append(f"The clock was set back before entry {row.seq}.")
            del self.notes[100:]
        self.at = row.at
        if row.digest == self._expected_digest:
            self._met_expected = self._expected_seq in (None, row.seq)

    def _contents(self, conn: Connection, row: Row[Any], private: dict[str, Row[Any]]) -> None:
        try:
            committed = json.loads(row.body).get("commitments", {})
        except (ValueError, AttributeError):
            raise _Bad(row.seq, f"The body of entry {row.seq} is not a JSON object.") from None
        for name in sorted(private.keys() - committed.keys()):
            raise _Bad(row.seq, f"The content {name!r} of entry {row.seq} was added later.")
        for name, promise in committed.items():
            content = private.get(name)
            if content is None:
                raise _Bad(row.seq, f"The content {name!r} of entry {row.seq} is missing, and no erasure says why.")
            if content.text is None and content.data is None:
                if (row.seq, name) not in self._erased_by(conn, content.erased_by):
                    raise _Bad(row.seq, f"The content {name!r} of entry {row.seq} is gone, and no erasure says why.")
            elif not _keeps(promise, content):
                raise _Bad(row.seq, f"The content {name!r} of entry {row.seq} was changed.")

    def _erased_by(self, conn: Connection, seq: int | None) -> frozenset[tuple[int, str]]:
        """What the erasure event `seq` lists; the walk verifies that event itself when it comes to it."""
        if seq is None:
            return frozenset()
        if seq not in self._erasures:
            query = select(ledger_entry.c.body).where(ledger_entry.c.seq == seq, ledger_entry.c.kind == "erasure")
            body = conn.execute(query).scalar()
            if len(self._erasures) > 64:
                self._erasures.clear()
            self._erasures[seq] = frozenset(erasure_targets(body)) if body else frozenset()
        return self._erasures[seq]

    def _check_tree_heads(self) -> None:
        while self._tree_heads and self._tree_heads[-1].size == self._tree.size:
            head = self._tree_heads.pop()
            if len(head.root) < 16 or self._tree.root()[: len(head.root)] != head.root:
                first = self._signed + 1
                raise _Bad(first, f"Entries from {first} to {head.size} are not those of {head.source}.")
            self._signed = head.size

    def _check_expected(self) -> None:
        if self._tree_heads:
            head = self._tree_heads[0]  # the largest
            known = f"Entries from {self.seq + 1} to {head.size}, known from {head.source},"
            raise _Bad(self.seq + 1, f"{known} are missing: the tail was cut off or an older copy put back.")
        if self._met_expected:
            return
        seq = self._expected_seq
        if seq is not None and seq <= self.seq:
            raise _Bad(seq, f"Entry {seq} is not the one that was expected: the ledger was written anew.")
        last = "" if seq is None else f" to {seq}"
        reason = f"Entries from {self.seq + 1}{last} are missing: the tail was cut off or an older copy put back."
        raise _Bad(self.seq + 1, reason)

    def _check_strays(self, conn: Connection) -> None:
        outside = or_(ledger_content.c.seq < 1, ledger_content.c.seq > self.seq)
        newest = select(func.coalesce(func.max(ledger_entry.c.seq), 0)).scalar_subquery()
        query = select(ledger_content.c.seq).where(
            outside, or_(ledger_content.c.seq < 1, ledger_content.c.seq > newest)
        )
        stray = conn.execute(query.order_by(ledger_content.c.seq).limit(1)).scalar()
        if stray is not None:
            raise _Bad(stray, f"A content belongs to entry {stray}, which does not exist.")

    def _check_file(self, conn: Connection) -> None:
        """SQLite's own check of the table against its indexes: one that lacks a row would hide it from a record."""
        for table in (ledger_entry.name, ledger_content.name):
            found = conn.execute(text(f"PRAGMA integrity_check('{table}')")).scalar()
            if found != "ok":
                row = str(found).split()[1] if str(found).startswith("row ") and table == ledger_entry.name else ""
                seq = int(row) if row.isdigit() else self.seq + 1
                raise _Bad(seq, f"The file of the ledger is damaged: {found}.")
        query = text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        missing = TRIGGERS - set(conn.execute(query).scalars())
        if missing:
            self.notes.append(f"Triggers that refuse changes are missing: {', '.join(sorted(missing))}.")


class _Contents:
    """The contents of a chunk, handed out entry by entry in step with the walk."""

    def __init__(self, groups: Iterator[tuple[int, Iterator[Row[Any]]]]) -> None:
        self._groups = groups
        self._ahead: tuple[int, dict[str, Row[Any]]] | None = None

    def of(self, seq: int) -> dict[str, Row[Any]]:
        while self._ahead is None or self._ahead[0] < seq:
            group = next(self._groups, None)
            if group is None:
                return {}
            self._ahead = (group[0], {row.name: row for row in group[1]})
        return self._ahead[1] if self._ahead[0] == seq else {}


def erasure_targets(body: str) -> Iterator[tuple[int, str]]:
    """The (seq, name) pairs that the body of an erasure event lists as `[[seq, name, name...], ...]`."""
    for seq, *names in json.loads(body).get("targets", []):
        for name in names:
            yield seq, name


def _keeps(promise: Any, row: Row[Any]) -> bool:
    if not isinstance(row.salt, bytes) or (row.text is not None) == (row.data is not None):
        return False
    content = row.text if row.text is not None else row.data
    return isinstance(content, str | bytes) and commitment(row.salt, content) == promise
