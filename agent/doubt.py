"""How much it is to be doubted that the passages hold the answer: what the model thinks, weighed with what code sees.

A logistic regression over the development half of a public question set; how it was found, and what it does to other
questions: decision 0003 and `wherefrom bench answers`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence, Set
from dataclasses import dataclass

from agent.comparison import laid_side_by_side
from agent.evidence import Evidence
from agent.grounding import coverage, support
from agent.hops import chain
from agent.mismatch import Mismatch, lacking, mismatch
from agent.reading import Reading, in_another_row, place_of
from agent.words import QUESTION_WORDS, content_words, folded, stands_in

__all__ = ["DOUBT_THRESHOLD", "Signs", "doubt", "look", "weighed", "why"]

DOUBT_THRESHOLD = 0.6
_BIAS = -2.25
_NEVER, _ALWAYS = 0.0001, 0.995
_NEARLY_ALL = 0.8
_FEW = 3  # words that a sentence can name
_ENOUGH = 2  # documents that agree with a first one
_WORD = re.compile(r"\w+(?:[-'’.]\w+)*")
_YES_NO = frozenset(["yes", "no", "ja", "nein", "true", "false"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Signs:
    """What speaks for "not in the passages". All but the first are 0..1."""

    none: float  # log-odds that the model gives to "none"
    uncovered: float  # share of the question's words that no passage holds
    nowhere: float  # the words stand in no passage, or in a row about something else
    negated: float  # the question denies what the place of the words does not
    opposite: float  # the place says the opposite of one of the question's words
    strangers: float  # a name or year of the question stands nowhere near the words
    apart: float  # share of the question's words that the sentence of the words lacks
    unsure: float  # how far from sure the model is of the words it was least sure of
    alone: float  # 1 where one document alone has the words, 0 where three or more do


_WEIGHTS = Signs(
    none=0.2, uncovered=0.5, nowhere=3.2, negated=2.4, opposite=1.4, strangers=1.4, apart=1.1, unsure=1.5, alone=1.8
)


def why(question: str, found: Mismatch, evidence: Sequence[Evidence]) -> str:
    """What a person is told where the doubt is too large: which word of the question kept the answer back."""
    asked = set(content_words(question)) - QUESTION_WORDS
    unsaid = lacking(asked, "\n".join(map(_whole, evidence)))
    if found.negated:
        return "The question denies something that the nearest passage does not deny."
    if found.opposite:
        return "The nearest passage says the opposite of a word of the question."
    if found.strangers:
        return f"The nearest passage does not speak of {_quoted(question, found.strangers)}."
    if 0 < len(unsaid) <= _FEW:
        return f"No passage that was found speaks of {_quoted(question, unsaid)}."
    return "The passages that were found do not hold the answer."


def _quoted(question: str, words: Set[str]) -> str:
    """These folded words as the question writes them."""
    written = [f"“{word}”" for word in _WORD.findall(question) if words & set(content_words(word))]
    return " or ".join(dict.fromkeys(written))


def look(reading: Reading, question: str, evidence: Sequence[Evidence]) -> tuple[Signs, Mismatch]:
    """What code and model see, and what the place of the words lacks of the question."""
    none = min(max(reading.none, _NEVER), _ALWAYS)
    there = bool(reading.words) and reading.words.casefold().strip(" .") not in _YES_NO
    exact = place_of(reading.words, question, evidence) if there else None
    place = exact or _retold(reading.words, question, evidence) if there else _nearest(question, evidence)
    elsewhere = place is None or (exact is not None and in_another_row(reading.words, question, evidence))
    linked = chain(question, place, evidence) if place is not None else []
    found = Mismatch(apart=1.0)
    if place is not None:
        found = mismatch(question, reading.words, place, map(_whole, linked))
    together = ["\n".join(map(_whole, [place, *linked]))] if place is not None and linked else []
    seen = Signs(
        none=math.log(none / (1 - none)),
        uncovered=1 - coverage(question, [*map(_whole, evidence), *together]),
        nowhere=float(there and elsewhere),
        negated=float(found.negated),
        opposite=float(found.opposite),
        strangers=float(bool(found.strangers)),
        apart=found.apart,
        unsure=1 - reading.sure,
        alone=_alone(reading.words, evidence) if there else 1.0,
    )
    return seen, found


def _alone(words: str, evidence: Sequence[Evidence]) -> float:
    """How little other documents say the same: it is right more often what several of them have."""
    wanted = folded(words)
    holding = {item.document_digest for item in evidence if stands_in(wanted, folded(item.passage.text))}
    return 1 - min(max(len(holding) - 1, 0), _ENOUGH) / _ENOUGH


def _whole(item: Evidence) -> str:
    return f"{item.source} {item.passage.heading}\n{item.passage.text}"


def _nearest(question: str, evidence: Sequence[Evidence]) -> Evidence | None:
    """The passage that has most to do with the question."""
    return max(evidence, key=lambda item: coverage(question, [item.passage.text]), default=None)


def _retold(words: str, question: str, evidence: Sequence[Evidence]) -> Evidence | None:
    """The passage that bears out nearly all of the words, which a small model seldom copies letter by letter.

    Of things laid side by side the words may come from the passages of all of them.
    """
    best = max(evidence, key=lambda item: support(words, item.passage.text), default=None)
    if best is None:
        return None
    among = [best, *chain(question, best, evidence)] if laid_side_by_side(question) else [best]
    together = "\n".join(item.passage.text for item in among)
    return best if support(words, together) >= _NEARLY_ALL else None


def doubt(reading: Reading, question: str, evidence: Sequence[Evidence]) -> float:
    """The probability that the passages do not hold the answer, 0..1."""
    return weighed(look(reading, question, evidence)[0])


def weighed(seen: Signs) -> float:
    """The probability that these signs speak for, 0..1."""
    odds = _BIAS + sum(getattr(_WEIGHTS, name) * getattr(seen, name) for name in Signs.__dataclass_fields__)
    return 1 / (1 + math.exp(-odds))
