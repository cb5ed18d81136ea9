"""Articles in JATS (NXML): title, authors, abstract, sections, tables, captions, references."""

from __future__ import annotations

from typing import Any

from retrieval.parsing.cleaning import one_line
from retrieval.parsing.source import Source
from retrieval.parsing.writer import PageWriter

__all__ = ["write_article"]

_UNREAD = {"object-id", "graphic", "permissions", "counts", "custom-meta-group"}


def write_article(root: Any, writer: PageWriter, source: Source) -> None:
    """Everything a reader of the article sees, in its order."""
    for article in [root] if _name(root) == "article" else root.iter("{*}article"):
        _write_front(article, writer, source)
        for part in ("body", "floats-group", "back"):
            for element in _children(article, part):
                _write_section(element, writer, level=2)


def _write_front(article: Any, writer: PageWriter, source: Source) -> None:
    meta = article.find(".//{*}article-meta")
    meta = article if meta is None else meta
    title = _text(meta.find(".//{*}article-title"))
    if title:
        source.title = source.title or title[:200]
        writer.heading(title, 1)
    authors = [name for contrib in meta.iter("{*}contrib") if (name := _author(contrib))]
    if authors:
        source.note("author", ", ".join(authors))
        writer.paragraph("Authors: " + ", ".join(authors))
    journal = _text(article.find(".//{*}journal-title"))
    identity = [f"{kind.get('pub-id-type', 'id').upper()}: {_text(kind)}" for kind in _children(meta, "article-id")]
    year = _text(meta.find(".//{*}pub-date/{*}year"))
    writer.paragraph(" | ".join(filter(None, [f"Journal: {journal}" if journal else "", *identity, year])))
    source.note("date", year)
    for abstract in meta.iter("{*}abstract"):
        writer.heading(_text(abstract.find("{*}title")) or "Abstract", 2)
        _write_section(abstract, writer, level=3, skip_title=True)
    keywords = [_text(word) for word in meta.iter("{*}kwd")]
    if keywords:
        writer.paragraph("Keywords: " + ", ".join(keywords))


def _write_section(element: Any, writer: PageWriter, *, level: int, skip_title: bool = False) -> None:
    for child in element:
        name = _name(child)
        if not name or name in _UNREAD or level > 12:
            continue
        if name == "title":
            if not skip_title:
                writer.heading(_text(child), max(1, level - 1))
        elif name in {"sec", "app", "ack", "ref-list", "fn-group", "glossary", "app-group", "notes", "boxed-text"}:
            _write_section(child, writer, level=level + 1)
            writer.gap()
        elif name == "table-wrap":
            _write_table(child, writer)
        elif name in {"list", "def-list"}:
            for item in child:
                writer.line("- " + _text(item))
            writer.gap()
        elif name == "ref":
            writer.line(_text(child))
        elif text := _text(child):
            writer.paragraph(text)


def _write_table(wrap: Any, writer: PageWriter) -> None:
    caption = " ".join(filter(None, (_text(wrap.find("{*}label")), _text(wrap.find("{*}caption")))))
    writer.gap()
    if caption:
        writer.paragraph(caption)
    for row in wrap.iter("{*}tr"):
        writer.row([_text(cell) for cell in row if _name(cell) in {"td", "th"}])
    writer.gap()
    if foot := _text(wrap.find("{*}table-wrap-foot")):
        writer.paragraph(foot)


def _author(contrib: Any) -> str:
    if contrib.get("contrib-type", "author") != "author":
        return ""
    given, family = contrib.find(".//{*}given-names"), contrib.find(".//{*}surname")
    return one_line(f"{_text(given)} {_text(family)}")


def _text(element: Any) -> str:
    """All text inside, the parts of a formula and a reference parted by spaces where the markup parts them."""
    if element is None:
        return ""
    return one_line("".join(_in_order(element)))


def _in_order(element: Any) -> list[str]:
    parts = [element.text or ""] if _name(element) else []
    for child in element:
        name = _name(child)
        apart = name in {"title", "label", "p", "surname", "given-names", "name", "caption", "year", "source", "sec"}
        if name and name not in {"tex-math", "graphic", "inline-graphic", "object-id"}:
            if apart:
                parts.append(" ")
            parts += _in_order(child)
            if apart:
                parts.append(" ")
        parts.append(child.tail or "")
    return parts


def _children(element: Any, name: str) -> list[Any]:
    return [child for child in element if _name(child) == name]


def _name(element: Any) -> str:
    tag = element.tag
    return tag.rsplit("}", 1)[-1] if isinstance(tag, str) else ""
