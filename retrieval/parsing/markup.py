"""XML: articles in JATS/NXML with their sections, SVG's texts, and anything else as `element: text` lines.

Entities are not expanded (but the five of XML itself), DTDs are not loaded, nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lxml import etree

from provenance.errors import DocumentError
from retrieval.document import Page
from retrieval.parsing import jats
from retrieval.parsing.cleaning import one_line
from retrieval.parsing.source import Source
from retrieval.parsing.writer import PageWriter, flow_pages

__all__ = ["local", "parse", "read_xml"]


def read_xml(data: bytes, on_damage: Callable[[], None] | None = None) -> Any:
    """The root element, by a parser that neither expands entities nor touches network or disk.

    Args:
        on_damage: Called when the XML is not well-formed (or nested deeper than libxml2 goes) and only a part was read.
    Raises:
        etree.XMLSyntaxError: Nothing could be read.
        MemoryError: The tree does not fit.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, recover=True,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        _check_memory(parser.error_log)
        raise
    _check_memory(parser.error_log)
    if root is None:
        raise etree.XMLSyntaxError("empty", 0, 0, 0)
    if on_damage is not None and len(parser.error_log):
        on_damage()
    return root


def _check_memory(log: Any) -> None:
    if any(entry.type == etree.ErrorTypes.ERR_NO_MEMORY for entry in log):
        raise MemoryError


def local(element: Any) -> str:
    """An element's name without its namespace; "" for comments and entities."""
    tag = element.tag
    return tag.rsplit("}", 1)[-1] if isinstance(tag, str) else ""


def parse(source: Source) -> Iterator[Page]:
    """One flowing text, cut where it is long."""
    data = source.read()
    try:
        root = read_xml(data, lambda: source.warn("The XML is damaged; what could be read of it was read."))
    except etree.XMLSyntaxError as exc:
        raise DocumentError("The XML is damaged and cannot be read.", hint="Check it with an XML editor.") from exc
    writer = PageWriter()
    name = local(root)
    if name in {"article", "pmc-articleset", "book-part"} and root.find(".//{*}front") is not None:
        jats.write_article(root, writer, source)
    elif name == "html":
        from retrieval.parsing.web import write_html

        write_html(root, writer)
    else:
        _write_generic(root, writer)
    yield from flow_pages(writer.text, writer.headings)


def _write_generic(root: Any, writer: PageWriter) -> None:
    """Leaves as `name: text` lines, attributes too; a blank line wherever an element with children begins."""
    for event, element in etree.iterwalk(root, events=("start", "end")):
        name = local(element)
        if event == "end":
            if name and len(element):
                writer.gap()
                if tail := one_line(element.tail or ""):
                    writer.line(tail)
            elif name and (tail := one_line(element.tail or "")):
                writer.line(tail)
            continue
        if not name:
            continue
        attributes = [f"{key.rsplit('}', 1)[-1]}: {one_line(value)}" for key, value in element.items() if value.strip()]
        text = one_line(element.text or "")
        if len(element):
            if element is not root:
                writer.gap()
            lead = [name, *attributes] if attributes or text else []
            if lead:
                writer.line(" | ".join(lead) + (f": {text}" if text else ""))
        elif text or attributes:
            writer.line(" | ".join([f"{name}: {text}" if text else name, *attributes]))
