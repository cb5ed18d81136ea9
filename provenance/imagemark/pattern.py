"""Which waves carry what: all that the key decides. A wave is a point (u, v): cycles across a square of 512 pixels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from provenance.imagemark.code import LENGTH

__all__ = ["PILOTS", "TILE", "Pattern", "pattern_of"]

TILE = 512  # pixels; the pattern repeats after so many
LOWEST, HIGHEST = 14, 160  # cycles a tile: lower ones would be seen and drown in the picture, higher ones die in JPEG
PILOTS = 16
_PILOT_LOWEST, _PILOT_HIGHEST = 45, 100

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """The first `PILOTS` waves are pilots, the others carry bits of the code word.

    u, v: the wave's frequency, u >= 0. carrier: exp(i phase). bit: which bit of the code word, -1 for pilots.
    radius: hypot(u, v).
    """

    u: Ints
    v: Ints
    carrier: NDArray[np.complex128]
    bit: Ints
    radius: Floats


@lru_cache(maxsize=8)
def pattern_of(secret: bytes) -> Pattern:
    """The pattern of a key. The same on every machine and with every version of numpy."""
    v, u = np.mgrid[-HIGHEST : HIGHEST + 1, 0 : HIGHEST + 1]
    radius = np.hypot(u, v)
    inside = (radius >= LOWEST) & (radius <= HIGHEST) & ((u > 0) | (v > 0))
    u, v, radius = u[inside], v[inside], radius[inside]
    count = len(u)
    place, turn, order = _uniform(secret, 3 * count).reshape(3, count)
    pilots = _choose_pilots(np.arctan2(v, u), radius, place)
    data = np.setdiff1d(np.arange(count), pilots)
    # Waves of like frequency are dealt out one to each bit, so that losing the high ones weakens all bits alike.
    data = data[np.lexsort((place[data], np.rint(radius[data] / 4)))]
    bit = np.full(count, -1)
    for start in range(0, len(data), LENGTH):
        hand = data[start : start + LENGTH]
        whole = np.arange(LENGTH) if len(hand) == LENGTH else np.arange(LENGTH)[: len(hand)]
        bit[hand] = whole[np.argsort(order[hand], kind="stable")]
    rows = np.concatenate([pilots, data])
    return Pattern(u[rows], v[rows], np.exp(2j * np.pi * turn[rows]), bit[rows], radius[rows])


def _choose_pilots(angle: Floats, radius: Floats, place: Floats) -> Ints:
    """One wave in each of 16 equal sectors: together they see every direction."""
    sector = np.floor((angle / np.pi + 0.5) * PILOTS)
    fits = (radius >= _PILOT_LOWEST) & (radius <= _PILOT_HIGHEST)
    return np.array([min(np.flatnonzero(fits & (sector == n)), key=lambda at: place[at]) for n in range(PILOTS)])


def _uniform(secret: bytes, count: int) -> Floats:
    """Numbers from 0 to 1 out of the key."""
    raw = np.frombuffer(hashlib.shake_256(b"wherefrom image mark v1" + secret).digest(8 * count), dtype="<u8")
    return (raw >> np.uint64(11)).astype(np.float64) / 2.0**53
