"""Citations checked by code: does a passage that was given say what the sentence says?

It covers: invented numbers of sources (removed), sentences whose figures or names are in no passage (unsupported),
sentences that deny or reverse the place they lean on (unsupported), missing or misplaced marks (set to the passage that
supports the sentence best). It does not understand meaning: a sentence that turns it round in other words passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from agent.contrast import denies, reverses
from agent.evidence import Evidence
from agent.words import QUESTION_WORDS, content_words, folded, stands_in, word_set

__all__ = [
    "Checked",
    "CheckedSentence",
    "best_span",
    "check_answer",
    "coverage",
    "sentences",
    "strip_marks",
    "support",
]

SUPPORT_THRESHOLD = 0.5  # share of a sentence's content words that its passage must hold
_FEW = 3  # words that carry meaning: a title, or the number of a page, tells nobody anything
_SCRAP = 0.5  # what such a piece loses against a sentence
_HELD = 1000  # more than any number of shared words
_WRAPPED = 20  # characters of a line after which a small letter goes on
_FULL_LINE = 60  # and after which a capital one may: a name can begin the next line
_PROSE = re.compile(r"(?!\d+[.)]\s)[\"'“‘(]?\w")
_MARK = re.compile(r"\s*\[\s*(\d{1,4}(?:\s*[,;]\s*\d{1,4})*)\s*\]")
_SENTENCE_END = re.compile(
    r"(?<=[.!?…。！？])[\"'”’)\]]*(?:\s*\[[\d ,;]+\])*\s+(?=[\"'“‘(\[]?[^\W\d_a-z]|[\"'“]?\d)|\n+"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|Nr|vs|etc|e\.g|i\.e|approx|Inc|Ltd|Co|Jr|Sr|Fig|al|p|pp|ca|cf|vol|art)|\b[A-Z])\.$"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedSentence:
    """One sentence of an answer and where it is from."""

    text: str  # without marks
    numbers: tuple[int, ...]  # sources that support it; empty when unsupported
    support: float  # 0..1, of the best source


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """An answer after the check."""

    text: str  # marks set by code: every [n] was given to the model and supports its sentence
    sentences: tuple[CheckedSentence, ...]

    @property
    def supported(self) -> bool:
        """Whether any sentence is borne out by a passage."""
        return any(sentence.numbers for sentence in self.sentences)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Every source that is cited, in the order of appearance."""
        return tuple(dict.fromkeys(n for sentence in self.sentences for n in sentence.numbers))


def strip_marks(text: str) -> str:
    """The text without its [n] marks."""
    return _MARK.sub("", text)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if match.group() == "\n" and _goes_on(text, match.start()):
            continue
        piece = text[start : match.end()]
        if _ABBREVIATION.search(strip_marks(piece).rstrip()) and "\n" not in match.group():
            continue
        yield start, match.end()
        start = match.end()
    if start < len(text):
        yield start, len(text)


def _goes_on(text: str, newline: int) -> bool:
    """Whether a line break only wraps a sentence, as on a page of a PDF, and ends no line of a list, table or title."""
    before = text[text.rfind("\n", 0, newline) + 1 : newline].rstrip()
    after = text[newline + 1 :].partition("\n")[0]
    if not before or before[-1] in ".!?…:;|" or "|" in before or "|" in after or not _PROSE.match(after):
        return False
    small = after.lstrip("\"'“‘(")[:1].islower() or before.endswith(",")
    return len(before) >= (_WRAPPED if small else _FULL_LINE)


def sentences(text: str) -> list[str]:
    """Split into sentences; marks stay with the sentence they follow.

    Example:
        >>> sentences("Dr. May left [1]. She took 3.5 boxes.[2] Why?")
        ['Dr. May left [1].', 'She took 3.5 boxes.[2]', 'Why?']
    """
    return [text[start:end].strip() for start, end in _spans(text) if text[start:end].strip()]


def coverage(question: str, passages: Iterable[str]) -> float:
    """The largest share of a question's content words that one passage holds, 0..1; 1 where it asks nothing by words.

    A passage about something else shares few words with the question. Synonyms count as missing, so this is a hint,
    to be weighed with what the model thinks.
    """
    asked = {word for word in content_words(question) if word not in QUESTION_WORDS}
    if not asked:
        return 1.0
    return max((len(asked & word_set(text)) / len(asked) for text in passages), default=0.0)


def _has_digit(word: str) -> bool:
    return any(character.isdigit() for character in word)


def support(sentence: str, passage: str, question: str = "") -> float:
    """How far a passage bears a sentence out, 0..1.

    Words that the question already holds count half: repeating the question proves little. A figure that is neither in
    the passage nor in the question makes it 0.
    """
    words = content_words(sentence)
    if not words:
        return 0.0
    there = word_set(passage)
    asked = word_set(question)
    got = total = 0.0
    for word in words:
        weight = 0.5 if word in asked else 1.0
        total += weight
        if word in there:
            got += weight
        elif _has_digit(word) and word not in asked and not _number_inside(word, passage):
            return 0.0
    return got / total


