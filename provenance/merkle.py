"""Merkle trees as RFC 9162 (section 2.1, the hashing of RFC 6962) defines them: roots, proofs, and their checks.

Nothing here stores anything. A proof is a list of hashes of ranges of leaves; `inclusion_ranges` and
`consistency_ranges` say which, `complete` splits a range into perfect subtrees, and `fold` joins their hashes.
`provenance.tree` looks the subtrees up, the checks below need nothing but the proof.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

__all__ = [
    "Frontier",
    "complete",
    "consistency_ranges",
    "empty_root",
    "fold",
    "inclusion_ranges",
    "leaf_hash",
    "node_hash",
    "verify_consistency",
    "verify_inclusion",
]

Range = tuple[int, int]  # leaves lo to hi - 1


def leaf_hash(data: bytes) -> bytes:
    """SHA-256 over 0x00 and the leaf's data."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 over 0x01 and two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def empty_root() -> bytes:
    """The root of a tree without leaves."""
    return hashlib.sha256(b"").digest()


def complete(lo: int, hi: int) -> list[tuple[int, int]]:
    """The perfect subtrees that make up a range, left to right, as (height, index): leaves index * 2**height and on.

    Example:
        >>> complete(0, 7)
        [(2, 0), (1, 2), (0, 6)]
    """
    found = []
    while lo < hi:
        height = (hi - lo).bit_length() - 1
        found.append((height, lo >> height))
        lo += 1 << height
    return found


def fold(hashes: Sequence[bytes]) -> bytes:
    """The hash of a range from those of its perfect subtrees, left to right."""
    if not hashes:
        return empty_root()
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The ranges whose hashes prove that leaf `index` is in a tree of `size` leaves, from the leaf's sibling up.

    Example:
        >>> inclusion_ranges(3, 7)
        [(2, 3), (0, 2), (4, 7)]

    Raises:
        ValueError: If there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    lo, hi = 0, size
    found: list[Range] = []
    while hi - lo > 1:
        middle = lo + _split(hi - lo)
        if index < middle:
            found.append((middle, hi))
            hi = middle
        else:
            found.append((lo, middle))
            lo = middle
    return found[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """The ranges whose hashes prove that a tree of `old` leaves is the beginning of one of `new` leaves.

    Example:
        >>> consistency_ranges(3, 7)
        [(2, 3), (3, 4), (0, 2), (4, 7)]

    Raises:
        ValueError: If not `0 <= old <= new`.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} leaves is not the beginning of one of {new}")
    if old in (0, new):
        return []
    lo, hi = 0, new
    found: list[Range] = []
    while hi != old:
        middle = lo + _split(hi - lo)
        if old <= middle:
            found.append((middle, hi))
            hi = middle
        else:
            found.append((lo, middle))
            lo = middle
    if lo:  # a tree that is a perfect subtree needs no mention: the checker knows its root
        found.append((lo, hi))
    return found[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows the leaf hash `leaf` at `index` of the tree of `size` leaves with this root.

    Source:
        RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree of `old` leaves is the beginning of the tree of `new` leaves.

    Source:
        RFC 9162, section 2.1.4.2; trees of no leaves and of equal size need an empty proof.
    """
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == empty_root()
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    was = now = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            was, now = node_hash(sibling, was), node_hash(sibling, now)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            now = node_hash(now, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and was == old_root and now == new_root


class Frontier:
    """A growing tree of which only the roots of its perfect subtrees are kept: at most one hash a bit of its size."""

    def __init__(self) -> None:
        self.size = 0
        self._hashes: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        """Append one leaf hash."""
        joined, size = leaf, self.size
        while size & 1:
            joined, size = node_hash(self._hashes.pop(), joined), size >> 1
        self._hashes.append(joined)
        self.size += 1

    def root(self) -> bytes:
        """The root over all leaves so far."""
        return fold(self._hashes)


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1
