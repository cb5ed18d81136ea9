"""PDF: text by pdfium with page numbers and outline; pages that are pictures go to OCR.

Form fields and stamps are text on the page like any other (pdfium merges their appearance in); notes that reviewers
left are added below the page's text. No script runs: this pdfium is built without one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from provenance.errors import DocumentError
from retrieval.document import Heading, Page
from retrieval.parsing.cleaning import one_line
from retrieval.parsing.pdf_layout import Layout, lay_out
from retrieval.parsing.source import Source

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["OCR_DPI", "load_page", "open_pdf", "page_layout", "parse", "render"]

OCR_DPI = 200
_MAX_SIDE = 4000  # pixels: a page may claim to be a kilometre wide
_MARKS = 200  # bookmarks that are looked for on one page
_FEW_CHARS = 25  # a page picture with fewer characters than this beside it is read by OCR
_VISIBLE = {pdfium_c.FPDF_ANNOT_WIDGET, pdfium_c.FPDF_ANNOT_FREETEXT, pdfium_c.FPDF_ANNOT_STAMP}
_NOTES = {pdfium_c.FPDF_ANNOT_TEXT, pdfium_c.FPDF_ANNOT_HIGHLIGHT, pdfium_c.FPDF_ANNOT_UNDERLINE}


def parse(source: Source) -> Iterator[Page]:
    """One `Page` for each page of the PDF, blank ones too, so that numbers agree with what a person sees."""
    with open_pdf(source.path_or_bytes()) as document:
        count = len(document)
        if count == 0:
            raise DocumentError("The PDF has no pages.", hint="Get a fresh copy or export it again.")
        source.page_count = count
        _describe(source, document)
        outline = _outline(document)
        scans = 0
        for index in range(min(count, source.options.max_pages + 1)):
            page = _read_page(source, document, index, outline)
            scans += page is None
            yield page or Page(number=index + 1, text="", label=_label(document, index))
        if scans:
            _report_scans(source, scans, count)


@contextmanager
def open_pdf(file: Path | bytes) -> Iterator[Any]:
    """A `pypdfium2.PdfDocument` with its form fields drawn.

    Raises:
        DocumentError: A password is needed, or it is damaged beyond repair.
    """
    try:
        document = pdfium.PdfDocument(file)
    except pdfium.PdfiumError as exc:
        raise _refusal(exc) from exc
    try:
        if document.get_formtype() not in (None, pdfium_c.FORMTYPE_NONE):
            document.init_forms()
        yield document
    finally:
        document.close()


def _refusal(error: Any) -> DocumentError:
    """Why pdfium would not open a document."""
    match error.err_code:
        case pdfium_c.FPDF_ERR_PASSWORD:
            return DocumentError(
                "The PDF is protected with a password.", hint="Open it, save a copy without the password, and add that."
            )
        case pdfium_c.FPDF_ERR_SECURITY:
            return DocumentError(
                "The PDF is encrypted in a way that is not supported.", hint="Print it to a new PDF and add that."
            )
        case pdfium_c.FPDF_ERR_SUCCESS:  # it was understood, but there is nothing to open
            return DocumentError("The PDF has no pages.", hint="Get a fresh copy or export it again.")
        case _:
            return DocumentError("The PDF is damaged and cannot be opened.", hint="Get a fresh copy.")


@contextmanager
def load_page(document: Any, index: int) -> Iterator[Any]:
    """A page with fields and stamps merged into its content, so that text and picture show what a person sees."""
    page = document[index]
    try:
        kinds = {kind for kind, _ in _annotations(page)}
        if kinds & _VISIBLE and pdfium_c.FPDFPage_Flatten(page.raw, pdfium_c.FLAT_NORMALDISPLAY) == 1:
            page.close()
            page = document[index]
        yield page
    finally:
        page.close()


def page_layout(page: Any) -> Layout:
    """The page's text with its mapping to pdfium's characters."""
    textpage = page.get_textpage()
    try:
        return lay_out(textpage)
    finally:
        textpage.close()


def render(page: Any, *, width_px: int | None = None, dpi: int = OCR_DPI) -> Image:
    """The page as an RGB picture, `width_px` wide or at `dpi`, never more than 4000 pixels a side."""
    width, height = page.get_size()
    scale = dpi / 72 if width_px is None else width_px / max(width, 1.0)
    scale = min(scale, _MAX_SIDE / max(width, height, 1.0))
    picture: Image = page.render(scale=max(scale, 0.01), may_draw_forms=True).to_pil()
    return picture.convert("RGB")


def _read_page(source: Source, document: Any, index: int, outline: dict[int, list[tuple[int, str]]]) -> Page | None:
    """The page; None where it is a scan that may not be read by OCR, or cannot be loaded."""
    label = _label(document, index)
    try:
        with load_page(document, index) as page:
            layout = page_layout(page)
            notes = _notes(page)
            if len(layout.text) < _FEW_CHARS and _is_picture(page):
                if not source.options.ocr:
                    return None if not layout.text else _page(index, label, layout, outline, notes)
                from retrieval.parsing.ocr import read_picture

                seen = read_picture(render(page))
                if len(seen.text.strip()) >= len(layout.text.strip()):
                    return Page(number=index + 1, text=seen.text, label=label, source="ocr", words=seen.words)
    except pdfium.PdfiumError:
        source.warn(f"Page {index + 1} is damaged and was left out.")
        return Page(number=index + 1, text="", label=label)
    return _page(index, label, layout, outline, notes)


def _page(index: int, label: str, layout: Layout, outline: dict[int, list[tuple[int, str]]], notes: list[str]) -> Page:
    headings = _outline_headings(layout.text, outline.get(index, [])) if outline else layout.headings
    text = layout.text
    if notes:
        text += "\n\n" + "\n".join(notes)
    return Page(number=index + 1, text=text, label=label, headings=headings)


def _report_scans(source: Source, scans: int, count: int) -> None:
    if scans == count:
        raise DocumentError(
            "The PDF is a scan and OCR is off.", hint="Turn OCR on (WHEREFROM_OCR=true) and add the file again."
        )
    source.warn(f"{scans} of {count} pages are scans and were not read because OCR is off.")


def _label(document: Any, index: int) -> str:
    """The page's number as a person says it, with the label the PDF gives it where that differs ("page 7 (iii)")."""
    own = one_line(document.get_page_label(index) or "")[:20]
    number = str(index + 1)
    return f"page {number}" if own in {"", number} else f"page {number} ({own})"


