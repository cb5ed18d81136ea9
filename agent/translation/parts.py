"""Which part of a document a person means: a page, a paragraph, a sentence, by number; and where it stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from agent.grounding import sentences
from retrieval.document import Page

__all__ = ["Part", "Slice", "paragraphs_of", "part_named", "slices_of"]

Kind = Literal["page", "paragraph", "sentence"]
T = TypeVar("T")

_KINDS: dict[str, Kind] = {
    "page": "page", "pages": "page", "slide": "page", "slides": "page", "seite": "page", "seiten": "page",
    "folie": "page", "paragraph": "paragraph", "paragraphs": "paragraph", "absatz": "paragraph",
    "absätze": "paragraph", "abschnitt": "paragraph", "sentence": "sentence", "sentences": "sentence",
    "satz": "sentence", "sätze": "sentence",
}  # fmt: skip
_ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "last": -1, "final": -1, "erst": 1, "zweit": 2, "dritt": 3, "viert": 4, "fünft": 5, "sechst": 6,
    "siebt": 7, "acht": 8, "neunt": 9, "zehnt": 10, "letzt": -1,
}  # fmt: skip
_COUNTS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "ein": 1, "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "sechs": 6, "sieben": 7, "acht": 8, "neun": 9, "zehn": 10,
}  # fmt: skip
_KIND = "|".join(sorted(_KINDS, key=len, reverse=True))
_ORDINAL = rf"(?P<ordinal>\d+(?:st|nd|rd|th|\.)|(?:{'|'.join(_ORDINALS)})(?:e[nmrs]?)?)"
_BY_ORDINAL = re.compile(
    rf"\b{_ORDINAL}\s+(?:(?P<count>\d+|{'|'.join(_COUNTS)})\s+)?(?P<kind>{_KIND})\b", re.IGNORECASE
)
_BY_NUMBER = re.compile(
    rf"\b(?P<kind>{_KIND}|p\.|s\.)\s*(?P<first>\d+)(?:\s*(?:-|–|to|and|bis|und)\s*(?P<last>\d+))?", re.IGNORECASE
)
_HEADING = 80  # characters that a line without an end mark may have and still be no paragraph


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Parts `first` to `last` of a kind, from 1; -1 is the last one, and -2 the one before it."""

    kind: Kind
    first: int
    last: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """Characters `start:end` of a page."""

    page: Page
    start: int
    end: int

    @property
    def text(self) -> str:
        """As it stands there."""
        return self.page.text[self.start : self.end]


def part_named(words: str) -> list[Part]:
    """The parts that a person names, the innermost first.

    Example:
        >>> part_named("the second paragraph on page 3")
        [Part(kind='paragraph', first=2, last=2), Part(kind='page', first=3, last=3)]
        >>> part_named("die letzten zwei Sätze")
        [Part(kind='sentence', first=-2, last=-1)]
    """
    found: dict[Kind, Part] = {}
    for match in _BY_ORDINAL.finditer(words):
        kind, first = _KINDS[match.group("kind").casefold()], _ordinal(match.group("ordinal"))
        many = max(1, _count(match.group("count")))
        ends = (first, first + many - 1) if first > 0 else (-many, -1)
        found.setdefault(kind, Part(kind=kind, first=ends[0], last=ends[1]))
    for match in _BY_NUMBER.finditer(words):
        first = int(match.group("first"))
        kind = _KINDS.get(match.group("kind").casefold(), "page")
        found.setdefault(kind, Part(kind=kind, first=first, last=max(first, int(match.group("last") or first))))
    order: tuple[Kind, ...] = ("sentence", "paragraph", "page")
    return [found[kind] for kind in order if kind in found]


def slices_of(pages: int, page: Callable[[int], Page], parts: Sequence[Part], *, most: int) -> list[Slice]:
    """The paragraphs or sentences that these parts are, in order; empty where the document has no such part.

    Args:
        pages: How many the document has.
        page: Brings one by its number.
        parts: As `part_named` gives them; none: all of the document.
        most: Characters after which no further page is brought where all is wanted.
    """
    within = next((part for part in parts if part.kind == "page"), None)
    numbers = _picked(list(range(1, pages + 1)), within)
    inner = [part for part in parts if part.kind != "page"]
    from_the_end = any(part.first < 0 for part in inner)
    found: list[Slice] = []
    for number in reversed(numbers) if from_the_end else numbers:
        here = paragraphs_of(page(number))
        found = [*here, *found] if from_the_end else [*found, *here]
        enough = sum(one.end - one.start for one in found) > most
        if enough and all(max(part.last, -part.first) <= _bodies(found) for part in inner):
            break
    for part in reversed(inner):
        found = _picked(_counted(found) if part.kind == "paragraph" else _sentences(found), part)
    return found


def paragraphs_of(page: Page) -> list[Slice]:
    """What blank lines part on a page."""
    return [
        Slice(page=page, start=match.start(), end=match.start() + len(match.group().rstrip()))
        for match in re.finditer(r"\S(?:.|\n(?!\s*\n))*", page.text)
    ]


def _counted(slices: Sequence[Slice]) -> list[Slice]:
    """Without headings, which nobody counts as paragraphs."""
    return [one for one in slices if _is_body(one.text)] or list(slices)


def _bodies(slices: Sequence[Slice]) -> int:
    return sum(_is_body(one.text) for one in slices)


def _is_body(text: str) -> bool:
    return len(text) > _HEADING or "\n" in text or text.rstrip()[-1:] in ".!?:;…。"


def _sentences(slices: Sequence[Slice]) -> list[Slice]:
    found: list[Slice] = []
    for one in _counted(slices):
        at = one.start
        for sentence in sentences(one.text):
            at = one.page.text.index(sentence, at)
            found.append(Slice(page=one.page, start=at, end=at + len(sentence)))
            at += len(sentence)
    return found


def _picked(things: list[T], part: Part | None) -> list[T]:
    if part is None:
        return things
    first = part.first - 1 if part.first > 0 else len(things) + part.first
    last = part.last if part.last > 0 else len(things) + part.last + 1
    return things[max(0, first) : max(0, last)]


def _ordinal(word: str) -> int:
    if word[0].isdigit():
        return max(1, int(re.sub(r"\D", "", word)))
    folded = word.casefold()
    return _ORDINALS.get(folded) or _ORDINALS[re.sub(r"e[nmrs]?$", "", folded)]


def _count(word: str | None) -> int:
    return 1 if word is None else int(word) if word.isdigit() else _COUNTS[word.casefold()]
