"""DOCX: paragraphs, headings, lists, tables, text boxes, notes, comments, headers and footers; no macro is run.

Text that was deleted with tracking on is left out, text that was inserted is in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from provenance.errors import DocumentError
from retrieval.document import Page
from retrieval.parsing.cleaning import one_line
from retrieval.parsing.markup import local
from retrieval.parsing.ooxml import Package, attribute, open_package
from retrieval.parsing.source import Source
from retrieval.parsing.writer import PageWriter, flow_pages

__all__ = ["parse"]

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_UNREAD = {"del", "moveFrom", "instrText", "delText", "Fallback", "sdtPr", "rPr", "pPr", "sectPr", "tblPr"}
_HEADING_NAME = re.compile(r"(?:heading|überschrift|titre|título|titolo|kop|rubrik)\s*([1-9])$", re.I)


def parse(source: Source) -> Iterator[Page]:
    """One flowing text (the file does not say where its pages end), cut where it is long."""
    with open_package(source) as package:
        main = package.main_part("word/document.xml")
        root = package.xml(main)
        if root is None:
            raise DocumentError("The document is damaged: its text cannot be read.", hint="Open and save it again.")
        package.describe(source)
        if package.names("word/vbaproject"):
            source.warn("The document holds macros; they are never run.")
        relations = package.relations(main)
        writer = PageWriter()
        _write_parts(package, relations, "header", writer)
        body = _Body(package, relations, writer)
        for child in root:
            body.write(child)
        _write_notes(package, relations, writer)
        _write_comments(package, relations, writer)
        _write_parts(package, relations, "footer", writer)
    if body.title and not source.title:
        source.title = body.title[:200]
    yield from flow_pages(writer.text, writer.headings)


class _Body:
    """Writes the blocks of a document, in order."""

    def __init__(self, package: Package, relations: dict[str, tuple[str, str]], writer: PageWriter) -> None:
        self._levels = _heading_levels(package, relations)
        self._writer = writer
        self._listed = False
        self.title = ""

    def write(self, element: Any, depth: int = 0) -> None:
        name = local(element)
        if name == "p":
            self._paragraph(element)
        elif name == "tbl":
            self._table(element)
        elif name not in _UNREAD and depth < 60:  # body, content controls, inserted blocks
            for child in element:
                self.write(child, depth + 1)

    def _paragraph(self, element: Any) -> None:
        text = _text(element)
        boxes = [box for box in element.iter(_W + "txbxContent") if not _inside(box, "Fallback")]
        if text.strip():
            self._write_line(element, text)
        for box in boxes:
            for paragraph in box.iter(_W + "p"):
                self._writer.paragraph(_text(paragraph))

    def _write_line(self, element: Any, text: str) -> None:
        properties = element.find(_W + "pPr")
        level = self._level(properties)
        if level is not None and len(one_line(text)) <= 300:
            self._writer.heading(text, level)
            self.title = self.title or one_line(text)
            self._listed = False
        elif properties is not None and properties.find(_W + "numPr") is not None:
            if not self._listed:
                self._writer.gap()
            self._writer.line(f"- {text.strip()}")
            self._listed = True
        else:
            self._writer.paragraph(text.strip())
            self._listed = False

    def _level(self, properties: Any) -> int | None:
        if properties is None:
            return None
        outline = properties.find(_W + "outlineLvl")
        if outline is not None and (attribute(outline, "val") or "").isdigit():
            level = int(attribute(outline, "val") or 9)
            return level + 1 if level < 9 else None
        style = properties.find(_W + "pStyle")
        return self._levels.get(attribute(style, "val") or "") if style is not None else None

    def _table(self, element: Any) -> None:
        self._listed = False
        self._writer.gap()
        above: dict[int, str] = {}  # column -> text of a cell that was merged downwards
        for row in _rows(element):
            self._writer.row(_cells(row, above))
        self._writer.gap()


def _rows(table: Any) -> Iterator[Any]:
    """Rows, also those inside content controls."""
    for child in table:
        name = local(child)
        if name == "tr":
            yield child
        elif name in {"sdt", "sdtContent", "ins"}:
            yield from _rows(child)


def _cells(row: Any, above: dict[int, str]) -> list[str]:
    """Texts of a row's cells; one merged downwards is repeated, one merged sideways fills a single place."""
    texts: list[str] = []
    column = 0
    for cell in row.iter(_W + "tc"):
        if _nearest_row(cell) is not row:
            continue  # of a table inside a cell
        properties = cell.find(_W + "tcPr")
        merge = properties.find(_W + "vMerge") if properties is not None else None
        span = properties.find(_W + "gridSpan") if properties is not None else None
        text = " ".join(filter(None, (one_line(_text(paragraph)) for paragraph in cell.iter(_W + "p"))))
        if merge is not None and attribute(merge, "val") != "restart":
            text = text or above.get(column, "")
        elif merge is not None:
            above[column] = text
        else:
            above.pop(column, None)
        texts.append(text)
        width = (attribute(span, "val") or "1") if span is not None else "1"
        column += min(int(width), 100) if width.isdigit() else 1
    return texts