def _number_inside(word: str, passage: str) -> bool:
    bare = re.sub(r"[^\d]", "", word)
    return (
        bool(bare)
        and re.search(rf"(?<!\d){bare}(?!\d)", re.sub(r"(?<=\d)[,\u202f\u00a0'’ ](?=\d{{3}}\b)", "", passage))
        is not None
    )


def best_span(sentence: str, passage: str, words: str = "") -> tuple[int, int]:
    """The piece of a passage that a sentence leans on most: offsets `start, end` into the passage's text.

    Args:
        words: Of the answer: where some pieces hold them, only these count.
    """
    wanted = set(content_words(sentence))
    copied = folded(words)
    best, span, cursor = -1.0, (0, len(passage)), 0
    for piece in sentences(passage):
        start = passage.find(piece, cursor)
        if start < 0:
            continue
        cursor = start + len(piece)
        held = content_words(piece)
        score = len(wanted & set(held)) - 0.01 * len(held) + (_HELD if stands_in(copied, folded(piece)) else 0)
        score -= _SCRAP if len(held) < _FEW else 0
        if score > best:
            best, span = score, (start, cursor)
    return span


def check_answer(
    text: str, evidence: Sequence[Evidence], question: str = "", *, words: str = "", complete: bool = True
) -> Checked:
    """Set every mark by code; see the module's docstring for what that covers.

    Args:
        text: What the model wrote, with or without marks of its own.
        evidence: What it was given.
        question: What was asked.
        words: The fewest words that are the answer: a sentence that holds them cites a passage that does, too.
        complete: False while the text is still being written: the last sentence then gets no mark yet.
    """
    given = {item.n: item for item in evidence}
    checked: list[CheckedSentence] = []
    out: list[str] = []
    spans = list(_spans(text))
    for number, (start, end) in enumerate(spans):
        raw = text[start:end]
        bare = strip_marks(raw).rstrip()
        gap = raw[len(raw.rstrip()) :]
        if not bare.strip() or (not complete and number == len(spans) - 1):
            out.append(strip_marks(raw))
            continue
        claimed = [n for n in _claimed(raw) if n in given]
        sentence = _check_sentence(bare.strip(), claimed, given.values(), question)
        sentence = _with_their_place(sentence, folded(words), given.values())
        checked.append(sentence)
        out.append(bare + "".join(f" [{n}]" for n in sentence.numbers) + gap)
    return Checked(text="".join(out).strip() if complete else "".join(out), sentences=tuple(checked))


def _claimed(raw: str) -> list[int]:
    return [int(n) for group in _MARK.findall(raw) for n in re.findall(r"\d+", group)]


def _contradicts(sentence: str, passage: str) -> bool:
    """Whether it denies a passage that denies nothing, or reverses the place it leans on."""
    start, end = best_span(sentence, passage)
    return denies(sentence, passage) or (reverses(sentence, passage[start:end]) and reverses(sentence, passage))


def _bears_out(sentence: str, passage: str, question: str) -> float:
    score = support(sentence, passage, question)
    return 0.0 if score >= SUPPORT_THRESHOLD and _contradicts(sentence, passage) else score


def _with_their_place(sentence: CheckedSentence, words: str, evidence: Iterable[Evidence]) -> CheckedSentence:
    """Its sources, and one in which the words stand: of two steps the second bears out the fewest of a sentence."""
    if not sentence.numbers or not stands_in(words, folded(sentence.text)):
        return sentence
    holding = [item for item in evidence if stands_in(words, folded(f"{item.passage.heading}\n{item.passage.text}"))]
    if not holding or any(item.n in sentence.numbers for item in holding):
        return sentence
    best = max(holding, key=lambda item: support(sentence.text, item.passage.text))
    return replace(sentence, numbers=(*sentence.numbers, best.n))


def _check_sentence(bare: str, claimed: list[int], evidence: Iterable[Evidence], question: str) -> CheckedSentence:
    scores = {item.n: _bears_out(bare, f"{item.passage.heading}\n{item.passage.text}", question) for item in evidence}
    if not scores:
        return CheckedSentence(text=bare, numbers=(), support=0.0)
    best = max(scores, key=lambda n: (scores[n], n in claimed))
    # The model's own choice stands unless another passage bears the sentence out clearly better.
    kept = [n for n in dict.fromkeys(claimed) if scores[n] >= SUPPORT_THRESHOLD and scores[n] >= scores[best] - 0.15]
    # Unasked, it gets what bears it out best; where two say it equally well, both.
    level = [n for n in scores if scores[n] >= scores[best] - 1e-9][:2]
    numbers = tuple(kept) or (tuple(level) if scores[best] >= SUPPORT_THRESHOLD else ())
    return CheckedSentence(text=bare, numbers=numbers, support=scores[best])