def _describe(source: Source, document: Any) -> None:
    meta = document.get_metadata_dict(skip_empty=True)
    title = one_line(meta.get("Title", ""))
    if title and title.lower() not in {"untitled", "(untitled)", "document"} and "\ufffd" not in title:
        source.title = title[:200]
    source.note("author", meta.get("Author"))
    source.note("subject", meta.get("Subject"))
    if date := re.match(r"D:(\d{4})(\d{2})(\d{2})", meta.get("CreationDate", "")):
        source.note("created", "-".join(date.groups()))


def _outline(document: Any) -> dict[int, list[tuple[int, str]]]:
    """Page index -> (level, title) of the bookmarks that lead there."""
    found: dict[int, list[tuple[int, str]]] = defaultdict(list)
    try:
        for count, mark in enumerate(document.get_toc(max_depth=6)):
            target = mark.get_dest()
            index = target.get_index() if target is not None else None
            title = one_line(mark.get_title())
            if index is not None and title and len(found[index]) < _MARKS:
                found[index].append((mark.level + 1, title))
            if count >= 20_000:
                break
    except pdfium.PdfiumError:  # a broken outline is no reason to refuse the pages
        return {}
    return found


def _outline_headings(text: str, marks: list[tuple[int, str]]) -> tuple[Heading, ...]:
    """Where the titles of bookmarks stand on their page (white space aside)."""
    found: dict[int, Heading] = {}
    for level, title in marks:
        pattern = r"\s+".join(map(re.escape, title.split()))
        match = re.search(rf"^[^\S\n]*((?:[\divxIVX.]+\s+)?{pattern})", text, re.M) or re.search(f"({pattern})", text)
        if match and not any(match.start(1) < other.end and other.start < match.end(1) for other in found.values()):
            found[match.start(1)] = Heading(start=match.start(1), end=match.end(1), level=level)
    return tuple(found[start] for start in sorted(found))


def _is_picture(page: Any) -> bool:
    """Whether the page shows something that may hold text (pictures, or drawn shapes in number)."""
    count = pdfium_c.FPDFPage_CountObjects(page.raw)
    shapes = 0
    for position in range(min(count, 2000)):
        kind = pdfium_c.FPDFPageObj_GetType(pdfium_c.FPDFPage_GetObject(page.raw, position))
        if kind == pdfium_c.FPDF_PAGEOBJ_IMAGE:
            return True
        shapes += kind in (pdfium_c.FPDF_PAGEOBJ_PATH, pdfium_c.FPDF_PAGEOBJ_FORM)
    return shapes >= 30


def _annotations(page: Any) -> Iterator[tuple[int, Any]]:
    for position in range(min(pdfium_c.FPDFPage_GetAnnotCount(page.raw), 2000)):
        annotation = pdfium_c.FPDFPage_GetAnnot(page.raw, position)
        if not annotation:
            continue
        try:
            yield pdfium_c.FPDFAnnot_GetSubtype(annotation), annotation
        finally:
            pdfium_c.FPDFPage_CloseAnnot(annotation)


def _notes(page: Any) -> list[str]:
    """What reviewers wrote into the page's notes."""
    notes = []
    for kind, annotation in _annotations(page):
        if kind in _NOTES and (text := one_line(_annotation_text(annotation, b"Contents"))):
            author = one_line(_annotation_text(annotation, b"T"))
            notes.append(f"Note by {author}: {text}" if author else f"Note: {text}")
    return notes


def _annotation_text(annotation: Any, key: bytes) -> str:
    import ctypes

    size = pdfium_c.FPDFAnnot_GetStringValue(annotation, key, None, 0)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    pdfium_c.FPDFAnnot_GetStringValue(annotation, key, ctypes.cast(buffer, ctypes.POINTER(pdfium_c.FPDF_WCHAR)), size)
    return buffer.raw[: size - 2].decode("utf-16-le", "replace")
