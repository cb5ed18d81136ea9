"""The record of a run as a tree that a person can read: every ledger event in order, with what it holds.

Event bodies are open-ended (a guard or a tool adds its own fields), so nothing is left out: known events get a title
and a line with what matters most, and every field of every event stands folded under it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ui.api import EventRow, Record
from ui.views.fields import digest_html, fields_html
from ui.views.words import clock, count, esc, seconds

__all__ = ["event_title", "record_html"]

_TITLES = {
    "request": "Question received",
    "plan": "Plan",
    "retrieval": "Documents searched",
    "grounding": "Answer held against its sources",
    "model_call": "Model called",
    "tool_call": "Tool called",
    "guard": "Guard decided",
    "approval": "A person was asked",
    "policy": "A guard policy came into force",
    "tool_permit": "A person decided about a tool",
    "answer": "Answer recorded",
    "mark": "Picture marked and signed",
    "error": "Ended with an error",
    "stopped": "Stopped by a person",
    "ingest": "Documents handed in",
    "document_added": "Document added",
    "document_changed": "Document changed",
    "document_removed": "Document removed",
    "collection_made": "Collection made",
    "collection_changed": "Documents of a collection changed",
    "collection_renamed": "Collection renamed",
    "collection_deleted": "Collection deleted",
    "conversation_deleted": "Conversation deleted",
    "table_query": "Table queried",
    "feedback": "Judged by a person",
    "evaluation": "Set of questions asked",
}
_PURPOSES = {
    "plan": "to plan",
    "which": "to choose passages",
    "answer": "to answer",
    "draw": "to draw",
    "enlarge": "to enlarge",
    "trace": "to trace",
}
_TONES = {"error": "bad", "stopped": "warn"}
_CONTENT_NAMES = {"query": "Searched for", "output": "What the model wrote"}
_FOLDED = ("prompt", "passage", "output")  # long, or already shown elsewhere
LONG_TEXT = 1500
_CLEARLY = 0.5
_SIGNS = {
    "none": "the model found no words",
    "uncovered": "words of the question stand in no passage",
    "nowhere": "the words that were read stand in no passage",
    "negated": "the question denies what the passage does not",
    "opposite": "the passage says the opposite",
    "strangers": "a name or year stands nowhere near",
    "apart": "the sentence lacks words of the question",
    "unsure": "the model was unsure of the words",
}  # of `agent.doubt`; that one document alone says it speaks against nothing


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
            return _words(title, _quoted(body.get("action")), f"on {body['ring']}" if "ring" in body else "")
        case "approval":
            return _words(title, f"about {body.get('tool') or body.get('subject', '')}:", _quoted(body.get("state")))
        case "retrieval" if isinstance(body.get("given"), list):
            return f"{title}: {count(len(body['given']), 'passage')} given to the model"
        case "feedback":
            return f"{title}: {'of use' if body.get('verdict') == 'up' else 'of no use'}"
        case "tool_permit":
            return _words("Tool", "allowed:" if body.get("allowed") else "denied:", str(body.get("tool", "")))
        case "tool_call" | "plan" if isinstance(body.get("tool"), str):
            return f"{title}: {body['tool']}"
        case "model_call" if body.get("purpose"):
            return f"{title} {_PURPOSES.get(body['purpose'], body['purpose'])}"
    return title


def _words(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _quoted(word: object) -> str:
    return f"“{word}”" if word else ""


def _line(event: EventRow) -> str:
    """The fields that matter most, in one line of HTML; what it leaves out stands under "All fields"."""
    body = event.body
    match event.kind:
        case "guard":
            score = f"score {body['score']} of {body.get('threshold', 1)}" if "score" in body else ""
            return esc(
                " · ".join(part for part in (str(body.get("id", "")), str(body.get("detail", "")), score) if part)
            )
        case "model_call":
            return _model_line(body)
        case "retrieval" if isinstance(body.get("given"), list) and body["given"]:
            return fields_html(body["given"])
        case "grounding":
            return esc(_doubt(body))
        case "answer" | "stopped":
            return esc(_words("Refused." if body.get("refused") else "", _cited(body)))
    return ""


def _doubt(body: Mapping[str, Any]) -> str:
    """The probability that the passages do not hold the answer, and the signs that speak for it."""
    if not isinstance(body.get("doubt"), float | int):
        return ""
    signs = body.get("signs")
    seen = [words for name, words in _SIGNS.items() if isinstance(signs, dict) and signs.get(name, 0) >= _CLEARLY]
    told = f": {', '.join(seen)}" if seen else ""
    return f"Doubt that the passages hold the answer {body['doubt']:.2f}{told}"


def _cited(body: Mapping[str, Any]) -> str:
    cited = body.get("citations")
    return count(len(cited), "citation") if isinstance(cited, list) and cited else ""


def _model_line(body: Mapping[str, Any]) -> str:
    tokens, timings = body.get("tokens") or {}, body.get("timings") or {}
    parameters = body.get("parameters") or {}
    parts = [str(body.get("model", ""))]
    if tokens:
        read = f"{tokens.get('input', 0):,} tokens read"
        reused = timings.get("prompt_tokens_cached")
        parts.append(f"{read} ({reused:,} from memory)" if reused else read)
        parts.append(f"{tokens.get('output', 0):,} written")
    if isinstance(body.get("seconds"), int | float):
        parts.append(seconds(body["seconds"]))
    parts += [f"{name} {parameters[name]}" for name in ("seed", "temperature") if name in parameters]
    line = esc(" · ".join(part for part in parts if part))
    weights = body.get("weights")
    return f"{line} · weights {digest_html(weights)}" if isinstance(weights, str) and weights else line


def _event(event: EventRow, began: str) -> str:
    tone = _TONES.get(event.kind, "")
    if event.kind == "guard" and event.body.get("action") in ("block", "redact", "ask"):
        tone = "bad" if event.body["action"] == "block" else "warn"
    texts = "".join(_content(name, text) for name, text in event.contents.items())
    body = {name: value for name, value in event.body.items() if name != "commitments"}
    line = _line(event)
    return (
        f'<li class="{tone}" data-kind="{esc(event.kind)}"><span class="title">{esc(event_title(event))}</span>'
        f'<span class="when" title="{esc(clock(event.at))}">#{event.seq}{esc(_since(began, event.at))}</span>'
        f"{f'<div>{line}</div>' if line else ''}{texts}"
        f'<details class="all"><summary class="wf-note">All fields</summary>{fields_html(body) if body else ""}'
        f'<div class="wf-note">Digest of this event</div><div class="wf-digest">{esc(event.digest)}</div>'
        "</details></li>"
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
