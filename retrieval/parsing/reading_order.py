"""Lines of text on a page in the order in which a person reads them; for PDF and OCR alike."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TextLine", "by_columns", "by_rows", "jumps_up"]


@dataclass(slots=True)
class TextLine:
    """Text that stands on one line; box in any unit, y upwards. `start:end` is the reader's own counting."""

    start: int
    end: int
    text: str  # exactly those characters
    x0: float
    y0: float
    x1: float
    y1: float
    size: float  # height of its first character
    bold: bool = False


def jumps_up(before: TextLine, after: TextLine) -> bool:
    """`after` stands above `before` in the same column: nobody reads that way."""
    overlap = min(before.x1, after.x1) - max(before.x0, after.x0)
    return after.y0 > before.y1 and overlap > 0.3 * min(before.x1 - before.x0, after.x1 - after.x0)


def by_columns(lines: list[TextLine], *, prose_only: bool = False) -> list[TextLine]:
    """Top to bottom; between lines that run across the page, the left column before the right one.

    Args:
        prose_only: Two columns only where both are filled with text, so that a table keeps its rows.
    """
    if not lines:
        return []
    left = min(line.x0 for line in lines)
    right = max(line.x1 for line in lines)
    middle_band = (left + 0.3 * (right - left), left + 0.7 * (right - left))
    gutter = _gutter(lines, middle_band)
    if gutter is not None and prose_only and not _filled(lines, left, gutter, right):
        gutter = None
    ordered: list[TextLine] = []
    block: list[TextLine] = []
    for line in sorted(lines, key=lambda line: (-line.y1, line.x0)):
        across = gutter is None or line.x0 < gutter < line.x1
        if across and gutter is not None:
            ordered += _columns(block, gutter)
            block = []
            ordered.append(line)
        else:
            block.append(line)
    return ordered + (by_rows(block) if gutter is None else _columns(block, gutter))


def _gutter(lines: list[TextLine], band: tuple[float, float]) -> float | None:
    """The x in the band that the fewest lines cross, if hardly any do and both sides are filled."""
    best, best_crossed = None, len(lines)
    for step in range(41):
        x = band[0] + (band[1] - band[0]) * step / 40
        crossed = sum(line.x0 < x < line.x1 for line in lines)
        if crossed < best_crossed:
            best, best_crossed = x, crossed
    if best is None or best_crossed > 0.3 * len(lines):
        return None
    on_left = sum(line.x1 <= best for line in lines)
    return best if min(on_left, len(lines) - best_crossed - on_left) >= 3 else None


def _filled(lines: list[TextLine], left: float, gutter: float, right: float) -> bool:
    """Whether most lines on either side run across their column."""
    for low, high in ((left, gutter), (gutter, right)):
        inside = [line for line in lines if line.x0 >= low - 1e-6 and line.x1 <= high + 1e-6]
        full = sum(line.x1 - line.x0 > 0.6 * (high - low) and len(line.text) > 15 for line in inside)
        if not inside or full < 0.5 * len(inside):
            return False
    return True


def _columns(block: list[TextLine], gutter: float) -> list[TextLine]:
    return by_rows([line for line in block if line.x0 < gutter]) + by_rows(
        [line for line in block if line.x0 >= gutter]
    )


def by_rows(lines: list[TextLine]) -> list[TextLine]:
    """Rows from top to bottom, each from left to right."""
    ordered: list[TextLine] = []
    row: list[TextLine] = []
    for line in sorted(lines, key=lambda line: -(line.y0 + line.y1)):
        if row and (line.y0 + line.y1) / 2 < row[0].y0 + 0.25 * row[0].size:
            ordered += sorted(row, key=lambda line: line.x0)
            row = []
        row.append(line)
    return ordered + sorted(row, key=lambda line: line.x0)
