"""Reading the mark back, without the original.

    found = find(pixels, [key.secret])      # MarkRead or None

Never a false find, by construction: for an unmarked picture, or one marked with another key, the phases that the key
gives to the waves are independent of the picture, so the score of any one of the 2**48 code words at any one alignment
is at least z with a probability of at most exp(-z*z / 2) (a sum of cosines of uniform phases; Hoeffding). With at most
`tries` alignments looked at, chance reaches z with probability p <= tries * 2**48 * exp(-z*z / 2), whatever is in the
picture. Only p <= 1e-9 counts as found.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from provenance.imagemark.code import BITS, LENGTH, decode, unpack
from provenance.imagemark.pattern import PILOTS, Pattern, pattern_of
from provenance.imagemark.plane import Spectrum, brightness, canonical, flatten
from provenance.imagemark.search import Settled, candidates, carried, prominence, settle, straight

__all__ = ["LIMIT", "SMALLEST", "MarkRead", "bound", "find"]

LIMIT = 1e-9  # of what chance may do, a picture
SMALLEST = 32  # pixels on the shorter side; below, there is no room for the waves
_CANDIDATES = 14
_DECODED = 4
_ENOUGH, _CERTAIN = 4.0, 5.1  # pilots that agree less are not worth a closer look; more, and others need none
_READINGS = (160.0, 120.0, 72.0)  # up to which wave is listened to: edits take the high ones away


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkRead:
    """A number that was read. `p_value` bounds how often chance does as well."""

    number: int
    score: float
    p_value: float
    key: int  # which of the keys


def bound(score: float, tries: int) -> float:
    """How likely chance reaches a score in that many tries, at most.

    Example:
        >>> bound(11.0, 100) < 1e-9 < bound(10.0, 100)
        True
    """
    exponent = math.log(tries) + BITS * math.log(2) - score * score / 2
    return min(1.0, math.exp(max(exponent, -700.0)))


def find(pixels: NDArray[np.uint8], secrets: Sequence[bytes]) -> MarkRead | None:
    """The number in a picture; None where nothing can be told from chance.

    Args:
        pixels: Shape (height, width) or (height, width, 3), 8 bits.
        secrets: The keys it may have been marked with, likeliest first.
    """
    if not secrets or min(pixels.shape[:2]) < SMALLEST:
        return None
    flat = flatten(canonical(brightness(pixels)))
    tries = len(secrets) * (1 + _DECODED) * len(_READINGS)
    patterns = [pattern_of(secret) for secret in secrets]
    for key, pattern in enumerate(patterns):
        if found := _decoded(straight(flat, pattern).waves, pattern, key, tries):
            return found
    prominent = prominence(flat)
    for key, pattern in enumerate(patterns):
        for settled in _likely(flat, prominent, pattern):
            if found := _decoded(settled.waves, pattern, key, tries):
                return found
    return None


def _likely(flat: NDArray[np.float32], prominent: NDArray[np.float32], pattern: Pattern) -> Iterator[Settled]:
    """At most four alignments; one whose pilots agree beyond doubt comes without looking at the rest."""
    rest: list[Settled] = []
    given = 0
    for candidate in candidates(prominent, pattern, _CANDIDATES):
        settled = settle(flat, candidate, pattern, enough=_ENOUGH)
        if settled.score > _CERTAIN and given < _DECODED - 1:
            given += 1
            yield settled
        elif settled.score >= _ENOUGH:
            rest.append(settled)
    yield from sorted(rest, key=lambda one: -one.score)[: _DECODED - given]


def _decoded(waves: Spectrum, pattern: Pattern, key: int, tries: int) -> MarkRead | None:
    heard = carried(waves, pattern)[PILOTS:]
    bit = pattern.bit[PILOTS:]
    for highest in _READINGS:
        weight = (pattern.radius[PILOTS:] <= highest).astype(np.float64)
        noise = math.sqrt(float(np.sum(weight * np.abs(heard) ** 2)) / 2)
        if noise == 0:
            continue
        word = decode(np.bincount(bit, weight * heard.real, LENGTH).astype(np.float64))
        score = word.score / noise
        if bound(score, tries) <= LIMIT:
            return MarkRead(number=unpack(word.bits), score=score, p_value=bound(score, tries), key=key)
    return None
