"""From the characters of a PDF page to text in reading order, and from that text back to the characters.

The text is built from slices of pdfium's character list. The list of slices (`Layout.runs`) is the exact mapping: the
same page gives the same runs again, so a highlight finds its characters without anything being stored.

Order: as the page's content stream has it, which is right for almost every producer, unless the lines show that it
jumps up inside a column or writes two columns of prose side by side; then columns are told apart by the empty strip
between them.
"""

from __future__ import annotations

import ctypes
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

import pypdfium2.raw as pdfium_c

from retrieval.document import Heading
from retrieval.parsing.cleaning import clean
from retrieval.parsing.reading_order import TextLine, by_columns, jumps_up

__all__ = ["Layout", "lay_out"]

_HYPHENS = "\ufffe\x02\u00ad"  # what pdfium writes where a line ends in a hyphen
_LINES = re.compile(r"[^\r\n]+")
_PHYSICAL = re.compile(f"[^{_HYPHENS}]+[{_HYPHENS}]?|[{_HYPHENS}]")
_LONG_WORD = 60
_VOCABULARY = 200_000  # characters of a page that are asked how it writes a word
_WORD_END = re.compile(r"\w+$")
_WORD_START = re.compile(r"^\w+")
_BOLD = re.compile(rb"bold|black|heavy|demi|medi\b", re.IGNORECASE)
_DROPPED = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\uffff]+")


@dataclass(slots=True)
class Layout:
    """A page's text; `runs` holds (text start, first character, length): text and characters run in step there."""

    text: str = ""
    runs: list[tuple[int, int, int]] = field(default_factory=list)
    headings: tuple[Heading, ...] = ()

    def characters(self, start: int, end: int) -> list[int]:
        """The pdfium characters behind `text[start:end]`, in text order."""
        found: list[int] = []
        first = max(0, bisect_right(self.runs, (start, 1 << 62, 0)) - 1)
        for text_start, char_start, length in self.runs[first:]:
            if text_start >= end:
                break
            low, high = max(start, text_start), min(end, text_start + length)
            found.extend(range(char_start + low - text_start, char_start + high - text_start))
        return found


def lay_out(textpage: Any) -> Layout:
    """Text in reading order, headings by size and weight, and the mapping back.

    Args:
        textpage: A `pypdfium2.PdfTextPage`.
    """
    raw = _raw_text(textpage)
    boxes = _Boxes(textpage.raw)
    lines = _physical_lines(raw, boxes)
    if not lines:
        return Layout()
    return _emit(_join_scripts(_in_order(lines, boxes)), " ".join(raw[:_VOCABULARY].split()))


def _raw_text(textpage: Any) -> str:
    """One Python character for every pdfium character, whatever pdfium leaves out of its own text."""
    count = textpage.count_chars()
    if count <= 0:
        return ""
    text: str = textpage.get_text_range(0, count, errors="surrogatepass")
    if len(text) == count and "\0" not in text:
        return text
    code = pdfium_c.FPDFText_GetUnicode
    return "".join(chr(code(textpage.raw, index) & 0x10FFFF if code else 0) for index in range(count))


class _Boxes:
    """Boxes of single characters: font height, so that all letters of a line are equally tall."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._rect = pdfium_c.FS_RECTF()

    def of(self, index: int) -> tuple[float, float, float, float] | None:
        rect = self._rect
        if not pdfium_c.FPDFText_GetLooseCharBox(self._raw, index, ctypes.byref(rect)):
            return None
        x0, x1 = (rect.left, rect.right) if rect.left <= rect.right else (rect.right, rect.left)
        y0, y1 = (rect.bottom, rect.top) if rect.bottom <= rect.top else (rect.top, rect.bottom)
        return x0, y0, x1, y1

    def bold(self, index: int) -> bool:
        """By the font's name: the weight that pdfium states is a guess."""
        name = ctypes.create_string_buffer(128)
        pdfium_c.FPDFText_GetFontInfo(self._raw, index, name, 128, None)
        return _BOLD.search(name.value) is not None

    def generated(self, index: int) -> bool:
        return bool(pdfium_c.FPDFText_IsGenerated(self._raw, index) == 1)


def _physical_lines(raw: str, boxes: _Boxes) -> list[TextLine]:
    lines = []
    for match in _LINES.finditer(raw):
        for part in _PHYSICAL.finditer(match.group()):
            start = match.start() + part.start()
            if line := _line(part.group(), start, boxes):
                lines.append(line)
    return lines


