"""The error-correcting code of the image mark: 48 bits become 372, and come back out of soft values far below noise.

A convolutional code of rate 1/6 with 14 bits of memory (the code of NASA's Cassini), closed by 14 zeros and decoded by
the Viterbi algorithm, which finds the most likely of all 2**48 messages. Why this one: see docs/decisions, image mark.

Example:
    >>> unpack(decode(1.0 - 2.0 * encode(pack(77))).bits)
    77
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["BITS", "LENGTH", "Decoded", "decode", "encode", "pack", "unpack"]

BITS = 48
MEMORY = 14
_POLYNOMIALS = (0o46321, 0o51271, 0o63667, 0o70535, 0o73277, 0o76513)
_RATE = len(_POLYNOMIALS)
_STEPS = BITS + MEMORY
LENGTH = _STEPS * _RATE

Bits = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """The most likely message. `score` is the sum of the soft values, each with the sign that the message gives it."""

    bits: Bits  # shape (48,)
    score: float


def pack(number: int) -> Bits:
    """A number below 2**48 as bits, most significant first.

    Raises:
        ValueError: If it does not fit.
    """
    if not 0 <= number < 1 << BITS:
        raise ValueError(f"{number} does not fit into {BITS} bits")
    return np.array([number >> (BITS - 1 - n) & 1 for n in range(BITS)], dtype=np.uint8)


def unpack(bits: Bits) -> int:
    """The number that `pack` made these bits of."""
    return int("".join(str(int(bit)) for bit in bits), 2)


def encode(bits: Bits) -> Bits:
    """The code word: shape (48,) to (372,)."""
    signs = _signs()
    state, word = 0, np.empty((_STEPS, _RATE), dtype=np.uint8)
    for n, bit in enumerate([*bits.tolist(), *[0] * MEMORY]):
        register = bit << MEMORY | state
        word[n] = signs[:, register] < 0
        state = register >> 1
    return word.reshape(-1)


def decode(soft: NDArray[np.floating]) -> Decoded:
    """The message whose code word fits best.

    Args:
        soft: Shape (372,); positive where a 0 is more likely, by its size how sure that is.
    """
    rows = np.asarray(soft, dtype=np.float32).reshape(_STEPS, _RATE)
    half = 1 << MEMORY
    # What each register content earns at each step, for those that shift a 0 out and those that shift a 1 out.
    zero, one = rows @ _signs()[:, 0::2], rows @ _signs()[:, 1::2]
    score = np.full(half, -np.inf, dtype=np.float32)
    score[0] = 0.0
    came = np.empty((_STEPS, half), dtype=bool)
    for n in range(_STEPS):
        # State s is reached with input bit s >> 13 from the two states that differ in the bit that is shifted out.
        zero[n].reshape(2, -1)[...] += score[0::2]
        one[n].reshape(2, -1)[...] += score[1::2]
        np.greater(one[n], zero[n], out=came[n])
        score = np.maximum(one[n], zero[n])
        if n >= BITS:
            score[half // 2 :] = -np.inf  # the closing bits are zeros
    state, bits = 0, np.empty(_STEPS, dtype=np.uint8)
    for n in reversed(range(_STEPS)):
        bits[n] = state >> (MEMORY - 1)
        state = (state << 1 & half - 1) | int(came[n, state])
    return Decoded(bits=bits[:BITS], score=float(score[0]))


@cache
def _signs() -> NDArray[np.float32]:
    """+1 where a register content (input bit on top, then the memory) gives a 0: shape (6, 2**15)."""
    register = np.arange(1 << (MEMORY + 1), dtype=np.uint32)
    parity = [np.bitwise_count(register & np.uint32(one)) & 1 for one in _POLYNOMIALS]
    return (1 - 2 * np.stack(parity).astype(np.int8)).astype(np.float32)
