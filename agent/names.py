"""Names and titles as they stand in a text: words with capital letters that belong together, and what is in quotes."""

from __future__ import annotations

import re

from agent.grounding import sentences
from agent.words import QUESTION_WORDS, content_words, folded, word_set

__all__ = ["names_in", "speaks_of"]

_WORD = r"[^\W\d_a-z](?:[\w'’&-]*[\w’&])?\.?"
_NAME = re.compile(
    r"[\"“]([^\"”\n]{2,60})[\"”]"
    rf"|(?<![\w'’])({_WORD}(?:\s+(?:(?:of|the|de|la|von|van|der|du)\s+){{0,2}}(?:{_WORD}|\d+\b))*)"
)
_LEAST = 3  # letters: a sonata in G names no G
_DATE = re.compile(
    r"^(?:January|February|March|April|May|June|July|August|September|October|November|December)\b[\s\d]*$"
)


def names_in(text: str, *, begins: bool = False) -> list[str]:
    """Names and titles, in order, each once; no dates, and no word that may only have begun a sentence.

    Args:
        begins: Also a single word that begins a sentence, if it is no word of every question.

    Example:
        >>> names_in("The album was produced by Trent Reznor in May 1994. It holds \\"Burn\\" by Nine Inch Nails.")
        ['Trent Reznor', 'Burn', 'Nine Inch Nails']
    """
    found: dict[str, str] = {}
    for sentence in sentences(text):
        for match in _NAME.finditer(sentence):
            quoted, bare = match.groups()
            name = quoted.strip(" ,.") if quoted else _without_beginning(bare, match.start() == 0, begins)
            if len(name) >= _LEAST and content_words(name) and not _DATE.match(name):
                found.setdefault(folded(name), name)
    return list(found.values())


def speaks_of(text: str, name: str) -> bool:
    """Whether every word of a name stands in a text: "Governor William Winter" is "William Winter (governor)", too.

    Example:
        >>> speaks_of("William Winter was a governor.", "Governor William Winter's")
        True
    """
    return set(content_words(name)) <= word_set(text)


def _without_beginning(name: str, first: bool, begins: bool) -> str:
    """A name at the beginning of a sentence, without the word that has its capital letter from there."""
    name = re.sub(r"(?<=\w{3})\.$", "", name.strip(" ,-"))  # the full stop of a sentence, not of an initial
    word, _gap, rest = name.partition(" ")
    if first and (not content_words(word) or folded(word) in QUESTION_WORDS or not (rest or begins)):
        return rest
    return name
