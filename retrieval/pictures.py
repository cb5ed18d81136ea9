"""Pictures of pages with a span of their text marked, as a text marker would: yellow that the print shows through.

PDF: the span's characters are found again through the page's layout (`retrieval.parsing.pdf_layout`), which gives the
same runs for the same page; nothing about positions is stored. Scans and pictures: by the word boxes of the page.
Formats that have no picture give None; their pages are shown as text.
"""

from __future__ import annotations

import ctypes
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageDraw

from provenance.errors import DocumentError
from retrieval.document import Page
from retrieval.parsing.pdf_layout import Layout
from retrieval.parsing.source import ParseOptions, Source

__all__ = ["HAS_PICTURE", "Rect", "mark", "page_png", "span_rects"]

HAS_PICTURE = frozenset({"pdf", "png", "jpeg", "tiff", "webp", "bmp", "gif"})
MARKER = (255, 235, 90)
_MAX_WIDTH = 3000
_PAD = 0.0015  # of the page's width, around every line

Rect = tuple[float, float, float, float]  # x0, y0, x1, y1: fractions of the page, origin top left


def page_png(path: Path, kind: str, page: Page, *, start: int, end: int, width_px: int) -> bytes | None:
    """The page as a PNG, characters `start:end` of its text marked.

    Args:
        kind: The document's kind; only those in `HAS_PICTURE` have pictures.
        page: As the parser gave it: its number, its text, and for scans its word boxes.
        start, end: An empty span, or one that is not visible on the page, marks nothing.
        width_px: 50 to 3000 pixels.
    Returns:
        None for a format without pictures.
    Raises:
        DocumentError: The file cannot be drawn (any more).
    """
    if kind not in HAS_PICTURE:
        return None
    width_px = max(50, min(width_px, _MAX_WIDTH))
    if kind == "pdf":
        picture, rects = _pdf_page(path, page, start, end, width_px)
    else:
        picture, rects = _picture(path, page.number, width_px), _word_rects(page, start, end)
    out = io.BytesIO()
    mark(picture, rects).save(out, "PNG", compress_level=3)
    return out.getvalue()


