"""Notices when a text goes round in circles: a small model that always takes the likeliest token does so at times.

    circles = Circles()
    circles.closed("and so on. And so on. ")    # piece after piece; True once the same words came three times over

Figures do not count as words, so a list whose points differ in their number alone is a circle, too. A refrain is none:
other words stand between its returns.
"""

from __future__ import annotations

import re

__all__ = ["CIRCLES", "Circles", "first_turn"]

CIRCLES = "circles"  # the `finish_reason` of a text that was ended for it

SHORTEST, LONGEST = 8, 60  # words of one turn
TIMES = 3
_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE_END = re.compile(r"[.!?:]['\"”)]*(?=\s|$)|\n|$")


class Circles:
    """Reads a text while it is written."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._rest = ""

    def closed(self, piece: str) -> bool:
        """Take in the next piece; True if the text, up to its last whole word, ends in the third turn of a circle."""
        *whole, self._rest = re.split(r"(?<=\s)", self._rest + piece)
        new = [word for part in whole for word in _WORD.findall(part)]
        self._words = [*self._words, *new][-TIMES * LONGEST :]
        return bool(new) and _turn(self._words) is not None


def first_turn(text: str) -> str:
    """A text that ends in a circle, up to the sentence in which the first turn closes.

    Example:
        >>> first_turn("Plants drink. " + 4 * "Their roots take the water up out of the ground. ")
        'Plants drink. Their roots take the water up out of the ground.'
    """
    found = list(_WORD.finditer(text))
    words = [word.group() for word in found]
    size = _turn(words)
    if size is None:
        return text
    begin = len(words) - size  # of the circle: from here on each word is the one that stands a turn later
    while begin > 0 and words[begin - 1] == words[begin - 1 + size]:
        begin -= 1
    end = _SENTENCE_END.search(text, found[begin + size - 1].end())
    return text[: end.end()].rstrip() if end else text


def _turn(words: list[str]) -> int | None:
    """How many words one turn has, if the last words are a circle."""
    for size in range(SHORTEST, LONGEST + 1):
        turns = [words[len(words) - n * size : len(words) - (n - 1) * size] for n in range(1, TIMES + 1)]
        if len(words) >= TIMES * size and turns.count(turns[0]) == TIMES:
            return size
    return None
