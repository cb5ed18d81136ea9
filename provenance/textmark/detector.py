"""Finds the mark of `marker` in a text, with the keys alone, and says how often chance would look the same.

Each different word that may carry the mark is one coin; how often it is repeated does not count, since a text that
says "glass" ten times tossed that coin once. Heads are then binomial for any text that was written without our key.
Looked at are the whole text and, for a text that is only partly ours, stretches of it; several looks and several keys
are paid for in the p-value, most of it granted to the whole text.

It says nothing where few words carry a mark, and nothing about who wrote a text without one: a mark can be removed by
rewording, and forged by whoever has the key.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from provenance.errors import CredentialError
from provenance.textmark.keys import TextMarkKey
from provenance.textmark.significance import any_of, heads_tail
from provenance.textmark.words import carriers
from provenance.verify import MarkFound, NoMark

__all__ = ["LEAST_COINS", "Reading", "TextMarkDetector"]

LEAST_COINS = 25  # fewer different words than this cannot be told from chance, but for a near miracle
LEVEL = 1e-3  # a p-value above it is no finding
SHORTEST = 60  # carrying words of the smallest stretch
WHOLE_SHARE = 0.75  # of the false alarms that are allowed, granted to the look at the whole text
MOST_WORDS = 40_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """The best look at a text."""

    key: TextMarkKey
    coins: int  # different words that can carry a mark
    heads: int  # of those, how many lean our way
    start: int  # of the stretch, in carrying words; `words` of them all
    end: int
    words: int
    p_value: float  # every look and every key paid for

    @property
    def whole(self) -> bool:
        """Whether it is a look at the whole text."""
        return self.end - self.start == self.words


class TextMarkDetector:
    """A `provenance.verify.TextMark`. Under a tenth of a second for a page of text; needs neither model nor network."""

    def __init__(self, keys: Callable[[], Sequence[TextMarkKey]]) -> None:
        """
        Args:
            keys: Every key that may have marked, the newest first; asked at each detection.
        """
        self._keys = keys

    def detect(self, text: str) -> MarkFound | NoMark:
        """What the text carries. Never raises: a key that cannot be read is said."""
        try:
            keys = self._keys()
        except CredentialError as exc:
            return NoMark(sentence=f"No text mark could be looked for. {exc} {exc.hint}".strip())
        if not keys:
            return NoMark(sentence="No text was ever marked here, so there is no mark to look for.")
        best = self.read(text, keys)
        if best is None or best.coins < LEAST_COINS:
            coins = 0 if best is None else best.coins
            return NoMark(sentence=f"Too short to tell a mark from chance: {coins} different words could carry one.")
        share = f"{best.heads} of {best.coins} different words lean towards key {best.key.id}"
        if best.p_value > LEVEL:
            return NoMark(sentence=f"No mark of this installation can be told from chance: {share}.")
        where = "" if best.whole else f"In a stretch of it, about {(best.end - best.start) / best.words:.0%}, "
        chance = f"Text without our mark does so {_odds(best.p_value)}."
        return MarkFound(run=None, p_value=best.p_value, sentence=f"{where}{share}. {chance}")

    def read(self, text: str, keys: Sequence[TextMarkKey] | None = None) -> Reading | None:
        """The most telling look, however little it tells; None for a text without words to look at.

        Raises:
            CredentialError: If the keys cannot be read.
        """
        words = carriers(text)[:MOST_WORDS]
        known = self._keys() if keys is None else keys
        looks = [look for key in known for look in _looks(words, key, len(known))]
        return min(looks, key=lambda look: look.p_value, default=None)


def _looks(words: list[str], key: TextMarkKey, keys: int) -> Iterator[Reading]:
    if not words:
        return
    coins = {word: key.coin(word) > 0 for word in set(words)}

    def look(start: int, end: int, seen: int, heads: int, tries: float) -> Reading:
        p = any_of(heads_tail(seen, heads), tries * keys)
        return Reading(key=key, coins=seen, heads=heads, start=start, end=end, words=len(words), p_value=p)

    yield look(0, len(words), len(coins), sum(coins.values()), 1 / WHOLE_SHARE)
    stretches = list(_stretches(words, coins))
    if stretches:
        # The exact tail only for what comes out best; the rest cannot be better.
        best = sorted(stretches, key=lambda one: _standard(one[2], one[3]), reverse=True)[:16]
        for start, end, seen, heads in best:
            yield look(start, end, seen, heads, len(stretches) / (1 - WHOLE_SHARE))


def _stretches(words: list[str], coins: dict[str, bool]) -> Iterator[tuple[int, int, int, int]]:
    """(start, end, different words, heads) of stretches of 60, 120, 240... words, each a quarter after the last."""
    size = SHORTEST
    while size * 4 <= len(words) * 3:
        counts: Counter[str] = Counter()
        seen = heads = at = 0
        step = size // 4
        for start in range(0, len(words) - size + 1, step):
            for word in words[max(0, start - step) : start] if start else ():
                counts[word] -= 1
                if not counts[word]:
                    seen, heads = seen - 1, heads - coins[word]
            while at < start + size:
                counts[words[at]] += 1
                if counts[words[at]] == 1:
                    seen, heads = seen + 1, heads + coins[words[at]]
                at += 1
            yield start, start + size, seen, heads
        size *= 2


def _standard(coins: int, heads: int) -> float:
    return (2 * heads - coins) / math.sqrt(coins) if coins else 0.0


def _odds(p: float) -> str:
    if p < 1e-9:
        return "less than once in a billion times"
    return f"once in {float(f'{1 / p:.1g}'):,.0f} times"
