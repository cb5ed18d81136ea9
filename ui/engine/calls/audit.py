"""The ledger, readable: runs, records, events."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from provenance import record as records
from provenance.activity import activity, runs_with
from provenance.errors import UsageError
from ui.api import EventRow, Record, RunRow
from ui.engine.calls.asking import stored_answer
from ui.engine.calls.base import Calls
from ui.proof_api import ActivityState

if TYPE_CHECKING:
    from provenance.record import RecordedEvent, RunSummary

__all__ = ["AuditCalls"]

MOST_ROWS = 10_000


class AuditCalls(Calls):
    """`runs` to `events` of `EngineApi`."""

    def runs(
        self,
        *,
        limit: int = 100,
        kind: str | None = None,
        text: str | None = None,
        model: str | None = None,
        guard: str | None = None,
        document: str | None = None,
    ) -> list[RunRow]:
        """The newest first."""
        _bounded(limit)
        among = None
        if guard or document:
            among = runs_with(self.parts.database, guard=guard or "", document=(document or "").lower())
        ledger, live = self.parts.ledger, self._live()
        found = records.runs(ledger, limit=limit, kind=kind, text=text, live=live, among=among, model=model)
        return [_run(row) for row in found]

    def activity(self, *, days: int = 30) -> ActivityState:
        """Counts by day, model, outcome and guard decision."""
        if not 1 <= days <= 3660:
            raise UsageError("Between 1 and 3,660 days can be counted.")
        return ActivityState.model_validate(dataclasses.asdict(activity(self.parts.database, days=days)))

    def record(self, run: str) -> Record:
        """Everything a run caused."""
        found = records.record(self.parts.ledger, run, live=self._live())
        message = self.parts.conversations.find(run)
        return Record(
            run=_run(found.run),
            events=[_event(event) for event in found.events],
            answer=stored_answer(message) if message is not None else None,
        )

    def events(self, *, after: int = 0, limit: int = 1000) -> list[EventRow]:
        """Entries with seq > after, oldest first."""
        _bounded(limit)
        entries = self.parts.ledger.entries(after=after, limit=limit, contents=True)
        return [_event(records.readable(entry)) for entry in entries]

    def _live(self) -> list[str]:
        """Runs that are being worked on: answers on the board, ingests in the queue."""
        jobs = self.parts.ingestor.jobs()
        return self.parts.board.running() + [job.run for job in jobs if job.state in ("waiting", "running")]


def _bounded(limit: int) -> None:
    if not 1 <= limit <= MOST_ROWS:
        raise UsageError(f"Between 1 and {MOST_ROWS:,} rows can be asked for.")


def _run(row: RunSummary) -> RunRow:
    return RunRow(**dataclasses.asdict(row))


def _event(event: RecordedEvent) -> EventRow:
    return EventRow(
        seq=event.seq,
        at=event.at,
        run=event.run,
        kind=event.kind,
        digest=event.digest,
        body=event.body,
        contents=event.contents,
    )
