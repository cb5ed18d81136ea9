"""MinHash sketches of texts: two texts that share word pairs have sketches that agree in about as many places.

A text becomes its words (case, punctuation, marks like [3] and typography do not count), the words become pairs, and
each of 128 fixed hash functions keeps the smallest hash of any pair. The share of equal places estimates the Jaccard
similarity of the two sets of pairs, with a standard deviation of at most 0.044. After a quarter of the words was
replaced about 0.39 is left; unrelated English texts stay below 0.08.

Source: Broder 1997, *On the resemblance and containment of documents*.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["HASHES", "Hashes", "Sketch", "agreement", "digest_of", "pair_hashes", "sketch_of", "words_of"]

HASHES = 128
_MARK = re.compile(r"\[\d{1,3}\]")
# A Chinese, Japanese or Korean sign is a word by itself: those scripts put no space between words.
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"
)

Hashes = NDArray[np.uint32]  # shape (pairs, 128)
Sketch = NDArray[np.uint32]  # shape (128,)


def words_of(text: str, *, most: int | None = None) -> list[str]:
    """The words that count, at most `most`.

    Example:
        >>> words_of("The *Lens*, repaired in 2019 [1].")
        ['the', 'lens', 'repaired', 'in', '2019']
    """
    folded = unicodedata.normalize("NFKC", _MARK.sub(" ", text)).casefold()
    found = []
    for match in _WORD.finditer(folded):
        found.append(match.group())
        if len(found) == most:
            break
    return found


def digest_of(words: list[str]) -> str:
    """SHA-256 of the normalised text, hex."""
    return hashlib.sha256(" ".join(words).encode("utf-8", "surrogatepass")).hexdigest()


def pair_hashes(words: list[str]) -> Hashes:
    """For each pair of neighbouring words its 128 hashes: shape (len(words) - 1, 128)."""
    pairs = (f"{a} {b}".encode("utf-8", "surrogatepass") for a, b in itertools.pairwise(words))
    seeds = b"".join(hashlib.blake2b(pair, digest_size=8).digest() for pair in pairs)
    values = np.frombuffer(seeds, dtype="<u8").astype(np.uint64)
    factor, shift = _functions()
    out = np.empty((len(values), HASHES), dtype=np.uint32)
    for start in range(0, len(values), 4096):  # the product needs twice the space of what is kept
        part = values[start : start + 4096, None]
        out[start : start + 4096] = ((part * factor + shift) >> np.uint64(32)).astype(np.uint32)
    return out


def sketch_of(hashes: Hashes) -> Sketch:
    """The sketch of a stretch of text, from the hashes of its pairs (at least one)."""
    sketch: Sketch = hashes.min(axis=0)
    return sketch


def agreement(a: Sketch, b: Sketch) -> float:
    """The share of equal places, 0 to 1."""
    return float(np.count_nonzero(a == b)) / HASHES


@cache
def _functions() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """128 multiply-shift functions, the same for ever: stored sketches must stay comparable."""
    drawn = b"".join(hashlib.sha256(f"wherefrom sketch v1 {n}".encode()).digest()[:16] for n in range(HASHES))
    numbers = np.frombuffer(drawn, dtype="<u8").astype(np.uint64).reshape(HASHES, 2)
    return numbers[:, 0] | np.uint64(1), numbers[:, 1]
