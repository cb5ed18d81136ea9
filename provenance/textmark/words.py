"""Which words can carry the mark: whole words in small letters after a space, but for those in untouched.txt.

Names, numbers, source marks and punctuation never do, nor do the pieces that longer words are spelled with: leaning on
those would change facts and spelling. What stands in a block of code or in backquotes is left out, too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

__all__ = ["carriers", "is_carrier", "untouched", "vocabulary_words"]

_CODE = re.compile(r"^(`{3,}|~{3,})[^\n]*\n.*?(?:^\1[`~]*[ \t]*$|\Z)|`[^`\n]+`|\b\w+://\S+", re.MULTILINE | re.DOTALL)
# After white space; before anything but a letter, a figure, or an apostrophe or hyphen that goes on with one.
_WORD = re.compile(r"(?<!\S)([^\W\d_]{2,32})(?![\w/@\\]|['’\-–.][^\W_])")


@cache
def untouched() -> frozenset[str]:
    """Words that never carry it: the commonest of all, numbers, negations, opposites."""
    lines = Path(__file__).with_name("untouched.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def is_carrier(word: str) -> bool:
    """Whether a word may carry the mark.

    Example:
        >>> [word for word in ("river", "Rhine", "3rd", "a", "naïve") if is_carrier(word)]
        ['river', 'naïve']
    """
    return 2 <= len(word) <= 32 and word.isalpha() and word.islower() and word not in untouched()


def carriers(text: str) -> list[str]:
    """The words of a text that may carry the mark, in their order.

    Example:
        >>> carriers("In 1901 the well-known Bell (a friend) wrote: don't use `the code` again [1].")
        ['friend', 'wrote', 'use', 'again']
    """
    plain = unicodedata.normalize("NFC", _CODE.sub(" ", text))
    return [word for word in _WORD.findall(plain) if is_carrier(word)]


def vocabulary_words(pieces: Iterable[str]) -> dict[str, int]:
    """Which token of a model is which whole word: word -> token id.

    Args:
        pieces: The vocabulary in the order of its ids, as BPE files write it: a space is "Ġ" or "▁" at the beginning.

    Example:
        >>> vocabulary_words(["sea", "Ġsea", "ĠThe", "▁river", "ĠnaÃ¯ve", "Ġ12"])
        {'sea': 1, 'river': 3, 'naïve': 4}
    """
    words: dict[str, int] = {}
    for number, piece in enumerate(pieces):
        if piece[:1] == "Ġ":
            word = _from_bytes(piece[1:])
        elif piece[:1] == "▁":
            word = piece[1:]
        else:
            continue
        if word is not None and is_carrier(word):
            words.setdefault(word, number)
    return words


def _byte_letters() -> Mapping[str, int]:
    """The letters that byte-level BPE writes bytes as (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {chr(byte): byte for byte in plain}
    spare = (byte for byte in range(256) if byte not in set(plain))
    table |= {chr(256 + n): byte for n, byte in enumerate(spare)}
    return table


_BYTES = _byte_letters()


def _from_bytes(piece: str) -> str | None:
    if piece.isascii():
        return piece
    try:
        return bytes(_BYTES[letter] for letter in piece).decode()
    except (KeyError, UnicodeDecodeError):
        return None  # half a character
