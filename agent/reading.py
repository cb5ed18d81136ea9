"""Reading the passages: the fewest words that are the answer, copied, or none.

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
from agent.mismatch import missing_names
from agent.words import content_words, folded, stands_in

__all__ = [
    "CHOICE_TOKENS",
    "READ_SCHEMA",
    "READ_TOKENS",
    "Reading",
    "as_it_stands",
    "asks_for_words",
    "choice_schema",
    "in_another_row",
    "only_repeats",
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
CHOICE_TOKENS = 120
_DATA_ROW = re.compile(r"^[^|:\n]{1,60}: [^|\n]*\| [^|:\n]{1,60}:.*$", re.MULTILINE)
_MOST = 0.6  # share of the words that carry meaning
_LEAST_LISTED = 3
_BETWEEN = ("and", "or", "the", "a", "an", "as", "well", "und", "oder")
_UNTOLD = 0.65  # of an engine that gives no probabilities: what others say in the middle
_ANSWER_BEGINS = r'"answer"\s*:\s*"'
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What the model copied."""

    words: str  # "" where it says that the passages do not hold the answer
    none: float  # the probability it gave to that, 0..1
    sure: float = 1.0  # and to the least likely token of the words, 0..1 (1 where code found them); of none the rest


def choice_schema(choices: Sequence[str]) -> dict[str, Any]:
    """What a reading looks like that may only choose: first the facts that decide it, then one of these or "none"."""
    return {
        "type": "object",
        "properties": {
            "facts": {"type": "string", "maxLength": 240},
            "answer": {"type": "string", "enum": [*choices, "none"]},
        },
        "required": ["facts", "answer"],
        "additionalProperties": False,
    }


def asks_for_words(question: str) -> bool:
    """Whether a few words answer it (who, when, how many), not an explanation or a list.

    Example:
        >>> asks_for_words("How many lamps are there?"), asks_for_words("How does the lamp work?")
        (True, False)
    """
    return not _OPEN.match(question)


def only_repeats(words: str, question: str) -> bool:
    """Whether the question already says all of these words: then they are no answer to it.

    Example:
        >>> only_repeats("a strip of tape", "What is written on the strip of tape?")
        True
        >>> only_repeats("symbols on the tape", "What is written on the strip of tape?")
        False
    """
    said = set(content_words(words))
    return bool(said) and said <= set(content_words(question))


def read(text: str, whole: Mapping[str, Any]) -> Reading:
    """What stands in the model's JSON, and the probability of "none".

    Args:
        text: What it wrote; cut off in the middle, perhaps.
        whole: The message's response metadata, with `logprobs` where the engine gives them.
    """
    words = _words(text)
    if words.casefold().strip(" .") in _NONE_WORDS:
        words = ""
    tokens = (whole.get("logprobs") or {}).get("content") or []
    none = _none_probability(tokens, said=words)
    if none is None:
        none = 0.9 if not words else 0.02  # about what engines that give probabilities say
    sure = _least_likely(tokens) if tokens else _UNTOLD
    return Reading(words=words, none=none, sure=sure if words else 1 - none)


def in_another_row(words: str, question: str, evidence: Sequence[Evidence]) -> bool:
    """Whether these words stand in rows of tables alone, and none of those rows has to do with the question's names.

    A row whose cells carry no labels belongs to a layout, where a value stands above or below its name.
    """
    wanted = folded(words)
    fits = False
    for item in evidence:
        rows, rest = _DATA_ROW.findall(item.passage.text), folded(_DATA_ROW.sub("", item.passage.text))
        if stands_in(wanted, rest):
            return False
        about = f"{item.source}\n{item.passage.heading}\n{rest}"
        fits |= any(stands_in(wanted, folded(row)) and not missing_names(question, [about, row]) for row in rows)
    return not fits


def as_it_stands(words: str, evidence: Sequence[Evidence]) -> str:
    """The words as a passage has them, or else the longest run of most of them that stands in one.

    A small model lists with commas where the passage says "and", and puts words of two passages together: "Slovenian
    cyclist" of one, the name of the other.
    """
    raw = [f"{item.passage.heading}\n{item.passage.text}" for item in evidence]
    texts = [folded(text) for text in raw]
    if any(stands_in(folded(words), text) for text in texts):
        return words
    listed = _listed(words, raw)
    if listed:
        return listed
    tokens = words.split()
    least = _MOST * len(content_words(words))
    for size in range(len(tokens), 0, -1):
        for start in range(len(tokens) - size + 1):
            run = " ".join(tokens[start : start + size]).strip(" ,;:")
            if len(content_words(run)) >= least and any(stands_in(folded(run), text) for text in texts):
                return run
    return words


def _listed(words: str, texts: Sequence[str]) -> str:
    """The same words in the same order in one of the texts, other signs and small words of a list between them."""
    tokens = [token for token in re.findall(r"\w+", words) if token.casefold() not in _BETWEEN]
    if len(tokens) < _LEAST_LISTED:
        return ""
    gap = rf"[^\w.!?]+(?:(?:{'|'.join(_BETWEEN)})[^\w.!?]+)*"
    pattern = re.compile(rf"\b{gap.join(map(re.escape, tokens))}\b", re.IGNORECASE)
    return next((found.group() for found in map(pattern.search, texts) if found), "")


def place_of(words: str, question: str, evidence: Sequence[Evidence]) -> Evidence | None:
    """The passage in which these words stand; of several, the one that has most to do with the question."""
    wanted = folded(words)
    holding = [item for item in evidence if stands_in(wanted, folded(f"{item.passage.heading}\n{item.passage.text}"))]
    return max(holding, key=lambda item: coverage(question, [item.passage.text]), default=None)


def _words(text: str) -> str:
    try:
        return strip_marks(str(json.loads(text)["answer"])).strip()
    except (json.JSONDecodeError, KeyError, TypeError):
        cut = re.search(rf'{_ANSWER_BEGINS}((?:[^"\\]|\\.)*)', text)
        return cut.group(1).strip() if cut else ""


def _none_probability(tokens: Sequence[Mapping[str, Any]], *, said: str) -> float | None:
    """At the first token of the answer: what "none", or its beginning, gets.

    "Netherlands" begins with the token "N": what begins the words that were said does not begin "none".
    """
    before = ""
    for token in tokens:
        if re.search(rf"{_ANSWER_BEGINS}$", before):
            likely = [(str(item["token"]), float(item["logprob"])) for item in token.get("top_logprobs", [])]
            chosen = str(token.get("token", "")) if said else None
            likely_none = (p for text, p in likely if text != chosen and _begins_none(text))
            return min(1.0, sum(map(math.exp, likely_none))) if likely else None
        before += str(token.get("token", ""))
    return None


def _least_likely(tokens: Sequence[Mapping[str, Any]]) -> float:
    """The probability of the token of the answer that the model was least sure of."""
    before, least = "", 1.0
    for token in tokens:
        text = str(token.get("token", ""))
        if re.search(_ANSWER_BEGINS, before):
            if '"' in text and before[-1] != "\\":
                break
            least = min(least, math.exp(float(token.get("logprob", 0.0))))
        before += text
    return least


def _begins_none(token: str) -> bool:
    bare = token.strip()
    return bare == '"' or bare.rstrip('"').casefold() in ("n", "no", "non", "none")
