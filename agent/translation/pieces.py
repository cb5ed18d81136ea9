"""A text in pieces that a small model translates whole; each keeps its place in the document, or its source marks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.evidence import estimate_tokens
from agent.grounding import sentences, strip_marks
from agent.translation.parts import Slice

__all__ = ["PIECE_TOKENS", "Piece", "pieces_of_answer", "pieces_of_slices"]

PIECE_TOKENS = 300
_WRAPPED = 40  # characters from which a line that ends without a mark goes on in the next
_OWN_LINE = re.compile(r"\s*(?:[-*•–|#]|\d+[.)]\s)")
_LISTED = re.compile(r"\s*(?:[-*•–]|#+|\d+[.)])\s+")
_HEAD = re.compile(r"(\*\*[^*]+\.\w{1,5}\*\*)(?: in [^:]{1,30})?:?")  # "**lease.pdf** in German:"
_MARKS = re.compile(r"\[(\d{1,4}(?:\s*[,;]\s*\d{1,4})*)\]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """What is translated at once.

    Attributes:
        text: What the model reads.
        place: Where it stands in a document; None where it is from no document.
        marks: Numbers of the sources that stand behind it in an answer.
        before, after: What is kept as it is round the translation: a list mark, a line break.
        kept: It is not to be translated at all: code.
    """

    text: str
    place: Slice | None = None
    marks: tuple[int, ...] = ()
    before: str = ""
    after: str = ""
    kept: bool = False


def pieces_of_slices(slices: Iterable[Slice]) -> list[Piece]:
    """Neighbours on a page together while they fit; a long paragraph is cut at its sentences."""
    joined: list[tuple[Slice, str]] = []  # with what stands behind it
    for one in slices:
        for part, gap in _cut(one):
            last = joined[-1][0] if joined else None
            if last is not None and last.page is part.page and not part.page.text[last.end : part.start].strip():
                both = Slice(page=part.page, start=last.start, end=part.end)
                if estimate_tokens(both.text) <= PIECE_TOKENS:
                    joined[-1] = (both, gap)
                    continue
            joined.append((part, gap))
    return [Piece(text=_flowing(one.text), place=one, after=gap) for one, gap in joined]


def pieces_of_answer(text: str) -> list[Piece]:
    """The sentences of an answer, line by line, cut behind each mark: a mark stays with the sentence that it follows.

    Sentences without a mark go with the next one, so that a point that ends none ("31. Mai") cuts nothing.
    """
    pieces: list[Piece] = []
    in_code = False
    for line in text.splitlines(keepends=True):
        bare, end = line.rstrip("\r\n"), "\n" if line.endswith(("\n", "\r")) else ""
        fence = bare.lstrip().startswith("```")
        head = None if in_code else _HEAD.fullmatch(bare)
        if head or in_code or fence or not bare.strip():
            pieces.append(Piece(text=f"{head.group(1)}:" if head else bare, after=end, kept=True))
            in_code ^= fence
            continue
        listed = _LISTED.match(bare)
        before = listed.group() if listed else ""
        said = _of_line(bare[len(before) :])
        for n, (sentence, marks) in enumerate(said):
            last = n == len(said) - 1
            pieces.append(Piece(
                text=sentence, marks=marks, before=before if n == 0 else "", after=end if last else " "
            ))  # fmt: skip
    return pieces


def _of_line(line: str) -> list[tuple[str, tuple[int, ...]]]:
    found: list[tuple[str, tuple[int, ...]]] = []
    for sentence in sentences(line):
        marks = tuple(int(n) for group in _MARKS.findall(sentence) for n in re.findall(r"\d+", group))
        bare = strip_marks(sentence).strip()
        if found and not found[-1][1] and estimate_tokens(f"{found[-1][0]} {bare}") <= PIECE_TOKENS:
            found[-1] = (f"{found[-1][0]} {bare}", marks)
        elif bare:
            found.append((bare, marks))
    return found


def _cut(one: Slice) -> list[tuple[Slice, str]]:
    """A paragraph whole, or in runs of sentences that fit."""
    if estimate_tokens(one.text) <= PIECE_TOKENS:
        return [(one, "\n\n")]
    runs: list[Slice] = []
    at = one.start
    for sentence in sentences(one.text):
        start = one.page.text.index(sentence, at)
        at = start + len(sentence)
        longer = Slice(page=one.page, start=runs[-1].start if runs else start, end=at)
        if runs and estimate_tokens(longer.text) <= PIECE_TOKENS:
            runs[-1] = longer
        else:
            runs.append(Slice(page=one.page, start=start, end=at))
    return [(run, " ") for run in runs[:-1]] + [(run, "\n\n") for run in runs[-1:]]


def _flowing(text: str) -> str:
    """Without the line ends of a printed page; those of lists, tables and addresses stay."""
    lines: Sequence[str] = [" ".join(line.split()) for line in text.splitlines()]
    flowing: list[str] = []
    for n, line in enumerate(lines):
        goes_on = n > 0 and len(lines[n - 1]) >= _WRAPPED and line and not _OWN_LINE.match(line)
        if goes_on and flowing[-1].endswith("-") and line[:1].islower():
            flowing[-1] = flowing[-1][:-1] + line
        elif goes_on:
            flowing[-1] += f" {line}"
        else:
            flowing.append(line)
    return "\n".join(flowing)
