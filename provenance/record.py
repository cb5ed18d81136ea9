"""The readable record of one run: request, plan, retrieval, model calls, guards, answer, as a list and as a tree.

An event may name the event it belongs under in its body, `"parent": seq`; all others stand under the first one.
Nothing here knows a kind by name beyond what `provenance.runs` says, so new kinds read well without a change.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from provenance.entry import Content, Entry
from provenance.errors import NotFoundError
from provenance.ledger import Ledger
from provenance.runs import ENDS, RunSummary, State, list_runs, summarise

__all__ = ["Node", "RecordedEvent", "RunRecord", "RunSummary", "State", "record", "runs"]

_MAX_LABEL_FIELDS = 6
_MAX_FIELD = 60  # characters


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedEvent:
    """One event, readable: `label` says it in one line; a content that was erased is None."""

    seq: int
    at: str
    run: str
    kind: str
    digest: str
    body: dict[str, Any]
    contents: dict[str, str | None]
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A place in the tree of a run."""

    event: RecordedEvent
    children: list[Node] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """Everything about a run. `answer` is the private content "answer" of its end, None if there is none or erased."""

    run: RunSummary
    events: list[RecordedEvent]
    tree: Node
    answer: str | None


def runs(
    ledger: Ledger,
    *,
    limit: int = 100,
    kind: str | None = None,
    text: str | None = None,
    live: Collection[str] | None = None,
    among: Collection[str] | None = None,
    model: str | None = None,
) -> list[RunSummary]:
    """The newest runs first; see `provenance.runs.list_runs`."""
    return list_runs(ledger.database, limit=limit, kind=kind, text=text, live=live, among=among, model=model)


def record(ledger: Ledger, run: str, *, live: Collection[str] | None = None) -> RunRecord:
    """Everything a run caused.

    Args:
        live: As in `runs`.

    Raises:
        NotFoundError: If there is no such run.
    """
    events = [readable(entry) for entry in ledger.run_entries(run)]
    if not events:
        raise NotFoundError(f"There is no run {run!r} in the ledger.", hint="`wherefrom audit list` shows the runs.")
    with ledger.database.read() as conn:
        [summary] = summarise(conn, [run], live=live)
    answers = [text for event in events if event.kind in ENDS and (text := event.contents.get("answer")) is not None]
    return RunRecord(run=summary, events=events, tree=_tree(events), answer=answers[-1] if answers else None)


def readable(entry: Entry) -> RecordedEvent:
    """An entry with a label and with contents that can be shown."""
    return RecordedEvent(
        seq=entry.seq,
        at=entry.at,
        run=entry.run,
        kind=entry.kind,
        digest=entry.digest,
        body=entry.body,
        contents={name: _shown(content) for name, content in entry.contents.items()},
        label=_label(entry),
    )


def _shown(content: Content | None) -> str | None:
    return f"({len(content):,} bytes)" if isinstance(content, bytes) else content


def _label(entry: Entry) -> str:
    """`model call: model smollm2, output_tokens 88, seconds 3.12`: the plain values of the body, the first few."""
    plain = {
        name: value
        for name, value in entry.body.items()
        if name != "parent" and isinstance(value, str | int | float) and len(str(value)) <= _MAX_FIELD
    }
    said = ", ".join(f"{name} {_number(value)}" for name, value in list(plain.items())[:_MAX_LABEL_FIELDS])
    name = entry.kind.replace("_", " ")
    return f"{name}: {said}" if said else name


def _number(value: str | float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _tree(events: list[RecordedEvent]) -> Node:
    nodes = {event.seq: Node(event=event) for event in events}
    root = nodes[events[0].seq]
    for event in events[1:]:
        parent = event.body.get("parent")
        above = nodes.get(parent) if isinstance(parent, int) and parent < event.seq else None
        (above or root).children.append(nodes[event.seq])
    return root
