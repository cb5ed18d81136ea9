"""A sheet of cells as text: every row a line that can be read on its own.

    Visitors by month                       <- a title above the table: a heading
    Month | Visitors 2023 | Visitors 2024   <- the header
    Month: March | Visitors 2023: 412 | Visitors 2024: 538

Rows name their columns, because a passage of a table is read without its header. Where no header is found, rows are
plain cells parted by ` | `.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from retrieval.document import Page
from retrieval.parsing.cleaning import one_line
from retrieval.parsing.writer import PAGE_CHARS, PageWriter

__all__ = ["sheet_pages"]

_LOOK = 30  # rows in which the header is looked for
_NUMBER = re.compile(r"^[-+(]?[$€£¥]?\s?\d[\d.,' ]*\s?[%€$£)]?$|^\d{4}-\d\d-\d\d")
_WIDE = 40  # more columns than this are not named in every row: the line would be mostly names


def sheet_pages(
    rows: Iterable[Sequence[str]], *, first: int, label: str, title: str = "", notes: Sequence[str] = ()
) -> Iterator[Page]:
    """The pages of one sheet (one, unless it is very long; every page of a long one names its columns too).

    Args:
        rows: Cells as text, "" for an empty one.
        first: Number of the first page.
        label: What a person calls the sheet ("sheet Sales").
        title: Written above the rows as a heading, where the sheet has a name worth reading.
        notes: Lines below the rows (comments in cells).
    """
    stream = _trimmed(rows)
    start = list(islice(stream, _LOOK))
    header_at = _header_row(start)
    header = _names(start[header_at]) if header_at is not None else None
    writer = PageWriter()
    if title:
        writer.heading(title, 1)
    for row in start[: header_at or 0]:
        cells = [cell for cell in row if cell]
        if len(cells) == 1 and cells[0] == title:
            continue
        if len(cells) == 1 and len(cells[0]) <= 150:
            writer.heading(cells[0], 2 if title else 1)
        else:
            writer.row(cells)
    writer.gap()
    number = first
    rest = chain(start[header_at if header_at is not None else 0 :], stream)
    for position, row in enumerate(rest):
        if len(writer) > PAGE_CHARS:
            yield writer.page(number, f"{label}, part {number - first + 1}".removeprefix(", "))
            writer, number = PageWriter(), number + 1
        if header is None or position == 0:
            writer.row(row)
        else:
            writer.row(_named(row, header))
    writer.gap()
    for note in notes:
        writer.line(note)
    part = f"{label}, part {number - first + 1}".removeprefix(", ") if number > first else label
    yield writer.page(number, part)


def _trimmed(rows: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    """Rows that hold something, cells on one line."""
    for row in rows:
        cells = [one_line(cell) for cell in row]
        if any(cells):
            yield cells


def _header_row(rows: Sequence[Sequence[str]]) -> int | None:
    """Which row names the columns: the first that is about as wide as those below it and holds words only."""
    if len(rows) < 2:
        return None
    widths = [sum(map(bool, row)) for row in rows]
    usual = max(widths)
    if usual < 2:
        return None
    for position, row in enumerate(rows[:-1]):
        filled = [cell for cell in row if cell]
        if len(filled) < max(2, 0.6 * usual):
            continue
        words = all(not _NUMBER.match(cell) or re.fullmatch(r"(?:19|20)\d\d", cell) for cell in filled)
        named = len(set(filled)) == len(filled) and max(map(len, filled)) <= 80 and any(map(_has_letter, filled))
        return position if words and named and _differs(filled, rows[position + 1 :]) else None
    return None


def _differs(header: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether the rows below look like data under these names: numbers, or cells as short or shorter, never again."""
    cells = [cell for row in below for cell in row if cell]
    return bool(cells) and not set(header) <= set(cells)


def _has_letter(cell: str) -> bool:
    return any(map(str.isalpha, cell))


def _names(row: Sequence[str]) -> list[str]:
    return list(row)


def _named(row: Sequence[str], header: Sequence[str]) -> list[str]:
    """`Header: value` for every filled cell; a cell without a column name stands alone."""
    if sum(map(bool, header)) > _WIDE:
        return list(row)
    named = []
    for position, cell in enumerate(row):
        if cell:
            name = header[position].rstrip(":") if position < len(header) else ""
            named.append(f"{name}: {cell}" if name else cell)
    return named
