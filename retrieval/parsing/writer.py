"""Writes the text of a page block by block and keeps where its headings are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from retrieval.document import Heading, Page
from retrieval.parsing.cleaning import clean, one_line

__all__ = ["PAGE_CHARS", "PageWriter", "flow_pages"]

PAGE_CHARS = 100_000  # formats without pages are cut at about this length, so that no page is unbounded


class PageWriter:
    """Paragraphs stand apart by a blank line; table rows and list items follow line by line."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._gap = False
        self._headings: list[Heading] = []

    def __len__(self) -> int:
        return self._length

    def heading(self, text: str, level: int) -> None:
        """A heading on a line of its own; level 1 is the highest."""
        text = one_line(text)
        if text:
            start = self._add(text, block=True)
            self._headings.append(Heading(start=start, end=start + len(text), level=max(1, level)))
            self._gap = True

    def paragraph(self, text: str) -> None:
        """A block of its own; line breaks inside it are kept."""
        self._add(clean(text).strip("\n"), block=True)
        self._gap = True

    def line(self, text: str) -> None:
        """A line that follows the one before directly (list item, table row)."""
        self._add(clean(text).strip("\n"), block=False)

    def row(self, cells: Sequence[str]) -> None:
        """A table row: one line, cells parted by ` | `; trailing empty cells are left out."""
        texts = [one_line(cell) for cell in cells]
        while texts and not texts[-1]:
            texts.pop()
        if texts:
            self._add(" | ".join(texts), block=False)

    def gap(self) -> None:
        """What comes next starts a new block."""
        self._gap = True

    @property
    def text(self) -> str:
        """What was written so far."""
        return "".join(self._parts)

    @property
    def headings(self) -> tuple[Heading, ...]:
        """Where the headings are."""
        return tuple(self._headings)

    def page(self, number: int, label: str = "") -> Page:
        """The page as written."""
        return Page(number=number, text=self.text, label=label, headings=self.headings)

    def _add(self, text: str, *, block: bool) -> int:
        if not text.strip():
            return self._length
        separator = "" if not self._parts else "\n\n" if block or self._gap else "\n"
        self._gap = False
        self._parts += [separator, text]
        start = self._length + len(separator)
        self._length = start + len(text)
        return start


def flow_pages(text: str, headings: Sequence[Heading] = (), *, limit: int = PAGE_CHARS) -> Iterator[Page]:
    """Cut a long flowing text into pages of at most about `limit` characters, at blank lines or line ends.

    No character is lost: the texts of the pages joined are `text`. A text within the limit is one page without a label.
    """
    if len(text) <= limit:
        yield Page(number=1, text=text, headings=tuple(headings))
        return
    start, number, position = 0, 1, 0
    while start < len(text):
        end = _cut(text, start, limit)
        here = []
        while position < len(headings) and headings[position].start < end:
            heading = headings[position]
            here.append(Heading(start=heading.start - start, end=min(heading.end, end) - start, level=heading.level))
            position += 1
        yield Page(number=number, text=text[start:end], label=f"part {number}", headings=tuple(here))
        start, number = end, number + 1


def _cut(text: str, start: int, limit: int) -> int:
    """Where the page that begins at `start` ends: after a blank line, else a line, else a space, else anywhere."""
    if len(text) - start <= limit:
        return len(text)
    for mark in ("\n\n", "\n", " "):
        found = text.rfind(mark, start + limit // 2, start + limit)
        if found >= 0:
            return found + len(mark)
    return start + limit