def _nearest_row(cell: Any) -> Any:
    node = cell.getparent()
    while node is not None and local(node) != "tr":
        node = node.getparent()
    return node


def _text(paragraph: Any) -> str:
    """What the runs of a paragraph say; text boxes in it are written apart."""
    parts: list[str] = []
    stack = [paragraph]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            parts.append(node)
            continue
        name = local(node)
        if name in _UNREAD or name == "txbxContent":
            continue
        if name in {"t", "sym"}:
            parts.append(node.text or "")
        elif name == "tab":
            parts.append("\t")
        elif name in {"br", "cr"}:
            parts.append("\n")
        elif name == "noBreakHyphen":
            parts.append("-")
        elif name == "docPr" and (alt := one_line(attribute(node, "descr") or "")):
            parts.append(f" [picture: {alt}] ")
        stack.extend(reversed(node))
    return "".join(parts)


def _inside(element: Any, name: str) -> bool:
    return any(local(node) == name for node in element.iterancestors())


def _heading_levels(package: Package, relations: dict[str, tuple[str, str]]) -> dict[str, int]:
    """Style id -> heading level, by the style's outline level or name, or by the style it builds on."""
    path = next((path for kind, path in relations.values() if kind == "styles"), "word/styles.xml")
    root = package.xml(path)
    own: dict[str, int] = {}
    based: dict[str, str] = {}
    for style in root.iter(_W + "style") if root is not None else ():
        identity = attribute(style, "styleId") or ""
        name = style.find(_W + "name")
        name_text = (attribute(name, "val") or "") if name is not None else ""
        outline = style.find(f"{_W}pPr/{_W}outlineLvl")
        parent = style.find(_W + "basedOn")
        if match := _HEADING_NAME.match(name_text):
            own[identity] = int(match.group(1))
        elif name_text.lower() == "title":
            own[identity] = 1
        elif outline is not None and (attribute(outline, "val") or "9") in "012345678":
            own[identity] = int(attribute(outline, "val") or 0) + 1
        elif parent is not None:
            based[identity] = attribute(parent, "val") or ""
    return own | {style: level for style in based if (level := _inherited(style, own, based)) is not None}


def _inherited(style: str, own: dict[str, int], based: dict[str, str]) -> int | None:
    for _ in range(20):
        if style in own:
            return own[style]
        style = based.get(style, "")
    return None


def _write_parts(package: Package, relations: dict[str, tuple[str, str]], kind: str, writer: PageWriter) -> None:
    """Headers or footers, each different text once."""
    seen: set[str] = set()
    for found, path in sorted(relations.values()):
        root = package.xml(path) if found == kind else None
        if root is None:
            continue
        texts = (one_line(_text(paragraph)) for paragraph in root.iter(_W + "p"))
        text = " | ".join(filter(None, texts))
        if text and text not in seen and not text.isdigit():
            seen.add(text)
            writer.paragraph(text)


def _write_notes(package: Package, relations: dict[str, tuple[str, str]], writer: PageWriter) -> None:
    for kind, title in (("footnotes", "Footnotes"), ("endnotes", "Endnotes")):
        lines = []
        for found, path in relations.values():
            root = package.xml(path) if found == kind else None
            for note in root if root is not None else ():
                if attribute(note, "type") in {None, "normal"} and (text := _joined(note)):
                    lines.append(f"[{attribute(note, 'id')}] {text}")
        if lines:
            writer.heading(title, 1)
            for line in lines:
                writer.line(line)
            writer.gap()


def _write_comments(package: Package, relations: dict[str, tuple[str, str]], writer: PageWriter) -> None:
    lines = []
    for found, path in relations.values():
        root = package.xml(path) if found == "comments" else None
        for comment in root if root is not None else ():
            if text := _joined(comment):
                author = one_line(attribute(comment, "author") or "")
                lines.append(f"Comment by {author}: {text}" if author else f"Comment: {text}")
    if lines:
        writer.heading("Comments", 1)
        for line in lines:
            writer.line(line)
        writer.gap()


def _joined(element: Any) -> str:
    return " ".join(filter(None, (one_line(_text(paragraph)) for paragraph in element.iter(_W + "p"))))
