"""The ledger's Merkle tree: leaf n is the digest of entry n + 1, and its hashes are stored in tiles of 32.

Tiles are a cache: `extend` adds what was appended since, outside the path of an append, and `rebuild` makes everything
anew from the ledger. Level 0 holds leaf hashes, level 1 the roots of full tiles of level 0, and so on; a proof in a
ledger of a million entries reads a few tiles in one query. Nobody has to trust them: a proof is checked against a
signed root before it is handed out, and `verify` computes roots from the entries alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select

from provenance.database import Database
from provenance.entry import GENESIS
from provenance.errors import LedgerCorruptError, LedgerError
from provenance.merkle import complete, consistency_ranges, fold, inclusion_ranges, leaf_hash, node_hash
from provenance.tables import ledger_entry, ledger_tile

__all__ = ["Tree", "leaf_of"]

HEIGHT = 5
WIDTH = 1 << HEIGHT
HASH = 32  # bytes
CHUNK = 8192  # entries added in one transaction
_LEVEL = 40  # a tile's id is level << 40 | position

# Built once: SQLAlchemy keeps what it derives from a statement with the statement.
_TILES = select(ledger_tile).where(ledger_tile.c.id.in_(bindparam("ids", expanding=True)))


def leaf_of(digest: str) -> bytes:
    """The leaf hash of an entry from its digest, `v1:` and 64 hexadecimal digits: those 32 bytes are the leaf.

    Raises:
        LedgerError: If it is no such digest.
    """
    try:
        return leaf_hash(bytes.fromhex(digest.removeprefix("v1:")))
    except ValueError as exc:
        raise LedgerError("An entry's digest is damaged.", hint="Run `wherefrom audit verify`.") from exc


class Tree:
    """Roots and proofs of a ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def extend(self) -> int:
        """Take in what was appended since; the tree's size, which is the seq of the newest entry taken in.

        Raises:
            LedgerCorruptError: If the new entries do not follow one another, or not what was taken in before.
        """
        while True:
            with self._database.write() as conn:
                size, last = _size(conn)
                leaves = _new_leaves(conn, size, last)
                _add(conn, size, leaves)
            if len(leaves) < CHUNK:
                return size + len(leaves)

    def rebuild(self) -> int:
        """Forget the stored hashes and compute them anew; the tree's size."""
        with self._database.write() as conn:
            conn.execute(delete(ledger_tile))
        return self.extend()

    def root(self, size: int) -> bytes:
        """The root over the first `size` entries.

        Raises:
            LedgerError: If the tree is smaller; see `extend`.
        """
        with self._database.read() as conn:
            [root] = _hashes(conn, [(0, size)])
        return root

    def inclusion(self, seq: int, size: int) -> list[bytes]:
        """The proof that entry `seq` is among the first `size`; at most one hash of 32 bytes a bit of `size`.

        Raises:
            LedgerError: If the tree is smaller.
            ValueError: If `seq` is not among them.
        """
        ranges = inclusion_ranges(seq - 1, size)
        with self._database.read() as conn:
            return _hashes(conn, ranges)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the first `old` entries are the beginning of the first `new`.

        Raises:
            LedgerError: If the tree is smaller.
            ValueError: If not `0 <= old <= new`.
        """
        ranges = consistency_ranges(old, new)
        with self._database.read() as conn:
            return _hashes(conn, ranges)


def _size(conn: Connection) -> tuple[int, bytes]:
    """How many leaves are stored, and the last of them."""
    query = select(ledger_tile).where(ledger_tile.c.id < 1 << _LEVEL).order_by(ledger_tile.c.id.desc()).limit(1)
    last = conn.execute(query).one_or_none()
    return (0, b"") if last is None else (int(last.id) * WIDTH + len(last.hashes) // HASH, last.hashes[-HASH:])


def _new_leaves(conn: Connection, size: int, last: bytes) -> list[bytes]:
    entry = ledger_entry.c
    query = select(entry.seq, entry.previous, entry.digest).order_by(entry.seq).limit(CHUNK + 1)
    rows = list(conn.execute(query.where(entry.seq >= size) if size else query))
    digest = GENESIS
    if size:
        if not rows or rows[0].seq != size or leaf_of(rows[0].digest) != last:
            raise LedgerCorruptError(
                f"Entry {size} is gone or not the one it was.", seq=size, hint="Run `wherefrom audit verify`."
            )
        digest = rows.pop(0).digest
    for seq, row in enumerate(rows, start=size + 1):
        if row.seq != seq or row.previous != digest:
            raise LedgerCorruptError(
                f"Entry {seq} does not follow entry {seq - 1}.", seq=seq, hint="Run `wherefrom audit verify`."
            )
        digest = row.digest
    return [leaf_of(row.digest) for row in rows[:CHUNK]]


def _add(conn: Connection, size: int, leaves: Sequence[bytes]) -> None:
    """Append leaf hashes to a tree of `size`, and the roots of the tiles that they fill to the levels above."""
    level, hashes, made = 0, list(leaves), []
    start = size
    while hashes:
        position, held = divmod(start, WIDTH)
        here = level << _LEVEL | position
        if held:
            stored = conn.execute(select(ledger_tile.c.hashes).where(ledger_tile.c.id == here)).scalar_one()
            hashes = [*_cut(stored)[:held], *hashes]
            conn.execute(delete(ledger_tile).where(ledger_tile.c.id == here))
        tiles = [hashes[at : at + WIDTH] for at in range(0, len(hashes), WIDTH)]
        made += [{"id": here + number, "hashes": b"".join(tile)} for number, tile in enumerate(tiles)]
        hashes = [_top(tile, HEIGHT) for tile in tiles if len(tile) == WIDTH]
        level, start = level + 1, position
    if made:
        conn.execute(insert(ledger_tile), made)


def _hashes(conn: Connection, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
    """The hashes of ranges of leaves, all tiles read in one query."""
    parts = [complete(lo, hi) for lo, hi in ranges]
    places = {node: _place(*node) for part in parts for node in part}
    wanted = sorted({tile for tile, _, _ in places.values()})
    tiles = {row.id: row.hashes for row in conn.execute(_TILES, {"ids": wanted})} if wanted else {}
    found = {}
    for node, (tile, first, count) in places.items():
        held = _cut(tiles.get(tile, b"")[first * HASH : (first + count) * HASH])
        if len(held) < count:
            raise LedgerError("The proof reaches beyond the tree.", hint="Make a checkpoint first.")
        found[node] = _top(held, count.bit_length() - 1)
    return [fold([found[node] for node in part]) for part in parts]


def _place(height: int, index: int) -> tuple[int, int, int]:
    """Where the subtree is: the id of a tile, the first of its hashes that belong to it, and how many do."""
    level, above = divmod(height, HEIGHT)
    first = index << above
    return level << _LEVEL | first // WIDTH, first % WIDTH, 1 << above


def _top(hashes: Sequence[bytes], height: int) -> bytes:
    """The root of a perfect subtree from its 2**height hashes."""
    for _ in range(height):
        hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]


def _cut(blob: bytes) -> list[bytes]:
    return [blob[at : at + HASH] for at in range(0, len(blob), HASH)]
