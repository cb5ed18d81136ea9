"""Markdown: kept as it is written; its headings are found by their marks."""

from __future__ import annotations

from collections.abc import Iterator

from retrieval.document import Page
from retrieval.headings import markdown_headings
from retrieval.parsing.plain import read_text
from retrieval.parsing.source import Source
from retrieval.parsing.writer import flow_pages

__all__ = ["parse"]


def parse(source: Source) -> Iterator[Page]:
    """The file's text, cut into pages where it is long. The title is the first heading of the highest level."""
    text = read_text(source)
    headings = markdown_headings(text)
    if headings:
        top = min(headings, key=lambda heading: (heading.level, heading.start))
        source.title = text[top.start : top.end][:200]
    yield from flow_pages(text, headings)
