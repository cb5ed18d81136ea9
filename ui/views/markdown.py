"""An answer's Markdown as a tree that the page can draw without parsing HTML.

The text comes from a model that has read documents of anyone, so what could reach out or run is not merely escaped but
not understood at all: no raw HTML, no pictures (loading one would tell its server that you read), no links, no
reference definitions. What is left is paragraphs, lists, tables, emphasis and code; `[n]` becomes a citation.
"""

from __future__ import annotations

import re
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

__all__ = ["Node", "answer_tree"]

Node = dict[str, Any] | str  # {"tag": ..., "children": [...]}, {"cite": n}, or text

_CITES = re.compile(r"\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]")
_TAGS = {
    "paragraph": "p",
    "heading": "h4",
    "bullet_list": "ul",
    "ordered_list": "ol",
    "list_item": "li",
    "blockquote": "blockquote",
    "strong": "strong",
    "em": "em",
    "table": "table",
    "thead": "thead",
    "tbody": "tbody",
    "tr": "tr",
    "th": "th",
    "td": "td",
}
_PARSER = (
    MarkdownIt("commonmark", {"html": False})
    .enable("table")
    .disable(["image", "link", "autolink", "reference", "html_block", "html_inline"])
)


def answer_tree(text: str, known: set[int] | None = None) -> list[Node]:
    """Parse Markdown; `[n]` is a citation where n is in `known` (any n while an answer is still being written)."""
    root = SyntaxTreeNode(_PARSER.parse(text))
    return [drawn for child in root.children for drawn in _draw(child, known)]


def _draw(node: SyntaxTreeNode, known: set[int] | None) -> list[Node]:
    match node.type:
        case "text":
            return _with_citations(node.content, known)
        case "softbreak":
            return ["\n"]
        case "hardbreak":
            return [{"tag": "br", "children": []}]
        case "hr":
            return [{"tag": "hr", "children": []}]
        case "code_inline":
            return [{"tag": "code", "children": [node.content]}]
        case "fence" | "code_block":
            return [{"tag": "pre", "children": [{"tag": "code", "children": [node.content]}]}]
    children = [drawn for child in node.children for drawn in _draw(child, known)]
    tag = _TAGS.get(node.type)
    if tag is None:  # "inline" and whatever we do not know: its content, without an element
        return children or ([node.content] if not node.children and node.content else [])
    drawn: dict[str, Any] = {"tag": tag, "children": children}
    if tag == "ol" and node.attrs.get("start"):
        drawn["start"] = int(node.attrs["start"])
    return [drawn]


def _with_citations(text: str, known: set[int] | None) -> list[Node]:
    nodes: list[Node] = []
    position = 0
    for found in _CITES.finditer(text):
        numbers = [int(number) for number in re.findall(r"\d+", found.group(1))]
        if known is not None and not all(number in known for number in numbers):
            continue
        if text[position : found.start()]:
            nodes.append(text[position : found.start()])
        nodes.extend({"cite": number} for number in numbers)
        position = found.end()
    if text[position:]:
        nodes.append(text[position:])
    return nodes
