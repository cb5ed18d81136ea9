"""Reading the passages: the fewest words that are the answer, copied, or none; and how much that is to be doubted.

A small model that is asked for a sentence finds one whether the passages hold the answer or not. Asked for words to
copy, or "none", it says with a useful probability which of the two it is (decision 0003). The words are checked by
code: what stands in no passage is no answer, and what does is a citation to the exact place.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.evidence import Evidence
from agent.grounding import coverage, strip_marks
from agent.words import QUESTION_WORDS, content_words, folded, word_set

__all__ = [
    "DOUBT_THRESHOLD",
    "READ_SCHEMA",
    "READ_TOKENS",
    "TABLE_ROW",
    "Reading",
    "asks_for_words",
    "doubt",
    "in_another_row",
    "missing_names",
    "place_of",
    "read",
]

READ_TOKENS = 80
READ_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"answer": {"type": "string", "maxLength": 200}},
    "required": ["answer"],
    "additionalProperties": False,
}
# Log-odds that the passages do not hold the answer, a logistic regression over the development questions; how it was
# found, and what it does to others: decision 0003 and `wherefrom bench answers`.
DOUBT_THRESHOLD = 0.6
_BIAS, _NONE, _UNCOVERED, _NOWHERE, _UNNAMED = -0.33, 0.4, 0.94, 3.47, 1.0
_NEVER, _ALWAYS = 0.005, 0.995
_NONE_WORDS = frozenset(["", "none", "n/a", "unknown", "not stated", "not given"])
_OPEN = re.compile(
    r"^\W*(?:(?:and|but|so|please|can you|could you)\W+)*"
    r"(?:why\b|how\b(?!\s+(?:many|much|old|tall|long|far|often|big|large|high|deep|fast|heavy|wide|late|early|soon))"
    r"|explain|describe|summari[sz]e|sum up|compare|list\b|tell me|outline|give (?:me )?an? (?:overview|summary)"
    r"|what (?:is|are|was|were) the (?:difference|steps|reasons|main)"
    r"|warum|wieso|weshalb|wie\b(?!\s+(?:viele?|alt|gro(?:ß|ss)|hoch|lang|weit|oft|teuer))"
    r"|erkl(?:ä|ae)r|beschreib|vergleich)",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<![.!?:]\s)(?<!^)(?<![\"“‘(])\b(?:[^\W\d_a-z]\w+(?:[-'’.]\w+)*|[12]\d{3})\b")
TABLE_ROW = re.compile(r"^.*\S \| \S.*$", re.MULTILINE)
_DATES = frozenset(
    content_words(
        "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August "
        "September October November December"
    )
)  # documents shorten them, or write them as figures
_YES_NO = frozenset(["yes", "no", "ja", "nein", "true", "false"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What the model copied."""

    words: str  # "" where it says that the passages do not hold the answer
    none: float  # the probability it gave to that, 0..1


def asks_for_words(question: str) -> bool:
    """Whether a few words answer it (who, when, how many), not an explanation or a list.

    Example:
        >>> asks_for_words("How many lamps are there?"), asks_for_words("How does the lamp work?")
        (True, False)
    """
    return not _OPEN.match(question)


def read(text: str, whole: Mapping[str, Any]) -> Reading:
    """What stands in the model's JSON, and the probability of "none".

    Args:
        text: What it wrote; cut off in the middle, perhaps.
        whole: The message's response metadata, with `logprobs` where the engine gives them.
    """
    words = _words(text)
    if words.casefold().strip(" .") in _NONE_WORDS:
        words = ""
    none = _none_probability((whole.get("logprobs") or {}).get("content") or [])
    if none is None:
        none = 0.9 if not words else 0.1
    return Reading(words=words, none=none)


def doubt(reading: Reading, question: str, evidence: Sequence[Evidence]) -> float:
    """The probability that the passages do not hold the answer, 0..1."""
    texts = [f"{item.source} {item.passage.heading}\n{item.passage.text}" for item in evidence]
    none = min(max(reading.none, _NEVER), _ALWAYS)
    nowhere = bool(reading.words) and not _said(reading.words)
    nowhere &= place_of(reading.words, question, evidence) is None or in_another_row(reading.words, question, evidence)
    odds = (
        _BIAS + _NONE * math.log(none / (1 - none)) + _UNCOVERED * (1 - coverage(question, texts)) + _NOWHERE * nowhere
    )
    return 1 / (1 + math.exp(-odds))


def missing_names(question: str, texts: Sequence[str]) -> float:
    """The share of a question's names and years that stand in none of the texts, 0..1; 0 where it has none.

    A name is a word with a capital letter that does not begin a sentence. Who asks about the Canadiens is not answered
    by a table of other teams.
    """
    names = {one for word in _NAME.findall(question) for one in content_words(word)} - QUESTION_WORDS - _DATES
    if not names:
        return 0.0
    there = set[str]().union(*(word_set(text) for text in texts))
    return len(names - there) / len(names)


def in_another_row(words: str, question: str, evidence: Sequence[Evidence]) -> bool:
    """Whether these words stand in rows of tables alone, and none of those rows has to do with the question's names."""
    wanted = folded(words)
    fits = False
    for item in evidence:
        rows, rest = TABLE_ROW.findall(item.passage.text), folded(TABLE_ROW.sub("", item.passage.text))
        if _stands(wanted, rest):
            return False
        about = f"{item.source}\n{item.passage.heading}\n{rest}"
        fits |= any(_stands(wanted, folded(row)) and not missing_names(question, [about, row]) for row in rows)
    return not fits


def place_of(words: str, question: str, evidence: Sequence[Evidence]) -> Evidence | None:
    """The passage in which these words stand; of several, the one that has most to do with the question."""
    wanted = folded(words)
    holding = [item for item in evidence if _stands(wanted, folded(f"{item.passage.heading}\n{item.passage.text}"))]
    return max(holding, key=lambda item: coverage(question, [item.passage.text]), default=None)


def _stands(words: str, text: str) -> bool:
    """Whether whole words stand in a text; both folded."""
    return bool(words) and re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text) is not None


def _said(words: str) -> bool:
    """Yes and no are answers that stand nowhere."""
    return words.casefold().strip(" .") in _YES_NO


def _words(text: str) -> str:
    try:
        return strip_marks(str(json.loads(text)["answer"])).strip()
    except (json.JSONDecodeError, KeyError, TypeError):
        cut = re.search(r'"answer"\s*:\s*"((?:[^"\\]|\\.)*)', text)
        return cut.group(1).strip() if cut else ""


def _none_probability(tokens: Sequence[Mapping[str, Any]]) -> float | None:
    """At the first token of the answer: what "none", or its beginning, gets."""
    before = ""
    for token in tokens:
        if re.search(r'"answer"\s*:\s*"$', before):
            likely = [(str(item["token"]), float(item["logprob"])) for item in token.get("top_logprobs", [])]
            return min(1.0, sum(math.exp(p) for text, p in likely if _begins_none(text))) if likely else None
        before += str(token.get("token", ""))
    return None


def _begins_none(token: str) -> bool:
    bare = token.strip().casefold()
    return bare == '"' or bare.rstrip('"') in ("n", "no", "non", "none")
