"""The tree's mathematics: the known vectors, and every small tree by brute force."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.merkle import (
    Frontier,
    complete,
    consistency_ranges,
    empty_root,
    fold,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

# The leaves and roots that implementations of RFC 6962 share as test vectors.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZE = 40
HASHES = [leaf_hash(bytes([n])) for n in range(SIZE)]


def _mth(data: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, word for word: an implementation that shares nothing with ours."""
    if not data:
        return hashlib.sha256().digest()
    if len(data) == 1:
        return hashlib.sha256(b"\x00" + data[0]).digest()
    k = 1
    while k * 2 < len(data):
        k *= 2
    return hashlib.sha256(b"\x01" + _mth(data[:k]) + _mth(data[k:])).digest()


def _path(m: int, data: list[bytes]) -> list[bytes]:
    """RFC 9162, 2.1.3.1."""
    if len(data) == 1:
        return []
    k = 1
    while k * 2 < len(data):
        k *= 2
    if m < k:
        return [*_path(m, data[:k]), _mth(data[k:])]
    return [*_path(m - k, data[k:]), _mth(data[:k])]


def _subproof(m: int, data: list[bytes], known: bool) -> list[bytes]:
    """RFC 9162, 2.1.4.1."""
    if m == len(data):
        return [] if known else [_mth(data)]
    k = 1
    while k * 2 < len(data):
        k *= 2
    if m <= k:
        return [*_subproof(m, data[:k], known), _mth(data[k:])]
    return [*_subproof(m - k, data[k:], False), _mth(data[:k])]


DATA = [bytes([n]) for n in range(SIZE)]


def _hash(lo: int, hi: int) -> bytes:
    def subtree(height: int, index: int) -> bytes:
        if height == 0:
            return HASHES[index]
        return node_hash(subtree(height - 1, 2 * index), subtree(height - 1, 2 * index + 1))

    return fold([subtree(*node) for node in complete(lo, hi)])


def test_roots_are_those_of_the_known_vectors() -> None:
    frontier = Frontier()
    assert frontier.root().hex() == ROOTS[0] == empty_root().hex()
    for leaf, root in zip(LEAVES, ROOTS[1:], strict=True):
        frontier.add(leaf_hash(bytes.fromhex(leaf)))
        assert frontier.root().hex() == root
    assert frontier.size == 8


def test_every_inclusion_proof_of_every_small_tree_is_the_one_of_the_rfc_and_verifies() -> None:
    for size in range(1, SIZE + 1):
        root = _mth(DATA[:size])
        assert _hash(0, size) == root
        for index in range(size):
            proof = [_hash(*part) for part in inclusion_ranges(index, size)]
            assert proof == _path(index, DATA[:size])
            assert verify_inclusion(HASHES[index], index, size, proof, root)


def test_every_consistency_proof_of_every_small_tree_is_the_one_of_the_rfc_and_verifies() -> None:
    for new in range(1, SIZE + 1):
        for old in range(1, new + 1):
            proof = [_hash(*part) for part in consistency_ranges(old, new)]
            assert proof == (_subproof(old, DATA[:new], True) if old < new else [])
            assert verify_consistency(old, new, _mth(DATA[:old]), _mth(DATA[:new]), proof)


def test_the_empty_tree_is_the_beginning_of_every_tree() -> None:
    assert consistency_ranges(0, 5) == []
    assert verify_consistency(0, 5, empty_root(), _mth(DATA[:5]), [])
    assert not verify_consistency(0, 5, HASHES[0], _mth(DATA[:5]), [])
    assert not verify_consistency(0, 5, empty_root(), _mth(DATA[:5]), [HASHES[0]])


@settings(deadline=None)
@given(st.data(), st.integers(2, SIZE))
def test_a_changed_proof_never_verifies(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    root = _mth(DATA[:size])
    proof = _path(index, DATA[:size])
    wrong = data.draw(st.integers(0, len(proof) - 1))
    changed = [*proof]
    changed[wrong] = bytes([changed[wrong][0] ^ 1]) + changed[wrong][1:]
    leaf = HASHES[index]
    assert not verify_inclusion(leaf, index, size, changed, root)
    assert not verify_inclusion(leaf, index, size, proof[:-1], root)
    assert not verify_inclusion(leaf, index, size, [*proof, root], root)
    assert not verify_inclusion(leaf_hash(b"other"), index, size, proof, root)
    assert not verify_inclusion(leaf, index, size, proof, leaf)
    assert not verify_inclusion(leaf, size, size, proof, root)
    assert not verify_inclusion(leaf, -1, size, proof, root)

    old = data.draw(st.integers(1, size - 1))
    old_root, proof = _mth(DATA[:old]), _subproof(old, DATA[:size], True)
    changed = [*proof]
    wrong = data.draw(st.integers(0, len(proof) - 1))
    changed[wrong] = bytes([changed[wrong][0] ^ 1]) + changed[wrong][1:]
    assert not verify_consistency(old, size, old_root, root, changed)
    assert not verify_consistency(old, size, old_root, root, proof[:-1])
    assert not verify_consistency(old, size, old_root, root, [*proof, root])
    assert not verify_consistency(old, size, root, root, proof)
    assert not verify_consistency(old, size, old_root, old_root, proof)
    assert not verify_consistency(size, old, root, old_root, proof)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_a_leaf_that_does_not_exist_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_ranges(index, size)
    with pytest.raises(ValueError, match="beginning"):
        consistency_ranges(size + 1, size)
