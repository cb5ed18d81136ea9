"""The ledger, readable: runs, records, events, and whether all of it still stands."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from provenance import record as records
from provenance.errors import UsageError
from ui.api import EventRow, Record, RunRow, Verification
from ui.engine.calls.asking import stored_answer
from ui.engine.calls.base import Calls

if TYPE_CHECKING:
    from provenance.record import RecordedEvent, RunSummary

__all__ = ["AuditCalls"]

MOST_ROWS = 10_000


class AuditCalls(Calls):
    """`runs` to `verify` of `EngineApi`."""

    def runs(self, *, limit: int = 100, kind: str | None = None, text: str | None = None) -> list[RunRow]:
        """The newest first."""
        _bounded(limit)
        found = records.runs(self.parts.ledger, limit=limit, kind=kind, text=text, live=self._live())
        return [_run(row) for row in found]

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

    def verify(self) -> Verification:
        """Walk the whole ledger."""
        found = self.parts.ledger.verify()
        return Verification(
            ok=found.ok,
            events=found.events,
            head=found.head,
            first_bad=found.first_bad,
            reason=found.reason or " ".join(found.notes),
            seconds=found.seconds,
        )

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
