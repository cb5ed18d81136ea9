"""The stored tree gives the same roots and proofs as one that is computed from nothing."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, select, update

from provenance import tree as tree_module
from provenance.database import Database
from provenance.errors import LedgerCorruptError, LedgerError
from provenance.ledger import Event, Ledger
from provenance.merkle import Frontier, verify_consistency, verify_inclusion
from provenance.tables import ledger_tile
from provenance.tree import Tree, leaf_of


def _grow(ledger: Ledger, count: int) -> list[bytes]:
    """Append, and give the root after every entry, computed from the digests alone."""
    ledger.append_many([Event(kind="plan", run="r-1", body={"n": n}) for n in range(count)])
    frontier = Frontier()
    roots = [frontier.root()]
    for entry in ledger.entries(limit=10_000):
        frontier.add(leaf_of(entry.digest))
        roots.append(frontier.root())
    return roots


def test_roots_and_proofs_are_right_at_every_size(ledger: Ledger, database: Database) -> None:
    tree, size = Tree(database), 0
    for step in (1, 2, 29, 1, 31, 64, 900, 1, 1100):  # across the borders of tiles, in uneven steps
        roots = _grow(ledger, step)
        size += step
        assert tree.extend() == size
        assert tree.extend() == size
        for at in {0, 1, size // 3, size // 2, size - 1, size}:
            assert tree.root(at) == roots[at]
            proof = tree.consistency(at, size)
            assert verify_consistency(at, size, roots[at], roots[size], proof)
        for seq in {1, size // 3 or 1, size // 2 or 1, size}:
            leaf = leaf_of(ledger.entries(after=seq - 1, limit=1)[0].digest)
            for of in {size, max(seq, size - 1), max(seq, size - 40)}:
                assert verify_inclusion(leaf, seq - 1, of, tree.inclusion(seq, of), roots[of])


def test_a_tree_can_be_built_anew_in_chunks(
    ledger: Ledger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = _grow(ledger, 100)
    tree = Tree(database)
    tree.extend()
    with database.read() as conn:
        before = conn.execute(select(ledger_tile).order_by(ledger_tile.c.id)).all()
    for chunk in (1, 7, 32, 33, 99, 100, 101):
        monkeypatch.setattr(tree_module, "CHUNK", chunk)
        assert tree.rebuild() == 100
        with database.read() as conn:
            assert conn.execute(select(ledger_tile).order_by(ledger_tile.c.id)).all() == before
    assert tree.root(100) == roots[100]


def test_a_proof_beyond_the_tree_is_refused(ledger: Ledger, database: Database) -> None:
    _grow(ledger, 3)
    tree = Tree(database)
    with pytest.raises(LedgerError, match="beyond"):
        tree.root(1)
    tree.extend()
    with pytest.raises(LedgerError, match="beyond"):
        tree.inclusion(1, 4)
    with pytest.raises(LedgerError, match="beyond"):
        tree.consistency(2, 5)
    with pytest.raises(ValueError, match="no leaf"):
        tree.inclusion(4, 3)


def test_entries_that_do_not_follow_are_not_taken_in(ledger: Ledger, database: Database) -> None:
    _grow(ledger, 10)
    tree = Tree(database)
    tree.extend()
    with database.write() as conn:
        conn.exec_driver_sql("DROP TRIGGER ledger_entry_no_update")
        conn.exec_driver_sql("DROP TRIGGER ledger_entry_no_delete")
    _grow(ledger, 5)
    with database.write() as conn:
        conn.exec_driver_sql("UPDATE ledger_entry SET previous = 'other' WHERE seq = 13")
    with pytest.raises(LedgerCorruptError) as found:
        tree.extend()
    assert found.value.seq == 13
    with database.write() as conn:
        conn.exec_driver_sql("DELETE FROM ledger_entry WHERE seq >= 10")
    with pytest.raises(LedgerCorruptError, match="gone or not") as found:
        tree.extend()
    assert found.value.seq == 10


def test_a_lost_or_spoilt_tile_is_noticed_or_built_anew(ledger: Ledger, database: Database) -> None:
    roots = _grow(ledger, 70)
    tree = Tree(database)
    tree.extend()
    with database.write() as conn:
        conn.execute(update(ledger_tile).where(ledger_tile.c.id == 1).values(hashes=bytes(32 * 32)))
    leaf = leaf_of(ledger.entries(after=39, limit=1)[0].digest)
    assert not verify_inclusion(leaf, 39, 70, tree.inclusion(40, 70), roots[70])
    with database.write() as conn:
        conn.execute(delete(ledger_tile).where(ledger_tile.c.id == 1))
    with pytest.raises(LedgerError):
        tree.inclusion(40, 70)
    tree.rebuild()
    assert verify_inclusion(leaf, 39, 70, tree.inclusion(40, 70), roots[70])
