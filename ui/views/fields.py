"""Fields of an event as HTML: whatever JSON a guard or a tool wrote into the ledger, readable and escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ui.views.words import esc, seconds

__all__ = ["digest_html", "fields_html"]

MOST_ROWS = 100
_DIGEST = re.compile(r"(?:[a-z0-9-]+:)?[0-9a-f]{40,128}")  # shown short, whole when pointed at
_FIRST = ("n", "document", "page", "score")  # the columns a person looks for, before the rest


def digest_html(digest: str) -> str:
    """A digest by its first twelve characters; the whole of it when pointed at."""
    return f'<span class="wf-digest" title="{esc(digest)}">{esc(digest[: digest.rfind(":") + 13])}…</span>'


def fields_html(value: Any, name: str = "") -> str:
    """A value of JSON: a mapping as facts, a list of mappings as a table, digests short, seconds as such."""
    if isinstance(value, Mapping):
        return _facts(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _list(value)
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        return digest_html(value)
    return esc(_scalar(value, name))


def _facts(body: Mapping[str, Any]) -> str:
    short = {name: value for name, value in body.items() if not _is_table(value)}
    rows = "".join(f"<dt>{esc(_name(name))}</dt><dd>{fields_html(value, name)}</dd>" for name, value in short.items())
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
        return "<br>".join(fields_html(value) for value in values[:MOST_ROWS])
    known = dict.fromkeys(name for value in values for name in value)
    columns = [name for name in _FIRST if name in known] + [name for name in known if name not in _FIRST]
    head = "".join(f"<th{_numeric(values, name)}>{esc(_name(name))}</th>" for name in columns)
    rows = "".join(
        "<tr>"
        + "".join(f"<td{_numeric(values, name)}>{fields_html(value.get(name, ''), name)}</td>" for name in columns)
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
