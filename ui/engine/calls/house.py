"""The house about itself: state, doctor, backends, models, cards."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from provenance.errors import CredentialError, LedgerCorruptError, RetrievalError
from ui.api import BackendRow, Check, EngineState, ModelRow
from ui.cards import card, card_names
from ui.doctor import check, local_checks
from ui.engine.calls.base import Calls
from ui.engine.info import build_id
from ui.inventory import backend_rows, model_rows

__all__ = ["HouseCalls"]

SECRET = {"password", "openai_key"}


class HouseCalls(Calls):
    """`state` to `card` of `EngineApi`."""

    def state(self) -> EngineState:
        """What the System page shows. Starts nothing."""
        import psutil

        parts = self.parts
        me = psutil.Process()
        worker = self._worker()
        counts = parts.library.counts()
        began = datetime.fromtimestamp(me.create_time(), UTC)
        return EngineState(
            version=build_id(),
            pid=os.getpid(),
            started_at=began.isoformat(timespec="seconds").replace("+00:00", "Z"),
            home=str(parts.settings.home),
            memory_bytes=me.memory_info().rss,
            model=parts.settings.model if parts.settings.backend != "fake" else "fake-1",
            model_loaded=bool(getattr(worker, "loaded", False)),
            model_pid=getattr(worker, "pid", None),
            model_memory_bytes=getattr(worker, "memory_bytes", 0) or 0,
            threads=getattr(worker, "threads", 0) or 0,
            documents=counts.documents,
            passages=counts.passages,
            jobs_running=sum(job.state in ("waiting", "running") for job in parts.ingestor.jobs()),
            runs_running=len(parts.board.running()),
            settings=parts.settings.model_dump(mode="json", exclude=SECRET),
        )

    def doctor(self, *, full: bool = False) -> list[Check]:
        """From outside and from inside. `full` re-reads weights and originals, and starts the model."""
        stop = "End the engine with `wherefrom engine stop` and try again."
        return [
            *local_checks(self.parts.settings, full=full),
            check("ledger", self._ledger, "Compare with a backup; the record of who did what is in doubt."),
            check("library", lambda: self._library(full), "Delete the folder index/; it is built again."),
            check("parser", self._parser, stop),
            check("model", lambda: self._model(full), stop),
        ]

    def backends(self) -> list[BackendRow]:
        """Every installed backend."""
        return backend_rows(self.parts.settings)

    def models(self) -> list[ModelRow]:
        """The catalogue, with what lies on this disk."""
        return model_rows(self.parts.settings)

    def card_names(self) -> list[str]:
        """What there is a card of."""
        return card_names()

    def card(self, name: str) -> str:
        """One card as Markdown."""
        return card(name, self.parts.settings)

    def _worker(self) -> Any:
        """The state of the model's process, where the backend has one and it was used."""
        tell = getattr(self.parts.backend, "state", None) if self.parts.built("backend") else None
        return tell() if callable(tell) else None

    def _ledger(self) -> str:
        found = self.parts.notary.verify()
        if not found.ok:
            raise LedgerCorruptError(found.reason, seq=found.first_bad or 0)
        if self.parts.checkpointing.problem:
            raise CredentialError(self.parts.checkpointing.problem)
        newest = self.parts.notary.newest()
        return f"{found.events} events, whole" + (f", signed up to {newest.size}" if newest else "")

    def _library(self, full: bool) -> str:
        problems = self.parts.library.check(full=full)
        if problems:
            raise RetrievalError(" ".join(problems[:3]))
        return f"{self.parts.library.counts().documents} documents, index equals library"

    def _parser(self) -> str:
        with tempfile.TemporaryDirectory(dir=self.parts.settings.home) as folder:
            path = Path(folder) / "doctor.txt"
            path.write_text("The doctor reads a line.", encoding="utf-8")
            found = self.parts.library.parser.parse(path, path.name)
        return f"reads in a process of its own ({found.kind})"

    def _model(self, full: bool) -> str:
        backend = self.parts.backend
        problem = backend.available()
        if problem:
            raise RetrievalError(problem)
        warm = getattr(backend, "warm", None)
        if full and callable(warm):
            warm()
            return f"{backend.name} starts"
        return f"{backend.name} can run"
