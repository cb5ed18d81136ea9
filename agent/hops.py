"""Questions in two steps, by code: what leads from the first passages to the next ones.

"The film was produced by a man born in what year?" names no man: the passage about the film does. Such questions are
seen by their form (a thing that is described instead of named; `agent.comparison` sees those that lay things side by
side). What to look for next are the names that the first passages bring in beside the question's own, with the words
that they leave open; Qi et al. 2019 (arXiv:1910.07000) let a model write that query.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agent.comparison import laid_side_by_side
from agent.evidence import Evidence
from agent.grounding import coverage, sentences
from agent.names import names_in, speaks_of
from agent.words import QUESTION_WORDS, content_words, word_set

__all__ = ["chain", "described", "further", "in_steps"]

_MOST_NAMES = 4  # that are looked for next
_LOOKED_AT = 2  # of the first passages
_HEAD = 80  # characters of a passage that say what it is about
_RELATIVE = re.compile(
    r"\b(?:the|an?|this|which|what)\s+(?:[\w'’-]+ ){1,6}?(?:that|who|whom|whose|which|where|to which|of which)\b", re.I
)
_UNNAMED = re.compile(r"\b(?:by|of|from|with|to|for|in|at)\s+an?\s+\w", re.I)
_ROLE = (
    "actor|actress|artist|author|band|birthplace|brother|capital|child|city|composer|continent|country|county|creator"
    "|daughter|director|father|founder|group|guitarist|husband|inventor|label|leader|mother|owner|performer|place"
    "|player|producer|publisher|region|singer|sister|son|spouse|state|team|town|wife|winner|writer"
)
_NESTED = re.compile(
    rf"(?<!\bis )(?<!\bwas )(?<!\bare )(?<!\bwere )\bthe\s+(?:[\w'’-]+\s+){{0,3}}?(?:{_ROLE})s?\s+"
    r"(?:of|from|in|behind|with|named|known|born|ruling|and\b|(?:the\s+)?[A-Z]\w)"
)
_TWICE = re.compile(rf"\b(?:{_ROLE})\s+of\s+the\s+(?:{_ROLE})\b")
_ITS = re.compile(rf"['’]s\s+(?:{_ROLE}|(?:city|place|country|date)\s+of\s+birth)\b", re.I)


def in_steps(question: str) -> bool:
    """Whether one passage alone will hardly answer it."""
    return described(question) or bool(laid_side_by_side(question))


def described(question: str) -> bool:
    """Whether a question names a thing only by what stands elsewhere.

    Example:
        >>> described("The soundtrack of Natural Born Killers was produced by a man born in what year?")
        True
        >>> described("Who produced the soundtrack of Natural Born Killers?")
        False
    """
    forms = (_RELATIVE, _UNNAMED, _ITS, _NESTED, _TWICE)
    # Without a name there is nothing that the first step could begin with.
    return any(form.search(question) for form in forms) and bool(names_in(question, begins=True))


def further(question: str, passages: Sequence[Evidence]) -> dict[str, str]:
    """What to look for next: names, and for each the words to search with; empty where one step is enough.

    Args:
        passages: What the first search brought, best first.
    """
    if not described(question):
        return {name: name for name in laid_side_by_side(question)}
    names = dict.fromkeys(name for item in passages[:_LOOKED_AT] for name in _brought_in(question, item))
    still_open = _open_words(question, passages[:1])
    return {name: " ".join([name, *still_open]) for name in list(names)[:_MOST_NAMES]}


def chain(question: str, place: Evidence, passages: Sequence[Evidence]) -> list[Evidence]:
    """The other passages that an answer at this place leans on: those that lead to it, or the other things compared.

    Empty where the question is answered in one step.
    """
    others = [item for item in passages if item.n != place.n]
    if described(question):
        return [item for item in others if _heads(question, item, place) or _heads(question, place, item)]
    names = laid_side_by_side(question)
    return [item for item in others if any(speaks_of(_head(item), name) for name in names)]


def _heads(question: str, one: Evidence, other: Evidence) -> bool:
    """Whether a name that one passage brings in says what the other is about."""
    head = _head(other)
    return any(speaks_of(head, name) for name in _brought_in(question, one))


def _head(item: Evidence) -> str:
    return f"{item.passage.document_name} {item.passage.heading} {item.passage.text[:_HEAD]}"


def _brought_in(question: str, item: Evidence) -> Iterator[str]:
    """Names of a passage that the question does not hold, those near the question's words first."""
    asked = word_set(question)
    for piece in sorted(sentences(item.passage.text), key=lambda piece: -coverage(question, [piece])):
        for name in names_in(piece):
            if not set(content_words(name)) <= asked:
                yield name


def _open_words(question: str, passages: Sequence[Evidence]) -> list[str]:
    """The question's words, as they are written, that none of these passages holds."""
    there = set[str]().union(
        *(word_set(f"{item.source}\n{item.passage.heading}\n{item.passage.text}") for item in passages)
    )
    words = re.findall(r"\w[\w'’-]*", question)
    return [word for word in words if set(content_words(word)) - there - QUESTION_WORDS]
