"""One ingest job from its first file to its last: read, embed, write, record."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row

from provenance.errors import AppError, DocumentError
from retrieval.adding import Adder, ReadFile
from retrieval.background import Background
from retrieval.jobs import FINAL, FileTask, Job, JobFile, JobState, JobTable
from retrieval.library import Library
from retrieval.membership import put_if_there
from retrieval.objects import Cancelled
from retrieval.parser import ParsingStopped
from retrieval.reading import FileReader, Known
from retrieval.walk import safe_name, walk

__all__ = ["JobRun", "Progress"]

_ASK_S = 0.5  # how often the database is asked whether another process wants the job stopped


class Progress:
    """What is going on in a job at this moment, beyond what the database knows. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[int, JobFile] = {}
        self._passages: dict[int, int] = {}  # done, of a file that is being embedded
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the job was taken up."""
        return time.monotonic() - self._started

    def note(self, n: int, **change: Any) -> None:
        """Something about file `n` has changed."""
        done = change.pop("passages_done", None)
        with self._lock:
            self._files[n] = replace(self._files.get(n, JobFile(path="", status="waiting")), **change)
            if done is not None:
                self._passages[n] = done

    def over(self, job: Job) -> Job:
        """What the database knows, with this laid over it."""
        with self._lock:
            live, passages = dict(self._files), dict(self._passages)
        files = []
        pages_done = passages_done = passages_total = 0
        for n, file in enumerate(job.files):
            now = live.get(n)
            if file.status not in FINAL and now is not None:
                file = replace(now, path=file.path)
                passages_done += passages.get(n, 0)
            else:
                passages_done += file.passages
            pages_done += file.pages
            passages_total += file.passages
            files.append(file)
        return replace(
            job,
            pages_done=pages_done,
            passages_done=passages_done,
            passages_total=passages_total,
            seconds=job.seconds + self.seconds,
            files=files,
        )


class JobRun:
    """Works on one job, in the ingest thread. `stop` ends it within about a second."""

    def __init__(
        self,
        library: Library,
        table: JobTable,
        row: Row[Any],
        *,
        max_file_mib: int,
        pause: Callable[[], bool] | None,
        background: Background,
        closing: threading.Event,
    ) -> None:
        self.job: str = row.id
        self.stop = threading.Event()
        self.progress = Progress()
        self._library = library
        self._table = table
        self._row = row
        self._max_file_mib = max_file_mib
        self._closing = closing
        self._adder = Adder(library, run=row.run, stop=self.stop, pause=pause, background=background)
        self._asked = 0.0

    def execute(self) -> Job | None:
        """Work until the job is finished or the program closes; the failed job, if that could not be written down."""
        try:
            if not self._start():
                return None
            self._files()
            if self._closing.is_set() and self.stop.is_set():
                return None  # the next start takes it up
            self._finish("stopped" if self.stop.is_set() else "done")
        except AppError as exc:
            return self._fail(exc)
        except Exception as exc:  # noqa: BLE001 -- the border of the thread: a bug must not end every later ingest
            return self._fail(AppError(f"Something unexpected went wrong: {exc!r}.", hint="Please report this."))
        return None

    def _start(self) -> bool:
        """False if somebody stopped the job before it began."""
        with self._library.database.write() as conn:
            return self._table.begin(conn, self.job)

    def _files(self) -> None:
        if self._closing.is_set() or self._wants_stop():
            self.stop.set()
        try:
            tasks = self._begin()
        except Cancelled:
            return
        reader = FileReader(
            self._library,
            tasks,
            stop=self.stop,
            on_start=lambda task: self.progress.note(task.n, status="reading"),
            on_page=self._page_read,
            max_file_mib=self._max_file_mib,
        )
        with contextlib.closing(reader.results()) as results:
            try:
                for task, result in results:
                    self._take(task, result)
            except (Cancelled, ParsingStopped):
                self.stop.set()
            except BaseException:
                self.stop.set()  # or closing the reader would wait for a file that nobody wants
                raise

    def _begin(self) -> list[FileTask]:
        """Record that the job begins, find out what its paths mean, and list what is to do."""
        library, table = self._library, self._table
        resumed = self._row.state == "running"
        if not self._row.walked:
            found = [one for root in table.roots(self._row) for one in walk(root, stop=self.stop)]
            with library.database.write() as conn:
                table.add_found(conn, self.job, found)
        with library.database.read() as conn:
            tasks = table.tasks(conn, self.job)
            named = [safe_name(root) for root in table.roots(self._row)] or [task.name for task in tasks]
        library.ledger.append(
            kind="ingest",
            run=self._row.run,
            body={"job": self.job, "files": len(tasks), "resumed": resumed} | self._destination(),
            contents={"paths": "\n".join(named)},
        )
        return tasks

    def _destination(self) -> dict[str, int]:
        return {} if self._row.collection is None else {"collection": self._row.collection}

    def _take(self, task: FileTask, result: ReadFile | Known | AppError) -> None:
        """One file that was read: into the library, or its failure into the job."""

        def settle(conn: Connection, outcome: JobFile) -> None:
            self._table.settle(conn, self.job, task.n, outcome)
            if self._row.collection is not None and outcome.document_id is not None:
                put_if_there(conn, self._row.collection, outcome.document_id)

        def advance(done: int, total: int) -> None:
            self.progress.note(task.n, status="embedding", passages=total, passages_done=done)
            self._wants_stop()

        try:
            if isinstance(result, AppError):
                raise result
            if isinstance(result, Known):
                outcome = self._adder.unchanged(result.origin, result.name, result.path, result.digest, settle)
            else:
                advance(0, 0)
                outcome = self._adder.add(result, settle, advance)
        except DocumentError as exc:
            outcome = self._failed(task, exc)
        self.progress.note(task.n, **{name: getattr(outcome, name) for name in ("status", "pages", "passages")})

    def _failed(self, task: FileTask, error: DocumentError) -> JobFile:
        outcome = JobFile(path=task.name, status="failed", reason=str(error), hint=error.hint)
        with self._library.database.write() as conn:
            self._table.settle(conn, self.job, task.n, outcome)
            self._library.ledger.append_within(
                conn,
                kind="error",
                run=self._row.run,
                body={"job": self.job, "file": task.n, "error": type(error).__name__},
                contents={"path": task.name, "message": str(error)},
            )
        return outcome

    def _page_read(self, task: FileTask, done: int, _total: int) -> None:
        self.progress.note(task.n, pages=done)
        self._wants_stop()

    def _wants_stop(self) -> bool:
        """Ask the database now and then: another process may have been told to stop this job."""
        if not self.stop.is_set() and time.monotonic() - self._asked > _ASK_S:
            self._asked = time.monotonic()
            with self._library.database.read() as conn:
                if self._table.stop_requested(conn, self.job):
                    self.stop.set()
        return self.stop.is_set()

    def _finish(self, state: JobState, error: AppError | None = None) -> None:
        reason, hint = ("", "") if error is None else (f"The job ended: {error}", error.hint)
        with self._library.database.write() as conn:
            self._table.settle_rest(conn, self.job, reason=reason, hint=hint)
            counts = self._table.statuses(conn, self.job)
        self._clean_up(state, counts)  # before the job is told finished: who then looks finds nothing left over
        with self._library.database.write() as conn:
            self._table.finish(conn, self.job, state, seconds=self.progress.seconds)
            self._library.ledger.append_within(
                conn,
                kind="ingest_done",
                run=self._row.run,
                body={"job": self.job, "state": state, "seconds": round(self.progress.seconds, 3), "files": counts},
                contents={} if error is None else {"error": str(error)},
            )

    def _clean_up(self, state: JobState, counts: Mapping[str, int]) -> None:
        if counts.get("failed") or counts.get("stopped"):
            self._library.sweep_originals()
        if state != "done":
            self._library.drop_unused_vectors()

    def _fail(self, error: AppError) -> Job | None:
        try:
            self._finish("failed", error)
        except AppError:  # the same full disk, most likely: it is known here, and the next start tries the job again
            return self._lost(error)
        return None

    def _lost(self, error: AppError) -> Job:
        job = Job(id=self.job, run=self._row.run, state="failed", files_total=0, files_done=0)
        with contextlib.suppress(AppError), self._library.database.read() as conn:
            job = self.progress.over(self._table.job(conn, self.job) or job)
        files = [
            file
            if file.status in FINAL
            else replace(file, status="stopped", reason=f"The job ended: {error}", hint=error.hint)
            for file in job.files
        ]
        return replace(job, state="failed", files=files, files_done=len(files))
