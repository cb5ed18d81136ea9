"""Rows of the library's tables to the values of `retrieval.document` and `retrieval.passage`, and back."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Row

from retrieval.document import DocumentInfo, Heading, Page, WordBox
from retrieval.passage import Passage

__all__ = ["SLICE", "page_layout", "page_text", "sliced", "to_document", "to_page", "to_passage"]

SLICE = 500  # rows of one IN list, and of one step of purging
_Item = TypeVar("_Item")
_LEVEL = 3  # of zlib: text shrinks to 40 %, at 100 MB/s


def page_text(page: Page) -> bytes:
    """A page's text as it is stored: UTF-8, zlib."""
    return zlib.compress(page.text.encode("utf-8"), _LEVEL)


def page_layout(page: Page) -> bytes | None:
    """Word boxes and headings as they are stored: JSON, zlib; None where there are none."""
    if not page.words and not page.headings:
        return None
    layout = {
        "words": [[w.start, w.end, w.x0, w.y0, w.x1, w.y1] for w in page.words],
        "headings": [[h.start, h.end, h.level] for h in page.headings],
    }
    return zlib.compress(json.dumps(layout, separators=(",", ":")).encode("ascii"), _LEVEL)


def to_page(row: Row[Any]) -> Page:
    """A row of `pages`."""
    layout = json.loads(zlib.decompress(row.layout)) if row.layout is not None else {"words": [], "headings": []}
    return Page(
        number=row.number,
        text=zlib.decompress(row.text).decode("utf-8"),
        label=row.label,
        source=row.source,
        words=tuple(
            WordBox(start=start, end=end, x0=x0, y0=y0, x1=x1, y1=y1) for start, end, x0, y0, x1, y1 in layout["words"]
        ),
        headings=tuple(Heading(start=start, end=end, level=level) for start, end, level in layout["headings"]),
    )


def to_document(row: Row[Any]) -> DocumentInfo:
    """A row of `documents`."""
    return DocumentInfo(
        id=row.id,
        name=row.name,
        path=row.path,
        digest=row.digest,
        kind=row.kind,
        title=row.title,
        size_bytes=row.size_bytes,
        pages=row.pages,
        passages=row.passages,
        added_at=row.added_at,
        warnings=tuple(json.loads(row.warnings)),
    )


def to_passage(row: Row[Any]) -> Passage:
    """A row of `passages` with `document_name` and `page_label`."""
    return Passage(
        id=row.id,
        document_id=row.document,
        document_name=row.document_name,
        page=row.page,
        page_label=row.page_label,
        start=row.start,
        end=row.end,
        text=row.text,
        heading=row.heading,
        digest=row.digest.hex(),
    )


def sliced(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    """In runs of at most `SLICE`."""
    for start in range(0, len(items), SLICE):
        yield items[start : start + SLICE]
