"""EPUB: the chapters in reading order, a page each; long ones are cut."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from lxml import etree

from provenance.errors import DocumentError
from retrieval.document import Page
from retrieval.parsing.cleaning import one_line
from retrieval.parsing.limits import open_zip, read_part
from retrieval.parsing.markup import local, read_xml
from retrieval.parsing.source import Source
from retrieval.parsing.web import parse_html
from retrieval.parsing.writer import PageWriter, flow_pages

__all__ = ["parse"]


def parse(source: Source) -> Iterator[Page]:
    """Pages are labelled with the chapter's first heading, else "chapter N"."""
    with source.open() as stream, open_zip(stream) as archive:
        names = {name.lower(): name for name in archive.namelist()}
        root, folder = _package(archive, names)
        _describe(root, source)
        number = 1
        missing = 0
        for position, href in enumerate(_spine(root), start=1):
            path = names.get(posixpath.normpath(posixpath.join(folder, unquote(href.split("#")[0]))).lower())
            if path is None:
                missing += 1
                continue
            writer = PageWriter()
            parse_html(source, read_part(archive, path), writer)
            if not writer.text.strip():
                continue
            label = _label(writer, position)
            for page in flow_pages(writer.text, writer.headings):
                part = f"{label}, {page.label}" if page.label else label
                yield replace(page, number=number, label=part)
                number += 1
        if missing:
            source.warn(f"{missing} chapters are missing in the file.")
        if "meta-inf/rights.xml" in names and number == 1:
            raise DocumentError("The book is protected against copying.", hint="Add a copy without such protection.")


def _package(archive: zipfile.ZipFile, names: dict[str, str]) -> tuple[Any, str]:
    """The package document and the folder its references start from."""
    path = ""
    if "meta-inf/container.xml" in names:
        container = _xml(archive, names["meta-inf/container.xml"])
        for node in container.iter() if container is not None else ():
            if local(node) == "rootfile":
                path = node.get("full-path") or ""
                break
    path = names.get(path.lower()) or next((name for low, name in names.items() if low.endswith(".opf")), "")
    root = _xml(archive, path) if path else None
    if root is None:
        raise DocumentError("The book is damaged: its table of parts cannot be read.", hint="Get a fresh copy.")
    return root, posixpath.dirname(path)


def _xml(archive: zipfile.ZipFile, name: str) -> Any:
    try:
        return read_xml(read_part(archive, name))
    except (KeyError, etree.XMLSyntaxError):
        return None


def _describe(root: Any, source: Source) -> None:
    for element in root.iter():
        match local(element):
            case "title" if element.text and not source.title:
                source.title = one_line(element.text)[:200]
            case "creator" if "author" not in source.metadata:
                source.note("author", element.text)
            case "language":
                source.note("language", element.text)
            case _:
                pass


def _spine(root: Any) -> list[str]:
    items = {node.get("id"): node.get("href") or "" for node in root.iter("{*}item")}
    order = [items.get(node.get("idref"), "") for node in root.iter("{*}itemref")]
    if not any(order):
        order = [node.get("href") or "" for node in root.iter("{*}item") if "html" in (node.get("media-type") or "")]
    return [href for href in order if href]


def _label(writer: PageWriter, position: int) -> str:
    if writer.headings:
        first = writer.headings[0]
        title = writer.text[first.start : first.end]
        if len(title) <= 80:
            return title
    return f"chapter {position}"
