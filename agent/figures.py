"""Figures bound to what they count, by code: of "20,000 bottles, 10,000 blankets" a small model takes the first.

Covers "how many THINGS": a figure that stands before its thing in a sentence, or in the column of its thing in the row
of a table. Where two different figures fit equally well it says nothing, and the model's choice stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.cells import Cell
from agent.evidence import Evidence
from agent.grounding import coverage, sentences
from agent.mismatch import TABLE_ROW, missing_names, of_another_year
from agent.reading import Reading
from agent.words import content_words, folded

__all__ = ["Figure", "counted_things", "figure_for", "with_figure"]

_SURE = 0.02  # the probability of none that is left where code finds the very figure, or cell

_AFTER_THINGS = (
    "is|are|was|were|do|does|did|have|has|had|can|could|will|would|shall|should|may|might|must"
    "|in|on|at|of|per|by|for|to|there|the"
    "|came|went|got|made|took|sold|won|lost|bought|left|paid|held|gave|come|go|get|live|work"
)
_HOW_MANY = re.compile(
    rf"\bhow many\s+((?:[^\W\d_][\w'’-]*\s+){{0,4}}?)(?=(?:{_AFTER_THINGS})\b|[^\W\d_]+ed\b|\?|$)", re.IGNORECASE
)
_FIGURE = r"\d+(?:[.,\u202f\u00a0'’]\d+)*"
_BEFORE = re.compile(rf"(?<![\w.,-])({_FIGURE})((?:\s+(?:and\s+)?[^\W\d_][\w'’-]*){{1,4}})")
_CELL = re.compile(rf"([^|:\n]{{1,60}}):\s*({_FIGURE})\s*(?=\||$)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A figure as it stands in a passage."""

    text: str
    evidence: Evidence
    fit: float  # share of the question's words that its line and headings hold, 0..1


def figure_for(question: str, evidence: Sequence[Evidence]) -> Figure | None:
    """The figure that a "how many" question asks for; None where it asks otherwise or the passages leave it open.

    A line that lacks one of the question's names does not count.
    """
    things = counted_things(question)
    if not things:
        return None
    found = sorted(_figures(question, things, evidence), key=lambda figure: -figure.fit)
    if not found:
        return None
    rivals = {folded(other.text) for other in found if other.fit >= found[0].fit - 1e-9}
    return found[0] if len(rivals) == 1 else None


def with_figure(reading: Reading, figure: Figure | Cell | None) -> Reading:
    """What was read, put right where code found another figure, or the cell; and surer where it found the same."""
    if figure is None:
        return reading
    same = re.search(rf"(?<![\w.,]){re.escape(folded(figure.text))}(?![\w]|[.,]\d)", folded(reading.words))
    return Reading(words=reading.words if same else figure.text, none=min(reading.none, _SURE))


def counted_things(question: str) -> list[str]:
    """What is counted, as folded words.

    Example:
        >>> counted_things("How many blankets were delivered?"), counted_things("Who came?")
        (['blanket'], [])
    """
    asked = _HOW_MANY.search(question)
    return content_words(asked.group(1)) if asked else []


def _figures(question: str, things: list[str], evidence: Sequence[Evidence]) -> Iterator[Figure]:
    for item in evidence:
        about = f"{item.passage.document_name}\n{item.passage.heading}\n{item.passage.text.splitlines()[0]}"
        for line in _lines(item.passage.text):
            texts = [f"{about}\n{line}"]
            if missing_names(question, texts) or of_another_year(question, line):  # a file's name may hold the year
                continue
            fit = coverage(question, texts)
            for text in _in_line(things, line):
                yield Figure(text=text, evidence=item, fit=fit)


def _lines(text: str) -> list[str]:
    """Rows of tables, and sentences, whose lines are joined."""
    prose = re.sub(r"(?<!\n)\n(?!\n)", " ", TABLE_ROW.sub("\n\n", text))
    return [*TABLE_ROW.findall(text), *sentences(prose)]


def _in_line(things: list[str], line: str) -> Iterator[str]:
    for cell in _CELL.finditer(line):
        if set(things) <= set(content_words(cell.group(1))):
            yield cell.group(2)
    for match in _BEFORE.finditer(line):
        after = content_words(match.group(2))
        if after[: len(things)] == things or (after and after[-1:] == things[-1:] and set(things) <= set(after)):
            yield match.group(1)
