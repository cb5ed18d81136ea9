"""Headings that a text shows by its form alone: Markdown marks, numbers, capitals, underlines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from retrieval.document import Heading

__all__ = ["markdown_headings", "plain_headings"]

_ATX = re.compile(r"^ {0,3}(#{1,6})[ \t]+(\S[^\n]*)$", re.M)
_SETEXT = re.compile(r"^ {0,3}(\S[^\n]{0,200})\n {0,3}(=+|-{2,})[ \t]*$", re.M)
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)", re.M)
# A short line of its own: after a blank line (or the start), before a blank line or the end.
_NUMBERED = re.compile(
    r"(?:\A|\n[ \t]*\n)[ \t]*((?:(?:chapter|section|part|article|appendix)[ \t]+)?"
    r"(\d{1,3}(?:\.\d{1,3}){0,5}|[IVXLC]{1,7})[.):]?[ \t]+[^\W\d_][^\n]{0,90}?)[ \t]*(?=\n[ \t]*(?:\n|\Z)|\Z)",
    re.I,
)
_CAPITALS = re.compile(
    r"(?:\A|\n[ \t]*\n)[ \t]*([A-ZÀ-ÖØ-Þ][A-ZÀ-ÖØ-Þ0-9 ,&'’()/:-]{3,70})[ \t]*(?=\n[ \t]*(?:\n|\Z)|\Z)"
)


def markdown_headings(text: str) -> tuple[Heading, ...]:
    """`# Heading` and underlined headings, outside fenced code. A heading's span is its words, without the marks."""
    fences = _fenced(text)
    found = {}
    for match in _ATX.finditer(text):
        if not _inside(match.start(), fences):
            words = match.group(2).rstrip()
            bare = words.rstrip("#")  # closing marks, where a space parts them from the words
            words = bare.rstrip() if bare[-1:] in {" ", "\t"} else words
            end = match.start(2) + len(words)
            found[match.start()] = Heading(start=match.start(2), end=end, level=len(match.group(1)))
    for match in _SETEXT.finditer(text):
        if match.start() not in found and not _inside(match.start(), fences) and "|" not in match.group(1):
            level = 1 if match.group(2)[0] == "=" else 2
            found[match.start()] = Heading(start=match.start(1), end=match.end(1), level=level)
    return tuple(found[start] for start in sorted(found))


def plain_headings(text: str) -> tuple[Heading, ...]:
    """Numbered headings ("2.1 Payment"), lines in capitals, and underlined lines; only lines that stand alone."""
    found = {}
    for match in _NUMBERED.finditer(text):
        if match.group(1)[-1] not in ".,;":
            level = match.group(2).count(".") + 1 if match.group(2)[0].isdigit() else 1
            found[match.start(1)] = Heading(start=match.start(1), end=match.end(1), level=level)
    for match in _CAPITALS.finditer(text):
        if sum(map(str.isalpha, match.group(1))) >= 4:
            found.setdefault(match.start(1), Heading(start=match.start(1), end=match.end(1), level=1))
    for match in _SETEXT.finditer(text):
        if len(match.group(2)) >= 3 and "|" not in match.group(1):
            level = 1 if match.group(2)[0] == "=" else 2
            found.setdefault(match.start(1), Heading(start=match.start(1), end=match.end(1), level=level))
    return tuple(_apart(found[start] for start in sorted(found)))


def _apart(headings: Iterator[Heading]) -> Iterator[Heading]:
    end = -1
    for heading in headings:
        if heading.start >= end:
            yield heading
            end = heading.end


def _fenced(text: str) -> list[tuple[int, int]]:
    """Spans of fenced code; one that is never closed runs to the end."""
    spans: list[tuple[int, int]] = []
    opened: tuple[int, str] | None = None
    for match in _FENCE.finditer(text):
        mark = match.group(1)
        if opened is None:
            opened = (match.start(), mark)
        elif mark[0] == opened[1][0] and len(mark) >= len(opened[1]):
            spans.append((opened[0], match.end()))
            opened = None
    if opened is not None:
        spans.append((opened[0], len(text)))
    return spans


def _inside(position: int, spans: list[tuple[int, int]]) -> bool:
    return any(start <= position < end for start, end in spans)
