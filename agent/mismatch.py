"""Whether the place of an answer speaks of what the question speaks of, by code.

A small model that finds words of the right kind near the question's words copies them, also where the question was
turned round ("did *not* support"), says the opposite ("a *decreasing* plurality"), is about somebody else or asks for
something else of the same thing. These are seen here: a negation that the place lacks, the opposite of one of its
words, a name or year that does not stand near it, and the share of the question's words that its sentence lacks. They
are signs, not proof: `agent.doubt` weighs them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.contrast import denies, reverses
from agent.evidence import Evidence
from agent.grounding import coverage, sentences
from agent.names import names_in
from agent.words import QUESTION_WORDS, content_words, folded, word_set

__all__ = ["TABLE_ROW", "Mismatch", "lacking", "mismatch", "missing_names", "of_another_year"]

TABLE_ROW = re.compile(r"^.*\S \| \S.*$", re.MULTILINE)
_NEAR_CHARS = 200  # of text on either side of the sentence; at least one sentence
_ALIKE = 0.8  # similarity from which a name counts as misspelt, not as another
_STEM = 5
_SENTENCE_WORDS = 6  # that carry meaning; less is a line of a form, a date over a text, a caption
_BEGINNING = 4  # letters that two forms of a word share: "announced" and "announcement"
_NAME = re.compile(r"(?<![.!?:]\s)(?<!^)(?<![\"“‘(])\b(?:[^\W\d_a-z]\w+(?:[-'’.]\w+)*|[12]\d{3})\b")
_YEAR = re.compile(r"(?<![\d.,-])[12]\d{3}(?![\d,]|\.\d)")
_CAPITALS = re.compile(r"\b[^\W\d_a-z][\w'’-]*(?:\s+(?:(?:of|the|and|for|von|der|des|und)\s+)*[^\W\d_a-z][\w'’-]*)+")
_DATES = frozenset(
    content_words(
        "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August "
        "September October November December"
    )
)  # documents shorten them, or write them as figures


@dataclass(frozen=True, kw_only=True, slots=True)
class Mismatch:
    """What a question says and the place of its answer does not."""

    negated: bool = False
    opposite: bool = False
    strangers: frozenset[str] = frozenset()  # names and years, folded
    apart: float = 0.0  # share of the question's words that the sentence, its headings and the file's name lack, 0..1


def mismatch(question: str, words: str, place: Evidence, beside: Iterable[str] = ()) -> Mismatch:
    """Hold a question against the sentence in which these words stand, and what is around it.

    Args:
        words: "" takes the sentence that has most to do with the question.
        beside: Texts that lead to that place, where the question is answered in two steps: names may stand there.
    """
    sentence, around = _neighbourhood(question, words, place)
    leads = "\n".join(beside)
    around = f"{around}\n{leads}"
    # A row is read with its table's words, a line of a form or a caption with what stands about it.
    no_sentence = TABLE_ROW.search(sentence) or len(content_words(sentence)) < _SENTENCE_WORDS
    close = around if no_sentence else f"{_about(place)}\n{sentence}\n{leads}"
    return Mismatch(
        negated=denies(question, sentence),
        opposite=reverses(question, sentence),
        strangers=frozenset(_strangers(question, around) | _other_years(question, sentence)),
        apart=_apart(question, close, around),
    )


def of_another_year(question: str, sentence: str) -> bool:
    """Whether a sentence gives years, and none of the question's.

    Example:
        >>> of_another_year("How many came in 2024?", "18,432 people came in 2023.")
        True
        >>> of_another_year("How many came in 2024?", "More came in 2024 than in 2023.")
        False
    """
    asked, given = set(_YEAR.findall(question)), set(_YEAR.findall(sentence))
    return bool(asked and given) and asked.isdisjoint(given)


def missing_names(question: str, texts: Sequence[str]) -> float:
    """The share of a question's names and years that stand in none of the texts, 0..1; 0 where it has none.

    A name is a word with a capital letter that does not begin a sentence. Who asks about the Canadiens is not answered
    by a table of other teams.
    """
    names = _names(question)
    if not names:
        return 0.0
    there = set[str]().union(*(word_set(text) for text in texts))
    return len(names - there) / len(names)


def _names(question: str) -> set[str]:
    return {one for word in _NAME.findall(question) for one in content_words(word)} - QUESTION_WORDS - _DATES


def _neighbourhood(question: str, words: str, place: Evidence) -> tuple[str, str]:
    """The sentence that holds the words, and what is read with it: its neighbours, headings, the document's name."""
    pieces, wanted = sentences(place.passage.text), folded(words)
    holding = [n for n, piece in enumerate(pieces) if wanted in folded(piece)]
    about = _about(place)
    # Retold words, or none: then the sentence that has most to do with the question and them.
    sought = question if holding else f"{question} {words}"
    n = max(holding or range(len(pieces)), key=lambda n: coverage(sought, [pieces[n]]))
    if TABLE_ROW.search(pieces[n]):  # a row is read with the whole table's words
        return pieces[n], f"{about}\n{place.passage.text}"
    first, last = _reach(pieces, n, -1), _reach(pieces, n, 1)
    return pieces[n], "\n".join([about, *pieces[first : last + 1]])


