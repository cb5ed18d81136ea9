"""The cell where a question's row and column meet, by code: of "Leader | Sarah | Mark | Ryan" a small model takes any.

Covers tables whose cells carry no names of their own: a first line of columns, and lines that begin with what they are
about. Where the question names more than one cell, or words that stand nowhere in the passage, it says nothing.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.evidence import Evidence
from agent.mismatch import TABLE_ROW
from agent.words import QUESTION_WORDS, content_words, folded

__all__ = ["Cell", "cell_for"]

_LEAST_LINES, _LEAST_CELLS = 2, 3
_NAMED = re.compile(r"^[^|:\n]{1,60}: ")  # a cell that says itself what it is
_SHORT = re.compile(
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|april|august|(?:sept|nov|dec)ember|october"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A cell as it stands in a passage."""

    text: str
    evidence: Evidence


def cell_for(question: str, evidence: Sequence[Evidence]) -> Cell | None:
    """The one cell that a question names by its row and its column.

    Example:
        A table "Header row | Mon | Wed" over "Leader | Sarah | Mark" has "Mark" for "Who is the leader on Wednesday?".
    """
    asked = _words(question) - QUESTION_WORDS
    found = [Cell(text=text, evidence=item) for item in evidence for text in _named_by(asked, item)]
    return found[0] if len({folded(cell.text) for cell in found}) == 1 else None


def _named_by(asked: frozenset[str] | set[str], item: Evidence) -> Iterator[str]:
    about = _words(f"{item.source}\n{item.passage.heading}\n{TABLE_ROW.sub('', item.passage.text)}")
    for header, *rows in _tables(item.passage.text):
        for row, column in itertools.product(rows, range(1, len(header))):
            named = asked - about
            side, top = _words(row[0]), _words(header[column])
            if side and top and side <= asked and top <= asked and named <= side | top:
                yield row[column]


def _tables(text: str) -> Iterator[list[list[str]]]:
    """Runs of lines with equally many cells, none of which says itself what it is."""
    lines = [[cell.strip() for cell in line.split("|")] if TABLE_ROW.match(line) else [] for line in text.splitlines()]
    for width, run in itertools.groupby(lines, key=len):
        table = list(run)
        named = any(_NAMED.match(cell) for line in table for cell in line)
        if width >= _LEAST_CELLS and len(table) >= _LEAST_LINES and not named:
            yield table


def _words(text: str) -> set[str]:
    """Content words; the days and months by their first three letters, as tables shorten them."""
    return {
        word[:3] if _SHORT.fullmatch(raw) else word
        for raw in re.findall(r"\w[\w.,'’-]*", text.casefold())
        for word in content_words(raw)
    }
