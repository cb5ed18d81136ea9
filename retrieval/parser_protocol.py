"""What the parser process and its owner say to each other: one JSON object a line, ASCII, on two pipes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from retrieval.document import Heading, Page, WordBox

__all__ = ["decode_line", "encode_line", "page_from_wire", "page_to_wire"]


def encode_line(message: Mapping[str, Any]) -> bytes:
    """One message; line ends inside texts are escaped by JSON."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def decode_line(line: bytes) -> dict[str, Any]:
    """Raises: ValueError: Not a JSON object."""
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("not an object")
    return message


def page_to_wire(page: Page) -> dict[str, Any]:
    """A page as plain JSON values."""
    return {
        "number": page.number,
        "text": page.text,
        "label": page.label,
        "source": page.source,
        "words": [[w.start, w.end, round(w.x0, 5), round(w.y0, 5), round(w.x1, 5), round(w.y1, 5)] for w in page.words],
        "headings": [[h.start, h.end, h.level] for h in page.headings],
    }


def page_from_wire(data: Mapping[str, Any]) -> Page:
    """The page again."""
    return Page(
        number=data["number"],
        text=data["text"],
        label=data["label"],
        source=data["source"],
        words=tuple(
            WordBox(start=start, end=end, x0=x0, y0=y0, x1=x1, y1=y1) for start, end, x0, y0, x1, y1 in data["words"]
        ),
        headings=tuple(Heading(start=start, end=end, level=level) for start, end, level in data["headings"]),
    )
