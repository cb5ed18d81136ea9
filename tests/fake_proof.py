"""The proof calls of the engine that lives in memory: canned checkpoints and keys over the events it recorded."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from typing import Literal

from provenance.errors import CredentialError, NotFoundError, UsageError
from ui.api import EventRow, RunRow
from ui.proof_api import (
    FORMS,
    ActivityState,
    CheckpointRow,
    CheckpointState,
    Consistency,
    DayRow,
    Erased,
    ExportedFile,
    GuardRow,
    KeyRow,
    MarkRow,
    ProofRow,
    Proofs,
    Replayed,
)

__all__ = ["FakeProof"]

ORIGIN = "wherefrom.invalid/ledger/0011223344556677"


class FakeProof:
    """Mixed into `FakeEngine`, whose events it signs for show."""

    _events: list[EventRow]
    runs: Callable[..., list[RunRow]]
    signed: int = 0  # events that the newest checkpoint covers
    problem: str = ""
    rotated: int = 0

    def checkpoint(self) -> CheckpointRow:
        self.signed = len(self._events)
        return self._checkpoint()

    def checkpoints(self) -> CheckpointState:
        return CheckpointState(
            newest=self._checkpoint() if self.signed else None,
            events=len(self._events),
            kept=1 if self.signed else 0,
            folder="/home/marit/.local/share/wherefrom/checkpoints",
            vkey=self.signing_keys()[-1].vkey,
            problem=self.problem,
        )

    def prove(self, subject: str) -> Proofs:
        found = [event for event in self._events if subject in (event.run, str(event.seq))]
        if not found:
            raise NotFoundError(f"There is no run {subject!r}.")
        made = self.checkpoint()
        rows = [
            ProofRow(seq=e.seq, digest=e.digest, kind=e.kind, run=e.run, path=[], proof="c2sp.org/tlog-proof@v1\n")
            for e in found
        ]
        return Proofs(checkpoint=made.note, size=made.size, vkey=self.signing_keys()[-1].vkey, proofs=rows)

    def consistency(self, old: str, new: str = "") -> Consistency:
        return Consistency(
            ok=True, old_size=int(old), old_root="00" * 32, new_size=len(self._events), new_root="11" * 32
        )

    def signing_keys(self) -> list[KeyRow]:
        ends = ["rotated"] * self.rotated + [""]
        return [
            KeyRow(vkey=f"{ORIGIN}+0000000{n}+AQ==", since="2026-11-21T10:00:00Z", end=end)
            for n, end in enumerate(ends)
        ]

    def rotate_key(self, *, lost: bool = False) -> KeyRow:
        self.rotated += 1
        return self.signing_keys()[-1]

    def activity(self, *, days: int = 30) -> ActivityState:
        runs = self.runs()
        counted = [
            DayRow(day=row.at[:10], kind=row.kind, model=row.model, outcome=_outcome(row), count=1) for row in runs
        ]
        guards = [GuardRow(ring="input", action="redact", count=2)]
        marks = [MarkRow(what="texts", state="marked", count=2), MarkRow(what="pictures", state="neither", count=1)]
        return ActivityState(days=counted, guards=guards, marks=marks, models=sorted({row.model for row in runs}))

    def pack(self, run: str, *, private: bool = True) -> ExportedFile:
        return ExportedFile(name=f"wherefrom-{run}.zip", mime="application/zip", data=b"PK" + run.encode())

    def export(self, run: str, form: str, *, private: bool = True) -> ExportedFile:
        if self.problem:
            raise CredentialError(self.problem)
        note = "a signed note" if form == "html" else ""
        return ExportedFile(name=f"wherefrom-{run}.{form}", mime=FORMS[form], data=run.encode(), note=note)

    def replay(self, run: str) -> Replayed:
        return Replayed(run=run, verdict="changed", cause="Other weights: a then, b now.", answer="a", replayed="b")

    def erase(
        self,
        *,
        run: str = "",
        document: str = "",
        names: Sequence[str] = (),
        requested_by: str = "",
        reason: str = "",
        dry_run: bool = False,
    ) -> Erased:
        if not dry_run and not (requested_by and reason):
            raise UsageError("An erasure says by whose request and why.")
        found = [event for event in self._events if event.run == run]
        if run and not found:
            raise NotFoundError(f"There is no run {run!r}.")
        if not dry_run:
            for event in found:
                self._events[event.seq - 1] = event.model_copy(update={"contents": dict.fromkeys(event.contents)})
        scope: Literal["run", "document", "person"] = "run" if run else "document" if document else "person"
        taken = sum(len(event.contents) for event in found)
        done = "" if dry_run else "r-erasure"
        return Erased(dry_run=dry_run, scope=scope, of=run, run=done, contents=taken, runs=[run], answers=1)

    def _checkpoint(self) -> CheckpointRow:
        root = hashlib.sha256(str(self.signed).encode()).digest()
        note = f"{ORIGIN}\n{self.signed}\n{base64.b64encode(root).decode()}\n\n— {ORIGIN} AAAA\n"
        return CheckpointRow(
            size=self.signed, root=root.hex(), origin=ORIGIN, note=note, code="WF-1-0000", at="2026-11-21T10:00:00Z"
        )


def _outcome(row: RunRow) -> str:
    return "refused" if row.refused else "answered" if row.state == "done" else row.state
