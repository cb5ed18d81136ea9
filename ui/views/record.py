"""The record of a run as a tree that a person can read: every ledger event in order, with what it holds.

Event bodies are open-ended (a guard or a tool adds its own fields), so nothing is picked out and nothing left out:
known events get a sentence, and every field of every event is shown, as facts or as a table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ui.api import EventRow, Record
from ui.views.words import clock, count, esc, seconds

__all__ = ["event_title", "record_html"]

MOST_ROWS = 100
_DIGEST = re.compile(r"(?:[a-z0-9-]+:)?[0-9a-f]{40,128}")  # shown short, whole when pointed at
_TITLES = {
    "request": "Question received",
    "plan": "Plan",
    "retrieval": "Documents searched",
    "grounding": "Answer held against its sources",
    "model_call": "Model called",
    "tool_call": "Tool called",
    "guard": "Guard decided",
    "answer": "Answer recorded",
    "error": "Ended with an error",
    "stopped": "Stopped by a person",
    "ingest": "Documents handed in",
    "document_added": "Document added",
    "document_changed": "Document changed",
    "document_removed": "Document removed",
    "conversation_deleted": "Conversation deleted",
}
_TONES = {"error": "bad", "stopped": "warn"}
_CONTENT_NAMES = {"query": "Searched for", "output": "What the model wrote"}
_FOLDED = ("prompt", "passage", "output")  # long, or already shown elsewhere
LONG_TEXT = 1500


def record_html(record: Record, names: Mapping[int, str] | None = None) -> str:
    """The whole record, every text in it escaped. `names` are those of documents that events know by number."""
    events = [event.model_copy(update={"body": _named(event.body, names or {})}) for event in record.events]
    if not events:
        return '<div class="wf-calm">Nothing is recorded for this run yet.</div>'
    return f'<ol class="wf-tree" aria-label="Record">{"".join(_event(event, events[0].at) for event in events)}</ol>'


def event_title(event: EventRow) -> str:
    """What happened, in a few words, with the most telling of its fields."""
    title = _TITLES.get(event.kind, event.kind.replace("_", " ").capitalize())
    body = event.body
    match event.kind:
        case "guard":
            action = body.get("action")
            where = body.get("ring")
            return " ".join(
                part for part in (title, f"“{action}”" if action else "", f"on {where}" if where else "") if part
            )
        case "retrieval":
            found = body.get("given")
            return f"{title}: {count(len(found), 'passage')} given to the model" if isinstance(found, list) else title
        case "tool_call" | "plan":
            tool = body.get("tool") or body.get("name")
            return f"{title}: {tool}" if isinstance(tool, str) else title
        case "model_call":
            model = body.get("model")
            return f"{title}: {model}" if isinstance(model, str) else title
    return title


def _event(event: EventRow, began: str) -> str:
    tone = _TONES.get(event.kind, "")
    if event.kind == "guard" and event.body.get("action") in ("block", "redact", "ask"):
        tone = "bad" if event.body["action"] == "block" else "warn"
    texts = "".join(_content(name, text) for name, text in event.contents.items())
    body = {name: value for name, value in event.body.items() if name != "commitments"}
    return (
        f'<li class="{tone}" data-kind="{esc(event.kind)}"><span class="title">{esc(event_title(event))}</span>'
        f'<span class="when" title="{esc(clock(event.at))}">#{event.seq}{esc(_since(began, event.at))}</span>'
        f"{texts}{_value(body) if body else ''}"
        f'<div class="wf-digest" title="Digest of this event">{esc(event.digest)}</div></li>'
    )


def _since(began: str, at: str) -> str:
    try:
        passed = (datetime.fromisoformat(at) - datetime.fromisoformat(began)).total_seconds()
    except ValueError:
        return ""
    return f" · +{seconds(passed)}" if passed > 0 else ""


def _content(name: str, text: str | None) -> str:
    title = _CONTENT_NAMES.get(name, name.replace("_", " ").capitalize())
    if text == "":
        return ""
    said = '<span class="wf-mute">(erased)</span>' if text is None else esc(text)
    if text is not None and (name.startswith(_FOLDED) or len(text) > LONG_TEXT):
        summary = f'<summary class="wf-note">{esc(title)}, {count(len(text), "character")}</summary>'
        return f"<details>{summary}<blockquote>{said}</blockquote></details>"
    return f'<div class="wf-note">{esc(title)}</div><blockquote>{said}</blockquote>'


def _named(value: Any, names: Mapping[int, str]) -> Any:
    if isinstance(value, Mapping):
        return {
            name: names.get(part, part) if name == "document" and isinstance(part, int) else _named(part, names)
            for name, part in value.items()
        }
    return [_named(part, names) for part in value] if isinstance(value, list) else value


# -- fields -------------------------------------------------------------------------------------------------------
def _value(value: Any, name: str = "") -> str:
    if isinstance(value, Mapping):
        return _facts(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _list(value)
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        return f'<span class="wf-digest" title="{esc(value)}">{esc(value[: value.rfind(":") + 13])}…</span>'
    return esc(_scalar(value, name))


def _facts(body: Mapping[str, Any]) -> str:
    short = {name: value for name, value in body.items() if not _is_table(value)}
    rows = "".join(f"<dt>{esc(_name(name))}</dt><dd>{_value(value, name)}</dd>" for name, value in short.items())
    tables = "".join(
        f'<div class="wf-note">{esc(_name(name))}</div>{_list(value)}'
        for name, value in body.items()
        if name not in short
    )
    return (f'<dl class="wf-facts">{rows}</dl>' if rows else "") + tables


def _is_table(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _list(values: Sequence[Any]) -> str:
    if not values:
        return '<span class="wf-mute">none</span>'
    if not _is_table(values):
        return "<br>".join(_value(value) for value in values[:MOST_ROWS])
    columns = list(dict.fromkeys(name for value in values for name in value))
    head = "".join(f"<th{_numeric(values, name)}>{esc(_name(name))}</th>" for name in columns)
    rows = "".join(
        "<tr>"
        + "".join(f"<td{_numeric(values, name)}>{_value(value.get(name, ''), name)}</td>" for name in columns)
        + "</tr>"
        for value in values[:MOST_ROWS]
    )
    more = f'<div class="wf-note">and {len(values) - MOST_ROWS} more</div>' if len(values) > MOST_ROWS else ""
    table = f'<table class="wf-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<div class="wf-scroll">{table}</div>{more}'


def _numeric(values: Sequence[Mapping[str, Any]], name: str) -> str:
    return ' class="num"' if all(isinstance(value.get(name, 0), int | float) for value in values) else ""


def _name(name: str) -> str:
    for unit in ("_s", "_ms"):
        name = name.removesuffix(unit)
    return name.replace("_", " ")


def _scalar(value: Any, name: str) -> str:
    match value:
        case None | "":
            return "–"
        case bool():
            return "yes" if value else "no"
        case int() | float() if name.endswith("_s") and not name.endswith("per_s"):
            return seconds(float(value))
        case float() if name.endswith("_ms"):
            return seconds(value / 1000)
        case float():
            return f"{value:.4g}"
        case int():
            return f"{value:,}" if abs(value) >= 10_000 and "seed" not in name else str(value)
    return str(value)
