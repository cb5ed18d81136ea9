"""Questions that lay named things side by side, and the few answers that they can have.

"Which singer is American, Mark King or Nick Hexum?" is answered by one of the two names, "Are both board games?" by yes
or no. A small model that may only choose among these does not copy the first name it sees.
"""

from __future__ import annotations

import re

from agent.names import names_in

__all__ = ["YES_NO", "alternatives", "copied", "laid_side_by_side"]

YES_NO = ("yes", "no")
_COMPARED = re.compile(
    r"\bboth\b|\bin common\b|\bconnected\b|\brespective(?:ly)?\b|\bwhich of the (?:two|three)\b|\bthe same\b"
    r"|,?\s+or\s+(?=the\s|an?\s|[\"“]|[^\W\d_a-z])"
    r"|\b(?:older|younger|larger|bigger|smaller|longer|shorter|taller|higher|earlier|later|more|fewer|first|most)\b[^,]*,"
)
_JOINED = re.compile(r"\s+(?:and|und|or|oder)\s+|,\s+")
_YES_NO_QUESTION = re.compile(
    r"^\W*(?:is|are|was|were|do|does|did|has|have|had|can|could|ist|sind|war|waren|hat|haben)\b", re.I
)
_OR = re.compile(r"(?:^|[,:?]|\b(?:between|first|of|is|was|to|by))\s*([^,:?]+?),?\s+or\s+([^,:?]+?)\s*\??$")
_ARTICLE = re.compile(r"^(?:the|an?|of|between|either|by)\s+", re.I)
_MOST_WORDS = 8  # of one thing that is compared


def copied(words: str) -> str:
    """The words of an answer if they are some that stand in a passage; a yes or no stands in none."""
    return "" if words in YES_NO else words


def laid_side_by_side(question: str) -> tuple[str, ...]:
    """The names that a question compares, two at least; empty where it compares none.

    Example:
        >>> laid_side_by_side("Which plant is larger, the Pterocarya or the Cotula?")
        ('Pterocarya', 'Cotula')
        >>> laid_side_by_side("Are Medici and Senet both board games?")
        ('Medici', 'Senet')
    """
    if not _COMPARED.search(question):
        return ()
    chosen = alternatives(question)
    if chosen and chosen != YES_NO:
        return chosen
    asked = _YES_NO_QUESTION.sub("", question).strip()
    names = [part for name in names_in(asked, begins=True) for part in _JOINED.split(name) if part]
    return tuple(dict.fromkeys(names)) if len(names) > 1 else ()


def alternatives(question: str) -> tuple[str, ...]:
    """What a question that compares can be answered with: two names, or yes and no; empty where it leaves that open.

    Example:
        >>> alternatives("Which singer is American, Mark King or Nick Hexum?")
        ('Mark King', 'Nick Hexum')
        >>> alternatives("Are Medici and Senet both board games?")
        ('yes', 'no')
    """
    if not _COMPARED.search(question):
        return ()
    if _YES_NO_QUESTION.match(question):
        return YES_NO
    named = _OR.search(question)
    things = [_ARTICLE.sub("", thing.strip(" \"“”'")) for thing in named.groups()] if named else []
    short = [thing for thing in things if thing and len(thing.split()) <= _MOST_WORDS]
    return tuple(short) if len(short) == len(things) == 2 else ()
