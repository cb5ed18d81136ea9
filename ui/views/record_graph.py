"""A record as a picture: from the question over passages and model to the answer, with what the guards did.

Drawn by Graphviz in the browser, so that nothing has to be installed. Every text in it is quoted for the DOT language.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ui.api import EventRow, Record
from ui.views.words import count, shorten

__all__ = ["record_dot"]

_WIDE = 34  # characters of a line in a box
MOST_PASSAGES = 12
_STYLE = """
  rankdir=LR; bgcolor="transparent"; nodesep=0.22; ranksep=0.45;
  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11, penwidth=1,
        color="#8a94a0", fillcolor="#f4f1ea", fontcolor="#1c2430", margin="0.14,0.08"];
  edge [color="#8a94a0", arrowsize=0.7, fontname="Helvetica", fontsize=10, fontcolor="#7a8490"];
"""
_FILLS = {"passage": "#ffe58a", "document": "#fff7d6", "model": "#cfe6e2", "answer": "#d7efdf", "guard": "#f6d4d4"}


def record_dot(record: Record, names: Mapping[int, str]) -> str:
    """The graph in the DOT language. `names` are those of documents that events know by number."""
    drawing = _Drawing(record, names)
    for event in record.events:
        drawing.event(event)
    return drawing.dot()


class _Drawing:
    def __init__(self, record: Record, names: Mapping[int, str]) -> None:
        self._record, self._names = record, names
        self._cited = {citation.n for citation in record.answer.citations} if record.answer else set()
        self._lines: list[str] = []
        self._last = ""  # where the flow is
        self._passages: list[str] = []

    def dot(self) -> str:
        return f"digraph record {{{_STYLE}{chr(10).join(dict.fromkeys(self._lines))}\n}}"

    def event(self, event: EventRow) -> None:
        match event.kind:
            case "request":
                question = event.contents.get("question")
                self._node("question", "Question", question if question is not None else "(erased)")
                self._last = "question"
            case "ingest":
                self._node("question", "Documents handed in", event.contents.get("paths") or "(erased)")
                self._last = "question"
            case "retrieval":
                self._retrieved(event.body.get("given"))
            case "model_call":
                self._called(event)
            case "guard" if event.body.get("action") not in (None, "allow"):
                self._guarded(event)
            case "answer" | "stopped" | "error" | "interrupted":
                self._ended(event)
            case _:
                pass

    def _retrieved(self, given: Any) -> None:
        rows = [one for one in given if isinstance(one, Mapping)] if isinstance(given, list) else []
        for one in rows[:MOST_PASSAGES]:
            number, document = one.get("n"), one.get("document")
            passage, source = f"passage{number}", f"document{document}"
            name = self._names.get(document, "a document that is gone") if isinstance(document, int) else "a document"
            self._node(source, "Document", name, "document")
            self._node(
                passage, f"Passage {number}", f"page {one.get('page', '?')}, score {one.get('score', '')}", "passage"
            )
            self._edge(source, passage)
            self._edge("question", passage, "found")
            self._passages.append(passage)
        if len(rows) > MOST_PASSAGES:
            self._node("more", "And", count(len(rows) - MOST_PASSAGES, "more passage"), "passage")

    def _called(self, event: EventRow) -> None:
        body = event.body
        model = f"model{event.seq}"
        tokens = (body.get("tokens") or {}).get("output")
        told = f"{body.get('model', '')}" + (f"\n{tokens} tokens" if tokens else "")
        purpose = str(body.get("purpose") or "")
        self._node(model, f"Model {purpose}".strip(), told, "model")
        for before in self._passages if purpose in ("answer", "found", "which") else [self._last]:
            self._edge(before, model)
        if self._passages and self._last:
            self._edge(self._last, model)
        self._last = model

    def _guarded(self, event: EventRow) -> None:
        body, guard = event.body, f"guard{event.seq}"
        self._node(
            guard, f"Guard: {body.get('action')}", f"{body.get('ring', '')} {body.get('id', '')}".strip(), "guard"
        )
        self._edge(self._last or "question", guard, "stopped" if body.get("action") == "block" else "")

    def _ended(self, event: EventRow) -> None:
        words = {"answer": "Refusal" if event.body.get("refused") else "Answer", "error": "Error"}
        title = words.get(event.kind, event.kind.capitalize())
        text = event.contents.get("answer", "" if event.kind == "error" else None)
        self._node("answer", title, text if text is not None else "(erased)", "answer")
        self._edge(self._last, "answer")
        for passage in self._passages:
            if passage.removeprefix("passage").isdigit() and int(passage.removeprefix("passage")) in self._cited:
                self._edge(passage, "answer", "cited")

    def _node(self, name: str, title: str, text: str, fill: str = "") -> None:
        body = _wrapped(shorten(text, 3 * _WIDE)) if "\n" not in text else text
        colour = f', fillcolor="{_FILLS[fill]}"' if fill else ""
        self._lines.append(f'  {_id(name)} [label="{_quoted(f"{title}" + (chr(10) + body if body else ""))}"{colour}];')

    def _edge(self, before: str, after: str, label: str = "") -> None:
        if before and before != after:
            told = f' [label="{_quoted(label)}"]' if label else ""
            self._lines.append(f"  {_id(before)} -> {_id(after)}{told};")


def _id(name: str) -> str:
    return "n_" + "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)


def _quoted(text: str) -> str:
    """Text for a double-quoted string of DOT; line ends stay."""
    shown = "".join(letter for letter in text if letter.isprintable() or letter == "\n")
    return shown.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _wrapped(text: str) -> str:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > _WIDE:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return "\n".join([*lines, line]) if line else "\n".join(lines)