def _line(text: str, start: int, boxes: _Boxes) -> TextLine | None:
    """A line with its box, stripped of outer spaces; None if it is empty."""
    inner = text.strip()
    if not inner:
        return None
    start += text.index(inner[0])
    end = start + len(inner)
    first = boxes.of(start)
    last = boxes.of(end - 1 if inner[-1] not in _HYPHENS or len(inner) == 1 else end - 2)
    if first is None or last is None:
        first = last = first or last or (0.0, 0.0, 0.0, 0.0)
    bold = len(inner) <= 120 and boxes.bold(start) and boxes.bold(start + len(inner) // 2)
    return TextLine(
        start,
        end,
        inner,
        min(first[0], last[0]),
        min(first[1], last[1]),
        max(first[2], last[2]),
        max(first[3], last[3]),
        first[3] - first[1],
        bold,
    )


# --- order ------------------------------------------------------------------------------------------------------------


def _in_order(lines: list[TextLine], boxes: _Boxes) -> list[TextLine]:
    """Stream order unless it is plainly not the reading order."""
    split = _split_columns(lines, boxes)
    if split is not None:
        return by_columns(split)
    jumps = sum(jumps_up(before, after) for before, after in pairwise(lines))
    if jumps > max(2, len(lines) // 10):
        return by_columns(lines)
    beside = sum(_beside(before, after) for before, after in pairwise(lines))
    if beside >= max(4, len(lines) // 4):
        return by_columns(lines, prose_only=True)
    return lines


def _beside(before: TextLine, after: TextLine) -> bool:
    """Two pieces of prose on one line with a gap between: a row across two columns, or of a wide table."""
    gap = after.x0 - before.x1
    return _level(before, after) and gap > 0.9 * before.size and min(len(before.text), len(after.text)) > 20


def _level(before: TextLine, after: TextLine) -> bool:
    overlap = min(before.y1, after.y1) - max(before.y0, after.y0)
    return overlap > 0.7 * max(before.size, after.size)


def _split_columns(lines: list[TextLine], boxes: _Boxes) -> list[TextLine] | None:
    """Lines that run across two columns of prose, cut at the strip between them; None where there are none."""
    left = min(line.x0 for line in lines)
    right = max(line.x1 for line in lines)
    width = right - left
    wide = [line for line in lines if line.x1 - line.x0 > 0.6 * width and len(line.text) > 30]
    if len(wide) < 4:
        return None
    cuts: dict[int, tuple[int, float, float]] = {}
    for line in wide:
        if (cut := _widest_gap(line, boxes)) is not None:
            cuts[line.start] = cut
    middles = [(gap[1], gap[2]) for gap in cuts.values()]
    if len(middles) < max(4, len(wide) // 2):
        return None
    low, high = median(gap[0] for gap in middles), median(gap[1] for gap in middles)
    fitting = {start: cut for start, cut in cuts.items() if cut[1] < high and cut[2] > low}
    if len(fitting) < max(4, len(wide) // 2) or not left + 0.25 * width < (low + high) / 2 < left + 0.75 * width:
        return None
    result: list[TextLine] = []
    pieces: list[tuple[TextLine, TextLine]] = []
    for line in lines:
        cut = fitting.get(line.start)
        halves = _halves(line, cut[0], boxes) if cut else None
        if halves:
            pieces.append(halves)
            result += halves
        else:
            result.append(line)
    filled = sum(a.x1 - a.x0 > 0.6 * (low - left) and len(a.text) > 15 for a, _ in pieces)
    filled += sum(b.x1 - b.x0 > 0.6 * (right - high) and len(b.text) > 15 for _, b in pieces)
    return result if pieces and filled >= 1.2 * len(pieces) else None  # cells of a table do not fill their column


def _widest_gap(line: TextLine, boxes: _Boxes) -> tuple[int, float, float] | None:
    """(offset in the line, left edge, right edge) of its widest space, if much wider than a word space."""
    best: tuple[int, float, float] | None = None
    for match in re.finditer(" +", line.text):
        index = line.start + match.start()
        if not boxes.generated(index):
            continue
        before, after = boxes.of(index - 1), boxes.of(line.start + match.end())
        if before is None or after is None:
            continue
        gap = after[0] - before[2]
        if gap > 0.9 * line.size and (best is None or gap > best[2] - best[1]):
            best = (match.start(), before[2], after[0])
    return best


def _halves(line: TextLine, at: int, boxes: _Boxes) -> tuple[TextLine, TextLine] | None:
    first = _line(line.text[:at], line.start, boxes)
    second = _line(line.text[at:], line.start + at, boxes)
    return (first, second) if first and second else None


# --- text -------------------------------------------------------------------------------------------------------------


def _join_scripts(lines: list[TextLine]) -> list[list[TextLine]]:
    """Lines that pdfium broke at a superscript or an accent stand on one row again."""
    rows: list[list[TextLine]] = []
    for line in lines:
        before = rows[-1][-1] if rows else None
        if before is not None and not _hyphen(before) and _same_row(before, line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def _same_row(before: TextLine, after: TextLine) -> bool:
    overlap = min(before.y1, after.y1) - max(before.y0, after.y0)
    gap = after.x0 - before.x1
    height = max(before.size, after.size)
    if _level(before, after) and gap > 0:
        return True  # cells of a row
    return overlap > 0.4 * min(before.size, after.size) and -0.5 * height < gap < 1.5 * height


def _hyphen(line: TextLine) -> bool:
    return line.text[-1] in _HYPHENS


class _Text:
    """Text that grows, with the runs that map it back."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0
        self.runs: list[tuple[int, int, int]] = []

    def add(self, text: str) -> None:
        if text:
            self.parts.append(text)
            self.length += len(text)

    def add_line(self, line: TextLine, upto: int) -> None:
        """The first `upto` characters of a line, without what cannot be stored."""
        text, position = line.text[:upto], 0
        for match in _DROPPED.finditer(text):
            self._run(text[position : match.start()], line.start + position)
            self.add(_joined_surrogates(match.group()))
            position = match.end()
        self._run(text[position:], line.start + position)

    def _run(self, text: str, first: int) -> None:
        text = text.replace("\x85", " ").replace("\u2028", " ").replace("\u2029", " ").replace("\ufffe", "-")
        if text:
            self.runs.append((self.length, first, len(text)))
            self.add(text)


def _joined_surrogates(text: str) -> str:
    return clean(text) if "\ud800" <= max(text) <= "\udfff" else ""


def _emit(rows: list[list[TextLine]], page_text: str) -> Layout:
    out = _Text()
    body, spacing = _body_size(rows), _line_spacing(rows)
    headings: list[Heading] = []
    previous: list[TextLine] | None = None
    level_before = 0
    for row in rows:
        level = _heading_level(row, body)
        if previous is not None:
            joined = _hyphen(previous[-1]) and _continue_word(out, previous[-1], row[0], page_text)
            if not joined:
                out.add("\n\n" if _new_block(previous, row, spacing) or bool(level) != bool(level_before) else "\n")
        start = out.length
        _emit_row(out, row)
        if level:
            grown = headings and level == level_before and start - headings[-1].end <= 1
            first = headings.pop().start if grown else start
            headings.append(Heading(start=first, end=out.length, level=level))
        previous, level_before = row, level
    text = "".join(out.parts)
    return Layout(text, out.runs, tuple(found for found in headings if _is_heading(text[found.start : found.end])))


def _is_heading(text: str) -> bool:
    """Large type is a heading unless it is a paragraph: a lead, a quotation."""
    return len(text) <= 90 or (len(text) <= 180 and text[-1] not in ".!:;,")


def _emit_row(out: _Text, row: list[TextLine]) -> None:
    for position, line in enumerate(row):
        if position and line.x0 - row[position - 1].x1 > 0.12 * max(line.size, row[position - 1].size):
            out.add(" ")
        out.add_line(line, len(line.text) - _hyphen(line))


def _continue_word(out: _Text, before: TextLine, after: TextLine, page_text: str) -> bool:
    """A word cut by a hyphen at the line end: one word again, with its hyphen where the page writes it with one.

    Returns whether the next line follows without a break (not where the hyphen ends something else: "a - b").
    """
    head = _WORD_END.search(before.text[-_LONG_WORD:-1])
    tail = _WORD_START.search(after.text[:_LONG_WORD])
    if head is None or tail is None:
        out.add("-")
        return False
    with_hyphen = f"{head.group()}-{tail.group()}"
    if with_hyphen in page_text or not tail.group()[0].islower() or head.group()[-1].isdigit():
        out.add("-")
    return True


def _body_size(rows: list[list[TextLine]]) -> float:
    """The height of most characters."""
    weights: dict[float, int] = {}
    for row in rows:
        for line in row:
            size = round(line.size * 2) / 2
            weights[size] = weights.get(size, 0) + len(line.text)
    return max(weights, key=lambda size: weights[size])


def _line_spacing(rows: list[list[TextLine]]) -> float:
    """The usual distance from one line to the next; 0 where there is none."""
    steps = [before[0].y0 - after[0].y0 for before, after in pairwise(rows)]
    usual = sorted(step for step in steps if step > 0.5 * (rows[0][0].size or 1.0))
    return usual[len(usual) // 3] if len(usual) >= 3 else 0.0


def _new_block(before: list[TextLine], after: list[TextLine], spacing: float) -> bool:
    step = before[0].y0 - after[0].y0
    height = max(before[0].size, after[0].size)
    return step > 1.35 * max(spacing, 0.9 * height) if spacing else step > 1.9 * height


def _heading_level(row: list[TextLine], body: float) -> int:
    """1 to 4 for a heading, 0 for anything else."""
    text = row[0].text if len(row) == 1 else " ".join(line.text for line in row)
    upright = row[0].x1 - row[0].x0 < row[0].y1 - row[0].y0 and len(text) > 3  # set along the margin
    if len(text) > 150 or body <= 0 or sum(map(str.isalpha, text)) < 3 or text[-1] in _HYPHENS or upright:
        return 0
    ratio = row[0].size / body
    if ratio >= 1.15:
        return 1 if ratio >= 1.7 else 2 if ratio >= 1.3 else 3
    bold = ratio > 0.95 and all(line.bold for line in row)
    return 4 if bold and len(text) <= 90 and text[-1] not in ".,;:" else 0
