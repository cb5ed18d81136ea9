"""Whether one text denies or reverses another, by their words: a negation, or the opposite of a word.

It knows English negations, the German ones that people write most, and the pairs of `opposites.txt`. Meaning that is
turned round in other words it does not see.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib import resources

from agent.words import content_words

__all__ = ["denies", "reverses"]

_NEGATION = re.compile(
    r"\b(?:not|never|no|none|nor|neither|without|cannot|\w+n['’]t|nobody|nothing|fail\w*|unable|except|refus\w+|lack\w*"
    r"|rarely|hardly|absent|missing|nicht|kein\w*|nie|niemand|nichts|ohne)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“][^\"”\n]*[\"”]")
_BEGINS = re.compile(r"(?:^|[.!?:;\n])\W*$")  # what stands before the first word of a sentence
_PREFIXES = ("un", "in", "im", "ir", "il", "dis", "non", "mis")
_WORD = re.compile(r"[^\W_]+(?:[.,'’\-][^\W_]+)*")


def denies(text: str, other: str) -> bool:
    """Whether the text has a negation, and the other none; one that is part of a title is none.

    Example:
        >>> denies("Who did not light it?", "Brandt lit it."), denies("It was never lit.", "Nobody lit it.")
        (True, False)
        >>> denies('Who sang "A Man Without Love"?', "Humperdinck sang it.")
        False
    """
    return _has_negation(text) and not _has_negation(other)


def _has_negation(text: str) -> bool:
    found = _NEGATION.finditer(_QUOTED.sub("", text))
    return any(match.group().islower() or _BEGINS.search(match.string[: match.start()]) for match in found)


def reverses(text: str, other: str) -> bool:
    """Whether the text has a word whose opposite stands in the other, which lacks the word itself.

    Example:
        >>> reverses("Visits decreased.", "Visits increased."), reverses("It is unusual.", "It is usual.")
        (True, True)
    """
    said, there = _forms(text), _forms(other)
    return any(
        not there.isdisjoint(_opposites().get(word, frozenset()) - said) or _prefixed(word, there)
        for word in said - there
    )


@lru_cache(maxsize=512)
def _forms(text: str) -> frozenset[str]:
    """Folded words, small ones too: "more" and "less" decide here."""
    return frozenset((content_words(word) or [word.casefold()])[0] for word in _WORD.findall(text))


def _prefixed(word: str, said: frozenset[str]) -> bool:
    bare = next((word[len(prefix) :] for prefix in _PREFIXES if word.startswith(prefix)), "")
    return (len(bare) > 3 and bare in said) or (len(word) > 3 and any(prefix + word in said for prefix in _PREFIXES))


@cache
def _opposites() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in resources.files("agent").joinpath("opposites.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        one, other = (next(iter(_forms(word))) for word in line.split())
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return {word: frozenset(others) for word, others in found.items()}
