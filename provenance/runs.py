"""The list of runs, newest first, read straight from the ledger's indexes: nothing derived is stored that could differ.

A run is one message and all it caused. Its first event says what it is ("request": a question, "ingest": files); the
last "answer", "stopped", "error" or "ingest_done" says how it ended. Keys of bodies that are understood here, all
optional: `task` of a request (what kind of run, default "ask"), `model` of a model_call or an end (text, or an object
with `name`), `refused` of an answer, `action` of a guard ("block" marks the run).
The title is the private content "question", or "files" or "paths" (a JSON list, or lines), of the first event.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import Connection, Row, func, select

from provenance.database import Database
from provenance.tables import ledger_content, ledger_entry

__all__ = ["ENDS", "RunSummary", "State", "list_runs", "summarise"]

State = Literal["running", "done", "stopped", "failed", "interrupted"]

ERASED = "(erased)"
ENDS: dict[str, State] = {"answer": "done", "stopped": "stopped", "error": "failed", "ingest_done": "done"}
_STARTS = ("request", "ingest")
_TITLES = ("question", "files", "paths")
_ABANDONED_AFTER = timedelta(minutes=10)
_PAGE = 200  # runs read at a time
_MAX_TITLE = 200  # characters


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSummary:
    """One line of the audit list."""

    run: str
    kind: str
    at: str
    title: str
    model: str
    refused: bool
    blocked: bool
    events: int
    state: State


def list_runs(
    database: Database,
    *,
    limit: int = 100,
    kind: str | None = None,
    text: str | None = None,
    live: Collection[str] | None = None,
    among: Collection[str] | None = None,
    model: str | None = None,
) -> list[RunSummary]:
    """The newest runs first, at most `limit`.

    Args:
        kind: Only runs of this kind ("ask", "ingest" ...).
        text: Only runs whose title holds this, in whatever case, or whose id starts with it.
        live: Ids of the runs that are really being worked on. Without it, a run without an end counts as running while
            its last event is younger than ten minutes, then as interrupted.
        among: Only these runs.
        model: Only runs of this model.
    """
    found: list[RunSummary] = []
    with database.read() as conn:
        candidates = _candidates(conn, kind, text)
        if among is not None:
            candidates = (run for run in candidates if run in among)
        while len(found) < limit and (page := list(islice(candidates, _PAGE))):
            found += [
                one
                for one in summarise(conn, page, live=live)
                if kind in (None, one.kind) and model in (None, one.model)
            ]
    return found[:limit]


def summarise(conn: Connection, runs: Sequence[str], *, live: Collection[str] | None = None) -> list[RunSummary]:
    """One summary a run, in the order given; unknown runs are left out. At most a few hundred at a time."""
    run, kind, seq = ledger_entry.c.run, ledger_entry.c.kind, ledger_entry.c.seq
    numbers = (func.count().label("events"), func.min(seq).label("first"), func.max(seq).label("last"))
    kinds: dict[str, list[Row[Any]]] = {}
    for row in conn.execute(select(run, kind, *numbers).where(run.in_(runs)).group_by(run, kind)):
        kinds.setdefault(row.run, []).append(row)
    firsts = {name: min(row.first for row in rows) for name, rows in kinds.items()}
    told = {row.last for rows in kinds.values() for row in rows if row.kind in ENDS or row.kind == "model_call"}
    told |= {max(row.last for row in rows) for rows in kinds.values()} | set(firsts.values())
    events = {row.seq: row for row in conn.execute(select(ledger_entry).where(seq.in_(told)))}
    titles = _titles(conn, list(firsts.values()))
    blocked = _blocked(conn, runs)
    return [
        _summary(
            [events[row.last] for row in kinds[name] if row.last in events],
            first=events[firsts[name]],
            title=titles.get(firsts[name], ""),
            blocked=name in blocked,
            count=sum(row.events for row in kinds[name]),
            live=live,
        )
        for name in dict.fromkeys(runs)
        if name in kinds
    ]


def _summary(
    newest: Sequence[Row[Any]],
    *,
    first: Row[Any],
    title: str,
    blocked: bool,
    count: int,
    live: Collection[str] | None,
) -> RunSummary:
    """`newest` holds the last event of each kind that tells something about a run."""
    # An ingest goes on after a file that could not be read: an error about one file is not its end.
    ends = [row for row in newest if row.kind in ENDS and not (row.kind == "error" and "file" in json.loads(row.body))]
    ends.sort(key=lambda row: row.seq)
    end = ends[-1] if ends else None
    calls = [row for row in newest if row.kind == "model_call"]
    last = json.loads(end.body) if end is not None else {}
    body = json.loads(first.body)
    return RunSummary(
        run=first.run,
        kind=str(body.get("task", "ask")) if first.kind == "request" else first.kind,
        at=first.at,
        title=title or first.kind.replace("_", " "),
        model=next((name for row in calls if (name := _model(json.loads(row.body)))), _model(last)),
        refused=last.get("refused") is True,
        blocked=blocked,
        events=count,
        state=_state(first, end, max(row.at for row in newest), live),
    )


def _state(first: Row[Any], end: Row[Any] | None, last_at: str, live: Collection[str] | None) -> State:
    if end is not None:
        said = json.loads(end.body).get("state") if end.kind == "ingest_done" else None
        return said if said in ("stopped", "failed") else ENDS[end.kind]
    if first.kind not in _STARTS:
        return "done"  # a single fact (a document removed, an erasure), not a piece of work
    if live is not None:
        return "running" if first.run in live else "interrupted"
    fresh = datetime.now(UTC) - datetime.fromisoformat(last_at) < _ABANDONED_AFTER
    return "running" if fresh else "interrupted"


def _model(body: dict[str, Any]) -> str:
    model = body.get("model", "")
    return str(model.get("name", "")) if isinstance(model, dict) else str(model or "")


def _titles(conn: Connection, seqs: Sequence[int]) -> dict[int, str]:
    query = select(ledger_content).where(ledger_content.c.seq.in_(seqs), ledger_content.c.name.in_(_TITLES))
    return {row.seq: ERASED if row.erased_at else _title(row.name, row.text or "") for row in conn.execute(query)}


def _title(name: str, content: str) -> str:
    line = _line(name, content)
    return line if len(line) <= _MAX_TITLE else line[: _MAX_TITLE - 1] + "…"


def _line(name: str, content: str) -> str:
    """A question or a list of files on one line."""
    if name != "question":
        names = content.splitlines()
        with contextlib.suppress(ValueError):
            names = [str(found) for found in json.loads(content)]
        content = ", ".join(found.strip() for found in names if found.strip())
    return " ".join(content.split())


def _blocked(conn: Connection, runs: Sequence[str]) -> set[str]:
    # In canonical JSON a quote inside a text is escaped, so this finds the key with this value and nothing else.
    query = (
        select(ledger_entry.c.run)
        .where(ledger_entry.c.run.in_(runs), ledger_entry.c.kind == "guard")
        .where(ledger_entry.c.body.contains('"action":"block"', autoescape=True))
    )
    return set(conn.execute(query.distinct()).scalars())


def _candidates(conn: Connection, kind: str | None, text: str | None) -> Iterator[str]:
    """Run ids, newest first, each once; perhaps some that the filters will still drop."""
    if text and text.startswith("r-"):
        found = _by_id(conn, text)
    elif text:
        found = _by_title(conn, text.casefold())
    elif kind is not None:
        found = _by_kind(conn, sorted({kind, "request"}))
    else:
        found = _by_id(conn, "")
    seen: set[str] = set()
    for run in found:
        if run not in seen:
            seen.add(run)
            yield run


def _by_id(conn: Connection, prefix: str) -> Iterator[str]:
    """Ids sort by time, so the index is walked from its end, one hop a run however many events it has."""
    hop = sa.text(
        "WITH RECURSIVE hop(run) AS (SELECT max(run) FROM ledger_entry WHERE run < :before "
        "UNION ALL SELECT (SELECT max(run) FROM ledger_entry WHERE run < hop.run) FROM hop WHERE hop.run IS NOT NULL "
        "LIMIT :page) SELECT run FROM hop WHERE run >= :prefix"
    )
    before = prefix + "\U0010ffff"
    while page := list(conn.execute(hop, {"before": before, "page": _PAGE, "prefix": prefix}).scalars()):
        yield from page
        before = page[-1]


def _by_kind(conn: Connection, kinds: Sequence[str]) -> Iterator[str]:
    query = select(ledger_entry.c.run).where(ledger_entry.c.kind.in_(kinds)).order_by(ledger_entry.c.seq.desc())
    yield from conn.execute(query).scalars()


def _by_title(conn: Connection, folded: str) -> Iterator[str]:
    """Compared in Python: SQLite folds the case of ASCII only."""
    query = (
        select(ledger_entry.c.run, ledger_content.c.name, ledger_content.c.text)
        .join(ledger_entry, ledger_entry.c.seq == ledger_content.c.seq)
        .where(ledger_content.c.name.in_(_TITLES), ledger_content.c.text.is_not(None))
        .order_by(ledger_content.c.seq.desc())
    )
    for row in conn.execute(query):
        if folded in _line(row.name, row.text).casefold():
            yield row.run
