"""Source code: kept as it is written; functions and classes stand as headings, so that passages are cut there."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from retrieval.document import Heading, Page
from retrieval.parsing.plain import read_text
from retrieval.parsing.source import Source
from retrieval.parsing.writer import flow_pages

__all__ = ["parse", "symbols"]

# A definition at the start of a line, in the languages of curly braces and their neighbours. Level by indentation.
_SYMBOL = re.compile(
    r"^([ \t]{0,16})((?:(?:export|default|public|private|protected|internal|static|final|abstract|async|override|pub|"
    r"unsafe|const|inline|virtual|sealed|partial|extern)(?:\([a-z]+\))?[ \t]+)*"
    r"(?:class|interface|struct|enum|trait|impl|fn|func|function|def|module|namespace|type|record|object|sub|"
    r"CREATE[ \t]+(?:TABLE|VIEW|FUNCTION|PROCEDURE|INDEX))\b[^\n]{0,150})",
    re.M | re.I,
)


def parse(source: Source) -> Iterator[Page]:
    """The file's text, cut into pages where it is long."""
    text = read_text(source)
    yield from flow_pages(text, symbols(text, source.kind))


def symbols(text: str, language: str) -> tuple[Heading, ...]:
    """The lines that begin a function, a class or the like, as headings; level 1 is the outermost."""
    if language == "python" and (found := _python_symbols(text)) is not None:
        return found
    headings = []
    for match in _SYMBOL.finditer(text):
        indent = len(match.group(1).expandtabs(4))
        end = match.start(2) + len(match.group(2).rstrip())
        headings.append(Heading(start=match.start(2), end=end, level=1 + indent // 4))
    return tuple(headings)


def _python_symbols(text: str) -> tuple[Heading, ...] | None:
    """By Python's own parser; None where it cannot read the text (another version, a part of a file)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the code that is read, not ours
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    lines = [0]
    for match in re.finditer("\n", text):
        lines.append(match.end())
    return tuple(_walk(tree, text, lines, level=1))


def _walk(node: ast.AST, text: str, lines: list[int], level: int) -> Iterator[Heading]:
    for child in getattr(node, "body", []):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and level <= 3:
            start = lines[child.lineno - 1]
            while text[start] in " \t":
                start += 1
            end = text.find("\n", start)
            yield Heading(start=start, end=len(text) if end < 0 else end, level=level)
            if isinstance(child, ast.ClassDef):
                yield from _walk(child, text, lines, level + 1)
