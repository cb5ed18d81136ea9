"""How often chance alone would do as well: the exact tail of fair coins.

Under a secret that has nothing to do with a text, the coins of its different words are fair and independent. So the
number of heads is binomial, whatever the text says: known, not estimated.
"""

from __future__ import annotations

import math
from fractions import Fraction

__all__ = ["any_of", "heads_tail", "least_heads"]


def heads_tail(coins: int, heads: int) -> float:
    """P(at least `heads` of `coins` fair coins come up heads).

    Example:
        >>> heads_tail(3, 3), heads_tail(2, 1), heads_tail(5, 0)
        (0.125, 0.75, 1.0)
    """
    if heads <= 0:
        return 1.0
    if heads > coins:
        return 0.0
    ways = tail = math.comb(coins, heads)
    for k in range(heads, coins):
        ways = ways * (coins - k) // (k + 1)
        tail += ways
    return tail / (1 << coins)


def least_heads(coins: int, p: float) -> int | None:
    """The fewest heads whose tail is at most `p`; None where even all heads are not enough.

    Example:
        >>> least_heads(10, 0.02), least_heads(4, 0.02)
        (9, None)
    """
    tail, ways, allowed = 0, 1, Fraction(p) * (1 << coins)
    for heads in range(coins, -1, -1):
        tail += ways
        if tail > allowed:
            return heads + 1 if heads < coins else None
        ways = ways * heads // (coins - heads + 1)
    return 0


def any_of(p: float, tries: float) -> float:
    """The chance that at least one of `tries` independent looks is as good as `p`.

    Example:
        >>> round(any_of(0.001, 10), 5)
        0.00996
    """
    return min(1.0, -math.expm1(tries * math.log1p(-min(p, 1 - 1e-16))))
