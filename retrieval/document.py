"""What a parser makes of a file: pages of text with exact positions.

Offsets are Python string offsets (code points) into `Page.text`. A page's text never changes after it is stored: a
changed file is a new version with new pages.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["DocumentInfo", "Heading", "Page", "ParsedDocument", "WordBox"]


@dataclass(frozen=True, kw_only=True, slots=True)
class WordBox:
    """Where characters `start:end` of a page's text stand on its picture.

    Coordinates are fractions of the page's width and height, 0..1, origin at the top left.
    """

    start: int
    end: int
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """Characters `start:end` of a page's text are a heading; level 1 is the highest."""

    start: int
    end: int
    level: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One page, slide, sheet, or the whole of a format that has no pages."""

    number: int  # from 1
    text: str
    label: str = ""  # what a person calls it: "page 3", "sheet Sales", "slide 2"; empty where the document has one page
    source: Literal["text", "ocr"] = "text"
    words: tuple[WordBox, ...] = ()  # only where the picture cannot give them again (OCR); a PDF's come from the PDF
    headings: tuple[Heading, ...] = ()  # in order, not overlapping


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedDocument:
    """A file's readable content."""

    kind: str  # "pdf", "docx", "xlsx", ... by content, not by extension
    title: str
    pages: tuple[Page, ...]
    warnings: tuple[str, ...] = ()  # one sentence each, shown next to the file: "Page 4 is a scan and OCR is off."
    metadata: dict[str, str] = field(default_factory=dict)  # author, date, subject: short strings only


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentInfo:
    """One document of the library, as lists show it."""

    id: int
    name: str  # file name, safe to show
    path: str  # where it was read from; "" for an upload
    digest: str  # SHA-256 of the file, hex
    kind: str
    title: str
    size_bytes: int
    pages: int
    passages: int
    added_at: str  # RFC 3339, UTC
    warnings: tuple[str, ...] = ()
