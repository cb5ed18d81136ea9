"""PPTX: one page a slide: title, texts, tables, the data of charts, diagrams, notes. Nothing in it is run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from provenance.errors import DocumentError
from retrieval.document import Page
from retrieval.parsing.cleaning import one_line
from retrieval.parsing.markup import local
from retrieval.parsing.ooxml import Package, attribute, open_package
from retrieval.parsing.source import Source
from retrieval.parsing.writer import PageWriter

__all__ = ["parse", "write_chart"]

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_R_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_R_DATA = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}dm"
_TITLES = {"title", "ctrTitle"}
_UNREAD = {"sldNum", "dt", "ftr"}  # placeholders for number and date


def parse(source: Source) -> Iterator[Page]:
    """Slides in the order in which they are shown; hidden ones too, because they are in the file."""
    with open_package(source) as package:
        main = package.main_part("ppt/presentation.xml")
        slides = _slides(package, main)
        if not slides:
            raise DocumentError("The presentation has no slides.", hint="Check that it is the right file.")
        package.describe(source)
        if package.names("ppt/vbaproject"):
            source.warn("The presentation holds macros; they are never run.")
        source.page_count = len(slides)
        for number, path in enumerate(slides, start=1):
            page = _slide(package, path, number)
            if page is None:
                source.warn(f"Slide {number} is damaged and was left out.")
                page = Page(number=number, text="", label=f"slide {number}")
            if number == 1 and not source.title and page.headings:
                source.title = page.text[page.headings[0].start : page.headings[0].end][:200]
            yield page


def _slides(package: Package, main: str) -> list[str]:
    root = package.xml(main)
    relations = package.relations(main)
    order = (
        [] if root is None else [relations.get(node.get(_R_ID) or "", ("", ""))[1] for node in root.iter("{*}sldId")]
    )
    paths = [path for path in order if package.has(path)]
    return paths or [name for name in package.names("ppt/slides/slide") if name.endswith(".xml")]


def _slide(package: Package, path: str, number: int) -> Page | None:
    root = package.xml(path)
    if root is None:
        return None
    relations = package.relations(path)
    writer = PageWriter()
    tree = root.find(".//{*}spTree")
    shapes = list(_shapes(tree)) if tree is not None else []
    for shape in sorted(shapes, key=lambda shape: _placeholder(shape) not in _TITLES):  # the title leads
        _write_shape(shape, package, relations, writer)
    notes = next((path for kind, path in relations.values() if kind == "notesSlide"), "")
    notes_root = package.xml(notes) if notes else None
    if notes_root is not None:
        _write_notes(notes_root, writer)
    for kind, comments in relations.values():
        if kind == "comments" and (root := package.xml(comments)) is not None:
            for text in root.iter("{*}text", "{*}t"):
                writer.line(f"Comment: {one_line(text.text or '')}" if (text.text or "").strip() else "")
    return writer.page(number, f"slide {number}")


def _shapes(tree: Any, depth: int = 0) -> Iterator[Any]:
    """Shapes, groups opened."""
    for child in tree:
        if local(child) == "grpSp" and depth < 30:
            yield from _shapes(child, depth + 1)
        elif local(child) == "AlternateContent" and len(child):
            yield from _shapes(child[0], depth + 1)
        elif local(child) in {"sp", "graphicFrame", "pic", "cxnSp"}:
            yield child


def _placeholder(shape: Any) -> str:
    mark = shape.find(".//{*}nvPr/{*}ph")
    return (mark.get("type") or "body") if mark is not None else ""


def _write_shape(shape: Any, package: Package, relations: dict[str, tuple[str, str]], writer: PageWriter) -> None:
    kind = local(shape)
    if kind == "graphicFrame":
        _write_frame(shape, package, relations, writer)
    elif kind == "pic":
        properties = shape.find(".//{*}cNvPr")
        if properties is not None and (alt := one_line(properties.get("descr") or "")):
            writer.paragraph(f"[picture: {alt}]")
    elif _placeholder(shape) in _UNREAD:
        return
    elif _placeholder(shape) in _TITLES:
        writer.heading(" ".join(_paragraphs(shape)), 1)
    else:
        lines = _paragraphs(shape)
        writer.gap()
        for line in lines:
            writer.line(line)
        writer.gap()


def _paragraphs(element: Any) -> list[str]:
    """The lines of a text body; those below the first level of a list are indented."""
    lines = []
    for paragraph in element.iter(_A + "p"):
        text = one_line("".join(_run(node) for node in paragraph.iter()))
        properties = paragraph.find(_A + "pPr")
        level = (properties.get("lvl") or "0") if properties is not None else "0"
        if text:
            lines.append("  " * (int(level) if level in "12345678" else 0) + text)
    return lines


def _run(node: Any) -> str:
    name = local(node)
    if name == "t":
        return node.text or ""
    return "\n" if name == "br" else ""


def _write_frame(frame: Any, package: Package, relations: dict[str, tuple[str, str]], writer: PageWriter) -> None:
    """A table, a chart or a diagram."""
    writer.gap()
    for row in frame.iter(_A + "tr"):
        writer.row([" ".join(_paragraphs(cell)) for cell in row if local(cell) == "tc"])
    writer.gap()
    for reference in frame.iter("{*}chart", "{*}relIds"):
        key = _R_ID if local(reference) == "chart" else _R_DATA
        _, path = relations.get(reference.get(key) or "", ("", ""))
        root = package.xml(path) if path else None
        if root is None:
            continue
        if local(reference) == "chart":
            write_chart(root, writer)
        else:
            for line in _paragraphs(root):
                writer.line(line)
            writer.gap()


def write_chart(root: Any, writer: PageWriter) -> None:
    """Title, axes, and the numbers as a table: a row a category, a column a series."""
    title = root.find(".//{*}chart/{*}title")
    if title is not None and (text := " ".join(_paragraphs(title))):
        writer.paragraph(f"Chart: {text}")
    axes = [" ".join(_paragraphs(axis)) for axis in root.findall(".//{*}plotArea/*/{*}title")]
    if any(axes):
        writer.line("Axes: " + ", ".join(filter(None, axes)))
    series = list(root.iter("{*}ser"))[:50]
    names = [_points(one.find("{*}tx")) for one in series]
    columns = [_points(one.find("{*}val")) or _points(one.find("{*}yVal")) for one in series]
    categories = next(
        (found for one in series if (found := _points(one.find("{*}cat")) or _points(one.find("{*}xVal")))), {}
    )
    writer.gap()
    if any(names) or categories:
        writer.row(["Category", *(name.get(0, "") for name in names)] if any(names) else [])
    for index in sorted(set(categories) | {index for column in columns for index in column})[:2000]:
        writer.row([categories.get(index, str(index + 1)), *(column.get(index, "") for column in columns)])
    writer.gap()


def _points(element: Any) -> dict[int, str]:
    """Index -> cached value of a chart's reference."""
    if element is None:
        return {}
    found: dict[int, str] = {}
    for point in element.iter("{*}pt"):
        value = point.find("{*}v")
        index = attribute(point, "idx") or ""
        if value is not None and index.isdigit():
            found[int(index)] = one_line(value.text or "")
    if not found and (value := element.find("{*}v")) is not None:
        found[0] = one_line(value.text or "")
    return found


def _write_notes(root: Any, writer: PageWriter) -> None:
    lines = []
    for shape in root.iter("{*}sp"):
        if _placeholder(shape) not in {*_UNREAD, "sldImg", "hdr"}:
            lines += _paragraphs(shape)
    if lines:
        writer.paragraph("Notes: " + "\n".join(lines))