def _about(place: Evidence) -> str:
    return f"{place.source}\n{place.passage.heading}"


def _apart(question: str, text: str, around: str) -> float:
    """The share of the question's content words that do not stand in the text, in no other form either.

    Names and years may stand around it: who is spoken of is seldom named in every sentence.
    """
    asked = set(content_words(question)) - QUESTION_WORDS
    missing = lacking(asked, text)
    missing -= (missing & _names(question)) - lacking(asked, around)
    return len(missing) / (len(asked) + 1) if asked else 0.0


def lacking(asked: set[str], text: str) -> set[str]:
    """The folded words that do not stand in a text, in no other form either."""
    there = word_set(text)
    begun = {word[:_BEGINNING] for word in there if len(word) >= _BEGINNING}
    return {word for word in asked - there if word[:_BEGINNING] not in begun}


def _reach(pieces: Sequence[str], n: int, step: int) -> int:
    """The farthest sentence that is read with the n-th in this direction."""
    reached, characters = n, 0
    while 0 <= reached + step < len(pieces):
        characters += len(pieces[reached + step])
        if reached != n and characters > _NEAR_CHARS:
            break
        reached += step
    return reached


def _other_years(question: str, sentence: str) -> set[str]:
    """The question's years where the sentence is about others; what stands around it may well hold both."""
    return set(_YEAR.findall(question)) if of_another_year(question, sentence) else set()


def _strangers(question: str, text: str) -> set[str]:
    """Names and years of the question that do not stand in the text, not shortened and not misspelt either.

    A word of a longer name of which most stands there is none: the Golden Globe Awards are the Golden Globes.
    """
    words, short = word_set(text), _initials(text)
    missing = {name for name in _names(question) if not _stands(name, words) and name not in short}
    for phrase in names_in(question):
        parts = {part for part in content_words(phrase) if not part.isdigit()}  # a year stands for itself
        if 2 * len(parts & missing) < len(parts):
            missing -= parts
    return missing


def _stands(name: str, words: frozenset[str]) -> bool:
    if name in words:
        return True
    if any(character.isdigit() for character in name):
        return False
    if len(name) < _STEM:
        return False
    return any(word[:_STEM] == name[:_STEM] for word in words) or bool(
        difflib.get_close_matches(name, words, n=1, cutoff=_ALIKE)
    )


def _initials(text: str) -> set[str]:
    """The short forms that a text's names may have.

    Example:
        >>> sorted(_initials("The Court of Justice of the European Union met."))
        ['cjeu', 'tcjeu']
    """
    found = set()
    for name in _CAPITALS.findall(text):
        letters = "".join(word[0] for word in name.split() if word[0].isupper()).casefold()
        found |= {letters, letters[1:]} if len(letters) > 2 else {letters}
    return found
