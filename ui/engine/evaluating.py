"""Sets of questions at work: one after the other, behind whatever is asked in the chat, kept in the data folder.

A finished or stopped run is one file, `evaluations/<id>.json`, private. The answers stand in the ledger as any other;
they are in no conversation, so the next question knows nothing of the one before.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.evaluation import Graded, Question, compare, grade, score, set_digest
from agent.updates import Answer
from provenance.errors import AppError, NotFoundError, UsageError
from provenance.ledger import new_run_id
from provenance.whole_file import write_whole
from ui.judging_api import Evaluation, GradedRow, ScoresRow

__all__ = ["AskOne", "Evaluator", "stored_evaluations"]

# Asks one question in a run of this id; raises AppError where there is no answer.
AskOne = Callable[[str, str, threading.Event], Answer]

_KEPT = 50


class Evaluator:
    """One set at a time. Safe for threads."""

    def __init__(self, folder: Path, ask: AskOne, *, record: Callable[[Evaluation], None], model: str) -> None:
        self._folder = folder
        self._ask = ask
        self._record = record
        self._model = model
        self._lock = threading.Lock()
        self._running: Evaluation | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, questions: Sequence[Question], *, name: str) -> Evaluation:
        """Begin.

        Raises:
            UsageError: If one is running.
        """
        with self._lock:
            if self._running is not None:
                raise UsageError("A set of questions is being asked already.", hint="Stop it, or wait for its end.")
            run = new_run_id()
            self._running = Evaluation(
                id=f"e-{run.removeprefix('r-')}",
                run=run,
                name=name or "questions",
                state="running",
                at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
                model=self._model,
                set_sha256=set_digest(questions),
                total=len(questions),
            )
            self._stop.clear()
            self._thread = threading.Thread(target=self._work, args=(list(questions),), name="evaluation", daemon=True)
            begun = self._running
            self._thread.start()
        return begun

    def get(self, id_: str) -> Evaluation:
        """Raises: NotFoundError: There is none of this id."""
        with self._lock:
            if self._running is not None and self._running.id == id_:
                return self._running
        for known in stored_evaluations(self._folder):
            if known.id == id_:
                return known
        raise NotFoundError(f"There is no evaluation {id_[:60]!r}.", hint="The Library page lists them.")

    def all(self) -> list[Evaluation]:
        """The newest first."""
        with self._lock:
            running = [self._running] if self._running is not None else []
        return running + stored_evaluations(self._folder)

    def stop(self, id_: str) -> None:
        """End after the question at hand, which is stopped, too."""
        if self.get(id_).state == "running":
            self._stop.set()

    def busy(self) -> bool:
        """Whether a set is being asked."""
        return self._running is not None

    def close(self) -> None:
        """End within a moment; what was graded is kept."""
        self._stop.set()
        thread = self._thread
        if thread is not None:
            thread.join(timeout=10.0)

    def _work(self, questions: list[Question]) -> None:
        graded: list[Graded] = []
        state = "failed"
        try:
            for question in questions:
                if self._stop.is_set():
                    break
                graded.append(self._one(question))
                self._progress(graded)
            state = "stopped" if len(graded) < len(questions) or self._stop.is_set() else "done"
        finally:
            self._finish(graded, state)

    def _one(self, question: Question) -> Graded:
        run = new_run_id()
        try:
            return grade(question, self._ask(question.question, run, self._stop))
        except AppError as exc:
            return grade(question, None, run=run, problem=str(exc))

    def _progress(self, graded: Sequence[Graded]) -> None:
        with self._lock:
            assert self._running is not None
            update = {"scores": ScoresRow(**asdict(score(graded))), "rows": [_row(one) for one in graded]}
            self._running = self._running.model_copy(update=update)

    def _finish(self, graded: Sequence[Graded], state: str) -> None:
        assert self._running is not None
        update: dict[str, Any] = {"state": state}
        before = self._before(self._running)
        if before is not None and state == "done":
            changes = compare(graded, [(row.question, row.right) for row in before.rows])
            update |= {"compared_with": before.id, "fixed": changes.fixed, "broken": changes.broken}
            update |= {"accuracy_change": changes.accuracy}
        ended = self._running.model_copy(update=update)
        try:
            self._keep(ended)
            self._record(ended)
        finally:
            with self._lock:
                self._running = None

    def _before(self, now: Evaluation) -> Evaluation | None:
        """The last finished run of the same set."""
        same = [one for one in stored_evaluations(self._folder) if one.set_sha256 == now.set_sha256]
        return next((one for one in same if one.state == "done"), None)

    def _keep(self, ended: Evaluation) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        write_whole(self._folder / f"{ended.id}.json", ended.model_dump_json().encode("utf-8"))
        for old in sorted(self._folder.glob("e-*.json"), reverse=True)[_KEPT:]:
            old.unlink(missing_ok=True)


def stored_evaluations(folder: Path) -> list[Evaluation]:
    """What is kept, the newest first; a file that cannot be read is passed over."""
    found = []
    for path in sorted(folder.glob("e-*.json"), reverse=True) if folder.is_dir() else ():
        with contextlib.suppress(OSError, ValidationError, json.JSONDecodeError):
            found.append(Evaluation.model_validate_json(path.read_bytes()))
    return found


def _row(one: Graded) -> GradedRow:
    return GradedRow(
        question=one.question.question,
        wanted=list(one.question.answers),
        unanswerable=one.question.unanswerable,
        answer=one.answer,
        refused=one.refused,
        right=one.right,
        cited=list(one.cited),
        seconds=round(one.seconds, 3),
        run=one.run,
        problem=one.problem,
    )
