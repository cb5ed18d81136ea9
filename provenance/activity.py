"""What was made, by which model, and what was blocked, counted by day: read from the ledger, kept nowhere else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, select

from provenance.database import Database
from provenance.runs import RunSummary, list_runs
from provenance.tables import ledger_entry

__all__ = ["Activity", "DayCount", "GuardCount", "MarkCount", "activity", "runs_with"]

MarkState = Literal["marked", "signed", "marked and signed", "neither"]

MOST_RUNS = 5000


@dataclass(frozen=True, kw_only=True, slots=True)
class DayCount:
    """Runs of one day that are alike."""

    day: str  # YYYY-MM-DD, UTC
    kind: str
    model: str
    outcome: str  # "answered", "refused", "blocked", or how it ended
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardCount:
    """Decisions of one guard."""

    ring: str
    action: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkCount:
    """Things of one kind that left alike."""

    what: str  # "texts", "pictures", "outlines" or "reports"
    state: MarkState
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Activity:
    """The last days. `signed` counts files that left with a signature."""

    days: list[DayCount] = field(default_factory=list)
    guards: list[GuardCount] = field(default_factory=list)
    marks: list[MarkCount] = field(default_factory=list)
    signed: int = 0
    models: list[str] = field(default_factory=list)


def activity(database: Database, *, days: int = 30) -> Activity:
    """Counts of the last `days` days; of very busy ones the newest 5,000 runs."""
    since = f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}"
    runs = [run for run in list_runs(database, limit=MOST_RUNS) if run.at >= since]
    counts = Counter((run.at[:10], run.kind, run.model, _outcome(run)) for run in runs)
    with database.read() as conn:
        guards = _guards(conn, since)
        marks = _marks(conn, since)
    return Activity(
        days=[
            DayCount(day=day, kind=kind, model=model, outcome=outcome, count=count)
            for (day, kind, model, outcome), count in sorted(counts.items())
        ],
        guards=[GuardCount(ring=ring, action=action, count=count) for (ring, action), count in sorted(guards.items())],
        marks=[MarkCount(what=what, state=state, count=count) for (what, state), count in sorted(marks.items())],
        signed=sum(count for (_what, state), count in marks.items() if "signed" in state),
        models=sorted({run.model for run in runs if run.model}),
    )


def runs_with(database: Database, *, document: str = "", guard: str = "") -> set[str]:
    """Runs in which a document was given or cited (by SHA-256), or in which a guard decided so; both where both."""
    found: set[str] | None = None
    with database.read() as conn:
        for text, kind in ((document, None), (f'"action":"{guard}"' if guard else "", "guard")):
            if not text:
                continue
            query = select(ledger_entry.c.run).where(ledger_entry.c.body.contains(text, autoescape=True)).distinct()
            if kind is not None:
                query = query.where(ledger_entry.c.kind == kind)
            runs = set(conn.execute(query).scalars())
            found = runs if found is None else found & runs
    return found or set()


def _outcome(run: RunSummary) -> str:
    if run.blocked:
        return "blocked"
    if run.refused:
        return "refused"
    return "answered" if run.kind == "ask" and run.state == "done" else run.state


def _guards(conn: Connection, since: str) -> Counter[tuple[str, str]]:
    bodies = (json.loads(body) for body in _bodies(conn, "guard", since))
    return Counter((str(body.get("ring", "")), str(body.get("action", ""))) for body in bodies)


def _marks(conn: Connection, since: str) -> Counter[tuple[str, MarkState]]:
    """What left with which mark. A text has no file to sign; whether it leans on the key's words, its answer says."""
    found: Counter[tuple[str, MarkState]] = Counter()
    drawn = delivered = 0
    for body in map(json.loads, _bodies(conn, "answer", since)):
        if body.get("task") == "image":
            drawn += len(body.get("pictures", ()))
        elif body.get("artifacts"):
            drawn += sum(one.get("kind") == "image" for one in body["artifacts"])
        elif body.get("task") is None and not body.get("refused"):
            found["texts", "marked" if body.get("text_mark") else "neither"] += 1
    for body in map(json.loads, _bodies(conn, "mark", since)):
        if body.get("mime") == "image/svg+xml":
            found["outlines", "signed"] += 1
        else:
            delivered += 1
            found["pictures", "marked and signed" if body.get("image_mark") else "signed"] += 1
    if drawn > delivered:
        found["pictures", "neither"] = drawn - delivered  # from before marks were put on record, or without a key
    if reports := len(list(_bodies(conn, "export", since))):
        found["reports", "signed"] = reports
    return found


def _bodies(conn: Connection, kind: str, since: str) -> Iterable[str]:
    query = select(ledger_entry.c.body).where(ledger_entry.c.kind == kind, ledger_entry.c.at >= since)
    return conn.execute(query).scalars()
