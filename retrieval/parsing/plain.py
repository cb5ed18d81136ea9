"""Plain text: any length, cut into pages at line ends; only a few pages are in memory at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator

from retrieval.document import Page
from retrieval.parsing.cleaning import clean
from retrieval.parsing.encoding import find_encoding, note_encoding
from retrieval.parsing.source import Source
from retrieval.parsing.writer import PAGE_CHARS

__all__ = ["parse", "read_text"]


def parse(source: Source) -> Iterator[Page]:
    """Pages of about `PAGE_CHARS` characters that end at a line end; a shorter text is one page.

    Pages of a long text are labelled with their line numbers.
    """
    number, line = 1, 1
    for text, last in _pieces(source):
        lines = text.count("\n") + (0 if text.endswith("\n") else 1)
        label = "" if last and number == 1 else f"lines {line:,} to {line + lines - 1:,}"
        yield Page(number=number, text=text, label=label)
        number, line = number + 1, line + text.count("\n")


def read_text(source: Source) -> str:
    """The whole text, for formats that cannot be cut before they are understood."""
    return "".join(text for text, _ in _pieces(source))


def _pieces(source: Source) -> Iterator[tuple[str, bool]]:
    """(text, is the last one), in order; joined they are the cleaned text."""
    found = find_encoding(source)
    note_encoding(source, found)
    with source.open() as raw, io.TextIOWrapper(raw, encoding=found.name, errors="replace", newline=None) as stream:
        waiting = ""
        while True:
            block = stream.read(PAGE_CHARS)
            if not block:
                yield clean(waiting), True
                return
            waiting += block
            while len(waiting) > PAGE_CHARS:
                end = _cut(waiting)
                yield clean(waiting[:end]), False
                waiting = waiting[end:]


def _cut(text: str) -> int:
    """After the last line end (else space) of the first `PAGE_CHARS` characters, else there."""
    for mark in ("\n", " "):
        found = text.rfind(mark, PAGE_CHARS // 2, PAGE_CHARS)
        if found >= 0:
            return found + 1
    return PAGE_CHARS
