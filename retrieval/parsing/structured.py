"""JSON and JSON lines: the text as written where it has lines, else laid out with one value a line.

Nothing is decoded and encoded again, so numbers, duplicate keys and escapes stay as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from retrieval.document import Page
from retrieval.parsing.plain import read_text
from retrieval.parsing.source import Source
from retrieval.parsing.writer import flow_pages

__all__ = ["lay_out", "parse"]

_LONG_LINE = 2000
_DEEPEST = 40  # spaces of indentation stop growing here: depth must not square the length
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+|"')
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def parse(source: Source) -> Iterator[Page]:
    """Long pages are cut at line ends; a file that is not valid JSON is read as text, with a warning."""
    text = read_text(source)
    if source.kind == "json" and len(text) < 50_000_000:
        try:
            json.loads(text, parse_int=str, parse_float=str)
        except RecursionError:
            source.warn("The JSON is nested too deeply to be checked; it was read as text.")
        except ValueError as exc:
            source.warn(f"This is not valid JSON ({exc}); it was read as text.")
    if max(map(len, text.split("\n"))) > _LONG_LINE:
        text = "\n".join(lay_out(line) if len(line) > _LONG_LINE else line for line in text.split("\n"))
    yield from flow_pages(_readable(text))


def lay_out(text: str) -> str:
    """Minified JSON over several lines; tokens and their order stay.

    Example:
        >>> print(lay_out('{"a":[1,2.50],"b":{}}'))
        {
         "a": [
          1,
          2.50
         ],
         "b": {}
        }
    """
    parts: list[str] = []
    depth = 0
    before = ""
    for match in _TOKEN.finditer(text):
        piece = match.group()
        if piece in "}]" and len(piece) == 1:
            depth = max(0, depth - 1)
            if before not in {"{", "["}:
                parts.append(_line(depth))
        elif before in {"{", "[", ","}:
            parts.append(_line(depth))
        parts.append(": " if piece == ":" else piece)
        if piece in {"{", "["}:
            depth += 1
        before = piece
    return "".join(parts)


def _line(depth: int) -> str:
    return "\n" + " " * min(depth, _DEEPEST)


def _readable(text: str) -> str:
    """`\\u00e4` as the letter it means; what would break a JSON string (quotes, control characters) stays escaped."""

    def letter(match: re.Match[str]) -> str:
        code = int(match.group(1), 16)
        return chr(code) if code >= 0xA0 and not 0xD800 <= code <= 0xDFFF else match.group()

    return _ESCAPE.sub(letter, text) if "\\u" in text else text
