"""A passage: a piece of a document with exact positions; a hit: a passage that a search found."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Hit", "Passage", "Place"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """Characters `start:end` of one page. `text == page.text[start:end]`, always."""

    id: int  # the row in SQLite and the id in FAISS
    document_id: int
    document_name: str
    page: int
    page_label: str
    start: int
    end: int
    text: str
    heading: str  # the section headings above it, joined by " > ": context for the model, not part of the text
    digest: str  # SHA-256 of heading + text, hex: the same piece embeds once


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where something stands."""

    document_id: int
    document_name: str
    page: int
    page_label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A passage with the scores that ranked it; larger is better."""

    passage: Passage
    score: float  # fused, what the order follows
    dense: float  # cosine, -1..1
    lexical: float  # BM25, 0 where no term matched
    also: tuple[Place, ...] = ()  # where the same stands once more