def mark(picture: Image.Image, rects: Iterable[Rect]) -> Image.Image:
    """An RGB picture multiplied with marker yellow inside the rectangles; every pixel outside stays as it is."""
    layer = Image.new("RGB", picture.size, "white")
    draw = ImageDraw.Draw(layer)
    width, height = picture.size
    for x0, y0, x1, y1 in rects:
        box = (round(x0 * width), round(y0 * height), round(x1 * width), round(y1 * height))
        if box[2] > box[0] and box[3] > box[1]:
            draw.rounded_rectangle(box, radius=max(1, width // 400), fill=MARKER)
    return ImageChops.multiply(picture, layer)


def span_rects(page: Any, layout: Layout, start: int, end: int) -> list[Rect]:
    """Where characters `start:end` of the layout's text stand on a pypdfium2 page, a rectangle a line."""
    textpage = page.get_textpage()
    try:
        boxes = [box for index in layout.characters(start, end) if (box := _box(textpage.raw, index))]
    finally:
        textpage.close()
    return [_on_screen(page, line) for line in _merged(boxes)]


def _pdf_page(path: Path, page: Page, start: int, end: int, width_px: int) -> tuple[Image.Image, list[Rect]]:
    import pypdfium2 as pdfium

    from retrieval.parsing.pdf import load_page, open_pdf, page_layout, render

    try:
        with open_pdf(path) as document:
            if not 1 <= page.number <= len(document):
                raise DocumentError("The PDF no longer has this page.", hint="Add the file again.")
            with load_page(document, page.number - 1) as drawn:
                rects = _word_rects(page, start, end)
                if page.source == "text" and end > start:
                    layout = page_layout(drawn)
                    rects = span_rects(drawn, layout, *_aligned(page.text, layout.text, start, end))
                return render(drawn, width_px=width_px), rects
    except pdfium.PdfiumError as exc:
        raise DocumentError("The page is damaged and cannot be drawn.", hint="Get a fresh copy.") from exc


def _aligned(stored: str, fresh: str, start: int, end: int) -> tuple[int, int]:
    """The span in the text as it is read now: the same, unless another version of the reader stored it.

    (Reviewers' notes follow the layout's text on the stored page; they have no place on the picture.)
    """
    if stored.startswith(fresh):
        return start, min(end, len(fresh))
    wanted = stored[start:end]
    found = list(_occurrences(fresh, wanted))
    if not found:
        return 0, 0
    nearest = min(found, key=lambda position: abs(position - start))
    return nearest, nearest + len(wanted)


def _occurrences(text: str, wanted: str) -> Iterable[int]:
    position = text.find(wanted) if wanted else -1
    while position >= 0:
        yield position
        position = text.find(wanted, position + 1)


def _box(raw: Any, index: int) -> Rect | None:
    """A character's box in page points, y upwards; None for what has no place (generated spaces)."""
    import pypdfium2.raw as pdfium_c

    rect = pdfium_c.FS_RECTF()
    if not pdfium_c.FPDFText_GetLooseCharBox(raw, index, ctypes.byref(rect)):
        return None
    x0, x1 = sorted((rect.left, rect.right))
    y0, y1 = sorted((rect.bottom, rect.top))
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _merged(boxes: Sequence[Rect]) -> list[Rect]:
    """Boxes of one line as one rectangle; a gap wider than three letters (a column, a cell) starts a new one."""
    lines: list[Rect] = []
    for box in boxes:
        if lines and _same_line(lines[-1], box):
            x0, y0, x1, y1 = lines[-1]
            lines[-1] = (min(x0, box[0]), min(y0, box[1]), max(x1, box[2]), max(y1, box[3]))
        else:
            lines.append(box)
    return lines


def _same_line(line: Rect, box: Rect) -> bool:
    overlap = min(line[3], box[3]) - max(line[1], box[1])
    heights = line[3] - line[1], box[3] - box[1]
    gap = max(box[0] - line[2], line[0] - box[2])
    grown = max(line[3], box[3]) - min(line[1], box[1])  # words of a line that leans are marked one by one
    return overlap > 0.5 * min(heights) and gap < 3 * min(heights) and grown < 1.4 * heights[1]


def _on_screen(page: Any, rect: Rect) -> Rect:
    """Page points to fractions of the picture: crop box and rotation of the page as the renderer applies them."""
    import pypdfium2.raw as pdfium_c

    scale = 1_000_000
    x, y = ctypes.c_int(), ctypes.c_int()
    corners = []
    for px, py in ((rect[0], rect[1]), (rect[2], rect[3])):
        pdfium_c.FPDF_PageToDevice(page.raw, 0, 0, scale, scale, 0, px, py, ctypes.byref(x), ctypes.byref(y))
        corners.append((x.value / scale, y.value / scale))
    (ax, ay), (bx, by) = corners
    return _padded((min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)))


def _word_rects(page: Page, start: int, end: int) -> list[Rect]:
    """Lines of the words that the span touches."""
    touched = [(word.x0, word.y0, word.x1, word.y1) for word in page.words if word.start < end and start < word.end]
    return [_padded(line) for line in _merged(touched)]


def _padded(rect: Rect) -> Rect:
    x0, y0, x1, y1 = rect
    return max(0.0, x0 - _PAD), max(0.0, y0 - _PAD / 2), min(1.0, x1 + _PAD), min(1.0, y1 + _PAD / 2)


def _picture(path: Path, number: int, width_px: int) -> Image.Image:
    from retrieval.parsing.picture import flat, open_picture

    with open_picture(Source(name=path.name, options=ParseOptions(), path=path)) as picture:
        try:
            picture.seek(number - 1)
        except EOFError as exc:
            raise DocumentError("The picture no longer has this page.", hint="Add the file again.") from exc
        image = flat(picture)
    height = max(1, round(image.height * width_px / image.width))
    return image.resize((width_px, min(height, 4 * _MAX_WIDTH)), Image.Resampling.LANCZOS)
