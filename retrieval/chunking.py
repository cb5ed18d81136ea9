"""Passages: pieces of a page that answer a question on their own and fit the embedder (256 word pieces).

About 90 to 140 words. A passage ends where a section, else a paragraph, else a sentence ends; never inside a word.
Table rows stay whole, and a passage that begins below a table's first row names that row in its heading.
`text[start:end]` is the passage, always; only where a paragraph has to be cut do two passages share a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from retrieval.document import Heading, Page, ParsedDocument
from retrieval.headings import markdown_headings, plain_headings
from retrieval.parsing.sniff import CODE_LANGUAGES

__all__ = ["Chunk", "document_passages", "passages"]

_MOST = 140.0  # words
_ENOUGH = 85.0  # a passage of this size ends rather than begin a paragraph that does not fit
_SECTION = 40.0  # a section smaller than this shares its passage with the next
_REST = 25.0  # a rest smaller than this joins the passage before
_OVERLAP = 30.0  # the longest sentence that two passages share
_WORD_BYTES = 6.2  # of English prose, with its space; counts for text of long or unspaced words
_SHEETS = {"xlsx", "xls", "ods", "csv", "tsv"}
_FLOWING = {"pdf", "docx", "doc", "odt", "rtf", "html", "md", "text", "xml", "tiff"}  # a section goes on overleaf

_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
_SENTENCE = re.compile(r"[.!?…][\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9À-ÞΑ-ΩА-Я])|[。！？]")
_LINE = re.compile(r"\n\s*")
_CLAUSE = re.compile(r"[;:,]\s+|\s(?=[|–—])")
_SPACE = re.compile(r"\s+")
_NOT_AN_END = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|Nos|Fig|Eq|vs|etc|e\.g|i\.e|cf|al|Inc|Ltd|Co|Jr|Sr)|\b[A-Z])\.$"
)
_RULE_ROW = re.compile(r"[\s|:+-]+$")
_ABOVE = re.compile(r"[ \t]*(?:@|#|//|/\*|\*|--)")  # begins a decorator or a comment, which belong to what is below
_UNDERLINE = re.compile(r"\n {0,3}(?:=+|-{2,})[ \t]*(?=\n|\Z)")
_CODE = frozenset(CODE_LANGUAGES.values())


@dataclass(frozen=True, slots=True)
class Chunk:
    """Characters `start:end` of a page, and the headings above them joined by " > "."""

    start: int
    end: int
    heading: str


@dataclass(slots=True)
class _Atom:
    """A piece that is never cut again: a heading, a sentence, a table row, lines of code."""

    start: int
    end: int
    size: float
    path: str
    heading: bool = False
    opens: bool = False  # a paragraph or table begins here
    block: float = 0.0  # size of the whole paragraph
    header: str = ""  # the table's first row
    row: bool = False


class _Path:
    """The headings in force."""

    def __init__(self, base: str = "") -> None:
        self._base = base
        self._stack: list[tuple[int, str]] = []

    def leave(self, level: int) -> None:
        """The sections of this level and below have ended."""
        while self._stack and self._stack[-1][0] >= level:
            self._stack.pop()

    def enter(self, level: int, text: str) -> None:
        self.leave(level)
        self._stack.append((level, " ".join(text.split())[:120]))

    def __str__(self) -> str:
        return " > ".join(filter(None, [self._base, *(text for _, text in self._stack)]))[-400:]


def passages(
    page_text: str, *, kind: str, heading_context: str = "", headings: Sequence[Heading] | None = None
) -> list[Chunk]:
    """Cut one page.

    Args:
        kind: The document's kind ("pdf", "xlsx", "python", ...): sheets are cut by rows, the rest by blank lines.
        heading_context: What stands above the page (a title, a sheet's name); leads every passage's `heading`.
        headings: The page's headings in order; None looks for them in the text.
    Returns:
        Passages in order. Together they cover every character that is not white space.
    """
    return _passages(page_text, kind, _Path(heading_context), headings)


def document_passages(document: ParsedDocument, *, heading_context: str = "") -> Iterator[tuple[Page, list[Chunk]]]:
    """The passages of every page; in flowing formats a section that began on one page goes on on the next."""
    path = _Path(heading_context)
    for page in document.pages:
        if document.kind not in _FLOWING:
            path = _Path(heading_context)
        yield page, _passages(page.text, document.kind, path, page.headings or None)


def _passages(text: str, kind: str, path: _Path, headings: Sequence[Heading] | None) -> list[Chunk]:
    if headings is None:
        headings = markdown_headings(text) if kind == "md" else plain_headings(text) if kind in _FLOWING else ()
    return _packed(list(_atoms(text, kind, path, headings)))


# --- atoms ------------------------------------------------------------------------------------------------------------


def _atoms(text: str, kind: str, path: _Path, headings: Sequence[Heading]) -> Iterator[_Atom]:
    """Sections between headings, each cut further."""
    position = 0
    for heading in headings:
        start, end = _heading_lines(text, heading, position, kind)
        if start < position:
            continue
        yield from _section(text, position, start, kind, str(path))
        path.leave(heading.level)
        above = str(path)
        path.enter(heading.level, text[heading.start : heading.end])
        for first, last in _pieces(text, start, end):
            yield _Atom(first, last, _size(text[first:last]), above, heading=True, opens=first == start)
        position = end
    yield from _section(text, position, len(text), kind, str(path))


def _heading_lines(text: str, heading: Heading, position: int, kind: str) -> tuple[int, int]:
    """The whole lines of a heading, with the marks around it; in code with the decorators and comments above it."""
    start = max(position, text.rfind("\n", 0, heading.start) + 1)
    while kind in _CODE and start - 1 > position:
        above = max(position, text.rfind("\n", 0, start - 1) + 1)
        if not _ABOVE.match(text, above, start):
            break
        start = above
    end = text.find("\n", max(start, heading.end - 1))
    end = len(text) if end < 0 else end
    underline = _UNDERLINE.match(text, end)
    return start, underline.end() if underline else end


def _section(text: str, start: int, end: int, kind: str, path: str) -> Iterator[_Atom]:
    """Paragraphs and tables of a stretch without headings."""
    position = start
    for gap in _PARAGRAPH.finditer(text, start, end):
        yield from _block(text, position, gap.start(), kind, path)
        position = gap.end()
    yield from _block(text, position, end, kind, path)


def _block(text: str, start: int, end: int, kind: str, path: str) -> Iterator[_Atom]:
    start, end = _trim(text, start, end)
    if start >= end:
        return
    if kind in _SHEETS:
        yield from _rows(text, _lines(text, start, end), path, header="")
    elif text.find("|", start, end) >= 0 and _is_table(text, start, end):
        yield from _table(text, start, end, path)
    else:
        yield from _paragraph(text, start, end, path)


def _paragraph(text: str, start: int, end: int, path: str) -> Iterator[_Atom]:
    size = _size(text[start:end])
    if size <= _MOST:
        yield _Atom(start, end, size, path, opens=True, block=size)
        return
    for first, last in _pieces(text, start, end):
        yield _Atom(first, last, _size(text[first:last]), path, opens=first == start, block=size)


def _is_table(text: str, start: int, end: int) -> bool:
    lines = text[start:end].split("\n")
    return len(lines) > 1 and sum("|" in line for line in lines) >= 0.8 * len(lines)


def _table(text: str, start: int, end: int, path: str) -> Iterator[_Atom]:
    """Rows; those below the first name it."""
    lines = _lines(text, start, end)
    header = " | ".join(cell.strip() for cell in text[lines[0][0] : lines[0][1]].split("|")).strip(" |")[:200]
    yield from _rows(text, lines, path, header=header)


def _rows(text: str, lines: list[tuple[int, int]], path: str, *, header: str) -> Iterator[_Atom]:
    for number, (start, end) in enumerate(lines):
        row = text[start:end]
        size = _size(row)
        above = "" if number == 0 or (number == 1 and _RULE_ROW.match(row)) else header
        if size <= _MOST:
            yield _Atom(start, end, size, path, opens=number == 0, block=size, header=above, row=True)
            continue
        name = row.strip(" |").partition("|")[0].strip()[:80]  # the pieces of a long row name its first cell
        for first, last in _pieces(text, start, end):
            label = above if first == start else " > ".join(filter(None, [above, name]))
            piece = _size(text[first:last])
            yield _Atom(first, last, piece, path, opens=first == start, block=size, header=label, row=True)


def _lines(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Spans of the lines that are not blank."""
    spans = []
    while start < end:
        stop = text.find("\n", start, end)
        stop = end if stop < 0 else stop
        first, last = _trim(text, start, stop)
        if first < last:
            spans.append((first, last))
        start = stop + 1
    return spans


def _pieces(text: str, start: int, end: int, depth: int = 0) -> Iterator[tuple[int, int]]:
    """Spans no larger than a passage, cut at the best marks there are."""
    start, end = _trim(text, start, end)
    if start >= end:
        return
    if depth and _size(text[start:end]) <= _MOST / 2:
        yield start, end
        return
    marks = (_SENTENCE, _LINE, _CLAUSE, _SPACE)
    if depth == len(marks):
        step = 400 if text[start:end].isascii() else 100
        for position in range(start, end, step):
            yield position, min(position + step, end)
        return
    pending: tuple[int, int] | None = None
    size = 0.0
    for first, last in _parts(text, start, end, marks[depth]):
        part = _size(text[first:last])
        near = pending is not None and last - pending[0] < 3 * _MOST  # not across a desert of white space
        if depth and pending and near and size + part <= _MOST / 3:  # small parts are put together again
            pending, size = (pending[0], last), size + part
            continue
        if pending:
            yield from _fit(text, *pending, depth)
        pending, size = (first, last), part
    if pending:
        yield from _fit(text, *pending, depth)


def _fit(text: str, start: int, end: int, depth: int) -> Iterator[tuple[int, int]]:
    start, end = _trim(text, start, end)
    if start < end and _size(text[start:end]) <= _MOST / 2:
        yield start, end
    else:
        yield from _pieces(text, start, end, depth + 1)


def _parts(text: str, start: int, end: int, mark: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    position = start
    for match in mark.finditer(text, start, end):
        if mark is _SENTENCE and _NOT_AN_END.search(text, max(position, match.start() - 8), match.start() + 1):
            continue
        stop = match.start() + len(match.group().rstrip())
        if stop > position:
            yield position, stop
        position = match.end()
    if position < end:
        yield position, end


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    if start < end and not text[start].isspace() and not text[end - 1].isspace():
        return start, end
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    return start + left, max(start + left, end - (len(piece) - len(piece.rstrip())))


def _size(text: str) -> float:
    """Words, or what its bytes would be in words where words are long or not parted by spaces."""
    width = len(text)
    if not text.isascii() and len(text.encode("utf-8", "replace")) > 2 * width:
        return width / 1.6
    return max(text.count(" ") + text.count("\n") + 1, width / _WORD_BYTES)


# --- packing ----------------------------------------------------------------------------------------------------------


def _packed(atoms: list[_Atom]) -> list[Chunk]:
    groups: list[list[_Atom]] = []
    group: list[_Atom] = []
    size = 0.0
    for atom in atoms:
        rest = bool(groups) and bool(group) and not group[0].heading  # of a section that was cut
        if group and _ends_before(atom, size, rest):
            kept = _carried(group, atom)
            if len(kept) < len(group):
                groups.append(group[: len(group) - len(kept)] if kept and kept[0].heading else group)
                group = list(kept)
                size = sum(one.size for one in group)
        group.append(atom)
        size += atom.size
    if group:
        groups.append(group)
    return [_chunk(group) for group in _without_rests(groups)]


def _ends_before(atom: _Atom, size: float, rest: bool) -> bool:
    if atom.heading:
        return rest or size >= _SECTION
    if size + atom.size > _MOST:
        return True
    return atom.opens and size >= _ENOUGH and size + atom.block > _MOST


def _carried(group: list[_Atom], following: _Atom) -> list[_Atom]:
    """What the next passage takes along: headings that would end this one, or the last sentence of a cut paragraph."""
    count = 0
    while count < len(group) and group[-1 - count].heading:
        count += 1
    if count:
        return group[len(group) - count :] if not following.heading else []
    last = group[-1]
    cut = not following.opens and not following.heading and not following.row and not last.row
    return [last] if cut and last.size <= _OVERLAP and last.size + following.size <= _MOST else []


def _without_rests(groups: list[list[_Atom]]) -> list[list[_Atom]]:
    """A last scrap of a section joins the passage before it."""
    kept = groups[:1]
    for before, group in pairwise(groups):
        fresh = [atom for atom in group if atom.start >= before[-1].end]
        small = sum(atom.size for atom in fresh) < _REST
        if small and not group[0].heading and kept[-1] and _total(kept[-1]) + _total(fresh) <= 1.2 * _MOST:
            kept[-1] = kept[-1] + fresh
        else:
            kept.append(group)
    return kept


def _total(group: list[_Atom]) -> float:
    return sum(atom.size for atom in group)


def _chunk(group: list[_Atom]) -> Chunk:
    first = group[0]
    heading = " > ".join(filter(None, [first.path, first.header]))
    return Chunk(first.start, max(atom.end for atom in group), heading)
